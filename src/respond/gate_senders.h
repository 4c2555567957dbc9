/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Declared senders: who may send without a person. By systemd unit, by program (and user, and content), or by network
 * for what passes through a gateway. Kept in the file `senders` of gate.state; each change keeps the version before it,
 * so that it can be undone. Used by the keeper and `gate allow|deny`. */
#ifndef SEKIMORI_RESPOND_GATE_SENDERS_H
#define SEKIMORI_RESPOND_GATE_SENDERS_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/clock.h"
#include "respond/gate_programs.h"

#define GATE_SENDERS_MAX        256 /* GATE_UNITS */
#define GATE_SENDERS_REASON_MAX 200
#define GATE_SENDERS_UNDO_MAX   32
#define GATE_SENDERS_NOBODY     (UINT32_MAX - 1) /* user of a declaration whose user is not known here */

enum gate_sender_kind { GATE_SENDER_UNIT, GATE_SENDER_PROGRAM, GATE_SENDER_NETWORK };

struct gate_sender {
        uint32_t number; /* not 0; never given again while the file lasts */
        enum gate_sender_kind kind;
        char *value;  /* unit's name, program's path, or network */
        char *cgroup; /* UNIT: its control group */
        char *user;   /* PROGRAM: name or number; NULL: any */
        char *sha256; /* PROGRAM: 64 digits; NULL: any content */
        char *who;    /* declared it */
        nsec_t when;
        char *reason;    /* may be "" */
        struct cidr net; /* NETWORK */
        uint32_t uid;    /* PROGRAM: UINT32_MAX: any; GATE_SENDERS_NOBODY */
};

struct gate_senders {
        struct gate_sender items[GATE_SENDERS_MAX];
        size_t n;
        uint32_t next; /* number */
};

/* An empty list. NULL without memory. */
struct gate_senders *gate_senders_new(void);
void gate_senders_free(struct gate_senders *s);
DEFINE_FREEP(struct gate_senders, gate_senders_free)

/* Takes a text as gate_senders_put() writes it. Strict: -EINVAL with "name:line: reason" lines in `errors` (may be
 * NULL) when anything does not fit; or -ENOMEM. */
int gate_senders_parse(const char *name, const char *text, size_t len, struct gate_senders **ret, struct buf *errors);
int gate_senders_put(const struct gate_senders *s, struct buf *out);

/* Whoever changes the list, or carries it out in the kernel, holds this from before it is read until it is in force: an
 * older list must not be carried out after a newer one. Waits that long for others; closing *ret_fd lets go. -EBUSY:
 * somebody held it all that time. -ENOENT without `create`: nobody changed anything yet. */
int gate_senders_lock(int dir, bool create, nsec_t patience, int *ret_fd);
/* Its file, so that the folder can go; it stays where somebody holds it. */
void gate_senders_lock_remove(int dir);
/* From the directory (gate_state_open()); without a file the list is empty. */
int gate_senders_load(int dir, struct gate_senders **ret, struct buf *errors);
/* Keeps the version before. The caller holds the lock, here and at the next. */
int gate_senders_save(int dir, const struct gate_senders *s);
/* Back to the version before the last change. -ENOENT: there is none. */
int gate_senders_undo(int dir);

/* Copies what is asked for; its number is given here. 0, -ENOMEM, or -EINVAL, -EEXIST (declared already), -ENOSPC, each
 * with a reason. */
int gate_senders_add(struct gate_senders *s, const struct gate_sender *asked, uint32_t *ret_number,
                     char reason[static 128]);
/* -ENOENT. */
int gate_senders_remove(struct gate_senders *s, uint32_t number);
const struct gate_sender *gate_senders_find(const struct gate_senders *s, uint32_t number);
/* By number, unit, path or network as a person writes it. */
const struct gate_sender *gate_senders_find_text(const struct gate_senders *s, const char *text);
/* Hands the declared programs to the table of programs. */
int gate_senders_apply(const struct gate_senders *s, struct gate_programs *programs);

const char *gate_sender_kind_name(enum gate_sender_kind kind);
/* Local users only (/etc/passwd): a name service may make a process wait. -ENOENT. A number stands for itself. */
int gate_sender_uid(const char *user, uint32_t *ret);
void gate_sender_user(uint32_t uid, char ret[static 64]);

#endif
