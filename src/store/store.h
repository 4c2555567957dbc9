/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What outlives the process: subjects, evidence, verdicts, actions, gaps, profiles, the mail gate's log, in one SQLite
 * database (WAL). The only user of SQLite. Writers: the engine, and commands of root that note what they did. Readers:
 * the command line (read-only). A kill at any moment loses at most
 * the last uncommitted batch (STORE_COMMIT_NSEC); what was committed stays. */
#ifndef SEKIMORI_STORE_STORE_H
#define SEKIMORI_STORE_STORE_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "mail/record.h"
#include "model/action.h"
#include "model/gate.h"
#include "model/verdict.h"
#include "verdict/fold.h"

#define STORE_FILE        "sekimori.db"
#define STORE_SCHEMA      4 /* 2: profiles; 3: the mail gate; 4: relays */
#define STORE_COMMIT_NSEC (500 * NSEC_PER_MSEC)

struct store;

struct store_params {
        const char *dir; /* created by the caller; NULL: a private in-memory store */
        bool read_only;
        bool append;        /* beside the engine, to note a few things: waits for its turn, and leaves upkeep to it */
        nsec_t keep;        /* 0: no limit by age */
        uint64_t max_bytes; /* 0: no limit by size */
};

/* Opens or makes the database. 0, or: -ENOENT (read only and not there), -EACCES, -EBADMSG (not a database of ours, or
 * corrupt: the file is left untouched), -EPROTONOSUPPORT (schema of a newer version), -ENOSPC, -ENOMEM, -EIO.
 * `errors` gets one sentence with the path and what to do. */
int store_open(const struct store_params *params, struct store **ret, struct buf *errors);
/* Commits and closes. NULL is fine. */
void store_close(struct store *s);
DEFINE_FREEP(struct store, store_close)

/* All writers: 0 or negative errno; -ENOSPC when the disk is full: the write is dropped and counted (store_get_lost),
 * earlier content stays, and the store tries again at the next write. */
int store_put_evidence(struct store *s, const struct evidence *e,
                       bool excepted); /* replaces the row of (subject, kind) */
int store_put_verdict(struct store *s,
                      const struct verdict *v); /* the current one; a change of level is also kept as history */
int store_put_action(struct store *s, const struct action *a);
int store_put_gap(struct store *s, nsec_t time,
                  const struct gap_event *g); /* same reason and text within a minute: added up */
/* A small named text: "status", "boot", and two times in nanoseconds. */
#define STORE_META_ALIVE "alive" /* when the daemon last wrote here; none: it never did */
#define STORE_META_READ  "read"  /* how far the captures and logs reached that `read` put here */
int store_put_meta(struct store *s, const char *key, const char *value);
int store_get_meta(struct store *s, const char *key, struct buf *ret); /* -ENOENT */

/* What a home host normally does, as packed bytes: replaces the host's row. All rows together take at most half of
 * max_bytes: then those of the longest silent hosts go. */
int store_put_profile(struct store *s, const struct addr *host, nsec_t last, const void *data, size_t len);
struct store_profiles {
        const struct addr *host; /* this one (-ENOENT); NULL: all */
        bool newest_first;
        /* The bytes may come from anybody. */
        int (*row)(void *userdata, nsec_t last, const void *data, size_t len);
        void *userdata;
};
/* Calls back per row until that returns non-zero, which is passed on. */
int store_read_profiles(struct store *s, const struct store_profiles *which);

/* An entry of the mail gate's log. *id 0: a new one, whose number it gets; else that one's newer state. */
int store_put_gate(struct store *s, int64_t *id, const struct gate_entry *e);
/* Entries that lasted until `since` or later, in order of their beginning. Calls back until that returns non-zero,
 * which is passed on. */
int store_gate_each(struct store *s, nsec_t since, int (*each)(void *userdata, const struct gate_entry *e),
                    void *userdata);
/* All actions since then, oldest first; the same. */
int store_actions_each(struct store *s, nsec_t since, int (*each)(void *userdata, const struct action *a),
                       void *userdata);

/* Relays that were asked about: a row for each struct record. Names of lists, in the order of struct record's bits, are
 * borrowed; a bit without a name is kept by its number, a name that is not among them is not read back. */
void store_set_relay_lists(struct store *s, const char *const *names, unsigned n);
/* As the store would keep it: fills `inquiry` (what is asked about an address within RECORD_FIRST_STEP is one inquiry;
 * asking again, without a mail, is the next) and `moved`. */
