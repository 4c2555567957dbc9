/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SMTP (RFC 5321) as rules look at it: who says he is whom, envelopes, and the files that mails carry. Runs where
 * rules/content.h says. */
#include "decode/line.h"
#include "rules/content_mime.h"

#define TEXT_MAX      256u
#define LINE_MAX_MAIL 1024u /* RFC 5321 4.5.3.1.6: 1000; what is longer comes in pieces */

enum mode { COMMANDS, MAIL, CHUNK };

struct smtp {
        struct line line[2]; /* of what is sent to the client, to the server */
        uint64_t chunk;      /* bytes left of a BDAT */
        uint32_t transaction;
        uint8_t mode;
        bool data_asked, tls_asked; /* by the last command; a reply to it has not come */
        bool last_chunk, chunks;    /* of this mail some came */
        bool inside;                /* the beginning of the mail's line was given away */
        uint16_t open;              /* commands without a reply */
        uint16_t helo_len, from_len, part_len;
        uint8_t helo[TEXT_MAX], from[TEXT_MAX];
        uint8_t part[LINE_MAX_MAIL];
        struct mime mime;
};

static void set_envelope(struct smtp *s, struct content_context *c, struct content_view *v)
{
        if (s->helo_len && content_wants(c, BUFFER_SMTP_HELO))
                content_set(c, v, BUFFER_SMTP_HELO, s->helo, s->helo_len);
        if (s->from_len && content_wants(c, BUFFER_SMTP_MAIL_FROM))
                content_set(c, v, BUFFER_SMTP_MAIL_FROM, s->from, s->from_len);
}

/* What was said with the others beside it; only the new is scanned. */
static void tell(struct smtp *s, struct content_context *c, enum rule_buffer b, const uint8_t *p, uint32_t n)
{
        struct content_view v = {.transaction = s->transaction, .to_server = c->to_server};

        if (!content_wants(c, b) || !n)
                return;
        set_envelope(s, c, &v);
        v.scan = 0;
        content_set(c, &v, b, p, n);
        v.coming =
                (BUFFER_BIT(BUFFER_SMTP_RCPT_TO) | BUFFER_BIT(BUFFER_SMTP_MAIL_FROM) | BUFFER_BIT(BUFFER_FILE_DATA)) &
                c->wants[c->to_server] & ~v.have;
        c->inspect(c, &v);
}

static void look_at_file(void *userdata, struct content_context *c, bool last)
{
        struct smtp *s = userdata;
        struct content_view v = {.transaction = s->transaction, .to_server = c->to_server};

        if (!content_wants(c, BUFFER_FILE_DATA))
                return;
        set_envelope(s, c, &v);
        c->buffers[BUFFER_FILE_DATA] = content_body_buffer(&s->mime.body, last);
        v.have |= BUFFER_BIT(BUFFER_FILE_DATA);
        v.scan = BUFFER_BIT(BUFFER_FILE_DATA);
        c->inspect(c, &v);
        s->mime.body.fresh = 0;
}

static void end_mail(struct smtp *s, struct content_context *c)
{
        struct content_view v = {.transaction = s->transaction, .to_server = c->to_server, .final = true};

        mime_end(&s->mime, c, look_at_file, s);
        set_envelope(s, c, &v);
        v.scan = 0;
        if (v.have)
                c->inspect(c, &v);
        s->transaction++;
        s->mode = COMMANDS;
        s->from_len = s->part_len = 0;
        s->inside = s->chunks = false;
}

static void begin_mail(struct smtp *s, struct content_context *c, enum mode mode)
{
        s->mode = (uint8_t) mode;
        s->data_asked = false;
        s->part_len = 0;
        s->inside = false;
        mime_begin(&s->mime, c);
}

/* --- the mail --- */

/* Returns true at its end. */
static bool mail_line(struct smtp *s, struct content_context *c, const uint8_t *p, uint32_t n, bool ends)
{
        bool begins = !s->inside;

        if (ends && n && p[n - 1] == '\r')
                n--;
        s->inside = !ends;
        s->part_len = 0;
        if (s->mode == MAIL && begins && n && p[0] == '.') { /* RFC 5321 4.5.2 */
                if (n == 1 && ends)
                        return true;
                p++;
                n--;
        }
        mime_line(&s->mime, c, (struct inspect_buffer){.data = p, .len = n}, begins, ends, look_at_file, s);
        return false;
}

/* Bytes of a mail; returns how many were used. */
static uint32_t take_mail(struct smtp *s, struct content_context *c, const uint8_t *p, uint32_t n)
{
        const uint8_t *lf = memchr(p, '\n', n);
        uint32_t len = lf ? (uint32_t) (lf - p) : n, used = len + (lf != NULL);
        bool over = false;

        if (lf && !s->part_len)
                over = mail_line(s, c, p, len, true);
        else {
                uint32_t room = LINE_MAX_MAIL - s->part_len, keep = MIN(len, room);

                memcpy(s->part + s->part_len, p, keep);
                s->part_len = (uint16_t) (s->part_len + keep);
                if (keep < len || (s->part_len == LINE_MAX_MAIL && !lf)) {
                        used = keep;
                        (void) mail_line(s, c, s->part, s->part_len, false);
                } else if (lf)
                        over = mail_line(s, c, s->part, s->part_len, true);
        }
        if (over)
                end_mail(s, c);
        return used;
}

static uint32_t take_chunk(struct smtp *s, struct content_context *c, const uint8_t *p, uint32_t n)
{
        uint32_t used = take_mail(s, c, p, (uint32_t) MIN(n, s->chunk));

        s->chunk -= used;
        if (s->chunk)
                return used;
        if (s->last_chunk)
                end_mail(s, c);
        else
                s->mode = COMMANDS;
        return used;
}

