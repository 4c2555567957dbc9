/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules as text, for the tests of the parser: what loads, and what was said of the rest. */
#ifndef SEKIMORI_TESTS_PARSE_RIG_H
#define SEKIMORI_TESTS_PARSE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rules/ruleset.h"

struct said {
        enum rule_problem_kind kind;
        uint32_t gid, sid, line;
        char file[64], option[64], reason[240];
};
struct rig {
        struct ruleset *set;
        struct said said[32]; /* the first ones */
        unsigned n_said;
        char text[RULE_TEXT_MAX];
};

static void rig_said(void *userdata, const struct rule_problem *p)
{
        struct rig *g = userdata;
        struct said *s = &g->said[g->n_said];

        if (g->n_said++ >= ELEMENTSOF(g->said))
                return;
        *s = (struct said){.kind = p->kind, .gid = p->gid, .sid = p->sid, .line = p->line};
        (void) snprintf(s->file, sizeof(s->file), "%s", p->file);
        (void) snprintf(s->option, sizeof(s->option), "%s", p->option);
        (void) snprintf(s->reason, sizeof(s->reason), "%s", p->reason);
}

static _unused_ void rig_begin(struct rig *g, const struct rule_variable *variables, unsigned n)
{
        struct ruleset_params p = {.variables = variables, .n_variables = n, .problem = rig_said, .userdata = g};

        g->n_said = 0;
        memset(g->said, 0, sizeof(g->said));
        assert_int_equal(ruleset_new(&p, &g->set), 0);
}

static _unused_ void rig_add(struct rig *g, const char *name, const char *text)
{
        assert_int_equal(ruleset_add_data(g->set, name, text, strlen(text)), 0);
}

static _unused_ void rig_end(struct rig *g)
{
        ruleset_free(g->set);
        g->set = NULL;
}

/* The only rule of this text; NULL: it did not load. */
static _unused_ const struct rule *rig_rule(struct rig *g, const char *text)
{
        rig_end(g);
        rig_begin(g, NULL, 0);
        rig_add(g, "test", text);
        assert_int_equal(ruleset_settle(g->set), 0);
        return ruleset_rule(g->set, 0);
}

/* The rule of these options; of TCP from anywhere to anywhere. */
static _unused_ const struct rule *rig_options(struct rig *g, const char *options)
{
        const struct rule *r;

        (void) snprintf(g->text, sizeof(g->text), "alert tcp any any -> any any (%s sid:1;)", options);
        r = rig_rule(g, g->text);
        if (!r)
                print_message("%s: %s\n", g->said[0].option, g->said[0].reason);
        return r;
}

/* That rule does not load, for this reason. */
static _unused_ void rig_refused(struct rig *g, const char *rule, enum rule_problem_kind kind, const char *option,
                                 const char *reason)
{
        const struct rule *r = rig_rule(g, rule);

        if (r || g->said[0].kind != kind || strcmp(g->said[0].option, option) != 0 ||
            !strstr(g->said[0].reason, reason))
                fail_msg("%s: %s; kind %u, option \"%s\": %s", rule, r ? "loads" : "does not load", g->said[0].kind,
                         g->said[0].option, g->said[0].reason);
        assert_int_equal(g->n_said, 1);
        assert_int_equal(ruleset_count(g->set), 0);
}

static _unused_ void rig_options_refused(struct rig *g, const char *options, enum rule_problem_kind kind,
                                         const char *option, const char *reason)
{
        char rule[4096];

        (void) snprintf(rule, sizeof(rule), "alert tcp any any -> any any (%s sid:1;)", options);
        rig_refused(g, rule, kind, option, reason);
        assert_int_equal(g->said[0].sid, 1);
}

struct refused {
        const char *text;
        enum rule_problem_kind kind;
        const char *option, *reason;
};

static _unused_ void rig_all_refused(struct rig *g, const struct refused *rows, size_t n)
{
        for (size_t i = 0; i < n; i++)
                rig_options_refused(g, rows[i].text, rows[i].kind, rows[i].option, rows[i].reason);
}

static _unused_ int rig_setup(void **state)
{
        *state = calloc(1, sizeof(struct rig));
        return *state ? 0 : -1;
}

static _unused_ int rig_teardown(void **state)
{
        rig_end(*state);
        free(*state);
        return 0;
}

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

#endif
