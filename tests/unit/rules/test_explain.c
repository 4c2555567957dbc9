/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules in words: every kind of condition says what it means. */
#include "parse_rig.h"

#include "base/buf.h"
#include "rules/explain.h"

static void expect(struct rig *g, const char *rule, const char *text)
{
        struct buf out = BUF_HEAP(1u << 20);
        const struct rule *r = rig_rule(g, rule);

        if (!r)
                fail_msg("%s: %s", rule, g->said[0].reason);
        explain_rule(&out, g->set, r);
        if (!strstr(buf_str(&out), text))
                fail_msg("\"%s\" is not in:\n%s", text, buf_str(&out));
        buf_done(&out);
}

static const struct {
        const char *options, *text;
} said[] = {
        {"", "- once for each flow and direction: only the ends count\n"},
        {"", "is no evidence of a bot"},
        {"content:\"a|00 0d|b\";", "  - payload:\n      contains \"a|00 0d|b\"\n"},
        {"content:!\"a\"; nocase;", "does not contain \"a\", in upper or lower case"},
        {"content:\"a\"; offset:3;", "contains \"a\" from byte 3 on"},
        {"content:\"a\"; offset:3; depth:4;", "within the first 4 bytes, counted from byte 3"},
        {"content:\"a\"; depth:4;", "- places count from the beginning of a packet, or of the stream"},
        {"content:\"a\"; distance:0;", "contains \"a\" after the last match"},
        {"content:\"a\"; distance:2;", "contains \"a\" 2 or more bytes after the last match"},
        {"content:\"a\"; within:5; distance:2;", "within 5 bytes, beginning 2 or more bytes on after the last match"},
        {"content:\"a\"; startswith; endswith;", "at the very beginning at the very end"},
        {"pcre:!\"/a.b/R\";", "does not match /a.b/ after the last match"},
        {"isdataat:!1,relative;", "has no more than 1 byte after the last match"},
        {"isdataat:7;", "has more than 7 bytes\n"},
        {"byte_test:2,!&,0x80,4,relative,little;", "it is not so that the number in 2 bytes (least significant "
                                                   "first) at 4 from the last match has one of the "
                                                   "bits of 128"},
        {"byte_test:4,>,4294967295,0,string,hex;", "the number in 4 hexadecimal digits at 0 is more than 4294967295"},
        {"byte_test:0,<,5,0,string,dec;", "the decimal number at 0 is less than 5"},
        {"byte_jump:2,0,relative,multiplier 2,post_offset -3,from_beginning;",
         "goes on as far as the number in 2 bytes at 0 from the last match says, times 2, and -3 bytes, "
         "counted from "
         "the beginning"},
        {"byte_jump:0,0,from_end,post_offset -3;", "goes on, and -3 bytes, counted from the end"},
        {"byte_extract:1,2,n,bitmask 0x0f; content:\"a\"; offset:n;", "as variable 1\n      contains \"a\" from byte "
                                                                      "variable 1 on"},
        {"byte_math:bytes 1,offset 0,oper <<,rvalue 3,result n;", "at 0, << 3, as variable 1"},
        {"http.uri; bsize:3<>9;", "the URI, decoded:\n      is longer than 3 and shorter than 9 bytes"},
        {"urilen:>9;", "is longer than 9 bytes"},
        {"urilen:!9;", "is not exactly 9 bytes long"},
        {"dns.query; dotprefix; to_lowercase; content:\"a\";",
         "the name asked for, with a dot before it, in lower case:"},
        {"flags:SA,12;", "the TCP flags are exactly SYN, ACK, not looking at ECE, CWR"},
        {"flags:+S;", "the TCP flags have all of SYN"},
        {"flags:!S;", "the TCP flags have not all of SYN"},
        {"flags:*SF;", "the TCP flags have one of FIN, SYN"},
        {"flags:0;", "the TCP flags are exactly none"},
        {"fragbits:D;", "the bits of fragmentation are exactly don't fragment"},
        {"dsize:300<>400;", "the payload's length is more than 300 and less than 400"},
        {"ttl:!64;", "the time to live is not 64"},
        {"icode:>3;", "the ICMP code is more than 3"},
        {"sameip;", "source and destination are the same address"},
        {"ipopts:any;", "there are IP options"},
        {"ipopts:rr;", "there is the IP option 7"},
        {"udpv4-csum:invalid;", "the checksum is wrong"},
        {"stream_size:both,<=,9;", "what each side has sent, in bytes, is at most 9"},
        {"app-layer-protocol:!tls,final;", "the protocol is not tls, once that is certain"},
        {"app-layer-protocol:failed;", "the protocol is one that is not recognised"},
        {"stream-event:reassembly_seq_gap;", "it happens: reassembly_seq_gap"},
        {"ssl_version:sslv3,tls1.3;", "the version is one of SSL 3, TLS 1.3"},
        {"ssl_state:client_hello;", "of the handshake there was one of client hello"},
        {"flow:established,to_client;", "  - the server sends it\n  - both sides were heard before"},
        {"flowbits:isset,a|b;", "the flow's bit \"a\" or \"b\" is set"},
        {"flowbits:toggle,a;", "A match\n  turns over the flow's bit \"a\""},
        {"flowint:a,>=,b;", "the flow's number \"a\" is at least \"b\""},
        {"flowint:a,+,5;", "adds to the flow's number \"a\" the value 5"},
        {"flowint:a,notset;", "the flow's number \"a\" is not there yet"},
        {"xbits:set,x,track ip_pair,expire 9;", "sets the bit \"x\" of the pair of hosts for 9 s"},
        {"hostbits:isnotset,x,dst;", "the bit \"x\" of the receiver is not set"},
        {"threshold:type limit,track by_src,count 2,seconds 9;", "alerts at most 2 times in 9 s for each sender"},
        {"threshold:type threshold,track by_dst,count 3,seconds 9;", "alerts at every 3rd match within 9 s for each "
                                                                     "receiver"},
        {"threshold:type both,track by_both,count 11,seconds 9;", "alerts once in 9 s for each pair of hosts, at the "
                                                                  "11th match"},
        {"detection_filter:track by_src,count 1,seconds 9;", "alerts when there were 1 match before within 9 s"},
        {"threshold:type backoff,track by_flow,count 1,multiplier 10;", "alerts at match 1, then ever more rarely: "
                                                                        "times 10"},
        {"noalert; content:\"x\";", "Looks, without an alert, for TCP"},
        {"reference:cve,2004-1; metadata:a b, c d;", "see cve 2004-1\n  said of it: a b, c d\n"},
        {"gid:9;", "9:1, rev 0: "},
};

