/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of relays that were asked about: kept once for each mail, found by mail and by address. Written by the
 * command `mail` and the daemon, read by the command line too. A store that an older version made has none for its
 * readers. */
#include <errno.h>

#include "mail/claims.h"
#include "store/store_internal.h"

#define SCHEMA 4 /* from which on there are relays */

void store_set_relay_lists(struct store *s, const char *const *names, unsigned n)
{
        s->lists = names;
        s->n_lists = MIN(n, (unsigned) RECORD_LISTS);
}

static void finish(sqlite3_stmt *st)
{
        sqlite3_reset(st);
        sqlite3_clear_bindings(st);
}

int store_has_mail(struct store *s, const uint8_t mail[static 16])
{
        sqlite3_stmt *st = s->schema < SCHEMA ? NULL : store_use(s, STORE_HAS_MAIL);
        int step;

        if (!st)
                return s->schema < SCHEMA ? 0 : store_error(s->db);
        sqlite3_bind_blob(st, 1, mail, 16, SQLITE_STATIC);
        step = sqlite3_step(st);
        step = step == SQLITE_ROW ? 1 : step == SQLITE_DONE ? 0 : store_error(s->db);
        finish(st);
        return step;
}

/* The one record of an address that the statement finds. */
static int find_one(struct store *s, enum store_statement id, const struct addr *a, struct record *ret)
{
        sqlite3_stmt *st = store_use(s, id);
        int r = 0, step;

        if (!st)
                return store_error(s->db);
        sqlite3_bind_blob(st, 1, a->b, sizeof(a->b), SQLITE_STATIC);
        step = sqlite3_step(st);
        if (step == SQLITE_ROW)
                store_get_relay(s, st, ret);
        else
                r = step == SQLITE_DONE ? -ENOENT : store_error(s->db);
        finish(st);
        return r;
}

/* A time of an address; 0: none. */
static int find_time(struct store *s, enum store_statement id, const struct addr *a, uint32_t inquiry, nsec_t *ret)
{
        sqlite3_stmt *st = store_use(s, id);
        int r = 0, step;

        if (!st)
                return store_error(s->db);
        sqlite3_bind_blob(st, 1, a->b, sizeof(a->b), SQLITE_STATIC);
        if (id == STORE_BEGIN_RELAY)
                sqlite3_bind_int64(st, 2, inquiry);
        step = sqlite3_step(st);
        if (step == SQLITE_ROW || step == SQLITE_DONE)
                *ret = step == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
        else
                r = store_error(s->db);
        finish(st);
        return r;
}

int store_find_relay(struct store *s, const struct addr *a, struct store_relay *ret)
{
        struct store_relay found;
        int r;

        if (s->schema < SCHEMA)
                return -ENOENT;
        r = find_one(s, STORE_FIRST_RELAY, a, &found.first);
        if (r == 0)
                r = find_one(s, STORE_LAST_RELAY, a, &found.last);
        if (r == 0)
                r = find_time(s, STORE_LAST_PROBE, a, 0, &found.last_probe);
        if (r == 0)
                *ret = found;
        return r;
}

int store_get_last_probe(struct store *s, const struct addr *a, nsec_t *ret)
{
        *ret = 0;
        return s->schema < SCHEMA ? 0 : find_time(s, STORE_LAST_PROBE, a, 0, ret);
}

static int put_probe(struct store *s, const struct addr *a, nsec_t time)
{
        sqlite3_stmt *st = s->statements[STORE_TRIM_PROBES];
        nsec_t before;
        int r;

        if (__builtin_sub_overflow(time, STORE_PROBE_KEEP, &before))
                before = INT64_MIN;
        sqlite3_bind_int64(st, 1, before);
        r = store_step(s, st);
        if (r < 0)
                return r;
        st = s->statements[STORE_PUT_PROBE];
        sqlite3_bind_blob(st, 1, a->b, sizeof(a->b), SQLITE_STATIC);
        sqlite3_bind_int64(st, 2, time);
        return store_step(s, st);
}

int store_put_probe(struct store *s, const struct addr *a, nsec_t time)
{
        int r = store_write_begin(s);

        return r < 0 ? r : store_write_end(s, put_probe(s, a, time));
}

