/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is a nickname made by a machine? Pure. */
#ifndef SEKIMORI_DETECT_IRC_CONTROL_NICK_H
#define SEKIMORI_DETECT_IRC_CONTROL_NICK_H

#include "model/event.h"

#define IRC_NICK_MAX 32u /* kept, with NUL; RFC 2812 says 9, servers say up to 31 */

enum irc_nick_class {
        IRC_NICK_PERSON,   /* nothing speaks for a machine */
        IRC_NICK_NUMBERED, /* a name and four digits or more, no year: web chats name their guests so, too */
        IRC_NICK_RANDOM,   /* letters that no language puts together */
        IRC_NICK_FIELDS,   /* fields of which one is a number: [XP|USA|123456], JPN|425015894 */
};

struct irc_nick {
        uint8_t class;              /* enum irc_nick_class */
        uint8_t bits;               /* of chance in what is random about it: log2 of how many such names there are */
        uint16_t lead;              /* the first three digits of its first number of so many; 0: none */
        char pattern[IRC_NICK_MAX]; /* what names of one family have in common: "[AA|AAA|9]" */
};

void irc_nick_look(struct slice nick, struct irc_nick *ret);

#endif
