/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Speaks to an X server that may be hostile: asks where the keys go, whose window that is, and tells each change and a
 * sign of life. Runs in an unprivileged process of its own under seccomp; xcb trusts the server's lengths in places,
 * and what that can do ends here. A watchdog ends the process when the server does not answer. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <xcb/res.h>
#include <xcb/xcb.h>

#include "respond/gate_focus_internal.h"

#define WATCHDOG_SEC 10
#define EVENTS_MAX   1000 /* taken at once */
#define PAUSE_MSEC   10   /* between two looks at least: any client can make events */
#define DEPTH_MAX    16   /* of windows below the pointer */
#define SCREENS_MAX  4
/* Without a window manager the keys go to the window below the pointer, and nothing tells when that changes. */
#define POINTER_MSEC 250

struct view {
        const struct gate_focus_job *job;
        const struct gate_focus_server *server;
        xcb_connection_t *x;
        xcb_window_t watched; /* tells us when it loses the focus */
        bool by_pointer;
        bool told;
        uint32_t pid;
        nsec_t told_at;
};

static void replyp(void *p)
{
        free(*(void **) p);
}

uint32_t gate_focus_client_pid(const uint8_t *bytes, size_t size, uint32_t n_ids)
{
        size_t at = 0;

        /* Client, mask, bytes of values, values: four bytes each. */
        for (uint32_t i = 0; i < n_ids && size - at >= 12; i++) {
                uint32_t head[3], value;

                memcpy(head, bytes + at, sizeof(head));
                at += sizeof(head);
                if (head[2] > size - at || head[2] % 4)
                        return 0;
                if (head[1] == XCB_RES_CLIENT_ID_MASK_LOCAL_CLIENT_PID && head[2] == 4) {
                        memcpy(&value, bytes + at, sizeof(value));
                        return value <= GATE_FOCUS_PID_MAX ? value : 0;
                }
                at += head[2];
        }
        return 0;
}

/* The process that made a window; 0: none of this machine. */
static uint32_t pid_of(struct view *v, xcb_window_t window)
{
        xcb_res_client_id_spec_t spec = {window, XCB_RES_CLIENT_ID_MASK_LOCAL_CLIENT_PID};
        _cleanup_(replyp)
        xcb_res_query_client_ids_reply_t *reply =
                xcb_res_query_client_ids_reply(v->x, xcb_res_query_client_ids(v->x, 1, &spec), NULL);

        if (!reply)
                return 0;
        return gate_focus_client_pid((const uint8_t *) (reply + 1), (size_t) reply->length * 4, reply->num_ids);
}

static xcb_window_t below_pointer(struct view *v)
{
        const xcb_screen_t *screen = xcb_setup_roots_iterator(xcb_get_setup(v->x)).data;
        xcb_window_t window = screen ? screen->root : XCB_NONE;

        for (unsigned i = 0; i < DEPTH_MAX && window; i++) {
                _cleanup_(replyp)
                xcb_query_pointer_reply_t *reply = xcb_query_pointer_reply(v->x, xcb_query_pointer(v->x, window), NULL);

                if (!reply || !reply->same_screen || !reply->child)
                        break;
                window = reply->child;
        }
        return window;
}

static void select_events(struct view *v, xcb_window_t window, uint32_t events)
{
        xcb_change_window_attributes(v->x, window, XCB_CW_EVENT_MASK, &events);
}

/* Root windows go on telling of their properties, also when they have the focus themselves. */
static bool is_root(struct view *v, xcb_window_t window)
{
        xcb_screen_iterator_t s = xcb_setup_roots_iterator(xcb_get_setup(v->x));

        for (unsigned i = 0; i < SCREENS_MAX && s.rem; i++, xcb_screen_next(&s))
                if (s.data->root == window)
                        return true;
        return false;
}

static void watch(struct view *v, xcb_window_t window)
{
        if (window == v->watched)
                return;
        if (v->watched)
                select_events(v, v->watched, 0);
        v->watched = window <= XCB_INPUT_FOCUS_POINTER_ROOT || is_root(v, window) ? XCB_NONE : window;
        if (v->watched)
                select_events(v, v->watched, XCB_EVENT_MASK_FOCUS_CHANGE | XCB_EVENT_MASK_STRUCTURE_NOTIFY);
}

