/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds a process's descendants. One pass over /proc, then a search along edges from creator to created; both are
 * bounded, and the search takes n log n whatever the tree looks like. Runs in the keeper and in `sekimori block`. */
#include "respond/block_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/cleanup.h"
#include "source/host_proc_read.h"

/* A process, alive or only known from a record. */
struct node {
        uint64_t start;
        uint32_t pid, ppid;
        bool known; /* to /proc, perhaps as a zombie */
        bool alive;
        bool spared; /* never a member */
        bool member;
};

struct edge {
        uint64_t creator_start;  /* 0: whoever has the number now, if it is older */
        uint32_t creator, child; /* number; index of the node */
};

struct tree {
        struct node *nodes; /* those of /proc first, by number */
        struct edge *edges;
        uint32_t *queue;
        size_t n_nodes, n_proc, n_edges, n_queue;
        bool full;
};

static void tree_done(struct tree *t)
{
        free(t->nodes);
        free(t->edges);
        free(t->queue);
}

static uint64_t tick(void)
{
        return host_proc_read_ticks(1);
}

bool block_tree_same_start(uint64_t a, uint64_t b)
{
        return a / tick() == b / tick();
}

int block_tree_open(const char *proc, uint32_t pid, uint64_t start)
{
        _cleanup_close_ int fd = -EBADF, dir = -EBADF, folder = -EBADF;
        struct proc_stat stat;
        char name[16];
        int r;

        if (pid == 0 || pid > INT32_MAX)
                return -ESRCH;
        fd = pidfd_open((pid_t) pid, 0);
        if (fd < 0)
                return errno == EINVAL ? -ESRCH : -errno;
        dir = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return -errno;
        snprintf(name, sizeof(name), "%u", pid);
        folder = host_proc_read_open(dir, name);
        if (folder < 0)
                return -ESRCH;
        r = host_proc_read_stat(folder, &stat);
        if (r < 0 || (stat.dead && !stat.leader_gone) ||
            !block_tree_same_start(host_proc_read_ticks(stat.start), start))
                return -ESRCH;
        /* Not ended in between: then what was read was its own. */
        if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) != 0)
                return -ESRCH;
        return TAKE_FD(fd);
}

static void add_edge(struct tree *t, uint32_t creator, uint64_t creator_start, uint32_t child)
{
        if (creator == 0)
                return;
        if (t->n_edges >= 3 * (size_t) BLOCK_TREE_MAX)
                t->full = true;
        else
                t->edges[t->n_edges++] = (struct edge){creator_start, creator, child};
}

/* --- what /proc says --- */

static int read_process(int dir, const char *name, struct proc_stat *ret)
{
        _cleanup_close_ int folder = host_proc_read_open(dir, name);

        return folder < 0 ? folder : host_proc_read_stat(folder, ret);
}

static void add_process(struct tree *t, const struct proc_stat *s)
{
        uint32_t index = (uint32_t) t->n_nodes;

        t->nodes[t->n_nodes++] = (struct node){
                .start = host_proc_read_ticks(s->start),
                .pid = s->pid,
                .ppid = s->ppid,
                .known = true,
                .alive = !s->dead || s->leader_gone,
                .spared = s->pid == 1 || s->kernel,
        };
        add_edge(t, s->ppid, 0, index);
        if (s->session != s->pid)
                add_edge(t, s->session, 0, index);
}

static int read_proc(struct tree *t, const char *proc)
{
        DIR *dir = opendir(proc);

        if (!dir)
                return -errno;
        for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
                struct proc_stat s;

                if (e->d_name[0] < '1' || e->d_name[0] > '9' || read_process(dirfd(dir), e->d_name, &s) < 0)
                        continue;
                if (t->n_nodes == BLOCK_TREE_MAX) {
                        t->full = true;
                        break;
                }
                add_process(t, &s);
        }
        closedir(dir);
        return 0;
}

