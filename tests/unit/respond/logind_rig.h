/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A logind of a test's own: its files in a mount namespace, its answers and those of pid 1 on a bus. Needs root and
 * dbus-daemon. */
#ifndef TESTS_UNIT_RESPOND_LOGIND_RIG_H
#define TESTS_UNIT_RESPOND_LOGIND_RIG_H

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "respond/gate_sessions.h"

#define RUN       "/run/systemd"
#define DAEMON    "/usr/bin/dbus-daemon"
#define WAIT_NSEC (20 * NSEC_PER_SEC)
#define TOLD_MAX  128

struct fixture {
        sd_event *event;
        struct gate_sessions *g;
        struct gate_person_session told[TOLD_MAX];
        unsigned n_told, gone;
        /* the bus, and who answers on it */
        char dir[64];
        pid_t daemon;
        sd_bus *bus;
        int locked, mute;
        uint32_t leader, manager;
        unsigned questions;
};

static bool can_mount, have_daemon;

static _unused_ struct gate_person_session *told(struct fixture *f, const char *name)
{
        for (unsigned i = 0; i < f->n_told; i++)
                if (strcmp(f->told[i].name, name) == 0)
                        return &f->told[i];
        return NULL;
}

static _unused_ void on_session(void *ud, const struct gate_person_session *s, bool gone)
{
        struct fixture *f = ud;
        struct gate_person_session *old = told(f, s->name);

        assert_true(strlen(s->name) > 0);
        if (gone) {
                assert_non_null(old);
                *old = f->told[--f->n_told];
                f->gone++;
                return;
        }
        if (!old) {
                assert_true(f->n_told < TOLD_MAX);
                old = &f->told[f->n_told++];
        }
        assert_memory_not_equal(old, s, sizeof(*s));
        *old = *s;
}

static _unused_ void write_file(const char *folder, const char *name, const char *text)
{
        char path[128], temporary[128];
        FILE *file;

        snprintf(path, sizeof(path), RUN "/%s/%s", folder, name);
        snprintf(temporary, sizeof(temporary), RUN "/%s/.#%s", folder, name);
        file = fopen(temporary, "we");
        assert_non_null(file);
        fputs(text, file);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(rename(temporary, path), 0);
}

static _unused_ void remove_session(const char *name)
{
        char path[128];

        snprintf(path, sizeof(path), RUN "/sessions/%s", name);
        assert_int_equal(unlink(path), 0);
}

#define X11                                                                                                            \
        "UID=1000\nUSER=p\nACTIVE=1\nIS_DISPLAY=1\nSTATE=active\nREMOTE=0\nTYPE=x11\nORIGINAL_TYPE=x11\nCLASS=user\n"  \
        "SCOPE=session-2.scope\nSEAT=seat0\nDISPLAY=:0\nVTNR=7\nLEADER=77\n"
#define TTY     "UID=1000\nUSER=p\nACTIVE=0\nSTATE=online\nREMOTE=0\nTYPE=tty\nCLASS=user\nSEAT=seat0\nTTY=tty2\nVTNR=2\n"
#define SSH     "UID=1001\nUSER=q\nACTIVE=1\nSTATE=active\nREMOTE=1\nTYPE=tty\nCLASS=user\nREMOTE_HOST=192.0.2.1\n"
#define GREETER "UID=110\nUSER=g\nACTIVE=1\nSTATE=active\nREMOTE=0\nTYPE=x11\nCLASS=greeter\nSEAT=seat0\nVTNR=7\n"

static _unused_ void logind_begins(void)
{
        assert_int_equal(mkdir(RUN "/sessions", 0755), 0);
        assert_int_equal(mkdir(RUN "/seats", 0755), 0);
        assert_int_equal(mkdir(RUN "/users", 0755), 0);
}

/* --- the bus --- */

static _unused_ int get_locked(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                               const char *property _unused_, sd_bus_message *reply, void *ud, sd_bus_error *error)
{
        struct fixture *f = ud;

        f->questions++;
        if (f->mute)
                return sd_bus_error_set(error, "org.freedesktop.DBus.Error.UnknownObject", "no");
        return sd_bus_message_append(reply, "b", f->locked);
}

static _unused_ int get_leader(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_,
                               const char *property _unused_, sd_bus_message *reply, void *ud,
                               sd_bus_error *error _unused_)
{
        return sd_bus_message_append(reply, "u", ((struct fixture *) ud)->leader);
}

static _unused_ int get_manager(sd_bus *bus _unused_, const char *path, const char *interface _unused_,
                                const char *property _unused_, sd_bus_message *reply, void *ud,
                                sd_bus_error *error _unused_)
{
        return sd_bus_message_append(reply, "u",
                                     strstr(path, "user_401000_2eservice") ? ((struct fixture *) ud)->manager : 0);
}

static const sd_bus_vtable session_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("LockedHint", "b", get_locked, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_PROPERTY("Leader", "u", get_leader, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Name", "u", get_leader, 0, 0),
        SD_BUS_VTABLE_END,
};
static const sd_bus_vtable service_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("MainPID", "u", get_manager, 0, 0),
        SD_BUS_VTABLE_END,
};

static _unused_ int find_self(sd_bus *bus _unused_, const char *path _unused_, const char *interface _unused_, void *ud,
                              void **ret, sd_bus_error *error _unused_)
{
        *ret = ud;
        return 1;
}

