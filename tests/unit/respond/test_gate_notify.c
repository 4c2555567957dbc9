/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keeper's side of notifications against a child that is another's by now: the test speaks in its place. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "respond/gate_notify.h"
#include "respond/gate_notify_child.h"

#define UID     4242u
#define SERVICE 600u
#define BUS     601u

struct world {
        sd_event *event;
        struct gate_notify *n;
        int child; /* the child's end */
        unsigned n_started, n_answers, n_failed;
        int error;
        bool forget; /* the person, from within the answer */
        struct gate_notify_order order;
};

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

        w->n_answers++;
        if (w->forget)
                gate_notify_forget(w->n, answer->uid);
}

static void on_failed(void *userdata, uid_t uid, int error)
{
        struct world *w = userdata;

        assert_int_equal(uid, UID);
        w->n_failed++;
        w->error = error;
}

static int start(void *userdata, const struct gate_notify_child *child, pid_t *ret_pid)
{
        struct world *w = userdata;

        closep(&w->child);
        w->child = fcntl(child->fd, F_DUPFD_CLOEXEC, 3);
        w->n_started++;
        *ret_pid = 0;
        return w->child < 0 ? -errno : 0;
}

static void make_notifier(struct world *w, nsec_t answer)
{
        const struct gate_notify_params params = {
                .event = w->event,
                .times = {.answer = answer, .fresh = NSEC_PER_SEC, .retry = 3600 * NSEC_PER_SEC},
                .userdata = w,
                .trusted = is_trusted,
                .trusted_bus = is_trusted_bus,
                .last_gesture = last_gesture,
                .answer = on_answer,
                .failed = on_failed,
                .start = start,
        };

        gate_notify_free(w->n);
        w->n = NULL;
        assert_int_equal(gate_notify_new(&params, &w->n), 0);
}

static int set_up(void **state)
{
        struct world *w = calloc(1, sizeof(*w));

        assert_non_null(w);
        w->child = -EBADF;
        assert_true(sd_event_new(&w->event) >= 0);
        make_notifier(w, 3600 * NSEC_PER_SEC);
        *state = w;
        return 0;
}

static int tear_down(void **state)
{
        struct world *w = *state;

        gate_notify_free(w->n);
        closep(&w->child);
        sd_event_unref(w->event);
        free(w);
        return 0;
}

static int show_with(struct world *w, uint32_t pid, const char *allow)
{
        const struct gate_notify_alarm alarm = {
                .uid = UID,
                .subject = {.pid = pid},
                .words = {
                        {.title = "English", .lines = {"a"}, .times = "{n} times", .buttons = {"Block", allow}},
                        {.title = "日本語", .lines = {"あ"}, .times = "{n}回", .buttons = {"止める", allow}},
                }};

        return gate_notify_show(w->n, &alarm);
}

static int show(struct world *w, uint32_t pid)
{
        return show_with(w, pid, "Once");
}

/* Handles all there is. */
static void settle(struct world *w)
{
        for (unsigned i = 0; i < 1000; i++)
                if (sd_event_run(w->event, 0) == 0)
                        return;
        fail();
}

static void say_bytes(struct world *w, const void *bytes, size_t len)
{
        assert_int_equal(send(w->child, bytes, len, MSG_NOSIGNAL), len);
        settle(w);
}

static void say(struct world *w, struct gate_notify_report r)
{
        r.magic = GATE_NOTIFY_MAGIC;
        say_bytes(w, &r, sizeof(r));
}

static struct gate_notify_report ready(void)
{
        return (struct gate_notify_report){
                .verb = GATE_NOTIFY_READY, .bus_pid = BUS, .pid = {[GATE_NOTIFY_USUAL] = SERVICE}};
}

static struct gate_notify_report about(const struct world *w, uint32_t verb)
{
        return (struct gate_notify_report){.verb = verb, .slot = w->order.slot, .serial = w->order.serial};
}

static bool read_order(struct world *w)
{
        ssize_t n = recv(w->child, &w->order, sizeof(w->order), MSG_DONTWAIT);

        assert_true(n == (ssize_t) sizeof(w->order) || (n < 0 && errno == EAGAIN));
        assert_true(n < 0 || w->order.magic == GATE_NOTIFY_MAGIC);
        return n > 0;
}

/* One alarm is on the screen. */
static void show_one(struct world *w)
{
        struct gate_notify_report r;

        assert_int_equal(show(w, 100), 0);
        say(w, ready());
        assert_true(read_order(w));
        r = about(w, GATE_NOTIFY_SHOWN);
        r.value = 1;
        say(w, r);
}

static struct gate_notify_report pressed(const struct world *w)
{
        struct gate_notify_report r = about(w, GATE_NOTIFY_INVOKED);

        r.action = GATE_NOTIFY_ALLOW_ONCE;
        r.bus_pid = BUS;
        r.pid[GATE_NOTIFY_USUAL] = SERVICE;
        return r;
}

