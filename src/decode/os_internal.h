/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What os_db.c (books and matching) and os_parse.c (text to signatures) share. Runs where decode/os_db.h says. */
#ifndef SEKIMORI_DECODE_OS_INTERNAL_H
#define SEKIMORI_DECODE_OS_INTERNAL_H

#include "decode/os_db.h"

enum os_window { OS_WINDOW_ANY, OS_WINDOW_IS, OS_WINDOW_MODULO, OS_WINDOW_MSS, OS_WINDOW_MTU };

#define OS_ANY (-1)

struct os_signature {
        uint32_t quirks;
        int32_t mss;    /* or OS_ANY */
        uint16_t line;  /* of the book */
        uint16_t label; /* index */
        uint16_t window;
        int16_t scale;       /* or OS_ANY */
        uint8_t window_kind; /* enum os_window */
        uint8_t version;     /* 4, 6; 0: any */
        uint8_t ttl, ip_options;
        uint8_t n_options, eol_pad;
        uint8_t options[OS_OPTIONS_MAX];
        int8_t payload; /* 0, 1, OS_ANY */
        bool any_ttl;   /* "64-": whatever it is, up to that */
        bool answer;
};

struct os_label {
        char name[OS_DB_NAME_MAX], version[OS_DB_NAME_MAX];
        enum os_family family;
        enum os_role role;
        uint16_t port_first, port_last; /* of the sender; 0: any */
        bool generic;
        bool tool;    /* class "!": a program that makes its own packets */
        bool several; /* of our own book: several systems send this */
};

struct os_book {
        char name[OS_DB_NAME_MAX];
        struct os_signature *signatures;
        struct os_label *labels;
        unsigned n_signatures, n_labels;
        bool own;
};

/* Fills a zeroed book's signatures and labels (the caller's to free, also on failure). As os_db_add(). */
int os_parse_book(const char *text, size_t len, struct os_book *b, struct buf *why, unsigned *ret_bad);

#endif
