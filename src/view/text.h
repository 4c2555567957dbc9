/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text for people: colour only on a terminal, words wrapped to its width, aligned tables. Everything that comes from
 * outside passes buf_put_visible(), so that no name drives a terminal. */
#ifndef SEKIMORI_VIEW_TEXT_H
#define SEKIMORI_VIEW_TEXT_H

#include "base/buf.h"
#include "base/clock.h"
#include "model/verdict.h"

/* How a destination wants its text. */
struct text_look {
        bool colour;
        unsigned width; /* columns to wrap at */
};

enum text_style { TEXT_PLAIN, TEXT_BOLD, TEXT_DIM, TEXT_RED, TEXT_YELLOW, TEXT_GREEN, TEXT_STYLES };

#define TEXT_WIDTH_DEFAULT 100 /* where there is no terminal */

/* Colour for a terminal, unless NO_COLOR is set (https://no-color.org) or TERM is dumb. */
struct text_look text_look_for(int fd);

/* Appends `s`, made visible, in that style. */
void text_put(struct buf *out, const struct text_look *look, enum text_style style, const char *s);
/* The same with its first letter large. */
void text_put_sentence(struct buf *out, const struct text_look *look, enum text_style style, const char *s);
void text_heading(struct buf *out, const struct text_look *look, const char *s); /* with an empty line before it */
/* Appends the text wrapped at words: the first line after `first`, the others and those after a \n indented by its
 * length. Ends with a newline. */
void text_wrap(struct buf *out, const struct text_look *look, const char *first, const char *s);
/* Columns a text takes: characters, not bytes. */
unsigned text_columns(const char *s);

enum text_style text_level_style(unsigned level);
/* "2026-11-21 09:15:02", local time. */
const char *text_date(nsec_t t, char text[static CLOCK_TEXT_MAX]);
/* One fact: "peer 192.0.2.1 port 6667/TCP". Keys' underscores become spaces. */
void text_fact(struct buf *out, const struct fact *f);
/* "1 bot", "2 bots". */
void text_count(struct buf *out, uint64_t n, const char *noun);
/* "812 bytes", "1.5 MB": powers of 1000. */
void text_volume(struct buf *out, uint64_t bytes);
/* "control and attack", in stages' order; "none". */
void text_stages(struct buf *out, uint32_t stages);

/* A table: cells are copied and made visible; the last column wraps. */
#define TEXT_TABLE_COLUMNS 8
#define TEXT_TABLE_ROWS    4096 /* further rows are counted and said at the end */

struct text_table;
int text_table_new(const char *const *heads, unsigned n_columns, struct text_table **ret); /* heads: static */
void text_table_free(struct text_table *t);
DEFINE_FREEP(struct text_table, text_table_free)
/* Style of the row's first cell. 0 or -ENOMEM. */
int text_table_add(struct text_table *t, enum text_style style, const char *const *cells);
void text_table_put(const struct text_table *t, struct buf *out, const struct text_look *look);

#endif
