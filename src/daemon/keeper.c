/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keeper's start, its rights and its loop. See keeper.h. */
#include "daemon/keeper.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/keeper_internal.h"
#include "daemon/sandbox.h"
#include "respond/block.h"

#define TICK          NSEC_PER_SEC
#define STATUS_FAILED 3
#define TICK_ACCURACY (50 * NSEC_PER_MSEC)

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct keeper *k = userdata;
        nsec_t now = clock_boottime();

        (void) gate_flush(k->gate);
        keeper_person_tick(k, now);
        keeper_alarm_tick(k, now);
        keeper_watch_tick(k);
        keeper_programs_tick(k);
        if (k->state.blocks) {
                (void) block_expire(k->gate);
                (void) gate_block_sockets(k->gate, NULL, NULL); /* what waited to be accepted when a block began */
        }
        (void) sd_event_source_set_time(source, usec + (uint64_t) (TICK / NSEC_PER_USEC));
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* The one that comes after us reads it; programs, persons and rules all follow from it. */
static int on_reload(sd_event_source *source, const struct signalfd_siginfo *si _unused_, void *userdata)
{
        return keeper_config_changed(userdata) ? sd_event_exit(sd_event_source_get_event(source), KEEPER_REREAD) : 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si _unused_, void *userdata _unused_)
{
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int add_signals(struct keeper *k)
{
        static const int numbers[] = {SIGTERM, SIGINT};
        sigset_t set;
        int r = 0;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        (void) signal(SIGPIPE, SIG_IGN);
        r = sd_event_add_signal(k->event, NULL, SIGHUP, on_reload, k);
        for (size_t i = 0; i < ELEMENTSOF(numbers) && r >= 0; i++)
                r = sd_event_add_signal(k->event, NULL, numbers[i], on_signal, NULL);
        return r < 0 ? r : 0;
}

static int start(struct keeper *k)
{
        uint64_t now;
        int r = sd_event_new(&k->event);

        if (r >= 0)
                r = add_signals(k);
        if (r >= 0)
                r = keeper_programs_start(k);
        if (r >= 0)
                r = keeper_alarm_start(k);
        if (r >= 0)
                r = keeper_person_start(k);
        if (r >= 0)
                r = keeper_watch_start(k);
        if (r >= 0)
                r = sd_event_now(k->event, CLOCK_BOOTTIME, &now);
        if (r >= 0)
                r = sd_event_add_time(k->event, NULL, CLOCK_BOOTTIME, now, (uint64_t) (TICK_ACCURACY / NSEC_PER_USEC),
                                      on_tick, k);
        return r < 0 ? r : 0;
}

static void end(struct keeper *k)
{
        gate_person_free(k->person);
        gate_notify_free(k->notify);
        gate_propose_free(k->propose);
        gate_programs_free(k->programs);
        sd_event_source_disable_unref(k->senders_watch);
        gate_senders_free(k->senders);
        host_ring_free(k->bell);
        if (k->rules_fd >= 0)
                close(k->rules_fd);
        if (k->links_fd >= 0)
                close(k->links_fd);
        sd_event_unref(k->event);
        config_free(k->reread);
}

int keeper_main(const struct keeper_params *params)
{
        struct keeper *k = calloc(1, sizeof(*k));
        int r;

        log_set_role("keeper");
        (void) prctl(PR_SET_NAME, "keeper starting"); /* for people and tests: from when on is it at work? */
        if (!k)
                return STATUS_FAILED;
        k->gate = params->gate;
        k->rules_fd = k->links_fd = -1;
        r = sandbox_cut_warden();
        if (r >= 0)
                r = sandbox_die_with_parent(params->warden);
        if (r >= 0)
                r = keeper_config_start(k, params);
        if (r >= 0)
                r = start(k);
        if (r < 0) {
                log_error("the gate's keeper cannot work: %s; nothing new is permitted", strerror(-r));
        } else {
                (void) prctl(PR_SET_NAME, "sekimori-keeper");
                r = sd_event_loop(k->event);
        }
        end(k);
        free(k);
        return r < 0 ? STATUS_FAILED : r;
}
