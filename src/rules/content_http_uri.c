/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Targets of requests as a server understands them, after libhtp's IDS personality, which Suricata uses: in the path
 * %HH and %uHHHH are decoded, backslashes are slashes, slashes in a row are one, UTF-8 becomes one byte each, and dot
 * segments are carried out (RFC 3986 5.2.4); in the query %HH is decoded. What is no valid escape stays. Decoded once:
 * no server decodes twice. Runs where rules/content.h says. */
#include "rules/content_http_internal.h"

#define REPLACEMENT '?' /* libhtp's, for what has no byte */

/* The parts of a target: RFC 3986, as tolerant as libhtp. */
struct parts {
        struct http_text host, path, query, fragment;
        bool has_query, has_fragment;
};

static struct parts split(struct http_text uri)
{
        const uint8_t *p = uri.p, *end = uri.p + uri.n, *mark;
        struct parts s = {0};

        if (p < end && *p != '/' && (mark = memchr(p, ':', (size_t) (end - p)))) {
                p = mark + 1;
                if (end - p >= 2 && p[0] == '/' && p[1] == '/') {
                        s.host.p = p += 2;
                        while (p < end && *p != '/' && *p != '?' && *p != '#')
                                p++;
                        s.host.n = (uint32_t) (p - s.host.p);
                }
        }
        s.path.p = p;
        while (p < end && *p != '?' && *p != '#')
                p++;
        s.path.n = (uint32_t) (p - s.path.p);
        if (p < end && *p == '?') {
                s.has_query = true;
                s.query.p = ++p;
                while (p < end && *p != '#')
                        p++;
                s.query.n = (uint32_t) (p - s.query.p);
        }
        if (p < end) {
                s.has_fragment = true;
                s.fragment = (struct http_text){p + 1, (uint32_t) (end - p - 1)};
        }
        return s;
}

struct http_text http_uri_host(struct http_text uri)
{
        struct http_text host = split(uri).host;
        const uint8_t *at = host.n ? memchr(host.p, '@', host.n) : NULL;

        if (at) {
                host.n -= (uint32_t) (at + 1 - host.p);
                host.p = at + 1;
        }
        return host;
}

/* The byte nearest to a code point: itself, or the ASCII of a full-width form. */
static uint8_t best_fit(uint32_t point)
{
        if (point < 0x100)
                return (uint8_t) point;
        return point >= 0xff01 && point <= 0xff5e ? (uint8_t) (point - 0xff01 + 0x21) : REPLACEMENT;
}

/* The escape at p, a percent sign: how many bytes it has; *ret the byte. An invalid one is the sign itself. */
static uint32_t unescape(const uint8_t *p, uint32_t n, bool wide, uint8_t *ret)
{
        *ret = '%';
        if (n >= 6 && wide && content_lower(p[1]) == 'u') {
                uint32_t point = 0;

                for (unsigned i = 2; i < 6; i++) {
                        if (content_hex(p[i]) < 0)
                                return 1;
                        point = point << 4 | (uint32_t) content_hex(p[i]);
                }
                *ret = best_fit(point);
                return 6;
        }
        if (n < 3 || content_hex(p[1]) < 0 || content_hex(p[2]) < 0)
                return 1;
        *ret = (uint8_t) (content_hex(p[1]) << 4 | content_hex(p[2]));
        return 3;
}

/* Escapes, backslashes and slashes in a row. Returns the length. */
static uint32_t decode_path(struct http_text path, uint8_t *out)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < path.n;) {
                uint8_t b = path.p[i];

                if (b == '%')
                        i += unescape(path.p + i, path.n - i, true, &b);
                else
                        i++;
                if (b == '\\')
                        b = '/';
                if (b != '/' || n == 0 || out[n - 1] != '/')
                        out[n++] = b;
        }
        return n;
}

/* One character of UTF-8, also an overlong one; 0: none. */
static uint32_t utf8(const uint8_t *p, uint32_t n, uint32_t *ret)
{
        uint32_t len = p[0] >= 0xf0 && p[0] < 0xf8 ? 4 : p[0] >= 0xe0 ? 3 : 2, point;

        if (p[0] < 0xc0 || p[0] >= 0xf8 || n < len)
                return 0;
        point = p[0] & (0x7fu >> len);
        for (uint32_t i = 1; i < len; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                point = point << 6 | (p[i] & 0x3f);
        }
        *ret = point;
        return len;
}

/* In place. */
static uint32_t narrow(uint8_t *p, uint32_t n)
{
        uint32_t to = 0;

        for (uint32_t i = 0; i < n;) {
                uint32_t point = REPLACEMENT, len;

                if (p[i] < 0x80) {
                        p[to++] = p[i++];
                        continue;
                }
                len = utf8(p + i, n - i, &point);
                p[to++] = best_fit(point);
                i += len ? len : 1;
        }
        return to;
}

static bool segment_is(const uint8_t *p, uint32_t n, const char *dots)
{
        uint32_t len = (uint32_t) strlen(dots);

        return n >= len && memcmp(p, dots, len) == 0 && (n == len || p[len] == '/');
}

/* Dot segments, in place: RFC 3986 5.2.4. */
static uint32_t remove_dots(uint8_t *p, uint32_t n)
{
        uint32_t i = 0, to = 0;

        while (i < n) {
                bool slash = p[i] == '/';
                const uint8_t *s = p + i + slash;
                uint32_t left = n - i - slash;
                uint32_t dots = segment_is(s, left, ".") ? 1 : segment_is(s, left, "..") ? 2 : 0;

                if (dots) {
                        if (dots == 2 && slash)
                                while (to > 0 && p[--to] != '/')
                                        ;
                        i += slash + dots;
                        if (i == n && slash)
                                p[to++] = '/';
                        else if (!slash && i < n)
                                i++;
                        continue;
                }
                p[to++] = p[i++];
                while (i < n && p[i] != '/')
                        p[to++] = p[i++];
        }
        return to;
}

static uint32_t decode_query(struct http_text query, uint8_t *out)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < query.n; n++) {
                out[n] = query.p[i];
                i += query.p[i] == '%' ? unescape(query.p + i, query.n - i, false, &out[n]) : 1;
        }
        return n;
}

/* Is it already what it means? Most are. */
static bool is_plain(struct http_text uri)
{
        bool path = true;

        if (uri.n == 0 || uri.p[0] != '/')
                return false;
        for (uint32_t i = 0; i < uri.n; i++) {
                uint8_t b = uri.p[i];

                if (b == '%')
                        return false;
                if (!path)
                        continue;
                if (b == '?' || b == '#')
                        path = false;
                else if (b >= 0x80 || b == '\\' ||
                         (b == '/' && i + 1 < uri.n && (uri.p[i + 1] == '/' || uri.p[i + 1] == '.')))
                        return false;
        }
        return true;
}

struct http_text http_uri_normalise(struct http_text uri, struct content_room *room)
{
        struct parts s;
        uint8_t *out = room->at;
        uint32_t n;

        if (is_plain(uri))
                return uri;
        if (uri.n > room->left)
                return (struct http_text){0};
        s = split(uri);
        n = decode_path(s.path, out);
        n = remove_dots(out, narrow(out, n));
        if (s.has_query) {
                out[n++] = '?';
                n += decode_query(s.query, out + n);
        }
        if (s.has_fragment) {
                out[n++] = '#';
                memcpy(out + n, s.fragment.p, s.fragment.n);
                n += s.fragment.n;
        }
        room->at += n;
        room->left -= n;
        return (struct http_text){out, n};
}
