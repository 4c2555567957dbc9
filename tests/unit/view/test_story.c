/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The story of `why` from a store of canned evidence, against the text expected. The detectors are canned too, so that
 * their wording may change. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "detect/detector.h"
#include "view/story.h"

#define T0   (1795224902 * NSEC_PER_SEC) /* 2026-11-21 01:35:02 UTC */
#define HOUR (3600 * NSEC_PER_SEC)

static const struct evidence_kind kinds[] = {
        {.name = "canned.order",
         .title = "It takes orders",
         .stage = STAGE_CONTROL,
         .weight = 1200,
         .cap = 1800,
         .half_life = 6 * HOUR},
        {.name = "canned.flood",
         .title = "It floods",
         .stage = STAGE_ATTACK,
         .weight = 1500,
         .cap = 1500,
         .conclusive = true},
};

static void explain(const struct evidence *e, struct buf *out)
{
        const struct fact *peer = evidence_find_fact(e, "peer");
        char a[ADDR_TEXT_MAX];

        if (peer)
                buf_printf(out, "It talks to %s\x1b[2J.\nThen its child acts.\n", addr_format(&peer->endpoint.addr, a));
}

static const struct detector canned = {.name = "canned", .kinds = kinds, .n_kinds = 2, .explain = explain};
const struct detector *const detectors[] = {&canned, NULL};

const struct detector *detector_find(const char *name)
{
        return strcmp(name, canned.name) == 0 ? &canned : NULL;
}

const struct evidence_kind *evidence_kind_find(const char *name, const struct detector **ret_detector)
{
        for (size_t i = 0; i < canned.n_kinds; i++)
                if (strcmp(kinds[i].name, name) == 0) {
                        *ret_detector = &canned;
                        return &kinds[i];
                }
        return NULL;
}

static const struct evidence_kind *find_kind(const char *name)
{
        const struct detector *d;

        return evidence_kind_find(name, &d);
}

static struct subject a_process(void)
{
        struct subject s = {
                .kind = SUBJECT_PROCESS, .pid = 812, .start = 99, .boot_id = {0xab}, .exe_dev = 5, .exe_ino = 6};

        strcpy(s.name, "upd\x1b[31mate");
        return s;
}

static struct store *new_store(void)
{
        struct store_params params = {0};
        struct store *s = NULL;
        struct buf errors = BUF_HEAP(4096);

        if (store_open(&params, &s, &errors) < 0)
                fail_msg("%s", buf_str(&errors));
        buf_done(&errors);
        return s;
}

static void put_evidence(struct store *s, const struct evidence_kind *kind, nsec_t first, uint32_t count, bool excepted)
{
        struct evidence e = {
                .subject = a_process(), .kind = kind, .weight = kind->weight, .first = first, .count = count};
        struct addr peer;

        e.last = first + (count - 1) * 60 * NSEC_PER_SEC;
        assert_int_equal(addr_parse("192.0.2.1", &peer), 0);
        assert_int_equal(evidence_fact_endpoint(&e, "peer", &peer, 6667, 6), 0);
        assert_int_equal(store_put_evidence(s, &e, excepted), 0);
}

static void put_verdict(struct store *s, enum level level, int32_t score, uint32_t stages, nsec_t time)
{
        struct verdict v = {.subject = a_process(), .level = level, .score = score, .stages = stages, .time = time};

        assert_int_equal(store_put_verdict(s, &v), 0);
}

static char *story_of(struct store *s, struct story_params *p)
{
        _cleanup_(dossier_freep)
        struct dossier *d = NULL;
        _cleanup_(config_freep)
        struct config *config = NULL;
        struct buf out = BUF_HEAP(1u << 16);
        struct subject who = a_process();
        char key[SUBJECT_TEXT_MAX];

        if (!p->config) {
                assert_int_equal(config_new_default(&config), 0);
                p->config = config;
        }
        p->look.width = 90;
        assert_int_equal(dossier_read(s, subject_key(&who, key), find_kind, &d), 0);
        story_put(&out, d, p);
        assert_int_equal(out.error, 0);
        if (config)
                p->config = NULL;
        return out.data;
}

static void assert_story(char *story, const char *expected)
{
        assert_string_equal(story, expected);
        free(story);
}