/* --- commands and replies --- */

static bool verb_is(const uint8_t *p, uint32_t n, const char *verb)
{
        uint32_t len = (uint32_t) strlen(verb);

        return n >= len && content_is(p, len, verb) && (n == len || p[len] == ' ' || p[len] == ':');
}

/* What stands behind the verb, without parameters: "<a@b>". */
static uint32_t argument(const uint8_t **p, uint32_t n, uint32_t verb)
{
        const uint8_t *end;

        *p += verb;
        n -= verb;
        while (n && (**p == ' ' || **p == ':')) {
                (*p)++;
                n--;
        }
        end = n ? memchr(*p, ' ', n) : NULL;
        return end ? (uint32_t) (end - *p) : n;
}

static uint16_t keep(uint8_t *to, const uint8_t *p, uint32_t n)
{
        n = MIN(n, TEXT_MAX);
        memcpy(to, p, n);
        return (uint16_t) n;
}

/* "BDAT 1000 LAST" (RFC 3030) */
static void begin_chunk(struct smtp *s, struct content_context *c, const uint8_t *p, uint32_t n)
{
        s->chunk = 0;
        while (n && *p >= '0' && *p <= '9' && s->chunk < UINT32_MAX) {
                s->chunk = s->chunk * 10 + *p++ - '0';
                n--;
        }
        s->last_chunk = n == 5 && content_is(p, n, " last");
        if (!s->chunks)
                begin_mail(s, c, CHUNK);
        s->chunks = true;
        s->mode = s->chunk ? CHUNK : COMMANDS;
        if (!s->chunk && s->last_chunk)
                end_mail(s, c);
}

static void command(struct smtp *s, struct content_context *c, const uint8_t *p, uint32_t n)
{
        s->data_asked = s->tls_asked = false;
        s->open = (uint16_t) MIN(s->open + 1, UINT16_MAX);
        if (verb_is(p, n, "helo") || verb_is(p, n, "ehlo") || verb_is(p, n, "lhlo")) {
                n = argument(&p, n, 4);
                s->helo_len = keep(s->helo, p, n);
                tell(s, c, BUFFER_SMTP_HELO, s->helo, s->helo_len);
        } else if (verb_is(p, n, "mail from")) {
                n = argument(&p, n, 9);
                s->from_len = keep(s->from, p, n);
                tell(s, c, BUFFER_SMTP_MAIL_FROM, s->from, s->from_len);
        } else if (verb_is(p, n, "rcpt to")) {
                n = argument(&p, n, 7);
                tell(s, c, BUFFER_SMTP_RCPT_TO, p, n);
        } else if (verb_is(p, n, "data"))
                s->data_asked = true;
        else if (verb_is(p, n, "bdat")) {
                begin_chunk(s, c, p + MIN(n, 5u), n - MIN(n, 5u));
        } else if (verb_is(p, n, "starttls"))
                s->tls_asked = true;
}

static enum content_answer from_server(struct smtp *s, struct content_context *c, const uint8_t *p, uint32_t n)
{
        const uint8_t *line;
        uint32_t at = 0, len;
        bool cut;

        while (line_next(&s->line[0], p, n, &at, &line, &len, &cut)) {
                if (len < 3 || (len > 3 && line[3] == '-') || !s->open)
                        continue;
                if (--s->open) /* of a command before the last */
                        continue;
                if (memcmp(line, "354", 3) != 0)
                        s->data_asked = false;
                if (s->tls_asked && memcmp(line, "220", 3) == 0) {
                        c->rest = n - at;
                        return CONTENT_SWITCH;
                }
                s->tls_asked = false;
        }
        return CONTENT_MORE;
}

static enum content_answer data(void *state, struct content_context *c, const uint8_t *p, uint32_t n)
{
        struct smtp *s = state;

        if (!c->to_server)
                return from_server(s, c, p, n);
        while (n > 0) {
                uint32_t used = 0, len;
                const uint8_t *line;
                bool cut;

                if (s->data_asked)
                        begin_mail(s, c, MAIL);
                if (s->mode == MAIL)
                        used = take_mail(s, c, p, n);
                else if (s->mode == CHUNK)
                        used = take_chunk(s, c, p, n);
                else if (line_next(&s->line[1], p, n, &used, &line, &len, &cut))
                        command(s, c, line, len);
                else
                        return CONTENT_MORE;
                p += used;
                n -= used;
        }
        return CONTENT_MORE;
}

static enum content_answer lost(void *state, struct content_context *c, uint64_t n)
{
        struct smtp *s = state;

        line_lost(&s->line[c->to_server]);
        if (!c->to_server)
                return CONTENT_MORE;
        s->part_len = 0;
        s->inside = true; /* what comes next is the rest of a line */
        s->mime.body.over = true;
        if (s->mode == CHUNK && n < s->chunk)
                s->chunk -= n;
        else if (s->mode == CHUNK)
                end_mail(s, c);
        return CONTENT_MORE;
}

static void flush(void *state, struct content_context *c)
{
        struct smtp *s = state;

        if (c->to_server && s->mime.file && content_body_ripe(&s->mime.body))
                look_at_file(s, c, false);
}

static void end(void *state, struct content_context *c, bool tell_rest)
{
        struct smtp *s = state;

        c->to_server = true;
        if (tell_rest && s->mode != COMMANDS)
                end_mail(s, c);
        content_body_free(&s->mime.body, c);
}

const struct content_parser content_smtp = {
        .app = APP_SMTP,
        .state_size = sizeof(struct smtp),
        .tcp = true,
        .data = data,
        .lost = lost,
        .flush = flush,
        .end = end,
};
