/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A child that lies: it says what it did not do, does not read, or dies again and again. It keeps nobody busy. The test
 * is the child. */
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

#include "respond/gate_notify_internal.h"

#define SERVICE 600
#define BUS     601
#define QUIET   8    /* events that a step may make at most */
#define MANY    1000 /* more orders than a socket holds */

struct liar {
        sd_event *event;
        struct gate_notify *n;
        int fd; /* the child's end */
        unsigned n_answers, n_failed;
        int error;
};

static bool is_trusted(void *userdata _unused_, pid_t pid)
{
        return pid == SERVICE || pid == BUS;
}

static nsec_t last_gesture(void *userdata _unused_, uid_t uid _unused_)
{
        return clock_boottime();
}

static void on_answer(void *userdata, const struct gate_notify_answer *answer _unused_)
{
        ((struct liar *) userdata)->n_answers++;
}

static void on_failed(void *userdata, uid_t uid _unused_, int error)
{
        struct liar *l = userdata;

        l->n_failed++;
        l->error = error;
}

static int start(void *userdata, const struct gate_notify_child *child, pid_t *ret_pid)
{
        struct liar *l = userdata;

        closep(&l->fd);
        l->fd = fcntl(child->fd, F_DUPFD_CLOEXEC, 3);
        *ret_pid = 0;
        return l->fd < 0 ? -errno : 0;
}

static void begin(struct liar *l, struct gate_notify_times times)
{
        const struct gate_notify_params params = {.event = l->event,
                                                  .times = times,
                                                  .userdata = l,
                                                  .trusted = is_trusted,
                                                  .trusted_bus = is_trusted,
                                                  .last_gesture = last_gesture,
                                                  .answer = on_answer,
                                                  .failed = on_failed,
                                                  .start = start};

        assert_int_equal(gate_notify_new(&params, &l->n), 0);
}

static int set_up(void **state)
{
        struct liar *l = calloc(1, sizeof(*l));

        assert_non_null(l);
        l->fd = -EBADF;
        assert_true(sd_event_new(&l->event) >= 0);
        *state = l;
        return 0;
}

static int tear_down(void **state)
{
        struct liar *l = *state;

        gate_notify_free(l->n);
        closep(&l->fd);
        sd_event_unref(l->event);
        free(l);
        return 0;
}

/* Handles what there is. How many events that were. */
static unsigned settle(struct liar *l)
{
        unsigned n = 0;

        while (n < MANY && sd_event_run(l->event, 0) > 0)
                n++;
        return n;
}

static int show(struct liar *l, uid_t uid, uint32_t pid)
{
        const struct gate_notify_words words = {.title = "t", .times = "{n}", .buttons = {"b", "a"}};
        const struct gate_notify_alarm alarm = {
                .uid = uid, .subject = {.pid = pid, .start = 7}, .words = {words, words}};

        return gate_notify_show(l->n, &alarm);
}

static void say(struct liar *l, enum gate_notify_report_verb verb, int value)
{
        struct gate_notify_report r = {
                .magic = GATE_NOTIFY_MAGIC, .verb = verb, .value = value, .bus_pid = BUS, .pid = {0, SERVICE}};

        r.serial = verb != GATE_NOTIFY_READY && verb != GATE_NOTIFY_GONE;
        assert_int_equal(send(l->fd, &r, sizeof(r), MSG_NOSIGNAL | MSG_DONTWAIT), sizeof(r));
}

static unsigned read_orders(struct liar *l)
{
        struct gate_notify_order o;
        unsigned n = 0;

        while (recv(l->fd, &o, sizeof(o), MSG_DONTWAIT) == (ssize_t) sizeof(o))
                n++;
        return n;
}

/* One alarm after the other, each said to be shown and none read, until there is no room for an order. */
static void fill(struct liar *l)
{
        struct gate_notify_user *u;

        assert_int_equal(show(l, 0, 1), 0);
        say(l, GATE_NOTIFY_READY, 0);
        assert_true(settle(l) <= QUIET);
        u = l->n->users[0];
        for (unsigned i = 0; i < MANY && !u->stuck_since; i++) {
                u->second = 0; /* it takes its time, so that it is not ended for how much it says */
                say(l, GATE_NOTIFY_SHOWN, i == 0);
                assert_true(settle(l) <= QUIET);
                assert_int_equal(show(l, 0, 1), 0);
                assert_true(settle(l) <= QUIET);
        }
        assert_true(u->stuck_since > 0);
}

