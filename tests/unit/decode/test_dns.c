/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS messages: names, answers, and all the ways in which they lie, over UDP and over TCP in any pieces. */
#include "app_test.h"

#include "decode/dns_type.h"

extern const struct app_decoder decoder_dns;

#define FLAGS_QUERY    "\x01\x00"
#define FLAGS_ANSWER   "\x81\x80"
#define FLAGS_NXDOMAIN "\x81\x83"
/* Identifier, flags, and the counts of the four sections. */
#define HEADER(flags, qd, an, ns, ar) "\x12\x34" flags "\0" qd "\0" an "\0" ns "\0" ar
#define EXAMPLE                       "\7example\3com\0"
#define IN_A                          "\0\1\0\1"
#define QUERY                         HEADER(FLAGS_QUERY, "\1", "\0", "\0", "\0") "\3WWW" EXAMPLE IN_A

static struct app_test test;

static const char *datagram(const void *data, size_t len)
{
        const struct app_piece piece = {'>', data, len};

        return app_test_run(&test, &decoder_dns, IPPROTO_UDP, &piece, 1);
}
#define DATAGRAM(text) datagram(text, sizeof(text) - 1)
#define PROBE(text)    app_test_probe(&decoder_dns, IPPROTO_UDP, 4000, text, sizeof(text) - 1)

static void test_query(void **state)
{
        (void) state;
        assert_string_equal(DATAGRAM(QUERY), "> dns query name=www.example.com type=1 id=4660 size=33 flags=4\n");
        assert_string_equal(DATAGRAM(HEADER(FLAGS_QUERY, "\1", "\0", "\0", "\0") "\0\0\2\0\1"),
                            "> dns query name= type=2 id=4660 size=17 flags=4\n");
        assert_int_equal(PROBE(QUERY), APP_YES);
        assert_string_equal(dns_type_name(DNS_TYPE_MX), "MX");
        assert_string_equal(dns_type_name(65280), "other");
        assert_string_equal(dns_type_name(0), "other");
}

static void test_answer(void **state)
{
        (void) state;
        /* A chain to two addresses; the least time to live counts, also that of the alias. */
        assert_string_equal(
                DATAGRAM(HEADER(FLAGS_ANSWER, "\1", "\3", "\0",
                                "\0") "\3www" EXAMPLE IN_A "\xc0\x0c\0\5\0\1\0\0\0\x1e\0\6\3cdn\xc0\x10"
                                      "\xc0\x2d\0\1\0\1\0\0\1\0\0\4\xc0\0\2\7"
                                      "\xc0\x2d\0\x1c\0\1\0\0\1\0\0\x10\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"),
                "> dns answer name=www.example.com type=1 id=4660 size=95 flags=12 answers=3 ttl=30 192.0.2.7 "
                "2001:db8::1\n");
        assert_string_equal(DATAGRAM(HEADER(FLAGS_NXDOMAIN, "\1", "\0", "\0", "\0") "\3www" EXAMPLE IN_A),
                            "> dns answer name=www.example.com type=1 id=4660 size=33 rcode=3 flags=12\n");
        /* RFC 2181: a time to live with the highest bit is none. */
        assert_string_equal(DATAGRAM(HEADER(FLAGS_ANSWER, "\1", "\1", "\0", "\0") EXAMPLE IN_A
                                     "\xc0\x0c\0\1\0\1\xff\0\0\0\0\4\xc0\0\2\7"),
                            "> dns answer name=example.com type=1 id=4660 size=45 flags=12 answers=1 192.0.2.7\n");
        /* An address of the wrong length is none; a record of another class has none. */
        assert_string_equal(DATAGRAM(HEADER(FLAGS_ANSWER, "\1", "\2", "\0", "\0") EXAMPLE IN_A
                                     "\xc0\x0c\0\1\0\1\0\0\0\1\0\3\xc0\0\2"
                                     "\xc0\x0c\0\1\0\3\0\0\0\1\0\4\xc0\0\2\7"),
                            "> dns answer name=example.com type=1 id=4660 size=60 flags=12 answers=2 ttl=1\n");
}

