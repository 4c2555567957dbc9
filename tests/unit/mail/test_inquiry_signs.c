/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a mail and what is answered to signs and classes: each class, ham, old mail, lies, and names from outside. */
#include "inquiry_rig.h"

#define ZEN    "zen.spamhaus.org"
#define IN_ZEN "52.71.48.61.zen.spamhaus.org"
#define ZEN_TESTS                                                                                                      \
        {                                                                                                              \
                "2.0.0.127." ZEN, "A 127.0.0.2"                                                                        \
        }
#define DIAL "dsl-61-48-71-52.pool.example"
#define DIAL_NAMES                                                                                                     \
        {"52.71.48.61.in-addr.arpa", "PTR " DIAL},                                                                     \
        {                                                                                                              \
                DIAL, "A " RELAY                                                                                       \
        }

static const char *const zen[] = {ZEN, NULL};

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

static struct asking *begin(const struct row *rows)
{
        struct asking *g = calloc(1, sizeof(*g));

        if (rows)
                asking_begin(g, rows, zen);
        else
                asking_begin_offline(g);
        return g;
}

static void end(struct asking *g)
{
        asking_end(g);
        free(g);
}

static void expect(const struct record *r, enum judge_sign sign, enum answer answer)
{
        if (r->signs[sign] != answer)
                fail_msg("%s is %s", judge_sign_name(sign), answer_name(r->signs[sign]));
}

static void expect_class(const struct record *r, enum judge_class class)
{
        if (r->class != class)
                fail_msg("%s, nearest %s with %d, since %s", judge_class_name(r->class), judge_class_name(r->nearest),
                         r->score, judge_why_title(r->why));
}

/* --- classes --- */

static const struct row bot_rows[] = {ZEN_TESTS, DIAL_NAMES, {IN_ZEN, "A 127.0.0.4"}, {IN_ZEN, "A 127.0.0.11"}, {0}};

static void test_direct_bot(void **state)
{
        struct asking *g = begin(bot_rows);
        const struct record *r = judge_mail(g, head_of_mail(RELAY, "friend (" DIAL, ""), ANSWER_YES);

        (void) state;
        expect_class(r, JUDGE_DIRECT_BOT);
        expect(r, JUDGE_SIGN_DIRECT, ANSWER_YES);
        expect(r, JUDGE_SIGN_HELO_POOR, ANSWER_YES);
        expect(r, JUDGE_SIGN_DYNAMIC, ANSWER_YES);
        expect(r, JUDGE_SIGN_CONFIRMED, ANSWER_YES);
        expect(r, JUDGE_SIGN_LIST_EXPLOITED, ANSWER_YES);
        expect(r, JUDGE_SIGN_LIST_POLICY, ANSWER_YES);
        expect(r, JUDGE_SIGN_LIST_PROXY, ANSWER_NO);
        assert_int_equal(r->listed, 1);
        assert_string_equal(r->rdns, DIAL);
        assert_string_equal(r->helo, "friend");
        assert_true(r->speak_for & 1u << JUDGE_SIGN_LIST_EXPLOITED);
        end(g);
}

#define PROVIDER "smtp-out3.provider.example"
#define PROVIDER_ROWS                                                                                                  \
        ZEN_TESTS, {"52.71.48.61.in-addr.arpa", "PTR " PROVIDER},                                                      \
        {                                                                                                              \
                PROVIDER, "A " RELAY                                                                                   \
        }
#define FROM_CUSTOMER                                                                                                  \
        "Received: from pc (cable-5-6.cust.provider.example [61.49.5.6]) (Authenticated sender: x) by " PROVIDER       \
        " (Postfix) with ESMTPSA id 2; Tue, 15 Aug 2023 09:59:30 +0000\n"

