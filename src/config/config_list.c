/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists in the configuration: networks, paths and ports, from YAML and back. Read by whoever reads the configuration.
 */
#include <errno.h>
#include <stdio.h>

#include "config/internal.h"

#define PATH_MAX_BYTES 4000 /* below PATH_MAX */

void config_list_read_cidrs(struct config_cidrs *ret, struct config_problems *p, const struct config_row *row,
                            const struct config_node *node)
{
        struct config_cidrs list = {0};
        _cleanup_free_ struct cidr *items = NULL;

        if (!config_expect(p, row->key, node, NODE_SEQUENCE, "a list of addresses and networks"))
                return;
        for (const struct config_node *n = node->children; n; n = n->next) {
                struct cidr *net;

                if (!config_expect(p, row->key, n, NODE_SCALAR, "an address or network"))
                        continue;
                if (list.n >= (size_t) row->max) {
                        config_error(p, n->line, "%s: more than %d entries", row->key, (int) row->max);
                        return;
                }
                net = config_array_grow(&items, &list.n, sizeof(*items));
                if (!net) {
                        p->error = -ENOMEM;
                        return;
                }
                if (strlen(n->text) != n->len || cidr_parse(n->text, net) < 0)
                        config_error(p, n->line, "%s: \"%.*s\" is not an address or network such as 192.0.2.0/24",
                                     row->key, CONFIG_SHOWN_MAX, n->text);
        }
        free(ret->items);
        list.items = TAKE_PTR(items);
        *ret = list;
}

void config_list_paths_done(struct config_paths *list)
{
        for (size_t i = 0; i < list->n; i++)
                free(list->items[i]);
        free(list->items);
        *list = (struct config_paths){0};
}

/* A list's item as text, or NULL with an error. */
static const char *item_text(struct config_problems *p, const struct config_row *row, const struct config_node *node,
                             const char *what)
{
        if (!config_expect(p, row->key, node, NODE_SCALAR, what))
                return NULL;
        if (strlen(node->text) == node->len)
                return node->text;
        config_error(p, node->line, "%s: contains a NUL character", row->key);
        return NULL;
}

static void add_path(struct config_paths *list, struct config_problems *p, const struct config_row *row,
                     const struct config_node *node)
{
        bool path = row->type == CONFIG_PATHS;
        struct config_row one = {row->key, path ? CONFIG_PATH : CONFIG_TEXT, 0,
                                 .max = path ? PATH_MAX_BYTES : row->min};
        const char *text = item_text(p, row, node, path ? "an absolute path" : "a text");
        char reason[128], **at;
        int r;

        if (!text)
                return;
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->items[i], text) == 0) {
                        config_error(p, node->line, "%s: \"%.*s\" is given twice", row->key, CONFIG_SHOWN_MAX, text);
                        return;
                }
        at = config_array_grow(&list->items, &list->n, sizeof(*list->items));
        r = at ? config_value_parse(&one, at, text, reason) : -ENOMEM;
        if (at && !*at)
                list->n--;
        if (r == -ENOMEM)
                p->error = r;
        else if (r < 0)
                config_error(p, node->line, "%s: \"%.*s\" %s", row->key, CONFIG_SHOWN_MAX, text, reason);
}

void config_list_read_paths(struct config_paths *ret, struct config_problems *p, const struct config_row *row,
                            const struct config_node *node)
{
        struct config_paths list = {0};
        unsigned n = 0;

        if (!config_expect(p, row->key, node, NODE_SEQUENCE,
                           row->type == CONFIG_PATHS ? "a list of absolute paths" : "a list of texts"))
                return;
        for (const struct config_node *item = node->children; item && p->error == 0; item = item->next) {
                if (++n > row->max) {
                        config_error(p, item->line, "%s: more than %d entries", row->key, (int) row->max);
                        break;
                }
                add_path(&list, p, row, item);
        }
        config_list_paths_done(ret);
        *ret = list;
}

void config_list_read_ports(struct config *c, struct config_problems *p, const struct config_row *row,
                            const struct config_node *node)
{
        struct config_row one = {row->key, CONFIG_NUMBER, 0, 1, UINT16_MAX};
        uint16_t ports[CONFIG_PORTS_MAX] = {0};
        unsigned n = 0;

        if (!config_expect(p, row->key, node, NODE_SEQUENCE, "a list of ports"))
                return;
        for (const struct config_node *item = node->children; item; item = item->next) {
                const char *text = item_text(p, row, item, "a port");
                char reason[128];
                uint32_t port;

                if (n >= (size_t) row->max || n >= CONFIG_PORTS_MAX) {
                        config_error(p, item->line, "%s: more than %d entries", row->key, (int) row->max);
                        return;
                }
                if (!text)
                        continue;
                if (config_value_parse(&one, &port, text, reason) < 0) {
                        config_error(p, item->line, "%s: \"%.*s\" is not a port, 1 to 65535", row->key,
                                     CONFIG_SHOWN_MAX, text);
                        continue;
                }
                for (unsigned i = 0; i < n; i++)
                        if (ports[i] == port)
                                config_error(p, item->line, "%s: %u is given twice", row->key, port);
                ports[n++] = (uint16_t) port;
        }
        if (!node->children)
                config_error(p, node->line, "%s: at least one port is needed", row->key);
        memcpy(c->gate.ports, ports, sizeof(ports));
        c->gate.n_ports = n;
}

void config_list_put(const struct config_row *row, const struct config *c, struct buf *out)
{
        const void *at = (const char *) c + row->offset;
        const struct config_cidrs *cidrs = at;
        const struct config_paths *paths = at;
        bool texts = row->type == CONFIG_PATHS || row->type == CONFIG_TEXTS;
        size_t n = row->type == CONFIG_CIDRS ? cidrs->n : texts ? paths->n : c->gate.n_ports;

        buf_puts(out, " [");
        for (size_t i = 0; i < n; i++) {
                buf_puts(out, i ? ", " : "");
                if (row->type == CONFIG_CIDRS)
                        config_value_put_cidr(&cidrs->items[i], out);
                else if (texts)
                        config_value_put_text(paths->items[i], out);
                else
                        buf_printf(out, "%u", c->gate.ports[i]);
        }
        buf_puts(out, "]");
}
