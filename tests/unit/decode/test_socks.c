/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SOCKS: each version, negotiation, refusals, what is granted and what follows. */
#include <errno.h>

#include "app_test.h"

extern const struct app_decoder decoder_socks;

#define RUN(pieces) app_test_run(&t, &decoder_socks, IPPROTO_TCP, pieces, ELEMENTSOF(pieces))

static void test_version4(void **state)
{
        static const struct app_piece plain[] = {
                APP_SAYS('>', "\4\1\0\x19\xc0\0\2\1user\0"),
                APP_SAYS('<', "\0\x5a\0\0\0\0\0\0"
                              "220 mx ESMTP\r\n"),
        };
        static const struct app_piece named[] = {
                APP_SAYS('>', "\4\1\0\x19\0\0\0\1\0mx.example.org\0"),
                APP_SAYS('<', "\0\x5b\0\0\0\0\0\0"),
                APP_SAYS('<', "more"),
        };
        struct app_test t;

        (void) state;
        assert_string_equal(RUN(plain), "> proxy request socks4 name= 192.0.2.1 port=25\n"
                                        "< proxy reply socks4 name= 192.0.2.1 port=25 granted=1\n"
                                        "switch unknown\n");
        assert_int_equal(t.rest, 14); /* the server's first words are the tunnel's */
        assert_string_equal(RUN(named), "> proxy request socks4 name=mx.example.org port=25\n"
                                        "< proxy reply socks4 name=mx.example.org port=25\n");
        assert_int_equal(t.result, 1); /* refused: no more is wanted */
}

static void test_version5(void **state)
{
        static const struct app_piece named[] = {
                APP_SAYS('>', "\5\3\0\1\2"),
                APP_SAYS('<', "\5\0"),
                APP_SAYS('>', "\5\1\0\3\x0emx.example.org\0\x19"),
                APP_SAYS('<', "\5\0\0\3\1x\0\0"),
        };
        static const struct app_piece password[] = {
                APP_SAYS('>', "\5\1\2"),
                APP_SAYS('<', "\5\2"),
                APP_SAYS('>', "\1\6secret\6secret"),
                APP_SAYS('<', "\1\0"),
                APP_SAYS('>', "\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\1\xbb"),
                APP_SAYS('<', "\5\5\0\1\0\0\0\0\0\0"),
        };
        static const struct app_piece eager[] = {
                APP_SAYS('>', "\5\1\0\5\1\0\1\xc0\0\2\1\0\x50GET / HTTP/1.0\r\n"),
                APP_SAYS('<', "\5\0\5\0\0\1\0\0\0\0\0\0HT"),
        };
        struct app_test t;

        (void) state;
        assert_string_equal(RUN(named), "> proxy request socks5 name=mx.example.org port=25\n"
                                        "< proxy reply socks5 name=mx.example.org port=25 granted=1\n"
                                        "switch unknown\n");
        assert_string_equal(RUN(password), "> proxy request socks5 name= 2001:db8::1 port=443\n"
                                           "< proxy reply socks5 name= 2001:db8::1 port=443\n");
        assert_string_equal(RUN(eager), "> proxy request socks5 name= 192.0.2.1 port=80\n"
                                        "< proxy reply socks5 name= 192.0.2.1 port=80 granted=1\n"
                                        "switch unknown\n");
        assert_int_equal(t.rest, 2);
}

static void test_refused(void **state)
{
        static const struct app_piece no_method[] = {APP_SAYS('>', "\5\1\0"), APP_SAYS('<', "\5\xff"),
                                                     APP_SAYS('>', "\5\1\0\1aaaabb")};
        static const struct app_piece wrapped[] = {APP_SAYS('>', "\5\2\0\1"), APP_SAYS('<', "\5\1"),
                                                   APP_SAYS('>', "\1\1\0\1x")};
        static const struct app_piece password[] = {APP_SAYS('>', "\5\1\2"), APP_SAYS('<', "\5\2\1\1\5\0\0\1aaaabb")};
        struct app_test t;

        (void) state;
        assert_string_equal(RUN(no_method), "");
        assert_string_equal(RUN(wrapped), "");
        assert_string_equal(RUN(password), "");
}

