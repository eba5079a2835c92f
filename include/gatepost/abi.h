// SPDX-License-Identifier: Apache-2.0
/*
 * What host and plugin agree on before either reads anything else of the other.
 *
 * A plugin is accepted when its major is the host's and its minor is not newer. Adding a function,
 * an enum value at the end or a field at the end of a sized struct raises the minor; changing or
 * removing anything raises the major. The changelog of the ABI stands here:
 *
 * 1.0  first version.
 */
#ifndef GATEPOST_ABI_H
#define GATEPOST_ABI_H

#define GP_ABI_MAJOR 1
#define GP_ABI_MINOR 0

/* First four bytes of every descriptor: "GPLG", the same on any byte order that matters to us. */
#define GP_ABI_MAGIC 0x474c5047u

#if defined(__GNUC__)
#define GP_API __attribute__((visibility("default")))
#define GP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define GP_CHECK_RESULT __attribute__((warn_unused_result))
#define GP_PURE __attribute__((pure))
#else
#define GP_API
#define GP_PRINTF(fmt, args)
#define GP_CHECK_RESULT
#define GP_PURE
#endif

#ifdef __cplusplus
#define GP_BEGIN_C extern "C" {
#define GP_END_C }
#else
#define GP_BEGIN_C
#define GP_END_C
#endif

#endif
