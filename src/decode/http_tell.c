/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heads of HTTP messages as events. A response is told with its request: responses come in the order of the requests
 * (RFC 9112 9.3.2). What follows a head is decided as in RFC 9112 6.3. Runs in the engine and in `read`. */
#include <arpa/inet.h>

#include "base/cleanup.h"
#include "decode/app_internal.h"
#include "decode/http_internal.h"

void http_tell_request(const struct http *h, const struct http_side *s, struct http_event *ret)
{
        const struct http_ask *ask;
        uint32_t at = 0, end;

        if (s->response) {
                if (h->n_asks == 0)
                        return;
                end = h->asks[0].text;
        } else {
                /* The newest: while its head is read it is not among those that wait yet. */
                ask = h->current.text ? &h->current : h->n_asks && !h->unkept ? &h->asks[h->n_asks - 1] : NULL;
                if (!ask)
                        return;
                end = h->text_len;
                at = end - ask->text;
        }
        while (at < end) {
                uint16_t n = (uint16_t) (h->text[at + 1] | h->text[at + 2] << 8);
                const char *p = (const char *) h->text + at + HTTP_TAG_BYTES;

                switch (h->text[at]) {
                case HTTP_TAG_METHOD:
                        ret->method = p;
                        ret->method_len = (uint8_t) n;
                        break;
                case HTTP_TAG_URI:
                        ret->uri = p;
                        ret->uri_len = n;
                        break;
                case HTTP_TAG_HOST:
                        ret->host = p;
                        ret->host_len = n;
                        break;
                case HTTP_TAG_AGENT:
                        ret->agent = p;
                        ret->agent_len = n;
                        break;
                }
                at += HTTP_TAG_BYTES + n;
        }
}

/* "example.com:443", "192.0.2.1:25", "[2001:db8::1]:443": the port, and the address if there is one. */
static void read_authority(const struct http_event *r, struct proxy_event *ret)
{
        const char *colon = memrchr(r->uri, ':', r->uri_len), *end = r->uri + r->uri_len;
        char text[ADDR_TEXT_MAX];
        uint32_t port = 0;

        ret->name.p = r->host;
        ret->name.len = r->host_len;
        for (const char *p = colon ? colon + 1 : end; p < end && app_is_digit((uint8_t) *p) && port <= UINT16_MAX; p++)
                port = port * 10 + (uint32_t) (*p - '0');
        ret->target_port = port <= UINT16_MAX ? (uint16_t) port : 0;
        if (r->host_len > 0 && r->host_len < sizeof(text)) {
                memcpy(text, r->host, r->host_len);
                text[r->host_len] = '\0';
                (void) addr_parse(text, &ret->target);
        }
}

static void tell_proxy(struct app_context *c, const struct http_event *request, uint8_t flags, int granted)
{
        struct event e = {.type = EVENT_PROXY, .op = granted < 0 ? PROXY_REQUEST : PROXY_REPLY};

        e.ends.flags = flags;
        e.proxy.kind = PROXY_HTTP_CONNECT;
        e.proxy.granted = granted > 0;
        read_authority(request, &e.proxy);
        c->emit(c, &e, c->from_originator);
}

static void tell(const struct http_side *s, struct app_context *c, struct event *e)
{
        e->type = EVENT_HTTP;
        e->op = s->response ? HTTP_RESPONSE : HTTP_REQUEST;
        e->http.status = s->status;
        e->http.length = s->length;
        if (s->type_len > 0) {
                e->http.type = s->type;
                e->http.type_len = s->type_len;
        }
        c->emit(c, e, c->from_originator);
}

/* The request waits for its response. */
static void push_ask(struct http *h)
{
        if (h->n_asks < HTTP_ASKS && h->unkept == 0)
                h->asks[h->n_asks++] = h->current;
        else {
                h->text_len -= h->current.text;
                if (h->unkept < UINT16_MAX)
                        h->unkept++;
        }
        h->current = (struct http_ask){0};
}

static void pop_ask(struct http *h)
{
        uint16_t text = h->asks[0].text;

        if (h->n_asks == 0) {
                if (h->unkept > 0)
                        h->unkept--;
                return;
        }
        memmove(h->text, h->text + text, h->text_len - text);
        h->text_len -= text;
        h->n_asks--;
        memmove(h->asks, h->asks + 1, h->n_asks * sizeof(h->asks[0]));
}

void http_tell_resume(struct http *h)
{
        h->unkept = 0;
        while (h->n_asks > 1)
                pop_ask(h);
}

static void begin_body(struct http_side *s, enum http_phase phase)
{
        s->phase = (uint8_t) phase;
        s->head_len = 0;
        s->digits = 0;
        s->extension = false;
        s->left = phase == HTTP_LENGTH ? s->length : 0;
}

void http_tell_end(struct http *h, struct http_side *s)
{
        if (s->response && s->status >= 200)
                pop_ask(h);
        s->phase = HTTP_START;
        memset(&s->line, 0, offsetof(struct line, bytes));
}

static bool tell_request_head(struct http *h, struct http_side *s, struct app_context *c)
{
        struct event e = {.ends.flags = h->current.cut || s->cut ? ENDS_CUT : 0};
        bool connect = h->current.method == HTTP_METHOD_CONNECT;

        http_tell_request(h, s, &e.http);
        tell(s, c, &e);
        if (connect)
                tell_proxy(c, &e.http, e.ends.flags, -1);
        push_ask(h);
        if (s->chunked)
                begin_body(s, HTTP_CHUNK_SIZE);
        else if (s->length > 0 && s->length != UINT64_MAX && !connect)
                begin_body(s, HTTP_LENGTH);
        else
                http_tell_end(h, s);
        return false;
}

static bool tell_response_head(struct http *h, struct http_side *s, struct app_context *c)
{
        const struct http_ask ask = h->n_asks ? h->asks[0] : (struct http_ask){0};
        struct event e = {.ends.flags = ask.cut || s->cut ? ENDS_CUT : 0};
        bool granted = s->status >= 200 && s->status < 300;

        http_tell_request(h, s, &e.http);
        tell(s, c, &e);
        if (s->status == 101)
                return true;
        if (ask.method == HTTP_METHOD_CONNECT && s->status >= 200) {
                tell_proxy(c, &e.http, e.ends.flags, granted);
                if (granted)
                        return true;
        }
        if (s->status < 200 || s->status == 204 || s->status == 304 || ask.method == HTTP_HEAD)
                http_tell_end(h, s);
        else if (s->chunked)
                begin_body(s, HTTP_CHUNK_SIZE);
        else if (s->length == UINT64_MAX)
                begin_body(s, HTTP_CLOSE);
        else if (s->length > 0)
                begin_body(s, HTTP_LENGTH);
        else
                http_tell_end(h, s);
        return false;
}

bool http_tell_head(struct http *h, struct http_side *s, struct app_context *c)
{
        h->seen = true;
        return s->response ? tell_response_head(h, s, c) : tell_request_head(h, s, c);
}
