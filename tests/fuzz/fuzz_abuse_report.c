/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzzes abuse reports: whatever the head, no recipient's address is left in what is given away, and the forms stay
 * what they are. */
#include <ctype.h>
#include <stdlib.h>

#include <jansson.h>

#include "mail/abuse_report.h"
#include "mail/mime.h"

#define HASH 24 /* 18 bytes in Base64 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool holds)
{
        if (!holds)
                abort();
}

/* A recipient's hash ends there: it may end like another recipient's name. */
static bool ends_hash(const struct buf *out, size_t at)
{
        const char *text = buf_str(out);

        if (at < HASH)
                return false;
        for (size_t i = at - HASH; i < at; i++)
                if (!isalnum((unsigned char) text[i]) && text[i] != '+' && text[i] != '/')
                        return false;
        return true;
}

static void check_redacted(const struct abuse_redact *r, const struct buf *out)
{
        for (unsigned i = 0; i < r->n; i++) {
                const char *domain = r->who[i].text + r->who[i].local;
                size_t local = r->who[i].local;

                for (const char *p = buf_str(out), *end = p + out->len;
                     (p = memmem(p, (size_t) (end - p), domain, (size_t) r->who[i].len - local)); p++) {
                        size_t at = (size_t) (p - buf_str(out));

                        need(at < local || ends_hash(out, at) || strncasecmp(p - local, r->who[i].text, local) != 0);
                }
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct chain chain;
        static struct record record;
        static struct abuse_redact redact;
        static const uint8_t key[ABUSE_REDACT_KEY] = "a key";
        const char *head = (const char *) data;
        const struct chain_trust trust = {.n_names = 0};
        const struct abuse_report report = {.record = &record,
                                            .chain = &chain,
                                            .head = head,
                                            .len = size,
                                            .reporter = "abuse@example.org",
                                            .now = NSEC_PER_SEC,
                                            .key = key};
        _cleanup_(buf_done)
        struct buf clean = BUF_HEAP(ABUSE_REPORT_MAX), arf = BUF_HEAP(2 * ABUSE_REPORT_MAX),
                   xarf = BUF_HEAP(2 * ABUSE_REPORT_MAX);
        json_t *json;

        mime_init();
        chain_read(head, size, &trust, &chain);
        record = (struct record){.addr = chain.relay, .class = JUDGE_DIRECT_BOT, .score = 700, .speak_for = 3};
        abuse_redact_begin(&redact, key, head, size);
        abuse_redact_head(&redact, head, size, &clean);
        check_redacted(&redact, &clean);
        need(!memchr(buf_str(&clean), '\r', clean.len));
        if (abuse_report_arf(&report, &arf) == 0)
                need(strncmp(arf.data, "From: <abuse@example.org>\n", 26) == 0);
        if (abuse_report_xarf(&report, &xarf) == 0) {
                json = json_loadb(xarf.data, xarf.len, 0, NULL);
                need(json != NULL);
                json_decref(json);
        }
        return 0;
}
