/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random rules on random bytes, against a plain reference (inspect_reference.h): single parts on one buffer, and whole
 * sets on packets, streams and transactions, prefilter, windows and waiting included. The bytes are few letters, so
 * that things match. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "inspect_reference.h"
#include "rules/inspect.h"
#include "rules/ruleset_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RULES_MAX  6
#define PARTS_MAX  2
#define STEPS_MAX  5
#define STREAM_MAX 160
#define WINDOW_MAX 48

struct input {
        const uint8_t *p;
        size_t left;
};

static unsigned take(struct input *in, unsigned below)
{
        if (in->left == 0)
                return 0;
        in->left--;
        return *in->p++ % below;
}

static uint8_t letter(struct input *in)
{
        return (uint8_t) "aabbcA\1\2"[take(in, 8)];
}

/* ---- rules ---- */

struct made {
        struct rule rule;
        struct rule_part parts[PARTS_MAX];
        struct rule_step steps[PARTS_MAX][STEPS_MAX];
        uint8_t contents[PARTS_MAX][STEPS_MAX][24];
        bool certain; /* what holds goes on to hold when bytes follow */
        bool dollar;  /* an expression asks for the end at hand */
};

static const char *const patterns[] = {"a+b",     "^b",    "[ab]c",     "c$",      "b.*a",
                                       "(?<=a)b", "abb?a", "(?i)aab+A", "a{2}bA.", "(a|b)aaa?b{0,2}\\x61"};
static pcre2_code *codes[ELEMENTSOF(patterns)];

static void compile_patterns(void)
{
        for (size_t i = 0; i < ELEMENTSOF(patterns) && !codes[i]; i++) {
                PCRE2_SIZE at;
                int error;

                codes[i] =
                        pcre2_compile((PCRE2_SPTR) patterns[i], PCRE2_ZERO_TERMINATED, PCRE2_DOTALL, &error, &at, NULL);
                if (!codes[i])
                        abort();
        }
}

static struct rule_number number(struct input *in, int least, unsigned n, bool may_vary)
{
        struct rule_number v = {.value = least + (int) take(in, n), .var = -1};

        if (may_vary && take(in, 6) == 0)
                v.var = 0;
        return v;
}

static void make_content(struct input *in, struct made *m, struct rule_step *s, uint8_t *bytes, bool first)
{
        unsigned how = take(in, 8);
        bool vary = m->rule.n_vars;

        s->kind = STEP_CONTENT;
        s->content.len = (uint16_t) (1 + (take(in, 5) ? take(in, 3) : take(in, 20)));
        for (unsigned k = 0; k < s->content.len; k++)
                bytes[k] = letter(in);
        s->content.bytes = bytes;
        s->content.offset = s->content.depth = s->content.distance = s->content.within =
                (struct rule_number){.var = -1};
        s->flags = take(in, 3) == 0 ? CONTENT_NOCASE : 0;
        s->flags |= take(in, 6) == 0 ? CONTENT_NEGATED : 0;
        s->flags |= take(in, 12) == 0 ? CONTENT_ENDS : 0;
        if (how < 3 && !first) {
                s->flags |= how == 0 ? CONTENT_DISTANCE | CONTENT_WITHIN : how == 1 ? CONTENT_DISTANCE : CONTENT_WITHIN;
                s->content.distance = number(in, -3, 8, vary);
                s->content.within = number(in, s->content.len, 8, vary);
        } else if (how < 6) {
                s->flags |= how == 3 ? CONTENT_OFFSET | CONTENT_DEPTH : how == 4 ? CONTENT_OFFSET : CONTENT_DEPTH;
                s->content.offset = number(in, 0, 12, vary);
                s->content.depth = number(in, s->content.len, 24, vary);
        }
        if (s->flags & (CONTENT_NEGATED | CONTENT_ENDS))
                m->certain = false;
}

