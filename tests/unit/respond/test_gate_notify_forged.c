/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers that nobody gave, and buses and services that are frozen, dead, or not there. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "notify_world.h"
#include "respond/gate_notify_internal.h"

static bool is_down(void *userdata)
{
        struct world *w = userdata;

        return w->n->users[0]->state == GATE_NOTIFY_USER_DOWN;
}

static void one_gesture_one_answer(void **state)
{
        struct world *w = *state;
        struct gate_notify_stats s;

        assert_int_equal(world_show(w, 100, "bot"), 0);
        assert_int_equal(world_show(w, 101, "bot"), 0);
        world_until_calls(w, 2);
        w->gesture = clock_boottime();
        world_press(w, w->d.calls[0].id, "block");
        world_press(w, w->d.calls[1].id, "allow-once");
        s = world_stats(w);
        assert_int_equal(s.answers, 1);
        assert_int_equal(s.no_gesture, 1);
        assert_int_equal(w->n_answers, 1);
}

static void gestures_must_fit(void **state)
{
        struct world *w = *state;
        struct gate_notify_times times = world_quick();

        times.seen = 3600 * NSEC_PER_SEC;
        world_notifier(w, times);
        assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 1);
        world_press(w, 1, "allow-once"); /* it was not seen long enough */
        assert_int_equal(world_stats(w).too_soon, 1);
        w->gesture = clock_boottime() - 3 * NSEC_PER_SEC;
        world_press(w, 1, "allow-once"); /* nobody touched anything */
        w->gesture = clock_boottime() + 3600 * NSEC_PER_SEC;
        world_press(w, 1, "allow-once"); /* from the future */
        assert_int_equal(world_stats(w).no_gesture, 2);
        assert_int_equal(w->n_answers, 0);
}

static void an_untrusted_service_cannot_answer(void **state)
{
        struct world *w = *state;

        w->trusted = false;
        assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 1); /* it is shown all the same */
        world_press(w, 1, "allow-once");
        w->trusted = true; /* too late: not from the beginning */
        world_press(w, 1, "allow-once");
        assert_int_equal(world_stats(w).untrusted, 2);
        assert_int_equal(w->n_answers, 0);
}

static void an_untrusted_bus_cannot_answer(void **state)
{
        struct world *w = *state;

        w->trusted_bus = false;
        assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 1);
        world_press(w, 1, "allow-once");
        assert_int_equal(world_stats(w).untrusted, 1);
        assert_int_equal(w->n_answers, 0);
}

static void trust_that_ends_counts(void **state)
{
        struct world *w = *state;

        assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 1);
        w->trusted = false;
        world_press(w, 1, "allow-once");
        w->trusted = true;
        w->trusted_bus = false;
        world_press(w, 1, "allow-once");
        assert_int_equal(world_stats(w).untrusted, 2);
        assert_int_equal(w->n_answers, 0);
}

static void an_impostor_is_ignored(void **state)
{
        struct world *w = *state;

        assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 1);
        for (unsigned i = 0; i < 50; i++) {
                desktop_press(&w->d, w->d.other, w->d.calls[0].id, "allow-once");
                desktop_press(&w->d, w->d.service, w->d.calls[0].id + 1 + i, "allow-once");
                desktop_press(&w->d, w->d.service, w->d.calls[0].id, "default");
        }
        assert_true(sd_bus_flush(w->d.other) >= 0);
        assert_true(sd_bus_flush(w->d.service) >= 0);
        /* The bus keeps the order of each sender; the child has read both when this one is here. */
        world_press(w, w->d.calls[0].id, "block");
        assert_int_equal(w->n_answers, 1);
        assert_int_equal(w->answer.action, GATE_NOTIFY_BLOCK);
        assert_int_equal(world_stats(w).untrusted, 0);
}

static void a_new_owner_ends_it(void **state)
{
        struct world *w = *state;

        assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 1);
        assert_true(sd_bus_release_name(w->d.service, "org.freedesktop.Notifications") >= 0);
        assert_true(desktop_until(&w->d, world_has_failed, w, LONG));
        assert_int_equal(w->error, -ECONNRESET);
        desktop_press(&w->d, w->d.service, 1, "allow-once");
        assert_int_equal(world_show(w, 100, "bot"), -EHOSTDOWN);
        assert_int_equal(w->n_answers, 0);
}

