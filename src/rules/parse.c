/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One rule: its header, its options, what it is as a whole; and what all options need. Runs where rules are read. */
#include "rules/parse.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "rules/ruleset_parts.h"

int parse_fail(struct parse *p, enum rule_problem_kind kind, const char *format, ...)
{
        va_list ap;

        if (p->failed)
                return -EINVAL;
        p->failed = true;
        p->problem.kind = kind;
        va_start(ap, format);
        (void) vsnprintf(p->reason, sizeof(p->reason), format, ap);
        va_end(ap);
        return -EINVAL;
}

int parse_fail_memory(struct parse *p)
{
        return parse_fail(p, PROBLEM_LIMIT, "no memory is left: the rules of this set are too much");
}

char *parse_text(struct parse *p, struct slice s)
{
        char *copy = arena_text(&p->set->arena, s.p, s.len);

        if (!copy)
                (void) parse_fail_memory(p);
        return copy;
}

/* The first "sid:" in the text, for what cannot be read to its end. */
static uint32_t guess_number(const char *text, uint32_t len, const char *name)
{
        size_t n = strlen(name);
        const char *at = text;
        uint64_t value;

        while ((at = memmem(at, len - (size_t) (at - text), name, n))) {
                struct slice s = {at + n, len - (uint32_t) (at + (ptrdiff_t) n - text)};
                bool alone = at > text && strchr(" ;(\t", at[-1]);

                at += n;
                if (alone && word_next(&s, ';', &s) && word_number(s, 10, UINT32_MAX, &value) == 0)
                        return (uint32_t) value;
        }
        return 0;
}

void parse_tell(struct parse *p)
{
        p->problem.option = p->option;
        p->problem.reason = p->reason;
        ruleset_tell(p->set, &p->problem);
}

void parse_begin(struct parse *p, const char *file, uint32_t line)
{
        p->problem = (struct rule_problem){.file = file, .line = line};
        p->rule = (struct rule){.gid = 1, .file = p->problem.file, .line = p->problem.line};
        p->reason[0] = p->option[0] = '\0';
        p->failed = false;
        p->seen = 0;
        p->sticky = p->sticky_part = PARSE_NONE;
        p->sticky_flags = 0;
        p->n_steps = p->n_parts = p->n_tests = p->n_bits = p->n_vars = p->n_metadata = p->n_references = 0;
        p->n_orders = 0;
}

int parse_rule(struct parse *p, const char *text, uint32_t len)
{
        struct slice options = {0}, whole = {text, len};
        int r;

        if (memchr(text, '\0', len))
                r = parse_fail(p, PROBLEM_SYNTAX, "a NUL byte in the line");
        else
                r = parse_header(p, whole, &options);
        if (r == 0)
                r = parse_options(p, options);
        if (r == 0)
                r = parse_check(p);
        if (r == 0)
                r = parse_build(p, text);
        if (r >= 0 || r == -ENOMEM)
                return r;
        p->problem.gid = p->rule.gid;
        p->problem.sid = p->rule.sid ? p->rule.sid : guess_number(text, len, "sid:");
        parse_tell(p);
        return ruleset_count_failed(p->set, p->problem.gid, p->problem.sid);
}

/* ---- steps and parts ---- */

/* Buffers that come several times in a transaction: written twice, they may be two of them. */
#define BUFFERS_SEVERAL (BUFFER_BIT(BUFFER_DNS_QUERY) | BUFFER_BIT(BUFFER_SMTP_RCPT_TO))

static uint8_t new_part(struct parse *p, uint8_t buffer, uint16_t flags)
{
        if (p->n_parts == RULE_STEPS_MAX) {
                (void) parse_fail(p, PROBLEM_LIMIT, "more than %u buffers", RULE_STEPS_MAX);
                return PARSE_NONE;
        }
        if (parse_want_app(p, buffer_kinds[buffer].app) < 0)
                return PARSE_NONE;
        p->parts[p->n_parts] = (struct parse_part){.buffer = buffer, .flags = flags};
        return (uint8_t) p->n_parts++;
}

uint8_t parse_part_of(struct parse *p, enum rule_buffer buffer, uint16_t flags)
{
        for (uint8_t i = (uint8_t) p->n_parts; i-- > 0;)
                if (p->parts[i].buffer == buffer && p->parts[i].flags == flags)
                        return i;
        return new_part(p, (uint8_t) buffer, flags);
}

uint8_t parse_part_now(struct parse *p)
{
        if (p->sticky == PARSE_NONE)
                return parse_part_of(p, BUFFER_PAYLOAD, 0);
        if (p->sticky_part == PARSE_NONE)
                p->sticky_part = BUFFERS_SEVERAL & BUFFER_BIT(p->sticky) ? new_part(p, p->sticky, p->sticky_flags) :
                                                                           parse_part_of(p, p->sticky, p->sticky_flags);
        return p->sticky_part;
}

int parse_stick(struct parse *p, uint8_t buffer)
{
        if (p->sticky != PARSE_NONE && p->sticky_part == PARSE_NONE && p->sticky != buffer)
                return parse_fail(p, PROBLEM_COMBINATION, "%s is followed by no condition on it",
                                  buffer_kinds[p->sticky].name);
        if (buffer != PARSE_NONE && parse_want_app(p, buffer_kinds[buffer].app) < 0)
                return -EINVAL;
        p->sticky = buffer;
        p->sticky_part = PARSE_NONE;
        p->sticky_flags = 0;
        return 0;
}

struct rule_step *parse_step(struct parse *p, enum step_kind kind, uint8_t part)
{
        struct rule_step *s = &p->steps[p->n_steps];

        if (part == PARSE_NONE)
                return NULL;
        if (p->n_steps == RULE_STEPS_MAX) {
                (void) parse_fail(p, PROBLEM_LIMIT, "more than %u conditions on bytes", RULE_STEPS_MAX);
                return NULL;
        }
        *s = (struct rule_step){.kind = (uint8_t) kind};
        p->part_of[p->n_steps] = part;
        p->order[p->n_steps++] = p->n_orders++;
        p->parts[part].n_steps++;
        return s;
}

uint8_t parse_part_of_step(const struct parse *p, const struct rule_step *s)
{
        return p->part_of[s - p->steps];
}

struct rule_step *parse_last(struct parse *p, uint32_t kinds)
{
        for (unsigned i = p->n_steps; i-- > 0;) {
                if (!(kinds & 1u << p->steps[i].kind))
                        continue;
                if (p->sticky == PARSE_NONE || p->part_of[i] == p->sticky_part)
                        return &p->steps[i];
        }
        return NULL;
}

struct rule_test *parse_test(struct parse *p, enum test_kind kind)
{
        struct rule_test *t = &p->tests[p->n_tests];

        if (p->n_tests == RULE_TESTS_MAX) {
                (void) parse_fail(p, PROBLEM_LIMIT, "more than %u conditions on the packet and the flow",
                                  RULE_TESTS_MAX);
                return NULL;
        }
        p->n_tests++;
        *t = (struct rule_test){.kind = (uint8_t) kind};
        return t;
}

int parse_want_app(struct parse *p, uint8_t app)
{
        if (app == APP_UNKNOWN || app == p->rule.app)
                return 0;
        if (p->rule.app != APP_UNKNOWN)
                return parse_fail(p, PROBLEM_COMBINATION, "the rule is about %s, and this is about %s",
                                  app_name(p->rule.app), app_name(app));
        p->rule.app = app;
        return 0;
}
