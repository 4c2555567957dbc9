/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A decoder of content (decode/app.h) under a fuzzer. The input is a flow: one byte of flags, then pieces, each a byte
 * that says what and from whom, a length of two bytes (little end first) and its bytes; a length beyond the end takes
 * what is left. flags: 1 UDP (if the decoder takes it), 2 midstream, 4 no switch_to and expect piece: 1 from the
 * originator; 2 the bytes are lost; others of no meaning Each piece lies in memory of its own that is gone after the
 * call, so that a decoder which keeps a pointer, or an event with a slice of nothing, is seen by the sanitizers. A
 * stream is fed twice, as it stands and byte by byte: what the decoder says must be the same. Used by the fuzzers of
 * decoders; header only, since a fuzzer is one file. */
#ifndef SEKIMORI_TESTS_FUZZ_APP_FUZZ_H
#define SEKIMORI_TESTS_FUZZ_APP_FUZZ_H

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "decode/app.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { APP_FUZZ_UDP = 1, APP_FUZZ_MIDSTREAM = 2, APP_FUZZ_BARE = 4 };
enum { APP_FUZZ_FROM_ORIGINATOR = 1, APP_FUZZ_LOST = 2 };

struct app_fuzz {
        struct app_context context;
        uint64_t digest; /* FNV-1a of all that was said */
        uint64_t events;
        uint32_t piece; /* bytes of the piece in work */
        bool switched;
};

static inline void app_fuzz_hash(struct app_fuzz *f, const void *data, size_t len)
{
        const uint8_t *p = data;

        for (size_t i = 0; i < len; i++)
                f->digest = (f->digest ^ p[i]) * 0x100000001b3ull;
}

static inline void app_fuzz_number(struct app_fuzz *f, uint64_t n)
{
        app_fuzz_hash(f, &n, sizeof(n));
}

static inline void app_fuzz_slice(struct app_fuzz *f, const char *p, size_t len)
{
        if (!p && len > 0)
                abort();
        app_fuzz_number(f, len);
        if (p)
                app_fuzz_hash(f, p, len);
}

static inline void app_fuzz_dns(struct app_fuzz *f, const struct dns_event *d)
{
        app_fuzz_slice(f, d->name.p, d->name.len);
        app_fuzz_hash(f, d->addrs, d->n_addrs * sizeof(*d->addrs));
        app_fuzz_number(f, d->ttl);
        app_fuzz_number(f, (uint64_t) d->qtype << 32 | (uint32_t) d->id << 16 | d->size);
        app_fuzz_number(f, (uint64_t) d->answers << 16 | (uint32_t) d->rcode << 8 | d->flags);
}

static inline void app_fuzz_http(struct app_fuzz *f, const struct http_event *h)
{
        app_fuzz_slice(f, h->method, h->method_len);
        app_fuzz_slice(f, h->uri, h->uri_len);
        app_fuzz_slice(f, h->host, h->host_len);
        app_fuzz_slice(f, h->agent, h->agent_len);
        app_fuzz_slice(f, h->type, h->type_len);
        app_fuzz_number(f, h->length);
        app_fuzz_number(f, h->status);
}

static inline void app_fuzz_tls(struct app_fuzz *f, const struct tls_event *t)
{
        if (t->ja4 && strlen(t->ja4) != 36)
                abort();
        app_fuzz_slice(f, t->ja4, t->ja4 ? 36 : 0);
        app_fuzz_slice(f, t->sni.p, t->sni.len);
        app_fuzz_slice(f, t->alpn, t->alpn_len);
        app_fuzz_number(f, (uint32_t) t->version << 16 | t->cipher);
}

static inline void app_fuzz_file(struct app_fuzz *f, const struct file_event *e)
{
        if (e->kind >= FILE_KINDS || e->how >= FILE_HOWS)
                abort();
        app_fuzz_slice(f, e->name.p, e->name.len);
        app_fuzz_slice(f, e->host.p, e->host.len);
        app_fuzz_slice(f, e->type, e->type_len);
        app_fuzz_number(f, e->size);
        app_fuzz_number(f, (uint32_t) e->kind << 8 | e->how);
}

static inline void app_fuzz_emit(struct app_context *c, struct event *e, bool by_originator)
{
        struct app_fuzz *f = c->userdata;

        f->events++;
        app_fuzz_number(f, (uint32_t) e->type << 16 | (uint32_t) e->op << 8 | by_originator);
        app_fuzz_number(f, e->ends.flags);
        switch (e->type) {
        case EVENT_DNS:
                app_fuzz_dns(f, &e->dns);
                break;
        case EVENT_IRC:
                app_fuzz_slice(f, e->irc.text.p, e->irc.text.len);
                app_fuzz_number(f, e->irc.from_client);
                break;
        case EVENT_SMTP:
                app_fuzz_slice(f, e->smtp.text.p, e->smtp.text.len);
                app_fuzz_number(f, e->smtp.bytes);
                app_fuzz_number(f, e->smtp.code);
                break;
        case EVENT_HTTP:
                app_fuzz_http(f, &e->http);
                break;
        case EVENT_TLS:
                app_fuzz_tls(f, &e->tls);
                break;
        case EVENT_FTP:
                app_fuzz_slice(f, e->ftp.text.p, e->ftp.text.len);
                app_fuzz_number(f, e->ftp.code);
                break;
        case EVENT_PROXY:
                app_fuzz_slice(f, e->proxy.name.p, e->proxy.name.len);
                app_fuzz_hash(f, &e->proxy.target, sizeof(e->proxy.target));
                app_fuzz_number(f, (uint32_t) e->proxy.target_port << 16 | (uint32_t) e->proxy.kind << 8 |
                                           e->proxy.granted);
                break;
        case EVENT_FILE:
                app_fuzz_file(f, &e->file);
                break;
        default:
                abort();
        }
}

