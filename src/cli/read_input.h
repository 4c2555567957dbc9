/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inputs of `read`: files, folders and standard input, each recognised by its content as a capture or a log.
 * Everything is opened here, before the sandbox closes. */
#ifndef SEKIMORI_CLI_READ_INPUT_H
#define SEKIMORI_CLI_READ_INPUT_H

#include "source/capture.h"
#include "source/log.h"

struct read_inputs {
        struct capture *capture;
        struct log_reader *logs;
        unsigned n_captures, n_logs;
        unsigned n_skipped; /* files in folders that are neither */
        unsigned n_unread;  /* files and folders in folders that could not be opened */
        bool standard;      /* standard input is one of them */
};

int read_inputs_new(const struct home *home, struct read_inputs *ret);
void read_inputs_done(struct read_inputs *in);

/* A file, a folder with everything beneath it (sorted by name), or "-". 0; or negative errno with the reason in `why`;
 * -EINVAL: neither a capture nor a log known. With 0, `why` has a line for everything in a folder that could not be
 * opened. */
int read_inputs_add(struct read_inputs *in, const char *path, struct buf *why);

#endif
