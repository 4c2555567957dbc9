/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP as rules see it: what Suricata's documentation says of each buffer, and what clients do to look like others. */
#include "content_rig.h"

static const char request[] = "GET /Index.html?q=1#top HTTP/1.1\r\n"
                              "Host:  www.Example.com:8080 \r\n"
                              "User-Agent: Mozilla/5.0\r\n"
                              "Accept: */*\r\n"
                              "accept-encoding:gzip\r\n"
                              "Accept-Language: ja\r\n"
                              "Referer: http://a/\r\n"
                              "Cookie: a=b; c=d\r\n"
                              "Connection: close\r\n"
                              "X-One: 1\r\n"
                              "x-one: 2\r\n"
                              "X-Fold: first\r\n"
                              " \tsecond\r\n"
                              "\r\n";

static void assert_request(unsigned nth)
{
        assert_text(nth, HTTP_METHOD, "GET");
        assert_text(nth, HTTP_URI, "/Index.html?q=1#top");
        assert_text(nth, HTTP_URI_RAW, "/Index.html?q=1#top");
        assert_text(nth, HTTP_PROTOCOL, "HTTP/1.1");
        assert_text(nth, HTTP_REQUEST_LINE, "GET /Index.html?q=1#top HTTP/1.1");
        assert_text(nth, HTTP_HOST, "www.example.com");
        assert_text(nth, HTTP_HOST_RAW, "www.Example.com:8080");
        assert_text(nth, HTTP_USER_AGENT, "Mozilla/5.0");
        assert_text(nth, HTTP_ACCEPT, "*/*");
        assert_text(nth, HTTP_ACCEPT_ENC, "gzip");
        assert_text(nth, HTTP_ACCEPT_LANG, "ja");
        assert_text(nth, HTTP_REFERER, "http://a/");
        assert_text(nth, HTTP_COOKIE, "a=b; c=d");
        assert_text(nth, HTTP_CONNECTION, "close");
        assert_text(nth, HTTP_HEADER,
                    "Host: www.Example.com:8080\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\naccept-encoding: gzip\r\n"
                    "Accept-Language: ja\r\nReferer: http://a/\r\nConnection: close\r\nX-One: 1, 2\r\n"
                    "X-Fold: first second\r\n");
        assert_text(nth, HTTP_HEADER_NAMES,
                    "\r\nHost\r\nUser-Agent\r\nAccept\r\naccept-encoding\r\nAccept-Language\r\nReferer\r\nCookie\r\n"
                    "Connection\r\nX-One\r\nX-Fold\r\n\r\n");
        assert_text(nth, HTTP_HEADER_RAW, strchr(request, '\n') + 1);
        assert_memory_equal(text_in(nth, BUFFER_HTTP_START), "GET /Index.html?q=1#top HTTP/1.1\r\nHost: www", 40);
        assert_non_null(strstr(text_in(nth, BUFFER_HTTP_START), "\r\nCookie: a=b; c=d\r\n"));
        assert_true(shown[nth].v.final && shown[nth].v.to_server);
}

static void test_request(void **state)
{
        (void) state;
        for (size_t cut = 0; cut < sizeof(request) - 1; cut++) {
                struct content_rig *r = begin(APP_HTTP);

                give(r, true, request, cut);
                give(r, true, request + cut, sizeof(request) - 1 - cut);
                assert_int_equal(n_shown, 1);
                assert_request(0);
                assert_int_equal(held, 0);
                finish(r);
        }
}

static void test_byte_by_byte_and_pipelined(void **state)
{
        struct content_rig *r = begin(APP_HTTP);

        (void) state;
        for (unsigned i = 0; i < 3; i++)
                for (size_t at = 0; at < sizeof(request) - 1; at++)
                        give(r, true, request + at, 1);
        assert_int_equal(n_shown, 3);
        for (unsigned i = 0; i < 3; i++) {
                assert_request(i);
                assert_int_equal(shown[i].v.transaction, i);
        }
        finish(r);
}