static void test_bot(void **unused)
{
        struct store *s = new_store();
        struct story_params p = {.now = T0 + 3 * 60 * NSEC_PER_SEC, .life = STORY_RUNNING, .program = "/tmp/a\"b"};
        struct action a = {.subject = a_process(),
                           .kind = ACTION_ALARM,
                           .time = T0 + NSEC_PER_SEC,
                           .by = "engine",
                           .what = "an entry in the journal"};
        struct gap_event early = {.reason = GAP_RING_FULL, .lost = 312, .text = "host"};
        struct gap_event late = {.reason = GAP_CLOCK, .lost = 5};

        (void) unused;
        put_evidence(s, &kinds[1], T0 + NSEC_PER_SEC, 1, false);
        put_evidence(s, &kinds[0], T0, 3, false);
        put_verdict(s, LEVEL_SUSPECT, 1200, 1u << STAGE_CONTROL, T0);
        put_verdict(s, LEVEL_BOT, 2700, 1u << STAGE_CONTROL | 1u << STAGE_ATTACK, T0 + NSEC_PER_SEC);
        assert_int_equal(store_put_action(s, &a), 0);
        assert_int_equal(store_put_gap(s, T0 - 2 * HOUR, &early), 0); /* too long before */
        assert_int_equal(store_put_gap(s, T0 - HOUR / 2, &early), 0);
        assert_int_equal(store_put_gap(s, T0 + HOUR, &late), 0); /* after */
        assert_story(story_of(s, &p),
                     "process 812 (upd\\x1b[31mate) is a bot\n"
                     "  score 27.0 (suspect from 10.0, bot from 20.0); stages seen: control and attack\n"
                     "  at this level since 2026-11-21 01:35:03\n"
                     "\nWhat was seen\n"
                     "  It takes orders\n"
                     "    3 times, 2026-11-21 01:35:02 to 01:37:02 (2 min)\n"
                     "    It talks to 192.0.2.1\\x1b[2J.\n    Then its child acts.\n"
                     "    [canned.order, stage control; counts 12.0 of at most 18.0, half after 6 h]\n"
                     "  It floods\n"
                     "    once, 2026-11-21 01:35:03\n"
                     "    It talks to 192.0.2.1\\x1b[2J.\n"
                     "    Then its child acts.\n"
                     "    [canned.flood, stage attack; counts 15.0 of at most 15.0, proof by itself]\n"
                     "\nHow the level changed\n"
                     "  2026-11-21 01:35:02  suspect, score 12.0\n"
                     "  2026-11-21 01:35:03  bot, score 27.0\n"
                     "\nWhat was done\n"
                     "  2026-11-21 01:35:03 alarm by engine: an entry in the journal\n"
                     "\nWhat was not seen around that time\n"
                     "  2026-11-21 01:05:02 the kernel's event ring was full: 312 (host)\n"
                     "\nWhat to do next\n"
                     "  1. Block it: it and all its descendants may not use the network for an hour.\n"
                     "       sekimori block process:812:99:ab000000\n"
                     "  2. Freeze it: it can do nothing more, and everything about it stays to be looked at.\n"
                     "       kill -STOP 812\n"
                     "  3. Keep the evidence: a copy of its program, even if the file was deleted, and what it\n"
                     "     has open.\n       cp /proc/812/exe ./suspect-812.exe && ls -l /proc/812/fd\n"
                     "  4. Look at its children: they carry out the work and outlive their parent.\n"
                     "       ps -o pid,lstart,user,args --ppid 812\n"
                     "  5. End it, then its children, and find what started it before it is started again.\n"
                     "       kill -KILL 812\n"
                     "  6. If you know that it is harmless, say so in the configuration, with the reason:\n"
                     "       exceptions:\n"
                     "         - detector: canned\n"
                     "           program: \"/tmp/a\\\"b\"\n"
                     "           reason: \"why this is harmless\"\n");
        store_close(s);
}

