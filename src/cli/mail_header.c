/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A mail on its way through a delivery pipe. The process that holds the mail parses nothing but line ends; the child
 * that reads it and asks is given a time. Runs as whom the mail server delivers as. */
#include "cli/mail_header.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "base/log.h"
#include "cli/cli.h"
#include "mail/head.h"
#include "mail/header_rewrite.h"
#include "model/evidence.h"

#define PIECE (1u << 16)

static_assert(sizeof(struct mail_header_told) <= PIPE_BUF, "the child tells all at once");

/* Where memory may be short, nothing is asked for. */
static char head[HEAD_MAX], out_buffer[PIECE];
static size_t out_len;

bool mail_header_wanted(int argc, char *const *argv)
{
        static const char option[] = "--header";

        for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
                size_t n = strlen(argv[i]);

                /* Also cut short, as options may be, and with a value, which is a mistake. */
                if (n >= 4 && (strncmp(argv[i], option, n) == 0 || strncmp(argv[i], "--header=", 9) == 0))
                        return true;
        }
        return false;
}

static int flush(void)
{
        for (size_t at = 0; at < out_len;) {
                ssize_t n = write(STDOUT_FILENO, out_buffer + at, out_len - at);

                if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
                        (void) poll(&(struct pollfd){STDOUT_FILENO, POLLOUT, 0}, 1, -1);
                else if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        at += (size_t) n;
        }
        out_len = 0;
        return 0;
}

