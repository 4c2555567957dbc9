/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The set that one scan builds: files become entries by device and inode, or refusals with a reason. Runs in the
 * keeper. */
#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "respond/gate_hash.h"
#include "respond/gate_programs_internal.h"

/* They may be many programs in one, or run what they are told to: harmless in these. */
#define KINDS_OF_ANY (GATE_KIND_SHELL | GATE_KIND_ASK)

void gate_programs_set_free(struct gate_programs_set *set)
{
        if (!set)
                return;
        for (size_t i = 0; i < set->n; i++)
                free(set->entries[i].path);
        for (size_t i = 0; i < set->n_refusals; i++) {
                free(set->refusals[i].path);
                free(set->refusals[i].reason);
        }
        for (size_t i = 0; i < set->n_folders; i++)
                free(set->folders[i]);
        free(set->entries);
        free(set->refusals);
        free(set->left_out);
        free(set->folders);
        free(set);
}

void gate_programs_set_refuse(struct gate_programs_set *set, const struct gate_programs_claim *claim,
                              const char *reason)
{
        struct gate_programs_refusal *more, r = {.kinds = claim->kinds, .source = claim->source};

        for (size_t i = 0; i < set->n_refusals; i++)
                if (strcmp(set->refusals[i].path, claim->path) == 0 && strcmp(set->refusals[i].reason, reason) == 0) {
                        set->refusals[i].kinds |= claim->kinds;
                        return;
                }
        if (set->n_refusals >= GATE_PROGRAMS_REFUSALS_MAX)
                return;
        more = reallocarray(set->refusals, set->n_refusals + 1, sizeof(*more));
        if (more)
                set->refusals = more;
        r.path = strdup(claim->path);
        r.reason = strdup(reason);
        if (!more || !r.path || !r.reason) {
                free(r.path);
                free(r.reason);
                set->error = -ENOMEM;
                return;
        }
        set->refusals[set->n_refusals++] = r;
}

static bool same_key(const struct gate_program_key *a, const struct gate_program_key *b)
{
        return a->ino == b->ino && a->dev == b->dev;
}

static struct gate_programs_entry *find(struct gate_programs_set *set, const struct gate_program_key *key)
{
        for (size_t i = 0; i < set->n; i++)
                if (same_key(&set->entries[i].key, key))
                        return &set->entries[i];
        return NULL;
}

static bool has_id(const struct gate_programs_set *set, uint32_t id)
{
        for (size_t i = 0; i < set->n; i++)
                if (set->entries[i].program.id == id)
                        return true;
        return false;
}

/* A number that is the same after a restart: labels of running processes keep it. */
static uint32_t id_of(const struct gate_programs_set *set, const char *path)
{
        uint32_t id = XXH32(path, strlen(path), 0);

        while (id == 0 || has_id(set, id))
                id++;
        return id;
}

static struct gate_programs_entry *add(struct gate_programs_set *set, struct gate_file *f, const char *source)
{
        struct gate_programs_entry *e;

        if (set->n == set->room) {
                size_t room = set->room ? set->room * 2 : 64;

                e = reallocarray(set->entries, room, sizeof(*e));
                if (!e) {
                        set->error = -ENOMEM;
                        return NULL;
                }
                set->entries = e;
                set->room = room;
        }
        e = &set->entries[set->n];
        *e = (struct gate_programs_entry){.key = f->key, .source = source};
        e->program.id = id_of(set, f->path);
        e->program.uid = UINT32_MAX;
        e->path = TAKE_PTR(f->path);
        set->n++;
        return e;
}

/* The kernel half sees a script's path, and not its file. */
static struct gate_program_key script_key(const char *path)
{
        __u64 words[GATE_NAME_WORDS] = {0};

        memcpy(words, path, MIN(strlen(path), sizeof(words) - 1));
        return (struct gate_program_key){.ino = gate_hash_path(words), .dev = GATE_DEV_SCRIPT};
}

