/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hellos of TLS (RFC 8446 4.1, RFC 6066 3), and the texts that JA3 and JA3S hash. Runs where rules/content.h says. */
#include <stdarg.h>

#include "rules/content_tls_internal.h"

/* What is left of a message. */
struct reader {
        const uint8_t *p;
        uint32_t n;
        bool bad;
};

static const uint8_t *bytes(struct reader *r, uint32_t n)
{
        const uint8_t *p = r->p;

        if (r->bad || n > r->n) {
                r->bad = true;
                return NULL;
        }
        r->p += n;
        r->n -= n;
        return p;
}

static uint32_t number(struct reader *r, uint32_t size)
{
        const uint8_t *p = bytes(r, size);
        uint32_t v = 0;

        for (uint32_t i = 0; p && i < size; i++)
                v = v << 8 | p[i];
        return v;
}

/* A list with its length before it. */
static struct reader list(struct reader *r, uint32_t size)
{
        uint32_t n = number(r, size);
        const uint8_t *p = bytes(r, n);

        return (struct reader){p, p ? n : 0, r->bad};
}

static bool is_grease(uint32_t v)
{
        return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff); /* RFC 8701 */
}

void tls_put(struct tls_text *t, const void *p, uint32_t n)
{
        n = MIN(n, t->room - t->n);
        if (n)
                memcpy(t->p + t->n, p, n);
        t->n += n;
}

void tls_printf(struct tls_text *t, const char *format, ...)
{
        char text[64];
        va_list args;
        int n;

        if (t->n == t->room) /* nobody looks at it */
                return;
        va_start(args, format);
        n = vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        if (n > 0)
                tls_put(t, text, MIN((uint32_t) n, (uint32_t) sizeof(text) - 1));
}

/* "4865-4866" */
static void put_numbers(struct tls_text *t, struct reader r, uint32_t size)
{
        bool first = true;

        while (r.n >= size) {
                uint32_t v = number(&r, size);

                if (size == 2 && is_grease(v))
                        continue;
                tls_printf(t, first ? "%u" : "-%u", v);
                first = false;
        }
}

static void read_sni(struct reader extension, struct tls_hello_read *ret)
{
        struct reader names = list(&extension, 2);

        while (!names.bad && names.n && !ret->sni) {
                uint32_t type = number(&names, 1);
                struct reader name = list(&names, 2);

                if (type == 0 && !name.bad) {
                        ret->sni = name.p;
                        ret->sni_len = name.n;
                }
        }
}

/* The highest that a client offers; what a server chose. */
static void read_versions(struct reader extension, bool client, struct tls_hello_read *ret)
{
        struct reader versions = client ? list(&extension, 1) : extension;

        while (versions.n >= 2) {
                uint32_t v = number(&versions, 2);

                if (!is_grease(v) && v >> 8 == 3 && v > ret->version)
                        ret->version = (uint16_t) v;
        }
}

enum { EXTENSION_SNI = 0, EXTENSION_GROUPS = 10, EXTENSION_FORMATS = 11, EXTENSION_VERSIONS = 43 };

static void read_extensions(struct reader r, bool client, struct tls_hello_read *ret, struct tls_text *ja3)
{
        struct reader groups = {0}, formats = {0}, extensions;
        bool first = true;

        extensions = r.n ? list(&r, 2) : r;
        while (!extensions.bad && extensions.n) {
                uint32_t type = number(&extensions, 2);
                struct reader e = list(&extensions, 2);

                if (e.bad)
                        break;
                if (client && type == EXTENSION_SNI)
                        read_sni(e, ret);
                else if (client && type == EXTENSION_GROUPS)
                        groups = list(&e, 2);
                else if (client && type == EXTENSION_FORMATS)
                        formats = list(&e, 1);
                else if (type == EXTENSION_VERSIONS)
                        read_versions(e, client, ret);
                if (!is_grease(type)) {
                        tls_printf(ja3, first ? "%u" : "-%u", type);
                        first = false;
                }
        }
        if (!client)
                return;
        tls_put(ja3, ",", 1);
        put_numbers(ja3, groups, 2);
        tls_put(ja3, ",", 1);
        put_numbers(ja3, formats, 1);
}

bool tls_hello_client(const uint8_t *p, uint32_t n, struct tls_hello_read *ret, struct tls_text *ja3)
{
        struct reader r = {p, n, false}, ciphers;

        *ret = (struct tls_hello_read){0};
        ret->legacy = ret->version = (uint16_t) number(&r, 2);
        bytes(&r, 32);
        list(&r, 1);
        ciphers = list(&r, 2);
        list(&r, 1);
        if (r.bad)
                return false;
        tls_printf(ja3, "%u,", ret->legacy);
        put_numbers(ja3, ciphers, 2);
        tls_put(ja3, ",", 1);
        read_extensions(r, true, ret, ja3);
        return true;
}

bool tls_hello_server(const uint8_t *p, uint32_t n, struct tls_hello_read *ret, struct tls_text *ja3)
{
        struct reader r = {p, n, false};
        uint32_t cipher;

        *ret = (struct tls_hello_read){0};
        ret->legacy = ret->version = (uint16_t) number(&r, 2);
        bytes(&r, 32);
        list(&r, 1);
        cipher = number(&r, 2);
        number(&r, 1);
        if (r.bad)
                return false;
        tls_printf(ja3, "%u,%u,", ret->legacy, cipher);
        read_extensions(r, false, ret, ja3);
        return true;
}
