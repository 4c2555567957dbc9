/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line of IRC and its parts (RFC 1459 2.3.1, RFC 2812 2.3.1, IRCv3 message tags). Pure; for the decoder and for
 * detectors. Bytes are kept as they are: no character set is assumed. */
#ifndef SEKIMORI_DECODE_IRC_H
#define SEKIMORI_DECODE_IRC_H

#include "model/event.h"

#define IRC_PARAMS 15 /* RFC 2812 2.3 */

/* Slices of the line; p is NULL where a part is not there. */
struct irc_message {
        struct slice tags;               /* without '@' */
        struct slice nick;               /* who says it: a nick, or a server's name */
        struct slice user, host;         /* of nick!user@host */
        struct slice command;            /* letters, or three digits */
        struct slice params[IRC_PARAMS]; /* all of them, the trailing one included */
        struct slice trailing;           /* the last one, if it began with ':' */
        uint16_t numeric;                /* of three digits; 0: the command is a word */
        uint8_t n_params;
};

/* The parts of a line without its end. 0; -EINVAL: it has no command, or one that cannot be. */
int irc_parse(struct slice line, struct irc_message *ret);
/* Is the command that word (upper case)? */
bool irc_is(const struct irc_message *m, const char *command);
/* Does it name a channel: '#', '&', '+' or '!' and something more? */
bool irc_is_channel(struct slice name);
/* Takes the first word off `rest`, and the spaces behind it. */
struct slice irc_take_word(struct slice *rest);

#endif
