/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages between warden and engine, and what a hijacked other side could send instead. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "daemon/msg.h"

static int pair[2];

static int set_up(void **state _unused_)
{
        return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
}

static int tear_down(void **state _unused_)
{
        for (int i = 0; i < 2; i++)
                if (pair[i] >= 0)
                        close(pair[i]);
        return 0;
}

static int count_open(void)
{
        DIR *d = opendir("/proc/self/fd");
        int n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

/* What msg_send() would send, as bytes to spoil. */
static size_t make_wire(const struct msg *m, uint8_t *bytes, size_t size)
{
        ssize_t n;

        assert_int_equal(msg_send(pair[0], m, NULL), 0);
        n = recv(pair[1], bytes, size, 0);
        assert_int_equal(n, (ssize_t) msg_wire_size);
        return (size_t) n;
}

/* Sends raw bytes with `n` descriptors along. */
static void send_raw(const void *bytes, size_t len, int n)
{
        int fds[64];
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(sizeof(fds))];
        } control = {0};
        struct iovec iov = {(void *) bytes, len};
        struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

        if (n) {
                struct cmsghdr *c;

                for (int i = 0; i < n; i++)
                        fds[i] = pair[0];
                h.msg_control = control.bytes;
                h.msg_controllen = CMSG_SPACE((size_t) n * sizeof(int));
                c = CMSG_FIRSTHDR(&h);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN((size_t) n * sizeof(int));
                memcpy(CMSG_DATA(c), fds, (size_t) n * sizeof(int));
        }
        assert_int_equal(sendmsg(pair[0], &h, MSG_NOSIGNAL), (ssize_t) len);
}

/* Refused, and nothing of it stays open. */
static void assert_refused(const void *bytes, size_t len, int n_fds)
{
        struct source_fds fds = {.n = 0};
        struct msg m = {.verb = 77};
        int before = count_open();

        send_raw(bytes, len, n_fds);
        assert_int_equal(msg_receive(pair[1], &m, &fds), -EBADMSG);
        assert_int_equal(m.verb, 77);
        assert_int_equal(fds.n, 0);
        assert_int_equal(count_open(), before);
}

static void test_round_trip(void **state _unused_)
{
        const struct msg sent = {.verb = MSG_ANSWER, .request = SOURCE_REQUEST_SNAPSHOT, .value = -5, .text = "text"};
        struct source_fds given = {.n = 5, .fd = {-1, pair[0], -1, pair[1], -1}}, got;
        struct msg m;

        assert_int_equal(msg_receive(pair[1], &m, &got), 0);
        assert_int_equal(msg_send(pair[0], &sent, &given), 0);
        assert_int_equal(msg_receive(pair[1], &m, &got), 1);
        assert_int_equal(m.verb, MSG_ANSWER);
        assert_int_equal(m.value, -5);
        assert_string_equal(m.text, "text");
        assert_int_equal(got.n, SOURCE_FDS_MAX);
        for (int i = 0; i < SOURCE_FDS_MAX; i++) {
                assert_int_equal(got.fd[i] >= 0, i == 1 || i == 3);
                if (got.fd[i] >= 0)
                        assert_true(fcntl(got.fd[i], F_GETFD) & FD_CLOEXEC);
        }
        source_fds_close(&got);
}

static void test_malformed(void **state _unused_)
{
        uint8_t bytes[2048], spoilt[4096] = {0};
        const struct msg m = {.verb = MSG_REQUEST, .request = SOURCE_REQUEST_SNAPSHOT};
        size_t n = make_wire(&m, bytes, sizeof(bytes));
        static const struct {
                size_t at;
                uint32_t value;
        } rows[] = {
                {offsetof(struct msg, magic), 0},
                {offsetof(struct msg, verb), MSG_NONE},
                {offsetof(struct msg, verb), MSG_VERBS},
                {offsetof(struct msg, verb), UINT32_MAX},
                {offsetof(struct msg, n_fds), 1},
                {offsetof(struct msg, n_fds), UINT32_MAX},
                {offsetof(struct msg, request), SOURCE_REQUESTS},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                memcpy(spoilt, bytes, n);
                memcpy(spoilt + rows[i].at, &rows[i].value, sizeof(rows[i].value));
                assert_refused(spoilt, n, 0);
        }
        memcpy(spoilt, bytes, n);
        memset(spoilt + offsetof(struct msg, text), 'x', MSG_TEXT_MAX); /* a text without an end */
        assert_refused(spoilt, n, 0);
        memcpy(spoilt, bytes, n);
        spoilt[n - 1] = 1; /* a place for a descriptor that did not come */
        assert_refused(spoilt, n, 0);
        for (size_t len = 1; len < n; len += 7)
                assert_refused(bytes, len, 0);
        memcpy(spoilt, bytes, n);
        assert_refused(spoilt, n + 1, 0);
        assert_refused(spoilt, sizeof(spoilt), 0);
}

static void test_unwanted_descriptors(void **state _unused_)
{
        uint8_t bytes[2048];
        const struct msg m = {.verb = MSG_READY};
        size_t n = make_wire(&m, bytes, sizeof(bytes));

        assert_refused(bytes, n, 1);
        assert_refused(bytes, n, SOURCE_FDS_MAX);
        assert_refused(bytes, n, 64); /* more than there is room for */
        assert_refused("", 0, 3);
}

/* An empty datagram reads like the end; taking it for that would cut the other side off. */
static void test_empty_is_not_the_end(void **state _unused_)
{
        const struct msg sent = {.verb = MSG_READY};
        struct source_fds fds;
        struct msg m;

        assert_refused("", 0, 0);
        assert_int_equal(msg_send(pair[0], &sent, NULL), 0);
        assert_int_equal(msg_receive(pair[1], &m, &fds), 1);
        close(pair[0]);
        pair[0] = -1;
        assert_int_equal(msg_receive(pair[1], &m, &fds), -EPIPE);
        assert_int_equal(msg_send(pair[1], &sent, NULL), -EPIPE);
}

/* Nobody reads: the sender is told, and does not wait. */
static void test_full(void **state _unused_)
{
        const struct msg sent = {.verb = MSG_REQUEST};
        struct source_fds fds;
        struct msg m;
        int r, n = 0;

        while ((r = msg_send(pair[0], &sent, NULL)) == 0)
                n++;
        assert_int_equal(r, -EAGAIN);
        while (msg_receive(pair[1], &m, &fds) == 1)
                n--;
        assert_int_equal(n, 0);
}

static void test_any_alignment(void **state _unused_)
{
        uint8_t bytes[2048], moved[2048];
        const struct msg m = {.verb = MSG_STOP};
        size_t n = make_wire(&m, bytes, sizeof(bytes));

        for (size_t i = 0; i < 8; i++) {
                memcpy(moved + i, bytes, n);
                assert_true(msg_is_valid(moved + i, n));
                assert_false(msg_is_valid(moved + i, n - 1));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_malformed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_unwanted_descriptors, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_empty_is_not_the_end, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_any_alignment, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