static void one_that_does_not_read_keeps_nobody_busy(void **state)
{
        struct liar *l = *state;

        begin(l, (struct gate_notify_times){.answer = 50 * NSEC_PER_MSEC, .fresh = NSEC_PER_SEC});
        fill(l);
        while (!l->n_failed)
                assert_true(sd_event_run(l->event, UINT64_MAX) > 0);
        assert_int_equal(l->error, -ETIMEDOUT);
        assert_int_equal(l->n->stats.killed, 1);
}

static void one_that_reads_late_gets_the_rest(void **state)
{
        struct liar *l = *state;
        unsigned before;

        begin(l, (struct gate_notify_times){.answer = 3600 * NSEC_PER_SEC, .fresh = NSEC_PER_SEC});
        fill(l);
        assert_int_equal(settle(l), 0);
        before = read_orders(l);
        assert_true(before > GATE_NOTIFY_SLOTS);
        assert_true(settle(l) <= QUIET);
        assert_int_equal(read_orders(l), 1);
        assert_int_equal(l->n->users[0]->stuck_since, 0);
        assert_int_equal(l->n_failed, 0);
}

/* The alarm comes again while the child still owes a word about the update before. */
static void a_second_answer_needs_a_second_showing(void **state)
{
        struct liar *l = *state;

        begin(l, (struct gate_notify_times){.answer = 3600 * NSEC_PER_SEC, .fresh = NSEC_PER_SEC});
        assert_int_equal(show(l, 0, 1), 0);
        say(l, GATE_NOTIFY_READY, 0);
        settle(l);
        say(l, GATE_NOTIFY_SHOWN, 1);
        settle(l);
        assert_int_equal(show(l, 0, 1), 0); /* an update is under way */
        for (unsigned i = 0; i < 5; i++) {
                say(l, GATE_NOTIFY_INVOKED, 0);
                settle(l);
                assert_int_equal(show(l, 0, 1), 0);
        }
        assert_int_equal(l->n_answers, 1);
        assert_int_equal(l->n->stats.too_soon, 4);
        say(l, GATE_NOTIFY_SHOWN, 0);
        say(l, GATE_NOTIFY_INVOKED, 0);
        settle(l);
        assert_int_equal(l->n_answers, 2);
        assert_int_equal(l->n->stats.answers, 2);
}

static void one_that_says_too_much_is_ended(void **state)
{
        struct liar *l = *state;
        unsigned said = 0;

        begin(l, GATE_NOTIFY_TIMES);
        assert_int_equal(show(l, 0, 1), 0);
        say(l, GATE_NOTIFY_READY, 0);
        say(l, GATE_NOTIFY_SHOWN, 1);
        settle(l);
        while (!l->n_failed && said++ < MANY) {
                struct gate_notify_report r = {.magic = GATE_NOTIFY_MAGIC, .verb = GATE_NOTIFY_CLOSED, .serial = 99};

                (void) send(l->fd, &r, sizeof(r), MSG_NOSIGNAL | MSG_DONTWAIT);
                assert_true(settle(l) <= QUIET);
        }
        assert_int_equal(l->error, -EBADMSG);
        assert_true(said <= 128);
        assert_int_equal(show(l, 0, 1), -EHOSTDOWN);
}

/* A person whose every session brings a child that dies: the record of the failure goes with the person. */
static void no_storm_of_children(void **state)
{
        struct liar *l = *state;
        struct gate_notify_stats stats;

        begin(l, GATE_NOTIFY_TIMES);
        for (unsigned i = 0; i < MANY; i++) {
                int r = show(l, 1000 + i % 50, 1);

                assert_true(r == 0 || r == -EHOSTDOWN);
                if (r == 0)
                        say(l, GATE_NOTIFY_GONE, -EIO);
                assert_true(settle(l) <= QUIET);
                gate_notify_forget(l->n, 1000 + i % 50);
                assert_true(settle(l) <= QUIET);
        }
        gate_notify_get_stats(l->n, &stats);
        assert_true(stats.children >= GATE_NOTIFY_USERS && stats.children <= GATE_NOTIFY_USERS + 2);
        assert_int_equal(stats.children + stats.held, MANY);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(one_that_does_not_read_keeps_nobody_busy),
                TEST(one_that_reads_late_gets_the_rest),
                TEST(a_second_answer_needs_a_second_showing),
                TEST(one_that_says_too_much_is_ended),
                TEST(no_storm_of_children),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
