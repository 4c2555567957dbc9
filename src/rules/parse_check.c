/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rule as a whole: options that exclude each other, and what follows from all of them for where it is looked at.
 * The rules are those of Suricata 7 (SigValidate, SignatureIsIPOnly, SignatureIsPDOnly). Runs where rules are read. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "rules/parse.h"

static void name_option(struct parse *p, const char *name)
{
        (void) snprintf(p->option, sizeof(p->option), "%s", name);
}

/* Who sends what the rule looks at, where its buffers decide it. */
static int check_direction(struct parse *p)
{
        const uint32_t both = FLOW_TO_SERVER | FLOW_TO_CLIENT;
        uint32_t sent = 0;

        for (unsigned i = 0; i < p->n_parts; i++) {
                uint8_t direction = buffer_kinds[p->parts[i].buffer].direction;

                if (p->parts[i].n_steps == 0 || direction == BUFFER_TO_BOTH)
                        continue;
                sent |= direction == BUFFER_TO_SERVER ? FLOW_TO_SERVER : FLOW_TO_CLIENT;
                name_option(p, buffer_kinds[p->parts[i].buffer].name);
                if (((p->rule.flow | sent) & both) == both)
                        return parse_fail(p, PROBLEM_COMBINATION,
                                          "it is sent in one direction, other conditions want the other one");
        }
        p->rule.flow |= sent;
        return 0;
}

static bool has_app_part(const struct parse *p)
{
        for (unsigned i = 0; i < p->n_parts; i++)
                if (p->parts[i].n_steps && p->parts[i].buffer != BUFFER_PAYLOAD)
                        return true;
        return false;
}

static int check_packet_or_stream(struct parse *p)
{
        if (!(p->seen & PARSE_SEEN_PACKET))
                return 0;
        name_option(p, "");
        if (p->seen & PARSE_SEEN_STREAM)
                return parse_fail(p, PROBLEM_COMBINATION, "conditions on single packets in a rule about streams only");
        if (has_app_part(p))
                return parse_fail(p, PROBLEM_COMBINATION,
                                  "conditions on single packets (dsize, flags, ttl …) beside buffers of a protocol");
        return 0;
}

static int check_method(struct parse *p, const struct rule_content *c)
{
        if (strchr(" \t\r\n", c->bytes[0]) || strchr(" \t\r\n", c->bytes[c->len - 1]))
                return parse_fail(p, PROBLEM_COMBINATION, "no method begins or ends with white space");
        return 0;
}

static int check_host(struct parse *p, const struct rule_step *s)
{
        for (unsigned i = 0; i < s->content.len && !(s->flags & CONTENT_NOCASE); i++)
                if (s->content.bytes[i] >= 'A' && s->content.bytes[i] <= 'Z')
                        return parse_fail(p, PROBLEM_COMBINATION, "the host is in lower case, the content is not");
        return 0;
}

static int check_content(struct parse *p, const struct rule_step *s)
{
        uint8_t buffer = p->parts[parse_part_of_step(p, s)].buffer;
        uint16_t placed = CONTENT_OFFSET | CONTENT_DEPTH | CONTENT_DISTANCE | CONTENT_WITHIN;

        name_option(p, "content");
        if (s->flags & CONTENT_FAST && s->flags & CONTENT_NEGATED && s->flags & placed)
                return parse_fail(p, PROBLEM_COMBINATION, "a negated content with a place cannot be the fast pattern");
        if (buffer == BUFFER_HTTP_METHOD)
                return check_method(p, &s->content);
        return buffer == BUFFER_HTTP_HOST ? check_host(p, s) : 0;
}

/* The most bytes that there can be by these conditions; UINT32_MAX: any number. */
static uint32_t most_of_size(uint8_t op, uint32_t a, uint32_t b)
{
        switch (op) {
        case NUMBER_EQ:
        case NUMBER_LE:
                return a;
        case NUMBER_LT:
                return a - 1;
        case NUMBER_IN:
                return b - 1;
        default:
                return UINT32_MAX;
        }
}

static uint32_t most_of_part(const struct parse *p, uint8_t part)
{
        uint32_t most = UINT32_MAX;

        for (unsigned i = 0; p->parts[part].buffer == BUFFER_PAYLOAD && i < p->n_tests; i++)
                if (p->tests[i].kind == TEST_DSIZE && !p->tests[i].negated)
                        most = MIN(most, most_of_size(p->tests[i].op, p->tests[i].a, p->tests[i].b));
        for (unsigned i = 0; i < p->n_steps; i++)
                if (p->part_of[i] == part && p->steps[i].kind == STEP_BSIZE)
                        most = MIN(most, most_of_size(p->steps[i].size.op, p->steps[i].size.a, p->steps[i].size.b));
        return most;
}

