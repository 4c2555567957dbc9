/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of the kernel half become events. Runs in the engine. The kernel aggregates per (socket, thread); here
 * sockets are joined into flows with an opener, an origin and totals. */
#include "source/host_flows_internal.h"

#include <errno.h>
#include <sys/socket.h>
#include <xxhash.h>

static void unlink_flow(struct hflow *fl)
{
        *(fl->prev ? &fl->prev->next : &fl->sock->flows) = fl->next;
        if (fl->next)
                fl->next->prev = fl->prev;
}

static bool on_evict_flow(void *userdata, void *entry)
{
        struct host_flows *f = userdata;
        struct hflow *fl = entry;

        f->evicted += f->now - fl->last < IDLE;
        unlink_flow(fl);
        return true;
}

static bool on_evict_sock(void *userdata, void *entry)
{
        struct host_flows *f = userdata;
        struct hsock *s = entry;

        while (s->flows) {
                struct hflow *fl = s->flows;

                f->evicted += f->now - fl->last < IDLE;
                unlink_flow(fl);
                table_remove(f->flows, fl);
        }
        return true;
}

int host_flows_new(const struct event_sink *sink, nsec_t offset, uint8_t source, struct host_flows **ret)
{
        _cleanup_(host_flows_freep)
        struct host_flows *f = calloc(1, sizeof(*f));
        struct table_params socks = {"host sockets",       HOST_SOCKETS,  sizeof(uint64_t),
                                     sizeof(struct hsock), on_evict_sock, f};
        struct table_params flows = {"host flows",         HOST_FLOWS,    sizeof(struct hflow_key),
                                     sizeof(struct hflow), on_evict_flow, f};
        struct table_params listeners = {"listeners", LISTENERS, 8, sizeof(struct listener), NULL, NULL};
        struct table_params tasks = {"told tasks", TASKS, offsetof(struct told_task, created), sizeof(struct told_task),
                                     NULL,         NULL};
        int r;

        if (!f)
                return -ENOMEM;
        f->sink = *sink;
        f->offset = offset;
        f->source = source;
        if ((r = table_new(&socks, &f->socks)) < 0 || (r = table_new(&flows, &f->flows)) < 0 ||
            (r = table_new(&listeners, &f->listeners)) < 0 || (r = table_new(&tasks, &f->tasks)) < 0)
                return r;
        *ret = TAKE_PTR(f);
        return 0;
}

void host_flows_free(struct host_flows *f)
{
        if (!f)
                return;
        table_free(f->socks);
        table_free(f->flows);
        table_free(f->listeners);
        table_free(f->tasks);
        free(f);
}

static void deliver_flow(struct host_flows *f, struct hflow *fl, uint8_t op, const struct task *who, uint16_t flags)
{
        struct event e = {.time = f->now, .type = EVENT_FLOW, .op = op, .source = f->source};
        struct flow_event *o = &e.flow;

        o->task = *who;
        o->flow_id = fl->flow_id;
        o->local = fl->local;
        o->remote = fl->remote;
        o->local_port = fl->local_port;
        o->remote_port = fl->remote_port;
        o->netns = fl->netns;
        o->bytes_out = fl->bytes_out;
        o->bytes_in = fl->bytes_in;
        o->pkts_out = fl->pkts_out;
        o->pkts_in = fl->pkts_in;
        o->proto = fl->key.proto == PROTO_MPTCP ? IPPROTO_TCP : (uint8_t) fl->key.proto;
        o->origin = fl->origin;
        o->state = fl->state;
        o->flags = fl->flags | flags;
        o->since = fl->since;
        if (op != FLOW_END && task_is_known(who) && task_is_known(&fl->sock->opener) &&
            !task_same_process(who, &fl->sock->opener))
                o->flags |= FLOW_INHERITED;
        fl->told = true;
        host_deliver(f, &e);
}

struct hsock *host_flows_socket(struct host_flows *f, uint64_t cookie, uint16_t family, uint16_t proto)
{
        bool created;
        struct hsock *s = table_insert(f->socks, &cookie, &created);

        if (s && created) {
                s->family = family;
                s->proto = proto;
        }
        return s;
}

static void set_endpoints(struct hflow *fl, const struct host_flow_record *r)
{
        struct addr local, remote;

        memcpy(local.b, r->local, 16);
        memcpy(remote.b, r->remote, 16);
        if (r->local_port)
                fl->local_port = r->local_port;
        if (r->remote_port)
                fl->remote_port = r->remote_port;
        if (!addr_is_unspecified(&local) || addr_is_unspecified(&fl->local))
                fl->local = local;
        if (!addr_is_unspecified(&remote))
                fl->remote = remote;
        if (r->netns)
                fl->netns = r->netns;
}

static struct hflow_key key_of(const struct host_flow_record *r)
{
        struct hflow_key key = {.cookie = r->cookie};