static void make_byte(struct input *in, struct made *m, struct rule_step *s)
{
        static const uint8_t kinds[] = {STEP_BYTE_TEST, STEP_BYTE_TEST, STEP_BYTE_JUMP, STEP_BYTE_EXTRACT,
                                        STEP_BYTE_MATH};

        s->kind = kinds[take(in, 5)];
        s->byte = (struct rule_byte){
                .count = {.value = 1 + (int) take(in, 2), .var = -1},
                .offset = number(in, -2, 8, m->rule.n_vars),
                .value = number(in, 0, 120, m->rule.n_vars && s->kind != STEP_BYTE_JUMP),
                .post_offset = (int) take(in, 6) - 3,
                .multiplier = 1 + take(in, 2),
                .op = s->kind == STEP_BYTE_MATH ? (uint8_t) "+-"[take(in, 2)] : (uint8_t) take(in, NUMBER_OR + 1),
        };
        s->byte.flags = take(in, 2) ? BYTE_RELATIVE : 0;
        s->byte.flags |= take(in, 4) == 0 ? BYTE_LITTLE : 0;
        if (s->kind == STEP_BYTE_TEST)
                s->byte.flags |= take(in, 4) == 0 ? BYTE_NEGATED : 0;
        if (s->kind == STEP_BYTE_JUMP) {
                static const uint16_t from[] = {0, 0, BYTE_ALIGN, BYTE_FROM_BEGINNING, BYTE_FROM_END};

                s->byte.flags |= from[take(in, 5)];
                if (s->byte.flags & BYTE_FROM_END)
                        m->certain = false;
        }
        if (!(s->byte.flags & BYTE_RELATIVE) && s->byte.offset.value < 0)
                s->byte.offset.value = 0;
        if (s->kind == STEP_BYTE_EXTRACT || s->kind == STEP_BYTE_MATH)
                m->rule.n_vars = 1;
}

static void make_step(struct input *in, struct made *m, unsigned part, unsigned i)
{
        struct rule_step *s = &m->steps[part][i];
        unsigned kind = i == 0 && part == 0 && take(in, 6) ? 0 : take(in, 12);

        if (kind < 7) {
                make_content(in, m, s, m->contents[part][i], i == 0);
        } else if (kind < 9) {
                make_byte(in, m, s);
        } else if (kind == 9) {
                unsigned which = take(in, ELEMENTSOF(patterns));

                s->kind = STEP_PCRE;
                s->pcre = (struct rule_pcre){patterns[which], codes[which]};
                s->flags = (take(in, 2) ? PCRE_RELATIVE : 0) | (take(in, 6) == 0 ? PCRE_NEGATED : 0);
                if (s->flags & PCRE_NEGATED || which == 3)
                        m->certain = false;
                m->dollar |= which == 3;
        } else if (kind == 10) {
                s->kind = STEP_ISDATAAT;
                s->isdataat = (struct rule_isdataat){
                        .at = number(in, 0, 12, m->rule.n_vars), .relative = take(in, 2), .negated = take(in, 4) == 0};
                m->certain &= !s->isdataat.negated;
        } else {
                s->kind = STEP_BSIZE;
                s->size = (struct rule_size){.op = (uint8_t) take(in, NUMBER_GE + 1), .a = take(in, 40)};
                if (take(in, 4) == 0)
                        s->size = (struct rule_size){
                                .op = NUMBER_IN, .inclusive = take(in, 2), .a = take(in, 20), .b = 20 + take(in, 20)};
                m->certain = false;
        }
}

static void make_rule(struct input *in, struct made *m, uint32_t index)
{
        static const uint8_t buffers[] = {BUFFER_PAYLOAD, BUFFER_PAYLOAD, BUFFER_HTTP_URI, BUFFER_HTTP_REQUEST_BODY};

        *m = (struct made){
                .certain = true,
                .rule = {.sid = index + 1, .index = index, .action = RULE_ALERT, .priority = 1, .proto = IPPROTO_TCP}};
        m->rule.src = m->rule.dst = (struct rule_end){.any_addr = true, .any_port = true};
        m->rule.n_parts = (uint16_t) (1 + (take(in, 4) == 0));
        m->rule.parts = m->parts;
        for (unsigned part = 0; part < m->rule.n_parts; part++) {
                m->parts[part].buffer = buffers[take(in, 4)];
                m->parts[part].steps = m->steps[part];
                m->parts[part].n_steps = (uint16_t) (1 + take(in, STEPS_MAX));
                for (unsigned i = 0; i < m->parts[part].n_steps; i++)
                        make_step(in, m, part, i);
        }
        if (m->rule.n_parts == 2 && m->parts[0].buffer == m->parts[1].buffer)
                m->rule.n_parts = 1;
        if (take(in, 3) == 0)
                m->rule.flow = take(in, 2) ? FLOW_TO_SERVER : FLOW_TO_CLIENT;
        if (take(in, 4) == 0)
                m->rule.flags |= take(in, 2) ? RULE_ONLY_PACKET : RULE_ALSO_PACKET;
}

