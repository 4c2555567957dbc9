/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads complaints. GMime takes the mail apart; how deep, how many parts and how much of them is limited before and
 * after. Runs in whichever process reads whole mails. */
#include "mail/complaint.h"

#include <errno.h>

#include <gmime/gmime.h>

#include "mail/complaint_internal.h"
#include "mail/head.h"

/* GMime opens parts within parts by calling itself. Each of them needs one of these words. */
#define WORDS_MAX 64

const char *complaint_format_name(unsigned format)
{
        static const char *const names[COMPLAINT_FORMATS] = {"arf", "xarf", "spamcop"};

        return format < COMPLAINT_FORMATS ? names[format] : "?";
}

static bool has(struct slice text, const char *word)
{
        size_t n = strlen(word);

        for (uint32_t i = 0; i + n <= text.len; i++)
                if (strncasecmp(text.p + i, word, n) == 0)
                        return true;
        return false;
}

bool complaint_is_likely(const char *head, size_t len)
{
        struct head h = head_of(head, len);
        struct head_field f;

        while (head_next(&h, &f)) {
                f.body.len = MIN(f.body.len, 2048u);
                if (slice_is(f.name, "Content-Type") && has(f.body, "feedback-report"))
                        return true;
                if (slice_is(f.name, "X-XARF") || slice_is(f.name, "X-ARF"))
                        return true;
                if (slice_is(f.name, "Subject") && slice_begins(f.body, "[SpamCop ("))
                        return true;
        }
        return false;
}

/* Could GMime be made to call itself too often? */
static bool is_deep(const char *mail, size_t len)
{
        unsigned words = 0;

        for (const char *p = mail, *end = mail + len; (p = memchr(p, '/', (size_t) (end - p))); p++)
                if ((p - mail >= 9 && strncasecmp(p - 9, "multipart", 9) == 0) ||
                    (p - mail >= 7 && strncasecmp(p - 7, "message", 7) == 0))
                        if (++words > WORDS_MAX)
                                return true;
        return false;
}

static GByteArray *content_of(GMimeObject *part)
{
        GMimeDataWrapper *content = GMIME_IS_PART(part) ? g_mime_part_get_content((GMimePart *) part) : NULL;
        GMimeStream *stream;
        GByteArray *bytes;

        if (!content)
                return NULL;
        bytes = g_byte_array_new();
        stream = g_mime_stream_mem_new_with_byte_array(bytes);
        g_mime_stream_mem_set_owner((GMimeStreamMem *) stream, FALSE);
        (void) g_mime_data_wrapper_write_to_stream(content, stream);
        g_object_unref(stream);
        return bytes;
}

static bool is_type(GMimeObject *part, const char *type, const char *subtype)
{
        GMimeContentType *t = g_mime_object_get_content_type(part);

        return t && g_mime_content_type_is_type(t, type, subtype);
}

static void take_embedded(struct complaint_parts *p, GMimeObject *part)
{
        GMimeMessage *message = g_mime_message_part_get_message((GMimeMessagePart *) part);
        char *head = message ? g_mime_object_get_headers((GMimeObject *) message, NULL) : NULL;

        if (head && p->c->n_hops == 0)
                complaint_take_head(p->c, head, strlen(head));
        g_free(head);
}

static void take_part(struct complaint_parts *p, GMimeObject *part)
{
        const char *name = GMIME_IS_PART(part) ? g_mime_part_get_filename((GMimePart *) part) : NULL;
        size_t name_len = name ? strlen(name) : 0;
        bool json =
                is_type(part, "application", "json") || (name_len > 5 && strcasecmp(name + name_len - 5, ".json") == 0);
        GByteArray *bytes = content_of(part);
        const char *text;

        if (!bytes)
                return;
        text = (const char *) bytes->data;
        if (bytes->len == 0)
                ;
        else if (is_type(part, "message", "feedback-report"))
                complaint_take_arf(p, text, bytes->len);
        else if (is_type(part, "text", "rfc822-headers") && p->c->n_hops == 0)
                complaint_take_head(p->c, text, bytes->len);
        else if (json)
                complaint_take_json(p, text, bytes->len);
        else if (is_type(part, "text", "*"))
                complaint_take_yaml(p, text, bytes->len);
        g_byte_array_unref(bytes);
}

