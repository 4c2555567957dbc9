/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the configuration to an inquiry's parameters: what each key does, what is refused with which words, and what is
 * never probed. Files in a folder of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "mail/inquiry_setup.h"

static char folder[] = "/tmp/sekimori-setup-XXXXXX";

static int make_folder(void **state)
{
        (void) state;
        return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
        (void) st;
        (void) kind;
        (void) at;
        return remove(path);
}

static int remove_folder(void **state)
{
        (void) state;
        return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void write_file(const char *name, const char *text)
{
        char path[256];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        f = fopen(path, "we");
        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
        fclose(f);
}

/* %s of `yaml` is the folder. */
static int set_up(struct config **c, const char *yaml, const struct inquiry_more *more, struct buf *why,
                  struct inquiry_setup **ret)
{
        char text[8192];
        _cleanup_(buf_done)
        struct buf errors = BUF_HEAP(4096);

        snprintf(text, sizeof(text), yaml, folder, folder, folder);
        assert_int_equal(config_new_default(c), 0);
        if (config_parse(*c, "t.yaml", text, strlen(text), &errors) < 0)
                fail_msg("%s", buf_str(&errors));
        return inquiry_setup_new(*c, more, why, ret);
}

static const struct inquiry_more probing = {.probe = true};

struct made {
        struct config *c;
        struct inquiry_setup *s;
};

static struct made make(const char *yaml, const struct inquiry_more *more)
{
        struct made m = {0};
        char text[1024];
        struct buf why = BUF_FIXED(text);

        if (set_up(&m.c, yaml, more, &why, &m.s) < 0)
                fail_msg("%s", buf_str(&why));
        return m;
}

static void done(struct made m)
{
        inquiry_setup_free(m.s);
        config_free(m.c);
}

static bool trusts(const struct chain_nets *nets, const char *text)
{
        struct addr a;

        assert_int_equal(addr_parse(text, &a), 0);
        return chain_nets_have(nets, &a);
}

static void test_defaults(void **state)
{
        struct made m = make("", NULL);

        (void) state;
        assert_non_null(m.s->params.resolve);
        assert_null(m.s->params.permit);
        assert_null(m.s->params.probe);
        assert_non_null(m.s->params.os);
        assert_int_equal(m.s->n_lists, 0);
        assert_int_equal(m.s->trust.trusted.n + m.s->trust.n_names, 0);
        assert_null(m.s->trust.own.items);
        assert_int_equal(m.s->n_ports, 1);
        assert_int_equal(m.s->ports[0], 53);
        done(m);
}

static void test_trust(void **state)
{
        static const char *const first[] = {"!192.0.2.9", ".example.net"};
        struct inquiry_more more = {.trust = first, .n_trust = 2};
        struct made m = make(
                "mail: {trust: [192.0.2.0/24, mail.example.org], own: [192.0.2.1], submission: [192.0.2.2]}", &more);

        (void) state;
        assert_true(trusts(&m.s->trust.trusted, "192.0.2.8"));
        assert_false(trusts(&m.s->trust.trusted, "192.0.2.9"));
        assert_true(trusts(&m.s->trust.own, "192.0.2.1"));
        assert_false(trusts(&m.s->trust.own, "192.0.2.8"));
        assert_true(trusts(&m.s->trust.submission, "192.0.2.2"));
        assert_int_equal(m.s->trust.n_names, 2);
        assert_string_equal(m.s->trust.names[0], ".example.net");
        done(m);
}

static void test_lists(void **state)
{
        static const char *const last[] = {"bl.example.net=exploited"};
        struct inquiry_more more = {.lists = last, .n_lists = 1};
        struct addr a;
        struct made m;

        (void) state;
        write_file("bad", "61.48.0.0/16 # a network\n");
        m = make("mail: {lists: [\"%s/bad=proxy,spam\", zen.spamhaus.org]}", &more);
        assert_int_equal(m.s->n_lists, 3);
        assert_int_equal(m.s->params.n_lists, 2);
        assert_int_equal(m.s->params.n_files, 1);
        assert_string_equal(m.s->lists[0], "zen.spamhaus.org");
        assert_string_equal(m.s->lists[1], "bl.example.net");
        assert_true(strstr(m.s->lists[2], "/bad") && !strchr(m.s->lists[2], '='));
        assert_int_equal(m.s->params.files[0].meanings, DNSBL_PROXY | DNSBL_SPAM);
        assert_int_equal(addr_parse("61.48.71.52", &a), 0);
        assert_true(netlist_has(m.s->params.files[0].nets, &a));
        done(m);
        /* Offline those in files are left, and they are the first. */
        more.offline = true;
        m = make("mail: {lists: [\"%s/bad\", zen.spamhaus.org]}", &more);
        assert_null(m.s->params.resolve);
        assert_int_equal(m.s->n_ports, 0);
        assert_int_equal(m.s->n_lists, 1);
        assert_int_equal(m.s->params.n_lists, 0);
        assert_int_equal(m.s->params.files[0].meanings, DNSBL_OTHER);
        done(m);
        m = make("mail: {ask: false, lists: [zen.spamhaus.org]}", &probing);
        assert_null(m.s->params.resolve);
        assert_null(m.s->params.probe);
        assert_int_equal(m.s->n_ports + m.s->n_lists, 0);
        done(m);
}

static void test_ports(void **state)
{
        static const struct {
                const char *servers;
                unsigned n, last;
        } cases[] = {{"192.0.2.53", 1, 53},
                     {"192.0.2.53:5353", 2, 5353},
                     {"2001:db8::5353", 1, 53},
                     {"[2001:db8::53]:5354,192.0.2.1", 2, 5354},
                     {"192.0.2.1:5,192.0.2.2:6,::1", 3, 6}};

        (void) state;
        for (unsigned i = 0; i < ELEMENTSOF(cases); i++) {
                struct inquiry_more more = {.resolver = cases[i].servers};
                struct made m = make("mail: {resolver: 192.0.2.99}", &more);

                assert_int_equal(m.s->n_ports, cases[i].n);
                assert_int_equal(m.s->ports[m.s->n_ports - 1], cases[i].last);
                done(m);
        }
}

static enum permit_reason look(const struct inquiry_setup *s, const char *text)
{
        struct permit_request request = {.last_external = true};

        assert_int_equal(addr_parse(text, &request.addr), 0);
        return permit_look(s->params.permit, 1000 * NSEC_PER_SEC, &request);
}

static void test_probes(void **state)
{
        static const char *const allow[] = {"61.49.0.0/16"};
        struct inquiry_more more = {.probe = true, .allow = allow, .n_allow = 1};
        struct made m;

        (void) state;
        write_file("allowed", "61.48.0.0/16\n");
        write_file("out", "61.48.9.0/24\n");
        m = make("home: [61.48.1.0/24]\n"
                 "mail: {probe_allowed: \"%s/allowed\", probe_opted_out: \"%s/out\", probe_name: a.example.org,\n"
                 "       trust: [\"!61.48.2.1\", 61.48.2.0/24], own: [61.48.3.1], submission: [61.48.4.1]}\n",
                 &more);
        assert_non_null(m.s->params.probe);
        assert_int_equal(m.s->n_allowed, 2);
        assert_int_equal(m.s->ports[m.s->n_ports - 1], 25);
        assert_int_equal(look(m.s, "61.48.71.52"), PERMIT_GRANTED);
        assert_int_equal(look(m.s, "61.49.71.52"), PERMIT_GRANTED);
        assert_int_equal(look(m.s, "61.50.71.52"), PERMIT_NOT_ALLOWED);
        assert_int_equal(look(m.s, "61.48.9.1"), PERMIT_OPTED_OUT);
        assert_int_equal(look(m.s, "61.48.1.1"), PERMIT_OWN);
        assert_int_equal(look(m.s, "61.48.2.1"), PERMIT_OWN);
        assert_int_equal(look(m.s, "61.48.2.2"), PERMIT_OWN);
        assert_int_equal(look(m.s, "61.48.3.1"), PERMIT_OWN);
        assert_int_equal(look(m.s, "61.48.4.1"), PERMIT_OWN);
        assert_int_equal(look(m.s, "127.0.0.1"), PERMIT_RESERVED);
        done(m);
        /* A person says it each time. */
        m = make("mail: {probe_name: a.example.org}", NULL);
        assert_null(m.s->params.permit);
        assert_null(m.s->params.probe);
        done(m);
        m = make("mail: {probe_name: a.example.org}", &probing);
        assert_non_null(m.s->params.probe);
        done(m);
        /* A plan has nobody who could carry it out. */
        more = (struct inquiry_more){.plan = true, .probe = true};
        m = make("mail: {ask: true}", &more);
        assert_non_null(m.s->params.permit);
        assert_null(m.s->params.probe);
        done(m);
}

static void refuses(const char *yaml, const struct inquiry_more *more, const char *what)
{
        struct made m = {0};
        char text[1024];
        struct buf why = BUF_FIXED(text);

        assert_true(set_up(&m.c, yaml, more, &why, &m.s) < 0);
        if (!strstr(buf_str(&why), what))
                fail_msg("\"%s\" is not in: %s", what, buf_str(&why));
        done(m);
}

static void test_refused(void **state)
{
        struct inquiry_more plan = {.plan = true};

        (void) state;
        write_file("broken", "192.0.2.1\nnonsense\n");
        refuses("mail: {trust: [nonsense]}", NULL, "nonsense");
        refuses("mail: {trust: [\"!mail.example.org\"]}", NULL, "not a network");
        refuses("mail: {resolver: dns.example.org}", NULL, "no list of addresses");
        refuses("mail: {lists: [\"a b\"]}", NULL, "neither a zone");
        refuses("mail: {lists: [zen.spamhaus.org=nonsense]}", NULL, "neither a zone");
        refuses("mail: {lists: [\"%s/broken=nonsense\"]}", NULL, "no meaning");
        refuses("mail: {lists: [\"%s/broken\"]}", NULL, "broken");
        refuses("mail: {lists: [\"%s/none\"]}", NULL, "No such file");
        refuses("mail: {probe_allowed: \"%s/broken\"}", &plan, "broken");
        refuses("mail: {probe_opted_out: \"%s/none\"}", &plan, "No such file");
        refuses("mail: {probe_name: \"a b\"}", &probing, "EHLO");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults), cmocka_unit_test(test_trust),  cmocka_unit_test(test_lists),
                cmocka_unit_test(test_ports),    cmocka_unit_test(test_probes), cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
