/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Speaks org.freedesktop.Notifications (Desktop Notifications Specification 1.2) on one person's bus for the keeper,
 * and tells it which process stands behind the service and which behind the bus. Whatever fails, ends it: the keeper
 * starts another one later. Runs in the keeper's children. */
#include "respond/gate_notify_child.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include "base/cleanup.h"
#include "respond/gate_notify_text.h"

#define DRIVER         "org.freedesktop.DBus"
#define DRIVER_PATH    "/org/freedesktop/DBus"
#define INTERFACE      "org.freedesktop.Notifications"
#define NOTIFY_PATH    "/org/freedesktop/Notifications"
#define APP_NAME       "sekimori"
#define APP_ICON       "security-high" /* Icon Naming Specification */
#define URGENCY        2               /* critical: stays until it is answered */
#define OWNER_MAX      256             /* D-Bus specification: a name has at most 255 bytes */
#define MESSAGES_MAX   64              /* of the bus, before the keeper is listened to again */
#define INVALID_ACTION GATE_NOTIFY_ACTIONS

static const char *const service_names[GATE_NOTIFY_SERVICES] = {
        [GATE_NOTIFY_GNOME] = "org.gnome.Shell",
        [GATE_NOTIFY_USUAL] = "org.freedesktop.Notifications",
};

static const char *const action_keys[GATE_NOTIFY_ACTIONS] = {
        [GATE_NOTIFY_BLOCK] = "block",
        [GATE_NOTIFY_ALLOW_ONCE] = "allow-once",
};

struct service {
        struct bus *bus;
        char owner[OWNER_MAX]; /* unique name; "": none */
        uint32_t pid;
};

struct notice {
        struct bus *bus;
        uint32_t serial, id, service;
        uint32_t replaces; /* of the call under way */
        bool pending;      /* a call is under way */
};

struct bus {
        const struct gate_notify_child *child;
        sd_bus *sd;
        struct service services[GATE_NOTIFY_SERVICES];
        struct notice notices[GATE_NOTIFY_SLOTS];
        unsigned awaited; /* answers before we are ready */
        uint32_t bus_pid;
        bool begun, ready;
        int error; /* negative: end with it */
};

static void tell(const struct gate_notify_child *c, struct gate_notify_report r)
{
        r.magic = GATE_NOTIFY_MAGIC;
        /* A keeper that does not listen has ended, or is about to end us. */
        if (send(c->fd, &r, sizeof(r), MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t) sizeof(r))
                _exit(1);
}

static _Noreturn void gone(const struct gate_notify_child *c, int error)
{
        tell(c, (struct gate_notify_report){.verb = GATE_NOTIFY_GONE, .value = MAX(error, -4095)});
        _exit(0);
}

static void tell_notice(const struct notice *n, uint32_t verb, int32_t value)
{
        tell(n->bus->child, (struct gate_notify_report){
                                    .verb = verb,
                                    .slot = (uint32_t) (n - n->bus->notices),
                                    .serial = n->serial,
                                    .value = value,
                            });
}

static bool from(sd_bus_message *m, const char *name)
{
        const char *sender = sd_bus_message_get_sender(m);

        return name[0] && sender && strcmp(sender, name) == 0;
}

static uint64_t answer_usec(const struct bus *b)
{
        return (uint64_t) (b->child->answer / NSEC_PER_USEC);
}

/* --- who shows notifications --- */

static void answered(struct bus *b)
{
        struct gate_notify_report r = {
                .verb = GATE_NOTIFY_READY, .bus_pid = b->bus_pid, .language = b->child->language};
        bool any = false;

        if (--b->awaited > 0)
                return;
        for (size_t i = 0; i < GATE_NOTIFY_SERVICES; i++) {
                r.pid[i] = b->services[i].pid;
                any = any || r.pid[i];
        }
        if (!any) {
                b->error = -ENXIO;
                return;
        }
        b->ready = true;
        tell(b->child, r);
}

