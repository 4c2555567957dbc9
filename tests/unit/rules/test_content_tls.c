/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS, SSH and DNS as rules see them. */
#include "content_rig.h"

/* Made for this test with openssl req: self-signed, a name with most kinds of attributes. */
static const uint8_t certificate[] = {
        0x30, 0x82, 0x02, 0x54, 0x30, 0x82, 0x01, 0xfa, 0xa0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x09, 0x00, 0xff, 0xa1,
        0xf0, 0x8c, 0xc1, 0x45, 0x51, 0x3e, 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02,
        0x30, 0x81, 0x84, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x06, 0x13, 0x02, 0x4a, 0x50, 0x31, 0x0e,
        0x30, 0x0c, 0x06, 0x03, 0x55, 0x04, 0x08, 0x0c, 0x05, 0x54, 0x6f, 0x6b, 0x79, 0x6f, 0x31, 0x0f, 0x30, 0x0d,
        0x06, 0x03, 0x55, 0x04, 0x0a, 0x0c, 0x06, 0x42, 0x61, 0x64, 0x20, 0x43, 0x6f, 0x31, 0x1d, 0x30, 0x08, 0x06,
        0x03, 0x55, 0x04, 0x0b, 0x0c, 0x01, 0x61, 0x30, 0x11, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x0a, 0x63, 0x32,
        0x2e, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x31, 0x12, 0x30, 0x10, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
        0xf7, 0x0d, 0x01, 0x09, 0x01, 0x16, 0x03, 0x78, 0x40, 0x79, 0x31, 0x13, 0x30, 0x11, 0x06, 0x0a, 0x09, 0x92,
        0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19, 0x16, 0x03, 0x63, 0x6f, 0x6d, 0x31, 0x0c, 0x30, 0x0a, 0x06,
        0x03, 0x55, 0x04, 0x0f, 0x0c, 0x03, 0x42, 0x69, 0x7a, 0x30, 0x1e, 0x17, 0x0d, 0x32, 0x36, 0x31, 0x31, 0x32,
        0x31, 0x31, 0x35, 0x33, 0x36, 0x31, 0x34, 0x5a, 0x17, 0x0d, 0x33, 0x36, 0x31, 0x31, 0x31, 0x38, 0x31, 0x35,
        0x33, 0x36, 0x31, 0x34, 0x5a, 0x30, 0x81, 0x84, 0x31, 0x0b, 0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x06, 0x13,
        0x02, 0x4a, 0x50, 0x31, 0x0e, 0x30, 0x0c, 0x06, 0x03, 0x55, 0x04, 0x08, 0x0c, 0x05, 0x54, 0x6f, 0x6b, 0x79,
        0x6f, 0x31, 0x0f, 0x30, 0x0d, 0x06, 0x03, 0x55, 0x04, 0x0a, 0x0c, 0x06, 0x42, 0x61, 0x64, 0x20, 0x43, 0x6f,
        0x31, 0x1d, 0x30, 0x08, 0x06, 0x03, 0x55, 0x04, 0x0b, 0x0c, 0x01, 0x61, 0x30, 0x11, 0x06, 0x03, 0x55, 0x04,
        0x03, 0x0c, 0x0a, 0x63, 0x32, 0x2e, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x31, 0x12, 0x30, 0x10, 0x06,
        0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01, 0x16, 0x03, 0x78, 0x40, 0x79, 0x31, 0x13, 0x30,
        0x11, 0x06, 0x0a, 0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19, 0x16, 0x03, 0x63, 0x6f, 0x6d,
        0x31, 0x0c, 0x30, 0x0a, 0x06, 0x03, 0x55, 0x04, 0x0f, 0x0c, 0x03, 0x42, 0x69, 0x7a, 0x30, 0x59, 0x30, 0x13,
        0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
        0x07, 0x03, 0x42, 0x00, 0x04, 0x75, 0xea, 0x3c, 0xc3, 0xf4, 0x6e, 0x62, 0x3f, 0x6c, 0x80, 0x1b, 0x92, 0x8e,
        0x0d, 0x2e, 0xb0, 0xfe, 0xca, 0x90, 0x14, 0x68, 0x0c, 0x4b, 0x94, 0x43, 0x51, 0xbf, 0xf1, 0x75, 0xb7, 0x5f,
        0xc8, 0xb4, 0xf8, 0x63, 0x68, 0x8f, 0x56, 0x13, 0x54, 0x4b, 0x0b, 0x36, 0x32, 0x3f, 0xe3, 0x22, 0x13, 0x61,
        0x53, 0xd0, 0x23, 0x6c, 0xd8, 0x7a, 0xd3, 0x57, 0x57, 0x33, 0xed, 0xbb, 0x99, 0xf6, 0x2b, 0xa3, 0x53, 0x30,
        0x51, 0x30, 0x1d, 0x06, 0x03, 0x55, 0x1d, 0x0e, 0x04, 0x16, 0x04, 0x14, 0xf0, 0xd2, 0x8c, 0x23, 0xe3, 0x34,
        0xeb, 0x75, 0xcd, 0xd8, 0x31, 0x9a, 0x08, 0x03, 0xb0, 0xbb, 0x61, 0x0d, 0xa5, 0x48, 0x30, 0x1f, 0x06, 0x03,
        0x55, 0x1d, 0x23, 0x04, 0x18, 0x30, 0x16, 0x80, 0x14, 0xf0, 0xd2, 0x8c, 0x23, 0xe3, 0x34, 0xeb, 0x75, 0xcd,
        0xd8, 0x31, 0x9a, 0x08, 0x03, 0xb0, 0xbb, 0x61, 0x0d, 0xa5, 0x48, 0x30, 0x0f, 0x06, 0x03, 0x55, 0x1d, 0x13,
        0x01, 0x01, 0xff, 0x04, 0x05, 0x30, 0x03, 0x01, 0x01, 0xff, 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
        0x3d, 0x04, 0x03, 0x02, 0x03, 0x48, 0x00, 0x30, 0x45, 0x02, 0x21, 0x00, 0xc5, 0x70, 0x35, 0x67, 0x99, 0xcd,
        0x91, 0xa7, 0x2c, 0x6d, 0x63, 0x9f, 0xd5, 0x69, 0xae, 0x07, 0xd4, 0xaf, 0xf0, 0x28, 0x01, 0x8a, 0xce, 0x85,
        0x11, 0xb3, 0xde, 0x79, 0x20, 0xc0, 0xa3, 0xa0, 0x02, 0x20, 0x07, 0x41, 0xc5, 0x44, 0x60, 0xf6, 0x95, 0xf6,
        0xb3, 0xd2, 0x8a, 0x63, 0xfd, 0x75, 0x9a, 0xdb, 0xa8, 0xfb, 0x11, 0xf1, 0x69, 0xd5, 0x06, 0xb0, 0x11, 0x21,
        0x30, 0x95, 0x44, 0x33, 0x4e, 0xd7,
};
#define NAME        "C=JP, ST=Tokyo, O=Bad Co, OU=a + CN=c2.example, emailAddress=x@y, DC=com, 2.5.4.15=Biz"
#define FINGERPRINT "11:04:bd:97:91:f6:3c:f2:8e:41:ac:b1:ce:35:36:e1:40:43:fe:8e"

