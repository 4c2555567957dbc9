/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames out of capture files, for `read`: in time order over several files, in large batches whose memory the workers
 * parse in place. Plain pcap (both byte orders, micro- and nanoseconds) is read by our own block reader, since
 * libpcap's loop is the limit otherwise; pcapng, and captures from gzip and zstd go through the same batches. Runs in
 * `read`, before the sandbox closes for open(), inside it for reading. */
#ifndef SEKIMORI_SOURCE_CAPTURE_H
#define SEKIMORI_SOURCE_CAPTURE_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "decode/packet.h"

struct capture;

/* At most CAPTURE_FRAMES frames. Owns the memory its frames point into; reused by the caller for later batches. */
#define CAPTURE_FRAMES 4096
struct capture_batch {
        struct frame *frames;
        uint32_t n;
        uint64_t first; /* number of frames[0] in the whole reading, from 0 */
        void *block;    /* capture.c's */
};

int capture_batch_new(struct capture_batch **ret);
void capture_batch_free(struct capture_batch *b);
DEFINE_FREEP(struct capture_batch, capture_batch_free)

struct capture_stats {
        uint64_t frames, bytes; /* read; bytes: captured */
        uint64_t file_bytes;    /* consumed of the files, as stored (compressed) */
        uint64_t file_size;     /* of all files; 0: unknown (a pipe) */
        uint64_t filtered;      /* of these, left out by the filter */
        uint64_t cut_files;     /* files that end within a record */
        uint64_t bad_records;   /* records whose lengths cannot be; reading goes on at the next that can */
        uint64_t bad_times;     /* negative, beyond the year 2116, or a fraction beyond a second: put within bounds */
        uint64_t backward;      /* frames earlier than one before them, more than a second */
};

/* What a file's first bytes say it is. Anything that is no capture is left to the readers of logs (source/log.h). */
enum input_kind { INPUT_UNKNOWN, INPUT_PCAP, INPUT_PCAPNG, INPUT_GZIP, INPUT_ZSTD, INPUT_TEXT };
enum input_kind input_recognise(const uint8_t *data, size_t len);
/* The same for what is inside, if it is compressed: by what these bytes decompress to (never INPUT_GZIP of a file that
 * holds text or a capture). */
enum input_kind input_recognise_inside(const uint8_t *data, size_t len);

int capture_new(struct capture **ret);
void capture_free(struct capture *c);
DEFINE_FREEP(struct capture, capture_free)
/* Adds a file by descriptor (owned from then on, also on failure); `name` for messages. Compressed files are
 * recognised. `start`: bytes already read of it (to recognise a pipe's content). 0; -EINVAL no capture, -errno; the
 * reason is in `why` (may be NULL). */
int capture_add(struct capture *c, const char *name, int fd, const void *start, size_t start_len, struct buf *why);
/* A BPF filter (pcap-filter(7)) for all files; to be set before the first capture_next(). -EINVAL with the reason. Of a
 * link type for which it means nothing ("wlan ..." on Ethernet) no frame passes; capture_next() says so, once. */
int capture_set_filter(struct capture *c, const char *filter, struct buf *why);
/* Fills the batch with the next frames. Number of frames, 0 at the end of all files, or negative errno. A file that
 * breaks off is not an error: what it held is delivered, the rest is counted, and `why` (may be NULL) gets a line. */
int capture_next(struct capture *c, struct capture_batch *b, struct buf *why);
void capture_get_stats(const struct capture *c, struct capture_stats *ret);

#endif
