/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a part of a rule means, written down as plainly as possible: every place of every content is tried, nothing is
 * remembered, nothing is skipped. For comparing with the evaluation that is fast. Runs in tests. */
#ifndef SEKIMORI_TESTS_INSPECT_REFERENCE_H
#define SEKIMORI_TESTS_INSPECT_REFERENCE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <pcre2.h>
#include <string.h>

#include "rules/match.h"

#define REFERENCE_TRIES 200000 /* beyond: nobody knows */

struct reference {
        const struct rule_part *part;
        const uint8_t *data;
        int64_t len, base;
        bool complete, now;
        uint64_t vars[RULE_VARS_MAX];
        long tries;
};

static bool reference_rest(struct reference *r, unsigned i, int64_t cursor);

static int64_t reference_number(const struct reference *r, struct rule_number n)
{
        if (n.var < 0)
                return n.value;
        return r->vars[(unsigned) n.var] > 1u << 30 ? 1 << 30 : (int64_t) r->vars[(unsigned) n.var];
}

static bool reference_content_at(const struct reference *r, const struct rule_step *s, int64_t place)
{
        for (unsigned k = 0; k < s->content.len; k++) {
                int a = r->data[place - r->base + k], b = s->content.bytes[k];

                if (s->flags & CONTENT_NOCASE ? tolower(a) != tolower(b) : a != b)
                        return false;
        }
        return true;
}

/* Is this place, counted from the beginning, within what the content's modifiers say? */
static bool reference_allowed(const struct reference *r, const struct rule_step *s, int64_t place, int64_t cursor)
{
        const struct rule_content *c = &s->content;
        int64_t end = place + c->len, from = cursor;

        if (s->flags & CONTENT_DISTANCE)
                from += reference_number(r, c->distance);
        if (s->flags & (CONTENT_DISTANCE | CONTENT_WITHIN) && place < from)
                return false;
        if (s->flags & CONTENT_WITHIN && end > from + reference_number(r, c->within))
                return false;
        from = s->flags & CONTENT_OFFSET ? reference_number(r, c->offset) : 0;
        return place >= from && !(s->flags & CONTENT_DEPTH && end > from + reference_number(r, c->depth));
}

/* Could the content stand where the buffer does not reach yet? If anywhere, then at the first place of those allowed.
 */
static bool reference_reaches(const struct reference *r, const struct rule_step *s, int64_t cursor)
{
        int64_t place = r->base + r->len - s->content.len + 1, from = reference_number(r, s->content.offset);

        place = place < 0 ? 0 : place;
        if (s->flags & CONTENT_OFFSET && place < from)
                place = from;
        from = cursor + (s->flags & CONTENT_DISTANCE ? reference_number(r, s->content.distance) : 0);
        if (s->flags & (CONTENT_DISTANCE | CONTENT_WITHIN) && place < from)
                place = from;
        return reference_allowed(r, s, place, cursor);
}

static bool reference_content(struct reference *r, unsigned i, int64_t cursor)
{
        const struct rule_step *s = &r->part->steps[i];
        int64_t last = r->base + r->len - s->content.len;
        bool found = false, certain = r->complete || r->now;

        for (int64_t place = r->base; place <= last; place++) {
                if (!reference_allowed(r, s, place, cursor) || !reference_content_at(r, s, place))
                        continue;
                if (s->flags & CONTENT_ENDS && place != last)
                        continue;
                found = true;
                if (!(s->flags & CONTENT_NEGATED) && (certain || !(s->flags & CONTENT_ENDS)) &&
                    reference_rest(r, i + 1, place + s->content.len))
                        return true;
        }
        if (!(s->flags & CONTENT_NEGATED) || found)
                return false;
        if (!certain && reference_reaches(r, s, cursor))
                return false;
        return reference_rest(r, i + 1, cursor);
}

static bool reference_pcre(struct reference *r, unsigned i, int64_t cursor)
{
        const struct rule_step *s = &r->part->steps[i];
        int64_t start = s->flags & PCRE_RELATIVE ? cursor - r->base : 0;
        pcre2_match_data *data = pcre2_match_data_create(4, NULL);
        bool found = false, held = false;

        start = start < 0 ? 0 : start > r->len ? r->len : start;
        for (int64_t at = start; at <= r->len && !held; at++) {
                int n = pcre2_match(s->pcre.code, r->data + start, (size_t) (r->len - start), (size_t) (at - start),
                                    PCRE2_ANCHORED, data, NULL);

                if (n < 0)
                        continue;
                found = true;
                held = !(s->flags & PCRE_NEGATED) &&
                       reference_rest(r, i + 1, r->base + start + (int64_t) pcre2_get_ovector_pointer(data)[1]);
        }
        pcre2_match_data_free(data);
        if (s->flags & PCRE_NEGATED && !found && (r->complete || r->now))
                return reference_rest(r, i + 1, cursor);
        return held;
}

