/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client's half of the SMTP decoder: commands, and the bodies between them. Commands wait in a queue for their
 * replies, so that a client which sends many at once (RFC 2920) is understood; the body of a mail is measured and not
 * kept; credentials never become an event. Runs in the engine and in `read`. */
#include <errno.h>

#include "base/cleanup.h"
#include "decode/smtp_internal.h"

static const struct {
        const char *word;
        enum smtp_command command;
} smtp_words[] = {
        {"HELO", COMMAND_HELO},         {"EHLO", COMMAND_HELO},
        {"LHLO", COMMAND_HELO},         {"MAIL", COMMAND_MAIL},
        {"RCPT", COMMAND_RCPT},         {"DATA", COMMAND_DATA},
        {"BDAT", COMMAND_BDAT},         {"AUTH", COMMAND_AUTH},
        {"QUIT", COMMAND_QUIT},         {"RSET", COMMAND_RSET},
        {"STARTTLS", COMMAND_STARTTLS}, {"NOOP", COMMAND_OTHER},
        {"VRFY", COMMAND_OTHER},        {"EXPN", COMMAND_OTHER},
        {"HELP", COMMAND_OTHER},        {"ETRN", COMMAND_OTHER},
        {"TURN", COMMAND_OTHER},        {"XCLIENT", COMMAND_OTHER},
        {"XFORWARD", COMMAND_OTHER},    {"X-ANONYMOUSTLS", COMMAND_STARTTLS},
};

/* --- the queue of commands --- */

static void queue_push(struct smtp_state *s, enum smtp_command command)
{
        s->last = (uint8_t) command;
        if (s->count == SMTP_QUEUE || s->overflow) {
                s->overflow++;
                return;
        }
        s->queue[(s->first + s->count++) % SMTP_QUEUE] = (uint8_t) command;
}

/* --- events --- */

void smtp_tell(const struct smtp_state *s, struct app_context *c, bool by_client, const struct smtp_said *what)
{
        struct event e = {.type = EVENT_SMTP, .op = (uint8_t) what->op};

        e.smtp.text = what->text;
        e.smtp.bytes = what->bytes;
        e.smtp.code = what->code;
        c->emit(c, &e, by_client != s->client_responds);
}

void smtp_begin_tls(struct smtp_state *s, struct app_context *c, uint32_t rest)
{
        s->tls = true;
        smtp_tell(s, c, false, &(struct smtp_said){.op = SMTP_STARTTLS});
        c->rest = rest;
        if (c->switch_to)
                c->switch_to(c, APP_TLS);
}

static struct slice trim(struct slice s)
{
        while (s.len > 0 && (*s.p == ' ' || *s.p == '\t')) {
                s.p++;
                s.len--;
        }
        while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
                s.len--;
        return s;
}

static struct slice first_word(struct slice s)
{
        uint32_t n = 0;

        while (n < s.len && s.p[n] != ' ')
                n++;
        return (struct slice){s.p, n};
}

/* What stands behind FROM: or TO:, without its brackets. */
static bool take_mailbox(struct slice arg, const char *keyword, struct slice *ret)
{
        const char *end;

        if (app_begins((const uint8_t *) arg.p, arg.len, keyword) != APP_YES)
                return false;
        arg.p += strlen(keyword);
        arg.len -= (uint32_t) strlen(keyword);
        arg = trim(arg);
        if (arg.len == 0 || *arg.p != '<') {
                *ret = first_word(arg);
                return true;
        }
        end = memchr(arg.p, '>', arg.len);
        *ret = (struct slice){arg.p + 1, (end ? (uint32_t) (end - arg.p) : arg.len) - 1};
        return true;
}

static void body_begins(struct smtp_state *s)
{
        s->bytes = 0;
        s->taken = s->lossy = s->last_chunk = false;
}

void smtp_body_begins(struct smtp_state *s)
{
        body_begins(s);
        s->mode = MODE_MAIL;
        s->dot = DOT_BEGIN;
}

void smtp_body_ended(struct smtp_state *s, struct app_context *c)
{
        uint32_t replies = s->lmtp ? MAX(s->rcpts, 1) : 1; /* LMTP: one for each recipient taken (RFC 2033 4.2) */

        smtp_tell(s, c, true, &(struct smtp_said){.op = SMTP_DATA, .bytes = s->bytes});
        s->mode = MODE_COMMAND;
        while (replies-- > 0)
                queue_push(s, COMMAND_BODY);
}

/* "BDAT 1000 LAST" (RFC 3030). false: the number is none. */
static bool chunk_begins(struct smtp_state *s, struct slice arg)
{
        struct slice word = first_word(arg);
        uint64_t n = 0;

        if (word.len == 0 || word.len > 18) /* a number that cannot be is refused by servers as well */
                return false;
        for (uint32_t i = 0; i < word.len; i++) {
                if (!app_is_digit((uint8_t) word.p[i]))
                        return false;
                n = n * 10 + (uint64_t) (word.p[i] - '0');
        }
        arg = trim((struct slice){arg.p + word.len, arg.len - word.len});
        if (s->last != COMMAND_CHUNK)
                body_begins(s);
        s->chunk = n;
        s->last_chunk = app_same((const uint8_t *) arg.p, arg.len, "LAST");
        s->mode = MODE_CHUNK;
        return true;
}

void smtp_chunk_ended(struct smtp_state *s, struct app_context *c)
{
        s->mode = MODE_COMMAND;
        if (s->last_chunk)
                smtp_body_ended(s, c);
        else
                queue_push(s, COMMAND_CHUNK);
}

