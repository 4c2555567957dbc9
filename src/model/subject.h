/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subject: whom a claim is about. The home host is the unit of judgement; a process belongs to the host it runs on. */
#ifndef SEKIMORI_MODEL_SUBJECT_H
#define SEKIMORI_MODEL_SUBJECT_H

#include "model/event.h"

enum subject_kind { SUBJECT_HOST, SUBJECT_PROCESS, SUBJECT_RELAY, SUBJECT_KINDS };

#define SUBJECT_TEXT_MAX 96

struct subject {
        enum subject_kind kind;
        struct addr addr; /* host, relay; all zero: this machine */
        /* process: identified by boot, pid and start; the program is carried along, it may change */
        uint8_t boot_id[16]; /* /proc/sys/kernel/random/boot_id */
        uint32_t pid;
        uint32_t exe_dev;
        uint64_t start; /* nanoseconds since boot */
        uint64_t exe_ino;
        char name[32]; /* program's base name, for people only; never compared */
};

/* "host:10.1.6.206", "host:self", "process:1234:5678901234:0f3a…" (pid, start, first 8 hex digits of the boot id),
 * "relay:192.0.2.1". Unique; used as the key in the store and accepted by `why`. */
const char *subject_key(const struct subject *s, char text[static SUBJECT_TEXT_MAX]);
/* For people: "process 1234 (bot)", "this machine", "10.1.6.206". */
const char *subject_title(const struct subject *s, char text[static SUBJECT_TEXT_MAX]);
bool subject_equal(const struct subject *a, const struct subject *b);
const char *subject_kind_name(unsigned kind);

#endif
