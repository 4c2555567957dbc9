/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heads of HTTP messages, read as tolerantly as libhtp does (and servers do): lines end with LF, with or without CR;
 * a line that begins with a space goes on with the one before. Runs where rules/content.h says. */
#include "rules/content_http_internal.h"

static const char *const names[HTTP_NAMES] = {
        [NAME_OTHER] = "",
        [NAME_USER_AGENT] = "user-agent",
        [NAME_HOST] = "host",
        [NAME_REFERER] = "referer",
        [NAME_ACCEPT] = "accept",
        [NAME_ACCEPT_ENCODING] = "accept-encoding",
        [NAME_ACCEPT_LANGUAGE] = "accept-language",
        [NAME_CONNECTION] = "connection",
        [NAME_CONTENT_TYPE] = "content-type",
        [NAME_CONTENT_LENGTH] = "content-length",
        [NAME_SERVER] = "server",
        [NAME_LOCATION] = "location",
        [NAME_COOKIE] = "cookie",
        [NAME_SET_COOKIE] = "set-cookie",
        [NAME_TRANSFER_ENCODING] = "transfer-encoding",
        [NAME_CONTENT_ENCODING] = "content-encoding",
};

uint32_t http_head_end(const uint8_t *p, uint32_t n, uint32_t from)
{
        const uint8_t *at = p + (from > 3 ? from - 3 : 0), *end = p + n;

        while (at < end && (at = memchr(at, '\n', (size_t) (end - at)))) {
                at++;
                if (at < end && *at == '\n')
                        return (uint32_t) (at + 1 - p);
                if (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
                        return (uint32_t) (at + 2 - p);
        }
        return 0;
}

bool http_head_begins(const uint8_t *p, uint32_t n)
{
        static const char version[] = "HTTP/";
        uint32_t i;

        if (memcmp(p, version, MIN(n, (uint32_t) sizeof(version) - 1)) == 0)
                return true;
        for (i = 0; i < n && i < 24 && ((p[i] >= 'A' && p[i] <= 'Z') || p[i] == '_' || p[i] == '-'); i++)
                ;
        return i > 0 && (i == n || (i < 24 && (p[i] == ' ' || p[i] == '\t')));
}

static bool is_space(uint8_t b)
{
        return b == ' ' || (b >= '\t' && b <= '\r');
}

static struct http_text trim(const uint8_t *p, const uint8_t *end)
{
        while (p < end && is_space(*p))
                p++;
        while (p < end && is_space(end[-1]))
                end--;
        return (struct http_text){p, (uint32_t) (end - p)};
}

static struct http_text word(const uint8_t **at, const uint8_t *end)
{
        struct http_text w;

        while (*at < end && is_space(**at))
                (*at)++;
        w.p = *at;
        while (*at < end && !is_space(**at))
                (*at)++;
        w.n = (uint32_t) (*at - w.p);
        return w;
}

static void read_request(struct http_head *h, const uint8_t *p, const uint8_t *end)
{
        h->method = word(&p, end);
        while (p < end && is_space(*p))
                p++;
        h->uri.p = p;
        while (p < end && *p != ' ') /* only a space ends it; a tab where there is none */
                p++;
        h->uri.n = (uint32_t) (p - h->uri.p);
        if (p == end) {
                p = h->uri.p;
                h->uri = word(&p, end);
        }
        h->protocol = trim(p, end);
        h->broken = !h->method.n || !h->uri.n;
}

static void read_response(struct http_head *h, const uint8_t *p, const uint8_t *end)
{
        h->protocol = word(&p, end);
        h->status = word(&p, end);
        h->message = trim(p, end);
        for (uint32_t i = 0; i < h->status.n && i < 3; i++)
                if (h->status.p[i] >= '0' && h->status.p[i] <= '9')
                        h->code = (uint16_t) (h->code * 10 + h->status.p[i] - '0');
}

static enum http_name name_of(struct http_text name)
{
        for (unsigned i = NAME_OTHER + 1; i < HTTP_NAMES; i++)
                if (content_is(name.p, name.n, names[i]))
                        return i;
        return NAME_OTHER;
}

static bool same_name(const struct http_field *a, const struct http_field *b)
{
        if (a->name.n != b->name.n)
                return false;
        for (uint32_t i = 0; i < a->name.n; i++)
                if (content_lower(a->name.p[i]) != content_lower(b->name.p[i]))
                        return false;
        return true;
}

/* Fields of one name become one: the earlier ones know the later ones. */
static void link_field(struct http_head *h, uint8_t index, uint64_t *seen)
{
        struct http_field *f = &h->field[index];
        uint64_t bit = 1;

        if (f->known != NAME_OTHER) {
                uint8_t first = h->first[f->known];

                if (!first) {
                        h->first[f->known] = (uint8_t) (index + 1);
                        return;
                }
                f->again = true;
                for (first--; h->field[first].next; first = h->field[first].next)
                        ;
                h->field[first].next = index;
                return;
        }
        if (f->name.n)
                bit = UINT64_C(1) << ((f->name.n * 7 + content_lower(f->name.p[0]) +
                                       content_lower(f->name.p[f->name.n - 1]) * 3) &
                                      63);
        for (uint8_t i = 0; *seen & bit && i < index; i++)
                if (!h->field[i].next && same_name(&h->field[i], f)) {
                        h->field[i].next = index;
                        f->again = true;
                        break;
                }
        *seen |= bit;
}

static void read_field(struct http_head *h, const uint8_t *p, const uint8_t *end, bool folded, uint64_t *seen)
{
        struct http_field *f = &h->field[h->n];
        const uint8_t *colon = memchr(p, ':', (size_t) (end - p));

        *f = (struct http_field){.folded = folded};
        if (colon) {
                f->name = trim(p, colon);
                f->value = trim(colon + 1, end);
        } else
                f->value = trim(p, end);
        f->known = (uint8_t) name_of(f->name);
        link_field(h, h->n++, seen);
}

/* The field at p: its end, behind the lines that go on. */
static const uint8_t *field_end(const uint8_t *p, const uint8_t *end, bool *ret_folded)
{
        *ret_folded = false;
        for (;;) {
                const uint8_t *lf = memchr(p, '\n', (size_t) (end - p));

                if (!lf || lf + 1 == end)
                        return end;
                p = lf + 1;
                if (*p != ' ' && *p != '\t')
                        return p;
                *ret_folded = true;
        }
}

static bool list_ends_with(struct http_text list, const char *last)
{
        uint32_t n = (uint32_t) strlen(last);

        return list.n >= n && content_is(list.p + list.n - n, n, last);
}

static void read_length(struct http_head *h, struct http_text value)
{
        uint64_t length = 0;

        for (uint32_t i = 0; i < value.n && value.p[i] >= '0' && value.p[i] <= '9'; i++) {
                if (length > UINT64_MAX / 20)
                        return;
                length = length * 10 + value.p[i] - '0';
        }
        if (value.n && value.p[0] >= '0' && value.p[0] <= '9')
                h->length = length;
}

static void read_meaning(struct http_head *h)
{
        const struct http_field *f = h->field;

        if (h->first[NAME_CONTENT_LENGTH])
                read_length(h, f[h->first[NAME_CONTENT_LENGTH] - 1].value);
        if (h->first[NAME_TRANSFER_ENCODING])
                h->chunked = list_ends_with(f[h->first[NAME_TRANSFER_ENCODING] - 1].value, "chunked");
        if (h->first[NAME_CONTENT_ENCODING]) {
                struct http_text coding = f[h->first[NAME_CONTENT_ENCODING] - 1].value;

                h->coding = list_ends_with(coding, "gzip")    ? CODING_GZIP :
                            list_ends_with(coding, "deflate") ? CODING_DEFLATE :
                                                                CODING_NONE;
        }
}

void http_head_read(struct http_head *h, const uint8_t *p, uint32_t n)
{
        const uint8_t *end = p + n, *lf = memchr(p, '\n', n), *at = lf ? lf + 1 : end;
        uint64_t seen = 0;

        memset(h, 0, offsetof(struct http_head, field));
        h->raw = (struct http_text){p, n};
        h->length = UINT64_MAX;
        h->line = (struct http_text){p, (uint32_t) ((lf ? lf : end) - p)};
        if (h->line.n && h->line.p[h->line.n - 1] == '\r')
                h->line.n--;
        h->fields = (struct http_text){at, (uint32_t) (end - at)};
        h->response = h->line.n >= 5 && memcmp(p, "HTTP/", 5) == 0;
        if (h->response)
                read_response(h, p, p + h->line.n);
        else
                read_request(h, p, p + h->line.n);
        while (at < end && h->n < HTTP_FIELDS && *at != '\n' && !(*at == '\r' && end - at >= 2 && at[1] == '\n')) {
                bool folded;
                const uint8_t *next = field_end(at, end, &folded);

                read_field(h, at, next, folded, &seen);
                at = next;
        }
        read_meaning(h);
}
