/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tree of YAML nodes into the configuration, by the table of keys. Every error names its line; reading goes on after
 * one, so that all are found at once. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "config/internal.h"

#define EXCEPTIONS   "exceptions"
#define WEIGHTS_MAX  1024
#define KEY_SIZE_MAX 32 /* longer than any key of ours */

static bool is_null(const struct config_node *node)
{
        return node->kind == NODE_SCALAR && !node->quoted &&
               (node->len == 0 || strcmp(node->text, "~") == 0 || strcasecmp(node->text, "null") == 0);
}

static const char *kind_title(const struct config_node *node)
{
        return is_null(node)               ? "nothing" :
               node->kind == NODE_SCALAR   ? "a single value" :
               node->kind == NODE_SEQUENCE ? "a list" :
                                             "keys and values";
}

bool config_expect(struct config_problems *p, const char *key, const struct config_node *node,
                   enum config_node_kind kind, const char *what)
{
        if (node->kind == NODE_REFUSED)
                return false;
        if (node->kind == kind && !is_null(node))
                return true;
        config_error(p, node->line, "%s: expected %s, found %s", key, what, kind_title(node));
        return false;
}

static bool is_repeated(struct config_problems *p, const struct config_node *parent, const struct config_node *node)
{
        for (const struct config_node *n = parent->children; n != node; n = n->next)
                if (strcmp(n->key, node->key) == 0) {
                        config_error(p, node->key_line, "\"%.*s\" is given twice, first on line %u", CONFIG_SHOWN_MAX,
                                     node->key, n->key_line);
                        return true;
                }
        return false;
}

/* The part of a row's key below `section` ("": the top), or NULL when it is not there. */
static const char *key_below(const struct config_row *row, const char *section)
{
        size_t n = strlen(section);

        if (n == 0)
                return row->key;
        return strncmp(row->key, section, n) == 0 && row->key[n] == '.' ? row->key + n + 1 : NULL;
}

static const struct config_row *find_row(const struct config_row *rows, const char *section, const char *key)
{
        for (const struct config_row *row = rows; row->key; row++) {
                const char *below = key_below(row, section);

                if (below && strcmp(below, key) == 0 && !strchr(below, '.'))
                        return row;
        }
        return NULL;
}

static bool is_section(const char *key)
{
        for (const struct config_row *row = config_rows; row->key; row++)
                if (!strchr(key, '.') && key_below(row, key) && *key)
                        return true;
        return false;
}

/* Levenshtein's distance; anything longer than our keys is far away. */
static unsigned distance(const char *a, const char *b)
{
        unsigned row[KEY_SIZE_MAX + 1];
        size_t n = strlen(b);

        if (strlen(a) > KEY_SIZE_MAX || n > KEY_SIZE_MAX)
                return KEY_SIZE_MAX;
        for (unsigned i = 0; i <= n; i++)
                row[i] = i;
        for (unsigned i = 1; a[i - 1]; i++) {
                unsigned diagonal = row[0];

                row[0] = i;
                for (unsigned k = 1; k <= n; k++) {
                        unsigned above = row[k];

                        row[k] = MIN(MIN(row[k], row[k - 1]) + 1, diagonal + (a[i - 1] != b[k - 1]));
                        diagonal = above;
                }
        }
        return row[n];
}

static void report_unknown(struct config_problems *p, const struct config_row *rows, const char *section,
                           const struct config_node *node)
{
        char best[KEY_SIZE_MAX + 1] = "";
        unsigned least = 3;

        if (p->n_errors < CONFIG_PROBLEMS_MAX)
                for (const struct config_row *row = rows; row->key; row++) {
                        const char *below = key_below(row, section);
                        char name[KEY_SIZE_MAX + 1];
                        unsigned d;

                        if (!below)
                                continue;
                        snprintf(name, sizeof(name), "%.*s", (int) strcspn(below, "."), below);
                        d = distance(node->key, name);
                        if (d < least && d < strlen(name)) {
                                least = d;
                                memcpy(best, name, sizeof(best));
                        }
                }
        if (best[0]) {
                config_error(p, node->key_line, "unknown key \"%.*s\"%s%s: did you mean \"%s\"?", CONFIG_SHOWN_MAX,
                             node->key, *section ? " in " : "", section, best);
                return;
        }
        for (const struct config_row *row = config_rows; row->key; row++) {
                const char *dot = strchr(row->key, '.');

                if (dot && (strcmp(dot + 1, node->key) == 0 || strcmp(row->key, node->key) == 0)) {
                        config_error(p, node->key_line, "unknown key \"%s\" here: it belongs in the section \"%.*s\"",
                                     node->key, (int) (dot - row->key), row->key);
                        return;
                }
        }
        config_error(p, node->key_line, "unknown key \"%.*s\"%s%s", CONFIG_SHOWN_MAX, node->key, *section ? " in " : "",
                     section);
}

