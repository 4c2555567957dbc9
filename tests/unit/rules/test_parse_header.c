/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The header of a rule: actions, protocols, addresses, ports, variables, directions. */
#include "parse_rig.h"

#include <netinet/in.h>

#include "base/buf.h"
#include "rules/ranges.h"

static const struct rule *header(struct rig *g, const char *text)
{
        const struct rule *r;

        (void) snprintf(g->text, sizeof(g->text), "%s (sid:1;)", text);
        r = rig_rule(g, g->text);
        if (!r)
                fail_msg("%s: %s", text, g->said[0].reason);
        return r;
}

static void refused(struct rig *g, const char *text, enum rule_problem_kind kind, const char *reason)
{
        char rule[1024];

        (void) snprintf(rule, sizeof(rule), "%s (sid:1;)", text);
        rig_refused(g, rule, kind, "", reason);
        assert_int_equal(g->said[0].sid, 1);
}

/* "10.0.0.0-10.255.255.255 ::-…" */
static const char *show(const struct rule_end *e, bool ports, char text[static 1024])
{
        struct buf out = {.data = text, .size = 1024, .max = 1023, .fixed = true};
        char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX];

        text[0] = '\0';
        for (uint32_t i = 0; ports && i < e->n_ports; i++)
                (void) buf_printf(&out, "%s%u-%u", i ? " " : "", e->ports[i].from, e->ports[i].to);
        for (uint32_t i = 0; !ports && i < e->n_addrs; i++)
                (void) buf_printf(&out, "%s%s-%s", i ? " " : "", addr_format(&e->addrs[i].from, from),
                                  addr_format(&e->addrs[i].to, to));
        return text;
}

static void test_actions(void **state)
{
        static const struct {
                const char *name;
                enum rule_action action;
        } rows[] = {{"alert", RULE_ALERT},      {"drop", RULE_DROP},        {"pass", RULE_PASS},
                    {"reject", RULE_REJECT},    {"rejectsrc", RULE_REJECT}, {"rejectdst", RULE_REJECT},
                    {"rejectboth", RULE_REJECT}};
        char text[128];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                (void) snprintf(text, sizeof(text), "%s tcp any any -> any any", rows[i].name);
                assert_int_equal(header(*state, text)->action, rows[i].action);
        }
        refused(*state, "log tcp any any -> any any", PROBLEM_SYNTAX, "no action");
        refused(*state, "accept:packet tcp:all any any <> any any", PROBLEM_SYNTAX, "no action");
}

