/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is taken out of nmap's XML: real documents, disagreement, each state of port 25, and hostile documents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mail/nmap.h"

#define HEAD "<?xml version=\"1.0\"?>\n<!DOCTYPE nmaprun>\n<nmaprun scanner=\"nmap\" start=\"1692093000\">\n"
#define TAIL "<runstats><finished time=\"1692093600\"/></runstats></nmaprun>\n"
#define HOST(what)                                                                                                     \
        "<host starttime=\"1692093100\" endtime=\"1692093200\"><status state=\"up\"/>"                                 \
        "<address addr=\"61.48.71.52\" addrtype=\"ipv4\"/>" what "</host>\n"
#define MATCH(name, accuracy, classes)                                                                                 \
        "<osmatch name=\"" name "\" accuracy=\"" accuracy "\" line=\"1\">" classes "</osmatch>"
#define CLASS(type, family, gen, accuracy)                                                                             \
        "<osclass type=\"" type "\" vendor=\"x\" osfamily=\"" family "\" osgen=\"" gen "\" accuracy=\"" accuracy "\"/" \
        ">"
#define GENERAL(family, gen, accuracy) CLASS("general purpose", family, gen, accuracy)
#define PORT25(state, service)                                                                                         \
        "<ports><port protocol=\"tcp\" portid=\"25\"><state state=\"" state "\"/>" service "</port></ports>"
#define SMTP "<service name=\"smtp\" method=\"table\" conf=\"3\"/>"

static char why[256]; /* of the last document */

static struct nmap *read_text(const char *text, size_t piece, int *ret_error)
{
        struct buf b = BUF_FIXED(why);
        struct nmap *n = NULL;
        size_t len = strlen(text);
        int r = 0;

        why[0] = 0;
        assert_int_equal(nmap_new(&n), 0);
        for (size_t i = 0; i < len && r == 0; i += piece)
                r = nmap_feed(n, text + i, MIN(piece, len - i), &b);
        *ret_error = r < 0 ? r : nmap_end(n, &b);
        (void) buf_str(&b);
        return n;
}

static void put(const char *text, const char *address, struct nmap_host *ret)
{
        struct addr a;
        int r;
        _cleanup_(nmap_freep)
        struct nmap *n = read_text(text, 7, &r);
        const struct nmap_host *h;

        if (r < 0)
                fail_msg("%s: %s", text, why);
        assert_int_equal(addr_parse(address, &a), 0);
        h = nmap_find(n, &a);
        *ret = h ? *h : (struct nmap_host){0};
}

static struct nmap_host host_of(const char *text)
{
        struct nmap_host h;

        put(text, "61.48.71.52", &h);
        return h;
}

#define READ(what) host_of(HEAD HOST(what) TAIL)

/* As nmap 7.93 wrote it about the loopback of a machine with a listener on port 25. */
static void test_real(void **state)
{
        struct buf b = BUF_FIXED(why);
        _cleanup_(nmap_freep)
        struct nmap *n = NULL;
        const struct nmap_host *h;
        struct addr a;

        (void) state;
        assert_int_equal(nmap_new(&n), 0);
        if (nmap_read(n, "tests/unit/mail/data/nmap-loopback.xml", &b) < 0)
                fail_msg("%s", why);
        assert_int_equal(nmap_count(n), 1);
        assert_int_equal(addr_parse("127.0.0.1", &a), 0);
        h = nmap_find(n, &a);
        assert_non_null(h);
        assert_true(h->time == 1795289369 * NSEC_PER_SEC);
        /* Among its guesses are a camera and a router with Linux: the family is sure, what the machine is for is not.
         */
        assert_int_equal(h->family, OS_FAMILY_LINUX);
        assert_int_equal(h->role, OS_ROLE_UNKNOWN);
        assert_int_equal(h->accuracy, 97);
        assert_string_equal(h->os, "Linux 5.0 - 5.2");
        assert_int_equal(h->server, ANSWER_YES);
        assert_int_equal(h->refused, ANSWER_UNKNOWN);
        assert_int_equal(nmap_read(n, "tests/unit/mail/data/none", &b), -ENOENT);
}

