/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What may stand at the store's path: nothing, noise, pieces, other people's databases, and who may open it. A file
 * that is refused stays byte for byte. Runs in the unit tests; parts need root to become another user. */
#include "scratch.h"

#include <grp.h>
#include <sys/wait.h>

struct blob {
        char *data;
        size_t len;
};

static struct blob slurp(const char *path)
{
        struct blob b = {0};
        FILE *f = fopen(path, "re");
        struct stat st;

        assert_non_null(f);
        assert_int_equal(fstat(fileno(f), &st), 0);
        b.len = (size_t) st.st_size;
        b.data = malloc(b.len + 1);
        assert_int_equal(fread(b.data, 1, b.len, f), b.len);
        fclose(f);
        return b;
}

static void spill(const char *path, const void *data, size_t len)
{
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_int_equal(fwrite(data, 1, len, f), len);
        assert_int_equal(fclose(f), 0);
}

static int files_in(const char *dir)
{
        char command[128];
        int n = -1;
        FILE *f;

        snprintf(command, sizeof(command), "ls -A %s | wc -l", dir);
        f = popen(command, "re");
        assert_non_null(f);
        assert_int_equal(fscanf(f, "%d", &n), 1);
        pclose(f);
        return n;
}

/* A closed store with `n` subjects. */
static void make(struct scratch *x, uint32_t n)
{
        struct store *s = scratch_open(x, false);

        for (uint32_t i = 1; i <= n; i++) {
                struct evidence e = scratch_evidence(i, i);

                assert_int_equal(store_put_evidence(s, &e, false), 0);
        }
        store_close(s);
}

/* Both ways of opening say `r`, name the path, and leave the file and the directory as they were. */
static void refused(struct scratch *x, int r, const char *word)
{
        struct blob before = slurp(x->path), after;
        int files = files_in(x->dir);
        struct store *s = NULL;

        for (int read_only = 0; read_only < 2; read_only++) {
                assert_int_equal(scratch_try(x, read_only, &s), r);
                assert_null(s);
                assert_non_null(strstr(buf_str(&x->errors), x->path));
                if (!strstr(buf_str(&x->errors), word))
                        fail_msg("no '%s' in: %s", word, buf_str(&x->errors));
                assert_null(strchr(buf_str(&x->errors), '\n'));
        }
        after = slurp(x->path);
        assert_int_equal(before.len, after.len);
        assert_memory_equal(before.data, after.data, before.len);
        assert_int_equal(files_in(x->dir), files);
        free(before.data);
        free(after.data);
}

static void test_made_and_reopened(void **state)
{
        struct scratch *x = *state;
        struct store *s;
        struct stat st;

        make(x, 5);
        assert_int_equal(stat(x->path, &st), 0);
        assert_int_equal(st.st_mode & 007, 0); /* not for everybody */
        s = scratch_open(x, false);
        assert_int_equal(scratch_count(s, LEVEL_UNKNOWN), 5);
        assert_int_equal(scratch_integer(s, "PRAGMA auto_vacuum"), 2);
        assert_int_equal(scratch_integer(s, "PRAGMA synchronous"), 1);
        assert_int_equal(scratch_integer(s, "PRAGMA user_version"), STORE_SCHEMA);
        assert_int_equal(scratch_integer(s, "PRAGMA application_id"), STORE_APPLICATION_ID);
        store_close(s);
        assert_int_equal(files_in(x->dir), 1);
}

static void test_not_there(void **state)
{
        struct scratch *x = *state;
        struct store *s = NULL;

        assert_int_equal(scratch_try(x, true, &s), -ENOENT);
        assert_non_null(strstr(buf_str(&x->errors), "sekimori run"));
        assert_int_equal(files_in(x->dir), 0);
        spill(x->path, "", 0);
        assert_int_equal(scratch_try(x, true, &s), -ENOENT);
        assert_int_equal(scratch_try(x, false, &s), 0); /* an empty file is as good as none */
        store_close(s);
        strcat(x->dir, "/missing");
        assert_int_equal(scratch_try(x, false, &s), -ENOENT);
        assert_int_equal(store_open(&(struct store_params){.dir = x->dir}, &s, NULL), -ENOENT);
        x->dir[strlen(x->dir) - 8] = '\0';
}