/* JA3 with GREASE among ciphers, extensions and groups. */
static const uint8_t client_hello[] = {
        1,    0,    0,   96, 3,  3,  1,  2,  3,  4,    5,    6,    7,   8,    9,    10,
        11,   12,   13,  14, 15, 16, 17, 18, 19, 20,   21,   22,   23,  24,   25,   26,
        27,   28,   29,  30, 31, 32, 0,  0,  6,  0x1a, 0x1a, 0x13, 1,   0xc0, 0x2f, /* ciphers */
        1,    0,                                                                    /* compression */
        0,    43,                                                                   /* extensions */
        0x2a, 0x2a, 0,   0,                                                         /* GREASE */
        0,    0,    0,   15, 0,  13, 0,  0,  10, 'c',  '2',  '.',  'e', 'x',  'a',  'm',
        'p',  'l',  'e', 0,  10, 0,  6,  0,  4,  0xba, 0xba, 0,    29, /* groups */
        0,    11,   0,   2,  1,  0,                                    /* formats */
        0,    43,   0,   0,                                            /* none, though it should have some */
};

struct bytes {
        uint8_t b[4096];
        size_t n;
};

static void put(struct bytes *b, const void *p, size_t n)
{
        assert_true(b->n + n <= sizeof(b->b));
        memcpy(b->b + b->n, p, n);
        b->n += n;
}

