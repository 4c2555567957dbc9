/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The mail gate's log in the store, and a second writer beside the engine: root's commands note what they did in a
 * database that belongs to another user. */
#include "scratch.h"

#include <sys/wait.h>

#define NOBODY 65534

static struct gate_entry entry(uint32_t pid, nsec_t t)
{
        struct gate_entry e = {
                .first = t,
                .last = t + 5,
                .task = {.start = 77, .leader_start = 77, .pid = pid, .tid = pid},
                .asker = {.start = 66, .leader_start = 66, .pid = 6, .tid = 6},
                .exe_ino = UINT64_MAX,
                .exe_dev = 8 << 20 | 1,
                .uid = UINT32_MAX,
                .kinds = GATE_IS_MAILER,
                .count = 3,
                .peers = 2,
                .processes = 1,
                .port = 65535,
                .op = GATE_TRY_CONNECT,
                .reason = GATE_WHY_GESTURE,
                .denied = 1,
                .proto = 6,
                .program = "/usr/bin/m\xff\x01",
                .chain = "systemd > bash > m",
                .text = "with",
        };

        assert_int_equal(addr_parse("2001:db8::25", &e.remote), 0);
        return e;
}

struct seen {
        struct gate_entry entries[16];
        int n, stop_at;
};

static int see(void *userdata, const struct gate_entry *e)
{
        struct seen *s = userdata;

        assert_true(s->n < 16);
        s->entries[s->n++] = *e;
        return s->n == s->stop_at ? 7 : 0;
}

static struct seen read_all(struct store *s, nsec_t since)
{
        struct seen seen = {0};

        assert_int_equal(store_gate_each(s, since, see, &seen), 0);
        return seen;
}

static void test_rows(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct gate_entry a = entry(1, 100), b = entry(2, 200);
        struct seen seen = {.stop_at = 1};
        int64_t first = 0, second = 0;

        b.remote = (struct addr){0};
        assert_int_equal(store_put_gate(s, &first, &a), 0);
        assert_int_equal(store_put_gate(s, &second, &b), 0);
        assert_int_not_equal(first, second);
        a.last = 300; /* it goes on */
        a.count = 1000;
        a.task.pid = a.task.tid = 9;
        assert_int_equal(store_put_gate(s, &first, &a), 0);
        store_close(s);

        s = scratch_open(*state, true);
        seen = read_all(s, 0);
        assert_int_equal(seen.n, 2);
        assert_memory_equal(&seen.entries[0], &a, sizeof(a));
        assert_memory_equal(&seen.entries[1], &b, sizeof(b));
        seen = read_all(s, 205);
        assert_int_equal(seen.n, 2); /* both lasted until then */
        seen = read_all(s, 206);
        assert_int_equal(seen.n, 1);
        assert_int_equal(seen.entries[0].task.pid, 9);
        seen = (struct seen){.stop_at = 1};
        assert_int_equal(store_gate_each(s, 0, see, &seen), 7);
        assert_int_equal(seen.n, 1);
        store_close(s);
}

/* A row that is gone is made again, under a number of its own. */
static void test_gone(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct gate_entry a = entry(1, 100);
        int64_t id = 0;

        assert_int_equal(store_put_gate(s, &id, &a), 0);
        assert_int_equal(store_commit(s), 0);
        assert_int_equal(store_exec(s->db, "DELETE FROM gate"), 0);
        assert_int_equal(store_put_gate(s, &id, &a), 0);
        assert_int_equal(store_commit(s), 0);
        assert_int_equal(read_all(s, 0).n, 1);
        id = INT64_MAX;
        assert_int_equal(store_put_gate(s, &id, &a), 0);
        assert_int_equal(read_all(s, 0).n, 2);
        assert_int_not_equal(id, INT64_MAX);
        store_close(s);
}