static void test_noise(void **state)
{
        struct scratch *x = *state;
        char noise[20000];

        srand(1);
        for (size_t i = 0; i < sizeof(noise); i++)
                noise[i] = (char) rand();
        spill(x->path, noise, sizeof(noise));
        refused(x, -EBADMSG, "damaged");
        spill(x->path, "x", 1);
        refused(x, -EBADMSG, "damaged");
        memcpy(noise, "SQLite format 3", 16);
        spill(x->path, noise, sizeof(noise));
        refused(x, -EBADMSG, "");
        spill(x->path, "SQLite format 3", 16);
        refused(x, -EBADMSG, "");
        assert_int_equal(unlink(x->path), 0);
        assert_int_equal(mkdir(x->path, 0700), 0);
        struct store *s = NULL;
        assert_int_equal(scratch_try(x, false, &s), -EBADMSG);
        assert_int_equal(rmdir(x->path), 0);
        assert_int_equal(symlink("/etc/passwd", x->path), 0);
        assert_int_equal(scratch_try(x, false, &s), -EBADMSG);
        assert_int_equal(scratch_try(x, true, &s), -EBADMSG);
}

static void test_truncated(void **state)
{
        struct scratch *x = *state;
        struct store *s = NULL;
        struct blob whole;

        make(x, 400);
        whole = slurp(x->path);
        for (size_t len = 1; len < whole.len; len += len < 200 ? 33 : 7919) {
                struct blob after;

                spill(x->path, whole.data, len);
                assert_int_equal(scratch_try(x, false, &s), -EBADMSG);
                after = slurp(x->path);
                assert_int_equal(after.len, len);
                assert_memory_equal(after.data, whole.data, len);
                free(after.data);
                assert_int_equal(files_in(x->dir), 1);
        }
        free(whole.data);
}

/* Each byte of the header: either it does not matter, or it is refused and the file stays. */
static void test_flipped_header(void **state)
{
        struct scratch *x = *state;
        struct blob whole;
        int refusals = 0;

        make(x, 100);
        whole = slurp(x->path);
        for (size_t i = 0; i < 100; i++) {
                struct store *s = NULL;
                struct blob after;
                int r;

                whole.data[i] ^= 0x41;
                spill(x->path, whole.data, whole.len);
                r = scratch_try(x, false, &s);
                if (r == 0) {
                        assert_int_equal(scratch_count(s, LEVEL_UNKNOWN), 100);
                        scratch_check(s);
                        store_close(s);
                } else {
                        assert_true(r == -EBADMSG || r == -EPROTONOSUPPORT || r == -EACCES);
                        after = slurp(x->path);
                        assert_int_equal(after.len, whole.len);
                        assert_memory_equal(after.data, whole.data, whole.len);
                        free(after.data);
                        refusals++;
                }
                whole.data[i] ^= 0x41;
                unlink(x->path);
        }
        assert_in_range(refusals, 30, 80);
        free(whole.data);
}

static void test_flipped_pages(void **state)
{
        struct scratch *x = *state;
        struct store *s = NULL;
        struct blob whole;

        make(x, 400);
        whole = slurp(x->path);
        for (size_t page = 1; page < whole.len / 4096; page += 3) {
                char keep[64];

                memcpy(keep, whole.data + page * 4096, sizeof(keep));
                memset(whole.data + page * 4096, 0xa5, sizeof(keep));
                spill(x->path, whole.data, whole.len);
                assert_int_equal(scratch_try(x, false, &s), -EBADMSG);
                memcpy(whole.data + page * 4096, keep, sizeof(keep));
        }
        free(whole.data);
}