/* A record around what follows from `at` on. */
static void record(struct bytes *b, uint8_t type, const void *p, size_t n)
{
        uint8_t head[5] = {type, 3, 3, (uint8_t) (n >> 8), (uint8_t) n};

        put(b, head, sizeof(head));
        put(b, p, n);
}

static struct bytes hello_of_client(void)
{
        struct bytes message = {0}, b = {0};

        put(&message, client_hello, sizeof(client_hello));
        message.b[3] = (uint8_t) (message.n - 4);
        record(&b, 22, message.b, message.n);
        return b;
}

/* ServerHello, Certificate and ServerHelloDone, in records that cut the certificate. */
static struct bytes flight_of_server(uint8_t minor)
{
        static const uint8_t extensions[] = {0, 10, 0xff, 1, 0, 1, 0, 0, 23, 0, 0, 0};
        struct bytes m = {0}, b = {0};
        uint8_t random[32] = {0}, head[] = {2, 0, 0, 48, 3, minor}, chosen[] = {0, 0xc0, 0x2f, 0};
        size_t n = sizeof(certificate);
        uint8_t list[] = {11,
                          0,
                          (uint8_t) ((n + 6) >> 8),
                          (uint8_t) (n + 6),
                          0,
                          (uint8_t) ((n + 3) >> 8),
                          (uint8_t) (n + 3),
                          0,
                          (uint8_t) (n >> 8),
                          (uint8_t) n};
        static const uint8_t done[] = {14, 0, 0, 0};

        put(&m, head, sizeof(head));
        put(&m, random, sizeof(random));
        put(&m, chosen, sizeof(chosen));
        put(&m, extensions, sizeof(extensions));
        m.b[3] = (uint8_t) (m.n - 4);
        put(&m, list, sizeof(list));
        put(&m, certificate, n);
        put(&m, done, sizeof(done));
        record(&b, 22, m.b, 200);
        record(&b, 22, m.b + 200, m.n - 200);
        return b;
}

static void test_client(void **state)
{
        struct bytes b = hello_of_client();

        (void) state;
        for (size_t cut = 0; cut < b.n; cut++) {
                struct content_rig *r = begin(APP_TLS);

                give(r, true, b.b, cut);
                give(r, true, b.b + cut, b.n - cut);
                assert_int_equal(n_shown, 1);
                assert_text(0, TLS_SNI, "c2.example");
                assert_text(0, JA3_STRING, "771,4865-49199,0-10-11-43,29,0");
                assert_text(0, JA3_HASH, "3ab9f4e6c0089782da7bf991f4bd9b21");
                assert_true(r->c.tls_states == 1);
                finish(r);
        }
}