static int check_contents(struct parse *p)
{
        for (unsigned i = 0; i < p->n_steps; i++) {
                const struct rule_step *s = &p->steps[i];

                if (s->kind != STEP_CONTENT)
                        continue;
                if (check_content(p, s) < 0)
                        return -EINVAL;
                if (!(s->flags & CONTENT_NEGATED) && s->content.len > most_of_part(p, p->part_of[i]))
                        return parse_fail(p, PROBLEM_COMBINATION,
                                          "the content is longer than all that it is looked for in may be");
        }
        return 0;
}

/* ---- what follows ---- */

static uint8_t proto_of_app(uint8_t app)
{
        switch (app) {
        case APP_IRC:
        case APP_SMTP:
        case APP_HTTP:
        case APP_TLS:
        case APP_FTP:
        case APP_FTP_DATA:
        case APP_SSH:
        case APP_POP3:
        case APP_IMAP:
        case APP_SMB:
                return IPPROTO_TCP;
        case APP_TFTP:
        case APP_NTP:
        case APP_DHCP:
        case APP_SNMP:
        case APP_QUIC:
        case APP_MDNS:
        case APP_RTP:
                return IPPROTO_UDP;
        default:
                return 0;
        }
}

/* Conditions that leave a rule to be about addresses, or about the protocol, only. */
static bool only_sets_bits(const struct parse *p)
{
        for (unsigned i = 0; i < p->n_bits; i++)
                if (p->bits[i].kind == BIT_INT || (p->bits[i].kind == BIT_FLOW && p->bits[i].op != BIT_SET))
                        return false;
        return true;
}

static bool only_tests_app(const struct parse *p)
{
        for (unsigned i = 0; i < p->n_tests; i++)
                if (p->tests[i].kind != TEST_APP)
                        return false;
        return p->n_tests > 0;
}

static uint32_t kind_of(const struct parse *p)
{
        const struct rule *r = &p->rule;

        if (p->n_steps || r->app != APP_UNKNOWN || !only_sets_bits(p))
                return 0;
        if (p->n_tests == 0 && r->flow == 0)
                return RULE_IP_ONLY;
        if (only_tests_app(p) && !(r->flow & ~(uint32_t) (FLOW_TO_SERVER | FLOW_TO_CLIENT)))
                return RULE_APP_ONLY;
        return 0;
}

/* Contents with a place are often written for the first bytes of a packet: they look at packets and at the stream. */
static bool looks_at_packets_too(const struct parse *p)
{
        bool payload = false, placed = false;

        for (unsigned i = 0; i < p->n_steps; i++) {
                if (p->parts[p->part_of[i]].buffer != BUFFER_PAYLOAD)
                        continue;
                payload = true;
                placed = placed ||
                         (p->steps[i].kind == STEP_CONTENT && p->steps[i].flags & (CONTENT_OFFSET | CONTENT_DEPTH));
        }
        for (unsigned i = 0; i < p->n_tests; i++)
                placed = placed || p->tests[i].kind == TEST_STREAM_SIZE;
        return payload && placed;
}

static void set_flags(struct parse *p)
{
        struct rule *r = &p->rule;

        if (r->proto == 0)
                r->proto = proto_of_app(r->app);
        r->flags |= kind_of(p);
        if (p->seen & PARSE_SEEN_PACKET)
                r->flags |= RULE_ONLY_PACKET;
        else if (p->seen & PARSE_SEEN_STREAM)
                r->flags |= RULE_ONLY_STREAM;
        else if ((r->proto == 0 || r->proto == IPPROTO_TCP) && looks_at_packets_too(p))
                r->flags |= RULE_ALSO_PACKET;
}

int parse_check(struct parse *p)
{
        struct rule *r = &p->rule;

        if (r->sid == 0) {
                name_option(p, "sid");
                return parse_fail(p, PROBLEM_COMBINATION, "the rule has no sid");
        }
        if ((r->flags & RULE_ONLY_V4) && (r->flags & RULE_ONLY_V6))
                return parse_fail(p, PROBLEM_COMBINATION, "something of IPv4 and something of IPv6");
        if (check_direction(p) < 0 || check_packet_or_stream(p) < 0 || check_contents(p) < 0)
                return -EINVAL;
        p->option[0] = '\0';
        set_flags(p);
        return 0;
}
