/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conditions on a packet's headers and size. Runs where rules are read. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "rules/parse.h"

static const uint32_t most_of[TEST_KINDS] = {
        [TEST_DSIZE] = UINT16_MAX,  [TEST_TTL] = UINT8_MAX,      [TEST_FRAGOFFSET] = UINT16_MAX,
        [TEST_WINDOW] = UINT16_MAX, [TEST_MSS] = UINT16_MAX,     [TEST_ITYPE] = UINT8_MAX,
        [TEST_ICODE] = UINT8_MAX,   [TEST_ID] = UINT16_MAX,      [TEST_SEQ] = UINT32_MAX,
        [TEST_ACK] = UINT32_MAX,    [TEST_ICMP_ID] = UINT16_MAX, [TEST_ICMP_SEQ] = UINT16_MAX,
};

static struct rule_test *packet_test(struct parse *p, enum test_kind kind)
{
        p->seen |= PARSE_SEEN_PACKET;
        return parse_test(p, kind);
}

/* dsize, ttl and the like (arg: enum test_kind). */
int parse_option_compare(struct parse *p, const struct parse_option *o)
{
        struct rule_test *t = packet_test(p, (enum test_kind) o->arg);

        return t ? parse_compare(p, o->value, most_of[o->arg], t) : -EINVAL;
}

/* id, seq, ack …: one number (arg: enum test_kind). */
int parse_option_exact(struct parse *p, const struct parse_option *o)
{
        struct rule_test *t = packet_test(p, (enum test_kind) o->arg);
        uint64_t n;

        if (!t)
                return -EINVAL;
        if (word_number(o->value, 10, most_of[o->arg], &n) < 0)
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is no number from 0 to %u", WORD_ARGS(o->value),
                                  most_of[o->arg]);
        t->op = NUMBER_EQ;
        t->a = (uint32_t) n;
        return 0;
}

/* tos: "16", "!16", "x10". */
int parse_option_tos(struct parse *p, const struct parse_option *o)
{
        struct rule_test *t = packet_test(p, TEST_TOS);
        struct slice v = o->value;
        unsigned base = 10;
        uint64_t n;

        if (!t)
                return -EINVAL;
        if (v.len && v.p[0] == '!') {
                t->negated = true;
                v = word_trim((struct slice){v.p + 1, v.len - 1});
        }
        if (v.len && (v.p[0] == 'x' || v.p[0] == 'X')) {
                base = 16;
                v = (struct slice){v.p + 1, v.len - 1};
        }
        if (word_number(v, base, UINT8_MAX, &n) < 0)
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is no number from 0 to 255", WORD_ARGS(o->value));
        t->a = (uint32_t) n;
        return 0;
}

static const struct {
        const char *name;
        uint8_t number;
} ip_protocols[] = {
        {"ip", 0},    {"icmp", 1},  {"igmp", 2},   {"ipencap", 4}, {"ipip", 4},   {"tcp", 6},        {"egp", 8},
        {"udp", 17},  {"ipv6", 41}, {"gre", 47},   {"esp", 50},    {"ah", 51},    {"ipv6-icmp", 58}, {"eigrp", 88},
        {"ospf", 89}, {"pim", 103}, {"vrrp", 112}, {"l2tp", 115},  {"sctp", 132}, {"udplite", 136},
};

int parse_option_ip_proto(struct parse *p, const struct parse_option *o)
{
        struct rule_test *t = parse_test(p, TEST_IP_PROTO);

        if (!t)
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(ip_protocols); i++) {
                struct slice v = o->value;
                bool negated = v.len && v.p[0] == '!';

                if (negated)
                        v = word_trim((struct slice){v.p + 1, v.len - 1});
                if (!word_is(v, ip_protocols[i].name))
                        continue;
                t->op = NUMBER_EQ;
                t->negated = negated;
                t->a = ip_protocols[i].number;
                return 0;
        }
        return parse_compare(p, o->value, UINT8_MAX, t);
}

