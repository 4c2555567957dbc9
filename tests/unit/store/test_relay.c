/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of relays in the store: kept once for each mail, by names; numbered inquiries; those who are accused; a store
 * of an older version, rows that somebody else wrote, a full disk. */
#include "scratch.h"

#include "mail/claims.h"
#include "mail/smtp_probe.h"

#define HOUR    (3600 * NSEC_PER_SEC)
#define BIT(id) (1u << JUDGE_SIGN_##id)

static const struct fold_params fold = {.suspect = VERDICT_SUSPECT_DEFAULT, .bot = VERDICT_BOT_DEFAULT};
static const char *const lists[] = {"zen.example.org", "other.example.net"};

/* Of mail number `n`; 0: asked again. */
static struct record record(const char *address, uint32_t n, nsec_t asked)
{
        struct record r = {
                .asked = asked,
                .came = asked - 60 * NSEC_PER_SEC,
                .class = JUDGE_DIRECT_BOT,
                .nearest = JUDGE_DIRECT_BOT,
                .why = JUDGE_SURE,
                .score = 1300,
                .signs = {[JUDGE_SIGN_DIRECT] = ANSWER_YES,
                          [JUDGE_SIGN_LIST_EXPLOITED] = ANSWER_YES,
                          [JUDGE_SIGN_OS_CLIENT] = ANSWER_YES,
                          [JUDGE_SIGN_MAILER_FITS] = ANSWER_NO,
                          [JUDGE_SIGN_SMTP_SERVER] = ANSWER_NO},
                .speak_for = BIT(DIRECT) | BIT(LIST_EXPLOITED) | BIT(OS_CLIENT) | BIT(MAILER_FITS),
                .against = 0,
                .listed = 1,
                .not_listed = 2,
                .os_family = OS_FAMILY_WINDOWS,
                .os_role = OS_ROLE_CLIENT,
                .os_confidence = 95,
                .distance = 12,
                .smtp = SMTP_PROBE_REFUSED + 1,
                .ping = ANSWER_YES,
                .os = "Windows XP",
                .rdns = "dsl-1-2.pool.example.net",
                .helo = "my\xff\x01pc",
                .banner = "",
        };

        assert_int_equal(addr_parse(address, &r.addr), 0);
        memcpy(r.mail, &n, sizeof(n));
        return r;
}

struct seen {
        struct record items[16];
        int n, stop_at;
};

static int see(void *userdata, const struct record *r)
{
        struct seen *s = userdata;

        assert_true(s->n < 16);
        s->items[s->n++] = *r;
        return s->n == s->stop_at ? 7 : 0;
}

static struct seen read_all(struct store *s, enum store_relay_order order, nsec_t since)
{
        struct seen seen = {0};

        assert_int_equal(store_relays_each(s, order, since, see, &seen), 0);
        return seen;
}

static void test_rows(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct record a = record("61.48.71.52", 1, 100 * HOUR), b = record("2001:db8::25", 2, 50 * HOUR);
        struct seen seen;

        store_set_relay_lists(s, lists, 2);
        b.listed = 1u << 31;
        b.not_listed = 0;
        assert_int_equal(store_put_relay(s, &a), 0);
        assert_int_equal(store_put_relay(s, &b), 0);
        store_close(s);

        s = scratch_open(*state, true);
        store_set_relay_lists(s, lists, 2);
        a.inquiry = b.inquiry = 1;
        seen = read_all(s, STORE_RELAYS_BY_TIME, INT64_MIN);
        assert_int_equal(seen.n, 2);
        assert_memory_equal(&seen.items[0], &b, sizeof(b));
        assert_memory_equal(&seen.items[1], &a, sizeof(a));
        assert_int_equal(read_all(s, STORE_RELAYS_BY_TIME, 50 * HOUR + 1).n, 1);
        assert_int_equal(read_all(s, STORE_RELAYS_BY_ADDRESS, INT64_MIN).n, 2);
        seen = (struct seen){.stop_at = 1};
        assert_int_equal(store_relays_each(s, STORE_RELAYS_BY_TIME, 0, see, &seen), 7);
        store_close(s);
}

