/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `sekimori mail` says: mails, progress, the summary. Runs in the command line. */
#include <inttypes.h>

#include "base/log.h"
#include "cli/mailing.h"
#include "view/mail_text.h"

void mail_tell_write(struct mailing *m)
{
        if (m->shown)
                fputs("\r\033[K", stderr);
        m->shown = false;
        if (m->out.len && !m->gone && cli_print(&m->out, CLI_OK) != CLI_OK)
                m->gone = true;
        buf_reset(&m->out);
}

static void put_plan(struct mailing *m, const struct record *r)
{
        char text[1024], ip[ADDR_TEXT_MAX];
        struct buf plan = BUF_FIXED(text);

        inquiry_plan(m->asking.inquiry, clock_realtime(), &r->addr, r->came, &plan);
        if (!m->cli->json) {
                text_wrap(&m->out, &m->cli->look, "  plan: ", buf_str(&plan));
                return;
        }
        (void) buf_printf(&m->out, "{\"event_type\":\"plan\",\"relay\":\"%s\",\"text\":", addr_format(&r->addr, ip));
        (void) buf_put_json(&m->out, plan.data, plan.len - (plan.len > 0 && plan.data[plan.len - 1] == '\n'));
        (void) buf_puts(&m->out, "}\n");
}

static void count(struct mailing *m, const struct chain *c)
{
        m->ends[c->end]++;
        for (uint32_t i = 0; i < c->n_hops; i++)
                if (c->hops[i].role == CHAIN_FORGED) {
                        m->forged++;
                        break;
                }
}

void mail_tell(struct mailing *m, const struct passing *p, const struct chain *chain, const struct record *record)
{
        const struct inquiry_setup *s = m->asking.setup;
        struct mail_text told = {.path = p->path,
                                 .number = p->number,
                                 .cut = p->cut,
                                 .chain = chain,
                                 .record = record,
                                 .lists = s->lists,
                                 .n_lists = s->n_lists,
                                 .asked = s->params.resolve != NULL};

        count(m, chain);
        if (m->cli->json) {
                mail_text_json(&m->out, &told);
                (void) buf_putc(&m->out, '\n');
        } else
                mail_text_put(&m->out, &m->cli->look, &told);
        if (m->params.more.plan && chain->end == CHAIN_END_RELAY)
                put_plan(m, record);
        if (m->out.len >= MAIL_WRITE_AT)
                mail_tell_write(m);
}

void mail_tell_progress(struct mailing *m)
{
        unsigned waiting = inquiry_waiting(m->asking.inquiry);

        fprintf(stderr, "\r\033[K%" PRIu64 " mails  %.1f MB", m->stats.mails, (double) m->stats.bytes / 1e6);
        if (m->stats.size > m->stats.at)
                fprintf(stderr, "  %.0f %% of this file", 100 * (double) m->stats.at / (double) m->stats.size);
        if (waiting)
                fprintf(stderr, "  %u wait for answers", waiting);
        m->shown = true;
}

/* --- the summary --- */

static void put_summary_json(struct mailing *m, const struct inquiry_stats *asked)
{
        (void) buf_printf(&m->out,
                          "{\"event_type\":\"summary\",\"mails\":%" PRIu64 ",\"with_relay\":%" PRIu64
                          ",\"from_within\":%" PRIu64 ",\"from_users\":%" PRIu64 ",\"not_known\":%" PRIu64
                          ",\"without_received\":%" PRIu64 ",\"forged\":%" PRIu64 ",\"files\":%" PRIu64
                          ",\"skipped\":%" PRIu64 ",\"gone\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"classes\":{",
                          m->stats.mails, m->ends[CHAIN_END_RELAY], m->ends[CHAIN_END_WITHIN], m->ends[CHAIN_END_USER],
                          m->ends[CHAIN_END_BLIND], m->ends[CHAIN_END_NONE], m->forged, m->stats.files,
                          m->stats.skipped, m->stats.gone, m->stats.bytes);
        for (unsigned c = 0; c < JUDGE_CLASSES; c++)
                (void) buf_printf(&m->out, "%s\"%s\":%" PRIu64, c ? "," : "", judge_class_name(c), asked->judged[c]);
        (void) buf_printf(&m->out, "},\"relays\":%" PRIu64 ",\"probed\":%" PRIu64, asked->relays, asked->probed);
        mail_records_put_summary(m->records, &m->out, true);
        (void) buf_puts(&m->out, "}\n");
}

static void put_asked(struct mailing *m, const struct inquiry_stats *asked)
{
        if (!m->asking.setup->params.resolve && !asked->probed) {
                (void) buf_puts(&m->out, " Nobody was asked: no packet was sent.\n");
                return;
        }
        (void) buf_puts(&m->out, " DNS was asked about ");
        text_count(&m->out, asked->relays, "relay");
        if (asked->probed)
                (void) buf_printf(&m->out, ", and %" PRIu64 " probed", asked->probed);
        (void) buf_puts(&m->out, ".\n");
}

static void put_summary(struct mailing *m)
{
        struct mail_records_stats kept;
        struct inquiry_stats asked;
        uint64_t without;

        inquiry_get_stats(m->asking.inquiry, &asked);
        mail_records_get_stats(m->records, &kept);
        without = m->stats.mails - MIN(m->stats.mails, m->ends[CHAIN_END_RELAY] + kept.skipped);
        if (m->cli->json) {
                put_summary_json(m, &asked);
                return;
        }
        if (m->stats.mails < 2 && !m->stats.skipped && !m->records)
                return;
        text_count(&m->out, m->stats.mails, "mail");
        (void) buf_printf(&m->out,
                          ": %" PRIu64 " with a last external relay, %" PRIu64 " without; forged headers in %" PRIu64,
                          m->ends[CHAIN_END_RELAY], without, m->forged);
        if (m->stats.skipped)
                (void) buf_printf(&m->out, "; %" PRIu64 " files that are no mail", m->stats.skipped);
        (void) buf_puts(&m->out, ".");
        for (unsigned c = JUDGE_DIRECT_BOT; c < JUDGE_CLASSES; c++)
                if (asked.judged[c])
                        (void) buf_printf(&m->out, " From %s: %" PRIu64 ".", judge_class_title(c), asked.judged[c]);
        put_asked(m, &asked);
        mail_records_put_summary(m->records, &m->out, false);
}

/* "No answers" must not look like "nothing is listed". */
static void warn_of_resolver(struct mailing *m)
{
        struct resolve_stats s;

        if (!m->asking.setup->params.resolve)
                return;
        resolve_get_stats(m->asking.setup->params.resolve, &s);
        if (s.queries > 0 && s.answered == 0)
                log_warning("the resolver did not answer: what was asked is not known. --offline asks nobody");
        else if (s.timed_out + s.failed + s.refused > 0)
                log_notice("of %" PRIu64 " questions to DNS, %" PRIu64 " were not answered", s.queries,
                           s.timed_out + s.failed + s.refused);
}

void mail_tell_end(struct mailing *m)
{
        char text[512];
        struct buf reports = BUF_FIXED(text);

        put_summary(m);
        mail_tell_write(m);
        if (m->reports)
                mail_reports_tell(m->reports, &reports);
        if (reports.len)
                log_notice("%s", text);
        warn_of_resolver(m);
}
