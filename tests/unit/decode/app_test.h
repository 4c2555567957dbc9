/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A decoder of content in a test: a dialog goes in, what the decoder said comes out as text, one line each, with > for
 * the originator and < for the responder. A stream is fed whole, in sevens and byte by byte; the text must be the same.
 */
#ifndef SEKIMORI_TEST_APP_TEST_H
#define SEKIMORI_TEST_APP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

#include "base/buf.h"
#include "decode/app.h"

struct app_piece {
        char who; /* '>' originator, '<' responder, '}' and '{' lost bytes of theirs: len of them */
        const void *data;
        size_t len;
};
#define APP_SAYS(who_, text)                                                                                           \
        {                                                                                                              \
                .who = who_, .data = text, .len = sizeof(text) - 1                                                     \
        }

struct app_test {
        struct app_context context;
        struct addr ends[2]; /* 10.0.0.1 and 10.0.0.2 */
        const struct app_decoder *decoder;
        char text[16384];
        struct buf log;
        int result; /* of the last data() */
        uint32_t rest;
        bool switched;
        uint64_t state[APP_STATE_MAX / 8];
};

static inline void app_test_slice(struct buf *b, const char *name, const char *p, size_t len)
{
        if (!p)
                return;
        (void) buf_printf(b, " %s=", name);
        (void) buf_put_visible(b, p, len);
}

static inline void app_test_number(struct buf *b, const char *name, uint64_t n)
{
        if (n == UINT64_MAX)
                (void) buf_printf(b, " %s=?", name);
        else if (n)
                (void) buf_printf(b, " %s=%llu", name, (unsigned long long) n);
}

static inline void app_test_dns(struct buf *b, const struct dns_event *d)
{
        char text[ADDR_TEXT_MAX];

        app_test_slice(b, "name", d->name.p, d->name.len);
        (void) buf_printf(b, " type=%u id=%u size=%u", d->qtype, d->id, d->size);
        app_test_number(b, "rcode", d->rcode);
        app_test_number(b, "flags", d->flags);
        app_test_number(b, "answers", d->answers);
        app_test_number(b, "ttl", d->ttl);
        for (unsigned i = 0; i < d->n_addrs; i++)
                (void) buf_printf(b, " %s", addr_format(&d->addrs[i], text));
}

static inline void app_test_http(struct buf *b, const struct http_event *h)
{
        app_test_number(b, "status", h->status);
        app_test_slice(b, "method", h->method, h->method_len);
        app_test_slice(b, "uri", h->uri, h->uri_len);
        app_test_slice(b, "host", h->host, h->host_len);
        app_test_slice(b, "agent", h->agent, h->agent_len);
        app_test_slice(b, "type", h->type, h->type_len);
        app_test_number(b, "length", h->length);
}

static inline void app_test_content(struct buf *b, const struct event *e)
{
        char text[ADDR_TEXT_MAX];

        switch (e->type) {
        case EVENT_DNS:
                app_test_dns(b, &e->dns);
                break;
        case EVENT_HTTP:
                app_test_http(b, &e->http);
                break;
        case EVENT_TLS:
                app_test_slice(b, "sni", e->tls.sni.p, e->tls.sni.len);
                app_test_slice(b, "alpn", e->tls.alpn, e->tls.alpn_len);
                (void) buf_printf(b, " version=%04x", e->tls.version);
                if (e->tls.cipher)
                        (void) buf_printf(b, " cipher=%04x", e->tls.cipher);
                if (e->tls.ja4)
                        (void) buf_printf(b, " ja4=%s", e->tls.ja4);
                break;
        case EVENT_IRC:
                app_test_slice(b, e->irc.from_client ? "client" : "server", e->irc.text.p, e->irc.text.len);
                break;
        case EVENT_SMTP:
                app_test_number(b, "code", e->smtp.code);
                app_test_number(b, "bytes", e->smtp.bytes);
                app_test_slice(b, "text", e->smtp.text.p, e->smtp.text.len);
                break;
        case EVENT_FTP:
                app_test_number(b, "code", e->ftp.code);
                app_test_slice(b, "text", e->ftp.text.p, e->ftp.text.len);
                break;
        case EVENT_PROXY:
                (void) buf_printf(b, " %s", proxy_kind_name(e->proxy.kind));
                app_test_slice(b, "name", e->proxy.name.p, e->proxy.name.len);
                if (!addr_is_unspecified(&e->proxy.target))
                        (void) buf_printf(b, " %s", addr_format(&e->proxy.target, text));
                app_test_number(b, "port", e->proxy.target_port);
                app_test_number(b, "granted", e->proxy.granted);
                break;
        case EVENT_FILE:
                (void) buf_printf(b, " %s", file_kind_name(e->file.kind));
                app_test_slice(b, "name", e->file.name.p, e->file.name.len);
                app_test_slice(b, "host", e->file.host.p, e->file.host.len);
                app_test_slice(b, "type", e->file.type, e->file.type_len);
                app_test_number(b, "size", e->file.size);
                break;
        default:
                fail();
        }
}