/* The lists of a configuration change their places, and come and go. */
static void test_lists_by_name(void **state)
{
        static const char *const others[] = {"new.example.com", "zen.example.org"};
        struct store *s = scratch_open(*state, false);
        struct record a = record("61.48.71.52", 1, 100);
        struct seen seen;

        store_set_relay_lists(s, lists, 2);
        assert_int_equal(store_put_relay(s, &a), 0);
        store_set_relay_lists(s, others, 2);
        seen = read_all(s, STORE_RELAYS_BY_TIME, 0);
        assert_int_equal(seen.items[0].listed, 2);
        assert_int_equal(seen.items[0].not_listed, 0); /* of a list that is no more */
        store_close(s);
}

static void test_once(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct record a = record("61.48.71.52", 1, 100), b = record("61.48.71.99", 1, 200), again = a;

        assert_int_equal(store_has_mail(s, a.mail), 0);
        assert_int_equal(store_put_relay(s, &a), 0);
        assert_int_equal(store_has_mail(s, a.mail), 1);
        assert_int_equal(store_put_relay(s, &a), -EEXIST);
        assert_int_equal(store_put_relay(s, &b), -EEXIST); /* the mail counts, not who brought it */
        memset(again.mail, 0, sizeof(again.mail));
        assert_int_equal(store_put_relay(s, &again), 0);
        assert_int_equal(store_put_relay(s, &again), 0); /* no mail: as often as it is asked */
        assert_int_equal(read_all(s, STORE_RELAYS_BY_TIME, 0).n, 3);
        assert_int_equal(store_get_lost(s), 0);
        store_close(s);
}

static uint32_t put(struct store *s, struct record r)
{
        assert_int_equal(store_place_relay(s, &r), 0);
        assert_int_equal(store_put_relay(s, &r), 0);
        return r.inquiry;
}

static void test_inquiries(void **state)
{
        const char *a = "61.48.71.52", *other = "61.48.71.53";
        struct store *s = scratch_open(*state, false);
        struct store_relay known;
        struct record moved = record(a, 9, 300 * HOUR);

        assert_int_equal(store_find_relay(s, &moved.addr, &known), -ENOENT);
        assert_int_equal(put(s, record(a, 1, 100 * HOUR)), 1);
        assert_int_equal(put(s, record(a, 2, 101 * HOUR)), 1);
        assert_int_equal(put(s, record(a, 3, 106 * HOUR - 1)), 1);
        assert_int_equal(put(s, record(a, 4, 106 * HOUR)), 2);
        assert_int_equal(put(s, record(a, 5, 111 * HOUR)), 2);
        assert_int_equal(put(s, record(a, 0, 111 * HOUR + 1)), 3); /* asked again */
        assert_int_equal(put(s, record(a, 6, 90 * HOUR)), 3);      /* the clock was set back */
        assert_int_equal(put(s, record(other, 7, 100 * HOUR)), 1);
        snprintf(moved.rdns, sizeof(moved.rdns), "mail.example.com");
        moved.smtp = 0;
        assert_int_equal(put(s, moved), 4);
        assert_int_equal(store_find_relay(s, &moved.addr, &known), 0);
        assert_false(known.first.moved);
        assert_int_equal(known.first.asked, 100 * HOUR);
        assert_true(known.last.moved);
        assert_int_equal(known.last.asked, 300 * HOUR);
        assert_int_equal(known.last_probe, 111 * HOUR + 1); /* the newest one did not probe */
        store_close(s);
}

struct times {
        int n;
        nsec_t first[4], last[4];
};

static int see_times(void *userdata, const struct addr *a _unused_, nsec_t first, nsec_t last)
{
        struct times *t = userdata;

        t->first[t->n] = first;
        t->last[t->n++] = last;
        return 0;
}

static void test_times(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct times t = {0};

        put(s, record("61.48.71.52", 1, 100));
        put(s, record("61.48.71.52", 2, 50));
        put(s, record("61.48.71.53", 3, 70));
        put(s, record("61.48.71.52", 4, 300));
        assert_int_equal(store_relay_times_each(s, see_times, &t), 0);
        assert_int_equal(t.n, 2);
        assert_int_equal(t.first[0], 50);
        assert_int_equal(t.last[0], 300);
        assert_int_equal(t.first[1], 70);
        store_close(s);
}

