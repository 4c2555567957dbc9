/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the forms of a complaint say. Runs in whichever process reads whole mails. */
#include <errno.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "mail/complaint_internal.h"
#include "mail/date.h"
#include "mail/head.h"
#include "mail/received.h"

#define OFFENDING_MAX 4096 /* bytes of a SpamCop report before the mail that it is about */

bool complaint_date(struct slice text, nsec_t *ret)
{
        char iso[CLOCK_TEXT_MAX];
        struct slice rest = slice_trim(text);
        struct date date;

        if (date_read(&rest, &date) == 0) {
                *ret = date.time;
                return date.time > 0;
        }
        rest = slice_trim(text);
        if (rest.len == 0 || rest.len >= sizeof(iso))
                return false;
        memcpy(iso, rest.p, rest.len);
        iso[rest.len] = '\0';
        return clock_parse_iso(iso, ret) == 0 && *ret > 0;
}

bool complaint_address(struct slice text, struct addr *ret)
{
        char plain[ADDR_TEXT_MAX];

        text = slice_trim(text);
        while (text.len && strchr("\"'[(<", text.p[0]))
                text = slice_skip(text, 1);
        while (text.len && strchr("\"'])>", text.p[text.len - 1]))
                text.len--;
        if (slice_begins(text, "IPv6:"))
                text = slice_skip(text, 5);
        if (text.len == 0 || text.len >= sizeof(plain))
                return false;
        memcpy(plain, text.p, text.len);
        plain[text.len] = '\0';
        return addr_parse(plain, ret) == 0;
}

void complaint_text(struct slice text, char ret[static COMPLAINT_TEXT])
{
        size_t n = 0;

        text = slice_trim(text);
        for (; n < text.len && n < COMPLAINT_TEXT - 1; n++)
                ret[n] = text.p[n] > 32 && text.p[n] < 127 ? text.p[n] : '_';
        ret[n] = '\0';
}

uint8_t complaint_about_of(struct slice type)
{
        static const struct {
                const char *word;
                uint8_t about;
        } words[] = {
                {"not-spam", COMPLAINT_NOTHING},
                {"opt-out", COMPLAINT_NOTHING},
                {"auth-failure", COMPLAINT_NOTHING},
                {"miscategorized", COMPLAINT_NOTHING},
                {"dmarc", COMPLAINT_NOTHING},
                {"abuse", COMPLAINT_OF_SPAM},
                {"spam", COMPLAINT_OF_SPAM},
                {"bulk_messaging", COMPLAINT_OF_SPAM},
                {"fraud", COMPLAINT_OF_SPAM},
                {"phishing", COMPLAINT_OF_SPAM},
                {"virus", COMPLAINT_OF_ATTACK},
                {"malware", COMPLAINT_OF_ATTACK},
                {"malware-attack", COMPLAINT_OF_ATTACK},
                {"login-attack", COMPLAINT_OF_ATTACK},
                {"login_attack", COMPLAINT_OF_ATTACK},
                {"auth_failure", COMPLAINT_OF_ATTACK},
                {"port_scan", COMPLAINT_OF_ATTACK},
                {"portscan", COMPLAINT_OF_ATTACK},
                {"scan", COMPLAINT_OF_ATTACK},
                {"ddos", COMPLAINT_OF_ATTACK},
                {"bot", COMPLAINT_OF_ATTACK},
                {"botnet", COMPLAINT_OF_ATTACK},
                {"infected_host", COMPLAINT_OF_ATTACK},
                {"vulnerability_scan", COMPLAINT_OF_ATTACK},
                {"vulnerability_scanning", COMPLAINT_OF_ATTACK},
                {"sql_injection", COMPLAINT_OF_ATTACK},
                {"reconnaissance", COMPLAINT_OF_ATTACK},
                {"web-attack", COMPLAINT_OF_ATTACK},
        };

        type = slice_trim(type);
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (slice_is_n(type, words[i].word, strlen(words[i].word)))
                        return words[i].about;
        return COMPLAINT_NOTHING;
}

static void set_type(struct complaint_parts *p, struct slice type)
{
        complaint_text(type, p->c->type);
        p->c->about = complaint_about_of(type);
}

static uint32_t number_of(struct slice text, uint32_t most)
{
        uint64_t n = 0;

        text = slice_trim(text);
        for (uint32_t i = 0; i < text.len && i < 10 && slice_is_digit(text.p[i]); i++)
                n = n * 10 + (uint64_t) (text.p[i] - '0');
        return n > most ? 0 : (uint32_t) n;
}

void complaint_take_arf(struct complaint_parts *p, const char *text, size_t len)
{
        struct head h = head_of(text, len);
        struct head_field f;

        while (head_next(&h, &f))
                if (slice_is(f.name, "Feedback-Type")) {
                        p->arf = true;
                        /* XARF in the same envelope says more than the envelope. */
                        if (!p->xarf)
                                set_type(p, f.body);
                } else if (slice_is(f.name, "Source-IP") && !p->xarf)
                        (void) complaint_address(f.body, &p->c->accused);
                else if (slice_is(f.name, "Source-Port"))
                        p->c->port = (uint16_t) number_of(f.body, UINT16_MAX);
                else if (slice_is(f.name, "Arrival-Date") || slice_is(f.name, "Received-Date"))
                        (void) complaint_date(f.body, &p->c->time);
                else if (slice_is(f.name, "Incidents"))
                        p->c->incidents = MAX(1u, number_of(f.body, UINT32_MAX));
}

