/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS messages (RFC 1035 4) as far as a reply needs it. Runs where mail/reply.h says. Every loop is bounded: records by
 * RECORDS_MAX, a name by its length, since a pointer must lead backwards (RFC 1035 4.1.4: to a prior occurrence). */
#include "mail/reply.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

#define RECORDS_MAX 256u
#define ALIASES_MAX 8u

enum { TYPE_CNAME = 5, TYPE_SOA = 6, CLASS_IN = 1 };
enum { RCODE_NONE = 0, RCODE_NXDOMAIN = 3 };

struct message {
        const uint8_t *data;
        size_t len, at;
};

struct record {
        char owner[REPLY_NAME_MAX];
        size_t data; /* where its data begins */
        uint32_t ttl;
        uint16_t type, class, len;
};

static unsigned be16(const uint8_t *p)
{
        return (unsigned) (p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
        return (uint32_t) be16(p) << 16 | be16(p + 2);
}

/* --- names --- */

/* A byte of a name as it is kept: lower case; what no host's name has becomes '?', which then leads nowhere. */
static char name_byte(uint8_t c)
{
        if (c >= 'A' && c <= 'Z')
                return (char) (c | 0x20);
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '/' ? (char) c : '?';
}

/* The name at *at, which is moved behind it. */
static bool read_name(const struct message *m, size_t *at, char ret[static REPLY_NAME_MAX])
{
        size_t p = *at, n = 0, limit = m->len;
        bool jumped = false;

        for (;;) {
                uint8_t len;

                if (p >= limit)
                        return false;
                len = m->data[p];
                if (len >= 0xc0) {
                        size_t to;

                        if (p + 1 >= limit)
                                return false;
                        to = be16(m->data + p) & 0x3fff;
                        if (!jumped)
                                *at = p + 2;
                        jumped = true;
                        limit = p; /* it must lead backwards, and the next one further still */
                        p = to;
                        continue;
                }
                if (len > 63 || len >= limit - p)
                        return false;
                p++;
                if (len == 0)
                        break;
                if (n + len + 1 >= REPLY_NAME_MAX)
                        return false;
                if (n > 0)
                        ret[n++] = '.';
                for (unsigned i = 0; i < len; i++)
                        ret[n++] = name_byte(m->data[p++]);
        }
        ret[n] = 0;
        if (!jumped)
                *at = p;
        return true;
}

static bool read_record(struct message *m, struct record *ret)
{
        const uint8_t *p;

        if (!read_name(m, &m->at, ret->owner) || m->len - m->at < 10)
                return false;
        p = m->data + m->at;
        ret->type = (uint16_t) be16(p);
        ret->class = (uint16_t) be16(p + 2);
        ret->ttl = be32(p + 4);
        if (ret->ttl > INT32_MAX) /* RFC 2181 8: taken as zero */
                ret->ttl = 0;
        ret->len = (uint16_t) be16(p + 8);
        ret->data = m->at + 10;
        if (m->len - ret->data < ret->len)
                return false;
        m->at = ret->data + ret->len;
        return true;
}

/* --- the answer --- */

static void take(const struct message *m, const struct record *r, enum reply_type type, struct reply *ret)
{
        size_t at = r->data;
        char name[REPLY_NAME_MAX];

        if (type == REPLY_PTR) {
                if (!read_name(m, &at, name) || at > r->data + r->len || !name[0] || strpbrk(name, "?/")) {
                        ret->more = true;
                        return;
                }
                for (unsigned i = 0; i < ret->n; i++)
                        if (strcmp(ret->names[i], name) == 0)
                                return;
                if (ret->n < REPLY_NAMES_MAX)
                        memcpy(ret->names[ret->n++], name, sizeof(name));
                else
                        ret->more = true;
                return;
        }
        if (r->len != (type == REPLY_A ? 4 : 16) || ret->n == REPLY_ADDRS_MAX) {
                ret->more = true;
                return;
        }
        if (type == REPLY_AAAA)
                memcpy(ret->addrs[ret->n++].b, m->data + at, 16);
        else {
                uint32_t v4;

                memcpy(&v4, m->data + at, 4);
                ret->addrs[ret->n++] = addr_from_v4(v4);
        }
}

struct answers {
        struct message m; /* at the first of them */
        unsigned n;
        enum reply_type type;
};

/* What belongs to `owner`: records of the type into *ret, or an alias into it. 1 when there was an alias. */
static int pass(const struct answers *a, char owner[static REPLY_NAME_MAX], struct reply *ret)
{
        struct message m = a->m;
        struct record r;
        char alias[REPLY_NAME_MAX] = "";
        uint32_t alias_ttl = 0;

        for (unsigned i = 0; i < a->n; i++) {
                if (!read_record(&m, &r))
                        return -EBADMSG;
                if (r.class != CLASS_IN || strcmp(r.owner, owner) != 0)
                        continue;
                if (r.type == a->type) {
                        take(&m, &r, a->type, ret);
                        ret->ttl = MIN(ret->ttl, r.ttl);
                } else if (r.type == TYPE_CNAME && !alias[0]) {
                        size_t at = r.data;

                        if (!read_name(&m, &at, alias) || at > r.data + r.len)
                                return -EBADMSG;
                        alias_ttl = r.ttl;
                }
        }
        if (ret->n > 0 || ret->more || !alias[0])
                return 0;
        ret->ttl = MIN(ret->ttl, alias_ttl);
        memcpy(owner, alias, sizeof(alias));
        return 1;
}

/* How long a no holds: the zone's SOA says it. */
static uint32_t no_ttl(struct message m, unsigned answers, unsigned authorities)
{
        struct record r;

        for (unsigned i = 0; i < answers + authorities; i++) {
                if (!read_record(&m, &r))
                        return 0;
                if (i >= answers && r.type == TYPE_SOA && r.len >= 22)
                        return MIN(r.ttl, be32(m.data + r.data + r.len - 4));
        }
        return 0;
}

int reply_read(const uint8_t *data, size_t len, const char *name, enum reply_type type, struct reply *ret)
{
        struct answers a = {.m = {.data = data, .len = len, .at = 12}, .type = type};
        struct reply out = {.ttl = UINT32_MAX};
        char owner[REPLY_NAME_MAX];
        unsigned rcode, authorities;
        int r = 1;

        if (len < 12 || !(data[2] & 0x80) || (data[2] & 0x78) || (data[2] & 0x02) || be16(data + 4) != 1)
                return -EBADMSG; /* no reply, no query's, or cut */
        if (!read_name(&a.m, &a.m.at, owner) || len - a.m.at < 4 || strcmp(owner, name) != 0 ||
            be16(data + a.m.at) != (unsigned) type || be16(data + a.m.at + 2) != CLASS_IN)
                return -EBADMSG;
        a.m.at += 4;
        rcode = data[3] & 15;
        if (rcode != RCODE_NONE && rcode != RCODE_NXDOMAIN)
                return -EREMOTEIO;
        a.n = be16(data + 6);
        authorities = be16(data + 8);
        if (a.n > RECORDS_MAX || authorities > RECORDS_MAX)
                return -EBADMSG;
        for (unsigned i = 0; r > 0; i++) {
                if (i > ALIASES_MAX)
                        return -ELOOP;
                r = pass(&a, owner, &out);
        }
        if (r < 0)
                return r;
        if (out.n == 0 && !out.more)
                out.ttl = MIN(out.ttl, no_ttl(a.m, a.n, authorities));
        *ret = out;
        return 0;
}