static int put(void *userdata _unused_, const char *data, size_t len)
{
        while (len) {
                size_t n = MIN(len, sizeof(out_buffer) - out_len);

                memcpy(out_buffer + out_len, data, n);
                out_len += n;
                data += n;
                len -= n;
                if (out_len == sizeof(out_buffer)) {
                        int r = flush();

                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* Bytes read, 0 at the end, or negative errno. */
static ssize_t take(char *data, size_t len)
{
        for (;;) {
                ssize_t n = read(STDIN_FILENO, data, len);

                if (n >= 0)
                        return n;
                if (errno == EAGAIN || errno == EWOULDBLOCK)
                        (void) poll(&(struct pollfd){STDIN_FILENO, POLLIN, 0}, 1, -1);
                else if (errno != EINTR)
                        return -errno;
        }
}

static bool has_end(size_t from, size_t len)
{
        for (const char *p = head + from, *end = head + len; (p = memchr(p, '\n', (size_t) (end - p))); p++)
                if (p == head || p[-1] == '\n' || (p[-1] == '\r' && (p == head + 1 || p[-2] == '\n')))
                        return true;
        return false;
}

/* The head, or its first MiB as wherever heads are read (head.h), with what of the body comes along. */
static ssize_t take_head(void)
{
        size_t len = 0, seen = 0;

        while (len < sizeof(head)) {
                ssize_t n = take(head + len, MIN(sizeof(head) - len, (size_t) PIECE));

                if (n < 0)
                        return n;
                len += (size_t) n;
                if (n == 0 || has_end(seen, len))
                        break;
                seen = len;
        }
        return (ssize_t) len;
}

static const char *token_of_end(uint32_t end)
{
        static const char *const tokens[] = {
                [CHAIN_END_NONE] = "no_received", [CHAIN_END_RELAY] = "relay",    [CHAIN_END_WITHIN] = "from_within",
                [CHAIN_END_USER] = "from_user",   [CHAIN_END_BLIND] = "no_relay",
        };

        return end < ELEMENTSOF(tokens) ? tokens[end] : "failed";
}

static void put_signs(struct buf *out, uint32_t signs)
{
        const char *before = "; signs=";

        for (unsigned i = 0; i < JUDGE_SIGNS; i++)
                if (signs & 1u << i) {
                        (void) buf_printf(out, "%s%s", before, judge_sign_name(i));
                        before = ",";
                }
}

void mail_header_text(struct buf *out, const struct mail_header_told *told, const char *reason)
{
        const struct record *record = told ? &told->record : NULL;
        char addr[ADDR_TEXT_MAX], score[SCORE_TEXT_MAX];

        (void) buf_puts(out, HEADER_REWRITE_PREFIX "Status: ");
        if (!told || told->end != CHAIN_END_RELAY) {
                (void) buf_printf(out, "class=unknown; reason=%s", told ? token_of_end(told->end) : reason);
                return;
        }
        (void) buf_printf(out, "relay=%s; class=%s; score=%s", addr_format(&record->addr, addr),
                          judge_class_name(record->class < JUDGE_CLASSES ? record->class : JUDGE_UNKNOWN),
                          score_format(record->score, score));
        if (record->class == JUDGE_UNKNOWN)
                (void) buf_printf(out, "; reason=%s", judge_why_name(record->why));
        put_signs(out, record->speak_for);
}

static void run_child(const struct mail_header_params *params, size_t len, int fd)
{
        static struct mail_header_told told;
        int status;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) dup2(STDERR_FILENO, STDOUT_FILENO); /* what it may print is not part of the mail */
        (void) close(STDIN_FILENO);
        status = params->ask(params->userdata, head, len, &told);
        if (status == CLI_OK && write(fd, &told, sizeof(told)) != (ssize_t) sizeof(told))
                status = CLI_INPUT;
        _exit(status);
}

static const char *reason_of(int status)
{
        if (WIFSIGNALED(status))
                return "crashed";
        switch (WEXITSTATUS(status)) {
        case CLI_USAGE:
                return "usage";
        case CLI_CONFIG:
                return "config";
        default:
                return "failed";
        }
}

/* Until all was told, the child ended, or the time is up. */
static bool listen_to(int fd, nsec_t until, struct mail_header_told *ret)
{
        char *data = (char *) ret;
        size_t at = 0;

        while (at < sizeof(*ret)) {
                struct pollfd p = {fd, POLLIN, 0};
                nsec_t left = until - clock_boottime();
                ssize_t n;

                if (left <= 0)
                        return false;
                if (poll(&p, 1, (int) (left / NSEC_PER_MSEC) + 1) <= 0)
                        continue;
                n = read(fd, data + at, sizeof(*ret) - at);
                if (n == 0 || (n < 0 && errno != EINTR))
                        return true;
                if (n > 0)
                        at += (size_t) n;
        }
        return true;
}

/* NULL: *ret is filled, else why not. */
static const char *ask(const struct mail_header_params *params, size_t len, struct mail_header_told *ret)
{
        nsec_t until = clock_boottime() + (params->limit ? params->limit : MAIL_HEADER_LIMIT);
        int ends[2], status = 0;
        bool in_time;
        pid_t child;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return "failed";
        child = fork();
        if (child == 0) {
                (void) close(ends[0]);
                run_child(params, len, ends[1]);
        }
        (void) close(ends[1]);
        if (child < 0) {
                (void) close(ends[0]);
                return "memory";
        }
        ret->end = UINT32_MAX;
        in_time = listen_to(ends[0], until, ret);
        if (!in_time || ret->end != UINT32_MAX)
                (void) kill(child, SIGKILL);
        (void) close(ends[0]);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
                ;
        if (!in_time)
                return "timeout";
        return ret->end <= CHAIN_END_BLIND ? NULL : reason_of(status);
}

static int pass_all(const struct buf *field, bool crlf, size_t len)
{
        struct header_rewrite h = {.put = put};
        ssize_t n = (ssize_t) len;
        int r;

        header_rewrite_begin(&h, field, crlf);
        for (r = 0; r >= 0 && n > 0;) {
                r = header_rewrite_push(&h, head, (size_t) n);
                if (r >= 0)
                        n = take(head, sizeof(head));
        }
        if (r >= 0 && n < 0)
                r = (int) n;
        if (r >= 0)
                r = header_rewrite_finish(&h);
        return r < 0 ? r : flush();
}

int mail_header_run(const struct mail_header_params *params)
{
        static struct mail_header_told told;
        char text[2048], folded[2048 + 256];
        struct buf line = BUF_FIXED(text), field = BUF_FIXED(folded);
        const char *reason = "empty";
        ssize_t len = take_head();
        bool crlf;
        int r;

        if (len < 0) {
                log_error("the mail cannot be read: %s", strerror((int) -len));
                return EX_TEMPFAIL;
        }
        crlf = header_rewrite_crlf(head, (size_t) len);
        if (len > 0)
                reason = ask(params, (size_t) len, &told);
        mail_header_text(&line, reason ? NULL : &told, reason);
        header_rewrite_fold(&field, text, crlf);
        r = pass_all(&field, crlf, (size_t) len);
        if (r < 0)
                log_error("the mail cannot be passed on: %s", strerror(-r));
        return r < 0 ? EX_TEMPFAIL : CLI_OK;
}
