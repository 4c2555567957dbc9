/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies of HTTP as rules see them: whole, whatever they are packed and cut into, and never too dear. */
#include "content_rig.h"

#include <zlib.h>

static void test_flush_shows_what_is_there(void **state)
{
        struct content_rig *r = begin(APP_HTTP);

        (void) state;
        give_text(r, true, "POST / HTTP/1.1\r\nContent-Length: 20\r\n\r\n0123456789");
        assert_int_equal(n_shown, 1);
        r->parser->flush(r->state, &r->c);
        assert_int_equal(n_shown, 2);
        assert_text(1, HTTP_REQUEST_BODY, "0123456789");
        r->parser->flush(r->state, &r->c);
        assert_int_equal(n_shown, 2);
        give_text(r, true, "abcdefghij");
        assert_int_equal(n_shown, 3);
        assert_text(2, HTTP_REQUEST_BODY, "0123456789abcdefghij");
        assert_int_equal(shown[2].buffers[BUFFER_HTTP_REQUEST_BODY].fresh, 10);
        finish(r);
}

/* A look costs as much as the head is long: whoever drips does not decide how often. */
static void test_drip(void **state)
{
        struct content_rig *r = begin(APP_HTTP);

        (void) state;
        give_text(r, true, "POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n");
        for (unsigned i = 0; i < 5000; i++) {
                give_text(r, true, "x");
                r->parser->flush(r->state, &r->c);
        }
        assert_true(n_shown > 3 && n_shown < 12);
        finish(r);
        assert_int_equal(shown[n_shown - 1].buffers[BUFFER_HTTP_REQUEST_BODY].len, 5000);
}

static void test_chunked(void **state)
{
        static const char body[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                   "5;x=y\r\nhello\r\n00006\r\n world\r\n0\r\nTrailer: x\r\n\r\n"
                                   "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";

        (void) state;
        for (size_t cut = 0; cut < sizeof(body) - 1; cut++) {
                struct content_rig *r = begin(APP_HTTP);
                unsigned last = 0;

                give(r, false, body, cut);
                give(r, false, body + cut, sizeof(body) - 1 - cut);
                assert_int_equal(r->answer, CONTENT_MORE);
                for (unsigned i = 0; i < n_shown; i++)
                        if (shown[i].v.have & BUFFER_BIT(BUFFER_FILE_DATA))
                                last = i;
                assert_text(last, FILE_DATA, "hello world");
                assert_true(shown[last].v.final);
                assert_text(n_shown - 1, HTTP_STAT_CODE, "404");
                assert_int_equal(shown[n_shown - 1].v.transaction, 1);
                finish(r);
        }
}

static size_t pack(const void *data, size_t n, int bits, uint8_t *out, size_t room)
{
        z_stream z = {
                .next_in = (z_const Bytef *) data, .avail_in = (uInt) n, .next_out = out, .avail_out = (uInt) room};

        assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, bits, 8, 0), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        deflateEnd(&z);
        return room - z.avail_out;
}

static void test_packed(void **state)
{
        static const struct {
                const char *coding;
                int bits;
        } ways[] = {{"gzip", 31}, {"x-gzip", 31}, {"deflate", 15}, {"deflate", -15}};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(ways); i++) {
                struct content_rig *r = begin(APP_HTTP);
                uint8_t out[512];
                char head[128];
                size_t n = pack("what is packed is unpacked", 26, ways[i].bits, out, sizeof(out));

                snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
                         ways[i].coding, n);
                give_text(r, false, head);
                give(r, false, out, n / 2);
                give(r, false, out + n / 2, n - n / 2);
                assert_text(n_shown - 1, FILE_DATA, "what is packed is unpacked");
                assert_int_equal(held, 0);
                finish(r);
        }
}

static void test_bomb(void **state)
{
        struct content_rig *r = begin(APP_HTTP);
        size_t room = 64u << 10, n = 20u << 20;
        uint8_t *zeros = calloc(1, n), *out = malloc(room);

        (void) state;
        n = pack(zeros, n, 31, out, room);
        give_text(r, false, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
        give(r, false, out, n);
        finish(r);
        assert_true(n_shown < 20);
        assert_int_equal(shown[n_shown - 1].buffers[BUFFER_FILE_DATA].base +
                                 shown[n_shown - 1].buffers[BUFFER_FILE_DATA].len,
                         CONTENT_BODY_MAX);
        free(zeros);
        free(out);
}

static void test_long_body(void **state)
{
        struct content_rig *r = begin(APP_HTTP);
        uint32_t n = 0;
        char part[1000];

        (void) state;
        give_text(r, false, "HTTP/1.1 200 OK\r\n\r\n");
        for (unsigned i = 0; i < 300; i++) {
                memset(part, 'a' + (int) i % 26, sizeof(part));
                give(r, false, part, sizeof(part));
        }
        finish(r);
        for (unsigned i = 0; i < n_shown; i++) {
                if (!(shown[i].v.scan & BUFFER_BIT(BUFFER_FILE_DATA)))
                        continue;
                assert_int_equal(shown[i].buffers[BUFFER_FILE_DATA].base + shown[i].buffers[BUFFER_FILE_DATA].len -
                                         shown[i].buffers[BUFFER_FILE_DATA].fresh,
                                 n);
                n += shown[i].buffers[BUFFER_FILE_DATA].fresh;
        }
        assert_int_equal(n, CONTENT_BODY_MAX);
}

static void test_no_memory(void **state)
{
        (void) state;
        for (size_t most = 0; most < 60000; most += most < 4000 ? 500 : 9000) {
                struct content_rig *r = begin(APP_HTTP);
                uint8_t out[512];
                size_t n = pack("packed", 6, 31, out, sizeof(out));

                allowed = most;
                give_text(r, true, "GET / HTTP/1.1\r\nHost: a");
                give_text(r, true, "b\r\n\r\n");
                give_text(r, false, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n");
                for (size_t i = 0; i < n; i++) {
                        give_text(r, false, "1\r\n");
                        give(r, false, out + i, 1);
                        give_text(r, false, "\r\n");
                }
                give_text(r, false, "0\r\n\r\n");
                finish(r);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_flush_shows_what_is_there),
                cmocka_unit_test(test_drip),
                cmocka_unit_test(test_chunked),
                cmocka_unit_test(test_packed),
                cmocka_unit_test(test_bomb),
                cmocka_unit_test(test_long_body),
                cmocka_unit_test(test_no_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
