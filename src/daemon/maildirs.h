/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Maildirs that are watched: what is delivered into `new` or `cur`, or moved there, is handed out once. The folders
 * themselves are the queue: what finds no room here, and what the kernel had no room to tell, is found by looking
 * through the folder again. A folder that is away is waited for. Names are outside data. Runs in the postman. */
#ifndef SEKIMORI_DAEMON_MAILDIRS_H
#define SEKIMORI_DAEMON_MAILDIRS_H

#include <limits.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define MAILDIRS_FOLDERS 1024 /* with the folders in them (Maildir++) */
#define MAILDIRS_ROOTS   256

struct maildirs_params {
        char *const *paths; /* absolute; outlive it */
        size_t n;
        /* Wall clock: mails that were placed there before are not handed out. Called once for each path. */
        nsec_t (*since)(void *userdata, const char *path);
        /* It cannot be watched (negative errno; -ENOTDIR: it is no Maildir), or it can again (0). May be NULL. */
        void (*said)(void *userdata, const char *path, int error);
        void *userdata;
        uint32_t queue; /* mails that wait; 0 = 4096 */
        uint32_t seen;  /* names that are remembered; 0 = 262144 */
};

struct maildirs_mail {
        uint8_t key[16]; /* of its Maildir and its name without flags */
        uint32_t root;   /* index of the path */
        uint16_t folder;
        uint8_t sub; /* new, cur */
        bool junk;   /* it lies in a folder for spam: a filter, or the receiver, put it there */
        char name[NAME_MAX + 1];
};

struct maildirs_stats {
        unsigned roots, missing; /* Maildirs; those that cannot be read */
        unsigned folders;        /* that are watched */
        unsigned refused;        /* folders beyond MAILDIRS_FOLDERS */
        uint32_t waiting;        /* found and not handed out */
        bool more;               /* beyond those, folders have to be looked through */
        uint64_t overflows, scans;
        uint64_t gone; /* mails that were away when they were to be read */
};

struct maildirs;

/* 0, -ENOMEM, -errno. Paths that cannot be watched are said and waited for. */
int maildirs_new(const struct maildirs_params *params, struct maildirs **ret);
void maildirs_free(struct maildirs *m);
DEFINE_FREEP(struct maildirs, maildirs_free)

int maildirs_fd(const struct maildirs *m); /* readable when something changed */
/* Takes in what changed; looks through folders where that is needed. To be called when the descriptor is readable, when
 * all that was handed out is done, and once a second. `now`: boot time. */
void maildirs_process(struct maildirs *m, nsec_t now);
/* The next one. false: none. */
bool maildirs_take(struct maildirs *m, struct maildirs_mail *ret);
/* Its file, for reading. -ENOENT: it was renamed or deleted meanwhile: it is looked for, and handed out again. Then,
 * and after any other error, it is done. -EINVAL: no regular file. */
int maildirs_open(struct maildirs *m, const struct maildirs_mail *mail, int *ret_fd);
/* Each that was handed out and opened. `again`: it comes again, some seconds later. */
void maildirs_done(struct maildirs *m, const struct maildirs_mail *mail, bool again);

/* All that was placed into that Maildir before (wall clock) is done. */
nsec_t maildirs_since(const struct maildirs *m, size_t root);
/* A path is another folder now, which the sandbox does not know. */
bool maildirs_renewed(const struct maildirs *m);
void maildirs_get_stats(const struct maildirs *m, struct maildirs_stats *ret);

#endif
