/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conditions on packets, flows and bits in words. Runs in `rules`. */
#include <inttypes.h>

#include "rules/explain.h"

static const struct {
        const char *subject;
} subjects[TEST_KINDS] = {
        [TEST_DSIZE] = {"the payload's length"},
        [TEST_TTL] = {"the time to live"},
        [TEST_TOS] = {"the type of service"},
        [TEST_ID] = {"the IP identification"},
        [TEST_IP_PROTO] = {"the IP protocol"},
        [TEST_FRAGOFFSET] = {"the offset of the fragment"},
        [TEST_SEQ] = {"the TCP sequence number"},
        [TEST_ACK] = {"the TCP acknowledgment number"},
        [TEST_WINDOW] = {"the TCP window"},
        [TEST_MSS] = {"the TCP maximum segment size"},
        [TEST_ITYPE] = {"the ICMP type"},
        [TEST_ICODE] = {"the ICMP code"},
        [TEST_ICMP_ID] = {"the ICMP identification"},
        [TEST_ICMP_SEQ] = {"the ICMP sequence number"},
};

static void put_comparison(struct buf *out, const struct rule_test *t)
{
        const char *no = t->negated ? " not" : "";

        switch (t->op) {
        case NUMBER_IN:
                (void) buf_printf(out, " is%s more than %" PRIu32 " and less than %" PRIu32, no, t->a, t->b);
                return;
        case NUMBER_LT:
                (void) buf_printf(out, " is%s less than", no);
                break;
        case NUMBER_GT:
                (void) buf_printf(out, " is%s more than", no);
                break;
        case NUMBER_LE:
                (void) buf_printf(out, " is%s at most", no);
                break;
        case NUMBER_GE:
                (void) buf_printf(out, " is%s at least", no);
                break;
        default:
                (void) buf_printf(out, " is%s", t->negated || t->op == NUMBER_NE ? " not" : "");
        }
        (void) buf_printf(out, " %" PRIu32, t->a);
}

/* The names of the bits that are set. */
static void put_names(struct buf *out, uint32_t mask, const char *const *names, unsigned n)
{
        bool first = true;

        for (unsigned i = 0; i < n; i++) {
                if (!(mask & 1u << i))
                        continue;
                (void) buf_printf(out, "%s%s", first ? "" : ", ", names[i]);
                first = false;
        }
        if (first)
                (void) buf_puts(out, "none");
}

static void put_bits_test(struct buf *out, const struct rule_test *t, const char *subject, const char *const *names,
                          unsigned n)
{
        (void) buf_printf(out, "%s %s ", subject,
                          t->negated          ? "have not all of" :
                          t->op == NUMBER_AND ? "have all of" :
                          t->op == NUMBER_OR  ? "have one of" :
                                                "are exactly");
        put_names(out, t->a, names, n);
        if (t->kind == TEST_TCP_FLAGS && t->b != 0xff) {
                (void) buf_puts(out, ", not looking at ");
                put_names(out, ~t->b & 0xff, names, n);
        }
}

static void put_app(struct buf *out, const struct rule_test *t)
{
        static const char *const sides[] = {"", ", as the client speaks it", ", as the server speaks it",
                                            ", on either side", ", once that is certain"};

        (void) buf_printf(out, "the protocol is %s%s%s", t->negated ? "not " : "",
                          t->a == APP_TEST_FAILED ? "one that is not recognised" : app_name(t->a),
                          sides[t->b % ELEMENTSOF(sides)]);
}

static void put_stream_size(struct buf *out, const struct rule_test *t)
{
        static const char *const sides[] = {"the server has sent, in bytes,", "the client has sent, in bytes,",
                                            "each side has sent, in bytes,", "one of the sides has sent, in bytes,"};

        (void) buf_printf(out, "what %s", sides[t->b % ELEMENTSOF(sides)]);
        put_comparison(out, t);
}

static void put_event(struct buf *out, const struct rule_test *t)
{
        static const char *const names[] = {
#define X(name, option, event) event,
                RULE_EVENTS(X)
#undef X
        };

        (void) buf_printf(out, "it happens: %s", t->a < ELEMENTSOF(names) ? names[t->a] : "?");
}

