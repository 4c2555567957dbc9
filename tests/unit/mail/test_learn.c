/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is proposed for trust, step by step, in honest folders; and in those that a sender made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mail/learn.h"

#define MAILS  100
#define FRONT  "61.48.10.1"
#define SECOND "61.48.20.2"

/* One mail, from a few words: of whom our server saw, and what stands beneath. */
struct mail {
        char front[16], name[64]; /* "": from the sender at once */
        char second[16];          /* behind the front end; "": none */
        char sender[16];
        char below[300]; /* what the sender wrote */
        unsigned day;
};

typedef void (*maker)(unsigned i, struct mail *ret);

static const char *head_of(const struct mail *m)
{
        static char text[4096];
        const char *date[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9"};
        const char *day = date[m->day % 9];
        size_t n = 0;

        n += (size_t) snprintf(
                text, sizeof(text),
                "Received: from x (%s [%s]) by mx.example.com (Postfix) with ESMTP id 1; %s Aug 2023 10:00:00 +0000\n",
                *m->front ? m->name : "unknown", *m->front ? m->front : m->sender, day);
        if (*m->front)
                n += (size_t) snprintf(text + n, sizeof(text) - n,
                                       "Received: from y (unknown [%s]) by mx1.provider.example (Postfix) with ESMTP "
                                       "id 2; %s Aug 2023 "
                                       "09:59:00 +0000\n",
                                       *m->second ? m->second : m->sender, day);
        if (*m->second)
                n += (size_t) snprintf(text + n, sizeof(text) - n,
                                       "Received: from z (unknown [%s]) by in.forwarder.example (Postfix) with ESMTP "
                                       "id 3; %s Aug 2023 "
                                       "09:58:00 +0000\n",
                                       m->sender, day);
        (void) snprintf(text + n, sizeof(text) - n, "%sSubject: x\n\n", m->below);
        return text;
}

static void sender(struct mail *m, unsigned i)
{
        (void) snprintf(m->sender, sizeof(m->sender), "61.%u.%u.9", 50 + i % 7, i % 40);
}

static void front(struct mail *m, const char *name)
{
        (void) snprintf(m->front, sizeof(m->front), "%s", FRONT);
        (void) snprintf(m->name, sizeof(m->name), "%s", name);
}

static struct learn *begin(const struct chain_trust *trust)
{
        struct learn *l = NULL;

        assert_int_equal(learn_new(trust, &l), 0);
        return l;
}

static bool step(struct learn *l, unsigned mails, maker make, struct learn_step *ret)
{
        for (unsigned i = 0; i < mails; i++) {
                struct mail m = {.day = i};
                const char *head;

                make(i, &m);
                head = head_of(&m);
                assert_int_equal(learn_add(l, head, strlen(head)), 0);
        }
        if (learn_end(l, ret))
                return true;
        print_message("%s: %u of %u, others %u, days %u, beneath %u\n", learn_why_name(ret->why), (unsigned) ret->mails,
                      (unsigned) ret->of, ret->others, ret->days, ret->beneath);
        return false;
}

static void expect_trust(const struct learn_step *s, const char *text)
{
        char have[128];
        struct buf b = BUF_FIXED(have);

        learn_trust_text(s, &b);
        assert_string_equal(buf_str(&b), text);
}

/* No folder of this kind leads to a proposal. */
static void expect_none(unsigned mails, maker make, enum learn_why why)
{
        _cleanup_(learn_freep)
        struct learn *l = begin(&(struct chain_trust){0});
        struct learn_step s;

        if (step(l, mails, make, &s) || s.why != why)
                fail_msg("%s, not %s: %u of %u, others %u, days %u, beneath %u", learn_why_name(s.why),
                         learn_why_name(why), (unsigned) s.mails, (unsigned) s.of, s.others, s.days, s.beneath);
}

/* --- honest --- */

static void make_direct(unsigned i, struct mail *m)
{
        sender(m, i);
}

static void make_front(unsigned i, struct mail *m)
{
        sender(m, i);
        if (i != 17) /* one day it was down */
                front(m, "mx1.provider.example");
}

static void make_two(unsigned i, struct mail *m)
{
        make_front(i, m);
        if (i != 18 && *m->front)
                (void) snprintf(m->second, sizeof(m->second), "%s", SECOND);
}

static void test_front(void **state)
{
        _cleanup_(learn_freep)
        struct learn *l = begin(&(struct chain_trust){0});
        struct learn_step s;

        (void) state;
        assert_true(step(l, MAILS, make_front, &s));
        assert_int_equal(s.why, LEARN_PROPOSED);
        expect_trust(&s, FRONT);
        assert_int_equal(s.mails, MAILS - 1);
        assert_int_equal(s.of, MAILS);
        assert_int_equal(s.others, 1);
        assert_int_equal(s.days, 9);
        assert_int_equal(s.beneath, LEARN_SEEN);
        assert_string_equal(s.name, "mx1.provider.example");
        assert_string_equal(s.by, "provider.example");
        /* Behind it are strangers. */
        assert_false(step(l, MAILS, make_front, &s));
        assert_int_equal(s.why, LEARN_NOT_ON_TOP);
        assert_int_equal(s.of, MAILS - 1);
        expect_none(MAILS, make_direct, LEARN_NOT_ON_TOP);
        expect_none(0, make_front, LEARN_NOBODY);
        expect_none(LEARN_MAILS - 1, make_front, LEARN_FEW_MAILS);
}

static void test_steps(void **state)
{
        struct chain_net nets[] = {{.net = {.bits = 128}}};
        struct chain_trust trust = {.trusted = {nets, 1}};
        _cleanup_(learn_freep)
        struct learn *l = begin(&(struct chain_trust){0});
        struct learn *known;
        struct learn_step s;

        (void) state;
        assert_true(step(l, MAILS, make_two, &s));
        expect_trust(&s, FRONT);
        assert_true(step(l, MAILS, make_two, &s));
        expect_trust(&s, SECOND);
        assert_int_equal(s.of, MAILS - 1);
        assert_int_equal(s.mails, MAILS - 2);
        assert_string_equal(s.by, "forwarder.example");
        assert_false(step(l, MAILS, make_two, &s));
        /* What is trusted already is not proposed again; what is an exception is not proposed. */
        assert_int_equal(addr_parse(FRONT, &nets[0].net.base), 0);
        known = begin(&trust);
        assert_true(step(known, MAILS, make_two, &s));
        expect_trust(&s, SECOND);
        learn_free(known);
        nets[0].except = true;
        known = begin(&trust);
        assert_false(step(known, MAILS, make_two, &s));
        assert_int_equal(s.why, LEARN_EXCEPTED);
        learn_free(known);
}

/* A provider with many: one network, or names that lead back. */
static void make_network(unsigned i, struct mail *m)
{
        make_front(i, m);
        if (*m->front)
                (void) snprintf(m->front, sizeof(m->front), "61.48.10.%u", 1 + i % 5);
}

static void make_named(unsigned i, struct mail *m)
{
        make_front(i, m);
        if (!*m->front)
                return;
        (void) snprintf(m->front, sizeof(m->front), "61.48.%u.1", 100 + i % 5);
        (void) snprintf(m->name, sizeof(m->name), "%s.Provider.example", i % 2 ? "mail" : "smtp");
}

static void test_groups(void **state)
{
        _cleanup_(learn_freep)
        struct learn *l = begin(&(struct chain_trust){0});
        struct learn *named = begin(&(struct chain_trust){0});
        struct learn_step s;

        (void) state;
        assert_true(step(l, MAILS, make_network, &s));
        expect_trust(&s, "61.48.10.0/24");
        assert_false(step(l, MAILS, make_network, &s));
        assert_int_equal(s.of, MAILS - 1);
        assert_true(step(named, MAILS, make_named, &s));
        expect_trust(&s, ".provider.example");
        assert_false(step(named, MAILS, make_named, &s));
        assert_int_equal(s.of, MAILS - 1);
        learn_free(named);
}

/* --- hostile --- */

/* In 60 % of the mails stands a hop that the sender made up, as that of a server that looks like ours. */
static void make_forged(unsigned i, struct mail *m)
{
        sender(m, i);
        if (i % 5 < 3)
                (void) snprintf(m->below, sizeof(m->below),
                                "Received: from mx9.trusted.example (mx9.trusted.example [61.48.66.6]) by "
                                "mx.example.com (Postfix) with "
                                "ESMTP id 9; 1 Aug 2023 09:00:00 +0000\n"
                                "Received: from q (q.example [61.%u.%u.1]) by mx9.trusted.example (Postfix) with ESMTP "
                                "id 8; 1 Aug 2023 "
                                "08:00:00 +0000\n",
                                i % 90, i % 50);
}

static void make_forged_behind(unsigned i, struct mail *m)
{
        make_forged(i, m);
        front(m, "mx1.provider.example");
}

/* One sender with most mails, and all the variety beneath him that he likes. */
static void flood(unsigned i, struct mail *m, unsigned percent)
{
        sender(m, i);
        if (i % 100 < percent)
                front(m, "mx1.provider.example");
}

static void make_60(unsigned i, struct mail *m)
{
        flood(i, m, 60);
}

static void make_94(unsigned i, struct mail *m)
{
        flood(i, m, 94);
}

static void make_97(unsigned i, struct mail *m)
{
        flood(i, m, 97);
}

static void make_dynamic(unsigned i, struct mail *m)
{
        sender(m, i);
        front(m, "dsl-61-48-10-1.pool.example");
}

static void make_one_day(unsigned i, struct mail *m)
{
        make_front(i, m);
        m->day = i % 2;
}

static void make_one_sender(unsigned i, struct mail *m)
{
        make_front(i, m);
        (void) snprintf(m->sender, sizeof(m->sender), "61.60.%u.9", i % 7);
}

/* Everything comes from one machine that writes no headers. */
static void make_silent(unsigned i, struct mail *m)
{
        (void) i;
        (void) snprintf(m->sender, sizeof(m->sender), "%s", FRONT);
}

/* The name leads back to nobody: it is not counted as one. */
static void make_false_name(unsigned i, struct mail *m)
{
        make_named(i, m);
        if (*m->front)
                (void) snprintf(m->name, sizeof(m->name), "unknown");
}

static void test_hostile(void **state)
{
        _cleanup_(learn_freep)
        struct learn *l = begin(&(struct chain_trust){0});
        struct learn_step s;

        (void) state;
        expect_none(MAILS, make_forged, LEARN_NOT_ON_TOP);
        /* Behind a front end, too: it is proposed, and nothing beneath it. */
        assert_true(step(l, MAILS, make_forged_behind, &s));
        expect_trust(&s, FRONT);
        assert_false(step(l, MAILS, make_forged_behind, &s));
        assert_int_equal(s.why, LEARN_NOT_ON_TOP);
        expect_none(MAILS, make_60, LEARN_NOT_ON_TOP);
        expect_none(MAILS, make_94, LEARN_NOT_ON_TOP);
        expect_none(MAILS, make_97, LEARN_PAST_IT);
        expect_none(40 * MAILS, make_97, LEARN_PAST_IT);
        expect_none(MAILS, make_dynamic, LEARN_DYNAMIC);
        expect_none(MAILS, make_one_day, LEARN_FEW_DAYS);
        expect_none(MAILS, make_one_sender, LEARN_FEW_BENEATH);
        expect_none(MAILS, make_silent, LEARN_SILENT);
        expect_none(MAILS, make_false_name, LEARN_NOT_ON_TOP);
}

/* Headers beneath that call it by another name each time; that name another address as their writer. */
static void test_contradictions(void **state)
{
        static const char *const by[] = {"mx.name%c%c.example", "61.%u.%u.4"};

        (void) state;
        for (unsigned kind = 0; kind < 2; kind++) {
                _cleanup_(learn_freep)
                struct learn *l = begin(&(struct chain_trust){0});
                struct learn_step s;

                for (unsigned i = 0; i < MAILS; i++) {
                        char text[1024], name[64];

                        if (kind == 0)
                                (void) snprintf(name, sizeof(name), by[0], 'a' + i % 20, 'a' + i / 20);
                        else
                                (void) snprintf(name, sizeof(name), by[1], 100 + i % 20, i);
                        (void) snprintf(text, sizeof(text),
                                        "Received: from x (mx1.provider.example [%s]) by mx.example.com (Postfix) with "
                                        "ESMTP id 1; %u "
                                        "Aug 2023 10:00:00 +0000\n"
                                        "Received: from y (unknown [61.90.%u.1]) by %s (Postfix) with ESMTP id 2; %u "
                                        "Aug 2023 09:59:00 "
                                        "+0000\n\n",
                                        FRONT, 1 + i % 9, i, name, 1 + i % 9);
                        assert_int_equal(learn_add(l, text, strlen(text)), 0);
                }
                assert_false(learn_end(l, &s));
                assert_int_equal(s.why, kind == 0 ? LEARN_NAMES : LEARN_FORGED);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_front),   cmocka_unit_test(test_steps),          cmocka_unit_test(test_groups),
                cmocka_unit_test(test_hostile), cmocka_unit_test(test_contradictions),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
