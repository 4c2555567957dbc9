/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conditions on bytes in words. Runs in `rules`. */
#include <inttypes.h>

#include "rules/explain.h"

void explain_bytes(struct buf *out, const uint8_t *bytes, size_t len)
{
        bool hex = false;

        (void) buf_putc(out, '"');
        for (size_t i = 0; i < len; i++) {
                bool plain = bytes[i] >= ' ' && bytes[i] < 127 && bytes[i] != '|' && bytes[i] != '"';

                if (plain == hex)
                        (void) buf_putc(out, '|');
                else if (hex)
                        (void) buf_putc(out, ' ');
                hex = !plain;
                (void) (plain ? buf_putc(out, (char) bytes[i]) : buf_printf(out, "%02x", bytes[i]));
        }
        (void) buf_puts(out, hex ? "|\"" : "\"");
}

/* A number, or the variable that stands for it. */
static void put_number(struct buf *out, const struct rule_number *n)
{
        if (n->var < 0)
                (void) buf_printf(out, "%" PRId32, n->value);
        else
                (void) buf_printf(out, "variable %d", n->var + 1);
}

static void put_count(struct buf *out, const struct rule_number *n)
{
        put_number(out, n);
        (void) buf_puts(out, n->var < 0 && n->value == 1 ? " byte" : " bytes");
}

static bool is_zero(const struct rule_number *n)
{
        return n->var < 0 && n->value == 0;
}

static void put_place(struct buf *out, const struct rule_content *c, uint16_t flags)
{
        if (flags & CONTENT_STARTS) {
                (void) buf_puts(out, " at the very beginning");
                return;
        }
        if (flags & CONTENT_DEPTH) {
                (void) buf_puts(out, " within the first ");
                put_count(out, &c->depth);
        }
        if (flags & CONTENT_OFFSET && !is_zero(&c->offset)) {
                (void) buf_puts(out, flags & CONTENT_DEPTH ? ", counted from byte " : " from byte ");
                put_number(out, &c->offset);
                (void) buf_puts(out, flags & CONTENT_DEPTH ? "" : " on");
        }
        if (flags & CONTENT_WITHIN) {
                (void) buf_puts(out, " within ");
                put_count(out, &c->within);
        }
        if (flags & CONTENT_DISTANCE && !is_zero(&c->distance)) {
                (void) buf_puts(out, flags & CONTENT_WITHIN ? ", beginning " : " ");
                put_number(out, &c->distance);
                (void) buf_puts(out, " or more bytes");
                if (flags & CONTENT_WITHIN)
                        (void) buf_puts(out, " on");
        }
        if (flags & (CONTENT_WITHIN | CONTENT_DISTANCE))
                (void) buf_puts(out, " after the last match");
}

static void put_content(struct buf *out, const struct rule_step *s)
{
        (void) buf_puts(out, s->flags & CONTENT_NEGATED ? "does not contain " : "contains ");
        explain_bytes(out, s->content.bytes, s->content.len);
        put_place(out, &s->content, s->flags);
        if (s->flags & CONTENT_ENDS)
                (void) buf_puts(out, " at the very end");
        if (s->flags & CONTENT_NOCASE)
                (void) buf_puts(out, ", in upper or lower case");
}

static void put_isdataat(struct buf *out, const struct rule_isdataat *d)
{
        (void) buf_puts(out, d->negated ? "has no more than " : "has more than ");
        put_count(out, &d->at);
        (void) buf_puts(out, d->relative ? " after the last match" : "");
}

/* "the 4 bytes, least significant first, 2 after the last match" */
static void put_where(struct buf *out, const struct rule_byte *b)
{
        const char *base = b->base == 16 ? "hexadecimal" : b->base == 8 ? "octal" : "decimal";

        if (b->flags & BYTE_ALL_DIGITS) {
                (void) buf_printf(out, "the %s number", base);
        } else {
                (void) buf_puts(out, "the number in ");
                put_number(out, &b->count);
                if (b->flags & BYTE_STRING)
                        (void) buf_printf(out, " %s digits", base);
                else
                        (void) buf_puts(out, b->flags & BYTE_LITTLE ? " bytes (least significant first)" : " bytes");
        }
        (void) buf_puts(out, " at ");
        put_number(out, &b->offset);
        (void) buf_puts(out, b->flags & BYTE_RELATIVE ? " from the last match" : "");
        if (b->bitmask)
                (void) buf_printf(out, ", masked with 0x%" PRIx32, b->bitmask);
}

