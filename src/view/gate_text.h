/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The mail gate's log for people and for programs: what it decided, and what was done to it, in order of time. Runs in
 * the command line; single lines in the engine. */
#ifndef SEKIMORI_VIEW_GATE_TEXT_H
#define SEKIMORI_VIEW_GATE_TEXT_H

#include "respond/gate_words.h"
#include "store/store.h"

/* "/tmp/bot (process 4711, user 1000) tried to connect to mail server 192.0.2.1 port 25, and was refused: it is no mail
 * program; 12 times in 3 s [systemd > bash > bot]". `user` NULL: the number. */
void gate_text_put_sentence(struct buf *out, enum gate_notify_language l, const struct gate_entry *e, const char *user);
/* The line of the log: the time, what was decided, and the sentence without saying that again. Ends with a newline. */
void gate_text_put_line(struct buf *out, enum gate_notify_language l, const struct gate_entry *e, const char *user);
/* {"event_type":"gate_log", ...} */
void gate_text_put_json(struct buf *out, const struct gate_entry *e, const char *user);

/* All since then, and what people did to the gate and to subjects meanwhile (shut, open, allow, block, ...), as the
 * environment's language has it, or as JSON lines. Users by name. 0 or negative errno; -ENOBUFS or
 * -EFBIG: more than there is room for, ask from later on. */
int gate_log_print(struct store *s, nsec_t since, bool json, struct buf *out);

#endif
