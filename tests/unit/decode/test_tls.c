/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS hellos and JA4: the published examples, hellos in any pieces and records, and lengths that lie. */
#include "app_test.h"

#include <errno.h>

#include "decode/ja4.h"
#include "decode/tls_hello.h"

extern const struct app_decoder decoder_tls;

static struct app_test test;

/* Builds a hello; lengths are filled in when a part is closed. */
struct hello {
        uint8_t bytes[8192];
        size_t len;
};

static void put(struct hello *h, const void *data, size_t len)
{
        assert_true(h->len + len <= sizeof(h->bytes));
        memcpy(h->bytes + h->len, data, len);
        h->len += len;
}

static void put16(struct hello *h, unsigned value)
{
        put(h, (const uint8_t[]){(uint8_t) (value >> 8), (uint8_t) value}, 2);
}

static void put_values(struct hello *h, const uint16_t *values, size_t n)
{
        for (size_t i = 0; i < n; i++)
                put16(h, values[i]);
}

static void put_extension(struct hello *h, unsigned type, const void *data, size_t len)
{
        put16(h, type);
        put16(h, (unsigned) len);
        put(h, data, len);
}
#define PUT_EXTENSION(h, type, text) put_extension(h, type, text, sizeof(text) - 1)

/* Record header, message header, version, random, an empty session id. */
static void begin_hello(struct hello *h, uint8_t type)
{
        h->len = 0;
        put(h, "\x16\3\1\0\0", 5);
        put(h, (const uint8_t[]){type, 0, 0, 0, 3, 3}, 6);
        put(h, "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr", 33);
}

static void end_hello(struct hello *h, size_t extensions)
{
        size_t n = h->len;

        if (extensions) {
                h->bytes[extensions - 2] = (uint8_t) ((n - extensions) >> 8);
                h->bytes[extensions - 1] = (uint8_t) (n - extensions);
        }
        h->bytes[3] = (uint8_t) ((n - 5) >> 8);
        h->bytes[4] = (uint8_t) (n - 5);
        h->bytes[7] = (uint8_t) ((n - 9) >> 8);
        h->bytes[8] = (uint8_t) (n - 9);
}

/* The example of the specification, with GREASE among ciphers, extensions, versions and algorithms: it must not count.
 */
static const uint16_t ciphers[] = {0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
                                   0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035};
static const uint16_t plain[] = {0x001b, 0x0033, 0x4469, 0x0017, 0x002d, 0x0005,
                                 0x0023, 0x0012, 0xff01, 0x000b, 0x000a, 0x0015};

static void build_example(struct hello *h)
{
        size_t extensions;

        begin_hello(h, TLS_HELLO_CLIENT);
        put16(h, sizeof(ciphers));
        put_values(h, ciphers, ELEMENTSOF(ciphers));
        put(h, "\1\0", 2);
        put16(h, 0);
        extensions = h->len;
        PUT_EXTENSION(h, 0xdada, "");
        PUT_EXTENSION(h, 0x0000,
                      "\0\x0e\0\0\x0b"
                      "Example.COM");
        PUT_EXTENSION(h, 0x0010, "\0\x0c\2h2\x08http/1.1");
        PUT_EXTENSION(h, 0x000d, "\0\x12\x1a\x1a\4\3\x08\4\4\1\5\3\x08\5\5\1\x08\6\6\1");
        PUT_EXTENSION(h, 0x002b, "\6\xfa\xfa\3\4\3\3");
        for (size_t i = 0; i < ELEMENTSOF(plain); i++)
                PUT_EXTENSION(h, plain[i], "some bytes");
        end_hello(h, extensions);
}

#define EXAMPLE_JA4  "t13d1516h2_8daaf6152771_e5627efa2ab1"
#define EXAMPLE_TEXT "> tls client_hello sni=example.com alpn=h2 version=0304 ja4=" EXAMPLE_JA4 "\n"

static const char *run(const struct app_piece *pieces, size_t n)
{
        return app_test_run(&test, &decoder_tls, IPPROTO_TCP, pieces, n);
}

static const char *run_hello(const struct hello *h, char who)
{
        const struct app_piece piece = {who, h->bytes, h->len};

        return run(&piece, 1);
}

static void test_example(void **state)
{
        struct hello h;

        (void) state;
        build_example(&h);
        assert_string_equal(run_hello(&h, '>'), EXAMPLE_TEXT);
}

