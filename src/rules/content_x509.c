/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What rules look at in a certificate (RFC 5280 4.1): subject and issuer as Suricata writes them, "C=JP, O=x, CN=y",
 * and the serial number. Only these are read, without libcrypto: its decoder allocates for everything. Runs where
 * rules/content.h says. */
#include "rules/content_tls_internal.h"

enum {
        DER_INTEGER = 0x02,
        DER_OID = 0x06,
        DER_BMP = 0x1e,
        DER_SEQUENCE = 0x30,
        DER_SET = 0x31,
        DER_EXPLICIT_0 = 0xa0,
};
#define ATTRIBUTES 64 /* of a name that are written */

struct der {
        const uint8_t *p;
        uint32_t n;
};

/* The next value of `in`: its tag and content. false: there is none, or it is longer than what holds it. */
static bool next(struct der *in, uint8_t *ret_tag, struct der *ret)
{
        uint32_t len, head = 2;

        if (in->n < 2)
                return false;
        len = in->p[1];
        if (len & 0x80) {
                uint32_t size = len & 0x7f;

                if (size == 0 || size > 3 || in->n < 2 + size)
                        return false;
                len = 0;
                for (uint32_t i = 0; i < size; i++)
                        len = len << 8 | in->p[2 + i];
                head += size;
        }
        if (len > in->n - head)
                return false;
        *ret_tag = in->p[0];
        *ret = (struct der){in->p + head, len};
        in->p += head + len;
        in->n -= head + len;
        return true;
}

static bool enter(struct der *in, uint8_t tag, struct der *ret)
{
        uint8_t got;

        return next(in, &got, ret) && got == tag;
}

/* RFC 4514's names and those that Suricata adds. */
static void put_type(struct tls_text *t, struct der oid)
{
        static const struct {
                uint8_t last; /* of 2.5.4 */
                const char *name;
        } names[] = {{3, "CN"},  {4, "SN"},        {5, "serialNumber"}, {6, "C"},   {7, "L"},
                     {8, "ST"},  {9, "STREET"},    {10, "O"},           {11, "OU"}, {12, "title"},
                     {42, "GN"}, {43, "initials"}, {17, "postalCode"}};
        static const uint8_t email[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1};
        static const uint8_t dc[] = {9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25};
        uint32_t value = 0;

        for (size_t i = 0; oid.n == 3 && oid.p[0] == 0x55 && oid.p[1] == 4 && i < ELEMENTSOF(names); i++)
                if (oid.p[2] == names[i].last) {
                        tls_printf(t, "%s=", names[i].name);
                        return;
                }
        if (oid.n == sizeof(email) && memcmp(oid.p, email, oid.n) == 0) {
                tls_printf(t, "emailAddress=");
                return;
        }
        if (oid.n == sizeof(dc) && memcmp(oid.p, dc, oid.n) == 0) {
                tls_printf(t, "DC=");
                return;
        }
        for (uint32_t i = 0; i < oid.n; i++) {
                if (i == 0) {
                        tls_printf(t, "%u.%u", MIN(oid.p[0] / 40u, 2u), oid.p[0] - 40u * MIN(oid.p[0] / 40u, 2u));
                        continue;
                }
                value = value << 7 | (oid.p[i] & 0x7f);
                if (oid.p[i] & 0x80)
                        continue;
                tls_printf(t, ".%u", value);
                value = 0;
        }
        tls_put(t, "=", 1);
}

/* UTF-16 as UTF-8, but for surrogates. */
static void put_bmp(struct tls_text *t, struct der value)
{
        for (uint32_t i = 0; i + 1 < value.n; i += 2) {
                uint32_t v = (uint32_t) (value.p[i] << 8 | value.p[i + 1]);
                uint8_t out[3] = {(uint8_t) v};

                if (v < 0x80)
                        tls_put(t, out, 1);
                else if (v < 0x800) {
                        out[0] = (uint8_t) (0xc0 | v >> 6);
                        out[1] = (uint8_t) (0x80 | (v & 0x3f));
                        tls_put(t, out, 2);
                } else {
                        out[0] = (uint8_t) (0xe0 | v >> 12);
                        out[1] = (uint8_t) (0x80 | (v >> 6 & 0x3f));
                        out[2] = (uint8_t) (0x80 | (v & 0x3f));
                        tls_put(t, out, 3);
                }
        }
}

static void put_name(struct tls_text *t, struct der name)
{
        struct der set, attribute, type, value;
        unsigned n = 0;
        uint8_t tag;

        while (enter(&name, DER_SET, &set))
                for (bool first = true; enter(&set, DER_SEQUENCE, &attribute); first = false) {
                        if (!enter(&attribute, DER_OID, &type) || !next(&attribute, &tag, &value) || n == ATTRIBUTES)
                                return;
                        if (n++)
                                tls_printf(t, "%s", first ? ", " : " + ");
                        put_type(t, type);
                        if (tag == DER_BMP)
                                put_bmp(t, value);
                        else
                                tls_put(t, value.p, value.n);
                }
}

bool x509_read(const uint8_t *p, uint32_t n, struct x509_read *ret)
{
        struct der in = {p, n}, certificate, tbs, part, issuer, subject;
        uint8_t tag;

        if (!enter(&in, DER_SEQUENCE, &certificate) || !enter(&certificate, DER_SEQUENCE, &tbs) ||
            !next(&tbs, &tag, &part))
                return false;
        if (tag == DER_EXPLICIT_0 && !next(&tbs, &tag, &part)) /* version */
                return false;
        if (tag != DER_INTEGER)
                return false;
        for (uint32_t i = 0; i < part.n && i < 64; i++)
                tls_printf(&ret->serial, i ? ":%02X" : "%02X", part.p[i]);
        if (!enter(&tbs, DER_SEQUENCE, &part) || !enter(&tbs, DER_SEQUENCE, &issuer) ||
            !enter(&tbs, DER_SEQUENCE, &part) || !enter(&tbs, DER_SEQUENCE, &subject))
                return false;
        put_name(&ret->issuer, issuer);
        put_name(&ret->subject, subject);
        return true;
}
