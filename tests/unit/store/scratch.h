/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A directory for one test, and the rows the store's tests write. For the unit tests of the store. */
#ifndef SEKIMORI_TESTS_STORE_SCRATCH_H
#define SEKIMORI_TESTS_STORE_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#include "store/store.h"
#include "store/store_internal.h"

struct scratch {
        char dir[64];
        char path[128]; /* of the database */
        struct buf errors;
};

static const struct evidence_kind scratch_kind = {.name = "server_like.order",
                                                  .title = "carries out an order",
                                                  .stage = STAGE_CONTROL,
                                                  .weight = 1200,
                                                  .cap = 2400,
                                                  .half_life = 7,
                                                  .conclusive = true};

static int scratch_remove(const char *path, const struct stat *st _unused_, int type _unused_, struct FTW *ftw _unused_)
{
        return remove(path);
}

static _unused_ int scratch_setup(void **state)
{
        struct scratch *x = calloc(1, sizeof(*x));

        snprintf(x->dir, sizeof(x->dir), "/tmp/sekimori-test-store-XXXXXX");
        assert_non_null(mkdtemp(x->dir));
        snprintf(x->path, sizeof(x->path), "%s/%s", x->dir, STORE_FILE);
        x->errors = BUF_HEAP(4096);
        *state = x;
        return 0;
}

static _unused_ int scratch_teardown(void **state)
{
        struct scratch *x = *state;

        nftw(x->dir, scratch_remove, 16, FTW_DEPTH | FTW_PHYS);
        buf_done(&x->errors);
        free(x);
        return 0;
}

#define SCRATCH_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

static _unused_ int scratch_try(struct scratch *x, bool read_only, struct store **ret)
{
        buf_reset(&x->errors);
        return store_open(&(struct store_params){.dir = x->dir, .read_only = read_only}, ret, &x->errors);
}

static _unused_ struct store *scratch_open(struct scratch *x, bool read_only)
{
        struct store *s = NULL;
        int r = scratch_try(x, read_only, &s);

        if (r < 0)
                print_error("store_open: %d %s\n", r, buf_str(&x->errors));
        assert_int_equal(r, 0);
        return s;
}

static _unused_ struct subject scratch_process(uint32_t pid)
{
        struct subject s = {.kind = SUBJECT_PROCESS, .pid = pid, .start = 1000ull + pid, .boot_id = {1, 2, 3, 4, 5}};

        snprintf(s.name, sizeof(s.name), "proc%u", pid);
        return s;
}

static _unused_ struct evidence scratch_evidence(uint32_t pid, nsec_t t)
{
        struct evidence e = {.subject = scratch_process(pid),
                             .kind = &scratch_kind,
                             .weight = 1200,
                             .first = t - 1,
                             .last = t,
                             .count = 3,
                             .n_refs = 2,
                             .refs = {UINT64_MAX, 5}};

        evidence_fact_number(&e, "peers", pid);
        evidence_fact_text(&e, "order", "PRIVMSG #c :go \xff\x01");
        return e;
}

static _unused_ struct verdict scratch_verdict(uint32_t pid, enum level level, nsec_t t)
{
        return (struct verdict){
                .subject = scratch_process(pid), .level = level, .score = (int32_t) level * 1000, .time = t};
}

/* How many subjects a reader sees. */
static _unused_ int scratch_count_row(void *userdata, const struct verdict *v _unused_)
{
        ++*(int *) userdata;
        return 0;
}

static _unused_ int scratch_count(struct store *s, enum level least)
{
        int n = 0;
        struct store_reader r = {.subject = scratch_count_row, .userdata = &n};

        assert_int_equal(store_read_subjects(s, &r, least), 0);
        return n;
}

static _unused_ int64_t scratch_integer(struct store *s, const char *sql)
{
        int64_t n = -1;

        assert_int_equal(store_get_integer(s->db, sql, &n), 0);
        return n;
}

/* "ok" from SQLite about the whole file. */
static _unused_ void scratch_check(struct store *s)
{
        sqlite3_stmt *st;

        assert_int_equal(sqlite3_prepare_v2(s->db, "PRAGMA integrity_check", -1, &st, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(st), SQLITE_ROW);
        assert_string_equal((const char *) sqlite3_column_text(st, 0), "ok");
        sqlite3_finalize(st);
}

#endif
