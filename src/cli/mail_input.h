/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The mails that `mail` was given: files (one mail, or an mbox), Maildirs, folders with all beneath them, standard
 * input. Read one after the other in bounded memory. Runs in the command line. */
#ifndef SEKIMORI_CLI_MAIL_INPUT_H
#define SEKIMORI_CLI_MAIL_INPUT_H

#include "mail/mbox.h"

struct mail_input;

struct mail_input_params {
        /* One mail. `many`: its file may hold others. */
        void (*mail)(void *userdata, const char *path, bool many, const struct mbox_mail *mail);
        /* A file or folder that cannot be read, or a file that was named and is no mail. May be followed by others. */
        void (*trouble)(void *userdata, const char *path, const char *reason);
        /* Called now and then; true ends the reading. */
        bool (*stop)(void *userdata);
        void *userdata;
        /* May be NULL: is this a mail to be kept until its end? Then `whole` is called with all of it, unless cut. */
        bool (*keep)(void *userdata, const struct mbox_mail *mail);
        void (*whole)(void *userdata, const char *path, const struct mbox_mail *mail);
};

struct mail_input_stats {
        uint64_t files, mails, bytes;
        uint64_t skipped; /* files in folders that are no mail */
        uint64_t gone;    /* files that went away, or were renamed, between being listed and being opened */
        uint64_t size;    /* bytes of the file that is being read; 0: not known */
        uint64_t at;      /* read of it */
};

/* Reads what `path` names. 0, or negative when it, or something beneath it, could not be read (`trouble` was told). */
int mail_input_read(const char *path, const struct mail_input_params *params, struct mail_input_stats *stats);

#endif