/* What was sent counts, also when no record came of it. */
static void test_probes(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct record a = record("61.48.71.52", 1, 100 * HOUR), b = record("61.48.71.53", 2, 100 * HOUR);
        nsec_t last = 7;

        assert_int_equal(store_get_last_probe(s, &a.addr, &last), 0);
        assert_int_equal(last, 0);
        assert_int_equal(store_put_probe(s, &a.addr, 101 * HOUR), 0);
        assert_int_equal(store_get_last_probe(s, &a.addr, &last), 0);
        assert_int_equal(last, 101 * HOUR);
        put(s, a); /* probed as well, before */
        assert_int_equal(store_get_last_probe(s, &a.addr, &last), 0);
        assert_int_equal(last, 101 * HOUR);
        assert_int_equal(store_put_probe(s, &b.addr, 101 * HOUR + STORE_PROBE_KEEP + 1), 0);
        assert_int_equal(scratch_integer(s, "SELECT count(*) FROM probe"), 1);
        assert_int_equal(store_get_last_probe(s, &a.addr, &last), 0);
        assert_int_equal(last, 100 * HOUR);
        assert_int_equal(store_put_probe(s, &b.addr, INT64_MIN), 0);
        store_close(s);
        s = scratch_open(*state, true);
        assert_int_equal(store_put_probe(s, &a.addr, 1), -EACCES);
        store_close(s);
}

/* --- who is accused --- */

struct story {
        struct verdict verdict;
        struct evidence pieces[32];
        int n, changes;
};

static int story_subject(void *userdata, const struct verdict *v)
{
        ((struct story *) userdata)->verdict = *v;
        return 0;
}

static int story_piece(void *userdata, const struct evidence *e, bool excepted)
{
        struct story *t = userdata;

        assert_false(excepted);
        t->pieces[t->n++] = *e;
        return 0;
}

static int story_change(void *userdata, const struct verdict *v _unused_)
{
        ((struct story *) userdata)->changes++;
        return 0;
}

static int read_story(struct store *s, const char *key, struct story *t)
{
        const struct store_reader reader = {.find_kind = claims_kind_find,
                                            .subject = story_subject,
                                            .evidence = story_piece,
                                            .change = story_change,
                                            .userdata = t};

        memset(t, 0, sizeof(*t));
        return store_read_subject(s, &reader, key);
}

static int accuse(struct store *s, const struct record *r)
{
        int k = store_accuse_relay(s, &fold, r);

        assert_int_equal(store_put_relay(s, r), 0);
        return k;
}

static void test_accused(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct record a = record("61.48.71.52", 1, 100 * HOUR), later = record("61.48.71.52", 2, 101 * HOUR);
        char keys[4][SUBJECT_TEXT_MAX];
        struct story t;
        int32_t sum = 0;

        assert_int_equal(accuse(s, &a), 0);
        assert_int_equal(read_story(s, "relay:61.48.71.52", &t), 0);
        assert_int_equal(t.verdict.level, LEVEL_SUSPECT);
        assert_int_equal(t.n, 5); /* four signs and the whole */
        for (int i = 0; i < t.n; i++) {
                assert_ptr_equal(t.pieces[i].kind, claims_kind_find(t.pieces[i].kind->name));
                sum += t.pieces[i].weight;
        }
        assert_int_equal(sum, t.verdict.score);
        assert_int_equal(t.verdict.time, record_time(&a));
        assert_int_equal(store_find(s, "61.48.71.52", keys, 4), 1);
        assert_string_equal(keys[0], "relay:61.48.71.52");

        later.speak_for = BIT(LIST_EXPLOITED) | BIT(DIRECT);
        assert_int_equal(accuse(s, &later), 0);
        assert_int_equal(read_story(s, "relay:61.48.71.52", &t), 0);
        assert_int_equal(t.n, 3); /* those of one judgement */
        for (int i = 0; i < t.n; i++)
                if (strcmp(t.pieces[i].kind->name, CLAIMS_JUDGED) == 0) {
                        assert_int_equal(t.pieces[i].count, 2);
                        assert_int_equal(t.pieces[i].first, record_time(&a));
                        assert_int_equal(t.pieces[i].last, record_time(&later));
                }
        assert_int_equal(t.changes, 1);
        store_close(s);
}

static void test_not_accused(void **state)
{
        static const enum judge_class harmless[] = {JUDGE_UNKNOWN, JUDGE_PROVIDER_RELAY, JUDGE_ABUSED_SERVER};
        struct store *s = scratch_open(*state, false);

        for (unsigned i = 0; i < ELEMENTSOF(harmless); i++) {
                struct record r = record("61.48.71.52", i + 1, 100);

                r.class = harmless[i];
                assert_int_equal(accuse(s, &r), 0);
        }
        assert_int_equal(scratch_count(s, LEVEL_UNKNOWN), 0);
        store_close(s);
}

