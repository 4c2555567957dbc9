/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is written is read back: every noun, in order, after closing too. Runs in the unit tests. */
#include "scratch.h"

struct rows {
        struct verdict subjects[32];
        struct evidence evidence[32];
        bool excepted[32];
        char kind_name[32][64];
        struct verdict changes[32];
        struct action actions[8];
        struct gap_event gaps[8];
        uint64_t gap_counts[8];
        char gap_text[8][256];
        int n_subjects, n_evidence, n_changes, n_actions, n_gaps;
        int stop_after;
        struct store *again; /* read from within a callback */
};

static int on_subject(void *userdata, const struct verdict *v)
{
        struct rows *rows = userdata;

        rows->subjects[rows->n_subjects++] = *v;
        if (rows->again) {
                char key[SUBJECT_TEXT_MAX];
                struct store_reader inner = {.userdata = rows};

                assert_int_equal(store_read_subject(rows->again, &inner, subject_key(&v->subject, key)), 0);
        }
        return rows->n_subjects == rows->stop_after ? 77 : 0;
}

static int on_evidence(void *userdata, const struct evidence *e, bool excepted)
{
        struct rows *rows = userdata;

        snprintf(rows->kind_name[rows->n_evidence], 64, "%s", e->kind->name);
        rows->excepted[rows->n_evidence] = excepted;
        rows->evidence[rows->n_evidence++] = *e;
        return 0;
}

static int on_change(void *userdata, const struct verdict *v)
{
        struct rows *rows = userdata;

        rows->changes[rows->n_changes++] = *v;
        return 0;
}

static int on_action(void *userdata, const struct action *a)
{
        struct rows *rows = userdata;

        rows->actions[rows->n_actions++] = *a;
        return 0;
}

static int on_gap(void *userdata, nsec_t time _unused_, const struct gap_event *g, uint64_t count)
{
        struct rows *rows = userdata;

        snprintf(rows->gap_text[rows->n_gaps], 256, "%s", g->text ? g->text : "(none)");
        rows->gap_counts[rows->n_gaps] = count;
        rows->gaps[rows->n_gaps++] = *g;
        return 0;
}

static const struct evidence_kind *find_kind(const char *name)
{
        return strcmp(name, scratch_kind.name) == 0 ? &scratch_kind : NULL;
}

static struct store_reader reader_of(struct rows *rows)
{
        return (struct store_reader){.find_kind = find_kind,
                                     .subject = on_subject,
                                     .evidence = on_evidence,
                                     .change = on_change,
                                     .action = on_action,
                                     .gap = on_gap,
                                     .userdata = rows};
}

static void read_one(struct store *s, uint32_t pid, struct rows *rows)
{
        struct store_reader r = reader_of(rows);
        struct subject subject = scratch_process(pid);
        char key[SUBJECT_TEXT_MAX];

        *rows = (struct rows){0};
        assert_int_equal(store_read_subject(s, &r, subject_key(&subject, key)), 0);
}

static void test_evidence_round_trip(void **state)
{
        static const struct evidence_kind gone = {.name = "old.claim", .stage = STAGE_HIDE, .cap = 5, .half_life = 6};
        struct evidence e = scratch_evidence(1, 1000), other = scratch_evidence(1, 2000);
        struct store *s = scratch_open(*state, false);
        struct rows rows;

        e.subject.exe_dev = 8;
        e.subject.exe_ino = UINT64_MAX;
        assert_int_equal(store_put_evidence(s, &e, false), 0);
        other.kind = &gone;
        other.subject.name[0] = '\0'; /* not known this time */
        assert_int_equal(store_put_evidence(s, &other, true), 0);
        store_close(s);

        s = scratch_open(*state, true);
        read_one(s, 1, &rows);
        assert_int_equal(rows.n_evidence, 2);
        assert_true(subject_equal(&rows.evidence[0].subject, &e.subject));
        assert_string_equal(rows.evidence[0].subject.name, "proc1");
        assert_true(rows.evidence[0].subject.exe_ino == UINT64_MAX && rows.evidence[0].subject.exe_dev == 8);
        assert_ptr_equal(rows.evidence[0].kind, &scratch_kind);
        assert_int_equal(rows.evidence[0].weight, 1200);
        assert_int_equal(rows.evidence[0].first, 999);
        assert_int_equal(rows.evidence[0].last, 1000);
        assert_int_equal(rows.evidence[0].count, 3);
        assert_int_equal(rows.evidence[0].n_refs, 2);
        assert_true(rows.evidence[0].refs[0] == UINT64_MAX && rows.evidence[0].refs[1] == 5);
        assert_int_equal(evidence_find_fact(&rows.evidence[0], "peers")->number, 1);
        assert_string_equal(evidence_find_fact(&rows.evidence[0], "order")->text, "PRIVMSG #c :go \xef\xbf\xbd\x01");
        assert_false(rows.excepted[0]);
        assert_true(rows.excepted[1]);
        assert_string_equal(rows.kind_name[1], "old.claim"); /* a placeholder */
        store_close(s);
}

