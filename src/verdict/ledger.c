/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The evidence held per subject. Claims of one kind become one piece; the verdict is folded from the pieces whenever it
 * is asked for, so that fading needs no timer. Pure; runs in the engine and in the offline commands.
 *
 * Room: entries hang in lists by how convicted they were when last heard of, each in order of quiet. The head of the
 * lowest list goes first. Conviction fades, so before that the heads of the higher lists are folded again. */
#include "verdict/ledger.h"

#include <errno.h>

#include "verdict/exception.h"

enum role {
        ROLE_OWN,       /* claims on the subject itself */
        ROLE_INHERITED, /* host only: per kind, the strongest piece among its processes */
        ROLE_EXCEPTED,  /* silenced claims: kept to be shown, never folded */
        ROLES,
};

enum rank { RANK_NO_PIECES, RANK_PIECES, RANK_SUSPECT, RANK_BOT, RANKS };

#define REFOLDED_PER_RANK 4 /* heads looked at again per eviction */

struct entry_key {
        uint32_t kind, pid;
        uint64_t start;
        uint8_t id[16]; /* process: boot id; else the address */
};

struct entry {
        struct entry_key key; /* first: the table's key */
        struct subject subject;
        struct evidence *pieces[ROLES][LEDGER_KINDS]; /* each on the heap: most subjects have one or two */
        struct entry *prev, *next;
        enum rank rank;
        enum level level;  /* as of the last claim */
        nsec_t level_time; /* of the claim that brought it */
        nsec_t newest;     /* latest time heard of */
        uint32_t excepted, seen;
};

struct list {
        struct entry *head, *tail;
};

struct ledger {
        const struct config *config;
        struct ledger_sink sink;
        struct table *table;
        struct list lists[RANKS];
        uint64_t evicted; /* subjects and kinds that had to make room */
};

static const struct subject self = {.kind = SUBJECT_HOST};

static struct entry_key key_of(const struct subject *s)
{
        struct entry_key k = {.kind = s->kind};

        if (s->kind == SUBJECT_PROCESS) {
                k.pid = s->pid;
                k.start = s->start;
                memcpy(k.id, s->boot_id, sizeof(k.id));
        } else
                memcpy(k.id, s->addr.b, sizeof(k.id));
        return k;
}

static void list_remove(struct ledger *l, struct entry *e)
{
        struct list *list = &l->lists[e->rank];

        *(e->prev ? &e->prev->next : &list->head) = e->next;
        *(e->next ? &e->next->prev : &list->tail) = e->prev;
        e->prev = e->next = NULL;
}

static void list_append(struct ledger *l, struct entry *e, enum rank rank)
{
        struct list *list = &l->lists[rank];

        e->rank = rank;
        e->prev = list->tail;
        *(list->tail ? &list->tail->next : &list->head) = e;
        list->tail = e;
}

static void list_prepend(struct ledger *l, struct entry *e, enum rank rank)
{
        struct list *list = &l->lists[rank];

        e->rank = rank;
        e->next = list->head;
        *(list->head ? &list->head->prev : &list->tail) = e;
        list->head = e;
}

/* What the entry held; the table frees the entry itself. */
static bool release_entry(void *userdata, void *entry)
{
        struct entry *e = entry;

        list_remove(userdata, e);
        for (unsigned role = 0; role < ROLES; role++)
                for (unsigned i = 0; i < LEDGER_KINDS; i++)
                        free(e->pieces[role][i]);
        return true;
}

