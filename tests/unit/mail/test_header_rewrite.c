/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The filter of a delivery pipe: what goes, what stays, and where our field stands. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/addr.h"
#include "rewrite_reference.h"

#define OURS "X-Sekimori-Status: ours\n"
#define CRLF "X-Sekimori-Status: ours\r\n"

static void check_n(const char *in, size_t len, const char *field, const char *want, size_t want_len)
{
        for (size_t piece = 1; piece <= len + 1; piece++) {
                _cleanup_(buf_done)
                struct buf out = BUF_HEAP(1u << 20);

                rewrite_in_pieces(&out, field, in, len, piece);
                assert_int_equal(out.len, want_len);
                assert_memory_equal(buf_str(&out), want, want_len);
        }
}

#define CHECK(in, field, want) check_n("" in, sizeof(in) - 1, field, "" want, sizeof(want) - 1)

static void test_place(void **state)
{
        (void) state;
        CHECK("", OURS, "");
        CHECK("Subject: a\n\nbody\n", OURS, OURS "Subject: a\n\nbody\n");
        CHECK("Subject: a\r\n\r\nbody", CRLF, CRLF "Subject: a\r\n\r\nbody");
        CHECK("From me Mon Aug  3 23:11:22 2009\nSubject: a\n\n", OURS,
              "From me Mon Aug  3 23:11:22 2009\n" OURS "Subject: a\n\n");
        CHECK("From: me\n\n", OURS, OURS "From: me\n\n");
        CHECK("Fro", OURS, OURS "Fro");
        CHECK("From nobody", OURS, "From nobody");
        CHECK("From nobody\n", OURS, "From nobody\n" OURS);
        CHECK("\nbody", OURS, OURS "\nbody");
        CHECK("\r\nbody", CRLF, CRLF "\r\nbody");
        CHECK("no field at all", OURS, OURS "no field at all");
        CHECK("Subject: a\n\nFrom me\nX-Sekimori-Status: body\n", OURS,
              OURS "Subject: a\n\nFrom me\nX-Sekimori-Status: body\n");
        CHECK("\0\xff\n\n\0", OURS, OURS "\0\xff\n\n\0");
}

static void test_forged(void **state)
{
        (void) state;
        CHECK("X-Sekimori-Status: class=clear\nSubject: a\n\n", OURS, OURS "Subject: a\n\n");
        CHECK("A: 1\nx-sEKIMORI-status\xa0 \t: a\n b\n\tc\nB: 2\n\n", OURS, OURS "A: 1\nB: 2\n\n");
        CHECK("A: 1\nX-Sekimori-Anything\0 :\r\n b\r\nB: 2\n\n", OURS, OURS "A: 1\nB: 2\n\n");
        CHECK("A: 1\nX-Sekimori-A\n : folded before the colon\nX-Sekimori-B: x\n\nX-Sekimori-C: y", OURS,
              OURS "A: 1\n\nX-Sekimori-C: y");
        CHECK("X-Sekimori-A: 1", OURS, OURS);
        CHECK("X-Sekimori: 1\nX-Sekimor\nX-SekimoriA-B: 1\nY-Sekimori-A: 1\n X-Sekimori-A: folded\n", OURS,
              OURS "X-Sekimori: 1\nX-Sekimor\nX-SekimoriA-B: 1\nY-Sekimori-A: 1\n X-Sekimori-A: folded\n");
        CHECK("From me\nX-Sekimori-A: 1\nB: 2\n\n", OURS, "From me\n" OURS "B: 2\n\n");
}

/* Some readers end a line at a bare CR. */
static void test_bare_cr(void **state)
{
        (void) state;
        CHECK("A: 1\rX-Sekimori-A: 2\nB: 2\n\n", OURS, OURS "A: 1\nB: 2\n\n");
        CHECK("A: 1\rX-Sekimori-A: 2\r\nB: 2\r\n\r\n", CRLF, CRLF "A: 1\r\nB: 2\r\n\r\n");
        CHECK("A: 1\rX-Sekimori-A: 2\rC: 3\nB: 2\n\n", OURS, OURS "A: 1\rC: 3\nB: 2\n\n");
        CHECK("A: 1\r\rX-Sekimori-A: 2\rx-sekimori-b\nB\n\n", OURS, OURS "A: 1\r\nB\n\n");
        /* What is left may not become the empty line that ends the head. */
        CHECK("A: 1\n\rX-Sekimori-A: 2\n c\nB: 2\n\n", OURS, OURS "A: 1\nB: 2\n\n");
        CHECK("A: 1\n\r\r\rX-Sekimori-A: 2\nB: 2\n\n", OURS, OURS "A: 1\nB: 2\n\n");
        CHECK("A: 1\n\r\r\nX-Sekimori-A: 2\nB: 2\n\nX-Sekimori-A: 3\r", OURS,
              OURS "A: 1\n\r\r\nB: 2\n\nX-Sekimori-A: 3\r");
        CHECK("A: 1\rX-Sekimor\rB\r", OURS, OURS "A: 1\rX-Sekimor\rB\r");
}

