/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What only the system bus knows: a session's leader and lock, and the process of a user's manager. One question per
 * record is open at a time, each with a limit; nothing is started by asking. Runs in the keeper. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>

#include "respond/gate_sessions_internal.h"

#define LOGIN       "org.freedesktop.login1"
#define SESSION_AT  "/org/freedesktop/login1/session"
#define MANAGER     "org.freedesktop.systemd1"
#define UNIT_AT     "/org/freedesktop/systemd1/unit"
#define PROPERTIES  "org.freedesktop.DBus.Properties"
#define ANSWER_USEC (2 * 1000 * 1000)

#define CHANGES                                                                                                        \
        "type='signal',sender='" LOGIN "',path_namespace='" SESSION_AT "',interface='" PROPERTIES                      \
        "',member='PropertiesChanged',arg0='" LOGIN ".Session'"

/* Forgets what was learnt from the bus about a record. The leader stays: a session never changes it. */
static void forget(struct gate_sessions_record *r)
{
        r->now.lock = GATE_PERSON_LOCK_UNKNOWN;
        r->asked = false;
        r->question = sd_bus_slot_unref(r->question);
}

void gate_sessions_bus_close(struct gate_sessions *g)
{
        for (size_t i = 0; i < GATE_SESSIONS; i++)
                forget(&g->records[i]);
        if (g->bus) {
                (void) sd_bus_detach_event(g->bus);
                g->bus = sd_bus_close_unref(g->bus);
                g->bus_state = -ENOTCONN;
        }
        g->bus_lost = false;
}

static int on_lost(sd_bus_message *m _unused_, void *ud, sd_bus_error *error _unused_)
{
        struct gate_sessions *g = ud;

        g->bus_lost = true;
        g->bus_state = -ENOTCONN;
        for (size_t i = 0; i < GATE_SESSIONS; i++)
                forget(&g->records[i]);
        gate_sessions_settle(g);
        gate_sessions_soon(g);
        return 0;
}

/* Believed only as far as that there may be something to ask: anybody may send us this directly. */
static int on_change(sd_bus_message *m, void *ud, sd_bus_error *error _unused_)
{
        struct gate_sessions *g = ud;
        _cleanup_free_ char *name = NULL;
        const char *path = sd_bus_message_get_path(m);

        if (!path || sd_bus_path_decode(path, SESSION_AT, &name) <= 0)
                return 0;
        for (size_t i = 0; i < GATE_SESSIONS; i++)
                if (g->records[i].owner && strcmp(g->records[i].now.name, name) == 0) {
                        g->records[i].asked = false;
                        gate_sessions_soon(g);
                }
        return 0;
}

void gate_sessions_bus_open(struct gate_sessions *g)
{
        int r = sd_bus_open_system_with_description(&g->bus, "sekimori-gate");

        if (r >= 0)
                r = sd_bus_attach_event(g->bus, g->params.event, SD_EVENT_PRIORITY_NORMAL);
        if (r >= 0)
                r = sd_bus_match_signal_async(g->bus, NULL, NULL, "/org/freedesktop/DBus/Local",
                                              "org.freedesktop.DBus.Local", "Disconnected", on_lost, NULL, g);
        if (r >= 0)
                r = sd_bus_add_match_async(g->bus, NULL, CHANGES, on_change, NULL, g);
        if (r < 0)
                gate_sessions_bus_close(g);
        g->bus_state = r < 0 ? r : 0;
}

static int on_end(sd_event_source *source _unused_, int fd _unused_, uint32_t revents _unused_, void *ud)
{
        struct gate_sessions_record *r = ud;

        r->end = sd_event_source_disable_unref(r->end);
        r->now.leader = 0;
        r->asked = false;
        gate_sessions_settle(r->owner);
        gate_sessions_soon(r->owner);
        return 0;
}

