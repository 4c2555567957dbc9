/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocks of the pcapng format (draft-ietf-opsawg-pcapng): sections of either byte order, interfaces with their own
 * link type, resolution and offset of times; enhanced, simple and old packet blocks. Other blocks are skipped. After a
 * block that cannot be, reading goes on at the next one whose two lengths agree. Runs in `read`; every byte may be
 * hostile. */
#include <limits.h>

#include "source/capture_internal.h"

#define BLOCK_SECTION   0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_OLD       2u /* obsolete "Packet Block" */
#define BLOCK_SIMPLE    3u
#define BLOCK_ENHANCED  6u
#define BYTE_ORDER_MARK 0x1a2b3c4du

#define BLOCK_MIN         12u
#define BLOCK_KEPT_MAX    (512u << 10) /* kept whole, to compare both lengths: a frame and its options */
#define BLOCK_MAX         (16u << 20)  /* as libpcap */
#define INTERFACES_MAX    4096u        /* of a section */
#define PACKET_HEADER     28u          /* of enhanced and old packet blocks, before the data */
#define SIMPLE_HEADER     12u
#define OPTION_RESOLUTION 9u
#define OPTION_OFFSET     14u
#define DECIMAL_MAX       19 /* 10^19 fits 64 bits */

static uint16_t load16(const uint8_t *p, bool swapped)
{
        uint16_t v;

        memcpy(&v, p, sizeof(v));
        return swapped ? __builtin_bswap16(v) : v;
}

static uint32_t load32(const uint8_t *p, bool swapped)
{
        uint32_t v;

        memcpy(&v, p, sizeof(v));
        return swapped ? __builtin_bswap32(v) : v;
}

static uint64_t power_of_ten(int n)
{
        uint64_t v = 1;

        while (n-- > 0)
                v *= 10;
        return v;
}

/* if_tsresol: a power of ten, or with the highest bit of two. */
static struct capture_unit unit_of(uint8_t resolution)
{
        int n = resolution & 0x7f;

        if (resolution & 0x80 && n > 0)
                return (struct capture_unit){1, 1, (uint8_t) n};
        if (resolution & 0x80)
                n = 0;
        if (n <= 9)
                return (struct capture_unit){power_of_ten(9 - n), 1, 0};
        /* Finer than 10^19 nothing but zero fits the 64 bits as a count of nanoseconds that matter. */
        return (struct capture_unit){1, n - 9 <= DECIMAL_MAX ? power_of_ten(n - 9) : UINT64_MAX, 0};
}

static nsec_t time_of(struct capture_file *f, const struct capture_interface *i, const uint8_t *p)
{
        uint64_t count = (uint64_t) load32(p, f->swapped) << 32 | load32(p + 4, f->swapped);
        unsigned __int128 ns;
        __int128 seconds;

        if (i->unit.shift)
                ns = ((unsigned __int128) count * NSEC_PER_SEC) >> i->unit.shift;
        else
                ns = (unsigned __int128) count * i->unit.mul / i->unit.div;
        seconds = (__int128) (ns / NSEC_PER_SEC) + i->offset;
        /* 2^64 s * 2^63: within 128 bits; what does not fit 64 is out of bounds in any case */
        seconds = MAX(MIN(seconds, (__int128) INT64_MAX), (__int128) INT64_MIN);
        return capture_file_time(f, (int64_t) seconds, (int64_t) (ns % NSEC_PER_SEC));
}

static void read_options(const struct capture_file *f, const uint8_t *p, size_t len, struct capture_interface *i)
{
        while (len >= 4) {
                uint32_t code = load16(p, f->swapped), size = load16(p + 2, f->swapped), padded = (size + 3) & ~3u;

                if (code == 0 || padded > len - 4)
                        return;
                if (code == OPTION_RESOLUTION && size >= 1)
                        i->unit = unit_of(p[4]);
                if (code == OPTION_OFFSET && size >= 8) { /* in the section's order, whole */
                        uint64_t first = load32(p + 4, f->swapped), second = load32(p + 8, f->swapped);

                        i->offset = (int64_t) (f->swapped == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) ?
                                                       first << 32 | second :
                                                       second << 32 | first);
                }
                p += 4 + padded;
                len -= 4 + padded;
        }
}

/* false: the block cannot be. */
static bool add_interface(struct capture_file *f, const uint8_t *p, uint32_t len)
{
        struct capture_interface *i;

        if (len < BLOCK_MIN + 8 || f->n_interfaces == INTERFACES_MAX)
                return false;
        if (f->n_interfaces == f->interfaces_size) {
                uint32_t size = f->interfaces_size ? f->interfaces_size * 2 : 4;

                i = reallocarray(f->interfaces, size, sizeof(*i));
                if (!i)
                        return false;
                f->interfaces = i;
                f->interfaces_size = size;
        }
        i = &f->interfaces[f->n_interfaces++];
        *i = (struct capture_interface){.unit = unit_of(6),
                                        .link = (uint16_t) capture_file_link(load16(p + 8, f->swapped)),
                                        .snaplen = load32(p + 12, f->swapped)};
        read_options(f, p + 16, len - BLOCK_MIN - 8, i);
        return true;
}

static bool read_packet(struct capture_file *f, const uint8_t *p, uint32_t len, struct frame *ret)
{
        uint32_t type = load32(p, f->swapped),
                 number = type == BLOCK_OLD ? load16(p + 8, f->swapped) : load32(p + 8, f->swapped), caplen;

        if (len < PACKET_HEADER + 4 || number >= f->n_interfaces)
                return false;
        caplen = load32(p + 20, f->swapped);
        if (caplen > CAPTURE_RECORD_MAX || caplen > len - PACKET_HEADER - 4)
                return false;
        f->last = time_of(f, &f->interfaces[number], p + 12);
        *ret = (struct frame){.time = f->last,
                              .data = p + PACKET_HEADER,
                              .caplen = caplen,
                              .len = MAX(load32(p + 24, f->swapped), caplen),
                              .link = f->interfaces[number].link};
        return true;
}

