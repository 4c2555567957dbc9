/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the records say of a relay, for people and programs: how it was judged, by which signs, and what the inquiries
 * found. Runs in the command line. */
#ifndef SEKIMORI_VIEW_RELAY_TEXT_H
#define SEKIMORI_VIEW_RELAY_TEXT_H

#include "store/store.h"
#include "view/text.h"

/* A part of a story; by itself, where nobody is accused, with `signs`. */
void relay_text_put(struct buf *out, const struct text_look *look, const struct store_relay *relay, bool signs);

/* A line for one record. */
void relay_text_line(struct buf *out, const struct text_look *look, const char *first, const struct record *r);
/* {"timestamp":...,"event_type":NAME,"relay":...}, without a newline. */
void relay_text_json(struct buf *out, const char *name, const struct record *r);

#endif
