/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Takes packets and records apart: processes and other sockets here, flows in host_proc_flow.c. A packet that leaves
 * with a source address that is none of ours is called forged only after a fresh look at our addresses, and only if
 * that address did not arrive here before (a router, a bridge to guests). Runs in the engine. */
#include "source/host_proc_track.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "source/host_proc_track_internal.h"
#include "source/proc_scan.h"

#define OWN_MAX      1024u
#define FOREIGN_MAX  4096u
#define FORGED_MAX   64u
#define FOREIGN_TIME (60 * NSEC_PER_SEC)
#define SWEEP_EVERY  NSEC_PER_SEC
#define LOOPBACK     1u /* in every network namespace */

struct foreign {
        struct addr addr;
        nsec_t last;
};

struct forged {
        struct addr remote;
        uint32_t proto;
        uint32_t count;
        uint32_t wait_scan;
        uint32_t ifindex;
        uint16_t sport, dport;
        bool is_v6;
        struct addr source;
};

void host_proc_track_emit(struct host_proc_track *t, struct event *e, nsec_t time)
{
        e->time = time;
        e->source = t->p.source;
        t->events++;
        t->p.sink.event(t->p.sink.userdata, e);
}

void host_proc_track_gap(struct host_proc_track *t, unsigned reason, uint64_t n, const char *text)
{
        t->gaps[reason].n += n;
        t->gaps[reason].text = text;
}

struct task host_proc_track_task(const struct host_proc_id *id)
{
        return (struct task){.pid = id->pid, .tid = id->pid, .start = id->start, .leader_start = id->start};
}

static bool forget_forged(void *userdata, void *entry)
{
        const struct forged *f = entry;

        host_proc_track_gap(userdata, GAP_TABLE_FULL, f->count, "packets with a source address in question");
        return true;
}

