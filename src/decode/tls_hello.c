/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS hellos (RFC 5246 7.4.1, RFC 8446 4.1), read byte by byte: who is called, with what software, and what was agreed
 * on. It makes no difference how the bytes are cut. Runs in the engine and in `read`. */
#include "decode/tls_hello.h"

#include "base/cleanup.h"
#include "decode/app_internal.h"

enum { EXTENSION_SNI = 0, EXTENSION_ALGORITHMS = 13, EXTENSION_ALPN = 16, EXTENSION_VERSIONS = 43 };

/* What comes next in a hello. Each but the last two wants some bytes (wants[]) and then goes on. */
enum phase {
        MESSAGE, /* type, length */
        VERSION,
        SESSION,     /* length of the session id; the random before it is skipped */
        CIPHERS,     /* client: length of the list */
        CIPHER,      /* one offered or the one chosen */
        COMPRESSION, /* client: length of the list; server: the one chosen */
        EXTENSIONS,  /* length of the list */
        EXTENSION,   /* type, length */
        SNI_HEADER,  /* length of the list, type, length of the name */
        ALPN_HEADER, /* length of the list, length of the first name */
        ALGORITHMS,  /* length of the list */
        ALGORITHM,
        VERSIONS, /* client: length of the list */
        SUPPORTED,
        COPY, /* `count` bytes to a name */
        SKIP, /* `count` bytes */
};

static const uint8_t wants[] = {
        [MESSAGE] = 4,     [VERSION] = 2,    [SESSION] = 1,   [CIPHERS] = 2,    [CIPHER] = 2,
        [COMPRESSION] = 1, [EXTENSIONS] = 2, [EXTENSION] = 4, [SNI_HEADER] = 5, [ALPN_HEADER] = 3,
        [ALGORITHMS] = 2,  [ALGORITHM] = 2,  [VERSIONS] = 1,  [SUPPORTED] = 2,
};

/* Counts all, keeps what has room; ja4_format() refuses when they are too many. */
static void keep_value(uint16_t *values, unsigned max, uint16_t *count, uint16_t value)
{
        if (*count < max)
                values[*count] = value;
        if (*count < UINT16_MAX)
                (*count)++;
}

/* Drafts and experiments of TLS 1.3 are TLS 1.3. */
static uint16_t told_version(uint16_t version)
{
        return version >> 8 == 0x7f || version >> 8 == 0xfb ? 0x0304 : version;
}

static void tell_client(struct tls_hello *t, struct tls_hello_side *s, struct app_context *c, bool cut)
{
        char ja4[JA4_TEXT_MAX];
        uint16_t version = s->supported ? s->supported : s->version;
        struct event e = {
                .type = EVENT_TLS,
                .op = TLS_CLIENT_HELLO,
                .ends.flags = cut ? ENDS_CUT : 0,
        };
        const struct ja4_hello hello = {
                .ciphers = t->ciphers,
                .extensions = t->extensions,
                .algorithms = t->algorithms,
                .n_ciphers = t->n_ciphers,
                .n_extensions = t->n_extensions,
                .n_algorithms = t->n_algorithms,
                .version = version,
                .alpn = s->alpn,
                .alpn_len = s->alpn_len,
        };

        e.tls.version = told_version(version);
        if (t->sni_len > 0)
                e.tls.sni = app_slice(t->sni, t->sni_len);
        if (s->alpn_len > 0) {
                e.tls.alpn = (const char *) s->alpn;
                e.tls.alpn_len = s->alpn_len;
        }
        if (!cut && ja4_format(&hello, ja4) == 0)
                e.tls.ja4 = ja4;
        c->emit(c, &e, s == &t->side[1]);
}

static void tell_server(const struct tls_hello *t, const struct tls_hello_side *s, struct app_context *c, bool cut)
{
        struct event e = {
                .type = EVENT_TLS,
                .op = TLS_SERVER_HELLO,
                .ends.flags = cut ? ENDS_CUT : 0,
        };

        e.tls.version = told_version(s->supported ? s->supported : s->version);
        e.tls.cipher = s->cipher;
        if (s->alpn_len > 0) {
                e.tls.alpn = (const char *) s->alpn;
                e.tls.alpn_len = s->alpn_len;
        }
        c->emit(c, &e, s == &t->side[1]);
}

