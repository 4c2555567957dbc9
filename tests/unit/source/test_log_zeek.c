/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zeek's logs as lines: headers that change or lie, values of the wrong type, JSON, names of files, real ones. */
#include "log_zeek_rig.h"

static void test_bad_lines(void **state)
{
        static const char *const bad[] = {
                "1e300\tC\t10.0.0.5\t1\t192.0.2.1\t2\ttcp\t-\t-\t-\t-\tS0\t0\tS\t1\t0\tx",
                "-1\tC\t10.0.0.5\t1\t192.0.2.1\t2\ttcp\t-\t-\t-\t-\tS0\t0\tS\t1\t0\tx",
                "-\tC\t10.0.0.5\t1\t192.0.2.1\t2\ttcp\t-\t-\t-\t-\tS0\t0\tS\t1\t0\tx",
                "1\tC\t10.0.0.500\t1\t192.0.2.1\t2\ttcp\t-\t-\t-\t-\tS0\t0\tS\t1\t0\tx",
                "1\tC\t10.0.0.5\t65536\t192.0.2.1\t2\ttcp\t-\t-\t-\t-\tS0\t0\tS\t1\t0\tx",
                "1\tC\t10.0.0.5\t1\t192.0.2.1\t2\ttcp\t-\t1e300\t-\t-\tS0\t0\tS\t1\t0\tx",
                "1\tC\t10.0.0.5\t1\t192.0.2.1\t2\ttcp\t-\t-\t-5\t-\tS0\t0\tS\t1\t0\tx",
                "1\tC\t10.0.0.5\t1\t192.0.2.1\t2\ttcp\t-\t-\t-\t99999999999999999999\tS0\t0\tS\t1\t0\tx",
                "1\tC\t10.0.0.5\t1\t192.0.2.1\t2\tbanana\t-\t-\t-\t-\tS0\t0\tS\t1\t0\tx",
                "1\tC\t10.0.0.5\t1\t192.0.2.1\t2\ttcp\t-\t-\t-", /* cut */
                "{\"ts\":1}",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                char text[1024];
                struct rig r;

                snprintf(text, sizeof(text), "%s%s\n%s", CONN, bad[i], OUT("C1", "tcp\t-\t-\t-\t-\tS0\t0\tS\t1\t0\tx"));
                rig_read(&r, "x", text);
                assert_int_equal(r.stats.bad_lines, 1);
                assert_int_equal(r.n, 2); /* the next line is read */
                assert_true(rig_gap(&r, "bad_line: the first is line 7 (x)") >= 0);
                rig_end(&r);
        }
}

static void test_bad_json(void **state)
{
        static const char *const bad[] = {
                "{",
                "{}",
                "{\"ts\"}",
                "{\"ts\":}",
                "{\"ts\":1",
                "{\"ts\":1,}",
                "{\"ts\":1}x",
                "{\"ts\":\"1",
                "[1]",
                "{\"ts\":1,\"a\":[1,2}",
                "{\"ts\":1,\"a\":{\"b\":]}}",
                "{\"ts\":\"\\",
                "{\"ts\":1e300,\"uid\":\"C\","
                "\"id.orig_h\":\"10.0.0.5\",\"id.orig_p\":1,\"id.resp_h\":\"192.0.2.1\",\"id.resp_p\":2,\"proto\":"
                "\"tcp\","
                "\"conn_state\":\"S0\"}",
                "{\"ts\":1,\"uid\":\"C\",\"id.orig_h\":\"10.0.0.5\",\"id.orig_p\":\"a\",\"id.resp_h\":\"192.0.2.1\","
                "\"id.resp_p\":2,\"proto\":\"tcp\",\"conn_state\":\"S0\"}",
                "{\"ts\":1,\"uid\":\"C\",\"id.orig_h\":[\"10.0.0.5\"],\"id.orig_p\":1,\"id.resp_h\":\"192.0.2.1\","
                "\"id.resp_p\":2,\"proto\":\"tcp\",\"conn_state\":\"S0\"}",
                "plain text",
        };
        static const char good[] =
                "{\"ts\":1600000000123,\"uid\":\"C\",\"id.orig_h\":\"10.0.0.5\",\"id.orig_p\":1,"
                "\"id.resp_h\":\"192.0.2.1\",\"id.resp_p\":2,\"proto\":\"tcp\",\"conn_state\":\"S0\"}";

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                char text[1024];
                struct rig r;

                snprintf(text, sizeof(text), "%s\n%s\n%s\n", good, bad[i], good);
                rig_read(&r, "x", text);
                assert_int_equal(r.stats.bad_lines, 1);
                assert_int_equal(r.n, 4);
                assert_int_equal(r.e[0].time, 1600000000123 * NSEC_PER_MSEC);
                rig_end(&r);
        }
}

/* Brackets without end, and deeper than anybody nests. */
static void test_deep_json(void **state)
{
        static char text[60000];
        struct rig r;
        int n = snprintf(text, sizeof(text), "{\"ts\":1,\"uid\":\"C\",\"a\":");

        (void) state;
        memset(text + n, '[', sizeof(text) - (size_t) n - 1);
        rig_read(&r, "conn.log", text);
        assert_int_equal(r.stats.bad_lines, 1);
        rig_end(&r);
}

