// SPDX-License-Identifier: Apache-2.0
/* Settings of the resolver. The questions themselves are the runtime's `dns` operation. */
#ifndef GP_RUNTIME_DNS_H
#define GP_RUNTIME_DNS_H

#include <gatepost/slice.h>
#include <stdint.h>

enum gp__dns_source {
    GP__DNS_SYSTEM = 0, /* the servers of /etc/resolv.conf, and /etc/hosts */
    GP__DNS_SERVERS,    /* those given */
    GP__DNS_RECURSIVE,  /* none: asks the authoritative servers itself */
};

enum gp__dnssec {
    GP__DNSSEC_AUTO = 0, /* on when recursive and there is a root key: many forwarders strip the
                          * signatures, and every answer would be bogus */
    GP__DNSSEC_ON,       /* without a root key every question fails */
    GP__DNSSEC_OFF,
};

/* Zeroed: the defaults. */
struct gp__dns_options {
    enum gp__dns_source source;
    const struct gp_slice *servers; /* addresses, "@53" or another port may follow */
    size_t n_servers;
    enum gp__dnssec dnssec;
    struct gp_slice root_key;   /* absent: where the system has it */
    struct gp_slice hosts_file; /* absent: /etc/hosts; with GP__DNS_SERVERS: none */
    uint64_t timeout_ms;        /* of a question: 10,000 */
};

#endif
