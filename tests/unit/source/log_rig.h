/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts as log files through the whole reader, for the tests of logs: what came out is kept, strings included. */
#ifndef SEKIMORI_TEST_LOG_RIG_H
#define SEKIMORI_TEST_LOG_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "source/log.h"

#define RIG_EVENTS 64 /* kept; all are counted */

struct rig {
        struct home *home;
        struct log_reader *reader;
        struct log_stats stats;
        struct event e[RIG_EVENTS];
        char text[RIG_EVENTS][256]; /* the event's first string */
        char more[RIG_EVENTS][256]; /* its second */
        size_t n;
        uint64_t total, gaps, disorder;
        char gap[RIG_EVENTS][256]; /* gaps stand apart: their text, behind their reason */
        uint64_t lost[RIG_EVENTS];
        nsec_t last;
};

static inline void rig_keep(char to[static 256], const char *p, size_t len)
{
        len = p ? MIN(len, (size_t) 255) : 0;
        if (len)
                memcpy(to, p, len);
        to[len] = '\0';
}

static inline void rig_strings(struct rig *r, const struct event *e)
{
        switch (e->type) {
        case EVENT_DNS:
                rig_keep(r->text[r->n], e->dns.name.p, e->dns.name.len);
                if (e->dns.n_addrs)
                        (void) addr_format(&e->dns.addrs[0], r->more[r->n]);
                break;
        case EVENT_IRC:
                rig_keep(r->text[r->n], e->irc.text.p, e->irc.text.len);
                break;
        case EVENT_SMTP:
                rig_keep(r->text[r->n], e->smtp.text.p, e->smtp.text.len);
                break;
        case EVENT_HTTP:
                rig_keep(r->text[r->n], e->http.uri, e->http.uri_len);
                rig_keep(r->more[r->n], e->http.host, e->http.host_len);
                break;
        case EVENT_TLS:
                rig_keep(r->text[r->n], e->tls.sni.p, e->tls.sni.len);
                rig_keep(r->more[r->n], e->tls.ja4 ? e->tls.ja4 : e->tls.alpn,
                         e->tls.ja4 ? strlen(e->tls.ja4) : e->tls.alpn_len);
                break;
        case EVENT_PROXY:
                rig_keep(r->text[r->n], e->proxy.name.p, e->proxy.name.len);
                break;
        case EVENT_FILE:
                rig_keep(r->text[r->n], e->file.name.p, e->file.name.len);
                rig_keep(r->more[r->n], e->file.host.p, e->file.host.len);
                break;
        default:
                break;
        }
}

static inline void rig_event(void *userdata, const struct event *e)
{
        struct rig *r = userdata;

        r->total++;
        r->disorder += e->time < r->last;
        r->last = e->time;
        if (e->type == EVENT_GAP) {
                if (r->gaps < RIG_EVENTS) {
                        snprintf(r->gap[r->gaps], sizeof(r->gap[0]), "%s: %s", gap_reason_name(e->gap.reason),
                                 e->gap.text);
                        r->lost[r->gaps] = e->gap.lost;
                }
                r->gaps++;
                return;
        }
        if (r->n == RIG_EVENTS)
                return;
        r->e[r->n] = *e;
        rig_strings(r, e);
        r->n++;
}

static inline void rig_begin(struct rig *r, const char *home)
{
        struct cidr net;
        struct config_cidrs nets = {.items = &net, .n = 1};

        memset(r, 0, sizeof(*r));
        assert_int_equal(cidr_parse(home, &net), 0);
        assert_int_equal(home_new(&nets, &r->home), 0);
        assert_int_equal(log_reader_new(r->home, &r->reader), 0);
}

/* A file of these bytes, written at `mtime` seconds. */
static inline int rig_fd(const void *data, size_t len, time_t mtime)
{
        struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
        int fd = memfd_create("log", MFD_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, len), (ssize_t) len);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(futimens(fd, times), 0);
        return fd;
}

#define RIG_MTIME 1167782400 /* 2007-01-03 */

static inline int rig_add(struct rig *r, const char *name, const void *data, size_t len)
{
        char text[128];
        struct buf why = BUF_FIXED(text);

        return log_reader_add(r->reader, name, rig_fd(data, len, RIG_MTIME), NULL, 0, &why);
}

static inline void rig_finish(struct rig *r)
{
        struct event_sink sink = {.event = rig_event, .userdata = r};
        int n;

        while ((n = log_reader_next(r->reader, INT64_MAX, &sink)) > 0)
                ;
        assert_int_equal(n, 0);
        log_reader_get_stats(r->reader, &r->stats);
        assert_int_equal(r->stats.events, r->total);
}

static inline void rig_end(struct rig *r)
{
        log_reader_free(r->reader);
        home_free(r->home);
}

/* One file, home 10.0.0.0/8. The caller ends the rig. */
static inline void rig_read(struct rig *r, const char *name, const char *text)
{
        rig_begin(r, "10.0.0.0/8");
        assert_int_equal(rig_add(r, name, text, strlen(text)), 0);
        rig_finish(r);
        assert_int_equal(r->disorder, 0);
}

/* The same of parts that are joined; NULL ends them. */
static inline void rig_read_parts(struct rig *r, const char *name, const char *const *parts)
{
        static char text[65536];
        struct buf b = BUF_FIXED(text);

        for (; *parts; parts++)
                buf_puts(&b, *parts);
        assert_int_equal(b.error, 0); /* nothing was cut */
        rig_read(r, name, text);
}

/* The first gap whose text contains the words; -1: none. */
static inline int rig_gap(const struct rig *r, const char *words)
{
        for (size_t i = 0; i < MIN(r->gaps, (uint64_t) RIG_EVENTS); i++)
                if (strstr(r->gap[i], words))
                        return (int) i;
        return -1;
}

static inline void rig_assert_addr(const struct addr *a, const char *text)
{
        char have[ADDR_TEXT_MAX];

        assert_string_equal(addr_format(a, have), text);
}

/* A file of the shared data into a reader whose home is `home`; false: the data is not there. */
static inline bool rig_data(struct rig *r, const char *home, const char *path)
{
        const char *data = getenv("SEKIMORI_DATA");
        char whole[512], text[128];
        struct buf why = BUF_FIXED(text);
        int fd = -1;

        for (unsigned up = 0; fd < 0 && up < (data ? 1u : 4u); up++) {
                static const char *const places[] = {"../shared/data", "../../shared/data", "../../../shared/data",
                                                     "../../../../shared/data"};

                snprintf(whole, sizeof(whole), "%s/%s", data ? data : places[up], path);
                fd = open(whole, O_RDONLY | O_CLOEXEC);
        }
        if (fd < 0)
                return false;
        rig_begin(r, home);
        assert_int_equal(log_reader_add(r->reader, path, fd, NULL, 0, &why), 0);
        rig_finish(r);
        return true;
}

#endif