static void test_provider(void **state)
{
        static const struct row rows[] = {PROVIDER_ROWS, {0}};
        struct asking *g = begin(rows);
        const struct record *r = judge_mail(g, head_of_mail(RELAY, PROVIDER " (" PROVIDER, FROM_CUSTOMER), ANSWER_YES);

        (void) state;
        expect_class(r, JUDGE_PROVIDER_RELAY);
        expect(r, JUDGE_SIGN_DIRECT, ANSWER_NO);
        expect(r, JUDGE_SIGN_SUBMITTED, ANSWER_YES);
        expect(r, JUDGE_SIGN_HELO_FITS, ANSWER_YES);
        expect(r, JUDGE_SIGN_SERVER_NAME, ANSWER_YES);
        /* The same mail from a server whose name leads back to nobody: then it is only its word. */
        end(g);
        g = begin((const struct row[]){ZEN_TESTS, {"52.71.48.61.in-addr.arpa", "PTR " PROVIDER}, {0}});
        r = judge_mail(g, head_of_mail(RELAY, PROVIDER " (unknown", FROM_CUSTOMER), ANSWER_YES);
        expect_class(r, JUDGE_UNKNOWN);
        expect(r, JUDGE_SIGN_SUBMITTED, ANSWER_UNKNOWN);
        expect(r, JUDGE_SIGN_DIRECT, ANSWER_UNKNOWN);
        expect(r, JUDGE_SIGN_SERVER_NAME, ANSWER_UNKNOWN);
        end(g);
}

static void test_abused_server(void **state)
{
        static const struct row rows[] = {ZEN_TESTS,
                                          {"52.71.48.61.in-addr.arpa", "PTR mail.shop.example"},
                                          {"mail.shop.example", "A " RELAY},
                                          {IN_ZEN, "A 127.0.0.4"},
                                          {0}};
        struct asking *g = begin(rows);

        (void) state;
        expect_class(judge_mail(g, head_of_mail(RELAY, "mail.shop.example (mail.shop.example", ""), ANSWER_YES),
                     JUDGE_ABUSED_SERVER);
        end(g);
}

static void test_open_proxy(void **state)
{
        static const struct row rows[] = {
                {"2.0.0.127.proxies.example", "A 127.0.0.2"}, {"52.71.48.61.proxies.example", "A 127.0.0.3"}, {0}};
        struct asking *g = calloc(1, sizeof(*g));

        (void) state;
        asking_begin(g, rows, (const char *const[]){"proxies.example=proxy", NULL});
        expect_class(judge_mail(g, head_of_mail(RELAY, "friend (unknown", ""), ANSWER_YES), JUDGE_OPEN_PROXY);
        end(g);
}

/* Of a provider's server that all its customers' mail goes through, and a person's own server behind a DSL line. */
static void test_ham(void **state)
{
        static const struct row clean[] = {PROVIDER_ROWS, {0}},
                                own[] = {ZEN_TESTS, DIAL_NAMES, {IN_ZEN, "A 127.0.0.10"}, {0}};
        struct asking *g = begin(clean);

        (void) state;
        expect_class(judge_mail(g, head_of_mail(RELAY, PROVIDER " (" PROVIDER, FROM_CUSTOMER), ANSWER_NO),
                     JUDGE_UNKNOWN);
        expect_class(judge_mail(g, head_of_mail(RELAY, PROVIDER " (" PROVIDER, FROM_CUSTOMER), ANSWER_UNKNOWN),
                     JUDGE_UNKNOWN);
        end(g);
        g = begin(own);
        g->seen = (struct inquiry_seen){.has_syn = true, .syn = windows};
        expect_class(judge_mail(g, head_of_mail(RELAY, "home.example.org (" DIAL, ""), ANSWER_NO), JUDGE_UNKNOWN);
        expect_class(judge_mail(g, head_of_mail(RELAY, "home.example.org (" DIAL, ""), ANSWER_UNKNOWN), JUDGE_UNKNOWN);
        end(g);
}

/* --- time --- */

static void test_old(void **state)
{
        struct asking *g = begin(bot_rows);
        const struct record *r;

        (void) state;
        g->now = CAME + 2 * DAY + NSEC_PER_SEC;
        r = judge_mail(g, head_of_mail(RELAY, "friend (unknown", ""), ANSWER_YES);
        expect_class(r, JUDGE_UNKNOWN);
        /* It is recorded, and does not count; nor do names of now. */
        assert_int_equal(r->listed, 1);
        assert_string_equal(r->rdns, DIAL);
        expect(r, JUDGE_SIGN_LIST_EXPLOITED, ANSWER_YES);
        assert_int_equal(r->speak_for & 1u << JUDGE_SIGN_LIST_EXPLOITED, 0);
        expect(r, JUDGE_SIGN_DYNAMIC, ANSWER_UNKNOWN);
        expect(r, JUDGE_SIGN_NAMELESS, ANSWER_YES);
        /* A second earlier it counts. */
        g->now = CAME + 2 * DAY;
        expect_class(judge_mail(g, head_of_mail(RELAY, "friend (unknown", "A: b\n"), ANSWER_YES), JUDGE_DIRECT_BOT);
        end(g);
}

