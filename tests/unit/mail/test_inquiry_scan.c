/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A scan that somebody else ran, beside packets that we saw: what counts, and when. */
#include "inquiry_rig.h"

#define DIAL "dsl-61-48-71-52.pool.example"

/* A Windows SYN as p0f's book has it: 4:128:0:1460:8192,8:mss,nop,ws,nop,nop,sok:df,id+:0 */
static const struct os_syn windows = {.version = 4,
                                      .ttl = 113,
                                      .window = 8192,
                                      .scale = 8,
                                      .mss = 1460,
                                      .head = 52,
                                      .quirks = OS_QUIRK_DF | OS_QUIRK_ID_SET,
                                      .n_options = 6,
                                      .options = {2, 1, 3, 1, 1, 4}};

static void expect(const struct record *r, enum judge_sign sign, enum answer answer)
{
        if (r->signs[sign] != answer)
                fail_msg("%s is %s", judge_sign_name(sign), answer_name(r->signs[sign]));
}

/* What somebody scanned himself counts where no packet and no probe says it. */
static void test_scan(void **state)
{
        _cleanup_(os_db_freep)
        struct os_db *db = NULL;
        struct asking *g = calloc(1, sizeof(*g));
        const char *head = head_of_mail(RELAY, "friend (" DIAL, "X-Mailer: Apple Mail (2.3445)\n");
        const struct record *r;

        (void) state;
        assert_int_equal(os_db_new(&db), 0);
        assert_int_equal(os_db_add_own(db), 0);
        g->p.os = db;
        g->scan = (struct inquiry_scan){OS_FAMILY_WINDOWS, OS_ROLE_CLIENT, 96, "Windows XP SP3", "nmap",
                                        ANSWER_UNKNOWN,    ANSWER_YES};
        asking_begin_offline(g);
        r = judge_mail(g, head, ANSWER_YES);
        assert_int_equal(r->os_family, OS_FAMILY_WINDOWS);
        assert_int_equal(r->os_confidence, 96);
        assert_string_equal(r->os, "Windows XP SP3, by nmap");
        assert_int_equal(r->smtp, 0);
        expect(r, JUDGE_SIGN_OS_CLIENT, ANSWER_YES);
        expect(r, JUDGE_SIGN_OS_SERVER, ANSWER_NO);
        expect(r, JUDGE_SIGN_SMTP_REFUSED, ANSWER_YES);
        expect(r, JUDGE_SIGN_SMTP_SERVER, ANSWER_UNKNOWN);
        /* It may be a router before the sender. */
        expect(r, JUDGE_SIGN_MAILER_FITS, ANSWER_UNKNOWN);
        /* An old mail: what listens there is no longer asked; the system is that of its time. */
        g->now = CAME + 1000 * DAY;
        r = judge_mail(g, head, ANSWER_YES);
        assert_true(r->speak_for & 1u << JUDGE_SIGN_OS_CLIENT);
        assert_false((r->speak_for | r->against) & 1u << JUDGE_SIGN_SMTP_REFUSED);
        /* The packet that brought it comes first, whatever it says. */
        g->seen = (struct inquiry_seen){.has_syn = true, .syn = windows};
        g->scan.family = OS_FAMILY_FREEBSD;
        g->scan.role = OS_ROLE_SERVER;
        r = judge_mail(g, head, ANSWER_YES);
        assert_int_equal(r->os_family, OS_FAMILY_WINDOWS);
        assert_null(strstr(r->os, "nmap"));
        expect(r, JUDGE_SIGN_OS_SERVER, ANSWER_NO);
        /* A server; a family without a role says nothing. */
        g->seen = (struct inquiry_seen){0};
        g->scan = (struct inquiry_scan){OS_FAMILY_LINUX, OS_ROLE_UNKNOWN, 96, "Linux 5", "nmap",
                                        ANSWER_YES,      ANSWER_UNKNOWN};
        r = judge_mail(g, head, ANSWER_YES);
        expect(r, JUDGE_SIGN_SMTP_SERVER, ANSWER_YES);
        expect(r, JUDGE_SIGN_SMTP_REFUSED, ANSWER_NO);
        expect(r, JUDGE_SIGN_OS_CLIENT, ANSWER_UNKNOWN);
        expect(r, JUDGE_SIGN_OS_SERVER, ANSWER_UNKNOWN);
        asking_end(g);
        free(g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_scan)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
