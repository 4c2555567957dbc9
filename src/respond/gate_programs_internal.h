/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of gate_programs_*.c share. Not for others. */
#ifndef SEKIMORI_RESPOND_GATE_PROGRAMS_INTERNAL_H
#define SEKIMORI_RESPOND_GATE_PROGRAMS_INTERNAL_H

#include "respond/gate_file.h"
#include "respond/gate_programs.h"

#define GATE_PROGRAMS_REFUSALS_MAX 512
#define GATE_PROGRAMS_FOLDERS_MAX  256

/* What one scan found. */
struct gate_programs_set {
        struct gate_programs_entry *entries; /* sorted by key once the scan is over */
        size_t n, room;
        struct gate_programs_refusal *refusals;
        size_t n_refusals;
        struct gate_programs_left_out {
                struct gate_program_key key;
                const char *reason;
        } * left_out;
        size_t n_left_out;
        char **folders; /* in which a change matters */
        size_t n_folders;
        int error; /* -ENOMEM */
};

struct gate_programs {
        struct gate_files *files;
        struct gate_programs_named {
                char *path;
                uint32_t kinds;
        } * named; /* by the configuration */
        size_t n_named;
        struct gate_programs_declared {
                char *path, *sha256;
                uint32_t uid, number;
                /* What the digest below was made of. */
                struct gate_program_key key;
                struct timespec ctime;
                off_t size;
                char digest[GATE_FILE_SHA256_MAX];
        } * declared;
        size_t n_declared;
        struct gate_programs_set *set;
        struct gate_programs_watch *watch;
};

/* A program that is to be taken. */
struct gate_programs_claim {
        const char *path;
        uint32_t kinds;
        const char *source;
        bool by_hand;                          /* the configuration names it: left-out ones are taken */
        bool awaited;                          /* it need not be there, nor be a program */
        struct gate_programs_declared *sender; /* NULL: none */
};

/* Scan: puts the file into the set, or a refusal. */
void gate_programs_set_take(struct gate_programs *p, struct gate_programs_set *set,
                            const struct gate_programs_claim *claim);
void gate_programs_set_refuse(struct gate_programs_set *set, const struct gate_programs_claim *claim,
                              const char *reason);
void gate_programs_set_free(struct gate_programs_set *set);
DEFINE_FREEP(struct gate_programs_set, gate_programs_set_free)

/* The parts of a scan. */
void gate_programs_table_scan(struct gate_programs *p, struct gate_programs_set *set);
void gate_programs_desktop_scan(struct gate_programs *p, struct gate_programs_set *set);
/* Has the table a program of these kinds by that own name? */
bool gate_programs_table_names(const char *name, uint32_t kinds);
/* Why a file of that own name is never taken, or NULL. */
const char *gate_programs_table_never(const char *path);

void gate_programs_watch_update(struct gate_programs *p);
void gate_programs_watch_free(struct gate_programs_watch *w);

#endif
