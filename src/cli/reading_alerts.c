/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which rules matched how often, for the report of `read`: whoever gives rules wants to know. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cli/reading_internal.h"

#define RULES_MAX 65536u /* 200 bytes each; those that matched longest ago go */
#define SHOWN_MAX 20
#define TEXT_MAX  128

struct matched {
        struct {
                uint32_t gid, sid;
        } key;
        uint64_t alerts;
        uint16_t weight;
        uint8_t stage, len;
        char text[TEXT_MAX];
};

int reading_alerts_new(struct reading *r)
{
        struct table_params p = {.name = "rules that matched",
                                 .cap = RULES_MAX,
                                 .key_size = sizeof(((struct matched *) NULL)->key),
                                 .entry_size = sizeof(struct matched)};

        return table_new(&p, &r->matched);
}

void reading_alerts_add(struct reading *r, const struct alert_event *a)
{
        const uint32_t key[2] = {a->gid, a->sid};
        struct matched *m = table_insert(r->matched, key, NULL);

        if (!m)
                return;
        m->alerts += MAX(a->count, 1u);
        m->weight = a->weight;
        m->stage = a->stage;
        m->len = (uint8_t) MIN(a->msg.len, (uint32_t) TEXT_MAX);
        if (m->len)
                memcpy(m->text, a->msg.p, m->len);
}

/* What says more first, then what matched more. */
static int compare(const void *a, const void *b)
{
        const struct matched *x = *(const struct matched *const *) a, *y = *(const struct matched *const *) b;

        if (x->weight != y->weight)
                return x->weight < y->weight ? 1 : -1;
        if (x->alerts != y->alerts)
                return x->alerts < y->alerts ? 1 : -1;
        return x->key.sid < y->key.sid ? -1 : x->key.sid > y->key.sid;
}

static void put_one(struct buf *out, const struct matched *m)
{
        buf_printf(out, "  %" PRIu64 " time%s  sid %u  ", m->alerts, m->alerts == 1 ? "" : "s", m->key.sid);
        buf_put_visible(out, m->text, m->len);
        if (m->stage)
                buf_printf(out, "  (%s)", alert_stage_name(m->stage));
        buf_putc(out, '\n');
}

void reading_alerts_put(const struct reading *r, struct buf *out)
{
        uint32_t n = table_count(r->matched), k = 0;
        _cleanup_free_ const struct matched **list = calloc(MAX(n, 1u), sizeof(*list));

        if (!n || !list)
                return;
        for (const struct matched *m = table_oldest(r->matched); m && k < n; m = table_younger(r->matched, m))
                list[k++] = m;
        qsort(list, k, sizeof(*list), compare);
        text_heading(out, &r->params.cli->look, "Rules that matched");
        for (uint32_t i = 0; i < MIN(k, (uint32_t) SHOWN_MAX); i++)
                put_one(out, list[i]);
        if (k > SHOWN_MAX)
                buf_printf(out, "  and %u more; --json tells each alert\n", k - SHOWN_MAX);
}
