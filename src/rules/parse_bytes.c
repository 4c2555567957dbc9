/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conditions on bytes that are no content: numbers in the content, lengths. Runs where rules are read. */
#include <errno.h>
#include <string.h>

#include "rules/parse.h"

#define PLACE_MAX   65535
#define COUNT_BYTES 8 /* of a number in binary */
/* Of a number in digits: octal with a leading zero, 64 bits (Suricata's limit). */
#define COUNT_DIGITS 23

/* Where conditions like these go: without a sticky buffer, relative ones to the buffer of what stands before them. */
#define ANCHORS                                                                                                        \
        (1u << STEP_CONTENT | 1u << STEP_PCRE | 1u << STEP_BYTE_JUMP | 1u << STEP_BYTE_EXTRACT |                       \
         1u << STEP_BYTE_TEST | 1u << STEP_BYTE_MATH | 1u << STEP_ISDATAAT)
static uint8_t part_for(struct parse *p, bool relative)
{
        const struct rule_step *s = p->sticky == PARSE_NONE && relative ? parse_last(p, ANCHORS) : NULL;

        return s ? parse_part_of_step(p, s) : parse_part_now(p);
}

int parse_option_isdataat(struct parse *p, const struct parse_option *o)
{
        struct rule_isdataat at = {0};
        struct slice rest = word_trim(o->value), word;
        struct rule_step *s;

        if (rest.len && rest.p[0] == '!') {
                at.negated = true;
                rest = word_trim((struct slice){rest.p + 1, rest.len - 1});
        }
        (void) word_next(&rest, ',', &word);
        if (parse_number(p, word, 0, PLACE_MAX, &at.at) < 0)
                return -EINVAL;
        while (word_next(&rest, ',', &word)) {
                if (word_is(word, "relative"))
                        at.relative = true;
                else if (word_is(word, "rawbytes"))
                        at.raw = true;
                else
                        return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not relative or rawbytes", WORD_ARGS(word));
        }
        s = parse_step(p, STEP_ISDATAAT, part_for(p, at.relative));
        if (!s)
                return -EINVAL;
        s->isdataat = at;
        return 0;
}

/* ---- byte_test, byte_jump, byte_extract, byte_math ---- */

enum { FOR_TEST = 1, FOR_JUMP = 2, FOR_EXTRACT = 4, FOR_MATH = 8, FOR_ALL = 15 };

static const struct {
        const char *word;
        uint8_t where;
        uint16_t flags;
        uint8_t base;
} words[] = {
        {"relative", FOR_ALL, BYTE_RELATIVE, 0},
        {"big", FOR_ALL, 0, 0},
        {"little", FOR_ALL, BYTE_LITTLE, 0},
        {"string", FOR_ALL, BYTE_STRING, 0},
        {"hex", FOR_ALL, 0, 16},
        {"dec", FOR_ALL, 0, 10},
        {"oct", FOR_ALL, 0, 8},
        {"dce", FOR_ALL, BYTE_DCE, 0},
        {"align", FOR_JUMP, BYTE_ALIGN, 0},
        {"from_beginning", FOR_JUMP, BYTE_FROM_BEGINNING, 0},
        {"from_end", FOR_JUMP, BYTE_FROM_END, 0},
};

/* A word of the table; false: it is none. */
static bool take_word(struct slice word, unsigned where, struct rule_byte *b)
{
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (where & words[i].where && word_is(word, words[i].word)) {
                        b->flags |= words[i].flags;
                        if (words[i].base)
                                b->base = words[i].base;
                        return true;
                }
        return false;
}

static int take_u32(struct parse *p, struct slice value, uint32_t min, uint32_t max, uint32_t *ret)
{
        uint64_t n;

        if (word_number(value, 0, max, &n) < 0 || n < min)
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not from %u to %u", WORD_ARGS(value), min, max);
        *ret = (uint32_t) n;
        return 0;
}

