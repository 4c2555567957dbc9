/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS over UDP and TCP (RFC 1035, 7766): a query and an answer event for each question of a message. mDNS and LLMNR
 * look alike and are told apart by their ports. Of a message over TCP at most the first DNS_KEEP bytes are looked at,
 * so that it makes no difference how the stream is cut. Runs in the engine and in `read`. */
#include <errno.h>
#include <netinet/in.h>

#include "base/cleanup.h"
#include "decode/app_internal.h"
#include "decode/dns_type.h"

#define HEADER        12
#define NAME_WIRE_MAX 255  /* RFC 1035 2.3.4 */
#define NAME_TEXT_MAX 1020 /* each byte as \DDD at worst */
#define ADDRS_MAX     32
#define QUESTIONS_MAX 4 /* that become events; in practice there is one */
/* Bytes kept of a message over TCP: queries are short. With both the state stays below APP_STATE_MAX. */
#define KEEP_ORIGINATOR 512
#define KEEP_RESPONDER  1400

enum { OPCODE_QUERY = 0, OPCODE_STATUS = 2, OPCODE_NOTIFY = 4, OPCODE_UPDATE = 5 };
enum { CLASS_IN = 1, CLASS_CHAOS = 3, CLASS_HESIOD = 4, CLASS_NONE = 254, CLASS_ANY = 255 };

/* One direction of a stream: the message in work. */
struct stream {
        uint32_t need; /* bytes of it still to come, of those not kept too */
        uint16_t len;  /* bytes kept */
        uint16_t size; /* of the message; 0: the length prefix is being read */
        uint8_t prefix_len, prefix;
        bool told; /* what is still to come is only skipped */
        bool dead; /* bytes were lost and no message begins at a known place any more */
};

struct dns {
        struct stream stream[2]; /* of the responder, of the originator */
        uint8_t originator[KEEP_ORIGINATOR];
        uint8_t responder[KEEP_RESPONDER];
};
static_assert(sizeof(struct dns) <= APP_STATE_MAX, "a decoder's state is bounded");

struct header {
        uint16_t id, flags;
        uint16_t questions, answers, authority, additional;
        bool response;
        uint8_t opcode;
};

static void read_header(const uint8_t *p, struct header *h)
{
        *h = (struct header){
                .id = (uint16_t) app_be16(p),
                .flags = (uint16_t) app_be16(p + 2),
                .questions = (uint16_t) app_be16(p + 4),
                .answers = (uint16_t) app_be16(p + 6),
                .authority = (uint16_t) app_be16(p + 8),
                .additional = (uint16_t) app_be16(p + 10),
                .response = p[2] & 0x80,
                .opcode = p[2] >> 3 & 0xf,
        };
}

/* Moves past a name without following pointers. false: it is cut or no name. */
static bool skip_name(const uint8_t *m, uint32_t len, uint32_t *pos)
{
        for (uint32_t at = *pos, n = 0; at < len && n < NAME_WIRE_MAX;) {
                uint8_t c = m[at];

                if (c == 0 || c >= 0xc0) {
                        *pos = at + (c ? 2 : 1);
                        return *pos <= len;
                }
                if (c >= 0x40)
                        return false;
                at += c + 1u;
                n += c + 1u;
        }
        return false;
}