/* The hello is over: it ended, or no more of it will come. */
void tls_hello_finish(struct tls_hello *t, struct app_context *c, bool of_originator)
{
        struct tls_hello_side *s = &t->side[of_originator];
        bool in_hello = !s->done && s->phase > VERSION;
        bool at_end = s->have == 0 && s->left == 0 && (s->phase == EXTENSIONS || s->phase == EXTENSION);
        bool cut = s->broken || !at_end;

        s->done = true;
        if (!in_hello)
                return;
        if (s->client)
                tell_client(t, s, c, cut);
        else
                tell_server(t, s, c, cut);
}

static void go(struct tls_hello_side *s, enum phase phase)
{
        s->phase = (uint8_t) phase;
}

static void skip(struct tls_hello_side *s, uint32_t count, enum phase after)
{
        s->count = count;
        s->after = (uint8_t) after;
        go(s, count ? SKIP : after);
}

/* On inside an extension, if that much of it is left; else to the next one. */
static void go_inside(struct tls_hello_side *s, enum phase phase)
{
        if (s->extension < wants[phase])
                skip(s, s->extension, EXTENSION);
        else
                go(s, phase);
}

static void begin_message(struct tls_hello *t, struct tls_hello_side *s)
{
        const uint8_t *p = s->bytes;
        uint32_t len = (uint32_t) p[1] << 16 | app_be16(p + 2);

        if (p[0] == TLS_HELLO_REQUEST && len == 0)
                return;
        s->client = p[0] == TLS_HELLO_CLIENT;
        if ((!s->client && p[0] != TLS_HELLO_SERVER) || len < TLS_HELLO_MIN || len > TLS_HELLO_MAX ||
            (s->client && t->client)) {
                s->done = true;
                return;
        }
        t->client = t->client || s->client;
        s->left = len;
        go(s, VERSION);
}

static void begin_extension(struct tls_hello *t, struct tls_hello_side *s, uint16_t type, uint16_t len)
{
        if (len > s->extensions) {
                s->broken = true;
                len = (uint16_t) s->extensions;
        }
        s->extension = len;
        if (s->client)
                keep_value(t->extensions, JA4_EXTENSIONS_MAX, &t->n_extensions, type);
        if (type == EXTENSION_ALPN)
                go_inside(s, ALPN_HEADER);
        else if (type == EXTENSION_VERSIONS)
                go_inside(s, s->client ? VERSIONS : SUPPORTED);
        else if (type == EXTENSION_SNI && s->client)
                go_inside(s, SNI_HEADER);
        else if (type == EXTENSION_ALGORITHMS && s->client)
                go_inside(s, ALGORITHMS);
        else
                skip(s, len, EXTENSION);
}

/* A name of `len` bytes: of the extension server_name, or the first protocol of ALPN. */
static void begin_name(struct tls_hello *t, struct tls_hello_side *s, bool sni, uint32_t len)
{
        if (len > s->extension) {
                s->broken = true;
                len = s->extension;
        }
        if (sni ? t->sni_len > 0 : s->alpn_len > 0) { /* only the first counts */
                skip(s, s->extension, EXTENSION);
                return;
        }
        if (s->client)
                t->copy_sni = sni;
        s->count = MIN(len, (uint32_t) TLS_HELLO_NAME_MAX);
        if (s->count > 0)
                go(s, COPY);
        else
                skip(s, s->extension, EXTENSION);
}

/* The first value of a list, or the end of the extension. */
static void begin_list(struct tls_hello_side *s, enum phase phase)
{
        if (s->list >= 2 && s->extension >= 2)
                go(s, phase);
        else
                skip(s, s->extension, EXTENSION);
}

static void next_value(struct tls_hello_side *s, enum phase phase)
{
        s->list -= 2;
        begin_list(s, phase);
}