static enum smtp_command find_command(struct slice line, struct slice *ret_arg)
{
        struct slice word = first_word(line);

        for (size_t i = 0; i < ELEMENTSOF(smtp_words); i++)
                if (app_same((const uint8_t *) word.p, word.len, smtp_words[i].word)) {
                        *ret_arg = trim((struct slice){line.p + word.len, line.len - word.len});
                        return smtp_words[i].command;
                }
        return COMMAND_NONE;
}

/* Says what the command is about; COMMAND_OTHER when its argument is not what it must be. */
static enum smtp_command read_command(struct smtp_state *s, struct app_context *c, enum smtp_command command,
                                      struct slice line, struct slice arg)
{
        struct smtp_said what = {.text = arg};

        switch (command) {
        case COMMAND_HELO:
                s->lmtp = app_upper((uint8_t) *line.p) == 'L';
                what.op = SMTP_HELO;
                break;
        case COMMAND_MAIL:
                if (!take_mailbox(arg, "FROM:", &what.text))
                        return COMMAND_OTHER;
                s->rcpts = 0;
                what.op = SMTP_MAIL;
                break;
        case COMMAND_RCPT:
                if (!take_mailbox(arg, "TO:", &what.text))
                        return COMMAND_OTHER;
                what.op = SMTP_RCPT;
                break;
        case COMMAND_AUTH:
                what.text = first_word(arg);
                what.op = SMTP_AUTH;
                break;
        case COMMAND_DATA:
                smtp_body_begins(s);
                return command;
        case COMMAND_BDAT:
                return chunk_begins(s, arg) ? command : COMMAND_OTHER;
        default:
                return command;
        }
        smtp_tell(s, c, true, &what);
        return command;
}

static int client_line(struct smtp_state *s, struct app_context *c, struct slice line)
{
        struct slice arg = {0};
        enum smtp_command command;

        line = trim(line);
        command = find_command(line, &arg);
        if (s->mode == MODE_AUTH) { /* a credential, unless the client gave up */
                s->mode = MODE_COMMAND;
                if (command == COMMAND_NONE) {
                        queue_push(s, COMMAND_AUTH);
                        return 0;
                }
        }
        if (command == COMMAND_NONE) {
                if (++s->strange[1] >= SMTP_STRANGE_MAX)
                        return -EPROTO;
                if (s->synced || !c->midstream)
                        queue_push(s, COMMAND_OTHER);
                return 0;
        }
        s->strange[1] = 0;
        s->synced = true;
        command = read_command(s, c, command, line, arg);
        if (command != COMMAND_BDAT)
                queue_push(s, command);
        return 0;
}

/* Bytes of the mail up to and with the line with the dot; returns how many were consumed. */
static uint32_t mail_bytes(struct smtp_state *s, struct app_context *c, const uint8_t *p, uint32_t len)
{
        for (uint32_t i = 0; i < len; i++) {
                const uint8_t *end;

                switch (s->dot) {
                case DOT_BEGIN:
                        if (p[i] == '.') {
                                s->dot = DOT_DOT;
                                continue;
                        }
                        break;
                case DOT_DOT:
                case DOT_DOT_CR:
                        if (p[i] == '\n') {
                                smtp_body_ended(s, c);
                                return i + 1;
                        }
                        if (p[i] == '\r' && s->dot == DOT_DOT) {
                                s->dot = DOT_DOT_CR;
                                continue;
                        }
                        s->bytes += s->dot == DOT_DOT_CR; /* the dot itself is no part (RFC 5321 4.5.2) */
                        break;
                default:
                        break;
                }
                end = memchr(p + i, '\n', len - i);
                s->dot = end ? DOT_BEGIN : DOT_INSIDE;
                s->bytes += end ? (uint32_t) (end - p) + 1 - i : len - i;
                i = end ? (uint32_t) (end - p) : len;
        }
        return len;
}

static uint32_t chunk_bytes(struct smtp_state *s, struct app_context *c, uint32_t len)
{
        uint32_t n = (uint32_t) MIN(s->chunk, (uint64_t) len);

        s->chunk -= n;
        s->bytes += n;
        if (s->chunk == 0)
                smtp_chunk_ended(s, c);
        return n;
}

static bool at_line_begin(const struct line *l)
{
        return l->len == 0 && !l->skipping && !l->cr;
}

int smtp_client_data(struct smtp_state *s, struct app_context *c, const uint8_t *data, uint32_t len)
{
        struct line *l = &s->line[1];
        uint32_t pos = 0, n;
        const uint8_t *p;
        bool cut;
        int r;

        while (pos < len && !s->tls) {
                if (s->mode == MODE_MAIL)
                        pos += mail_bytes(s, c, data + pos, len - pos);
                else if (s->mode == MODE_CHUNK)
                        pos += chunk_bytes(s, c, len - pos);
                else if (s->last == COMMAND_STARTTLS && at_line_begin(l) && data[pos] == 0x16) /* a TLS handshake */
                        smtp_begin_tls(s, c, len - pos);
                else if (line_next(l, data, len, &pos, &p, &n, &cut)) {
                        r = client_line(s, c, app_slice(p, n));
                        if (r < 0)
                                return r;
                        if (s->mode == MODE_CHUNK && s->chunk == 0)
                                smtp_chunk_ended(s, c);
                }
        }
        return 0;
}
