/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the configuration says of rules: variables as in suricata.yaml, and lists of rules by number. Read by whoever
 * reads the configuration. */
#include <ctype.h>
#include <errno.h>

#include "config/internal.h"

#define NAME_MAX_BYTES  64
#define VALUE_MAX_BYTES 65536

void config_rules_groups_done(struct config_groups *g)
{
        for (size_t i = 0; i < g->n; i++) {
                free(g->items[i].name);
                free(g->items[i].value);
        }
        free(g->items);
        *g = (struct config_groups){0};
}

static bool is_variable(const char *text)
{
        size_t n = strlen(text);

        for (const char *c = text; *c; c++)
                if (!isalnum((unsigned char) *c) && *c != '_')
                        return false;
        return n > 0 && n <= NAME_MAX_BYTES && !isdigit((unsigned char) *text);
}

static struct config_group *find_group(struct config_groups *g, const char *name)
{
        struct config_group *item;

        for (size_t i = 0; i < g->n; i++)
                if (strcmp(g->items[i].name, name) == 0)
                        return &g->items[i];
        item = config_array_grow(&g->items, &g->n, sizeof(*item));
        if (!item)
                return NULL;
        item->name = strdup(name);
        if (!item->name)
                g->n--;
        return item->name ? item : NULL;
}

/* Single values, also numbers: what they mean is the rules' matter. */
static void read_group(struct config_groups *g, struct config_problems *p, const struct config_row *row,
                       const struct config_node *n)
{
        struct config_row text = {row->key, CONFIG_TEXT, offsetof(struct config_group, value), .max = VALUE_MAX_BYTES};
        struct config_group *item;
        char reason[128];
        int r;

        if (!is_variable(n->key)) {
                config_error(p, n->key_line, "%s: \"%.*s\" is not a name such as HTTP_PORTS", row->key,
                             CONFIG_SHOWN_MAX, n->key);
                return;
        }
        if (!config_expect(p, row->key, n, NODE_SCALAR, "a text such as \"[192.0.2.0/24, !192.0.2.7]\""))
                return;
        if (g->n >= (size_t) row->max) {
                config_error(p, n->line, "%s: more than %d entries", row->key, (int) row->max);
                return;
        }
        item = find_group(g, n->key);
        r = item ? config_value_parse(&text, item, strlen(n->text) == n->len ? n->text : "", reason) : -ENOMEM;
        if (r == -ENOMEM)
                p->error = r;
        else if (r < 0)
                config_error(p, n->line, "%s: %s %s", row->key, n->key, reason);
        if (item && !item->value) {
                free(item->name);
                g->n--;
        }
}

void config_rules_read_groups(struct config_groups *g, struct config_problems *p, const struct config_row *row,
                              const struct config_node *node)
{
        if (node->kind == NODE_SCALAR && !node->quoted && node->len == 0)
                return;
        if (!config_expect(p, row->key, node, NODE_MAPPING, "names with values"))
                return;
        for (const struct config_node *n = node->children; n && p->error == 0; n = n->next)
                read_group(g, p, row, n);
}

void config_rules_read_sids(struct config_sids *ret, struct config_problems *p, const struct config_row *row,
                            const struct config_node *node)
{
        struct config_row one = {row->key, CONFIG_NUMBER, 0, 1, UINT32_MAX};
        struct config_sids list = {0};

        if (!config_expect(p, row->key, node, NODE_SEQUENCE, "a list of rules by their sid"))
                return;
        for (const struct config_node *n = node->children; n && p->error == 0; n = n->next) {
                uint32_t *at, sid;
                char reason[128];

                if (!config_expect(p, row->key, n, NODE_SCALAR, "a number"))
                        continue;
                if (list.n >= (size_t) row->max) {
                        config_error(p, n->line, "%s: more than %d entries", row->key, (int) row->max);
                        break;
                }
                if (strlen(n->text) != n->len || config_value_parse(&one, &sid, n->text, reason) < 0) {
                        config_error(p, n->line, "%s: \"%.*s\" is not a sid, 1 to %u", row->key, CONFIG_SHOWN_MAX,
                                     n->text, UINT32_MAX);
                        continue;
                }
                at = config_array_grow(&list.items, &list.n, sizeof(*at));
                if (at)
                        *at = sid;
                else
                        p->error = -ENOMEM;
        }
        free(ret->items);
        *ret = list;
}

void config_rules_put(const struct config_row *row, const struct config *c, struct buf *out)
{
        const void *at = (const char *) c + row->offset;
        const struct config_groups *groups = at;
        const struct config_sids *sids = at;

        if (row->type == CONFIG_SIDS) {
                buf_puts(out, " [");
                for (size_t i = 0; i < sids->n; i++)
                        buf_printf(out, "%s%u", i ? ", " : "", sids->items[i]);
                buf_puts(out, "]");
                return;
        }
        buf_puts(out, " {");
        for (size_t i = 0; i < groups->n; i++) {
                buf_printf(out, "%s%s: ", i ? ", " : "", groups->items[i].name);
                buf_put_json(out, groups->items[i].value, strlen(groups->items[i].value));
        }
        buf_puts(out, "}");
}