static void put_value(struct buf *out, const struct rule_number *n)
{
        if (n->var < 0)
                (void) buf_printf(out, "%" PRIu32, (uint32_t) n->value);
        else
                put_number(out, n);
}

static void put_byte_test(struct buf *out, const struct rule_byte *b)
{
        static const char *const words[] = {
                [NUMBER_EQ] = "is",
                [NUMBER_NE] = "is not",
                [NUMBER_LT] = "is less than",
                [NUMBER_GT] = "is more than",
                [NUMBER_LE] = "is at most",
                [NUMBER_GE] = "is at least",
                [NUMBER_AND] = "has one of the bits of",
                [NUMBER_OR] = "differs in a bit from",
                [NUMBER_IN] = "lies in",
        };

        if (b->flags & BYTE_NEGATED)
                (void) buf_puts(out, "it is not so that ");
        put_where(out, b);
        (void) buf_printf(out, " %s ", words[b->op % ELEMENTSOF(words)]);
        put_value(out, &b->value);
}

static void put_byte_jump(struct buf *out, const struct rule_byte *b)
{
        if (is_zero(&b->count)) {
                (void) buf_puts(out, "goes on");
        } else {
                (void) buf_puts(out, "goes on as far as ");
                put_where(out, b);
                (void) buf_puts(out, " says");
                if (b->multiplier > 1)
                        (void) buf_printf(out, ", times %" PRIu32, b->multiplier);
        }
        if (b->post_offset)
                (void) buf_printf(out, ", and %" PRId32 " bytes", b->post_offset);
        if (b->flags & (BYTE_FROM_BEGINNING | BYTE_FROM_END))
                (void) buf_puts(out,
                                b->flags & BYTE_FROM_END ? ", counted from the end" : ", counted from the beginning");
}

static void put_byte_take(struct buf *out, const struct rule_step *s)
{
        const struct rule_byte *b = &s->byte;

        (void) buf_puts(out, "takes ");
        put_where(out, b);
        if (s->kind == STEP_BYTE_MATH) {
                (void) buf_printf(out, ", %c%s ", b->op, b->op == '<' || b->op == '>' ? (char[]){(char) b->op, 0} : "");
                put_value(out, &b->value);
                (void) buf_puts(out, ",");
        } else if (b->multiplier > 1)
                (void) buf_printf(out, ", times %" PRIu32, b->multiplier);
        (void) buf_printf(out, " as variable %u", b->var + 1u);
}

static void put_size(struct buf *out, const struct rule_size *z)
{
        switch (z->op) {
        case NUMBER_IN:
                (void) buf_printf(out, "is longer than %" PRIu32 " and shorter than %" PRIu32 " bytes", z->a, z->b);
                return;
        case NUMBER_LT:
                (void) buf_puts(out, "is shorter than ");
                break;
        case NUMBER_GT:
                (void) buf_puts(out, "is longer than ");
                break;
        case NUMBER_LE:
                (void) buf_puts(out, "is at most ");
                break;
        case NUMBER_GE:
                (void) buf_puts(out, "is at least ");
                break;
        default:
                (void) buf_puts(out, z->op == NUMBER_NE ? "is not exactly " : "is exactly ");
        }
        (void) buf_printf(out, "%" PRIu32 " bytes%s", z->a, z->op == NUMBER_LT || z->op == NUMBER_GT ? "" : " long");
}

void explain_step(struct buf *out, const struct rule_step *s)
{
        switch (s->kind) {
        case STEP_CONTENT:
                put_content(out, s);
                break;
        case STEP_PCRE:
                (void) buf_puts(out, s->flags & PCRE_NEGATED ? "does not match /" : "matches /");
                (void) buf_put_visible(out, s->pcre.pattern, strlen(s->pcre.pattern));
                (void) buf_puts(out, s->flags & PCRE_RELATIVE ? "/ after the last match" : "/");
                break;
        case STEP_ISDATAAT:
                put_isdataat(out, &s->isdataat);
                break;
        case STEP_BYTE_TEST:
                put_byte_test(out, &s->byte);
                break;
        case STEP_BYTE_JUMP:
                put_byte_jump(out, &s->byte);
                break;
        case STEP_BYTE_EXTRACT:
        case STEP_BYTE_MATH:
                put_byte_take(out, s);
                break;
        default:
                put_size(out, &s->size);
        }
}
