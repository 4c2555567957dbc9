/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeps the programs current: inotify(7) on the folders in which a change matters, and the table of mounts. A package
 * upgrade touches many files, so a scan waits until it is quiet, but not for ever. Runs in the keeper's loop.
 *
 * Only the system's folders are watched, so only root causes scans; mounts, which a person may cause too (FUSE), are
 * looked at less often. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "respond/gate_programs_internal.h"

#define USEC_PER_MSEC 1000ull
#define QUIET         (200 * USEC_PER_MSEC) /* after the last change */
#define QUIET_MOUNTS  (2000 * USEC_PER_MSEC)
#define LATEST        (2000 * USEC_PER_MSEC)  /* after the first change */
#define AGAIN         (10000 * USEC_PER_MSEC) /* after a scan that failed */
#define ACCURACY      (20 * USEC_PER_MSEC)
#define CHANGES                                                                                                        \
        (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF |           \
         IN_MOVE_SELF | IN_ONLYDIR)

struct gate_programs_watch {
        struct gate_programs *p;
        gate_programs_cb cb;
        void *userdata;
        int inotify, mounts;
        sd_event_source *on_change, *on_mount, *timer;
        uint64_t first; /* change that no scan has seen; 0: none */
        int watches[GATE_PROGRAMS_FOLDERS_MAX];
        unsigned n_watches;
};

void gate_programs_watch_free(struct gate_programs_watch *w)
{
        if (!w)
                return;
        sd_event_source_disable_unref(w->on_change);
        sd_event_source_disable_unref(w->on_mount);
        sd_event_source_disable_unref(w->timer);
        closep(&w->inotify);
        closep(&w->mounts);
        free(w);
}

static void schedule(struct gate_programs_watch *w, uint64_t delay)
{
        uint64_t now;

        if (sd_event_now(sd_event_source_get_event(w->timer), CLOCK_MONOTONIC, &now) < 0)
                return;
        if (!w->first)
                w->first = now;
        (void) sd_event_source_set_time(w->timer, MIN(now + delay, w->first + MAX(delay, LATEST)));
        (void) sd_event_source_set_enabled(w->timer, SD_EVENT_ONESHOT);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct gate_programs_watch *w = userdata;

        (void) source;
        (void) usec;
        w->first = 0;
        if (gate_programs_scan(w->p, w->cb, w->userdata) < 0)
                schedule(w, AGAIN);
        return 0;
}

static int on_change(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        union {
                struct inotify_event first;
                char bytes[16384];
        } b;
        struct gate_programs_watch *w = userdata;
        ssize_t n = read(fd, &b, sizeof(b)), at = 0;

        (void) source;
        (void) events;
        while (n - at >= (ssize_t) sizeof(b.first)) {
                struct inotify_event e;

                memcpy(&e, b.bytes + at, sizeof(e));
                at += (ssize_t) (sizeof(e) + e.len);
                /* Told for each watch of ours that ends, too. */
                if (!(e.mask & IN_IGNORED))
                        schedule(w, QUIET);
        }
        return 0;
}

static int on_mount(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        struct gate_programs_watch *w = userdata;

        (void) source;
        (void) fd;
        (void) events;
        if (!w->first) /* a scan that is on its way already sees it */
                schedule(w, QUIET_MOUNTS);
        return 0;
}

static bool has_watch(const int *watches, unsigned n, int wd)
{
        for (unsigned i = 0; i < n; i++)
                if (watches[i] == wd)
                        return true;
        return false;
}

void gate_programs_watch_update(struct gate_programs *p)
{
        struct gate_programs_watch *w = p->watch;
        int now[GATE_PROGRAMS_FOLDERS_MAX];
        unsigned n = 0;
        bool more = false;

        if (!w)
                return;
        for (size_t i = 0; i < p->set->n_folders; i++) {
                char path[PATH_MAX + 64];
                int wd;

                snprintf(path, sizeof(path), "/proc/self/fd/%d%s", gate_files_root(p->files), p->set->folders[i]);
                wd = inotify_add_watch(w->inotify, path, CHANGES);
                if (wd < 0 || has_watch(now, n, wd))
                        continue;
                more |= !has_watch(w->watches, w->n_watches, wd);
                now[n++] = wd;
        }
        for (unsigned i = 0; i < w->n_watches; i++)
                if (!has_watch(now, n, w->watches[i]))
                        (void) inotify_rm_watch(w->inotify, w->watches[i]);
        memcpy(w->watches, now, n * sizeof(*now));
        w->n_watches = n;
        /* What changed between the scan and the watch was seen by neither. */
        if (more)
                schedule(w, QUIET);
}

int gate_programs_watch(struct gate_programs *p, sd_event *event, gate_programs_cb cb, void *userdata)
{
        struct gate_programs_watch *w;
        int r;

        if (p->watch)
                return -EBUSY;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        *w = (struct gate_programs_watch){.p = p, .cb = cb, .userdata = userdata};
        w->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        r = w->inotify < 0 ? -errno : 0;
        w->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
        if (r == 0)
                r = w->mounts < 0 ? -errno : 0;
        if (r == 0)
                r = sd_event_add_time(event, &w->timer, CLOCK_MONOTONIC, 0, ACCURACY, on_time, w);
        if (r >= 0)
                r = sd_event_source_set_enabled(w->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_io(event, &w->on_change, w->inotify, EPOLLIN, on_change, w);
        if (r >= 0)
                r = sd_event_add_io(event, &w->on_mount, w->mounts, EPOLLPRI, on_mount, w);
        if (r < 0) {
                gate_programs_watch_free(w);
                return r;
        }
        p->watch = w;
        gate_programs_watch_update(p);
        return 0;
}
