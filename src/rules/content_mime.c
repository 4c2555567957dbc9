/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mail into its parts. Runs where rules/content.h says. */
#include "rules/content_mime.h"

#define DECODE_STEP 256u

/* Who gets files. */
struct sink {
        struct mime *m;
        struct content_context *c;
        content_body_look_fn *look;
        void *userdata;
};

static void begin_head(struct mime *m)
{
        m->head = true;
        m->header_len = 0;
        m->file = m->named = m->pushes = false;
        m->text = true; /* RFC 2045 5.2 */
        m->encoding = MIME_PLAIN;
        m->n_bits = 0;
        m->bits = 0;
}

void mime_begin(struct mime *m, struct content_context *c)
{
        content_body_free(&m->body, c);
        m->depth = 0;
        begin_head(m);
}

/* --- headers --- */

/* Where `word` (lower case) stands in any case; NULL: nowhere. */
static const char *find(const char *p, uint32_t n, const char *word)
{
        uint32_t len = (uint32_t) strlen(word);

        for (uint32_t i = 0; i + len <= n; i++)
                if (content_is((const uint8_t *) p + i, len, word))
                        return p + i + len;
        return NULL;
}

static void read_boundary(struct mime *m, const char *p, const char *end)
{
        uint32_t n = 0;
        bool quoted = p < end && *p == '"';

        if (m->depth == MIME_DEPTH || m->pushes)
                return;
        p += quoted;
        while (p + n < end && (quoted ? p[n] != '"' : p[n] != ';' && p[n] != ' ' && p[n] != '\t'))
                n++;
        if (n == 0 || n > MIME_BOUNDARY)
                return;
        memcpy(m->boundary[m->depth], p, n);
        m->boundary_len[m->depth++] = (uint8_t) n;
        m->pushes = true;
}

static void end_header(struct mime *m)
{
        const char *p = m->header, *end = p + m->header_len, *colon = memchr(p, ':', m->header_len), *value, *at;
        uint32_t name = colon ? (uint32_t) (colon - p) : 0, n;

        m->header_len = 0;
        if (!colon)
                return;
        for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
                ;
        n = (uint32_t) (end - value);
        if (content_is((const uint8_t *) p, name, "content-type")) {
                m->text = n < 5 || content_is((const uint8_t *) value, MIN(n, 10u), "text/plain");
                if (n >= 10 && content_is((const uint8_t *) value, 10, "multipart/") &&
                    (at = find(value, n, "boundary=")))
                        read_boundary(m, at, end);
                m->named = m->named || find(value, n, "name=") || find(value, n, "name*");
        } else if (content_is((const uint8_t *) p, name, "content-transfer-encoding")) {
                m->encoding = find(value, n, "base64")           ? MIME_BASE64 :
                              find(value, n, "quoted-printable") ? MIME_QUOTED :
                                                                   MIME_PLAIN;
        } else if (content_is((const uint8_t *) p, name, "content-disposition"))
                m->named = m->named || find(value, n, "attachment") || find(value, n, "filename");
}

static void head_line(struct mime *m, struct inspect_buffer line, bool begins)
{
        uint32_t n;

        if (begins && line.len == 0) {
                end_header(m);
                m->head = false;
                m->file = !m->pushes && (m->named || !m->text);
                if (m->file)
                        content_body_begin(&m->body, CODING_NONE);
                return;
        }
        if (begins && line.data[0] != ' ' && line.data[0] != '\t')
                end_header(m);
        n = MIN(line.len, MIME_HEADER - (uint32_t) m->header_len);
        memcpy(m->header + m->header_len, line.data, n);
        m->header_len = (uint16_t) (m->header_len + n);
}

/* --- contents --- */

static int base64(uint8_t b)
{
        if (b >= 'A' && b <= 'Z')
                return b - 'A';
        if (b >= 'a' && b <= 'z')
                return b - 'a' + 26;
        if (b >= '0' && b <= '9')
                return b - '0' + 52;
        return b == '+' ? 62 : b == '/' ? 63 : -1;
}

static void add(const struct sink *s, const uint8_t *p, uint32_t n)
{
        content_body_add(&s->m->body, s->c, p, n, s->look, s->userdata);
}