static _unused_ void write_bus_config(const char *dir, char path[static 96], char address[static 128])
{
        FILE *file;

        snprintf(path, 96, "%s/bus.conf", dir);
        snprintf(address, 128, "unix:path=%s/bus", dir);
        file = fopen(path, "we");
        assert_non_null(file);
        fprintf(file,
                "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
                "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
                "<busconfig><listen>%s</listen><auth>EXTERNAL</auth>\n"
                "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>\n"
                "<allow send_type=\"method_call\"/><allow send_type=\"signal\"/>\n"
                "<allow send_requested_reply=\"true\" send_type=\"method_return\"/>\n"
                "<allow send_requested_reply=\"true\" send_type=\"error\"/>\n"
                "<allow receive_type=\"method_call\"/><allow receive_type=\"method_return\"/>\n"
                "<allow receive_type=\"error\"/><allow receive_type=\"signal\"/></policy></busconfig>\n",
                address);
        assert_int_equal(fclose(file), 0);
}

static _unused_ void daemon_start(struct fixture *f)
{
        char path[96], address[128], option[128], print[32], line[256];
        int pair[2];

        write_bus_config(f->dir, path, address);
        setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
        assert_int_equal(pipe(pair), 0);
        snprintf(option, sizeof(option), "--config-file=%s", path);
        snprintf(print, sizeof(print), "--print-address=%d", pair[1]);
        f->daemon = fork();
        if (f->daemon == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                execl(DAEMON, DAEMON, option, print, "--nofork", "--nosyslog", NULL);
                _exit(127);
        }
        close(pair[1]);
        assert_true(read(pair[0], line, sizeof(line)) > 0);
        close(pair[0]);
}

static _unused_ void daemon_stop(struct fixture *f)
{
        f->bus = sd_bus_close_unref(f->bus);
        if (f->daemon > 0) {
                kill(f->daemon, SIGKILL);
                waitpid(f->daemon, NULL, 0);
        }
        f->daemon = 0;
}

static _unused_ void services_start(struct fixture *f)
{
        assert_true(sd_bus_open_system(&f->bus) >= 0);
        assert_true(sd_bus_add_fallback_vtable(f->bus, NULL, "/org/freedesktop/login1/session",
                                               "org.freedesktop.login1.Session", session_vtable, find_self, f) >= 0);
        assert_true(sd_bus_add_fallback_vtable(f->bus, NULL, "/org/freedesktop/systemd1/unit",
                                               "org.freedesktop.systemd1.Service", service_vtable, find_self, f) >= 0);
        assert_true(sd_bus_request_name(f->bus, "org.freedesktop.login1", 0) >= 0);
        assert_true(sd_bus_request_name(f->bus, "org.freedesktop.systemd1", 0) >= 0);
        assert_true(sd_bus_attach_event(f->bus, f->event, 0) >= 0);
}

/* --- fixture --- */

static _unused_ int set_up(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));

        assert_true(sd_event_new(&f->event) >= 0);
        strcpy(f->dir, "/tmp/sekimori-bus-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        f->leader = 77;
        if (can_mount)
                assert_int_equal(mount("tmpfs", RUN, "tmpfs", 0, "mode=0755,size=4m"), 0);
        setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
        *state = f;
        return 0;
}

static _unused_ int set_up_bus(void **state)
{
        struct fixture *f;

        (void) set_up(state);
        f = *state;
        if (!can_mount || !have_daemon)
                return 0;
        logind_begins();
        daemon_start(f);
        services_start(f);
        return 0;
}

static _unused_ int tear_down(void **state)
{
        struct fixture *f = *state;
        char path[96];

        gate_sessions_free(f->g);
        daemon_stop(f);
        if (can_mount)
                assert_int_equal(umount2(RUN, MNT_DETACH), 0);
        snprintf(path, sizeof(path), "%s/bus", f->dir);
        unlink(path);
        snprintf(path, sizeof(path), "%s/bus.conf", f->dir);
        unlink(path);
        rmdir(f->dir);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static _unused_ void begin(struct fixture *f)
{
        struct gate_sessions_params params = {.event = f->event, .session = on_session, .ud = f};

        assert_int_equal(gate_sessions_new(&params, &f->g), 0);
}

#define run_until(f, condition)                                                                                        \
        do {                                                                                                           \
                nsec_t run_end = clock_boottime() + WAIT_NSEC;                                                         \
                while (!(condition)) {                                                                                 \
                        if (clock_boottime() > run_end)                                                                \
                                fail_msg("never: %s", #condition);                                                     \
                        assert_true(sd_event_run((f)->event, WAIT_NSEC / 1000) >= 0);                                  \
                }                                                                                                      \
        } while (0)

static _unused_ bool is_unlocked(struct fixture *f, const char *name)
{
        return told(f, name) && told(f, name)->unlocked;
}

/* Makes sure that what was sent before has been seen: a session more is a round later. */
static _unused_ void pass_a_round(struct fixture *f, const char *name)
{
        write_file("sessions", name, TTY);
        run_until(f, told(f, name));
}

static _unused_ void needs_mounts(void)
{
        if (!can_mount) {
                print_message("needs root and a mount namespace\n");
                skip();
        }
}

static _unused_ void needs_bus(void)
{
        needs_mounts();
        if (!have_daemon) {
                print_message(DAEMON " is not installed\n");
                skip();
        }
}

static _unused_ int find_means(void **state _unused_)
{
        can_mount = geteuid() == 0 && access(RUN, F_OK) == 0 && unshare(CLONE_NEWNS) == 0 &&
                    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
        have_daemon = access(DAEMON, X_OK) == 0;
        return 0;
}

#endif
