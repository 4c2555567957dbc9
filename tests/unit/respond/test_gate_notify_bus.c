/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Notifications over a message bus of the test's own: shown, counted, answered. The child is the real one, as another
 * user when the test is root. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "notify_world.h"

static void shows(void **state)
{
        struct world *w = *state;
        const struct shown *s = &w->d.calls[0];

        assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 1);
        assert_string_equal(s->title, "Mail was stopped");
        assert_string_equal(s->body, "bot\nfrom &lt;shell&gt; &amp; co");
        assert_string_equal(s->keys, "block;allow-once;");
        assert_string_equal(s->buttons, "Block;Allow once;");
        assert_int_equal(s->urgency, 2);
        assert_int_equal(s->timeout, 0);
        assert_int_equal(s->replaces, 0);
        assert_int_equal(world_stats(w).shown, 1);
        assert_int_equal(world_stats(w).children, 1);
}

static bool all_are_counted(void *userdata)
{
        struct world *w = userdata;

        return w->d.n_calls > 0 && strstr(w->d.calls[w->d.n_calls - 1].body, "\n1234 attempts");
}

static void counts_a_burst(void **state)
{
        struct world *w = *state;

        for (unsigned i = 0; i < 1000; i++)
                assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 1);
        for (unsigned i = 0; i < 234; i++)
                assert_int_equal(world_show(w, 100, "bot"), 0);
        assert_true(desktop_until(&w->d, all_are_counted, w, LONG));
        assert_in_range(w->d.n_calls, 2, 20); /* two, on a machine that is not slow */
        for (unsigned i = 1; i < w->d.n_calls; i++)
                assert_int_equal(w->d.calls[i].replaces, w->d.calls[0].id);
        assert_int_equal(world_stats(w).merged, 1233);
        assert_int_equal(world_stats(w).shown, 1);
}

static void one_update_in_each_pause(void **state)
{
        struct world *w = *state;
        struct gate_notify_times times = world_quick();
        nsec_t begin, took;

        times.pause = 100 * NSEC_PER_MSEC;
        world_notifier(w, times);
        begin = clock_boottime();
        for (w->wanted = 1; w->wanted <= 4; w->wanted++) {
                assert_int_equal(world_show(w, 100, "bot"), 0);
                assert_true(desktop_until(&w->d, world_calls_reached, w, LONG));
        }
        took = clock_boottime() - begin;
        assert_true(took >= 3 * times.pause);
        assert_int_equal(w->d.n_calls, 4);
}

static void the_answer_comes_back(void **state)
{
        struct world *w = *state;

        assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 1);
        world_press(w, w->d.calls[0].id, "block");
        assert_int_equal(w->n_answers, 1);
        assert_int_equal(w->answer.subject.pid, 100);
        assert_int_equal(w->answer.subject.start, 7);
        assert_int_equal(w->answer.action, GATE_NOTIFY_BLOCK);
        assert_int_equal(w->answer.uid, w->d.uid);
        assert_true(desktop_until(&w->d, world_was_closed, w, LONG));
        assert_int_equal(w->d.closed, w->d.calls[0].id);
        /* Settled: a new alarm is a new notification. */
        assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 2);
        assert_int_equal(w->d.calls[1].replaces, 0);
        world_press(w, w->d.calls[1].id, "allow-once");
        assert_int_equal(w->n_answers, 2);
        assert_int_equal(w->answer.action, GATE_NOTIFY_ALLOW_ONCE);
}

static void gnome_is_asked_itself(void **state)
{
        struct world *w = *state;

        /* The usual name belongs to a helper, whose program proves nothing. */
        assert_true(sd_bus_request_name(w->d.other, "org.freedesktop.Notifications", 0) >= 0);
        assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 1);
        world_press(w, w->d.calls[0].id, "block");
        assert_int_equal(w->n_answers, 1);
}

static void the_oldest_goes(void **state)
{
        struct world *w = *state;

        for (unsigned i = 0; i < GATE_NOTIFY_SLOTS; i++)
                assert_int_equal(world_show(w, 100 + i, "bot"), 0);
        world_until_calls(w, GATE_NOTIFY_SLOTS);
        assert_int_equal(world_show(w, 100, "bot"), 0); /* heard of again: not the oldest now */
        world_until_calls(w, GATE_NOTIFY_SLOTS + 1);
        assert_int_equal(world_show(w, 200, "bot"), 0);
        world_until_calls(w, GATE_NOTIFY_SLOTS + 2);
        assert_true(desktop_until(&w->d, world_was_closed, w, LONG));
        assert_int_equal(w->d.closed, 2);
        assert_int_equal(world_stats(w).evicted, 1);
}

/* A thousand programs are no thousand notifications. */
static void new_ones_are_rationed(void **state)
{
        struct world *w = *state;
        struct gate_notify_times times = world_quick();

        times.pause = 3600 * NSEC_PER_SEC;
        world_notifier(w, times);
        for (unsigned i = 0; i < 1000; i++)
                (void) world_show(w, 100 + i, "bot");
        world_until_calls(w, 4);
        for (unsigned i = 0; i < 1000; i++)
                (void) world_show(w, 2000 + i, "bot");
        world_press(w, w->d.calls[0].id, "block"); /* whatever it says: all before it has been handled */
        assert_int_equal(w->d.n_calls, 4);
}

static void a_dismissed_one_comes_back_new(void **state)
{
        struct world *w = *state;

        assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 1);
        desktop_dismiss(&w->d, w->d.calls[0].id);
        assert_int_equal(world_show(w, 101, "bot"), 0);
        world_until_calls(w, 2);
        assert_int_equal(world_show(w, 100, "bot"), 0);
        world_until_calls(w, 3);
        assert_int_equal(w->d.calls[2].replaces, 0);
        assert_null(strstr(w->d.calls[2].body, "attempts"));
}

static void garbage_is_made_visible(void **state)
{
        struct world *w = *state;
        char name[4096];

        for (size_t i = 0; i < sizeof(name) - 1; i++)
                name[i] = (char) (1 + i % 255);
        name[sizeof(name) - 1] = '\0';
        assert_int_equal(world_show(w, 100, name), 0);
        assert_int_equal(world_show(w, 101, "\xf0\x9f\xbf\xbf\xef\xb7\x90\xe2\x80\xae\xff<b>\n<a href=\"x\">"), 0);
        world_until_calls(w, 2); /* which a bus would refuse if it were not valid UTF-8 */
        assert_string_equal(w->d.calls[1].body, "\\u{1ffff}\\u{fdd0}\\u{202e}\\xff&lt;b&gt;\\x0a&lt;a "
                                                "href=&quot;x&quot;&gt;\nfrom &lt;shell&gt; &amp; co");
        assert_true(strlen(w->d.calls[0].body) < 2 * GATE_NOTIFY_LINE_MAX);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)
        const struct CMUnitTest tests[] = {
                TEST(shows),
                TEST(counts_a_burst),
                TEST(one_update_in_each_pause),
                TEST(the_answer_comes_back),
                cmocka_unit_test_setup_teardown(gnome_is_asked_itself, world_set_up_gnome, world_tear_down),
                TEST(the_oldest_goes),
                TEST(new_ones_are_rationed),
                TEST(a_dismissed_one_comes_back_new),
                TEST(garbage_is_made_visible),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
