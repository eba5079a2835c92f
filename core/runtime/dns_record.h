// SPDX-License-Identifier: Apache-2.0
/*
 * DNS data, from wire format to what hooks see. Pure, and made for hostile answers: whatever is
 * malformed is dropped, a record at a time if possible; names become text in which every byte that
 * is not usual in host names is escaped. RFC 1035 3 and 4, 2782, 6698, 9499.
 */
#ifndef GP_RUNTIME_DNS_RECORD_H
#define GP_RUNTIME_DNS_RECORD_H

#include "core/base/arena.h"
#include "core/hook/runtime.h"

#define GP__DNS_NAME_MAX 253

/* Whether it can be asked for: labels of 1 to 63 letters, digits, "-" and "_", 253 bytes in all,
 * one dot may follow. "" and "." are not. */
bool gp__dns_name_valid(struct gp_slice name);

/*
 * Reads the answer to a question out of a packet, following CNAMEs: 0 with records, GP_ENOTFOUND
 * (nxdomain is set or not), or GP_ETEMP (any other rcode, malformed). *answer_r is in the arena,
 * and there after 0 and GP_ENOTFOUND; at most GP__DNS_RECORDS_MAX records.
 */
int gp__dns_parse(struct gp__arena *arena, struct gp_slice packet, enum gp_dns_type type,
                  bool secure, struct gp_dns_answer **answer_r);

#endif
