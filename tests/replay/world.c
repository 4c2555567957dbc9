/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The scenario language of the replays; tests/replay/README.md lists its words. */
#include "world.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "model/gate.h"
#include "source/source.h"
#include "words.h"

static int fail(struct world *w, const char *reason, const char *what)
{
        snprintf(w->error, sizeof(w->error), "%s: %.80s", reason, what ? what : "");
        return -EINVAL;
}

const struct world_task *world_task(const struct world *w, uint32_t n)
{
        for (size_t i = w->n_tasks; i-- > 0;)
                if (w->tasks[i].task.tid == n)
                        return &w->tasks[i];
        return NULL;
}

static struct world_task *task_of(struct world *w, const char *word)
{
        struct world_task *t = word ? (struct world_task *) world_task(w, (uint32_t) strtoul(word, NULL, 10)) : NULL;

        if (!t)
                fail(w, "no such task", word);
        return t;
}

static struct world_flow *flow_of(struct world *w, const char *word)
{
        for (size_t i = w->n_flows; word && i-- > 0;)
                if (strcmp(w->flows[i].name, word) == 0)
                        return &w->flows[i];
        fail(w, "no such flow", word);
        return NULL;
}

static void send_event(struct world *w, struct event *e)
{
        e->time = w->now;
        net_flush(&w->net, w->now);
        w->event(w->userdata, e);
}

static void send_process(struct world *w, const struct world_task *t, uint8_t op, const struct world_task *creator,
                         uint32_t flags, const char *text)
{
        struct event e = {.type = EVENT_PROCESS, .op = op};

        e.process.task = t->task;
        if (creator)
                e.process.creator = creator->task;
        e.process.uid = t->uid;
        e.process.loginuid = t->loginuid;
        e.process.session = t->session;
        e.process.tty = t->tty;
        e.process.netns = t->netns;
        e.process.pidns = t->pidns;
        e.process.flags = flags;
        e.process.text = text;
        send_event(w, &e);
}

static void apply_options(struct world_task *t, const struct words *a)
{
        t->uid = (uint32_t) words_number(a, "uid", t->uid);
        t->loginuid = (uint32_t) words_number(a, "loginuid", t->loginuid);
        t->tty = (uint32_t) words_number(a, "tty", t->tty);
        t->netns = (uint32_t) words_number(a, "netns", t->netns);
        if (words_option(a, "name"))
                snprintf(t->name, sizeof(t->name), "%s", words_option(a, "name"));
}

static uint32_t task_flags(const struct words *a)
{
        return (words_has(a, "clone_parent") ? PROCESS_CLONE_PARENT : 0) |
               (words_has(a, "io_worker") ? PROCESS_IO_WORKER : 0) | (words_has(a, "sqpoll") ? PROCESS_SQPOLL : 0) |
               (words_has(a, "leader") ? PROCESS_SESSION_LEADER : 0);
}

/* fork PID by CREATOR | thread TID by CREATOR | present PID by CREATOR, with options */
static int do_create(struct world *w, const struct words *a)
{
        bool thread = strcmp(a->w[0], "thread") == 0, present = strcmp(a->w[0], "present") == 0;
        const struct world_task none = {.loginuid = UINT32_MAX, .session = UINT32_MAX, .netns = 1, .pidns = 1};
        const struct world_task *creator = NULL;
        struct world_task *t;

        if (a->n < 4 || strcmp(a->w[2], "by") != 0)
                return fail(w, "wants: NUMBER by CREATOR", a->w[0]);
        if (strcmp(a->w[3], "0") != 0 && !(creator = task_of(w, a->w[3])))
                return -EINVAL;
        if (w->n_tasks >= WORLD_TASKS)
                return fail(w, "too many tasks", a->w[1]);
        t = &w->tasks[w->n_tasks++];
        *t = creator ? *creator : none;
        t->task.tid = (uint32_t) strtoul(a->w[1], NULL, 10);
        t->task.start = ++w->boot * NSEC_PER_MSEC;
        if (!thread || !creator) {
                t->task.pid = t->task.tid;
                t->task.leader_start = t->task.start;
        }
        apply_options(t, a);
        send_process(w, t, present ? PROCESS_PRESENT : PROCESS_FORK, creator,
                     task_flags(a) | (thread ? PROCESS_THREAD : 0), t->name);
        return 0;
}