static void test_server(void **state)
{
        struct bytes b = flight_of_server(3);

        (void) state;
        for (size_t cut = 0; cut < b.n; cut++) {
                struct content_rig *r = begin(APP_TLS);

                give(r, false, b.b, cut);
                give(r, false, b.b + cut, b.n - cut);
                assert_int_equal(n_shown, 1);
                assert_text(0, TLS_VERSION, "TLS 1.2");
                assert_text(0, JA3S_STRING, "771,49199,65281-23");
                assert_text(0, JA3S_HASH, "394441ab65754e2207b1e1b457b3641d");
                assert_text(0, TLS_CERT_SUBJECT, NAME);
                assert_text(0, TLS_CERT_ISSUER, NAME);
                assert_text(0, TLS_CERT_SERIAL, "00:FF:A1:F0:8C:C1:45:51:3E");
                assert_text(0, TLS_CERT_FINGERPRINT, FINGERPRINT);
                assert_int_equal(r->c.tls_versions, 1u << 4);
                assert_int_equal(r->c.tls_states, 2);
                assert_int_equal(held, 0);
                finish(r);
        }
        b = flight_of_server(0);
        struct content_rig *r = begin(APP_TLS);
        give(r, false, b.b, b.n);
        assert_text(0, TLS_VERSION, "SSLv3");
        assert_int_equal(r->c.tls_versions, 1u << 1);
        finish(r);
}

static void test_sealed(void **state)
{
        struct content_rig *r = begin(APP_TLS);
        struct bytes b = {0}, hello = flight_of_server(3);

        (void) state;
        give(r, false, hello.b, 60); /* the hello, and no certificate comes */
        assert_int_equal(n_shown, 0);
        finish(r);
        assert_int_equal(n_shown, 1);
        assert_text(0, TLS_VERSION, "TLS 1.2");
        assert_null(text_in(0, BUFFER_TLS_CERT_SUBJECT));
        r = begin(APP_TLS);
        record(&b, 20, "\1", 1);
        record(&b, 23, "secret", 6);
        give(r, true, b.b, b.n);
        assert_int_equal(r->answer, CONTENT_MORE);
        give(r, false, b.b, b.n);
        assert_int_equal(r->answer, CONTENT_SEALED);
        finish(r);
}

/* Every byte wrong once, and every length. */
static void test_hostile(void **state)
{
        struct bytes client = hello_of_client(), server = flight_of_server(3);

        (void) state;
        for (unsigned side = 0; side < 2; side++) {
                struct bytes *b = side ? &client : &server;

                for (size_t i = 0; i < b->n; i++)
                        for (unsigned v = 0; v < 3; v++) {
                                struct content_rig *r = begin(APP_TLS);
                                uint8_t was = b->b[i];

                                b->b[i] = v == 0 ? 0xff : v == 1 ? 0 : (uint8_t) (was + 1);
                                allowed = v ? 1u << 20 : 100;
                                give(r, side, b->b, b->n / 3);
                                give(r, side, b->b + b->n / 3, b->n - b->n / 3);
                                b->b[i] = was;
                                finish(r);
                        }
                for (size_t n = 0; n < b->n; n++) {
                        struct content_rig *r = begin(APP_TLS);

                        give(r, side, b->b, n);
                        r->parser->lost(r->state, &r->c, 5);
                        give(r, side, b->b, n);
                        finish(r);
                }
        }
}

static void test_ssh(void **state)
{
        static const char client[] = "SSH-2.0-libssh_0.9 bot\r\n\0\0\0\x0c\x0a\x14"
                                     "0123456789\0\0\0\x0c\x0a\x15"
                                     "0123456789";
        static const char server[] = "a notice\r\nSSH-1.99-OpenSSH_8\n\0\0\0\x0c\x0a\x15"
                                     "0123456789";

        (void) state;
        for (size_t cut = 0; cut < sizeof(client) - 1; cut++) {
                struct content_rig *r = begin(APP_SSH);

                give(r, true, client, cut);
                give(r, true, client + cut, sizeof(client) - 1 - cut);
                assert_text(0, SSH_PROTO, "2.0");
                assert_text(0, SSH_SOFTWARE, "libssh_0.9");
                assert_int_equal(r->answer, CONTENT_MORE);
                give(r, false, server, sizeof(server) - 1);
                assert_text(1, SSH_PROTO, "1.99");
                assert_text(1, SSH_SOFTWARE, "OpenSSH_8");
                assert_int_equal(r->answer, CONTENT_SEALED);
                finish(r);
        }
        for (unsigned i = 0; i < 2; i++) {
                struct content_rig *r = begin(APP_SSH);
                char line[1000];

                memset(line, i ? '-' : 'x', sizeof(line));
                memcpy(line, "SSH-", 4);
                give(r, true, line, sizeof(line));
                give_text(r, true, "\n\xff\xff\xff\xff\1\1");
                finish(r);
        }
}

