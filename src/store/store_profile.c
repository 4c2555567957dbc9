/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The profiles of home hosts: packed bytes in, packed bytes out. What they mean is flow/profile.h's to know. Written by
 * the engine and `read`, read by the command line too. */
#include <errno.h>

#include "store/store_internal.h"

#define PROFILE_SHARE 2 /* of max_bytes: one part in so many */

static int count_bytes(struct store *s)
{
        return s->profile_bytes >= 0 ?
                       0 :
                       store_get_integer(s->db, "SELECT ifnull(sum(length(data)), 0) FROM profile", &s->profile_bytes);
}

static int trim(struct store *s)
{
        sqlite3_stmt *st = s->statements[STORE_TRIM_PROFILES];
        int step;

        while ((step = sqlite3_step(st)) == SQLITE_ROW)
                s->profile_bytes = MAX(s->profile_bytes - sqlite3_column_int64(st, 0), 0);
        sqlite3_reset(st);
        return step == SQLITE_DONE ? 0 : store_error(s->db);
}

/* Bytes of the host's row so far. */
static int find_length(struct store *s, const struct addr *host, int64_t *ret)
{
        sqlite3_stmt *st = s->statements[STORE_FIND_PROFILE];
        int step, r = 0;

        sqlite3_bind_blob(st, 1, host->b, sizeof(host->b), SQLITE_STATIC);
        step = sqlite3_step(st);
        if (step == SQLITE_ROW)
                *ret = sqlite3_column_int64(st, 0);
        else if (step != SQLITE_DONE)
                r = store_error(s->db);
        sqlite3_reset(st);
        sqlite3_clear_bindings(st);
        return r;
}

static int put_profile(struct store *s, const struct addr *host, nsec_t last, const void *data, size_t len)
{
        sqlite3_stmt *st = s->statements[STORE_PUT_PROFILE];
        int64_t before = 0;
        int r = count_bytes(s);

        if (r < 0 || (r = find_length(s, host, &before)) < 0)
                return r;
        sqlite3_bind_blob(st, 1, host->b, sizeof(host->b), SQLITE_STATIC);
        sqlite3_bind_int64(st, 2, last);
        sqlite3_bind_blob64(st, 3, data, len, SQLITE_STATIC);
        r = store_step(s, st);
        if (r < 0)
                return r;
        s->profile_bytes += (int64_t) len - before;
        return s->max_bytes && (uint64_t) s->profile_bytes > s->max_bytes / PROFILE_SHARE ? trim(s) : 0;
}

int store_put_profile(struct store *s, const struct addr *host, nsec_t last, const void *data, size_t len)
{
        int r = store_write_begin(s);

        if (r < 0)
                return r;
        return store_write_end(s, len > STORE_ROW_MAX / 2 ? -E2BIG : put_profile(s, host, last, data, len));
}

int store_read_profiles(struct store *s, const struct store_profiles *which)
{
        const char *sql = which->host         ? "SELECT last, data FROM profile WHERE host = ?1" :
                          which->newest_first ? "SELECT last, data FROM profile ORDER BY last DESC, host" :
                                                "SELECT last, data FROM profile ORDER BY last, host";
        sqlite3_stmt *st = NULL;
        int r = 0, step = SQLITE_DONE;
        bool found = false;

        if (s->schema < 2)
                return which->host ? -ENOENT : 0;
        if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
                return store_error(s->db);
        if (which->host)
                sqlite3_bind_blob(st, 1, which->host->b, sizeof(which->host->b), SQLITE_STATIC);
        while (r == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
                const void *data = sqlite3_column_blob(st, 1);

                found = true;
                r = which->row(which->userdata, sqlite3_column_int64(st, 0), data ? data : "",
                               (size_t) sqlite3_column_bytes(st, 1));
        }
        if (r == 0 && step != SQLITE_DONE)
                r = store_error(s->db);
        sqlite3_finalize(st);
        return r == 0 && which->host && !found ? -ENOENT : r;
}
