/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The records of the kernel half, one by one and in snapshots: checked, and told as process, socket and flow events
 * (the latter by host_flows.c). Runs in the engine. */
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

#include "source/host_flows_internal.h"

/* What was told of the task, as far as remembered; NULL without memory. */
static struct told_task *told_of(struct host_flows *f, const struct host_task *t)
{
        const struct told_task key = {.start = t->start, .tid = t->tid};

        return table_insert(f->tasks, &key, NULL);
}

static void remember_task(struct host_flows *f, const struct host_task_record *r)
{
        struct told_task *told = told_of(f, &r->task);

        if (!told)
                return;
        told->created |= r->head.op == HOST_TASK_FORK || r->head.op == HOST_TASK_PRESENT;
        told->ended |= r->head.op == HOST_TASK_EXIT;
}

static void take_task(struct host_flows *f, const struct host_task_record *r, const char *text)
{
        static const uint8_t ops[] = {PROCESS_FORK, PROCESS_EXEC, PROCESS_EXIT, PROCESS_PRESENT};
        struct event e = {.time = f->now, .type = EVENT_PROCESS, .op = ops[r->head.op], .source = f->source};
        struct process_event *p = &e.process;

        p->task = host_task_of(&r->task);
        p->creator = host_task_of(&r->creator);
        p->exe_ino = r->exe_ino;
        p->exe_dev = r->exe_dev;
        p->cgroup = r->cgroup;
        p->uid = r->uid;
        p->loginuid = r->loginuid;
        p->session = r->session;
        p->netns = r->netns;
        p->pidns = r->pidns;
        p->tty = r->tty;
        p->flags = r->flags;
        p->text = text;
        remember_task(f, r);
        host_deliver(f, &e);
}

static void tell_socket(struct host_flows *f, uint8_t op, const struct task *who, const struct host_socket_record *r)
{
        struct event e = {.time = f->now, .type = EVENT_SOCKET, .op = op, .source = f->source};
        struct socket_event *s = &e.socket;

        s->task = *who;
        s->socket_id = r->cookie;
        memcpy(s->local.b, r->local, 16);
        memcpy(s->remote.b, r->remote, 16);
        s->local_port = r->local_port;
        s->remote_port = r->remote_port;
        s->netns = r->netns;
        s->ifindex = r->ifindex;
        s->family = r->family;
        s->proto = r->proto == PROTO_MPTCP ? IPPROTO_TCP : (uint8_t) r->proto;
        s->bypass = r->bypass;
        s->count = r->count;
        s->ethertype = r->ethertype;
        host_deliver(f, &e);
}

static void remember_listener(struct host_flows *f, uint32_t netns, uint16_t port, const struct task *who)
{
        struct listener key = {.netns = netns, .port = port};
        struct listener *l = table_insert(f->listeners, &key, NULL);

        if (l)
                l->task = *who;
}

static void take_socket(struct host_flows *f, const struct host_socket_record *r)
{
        static const uint8_t ops[] = {SOCKET_LISTEN, SOCKET_RAW,    SOCKET_PACKET,
                                      SOCKET_XDP,    SOCKET_FORGED, SOCKET_CLOSE};
        struct task who = host_task_of(&r->task);
        struct hsock *s;

        if (r->head.op == HOST_SOCKET_CLOSE) {
                s = table_find(f->socks, &r->cookie);
                if (s) {
                        tell_socket(f, SOCKET_CLOSE, &s->opener, r);
                        host_flows_end(f, s);
                }
                return;
        }
        s = host_flows_socket(f, r->cookie, r->family, r->proto);
        if (!s)
                return;
        if (!task_is_known(&s->opener))
                s->opener = who;
        /* Set up and then used: one event is enough. */
        if (s->special && r->head.op != HOST_SOCKET_FORGED && task_same_thread(&who, &s->opener) && !r->bypass)
                return;
        s->special = true;
        if (r->head.op == HOST_SOCKET_LISTEN)
                remember_listener(f, r->netns, r->local_port, &who);
        tell_socket(f, ops[r->head.op], &who, r);
}

static void take_close(struct host_flows *f, const struct host_flow_record *r)
{
        struct hsock *s = table_find(f->socks, &r->cookie);

        if (!s)
                return;
        if (r->flags & HOST_FLOW_SUBFLOW) {
                host_flows_take_subflow_close(f, r);
                return;
        }
        if (s->special) {
                struct host_socket_record end = {
                        .cookie = s->cookie, .family = s->family, .proto = s->proto, .netns = r->netns};

                tell_socket(f, SOCKET_CLOSE, &s->opener, &end);
        }
        host_flows_take_close(f, s, r);
}

/* A socket found by the snapshot. Several processes may hold it; the oldest (but init) comes first and
 * counts as its opener. */
