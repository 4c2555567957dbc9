/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The conditions of one part of a rule, tried in order, with backtracking over the places of contents and expressions.
 * See rules/match.h. Runs in the engine and in `read`.
 *
 * What keeps it from trying in vain: a condition that fails says whether other places of what came before can help at
 * all. A content that is searched for to the end of the buffer and not found will not be found from further on either
 * (MATCH_LATER); one that depends on no place makes everything fail (MATCH_NEVER). */
#include "rules/match_internal.h"

#include <string.h>

/* Of PCRE2, per place where a match is tried: Suricata's default. In long subjects, which have many places, less, so
 * that the whole stays bounded: some ten milliseconds for the worst that an author can write. */
#define PCRE_MATCH_MAX 3500
#define PCRE_MATCH_MIN 1000
#define PCRE_MATCH_ALL (PCRE_MATCH_MAX * (16u << 10))
/* A byte of an expression's subject counts as so many that are searched. */
#define PCRE_BYTES 16

static bool uses_cursor(const struct rule_step *s)
{
        switch (s->kind) {
        case STEP_CONTENT:
                return s->flags & (CONTENT_DISTANCE | CONTENT_WITHIN);
        case STEP_PCRE:
                return s->flags & PCRE_RELATIVE;
        case STEP_ISDATAAT:
                return s->isdataat.relative;
        case STEP_BYTE_TEST:
        case STEP_BYTE_JUMP:
        case STEP_BYTE_EXTRACT:
        case STEP_BYTE_MATH:
                return s->byte.flags & BYTE_RELATIVE;
        default:
                return false;
        }
}

static bool moves_cursor(const struct rule_step *s)
{
        switch (s->kind) {
        case STEP_CONTENT:
                return !(s->flags & CONTENT_NEGATED);
        case STEP_PCRE:
                return !(s->flags & PCRE_NEGATED);
        case STEP_BYTE_JUMP:
        case STEP_BYTE_EXTRACT:
        case STEP_BYTE_MATH:
                return true;
        default:
                return false;
        }
}

/* Does a later condition depend on where this one matched? */
static bool relied_on(const struct match *e, unsigned i)
{
        for (unsigned k = i + 1; k < e->n_steps; k++) {
                if (uses_cursor(&e->steps[k]))
                        return true;
                if (moves_cursor(&e->steps[k]))
                        return false;
        }
        return false;
}

/* The buffer ends with the beginning of the literal's content, the literal in it: its end may follow. */
static bool in_progress(const struct match *e, const struct match_literal *l)
{
        const struct rule_step *s = &e->steps[l->step];
        struct rule_content c = s->content;

        for (unsigned n = MIN((int64_t) s->content.len - 1, e->len); n >= l->end && n > 0; n--) {
                c.len = (uint16_t) n;
                if (match_same(&c, s->flags & CONTENT_NOCASE, e->data + e->len - n))
                        return true;
        }
        return false;
}

/* Condition i failed for want of bytes. */
static void want_more(struct match *e, unsigned i)
{
        const struct match_literal *l = e->q->literal;

        if (e->complete || e->want)
                return;
        e->want = !l || i > l->step || i < l->chain || in_progress(e, l);
}

static enum match_result run(struct match *e, unsigned i);

static void trace_place(struct match *e, unsigned i, int64_t at, int64_t end)
{
        if (e->q->trace)
                e->q->trace->current[i] = (struct match_place){.at = (uint64_t) at, .end = (uint64_t) end};
}

static void trace_reached(struct match *e, unsigned i)
{
        struct match_trace *t = e->q->trace;

        if (t && i > t->reached) {
                t->reached = (uint16_t) i;
                memcpy(t->places, t->current, i * sizeof(t->places[0]));
        }
}

/* Where a content may stand, as places in the window; *ret_open: it may also stand where the window does not reach. */
static void content_range(const struct match *e, const struct rule_step *s, int64_t *ret_from, int64_t *ret_to,
                          bool *ret_open)
{
        const struct rule_content *c = &s->content;
        int64_t from = 0, to = INT64_MAX;

        if (s->flags & (CONTENT_DISTANCE | CONTENT_WITHIN)) {
                from = e->cursor + (s->flags & CONTENT_DISTANCE ? match_number(e, &c->distance) : 0);
                if (s->flags & CONTENT_WITHIN)
                        to = from + match_number(e, &c->within);
        }
        if (s->flags & CONTENT_OFFSET)
                from = MAX(from, match_number(e, &c->offset));
        if (s->flags & CONTENT_DEPTH)
                to = MIN(to,
                         (s->flags & CONTENT_OFFSET ? match_number(e, &c->offset) : 0) + match_number(e, &c->depth));
        from = MAX(from, 0);
        *ret_open = MAX(from, e->size - c->len + 1) + c->len <= to;
        *ret_from = MAX(from - e->base, 0);
        *ret_to = MIN(to, e->size) - e->base;
}

