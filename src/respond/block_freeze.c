/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Freezing and thawing a block's processes: see block_freeze.h. The group is frozen first and then filled, so that
 * nobody runs in it, and what a process forks while it is moved is born there. Used by the keeper and `sekimori block`.
 */
#include "respond/block_freeze.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

#include "respond/block_freeze_internal.h"
#include "source/host_proc_read.h"

#define ROUNDS_MAX 64

struct freeze {
        const struct block_freeze_params *params;
        const char *proc;
        struct block_state state;
        struct block_group group;
        bool grouped; /* there is a group */
        struct block_freeze_result result;
        unsigned fresh; /* in this round */
};

static void freeze_done(struct freeze *f)
{
        block_state_done(&f->state);
        block_group_done(&f->group);
}

/* 'R', 'S', 'T'...; 0: it has ended. */
static char state_of(const char *proc, uint32_t pid)
{
        _cleanup_fclose_ FILE *f = NULL;
        char path[PATH_MAX], text[512];
        const char *end;

        if ((size_t) snprintf(path, sizeof(path), "%s/%u/stat", proc, pid) >= sizeof(path))
                return 0;
        f = fopen(path, "re");
        if (!f || !fgets(text, sizeof(text), f))
                return 0;
        end = strrchr(text, ')'); /* a name may contain some */
        return end && end[1] == ' ' ? end[2] : 0;
}

/* The number may have become another's between looking and writing it into cgroup.procs: then that one goes where the
 * process that created it is. */
static void undo_mistake(struct freeze *f, uint32_t pid)
{
        _cleanup_close_ int dir = open(f->proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC), folder = -EBADF;
        struct proc_stat s;
        char name[16], path[PATH_MAX];

        snprintf(name, sizeof(name), "%u", pid);
        folder = host_proc_read_open(dir, name);
        if (folder < 0 || host_proc_read_stat(folder, &s) < 0 || block_group_of(&f->group, f->proc, s.ppid, path) < 0 ||
            strcmp(path, f->group.path) == 0)
                return;
        (void) block_group_move(&f->group, path, pid);
}

/* Into our group. 0; 1: it is there already; -ESRCH: it has ended. */
static int into_group(struct freeze *f, const struct block_tree_process *p, int pidfd)
{
        size_t above = strlen(f->group.above);
        char path[PATH_MAX];
        int r = block_group_of(&f->group, f->proc, p->pid, path);

        if (r < 0)
                return r;
        if (strcmp(path, f->group.path) == 0)
                return 1;
        if (strncmp(path, f->group.above, above) == 0 && path[above] == '/')
                return -EALREADY;
        r = block_state_add(&f->state, p->pid, p->start, BLOCK_HOW_GROUP, path);
        if (r == 0)
                r = block_group_move(&f->group, f->group.path, p->pid);
        if (r == 0 && poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, 0) != 0) {
                undo_mistake(f, p->pid);
                return -ESRCH;
        }
        return r;
}

/* 0; 1: it stands still already; negative errno. */
static int stop(struct freeze *f, const struct block_tree_process *p, int pidfd)
{
        bool stopped = state_of(f->proc, p->pid) == 'T';
        const struct block_entry *e = block_state_find(&f->state, p->pid, p->start);
        int r = 0;

        if (e && e->how != BLOCK_HOW_GROUP && stopped)
                return 1;
        if (!e || e->how == BLOCK_HOW_GROUP)
                r = block_state_add(&f->state, p->pid, p->start, stopped ? BLOCK_HOW_BEFORE : BLOCK_HOW_SIGNAL, NULL);
        if (r < 0)
                return r;
        return pidfd_send_signal(pidfd, SIGSTOP, NULL, 0) < 0 ? -errno : 0;
}

static void hold(struct freeze *f, const struct block_tree_process *p)
{
        _cleanup_close_ int pidfd = block_tree_open(f->proc, p->pid, p->start);
        int r = pidfd < 0 ? pidfd : f->grouped ? into_group(f, p, pidfd) : -ENOTSUP;

        if (r == -EALREADY) {
                f->result.elsewhere++;
                return;
        }
        if (r == -ESRCH)
                return;
        if (r >= 0)
                f->result.frozen++;
        else if (pidfd >= 0) {
                r = stop(f, p, pidfd);
                if (r == -ESRCH)
                        return;
                f->result.stopped += r >= 0;
        }
        f->result.failed += r < 0;
        f->fresh += r == 0;
}

/* Counts are of the last round, which has seen all. */
static int one_round(struct freeze *f)
{
        struct block_tree tree = {0};
        int r = block_tree_find(&f->params->tree, &tree);

        if (r < 0)
                return r;
        f->fresh = 0;
        f->result = (struct block_freeze_result){.rounds = f->result.rounds + 1, .spared = tree.spared};
        for (size_t i = 0; i < tree.n; i++)
                hold(f, &tree.items[i]);
        f->result.settled = f->fresh == 0 && !tree.full;
        block_tree_done(&tree);
        return 0;
}

/* Nothing tells when a signal has taken effect: looked at a millisecond apart. */
static bool all_stopped(const struct freeze *f, nsec_t patience)
{
        nsec_t end = clock_boottime() + patience;

        for (size_t i = 0; i < f->state.n;) {
                const struct block_entry *e = &f->state.entries[i];
                int pidfd = e->how == BLOCK_HOW_GROUP ? -ESRCH : block_tree_open(f->proc, e->pid, e->start);
                bool moving = pidfd >= 0 && state_of(f->proc, e->pid) != 'T';

                closep(&pidfd);
                if (moving && clock_boottime() >= end)
                        return false;
                if (moving)
                        (void) poll(NULL, 0, 1);
                else
                        i++;
        }
        return true;
}