static void take_present(struct host_flows *f, const struct host_flow_record *r)
{
        struct hsock *s = table_find(f->socks, &r->cookie);
        struct host_socket_record as_socket = {.cookie = r->cookie,
                                               .family = r->family,
                                               .proto = r->proto,
                                               .netns = r->netns,
                                               .local_port = r->local_port};
        uint8_t op;

        if (s)
                return;
        s = host_flows_socket(f, r->cookie, r->family, r->proto);
        if (!s)
                return;
        s->opener = host_task_of(&r->task);
        if (r->flags & HOST_FLOW_LISTENING)
                op = SOCKET_LISTEN;
        else if (r->family == AF_PACKET || r->family == AF_XDP)
                op = r->family == AF_PACKET ? SOCKET_PACKET : SOCKET_XDP;
        else if (r->flags & HOST_FLOW_RAW)
                op = SOCKET_RAW;
        else {
                /* Without a peer: nobody to talk to yet. A closed one was refused, or has ended: that was told when it
                 * happened, and a conversation it is no more. */
                if (r->remote_port && !(host_is_tcp(r->proto) && r->tcp_state == TCP_STATE_CLOSE))
                        host_flows_take_present(f, s, r);
                return;
        }
        memcpy(as_socket.local, r->local, 16);
        s->special = true;
        if (op == SOCKET_LISTEN)
                remember_listener(f, r->netns, r->local_port, &s->opener);
        tell_socket(f, op, &s->opener, &as_socket);
}

static int take_flow(struct host_flows *f, const struct host_flow_record *r)
{
        struct hsock *s;

        if (r->head.op == HOST_FLOW_CLOSE) {
                take_close(f, r);
                return 0;
        }
        if (r->head.op == HOST_FLOW_PRESENT) {
                take_present(f, r);
                return 0;
        }
        s = host_flows_socket(f, r->cookie, r->family, r->proto);
        return s ? host_flows_take(f, s, r) : 0;
}

static bool text_is_whole(const struct host_task_record *r, size_t len)
{
        size_t room = len - offsetof(struct host_task_record, text);

        return room == 0 || memchr(r->text, '\0', MIN(room, (size_t) HOST_TEXT_MAX)) != NULL;
}

static int take_record(struct host_flows *f, const struct host_head *h, size_t len)
{
        const size_t bare_task = offsetof(struct host_task_record, text);

        switch (h->type) {
        case HOST_RECORD_TASK:
                if (len < bare_task || h->op > HOST_TASK_PRESENT || !text_is_whole((const void *) h, len))
                        return -EBADMSG;
                take_task(f, (const void *) h, len > bare_task ? ((const struct host_task_record *) h)->text : NULL);
                return 0;
        case HOST_RECORD_FLOW:
                if (len < sizeof(struct host_flow_record) || h->op > HOST_FLOW_PRESENT)
                        return -EBADMSG;
                return take_flow(f, (const void *) h);
        case HOST_RECORD_SOCKET:
                if (len < sizeof(struct host_socket_record) || h->op > HOST_SOCKET_CLOSE)
                        return -EBADMSG;
                take_socket(f, (const void *) h);
                return 0;
        default:
                return -EBADMSG;
        }
}

static int take_checked(struct host_flows *f, const void *record, size_t len)
{
        const struct host_head *h = record;
        int r = -EBADMSG;

        if (len >= sizeof(*h) && h->time < INT64_MAX / 2)
                r = take_record(f, h, len);
        f->bad += r < 0;
        return r;
}

int host_flows_record(struct host_flows *f, const void *record, size_t len)
{
        const struct host_head *h = record;

        if (len >= sizeof(*h) && h->time < INT64_MAX / 2)
                f->now = (nsec_t) h->time + f->offset;
        return take_checked(f, record, len);
}

/* ---- snapshots ---- */

static int compare_holders(const void *a, const void *b)
{
        const struct host_flow_record *x = *(const struct host_flow_record *const *) a,
                                      *y = *(const struct host_flow_record *const *) b;
        bool lx = x->flags & HOST_FLOW_LISTENING, ly = y->flags & HOST_FLOW_LISTENING;

        if (lx != ly)
                return lx ? -1 : 1; /* listeners first: they tell what was accepted */
        if (x->cookie != y->cookie)
                return x->cookie < y->cookie ? -1 : 1;
        if ((x->task.pid == 1) != (y->task.pid == 1))
                return x->task.pid == 1 ? 1 : -1; /* init keeps what it opened for services */
        return x->task.leader_start < y->task.leader_start ? -1 : x->task.leader_start > y->task.leader_start;
}

static int compare_tasks(const void *a, const void *b)
{
        const struct host_task *x = a, *y = b;

        if (x->start != y->start)
                return x->start < y->start ? -1 : 1;
        return x->tid < y->tid ? -1 : x->tid > y->tid;
}

/* A creator on record, and who created it. */
struct ancestor {
        struct host_task task, creator;
        bool ended;
};

