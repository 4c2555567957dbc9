/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of the pcap format (draft-ietf-opsawg-pcap): both byte orders, micro- and nanoseconds, Kuznetzov's patched
 * records, files appended to each other. After a record that cannot be, reading goes on at the next place where two
 * records follow each other plausibly. Runs in `read`; every byte may be hostile. */
#include "source/capture_internal.h"

#define RECORD_HEADER   16u
#define PATCHED_HEADER  24u /* with interface, protocol and packet type behind */
#define MAGIC_MICRO     0xa1b2c3d4u
#define MAGIC_NANO      0xa1b23c4du
#define MAGIC_KUZNETZOV 0xa1b2cd34u
#define VERSION_MAJOR   2
#define NEAR_SECONDS    (366 * 86400) /* a record found again is not a year from the last one */
/* What must be in sight to judge a place: a record and the header of the one behind. */
#define SEARCH_WINDOW (CAPTURE_RECORD_MAX + 2 * PATCHED_HEADER)

struct record {
        uint32_t seconds, fraction, caplen, len;
};

static uint32_t load(const uint8_t *p, bool swapped)
{
        uint32_t v;

        memcpy(&v, p, sizeof(v));
        return swapped ? __builtin_bswap32(v) : v;
}

static bool known_magic(uint32_t magic)
{
        return magic == MAGIC_MICRO || magic == MAGIC_NANO || magic == MAGIC_KUZNETZOV;
}

/* A file header where a record should be: files were appended. Stricter than at the beginning. */
static bool is_header(const uint8_t *p)
{
        bool swapped = !known_magic(load(p, false));
        bool is_2_4 = memcmp(p + 4, "\2\0\4\0", 4) == 0 || memcmp(p + 4, "\0\2\0\4", 4) == 0;

        return known_magic(load(p, swapped)) && is_2_4 && load(p + 8, false) == 0 && load(p + 12, false) == 0;
}

static struct record read_record(const struct capture_file *f, const uint8_t *p, bool swapped)
{
        struct record r = {load(p, swapped), load(p + 4, swapped), load(p + 8, swapped), load(p + 12, swapped)};

        /* Versions before 2.4 had the lengths the other way round, some writers of 2.3 not. */
        if (__builtin_expect(f->lengths_swapped || (f->lengths_maybe_swapped && r.caplen > r.len), 0)) {
                uint32_t len = r.caplen;

                r.caplen = r.len;
                r.len = len;
        }
        return r;
}

static bool is_plausible(const struct capture_file *f, const struct record *r, int64_t near)
{
        return r->caplen > 0 && r->caplen <= r->len && r->len <= CAPTURE_RECORD_MAX &&
               (uint64_t) r->fraction * f->fraction < (uint64_t) NSEC_PER_SEC &&
               (near < 0 || llabs((int64_t) r->seconds - near) <= NEAR_SECONDS);
}

/* Does a record, or an appended file, begin at `p`, of which `len` bytes are in sight? */
static bool begins_at(const struct capture_file *f, const uint8_t *p, size_t len)
{
        int64_t near = f->last < 0 ? -1 : f->last / NSEC_PER_SEC;
        struct record r, next;

        if (len < f->header_len)
                return false;
        if (len >= CAPTURE_PCAP_HEADER && is_header(p))
                return true;
        r = read_record(f, p, f->swapped);
        if (!is_plausible(f, &r, near) || r.caplen > len - f->header_len)
                return false;
        p += f->header_len + r.caplen;
        len -= f->header_len + r.caplen;
        if (len < f->header_len)
                return len == 0; /* the last one */
        next = read_record(f, p, f->swapped);
        return is_plausible(f, &next, (int64_t) r.seconds);
}

/* The loop over a block, made for each byte order. Stops at what parse() has to look at. */
static inline __attribute__((always_inline)) uint32_t parse_block(struct capture_file *f, struct frame *to,
                                                                  uint32_t max, const bool swapped)
{
        const uint8_t *p = f->block->data + f->at, *end = f->block->data + f->used;
        const uint32_t header = f->header_len, link = f->link, fraction = f->fraction;
        uint32_t n = 0;

        for (; n < max && (size_t) (end - p) >= header; n++) {
                struct record r = read_record(f, p, swapped);
                uint64_t ns = (uint64_t) r.fraction * fraction;

                if (__builtin_expect(r.caplen - 1 >= CAPTURE_RECORD_MAX && (r.caplen || is_header(p)), 0) ||
                    (size_t) (end - p) - header < r.caplen)
                        break;
                to[n].time = __builtin_expect(ns < (uint64_t) NSEC_PER_SEC, 1) ?
                                     (nsec_t) r.seconds * NSEC_PER_SEC + (nsec_t) ns :
                                     capture_file_time(f, r.seconds, (int64_t) ns);
                to[n].data = p + header;
                to[n].caplen = r.caplen;
                to[n].len = MAX(r.len, r.caplen);
                to[n].link = link;
                p += header + r.caplen;
        }
        if (n > 0)
                f->last = to[n - 1].time;
        f->at = (size_t) (p - f->block->data);
        return n;
}

static uint32_t parse(struct capture_file *f, struct frame *to, uint32_t max)
{
        for (;;) {
                const uint8_t *p;
                struct record r;
                uint32_t n;

                if (f->searching && !capture_file_search(f, SEARCH_WINDOW, begins_at))
                        return 0;
                n = f->swapped ? parse_block(f, to, max, true) : parse_block(f, to, max, false);
                f->need = f->header_len;
                if (n > 0 || f->used - f->at < f->header_len)
                        return n;
                p = f->block->data + f->at;
                r = read_record(f, p, f->swapped);
                f->need = r.caplen ? f->header_len + (size_t) r.caplen : CAPTURE_PCAP_HEADER;
                if (r.caplen > CAPTURE_RECORD_MAX) {
                        f->need = 0;
                        capture_file_lose(f);
                } else if (f->used - f->at < f->need) {
                        if (!f->eof)
                                return 0;
                        capture_file_lose(f);
                } else { /* the loop stopped at a header */
                        (void) capture_pcap_open(f, p, f->used - f->at);
                        f->at += CAPTURE_PCAP_HEADER;
                }
        }
}

bool capture_pcap_open(struct capture_file *f, const uint8_t *header, size_t len)
{
        bool swapped = !known_magic(load(header, false));
        uint32_t magic = load(header, swapped), version = load(header + 4, swapped);
        /* Two halves: in the file's order the major number comes first. */
        unsigned major = swapped == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) ? version >> 16 : version & 0xffff;
        unsigned minor = swapped == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) ? version & 0xffff : version >> 16;

        if (len < CAPTURE_PCAP_HEADER || !known_magic(magic))
                return false;
        f->parse = parse;
        f->swapped = swapped;
        f->fraction = magic == MAGIC_NANO ? 1 : 1000;
        f->header_len = magic == MAGIC_KUZNETZOV ? PATCHED_HEADER : RECORD_HEADER;
        f->link = capture_file_link(load(header + 20, swapped));
        f->lengths_swapped = major == 543 || (major == VERSION_MAJOR && minor < 3); /* as in libpcap */
        f->lengths_maybe_swapped = major == VERSION_MAJOR && minor == 3;
        return true;
}
