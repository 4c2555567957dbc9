/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who talks outside, summed up per process. Runs in the engine. */
#include "daemon/talkers.h"

#include <errno.h>

struct talkers {
        struct table *table;
        struct outside *outside;
};

int talkers_new(const struct config *config, struct talkers **ret)
{
        _cleanup_(talkers_freep)
        struct talkers *t = calloc(1, sizeof(*t));
        struct table_params p = {"talkers", TALKERS_MAX, 16, sizeof(struct talker), NULL, NULL};
        int r;

        if (!t)
                return -ENOMEM;
        if ((r = table_new(&p, &t->table)) < 0 || (r = outside_new(config, &t->outside)) < 0)
                return r;
        *ret = TAKE_PTR(t);
        return 0;
}

void talkers_free(struct talkers *t)
{
        if (!t)
                return;
        table_free(t->table);
        outside_free(t->outside);
        free(t);
}

int talkers_set_config(struct talkers *t, const struct config *config)
{
        struct outside *o;
        int r = outside_new(config, &o);

        if (r < 0)
                return r;
        outside_free(t->outside);
        t->outside = o;
        return 0;
}

void talkers_event(struct talkers *t, const struct event *e)
{
        const struct flow_event *f = &e->flow;
        struct talker key = {0}, *k;
        enum outside_class where;

        if (e->type != EVENT_FLOW)
                return;
        where = outside_flow(t->outside, f);
        if (where != OUTSIDE_YES || !task_is_known(&f->task))
                return;
        key.leader_start = f->task.leader_start;
        key.pid = f->task.pid;
        k = table_insert(t->table, &key, NULL);
        if (!k)
                return;
        if (!k->first)
                k->first = e->time;
        k->last = e->time;
        k->peer = f->remote;
        k->peer_port = f->remote_port;
        k->proto = f->proto;
        if (e->op == FLOW_START) {
                k->flows++;
                k->originated += f->origin == FLOW_ORIGINATED && !(f->flags & FLOW_INHERITED);
                k->accepted += f->origin == FLOW_ACCEPTED && !(f->flags & FLOW_INHERITED);
                k->inherited += (f->flags & FLOW_INHERITED) != 0;
        }
        if (e->op == FLOW_END) { /* totals of the flow; counted once, at its opener */
                k->bytes_out += f->bytes_out;
                k->bytes_in += f->bytes_in;
        }
}

uint32_t talkers_count(const struct talkers *t)
{
        return table_count(t->table);
}

static int compare(const void *a, const void *b)
{
        const struct talker *x = *(const struct talker *const *) a, *y = *(const struct talker *const *) b;

        if (x->flows != y->flows)
                return x->flows > y->flows ? -1 : 1;
        return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* "systemd > sshd > bash", at most four names. */
static void put_chain(struct buf *out, const struct lineage *l, const struct talker *k)
{
        const struct task t = {.start = k->leader_start, .leader_start = k->leader_start, .pid = k->pid, .tid = k->pid};
        const struct lineage_node *n = lineage_process(l, &t), *up[4];
        int depth = 0;

        for (; n && depth < 4; n = lineage_parent_process(l, n))
                up[depth++] = n;
        if (n)
                buf_puts(out, "… > ");
        if (depth == 0)
                buf_puts(out, "?");
        while (depth-- > 0) {
                buf_put_visible(out, up[depth]->name, strlen(up[depth]->name));
                if (depth)
                        buf_puts(out, " > ");
        }
}

void talkers_each(struct talkers *t, const struct lineage *l,
                  void (*each)(void *userdata, const struct talker *t, const char *chain), void *userdata)
{
        uint32_t n = table_count(t->table), i = 0;
        _cleanup_free_ const struct talker **sorted = calloc(n + 1, sizeof(*sorted));

        if (!sorted)
                return;
        for (const struct talker *k = table_oldest(t->table); k && i < n; k = table_younger(t->table, k))
                sorted[i++] = k;
        qsort(sorted, i, sizeof(*sorted), compare);
        for (uint32_t j = 0; j < i; j++) {
                char text[256];
                struct buf b = BUF_FIXED(text);

                put_chain(&b, l, sorted[j]);
                each(userdata, sorted[j], buf_str(&b));
        }
}
