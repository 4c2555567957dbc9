/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why a rule matched or did not, condition by condition, in words. Only for `rules test`. Runs in `read`. */
#include <inttypes.h>

#include "base/buf.h"
#include "rules/inspect_internal.h"

#define OUTSIDE     UINT16_MAX /* of every part */
#define BYTES_SHOWN 48

struct why {
        struct inspect_why why;
        struct buf text;
};

static void tell(const struct inspect_judge *j, struct why *w, bool held)
{
        w->why.held = held;
        j->why(j->userdata, &w->why);
}

#define WHY(p, s)                                                                                                      \
        {                                                                                                              \
                .why = {.part = (p), .step = (s) }                                                                     \
        }

static struct buf *begin(struct why *w)
{
        w->text = (struct buf) BUF_FIXED(w->why.text);
        return &w->text;
}

static const char *operator_of(uint8_t op)
{
        static const char *const names[] = {"=", "!=", "<", ">", "<=", ">=", "&", "^", "within"};

        return op < ELEMENTSOF(names) ? names[op] : "?";
}

/* ---- header, flow, packet ---- */

static void put_end(struct buf *b, const struct addr *a, uint16_t port)
{
        char text[ADDR_TEXT_MAX];

        (void) buf_printf(b, "%s:%u", addr_format(a, text), port);
}

void inspect_why_head(const struct inspect_judge *j, enum inspect_head failed)
{
        const struct inspect_input *in = j->in;
        struct why w = WHY(OUTSIDE, OUTSIDE);
        struct buf *b = begin(&w);

        switch (failed) {
        case HEAD_PROTO:
                (void) buf_printf(b, "protocol %u is not %u", in->proto, j->rule->rule->proto);
                break;
        case HEAD_FAMILY:
                (void) buf_puts(b, j->rule->rule->flags & RULE_ONLY_V4 ? "it is not IPv4" : "it is not IPv6");
                break;
        case HEAD_APP:
                (void) buf_printf(b, "it speaks %s, not %s",
                                  in->app == APP_UNKNOWN ? "nothing known" : app_name(in->app),
                                  app_name(j->rule->rule->app));
                break;
        case HEAD_FLOW:
                (void) buf_printf(b, "flow: these bytes go %s, %s",
                                  in->flags & INSPECT_TO_SERVER ? "to the server" : "to the client",
                                  in->flags & INSPECT_ESTABLISHED ? "established" : "not established");
                break;
        default:
                put_end(b, in->src, in->sport);
                (void) buf_puts(b, " -> ");
                put_end(b, in->dst, in->dport);
                (void) buf_puts(b, failed == HEAD_HELD ? " is meant" : " is not meant");
        }
        tell(j, &w, failed == HEAD_HELD);
}

static const char *const test_names[TEST_KINDS] = {
        [TEST_TCP_FLAGS] = "flags",
        [TEST_DSIZE] = "dsize",
        [TEST_TTL] = "ttl",
        [TEST_TOS] = "tos",
        [TEST_ID] = "id",
        [TEST_IP_PROTO] = "ip_proto",
        [TEST_FRAGBITS] = "fragbits",
        [TEST_FRAGOFFSET] = "fragoffset",
        [TEST_SAMEIP] = "sameip",
        [TEST_IPOPTS] = "ipopts",
        [TEST_GEOIP] = "geoip",
        [TEST_SEQ] = "seq",
        [TEST_ACK] = "ack",
        [TEST_WINDOW] = "window",
        [TEST_MSS] = "tcp.mss",
        [TEST_ITYPE] = "itype",
        [TEST_ICODE] = "icode",
        [TEST_ICMP_ID] = "icmp_id",
        [TEST_ICMP_SEQ] = "icmp_seq",
        [TEST_CSUM] = "checksum",
        [TEST_STREAM_SIZE] = "stream_size",
        [TEST_APP] = "app-layer-protocol",
        [TEST_STREAM_EVENT] = "stream-event",
        [TEST_APP_EVENT] = "app-layer-event",
        [TEST_DECODE_EVENT] = "decode-event",
        [TEST_SSL_VERSION] = "ssl_version",
        [TEST_SSL_STATE] = "ssl_state",
};