static void test_time_unknown(void **state)
{
        static const char head[] =
                "Received: from friend (unknown [" RELAY "]) by mx.example.com (Postfix) with ESMTP id 1\n"
                "\n";
        struct asking *g = begin(bot_rows);
        struct inquiry_mail mail = {.head = head, .len = sizeof(head) - 1, .spam = ANSWER_YES};

        (void) state;
        assert_int_equal(inquiry_add(g->q, g->now, &mail), 0);
        ask_until(g, 1);
        expect_class(&g->told[0].record, JUDGE_UNKNOWN);
        assert_int_equal(g->told[0].record.came, 0);
        /* The mailbox knows when it was delivered. */
        mail.came = g->now - HOUR;
        assert_int_equal(inquiry_add(g->q, g->now, &mail), 0);
        ask_until(g, 2);
        expect_class(&g->told[1].record, JUDGE_DIRECT_BOT);
        /* From the future: a clock that is wrong by minutes, and one that is wrong. */
        mail.came = g->now + 300 * NSEC_PER_SEC;
        assert_int_equal(inquiry_add(g->q, g->now, &mail), 0);
        expect_class(&g->told[2].record, JUDGE_DIRECT_BOT);
        mail.came = g->now + HOUR;
        assert_int_equal(inquiry_add(g->q, g->now, &mail), 0);
        expect_class(&g->told[3].record, JUDGE_UNKNOWN);
        end(g);
}

/* --- what is seen --- */

static void test_system(void **state)
{
        _cleanup_(os_db_freep)
        struct os_db *db = NULL;
        struct asking *g = calloc(1, sizeof(*g));
        const struct record *r;

        (void) state;
        assert_int_equal(os_db_new(&db), 0);
        assert_int_equal(os_db_add_own(db), 0);
        g->p.os = db;
        g->seen = (struct inquiry_seen){.has_syn = true, .syn = windows};
        asking_begin_offline(g);
        r = judge_mail(g, head_of_mail(RELAY, "friend (" DIAL, "X-Mailer: Microsoft Outlook Express 6.00\n"),
                       ANSWER_YES);
        assert_int_equal(r->os_family, OS_FAMILY_WINDOWS);
        assert_true(strncmp(r->os, "Windows", 7) == 0);
        expect(r, JUDGE_SIGN_OS_CLIENT, ANSWER_YES);
        expect(r, JUDGE_SIGN_MAILER_FITS, ANSWER_YES);
        expect_class(r, JUDGE_DIRECT_BOT);
        /* Server editions send the same. */
        r = judge_mail(g, head_of_mail(RELAY, "mail.shop.example (mail.shop.example", ""), ANSWER_YES);
        expect(r, JUDGE_SIGN_OS_CLIENT, ANSWER_UNKNOWN);
        expect(r, JUDGE_SIGN_OS_SERVER, ANSWER_UNKNOWN);
        expect_class(r, JUDGE_UNKNOWN);
        /* It was seen when the mail came: that the mail is old does not matter. */
        g->now = CAME + 1000 * DAY;
        r = judge_mail(g, head_of_mail(RELAY, "friend (" DIAL, "X-Mailer: Apple Mail (2.3445)\n"), ANSWER_YES);
        expect(r, JUDGE_SIGN_MAILER_FITS, ANSWER_NO);
        expect_class(r, JUDGE_DIRECT_BOT);
        assert_int_equal(g->seen_at, CAME);
        end(g);
}

