/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The section `mail`: what it takes, what it refuses, and that it is shown as it is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "config/config.h"

static int read_text(struct config **ret, const char *text, struct buf *errors)
{
        assert_int_equal(config_new_default(ret), 0);
        return config_parse(*ret, "t.yaml", text, strlen(text), errors);
}

static void test_defaults(void **state)
{
        _cleanup_(config_freep)
        struct config *c = NULL;

        (void) state;
        assert_int_equal(config_new_default(&c), 0);
        /* DNS of this machine, and nothing else. */
        assert_true(c->mail.ask);
        assert_null(c->mail.resolver);
        assert_int_equal(c->mail.lists.n + c->mail.trust.n + c->mail.own.n + c->mail.submission.n, 0);
        assert_int_equal(c->mail.maildir.n, 0);
        assert_null(c->mail.probe_allowed);
}

static void test_all(void **state)
{
        static const char text[] = "mail:\n"
                                   "  ask: false\n"
                                   "  resolver: 192.0.2.53, [2001:db8::53]:5353\n"
                                   "  trust: [\"!192.0.2.9\", 192.0.2.0/24, .example.org]\n"
                                   "  own: [192.0.2.1]\n"
                                   "  submission: [192.0.2.2]\n"
                                   "  lists: [zen.spamhaus.org, bl.example.net=exploited, /etc/bad=spam]\n"
                                   "  maildir: [/home/a/Maildir]\n"
                                   "  probe_allowed: /etc/allowed\n"
                                   "  probe_opted_out: /etc/out\n"
                                   "  probe_name: probe.example.org\n"
                                   "  probe_ping: false\n"
                                   "  probe_spacing: 10s\n"
                                   "  probe_network_spacing: 1h\n"
                                   "  probe_concurrent: 2\n";
        _cleanup_(config_freep)
        struct config *c = NULL, *again = NULL;
        _cleanup_(buf_done)
        struct buf shown = BUF_HEAP(1 << 20), twice = BUF_HEAP(1 << 20);

        (void) state;
        assert_int_equal(read_text(&c, text, NULL), 0);
        assert_false(c->mail.ask);
        assert_string_equal(c->mail.resolver, "192.0.2.53, [2001:db8::53]:5353");
        assert_int_equal(c->mail.trust.n, 3);
        assert_string_equal(c->mail.trust.items[0], "!192.0.2.9");
        assert_string_equal(c->mail.trust.items[2], ".example.org");
        assert_int_equal(c->mail.lists.n, 3);
        assert_string_equal(c->mail.lists.items[2], "/etc/bad=spam");
        assert_string_equal(c->mail.maildir.items[0], "/home/a/Maildir");
        assert_int_equal(c->mail.probe_spacing, 10 * NSEC_PER_SEC);
        assert_int_equal(c->mail.probe_concurrent, 2);
        assert_int_equal(config_show(c, &shown), 0);
        assert_int_equal(read_text(&again, buf_str(&shown), NULL), 0);
        assert_int_equal(config_show(again, &twice), 0);
        assert_string_equal(buf_str(&shown), buf_str(&twice));
}

static void refuses(const char *text, const char *why)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        _cleanup_(buf_done)
        struct buf errors = BUF_HEAP(4096);

        assert_int_equal(read_text(&c, text, &errors), -EINVAL);
        if (!strstr(buf_str(&errors), why))
                fail_msg("\"%s\" is not in: %s", why, buf_str(&errors));
}

static void test_refused(void **state)
{
        char text[2000] = "mail: {trust: [";
        size_t n = strlen(text);

        (void) state;
        refuses("mail: {trust: 192.0.2.1}", "expected a list of texts");
        refuses("mail: {trust: [[a]]}", "expected a text");
        refuses("mail: {lists: [a, a]}", "is given twice");
        refuses("mail: {trust: [\"a\\0b\"]}", "NUL");
        refuses("mail: {maildir: [Maildir]}", "must be an absolute path");
        refuses("mail: {own: [.example.org]}", "is not an address or network");
        refuses("mail: {probe_ping: maybe}", "true or false");
        refuses("mail: {probe_concurrent: 65}", "1 to 64");
        refuses("mail: {probe_spacing: 0}", "mail.probe_spacing");
        refuses("mail: {probe_pings: true}", "did you mean \"probe_ping\"?");
        memset(text + n, 'a', 256);
        strcpy(text + n + 256, "]}");
        refuses(text, "mail.trust");
        strcpy(text, "mail: {lists: [");
        for (unsigned i = 0; i < 33; i++)
                snprintf(text + strlen(text), 16, "l%u.test,", i);
        strcat(text, "]}");
        refuses(text, "more than 32 entries");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_all),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