/* What a killed writer left in its log is not poured into a main file that is broken. */
static void test_damaged_with_a_log(void **state)
{
        struct scratch *x = *state;
        struct blob before, after;
        struct store *s = NULL;
        int status;
        pid_t pid;

        make(x, 400);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                struct evidence e = scratch_evidence(1000, 1000);

                s = scratch_open(x, false);
                _exit(store_put_evidence(s, &e, false) < 0 || store_commit(s) < 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(files_in(x->dir), 3);
        before = slurp(x->path);
        memset(before.data + 20 * 4096, 0xa5, 20 * 4096);
        spill(x->path, before.data, before.len);
        assert_int_equal(scratch_try(x, false, &s), -EBADMSG);
        after = slurp(x->path);
        assert_int_equal(before.len, after.len);
        assert_memory_equal(before.data, after.data, before.len);
        assert_int_equal(files_in(x->dir), 3);
        free(before.data);
        free(after.data);
}

static void test_foreign(void **state)
{
        struct scratch *x = *state;
        sqlite3 *db;

        assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
        assert_int_equal(
                sqlite3_exec(db, "CREATE TABLE bookmarks(a); INSERT INTO bookmarks VALUES(1)", NULL, NULL, NULL), 0);
        refused(x, -EBADMSG, "another program");
        assert_int_equal(sqlite3_exec(db, "PRAGMA application_id=77; PRAGMA journal_mode=WAL", NULL, NULL, NULL), 0);
        sqlite3_close(db);
        refused(x, -EBADMSG, "another program");
}

static void set_in(struct scratch *x, const char *sql)
{
        sqlite3 *db;

        assert_int_equal(sqlite3_open(x->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
}

static void test_other_schemas(void **state)
{
        struct scratch *x = *state;

        make(x, 3);
        set_in(x, "PRAGMA user_version=5");
        refused(x, -EPROTONOSUPPORT, "newer version");
        set_in(x, "PRAGMA user_version=0");
        refused(x, -EBADMSG, "no schema version");
        set_in(x, "PRAGMA user_version=1; DROP TABLE gap");
        refused(x, -EBADMSG, "tables are missing");
        set_in(x, "CREATE TABLE gap(x)"); /* the name, but not the columns */
        assert_int_equal(scratch_try(x, false, &(struct store *){0}), -EBADMSG);
}

/* A schema that would run code of its own when written to. */
static void test_trigger_does_not_run(void **state)
{
        struct scratch *x = *state;
        struct evidence e = scratch_evidence(9, 9);
        struct store *s;

        make(x, 3);
        set_in(x, "CREATE TRIGGER t AFTER INSERT ON evidence BEGIN DELETE FROM subject; END");
        s = scratch_open(x, false);
        assert_int_equal(store_put_evidence(s, &e, false), 0);
        assert_int_equal(scratch_count(s, LEVEL_UNKNOWN), 4);
        store_close(s);
}

/* Runs `func` as nobody; the exit status is its result. */
static int as_nobody(struct scratch *x, int (*func)(struct scratch *x))
{
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
                                       setresuid(65534, 65534, 65534) < 0))
                        _exit(99);
                _exit(func(x));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static int open_for_writing(struct scratch *x)
{
        struct store *s = NULL;

        return -scratch_try(x, false, &s);
}

/* The number of subjects, or 100 + the error. */
static int open_and_count(struct scratch *x)
{
        struct store *s = NULL;
        int n = 0, r = scratch_try(x, true, &s);
        struct store_reader reader = {.subject = scratch_count_row, .userdata = &n};

        if (r == 0)
                r = store_read_subjects(s, &reader, LEVEL_UNKNOWN);
        store_close(s);
        return r < 0 ? 100 - r : n;
}

static void test_rights(void **state)
{
        struct scratch *x = *state;

        if (geteuid() != 0)
                skip(); /* only root can become another user */
        assert_int_equal(chmod(x->dir, 0755), 0);
        assert_int_equal(as_nobody(x, open_for_writing), EACCES); /* nothing there, and no right to make it */
        make(x, 5);
        assert_int_equal(as_nobody(x, open_and_count), 100 + EACCES); /* 0640 */
        assert_int_equal(chmod(x->path, 0644), 0);
        assert_int_equal(as_nobody(x, open_for_writing), EACCES);
        assert_int_equal(as_nobody(x, open_and_count), 5); /* no writer, and no -shm to join */
        assert_int_equal(chmod(x->path, 0666), 0);
        assert_int_equal(as_nobody(x, open_for_writing), EACCES); /* writable, but its -wal could not be made */
        assert_int_equal(files_in(x->dir), 1);
}

static void test_other_user_reads_a_live_store(void **state)
{
        struct scratch *x = *state;
        struct evidence e = scratch_evidence(1000, 1000);
        char side[160];
        struct store *s;

        if (geteuid() != 0)
                skip(); /* only root can become another user */
        assert_int_equal(chmod(x->dir, 0755), 0);
        make(x, 5);
        assert_int_equal(chmod(x->path, 0644), 0);
        s = scratch_open(x, false);
        assert_int_equal(store_put_evidence(s, &e, false), 0);
        assert_int_equal(as_nobody(x, open_and_count), 5); /* not committed yet */
        assert_int_equal(store_commit(s), 0);
        assert_int_equal(as_nobody(x, open_and_count), 6);
        store_close(s);
        /* A log that was left behind, without the index that others would need: said, not guessed at. */
        snprintf(side, sizeof(side), "%s-wal", x->path);
        spill(side, "not empty", 9);
        assert_int_equal(as_nobody(x, open_and_count), 100 + EACCES);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                SCRATCH_TEST(test_made_and_reopened),
                SCRATCH_TEST(test_not_there),
                SCRATCH_TEST(test_noise),
                SCRATCH_TEST(test_truncated),
                SCRATCH_TEST(test_flipped_header),
                SCRATCH_TEST(test_flipped_pages),
                SCRATCH_TEST(test_damaged_with_a_log),
                SCRATCH_TEST(test_foreign),
                SCRATCH_TEST(test_other_schemas),
                SCRATCH_TEST(test_trigger_does_not_run),
                SCRATCH_TEST(test_rights),
                SCRATCH_TEST(test_other_user_reads_a_live_store),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
