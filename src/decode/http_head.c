/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heads of HTTP messages (RFC 9112): what counts of a request is kept until its response has come, so that the response
 * can be told with it. Runs in the engine and in `read`. */
#include <errno.h>
#include <strings.h>

#include "base/cleanup.h"
#include "decode/app_internal.h"
#include "decode/http_internal.h"

/* RFC 9110, WebDAV (RFC 4918, 3253, 5323), UPnP, and what Windows (RPC, BITS) and Icecast added. */
static const char *const methods[] = {
        "GET",    "POST",      "HEAD",        "PUT",          "DELETE",     "CONNECT",  "OPTIONS",   "TRACE",
        "PATCH",  "PROPFIND",  "PROPPATCH",   "MKCOL",        "COPY",       "MOVE",     "LOCK",      "UNLOCK",
        "REPORT", "SEARCH",    "CHECKOUT",    "MERGE",        "MKACTIVITY", "NOTIFY",   "SUBSCRIBE", "UNSUBSCRIBE",
        "QUERY",  "BITS_POST", "RPC_IN_DATA", "RPC_OUT_DATA", "SOURCE",     "CCM_POST", "SMS_POST",  "PURGE",
};

static bool is_method(const uint8_t *p, uint32_t n)
{
        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (strlen(methods[i]) == n && memcmp(methods[i], p, n) == 0)
                        return true;
        return false;
}

/* Bytes of the first word, at most one more than a method has. */
static uint32_t word_length(const uint8_t *p, uint32_t len)
{
        uint32_t n = 0;

        while (n < len && n <= HTTP_METHOD_MAX && ((p[n] >= 'A' && p[n] <= 'Z') || p[n] == '_' || p[n] == '-'))
                n++;
        return n;
}

/* "HTTP/1.1" at the end of a request line, behind a space; its length with that, or 0. */
static uint32_t version_length(const uint8_t *line, uint32_t len)
{
        while (len > 0 && line[len - 1] == ' ')
                len--;
        for (uint32_t n = 6; n <= 9 && n <= len; n++)
                if (memcmp(line + len - n, " HTTP/", 6) == 0)
                        return n;
        return 0;
}

static bool begins(const uint8_t *p, uint32_t len, const char *word)
{
        size_t n = strlen(word);

        return len >= n && memcmp(p, word, n) == 0;
}

static bool is_target(const uint8_t *p, uint32_t len)
{
        return len > 0 && (p[0] == '/' || begins(p, len, "http://") || begins(p, len, "https://") ||
                           (p[0] == '*' && (len == 1 || p[1] == ' ')));
}

/* A whole request line? Without a version (HTTP/0.9) only a plain GET. */
static bool is_request(const uint8_t *line, uint32_t len, bool cut)
{
        uint32_t n = word_length(line, len);
        bool known = is_method(line, n);

        if (n < 3 || n > HTTP_METHOD_MAX || n == len || line[n] != ' ')
                return false;
        if (cut)
                return known && is_target(line + n + 1, len - n - 1);
        if (version_length(line, len) > 0)
                return true;
        return n == 3 && begins(line, n, "GET") && is_target(line + n + 1, len - n - 1);
}

static enum app_answer probe_response(const uint8_t *p, uint32_t len)
{
        for (uint32_t i = 5; i < MIN(len, 12u); i++) {
                bool fine = i == 6 ? p[i] == '.' : i == 8 ? p[i] == ' ' : app_is_digit(p[i]);

                if (!fine)
                        return APP_NO;
        }
        return len >= 12 ? APP_YES : APP_MORE;
}

enum app_answer http_head_probe(const uint8_t *data, uint32_t len)
{
        uint32_t n, line, look = MIN(len, (uint32_t) LINE_KEEP);
        bool complete;

        if (len == 0)
                return APP_NO;
        if (memcmp(data, "HTTP/", MIN(len, 5u)) == 0)
                return len < 5 ? APP_MORE : probe_response(data, len);
        n = word_length(data, len);
        if (n > HTTP_METHOD_MAX)
                return APP_NO;
        if (n == len)
                return APP_MORE;
        if (n < 3 || data[n] != ' ')
                return APP_NO;
        line = app_line_length(data, look, &complete);
        if (complete)
                return is_request(data, line, false) ? APP_YES : APP_NO;
        if (!is_method(data, n))
                return len < APP_PROBE_MAX ? APP_MORE : APP_NO;
        if (len < n + 9 && len < APP_PROBE_MAX)
                return APP_MORE;
        if (begins(data, n, "CONNECT"))
                return len < APP_PROBE_MAX ? APP_MORE : APP_NO;
        if (!is_target(data + n + 1, line - n - 1))
                return APP_NO;
        return len < APP_PROBE_MAX ? APP_MORE : APP_YES;
}

