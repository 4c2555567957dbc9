/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the store share. Private to src/store and its unit test. */
#ifndef SEKIMORI_STORE_STORE_INTERNAL_H
#define SEKIMORI_STORE_STORE_INTERNAL_H

#include <limits.h>
#include <sqlite3.h>

#include "store/store.h"

#define STORE_APPLICATION_ID 0x53454b49 /* "SEKI" */
#define STORE_PENDING_MAX    1000       /* writes; then the store commits by itself */
#define STORE_ROW_MAX        (1 << 20)  /* bytes; a longer row is not ours */

/* The statements of the writer, prepared once. */
enum store_statement {
        STORE_BEGIN,
        STORE_COMMIT,
        STORE_ROLLBACK,
        STORE_PUT_SUBJECT,
        STORE_PUT_LEVEL,
        STORE_PUT_CHANGE,
        STORE_PUT_EVIDENCE,
        STORE_PUT_ACTION,
        STORE_FIND_GAP,
        STORE_ADD_GAP,
        STORE_PUT_GAP,
        STORE_PUT_META,
        STORE_FIND_PROFILE,
        STORE_PUT_PROFILE,
        STORE_TRIM_PROFILES,
        STORE_PUT_GATE,
        STORE_RENEW_GATE,
        STORE_PUT_RELAY,
        STORE_HAS_MAIL,
        STORE_FIRST_RELAY,
        STORE_LAST_RELAY,
        STORE_BEGIN_RELAY,
        STORE_LAST_PROBE,
        STORE_PUT_PROBE,
        STORE_TRIM_PROBES,
        STORE_PUT_WISH,
        STORE_GET_WISH,
        STORE_END_CONSENT,
        STORE_ERASE_CLAIMS,
        STORE_FIND_CLAIM,
        STORE_STATEMENTS,
};

#define STORE_RELAY_COLUMNS                                                                                            \
        "addr, time, came, mail, inquiry, moved, class, nearest, why, score, signs, speak_for, against, lists,"        \
        " os_family, os_role, os_confidence, distance, smtp, ping, os, rdns, helo, banner"

struct store {
        sqlite3 *db;
        sqlite3_stmt *statements[STORE_STATEMENTS];
        bool read_only, append;
        unsigned pending; /* writes in the open transaction */
        uint64_t lost;
        nsec_t keep;
        uint64_t max_bytes;
        struct buf scratch;       /* JSON on its way in */
        int64_t profile_bytes;    /* of all profiles; -1: not counted yet */
        int schema;               /* a reader's may be older than STORE_SCHEMA */
        const char *const *lists; /* of relays' records; the caller's */
        unsigned n_lists;
};

/* Why the last call failed, as negative errno; never 0. */
int store_error(sqlite3 *db);
/* Runs SQL without results, or with results nobody reads. */
int store_exec(sqlite3 *db, const char *sql);
/* The first column of the first row. -ENODATA: no row. */
int store_get_integer(sqlite3 *db, const char *sql, int64_t *ret);

/* One write inside the batch: begin, then store_step() for each statement, then end with its result. */
int store_write_begin(struct store *s);
int store_write_end(struct store *s, int r);
int store_step(struct store *s, sqlite3_stmt *statement); /* runs and resets it */

/* Texts of a column, cut; an enum's value below `n`, else 0; numbers within their range. */
void store_copy_text(sqlite3_stmt *st, int column, char *ret, size_t size);
void store_copy_blob(sqlite3_stmt *st, int column, void *ret, size_t size); /* as it was when the size differs */
uint32_t store_get_u32(sqlite3_stmt *st, int column);
unsigned store_get_enum(sqlite3_stmt *st, int column, unsigned n);

/* The path of the database in `dir`, with a suffix ("", "-wal", "-shm"). 0 or -ENAMETOOLONG. */
int store_path(const char *dir, const char *suffix, char ret[static PATH_MAX]);

/* A statement of store_sql, for readers too, which prepare none at the start. NULL: see store_error(). */
sqlite3_stmt *store_use(struct store *s, enum store_statement id);

/* Columns of a record, in the order of STORE_RELAY_COLUMNS. The texts are made in the store's scratch buffer. */
int store_bind_relay(struct store *s, sqlite3_stmt *st, const struct record *r);
void store_get_relay(const struct store *s, sqlite3_stmt *st, struct record *ret);

extern const char store_schema[];
extern const char *const store_sql[STORE_STATEMENTS];

#endif
