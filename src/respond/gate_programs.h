/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which programs are what to the gate: by device and inode, from the table gate_programs.def, the desktop's own choice
 * for mailto:, and the configuration. Kept current while packages are upgraded. Used by the keeper, which writes it
 * into the kernel half's map, and by `gate status` and `doctor`. */
#ifndef SEKIMORI_RESPOND_GATE_PROGRAMS_H
#define SEKIMORI_RESPOND_GATE_PROGRAMS_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/cleanup.h"
#include "config/config.h"
#include "respond/gate_map.h"

struct gate_programs;

struct gate_programs_entry {
        struct gate_program_key key;
        struct gate_program program; /* its id is the same in every run, as far as paths do not collide */
        char *path;                  /* without links */
        const char *source;          /* static: "table", "desktop", "configuration", "/etc/shells", "sender" */
};

/* A program that may not be what it was named as. */
struct gate_programs_refusal {
        char *path, *reason;
        uint32_t kinds;
        const char *source;
};

/* A declared sender by program; strings are copied. */
struct gate_programs_sender {
        const char *path;
        const char *sha256; /* NULL: any content */
        uint32_t uid;       /* UINT32_MAX: any */
        uint32_t number;
};

/* Nothing is scanned yet. 0 or negative errno. */
int gate_programs_new(const struct config *c, struct gate_programs **ret);
/* The same beneath another root folder, in which files of `owner` are trusted: for tests. */
int gate_programs_new_at(const struct config *c, const char *root, uid_t owner, struct gate_programs **ret);
void gate_programs_free(struct gate_programs *p);
DEFINE_FREEP(struct gate_programs, gate_programs_free)

/* In force from the next scan on. 0 or -ENOMEM. */
int gate_programs_configure(struct gate_programs *p, const struct config *c);
int gate_programs_set_senders(struct gate_programs *p, const struct gate_programs_sender *senders, size_t n);

/* `entry` is new or changed. NULL: what had that key is gone. */
typedef void (*gate_programs_cb)(void *userdata, const struct gate_program_key *key,
                                 const struct gate_programs_entry *entry);
/* Looks at everything again and tells of differences; `cb` may be NULL. How many, or negative errno: then what was
 * known before stays. */
int gate_programs_scan(struct gate_programs *p, gate_programs_cb cb, void *userdata);

/* Scans again, and tells differences, soon after something changed in one of the folders that matter, or in the mounts.
 * 0 or negative errno. */
int gate_programs_watch(struct gate_programs *p, sd_event *event, gate_programs_cb cb, void *userdata);

/* NULL: none. Valid until the next scan. */
const struct gate_programs_entry *gate_programs_at(const struct gate_programs *p, size_t index);
const struct gate_programs_entry *gate_programs_find(const struct gate_programs *p, const struct gate_program_key *key);
const struct gate_programs_entry *gate_programs_find_id(const struct gate_programs *p, uint32_t id);
const struct gate_programs_refusal *gate_programs_refusal_at(const struct gate_programs *p, size_t index);

/* Does this program run whatever it is told to (an interpreter, a launcher)? Then it must not be trusted by its file.
 */
bool gate_programs_is_any(const char *path);

#endif
