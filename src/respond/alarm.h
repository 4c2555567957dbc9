/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One entry in the system journal for each change of level, and for each burst that the mail gate stops. Speaks the
 * journal's native datagram protocol itself (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/), over a descriptor that is
 * opened before the sandbox closes: the library for it opens its socket whenever it likes. Runs in the engine. */
#ifndef SEKIMORI_RESPOND_ALARM_H
#define SEKIMORI_RESPOND_ALARM_H

#include "base/cleanup.h"
#include "model/gate.h"
#include "model/verdict.h"

#define ALARM_JOURNAL_SOCKET "/run/systemd/journal/socket"
/* Find all of ours with: journalctl MESSAGE_ID=... */
#define ALARM_MESSAGE_ID "7f0c2d5b9a3e4c18b6d4e1f2a5908c37"
#define ALARM_STORY_MAX  8192 /* bytes of the story kept */

/* Connects to the journal's socket (`path` NULL: the usual one). The descriptor is the caller's, and stays good until
 * the journal is started anew. 0; -ENOENT when there is no journal; or what connecting said. */
int alarm_open(const char *path, int *ret_fd);

/* Writes one entry when the level changed, none when it did not. `story` (may be NULL) is what a person reads. 1:
 * written; 0: nothing to write; -ENOENT: no journal (fd negative); -EAGAIN: the journal does not take it now;
 * -ECONNREFUSED: it is gone. Never blocks. */
int alarm_level_changed(int fd, const struct verdict *before, const struct verdict *after, const char *story);

/* One entry for something that the mail gate did (or the first and the last of a burst). `line`: what a person reads.
 * The same results. */
#define ALARM_GATE_MESSAGE_ID "c1d5b0a84f6e4b7e9a2f36d871e04c95"
int alarm_gate(int fd, const struct gate_entry *e, const char *line);

#endif
