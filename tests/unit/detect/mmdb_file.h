/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes a small MMDB file (MaxMind DB file format 2.0) for IPv4 networks of /16: a binary tree over the first sixteen
 * bits, records of 24 bits, a map per network. Test code. */
#ifndef SEKIMORI_TESTS_DETECT_MMDB_FILE_H
#define SEKIMORI_TESTS_DETECT_MMDB_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MMDB_NODES 4096

struct mmdb_file {
        uint32_t nodes[MMDB_NODES][2]; /* 0: nothing; below 1<<23: a node; else an offset of data */
        uint32_t n_nodes;
        uint8_t data[65536];
        uint32_t len;
};

static inline void mmdb_begin(struct mmdb_file *m)
{
        memset(m, 0, sizeof(*m));
        m->n_nodes = 1;
}

static inline void mmdb_put(struct mmdb_file *m, const void *p, size_t n)
{
        memcpy(m->data + m->len, p, n);
        m->len += (uint32_t) n;
}

/* A control byte: type 2 is text, 5 and 6 unsigned integers, 7 a map; sizes below 29. */
static inline void mmdb_text(struct mmdb_file *m, const char *text)
{
        uint8_t control = (uint8_t) (2 << 5 | strlen(text));

        mmdb_put(m, &control, 1);
        mmdb_put(m, text, strlen(text));
}

static inline void mmdb_number(struct mmdb_file *m, unsigned type, uint32_t n)
{
        uint8_t bytes[5] = {(uint8_t) (type << 5 | 4), (uint8_t) (n >> 24), (uint8_t) (n >> 16), (uint8_t) (n >> 8),
                            (uint8_t) n};

        if (type == 5) { /* 16 bits */
                bytes[0] = 5 << 5 | 2;
                bytes[1] = bytes[3];
                bytes[2] = bytes[4];
        }
        mmdb_put(m, bytes, type == 5 ? 3 : 5);
}

static inline void mmdb_map(struct mmdb_file *m, unsigned pairs)
{
        uint8_t control = (uint8_t) (7 << 5 | pairs);

        mmdb_put(m, &control, 1);
}

/* What is put next belongs to a.b.0.0/16. */
static inline void mmdb_network(struct mmdb_file *m, uint8_t a, uint8_t b)
{
        uint32_t bits = (uint32_t) a << 8 | b, at = 0;

        for (int i = 15; i > 0; i--) {
                uint32_t *next = &m->nodes[at][bits >> i & 1];

                if (!*next)
                        *next = m->n_nodes++;
                at = *next;
        }
        m->nodes[at][bits & 1] = 1u << 23 | m->len;
}

static inline int mmdb_write(struct mmdb_file *m, const char *path, const char *type)
{
        static const uint8_t zeros[16], magic[] = "\xab\xcd\xefMaxMind.com";
        FILE *f = fopen(path, "we");
        uint32_t len = m->len;

        if (!f)
                return -1;
        for (uint32_t i = 0; i < m->n_nodes; i++)
                for (int side = 0; side < 2; side++) {
                        uint32_t v = m->nodes[i][side];

                        v = !v ? m->n_nodes : v & 1u << 23 ? m->n_nodes + 16 + (v & ~(1u << 23)) : v;
                        fputc((int) (v >> 16), f);
                        fputc((int) (v >> 8 & 255), f);
                        fputc((int) (v & 255), f);
                }
        fwrite(zeros, sizeof(zeros), 1, f);
        fwrite(m->data, len, 1, f);
        fwrite(magic, sizeof(magic) - 1, 1, f);
        mmdb_map(m, 9);
        mmdb_text(m, "node_count");
        mmdb_number(m, 6, m->n_nodes);
        mmdb_text(m, "record_size");
        mmdb_number(m, 5, 24);
        mmdb_text(m, "ip_version");
        mmdb_number(m, 5, 4);
        mmdb_text(m, "binary_format_major_version");
        mmdb_number(m, 5, 2);
        mmdb_text(m, "binary_format_minor_version");
        mmdb_number(m, 5, 0);
        mmdb_text(m, "database_type");
        mmdb_text(m, type);
        mmdb_text(m, "build_epoch");
        mmdb_put(m, "\x01\x02\x01", 3); /* 64 bits, an extended type */
        mmdb_text(m, "languages");
        mmdb_put(m, "\x00\x04", 2); /* an array of none */
        mmdb_text(m, "description");
        mmdb_map(m, 0);
        fwrite(m->data + len, m->len - len, 1, f);
        return fclose(f);
}

#endif