static void test_suspect_that_has_faded_and_ended(void **unused)
{
        struct store *s = new_store();
        struct story_params p = {.now = T0 + 7 * 24 * HOUR, .life = STORY_ENDED};

        (void) unused;
        put_evidence(s, &kinds[0], T0, 1, false);
        put_verdict(s, LEVEL_SUSPECT, 2100, 1u << STAGE_CONTROL, T0);
        assert_story(story_of(s, &p),
                     "process 812 (upd\\x1b[31mate) is suspect\n"
                     "  score 21.0 (suspect from 10.0, bot from 20.0); stages seen: control\n"
                     "  at this level since 2026-11-21 01:35:02\n"
                     "  The score would do for a bot, but a bot wants two different stages or a piece that is\n"
                     "  proof by itself.\n"
                     "  By now the evidence has faded to 0.0: clear.\n"
                     "\nWhat was seen\n"
                     "  It takes orders\n"
                     "    once, 2026-11-21 01:35:02\n"
                     "    It talks to 192.0.2.1\\x1b[2J.\n"
                     "    Then its child acts.\n"
                     "    [canned.order, stage control; counts 0.0 of at most 18.0, half after 6 h]\n"
                     "\nHow the level changed\n"
                     "  2026-11-21 01:35:02  suspect, score 21.0\n"
                     "\nWhat to do next\n"
                     "  1. It has ended. The number 812 may belong to another process by now: do not kill by it.\n"
                     "  2. Look for what it left running, and for what started it.\n"
                     "       ps -eo pid,ppid,lstart,user,args --forest\n"
                     "  3. If you know that it is harmless, say so in the configuration, with the reason:\n"
                     "       exceptions:\n"
                     "         - detector: canned\n"
                     "           subject: \"upd\\u001b[31mate\"\n"
                     "           reason: \"why this is harmless\"\n");
        store_close(s);
}

static void test_silenced(void **unused)
{
        static const char yaml[] =
                "exceptions:\n  - detector: canned\n    peer: 192.0.2.0/24\n    reason: our monitoring\n";
        _cleanup_(config_freep)
        struct config *config = NULL;
        struct store *s = new_store();
        struct story_params p = {.now = T0, .life = STORY_LIFE_UNKNOWN};
        struct buf errors = BUF_HEAP(4096);

        (void) unused;
        assert_int_equal(config_new_default(&config), 0);
        if (config_parse(config, "test.yaml", yaml, sizeof(yaml) - 1, &errors) < 0)
                fail_msg("%s", buf_str(&errors));
        buf_done(&errors);
        put_evidence(s, &kinds[0], T0, 4, true);
        put_verdict(s, LEVEL_CLEAR, 0, 0, T0);
        p.config = config;
        assert_story(story_of(s, &p),
                     "nothing speaks against process 812 (upd\\x1b[31mate)\n"
                     "  score 0.0 (suspect from 10.0, bot from 20.0); stages seen: none\n"
                     "  at this level since 2026-11-21 01:35:02\n"
                     "\nWhat was seen\n"
                     "  Nothing that counts.\n"
                     "\nSilenced by exceptions, not counted\n"
                     "  canned.order, 4 claims, last 2026-11-21 01:38:02: \"our monitoring\" (test.yaml:2)\n"
                     "\nHow the level changed\n"
                     "  2026-11-21 01:35:02  clear, score 0.0\n"
                     "\nWhat to do next\n"
                     "  Nothing.\n");
        p.config = NULL; /* built-in defaults: the exception was taken away */
        {
                char *story = story_of(s, &p);

                assert_non_null(strstr(story, "the exception is no longer in"));
                free(story);
        }
        store_close(s);
}

/* A store written by a newer version: the facts are told all the same. */
static void test_unknown_kind(void **unused)
{
        static const struct evidence_kind future = {
                .name = "future.claim", .title = "?", .stage = STAGE_SPREAD, .weight = 1100, .cap = 1100};
        struct store *s = new_store();
        struct story_params p = {.now = T0};
        char *story;

        (void) unused;
        put_evidence(s, &future, T0, 1, false);
        put_verdict(s, LEVEL_SUSPECT, 1100, 1u << STAGE_SPREAD, T0);
        story = story_of(s, &p);
        assert_non_null(strstr(story, "  Future.claim\n"
                                      "    once, 2026-11-21 01:35:02\n"
                                      "    This version has no such detector; these are its bare facts.\n"
                                      "    peer 192.0.2.1 port 6667/TCP\n"
                                      "    [future.claim, stage spread; counts 11.0 of at most 11.0]\n"));
        assert_non_null(strstr(story, "  1. Make sure that number 812 is still the same process"));
        free(story);
        store_close(s);
}