static void test_ours(void **state)
{
        struct asking *g = begin(NULL);
        const struct record *r;

        (void) state;
        g->seen = (struct inquiry_seen){.attacked = ANSWER_YES};
        r = judge_mail(g, head_of_mail(RELAY, "friend (" DIAL, ""), ANSWER_UNKNOWN);
        expect(r, JUDGE_SIGN_OURS_ATTACK, ANSWER_YES);
        expect(r, JUDGE_SIGN_OURS_PROXY, ANSWER_UNKNOWN);
        expect_class(r, JUDGE_DIRECT_BOT);
        g->seen = (struct inquiry_seen){.proxy = ANSWER_YES};
        expect_class(judge_mail(g, head_of_mail(RELAY, "friend (unknown", ""), ANSWER_YES), JUDGE_OPEN_PROXY);
        end(g);
}

static void test_files(void **state)
{
        struct netlist *bad = NULL, *proxies = NULL;
        struct inquiry_list files[2] = {{"bad", NULL, DNSBL_EXPLOITED}, {"proxies", NULL, DNSBL_PROXY}};
        struct asking *g = calloc(1, sizeof(*g));
        const struct record *r;

        (void) state;
        assert_int_equal(netlist_new(&bad), 0);
        assert_int_equal(netlist_new(&proxies), 0);
        assert_int_equal(netlist_add_text(bad, "61.48.0.0/16", 12, NULL, NULL), 0);
        netlist_ready(bad);
        netlist_ready(proxies);
        files[0].nets = bad;
        files[1].nets = proxies;
        g->p.files = files;
        g->p.n_files = 2;
        asking_begin(g, bot_rows, zen);
        r = judge_mail(g, head_of_mail(RELAY, "friend (" DIAL, ""), ANSWER_YES);
        assert_int_equal(r->listed, 1 | 2);
        assert_int_equal(r->not_listed, 4);
        end(g);
        g = calloc(1, sizeof(*g));
        g->p.files = files;
        g->p.n_files = 2;
        asking_begin_offline(g);
        r = judge_mail(g, head_of_mail(RELAY, "friend (" DIAL, ""), ANSWER_YES);
        assert_int_equal(r->listed, 1);
        assert_int_equal(r->not_listed, 2);
        expect_class(r, JUDGE_DIRECT_BOT);
        end(g);
        netlist_free(bad);
        netlist_free(proxies);
}

static void test_list_errors(void **state)
{
        static const struct row refused[] = {ZEN_TESTS, {IN_ZEN, "A 127.255.255.254"}, {0}};
        static const struct row world[] = {{"*", "A 127.0.0.4"}, {0}};
        static const struct row dead[] = {{"2.0.0.127." ZEN, "NX"}, {IN_ZEN, "A 127.0.0.4"}, {0}};
        static const struct row *const all[] = {refused, world, dead};

        (void) state;
        for (unsigned i = 0; i < ELEMENTSOF(all); i++) {
                struct asking *g = begin(all[i]);
                const struct record *r = judge_mail(g, head_of_mail(RELAY, "friend (" DIAL, ""), ANSWER_YES);

                assert_int_equal(r->listed | r->not_listed, 0);
                expect(r, JUDGE_SIGN_LIST_EXPLOITED, ANSWER_UNKNOWN);
                expect_class(r, JUDGE_UNKNOWN);
                end(g);
        }
}

/* --- the head --- */

struct case_of_head {
        const char *names, *below;
        enum judge_sign sign;
        enum answer answer;
};

