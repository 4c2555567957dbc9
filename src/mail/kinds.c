/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Judgements about names. Runs where mail/kinds.h says. */
#include "mail/kinds.h"

#include <string.h>

#include "base/cleanup.h"
#include "mail/address.h"
#include "mail/kinds_internal.h"

static const char *const helo_names[KINDS_HELOS] = {
        [KINDS_HELO_NONE] = "none",       [KINDS_HELO_LITERAL] = "literal", [KINDS_HELO_OTHER] = "other_address",
        [KINDS_HELO_BARE] = "bare",       [KINDS_HELO_OURS] = "ours",       [KINDS_HELO_JUNK] = "junk",
        [KINDS_HELO_REVERSE] = "reverse", [KINDS_HELO_KIN] = "kin",         [KINDS_HELO_DYNAMIC] = "dynamic",
        [KINDS_HELO_NAME] = "name",
};

const char *kinds_helo_name(unsigned kind)
{
        return kind < KINDS_HELOS ? helo_names[kind] : "?";
}

/* --- names --- */

/* Without the dot at the end. */
static struct slice bare(struct slice name)
{
        name = slice_trim(name);
        if (name.len && name.p[name.len - 1] == '.')
                name.len--;
        return name;
}

static bool is_letter(char c)
{
        return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* Labels of letters, digits, - and _; two of them or more. */
static bool is_host_name(struct slice name)
{
        uint32_t label = 0, labels = 0;

        if (name.len == 0 || name.len > KINDS_NAME_MAX || slice_is_digit(name.p[name.len - 1]))
                return false; /* no top level ends in a digit: it is an address */
        for (uint32_t i = 0; i < name.len; i++) {
                if (name.p[i] == '.') {
                        if (label == 0)
                                return false;
                        label = 0;
                        labels++;
                } else if ((!slice_is_alnum(name.p[i]) && name.p[i] != '-' && name.p[i] != '_') || ++label > 63)
                        return false;
        }
        return label > 0 && labels > 0;
}

/* The last label, and what is before it. */
static struct slice cut_label(struct slice *name)
{
        const char *dot = slice_last(*name, '.');
        struct slice label = *name;

        if (!dot) {
                name->len = 0;
                return label;
        }
        label = slice_from(dot + 1, slice_end(*name));
        name->len = (uint32_t) (dot - name->p);
        return label;
}

struct slice kinds_domain(struct slice name)
{
        /* Second levels that registries keep below a country's two letters. */
        static const char *const levels[] = {"co", "com", "ne",  "net", "or", "org", "ac",  "edu", "go", "gov", "gob",
                                             "ad", "gr",  "ltd", "plc", "me", "nom", "mil", "id",  "in", "asn", "info"};
        struct slice rest = name = bare(name), top = cut_label(&rest), second = cut_label(&rest);
        bool registry = false;

        if (!second.len)
                return name;
        for (unsigned i = 0; i < ELEMENTSOF(levels) && top.len == 2; i++)
                registry = registry || slice_is_n(second, levels[i], strlen(levels[i]));
        if (registry && rest.len)
                second = cut_label(&rest);
        return slice_from(second.p, slice_end(name));
}

/* Words of one label, and its digits into *digits. */
static uint32_t label_traits(struct slice label, bool first, unsigned *digits)
{
        uint32_t traits = 0, i = 0;

        while (i < label.len) {
                uint32_t begin = i;

                while (i < label.len && is_letter(label.p[i]))
                        i++;
                if (i > begin)
                        traits |= kinds_words_of(slice_from(label.p + begin, label.p + i), first);
                else
                        *digits += slice_is_digit(label.p[i++]);
        }
        return traits;
}

uint32_t kinds_traits(struct slice name, const struct addr *a)
{
        struct slice domain, host, rest, label;
        uint32_t traits = 0;
        unsigned digits = 0, none = 0;

        name = bare(name);
        if (!is_host_name(name))
                return 0;
        domain = kinds_domain(name);
        host = slice_from(name.p, domain.p > name.p ? domain.p - 1 : name.p);
        rest = host;
        while (rest.len) {
                label = cut_label(&rest);
                traits |= label_traits(label, rest.len == 0, &digits);
        }
        if (kinds_address_in(host, a))
                traits |= KINDS_ADDRESS;
        if (digits >= 5)
                traits |= KINDS_NUMBER;
        if (digits >= 3) {
                traits |= KINDS_DIGITS;
                /* "sdn-ar-016mokcitP093.dialsprint.net": an access network by its own name. */
                rest = domain;
                while (rest.len) {
                        label = cut_label(&rest);
                        if (rest.len == 0 && !(traits & KINDS_SERVER))
                                traits |= label_traits(label, false, &none) & KINDS_DIAL;
                }
        }
        return traits;
}

enum answer kinds_dynamic(struct slice name, const struct addr *a)
{
        uint32_t t = kinds_traits(name, a);

        if (!is_host_name(bare(name)))
                return ANSWER_UNKNOWN;
        if (!(t & KINDS_ADDRESS) && (!(t & KINDS_DIAL) || !(t & KINDS_DIGITS)))
                return t & (KINDS_DIAL | KINDS_NUMBER) && !(t & KINDS_SERVER) ? ANSWER_UNKNOWN : ANSWER_NO;
        if (t & (KINDS_STATIC | KINDS_HOSTING))
                return ANSWER_UNKNOWN;
        if (t & KINDS_SERVER)
                return t & KINDS_DIAL ? ANSWER_UNKNOWN : ANSWER_NO;
        return ANSWER_YES;
}

/* --- HELO --- */

/* An address, also in brackets and with "IPv6:" before it. */
static bool read_literal(struct slice text, struct addr *ret)
{
        uint16_t port;

        if (text.len >= 2 && text.p[0] == '[' && text.p[text.len - 1] == ']')
                text = slice_from(text.p + 1, slice_end(text) - 1);
        return text.len > 0 && address_read(text, ret, &port) == 0 && port == 0;
}

/* Names that nobody outside a network has (RFC 6761, RFC 6762, RFC 8375, and what routers give). */
static bool is_local(struct slice name)
{
        static const char *const tops[] = {"local",    "localdomain", "localhost", "lan",     "internal",
                                           "intranet", "invalid",     "test",      "example", "home",
                                           "corp",     "workgroup",   "domain",    "private", "localnet"};
        struct slice top = cut_label(&name);

        for (unsigned i = 0; i < ELEMENTSOF(tops); i++)
                if (slice_is_n(top, tops[i], strlen(tops[i])))
                        return true;
        for (uint32_t i = 0; i < top.len; i++)
                if (!slice_is_digit(top.p[i]))
                        return false;
        return true; /* a name does not end in digits */
}

enum kinds_helo kinds_helo(const struct kinds_said *said)
{
        struct slice helo = bare(said->helo), rdns = bare(said->rdns), by = bare(said->by);
        struct addr literal;

        if (helo.len == 0)
                return KINDS_HELO_NONE;
        if (read_literal(helo, &literal)) {
                if (addr_equal(&literal, &said->addr))
                        return KINDS_HELO_LITERAL;
                return !addr_is_unspecified(&said->by_addr) && addr_equal(&literal, &said->by_addr) ? KINDS_HELO_OURS :
                                                                                                      KINDS_HELO_OTHER;
        }
        if (by.len && slice_equal(helo, by))
                return rdns.len && slice_equal(helo, rdns) ? KINDS_HELO_REVERSE : KINDS_HELO_OURS;
        if (rdns.len && slice_equal(helo, rdns))
                return KINDS_HELO_REVERSE;
        if (!memchr(helo.p, '.', helo.len))
                return KINDS_HELO_BARE;
        if (!is_host_name(helo) || is_local(helo))
                return KINDS_HELO_JUNK;
        if (rdns.len && slice_equal(kinds_domain(helo), kinds_domain(rdns)))
                return KINDS_HELO_KIN;
        return kinds_dynamic(helo, &said->addr) == ANSWER_YES ? KINDS_HELO_DYNAMIC : KINDS_HELO_NAME;
}

/* --- mail programs --- */

static bool mentions(struct slice text, const char *word)
{
        size_t n = strlen(word);

        for (uint32_t i = 0; i + n <= text.len; i++)
                if (strncasecmp(text.p + i, word, n) == 0)
                        return true;
        return false;
}

/* Programs of one system; of several matches the first counts. */
static const struct {
        const char *word;
        enum os_family family;
} mailers[] = {
        {"Macintosh", OS_FAMILY_APPLE},       {"Mac OS X", OS_FAMILY_APPLE},
        {"MacOutlook", OS_FAMILY_APPLE},      {"for Mac", OS_FAMILY_APPLE},
        {"Apple Mail", OS_FAMILY_APPLE},      {"Entourage", OS_FAMILY_APPLE},
        {"iPhone Mail", OS_FAMILY_APPLE},     {"iPad Mail", OS_FAMILY_APPLE},
        {"Linux", OS_FAMILY_LINUX},           {"Android", OS_FAMILY_LINUX},
        {"FreeBSD", OS_FAMILY_FREEBSD},       {"OpenBSD", OS_FAMILY_OPENBSD},
        {"NetBSD", OS_FAMILY_NETBSD},         {"SunOS", OS_FAMILY_SOLARIS},
        {"Outlook", OS_FAMILY_WINDOWS},       {"Windows", OS_FAMILY_WINDOWS},
        {"Win95", OS_FAMILY_WINDOWS},         {"Win98", OS_FAMILY_WINDOWS},
        {"WinNT", OS_FAMILY_WINDOWS},         {"Win32", OS_FAMILY_WINDOWS},
        {"Microsoft CDO", OS_FAMILY_WINDOWS}, {"Internet Mail Service", OS_FAMILY_WINDOWS},
        {"The Bat!", OS_FAMILY_WINDOWS},      {"Foxmail", OS_FAMILY_WINDOWS},
        {"Becky!", OS_FAMILY_WINDOWS},        {"IncrediMail", OS_FAMILY_WINDOWS},
};

enum answer kinds_mailer(struct slice mailer, enum os_family family)
{
        if (family == OS_FAMILY_UNKNOWN || family == OS_FAMILY_OTHER)
                return ANSWER_UNKNOWN;
        for (unsigned i = 0; i < ELEMENTSOF(mailers); i++)
                if (mentions(mailer, mailers[i].word))
                        return answer_of(mailers[i].family == family);
        return ANSWER_UNKNOWN;
}