/* "multiplier 4", "post_offset -7", "bitmask 0xff", "align 4". */
static int take_pair(struct parse *p, struct slice word, unsigned where, struct rule_byte *b)
{
        struct slice value, name = word_first(word, &value);
        uint32_t align;
        int64_t n;

        if (word_is(name, "multiplier") && where & (FOR_JUMP | FOR_EXTRACT))
                return take_u32(p, value, 1, UINT16_MAX, &b->multiplier);
        if (word_is(name, "bitmask"))
                return take_u32(p, value, 1, UINT32_MAX, &b->bitmask);
        if (word_is(name, "align") && where & FOR_EXTRACT) {
                if (take_u32(p, value, 2, 4, &align) < 0 || align == 3)
                        return parse_fail(p, PROBLEM_VALUE, "align is 2 or 4");
                b->align = (uint8_t) align;
                b->flags |= BYTE_ALIGN;
                return 0;
        }
        if (word_is(name, "post_offset") && where & FOR_JUMP) {
                if (word_signed(value, -PLACE_MAX, PLACE_MAX, &n) < 0)
                        return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not from -65535 to 65535", WORD_ARGS(value));
                b->post_offset = (int32_t) n;
                return 0;
        }
        return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not understood", WORD_ARGS(word));
}

static int take_words(struct parse *p, struct slice rest, unsigned where, struct rule_byte *b)
{
        struct slice word;

        while (word_next(&rest, ',', &word))
                if (!take_word(word, where, b) && take_pair(p, word, where, b) < 0)
                        return -EINVAL;
        return 0;
}

static int check_byte(struct parse *p, const struct rule_byte *b, int32_t least)
{
        int32_t most = b->flags & BYTE_STRING ? COUNT_DIGITS : COUNT_BYTES;

        if (b->count.var < 0 && (b->count.value < least || b->count.value > most))
                return parse_fail(p, PROBLEM_VALUE, "%d bytes: it is %d to %d%s", b->count.value, least, most,
                                  b->flags & BYTE_STRING ? " digits" : "");
        if ((b->flags & BYTE_FROM_BEGINNING) && (b->flags & BYTE_FROM_END))
                return parse_fail(p, PROBLEM_COMBINATION, "from_beginning and from_end");
        if (b->base && !(b->flags & BYTE_STRING))
                return parse_fail(p, PROBLEM_COMBINATION, "hex, dec and oct are for \"string\"");
        return 0;
}

static int finish(struct parse *p, enum step_kind kind, struct rule_byte *b)
{
        struct rule_step *s;

        if (b->flags & BYTE_STRING && !b->base)
                b->base = 10;
        s = parse_step(p, kind, part_for(p, b->flags & BYTE_RELATIVE));
        if (!s)
                return -EINVAL;
        s->byte = *b;
        return 0;
}

static void begin(struct rule_byte *b)
{
        *b = (struct rule_byte){.multiplier = 1};
        b->count.var = b->offset.var = b->value.var = -1;
}

/* The leading values that all but byte_math begin with. */
static int take_value(struct parse *p, struct slice *rest, int32_t min, int32_t max, struct rule_number *ret)
{
        struct slice word;

        if (!word_next(rest, ',', &word))
                return parse_fail(p, PROBLEM_VALUE, "a value is missing");
        return parse_number(p, word, min, max, ret);
}

static int take_operator(struct parse *p, struct slice word, struct rule_byte *b)
{
        static const struct {
                const char *text;
                uint8_t op;
        } operators[] = {{"=", NUMBER_EQ},  {"==", NUMBER_EQ}, {"<", NUMBER_LT},  {">", NUMBER_GT},
                         {"<=", NUMBER_LE}, {">=", NUMBER_GE}, {"&", NUMBER_AND}, {"^", NUMBER_OR}};
        struct slice op = word;

        if (op.len && op.p[0] == '!') {
                b->flags |= BYTE_NEGATED;
                op = word_trim((struct slice){op.p + 1, op.len - 1});
        }
        b->op = NUMBER_EQ;
        if (op.len == 0 && b->flags & BYTE_NEGATED)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(operators); i++)
                if (word_is(op, operators[i].text)) {
                        b->op = operators[i].op;
                        return 0;
                }
        return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is no comparison", WORD_ARGS(word));
}