int ledger_new(const struct config *config, const struct ledger_sink *sink, struct ledger **ret)
{
        _cleanup_(ledger_freep)
        struct ledger *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        l->config = config;
        l->sink = *sink;
        r = table_new(&(struct table_params){.name = "subjects",
                                             .cap = LEDGER_SUBJECTS,
                                             .key_size = sizeof(struct entry_key),
                                             .entry_size = sizeof(struct entry),
                                             .evict = release_entry,
                                             .userdata = l},
                      &l->table);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

void ledger_free(struct ledger *l)
{
        if (!l)
                return;
        if (l->table)
                for (struct entry *e = table_oldest(l->table); e; e = table_younger(l->table, e))
                        release_entry(l, e);
        table_free(l->table);
        free(l);
}

void ledger_set_config(struct ledger *l, const struct config *config)
{
        l->config = config;
}

static bool same_kind(const struct evidence_kind *a, const struct evidence_kind *b)
{
        return a == b || strcmp(a->name, b->name) == 0;
}

static struct evidence **find_piece(struct entry *e, enum role role, const struct evidence_kind *kind)
{
        for (unsigned i = 0; i < LEDGER_KINDS; i++)
                if (e->pieces[role][i] && same_kind(e->pieces[role][i]->kind, kind))
                        return &e->pieces[role][i];
        return NULL;
}

/* The pieces that count, one per kind: where a host has its own and its processes' of one kind, the stronger. */
static size_t gather(struct entry *e, nsec_t now, const struct evidence *ret[LEDGER_PIECES])
{
        size_t n = 0;

        for (unsigned i = 0; i < LEDGER_KINDS; i++)
                if (e->pieces[ROLE_OWN][i])
                        ret[n++] = e->pieces[ROLE_OWN][i];
        for (unsigned i = 0; i < LEDGER_KINDS; i++) {
                const struct evidence *p = e->pieces[ROLE_INHERITED][i];
                size_t at = 0;

                if (!p)
                        continue;
                while (at < n && !same_kind(ret[at]->kind, p->kind))
                        at++;
                if (at == n || verdict_piece_weight(p, now) > verdict_piece_weight(ret[at], now))
                        ret[at] = p;
                n = MAX(n, at + 1);
        }
        return n;
}

static void fold_entry(const struct ledger *l, struct entry *e, nsec_t now, struct verdict *ret)
{
        const struct fold_params params = {.suspect = l->config->verdict.suspect, .bot = l->config->verdict.bot};
        const struct evidence *pieces[LEDGER_PIECES];
        size_t n = gather(e, now, pieces);

        verdict_fold(&params, &e->subject, pieces, n, now, e->seen >= LEDGER_ENOUGH, ret);
        ret->excepted = e->excepted;
        if (ret->level == e->level && e->level_time != 0)
                ret->time = e->level_time;
}

static bool has_pieces(const struct entry *e)
{
        for (unsigned i = 0; i < LEDGER_KINDS; i++)
                if (e->pieces[ROLE_OWN][i] || e->pieces[ROLE_INHERITED][i])
                        return true;
        return false;
}

static enum rank rank_of(const struct entry *e, enum level level)
{
        return level == LEVEL_BOT     ? RANK_BOT :
               level == LEVEL_SUSPECT ? RANK_SUSPECT :
               has_pieces(e)          ? RANK_PIECES :
                                        RANK_NO_PIECES;
}

static void make_room(struct ledger *l, nsec_t now)
{
        for (enum rank rank = RANK_SUSPECT; rank < RANKS; rank++)
                for (int i = 0; i < REFOLDED_PER_RANK; i++) {
                        struct entry *e = l->lists[rank].head;
                        struct verdict v;

                        if (!e)
                                break;
                        fold_entry(l, e, now, &v);
                        if (rank_of(e, v.level) >= rank)
                                break;
                        list_remove(l, e);
                        list_prepend(l, e, rank_of(e, v.level));
                }
        for (enum rank rank = 0; rank < RANKS; rank++) {
                struct entry *e = l->lists[rank].head;

                if (!e)
                        continue;
                release_entry(l, e);
                table_remove(l->table, e);
                l->evicted++;
                return;
        }
}

/* Finds or makes the entry, as heard of at `now`. NULL without memory. */
static struct entry *touch(struct ledger *l, const struct subject *s, nsec_t now)
{
        struct entry_key key = key_of(s);
        struct entry *e = table_find(l->table, &key);

        if (!e) {
                if (table_count(l->table) >= LEDGER_SUBJECTS)
                        make_room(l, now);
                e = table_insert(l->table, &key, NULL);
                if (!e)
                        return NULL;
                e->newest = now;
                list_append(l, e, RANK_NO_PIECES);
        }
        /* A process may have become another program; its name is not always known. */
        if (!e->subject.name[0] || s->name[0])
                e->subject = *s;
        e->newest = MAX(e->newest, now);
        e->seen += e->seen < UINT32_MAX;
        list_remove(l, e);
        list_append(l, e, e->rank);
        return e;
}

/* The configured weight of a kind; a graded claim is scaled by as much. */
static int32_t weigh(const struct config *config, const struct evidence *claim)
{
        for (size_t i = 0; i < config->verdict.n_weights; i++) {
                const struct config_weight *w = &config->verdict.weights[i];
                int64_t graded = w->weight;

                if (strcmp(w->kind, claim->kind->name) != 0)
                        continue;
                if (claim->kind->weight != 0)
                        graded = graded * claim->weight / claim->kind->weight;
                return (int32_t) MIN(MAX(graded, (int64_t) INT32_MIN), (int64_t) INT32_MAX);
        }
        return claim->weight;
}

/* A free slot, else that of the weakest piece, which goes, else (all others weigh more) NULL. */
static struct evidence **slot_for(struct ledger *l, struct entry *e, enum role role, int32_t weight)
{
        struct evidence **weakest = NULL;

        for (unsigned i = 0; i < LEDGER_KINDS; i++) {
                struct evidence **slot = &e->pieces[role][i];

                if (!*slot)
                        return slot;
                if (!weakest || verdict_piece_weight(*slot, e->newest) < verdict_piece_weight(*weakest, e->newest))
                        weakest = slot;
        }
        l->evicted++;
        if (verdict_piece_weight(*weakest, e->newest) > weight)
                return NULL;
        free(*weakest);
        *weakest = NULL;
        return weakest;
}

/* Adds `claim` to `piece`: both weights as of the later of the two times, then the cap. */
static void merge(struct evidence *piece, const struct evidence *claim)
{
        const struct evidence old = *piece;
        nsec_t last = MAX(old.last, claim->last);
        int64_t sum = (int64_t) verdict_piece_weight(&old, last) + verdict_piece_weight(claim, last);

        if (claim->last >= old.last) {
                *piece = *claim;
                for (unsigned i = 0; i < old.n_refs && i < EVIDENCE_REFS_MAX; i++)
                        evidence_add_ref(piece, old.refs[i]);
        }
        piece->weight = (int32_t) MIN(MAX(sum, (int64_t) INT32_MIN), (int64_t) INT32_MAX);
        piece->weight = verdict_piece_weight(piece, piece->last);
        piece->first = MIN(old.first, claim->first);
        if (__builtin_add_overflow(old.count, claim->count, &piece->count))
                piece->count = UINT32_MAX;
}

/* Takes the claim into the entry's pieces of that role. The merged piece, or NULL if it found no room. */
static const struct evidence *take(struct ledger *l, struct entry *e, enum role role, const struct evidence *claim)
{
        struct evidence **slot = find_piece(e, role, claim->kind);

        if (slot) {
                merge(*slot, claim);
                return *slot;
        }
        slot = slot_for(l, e, role, verdict_piece_weight(claim, e->newest));
        if (!slot)
                return NULL;
        *slot = malloc(sizeof(**slot));
        if (!*slot)
                return NULL;
        **slot = *claim;
        (*slot)->weight = verdict_piece_weight(claim, claim->last);
        return *slot;
}

/* The same for a host and the merged piece of one of its processes: replaces what is weaker or of the same process. */
static const struct evidence *inherit(struct ledger *l, struct entry *host, const struct evidence *piece)
{
        struct evidence **slot = find_piece(host, ROLE_INHERITED, piece->kind);

        if (!slot)
                return take(l, host, ROLE_INHERITED, piece);
        if (!subject_equal(&(*slot)->subject, &piece->subject) &&
            verdict_piece_weight(*slot, host->newest) > verdict_piece_weight(piece, host->newest))
                return NULL;
        **slot = *piece;
        return *slot;
}

/* After a claim at `time`: the new verdict, and since when its level holds. */
static void settle(struct ledger *l, struct entry *e, const struct verdict *before, nsec_t time, struct verdict *ret)
{
        fold_entry(l, e, e->newest, ret);
        ret->time = ret->level == before->level ? before->time : time;
        e->level = ret->level;
        e->level_time = ret->time;
        list_remove(l, e);
        list_append(l, e, rank_of(e, ret->level));
}

static void add_excepted(struct ledger *l, const struct evidence *claim, const struct config_exception *x)
{
        struct entry *e = touch(l, &claim->subject, claim->last), *host;
        struct verdict before, after;
        const struct evidence *merged;

        if (!e)
                return;
        fold_entry(l, e, e->newest, &before);
        e->excepted += e->excepted < UINT32_MAX;
        after = before;
        after.excepted = e->excepted;
        merged = take(l, e, ROLE_EXCEPTED, claim);
        if (l->sink.claim)
                l->sink.claim(l->sink.userdata, merged ? merged : claim, x, &before, &after);
        if (claim->subject.kind != SUBJECT_PROCESS)
                return;
        host = touch(l, &self, claim->last);
        if (host)
                host->excepted += host->excepted < UINT32_MAX;
}

/* Takes the claim, or for a host (`from` a process) what its process now has of that kind. false: it changed nothing.
 */
static bool add_counted(struct ledger *l, const struct subject *s, const struct evidence *claim,
                        struct evidence *ret_merged)
{
        struct entry *e = touch(l, s, claim->last);
        bool inherited = !subject_equal(s, &claim->subject);
        struct verdict before, after;
        const struct evidence *merged;

        if (!e)
                return false;
        fold_entry(l, e, e->newest, &before);
        merged = inherited ? inherit(l, e, claim) : take(l, e, ROLE_OWN, claim);
        if (!merged)
                return false;
        *ret_merged = *merged;
        settle(l, e, &before, claim->last, &after);
        if (l->sink.claim) {
                struct evidence shown = *merged;

                shown.subject = e->subject;
                l->sink.claim(l->sink.userdata, &shown, NULL, &before, &after);
        }
        return true;
}

void ledger_add(struct ledger *l, const struct evidence *claim)
{
        const struct config_exception *x = exception_match(l->config, claim);
        struct evidence weighed = *claim, merged;

        weighed.weight = weigh(l->config, claim);
        weighed.count = MAX(claim->count, 1u);
        if (x)
                add_excepted(l, &weighed, x);
        else if (add_counted(l, &claim->subject, &weighed, &merged) && claim->subject.kind == SUBJECT_PROCESS)
                add_counted(l, &self, &merged, &weighed);
}

/* The piece at its place, and what follows from it, without telling anybody. false: it found no room. */
static bool restore(struct ledger *l, const struct subject *s, const struct evidence *piece, enum role role)
{
        struct entry *e = touch(l, s, piece->last);
        struct verdict before, after;

        if (!e)
                return false;
        fold_entry(l, e, e->newest, &before);
        if (!(role == ROLE_INHERITED ? inherit(l, e, piece) : take(l, e, role, piece)))
                return false;
        if (role == ROLE_EXCEPTED)
                e->excepted += MIN(piece->count, UINT32_MAX - e->excepted);
        settle(l, e, &before, piece->last, &after);
        return true;
}

void ledger_restore(struct ledger *l, const struct evidence *piece, bool excepted)
{
        if (restore(l, &piece->subject, piece, excepted ? ROLE_EXCEPTED : ROLE_OWN) && !excepted &&
            piece->subject.kind == SUBJECT_PROCESS)
                (void) restore(l, &self, piece, ROLE_INHERITED);
}

void ledger_seen(struct ledger *l, const struct subject *s, nsec_t now)
{
        touch(l, s, now);
        if (s->kind == SUBJECT_PROCESS)
                touch(l, &self, now);
}

bool ledger_verdict(struct ledger *l, const struct subject *s, nsec_t now, struct verdict *ret)
{
        struct entry_key key = key_of(s);
        struct entry *e = table_peek(l->table, &key);

        if (!e)
                return false;
        fold_entry(l, e, now, ret);
        return true;
}

size_t ledger_pieces(struct ledger *l, const struct subject *s, nsec_t now,
                     const struct evidence *ret[static LEDGER_PIECES])
{
        struct entry_key key = key_of(s);
        struct entry *e = table_peek(l->table, &key);

        return e ? gather(e, now, ret) : 0;
}

void ledger_each(struct ledger *l, enum level least, nsec_t now,
                 void (*each)(void *userdata, const struct verdict *v, const struct evidence *const *pieces, size_t n),
                 void *userdata)
{
        for (struct entry *e = table_oldest(l->table); e; e = table_younger(l->table, e)) {
                const struct evidence *pieces[LEDGER_PIECES];
                struct verdict v;
                size_t n;

                fold_entry(l, e, now, &v);
                if (v.level < least)
                        continue;
                n = gather(e, now, pieces);
                each(userdata, &v, pieces, n);
        }
}

void ledger_get_stats(const struct ledger *l, struct table_stats *ret)
{
        table_get_stats(l->table, ret);
        ret->evicted += l->evicted;
}
