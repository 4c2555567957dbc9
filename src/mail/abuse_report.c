/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An abuse report as a mail: what happened in words, the same for programs, and the redacted head. Runs in `sekimori
 * mail`. */
#include "mail/abuse_report.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <time.h>

#include <gmime/gmime.h>

#include "mail/abuse_report_internal.h"
#include "mail/kinds.h"

bool abuse_report_wanted(const struct record *record, const struct chain *chain)
{
        return chain && chain->end == CHAIN_END_RELAY &&
               (record->class == JUDGE_DIRECT_BOT || record->class == JUDGE_OPEN_PROXY ||
                record->class == JUDGE_ABUSED_SERVER);
}

const char *abuse_report_domain(const char *reporter)
{
        const char *at = strrchr(reporter, '@');

        if (!at || at == reporter || !at[1] || strlen(reporter) > 254)
                return NULL;
        for (const char *p = reporter; *p; p++)
                if ((unsigned char) *p <= ' ' || *p == 127 || strchr("<>,;:\"()[]\\", *p))
                        return NULL;
        return at + 1;
}

bool abuse_report_is_address(const char *text)
{
        return abuse_report_domain(text) != NULL;
}

nsec_t abuse_report_time(const struct record *record)
{
        return record->came ? record->came : record->asked;
}

