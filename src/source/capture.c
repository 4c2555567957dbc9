/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Capture files as batches of frames, merged in time order. A batch shares the blocks its frames lie in with the files
 * that fill them, so that workers can have several batches while the next is read. Runs in `read`. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "source/capture_internal.h"

#define BLOCK_SIZE   (256u << 10) /* measured: stays in the second-level cache between read() and parsing */
#define BLOCKS_TOTAL (64u << 20)  /* of all files together, as long as each has BLOCK_LEAST */
#define BLOCK_LEAST  (16u << 10)
#define AHEAD        64u /* frames of a file looked at while merging */
#define BATCH_BLOCKS 256u
#define BACKWARD     NSEC_PER_SEC

struct held {
        unsigned n;
        struct capture_block *blocks[BATCH_BLOCKS];
};

struct capture {
        struct capture_file **files; /* a heap by time of the next frame once started; ended ones are gone */
        unsigned n_files, files_size;
        struct capture_filter *filter;
        struct capture_stats stats;
        uint64_t consumed; /* of files that have ended */
        uint64_t delivered;
        uint64_t batches;
        nsec_t latest; /* time so far */
        bool unknown_size, started;
};

int capture_batch_new(struct capture_batch **ret)
{
        _cleanup_(capture_batch_freep)
        struct capture_batch *b = calloc(1, sizeof(*b));

        if (!b)
                return -ENOMEM;
        b->frames = calloc(CAPTURE_FRAMES, sizeof(*b->frames));
        b->block = calloc(1, sizeof(struct held));
        if (!b->frames || !b->block)
                return -ENOMEM;
        *ret = TAKE_PTR(b);
        return 0;
}

static void release(struct capture_batch *b)
{
        struct held *held = b->block;

        for (unsigned i = 0; held && i < held->n; i++)
                capture_block_unref(held->blocks[i]);
        if (held)
                held->n = 0;
        b->n = 0;
}

void capture_batch_free(struct capture_batch *b)
{
        if (!b)
                return;
        release(b);
        free(b->block);
        free(b->frames);
        free(b);
}

int capture_new(struct capture **ret)
{
        struct capture *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        *ret = c;
        return 0;
}

static void free_file(struct capture_file *f)
{
        if (!f)
                return;
        capture_file_close(f);
        free(f->name);
        free(f);
}
DEFINE_FREEP(struct capture_file, free_file)

void capture_free(struct capture *c)
{
        if (!c)
                return;
        for (unsigned i = 0; i < c->n_files; i++)
                free_file(c->files[i]);
        free(c->files);
        capture_filter_free(c->filter);
        free(c);
}

/* Bytes stored from here on and before; -1: not known. */
static int64_t size_of(int fd, size_t start_len)
{
        struct stat st;
        off_t at;

        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (at = lseek(fd, 0, SEEK_CUR)) < 0)
                return -1;
        (void) posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        return MAX(st.st_size - at, (off_t) 0) + (int64_t) start_len;
}

int capture_add(struct capture *c, const char *name, int fd, const void *start, size_t start_len, struct buf *why)
{
        _cleanup_(free_filep)
        struct capture_file *f = calloc(1, sizeof(*f));
        _cleanup_close_ int own = fd;
        char nowhere[64];
        struct buf unsaid = BUF_FIXED(nowhere);
        int64_t size;
        int r;

        if (c->started)
                return -EBUSY;
        if (!f || !(f->name = strdup(name)))
                return -ENOMEM;
        f->input.fd = -EBADF;
        if (c->n_files == c->files_size) {
                unsigned want = c->files_size ? c->files_size * 2 : 16;
                struct capture_file **p = reallocarray(c->files, want, sizeof(struct capture_file *));

                if (!p)
                        return -ENOMEM;
                c->files = p;
                c->files_size = want;
        }
        f->stats = &c->stats;
        f->number = c->n_files;
        size = size_of(own, start_len); /* before anything is read of it: the position counts */
        r = capture_file_open(f, TAKE_FD(own), start, start_len, why ? why : &unsaid);
        if (r < 0)
                return r;
        c->unknown_size |= size < 0;
        c->stats.file_size += size < 0 ? 0 : (uint64_t) size;
        c->files[c->n_files++] = TAKE_PTR(f);
        return 0;
}

