/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From signs to classes: a scene for each class, scenes that must not accuse, and what holds for all: never one sign,
 * never one source, nothing of now for a mail of then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "mail/judge.h"

#define HOUR (3600 * NSEC_PER_SEC)

/* Signs that are yes, then -1, signs that are no, then -1. */
static struct judge_input input(const int *yes, const int *no)
{
        struct judge_input in = {.gap = HOUR};

        for (; *yes >= 0; yes++)
                in.signs[*yes] = ANSWER_YES;
        for (; *no >= 0; no++)
                in.signs[*no] = ANSWER_NO;
        return in;
}

#define YES(...) ((const int[]){__VA_ARGS__, -1})
#define NO(...)  ((const int[]){__VA_ARGS__, -1})
#define NONE     ((const int[]){-1})
#define S(id)    JUDGE_SIGN_##id

static struct judge_verdict judged(struct judge_input in)
{
        struct judge_verdict v;

        judge_relay(&in, &v);
        return v;
}

static void expect(struct judge_input in, enum judge_class class, enum judge_why why)
{
        struct judge_verdict v = judged(in);

        assert_string_equal(judge_class_name(v.class), judge_class_name(class));
        assert_string_equal(judge_why_title(v.why), judge_why_title(why));
}

static void test_direct_bot(void **state)
{
        (void) state;
        /* As it comes from a DSL line: bare HELO, dynamic name, on the XBL. */
        expect(input(YES(S(DIRECT), S(HELO_POOR), S(DYNAMIC), S(LIST_EXPLOITED), S(SPAM)), NONE), JUDGE_DIRECT_BOT,
               JUDGE_SURE);
        /* The relay inquiry's rule, with a forged hop below. */
        expect(input(YES(S(DIRECT), S(FORGED), S(OS_CLIENT), S(SMTP_REFUSED), S(NAMELESS)), NO(S(CONFIRMED))),
               JUDGE_DIRECT_BOT, JUDGE_SURE);
        /* It attacked us the same day. */
        expect(input(YES(S(DIRECT), S(OURS_ATTACK), S(SPAM)), NONE), JUDGE_DIRECT_BOT, JUDGE_SURE);
        expect(input(YES(S(DIRECT), S(SPAM), S(LIST_POLICY), S(DYNAMIC), S(HELO_POOR)), NONE), JUDGE_DIRECT_BOT,
               JUDGE_SURE);
}

static void test_provider_relay(void **state)
{
        (void) state;
        expect(input(YES(S(SUBMITTED), S(SPAM), S(HELO_FITS), S(CONFIRMED), S(SERVER_NAME), S(SMTP_SERVER), S(SPF)),
                     NO(S(DIRECT), S(DYNAMIC))),
               JUDGE_PROVIDER_RELAY, JUDGE_SURE);
        expect(input(YES(S(SUBMITTED), S(SPAM), S(LIST_SPAM), S(CONFIRMED), S(HELO_FITS)), NO(S(DIRECT))),
               JUDGE_PROVIDER_RELAY, JUDGE_SURE);
}

static void test_abused_server(void **state)
{
        (void) state;
        expect(input(YES(S(LIST_EXPLOITED), S(SMTP_SERVER), S(CONFIRMED), S(HELO_FITS), S(SPAM)),
                     NO(S(SUBMITTED), S(DYNAMIC))),
               JUDGE_ABUSED_SERVER, JUDGE_SURE);
        expect(input(YES(S(LIST_SPAM), S(SMTP_SERVER), S(CONFIRMED), S(HELO_FITS), S(SPAM), S(SERVER_NAME)),
                     NO(S(SUBMITTED))),
               JUDGE_ABUSED_SERVER, JUDGE_SURE);
}

static void test_open_proxy(void **state)
{
        (void) state;
        expect(input(YES(S(LIST_PROXY), S(FORGED), S(SPAM)), NONE), JUDGE_OPEN_PROXY, JUDGE_SURE);
        expect(input(YES(S(OURS_PROXY), S(SPAM), S(HELO_POOR)), NONE), JUDGE_OPEN_PROXY, JUDGE_SURE);
}