static void test_unasked(void **state)
{
        (void) state;
        assert_string_equal(
                DATAGRAM(HEADER(FLAGS_ANSWER, "\0", "\1", "\0", "\0") EXAMPLE "\0\1\0\1\0\0\0\5\0\4\xc0\0\2\7"),
                "> dns answer name=example.com type=1 id=4660 size=39 flags=12 answers=1 ttl=5 192.0.2.7\n");
        assert_string_equal(DATAGRAM(HEADER("\x81\x05", "\0", "\0", "\0", "\0")),
                            "> dns answer type=0 id=4660 size=12 rcode=5 flags=4\n");
}

static void test_questions(void **state)
{
        (void) state;
        assert_string_equal(DATAGRAM(HEADER(FLAGS_ANSWER, "\2", "\1", "\0", "\0") EXAMPLE IN_A
                                     "\1b\xc0\x0c\0\x0f\0\1"
                                     "\xc0\x0c\0\1\0\1\0\0\0\5\0\4\xc0\0\2\7"),
                            "> dns answer name=example.com type=1 id=4660 size=53 flags=12 answers=1 ttl=5 192.0.2.7\n"
                            "> dns answer name=b.example.com type=15 id=4660 size=53 flags=12\n");
        /* More than are told: the told ones say so. */
        assert_string_equal(DATAGRAM(HEADER(FLAGS_QUERY, "\5", "\0", "\0", "\0") "\1a\0" IN_A "\1b\0" IN_A "\1c\0" IN_A
                                                                                 "\1d\0" IN_A "\1e\0" IN_A),
                            "> dns query name=a type=1 id=4660 size=47 flags=4 cut\n"
                            "> dns query name=b type=1 id=4660 size=47 flags=4 cut\n"
                            "> dns query name=c type=1 id=4660 size=47 flags=4 cut\n"
                            "> dns query name=d type=1 id=4660 size=47 flags=4 cut\n");
}

static void test_names(void **state)
{
        (void) state;
        /* What is no letter, digit or sign is escaped: a dot within a label is no end of a label. */
        assert_string_equal(DATAGRAM(HEADER(FLAGS_QUERY, "\1", "\0", "\0", "\0") "\6a.b\\c\n\2\xff \0" IN_A),
                            "> dns query name=a\\.b\\\\c\\010.\\255\\032 type=1 id=4660 size=27 flags=4\n");
        /* Pointers to themselves, forwards, and to each other; a label type of old; a name without end. */
        assert_string_equal(DATAGRAM(HEADER(FLAGS_QUERY, "\1", "\0", "\0", "\0") "\xc0\x0c" IN_A), "");
        assert_string_equal(DATAGRAM(HEADER(FLAGS_QUERY, "\1", "\0", "\0", "\0") "\1a\xc0\x0c" IN_A), "");
        assert_string_equal(DATAGRAM(HEADER(FLAGS_QUERY, "\1", "\0", "\0", "\0") "\xc0\x12" IN_A "\1a\0"), "");
        assert_string_equal(DATAGRAM(HEADER(FLAGS_QUERY, "\1", "\0", "\0", "\0") "\x41"
                                                                                 "a\0" IN_A),
                            "");
        assert_string_equal(DATAGRAM(HEADER(FLAGS_QUERY, "\1", "\0", "\0", "\0") "\3ab"), "");
        assert_string_equal(DATAGRAM(HEADER(FLAGS_QUERY, "\1", "\0", "\0", "\0") "\1a\0\0\1\0"), "");
}

/* Names of 255 bytes at most, counted through pointers too. */
static void test_long_names(void **state)
{
        uint8_t m[600] = HEADER(FLAGS_QUERY, "\1", "\0", "\0", "\0");
        size_t at = 12;

        (void) state;
        for (unsigned i = 0; i < 3; i++) {
                m[at] = 63;
                memset(m + at + 1, 'a' + (int) i, 63);
                at += 64;
        }
        m[at] = 61;
        memset(m + at + 1, 'd', 61);
        memcpy(m + at + 62, "\0\0\1\0\1", 5);
        assert_non_null(strstr(datagram(m, at + 67), "dddd type=1"));
        m[at] = 62;
        m[at + 62] = 'd';
        memcpy(m + at + 63, "\0\0\1\0\1", 5);
        assert_string_equal(datagram(m, at + 68), "");
}

