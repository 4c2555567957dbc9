/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A whole rule in words: for whom it is, what must hold, what follows. Runs in `rules`. */
#include "rules/explain.h"

#include <inttypes.h>
#include <string.h>

#include "model/evidence.h"
#include "rules/ruleset_parts.h"

#define RANGES_SHOWN 8 /* of a list of addresses or ports; the others are counted */

static void put_visible(struct buf *out, const char *text)
{
        (void) buf_put_visible(out, text, strlen(text));
}

/* The length of the network that the range is, or -1. */
static int network_of(const struct rule_range_addr *r)
{
        int bits = 0;

        while (bits < 128 && !((r->from.b[bits / 8] ^ r->to.b[bits / 8]) & 0x80 >> bits % 8))
                bits++;
        for (int i = bits; i < 128; i++) {
                uint8_t bit = (uint8_t) (0x80 >> i % 8);

                if (r->from.b[i / 8] & bit || !(r->to.b[i / 8] & bit))
                        return -1;
        }
        return bits;
}

static void put_range(struct buf *out, const struct rule_range_addr *r)
{
        char text[ADDR_TEXT_MAX];
        int bits = network_of(r);
        bool v4 = addr_is_v4(&r->from) && addr_is_v4(&r->to);

        (void) buf_puts(out, addr_format(&r->from, text));
        if (bits == 128)
                return;
        if (bits >= 0 && (!addr_is_v4(&r->from) || v4))
                (void) buf_printf(out, "/%d", v4 ? bits - 96 : bits);
        else
                (void) buf_printf(out, " to %s", addr_format(&r->to, text));
}

static void put_addr_list(struct buf *out, const struct rule_range_addr *list, uint32_t n)
{
        for (uint32_t i = 0; i < n && i < RANGES_SHOWN; i++) {
                (void) buf_puts(out, i ? ", " : "");
                put_range(out, &list[i]);
        }
        if (n > RANGES_SHOWN)
                (void) buf_printf(out, " and %" PRIu32 " more ranges", n - RANGES_SHOWN);
}

static struct addr next_to(const struct addr *a, int step)
{
        struct addr n = *a;

        for (int i = 15; i >= 0; i--) {
                n.b[i] = (uint8_t) (n.b[i] + step);
                if (n.b[i] != (step > 0 ? 0 : 0xff))
                        break;
        }
        return n;
}

/* What reaches from the first address to the last one is told by its gaps. */
static void put_addrs(struct buf *out, const struct rule_end *e)
{
        static const struct addr first = {{0}};
        struct rule_range_addr gaps[RANGES_SHOWN];
        struct addr last;
        uint32_t n = e->n_addrs;

        memset(&last, 0xff, sizeof(last));
        if (n < 2 || n - 1 > RANGES_SHOWN || !addr_equal(&e->addrs[0].from, &first) ||
            !addr_equal(&e->addrs[n - 1].to, &last)) {
                if (e->any_addr)
                        (void) buf_puts(out, "any address");
                else
                        put_addr_list(out, e->addrs, n);
                return;
        }
        for (uint32_t i = 0; i + 1 < n; i++) {
                gaps[i].from = next_to(&e->addrs[i].to, 1);
                gaps[i].to = next_to(&e->addrs[i + 1].from, -1);
        }
        (void) buf_puts(out, "any address but ");
        put_addr_list(out, gaps, n - 1);
}

static void put_port(struct buf *out, unsigned from, unsigned to, bool more)
{
        (void) buf_printf(out, "%s%u", more ? ", " : "", from);
        if (to != from)
                (void) buf_printf(out, " to %u", to);
}

static void put_ports(struct buf *out, const struct rule_end *e)
{
        uint32_t n = e->n_ports;
        bool gaps = n > 1 && e->ports[0].from == 0 && e->ports[n - 1].to == UINT16_MAX;

        (void) buf_puts(out, e->any_port ? ", any port" : gaps ? ", any port but " : ", port ");
        n -= gaps;
        for (uint32_t i = 0; !e->any_port && i < n && i < RANGES_SHOWN; i++) {
                if (gaps)
                        put_port(out, e->ports[i].to + 1u, e->ports[i + 1].from - 1u, i > 0);
                else
                        put_port(out, e->ports[i].from, e->ports[i].to, i > 0);
        }
        if (!e->any_port && n > RANGES_SHOWN)
                (void) buf_printf(out, " and %" PRIu32 " more ranges", n - RANGES_SHOWN);
}

static void put_large(struct buf *out, const char *name)
{
        for (; *name; name++)
                (void) buf_putc(out, (char) (*name >= 'a' && *name <= 'z' ? *name & ~0x20 : *name));
}