static void test_uris(void **state)
{
        static const struct {
                const char *sent, *means;
        } uris[] = {
                {"/plain", "/plain"},
                {"/a%20b", "/a b"},
                {"/%41%4a%zz%4", "/AJ%zz%4"},
                {"/a//b///c", "/a/b/c"},
                {"/a\\b\\..\\c", "/a/c"},
                {"/a/./b/../c/.", "/a/c/"},
                {"/a/b/..", "/a/"},
                {"/../../etc/passwd", "/etc/passwd"},
                {"/%2e%2e/%2e/x", "/x"},
                {"/a%2fb%5cc", "/a/b/c"},
                {"/%u0041%u002fb%uff21%u4e00%u12", "/A/bA?%u12"},
                {"/%252e", "/%2e"},
                {"/caf%c3%a9", "/caf\xe9"},
                {"/%c0%af%e0%80%af", "/\xff"}, /* overlong slashes: see below */
                {"/\xff\xfe", "/??"},
                {"/p?a=%41&b=a+b%2f..%2f//\\", "/p?a=A&b=a+b/..///\\"},
                {"/p?%u0041%4", "/p?%u0041%4"},
                {"/p#f%41", "/p#f%41"},
                {"http://user:pw@Host.example:81/a/../b?c", "/b?c"},
                {"http://host", NULL},
                {"//host/x", "/host/x"},
                {"*", "*"},
                {"./x", "x"},
                {"../x", "x"},
                {"/.hidden/..x/...", "/.hidden/..x/..."},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(uris); i++) {
                struct content_rig *r = begin(APP_HTTP);
                char text[256];

                snprintf(text, sizeof(text), "GET %s HTTP/1.0\r\n\r\n", uris[i].sent);
                give_text(r, true, text);
                assert_int_equal(n_shown, 1);
                assert_text(0, HTTP_URI_RAW, uris[i].sent);
                if (!uris[i].means)
                        assert_null(text_in(0, BUFFER_HTTP_URI));
                else if (strchr(uris[i].means, '\xff')) /* decoded after the slashes were joined, as libhtp does */
                        assert_text(0, HTTP_URI, "///");
                else
                        assert_text(0, HTTP_URI, uris[i].means);
                finish(r);
        }
}

static void test_lines(void **state)
{
        struct content_rig *r = begin(APP_HTTP);

        (void) state;
        give_text(r, true,
                  "\r\n\nPOST\t/x  HTTP/1.0\nHost : h\nNo colon here\n: no name\nContent-Length: 0\nContent-Length: "
                  "5\n\n");
        assert_int_equal(n_shown, 1);
        assert_text(0, HTTP_METHOD, "POST");
        assert_text(0, HTTP_URI, "/x");
        assert_text(0, HTTP_HOST, "h");
        assert_text(0, HTTP_CONTENT_LEN, "0");
        assert_text(0, HTTP_PROTOCOL, "HTTP/1.0");
        give_text(r, true, "GET http://first.example/ HTTP/1.1\r\nHost: other\r\n\r\n");
        assert_text(1, HTTP_HOST, "first.example");
        assert_text(1, HTTP_HOST_RAW, "first.example");
        give_text(r, true, "GET /6 HTTP/1.1\r\nHost: [2001:DB8::1]:80\r\n\r\n");
        assert_text(2, HTTP_HOST, "[2001:db8::1]");
        finish(r);
}