/* Of the section's first interface, without a time: it stays at the last frame's. */
static bool read_simple(struct capture_file *f, const uint8_t *p, uint32_t len, struct frame *ret)
{
        uint32_t wire, caplen;

        if (len < SIMPLE_HEADER + 4 || f->n_interfaces == 0)
                return false;
        wire = load32(p + 8, f->swapped);
        caplen = f->interfaces[0].snaplen ? MIN(wire, f->interfaces[0].snaplen) : wire;
        if (caplen > CAPTURE_RECORD_MAX || caplen > len - SIMPLE_HEADER - 4)
                return false;
        *ret = (struct frame){.time = MAX(f->last, (nsec_t) 0),
                              .data = p + SIMPLE_HEADER,
                              .caplen = caplen,
                              .len = wire,
                              .link = f->interfaces[0].link};
        return true;
}

/* The byte order that a section's block says it has: 0 as this machine, 1 the other; -1: none. */
static int section_order(const uint8_t *p)
{
        uint32_t mark;

        memcpy(&mark, p + 8, sizeof(mark));
        return mark == BYTE_ORDER_MARK ? 0 : mark == __builtin_bswap32(BYTE_ORDER_MARK) ? 1 : -1;
}

/* Length of the block at `p` of which 12 bytes are in sight; 0: it cannot be. */
static uint32_t block_len(const struct capture_file *f, const uint8_t *p, bool *ret_swapped)
{
        uint32_t len, min = BLOCK_MIN;

        *ret_swapped = f->swapped;
        if (load32(p, false) == BLOCK_SECTION) { /* reads the same in both orders */
                int order = section_order(p);

                if (order < 0)
                        return 0;
                *ret_swapped = order;
                min += 16;
        } else if (!f->in_section) {
                return 0;
        }
        len = load32(p + 4, *ret_swapped);
        return len >= min && len <= BLOCK_MAX && len % 4 == 0 ? len : 0;
}

/* A known type, and the same length at both ends. */
static bool begins_at(const struct capture_file *f, const uint8_t *p, size_t in_sight)
{
        uint32_t type, len;
        bool swapped;

        if (in_sight < BLOCK_MIN)
                return false;
        type = load32(p, f->swapped);
        if (type != BLOCK_SECTION && (type == 0 || type > BLOCK_ENHANCED))
                return false;
        len = block_len(f, p, &swapped);
        return len && len <= BLOCK_KEPT_MAX && len <= in_sight && load32(p + len - 4, swapped) == len;
}

static void begin_section(struct capture_file *f, bool swapped)
{
        f->swapped = swapped;
        f->in_section = true;
        f->n_interfaces = 0;
}

/* A block that is whole in sight. 1: a frame; 0: none; -1: cannot be. */
static int read_block(struct capture_file *f, const uint8_t *p, uint32_t len, struct frame *ret)
{
        bool swapped = f->swapped;

        if (load32(p, false) == BLOCK_SECTION)
                swapped = section_order(p) > 0;
        if (load32(p + len - 4, swapped) != len)
                return -1;
        switch (load32(p, swapped)) {
        case BLOCK_SECTION:
                begin_section(f, swapped);
                return 0;
        case BLOCK_INTERFACE:
                f->stats->bad_records += !add_interface(f, p, len);
                return 0;
        case BLOCK_ENHANCED:
        case BLOCK_OLD:
                if (read_packet(f, p, len, ret))
                        return 1;
                break;
        case BLOCK_SIMPLE:
                if (read_simple(f, p, len, ret))
                        return 1;
                break;
        default:
                return 0;
        }
        f->stats->bad_records++; /* its own lengths hold: the next block stands behind it */
        return 0;
}

/* Blocks too long to be kept are skipped, if they are of no kind that is read. */
static bool may_be_long(const struct capture_file *f, const uint8_t *p)
{
        switch (load32(p, f->swapped)) {
        case BLOCK_SECTION:
        case BLOCK_INTERFACE:
        case BLOCK_OLD:
        case BLOCK_SIMPLE:
        case BLOCK_ENHANCED:
                return false;
        default:
                return true;
        }
}

static uint32_t parse(struct capture_file *f, struct frame *to, uint32_t max)
{
        uint32_t n = 0;

        while (n < max) {
                size_t in_sight;
                const uint8_t *p;
                bool swapped;
                uint32_t len;
                int r;

                if (f->searching && !capture_file_search(f, BLOCK_KEPT_MAX, begins_at))
                        break;
                in_sight = f->used - f->at;
                p = f->block->data + f->at;
                f->need = BLOCK_MIN;
                if (in_sight < BLOCK_MIN)
                        break;
                len = block_len(f, p, &swapped);
                if (len > BLOCK_KEPT_MAX && may_be_long(f, p)) {
                        f->skip = len;
                        break;
                }
                f->need = len;
                if (len > 0 && len <= BLOCK_KEPT_MAX && in_sight < len && !f->eof)
                        break;
                r = len == 0 || len > BLOCK_KEPT_MAX || in_sight < len ? -1 : read_block(f, p, len, &to[n]);
                if (r < 0) {
                        capture_file_lose(f);
                        continue;
                }
                n += (uint32_t) r;
                f->at += len;
        }
        return n;
}

void capture_pcapng_open(struct capture_file *f)
{
        f->parse = parse;
        f->swapped = false;
        f->in_section = false;
}
