/* SPDX-License-Identifier: GPL-3.0-or-later */
/* FTP's data connections: what the file is, with its name; a listing is no file. */
#include "app_test.h"

extern const struct app_decoder decoder_ftp_data;

static const char *run(struct app_test *t, const char *name, const struct app_piece *pieces, size_t n, size_t step)
{
        app_test_begin(t, &decoder_ftp_data, IPPROTO_TCP);
        t->decoder->begin(t->state, &(struct slice){name, (uint32_t) strlen(name)});
        app_test_feed(t, pieces, n, step);
        return buf_str(&t->log);
}

static void test_file(void **state)
{
        static const struct app_piece elf[] = {
                APP_SAYS('<', "\x7f"
                              "ELF\2\1\1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        };
        static const struct app_piece upload[] = {APP_SAYS('>', "PK\3\4")};
        static const struct app_piece unknown[] = {APP_SAYS('<', "\1\2\3\4")};
        struct app_test t;

        (void) state;
        for (size_t step = 1; step < 100; step += 13) {
                assert_string_equal(run(&t, "readme.txt", elf, 1, step), "< file seen elf name=readme.txt size=?\n");
                assert_int_equal(t.result, 1); /* no more is wanted */
        }
        assert_string_equal(run(&t, "a.zip", upload, 1, SIZE_MAX), "> file seen archive name=a.zip size=?\n");
        assert_string_equal(run(&t, "a", unknown, 1, SIZE_MAX), "< file seen unknown name=a size=?\n");
}

static void test_listing(void **state)
{
        static const struct app_piece list[] = {
                APP_SAYS('<', "-rw-r--r-- 1 ftp ftp 12 Jan 1 2020 a.txt\r\n-rw-r--r-- 1 ftp ftp 12")};
        static const struct app_piece elf[] = {APP_SAYS('<', "\x7f"
                                                             "ELF\2\1\1")};
        struct app_test t;

        (void) state;
        assert_string_equal(run(&t, "", list, 1, SIZE_MAX), "");
        assert_string_equal(run(&t, "", elf, 1, SIZE_MAX), "< file seen elf name= size=?\n"); /* RETR was not seen */
        assert_string_equal(run(&t, "empty", NULL, 0, SIZE_MAX), "");
}

static void test_never_probed(void **state)
{
        (void) state;
        assert_int_equal(app_test_probe(&decoder_ftp_data, IPPROTO_TCP, 20,
                                        "\x7f"
                                        "ELF\2\1\1",
                                        7),
                         APP_NO);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_file),
                cmocka_unit_test(test_listing),
                cmocka_unit_test(test_never_probed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
