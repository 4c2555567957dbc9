/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Retention: what is too old, or too much, goes in small bites, so that the engine never waits long for its store.
 * Freed pages are handed back to the file system (auto_vacuum=INCREMENTAL). Runs in the engine. */
#include <errno.h>

#include "store/store_internal.h"

#define ROWS_PER_CALL 2000
#define ROWS_PER_BITE 50
#define PAGES_SPARE   64 /* left free in the file for the next rows */
#define VACUUM        "PRAGMA incremental_vacuum(1024)"
#define STEPS_MAX     4

/* Subjects go with all that hangs on them; the row itself last, since the choice of the others needs it. */
#define SUBJECTS_QUIET     "(SELECT id FROM subject WHERE (level < 2) = 1 AND last < ?1 ORDER BY last LIMIT ?2)"
#define SUBJECTS_CONVICTED "(SELECT id FROM subject WHERE (level < 2) = 0 AND last < ?1 ORDER BY last LIMIT ?2)"
#define ERASE_SUBJECTS(chosen)                                                                                         \
        {                                                                                                              \
                "DELETE FROM evidence WHERE subject IN " chosen, "DELETE FROM verdict WHERE subject IN " chosen,       \
                        "DELETE FROM action WHERE subject IN " chosen, "DELETE FROM subject WHERE id IN " chosen,      \
        }

enum queue {
        QUEUE_QUIET,
        QUEUE_GAP,
        QUEUE_GATE,
        QUEUE_RELAY,
        QUEUE_PROFILE,
        QUEUE_HISTORY,
        QUEUE_ACTION,
        QUEUE_EVIDENCE,
        QUEUE_CONVICTED,
        QUEUES
};

/* What may go, oldest first. */
static const struct {
        const char *oldest;           /* its time; NULL in an empty table */
        const char *erase[STEPS_MAX]; /* ?1 older than this, ?2 how many */
} queues[QUEUES] = {
        [QUEUE_QUIET] = {"SELECT min(last) FROM subject WHERE (level < 2) = 1", ERASE_SUBJECTS(SUBJECTS_QUIET)},
        [QUEUE_GAP] = {"SELECT min(time) FROM gap",
                       {"DELETE FROM gap WHERE id IN (SELECT id FROM gap WHERE time < ?1 ORDER BY time LIMIT ?2)"}},
        [QUEUE_GATE] = {"SELECT min(last) FROM gate",
                        {"DELETE FROM gate WHERE id IN (SELECT id FROM gate WHERE last < ?1 ORDER BY last LIMIT ?2)"}},
        [QUEUE_RELAY] = {"SELECT min(time) FROM relay",
                         {"DELETE FROM relay WHERE id IN"
                          " (SELECT id FROM relay WHERE time < ?1 ORDER BY time LIMIT ?2)"}},
        [QUEUE_PROFILE] = {"SELECT min(last) FROM profile",
                           {"DELETE FROM profile WHERE id IN"
                            " (SELECT id FROM profile WHERE last < ?1 ORDER BY last LIMIT ?2) RETURNING length(data)"}},
        [QUEUE_HISTORY] = {"SELECT min(time) FROM verdict",
                           {"DELETE FROM verdict WHERE id IN"
                            " (SELECT id FROM verdict WHERE time < ?1 ORDER BY time LIMIT ?2)"}},
        [QUEUE_ACTION] = {"SELECT min(time) FROM action",
                          {"DELETE FROM action WHERE id IN"
                           " (SELECT id FROM action WHERE time < ?1 ORDER BY time LIMIT ?2)"}},
        [QUEUE_EVIDENCE] = {"SELECT min(last) FROM evidence",
                            {"DELETE FROM evidence WHERE (subject, kind, excepted) IN"
                             " (SELECT subject, kind, excepted FROM evidence WHERE last < ?1 ORDER BY last LIMIT ?2)"}},
        [QUEUE_CONVICTED] = {"SELECT min(last) FROM subject WHERE (level < 2) = 0", ERASE_SUBJECTS(SUBJECTS_CONVICTED)},
};

/* Deletes the oldest few before that time. Rows deleted, 0: nothing left there. */
static int bite(struct store *s, enum queue queue, nsec_t before)
{
        int rows = 0;

        for (int i = 0; i < STEPS_MAX && queues[queue].erase[i]; i++) {
                sqlite3_stmt *st = NULL;
                int r = 0, step;

                if (sqlite3_prepare_v2(s->db, queues[queue].erase[i], -1, &st, NULL) != SQLITE_OK)
                        return store_error(s->db);
                sqlite3_bind_int64(st, 1, before);
                sqlite3_bind_int(st, 2, ROWS_PER_BITE);
                while ((step = sqlite3_step(st)) == SQLITE_ROW) /* profiles tell how much room they leave */
                        s->profile_bytes -= s->profile_bytes < 0 ? 0 : sqlite3_column_int64(st, 0);
                if (step != SQLITE_DONE)
                        r = store_error(s->db);
                sqlite3_finalize(st);
                if (r < 0)
                        return r;
                rows += sqlite3_changes(s->db);
        }
        return rows;
}

