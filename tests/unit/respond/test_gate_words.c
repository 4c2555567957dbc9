/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate's words: every value has some in both languages, and nothing from outside leaves its line. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include "respond/gate_words.h"

static const enum gate_notify_language languages[] = {GATE_NOTIFY_EN, GATE_NOTIFY_JA};

static struct gate_entry entry(void)
{
        struct gate_entry e = {.op = GATE_TRY_CONNECT, .reason = GATE_WHY_PROGRAM, .denied = 1, .port = 25, .count = 1};

        assert_int_equal(addr_parse("192.0.2.1", &e.remote), 0);
        return e;
}

static void test_names(void **unused)
{
        (void) unused;
        for (unsigned i = 0; i < GATE_WHYS; i++) {
                assert_string_not_equal(gate_why_name(i), "?");
                assert_int_equal(strspn(gate_why_name(i), "abcdefghijklmnopqrstuvwxyz_"), strlen(gate_why_name(i)));
                for (size_t l = 0; l < ELEMENTSOF(languages); l++)
                        assert_true(strlen(gate_words_why(languages[l], i)) > 8);
                for (unsigned k = 0; k < i; k++) {
                        assert_string_not_equal(gate_why_name(i), gate_why_name(k));
                        assert_string_not_equal(gate_words_why(GATE_NOTIFY_JA, i), gate_words_why(GATE_NOTIFY_JA, k));
                }
        }
        for (unsigned i = 0; i < GATE_TRIES; i++)
                assert_string_not_equal(gate_try_name(i), "?");
        for (unsigned i = 0; i < GATE_ACTIONS; i++)
                assert_string_not_equal(gate_words_action(GATE_NOTIFY_JA, i), gate_words_action(GATE_NOTIFY_EN, i));
        assert_string_equal(gate_try_name(GATE_TRIES), "?");
        assert_string_equal(gate_why_name(GATE_WHYS), "?");
        assert_string_equal(gate_why_title(GATE_WHYS), "?");
        assert_string_equal(gate_words_why(GATE_NOTIFY_JA, GATE_WHYS), "?");
        assert_string_equal(gate_words_action(GATE_NOTIFY_EN, GATE_ACTIONS), "?");
        assert_string_equal(gate_action_name(GATE_ACTIONS), "?");
}

static void test_actions(void **unused)
{
        (void) unused;
        assert_int_equal(gate_action(GATE_TRY_CONNECT, GATE_WHY_PERSON, false), GATE_ALLOWED);
        assert_int_equal(gate_action(GATE_TRY_CONNECT, GATE_WHY_GESTURE, true), GATE_DENIED);
        assert_int_equal(gate_action(GATE_TRY_HANDOVER, GATE_WHY_GESTURE, false), GATE_WOULD_DENY);
        assert_int_equal(gate_action(GATE_TRY_MARK, GATE_WHY_NONE, true), GATE_DENIED);
        assert_int_equal(gate_action(GATE_TRY_TAMPER, GATE_WHY_NONE, false), GATE_SEEN);
}

static void test_sentences(void **unused)
{
        struct gate_entry e = entry();
        struct buf out = BUF_HEAP(4096);

        (void) unused;
        gate_words_put_all(&out, GATE_NOTIFY_EN, &e);
        assert_string_equal(buf_str(&out),
                            "tried to connect to mail server 192.0.2.1 port 25, and was refused: it is no "
                            "mail program");
        buf_reset(&out);
        gate_words_put_all(&out, GATE_NOTIFY_JA, &e);
        assert_string_equal(buf_str(&out),
                            "メールサーバー 192.0.2.1 (ポート 25) に接続しようとしました。拒否しました: メー"
                            "ルソフトではありません");
        buf_reset(&out);
        e.denied = 0;
        e.op = GATE_TRY_HANDOVER;
        strcpy(e.text, "/usr/sbin/x\n");
        gate_words_put_all(&out, GATE_NOTIFY_EN, &e);
        assert_string_equal(buf_str(&out),
                            "tried to hand mail to this machine's own mail server (/usr/sbin/x\\x0a), and "
                            "would be refused: it is no mail program");
        buf_reset(&out);
        e.op = GATE_TRY_TAMPER;
        e.text[0] = '\0';
        gate_words_put_all(&out, GATE_NOTIFY_EN, &e);
        assert_string_equal(buf_str(&out), "reached for the gate's own parts in the kernel");
        buf_reset(&out);
        gate_words_fill(&out, GATE_NOTIFY_JA, GATE_WORD_TITLE, "\x1b[31m");
        assert_string_equal(buf_str(&out), "メールの送信を止めました: \\x1b[31m");
        buf_reset(&out);
        gate_words_fill(&out, GATE_NOTIFY_EN, GATE_WORD_BLOCK, "unused");
        assert_string_equal(buf_str(&out), "Block this program");
        buf_done(&out);
}

static void test_counts(void **unused)
{
        struct gate_entry e = entry();
        struct buf out = BUF_HEAP(4096);

        (void) unused;
        gate_words_put_counts(&out, GATE_NOTIFY_EN, &e);
        assert_int_equal(out.len, 0);
        e.count = 12;
        e.peers = 7;
        e.processes = 1;
        e.last = 3 * NSEC_PER_SEC;
        gate_words_put_counts(&out, GATE_NOTIFY_EN, &e);
        assert_string_equal(buf_str(&out), "12 times in 3.0 s, 7 servers");
        buf_reset(&out);
        e.processes = 4;
        gate_words_put_counts(&out, GATE_NOTIFY_JA, &e);
        assert_string_equal(buf_str(&out), "3.0 s の間に 12 回、サーバー 7、プロセス 4");
        buf_done(&out);
}

/* Whatever is in an entry from a file that somebody else wrote. */
static void test_anything(void **unused)
{
        struct buf out = BUF_HEAP(1 << 20);
        struct gate_entry e;

        (void) unused;
        for (unsigned fill = 0; fill < 256; fill++) {
                memset(&e, (int) fill, sizeof(e));
                for (size_t l = 0; l < ELEMENTSOF(languages); l++) {
                        buf_reset(&out);
                        gate_words_put_all(&out, languages[l], &e);
                        gate_words_put_counts(&out, languages[l], &e);
                        assert_int_equal(out.error, 0);
                        for (size_t i = 0; i < out.len; i++)
                                assert_true((unsigned char) out.data[i] >= ' ');
                }
        }
        buf_done(&out);
}

static void test_language(void **unused)
{
        (void) unused;
        unsetenv("LC_ALL");
        unsetenv("LC_MESSAGES");
        unsetenv("LANG");
        assert_int_equal(gate_words_language(), GATE_NOTIFY_EN);
        setenv("LANG", "ja_JP.UTF-8", 1);
        assert_int_equal(gate_words_language(), GATE_NOTIFY_JA);
        setenv("LC_MESSAGES", "de_DE.UTF-8", 1);
        assert_int_equal(gate_words_language(), GATE_NOTIFY_EN);
        setenv("LC_ALL", "ja", 1);
        assert_int_equal(gate_words_language(), GATE_NOTIFY_JA);
        setenv("LC_ALL", "jam_JM", 1);
        assert_int_equal(gate_words_language(), GATE_NOTIFY_EN);
        setenv("LC_ALL", "", 1);
        setenv("LC_MESSAGES", "", 1);
        assert_int_equal(gate_words_language(), GATE_NOTIFY_JA);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),  cmocka_unit_test(test_actions),  cmocka_unit_test(test_sentences),
                cmocka_unit_test(test_counts), cmocka_unit_test(test_anything), cmocka_unit_test(test_language),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
