/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conditions on numbers in bytes and on lengths: isdataat, byte_test, byte_jump, byte_extract, byte_math, bsize. As
 * Suricata 7 evaluates them. Runs in the engine and in `read`. */
#include "rules/match_internal.h"

#include <errno.h>
#include <string.h>

/* An extracted number beyond this is no place (Suricata's isdataat). */
#define PLACE_MAX 100000000

/* Digits at most: the longest octal number of 64 bits has 22, and a zero before it. */
#define DIGITS_MAX 23

enum match_result match_isdataat(const struct match *e, const struct rule_step *s, bool *ret_short)
{
        const struct rule_isdataat *d = &s->isdataat;
        int64_t at = match_number(e, &d->at);
        bool there = d->relative ? e->cursor + at <= e->size : at < e->size;

        if (d->at.var >= 0 && at >= PLACE_MAX)
                there = false;
        if (there == !d->negated) {
                if (!d->negated || e->complete || e->now)
                        return MATCH_HELD;
                *ret_short = true;
                return MATCH_FAILED;
        }
        if (!d->negated) {
                *ret_short = true;
                return d->relative ? match_later(e) : match_never(e);
        }
        return d->relative ? MATCH_FAILED : match_never(e);
}

static uint64_t read_binary(const uint8_t *p, unsigned n, bool little)
{
        uint64_t v = 0;

        for (unsigned i = 0; i < n; i++)
                v = v << 8 | p[little ? n - 1 - i : i];
        return v;
}

/* As strtoull() reads it: white space, a sign, 0x of hexadecimal numbers. Returns how many bytes were read, 0: none. */
static unsigned read_digits(const uint8_t *p, unsigned n, unsigned base, uint64_t *ret)
{
        char text[DIGITS_MAX + 1], *end;
        unsigned long long v;

        memcpy(text, p, n);
        text[n] = '\0';
        errno = 0;
        v = strtoull(text, &end, (int) base);
        if (errno || end == text)
                return 0;
        *ret = v;
        return (unsigned) (end - text);
}

/* DCE/RPC, connection-oriented: the fifth byte says how numbers are written (C706, 14.1); without its header as nearly
 * all of them. */
static bool dce_little(const struct match *e)
{
        return e->base || e->len < 5 || e->data[0] != 5 || e->data[4] & 0x10;
}

/* Reads the number; *ret_after is the place behind it. */
static bool read_number(const struct match *e, const struct rule_byte *b, uint64_t *ret, int64_t *ret_after,
                        bool *ret_short)
{
        int64_t n = match_number(e, &b->count), at = match_number(e, &b->offset);
        unsigned used = (unsigned) n;
        const uint8_t *p;
        uint64_t v = 0;

        if (b->flags & BYTE_RELATIVE)
                at += e->cursor;
        if (b->flags & BYTE_ALL_DIGITS)
                n = used = (unsigned) MIN(n, MAX((int64_t) e->size - at, 1));
        if (n < 0 || n > (b->flags & BYTE_STRING ? DIGITS_MAX : 8) || at < e->base)
                return false;
        if (at + n > e->size || (b->flags & BYTE_RELATIVE && n > 0 && at >= e->size)) {
                *ret_short = true;
                return false;
        }
        p = e->data + (at - e->base);
        if (b->flags & BYTE_STRING && n > 0)
                used = read_digits(p, (unsigned) n, b->base, &v);
        else
                v = read_binary(p, (unsigned) n, b->flags & BYTE_DCE ? dce_little(e) : b->flags & BYTE_LITTLE);
        if (used == 0 && n > 0)
                return false;
        *ret = v;
        *ret_after = at + used;
        return true;
}

static uint64_t masked(const struct rule_byte *b, uint64_t v)
{
        return b->bitmask ? (v & b->bitmask) >> __builtin_ctz(b->bitmask) : v;
}

static uint64_t operand(const struct match *e, const struct rule_byte *b)
{
        return b->value.var < 0 ? (uint32_t) b->value.value : e->vars[(unsigned) b->value.var % RULE_VARS_MAX];
}

static bool compare(uint8_t op, uint64_t v, uint64_t with)
{
        switch (op) {
        case NUMBER_EQ:
                return v == with;
        case NUMBER_NE:
                return v != with;
        case NUMBER_LT:
                return v < with;
        case NUMBER_GT:
                return v > with;
        case NUMBER_LE:
                return v <= with;
        case NUMBER_GE:
                return v >= with;
        case NUMBER_AND:
                return v & with;
        case NUMBER_OR:
                return v ^ with;
        default:
                return false;
        }
}

