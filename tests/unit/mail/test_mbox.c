/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mails out of streams: the same ones however the bytes are cut; mboxes with traps, and heads that do not end. */
#include "mail_rig.h"

#include "mail/mbox.h"

struct seen {
        struct buf text; /* "[head]" of each */
        uint64_t n, cut, last_offset, longest;
};

static void take(void *userdata, const struct mbox_mail *mail)
{
        struct seen *s = userdata;

        assert_int_equal(mail->number, ++s->n);
        s->cut += mail->cut;
        s->last_offset = mail->offset;
        s->longest = MAX(s->longest, mail->len);
        (void) buf_printf(&s->text, "[%.*s]", (int) MIN(mail->len, 200u), mail->head);
}

static void feed(struct seen *s, const char *data, size_t len, size_t step)
{
        struct mbox m;

        mbox_begin(&m, take, s);
        for (size_t at = 0; at < len; at += step)
                if (!mbox_push(&m, data + at, MIN(step, len - at)))
                        break;
        mbox_finish(&m);
        mbox_done(&m);
}

static void check(const char *data, const char *expected)
{
        size_t len = strlen(data);

        for (size_t step = 1; step <= len + 1; step = step < 20 ? step + 1 : step * 2) {
                struct seen s = {.text = BUF_HEAP(1u << 20)};

                feed(&s, data, len, step);
                assert_string_equal(buf_str(&s.text), expected);
                buf_done(&s.text);
        }
}

#define FROM "From a@example.org Tue Aug 15 10:00:00 2023\n"

static void test_single(void **state)
{
        (void) state;
        check("A: 1\nB: 2\n\nbody\n\n" FROM "C: 3\n\n", "[A: 1\nB: 2\n\n]");
        check("A: 1\r\n\r\nbody", "[A: 1\r\n\r\n]");
        check("A: 1", "[A: 1]");
        check("", "");
        check("\nbody", "[\n]");
}

static struct mbox *keeping;

static void keep_some(void *userdata, const struct mbox_mail *mail)
{
        (void) userdata;
        keeping->keep = memmem(mail->head, mail->len, "keep", 4) != NULL;
}

static void take_whole(void *userdata, const struct mbox_mail *mail)
{
        struct buf *out = userdata;

        (void) buf_printf(out, "%llu@%llu%s[", (unsigned long long) mail->number, (unsigned long long) mail->offset,
                          mail->cut ? " cut" : "");
        (void) buf_put(out, mail->head, MIN(mail->len, 100u));
        (void) buf_puts(out, "]");
}

static void check_kept(const char *data, size_t len, const char *expected)
{
        for (size_t step = 1; step <= len + 1; step = step < 20 ? step + 1 : step * 2) {
                _cleanup_(buf_done)
                struct buf out = BUF_HEAP(1u << 20);
                struct mbox m;

                mbox_begin(&m, keep_some, &out);
                m.whole = take_whole;
                keeping = &m;
                for (size_t at = 0; at < len; at += step)
                        if (!mbox_push(&m, data + at, MIN(step, len - at)))
                                break;
                mbox_finish(&m);
                mbox_done(&m);
                assert_string_equal(buf_str(&out), expected);
        }
}