/* BIND is answered twice (RFC 1928 4); what UDP ASSOCIATE brings is not in this flow. */
static void test_other_commands(void **state)
{
        static const struct app_piece bind[] = {
                APP_SAYS('>', "\5\1\0\5\2\0\1\xc0\0\2\1\0\x15"),
                APP_SAYS('<', "\5\0\5\0\0\1\x0a\0\0\2\4\1"),
                APP_SAYS('<', "\5\0\0\1\xc0\0\2\1\0\x14"),
        };
        static const struct app_piece udp[] = {
                APP_SAYS('>', "\5\1\0\5\3\0\1\0\0\0\0\0\0"),
                APP_SAYS('<', "\5\0\5\0\0\1\x0a\0\0\2\4\1"),
        };
        struct app_test t;

        (void) state;
        assert_string_equal(RUN(bind), "> proxy request socks5 name= 192.0.2.1 port=21\n"
                                       "< proxy reply socks5 name= 192.0.2.1 port=21 granted=1\n"
                                       "< proxy reply socks5 name= 192.0.2.1 port=21 granted=1\n"
                                       "switch unknown\n");
        assert_string_equal(RUN(udp), "> proxy request socks5 name=\n< proxy reply socks5 name= granted=1\n");
}

static void test_hostile(void **state)
{
        static char endless[700];
        struct app_test t;
        const struct app_piece user[] = {APP_SAYS('>', "\4\1\0\x19\xc0\0\2\1"), {'>', endless, sizeof(endless)}};
        static const struct app_piece type[] = {APP_SAYS('>', "\5\1\0\5\1\0\2aaaa")};
        static const struct app_piece command[] = {APP_SAYS('>', "\5\1\0\5\x09\0\1aaaabb")};
        static const struct app_piece version[] = {APP_SAYS('>', "\6\1\0")};
        static const struct app_piece reply[] = {APP_SAYS('>', "\4\1\0\x19\xc0\0\2\1\0"), APP_SAYS('<', "HTTP/1.1")};
        static const struct app_piece alone[] = {APP_SAYS('<', "\5\0\5\0\0\1\x0a\0\0\2\4\1")};

        (void) state;
        memset(endless, 'u', sizeof(endless));
        assert_string_equal(RUN(user), "");
        assert_int_equal(t.result, -EPROTO);
        assert_string_equal(RUN(type), "");
        assert_int_equal(t.result, -EPROTO);
        assert_string_equal(RUN(command), "");
        assert_int_equal(t.result, -EPROTO);
        assert_string_equal(RUN(version), "");
        assert_int_equal(t.result, -EPROTO);
        RUN(reply);
        assert_int_equal(t.result, -EPROTO);
        assert_string_equal(RUN(alone), ""); /* nobody asked */
}

static void test_probe(void **state)
{
        struct app_context c = {.proto = IPPROTO_TCP};

#define PROBE(text) app_test_probe(&decoder_socks, IPPROTO_TCP, 31337, text, sizeof(text) - 1)
        (void) state;
        assert_int_equal(PROBE("\5\1\0"), APP_YES);
        assert_int_equal(PROBE("\5\2\0\2"), APP_YES);
        assert_int_equal(PROBE("\5\1\0\5\1\0\1"), APP_YES);
        assert_int_equal(PROBE("\5\1\2\1\1a\1b"), APP_YES);
        assert_int_equal(PROBE("\5\2\0"), APP_MORE);
        assert_int_equal(PROBE("\5\1\0\5"), APP_MORE);
        assert_int_equal(PROBE("\5\0\0"), APP_NO);   /* no methods: DCE/RPC begins like that */
        assert_int_equal(PROBE("\5\2\0\0"), APP_NO); /* one method twice */
        assert_int_equal(PROBE("\5\1\x40"), APP_NO); /* not assigned */
        assert_int_equal(PROBE("\5\1\0X\1\0\1"), APP_NO);
        assert_int_equal(PROBE("\5\1\0\1\1a\1b"), APP_NO); /* a password that was not offered */
        assert_int_equal(PROBE("\4\1\0\x19\xc0\0\2\1user\0"), APP_YES);
        assert_int_equal(PROBE("\4\1\0\x19\0\0\0\1u\0host\0"), APP_YES);
        assert_int_equal(PROBE("\4\1\0\x19\0\0\0\1u\0host"), APP_MORE);
        assert_int_equal(PROBE("\4\1\0\x19\xc0\0\2\1us\1r\0"), APP_NO);
        assert_int_equal(PROBE("\4\1\0\0\xc0\0\2\1user\0"), APP_NO);
        assert_int_equal(PROBE("\4\1\0\x19\xc0\0\2\1u\0more"), APP_NO);
        assert_int_equal(PROBE("\4\3\0\x19"), APP_NO);
        /* only who opens the flow asks */
        assert_int_equal(decoder_socks.probe(&c, (const uint8_t *) "\5\1\0", 3), APP_NO);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_version4),       cmocka_unit_test(test_version5), cmocka_unit_test(test_refused),
                cmocka_unit_test(test_other_commands), cmocka_unit_test(test_hostile),  cmocka_unit_test(test_probe),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
