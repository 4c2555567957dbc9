/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The walk over a /proc made for the test: who owns what, who created whom, what is told and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/event.h"
#include "source/host_proc_read.h"
#include "source/host_proc_walk.h"

#define RECORDS_MAX 8192

static char root[] = "/tmp/sekimori-walk-XXXXXX";
static struct host_proc_record records[RECORDS_MAX];
static size_t n_records;
static int emit_result;
static struct host_proc_walk *walk;

static int take(void *userdata, const struct host_proc_record *r)
{
        (void) userdata;
        assert_true(n_records < RECORDS_MAX);
        records[n_records++] = *r;
        return emit_result;
}

static const char *path_of(const char *format, ...) _printf_(1, 2);
static const char *path_of(const char *format, ...)
{
        static char path[4][256];
        static unsigned next;
        char *p = path[next++ % 4];
        int n = snprintf(p, 256, "%s/", root);
        va_list ap;

        va_start(ap, format);
        vsnprintf(p + n, 256 - (size_t) n, format, ap);
        va_end(ap);
        return p;
}

static void write_file(const char *path, const char *text)
{
        _cleanup_fclose_ FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
}

static void link_to(const char *target, const char *path)
{
        (void) unlink(path);
        assert_int_equal(symlink(target, path), 0);
}

static void add_process_state(unsigned pid, unsigned ppid, unsigned start, const char *comm, char state,
                              unsigned threads)
{
        char text[512];

        (void) mkdir(path_of("%u", pid), 0755);
        (void) mkdir(path_of("%u/fd", pid), 0755);
        (void) mkdir(path_of("%u/ns", pid), 0755);
        (void) mkdir(path_of("%u/net", pid), 0755);
        snprintf(text, sizeof(text), "%u (%s) %c %u 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 %u 0 %u 0 0 0\n", pid, comm,
                 state, ppid, threads, start);
        write_file(path_of("%u/stat", pid), text);
        link_to("net:[100]", path_of("%u/ns/net", pid));
        link_to("pid:[200]", path_of("%u/ns/pid", pid));
        link_to("/bin/sh", path_of("%u/exe", pid));
}

static void add_process(unsigned pid, unsigned ppid, unsigned start, const char *comm)
{
        add_process_state(pid, ppid, start, comm, 'S', 1);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void) st;
        (void) type;
        (void) ftw;
        return remove(path);
}

