/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What postman and engine say to each other, and what a hijacked other side could send instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/post.h"

#define NOW (INT64_C(1700000000) * NSEC_PER_SEC)

static int pair[2];

static int set_up(void **state _unused_)
{
        return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
}

static int tear_down(void **state _unused_)
{
        for (int i = 0; i < 2; i++)
                if (pair[i] >= 0)
                        close(pair[i]);
        return 0;
}

static struct record a_record(void)
{
        struct record r = {.asked = NOW, .came = NOW - NSEC_PER_SEC, .mail = {1}};

        assert_int_equal(addr_parse("61.48.1.2", &r.addr), 0);
        r.signs[JUDGE_SIGN_DIRECT] = ANSWER_YES;
        r.signs[JUDGE_SIGN_DYNAMIC] = ANSWER_YES;
        r.signs[JUDGE_SIGN_HELO_POOR] = ANSWER_YES;
        r.signs[JUDGE_SIGN_LIST_EXPLOITED] = ANSWER_YES;
        strcpy(r.helo, "winbox");
        return r;
}

static struct post a_post(enum post_verb verb)
{
        struct post p = {.magic = POST_MAGIC, .verb = verb, .number = 7};

        if (verb == POST_RECORD)
                p.record = a_record();
        else if (verb == POST_SINCE || verb == POST_DONE)
                strcpy(p.path, "/home/a/Maildir");
        return p;
}

static void test_questions(void **state)
{
        struct post p, got;

        (void) state;
        for (unsigned verb = POST_NONE + 1; verb < POST_VERBS; verb++) {
                p = a_post(verb);
                assert_true(post_is_valid(&p, sizeof(p), false));
                assert_int_equal(post_send(pair[0], &p), 0);
                assert_int_equal(post_receive(pair[1], false, &got), 1);
                assert_memory_equal(&p, &got, sizeof(p));
        }
        assert_int_equal(post_receive(pair[1], false, &got), 0);
        close(pair[0]);
        pair[0] = -1;
        assert_int_equal(post_receive(pair[1], false, &got), -EPIPE);
}

static void refuse(const struct post *p, size_t len, bool answer)
{
        char bytes[sizeof(*p) + 64] = {0};
        struct post got;

        memcpy(bytes, p, sizeof(*p));
        assert_false(post_is_valid(bytes, len, answer));
        assert_int_equal(send(pair[0], bytes, len, 0), (ssize_t) len);
        assert_int_equal(post_receive(pair[1], answer, &got), -EBADMSG);
}

static void test_refused(void **state)
{
        struct post p;

        (void) state;
        p = a_post(POST_KNOWN);
        refuse(&p, sizeof(p) - 1, false);
        refuse(&p, sizeof(p) + 1, false);
        refuse(&p, 1, false);
        refuse(&p, 0, false); /* an empty one is not the end */
        p.magic++;
        refuse(&p, sizeof(p), false);
        p = a_post(POST_NONE);
        refuse(&p, sizeof(p), false);
        p = a_post(POST_VERBS);
        refuse(&p, sizeof(p), false);
        p = a_post(POST_KNOWN);
        p.value = 1; /* only answers have one */
        refuse(&p, sizeof(p), false);
        p.value = 2;
        refuse(&p, sizeof(p), true);
        p = a_post(POST_SINCE);
        p.path[0] = 'x';
        refuse(&p, sizeof(p), false);
        memset(p.path, '/', sizeof(p.path));
        refuse(&p, sizeof(p), false);
        p = a_post(POST_DONE);
        p.time = -1;
        refuse(&p, sizeof(p), false);
}

/* Each byte of a record set to each of a few values: what is taken is within bounds. */
static void test_record_bytes(void **state)
{
        static const uint8_t values[] = {0, 1, 2, 3, 0x7f, 0x80, 0xff};

        (void) state;
        for (size_t i = 0; i < sizeof(struct record); i++)
                for (size_t k = 0; k < sizeof(values); k++) {
                        struct post p = a_post(POST_RECORD);

                        ((uint8_t *) &p.record)[i] = values[k];
                        if (!post_is_valid(&p, sizeof(p), false) || !post_check_record(&p.record, NOW))
                                continue;
                        assert_true((unsigned) p.record.class < JUDGE_CLASSES && p.record.os_confidence <= 100);
                        for (unsigned s = 0; s < JUDGE_SIGNS; s++)
                                assert_true(p.record.signs[s] < ANSWERS);
                        assert_true(memchr(p.record.helo, 0, sizeof(p.record.helo)) != NULL);
                        for (const char *c = p.record.helo; *c; c++)
                                assert_true(*c >= ' ' && *c <= '~');
                }
}

