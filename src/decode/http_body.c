/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies of HTTP messages: their first bytes say what file it is. A body packed with gzip or deflate is unpacked as far
 * as its first bytes go; of a form with files (RFC 7578) the first file among the first bytes counts. Nothing else of a
 * body is looked at or kept. Runs in the engine and in `read`. */
#include <strings.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "decode/app_internal.h"
#include "decode/http_internal.h"

/* The state of zlib's inflate is 7 kB; its window of 32 kB is refused (see inflate_some()). */
#define POOL_BYTES 16384

struct pool {
        _Alignas(16) uint8_t bytes[POOL_BYTES];
        size_t used;
};

static voidpf pool_alloc(voidpf opaque, uInt items, uInt size)
{
        struct pool *pool = opaque;
        size_t n = ((size_t) items * size + 15) & ~(size_t) 15, at = pool->used;

        if (n > POOL_BYTES - at)
                return Z_NULL;
        pool->used += n;
        return pool->bytes + at;
}

static void pool_free(voidpf opaque, voidpf p)
{
        (void) opaque;
        (void) p;
}

/* Unpacks the first bytes without heap. When the input ends, inflate() wants memory for its window, which is refused:
 * what was unpacked by then is in `out` all the same. Returns how many bytes. */
static uint32_t inflate_some(int window_bits, const uint8_t *in, uint32_t len, uint8_t *out, uint32_t max)
{
        struct pool pool;
        z_stream z = {
                .zalloc = pool_alloc,
                .zfree = pool_free,
                .opaque = &pool,
                .next_in = (z_const Bytef *) in,
                .avail_in = len,
                .next_out = out,
                .avail_out = max,
        };

        pool.used = 0;
        if (inflateInit2(&z, window_bits) != Z_OK)
                return 0;
        (void) inflate(&z, Z_SYNC_FLUSH);
        return max - z.avail_out;
}

/* gzip, or zlib, or, as some servers send "deflate", without a header. */
static enum file_kind packed_kind(const uint8_t *p, uint32_t len)
{
        uint8_t out[4 * MAGIC_BYTES];
        uint32_t n = inflate_some(15 + 32, p, len, out, sizeof(out));

        if (n == 0 && !(len >= 2 && p[0] == 0x1f && p[1] == 0x8b))
                n = inflate_some(-15, p, len, out, sizeof(out));
        return magic_kind(out, n);
}

static bool is_form(const struct http_side *s)
{
        static const char form[] = "multipart/form-data";

        return !s->response && s->type_len >= sizeof(form) - 1 && strncasecmp(s->type, form, sizeof(form) - 1) == 0;
}

/* How many first bytes are wanted: the tables of a packed body and the heads of a form come before the first byte. */
static uint32_t wanted(const struct http_side *s)
{
        return s->encoding == HTTP_DEFLATED || is_form(s) ? sizeof(s->head) : MAGIC_BYTES;
}

/* The value behind `key` in the head of a part, up to a quote or the end of the line. */
static struct slice find_value(const uint8_t *p, uint32_t len, const char *key)
{
        size_t n = strlen(key);

        for (uint32_t i = 0; i + n <= len; i++) {
                uint32_t at = i + (uint32_t) n, end;

                if (strncasecmp((const char *) p + i, key, n) != 0)
                        continue;
                while (at < len && (p[at] == ' ' || p[at] == '"'))
                        at++;
                for (end = at; end < len && p[end] != '"' && p[end] != '\r' && p[end] != '\n';)
                        end++;
                return app_slice(p + at, end - at);
        }
        return (struct slice){0};
}

/* The first part with a file name. */
static void read_form(const uint8_t *p, uint32_t len, struct file_event *f)
{
        f->kind = magic_kind(p, len);
        while (len > 0) {
                const uint8_t *end = memmem(p, len, "\r\n\r\n", 4), *content, *next;
                struct slice name, type;
                uint32_t head;

                if (!end)
                        return;
                head = (uint32_t) (end - p);
                content = end + 4;
                len -= head + 4;
                next = memmem(content, len, "\r\n--", 4);
                name = find_value(p, head, "filename=");
                if (name.p) {
                        type = find_value(p, head, "content-type:");
                        f->name = name;
                        f->type = type.p;
                        f->type_len = (uint16_t) type.len;
                        f->size = UINT64_MAX;
                        f->kind = magic_kind(content, next ? (uint32_t) (next - content) : len);
                        return;
                }
                if (!next)
                        return;
                len -= (uint32_t) (next - content);
                p = next;
        }
}

static void tell(struct http *h, struct http_side *s, struct app_context *c, bool cut)
{
        struct event e = {.type = EVENT_FILE, .op = FILE_SEEN, .ends.flags = cut ? ENDS_CUT : 0};
        struct http_event request = {0};
        struct file_event *f = &e.file;

        s->told = true;
        if (s->head_len == 0)
                return;
        http_tell_request(h, s, &request);
        f->how = FILE_HTTP;
        f->size = s->length;
        f->name = (struct slice){request.uri, request.uri_len};
        f->host = (struct slice){request.host, request.host_len};
        if (s->type_len > 0) {
                f->type = s->type;
                f->type_len = s->type_len;
        }
        if (s->partial || s->encoding == HTTP_CODED)
                f->kind = FILE_UNKNOWN;
        else if (s->encoding == HTTP_DEFLATED)
                f->kind = (uint8_t) packed_kind(s->head, s->head_len);
        else if (is_form(s))
                read_form(s->head, s->head_len, f);
        else
                f->kind = (uint8_t) magic_kind(s->head, s->head_len);
        c->emit(c, &e, s == &h->side[1]);
}

void http_body_take(struct http *h, struct http_side *s, struct app_context *c, const uint8_t *p, uint32_t n)
{
        uint32_t want = wanted(s), fits;

        if (s->told)
                return;
        fits = MIN(n, want - s->head_len);
        memcpy(s->head + s->head_len, p, fits);
        s->head_len += (uint16_t) fits;
        if (s->head_len == want)
                tell(h, s, c, false);
}

void http_body_end(struct http *h, struct http_side *s, struct app_context *c, bool cut)
{
        if (!s->told)
                tell(h, s, c, cut);
}
