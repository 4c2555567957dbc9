/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The common ground of the store: SQLite's errors as errno, and the transaction that gathers writes. Writes are
 * gathered since each commit costs a write of its own to the disk; the engine commits every STORE_COMMIT_NSEC. */
#include <errno.h>

#include "store/store_internal.h"

static int from_system(int system_errno)
{
        return system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EFBIG ? -ENOSPC : -EIO;
}

int store_error(sqlite3 *db)
{
        switch (sqlite3_errcode(db)) {
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
                return -EACCES;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_ERROR: /* our SQL is sound: the schema is not ours */
        case SQLITE_FORMAT:
                return -EBADMSG;
        case SQLITE_CANTOPEN:
                return sqlite3_system_errno(db) == ENOSPC ? -ENOSPC : -EACCES;
        case SQLITE_TOOBIG:
                return -E2BIG;
        default:
                return from_system(sqlite3_system_errno(db));
        }
}

int store_exec(sqlite3 *db, const char *sql)
{
        return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_error(db);
}

int store_get_integer(sqlite3 *db, const char *sql, int64_t *ret)
{
        sqlite3_stmt *statement = NULL;
        int r = 0, step;

        if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
                return store_error(db);
        step = sqlite3_step(statement);
        if (step == SQLITE_ROW)
                *ret = sqlite3_column_int64(statement, 0);
        else
                r = step == SQLITE_DONE ? -ENODATA : store_error(db);
        sqlite3_finalize(statement);
        return r;
}

sqlite3_stmt *store_use(struct store *s, enum store_statement id)
{
        if (!s->statements[id])
                (void) sqlite3_prepare_v3(s->db, store_sql[id], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[id],
                                          NULL);
        return s->statements[id];
}

int store_step(struct store *s, sqlite3_stmt *statement)
{
        int step = sqlite3_step(statement);
        int r = step == SQLITE_ROW || step == SQLITE_DONE ? 0 : store_error(s->db);

        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return r;
}

int store_write_begin(struct store *s)
{
        int r = 0;

        if (s->read_only)
                return -EACCES;
        if (sqlite3_get_autocommit(s->db))
                r = store_step(s, s->statements[STORE_BEGIN]);
        if (r < 0)
                s->lost++;
        return r;
}

/* Everything that waited is gone. */
static void drop_batch(struct store *s)
{
        if (!sqlite3_get_autocommit(s->db))
                (void) store_step(s, s->statements[STORE_ROLLBACK]);
        s->lost += s->pending;
        s->pending = 0;
}

int store_write_end(struct store *s, int r)
{
        if (r < 0) {
                s->lost++;
                /* Without room SQLite may have rolled everything back by itself. */
                if (sqlite3_get_autocommit(s->db))
                        drop_batch(s);
                return r;
        }
        if (++s->pending >= STORE_PENDING_MAX)
                return store_commit(s);
        return 0;
}

int store_commit(struct store *s)
{
        int r;

        if (s->read_only || sqlite3_get_autocommit(s->db))
                return 0;
        r = store_step(s, s->statements[STORE_COMMIT]);
        if (r < 0)
                drop_batch(s);
        s->pending = 0;
        return r;
}

uint64_t store_get_lost(const struct store *s)
{
        return s->lost;
}

void store_close(struct store *s)
{
        if (!s)
                return;
        if (s->db && s->statements[STORE_COMMIT])
                (void) store_commit(s);
        for (int i = 0; i < STORE_STATEMENTS; i++)
                sqlite3_finalize(s->statements[i]);
        sqlite3_close(s->db);
        buf_done(&s->scratch);
        free(s);
}
