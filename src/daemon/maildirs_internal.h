/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What maildirs.c and maildirs_look.c share. Not for others. */
#ifndef SEKIMORI_DAEMON_MAILDIRS_INTERNAL_H
#define SEKIMORI_DAEMON_MAILDIRS_INTERNAL_H

#include <string.h>
#include <sys/stat.h>

#include "base/table.h"
#include "daemon/maildirs.h"

#define MAILDIRS_PATH_MAX (PATH_MAX + 2 * NAME_MAX + 8)

enum maildirs_sub { MAILDIRS_NEW, MAILDIRS_CUR, MAILDIRS_SUBS };
extern const char *const maildirs_subs[MAILDIRS_SUBS];

struct maildirs_seen {
        uint8_t key[16];
        uint32_t place; /* in the queue, from 1; 0: it was handed out, or is old */
};

struct maildirs_root {
        const char *path;
        int fd; /* -1: away */
        int wd;
        struct stat known; /* as it was when the sandbox closed; st_ino 0: not there */
        int error;         /* that was said; 1: nothing yet */
        nsec_t since;      /* wall clock */
        nsec_t again_at;   /* boot time; 0: no */
        uint32_t out;      /* waiting, or handed out and not done */
        bool relist;       /* its folders changed */
};

struct maildirs_folder {
        bool used, watched, junk;
        bool scan;    /* look it through, from its beginning on */
        bool passing; /* that is under way; it goes on with `sub` at place `at` when there is room */
        unsigned sub;
        long at;
        uint32_t root;
        int wd[MAILDIRS_SUBS];
        char name[NAME_MAX + 1]; /* within the root; "": itself */
};

struct maildirs {
        struct maildirs_params p;
        int fd;
        uint64_t seed;
        struct maildirs_root *roots;
        struct maildirs_folder folders[MAILDIRS_FOLDERS];
        unsigned n_folders; /* places in use, with holes */
        struct table *seen;
        struct maildirs_mail *queue;
        uint32_t first, waiting;
        nsec_t looked_at; /* boot time of the last look at the roots */
        nsec_t wall;      /* wall clock at this turn */
        bool renewed, ready;
        struct maildirs_stats stats;
};

/* maildirs.c: a name was found in a folder. false: the queue is full. `recent`: it is to be handed out; else it is only
 * remembered. */
bool maildirs_found(struct maildirs *m, unsigned folder, enum maildirs_sub sub, const char *name, bool recent);
/* Was it delivered lately enough? A mail keeps that time when it is renamed. */
bool maildirs_is_recent(const struct maildirs *m, const struct maildirs_root *r, const struct stat *st);

/* maildirs_look.c: are the roots there, and their folders watched? */
void maildirs_look(struct maildirs *m);
/* The folder cannot be relied on any more: it is watched anew at the next look. */
void maildirs_look_lost(struct maildirs *m, struct maildirs_folder *f);
/* Looks the folder through, or goes on with that, as far as there is room. */
void maildirs_look_through(struct maildirs *m, unsigned folder);

#endif
