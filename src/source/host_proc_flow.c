/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The flow table of the /proc back end: totals and states from packet headers, ends from the socket tables, a process
 * from whoever holds the socket. Runs in the engine. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <xxhash.h>

#include "source/host_proc_track_internal.h"
#include "source/proc_scan.h"

#define FLOWS_MAX      32768u
#define PENDING_IN_MAX 256u /* datagrams to ports whose socket is not known yet: a scan must not fill the table */
#define TRIES_MAX      2    /* scans that may not find an owner */
#define SILENCE        NSEC_PER_SEC
#define UPDATE_EVERY   (30 * NSEC_PER_SEC)
#define LINGER         (5 * NSEC_PER_SEC) /* an ended flow stays known, so that its last packets begin no other */
#define LATE           (NSEC_PER_SEC / 5) /* between a socket's end and reading its last packets from the ring */
#define IDLE_DATAGRAM  (120 * NSEC_PER_SEC)
#define IDLE_OTHER     (30 * NSEC_PER_SEC)
#define IDLE_TCP       (600 * NSEC_PER_SEC) /* only for those without a socket whose end could be seen */
#define FIRST_BYTES    100                  /* what tenfold begins with */

#define ICMP_REQUEST  8
#define ICMP6_REQUEST 128

/* Pending flows form a list of their own. */

static void unlink_pending(struct host_proc_track *t, struct flow *f)
{
        if (!f->pending)
                return;
        if (f->prev_pending)
                f->prev_pending->next_pending = f->next_pending;
        else
                t->pending = f->next_pending;
        if (f->next_pending)
                f->next_pending->prev_pending = f->prev_pending;
        f->next_pending = f->prev_pending = NULL;
        f->pending = false;
}

static void link_pending(struct host_proc_track *t, struct flow *f)
{
        f->pending = true;
        f->next_pending = t->pending;
        f->prev_pending = NULL;
        if (t->pending)
                t->pending->prev_pending = f;
        t->pending = f;
}

static bool forget_flow(void *userdata, void *entry)
{
        struct host_proc_track *t = userdata;
        struct flow *f = entry;

        if (!f->ended)
                host_proc_track_gap(t, GAP_TABLE_FULL, 1, "flows of the /proc back end");
        unlink_pending(t, f);
        return true;
}

int host_proc_flow_new(struct host_proc_track *t)
{
        const struct table_params flows = {"flows",     FLOWS_MAX, sizeof(struct flow_key), sizeof(struct flow),
                                           forget_flow, t};

        return table_new(&flows, &t->flows);
}

static void emit_flow(struct host_proc_track *t, struct flow *f, enum flow_op op, nsec_t time)
{
        bool icmp = f->key.proto == IPPROTO_ICMP || f->key.proto == IPPROTO_ICMPV6;
        struct event e = {.type = EVENT_FLOW, .op = (uint8_t) op};

        e.flow = (struct flow_event){.task = f->task,
                                     .flow_id = f->id,
                                     .local = f->key.local,
                                     .remote = f->key.remote,
                                     .local_port = f->key.local_port,
                                     .remote_port = icmp ? 0 : f->key.remote_port,
                                     .netns = f->key.netns,
                                     .bytes_out = f->bytes_out,
                                     .bytes_in = f->bytes_in,
                                     .pkts_out = f->pkts_out,
                                     .pkts_in = f->pkts_in,
                                     .proto = f->key.proto,
                                     .origin = f->origin,
                                     .state = f->state,
                                     .flags = f->flags,
                                     .since = f->since};
        f->told_bytes = f->bytes_out + f->bytes_in;
        f->last_event = time;
        f->changed = false;
        host_proc_track_emit(t, &e, time);
}

static void start(struct host_proc_track *t, struct flow *f, const struct host_proc_id *id, uint64_t inode)
{
        f->task = host_proc_track_task(id);
        f->inode = inode;
        if (f->task.pid != 0)
                f->flags |= FLOW_THREAD_GUESS;
        unlink_pending(t, f);
        f->started = true;
        emit_flow(t, f, FLOW_START, t->now);
        if (f->ended)
                emit_flow(t, f, FLOW_END, t->now);
}

/* Starts the flow if its process is known by now. */
static bool try_start(struct host_proc_track *t, struct flow *f)
{
        const struct owner *o = host_proc_owner_find(t, &f->key);
        const struct raw_owner *raw;

        if (o && o->id.pid != 0) {
                /* A datagram of the other side on a socket that is connected: this side began. */
                if (f->origin == FLOW_ACCEPTED && f->key.proto == IPPROTO_UDP && o->key.remote_port != 0)
                        f->origin = FLOW_ORIGINATED;
                start(t, f, &o->id, o->inode);
                return true;
        }
        if (f->key.proto == IPPROTO_TCP || f->key.proto == IPPROTO_UDP)
                return false;
        if (host_proc_owner_raw(t, f->key.netns, f->key.proto, &raw) != 1)
                return false;
        if (raw->table == PROC_TABLE_RAW)
                f->flags |= FLOW_RAW;
        start(t, f, &raw->id, raw->inode);
        return true;
}