static void take_parts(struct complaint_parts *p, GMimeObject *part, unsigned depth)
{
        if (!part || depth > COMPLAINT_DEPTH || ++p->parts > COMPLAINT_PARTS)
                return;
        if (GMIME_IS_MULTIPART(part)) {
                int n = g_mime_multipart_get_count((GMimeMultipart *) part);

                for (int i = 0; i < n && i < COMPLAINT_PARTS; i++)
                        take_parts(p, g_mime_multipart_get_part((GMimeMultipart *) part, i), depth + 1);
        } else if (GMIME_IS_MESSAGE_PART(part))
                take_embedded(p, part); /* not what is within: it is what is complained about */
        else
                take_part(p, part);
}

/* The first text of a mail, decoded. */
static int take_spamcop(GMimeMessage *message, struct complaint *c, struct slice subject)
{
        GMimeObject *part = g_mime_message_get_mime_part(message);
        GByteArray *bytes;
        int r;

        for (unsigned depth = 0; part && GMIME_IS_MULTIPART(part) && depth < COMPLAINT_DEPTH; depth++)
                part = g_mime_multipart_get_count((GMimeMultipart *) part) ?
                               g_mime_multipart_get_part((GMimeMultipart *) part, 0) :
                               NULL;
        bytes = part ? content_of(part) : NULL;
        r = complaint_take_spamcop(c, subject, bytes && bytes->len ? (const char *) bytes->data : "",
                                   bytes ? bytes->len : 0);
        if (bytes)
                g_byte_array_unref(bytes);
        return r;
}

/* The domain of From:, and the subject. */
static struct slice read_head(const char *mail, size_t len, struct complaint *c)
{
        struct slice subject = {0};
        struct head h = head_of(mail, len);
        struct head_field f;

        while (head_next(&h, &f))
                if (slice_is(f.name, "Subject"))
                        subject = f.body;
                else if (slice_is(f.name, "From")) {
                        const char *at = slice_last(f.body, '@'), *end = slice_end(f.body);
                        const char *stop = at ? at + 1 : NULL;

                        while (stop && stop < end && (slice_is_alnum(*stop) || *stop == '.' || *stop == '-'))
                                stop++;
                        if (at)
                                complaint_text(slice_from(at + 1, stop), c->from);
                }
        return subject;
}

static int read_message(GMimeMessage *message, const char *mail, size_t len, struct complaint *c)
{
        struct complaint_parts p = {.c = c};
        struct slice subject = read_head(mail, len, c);

        take_parts(&p, g_mime_message_get_mime_part(message), 0);
        if (!p.arf && !p.xarf) {
                c->format = COMPLAINT_SPAMCOP;
                return take_spamcop(message, c, subject);
        }
        c->format = p.xarf ? COMPLAINT_XARF : COMPLAINT_ARF;
        return addr_is_unspecified(&c->accused) && c->n_hops == 0 ? -EBADMSG : 0;
}

int complaint_read(const char *mail, size_t len, struct complaint *ret)
{
        struct complaint c = {.incidents = 1};
        GMimeStream *stream;
        GMimeParser *parser;
        GMimeMessage *message;
        int r;

        if (len > COMPLAINT_MAX)
                return -E2BIG;
        if (!complaint_is_likely(mail, len))
                return -ENOMSG;
        if (is_deep(mail, len))
                return -EBADMSG;
        stream = g_mime_stream_mem_new_with_buffer(mail, len);
        parser = g_mime_parser_new_with_stream(stream);
        message = g_mime_parser_construct_message(parser, NULL);
        r = message ? read_message(message, mail, len, &c) : -EBADMSG;
        if (message)
                g_object_unref(message);
        g_object_unref(parser);
        g_object_unref(stream);
        if (r == 0)
                *ret = c;
        return r;
}