/* exec TASK PATH [options] */
static int do_exec(struct world *w, const struct words *a)
{
        struct world_task *t = task_of(w, a->n > 1 ? a->w[1] : NULL);
        const char *slash;

        if (!t)
                return -EINVAL;
        if (a->n < 3)
                return fail(w, "exec wants a path", a->w[1]);
        apply_options(t, a);
        slash = strrchr(a->w[2], '/');
        snprintf(t->name, sizeof(t->name), "%s", slash ? slash + 1 : a->w[2]);
        send_process(w, t, PROCESS_EXEC, NULL, task_flags(a), a->w[2]);
        return 0;
}

static int do_exit(struct world *w, const struct words *a)
{
        struct world_task *t = task_of(w, a->n > 1 ? a->w[1] : NULL);

        if (!t)
                return -EINVAL;
        send_process(w, t, PROCESS_EXIT, NULL, 0, NULL);
        return 0;
}

static int parse_endpoint(struct world *w, const char *word, struct addr *ret_addr, uint16_t *ret_port)
{
        if (!word || !strchr(word, ':') || words_endpoint(word, 0, ret_addr, ret_port) < 0)
                return fail(w, "no ADDRESS:PORT", word);
        return 0;
}

static struct world_flow *new_flow(struct world *w, const char *name, const struct world_task *t, const char *remote,
                                   const struct words *a)
{
        struct world_flow *f = &w->flows[w->n_flows % WORLD_FLOWS];
        const char *local = words_option(a, "local");

        memset(f, 0, sizeof(*f));
        snprintf(f->name, sizeof(f->name), "%s", name);
        if (parse_endpoint(w, remote, &f->flow.remote, &f->flow.remote_port) < 0)
                return NULL;
        if (addr_parse(local ? local : addr_is_v4(&f->flow.remote) ? "10.77.1.2" : "fd00:1::2", &f->flow.local) < 0) {
                fail(w, "no address", local);
                return NULL;
        }
        f->flow.local_port = (uint16_t) words_number(a, "port", 40000 + w->flow_id % 20000);
        f->flow.flow_id = ++w->flow_id;
        f->flow.task = t->task;
        f->flow.netns = t->netns;
        f->flow.since = f->opened = w->now;
        if (words_has(a, "present"))
                f->flow.flags |= FLOW_PRESENT;
        if (words_has(a, "thread_guess"))
                f->flow.flags |= FLOW_THREAD_GUESS;
        if (words_has(a, "inherited"))
                f->flow.flags |= FLOW_INHERITED;
        if (w->n_flows < WORLD_FLOWS - 1)
                w->n_flows++;
        return f;
}

static void send_flow(struct world *w, const struct world_flow *f, uint8_t op, const struct task *by)
{
        struct event e = {.type = EVENT_FLOW, .op = op, .flow = f->flow};

        if (by)
                e.flow.task = *by;
        send_event(w, &e);
}

