/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate's records as events. Warden's half: the ring's descriptor. Engine's half: checks every field, since the
 * engine believes nothing that it could check, and says what the ring lost. */
#include "respond/gate_source.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "model/gate.h"
#include "respond/gate_load.h"
#include "respond/gate_map.h"
#include "respond/gate_obtain.h"
#include "source/host_ring.h"

#define SAME(model, kernel) static_assert((int) (model) == (int) (kernel), "the model has the kernel half's numbers")
SAME(GATE_TRY_CONNECT, GATE_OP_CONNECT);
SAME(GATE_TRY_HANDOVER, GATE_OP_HANDOVER);
SAME(GATE_TRY_ASK, GATE_OP_ASK);
SAME(GATE_TRY_PACKET, GATE_OP_PACKET);
SAME(GATE_TRY_MARK, GATE_OP_MARK);
SAME(GATE_TRY_TAMPER, GATE_OP_TAMPER);
SAME(GATE_TRY_BLOCKED, GATE_OP_BLOCKED);
SAME(GATE_TRY_INJECT, GATE_OP_INJECT);
SAME(GATE_TRIES, GATE_OPS);
SAME(GATE_WHY_NONE, GATE_REASON_NONE);
SAME(GATE_WHY_PERSON, GATE_REASON_PERSON);
SAME(GATE_WHY_AGAIN, GATE_REASON_AGAIN);
SAME(GATE_WHY_SENDER, GATE_REASON_SENDER);
SAME(GATE_WHY_ONCE, GATE_REASON_ONCE);
SAME(GATE_WHY_OPEN, GATE_REASON_OPEN);
SAME(GATE_WHY_REFUSED, GATE_REASON_ALLOWED);
SAME(GATE_WHY_PROGRAM, GATE_REASON_PROGRAM);
SAME(GATE_WHY_SUBMITTER, GATE_REASON_SUBMITTER);
SAME(GATE_WHY_FOREIGN, GATE_REASON_FOREIGN);
SAME(GATE_WHY_SESSION, GATE_REASON_SESSION);
SAME(GATE_WHY_REMOTE, GATE_REASON_REMOTE);
SAME(GATE_WHY_INACTIVE, GATE_REASON_INACTIVE);
SAME(GATE_WHY_LOCKED, GATE_REASON_LOCKED);
SAME(GATE_WHY_LAUNCHER, GATE_REASON_LAUNCHER);
SAME(GATE_WHY_BROKER, GATE_REASON_BROKER);
SAME(GATE_WHY_TERMINAL, GATE_REASON_TERMINAL);
SAME(GATE_WHY_BACKGROUND, GATE_REASON_BACKGROUND);
SAME(GATE_WHY_INJECTED, GATE_REASON_INJECTED);
SAME(GATE_WHY_GESTURE, GATE_REASON_GESTURE);
SAME(GATE_WHY_TYPED, GATE_REASON_TYPED);
SAME(GATE_WHY_FOCUS, GATE_REASON_FOCUS);
SAME(GATE_WHY_USED, GATE_REASON_USED);
SAME(GATE_WHY_SPENT, GATE_REASON_SPENT);
SAME(GATE_WHY_UNLABELLED, GATE_REASON_UNLABELLED);
SAME(GATE_WHY_BLOCKED, GATE_REASON_BLOCKED);
SAME(GATE_WHYS, GATE_REASONS);
SAME(GATE_IS_DESKTOP, GATE_KIND_DESKTOP);
SAME(GATE_IS_TERMINAL, GATE_KIND_TERMINAL);
SAME(GATE_IS_SHELL, GATE_KIND_SHELL);
SAME(GATE_IS_DOOR, GATE_KIND_DOOR);
SAME(GATE_IS_REMOTE, GATE_KIND_REMOTE);
SAME(GATE_IS_BROKER, GATE_KIND_BROKER);
SAME(GATE_IS_MAILER, GATE_KIND_MAILER);
SAME(GATE_IS_TUI_MAILER, GATE_KIND_TUI_MAILER);
SAME(GATE_IS_SUBMITTER, GATE_KIND_SUBMITTER);
SAME(GATE_IS_SENDER, GATE_KIND_SENDER);
SAME(GATE_IS_ASK, GATE_KIND_ASK);
SAME(GATE_IS_WRAPPER, GATE_KIND_WRAPPER);
SAME(GATE_IS_SERVER, GATE_KIND_SERVER);