static struct gate_notify_stats stats(const struct world *w)
{
        struct gate_notify_stats s;

        gate_notify_get_stats(w->n, &s);
        return s;
}

static void orders(void **state)
{
        struct world *w = *state;
        struct gate_notify_report r = ready();

        assert_int_equal(show(w, 100), 0);
        assert_int_equal(show(w, 100), 0);
        assert_false(read_order(w)); /* nothing before it is ready */
        r.language = GATE_NOTIFY_JA;
        say(w, r);
        assert_true(read_order(w));
        assert_int_equal(w->order.verb, GATE_NOTIFY_SHOW);
        assert_int_equal(w->order.service, GATE_NOTIFY_USUAL);
        assert_string_equal(w->order.text.title, "日本語");
        assert_string_equal(w->order.text.body, "あ\n2回");
        assert_string_equal(w->order.text.button[GATE_NOTIFY_BLOCK], "止める");
        assert_int_equal(show(w, 100), 0);
        settle(w);
        assert_false(read_order(w)); /* one at a time */
        assert_int_equal(stats(w).merged, 2);
}

static void answers(void **state)
{
        struct world *w = *state;

        show_one(w);
        say(w, pressed(w));
        assert_int_equal(w->n_answers, 1);
        assert_true(read_order(w));
        assert_int_equal(w->order.verb, GATE_NOTIFY_CLOSE);
        say(w, pressed(w)); /* it is settled */
        assert_int_equal(w->n_answers, 1);
        assert_int_equal(w->n_failed, 0);
}

static void lies_about_processes(void **state)
{
        struct world *w = *state;
        struct gate_notify_report r;

        show_one(w);
        r = pressed(w);
        r.pid[GATE_NOTIFY_USUAL] = SERVICE + 1;
        say(w, r);
        r = pressed(w);
        r.bus_pid = 0;
        say(w, r);
        r = pressed(w);
        r.pid[GATE_NOTIFY_USUAL] = 0;
        r.pid[GATE_NOTIFY_GNOME] = SERVICE;
        say(w, r);
        assert_int_equal(stats(w).untrusted, 3);
        assert_int_equal(w->n_answers, 0);
}

static void prefers_the_trusted_service(void **state)
{
        struct world *w = *state;
        struct gate_notify_report r = ready();

        r.pid[GATE_NOTIFY_GNOME] = SERVICE + 1;
        assert_int_equal(show(w, 100), 0);
        say(w, r);
        assert_true(read_order(w));
        assert_int_equal(w->order.service, GATE_NOTIFY_USUAL);
}

static void a_button_that_is_not_there(void **state)
{
        struct world *w = *state;
        struct gate_notify_report r;

        assert_int_equal(show_with(w, 100, NULL), 0);
        say(w, ready());
        assert_true(read_order(w));
        assert_string_equal(w->order.text.button[GATE_NOTIFY_ALLOW_ONCE], "");
        r = about(w, GATE_NOTIFY_SHOWN);
        r.value = 1;
        say(w, r);
        say(w, pressed(w));
        assert_int_equal(w->n_answers, 0);
        assert_int_equal(stats(w).untrusted, 1);
}

static void before_it_was_shown(void **state)
{
        struct world *w = *state;

        assert_int_equal(show(w, 100), 0);
        say(w, ready());
        assert_true(read_order(w));
        say(w, pressed(w));
        assert_int_equal(w->n_answers, 0);
        assert_int_equal(stats(w).too_soon, 1);
}

static void expect_end(struct world *w, int error)
{
        assert_int_equal(w->n_failed, 1);
        assert_int_equal(w->error, error);
        assert_int_equal(send(w->child, "", 1, MSG_NOSIGNAL), -1); /* nobody listens */
        assert_int_equal(show(w, 100), -EHOSTDOWN);
        assert_int_equal(w->n_started, 1);
}

static void malformed_ends_it(void **state)
{
        struct world *w = *state;

        show_one(w);
        say_bytes(w, "x", 1);
        expect_end(w, -EBADMSG);
        assert_int_equal(stats(w).malformed, 1);
        assert_int_equal(stats(w).killed, 1);
}

static void what_it_cannot_know_ends_it(void **state)
{
        struct world *w = *state;
        struct gate_notify_report r;

        show_one(w);
        r = about(w, GATE_NOTIFY_SHOWN); /* it was told nothing */
        say(w, r);
        expect_end(w, -EBADMSG);
}

static void ready_twice_ends_it(void **state)
{
        struct world *w = *state;

        show_one(w);
        say(w, ready());
        expect_end(w, -EBADMSG);
}

