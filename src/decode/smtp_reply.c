/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server's half of the SMTP decoder: replies, each matched with its command, and how SMTP is told from what also
 * begins with three digits. Runs in the engine and in `read`. */
#include <errno.h>

#include "base/cleanup.h"
#include "decode/smtp_internal.h"

/* The command that the next reply belongs to. What did not fit was most likely a recipient. */
static enum smtp_command queue_pop(struct smtp_state *s)
{
        enum smtp_command command = COMMAND_NONE;

        if (s->count > 0) {
                command = s->queue[s->first];
                s->first = (uint8_t) ((s->first + 1) % SMTP_QUEUE);
                s->count--;
        } else if (s->overflow > 0) {
                s->overflow--;
                command = COMMAND_RCPT;
        }
        return command;
}

/* A reply that only one command can have: what stands before it in the queue went unanswered. */
static enum smtp_command queue_pop_to(struct smtp_state *s, enum smtp_command wanted)
{
        for (uint8_t i = 0; i < s->count; i++)
                if (s->queue[(s->first + i) % SMTP_QUEUE] == wanted) {
                        s->first = (uint8_t) ((s->first + i + 1) % SMTP_QUEUE);
                        s->count = (uint8_t) (s->count - i - 1);
                        return wanted;
                }
        return COMMAND_NONE;
}

/* --- the server --- */

/* The one reply of a greeting; false: this is none. */
static bool greeting(struct smtp_state *s, struct app_context *c, const struct smtp_said *reply)
{
        struct smtp_said what = *reply;

        if (s->greeted || c->midstream)
                return false;
        s->greeted = true;
        if (what.code != 220 && what.code < 400)
                return false;
        what.op = what.code == 220 ? SMTP_BANNER : SMTP_REJECTED;
        smtp_tell(s, c, false, &what);
        return true;
}

static enum smtp_command command_of(struct smtp_state *s, struct app_context *c, uint16_t code)
{
        enum smtp_command command;

        switch (code) {
        case 221:
                return queue_pop_to(s, COMMAND_QUIT);
        case 334:
                return queue_pop_to(s, COMMAND_AUTH);
        case 354:
                command = queue_pop_to(s, COMMAND_DATA);
                if (command == COMMAND_NONE &&
                    s->mode == MODE_COMMAND) { /* the command was lost: what comes is a mail */
                        s->line[1] = (struct line){0};
                        smtp_body_begins(s);
                        s->lossy = true;
                }
                return command;
        default:
                break;
        }
        command = queue_pop(s);
        if (command == COMMAND_NONE && s->mode == MODE_MAIL && (s->lossy || code == 250)) {
                /* The line with the dot was lost, or was one only in the eyes of this server. */
                if (s->dot != DOT_BEGIN)
                        line_lost(&s->line[1]);
                smtp_body_ended(s, c);
                command = queue_pop(s);
        }
        return command;
}

static void refused(struct smtp_state *s, struct app_context *c, enum smtp_command command,
                    const struct smtp_said *reply)
{
        struct smtp_said what = *reply;

        switch (command) {
        case COMMAND_DATA:
                if (s->mode == MODE_MAIL) { /* the client goes on with commands */
                        s->mode = MODE_COMMAND;
                        if (s->dot != DOT_BEGIN)
                                line_lost(&s->line[1]);
                }
                break;
        case COMMAND_HELO:
        case COMMAND_MAIL:
        case COMMAND_RCPT:
        case COMMAND_BODY:
        case COMMAND_CHUNK:
                break;
        default:
                if (what.code != 421) /* "closing transmission channel" may come at any time */
                        return;
        }
        what.op = SMTP_REJECTED;
        smtp_tell(s, c, false, &what);
}

static void reply_begins(struct smtp_state *s, struct app_context *c, const struct smtp_said *reply)
{
        struct smtp_said what = *reply;
        enum smtp_command command;

        if (greeting(s, c, reply))
                return;
        command = command_of(s, c, what.code);
        if (what.code >= 400) {
                refused(s, c, command, reply);
                return;
        }
        switch (command) {
        case COMMAND_RCPT:
                s->rcpts = (uint16_t) MIN(s->rcpts + 1, SMTP_QUEUE);
                break;
        case COMMAND_BODY:
                what.op = SMTP_ACCEPTED;
                if (!s->taken)
                        smtp_tell(s, c, false, &what);
                s->taken = true;
                break;
        case COMMAND_STARTTLS:
                s->tls_due = what.code == 220;
                break;
        case COMMAND_AUTH:
                if (what.code == 334)
                        s->mode = MODE_AUTH;
                break;
        case COMMAND_RSET:
                s->rcpts = 0;
                break;
        default:
                break;
        }
}