static void test_response(void **state)
{
        struct content_rig *r = begin(APP_HTTP);
        static const char response[] = "HTTP/1.1 302 Moved away\r\nServer: nginx\r\nLocation: /there\r\n"
                                       "Set-Cookie: a\r\nSet-Cookie: b\r\nContent-Type: text/html\r\n"
                                       "Content-Length: 11\r\n\r\nhello world";

        (void) state;
        give_text(r, true, request);
        give_text(r, false, response);
        assert_int_equal(n_shown, 2);
        assert_text(1, HTTP_STAT_CODE, "302");
        assert_text(1, HTTP_STAT_MSG, "Moved away");
        assert_text(1, HTTP_RESPONSE_LINE, "HTTP/1.1 302 Moved away");
        assert_text(1, HTTP_SERVER, "nginx");
        assert_text(1, HTTP_LOCATION, "/there");
        assert_text(1, HTTP_COOKIE, "a, b");
        assert_text(1, HTTP_CONTENT_TYPE, "text/html");
        assert_text(1, HTTP_CONTENT_LEN, "11");
        assert_text(1, HTTP_RESPONSE_BODY, "hello world");
        assert_text(1, FILE_DATA, "hello world");
        assert_null(text_in(1, BUFFER_HTTP_URI));
        assert_null(text_in(1, BUFFER_HTTP_REQUEST_BODY));
        assert_null(strstr(text_in(1, BUFFER_HTTP_HEADER), "ookie"));
        assert_true(shown[1].v.final && !shown[1].v.to_server);
        assert_int_equal(held, 0);
        finish(r);
        /* The same with its body in two: the head stands there for both, and is scanned once. */
        r = begin(APP_HTTP);
        give(r, false, response, sizeof(response) - 6);
        give_text(r, false, "world");
        assert_int_equal(n_shown, 2);
        assert_true(shown[0].v.coming == (BUFFER_BIT(BUFFER_HTTP_RESPONSE_BODY) | BUFFER_BIT(BUFFER_FILE_DATA)));
        assert_true(!shown[0].v.final && shown[1].v.final);
        assert_int_equal(shown[1].v.scan, BUFFER_BIT(BUFFER_HTTP_RESPONSE_BODY) | BUFFER_BIT(BUFFER_FILE_DATA));
        assert_text(1, HTTP_STAT_CODE, "302");
        assert_text(1, FILE_DATA, "hello world");
        assert_int_equal(shown[0].v.transaction, shown[1].v.transaction);
        finish(r);
}

