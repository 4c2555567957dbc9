/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An abuse report as XARF 4: category messaging, type spam. Runs in `sekimori mail`. */
#include <errno.h>
#include <math.h>
#include <openssl/evp.h>

#include "mail/abuse_report_internal.h"

#define XARF_VERSION     "4.0.0"
#define XARF_DESCRIPTION 1000 /* characters, by its schema */

static void put_string(struct buf *out, const char *key, const char *text)
{
        (void) buf_printf(out, ",\"%s\":", key);
        (void) buf_put_json(out, text, strlen(text));
}

static void put_contact(struct buf *out, const char *key, const char *reporter, const char *domain)
{
        (void) buf_printf(out, ",\"%s\":{\"org\":", key);
        (void) buf_put_json(out, domain, strlen(domain));
        put_string(out, "contact", reporter);
        put_string(out, "domain", domain);
        (void) buf_putc(out, '}');
}

/* "smtp" only with the sender's port and address, which the schema then wants: few servers write the port. */
static void put_protocol(const struct abuse_report *report, const struct abuse_redact *redact, struct buf *out)
{
        const struct chain *c = report->chain;
        const struct received *hop = c->boundary < c->n_hops ? &c->hops[c->boundary].r : NULL;
        _cleanup_(buf_done)
        struct buf from = BUF_HEAP(2 * ABUSE_REDACT_ADDRESS);

        if (hop && hop->port)
                (void) buf_printf(out, ",\"source_port\":%u", hop->port);
        if (hop && hop->envelope_from.len < ABUSE_REDACT_ADDRESS)
                abuse_redact_text(redact, hop->envelope_from, &from);
        if (!hop || !hop->port || !from.len || !abuse_report_domain(from.data)) {
                (void) buf_puts(out, ",\"protocol\":\"other\"");
                return;
        }
        (void) buf_puts(out, ",\"protocol\":\"smtp\"");
        put_string(out, "smtp_from", from.data);
}

static int put_evidence(const struct abuse_redact *redact, const struct abuse_report *report, struct buf *out)
{
        _cleanup_(buf_done)
        struct buf head = BUF_HEAP(ABUSE_REPORT_MAX);
        unsigned char hash[EVP_MAX_MD_SIZE];
        _cleanup_free_ unsigned char *text = NULL;
        unsigned len = sizeof(hash);

        abuse_redact_head(redact, report->head, MIN(report->len, ABUSE_REPORT_HEAD), &head);
        if (head.error)
                return head.error;
        if (head.len == 0)
                return 0;
        text = malloc(head.len * 4 / 3 + 8);
        if (!text || !EVP_Digest(head.data, head.len, hash, &len, EVP_sha256(), NULL))
                return -ENOMEM;
        (void) EVP_EncodeBlock(text, (const unsigned char *) head.data, (int) head.len);
        (void) buf_printf(out,
                          ",\"evidence\":[{\"content_type\":\"text/rfc822-headers\",\"description\":\"The mail's head "
                          "as our server left it; recipients are redacted (RFC 6590)\",\"size\":%zu,\"hash\":\"sha256:",
                          head.len);
        for (unsigned i = 0; i < len; i++)
                (void) buf_printf(out, "%02x", hash[i]);
        (void) buf_puts(out, "\",\"payload\":\"");
        (void) buf_puts(out, (const char *) text);
        return buf_puts(out, "\"}]");
}

/* Scores are ten times the logarithm of odds (docs/scoring.md). */
static double probability(int32_t score)
{
        double odds = pow(10, fmin(fmax(score / 1000.0, -9), 9));

        return odds / (1 + odds);
}

int abuse_report_xarf(const struct abuse_report *report, struct buf *out)
{
        const struct record *r = report->record;
        const char *domain = abuse_report_domain(report->reporter);
        _cleanup_free_ struct abuse_redact *redact = malloc(sizeof(*redact));
        _cleanup_(buf_done)
        struct buf told = BUF_HEAP(1u << 14);
        char addr[ADDR_TEXT_MAX], uuid[37];
        time_t seconds = (time_t) (abuse_report_time(r) / NSEC_PER_SEC);
        struct tm tm = {0};
        int error;

        if (!domain)
                return -EINVAL;
        if (!redact)
                return -ENOMEM;
        abuse_redact_begin(redact, report->key, report->head, MIN(report->len, ABUSE_REPORT_HEAD));
        abuse_report_uuid(report, uuid);
        abuse_report_tell(report, &told);
        (void) gmtime_r(&seconds, &tm);
        (void) buf_printf(out, "{\"xarf_version\":\"" XARF_VERSION "\",\"report_id\":\"%s\"", uuid);
        (void) buf_printf(out, ",\"timestamp\":\"%04d-%02d-%02dT%02d:%02d:%02dZ\"", (tm.tm_year + 1900) % 10000,
                          tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
        put_contact(out, "reporter", report->reporter, domain);
        put_contact(out, "sender", report->reporter, domain);
        put_string(out, "source_identifier", addr_format(&r->addr, addr));
        (void) buf_puts(out, ",\"category\":\"messaging\",\"type\":\"spam\",\"evidence_source\":\"automated_filter\"");
        put_protocol(report, redact, out);
        (void) buf_printf(out,
                          ",\"confidence\":%.2f,\"tags\":[\"sekimori:%s\"],\"description\":", probability(r->score),
                          judge_class_name(r->class));
        (void) buf_put_json(out, buf_str(&told), MIN(told.len, XARF_DESCRIPTION));
        error = put_evidence(redact, report, out);
        return error < 0 ? error : buf_puts(out, "}\n");
}