static void test_evidence_is_replaced(void **state)
{
        struct evidence e = scratch_evidence(1, 1000);
        struct store *s = scratch_open(*state, false);
        struct rows rows;

        assert_int_equal(store_put_evidence(s, &e, false), 0);
        e.count = 9;
        assert_int_equal(store_put_evidence(s, &e, false), 0);
        e.count = 2;
        assert_int_equal(store_put_evidence(s, &e, true), 0); /* silenced claims stand beside those that count */
        read_one(s, 1, &rows);
        assert_int_equal(rows.n_evidence, 2);
        assert_int_equal(rows.evidence[0].count, 9);
        assert_int_equal(rows.evidence[1].count, 2);
        store_close(s);
}

static void test_verdicts_and_history(void **state)
{
        static const enum level levels[] = {LEVEL_CLEAR, LEVEL_CLEAR, LEVEL_BOT, LEVEL_BOT, LEVEL_SUSPECT};
        struct store *s = scratch_open(*state, false);
        struct rows rows;

        for (unsigned i = 0; i < ELEMENTSOF(levels); i++) {
                struct verdict v = scratch_verdict(1, levels[i], 100 + i);

                v.stages = 1u << STAGE_HIDE;
                v.conclusive = true;
                v.excepted = i;
                v.score = INT32_MIN;
                assert_int_equal(store_put_verdict(s, &v), 0);
        }
        read_one(s, 1, &rows);
        assert_int_equal(rows.n_subjects, 1);
        assert_int_equal(rows.subjects[0].level, LEVEL_SUSPECT);
        assert_int_equal(rows.subjects[0].score, INT32_MIN);
        assert_int_equal(rows.subjects[0].stages, 1u << STAGE_HIDE);
        assert_true(rows.subjects[0].conclusive);
        assert_int_equal(rows.subjects[0].excepted, 4);
        assert_int_equal(rows.subjects[0].time, 104);
        assert_int_equal(rows.n_changes, 3);
        assert_int_equal(rows.changes[0].level, LEVEL_CLEAR);
        assert_int_equal(rows.changes[1].level, LEVEL_BOT);
        assert_int_equal(rows.changes[1].time, 102);
        assert_int_equal(rows.changes[2].level, LEVEL_SUSPECT);
        store_close(s);
}

static void test_subjects_in_order(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct rows rows = {.stop_after = -1, .again = s};
        struct store_reader r = reader_of(&rows);

        for (uint32_t i = 0; i < 12; i++) {
                struct verdict v = scratch_verdict(i, i % LEVELS, 100 + i);

                assert_int_equal(store_put_verdict(s, &v), 0);
        }
        assert_int_equal(store_read_subjects(s, &r, LEVEL_SUSPECT), 0);
        assert_int_equal(rows.n_subjects, 6);
        assert_int_equal(rows.subjects[0].subject.pid, 11); /* same score: the newer first */
        assert_int_equal(rows.subjects[5].subject.pid, 2);
        rows = (struct rows){.stop_after = 2};
        assert_int_equal(store_read_subjects(s, &r, LEVEL_UNKNOWN), 77);
        assert_int_equal(rows.n_subjects, 2);
        assert_int_equal(store_read_subject(s, &r, "process:99:1:00000000"), -ENOENT);
        store_close(s);
}