void explain_test(struct buf *out, const struct rule_test *t)
{
        static const char *const flags[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
        static const char *const fragments[] = {"more fragments", "don't fragment", "reserved"};
        static const char *const versions[] = {"SSL 2", "SSL 3", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"};
        static const char *const states[] = {"client hello", "server hello", "client key exchange",
                                             "server key exchange", "unknown"};

        switch (t->kind) {
        case TEST_TCP_FLAGS:
                put_bits_test(out, t, "the TCP flags", flags, ELEMENTSOF(flags));
                break;
        case TEST_FRAGBITS:
                put_bits_test(out, t, "the bits of fragmentation", fragments, ELEMENTSOF(fragments));
                break;
        case TEST_SAMEIP:
                (void) buf_puts(out, "source and destination are the same address");
                break;
        case TEST_IPOPTS:
                (void) (t->b ? buf_puts(out, "there are IP options") :
                               buf_printf(out, "there is the IP option %" PRIu32, t->a));
                break;
        case TEST_CSUM:
                (void) buf_printf(out, "the checksum is %s", t->b ? "right" : "wrong");
                break;
        case TEST_STREAM_SIZE:
                put_stream_size(out, t);
                break;
        case TEST_APP:
                put_app(out, t);
                break;
        case TEST_STREAM_EVENT:
        case TEST_APP_EVENT:
        case TEST_DECODE_EVENT:
                put_event(out, t);
                break;
        case TEST_SSL_VERSION:
                (void) buf_puts(out, "the version is one of ");
                put_names(out, t->a, versions, ELEMENTSOF(versions));
                break;
        case TEST_SSL_STATE:
                (void) buf_puts(out, "of the handshake there was one of ");
                put_names(out, t->a, states, ELEMENTSOF(states));
                break;
        default:
                (void) buf_puts(out,
                                t->kind < TEST_KINDS && subjects[t->kind].subject ? subjects[t->kind].subject : "?");
                put_comparison(out, t);
        }
}

/* ---- bits ---- */

static void put_bit_name(struct buf *out, const struct ruleset *s, unsigned kind, uint32_t number)
{
        const char *name = ruleset_bit_name(s, (enum bit_kind) kind, number);

        (void) buf_putc(out, '"');
        (void) buf_put_visible(out, name, strlen(name));
        (void) buf_putc(out, '"');
}

static void put_integer(struct buf *out, const struct ruleset *s, const struct rule_bit *b)
{
        static const char *const compare[] = {
                [NUMBER_EQ] = "is",           [NUMBER_NE] = "is not",     [NUMBER_LT] = "is less than",
                [NUMBER_GT] = "is more than", [NUMBER_LE] = "is at most", [NUMBER_GE] = "is at least",
        };

        (void) buf_puts(out, b->op == BIT_ADD    ? "adds to " :
                             b->op == BIT_SUB    ? "takes from " :
                             b->op == BIT_ASSIGN ? "sets " :
                                                   "");
        (void) buf_puts(out, "the flow's number ");
        put_bit_name(out, s, b->kind, b->names[0]);
        if (b->op == BIT_DEFINED || b->op == BIT_NOT_DEFINED) {
                (void) buf_puts(out, b->op == BIT_DEFINED ? " is there" : " is not there yet");
                return;
        }
        (void) buf_printf(out, " %s ",
                          b->op == BIT_COMPARE ? compare[b->compare % ELEMENTSOF(compare)] :
                          b->op == BIT_ASSIGN  ? "to" :
                                                 "the value");
        if (b->value_name != UINT32_MAX)
                put_bit_name(out, s, b->kind, b->value_name);
        else
                (void) buf_printf(out, "%" PRIu32, b->value);
}

void explain_bit(struct buf *out, const struct ruleset *s, const struct rule_bit *b)
{
        static const char *const kinds[] = {
                [BIT_FLOW] = "the flow's bit ", [BIT_X] = "the bit ", [BIT_HOST] = "the bit "};
        static const char *const tracks[] = {[TRACK_FLOW] = "",
                                             [TRACK_SRC] = " of the sender",
                                             [TRACK_DST] = " of the receiver",
                                             [TRACK_PAIR] = " of the pair of hosts",
                                             [TRACK_RULE] = ""};

        if (b->kind == BIT_INT) {
                put_integer(out, s, b);
                return;
        }
        (void) buf_puts(out, b->op == BIT_SET    ? "sets " :
                             b->op == BIT_UNSET  ? "clears " :
                             b->op == BIT_TOGGLE ? "turns over " :
                                                   "");
        (void) buf_puts(out, kinds[b->kind % ELEMENTSOF(kinds)]);
        for (unsigned i = 0; i < b->n_names; i++) {
                (void) buf_puts(out, i ? " or " : "");
                put_bit_name(out, s, b->kind, b->names[i]);
        }
        (void) buf_puts(out, b->kind == BIT_FLOW ? "" : tracks[b->track % ELEMENTSOF(tracks)]);
        if (b->op == BIT_ISSET || b->op == BIT_ISNOTSET)
                (void) buf_puts(out, b->op == BIT_ISSET ? " is set" : " is not set");
        else if (b->kind == BIT_X && b->op == BIT_SET)
                (void) buf_printf(out, " for %" PRIu32 " s", b->expire);
}
