/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A notifier and a desktop for tests. See notify_world.h. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include "notify_world.h"

#include <unistd.h>

static bool is_trusted(void *userdata, pid_t pid)
{
        struct world *w = userdata;

        return w->trusted && pid == getpid();
}

static bool is_trusted_bus(void *userdata, pid_t pid)
{
        struct world *w = userdata;

        return w->trusted_bus && pid == w->d.bus_pid;
}

static nsec_t last_gesture(void *userdata, uid_t uid)
{
        struct world *w = userdata;

        assert_int_equal(uid, w->d.uid);
        return w->gesture ? w->gesture : clock_boottime();
}

static void on_answer(void *userdata, const struct gate_notify_answer *answer)
{
        struct world *w = userdata;

        w->n_answers++;
        w->answer = *answer;
}

static void on_failed(void *userdata, uid_t uid _unused_, int error)
{
        struct world *w = userdata;

        w->n_failed++;
        w->error = error;
}

void world_notifier(struct world *w, struct gate_notify_times times)
{
        const struct gate_notify_params params = {
                .event = w->event,
                .runtime = w->d.runtime,
                .times = times,
                .userdata = w,
                .trusted = is_trusted,
                .trusted_bus = is_trusted_bus,
                .last_gesture = last_gesture,
                .answer = on_answer,
                .failed = on_failed,
        };

        gate_notify_free(w->n);
        w->n = NULL;
        assert_int_equal(gate_notify_new(&params, &w->n), 0);
}

struct gate_notify_times world_quick(void)
{
        return (struct gate_notify_times){
                .pause = 20 * NSEC_PER_MSEC,
                .answer = 10 * NSEC_PER_SEC,
                .fresh = 2 * NSEC_PER_SEC,
                .retry = NSEC_PER_SEC,
        };
}

static int set_up_named(void **state, const char *name)
{
        struct world *w = calloc(1, sizeof(*w));

        assert_non_null(w);
        w->trusted = w->trusted_bus = true;
        assert_true(sd_event_new(&w->event) >= 0);
        if (!desktop_start(&w->d, w->event, name)) {
                print_message("skipped: no dbus-daemon\n");
                exit(77);
        }
        world_notifier(w, world_quick());
        *state = w;
        return 0;
}

int world_set_up(void **state)
{
        return set_up_named(state, "org.freedesktop.Notifications");
}

int world_set_up_none(void **state)
{
        return set_up_named(state, NULL);
}

int world_set_up_gnome(void **state)
{
        return set_up_named(state, "org.gnome.Shell");
}

int world_tear_down(void **state)
{
        struct world *w = *state;

        gate_notify_free(w->n);
        desktop_stop(&w->d);
        sd_event_unref(w->event);
        free(w);
        return 0;
}

int world_show(struct world *w, uint32_t pid, const char *name)
{
        const struct gate_notify_words words = {
                .title = "Mail was stopped",
                .lines = {name, "from <shell> & co"},
                .times = "{n} attempts",
                .buttons = {"Block", "Allow once"},
        };
        const struct gate_notify_alarm alarm = {
                .uid = w->d.uid, .leader = getpid(), .subject = {.pid = pid, .start = 7}, .words = {words, words}};

        return gate_notify_show(w->n, &alarm);
}

struct gate_notify_stats world_stats(const struct world *w)
{
        struct gate_notify_stats s;

        gate_notify_get_stats(w->n, &s);
        return s;
}

bool world_calls_reached(void *userdata)
{
        struct world *w = userdata;
        struct gate_notify_stats s = world_stats(w);

        return w->d.n_calls >= w->wanted && s.shown + s.updated >= w->wanted;
}

void world_until_calls(struct world *w, unsigned n)
{
        w->wanted = n;
        assert_true(desktop_until(&w->d, world_calls_reached, w, LONG));
}

bool world_has_failed(void *userdata)
{
        return ((struct world *) userdata)->n_failed > 0;
}

/* Any answer, counted or not. */
static bool was_pressed(void *userdata)
{
        struct world *w = userdata;
        struct gate_notify_stats s = world_stats(w);

        return s.answers + s.untrusted + s.no_gesture + s.too_soon >= w->wanted;
}

void world_press(struct world *w, uint32_t id, const char *key)
{
        struct gate_notify_stats s = world_stats(w);

        w->wanted = (unsigned) (s.answers + s.untrusted + s.no_gesture + s.too_soon) + 1;
        desktop_press(&w->d, w->d.service, id, key);
        assert_true(desktop_until(&w->d, was_pressed, w, LONG));
}

bool world_was_closed(void *userdata)
{
        return ((struct world *) userdata)->d.n_closed > 0;
}
