/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening and making the database. What stands at the path may be anything: it is looked at through SQLite's own file
 * layer (a plain close() would drop the locks of other connections of this process), then read and checked without a
 * checkpoint, and only what passes is ever written. Runs in the engine (writer) and the command line (readers). */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "store/store_internal.h"

#define HEADER_BYTES    100
#define CHECK_BYTES_MAX (64ll << 20) /* files up to here are checked whole at each start: about 0.2 s */
#define PAGE_BYTES_MIN  512
#define FILE_MODE       0640 /* who talked to whom is not for everybody */
#define APPEND_WAIT_MS  5000 /* the engine commits twice a second */

#define COUNT_TABLES "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ("
#define TABLES_1     "'meta', 'subject', 'evidence', 'verdict', 'action', 'gap'"

static const struct {
        const char *count;
        int64_t n;
} schema_tables[STORE_SCHEMA] = {
        {COUNT_TABLES TABLES_1 ")", 6},
        {COUNT_TABLES TABLES_1 ", 'profile')", 7},
        {COUNT_TABLES TABLES_1 ", 'profile', 'gate')", 8},
        {COUNT_TABLES TABLES_1 ", 'profile', 'gate', 'relay', 'probe', 'wish')", 11},
};

int store_path(const char *dir, const char *suffix, char ret[static PATH_MAX])
{
        int n = snprintf(ret, PATH_MAX, "%s/%s%s", dir, STORE_FILE, suffix);

        return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

_printf_(3, 4) static int fail(struct buf *errors, int r, const char *format, ...)
{
        va_list ap;

        if (errors) {
                va_start(ap, format);
                buf_vprintf(errors, format, ap);
                va_end(ap);
        }
        return r;
}

static int fail_damaged(struct buf *errors, const char *path, const char *what)
{
        return fail(
                errors, -EBADMSG,
                "%s is damaged (%s) and was left as it is: move it away, with its -wal and -shm, to start a new store",
                path, what);
}

/* The sentence for an error that says all by itself. */
static int fail_errno(struct buf *errors, int r, const char *path, const struct store_params *params)
{
        switch (r) {
        case -ENOENT:
                return fail(errors, r, "%s is not there: %s, or name another directory with --store", path,
                            params->read_only ? "nothing was stored yet; start `sekimori run`" : "make its directory");
        case -EACCES:
        case -EPERM:
        case -EROFS:
                return fail(errors, -EACCES,
                            "%s cannot be opened for %s by user %u: check the owner and mode of it and its directory",
                            path, params->read_only ? "reading" : "writing", (unsigned) geteuid());
        case -ENOSPC:
        case -EDQUOT:
                return fail(errors, -ENOSPC, "%s: no space is left on its disk: make room and start again", path);
        case -ENOMEM:
                return fail(errors, r, "%s cannot be opened: out of memory", path);
        case -EBUSY:
                return fail(errors, r, "%s is locked by another process: end it, or try again", path);
        case -EBADMSG:
                return fail_damaged(errors, path, "SQLite cannot read it");
        default:
                return fail(errors, -EIO, "%s cannot be opened: %s; check its disk", path, strerror(-r));
        }
}

static uint32_t be32(const uint8_t *p)
{
        return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

/* The first bytes of the file; short files give what they have, the rest is zero. */
static int read_header(const char *path, uint8_t header[static HEADER_BYTES])
{
        sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
        _cleanup_free_ sqlite3_file *file = vfs ? calloc(1, (size_t) vfs->szOsFile) : NULL;
        const char *name;
        int r, flags = 0;

        if (!file)
                return -ENOMEM;
        name = sqlite3_create_filename(path, "", "", 0, NULL);
        if (!name)
                return -ENOMEM;
        errno = 0;
        r = vfs->xOpen(vfs, name, file, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, &flags);
        if (r != SQLITE_OK)
                r = errno == EACCES || errno == EPERM ? -EACCES : -EIO;
        else {
                memset(header, 0, HEADER_BYTES);
                r = file->pMethods->xRead(file, header, HEADER_BYTES, 0);
                r = r == SQLITE_OK || r == SQLITE_IOERR_SHORT_READ ? 0 : -EIO;
        }
        if (file->pMethods)
                file->pMethods->xClose(file);
        sqlite3_free_filename(name);
        return r;
}

static int check_identity(const char *path, int64_t application, int64_t version, struct buf *errors)
{
        if (application != STORE_APPLICATION_ID)
                return fail(errors, -EBADMSG,
                            "%s is a database of another program (application id 0x%08x) and was left as it is: "
                            "move it away, or name another directory with --store",
                            path, (unsigned) application);
        if (version > STORE_SCHEMA)
                return fail(
                        errors, -EPROTONOSUPPORT,
                        "%s was written by a newer version (schema %lld, this one knows %d): upgrade, or move it away",
                        path, (long long) version, STORE_SCHEMA);
        if (version < 1)
                return fail_damaged(errors, path, "it has no schema version");
        return 0;
}

static bool has_content(const char *dir, const char *suffix)
{
        char path[PATH_MAX];
        struct stat st;

        return store_path(dir, suffix, path) == 0 && lstat(path, &st) == 0 && st.st_size > 0;
}

/* A database in which no table was ever made, and that nobody has put his name to. */
static bool is_blank(const uint8_t header[static HEADER_BYTES])
{
        return be32(header + 68) == 0 && be32(header + 60) == 0 && be32(header + 40) == 0;
}

/* What stands at the path, before SQLite sees it. 0; 1: nothing, or an empty file; or an error with its sentence. */
static int inspect(const struct store_params *params, const char *path, struct buf *errors)
{
        uint8_t header[HEADER_BYTES];
        struct stat st;
        int r;

        if (lstat(path, &st) < 0)
                return errno == ENOENT && !params->read_only ? 1 : fail_errno(errors, -errno, path, params);
        if (!S_ISREG(st.st_mode))
                return fail(errors, -EBADMSG, "%s is no regular file: move it away", path);
        r = read_header(path, header);
        if (r < 0)
                return fail_errno(errors, r, path, params);
        if (st.st_size > 0 && memcmp(header, "SQLite format 3", 16) != 0)
                return fail_damaged(errors, path, "it is no SQLite database");
        if ((st.st_size == 0 || st.st_size >= PAGE_BYTES_MIN) && is_blank(header) && !has_content(params->dir, "-wal"))
                return params->read_only ? fail_errno(errors, -ENOENT, path, params) : 1;
        if (st.st_size == 0)
                return fail_damaged(errors, path, "it is empty, but has a log");
        return check_identity(path, be32(header + 68), (int32_t) be32(header + 60), errors);
}

/* An attached file is only data: no code in its schema runs, nothing in it is larger than ours. */
static int connect_db(struct store *s, const char *name, int flags)
{
        static const int off[] = {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_TRIGGER,
                                  SQLITE_DBCONFIG_ENABLE_VIEW};

        if (sqlite3_open_v2(name, &s->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL) != SQLITE_OK)
                return s->db ? store_error(s->db) : -ENOMEM;
        sqlite3_busy_timeout(s->db, s->read_only ? 2000 : s->append ? APPEND_WAIT_MS : 250);
        sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, STORE_ROW_MAX);
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        for (size_t i = 0; i < ELEMENTSOF(off); i++)
                sqlite3_db_config(s->db, off[i], 0, NULL);
        return store_exec(s->db, "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0; PRAGMA cache_size=-2000; "
                                 "PRAGMA cell_size_check=ON");
}

/* In rollback mode, so that the tables are there whole, in the main file, or not at all; WAL comes after. Only the kind
 * of vacuum has to be written before: a kill in between leaves what is_blank() knows. */
static int create(struct store *s)
{
        char sql[128];
        int r;

        snprintf(sql, sizeof(sql), "BEGIN EXCLUSIVE; PRAGMA application_id=%d; PRAGMA user_version=%d;",
                 STORE_APPLICATION_ID, STORE_SCHEMA);
        r = store_exec(s->db, "PRAGMA auto_vacuum=INCREMENTAL");
        if (r == 0)
                r = store_exec(s->db, sql);
        if (r == 0)
                r = store_exec(s->db, store_schema);
        if (r == 0)
                r = store_exec(s->db, "COMMIT");
        if (r == 0)
                s->schema = STORE_SCHEMA;
        return r;
}

static int quick_check(struct store *s, const char *path, struct buf *errors)
{
        sqlite3_stmt *statement = NULL;
        int64_t pages = 0, page_size = 0;
        int r;

        r = store_get_integer(s->db, "PRAGMA page_count", &pages);
        if (r == 0)
                r = store_get_integer(s->db, "PRAGMA page_size", &page_size);
        if (r < 0 || s->read_only || s->append || pages * page_size > CHECK_BYTES_MAX)
                return r;
        if (sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &statement, NULL) != SQLITE_OK)
                return store_error(s->db);
        if (sqlite3_step(statement) != SQLITE_ROW)
                r = store_error(s->db);
        else if (strcmp((const char *) sqlite3_column_text(statement, 0), "ok") != 0)
                r = fail_damaged(errors, path, (const char *) sqlite3_column_text(statement, 0));
        sqlite3_finalize(statement);
        return r;
}