static inline void app_test_emit(struct app_context *c, struct event *e, bool by_originator)
{
        struct app_test *t = c->userdata;

        (void) buf_printf(&t->log, "%c %s %s", by_originator ? '>' : '<', event_type_name(e->type),
                          event_op_name(e->type, e->op));
        app_test_content(&t->log, e);
        (void) buf_puts(&t->log, e->ends.flags & ENDS_CUT ? " cut\n" : "\n");
}

static inline void app_test_switch(struct app_context *c, enum app app)
{
        struct app_test *t = c->userdata;

        (void) buf_printf(&t->log, "switch %s\n", app_name(app));
        t->switched = true;
        t->rest = c->rest;
}

static inline void app_test_expect(struct app_context *c, const struct addr *addr, uint16_t port, enum app app,
                                   const struct slice *name)
{
        struct app_test *t = c->userdata;
        char text[ADDR_TEXT_MAX];

        (void) buf_printf(&t->log, "expect %s %u %s", addr_format(addr, text), port, app_name(app));
        app_test_slice(&t->log, "name", name->p, name->len);
        (void) buf_puts(&t->log, "\n");
}

static inline void app_test_begin(struct app_test *t, const struct app_decoder *d, uint8_t proto)
{
        *t = (struct app_test){.decoder = d};
        t->ends[0] = addr_from_v4(htonl(0x0a000001));
        t->ends[1] = addr_from_v4(htonl(0x0a000002));
        t->log = (struct buf) BUF_FIXED(t->text);
        t->context = (struct app_context){
                .time = 1,
                .proto = proto,
                .originator_port = 40000,
                .responder_port = 4000,
                .emit = app_test_emit,
                .switch_to = app_test_switch,
                .expect = app_test_expect,
                .originator = &t->ends[0],
                .responder = &t->ends[1],
                .userdata = t,
        };
        assert_true(d->state_size <= APP_STATE_MAX);
}

/* Feeds pieces in parts of `step` bytes, each in memory of its own size, until the decoder wants no more. */
static inline void app_test_feed(struct app_test *t, const struct app_piece *pieces, size_t n, size_t step)
{
        for (size_t i = 0; i < n; i++) {
                const struct app_piece *p = &pieces[i];

                t->context.from_originator = p->who == '>' || p->who == '}';
                if (p->who == '}' || p->who == '{') {
                        t->decoder->lost(t->state, &t->context, p->len);
                        continue;
                }
                for (size_t at = 0, part; at < p->len; at += part) {
                        _cleanup_free_ uint8_t *copy = NULL;

                        part = MIN(step, p->len - at);
                        copy = malloc(part);
                        assert_non_null(copy);
                        memcpy(copy, (const uint8_t *) p->data + at, part);
                        t->context.rest = 0;
                        t->result = t->decoder->data(t->state, &t->context, copy, (uint32_t) part);
                        if (t->result != 0 || t->switched)
                                return;
                }
        }
        if (t->decoder->end)
                t->decoder->end(t->state, &t->context);
}

/* The whole dialog; the text of what was said lives in `t`. */
static inline const char *app_test_run(struct app_test *t, const struct app_decoder *d, uint8_t proto,
                                       const struct app_piece *pieces, size_t n)
{
        static const size_t steps[] = {1, 7, SIZE_MAX};
        char before[sizeof(t->text)];

        for (size_t i = 0; i < (proto == IPPROTO_TCP ? ELEMENTSOF(steps) : 1); i++) {
                app_test_begin(t, d, proto);
                app_test_feed(t, pieces, n, proto == IPPROTO_TCP ? steps[i] : SIZE_MAX);
                assert_int_equal(t->log.error, 0);
                if (i > 0)
                        assert_string_equal(before, buf_str(&t->log));
                (void) snprintf(before, sizeof(before), "%s", buf_str(&t->log));
        }
        return buf_str(&t->log);
}

static inline enum app_answer app_test_probe(const struct app_decoder *d, uint8_t proto, uint16_t port,
                                             const void *data, size_t len)
{
        struct app_context c = {
                .proto = proto, .from_originator = true, .originator_port = 40000, .responder_port = port};
        _cleanup_free_ uint8_t *copy = malloc(len ? len : 1);

        assert_non_null(copy);
        memcpy(copy, data, len);
        return d->probe(&c, copy, (uint32_t) len);
}

#endif