/* The address is another's: nothing is said against him any more. */
static void test_moved(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct record a = record("61.48.71.52", 1, 100 * HOUR), same = record("61.48.71.52", 0, 200 * HOUR), b = same;
        struct story t;

        assert_int_equal(accuse(s, &a), 0);
        same.class = JUDGE_UNKNOWN;
        assert_int_equal(accuse(s, &same), 0);
        assert_int_equal(read_story(s, "relay:61.48.71.52", &t), 0);
        assert_int_equal(t.verdict.level, LEVEL_SUSPECT); /* not known now, and nobody else */
        b.class = JUDGE_UNKNOWN;
        b.os_family = OS_FAMILY_LINUX;
        assert_int_equal(accuse(s, &b), 0);
        assert_int_equal(read_story(s, "relay:61.48.71.52", &t), 0);
        assert_int_equal(t.verdict.level, LEVEL_UNKNOWN);
        assert_int_equal(t.changes, 2);
        store_close(s);
}

/* --- what else stands on the disk --- */

static void test_hostile_rows(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct store_relay known;
        enum store_wish wish;
        struct addr odd = {0};
        struct seen seen;

        assert_int_equal(
                store_exec(s->db,
                           "INSERT INTO relay VALUES(1, x'00', -9e18, 1e30, x'01', -5, 'x', 'bot', 'direct_bot', x'ff',"
                           " 'no', 'direct=maybe =yes spam= nonsense dynamic=yes dynamic=no ====', zeroblob(500),"
                           " 'direct direct', '+ - #1 +#32 +#-1 -#1 x', 5, '', 999, -1, 'odd', 'sure', zeroblob(9999),"
                           " x'ff00ff', hex(zeroblob(5000)), 7)"),
                0);
        seen = read_all(s, STORE_RELAYS_BY_TIME, INT64_MIN);
        assert_int_equal(seen.n, 1);
        assert_int_equal(seen.items[0].class, JUDGE_UNKNOWN);
        assert_int_equal(seen.items[0].nearest, JUDGE_DIRECT_BOT);
        assert_int_equal(seen.items[0].inquiry, 1);
        assert_int_equal(seen.items[0].why, JUDGE_NOTHING);
        assert_int_equal(seen.items[0].signs[JUDGE_SIGN_DIRECT], ANSWER_UNKNOWN);
        assert_int_equal(seen.items[0].signs[JUDGE_SIGN_DYNAMIC], ANSWER_NO); /* the last word */
        assert_int_equal(seen.items[0].against, BIT(DIRECT));
        assert_int_equal(seen.items[0].listed, 0);
        assert_int_equal(seen.items[0].not_listed, 2);
        assert_int_equal(seen.items[0].os_confidence, 255);
        assert_int_equal(seen.items[0].smtp, SMTP_PROBE_ODD + 1);
        assert_true(addr_is_unspecified(&seen.items[0].addr));
        assert_int_equal(strlen(seen.items[0].helo), RECORD_NAME_MAX - 1);
        assert_int_equal(store_find_relay(s, &odd, &known), -ENOENT);
        assert_int_equal(store_exec(s->db, "INSERT INTO wish VALUES(zeroblob(16), 'perhaps', 'x', 5)"), 0);
        assert_int_equal(store_get_wish(s, &odd, &wish), 0);
        assert_int_equal(wish, STORE_WISH_OPT_OUT); /* what cannot be read is a no */
        store_close(s);
}

static void test_older_schema(void **state)
{
        struct store *s = scratch_open(*state, false);
        struct record a = record("61.48.71.52", 1, 100);
        struct evidence e = scratch_evidence(5, 5);
        struct store_relay known;
        enum store_wish wish;

        assert_int_equal(store_put_evidence(s, &e, false), 0);
        assert_int_equal(store_commit(s), 0);
        assert_int_equal(
                store_exec(s->db, "DROP TABLE relay; DROP TABLE probe; DROP TABLE wish; PRAGMA user_version=3"), 0);
        store_close(s);
        s = scratch_open(*state, true); /* who only reads leaves it as it is */
        assert_int_equal(read_all(s, STORE_RELAYS_BY_TIME, 0).n, 0);
        assert_int_equal(store_has_mail(s, a.mail), 0);
        assert_int_equal(store_find_relay(s, &a.addr, &known), -ENOENT);
        assert_int_equal(store_get_wish(s, &a.addr, &wish), 0);
        assert_int_equal(wish, STORE_WISH_NONE);
        assert_int_equal(store_relay_times_each(s, see_times, NULL), 0);
        assert_int_equal(store_put_relay(s, &a), -EACCES);
        assert_int_equal(store_accuse_relay(s, &fold, &a), -EACCES);
        assert_int_equal(scratch_integer(s, "PRAGMA user_version"), 3);
        store_close(s);
        s = scratch_open(*state, false);
        assert_int_equal(scratch_integer(s, "PRAGMA user_version"), STORE_SCHEMA);
        assert_int_equal(scratch_count(s, LEVEL_UNKNOWN), 1); /* what was there stays */
        assert_int_equal(store_put_relay(s, &a), 0);
        assert_int_equal(read_all(s, STORE_RELAYS_BY_TIME, 0).n, 1);
        scratch_check(s);
        store_close(s);
}