static void read_scalar(void *base, struct config_problems *p, const struct config_row *row,
                        const struct config_node *node)
{
        char reason[128], what[112];
        struct buf b = BUF_FIXED(what);
        const char *text = node->text;
        int r;

        config_value_describe(row, &b);
        if ((row->type == CONFIG_PATH_NONE || row->type == CONFIG_TEXT_NONE) && is_null(node))
                text = "none";
        else if (!config_expect(p, row->key, node, NODE_SCALAR, buf_str(&b)))
                return;
        else if (strlen(text) != node->len) {
                config_error(p, node->line, "%s: contains a NUL character", row->key);
                return;
        } else if (node->quoted && (row->type == CONFIG_BOOL || row->type == CONFIG_POWER2 ||
                                    row->type == CONFIG_NUMBER || row->type == CONFIG_SCORE)) {
                config_error(p, node->line, "%s: expected %s, found a text in quotes", row->key, buf_str(&b));
                return;
        }
        r = config_value_parse(row, base, text, reason);
        if (r == -ENOMEM)
                p->error = r;
        else if (r < 0)
                config_error(p, node->line, "%s: \"%.*s\" %s", row->key, CONFIG_SHOWN_MAX, text, reason);
}

/* "server_like.order": two names with a dot. */
static bool is_kind_name(const char *text)
{
        size_t dots = 0;

        for (const char *c = text; *c; c++) {
                bool edge = c == text || c[-1] == '.' || c[1] == '\0';

                if (*c == '.' ? edge : !(islower((unsigned char) *c) || isdigit((unsigned char) *c) || *c == '_'))
                        return false;
                dots += *c == '.';
        }
        return dots == 1 && strlen(text) < 96;
}

static struct config_weight *weight_slot(struct config *c, const char *kind)
{
        struct config_weight *w;

        for (size_t i = 0; i < c->verdict.n_weights; i++)
                if (strcmp(c->verdict.weights[i].kind, kind) == 0)
                        return &c->verdict.weights[i];
        w = config_array_grow(&c->verdict.weights, &c->verdict.n_weights, sizeof(*w));
        if (!w)
                return NULL;
        w->kind = strdup(kind);
        if (!w->kind)
                c->verdict.n_weights--;
        return w->kind ? w : NULL;
}

static void read_weights(struct config *c, struct config_problems *p, const struct config_row *row,
                         const struct config_node *node)
{
        struct config_row score = {row->key, CONFIG_SCORE, offsetof(struct config_weight, weight), row->min, row->max};

        if (is_null(node) || !config_expect(p, row->key, node, NODE_MAPPING, "kinds of evidence with numbers"))
                return;
        for (const struct config_node *n = node->children; n; n = n->next) {
                struct config_weight *w;

                if (is_repeated(p, node, n))
                        continue;
                if (!is_kind_name(n->key)) {
                        config_error(p, n->key_line, "%s: \"%.*s\" is not a kind of evidence such as server_like.order",
                                     row->key, CONFIG_SHOWN_MAX, n->key);
                        continue;
                }
                if (c->verdict.n_weights >= WEIGHTS_MAX) {
                        config_error(p, n->key_line, "%s: more than %d entries", row->key, WEIGHTS_MAX);
                        return;
                }
                w = weight_slot(c, n->key);
                if (!w) {
                        p->error = -ENOMEM;
                        return;
                }
                read_scalar(w, p, &score, n);
        }
}

/* A program that is not there is no error: it may be installed later, and a reload looks again. */
static void find_program(struct config_exception *e, struct config_problems *p, unsigned line)
{
        struct stat st;

        if (stat(e->program, &st) < 0) {
                config_note(p, line,
                            "exceptions.program: %s: %m; the exception matches no program until it is there and "
                            "the configuration is reloaded",
                            e->program);
                return;
        }
        if (!S_ISREG(st.st_mode)) {
                config_error(p, line, "exceptions.program: %s is not a file", e->program);
                return;
        }
        e->exe_dev = (uint32_t) major(st.st_dev) << 20 | minor(st.st_dev);
        e->exe_ino = st.st_ino;
}

static bool is_everything(const struct config_exception *e)
{
        bool any_peer = !e->has_peer || e->peer.bits == 0 || (e->peer.bits == 96 && addr_is_v4(&e->peer.base));

        return !e->subject && !e->program && any_peer;
}

static void read_exception(struct config_exception *e, struct config_problems *p, const struct config_node *node)
{
        unsigned before = p->n_errors;

        for (const struct config_node *n = node->children; n; n = n->next) {
                const struct config_row *row = find_row(config_exception_rows, EXCEPTIONS, n->key);
                unsigned errors = p->n_errors;

                if (is_repeated(p, node, n))
                        continue;
                if (!row) {
                        report_unknown(p, config_exception_rows, EXCEPTIONS, n);
                        continue;
                }
                read_scalar(e, p, row, n);
                if (p->n_errors != errors || n->kind == NODE_REFUSED)
                        continue;
                e->has_peer |= row->type == CONFIG_PEER;
                if (row->type == CONFIG_PATH && e->program)
                        find_program(e, p, n->line);
        }
        if (p->n_errors != before)
                return; /* what is missing may only be misspelt */
        if (!e->reason)
                config_error(p, node->line, "exceptions: a reason is missing");
        if (is_everything(e))
                config_error(p, node->line,
                             "exceptions: this one matches everything: name a subject, a program or a peer");
}

