/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a line said on IRC is: an order to a bot, a bot's answer, or a person's sentence; by its shape and not by a list
 * of words, since every family has words of its own. Pure; all input is hostile. Shared by irc_control and egg. */
#ifndef SEKIMORI_DETECT_IRC_CONTROL_ORDER_H
#define SEKIMORI_DETECT_IRC_CONTROL_ORDER_H

#include <stdbool.h>

#include "model/event.h"

#define IRC_TEXT_MAX 512u /* RFC 2812, 2.3: a line */

/* Colours, bold and the like (mIRC) taken out; cut at IRC_TEXT_MAX. Returns the length. */
uint32_t irc_order_clean(struct slice text, char out[static IRC_TEXT_MAX]);

struct irc_url {
        struct slice whole, host, path; /* path: from the first slash on; "" when there is none */
        uint16_t port;                  /* 0: not said */
        bool tls, ftp;
        bool address; /* the host is an address */
        bool program; /* the path's extension promises a program */
};

/* The next URL at or after *pos; moves *pos past it. */
bool irc_order_url(struct slice text, uint32_t *pos, struct irc_url *ret);
/* A host without its port, and an IPv6 address without the brackets that URLs and Host fields have (RFC 3986 3.2.2). */
struct slice irc_order_host(struct slice s);
/* What stands behind the last slash or backslash of a path. */
struct slice irc_order_base(struct slice path);
/* Case-insensitive hash, for comparing names and paths that are not kept. 0 only for nothing. */
uint64_t irc_order_hash(struct slice s);

enum irc_order_grade {
        IRC_ORDER_NONE,
        IRC_ORDER_WORD,   /* a command with plain words only: a login, or people's !seen bob */
        IRC_ORDER_HINT,   /* some arguments of an order: people's bots are told such things as well */
        IRC_ORDER_STRONG, /* targets, counts and flags as only programs are told */
};

struct irc_order {
        uint8_t grade;     /* enum irc_order_grade */
        uint8_t n_ports;   /* numbers that can be ports, in the order given */
        uint16_t ports[3]; /* also the number at the end of a word: dcom135 */
        struct slice text; /* the order itself within the line */
        bool has_target;   /* one address */
        bool has_range;    /* a network or the beginning of addresses: 220.0, 10.0.x.x, 10.0.0.0/8 */
        bool has_url;
        uint8_t range[3], n_range; /* leading bytes of the range; none: any address */
        struct addr target;
        struct slice name; /* a host's name as an argument */
        struct slice file; /* a program's file name as an argument */
        struct irc_url url;
};

/* The next order in a cleaned line (several can stand in one topic); moves *pos. `nick` is whom it is said to, who may
 * be addressed by name instead of with a command character. false: no more. */
bool irc_order_next(struct slice text, struct slice nick, uint32_t *pos, struct irc_order *ret);

/* Does it begin as an order does, whatever its arguments? */
bool irc_order_is_command(struct slice text, struct slice nick);

/* A bot's answer: a module's name in brackets and a colon, then a status: "[SCAN]: ...". *ret_tag: with its brackets.
 */
bool irc_order_is_answer(struct slice text, struct slice *ret_tag);
/* Does the text name that address (NULL: none), or a program's file of that hash (0: none)? */
bool irc_order_names(struct slice text, const struct addr *target, uint64_t file);

/* A line with what changes taken out (numbers, addresses, names with digits or dots, the speaker's own name). */
struct irc_skeleton {
        uint64_t hash;
        uint16_t words, holes; /* fixed words, and what changes */
        bool has_address;
};
void irc_order_skeleton(struct slice text, struct slice speaker, struct irc_skeleton *ret);

/* Is it what a person writes: words of a language, not one of the shapes above? */
bool irc_order_is_prose(struct slice text);

#endif
