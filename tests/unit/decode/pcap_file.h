/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames of a pcap or pcapng file, for tests of the decoders only: simple, whole file in memory. The program's own
 * reader is src/source/capture.c, which stands after decode. */
#ifndef SEKIMORI_TEST_PCAP_FILE_H
#define SEKIMORI_TEST_PCAP_FILE_H

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "decode/packet.h"

#define PCAP_LINKS 256

struct pcap_file {
        uint8_t *data;
        size_t size, at;
        uint32_t links[PCAP_LINKS]; /* by interface; pcap: the first */
        uint32_t n_links;
        bool big, ng;
};

static inline void pcap_done(struct pcap_file *f)
{
        free(f->data);
}

static inline uint32_t pcap_u32(const struct pcap_file *f, size_t at)
{
        const uint8_t *p = f->data + at;

        return f->big ? (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3] :
                        (uint32_t) p[3] << 24 | (uint32_t) p[2] << 16 | (uint32_t) p[1] << 8 | p[0];
}

static inline bool pcap_open(const char *path, struct pcap_file *ret)
{
        struct pcap_file f = {0};
        _cleanup_fclose_ FILE *in = fopen(path, "re");
        struct stat st;

        if (!in || fstat(fileno(in), &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 24)
                return false;
        f.size = (size_t) st.st_size;
        f.data = malloc(f.size);
        if (!f.data || fread(f.data, 1, f.size, in) != f.size) {
                free(f.data);
                return false;
        }
        f.ng = memcmp(f.data, "\n\r\r\n", 4) == 0;
        f.big = f.ng ? f.data[8] == 0x1a : f.data[0] == 0xa1;
        if (!f.ng && (f.data[f.big ? 0 : 3] != 0xa1 || f.data[f.big ? 1 : 2] != 0xb2)) {
                free(f.data);
                return false;
        }
        if (!f.ng) {
                f.links[0] = pcap_u32(&f, 20) & 0xffff;
                f.n_links = 1;
                f.at = 24;
        }
        *ret = f;
        return true;
}

/* The frame lies in the file's memory; times are of microseconds whatever the file says. */
static inline bool pcap_record(struct pcap_file *f, size_t at, size_t room, uint32_t link, struct frame *ret)
{
        uint32_t high = pcap_u32(f, at), low = pcap_u32(f, at + 4), len = pcap_u32(f, at + 8);

        if (len > room)
                return false;
        *ret = (struct frame){.data = f->data + at + 16, .caplen = len, .len = pcap_u32(f, at + 12), .link = link};
        ret->time = f->ng ? (nsec_t) (((uint64_t) high << 32 | low) * 1000u) : high * NSEC_PER_SEC + low * 1000;
        return true;
}

static inline bool pcap_next_block(struct pcap_file *f, struct frame *ret)
{
        while (f->at + 12 <= f->size) {
                size_t at = f->at;
                uint32_t type = pcap_u32(f, at), len = pcap_u32(f, at + 4), which;

                if (type == 0x0a0d0d0a) {
                        f->big = f->data[at + 8] == 0x1a;
                        f->n_links = 0;
                        len = pcap_u32(f, at + 4);
                }
                if (len < 12 || len > f->size - at)
                        return false;
                f->at += len;
                if (type == 1 && f->n_links < PCAP_LINKS)
                        f->links[f->n_links++] = f->big ? (uint32_t) f->data[at + 8] << 8 | f->data[at + 9] :
                                                          f->data[at + 8] | (uint32_t) f->data[at + 9] << 8;
                if (type != 6 || len < 32)
                        continue;
                which = pcap_u32(f, at + 8);
                if (which < f->n_links && pcap_record(f, at + 12, len - 32, f->links[which], ret))
                        return true;
        }
        return false;
}

static inline bool pcap_next(struct pcap_file *f, struct frame *ret)
{
        if (f->ng)
                return pcap_next_block(f, ret);
        if (f->at + 16 > f->size || !pcap_record(f, f->at, f->size - f->at - 16, f->links[0], ret))
                return false;
        f->at += 16 + ret->caplen;
        return true;
}

#endif
