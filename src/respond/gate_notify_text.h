/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words of a notification, made fit to be shown, and the language of a person. Runs in the keeper and its children.
 */
#ifndef SEKIMORI_RESPOND_GATE_NOTIFY_TEXT_H
#define SEKIMORI_RESPOND_GATE_NOTIFY_TEXT_H

#include "respond/gate_notify.h"

/* Fills the whole text; what is too long is cut with an ellipsis. */
void gate_notify_text_fill(const struct gate_notify_words *words, struct gate_notify_text *ret);
/* Adds the line that says how often, from the second time on. */
void gate_notify_text_count(struct gate_notify_text *text, uint32_t count);

/* The language that a block of NAME=VALUE strings, each ended by a NUL, asks for: LC_ALL, LC_MESSAGES, LANG, the first
 * that is set. 0; -ENOENT when none is. */
int gate_notify_text_locale(const char *block, size_t len, enum gate_notify_language *ret);
/* That of a process's environment, else the system's, else English. Reads at most 64 kB. */
enum gate_notify_language gate_notify_text_language(const char *proc, pid_t leader);

#endif
