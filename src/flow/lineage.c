/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who created whom, as a tree of threads. A creator that was never seen gets a place of its own, which its own event
 * fills later; so events may come in any order, and a lost one costs a name but no link. Runs in the engine; no I/O. */
#include "flow/lineage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CREATION_FLAGS                                                                                                 \
        (PROCESS_THREAD | PROCESS_KERNEL | PROCESS_IO_WORKER | PROCESS_SQPOLL | PROCESS_CLONE_PARENT |                 \
         PROCESS_CREATOR_GUESS)
#define LIVING_ASKED   64 /* when nobody is dead: how many of the oldest are looked at for one without descendants */
#define PERSON_UID_MIN 1000u
#define PERSON_UID_MAX 60000u /* login.defs(5): UID_MIN, UID_MAX */

struct key {
        uint64_t start;
        uint32_t tid;
        uint32_t zero;
};

enum life { LIFE_ALIVE, LIFE_DEAD_LEAF, LIFE_DEAD_INNER, LIVES };

struct entry {
        struct key key;
        struct lineage_node node;
        struct entry *up, *first, *next, *prev; /* creator, children, siblings */
        struct entry *older, *newer;            /* among the dead of its kind, by time of death */
        uint32_t depth;                         /* at most this far from the root */
        uint8_t life;
        bool unseen; /* known only as a creator */
};

struct lineage {
        struct table *tasks;
        struct {
                struct entry *oldest, *newest;
                uint32_t n;
        } dead[LIVES];
        uint64_t evicted;
};