        if (host_is_tcp(r->proto)) {
                key.proto = IPPROTO_TCP;
                return key;
        }
        key.proto = r->proto;
        key.port = r->remote_port;
        memcpy(key.remote.b, r->remote, 16);
        return key;
}

static uint16_t flags_of(uint16_t record_flags)
{
        return (uint16_t) ((record_flags & HOST_FLOW_RAW ? FLOW_RAW : 0) |
                           (record_flags & HOST_FLOW_PACKET ? FLOW_PACKET : 0) |
                           (record_flags & HOST_FLOW_XDP ? FLOW_XDP : 0) |
                           (record_flags & HOST_FLOW_SAMPLED ? FLOW_SAMPLED : 0) |
                           (record_flags & HOST_FLOW_NO_PEER ? FLOW_NO_PEER : 0));
}

static struct hflow *get_flow(struct host_flows *f, struct hsock *s, const struct host_flow_record *r)
{
        struct hflow_key key = key_of(r);
        bool created;
        struct hflow *fl = table_insert(f->flows, &key, &created);

        if (!fl)
                return NULL;
        if (created) {
                fl->sock = s;
                fl->next = s->flows;
                if (s->flows)
                        s->flows->prev = fl;
                s->flows = fl;
                fl->since = f->now;
                /* An MPTCP socket's key may come again later. JSON readers take it as a signed number. */
                fl->flow_id = XXH64(&key, sizeof(key), (uint64_t) f->now) & INT64_MAX;
        }
        set_endpoints(fl, r);
        fl->flags |= flags_of(r->flags);
        fl->last = f->now;
        return fl;
}

static void add_volume(struct hflow *fl, const struct host_flow_record *r)
{
        if (r->flags & HOST_FLOW_TCP_TOTALS) {
                fl->bytes_out = MAX(fl->bytes_out, r->bytes_out);
                fl->bytes_in = MAX(fl->bytes_in, r->bytes_in);
                fl->pkts_out = MAX(fl->pkts_out, r->pkts_out);
                fl->pkts_in = MAX(fl->pkts_in, r->pkts_in);
        } else {
                fl->bytes_out += r->bytes_out;
                fl->bytes_in += r->bytes_in;
                fl->pkts_out += r->pkts_out;
                fl->pkts_in += r->pkts_in;
        }
        if (!host_is_tcp(fl->key.proto) && fl->pkts_out && fl->pkts_in)
                fl->state = FLOW_STATE_ESTABLISHED;
}

/* True the first time for each thread, as far as remembered. */
static bool is_new_user(struct hflow *fl, const struct task *t)
{
        const uint64_t key[] = {t->start, t->tid};
        uint32_t id = (uint32_t) XXH64(key, sizeof(key), 0) | 1;

        for (int i = 0; i < USERS; i++)
                if (fl->users[i] == id)
                        return false;
        fl->users[fl->next_user++ % USERS] = id;
        return true;
}

/* Who accepts on that port: for a connection that nobody has used. */
static struct task listener_of(struct host_flows *f, const struct hflow *fl)
{
        struct listener key = {.netns = fl->netns, .port = fl->local_port};
        struct listener *l = table_find(f->listeners, &key);

        return l ? l->task : (struct task){0};
}

/* The beginning was not seen (records were lost, or the flow was forgotten): TCP to a port that listens here was
 * accepted; without a connection, whoever is first heard of began. */
static uint8_t guess_origin(struct host_flows *f, const struct hflow *fl, const struct host_flow_record *r)
{
        struct task listener;

        if (!host_is_tcp(r->proto))
                return r->flags & HOST_FLOW_RECEIVED ? FLOW_ACCEPTED : FLOW_ORIGINATED;
        listener = listener_of(f, fl);
        return task_is_known(&listener) ? FLOW_ACCEPTED : FLOW_ORIGINATED;
}

static void take_use(struct host_flows *f, struct hsock *s, const struct host_flow_record *r)
{
        struct task who = host_task_of(&r->task);
        struct hflow *fl = get_flow(f, s, r);
        bool established;

        if (!fl)
                return;
        if (!task_is_known(&s->opener) && task_is_known(&who))
                s->opener = who;
        if (fl->origin == FLOW_ORIGIN_UNKNOWN)
                fl->origin = guess_origin(f, fl, r);
        add_volume(fl, r);
        established = host_is_tcp(r->proto) && r->tcp_state != TCP_STATE_SYN_SENT /* fast open */;
        if (established && fl->state == FLOW_STATE_NEW)
                fl->state = FLOW_STATE_ESTABLISHED;
        if (is_new_user(fl, &who))
                deliver_flow(f, fl, FLOW_START, &who, 0);
        else if (r->head.op != HOST_FLOW_PUSH)
                deliver_flow(f, fl, FLOW_UPDATE, &who, 0);
        if (r->head.op == HOST_FLOW_PUSH)
                deliver_flow(f, fl, FLOW_PUSH, &who, 0);
}