static void test_heads(void **state)
{
#define BELOW_FORGED "Received: from x ([240.0.0.1]) by 203.0.113.77 with SMTP; Tue, 15 Aug 2023 09:00:00 +0000\n"
#define BELOW_LATER  "Received: from x ([61.50.1.1]) by y.example; Wed, 16 Aug 2023 22:00:00 +0000\n"
#define BELOW_PLAIN  "Received: from x ([61.50.1.1]) by y.other.example; Tue, 15 Aug 2023 09:00:00 +0000\n"
#define BELOW_OWN    "Received: from x ([61.50.1.1]) by mail.good.example; Tue, 15 Aug 2023 09:00:00 +0000\n"
#define FROM_LINE(name)                                                                                                \
        "Received: from pc (" name                                                                                     \
        " [61.50.1.1]) by mail.good.example (Postfix) with SMTP id 1; Tue, 15 Aug 2023 09:00:00 +0000\n"
        static const struct case_of_head cases[] = {
                {"a.example (unknown", "", JUDGE_SIGN_DIRECT, ANSWER_YES},
                {"a.example (unknown", BELOW_FORGED, JUDGE_SIGN_DIRECT, ANSWER_YES},
                {"a.example (unknown", BELOW_FORGED, JUDGE_SIGN_FORGED, ANSWER_YES},
                {"a.example (unknown", BELOW_PLAIN, JUDGE_SIGN_FORGED, ANSWER_NO},
                {"mail.good.example (mail.good.example", BELOW_OWN BELOW_FORGED, JUDGE_SIGN_FORGED, ANSWER_UNKNOWN},
                {"mail.good.example (mail.good.example", BELOW_FORGED BELOW_OWN, JUDGE_SIGN_FORGED, ANSWER_YES},
                {"a.example (unknown", BELOW_PLAIN, JUDGE_SIGN_DIRECT, ANSWER_UNKNOWN},
                {"mail.good.example (mail.good.example", BELOW_OWN, JUDGE_SIGN_DIRECT, ANSWER_NO},
                {"mail.good.example (mail.good.example", BELOW_OWN, JUDGE_SIGN_SUBMITTED, ANSWER_UNKNOWN},
                /* An access line of its own network is a customer; of another, anybody. */
                {"mail.good.example (mail.good.example", FROM_LINE("dsl-61-50-1-1.pool.good.example"),
                 JUDGE_SIGN_SUBMITTED, ANSWER_YES},
                {"mail.good.example (mail.good.example", FROM_LINE("dsl-61-50-1-1.pool.else.example"),
                 JUDGE_SIGN_SUBMITTED, ANSWER_UNKNOWN},
                {"mail.good.example (mail.good.example", "X-Originating-IP: [61.50.1.1]\n", JUDGE_SIGN_SUBMITTED,
                 ANSWER_YES},
                {"mail.good.example (mail.good.example", BELOW_PLAIN "X-Originating-IP: [61.50.1.1]\n",
                 JUDGE_SIGN_SUBMITTED, ANSWER_UNKNOWN},
                /* A dial-up host's name proves nothing of what it writes. */
                {DIAL " (" DIAL, "Received: from x ([61.50.1.1]) by a.pool.example; Tue, 15 Aug 2023 09:00:00 +0000\n",
                 JUDGE_SIGN_DIRECT, ANSWER_UNKNOWN},
                {"a.example (unknown", BELOW_LATER, JUDGE_SIGN_TIMES, ANSWER_YES},
                {"a.example (unknown", "", JUDGE_SIGN_TIMES, ANSWER_NO},
                {"mx.example.com (unknown", "", JUDGE_SIGN_HELO_OURS, ANSWER_YES},
                {"a.example (unknown", "", JUDGE_SIGN_HELO_OURS, ANSWER_NO},
                {"[61.48.71.52] (unknown", "", JUDGE_SIGN_HELO_POOR, ANSWER_YES},
                {"localhost (unknown", "", JUDGE_SIGN_HELO_POOR, ANSWER_YES},
                {"smtp.a.nl (unknown", "", JUDGE_SIGN_HELO_POOR, ANSWER_NO},
                {"mail.good.example (mail.good.example", "", JUDGE_SIGN_HELO_FITS, ANSWER_YES},
                {"other.net (mail.good.example", "", JUDGE_SIGN_HELO_FITS, ANSWER_NO},
                {"mail.good.example (unknown", "", JUDGE_SIGN_HELO_FITS, ANSWER_UNKNOWN},
                {"a.example (unknown", "", JUDGE_SIGN_NAMELESS, ANSWER_YES},
                {"a.example (b.example", "", JUDGE_SIGN_NAMELESS, ANSWER_NO},
                {"a.example (unknown", "", JUDGE_SIGN_SPAM, ANSWER_UNKNOWN},
                /* Below the boundary it is the sender's word. */
                {"a.example (unknown", "X-Spam-Status: No\n", JUDGE_SIGN_SPAM, ANSWER_UNKNOWN},
                {"a.example (unknown", "Received-SPF: pass\n", JUDGE_SIGN_SPF, ANSWER_UNKNOWN},
        };

        (void) state;
        for (unsigned i = 0; i < ELEMENTSOF(cases); i++) {
                struct asking *g = begin(NULL);
                const struct record *r =
                        judge_mail(g, head_of_mail(RELAY, cases[i].names, cases[i].below), ANSWER_UNKNOWN);

                if (r->signs[cases[i].sign] != cases[i].answer)
                        fail_msg("case %u: %s is %s", i, judge_sign_name(cases[i].sign),
                                 answer_name(r->signs[cases[i].sign]));
                end(g);
        }
}

