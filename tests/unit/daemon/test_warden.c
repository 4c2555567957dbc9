/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The warden against an engine that is another's by now: the verbs, one by one, and what it may not bring about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/warden.c"

#include <sys/prctl.h>
#include <sys/un.h>

static struct warden w;
static int engine_end, asked, closed;

static int fake_request(void *self _unused_, enum source_request request _unused_, struct source_fds *ret)
{
        asked++;
        *ret = (struct source_fds){.n = 1};
        ret->fd[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return 0;
}

static void fake_close(void *self _unused_)
{
        closed++;
}

static const struct source fake = {.name = "fake", .request = fake_request, .close = fake_close};
static const struct config config = {.daemon = {.hung_after = 30 * NSEC_PER_SEC}};

static int begin(void **state _unused_)
{
        static struct daemon_params params = {.config = (struct config *) &config, .quiet = true};
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return -1;
        w = (struct warden){.params = &params,
                            .watched.slots[SLOT_HOST] = {.source = &fake, .open = true},
                            .engine_fd = pair[0],
                            .control_fd = -1,
                            .signal_fd = -1};
        engine_end = pair[1];
        asked = closed = 0;
        return 0;
}

static int finish(void **state _unused_)
{
        closep(&w.engine_fd);
        closep(&engine_end);
        return 0;
}

static void say(uint32_t verb, uint32_t request, const char *text)
{
        struct msg m = {.verb = verb, .request = request};

        snprintf(m.text, sizeof(m.text), "%s", text);
        assert_int_equal(msg_send(engine_end, &m, NULL), 0);
        read_engine(&w);
}

/* The answer to the request before; its descriptors are counted and closed. */
static int answer(int *ret_fds)
{
        struct source_fds fds;
        struct msg m;

        assert_int_equal(msg_receive(engine_end, &m, &fds), 1);
        assert_int_equal(m.verb, MSG_ANSWER);
        *ret_fds = 0;
        for (int i = 0; i < fds.n; i++)
                *ret_fds += fds.fd[i] >= 0;
        source_fds_close(&fds);
        return m.value;
}

static void test_requests(void **state _unused_)
{
        int fds;

        say(MSG_REQUEST, SOURCE_REQUEST_RESTART, ""); /* would give it what only a new engine gets */
        assert_int_equal(answer(&fds), -EINVAL);
        assert_int_equal(asked, 0);
        say(MSG_REQUEST, SOURCE_REQUEST_SNAPSHOT, "");
        assert_int_equal(answer(&fds), 0);
        assert_int_equal(fds, 1);
        /* At once again: the warden has other things to do. */
        for (int i = 0; i < 8; i++) {
                say(MSG_REQUEST, SOURCE_REQUEST_SNAPSHOT, "");
                assert_int_equal(answer(&fds), -EBUSY);
                assert_int_equal(fds, 0);
        }
        assert_int_equal(asked, 1);
        assert_int_equal(w.bad, 0);
}

static void test_requests_without_source(void **state _unused_)
{
        int fds;

        w.watched.slots[SLOT_HOST].open = false;
        say(MSG_REQUEST, SOURCE_REQUEST_SNAPSHOT, "");
        assert_int_equal(answer(&fds), -EINVAL);
        assert_int_equal(asked, 0);
}

/* What is not watched cannot be asked for, and one source does not slow another's requests. */
static void test_requests_of_another_source(void **state _unused_)
{
        struct msg m = {.verb = MSG_REQUEST, .request = SOURCE_REQUEST_SNAPSHOT, .slot = SLOT_PACKETS};
        int fds;

        assert_int_equal(msg_send(engine_end, &m, NULL), 0);
        read_engine(&w);
        assert_int_equal(answer(&fds), -EINVAL);
        assert_int_equal(asked, 0);
        say(MSG_REQUEST, SOURCE_REQUEST_SNAPSHOT, "");
        assert_int_equal(answer(&fds), 0);
        assert_int_equal(asked, 1);
}

/* Nobody reads the answers: they are dropped, counted, and nothing leaks. */
static void test_answers_unread(void **state _unused_)
{
        for (int i = 0; i < 2000 && w.bad == 0; i++) {
                struct msg m = {.verb = MSG_REQUEST, .request = SOURCE_REQUEST_SNAPSHOT};

                w.request_at[SLOT_HOST] = 0;
                assert_int_equal(msg_send(engine_end, &m, NULL), 0);
                read_engine(&w);
        }
        assert_true(w.bad > 0);
        assert_true(w.engine_fd >= 0);
}

/* The engine may not use the verbs of the warden. */
static void test_foreign_verbs(void **state _unused_)
{
        static const uint32_t verbs[] = {MSG_ANSWER, MSG_RELOAD, MSG_STOP, MSG_PING};

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                say(verbs[i], 0, "");
                assert_int_equal(w.bad, i + 1);
        }
        assert_false(w.stopping);
        assert_int_equal(w.reloads, 0);
}

