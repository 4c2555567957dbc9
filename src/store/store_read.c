/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The readers: rows back to the model's nouns, one callback a row. A row may come from a file that someone else wrote:
 * ranges are checked, and what cannot be read says so. Statements are made per call, so that a callback may read too.
 * Runs in the command line, the web process and the engine. */
#include <errno.h>

#include "model/facts.h"
#include "store/store_internal.h"

#define SUBJECT_COLUMNS    "s.kind, s.addr, s.boot_id, s.pid, s.start, s.exe_dev, s.exe_ino, s.name"
#define VERDICT_COLUMNS(t) t ".level, " t ".score, " t ".stages, " t ".conclusive, " t ".excepted, " t ".time"
#define SUBJECT_WIDTH      8 /* columns */
#define VERDICT_WIDTH      6

void store_copy_text(sqlite3_stmt *st, int column, char *ret, size_t size)
{
        const char *text = (const char *) sqlite3_column_text(st, column);

        snprintf(ret, size, "%s", text ? text : "");
}

/* Leaves `ret` as it is (zero) when the column is of another size. */
void store_copy_blob(sqlite3_stmt *st, int column, void *ret, size_t size)
{
        const void *blob = sqlite3_column_blob(st, column);

        if (blob && (size_t) sqlite3_column_bytes(st, column) == size)
                memcpy(ret, blob, size);
}

uint32_t store_get_u32(sqlite3_stmt *st, int column)
{
        int64_t n = sqlite3_column_int64(st, column);

        return (uint32_t) MIN(MAX(n, 0), (int64_t) UINT32_MAX);
}

/* An enum's value below `n`, else 0. */
unsigned store_get_enum(sqlite3_stmt *st, int column, unsigned n)
{
        int64_t v = sqlite3_column_int64(st, column);

        return v >= 0 && v < (int64_t) n ? (unsigned) v : 0;
}

static void get_subject(sqlite3_stmt *st, int at, struct subject *ret)
{
        struct subject s = {.kind = store_get_enum(st, at, SUBJECT_KINDS)};

        store_copy_blob(st, at + 1, s.addr.b, sizeof(s.addr.b));
        store_copy_blob(st, at + 2, s.boot_id, sizeof(s.boot_id));
        s.pid = store_get_u32(st, at + 3);
        s.start = (uint64_t) sqlite3_column_int64(st, at + 4);
        s.exe_dev = store_get_u32(st, at + 5);
        s.exe_ino = (uint64_t) sqlite3_column_int64(st, at + 6);
        store_copy_text(st, at + 7, s.name, sizeof(s.name));
        *ret = s;
}

static void get_verdict(sqlite3_stmt *st, int at, struct verdict *ret)
{
        ret->level = store_get_enum(st, at, LEVELS);
        ret->score = sqlite3_column_int(st, at + 1);
        ret->stages = store_get_u32(st, at + 2) & ((1u << STAGES) - 1);
        ret->conclusive = sqlite3_column_int(st, at + 3) != 0;
        ret->excepted = store_get_u32(st, at + 4);
        ret->time = sqlite3_column_int64(st, at + 5);
}

/* A row to its callback: non-zero ends the reading. */
typedef int (*row_func)(sqlite3_stmt *st, const struct store_reader *r);

static int each_row(struct store *s, sqlite3_stmt *st, row_func row, const struct store_reader *reader)
{
        int r = 0, step;

        while ((step = sqlite3_step(st)) == SQLITE_ROW) {
                r = row(st, reader);
                if (r != 0)
                        break;
        }
        if (r == 0 && step != SQLITE_DONE)
                r = store_error(s->db);
        return r;
}

static int read_rows(struct store *s, const char *sql, int64_t parameter, row_func row,
                     const struct store_reader *reader)
{
        sqlite3_stmt *st = NULL;
        int r;

        if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
                return store_error(s->db);
        sqlite3_bind_int64(st, 1, parameter);
        r = each_row(s, st, row, reader);
        sqlite3_finalize(st);
        return r;
}

static int row_subject(sqlite3_stmt *st, const struct store_reader *r)
{
        struct verdict v;

        get_subject(st, 0, &v.subject);
        get_verdict(st, SUBJECT_WIDTH, &v);
        return r->subject(r->userdata, &v);
}

static int row_change(sqlite3_stmt *st, const struct store_reader *r)
{
        struct verdict v;

        get_subject(st, 0, &v.subject);
        get_verdict(st, SUBJECT_WIDTH, &v);
        return r->change(r->userdata, &v);
}

/* The kind as it was when the row was written; its texts are all that is lost. */
static void get_kind(sqlite3_stmt *st, int at, struct evidence_kind *ret)
{
        const char *name = (const char *) sqlite3_column_text(st, at);

        *ret = (struct evidence_kind){
                .name = name ? name : "?",
                .title = name ? name : "?",
                .reason = "a detector that this version does not have",
                .stage = store_get_enum(st, at + 1, STAGES),
                .cap = sqlite3_column_int(st, at + 2),
                .half_life = MAX(sqlite3_column_int64(st, at + 3), 0),
                .conclusive = sqlite3_column_int(st, at + 4) != 0,
                .weight = sqlite3_column_int(st, at + 5),
        };
}

