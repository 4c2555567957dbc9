/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signatures of systems: the format and what it refuses, SYNs made from every signature of our book and of p0f's, and
 * that no book is believed where several systems send the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "os_rig.h"

#define OWN "src/decode/os.fp"

static char *slurp(const char *path, size_t *ret_len)
{
        FILE *f = fopen(path, "re");
        char *text = malloc(OS_DB_TEXT_MAX);

        assert_non_null(text);
        if (!f) {
                free(text);
                return NULL;
        }
        *ret_len = fread(text, 1, OS_DB_TEXT_MAX, f);
        fclose(f);
        return text;
}

static struct os_db *db_of(const char *text)
{
        struct os_db *db = NULL;

        assert_int_equal(os_db_new(&db), 0);
        if (text)
                assert_int_equal(os_db_add(db, "test", text, strlen(text), NULL, NULL), 0);
        return db;
}

static unsigned bad_lines(const char *text, unsigned *ret_signatures)
{
        _cleanup_(os_db_freep)
        struct os_db *db = db_of(NULL);
        char why[128];
        struct buf b = BUF_FIXED(why);
        unsigned bad = 99;

        assert_int_equal(os_db_add(db, "test", text, strlen(text), &b, &bad), 0);
        assert_int_equal(bad > 0, b.len > 0);
        *ret_signatures = os_db_count(db);
        return bad;
}

/* --- the format --- */

#define HEAD "[tcp:request]\nlabel = s:unix:A:1\n"

static void test_refused(void **state)
{
        static const char *const lines[] = {
                "sig = 5:64:0:*:*,*:mss:df:0",
                "sig = *:0:0:*:*,*:mss:df:0",
                "sig = *:256:0:*:*,*:mss:df:0",
                "sig = *:250+6:0:*:*,*:mss:df:0",
                "sig = *:64:256:*:*,*:mss:df:0",
                "sig = *:64:0:65536:*,*:mss:df:0",
                "sig = *:64:0:*:65536,*:mss:df:0",
                "sig = *:64:0:*:%1,*:mss:df:0",
                "sig = *:64:0:*:mss*0,*:mss:df:0",
                "sig = *:64:0:*:mss*1001,*:mss:df:0",
                "sig = *:64:0:*:*,256:mss:df:0",
                "sig = *:64:0:*:*,*:mss,:df:0",
                "sig = *:64:0:*:*,*:,mss:df:0",
                "sig = *:64:0:*:*,*:mss nop:df:0",
                "sig = *:64:0:*:*,*:eol+1,mss:df:0",
                "sig = *:64:0:*:*,*:eol:df:0",
                "sig = *:64:0:*:*,*:?256:df:0",
                "sig = *:64:0:*:*,*:mss:dff:0",
                "sig = *:64:0:*:*,*:mss:df,:0",
                "sig = *:64:0:*:*,*:mss:df:1",
                "sig = *:64:0:*:*,*:mss:df:0 ",
                "sig = *:64:0:*:*,*:mss:df",
                "sig = 6:64:0:*:*,*:mss:df:0",
                "sig = 4:64:0:*:*,*:mss:flow:0",
                "sig =",
                "sig",
                "signature = *:64:0:*:*,*:mss:df:0",
                "nothing",
                "role = chief",
                "ports = 9-8",
                "ports = 0-8",
                "ports = 8",
                "sig = 99999999999999999999:64:0:*:*",
                "sig = *:99999999999999999999:0:*:*,*:mss:df:0",
        };
        unsigned n;

        (void) state;
        for (unsigned i = 0; i < ELEMENTSOF(lines); i++) {
                char text[256];
                bool space = lines[i][strlen(lines[i]) - 1] == ' ';

                snprintf(text, sizeof(text), HEAD "%s\n", lines[i]);
                /* Space at the end of a line is nothing. */
                assert_int_equal(bad_lines(text, &n), space ? 0 : 1);
                assert_int_equal(n, space ? 1 : 0);
        }
        assert_int_equal(bad_lines("[tcp:request]\nsig = *:64:0:*:*,*:mss:df:0\n", &n), 1); /* without a label */
        assert_int_equal(bad_lines(HEAD "[tcp:response]\nsig = *:64:0:*:*,*:mss:df:0\n", &n), 1);
        assert_int_equal(bad_lines("[tcp:request]\nlabel = x:unix:A:\nsig = *:64:0:*:*,*:mss:df:0\n", &n), 2);
        assert_int_equal(bad_lines("[tcp:request]x\n", &n), 1);
        assert_int_equal(bad_lines("[http:request]\nanything\nsig = 1:2\n[mtu]\nlabel = x\nsig = 5\n", &n), 0);
        assert_int_equal(n, 0);
}

