/* SPDX-License-Identifier: GPL-3.0-or-later */
/* YAML text to a small tree with line numbers, by libyaml's events. What a configuration has no use for is refused with
 * its line: aliases (which can multiply without bound), tags, deep nesting, several documents, huge collections. */
#include <errno.h>
#include <yaml.h>

#include "config/internal.h"

#define MAX_DEPTH 8
#define MAX_NODES 65536

struct reader {
        yaml_parser_t parser;
        struct config_problems *problems;
        const char *text;
        size_t len;
        unsigned n_nodes;
};

void config_tree_free(struct config_node *node)
{
        while (node) {
                struct config_node *next = node->next;

                config_tree_free(node->children); /* at most MAX_DEPTH deep */
                free(node->key);
                free(node->text);
                free(node);
                node = next;
        }
}

static void report_syntax(struct reader *r)
{
        const yaml_parser_t *p = &r->parser;
        const char *problem = p->problem ? p->problem : "not valid YAML";
        unsigned line = (unsigned) p->problem_mark.line + 1;

        if (p->error == YAML_MEMORY_ERROR) {
                r->problems->error = -ENOMEM;
                return;
        }
        if (p->error == YAML_READER_ERROR) {
                line = 1;
                for (size_t i = 0; i < p->problem_offset && i < r->len; i++)
                        line += r->text[i] == '\n';
        }
        if (p->context && p->error != YAML_READER_ERROR)
                config_error(r->problems, line, "%s: %s", p->context, problem);
        else
                config_error(r->problems, line, "%s", problem);
}

static int next_event(struct reader *r, yaml_event_t *ret)
{
        if (yaml_parser_parse(&r->parser, ret))
                return 0;
        report_syntax(r);
        return -EINVAL;
}

/* The text of a scalar event, with a NUL added. */
static int take_scalar(struct reader *r, const yaml_event_t *e, char **ret_text, size_t *ret_len)
{
        char *copy = malloc(e->data.scalar.length + 1);

        if (!copy) {
                r->problems->error = -ENOMEM;
                return -ENOMEM;
        }
        memcpy(copy, e->data.scalar.value, e->data.scalar.length);
        copy[e->data.scalar.length] = '\0';
        *ret_text = copy;
        *ret_len = e->data.scalar.length;
        return 0;
}

/* A feature that is refused although it is YAML, or NULL. */
static const char *refused(const yaml_event_t *e)
{
        switch (e->type) {
        case YAML_ALIAS_EVENT:
                return "aliases (*name) are not allowed: write the value out";
        case YAML_SCALAR_EVENT:
                return e->data.scalar.anchor ? "anchors (&name) are not allowed" :
                       e->data.scalar.tag    ? "tags (!name) are not allowed" :
                                               NULL;
        case YAML_SEQUENCE_START_EVENT:
                return e->data.sequence_start.anchor ? "anchors (&name) are not allowed" :
                       e->data.sequence_start.tag    ? "tags (!name) are not allowed" :
                                                       NULL;
        case YAML_MAPPING_START_EVENT:
                return e->data.mapping_start.anchor ? "anchors (&name) are not allowed" :
                       e->data.mapping_start.tag    ? "tags (!name) are not allowed" :
                                                      NULL;
        default:
                return NULL;
        }
}

static int read_node(struct reader *r, const yaml_event_t *e, unsigned depth, struct config_node **ret);

static int read_key(struct reader *r, const yaml_event_t *e, struct config_node *key)
{
        unsigned line = (unsigned) e->start_mark.line + 1;
        const char *why = refused(e);
        char *text;
        size_t len;
        int n;

        if (e->type != YAML_SCALAR_EVENT || why) {
                config_error(r->problems, line, "%s", why ? why : "a key must be a name");
                return -EINVAL;
        }
        n = take_scalar(r, e, &text, &len);
        if (n < 0)
                return n;
        key->key_line = line;
        if (strlen(text) != len) {
                config_error(r->problems, line, "a key contains a NUL character");
                free(text);
                return -EINVAL;
        }
        key->key = text;
        return 0;
}

