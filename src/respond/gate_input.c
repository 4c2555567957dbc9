/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts presses per seat. Runs in the keeper. */
#include "respond/gate_input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>

#include "respond/gate_input_internal.h"

#define READ_EVENTS 64          /* a device's buffer in the kernel holds that many (EVDEV_MIN_BUFFER_SIZE) */
#define HOLD_USEC   (50 * 1000) /* the first press of a burst is told at once, the rest so late at most */
#define SECONDS_MAX (INT64_MAX / NSEC_PER_SEC / 2)
#define ACTIVE_VT   "/sys/class/tty/tty0/active"

struct seat {
        struct gate_input *owner; /* NULL: free */
        char name[GATE_PERSON_SEAT];
        sd_event_source *hold;
        bool holding;
        unsigned presses; /* not told yet */
        nsec_t time;      /* of the last */
};

struct device {
        struct gate_input *owner; /* NULL: free */
        struct seat *seat;
        sd_event_source *source; /* owns the descriptor */
        char name[32];
        clockid_t clock;
        nsec_t offset; /* boot time minus its clock, at the last read */
        struct gate_input_report report;
};

struct gate_input {
        struct gate_input_params params;
        struct gate_input_watch *watch;
        int vt_fd;
        struct seat seats[GATE_INPUT_SEATS];
        struct device devices[GATE_INPUT_DEVICES];
        struct gate_input_stats stats;
};

/* Never negative, whatever is in it. */
static nsec_t time_of(const struct input_event *e)
{
        uint64_t seconds = (uint64_t) e->input_event_sec, us = (uint64_t) e->input_event_usec;

        return seconds > SECONDS_MAX ? 0 : (nsec_t) (seconds * NSEC_PER_SEC + us % 1000000 * NSEC_PER_USEC);
}

int gate_input_count(struct gate_input_report *report, const void *bytes, size_t size, struct gate_input_count *ret)
{
        struct gate_input_count count = {0};
        struct input_event e;

        if (size % sizeof(e))
                return -EBADMSG;
        for (size_t at = 0; at < size; at += sizeof(e)) {
                memcpy(&e, (const char *) bytes + at, sizeof(e));
                if (e.type == EV_KEY && e.value == 1)
                        report->pressed = true;
                if (e.type != EV_SYN)
                        continue;
                /* After an overrun the rest of its report is a picture of the state, not of what was done. */
                if (e.code == SYN_DROPPED) {
                        count.lost++;
                        report->lost = true;
                } else if (e.code == SYN_REPORT) {
                        if (report->pressed && !report->lost) {
                                count.presses++;
                                count.time = time_of(&e);
                        }
                        *report = (struct gate_input_report){0};
                }
        }
        explicit_bzero(&e, sizeof(e));
        *ret = count;
        return 0;
}

unsigned gate_input_parse_vt(const char *text, size_t len)
{
        unsigned vt = 0;

        if (len < 4 || memcmp(text, "tty", 3) != 0)
                return 0;
        for (size_t i = 3; i < len && text[i] != '\n'; i++) {
                if (text[i] < '0' || text[i] > '9' || vt > 99)
                        return 0;
                vt = 10 * vt + (unsigned) (text[i] - '0');
        }
        return vt;
}

static unsigned active_vt(const struct gate_input *g, const struct seat *s)
{
        char text[16];
        ssize_t n;

        if (g->vt_fd < 0 || strcmp(s->name, "seat0") != 0)
                return 0;
        n = pread(g->vt_fd, text, sizeof(text), 0);
        return n > 0 ? gate_input_parse_vt(text, (size_t) n) : 0;
}

static void seat_tell(struct seat *s)
{
        struct gate_input *g = s->owner;
        struct gate_person_gesture gesture = {
                .seat = s->name,
                .time = s->time,
                .presses = s->presses,
                .vt = active_vt(g, s),
        };

        s->presses = 0;
        s->holding = sd_event_source_set_time_relative(s->hold, HOLD_USEC) >= 0 &&
                     sd_event_source_set_enabled(s->hold, SD_EVENT_ONESHOT) >= 0;
        if (g->params.gesture)
                g->params.gesture(g->params.ud, &gesture);
}

static int on_hold(sd_event_source *source _unused_, uint64_t usec _unused_, void *ud)
{
        struct seat *s = ud;

        s->holding = false;
        if (s->presses)
                seat_tell(s);
        return 0;
}

static int seat_get(struct gate_input *g, const char *name, struct seat **ret)
{
        struct seat *s = NULL;
        int r;

        for (size_t i = 0; i < GATE_INPUT_SEATS; i++)
                if (g->seats[i].owner && strcmp(g->seats[i].name, name) == 0) {
                        *ret = &g->seats[i];
                        return 0;
                }
        for (size_t i = 0; !s && i < GATE_INPUT_SEATS; i++)
                if (!g->seats[i].owner)
                        s = &g->seats[i];
        if (!s)
                return -ENOSPC;
        r = sd_event_add_time_relative(g->params.event, &s->hold, CLOCK_MONOTONIC, HOLD_USEC, 1, on_hold, s);
        if (r < 0)
                return r;
        (void) sd_event_source_set_enabled(s->hold, SD_EVENT_OFF);
        (void) sd_event_source_set_priority(s->hold, SD_EVENT_PRIORITY_IMPORTANT);
        strcpy(s->name, name);
        s->owner = g;
        *ret = s;
        return 0;
}