/* A first line that goes on with nothing does not go on with ours. */
static void test_orphan(void **state)
{
        (void) state;
        CHECK(" ; class=clear\nA: 1\n\n", OURS, OURS "X-Sekimori-Orphan:\n ; class=clear\nA: 1\n\n");
        CHECK("From me\r\n\tb\r\n\r\n", CRLF, "From me\r\n" CRLF "X-Sekimori-Orphan:\r\n\tb\r\n\r\n");
        CHECK("X-Sekimori-Orphan:\n b\nA: 1\n\n", OURS, OURS "A: 1\n\n");
}

static void test_fold(void **state)
{
        char text[4096] = "X-Sekimori-Status: relay=2001:db8:1234:5678:9abc:def0:1234:5678; class=direct_bot; signs=a";
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(1u << 16);

        (void) state;
        for (int i = 0; i < 40; i++)
                (void) strcat(text, ",list_exploited");
        header_rewrite_fold(&out, text, true);
        assert_null(strstr(buf_str(&out), "\r\n\r\n"));
        for (const char *p = buf_str(&out), *end; *p; p = end + 2) {
                end = strstr(p, "\r\n");
                assert_non_null(end);
                assert_true(end - p <= HEADER_REWRITE_WIDTH && end > p);
                if (p > buf_str(&out))
                        assert_true(p[0] == ' ' && p[1] != ' ');
        }
        buf_reset(&out);
        header_rewrite_fold(&out, "X-Sekimori-Status: class=unknown; reason=timeout", false);
        assert_string_equal(buf_str(&out), "X-Sekimori-Status: class=unknown; reason=timeout\n");
}

static int full(void *userdata, const char *data _unused_, size_t len)
{
        size_t *room = userdata;

        if (*room < len)
                return -ENOSPC;
        *room -= len;
        return 0;
}

/* Wherever the writing fails, it is said. */
static void test_full(void **state)
{
        static const char mail[] = "From me\nX-Sekimori-A: 1\n b\r\nA: b\rX-Sekimori-B\nB: c\n\nbody\r\n";
        struct buf field = {.data = (char[]){OURS}, .len = strlen(OURS)};
        size_t most = strlen("From me\nA: b\nB: c\n\nbody\r\n") + strlen(OURS);

        (void) state;
        for (size_t n = 0; n <= most; n++) {
                size_t room = n;
                struct header_rewrite h = {.put = full, .userdata = &room};
                int r;

                header_rewrite_begin(&h, &field, false);
                r = header_rewrite_push(&h, mail, strlen(mail));
                if (r >= 0)
                        r = header_rewrite_finish(&h);
                assert_int_equal(r, n < most ? -ENOSPC : 0);
                if (n == most)
                        assert_int_equal(h.removed, 2);
        }
}

/* All strings of up to seven of the bytes that matter, against the other way of saying it. */
static void test_all(void **state)
{
        static const char *const atoms[] = {"\n", "\r", " ", "x-sekimori-a:", "b", "From "};
        char text[128];

        (void) state;
        for (unsigned n = 1; n <= 7; n++) {
                unsigned count = 1;

                for (unsigned i = 0; i < n; i++)
                        count *= ELEMENTSOF(atoms);
                for (unsigned number = 0; number < count; number++) {
                        _cleanup_(buf_done)
                        struct buf got = BUF_HEAP(1u << 16);
                        _cleanup_(buf_done)
                        struct buf want = BUF_HEAP(1u << 16);
                        const char *field;

                        text[0] = '\0';
                        for (unsigned i = 0, rest = number; i < n; i++, rest /= ELEMENTSOF(atoms))
                                (void) strcat(text, atoms[rest % ELEMENTSOF(atoms)]);
                        field = header_rewrite_crlf(text, strlen(text)) ? CRLF : OURS;
                        rewrite_in_pieces(&got, field, text, strlen(text), 3);
                        reference_rewrite(&want, field, text, strlen(text), field[23] == '\r');
                        assert_string_equal(buf_str(&got), buf_str(&want));
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_place),  cmocka_unit_test(test_forged), cmocka_unit_test(test_bare_cr),
                cmocka_unit_test(test_orphan), cmocka_unit_test(test_fold),   cmocka_unit_test(test_full),
                cmocka_unit_test(test_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