static void test_actions(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct action a = {.subject = scratch_process(1), .kind = ACTION_BLOCK, .time = 5};
        struct rows rows;

        memset(a.what, 'w', sizeof(a.what)); /* no NUL */
        snprintf(a.by, sizeof(a.by), "root");
        assert_int_equal(store_put_action(s, &a), 0);
        a.kind = ACTION_UNBLOCK;
        assert_int_equal(store_put_action(s, &a), 0);
        read_one(s, 1, &rows);
        assert_int_equal(rows.n_actions, 2);
        assert_int_equal(rows.actions[0].kind, ACTION_BLOCK);
        assert_int_equal(strlen(rows.actions[0].what), sizeof(a.what) - 1);
        assert_string_equal(rows.actions[1].by, "root");
        assert_int_equal(rows.actions[1].kind, ACTION_UNBLOCK);
        store_close(s);
}

static void test_gaps_add_up(void **state)
{
        const nsec_t t = 1000 * NSEC_PER_SEC;
        struct gap_event g = {
                .reason = GAP_RING_FULL, .lost = 10, .text = "cpu 0", .task = {.pid = 4, .start = UINT64_MAX}};
        struct store *s = scratch_open(*state, false);
        struct rows rows = {0};
        struct store_reader r = reader_of(&rows);

        assert_int_equal(store_put_gap(s, t, &g), 0);
        g.lost = UINT64_MAX;
        assert_int_equal(store_put_gap(s, t + 59 * NSEC_PER_SEC, &g), 0);
        g.lost = 1;
        assert_int_equal(store_put_gap(s, t + 61 * NSEC_PER_SEC, &g), 0); /* a minute from the first has passed */
        g.text = "cpu 1";
        assert_int_equal(store_put_gap(s, t + 61 * NSEC_PER_SEC, &g), 0);
        g.text = NULL;
        assert_int_equal(store_put_gap(s, t + 61 * NSEC_PER_SEC, &g), 0);
        assert_int_equal(store_put_gap(s, INT64_MIN, &g), 0); /* the clock went back */
        assert_int_equal(store_read_gaps(s, &r, 0), 0);
        assert_int_equal(rows.n_gaps, 4);
        assert_true(rows.gaps[0].lost == INT64_MAX);
        assert_int_equal(rows.gap_counts[0], 2);
        assert_string_equal(rows.gap_text[0], "cpu 0");
        assert_int_equal(rows.gaps[0].task.pid, 4);
        assert_true(rows.gaps[0].task.start == UINT64_MAX);
        assert_int_equal(rows.gaps[1].lost, 1);
        assert_string_equal(rows.gap_text[3], "(none)");
        rows = (struct rows){0};
        assert_int_equal(store_read_gaps(s, &r, t + NSEC_PER_SEC), 0);
        assert_int_equal(rows.n_gaps, 3);
        store_close(s);
}

static void test_meta(void **state)
{
        _cleanup_(buf_done)
        struct buf value = BUF_HEAP(100);
        struct store *s = scratch_open(*state, false);
        char *huge = calloc(1, STORE_ROW_MAX + 100);

        assert_int_equal(store_get_meta(s, "status", &value), -ENOENT);
        assert_int_equal(store_put_meta(s, "status", "a"), 0);
        assert_int_equal(store_put_meta(s, "status", "'b'; DROP TABLE meta"), 0);
        assert_int_equal(store_get_meta(s, "status", &value), 0);
        assert_string_equal(buf_str(&value), "'b'; DROP TABLE meta");
        memset(huge, 'x', STORE_ROW_MAX + 10);
        assert_int_equal(store_put_meta(s, "huge", huge), -E2BIG);
        assert_int_equal(store_get_lost(s), 1);
        assert_int_equal(store_commit(s), 0);
        assert_int_equal(store_get_meta(s, "huge", &value), -ENOENT);
        free(huge);
        store_close(s);
}

static int find(struct store *s, const char *words, char *ret)
{
        char keys[4][SUBJECT_TEXT_MAX] = {""};
        int n = store_find(s, words, keys, 4);

        snprintf(ret, SUBJECT_TEXT_MAX, "%s", keys[0]);
        return n;
}

