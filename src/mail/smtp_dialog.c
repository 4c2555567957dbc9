/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of a mail server, or of whatever listens there. Runs where mail/smtp_dialog.h says. */
#include "mail/smtp_dialog.h"

#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* "250-text", "250 text", "250": the code and whether it is the last line; 0: no reply. */
static unsigned code_of(const char *line, size_t len, bool *ret_last)
{
        if (len < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2]))
                return 0;
        if (len > 3 && line[3] != ' ' && line[3] != '-')
                return 0;
        *ret_last = len == 3 || line[3] == ' ';
        return (unsigned) ((line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0'));
}

static void keep_banner(struct smtp_dialog *d)
{
        size_t n = d->len > 4 ? d->len - 4u : 0;

        if (n >= sizeof(d->banner))
                n = sizeof(d->banner) - 1;
        for (size_t i = 0; i < n; i++) {
                char c = d->line[4 + i];

                d->banner[i] = c;
                if (c < 0x20 || c > 0x7e)
                        d->banner[i] = '?';
        }
        d->banner[n] = 0;
}

static bool has_word(const char *text, size_t len, const char *word)
{
        size_t n = strlen(word);

        for (size_t i = 0; i + n <= len; i++)
                if (strncasecmp(text + i, word, n) == 0)
                        return true;
        return false;
}

static enum smtp_dialog_next over(struct smtp_dialog *d, bool odd)
{
        d->state = SMTP_DIALOG_OVER;
        d->odd = d->odd || odd;
        return SMTP_DIALOG_HANG_UP;
}

/* The last line of a reply has come. */
static enum smtp_dialog_next reply(struct smtp_dialog *d, unsigned code)
{
        d->code = 0;
        switch (d->state) {
        case SMTP_DIALOG_BANNER:
                d->banner_code = (uint16_t) code;
                if (code / 100 == 2) {
                        d->state = SMTP_DIALOG_EHLO;
                        return SMTP_DIALOG_SAY_EHLO;
                }
                /* It does not want us, as mail servers say it (RFC 5321 3.1, RFC 7504); others speak otherwise. */
                if (code == 421 || code == 521 || code == 554 || d->named)
                        d->server = ANSWER_YES;
                d->state = SMTP_DIALOG_QUIT;
                return SMTP_DIALOG_SAY_QUIT;
        case SMTP_DIALOG_EHLO:
                d->ehlo_code = (uint16_t) code;
                /* Servers of other protocols greet with 220 as well, but none knows EHLO. */
                if ((d->banner_code == 220 && code == 250) || d->named)
                        d->server = ANSWER_YES;
                else
                        d->odd = true;
                d->state = SMTP_DIALOG_QUIT;
                return SMTP_DIALOG_SAY_QUIT;
        default:
                return over(d, false);
        }
}

static enum smtp_dialog_next line(struct smtp_dialog *d)
{
        bool last = false, first = d->code == 0;
        unsigned code = code_of(d->line, d->len, &last);

        if (code == 0 || (!first && code != d->code))
                return over(d, true);
        if (d->state == SMTP_DIALOG_BANNER) {
                if (first)
                        keep_banner(d);
                d->named = d->named || has_word(d->line, d->len, "smtp");
        }
        if (d->state == SMTP_DIALOG_EHLO && d->len > 4 && has_word(d->line + 4, d->len - 4u, "STARTTLS"))
                d->starttls = true;
        if (last)
                return reply(d, code);
        d->code = (uint16_t) code;
        return SMTP_DIALOG_WAIT;
}

enum smtp_dialog_next smtp_dialog_feed(struct smtp_dialog *d, const void *data, size_t len)
{
        const char *p = data;

        for (size_t i = 0; i < len && d->state != SMTP_DIALOG_OVER; i++) {
                enum smtp_dialog_next next;

                if (++d->bytes > SMTP_DIALOG_BYTES)
                        return over(d, true);
                if (p[i] != '\n') {
                        if (d->len < sizeof(d->line))
                                d->line[d->len++] = p[i];
                        continue;
                }
                if (d->len > 0 && d->line[d->len - 1] == '\r')
                        d->len--;
                next = line(d);
                d->len = 0;
                if (next != SMTP_DIALOG_WAIT)
                        return next;
        }
        return d->state == SMTP_DIALOG_OVER ? SMTP_DIALOG_HANG_UP : SMTP_DIALOG_WAIT;
}
