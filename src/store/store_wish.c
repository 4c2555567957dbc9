/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was said about addresses: they may be probed, or they must not be. Written by the command `mail`, read where
 * probes are planned. */
#include <errno.h>

#include "store/store_internal.h"

#define SCHEMA 4

static const char *const names[STORE_WISHES] = {"none", "consent", "opt_out"};

/* What cannot be read is a no. */
static enum store_wish get_wish(sqlite3_stmt *st, int column)
{
        const char *text = (const char *) sqlite3_column_text(st, column);

        for (unsigned i = 0; text && i < STORE_WISHES; i++)
                if (strcmp(text, names[i]) == 0)
                        return i;
        return STORE_WISH_OPT_OUT;
}

int store_put_wish(struct store *s, const struct addr *a, enum store_wish wish, nsec_t time, const char *by)
{
        sqlite3_stmt *st = s->statements[STORE_PUT_WISH];
        int r = store_write_begin(s);

        if (r < 0)
                return r;
        sqlite3_bind_blob(st, 1, a->b, sizeof(a->b), SQLITE_STATIC);
        sqlite3_bind_text(st, 2, names[wish < STORE_WISHES ? wish : STORE_WISH_OPT_OUT], -1, SQLITE_STATIC);
        sqlite3_bind_int64(st, 3, time);
        sqlite3_bind_text64(st, 4, by, strnlen(by, STORE_WISH_BY - 1), SQLITE_STATIC, SQLITE_UTF8);
        sqlite3_bind_int64(st, 5, STORE_WISHES_MAX);
        r = store_step(s, st);
        return store_write_end(s, r == 0 && sqlite3_changes(s->db) == 0 ? -ENOSPC : r);
}

int store_get_wish(struct store *s, const struct addr *a, enum store_wish *ret)
{
        enum store_wish found = STORE_WISH_NONE;
        sqlite3_stmt *st = s->schema < SCHEMA ? NULL : store_use(s, STORE_GET_WISH);
        int r = 0, step;

        if (!st) {
                if (s->schema >= SCHEMA)
                        return store_error(s->db);
                *ret = found;
                return 0;
        }
        sqlite3_bind_blob(st, 1, a->b, sizeof(a->b), SQLITE_STATIC);
        step = sqlite3_step(st);
        if (step == SQLITE_ROW)
                found = get_wish(st, 0);
        else if (step != SQLITE_DONE)
                r = store_error(s->db);
        sqlite3_reset(st);
        sqlite3_clear_bindings(st);
        if (r == 0)
                *ret = found;
        return r;
}

int store_wishes_each(struct store *s,
                      int (*each)(void *userdata, const struct addr *a, enum store_wish wish, nsec_t time,
                                  const char *by),
                      void *userdata)
{
        sqlite3_stmt *st = NULL;
        int r = 0, step = SQLITE_DONE;

        if (s->schema < SCHEMA)
                return 0;
        if (sqlite3_prepare_v2(s->db, "SELECT addr, wish, time, by FROM wish ORDER BY time, addr", -1, &st, NULL) !=
            SQLITE_OK)
                return store_error(s->db);
        while (r == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
                char by[STORE_WISH_BY];
                struct addr a = {0};

                store_copy_blob(st, 0, a.b, sizeof(a.b));
                store_copy_text(st, 3, by, sizeof(by));
                r = each(userdata, &a, get_wish(st, 1), sqlite3_column_int64(st, 2), by);
        }
        if (r == 0 && step != SQLITE_DONE)
                r = store_error(s->db);
        sqlite3_finalize(st);
        return r;
}
