/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The paper's steps, with a memory: socket tables name inodes, /proc/PID/fd names their holders, /proc/PID/stat their
 * ancestors. All descriptors are read again only when a table shows a socket whose owner is not known. The creator of a
 * process is its parent as first seen; later changes (a parent that ended) do not rewrite it. Runs in the scanner. */
#include "source/host_proc_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/event.h"
#include "source/host_proc_read.h"
#include "source/host_proc_walk_internal.h"

#define SOCKETS_MAX    65536u
#define PROCESSES_MAX  32768u
#define NAMESPACES_MAX 64
#define MISSES_MAX     3 /* walks that look for an owner before it is given up: the kernel's own sockets have none */

static const struct {
        const char *name;
        enum proc_table table;
        bool is_v6;
} tables[] = {
        {"net/tcp", PROC_TABLE_TCP, false},       {"net/tcp6", PROC_TABLE_TCP, true},
        {"net/udp", PROC_TABLE_UDP, false},       {"net/udp6", PROC_TABLE_UDP, true},
        {"net/raw", PROC_TABLE_RAW, false},       {"net/raw6", PROC_TABLE_RAW, true},
        {"net/icmp", PROC_TABLE_ICMP, false},     {"net/icmp6", PROC_TABLE_ICMP, true},
        {"net/packet", PROC_TABLE_PACKET, false},
};

/* Processes that still live are kept while others can go. */
static bool may_forget_process(void *userdata, void *entry)
{
        const struct host_proc_walk *w = userdata;
        const struct process_entry *e = entry;

        return e->ended || e->walk != w->walk;
}

static bool forget_socket(void *userdata, void *entry);

