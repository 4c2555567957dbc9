/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One rule on what is at hand: header, flow, packet, bits, then its parts, each in its buffer. Runs in the engine and
 * in `read`. */
#include <netinet/in.h>

#include "rules/inspect_internal.h"

/* Rules that look at packets of TCP even though their bytes come with the stream. */
#define LOOKS_AT_PACKETS (RULE_ONLY_PACKET | RULE_ALSO_PACKET)

struct judging {
        struct inspector *i;
        const struct inspect_judge *j;
        bool of_packet; /* PAYLOAD is the packet's, though the call is about the stream */
        uint64_t vars[RULE_VARS_MAX];
};

/* The payload as this rule sees it. */
static void payload_of(const struct judging *g, struct match_buffer *ret)
{
        const struct inspect_input *in = g->j->in;
        const struct inspect_buffer *b = &in->buffers[BUFFER_PAYLOAD];
        bool stream = in->flags & INSPECT_STREAM;
        uint64_t skip;

        if (g->of_packet) {
                *ret = (struct match_buffer){in->packet->payload, in->packet->payload_len, 0, true, true};
                return;
        }
        *ret = (struct match_buffer){.data = b->data, .len = b->len, .base = b->base, .now = true};
        /* The end of a transaction is not the end of its stream. */
        ret->complete = !stream || b->complete || (in->flags & INSPECT_FINAL && !g->j->rule->of_buffers);
        skip = stream && g->j->after > b->base ? MIN(g->j->after - b->base, b->len) : 0;
        ret->data += skip;
        ret->len -= (uint32_t) skip;
        ret->base += skip;
}

static bool buffer_of(const struct judging *g, uint8_t buffer, struct match_buffer *ret)
{
        const struct inspect_input *in = g->j->in;
        const struct inspect_buffer *b;

        if (buffer == BUFFER_PAYLOAD && g->of_packet) {
                payload_of(g, ret);
                return true;
        }
        if (!(in->have & BUFFER_BIT(buffer)))
                return false;
        if (buffer == BUFFER_PAYLOAD) {
                payload_of(g, ret);
                return true;
        }
        b = &in->buffers[buffer];
        *ret = (struct match_buffer){.data = b->data, .len = b->len, .base = b->base};
        ret->complete = b->complete || in->flags & INSPECT_FINAL || !buffer_kinds[buffer].grows;
        return true;
}

static enum inspect_answer judge_part(struct judging *g, unsigned number)
{
        const struct prefilter_rule *r = g->j->rule;
        const struct rule_part *part = &r->rule->parts[number];
        const struct inspect_input *in = g->j->in;
        struct match_buffer b;
        struct match_query q = {
                .rule = r->rule,
                .part = part,
                .buffer = &b,
                .literal = r->of_content && r->part == number ? &r->literal : NULL,
                .trace = g->j->why ? g->i->trace : NULL,
                .vars = g->vars,
        };
        enum inspect_answer a;

        if (!buffer_of(g, part->buffer, &b)) {
                bool coming = in->coming & BUFFER_BIT(part->buffer) && !(in->flags & INSPECT_FINAL);

                if (g->j->why)
                        inspect_why_missing(g->j, number, coming);
                return coming ? INSPECT_WAIT : INSPECT_NO;
        }
        a = match_part(g->i->matcher, &q);
        if (g->j->why)
                inspect_why_part(g->j, number, a, g->i->trace);
        return a;
}

static enum inspect_answer judge_parts(struct judging *g)
{
        const struct rule *r = g->j->rule->rule;
        enum inspect_answer all = INSPECT_MATCH;

        for (unsigned k = 0; k < r->n_parts; k++) {
                enum inspect_answer a = judge_part(g, k);

                if (a == INSPECT_NO)
                        return a;
                if (a == INSPECT_WAIT)
                        all = a;
        }
        return all;
}

static bool judge_conditions(struct inspector *i, const struct inspect_judge *j)
{
        const struct rule *r = j->rule->rule;
        enum inspect_head head = inspect_test_head(r, j->in);

        if (j->why)
                inspect_why_head(j, head);
        if (head != HEAD_HELD)
                return false;
        for (unsigned k = 0; k < r->n_tests; k++) {
                bool held = inspect_test_holds(&r->tests[k], j->in);

                if (j->why)
                        inspect_why_test(j, &r->tests[k], held);
                if (!held)
                        return false;
        }
        for (unsigned k = 0; k < r->n_bit_conditions; k++) {
                bool held = inspect_bits_hold(i, &r->bits[k], j->in);

                if (j->why)
                        inspect_why_bit(i, j, &r->bits[k], held);
                if (!held)
                        return false;
        }
        return true;
}

/* Of payload alone: what of this call does the rule look at? NULL: of something; else why of nothing. */
static const char *payload_looked_at(const struct prefilter_rule *r, const struct inspect_input *in, bool *ret_stream,
                                     bool *ret_packet)
{
        bool tcp = in->proto == IPPROTO_TCP, added = in->flags & INSPECT_STREAM_ADDED;
        bool stream = in->flags & INSPECT_STREAM, packet = in->flags & INSPECT_PACKET;
        bool looks_at_packets = r->rule->flags & LOOKS_AT_PACKETS || r->rule->flow & FLOW_NO_STREAM;

        *ret_stream = stream && !(r->rule->flags & RULE_ONLY_PACKET) && !(r->rule->flow & FLOW_NO_STREAM);
        *ret_packet = packet && !(r->rule->flags & RULE_ONLY_STREAM) && !(r->rule->flow & FLOW_ONLY_STREAM) &&
                      (!stream || in->packet) && (looks_at_packets || !tcp || !(added || stream));
        if (*ret_stream || *ret_packet)
                return NULL;
        return stream ? "looks at packets only" : "looks at the stream only, and these bytes come with it";
}

static enum inspect_answer judge_payload(struct judging *g)
{
        enum inspect_answer a = INSPECT_NO;
        bool stream, packet;
        const char *nothing = payload_looked_at(g->j->rule, g->j->in, &stream, &packet);

        if (nothing) {
                if (g->j->why)
                        inspect_why_call(g->j, nothing);
                return INSPECT_NO;
        }
        if (stream || !(g->j->in->flags & INSPECT_STREAM)) {
                a = judge_parts(g);
                if (a == INSPECT_MATCH)
                        return a;
        }
        if (packet && g->j->in->flags & INSPECT_STREAM) {
                g->of_packet = true;
                if (judge_parts(g) == INSPECT_MATCH)
                        return INSPECT_MATCH;
        }
        return a;
}

enum inspect_answer inspect_rule_judge(struct inspector *i, const struct inspect_judge *j)
{
        struct judging g = {.i = i, .j = j};

        if (!judge_conditions(i, j))
                return INSPECT_NO;
        if (j->rule->of_payload && !j->rule->of_buffers)
                return judge_payload(&g);
        return judge_parts(&g);
}

enum inspect_answer inspect_rule(struct inspector *i, const struct rule *r, const struct inspect_input *in,
                                 void (*why)(void *userdata, const struct inspect_why *w), void *userdata)
{
        struct inspect_judge j = {
                .rule = prefilter_rule(i->prefilter, prefilter_rank(i->prefilter, r->index)),
                .in = in,
                .why = why,
                .userdata = userdata,
        };

        if (why && !i->trace && !(i->trace = calloc(1, sizeof(*i->trace))))
                j.why = NULL;
        return inspect_rule_judge(i, &j);
}