static bool wants_packet(const struct rule_test *t)
{
        return t->kind != TEST_IP_PROTO && t->kind < TEST_STREAM_SIZE;
}

static void put_range(struct buf *b, const struct rule_test *t)
{
        if (t->op == NUMBER_IN)
                (void) buf_printf(b, "between %u and %u", t->a, t->b);
        else
                (void) buf_printf(b, "%s %u", operator_of(t->op), t->a);
}

static void put_test(struct buf *b, const struct rule_test *t, const struct inspect_input *in)
{
        switch (t->kind) {
        case TEST_TCP_FLAGS:
                (void) buf_printf(b, " 0x%02x (the rule: 0x%02x)", in->packet->tcp_flags, t->a);
                break;
        case TEST_DSIZE:
                (void) buf_printf(b, " %u: %s", in->packet->payload_len, t->negated ? "not " : "");
                put_range(b, t);
                break;
        case TEST_TTL:
                (void) buf_printf(b, " %u: ", in->packet->ttl);
                put_range(b, t);
                break;
        case TEST_STREAM_SIZE:
                (void) buf_printf(b, " %" PRIu64 " from the client, %" PRIu64 " from the server: ", in->stream_bytes[0],
                                  in->stream_bytes[1]);
                put_range(b, t);
                break;
        case TEST_APP:
                (void) buf_printf(b, " %s", app_name(in->app));
                break;
        case TEST_SAMEIP:
                break;
        default:
                (void) buf_puts(b, t->negated ? ": not " : ": ");
                put_range(b, t);
        }
}

void inspect_why_test(const struct inspect_judge *j, const struct rule_test *t, bool held)
{
        struct why w = WHY(OUTSIDE, OUTSIDE);
        struct buf *b = begin(&w);

        (void) buf_puts(b, t->kind < TEST_KINDS ? test_names[t->kind] : "?");
        if (wants_packet(t) && !j->in->packet)
                (void) buf_puts(b, ": no packet is at hand");
        else
                put_test(b, t, j->in);
        tell(j, &w, held);
}

void inspect_why_bit(struct inspector *i, const struct inspect_judge *j, const struct rule_bit *bit, bool held)
{
        static const char *const kinds[] = {"flowbits", "flowint", "xbits", "hostbits"};
        static const char *const ops[] = {
                [BIT_ISSET] = "isset",   [BIT_ISNOTSET] = "isnotset",  [BIT_COMPARE] = "compare",
                [BIT_DEFINED] = "isset", [BIT_NOT_DEFINED] = "notset",
        };
        struct why w = WHY(OUTSIDE, OUTSIDE);
        struct buf *b = begin(&w);

        (void) buf_printf(b, "%s:%s", kinds[bit->kind], bit->op < ELEMENTSOF(ops) && ops[bit->op] ? ops[bit->op] : "");
        for (unsigned k = 0; k < bit->n_names; k++) {
                const char *name = ruleset_bit_name(i->params.rules, bit->kind, bit->names[k]);

                (void) buf_printf(b, "%s%s", k ? "|" : ",", name ? name : "?");
        }
        if (bit->kind == BIT_X)
                (void) buf_puts(b, " is judged with the alerts");
        tell(j, &w, held);
}

/* ---- parts ---- */

void inspect_why_call(const struct inspect_judge *j, const char *text)
{
        struct why w = WHY(OUTSIDE, OUTSIDE);

        (void) buf_printf(begin(&w), "the rule %s", text);
        tell(j, &w, false);
}

void inspect_why_missing(const struct inspect_judge *j, unsigned part, bool coming)
{
        const struct buffer_kind *k = &buffer_kinds[j->rule->rule->parts[part].buffer];
        struct why w = WHY((uint16_t) part, 0);

        (void) buf_printf(begin(&w), "%s %s", k->name[0] ? k->name : k->title,
                          coming ? "has not come yet" : "is not there");
        tell(j, &w, false);
}