int lineage_new(struct lineage **ret)
{
        static const struct table_params params = {
                .name = "lineage",
                .cap = LINEAGE_TASKS,
                .key_size = sizeof(struct key),
                .entry_size = sizeof(struct entry),
        };
        _cleanup_(lineage_freep)
        struct lineage *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        r = table_new(&params, &l->tasks);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

void lineage_free(struct lineage *l)
{
        if (!l)
                return;
        table_free(l->tasks);
        free(l);
}

static struct entry *peek(const struct lineage *l, uint64_t start, uint32_t tid)
{
        struct key key = {.start = start, .tid = tid};

        return tid ? table_peek(l->tasks, &key) : NULL;
}

static struct entry *entry_of(const struct lineage_node *n)
{
        return (struct entry *) ((char *) n - offsetof(struct entry, node));
}

static void set_life(struct lineage *l, struct entry *e, enum life life)
{
        if (e->life == life)
                return;
        if (e->life != LIFE_ALIVE) {
                *(e->older ? &e->older->newer : &l->dead[e->life].oldest) = e->newer;
                *(e->newer ? &e->newer->older : &l->dead[e->life].newest) = e->older;
                l->dead[e->life].n--;
        }
        e->older = e->newer = NULL;
        e->life = life;
        if (life == LIFE_ALIVE)
                return;
        e->older = l->dead[life].newest;
        *(e->older ? &e->older->newer : &l->dead[life].oldest) = e;
        l->dead[life].newest = e;
        l->dead[life].n++;
}

static void settle(struct lineage *l, struct entry *e)
{
        if (e->node.ended || e->unseen)
                set_life(l, e, e->first ? LIFE_DEAD_INNER : LIFE_DEAD_LEAF);
        else
                set_life(l, e, LIFE_ALIVE);
}

static void unhang(struct lineage *l, struct entry *e)
{
        struct entry *up = e->up;

        if (!up)
                return;
        *(e->prev ? &e->prev->next : &up->first) = e->next;
        if (e->next)
                e->next->prev = e->prev;
        e->up = e->next = e->prev = NULL;
        settle(l, up);
}

static void hang(struct lineage *l, struct entry *e, struct entry *up)
{
        e->up = up;
        e->prev = NULL;
        e->next = up->first;
        if (up->first)
                up->first->prev = e;
        up->first = e;
        e->depth = up->depth + 1;
        settle(l, up);
}

/* Takes an entry out; its children hang on its creator from now on. */
static void splice(struct lineage *l, struct entry *e)
{
        struct entry *up = e->up;

        while (e->first) {
                struct entry *child = e->first;

                unhang(l, child);
                if (up)
                        hang(l, child, up);
        }
        unhang(l, e);
        set_life(l, e, LIFE_ALIVE);
        table_remove(l->tasks, e);
}

static void make_room(struct lineage *l)
{
        struct entry *victim;

        while (l->dead[LIFE_DEAD_LEAF].n > LINEAGE_LEAVES)
                splice(l, l->dead[LIFE_DEAD_LEAF].oldest);
        if (table_count(l->tasks) < LINEAGE_TASKS)
                return;
        victim = l->dead[LIFE_DEAD_LEAF].oldest;
        if (!victim)
                victim = l->dead[LIFE_DEAD_INNER].oldest;
        if (!victim) {
                victim = table_oldest(l->tasks);
                for (int i = 0; i < LIVING_ASKED && victim && victim->first; i++)
                        victim = table_younger(l->tasks, victim);
                if (!victim)
                        victim = table_oldest(l->tasks);
        }
        splice(l, victim);
        l->evicted++;
}

static bool is_above(const struct entry *above, const struct entry *e)
{
        for (; e; e = e->up)
                if (e == above)
                        return true;
        return false;
}

/* Drops dead, silent members from the chain above e when it grew long, and measures it anew. */
static void shorten(struct lineage *l, struct entry *e)
{
        uint32_t depth = 0;

        if (e->depth <= LINEAGE_DEPTH_KEEP)
                return;
        for (struct entry *n = e->up, *up; n && depth < LINEAGE_DEPTH_MAX; n = up) {
                up = n->up;
                depth++;
                if (n->node.ended && !n->node.talks && !n->unseen && up &&
                    !(n->node.tty && n->node.flags & PROCESS_SESSION_LEADER)) {
                        splice(l, n);
                        depth--;
                }
        }
        e->depth = depth;
}

static struct entry *insert(struct lineage *l, const struct task *t, bool *ret_created)
{
        struct key key = {.start = t->start, .tid = t->tid};
        struct entry *e = peek(l, t->start, t->tid);

        *ret_created = !e;
        if (e)
                return e;
        make_room(l);
        e = table_insert(l->tasks, &key, NULL);
        if (e)
                e->node.task = *t;
        return e;
}

/* The entry of a creator; one never seen gets a place, and hangs on its process's first thread. */
static struct entry *creator_entry(struct lineage *l, const struct task *t)
{
        struct task first = {.start = t->leader_start, .leader_start = t->leader_start, .pid = t->pid, .tid = t->pid};
        struct entry *e, *leader;
        bool created;

        e = insert(l, t, &created);
        if (!e || !created)
                return e;
        e->unseen = true;
        if (t->tid != t->pid) {
                e->node.flags = PROCESS_THREAD;
                e->node.creator = first;
                leader = insert(l, &first, &created);
                if (leader && created)
                        leader->unseen = true;
                /* making room for the leader may have taken the new, childless entry */
                e = peek(l, t->start, t->tid);
                if (leader && e)
                        hang(l, e, leader);
                if (leader)
                        settle(l, leader);
        }
        if (e)
                settle(l, e);
        return e;
}

static void copy_name(struct lineage_node *n, const char *text)
{
        const char *slash = strrchr(text, '/');

        snprintf(n->name, sizeof(n->name), "%s", slash && slash[1] ? slash + 1 : text);
}

static void take_facts(struct lineage_node *n, const struct process_event *p)
{
        if (p->exe_ino) {
                n->exe_ino = p->exe_ino;
                n->exe_dev = p->exe_dev;
        }
        n->cgroup = p->cgroup ? p->cgroup : n->cgroup;
        n->netns = p->netns ? p->netns : n->netns;
        n->pidns = p->pidns ? p->pidns : n->pidns;
        n->uid = p->uid;
        n->loginuid = p->loginuid;
        n->session = p->session;
        n->tty = p->tty;
        n->flags = (n->flags & CREATION_FLAGS) | (p->flags & ~(uint32_t) CREATION_FLAGS);
}

/* Until it runs another program, a child is its creator's program. */
static void inherit_program(struct lineage *l, struct lineage_node *n, const struct task *creator)
{
        const struct lineage_node *from = lineage_process(l, creator);

        if (!from || n->exe_ino || n->path[0])
                return;
        n->exe_ino = from->exe_ino;
        n->exe_dev = from->exe_dev;
        memcpy(n->path, from->path, sizeof(n->path));
}

static void born(struct lineage *l, const struct event *ev)
{
        const struct process_event *p = &ev->process;
        struct entry *e, *up = NULL;
        bool created, known = task_is_known(&p->creator);

        /* The creator first: afterwards nothing is inserted, so nothing found can vanish. */
        if (known && !(p->creator.start == p->task.start && p->creator.tid == p->task.tid))
                up = creator_entry(l, &p->creator);
        e = insert(l, &p->task, &created);
        if (!e)
                return;
        up = up ? peek(l, p->creator.start, p->creator.tid) : NULL;
        if (!created && !e->unseen && task_is_known(&e->node.creator))
                up = NULL; /* recorded once, never rewritten */
        if (created || e->unseen) {
                e->unseen = false;
                e->node.born = ev->time;
                e->node.present = ev->op != PROCESS_FORK;
                e->node.flags = p->flags & CREATION_FLAGS;
        }
        take_facts(&e->node, p);
        if (p->text && p->text[0]) {
                copy_name(&e->node, p->text);
                if (ev->op == PROCESS_PRESENT && p->text[0] == '/')
                        snprintf(e->node.path, sizeof(e->node.path), "%s", p->text);
        }
        if (up && !(e->first && is_above(e, up))) {
                unhang(l, e);
                e->node.creator = p->creator;
                hang(l, e, up);
                shorten(l, e);
                if (!(p->flags & PROCESS_THREAD))
                        inherit_program(l, &e->node, &p->creator);
        }
        settle(l, e);
}

static void executed(struct lineage *l, const struct event *ev)
{
        const struct process_event *p = &ev->process;
        /* Whichever thread calls exec becomes the first. */
        struct entry *e = peek(l, p->task.leader_start, p->task.pid);

        if (!e || e->unseen) {
                struct event first = *ev;

                first.process.task.tid = p->task.pid;
                first.process.task.start = p->task.leader_start;
                born(l, &first);
                e = peek(l, p->task.leader_start, p->task.pid);
                if (!e)
                        return;
        }
        take_facts(&e->node, p);
        e->node.execs++;
        if (p->text && p->text[0]) {
                copy_name(&e->node, p->text);
                snprintf(e->node.path, sizeof(e->node.path), "%s", p->text);
        }
}

static void ended(struct lineage *l, const struct event *ev)
{
        struct entry *e = peek(l, ev->process.task.start, ev->process.task.tid);

        if (!e || e->node.ended)
                return;
        e->node.ended = ev->time ? ev->time : 1;
        settle(l, e);
}

void lineage_event(struct lineage *l, const struct event *ev)
{
        struct entry *e;

        if (ev->type == EVENT_FLOW) {
                e = peek(l, ev->flow.task.start, ev->flow.task.tid);
                if (e)
                        e->node.talks = true;
                if (ev->flow.task.tid != ev->flow.task.pid &&
                    (e = peek(l, ev->flow.task.leader_start, ev->flow.task.pid)))
                        e->node.talks = true;
                return;
        }
        if (ev->type != EVENT_PROCESS || !task_is_known(&ev->process.task))
                return;
        switch (ev->op) {
        case PROCESS_FORK:
        case PROCESS_PRESENT:
                born(l, ev);
                break;
        case PROCESS_EXEC:
                executed(l, ev);
                break;
        case PROCESS_EXIT:
                ended(l, ev);
                break;
        default:
                break;
        }
}

const struct lineage_node *lineage_find(const struct lineage *l, const struct task *t)
{
        const struct entry *e = peek(l, t->start, t->tid);

        return e ? &e->node : NULL;
}

const struct lineage_node *lineage_process(const struct lineage *l, const struct task *t)
{
        const struct entry *e = peek(l, t->leader_start, t->pid);

        return e ? &e->node : NULL;
}

const struct lineage_node *lineage_creator(const struct lineage *l _unused_, const struct lineage_node *n)
{
        const struct entry *up = entry_of(n)->up;

        return up ? &up->node : NULL;
}

const struct lineage_node *lineage_parent_process(const struct lineage *l, const struct lineage_node *n)
{
        const struct lineage_node *first = n->task.tid == n->task.pid ? n : lineage_process(l, &n->task), *up;

        if (!first)
                return NULL;
        up = lineage_creator(l, first);
        if (!up || up->task.tid == up->task.pid)
                return up;
        first = lineage_process(l, &up->task);
        /* a thread whose process's first thread is not known stands for the process */
        return first ? first : up;
}

bool lineage_is_login(const struct lineage_node *above, const struct lineage_node *n)
{
        if (n->loginuid != UINT32_MAX && n->loginuid != above->loginuid)
                return true;
        if (n->tty && n->flags & PROCESS_SESSION_LEADER && (above->uid == 0 || above->loginuid != UINT32_MAX))
                return true;
        return above->uid == 0 && n->uid >= PERSON_UID_MIN && n->uid <= PERSON_UID_MAX;
}

const char *lineage_name(const struct lineage *l, const struct task *t)
{
        const struct lineage_node *n = lineage_process(l, t);

        return n && n->name[0] ? n->name : "?";
}

void lineage_get_stats(const struct lineage *l, struct table_stats *ret)
{
        table_get_stats(l->tasks, ret);
        ret->evicted += l->evicted;
}