static void test_options(void **state)
{
        char rule[1024];

        for (size_t i = 0; i < ELEMENTSOF(said); i++) {
                (void) snprintf(rule, sizeof(rule), "alert tcp any any -> any any (%s sid:1;)", said[i].options);
                expect(*state, rule, said[i].text);
        }
}

static void test_ends(void **state)
{
        static const struct {
                const char *header, *text;
        } rows[] = {
                {"alert http 192.0.2.0/24 any -> any !80",
                 "Alerts on HTTP\n  from 192.0.2.0/24, any port\n  to any address, any "
                 "port but 80\n"},
                {"drop udp !192.0.2.1 53 -> [192.0.2.1-192.0.2.9] [1:5,9]",
                 "Alerts (drop: nothing is dropped here) on UDP\n  from any address but 192.0.2.1, port 53\n  to "
                 "192.0.2.1 to "
                 "192.0.2.9, port 1 to 5, 9\n"},
                {"pass ip6 2001:db8::/32 any <> any 1:",
                 "Does not alert, and no other rule does, on any IP traffic over "
                 "IPv6\n  from 2001:db8::/32, any port\n  to any address, port 1 to "
                 "65535\n  or the other way round\n"},
                {"reject tcp 0.0.0.0/0 any -> any [1,3,5,7,9,11,13,15,17,19]",
                 "from 0.0.0.0/0, any port\n  to any address, port 1, 3, 5, 7, 9, 11, 13, 15 and 2 more ranges\n"},
        };
        char rule[1024];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                (void) snprintf(rule, sizeof(rule), "%s (sid:1;)", rows[i].header);
                expect(*state, rule, rows[i].text);
        }
}

/* Nothing of a rule's text drives a terminal. */
static void test_hostile(void **state)
{
        expect(*state, "alert tcp any any -> any any (msg:\"\x1b[2J\"; flowbits:set,\x1b[2J; sid:1;)", "\\x1b[2J");
        expect(*state, "alert tcp any any -> any any (pcre:\"/\x1b[2J]/\"; sid:1;)", "\\x1b[2J]");
}

int main(void)
{
        const struct CMUnitTest tests[] = {RIG_TEST(test_options), RIG_TEST(test_ends), RIG_TEST(test_hostile)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