static void a_service_that_never_answers(void **state)
{
        struct world *w = *state;
        struct gate_notify_times times = world_quick();

        w->d.silent = true;
        times.answer = 300 * NSEC_PER_MSEC;
        world_notifier(w, times);
        assert_int_equal(world_show(w, 100, "bot"), 0);
        assert_true(desktop_until(&w->d, world_has_failed, w, LONG));
        assert_int_equal(w->error, -ETIMEDOUT);
        assert_int_equal(world_stats(w).shown, 0);
        assert_true(world_stats(w).failed > 0);
        assert_int_equal(world_show(w, 100, "bot"), -EHOSTDOWN);
}

static void a_bus_that_dies(void **state)
{
        struct world *w = *state;

        assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 1);
        sd_bus_detach_event(w->d.service);
        sd_bus_detach_event(w->d.other);
        desktop_kill_bus(&w->d, SIGKILL);
        assert_true(desktop_until(&w->d, world_has_failed, w, LONG));
        assert_true(w->error == -ECONNRESET || w->error == -ENOTCONN);
        assert_int_equal(world_show(w, 100, "bot"), -EHOSTDOWN);
        assert_int_equal(world_stats(w).children, 1);
}

static void a_bus_that_is_frozen(void **state)
{
        struct world *w = *state;
        struct gate_notify_times times = world_quick();

        times.answer = 300 * NSEC_PER_MSEC;
        world_notifier(w, times);
        desktop_kill_bus(&w->d, SIGSTOP);
        assert_int_equal(world_show(w, 100, "bot"), 0);
        assert_true(desktop_until(&w->d, world_has_failed, w, LONG));
        assert_int_equal(w->error, -ETIMEDOUT);
        desktop_kill_bus(&w->d, SIGCONT);
}

/* By its user, who may send it signals. */
static void a_child_that_is_stopped(void **state)
{
        struct world *w = *state;
        struct gate_notify_times times = world_quick();
        pid_t pid;

        times.answer = NSEC_PER_SEC;
        world_notifier(w, times);
        assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 1);
        pid = w->n->users[0]->pid;
        assert_int_equal(kill(pid, SIGSTOP), 0);
        for (unsigned i = 0; i < 1000; i++)
                assert_int_equal(world_show(w, 100, "bot"), 0);
        assert_true(desktop_until(&w->d, world_has_failed, w, LONG));
        assert_int_equal(w->error, -ETIMEDOUT);
        assert_int_equal(world_stats(w).killed, 1);
        assert_true(desktop_until(&w->d, is_down, w, LONG));
        assert_int_equal(kill(pid, 0), -1); /* and reaped */
}

static void a_child_that_is_killed(void **state)
{
        struct world *w = *state;

        assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 1);
        assert_int_equal(kill(w->n->users[0]->pid, SIGKILL), 0);
        assert_true(desktop_until(&w->d, is_down, w, LONG));
        assert_int_equal(w->n_failed, 1);
        assert_int_equal(w->error, -ECONNRESET);
        w->n->users[0]->retry_at = 0; /* some time later */
        assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 2);
        assert_int_equal(w->d.calls[1].replaces, 0);
}

static void no_bus_and_no_service(void **state)
{
        struct world *w = *state;

        assert_int_equal(world_show(w, 100, "bot"), 0);
        assert_true(desktop_until(&w->d, world_has_failed, w, LONG));
        assert_int_equal(w->error, -ENXIO);
        world_notifier(w, world_quick());
        w->n_failed = 0;
        unlink(w->d.socket);
        assert_int_equal(world_show(w, 100, "bot"), 0);
        assert_true(desktop_until(&w->d, world_has_failed, w, LONG));
        assert_int_equal(w->error, -ENOENT);
        assert_int_equal(world_stats(w).failed, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)
        const struct CMUnitTest tests[] = {
                TEST(one_gesture_one_answer),
                TEST(gestures_must_fit),
                TEST(an_untrusted_service_cannot_answer),
                TEST(an_untrusted_bus_cannot_answer),
                TEST(trust_that_ends_counts),
                TEST(an_impostor_is_ignored),
                TEST(a_new_owner_ends_it),
                TEST(a_service_that_never_answers),
                TEST(a_bus_that_dies),
                TEST(a_bus_that_is_frozen),
                TEST(a_child_that_is_stopped),
                TEST(a_child_that_is_killed),
                cmocka_unit_test_setup_teardown(no_bus_and_no_service, world_set_up_none, world_tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