static int row_evidence(sqlite3_stmt *st, const struct store_reader *r)
{
        const int at = SUBJECT_WIDTH;
        struct evidence_kind placeholder;
        struct evidence e = {0};
        const char *facts;
        int refs;

        get_subject(st, 0, &e.subject);
        get_kind(st, at, &placeholder);
        e.kind = r->find_kind ? r->find_kind(placeholder.name) : NULL;
        if (!e.kind)
                e.kind = &placeholder;
        e.weight = placeholder.weight;
        e.first = sqlite3_column_int64(st, at + 6);
        e.last = sqlite3_column_int64(st, at + 7);
        e.count = store_get_u32(st, at + 8);
        facts = (const char *) sqlite3_column_text(st, at + 9);
        if (!facts || facts_from_json(facts, (size_t) sqlite3_column_bytes(st, at + 9), &e) < 0)
                (void) evidence_fact_text(&e, "unreadable", "the stored facts could not be read");
        refs = sqlite3_column_bytes(st, at + 10);
        e.n_refs = (uint8_t) MIN((size_t) refs / sizeof(e.refs[0]), EVIDENCE_REFS_MAX);
        if (e.n_refs > 0)
                memcpy(e.refs, sqlite3_column_blob(st, at + 10), e.n_refs * sizeof(e.refs[0]));
        return r->evidence(r->userdata, &e, sqlite3_column_int(st, at + 11) != 0);
}

static int row_action(sqlite3_stmt *st, const struct store_reader *r)
{
        const int at = SUBJECT_WIDTH;
        struct action a = {0};

        get_subject(st, 0, &a.subject);
        a.kind = store_get_enum(st, at, ACTION_KINDS);
        a.time = sqlite3_column_int64(st, at + 1);
        store_copy_text(st, at + 2, a.by, sizeof(a.by));
        store_copy_text(st, at + 3, a.what, sizeof(a.what));
        store_copy_text(st, at + 4, a.undo, sizeof(a.undo));
        return r->action(r->userdata, &a);
}

static int row_gap(sqlite3_stmt *st, const struct store_reader *r)
{
        const char *text = (const char *) sqlite3_column_text(st, 2);
        struct gap_event g = {
                .lost = (uint64_t) MAX(sqlite3_column_int64(st, 3), 0),
                .reason = (uint8_t) store_get_enum(st, 1, GAP_REASONS),
                .text = text && *text ? text : NULL,
                .task = {.pid = store_get_u32(st, 5), .tid = store_get_u32(st, 6)},
        };

        g.task.start = (uint64_t) sqlite3_column_int64(st, 7);
        g.task.leader_start = (uint64_t) sqlite3_column_int64(st, 8);
        return r->gap(r->userdata, sqlite3_column_int64(st, 0), &g, (uint64_t) MAX(sqlite3_column_int64(st, 4), 0));
}

int store_read_subjects(struct store *s, const struct store_reader *r, enum level least)
{
        if (!r->subject)
                return 0;
        return read_rows(s,
                         "SELECT " SUBJECT_COLUMNS ", " VERDICT_COLUMNS("s") " FROM subject s WHERE level >= ?1"
                                                                             " ORDER BY score DESC, last DESC, id",
                         least, row_subject, r);
}

int store_actions_each(struct store *s, nsec_t since, int (*each)(void *userdata, const struct action *a),
                       void *userdata)
{
        const struct store_reader r = {.action = each, .userdata = userdata};

        return read_rows(s,
                         "SELECT " SUBJECT_COLUMNS ", a.kind, a.time, a.by, a.what, a.undo FROM action a"
                         " JOIN subject s ON s.id = a.subject WHERE a.time >= ?1 ORDER BY a.time, a.id",
                         since, row_action, &r);
}

int store_read_gaps(struct store *s, const struct store_reader *r, nsec_t since)
{
        if (!r->gap)
                return 0;
        return read_rows(s,
                         "SELECT time, reason, text, lost, count, pid, tid, start, leader_start FROM gap"
                         " WHERE time >= ?1 ORDER BY time, id",
                         since, row_gap, r);
}

static int find_id(struct store *s, const char *key, int64_t *ret)
{
        sqlite3_stmt *st = NULL;
        int r = 0, step;

        if (sqlite3_prepare_v2(s->db, "SELECT id FROM subject WHERE key = ?1", -1, &st, NULL) != SQLITE_OK)
                return store_error(s->db);
        sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
        step = sqlite3_step(st);
        if (step == SQLITE_ROW)
                *ret = sqlite3_column_int64(st, 0);
        else
                r = step == SQLITE_DONE ? -ENOENT : store_error(s->db);
        sqlite3_finalize(st);
        return r;
}

