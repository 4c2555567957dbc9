/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words of a line, and what each looks like. Pure; used by the grammar of orders (irc_control_order.c) only. */
#ifndef SEKIMORI_DETECT_IRC_CONTROL_TOKEN_H
#define SEKIMORI_DETECT_IRC_CONTROL_TOKEN_H

#include <stdbool.h>

#include "model/event.h"

enum irc_token_kind {
        IRC_TOKEN_OTHER,   /* punctuation, other scripts than ASCII */
        IRC_TOKEN_WORD,    /* letters */
        IRC_TOKEN_MIXED,   /* letters and digits: dcom135; number: the digits at its end */
        IRC_TOKEN_NUMBER,  /* digits, also with a unit of up to two letters */
        IRC_TOKEN_FLAG,    /* -s */
        IRC_TOKEN_URL,     /* scheme://... */
        IRC_TOKEN_ADDRESS, /* addr; number: the port, if one is given */
        IRC_TOKEN_RANGE,   /* part of an address; number 1: with a wildcard or a length, so it is nothing else */
        IRC_TOKEN_NAME,    /* host.example; number: the port */
        IRC_TOKEN_FILE,    /* a program's file: its last part, without folders */
        IRC_TOKEN_NEUTRAL, /* a path, key=value, another file, brackets: says nothing */
};

struct irc_token {
        uint8_t kind;      /* enum irc_token_kind */
        bool shouted;      /* ends with ! or ? */
        uint32_t number;   /* saturates */
        struct slice text; /* without brackets, quotes and punctuation around it */
        struct addr addr;
        uint8_t prefix[3], n_prefix; /* RANGE: its leading bytes */
};

/* The next word, as it stands between spaces. */
bool irc_token_next(struct slice text, uint32_t *pos, struct slice *ret);
void irc_token_kind(struct slice word, struct irc_token *ret);
/* The word without up to `most` leading characters of that class. */
struct slice irc_token_skip(struct slice word, bool (*is)(char c), uint32_t most);

#endif
