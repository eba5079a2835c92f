// SPDX-License-Identifier: Apache-2.0
/* A descriptor with one thing wrong, as the build defines it. */
#include <gatepost/plugin.h>

#ifndef T_MAGIC
#define T_MAGIC GP_ABI_MAGIC
#endif
#ifndef T_SIZE
#define T_SIZE sizeof(struct gp_plugin)
#endif
#ifndef T_MAJOR
#define T_MAJOR GP_ABI_MAJOR
#endif
#ifndef T_MINOR
#define T_MINOR GP_ABI_MINOR
#endif
#ifndef T_NAME
#define T_NAME GP_TEXT(GP_PLUGIN_NAME)
#endif
#ifndef T_SECOND_HOOK
#define T_SECOND_HOOK GP_HOOK_MAIL
#endif
#ifndef T_NEEDS
#define T_NEEDS 0
#endif
#ifndef T_OPTION_OFFSET
#define T_OPTION_OFFSET 0
#endif

static enum gp_verdict on_any(struct gp_call *call, void *self)
{
    (void)call;
    (void)self;
    return GP_NEXT;
}

static const struct gp_hook hooks[] = {
    {GP_HOOK_CONNECT, on_any}, {T_SECOND_HOOK, on_any}, {.fn = NULL}};

static const struct gp_option options[] = {
    {.name = "number", .type = GP_TYPE_INTEGER, .offset = T_OPTION_OFFSET, .doc = "A number."},
    GP_OPTIONS_END,
};

extern const struct gp_plugin GP_JOIN(GP_PLUGIN_NAME, _LTX_gatepost_plugin);
GP_API const struct gp_plugin GP_JOIN(GP_PLUGIN_NAME, _LTX_gatepost_plugin) = {
    .magic = T_MAGIC,
    .size = T_SIZE,
    .abi_major = T_MAJOR,
    .abi_minor = T_MINOR,
    .option_size = sizeof(struct gp_option),
    .name = T_NAME,
    .version = "1.0",
    .summary = "Has something wrong",
    .options = options,
    .instance_size = 16,
    .hooks = hooks,
    .needs = T_NEEDS,
};