static void wait_for_scan(struct host_proc_track *t, struct flow *f)
{
        f->wait_scan = t->scan + 1;
        t->wants_scan = true;
}

static void drop(struct host_proc_track *t, struct flow *f)
{
        unlink_pending(t, f);
        table_remove(t->flows, f);
}

static const struct owner *find_listener(struct host_proc_track *t, const struct flow_key *k)
{
        return k->proto == IPPROTO_TCP ? host_proc_owner_listener(t, k->netns, &k->local, k->local_port) : NULL;
}

static void give_up(struct host_proc_track *t, struct flow *f)
{
        static const struct host_proc_id nobody = {0};
        const struct raw_owner *raw;

        const struct owner *listener;

        if (f->pkts_out == 0 && f->inode == 0) {
                drop(t, f); /* sent to us, and nobody here wanted it */
                return;
        }
        /* A connection that waits to be accepted is no process's yet. */
        listener = f->origin == FLOW_ACCEPTED ? find_listener(t, &f->key) : NULL;
        if (listener && listener->id.pid != 0) {
                start(t, f, &listener->id, 0);
                return;
        }
        /* What a raw socket sends is answered by nobody here. */
        if ((f->state == FLOW_STATE_NEW || f->state == FLOW_STATE_FAILED) &&
            host_proc_owner_raw(t, f->key.netns, f->key.proto, &raw) == 1 && raw->table == PROC_TABLE_RAW) {
                f->flags |= FLOW_RAW;
                start(t, f, &raw->id, raw->inode);
                return;
        }
        host_proc_track_gap(t, GAP_NO_TASK, 1, "flows whose socket was gone before /proc was read");
        start(t, f, &nobody, f->inode);
}

static void end(struct host_proc_track *t, struct flow *f, bool reset)
{
        if (f->ended)
                return;
        if (f->state == FLOW_STATE_NEW && (reset || f->key.proto == IPPROTO_TCP))
                f->state = FLOW_STATE_FAILED;
        else
                f->state = FLOW_STATE_CLOSED;
        f->ended = true;
        f->ended_at = t->now;
        if (f->started)
                emit_flow(t, f, FLOW_END, t->now);
}

/* Nobody saw who began: a port that listens here, else the higher port is the client's. */
static uint8_t guess_origin(struct host_proc_track *t, const struct flow_key *k)
{
        if (k->proto == IPPROTO_TCP) {
                if (host_proc_owner_listener(t, k->netns, &k->local, k->local_port))
                        return FLOW_ACCEPTED;
                if (host_proc_owner_listener(t, k->netns, &k->remote, k->remote_port))
                        return FLOW_ORIGINATED;
        }
        return k->local_port > k->remote_port ? FLOW_ORIGINATED : FLOW_ORIGIN_UNKNOWN;
}

static struct flow *add_flow(struct host_proc_track *t, const struct flow_key *key, nsec_t time)
{
        struct flow *f = table_insert(t->flows, key, NULL);

        if (!f)
                return NULL;
        f->since = f->last = f->last_event = time;
        f->id = XXH64(key, sizeof(*key), ++t->n_flows) & INT64_MAX; /* the same ports again: another. Signed in JSON */
        link_pending(t, f);
        wait_for_scan(t, f);
        return f;
}

/* Packets. */

/* False for what is no flow of a process: answers that the kernel gives, errors, names of neighbours. */
static bool icmp_key(const struct host_proc_packet *p, bool out, struct flow_key *k)
{
        uint8_t type = (uint8_t) (p->icmp >> 8);
        uint8_t request = p->is_v6 ? ICMP6_REQUEST : ICMP_REQUEST;
        uint8_t reply = p->is_v6 ? ICMP6_REQUEST + 1 : 0;

        if (type != (out ? request : reply))
                return false;
        k->local_port = (uint16_t) (request << 8);
        k->remote_port = p->icmp_id;
        return true;
}

static bool key_of(const struct host_proc_track *t, const struct host_proc_packet *p, bool out, struct flow_key *k)
{
        *k = (struct flow_key){.local = out ? p->src : p->dst,
                               .remote = out ? p->dst : p->src,
                               .netns = t->netns,
                               .local_port = out ? p->sport : p->dport,
                               .remote_port = out ? p->dport : p->sport,
                               .proto = p->proto};
        if (p->fragment)
                return false;
        if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6)
                return icmp_key(p, out, k);
        /* Group membership is the kernel's own. */
        return p->proto != IPPROTO_IGMP;
}

