/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The programs that the gate knows: what is asked for, the scan, and what changed since the last one. A scan costs some
 * milliseconds and reads only folders of the system's, never a person's. Runs in the keeper. */
#include "respond/gate_programs.h"

#include <errno.h>
#include <string.h>

#include "respond/gate_programs_internal.h"

static void free_named(struct gate_programs *p)
{
        for (size_t i = 0; i < p->n_named; i++)
                free(p->named[i].path);
        free(p->named);
        p->named = NULL;
        p->n_named = 0;
}

static void free_declared(struct gate_programs_declared *d, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                free(d[i].path);
                free(d[i].sha256);
        }
        free(d);
}

int gate_programs_configure(struct gate_programs *p, const struct config *c)
{
        const struct {
                const struct config_paths *list;
                uint32_t kind;
        } lists[] = {
                {&c->gate.desktops, GATE_KIND_DESKTOP},     {&c->gate.terminals, GATE_KIND_TERMINAL},
                {&c->gate.mailers, GATE_KIND_MAILER},       {&c->gate.terminal_mailers, GATE_KIND_TUI_MAILER},
                {&c->gate.submitters, GATE_KIND_SUBMITTER},
        };
        struct gate_programs_named *named;
        size_t n = 0, at = 0;

        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                n += lists[i].list->n;
        named = calloc(MAX(n, 1u), sizeof(*named));
        if (!named)
                return -ENOMEM;
        free_named(p);
        p->named = named;
        for (size_t i = 0; i < ELEMENTSOF(lists); i++)
                for (size_t k = 0; k < lists[i].list->n; k++) {
                        named[at].path = strdup(lists[i].list->items[k]);
                        named[at].kinds = lists[i].kind;
                        if (!named[at].path)
                                return -ENOMEM;
                        p->n_named = ++at;
                }
        return 0;
}

int gate_programs_set_senders(struct gate_programs *p, const struct gate_programs_sender *senders, size_t n)
{
        struct gate_programs_declared *d = calloc(MAX(n, 1u), sizeof(*d));

        if (!d)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                d[i].path = strdup(senders[i].path);
                d[i].sha256 = senders[i].sha256 ? strdup(senders[i].sha256) : NULL;
                d[i].uid = senders[i].uid;
                d[i].number = senders[i].number;
                if (!d[i].path || (senders[i].sha256 && !d[i].sha256)) {
                        free_declared(d, i + 1);
                        return -ENOMEM;
                }
        }
        free_declared(p->declared, p->n_declared);
        p->declared = d;
        p->n_declared = n;
        return 0;
}