static void test_options_are_counted(void **state)
{
        char text[512] = HEAD "sig = *:64:0:*:*,*:nop";
        unsigned n;

        (void) state;
        for (unsigned i = 1; i < OS_OPTIONS_MAX; i++)
                strcat(text, ",nop");
        strcat(text, "::0\n");
        assert_int_equal(bad_lines(text, &n), 0);
        assert_int_equal(n, 1);
        *strstr(text, "nop::") = 'n';
        memcpy(strstr(text, "nop::"), "nop,nop::0\n", 12);
        assert_int_equal(bad_lines(text, &n), 1);
}

static void test_bounds(void **state)
{
        _cleanup_(os_db_freep)
        struct os_db *db = db_of(NULL);
        static char big[OS_DB_TEXT_MAX + 1];
        size_t at = (size_t) snprintf(big, sizeof(big), HEAD);

        (void) state;
        assert_int_equal(os_db_add(db, "big", big, sizeof(big), NULL, NULL), -E2BIG);
        for (unsigned i = 0; i <= OS_DB_SIGNATURES; i++)
                at += (size_t) snprintf(big + at, sizeof(big) - at, "sig = *:64:0:*:*,*:mss:df:0\n");
        assert_int_equal(os_db_add(db, "many", big, at, NULL, NULL), -E2BIG);
        for (unsigned i = 0; i < OS_DB_BOOKS; i++)
                assert_int_equal(os_db_add(db, "small", HEAD, strlen(HEAD), NULL, NULL), 0);
        assert_int_equal(os_db_add(db, "small", HEAD, strlen(HEAD), NULL, NULL), -ENOBUFS);
        assert_int_equal(os_db_load(db, "/proc/none", NULL, NULL), -ENOENT);
        assert_int_equal(os_db_load(db, "/dev/zero", NULL, NULL), -EINVAL);
        assert_int_equal(os_db_load(db, "/", NULL, NULL), -EISDIR);
}

/* --- one packet --- */

static struct os_match match_first(const struct os_db *db, const char *book, const struct os_rig *with)
{
        struct os_book b = {0};
        uint8_t p[OS_RIG_MAX];
        struct os_syn s;
        struct os_match m;

        assert_int_equal(os_parse_book(book, strlen(book), &b, NULL, NULL), 0);
        assert_int_equal(b.n_signatures, 1);
        assert_int_equal(os_syn_read_ip(p, os_rig_syn(&b.signatures[0], with, p), &s), 0);
        os_db_match(db, &s, &m);
        free(b.signatures);
        free(b.labels);
        return m;
}

#define SENT(sig) "[tcp:request]\nlabel = s:unix:sent:\nsig = " sig "\n"

static const struct os_rig usual = {.mss = 1460, .window = 12345, .scale = 7, .sport = 40000};

static void test_order(void **state)
{
        _cleanup_(os_db_freep)
        struct os_db *db =
                db_of("[tcp:request]\nlabel = g:unix:Linux:generic\nsig = *:64:0:*:*,*:mss,nop,ws:df:0\n"
                      "label = s:unix:FreeBSD:first\nsig = *:64:0:*:5000,*:mss,nop,ws:df:0\n"
                      "label = s:unix:OpenBSD:second\nsig = *:64:0:*:5000,7:mss,nop,ws:df:0\n"
                      "label = s:win:Windows:late\nports = 1000-2000\nsig = *:64:0:*:6000,7:mss,nop,ws:df:0\n");
        struct os_rig with = usual;
        struct os_match m;

        (void) state;
        m = match_first(db, SENT("*:64:0:*:5000,7:mss,nop,ws:df:0"), &with);
        assert_string_equal(m.version, "first");
        assert_int_equal(m.confidence, 70);
        m = match_first(db, SENT("*:64:0:*:7000,7:mss,nop,ws:df:0"), &with);
        assert_int_equal(m.family, OS_FAMILY_LINUX);
        assert_true(m.generic);
        assert_string_equal(m.version, ""); /* of a foreign book */
        assert_int_equal(m.confidence, 40);
        m = match_first(db, SENT("*:64:0:*:5000,7:mss,nop,ws::0"), &with); /* DF was cleared on the way */
        assert_true(m.fuzzy);
        assert_int_equal(m.family, OS_FAMILY_FREEBSD);
        assert_int_equal(m.confidence, 55);
        m = match_first(db, SENT("*:64:0:*:5000,7:mss,nop,ws:df,urgf+:0"), &with);
        assert_int_equal(m.family, OS_FAMILY_UNKNOWN);
        m = match_first(db, SENT("*:64:0:*:6000,7:mss,nop,ws:df:0"), &with);
        assert_int_equal(m.family, OS_FAMILY_LINUX);
        with.sport = 2000;
        m = match_first(db, SENT("*:64:0:*:6000,7:mss,nop,ws:df:0"), &with);
        assert_int_equal(m.family, OS_FAMILY_WINDOWS);
        with.sport = 999;
        m = match_first(db, SENT("*:64:0:*:6000,7:mss,nop,ws:df:0"), &with);
        assert_int_equal(m.family, OS_FAMILY_LINUX);
}

