/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this stage share: the table of keys, the tree a YAML text becomes, and the list of problems.
 * Not for other stages. */
#ifndef SEKIMORI_CONFIG_INTERNAL_H
#define SEKIMORI_CONFIG_INTERNAL_H

#include "config/config.h"

enum config_type {
        CONFIG_BOOL,       /* bool */
        CONFIG_POWER2,     /* uint32_t */
        CONFIG_NUMBER,     /* uint32_t */
        CONFIG_SPAN,       /* nsec_t */
        CONFIG_SIZE,       /* uint64_t */
        CONFIG_SCORE,      /* int32_t */
        CONFIG_ENUM,       /* an enum, row's names by value */
        CONFIG_PATH,       /* char *, at most `max` bytes */
        CONFIG_PATH_NONE,  /* the same, or NULL written "none" */
        CONFIG_NAME,       /* char *, [a-z_][a-z0-9_-]*, at most `max` bytes */
        CONFIG_TEXT,       /* char *, at most `max` bytes */
        CONFIG_TEXT_NONE,  /* the same, or NULL written "none" */
        CONFIG_PEER,       /* struct cidr */
        CONFIG_DATE,       /* nsec_t */
        CONFIG_CIDRS,      /* struct config_cidrs, at most `max` items */
        CONFIG_PATHS,      /* struct config_paths, at most `max` items */
        CONFIG_TEXTS,      /* the same, of texts of at most `min` bytes */
        CONFIG_GROUPS,     /* struct config_groups, at most `max` items; later ones are added */
        CONFIG_SIDS,       /* struct config_sids, at most `max` items */
        CONFIG_PORTS,      /* gate.ports, 1 to `max` items */
        CONFIG_WEIGHTS,    /* verdict.weights, at most `max` items */
        CONFIG_EXCEPTIONS, /* exceptions, at most `max` items */
};

struct config_row {
        const char *key;
        enum config_type type;
        size_t offset; /* in struct config; of exceptions' keys, in struct config_exception */
        int64_t min, max;
        const char *const *names; /* ENUM: NULL-terminated */
        const char *fallback;
        const char *help;
};

extern const struct config_row config_rows[]; /* ends with key NULL */
extern const struct config_row config_exception_rows[];

/* A node of a YAML text. Scalars have text; sequences and mappings have children; a mapping's children have a key. */
enum config_node_kind { NODE_SCALAR, NODE_SEQUENCE, NODE_MAPPING, NODE_REFUSED /* already reported */ };

struct config_node {
        enum config_node_kind kind;
        bool quoted;
        unsigned line, key_line;
        char *key, *text;
        size_t len; /* of text, which may contain NUL */
        struct config_node *children, *next;
};

/* Errors and notes found so far, written as "file:line: reason". */
struct config_problems {
        struct buf *out;  /* may be NULL */
        const char *file; /* being read */
        unsigned n_errors, n_notes;
        int error; /* the first failure that is not about content (-ENOMEM, a file's errno), or 0 */
        struct config_place {
                const char *file;
                unsigned line;
        } threshold, gesture; /* where a threshold, and a gesture's time, was set last */
};

#define CONFIG_PROBLEMS_MAX 50
#define CONFIG_FILE_MAX     (1u << 20)
#define CONFIG_LIST_MAX     4096

/* Line 0: about the file as a whole. */
void config_error(struct config_problems *p, unsigned line, const char *format, ...) _printf_(3, 4);
void config_note(struct config_problems *p, unsigned line, const char *format, ...) _printf_(3, 4);
/* What the caller of config_load() gets: 0, -EINVAL, or the first failure. */
int config_problems_result(const struct config_problems *p);

/* NULL for an empty text, or when an error was reported. */
struct config_node *config_tree_parse(struct config_problems *p, const char *text, size_t len);
void config_tree_free(struct config_node *node);
DEFINE_FREEP(struct config_node, config_tree_free)

/* Reads one text over `c`. config_check() then looks at what only the whole shows. */
void config_read(struct config *c, struct config_problems *p, const char *text, size_t len);
void config_check(struct config *c, struct config_problems *p);
/* Puts the value of a node where the row says, in the structure at `base`. */
void config_read_value(void *base, struct config_problems *p, const struct config_row *row,
                       const struct config_node *node);

/* Scalars: text to value, in the structure at `base`, and back as YAML. 0, -ENOMEM, or -EINVAL with a reason. */
int config_value_parse(const struct config_row *row, void *base, const char *text, char reason[static 128]);
void config_value_put(const struct config_row *row, const void *base, struct buf *out);
void config_value_put_cidr(const struct cidr *net, struct buf *out);
void config_value_put_text(const char *text, struct buf *out);
/* "a length of time, 1s to 7d" */
void config_value_describe(const struct config_row *row, struct buf *out);

/* The `nameserver` lines of a resolv.conf. An absent or unreadable file gives none. 0 or -ENOMEM. */
int config_resolvers_read(const char *path, struct config_cidrs *ret);

/* false, with an error, when the node is of another kind (or was refused, with the error given already). */
bool config_expect(struct config_problems *p, const char *key, const struct config_node *node,
                   enum config_node_kind kind, const char *what);
#define CONFIG_SHOWN_MAX 60 /* bytes of a value or key, in a message */

/* Lists: from a node, and back as YAML. */
void config_list_read_cidrs(struct config_cidrs *ret, struct config_problems *p, const struct config_row *row,
                            const struct config_node *node);
void config_list_read_paths(struct config_paths *ret, struct config_problems *p, const struct config_row *row,
                            const struct config_node *node);
void config_list_read_ports(struct config *c, struct config_problems *p, const struct config_row *row,
                            const struct config_node *node);
void config_list_put(const struct config_row *row, const struct config *c, struct buf *out);
void config_list_paths_done(struct config_paths *list);

void config_rules_read_groups(struct config_groups *g, struct config_problems *p, const struct config_row *row,
                              const struct config_node *node);
void config_rules_read_sids(struct config_sids *ret, struct config_problems *p, const struct config_row *row,
                            const struct config_node *node);
void config_rules_put(const struct config_row *row, const struct config *c, struct buf *out);
void config_rules_groups_done(struct config_groups *g);

/* Frees the fields, not the structure. */
void config_exception_done(struct config_exception *e);
/* Grows the array that *array_at (a pointer to any type) points to by one zeroed element, which it returns; NULL
 * without memory. */
void *config_array_grow(void *array_at, size_t *n, size_t element);

#endif
