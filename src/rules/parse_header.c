/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The header of a rule: action, protocol, and the two ends. Runs where rules are read. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "rules/parse.h"
#include "rules/ranges.h"

static const struct {
        const char *name;
        uint8_t action;
} actions[] = {{"alert", RULE_ALERT},      {"drop", RULE_DROP},        {"reject", RULE_REJECT},
               {"rejectsrc", RULE_REJECT}, {"rejectdst", RULE_REJECT}, {"rejectboth", RULE_REJECT},
               {"pass", RULE_PASS}};

static const struct {
        const char *name;
        uint8_t proto;
        uint32_t flags, seen;
} protocols[] = {
        {"ip", 0, 0, 0},
        {"ip4", 0, RULE_ONLY_V4, 0},
        {"ipv4", 0, RULE_ONLY_V4, 0},
        {"ip6", 0, RULE_ONLY_V6, 0},
        {"ipv6", 0, RULE_ONLY_V6, 0},
        {"tcp", IPPROTO_TCP, 0, 0},
        {"tcp-pkt", IPPROTO_TCP, 0, PARSE_SEEN_PACKET},
        {"tcp-stream", IPPROTO_TCP, 0, PARSE_SEEN_STREAM},
        {"udp", IPPROTO_UDP, 0, 0},
        {"icmp", IPPROTO_ICMP, 0, 0},
        {"icmpv4", IPPROTO_ICMP, RULE_ONLY_V4, 0},
        {"icmpv6", IPPROTO_ICMPV6, RULE_ONLY_V6, 0},
        {"sctp", IPPROTO_SCTP, 0, 0},
};

/* Names of protocols of content that differ from ours, and those of Suricata that nobody recognises here. */
static const struct {
        const char *name;
        uint8_t app;
} apps[] = {
        {"http1", APP_HTTP}, {"ssl", APP_TLS},   {"bittorrent-dht", APP_BITTORRENT},
        {"http2", APPS},     {"dcerpc", APPS},   {"krb5", APPS},
        {"nfs", APPS},       {"modbus", APPS},   {"dnp3", APPS},
        {"enip", APPS},      {"ike", APPS},      {"ikev2", APPS},
        {"mqtt", APPS},      {"pgsql", APPS},    {"rfb", APPS},
        {"telnet", APPS},    {"doh2", APPS},     {"websocket", APPS},
        {"ldap", APPS},      {"template", APPS}, {"msn", APPS},
        {"jabber", APPS},    {"pkthdr", APPS},   {"ether", APPS},
        {"arp", APPS},
};

uint8_t parse_app_of(struct slice name)
{
        for (size_t i = 0; i < ELEMENTSOF(apps); i++)
                if (word_is(name, apps[i].name))
                        return apps[i].app;
        for (uint8_t app = APP_UNKNOWN + 1; app < APPS; app++)
                if (app != APP_CONNECT && app != APP_FILE && word_is(name, app_name(app)))
                        return app;
        return APP_UNKNOWN;
}

static int take_action(struct parse *p, struct slice word)
{
        for (size_t i = 0; i < ELEMENTSOF(actions); i++)
                if (word_is(word, actions[i].name)) {
                        p->rule.action = actions[i].action;
                        return 0;
                }
        return parse_fail(p, PROBLEM_SYNTAX, "\"%.*s\" is no action: it is alert, drop, reject or pass",
                          WORD_ARGS(word));
}

static int take_protocol(struct parse *p, struct slice word)
{
        uint8_t app;

        for (size_t i = 0; i < ELEMENTSOF(protocols); i++)
                if (word_is(word, protocols[i].name)) {
                        p->rule.proto = protocols[i].proto;
                        p->rule.flags |= protocols[i].flags;
                        p->seen |= protocols[i].seen;
                        return 0;
                }
        app = parse_app_of(word);
        if (app == APPS)
                return parse_fail(p, PROBLEM_PROTOCOL, "the protocol %.*s is not decoded here", WORD_ARGS(word));
        if (app == APP_UNKNOWN)
                return parse_fail(p, PROBLEM_SYNTAX, "\"%.*s\" is no protocol", WORD_ARGS(word));
        p->rule.app = app;
        return 0;
}

/* The next word of the header; white space in brackets does not end it. */
static struct slice next_word(struct slice *rest)
{
        struct slice word = word_trim(*rest);
        uint32_t n = 0;
        int depth = 0;

        while (n < word.len && (depth > 0 || !strchr(" \t(", word.p[n]))) {
                depth += (word.p[n] == '[') - (word.p[n] == ']');
                n++;
        }
        *rest = (struct slice){word.p + n, word.len - n};
        word.len = n;
        return word;
}

static int take_end(struct parse *p, struct slice addrs, struct slice ports, struct rule_end *ret)
{
        struct ranges_list list;
        struct ranges_why why;

        if (ranges_parse(p->set->ranges, addrs, false, &list, &why) < 0)
                return parse_fail(p, why.kind, "%s", why.reason);
        ret->addrs = list.ranges;
        ret->n_addrs = list.n;
        ret->any_addr = list.any;
        if (ranges_parse(p->set->ranges, ports, true, &list, &why) < 0)
                return parse_fail(p, why.kind, "%s", why.reason);
        ret->ports = list.ranges;
        ret->n_ports = list.n;
        ret->any_port = list.any;
        return 0;
}

static bool same_end(const struct rule_end *a, const struct rule_end *b)
{
        return a->n_addrs == b->n_addrs && a->n_ports == b->n_ports &&
               memcmp(a->addrs, b->addrs, a->n_addrs * sizeof(*a->addrs)) == 0 &&
               memcmp(a->ports, b->ports, a->n_ports * sizeof(*a->ports)) == 0;
}

/* Both ways are one way when both ends are the same. */
static int take_direction(struct parse *p, struct slice word)
{
        bool both = word_is(word, "<>");

        if (word_is(word, "=>"))
                return parse_fail(p, PROBLEM_OPTION, "transactional rules (=>) are Suricata 8's");
        if (!both && !word_is(word, "->"))
                return parse_fail(p, PROBLEM_SYNTAX, "\"%.*s\" is no direction: it is -> or <>", WORD_ARGS(word));
        if (both && !same_end(&p->rule.src, &p->rule.dst))
                p->rule.flags |= RULE_BIDIRECTIONAL;
        return 0;
}

int parse_header(struct parse *p, struct slice text, struct slice *ret_options)
{
        struct slice rest = text, src, sport, direction, dst, dport;

        if (take_action(p, next_word(&rest)) < 0 || take_protocol(p, next_word(&rest)) < 0)
                return -EINVAL;
        src = next_word(&rest);
        sport = next_word(&rest);
        direction = next_word(&rest);
        dst = next_word(&rest);
        dport = next_word(&rest);
        if (dport.len == 0)
                return parse_fail(p, PROBLEM_SYNTAX, "the header is not: action protocol address port -> address port");
        rest = word_trim(rest);
        if (rest.len == 0 || rest.p[0] != '(')
                return parse_fail(p, PROBLEM_SYNTAX, "the options do not begin with a bracket behind the header");
        if (take_end(p, src, sport, &p->rule.src) < 0 || take_end(p, dst, dport, &p->rule.dst) < 0 ||
            take_direction(p, direction) < 0)
                return -EINVAL;
        *ret_options = (struct slice){rest.p + 1, rest.len - 1};
        return 0;
}