static void test_retention(void **state)
{
        struct scratch *x = *state;
        struct store *s = NULL;
        struct verdict v = scratch_verdict(1, LEVEL_BOT, 1);

        assert_int_equal(store_open(&(struct store_params){.dir = x->dir, .keep = 1000}, &s, &x->errors), 0);
        for (uint32_t i = 1; i <= 100; i++)
                put(s, record("61.48.71.52", i, i * 100));
        assert_true(store_retain(s, 10000) > 0);
        assert_int_equal(scratch_integer(s, "SELECT min(time) FROM relay"), 9000);
        store_close(s);
        s = NULL;
        assert_int_equal(store_open(&(struct store_params){.dir = x->dir}, &s, &x->errors), 0);
        assert_int_equal(store_put_verdict(s, &v), 0);
        for (uint32_t i = 0; i < 10000; i++)
                put(s, record("61.48.71.53", 1000 + i, i));
        store_close(s);
        s = NULL;
        assert_int_equal(store_open(&(struct store_params){.dir = x->dir, .max_bytes = 1 << 20}, &s, &x->errors), 0);
        while (store_retain(s, 0) > 0)
                ;
        assert_in_range(scratch_integer(s, "SELECT count(*) FROM relay"), 500, 5000);
        assert_int_equal(scratch_count(s, LEVEL_BOT), 1); /* records go before a bot does */
        scratch_check(s);
        store_close(s);
}

/* No room: the record is dropped and counted, earlier ones stay, and later ones find room again. */
static void test_full_disk(void **state)
{
        struct store *s = scratch_open(*state, false);
        uint32_t n = 1;
        int r = 0;

        put(s, record("61.48.71.52", n++, 1));
        assert_int_equal(store_commit(s), 0);
        assert_int_equal(store_exec(s->db, "PRAGMA max_page_count=80"), 0);
        while (r == 0 && n < 10000) {
                struct record full = record("61.48.71.53", n++, 1);

                r = store_accuse_relay(s, &fold, &full);
                if (r == 0)
                        r = store_put_relay(s, &full);
                if (r == 0)
                        r = store_commit(s);
        }
        assert_int_equal(store_exec(s->db, "PRAGMA max_page_count=100000"), 0);
        assert_int_equal(r, -ENOSPC);
        assert_true(store_get_lost(s) > 0);
        put(s, record("61.48.71.54", n++, 1));
        assert_int_equal(store_commit(s), 0);
        store_close(s);
        s = scratch_open(*state, false);
        assert_int_equal(store_has_mail(s, record("61.48.71.52", 1, 1).mail), 1);
        assert_int_equal(store_has_mail(s, record("61.48.71.54", n - 1, 1).mail), 1);
        assert_int_equal(store_has_mail(s, record("61.48.71.53", n - 2, 1).mail), 0);
        assert_int_equal(scratch_integer(s, "SELECT count(*) FROM evidence"), 5); /* whole, or as before */
        scratch_check(s);
        store_close(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                SCRATCH_TEST(test_rows),         SCRATCH_TEST(test_lists_by_name), SCRATCH_TEST(test_once),
                SCRATCH_TEST(test_inquiries),    SCRATCH_TEST(test_times),         SCRATCH_TEST(test_probes),
                SCRATCH_TEST(test_accused),      SCRATCH_TEST(test_not_accused),   SCRATCH_TEST(test_moved),
                SCRATCH_TEST(test_hostile_rows), SCRATCH_TEST(test_older_schema),  SCRATCH_TEST(test_retention),
                SCRATCH_TEST(test_full_disk),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