#define AHEAD       NSEC_PER_SEC /* a record is not from later than this */
#define CHECK_EVERY NSEC_PER_SEC

/* Warden's half. */

struct opened {
        struct gate *gate;
        const struct config *config;
        char note[sizeof(((struct source_fds *) NULL)->note)];
};

static int gate_source_probe(struct buf *out)
{
        return buf_puts(out, "the mail gate: sekimori gate status says what is in force\n");
}

static int get_ring(const struct opened *o, struct source_fds *ret_fds)
{
        struct source_fds fds = {.n = 1};

        fds.fd[0] = fcntl(gate_map_fd(o->gate, GATE_MAP_RING), F_DUPFD_CLOEXEC, 3);
        if (fds.fd[0] < 0)
                return -errno;
        memcpy(fds.note, o->note, sizeof(fds.note));
        *ret_fds = fds;
        return 0;
}

static int gate_source_open(const struct config *config, struct source_fds *ret_fds, void **ret_self)
{
        _cleanup_free_ struct opened *o = calloc(1, sizeof(*o));
        struct buf note;
        int r;

        if (!o)
                return -ENOMEM;
        note = (struct buf) BUF_FIXED(o->note);
        o->config = config;
        r = gate_obtain(config, &o->gate, &note);
        if (r == 0) {
                r = get_ring(o, ret_fds);
                if (r < 0)
                        gate_release(config, o->gate);
        }
        if (r < 0)
                return r;
        *ret_self = TAKE_PTR(o);
        return 0;
}

/* What the kernel half said while there was no engine is in the ring. */
static int gate_source_request(void *self, enum source_request request, struct source_fds *ret_fds)
{
        return request == SOURCE_REQUEST_RESTART ? get_ring(self, ret_fds) : -EOPNOTSUPP;
}

static void gate_source_close(void *self)
{
        struct opened *o = self;

        gate_release(o->config, o->gate);
        free(o);
}

struct gate *gate_source_gate(void *self)
{
        return ((struct opened *) self)->gate;
}

/* Engine's half. */

struct gate_reader {
        struct source_params params;
        struct host_ring *ring;
        nsec_t offset, now, check_at; /* boot time */
        uint64_t bad, bad_told;
        uint32_t lost;
        bool begun; /* `lost` is known */
};

static nsec_t engine_now(void)
{
        return clock_boottime() + clock_engine_offset();
}

static void tell_gap(struct gate_reader *s, enum gap_reason reason, uint64_t lost, const char *text)
{
        const struct event e = {.time = engine_now(),
                                .type = EVENT_GAP,
                                .source = EVENT_SOURCE_GATE,
                                .gap = {.reason = (uint8_t) reason, .lost = lost, .text = text}};

        s->params.sink.event(s->params.sink.userdata, &e);
}

static bool is_text(const char *text, size_t size)
{
        return memchr(text, '\0', size) != NULL;
}

/* All or nothing of it is known; a thread does not begin before its process. */
static bool is_task(const struct gate_task *t)
{
        if (t->pid == 0)
                return t->tid == 0 && t->start == 0 && t->leader_start == 0;
        return t->tid != 0 && t->start >= t->leader_start && t->start <= INT64_MAX;
}

static bool is_valid(const struct gate_record *r, nsec_t now)
{
        if (r->op == GATE_TRY_NONE || r->op >= GATE_OPS || r->reason >= GATE_REASONS || r->denied > 1 || r->learn > 1)
                return false;
        /* What is let pass for a reason was not refused. */
        if (r->denied && r->reason != GATE_REASON_NONE && r->reason < GATE_REASON_ALLOWED)
                return false;
        if (r->family != 0 && r->family != AF_INET && r->family != AF_INET6 && r->family != AF_UNIX &&
            r->family != AF_PACKET)
                return false;
        if (r->time > INT64_MAX || (nsec_t) r->time > now + AHEAD ||
            (r->proto > UINT8_MAX && r->proto != IPPROTO_MPTCP) || r->count == 0)
                return false;
        return is_task(&r->task) && is_task(&r->asker) && is_text(r->comm, sizeof(r->comm)) &&
               is_text(r->text, sizeof(r->text)) && !(r->kinds >> GATE_IS_COUNT);
}