int store_place_relay(struct store *s, struct record *r)
{
        struct store_relay known;
        nsec_t begun = 0, age;
        int k = store_find_relay(s, &r->addr, &known);

        if (k == -ENOENT) {
                r->inquiry = 1;
                r->moved = false;
                return 0;
        }
        if (k == 0)
                k = find_time(s, STORE_BEGIN_RELAY, &r->addr, known.last.inquiry, &begun);
        if (k < 0)
                return k;
        r->inquiry = known.last.inquiry;
        if (!record_has_mail(r) || __builtin_sub_overflow(r->asked, begun, &age) || age >= RECORD_FIRST_STEP)
                r->inquiry += r->inquiry < UINT32_MAX;
        r->moved = record_moved(record_changes(&known.first, r));
        return 0;
}

/* A consent was the former owner's; a no stays. */
static int end_consent(struct store *s, const struct addr *a)
{
        sqlite3_stmt *st = s->statements[STORE_END_CONSENT];

        sqlite3_bind_blob(st, 1, a->b, sizeof(a->b), SQLITE_STATIC);
        return store_step(s, st);
}

static int put_relay(struct store *s, const struct record *r)
{
        sqlite3_stmt *st = s->statements[STORE_PUT_RELAY];
        struct record placed = *r, last;
        int k = store_place_relay(s, &placed);

        if (k == 0 && placed.moved)
                k = find_one(s, STORE_LAST_RELAY, &r->addr, &last);
        if (k == 0 && placed.moved && !last.moved)
                k = end_consent(s, &r->addr);
        if (k == 0)
                k = store_bind_relay(s, st, &placed);
        if (k == 0)
                k = store_step(s, st);
        return k;
}

int store_put_relay(struct store *s, const struct record *r)
{
        int known = record_has_mail(r) ? store_has_mail(s, r->mail) : 0, k;

        if (known)
                return known < 0 ? known : -EEXIST;
        k = store_write_begin(s);
        return k < 0 ? k : store_write_end(s, put_relay(s, r));
}

/* --- relays that are accused --- */

/* How often it was, and from when to when. */
static int find_before(struct store *s, const char *key, nsec_t span[static 2], uint32_t *count)
{
        sqlite3_stmt *st = s->statements[STORE_FIND_CLAIM];
        int r = 0, step;

        sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 2, CLAIMS_JUDGED, -1, SQLITE_STATIC);
        step = sqlite3_step(st);
        if (step == SQLITE_ROW) {
                span[0] = sqlite3_column_int64(st, 0);
                span[1] = sqlite3_column_int64(st, 1);
                *count = store_get_u32(st, 2);
        } else
                r = step == SQLITE_DONE ? -ENOENT : store_error(s->db);
        finish(st);
        return r;
}

/* The signs of the newest record in place of the earlier ones, so that the pieces are those of one judgement. */
static int put_claims(struct store *s, const struct fold_params *params, const struct record *r, const char *key)
{
        _cleanup_free_ struct evidence *pieces = calloc(CLAIMS_PIECES, sizeof(*pieces));
        const struct evidence *all[CLAIMS_PIECES];
        const struct fold_params limits = {.suspect = JUDGE_THRESHOLD, .bot = params->bot};
        nsec_t span[2] = {record_time(r), record_time(r)};
        uint32_t count = 0;
        struct verdict v;
        size_t n = 0;
        int k;

        if (!pieces)
                return -ENOMEM;
        k = find_before(s, key, span, &count);
        if (k < 0 && k != -ENOENT)
                return k;
        sqlite3_bind_text(s->statements[STORE_ERASE_CLAIMS], 1, key, -1, SQLITE_STATIC);
        k = store_step(s, s->statements[STORE_ERASE_CLAIMS]);
        for (unsigned i = 0; k == 0 && i < CLAIMS_PIECES; i++) {
                struct evidence *e = &pieces[n];

                if (!claims_get(r, i, e))
                        continue;
                if (i == JUDGE_SIGNS) {
                        e->first = MIN(span[0], e->first);
                        e->last = MAX(span[1], e->last);
                        e->count = count + (count < UINT32_MAX);
                }
                all[n++] = e;
                k = store_put_evidence(s, e, false);
        }
        if (k < 0)
                return k;
        verdict_fold(&limits, &pieces[0].subject, all, n, record_time(r), true, &v);
        v.level = MAX(v.level, LEVEL_SUSPECT); /* the judge has the last word */
        return store_put_verdict(s, &v);
}

