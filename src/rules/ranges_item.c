/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands in a list: an address, a network by its length or its mask, a range, a port; and the variables that
 * suricata.yaml defines as it is shipped. Runs where rules are read. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "rules/ranges_internal.h"
#include "rules/word.h"

/* ::ffff:0:0/96: here live IPv4's addresses. A network of IPv6 around it does not mean them. */
#define MAPPED_FROM ((ranges_number) 0xffff00000000ull)
#define MAPPED_TO   ((ranges_number) 0xffffffffffffull)

static ranges_number from_addr(const struct addr *a)
{
        ranges_number n = 0;

        for (unsigned i = 0; i < sizeof(a->b); i++)
                n = n << 8 | a->b[i];
        return n;
}

struct addr ranges_to_addr(ranges_number n)
{
        struct addr a;

        for (unsigned i = sizeof(a.b); i-- > 0; n >>= 8)
                a.b[i] = (uint8_t) n;
        return a;
}

static bool read_addr(struct slice text, ranges_number *ret, bool *ret_v4)
{
        char copy[ADDR_TEXT_MAX];
        struct addr a;

        text = word_trim(text);
        if (text.len >= sizeof(copy) || (text.len && memchr(text.p, '\0', text.len)))
                return false;
        if (text.len)
                memcpy(copy, text.p, text.len);
        copy[text.len] = '\0';
        if (addr_parse(copy, &a) < 0)
                return false;
        *ret_v4 = !strchr(copy, ':');
        *ret = from_addr(&a);
        return true;
}

/* The length of a network: "24", or "255.255.255.0". */
static bool read_length(struct slice text, bool v4, unsigned *ret)
{
        uint64_t n;
        ranges_number mask;
        bool mask_v4;

        if (word_number(text, 10, v4 ? 32 : 128, &n) == 0) {
                *ret = (unsigned) n + (v4 ? 96 : 0);
                return true;
        }
        if (!v4 || !read_addr(text, &mask, &mask_v4) || !mask_v4)
                return false;
        mask &= 0xffffffffu;
        n = (uint64_t) __builtin_popcountll((unsigned long long) mask);
        *ret = (unsigned) n + 96;
        return mask == (n ? 0xffffffffu << (32 - n) & 0xffffffffu : 0);
}

static int push_span(struct ranges_work *w, struct ranges_spans *to, ranges_number from, ranges_number until)
{
        int r;

        if (from >= MAPPED_FROM || until <= MAPPED_TO || until < MAPPED_FROM)
                return ranges_push(w, to, from, until);
        r = ranges_push(w, to, from, MAPPED_FROM - 1);
        return r < 0 ? r : ranges_push(w, to, MAPPED_TO + 1, until);
}

int ranges_add_addr(struct ranges_work *w, struct slice item, struct ranges_spans *to)
{
        struct slice rest = item, first, second = {0};
        char separator = memchr(item.p, '/', item.len) ? '/' : '-';
        ranges_number from, until;
        bool v4, v4_second = false, good;
        unsigned bits = 128;

        (void) word_next(&rest, separator, &first);
        good = read_addr(first, &from, &v4);
        until = from;
        if (good && rest.p) {
                second = word_trim(rest);
                if (separator == '-')
                        good = read_addr(second, &until, &v4_second) && v4 == v4_second && from <= until;
                else
                        good = read_length(second, v4, &bits);
        }
        if (!good)
                return ranges_fail(w, PROBLEM_VALUE, "\"%.*s\" is no address, network or range", WORD_ARGS(item));
        if (bits < 128) {
                ranges_number rest_of = bits ? ((ranges_number) 1 << (128 - bits)) - 1 : ~(ranges_number) 0;

                from &= ~rest_of;
                until = from | rest_of;
        }
        return push_span(w, to, from, until);
}

