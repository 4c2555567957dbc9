/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Takes recipients out of a mail's head. Runs in `sekimori mail`. */
#include "mail/abuse_redact.h"

#include <gmime/gmime.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "mail/head.h"

#define ENCODED_MAX (1u << 16)

/* Fields that name recipients. */
static const char *const recipients[] = {"To",
                                         "Cc",
                                         "Bcc",
                                         "Delivered-To",
                                         "X-Original-To",
                                         "Envelope-To",
                                         "Apparently-To",
                                         "X-Envelope-To",
                                         "Resent-To",
                                         "Resent-Cc",
                                         "Resent-Bcc",
                                         "X-RCPT-To",
                                         "X-Delivered-To"};

/* Fields that lead to the sender. Free text is not among them but the subject, by which people know a mail. */
static const char *const kept[] = {
        "Received",       "Return-Path",  "From",         "Reply-To",         "Sender",
        "Date",           "Message-ID",   "Subject",      "X-Mailer",         "User-Agent",
        "DKIM-Signature", "Received-SPF", "MIME-Version", "X-Originating-IP", "Authentication-Results"};

static bool is_one_of(struct slice name, const char *const *names, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (slice_is_n(name, names[i], strlen(names[i])))
                        return true;
        return false;
}

/* RFC 5322 3.2.3, and letters beyond ASCII (RFC 6532). */
static bool is_atom(char c)
{
        return slice_is_alnum(c) || (unsigned char) c >= 0x80 || (c && strchr("!#$%&'*+-/=?^_`{|}~.", c));
}

static bool is_domain(char c)
{
        return slice_is_alnum(c) || c == '.' || c == '-' || c == '_' || (unsigned char) c >= 0x80;
}

static void learn(struct abuse_redact *r, const char *begin, const char *at, const char *end)
{
        size_t len = (size_t) (end - begin);

        if (begin == at || end == at + 1)
                return;
        for (unsigned i = 0; i < r->n; i++)
                if (r->who[i].len == len && strncasecmp(r->who[i].text, begin, len) == 0)
                        return;
        if (r->n == ABUSE_REDACT_WHO || len >= ABUSE_REDACT_ADDRESS) {
                r->over = true;
                return;
        }
        memcpy(r->who[r->n].text, begin, len);
        r->who[r->n].local = (uint16_t) (at - begin);
        r->who[r->n++].len = (uint16_t) len;
}

/* Every address in a text, as far as that can be told without reading its grammar: too many rather than too few. */
static void learn_all(struct abuse_redact *r, struct slice text)
{
        const char *from = text.p, *end = slice_end(text);

        for (const char *at = text.p; at < end && (at = memchr(at, '@', (size_t) (end - at))); at++) {
                const char *begin = at, *stop = at + 1;

                if (begin > from && begin[-1] == '"') {
                        for (begin--; begin > from && begin[-1] != '"'; begin--)
                                ;
                        begin -= begin > from;
                } else
                        while (begin > from && is_atom(begin[-1]))
                                begin--;
                while (stop < end && is_domain(*stop))
                        stop++;
                learn(r, begin, at, stop);
                from = at + 1;
        }
}

/* What stands behind the word "for" in Received:. */
static void learn_received(struct abuse_redact *r, struct slice body)
{
        const char *end = slice_end(body);

        for (const char *p = body.p; p && p + 5 < end; p++)
                if (slice_is_space(p[0]) && strncasecmp(p + 1, "for", 3) == 0 && slice_is_space(p[4])) {
                        const char *stop = memchr(p, ';', (size_t) (end - p));

                        learn_all(r, slice_from(p + 4, stop ? stop : end));
                }
}

void abuse_redact_begin(struct abuse_redact *r, const uint8_t key[static ABUSE_REDACT_KEY], const char *head,
                        size_t len)
{
        struct head h = head_of(head, len);
        struct head_field f;

        memcpy(r->key, key, sizeof(r->key));
        r->n = 0;
        r->over = false;
        while (head_next(&h, &f))
                if (is_one_of(f.name, recipients, ELEMENTSOF(recipients)))
                        learn_all(r, f.body);
                else if (slice_is(f.name, "Received"))
                        learn_received(r, f.body);
}

/* RFC 6590 3 wants a hash over a secret and the local part, in Base64; letters' case does not count, as at nearly all
 * mail servers. 18 bytes of HMAC-SHA-256 are 24 letters without padding. */
static void put_hash(const struct abuse_redact *r, const char *local, size_t len, struct buf *out)
{
        unsigned char lower[ABUSE_REDACT_ADDRESS], hash[EVP_MAX_MD_SIZE], text[32];
        unsigned hash_len = sizeof(hash);

        for (size_t i = 0; i < len; i++)
                lower[i] = (unsigned char) (local[i] >= 'A' && local[i] <= 'Z' ? local[i] | 0x20 : local[i]);
        if (!HMAC(EVP_sha256(), r->key, sizeof(r->key), lower, len, hash, &hash_len)) {
                (void) buf_puts(out, "redacted");
                return;
        }
        (void) EVP_EncodeBlock(text, hash, 18);
        (void) buf_put(out, text, 24);
}