static int on_pid(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        struct service *s = userdata;
        uint32_t pid = 0;

        if (from(m, DRIVER) && !sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "u", &pid) >= 0 &&
            pid <= GATE_NOTIFY_PID_MAX)
                s->pid = pid;
        if (s->pid == 0)
                s->owner[0] = '\0';
        answered(s->bus);
        return 0;
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        struct service *s = userdata;
        const char *owner;

        if (!from(m, DRIVER) || sd_bus_message_is_method_error(m, NULL) || sd_bus_message_read(m, "s", &owner) < 0 ||
            strlen(owner) >= sizeof(s->owner)) {
                answered(s->bus);
                return 0;
        }
        strcpy(s->owner, owner);
        return sd_bus_call_method_async(s->bus->sd, NULL, DRIVER, DRIVER_PATH, DRIVER, "GetConnectionUnixProcessID",
                                        on_pid, s, "s", s->owner);
}

static int ask_owner(struct service *s)
{
        return sd_bus_call_method_async(s->bus->sd, NULL, DRIVER, DRIVER_PATH, DRIVER, "GetNameOwner", on_owner, s, "s",
                                        service_names[s - s->bus->services]);
}

/* Started, running already, or not to be had: the owner says which. */
static int on_started(sd_bus_message *m _unused_, void *userdata, sd_bus_error *error _unused_)
{
        return ask_owner(userdata);
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        struct bus *b = userdata;
        const char *name, *old, *now;

        if (!from(m, DRIVER) || sd_bus_message_read(m, "sss", &name, &old, &now) < 0)
                return 0;
        for (size_t i = 0; i < GATE_NOTIFY_SERVICES; i++) {
                const struct service *s = &b->services[i];

                /* What it showed went with it, or is out of reach. */
                if (s->owner[0] && strcmp(name, service_names[i]) == 0 && strcmp(now, s->owner) != 0)
                        b->error = -ECONNRESET;
        }
        return 0;
}

/* --- notifications --- */

/* The notice that a signal of a service is about, which is its first argument; NULL: none of ours. */
static struct notice *find_notice(struct bus *b, sd_bus_message *m)
{
        uint32_t id;

        if (sd_bus_message_read(m, "u", &id) < 0 || id == 0)
                return NULL;
        for (size_t i = 0; i < GATE_NOTIFY_SLOTS; i++) {
                struct notice *n = &b->notices[i];

                if (n->serial && n->id == id && from(m, b->services[n->service].owner))
                        return n;
        }
        return NULL;
}

static int on_invoked(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        struct bus *b = userdata;
        struct notice *n = find_notice(b, m);
        struct gate_notify_report r = {.verb = GATE_NOTIFY_INVOKED};
        const char *key;

        if (!n || sd_bus_message_read(m, "s", &key) < 0)
                return 0;
        for (r.action = 0; r.action < GATE_NOTIFY_ACTIONS; r.action++)
                if (strcmp(key, action_keys[r.action]) == 0)
                        break;
        if (r.action == INVALID_ACTION)
                return 0;
        r.slot = (uint32_t) (n - b->notices);
        r.serial = n->serial;
        r.bus_pid = b->bus_pid;
        r.pid[n->service] = b->services[n->service].pid;
        tell(b->child, r);
        return 0;
}

static int on_closed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        struct notice *n = find_notice(userdata, m);

        if (!n)
                return 0;
        n->id = 0;
        if (n->pending)
                return 0; /* the call under way brings it back */
        tell_notice(n, GATE_NOTIFY_CLOSED, 0);
        n->serial = 0;
        return 0;
}

static int on_notified(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_)
{
        struct notice *n = userdata;
        struct bus *b = n->bus;
        uint32_t id = 0;
        int r = -EBADMSG;

        n->pending = false;
        if (sd_bus_message_is_method_error(m, NULL)) {
                r = -sd_bus_message_get_errno(m);
                if (r == -ETIMEDOUT) {
                        b->error = r; /* it hangs: so would the next call */
                        return 0;
                }
        } else if (from(m, b->services[n->service].owner) && sd_bus_message_read(m, "u", &id) >= 0 && id)
                r = 0;
        if (r < 0) {
                tell_notice(n, GATE_NOTIFY_FAILED, r);
                n->serial = n->id = 0;
                return 0;
        }
        n->id = id;
        tell_notice(n, GATE_NOTIFY_SHOWN, id != n->replaces);
        return 0;
}