static void test_distance(void **state)
{
        _cleanup_(os_db_freep)
        struct os_db *db = db_of("[tcp:request]\nlabel = s:unix:Linux:\nsig = *:64:0:*:*,*:mss,nop,ws:df:0\n"
                                 "label = s:!:tool:x\nsig = *:128-:0:*:*,*:mss:df:0\n");
        struct os_rig with = usual;
        struct os_match m;

        (void) state;
        for (unsigned hops = 0; hops < 64; hops++) {
                with.hops = (uint8_t) hops;
                m = match_first(db, SENT("*:64:0:*:*,*:mss,nop,ws:df:0"), &with);
                assert_int_equal(m.family, hops <= OS_DB_HOPS_MAX ? OS_FAMILY_LINUX : OS_FAMILY_UNKNOWN);
                assert_int_equal(m.distance_known, hops <= OS_DB_HOPS_MAX);
                if (hops < 32)
                        assert_int_equal(m.distance, hops);
        }
        with.hops = 0;
        m = match_first(db, SENT("*:65:0:*:*,*:mss,nop,ws:df:0"), &with); /* more than it began with */
        assert_int_equal(m.family, OS_FAMILY_UNKNOWN);
        assert_int_equal(m.distance, 63);
        m = match_first(db, SENT("*:99:0:*:*,*:mss:df:0"), &with);
        assert_string_equal(m.tool, "tool");
        assert_int_equal(m.family, OS_FAMILY_UNKNOWN);
        assert_int_equal(m.confidence, 0);
        assert_false(m.distance_known);
        m = match_first(db, SENT("*:99:0:*:*,*:mss::0"), &with); /* a tool's packets are exact */
        assert_string_equal(m.tool, "");
}

/* What two systems send is unknown, also where another book names one. */
static void test_several(void **state)
{
        _cleanup_(os_db_freep)
        struct os_db *db = db_of("[tcp:request]\nlabel = g:?:several:\nsig = *:255-:0:*:*,*:mss:df:*\n");
        static const char other[] = "[tcp:request]\nlabel = s:win:Windows:XP\nsig = *:128:0:*:*,*:mss:df:0\n";
        struct os_match m;

        (void) state;
        assert_int_equal(os_db_add(db, "other", other, strlen(other), NULL, NULL), 0);
        m = match_first(db, SENT("*:128:0:*:*,*:mss:df:0"), &usual);
        assert_int_equal(m.family, OS_FAMILY_UNKNOWN);
        assert_string_equal(m.book, "test");
        assert_int_equal(m.line, 3);
}

/* --- every signature --- */

struct tally {
        unsigned sent, same, unknown, covered;
};

/* The packet of one signature: what the book alone says must be that label, or one that stands before it in rank. */
static void alone(const struct os_db *db, const struct os_book *b, const struct os_signature *g, const struct os_syn *s,
                  struct tally *t)
{
        const struct os_label *l = &b->labels[g->label];
        struct os_match m;

        os_db_match(db, s, &m);
        t->sent++;
        assert_string_not_equal(m.book, "");
        if (m.line == g->line)
                t->same++;
        else {
                t->covered++;
                assert_true(!m.fuzzy && (!m.generic || l->generic));
        }
        if (m.line == g->line && !l->tool && !l->several) {
                assert_string_equal(m.name, l->name);
                assert_int_equal(m.family, l->family);
                assert_int_equal(m.role, l->role);
        }
}

