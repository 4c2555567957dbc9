/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads mails step by step and says what was found. Runs where cli/mail_learn.h says. */
#include "cli/mail_learn.h"

#include <errno.h>
#include <inttypes.h>

#include "base/log.h"
#include "mail/learn.h"

/* What the callbacks of one reading share. */
struct reading {
        struct learn *learn;
        bool again; /* what is wrong was said */
        int error;
};

static void on_mail(void *userdata, const char *path _unused_, bool many _unused_, const struct mbox_mail *mail)
{
        struct reading *r = userdata;

        if (r->error == 0)
                r->error = learn_add(r->learn, mail->head, mail->len);
}

static void on_trouble(void *userdata, const char *path, const char *reason)
{
        const struct reading *r = userdata;

        if (!r->again)
                log_error("%s: %s", path, reason);
}

static bool on_stop(void *userdata)
{
        const struct reading *r = userdata;

        return r->error < 0;
}

/* --- what is said --- */

static void put_server(const struct learn_step *s, struct buf *out)
{
        learn_trust_text(s, out);
        if (s->kind != LEARN_NAME && *s->name)
                (void) buf_printf(out, " (%s)", s->name);
}

static void put_counts(const struct learn_step *s, struct buf *out)
{
        (void) buf_printf(
                out,
                "on top of %" PRIu64 " of %" PRIu64 " mails, on %u%s day%s, with %u%s network%s beneath; %u past it",
                s->mails, s->of, s->days, s->days == LEARN_SEEN ? " or more" : "", s->days == 1 ? "" : "s", s->beneath,
                s->beneath == LEARN_SEEN ? " or more" : "", s->beneath == 1 ? "" : "s", s->others);
        if (*s->by)
                (void) buf_printf(out, "; its headers are written by %s", s->by);
}

static void put_text(struct mailing *m, const struct learn_step *s, unsigned number)
{
        char text[1024], first[16];
        struct buf b = BUF_FIXED(text);

        if (s->why == LEARN_NOBODY) {
                text_wrap(&m->out, &m->cli->look, "- ",
                          "Nothing further: no mail has a hop there that tells whom it saw.");
                return;
        }
        (void) snprintf(first, sizeof(first), "%u. ", number);
        if (s->why != LEARN_PROPOSED) {
                (void) snprintf(first, sizeof(first), "- ");
                (void) buf_puts(&b, "Nothing further. Nearest is ");
        }
        put_server(s, &b);
        (void) buf_puts(&b, s->why == LEARN_PROPOSED ? " stands " : ", ");
        put_counts(s, &b);
        if (s->why != LEARN_PROPOSED)
                (void) buf_printf(&b, ". But %s", learn_why_title(s->why));
        (void) buf_puts(&b, ".");
        text_wrap(&m->out, &m->cli->look, first, buf_str(&b));
}

static void put_json(struct mailing *m, const struct learn_step *s, unsigned number)
{
        (void) buf_printf(&m->out, "{\"event_type\":\"learn\",\"step\":%u,\"proposed\":%s,\"why\":\"%s\"", number,
                          s->why == LEARN_PROPOSED ? "true" : "false", learn_why_name(s->why));
        if (s->why != LEARN_NOBODY) {
                (void) buf_puts(&m->out, ",\"server\":\"");
                learn_trust_text(s, &m->out);
                (void) buf_printf(&m->out, "\",\"name\":\"%s\",\"by\":\"%s\"", s->kind == LEARN_NAME ? "" : s->name,
                                  s->by);
        }
        (void) buf_printf(&m->out,
                          ",\"mails\":%" PRIu64 ",\"of\":%" PRIu64 ",\"days\":%u,\"beneath\":%u,\"past_it\":%u}\n",
                          s->mails, s->of, s->days, s->beneath, s->others);
}

static void put_advice(struct mailing *m, const struct learn_step *steps, unsigned n)
{
        if (m->cli->json || n == 0)
                return;
        text_wrap(
                &m->out, &m->cli->look, "",
                "Nothing was changed. Are these your own servers, or your provider's? Whoever is trusted can write "
                "beneath him what he likes, and only you know. If so, add them to the configuration or to the command "
                "line, from the first on; each is of use only with those before it:");
        (void) buf_puts(&m->out, "\nmail:\n  trust:\n");
        for (unsigned i = 0; i < n; i++) {
                (void) buf_puts(&m->out, "    - \"");
                learn_trust_text(&steps[i], &m->out);
                (void) buf_puts(&m->out, "\"\n");
        }
        (void) buf_puts(&m->out, "\nsekimori mail");
        for (unsigned i = 0; i < n; i++) {
                (void) buf_puts(&m->out, " --trust ");
                learn_trust_text(&steps[i], &m->out);
        }
        (void) buf_puts(&m->out, " PATH...\n");
}

/* --- running --- */

/* All mails once. Negative: without memory. */
static int read_once(struct mailing *m, struct reading *r, int *status)
{
        struct mail_input_params params = {.mail = on_mail, .trouble = on_trouble, .stop = on_stop, .userdata = r};
        struct mail_input_stats stats = {0};

        for (int i = optind; i < m->cli->argc && r->error == 0; i++)
                if (mail_input_read(m->cli->argv[i], &params, &stats) < 0)
                        *status = CLI_INPUT;
        if (!r->again)
                m->stats = stats;
        r->again = true;
        return r->error;
}

static int learn_all(struct mailing *m, struct reading *reading)
{
        struct learn_step steps[LEARN_STEPS + 1];
        int status = CLI_OK;
        bool more = true;
        unsigned n = 0;

        while (more) {
                int r = read_once(m, reading, &status);

                if (r < 0 || m->stats.mails == 0) {
                        log_error("%s", r < 0 ? strerror(-r) : "no mail was found");
                        return CLI_INPUT;
                }
                more = learn_end(reading->learn, &steps[n++]);
        }
        for (unsigned i = 0; i < n; i++)
                (m->cli->json ? put_json : put_text)(m, &steps[i], i + 1);
        put_advice(m, steps, n - 1);
        return cli_print(&m->out, status);
}

static int prepare(struct mailing *m)
{
        char text[1024];
        struct buf why = BUF_FIXED(text);

        for (int i = optind; i < m->cli->argc; i++)
                if (strcmp(m->cli->argv[i], "-") == 0)
                        return cli_usage(m->cli, "--learn reads mails several times, which standard input cannot be");
        if (cli_load_config(m->cli) < 0)
                return m->cli->status;
        m->params.more.offline = true;
        m->params.config = m->cli->config;
        if (mail_asking_open(&m->asking, &m->params, &why) < 0)
                return cli_usage(m->cli, "%s", buf_str(&why));
        return mail_close_sandbox(m) < 0 ? CLI_INPUT : CLI_OK;
}

int mail_learn_run(struct mailing *m)
{
        struct reading reading = {0};
        int status;

        if (m->params.more.probe || m->params.more.plan || m->again || m->report_folder)
                return cli_usage(m->cli, "--learn only counts; it goes with --trust and nothing else");
        status = prepare(m);
        if (status != CLI_OK)
                return status;
        if (learn_new(m->asking.setup->params.trust, &reading.learn) < 0) {
                log_error("out of memory");
                return CLI_INPUT;
        }
        status = learn_all(m, &reading);
        learn_free(reading.learn);
        return status;
}