static void test_systems(void **state)
{
        struct nmap_host h = READ("<os>" MATCH("Windows XP SP3", "96", GENERAL("Windows", "XP", "96")) "</os>");

        (void) state;
        assert_int_equal(h.family, OS_FAMILY_WINDOWS);
        assert_int_equal(h.role, OS_ROLE_CLIENT);
        assert_int_equal(h.server, ANSWER_UNKNOWN);
        h = READ("<os>" MATCH("a", "98", GENERAL("Windows", "2016", "98"))
                         MATCH("b", "95", GENERAL("Windows", "2012", "95")) "</os>");
        assert_int_equal(h.role, OS_ROLE_SERVER);
        h = READ("<os>" MATCH("a", "98", GENERAL("Windows", "2008", "98") GENERAL("Windows", "7", "98")) "</os>");
        assert_int_equal(h.role, OS_ROLE_EITHER);
        h = READ("<os>" MATCH("a", "98", GENERAL("FreeBSD", "11.X", "98")) "</os>");
        assert_int_equal(h.role, OS_ROLE_SERVER);
        /* What is not sure is not there. */
        h = READ("<os>" MATCH("a", "89", GENERAL("Windows", "7", "89")) "</os>");
        assert_int_equal(h.family, OS_FAMILY_UNKNOWN);
        h = READ("<os>" MATCH("a", "98", GENERAL("Linux", "5.X", "98"))
                         MATCH("b", "89", GENERAL("Windows", "7", "89")) "</os>");
        assert_int_equal(h.family, OS_FAMILY_LINUX);
        for (unsigned i = 0; i < 4; i++) {
                static const char *const bad[] = {"900", "-95", "95x", ""};
                char text[1024];

                (void) snprintf(text, sizeof(text),
                                HEAD HOST("<os>" MATCH("a", "98", GENERAL("Windows", "7", "%s")) "</os>") TAIL, bad[i]);
                assert_int_equal(host_of(text).family, OS_FAMILY_UNKNOWN);
        }
        /* Several that disagree are unknown, in one match or in two, whichever is surer. */
        h = READ("<os>" MATCH("a", "100", GENERAL("Linux", "5.X", "100"))
                         MATCH("b", "90", GENERAL("Windows", "7", "90")) "</os>");
        assert_int_equal(h.family, OS_FAMILY_UNKNOWN);
        assert_int_equal(h.role, OS_ROLE_UNKNOWN);
        assert_int_equal(h.accuracy, 0);
        h = READ("<os>" MATCH("a", "95", GENERAL("Linux", "5.X", "95") GENERAL("FreeBSD", "9.X", "95")) "</os>");
        assert_int_equal(h.family, OS_FAMILY_UNKNOWN);
        /* A device and what runs on it. */
        h = READ(
                "<os>" MATCH("a", "95", CLASS("WAP", "embedded", "", "95") CLASS("WAP", "Linux", "3.X", "95")) "</os>");
        assert_int_equal(h.family, OS_FAMILY_LINUX);
        assert_int_equal(h.role, OS_ROLE_UNKNOWN);
        h = READ("<os>" MATCH("a", "95", CLASS("printer", "embedded", "", "95")) "</os>");
        assert_int_equal(h.family, OS_FAMILY_OTHER);
        h = READ("<os>" MATCH("a\xc3\xa9&#27;[2J", "95", GENERAL("Linux", "5.X", "95")) "</os>");
        assert_string_equal(h.os, "a???[2J");
}

