/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TFTP: the request announces, the first block of data says what the file is. */
#include <errno.h>

#include "app_test.h"

extern const struct app_decoder decoder_tftp;

static const char *run(struct app_test *t, const char *announced, const struct app_piece *pieces, size_t n)
{
        app_test_begin(t, &decoder_tftp, IPPROTO_UDP);
        if (announced)
                t->decoder->begin(t->state, &(struct slice){announced, (uint32_t) strlen(announced)});
        app_test_feed(t, pieces, n, SIZE_MAX);
        return buf_str(&t->log);
}
#define RUN(announced, pieces) run(&t, announced, pieces, ELEMENTSOF(pieces))

static void test_request(void **state)
{
        static const struct app_piece read[] = {APP_SAYS('>', "\0\1update.exe\0octet\0tsize\0000\0blksize\0001428\0")};
        static const struct app_piece write[] = {APP_SAYS('>', "\0\2dir/a b\0NetASCII\0")};
        static const struct app_piece turned[] = {APP_SAYS('<', "\0\1x\0octet\0")};
        struct app_test t;

        (void) state;
        assert_string_equal(RUN(NULL, read), "expect 10.0.0.1 40000 tftp name=update.exe\n");
        assert_string_equal(RUN(NULL, write), "expect 10.0.0.1 40000 tftp name=dir/a b\n");
        assert_string_equal(RUN(NULL, turned), "expect 10.0.0.2 4000 tftp name=x\n");
}

/* The server opens the announced flow. */
static void test_transfer(void **state)
{
        static const struct app_piece read[] = {
                APP_SAYS('>', "\0\6tsize\000173056\0"),
                APP_SAYS('<', "\0\4\0\0"),
                APP_SAYS('>', "\0\3\0\1\x7f"
                              "ELF\2\1\1\0\0\0\0\0"),
                APP_SAYS('<', "\0\4\0\1"),
                APP_SAYS('>', "\0\3\0\2MZ"),
                APP_SAYS('>', "\0\3\0\1MZ"),
        };
        static const struct app_piece write[] = {APP_SAYS('>', "\0\4\0\0"), APP_SAYS('<', "\0\3\0\1#!/bin/sh\n")};
        static const struct app_piece refused[] = {APP_SAYS('>', "\0\5\0\1File not found\0")};
        static const struct app_piece empty[] = {APP_SAYS('>', "\0\3\0\1")};
        static const struct app_piece same_port[] = {APP_SAYS('>', "\0\1x.sh\0octet\0"),
                                                     APP_SAYS('<', "\0\3\0\1#!/bin/sh\n")};
        struct app_test t;

        (void) state;
        assert_string_equal(RUN("update.exe", read), "> file seen elf name=update.exe size=173056\n");
        assert_string_equal(RUN("up.sh", write), "< file seen script name=up.sh size=?\n");
        assert_string_equal(RUN("x", refused), "");
        assert_string_equal(RUN("x", empty), "");
        assert_int_equal(t.result, 0);
        assert_string_equal(RUN(NULL, same_port),
                            "expect 10.0.0.1 40000 tftp name=x.sh\n< file seen script name=x.sh size=?\n");
}

static void test_probe(void **state)
{
#define PROBE(text) app_test_probe(&decoder_tftp, IPPROTO_UDP, 31337, text, sizeof(text) - 1)
        (void) state;
        assert_int_equal(PROBE("\0\1a\0octet\0"), APP_YES);
        assert_int_equal(PROBE("\0\2a\0MAIL\0"), APP_YES);
        assert_int_equal(PROBE("\0\1a\0octet"), APP_NO);      /* the last NUL is missing */
        assert_int_equal(PROBE("\0\1\0octet\0"), APP_NO);     /* no name */
        assert_int_equal(PROBE("\0\1a\nb\0octet\0"), APP_NO); /* control bytes */
        assert_int_equal(PROBE("\0\1a\0octets\0"), APP_NO);
        assert_int_equal(PROBE("\0\1a\0octet\0x\0"), APP_NO); /* an option without a value */
        assert_int_equal(PROBE("\0\3\0\1MZ"), APP_NO);        /* data alone says nothing */
        assert_int_equal(PROBE("\1\1a\0octet\0"), APP_NO);
        assert_int_equal(PROBE(""), APP_NO);
        assert_int_equal(PROBE("\0"), APP_NO);
}

static void test_hostile(void **state)
{
        static const struct app_piece bad[] = {
                APP_SAYS('>', "\0"),        APP_SAYS('>', "\0\3\0"), APP_SAYS('>', "\0\7xx"), APP_SAYS('>', "\1\3\0\1"),
                APP_SAYS('>', "\0\6tsize"), APP_SAYS('>', "\0\1a"),  APP_SAYS('>', "\0\4\0"),
        };
        static char name[400];
        struct app_test t;
        const struct app_piece data = APP_SAYS('>', "\0\3\0\1PK\3\4aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        const struct app_piece numbers = APP_SAYS('>', "\0\6tsize\0009999999999999999999999999\0tsize\0\x31z\0");

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                assert_string_equal(run(&t, "x", &bad[i], 1), "");
                assert_int_equal(t.result, -EPROTO);
        }
        memset(name, 'n', sizeof(name) - 1);
        memcpy(name + sizeof(name) - 5, ".exe", 4); /* the end of a name counts */
        assert_non_null(strstr(run(&t, name, &data, 1), "nnn.exe size=?\n"));
        assert_string_equal(run(&t, "x", &numbers, 1), "");
        assert_int_equal(t.result, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_request),
                cmocka_unit_test(test_transfer),
                cmocka_unit_test(test_probe),
                cmocka_unit_test(test_hostile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