/* What the snapshot says about who lives. */
struct living {
        struct host_task *sorted;
        size_t n;
        uint64_t since; /* when the listing began */
        bool whole;
};

/* Who is not listed has ended; but a list made within a pid namespace, which is one without process 1, proves nothing
 * of those outside, and the parent of a living task lives. */
static bool has_ended(const struct living *l, const struct host_present_record *r, const struct host_task *creator)
{
        return l->whole && !(creator == &r->task.creator && r->task.flags & HOST_TASK_CREATOR_GUESS);
}

/* Collects the creators that are not listed. Returns how many. */
static size_t find_unlisted(const struct host_present_record *r, size_t n, const struct living *l, struct ancestor *ret)
{
        size_t found = 0;

        for (size_t i = 0; i < n; i++) {
                const struct host_task *creator = &r[i].task.creator;

                for (int k = 0; k < HOST_ANCESTORS && creator->pid; creator = &r[i].ancestors[k++])
                        /* Younger than the list: its own records follow. */
                        if (creator->start < l->since &&
                            !bsearch(creator, l->sorted, l->n, sizeof(*l->sorted), compare_tasks))
                                ret[found++] =
                                        (struct ancestor){*creator, r[i].ancestors[k], has_ended(l, &r[i], creator)};
        }
        return found;
}

/* Told as having been there, and as ended, unless that was told before; creators before those they created. */
static void tell_unlisted(struct host_flows *f, struct ancestor *unlisted, size_t n)
{
        qsort(unlisted, n, sizeof(*unlisted), compare_tasks);
        for (size_t i = 0; i < n; i++) {
                struct event e = {.time = f->now, .type = EVENT_PROCESS, .op = PROCESS_PRESENT, .source = f->source};
                const struct host_task *t = &unlisted[i].task;
                struct told_task *told = told_of(f, t);
                bool ended = unlisted[i].ended;

                if (!told)
                        continue;
                e.process.task = host_task_of(t);
                e.process.creator = host_task_of(&unlisted[i].creator);
                e.process.loginuid = e.process.session = UINT32_MAX;
                e.process.flags = t->pid != t->tid ? PROCESS_THREAD : 0;
                if (!told->created) {
                        host_deliver(f, &e);
                        ended |= told->ended; /* told of one that nobody knew */
                        told->ended = false;
                }
                e.op = PROCESS_EXIT;
                if (ended && !told->ended)
                        host_deliver(f, &e);
                told->created = true;
                told->ended |= ended;
        }
}

static void tell_tasks(struct host_flows *f, const uint8_t *bytes, size_t n)
{
        const struct host_present_record *r = (const void *) bytes;
        _cleanup_free_ struct host_task *sorted = calloc(n + 1, sizeof(*sorted));
        _cleanup_free_ struct ancestor *unlisted = calloc(n * HOST_ANCESTORS + 1, sizeof(*unlisted));
        struct living living = {.sorted = sorted, .n = n, .since = n ? r[0].task.head.time : 0};

        if (!sorted || !unlisted)
                return;
        for (size_t i = 0; i < n; i++) {
                sorted[i] = r[i].task.task;
                living.whole |= sorted[i].pid == 1;
        }
        qsort(sorted, n, sizeof(*sorted), compare_tasks);
        tell_unlisted(f, unlisted, find_unlisted(r, n, &living, unlisted));
        for (size_t i = 0; i < n; i++)
                take_checked(f, &r[i].task, sizeof(r[i].task));
}

void host_flows_snapshot(struct host_flows *f, const uint8_t *bytes, size_t len, nsec_t latest)
{
        const size_t each = sizeof(struct host_present_record), socket = sizeof(struct host_flow_record);
        size_t n_tasks = 0, n_sockets;
        _cleanup_free_ const struct host_flow_record **sorted = NULL;
        const struct host_head *first = (const void *) bytes;

        while ((n_tasks + 1) * each <= len &&
               ((const struct host_present_record *) (const void *) (bytes + n_tasks * each))->task.head.type ==
                       HOST_RECORD_TASK)
                n_tasks++;
        n_sockets = (len - n_tasks * each) / socket;
        f->bad += (len - n_tasks * each) % socket != 0;
        if (len >= sizeof(*first) && first->time < (uint64_t) latest)
                latest = (nsec_t) first->time;
        f->now = MIN(latest, INT64_MAX / 2) + f->offset;
        tell_tasks(f, bytes, n_tasks);

        sorted = calloc(n_sockets + 1, sizeof(*sorted));
        if (!sorted)
                return;
        for (size_t i = 0; i < n_sockets; i++)
                sorted[i] = (const void *) (bytes + n_tasks * each + i * socket);
        qsort(sorted, n_sockets, sizeof(*sorted), compare_holders);
        for (size_t i = 0; i < n_sockets; i++)
                take_checked(f, sorted[i], socket);
}