static inline void app_fuzz_switch_to(struct app_context *c, enum app app)
{
        struct app_fuzz *f = c->userdata;

        if (app >= APPS || c->rest > f->piece)
                abort();
        app_fuzz_number(f, app);
        f->switched = true;
}

static inline void app_fuzz_expect(struct app_context *c, const struct addr *addr, uint16_t port, enum app app,
                                   const struct slice *name)
{
        struct app_fuzz *f = c->userdata;

        if (app >= APPS)
                abort();
        app_fuzz_hash(f, addr, sizeof(*addr));
        app_fuzz_number(f, (uint32_t) port << 16 | app);
        if (name)
                app_fuzz_slice(f, name->p, name->len);
}

/* One piece, in parts of at most `step` bytes. false: the decoder wants no more. */
static inline bool app_fuzz_feed(struct app_fuzz *f, const struct app_decoder *d, void *state, const uint8_t *p,
                                 size_t len, size_t step)
{
        for (size_t at = 0, n; at < len || (at == 0 && f->context.proto == IPPROTO_UDP); at += n ? n : 1) {
                _cleanup_free_ uint8_t *copy = NULL;
                int r;

                n = MIN(len - at, step);
                copy = malloc(n ? n : 1);
                if (!copy)
                        abort();
                if (n)
                        memcpy(copy, p + at, n);
                f->piece = (uint32_t) n;
                f->context.rest = 0;
                r = d->data(state, &f->context, copy, (uint32_t) n);
                if (r > 1)
                        abort();
                if (r != 0 || f->switched)
                        return false;
        }
        return true;
}

/* The whole flow; returns the digest of what was said. */
static inline uint64_t app_fuzz_flow(const struct app_decoder *d, uint8_t flags, const uint8_t *data, size_t size,
                                     size_t step)
{
        _cleanup_free_ uint8_t *state = calloc(1, d->state_size ? d->state_size : 1);
        const struct addr ends[2] = {addr_from_v4(0x0100000a), addr_from_v4(0x0200000a)};
        struct app_fuzz f = {.digest = 0xcbf29ce484222325ull};

        f.context = (struct app_context){
                .time = 1,
                .proto = d->udp && (flags & APP_FUZZ_UDP || !d->tcp) ? IPPROTO_UDP : IPPROTO_TCP,
                .midstream = flags & APP_FUZZ_MIDSTREAM,
                .originator_port = 40000,
                .responder_port = 4321,
                .originator = &ends[0],
                .responder = &ends[1],
                .emit = app_fuzz_emit,
                .switch_to = flags & APP_FUZZ_BARE ? NULL : app_fuzz_switch_to,
                .expect = flags & APP_FUZZ_BARE ? NULL : app_fuzz_expect,
                .userdata = &f,
        };
        if (!state)
                abort();
        if (d->begin)
                d->begin(state, &(const struct slice){.p = "name", .len = flags & APP_FUZZ_MIDSTREAM ? 4 : 0});
        while (size >= 3) {
                uint8_t what = data[0];
                size_t len = data[1] | (size_t) data[2] << 8, here = MIN(len, size - 3);

                f.context.from_originator = what & APP_FUZZ_FROM_ORIGINATOR;
                f.context.time++;
                if (what & APP_FUZZ_LOST && f.context.proto == IPPROTO_TCP) {
                        if (!d->lost)
                                return f.digest;
                        if (len > 0)
                                d->lost(state, &f.context, len);
                        here = 0;
                } else if (!app_fuzz_feed(&f, d, state, data + 3, here, step))
                        return f.digest;
                data += 3 + here;
                size -= 3 + here;
        }
        if (d->end)
                d->end(state, &f.context);
        return f.digest;
}

/* Asks the probe with every length up to 80, and then feeds the flow whatever the answer was. */
static inline void app_fuzz_run(const struct app_decoder *d, const uint8_t *data, size_t size)
{
        uint64_t whole, bytewise;

        if (size < 1 || d->state_size > APP_STATE_MAX)
                return;
        for (size_t n = 0; size > 4 && n <= MIN(size - 4, (size_t) 80); n++) {
                struct app_context c = {.proto = d->tcp && !(data[0] & APP_FUZZ_UDP) ? IPPROTO_TCP : IPPROTO_UDP,
                                        .from_originator = data[1] & APP_FUZZ_FROM_ORIGINATOR};
                _cleanup_free_ uint8_t *copy = malloc(n ? n : 1);

                if (!copy)
                        abort();
                memcpy(copy, data + 4, n);
                if (d->probe(&c, copy, (uint32_t) n) > APP_YES)
                        abort();
        }
        whole = app_fuzz_flow(d, data[0], data + 1, size - 1, UINT32_MAX);
        if (d->tcp && !(d->udp && data[0] & APP_FUZZ_UDP)) {
                bytewise = app_fuzz_flow(d, data[0], data + 1, size - 1, 1);
                if (bytewise != whole)
                        abort();
        }
}

#endif
