/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The desktop's files: entries, command lines, and lists of handlers; as written by desktops, cut, and hostile. */
#include "respond/gate_desktop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/buf.h"

static struct gate_desktop_entry parse(const char *text)
{
        struct gate_desktop_entry e;

        assert_int_equal(gate_desktop_parse(text, strlen(text), &e), 0);
        return e;
}

static void check_program(const char *exec, const char *program)
{
        char text[4096];
        struct gate_desktop_entry e;

        snprintf(text, sizeof(text), "[Desktop Entry]\nExec=%s\n", exec);
        e = parse(text);
        assert_string_equal(e.program, program);
}

static void test_entry(void **state)
{
        struct gate_desktop_entry e;

        (void) state;
        e = parse("# x\n\n[Desktop Entry]\r\nName=Mail\r\nName[de]=Post\r\nExec=/usr/bin/thunderbird %u\r\n"
                  "Terminal=false\r\nType=Application\r\nCategories=Network;Email;News;GTK;\r\n"
                  "MimeType=message/rfc822;x-scheme-handler/mailto;\r\n"
                  "[Desktop Action X]\r\nExec=/usr/bin/other\r\nTerminal=true\r\nHidden=true\r\n");
        assert_true(e.application && e.email && e.mailto);
        assert_false(e.hidden || e.terminal || e.browser);
        assert_string_equal(e.program, "/usr/bin/thunderbird");
        e = parse("[Desktop Entry]\n Type = Link \nHidden=true\nTerminal=true\nCategories=WebBrowser;EmailX\n"
                  "MimeType=x-scheme-handler/mailtox;");
        assert_true(e.hidden && e.terminal && e.browser);
        assert_false(e.application || e.email || e.mailto);
        assert_string_equal(e.program, "");
        /* A second group of that name is none. */
        e = parse("[Desktop Entry]\nExec=a\n[X]\n[Desktop Entry]\nExec=b\n");
        assert_string_equal(e.program, "a");
}

static void test_no_entry(void **state)
{
        struct gate_desktop_entry e;

        (void) state;
        assert_int_equal(gate_desktop_parse("", 0, &e), -EINVAL);
        assert_int_equal(gate_desktop_parse("Exec=a\n", 7, &e), -EINVAL);
        assert_int_equal(gate_desktop_parse("[Desktop Entry", 14, &e), -EINVAL);
        assert_int_equal(gate_desktop_parse("\0\0\n[x]\n", 7, &e), -EINVAL);
}

static void test_programs(void **state)
{
        char longest[GATE_DESKTOP_EXEC_MAX + 1];

        (void) state;
        check_program("mutt", "mutt");
        check_program("mutt\t%u", "mutt");
        check_program("\"/opt/a b/c\" %u", "/opt/a b/c");
        check_program("/opt/a\\sb/c %u", "/opt/a");
        check_program("\"/opt/a\\\\\"b\\\\$c\" x", "/opt/a\"b$c");
        check_program("\"/opt/unfinished", "");
        check_program("a\\nb", "");
        check_program("\"a\"b c", "ab");
        check_program("\\", "\\");
        memset(longest, 'x', sizeof(longest));
        longest[GATE_DESKTOP_EXEC_MAX - 1] = '\0';
        check_program(longest, longest);
        longest[GATE_DESKTOP_EXEC_MAX - 1] = 'x';
        longest[GATE_DESKTOP_EXEC_MAX] = '\0';
        check_program(longest, "");
}

static void note(void *userdata, const char *id)
{
        struct buf *all = userdata;

        buf_printf(all, "%s ", id);
}

static void check_handlers(const char *text, unsigned max, const char *expected)
{
        struct buf all = BUF_HEAP(4096);

        (void) gate_desktop_handlers(text, strlen(text), max, note, &all);
        assert_string_equal(buf_str(&all), expected);
        buf_done(&all);
}

static void test_handlers(void **state)
{
        (void) state;
        check_handlers("[Default Applications]\nx-scheme-handler/mailto=a.desktop\n", 9, "a.desktop ");
        check_handlers("[Added Associations]\nx-scheme-handler/mailto = a.desktop ; b-c.d_e+f.desktop;\r\n"
                       "text/plain=x.desktop\n[MIME Cache]\nx-scheme-handler/mailto=c.desktop;",
                       9, "a.desktop b-c.d_e+f.desktop c.desktop ");
        check_handlers("[Removed Associations]\nx-scheme-handler/mailto=a.desktop\n", 9, "");
        check_handlers("x-scheme-handler/mailto=a.desktop\n", 9, "");
        check_handlers(
                "[MIME Cache]\nx-scheme-handler/mailto=../a.desktop;/b.desktop;.desktop;c;d.desktop.sh;e f.desktop;"
                ".x.desktop;;\n",
                9, "");
        check_handlers("[MIME Cache]\nx-scheme-handler/mailto=a.desktop;b.desktop;c.desktop\n", 2,
                       "a.desktop b.desktop ");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_entry),
                cmocka_unit_test(test_no_entry),
                cmocka_unit_test(test_programs),
                cmocka_unit_test(test_handlers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
