/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keeper's programs and declared senders: what lies on disk becomes what the kernel half decides by, also after
 * packages were upgraded or `gate allow` was typed. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/keeper_internal.h"
#include "respond/gate_seed.h"
#include "respond/gate_state.h"

#define LOCK_AT_START (2 * NSEC_PER_SEC)
#define LOCK_MOST     (15 * NSEC_PER_SEC) /* whoever keeps it longer is in the way of what is in force */

/* The list is ours until the descriptor is closed. False: somebody carries out another one just now. Where there is no
 * folder, or no lock can be had, nobody does. */
static bool hold(struct keeper *k, nsec_t patience, int *ret_fd)
{
        _cleanup_close_ int dir = -1;
        nsec_t now = clock_boottime();

        if (gate_state_open(k->config->gate.state, false, &dir) < 0 ||
            gate_senders_lock(dir, false, patience, ret_fd) != -EBUSY) {
                k->locked_since = 0;
                return true;
        }
        if (!k->locked_since)
                k->locked_since = now;
        return now - k->locked_since > LOCK_MOST;
}

/* Is the list on disk another one than the one that was read? */
static bool is_another(const struct keeper *k, int dir, struct keeper_version *ret)
{
        struct stat st = {0};

        if (dir >= 0 && fstatat(dir, "senders", &st, AT_SYMLINK_NOFOLLOW) < 0)
                memset(&st, 0, sizeof(st));
        *ret = (struct keeper_version){.ino = st.st_ino, .time = st.st_mtim};
        return ret->ino != k->senders_version.ino || ret->time.tv_sec != k->senders_version.time.tv_sec ||
               ret->time.tv_nsec != k->senders_version.time.tv_nsec;
}

int keeper_programs_reload(struct keeper *k)
{
        _cleanup_(buf_done)
        struct buf errors = BUF_HEAP(8192);
        _cleanup_close_ int dir = -1;
        struct gate_senders *s = NULL;
        struct keeper_version version;
        bool changed;
        int r = gate_state_open(k->config->gate.state, false, &dir);

        if (r == 0)
                r = gate_senders_load(dir, &s, &errors);
        else if (r == -ENOENT) {
                s = gate_senders_new();
                r = s ? 0 : -ENOMEM;
        }
        if (r < 0) {
                log_error("the declared senders cannot be read, those before stay: %s",
                          errors.len ? buf_str(&errors) : strerror(-r));
                return r;
        }
        gate_senders_free(k->senders);
        k->senders = s;
        r = gate_senders_apply(s, k->programs);
        if (r < 0)
                return r;
        changed = is_another(k, dir, &version);
        k->senders_version = version;
        return changed;
}

static void take_senders(struct keeper *k)
{
        _cleanup_close_ int held = -EBADF;

        k->senders_due = !hold(k, 0, &held); /* then at the next tick */
        if (k->senders_due || keeper_programs_reload(k) < 0)
                return;
        if (gate_programs_scan(k->programs, NULL, NULL) < 0 || gate_seed(k->gate, k->programs, k->senders) < 0)
                log_warning("not all declared senders are in force");
        closep(&held);
        held = -EBADF;
        keeper_watch_rules(k); /* networks that may pass through */
}

/* A program's file changed. */
static void on_program(void *userdata, const struct gate_program_key *key, const struct gate_programs_entry *entry)
{
        struct keeper *k = userdata;
        _cleanup_close_ int held = -EBADF, dir = -1;
        struct keeper_version version;

        if (gate_state_open(k->config->gate.state, false, &dir) < 0)
                dir = -1;
        if (!hold(k, 0, &held) || is_another(k, dir, &version))
                k->senders_due = true; /* with all others, from the list that counts then */
        else if (gate_seed_program(k->gate, key, entry ? &entry->program : NULL) < 0)
                log_warning("the gate's list of programs is full");
}

static int on_state(sd_event_source *source _unused_, const struct inotify_event *e, void *userdata)
{
        struct keeper *k = userdata;

        if (e->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) /* the folder itself: as when it was not there */
                k->senders_watch = sd_event_source_disable_unref(k->senders_watch);
        take_senders(k);
        return 0;
}

static bool watch_senders(struct keeper *k)
{
        int r = sd_event_add_inotify(k->event, &k->senders_watch, k->config->gate.state,
                                     IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF |
                                             IN_MOVE_SELF | IN_ONLYDIR,
                                     on_state, k);

        /* An order is written down before it is carried out: read first, or what it changes looks foreign. */
        return r >= 0 && sd_event_source_set_priority(k->senders_watch, SD_EVENT_PRIORITY_IMPORTANT) >= 0;
}

/* Before anything is declared or shut there is no folder. */
void keeper_programs_tick(struct keeper *k)
{
        if ((!k->senders_watch && watch_senders(k)) || k->senders_due)
                take_senders(k);
}

bool keeper_programs_intact(struct keeper *k)
{
        _cleanup_close_ int held = -EBADF;
        bool ordered;

        if (gate_seed_check(k->gate, k->programs, k->senders) == 0 || !hold(k, 0, &held))
                return true;
        /* `gate allow` writes the list and then the maps: was it that? */
        ordered = keeper_programs_reload(k) > 0;
        (void) gate_programs_scan(k->programs, NULL, NULL);
        if (!ordered && gate_seed_check(k->gate, k->programs, k->senders) == 0)
                return true;
        (void) gate_seed(k->gate, k->programs, k->senders);
        return ordered;
}

int keeper_programs_start(struct keeper *k)
{
        _cleanup_close_ int held = -EBADF;
        int r = gate_programs_new(k->config, &k->programs);

        (void) hold(k, LOCK_AT_START, &held);
        if (r == 0)
                r = keeper_programs_reload(k);
        if (r < 0 && !k->senders) {
                k->senders = gate_senders_new(); /* unreadable: nobody is declared */
                r = k->senders ? 0 : -ENOMEM;
        }
        if (r >= 0)
                r = gate_programs_scan(k->programs, NULL, NULL);
        if (r >= 0)
                r = gate_seed(k->gate, k->programs, k->senders);
        if (r >= 0)
                r = gate_label_present(k->gate);
        if (r >= 0)
                r = gate_programs_watch(k->programs, k->event, on_program, k);
        if (r >= 0 && !watch_senders(k))
                log_debug("%s is not there yet", k->config->gate.state);
        return r < 0 ? r : 0;
}