static void put_header(struct buf *out, const struct rule *r)
{
        static const char *const does[] = {[RULE_PASS] = "Does not alert, and no other rule does, on ",
                                           [RULE_DROP] = "Alerts (drop: nothing is dropped here) on ",
                                           [RULE_REJECT] = "Alerts (reject: nothing is refused here) on ",
                                           [RULE_ALERT] = "Alerts on "};
        char spare[8];
        bool silent = r->flags & RULE_NOALERT && r->action != RULE_PASS;

        (void) buf_puts(out, silent ? "Looks, without an alert, for " : does[r->action % ELEMENTSOF(does)]);
        if (r->app != APP_UNKNOWN)
                put_large(out, app_name(r->app));
        else
                (void) buf_puts(out, r->proto ? proto_name(r->proto, spare) : "any IP traffic");
        if (r->flags & (RULE_ONLY_V4 | RULE_ONLY_V6))
                (void) buf_puts(out, r->flags & RULE_ONLY_V4 ? " over IPv4" : " over IPv6");
        (void) buf_puts(out, "\n  from ");
        put_addrs(out, &r->src);
        put_ports(out, &r->src);
        (void) buf_puts(out, "\n  to ");
        put_addrs(out, &r->dst);
        put_ports(out, &r->dst);
        (void) buf_puts(out, r->flags & RULE_BIDIRECTIONAL ? "\n  or the other way round\n" : "\n");
}

static const struct {
        uint32_t flag;
        const char *text;
} flow_texts[] = {
        {FLOW_TO_SERVER, "the client sends it"},
        {FLOW_TO_CLIENT, "the server sends it"},
        {FLOW_ESTABLISHED, "both sides were heard before (the flow is established)"},
        {FLOW_NOT_ESTABLISHED, "the flow is not established yet"},
        {FLOW_ONLY_STREAM, "it is looked for in the stream, not in single packets"},
        {FLOW_NO_STREAM, "it is looked for in single packets, not in the stream"},
        {FLOW_ONLY_FRAG, "the packet came in fragments"},
        {FLOW_NO_FRAG, "the packet did not come in fragments"},
};

static void put_scope(struct buf *out, const struct rule *r)
{
        if (r->flags & RULE_IP_ONLY)
                (void) buf_puts(out, "  - once for each flow and direction: only the ends count\n");
        if (r->flags & RULE_APP_ONLY)
                (void) buf_puts(out, "  - once for each direction, when the protocol is known\n");
        if (r->flags & RULE_ALSO_PACKET)
                (void) buf_puts(out, "  - places count from the beginning of a packet, or of the stream\n");
        for (size_t i = 0; i < ELEMENTSOF(flow_texts); i++)
                if (r->flow & flow_texts[i].flag)
                        (void) buf_printf(out, "  - %s\n", flow_texts[i].text);
}

static void put_part_name(struct buf *out, const struct rule_part *p)
{
        static const struct {
                uint16_t flag;
                const char *text;
        } transforms[] = {{PART_DOTPREFIX, "with a dot before it"},
                          {PART_LOWERCASE, "in lower case"},
                          {PART_UPPERCASE, "in upper case"},
                          {PART_COMPRESS_WHITESPACE, "with single spaces"},
                          {PART_STRIP_WHITESPACE, "without white space"},
                          {PART_URL_DECODE, "percent-decoded"},
                          {PART_SHA1, "as its SHA-1"},
                          {PART_SHA256, "as its SHA-256"},
                          {PART_MD5, "as its MD5"}};

        (void) buf_puts(out, buffer_kinds[p->buffer].title);
        for (size_t i = 0; i < ELEMENTSOF(transforms); i++)
                if (p->flags & transforms[i].flag)
                        (void) buf_printf(out, ", %s", transforms[i].text);
}

static void put_conditions(struct buf *out, const struct ruleset *s, const struct rule *r)
{
        size_t before = out->len;

        put_scope(out, r);
        for (unsigned i = 0; i < r->n_tests; i++) {
                (void) buf_puts(out, "  - ");
                explain_test(out, &r->tests[i]);
                (void) buf_putc(out, '\n');
        }
        for (unsigned i = 0; i < r->n_bit_conditions; i++) {
                (void) buf_puts(out, "  - ");
                explain_bit(out, s, &r->bits[i]);
                (void) buf_putc(out, '\n');
        }
        for (unsigned i = 0; i < r->n_parts; i++) {
                (void) buf_puts(out, "  - ");
                put_part_name(out, &r->parts[i]);
                (void) buf_puts(out, ":\n");
                for (unsigned k = 0; k < r->parts[i].n_steps; k++) {
                        (void) buf_puts(out, "      ");
                        explain_step(out, &r->parts[i].steps[k]);
                        (void) buf_putc(out, '\n');
                }
        }
        if (out->len == before)
                (void) buf_puts(out, "  - nothing else\n");
}

static const char *ordinal(uint32_t n)
{
        static const char *const ends[] = {"th", "st", "nd", "rd"};

        return n % 100 / 10 == 1 || n % 10 > 3 ? ends[0] : ends[n % 10];
}