/* ---- one part on one buffer ---- */

static void one_part(struct input *in)
{
        struct made m;
        struct match_buffer b = {
                .base = take(in, 3) ? 0 : take(in, 20), .complete = take(in, 2), .now = take(in, 3) == 0};
        static struct matcher *matcher;
        uint64_t vars[RULE_VARS_MAX] = {0}, limited;
        uint8_t bytes[STREAM_MAX];
        struct match_query q;
        enum inspect_answer a;
        int held;

        if (!matcher && matcher_new(&matcher) < 0)
                abort();
        make_rule(in, &m, 0);
        b.len = take(in, 40);
        b.data = bytes;
        for (unsigned i = 0; i < STREAM_MAX; i++)
                bytes[i] = letter(in);
        q = (struct match_query){.rule = &m.rule, .part = &m.parts[0], .buffer = &b, .vars = vars};
        limited = match_limited(matcher);
        a = match_part(matcher, &q);
        held = reference_part(&m.parts[0], &b);
        if (held < 0 || match_limited(matcher) != limited)
                return;
        if ((a == INSPECT_MATCH) != (held == 1))
                abort();
        if (a == INSPECT_WAIT && b.complete)
                abort();
        /* Bytes that follow change no "no". */
        while (a == INSPECT_NO && !m.dollar && !b.complete && b.len < 60) {
                b.len++;
                b.complete = take(in, 2);
                if (reference_part(&m.parts[0], &b) == 1)
                        abort();
        }
}

/* ---- a set of rules on what a flow brings ---- */

struct world {
        struct made made[RULES_MAX];
        struct rule *rules[RULES_MAX];
        unsigned n_rules;
        struct inspector *inspector;
        struct inspect_flow *flow;
        struct inspect_input in;
        struct inspect_buffer buffers[BUFFERS];
        struct packet packet;
        struct addr src, dst;
        bool matched[RULES_MAX];   /* in the call under way */
        bool told[RULES_MAX];      /* in the transaction under way */
        uint64_t after[RULES_MAX]; /* in the stream */
        uint8_t stream[STREAM_MAX];
        unsigned n_stream;
};

static void on_match(void *userdata, const struct rule *r, const struct inspect_input *in)
{
        struct world *w = userdata;

        (void) in;
        if (w->matched[r->index])
                abort(); /* twice in one call */
        w->matched[r->index] = true;
}

static bool header_holds(const struct world *w, const struct rule *r)
{
        bool to_server = w->in.flags & INSPECT_TO_SERVER;

        return !(r->flow & FLOW_TO_SERVER && !to_server) && !(r->flow & FLOW_TO_CLIENT && to_server);
}

static struct match_buffer plain(const struct inspect_buffer *b, bool complete, bool now)
{
        return (struct match_buffer){b->data, b->len, b->base, complete, now};
}

static bool asks_buffers(const struct rule *r)
{
        return r->parts[0].buffer != BUFFER_PAYLOAD || (r->n_parts > 1 && r->parts[1].buffer != BUFFER_PAYLOAD);
}