static void test_filters(void **state)
{
        static const struct {
                const char *above;
                enum judge_sign sign;
                enum answer answer;
        } cases[] = {
                {"X-Spam-Flag: YES\n", JUDGE_SIGN_SPAM, ANSWER_YES},
                {"X-Spam-Status: Yes, score=9\n", JUDGE_SIGN_SPAM, ANSWER_YES},
                {"X-Spam-Status: No, score=1\n", JUDGE_SIGN_SPAM, ANSWER_NO},
                {"X-Spam-Status: No\nX-Spam-Flag: YES\n", JUDGE_SIGN_SPAM, ANSWER_YES},
                {"X-Spam-Status: perhaps\n", JUDGE_SIGN_SPAM, ANSWER_UNKNOWN},
                {"Received-SPF: pass\n", JUDGE_SIGN_SPF, ANSWER_YES},
                {"Received-SPF: softfail\n", JUDGE_SIGN_SPF, ANSWER_NO},
                {"Received-SPF: neutral\n", JUDGE_SIGN_SPF, ANSWER_UNKNOWN},
                {"Authentication-Results: mx.example.com; spf=pass\n", JUDGE_SIGN_SPF, ANSWER_YES},
                {"Authentication-Results: elsewhere; spf=pass\n", JUDGE_SIGN_SPF, ANSWER_UNKNOWN},
        };
        static char head[70000];

        (void) state;
        for (unsigned i = 0; i < ELEMENTSOF(cases); i++) {
                struct asking *g = begin(NULL);
                const struct record *r;

                snprintf(head, sizeof(head), "%s%s", cases[i].above, head_of_mail(RELAY, "a.example (unknown", ""));
                r = judge_mail(g, head, ANSWER_UNKNOWN);
                if (r->signs[cases[i].sign] != cases[i].answer)
                        fail_msg("case %u: %s is %s", i, judge_sign_name(cases[i].sign),
                                 answer_name(r->signs[cases[i].sign]));
                end(g);
        }
}

/* --- outside text --- */

static void test_hostile_names(void **state)
{
        char helo[600];
        struct asking *g;
        const struct record *r;

        (void) state;
        memset(helo, 'a', sizeof(helo) - 20);
        strcpy(helo + sizeof(helo) - 20, " (unknown");
        g = begin(NULL);
        r = judge_mail(g, head_of_mail(RELAY, helo, ""), ANSWER_YES);
        assert_int_equal(strlen(r->helo), RECORD_NAME_MAX - 1);
        r = judge_mail(g, head_of_mail(RELAY, "\x1b]0;x\x07\xff.e (unknown", ""), ANSWER_YES);
        for (const char *p = r->helo; *p; p++)
                assert_true(*p >= ' ' && *p <= '~');
        end(g);
        /* DNS says things that are no names. */
        for (unsigned i = 0; i < 3; i++) {
                static const char *const says[] = {"PTR a\x1b[31mb.example", "JUNK", "PTR -.-"};
                const struct row rows[] = {{"52.71.48.61.in-addr.arpa", says[i]}, {0}};

                g = begin(rows);
                r = judge_mail(g, head_of_mail(RELAY, "a.example (unknown", ""), ANSWER_YES);
                for (const char *p = r->rdns; *p; p++)
                        assert_true(*p >= ' ' && *p <= '~');
                expect_class(r, JUDGE_UNKNOWN);
                end(g);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_direct_bot),    cmocka_unit_test(test_provider),
                cmocka_unit_test(test_abused_server), cmocka_unit_test(test_open_proxy),
                cmocka_unit_test(test_ham),           cmocka_unit_test(test_old),
                cmocka_unit_test(test_time_unknown),  cmocka_unit_test(test_system),
                cmocka_unit_test(test_ours),          cmocka_unit_test(test_files),
                cmocka_unit_test(test_list_errors),   cmocka_unit_test(test_heads),
                cmocka_unit_test(test_filters),       cmocka_unit_test(test_hostile_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