static void test_garbage(void **state _unused_)
{
        uint8_t bytes[1024];
        uint32_t x = 1;

        for (int i = 0; i < 500; i++) {
                for (size_t k = 0; k < sizeof(bytes); k++)
                        bytes[k] = (uint8_t) ((x = x * 1664525 + 1013904223) >> 24);
                assert_true(send(engine_end, bytes, i % 2 ? msg_wire_size : x % sizeof(bytes), 0) >= 0);
                read_engine(&w);
        }
        assert_int_equal(w.bad, 500);
        assert_true(w.engine_fd >= 0);
}

/* What the service manager gets to hear: one line of ours, whatever the engine would like to add. */
static void test_ready(void **state _unused_)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        char got[1024], path[64];
        ssize_t n;

        /* An abstract one leaves nothing behind. */
        snprintf(path, sizeof(path), "@sekimori-test-%d", (int) getpid());
        memcpy(sa.sun_path, path, strlen(path));
        sa.sun_path[0] = '\0';
        assert_int_equal(
                bind(fd, (struct sockaddr *) &sa, (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(path))),
                0);
        setenv("NOTIFY_SOCKET", path, 1);
        say(MSG_READY, 0, "watching\nMAINPID=1\nFDSTORE=1");
        n = recv(fd, got, sizeof(got) - 1, 0);
        assert_true(n > 0);
        got[n] = '\0';
        assert_string_equal(got, "READY=1\nSTATUS=watching\\x0aMAINPID=1\\x0aFDSTORE=1");
        assert_true(w.ready && w.ever_ready);
        say(MSG_READY, 0, "again");
        assert_int_equal(w.bad, 1);
        assert_int_equal(recv(fd, got, sizeof(got), 0), -1);
        unsetenv("NOTIFY_SOCKET");
        close(fd);
}

/* wait()'s status of a process that ended with that status. */
#define EXITED(status) ((status) << 8)

static void test_who_may_end_the_watch(void **state _unused_)
{
        static struct daemon_params limited = {
                .config = (struct config *) &config, .quiet = true, .run_for = NSEC_PER_SEC};

        w.began = clock_boottime();
        assert_true(may_end(&w, EXITED(3))); /* it could not even start */
        assert_false(may_end(&w, EXITED(0)));
        assert_false(may_end(&w, SIGKILL));
        w.ever_ready = true;
        for (int status = 0; status < 256; status++)
                assert_false(may_end(&w, EXITED(status)));
        w.params = &limited;
        assert_false(may_end(&w, EXITED(0))); /* not yet */
        w.began -= 2 * NSEC_PER_SEC;
        assert_true(may_end(&w, EXITED(0)));
        assert_true(may_end(&w, EXITED(1)));
        assert_false(may_end(&w, EXITED(2)));
        assert_false(may_end(&w, SIGSYS));
}

/* When exactly is child.c's, and tested there. */
static void test_comes_again(void **state _unused_)
{
        w.ever_ready = w.ready = true;
        for (unsigned i = 0; i < 12; i++) {
                nsec_t before = w.engine.backoff;

                on_engine_end(&w, i % 2 ? EXITED(0) : SIGSEGV);
                assert_false(w.stopping);
                assert_true(w.engine.restart_at >= clock_boottime());
                assert_true(w.engine.backoff >= before && w.engine.backoff > 0);
        }
        assert_int_equal(w.restarts, 12);
}

/* An engine that does nothing. */
static void start_idle(void)
{
        w.engine.pid = fork();
        assert_true(w.engine.pid >= 0);
        if (w.engine.pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                close(engine_end); /* the copy that the fork made */
                for (;;)
                        pause();
        }
        pulse_begin(&w.pulse, config.daemon.hung_after, 0);
}