int gate_programs_new_at(const struct config *c, const char *root, uid_t owner, struct gate_programs **ret)
{
        _cleanup_(gate_programs_freep)
        struct gate_programs *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->set = calloc(1, sizeof(*p->set));
        if (!p->set)
                return -ENOMEM;
        r = gate_files_new(root, owner, &p->files);
        if (r < 0)
                return r;
        r = gate_programs_configure(p, c);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

int gate_programs_new(const struct config *c, struct gate_programs **ret)
{
        return gate_programs_new_at(c, NULL, 0, ret);
}

void gate_programs_free(struct gate_programs *p)
{
        if (!p)
                return;
        gate_programs_watch_free(p->watch);
        free_named(p);
        free_declared(p->declared, p->n_declared);
        gate_programs_set_free(p->set);
        gate_files_free(p->files);
        free(p);
}

static void note_folder(void *userdata, const char *folder)
{
        struct gate_programs_set *set = userdata;
        char **more;

        for (size_t i = 0; i < set->n_folders; i++)
                if (strcmp(set->folders[i], folder) == 0)
                        return;
        if (set->n_folders >= GATE_PROGRAMS_FOLDERS_MAX)
                return;
        more = reallocarray(set->folders, set->n_folders + 1, sizeof(*more));
        if (more) {
                set->folders = more;
                set->folders[set->n_folders] = strdup(folder);
        }
        if (!more || !set->folders[set->n_folders])
                set->error = -ENOMEM;
        else
                set->n_folders++;
}

static int compare_keys(const struct gate_program_key *a, const struct gate_program_key *b)
{
        if (a->dev != b->dev)
                return a->dev < b->dev ? -1 : 1;
        return a->ino == b->ino ? 0 : a->ino < b->ino ? -1 : 1;
}

static int compare_entries(const void *a, const void *b)
{
        return compare_keys(&((const struct gate_programs_entry *) a)->key,
                            &((const struct gate_programs_entry *) b)->key);
}

static bool same_entry(const struct gate_programs_entry *a, const struct gate_programs_entry *b)
{
        return memcmp(&a->program, &b->program, sizeof(a->program)) == 0 && strcmp(a->path, b->path) == 0;
}

/* Both are sorted. */
static int tell_changes(const struct gate_programs_set *old, const struct gate_programs_set *new, gate_programs_cb cb,
                        void *userdata)
{
        size_t i = 0, k = 0;
        int n = 0;

        while (i < old->n || k < new->n) {
                int order = i == old->n ? 1 :
                            k == new->n ? -1 :
                                          compare_keys(&old->entries[i].key, &new->entries[k].key);
                const struct gate_programs_entry *gone = order < 0 ? &old->entries[i] : NULL;
                const struct gate_programs_entry *here = order >= 0 ? &new->entries[k] : NULL;
                bool same = order == 0 && same_entry(&old->entries[i], here);

                i += order <= 0;
                k += order >= 0;
                if (same)
                        continue;
                n++;
                if (cb)
                        cb(userdata, gone ? &gone->key : &here->key, here);
        }
        return n;
}

static int fill(struct gate_programs *p, struct gate_programs_set *set)
{
        int r = gate_files_refresh(p->files);

        if (r < 0)
                return r;
        gate_programs_table_scan(p, set);
        for (size_t i = 0; i < p->n_named; i++) {
                const struct gate_programs_claim claim = {.path = p->named[i].path,
                                                          .kinds = p->named[i].kinds,
                                                          .source = "configuration",
                                                          .by_hand = true};

                gate_programs_set_take(p, set, &claim);
        }
        gate_programs_desktop_scan(p, set);
        for (size_t i = 0; i < p->n_declared; i++) {
                const struct gate_programs_claim claim = {.path = p->declared[i].path,
                                                          .kinds = GATE_KIND_SENDER,
                                                          .source = "sender",
                                                          .sender = &p->declared[i]};

                gate_programs_set_take(p, set, &claim);
        }
        return set->error;
}

int gate_programs_scan(struct gate_programs *p, gate_programs_cb cb, void *userdata)
{
        _cleanup_(gate_programs_set_freep)
        struct gate_programs_set *set = calloc(1, sizeof(*set)), *old = NULL;
        int r;

        if (!set)
                return -ENOMEM;
        gate_files_on_folder(p->files, note_folder, set);
        r = fill(p, set);
        gate_files_on_folder(p->files, NULL, NULL);
        if (r < 0)
                return r;
        if (set->n)
                qsort(set->entries, set->n, sizeof(*set->entries), compare_entries);
        old = p->set;
        p->set = TAKE_PTR(set);
        gate_programs_watch_update(p);
        return tell_changes(old, p->set, cb, userdata);
}

const struct gate_programs_entry *gate_programs_at(const struct gate_programs *p, size_t index)
{
        return index < p->set->n ? &p->set->entries[index] : NULL;
}

const struct gate_programs_entry *gate_programs_find(const struct gate_programs *p, const struct gate_program_key *key)
{
        struct gate_programs_entry wanted = {.key = *key};

        if (!p->set->n)
                return NULL;
        return bsearch(&wanted, p->set->entries, p->set->n, sizeof(wanted), compare_entries);
}

const struct gate_programs_entry *gate_programs_find_id(const struct gate_programs *p, uint32_t id)
{
        for (size_t i = 0; i < p->set->n; i++)
                if (p->set->entries[i].program.id == id)
                        return &p->set->entries[i];
        return NULL;
}

const struct gate_programs_refusal *gate_programs_refusal_at(const struct gate_programs *p, size_t index)
{
        return index < p->set->n_refusals ? &p->set->refusals[index] : NULL;
}

bool gate_programs_is_any(const char *path)
{
        return gate_programs_table_never(path) != NULL;
}
