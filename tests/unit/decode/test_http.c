/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP dialogs: pipelines, bodies of every framing, files in them, proxies, losses, and what only looks like HTTP. */
#include "app_test.h"

#include <zlib.h>

#include "decode/http_internal.h"

extern const struct app_decoder decoder_http;

static struct app_test test;

#define RUN(pieces) app_test_run(&test, &decoder_http, IPPROTO_TCP, pieces, ELEMENTSOF(pieces))
#define GET(uri)    "GET " uri " HTTP/1.1\r\nHost: h\r\n\r\n"

static void test_dialog(void **state)
{
        const struct app_piece pieces[] = {
                APP_SAYS('>',
                         "\r\nGET /a?b HTTP/1.1\r\nhost: Example.COM:8080\r\nUSER-AGENT:  Mozilla/5.0 (x) \r\n\r\n"),
                APP_SAYS(
                        '<',
                        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 6\r\n\r\n<html>"),
                APP_SAYS('>', "POST /b HTTP/1.0\nContent-Length: 3\nContent-Type: x/y\n\nk=v"),
                APP_SAYS('<', "HTTP/1.0 204 \n\n"),
                APP_SAYS('>', GET("http://user@Origin.example:81/c") GET("http://[2001:DB8::1]/d")),
        };

        (void) state;
        assert_string_equal(
                RUN(pieces),
                "> http request method=GET uri=/a?b host=example.com agent=Mozilla/5.0 (x) length=?\n"
                "< http response status=200 method=GET uri=/a?b host=example.com agent=Mozilla/5.0 (x)"
                " type=text/html; charset=utf-8 length=6\n"
                "< file seen text name=/a?b host=example.com type=text/html; charset=utf-8 size=6\n"
                "> http request method=POST uri=/b type=x/y length=3\n"
                "> file seen text name=/b type=x/y size=3\n"
                "< http response status=204 method=POST uri=/b length=?\n"
                "> http request method=GET uri=http://user@Origin.example:81/c host=origin.example length=?\n"
                "> http request method=GET uri=http://[2001:DB8::1]/d host=2001:db8::1 length=?\n");
}

/* Responses belong to requests in their order; a HEAD has no body whatever its length says. */
static void test_pipeline(void **state)
{
        const struct app_piece pieces[] = {
                APP_SAYS('>', GET("/1") "HEAD /2 HTTP/1.1\r\n\r\n" GET("/3") GET("/4") GET("/5")),
                APP_SAYS('<', "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
                              "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"
                              "HTTP/1.1 304 Not Modified\r\nContent-Length: 9999\r\n\r\n"
                              "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"
                              "HTTP/1.1 200 OK\r\n\r\n\x7f"
                              "ELF to the end"),
        };

        (void) state;
        assert_string_equal(RUN(pieces), "> http request method=GET uri=/1 host=h length=?\n"
                                         "> http request method=HEAD uri=/2 length=?\n"
                                         "> http request method=GET uri=/3 host=h length=?\n"
                                         "> http request method=GET uri=/4 host=h length=?\n"
                                         "> http request method=GET uri=/5 host=h length=?\n"
                                         "< http response status=200 method=GET uri=/1 host=h length=2\n"
                                         "< file seen text name=/1 host=h size=2\n"
                                         "< http response status=200 method=HEAD uri=/2 length=9999\n"
                                         "< http response status=304 method=GET uri=/3 host=h length=9999\n"
                                         "< http response status=404 method=GET uri=/4 host=h\n"
                                         "< http response status=200 method=GET uri=/5 host=h length=?\n"
                                         "< file seen elf name=/5 host=h size=?\n");
}

/* More requests at once than are kept: all are told whole, the order of the responses stays right. */
static void test_long_pipeline(void **state)
{
        enum { N = 3 * HTTP_ASKS };
        static char asks[N * 64], answers[N * 64];
        struct app_piece pieces[] = {{'>', asks, 0},
                                     {'<', answers, 0},
                                     APP_SAYS('>', GET("/last")),
                                     APP_SAYS('<', "HTTP/1.1 418 Last\r\nContent-Length: 0\r\n\r\n")};
        struct buf ask = BUF_FIXED(asks), answer = BUF_FIXED(answers);
        const char *text;
        unsigned requests = 0, responses = 0;

        (void) state;
        for (unsigned i = 0; i < N; i++) {
                (void) buf_printf(&ask, "GET /number-%u HTTP/1.1\r\nHost: example\r\n\r\n", i);
                (void) buf_puts(&answer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
        pieces[0].len = ask.len;
        pieces[1].len = answer.len;
        text = RUN(pieces);
        for (const char *p = text; (p = strstr(p, "> http request method=GET uri=/number-")); p++)
                requests++;
        for (const char *p = text; (p = strstr(p, "< http response status=200")); p++)
                responses++;
        assert_int_equal(requests, N);
        assert_int_equal(responses, N);
        assert_non_null(strstr(text, "status=200 method=GET uri=/number-0 host=example\n"));
        assert_non_null(strstr(text, "status=418 method=GET uri=/last host=h\n"));
}

static void test_chunks(void **state)
{
        const struct app_piece pieces[] = {
                APP_SAYS('>', GET("/x") GET("/y")),
                APP_SAYS('<', "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\nContent-Length: 3\r\n\r\n"
                              "4\r\n\x89PNG\r\nA;ext=1\r\n\r\n\x1a\n......\r\n000\r\nTrailer: v\r\n\r\n"
                              "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nz"),
        };
        const struct app_piece broken[] = {
                APP_SAYS('<', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\nffffffffffffffff\r\n"),
                APP_SAYS('<', "HTTP/1.1 200 OK\r\n\r\n"),
        };

        (void) state;
        assert_non_null(strstr(RUN(pieces), "< file seen image name=/x host=h size=3\n"
                                            "< http response status=200 method=GET uri=/y host=h length=1\n"
                                            "< file seen text name=/y host=h size=1\n"));
        assert_string_equal(RUN(broken), "< http response status=200 length=?\n< file seen text size=? cut\n");
}

static void test_continue(void **state)
{
        const struct app_piece pieces[] = {
                APP_SAYS('>', "PUT /f HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"),
                APP_SAYS('<', "HTTP/1.1 100 Continue\r\n\r\n"),
                APP_SAYS('>', "PK\5\6"),
                APP_SAYS('<', "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
        };

        (void) state;
        assert_string_equal(RUN(pieces), "> http request method=PUT uri=/f length=4\n"
                                         "< http response status=100 method=PUT uri=/f length=?\n"
                                         "> file seen archive name=/f size=4\n"
                                         "< http response status=201 method=PUT uri=/f\n");
}

static void test_connect(void **state)
{
        const struct app_piece pieces[] = {
                APP_SAYS('>', "CONNECT 192.0.2.1:25 HTTP/1.0\r\n\r\n"),
                APP_SAYS('<', "HTTP/1.0 407 Authenticate\r\nContent-Length: 0\r\n\r\n"),
                APP_SAYS('>', "CONNECT mx.Example.com:25 HTTP/1.1\r\nHost: other\r\nContent-Length: 5\r\n\r\n"),
                APP_SAYS('<', "HTTP/1.1 200 Established\r\n\r\n220 mx ready\r\n"),
        };
        const struct app_piece v6[] = {APP_SAYS('>', "CONNECT [2001:db8::7]:70000 HTTP/1.1\r\n\r\n")};

        (void) state;
        assert_string_equal(RUN(pieces),
                            "> http request method=CONNECT uri=192.0.2.1:25 host=192.0.2.1 length=?\n"
                            "> proxy request connect name=192.0.2.1 192.0.2.1 port=25\n"
                            "< http response status=407 method=CONNECT uri=192.0.2.1:25 host=192.0.2.1\n"
                            "< proxy reply connect name=192.0.2.1 192.0.2.1 port=25\n"
                            "> http request method=CONNECT uri=mx.Example.com:25 host=mx.example.com length=5\n"
                            "> proxy request connect name=mx.example.com port=25\n"
                            "< http response status=200 method=CONNECT uri=mx.Example.com:25"
                            " host=mx.example.com length=?\n"
                            "< proxy reply connect name=mx.example.com port=25 granted=1\n"
                            "switch unknown\n");
        /* What stood behind the head in the same piece belongs to the tunnel. */
        assert_int_equal(test.rest, strlen("220 mx ready\r\n"));
        assert_non_null(strstr(RUN(v6), "> proxy request connect name=2001:db8::7 2001:db8::7\n"));
}

static void test_upgrade(void **state)
{
        const struct app_piece pieces[] = {
                APP_SAYS('>', "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
                APP_SAYS('<', "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\5hello"),
        };

        (void) state;
        assert_string_equal(RUN(pieces), "> http request method=GET uri=/ws length=?\n"
                                         "< http response status=101 method=GET uri=/ws length=?\n"
                                         "switch unknown\n");
        assert_int_equal(test.rest, 7);
}

/* A program under a false name, packed by the server or cut into ranges. */
static void test_files(void **state)
{
        static char body[1024];
        uint8_t program[400] = "MZ\x90", packed[400];
        z_stream z = {.next_in = program, .avail_in = sizeof(program), .next_out = packed, .avail_out = sizeof(packed)};
        struct buf b = BUF_FIXED(body);
        struct app_piece pieces[] = {APP_SAYS('>', GET("/logo.gif")), {'<', body, 0}};

        (void) state;
        for (size_t i = 64; i < sizeof(program); i++)
                program[i] = (uint8_t) (i * 167 >> 3);
        program[60] = 64;
        memcpy(program + 64, "PE\0", 4);
        assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        (void) deflateEnd(&z);
        (void) buf_printf(
                &b,
                "HTTP/1.1 200 OK\r\nContent-Type: image/gif\r\nContent-Encoding: gzip\r\nContent-Length: %lu\r\n\r\n",
                z.total_out);
        (void) buf_put(&b, packed, z.total_out);
        pieces[1].len = b.len;
        assert_non_null(strstr(RUN(pieces), "< file seen pe name=/logo.gif host=h type=image/gif size="));

        /* Packed bytes that are none, and a coding that is not read: nothing is claimed. */
        pieces[1] = (struct app_piece) APP_SAYS(
                '<', "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08x");
        assert_non_null(strstr(RUN(pieces), "< file seen unknown name=/logo.gif"));
        pieces[1] = (struct app_piece) APP_SAYS(
                '<', "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\nMZ\x90\0");
        assert_non_null(strstr(RUN(pieces), "< file seen unknown name=/logo.gif"));
        pieces[1] = (struct app_piece) APP_SAYS(
                '<', "HTTP/1.1 206 Part\r\nContent-Range: bytes 70-73/100\r\nContent-Length: 4\r\n\r\nMZ\x90\0");
        assert_non_null(strstr(RUN(pieces), "< file seen unknown name=/logo.gif"));
        pieces[1] = (struct app_piece) APP_SAYS(
                '<', "HTTP/1.1 206 Part\r\nContent-Range: bytes 0-3/100\r\nContent-Length: 4\r\n\r\nMZ\x90\0");
        assert_non_null(strstr(RUN(pieces), "< file seen pe name=/logo.gif"));
}

static void test_form(void **state)
{
        const struct app_piece pieces[] = {
                APP_SAYS('>', "POST /up HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; "
                              "boundary=B\r\nContent-Length: "
                              "163\r\n\r\n"
                              "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ntext\r\n"
                              "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.gif\"\r\n"
                              "Content-Type: image/gif\r\n\r\n\x7f"
                              "ELF\2\1\1\r\n--B--\r\n"),
        };

        (void) state;
        assert_non_null(strstr(RUN(pieces), "> file seen elf name=x.gif host=h type=image/gif size=?\n"));
}

static void test_lost(void **state)
{
        const struct app_piece within[] = {
                APP_SAYS('>', GET("/1") GET("/2")),
                APP_SAYS('<', "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n\xff\xd8\xff\xe0"),
                {'{', NULL, 496},
                APP_SAYS('<', "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"),
        };
        const struct app_piece beyond[] = {
                APP_SAYS('>', GET("/1") GET("/2")),
                APP_SAYS('<', "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n\xff\xd8\xff\xe0"),
                {'{', NULL, 497},
                APP_SAYS('<', "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"),
                APP_SAYS('>', GET("/3")),
        };
        const struct app_piece head[] = {APP_SAYS('>', GET("/0") "GET /1 HTTP/1.1\r\n"),
                                         {'}', NULL, 10},
                                         APP_SAYS('>', "xx HTTP/1.1 200 OK\r\nGET\r\n\r\n" GET("/2")),
                                         APP_SAYS('<', "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
                                         APP_SAYS('<', "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")};
        const struct app_piece other_side[] = {
                APP_SAYS('>', GET("/1")), {'}', NULL, 10}, APP_SAYS('>', "HTTP/1.1 200 OK\r\n\r\n")};
        const struct app_piece closing[] = {APP_SAYS('<', "HTTP/1.1 200 OK\r\n\r\nGIF89a"),
                                            {'{', NULL, 10000},
                                            APP_SAYS('<', "HTTP/1.1 200 OK\r\n\r\n")};

        (void) state;
        assert_non_null(strstr(RUN(within), "< file seen image name=/1 host=h size=500 cut\n"
                                            "< http response status=404 method=GET uri=/2 host=h\n"));
        /* the next message is found, and taken for the answer to the newest request */
        assert_non_null(strstr(RUN(beyond), "< http response status=404 method=GET uri=/2 host=h\n"
                                            "> http request method=GET uri=/3 host=h length=?\n"));
        assert_string_equal(RUN(head), "> http request method=GET uri=/0 host=h length=?\n"
                                       "> http request method=GET uri=/2 host=h length=?\n"
                                       "< http response status=200 method=GET uri=/0 host=h\n"
                                       "< http response status=404 method=GET uri=/2 host=h\n");
        assert_null(strstr(RUN(other_side), "response"));
        assert_string_equal(RUN(closing), "< http response status=200 length=?\n< file seen image size=? cut\n");
}

/* Longer than is kept, and no end of it. */
static void test_long(void **state)
{
        static char head[40000];
        struct buf b = BUF_FIXED(head);
        struct app_piece pieces[] = {{'>', head, 0}, APP_SAYS('<', "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")};
        const char *text;

        (void) state;
        (void) buf_puts(&b, "GET /");
        for (unsigned i = 0; i < 3000; i++)
                (void) buf_putc(&b, 'u');
        (void) buf_puts(&b, " HTTP/1.1\r\nCookie: ");
        for (unsigned i = 0; i < 20000; i++)
                (void) buf_putc(&b, 'c');
        (void) buf_puts(&b, "\r\nUser-Agent: ");
        for (unsigned i = 0; i < 600; i++)
                (void) buf_putc(&b, 'a');
        (void) buf_puts(&b, "\r\nHost: host.example\r\n\r\n");
        pieces[0].len = b.len;
        text = RUN(pieces);
        assert_non_null(strstr(text, "uuuu host=host.example agent=aaa"));
        assert_non_null(strstr(text, "aaa length=? cut\n< http response status=200 method=GET uri=/uuu"));
        /* With another request behind it its text has no room until the response; the other one is told whole. */
        (void) buf_puts(&b, GET("/next"));
        pieces[0].len = b.len;
        text = RUN(pieces);
        assert_non_null(strstr(text, "> http request method=GET uri=/next host=h length=?\n"));
        assert_non_null(strstr(text, "< http response status=200 cut\n"));
}

/* Lengths that are none. */
static void test_lengths(void **state)
{
        static const char *const lengths[] = {"-1", "1e3", "18446744073709551616", "99999999999999999999999",
                                              "",   "0x10"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(lengths); i++) {
                char head[128];
                struct app_piece piece = {'<', head, 0};

                piece.len = (size_t) snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\nabc",
                                              lengths[i]);
                assert_string_equal(app_test_run(&test, &decoder_http, IPPROTO_TCP, &piece, 1),
                                    "< http response status=200 length=?\n< file seen text size=?\n");
        }
}

static void test_no_http(void **state)
{
        const struct app_piece first[] = {APP_SAYS('>', "HELO example.com\r\n")};
        const struct app_piece later[] = {APP_SAYS('>', GET("/") "\1\2\3garbage\r\n"),
                                          APP_SAYS('<', "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n\1\2\r\n")};
        const struct app_piece old[] = {APP_SAYS('>', "GET /old\r\n"), APP_SAYS('<', "<html>\r\n")};

        (void) state;
        assert_string_equal(RUN(first), "");
        assert_true(test.result < 0);
        assert_non_null(strstr(RUN(later), "status=200"));
        assert_true(test.result < 0);
        assert_string_equal(RUN(old), "> http request method=GET uri=/old length=?\n");
}

#define PROBE(text) app_test_probe(&decoder_http, IPPROTO_TCP, 4000, text, sizeof(text) - 1)

static void test_probe(void **state)
{
        static const char get[] = GET("/index.html"), answer[] = "HTTP/1.1 200 OK\r\n";
        static const char path[] =
                "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

        (void) state;
        for (size_t n = 1; n <= sizeof(get) - 1; n++)
                assert_int_equal(app_test_probe(&decoder_http, IPPROTO_TCP, 4000, get, n),
                                 n <= strlen("GET /index.html HTTP/1.1") ? APP_MORE : APP_YES);
        for (size_t n = 1; n <= sizeof(answer) - 1; n++)
                assert_int_equal(app_test_probe(&decoder_http, IPPROTO_TCP, 4000, answer, n),
                                 n < 12 ? APP_MORE : APP_YES);
        for (size_t n = 1; n <= sizeof(path) - 1; n++)
                assert_int_equal(app_test_probe(&decoder_http, IPPROTO_TCP, 4000, path, n),
                                 n < 64 ? APP_MORE : APP_YES);
        assert_int_equal(PROBE("CONNECT a:1 HTTP/1.1\r\n"), APP_YES);
        assert_int_equal(PROBE("FROBNICATE * HTTP/1.1\r\n"), APP_YES);
        assert_int_equal(PROBE("GET /old\r\n"), APP_YES);
        assert_int_equal(PROBE("OPTIONS sip:a@b SIP/2.0\r\n"), APP_NO);
        assert_int_equal(PROBE("OPTIONS * RTSP/1.0\r\n"), APP_NO);
        assert_int_equal(PROBE("HELO example.com\r\n"), APP_NO);
        assert_int_equal(PROBE("NICK x\r\nUSER x\r\n"), APP_NO);
        assert_int_equal(PROBE("LIST /pub\r\n"), APP_NO);
        assert_int_equal(PROBE("HTTP/1.1 abc\r\n"), APP_NO);
        assert_int_equal(PROBE("PRI * HTTP/2.0"), APP_MORE);
        assert_int_equal(PROBE("GE\0 / HTTP/1.1\r\n"), APP_NO);
        assert_int_equal(PROBE(""), APP_NO);
        assert_int_equal(PROBE("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), APP_NO);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_dialog),  cmocka_unit_test(test_pipeline), cmocka_unit_test(test_long_pipeline),
                cmocka_unit_test(test_chunks),  cmocka_unit_test(test_continue), cmocka_unit_test(test_connect),
                cmocka_unit_test(test_upgrade), cmocka_unit_test(test_files),    cmocka_unit_test(test_form),
                cmocka_unit_test(test_lost),    cmocka_unit_test(test_long),     cmocka_unit_test(test_lengths),
                cmocka_unit_test(test_no_http), cmocka_unit_test(test_probe),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