static void test_hostile_rows(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct seen seen;

        assert_int_equal(
                store_exec(s->db,
                           "INSERT INTO gate VALUES(1, -9e18, 'x', 99, -1, 7, 'no', -5, 'x', 1e30, 2, 3, 4, 5, 6,"
                           " x'00', 70000, 300, -1, 99999999999, 0, zeroblob(1000), x'ff00ff', 5)"),
                0);
        seen = read_all(s, INT64_MIN);
        assert_int_equal(seen.n, 1);
        assert_int_equal(seen.entries[0].op, GATE_TRY_NONE);
        assert_int_equal(seen.entries[0].reason, GATE_WHY_NONE);
        assert_int_equal(seen.entries[0].denied, 1);
        assert_int_equal(seen.entries[0].count, 0);
        assert_int_equal(seen.entries[0].peers, UINT32_MAX);
        assert_int_equal(seen.entries[0].port, 0);
        assert_true(addr_is_unspecified(&seen.entries[0].remote));
        store_close(s);
}

static void test_older_schema(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct gate_entry a = entry(1, 100);
        int64_t id = 0;

        assert_int_equal(store_exec(s->db, "DROP TABLE gate; PRAGMA user_version=2"), 0);
        store_close(s);
        s = scratch_open(*state, true);
        assert_int_equal(read_all(s, 0).n, 0);
        store_close(s);
        s = scratch_open(*state, false);
        assert_int_equal(scratch_integer(s, "PRAGMA user_version"), STORE_SCHEMA);
        assert_int_equal(store_put_gate(s, &id, &a), 0);
        assert_int_equal(read_all(s, 0).n, 1);
        scratch_check(s);
        store_close(s);
}

static void test_retention(void **state)
{
        struct scratch *x = *state;
        struct store *s = NULL;
        struct verdict v = scratch_verdict(1, LEVEL_BOT, 1);

        assert_int_equal(store_open(&(struct store_params){.dir = x->dir, .keep = 1000}, &s, &x->errors), 0);
        for (nsec_t t = 1; t <= 100; t++) {
                struct gate_entry e = entry((uint32_t) t, t * 100);
                int64_t id = 0;

                assert_int_equal(store_put_gate(s, &id, &e), 0);
        }
        assert_true(store_retain(s, 10000) > 0);
        assert_int_equal(scratch_integer(s, "SELECT min(last) FROM gate"), 9005);
        store_close(s);
        s = NULL;
        assert_int_equal(store_open(&(struct store_params){.dir = x->dir}, &s, &x->errors), 0);
        assert_int_equal(store_put_verdict(s, &v), 0);
        for (uint32_t i = 0; i < 20000; i++) {
                struct gate_entry e = entry(i, i);
                int64_t id = 0;

                assert_int_equal(store_put_gate(s, &id, &e), 0);
        }
        store_close(s);
        s = NULL;
        assert_int_equal(store_open(&(struct store_params){.dir = x->dir, .max_bytes = 1 << 20}, &s, &x->errors), 0);
        while (store_retain(s, 0) > 0)
                ;
        assert_true(scratch_integer(s, "SELECT count(*) FROM gate") < 8000);
        assert_true(scratch_integer(s, "SELECT count(*) FROM gate") > 1000);
        assert_int_equal(scratch_count(s, LEVEL_BOT), 1); /* the log goes before a bot does */
        store_close(s);
}

static struct action shut_by(const char *by, nsec_t t)
{
        struct action a = {
                .subject = {.kind = SUBJECT_HOST}, .kind = ACTION_GATE, .time = t, .what = "shut", .undo = "open"};

        snprintf(a.by, sizeof(a.by), "%s", by);
        return a;
}

struct actions {
        struct action items[8];
        int n;
};

static int see_action(void *userdata, const struct action *a)
{
        struct actions *all = userdata;

        assert_true(all->n < 8);
        all->items[all->n++] = *a;
        return 0;
}

static void test_actions(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct action later = shut_by("root", 20), sooner = shut_by("alice", 10), before = shut_by("bob", 9);
        struct actions all = {0};

        assert_int_equal(store_put_action(s, &later), 0);
        assert_int_equal(store_put_action(s, &sooner), 0);
        assert_int_equal(store_put_action(s, &before), 0);
        assert_int_equal(store_actions_each(s, 10, see_action, &all), 0);
        assert_int_equal(all.n, 2);
        assert_string_equal(all.items[0].by, "alice");
        assert_string_equal(all.items[1].by, "root");
        assert_int_equal(all.items[0].kind, ACTION_GATE);
        store_close(s);
}

