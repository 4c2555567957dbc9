/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A mail in a delivery pipe comes out whole, whatever becomes of the process that asks about it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/mail_header.h"

#define MAIL    "X-Sekimori-Status: class=clear\nSubject: a\n\nbody, with no end"
#define SUBJECT "Subject: a\n\nbody, with no end"

typedef int asker(void *userdata, const char *head, size_t len, struct mail_header_told *ret);

static int say_bot(void *userdata _unused_, const char *head _unused_, size_t len _unused_,
                   struct mail_header_told *ret)
{
        ret->end = CHAIN_END_RELAY;
        ret->record = (struct record){.class = JUDGE_DIRECT_BOT,
                                      .score = 1250,
                                      .speak_for = 1u << JUDGE_SIGN_DIRECT | 1u << JUDGE_SIGN_FORGED};
        (void) addr_parse("61.48.71.52", &ret->record.addr);
        puts("what it prints is not part of the mail");
        (void) fflush(stdout);
        return CLI_OK;
}

static int say_unknown(void *userdata, const char *head, size_t len, struct mail_header_told *ret)
{
        (void) say_bot(userdata, head, len, ret);
        ret->record.class = JUDGE_UNKNOWN;
        ret->record.why = JUDGE_FITS;
        return CLI_OK;
}

static int say_within(void *userdata _unused_, const char *head _unused_, size_t len _unused_,
                      struct mail_header_told *ret)
{
        ret->end = CHAIN_END_WITHIN;
        return CLI_OK;
}

static int say_nonsense(void *userdata _unused_, const char *head _unused_, size_t len _unused_,
                        struct mail_header_told *ret)
{
        memset(ret, 0xff, sizeof(*ret));
        ret->end = CHAIN_END_RELAY;
        return CLI_OK;
}

static int hang(void *userdata _unused_, const char *head _unused_, size_t len _unused_,
                struct mail_header_told *ret _unused_)
{
        while (getppid() > 0)
                (void) pause();
        return CLI_OK;
}

static int crash(void *userdata _unused_, const char *head _unused_, size_t len _unused_,
                 struct mail_header_told *ret _unused_)
{
        (void) raise(SIGKILL);
        return CLI_OK;
}

static int give_up(void *userdata, const char *head _unused_, size_t len _unused_,
                   struct mail_header_told *ret _unused_)
{
        return *(int *) userdata;
}

struct trial {
        asker *ask;
        int status;     /* of `give_up` */
        const char *to; /* NULL: a file that is read */
        bool no_processes;
};

/* Runs the filter in a process of its own; what comes out goes to *out. Its exit status. */
static int run(const struct trial *t, const char *mail, size_t len, struct buf *out)
{
        _cleanup_fclose_ FILE *in = tmpfile(), *file = t->to ? fopen(t->to, "w") : tmpfile();
        char piece[4096];
        int status;
        size_t n;
        pid_t pid;

        assert_non_null(in);
        assert_non_null(file);
        assert_int_equal(fwrite(mail, 1, len, in), len);
        rewind(in);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                struct mail_header_params params = {.limit = t->ask == hang ? NSEC_PER_SEC / 10 : 0,
                                                    .ask = t->ask,
                                                    .userdata = (void *) (uintptr_t) &t->status};

                (void) dup2(fileno(in), STDIN_FILENO);
                (void) dup2(fileno(file), STDOUT_FILENO);
                (void) close(STDERR_FILENO);
                (void) open("/dev/null", O_WRONLY | O_CLOEXEC);
                if (t->no_processes) {
                        (void) setrlimit(RLIMIT_NPROC, &(struct rlimit){0, 0});
                        if (setuid(65534) < 0)
                                _exit(99);
                }
                _exit(mail_header_run(&params));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        rewind(file);
        while ((n = t->to ? 0 : fread(piece, 1, sizeof(piece), file)) > 0)
                assert_int_equal(buf_put(out, piece, n), 0);
        return WEXITSTATUS(status);
}