static bool reference_isdataat(struct reference *r, unsigned i, int64_t cursor)
{
        const struct rule_isdataat *d = &r->part->steps[i].isdataat;
        int64_t end = r->base + r->len, at = reference_number(r, d->at);
        bool there = d->relative ? cursor + at <= end : at < end;

        if (d->at.var >= 0 && at >= 100000000)
                there = false;
        if (there == d->negated || (!there && !r->complete && !r->now))
                return false;
        return reference_rest(r, i + 1, cursor);
}

static bool reference_compare(unsigned op, uint64_t a, uint64_t b)
{
        switch (op) {
        case NUMBER_EQ:
                return a == b;
        case NUMBER_NE:
                return a != b;
        case NUMBER_LT:
                return a < b;
        case NUMBER_GT:
                return a > b;
        case NUMBER_LE:
                return a <= b;
        case NUMBER_GE:
                return a >= b;
        case NUMBER_AND:
                return (a & b) != 0;
        default:
                return (a ^ b) != 0;
        }
}

/* Only whole numbers of the buffer, no strings. */
static bool reference_byte(struct reference *r, unsigned i, int64_t cursor)
{
        const struct rule_step *s = &r->part->steps[i];
        const struct rule_byte *b = &s->byte;
        int64_t at = reference_number(r, b->offset) + (b->flags & BYTE_RELATIVE ? cursor : 0);
        int64_t n = reference_number(r, b->count), end = r->base + r->len, to;
        uint64_t v = 0, with = b->value.var < 0 ? (uint64_t) b->value.value : r->vars[(unsigned) b->value.var], was;
        bool held;

        if (n > 8 || at < r->base || at + n > end || (b->flags & BYTE_RELATIVE && at >= end))
                return false;
        for (int64_t k = 0; k < n; k++)
                v |= (uint64_t) r->data[at - r->base + k] << 8 * (b->flags & BYTE_LITTLE ? k : n - 1 - k);
        if (s->kind == STEP_BYTE_TEST)
                return reference_compare(b->op, v, with) != !!(b->flags & BYTE_NEGATED) &&
                       reference_rest(r, i + 1, cursor);
        if (s->kind == STEP_BYTE_JUMP) {
                v = v * b->multiplier;
                if (b->flags & BYTE_ALIGN)
                        v = (v + 3) / 4 * 4;
                to = (int64_t) v + b->post_offset + (b->flags & BYTE_FROM_BEGINNING ? 0 : at + n);
                if (b->flags & BYTE_FROM_END) {
                        if (!r->complete && !r->now)
                                return false;
                        to = end + (int64_t) v + b->post_offset;
                }
                return to < end && reference_rest(r, i + 1, to < 0 ? 0 : to);
        }
        was = r->vars[b->var];
        r->vars[b->var] = s->kind == STEP_BYTE_EXTRACT ? v * b->multiplier : b->op == '+' ? v + with : v - with;
        held = reference_rest(r, i + 1, at + n);
        if (!held)
                r->vars[b->var] = was;
        return held;
}

static bool reference_size(struct reference *r, unsigned i, int64_t cursor)
{
        const struct rule_size *z = &r->part->steps[i].size;
        uint64_t size = (uint64_t) (r->base + r->len);
        bool held = z->op != NUMBER_IN ? reference_compare(z->op, size, z->a) :
                    z->inclusive       ? size >= z->a && size <= z->b :
                                         size > z->a && size < z->b;

        if (!r->complete && !r->now && z->op != NUMBER_GT && z->op != NUMBER_GE)
                return false;
        return held && reference_rest(r, i + 1, cursor);
}

static bool reference_rest(struct reference *r, unsigned i, int64_t cursor)
{
        if (++r->tries > REFERENCE_TRIES)
                return false;
        if (i == r->part->n_steps)
                return true;
        switch (r->part->steps[i].kind) {
        case STEP_CONTENT:
                return reference_content(r, i, cursor);
        case STEP_PCRE:
                return reference_pcre(r, i, cursor);
        case STEP_ISDATAAT:
                return reference_isdataat(r, i, cursor);
        case STEP_BSIZE:
                return reference_size(r, i, cursor);
        default:
                return reference_byte(r, i, cursor);
        }
}

/* 1: holds, 0: does not, -1: too many tries. Transforms: none. */
static int reference_part(const struct rule_part *part, const struct match_buffer *b)
{
        struct reference r = {.part = part,
                              .data = b->data,
                              .len = b->len,
                              .base = (int64_t) b->base,
                              .complete = b->complete,
                              .now = b->now};
        bool held = reference_rest(&r, 0, 0);

        return r.tries > REFERENCE_TRIES ? -1 : held;
}

#endif