static int append(struct scratch *x, const char *by, nsec_t t)
{
        const struct store_params p = {.dir = x->dir, .append = true};
        struct action a = shut_by(by, t);
        struct store *s = NULL;
        int r = store_open(&p, &s, &x->errors);

        if (r == 0)
                r = store_put_action(s, &a);
        if (r == 0)
                r = store_commit(s);
        store_close(s);
        return r;
}

static void wait_for(int fd)
{
        char c;

        assert_int_equal(read(fd, &c, 1), 1);
}

static void signal_to(int fd)
{
        assert_int_equal(write(fd, "x", 1), 1);
}

/* The engine: another user, a transaction open half of the time. Ends when told, 0 when all went well. */
static int be_engine(struct scratch *x, int from, int to)
{
        struct store *s = NULL;
        struct gate_entry e = entry(1, 100);
        int64_t id = 0;

        if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0 ||
            store_open(&(struct store_params){.dir = x->dir}, &s, &x->errors) < 0 || store_put_gate(s, &id, &e) < 0)
                return 1;
        signal_to(to); /* its batch is open */
        wait_for(from);
        e.count++;
        if (store_commit(s) < 0 || store_put_gate(s, &id, &e) < 0 || store_commit(s) < 0)
                return 2;
        signal_to(to);
        wait_for(from); /* root's command was there and is gone */
        e.count++;
        if (store_put_gate(s, &id, &e) < 0 || store_commit(s) < 0 || store_get_lost(s))
                return 3;
        store_close(s);
        return 0;
}

static void assert_owner(const char *path)
{
        struct stat st;

        if (stat(path, &st) == 0)
                assert_int_equal(st.st_uid, NOBODY);
}

static void assert_all_owned(struct scratch *x)
{
        char side[160];

        assert_owner(x->path);
        snprintf(side, sizeof(side), "%s-wal", x->path);
        assert_owner(side);
        snprintf(side, sizeof(side), "%s-shm", x->path);
        assert_owner(side);
}

static void test_second_writer(void **state)
{
        struct scratch *x = *state;
        struct actions all = {0};
        int down[2], up[2], status;
        struct store *s;
        pid_t engine;

        if (geteuid() != 0)
                skip(); /* only root can be both */
        assert_int_equal(chown(x->dir, NOBODY, NOBODY), 0);
        /* Root first: what it makes belongs to whom the folder belongs to. */
        assert_int_equal(append(x, "first", 1), 0);
        assert_all_owned(x);
        assert_int_equal(pipe(down), 0);
        assert_int_equal(pipe(up), 0);
        engine = fork();
        if (engine == 0)
                _exit(be_engine(x, down[0], up[1]));
        wait_for(up[0]);
        signal_to(down[1]); /* the engine commits while root waits for its turn */
        assert_int_equal(append(x, "second", 2), 0);
        assert_all_owned(x);
        wait_for(up[0]);
        assert_int_equal(append(x, "third", 3), 0);
        signal_to(down[1]);
        assert_int_equal(waitpid(engine, &status, 0), engine);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_int_equal(append(x, "last", 4), 0);
        assert_all_owned(x);

        s = scratch_open(x, false);
        assert_int_equal(store_actions_each(s, 0, see_action, &all), 0);
        assert_int_equal(all.n, 4);
        assert_int_equal(read_all(s, 0).entries[0].count, 5);
        scratch_check(s);
        store_close(s);
        for (int i = 0; i < 2; i++) {
                close(down[i]);
                close(up[i]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                SCRATCH_TEST(test_rows),          SCRATCH_TEST(test_gone),      SCRATCH_TEST(test_hostile_rows),
                SCRATCH_TEST(test_older_schema),  SCRATCH_TEST(test_retention), SCRATCH_TEST(test_actions),
                SCRATCH_TEST(test_second_writer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