/* What is compared with has 32 bits unsigned; a rule_number keeps their pattern. */
static int take_compared(struct parse *p, struct slice *rest, struct rule_number *ret)
{
        struct slice word;
        uint64_t n;

        if (!word_next(rest, ',', &word))
                return parse_fail(p, PROBLEM_VALUE, "a value is missing");
        if (word_number(word, 0, UINT32_MAX, &n) == 0) {
                *ret = (struct rule_number){.value = (int32_t) (uint32_t) n, .var = -1};
                return 0;
        }
        return parse_number(p, word, 0, INT32_MAX, ret);
}

int parse_option_byte_test(struct parse *p, const struct parse_option *o)
{
        struct slice rest = o->value, word;
        struct rule_byte b;

        begin(&b);
        if (take_value(p, &rest, 0, COUNT_DIGITS, &b.count) < 0)
                return -EINVAL;
        if (!word_next(&rest, ',', &word))
                return parse_fail(p, PROBLEM_VALUE, "a comparison is missing");
        if (take_operator(p, word, &b) < 0 || take_compared(p, &rest, &b.value) < 0 ||
            take_value(p, &rest, INT32_MIN, INT32_MAX, &b.offset) < 0 || take_words(p, rest, FOR_TEST, &b) < 0 ||
            check_byte(p, &b, b.flags & BYTE_STRING ? 0 : 1) < 0)
                return -EINVAL;
        if (b.count.var < 0 && b.count.value == 0) { /* 0 digits are all that are there, as in Suricata */
                b.count.value = COUNT_DIGITS;
                b.flags |= BYTE_ALL_DIGITS;
        }
        return finish(p, STEP_BYTE_TEST, &b);
}

int parse_option_byte_jump(struct parse *p, const struct parse_option *o)
{
        struct slice rest = o->value;
        struct rule_byte b;

        begin(&b);
        if (take_value(p, &rest, 0, COUNT_DIGITS, &b.count) < 0 ||
            take_value(p, &rest, -PLACE_MAX, PLACE_MAX, &b.offset) < 0 || take_words(p, rest, FOR_JUMP, &b) < 0 ||
            check_byte(p, &b, 0) < 0)
                return -EINVAL;
        return finish(p, STEP_BYTE_JUMP, &b);
}

int parse_option_byte_extract(struct parse *p, const struct parse_option *o)
{
        struct slice rest = o->value, name;
        struct rule_byte b;

        begin(&b);
        if (take_value(p, &rest, 0, COUNT_DIGITS, &b.count) < 0 ||
            take_value(p, &rest, -PLACE_MAX, PLACE_MAX, &b.offset) < 0)
                return -EINVAL;
        if (!word_next(&rest, ',', &name))
                return parse_fail(p, PROBLEM_VALUE, "the name of the variable is missing");
        if (take_words(p, rest, FOR_EXTRACT, &b) < 0 || check_byte(p, &b, 1) < 0 ||
            parse_new_variable(p, name, &b.var) < 0)
                return -EINVAL;
        return finish(p, STEP_BYTE_EXTRACT, &b);
}