/* Makes room for a request: waiting ones lose their text, the last one first. */
static void begin_request(struct http *h)
{
        h->text_len -= h->current.text; /* of one whose head was lost */
        h->current = (struct http_ask){0};
        for (unsigned i = h->n_asks; i > 0 && HTTP_TEXT - h->text_len < HTTP_URI_MAX + HTTP_HOST_MAX; i--) {
                h->text_len -= h->asks[i - 1].text;
                h->asks[i - 1].text = 0;
                h->asks[i - 1].cut = true;
        }
}

static void keep(struct http *h, enum http_tag tag, const uint8_t *p, uint32_t n, uint32_t max)
{
        uint32_t room = HTTP_TEXT - h->text_len, fits;

        if (room < HTTP_TAG_BYTES) {
                h->current.cut = true;
                return;
        }
        fits = MIN(MIN(n, max), room - HTTP_TAG_BYTES);
        h->current.cut = h->current.cut || fits < n;
        h->text[h->text_len] = (uint8_t) tag;
        h->text[h->text_len + 1] = (uint8_t) (fits & 0xff);
        h->text[h->text_len + 2] = (uint8_t) (fits >> 8);
        memcpy(h->text + h->text_len + HTTP_TAG_BYTES, p, fits);
        h->text_len += (uint16_t) (HTTP_TAG_BYTES + fits);
        h->current.text += (uint16_t) (HTTP_TAG_BYTES + fits);
}

static bool has_tag(const struct http *h, enum http_tag tag)
{
        for (uint32_t at = h->text_len - h->current.text; at < h->text_len;
             at += HTTP_TAG_BYTES + (h->text[at + 1] | (uint32_t) h->text[at + 2] << 8))
                if (h->text[at] == tag)
                        return true;
        return false;
}

/* A host as others know it: lower case, without port, an IPv6 address without its brackets. Only the first counts,
 * which is that of the target in absolute form if there is one (RFC 9112 3.2.2). */
static void keep_host(struct http *h, const uint8_t *p, uint32_t n)
{
        uint8_t host[HTTP_HOST_MAX];
        const uint8_t *end;
        uint32_t len;

        if (has_tag(h, HTTP_TAG_HOST))
                return;
        if (n > 0 && p[0] == '[') {
                p++;
                n--;
                end = memchr(p, ']', n);
        } else
                end = memchr(p, ':', n);
        n = end ? (uint32_t) (end - p) : n;
        len = MIN(n, (uint32_t) HTTP_HOST_MAX);
        for (uint32_t i = 0; i < len; i++)
                host[i] = p[i] >= 'A' && p[i] <= 'Z' ? (uint8_t) (p[i] - 'A' + 'a') : p[i];
        keep(h, HTTP_TAG_HOST, host, len, HTTP_HOST_MAX);
        h->current.cut = h->current.cut || len < n;
}

/* The authority of "http://user@host:port/path". */
static void keep_authority(struct http *h, const uint8_t *uri, uint32_t len)
{
        const uint8_t *p = memmem(uri, MIN(len, 8u), "://", 3), *at;
        uint32_t n = 0, left;

        if (!p || p == uri)
                return;
        p += 3;
        left = len - (uint32_t) (p - uri);
        while (n < left && !memchr("/?#", p[n], 3))
                n++;
        at = memrchr(p, '@', n);
        if (at) {
                n -= (uint32_t) (at + 1 - p);
                p = at + 1;
        }
        keep_host(h, p, n);
}

static int start_request(struct http *h, struct http_side *s, bool from_originator, const uint8_t *line, uint32_t len,
                         bool cut)
{
        uint32_t method, version, uri;

        if (!is_request(line, len, cut) || (h->asker && h->asker != from_originator + 1))
                return -EPROTO;
        h->asker = (uint8_t) (from_originator + 1);
        begin_request(h);
        method = word_length(line, len);
        version = cut ? 0 : version_length(line, len);
        for (uint32_t end = len; version && line[end - 1] == ' '; end--)
                version++;
        uri = len - version > method ? len - version - method - 1 : 0;
        keep(h, HTTP_TAG_METHOD, line, method, HTTP_METHOD_MAX);
        if (begins(line, method, "HEAD"))
                h->current.method = HTTP_HEAD;
        else if (begins(line, method, "CONNECT"))
                h->current.method = HTTP_METHOD_CONNECT;
        for (line += method + 1; uri > 0 && *line == ' '; uri--) /* more than one: RFC 9112 3 */
                line++;
        keep(h, HTTP_TAG_URI, line, uri, HTTP_URI_MAX);
        h->current.cut = h->current.cut || cut;
        if (h->current.method == HTTP_METHOD_CONNECT)
                keep_host(h, line, uri);
        else
                keep_authority(h, line, uri);
        /* Without a version (HTTP/0.9) there are no headers. */
        s->phase = version || cut ? HTTP_HEADERS : HTTP_START;
        return 0;
}

