/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads one subject out of the store. Runs in the command line. */
#include "view/dossier.h"

#include <errno.h>

/* What was lost this long before the first evidence may have been its beginning. */
#define GAP_BEFORE (60 * 60 * NSEC_PER_SEC)
#define GAP_AFTER  (60 * NSEC_PER_SEC)

void dossier_free(struct dossier *d)
{
        if (!d)
                return;
        for (size_t i = 0; i < d->n_evidence; i++)
                free(d->evidence[i].own_kind);
        free(d->evidence);
        for (size_t i = 0; i < d->n_others; i++)
                dossier_free(d->others[i]);
        free(d->changes);
        free(d->actions);
        free(d->gaps);
        free(d);
}

/* Room for one more element, or NULL: full (counted) or without memory (*ret_error). */
static void *grow(void **array, size_t *n, size_t max, size_t element, uint64_t *left_out, int *ret_error)
{
        void *bigger;

        if (*n == max) {
                (*left_out)++;
                return NULL;
        }
        bigger = reallocarray(*array, *n + 1, element);
        if (!bigger) {
                *ret_error = -ENOMEM;
                return NULL;
        }
        *array = bigger;
        return (char *) bigger + element * (*n)++;
}

#define GROW(d, array, max, ret_error)                                                                                 \
        grow((void **) &(d)->array, &(d)->n_##array, (max), sizeof(*(d)->array), &(d)->left_out, (ret_error))

static int take_subject(void *userdata, const struct verdict *v)
{
        struct dossier *d = userdata;

        d->verdict = *v;
        return 0;
}

/* The store's placeholder for a kind that this version does not have lives only during the call. */
static int keep_kind(struct dossier *d, struct dossier_evidence *p)
{
        const struct evidence_kind *kind = p->evidence.kind;
        struct evidence_kind *own;
        size_t len = strlen(kind->name) + 1;
        char *name;

        if (d->find_kind && d->find_kind(kind->name) == kind)
                return 0;
        own = malloc(sizeof(*own) + len);
        if (!own)
                return -ENOMEM;
        name = memcpy(own + 1, kind->name, len);
        *own = *kind;
        own->name = own->title = name;
        p->evidence.kind = p->own_kind = own;
        return 0;
}

static int take_evidence(void *userdata, const struct evidence *e, bool excepted)
{
        struct dossier *d = userdata;
        struct dossier_evidence *p;
        int error = 0;

        p = GROW(d, evidence, DOSSIER_EVIDENCE_MAX, &error);
        if (!p)
                return error;
        *p = (struct dossier_evidence){.evidence = *e, .excepted = excepted};
        if (!d->first || e->first < d->first)
                d->first = e->first;
        d->last = MAX(d->last, e->last);
        return keep_kind(d, p);
}

static int take_change(void *userdata, const struct verdict *v)
{
        struct dossier *d = userdata;
        struct verdict *p;
        int error = 0;

        p = GROW(d, changes, DOSSIER_CHANGES_MAX, &error);
        if (p)
                *p = *v;
        return error;
}

static int take_action(void *userdata, const struct action *a)
{
        struct dossier *d = userdata;
        struct action *p;
        int error = 0;

        p = GROW(d, actions, DOSSIER_ACTIONS_MAX, &error);
        if (p)
                *p = *a;
        return error;
}

static int take_gap(void *userdata, nsec_t time, const struct gap_event *g, uint64_t count)
{
        struct dossier *d = userdata;
        struct dossier_gap *p;
        int error = 0;

        if (time > d->last + GAP_AFTER)
                return 0;
        p = GROW(d, gaps, DOSSIER_GAPS_MAX, &error);
        if (!p)
                return error;
        *p = (struct dossier_gap){.time = time, .gap = *g, .count = count};
        p->gap.text = NULL;
        if (g->text)
                snprintf(p->text, sizeof(p->text), "%s", g->text);
        return 0;
}

/* As it happened; what happened at once in the order of stages. */
static int by_time_and_stage(const void *a, const void *b)
{
        const struct evidence *x = &((const struct dossier_evidence *) a)->evidence;
        const struct evidence *y = &((const struct dossier_evidence *) b)->evidence;

        if (x->first != y->first)
                return x->first < y->first ? -1 : 1;
        if (x->kind->stage != y->kind->stage)
                return x->kind->stage < y->kind->stage ? -1 : 1;
        return strcmp(x->kind->name, y->kind->name);
}

/* All but the others that it names. */
static int read_one(struct store *s, const char *key, const struct evidence_kind *(*find_kind)(const char *),
                    struct dossier **ret)
{
        _cleanup_(dossier_freep)
        struct dossier *d = calloc(1, sizeof(*d));
        struct store_reader reader = {
                .find_kind = find_kind,
                .subject = take_subject,
                .evidence = take_evidence,
                .change = take_change,
                .action = take_action,
                .gap = take_gap,
                .userdata = d,
        };
        int r;

        if (!d)
                return -ENOMEM;
        d->find_kind = find_kind;
        r = store_read_subject(s, &reader, key);
        if (r < 0)
                return r;
        if (d->n_evidence) {
                qsort(d->evidence, d->n_evidence, sizeof(*d->evidence), by_time_and_stage);
                r = store_read_gaps(s, &reader, d->first - GAP_BEFORE);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(d);
        return 0;
}

static bool is_among(const struct dossier *d, const struct subject *other)
{
        if (subject_equal(&d->verdict.subject, other))
                return true;
        for (size_t i = 0; i < d->n_others; i++)
                if (subject_equal(&d->others[i]->verdict.subject, other))
                        return true;
        return false;
}

static int add_other(struct dossier *d, struct store *s, const struct fact *f)
{
        _cleanup_(dossier_freep)
        struct dossier *other = NULL;
        struct subject subject = d->verdict.subject; /* of the same boot */
        char key[SUBJECT_TEXT_MAX];
        int r;

        subject.pid = f->process.task.pid;
        subject.start = f->process.task.leader_start;
        if (is_among(d, &subject))
                return 0;
        if (d->n_others == DOSSIER_OTHERS_MAX) {
                d->left_out++;
                return 0;
        }
        r = read_one(s, subject_key(&subject, key), d->find_kind, &other);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (other->n_evidence)
                d->others[d->n_others++] = TAKE_PTR(other);
        return 0;
}

int dossier_read(struct store *s, const char *key, const struct evidence_kind *(*find_kind)(const char *),
                 struct dossier **ret)
{
        _cleanup_(dossier_freep)
        struct dossier *d = NULL;
        int r = read_one(s, key, find_kind, &d);

        /* Evidence on this machine is its processes' own already. */
        if (r == 0 && d->verdict.subject.kind == SUBJECT_PROCESS)
                for (size_t i = 0; i < d->n_evidence; i++)
                        for (unsigned k = 0; k < d->evidence[i].evidence.n_facts && r == 0; k++)
                                if (d->evidence[i].evidence.facts[k].type == FACT_PROCESS)
                                        r = add_other(d, s, &d->evidence[i].evidence.facts[k]);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(d);
        return 0;
}