int capture_set_filter(struct capture *c, const char *filter, struct buf *why)
{
        _cleanup_(capture_filter_freep)
        struct capture_filter *l = NULL;
        int r;

        if (c->started)
                return -EBUSY;
        r = capture_filter_new(filter, &l, why);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < c->n_files; i++)
                if (c->files[i]->header_len) /* pcap: says its link type at once */
                        capture_filter_prepare(l, c->files[i]->link);
        capture_filter_free(c->filter);
        c->filter = TAKE_PTR(l);
        return 0;
}

/* Is a's next frame before b's? */
static bool is_before(const struct capture_file *a, const struct capture_file *b)
{
        nsec_t at = a->ahead[a->ahead_at].time, bt = b->ahead[b->ahead_at].time;

        return at != bt ? at < bt : a->number < b->number;
}

static void sift_down(struct capture *c, unsigned i)
{
        struct capture_file *f;

        for (;;) {
                unsigned least = i;

                for (unsigned k = 2 * i + 1; k <= 2 * i + 2 && k < c->n_files; k++)
                        if (is_before(c->files[k], c->files[least]))
                                least = k;
                if (least == i)
                        return;
                f = c->files[i];
                c->files[i] = c->files[least];
                c->files[least] = f;
                i = least;
        }
}

static void end_file(struct capture *c, unsigned i, int error, struct buf *why)
{
        struct capture_file *f = c->files[i];
        const char *how = NULL;

        if (error < 0)
                how = strerror(-error);
        else if (f->input.cut)
                how = "the compressed data breaks off or is damaged";
        else if (f->gave_up)
                how = "too much of it is damaged; the rest is left out";
        else if (f->cut || f->used > f->at || f->skip > 0)
                how = "ends within a record";
        if (how) {
                c->stats.cut_files++;
                if (why)
                        (void) buf_printf(why, "%s: %s\n", f->name, how);
        }
        c->consumed += f->input.consumed;
        free_file(f);
        c->files[i] = c->files[--c->n_files];
}

static bool is_temporary(int error)
{
        return error == -EINTR || error == -EAGAIN || error == -ENOMEM;
}

/* Frames for the merging. Number of them; 0: the file has ended and is gone, its place taken by another. */
static int look_ahead(struct capture *c, unsigned i, struct buf *why)
{
        struct capture_file *f = c->files[i];
        int r;

        if (f->ahead_at < f->ahead_n)
                return 1;
        if (!f->ahead && !(f->ahead = calloc(AHEAD, sizeof(*f->ahead))))
                return -ENOMEM;
        f->ahead_at = f->ahead_n = 0;
        r = capture_file_next(f, f->ahead, AHEAD);
        if (is_temporary(r))
                return r;
        if (r <= 0) {
                end_file(c, i, r, why);
                return 0;
        }
        f->ahead_n = (uint32_t) r;
        return r;
}

/* The first frames of all files, and their order. May be called again after a temporary error. */
static int start(struct capture *c, struct buf *why)
{
        for (unsigned i = 0; i < c->n_files;) {
                int r;

                c->files[i]->block_max = MAX(MIN(BLOCK_SIZE, BLOCKS_TOTAL / c->n_files), BLOCK_LEAST);
                if (c->n_files == 1)
                        break;
                r = look_ahead(c, i, why);
                if (r < 0)
                        return r;
                i += r > 0;
        }
        for (unsigned i = c->n_files / 2; i-- > 0;)
                sift_down(c, i);
        c->started = true;
        return 0;
}

/* The batch has frames in this block from now on. */
static void hold(struct capture *c, struct capture_batch *b, struct capture_block *block)
{
        struct held *held = b->block;

        if (block->batch == c->batches)
                return;
        atomic_fetch_add_explicit(&block->refs, 1, memory_order_relaxed);
        block->batch = c->batches;
        held->blocks[held->n++] = block;
}