/* connect|accept|datagram|heard|raw|packet TASK FLOW REMOTE: the first event of a flow */
static int do_open(struct world *w, const struct words *a)
{
        struct world_task *t = task_of(w, a->n > 1 ? a->w[1] : NULL);
        struct world_flow *f;

        if (!t)
                return -EINVAL;
        f = a->n > 3 ? new_flow(w, a->w[2], t, a->w[3], a) : NULL;
        if (!f)
                return w->error[0] ? -EINVAL : fail(w, "wants: TASK FLOW REMOTE", a->w[0]);
        f->flow.proto = words_has(a, "icmp") ? IPPROTO_ICMP : IPPROTO_TCP;
        f->flow.origin = FLOW_ORIGINATED;
        if (strcmp(a->w[0], "accept") == 0) {
                f->flow.origin = FLOW_ACCEPTED;
                f->flow.state = FLOW_STATE_ESTABLISHED;
        } else if (strcmp(a->w[0], "datagram") == 0) {
                f->flow.proto = IPPROTO_UDP;
                f->flow.pkts_out = 1;
                f->flow.bytes_out = 20;
        } else if (strcmp(a->w[0], "heard") == 0) {
                f->flow.proto = IPPROTO_UDP;
                f->flow.origin = FLOW_ACCEPTED;
                f->flow.pkts_in = 1;
                f->flow.bytes_in = 20;
        } else if (strcmp(a->w[0], "raw") == 0 || strcmp(a->w[0], "packet") == 0) {
                f->flow.flags |= a->w[0][0] == 'r' ? FLOW_RAW : FLOW_PACKET;
                f->flow.origin = FLOW_ORIGIN_UNKNOWN;
                f->flow.pkts_out = 1;
        }
        if (words_has(a, "unknown"))
                f->flow.origin = FLOW_ORIGIN_UNKNOWN;
        send_flow(w, f, FLOW_START, NULL);
        return 0;
}

static void take_totals(struct world_flow *f, const struct words *a)
{
        f->flow.bytes_in = words_number(a, "in", f->flow.bytes_in);
        f->flow.bytes_out = words_number(a, "out", f->flow.bytes_out);
        f->flow.pkts_in = (uint32_t) words_number(a, "pkts_in", f->flow.pkts_in);
        f->flow.pkts_out = (uint32_t) words_number(a, "pkts_out", f->flow.pkts_out);
        if (words_has(a, "sampled"))
                f->flow.flags |= FLOW_SAMPLED;
}

/* use TASK FLOW: the first use by another task | answered TASK FLOW | update TASK FLOW | push TASK FLOW */
static int do_flow(struct world *w, const struct words *a)
{
        struct world_task *t = task_of(w, a->n > 1 ? a->w[1] : NULL);
        struct world_flow *f = flow_of(w, a->n > 2 ? a->w[2] : NULL), mine;
        uint8_t op = FLOW_UPDATE;

        if (!t || !f)
                return -EINVAL;
        if (strcmp(a->w[0], "answered") == 0 || strcmp(a->w[0], "push") == 0) {
                f->flow.state = FLOW_STATE_ESTABLISHED;
                f->flow.bytes_in += 60;
                f->flow.bytes_out += 60;
                f->flow.pkts_in++;
        }
        take_totals(f, a);
        mine = *f;
        if (strcmp(a->w[0], "push") == 0)
                op = FLOW_PUSH;
        if (strcmp(a->w[0], "use") == 0) {
                op = FLOW_START;
                if (!task_same_process(&t->task, &f->flow.task))
                        mine.flow.flags |= FLOW_INHERITED;
        }
        send_flow(w, &mine, op, &t->task);
        return 0;
}

/* end FLOW | refused FLOW */
static int do_end(struct world *w, const struct words *a)
{
        struct world_flow *f = flow_of(w, a->n > 1 ? a->w[1] : NULL);

        if (!f)
                return -EINVAL;
        take_totals(f, a);
        f->flow.state = strcmp(a->w[0], "refused") == 0 ? FLOW_STATE_FAILED : FLOW_STATE_CLOSED;
        send_flow(w, f, FLOW_END, NULL);
        return 0;
}