int host_proc_walk_new(const struct host_proc_walk_params *params, struct host_proc_walk **ret)
{
        _cleanup_(host_proc_walk_freep)
        struct host_proc_walk *w = calloc(1, sizeof(*w));
        struct table_params sockets = {
                "sockets", SOCKETS_MAX, sizeof(struct socket_key), sizeof(struct socket_entry), forget_socket, w};
        struct table_params owners = {"owners", SOCKETS_MAX, sizeof(uint64_t), sizeof(struct owner_entry)};
        struct table_params processes = {"processes",
                                         PROCESSES_MAX,
                                         sizeof(struct host_proc_id),
                                         sizeof(struct process_entry),
                                         may_forget_process,
                                         w};
        struct table_params pids = {"pids", PROCESSES_MAX, sizeof(uint32_t), sizeof(struct pid_entry)};
        int self;

        if (!w)
                return -ENOMEM;
        w->p = *params;
        w->dir = open(params->proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (w->dir < 0)
                return -errno;
        if (table_new(&sockets, &w->sockets) < 0 || table_new(&owners, &w->owners) < 0 ||
            table_new(&processes, &w->processes) < 0 || table_new(&pids, &w->pids) < 0)
                return -ENOMEM;
        self = host_proc_read_open(w->dir, "self");
        if (self >= 0) {
                (void) host_proc_read_namespace(self, "net", &w->netns);
                close(self);
        }
        *ret = TAKE_PTR(w);
        return 0;
}

void host_proc_walk_free(struct host_proc_walk *w)
{
        if (!w)
                return;
        table_free(w->sockets);
        table_free(w->owners);
        table_free(w->processes);
        table_free(w->pids);
        if (w->dir >= 0)
                close(w->dir);
        free(w);
}

/* Tables. */

static void take_socket(struct host_proc_walk *w, const struct proc_socket *s)
{
        struct socket_key key = {.local = s->local,
                                 .remote = s->remote,
                                 .inode = s->inode,
                                 .netns = w->reading_netns,
                                 .local_port = s->local_port,
                                 .remote_port = s->remote_port,
                                 .table = s->table,
                                 .proto = s->proto,
                                 .is_v6 = s->is_v6};
        struct owner_entry *o = NULL;
        struct socket_entry *e;
        bool created;

        if (s->inode == 0 || s->inode == w->p.own_inode)
                return;
        e = table_insert(w->sockets, &key, &created);
        if (e)
                o = table_insert(w->owners, &key.inode, NULL);
        if (!o)
                return;
        o->sockets += created;
        e->scan = w->scan;
        e->state = s->state;
        e->ifindex = s->ifindex;
        e->ethertype = s->ethertype;
        if (o->id.pid == 0 && o->misses < MISSES_MAX)
                w->need_walk = true;
}

static void release_owner(struct host_proc_walk *w, uint64_t inode)
{
        struct owner_entry *o = table_find(w->owners, &inode);

        if (o && --o->sockets == 0)
                table_remove(w->owners, o);
}

void host_proc_walk_forget(struct host_proc_walk *w, struct socket_entry *e)
{
        release_owner(w, e->key.inode);
        table_remove(w->sockets, e);
}

static bool forget_socket(void *userdata, void *entry)
{
        const struct socket_entry *e = entry;

        release_owner(userdata, e->key.inode);
        return true;
}

bool host_proc_walk_looked(const struct host_proc_walk *w, const struct socket_entry *e)
{
        if (e->key.netns == w->netns)
                return e->key.table != PROC_TABLE_TCP || w->all_tcp;
        for (uint32_t i = 0; i < w->n_looked; i++)
                if (w->looked[i] == e->key.netns)
                        return true;
        return false;
}

static void take_line(void *userdata, const char *line, size_t len)
{
        struct host_proc_walk *w = userdata;
        struct proc_socket s;
        int r = proc_scan_socket(w->table, w->is_v6, line, len, &s);

        if (r == -EBADMSG)
                w->bad_lines++;
        if (r == 0)
                take_socket(w, &s);
}

static void read_tables(struct host_proc_walk *w, const char *process, uint32_t netns, bool tcp)
{
        _cleanup_close_ int dir = host_proc_read_open(w->dir, process);

        if (dir < 0)
                return;
        w->reading_netns = netns;
        for (size_t i = 0; i < ELEMENTSOF(tables); i++) {
                w->table = tables[i].table;
                w->is_v6 = tables[i].is_v6;
                if (w->table == PROC_TABLE_TCP && !tcp)
                        continue;
                (void) host_proc_read_lines(dir, tables[i].name, take_line, w);
        }
}

/* One process of each other network namespace shows its tables. They are many at times, so that each scan reads a few
 * and the next one goes on. */
static void read_other_namespaces(struct host_proc_walk *w)
{
        const struct process_entry *shows[NAMESPACES_MAX];
        uint32_t n = 0, skipped = 0;

        for (struct process_entry *e = table_oldest(w->processes); e; e = table_younger(w->processes, e)) {
                uint32_t i = 0;

                if (e->ended || e->walk != w->walk || e->netns == 0 || e->netns == w->netns)
                        continue;
                while (i < n && shows[i]->netns != e->netns)
                        i++;
                if (i == NAMESPACES_MAX)
                        skipped++;
                else if (i == n)
                        shows[n++] = e;
        }
        while (w->n_looked < MIN(n, NAMESPACES_PER_SCAN)) {
                const struct process_entry *e = shows[w->next_namespace++ % n];
                char name[16];

                snprintf(name, sizeof(name), "%u", e->id.pid);
                w->looked[w->n_looked++] = e->netns;
                read_tables(w, name, e->netns, true);
        }
        w->namespaces = n;
        w->skipped = skipped;
}

/* The connections asked for; true when that is possible here. */
static bool find_queries(struct host_proc_walk *w, const struct host_proc_request *q)
{
        if (!w->p.find)
                return q->n_queries == 0;
        w->reading_netns = w->netns;
        for (uint32_t i = 0; i < q->n_queries && i < HOST_PROC_QUERIES; i++) {
                struct proc_socket s;

                if (w->p.find(w->p.userdata, &q->queries[i], &s) == 0)
                        take_socket(w, &s);
        }
        return true;
}

/* Processes. */

static void take_holder(void *userdata, uint64_t inode)
{
        struct host_proc_walk *w = userdata;
        struct owner_entry *o = table_find(w->owners, &inode);

        if (!o)
                return;
        /* Of several holders the oldest opened it, the others inherited it. But init keeps what it opened for services.
         */
        if (o->walk != w->walk || o->id.pid == 1 ||
            (w->reading_process.pid != 1 && w->reading_process.start < o->id.start)) {
                o->walk = w->walk;
                o->id = w->reading_process;
                o->misses = 0;
        }
}

static struct process_entry *remember_process(struct host_proc_walk *w, const struct proc_stat *s, bool *ret_created)
{
        struct host_proc_id id = {.start = host_proc_read_ticks(s->start), .pid = s->pid};
        struct pid_entry *p = table_insert(w->pids, &id.pid, NULL);
        struct process_entry *e = table_insert(w->processes, &id, ret_created);

        if (!p || !e)
                return NULL;
        p->start = id.start;
        p->walk = e->walk = w->walk;
        memcpy(e->comm, s->comm, sizeof(e->comm) - 1); /* again: exec changes it */
        e->tty = s->tty;
        if (*ret_created) {
                e->ppid = s->ppid;
                e->flags = PROCESS_CREATOR_GUESS | (s->kernel ? PROCESS_KERNEL : 0u);
        }
        if (s->session == s->pid)
                e->flags |= PROCESS_SESSION_LEADER;
        return e;
}

static void walk_process(struct host_proc_walk *w, const char *name, bool namespaces)
{
        _cleanup_close_ int dir = host_proc_read_open(w->dir, name);
        struct process_entry *e;
        struct proc_stat s;
        bool created;
        int r;

        if (dir < 0 || host_proc_read_stat(dir, &s) < 0 || s.dead)
                return;
        e = remember_process(w, &s, &created);
        if (!e)
                return;
        w->alive++;
        if (s.kernel)
                return;
        if (created || namespaces)
                (void) host_proc_read_namespace(dir, "net", &e->netns);
        w->reading_process = e->id;
        r = s.leader_gone ? host_proc_read_thread_sockets(dir, take_holder, w) :
                            host_proc_read_sockets(dir, take_holder, w);
        if (r == -EACCES || r == -EPERM)
                w->hidden++;
}

/* Parents may come after their children in /proc, so that creators are looked up when all were seen. */
static void resolve_creators(struct host_proc_walk *w)
{
        for (struct process_entry *e = table_oldest(w->processes); e; e = table_younger(w->processes, e)) {
                const struct pid_entry *p;

                if (e->walk != w->walk || e->creator.pid != 0 || e->ppid == 0)
                        continue;
                p = table_peek(w->pids, &e->ppid);
                if (p && p->walk == w->walk && p->start <= e->id.start)
                        e->creator = (struct host_proc_id){.pid = e->ppid, .start = p->start};
                e->ppid = 0; /* what it is later is not who created it */
        }
}

static void count_misses(struct host_proc_walk *w)
{
        for (struct owner_entry *o = table_oldest(w->owners); o; o = table_younger(w->owners, o)) {
                if (o->walk == w->walk)
                        continue;
                o->id = (struct host_proc_id){0};
                if (o->misses < MISSES_MAX)
                        o->misses++;
        }
}

static void walk_processes(struct host_proc_walk *w, bool namespaces)
{
        int fd = host_proc_read_open(w->dir, ".");
        DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
        struct dirent *e;

        if (!d) {
                if (fd >= 0)
                        close(fd);
                return;
        }
        w->walk++;
        w->hidden = w->alive = 0;
        while ((e = readdir(d)))
                if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
                        walk_process(w, e->d_name, namespaces);
        closedir(d);
        resolve_creators(w);
        count_misses(w);
        w->need_walk = false;
}

static uint32_t count_evicted(struct host_proc_walk *w)
{
        struct table *const all[] = {w->sockets, w->owners, w->processes, w->pids};
        uint64_t sum = 0, since;

        for (size_t i = 0; i < ELEMENTSOF(all); i++) {
                struct table_stats st;

                table_get_stats(all[i], &st);
                sum += st.evicted;
        }
        since = sum - w->evicted_before;
        w->evicted_before = sum;
        return (uint32_t) MIN(since, (uint64_t) UINT32_MAX);
}

int host_proc_walk_scan(struct host_proc_walk *w, const struct host_proc_request *q, struct host_proc_end *ret_end)
{
        bool namespaces = q->what & SCAN_NAMESPACES;
        uint64_t walk = w->walk;

        w->scan++;
        w->error = 0;
        w->n_looked = 0;
        host_proc_tell_processes(w);
        if (namespaces && w->walk == 0)
                walk_processes(w, true); /* which namespaces there are */
        w->all_tcp = !find_queries(w, q) || q->what & SCAN_SOCKETS;
        read_tables(w, "self", w->netns, w->all_tcp);
        if (namespaces)
                read_other_namespaces(w);
        if (w->need_walk || q->what & SCAN_PROCESSES)
                walk_processes(w, namespaces);
        host_proc_tell_sockets(w);
        ret_end->netns = w->netns;
        ret_end->sockets = table_count(w->sockets);
        ret_end->processes = w->alive;
        ret_end->hidden = w->hidden;
        ret_end->namespaces = w->namespaces;
        ret_end->skipped = w->skipped;
        ret_end->dropped = count_evicted(w);
        ret_end->bad_lines = w->bad_lines;
        ret_end->walked = w->walk != walk;
        w->bad_lines = 0;
        return w->error;
}
