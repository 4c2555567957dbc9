/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Captures in, one JSON line for each SYN and its answer out: what decode/os_syn.h reads and what decode/os_db.h says
 * of it. Used by the tests of systems' signatures, one process for each run.
 *
 *     os_tool [--book FILE]... [--no-own] CAPTURE... */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "decode/os_db.h"
#include "source/capture.h"

static void put(struct buf *b, const char *key, const char *text)
{
        buf_printf(b, ",\"%s\":", key);
        buf_put_json(b, text, strlen(text));
}

static void tell(const struct os_db *db, const struct os_syn *s)
{
        char line[2048], raw[512], src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX];
        struct buf b = BUF_FIXED(line), sig = BUF_FIXED(raw);
        struct os_match m;

        os_syn_put(s, &sig);
        os_db_match(db, s, &m);
        buf_printf(&b, "{\"src\":\"%s\",\"sport\":%u,\"dst\":\"%s\",\"dport\":%u,\"answer\":%s",
                   addr_format(&s->src, src), s->sport, addr_format(&s->dst, dst), s->dport,
                   s->answer ? "true" : "false");
        buf_printf(&b,
                   ",\"confidence\":%u,\"distance\":%u,\"distance_known\":%s,\"generic\":%s,\"fuzzy\":%s,\"line\":%u",
                   m.confidence, m.distance, m.distance_known ? "true" : "false", m.generic ? "true" : "false",
                   m.fuzzy ? "true" : "false", m.line);
        put(&b, "raw", buf_str(&sig));
        put(&b, "family", os_family_name(m.family));
        put(&b, "role", os_role_name(m.role));
        put(&b, "name", m.name);
        put(&b, "version", m.version);
        put(&b, "tool", m.tool);
        put(&b, "book", m.book);
        buf_putc(&b, '}');
        puts(buf_str(&b));
}

static int read_captures(const struct os_db *db, char **names, int n)
{
        _cleanup_(capture_freep)
        struct capture *c = NULL;
        _cleanup_(capture_batch_freep)
        struct capture_batch *b = NULL;
        char text[256];
        struct buf why = BUF_FIXED(text);
        int r;

        if (capture_new(&c) < 0 || capture_batch_new(&b) < 0)
                return 1;
        for (int i = 0; i < n; i++)
                if (capture_add(c, names[i], open(names[i], O_RDONLY | O_CLOEXEC), NULL, 0, &why) < 0)
                        fprintf(stderr, "%s: %s\n", names[i], buf_str(&why));
        while ((r = capture_next(c, b, NULL)) > 0)
                for (uint32_t i = 0; i < b->n; i++) {
                        struct os_syn s;

                        if (os_syn_read(&b->frames[i], &s) == 0)
                                tell(db, &s);
                }
        return r < 0;
}

int main(int argc, char **argv)
{
        _cleanup_(os_db_freep)
        struct os_db *db = NULL;
        bool own = true;
        int i = 1;

        if (os_db_new(&db) < 0)
                return 1;
        for (int j = 1; j < argc; j++)
                own = own && strcmp(argv[j], "--no-own") != 0;
        if (own && os_db_add_own(db) < 0)
                return 1;
        for (; i < argc && argv[i][0] == '-'; i++)
                if (strcmp(argv[i], "--book") == 0 && i + 1 < argc) {
                        char text[256];
                        struct buf why = BUF_FIXED(text);
                        unsigned bad = 0;
                        int r = os_db_load(db, argv[++i], &why, &bad);

                        if (r < 0 || bad)
                                fprintf(stderr, "%s: %d, %u lines: %s\n", argv[i], r, bad, buf_str(&why));
                }
        fprintf(stderr, "%u signatures\n", os_db_count(db));
        return read_captures(db, argv + i, argc - i);
}