/* Reads only. An error without a sentence leaves that to the caller. */
static int verify(struct store *s, const char *path, struct buf *errors)
{
        int64_t application = 0, version = 0, tables = 0;
        int r;

        r = store_get_integer(s->db, "PRAGMA application_id", &application);
        if (r == 0)
                r = store_get_integer(s->db, "PRAGMA user_version", &version);
        if (r < 0)
                return r;
        r = check_identity(path, application, version, errors);
        if (r < 0)
                return r;
        s->schema = (int) version;
        r = store_get_integer(s->db, schema_tables[version - 1].count, &tables);
        if (r < 0)
                return r;
        if (tables != schema_tables[version - 1].n)
                return fail_damaged(errors, path, "tables are missing");
        return quick_check(s, path, errors);
}

/* A store of an older version that passed gets what is new; all of it or nothing. */
static int upgrade(struct store *s)
{
        char sql[64];
        int r;

        if (s->schema == STORE_SCHEMA)
                return 0;
        snprintf(sql, sizeof(sql), "PRAGMA user_version=%d; COMMIT", STORE_SCHEMA);
        r = store_exec(s->db, "BEGIN IMMEDIATE");
        if (r == 0)
                r = store_exec(s->db, store_schema);
        if (r == 0)
                r = store_exec(s->db, sql);
        if (r < 0 && !sqlite3_get_autocommit(s->db))
                (void) store_exec(s->db, "ROLLBACK");
        if (r == 0)
                s->schema = STORE_SCHEMA;
        return r;
}