static uint64_t aligned(uint64_t v, unsigned to)
{
        return to && v % to ? v + to - v % to : v;
}

/* Where the jump leads to; -1: out of the buffer. */
static int64_t jump_to(const struct match *e, const struct rule_byte *b, uint64_t v, int64_t after, bool *ret_short)
{
        uint64_t far = masked(b, v) * (b->multiplier ? b->multiplier : 1);
        int64_t jump, to;

        if (b->flags & BYTE_ALIGN)
                far = aligned(far, 4);
        far += (uint64_t) (int64_t) b->post_offset;
        /* 64 bits may mean backwards; what leaves every buffer needs no exact place. */
        jump = MIN(MAX((int64_t) far, -(INT64_C(1) << 40)), INT64_C(1) << 40);
        if (b->flags & BYTE_FROM_BEGINNING) {
                to = jump;
        } else if (b->flags & BYTE_FROM_END) {
                if (!e->complete && !e->now) {
                        *ret_short = true;
                        return -1;
                }
                to = e->size + jump;
        } else {
                to = after + jump;
        }
        to = MAX(to, 0);
        if (to < e->size)
                return to;
        *ret_short = true;
        return -1;
}

static bool calculate(const struct match *e, const struct rule_byte *b, uint64_t v, uint64_t *ret)
{
        uint64_t by = operand(e, b);

        switch (b->op) {
        case '+':
                v += by;
                break;
        case '-':
                v -= by;
                break;
        case '*':
                v *= by;
                break;
        case '/':
                if (by == 0)
                        return false;
                v /= by;
                break;
        case '<':
                v = by < 64 ? v << by : 0;
                break;
        case '>':
                v = by < 64 ? v >> by : 0;
                break;
        default:
                break;
        }
        *ret = masked(b, v);
        return true;
}

static bool byte_holds(struct match *e, uint8_t kind, const struct rule_byte *b, struct match_place *ret_place,
                       bool *ret_short)
{
        uint64_t *var = &e->vars[b->var % RULE_VARS_MAX], v, multiplier = b->multiplier ? b->multiplier : 1;
        int64_t after;

        if (!read_number(e, b, &v, &after, ret_short))
                return false;
        *ret_place = (struct match_place){.end = (uint64_t) after, .value = v};
        switch (kind) {
        case STEP_BYTE_TEST:
                return compare(b->op, masked(b, v), operand(e, b)) != !!(b->flags & BYTE_NEGATED);
        case STEP_BYTE_JUMP:
                after = jump_to(e, b, v, after, ret_short);
                if (after < 0)
                        return false;
                ret_place->end = (uint64_t) after;
                break;
        case STEP_BYTE_EXTRACT:
                *var = aligned(masked(b, v) * multiplier, b->flags & BYTE_ALIGN ? b->align : 0);
                break;
        default:
                if (!calculate(e, b, v, var))
                        return false;
        }
        e->cursor = after;
        return true;
}

enum match_result match_byte(struct match *e, unsigned i, bool *ret_short)
{
        const struct rule_step *s = &e->steps[i];
        struct match_place place = {0};

        if (byte_holds(e, s->kind, &s->byte, &place, ret_short)) {
                if (e->q->trace)
                        e->q->trace->current[i] = place;
                return MATCH_HELD;
        }
        return s->byte.flags & BYTE_RELATIVE ? MATCH_FAILED : match_never(e);
}

enum match_result match_size(const struct match *e, const struct rule_step *s, bool *ret_short)
{
        const struct rule_size *z = &s->size;
        uint64_t size = (uint64_t) e->size;
        bool held, growing = !e->complete && !e->now;

        switch (z->op) {
        case NUMBER_IN:
                held = z->inclusive ? size >= z->a && size <= z->b : size > z->a && size < z->b;
                break;
        default:
                held = compare(z->op, size, z->a);
        }
        if (growing && z->op != NUMBER_GT && z->op != NUMBER_GE) {
                /* Only what is too long already is decided. */
                uint64_t most = z->op == NUMBER_IN ? z->b : z->a;

                *ret_short = size <= most || z->op == NUMBER_NE;
                return MATCH_FAILED;
        }
        if (held)
                return MATCH_HELD;
        *ret_short = true;
        return match_never(e);
}