static void device_remove(struct device *d)
{
        sd_event_source_disable_unref(d->source);
        *d = (struct device){0};
}

static nsec_t offset_of(clockid_t clock)
{
        struct timespec ts;

        if (clock == CLOCK_BOOTTIME || clock_gettime(clock, &ts) < 0)
                return 0;
        return clock_boottime() - ((nsec_t) ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec);
}

/* The offset of the last read: should the machine have slept since, an event of before must not seem to be of now. */
static nsec_t boottime_of(struct device *d, nsec_t t)
{
        nsec_t now = clock_boottime();

        t += d->offset;
        d->offset = offset_of(d->clock);
        return t < 0 ? 0 : MIN(t, now);
}

static int on_event(sd_event_source *source _unused_, int fd, uint32_t revents _unused_, void *ud)
{
        struct device *d = ud;
        struct gate_input_count count;
        char bytes[READ_EVENTS * sizeof(struct input_event)];
        ssize_t n = read(fd, bytes, sizeof(bytes));
        int r;

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        r = n <= 0 ? -ENODEV : gate_input_count(&d->report, bytes, (size_t) n, &count);
        explicit_bzero(bytes, sizeof(bytes));
        if (r < 0) {
                device_remove(d);
                return 0;
        }
        d->owner->stats.lost += count.lost;
        if (count.presses) {
                d->seat->presses += MIN(count.presses, UINT_MAX - d->seat->presses);
                d->seat->time = MAX(d->seat->time, boottime_of(d, count.time));
                if (!d->seat->holding)
                        seat_tell(d->seat);
        }
        return 0;
}

void gate_input_remove(struct gate_input *g, const char *name)
{
        for (size_t i = 0; i < GATE_INPUT_DEVICES; i++)
                if (g->devices[i].owner && strcmp(g->devices[i].name, name) == 0)
                        device_remove(&g->devices[i]);
}

/* As logind has them: letters, digits, - and _. */
static bool is_seat_name(const char *name)
{
        return name[0] && strlen(name) < GATE_PERSON_SEAT &&
               name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] == 0;
}

int gate_input_add_fd(struct gate_input *g, const struct gate_input_fd *device)
{
        struct device *d = NULL;
        struct seat *s;
        int r;

        if (!is_seat_name(device->seat) || strlen(device->name) >= sizeof(d->name))
                return -EINVAL;
        if (device->clock != CLOCK_BOOTTIME && device->clock != CLOCK_MONOTONIC)
                return -EINVAL;
        gate_input_remove(g, device->name);
        for (size_t i = 0; !d && i < GATE_INPUT_DEVICES; i++)
                if (!g->devices[i].owner)
                        d = &g->devices[i];
        r = d ? seat_get(g, device->seat, &s) : -ENOSPC;
        if (r < 0) {
                g->stats.dropped += r == -ENOSPC;
                return r;
        }
        r = sd_event_add_io(g->params.event, &d->source, device->fd, EPOLLIN, on_event, d);
        if (r < 0)
                return r;
        /* A press must be counted before what it sets off reaches the gate. */
        (void) sd_event_source_set_priority(d->source, SD_EVENT_PRIORITY_IMPORTANT);
        r = sd_event_source_set_io_fd_own(d->source, true);
        if (r < 0) {
                d->source = sd_event_source_disable_unref(d->source);
                return r;
        }
        d->owner = g;
        d->seat = s;
        d->clock = device->clock;
        d->offset = offset_of(device->clock);
        strcpy(d->name, device->name);
        return 0;
}

void gate_input_get_stats(const struct gate_input *g, struct gate_input_stats *ret)
{
        *ret = g->stats;
        ret->devices = 0;
        for (size_t i = 0; i < GATE_INPUT_DEVICES; i++)
                ret->devices += g->devices[i].owner != NULL;
}

int gate_input_start(struct gate_input *g)
{
        struct gate_input_stats stats;
        int r = g->watch ? 0 : gate_input_watch_new(g, g->params.event, &g->watch);

        if (r < 0)
                return r;
        gate_input_get_stats(g, &stats);
        return stats.devices ? 0 : -ENOENT;
}

void gate_input_free(struct gate_input *g)
{
        if (!g)
                return;
        gate_input_watch_free(g->watch);
        for (size_t i = 0; i < GATE_INPUT_DEVICES; i++)
                device_remove(&g->devices[i]);
        for (size_t i = 0; i < GATE_INPUT_SEATS; i++)
                sd_event_source_disable_unref(g->seats[i].hold);
        closep(&g->vt_fd);
        sd_event_unref(g->params.event);
        free(g);
}

int gate_input_new(const struct gate_input_params *params, struct gate_input **ret)
{
        struct gate_input *g = calloc(1, sizeof(*g));

        if (!g)
                return -ENOMEM;
        g->params = *params;
        sd_event_ref(g->params.event);
        /* Without consoles there is none: no error. */
        g->vt_fd = open(ACTIVE_VT, O_RDONLY | O_CLOEXEC);
        *ret = g;
        return 0;
}
