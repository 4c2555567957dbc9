/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of DNS record types, for text that people read. */
#ifndef SEKIMORI_DECODE_DNS_TYPE_H
#define SEKIMORI_DECODE_DNS_TYPE_H

/* IANA's registry of resource record types; those that detectors speak of. */
enum dns_type {
        DNS_TYPE_A = 1,
        DNS_TYPE_NS = 2,
        DNS_TYPE_CNAME = 5,
        DNS_TYPE_SOA = 6,
        DNS_TYPE_NULL = 10,
        DNS_TYPE_PTR = 12,
        DNS_TYPE_MX = 15,
        DNS_TYPE_TXT = 16,
        DNS_TYPE_AAAA = 28,
        DNS_TYPE_SRV = 33,
        DNS_TYPE_OPT = 41,
        DNS_TYPE_HTTPS = 65,
        DNS_TYPE_IXFR = 251,
        DNS_TYPE_AXFR = 252,
        DNS_TYPE_ANY = 255,
};

/* "MX"; a static string; "other" for what has no name here. */
const char *dns_type_name(unsigned type);

#endif
