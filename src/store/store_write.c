/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The writers. Each gathers into the open transaction (store.c). Runs in the engine only. */
#include <errno.h>

#include "model/facts.h"
#include "store/store_internal.h"

#define GAP_JOIN_NSEC (60 * NSEC_PER_SEC)
#define GAP_TEXT_MAX  200u

const char *const store_sql[STORE_STATEMENTS] = {
        [STORE_BEGIN] = "BEGIN IMMEDIATE",
        [STORE_COMMIT] = "COMMIT",
        [STORE_ROLLBACK] = "ROLLBACK",
        [STORE_PUT_SUBJECT] =
                "INSERT INTO subject(key, kind, addr, boot_id, pid, start, exe_dev, exe_ino, name, last)"
                " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT(key) DO UPDATE SET"
                " last = max(last, excluded.last), name = CASE excluded.name WHEN '' THEN name ELSE excluded.name END,"
                " exe_dev = CASE excluded.exe_ino WHEN 0 THEN exe_dev ELSE excluded.exe_dev END,"
                " exe_ino = CASE excluded.exe_ino WHEN 0 THEN exe_ino ELSE excluded.exe_ino END RETURNING id, level",
        [STORE_PUT_LEVEL] = "UPDATE subject SET level = ?2, score = ?3, stages = ?4, conclusive = ?5, excepted = ?6,"
                            " time = ?7 WHERE id = ?1",
        [STORE_PUT_CHANGE] = "INSERT INTO verdict(subject, level, score, stages, conclusive, excepted, time)"
                             " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        [STORE_PUT_EVIDENCE] = "INSERT OR REPLACE INTO evidence(subject, kind, excepted, stage, cap, half_life,"
                               " conclusive, weight, first, last, count, facts, refs)"
                               " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        [STORE_PUT_ACTION] = "INSERT INTO action(subject, kind, time, by, what, undo) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
        [STORE_FIND_GAP] = "SELECT id, lost FROM gap WHERE reason = ?1 AND text = ?2 AND time BETWEEN ?3 AND ?4"
                           " ORDER BY time DESC LIMIT 1",
        [STORE_ADD_GAP] = "UPDATE gap SET lost = ?2, count = count + 1 WHERE id = ?1",
        [STORE_PUT_GAP] = "INSERT INTO gap(time, reason, text, lost, count, pid, tid, start, leader_start)"
                          " VALUES(?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8)",
        [STORE_PUT_META] = "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)",
        [STORE_FIND_PROFILE] = "SELECT length(data) FROM profile WHERE host = ?1",
        [STORE_PUT_PROFILE] = "INSERT INTO profile(host, last, data) VALUES(?1, ?2, ?3)"
                              " ON CONFLICT(host) DO UPDATE SET last = excluded.last, data = excluded.data",
        [STORE_PUT_GATE] =
                "INSERT INTO gate(time, last, op, reason, denied, learn, pid, start, asker, asker_start, uid, exe_dev,"
                " exe_ino, kinds, remote, port, proto, count, peers, processes, program, chain, text)"
                " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, "
                "?21,"
                " ?22, ?23)",
        [STORE_RENEW_GATE] =
                "UPDATE gate SET last = ?2, pid = ?7, start = ?8, asker = ?9, asker_start = ?10, remote = ?15,"
                " port = ?16, proto = ?17, count = ?18, peers = ?19, processes = ?20, chain = ?22, text = ?23"
                " WHERE id = ?24",
        [STORE_PUT_RELAY] = "INSERT OR IGNORE INTO relay(" STORE_RELAY_COLUMNS ")"
                            " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
                            " ?19, ?20, ?21, ?22, ?23, ?24)",
        [STORE_HAS_MAIL] = "SELECT 1 FROM relay WHERE mail = ?1",
        [STORE_FIRST_RELAY] = "SELECT " STORE_RELAY_COLUMNS " FROM relay WHERE addr = ?1 ORDER BY inquiry, id LIMIT 1",
        [STORE_LAST_RELAY] =
                "SELECT " STORE_RELAY_COLUMNS " FROM relay WHERE addr = ?1 ORDER BY inquiry DESC, id DESC LIMIT 1",
        [STORE_BEGIN_RELAY] = "SELECT time FROM relay WHERE addr = ?1 AND inquiry = ?2 ORDER BY id LIMIT 1",
        [STORE_LAST_PROBE] = "SELECT max(time) FROM (SELECT time FROM relay WHERE addr = ?1 AND smtp != ''"
                             " UNION ALL SELECT time FROM probe WHERE addr = ?1)",
        [STORE_PUT_PROBE] = "INSERT OR REPLACE INTO probe(addr, time) VALUES(?1, ?2)",
        [STORE_TRIM_PROBES] = "DELETE FROM probe WHERE addr IN"
                              " (SELECT addr FROM probe WHERE time < ?1 ORDER BY time LIMIT 100)",
        [STORE_PUT_WISH] =
                "INSERT INTO wish(addr, wish, time, by) SELECT ?1, ?2, ?3, ?4"
                " WHERE (SELECT count(*) FROM wish) < ?5 OR EXISTS (SELECT 1 FROM wish WHERE addr = ?1)"
                " ON CONFLICT(addr) DO UPDATE SET wish = excluded.wish, time = excluded.time, by = excluded.by",
        [STORE_GET_WISH] = "SELECT wish FROM wish WHERE addr = ?1",
        [STORE_END_CONSENT] = "DELETE FROM wish WHERE addr = ?1 AND wish = 'consent'",
        [STORE_ERASE_CLAIMS] = "DELETE FROM evidence WHERE subject = (SELECT id FROM subject WHERE key = ?1)",
        [STORE_FIND_CLAIM] = "SELECT first, last, count FROM evidence WHERE subject ="
                             " (SELECT id FROM subject WHERE key = ?1) AND kind = ?2 AND excepted = 0",
        [STORE_TRIM_PROFILES] = "DELETE FROM profile WHERE id IN (SELECT id FROM profile ORDER BY last LIMIT 4)"
                                " RETURNING length(data)",
};

/* Texts and blobs are bound as they are: they outlive the step. */
static void bind_text(sqlite3_stmt *statement, int at, const char *text, size_t len)
{
        sqlite3_bind_text64(statement, at, text, len, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_string(sqlite3_stmt *statement, int at, const char *text)
{
        bind_text(statement, at, text, strlen(text));
}

/* A row for the subject, and its id and level so far. */
static int put_subject(struct store *s, const struct subject *subject, nsec_t time, int64_t *ret_id, int *ret_level)
{
        sqlite3_stmt *st = s->statements[STORE_PUT_SUBJECT];
        char key[SUBJECT_TEXT_MAX];
        int step, r = 0;

        bind_string(st, 1, subject_key(subject, key));
        sqlite3_bind_int64(st, 2, subject->kind);
        if (subject->kind == SUBJECT_PROCESS) {
                sqlite3_bind_blob(st, 4, subject->boot_id, sizeof(subject->boot_id), SQLITE_STATIC);
                sqlite3_bind_int64(st, 5, subject->pid);
                sqlite3_bind_int64(st, 6, (int64_t) subject->start);
        } else
                sqlite3_bind_blob(st, 3, subject->addr.b, sizeof(subject->addr.b), SQLITE_STATIC);
        sqlite3_bind_int64(st, 7, subject->exe_dev);
        sqlite3_bind_int64(st, 8, (int64_t) subject->exe_ino);
        bind_text(st, 9, subject->name, strnlen(subject->name, sizeof(subject->name)));
        sqlite3_bind_int64(st, 10, time);

        step = sqlite3_step(st);
        if (step == SQLITE_ROW) {
                *ret_id = sqlite3_column_int64(st, 0);
                *ret_level = sqlite3_column_int(st, 1);
                step = sqlite3_step(st);
        }
        if (step != SQLITE_DONE)
                r = store_error(s->db);
        sqlite3_reset(st);
        sqlite3_clear_bindings(st);
        return r;
}

static int put_evidence(struct store *s, const struct evidence *e, bool excepted)
{
        sqlite3_stmt *st = s->statements[STORE_PUT_EVIDENCE];
        int64_t id = 0;
        int level = 0, r = put_subject(s, &e->subject, e->last, &id, &level);

        if (r < 0)
                return r;
        buf_reset(&s->scratch);
        r = facts_to_json(&s->scratch, e, 0);
        if (r < 0)
                return r;
        sqlite3_bind_int64(st, 1, id);
        bind_string(st, 2, e->kind->name);
        sqlite3_bind_int(st, 3, excepted);
        sqlite3_bind_int(st, 4, e->kind->stage);
        sqlite3_bind_int(st, 5, e->kind->cap);
        sqlite3_bind_int64(st, 6, e->kind->half_life);
        sqlite3_bind_int(st, 7, e->kind->conclusive);
        sqlite3_bind_int(st, 8, e->weight);
        sqlite3_bind_int64(st, 9, e->first);
        sqlite3_bind_int64(st, 10, e->last);
        sqlite3_bind_int64(st, 11, e->count);
        bind_text(st, 12, buf_str(&s->scratch), s->scratch.len);
        sqlite3_bind_blob(st, 13, e->refs, (int) (MIN(e->n_refs, EVIDENCE_REFS_MAX) * sizeof(e->refs[0])),
                          SQLITE_STATIC);
        return store_step(s, st);
}

int store_put_evidence(struct store *s, const struct evidence *e, bool excepted)
{
        int r = store_write_begin(s);

        return r < 0 ? r : store_write_end(s, put_evidence(s, e, excepted));
}

static int put_verdict(struct store *s, const struct verdict *v)
{
        sqlite3_stmt *st;
        int64_t id = 0;
        int level = 0, r = put_subject(s, &v->subject, v->time, &id, &level);

        for (int i = STORE_PUT_LEVEL; r == 0 && i <= STORE_PUT_CHANGE; i++) {
                if (i == STORE_PUT_CHANGE && level == (int) v->level)
                        break;
                st = s->statements[i];
                sqlite3_bind_int64(st, 1, id);
                sqlite3_bind_int(st, 2, v->level);
                sqlite3_bind_int(st, 3, v->score);
                sqlite3_bind_int64(st, 4, v->stages);
                sqlite3_bind_int(st, 5, v->conclusive);
                sqlite3_bind_int64(st, 6, v->excepted);
                sqlite3_bind_int64(st, 7, v->time);
                r = store_step(s, st);
        }
        return r;
}

int store_put_verdict(struct store *s, const struct verdict *v)
{
        int r = store_write_begin(s);

        return r < 0 ? r : store_write_end(s, put_verdict(s, v));
}

static int put_action(struct store *s, const struct action *a)
{
        sqlite3_stmt *st = s->statements[STORE_PUT_ACTION];
        int64_t id = 0;
        int level = 0, r = put_subject(s, &a->subject, a->time, &id, &level);

        if (r < 0)
                return r;
        sqlite3_bind_int64(st, 1, id);
        sqlite3_bind_int(st, 2, a->kind);
        sqlite3_bind_int64(st, 3, a->time);
        bind_text(st, 4, a->by, strnlen(a->by, sizeof(a->by)));
        bind_text(st, 5, a->what, strnlen(a->what, sizeof(a->what)));
        bind_text(st, 6, a->undo, strnlen(a->undo, sizeof(a->undo)));
        return store_step(s, st);
}

int store_put_action(struct store *s, const struct action *a)
{
        int r = store_write_begin(s);

        return r < 0 ? r : store_write_end(s, put_action(s, a));
}

/* The gap of the same reason and text that began within the last minute. -ENODATA: none. */
static int find_gap(struct store *s, nsec_t time, const struct gap_event *g, const char *text, int64_t ret[static 2])
{
        sqlite3_stmt *st = s->statements[STORE_FIND_GAP];
        nsec_t since;
        int step, r = 0;

        if (__builtin_sub_overflow(time, GAP_JOIN_NSEC, &since))
                since = INT64_MIN;
        sqlite3_bind_int(st, 1, g->reason);
        bind_text(st, 2, text, strnlen(text, GAP_TEXT_MAX));
        sqlite3_bind_int64(st, 3, since);
        sqlite3_bind_int64(st, 4, time);
        step = sqlite3_step(st);
        if (step == SQLITE_ROW) {
                ret[0] = sqlite3_column_int64(st, 0);
                ret[1] = sqlite3_column_int64(st, 1);
        } else
                r = step == SQLITE_DONE ? -ENODATA : store_error(s->db);
        sqlite3_reset(st);
        sqlite3_clear_bindings(st);
        return r;
}

static int put_gap(struct store *s, nsec_t time, const struct gap_event *g)
{
        const char *text = g->text ? g->text : "";
        int64_t lost = (int64_t) MIN(g->lost, (uint64_t) INT64_MAX), same[2] = {0};
        sqlite3_stmt *st;
        int r = find_gap(s, time, g, text, same);

        if (r == 0) {
                st = s->statements[STORE_ADD_GAP];
                if (__builtin_add_overflow(lost, same[1], &lost))
                        lost = INT64_MAX;
                sqlite3_bind_int64(st, 1, same[0]);
                sqlite3_bind_int64(st, 2, lost);
                return store_step(s, st);
        }
        if (r != -ENODATA)
                return r;
        st = s->statements[STORE_PUT_GAP];
        sqlite3_bind_int64(st, 1, time);
        sqlite3_bind_int(st, 2, g->reason);
        bind_text(st, 3, text, strnlen(text, GAP_TEXT_MAX));
        sqlite3_bind_int64(st, 4, lost);
        sqlite3_bind_int64(st, 5, g->task.pid);
        sqlite3_bind_int64(st, 6, g->task.tid);
        sqlite3_bind_int64(st, 7, (int64_t) g->task.start);
        sqlite3_bind_int64(st, 8, (int64_t) g->task.leader_start);
        return store_step(s, st);
}

int store_put_gap(struct store *s, nsec_t time, const struct gap_event *g)
{
        int r = store_write_begin(s);

        return r < 0 ? r : store_write_end(s, put_gap(s, time, g));
}

int store_put_meta(struct store *s, const char *key, const char *value)
{
        sqlite3_stmt *st = s->statements[STORE_PUT_META];
        int r = store_write_begin(s);

        if (r < 0)
                return r;
        if (strlen(key) + strlen(value) > STORE_ROW_MAX / 2)
                return store_write_end(s, -E2BIG);
        bind_string(st, 1, key);
        bind_string(st, 2, value);
        return store_write_end(s, store_step(s, st));
}
