/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The buffers of a head, as Suricata 7 makes them from libhtp's: fields of one name are joined with ", ", lines that go
 * on with a space. Only those that somebody looks at, and without copying where the head's own bytes will do. Runs
 * where rules/content.h says. */
#include "rules/content_http_internal.h"

/* A text that is being put together; once there is no room it stays as it is. */
struct writer {
        struct content_room *room;
        uint8_t *begin;
        uint32_t n;
        bool full;
};

static struct writer writer_at(struct content_room *room)
{
        return (struct writer){.room = room, .begin = room->at};
}

static void put(struct writer *w, const void *p, uint32_t n)
{
        if (w->full || n > w->room->left - w->n) {
                w->full = true;
                return;
        }
        if (!n)
                return;
        memcpy(w->begin + w->n, p, n);
        w->n += n;
}

/* One space for each break of the line and the spaces around it. */
static void put_unfolded(struct writer *w, struct http_text t)
{
        const uint8_t *p = t.p, *end = t.p + t.n;

        while (p < end) {
                const uint8_t *lf = memchr(p, '\n', (size_t) (end - p)), *stop = lf ? lf : end;

                while (stop > p && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t'))
                        stop--;
                put(w, p, (uint32_t) (stop - p));
                if (!lf)
                        return;
                put(w, " ", 1);
                for (p = lf + 1; p < end && (*p == ' ' || *p == '\t'); p++)
                        ;
        }
}

static void put_value(struct writer *w, const struct http_head *h, const struct http_field *f)
{
        for (;;) {
                if (f->folded)
                        put_unfolded(w, f->value);
                else
                        put(w, f->value.p, f->value.n);
                /* Of several lengths the first counts. */
                if (!f->next || f->known == NAME_CONTENT_LENGTH)
                        return;
                put(w, ", ", 2);
                f = &h->field[f->next];
        }
}

static void finish(struct writer *w, struct content_context *c, struct content_view *v, enum rule_buffer b)
{
        w->room->at += w->n;
        w->room->left -= w->n;
        if (w->n)
                content_set(c, v, b, w->begin, w->n);
}

static void set_text(struct content_context *c, struct content_view *v, enum rule_buffer b, struct http_text t)
{
        if (t.n && content_wants(c, b))
                content_set(c, v, b, t.p, t.n);
}

static void set_field(const struct http_head *h, struct content_context *c, struct content_view *v, enum rule_buffer b,
                      enum http_name name, struct content_room *room)
{
        const struct http_field *f;
        struct writer w;

        if (!h->first[name] || !content_wants(c, b))
                return;
        f = &h->field[h->first[name] - 1];
        if (!f->folded && !f->next) {
                set_text(c, v, b, f->value);
                return;
        }
        w = writer_at(room);
        put_value(&w, h, f);
        finish(&w, c, v, b);
}

/* "Name: value\r\n" each, without cookies. */
static void put_fields(struct writer *w, const struct http_head *h, bool cookies)
{
        for (uint8_t i = 0; i < h->n; i++) {
                const struct http_field *f = &h->field[i];

                if (f->again || (!cookies && f->known == (h->response ? NAME_SET_COOKIE : NAME_COOKIE)))
                        continue;
                put(w, f->name.p, f->name.n);
                put(w, ": ", 2);
                put_value(w, h, f);
                put(w, "\r\n", 2);
        }
}

static void set_all_fields(const struct http_head *h, struct content_context *c, struct content_view *v,
                           struct content_room *room)
{
        if (content_wants(c, BUFFER_HTTP_HEADER)) {
                struct writer w = writer_at(room);

                put_fields(&w, h, false);
                finish(&w, c, v, BUFFER_HTTP_HEADER);
        }
        if (content_wants(c, BUFFER_HTTP_HEADER_NAMES) && h->n) {
                struct writer w = writer_at(room);

                put(&w, "\r\n", 2);
                for (uint8_t i = 0; i < h->n; i++) {
                        if (h->field[i].again)
                                continue;
                        put(&w, h->field[i].name.p, h->field[i].name.n);
                        put(&w, "\r\n", 2);
                }
                put(&w, "\r\n", 2);
                finish(&w, c, v, BUFFER_HTTP_HEADER_NAMES);
        }
        if (content_wants(c, BUFFER_HTTP_START)) {
                struct writer w = writer_at(room);

                put(&w, h->line.p, h->line.n);
                put(&w, "\r\n", 2);
                put_fields(&w, h, true);
                put(&w, "\r\n", 2);
                finish(&w, c, v, BUFFER_HTTP_START);
        }
}

/* Lower case, without port. */
static void set_host(const struct http_head *h, struct content_context *c, struct content_view *v,
                     struct content_room *room)
{
        struct http_text host = http_uri_host(h->uri);
        const uint8_t *end;

        if (content_is(h->method.p, h->method.n, "connect"))
                host = h->uri;
        if (!host.n && h->first[NAME_HOST])
                host = h->field[h->first[NAME_HOST] - 1].value;
        set_text(c, v, BUFFER_HTTP_HOST_RAW, host);
        if (!host.n || !content_wants(c, BUFFER_HTTP_HOST) || host.n > room->left)
                return;
        if (host.p[0] == '[' && (end = memchr(host.p, ']', host.n)))
                host.n = (uint32_t) (end + 1 - host.p);
        else if ((end = memchr(host.p, ':', host.n)))
                host.n = (uint32_t) (end - host.p);
        for (uint32_t i = 0; i < host.n; i++)
                room->at[i] = content_lower(host.p[i]);
        if (host.n)
                content_set(c, v, BUFFER_HTTP_HOST, room->at, host.n);
        room->at += host.n;
        room->left -= host.n;
}

static void derive_request(const struct http_head *h, struct content_context *c, struct content_view *v,
                           struct content_room *room)
{
        set_text(c, v, BUFFER_HTTP_METHOD, h->method);
        set_text(c, v, BUFFER_HTTP_URI_RAW, h->uri);
        set_text(c, v, BUFFER_HTTP_REQUEST_LINE, h->line);
        if (content_wants(c, BUFFER_HTTP_URI) && !content_is(h->method.p, h->method.n, "connect")) {
                struct http_text uri = http_uri_normalise(h->uri, room);

                set_text(c, v, BUFFER_HTTP_URI, uri);
        }
        set_host(h, c, v, room);
        set_field(h, c, v, BUFFER_HTTP_USER_AGENT, NAME_USER_AGENT, room);
        set_field(h, c, v, BUFFER_HTTP_REFERER, NAME_REFERER, room);
        set_field(h, c, v, BUFFER_HTTP_ACCEPT, NAME_ACCEPT, room);
        set_field(h, c, v, BUFFER_HTTP_ACCEPT_ENC, NAME_ACCEPT_ENCODING, room);
        set_field(h, c, v, BUFFER_HTTP_ACCEPT_LANG, NAME_ACCEPT_LANGUAGE, room);
        set_field(h, c, v, BUFFER_HTTP_COOKIE, NAME_COOKIE, room);
}

static void derive_response(const struct http_head *h, struct content_context *c, struct content_view *v,
                            struct content_room *room)
{
        set_text(c, v, BUFFER_HTTP_RESPONSE_LINE, h->line);
        set_text(c, v, BUFFER_HTTP_STAT_CODE, h->status);
        set_text(c, v, BUFFER_HTTP_STAT_MSG, h->message);
        set_field(h, c, v, BUFFER_HTTP_SERVER, NAME_SERVER, room);
        set_field(h, c, v, BUFFER_HTTP_LOCATION, NAME_LOCATION, room);
        set_field(h, c, v, BUFFER_HTTP_COOKIE, NAME_SET_COOKIE, room);
}

void http_derive(const struct http_head *h, struct content_context *c, struct content_view *v)
{
        struct content_room room = {.at = c->scratch, .left = CONTENT_SCRATCH};

        if (h->response)
                derive_response(h, c, v, &room);
        else
                derive_request(h, c, v, &room);
        set_text(c, v, BUFFER_HTTP_PROTOCOL, h->protocol);
        set_text(c, v, BUFFER_HTTP_HEADER_RAW, h->fields);
        set_field(h, c, v, BUFFER_HTTP_CONNECTION, NAME_CONNECTION, &room);
        set_field(h, c, v, BUFFER_HTTP_CONTENT_TYPE, NAME_CONTENT_TYPE, &room);
        set_field(h, c, v, BUFFER_HTTP_CONTENT_LEN, NAME_CONTENT_LENGTH, &room);
        set_all_fields(h, c, v, &room);
}