static const char *left_out_reason(const struct gate_programs_set *set, const struct gate_program_key *key)
{
        for (size_t i = 0; i < set->n_left_out; i++)
                if (same_key(&set->left_out[i].key, key))
                        return set->left_out[i].reason;
        return NULL;
}

static bool is_program(const struct gate_programs_claim *claim, const struct gate_file *f)
{
        return f->executable &&
               (f->form == GATE_FILE_ELF || (f->form == GATE_FILE_SCRIPT && claim->kinds == GATE_KIND_ASK));
}

/* Why a file that is there and that nobody else may write is not taken all the same, or NULL. */
static const char *fault_of(struct gate_programs_set *set, const struct gate_programs_claim *claim,
                            const struct gate_file *f)
{
        const struct gate_programs_entry *known = find(set, &f->key);
        bool for_user = claim->sender && claim->sender->uid != UINT32_MAX;
        const char *reason = gate_programs_table_never(f->path);

        if (!is_program(claim, f))
                return f->form == GATE_FILE_SCRIPT ? "is a script: what runs is its interpreter" : "is no program";
        if (reason && (claim->kinds & ~KINDS_OF_ANY) && !for_user)
                return reason;
        if (known && (known->program.kinds & GATE_KIND_SHELL) && (claim->kinds & ~KINDS_OF_ANY) && !for_user)
                return "is a login shell as well";
        if (known && claim->sender && (known->program.kinds & GATE_KIND_SENDER))
                return "is declared as a sender twice";
        if (!claim->by_hand && !claim->sender)
                return left_out_reason(set, &f->key);
        return !known && set->n >= GATE_PROGRAMS ? "is one too many" : NULL;
}

/* NULL: the content is what was declared. Hashes again only when the file changed. */
static const char *content_fault(struct gate_programs_declared *d, const struct gate_file *f)
{
        bool known = d->digest[0] && same_key(&d->key, &f->key) && d->size == f->size &&
                     d->ctime.tv_sec == f->ctime.tv_sec && d->ctime.tv_nsec == f->ctime.tv_nsec;

        if (!d->sha256)
                return NULL;
        if (!known) {
                d->digest[0] = '\0';
                if (gate_file_sha256(f, d->digest) < 0) {
                        d->digest[0] = '\0';
                        return "cannot be read whole for its SHA-256";
                }
                d->key = f->key;
                d->ctime = f->ctime;
                d->size = f->size;
        }
        return strcmp(d->digest, d->sha256) == 0 ? NULL : "is not what was declared: its SHA-256 is another";
}

void gate_programs_set_take(struct gate_programs *p, struct gate_programs_set *set,
                            const struct gate_programs_claim *claim)
{
        char reason[GATE_FILE_REASON_MAX];
        struct gate_programs_entry *e;
        struct gate_file f;
        const char *fault;
        int r = gate_files_look(p->files, claim->path, &f, reason);

        if (r == -ENOMEM)
                set->error = r;
        if (r < 0) {
                if (!claim->awaited || (r != -ENOENT && r != -EISDIR))
                        gate_programs_set_refuse(set, claim, r == -ENOENT ? "is not there" : reason);
                return;
        }
        if (claim->awaited && !is_program(claim, &f)) {
                gate_file_done(&f);
                return;
        }
        if (f.form == GATE_FILE_SCRIPT)
                f.key = script_key(claim->path);
        fault = fault_of(set, claim, &f);
        if (!fault && claim->sender)
                fault = content_fault(claim->sender, &f);
        if (fault)
                gate_programs_set_refuse(set, claim, fault);
        else {
                e = find(set, &f.key);
                if (!e)
                        e = add(set, &f, claim->source);
                if (e)
                        e->program.kinds |= claim->kinds;
                if (e && claim->sender) {
                        e->program.uid = claim->sender->uid;
                        e->program.sender = claim->sender->number;
                }
        }
        gate_file_done(&f);
}