/* What must not accuse. */
static void test_harmless(void **state)
{
        (void) state;
        expect(input(NONE, NONE), JUDGE_UNKNOWN, JUDGE_NOTHING);
        /* A person's own mail server behind a DSL line: it fits a bot in everything, and nothing accuses it. */
        expect(input(YES(S(DIRECT), S(DYNAMIC), S(LIST_POLICY), S(OS_CLIENT)), NO(S(SPAM))), JUDGE_UNKNOWN, JUDGE_FITS);
        expect(input(YES(S(DIRECT), S(DYNAMIC), S(LIST_POLICY), S(HELO_POOR), S(NAMELESS)), NONE), JUDGE_UNKNOWN,
               JUDGE_FITS);
        /* An ordinary mail from a provider's customer. */
        expect(input(YES(S(SUBMITTED), S(HELO_FITS), S(CONFIRMED), S(SERVER_NAME), S(SMTP_SERVER), S(SPF)),
                     NO(S(SPAM), S(DIRECT))),
               JUDGE_UNKNOWN, JUDGE_FITS);
        /* A newsletter. */
        expect(input(YES(S(DIRECT), S(HELO_FITS), S(CONFIRMED), S(SERVER_NAME), S(SPF)), NO(S(DYNAMIC))), JUDGE_UNKNOWN,
               JUDGE_FITS);
        /* A provider's server on a list of infected machines, since it has infected customers: a server, not a bot. */
        expect(input(YES(S(LIST_EXPLOITED), S(SUBMITTED), S(HELO_FITS), S(SERVER_NAME), S(SMTP_SERVER)),
                     NO(S(DIRECT), S(SPAM))),
               JUDGE_UNKNOWN, JUDGE_WEAK);
        /* Only DNS, whatever it says. */
        expect(input(YES(S(DYNAMIC), S(NAMELESS)), NO(S(CONFIRMED))), JUDGE_UNKNOWN, JUDGE_ONE_GROUP);
        /* Only lists. */
        expect(input(YES(S(LIST_EXPLOITED), S(LIST_POLICY), S(LIST_SPAM), S(LIST_ACCOUNT)), NONE), JUDGE_UNKNOWN,
               JUDGE_ONE_GROUP);
        /* Two classes fit. */
        expect(input(YES(S(LIST_EXPLOITED), S(LIST_PROXY), S(DIRECT), S(SPAM), S(HELO_POOR)), NONE), JUDGE_UNKNOWN,
               JUDGE_CLOSE);
}

/* A mail of last year, with everything asked today; the networks may be gone or have new people in them. */
static void test_old_mail(void **state)
{
        struct judge_input in = input(
                YES(S(DIRECT), S(HELO_POOR), S(DYNAMIC), S(LIST_EXPLOITED), S(LIST_POLICY), S(SMTP_REFUSED), S(SPAM)),
                NONE);
        struct judge_verdict v;

        (void) state;
        in.gap = JUDGE_FRESH;
        assert_int_equal(judged(in).class, JUDGE_DIRECT_BOT);
        in.gap = JUDGE_FRESH + 1;
        v = judged(in);
        assert_int_equal(v.class, JUDGE_UNKNOWN);
        assert_int_equal(v.too_old, 1u << S(LIST_EXPLOITED) | 1u << S(LIST_POLICY) | 1u << S(SMTP_REFUSED));
        in.gap = -1; /* not known */
        assert_int_equal(judged(in).class, JUDGE_UNKNOWN);
        in.gap = INT64_MIN;
        assert_int_equal(judged(in).class, JUDGE_UNKNOWN);
        /* What was seen when it came stays true. */
        in.gap = 1000 * 24 * HOUR;
        in.signs[S(OS_CLIENT)] = in.signs[S(OURS_ATTACK)] = ANSWER_YES;
        assert_int_equal(judged(in).class, JUDGE_DIRECT_BOT);
}

/* --- what holds for all --- */

static void test_one_sign_is_none(void **state)
{
        (void) state;
        for (unsigned s = 0; s < JUDGE_SIGNS; s++)
                for (unsigned a = 0; a < ANSWERS; a++) {
                        struct judge_input in = {.gap = 0};

                        in.signs[s] = a;
                        assert_int_equal(judged(in).class, JUDGE_UNKNOWN);
                }
}

