/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The texts of /proc: real lines, names made to deceive, and every cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "source/proc_scan.h"

#define TAIL "S 10 20 30 34817 -1 4194304 100 0 0 0 0 0 0 0 20 0 3 0 324244 3133440 382 18446744073709551615\n"

static int stat_of(const char *text, struct proc_stat *s)
{
        return proc_scan_stat(text, strlen(text), s);
}

static void test_stat(void **state)
{
        struct proc_stat s;

        (void) state;
        assert_int_equal(stat_of("1234 (sh) " TAIL, &s), 0);
        assert_int_equal(s.pid, 1234);
        assert_int_equal(s.ppid, 10);
        assert_int_equal(s.session, 30);
        assert_int_equal(s.tty, 136u << 20 | 1);
        assert_int_equal(s.start, 324244);
        assert_string_equal(s.comm, "sh");
        assert_false(s.kernel || s.dead || s.leader_gone);
}

static void test_stat_of_liars(void **state)
{
        static const char *const names[] = {") R 1 (", "a) R 1 2 3 4 5 6", "((((", "))))", "",
                                            " ",       "\n1 (x) R 1",      "x\n\n"};
        struct proc_stat s;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                char text[512];

                snprintf(text, sizeof(text), "77 (%s) " TAIL, names[i]);
                assert_int_equal(stat_of(text, &s), 0);
                assert_int_equal(s.pid, 77);
                assert_int_equal(s.ppid, 10);
                assert_int_equal(s.start, 324244);
                assert_string_equal(s.comm, names[i]);
        }
}

static void test_stat_states(void **state)
{
        static const char zombie[] = "5 (z) Z 1 5 5 0 -1 4228352 0 0 0 0 0 0 0 0 20 0 1 0 99 0 0 1\n";
        static const char headless[] = "5 (z) Z 1 5 5 0 -1 4228352 0 0 0 0 0 0 0 0 20 0 4 0 99 0 0 1\n";
        static const char kernel[] = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0 1\n";
        struct proc_stat s;

        (void) state;
        assert_int_equal(stat_of(zombie, &s), 0);
        assert_true(s.dead && !s.leader_gone);
        assert_int_equal(stat_of(headless, &s), 0);
        assert_true(!s.dead && s.leader_gone);
        assert_int_equal(stat_of(kernel, &s), 0);
        assert_true(s.kernel);
}

static void test_stat_cut_and_wrong(void **state)
{
        static const char text[] = "1234 (sh) " TAIL;
        size_t needed = (size_t) (strstr(text, "324244") - text) + strlen("324244") + 1;
        static const char *const wrong[] = {
                "",
                "1",
                "(",
                ")",
                ")(",
                "() ",
                "x (sh) " TAIL,
                "0 (sh) " TAIL,
                "-5 (sh) " TAIL,
                "99999999999 (sh) " TAIL,
                "1 (sh) SS 10 20",
                "1 (sh) S a b c",
                "1 (sh)",
        };
        struct proc_stat s = {.pid = 42};

        (void) state;
        for (size_t n = 0; n < needed; n++) {
                _cleanup_free_ char *copy = malloc(n + 1);

                assert_non_null(copy);
                memcpy(copy, text, n);
                assert_int_equal(proc_scan_stat(copy, n, &s), -EBADMSG);
        }
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                assert_int_equal(stat_of(wrong[i], &s), -EBADMSG);
        assert_int_equal(s.pid, 42);
}

static const char tcp_line[] =
        "   0: 0100007F:1F90 0200007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 "
        "168123 1 000000001ff9b4ce 100 0 0 10 0\n";
static const char tcp6_line[] =
        "   1: 00000000000000000000000001000000:0016 0000000000000000FFFF00000100007F:D431 01 00000000:00000000 "
        "02:00000000 00000000     0        0 99 1 000000001ff9b4ce 100 0 0 10 0\n";

static void test_sockets(void **state)
{
        struct proc_socket s;
        char text[ADDR_TEXT_MAX];

        (void) state;
        assert_int_equal(proc_scan_socket(PROC_TABLE_TCP, false, tcp_line, strlen(tcp_line), &s), 0);
        assert_string_equal(addr_format(&s.local, text), "127.0.0.1");
        assert_string_equal(addr_format(&s.remote, text), "127.0.0.2");
        assert_int_equal(s.local_port, 8080);
        assert_int_equal(s.remote_port, 0xd431);
        assert_int_equal(s.inode, 168123);
        assert_int_equal(s.uid, 1000);
        assert_int_equal(s.state, 1);
        assert_int_equal(s.proto, IPPROTO_TCP);

        assert_int_equal(proc_scan_socket(PROC_TABLE_TCP, true, tcp6_line, strlen(tcp6_line), &s), 0);
        assert_string_equal(addr_format(&s.local, text), "::1");
        assert_string_equal(addr_format(&s.remote, text), "127.0.0.1"); /* mapped */
        assert_int_equal(s.local_port, 22);
}