static void test_no_body(void **state)
{
        struct content_rig *r = begin(APP_HTTP);

        (void) state;
        give_text(r, true, "HEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
        give_text(r, false, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
        give_text(r, false, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n");
        give_text(r, false, "HTTP/1.1 200 third\r\nContent-Length: 2\r\n\r\nok");
        assert_int_equal(n_shown, 6);
        assert_text(3, HTTP_STAT_CODE, "100");
        assert_text(4, HTTP_STAT_CODE, "304");
        assert_text(5, FILE_DATA, "ok");
        finish(r);
}

static void test_tunnels(void **state)
{
        struct content_rig *r = begin(APP_HTTP);

        (void) state;
        give_text(r, true, "CONNECT host.example:443 HTTP/1.1\r\n\r\n");
        assert_text(0, HTTP_URI_RAW, "host.example:443");
        assert_text(0, HTTP_HOST, "host.example");
        assert_null(text_in(0, BUFFER_HTTP_URI));
        give_text(r, false, "HTTP/1.1 200 fine\r\n\r\nrest");
        assert_int_equal(r->answer, CONTENT_SWITCH);
        assert_int_equal(r->c.rest, 4);
        finish(r);
        r = begin(APP_HTTP);
        give_text(r, true, "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
        give_text(r, false, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
        assert_int_equal(r->answer, CONTENT_DONE);
        finish(r);
}

static void test_lost(void **state)
{
        struct content_rig *r = begin(APP_HTTP);

        (void) state;
        give_text(r, false, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01234");
        r->parser->lost(r->state, &r->c, 10);
        give_text(r, false, "56789HTTP/1.1 404 behind\r\n\r\n");
        assert_text(1, FILE_DATA, "01234");
        assert_text(2, HTTP_STAT_CODE, "404");
        r->parser->lost(r->state, &r->c, 1000); /* of a body up to the end */
        r->c.to_server = true;
        give_text(r, true, "GET /half HT");
        r->parser->lost(r->state, &r->c, 100);
        give_text(r, true, "in the middle of something\r\n\r\n");
        give_text(r, true, "GET /again HTTP/1.1\r\n\r\n");
        assert_text(n_shown - 1, HTTP_URI, "/again");
        finish(r);
}

static void test_only_what_is_wanted(void **state)
{
        struct content_rig *r = begin(APP_HTTP);

        (void) state;
        r->c.wants[1] = BUFFER_BIT(BUFFER_HTTP_URI) | BUFFER_BIT(BUFFER_HTTP_HOST);
        r->c.wants[0] = 0;
        give_text(r, true, request);
        give_text(r, false, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody");
        assert_int_equal(n_shown, 1);
        assert_int_equal(shown[0].v.have, BUFFER_BIT(BUFFER_HTTP_URI) | BUFFER_BIT(BUFFER_HTTP_HOST));
        give_text(r, true, "POST /next HTTP/1.1\r\nContent-Length: 4\r\n\r\nbodyGET /then HTTP/1.1\r\n\r\n");
        assert_text(2, HTTP_URI, "/then");
        finish(r);
}

static void test_huge_heads(void **state)
{
        struct content_rig *r = begin(APP_HTTP);
        char line[1200];

        (void) state;
        give_text(r, true, "GET /big HTTP/1.1\r\n");
        memset(line, 'x', sizeof(line));
        for (unsigned i = 0; i < 100; i++) {
                line[0] = 'A';
                line[10] = ':';
                line[sizeof(line) - 1] = '\n';
                give(r, true, line, sizeof(line));
        }
        assert_int_equal(n_shown, 1);
        assert_text(0, HTTP_URI, "/big");
        assert_int_equal(shown[0].buffers[BUFFER_HTTP_HEADER_RAW].len, CONTENT_HEAD_MAX - 19);
        finish(r);
        /* More fields than are told apart, all of one name, then each of its own. */
        for (unsigned own = 0; own < 2; own++) {
                r = begin(APP_HTTP);
                give_text(r, true, "GET /many HTTP/1.1\r\n");
                for (unsigned i = 0; i < 3000; i++) {
                        snprintf(line, sizeof(line), "N%u: %u\r\n", own * i, i);
                        give_text(r, true, line);
                }
                give_text(r, true, "\r\n");
                assert_int_equal(n_shown, 1);
                finish(r);
        }
}

static void test_rubbish(void **state)
{
        static const char *const texts[] = {
                "\r\n\r\n\r\n",
                "GET\r\n\r\n",
                "GET  \r\n\r\n",
                "HTTP/\r\n\r\n",
                "HTTP/1.1\r\n\r\n",
                "HTTP/1.1 x\r\n\r\n",
                "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                "GET / HTTP/1.1\r\n:\r\n:\r\n\r\n",
                "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999999\r\n\r\nx",
                "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\nx",
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
                "GET / HTTP/1.1\r\n folded from nothing\r\n\r\n",
                "\x80\x81",
                "GET ?#?#%%%u%u000 HTTP/1.1\r\n\r\n",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                for (unsigned to_server = 0; to_server < 2; to_server++) {
                        struct content_rig *r = begin(APP_HTTP);

                        give_text(r, to_server, texts[i]);
                        give_text(r, to_server, texts[(i + 1) % ELEMENTSOF(texts)]);
                        finish(r);
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_request),
                cmocka_unit_test(test_byte_by_byte_and_pipelined),
                cmocka_unit_test(test_uris),
                cmocka_unit_test(test_lines),
                cmocka_unit_test(test_response),
                cmocka_unit_test(test_no_body),
                cmocka_unit_test(test_tunnels),
                cmocka_unit_test(test_lost),
                cmocka_unit_test(test_only_what_is_wanted),
                cmocka_unit_test(test_huge_heads),
                cmocka_unit_test(test_rubbish),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