int http_head_start(struct http *h, struct http_side *s, bool from_originator, const uint8_t *line, uint32_t len,
                    bool cut)
{
        s->length = UINT64_MAX;
        s->status = 0;
        s->type_len = 0;
        s->encoding = HTTP_PLAIN;
        s->chunked = s->partial = s->told = s->cut = false;
        s->response = len >= 12 && memcmp(line, "HTTP/", 5) == 0 && probe_response(line, len) == APP_YES;
        if (!s->response)
                return start_request(h, s, from_originator, line, len, cut);
        s->status = (uint16_t) ((line[9] - '0') * 100 + (line[10] - '0') * 10 + line[11] - '0');
        s->phase = HTTP_HEADERS;
        return s->status >= 100 ? 0 : -EPROTO;
}

bool http_head_resumes(const struct http *h, bool from_originator, const uint8_t *line, uint32_t len, bool cut)
{
        bool asks = h->asker == from_originator + 1;

        if (len >= 12 && memcmp(line, "HTTP/1.", 7) == 0)
                return !asks && probe_response(line, len) == APP_YES;
        return (asks || !h->asker) && is_method(line, word_length(line, len)) && is_request(line, len, cut) &&
               (cut || version_length(line, len) > 0);
}

/* Is a list's last element this word? "gzip, chunked" */
static bool last_is(const uint8_t *p, uint32_t n, const char *word)
{
        size_t len = strlen(word);

        return n >= len && strncasecmp((const char *) p + n - len, word, len) == 0;
}

static void set_length(struct http_side *s, const uint8_t *p, uint32_t n)
{
        uint64_t length = 0;

        for (uint32_t i = 0; i < n; i++) {
                if (!app_is_digit(p[i]) || length > UINT64_MAX / 20)
                        return;
                length = length * 10 + p[i] - '0';
        }
        if (n > 0 && s->length == UINT64_MAX)
                s->length = length;
}

/* "bytes 1000-1999/5000": is it not the beginning? */
static bool is_later_part(const uint8_t *p, uint32_t n)
{
        uint32_t i = 6;

        if (n < 8 || strncasecmp((const char *) p, "bytes ", 6) != 0)
                return false;
        while (i < n && p[i] == '0')
                i++;
        return i < n && app_is_digit(p[i]);
}

void http_head_header(struct http *h, struct http_side *s, const uint8_t *line, uint32_t len, bool cut)
{
        const uint8_t *colon = memchr(line, ':', MIN(len, 32u)), *p;
        uint32_t name, n;

        if (!colon)
                return;
        name = (uint32_t) (colon - line);
        p = colon + 1;
        n = len - name - 1;
        while (n > 0 && (*p == ' ' || *p == '\t')) {
                p++;
                n--;
        }
        while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
                n--;
        if (app_same(line, name, "CONTENT-TYPE")) {
                s->type_len = (uint8_t) MIN(n, (uint32_t) HTTP_TYPE_MAX);
                memcpy(s->type, p, s->type_len);
                s->cut = s->cut || cut || s->type_len < n;
        } else if (app_same(line, name, "CONTENT-LENGTH"))
                set_length(s, p, n);
        else if (app_same(line, name, "TRANSFER-ENCODING"))
                s->chunked = last_is(p, n, "chunked");
        else if (app_same(line, name, "CONTENT-RANGE"))
                s->partial = is_later_part(p, n);
        else if (app_same(line, name, "CONTENT-ENCODING") && !last_is(p, n, "identity"))
                s->encoding = last_is(p, n, "gzip") || last_is(p, n, "deflate") ? HTTP_DEFLATED : HTTP_CODED;
        else if (!s->response && app_same(line, name, "HOST"))
                keep_host(h, p, n);
        else if (!s->response && app_same(line, name, "USER-AGENT") && !has_tag(h, HTTP_TAG_AGENT)) {
                keep(h, HTTP_TAG_AGENT, p, n, HTTP_AGENT_MAX);
                h->current.cut = h->current.cut || cut;
        }
}