static void take_extension_field(struct tls_hello *t, struct tls_hello_side *s)
{
        const uint8_t *p = s->bytes;
        uint16_t value = (uint16_t) app_be16(p);

        switch (s->phase) {
        case EXTENSION:
                begin_extension(t, s, value, (uint16_t) app_be16(p + 2));
                break;
        case SNI_HEADER:
                if (p[2] == 0)
                        begin_name(t, s, true, app_be16(p + 3));
                else
                        skip(s, s->extension, EXTENSION);
                break;
        case ALPN_HEADER:
                begin_name(t, s, false, p[2]);
                break;
        case ALGORITHMS:
                s->list = value;
                begin_list(s, ALGORITHM);
                break;
        case ALGORITHM:
                keep_value(t->algorithms, JA4_ALGORITHMS_MAX, &t->n_algorithms, value);
                next_value(s, ALGORITHM);
                break;
        case VERSIONS:
                s->list = p[0];
                begin_list(s, SUPPORTED);
                break;
        case SUPPORTED:
                if (!ja4_is_grease(value))
                        s->supported = MAX(s->supported, value);
                if (s->client)
                        next_value(s, SUPPORTED);
                else
                        skip(s, s->extension, EXTENSION);
                break;
        }
}

/* A server's hello of a draft of TLS 1.3 before the 22nd: it has neither session nor compression. */
static bool is_draft(const struct tls_hello_side *s)
{
        return !s->client && s->version >> 8 == 0x7f;
}

static void take_field(struct tls_hello *t, struct tls_hello_side *s)
{
        const uint8_t *p = s->bytes;
        uint16_t value = (uint16_t) app_be16(p);

        switch (s->phase) {
        case MESSAGE:
                begin_message(t, s);
                break;
        case VERSION:
                s->version = value;
                skip(s, 32, is_draft(s) ? CIPHER : SESSION);
                break;
        case SESSION:
                skip(s, p[0], s->client ? CIPHERS : CIPHER);
                break;
        case CIPHERS:
                s->list = value & 0xfffe;
                s->broken = s->broken || value & 1 || value > s->left;
                go(s, s->list ? CIPHER : COMPRESSION);
                break;
        case CIPHER:
                s->cipher = value;
                if (s->client)
                        keep_value(t->ciphers, JA4_CIPHERS_MAX, &t->n_ciphers, value);
                s->list -= s->client ? 2 : 0;
                go(s, s->list ? CIPHER : is_draft(s) ? EXTENSIONS : COMPRESSION);
                break;
        case COMPRESSION:
                skip(s, s->client ? p[0] : 0, EXTENSIONS);
                break;
        case EXTENSIONS:
                s->extensions = value;
                s->broken = s->broken || value != s->left;
                s->extensions = MIN(s->extensions, s->left);
                skip(s, s->extensions ? 0 : s->left, EXTENSION);
                break;
        default:
                take_extension_field(t, s);
        }
}

static void keep_name(struct tls_hello *t, struct tls_hello_side *s, const uint8_t *p, uint32_t n)
{
        if (s->client && t->copy_sni)
                for (uint32_t i = 0; i < n; i++)
                        t->sni[t->sni_len++] = p[i] >= 'A' && p[i] <= 'Z' ? (uint8_t) (p[i] - 'A' + 'a') : p[i];
        else {
                memcpy(s->alpn + s->alpn_len, p, n);
                s->alpn_len += (uint8_t) n;
        }
}

void tls_hello_take(struct tls_hello *t, struct app_context *c, const uint8_t *p, uint32_t n)
{
        struct tls_hello_side *s = &t->side[c->from_originator];

        while (n > 0 && !s->done) {
                bool message = s->phase == MESSAGE, extension = s->phase >= SNI_HEADER && s->extension > 0;
                uint32_t use = 1;

                if (s->phase >= COPY) {
                        use = MIN(MIN(n, s->count), s->left);
                        if (s->phase == COPY)
                                keep_name(t, s, p, use);
                        s->count -= use;
                } else
                        s->bytes[s->have++] = *p;
                if (!message) {
                        s->left -= use;
                        s->extensions -= MIN(use, s->extensions);
                        if (extension)
                                s->extension -= (uint16_t) MIN(use, (uint32_t) s->extension);
                }
                p += use;
                n -= use;
                if (s->phase == COPY && s->count == 0)
                        skip(s, s->extension, EXTENSION);
                else if (s->phase == SKIP && s->count == 0)
                        go(s, s->after);
                else if (s->phase < COPY && s->have == wants[s->phase]) {
                        s->have = 0;
                        take_field(t, s);
                }
                if (s->phase != MESSAGE && s->left == 0 && !s->done)
                        tls_hello_finish(t, c, c->from_originator);
        }
}