/* sweep TASK COUNT REMOTE refused|silent|answered [ports] [udp] [every=1]: that many destinations, `every` ms apart */
static int do_sweep(struct world *w, const struct words *a)
{
        struct world_task *t = task_of(w, a->n > 1 ? a->w[1] : NULL);
        unsigned long count = a->n > 2 ? strtoul(a->w[2], NULL, 10) : 0;
        nsec_t every = (nsec_t) words_number(a, "every", 1) * NSEC_PER_MSEC;

        if (!t || a->n < 5)
                return w->error[0] ? -EINVAL : fail(w, "wants: TASK COUNT REMOTE how", a->w[0]);
        for (unsigned long i = 0; i < count; i++) {
                struct world_flow *f = new_flow(w, "sweep", t, a->w[3], a);

                if (!f)
                        return -EINVAL;
                if (words_has(a, "ports"))
                        f->flow.remote_port = (uint16_t) (f->flow.remote_port + i);
                else
                        f->flow.remote.b[15] = (uint8_t) (f->flow.remote.b[15] + i);
                f->flow.origin = FLOW_ORIGINATED;
                f->flow.proto = words_has(a, "udp") ? IPPROTO_UDP : IPPROTO_TCP;
                f->flow.pkts_out = 1;
                send_flow(w, f, FLOW_START, NULL);
                w->now += every;
                if (words_has(a, "answered")) {
                        f->flow.state = FLOW_STATE_ESTABLISHED;
                        f->flow.pkts_in = 1;
                        f->flow.bytes_in = 500;
                        send_flow(w, f, FLOW_UPDATE, NULL);
                } else if (words_has(a, "refused")) {
                        f->flow.state = FLOW_STATE_FAILED;
                        send_flow(w, f, FLOW_END, NULL);
                }
        }
        return 0;
}

/* forged TASK SOURCE TARGET raw|packet|bypass */
static int do_forged(struct world *w, const struct words *a)
{
        struct world_task *t = task_of(w, a->n > 1 ? a->w[1] : NULL);
        struct event e = {.type = EVENT_SOCKET, .op = SOCKET_FORGED};
        int r;

        if (!t || a->n < 5)
                return w->error[0] ? -EINVAL : fail(w, "wants: TASK SOURCE TARGET how", a->w[0]);
        e.socket.task = t->task;
        e.socket.socket_id = ++w->flow_id;
        e.socket.netns = t->netns;
        e.socket.count = (uint32_t) words_number(a, "packets", 1);
        e.socket.proto = IPPROTO_UDP;
        if ((r = parse_endpoint(w, a->w[2], &e.socket.local, &e.socket.local_port)) < 0 ||
            (r = parse_endpoint(w, a->w[3], &e.socket.remote, &e.socket.remote_port)) < 0)
                return r;
        e.socket.family = words_has(a, "raw") ? (addr_is_v4(&e.socket.local) ? AF_INET : AF_INET6) : AF_PACKET;
        e.socket.bypass = words_has(a, "bypass");
        send_event(w, &e);
        return 0;
}

static int gate_number(const char *word, unsigned n, const char *(*name)(unsigned) )
{
        for (unsigned i = 0; i < n; i++)
                if (strcmp(name(i), word) == 0)
                        return (int) i;
        return -EINVAL;
}

/* gate TASK OP denied|would_deny|allowed|seen REASON [ADDRESS:PORT] [mailer] [submitter] [count=] [with=] */
static int do_gate(struct world *w, const struct words *a)
{
        struct world_task *t = task_of(w, a->n > 1 ? a->w[1] : NULL);
        struct event e = {.type = EVENT_GATE, .source = EVENT_SOURCE_GATE};
        int op, reason;

        if (!t || a->n < 5)
                return w->error[0] ? -EINVAL : fail(w, "wants: TASK OP ACTION REASON", a->w[0]);
        op = gate_number(a->w[2], GATE_TRIES, gate_try_name);
        reason = gate_number(a->w[4], GATE_WHYS, gate_why_name);
        if (op < 0 || reason < 0)
                return fail(w, "no such operation or reason", a->w[2]);
        e.op = (uint8_t) op;
        e.gate = (struct gate_event){.task = t->task, .reason = (uint8_t) reason, .proto = IPPROTO_TCP, .uid = t->uid};
        e.gate.comm = t->name;
        e.gate.denied = strcmp(a->w[3], "denied") == 0;
        e.gate.learn = strcmp(a->w[3], "would_deny") == 0;
        e.gate.count = (uint32_t) words_number(a, "count", 1);
        e.gate.text = words_option(a, "with");
        e.gate.kinds =
                (words_has(a, "mailer") ? GATE_IS_MAILER : 0) | (words_has(a, "submitter") ? GATE_IS_SUBMITTER : 0);
        if (a->n > 5 && strchr(a->w[5], ':') && parse_endpoint(w, a->w[5], &e.gate.remote, &e.gate.port) < 0)
                return -EINVAL;
        send_event(w, &e);
        return 0;
}