static void read_exceptions(struct config *c, struct config_problems *p, const struct config_row *row,
                            const struct config_node *node)
{
        if (is_null(node) || !config_expect(p, row->key, node, NODE_SEQUENCE, "a list of exceptions"))
                return;
        for (const struct config_node *n = node->children; n; n = n->next) {
                struct config_exception *e;

                if (!config_expect(p, row->key, n, NODE_MAPPING, "keys and values"))
                        continue;
                if (c->n_exceptions >= (size_t) row->max) {
                        config_error(p, n->line, "%s: more than %d entries", row->key, (int) row->max);
                        return;
                }
                e = config_array_grow(&c->exceptions, &c->n_exceptions, sizeof(*e));
                if (!e || asprintf(&e->where, "%s:%u", p->file, n->line) < 0) {
                        if (e)
                                e->where = NULL;
                        p->error = -ENOMEM;
                        return;
                }
                read_exception(e, p, n);
        }
}

void config_read_value(void *base, struct config_problems *p, const struct config_row *row,
                       const struct config_node *node)
{
        switch (row->type) {
        case CONFIG_CIDRS:
                config_list_read_cidrs((struct config_cidrs *) ((char *) base + row->offset), p, row, node);
                break;
        case CONFIG_PATHS:
        case CONFIG_TEXTS:
                config_list_read_paths((struct config_paths *) ((char *) base + row->offset), p, row, node);
                break;
        case CONFIG_GROUPS:
                config_rules_read_groups((struct config_groups *) ((char *) base + row->offset), p, row, node);
                break;
        case CONFIG_SIDS:
                config_rules_read_sids((struct config_sids *) ((char *) base + row->offset), p, row, node);
                break;
        case CONFIG_PORTS:
                config_list_read_ports(base, p, row, node);
                break;
        case CONFIG_WEIGHTS:
                read_weights(base, p, row, node);
                break;
        case CONFIG_EXCEPTIONS:
                read_exceptions(base, p, row, node);
                break;
        default:
                read_scalar(base, p, row, node);
                break;
        }
        if (row->type == CONFIG_SCORE)
                p->threshold = (struct config_place){p->file, node->line};
        if (strcmp(row->key, "gate.window") == 0 || strcmp(row->key, "gate.compose") == 0)
                p->gesture = (struct config_place){p->file, node->line};
}

static void read_section(struct config *c, struct config_problems *p, const char *section,
                         const struct config_node *node)
{
        for (const struct config_node *n = node->children; n; n = n->next) {
                const struct config_row *row = find_row(config_rows, section, n->key);

                if (p->n_errors > CONFIG_PROBLEMS_MAX)
                        return;
                if (is_repeated(p, node, n))
                        continue;
                if (row)
                        config_read_value(c, p, row, n);
                else if (*section || !is_section(n->key))
                        report_unknown(p, config_rows, section, n);
                else if (!is_null(n) && config_expect(p, n->key, n, NODE_MAPPING, "keys and values"))
                        read_section(c, p, n->key, n);
        }
}

void config_read(struct config *c, struct config_problems *p, const char *text, size_t len)
{
        _cleanup_(config_tree_freep)
        struct config_node *node = NULL;

        if (len > CONFIG_FILE_MAX) {
                config_error(p, 0, "is larger than %u KiB", CONFIG_FILE_MAX / 1024);
                return;
        }
        node = config_tree_parse(p, text, len);
        if (!node || is_null(node))
                return;
        if (config_expect(p, "the file", node, NODE_MAPPING, "keys and values"))
                read_section(c, p, "", node);
}

static void check_failed(struct config_problems *p, const struct config_place *place, const char *reason)
{
        const char *file = p->file;

        p->file = place->file ? place->file : file;
        config_error(p, place->line, "%s", reason);
        p->file = file;
}

void config_check(struct config *c, struct config_problems *p)
{
        char reason[128], window[CLOCK_TEXT_MAX], compose[CLOCK_TEXT_MAX];

        if (c->verdict.suspect > c->verdict.bot) {
                snprintf(reason, sizeof(reason), "verdict: suspect (%d.%02d) is above bot (%d.%02d)",
                         c->verdict.suspect / 100, c->verdict.suspect % 100, c->verdict.bot / 100,
                         c->verdict.bot % 100);
                check_failed(p, &p->threshold, reason);
        }
        if (c->gate.compose < c->gate.window) {
                snprintf(reason, sizeof(reason), "gate: compose (%s) is shorter than window (%s)",
                         clock_format_span(c->gate.compose, compose), clock_format_span(c->gate.window, window));
                check_failed(p, &p->gesture, reason);
        }
}

int config_parse(struct config *c, const char *name, const char *text, size_t len, struct buf *errors)
{
        struct config_problems p = {.out = errors, .file = name};

        config_read(c, &p, text, len);
        config_check(c, &p);
        return config_problems_result(&p);
}