static int prepare(struct store *s)
{
        for (int i = 0; i < STORE_STATEMENTS; i++)
                if (sqlite3_prepare_v3(s->db, store_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL) !=
                    SQLITE_OK)
                        return store_error(s->db);
        return 0;
}

/* What passed becomes a store that is written. */
static int make_writable(struct store *s)
{
        int r;

        if (sqlite3_db_readonly(s->db, "main") == 1)
                return -EACCES;
        /* The empty transaction opens the -wal and -shm now: later the process may have no right to make files. */
        r = store_exec(s->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=512; "
                              "PRAGMA journal_size_limit=4194304; BEGIN IMMEDIATE; COMMIT");
        /* Who commits each row by itself waits for the disk at checkpoints, and for nothing else. */
        if (r == 0 && s->append)
                r = store_exec(s->db, "PRAGMA wal_autocheckpoint=4096");
        if (r < 0)
                return r;
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
        return 0;
}

static int open_memory(struct store *s)
{
        int r = connect_db(s, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);

        if (r == 0)
                r = create(s);
        return r == 0 ? prepare(s) : r;
}

/* It belongs to whom its folder belongs to: what root's command made first, the engine must be able to write. */
static int make_file(const char *path, const char *dir)
{
        _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
        struct stat st;

        if (fd < 0)
                return -errno;
        if (geteuid() == 0 && (stat(dir, &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0))
                return -errno;
        return 0;
}

static int open_writer(struct store *s, const struct store_params *params, const char *path, struct buf *errors)
{
        int64_t tables = 0;
        int r = inspect(params, path, errors);

        if (r < 0)
                return r;
        if (faccessat(AT_FDCWD, params->dir, W_OK | X_OK, AT_EACCESS) < 0)
                return fail_errno(errors, -errno, path, params);
        if (r == 1) {
                r = make_file(path, params->dir);
                if (r < 0)
                        return fail_errno(errors, r, path, params);
        }
        r = connect_db(s, path, SQLITE_OPEN_READWRITE);
        /* Asked here and not of the header: a kill while it was made leaves a journal, and undoing that a blank file.
         */
        if (r == 0)
                r = store_get_integer(s->db, "SELECT count(*) FROM sqlite_schema", &tables);
        if (r == 0 && tables == 0)
                r = create(s);
        if (r == 0)
                r = verify(s, path, errors);
        if (r == 0)
                r = upgrade(s);
        return r == 0 ? prepare(s) : r;
}

/* Without the -shm, which a reader may have no right to make, a store at rest is read as it lies on the disk. */
static int open_at_rest(struct store *s, const char *path)
{
        struct buf uri = BUF_HEAP(4 * PATH_MAX);
        int r;

        sqlite3_close(s->db);
        s->db = NULL;
        buf_puts(&uri, "file:");
        for (const char *p = path; *p; p++)
                buf_printf(&uri, strchr("?#%", *p) ? "%%%02x" : "%c", (unsigned char) *p);
        r = buf_puts(&uri, "?immutable=1");
        if (r == 0)
                r = connect_db(s, buf_str(&uri), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
        buf_done(&uri);
        return r;
}

static int open_reader(struct store *s, const struct store_params *params, const char *path, struct buf *errors)
{
        int64_t tables;
        int r = inspect(params, path, errors);

        if (r < 0)
                return r;
        r = connect_db(s, path, SQLITE_OPEN_READONLY);
        if (r == 0)
                r = store_get_integer(s->db, "SELECT count(*) FROM sqlite_schema", &tables);
        if (r == -EACCES || r == -EIO) {
                if (has_content(params->dir, "-wal"))
                        return fail(errors, -EACCES,
                                    "%s was not closed in order, and user %u may not join its log: read it as root, or "
                                    "start "
                                    "`sekimori run`",
                                    path, (unsigned) geteuid());
                r = open_at_rest(s, path);
        }
        return r < 0 ? r : verify(s, path, errors);
}

/* Looking at a file that was refused leaves nothing beside it. */
static void remove_traces(const char *dir)
{
        char path[PATH_MAX];

        if (has_content(dir, "-wal"))
                return;
        for (int i = 0; i < 2; i++)
                if (store_path(dir, i == 0 ? "-wal" : "-shm", path) == 0)
                        (void) unlink(path);
}

static int open_file(struct store *s, const struct store_params *params, struct buf *errors)
{
        size_t said = errors ? errors->len : 0;
        char path[PATH_MAX], wal[PATH_MAX];
        bool had_wal;
        int r = store_path(params->dir, "", path);

        if (r < 0 || store_path(params->dir, "-wal", wal) < 0)
                return fail(errors, -ENAMETOOLONG,
                            "the path of the store is too long: name a shorter one with --store");
        had_wal = access(wal, F_OK) == 0;
        r = params->read_only ? open_reader(s, params, path, errors) : open_writer(s, params, path, errors);
        if (r == 0 && !params->read_only)
                r = make_writable(s);
        if (r >= 0)
                return r;
        if (errors && errors->len == said)
                r = fail_errno(errors, r, path, params);
        if (!had_wal && r == -EBADMSG && s->db) {
                sqlite3_close_v2(s->db); /* statements may still be there */
                s->db = NULL;
                remove_traces(params->dir);
        }
        return r;
}

int store_open(const struct store_params *params, struct store **ret, struct buf *errors)
{
        _cleanup_(store_closep)
        struct store *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->read_only = params->read_only;
        s->append = params->append;
        s->keep = params->keep;
        s->max_bytes = params->max_bytes;
        s->scratch = BUF_HEAP(STORE_ROW_MAX / 2);
        s->profile_bytes = -1;
        r = params->dir ? open_file(s, params, errors) : open_memory(s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}