static int math_pair(struct parse *p, struct slice word, struct rule_byte *b, struct slice *ret_result)
{
        struct slice value, name = word_first(word, &value);

        if (word_is(name, "bytes"))
                return parse_number(p, value, 1, 10, &b->count);
        if (word_is(name, "offset"))
                return parse_number(p, value, -PLACE_MAX, PLACE_MAX, &b->offset);
        if (word_is(name, "rvalue"))
                return take_compared(p, &value, &b->value);
        if (word_is(name, "result")) {
                *ret_result = value;
                return 0;
        }
        if (word_is(name, "oper")) {
                if (word_is(value, "<<") || word_is(value, ">>"))
                        value.len = 1;
                if (value.len != 1 || !strchr("+-*/<>", value.p[0]))
                        return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is none of + - * / << >>", WORD_ARGS(value));
                b->op = (uint8_t) value.p[0];
                return 0;
        }
        if (word_is(name, "endian"))
                return take_word(value, FOR_MATH, b) ? 0 : parse_fail(p, PROBLEM_VALUE, "endian is big or little");
        if (word_is(name, "string") && value.len) {
                b->flags |= BYTE_STRING;
                return take_word(value, FOR_MATH, b) ? 0 : parse_fail(p, PROBLEM_VALUE, "string is hex, dec or oct");
        }
        return take_word(word, FOR_MATH, b) ? 0 : take_pair(p, word, FOR_MATH, b);
}

int parse_option_byte_math(struct parse *p, const struct parse_option *o)
{
        struct slice rest = o->value, word, result = {0};
        struct rule_byte b;
        bool has_value = false, has_offset = false;

        begin(&b);
        while (word_next(&rest, ',', &word)) {
                struct slice unused, name = word_first(word, &unused);

                has_value = has_value || word_is(name, "rvalue");
                has_offset = has_offset || word_is(name, "offset");
                if (math_pair(p, word, &b, &result) < 0)
                        return -EINVAL;
        }
        if (!b.op || !has_value || !has_offset || result.len == 0 || (b.count.var < 0 && b.count.value == 0))
                return parse_fail(p, PROBLEM_VALUE, "it needs bytes, offset, oper, rvalue and result");
        if (b.value.var < 0 && b.value.value == 0)
                return parse_fail(p, PROBLEM_VALUE, "rvalue is from 1 to 4294967295");
        if (check_byte(p, &b, 1) < 0 || parse_new_variable(p, result, &b.var) < 0)
                return -EINVAL;
        return finish(p, STEP_BYTE_MATH, &b);
}

/* ---- lengths ---- */

static int add_size(struct parse *p, struct slice value, uint8_t part)
{
        struct rule_test t = {0};
        struct rule_step *s;

        if (parse_compare(p, value, UINT32_MAX, &t) < 0)
                return -EINVAL;
        if (t.negated && t.op != NUMBER_EQ)
                return parse_fail(p, PROBLEM_VALUE, "only a single number can be negated");
        s = parse_step(p, STEP_BSIZE, part);
        if (!s)
                return -EINVAL;
        s->size.op = t.negated ? NUMBER_NE : t.op;
        s->size.a = t.a;
        s->size.b = t.b;
        return 0;
}

int parse_option_bsize(struct parse *p, const struct parse_option *o)
{
        const struct rule_step *last = p->sticky == PARSE_NONE ? parse_last(p, 1u << STEP_CONTENT) : NULL;
        uint8_t part = last ? parse_part_of_step(p, last) : parse_part_now(p);

        if (part != PARSE_NONE && p->parts[part].buffer == BUFFER_PAYLOAD)
                return parse_fail(p, PROBLEM_COMBINATION, "it is the length of a buffer: of the payload it is dsize");
        return add_size(p, o->value, part);
}

int parse_option_urilen(struct parse *p, const struct parse_option *o)
{
        struct slice rest = o->value, value, how;
        enum rule_buffer buffer = BUFFER_HTTP_URI;

        (void) word_next(&rest, ',', &value);
        if (word_next(&rest, ',', &how)) {
                if (!word_is(how, "raw") && !word_is(how, "norm"))
                        return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not raw or norm", WORD_ARGS(how));
                buffer = word_is(how, "raw") ? BUFFER_HTTP_URI_RAW : BUFFER_HTTP_URI;
        }
        return add_size(p, value, parse_part_of(p, buffer, 0));
}

int parse_option_asn1(struct parse *p, const struct parse_option *o _unused_)
{
        return parse_fail(p, PROBLEM_OPTION, "ASN.1 within content is not decoded");
}
