/* SPDX-License-Identifier: GPL-3.0-or-later */
/* content and what modifies it, in the newer manner (a sticky buffer before it) and the older one (the buffer named
 * behind it). Runs where rules are read. */
#include <errno.h>
#include <string.h>

#include "rules/parse.h"

#define RELATIVE  (CONTENT_DISTANCE | CONTENT_WITHIN)
#define ABSOLUTE  (CONTENT_OFFSET | CONTENT_DEPTH)
#define PLACE_MAX 65535 /* of offset, depth, distance and within, as in Suricata */

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char) (c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes between two bars: pairs of digits, spaces where one likes. *at stands behind the first bar, then the second. */
static int read_hex(struct parse *p, struct slice text, uint32_t *at, uint8_t *to, uint32_t *len)
{
        int high = -1;

        for (; *at < text.len && text.p[*at] != '|'; (*at)++) {
                int d = hex_digit(text.p[*at]);

                if (text.p[*at] == ' ')
                        continue;
                if (d < 0)
                        return parse_fail(p, PROBLEM_SYNTAX, "\"%c\" is no hexadecimal digit",
                                          text.p[*at] >= ' ' && text.p[*at] < 127 ? text.p[*at] : '?');
                if (high >= 0)
                        to[(*len)++] = (uint8_t) (high << 4 | d);
                high = high >= 0 ? -1 : d;
        }
        if (*at == text.len)
                return parse_fail(p, PROBLEM_SYNTAX, "a bar that begins hexadecimal bytes is not closed");
        if (high >= 0)
                return parse_fail(p, PROBLEM_SYNTAX, "an odd number of hexadecimal digits between bars");
        return 0;
}

static int read_bytes(struct parse *p, struct slice text, struct rule_content *ret)
{
        uint8_t *to = arena_take(&p->set->arena, text.len + 1);
        uint32_t len = 0;

        if (!to)
                return parse_fail_memory(p);
        for (uint32_t i = 0; i < text.len; i++) {
                char c = text.p[i];

                if (c == '"')
                        return parse_fail(p, PROBLEM_SYNTAX, "a quotation mark within needs a backslash before it");
                if (c == '|') {
                        i++;
                        if (read_hex(p, text, &i, to, &len) < 0)
                                return -EINVAL;
                        continue;
                }
                if (c == '\\') {
                        if (++i == text.len || !strchr("\\\":;", text.p[i]))
                                return parse_fail(p, PROBLEM_SYNTAX,
                                                  "a backslash goes before \\, \", : and ; only; write others as |5C|");
                        c = text.p[i];
                }
                to[len++] = (uint8_t) c;
        }
        if (len == 0)
                return parse_fail(p, PROBLEM_VALUE, "it is empty");
        if (len > RULE_CONTENT_MAX)
                return parse_fail(p, PROBLEM_LIMIT, "longer than %u bytes", RULE_CONTENT_MAX);
        ret->bytes = to;
        ret->len = (uint16_t) len;
        ret->offset = ret->depth = ret->distance = ret->within = (struct rule_number){.var = -1};
        return 0;
}

/* content, uricontent (arg: its buffer). */
int parse_option_content(struct parse *p, const struct parse_option *o)
{
        struct rule_content c = {0};
        struct rule_step *s;
        uint8_t part;

        if (read_bytes(p, o->value, &c) < 0)
                return -EINVAL;
        if (o->arg != BUFFERS && p->sticky != PARSE_NONE)
                return parse_fail(p, PROBLEM_COMBINATION, "a buffer was set before: use content");
        part = o->arg == BUFFERS ? parse_part_now(p) : parse_part_of(p, (enum rule_buffer) o->arg, 0);
        s = parse_step(p, STEP_CONTENT, part);
        if (!s)
                return -EINVAL;
        s->content = c;
        s->flags = o->negated ? CONTENT_NEGATED : 0;
        return 0;
}

static struct rule_step *last_content(struct parse *p)
{
        struct rule_step *s = parse_last(p, 1u << STEP_CONTENT);

        if (!s)
                (void) parse_fail(p, PROBLEM_COMBINATION, "no content stands before it");
        return s;
}

/* The last content, which must not have any of these flags yet. */
static struct rule_step *modify(struct parse *p, uint16_t once)
{
        struct rule_step *s = last_content(p);

        if (s && (s->flags & once)) {
                (void) parse_fail(p, PROBLEM_COMBINATION, "the content has it already");
                return NULL;
        }
        return s;
}

int parse_option_nocase(struct parse *p, const struct parse_option *o _unused_)
{
        struct rule_step *s = modify(p, CONTENT_NOCASE);

        if (!s)
                return -EINVAL;
        s->flags |= CONTENT_NOCASE;
        return 0;
}

int parse_option_rawbytes(struct parse *p, const struct parse_option *o _unused_)
{
        struct rule_step *s = modify(p, CONTENT_RAW);

        if (!s)
                return -EINVAL;
        if (p->parts[parse_part_of_step(p, s)].buffer != BUFFER_PAYLOAD)
                return parse_fail(p, PROBLEM_COMBINATION, "only contents of the payload can be raw");
        s->flags |= CONTENT_RAW;
        return 0;
}

/* offset, depth, distance, within (arg: the flag). */
int parse_option_place(struct parse *p, const struct parse_option *o)
{
        uint16_t flag = (uint16_t) o->arg;
        bool relative = flag & RELATIVE;
        struct rule_step *s = modify(p, flag);
        struct rule_number n;

        if (!s || parse_number(p, o->value, flag & CONTENT_DISTANCE ? -PLACE_MAX : 0, PLACE_MAX, &n) < 0)
                return -EINVAL;
        if (s->flags & (relative ? ABSOLUTE : RELATIVE))
                return parse_fail(p, PROBLEM_COMBINATION,
                                  "offset and depth count from the beginning, distance and within from the last match: "
                                  "not both for one content");
        if (s->flags & CONTENT_STARTS)
                return parse_fail(p, PROBLEM_COMBINATION, "startswith says where it is already");
        if ((flag & (CONTENT_DEPTH | CONTENT_WITHIN)) && n.var < 0 && n.value < s->content.len)
                return parse_fail(p, PROBLEM_VALUE, "%d is less than the content's %u bytes", n.value, s->content.len);
        s->flags |= flag;
        *(flag == CONTENT_OFFSET   ? &s->content.offset :
          flag == CONTENT_DEPTH    ? &s->content.depth :
          flag == CONTENT_DISTANCE ? &s->content.distance :
                                     &s->content.within) = n;
        return 0;
}

int parse_option_startswith(struct parse *p, const struct parse_option *o _unused_)
{
        struct rule_step *s = modify(p, CONTENT_STARTS);

        if (!s)
                return -EINVAL;
        if (s->flags & (ABSOLUTE | RELATIVE))
                return parse_fail(p, PROBLEM_COMBINATION,
                                  "startswith says where it is: no offset, depth, distance or within");
        s->flags |= CONTENT_STARTS | ABSOLUTE;
        s->content.depth.value = s->content.len;
        return 0;
}

int parse_option_endswith(struct parse *p, const struct parse_option *o _unused_)
{
        struct rule_step *s = modify(p, CONTENT_ENDS);

        if (!s)
                return -EINVAL;
        s->flags |= CONTENT_ENDS;
        return 0;
}

static int fast_chop(struct parse *p, struct rule_step *s, struct slice value)
{
        struct slice first;
        uint64_t offset, len;

        (void) word_next(&value, ',', &first);
        if (!value.p || word_number(first, 10, UINT16_MAX, &offset) < 0 ||
            word_number(word_trim(value), 10, UINT16_MAX, &len) < 0 || len == 0)
                return parse_fail(p, PROBLEM_VALUE, "it is \"only\", or an offset and a length");
        if (offset + len > s->content.len)
                return parse_fail(p, PROBLEM_VALUE, "the content is not that long");
        s->content.fast_offset = (uint16_t) offset;
        s->content.fast_len = (uint16_t) len;
        return 0;
}

int parse_option_fast(struct parse *p, const struct parse_option *o)
{
        struct rule_step *s = last_content(p);

        if (!s)
                return -EINVAL;
        if (p->seen & PARSE_SEEN_FAST)
                return parse_fail(p, PROBLEM_COMBINATION, "one content of a rule can be the fast pattern");
        p->seen |= PARSE_SEEN_FAST;
        s->flags |= CONTENT_FAST;
        if (word_is(o->value, "only")) {
                if (s->flags & (CONTENT_NEGATED | ABSOLUTE | RELATIVE))
                        return parse_fail(p, PROBLEM_COMBINATION,
                                          "\"only\" is for a content that is not negated and may be anywhere");
                s->flags |= CONTENT_FAST_ONLY;
        } else if (o->value.len)
                return fast_chop(p, s, o->value);
        return 0;
}

/* http_uri and the like, behind a content of the payload (arg: the buffer). */
int parse_option_older(struct parse *p, const struct parse_option *o)
{
        struct rule_step *s;
        uint8_t part, before;

        if (p->sticky != PARSE_NONE)
                return parse_fail(
                        p, PROBLEM_COMBINATION,
                        "it follows a content of the payload, and a buffer was set before: pkt_data unsets it");
        s = last_content(p);
        if (!s)
                return -EINVAL;
        before = parse_part_of_step(p, s);
        if (p->parts[before].buffer != BUFFER_PAYLOAD)
                return parse_fail(p, PROBLEM_COMBINATION, "the content is about %s already",
                                  buffer_kinds[p->parts[before].buffer].name);
        if (s->flags & CONTENT_RAW)
                return parse_fail(p, PROBLEM_COMBINATION, "only contents of the payload can be raw");
        part = parse_part_of(p, (enum rule_buffer) o->arg, 0);
        if (part == PARSE_NONE)
                return -EINVAL;
        p->part_of[s - p->steps] = part;
        p->order[s - p->steps] = p->n_orders++;
        p->parts[before].n_steps--;
        p->parts[part].n_steps++;
        return 0;
}

int parse_option_pkt_data(struct parse *p, const struct parse_option *o _unused_)
{
        return parse_stick(p, PARSE_NONE);
}

/* Transforms of the sticky buffer (arg: enum part_flag). Those that change bytes are carried out in the order of their
 * bits; written in another order they would mean something else. */
int parse_option_transform(struct parse *p, const struct parse_option *o)
{
        uint16_t flag = (uint16_t) o->arg;

        if (p->sticky == PARSE_NONE)
                return parse_fail(p, PROBLEM_COMBINATION, "a transform follows a buffer");
        if (p->sticky_part != PARSE_NONE)
                return parse_fail(p, PROBLEM_COMBINATION, "a transform goes before the conditions on its buffer");
        if (p->sticky_flags & flag)
                return parse_fail(p, PROBLEM_COMBINATION, "the buffer has it already");
        if (p->sticky_flags > flag && flag > PART_UPPERCASE)
                return parse_fail(p, PROBLEM_COMBINATION, "transforms are not carried out in this order");
        p->sticky_flags |= flag;
        return 0;
}
