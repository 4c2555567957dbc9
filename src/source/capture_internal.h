/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the capture reader share: bytes of a descriptor (capture_input.c), records in blocks of them
 * (capture_file.c, capture_pcap.c, capture_pcapng.c), the filter (capture_filter.c), and files in time order
 * (capture.c). Runs in `read`. */
#ifndef SEKIMORI_SOURCE_CAPTURE_INTERNAL_H
#define SEKIMORI_SOURCE_CAPTURE_INTERNAL_H

#include <stdatomic.h>
#include <sys/types.h>

#include "source/capture.h"

#define CAPTURE_RECORD_MAX 262144u                       /* bytes of a frame: libpcap's MAXIMUM_SNAPLEN */
#define CAPTURE_TIME_MAX   (4607366400LL * NSEC_PER_SEC) /* 2116-01-01; later times are errors or lies */
#define CAPTURE_SEARCH_MAX (16u << 20)                   /* bytes searched in all for plausible records, of one file */

/* The bytes of a descriptor, decompressed. */
struct capture_input {
        int fd;
        enum input_kind kind; /* INPUT_GZIP, INPUT_ZSTD; anything else: as it is */
        void *stream;         /* z_stream or ZSTD_DStream */
        uint8_t *raw;         /* as stored, before decompression; of plain files only the first bytes */
        size_t raw_at, raw_len, raw_size;
        uint64_t consumed; /* bytes as stored */
        bool between;      /* a gzip member or zstd frame has ended, none begun */
        bool ended, cut;   /* cut: the compressed stream breaks off or is damaged */
};

/* Takes the descriptor, also on failure. `start` was read from it before. */
int capture_input_open(struct capture_input *in, int fd, const void *start, size_t start_len);
void capture_input_close(struct capture_input *in);
/* Bytes read, 0 at the end, or negative errno (-EINTR and -EAGAIN lose nothing). */
ssize_t capture_input_read(struct capture_input *in, uint8_t *to, size_t size);

/* Memory that frames point into: of the file that fills it and of the batches with frames in it. */
struct capture_block {
        atomic_uint refs;
        size_t size;
        uint64_t batch; /* the batch that has it already: see capture.c */
        uint8_t data[];
};

void capture_block_unref(struct capture_block *b);

/* What a frame's number is multiplied or divided with to have nanoseconds. */
struct capture_unit {
        uint64_t mul, div; /* of decimal units; one of them is 1 */
        uint8_t shift;     /* of binary units: 2^-shift seconds; 0: decimal */
};

struct capture_interface {
        int64_t offset; /* seconds */
        struct capture_unit unit;
        uint32_t snaplen;
        uint16_t link;
};

struct capture_file {
        char *name;
        struct capture_input input;
        struct capture_stats *stats; /* of the whole reading */

        struct capture_block *block; /* bytes [at, used) are to be parsed */
        size_t at, used;
        size_t need;       /* bytes from `at` that the parser waits for */
        size_t block_size; /* of the next block: grows to block_max */
        size_t block_max;
        uint64_t skip; /* bytes after `used` of no interest */
        bool eof;

        /* The format: takes up to `max` frames out of the block; when there are none, `need` says how much it waits
         * for. Frames of one call lie in one block. */
        uint32_t (*parse)(struct capture_file *f, struct frame *to, uint32_t max);
        bool swapped;   /* the other byte order */
        bool searching; /* for a plausible record, after one that cannot be */
        bool at_end;    /* which would be longer than the file: perhaps it is only cut */
        bool cut, gave_up;
        uint32_t searched;
        nsec_t last; /* time of the last frame; -1: none yet */

        /* pcap */
        uint32_t link, header_len, fraction; /* fraction: nanoseconds of one unit behind the second */
        bool lengths_swapped, lengths_maybe_swapped;

        /* pcapng: of the running section */
        struct capture_interface *interfaces;
        uint32_t n_interfaces, interfaces_size;
        bool in_section;

        /* merging: frames taken and not yet given, all of `block` */
        struct frame *ahead;
        uint32_t ahead_at, ahead_n;
        uint32_t number; /* among the files: equal times go in this order */
};

/* Recognises and prepares; takes the descriptor in any case. -EINVAL: no capture, said in `why`. */
int capture_file_open(struct capture_file *f, int fd, const void *start, size_t start_len, struct buf *why);
void capture_file_close(struct capture_file *f);
/* Up to `max` frames of one block. 0 at the end of the file, or negative errno (worth another try: -EINTR, -EAGAIN). */
int capture_file_next(struct capture_file *f, struct frame *to, uint32_t max);
/* The record at `at` cannot be, or would go on behind the end of the file: from now on a plausible one is searched. */
void capture_file_lose(struct capture_file *f);
/* Searches the bytes at hand, where `begins` is given up to `window` bytes to judge. true: one begins at `at`. */
bool capture_file_search(struct capture_file *f, size_t window,
                         bool (*begins)(const struct capture_file *f, const uint8_t *p, size_t len));
/* A time of (seconds, nanoseconds) as the record says; what cannot be is put within bounds and counted. */
nsec_t capture_file_time(struct capture_file *f, int64_t seconds, int64_t nanoseconds);

/* LINKTYPE_* of the number in a file: the numbers that some systems gave to raw IP become LINKTYPE_RAW. */
uint32_t capture_file_link(uint32_t field);

bool capture_pcap_open(struct capture_file *f, const uint8_t *header, size_t len);
#define CAPTURE_PCAP_HEADER 24
void capture_pcapng_open(struct capture_file *f);

struct capture_filter;
int capture_filter_new(const char *expression, struct capture_filter **ret, struct buf *why);
void capture_filter_free(struct capture_filter *l);
DEFINE_FREEP(struct capture_filter, capture_filter_free)
/* Compiles for a link type, if that has not been done. */
void capture_filter_prepare(struct capture_filter *l, uint32_t link);
/* An expression that means nothing for the frame's link type passes none of them; `why` gets a line, once. */
bool capture_filter_match(struct capture_filter *l, const struct frame *f, struct buf *why);

#endif