/* A manager that ends is asked for anew. Without pidfds (before Linux 5.3) the next round at any rate does it. */
static void watch_end(struct gate_sessions_record *r)
{
        _cleanup_close_ int fd = -1;

        r->end = sd_event_source_disable_unref(r->end);
        if (!r->now.leader)
                return;
        fd = pidfd_open((pid_t) r->now.leader, 0);
        if (fd < 0) {
                if (errno == ESRCH)
                        r->now.leader = 0;
                return;
        }
        if (sd_event_add_io(r->owner->params.event, &r->end, fd, EPOLLIN, on_end, r) < 0)
                return;
        if (sd_event_source_set_io_fd_own(r->end, true) < 0) {
                r->end = sd_event_source_disable_unref(r->end);
                return;
        }
        TAKE_FD(fd);
}

static int read_session_property(sd_bus_message *m, const char *name, uint32_t *leader, int *locked)
{
        if (strcmp(name, "Leader") == 0)
                return sd_bus_message_read(m, "v", "u", leader);
        if (strcmp(name, "LockedHint") == 0)
                return sd_bus_message_read(m, "v", "b", locked);
        return sd_bus_message_skip(m, "v");
}

static int read_session(sd_bus_message *m, uint32_t *leader, int *locked)
{
        int r = sd_bus_message_enter_container(m, 'a', "{sv}");

        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *name;

                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0)
                        r = read_session_property(m, name, leader, locked);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

static int on_session(sd_bus_message *m, void *ud, sd_bus_error *error _unused_)
{
        struct gate_sessions_record *r = ud;
        uint32_t leader = 0;
        int locked = -1;

        r->question = sd_bus_slot_unref(r->question);
        if (sd_bus_message_is_method_error(m, NULL) || read_session(m, &leader, &locked) < 0)
                locked = -1;
        if (leader)
                r->now.leader = leader;
        r->now.lock = locked < 0 ? GATE_PERSON_LOCK_UNKNOWN : locked ? GATE_PERSON_LOCKED : GATE_PERSON_UNLOCKED;
        gate_sessions_settle(r->owner);
        return 0;
}

static int on_manager(sd_bus_message *m, void *ud, sd_bus_error *error _unused_)
{
        struct gate_sessions_record *r = ud;
        uint32_t pid = 0;

        r->question = sd_bus_slot_unref(r->question);
        if (sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "v", "u", &pid) < 0)
                return 0;
        if (pid != r->now.leader || !r->end) {
                r->now.leader = pid;
                watch_end(r);
        }
        gate_sessions_settle(r->owner);
        return 0;
}

static int put_question(struct gate_sessions_record *r, sd_bus_message **ret)
{
        _cleanup_free_ char *path = NULL;
        char unit[32];
        sd_bus *bus = r->owner->bus;
        int k;

        if (r->now.manager) {
                snprintf(unit, sizeof(unit), "user@%u.service", r->now.uid);
                k = sd_bus_path_encode(UNIT_AT, unit, &path);
                if (k >= 0)
                        k = sd_bus_message_new_method_call(bus, ret, MANAGER, path, PROPERTIES, "Get");
                return k < 0 ? k : sd_bus_message_append(*ret, "ss", MANAGER ".Service", "MainPID");
        }
        k = sd_bus_path_encode(SESSION_AT, r->now.name, &path);
        if (k >= 0)
                k = sd_bus_message_new_method_call(bus, ret, LOGIN, path, PROPERTIES, "GetAll");
        return k < 0 ? k : sd_bus_message_append(*ret, "s", LOGIN ".Session");
}

void gate_sessions_bus_ask(struct gate_sessions_record *r)
{
        sd_bus_message *m = NULL;
        int k;

        if (!r->owner->bus || r->owner->bus_lost)
                return;
        /* An answer to a question of before says nothing about what changed since. */
        r->question = sd_bus_slot_unref(r->question);
        k = put_question(r, &m);
        if (k >= 0)
                k = sd_bus_message_set_auto_start(m, false);
        if (k >= 0)
                k = sd_bus_call_async(r->owner->bus, &r->question, m, r->now.manager ? on_manager : on_session, r,
                                      ANSWER_USEC);
        sd_bus_message_unref(m);
        r->asked = k >= 0;
}