/* Takes `n` frames, of the block, that were put behind those of the batch: counts them, and leaves out what the filter
 * does not want. */
static void take(struct capture *c, struct capture_batch *b, struct capture_block *block, uint32_t n, struct buf *why)
{
        const struct frame *f = b->frames + b->n, *end = f + n;
        struct frame *to = b->frames + b->n;
        uint64_t bytes = 0, backward = 0;
        nsec_t latest = c->latest;

        for (; f < end; f++) {
                bytes += f->caplen;
                backward += f->time < latest - BACKWARD;
                latest = MAX(latest, f->time);
                if (c->filter && !capture_filter_match(c->filter, f, why))
                        continue;
                if (to != f)
                        *to = *f;
                to++;
        }
        c->latest = latest;
        c->stats.backward += backward;
        c->stats.bytes += bytes;
        c->stats.frames += n;
        c->stats.filtered += (uint64_t) (end - to);
        if (to > b->frames + b->n)
                hold(c, b, block);
        b->n = (uint32_t) (to - b->frames);
}

/* Frames of the only file left. Number of them, 0 at its end. */
static int next_of_one(struct capture *c, struct capture_batch *b, struct buf *why)
{
        struct capture_file *f = c->files[0];
        int r;

        if (f->ahead_at < f->ahead_n) { /* looked at when there were others */
                uint32_t n = MIN(f->ahead_n - f->ahead_at, CAPTURE_FRAMES - b->n);

                memcpy(b->frames + b->n, f->ahead + f->ahead_at, n * sizeof(*f->ahead));
                f->ahead_at += n;
                r = (int) n;
        } else {
                r = capture_file_next(f, b->frames + b->n, CAPTURE_FRAMES - b->n);
        }
        if (is_temporary(r))
                return r;
        if (r <= 0) {
                end_file(c, 0, r, why);
                return 0;
        }
        take(c, b, f->block, (uint32_t) r, why);
        return r;
}

/* Frames of the file that is first in time, up to where another is. */
static int next_of_many(struct capture *c, struct capture_batch *b, struct buf *why)
{
        struct capture_file *f = c->files[0], *other = c->files[1];
        uint32_t n = 0;
        int r;

        if (f->ahead_at == f->ahead_n) {
                r = look_ahead(c, 0, why);
                if (r >= 0)
                        sift_down(c, 0);
                return r;
        }
        if (c->n_files > 2 && is_before(c->files[2], other))
                other = c->files[2];
        do
                b->frames[b->n + n++] = f->ahead[f->ahead_at++];
        while (b->n + n < CAPTURE_FRAMES && f->ahead_at < f->ahead_n && is_before(f, other));
        take(c, b, f->block, n, why);
        if (f->ahead_at < f->ahead_n)
                sift_down(c, 0);
        return (int) n;
}

int capture_next(struct capture *c, struct capture_batch *b, struct buf *why)
{
        const struct held *held = b->block;
        int r = 0;

        release(b);
        c->batches++;
        b->first = c->delivered;
        if (!c->started)
                r = start(c, why);
        while (r >= 0 && c->n_files > 0 && b->n < CAPTURE_FRAMES && held->n < BATCH_BLOCKS) {
                bool one = c->n_files == 1;

                r = one ? next_of_one(c, b, why) : next_of_many(c, b, why);
                /* One block is enough for a batch: it stays in the cache, and a pipe's frames do not wait. */
                if (one && b->n > 0)
                        break;
        }
        c->delivered += b->n;
        return b->n > 0 ? (int) b->n : MIN(r, 0);
}

void capture_get_stats(const struct capture *c, struct capture_stats *ret)
{
        *ret = c->stats;
        ret->file_bytes = c->consumed;
        for (unsigned i = 0; i < c->n_files; i++)
                ret->file_bytes += c->files[i]->input.consumed;
        if (c->unknown_size)
                ret->file_size = 0;
}
