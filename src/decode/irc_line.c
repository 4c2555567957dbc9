/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of a line of IRC, for the decoder (irc.c) and for detectors. Pure. Runs in the engine and in `read`. */
#include "decode/irc.h"

#include <errno.h>

#include "decode/app_internal.h"

#define IRC_COMMAND_MAX 16 /* the longest in use is PROTOCTL or AUTHENTICATE */

struct slice irc_take_word(struct slice *rest)
{
        struct slice word = {rest->p, 0};

        while (word.len < rest->len && word.p[word.len] != ' ')
                word.len++;
        rest->p += word.len;
        rest->len -= word.len;
        while (rest->len > 0 && *rest->p == ' ') {
                rest->p++;
                rest->len--;
        }
        return word;
}

/* nick!user@host, nick@host, nick, or a server's name. */
static void split_prefix(struct slice prefix, struct irc_message *m)
{
        uint32_t bang = 0, at;

        while (bang < prefix.len && prefix.p[bang] != '!' && prefix.p[bang] != '@')
                bang++;
        at = bang;
        while (at < prefix.len && prefix.p[at] != '@')
                at++;
        m->nick = (struct slice){prefix.p, bang};
        if (at > bang)
                m->user = (struct slice){prefix.p + bang + 1, at - bang - 1};
        if (at < prefix.len)
                m->host = (struct slice){prefix.p + at + 1, prefix.len - at - 1};
}

static bool read_command(struct irc_message *m)
{
        const uint8_t *p = (const uint8_t *) m->command.p;
        uint32_t len = m->command.len;

        if (len == 3 && app_is_digit(p[0]) && app_is_digit(p[1]) && app_is_digit(p[2])) {
                m->numeric = (uint16_t) ((p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0'));
                return true;
        }
        for (uint32_t i = 0; i < len; i++)
                if (!app_is_alpha(p[i]))
                        return false;
        return len > 0 && len <= IRC_COMMAND_MAX;
}

int irc_parse(struct slice line, struct irc_message *ret)
{
        struct irc_message m = {0};
        struct slice rest = line;

        if (!line.p)
                return -EINVAL;
        while (rest.len > 0 && *rest.p == ' ') { /* bots and people at a telnet are not strict */
                rest.p++;
                rest.len--;
        }
        if (rest.len > 0 && *rest.p == '@') {
                m.tags = irc_take_word(&rest);
                m.tags.p++;
                m.tags.len--;
        }
        if (rest.len > 0 && *rest.p == ':') {
                struct slice prefix = irc_take_word(&rest);

                split_prefix((struct slice){prefix.p + 1, prefix.len - 1}, &m);
        }
        m.command = irc_take_word(&rest);
        if (!read_command(&m))
                return -EINVAL;
        while (rest.len > 0 && m.n_params < IRC_PARAMS) {
                struct slice *param = &m.params[m.n_params++];

                if (*rest.p == ':') {
                        *param = m.trailing = (struct slice){rest.p + 1, rest.len - 1};
                        break;
                }
                if (m.n_params == IRC_PARAMS) { /* the last one takes the rest even without ':' */
                        *param = rest;
                        break;
                }
                *param = irc_take_word(&rest);
        }
        *ret = m;
        return 0;
}

bool irc_is(const struct irc_message *m, const char *command)
{
        return app_same((const uint8_t *) m->command.p, m->command.len, command);
}

bool irc_is_channel(struct slice name)
{
        return name.len >= 2 && memchr("#&+!", name.p[0], 4) != NULL;
}