int store_place_relay(struct store *s, struct record *r);
/* Keeps it, placed. -EEXIST: this mail has a record; it stays as it was. With the first one that says the address has
 * moved, a consent ends: it was the former owner's. */
int store_put_relay(struct store *s, const struct record *r);
/* A relay that is accused becomes a subject, with the signs as evidence; one of whom an earlier record did so, and
 * whose address moved, is unknown again. Of unknown ones nothing is said. To be called before store_put_relay(), for a
 * mail that has no record yet: then a disk that is full between them loses no accusation. */
int store_accuse_relay(struct store *s, const struct fold_params *params, const struct record *r);
/* Was that mail recorded? 1, 0, or negative errno. */
int store_has_mail(struct store *s, const uint8_t mail[static 16]);

/* A probe of it begins: to be committed before anything is sent. Forgotten after STORE_PROBE_KEEP. */
int store_put_probe(struct store *s, const struct addr *a, nsec_t time);
#define STORE_PROBE_KEEP (48 * 3600 * NSEC_PER_SEC)
/* By these and by records; 0: never, or too long ago. */
int store_get_last_probe(struct store *s, const struct addr *a, nsec_t *ret);

struct store_relay {
        struct record first, last; /* the first and the newest that are kept */
        nsec_t last_probe;         /* 0: never */
};
int store_find_relay(struct store *s, const struct addr *a, struct store_relay *ret); /* -ENOENT */

enum store_relay_order {
        STORE_RELAYS_BY_TIME,    /* of the inquiry, since `since` */
        STORE_RELAYS_BY_ADDRESS, /* and each address in the order of its records */
};
/* Calls back until that returns non-zero, which is passed on. `lists`: as set above. */
int store_relays_each(struct store *s, enum store_relay_order order, nsec_t since,
                      int (*each)(void *userdata, const struct record *r), void *userdata);
/* Addresses with the times of their first and last inquiry; the same. */
int store_relay_times_each(struct store *s,
                           int (*each)(void *userdata, const struct addr *a, nsec_t first, nsec_t last),
                           void *userdata);

/* What the owner of an address said, or who knows him: it may be probed, or it must not be. The last word counts. Not
 * subject to retention, since forgetting a no would break it; at most STORE_WISHES_MAX (-ENOSPC). */
enum store_wish { STORE_WISH_NONE, STORE_WISH_CONSENT, STORE_WISH_OPT_OUT, STORE_WISHES };
#define STORE_WISHES_MAX 65536
#define STORE_WISH_BY    128
int store_put_wish(struct store *s, const struct addr *a, enum store_wish wish, nsec_t time, const char *by);
int store_get_wish(struct store *s, const struct addr *a, enum store_wish *ret); /* none: STORE_WISH_NONE */
int store_wishes_each(struct store *s,
                      int (*each)(void *userdata, const struct addr *a, enum store_wish wish, nsec_t time,
                                  const char *by),
                      void *userdata);

int store_commit(struct store *s);
/* Deletes what is older than keep or beyond max_bytes (oldest first; subjects at `suspect` or above last). Bounded work
 * per call. Returns rows deleted or negative errno. */
int store_retain(struct store *s, nsec_t now);
uint64_t store_get_lost(const struct store *s); /* writes that could not be stored */

/* Readers. Each calls back per row until it returns non-zero, which is passed on. Rows are valid during the call.
 * Evidence from the store has kinds found by detector.h's evidence_kind_find() through `find_kind`; a kind no longer
 * known gets a placeholder with its name. */
struct store_reader {
        const struct evidence_kind *(*find_kind)(const char *name);
        int (*subject)(void *userdata, const struct verdict *v);
        int (*evidence)(void *userdata, const struct evidence *e, bool excepted);
        int (*change)(void *userdata, const struct verdict *v); /* history of levels, oldest first */
        int (*action)(void *userdata, const struct action *a);
        int (*gap)(void *userdata, nsec_t time, const struct gap_event *g, uint64_t count);
        void *userdata;
};
/* Subjects at or above `least`, highest score first. */
int store_read_subjects(struct store *s, const struct store_reader *r, enum level least);
/* Everything on one subject: its verdict, evidence, changes, actions. -ENOENT. `key` is subject_key()'s text. */
int store_read_subject(struct store *s, const struct store_reader *r, const char *key);
int store_read_gaps(struct store *s, const struct store_reader *r, nsec_t since);
/* What a person typed (a pid, an address, a name, a key, "self") to subject keys; newest first. Returns how many; 0:
 * none. */
int store_find(struct store *s, const char *words, char (*ret_keys)[SUBJECT_TEXT_MAX], size_t max);

#endif