static void check(const struct trial *t, const char *want)
{
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(1u << 20);

        assert_int_equal(run(t, MAIL, strlen(MAIL), &out), 0);
        assert_string_equal(buf_str(&out), want);
}

static void test_told(void **state)
{
        (void) state;
        check(&(struct trial){.ask = say_bot},
              "X-Sekimori-Status: relay=61.48.71.52; class=direct_bot; score=12.5;\n signs=direct,forged\n" SUBJECT);
        check(&(struct trial){.ask = say_unknown},
              "X-Sekimori-Status: relay=61.48.71.52; class=unknown; score=12.5; reason=fits;\n signs=direct,"
              "forged\n" SUBJECT);
        check(&(struct trial){.ask = say_within}, "X-Sekimori-Status: class=unknown; reason=from_within\n" SUBJECT);
}

static void test_trouble(void **state)
{
        static const struct {
                asker *ask;
                int status;
                const char *reason;
        } troubles[] = {
                {hang, 0, "timeout"},           {crash, 0, "crashed"},
                {give_up, CLI_USAGE, "usage"},  {give_up, CLI_CONFIG, "config"},
                {give_up, CLI_INPUT, "failed"}, {give_up, 255, "failed"},
        };
        char want[256];

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(troubles); i++) {
                (void) snprintf(want, sizeof(want), "X-Sekimori-Status: class=unknown; reason=%s\n" SUBJECT,
                                troubles[i].reason);
                check(&(struct trial){.ask = troubles[i].ask, .status = troubles[i].status}, want);
        }
        if (geteuid() == 0)
                check(&(struct trial){.ask = say_bot, .no_processes = true},
                      "X-Sekimori-Status: class=unknown; reason=memory\n" SUBJECT);
}

/* A child that was taken over may tell what it will: it stays one field of ours. */
static void test_nonsense(void **state)
{
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(1u << 20);
        const char *p;

        (void) state;
        assert_int_equal(run(&(struct trial){.ask = say_nonsense}, MAIL, strlen(MAIL), &out), 0);
        p = strstr(buf_str(&out), "\n" SUBJECT);
        assert_non_null(p);
        for (const char *q = buf_str(&out); q < p; q++)
                assert_true(*q == '\n' ? q[1] == ' ' : *q >= ' ' && *q < 127);
}

static void test_write(void **state)
{
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(1u << 20);

        (void) state;
        assert_int_equal(run(&(struct trial){.ask = say_bot, .to = "/dev/full"}, MAIL, strlen(MAIL), &out), 75);
        assert_int_equal(run(&(struct trial){.ask = say_bot}, "", 0, &out), 0);
        assert_int_equal(out.len, 0);
}

/* A head that does not end, and a body of some size, NUL and all. */
static void test_large(void **state)
{
        const size_t size = 9u << 20;
        _cleanup_free_ char *mail = malloc(size);
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(2 * size);
        const char *end;

        (void) state;
        assert_non_null(mail);
        for (unsigned blank = 0; blank < 2; blank++) {
                for (size_t i = 0; i < size; i++)
                        mail[i] = i % 61 == 60 ? '\n' : (char) (i * 7 % 251 == '\n' ? 0 : i * 7 % 251);
                memcpy(mail, "A: b\n", 5);
                mail[size - 1] = '\0';
                memcpy(mail + (4u << 20), "\nX-Sekimori-A: b\n\n", blank ? 18 : 17);
                buf_reset(&out);
                assert_int_equal(run(&(struct trial){.ask = say_within}, mail, size, &out), 0);
                end = memchr(buf_str(&out), '\n', out.len);
                assert_non_null(end++);
                assert_memory_equal(end, mail, (4u << 20) + 1);
                assert_int_equal(out.len, (size_t) (end - out.data) + size - 16);
                assert_memory_equal(end + (4u << 20) + 1, mail + (4u << 20) + 17, size - (4u << 20) - 17);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_told),  cmocka_unit_test(test_trouble), cmocka_unit_test(test_nonsense),
                cmocka_unit_test(test_write), cmocka_unit_test(test_large),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
