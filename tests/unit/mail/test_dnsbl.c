/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Block lists: what their answers mean, which are none, names of questions, and what configuration refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "mail/dnsbl.h"

static struct addr addr(const char *text)
{
        struct addr a;

        assert_int_equal(addr_parse(text, &a), 0);
        return a;
}

static struct dnsbl list(const char *text)
{
        struct dnsbl l;

        assert_int_equal(dnsbl_parse(text, &l), 0);
        return l;
}

static void expect(const char *zone, const char *code, enum answer wanted, uint32_t meanings)
{
        struct dnsbl l = list(zone);
        struct addr a = addr(code);
        uint32_t got = 99;

        assert_int_equal(dnsbl_judge(&l, &a, 1, &got), wanted);
        assert_int_equal(got, meanings);
}

static void test_codes(void **state)
{
        static const char zen[] = "zen.spamhaus.org";

        (void) state;
        expect(zen, "127.0.0.2", ANSWER_YES, DNSBL_SPAM);
        expect(zen, "127.0.0.3", ANSWER_YES, DNSBL_SPAM);
        expect(zen, "127.0.0.4", ANSWER_YES, DNSBL_EXPLOITED);
        expect(zen, "127.0.0.7", ANSWER_YES, DNSBL_EXPLOITED);
        expect(zen, "127.0.0.8", ANSWER_YES, DNSBL_OTHER);
        expect(zen, "127.0.0.9", ANSWER_YES, DNSBL_SPAM);
        expect(zen, "127.0.0.10", ANSWER_YES, DNSBL_POLICY);
        expect(zen, "127.0.0.11", ANSWER_YES, DNSBL_POLICY);
        expect(zen, "127.0.1.4", ANSWER_YES, DNSBL_OTHER);
        expect("xbl.spamhaus.org.", "127.0.0.4", ANSWER_YES, DNSBL_EXPLOITED);
        expect("PBL.Spamhaus.org", "127.0.0.11", ANSWER_YES, DNSBL_POLICY);
        expect("authbl.spamhaus.org", "127.0.0.20", ANSWER_YES, DNSBL_ACCOUNT);
        expect("dnsbl.dronebl.org", "127.0.0.8", ANSWER_YES, DNSBL_PROXY);
        expect("dnsbl.dronebl.org", "127.0.0.17", ANSWER_YES, DNSBL_EXPLOITED);
        expect("bl.example.net", "127.0.0.4", ANSWER_YES, DNSBL_OTHER);
        expect("bl.example.net=exploited,proxy", "127.3.2.1", ANSWER_YES, DNSBL_EXPLOITED | DNSBL_PROXY);
        /* What a table says can be said otherwise. */
        expect("zen.spamhaus.org=spam", "127.0.0.4", ANSWER_YES, DNSBL_SPAM);
}

static void test_no_listing(void **state)
{
        static const char *const codes[] = {
                "127.255.255.252", "127.255.255.254", "127.255.255.255", "127.255.255.0", "127.0.0.1", "127.0.0.0",
                "192.0.2.1",       "0.0.0.0",         "126.0.0.2",       "128.0.0.2",     "::1",       "10.0.0.2",
        };
        struct dnsbl l = list("zen.spamhaus.org");
        struct addr both[] = {addr("127.0.0.4"), addr("127.255.255.254"), addr("127.0.0.10")};
        uint32_t meanings;

        (void) state;
        for (unsigned i = 0; i < ELEMENTSOF(codes); i++)
                expect("zen.spamhaus.org", codes[i], ANSWER_UNKNOWN, 0);
        expect("zen.spamhaus.org", "127.255.254.2", ANSWER_YES, DNSBL_OTHER);
        assert_int_equal(dnsbl_judge(&l, NULL, 0, &meanings), ANSWER_NO);
        assert_int_equal(dnsbl_judge(&l, both, 2, &meanings), ANSWER_UNKNOWN);
        assert_int_equal(meanings, 0);
        both[1] = both[2];
        assert_int_equal(dnsbl_judge(&l, both, 2, &meanings), ANSWER_YES);
        assert_int_equal(meanings, DNSBL_EXPLOITED | DNSBL_POLICY);
}

static void test_names(void **state)
{
        struct dnsbl l = list("bl.example");
        struct addr v4 = addr("192.0.2.99"), v6 = addr("2001:db8:1:2:3:4:567:89ab");
        char name[DNSBL_NAME_MAX], zone[DNSBL_ZONE_MAX];

        (void) state;
        dnsbl_name(&l, &v4, name);
        assert_string_equal(name, "99.2.0.192.bl.example");
        /* RFC 5782 2.4 */
        dnsbl_name(&l, &v6, name);
        assert_string_equal(name, "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.example");
        /* The longest zone fits behind the longest address. */
        memset(zone, 'a', sizeof(zone) - 1);
        zone[sizeof(zone) - 1] = 0;
        zone[63] = '.';
        l = list(zone);
        dnsbl_name(&l, &v6, name);
        assert_int_equal(strlen(name), 64 + DNSBL_ZONE_MAX - 1);
}

static void test_configuration(void **state)
{
        static const char *const bad[] = {
                "",
                ".",
                "a..b",
                ".a",
                "a b",
                "a/b",
                "!",
                "=exploited",
                "a=",
                "a=bad",
                "a=exploited,",
                "a=,exploited",
                "a=exploited;spam",
                "\xc3\xa9.example",
                "a=EXPLOITED",
        };
        struct dnsbl l = {.zone = "untouched"};
        char text[200];

        (void) state;
        for (unsigned i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(dnsbl_parse(bad[i], &l), -EINVAL);
        memset(text, 'a', sizeof(text));
        text[64] = 0; /* a label of 64 bytes */
        assert_int_equal(dnsbl_parse(text, &l), -EINVAL);
        text[64] = 'a';
        text[50] = text[100] = '.';
        text[DNSBL_ZONE_MAX] = 0;
        assert_int_equal(dnsbl_parse(text, &l), -EINVAL);
        assert_string_equal(l.zone, "untouched");
        l = list("!Local.example=policy");
        assert_string_equal(l.zone, "local.example");
        assert_true(l.unchecked);
        assert_int_equal(l.meaning, DNSBL_POLICY);
        assert_null(l.codes);
        l = list("zen.spamhaus.org");
        assert_non_null(l.codes);
        assert_false(l.unchecked);
}

static void test_table(void **state)
{
        char text[8192];
        struct buf b = BUF_FIXED(text);

        (void) state;
        dnsbl_print(&b);
        assert_false(b.error);
        assert_non_null(strstr(text, "zen.spamhaus.org"));
        assert_non_null(strstr(text, "127.0.0.4-7 exploited, "));
        assert_string_equal(dnsbl_meaning_name(DNSBL_MEANINGS), "?");
}

static void test_answers(void **state)
{
        (void) state;
        assert_int_equal(answer_or(ANSWER_YES, ANSWER_UNKNOWN), ANSWER_YES);
        assert_int_equal(answer_or(ANSWER_NO, ANSWER_UNKNOWN), ANSWER_UNKNOWN);
        assert_int_equal(answer_or(ANSWER_NO, ANSWER_NO), ANSWER_NO);
        assert_string_equal(answer_name(ANSWER_NO), "no");
        assert_string_equal(answer_name(ANSWERS), "?");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_codes),         cmocka_unit_test(test_no_listing), cmocka_unit_test(test_names),
                cmocka_unit_test(test_configuration), cmocka_unit_test(test_table),      cmocka_unit_test(test_answers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