static void test_protocols(void **state)
{
        static const struct {
                const char *name;
                uint8_t proto, app;
                uint32_t flags;
        } rows[] = {
                {"ip", 0, APP_UNKNOWN, RULE_IP_ONLY},
                {"ip4", 0, APP_UNKNOWN, RULE_IP_ONLY | RULE_ONLY_V4},
                {"ipv4", 0, APP_UNKNOWN, RULE_IP_ONLY | RULE_ONLY_V4},
                {"ip6", 0, APP_UNKNOWN, RULE_IP_ONLY | RULE_ONLY_V6},
                {"ipv6", 0, APP_UNKNOWN, RULE_IP_ONLY | RULE_ONLY_V6},
                {"tcp", IPPROTO_TCP, APP_UNKNOWN, RULE_IP_ONLY},
                {"tcp-pkt", IPPROTO_TCP, APP_UNKNOWN, RULE_IP_ONLY | RULE_ONLY_PACKET},
                {"tcp-stream", IPPROTO_TCP, APP_UNKNOWN, RULE_IP_ONLY | RULE_ONLY_STREAM},
                {"udp", IPPROTO_UDP, APP_UNKNOWN, RULE_IP_ONLY},
                {"icmp", IPPROTO_ICMP, APP_UNKNOWN, RULE_IP_ONLY},
                {"icmpv4", IPPROTO_ICMP, APP_UNKNOWN, RULE_IP_ONLY | RULE_ONLY_V4},
                {"icmpv6", IPPROTO_ICMPV6, APP_UNKNOWN, RULE_IP_ONLY | RULE_ONLY_V6},
                {"sctp", IPPROTO_SCTP, APP_UNKNOWN, RULE_IP_ONLY},
                {"http", IPPROTO_TCP, APP_HTTP, 0},
                {"http1", IPPROTO_TCP, APP_HTTP, 0},
                {"HTTP", IPPROTO_TCP, APP_HTTP, 0},
                {"tls", IPPROTO_TCP, APP_TLS, 0},
                {"ssl", IPPROTO_TCP, APP_TLS, 0},
                {"dns", 0, APP_DNS, 0},
                {"smtp", IPPROTO_TCP, APP_SMTP, 0},
                {"ftp", IPPROTO_TCP, APP_FTP, 0},
                {"ftp-data", IPPROTO_TCP, APP_FTP_DATA, 0},
                {"ssh", IPPROTO_TCP, APP_SSH, 0},
                {"smb", IPPROTO_TCP, APP_SMB, 0},
                {"irc", IPPROTO_TCP, APP_IRC, 0},
                {"imap", IPPROTO_TCP, APP_IMAP, 0},
                {"pop3", IPPROTO_TCP, APP_POP3, 0},
                {"rdp", 0, APP_RDP, 0},
                {"sip", 0, APP_SIP, 0},
                {"tftp", IPPROTO_UDP, APP_TFTP, 0},
                {"ntp", IPPROTO_UDP, APP_NTP, 0},
                {"dhcp", IPPROTO_UDP, APP_DHCP, 0},
                {"snmp", IPPROTO_UDP, APP_SNMP, 0},
                {"quic", IPPROTO_UDP, APP_QUIC, 0},
                {"bittorrent-dht", 0, APP_BITTORRENT, 0},
        };
        char text[128];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const struct rule *r;

                (void) snprintf(text, sizeof(text), "alert %s any any -> any any", rows[i].name);
                r = header(*state, text);
                assert_int_equal(r->proto, rows[i].proto);
                assert_int_equal(r->app, rows[i].app);
                assert_int_equal(r->flags, rows[i].flags);
        }
        refused(*state, "alert http2 any any -> any any", PROBLEM_PROTOCOL, "not decoded");
        refused(*state, "alert dcerpc any any -> any any", PROBLEM_PROTOCOL, "not decoded");
        refused(*state, "alert pkthdr any any -> any any", PROBLEM_PROTOCOL, "not decoded");
        refused(*state, "alert tcp2 any any -> any any", PROBLEM_SYNTAX, "no protocol");
        refused(*state, "alert unknown any any -> any any", PROBLEM_SYNTAX, "no protocol");
        refused(*state, "alert file any any -> any any", PROBLEM_SYNTAX, "no protocol");
}