/* All of it or nothing: no kill, no full batch and no full disk comes between what goes and what takes its place. */
static int replace_claims(struct store *s, const struct fold_params *params, const struct record *r, const char *key)
{
        int k = s->pending + CLAIMS_PIECES + 3 >= STORE_PENDING_MAX ? store_commit(s) : 0;

        if (k == 0)
                k = store_write_begin(s);
        if (k == 0)
                k = store_exec(s->db, "SAVEPOINT claims");
        if (k < 0)
                return k;
        k = put_claims(s, params, r, key);
        if (sqlite3_get_autocommit(s->db)) /* SQLite rolled everything back by itself */
                return k;
        if (k < 0)
                (void) store_exec(s->db, "ROLLBACK TO claims");
        (void) store_exec(s->db, "RELEASE claims");
        return k;
}

int store_accuse_relay(struct store *s, const struct fold_params *params, const struct record *r)
{
        const struct subject subject = {.kind = SUBJECT_RELAY, .addr = r->addr};
        const struct verdict unknown = {.subject = subject, .level = LEVEL_UNKNOWN, .time = r->asked};
        struct record placed = *r;
        char key[SUBJECT_TEXT_MAX];
        nsec_t span[2];
        uint32_t count;
        int k;

        if (s->read_only)
                return -EACCES;
        subject_key(&subject, key);
        if (claims_accuse(r))
                return replace_claims(s, params, r, key);
        k = find_before(s, key, span, &count);
        if (k < 0)
                return k == -ENOENT ? 0 : k;
        k = store_place_relay(s, &placed);
        return k < 0 || !placed.moved ? k : store_put_verdict(s, &unknown);
}

/* --- reading --- */

static int prepare(struct store *s, const char *sql, nsec_t since, sqlite3_stmt **ret)
{
        if (sqlite3_prepare_v2(s->db, sql, -1, ret, NULL) != SQLITE_OK)
                return store_error(s->db);
        sqlite3_bind_int64(*ret, 1, since);
        return 0;
}

int store_relays_each(struct store *s, enum store_relay_order order, nsec_t since,
                      int (*each)(void *userdata, const struct record *r), void *userdata)
{
        static const char *const sql[] = {
                [STORE_RELAYS_BY_TIME] = "SELECT " STORE_RELAY_COLUMNS " FROM relay WHERE time >= ?1 ORDER BY time, id",
                [STORE_RELAYS_BY_ADDRESS] =
                        "SELECT " STORE_RELAY_COLUMNS " FROM relay WHERE +time >= ?1 ORDER BY addr, inquiry, id",
        };
        sqlite3_stmt *st = NULL;
        int r, step = SQLITE_DONE;

        if (s->schema < SCHEMA)
                return 0;
        r = prepare(s, sql[order], since, &st);
        while (r == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
                struct record record;

                store_get_relay(s, st, &record);
                r = each(userdata, &record);
        }
        if (r == 0 && step != SQLITE_DONE)
                r = store_error(s->db);
        sqlite3_finalize(st);
        return r;
}

int store_relay_times_each(struct store *s,
                           int (*each)(void *userdata, const struct addr *a, nsec_t first, nsec_t last), void *userdata)
{
        sqlite3_stmt *st = NULL;
        int r, step = SQLITE_DONE;

        if (s->schema < SCHEMA)
                return 0;
        r = prepare(s, "SELECT addr, min(time), max(time) FROM relay WHERE +time >= ?1 GROUP BY addr", INT64_MIN, &st);
        while (r == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
                struct addr a = {0};

                store_copy_blob(st, 0, a.b, sizeof(a.b));
                r = each(userdata, &a, sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2));
        }
        if (r == 0 && step != SQLITE_DONE)
                r = store_error(s->db);
        sqlite3_finalize(st);
        return r;
}