/* The recipient whose address begins here: with @, or as bounces and links write it, with = or %40. */
static size_t match(const struct abuse_redact *r, const char *p, const char *end, unsigned *ret)
{
        for (unsigned i = 0; i < r->n; i++) {
                size_t local = r->who[i].local, domain = (size_t) r->who[i].len - local - 1, at;

                if ((size_t) (end - p) <= local + domain || strncasecmp(p, r->who[i].text, local) != 0)
                        continue;
                at = p[local] == '@' || p[local] == '='                      ? 1 :
                     strncmp(p + local, "%40", MIN(3, end - p - local)) == 0 ? 3 :
                                                                               0;
                if (at && (size_t) (end - p) >= local + at + domain &&
                    strncasecmp(p + local + at, r->who[i].text + local + 1, domain) == 0) {
                        *ret = i;
                        return local;
                }
        }
        return 0;
}

/* The local part alone, as a word: "alice, look at this". */
static size_t match_word(const struct abuse_redact *r, struct slice text, const char *p, unsigned *ret)
{
        const char *end = slice_end(text);

        if (p > text.p && is_atom(p[-1]))
                return 0;
        for (unsigned i = 0; i < r->n; i++) {
                size_t local = r->who[i].local;

                if (local >= 3 && (size_t) (end - p) >= local && strncasecmp(p, r->who[i].text, local) == 0 &&
                    (p + local == end || !slice_is_alnum(p[local]))) {
                        *ret = i;
                        return local;
                }
        }
        return 0;
}

/* Without CR: lines end with LF here. */
static void put_lines(struct buf *out, const char *p, const char *end)
{
        for (const char *cr; p < end; p = cr + 1) {
                cr = memchr(p, '\r', (size_t) (end - p));
                if (!cr)
                        cr = end;
                (void) buf_put(out, p, (size_t) (cr - p));
        }
}

void abuse_redact_text(const struct abuse_redact *r, struct slice text, struct buf *out)
{
        const char *end = slice_end(text), *from = text.p;

        for (const char *p = text.p; p < end;) {
                unsigned who = 0;
                size_t n = match(r, p, end, &who);

                if (!n)
                        n = match_word(r, text, p, &who);
                if (!n) {
                        p++;
                        continue;
                }
                put_lines(out, from, p);
                put_hash(r, r->who[who].text, n, out);
                from = p = p + n;
        }
        put_lines(out, from, end);
}

/* Of a recipients' field: only addresses, without names. */
static void put_recipients(const struct abuse_redact *r, struct slice name, struct slice body, struct buf *out)
{
        struct abuse_redact some = {.n = 0};
        const char *before = " ";

        learn_all(&some, body);
        (void) buf_put(out, name.p, name.len);
        (void) buf_putc(out, ':');
        for (unsigned i = 0; i < some.n; i++) {
                (void) buf_puts(out, before);
                put_hash(r, some.who[i].text, some.who[i].local, out);
                (void) buf_put(out, some.who[i].text + some.who[i].local, (size_t) some.who[i].len - some.who[i].local);
                before = ",\n ";
        }
        (void) buf_putc(out, '\n');
}

/* A field whose words are encoded (RFC 2047), which could hide a recipient: the subject is written anew, of senders the
 * addresses stay. */
static void put_encoded(const struct abuse_redact *r, const struct head_field *f, struct buf *out)
{
        struct abuse_redact some = {.n = 0};
        _cleanup_(buf_done)
        struct buf raw = BUF_HEAP(ENCODED_MAX), clean = BUF_HEAP(ENCODED_MAX);
        char *text = NULL, *coded = NULL;

        if (slice_is(f->name, "Subject")) {
                (void) buf_put(&raw, f->body.p, f->body.len);
                text = g_mime_utils_header_decode_text(NULL, buf_str(&raw));
                abuse_redact_text(r, (struct slice){text, (uint32_t) strlen(text)}, &clean);
                coded = g_mime_utils_header_encode_text(NULL, buf_str(&clean), NULL);
                (void) buf_puts(out, coded);
        } else {
                learn_all(&some, f->body);
                for (unsigned i = 0; i < some.n; i++) {
                        (void) buf_puts(out, i ? ", " : "");
                        abuse_redact_text(r, (struct slice){some.who[i].text, some.who[i].len}, out);
                }
        }
        g_free(text);
        g_free(coded);
}

void abuse_redact_head(const struct abuse_redact *r, const char *head, size_t len, struct buf *out)
{
        struct head h = head_of(head, len);
        struct head_field f;

        if (r->over)
                return;
        while (head_next(&h, &f))
                if (is_one_of(f.name, recipients, ELEMENTSOF(recipients)))
                        put_recipients(r, f.name, f.body, out);
                else if (is_one_of(f.name, kept, ELEMENTSOF(kept))) {
                        (void) buf_put(out, f.name.p, f.name.len);
                        (void) buf_puts(out, ": ");
                        if (f.body.len && memmem(f.body.p, f.body.len, "=?", 2))
                                put_encoded(r, &f, out);
                        else
                                abuse_redact_text(r, f.body, out);
                        (void) buf_putc(out, '\n');
                }
}