static struct task task_of(const struct gate_task *t)
{
        return (struct task){.start = t->start, .leader_start = t->leader_start, .pid = t->pid, .tid = t->tid};
}

int gate_source_parse(const void *record, size_t len, nsec_t now, nsec_t offset, struct event *ret, uint32_t *ret_lost)
{
        const struct gate_record *r = record;
        struct gate_event *g = &ret->gate;

        if (len != sizeof(*r) || !is_valid(r, now))
                return -EBADMSG;
        *ret = (struct event){
                .time = (nsec_t) r->time + offset, .type = EVENT_GATE, .op = r->op, .source = EVENT_SOURCE_GATE};
        g->task = task_of(&r->task);
        g->asker = task_of(&r->asker);
        memcpy(g->remote.b, r->addr, sizeof(g->remote.b));
        g->exe_ino = r->exe_ino;
        g->exe_dev = r->exe_dev;
        g->uid = r->uid;
        g->kinds = r->kinds;
        g->count = r->count;
        g->port = r->port;
        g->reason = r->reason;
        g->denied = r->denied;
        g->learn = r->learn;
        g->proto = (uint8_t) (r->proto == IPPROTO_MPTCP ? IPPROTO_TCP : r->proto);
        g->comm = r->comm[0] ? r->comm : NULL;
        g->text = r->text[0] ? r->text : NULL;
        *ret_lost = r->lost;
        return 0;
}

/* The number grows while the gate lives; after a gate that was loaded anew it begins again. */
static void note_lost(struct gate_reader *s, uint32_t lost)
{
        if (s->begun && lost > s->lost)
                tell_gap(s, GAP_RING_FULL, lost - s->lost, "decisions of the mail gate");
        s->begun = true;
        s->lost = lost;
}

static void each_record(void *userdata, const void *record, size_t len)
{
        struct gate_reader *s = userdata;
        struct event e;
        uint32_t lost;

        if (gate_source_parse(record, len, s->now, s->offset, &e, &lost) < 0) {
                s->bad++;
                return;
        }
        note_lost(s, lost);
        s->params.sink.event(s->params.sink.userdata, &e);
}

static void gate_source_stop(void *state)
{
        struct gate_reader *s = state;

        if (!s)
                return;
        host_ring_free(s->ring);
        free(s);
}
DEFINE_FREEP(struct gate_reader, gate_source_stop)

static int gate_source_start(const struct source_params *params, struct source_fds *fds, void **ret_state)
{
        _cleanup_(gate_source_stopp)
        struct gate_reader *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->params = *params;
        s->offset = clock_engine_offset();
        r = host_ring_new(fds->fd[0], GATE_RING_BYTES, &s->ring);
        if (r < 0)
                return r;
        fds->fd[0] = -1;
        *ret_state = TAKE_PTR(s);
        return 0;
}

static int gate_source_poll_fd(void *state)
{
        return host_ring_fd(((struct gate_reader *) state)->ring);
}

static int gate_source_dispatch(void *state, int budget)
{
        struct gate_reader *s = state;

        s->now = clock_boottime();
        return host_ring_read(s->ring, budget, each_record, s);
}

static int gate_source_tick(void *state, nsec_t boottime)
{
        struct gate_reader *s = state;
        uint64_t bad;

        if (boottime < s->check_at)
                return 0;
        s->check_at = boottime + CHECK_EVERY;
        bad = s->bad + host_ring_bad(s->ring);
        if (bad > s->bad_told)
                tell_gap(s, GAP_BAD_MESSAGE, bad - s->bad_told, "records of the mail gate");
        s->bad_told = bad;
        return 0;
}

const struct source source_gate = {
        .name = "gate",
        .help = "what the mail gate allows and refuses",
        .probe = gate_source_probe,
        .open = gate_source_open,
        .request = gate_source_request,
        .close = gate_source_close,
        .start = gate_source_start,
        .poll_fd = gate_source_poll_fd,
        .dispatch = gate_source_dispatch,
        .tick = gate_source_tick,
        .stop = gate_source_stop,
};
