/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever a child on a person's bus says, in any order, between alarms: it is refused or taken within its bounds, and
 * no answer counts that was not given to a notification on the screen. A byte says what comes next, with its argument.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "respond/gate_notify.h"
#include "respond/gate_notify_child.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SERVICE 600
#define BUS     601
#define STEPS   256

struct world {
        struct gate_notify *n;
        int child;
        unsigned answers;
        bool forget;
};

static void require(bool holds)
{
        if (!holds)
                abort();
}

static bool is_trusted(void *userdata _unused_, pid_t pid)
{
        return pid == SERVICE;
}

static bool is_trusted_bus(void *userdata _unused_, pid_t pid)
{
        return pid == BUS;
}

static nsec_t last_gesture(void *userdata _unused_, uid_t uid _unused_)
{
        return clock_boottime();
}

static void on_answer(void *userdata, const struct gate_notify_answer *answer)
{
        struct world *w = userdata;

        require(answer->uid < 2 && answer->action < GATE_NOTIFY_ACTIONS && answer->subject.start == 7);
        w->answers++;
        if (w->forget)
                gate_notify_forget(w->n, answer->uid);
}

static void on_failed(void *userdata, uid_t uid, int error)
{
        struct world *w = userdata;

        require(error < 0);
        if (w->forget)
                gate_notify_forget(w->n, uid);
}

static int start(void *userdata, const struct gate_notify_child *child, pid_t *ret_pid)
{
        struct world *w = userdata;

        closep(&w->child);
        w->child = fcntl(child->fd, F_DUPFD_CLOEXEC, 3);
        *ret_pid = 0;
        return w->child < 0 ? -errno : 0;
}

static void settle(sd_event *event)
{
        unsigned i = 0;

        while (sd_event_run(event, 0) > 0)
                require(++i < 1000);
}

static void show(struct world *w, uint8_t what)
{
        const struct gate_notify_words words = {
                .title = "t", .lines = {"\xff<", "x"}, .times = "{n}", .buttons = {"b", what & 1 ? "a" : NULL}};
        const struct gate_notify_alarm alarm = {
                .uid = what >> 7, .subject = {.pid = what, .start = 7}, .words = {words, words}};

        (void) gate_notify_show(w->n, &alarm);
}

/* A report that is right but for what the input says. */
static void say(struct world *w, const uint8_t *data, size_t size)
{
        struct gate_notify_report r = {.magic = GATE_NOTIFY_MAGIC, .bus_pid = BUS, .pid = {0, SERVICE}};
        uint8_t b[6] = {0};

        memcpy(b, data, MIN(size, sizeof(b)));
        r.verb = b[0] % 8;
        if (r.verb != GATE_NOTIFY_READY && r.verb != GATE_NOTIFY_GONE) {
                r.slot = b[1] % 20;
                r.serial = b[2];
        }
        r.value = (int8_t) b[3];
        r.action = b[4] % 3;
        r.language = b[5] % 3;
        (void) send(w->child, &r, sizeof(r), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static size_t step(struct world *w, const uint8_t *data, size_t size)
{
        size_t n = size > 1 ? MIN((size_t) data[1] % 64, size - 2) : 0;
        const uint8_t *argument = size > 1 ? data + 2 : data;

        switch (data[0] % 5) {
        case 0:
                show(w, n ? argument[0] : 0);
                break;
        case 1:
                gate_notify_close(w->n, 0, &(struct gate_notify_subject){.start = 7, .pid = n ? argument[0] : 0});
                break;
        case 2:
                (void) send(w->child, argument, n, MSG_NOSIGNAL | MSG_DONTWAIT);
                break;
        case 3:
                gate_notify_forget(w->n, data[0] >> 7);
                break;
        default:
                say(w, argument, n);
        }
        return 2 + n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static sd_event *event;
        struct world w = {.child = -EBADF};
        struct gate_notify_params params = {
                .userdata = &w,
                .times = {.answer = 3600 * NSEC_PER_SEC, .fresh = NSEC_PER_SEC},
                .trusted = is_trusted,
                .trusted_bus = is_trusted_bus,
                .last_gesture = last_gesture,
                .answer = on_answer,
                .failed = on_failed,
                .start = start,
        };
        struct gate_notify_stats stats;

        require(event || sd_event_new(&event) >= 0);
        params.event = event;
        require(gate_notify_new(&params, &w.n) == 0);
        w.forget = size > 0 && data[0] & 1;
        for (size_t at = 1, i = 0; at < size && i < STEPS; i++) {
                at += step(&w, data + at, size - at);
                settle(event);
        }
        gate_notify_get_stats(w.n, &stats);
        require(stats.answers == w.answers && stats.answers <= stats.shown + stats.updated);
        gate_notify_free(w.n);
        closep(&w.child);
        return 0;
}
