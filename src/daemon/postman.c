/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The postman's life: gives up its rights, watches, ends in order. See postman.h. */
#include "daemon/postman.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "daemon/postman_internal.h"
#include "daemon/sandbox.h"

#define STATUS_FAILED 3
#define TELL_EVERY    NSEC_PER_SEC
#define SINCE_EVERY   (60 * NSEC_PER_SEC)
#define TURN_MSEC     1000
/* A mail that no parser of ours gets through must not stop the others: the kernel ends who takes so long for a turn. */
#define TURN_SECONDS 60

void postman_end(struct postman *m, int status)
{
        if (m->ends)
                return;
        m->ends = true;
        m->status = status;
}

int postman_ask(struct postman *m, struct post *p)
{
        int r = m->ends ? -EPIPE : post_ask(m->fd, p);

        if (r == -EPIPE)
                postman_end(m, POSTMAN_ENGINE);
        else if (r == -ETIMEDOUT || r == -EBADMSG) {
                log_error("the engine gives no answer that can be used: %s", strerror(-r));
                postman_end(m, POSTMAN_ENGINE);
        }
        return r;
}

/* --- the start --- */

/* Nothing of what the warden has open was meant for it, nor what is typed on the terminal. */
static int keep_only(int fd)
{
        _cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        unsigned keep = (unsigned) fd;

        if (null < 0 || dup2(null, STDIN_FILENO) < 0)
                return -errno;
        null = -EBADF; /* closed with the others */
        if (keep > STDERR_FILENO + 1 && syscall(SYS_close_range, STDERR_FILENO + 1, keep - 1, 0) < 0)
                return -errno;
        return syscall(SYS_close_range, keep + 1, ~0u, 0) < 0 ? -errno : 0;
}