/* The payload of the call, after what has matched. */
static int payload_holds(struct world *w, unsigned i)
{
        const struct rule *r = &w->made[i].rule;
        bool stream = w->in.flags & INSPECT_STREAM, packet = w->in.flags & INSPECT_PACKET;
        struct match_buffer b = plain(&w->buffers[BUFFER_PAYLOAD], !stream, true);
        int held = 0;

        if (stream && !(r->flags & RULE_ONLY_PACKET)) {
                uint64_t skip = w->after[i] > b.base ? MIN(w->after[i] - b.base, b.len) : 0;

                b.data += skip;
                b.len -= (uint32_t) skip;
                b.base += skip;
                b.complete = w->in.flags & INSPECT_FINAL;
                held = reference_part(&r->parts[0], &b);
        } else if (!stream &&
                   (!(w->in.flags & INSPECT_STREAM_ADDED) || r->flags & (RULE_ONLY_PACKET | RULE_ALSO_PACKET))) {
                held = reference_part(&r->parts[0], &b);
        }
        if (held == 0 && stream && packet && r->flags & (RULE_ONLY_PACKET | RULE_ALSO_PACKET)) {
                b = (struct match_buffer){w->packet.payload, w->packet.payload_len, 0, true, true};
                held = reference_part(&r->parts[0], &b);
        }
        return held;
}

static void check_payload(struct world *w)
{
        bool stream = w->in.flags & INSPECT_STREAM;

        for (unsigned i = 0; i < w->n_rules; i++) {
                const struct rule *r = &w->made[i].rule;
                bool was = w->matched[i];
                int held = asks_buffers(r) || !header_holds(w, r) ? 0 : payload_holds(w, i);

                w->matched[i] = false;
                if (was && held == 0)
                        abort(); /* it does not hold */
                /* What needs bytes that are not there, or may be gone, is judged when fresh bytes bring it up. */
                if (!was && held == 1 && (!stream || w->made[i].certain))
                        abort(); /* missed */
                if (was && stream)
                        w->after[i] = w->buffers[BUFFER_PAYLOAD].base + w->buffers[BUFFER_PAYLOAD].len;
        }
}

/* A packet alone, or a piece of the stream, perhaps with the packet that brought it. */
static void payload_call(struct input *in, struct world *w)
{
        unsigned how = take(in, 4), n = 1 + take(in, 12), window;

        w->in.flags = INSPECT_TO_SERVER | INSPECT_ESTABLISHED;
        w->in.have = w->in.scan = BUFFER_BIT(BUFFER_PAYLOAD);
        w->in.packet = &w->packet;
        n = MIN(n, STREAM_MAX - w->n_stream);
        for (unsigned i = 0; i < n; i++)
                w->stream[w->n_stream + i] = letter(in);
        w->packet.payload = w->stream + w->n_stream;
        w->packet.payload_len = n;
        if (how == 0) { /* of no stream */
                w->in.flags |= INSPECT_PACKET | (take(in, 2) ? INSPECT_STREAM_ADDED : 0);
                w->buffers[BUFFER_PAYLOAD] =
                        (struct inspect_buffer){.data = w->packet.payload, .len = n, .fresh = n, .complete = true};
        } else {
                w->n_stream += n;
                window = MIN(w->n_stream, WINDOW_MAX);
                w->in.flags |= INSPECT_STREAM | (how == 1 ? INSPECT_PACKET | INSPECT_STREAM_ADDED : 0);
                w->buffers[BUFFER_PAYLOAD] = (struct inspect_buffer){.data = w->stream + w->n_stream - window,
                                                                     .len = window,
                                                                     .fresh = n,
                                                                     .base = w->n_stream - window};
                if (how != 1)
                        w->in.packet = NULL;
        }
        inspect(w->inspector, &w->in);
        check_payload(w);
}

/* Every part by itself, in the buffers there are; -1: too many tries. Variables pass from part to part: such rules are
 * not compared. */
static int transaction_holds(const struct world *w, const struct rule *r)
{
        int all = 1;

        for (unsigned k = 0; k < r->n_parts; k++) {
                uint8_t buffer = r->parts[k].buffer;
                bool payload = buffer == BUFFER_PAYLOAD,
                     ends = w->buffers[buffer].complete || w->in.flags & INSPECT_FINAL;
                struct match_buffer b = plain(&w->buffers[buffer], !payload && ends, payload);

                if (!(w->in.have & BUFFER_BIT(buffer)))
                        return 0;
                all = MIN(all, reference_part(&r->parts[k], &b));
                if (all <= 0)
                        return all;
        }
        return all;
}