/* "JA4 without extensions, ciphers, names": as the specification says. */
static void test_ja4(void **state)
{
        static const uint16_t grease[] = {0x0a0a, 0xfafa}, only_names[] = {0x0010, 0x0000};
        static const uint16_t spec[] = {0x0005, 0x000a, 0x000b, 0x000d, 0x0012, 0x0015, 0x0017,
                                        0x001b, 0x0023, 0x002b, 0x002d, 0x0033, 0x4469, 0xff01};
        uint16_t many[JA4_CIPHERS_MAX + 1] = {0};
        char text[JA4_TEXT_MAX] = "before";
        struct ja4_hello h = {.version = 0x0301};

        (void) state;
        assert_int_equal(ja4_format(&h, text), 0);
        assert_string_equal(text, "t10i000000_000000000000_000000000000");
        h = (struct ja4_hello){.ciphers = grease,
                               .n_ciphers = 2,
                               .extensions = only_names,
                               .n_extensions = 2,
                               .version = 0x7f1c,
                               .alpn = (const uint8_t *) "x",
                               .alpn_len = 1};
        assert_int_equal(ja4_format(&h, text), 0);
        assert_string_equal(text, "t00d0002xx_000000000000_000000000000");
        /* Without signature algorithms the list ends without an underscore. */
        h = (struct ja4_hello){.extensions = spec, .n_extensions = 14, .version = 0x0300};
        assert_int_equal(ja4_format(&h, text), 0);
        assert_string_equal(text, "ts3i001400_000000000000_6d807ffa2a79");
        h = (struct ja4_hello){.ciphers = many, .n_ciphers = 120, .version = 0x0002};
        assert_int_equal(ja4_format(&h, text), 0);
        assert_memory_equal(text, "ts2i990000_", 11);
        h.n_ciphers = ELEMENTSOF(many);
        assert_int_equal(ja4_format(&h, text), -E2BIG);
        assert_memory_equal(text, "ts2i990000_", 11);
        assert_true(ja4_is_grease(0x0a0a));
        assert_true(ja4_is_grease(0xfafa));
        assert_false(ja4_is_grease(0x0a1a));
        assert_false(ja4_is_grease(0x1301));
}

static void test_ja4_alpn(void **state)
{
        static const struct {
                const char *alpn;
                uint8_t len;
                const char *expected;
        } rows[] = {
                {"h2", 2, "h2"},
                {"http/1.1", 8, "h1"},
                {"\xab", 1, "ab"},
                {"\xab\xcd", 2, "ad"},
                {"\x30\xab", 2, "3b"},
                {"\x30\x31\xab\xcd", 4, "3d"},
                {"\x30\xab\xcd\x31", 4, "01"},
        };
        char text[JA4_TEXT_MAX];

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                struct ja4_hello h = {.alpn = (const uint8_t *) rows[i].alpn, .alpn_len = rows[i].len};

                assert_int_equal(ja4_format(&h, text), 0);
                assert_memory_equal(text + 8, rows[i].expected, 2);
        }
}

/* One hello in many records, one of them empty; the rest of the stream is never looked at. */
static void test_records(void **state)
{
        struct hello h, cut = {.len = 0};

        (void) state;
        build_example(&h);
        put(&cut, "\x16\3\1\0\0", 5);
        for (size_t at = 5, n; at < h.len; at += n) {
                n = MIN(h.len - at, (size_t) 100);
                put(&cut, "\x16\3\1", 3);
                put16(&cut, (unsigned) n);
                put(&cut, h.bytes + at, n);
        }
        put(&cut, "and no record at all", 20);
        assert_string_equal(run_hello(&cut, '>'), EXAMPLE_TEXT);
}

static void test_server(void **state)
{
        struct hello h, c;
        size_t extensions;
        struct app_piece pieces[] = {{'>', c.bytes, 0}, {'<', h.bytes, 0}, APP_SAYS('>', "\x17\3\3\0\1x")};

        (void) state;
        begin_hello(&h, TLS_HELLO_SERVER);
        put16(&h, 0x1301);
        put(&h, "\0", 1);
        put16(&h, 0);
        extensions = h.len;
        PUT_EXTENSION(&h, 0x0010, "\0\3\2h2");
        PUT_EXTENSION(&h, 0x002b, "\3\4");
        end_hello(&h, extensions);
        build_example(&c);
        pieces[0].len = c.len;
        pieces[1].len = h.len;
        assert_string_equal(run(pieces, 1), EXAMPLE_TEXT);
        assert_int_equal(test.result, 0);
        assert_string_equal(run(pieces, 3), EXAMPLE_TEXT "< tls server_hello alpn=h2 version=0304 cipher=1301\n");
        assert_int_equal(test.result, 1); /* no more is wanted */

        /* TLS 1.2 without extensions, and a certificate after the hello. */
        begin_hello(&h, TLS_HELLO_SERVER);
        put16(&h, 0xc030);
        put(&h, "\0", 1);
        end_hello(&h, 0);
        put(&h, "\x16\3\3\0\4\x0b\0\0\0", 9);
        assert_string_equal(run_hello(&h, '<'), "< tls server_hello version=0303 cipher=c030\n");

        /* Draft 18 of TLS 1.3: neither session nor compression. */
        begin_hello(&h, TLS_HELLO_SERVER);
        memcpy(h.bytes + 9, "\x7f\x12", 2);
        h.len--;
        put16(&h, 0x1302);
        put16(&h, 0);
        PUT_EXTENSION(&h, 0x0033, "key");
        end_hello(&h, h.len - 7);
        assert_string_equal(run_hello(&h, '<'), "< tls server_hello version=0304 cipher=1302\n");
}

