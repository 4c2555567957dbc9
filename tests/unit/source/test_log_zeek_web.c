/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns.log, http.log and ssl.log: questions and their answers. */
#include "log_zeek_rig.h"

static void test_dns(void **state)
{
        struct rig r;

        (void) state;
        READ(&r, "x", FIELDS("dns", "proto\ttrans_id\trtt\tquery\tqtype\trcode\tAA\tTC\tRD\tRA\tanswers\tTTLs"),
             OUT("D1", "udp\t7\t0.25\tWWW.Example.COM.\t1\t0\tF\tF\tT\tT\tc.example.com,192.0.2.7,2001:db8::2\t"
                       "300.0,5.0,6.5"),
             OUT("D2", "udp\t8\t-\txkq\\x2eexample\t15\t-\tF\tF\tT\tF\t-\t-"),
             OUT("D3", "udp\t9\t-\t-\t-\t3\tF\tF\tF\tF\t(empty)\t-"));
        assert_int_equal(r.n, 4);
        assert_int_equal(r.e[0].op, DNS_QUERY);
        assert_string_equal(r.text[0], "www.example.com");
        assert_int_equal(r.e[0].ends.from_local, 1);
        assert_int_equal(r.e[0].ends.proto, IPPROTO_UDP);
        assert_int_equal(r.e[0].dns.flags, DNS_RECURSION_DESIRED);
        assert_int_equal(r.e[0].dns.answers, 0);
        assert_string_equal(r.text[1], "xkq.example");
        assert_int_equal(r.e[1].dns.qtype, 15);
        assert_int_equal(r.e[2].op, DNS_ANSWER);
        assert_int_equal(r.e[2].dns.rcode, 3);
        assert_int_equal(r.e[3].time, T0 + 250 * NSEC_PER_MSEC);
        assert_int_equal(r.e[3].ends.from_local, 0);
        assert_int_equal(r.e[3].dns.answers, 3);
        assert_int_equal(r.e[3].dns.n_addrs, 2);
        assert_int_equal(r.e[3].dns.ttl, 5);
        assert_string_equal(r.more[3], "192.0.2.7");
        assert_true(r.e[0].ends.flow_id == r.e[3].ends.flow_id);
        rig_end(&r);
}

static void test_http(void **state)
{
        struct rig r;

        (void) state;
        rig_read(&r, "x",
                 "{\"_path\":\"http\",\"ts\":\"2006-10-26T09:42:47.5Z\",\"uid\":\"H1\",\"id.orig_h\":\"10.0.0.5\","
                 "\"id.orig_p\":1,\"id.resp_h\":\"192.0.2.1\",\"id.resp_p\":80,\"method\":\"GET\",\"uri\":\"/"
                 "\\u00e9\\\"\\\\\","
                 "\"host\":\"example.com\",\"request_body_len\":0,\"response_body_len\":4096,\"status_code\":200,"
                 "\"resp_mime_types\":[\"application/x-dosexec\",\"text/plain\"],\"resp_filenames\":[\"a.jpg\"],"
                 "\"x\":{\"y\":[1,{\"z\":\"}\"}]}}\n");
        assert_int_equal(r.stats.bad_lines, 0);
        assert_int_equal(r.n, 3);
        assert_int_equal(r.e[0].type, EVENT_HTTP);
        assert_int_equal(r.e[0].time, 1161855767500 * NSEC_PER_MSEC);
        assert_string_equal(r.text[0], "/\xc3\xa9\"\\");
        assert_string_equal(r.more[0], "example.com");
        assert_int_equal(r.e[1].op, HTTP_RESPONSE);
        assert_int_equal(r.e[1].http.status, 200);
        assert_int_equal(r.e[1].http.length, 4096);
        assert_int_equal(r.e[1].ends.from_local, 0);
        assert_int_equal(r.e[2].type, EVENT_FILE);
        assert_int_equal(r.e[2].file.kind, FILE_PE);
        assert_int_equal(r.e[2].file.size, 4096);
        assert_int_equal(r.e[2].ends.from_local, 0);
        assert_string_equal(r.text[2], "a.jpg");
        rig_end(&r);
}

static void test_connect(void **state)
{
        static const struct {
                const char *uri, *name, *target;
                uint16_t port;
        } cases[] = {
                {"mail.example.com:25", "mail.example.com", "::", 25},
                {"[2001:db8::1]:465", "2001:db8::1", "2001:db8::1", 465},
                {"192.0.2.7:25", "192.0.2.7", "192.0.2.7", 25},
                {"example.com", "example.com", "::", 443},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[512];
                struct rig r;

                snprintf(text, sizeof(text),
                         "{\"_path\":\"http\",\"ts\":1,\"uid\":\"H\",\"id.orig_h\":\"10.0.0.5\",\"id.orig_p\":1,"
                         "\"id.resp_h\":\"192.0.2.1\",\"id.resp_p\":80,\"method\":\"CONNECT\",\"uri\":\"%s\","
                         "\"status_code\":403}\n",
                         cases[i].uri);
                rig_read(&r, "x", text);
                assert_int_equal(r.n, 4); /* request, what it asks of the proxy, the proxy's answer, response */
                assert_int_equal(r.e[1].type, EVENT_PROXY);
                assert_int_equal(r.e[1].proxy.kind, PROXY_HTTP_CONNECT);
                assert_string_equal(r.text[1], cases[i].name);
                assert_int_equal(r.e[1].proxy.target_port, cases[i].port);
                rig_assert_addr(&r.e[1].proxy.target, cases[i].target);
                assert_int_equal(r.e[2].op, PROXY_REPLY);
                assert_false(r.e[2].proxy.granted);
                rig_end(&r);
        }
}

static void test_ssl(void **state)
{
        struct rig r;

        (void) state;
        READ(&r, "x", FIELDS("ssl", "version\tcipher\tserver_name\tnext_protocol\tja4"),
             OUT("S1", "TLSv12\tTLS_RSA_WITH_RC4_128_SHA\texample.com\th2\tt13d1516h2_8daaf6152771_b186095e22b6"),
             OUT("S2", "-\t-\t-\t-\tshort"), OUT("S3", "TLSv99\tTLS_UNHEARD_OF\t-\t-\t-"));
        assert_int_equal(r.n, 5);
        assert_int_equal(r.e[0].op, TLS_CLIENT_HELLO);
        assert_string_equal(r.text[0], "example.com");
        assert_string_equal(r.more[0], "t13d1516h2_8daaf6152771_b186095e22b6");
        assert_int_equal(r.e[1].op, TLS_SERVER_HELLO);
        assert_int_equal(r.e[1].tls.version, 0x0303);
        assert_int_equal(r.e[1].tls.cipher, 0x0005);
        assert_string_equal(r.more[1], "h2");
        assert_int_equal(r.e[2].op, TLS_CLIENT_HELLO);
        assert_string_equal(r.more[2], "");
        assert_int_equal(r.e[4].tls.version, 0);
        assert_int_equal(r.e[4].tls.cipher, 0);
        rig_end(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_dns),
                cmocka_unit_test(test_http),
                cmocka_unit_test(test_connect),
                cmocka_unit_test(test_ssl),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