static int by_pid(const void *a, const void *b)
{
        const struct node *x = a, *y = b;

        return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static struct node *find_process(const struct tree *t, uint32_t pid)
{
        const struct node key = {.pid = pid};

        return bsearch(&key, t->nodes, t->n_proc, sizeof(key), by_pid);
}

/* /proc is read in the order of numbers but for those that come meanwhile: edges know nodes by index, so that sorting
 * must carry them along. */
static int sort_processes(struct tree *t)
{
        _cleanup_free_ uint32_t *pids = NULL;

        t->n_proc = t->n_nodes;
        pids = malloc(MAX(t->n_nodes, (size_t) 1) * sizeof(*pids));
        if (!pids)
                return -ENOMEM;
        for (size_t i = 0; i < t->n_nodes; i++)
                pids[i] = t->nodes[i].pid;
        qsort(t->nodes, t->n_nodes, sizeof(*t->nodes), by_pid);
        for (size_t i = 0; i < t->n_edges; i++)
                t->edges[i].child = (uint32_t) (find_process(t, pids[t->edges[i].child]) - t->nodes);
        return 0;
}

/* This process, and all it runs beneath. */
static void spare_ourselves(struct tree *t)
{
        struct node *n = find_process(t, (uint32_t) getpid());

        for (size_t i = 0; n && i < t->n_proc; i++) {
                n->spared = true;
                n = find_process(t, n->ppid);
        }
}

/* --- what the caller says --- */

static void add_link(void *userdata, const struct block_tree_link *l)
{
        struct tree *t = userdata;
        struct node *n = find_process(t, l->pid);

        if (!n || !block_tree_same_start(n->start, l->start)) {
                if (t->n_nodes >= 2 * (size_t) BLOCK_TREE_MAX) {
                        t->full = true;
                        return;
                }
                n = &t->nodes[t->n_nodes++];
                *n = (struct node){.start = l->start, .pid = l->pid, .spared = l->pid <= 1};
        }
        if (l->creator_start)
                add_edge(t, l->creator, l->creator_start, (uint32_t) (n - t->nodes));
        if (l->member && !n->member && !n->spared) {
                n->member = true;
                t->queue[t->n_queue++] = (uint32_t) (n - t->nodes);
        }
}

/* --- the search --- */

static int by_creator(const void *a, const void *b)
{
        const struct edge *x = a, *y = b;

        return x->creator < y->creator ? -1 : x->creator > y->creator;
}

static size_t first_edge(const struct tree *t, uint32_t creator)
{
        size_t low = 0, high = t->n_edges;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (t->edges[middle].creator < creator)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* A number that was given away anew belongs to somebody younger than the child. */
static bool created(const struct node *creator, const struct edge *e, const struct node *child)
{
        if (e->creator_start)
                return block_tree_same_start(e->creator_start, creator->start);
        return creator->known && creator->start <= child->start;
}

static void search(struct tree *t, unsigned *ret_spared)
{
        for (size_t at = 0; at < t->n_queue; at++) {
                const struct node *n = &t->nodes[t->queue[at]];

                for (size_t i = first_edge(t, n->pid); i < t->n_edges && t->edges[i].creator == n->pid; i++) {
                        struct node *child = &t->nodes[t->edges[i].child];

                        if (child->member || !created(n, &t->edges[i], child))
                                continue;
                        if (child->spared) {
                                (*ret_spared)++;
                                continue;
                        }
                        child->member = true;
                        t->queue[t->n_queue++] = t->edges[i].child;
                }
        }
}

/* The subject is where the search begins, also when it has ended. */
static int add_subject(struct tree *t, const struct block_tree_params *p)
{
        struct node *n = find_process(t, p->pid);

        if (p->pid <= 1)
                return p->pid ? -EPERM : -ESRCH;
        if (!n || !block_tree_same_start(n->start, p->start)) {
                n = &t->nodes[t->n_nodes++];
                *n = (struct node){.start = p->start, .pid = p->pid};
        }
        if (n->spared)
                return -EPERM;
        n->member = true;
        t->queue[t->n_queue++] = (uint32_t) (n - t->nodes);
        return 0;
}

static int collect(const struct tree *t, struct block_tree *ret)
{
        size_t n = 0;

        for (size_t i = 0; i < t->n_queue; i++)
                n += t->nodes[t->queue[i]].alive;
        if (n == 0)
                return -ESRCH;
        ret->items = calloc(n, sizeof(*ret->items));
        if (!ret->items)
                return -ENOMEM;
        for (size_t i = 0; i < t->n_queue; i++) {
                const struct node *node = &t->nodes[t->queue[i]];

                if (node->alive)
                        ret->items[ret->n++] = (struct block_tree_process){node->start, node->pid};
        }
        return 0;
}

int block_tree_find(const struct block_tree_params *params, struct block_tree *ret)
{
        _cleanup_(tree_done)
        struct tree t = {0};
        struct block_tree result = {0};
        int r;

        t.nodes = malloc((2 * (size_t) BLOCK_TREE_MAX + 1) * sizeof(*t.nodes));
        t.queue = malloc((2 * (size_t) BLOCK_TREE_MAX + 1) * sizeof(*t.queue));
        t.edges = malloc(3 * (size_t) BLOCK_TREE_MAX * sizeof(*t.edges));
        if (!t.nodes || !t.queue || !t.edges)
                return -ENOMEM;
        r = read_proc(&t, params->proc ? params->proc : "/proc");
        if (r == 0)
                r = sort_processes(&t);
        if (r < 0)
                return r;
        spare_ourselves(&t);
        r = add_subject(&t, params);
        if (r == 0 && params->links)
                r = params->links(params->userdata, add_link, &t);
        if (r < 0)
                return r;
        qsort(t.edges, t.n_edges, sizeof(*t.edges), by_creator);
        search(&t, &result.spared);
        result.full = t.full;
        r = collect(&t, &result);
        if (r < 0)
                return r;
        *ret = result;
        return 0;
}

void block_tree_done(struct block_tree *t)
{
        free(t->items);
        *t = (struct block_tree){0};
}