static void add_base64(const struct sink *s, const uint8_t *p, uint32_t n)
{
        struct mime *m = s->m;
        uint8_t out[DECODE_STEP];
        uint32_t len = 0;

        for (uint32_t i = 0; i < n; i++) {
                int v = base64(p[i]);

                if (v < 0) /* RFC 2045 6.8: others are ignored; a sign of the end begins anew */
                        continue;
                m->bits = m->bits << 6 | (uint32_t) v;
                m->n_bits = (uint8_t) (m->n_bits + 6);
                if (m->n_bits < 8)
                        continue;
                m->n_bits = (uint8_t) (m->n_bits - 8);
                out[len++] = (uint8_t) (m->bits >> m->n_bits);
                if (len == DECODE_STEP) {
                        add(s, out, len);
                        len = 0;
                }
        }
        if (n && p[n - 1] == '=')
                m->n_bits = 0;
        if (len)
                add(s, out, len);
}

/* A line that ends with "=" goes on with the next (RFC 2045 6.7). An escape cut in two by the length of a line is not
 * put together: no line is that long. */
static void add_quoted(const struct sink *s, const uint8_t *p, uint32_t n, bool ends)
{
        uint8_t out[DECODE_STEP];
        uint32_t len = 0;
        bool soft = false;

        while (n && ends && (p[n - 1] == ' ' || p[n - 1] == '\t'))
                n--;
        for (uint32_t i = 0; i < n; i++) {
                soft = p[i] == '=' && i + 1 == n;
                if (soft)
                        break;
                out[len] = p[i];
                if (p[i] == '=' && i + 2 < n && content_hex(p[i + 1]) >= 0 && content_hex(p[i + 2]) >= 0) {
                        out[len] = (uint8_t) (content_hex(p[i + 1]) << 4 | content_hex(p[i + 2]));
                        i += 2;
                }
                if (++len == DECODE_STEP) {
                        add(s, out, len);
                        len = 0;
                }
        }
        add(s, out, len);
        if (ends && !soft)
                add(s, (const uint8_t *) "\r\n", 2);
}

static void body_line(const struct sink *s, struct inspect_buffer line, bool ends)
{
        switch (s->m->encoding) {
        case MIME_BASE64:
                add_base64(s, line.data, line.len);
                break;
        case MIME_QUOTED:
                add_quoted(s, line.data, line.len, ends);
                break;
        default:
                add(s, line.data, line.len);
                if (ends)
                        add(s, (const uint8_t *) "\r\n", 2);
        }
}

static void end_part(const struct sink *s)
{
        if (s->m->file)
                s->look(s->userdata, s->c, true);
        s->m->file = false;
        content_body_free(&s->m->body, s->c);
}

/* Is it a boundary, "--x" or "--x--" at the end? Of any level: a part may lack its end. */
static bool boundary_line(const struct sink *s, struct inspect_buffer line)
{
        struct mime *m = s->m;

        if (line.len < 3 || line.data[0] != '-' || line.data[1] != '-')
                return false;
        for (unsigned i = m->depth; i-- > 0;) {
                uint32_t n = m->boundary_len[i], rest;
                bool last;

                if (line.len < 2 + n || memcmp(line.data + 2, m->boundary[i], n) != 0)
                        continue;
                rest = line.len - 2 - n;
                last = rest >= 2 && line.data[2 + n] == '-' && line.data[3 + n] == '-';
                if (rest && !last && line.data[2 + n] != ' ' && line.data[2 + n] != '\t')
                        continue;
                end_part(s);
                m->depth = (uint8_t) (last ? i : i + 1);
                begin_head(m);
                m->head = !last;
                return true;
        }
        return false;
}

void mime_line(struct mime *m, struct content_context *c, struct inspect_buffer line, bool begins, bool ends,
               content_body_look_fn *look, void *userdata)
{
        struct sink s = {m, c, look, userdata};

        if (begins && m->depth && boundary_line(&s, line))
                return;
        if (m->head)
                head_line(m, line, begins);
        else if (m->file)
                body_line(&s, line, ends);
}

void mime_end(struct mime *m, struct content_context *c, content_body_look_fn *look, void *userdata)
{
        end_part(&(struct sink){m, c, look, userdata});
        m->head = false;
        m->depth = 0;
}
