/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader of logs: the registry of formats from logs.def, files in parallel, their events sorted. Lines are taken
 * from the file that is furthest behind until the sorting window is full or all files have ended; then the earliest
 * event goes out. A whole day's log fits into the window, so its order is exact. Runs in `read`, inside the sandbox. */
#include "source/log.h"

#include <errno.h>
#include <sys/stat.h>

#include "source/log_emit.h"
#include "source/log_hold.h"
#include "source/log_lines.h"

#define LOG(name) extern const struct log_format log_##name;
#include "source/logs.def"
#undef LOG

#define LOG(name) &log_##name,
const struct log_format *const log_formats[] = {
#include "source/logs.def"
        NULL,
};
#undef LOG

#define LINES_AT_ONCE 64 /* of one file before it is asked again which file is behind */

struct log_file {
        struct log_reader *reader;
        const struct log_format *format;
        struct log_lines lines;
        struct log_out out;
        void *state;
        char *name;
        nsec_t mark; /* time of the newest event; -1: none yet */
        uint64_t bad, first_bad;
        bool ended;
};

struct log_reader {
        const struct home *home;
        struct log_hold *hold;
        struct log_file **files;
        size_t n_files;
        nsec_t newest;    /* time of any event so far */
        nsec_t delivered; /* time of the newest event that went out */
        int error;        /* -ENOMEM while an event was taken */
        struct log_stats stats;
};

