/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A message bus and a notification service for tests. See notify_bus.h. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include "notify_bus.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NOTIFY_PATH "/org/freedesktop/Notifications"
#define INTERFACE   "org.freedesktop.Notifications"

static void write_config(const struct desktop *d, char *path, size_t size)
{
        FILE *f;

        snprintf(path, size, "%s/bus.conf", d->runtime);
        f = fopen(path, "we");
        assert_non_null(f);
        fprintf(f,
                "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
                " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
                "<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>\n"
                "<policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\n"
                "<allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>\n",
                d->socket);
        fclose(f);
        assert_int_equal(chmod(path, 0644), 0);
}

/* Returns when the bus listens. */
static bool start_daemon(struct desktop *d)
{
        char config[128], option[160], line[256];
        pid_t parent = getpid();
        int out[2];
        ssize_t n;

        write_config(d, config, sizeof(config));
        snprintf(option, sizeof(option), "--config-file=%s", config);
        assert_int_equal(pipe2(out, O_CLOEXEC), 0);
        d->bus_pid = fork();
        assert_true(d->bus_pid >= 0);
        if (d->bus_pid == 0) {
                if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(d->uid, d->uid, d->uid) < 0 ||
                                       setresuid(d->uid, d->uid, d->uid) < 0))
                        _exit(1);
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (getppid() != parent)
                        _exit(1);
                dup2(out[1], STDOUT_FILENO);
                execlp("dbus-daemon", "dbus-daemon", option, "--nofork", "--nopidfile", "--print-address",
                       (char *) NULL);
                _exit(127);
        }
        close(out[1]);
        n = read(out[0], line, sizeof(line));
        close(out[0]);
        return n > 0;
}

sd_bus *desktop_connect(struct desktop *d)
{
        char address[192];
        sd_bus *bus = NULL;
        int r;

        snprintf(address, sizeof(address), "unix:path=%s", d->socket);
        assert_true(sd_bus_new(&bus) >= 0);
        assert_true(sd_bus_set_address(bus, address) >= 0);
        assert_true(sd_bus_set_bus_client(bus, 1) >= 0);
        /* A session's bus takes nobody but its user, not even root. Who connects is seen at that moment. */
        assert_true(geteuid() != 0 || seteuid(d->uid) == 0);
        r = sd_bus_start(bus);
        assert_true(getuid() != 0 || seteuid(0) == 0);
        assert_true(r >= 0);
        assert_true(sd_bus_attach_event(bus, d->event, 0) >= 0);
        return bus;
}

static int read_hints(sd_bus_message *m, struct shown *s)
{
        const char *key;

        assert_true(sd_bus_message_enter_container(m, 'a', "{sv}") >= 0);
        while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
                uint8_t urgency;

                assert_true(sd_bus_message_read(m, "s", &key) >= 0);
                if (strcmp(key, "urgency") == 0) {
                        assert_true(sd_bus_message_read(m, "v", "y", &urgency) >= 0);
                        s->urgency = urgency;
                } else
                        assert_true(sd_bus_message_skip(m, "v") >= 0);
                assert_true(sd_bus_message_exit_container(m) >= 0);
        }
        return sd_bus_message_exit_container(m);
}

static void read_actions(sd_bus_message *m, struct shown *s)
{
        const char *key, *button;

        assert_true(sd_bus_message_enter_container(m, 'a', "s") >= 0);
        while (sd_bus_message_read(m, "ss", &key, &button) > 0) {
                snprintf(s->keys + strlen(s->keys), sizeof(s->keys) - strlen(s->keys), "%s;", key);
                snprintf(s->buttons + strlen(s->buttons), sizeof(s->buttons) - strlen(s->buttons), "%s;", button);
        }
        assert_true(sd_bus_message_exit_container(m) >= 0);
}