static const uint8_t query[] = {0,   1,   1,   0,   0, 2, 0, 0, 0, 0, 0,   0,   3,   'W', 'w',  'w', 7, 'e', 'x', 'a',
                                'm', 'p', 'l', 'e', 0, 0, 1, 0, 1, 4, 'm', 'a', 'i', 'l', 0xc0, 16,  0, 15,  0,   1};

static void test_dns(void **state)
{
        struct content_rig *r = begin(APP_DNS);
        uint8_t over_tcp[2 * (2 + sizeof(query))] = {0, sizeof(query)}, answer[sizeof(query)];

        (void) state;
        r->c.datagram = true;
        give(r, true, query, sizeof(query));
        assert_int_equal(n_shown, 2);
        assert_text(0, DNS_QUERY, "Www.example");
        assert_text(1, DNS_QUERY, "mail.example");
        assert_true(!shown[0].v.final && shown[1].v.final);
        memcpy(answer, query, sizeof(query));
        answer[2] |= 0x80;
        give(r, false, answer, sizeof(answer));
        give(r, true, answer, sizeof(answer));
        assert_int_equal(n_shown, 2);
        for (size_t n = 0; n < sizeof(query); n++)
                give(r, true, query, n);
        finish(r);
        memcpy(over_tcp + 2, query, sizeof(query));
        memcpy(over_tcp + 2 + sizeof(query), over_tcp, 2 + sizeof(query));
        for (size_t cut = 0; cut < sizeof(over_tcp); cut++) {
                r = begin(APP_DNS);
                give(r, true, over_tcp, cut);
                give(r, true, over_tcp + cut, sizeof(over_tcp) - cut);
                assert_int_equal(n_shown, 4);
                assert_text(3, DNS_QUERY, "mail.example");
                assert_int_equal(shown[3].v.transaction, 1);
                finish(r);
        }
}

static void test_dns_hostile(void **state)
{
        static const struct {
                uint8_t b[24];
                size_t n;
        } names[] = {
                {{0xc0, 12}, 2},           /* itself */
                {{0xc0, 14, 0xc0, 12}, 4}, /* in a circle */
                {{0x40, 'a'}, 2},          /* a label that is none */
                {{63, 'a'}, 2},            /* longer than the message */
                {{0xff, 0xff}, 2},
                {{0}, 1},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                struct content_rig *r = begin(APP_DNS);
                uint8_t b[12 + 24] = {0, 1, 1, 0, 0xff, 0xff};

                memcpy(b + 12, names[i].b, names[i].n);
                r->c.datagram = true;
                give(r, true, b, 12 + names[i].n);
                assert_int_equal(n_shown, 0);
                finish(r);
        }
        for (unsigned len = 0; len < 65536; len += 1111) {
                struct content_rig *r = begin(APP_DNS);
                uint8_t b[1024] = {(uint8_t) (len >> 8), (uint8_t) len, 0, 1};

                for (unsigned k = 0; k < 80; k++)
                        give(r, true, b, sizeof(b));
                finish(r);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_client),      cmocka_unit_test(test_server), cmocka_unit_test(test_sealed),
                cmocka_unit_test(test_hostile),     cmocka_unit_test(test_ssh),    cmocka_unit_test(test_dns),
                cmocka_unit_test(test_dns_hostile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