int log_reader_new(const struct home *home, struct log_reader **ret)
{
        _cleanup_(log_reader_freep)
        struct log_reader *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        l->home = home;
        r = log_hold_new(&l->hold);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

static void file_close(struct log_file *f)
{
        if (f->state && f->format->done)
                f->format->done(f->state);
        free(f->state);
        f->state = NULL;
        log_lines_close(&f->lines);
        f->ended = true;
}

static void file_free(struct log_file *f)
{
        file_close(f);
        free(f->name);
        free(f);
}

static void file_freep(struct log_file **f)
{
        if (*f)
                file_free(*f);
}

void log_reader_free(struct log_reader *l)
{
        if (!l)
                return;
        for (size_t i = 0; i < l->n_files; i++)
                file_free(l->files[i]);
        free(l->files);
        log_hold_free(l->hold);
        free(l);
}

static void take_event(void *userdata, const struct event *e)
{
        struct log_file *f = userdata;
        struct event copy;

        if (e->type == EVENT_GAP) { /* a gap has no time of its own: it stands at the end of what the file told */
                copy = *e;
                copy.time = f->mark >= 0 ? f->mark : f->reader->newest;
                e = &copy;
        }
        f->mark = MAX(f->mark, e->time);
        f->reader->newest = MAX(f->reader->newest, e->time);
        if (log_hold_push(f->reader->hold, e) < 0)
                f->reader->error = -ENOMEM;
}

static void take_bad(void *userdata, uint64_t line)
{
        struct log_file *f = userdata;

        f->reader->stats.bad_lines++;
        if (f->bad++ == 0 || line < f->first_bad)
                f->first_bad = line;
}

static void take_foreign(void *userdata)
{
        struct log_file *f = userdata;

        f->reader->stats.foreign++;
}

static const struct log_format *recognise(const struct log_file *f)
{
        const struct log_lines *l = &f->lines;

        for (size_t i = 0; log_formats[i]; i++)
                if (log_formats[i]->recognise(l->bytes + l->at, l->used - l->at, f->name))
                        return log_formats[i];
        return NULL;
}

/* What the file tells of itself before its first line. */
static int file_prepare(struct log_file *f, struct log_reader *l, const char *name, struct buf *why)
{
        const char *slash = strrchr(name, '/');

        f->reader = l;
        f->mark = -1;
        f->name = strdup(slash ? slash + 1 : name);
        if (!f->name)
                return -ENOMEM;
        f->format = recognise(f);
        if (!f->format) {
                buf_puts(why, f->lines.used ? "no log of a known format" : "empty");
                return -EINVAL;
        }
        f->state = calloc(1, MAX(f->format->state_size, 1));
        if (!f->state)
                return -ENOMEM;
        f->out.event = take_event;
        f->out.bad = take_bad;
        f->out.foreign = take_foreign;
        f->out.userdata = f;
        f->out.home = l->home;
        f->out.file_name = f->name;
        return 0;
}

int log_reader_add(struct log_reader *l, const char *name, int fd, const void *start, size_t start_len, struct buf *why)
{
        _cleanup_(file_freep)
        struct log_file *f = calloc(1, sizeof(*f));
        struct log_file **files;
        struct stat st = {0};
        int r;

        if (!f) {
                close(fd);
                return -ENOMEM;
        }
        f->lines.input.fd = -EBADF;
        (void) fstat(fd, &st);
        f->out.file_time = MAX((nsec_t) st.st_mtim.tv_sec, 0) * NSEC_PER_SEC;
        r = log_lines_open(&f->lines, fd, start, start_len);
        if (r < 0) {
                buf_puts(why, strerror(-r));
                return r;
        }
        r = file_prepare(f, l, name, why);
        if (r < 0)
                return r;
        files = realloc(l->files, (l->n_files + 1) * sizeof(struct log_file *));
        if (!files)
                return -ENOMEM;
        l->files = files;
        l->stats.file_bytes += f->lines.input.consumed;
        l->files[l->n_files++] = TAKE_PTR(f);
        if (S_ISREG(st.st_mode))
                l->stats.file_size += (uint64_t) st.st_size;
        return 0;
}

static void file_end(struct log_file *f, bool broken)
{
        char text[64];
        struct buf b = BUF_FIXED(text);

        if (f->format->end)
                f->format->end(f->state, &f->out);
        if (f->bad > 0) {
                buf_printf(&b, "the first is line %llu", (unsigned long long) f->first_bad);
                log_emit_gap(&f->out, GAP_BAD_LINE, f->bad, text);
        }
        if (f->lines.input.cut || broken)
                log_emit_gap(&f->out, GAP_BAD_LINE, 1,
                             broken ? "the file cannot be read further" :
                                      "the compressed data breaks off or is damaged");
        file_close(f);
}

/* Some lines of a file. 0 or negative errno. */
static int file_read(struct log_file *f)
{
        struct log_line line;
        uint64_t consumed = f->lines.input.consumed;
        int r = 1;

        for (unsigned i = 0; i < LINES_AT_ONCE && !log_hold_full(f->reader->hold); i++) {
                r = log_lines_next(&f->lines, &line);
                if (r <= 0 && r != -EMSGSIZE)
                        break;
                f->reader->stats.lines++;
                if (r > 0)
                        r = f->format->line(f->state, &line, &f->out);
                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        take_bad(f, line.number);
                r = 1;
        }
        f->reader->stats.file_bytes += f->lines.input.consumed - consumed;
        if (r > 0 || r == -EINTR)
                return r < 0 ? r : f->reader->error;
        file_end(f, r < 0);
        return r < 0 ? -EIO : f->reader->error;
}

static struct log_file *furthest_behind(struct log_reader *l)
{
        struct log_file *found = NULL;

        for (size_t i = 0; i < l->n_files; i++)
                if (!l->files[i]->ended && (!found || l->files[i]->mark < found->mark))
                        found = l->files[i];
        return found;
}

/* Reads until the window is full or all files have ended. */
static int fill(struct log_reader *l)
{
        struct log_file *f;
        int r;

        while (!log_hold_full(l->hold) && (f = furthest_behind(l))) {
                r = file_read(f);
                if (r < 0)
                        return r;
        }
        return 0;
}

int log_reader_next(struct log_reader *l, nsec_t until, const struct event_sink *sink)
{
        const struct event *e;
        int n = 0, r = fill(l);

        if (r < 0)
                return r;
        while (n < LOG_BATCH && (e = log_hold_first(l->hold)) && e->time <= until) {
                if (e->time < l->delivered)
                        l->stats.late++;
                l->delivered = MAX(l->delivered, e->time);
                sink->event(sink->userdata, e);
                log_hold_pop(l->hold);
                n++;
        }
        l->stats.events += (uint64_t) n;
        if (n > 0)
                return n;
        return log_hold_count(l->hold) > 0 || furthest_behind(l) ? -EAGAIN : 0;
}

void log_reader_get_stats(const struct log_reader *l, struct log_stats *ret)
{
        *ret = l->stats;
}