static bool content_bounded(const struct rule_step *s)
{
        return s->flags & (CONTENT_WITHIN | CONTENT_DEPTH | CONTENT_ENDS);
}

/* The only place where a content can end the buffer. */
static int64_t content_at_end(const struct match *e, const struct rule_step *s, int64_t from, int64_t to)
{
        int64_t at = e->len - s->content.len;

        return at >= from && to == e->len && match_same(&s->content, s->flags & CONTENT_NOCASE, e->data + at) ? at : -1;
}

static int64_t content_place(const struct match *e, const struct rule_step *s, int64_t from, int64_t to)
{
        if (to - from < s->content.len)
                return -1;
        if (s->flags & CONTENT_ENDS)
                return content_at_end(e, s, from, to);
        return match_find(&s->content, s->flags & CONTENT_NOCASE, e->data, from, to);
}

static enum match_result step_negated(struct match *e, unsigned i)
{
        const struct rule_step *s = &e->steps[i];
        bool ends = s->flags & CONTENT_ENDS, open, found;
        int64_t from, to;

        content_range(e, s, &from, &to, &open);
        if (!match_spend(e, MAX(to - from, 0)))
                return MATCH_NEVER;
        found = content_place(e, s, from, to) >= 0;
        /* Found is found, but for an end that may be none. */
        if (!e->complete && !e->now && (found ? ends : open)) {
                want_more(e, i);
                return MATCH_FAILED;
        }
        if (!found)
                return run(e, i + 1);
        if (ends)
                want_more(e, i);
        return uses_cursor(s) ? MATCH_FAILED : match_never(e);
}

static enum match_result step_content(struct match *e, unsigned i)
{
        const struct rule_step *s = &e->steps[i];
        bool relative = uses_cursor(s), open;
        enum match_result r;
        int64_t from, to;

        if (s->flags & CONTENT_NEGATED)
                return step_negated(e, i);
        content_range(e, s, &from, &to, &open);
        if (s->flags & CONTENT_ENDS && to == e->len && !e->complete) {
                e->want = true; /* no new occurrence, but the end */
                if (!e->now)
                        return MATCH_FAILED;
        }
        for (;;) {
                int64_t at = content_place(e, s, from, to);

                if (!match_spend(e, MAX((at < 0 ? to : at) - from, 0) + s->content.len))
                        return MATCH_NEVER;
                if (at < 0)
                        break;
                e->cursor = e->base + at + s->content.len;
                trace_place(e, i, e->base + at, e->cursor);
                r = run(e, i + 1);
                if (r == MATCH_HELD || r == MATCH_NEVER)
                        return r;
                if (r == MATCH_LATER)
                        return relative ? r : match_never(e);
                if (!relied_on(e, i))
                        return match_never(e);
                from = at + 1;
        }
        if (open)
                want_more(e, i);
        if (!relative)
                return match_never(e);
        return content_bounded(s) ? MATCH_FAILED : match_later(e);
}

static int pcre_try(struct match *e, const struct rule_step *s, int64_t start, int64_t offset, size_t ret_range[2])
{
        int64_t len = e->len - start;
        uint32_t limit = (uint32_t) MIN(MAX(PCRE_MATCH_ALL / MAX(len, 1), PCRE_MATCH_MIN), PCRE_MATCH_MAX);
        const size_t *range;
        uint32_t options = 0;
        int r;

        (void) pcre2_pattern_info(s->pcre.code, PCRE2_INFO_ALLOPTIONS, &options);
        /* What is anchored is tried at one place. */
        if (!match_spend(e, options & PCRE2_ANCHORED ? PCRE_MATCH_MAX : (len - offset) * PCRE_BYTES + 64))
                return PCRE2_ERROR_MATCHLIMIT;
        (void) pcre2_set_match_limit(e->matcher->context, limit);
        r = pcre2_match(s->pcre.code, e->data + start, (size_t) len, (size_t) offset, 0, e->matcher->data,
                        e->matcher->context);
        if (r < 0)
                return r;
        range = pcre2_get_ovector_pointer(e->matcher->data);
        ret_range[0] = range[0];
        ret_range[1] = range[1];
        return 0;
}