static void a_flood_ends_it(void **state)
{
        struct world *w = *state;
        struct gate_notify_report r;
        unsigned i;

        show_one(w);
        r = about(w, GATE_NOTIFY_CLOSED);
        r.magic = GATE_NOTIFY_MAGIC;
        r.serial++; /* of another use: valid, and nothing to do */
        for (i = 0; i < 100000 && w->n_failed == 0; i++) {
                assert_int_equal(send(w->child, &r, sizeof(r), MSG_NOSIGNAL), sizeof(r));
                settle(w);
        }
        expect_end(w, -EBADMSG);
}

static void one_that_is_silent_is_ended(void **state)
{
        struct world *w = *state;

        make_notifier(w, 10 * NSEC_PER_MSEC);
        assert_int_equal(show(w, 100), 0);
        while (w->n_failed == 0)
                assert_true(sd_event_run(w->event, 10000000) > 0);
        expect_end(w, -ETIMEDOUT);
        assert_int_equal(stats(w).killed, 1);
}

static void one_that_does_not_read_holds_nothing_up(void **state)
{
        struct world *w = *state;
        int size = 4096;

        assert_int_equal(show(w, 1), 0);
        assert_int_equal(setsockopt(w->child, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
        say(w, ready());
        for (unsigned i = 0; i < 5000; i++)
                (void) show(w, 2 + i);
        settle(w);
        assert_true(stats(w).evicted + stats(w).failed > 0);
        while (read_order(w)) {
        }
}

static void forgotten_within_the_answer(void **state)
{
        struct world *w = *state;

        w->forget = true;
        show_one(w);
        say(w, pressed(w));
        assert_int_equal(w->n_answers, 1);
        /* The next is somebody new. */
        assert_int_equal(show(w, 100), 0);
        assert_int_equal(w->n_started, 2);
}

static void more_persons_than_places(void **state)
{
        struct world *w = *state;
        const struct gate_notify_words words = {.title = "t"};
        unsigned busy = 0;

        for (uid_t uid = 0; uid < 100; uid++) {
                const struct gate_notify_alarm alarm = {.uid = uid, .words = {words, words}};
                int r = gate_notify_show(w->n, &alarm);

                assert_true(r == 0 || r == -EAGAIN || r == -EHOSTDOWN);
                busy += r == -EAGAIN;
        }
        assert_true(busy > 0);
        /* So many children at once; the others are not started for now. */
        assert_int_equal(stats(w).children, GATE_NOTIFY_USERS);
        assert_int_equal(stats(w).children + stats(w).held + busy, 100);
}

static void valid_reports(void **state _unused_)
{
        struct gate_notify_report r = {.magic = GATE_NOTIFY_MAGIC, .verb = GATE_NOTIFY_SHOWN, .serial = 1};
        char odd[sizeof(r) + 1];

#define VALID   assert_true(gate_notify_report_valid(&r, sizeof(r)))
#define INVALID assert_false(gate_notify_report_valid(&r, sizeof(r)))
        VALID;
        memcpy(odd + 1, &r, sizeof(r));
        assert_true(gate_notify_report_valid(odd + 1, sizeof(r)));
        assert_false(gate_notify_report_valid(odd, sizeof(odd)));
        assert_false(gate_notify_report_valid(&r, sizeof(r) - 1));
        r.serial = 0, INVALID, r.serial = 1;
        r.value = 2, INVALID, r.value = -1, INVALID, r.value = 0;
        r.slot = GATE_NOTIFY_SLOTS, INVALID, r.slot = 0;
        r.action = GATE_NOTIFY_ACTIONS, INVALID, r.action = 0;
        r.language = GATE_NOTIFY_LANGUAGES, INVALID, r.language = 0;
        r.bus_pid = GATE_NOTIFY_PID_MAX + 1, INVALID, r.bus_pid = 0;
        r.pid[1] = UINT32_MAX, INVALID, r.pid[1] = 0;
        r.verb = 0, INVALID, r.verb = GATE_NOTIFY_REPORTS, INVALID;
        r.verb = GATE_NOTIFY_FAILED, INVALID, r.value = -EIO, VALID, r.value = INT32_MIN, INVALID, r.value = -EIO;
        r.verb = GATE_NOTIFY_GONE, INVALID, r.serial = 0, VALID, r.slot = 3, INVALID, r.slot = 0;
        r.magic++, INVALID;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(orders),
                TEST(answers),
                TEST(lies_about_processes),
                TEST(prefers_the_trusted_service),
                TEST(a_button_that_is_not_there),
                TEST(before_it_was_shown),
                TEST(malformed_ends_it),
                TEST(what_it_cannot_know_ends_it),
                TEST(ready_twice_ends_it),
                TEST(a_flood_ends_it),
                TEST(one_that_is_silent_is_ended),
                TEST(one_that_does_not_read_holds_nothing_up),
                TEST(forgotten_within_the_answer),
                TEST(more_persons_than_places),
                cmocka_unit_test(valid_reports),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