static void check_transaction(struct world *w)
{
        for (unsigned i = 0; i < w->n_rules; i++) {
                const struct rule *r = &w->made[i].rule;
                bool was = w->matched[i];
                int held;

                w->matched[i] = false;
                if (!asks_buffers(r) || (r->n_vars && r->n_parts > 1))
                        continue;
                held = header_holds(w, r) ? transaction_holds(w, r) : 0;
                if (was && (held == 0 || w->told[i]))
                        abort();
                if (!was && held == 1 && !w->told[i])
                        abort();
                w->told[i] |= was;
        }
}

/* A URI, at once or later, and a body in pieces. */
static void transaction_call(struct input *in, struct world *w)
{
        uint8_t uri[32], body[64];
        unsigned n_uri = 1 + take(in, 20), n_body = 0, uri_at = take(in, 3), pieces = 1 + take(in, 4);

        for (unsigned i = 0; i < n_uri; i++)
                uri[i] = letter(in);
        w->in.have = w->n_stream ? BUFFER_BIT(BUFFER_PAYLOAD) : 0;
        w->buffers[BUFFER_PAYLOAD] = (struct inspect_buffer){.data = w->stream, .len = w->n_stream};
        w->in.transaction++;
        memset(w->told, 0, sizeof(w->told));
        for (unsigned piece = 0; piece < pieces; piece++) {
                unsigned n = take(in, 12);

                w->in.flags = INSPECT_TO_SERVER | INSPECT_ESTABLISHED | INSPECT_STREAM |
                              (piece + 1 == pieces ? INSPECT_FINAL : 0);
                w->in.scan = 0;
                w->in.coming = BUFFER_BIT(BUFFER_HTTP_URI) | BUFFER_BIT(BUFFER_HTTP_REQUEST_BODY);
                w->in.packet = NULL;
                if (piece == uri_at) {
                        w->buffers[BUFFER_HTTP_URI] =
                                (struct inspect_buffer){.data = uri, .len = n_uri, .fresh = n_uri, .complete = true};
                        w->in.scan = BUFFER_BIT(BUFFER_HTTP_URI);
                }
                if (n > 0) {
                        for (unsigned i = 0; i < n; i++)
                                body[n_body + i] = letter(in);
                        n_body += n;
                        w->buffers[BUFFER_HTTP_REQUEST_BODY] =
                                (struct inspect_buffer){.data = body, .len = n_body, .fresh = n};
                        w->in.scan |= BUFFER_BIT(BUFFER_HTTP_REQUEST_BODY);
                } else {
                        w->buffers[BUFFER_HTTP_REQUEST_BODY].fresh = 0;
                }
                w->in.have |= w->in.scan;
                w->in.coming &= ~w->in.have;
                inspect(w->inspector, &w->in);
                check_transaction(w);
        }
}

static void whole_set(struct input *in)
{
        static struct world w;
        struct ruleset set = {.rules = w.rules};
        struct inspect_params params = {.rules = &set, .pool_bytes = 1 << 20, .match = on_match, .userdata = &w};

        w = (struct world){.n_rules = 1 + take(in, RULES_MAX)};
        for (unsigned i = 0; i < w.n_rules; i++) {
                make_rule(in, &w.made[i], i);
                w.rules[i] = &w.made[i].rule;
        }
        set.n_rules = w.n_rules;
        if (prefilter_compile(&set, &set.prefilter, &set.stats) < 0 || inspector_new(&params, &w.inspector) < 0)
                abort();
        w.in = (struct inspect_input){.src = &w.src, .dst = &w.dst, .sport = 1000, .dport = 80, .proto = IPPROTO_TCP};
        w.in.buffers = w.buffers;
        w.in.flow = &w.flow;
        w.packet = (struct packet){.proto = IPPROTO_TCP};
        for (unsigned call = 0; call < 12 && in->left; call++) {
                struct inspect_stats stats;

                w.packet.time++;
                if (take(in, 3))
                        payload_call(in, &w);
                else
                        transaction_call(in, &w);
                inspector_get_stats(w.inspector, &stats);
                if (stats.step_limit || stats.wait_dropped)
                        break;
        }
        inspect_flow_end(w.inspector, &w.flow);
        inspector_free(w.inspector);
        prefilter_free(set.prefilter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = {data, size};

        compile_patterns();
        if (take(&in, 4))
                one_part(&in);
        else
                whole_set(&in);
        return 0;
}