static struct slice unquote(struct slice s)
{
        s = slice_trim(s);
        if (s.len >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.len - 1] == s.p[0])
                s = (struct slice){s.p + 1, s.len - 2};
        return s;
}

void complaint_take_yaml(struct complaint_parts *p, const char *text, size_t len)
{
        struct slice source = {0}, type = {0}, date = {0}, schema = {0};
        struct head h = head_of(text, len);
        struct head_field f;
        struct addr a;

        while (h.p < h.end && (*h.p == '\n' || *h.p == '\r'))
                h.p++;
        while (head_next(&h, &f))
                if (slice_is(f.name, "Source"))
                        source = unquote(f.body);
                else if (slice_is(f.name, "Report-Type"))
                        type = unquote(f.body);
                else if (slice_is(f.name, "Date"))
                        date = unquote(f.body);
                else if (slice_is(f.name, "Schema-URL") || slice_is(f.name, "Reported-From"))
                        schema = f.body;
        if (p->xarf || !type.len || !schema.len || !complaint_address(source, &a))
                return;
        p->xarf = true;
        p->c->accused = a;
        set_type(p, type);
        (void) complaint_date(date, &p->c->time);
}

static struct slice text_at(const json_t *json, const char *key)
{
        const char *text = json_string_value(json_object_get(json, key));

        return (struct slice){text, text ? (uint32_t) json_string_length(json_object_get(json, key)) : 0};
}

void complaint_take_json(struct complaint_parts *p, const char *text, size_t len)
{
        json_t *json = json_loadb(text, len, 0, NULL), *report = json_object_get(json, "Report");
        struct slice source = text_at(json, "source_identifier"), type = text_at(json, "type");
        struct slice date = text_at(json, "timestamp");
        json_int_t port = json_integer_value(json_object_get(json, "source_port"));
        struct addr a;

        if (report) { /* version 3 */
                const json_t *from = json_object_get(report, "Source");

                source = from ? text_at(from, "IP") : text_at(report, "SourceIp");
                type = text_at(report, "ReportType");
                date = text_at(report, "Date");
                port = json_integer_value(json_object_get(from, "Port"));
        }
        if (type.len && complaint_address(source, &a)) {
                p->xarf = true;
                p->c->accused = a;
                set_type(p, type);
                p->c->port = port > 0 && port <= UINT16_MAX ? (uint16_t) port : 0;
                (void) complaint_date(date, &p->c->time);
        }
        json_decref(json);
}

void complaint_take_head(struct complaint *c, const char *text, size_t len)
{
        struct head h = head_of(text, len);
        struct head_field f;
        struct received r;

        while (h.p < h.end && (*h.p == '\n' || *h.p == '\r' || *h.p == ' '))
                h.p++;
        while (c->n_hops < COMPLAINT_HOPS && head_next(&h, &f)) {
                if (!slice_is(f.name, "Received") || received_read(f.body, &r) != RECEIVED_PEER)
                        continue;
                c->hops[c->n_hops++] = r.peer;
                if (c->time == 0 && r.date.flags & DATE_READ)
                        c->time = MAX(r.date.time, 0);
        }
}

/* "Email from 192.0.2.1 / Sun, 11 Aug 2002 00:11:15 -0700" */
static void take_spamcop_line(struct complaint *c, struct slice line)
{
        const char *slash = memchr(line.p, '/', line.len);
        struct addr a;

        if (!slash || !complaint_address(slice_from(line.p, slash), &a) || !addr_equal(&a, &c->accused))
                return;
        (void) complaint_date(slice_from(slash + 1, slice_end(line)), &c->time);
}

int complaint_take_spamcop(struct complaint *c, struct slice subject, const char *text, size_t len)
{
        static const char begins[] = "[SpamCop (", line[] = "Email from ", offending[] = "Offending message";
        const char *close, *p, *end = text + len;

        subject = slice_trim(subject);
        if (!slice_begins_n(subject, begins, sizeof(begins) - 1))
                return -ENOMSG;
        subject = slice_skip(subject, sizeof(begins) - 1);
        close = memchr(subject.p, ')', subject.len);
        if (!close || !complaint_address(slice_from(subject.p, close), &c->accused))
                return -ENOMSG; /* about a web site */
        complaint_text((struct slice){"spam", 4}, c->type);
        c->about = COMPLAINT_OF_SPAM;
        p = memmem(text, MIN(len, OFFENDING_MAX), line, sizeof(line) - 1);
        if (p) {
                const char *stop = memchr(p, '\n', (size_t) (end - p));

                take_spamcop_line(c, slice_from(p + sizeof(line) - 1, stop ? stop : end));
        }
        p = memmem(text, MIN(len, OFFENDING_MAX), offending, sizeof(offending) - 1);
        p = p ? memchr(p, '\n', (size_t) (end - p)) : NULL;
        if (p)
                complaint_take_head(c, p, (size_t) (end - p));
        return 0;
}