/* Whole mails, where they are asked for, and only these. */
static void test_whole(void **state)
{
        static const char many[] =
                FROM "A: keep\n\nbody\nFrom me\n\n" FROM "A: 2\n\nno\n\n" FROM "A: keep\n\n" FROM "A: keep\n\nend";
        static const char one[] = "A: keep\r\n\r\nbody\n\n" FROM "B: 2\n";
        _cleanup_free_ char *large = calloc(1, HEAD_MAX + 100);

        (void) state;
        check_kept(many, strlen(many), "1@0[A: keep\n\nbody\nFrom me\n\n]3@121[A: keep\n\n]4@174[A: keep\n\nend]");
        check_kept(one, strlen(one), "1@0[A: keep\r\n\r\nbody\n\n" FROM "B: 2\n]");
        check_kept("A: keep", 7, "1@0[A: keep]");
        check_kept("A: 1\n\nkeep", 10, "");
        memcpy(large, "A: keep\n\n", 9);
        memset(large + 9, 'x', HEAD_MAX);
        {
                _cleanup_(buf_done)
                struct buf out = BUF_HEAP(1u << 20);
                struct mbox m;

                mbox_begin(&m, keep_some, &out);
                m.whole = take_whole;
                keeping = &m;
                (void) mbox_push(&m, large, HEAD_MAX + 9);
                assert_true(m.head.len <= HEAD_MAX);
                mbox_finish(&m);
                mbox_done(&m);
                assert_memory_equal(out.data, "1@0 cut[A: keep\n\nxxx", 20);
        }
}

static void test_many(void **state)
{
        (void) state;
        check(FROM "A: 1\n\nbody\n\n" FROM "B: 2\n\nbody\n" FROM "no empty line before\n\n" FROM "C: 3\n",
              "[A: 1\n\n][B: 2\n\n][C: 3\n]");
        /* Sentences of bodies */
        check(FROM "A: 1\n\nx\n\nFrom here on it is easy.\n\nFrom 10:00 on\n\n>" FROM "\n" FROM "B: 2\n\n",
              "[A: 1\n\n][B: 2\n\n]");
        check("From somebody\nA: 1\n\n", "[A: 1\n\n]"); /* the first line may be odd */
        check(FROM "A: 1\r\n\r\nx\r\n\r\nFrom b Tue Aug 15 10:00:00 2023\r\nB: 2\r\n\r\n",
              "[A: 1\r\n\r\n][B: 2\r\n\r\n]");
        check(FROM, "");
        check(FROM "\n" FROM "\n", "[\n][\n]");
}

static void test_offsets(void **state)
{
        static const char data[] = FROM "A: 1\n\nx\n\n" FROM "B: 2\n\n";
        struct seen s = {.text = BUF_HEAP(4096)};

        (void) state;
        feed(&s, data, sizeof(data) - 1, 7);
        assert_int_equal(s.n, 2);
        assert_int_equal(s.last_offset, sizeof(FROM "A: 1\n\nx\n\n") - 1);
        buf_done(&s.text);
}

/* A head that does not end is cut; what is kept stays bounded. */
static void test_endless(void **state)
{
        struct seen s = {.text = BUF_HEAP(4096)};
        char piece[8192];
        struct mbox m;

        (void) state;
        memset(piece, 'x', sizeof(piece));
        mbox_begin(&m, take, &s);
        (void) mbox_push(&m, FROM "X: ", sizeof(FROM "X: ") - 1);
        for (unsigned i = 0; i < 4096; i++) {
                (void) mbox_push(&m, piece, sizeof(piece));
                assert_true(m.head.len <= HEAD_MAX);
        }
        (void) mbox_push(&m, "\n\nbody\n\n" FROM "B: 2\n\n", sizeof("\n\nbody\n\n" FROM "B: 2\n\n") - 1);
        mbox_finish(&m);
        assert_int_equal(s.n, 2);
        assert_int_equal(s.cut, 1);
        assert_int_equal(s.longest, HEAD_MAX);
        mbox_done(&m);
        buf_done(&s.text);
}

static void test_recognise(void **state)
{
        (void) state;
        assert_true(mbox_recognise("Return-Path: <a>\n", 17));
        assert_true(mbox_recognise(FROM, 20));
        assert_true(mbox_recognise("Subject : x", 11));
        assert_false(mbox_recognise("\x7f"
                                    "ELF:",
                                    5));
        assert_false(mbox_recognise("no head at all\n", 15));
        assert_false(mbox_recognise("", 0));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_single),  cmocka_unit_test(test_whole),   cmocka_unit_test(test_many),
                cmocka_unit_test(test_offsets), cmocka_unit_test(test_endless), cmocka_unit_test(test_recognise),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