int host_proc_track_new(const struct host_proc_track_params *params, struct host_proc_track **ret)
{
        const struct table_params own = {"own addresses", OWN_MAX, sizeof(struct addr), sizeof(struct addr)};
        const struct table_params foreign = {"passing addresses", FOREIGN_MAX, sizeof(struct addr),
                                             sizeof(struct foreign)};
        _cleanup_(host_proc_track_freep)
        struct host_proc_track *t = calloc(1, sizeof(*t));
        struct table_params forged = {"forged",      FORGED_MAX, offsetof(struct forged, count), sizeof(struct forged),
                                      forget_forged, t};

        if (!t)
                return -ENOMEM;
        t->p = *params;
        t->first_scan = true;
        t->wants_scan = true;
        if (table_new(&own, &t->own) < 0 || table_new(&foreign, &t->foreign) < 0 ||
            table_new(&forged, &t->forged) < 0 || host_proc_owner_new(t) < 0 || host_proc_flow_new(t) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(t);
        return 0;
}

void host_proc_track_free(struct host_proc_track *t)
{
        if (!t)
                return;
        table_free(t->own);
        table_free(t->foreign);
        table_free(t->forged);
        table_free(t->owners);
        table_free(t->raws);
        table_free(t->flows);
        free(t);
}

/* Packets. */

static bool is_own(struct host_proc_track *t, const struct addr *a)
{
        return addr_is_loopback(a) || table_peek(t->own, a);
}

static void note_passing(struct host_proc_track *t, const struct host_proc_captured *p)
{
        struct foreign *f;

        if (p->ifindex == LOOPBACK)
                return;
        f = table_insert(t->foreign, &p->packet.src, NULL);
        if (f)
                f->last = p->time;
}

static bool is_passing(struct host_proc_track *t, const struct addr *a)
{
        const struct foreign *f = table_peek(t->foreign, a);

        return f && t->now - f->last < FOREIGN_TIME;
}

static void question_source(struct host_proc_track *t, const struct host_proc_captured *p)
{
        struct forged key = {.remote = p->packet.dst, .proto = p->packet.proto}, *f;
        bool created;

        /* Without an address yet: DHCP, neighbour discovery. */
        if (addr_is_unspecified(&p->packet.src) || is_passing(t, &p->packet.src))
                return;
        f = table_insert(t->forged, &key, &created);
        if (!f)
                return;
        if (created) {
                f->source = p->packet.src;
                f->sport = p->packet.sport;
                f->dport = p->packet.dport;
                f->ifindex = p->ifindex;
                f->is_v6 = p->packet.is_v6;
                f->wait_scan = t->scan + 1;
        }
        f->count++;
        t->wants_scan = true;
}

void host_proc_track_packet(struct host_proc_track *t, const struct host_proc_captured *p)
{
        if (!t->ready)
                return;
        t->now = MAX(t->now, p->time);
        switch (p->direction) {
        case HOST_PROC_OUT:
                if (is_own(t, &p->packet.src))
                        host_proc_flow_packet(t, p, true);
                else
                        question_source(t, p);
                break;
        case HOST_PROC_IN:
                if (!is_own(t, &p->packet.dst)) {
                        note_passing(t, p);
                        break;
                }
                /* A router that translates addresses passes on answers that were sent to its own. */
                if (t->forwards && !is_own(t, &p->packet.src))
                        note_passing(t, p);
                host_proc_flow_packet(t, p, false);
                break;
        case HOST_PROC_GROUP:
                if (t->forwards && !is_own(t, &p->packet.src))
                        note_passing(t, p);
                host_proc_flow_packet(t, p, false);
                break;
        default:
                note_passing(t, p);
                break;
        }
}

static void emit_forged(struct host_proc_track *t, const struct forged *f)
{
        struct event e = {.type = EVENT_SOCKET, .op = SOCKET_FORGED};
        const struct raw_owner *raw = NULL;
        unsigned n = host_proc_owner_raw(t, t->netns, 0, &raw);

        e.socket = (struct socket_event){.local = f->source,
                                         .remote = f->remote,
                                         .local_port = f->sport,
                                         .remote_port = f->dport,
                                         .netns = t->netns,
                                         .ifindex = f->ifindex,
                                         .family = f->is_v6 ? AF_INET6 : AF_INET,
                                         .proto = (uint8_t) f->proto,
                                         .count = f->count,
                                         .ethertype = f->is_v6 ? ETH_P_IPV6 : ETH_P_IP};
        if (n == 1) {
                e.socket.task = host_proc_track_task(&raw->id);
                e.socket.socket_id = raw->inode;
                if (raw->table == PROC_TABLE_PACKET)
                        e.socket.family = AF_PACKET;
        } else
                host_proc_track_gap(t, GAP_NO_TASK, f->count,
                                    n == 0 ? "forged packets: no process holds a raw or packet socket" :
                                             "forged packets: several processes hold raw or packet sockets");
        host_proc_track_emit(t, &e, t->now);
}

static void judge_sources(struct host_proc_track *t)
{
        struct forged *next;

        for (struct forged *f = table_oldest(t->forged); f; f = next) {
                next = table_younger(t->forged, f);
                if (f->wait_scan > t->answered) {
                        t->wants_scan = true;
                        continue;
                }
                if (!is_own(t, &f->source) && !is_passing(t, &f->source))
                        emit_forged(t, f);
                table_remove(t->forged, f);
        }
}

/* Records. */

static bool is_text(const char *text, size_t size)
{
        return memchr(text, '\0', size) != NULL;
}

static bool is_valid(const struct host_proc_record *r)
{
        switch (r->type) {
        case RECORD_PROCESS:
        case RECORD_EXEC:
                return r->process.id.pid != 0 && is_text(r->process.comm, sizeof(r->process.comm)) &&
                       is_text(r->process.path, sizeof(r->process.path));
        case RECORD_EXIT:
                return r->exit.pid != 0;
        case RECORD_SOCKET:
        case RECORD_CLOSED:
                return r->socket.table < PROC_TABLES && r->socket.inode != 0 && r->socket.is_v6 <= 1;
        case RECORD_ADDRESS:
        case RECORD_END:
                return true;
        default:
                return false;
        }
}

static void take_process(struct host_proc_track *t, const struct host_proc_process *p, enum process_op op)
{
        struct event e = {.type = EVENT_PROCESS, .op = (uint8_t) op};

        e.process = (struct process_event){.task = host_proc_track_task(&p->id),
                                           .creator = host_proc_track_task(&p->creator),
                                           .exe_ino = p->exe_ino,
                                           .cgroup = p->cgroup,
                                           .exe_dev = p->exe_dev,
                                           .uid = p->uid,
                                           .loginuid = p->loginuid,
                                           .session = p->session,
                                           .netns = p->netns,
                                           .tty = p->tty,
                                           .flags = p->flags,
                                           .pidns = p->pidns,
                                           .text = p->path[0] ? p->path : p->comm};
        host_proc_track_emit(t, &e, t->now);
}

static void emit_socket(struct host_proc_track *t, const struct host_proc_socket *s, enum socket_op op)
{
        struct event e = {.type = EVENT_SOCKET, .op = (uint8_t) op};

        e.socket = (struct socket_event){.task = host_proc_track_task(&s->owner),
                                         .socket_id = s->inode,
                                         .local = s->local,
                                         .remote = s->remote,
                                         .local_port = s->local_port,
                                         .remote_port = s->remote_port,
                                         .netns = s->netns,
                                         .ifindex = s->ifindex,
                                         .family = s->table == PROC_TABLE_PACKET ? AF_PACKET :
                                                   s->is_v6                      ? AF_INET6 :
                                                                                   AF_INET,
                                         .proto = s->proto,
                                         .ethertype = s->ethertype};
        host_proc_track_emit(t, &e, t->now);
}

/* The event that a socket is one of its own kind for; -1: none. */
static int socket_op_of(const struct host_proc_socket *s)
{
        switch (s->table) {
        case PROC_TABLE_TCP:
                return s->state == TCP_LISTEN ? SOCKET_LISTEN : -1;
        case PROC_TABLE_RAW:
                return SOCKET_RAW;
        case PROC_TABLE_PACKET:
                return SOCKET_PACKET;
        default:
                return -1;
        }
}

static void take_socket(struct host_proc_track *t, const struct host_proc_socket *s)
{
        int op = socket_op_of(s);
        bool fresh = host_proc_owner_set(t, s);

        if (op >= 0 && fresh)
                emit_socket(t, s, (enum socket_op) op);
        host_proc_flow_socket(t, s);
}

static void take_closed(struct host_proc_track *t, const struct host_proc_socket *s)
{
        host_proc_owner_clear(t, s);
        if (socket_op_of(s) >= 0)
                emit_socket(t, s, SOCKET_CLOSE);
        host_proc_flow_closed(t, s);
}

/* What these rights do not show, said once, and again when there is more of it. */
static void tell_limits(struct host_proc_track *t, const struct host_proc_end *end)
{
        struct event e = {.type = EVENT_GAP};
        char text[256];
        struct buf b = BUF_FIXED(text);

        if (t->told_limits && end->hidden <= t->told_hidden && end->namespaces <= t->told_namespaces)
                return;
        t->told_limits = true;
        t->told_hidden = end->hidden;
        t->told_namespaces = end->namespaces;
        if (!t->p.capture)
                (void) buf_puts(&b, "packets: connections are polled, peers of UDP and forged sources are not seen; ");
        if (end->hidden > 0)
                (void) buf_printf(&b, "descriptors of %u processes; ", end->hidden);
        if (end->namespaces > 0)
                (void) buf_printf(&b, "packets in %u other network namespaces; ", end->namespaces);
        if (end->skipped > 0)
                (void) buf_printf(&b, "%u more network namespaces; ", end->skipped);
        if (b.len == 0)
                return;
        text[b.len - 2] = '\0';
        e.gap = (struct gap_event){.lost = (uint64_t) end->hidden + end->namespaces + end->skipped + !t->p.capture,
                                   .reason = GAP_NO_RIGHT,
                                   .text = text};
        host_proc_track_emit(t, &e, t->now);
}

static void take_end(struct host_proc_track *t, const struct host_proc_end *end)
{
        /* An answer to a question that was not asked would open what waits for a later one. */
        if (end->seq != t->scan) {
                host_proc_track_count_bad(t, 1);
                return;
        }
        t->answered = end->seq;
        t->netns = end->netns;
        t->forwards = end->forwards;
        t->ready = true;
        if (end->dropped > 0)
                host_proc_track_gap(t, GAP_TABLE_FULL, end->dropped, "tables of the scanner of /proc");
        if (end->bad_lines > 0)
                host_proc_track_gap(t, GAP_BAD_MESSAGE, end->bad_lines, "lines of /proc/net");
        if (end->capture_drops > 0)
                host_proc_track_gap(t, GAP_CAPTURE_DROP, end->capture_drops, NULL);
        tell_limits(t, end);
        host_proc_flow_answered(t);
        judge_sources(t);
        t->first_scan = false;
}

void host_proc_track_record(struct host_proc_track *t, const struct host_proc_record *r, nsec_t now)
{
        t->now = MAX(t->now, now);
        if (!is_valid(r)) {
                host_proc_track_count_bad(t, 1);
                return;
        }
        switch (r->type) {
        case RECORD_PROCESS:
                take_process(t, &r->process, PROCESS_PRESENT);
                break;
        case RECORD_EXEC:
                take_process(t, &r->process, PROCESS_EXEC);
                break;
        case RECORD_EXIT: {
                struct event e = {.type = EVENT_PROCESS, .op = PROCESS_EXIT};

                e.process.task = host_proc_track_task(&r->exit);
                host_proc_track_emit(t, &e, t->now);
                break;
        }
        case RECORD_SOCKET:
                take_socket(t, &r->socket);
                break;
        case RECORD_CLOSED:
                take_closed(t, &r->socket);
                break;
        case RECORD_ADDRESS:
                (void) table_insert(t->own, &r->address, NULL);
                break;
        default:
                take_end(t, &r->end);
                break;
        }
}

static void emit_gaps(struct host_proc_track *t)
{
        for (unsigned reason = 0; reason < GAP_REASONS; reason++) {
                struct gap_counter *g = &t->gaps[reason];
                struct event e = {.type = EVENT_GAP};

                if (g->n == 0)
                        continue;
                e.gap = (struct gap_event){.lost = g->n, .reason = (uint8_t) reason, .text = g->text};
                g->n = 0;
                host_proc_track_emit(t, &e, t->now);
        }
}

void host_proc_track_tick(struct host_proc_track *t, nsec_t now)
{
        t->now = MAX(t->now, now);
        if (t->now - t->last_sweep < SWEEP_EVERY)
                return;
        t->last_sweep = t->now;
        host_proc_flow_sweep(t);
        emit_gaps(t);
}

uint32_t host_proc_track_next_scan(struct host_proc_track *t)
{
        t->wants_scan = false;
        return ++t->scan;
}

uint32_t host_proc_track_queries(struct host_proc_track *t, struct host_proc_query queries[static HOST_PROC_QUERIES],
                                 bool all)
{
        uint32_t n = 0;

        for (struct flow *f = t->pending; f; f = f->next_pending) {
                if (f->key.proto != IPPROTO_TCP || f->key.netns != t->netns)
                        continue;
                if (n < HOST_PROC_QUERIES)
                        queries[n++] = (struct host_proc_query){.local = f->key.local,
                                                                .remote = f->key.remote,
                                                                .local_port = f->key.local_port,
                                                                .remote_port = f->key.remote_port};
                else if (!all)
                        f->wait_scan = MAX(f->wait_scan, t->scan + 2);
        }
        return n;
}

bool host_proc_track_wants_scan(const struct host_proc_track *t)
{
        return t->wants_scan;
}

bool host_proc_track_is_ready(const struct host_proc_track *t)
{
        return t->ready;
}

void host_proc_track_count_bad(struct host_proc_track *t, uint64_t n)
{
        if (n > 0)
                host_proc_track_gap(t, GAP_BAD_MESSAGE, n, "packets or records of the /proc back end");
}

uint64_t host_proc_track_events(const struct host_proc_track *t)
{
        return t->events;
}