static void test_other_tables(void **state)
{
        static const char raw[] =
                "  1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 555 2 0 0\n";
        static const char packet[] = "ffff8880 3      3    0003   2     1 0      0      31337 \n";
        static const char head[] = "  sl  local_address rem_address   st tx_queue\n";
        static const char packet_head[] = "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n";
        struct proc_socket s;

        (void) state;
        assert_int_equal(proc_scan_socket(PROC_TABLE_RAW, false, raw, strlen(raw), &s), 0);
        assert_int_equal(s.proto, IPPROTO_ICMP);
        assert_int_equal(s.local_port, 0);
        assert_int_equal(s.inode, 555);
        assert_int_equal(proc_scan_socket(PROC_TABLE_PACKET, false, packet, strlen(packet), &s), 0);
        assert_int_equal(s.ethertype, 3);
        assert_int_equal(s.ifindex, 2);
        assert_int_equal(s.inode, 31337);
        assert_int_equal(proc_scan_socket(PROC_TABLE_TCP, false, head, strlen(head), &s), -ENODATA);
        assert_int_equal(proc_scan_socket(PROC_TABLE_PACKET, false, packet_head, strlen(packet_head), &s), -ENODATA);
        assert_int_equal(proc_scan_socket(PROC_TABLE_TCP, false, "\n", 1, &s), -ENODATA);
        /* the wrong table, the wrong family */
        assert_int_equal(proc_scan_socket(PROC_TABLE_TCP, true, tcp_line, strlen(tcp_line), &s), -EBADMSG);
        assert_int_equal(proc_scan_socket(PROC_TABLE_TCP, false, tcp6_line, strlen(tcp6_line), &s), -EBADMSG);
}

static void test_socket_cuts(void **state)
{
        size_t needed = (size_t) (strstr(tcp_line, "168123") - tcp_line) + strlen("168123") + 1;
        struct proc_socket s = {.inode = 42};

        (void) state;
        for (size_t n = 5; n < needed; n++) {
                _cleanup_free_ char *copy = malloc(n);

                assert_non_null(copy);
                memcpy(copy, tcp_line, n);
                assert_int_equal(proc_scan_socket(PROC_TABLE_TCP, false, copy, n, &s), -EBADMSG);
        }
        assert_int_equal(s.inode, 42);
}

static void test_links(void **state)
{
        static const char *const wrong[] = {
                "",          "socket:",        "socket:[]",   "socket:[1",
                "socket:1]", "socket:[-1]",    "socket:[1]x", "socket:[99999999999999999999999]",
                "pipe:[1]",  "/tmp/socket:[1]"};
        uint64_t n = 7;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                assert_int_equal(proc_scan_link("socket", wrong[i], strlen(wrong[i]), &n), -EBADMSG);
        assert_int_equal(n, 7);
        assert_int_equal(proc_scan_link("socket", "socket:[168123]", 15, &n), 0);
        assert_int_equal(n, 168123);
        assert_int_equal(proc_scan_link("net", "net:[4026531840]", 16, &n), 0);
        assert_int_equal(n, 4026531840u);
}

static void test_status_and_cgroup(void **state)
{
        static const char status[] = "Name:\tUid:\\n\nUmask:\t0022\nUid:\t1000\t1001\t1002\t1003\nGid:\t0\n";
        static const char cgroup[] = "9:name=systemd:/\n0::/user.slice/x\n";
        const char *path = NULL;
        uint64_t number;
        uint32_t uid = 0;
        size_t len = 0;

        (void) state;
        assert_int_equal(proc_scan_uid(status, strlen(status), &uid), 0);
        assert_int_equal(uid, 1001);
        assert_int_equal(proc_scan_uid("Name:\tx\n", 8, &uid), -EBADMSG);
        assert_int_equal(proc_scan_uid("\nUid:\t1000", 10, &uid), -EBADMSG);
        assert_int_equal(proc_scan_cgroup(cgroup, strlen(cgroup), &path, &len), 0);
        assert_int_equal(len, strlen("/user.slice/x"));
        assert_memory_equal(path, "/user.slice/x", len);
        assert_int_equal(proc_scan_cgroup("1:cpu:/\n", 8, &path, &len), -ENODATA);
        assert_int_equal(proc_scan_cgroup("0::/cut", 7, &path, &len), -ENODATA);
        assert_int_equal(proc_scan_number("4294967295", 10, &number), 0);
        assert_int_equal(number, UINT32_MAX);
        assert_int_equal(proc_scan_number("-1\n", 3, &number), -EBADMSG);
        assert_int_equal(proc_scan_number("", 0, &number), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stat),
                cmocka_unit_test(test_stat_of_liars),
                cmocka_unit_test(test_stat_states),
                cmocka_unit_test(test_stat_cut_and_wrong),
                cmocka_unit_test(test_sockets),
                cmocka_unit_test(test_other_tables),
                cmocka_unit_test(test_socket_cuts),
                cmocka_unit_test(test_links),
                cmocka_unit_test(test_status_and_cgroup),
        };

        return cmocka_run_group_tests_name("source/proc_scan", tests, NULL, NULL);
}