/* Pointers to pointers, backwards; and nothing but pointers forwards. */
static void test_pointer_chain(void **state)
{
        uint8_t m[2048] = HEADER(FLAGS_ANSWER, "\0", "\1", "\0", "\0");

        (void) state;
        assert_string_equal(
                DATAGRAM(HEADER(FLAGS_QUERY, "\3", "\0", "\0", "\0") "\1a\0" IN_A "\xc0\x0c" IN_A "\1b\xc0\x13" IN_A),
                "> dns query name=a type=1 id=4660 size=33 flags=4\n"
                "> dns query name=a type=1 id=4660 size=33 flags=4\n"
                "> dns query name=b.a type=1 id=4660 size=33 flags=4\n");
        for (size_t at = 12; at + 2 <= sizeof(m); at += 2) {
                m[at] = (uint8_t) (0xc0 | (at + 2) >> 8);
                m[at + 1] = (uint8_t) ((at + 2) & 0xff);
        }
        assert_string_equal(datagram(m, sizeof(m)), "> dns answer type=0 id=4660 size=2048 flags=12 answers=1 cut\n");
}

static void test_many_addresses(void **state)
{
        uint8_t m[2048] = HEADER(FLAGS_ANSWER, "\1", "\x40", "\0", "\0") EXAMPLE IN_A;
        size_t at = 29;
        const char *text;
        unsigned n = 0;

        (void) state;
        for (unsigned i = 0; i < 64; i++, at += 16)
                memcpy(m + at, "\xc0\x0c\0\1\0\1\0\0\0\5\0\4\xc0\0\2\7", 16);
        text = datagram(m, at);
        for (const char *p = text; (p = strstr(p, "192.0.2.7")); p++)
                n++;
        assert_int_equal(n, 32);
        assert_non_null(strstr(text, "answers=64"));
        /* Fewer than said. */
        assert_non_null(strstr(datagram(m, at - 8), "cut"));
}

/* Two queries and their answers, with length prefixes. */
static void test_stream(void **state)
{
        static const char long_answer[] = "\7\0" HEADER(FLAGS_ANSWER, "\1", "\2", "\0", "\0") EXAMPLE IN_A
                "\xc0\x0c\0\1\0\1\0\0\0\5\0\4\xc0\0\2\7"
                "\xc0\x0c\0\x10\0\1\0\0\0\5\6\xc7";
        static uint8_t filler[1735];
        const struct app_piece pieces[] = {
                APP_SAYS('>', "\0\x21" QUERY "\0\x21" QUERY),
                APP_SAYS('<', "\0\x2d" HEADER(FLAGS_ANSWER, "\1", "\1", "\0", "\0") EXAMPLE IN_A
                         "\xc0\x0c\0\1\0\1\0\0\0\5\0\4\xc0\0\2\7"),
                APP_SAYS('<', long_answer),
                {'<', filler, sizeof(filler)},
                APP_SAYS('<', "\0\x0c" HEADER("\x81\x05", "\0", "\0", "\0", "\0")),
        };

        (void) state;
        assert_string_equal(
                app_test_run(&test, &decoder_dns, IPPROTO_TCP, pieces, ELEMENTSOF(pieces)),
                "> dns query name=www.example.com type=1 id=4660 size=33 flags=4\n"
                "> dns query name=www.example.com type=1 id=4660 size=33 flags=4\n"
                "< dns answer name=example.com type=1 id=4660 size=45 flags=12 answers=1 ttl=5 192.0.2.7\n"
                "< dns answer name=example.com type=1 id=4660 size=1792 flags=12 answers=2 ttl=5 192.0.2.7 cut\n"
                "< dns answer type=0 id=4660 size=12 rcode=5 flags=4\n");
}