static enum match_result step_pcre_negated(struct match *e, unsigned i, int r)
{
        if (e->complete || e->now) {
                if (r < 0)
                        return run(e, i + 1);
                return uses_cursor(&e->steps[i]) ? MATCH_FAILED : match_never(e);
        }
        want_more(e, i); /* also when it matches: what it says of the end may not hold then */
        return MATCH_FAILED;
}

static enum match_result step_pcre(struct match *e, unsigned i)
{
        const struct rule_step *s = &e->steps[i];
        bool relative = uses_cursor(s);
        int64_t start = relative ? MIN(MAX(e->cursor - e->base, 0), e->len) : 0, offset = 0;
        size_t range[2];

        for (;;) {
                enum match_result result;
                int r = pcre_try(e, s, start, offset, range);

                if (r < 0 && r != PCRE2_ERROR_NOMATCH) {
                        e->limited = true;
                        return MATCH_FAILED;
                }
                if (s->flags & PCRE_NEGATED)
                        return step_pcre_negated(e, i, r);
                if (r < 0)
                        break;
                e->cursor = e->base + start + (int64_t) range[1];
                trace_place(e, i, e->base + start + (int64_t) range[0], e->cursor);
                result = run(e, i + 1);
                if (result == MATCH_HELD || result == MATCH_NEVER)
                        return result;
                if (!relied_on(e, i))
                        return match_never(e);
                /* A match that begins later may end earlier: MATCH_LATER says nothing here. */
                offset = MAX((int64_t) range[0], offset) + 1;
                if (start + offset > e->len)
                        break;
        }
        want_more(e, i);
        return relative ? MATCH_FAILED : match_never(e);
}

/* Conditions with one place only. */
static enum match_result step_simple(struct match *e, unsigned i)
{
        const struct rule_step *s = &e->steps[i];
        bool short_of_bytes = false;
        enum match_result r;

        if (s->kind == STEP_ISDATAAT)
                r = match_isdataat(e, s, &short_of_bytes);
        else if (s->kind == STEP_BSIZE)
                r = match_size(e, s, &short_of_bytes);
        else if (s->kind == STEP_ASN1) /* not loaded */
                r = MATCH_NEVER;
        else
                r = match_byte(e, i, &short_of_bytes);
        if (short_of_bytes)
                want_more(e, i);
        return r;
}

static enum match_result run(struct match *e, unsigned i)
{
        enum match_result r = MATCH_HELD;
        bool jumped = false;

        for (; i < e->n_steps && r == MATCH_HELD; i++) {
                const struct rule_step *s = &e->steps[i];

                trace_reached(e, i);
                if (e->limited || e->steps_left == 0) {
                        e->limited = true;
                        return MATCH_NEVER;
                }
                e->steps_left--;
                if (s->kind == STEP_CONTENT || s->kind == STEP_PCRE) {
                        r = s->kind == STEP_CONTENT ? step_content(e, i) : step_pcre(e, i);
                        /* Where a jump leads to does not grow with where it begins. */
                        return r == MATCH_LATER && jumped ? MATCH_FAILED : r;
                }
                r = step_simple(e, i);
                jumped |= moves_cursor(s);
        }
        if (r == MATCH_HELD)
                trace_reached(e, e->n_steps);
        return r;
}

enum inspect_answer match_part(struct matcher *m, const struct match_query *q)
{
        struct match_buffer b = *q->buffer;
        struct match e = {
                .matcher = m,
                .q = q,
                .steps = q->part->steps,
                .n_steps = MIN(q->part->n_steps, RULE_STEPS_MAX),
                .steps_left = MATCH_STEPS_MAX,
                .bytes_left = MATCH_BYTES_MAX,
                .vars = q->vars,
        };
        enum match_result r;

        if (q->trace)
                q->trace->reached = 0;
        if (q->part->flags && !match_transform(m, q->part->flags, &b))
                return INSPECT_WAIT;
        e.data = b.data;
        e.len = b.len;
        e.base = (int64_t) b.base;
        e.size = e.base + e.len;
        e.complete = b.complete;
        e.now = b.now;
        r = run(&e, 0);
        if (e.limited)
                m->limited++;
        if (r == MATCH_HELD)
                return INSPECT_MATCH;
        return e.want && !e.limited ? INSPECT_WAIT : INSPECT_NO;
}

uint64_t match_limited(const struct matcher *m)
{
        return m->limited;
}