static int add_actions(sd_bus_message *m, const struct gate_notify_text *t)
{
        int r = sd_bus_message_open_container(m, 'a', "s");

        for (size_t i = 0; r >= 0 && i < GATE_NOTIFY_ACTIONS; i++)
                if (t->button[i][0])
                        r = sd_bus_message_append(m, "ss", action_keys[i], t->button[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int notify(struct bus *b, struct notice *n, const struct gate_notify_text *t)
{
        _cleanup_(sd_bus_message_unrefp)
        sd_bus_message *m = NULL;
        const char *self;
        int r = sd_bus_get_unique_name(b->sd, &self);

        if (r >= 0)
                r = sd_bus_message_new_method_call(b->sd, &m, b->services[n->service].owner, NOTIFY_PATH, INTERFACE,
                                                   "Notify");
        if (r >= 0)
                r = sd_bus_message_append(m, "susss", APP_NAME, n->id, APP_ICON, t->title, t->body);
        if (r >= 0)
                r = add_actions(m, t);
        /* The last two are what GNOME's helper adds when it passes a call on to the shell. */
        if (r >= 0)
                r = sd_bus_message_append(m, "a{sv}i", 3, "urgency", "y", URGENCY, "x-shell-sender", "s", self,
                                          "x-shell-sender-pid", "u", (uint32_t) getpid(), 0);
        if (r >= 0)
                r = sd_bus_call_async(b->sd, NULL, m, on_notified, n, answer_usec(b));
        return MIN(r, 0);
}

static void show(struct bus *b, struct notice *n, const struct gate_notify_order *o)
{
        int r;

        if (n->pending || o->service >= GATE_NOTIFY_SERVICES || !b->services[o->service].owner[0])
                return;
        if (n->serial != o->serial)
                *n = (struct notice){.bus = b, .serial = o->serial, .service = o->service};
        n->replaces = n->id;
        n->pending = true;
        r = notify(b, n, &o->text);
        if (r < 0) {
                n->pending = false;
                tell_notice(n, GATE_NOTIFY_FAILED, MAX(r, -4095));
        }
}

static void take_away(struct bus *b, struct notice *n, const struct gate_notify_order *o)
{
        if (n->serial != o->serial || n->pending)
                return;
        if (n->id)
                (void) sd_bus_call_method_async(b->sd, NULL, b->services[n->service].owner, NOTIFY_PATH, INTERFACE,
                                                "CloseNotification", NULL, NULL, "u", n->id);
        n->serial = n->id = 0;
}

/* --- the loop --- */

static void read_orders(struct bus *b)
{
        static struct gate_notify_order o;

        for (unsigned i = 0; i < GATE_NOTIFY_SLOTS; i++) {
                ssize_t n = recv(b->child->fd, &o, sizeof(o), MSG_DONTWAIT);

                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                if (n <= 0)
                        _exit(0); /* the keeper let go of us */
                if (n != (ssize_t) sizeof(o) || o.magic != GATE_NOTIFY_MAGIC || o.slot >= GATE_NOTIFY_SLOTS ||
                    !b->ready)
                        continue;
                if (o.verb == GATE_NOTIFY_SHOW)
                        show(b, &b->notices[o.slot], &o);
                else if (o.verb == GATE_NOTIFY_CLOSE)
                        take_away(b, &b->notices[o.slot], &o);
        }
}

static int begin(struct bus *b)
{
        static const struct {
                const char *match;
                sd_bus_message_handler_t handler;
        } matches[] = {
                {"type='signal',interface='" INTERFACE "',path='" NOTIFY_PATH "',member='ActionInvoked'", on_invoked},
                {"type='signal',interface='" INTERFACE "',path='" NOTIFY_PATH "',member='NotificationClosed'",
                 on_closed},
                {"type='signal',sender='" DRIVER "',member='NameOwnerChanged',arg0='org.gnome.Shell'",
                 on_owner_changed},
                {"type='signal',sender='" DRIVER "',member='NameOwnerChanged',arg0='org.freedesktop.Notifications'",
                 on_owner_changed},
        };
        int r = 0;

        b->begun = true;
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(matches); i++)
                r = sd_bus_add_match_async(b->sd, NULL, matches[i].match, matches[i].handler, NULL, b);
        for (size_t i = 0; i < GATE_NOTIFY_SERVICES; i++)
                b->services[i].bus = b;
        for (size_t i = 0; i < GATE_NOTIFY_SLOTS; i++)
                b->notices[i].bus = b;
        b->awaited = GATE_NOTIFY_SERVICES;
        if (r >= 0)
                r = ask_owner(&b->services[GATE_NOTIFY_GNOME]);
        if (r >= 0)
                r = sd_bus_call_method_async(b->sd, NULL, DRIVER, DRIVER_PATH, DRIVER, "StartServiceByName", on_started,
                                             &b->services[GATE_NOTIFY_USUAL], "su", service_names[GATE_NOTIFY_USUAL],
                                             0);
        return r;
}

static int process(struct bus *b)
{
        for (unsigned i = 0; i < MESSAGES_MAX && b->error == 0; i++) {
                int fd = sd_bus_get_fd(b->sd), r;

                if (fd < 0)
                        return -ECONNRESET;
                r = gate_notify_link_writer(fd, &b->bus_pid);
                if (r < 0)
                        return r;
                r = sd_bus_process(b->sd, NULL);
                if (r < 0)
                        return r;
                if (!sd_bus_is_open(b->sd))
                        return -ECONNRESET;
                if (!b->begun && sd_bus_is_ready(b->sd) > 0) {
                        r = begin(b);
                        if (r < 0)
                                return r;
                }
                if (r == 0)
                        break;
        }
        return b->error;
}

static nsec_t monotonic(void)
{
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

static int wait_for(struct bus *b, nsec_t deadline)
{
        struct pollfd fds[] = {{.fd = b->child->fd, .events = POLLIN}, {.fd = sd_bus_get_fd(b->sd)}};
        uint64_t usec = UINT64_MAX;
        nsec_t left = INT64_MAX;
        int r = sd_bus_get_events(b->sd);

        if (r < 0)
                return r;
        fds[1].events = (short) r;
        r = sd_bus_get_timeout(b->sd, &usec);
        if (r < 0)
                return r;
        if (usec != UINT64_MAX)
                left = (nsec_t) usec * NSEC_PER_USEC - monotonic();
        if (!b->ready)
                left = MIN(left, deadline - monotonic());
        left = MAX(left, 0);
        r = ppoll(fds, 2, left == INT64_MAX ? NULL : &(struct timespec){left / NSEC_PER_SEC, left % NSEC_PER_SEC},
                  NULL);
        if (r < 0 && errno != EINTR)
                return -errno;
        if (r > 0 && fds[0].revents)
                read_orders(b);
        return !b->ready && monotonic() >= deadline ? -ETIMEDOUT : 0;
}

static int loop(struct bus *b, int fd)
{
        nsec_t deadline = monotonic() + b->child->answer;
        int r = sd_bus_new(&b->sd);

        if (r >= 0)
                r = sd_bus_set_fd(b->sd, fd, fd);
        if (r >= 0)
                r = sd_bus_set_bus_client(b->sd, 1);
        if (r >= 0)
                r = sd_bus_negotiate_fds(b->sd, 0);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(b->sd, answer_usec(b));
        if (r >= 0)
                r = sd_bus_start(b->sd);
        while (r >= 0) {
                r = process(b);
                if (r >= 0)
                        r = wait_for(b, deadline);
        }
        return r;
}

_Noreturn void gate_notify_child_run(struct gate_notify_child *child)
{
        static struct bus bus;
        int fd, r = gate_notify_confine_inherit(&child->fd);

        bus.child = child;
        bus.bus_pid = GATE_NOTIFY_LINK_UNKNOWN;
        if (r < 0)
                gone(child, r);
        /* While it may still be read. */
        child->language = gate_notify_text_language(child->proc, child->leader);
        r = gate_notify_confine_user(child->uid, child->parent);
        if (r < 0)
                gone(child, r);
        fd = gate_notify_link_connect(child->bus);
        if (fd < 0)
                gone(child, fd);
        r = gate_notify_confine_calls();
        if (r < 0)
                gone(child, r);
        gone(child, loop(&bus, fd));
}