static unsigned sources(uint32_t bits)
{
        /* The groups as judge.def has them. */
        static const uint8_t group[JUDGE_SIGNS] = {
#define SIGN(id, name, group, now, yes, no, title, reason) JUDGE_GROUP_##group,
#include "mail/judge.def"
#undef SIGN
        };
        uint32_t groups = 0;

        for (unsigned s = 0; s < JUDGE_SIGNS; s++)
                if (bits & 1u << s)
                        groups |= 1u << group[s];
        return (unsigned) __builtin_popcount(groups);
}

static void test_random(void **state)
{
        unsigned counts[JUDGE_CLASSES] = {0};

        (void) state;
        srand(5);
        for (unsigned i = 0; i < 200000; i++) {
                struct judge_input in = {.gap = (nsec_t) (rand() % 96) * HOUR};
                struct judge_verdict v, again;
                int32_t sum = 0;

                for (unsigned s = 0; s < JUDGE_SIGNS; s++)
                        in.signs[s] = rand() % 3 ? ANSWER_UNKNOWN : (enum answer)(rand() % ANSWERS);
                v = judged(in);
                again = judged(in);
                assert_memory_equal(&v, &again, sizeof(v));
                counts[v.class]++;
                assert_int_equal(v.class == JUDGE_UNKNOWN, v.why != JUDGE_SURE);
                for (unsigned s = 0; s < JUDGE_SIGNS; s++)
                        if (!(v.too_old & 1u << s))
                                sum += judge_sign_weight(s, in.signs[s], v.nearest);
                assert_int_equal(sum, v.score);
                if (v.class == JUDGE_UNKNOWN)
                        continue;
                assert_true(sources(v.speak_for) >= 2);
                assert_true(v.score >= JUDGE_THRESHOLD);
                assert_true(v.speak_for & ~v.too_old);
                /* What is not known accuses nobody: with all accusing signs taken away it is unknown. */
                for (unsigned s = 0; s < JUDGE_SIGNS; s++)
                        if (v.speak_for & 1u << s)
                                in.signs[s] = ANSWER_UNKNOWN;
                assert_int_not_equal(judged(in).class, v.class);
        }
        for (unsigned c = 0; c < JUDGE_CLASSES; c++)
                assert_true(counts[c] > 50);
}

static void test_table(void **state)
{
        static char text[32768];
        struct buf b = BUF_FIXED(text);

        (void) state;
        judge_print(&b);
        assert_false(b.error);
        for (unsigned s = 0; s < JUDGE_SIGNS; s++) {
                bool any = false;

                assert_non_null(strstr(text, judge_sign_name(s)));
                assert_string_not_equal(judge_sign_title(s), "");
                for (unsigned c = 0; c < JUDGE_CLASSES; c++)
                        any = any || judge_sign_weight(s, ANSWER_YES, c) != 0;
                assert_true(any);
                assert_int_equal(judge_sign_weight(s, ANSWER_UNKNOWN, JUDGE_DIRECT_BOT), 0);
        }
        assert_int_equal(judge_sign_weight(JUDGE_SIGNS, ANSWER_YES, JUDGE_DIRECT_BOT), 0);
        assert_int_equal(judge_sign_weight(0, ANSWER_YES, JUDGE_CLASSES), 0);
        assert_string_equal(judge_class_name(JUDGE_CLASSES), "?");
        assert_string_equal(judge_class_title(JUDGE_CLASSES), "?");
        assert_string_equal(judge_why_title(JUDGE_WHYS), "?");
        assert_string_equal(judge_sign_name(JUDGE_SIGNS), "?");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_direct_bot),
                cmocka_unit_test(test_provider_relay),
                cmocka_unit_test(test_abused_server),
                cmocka_unit_test(test_open_proxy),
                cmocka_unit_test(test_harmless),
                cmocka_unit_test(test_old_mail),
                cmocka_unit_test(test_one_sign_is_none),
                cmocka_unit_test(test_random),
                cmocka_unit_test(test_table),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