int block_freeze(const struct block_freeze_params *params, struct block_freeze_result *ret)
{
        _cleanup_(freeze_done)
        struct freeze f = {.params = params, .group = {.root = -EBADF, .fd = -EBADF}};
        int r;

        f.state.fd = -EBADF;
        f.proc = params->tree.proc ? params->tree.proc : "/proc";
        r = block_state_open(params->state, params->id, true, &f.state);
        if (r < 0)
                return r;
        f.grouped = block_group_open(params, true, &f.group) == 0 && block_group_freeze(&f.group, true) == 0;
        do
                r = one_round(&f);
        while (r == 0 && !f.result.settled && f.result.rounds < ROUNDS_MAX);
        /* All ended while we were at it: nothing is left to undo, if there ever was. */
        if (r < 0) {
                if (f.state.n == 0) {
                        if (f.group.fd >= 0)
                                (void) block_group_remove(&f.group);
                        (void) block_state_remove(params->state, params->id);
                }
                return r;
        }
        f.result.verified = (f.result.frozen == 0 || block_group_is_frozen(&f.group, params->patience)) &&
                            all_stopped(&f, params->patience);
        *ret = f.result;
        return 0;
}

/* --- undoing --- */

struct thaw {
        const struct block_freeze_params *params;
        const char *proc;
        struct block_state state;
        struct block_group group;
        struct block_thaw_result result;
        unsigned moved;
};

static void thaw_done(struct thaw *t)
{
        block_state_done(&t->state);
        block_group_done(&t->group);
}

static bool read_stat(const struct thaw *t, uint32_t pid, struct proc_stat *ret)
{
        _cleanup_close_ int dir = open(t->proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC), folder = -EBADF;
        char name[16];

        snprintf(name, sizeof(name), "%u", pid);
        folder = host_proc_read_open(dir, name);
        return folder >= 0 && host_proc_read_stat(folder, ret) == 0;
}

/* Where a process in our group belongs: where it came from; born there, where its creator came from; else where the
 * subject did. */
static const char *home_of(const struct thaw *t, uint32_t pid)
{
        const struct block_entry *e = NULL;
        struct proc_stat s;

        for (unsigned depth = 0; depth < 64 && read_stat(t, pid, &s); depth++) {
                e = block_state_find(&t->state, pid, host_proc_read_ticks(s.start));
                if (e && e->path)
                        return t->state.text + e->path;
                pid = s.ppid;
        }
        for (size_t i = 0; i < t->state.n; i++)
                if (t->state.entries[i].path)
                        return t->state.text + t->state.entries[i].path;
        return "/";
}

static int move_home(void *userdata, uint32_t pid)
{
        struct thaw *t = userdata;
        char path[PATH_MAX];
        bool displaced = false;
        int r;

        snprintf(path, sizeof(path), "%s", home_of(t, pid));
        for (;;) {
                char *slash;

                r = block_group_move(&t->group, path, pid);
                if (r == 0 || r == -ESRCH || strcmp(path, "/") == 0)
                        break;
                /* The group is gone, or has become one that holds no processes: the one above it. */
                displaced = true;
                slash = strrchr(path, '/');
                slash[slash == path] = '\0';
        }
        if (r == 0) {
                t->moved++;
                t->result.restored++;
                t->result.displaced += displaced;
        }
        return 0;
}

/* The frozen do not fork, and one that was moved out is not met again: this ends. */
static int empty_group(struct thaw *t)
{
        int r;

        do {
                t->moved = 0;
                r = block_group_each(&t->group, move_home, t);
        } while (r == 0 && t->moved > 0);
        if (r == 0)
                r = block_group_freeze(&t->group, false);
        if (r < 0)
                return r;
        r = block_group_remove(&t->group);
        return r == -EBUSY ? -EAGAIN : r;
}

static int go_on(struct thaw *t, const struct block_entry *e)
{
        _cleanup_close_ int pidfd = block_tree_open(t->proc, e->pid, e->start);

        if (pidfd < 0) {
                t->result.gone++;
                return 0;
        }
        if (e->how != BLOCK_HOW_SIGNAL)
                return 0;
        if (pidfd_send_signal(pidfd, SIGCONT, NULL, 0) < 0)
                return errno == ESRCH ? 0 : -errno;
        t->result.restored++;
        return 0;
}

int block_thaw(const struct block_freeze_params *params, struct block_thaw_result *ret)
{
        _cleanup_(thaw_done)
        struct thaw t = {.params = params, .group = {.root = -EBADF, .fd = -EBADF}};
        int r, failed = 0;

        t.state.fd = -EBADF;
        t.proc = params->tree.proc ? params->tree.proc : "/proc";
        r = block_state_open(params->state, params->id, false, &t.state);
        if (r < 0)
                return r;
        if (block_group_open(params, false, &t.group) == 0)
                failed = empty_group(&t);
        for (size_t i = 0; i < t.state.n && !t.state.other_boot; i++) {
                r = go_on(&t, &t.state.entries[i]);
                failed = failed ? failed : r;
        }
        if (failed == 0)
                failed = block_state_remove(params->state, params->id);
        if (failed < 0)
                return failed;
        *ret = t.result;
        return 0;
}
