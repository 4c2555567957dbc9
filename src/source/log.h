/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Log files of other sensors as sources: lines to events, in time order. Each format is a row in logs.def with an
 * object log_<name> in src/source/log_<name>.c. What a format cannot say becomes a gap event (GAP_NOT_IN_LOG) once per
 * file. Runs in `read`, inside the sandbox. */
#ifndef SEKIMORI_SOURCE_LOG_H
#define SEKIMORI_SOURCE_LOG_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "config/home.h"
#include "source/source.h"

/* Limits. A longer line is a bad line. */
#define LOG_LINE_MAX   (64u << 10)
#define LOG_HELD_MAX   (1u << 20)   /* events held back to be sorted */
#define LOG_HELD_BYTES (256u << 20) /* memory of these events and their strings */
#define LOG_BATCH      4096         /* events delivered by one log_reader_next() at most */

struct log_line {
        const char *text; /* without line end; valid during the call */
        size_t len;
        uint64_t number; /* from 1 */
};

/* Takes the events of a format: like event_sink, but events may come out of order; the reader sorts them (log_read).
 * Formats use log_emit.h, which turns a record into one event per home host. */
struct log_out {
        /* A gap's time is filled in: that of the newest event of the file. */
        void (*event)(void *userdata, const struct event *e);
        void (*bad)(void *userdata, uint64_t line); /* a bad line that is not the one given to line() */
        void (*foreign)(void *userdata);            /* a record that concerns no home host */
        void *userdata;
        const struct home
                *home;         /* says which end is `local` (config/home.h); both: an event for each, FLOW_BOTH_HOME */
        const char *file_name; /* without folders */
        nsec_t file_time;      /* when the file was last written: says the year where lines do not */
};

struct log_format {
        const char *name; /* as in logs.def */
        const char *help;
        uint16_t state_size; /* zeroed to begin */
        /* Is it this format? By the first lines; the last of them may be cut. */
        bool (*recognise)(const char *text, size_t len, const char *file_name);
        /* 0: taken or of no interest; -EBADMSG: a line that should be readable and is not, counted; -ENOMEM. */
        int (*line)(void *state, const struct log_line *line, const struct log_out *out);
        /* End of the file: says what is still held, and the gaps of the format. May be NULL. */
        void (*end)(void *state, const struct log_out *out);
        /* Frees what the state owns, after end() or without it. May be NULL. */
        void (*done)(void *state);
};

extern const struct log_format *const log_formats[];

struct log_reader;

struct log_stats {
        uint64_t lines, bad_lines, events,
                late;                   /* late: came out of order beyond the sorting window, delivered all the same */
        uint64_t foreign;               /* records that concern no home host: not delivered */
        uint64_t file_bytes, file_size; /* as stored; file_size 0: not known (a pipe) */
};

int log_reader_new(const struct home *home, struct log_reader **ret);
void log_reader_free(struct log_reader *l);
DEFINE_FREEP(struct log_reader, log_reader_free)
/* Adds a file (fd owned from then on, also on failure); gzip and zstd are recognised. `start`: bytes already read of
 * it. -EINVAL: no known format, reason in `why`. */
int log_reader_add(struct log_reader *l, const char *name, int fd, const void *start, size_t start_len,
                   struct buf *why);
/* Delivers events in time order up to and including `until` (INT64_MAX: all), so that logs and captures can be read
 * together; at most LOG_BATCH of them, so that the caller can show progress and stop: call it until it returns 0 or
 * -EAGAIN. Number of events, 0 when there are no more at all, or negative errno. -EAGAIN: none until then, more later.
 * -EINTR: a signal came, nothing is lost. -EIO: a file could not be read further; the others go on with the next call.
 */
int log_reader_next(struct log_reader *l, nsec_t until, const struct event_sink *sink);
void log_reader_get_stats(const struct log_reader *l, struct log_stats *ret);

#endif