static void test_addresses(void **state)
{
        static const struct {
                const char *text, *shown;
        } rows[] = {
                {"192.0.2.1", "192.0.2.1-192.0.2.1"},
                {"192.0.2.77/24", "192.0.2.0-192.0.2.255"},
                {"192.0.2.0/255.255.255.0", "192.0.2.0-192.0.2.255"},
                {"192.0.2.5-192.0.2.9", "192.0.2.5-192.0.2.9"},
                {"192.0.2.1/32", "192.0.2.1-192.0.2.1"},
                {"0.0.0.0/0", "0.0.0.0-255.255.255.255"},
                {"[192.0.2.1,192.0.2.3]", "192.0.2.1-192.0.2.1 192.0.2.3-192.0.2.3"},
                {"[192.0.2.3, 192.0.2.1 ,192.0.2.2]", "192.0.2.1-192.0.2.3"},
                {"[192.0.2.0/25,192.0.2.128/25]", "192.0.2.0-192.0.2.255"},
                {"[192.0.2.0/24,!192.0.2.4]", "192.0.2.0-192.0.2.3 192.0.2.5-192.0.2.255"},
                {"[192.0.2.0/24,!192.0.2.0,!192.0.2.255]", "192.0.2.1-192.0.2.254"},
                {"[192.0.2.0/24,![192.0.2.0/25,192.0.2.128]]", "192.0.2.129-192.0.2.255"},
                {"[192.0.2.0/24,![192.0.2.0/25,!192.0.2.1]]", "192.0.2.1-192.0.2.1 192.0.2.128-192.0.2.255"},
                {"[[192.0.2.1],[[192.0.2.2]]]", "192.0.2.1-192.0.2.2"},
                {"2001:db8::/32", "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
                {"[2001:db8::1,2001:db8::2]", "2001:db8::1-2001:db8::2"},
                {"2001:db8::1-2001:db8::5", "2001:db8::1-2001:db8::5"},
                /* All of IPv6 is not IPv4, which has its place within it. */
                {"::/0", "::-::fffe:ffff:ffff ::1:0:0:0-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
                {"[0.0.0.0/0,::/0]", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
                {"!192.0.2.1", "::-192.0.2.0 192.0.2.2-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
                {"!!192.0.2.1", "192.0.2.1-192.0.2.1"},
                {"![!192.0.2.1]", "192.0.2.1-192.0.2.1"},
                {"$TWO", "192.0.2.1-192.0.2.2"},
                {"!$ALL_BUT", "192.0.2.0-192.0.2.255"},
                {"[$TWO,192.0.2.3]", "192.0.2.1-192.0.2.3"},
                {"[$NESTED,!$TWO]", "192.0.2.7-192.0.2.7"},
        };
        static const struct rule_variable variables[] = {{"TWO", "[192.0.2.1,192.0.2.2]", false},
                                                         {"ALL_BUT", "!192.0.2.0/24", false},
                                                         {"NESTED", "[$TWO, 192.0.2.7]", false}};
        struct rig *g = *state;
        char text[256], shown[1024];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                rig_begin(g, variables, ELEMENTSOF(variables));
                (void) snprintf(text, sizeof(text), "alert tcp %s any -> %s any (sid:1;)\n", rows[i].text,
                                rows[i].text);
                rig_add(g, "x", text);
                assert_int_equal(ruleset_count(g->set), 1);
                assert_string_equal(show(&ruleset_rule(g->set, 0)->src, false, shown), rows[i].shown);
                assert_string_equal(show(&ruleset_rule(g->set, 0)->dst, false, shown), rows[i].shown);
                /* Once computed, it is shared. */
                assert_ptr_equal(ruleset_rule(g->set, 0)->src.addrs, ruleset_rule(g->set, 0)->dst.addrs);
                assert_false(ruleset_rule(g->set, 0)->src.any_addr && i != 18);
                rig_end(g);
        }
}

static void test_addresses_refused(void **state)
{
        struct rig *g = *state;

        refused(g, "alert tcp 192.0.2 any -> any any", PROBLEM_VALUE, "no address");
        refused(g, "alert tcp 192.0.2.1/33 any -> any any", PROBLEM_VALUE, "no address");
        refused(g, "alert tcp 192.0.2.1/255.0.255.0 any -> any any", PROBLEM_VALUE, "no address");
        refused(g, "alert tcp 2001:db8::/129 any -> any any", PROBLEM_VALUE, "no address");
        refused(g, "alert tcp 192.0.2.9-192.0.2.1 any -> any any", PROBLEM_VALUE, "no address");
        refused(g, "alert tcp 192.0.2.9-2001:db8::1 any -> any any", PROBLEM_VALUE, "no address");
        refused(g, "alert tcp 192.0.2.1/ any -> any any", PROBLEM_VALUE, "no address");
        refused(g, "alert tcp example.org any -> any any", PROBLEM_VALUE, "no address");
        refused(g, "alert tcp [] any -> any any", PROBLEM_SYNTAX, "empty entry");
        refused(g, "alert tcp [192.0.2.1,] any -> any any", PROBLEM_SYNTAX, "empty entry");
        refused(g, "alert tcp ! any -> any any", PROBLEM_SYNTAX, "empty entry");
        refused(g, "alert tcp [192.0.2.1]x any -> any any", PROBLEM_SYNTAX, "not closed");
        refused(g, "alert tcp !any any -> any any", PROBLEM_VALUE, "no address at all");
        refused(g, "alert tcp [192.0.2.1,!192.0.2.1] any -> any any", PROBLEM_VALUE, "no address at all");
        refused(g, "alert tcp $NOBODY any -> any any", PROBLEM_VARIABLE, "$NOBODY is not defined for addresses");
        refused(g, "alert tcp $HTTP_PORTS any -> any any", PROBLEM_VARIABLE, "not defined");
        refused(g, "alert tcp $ any -> any any", PROBLEM_SYNTAX, "no name");
}

static void test_ports(void **state)
{
        static const struct {
                const char *text, *shown;
        } rows[] = {
                {"80", "80-80"},
                {"0", "0-0"},
                {"1024:", "1024-65535"},
                {":1024", "0-1024"},
                {"6660:6669", "6660-6669"},
                {"[80,443,8000:8080]", "80-80 443-443 8000-8080"},
                {"[80, 81 ,82]", "80-82"},
                {"!80", "0-79 81-65535"},
                {"!80,!443", "0-79 81-442 444-65535"},
                {"![80,443]", "0-79 81-442 444-65535"},
                {"[1:100,!50]", "1-49 51-100"},
                {"$HTTP_PORTS", "80-80"},
                {"!$HTTP_PORTS", "0-79 81-65535"},
                {"[$HTTP_PORTS,$SSH_PORTS]", "22-22 80-80"},
                {"$SHELLCODE_PORTS", "0-79 81-65535"},
                {"[0:65535]", "0-65535"},
        };
        struct rig *g = *state;
        char text[256], shown[1024];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                (void) snprintf(text, sizeof(text), "alert udp any %s -> any any", rows[i].text);
                assert_string_equal(show(&header(g, text)->src, true, shown), rows[i].shown);
        }
        assert_true(header(g, "alert udp any any -> any 0:")->dst.any_port);
        refused(g, "alert udp any : -> any any", PROBLEM_VALUE, "no port");
}

static void test_ports_refused(void **state)
{
        struct rig *g = *state;

        refused(g, "alert tcp any 65536 -> any any", PROBLEM_VALUE, "no port");
        refused(g, "alert tcp any 9:1 -> any any", PROBLEM_VALUE, "no port");
        refused(g, "alert tcp any -1 -> any any", PROBLEM_VALUE, "no port");
        refused(g, "alert tcp any http -> any any", PROBLEM_VALUE, "no port");
        refused(g, "alert tcp any 1:2:3 -> any any", PROBLEM_VALUE, "no port");
        refused(g, "alert tcp any !any -> any any", PROBLEM_VALUE, "no port at all");
        refused(g, "alert tcp any $HOME_NET -> any any", PROBLEM_VARIABLE, "not defined for ports");
        refused(g, "alert tcp any any -> any", PROBLEM_SYNTAX, "header");
        refused(g, "alert tcp any any any any", PROBLEM_SYNTAX, "header");
        refused(g, "alert tcp any any <- any any", PROBLEM_SYNTAX, "no direction");
        refused(g, "alert tcp any any => any any", PROBLEM_OPTION, "transactional");
        refused(g, "alert tcp [any any -> any any", PROBLEM_SYNTAX, "header");
}

static void test_usual_variables(void **state)
{
        static const char *const names[] = {"HOME_NET",      "EXTERNAL_NET", "HTTP_SERVERS",   "SMTP_SERVERS",
                                            "SQL_SERVERS",   "DNS_SERVERS",  "TELNET_SERVERS", "AIM_SERVERS",
                                            "DC_SERVERS",    "DNP3_SERVER",  "DNP3_CLIENT",    "MODBUS_CLIENT",
                                            "MODBUS_SERVER", "ENIP_CLIENT",  "ENIP_SERVER"};
        static const char *const ports[] = {"HTTP_PORTS",   "SHELLCODE_PORTS", "ORACLE_PORTS", "SSH_PORTS",
                                            "DNP3_PORTS",   "MODBUS_PORTS",    "FTP_PORTS",    "FILE_DATA_PORTS",
                                            "GENEVE_PORTS", "VXLAN_PORTS",     "TEREDO_PORTS"};
        char text[256], shown[1024];
        struct rig *g = *state;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                (void) snprintf(text, sizeof(text), "alert ip $%s any -> any any", names[i]);
                assert_true(header(g, text)->src.n_addrs > 1);
        }
        for (size_t i = 0; i < ELEMENTSOF(ports); i++) {
                (void) snprintf(text, sizeof(text), "alert tcp any $%s -> any any", ports[i]);
                assert_true(header(g, text)->src.n_ports > 0);
        }
        assert_string_equal(show(&header(g, "alert tcp any $FILE_DATA_PORTS -> any any")->src, true, shown),
                            "80-80 110-110 143-143");
}

static void test_variables(void **state)
{
        static const struct rule_variable variables[] = {
                {"HOME_NET", "192.0.2.0/24", false}, {"LOOP", "[192.0.2.1,$LOOP]", false}, {"TURN", "$OTHER", false},
                {"OTHER", "$TURN", false},           {"HTTP_PORTS", "[80,8080]", true},    {"EMPTY", "", false},
                {"HOME_NET", "192.0.2.9", false},
        };
        static const char rules[] = "alert tcp $HOME_NET any -> $EXTERNAL_NET $HTTP_PORTS (sid:1;)\n"
                                    "alert tcp $LOOP any -> any any (sid:2;)\n"
                                    "alert tcp $TURN any -> any any (sid:3;)\n"
                                    "alert tcp $EMPTY any -> any any (sid:4;)\n";
        struct rig *g = *state;
        char shown[1024];

        rig_begin(g, variables, ELEMENTSOF(variables));
        rig_add(g, "x", rules);
        assert_int_equal(ruleset_count(g->set), 1);
        /* The later definition counts, also for those that name it. */
        assert_string_equal(show(&ruleset_rule(g->set, 0)->src, false, shown), "192.0.2.9-192.0.2.9");
        assert_string_equal(show(&ruleset_rule(g->set, 0)->dst, false, shown),
                            "::-192.0.2.8 192.0.2.10-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
        assert_string_equal(show(&ruleset_rule(g->set, 0)->dst, true, shown), "80-80 8080-8080");
        assert_int_equal(g->n_said, 3);
        assert_int_equal(g->said[0].kind, PROBLEM_LIMIT);
        assert_int_equal(g->said[1].kind, PROBLEM_LIMIT);
        assert_int_equal(g->said[2].kind, PROBLEM_SYNTAX);
}

static void test_direction(void **state)
{
        struct rig *g = *state;

        assert_false(header(g, "alert tcp 192.0.2.1 1 -> 192.0.2.2 2")->flags & RULE_BIDIRECTIONAL);
        assert_true(header(g, "alert tcp 192.0.2.1 1 <> 192.0.2.2 1")->flags & RULE_BIDIRECTIONAL);
        assert_true(header(g, "alert tcp 192.0.2.1 1 <> 192.0.2.1 2")->flags & RULE_BIDIRECTIONAL);
        assert_false(header(g, "alert tcp any any <> any any")->flags & RULE_BIDIRECTIONAL);
}

/* A list of many entries, and lists within lists, end at their limits. */
static void test_limits(void **state)
{
        struct rig *g = *state;
        struct buf b = BUF_HEAP(RULE_TEXT_MAX);

        (void) buf_puts(&b, "alert tcp any [");
        for (unsigned i = 0; i < 10000; i++)
                (void) buf_printf(&b, "%s%u", i ? "," : "", 2 * (i % 30000));
        (void) buf_puts(&b, "] -> any any (sid:1;)");
        assert_non_null(rig_rule(g, buf_str(&b)));
        assert_int_equal(ruleset_rule(g->set, 0)->src.n_ports, 10000);
        buf_reset(&b);
        (void) buf_puts(&b, "alert tcp any ");
        for (unsigned i = 0; i < RANGES_DEPTH_MAX + 2; i++)
                (void) buf_putc(&b, '[');
        (void) buf_puts(&b, "80");
        for (unsigned i = 0; i < RANGES_DEPTH_MAX + 2; i++)
                (void) buf_putc(&b, ']');
        (void) buf_puts(&b, " -> any any (sid:1;)");
        rig_refused(g, buf_str(&b), PROBLEM_LIMIT, "", "deep");
        buf_done(&b);
}

/* A variable that unfolds to more than a list may have. */
static void test_unfolding(void **state)
{
        static const struct rule_variable variables[] = {
                {"A", "[$B,$B,$B,$B,$B,$B,$B,$B,$B,$B]", true}, {"B", "[$C,$C,$C,$C,$C,$C,$C,$C,$C,$C]", true},
                {"C", "[$D,$D,$D,$D,$D,$D,$D,$D,$D,$D]", true}, {"D", "[$E,$E,$E,$E,$E,$E,$E,$E,$E,$E]", true},
                {"E", "[$F,$F,$F,$F,$F,$F,$F,$F,$F,$F]", true}, {"F", "[1,2,3,4,5,6,7,8,9,10]", true},
        };
        struct rig *g = *state;

        rig_begin(g, variables, ELEMENTSOF(variables));
        rig_add(g, "x", "alert tcp any $A -> any any (sid:1;)");
        assert_int_equal(g->said[0].kind, PROBLEM_LIMIT);
        assert_non_null(strstr(g->said[0].reason, "entries"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                RIG_TEST(test_actions),         RIG_TEST(test_protocols),
                RIG_TEST(test_addresses),       RIG_TEST(test_addresses_refused),
                RIG_TEST(test_ports),           RIG_TEST(test_ports_refused),
                RIG_TEST(test_usual_variables), RIG_TEST(test_variables),
                RIG_TEST(test_direction),       RIG_TEST(test_limits),
                RIG_TEST(test_unfolding),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