static uint8_t origin_of(struct host_proc_track *t, const struct host_proc_packet *p, bool out,
                         const struct flow_key *k)
{
        bool first = out;

        if (p->proto == IPPROTO_TCP) {
                if (!(p->tcp_flags & TCP_FLAG_SYN))
                        return guess_origin(t, k);
                if (p->tcp_flags & TCP_FLAG_ACK)
                        first = !out;
        }
        return first ? FLOW_ORIGINATED : FLOW_ACCEPTED;
}

/* May this packet begin a flow? */
static bool may_begin(struct host_proc_track *t, const struct host_proc_packet *p, bool out, const struct flow_key *k)
{
        if (p->proto == IPPROTO_TCP) {
                bool syn = p->tcp_flags & TCP_FLAG_SYN;

                if (p->tcp_flags & TCP_FLAG_RST || (!syn && p->payload == 0))
                        return false;
                if (out)
                        return true;
                if (syn && !(p->tcp_flags & TCP_FLAG_ACK))
                        return host_proc_owner_listener(t, k->netns, &k->local, k->local_port) != NULL;
                return host_proc_owner_find(t, k) != NULL;
        }
        if (out || host_proc_owner_find(t, k))
                return true;
        if (p->proto != IPPROTO_UDP || t->n_pending_in >= PENDING_IN_MAX)
                return false;
        t->n_pending_in++; /* until the next answer */
        return true;
}

/* The same packet shows on a bridge, a bond and their ports: only the device that showed the flow first counts, until
 * it is silent. */
static bool counts(struct flow *f, const struct host_proc_captured *p, bool out)
{
        uint32_t *device = out ? &f->if_out : &f->if_in;
        nsec_t *at = out ? &f->if_out_at : &f->if_in_at;

        if (*device != p->ifindex && *device != 0 && p->time - *at < SILENCE)
                return false;
        *device = p->ifindex;
        *at = p->time;
        return true;
}

static void follow_state(struct flow *f, const struct host_proc_packet *p, bool out)
{
        uint8_t before = f->state;

        if (p->proto == IPPROTO_TCP) {
                if ((p->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) != TCP_FLAG_SYN && f->state == FLOW_STATE_NEW &&
                    !(p->tcp_flags & TCP_FLAG_RST))
                        f->state = FLOW_STATE_ESTABLISHED;
                if (p->tcp_flags & TCP_FLAG_FIN)
                        *(out ? &f->fin_out : &f->fin_in) = true;
        } else if (f->pkts_in > 0 && f->pkts_out > 0 && f->state == FLOW_STATE_NEW)
                f->state = FLOW_STATE_ESTABLISHED;
        f->changed = f->changed || before != f->state;
}