static void remove_process(unsigned pid)
{
        assert_int_equal(nftw(path_of("%u", pid), remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void hold(unsigned pid, unsigned fd, unsigned inode)
{
        char target[32];

        snprintf(target, sizeof(target), "socket:[%u]", inode);
        link_to(target, path_of("%u/fd/%u", pid, fd));
}

#define HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define LINE(port, inode)                                                                                              \
        "   0: 0100007F:" port " 0200007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 " inode        \
        " 1 000000001ff9b4ce 100 0 0 10 0\n"

static void tcp(const char *lines)
{
        char text[8192];

        snprintf(text, sizeof(text), "%s%s", HEAD, lines);
        write_file(path_of("self/net/tcp"), text);
}

static struct host_proc_end scan(uint32_t what)
{
        struct host_proc_request q = {.what = what};
        struct host_proc_end end = {0};

        n_records = 0;
        assert_int_equal(host_proc_walk_scan(walk, &q, &end), 0);
        return end;
}

static const struct host_proc_record *find(uint32_t type, unsigned id)
{
        for (size_t i = 0; i < n_records; i++) {
                const struct host_proc_record *r = &records[i];
                uint64_t of = type == RECORD_SOCKET || type == RECORD_CLOSED ? r->socket.inode : r->process.id.pid;

                if (r->type == type && of == id)
                        return r;
        }
        return NULL;
}

static int setup(void **state)
{
        struct host_proc_walk_params p = {.proc = root, .own_inode = 999, .emit = take};

        (void) state;
        strcpy(root + strlen(root) - 6, "XXXXXX");
        if (!mkdtemp(root))
                return -1;
        emit_result = 0;
        n_records = 0;
        add_process(1, 0, 10, "init");
        add_process(50, 1, 500, ") R 1 (");
        add_process(60, 50, 600, "bot\n1 (x) S 1");
        link_to("50", path_of("self"));
        return host_proc_walk_new(&p, &walk) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
        (void) state;
        host_proc_walk_free(walk);
        return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void test_owner_and_ancestors(void **state)
{
        struct host_proc_end end;

        (void) state;
        hold(60, 3, 55);
        tcp(LINE("1F90", "55"));
        end = scan(SCAN_SOCKETS);
        assert_int_equal(end.netns, 100);
        assert_int_equal(end.processes, 3);
        assert_int_equal(end.walked, 1);
        /* root first, the socket last */
        assert_int_equal(n_records, 4);
        assert_int_equal(records[0].process.id.pid, 1);
        assert_int_equal(records[0].process.creator.pid, 0);
        assert_int_equal(records[1].process.id.pid, 50);
        assert_string_equal(records[1].process.comm, ") R 1 (");
        assert_int_equal(records[2].process.id.pid, 60);
        assert_int_equal(records[2].process.creator.pid, 50);
        assert_int_equal(records[2].process.creator.start, host_proc_read_ticks(500));
        assert_int_equal(records[2].process.netns, 100);
        assert_int_equal(records[2].process.pidns, 200);
        assert_int_equal(records[2].process.flags, PROCESS_CREATOR_GUESS);
        assert_string_equal(records[2].process.path, "/bin/sh");
        assert_int_not_equal(records[2].process.exe_ino, 0);
        assert_int_equal(records[3].socket.owner.pid, 60);
        assert_int_equal(records[3].socket.local_port, 8080);
        /* nothing new: nothing told, and no descriptor read again */
        end = scan(SCAN_SOCKETS);
        assert_int_equal(n_records, 0);
        assert_int_equal(end.walked, 0);
}

static void test_oldest_holder(void **state)
{
        (void) state;
        hold(60, 3, 55);
        hold(50, 7, 55);
        tcp(LINE("1F90", "55"));
        scan(SCAN_SOCKETS);
        assert_int_equal(find(RECORD_SOCKET, 55)->socket.owner.pid, 50);
        /* it ends: the heir owns it, and the socket is told before the end */
        remove_process(50);
        link_to("60", path_of("self"));
        (void) mkdir(path_of("60/net"), 0755);
        tcp(LINE("1F90", "55"));
        scan(SCAN_SOCKETS);
        assert_int_equal(find(RECORD_SOCKET, 55)->socket.owner.pid, 60);
        assert_non_null(find(RECORD_EXIT, 50));
        assert_int_equal(records[n_records - 1].type, RECORD_EXIT);
        /* the creator is who it was, not who took the orphan */
        assert_int_equal(find(RECORD_PROCESS, 60)->process.creator.pid, 50);
        scan(SCAN_SOCKETS);
        assert_null(find(RECORD_EXIT, 50)); /* once */
}

static void test_socket_of_a_service(void **state)
{
        (void) state;
        hold(1, 30, 55);
        hold(60, 3, 55);
        tcp(LINE("1F90", "55"));
        scan(SCAN_SOCKETS);
        assert_int_equal(find(RECORD_SOCKET, 55)->socket.owner.pid, 60);
}

/* Knows one connection, as sock_diag would. */
static int find_one(void *userdata, const struct host_proc_query *q, struct proc_socket *ret)
{
        (void) userdata;
        if (q->local_port != 4711)
                return -ENOENT;
        *ret = (struct proc_socket){
                .inode = 77, .local_port = 4711, .remote_port = 80, .table = PROC_TABLE_TCP, .proto = 6, .state = 1};
        return 0;
}

static void test_single_questions(void **state)
{
        struct host_proc_walk_params p = {.proc = root, .emit = take, .find = find_one};
        struct host_proc_request q = {.n_queries = 2, .queries = {{.local_port = 1}, {.local_port = 4711}}};
        struct host_proc_end end = {0};

        (void) state;
        host_proc_walk_free(walk);
        walk = NULL;
        assert_int_equal(host_proc_walk_new(&p, &walk), 0);
        hold(60, 3, 55);
        hold(50, 3, 77);
        tcp(LINE("1F90", "55"));
        assert_int_equal(host_proc_walk_scan(walk, &q, &end), 0);
        assert_int_equal(find(RECORD_SOCKET, 77)->socket.owner.pid, 50);
        assert_null(find(RECORD_SOCKET, 55)); /* the table was not read */
        n_records = 0;
        q.n_queries = 0;
        assert_int_equal(host_proc_walk_scan(walk, &q, &end), 0);
        assert_int_equal(n_records, 0); /* nor is what it did not ask for gone */
        scan(SCAN_SOCKETS);
        assert_non_null(find(RECORD_SOCKET, 55));
        assert_non_null(find(RECORD_CLOSED, 77));
}

static void test_reused_number(void **state)
{
        (void) state;
        hold(60, 3, 55);
        tcp(LINE("1F90", "55"));
        scan(SCAN_SOCKETS);
        remove_process(60);
        add_process(60, 1, 9000, "other");
        hold(60, 3, 56);
        tcp(LINE("1F91", "56"));
        scan(SCAN_SOCKETS);
        assert_non_null(find(RECORD_CLOSED, 55));
        assert_int_equal(find(RECORD_EXIT, 60)->exit.start, host_proc_read_ticks(600));
        assert_int_equal(find(RECORD_PROCESS, 60)->process.id.start, host_proc_read_ticks(9000));
        assert_int_equal(find(RECORD_SOCKET, 56)->socket.owner.start, host_proc_read_ticks(9000));
}

static void test_exec(void **state)
{
        (void) state;
        hold(60, 3, 55);
        tcp(LINE("1F90", "55"));
        scan(SCAN_SOCKETS);
        link_to("/proc/self/status", path_of("60/exe"));
        scan(SCAN_SOCKETS);
        assert_non_null(find(RECORD_EXEC, 60));
        assert_int_equal(n_records, 1);
        scan(SCAN_SOCKETS);
        assert_int_equal(n_records, 0);
}

static void test_first_thread_gone(void **state)
{
        (void) state;
        remove_process(60);
        add_process_state(60, 50, 600, "hides", 'Z', 2);
        (void) mkdir(path_of("60/task"), 0755);
        (void) mkdir(path_of("60/task/61"), 0755);
        (void) mkdir(path_of("60/task/61/fd"), 0755);
        link_to("socket:[55]", path_of("60/task/61/fd/3"));
        (void) rmdir(path_of("60/fd"));
        tcp(LINE("1F90", "55"));
        scan(SCAN_SOCKETS);
        assert_int_equal(find(RECORD_SOCKET, 55)->socket.owner.pid, 60);
        scan(SCAN_SOCKETS);
        assert_null(find(RECORD_EXIT, 60));
}

static void test_nobodys_socket(void **state)
{
        unsigned walks = 0;

        (void) state;
        tcp(LINE("1F90", "55") LINE("1F91", "999") LINE("1F92", "0"));
        for (int i = 0; i < 10; i++) {
                walks += scan(SCAN_SOCKETS).walked;
                if (i == 0) {
                        assert_int_equal(find(RECORD_SOCKET, 55)->socket.owner.pid, 0);
                        assert_int_equal(n_records,
                                         1); /* neither our own socket nor one that has no process any more */
                }
        }
        assert_int_equal(walks, 3); /* then it is the kernel's own */
}

static void test_other_namespace(void **state)
{
        struct host_proc_end end;

        (void) state;
        tcp("");
        link_to("net:[101]", path_of("60/ns/net"));
        write_file(path_of("60/net/tcp"), HEAD LINE("1F90", "55"));
        hold(60, 3, 55);
        end = scan(SCAN_SOCKETS | SCAN_NAMESPACES | SCAN_PROCESSES);
        assert_int_equal(end.namespaces, 1);
        assert_int_equal(find(RECORD_SOCKET, 55)->socket.netns, 101);
        assert_int_equal(find(RECORD_SOCKET, 55)->socket.owner.pid, 60);
        scan(SCAN_SOCKETS); /* not looked at: not gone */
        assert_int_equal(n_records, 0);
        write_file(path_of("60/net/tcp"), HEAD);
        scan(SCAN_SOCKETS | SCAN_NAMESPACES);
        assert_non_null(find(RECORD_CLOSED, 55));
}

static void test_many_namespaces(void **state)
{
        struct host_proc_end end;

        (void) state;
        tcp("");
        for (unsigned i = 0; i < 70; i++) {
                char name[32];

                add_process(1000 + i, 1, 700 + i, "x");
                snprintf(name, sizeof(name), "net:[%u]", 1000 + i);
                link_to(name, path_of("%u/ns/net", 1000 + i));
        }
        end = scan(SCAN_SOCKETS | SCAN_NAMESPACES | SCAN_PROCESSES);
        assert_int_equal(end.namespaces, 64);
        assert_int_equal(end.skipped, 6);
}

static void test_broken_files(void **state)
{
        struct host_proc_end end;

        (void) state;
        hold(60, 3, 55);
        tcp("   0: rubbish\n" LINE("1F90", "55") "   1: 0100007F:1F90 0200"); /* the last one cut */
        write_file(path_of("50/stat"), "50 (no end");
        (void) mkdir(path_of("77"), 0755); /* ended while it was listed */
        write_file(path_of("uptime"), "1 2\n");
        end = scan(SCAN_SOCKETS);
        assert_int_equal(end.bad_lines, 1);
        assert_int_equal(end.processes, 2);
        assert_int_equal(find(RECORD_SOCKET, 55)->socket.owner.pid, 60);
        assert_int_equal(find(RECORD_PROCESS, 60)->process.creator.pid, 0); /* not known, rather than wrong */
}

static void test_engine_gone(void **state)
{
        struct host_proc_request q = {.what = SCAN_SOCKETS};
        struct host_proc_end end;

        (void) state;
        hold(60, 3, 55);
        tcp(LINE("1F90", "55"));
        emit_result = -EPIPE;
        assert_int_equal(host_proc_walk_scan(walk, &q, &end), -EPIPE);
        assert_int_equal(n_records, 1);
}

#define IN_ROOT(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                IN_ROOT(test_owner_and_ancestors), IN_ROOT(test_oldest_holder),  IN_ROOT(test_socket_of_a_service),
                IN_ROOT(test_single_questions),    IN_ROOT(test_reused_number),  IN_ROOT(test_exec),
                IN_ROOT(test_first_thread_gone),   IN_ROOT(test_nobodys_socket), IN_ROOT(test_other_namespace),
                IN_ROOT(test_many_namespaces),     IN_ROOT(test_broken_files),   IN_ROOT(test_engine_gone),
        };

        return cmocka_run_group_tests_name("source/proc_walk", tests, NULL, NULL);
}