static void test_stream_lost(void **state)
{
        const struct app_piece within[] = {
                APP_SAYS('<', "\1\0" HEADER(FLAGS_ANSWER, "\1", "\2", "\0", "\0") EXAMPLE IN_A),
                {'{', NULL, 200},
                {'<', "0123456789012345678901234567890123456789", 256 - 29 - 200},
                APP_SAYS('<', "\0\x0c" HEADER("\x81\x05", "\0", "\0", "\0", "\0")),
        };
        const struct app_piece beyond[] = {
                APP_SAYS('<', "\1\0" HEADER(FLAGS_ANSWER, "\1", "\2", "\0", "\0") EXAMPLE IN_A),
                {'{', NULL, 228},
                APP_SAYS('<', "\0\x0c" HEADER("\x81\x05", "\0", "\0", "\0", "\0")),
                APP_SAYS('>', "\0\x21" QUERY),
        };
        const struct app_piece broken[] = {APP_SAYS('>', "\0\x03"
                                                         "abc")};

        (void) state;
        assert_string_equal(app_test_run(&test, &decoder_dns, IPPROTO_TCP, within, ELEMENTSOF(within)),
                            "< dns answer name=example.com type=1 id=4660 size=256 flags=12 answers=2 cut\n"
                            "< dns answer type=0 id=4660 size=12 rcode=5 flags=4\n");
        /* Nobody knows where the next message of the responder begins; the originator is still understood. */
        assert_string_equal(app_test_run(&test, &decoder_dns, IPPROTO_TCP, beyond, ELEMENTSOF(beyond)),
                            "< dns answer name=example.com type=1 id=4660 size=256 flags=12 answers=2 cut\n"
                            "> dns query name=www.example.com type=1 id=4660 size=33 flags=4\n");
        (void) app_test_run(&test, &decoder_dns, IPPROTO_TCP, broken, 1);
        assert_true(test.result < 0);
}

static void test_probe(void **state)
{
        static const char stream[] = "\0\x21" QUERY;

        (void) state;
        assert_int_equal(app_test_probe(&decoder_dns, IPPROTO_UDP, 5353, QUERY, sizeof(QUERY) - 1), APP_NO);
        assert_int_equal(app_test_probe(&decoder_dns, IPPROTO_UDP, 5355, QUERY, sizeof(QUERY) - 1), APP_NO);
        assert_int_equal(PROBE(""), APP_NO);
        /* The reply to an RPC call: at a glance an answer without a question. */
        assert_int_equal(PROBE("\x39\xce\xac\x09\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x80\5"), APP_NO);
        assert_int_equal(PROBE(HEADER(FLAGS_ANSWER, "\0", "\1", "\0", "\0") EXAMPLE "\0\1\0\1\0\0\0\5\0\4\xc0\0\2\7"),
                         APP_YES);
        assert_int_equal(PROBE("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"), APP_NO);
        assert_int_equal(PROBE("\x12\x34\x01\x00\0\1\0\0\0\0\0\0\1a\0\0\0\0\1"), APP_NO);   /* type 0 */
        assert_int_equal(PROBE("\x12\x34\x01\x00\0\1\0\0\0\0\0\0\1a\0\0\1\0\7"), APP_NO);   /* no class */
        assert_int_equal(PROBE("\x12\x34\x01\x00\0\1\0\0\0\0\0\0\1a\0\0\1\0"), APP_NO);     /* cut */
        assert_int_equal(PROBE("\x12\x34\x81\x80\0\1\0\x63\0\0\0\0\1a\0\0\1\0\1"), APP_NO); /* 99 answers in no bytes */
        assert_int_equal(PROBE("\x12\x34\x79\x80\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"), APP_NO);   /* no such operation */
        for (size_t n = 1; n <= sizeof(stream) - 1; n++)
                assert_int_equal(app_test_probe(&decoder_dns, IPPROTO_TCP, 4000, stream, n),
                                 n == sizeof(stream) - 1 ? APP_YES : APP_MORE);
        assert_int_equal(app_test_probe(&decoder_dns, IPPROTO_TCP, 53, "SSH-2.0-x\r\n........", 19), APP_NO);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_query),         cmocka_unit_test(test_answer),
                cmocka_unit_test(test_unasked),       cmocka_unit_test(test_questions),
                cmocka_unit_test(test_names),         cmocka_unit_test(test_long_names),
                cmocka_unit_test(test_pointer_chain), cmocka_unit_test(test_many_addresses),
                cmocka_unit_test(test_stream),        cmocka_unit_test(test_stream_lost),
                cmocka_unit_test(test_probe),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