static void test_record_refused(void **state)
{
        struct record r = a_record();

        (void) state;
        assert_true(post_check_record(&r, NOW));
        assert_int_equal(r.class, JUDGE_DIRECT_BOT);
        assert_int_equal(addr_parse("127.0.0.1", &r.addr), 0);
        assert_false(post_check_record(&r, NOW));
        memset(&r.addr, 0, sizeof(r.addr));
        assert_false(post_check_record(&r, NOW));
        assert_int_equal(addr_parse("224.0.0.1", &r.addr), 0);
        assert_false(post_check_record(&r, NOW));
        r = a_record();
        assert_false(post_check_record(&r, NOW + 3600 * NSEC_PER_SEC));
        assert_false(post_check_record(&r, NOW - 3600 * NSEC_PER_SEC));
        r.asked = INT64_MIN; /* and no overflow */
        assert_false(post_check_record(&r, NOW));
        r = a_record();
        r.came = -1;
        assert_false(post_check_record(&r, NOW));
        r = a_record();
        r.listed = r.not_listed = 4;
        assert_false(post_check_record(&r, NOW));
        r = a_record();
        memset(r.banner, 'x', sizeof(r.banner));
        assert_false(post_check_record(&r, NOW));
        r = a_record();
        memset(&r.moved, 2, sizeof(r.moved));
        assert_false(post_check_record(&r, NOW));
}

/* A verdict that does not follow from the signs is replaced by the one that does, and so is what drives terminals. */
static void test_verdict_is_formed_again(void **state)
{
        struct record r = a_record();

        (void) state;
        memset(r.signs, ANSWER_UNKNOWN, sizeof(r.signs));
        r.class = r.nearest = JUDGE_DIRECT_BOT;
        r.why = JUDGE_SURE;
        r.score = INT32_MAX;
        r.speak_for = UINT32_MAX;
        strcpy(r.helo, "\x1b[2Jx\xff");
        assert_true(post_check_record(&r, NOW));
        assert_int_equal(r.class, JUDGE_UNKNOWN);
        assert_int_equal(r.speak_for, 0);
        assert_true(r.score < JUDGE_THRESHOLD);
        assert_string_equal(r.helo, "?[2Jx?");
}

/* What is asked now does not count for a mail of long ago; a clock that is a little ahead is none. */
static void test_gap(void **state)
{
        struct record r = a_record();
        int32_t score;

        (void) state;
        assert_true(post_check_record(&r, NOW));
        score = r.score;
        r.came = NOW + 60 * NSEC_PER_SEC;
        assert_true(post_check_record(&r, NOW));
        assert_int_equal(r.score, score);
        r.came = NOW - 30 * 24 * 3600 * NSEC_PER_SEC;
        assert_true(post_check_record(&r, NOW));
        assert_true(r.score < score);
        r.came = 0;
        assert_true(post_check_record(&r, NOW));
        assert_true(r.score < score);
}

static void test_seen(void **state)
{
        struct post p = a_post(POST_SEEN);

        (void) state;
        p.seen = (struct inquiry_seen){.has_syn = true, .syn.n_options = OS_OPTIONS_MAX, .attacked = ANSWER_YES};
        assert_true(post_is_valid(&p, sizeof(p), true));
        p.seen.syn.n_options++;
        refuse(&p, sizeof(p), true);
        p.seen.syn.n_options = 0;
        p.seen.proxy = ANSWERS;
        refuse(&p, sizeof(p), true);
        p.seen.proxy = ANSWER_NO;
        memset(&p.seen.has_syn, 7, 1);
        refuse(&p, sizeof(p), true);
}

static void answer_with(uint32_t verb, uint32_t number, int32_t value)
{
        struct post p = a_post(verb);

        p.number = number;
        p.value = value;
        assert_int_equal(post_send(pair[1], &p), 0);
}

static void test_ask(void **state)
{
        struct post p = a_post(POST_KNOWN), q;
        uint32_t number;

        (void) state;
        /* Answers to other questions are none. They wait here before they are asked for. */
        answer_with(POST_KNOWN, 12345, 1);
        assert_int_equal(post_ask(pair[0], &p), -EBADMSG);
        assert_int_equal(post_receive(pair[1], false, &q), 1);
        number = q.number;
        p = a_post(POST_KNOWN);
        answer_with(POST_KNOWN, number + 1, 1);
        assert_int_equal(post_ask(pair[0], &p), 1);
        p = a_post(POST_KNOWN);
        answer_with(POST_DONE, number + 2, 0);
        assert_int_equal(post_ask(pair[0], &p), -EBADMSG);
        p = a_post(POST_RECORD);
        answer_with(POST_RECORD, number + 3, -EEXIST);
        assert_int_equal(post_ask(pair[0], &p), -EEXIST);
        close(pair[1]);
        pair[1] = -1;
        p = a_post(POST_KNOWN);
        assert_int_equal(post_ask(pair[0], &p), -EPIPE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_questions, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
                cmocka_unit_test(test_record_bytes),
                cmocka_unit_test(test_record_refused),
                cmocka_unit_test(test_verdict_is_formed_again),
                cmocka_unit_test(test_gap),
                cmocka_unit_test_setup_teardown(test_seen, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_ask, set_up, tear_down),
        };

        return cmocka_run_group_tests_name("daemon/post", tests, NULL, NULL);
}