void abuse_report_uuid(const struct abuse_report *report, char text[static 37])
{
        nsec_t when = abuse_report_time(report->record);
        unsigned char bytes[sizeof(report->record->addr) + sizeof(when) + 16], u[EVP_MAX_MD_SIZE] = {0};
        unsigned len = sizeof(u);

        memcpy(bytes, &report->record->addr, 16);
        memcpy(bytes + 16, &when, sizeof(when));
        memcpy(bytes + 16 + sizeof(when), report->record->mail, 16);
        (void) EVP_Digest(bytes, sizeof(bytes), u, &len, EVP_sha256(), NULL);
        u[6] = (unsigned char) (0x80 | (u[6] & 0x0f));
        u[8] = (unsigned char) (0x80 | (u[8] & 0x3f));
        (void) snprintf(text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
                        u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

/* RFC 5322 3.3, in UTC and in English whatever the locale. */
static const char *format_date(nsec_t t, char text[static 40])
{
        static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
        time_t seconds = (time_t) (t / NSEC_PER_SEC);
        struct tm tm = {0};

        (void) gmtime_r(&seconds, &tm);
        (void) snprintf(text, 40, "%.3s, %02d %.3s %04d %02d:%02d:%02d +0000", days + 3 * tm.tm_wday, tm.tm_mday,
                        months + 3 * tm.tm_mon, (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
        return text;
}

const char *abuse_report_name(const struct record *record, char name[static ABUSE_REPORT_NAME])
{
        time_t seconds = (time_t) (abuse_report_time(record) / NSEC_PER_SEC);
        char addr[ADDR_TEXT_MAX];
        struct tm tm = {0};

        (void) gmtime_r(&seconds, &tm);
        (void) addr_format(&record->addr, addr);
        for (char *p = addr; *p; p++)
                if (*p == ':') /* of IPv6; no file name on other systems */
                        *p = '-';
        (void) snprintf(name, ABUSE_REPORT_NAME, "%04d%02d%02dT%02d%02d%02dZ-%s", (tm.tm_year + 1900) % 10000,
                        tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, addr);
        return name;
}

void abuse_report_tell(const struct abuse_report *report, struct buf *out)
{
        const struct record *r = report->record;
        char addr[ADDR_TEXT_MAX], date[40];

        (void) buf_printf(out, "A mail that we take for spam was delivered to us from %s at %s.\n",
                          addr_format(&r->addr, addr), format_date(abuse_report_time(r), date));
        (void) buf_printf(out, "We take that machine for %s.\n\nWhat speaks for that:\n", judge_class_title(r->class));
        for (unsigned i = 0; i < JUDGE_SIGNS; i++)
                if (r->speak_for & 1u << i)
                        (void) buf_printf(out, "- %s\n", judge_sign_title(i));
        (void) buf_puts(out,
                        "\nAddresses change hands: the time counts. The address is the one that our server saw; what "
                        "stands below its header is the sender's word.\nRecipients are redacted (RFC 6590).\n");
}

/* The hop that tells of the relay. */
static const struct received *seen_by(const struct abuse_report *report)
{
        const struct chain *c = report->chain;

        return c->boundary < c->n_hops ? &c->hops[c->boundary].r : NULL;
}

static bool is_host_name(struct slice s)
{
        if (s.len == 0 || s.len > 253)
                return false;
        for (uint32_t i = 0; i < s.len; i++)
                if (!slice_is_alnum(s.p[i]) && s.p[i] != '.' && s.p[i] != '-')
                        return false;
        return memchr(s.p, '.', s.len) != NULL;
}

/* The part for programs (RFC 5965 3, RFC 6692). */
static void put_fields(const struct abuse_report *report, struct buf *out)
{
        const struct record *r = report->record;
        const struct received *hop = seen_by(report);
        char addr[ADDR_TEXT_MAX], date[40];
        struct slice domain;

        (void) buf_puts(out, "Feedback-Type: abuse\nUser-Agent: sekimori/" SEKIMORI_VERSION "\nVersion: 1\n");
        (void) buf_printf(out, "Source-IP: %s\nArrival-Date: %s\nIncidents: 1\n", addr_format(&r->addr, addr),
                          format_date(abuse_report_time(r), date));
        if (hop && hop->port)
                (void) buf_printf(out, "Source-Port: %u\n", hop->port);
        if (hop && is_host_name(hop->by))
                (void) buf_printf(out, "Reporting-MTA: dns; %.*s\n", (int) hop->by.len, hop->by.p);
        domain = kinds_domain((struct slice){r->rdns, (uint32_t) strlen(r->rdns)});
        if (r->signs[JUDGE_SIGN_CONFIRMED] == ANSWER_YES && is_host_name(domain))
                (void) buf_printf(out, "Reported-Domain: %.*s\n", (int) domain.len, domain.p);
        (void) buf_printf(out, "X-Sekimori-Class: %s\n", judge_class_name(r->class));
}

/* Of any bytes; GMime encodes what is not ASCII. */
static GMimeObject *new_part(const char *type, const char *subtype, const struct buf *text)
{
        GMimePart *part = g_mime_part_new_with_type(type, subtype);
        GMimeStream *stream = g_mime_stream_mem_new_with_buffer(buf_str(text), text->len);
        GMimeDataWrapper *content = g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT);

        g_mime_part_set_content(part, content);
        g_object_unref(content);
        g_object_unref(stream);
        g_mime_object_encode((GMimeObject *) part, GMIME_ENCODING_CONSTRAINT_7BIT);
        return (GMimeObject *) part;
}

static GMimeMultipart *new_report(const struct abuse_report *report)
{
        static const char *const types[][2] = {
                {"text", "plain"}, {"message", "feedback-report"}, {"text", "rfc822-headers"}};
        GMimeMultipart *all = g_mime_multipart_new_with_subtype("report");
        _cleanup_free_ struct abuse_redact *redact = malloc(sizeof(*redact));
        struct buf texts[3] = {BUF_HEAP(ABUSE_REPORT_MAX), BUF_HEAP(ABUSE_REPORT_MAX), BUF_HEAP(ABUSE_REPORT_MAX)};
        int error = redact ? 0 : -ENOMEM;
        char boundary[64];

        if (redact) {
                abuse_report_tell(report, &texts[0]);
                put_fields(report, &texts[1]);
                abuse_redact_begin(redact, report->key, report->head, MIN(report->len, ABUSE_REPORT_HEAD));
                abuse_redact_head(redact, report->head, MIN(report->len, ABUSE_REPORT_HEAD), &texts[2]);
        }
        g_mime_object_set_content_type_parameter((GMimeObject *) all, "report-type", "feedback-report");
        (void) memcpy(boundary, "sekimori-", 9);
        abuse_report_uuid(report, boundary + 9);
        g_mime_multipart_set_boundary(all, boundary);
        for (unsigned i = 0; i < 3; i++) {
                GMimeObject *part = new_part(types[i][0], types[i][1], &texts[i]);

                g_mime_multipart_add(all, part);
                g_object_unref(part);
                error = error ? error : texts[i].error;
                buf_done(&texts[i]);
        }
        if (!error)
                return all;
        g_object_unref(all);
        return NULL;
}

int abuse_report_arf(const struct abuse_report *report, struct buf *out)
{
        const char *domain = abuse_report_domain(report->reporter);
        char addr[ADDR_TEXT_MAX], date[40], uuid[37], *text;
        GMimeMultipart *all;
        int r;

        if (!domain)
                return -EINVAL;
        all = new_report(report);
        if (!all)
                return -ENOMEM;
        abuse_report_uuid(report, uuid);
        r = buf_printf(out, "From: <%s>\nDate: %s\nMessage-ID: <%s@%s>\n", report->reporter,
                       format_date(report->now, date), uuid, domain);
        r = buf_printf(out, "Subject: Abuse report: mail from %s at %s\nMIME-Version: 1.0\n",
                       addr_format(&report->record->addr, addr), format_date(abuse_report_time(report->record), date));
        text = g_mime_object_to_string((GMimeObject *) all, NULL);
        g_object_unref(all);
        r = text ? buf_puts(out, text) : -ENOMEM;
        g_free(text);
        return r;
}
