/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines out of a log file, pipe or compressed file. Runs in `read`. */
#ifndef SEKIMORI_SOURCE_LOG_LINES_H
#define SEKIMORI_SOURCE_LOG_LINES_H

#include "source/capture_internal.h"
#include "source/log.h"

struct log_lines {
        struct capture_input input; /* decompresses */
        char *bytes;
        size_t at, searched, used; /* bytes [at, used) are not delivered; up to `searched` there is no line end */
        uint64_t number;           /* of the newest line */
        bool skipping, eof;
};

/* Takes the descriptor, also on failure; reads what fits, so that the format can be recognised. 0 or negative errno. */
int log_lines_open(struct log_lines *l, int fd, const void *start, size_t start_len);
void log_lines_close(struct log_lines *l);
/* The next line without its end (LF or CR LF). 1; 0 at the end; -EMSGSIZE: line number `ret->number` is longer than
 * LOG_LINE_MAX and was left out; negative errno, where -EINTR loses nothing. */
int log_lines_next(struct log_lines *l, struct log_line *ret);

#endif