/* With ours before it: the same family, or unknown. Never another. */
static void beside(const struct os_db *both, const struct os_label *l, const struct os_syn *s, struct tally *t)
{
        struct os_match m;
        bool known;

        os_db_match(both, s, &m);
        known = m.family != OS_FAMILY_UNKNOWN;
        if (known && l->family != m.family && !(l->family == OS_FAMILY_OTHER && m.generic))
                fail_msg("%s %s is called %s %s by line %u of %s", l->name, l->version, m.name, m.version, m.line,
                         m.book);
        t->unknown += !known;
}

static void each(const char *text, size_t len, const struct os_db *db, const struct os_db *both, struct tally *t)
{
        static const uint8_t hops[] = {0, 1, 12, OS_DB_HOPS_MAX}, scales[] = {0, 7, 9};
        static const uint16_t mss[] = {1460, 1400, 536}, windows[] = {4321, 16384, 65535};
        struct os_book b = {0};
        unsigned bad = 0;

        assert_int_equal(os_parse_book(text, len, &b, NULL, &bad), 0);
        assert_int_equal(bad, 0);
        assert_in_range(b.n_signatures, 40, OS_DB_SIGNATURES);
        for (unsigned i = 0; i < b.n_signatures; i++)
                for (unsigned k = 0; k < 4 * 3 * 3; k++) {
                        const struct os_signature *g = &b.signatures[i];
                        struct os_rig with = {
                                .hops = hops[k % 4],
                                .mss = mss[k / 4 % 3],
                                .window = windows[k / 12],
                                .scale = scales[k % 3],
                                .sport = 1111,
                                .six = g->version == 6 || (g->version == 0 && k % 2 && g->ip_options == 0),
                        };
                        uint8_t p[OS_RIG_MAX];
                        struct os_syn s;

                        if (g->quirks & OS_QUIRK_BAD)
                                continue;
                        if (g->window_kind == OS_WINDOW_MSS && (unsigned) g->window * with.mss > 65535)
                                continue;
                        assert_int_equal(os_syn_read_ip(p, os_rig_syn(g, &with, p), &s), 0);
                        alone(db, &b, g, &s, t);
                        if (both && !b.labels[g->label].tool)
                                beside(both, &b.labels[g->label], &s, t);
                }
        free(b.signatures);
        free(b.labels);
}

static void test_own_book(void **state)
{
        _cleanup_(os_db_freep)
        struct os_db *db = db_of(NULL);
        size_t len = 0;
        _cleanup_free_ char *text = slurp(OWN, &len);
        struct tally t = {0};

        (void) state;
        assert_non_null(text);
        assert_int_equal(os_db_add_own(db), 0);
        each(text, len, db, NULL, &t);
        print_message("our book: %u SYNs, %u by their own line, %u by one of higher rank\n", t.sent, t.same, t.covered);
        assert_true(t.same > t.covered);
}

static void test_p0f_book(void **state)
{
        _cleanup_(os_db_freep)
        struct os_db *db = db_of(NULL), *both = db_of(NULL);
        size_t len = 0;
        _cleanup_free_ char *text = slurp(OS_DB_P0F, &len);
        struct tally t = {0};

        (void) state;
        if (!text) {
                print_message("skipped: no " OS_DB_P0F " (package p0f)\n");
                skip();
        }
        assert_int_equal(os_db_add(db, "p0f.fp", text, len, NULL, NULL), 0);
        assert_int_equal(os_db_add_own(both), 0);
        assert_int_equal(os_db_load(both, OS_DB_P0F, NULL, NULL), 0);
        each(text, len, db, both, &t);
        print_message("p0f's: %u SYNs, %u by their own line, %u by another; with ours before it %u unknown\n", t.sent,
                      t.same, t.covered, t.unknown);
}

static void test_names(void **state)
{
        (void) state;
        for (unsigned i = 0; i < OS_FAMILIES; i++)
                assert_string_not_equal(os_family_name(i), "?");
        for (unsigned i = 0; i < OS_ROLES; i++)
                assert_string_not_equal(os_role_name(i), "?");
        assert_string_equal(os_family_name(OS_FAMILIES), "?");
        assert_string_equal(os_role_name(OS_ROLES), "?");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refused),  cmocka_unit_test(test_options_are_counted),
                cmocka_unit_test(test_bounds),   cmocka_unit_test(test_order),
                cmocka_unit_test(test_distance), cmocka_unit_test(test_several),
                cmocka_unit_test(test_own_book), cmocka_unit_test(test_p0f_book),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
