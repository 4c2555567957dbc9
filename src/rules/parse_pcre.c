/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pcre: an expression between slashes, and its flags, which in the older manner name a buffer too. Runs where rules are
 * read. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <string.h>

#include "rules/expressions.h"
#include "rules/parse.h"

enum { OPTION, BUFFER, FLAG, NOTHING };

static const struct {
        char letter;
        uint8_t kind;
        uint32_t value;
} letters[] = {
        {'i', OPTION, PCRE2_CASELESS},
        {'s', OPTION, PCRE2_DOTALL},
        {'m', OPTION, PCRE2_MULTILINE},
        {'x', OPTION, PCRE2_EXTENDED},
        {'A', OPTION, PCRE2_ANCHORED},
        {'E', OPTION, PCRE2_DOLLAR_ENDONLY},
        {'G', OPTION, PCRE2_UNGREEDY},
        {'R', FLAG, PCRE_RELATIVE},
        {'B', NOTHING, 0}, /* raw bytes: they always are */
        {'O', NOTHING, 0}, /* other limits: they are the same for all here */
        {'U', BUFFER, BUFFER_HTTP_URI},
        {'I', BUFFER, BUFFER_HTTP_URI_RAW},
        {'P', BUFFER, BUFFER_HTTP_REQUEST_BODY},
        {'Q', BUFFER, BUFFER_HTTP_RESPONSE_BODY},
        {'H', BUFFER, BUFFER_HTTP_HEADER},
        {'D', BUFFER, BUFFER_HTTP_HEADER_RAW},
        {'M', BUFFER, BUFFER_HTTP_METHOD},
        {'C', BUFFER, BUFFER_HTTP_COOKIE},
        {'K', BUFFER, BUFFER_HTTP_COOKIE},
        {'S', BUFFER, BUFFER_HTTP_STAT_CODE},
        {'Y', BUFFER, BUFFER_HTTP_STAT_MSG},
        {'V', BUFFER, BUFFER_HTTP_USER_AGENT},
        {'W', BUFFER, BUFFER_HTTP_HOST},
        {'Z', BUFFER, BUFFER_HTTP_HOST_RAW},
};

struct flags {
        uint32_t options;
        uint16_t flags; /* enum pcre_flag */
        uint8_t buffer; /* PARSE_NONE: none is named */
};

static int take_letter(struct parse *p, char letter, struct flags *f)
{
        for (size_t i = 0; i < ELEMENTSOF(letters); i++) {
                if (letters[i].letter != letter)
                        continue;
                if (letters[i].kind == OPTION)
                        f->options |= letters[i].value;
                else if (letters[i].kind == FLAG)
                        f->flags |= (uint16_t) letters[i].value;
                else if (letters[i].kind == BUFFER && f->buffer != PARSE_NONE)
                        return parse_fail(p, PROBLEM_COMBINATION, "its flags name two buffers");
                else if (letters[i].kind == BUFFER)
                        f->buffer = (uint8_t) letters[i].value;
                return 0;
        }
        return parse_fail(p, PROBLEM_VALUE, "\"%c\" is no flag", letter >= ' ' && letter < 127 ? letter : '?');
}

/* Between the first slash and the last one that no backslash protects; behind it the flags, and perhaps names for
 * captures, which nothing here asks for. */
static int take_apart(struct parse *p, struct slice value, struct slice *ret_pattern, struct flags *ret)
{
        const char *first = value.len ? memchr(value.p, '/', value.len) : NULL;
        const char *end = value.p + value.len, *last = end;
        struct slice rest;

        while (first && --last > first && (*last != '/' || (last[-1] == '\\' && last - 1 > first && last[-2] != '\\')))
                ;
        if (!first || last <= first)
                return parse_fail(p, PROBLEM_SYNTAX, "the expression does not stand between slashes");
        if (word_trim((struct slice){value.p, (uint32_t) (first - value.p)}).len)
                return parse_fail(p, PROBLEM_SYNTAX, "something stands before the expression's first slash");
        *ret_pattern = (struct slice){first + 1, (uint32_t) (last - first - 1)};
        rest = (struct slice){last + 1, (uint32_t) (end - last - 1)};
        (void) word_next(&rest, ',', &rest);
        for (uint32_t i = 0; i < rest.len; i++)
                if (take_letter(p, rest.p[i], ret) < 0)
                        return -EINVAL;
        return 0;
}

static bool has_upper_case(struct slice pattern)
{
        for (uint32_t i = 0; i < pattern.len; i++) {
                if (pattern.p[i] == '\\')
                        i++; /* \S and the like are classes */
                else if (pattern.p[i] >= 'A' && pattern.p[i] <= 'Z')
                        return true;
        }
        return false;
}

static int choose_part(struct parse *p, const struct flags *f, uint8_t *ret)
{
        bool same = f->buffer == p->sticky || (f->buffer == BUFFER_HTTP_RESPONSE_BODY && p->sticky == BUFFER_FILE_DATA);

        if (f->buffer == PARSE_NONE || same)
                *ret = parse_part_now(p);
        else if (p->sticky != PARSE_NONE)
                return parse_fail(p, PROBLEM_COMBINATION, "its flags name a buffer, and one was set before");
        else
                *ret = parse_part_of(p, (enum rule_buffer) f->buffer, 0);
        return *ret == PARSE_NONE ? -EINVAL : 0;
}

int parse_option_pcre(struct parse *p, const struct parse_option *o)
{
        struct flags f = {.buffer = PARSE_NONE};
        struct slice pattern;
        struct rule_step *s;
        char why[160] = "";
        uint8_t part = PARSE_NONE;
        void *code;
        int r;

        if (take_apart(p, o->value, &pattern, &f) < 0 || choose_part(p, &f, &part) < 0)
                return -EINVAL;
        if (p->parts[part].buffer == BUFFER_HTTP_HOST && !(f.options & PCRE2_CASELESS) && has_upper_case(pattern))
                return parse_fail(p, PROBLEM_COMBINATION, "the host is in lower case, the expression is not");
        r = expressions_compile(p->set->expressions, pattern, f.options, &code, why);
        if (r == -E2BIG)
                return parse_fail(p, PROBLEM_LIMIT, "the expression, or all of them together, are too long");
        if (r == -ENOMEM)
                return parse_fail_memory(p);
        if (r < 0)
                return parse_fail(p, PROBLEM_VALUE, "%s", why);
        s = parse_step(p, STEP_PCRE, part);
        if (!s)
                return -EINVAL;
        s->flags = f.flags | (o->negated ? PCRE_NEGATED : 0);
        s->pcre.code = code;
        s->pcre.pattern = parse_text(p, pattern);
        return s->pcre.pattern ? 0 : -EINVAL;
}