static int erase_by_age(struct store *s, nsec_t before)
{
        int rows = 0;

        for (enum queue queue = 0; queue < QUEUES; queue++) {
                int r = 1;

                while (r > 0 && rows < ROWS_PER_CALL) {
                        r = bite(s, queue, before);
                        if (r < 0)
                                return r;
                        rows += r;
                }
        }
        return rows;
}

/* INT64_MAX for an empty queue. */
static int oldest_of(struct store *s, enum queue queue, nsec_t *ret)
{
        sqlite3_stmt *st = NULL;
        int r = 0;

        if (sqlite3_prepare_v2(s->db, queues[queue].oldest, -1, &st, NULL) != SQLITE_OK)
                return store_error(s->db);
        if (sqlite3_step(st) == SQLITE_ROW)
                *ret = sqlite3_column_type(st, 0) == SQLITE_NULL ? INT64_MAX : sqlite3_column_int64(st, 0);
        else
                r = store_error(s->db);
        sqlite3_finalize(st);
        return r;
}

/* The queue to shorten: what convicts nobody, the oldest first; then the history of the convicted; then they. */
static int next_queue(struct store *s, enum queue *ret)
{
        static const enum queue innocent[] = {QUEUE_QUIET, QUEUE_GAP, QUEUE_GATE, QUEUE_RELAY, QUEUE_PROFILE};
        nsec_t oldest = INT64_MAX, history = INT64_MAX;
        enum queue queue = QUEUE_CONVICTED;

        for (size_t i = 0; i < ELEMENTSOF(innocent); i++) {
                nsec_t t = INT64_MAX;
                int r = oldest_of(s, innocent[i], &t);

                if (r < 0)
                        return r;
                if (t < oldest) {
                        oldest = t;
                        queue = innocent[i];
                }
        }
        if (oldest == INT64_MAX) {
                int r = oldest_of(s, QUEUE_HISTORY, &history);

                if (r < 0)
                        return r;
                queue = history != INT64_MAX ? QUEUE_HISTORY : QUEUE_CONVICTED;
        }
        *ret = queue;
        return 0;
}

static int bytes_used(struct store *s, uint64_t *ret)
{
        int64_t pages = 0, spare = 0, size = 0;
        int r = store_get_integer(s->db, "PRAGMA page_count", &pages);

        if (r == 0)
                r = store_get_integer(s->db, "PRAGMA freelist_count", &spare);
        if (r == 0)
                r = store_get_integer(s->db, "PRAGMA page_size", &size);
        if (r == 0)
                *ret = (uint64_t) (MAX(pages - spare, 0) * size);
        return r;
}

/* Down to a sixteenth below the limit, so that not every call has to. */
static int erase_by_size(struct store *s)
{
        uint64_t used, least = s->max_bytes - s->max_bytes / 16;
        int rows = 0, r = bytes_used(s, &used);

        if (r < 0 || used <= s->max_bytes)
                return r;
        while (used > least && rows < ROWS_PER_CALL) {
                enum queue queue;

                r = next_queue(s, &queue);
                if (r == 0)
                        r = bite(s, queue, INT64_MAX);
                if (r <= 0)
                        break;
                rows += r;
                r = bytes_used(s, &used);
                if (r < 0)
                        break;
        }
        return r < 0 ? r : rows;
}

static int erase(struct store *s, nsec_t now)
{
        nsec_t before;
        int by_size = 0, rows = 0;

        if (s->keep > 0 && !__builtin_sub_overflow(now, s->keep, &before))
                rows = erase_by_age(s, before);
        if (rows >= 0 && s->max_bytes > 0)
                by_size = erase_by_size(s);
        return rows < 0 ? rows : by_size < 0 ? by_size : rows + by_size;
}

/* The file shrinks when the checkpoint is through; a reader may put that off to a later call. */
static int shrink(struct store *s)
{
        int64_t spare = 0;
        int r = store_get_integer(s->db, "PRAGMA freelist_count", &spare);

        if (r < 0 || spare <= PAGES_SPARE)
                return r;
        r = store_exec(s->db, VACUUM);
        if (r == 0)
                (void) sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        return r;
}

int store_retain(struct store *s, nsec_t now)
{
        int rows, r = store_commit(s);

        if (r < 0 || s->read_only)
                return r < 0 ? r : -EACCES;
        r = store_step(s, s->statements[STORE_BEGIN]);
        if (r < 0)
                return r;
        rows = erase(s, now);
        r = rows < 0 ? rows : store_step(s, s->statements[STORE_COMMIT]);
        if (r < 0) {
                if (!sqlite3_get_autocommit(s->db))
                        (void) store_step(s, s->statements[STORE_ROLLBACK]);
                return r;
        }
        r = shrink(s);
        return r < 0 ? r : rows;
}