static void put_content(struct buf *b, const struct rule_step *s, const struct match_place *p)
{
        const struct rule_content *c = &s->content;

        (void) buf_printf(b, "content %s\"", s->flags & CONTENT_NEGATED ? "!" : "");
        (void) buf_put_visible(b, (const char *) c->bytes, MIN(c->len, BYTES_SHOWN));
        (void) buf_puts(b, c->len > BYTES_SHOWN ? "…\"" : "\"");
        if (p && !(s->flags & CONTENT_NEGATED))
                (void) buf_printf(b, " at %" PRIu64, p->at);
        else if (!p)
                (void) buf_puts(b, s->flags & CONTENT_NEGATED ? " is there" : " is not where it must be");
}

static void put_pcre(struct buf *b, const struct rule_step *s, const struct match_place *p)
{
        (void) buf_printf(b, "pcre %s/", s->flags & PCRE_NEGATED ? "!" : "");
        (void) buf_put_visible(b, s->pcre.pattern, strnlen(s->pcre.pattern, BYTES_SHOWN));
        (void) buf_putc(b, '/');
        if (p && !(s->flags & PCRE_NEGATED))
                (void) buf_printf(b, " at %" PRIu64, p->at);
        else if (!p)
                (void) buf_puts(b, s->flags & PCRE_NEGATED ? " matches" : " does not match");
}

static void put_bytes(struct buf *b, const struct rule_step *s, const struct match_place *p)
{
        static const char *const names[] = {
                [STEP_BYTE_TEST] = "byte_test",
                [STEP_BYTE_JUMP] = "byte_jump",
                [STEP_BYTE_EXTRACT] = "byte_extract",
                [STEP_BYTE_MATH] = "byte_math",
        };

        (void) buf_puts(b, names[s->kind]);
        if (!p)
                (void) buf_puts(b, s->kind == STEP_BYTE_TEST ? " does not hold" : " leads nowhere");
        else if (s->kind == STEP_BYTE_TEST)
                (void) buf_printf(b, ": %" PRIu64 " %s %s %d", p->value, s->byte.flags & BYTE_NEGATED ? "not" : "is",
                                  operator_of(s->byte.op), s->byte.value.value);
        else
                (void) buf_printf(b, ": %" PRIu64 ", on to %" PRIu64, p->value, p->end);
}

static void put_step(struct buf *b, const struct rule_step *s, const struct match_place *p)
{
        switch (s->kind) {
        case STEP_CONTENT:
                put_content(b, s, p);
                break;
        case STEP_PCRE:
                put_pcre(b, s, p);
                break;
        case STEP_ISDATAAT:
                (void) buf_printf(b, "isdataat %s%d%s", s->isdataat.negated ? "!" : "", s->isdataat.at.value,
                                  s->isdataat.relative ? ", relative" : "");
                break;
        case STEP_BSIZE:
                (void) buf_printf(b, "size %s %u", operator_of(s->size.op), s->size.a);
                if (s->size.op == NUMBER_IN)
                        (void) buf_printf(b, " and %u", s->size.b);
                break;
        case STEP_ASN1:
                (void) buf_puts(b, "asn1");
                break;
        default:
                put_bytes(b, s, p);
        }
}

void inspect_why_part(const struct inspect_judge *j, unsigned part, enum inspect_answer a, const struct match_trace *t)
{
        const struct rule_part *p = &j->rule->rule->parts[part];

        for (unsigned k = 0; k < p->n_steps && k <= t->reached; k++) {
                bool held = k < t->reached;
                struct why w = WHY((uint16_t) part, (uint16_t) k);
                struct buf *b = begin(&w);

                put_step(b, &p->steps[k], held ? &t->places[k] : NULL);
                if (!held && a == INSPECT_WAIT)
                        (void) buf_puts(b, ", so far");
                tell(j, &w, held);
        }
}