/* What was said before the end is told, as cut and without a fingerprint. */
static void test_cut(void **state)
{
        struct hello h;
        unsigned told = 0;

        (void) state;
        build_example(&h);
        for (size_t n = 0; n < h.len; n++) {
                const struct app_piece pieces[] = {{'>', h.bytes, n}, {'}', NULL, 1}, APP_SAYS('>', "more")};
                const char *text = run(pieces, 3);

                assert_null(strstr(text, "ja4"));
                if (*text)
                        assert_non_null(strstr(text, " cut\n"));
                told += strstr(text, "sni=example.com") != NULL;
        }
        assert_true(told > 100);
}

/* Every length of the hello, each too large and too small: no fingerprint that is not one. */
static void test_lying_lengths(void **state)
{
        struct hello h;

        (void) state;
        build_example(&h);
        for (size_t at = 5; at < h.len; at++)
                for (unsigned b = 0; b < 256; b += 51) {
                        uint8_t before = h.bytes[at];
                        const char *text;

                        h.bytes[at] = (uint8_t) b;
                        text = run_hello(&h, '>');
                        assert_true(strlen(text) < 2000);
                        h.bytes[at] = before;
                }
        /* A list of extensions that is one byte short of the message. */
        h.bytes[5 + 4 + 34 + 1 + 2 + sizeof(ciphers) + 2 + 1]--;
        assert_null(strstr(run_hello(&h, '>'), "ja4"));
}

/* More than has room: told without a fingerprint. Names are cut. */
static void test_large(void **state)
{
        uint8_t name[400] = "\1\x8b\0\1\x88";
        struct hello h;
        size_t extensions;

        (void) state;
        begin_hello(&h, TLS_HELLO_CLIENT);
        put16(&h, 2 * 400);
        for (unsigned i = 0; i < 400; i++)
                put16(&h, i);
        put(&h, "\1\0", 2);
        put16(&h, 0);
        extensions = h.len;
        memset(name + 5, 'n', sizeof(name) - 5);
        name[1] = (uint8_t) (sizeof(name) - 2 - 256);
        name[4] = (uint8_t) (sizeof(name) - 5 - 256);
        put_extension(&h, 0, name, sizeof(name));
        end_hello(&h, extensions);
        assert_non_null(strstr(run_hello(&h, '>'), "nnnn version=0303\n"));
}

static void test_other_beginnings(void **state)
{
        static const char ssl2[] = "\x80\x2e\1\3\1\0\x15\0\0\0\x10";
        const struct app_piece pieces[] = {APP_SAYS('>', ssl2), APP_SAYS('>', "ciphers and a challenge"),
                                           APP_SAYS('<', "\x15\3\1\0\2\2\x28")};
        const struct app_piece http[] = {APP_SAYS('>', "GET / HTTP/1.1\r\n")};

        (void) state;
        assert_string_equal(run(pieces, 3), "> tls client_hello version=0301\n");
        (void) run(http, 1);
        assert_true(test.result < 0);
}

#define PROBE(text) app_test_probe(&decoder_tls, IPPROTO_TCP, 4000, text, sizeof(text) - 1)

static void test_probe(void **state)
{
        struct app_context middle = {.proto = IPPROTO_TCP, .midstream = true};
        struct hello h;

        (void) state;
        build_example(&h);
        for (size_t n = 1; n < 64; n++)
                assert_int_equal(app_test_probe(&decoder_tls, IPPROTO_TCP, 4000, h.bytes, n),
                                 n < 11 ? APP_MORE : APP_YES);
        assert_int_equal(PROBE("\x80\x2e\1\3\1\0\x15\0\0\0\x10"), APP_YES);
        assert_int_equal(PROBE("\x80\x2f\1\3\1\0\x15\0\0\0\x10"), APP_NO);
        assert_int_equal(PROBE("\x15\3\1\0\2\2\x28"), APP_YES);
        assert_int_equal(PROBE("\x15\3\1\0\2\7\x28"), APP_NO);
        assert_int_equal(PROBE("\x16\3\1\xff\xff\1\0\0\x30\3\3"), APP_NO);
        assert_int_equal(PROBE("\x16\3\1\0\x40\1\0\0\1\3\3"), APP_NO);
        assert_int_equal(PROBE("\x17\3\3\0\x40........"), APP_NO);
        assert_int_equal(PROBE("\x03\0\0\x0b\6\xe0\0\0\0\0\0"), APP_NO); /* RDP */
        assert_int_equal(PROBE(""), APP_NO);
        assert_int_equal(decoder_tls.probe(&middle, (const uint8_t *) "\x17\3\3\0\x40........", 13), APP_YES);
        assert_int_equal(decoder_tls.probe(&middle, (const uint8_t *) "\x17\3\3\0\2..\x17\3\3", 10), APP_YES);
        assert_int_equal(decoder_tls.probe(&middle, (const uint8_t *) "\x17\3\3\0\2..\x99\3\3", 10), APP_NO);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_example),          cmocka_unit_test(test_ja4),
                cmocka_unit_test(test_ja4_alpn),         cmocka_unit_test(test_records),
                cmocka_unit_test(test_server),           cmocka_unit_test(test_cut),
                cmocka_unit_test(test_lying_lengths),    cmocka_unit_test(test_large),
                cmocka_unit_test(test_other_beginnings), cmocka_unit_test(test_probe),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