/* CRLF, another order of columns midway, and another log behind it. */
static void test_header_changes(void **state)
{
        struct rig r;

        (void) state;
        READ(&r, "x",
             "#separator \\x2c\r\n#set_separator,;\r\n#empty_field,(empty)\r\n#unset_field,NIL\r\n#path,conn\r\n",
             "#fields,ts,uid,id.orig_h,id.orig_p,id.resp_h,id.resp_p,proto,conn_state,orig_bytes\r\n",
             "1,C1,10.0.0.5,1,192.0.2.1,2,tcp,S0,NIL\r\n",
             "#fields,uid,ts,id.orig_h,id.orig_p,id.resp_h,id.resp_p,conn_state,proto\r\n",
             "C2,2,10.0.0.5,1,192.0.2.1,2,S0,tcp\r\n#close\r\n", FIELDS("dns", "proto\tquery"),
             OUT("D", "udp\texample.com"), "#fields\nC3\t3\n");
        assert_int_equal(r.n, 5);
        assert_int_equal(r.e[0].time, NSEC_PER_SEC);
        assert_int_equal(r.e[2].time, 2 * NSEC_PER_SEC);
        assert_int_equal(r.e[4].type, EVENT_DNS);
        assert_int_equal(r.stats.bad_lines, 1); /* without columns there are no values */
        assert_true(rig_gap(&r, "columns that are not there: service duration resp_bytes history") >= 0);
        rig_end(&r);
}

/* More text with escapes than there is room for: cut and marked, not lost. */
static void test_scratch_full(void **state)
{
        static char text[64000];
        struct rig r;
        int n = snprintf(text, sizeof(text),
                         FIELDS("http", "method\turi\tstatus_code") "1\tH\t10.0.0.5\t1\t192.0.2.1\t80\tGET\t");

        (void) state;
        for (; n < 60000; n += 4)
                memcpy(text + n, "\\x41", 4);
        snprintf(text + n, sizeof(text) - (size_t) n, "\t200\n");
        rig_read(&r, "x", text);
        assert_int_equal(r.n, 2);
        assert_int_equal(r.e[0].ends.flags & ENDS_CUT, ENDS_CUT);
        assert_int_equal(r.e[0].http.uri_len, 4096); /* 16384 bytes of escapes */
        rig_end(&r);
}

static void test_names(void **state)
{
        static const char record[] = "{\"ts\":1,\"uid\":\"C\",\"id.orig_h\":\"10.0.0.5\",\"id.orig_p\":1,\"id.resp_h\":"
                                     "\"192.0.2.1\",\"id.resp_p\":2,\"proto\":\"tcp\"}\n";
        /* as Zeek, its control program, logrotate and those who label name them */
        static const char *const names[] = {
                "conn.log",         "conn.2026-11-21-00-00-00.log",      "/logs/conn.00:00:00-01:00:00.log.gz",
                "conn.log.labeled", "conn_2026-11-21-00-00-00+0000.log", "conn-2026.json",
        };
        struct rig r;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                rig_read(&r, names[i], record);
                assert_int_equal(r.n, 2);
                assert_int_equal(r.e[0].type, EVENT_FLOW);
                rig_end(&r);
        }
        rig_read(&r, "weird.log", record);
        assert_int_equal(r.n, 0);
        assert_int_equal(r.stats.bad_lines, 0);
        assert_int_equal(r.lost[rig_gap(&r, "not_in_log: a log of Zeek that is not used (weird.log)")], 1);
        rig_end(&r);
}

static void test_data(void **state)
{
        /* Events as counted apart from the program, from the files' columns. Without ICMP errors. Of
         * flows: a start and an end for each, and that they were answered for those that lasted. */
        static const struct {
                const char *home, *path;
                uint64_t events, bad;
        } files[] = {
                {"172.16.1.11/32", "zeek/002-port-scan/conn.log", 2 * 4487 + 58, 0},
                {"10.8.0.0/24", "zeek/003-android-rat/dns.log", 2, 0},
                {"192.168.0.0/16", "zeek/005-simda-dga/http.log", 992 + 974 + 99, 0},
                {"147.32.0.0/16", "zeek/008-mixed-day/data/conn.log.labeled", 2 * 5661 + 449, 0},
                {"147.32.0.0/16", "zeek/008-mixed-day/data/http.log.labeled", 330 + 276 + 105, 0},
                {"147.32.0.0/16", "zeek/008-mixed-day/data/ssl.log.labeled", 545 + 205, 0},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                struct rig r;

                if (!rig_data(&r, files[i].home, files[i].path)) {
                        print_message("no shared data (SEKIMORI_DATA)\n");
                        skip();
                }
                assert_int_equal(r.total - r.gaps, files[i].events);
                assert_int_equal(r.stats.bad_lines, files[i].bad);
                assert_int_equal(r.disorder, 0);
                rig_end(&r);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bad_lines),    cmocka_unit_test(test_bad_json),
                cmocka_unit_test(test_deep_json),    cmocka_unit_test(test_header_changes),
                cmocka_unit_test(test_scratch_full), cmocka_unit_test(test_names),
                cmocka_unit_test(test_data),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
