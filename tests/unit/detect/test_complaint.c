/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Complaints about a home host: what they weigh by who complains, and that they alone convict nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rig.h"
#include "verdict/fold.h"

static struct event complaint(uint8_t about, uint8_t trust)
{
        struct event e = {.type = EVENT_COMPLAINT, .op = COMPLAINT_CAME};

        e.complaint.local = rig_addr("10.0.0.5");
        e.complaint.relay = rig_addr("198.51.100.7");
        e.complaint.text = "example.com";
        e.complaint.what = "abuse";
        e.complaint.incidents = 1;
        e.complaint.about = about;
        e.complaint.trust = trust;
        return e;
}

static void test_weights(void **state)
{
        static const int32_t weights[COMPLAINT_TRUSTS] = {150, 300, 450};
        int32_t most = 0;
        struct rig r;

        (void) state;
        rig_open(&r, "complaint", NULL);
        for (unsigned about = 0; about < COMPLAINT_ABOUTS; about++)
                for (unsigned trust = 0; trust < COMPLAINT_TRUSTS; trust++) {
                        struct event e = complaint((uint8_t) about, (uint8_t) trust);
                        int before = r.claims;

                        rig_event(&r, &e);
                        assert_int_equal(r.claims - before, about != COMPLAINT_NOTHING);
                        if (about == COMPLAINT_NOTHING)
                                continue;
                        assert_int_equal(r.last.weight, weights[trust]);
                        assert_int_equal(r.last.kind->stage, about == COMPLAINT_OF_SPAM ? STAGE_ATTACK : STAGE_SPREAD);
                        assert_int_equal(r.last.first, r.now);
                        assert_false(r.last.kind->conclusive);
                }
        /* All of them, however often, make no suspect. */
        for (size_t i = 0; i < r.detector->n_kinds; i++)
                most += r.detector->kinds[i].cap;
        assert_true(most < VERDICT_SUSPECT_DEFAULT);
        rig_close(&r);
}

static void test_subject(void **state)
{
        struct event e = complaint(COMPLAINT_OF_SPAM, COMPLAINT_STRANGER);
        char key[SUBJECT_TEXT_MAX];
        struct rig r;

        (void) state;
        rig_open(&r, "complaint", NULL);
        rig_event(&r, &e);
        assert_string_equal(subject_key(&r.last.subject, key), "host:10.0.0.5");
        e.complaint.local = rig_addr("fd00::1:2:3:4");
        rig_event(&r, &e);
        assert_string_equal(subject_key(&r.last.subject, key), "host:fd00::");
        rig_close(&r);
}

static void test_story(void **state)
{
        struct event e = complaint(COMPLAINT_OF_SPAM, COMPLAINT_STRANGER);
        struct rig r;

        (void) state;
        rig_open(&r, "complaint", NULL);
        e.complaint.incidents = 3;
        e.complaint.came = T0 + 3600 * NSEC_PER_SEC;
        rig_event(&r, &e);
        rig_assert_story(
                &r, "Somebody at example.com (the mail came from 198.51.100.7), for whom nothing vouches, complained "
                    "that spam came from 10.0.0.5 at 2023-11-14T22:13:20.000000+0000 (\"abuse\"), 3 times.\n"
                    "The complaint came at 2023-11-14T23:13:20.000000+0000.\n"
                    "Anybody can write a complaint: it counts beside what was seen here, not alone.\n");
        /* Outside text stays visible, and what is missing is left out. */
        e = complaint(COMPLAINT_OF_ATTACK, COMPLAINT_TRUSTED);
        e.complaint.text = "a\033[2Jb";
        e.complaint.what = NULL;
        e.complaint.relay = (struct addr){{0}};
        rig_event(&r, &e);
        rig_assert_story(&r, "Somebody at a\\x1b[2Jb complained that attacks came from 10.0.0.5 at "
                             "2023-11-14T22:13:20.000000+0000.\n"
                             "Anybody can write a complaint: it counts beside what was seen here, not alone.\n");
        /* From a store that somebody wrote */
        r.last.n_facts = 0;
        rig_assert_story(&r,
                         "Somebody complained that attacks came from this host at 2023-11-14T22:13:20.000000+0000.\n"
                         "Anybody can write a complaint: it counts beside what was seen here, not alone.\n");
        rig_close(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_weights), cmocka_unit_test(test_subject),
                                           cmocka_unit_test(test_story)};

        (void) setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