static void take_connect(struct host_flows *f, struct hsock *s, const struct host_flow_record *r)
{
        struct task who = host_task_of(&r->task);
        struct hflow *fl = get_flow(f, s, r);

        if (!fl)
                return;
        if (!task_is_known(&s->opener))
                s->opener = who;
        fl->origin = FLOW_ORIGINATED;
        /* An MPTCP socket says that it connects before it says where to: its first subflow does. */
        if (fl->remote_port && is_new_user(fl, &who))
                deliver_flow(f, fl, FLOW_START, &who, 0);
}

static void take_established(struct host_flows *f, struct hsock *s, const struct host_flow_record *r)
{
        struct hflow *fl = get_flow(f, s, r);

        if (!fl)
                return;
        if (fl->origin == FLOW_ORIGIN_UNKNOWN)
                fl->origin = r->head.op == HOST_FLOW_ACCEPTED ? FLOW_ACCEPTED : FLOW_ORIGINATED;
        fl->state = FLOW_STATE_ESTABLISHED;
        if (fl->told)
                deliver_flow(f, fl, FLOW_UPDATE, &s->opener, 0);
}

static void end_flow(struct host_flows *f, struct hsock *s, struct hflow *fl)
{
        if (!fl->told && fl->origin == FLOW_ACCEPTED) {
                s->opener = listener_of(f, fl);
                if (!task_is_known(&s->opener))
                        return;
                s->opener.tid = s->opener.pid;
                s->opener.start = s->opener.leader_start;
                deliver_flow(f, fl, FLOW_START, &s->opener, FLOW_THREAD_GUESS);
        }
        if (fl->told)
                deliver_flow(f, fl, FLOW_END, &s->opener, 0);
}

void host_flows_take_subflow_close(struct host_flows *f, const struct host_flow_record *r)
{
        struct hflow_key key = key_of(r);
        struct hflow *fl = table_find(f->flows, &key);

        if (fl)
                add_volume(fl, r);
}

void host_flows_end(struct host_flows *f, struct hsock *s)
{
        while (s->flows) {
                struct hflow *fl = s->flows;

                if (fl->state != FLOW_STATE_FAILED)
                        fl->state = FLOW_STATE_CLOSED;
                end_flow(f, s, fl);
                unlink_flow(fl);
                table_remove(f->flows, fl);
        }
        table_remove(f->socks, s);
}

void host_flows_take_close(struct host_flows *f, struct hsock *s, const struct host_flow_record *r)
{
        if (host_is_tcp(r->proto) || r->pkts_out || r->pkts_in) {
                struct hflow_key key = key_of(r);
                struct hflow *fl = table_find(f->flows, &key);

                if (fl) {
                        add_volume(fl, r);
                        if (host_is_tcp(r->proto)) /* of others the packets said more than the socket knows */
                                set_endpoints(fl, r);
                        if (r->flags & HOST_FLOW_FAILED)
                                fl->state = FLOW_STATE_FAILED;
                }
        }
        host_flows_end(f, s);
}

static uint8_t state_of_present(const struct host_flow_record *r)
{
        bool answered =
                host_is_tcp(r->proto) && r->tcp_state != TCP_STATE_SYN_SENT && r->tcp_state != TCP_STATE_SYN_RECV;

        return answered ? FLOW_STATE_ESTABLISHED : FLOW_STATE_NEW;
}

void host_flows_take_present(struct host_flows *f, struct hsock *s, const struct host_flow_record *r)
{
        struct hflow *fl = get_flow(f, s, r);
        struct task listener;

        if (!fl)
                return;
        listener = listener_of(f, fl);
        fl->flags |= FLOW_PRESENT;
        fl->origin = host_is_tcp(r->proto) && task_is_known(&listener) ? FLOW_ACCEPTED : FLOW_ORIGINATED;
        fl->state = state_of_present(r);
        add_volume(fl, r);
        if (is_new_user(fl, &s->opener))
                deliver_flow(f, fl, FLOW_START, &s->opener, 0);
}

int host_flows_take(struct host_flows *f, struct hsock *s, const struct host_flow_record *r)
{
        switch (r->head.op) {
        case HOST_FLOW_CONNECT:
                take_connect(f, s, r);
                return 0;
        case HOST_FLOW_ESTABLISHED:
        case HOST_FLOW_ACCEPTED:
                take_established(f, s, r);
                return 0;
        case HOST_FLOW_TAKEN:
        case HOST_FLOW_USE:
        case HOST_FLOW_PUSH:
                take_use(f, s, r);
                return 0;
        default:
                return -EBADMSG;
        }
}

uint64_t host_flows_bad(const struct host_flows *f)
{
        return f->bad;
}

uint64_t host_flows_take_evicted(struct host_flows *f)
{
        uint64_t n = f->evicted;

        f->evicted = 0;
        return n;
}

void host_flows_get_stats(const struct host_flows *f, struct table_stats *ret_flows, struct table_stats *ret_sockets)
{
        table_get_stats(f->flows, ret_flows);
        table_get_stats(f->socks, ret_sockets);
}
