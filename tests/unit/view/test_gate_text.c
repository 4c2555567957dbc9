/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The mail gate's log: entries and what people did, in order of time, one line each whatever a program is called; and
 * as JSON that a parser takes. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "view/gate_text.h"

#define T0 (1700000000 * NSEC_PER_SEC)

static struct gate_entry entry(nsec_t t)
{
        struct gate_entry e = {.op = GATE_TRY_CONNECT,
                               .reason = GATE_WHY_PROGRAM,
                               .denied = 1,
                               .port = 25,
                               .proto = 6,
                               .uid = 0,
                               .count = 1,
                               .peers = 1,
                               .processes = 1,
                               .first = t,
                               .last = t,
                               .program = "/tmp/bot",
                               .chain = "systemd > bash > bot"};

        e.task = (struct task){.start = 5, .leader_start = 5, .pid = 4711, .tid = 4711};
        assert_int_equal(addr_parse("192.0.2.1", &e.remote), 0);
        return e;
}

static struct store *fill(void)
{
        struct gate_entry first = entry(T0), second = entry(T0 + 10 * NSEC_PER_SEC);
        struct action shut = {.kind = ACTION_GATE,
                              .time = T0 + 5 * NSEC_PER_SEC,
                              .by = "root",
                              .what = "the gate was shut",
                              .undo = "sekimori gate open"};
        struct action alarm = {.kind = ACTION_ALARM, .time = T0 + 6 * NSEC_PER_SEC, .what = "process became bot"};
        struct action block = {.subject = {.kind = SUBJECT_PROCESS, .pid = 4711, .name = "bo\nt"},
                               .kind = ACTION_BLOCK,
                               .time = T0 + 20 * NSEC_PER_SEC,
                               .by = "alice",
                               .what = "blocked for 1h"};
        struct store *s = NULL;
        int64_t a = 0, b = 0;

        second.count = 12;
        second.last += 3 * NSEC_PER_SEC;
        second.peers = 7;
        second.op = GATE_TRY_HANDOVER;
        second.denied = 0;
        second.remote = (struct addr){0};
        second.port = 0;
        second.uid = 4000000000;
        second.task.pid = 0;
        second.chain[0] = '\0';
        snprintf(second.program, sizeof(second.program), "/tmp/\x1b[31m\nx");
        snprintf(second.text, sizeof(second.text), "/usr/sbin/handon");
        assert_int_equal(store_open(&(struct store_params){0}, &s, NULL), 0);
        assert_int_equal(store_put_gate(s, &b, &second), 0);
        assert_int_equal(store_put_gate(s, &a, &first), 0);
        assert_int_equal(store_put_action(s, &shut), 0);
        assert_int_equal(store_put_action(s, &alarm), 0);
        assert_int_equal(store_put_action(s, &block), 0);
        return s;
}

static void set_language(const char *l)
{
        unsetenv("LC_ALL");
        unsetenv("LC_MESSAGES");
        setenv("LANG", l, 1);
        setenv("TZ", "UTC", 1);
}

static void test_text(void **unused)
{
        struct store *s = fill();
        struct buf out = BUF_HEAP(1 << 20);

        (void) unused;
        set_language("C");
        assert_int_equal(gate_log_print(s, 0, false, &out), 0);
        assert_string_equal(
                buf_str(&out),
                "2023-11-14 22:13:20  refused       /tmp/bot (process 4711, user root) tried to connect to mail server "
                "192.0.2.1 port 25: it is no mail program [systemd > bash > bot]\n"
                "2023-11-14 22:13:25  gate          root: the gate was shut (sekimori gate open)\n"
                "2023-11-14 22:13:30  would refuse  /tmp/\\x1b[31m\\x0ax (user 4000000000) tried to hand mail to this "
                "machine's own mail server (/usr/sbin/handon): it is no mail program; 12 times in 3.0 s, 7 servers\n"
                "2023-11-14 22:13:40  block         alice: process 4711 (bo\\x0at): blocked for 1h\n");
        buf_reset(&out);
        assert_int_equal(gate_log_print(s, T0 + 15 * NSEC_PER_SEC, false, &out), 0);
        assert_string_equal(buf_str(&out),
                            "2023-11-14 22:13:40  block         alice: process 4711 (bo\\x0at): blocked for "
                            "1h\n");
        buf_reset(&out);
        set_language("ja_JP.UTF-8");
        assert_int_equal(gate_log_print(s, 0, false, &out), 0);
        assert_non_null(strstr(buf_str(&out),
                               "拒否          /tmp/bot (プロセス 4711、ユーザー root) メールサーバー "
                               "192.0.2.1 (ポート 25) に接続しようとしました: メールソフトではありません"));
        buf_done(&out);
        store_close(s);
}

static void test_json(void **unused)
{
        static const char *const types[] = {"gate_log", "action", "gate_log", "action"};
        struct store *s = fill();
        struct buf out = BUF_HEAP(1 << 20);
        const char *line;

        (void) unused;
        assert_int_equal(gate_log_print(s, 0, true, &out), 0);
        line = buf_str(&out);
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                size_t len = strcspn(line, "\n");
                json_t *root = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);

                assert_non_null(root);
                assert_string_equal(json_string_value(json_object_get(root, "event_type")), types[i]);
                if (i == 0) {
                        assert_string_equal(json_string_value(json_object_get(root, "action")), "denied");
                        assert_string_equal(json_string_value(json_object_get(root, "reason")), "no_mail_program");
                        assert_string_equal(json_string_value(json_object_get(root, "user")), "root");
                        assert_string_equal(json_string_value(json_object_get(root, "dest_ip")), "192.0.2.1");
                        assert_int_equal(json_integer_value(json_object_get(root, "pid")), 4711);
                } else if (i == 2) {
                        assert_string_equal(json_string_value(json_object_get(root, "action")), "would_deny");
                        assert_string_equal(json_string_value(json_object_get(root, "program")), "/tmp/\x1b[31m\nx");
                        assert_null(json_object_get(root, "dest_ip"));
                        assert_null(json_object_get(root, "user"));
                        assert_int_equal(json_integer_value(json_object_get(root, "count")), 12);
                }
                json_decref(root);
                line += len + 1;
        }
        assert_string_equal(line, "");
        buf_done(&out);
        store_close(s);
}

static void test_no_room(void **unused)
{
        struct store *s = fill();
        struct buf out = BUF_HEAP(200);

        (void) unused;
        assert_int_equal(gate_log_print(s, 0, true, &out), -ENOBUFS);
        buf_done(&out);
        store_close(s);
}

/* Any bytes in an entry: one line, and JSON that reads. */
static void test_anything(void **unused)
{
        struct buf out = BUF_HEAP(1 << 20);
        struct gate_entry e;

        (void) unused;
        for (unsigned byte = 0; byte < 256; byte++) {
                json_t *root;

                memset(&e, (int) byte, sizeof(e));
                e.first = e.last = T0;
                buf_reset(&out);
                gate_text_put_line(&out, GATE_NOTIFY_EN, &e, NULL);
                assert_ptr_equal(memchr(out.data, '\n', out.len), out.data + out.len - 1);
                buf_reset(&out);
                gate_text_put_sentence(&out, GATE_NOTIFY_JA, &e, NULL);
                assert_null(memchr(out.data, '\n', out.len));
                buf_reset(&out);
                gate_text_put_json(&out, &e, "\"");
                root = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
                assert_non_null(root);
                json_decref(root);
        }
        buf_done(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_no_room),
                cmocka_unit_test(test_anything),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