static void test_json(void **unused)
{
        _cleanup_(dossier_freep)
        struct dossier *d = NULL;
        _cleanup_(config_freep)
        struct config *config = NULL;
        struct store *s = new_store();
        struct story_params p = {.now = T0, .life = STORY_RUNNING};
        struct buf out = BUF_HEAP(1u << 16);
        struct subject who = a_process();
        char key[SUBJECT_TEXT_MAX];
        json_t *root, *piece;

        (void) unused;
        assert_int_equal(config_new_default(&config), 0);
        p.config = config;
        put_evidence(s, &kinds[0], T0, 2, false);
        put_evidence(s, &kinds[0], T0, 5, true);
        put_verdict(s, LEVEL_SUSPECT, 1200, 1u << STAGE_CONTROL, T0);
        assert_int_equal(dossier_read(s, subject_key(&who, key), find_kind, &d), 0);
        story_put_json(&out, d, &p);
        root = json_loads(buf_str(&out), JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(root);
        assert_int_equal(json_array_size(json_object_get(root, "evidence")), 2);
        piece = json_array_get(json_object_get(root, "evidence"), 0);
        assert_string_equal(json_string_value(json_object_get(piece, "story")),
                            "It talks to 192.0.2.1\x1b[2J.\nThen its child acts.\n");
        assert_string_equal(json_string_value(json_object_get(root, "life")), "running");
        json_decref(root);
        buf_done(&out);
        store_close(s);
}

/* A piece on the process `pid`, or on the one all is about (0), that names another. */
static void put_named(struct store *s, const struct evidence_kind *kind, uint32_t pid, uint32_t names, bool excepted)
{
        struct evidence e = {
                .subject = a_process(), .kind = kind, .weight = kind->weight, .first = T0, .last = T0, .count = 1};
        struct task t = {.pid = names, .tid = names + 1, .leader_start = names == 812 ? 99 : names};
        struct verdict v = {.level = LEVEL_CLEAR, .score = 100, .time = T0};

        if (pid) {
                e.subject.pid = (uint32_t) (e.subject.start = pid);
                strcpy(e.subject.name, "child");
        }
        v.subject = e.subject;
        assert_int_equal(evidence_fact_process(&e, "executor", &t, "child"), 0);
        assert_int_equal(store_put_evidence(s, &e, excepted), 0);
        assert_int_equal(store_put_verdict(s, &v), 0);
}

static size_t times(const char *text, const char *words)
{
        size_t n = 0;

        for (const char *p = text; (p = strstr(p, words)) != NULL; p++)
                n++;
        return n;
}

/* Who is named, and has evidence of its own, is told too: once, and not whom that one names. */
static void test_others(void **unused)
{
        _cleanup_(dossier_freep)
        struct dossier *d = NULL;
        _cleanup_(config_freep)
        struct config *config = NULL;
        struct store *s = new_store();
        struct story_params p = {.now = T0};
        struct buf out = BUF_HEAP(1u << 16);
        char *story, key[SUBJECT_TEXT_MAX];
        struct subject who = a_process();
        json_t *root;

        (void) unused;
        put_named(s, &kinds[0], 0, 900, false);
        put_named(s, &kinds[1], 0, 812, false);   /* a thread of its own */
        put_named(s, &kinds[1], 900, 901, false); /* named, and names another */
        put_named(s, &kinds[1], 901, 900, false);
        story = story_of(s, &p);
        assert_int_equal(times(story, "What was seen of"), 1);
        assert_non_null(strstr(story, "\nWhat was seen of process 900 (child): clear, score 1.0\n  It floods\n"));
        assert_true(strstr(story, "What was seen of") < strstr(story, "What to do next"));
        free(story);

        assert_int_equal(config_new_default(&config), 0);
        p.config = config;
        assert_int_equal(dossier_read(s, subject_key(&who, key), find_kind, &d), 0);
        story_put_json(&out, d, &p);
        root = json_loads(buf_str(&out), JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(root);
        assert_int_equal(json_array_size(json_object_get(root, "others")), 1);
        assert_int_equal(
                json_array_size(json_object_get(json_array_get(json_object_get(root, "others"), 0), "evidence")), 1);
        json_decref(root);
        buf_done(&out);
        store_close(s);
}

/* Who is named and not stored, or silenced, is not told; and of very many only some, which is said. */
static void test_others_left_out(void **unused)
{
        struct store *s = new_store();
        struct story_params p = {.now = T0};
        struct evidence e = {
                .subject = a_process(), .kind = &kinds[0], .weight = 1, .first = T0, .last = T0, .count = 1};
        static char keys[DOSSIER_OTHERS_MAX + 4][16];
        char *story;

        (void) unused;
        put_named(s, &kinds[0], 0, 900, false);
        put_named(s, &kinds[1], 0, 901, false);
        put_named(s, &kinds[1], 901, 1, true);
        story = story_of(s, &p);
        assert_int_equal(times(story, "What was seen of"), 0);
        free(story);
        for (uint32_t i = 0; i < DOSSIER_OTHERS_MAX + 4; i++) {
                struct task t = {.pid = 1000 + i, .leader_start = 1000 + i};

                put_named(s, &kinds[1], 1000 + i, 1, false);
                snprintf(keys[i], sizeof(keys[i]), "executor%u", i);
                assert_int_equal(evidence_fact_process(&e, keys[i], &t, "child"), 0);
        }
        assert_int_equal(store_put_evidence(s, &e, false), 0);
        story = story_of(s, &p);
        assert_int_equal(times(story, "What was seen of"), DOSSIER_OTHERS_MAX);
        assert_non_null(strstr(story, "  Left out here: 5 further records.\n")); /* 901 among them */
        free(story);
        store_close(s);
}

static void test_not_there(void **unused)
{
        struct store *s = new_store();
        struct dossier *d = NULL;

        (void) unused;
        assert_int_equal(dossier_read(s, "process:1:2:aabbccdd", find_kind, &d), -ENOENT);
        assert_null(d);
        store_close(s);
}

/* The machine's verdict is its processes': an exception on it would silence nothing. */
static void test_next_for_this_machine_and_others(void **unused)
{
        _cleanup_(config_freep)
        struct config *config = NULL;
        struct dossier_evidence piece = {.evidence = {.kind = &kinds[0], .weight = 1200}};
        struct dossier d = {.evidence = &piece, .n_evidence = 1};
        struct story_params p = {.look.width = 90};
        struct buf out = BUF_HEAP(4096);

        (void) unused;
        assert_int_equal(config_new_default(&config), 0);
        p.config = config;
        d.verdict.subject.kind = SUBJECT_HOST;
        d.verdict.level = LEVEL_BOT;
        story_put_next(&out, &d, &p);
        assert_non_null(strstr(buf_str(&out), "sekimori report"));
        assert_null(strstr(buf_str(&out), "exceptions:"));

        buf_reset(&out);
        assert_int_equal(addr_parse("10.1.6.206", &d.verdict.subject.addr), 0);
        story_put_next(&out, &d, &p);
        assert_non_null(strstr(buf_str(&out), "off the network"));
        assert_non_null(strstr(buf_str(&out), "subject: \"host:10.1.6.206\""));
        buf_done(&out);
}

/* More of everything than is told: bounded, and what is left out is said. */
static void test_bounds(void **unused)
{
        struct store *s = new_store();
        struct story_params p = {.now = T0};
        char *story;

        (void) unused;
        put_evidence(s, &kinds[0], T0, 1, false);
        for (int i = 0; i < 2 * DOSSIER_CHANGES_MAX; i++)
                put_verdict(s, i % 2 ? LEVEL_CLEAR : LEVEL_SUSPECT, 1200, 1, T0 + i);
        story = story_of(s, &p);
        assert_non_null(strstr(story, "  Left out here: 256 further records.\n"));
        free(story);
        store_close(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bot),
                cmocka_unit_test(test_suspect_that_has_faded_and_ended),
                cmocka_unit_test(test_silenced),
                cmocka_unit_test(test_unknown_kind),
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_others),
                cmocka_unit_test(test_others_left_out),
                cmocka_unit_test(test_not_there),
                cmocka_unit_test(test_next_for_this_machine_and_others),
                cmocka_unit_test(test_bounds),
        };

        setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