static int read_subject(struct store *s, const struct store_reader *r, const char *key)
{
        const struct {
                const char *sql;
                row_func row;
                bool wanted;
        } parts[] = {
                {"SELECT " SUBJECT_COLUMNS ", " VERDICT_COLUMNS("s") " FROM subject s WHERE id = ?1", row_subject,
                 r->subject != NULL},
                {"SELECT " SUBJECT_COLUMNS
                 ", e.kind, e.stage, e.cap, e.half_life, e.conclusive, e.weight, e.first, e.last,"
                 " e.count, e.facts, e.refs, e.excepted FROM evidence e JOIN subject s ON s.id = e.subject"
                 " WHERE e.subject = ?1 ORDER BY e.first, e.kind, e.excepted",
                 row_evidence, r->evidence != NULL},
                {"SELECT " SUBJECT_COLUMNS
                 ", " VERDICT_COLUMNS("v") " FROM verdict v JOIN subject s ON s.id = v.subject"
                                           " WHERE v.subject = ?1 ORDER BY v.id",
                 row_change, r->change != NULL},
                {"SELECT " SUBJECT_COLUMNS ", a.kind, a.time, a.by, a.what, a.undo FROM action a"
                 " JOIN subject s ON s.id = a.subject WHERE a.subject = ?1 ORDER BY a.id",
                 row_action, r->action != NULL},
        };
        int64_t id = 0;
        int rc = find_id(s, key, &id);

        for (size_t i = 0; rc == 0 && i < ELEMENTSOF(parts); i++)
                if (parts[i].wanted)
                        rc = read_rows(s, parts[i].sql, id, parts[i].row, r);
        return rc;
}

int store_read_subject(struct store *s, const struct store_reader *r, const char *key)
{
        bool own = sqlite3_get_autocommit(s->db) != 0;
        int rc = own ? store_exec(s->db, "BEGIN") : 0;

        if (rc < 0)
                return rc;
        /* One transaction: all parts are of one moment, whatever the writer does. */
        rc = read_subject(s, r, key);
        if (own)
                (void) store_exec(s->db, "COMMIT");
        return rc;
}

int store_get_meta(struct store *s, const char *key, struct buf *ret)
{
        sqlite3_stmt *st = NULL;
        int r, step;

        if (sqlite3_prepare_v2(s->db, "SELECT value FROM meta WHERE key = ?1", -1, &st, NULL) != SQLITE_OK)
                return store_error(s->db);
        sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
        step = sqlite3_step(st);
        if (step == SQLITE_ROW)
                r = buf_put(ret, sqlite3_column_text(st, 0), (size_t) sqlite3_column_bytes(st, 0));
        else
                r = step == SQLITE_DONE ? -ENOENT : store_error(s->db);
        sqlite3_finalize(st);
        return r;
}

/* A pid, or -1. */
static int64_t parse_pid(const char *words)
{
        char *end;
        long long n;

        if (*words < '0' || *words > '9')
                return -1;
        errno = 0;
        n = strtoll(words, &end, 10);
        return errno || *end || n > UINT32_MAX ? -1 : n;
}

/* Each way of naming has an index of its own, so each is a query of its own. */
static const char find_sql[] = "SELECT key, max(last) AS newest FROM ("
                               "SELECT key, last FROM subject WHERE key = ?1 UNION ALL "
                               "SELECT key, last FROM subject WHERE kind = 1 AND pid = ?2 UNION ALL "
                               "SELECT key, last FROM subject WHERE kind = 1 AND name = ?1 UNION ALL "
                               "SELECT key, last FROM subject WHERE kind != 1 AND addr = ?3)"
                               " GROUP BY key ORDER BY newest DESC, key LIMIT ?4";

int store_find(struct store *s, const char *words, char (*ret_keys)[SUBJECT_TEXT_MAX], size_t max)
{
        sqlite3_stmt *st = NULL;
        struct addr a;
        int n = 0, step = SQLITE_DONE;

        if (strcmp(words, "self") == 0)
                words = "host:self";
        if (sqlite3_prepare_v2(s->db, find_sql, -1, &st, NULL) != SQLITE_OK)
                return store_error(s->db);
        sqlite3_bind_text(st, 1, words, -1, SQLITE_STATIC);
        sqlite3_bind_int64(st, 2, parse_pid(words));
        if (addr_parse(words, &a) == 0)
                sqlite3_bind_blob(st, 3, a.b, sizeof(a.b), SQLITE_STATIC);
        sqlite3_bind_int64(st, 4, (int64_t) MIN(max, (size_t) INT32_MAX));
        while ((size_t) n < max && (step = sqlite3_step(st)) == SQLITE_ROW)
                store_copy_text(st, 0, ret_keys[n++], SUBJECT_TEXT_MAX);
        if (step != SQLITE_ROW && step != SQLITE_DONE)
                n = store_error(s->db);
        sqlite3_finalize(st);
        return n;
}