static int read_children(struct reader *r, struct config_node *node, unsigned depth)
{
        struct config_node **at = &node->children;
        unsigned count = 0;

        for (;;) {
                struct config_node key = {0};
                yaml_event_t e;
                int n = next_event(r, &e);

                if (n < 0)
                        return n;
                if (e.type == YAML_SEQUENCE_END_EVENT || e.type == YAML_MAPPING_END_EVENT) {
                        yaml_event_delete(&e);
                        return 0;
                }
                if (++count > CONFIG_LIST_MAX) {
                        config_error(r->problems, (unsigned) e.start_mark.line + 1, "more than %u entries",
                                     (unsigned) CONFIG_LIST_MAX);
                        n = -EINVAL;
                }
                if (n == 0 && node->kind == NODE_MAPPING) {
                        n = read_key(r, &e, &key);
                        yaml_event_delete(&e);
                        if (n == 0)
                                n = next_event(r, &e);
                        if (n < 0) {
                                free(key.key);
                                return n;
                        }
                }
                if (n == 0)
                        n = read_node(r, &e, depth, at);
                yaml_event_delete(&e);
                if (n < 0) {
                        free(key.key);
                        return n;
                }
                (*at)->key = key.key;
                (*at)->key_line = key.key_line;
                at = &(*at)->next;
        }
}

/* The node that begins with this event. On failure nothing is left in *ret. */
static int read_node(struct reader *r, const yaml_event_t *e, unsigned depth, struct config_node **ret)
{
        _cleanup_(config_tree_freep)
        struct config_node *node = NULL;
        unsigned line = (unsigned) e->start_mark.line + 1;
        const char *why = refused(e);
        int n = 0;

        if (depth > MAX_DEPTH || ++r->n_nodes > MAX_NODES) {
                config_error(r->problems, line, depth > MAX_DEPTH ? "nested too deeply" : "too many values");
                return -EINVAL;
        }
        node = calloc(1, sizeof(*node));
        if (!node) {
                r->problems->error = -ENOMEM;
                return -ENOMEM;
        }
        node->line = line;
        switch (e->type) {
        case YAML_SCALAR_EVENT:
                node->kind = NODE_SCALAR;
                node->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
                n = take_scalar(r, e, &node->text, &node->len);
                break;
        case YAML_SEQUENCE_START_EVENT:
                node->kind = NODE_SEQUENCE;
                n = read_children(r, node, depth + 1);
                break;
        case YAML_MAPPING_START_EVENT:
                node->kind = NODE_MAPPING;
                n = read_children(r, node, depth + 1);
                break;
        default: /* an alias */
                break;
        }
        if (n < 0)
                return n;
        if (why) {
                config_error(r->problems, line, "%s", why);
                node->kind = NODE_REFUSED;
        }
        *ret = TAKE_PTR(node);
        return 0;
}

/* After the first document there is nothing more. */
static int expect_end(struct reader *r)
{
        yaml_event_t e;
        int n = 0;

        for (bool end = false; !end && n == 0;) {
                n = next_event(r, &e);
                if (n < 0)
                        return n;
                end = e.type == YAML_STREAM_END_EVENT;
                if (e.type == YAML_DOCUMENT_START_EVENT) {
                        config_error(r->problems, (unsigned) e.start_mark.line + 1,
                                     "a second document begins here: one is read");
                        n = -EINVAL;
                }
                yaml_event_delete(&e);
        }
        return n;
}

static int read_document(struct reader *r, struct config_node **ret)
{
        for (;;) {
                _cleanup_(config_tree_freep)
                struct config_node *node = NULL;
                yaml_event_t e;
                int n = next_event(r, &e);
                bool content;

                if (n < 0)
                        return n;
                if (e.type == YAML_STREAM_END_EVENT) {
                        yaml_event_delete(&e);
                        return 0;
                }
                content = e.type != YAML_STREAM_START_EVENT && e.type != YAML_DOCUMENT_START_EVENT;
                if (content)
                        n = read_node(r, &e, 0, &node);
                yaml_event_delete(&e);
                if (n == 0 && content)
                        n = expect_end(r);
                if (n < 0)
                        return n;
                if (content) {
                        *ret = TAKE_PTR(node);
                        return 0;
                }
        }
}

struct config_node *config_tree_parse(struct config_problems *p, const char *text, size_t len)
{
        struct reader r = {.problems = p, .text = text, .len = len};
        struct config_node *node = NULL;

        if (!yaml_parser_initialize(&r.parser)) {
                p->error = -ENOMEM;
                return NULL;
        }
        /* Not left to libyaml's guess, which would take a byte order mark's word for UTF-16. */
        yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&r.parser, (const unsigned char *) text, len);
        (void) read_document(&r, &node);
        yaml_parser_delete(&r.parser);
        return node;
}