/* "250-text", "250 text", "250". */
static bool read_reply(const uint8_t *p, uint32_t len, struct smtp_said *ret, bool *ret_more)
{
        if (len < 3 || p[0] < '2' || p[0] > '5' || !app_is_digit(p[1]) || !app_is_digit(p[2]) ||
            (len > 3 && p[3] != ' ' && p[3] != '-'))
                return false;
        ret->code = (uint16_t) ((p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0'));
        ret->text = len > 4 ? app_slice(p + 4, len - 4) : app_slice(p + len, 0);
        *ret_more = len > 3 && p[3] == '-';
        return true;
}

int smtp_server_data(struct smtp_state *s, struct app_context *c, const uint8_t *data, uint32_t len)
{
        uint32_t pos = 0, n;
        const uint8_t *p;
        bool cut, more;

        while (!s->tls && line_next(&s->line[0], data, len, &pos, &p, &n, &cut)) {
                struct smtp_said reply = {0};

                if (n == 0)
                        continue;
                if (!read_reply(p, n, &reply, &more)) {
                        if (++s->strange[0] >= SMTP_STRANGE_BACK)
                                return -EPROTO;
                        continue;
                }
                s->strange[0] = 0;
                if (s->multi != reply.code)
                        reply_begins(s, c, &reply);
                s->multi = more ? reply.code : 0;
                if (s->tls_due && !more)
                        smtp_begin_tls(s, c, len - pos);
        }
        return 0;
}

/* --- recognition --- */

static enum app_answer probe_greeting(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        bool mail_port = app_port_is(c, 25) || app_port_is(c, 587) || app_port_is(c, 24) || app_port_is(c, 2525);
        bool ended;
        uint32_t n = app_line_length(p, len, &ended);

        if (len < 4)
                return APP_MORE;
        if (app_holds(p, n, "SMTP") || app_holds(p, n, "LMTP"))
                return APP_YES;
        if (app_holds(p, n, "FTP"))
                return APP_NO;
        if (mail_port)
                return APP_YES;
        if (app_port_is(c, 21))
                return APP_NO;
        if (!ended)
                return APP_MORE;
        /* "220 host ready": the client's first word tells it from FTP */
        return app_holds(p, n, "MAIL") || app_holds(p, n, "220 MX") ? APP_YES : APP_MORE;
}

/* Replies that no other protocol has: an extended status (RFC 3463) or the request for a mail. */
static enum app_answer probe_reply(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        bool mail_port = app_port_is(c, 25) || app_port_is(c, 587);

        if (len < 9 && !memchr(p, '\n', len))
                return APP_MORE;
        if (len < 4 || (p[3] != ' ' && p[3] != '-'))
                return APP_NO;
        if (len >= 9 && app_is_digit(p[4]) && p[4] == p[0] && p[5] == '.' && app_is_digit(p[6]) &&
            (p[7] == '.' || p[8] == '.'))
                return c->midstream || p[0] != '2' ? APP_YES : APP_NO;
        if (app_begins(p, 3, "354") == APP_YES)
                return c->midstream && (mail_port || app_holds(p, MIN(len, 120u), ".")) ? APP_YES : APP_NO;
        if (app_begins(p, 3, "554") == APP_YES || app_begins(p, 3, "421") == APP_YES || c->midstream)
                return mail_port ? APP_YES : APP_NO;
        return APP_NO;
}

enum app_answer smtp_probe(const struct app_context *c, const uint8_t *data, uint32_t len)
{
        static const char *const begins[] = {"EHLO ", "HELO ", "LHLO ", "MAIL FROM:", "RCPT TO:"};
        enum app_answer answer = APP_NO;

        for (size_t i = 0; i < ELEMENTSOF(begins); i++) {
                enum app_answer a = app_begins(data, len, begins[i]);

                if (a == APP_YES)
                        return APP_YES;
                if (a == APP_MORE)
                        answer = APP_MORE;
        }
        if (answer == APP_MORE || len == 0)
                return APP_MORE;
        if (app_begins(data, len, "220") != APP_NO)
                return len > 3 && data[3] != ' ' && data[3] != '-' ? APP_NO : probe_greeting(c, data, len);
        for (uint32_t i = 0; i < 3 && i < len; i++)
                if (!app_is_digit(data[i]))
                        return APP_NO;
        return strchr("245", data[0]) || app_begins(data, len, "354") != APP_NO ? probe_reply(c, data, len) : APP_NO;
}