/* A byte of a label in the form of master files (RFC 1035 5.1), lower case. */
static uint32_t put_byte(char *text, uint8_t c)
{
        if (c == '.' || c == '\\') {
                text[0] = '\\';
                text[1] = (char) c;
                return 2;
        }
        if (c > ' ' && c < 0x7f) {
                text[0] = (char) (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
                return 1;
        }
        text[0] = '\\';
        text[1] = (char) ('0' + c / 100);
        text[2] = (char) ('0' + c / 10 % 10);
        text[3] = (char) ('0' + c % 10);
        return 4;
}

/* The name at *pos as text, and moves past it. Pointers lead strictly backwards, so that they come to an end.
 * false: it is cut, too long, or no name. */
static bool read_name(const uint8_t *m, uint32_t len, uint32_t *pos, char text[static NAME_TEXT_MAX], uint32_t *ret_len)
{
        uint32_t at = *pos, before = at, out = 0, wire = 0;
        bool jumped = false;

        while (at < len) {
                uint32_t n = m[at];

                if (n >= 0xc0) {
                        uint32_t to = at + 2 <= len ? app_be16(m + at) & 0x3fff : len;

                        if (to >= before)
                                return false;
                        if (!jumped)
                                *pos = at + 2;
                        jumped = true;
                        at = before = to;
                        continue;
                }
                if (n >= 0x40 || n >= len - at)
                        return false;
                if (n == 0) {
                        if (!jumped)
                                *pos = at + 1;
                        *ret_len = out;
                        return true;
                }
                wire += n + 1;
                if (wire >= NAME_WIRE_MAX)
                        return false;
                if (out > 0)
                        text[out++] = '.';
                for (uint32_t i = 1; i <= n; i++)
                        out += put_byte(text + out, m[at + i]);
                at += n + 1;
        }
        return false;
}

/* One resource record: moves past it. */
struct record {
        const uint8_t *data;
        uint32_t ttl;
        uint16_t type, class, len;
};

static bool read_record(const uint8_t *m, uint32_t len, uint32_t *pos, struct record *r)
{
        const uint8_t *p;

        if (!skip_name(m, len, pos) || len - *pos < 10)
                return false;
        p = m + *pos;
        *r = (struct record){
                .type = (uint16_t) app_be16(p),
                .class = (uint16_t) app_be16(p + 2),
                .ttl = app_be32(p + 4),
                .len = (uint16_t) app_be16(p + 8),
                .data = p + 10,
        };
        if (len - *pos - 10 < r->len)
                return false;
        *pos += 10 + r->len;
        return true;
}

/* Addresses and the least time to live. false: the answers are cut or broken; what was read counts. */
static bool read_answers(const uint8_t *m, uint32_t len, uint32_t pos, const struct header *h, struct addr *addrs,
                         struct dns_event *d)
{
        uint32_t least = UINT32_MAX;
        bool whole = true;

        for (unsigned i = 0; i < h->answers && whole; i++) {
                struct record r;

                whole = read_record(m, len, &pos, &r);
                if (!whole || r.type == DNS_TYPE_OPT)
                        continue;
                /* RFC 2181 8: with the highest bit set it is zero. */
                least = MIN(least, r.ttl > INT32_MAX ? 0 : r.ttl);
                if (r.class != CLASS_IN || d->n_addrs >= ADDRS_MAX)
                        continue;
                if (r.type == DNS_TYPE_A && r.len == 4) {
                        uint32_t a;

                        memcpy(&a, r.data, sizeof(a));
                        addrs[d->n_addrs++] = addr_from_v4(a);
                } else if (r.type == DNS_TYPE_AAAA && r.len == 16)
                        memcpy(addrs[d->n_addrs++].b, r.data, 16);
        }
        d->ttl = least == UINT32_MAX ? 0 : least;
        d->addrs = d->n_addrs ? addrs : NULL;
        return whole;
}

static uint8_t flags_of(const struct header *h)
{
        return (uint8_t) ((h->flags & 0x0400 ? DNS_AUTHORITATIVE : 0) | (h->flags & 0x0200 ? DNS_TRUNCATED : 0) |
                          (h->flags & 0x0100 ? DNS_RECURSION_DESIRED : 0) |
                          (h->flags & 0x0080 ? DNS_RECURSION_AVAILABLE : 0));
}

/* The questions as events. The answers stand with the first one: they belong to the message, which is told once. */
static void tell_questions(struct app_context *c, const uint8_t *m, uint32_t len, const struct header *h,
                           const struct event *base)
{
        struct event first = *base, e;
        char text[NAME_TEXT_MAX];
        struct addr addrs[ADDRS_MAX];
        uint32_t pos = HEADER, after = HEADER;

        /* The answers come after all questions, and are part of the first event. */
        for (unsigned i = 0; i < h->questions && skip_name(m, len, &after); i++)
                after += 4;
        if (h->response && h->opcode == OPCODE_QUERY) {
                first.dns.answers = h->answers;
                if (after > len || !read_answers(m, len, after, h, addrs, &first.dns))
                        first.ends.flags |= ENDS_CUT;
        }
        for (unsigned i = 0; i < MIN(h->questions, (uint16_t) QUESTIONS_MAX); i++) {
                e = i == 0 ? first : *base;
                if (!read_name(m, len, &pos, text, &e.dns.name.len) || len - pos < 4)
                        return;
                e.dns.name.p = text;
                e.dns.qtype = (uint16_t) app_be16(m + pos);
                pos += 4;
                if (h->questions > QUESTIONS_MAX)
                        e.ends.flags |= ENDS_CUT;
                c->emit(c, &e, c->from_originator);
        }
}

/* Without a question: what the first answer is about, if there is one. */
static void tell_unasked(struct app_context *c, const uint8_t *m, uint32_t len, const struct header *h,
                         const struct event *base)
{
        struct event e = *base;
        char text[NAME_TEXT_MAX];
        struct addr addrs[ADDRS_MAX];
        uint32_t pos = HEADER;

        if (h->answers > 0 && read_name(m, len, &pos, text, &e.dns.name.len) && len - pos >= 2) {
                e.dns.name.p = text;
                e.dns.qtype = (uint16_t) app_be16(m + pos);
        } else
                e.dns.name.len = 0;
        if (h->response && h->opcode == OPCODE_QUERY) {
                e.dns.answers = h->answers;
                if (!read_answers(m, len, HEADER, h, addrs, &e.dns))
                        e.ends.flags |= ENDS_CUT;
        }
        c->emit(c, &e, c->from_originator);
}

/* The first `len` bytes of a message of `size`. */
static void tell_message(struct app_context *c, const uint8_t *m, uint32_t len, uint32_t size)
{
        struct event e = {.type = EVENT_DNS};
        struct header h;

        if (len < HEADER)
                return;
        read_header(m, &h);
        e.op = h.response ? DNS_ANSWER : DNS_QUERY;
        e.ends.flags = len < size ? ENDS_CUT : 0;
        e.dns.id = h.id;
        e.dns.size = (uint16_t) MIN(size, (uint32_t) UINT16_MAX);
        e.dns.rcode = h.flags & 0xf;
        e.dns.flags = flags_of(&h);
        if (h.questions > 0)
                tell_questions(c, m, len, &h, &e);
        else
                tell_unasked(c, m, len, &h, &e);
}

static bool is_class(uint32_t class)
{
        return class == CLASS_IN || class == CLASS_CHAOS || class == CLASS_HESIOD || class == CLASS_NONE ||
               class == CLASS_ANY;
}

/* Can these be the header and counts of a message of `size` bytes? A question has at least 5 bytes, a record 11. */
static bool is_header(const struct header *h, uint32_t size, bool known_port)
{
        uint64_t least = HEADER + 5ull * h->questions + 11ull * ((uint32_t) h->answers + h->authority + h->additional);

        if (h->opcode > OPCODE_UPDATE || h->opcode == 1 || h->opcode == 3)
                return false;
        if (h->flags & 0x0040 && !known_port) /* reserved */
                return false;
        if (h->questions > 16 || (least > size && !known_port))
                return false;
        if (h->response)
                return h->questions == 1 || known_port || (h->questions == 0 && h->answers > 0);
        return h->questions > 0 && (h->flags & 0xf) == 0 && (h->opcode != OPCODE_QUERY || h->answers == 0);
}

/* An answer without a question, at no port of DNS: its first record must be one. RPC and others begin alike. */
static bool is_answer(const uint8_t *m, uint32_t len)
{
        uint32_t pos = HEADER;
        struct record r;

        return read_record(m, len, &pos, &r) && r.type > 0 && is_class(r.class) && m[HEADER] > 0;
}

/* Is it a message, as far as it is there? */
static enum app_answer probe_message(const struct app_context *c, const uint8_t *m, uint32_t len, uint32_t size)
{
        bool known_port = c->responder_port == 53 || c->originator_port == 53;
        uint32_t pos = HEADER, type;
        struct header h;

        if (len < HEADER)
                return len < size ? APP_MORE : APP_NO;
        read_header(m, &h);
        if (!is_header(&h, size, known_port))
                return APP_NO;
        if (h.questions == 0)
                return known_port || is_answer(m, len) ? APP_YES : APP_NO;
        while (pos < len && m[pos] > 0 && m[pos] < 0x40)
                pos += m[pos] + 1u;
        if (pos < len && m[pos] > 0)
                return APP_NO; /* the first name has nothing to point to */
        if (pos > HEADER + NAME_WIRE_MAX)
                return APP_NO;
        if (len < pos + 5 || pos >= len)
                return len >= size ? APP_NO : len + 2 < APP_PROBE_MAX ? APP_MORE : APP_YES;
        type = app_be16(m + pos + 1);
        return type > 0 && is_class(app_be16(m + pos + 3)) ? APP_YES : APP_NO;
}

static bool is_discovery(uint16_t port)
{
        return port == 5353 || port == 5355 || port == 137;
}

static enum app_answer probe(const struct app_context *c, const uint8_t *data, uint32_t len)
{
        bool other = is_discovery(c->responder_port) || (is_discovery(c->originator_port) && c->responder_port != 53);

        if (other)
                return APP_NO;
        if (c->proto == IPPROTO_UDP)
                return probe_message(c, data, len, len);
        if (len < 2)
                return len ? APP_MORE : APP_NO;
        if (app_be16(data) < HEADER + 5)
                return APP_NO;
        return probe_message(c, data + 2, MIN(len - 2, app_be16(data)), app_be16(data));
}

/* Part of a message: collects its first bytes, and tells it as soon as they are there. Returns bytes used. */
static uint32_t take(struct dns *d, struct app_context *c, const uint8_t *data, uint32_t len)
{
        struct stream *s = &d->stream[c->from_originator];
        uint8_t *kept = c->from_originator ? d->originator : d->responder;
        uint32_t keep = MIN(s->size, (uint32_t) (c->from_originator ? KEEP_ORIGINATOR : KEEP_RESPONDER));
        uint32_t use = MIN(len, s->need);

        if (!s->told && s->len == 0 && use >= keep) {
                tell_message(c, data, keep, s->size);
                s->told = true;
        } else if (!s->told) {
                uint32_t n = MIN(use, keep - s->len);

                memcpy(kept + s->len, data, n);
                s->len += (uint16_t) n;
                s->told = s->len == keep;
                if (s->told)
                        tell_message(c, kept, keep, s->size);
        }
        s->need -= use;
        if (s->need == 0)
                *s = (struct stream){0};
        return use;
}

static int data(void *state, struct app_context *c, const uint8_t *data_, uint32_t len)
{
        struct dns *d = state;
        struct stream *s = &d->stream[c->from_originator];

        if (c->proto == IPPROTO_UDP) {
                tell_message(c, data_, len, len);
                return 0;
        }
        while (len > 0 && !s->dead) {
                uint32_t use = 1;

                if (s->size > 0)
                        use = take(d, c, data_, len);
                else if (s->prefix_len == 0) {
                        s->prefix = *data_;
                        s->prefix_len = 1;
                } else {
                        s->size = (uint16_t) (s->prefix << 8 | *data_);
                        if (s->size < HEADER)
                                return -EPROTO;
                        s->need = s->size;
                }
                data_ += use;
                len -= use;
        }
        return 0;
}

/* The next message still begins at a known place if the loss lies within this one. */
static void lost(void *state, struct app_context *c, uint64_t n)
{
        struct dns *d = state;
        struct stream *s = &d->stream[c->from_originator];

        if (s->dead)
                return;
        if (!s->told && s->len >= HEADER)
                tell_message(c, c->from_originator ? d->originator : d->responder, s->len, s->size);
        s->told = true;
        s->dead = s->size == 0 || n > s->need;
        if (s->dead)
                return;
        s->need -= (uint32_t) n;
        if (s->need == 0)
                *s = (struct stream){0};
}

const struct app_decoder decoder_dns = {
        .name = "dns",
        .app = APP_DNS,
        .state_size = sizeof(struct dns),
        .tcp = true,
        .udp = true,
        .probe = probe,
        .data = data,
        .lost = lost,
};
