/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An X server of a test's own (Xvfb), programs with windows on it, and what is told of their focus. */
#ifndef TESTS_UNIT_RESPOND_DISPLAY_RIG_H
#define TESTS_UNIT_RESPOND_DISPLAY_RIG_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <xcb/xcb.h>

#include "respond/gate_focus_internal.h"

#define XVFB      "/usr/bin/Xvfb"
#define NOBODY    65534
#define WAIT_USEC (20 * 1000 * 1000ull)
#define FAKE      61 /* a display that a test plays itself */

struct fixture {
        sd_event *event;
        struct gate_focus *focus;
        pid_t server;
        int display;
        char dir[64], auth[96];
        struct gate_person_focus told;
        unsigned calls;
        void *shared; /* as a map of BPF would be */
};

/* A program with a window, which takes the focus when told to. */
struct client {
        pid_t pid;
        int order, done;
};

static _unused_ void on_focus(void *ud, const struct gate_person_focus *f)
{
        struct fixture *x = ud;

        assert_string_equal(f->session, "c1");
        x->told = *f;
        x->calls++;
}

static _unused_ void die_with_test(void)
{
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static _unused_ void write_authority(const char *path, char first)
{
        uint8_t entry[] = "\xff\xff\0\0\0\0\0\x12MIT-MAGIC-COOKIE-1\0\x10?123456789abcdef";
        const struct timespec old[] = {{.tv_sec = 1}, {.tv_sec = 1}};
        int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

        entry[sizeof(entry) - 17] = (uint8_t) first;
        assert_true(fd >= 0);
        assert_int_equal(write(fd, entry, sizeof(entry) - 1), (ssize_t) sizeof(entry) - 1);
        /* The server reads it anew when it is newer than before: it goes on with its first one. */
        assert_int_equal(futimens(fd, old), 0);
        close(fd);
}

/* Its number comes when it is ready. */
static _unused_ void start_server(struct fixture *x)
{
        char text[16] = "", number[16], *argv[] = {(char *) "Xvfb",
                                                   (char *) "-displayfd",
                                                   number,
                                                   (char *) "-auth",
                                                   x->auth,
                                                   (char *) "-nolisten",
                                                   (char *) "tcp",
                                                   (char *) "-screen",
                                                   (char *) "0",
                                                   (char *) "64x64x8",
                                                   NULL};
        int pair[2];

        assert_int_equal(pipe(pair), 0);
        snprintf(number, sizeof(number), "%d", pair[1]);
        x->server = fork();
        if (x->server == 0) {
                int null = open("/dev/null", O_RDWR);

                die_with_test();
                dup2(null, 1);
                dup2(null, 2);
                close(pair[0]);
                execv(XVFB, argv);
                _exit(127);
        }
        close(pair[1]);
        for (size_t n = 0; n < sizeof(text) - 1 && !strchr(text, '\n'); n++)
                if (read(pair[0], text + n, 1) != 1)
                        break;
        close(pair[0]);
        x->display = text[0] ? atoi(text) : -1;
}

static _unused_ void stop_server(struct fixture *x)
{
        if (x->server <= 0)
                return;
        kill(x->server, SIGKILL);
        waitpid(x->server, NULL, 0);
        x->server = 0;
}

static _unused_ void make_focus(struct fixture *x, const char *server)
{
        struct gate_focus_params params = {
                .event = x->event,
                .focus = on_focus,
                .ud = x,
                .uid = geteuid() ? geteuid() : NOBODY,
                .gid = geteuid() ? getegid() : NOBODY,
                .server = server,
        };

        assert_int_equal(gate_focus_new(&params, &x->focus), 0);
}

static _unused_ int set_up_plain(void **state)
{
        struct fixture *x = calloc(1, sizeof(*x));

        assert_true(sd_event_new(&x->event) >= 0);
        strcpy(x->dir, "/tmp/sekimori-focus-XXXXXX");
        assert_non_null(mkdtemp(x->dir));
        snprintf(x->auth, sizeof(x->auth), "%s/authority", x->dir);
        x->shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        x->display = -1;
        *state = x;
        return 0;
}

static _unused_ int set_up(void **state)
{
        struct fixture *x;

        (void) set_up_plain(state);
        x = *state;
        if (access(XVFB, X_OK) < 0)
                return 0;
        write_authority(x->auth, '0');
        setenv("XAUTHORITY", x->auth, 1);
        start_server(x);
        make_focus(x, XVFB);
        return 0;
}

static _unused_ int tear_down(void **state)
{
        struct fixture *x = *state;

        gate_focus_free(x->focus);
        stop_server(x);
        munmap(x->shared, 4096);
        unlink(x->auth);
        rmdir(x->dir);
        sd_event_unref(x->event);
        free(x);
        return 0;
}

static _unused_ struct gate_person_session session_of(int display)
{
        struct gate_person_session s = {.name = "c1", .seat = "seat1", .uid = geteuid(), .type = GATE_PERSON_X11};

        snprintf(s.display, sizeof(s.display), ":%d", display);
        return s;
}

static _unused_ void client_life(int display, int order, int done)
{
        char name[16], c;
        xcb_connection_t *conn;
        xcb_window_t window;
        xcb_screen_t *screen;
        uint32_t values[] = {1}; /* override-redirect: nobody need manage it */

        die_with_test();
        snprintf(name, sizeof(name), ":%d", display);
        conn = xcb_connect(name, NULL);
        if (xcb_connection_has_error(conn))
                _exit(2);
        screen = xcb_setup_roots_iterator(xcb_get_setup(conn)).data;
        window = xcb_generate_id(conn);
        xcb_create_window(conn, XCB_COPY_FROM_PARENT, window, screen->root, 0, 0, 10, 10, 0,
                          XCB_WINDOW_CLASS_INPUT_OUTPUT, XCB_COPY_FROM_PARENT, XCB_CW_OVERRIDE_REDIRECT, values);
        xcb_map_window(conn, window);
        while (read(order, &c, 1) == 1) {
                if (c == 'f')
                        xcb_set_input_focus(conn, XCB_INPUT_FOCUS_POINTER_ROOT, window, XCB_CURRENT_TIME);
                else if (c == 'p')
                        xcb_set_input_focus(conn, XCB_INPUT_FOCUS_NONE, XCB_INPUT_FOCUS_POINTER_ROOT, XCB_CURRENT_TIME);
                else
                        xcb_set_input_focus(conn, XCB_INPUT_FOCUS_NONE, XCB_NONE, XCB_CURRENT_TIME);
                if (c == 'p')
                        xcb_warp_pointer(conn, XCB_NONE, screen->root, 0, 0, 0, 0, 5, 5);
                free(xcb_get_input_focus_reply(conn, xcb_get_input_focus(conn), NULL));
                if (write(done, &c, 1) != 1)
                        break;
        }
        _exit(0);
}

static _unused_ struct client client_start(int display)
{
        int order[2], done[2];
        struct client c;

        assert_int_equal(pipe2(order, O_CLOEXEC), 0);
        assert_int_equal(pipe2(done, O_CLOEXEC), 0);
        c.pid = fork();
        if (c.pid == 0) {
                close(order[1]);
                close(done[0]);
                client_life(display, order[0], done[1]);
        }
        close(order[0]);
        close(done[1]);
        c.order = order[1];
        c.done = done[0];
        return c;
}

static _unused_ void client_do(const struct client *c, char what)
{
        assert_int_equal(write(c->order, &what, 1), 1);
        assert_int_equal(read(c->done, &what, 1), 1);
}

static _unused_ void client_end(struct client *c)
{
        close(c->order);
        close(c->done);
        kill(c->pid, SIGKILL);
        waitpid(c->pid, NULL, 0);
}

static _unused_ void run_until_pid(struct fixture *x, bool known, uint32_t pid)
{
        nsec_t end = clock_boottime() + (nsec_t) WAIT_USEC * 1000;

        while (x->told.known != known || x->told.pid != pid) {
                if (clock_boottime() > end)
                        fail_msg("told %d %u, wanted %d %u", x->told.known, x->told.pid, known, pid);
                assert_true(sd_event_run(x->event, WAIT_USEC) >= 0);
        }
}

static _unused_ bool has_server(const struct fixture *x)
{
        if (x->display >= 0)
                return true;
        print_message(access(XVFB, X_OK) < 0 ? XVFB " is not installed\n" : XVFB " does not start\n");
        return false;
}

/* The process that watches, as a child of this one that is neither server nor client. */
static _unused_ pid_t watcher(const struct fixture *x, const struct client *c)
{
        char text[256] = "", path[64];
        int fd;
        pid_t found = 0;

        snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
                text[0] = 0;
        closep(&fd);
        for (char *p = text, *end; *p; p = end) {
                pid_t pid = (pid_t) strtol(p, &end, 10);

                if (end == p)
                        break;
                if (pid != x->server && pid != c->pid)
                        found = pid;
        }
        return found;
}

#endif
