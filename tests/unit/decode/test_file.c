/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Flows that are a file: programs by their headers, what only begins like one, announced files. */
#include <errno.h>

#include "app_test.h"

extern const struct app_decoder decoder_file;

#define RUN(pieces) app_test_run(&t, &decoder_file, IPPROTO_TCP, pieces, ELEMENTSOF(pieces))

/* A DOS header whose PE header stands at `offset`, and the four bytes there. */
static void make_pe(char p[static 256], uint8_t offset, const char *mark)
{
        memset(p, 0, 256);
        p[0] = 'M';
        p[1] = 'Z';
        p[60] = (char) offset;
        memcpy(p + offset, mark, 4);
}

static void test_program(void **state)
{
        char pe[256], early[256], ne[256];
        struct app_test t;
        const struct app_piece worm[] = {{'<', pe, sizeof(pe)}, {'<', pe, sizeof(pe)}};
        const struct app_piece sent[] = {{'>', pe, 131}, {'>', pe + 131, 1}};
        const struct app_piece at_once[] = {{'>', early, 70}};
        const struct app_piece other[] = {{'>', ne, sizeof(ne)}};
        const struct app_piece cut[] = {{'>', pe, 130}};
        static const struct app_piece elf[] = {APP_SAYS('<', "\x7f"
                                                             "ELF\2\1\1\0\0\0\0\0")};

        (void) state;
        make_pe(pe, 128, "PE\0\0");
        make_pe(early, 64, "PE\0\0");
        make_pe(ne, 128, "NE\0\0");
        assert_string_equal(RUN(worm), "< file seen pe name= size=?\n");
        assert_int_equal(t.result, 1); /* no more is wanted */
        assert_string_equal(RUN(sent), "> file seen pe name= size=?\n");
        assert_string_equal(RUN(at_once), "> file seen pe name= size=?\n");
        assert_string_equal(RUN(other), ""); /* a program of old, or none */
        assert_int_equal(t.result, -EPROTO);
        assert_string_equal(RUN(cut), "");
        assert_string_equal(RUN(elf), "< file seen elf name= size=?\n"); /* it ends early */
}

/* DCC SEND: the receiver acknowledges with numbers of four bytes. */
static void test_announced(void **state)
{
        static const struct app_piece pieces[] = {APP_SAYS('<', "GIF89a"), APP_SAYS('>', "\0\0\0\6"),
                                                  APP_SAYS('<', "xx")};
        struct app_test t;

        (void) state;
        app_test_begin(&t, &decoder_file, IPPROTO_TCP);
        t.decoder->begin(t.state, &(struct slice){"a.exe", 5});
        app_test_feed(&t, pieces, ELEMENTSOF(pieces), 1);
        assert_string_equal(buf_str(&t.log), "< file seen image name=a.exe size=?\n");
}

static void test_probe(void **state)
{
        char pe[256];

#define PROBE(text) app_test_probe(&decoder_file, IPPROTO_TCP, 80, text, sizeof(text) - 1)
        (void) state;
        make_pe(pe, 128, "PE\0\0");
        assert_int_equal(app_test_probe(&decoder_file, IPPROTO_TCP, 80, pe, sizeof(pe)), APP_YES);
        assert_int_equal(app_test_probe(&decoder_file, IPPROTO_TCP, 80, pe, 64), APP_YES);
        assert_int_equal(app_test_probe(&decoder_file, IPPROTO_TCP, 80, pe, 63), APP_MORE);
        pe[60] = 0; /* the PE header within the DOS header */
        assert_int_equal(app_test_probe(&decoder_file, IPPROTO_TCP, 80, pe, 64), APP_NO);
        pe[63] = 1; /* far away */
        assert_int_equal(app_test_probe(&decoder_file, IPPROTO_TCP, 80, pe, 64), APP_NO);
        assert_int_equal(PROBE("\x7f"
                               "ELF\1\1\1"),
                         APP_YES);
        assert_int_equal(PROBE("\x7f"
                               "EL"),
                         APP_MORE);
        assert_int_equal(PROBE("\x7f"
                               "ELF\3\1\1"),
                         APP_NO);
        assert_int_equal(PROBE("\x7f"
                               "elf\1\1\1"),
                         APP_NO);
        assert_int_equal(PROBE("MZ"), APP_MORE);
        assert_int_equal(PROBE("mz"), APP_NO);
        assert_int_equal(PROBE("#!/bin/sh\n"), APP_NO);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_program),
                cmocka_unit_test(test_announced),
                cmocka_unit_test(test_probe),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
