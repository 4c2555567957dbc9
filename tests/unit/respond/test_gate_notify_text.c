/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words of a notification: cut, escaped, in the person's language. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "respond/gate_notify_text.h"

static void long_words(void **state _unused_)
{
        static char name[100000];
        const struct gate_notify_words words = {
                .title = name, .lines = {name, name, name, name}, .times = name, .buttons = {name, name}};
        struct gate_notify_text t;

        memset(name, '<', sizeof(name) - 1);
        gate_notify_text_fill(&words, &t);
        gate_notify_text_count(&t, UINT32_MAX);
        assert_true(strlen(t.title) < sizeof(t.title));
        assert_true(strlen(t.body) < sizeof(t.body));
        assert_non_null(strstr(t.body, "&lt;\xe2\x80\xa6\n")); /* never half an entity */
        assert_non_null(strstr(t.title, "<\xe2\x80\xa6"));
        for (size_t i = 0; i + 3 < sizeof(name); i += 3)
                memcpy(name + i, "\xe3\x81\x82", 3);
        gate_notify_text_fill(&words, &t);
        assert_int_equal(strlen(t.title) % 3, 0); /* never half a character */
        assert_string_equal(t.title + strlen(t.title) - 6, "\xe3\x81\x82\xe2\x80\xa6");
}

static void words_that_just_fit(void **state _unused_)
{
        struct gate_notify_words words = {0};
        struct gate_notify_text t;
        char title[GATE_NOTIFY_TITLE_MAX + 1];

        memset(title, 'x', sizeof(title));
        title[GATE_NOTIFY_TITLE_MAX - 1] = '\0';
        words.title = title;
        gate_notify_text_fill(&words, &t);
        assert_string_equal(t.title, title);
        title[GATE_NOTIFY_TITLE_MAX - 1] = 'x';
        title[GATE_NOTIFY_TITLE_MAX] = '\0';
        gate_notify_text_fill(&words, &t);
        assert_string_equal(t.title + GATE_NOTIFY_TITLE_MAX - 5, "x\xe2\x80\xa6");
        assert_string_equal(t.body, "");
        gate_notify_text_count(&t, 5);
        assert_string_equal(t.body, "");
}

static int locale(const char *block, size_t len)
{
        enum gate_notify_language language;
        int r = gate_notify_text_locale(block, len, &language);

        return r < 0 ? r : (int) language;
}

static void languages(void **state _unused_)
{
#define LOCALE(s) locale(s, sizeof(s) - 1)
        assert_int_equal(LOCALE(""), -ENOENT);
        assert_int_equal(LOCALE("LANG"), -ENOENT);
        assert_int_equal(LOCALE("LANG="), -ENOENT);
        assert_int_equal(LOCALE("LANG=ja_JP.UTF-8"), GATE_NOTIFY_JA);
        assert_int_equal(LOCALE("A=b\0LANG=ja\0"), GATE_NOTIFY_JA);
        assert_int_equal(LOCALE("A=b\0LANG=ja"), GATE_NOTIFY_JA);
        assert_int_equal(LOCALE("LANG=jav"), GATE_NOTIFY_EN);
        assert_int_equal(LOCALE("LANG=j"), GATE_NOTIFY_EN);
        assert_int_equal(LOCALE("LANG=ja_JP\0LC_ALL=C"), GATE_NOTIFY_EN);
        assert_int_equal(LOCALE("LC_MESSAGES=ja_JP\0LANG=C\0LC_ALL=\0"), GATE_NOTIFY_JA);
        assert_int_equal(LOCALE("XLANG=ja\0LANG=de_DE"), GATE_NOTIFY_EN);
        assert_int_equal(LOCALE("\0\0\0=\0LANG=ja"), GATE_NOTIFY_JA);
}

static void language_of_a_process(void **state _unused_)
{
        char proc[] = "/tmp/sekimori-proc-XXXXXX", path[64];
        FILE *f;

        assert_non_null(mkdtemp(proc));
        snprintf(path, sizeof(path), "%s/7", proc);
        assert_int_equal(mkdir(path, 0700), 0);
        strcat(path, "/environ");
        f = fopen(path, "we");
        assert_non_null(f);
        fwrite("HOME=/\0LANG=ja_JP.UTF-8", 1, 24, f);
        fclose(f);
        assert_int_equal(gate_notify_text_language(proc, 7), GATE_NOTIFY_JA);
        /* Without that process: the system's, whatever that is, and not an error. */
        assert_true(gate_notify_text_language(proc, 8) < GATE_NOTIFY_LANGUAGES);
        unlink(path);
        *strrchr(path, '/') = '\0';
        rmdir(path);
        rmdir(proc);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(long_words),
                cmocka_unit_test(words_that_just_fit),
                cmocka_unit_test(languages),
                cmocka_unit_test(language_of_a_process),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
