/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the fuzzers of logs share: the bytes as a file through the whole reader, and checks of every event. */
#ifndef SEKIMORI_FUZZ_LOG_FUZZ_H
#define SEKIMORI_FUZZ_LOG_FUZZ_H

#include <fcntl.h>

#include "source/log.h"

struct log_fuzz {
        nsec_t newest;
        uint64_t sum;
};

/* Reads every byte, so that a sanitizer sees one too many. */
static inline void log_fuzz_bytes(struct log_fuzz *f, const void *p, size_t len)
{
        for (size_t i = 0; i < len; i++)
                f->sum += ((const uint8_t *) p)[i];
}

static inline void log_fuzz_slice(struct log_fuzz *f, struct slice s)
{
        if (s.p)
                log_fuzz_bytes(f, s.p, s.len);
}

static inline void log_fuzz_content(struct log_fuzz *f, const struct event *e)
{
        switch (e->type) {
        case EVENT_DNS:
                log_fuzz_slice(f, e->dns.name);
                log_fuzz_bytes(f, e->dns.addrs, e->dns.n_addrs * sizeof(struct addr));
                break;
        case EVENT_IRC:
                log_fuzz_slice(f, e->irc.text);
                if (e->irc.text.len > 512 || (e->irc.text.len && memchr(e->irc.text.p, '\n', e->irc.text.len)))
                        abort();
                break;
        case EVENT_SMTP:
                log_fuzz_slice(f, e->smtp.text);
                break;
        case EVENT_HTTP:
                log_fuzz_bytes(f, e->http.method, e->http.method_len);
                log_fuzz_bytes(f, e->http.uri, e->http.uri_len);
                log_fuzz_bytes(f, e->http.host, e->http.host_len);
                log_fuzz_bytes(f, e->http.agent, e->http.agent_len);
                break;
        case EVENT_TLS:
                log_fuzz_slice(f, e->tls.sni);
                log_fuzz_bytes(f, e->tls.ja4, e->tls.ja4 ? 37 : 0);
                log_fuzz_bytes(f, e->tls.alpn, e->tls.alpn_len);
                break;
        case EVENT_PROXY:
                log_fuzz_slice(f, e->proxy.name);
                break;
        case EVENT_FILE:
                log_fuzz_slice(f, e->file.name);
                log_fuzz_slice(f, e->file.host);
                break;
        default:
                break;
        }
}

static inline void log_fuzz_event(void *userdata, const struct event *e)
{
        struct log_fuzz *f = userdata;

        /* One file that fits into the window comes out sorted. */
        if (e->time < f->newest || e->time < 0)
                abort();
        f->newest = e->time;
        if (e->type == EVENT_GAP) {
                log_fuzz_bytes(f, e->gap.text, strlen(e->gap.text));
                return;
        }
        if (e->type == EVENT_FLOW && (e->flow.since > e->time || e->flow.since < 0 || e->flow.flow_id == 0))
                abort();
        if (e->type != EVENT_FLOW && !event_has_ends(e->type))
                abort();
        log_fuzz_content(f, e);
}

static inline void log_fuzz_file(const char *name, const uint8_t *data, size_t size)
{
        struct cidr net;
        struct config_cidrs nets = {.items = &net, .n = 1};
        _cleanup_(home_freep)
        struct home *home = NULL;
        _cleanup_(log_reader_freep)
        struct log_reader *l = NULL;
        struct log_fuzz f = {0};
        struct event_sink sink = {.event = log_fuzz_event, .userdata = &f};
        char text[128];
        struct buf why = BUF_FIXED(text);
        int r, fd;

        if (cidr_parse("10.0.0.0/8", &net) < 0 || home_new(&nets, &home) < 0 || log_reader_new(home, &l) < 0)
                abort();
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* the bytes are those already read; nothing follows */
        if (fd < 0)
                abort();
        if (log_reader_add(l, name, fd, data, size, &why) < 0)
                return;
        while ((r = log_reader_next(l, INT64_MAX, &sink)) > 0)
                ;
        if (r < 0)
                abort();
}

#endif
