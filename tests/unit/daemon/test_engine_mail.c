/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the engine makes of the postman's questions: each record once, verdicts that it formed itself, alarms when a
 * relay is accused anew, and mails that end postmen are left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "daemon/engine_internal.h"
#include "daemon/post.h"

struct world {
        struct engine engine;
        struct daemon_params daemon;
        struct engine_params params;
        struct config *config;
        int postman; /* its end */
        int journal; /* the other end */
        uint32_t number;
};

static void no_claim(void *userdata _unused_, const struct evidence *merged _unused_,
                     const struct config_exception *x _unused_, const struct verdict *before _unused_,
                     const struct verdict *after _unused_)
{
}

/* A new postman; the one before is gone. */
static void connect_one(struct world *w)
{
        struct source_fds fds = {.n = 1};
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
        fds.fd[0] = pair[0];
        if (w->postman >= 0)
                close(w->postman);
        w->postman = pair[1];
        engine_mail_take(&w->engine, &fds);
        assert_int_equal(fds.fd[0], -1);
        assert_int_equal(engine_mail_fd(&w->engine), pair[0]);
}

static int set_up(void **ret)
{
        static const char text[] = "mail: {maildir: [/home/a/Maildir], lists: [zen.spamhaus.org]}\n";
        struct world *w = calloc(1, sizeof(*w));
        struct analysis_params a = {.sink = {.claim = no_claim}};
        int pair[2];

        assert_int_equal(config_new_default(&w->config), 0);
        assert_int_equal(config_parse(w->config, "t", text, sizeof(text) - 1, NULL), 0);
        w->daemon = (struct daemon_params){.config = w->config, .memory_store = true, .json = true};
        w->params.daemon = &w->daemon;
        w->engine = (struct engine){.params = &w->params, .daemon = &w->daemon, .config = w->config, .eve.fd = -1};
        a.config = w->config;
        w->postman = -1;
        assert_int_equal(analysis_new(&a, &w->engine.analysis), 0);
        assert_int_equal(store_open(&(struct store_params){0}, &w->engine.keeper.store, NULL), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
        w->engine.journal_fd = pair[0];
        w->journal = pair[1];
        assert_int_equal(engine_mail_new(&w->engine), 0);
        assert_int_equal(engine_mail_fd(&w->engine), -1);
        connect_one(w);
        *ret = w;
        return 0;
}

static int tear_down(void **state)
{
        struct world *w = *state;

        engine_mail_free(&w->engine);
        store_close(w->engine.keeper.store);
        analysis_free(w->engine.analysis);
        config_free(w->config);
        close(w->engine.journal_fd);
        close(w->journal);
        close(w->postman);
        free(w);
        return 0;
}

static int ask(struct world *w, struct post *p)
{
        p->magic = POST_MAGIC;
        p->number = ++w->number;
        assert_int_equal(post_send(w->postman, p), 0);
        engine_mail_serve(&w->engine);
        assert_int_equal(post_receive(w->postman, true, p), 1);
        assert_int_equal(p->number, w->number);
        return p->value;
}

static int journal(struct world *w)
{
        char entry[16384];
        int n = 0;

        while (recv(w->journal, entry, sizeof(entry), 0) > 0)
                n++;
        return n;
}

static struct post bot(uint8_t mail)
{
        struct post p = {.verb = POST_RECORD, .record = {.asked = clock_realtime(), .mail = {mail}}};

        p.record.came = p.record.asked;
        assert_int_equal(addr_parse("61.48.1.2", &p.record.addr), 0);
        p.record.signs[JUDGE_SIGN_DIRECT] = p.record.signs[JUDGE_SIGN_DYNAMIC] = ANSWER_YES;
        p.record.signs[JUDGE_SIGN_HELO_POOR] = p.record.signs[JUDGE_SIGN_LIST_EXPLOITED] = ANSWER_YES;
        return p;
}

static int known(struct world *w, uint8_t mail)
{
        struct post p = {.verb = POST_KNOWN, .key = {mail}};

        return ask(w, &p);
}

static struct store_relay relay(struct world *w)
{
        struct store_relay r;
        struct addr a;

        assert_int_equal(addr_parse("61.48.1.2", &a), 0);
        assert_int_equal(store_find_relay(w->engine.keeper.store, &a, &r), 0);
        return r;
}

static void test_record(void **state)
{
        struct world *w = *state;
        struct post p = bot(1);

        assert_int_equal(known(w, 1), 0);
        assert_int_equal(ask(w, &p), 0);
        assert_int_equal(known(w, 1), 1);
        assert_int_equal(relay(w).last.class, JUDGE_DIRECT_BOT);
        assert_int_equal(journal(w), 1);
        p = bot(1);
        assert_int_equal(ask(w, &p), -EEXIST);
        p = bot(2);
        assert_int_equal(ask(w, &p), 0);
        assert_int_equal(journal(w), 0); /* it was said */
        p = bot(3);                      /* unknown again, and accused again */
        p.record.signs[JUDGE_SIGN_LIST_EXPLOITED] = ANSWER_UNKNOWN;
        p.record.signs[JUDGE_SIGN_DYNAMIC] = ANSWER_UNKNOWN;
        assert_int_equal(ask(w, &p), 0);
        assert_int_equal(relay(w).last.class, JUDGE_UNKNOWN);
        p = bot(4);
        assert_int_equal(ask(w, &p), 0);
        assert_int_equal(journal(w), 0); /* to and fro is one alarm */
}

/* A store that cannot be written: the postman keeps the mail, and comes again. */
static void test_full_store(void **state)
{
        struct world *w = *state;
        struct post p = bot(1);

        w->engine.keeper.failing = true;
        assert_int_equal(ask(w, &p), -ENOSPC);
        assert_int_equal(known(w, 1), 0);
        w->engine.keeper.failing = false;
        p = bot(1);
        assert_int_equal(ask(w, &p), 0);
        assert_int_equal(known(w, 1), 1);
}

static void test_lies(void **state)
{
        struct world *w = *state;
        struct post p = bot(1);

        memset(p.record.signs, ANSWER_UNKNOWN, sizeof(p.record.signs));
        p.record.class = JUDGE_DIRECT_BOT;
        p.record.score = 100000;
        p.record.inquiry = 77;
        p.record.moved = true;
        assert_int_equal(ask(w, &p), 0);
        assert_int_equal(relay(w).last.class, JUDGE_UNKNOWN);
        assert_int_equal(relay(w).last.inquiry, 1);
        assert_false(relay(w).last.moved);
        assert_int_equal(journal(w), 0);
        p = bot(2);
        memset(p.record.mail, 0, sizeof(p.record.mail)); /* no mail: anybody could be accused any number of times */
        assert_int_equal(ask(w, &p), -EINVAL);
        p = bot(3);
        p.record.asked -= 24 * 3600 * NSEC_PER_SEC;
        assert_int_equal(ask(w, &p), -EINVAL);
        p = bot(4);
        p.record.addr = (struct addr){0};
        assert_int_equal(ask(w, &p), -EINVAL);
        /* Malformed: no answer, and the next question has one. */
        p = bot(5);
        p.magic = POST_MAGIC + 1;
        assert_int_equal(send(w->postman, &p, sizeof(p), 0), (ssize_t) sizeof(p));
        assert_int_equal(send(w->postman, "x", 1, 0), 1);
        engine_mail_serve(&w->engine);
        assert_int_equal(post_receive(w->postman, true, &p), 0);
        assert_int_equal(known(w, 1), 1);
}

static int64_t since(struct world *w, const char *path, int expected)
{
        struct post p = {.verb = POST_SINCE};

        strcpy(p.path, path);
        assert_int_equal(ask(w, &p), expected);
        return p.time;
}

/* From the first look on; what is not configured has no place in the store. */
static void test_since(void **state)
{
        struct world *w = *state;
        struct post p = {.verb = POST_DONE, .time = 12345};
        nsec_t first = since(w, "/home/a/Maildir", 0);

        assert_true(first > clock_realtime() - 60 * NSEC_PER_SEC && first <= clock_realtime());
        assert_int_equal(since(w, "/home/a/Maildir", 0), first);
        strcpy(p.path, "/home/a/Maildir");
        assert_int_equal(ask(w, &p), 0);
        assert_int_equal(since(w, "/home/a/Maildir", 0), 12345);
        p.verb = POST_DONE;
        strcpy(p.path, "/home/b/Maildir");
        p.value = 0;
        assert_int_equal(ask(w, &p), -ENOENT);
        (void) since(w, "/home/b/Maildir", -ENOENT);
}

/* The mail that was in hand when three postmen died is left out; others are not. */
static void test_fatal_mail(void **state)
{
        struct world *w = *state;
        struct post p;

        for (int i = 0; i < 3; i++) {
                assert_int_equal(known(w, 1), 0);
                connect_one(w);
        }
        assert_int_equal(known(w, 1), 1);
        assert_int_equal(known(w, 2), 0);
        for (int i = 0; i < 5; i++) { /* it went on: that mail is not why */
                assert_int_equal(known(w, 3), 0);
                p = (struct post){.verb = POST_STATE};
                assert_int_equal(ask(w, &p), 0);
                connect_one(w);
        }
        assert_int_equal(known(w, 3), 0);
        for (uint8_t i = 10; i < 60; i++) { /* more than are remembered */
                assert_int_equal(known(w, i), 0);
                connect_one(w);
        }
        assert_int_equal(known(w, 9), 0);
}

static void test_seen(void **state)
{
        struct world *w = *state;
        struct post p = {.verb = POST_SEEN, .relay.came = INT64_MIN};

        assert_int_equal(addr_parse("61.48.1.2", &p.relay.addr), 0);
        assert_int_equal(ask(w, &p), -EINVAL);
        p = (struct post){.verb = POST_SEEN, .relay.came = clock_realtime()};
        assert_int_equal(addr_parse("61.48.1.2", &p.relay.addr), 0);
        assert_int_equal(ask(w, &p), 0);
        assert_false(p.seen.has_syn);
}

static void test_status(void **state)
{
        struct world *w = *state;
        struct post p = {.verb = POST_STATE, .state = {.maildirs = 3, .mails = 77}};
        char text[4096] = "";
        struct buf out = BUF_FIXED(text);

        assert_int_equal(ask(w, &p), 0);
        engine_mail_status(&w->engine, &out);
        assert_non_null(strstr(text, "\"running\":true,\"maildirs\":3"));
        assert_non_null(strstr(text, "\"mails\":77"));
        close(w->postman);
        w->postman = -1;
        engine_mail_serve(&w->engine);
        assert_int_equal(engine_mail_fd(&w->engine), -1);
        buf_reset(&out);
        engine_mail_status(&w->engine, &out);
        assert_non_null(strstr(text, "\"running\":false"));
        connect_one(w);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_record, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_full_store, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_lies, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_since, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_fatal_mail, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_seen, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_status, set_up, tear_down),
        };

        return cmocka_run_group_tests_name("daemon/engine_mail", tests, NULL, NULL);
}