/* Asks twice: a change between the question and the selection of events would not be told. */
static int look(struct view *v, uint32_t *ret_pid)
{
        xcb_window_t window = XCB_NONE;

        for (unsigned i = 0; i < 2; i++) {
                _cleanup_(replyp)
                xcb_get_input_focus_reply_t *reply = xcb_get_input_focus_reply(v->x, xcb_get_input_focus(v->x), NULL);

                if (!reply)
                        return -ECONNRESET;
                if (i && reply->focus == window)
                        break;
                window = reply->focus;
                watch(v, window);
        }
        v->by_pointer = window == XCB_INPUT_FOCUS_POINTER_ROOT;
        if (v->by_pointer)
                window = below_pointer(v);
        *ret_pid = window && !is_root(v, window) ? pid_of(v, window) : 0;
        return xcb_connection_has_error(v->x) ? -ECONNRESET : 0;
}

static int tell(struct view *v, uint32_t pid)
{
        nsec_t now = clock_boottime();
        struct gate_focus_message m = {
                .magic = GATE_FOCUS_MAGIC,
                .flags = GATE_FOCUS_MESSAGE_KNOWN,
                .pid = pid,
                .server_uid = v->server->uid,
                .time = (uint64_t) now,
        };

        if (v->told && pid == v->pid && now - v->told_at < GATE_FOCUS_BEAT_MSEC / 2 * NSEC_PER_MSEC)
                return 0;
        if (send(v->job->report, &m, sizeof(m), MSG_NOSIGNAL) != (ssize_t) sizeof(m))
                return -errno;
        v->told = true;
        v->pid = pid;
        v->told_at = now;
        return 0;
}

/* Until something may have changed. */
static int wait_for_change(struct view *v)
{
        struct pollfd fds[] = {
                {.fd = xcb_get_file_descriptor(v->x), .events = POLLIN}, {.fd = v->job->report}, /* the keeper's end */
        };
        xcb_generic_event_t *e = xcb_poll_for_event(v->x);

        if (!e && poll(fds, ELEMENTSOF(fds), v->by_pointer ? POINTER_MSEC : GATE_FOCUS_BEAT_MSEC) < 0 && errno != EINTR)
                return -errno;
        if (fds[1].revents)
                return -EPIPE;
        (void) poll(NULL, 0, PAUSE_MSEC);
        for (unsigned i = 0; i < EVENTS_MAX && (e || (e = xcb_poll_for_event(v->x))); i++) {
                free(e);
                e = NULL;
        }
        return xcb_connection_has_error(v->x) ? -ECONNRESET : 0;
}

static int begin(struct view *v)
{
        static char name[] = "MIT-MAGIC-COOKIE-1";
        xcb_auth_info_t auth = {
                .namelen = sizeof(name) - 1,
                .name = name,
                .datalen = GATE_FOCUS_COOKIE,
                .data = (char *) v->server->cookie,
        };
        _cleanup_(replyp)
        xcb_res_query_version_reply_t *version = NULL;
        const xcb_query_extension_reply_t *res;
        xcb_screen_iterator_t s;

        v->x = xcb_connect_to_fd(v->server->fd, v->server->has_cookie ? &auth : NULL);
        if (xcb_connection_has_error(v->x))
                return -EACCES;
        res = xcb_get_extension_data(v->x, &xcb_res_id);
        if (!res || !res->present)
                return -EOPNOTSUPP;
        version = xcb_res_query_version_reply(v->x, xcb_res_query_version(v->x, 1, 2), NULL);
        if (!version || version->server_major != 1 || version->server_minor < 2)
                return -EOPNOTSUPP;
        s = xcb_setup_roots_iterator(xcb_get_setup(v->x));
        for (unsigned i = 0; i < SCREENS_MAX && s.rem; i++, xcb_screen_next(&s))
                select_events(v, s.data->root, XCB_EVENT_MASK_PROPERTY_CHANGE);
        return 0;
}

int gate_focus_observe(const struct gate_focus_job *job, const struct gate_focus_server *server)
{
        struct view v = {.job = job, .server = server};
        uint32_t pid;
        int r = begin(&v);

        while (r >= 0) {
                (void) alarm(WATCHDOG_SEC);
                r = look(&v, &pid);
                if (r >= 0)
                        r = tell(&v, pid);
                if (r >= 0)
                        r = wait_for_change(&v);
        }
        xcb_disconnect(v.x);
        return r;
}