static void put_threshold(struct buf *out, const struct rule_threshold *t)
{
        static const char *const tracks[] = {[TRACK_FLOW] = "flow",
                                             [TRACK_SRC] = "sender",
                                             [TRACK_DST] = "receiver",
                                             [TRACK_PAIR] = "pair of hosts",
                                             [TRACK_RULE] = "run of this program"};
        const char *track = tracks[t->track % ELEMENTSOF(tracks)];

        switch (t->kind) {
        case THRESHOLD_LIMIT:
                (void) buf_printf(out, "  alerts at most %" PRIu32 " time%s in %" PRIu32 " s for each %s\n", t->count,
                                  t->count == 1 ? "" : "s", t->seconds, track);
                break;
        case THRESHOLD_THRESHOLD:
                (void) buf_printf(out, "  alerts at every %" PRIu32 "%s match within %" PRIu32 " s for each %s\n",
                                  t->count, ordinal(t->count), t->seconds, track);
                break;
        case THRESHOLD_BOTH:
                (void) buf_printf(out, "  alerts once in %" PRIu32 " s for each %s, at the %" PRIu32 "%s match\n",
                                  t->seconds, track, t->count, ordinal(t->count));
                break;
        case THRESHOLD_FILTER:
                (void) buf_printf(
                        out, "  alerts when there were %" PRIu32 " match%s before within %" PRIu32 " s, for each %s\n",
                        t->count, t->count == 1 ? "" : "es", t->seconds, track);
                break;
        case THRESHOLD_BACKOFF:
                (void) buf_printf(
                        out, "  alerts at match %" PRIu32 ", then ever more rarely: times %" PRIu32 ", for each %s\n",
                        t->count, t->multiplier, track);
                break;
        default:
                break;
        }
}

static void put_outcome(struct buf *out, const struct ruleset *s, const struct rule *r)
{
        for (unsigned i = r->n_bit_conditions; i < r->n_bits; i++) {
                (void) buf_puts(out, "  ");
                explain_bit(out, s, &r->bits[i]);
                (void) buf_putc(out, '\n');
        }
        put_threshold(out, &r->threshold);
        if (r->n_suppress)
                (void) buf_printf(out, "  is not told of some addresses: %u line%s of threshold.config\n",
                                  r->n_suppress, r->n_suppress == 1 ? "" : "s");
        if (r->stage)
                (void) buf_printf(out, "  is evidence of the stage \"%s\", weight %u.%02u%s\n",
                                  stage_name(r->stage - 1u), r->weight / 100u, r->weight % 100u,
                                  r->flags & (RULE_TARGET_SRC | RULE_VICTIM_SENDER) ? "; the victim is who sends it" :
                                  r->flags & RULE_TARGET_DST                        ? "; the victim is who gets it" :
                                                                                      "");
        else
                (void) buf_puts(out, "  is no evidence of a bot: it weighs nothing\n");
        (void) buf_printf(out, "  has the priority %" PRIu32, r->priority);
        if (r->class_name) {
                (void) buf_puts(out, ", class ");
                put_visible(out, r->class_name);
                (void) buf_puts(out, " (");
                put_visible(out, r->class_title);
                (void) buf_putc(out, ')');
        }
        (void) buf_putc(out, '\n');
}

static void put_words(struct buf *out, const struct ruleset *s, const struct rule *r)
{
        for (unsigned i = 0; i < r->n_references; i++) {
                const char *before = ruleset_config_reference(s, r->references[i].key);

                (void) buf_puts(out, "  see ");
                put_visible(out, before ? before : r->references[i].key);
                (void) buf_puts(out, before ? "" : " ");
                put_visible(out, r->references[i].value);
                (void) buf_putc(out, '\n');
        }
        for (unsigned i = 0; i < r->n_metadata; i++) {
                (void) buf_puts(out, i ? ", " : "  said of it: ");
                put_visible(out, r->metadata[i].key);
                (void) buf_putc(out, ' ');
                put_visible(out, r->metadata[i].value);
        }
        if (r->n_metadata)
                (void) buf_putc(out, '\n');
}

void explain_rule(struct buf *out, const struct ruleset *s, const struct rule *r)
{
        if (r->gid != 1)
                (void) buf_printf(out, "%" PRIu32 ":", r->gid);
        (void) buf_printf(out, "%" PRIu32 ", rev %" PRIu32 ": ", r->sid, r->rev);
        put_visible(out, r->msg);
        (void) buf_putc(out, '\n');
        put_visible(out, r->file);
        (void) buf_printf(out, ":%" PRIu32 "\n\n", r->line);
        put_header(out, r);
        (void) buf_puts(out, "when all of this holds:\n");
        put_conditions(out, s, r);
        (void) buf_puts(out, "A match\n");
        put_outcome(out, s, r);
        put_words(out, s, r);
}