static int do_idle(struct world *w, const struct words *a _unused_)
{
        struct event e = {.type = EVENT_GAP};

        send_event(w, &e);
        return 0;
}

static const struct {
        const char *word;
        int (*run)(struct world *w, const struct words *a);
} verbs[] = {
        {"fork", do_create},  {"thread", do_create}, {"present", do_create}, {"exec", do_exec},     {"exit", do_exit},
        {"connect", do_open}, {"accept", do_open},   {"datagram", do_open},  {"heard", do_open},    {"raw", do_open},
        {"packet", do_open},  {"use", do_flow},      {"answered", do_flow},  {"update", do_flow},   {"push", do_flow},
        {"end", do_end},      {"refused", do_end},   {"sweep", do_sweep},    {"forged", do_forged}, {"idle", do_idle},
        {"gate", do_gate},
};

/* times COUNT every SPAN [jitter SPAN] LINE: what the line says of time itself does not shift the others */
static int do_times(struct world *w, struct words *a)
{
        unsigned long count = a->n > 1 ? strtoul(a->w[1], NULL, 10) : 0;
        nsec_t every = 0, jitter = 0, from = w->now;
        bool wild = a->n > 5 && strcmp(a->w[4], "jitter") == 0;
        char line[WORDS_LEN];
        int body = wild ? 6 : 4, r = 0;

        if (a->n <= body || strcmp(a->w[2], "every") != 0 || clock_parse_span(a->w[3], &every) < 0 ||
            (wild && clock_parse_span(a->w[5], &jitter) < 0))
                return fail(w, "wants: COUNT every SPAN [jitter SPAN] LINE", a->w[0]);
        for (unsigned long i = 0; i < count && r == 0; i++) {
                w->now = MAX(w->now, from + (nsec_t) i * every);
                if (jitter)
                        w->now += (nsec_t) ((double) net_random(&w->net) / UINT32_MAX * (double) jitter);
                net_expand(&w->net, a->rest[body], i, line);
                r = world_line(w, line);
        }
        w->now = MAX(w->now, from + (nsec_t) count * every);
        return r;
}

void world_begin(struct world *w, void (*event)(void *userdata, const struct event *e), void *userdata)
{
        w->event = event;
        w->userdata = userdata;
        w->net = (struct net){.now = &w->now, .event = event, .userdata = userdata, .error = w->error};
}

void world_finish(struct world *w)
{
        net_flush(&w->net, INT64_MAX);
}

void world_done(struct world *w)
{
        net_done(&w->net);
}

static int run_words(struct world *w, struct words *a)
{
        int r = strcmp(a->w[0], "times") == 0 ? do_times(w, a) : net_line(&w->net, a);

        if (r != 1)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(verbs[i].word, a->w[0]) == 0)
                        return verbs[i].run(w, a);
        return fail(w, "unknown word", a->w[0]);
}

int world_line(struct world *w, const char *line)
{
        _cleanup_free_ struct words *a = malloc(sizeof(*a));
        nsec_t step;

        if (!a)
                return -ENOMEM;
        w->error[0] = '\0';
        words_split(a, line);
        for (; a->n && a->w[0][0] == '+'; words_shift(a, 1)) {
                if (clock_parse_span(a->w[0] + 1, &step) < 0)
                        return fail(w, "no span", a->w[0]);
                w->now += step;
        }
        return a->n ? run_words(w, a) : 0;
}