static int on_notify(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        struct desktop *d = userdata;
        struct shown *s = &d->calls[MIN(d->n_calls, SHOWN_MAX - 1u)];
        const char *app, *icon, *title, *body;

        *s = (struct shown){.urgency = -1};
        assert_true(sd_bus_message_read(m, "susss", &app, &s->replaces, &icon, &title, &body) >= 0);
        snprintf(s->title, sizeof(s->title), "%s", title);
        snprintf(s->body, sizeof(s->body), "%s", body);
        snprintf(s->sender, sizeof(s->sender), "%s", sd_bus_message_get_sender(m));
        assert_string_equal(app, "sekimori");
        read_actions(m, s);
        assert_true(read_hints(m, s) >= 0);
        assert_true(sd_bus_message_read(m, "i", &s->timeout) >= 0);
        s->id = s->replaces ? s->replaces : ++d->next_id;
        d->n_calls++;
        return d->silent ? 1 : sd_bus_reply_method_return(m, "u", s->id);
}

static int on_close(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        struct desktop *d = userdata;

        assert_true(sd_bus_message_read(m, "u", &d->closed) >= 0);
        d->n_closed++;
        return sd_bus_reply_method_return(m, "");
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Notify", "susssasa{sv}i", "u", on_notify, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("CloseNotification", "u", "", on_close, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

bool desktop_start(struct desktop *d, sd_event *event, const char *name)
{
        d->event = event;
        /* A person who is not root, even when the tests are. */
        d->uid = geteuid() == 0 ? 65534 : geteuid();
        strcpy(d->runtime, "/tmp/sekimori-notify-XXXXXX");
        assert_non_null(mkdtemp(d->runtime));
        assert_int_equal(chmod(d->runtime, 0755), 0);
        snprintf(d->folder, sizeof(d->folder), "%s/%u", d->runtime, (unsigned) d->uid);
        snprintf(d->socket, sizeof(d->socket), "%s/bus", d->folder);
        assert_int_equal(mkdir(d->folder, 0700), 0);
        assert_true(geteuid() != 0 || chown(d->folder, d->uid, d->uid) == 0);
        if (!start_daemon(d))
                return false;
        d->other = desktop_connect(d);
        d->service = desktop_connect(d);
        assert_true(sd_bus_add_object_vtable(d->service, NULL, NOTIFY_PATH, INTERFACE, vtable, d) >= 0);
        if (name)
                assert_true(sd_bus_request_name(d->service, name, 0) >= 0);
        return true;
}

void desktop_kill_bus(struct desktop *d, int signal)
{
        if (d->bus_pid > 0)
                (void) kill(d->bus_pid, signal);
        if (signal == SIGKILL && d->bus_pid > 0) {
                (void) waitpid(d->bus_pid, NULL, 0);
                d->bus_pid = 0;
        }
}

void desktop_stop(struct desktop *d)
{
        char path[160];

        sd_bus_close_unref(d->service);
        sd_bus_close_unref(d->other);
        desktop_kill_bus(d, SIGKILL);
        unlink(d->socket);
        rmdir(d->folder);
        snprintf(path, sizeof(path), "%s/bus.conf", d->runtime);
        unlink(path);
        rmdir(d->runtime);
}

void desktop_press(struct desktop *d, sd_bus *by, uint32_t id, const char *key)
{
        (void) d;
        assert_true(sd_bus_emit_signal(by, NOTIFY_PATH, INTERFACE, "ActionInvoked", "us", id, key) >= 0);
}

void desktop_dismiss(struct desktop *d, uint32_t id)
{
        assert_true(sd_bus_emit_signal(d->service, NOTIFY_PATH, INTERFACE, "NotificationClosed", "uu", id, 2) >= 0);
}

bool desktop_until(struct desktop *d, bool (*holds)(void *), void *userdata, nsec_t limit)
{
        nsec_t end = clock_boottime() + limit;

        while (!holds(userdata)) {
                nsec_t left = end - clock_boottime();

                if (left <= 0)
                        return false;
                assert_true(sd_event_run(d->event, (uint64_t) (MIN(left, 50 * NSEC_PER_MSEC) / NSEC_PER_USEC)) >= 0);
        }
        return true;
}
