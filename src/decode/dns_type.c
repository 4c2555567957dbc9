/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of DNS record types (IANA, Domain Name System Parameters). Runs in every process that prints them. */
#include "decode/dns_type.h"

#include "base/cleanup.h"

const char *dns_type_name(unsigned type)
{
        static const char *const low[] = {
                [1] = "A",           [2] = "NS",     [3] = "MD",     [4] = "MF",     [5] = "CNAME",   [6] = "SOA",
                [7] = "MB",          [8] = "MG",     [9] = "MR",     [10] = "NULL",  [11] = "WKS",    [12] = "PTR",
                [13] = "HINFO",      [14] = "MINFO", [15] = "MX",    [16] = "TXT",   [17] = "RP",     [18] = "AFSDB",
                [24] = "SIG",        [25] = "KEY",   [28] = "AAAA",  [29] = "LOC",   [33] = "SRV",    [35] = "NAPTR",
                [36] = "KX",         [37] = "CERT",  [38] = "A6",    [39] = "DNAME", [41] = "OPT",    [42] = "APL",
                [43] = "DS",         [44] = "SSHFP", [46] = "RRSIG", [47] = "NSEC",  [48] = "DNSKEY", [50] = "NSEC3",
                [51] = "NSEC3PARAM", [52] = "TLSA",  [64] = "SVCB",  [65] = "HTTPS", [99] = "SPF",
        };

        switch (type) {
        case 249:
                return "TKEY";
        case 250:
                return "TSIG";
        case DNS_TYPE_IXFR:
                return "IXFR";
        case DNS_TYPE_AXFR:
                return "AXFR";
        case DNS_TYPE_ANY:
                return "ANY";
        case 256:
                return "URI";
        case 257:
                return "CAA";
        default:
                return type < ELEMENTSOF(low) && low[type] ? low[type] : "other";
        }
}
