/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chain of creators of a process, as far as it may answer for it, and as a line for people. Runs in the engine. */
#include "detect/ancestors.h"

#include "base/buf.h"

#define CHAIN_NAMES 12
#define NAME_SHOWN  15 /* as the kernel keeps it */
#define LINK        " > "
#define LEFT_OUT    " > …"

void ancestors_find(const struct lineage *l, const struct task *t, struct ancestors *ret)
{
        const struct lineage_node *n = lineage_process(l, t), *up;

        *ret = (struct ancestors){0};
        for (int depth = 0; n && depth < LINEAGE_DEPTH_MAX && ret->n_talking < ANCESTORS_MAX; depth++, n = up) {
                up = lineage_parent_process(l, n);
                /* Process 1 has created everything, and answers for nothing. */
                if (!up || up->task.pid <= 1 || lineage_is_login(up, n))
                        return;
                if (depth == 0)
                        ret->creator = up;
                if (up->talks)
                        ret->talking[ret->n_talking++] = up;
        }
}

struct names {
        char text[CHAIN_NAMES + 1][4 * NAME_SHOWN + 1]; /* the process first, upwards; a byte becomes four at most */
        int n;
        bool rooted; /* the last is the root, and those before it do not reach it */
};

static void show(char text[static 4 * NAME_SHOWN + 1], const struct lineage_node *n)
{
        struct buf b = {.data = text, .size = 4 * NAME_SHOWN + 1, .max = 4 * NAME_SHOWN, .fixed = true};

        text[0] = '\0';
        (void) buf_put_visible(&b, n->name[0] ? n->name : "?", strnlen(n->name[0] ? n->name : "?", NAME_SHOWN));
}

static void collect(const struct lineage *l, const struct task *t, struct names *ret)
{
        const struct lineage_node *n = lineage_process(l, t), *root = NULL;
        int all = 0;

        ret->n = 0;
        for (; n && all < LINEAGE_DEPTH_MAX; n = lineage_parent_process(l, n), all++) {
                if (ret->n < CHAIN_NAMES)
                        show(ret->text[ret->n++], n);
                root = n;
        }
        ret->rooted = all > ret->n;
        if (ret->rooted)
                show(ret->text[ret->n++], root);
}

/* From the process upwards while they fit; the root always. */
const char *ancestors_chain(const struct lineage *l, const struct task *t, char *text, size_t size)
{
        struct buf b = {.data = text, .size = size, .max = size - 1, .fixed = true};
        struct names names;
        int last, from = 0;
        size_t room;

        text[0] = '\0';
        collect(l, t, &names);
        if (names.n == 0)
                return text;
        last = names.n - 1;
        room = strlen(names.text[last]) + sizeof(LEFT_OUT);
        while (from < last && room + strlen(names.text[from]) + strlen(LINK) < size)
                room += strlen(names.text[from++]) + strlen(LINK);
        (void) buf_puts(&b, names.text[last]);
        if (from < last || names.rooted)
                (void) buf_puts(&b, LEFT_OUT);
        while (from-- > 0)
                (void) buf_printf(&b, LINK "%s", names.text[from]);
        return text;
}