static void test_find(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct verdict v = scratch_verdict(42, LEVEL_CLEAR, 10), again = v;
        struct verdict machine = {.subject = {.kind = SUBJECT_HOST}, .time = 5}, other = machine;
        char key[SUBJECT_TEXT_MAX], keys[1][SUBJECT_TEXT_MAX];

        assert_int_equal(find(s, "self", key), 0);
        assert_int_equal(store_put_verdict(s, &v), 0);
        again.subject.start++; /* the number was used again, later */
        again.time = 20;
        assert_int_equal(store_put_verdict(s, &again), 0);
        assert_int_equal(store_put_verdict(s, &machine), 0);
        assert_int_equal(addr_parse("10.1.2.3", &other.subject.addr), 0);
        assert_int_equal(store_put_verdict(s, &other), 0);

        assert_int_equal(find(s, "42", key), 2);
        assert_string_equal(key, "process:42:1043:01020304");
        assert_int_equal(find(s, "proc42", key), 2);
        assert_int_equal(find(s, "process:42:1042:01020304", key), 1);
        assert_int_equal(find(s, "self", key), 1);
        assert_string_equal(key, "host:self");
        assert_int_equal(find(s, "10.1.2.3", key), 1);
        assert_string_equal(key, "host:10.1.2.3");
        assert_int_equal(find(s, "::ffff:10.1.2.3", key), 1);
        assert_int_equal(store_find(s, "42", keys, 1), 1);
        assert_int_equal(store_find(s, "42", NULL, 0), 0);
        assert_int_equal(find(s, "42x", key) + find(s, "", key) + find(s, "proc", key) +
                                 find(s, "99999999999999999999", key),
                         0);
        assert_int_equal(find(s, "' OR 1=1 --", key) + find(s, "%", key) + find(s, "-1", key), 0);
        store_close(s);
}

static void test_hostile_rows(void **state)
{
        struct evidence e = scratch_evidence(1, 1000);
        struct store *s = scratch_open(*state, false);
        struct rows rows;

        assert_int_equal(store_put_evidence(s, &e, false), 0);
        assert_int_equal(store_exec(s->db,
                                    "UPDATE subject SET level = 99, stages = -1, kind = 1, pid = -5, name = x'00ff',"
                                    " boot_id = x'01', excepted = 1e300"),
                         0);
        assert_int_equal(store_exec(s->db, "UPDATE evidence SET facts = '[[[[', refs = zeroblob(1000), count = -1,"
                                           " kind = 'gone', stage = 1000, half_life = -1"),
                         0);
        assert_int_equal(
                store_exec(s->db, "INSERT INTO gap(time, reason, text, lost, count) VALUES(1, 500, x'80', -1, -1)"), 0);
        read_one(s, 1, &rows);
        assert_int_equal(rows.n_subjects, 1);
        assert_in_range(rows.subjects[0].level, 0, LEVELS - 1);
        assert_int_equal(rows.subjects[0].subject.pid, 0);
        assert_int_equal(rows.n_evidence, 1);
        assert_non_null(evidence_find_fact(&rows.evidence[0], "unreadable"));
        assert_int_equal(rows.evidence[0].n_refs, EVIDENCE_REFS_MAX);
        assert_int_equal(store_read_gaps(s, &(struct store_reader){.gap = on_gap, .userdata = &rows}, 0), 0);
        assert_int_equal(rows.gaps[0].lost, 0);
        store_close(s);
}

static void test_in_memory_and_read_only(void **state)
{
        struct verdict v = scratch_verdict(1, LEVEL_BOT, 1);
        struct store *s = NULL;

        assert_int_equal(store_open(&(struct store_params){0}, &s, NULL), 0);
        assert_int_equal(store_put_verdict(s, &v), 0);
        assert_int_equal(scratch_count(s, LEVEL_BOT), 1);
        assert_int_equal(store_retain(s, 100), 0);
        store_close(s);
        store_close(NULL);

        s = scratch_open(*state, false);
        assert_int_equal(store_put_verdict(s, &v), 0);
        store_close(s);
        s = scratch_open(*state, true);
        assert_int_equal(store_put_verdict(s, &v), -EACCES);
        assert_int_equal(store_put_meta(s, "a", "b"), -EACCES);
        assert_int_equal(store_retain(s, 100), -EACCES);
        assert_int_equal(store_commit(s), 0);
        store_close(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                SCRATCH_TEST(test_evidence_round_trip),
                SCRATCH_TEST(test_evidence_is_replaced),
                SCRATCH_TEST(test_verdicts_and_history),
                SCRATCH_TEST(test_subjects_in_order),
                SCRATCH_TEST(test_actions),
                SCRATCH_TEST(test_gaps_add_up),
                SCRATCH_TEST(test_meta),
                SCRATCH_TEST(test_find),
                SCRATCH_TEST(test_hostile_rows),
                SCRATCH_TEST(test_in_memory_and_read_only),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