/* One letter of a set into a mask; -EINVAL: it is none. */
struct letter {
        char letter;
        uint8_t bit;
};
static int take_letters(struct slice word, const struct letter *letters, size_t n, uint32_t *ret)
{
        uint32_t mask = 0;

        for (uint32_t i = 0; i < word.len; i++) {
                size_t k = 0;

                while (k < n && letters[k].letter != (word.p[i] & ~0x20) && letters[k].letter != word.p[i])
                        k++;
                if (k == n)
                        return -EINVAL;
                mask |= letters[k].bit;
        }
        *ret = mask;
        return 0;
}

/* Takes "+", "*" or "!" off either end: all of them, any, not all. */
static struct slice take_manner(struct slice v, struct rule_test *t)
{
        char c = v.len && strchr("+*!", v.p[0]) ? v.p[0] : v.len && strchr("+*!", v.p[v.len - 1]) ? v.p[v.len - 1] : 0;

        if (c && v.p[0] == c)
                v.p++;
        v.len -= c != 0;
        t->op = c == '*' ? NUMBER_OR : c ? NUMBER_AND : NUMBER_EQ;
        t->negated = c == '!';
        return word_trim(v);
}

int parse_option_flags(struct parse *p, const struct parse_option *o)
{
        static const struct letter letters[] = {{'F', 1},  {'S', 2},  {'R', 4},   {'P', 8},   {'A', 16}, {'U', 32},
                                                {'E', 64}, {'2', 64}, {'C', 128}, {'1', 128}, {'0', 0}};
        struct rule_test *t = packet_test(p, TEST_TCP_FLAGS);
        struct slice rest = o->value, word;
        uint32_t ignored = 0;

        if (!t)
                return -EINVAL;
        (void) word_next(&rest, ',', &word);
        word = take_manner(word, t);
        if (word.len == 0 || take_letters(word, letters, ELEMENTSOF(letters), &t->a) < 0 ||
            (rest.p && take_letters(word_trim(rest), letters, ELEMENTSOF(letters) - 1, &ignored) < 0))
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" are no TCP flags", WORD_ARGS(o->value));
        t->b = 0xff & ~ignored;
        return 0;
}

int parse_option_fragbits(struct parse *p, const struct parse_option *o)
{
        static const struct letter letters[] = {{'M', 1}, {'D', 2}, {'R', 4}};
        struct rule_test *t = packet_test(p, TEST_FRAGBITS);
        struct slice word;

        if (!t)
                return -EINVAL;
        word = take_manner(o->value, t);
        if (word.len == 0 || take_letters(word, letters, ELEMENTSOF(letters), &t->a) < 0)
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" are not of M, D, R", WORD_ARGS(o->value));
        t->b = 7;
        return 0;
}

int parse_option_sameip(struct parse *p, const struct parse_option *o _unused_)
{
        return packet_test(p, TEST_SAMEIP) ? 0 : -EINVAL;
}

/* Types of RFC 791 and the assignments of IANA. */
int parse_option_ipopts(struct parse *p, const struct parse_option *o)
{
        static const struct {
                const char *name;
                uint8_t type;
        } options[] = {{"rr", 7},     {"eol", 0},    {"nop", 1},    {"ts", 68},    {"sec", 130},
                       {"esec", 133}, {"lsrr", 131}, {"ssrr", 137}, {"satid", 136}};
        struct rule_test *t = packet_test(p, TEST_IPOPTS);

        if (!t)
                return -EINVAL;
        p->rule.flags |= RULE_ONLY_V4;
        if (word_is(o->value, "any")) {
                t->b = 1;
                return 0;
        }
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (word_is(o->value, options[i].name)) {
                        t->a = options[i].type;
                        return 0;
                }
        return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is no IP option", WORD_ARGS(o->value));
}

/* arg: the protocol; and 256 for that of IPv6. */
int parse_option_csum(struct parse *p, const struct parse_option *o)
{
        struct rule_test *t = packet_test(p, TEST_CSUM);

        if (!t)
                return -EINVAL;
        if (!word_is(o->value, "valid") && !word_is(o->value, "invalid"))
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not valid or invalid", WORD_ARGS(o->value));
        t->a = (uint32_t) o->arg & 0xff;
        t->b = word_is(o->value, "valid");
        p->rule.flags |= o->arg & 256 ? RULE_ONLY_V6 : RULE_ONLY_V4;
        return 0;
}