static void assert_killed(void)
{
        int status;

        assert_int_equal(waitpid(w.engine.pid, &status, 0), w.engine.pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        w.engine.pid = 0;
}

/* How many pings it got; each is answered if it is to live. */
static int pings(bool answered)
{
        struct source_fds fds;
        struct msg m;
        int n = 0;

        while (msg_receive(engine_end, &m, &fds) == 1) {
                assert_int_equal(m.verb, MSG_PING);
                n++;
        }
        for (int i = 0; answered && i < n; i++)
                say(MSG_PONG, 0, "");
        return n;
}

static void test_hangs(void **state _unused_)
{
        nsec_t t = 0;

        start_idle();
        w.ready = true;
        for (int i = 0; i < 100; i++) {
                feel_pulse(&w, t += 10 * NSEC_PER_SEC);
                assert_int_equal(pings(true), 1);
        }
        feel_pulse(&w, t += 24 * 3600 * NSEC_PER_SEC); /* the machine was suspended */
        assert_int_equal(pings(false), 1);
        feel_pulse(&w, t + 1);
        for (int i = 0; i < 2; i++)
                feel_pulse(&w, t += 10 * NSEC_PER_SEC);
        assert_int_equal(pings(false), 2);
        assert_int_equal(waitpid(w.engine.pid, NULL, WNOHANG), 0);
        assert_int_equal(next_duty(&w), t + 10 * NSEC_PER_SEC);
        feel_pulse(&w, t += 10 * NSEC_PER_SEC);
        assert_int_equal(next_duty(&w), 0); /* until it has ended */
        assert_killed();
        assert_int_equal(pings(false), 0);
        assert_int_equal(w.bad, 0);
}

/* One that starts has more to do, and one that is stopped has its own limit. */
static void test_hangs_at_its_start(void **state _unused_)
{
        nsec_t t = 0;

        start_idle();
        for (int i = 0; i < PULSE_PINGS_START; i++)
                feel_pulse(&w, t += 10 * NSEC_PER_SEC);
        assert_int_equal(pings(false), PULSE_PINGS_START);
        say(MSG_READY, 0, "late");
        feel_pulse(&w, t += 10 * NSEC_PER_SEC);
        assert_int_equal(pings(false), 1);
        w.stopping = true;
        for (int i = 0; i < PULSE_PINGS_START; i++)
                feel_pulse(&w, t += 10 * NSEC_PER_SEC);
        assert_int_equal(pings(false), 0);
        assert_int_equal(waitpid(w.engine.pid, NULL, WNOHANG), 0);
        assert_int_equal(kill(w.engine.pid, SIGKILL), 0);
        assert_killed();
}

/* Who hangs up and runs on would hear no order to stop. */
static void test_hung_up(void **state _unused_)
{
        struct pollfd p = {.fd = w.engine_fd, .events = POLLIN};

        start_idle();
        close(engine_end);
        engine_end = -1;
        assert_int_equal(poll(&p, 1, 10000), 1);
        read_engine(&w);
        assert_int_equal(w.engine_fd, -1);
        assert_int_equal(next_duty(&w), 0);
        assert_killed();
}

/* Another gate: its descriptors go to the running engine, and stay for the next one where that cannot be. */
static void test_another_gate(void **state _unused_)
{
        struct source_fds *fds = &w.watched.fds[SLOT_GATE], got;
        struct msg m;

        *fds = (struct source_fds){.n = 1, .note = "mail gate: shut"};
        fds->fd[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        hand_gate(&w); /* no engine runs */
        assert_true(fds->fd[0] >= 0);
        w.engine.pid = getpid();
        w.renewing = true; /* it is ending */
        hand_gate(&w);
        assert_true(fds->fd[0] >= 0);
        assert_int_equal(msg_receive(engine_end, &m, &got), 0);
        w.renewing = false;
        hand_gate(&w);
        assert_int_equal(fds->fd[0], -1);
        assert_int_equal(msg_receive(engine_end, &m, &got), 1);
        assert_int_equal(m.verb, MSG_SOURCE);
        assert_int_equal(m.slot, SLOT_GATE);
        assert_string_equal(m.text, "mail gate: shut");
        assert_int_equal(m.n_fds, 1);
        assert_true(got.fd[0] >= 0);
        source_fds_close(&got);
        hand_gate(&w); /* there is none any more */
        assert_int_equal(msg_receive(engine_end, &m, &got), 1);
        assert_int_equal(m.n_fds, 0);
        w.engine.pid = 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_requests, begin, finish),
                cmocka_unit_test_setup_teardown(test_requests_without_source, begin, finish),
                cmocka_unit_test_setup_teardown(test_requests_of_another_source, begin, finish),
                cmocka_unit_test_setup_teardown(test_answers_unread, begin, finish),
                cmocka_unit_test_setup_teardown(test_foreign_verbs, begin, finish),
                cmocka_unit_test_setup_teardown(test_garbage, begin, finish),
                cmocka_unit_test_setup_teardown(test_ready, begin, finish),
                cmocka_unit_test_setup_teardown(test_who_may_end_the_watch, begin, finish),
                cmocka_unit_test_setup_teardown(test_comes_again, begin, finish),
                cmocka_unit_test_setup_teardown(test_hangs, begin, finish),
                cmocka_unit_test_setup_teardown(test_hangs_at_its_start, begin, finish),
                cmocka_unit_test_setup_teardown(test_hung_up, begin, finish),
                cmocka_unit_test_setup_teardown(test_another_gate, begin, finish),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