static int open_signals(void)
{
        sigset_t set;
        int fd;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        (void) signal(SIGPIPE, SIG_IGN);
        fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int read_config(struct postman *m)
{
        _cleanup_(buf_done)
        struct buf errors = BUF_HEAP(65536);

        m->config = m->params->daemon->config;
        if (!m->params->reread)
                return 0;
        /* What is wrong with it, the engine says, which reads it too. */
        if (config_load(m->params->daemon->config_path, &m->reread, &errors) < 0)
                log_error("the configuration cannot be read again: mail is looked into as it was at the start");
        else
                m->config = m->reread;
        return 0;
}

static nsec_t on_since(void *userdata, const char *path)
{
        struct postman *m = userdata;
        struct post p = {.verb = POST_SINCE};
        int r;

        if (snprintf(p.path, sizeof(p.path), "%s", path) >= (int) sizeof(p.path)) {
                log_error("%s: the path is too long; mails of now are looked into, not those of a break", path);
                return clock_realtime();
        }
        r = postman_ask(m, &p);
        if (r == -ENOENT)
                log_error("%s: the engine has another configuration, where it is not watched", path);
        if (r < 0)
                postman_end(m, r == -ENOENT ? STATUS_FAILED : POSTMAN_ENGINE);
        return r < 0 ? clock_realtime() : p.time;
}

static void on_said(void *userdata _unused_, const char *path, int error)
{
        if (error == 0)
                log_notice("%s: is there, and watched", path);
        else
                log_warning("%s: %s; it is tried again every second", path,
                            error == -ENOTDIR ? "is no Maildir, which has folders \"new\" and \"cur\"" :
                                                strerror(-error));
}

static int start_watching(struct postman *m)
{
        const struct maildirs_params p = {.paths = m->config->mail.maildir.items,
                                          .n = m->config->mail.maildir.n,
                                          .since = on_since,
                                          .said = on_said,
                                          .userdata = m};
        int r = maildirs_new(&p, &m->maildirs);

        for (size_t i = 0; r == 0 && i < m->config->mail.maildir.n; i++)
                m->told_since[i] = maildirs_since(m->maildirs, i);
        return r;
}

/* The folder of the configuration stays in sight, so that a bad one is not taken. What is not there is left out. */
static int close_sandbox(struct postman *m)
{
        char config[512], text[1024] = "", *dirs[CONFIG_PATHS_MAX + 1] = {config};
        const char *path = m->params->daemon->config_path ? m->params->daemon->config_path : CONFIG_PATH_DEFAULT;
        const char *slash = strrchr(path, '/');
        struct buf note = BUF_FIXED(text);
        struct sandbox_engine_params p = {.read_dirs = dirs, .n_read_dirs = 1};

        snprintf(config, sizeof(config), "%.*s", slash ? MAX((int) (slash - path), 1) : 1, slash ? path : ".");
        for (size_t i = 0; i < m->config->mail.maildir.n; i++)
                dirs[p.n_read_dirs++] = m->config->mail.maildir.items[i];
        p.dns_ports = m->setup->n_ports ? m->setup->ports : NULL;
        p.n_dns_ports = m->setup->n_ports;
        return sandbox_engine(&p, &note);
}

/* Probes are made by `sekimori mail`, under somebody's eyes; this one asks DNS at most. */
static int set_up_inquiry(struct postman *m)
{
        const struct inquiry_more more = {0};
        char text[512] = "";
        struct buf why = BUF_FIXED(text);
        int r;

        r = inquiry_setup_new(m->config, &more, &why, &m->setup);
        if (r < 0 && why.len)
                log_error("%s", text);
        return r;
}

static int start(struct postman *m)
{
        const char *user = m->params->daemon->config->daemon.user;
        int r = keep_only(m->fd);

        if (r == 0)
                r = m->signal_fd = open_signals();
        if (r >= 0)
                r = sandbox_drop_user_reading(user);
        if (r == 0)
                r = sandbox_die_with_parent(m->params->warden);
        if (r == 0)
                r = read_config(m);
        if (r < 0)
                return r;
        if (m->config->mail.maildir.n == 0) {
                postman_end(m, POSTMAN_NOTHING);
                return 0;
        }
        r = set_up_inquiry(m);
        if (r == 0)
                r = start_watching(m);
        if (r == 0)
                r = close_sandbox(m);
        return r == 0 ? postman_mail_start(m) : r;
}

/* --- the loop --- */

/* A configuration that cannot be taken leaves everything as it is. */
static void on_hup(struct postman *m)
{
        _cleanup_(config_freep)
        struct config *c = NULL;

        if (config_load(m->params->daemon->config_path, &c, NULL) == 0)
                postman_end(m, POSTMAN_REREAD);
}

static void read_signals(struct postman *m)
{
        struct signalfd_siginfo si;

        while (read(m->signal_fd, &si, sizeof(si)) == sizeof(si))
                if (si.ssi_signo == SIGHUP)
                        on_hup(m);
                else
                        postman_end(m, 0);
}

/* All that lies before is done: the next postman need not look at it. Where no mail came, nothing needs to be written.
 */
static void tell_since(struct postman *m)
{
        uint64_t read = m->state.mails + m->state.unread + m->state.gone;

        if (read == m->told_read)
                return;
        m->told_read = read;
        for (size_t i = 0; i < m->config->mail.maildir.n && !m->ends; i++) {
                struct post p = {.verb = POST_DONE, .time = maildirs_since(m->maildirs, i)};

                if (p.time == m->told_since[i])
                        continue;
                m->told_since[i] = p.time;
                if (snprintf(p.path, sizeof(p.path), "%s", m->config->mail.maildir.items[i]) < (int) sizeof(p.path))
                        (void) postman_ask(m, &p);
        }
}

static void count_questions(struct postman *m)
{
        struct resolve_stats s;

        if (!m->setup->params.resolve)
                return;
        resolve_get_stats(m->setup->params.resolve, &s);
        m->state.asked = s.queries;
        m->state.unanswered = s.timed_out + s.failed + s.refused;
}

static void tell_state(struct postman *m)
{
        struct post p = {.verb = POST_STATE};
        struct maildirs_stats s;

        maildirs_get_stats(m->maildirs, &s);
        if (s.refused && !m->told_refused)
                log_warning("more than %d folders of Maildirs: some are not watched", MAILDIRS_FOLDERS);
        m->told_refused = s.refused > 0;
        m->state.maildirs = s.roots;
        m->state.missing = s.missing;
        m->state.folders = s.folders;
        m->state.waiting = s.waiting + m->state.under_way;
        m->state.gone = s.gone;
        m->state.rescans = s.overflows;
        count_questions(m);
        p.state = m->state;
        (void) postman_ask(m, &p);
}

static void turn(struct postman *m, bool *more)
{
        struct pollfd p[] = {{.fd = m->signal_fd, .events = POLLIN},
                             {.fd = m->fd, .events = POLLRDHUP},
                             {.fd = maildirs_fd(m->maildirs), .events = POLLIN},
                             {.fd = inquiry_fd(m->inquiry), .events = POLLIN}};
        nsec_t now;

        (void) alarm(0);
        if (poll(p, ELEMENTSOF(p), *more ? 0 : TURN_MSEC) < 0 && errno != EINTR) {
                postman_end(m, STATUS_FAILED);
                return;
        }
        (void) alarm(TURN_SECONDS);
        read_signals(m);
        if (p[1].revents)
                postman_end(m, POSTMAN_ENGINE);
        if (m->ends)
                return;
        now = clock_boottime();
        inquiry_process(m->inquiry, clock_realtime());
        maildirs_process(m->maildirs, now);
        *more = postman_mail_work(m);
        if (now - m->told_at >= TELL_EVERY) {
                m->told_at = now;
                tell_state(m);
        }
        if (now - m->told_since_at >= SINCE_EVERY) {
                m->told_since_at = now;
                tell_since(m);
        }
        if (maildirs_renewed(m->maildirs))
                postman_end(m, POSTMAN_RENEW);
}

static void finish(struct postman *m)
{
        inquiry_free(m->inquiry);
        maildirs_free(m->maildirs);
        inquiry_setup_free(m->setup);
        config_free(m->reread);
        free(m->head);
        closep(&m->signal_fd);
}

int postman_main(const struct postman_params *params)
{
        struct postman *m = calloc(1, sizeof(*m));
        bool more = false;
        int r;

        log_set_role("postman");
        (void) prctl(PR_SET_NAME, "postman starting"); /* for people and tests: from when on is it at work? */
        if (!m)
                return STATUS_FAILED;
        m->params = params;
        m->fd = params->engine_fd;
        m->signal_fd = -1;
        r = start(m);
        if (r < 0) {
                log_error("mail cannot be looked into: %s", strerror(-r));
                postman_end(m, STATUS_FAILED);
        } else
                (void) prctl(PR_SET_NAME, "sekimori-mail");
        while (!m->ends)
                turn(m, &more);
        r = m->status;
        finish(m);
        free(m);
        return r;
}
