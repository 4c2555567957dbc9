/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The alarm on the desktop, the keeper's side: which notification stands for which subject, when it may change, and
 * whether an answer counts. The children themselves are gate_notify_user.c's. Runs in the keeper. */
#include "respond/gate_notify.h"

#include <errno.h>
#include <string.h>

#include "respond/gate_notify_internal.h"
#include "respond/gate_notify_text.h"

#define OPEN_BURST     4     /* new notifications at once; then one in each pause */
#define START_BURST    16    /* children at once, one for each person; then one in each `retry` */
#define TIMER_ACCURACY 10000 /* µs */

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

int gate_notify_new(const struct gate_notify_params *params, struct gate_notify **ret)
{
        _cleanup_(gate_notify_freep)
        struct gate_notify *n = NULL;
        int r;

        if (!params->event || !params->trusted || !params->trusted_bus || !params->last_gesture || !params->answer)
                return -EINVAL;
        n = calloc(1, sizeof(*n));
        if (!n)
                return -ENOMEM;
        n->params = *params;
        if (!n->params.runtime)
                n->params.runtime = "/run/user";
        if (!n->params.proc)
                n->params.proc = "/proc";
        r = sd_event_add_time(params->event, &n->timer, CLOCK_BOOTTIME, UINT64_MAX, TIMER_ACCURACY, on_timer, n);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(n->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(n);
        return 0;
}

void gate_notify_free(struct gate_notify *n)
{
        if (!n)
                return;
        for (size_t i = 0; i < GATE_NOTIFY_USERS; i++)
                gate_notify_user_free(n->users[i]);
        sd_event_source_disable_unref(n->timer);
        free(n);
}

void gate_notify_get_stats(const struct gate_notify *n, struct gate_notify_stats *ret)
{
        *ret = n->stats;
}

static struct gate_notify_user *find_user(struct gate_notify *n, uid_t uid)
{
        for (size_t i = 0; i < GATE_NOTIFY_USERS; i++)
                if (n->users[i] && n->users[i]->uid == uid)
                        return n->users[i];
        return NULL;
}

static struct gate_notify_slot *find_slot(struct gate_notify_user *u, const struct gate_notify_subject *subject)
{
        for (size_t i = 0; i < GATE_NOTIFY_SLOTS; i++)
                if (u->slots[i].serial && u->slots[i].subject.pid == subject->pid &&
                    u->slots[i].subject.start == subject->start)
                        return &u->slots[i];
        return NULL;
}

/* When an alarm that waits may be sent. New notifications share an allowance per person, so that a thousand short-lived
 * programs are no thousand notifications (the generic cell rate algorithm, ITU-T I.371). */
static nsec_t slot_due(const struct gate_notify *n, const struct gate_notify_user *u, const struct gate_notify_slot *s)
{
        nsec_t pause = n->params.times.pause;

        return s->sent ? s->sent + pause : u->next_open - (OPEN_BURST - 1) * pause;
}

static void send_slot(struct gate_notify *n, struct gate_notify_user *u, struct gate_notify_slot *s, nsec_t now)
{
        static struct gate_notify_order o;

        o = (struct gate_notify_order){
                .magic = GATE_NOTIFY_MAGIC,
                .verb = GATE_NOTIFY_SHOW,
                .slot = (uint32_t) (s - u->slots),
                .serial = s->serial,
                .service = u->service,
                .text = s->text[u->language],
        };
        gate_notify_text_count(&o.text, s->count);
        if (!gate_notify_user_send(u, &o, now))
                return;
        if (!s->sent)
                u->next_open = MAX(u->next_open, now) + n->params.times.pause;
        s->sent = now;
        s->dirty = false;
        s->waiting = true;
}

static void send_close(struct gate_notify_user *u, const struct gate_notify_slot *s)
{
        static struct gate_notify_order o;

        o = (struct gate_notify_order){
                .magic = GATE_NOTIFY_MAGIC,
                .verb = GATE_NOTIFY_CLOSE,
                .slot = (uint32_t) (s - u->slots),
                .serial = s->serial,
        };
        /* A child that does not take it is ended at its deadline, and its notifications with it. */
        if (u->fd >= 0)
                (void) gate_notify_user_send(u, &o, clock_boottime());
}

/* Closes what may be on the screen and empties the place. One that is under way stays until the child has answered. */
static void close_slot(struct gate_notify_user *u, struct gate_notify_slot *s)
{
        if (s->waiting) {
                s->closing = true;
                s->dirty = false;
                return;
        }
        if (s->sent)
                send_close(u, s);
        *s = (struct gate_notify_slot){0};
}

/* Sends what may be sent now, starts or ends the child where that is due, and returns when to look again. */
static nsec_t pump_user(struct gate_notify *n, struct gate_notify_user *u, nsec_t now)
{
        nsec_t next = gate_notify_user_deadline(u);

        if (next <= now) {
                gate_notify_user_stop(u, -ETIMEDOUT, true);
                return INT64_MAX;
        }
        if (u->state != GATE_NOTIFY_USER_READY)
                return next;
        for (size_t i = 0; i < GATE_NOTIFY_SLOTS; i++) {
                struct gate_notify_slot *s = &u->slots[i];
                nsec_t due = slot_due(n, u, s);

                if (!s->serial || !s->dirty || s->waiting)
                        continue;
                if (due > now)
                        next = MIN(next, due);
                else if (!u->stuck_since)
                        send_slot(n, u, s, now);
        }
        return MIN(next, gate_notify_user_deadline(u));
}

/* The timer fires on the boot clock in microseconds, never early. */
void gate_notify_pump(struct gate_notify *n)
{
        nsec_t now = clock_boottime(), next = INT64_MAX;

        for (size_t i = 0; i < GATE_NOTIFY_USERS; i++) {
                struct gate_notify_user *u = n->users[i];

                if (u && u->leaving && u->state == GATE_NOTIFY_USER_DOWN) {
                        n->users[i] = NULL;
                        gate_notify_user_free(u);
                } else if (u)
                        next = MIN(next, pump_user(n, u, now));
        }
        if (next == INT64_MAX) {
                (void) sd_event_source_set_enabled(n->timer, SD_EVENT_OFF);
                return;
        }
        (void) sd_event_source_set_time(n->timer, (uint64_t) (next / NSEC_PER_USEC + 1));
        (void) sd_event_source_set_enabled(n->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata)
{
        gate_notify_pump(userdata);
        return 0;
}

/* The person's record. If there is no room, the one that was told something longest ago has to go first: -EAGAIN. */
static int take_user(struct gate_notify *n, const struct gate_notify_alarm *alarm, struct gate_notify_user **ret)
{
        struct gate_notify_user *u = find_user(n, alarm->uid), *oldest = NULL;

        for (size_t i = 0; !u && i < GATE_NOTIFY_USERS; i++) {
                if (!n->users[i]) {
                        u = n->users[i] = gate_notify_user_new(n, alarm->uid);
                        if (!u)
                                return -ENOMEM;
                } else if (!oldest || n->users[i]->last < oldest->last)
                        oldest = n->users[i];
        }
        if (!u) {
                gate_notify_forget(n, oldest->uid);
                return -EAGAIN;
        }
        u->leaving = false;
        *ret = u;
        return 0;
}

/* Rather one that nobody has seen yet than one on the screen: else a flood of short-lived programs would wipe away the
 * alarm that matters. Of equals the one that was heard of longest ago. */
static bool goes_before(const struct gate_notify_slot *a, const struct gate_notify_slot *b)
{
        if (!a->sent != !b->sent)
                return !a->sent;
        return a->last < b->last;
}

/* A place for a new subject; NULL when all are under way. */
static struct gate_notify_slot *take_slot(struct gate_notify *n, struct gate_notify_user *u)
{
        struct gate_notify_slot *out = NULL;

        for (size_t i = 0; i < GATE_NOTIFY_SLOTS; i++) {
                struct gate_notify_slot *s = &u->slots[i];

                if (!s->serial)
                        return s;
                if (!s->waiting && (!out || goes_before(s, out)))
                        out = s;
        }
        if (out) {
                n->stats.evicted++;
                close_slot(u, out);
        }
        return out;
}

static int add_alarm(struct gate_notify *n, struct gate_notify_user *u, const struct gate_notify_alarm *alarm,
                     nsec_t now)
{
        struct gate_notify_slot *s = find_slot(u, &alarm->subject);

        if (s)
                n->stats.merged++;
        else {
                s = take_slot(n, u);
                if (!s)
                        return -EAGAIN;
                if (++u->serial == 0)
                        u->serial = 1;
                s->serial = u->serial;
                s->subject = alarm->subject;
        }
        for (size_t i = 0; i < GATE_NOTIFY_LANGUAGES; i++)
                gate_notify_text_fill(&alarm->words[i], &s->text[i]);
        s->count += s->count < UINT32_MAX;
        s->last = u->last = now;
        s->dirty = true;
        if (s->answered)
                s->shown = 0; /* that answer took it off the screen: another one needs another showing */
        s->closing = s->answered = false;
        return 0;
}

/* All persons' children share an allowance too: whoever logs in and out again and again has a record that remembers no
 * failure. */
static int start_user(struct gate_notify *n, struct gate_notify_user *u, pid_t leader, nsec_t now)
{
        nsec_t retry = n->params.times.retry;

        if (now < n->next_start - (START_BURST - 1) * retry) {
                n->stats.held++;
                return -EHOSTDOWN;
        }
        n->next_start = MAX(n->next_start, now) + retry;
        return gate_notify_user_start(u, leader, now);
}

int gate_notify_show(struct gate_notify *n, const struct gate_notify_alarm *alarm)
{
        nsec_t now = clock_boottime();
        struct gate_notify_user *u = NULL;
        int r = take_user(n, alarm, &u);

        if (r == 0 && u->state == GATE_NOTIFY_USER_DOWN)
                r = now < u->retry_at ? -EHOSTDOWN : start_user(n, u, alarm->leader, now);
        else if (r == 0 && u->state == GATE_NOTIFY_USER_ENDING)
                r = -EHOSTDOWN;
        if (r == 0)
                r = add_alarm(n, u, alarm, now);
        if (r < 0)
                n->stats.failed++;
        gate_notify_pump(n);
        return r;
}

void gate_notify_close(struct gate_notify *n, uid_t uid, const struct gate_notify_subject *subject)
{
        struct gate_notify_user *u = find_user(n, uid);
        struct gate_notify_slot *s = u ? find_slot(u, subject) : NULL;

        if (s)
                close_slot(u, s);
}

void gate_notify_forget(struct gate_notify *n, uid_t uid)
{
        struct gate_notify_user *u = find_user(n, uid);

        if (!u)
                return;
        u->leaving = true;
        gate_notify_user_end(u);
        gate_notify_pump(n);
}

/* --- what a child says --- */

static int on_ready(struct gate_notify *n, struct gate_notify_user *u, const struct gate_notify_report *r)
{
        void *ud = n->params.userdata;

        if (u->state != GATE_NOTIFY_USER_STARTING)
                return -EBADMSG;
        u->vouched = false;
        for (unsigned i = 0; i < GATE_NOTIFY_SERVICES; i++) {
                if (!r->pid[i])
                        continue;
                u->service = i;
                u->vouched = n->params.trusted(ud, (pid_t) r->pid[i]);
                if (u->vouched)
                        break;
        }
        u->service_pid = r->pid[u->service];
        u->bus_pid = r->bus_pid;
        /* From the beginning: a false bus could become a true one (exec) after what it had to say. */
        u->vouched = u->vouched && u->bus_pid && n->params.trusted_bus(ud, (pid_t) u->bus_pid);
        u->language = r->language;
        u->state = GATE_NOTIFY_USER_READY;
        return 0;
}

static bool answer_counts(struct gate_notify *n, struct gate_notify_user *u, const struct gate_notify_slot *s,
                          const struct gate_notify_report *r, nsec_t *ret_gesture)
{
        const struct gate_notify_times *t = &n->params.times;
        nsec_t now, gesture;
        void *ud = n->params.userdata;

        if (!u->vouched || r->pid[u->service] != u->service_pid || r->bus_pid != u->bus_pid ||
            !n->params.trusted(ud, (pid_t) u->service_pid) || !n->params.trusted_bus(ud, (pid_t) u->bus_pid)) {
                n->stats.untrusted++;
                return false;
        }
        gesture = n->params.last_gesture(ud, u->uid);
        now = clock_boottime();
        if (gesture <= u->gesture || gesture > now || now - gesture > t->fresh) {
                n->stats.no_gesture++;
                return false;
        }
        if (!s->shown || gesture - s->shown < t->seen) {
                n->stats.too_soon++;
                return false;
        }
        *ret_gesture = gesture;
        return true;
}

static void on_invoked(struct gate_notify *n, struct gate_notify_user *u, struct gate_notify_slot *s,
                       const struct gate_notify_report *r)
{
        struct gate_notify_answer a = {.uid = u->uid, .subject = s->subject, .action = r->action};

        /* A button that was not there, or an alarm that was answered. */
        if (!s->text[u->language].button[r->action][0] || s->answered || s->closing) {
                n->stats.untrusted++;
                return;
        }
        if (!answer_counts(n, u, s, r, &a.gesture))
                return;
        u->gesture = a.gesture;
        s->answered = true;
        n->stats.answers++;
        close_slot(u, s);
        n->params.answer(n->params.userdata, &a); /* last: it may call us */
}

static void on_shown(struct gate_notify *n, struct gate_notify_user *u, struct gate_notify_slot *s,
                     const struct gate_notify_report *r)
{
        s->waiting = false;
        if (r->value)
                n->stats.shown++;
        else
                n->stats.updated++;
        if (r->value || !s->shown)
                s->shown = clock_boottime();
        if (s->closing)
                close_slot(u, s);
}

static void on_failed(struct gate_notify *n, struct gate_notify_user *u, struct gate_notify_slot *s, int error)
{
        *s = (struct gate_notify_slot){0};
        n->stats.failed++;
        if (n->params.failed)
                n->params.failed(n->params.userdata, u->uid, error);
}

int gate_notify_report(struct gate_notify *n, struct gate_notify_user *u, const struct gate_notify_report *r)
{
        struct gate_notify_slot *s = &u->slots[r->slot];

        if (r->verb == GATE_NOTIFY_READY)
                return on_ready(n, u, r);
        if (r->verb == GATE_NOTIFY_GONE) {
                gate_notify_user_stop(u, r->value, false);
                return 0;
        }
        if (u->state != GATE_NOTIFY_USER_READY)
                return -EBADMSG;
        if (s->serial != r->serial || !s->sent)
                return 0; /* of an earlier use of the place */
        if ((r->verb == GATE_NOTIFY_SHOWN || r->verb == GATE_NOTIFY_FAILED) && !s->waiting)
                return -EBADMSG;
        switch (r->verb) {
        case GATE_NOTIFY_SHOWN:
                on_shown(n, u, s, r);
                break;
        case GATE_NOTIFY_FAILED:
                on_failed(n, u, s, r->value);
                break;
        case GATE_NOTIFY_CLOSED:
                if (!s->waiting)
                        *s = (struct gate_notify_slot){0};
                break;
        default:
                on_invoked(n, u, s, r);
        }
        return 0;
}