static void test_port(void **state)
{
        static const struct {
                const char *text;
                enum answer server, refused;
        } rows[] = {
                {PORT25("open", SMTP), ANSWER_YES, ANSWER_UNKNOWN},
                {PORT25("open", "<service name=\"tcpwrapped\" method=\"probed\" conf=\"8\"/>"), ANSWER_UNKNOWN,
                 ANSWER_UNKNOWN},
                {PORT25("open", ""), ANSWER_UNKNOWN, ANSWER_UNKNOWN},
                {PORT25("closed", SMTP), ANSWER_UNKNOWN, ANSWER_YES},
                {PORT25("filtered", SMTP), ANSWER_UNKNOWN, ANSWER_UNKNOWN},
                {PORT25("open|filtered", SMTP), ANSWER_UNKNOWN, ANSWER_UNKNOWN},
                {"<ports><port protocol=\"udp\" portid=\"25\"><state state=\"closed\"/></port></ports>", ANSWER_UNKNOWN,
                 ANSWER_UNKNOWN},
                {"<ports><port protocol=\"tcp\" portid=\"587\"><state state=\"open\"/>" SMTP "</port></ports>",
                 ANSWER_UNKNOWN, ANSWER_UNKNOWN},
                {"<ports><extraports state=\"closed\" count=\"9\"><extrareasons reason=\"reset\" proto=\"tcp\" "
                 "ports=\"1,3-4,20-30,99\"/></extraports></ports>",
                 ANSWER_UNKNOWN, ANSWER_YES},
                {"<ports><extraports state=\"closed\" count=\"9\"><extrareasons reason=\"reset\" proto=\"tcp\" "
                 "ports=\"1,3-4,26,250-2500\"/></extraports></ports>",
                 ANSWER_UNKNOWN, ANSWER_UNKNOWN},
                {"<ports><extraports state=\"filtered\" count=\"9\"><extrareasons reason=\"no-response\" proto=\"tcp\" "
                 "ports=\"1-99\"/></extraports></ports>",
                 ANSWER_UNKNOWN, ANSWER_UNKNOWN},
                /* In a place where it means nothing. */
                {"<hostscript><script id=\"x\" output=\"y\">" PORT25("closed", SMTP) "</script></hostscript>",
                 ANSWER_UNKNOWN, ANSWER_UNKNOWN},
        };

        (void) state;
        for (unsigned i = 0; i < ELEMENTSOF(rows); i++) {
                char text[2048];
                struct nmap_host h;

                (void) snprintf(text, sizeof(text), HEAD HOST("%s") TAIL, rows[i].text);
                h = host_of(text);
                if (h.server != rows[i].server || h.refused != rows[i].refused)
                        fail_msg("%s: %s, %s", rows[i].text, answer_name(h.server), answer_name(h.refused));
        }
}

#define CLOSED PORT25("closed", SMTP)

