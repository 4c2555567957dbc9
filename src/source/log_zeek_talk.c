/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc.log and smtp.log: the steps of a dialog as far as the log keeps them. Runs in `read`. */
#include <errno.h>

#include "source/log_zeek.h"

#define IRC_LINE_MAX 512 /* RFC 2812 2.3 */

/* Joins up to four parts to a line of IRC; what is too long is cut. A line end within a part ends the line. */
static struct slice irc_line(struct zeek *z, const struct slice *parts, unsigned n)
{
        char *to = log_zeek_room(z, IRC_LINE_MAX);
        uint32_t len = 0;

        if (!to)
                return (struct slice){0};
        for (unsigned i = 0; i < n; i++) {
                if (parts[i].len > IRC_LINE_MAX - len)
                        z->cut = true;
                for (uint32_t k = 0; k < parts[i].len && len < IRC_LINE_MAX; k++) {
                        if (parts[i].p[k] == '\r' || parts[i].p[k] == '\n' || parts[i].p[k] == '\0')
                                return (struct slice){to, len};
                        to[len++] = parts[i].p[k];
                }
        }
        return (struct slice){to, len};
}

static struct slice literal(const char *text)
{
        return (struct slice){text, (uint32_t) strlen(text)};
}

/* " with channel key: 'secret'", as base/protocols/irc/main.zeek writes it. */
static struct slice channel_key(struct slice addl)
{
        if (!log_text_skip(&addl, " ") && addl.len == 0)
                return (struct slice){0};
        if (!log_text_skip(&addl, "with channel key: '") || addl.len < 2 || addl.p[addl.len - 1] != '\'')
                return (struct slice){0};
        addl.len--;
        return addl;
}

/* "host server real name" of the log: the last is one parameter with blanks (RFC 1459 4.1.3). */
static struct slice user_line(struct zeek *z, struct slice value, struct slice addl)
{
        struct slice host = {0}, server = {0}, blank = literal(" ");

        (void) log_text_word(&addl, &host);
        (void) log_text_word(&addl, &server);
        (void) log_text_skip(&addl, " ");
        if (!host.len)
                host = literal("0");
        if (!server.len)
                server = literal("*");
        return irc_line(z, (struct slice[]){literal("USER "), value, blank, host, blank, server, literal(" :"), addl},
                        8);
}

int log_zeek_irc(struct zeek *z, const struct log_out *out)
{
        struct event e = {.time = z->time, .type = EVENT_IRC, .op = IRC_LINE};
        struct slice command = log_zeek_text(z, ZEEK_COMMAND), value = log_zeek_text(z, ZEEK_VALUE),
                     addl = log_zeek_text(z, ZEEK_ADDL), name = log_zeek_text(z, ZEEK_DCC_FILE_NAME),
                     blank = literal(" ");
        unsigned by = LOG_ORIG;

        if (!command.len || !log_emit_place(out, &z->talk))
                return 0;
        if (name.len) { /* an offer, which the server passed on; its address is not in the log */
                struct slice nick = log_zeek_text(z, ZEEK_NICK), size = z->value[ZEEK_DCC_FILE_SIZE].raw;

                if (!nick.len)
                        nick = literal("*");
                e.irc.text = irc_line(z,
                                      (struct slice[]){literal("PRIVMSG "), nick, literal(" :\001DCC SEND "), name,
                                                       literal(" 0 0 "), size, literal("\001")},
                                      7);
                by = LOG_RESP;
        } else if (log_text_is(command, "USER"))
                e.irc.text = user_line(z, value, addl);
        else if (log_text_is(command, "JOIN"))
                e.irc.text = irc_line(z, (struct slice[]){command, blank, value, blank, channel_key(addl)},
                                      channel_key(addl).len ? 5 : 3);
        else
                e.irc.text = irc_line(z, (struct slice[]){command, blank, value, blank, addl},
                                      !value.len ? 1 :
                                      addl.len   ? 5 :
                                                   3);
        if (!e.irc.text.len)
                return 0;
        e.irc.from_client = by == LOG_ORIG;
        e.irc.ends.flags = z->cut ? ENDS_CUT : 0;
        log_emit_app(out, &z->talk, &e, by);
        return 0;
}

static void smtp_say(struct zeek *z, const struct log_out *out, enum smtp_op op, struct slice text, uint16_t code)
{
        struct event e = {.time = z->time, .type = EVENT_SMTP, .op = op, .smtp = {.text = text, .code = code}};
        unsigned by = op == SMTP_ACCEPTED || op == SMTP_REJECTED ? LOG_RESP : LOG_ORIG;

        e.smtp.ends.flags = z->cut ? ENDS_CUT : 0;
        log_emit_app(out, &z->talk, &e, by);
}

/* "<a@b>" or "a@b". */
static struct slice mail_address(struct slice s)
{
        if (s.len >= 2 && s.p[0] == '<' && s.p[s.len - 1] == '>')
                return (struct slice){s.p + 1, s.len - 2};
        return s;
}

/* The server's last word is kept, and no other: what it says of a mail whose content came. */
static void smtp_outcome(struct zeek *z, const struct log_out *out, bool had_mail)
{
        static const enum zeek_field content[] = {ZEEK_DATE, ZEEK_FROM, ZEEK_SUBJECT, ZEEK_MSG_ID};
        struct slice reply = log_zeek_text(z, ZEEK_LAST_REPLY), text = reply;
        uint64_t code = 0;
        bool has_content = false;

        for (size_t i = 0; i < ELEMENTSOF(content); i++)
                has_content |= z->value[content[i]].raw.p != NULL;
        if (had_mail && has_content)
                smtp_say(z, out, SMTP_DATA, (struct slice){0}, 0);
        if (reply.len < 3 || log_text_number((struct slice){reply.p, 3}, 599, &code) < 0)
                return;
        text.p += 3;
        text.len -= 3;
        (void) log_text_skip(&text, " ");
        if (code >= 400)
                smtp_say(z, out, SMTP_REJECTED, text, (uint16_t) code);
        else if (code == 250 && had_mail && has_content) /* 221 would be the answer to QUIT */
                smtp_say(z, out, SMTP_ACCEPTED, text, (uint16_t) code);
}

int log_zeek_smtp(struct zeek *z, const struct log_out *out)
{
        struct slice helo = log_zeek_text(z, ZEEK_HELO), from = log_zeek_text(z, ZEEK_MAILFROM), rcpt;
        struct zeek_value rest = z->value[ZEEK_RCPTTO];
        unsigned n = 0;

        if (!log_emit_place(out, &z->talk))
                return 0;
        /* Of several mails in a connection each line repeats the greeting. */
        if (helo.p && log_zeek_count(z, ZEEK_TRANS_DEPTH, 1) <= 1)
                smtp_say(z, out, SMTP_HELO, helo, 0);
        if (log_zeek_true(z, ZEEK_TLS))
                smtp_say(z, out, SMTP_STARTTLS, (struct slice){0}, 0);
        if (from.p)
                smtp_say(z, out, SMTP_MAIL, mail_address(from), 0);
        while (n < ZEEK_RCPTS_MAX && log_zeek_element(z, &rest, &rcpt)) {
                smtp_say(z, out, SMTP_RCPT, mail_address(rcpt), 0);
                n++;
        }
        smtp_outcome(z, out, from.p != NULL && n > 0);
        return 0;
}