int ranges_add_port(struct ranges_work *w, struct slice item, struct ranges_spans *to)
{
        struct slice rest = item, first;
        uint64_t from = 0, until = UINT16_MAX;
        bool good, range;

        (void) word_next(&rest, ':', &first);
        range = rest.p != NULL;
        rest = word_trim(rest);
        good = first.len ? word_number(first, 10, UINT16_MAX, &from) == 0 : range && rest.len;
        if (good && !range)
                until = from;
        else if (good && rest.len)
                good = word_number(rest, 10, UINT16_MAX, &until) == 0 && from <= until;
        if (!good)
                return ranges_fail(w, PROBLEM_VALUE, "\"%.*s\" is no port or range of ports", WORD_ARGS(item));
        return ranges_push(w, to, from, until);
}

/* suricata.yaml.in of Suricata 7, "vars"; HOME_NET also of IPv6. The lists of DNP3 and Modbus are home there too. */
static const struct rule_variable usual[] = {
        {"HOME_NET", "[10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,169.254.0.0/16,fc00::/7,fe80::/10]",
         false},
        {"EXTERNAL_NET", "!$HOME_NET", false},
        {"HTTP_SERVERS", "$HOME_NET", false},
        {"SMTP_SERVERS", "$HOME_NET", false},
        {"SQL_SERVERS", "$HOME_NET", false},
        {"DNS_SERVERS", "$HOME_NET", false},
        {"TELNET_SERVERS", "$HOME_NET", false},
        {"AIM_SERVERS", "$EXTERNAL_NET", false},
        {"DC_SERVERS", "$HOME_NET", false},
        {"DNP3_SERVER", "$HOME_NET", false},
        {"DNP3_CLIENT", "$HOME_NET", false},
        {"MODBUS_CLIENT", "$HOME_NET", false},
        {"MODBUS_SERVER", "$HOME_NET", false},
        {"ENIP_CLIENT", "$HOME_NET", false},
        {"ENIP_SERVER", "$HOME_NET", false},
        {"HTTP_PORTS", "80", true},
        {"SHELLCODE_PORTS", "!80", true},
        {"ORACLE_PORTS", "1521", true},
        {"SSH_PORTS", "22", true},
        {"DNP3_PORTS", "20000", true},
        {"MODBUS_PORTS", "502", true},
        {"FILE_DATA_PORTS", "[$HTTP_PORTS,110,143]", true},
        {"FTP_PORTS", "21", true},
        {"GENEVE_PORTS", "6081", true},
        {"VXLAN_PORTS", "4789", true},
        {"TEREDO_PORTS", "3544", true},
        {"SIP_PORTS", "[5060,5061]", true}, /* Snort's */
};

int ranges_define_usual(struct rule_ranges *r)
{
        int k = 0;

        for (size_t i = 0; k == 0 && i < ELEMENTSOF(usual); i++)
                k = ranges_define(r, &usual[i]);
        return k;
}

int ranges_define(struct rule_ranges *r, const struct rule_variable *v)
{
        size_t name = strlen(v->name), value = strlen(v->value);
        char *key, *copy;
        struct map_entry *e;

        if (r->addrs.n || r->ports.n)
                return -EBUSY;
        key = arena_take(&r->arena, name + 2);
        copy = arena_text(&r->arena, v->value, value);
        if (!key || !copy)
                return -ENOMEM;
        key[0] = v->port ? 'p' : 'a';
        memcpy(key + 1, v->name, name);
        e = map_find(&r->variables, key, (uint32_t) name + 1);
        if (!e)
                e = map_add(&r->variables, key, (uint32_t) name + 1);
        if (!e)
                return -ENOMEM;
        e->p = copy;
        return 0;
}

int ranges_new(struct rule_ranges **ret)
{
        struct rule_ranges *r = calloc(1, sizeof(*r));

        if (!r)
                return -ENOMEM;
        r->arena = ARENA(RANGES_MEMORY_MAX);
        *ret = r;
        return 0;
}

void ranges_free(struct rule_ranges *r)
{
        if (!r)
                return;
        map_done(&r->addrs);
        map_done(&r->ports);
        map_done(&r->variables);
        arena_done(&r->arena);
        free(r);
}