static void test_hosts(void **state)
{
        struct nmap_host h;

        (void) state;
        h = host_of(HEAD HOST(CLOSED) TAIL);
        assert_true(h.time == 1692093200 * NSEC_PER_SEC);
        /* Without times of its own: the scan's. Without any: nothing is known. */
        h = host_of(HEAD "<host><address addr=\"61.48.71.52\"/>" CLOSED "</host>" TAIL);
        assert_true(h.time == 1692093000 * NSEC_PER_SEC);
        h = host_of("<nmaprun start=\"x\"><host><address addr=\"61.48.71.52\"/>" CLOSED "</host></nmaprun>");
        assert_true(h.time == 0);
        h = host_of("<nmaprun start=\"99999999999999999999\"><host endtime=\"9223372036854775807\"><address "
                    "addr=\"61.48.71.52\"/>" CLOSED "</host></nmaprun>");
        assert_true(h.time == 0);
        /* The newer of two scans, in either order; nothing of one host is another's. */
        h = host_of(HEAD HOST(CLOSED) "<host endtime=\"1692099999\"><address addr=\"61.48.71.52\"/></host>" TAIL);
        assert_int_equal(h.refused, ANSWER_UNKNOWN);
        h = host_of(HEAD "<host endtime=\"1692099999\"><address addr=\"61.48.71.52\"/>" PORT25(
                "open", SMTP) "</host>" HOST(CLOSED) TAIL);
        assert_int_equal(h.refused, ANSWER_UNKNOWN);
        assert_int_equal(h.server, ANSWER_YES);
        put(HEAD HOST("<os>" MATCH(
                    "a", "98",
                    GENERAL("Windows", "7", "98")) "</os>") "<host endtime=\"1\"><address addr=\"2001:db8::1\" "
                                                            "addrtype=\"ipv6\"/><address addr=\"00:11:22:33:44:55\" "
                                                            "addrtype=\"mac\"/><os>" MATCH("b", "98",
                                                                                           "") "</os></host>" TAIL,
            "2001:db8::1", &h);
        assert_true(h.time == NSEC_PER_SEC);
        assert_int_equal(h.family, OS_FAMILY_UNKNOWN);
        put(HEAD HOST(CLOSED) TAIL, "61.48.71.53", &h);
        assert_true(h.time == 0);
        /* A host with a name in the place of an address, or none. */
        h = host_of(HEAD "<host endtime=\"1\"><address addr=\"example.org\"/>" CLOSED
                         "</host><host endtime=\"1\">" CLOSED "</host>" TAIL);
        assert_true(h.time == 0);
}

static void expect_bad(const char *text)
{
        int r;
        _cleanup_(nmap_freep)
        struct nmap *n = read_text(text, 4096, &r);

        assert_non_null(n);
        if (r != -EBADMSG || !*why)
                fail_msg("%d, \"%s\": %.80s", r, why, text);
}

static void test_hostile(void **state)
{
        static char large[NMAP_PIECE_MAX + 200000];
        size_t n = 0;

        (void) state;
        expect_bad("");
        expect_bad("no XML");
        expect_bad("<html></html>");
        expect_bad(HEAD HOST(CLOSED));
        expect_bad(HEAD HOST("<os></ports>") TAIL);
        expect_bad(HEAD HOST("\xff\xfe") TAIL);
        expect_bad("<!DOCTYPE nmaprun [<!ENTITY a \"aaaa\"><!ENTITY b SYSTEM \"file:///etc/passwd\">]>"
                   "<nmaprun start=\"&a;&b;\"></nmaprun>");
        expect_bad(HEAD TAIL HEAD TAIL);
        for (unsigned i = 0; i < 10000; i++)
                n += (size_t) snprintf(large + n, sizeof(large) - n, "%s", i ? "<a>" : "<nmaprun>");
        expect_bad(large);
        /* A tag or comment without an end; one with all that may end it. */
        (void) snprintf(large, sizeof(large), "<nmaprun start=\"");
        memset(large + 16, '1', sizeof(large) - 17);
        expect_bad(large);
        (void) snprintf(large, sizeof(large), "<!--");
        memset(large + 4, '>', sizeof(large) - 5);
        expect_bad(large);
}

static void test_many(void **state)
{
        struct nmap *n = NULL;
        char text[256];
        struct buf b = BUF_FIXED(why);
        unsigned i;
        int r;

        (void) state;
        assert_int_equal(nmap_new(&n), 0);
        r = nmap_feed(n, HEAD, strlen(HEAD), &b);
        for (i = 0; r == 0; i++) {
                int len = snprintf(text, sizeof(text), "<host endtime=\"1\"><address addr=\"10.%u.%u.%u\"/></host>",
                                   i >> 16, i >> 8 & 255, i & 255);

                r = nmap_feed(n, text, (size_t) len, &b);
        }
        assert_int_equal(i, NMAP_HOSTS_MAX + 1);
        assert_non_null(strstr(why, "too many hosts"));
        nmap_free(n);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_real),  cmocka_unit_test(test_systems), cmocka_unit_test(test_port),
                cmocka_unit_test(test_hosts), cmocka_unit_test(test_hostile), cmocka_unit_test(test_many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