static struct flow *flow_of(struct host_proc_track *t, const struct host_proc_captured *p, bool out)
{
        const struct host_proc_packet *h = &p->packet;
        bool syn = h->proto == IPPROTO_TCP && (h->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN;
        struct flow_key key;
        struct flow *f;

        if (!key_of(t, h, out, &key))
                return NULL;
        f = table_find(t->flows, &key);
        if (f && f->ended && (syn || h->proto != IPPROTO_TCP)) {
                if (!f->started)
                        give_up(t, f);
                f = table_find(t->flows, &key);
                if (f)
                        drop(t, f); /* the same ports again */
                f = NULL;
        }
        if (f || !may_begin(t, h, out, &key))
                return f;
        f = add_flow(t, &key, p->time);
        if (f)
                f->origin = origin_of(t, h, out, &key);
        return f;
}

void host_proc_flow_packet(struct host_proc_track *t, const struct host_proc_captured *p, bool out)
{
        const struct host_proc_packet *h = &p->packet;
        struct flow *f = flow_of(t, p, out);
        bool push, tenfold;

        if (!f || f->ended || !counts(f, p, out))
                return;
        push = !out && h->payload > 0 && p->time - f->last >= SILENCE;
        if (out) {
                f->pkts_out++;
                f->bytes_out += h->payload;
        } else {
                f->pkts_in++;
                f->bytes_in += h->payload;
        }
        if (h->payload > 0)
                f->last = p->time;
        follow_state(f, h, out);
        if (!f->started)
                (void) try_start(t, f);
        tenfold = f->bytes_out + f->bytes_in >= 10 * MAX(f->told_bytes, (uint64_t) FIRST_BYTES);
        if (f->started && push)
                emit_flow(t, f, FLOW_PUSH, p->time);
        else if (f->started && (f->changed || tenfold))
                emit_flow(t, f, FLOW_UPDATE, p->time);
        if (h->proto == IPPROTO_TCP && ((h->tcp_flags & TCP_FLAG_RST) || (f->fin_in && f->fin_out)))
                end(t, f, h->tcp_flags & TCP_FLAG_RST);
}

/* Records of the scanner. */

static bool has_peer(const struct host_proc_socket *s)
{
        return s->remote_port != 0 && (s->proto == IPPROTO_UDP || (s->state != TCP_LISTEN && s->state != TCP_CLOSE));
}

static struct flow_key key_of_socket(const struct host_proc_socket *s)
{
        return (struct flow_key){.local = s->local,
                                 .remote = s->remote,
                                 .netns = s->netns,
                                 .local_port = s->local_port,
                                 .remote_port = s->remote_port,
                                 .proto = s->proto};
}

void host_proc_flow_socket(struct host_proc_track *t, const struct host_proc_socket *s)
{
        bool captured = t->p.capture && s->netns == t->netns;
        struct flow_key key = key_of_socket(s);
        struct flow *f;

        if (s->table == PROC_TABLE_UDP && s->remote_port == 0 && !captured)
                host_proc_track_gap(t, GAP_NO_PEER, 1,
                                    "UDP sockets without capture: whom they talk to is not in /proc");
        if ((s->table != PROC_TABLE_TCP && s->table != PROC_TABLE_UDP) || !has_peer(s))
                return;
        f = table_find(t->flows, &key);
        if (!f) {
                /* A connected UDP socket may never have sent: where packets are seen, they tell. */
                if (s->table == PROC_TABLE_UDP && captured)
                        return;
                f = add_flow(t, &key, t->now);
                if (!f)
                        return;
                f->wait_scan = t->scan; /* until this answer's end: whether the port listens may come later */
                f->inode = s->inode;
                f->state = s->state == TCP_SYN_SENT ? FLOW_STATE_NEW : FLOW_STATE_ESTABLISHED;
                if (t->first_scan)
                        f->flags |= FLOW_PRESENT;
                return;
        }
        if (!captured && f->state == FLOW_STATE_NEW && s->state != TCP_SYN_SENT) {
                f->state = FLOW_STATE_ESTABLISHED;
                f->changed = true;
        }
        if (f->started && s->owner.pid != 0) {
                f->task = host_proc_track_task(&s->owner);
                f->flags |= FLOW_THREAD_GUESS;
                f->inode = s->inode;
        }
}

void host_proc_flow_closed(struct host_proc_track *t, const struct host_proc_socket *s)
{
        struct flow_key key = key_of_socket(s);
        struct flow *f;

        if (s->remote_port == 0)
                return;
        f = table_find(t->flows, &key);
        if (!f || f->gone || (f->inode != s->inode && f->inode != 0))
                return;
        f->gone = true;
        f->gone_at = t->now;
}

void host_proc_flow_answered(struct host_proc_track *t)
{
        struct flow *next;

        t->n_pending_in = 0;
        t->wants_scan = false;
        for (struct flow *f = t->pending; f; f = next) {
                next = f->next_pending;
                if (f->wait_scan > t->answered) {
                        t->wants_scan = true;
                        continue;
                }
                if (f->origin == FLOW_ORIGIN_UNKNOWN)
                        f->origin = guess_origin(t, &f->key);
                if (try_start(t, f))
                        continue;
                if (++f->tries >= TRIES_MAX)
                        give_up(t, f);
                else
                        wait_for_scan(t, f);
        }
}

static bool is_over(struct host_proc_track *t, struct flow *f)
{
        nsec_t idle = t->now - f->last;

        if (f->gone)
                return t->now - f->gone_at >= LATE;
        switch (f->key.proto) {
        case IPPROTO_TCP:
                return f->inode == 0 && idle >= IDLE_TCP;
        case IPPROTO_UDP:
                if (!t->p.capture || f->key.netns != t->netns)
                        return false; /* its socket's end will be told */
                return idle >= IDLE_DATAGRAM || (idle >= SILENCE && !host_proc_owner_find(t, &f->key));
        default:
                return idle >= IDLE_OTHER;
        }
}

void host_proc_flow_sweep(struct host_proc_track *t)
{
        struct flow *next;

        for (struct flow *f = table_oldest(t->flows); f; f = next) {
                next = table_younger(t->flows, f);
                if (f->ended) {
                        if (t->now - f->ended_at >= LINGER)
                                drop(t, f);
                        continue;
                }
                if (!f->started)
                        continue;
                if (is_over(t, f))
                        end(t, f, false);
                else if (f->changed ||
                         (f->bytes_out + f->bytes_in != f->told_bytes && t->now - f->last_event >= UPDATE_EVERY))
                        emit_flow(t, f, FLOW_UPDATE, t->now);
        }
}
