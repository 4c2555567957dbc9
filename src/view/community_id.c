/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Community ID version 1 of a flow. Runs wherever events are written as JSON. */
#include "view/community_id.h"

#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/cleanup.h"

/* Messages that ask and their answers: both are of one flow. As in Zeek, from which the specification takes them. */
static bool find_counterpart(uint8_t proto, uint16_t type, uint16_t *ret)
{
        static const uint8_t v4[][2] = {{8, 0}, {13, 14}, {15, 16}, {10, 9}, {17, 18}};
        static const uint8_t v6[][2] = {{128, 129}, {130, 131}, {133, 134}, {135, 136}, {139, 140}, {144, 145}};
        const uint8_t(*pairs)[2] = proto == IPPROTO_ICMP ? v4 : v6;
        size_t n = proto == IPPROTO_ICMP ? ELEMENTSOF(v4) : ELEMENTSOF(v6);

        for (size_t i = 0; i < n; i++)
                for (unsigned side = 0; side < 2; side++)
                        if (pairs[i][side] == type) {
                                *ret = pairs[i][!side];
                                return true;
                        }
        return false;
}

static size_t put_address(uint8_t *out, const struct addr *a, bool v4)
{
        memcpy(out, a->b + (v4 ? 12 : 0), v4 ? 4 : 16);
        return v4 ? 4 : 16;
}

static size_t put_u16(uint8_t *out, uint16_t n)
{
        out[0] = (uint8_t) (n >> 8);
        out[1] = (uint8_t) n;
        return 2;
}

void community_id_format(const struct community_id_tuple *t, char ret[static COMMUNITY_ID_MAX])
{
        bool icmp = t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6;
        bool ports = icmp || t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP || t->proto == IPPROTO_SCTP;
        bool v4 = addr_is_v4(t->src) && addr_is_v4(t->dst), one_way = false;
        struct community_id_tuple f = *t;
        uint8_t bytes[2 + 2 * 16 + 2 + 2 * 2] = {0}, digest[SHA_DIGEST_LENGTH];
        size_t n = 2; /* the seed: 0 */
        int order;

        if (icmp)
                one_way = !find_counterpart(t->proto, t->src_port, &f.dst_port);
        order = memcmp(f.src->b, f.dst->b, sizeof(f.src->b));
        if (!one_way && (order > 0 || (order == 0 && ports && f.src_port > f.dst_port)))
                f = (struct community_id_tuple){f.dst, f.src, f.dst_port, f.src_port, f.proto};
        n += put_address(bytes + n, f.src, v4);
        n += put_address(bytes + n, f.dst, v4);
        bytes[n] = f.proto;
        n += 2;
        if (ports) {
                n += put_u16(bytes + n, f.src_port);
                n += put_u16(bytes + n, f.dst_port);
        }
        SHA1(bytes, n, digest);
        memcpy(ret, "1:", 2);
        EVP_EncodeBlock((unsigned char *) ret + 2, digest, sizeof(digest));
}
