/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of Cisco firewalls, by their words (Cisco: FWSM and ASA system log messages). Runs in `read`. */
#include <errno.h>
#include <netinet/in.h>

#include "base/cleanup.h"
#include "source/log_fwsm.h"

#define WORDS_MAX 64

struct words {
        struct slice w[WORDS_MAX];
        size_t n, at;
        unsigned struck_out;
};

/* Names that the firewall writes for ports of its own tables. */
static const struct {
        const char *name;
        uint16_t port;
} services[] = {
        {"ftp-data", 20},      {"ftp", 21},          {"ssh", 22},          {"telnet", 23}, {"smtp", 25},
        {"domain", 53},        {"bootps", 67},       {"bootpc", 68},       {"tftp", 69},   {"http", 80},
        {"www", 80},           {"pop3", 110},        {"sunrpc", 111},      {"ident", 113}, {"ntp", 123},
        {"netbios-ns", 137},   {"netbios-dgm", 138}, {"netbios-ssn", 139}, {"imap4", 143}, {"snmp", 161},
        {"snmptrap", 162},     {"bgp", 179},         {"irc", 194},         {"ldap", 389},  {"https", 443},
        {"microsoft-ds", 445}, {"isakmp", 500},      {"syslog", 514},      {"rip", 520},   {"ldaps", 636},
        {"sip", 5060},         {"pptp", 1723},       {"sqlnet", 1521},
};

static const char *const flag_names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"};

/* Words; punctuation at their ends that belongs to the sentence stays. */
static void split(struct slice text, struct words *ret)
{
        struct slice word;

        while (ret->n < WORDS_MAX && log_text_word(&text, &word))
                ret->w[ret->n++] = word;
}

static bool next_is(struct words *w, const char *word)
{
        if (w->at >= w->n || !log_text_is_nocase(w->w[w->at], word))
                return false;
        w->at++;
        return true;
}

/* Moves behind the next occurrence of the word. */
static bool find(struct words *w, const char *word)
{
        for (size_t i = w->at; i < w->n; i++)
                if (log_text_is_nocase(w->w[i], word)) {
                        w->at = i + 1;
                        return true;
                }
        return false;
}

static int parse_port(struct slice s, uint16_t *ret)
{
        uint64_t n;

        if (log_text_number(s, UINT16_MAX, &n) == 0) {
                *ret = (uint16_t) n;
                return 0;
        }
        for (size_t i = 0; i < ELEMENTSOF(services); i++)
                if (log_text_is(s, services[i].name)) {
                        *ret = services[i].port;
                        return 0;
                }
        return -EBADMSG;
}

/* An address, or one whose first part is struck out, as in logs made for publication. */
static int parse_addr(struct words *w, struct slice s, struct addr *ret)
{
        char text[16] = "0";

        if (log_text_addr(s, ret) == 0)
                return 0;
        if (!log_text_skip(&s, "xxx") || s.len >= sizeof(text) - 1)
                return -EBADMSG;
        memcpy(text + 1, s.p, s.len);
        if (log_text_addr((struct slice){text, s.len + 1}, ret) < 0)
                return -EBADMSG;
        w->struck_out++;
        return 0;
}

static uint32_t index_of(struct slice s, char c)
{
        const char *p = s.len ? memchr(s.p, c, s.len) : NULL;

        return p ? (uint32_t) (p - s.p) : s.len;
}

static struct slice behind(struct slice s, uint32_t n)
{
        return n < s.len ? (struct slice){s.p + n, s.len - n} : (struct slice){s.p, 0};
}

/* "1.2.3.4", or with the interface's name in front of it: "outside:1.2.3.4". */
static int parse_placed_addr(struct words *w, struct slice s, struct addr *ret)
{
        if (parse_addr(w, s, ret) == 0)
                return 0;
        return parse_addr(w, behind(s, index_of(s, ':') + 1), ret);
}

/* The word at w->at, "[interface:]address[/port]", also with a blank behind the colon. */
static int take_end(struct words *w, struct addr *ret_addr, uint16_t *ret_port, bool *ret_has_port)
{
        struct slice s;
        uint32_t slash;

        if (w->at >= w->n)
                return -EBADMSG;
        s = w->w[w->at++];
        if (s.p[s.len - 1] == ':' && w->at < w->n)
                s = w->w[w->at++];
        s.len = index_of(s, '('); /* "(user)" */
        while (s.len > 0 && (s.p[s.len - 1] == '.' || s.p[s.len - 1] == ','))
                s.len--;
        for (slash = s.len; slash > 0 && s.p[slash - 1] != '/'; slash--)
                ;
        *ret_has_port = slash > 0;
        *ret_port = 0;
        if (slash == 0)
                return parse_placed_addr(w, s, ret_addr);
        if (parse_port(behind(s, slash), ret_port) < 0)
                return -EBADMSG;
        return parse_placed_addr(w, (struct slice){s.p, slash - 1}, ret_addr);
}

/* "(address/port)": what the end is translated to; left out by some products. */
static int take_mapped(struct words *w, struct addr *ret)
{
        struct slice s;

        if (w->at >= w->n || w->w[w->at].p[0] != '(')
                return 0;
        s = behind(w->w[w->at], 1);
        s.len = MIN(index_of(s, '/'), index_of(s, ')'));
        if (parse_addr(w, s, ret) == 0)
                w->at++;
        return 0;
}

static int take_proto(struct words *w, uint8_t *ret)
{
        static const struct {
                const char *name;
                uint8_t proto;
        } protos[] = {{"TCP", IPPROTO_TCP}, {"UDP", IPPROTO_UDP}, {"ICMP", IPPROTO_ICMP}, {"icmp6", IPPROTO_ICMP}};

        for (size_t i = 0; i < ELEMENTSOF(protos); i++)
                if (next_is(w, protos[i].name)) {
                        *ret = protos[i].proto;
                        return 0;
                }
        return -ENOENT;
}

/* "type 8 code 0", "(type 8, code 0)". */
static void find_icmp(struct words *w, struct fwsm_message *m)
{
        uint64_t type, code = 0;
        size_t was = w->at;
        struct slice s;

        if ((find(w, "type") || find(w, "(type")) && w->at < w->n) {
                s = w->w[w->at];
                s.len = index_of(s, ',');
                if (log_text_number(s, 255, &type) == 0) {
                        if (find(w, "code") && w->at < w->n) {
                                s = w->w[w->at];
                                s.len = MIN(index_of(s, ')'), index_of(s, ','));
                                (void) log_text_number(s, 255, &code);
                        }
                        m->icmp = (uint16_t) (type << 8 | code);
                        m->has_icmp = true;
                }
        }
        w->at = was;
}

/* "for faddr F gaddr G laddr L", or "for IF:F (f) to IF:L (l)". */
static int take_ends(struct words *w, struct fwsm_message *m)
{
        uint16_t spare_port;
        bool has_port, has_other;
        int r;

        (void) next_is(w, "for");
        (void) next_is(w, "from");
        if (next_is(w, "faddr")) {
                r = take_end(w, &m->addr[FWSM_FOREIGN], &m->port[FWSM_FOREIGN], &has_port);
                if (r < 0 || !next_is(w, "gaddr") || take_end(w, &m->mapped, &spare_port, &has_other) < 0 ||
                    !next_is(w, "laddr"))
                        return -EBADMSG;
                r = take_end(w, &m->addr[FWSM_LOCAL], &m->port[FWSM_LOCAL], &has_other);
        } else {
                struct addr spare;

                r = take_end(w, &m->addr[FWSM_FOREIGN], &m->port[FWSM_FOREIGN], &has_port);
                if (r < 0 || take_mapped(w, &spare) < 0 || !find(w, "to"))
                        return -EBADMSG;
                r = take_end(w, &m->addr[FWSM_LOCAL], &m->port[FWSM_LOCAL], &has_other);
                m->mapped = m->addr[FWSM_LOCAL];
                if (r == 0)
                        r = take_mapped(w, &m->mapped);
        }
        if (r < 0 || (m->proto != IPPROTO_ICMP && !(has_port && has_other)))
                return -EBADMSG;
        return 0;
}

/* "0:07:22", hours without limit. */
static int parse_duration(struct slice s, nsec_t *ret)
{
        uint64_t part[3], limits[3] = {1000000, 59, 59};

        for (unsigned i = 0; i < 3; i++) {
                uint32_t n = i < 2 ? index_of(s, ':') : s.len;

                if (log_text_number((struct slice){s.p, n}, limits[i], &part[i]) < 0)
                        return -EBADMSG;
                s = behind(s, n + 1);
        }
        *ret = (nsec_t) (part[0] * 3600 + part[1] * 60 + part[2]) * NSEC_PER_SEC;
        return 0;
}

/* "duration 0:00:00 bytes 1428 (TCP FINs)", "... bytes 1428 TCP FINs". */
static int take_totals(struct words *w, struct fwsm_message *m)
{
        if (find(w, "duration")) {
                if (w->at >= w->n || parse_duration(w->w[w->at++], &m->duration) < 0)
                        return -EBADMSG;
                m->has_duration = true;
        }
        if (find(w, "bytes")) {
                if (w->at >= w->n || log_text_number(w->w[w->at++], INT64_MAX, &m->bytes) < 0)
                        return -EBADMSG;
                m->has_bytes = true;
        }
        if (w->at < w->n) {
                const char *p = w->w[w->at].p, *end = w->w[w->n - 1].p + w->w[w->n - 1].len;

                p += *p == '(';
                m->reason = (struct slice){p, (uint32_t) (end - p)};
        }
        return 0;
}

/* "Built inbound TCP connection 7 for ...", "Teardown UDP connection for ...". */
static int parse_connection(struct words *w, struct fwsm_message *m)
{
        uint8_t what = m->what;

        m->what = FWSM_OTHER;
        if (next_is(w, "inbound"))
                m->direction = FWSM_INBOUND;
        else if (next_is(w, "outbound"))
                m->direction = FWSM_OUTBOUND;
        /* Translations, tunnels, "local-host": what they say is also said by the connections. */
        if (take_proto(w, &m->proto) < 0 || !next_is(w, "connection"))
                return 0;
        if (w->at < w->n && log_text_number(w->w[w->at], INT64_MAX, &m->number) == 0)
                w->at++;
        if (m->proto == IPPROTO_ICMP)
                find_icmp(w, m);
        if (take_ends(w, m) < 0 || (what == FWSM_TEARDOWN && take_totals(w, m) < 0))
                return -EBADMSG;
        m->what = what;
        return 0;
}

/* "flags SYN ACK on interface outside". */
static void find_flags(struct words *w, struct fwsm_message *m)
{
        size_t was = w->at;

        if (find(w, "flags"))
                for (bool known = true; known && w->at < w->n; w->at++) {
                        known = false;
                        for (unsigned i = 0; i < ELEMENTSOF(flag_names); i++)
                                if (log_text_is(w->w[w->at], flag_names[i])) {
                                        m->tcp |= (uint8_t) (1u << i);
                                        known = m->has_flags = true;
                                }
                }
        w->at = was;
}

/* "Deny ... from|src A[/p] ... to|dst B[/q] ...": all of the older forms. */
static int parse_denied(struct words *w, struct fwsm_message *m)
{
        bool has_from, has_to;

        m->what = FWSM_OTHER;
        if (!find(w, "from") && !find(w, "src"))
                return 0;
        if (w->at < w->n && log_text_is(w->w[w->at], "(")) /* spoofs: who sent it is not known */
                return 0;
        if (take_end(w, &m->addr[FWSM_FOREIGN], &m->port[FWSM_FOREIGN], &has_from) < 0 ||
            !(find(w, "to") || find(w, "dst")) || take_end(w, &m->addr[FWSM_LOCAL], &m->port[FWSM_LOCAL], &has_to) < 0)
                return -EBADMSG;
        if (m->proto != IPPROTO_ICMP && !(has_from && has_to))
                return 0; /* reverse path checks: a forged source too */
        if (m->proto == IPPROTO_ICMP)
                find_icmp(w, m);
        if (m->proto == IPPROTO_TCP)
                find_flags(w, m);
        m->count = 1;
        m->what = FWSM_DENIED;
        return 0;
}

/* "outside/1.2.3.4(4567)". */
static int take_access_end(struct words *w, struct addr *ret_addr, uint16_t *ret_port)
{
        struct slice s;
        uint32_t open;

        if (w->at >= w->n)
                return -EBADMSG;
        s = w->w[w->at++];
        s = behind(s, index_of(s, '/') + 1);
        open = index_of(s, '(');
        if (open == s.len || parse_addr(w, (struct slice){s.p, open}, ret_addr) < 0)
                return -EBADMSG;
        s = behind(s, open + 1);
        s.len = index_of(s, ')');
        return parse_port(s, ret_port);
}

/* "access-list NAME denied tcp outside/A(p) -> inside/B(q) hit-cnt 1 first hit": what is permitted is also built. */
static int parse_access_list(struct words *w, struct fwsm_message *m)
{
        w->at++; /* its name */
        if (!next_is(w, "denied") || take_proto(w, &m->proto) < 0)
                return 0;
        if (take_access_end(w, &m->addr[FWSM_FOREIGN], &m->port[FWSM_FOREIGN]) < 0 || !next_is(w, "->") ||
            take_access_end(w, &m->addr[FWSM_LOCAL], &m->port[FWSM_LOCAL]) < 0)
                return -EBADMSG;
        m->count = 1;
        if (find(w, "hit-cnt") && (w->at >= w->n || log_text_number(w->w[w->at], UINT32_MAX, &m->count) < 0))
                return -EBADMSG;
        if (m->proto == IPPROTO_ICMP) {
                m->icmp = (uint16_t) ((m->port[FWSM_FOREIGN] & 0xff) << 8 | (m->port[FWSM_LOCAL] & 0xff));
                m->has_icmp = true;
        }
        m->what = FWSM_DENIED;
        return 0;
}

static int parse_words(struct words *w, struct fwsm_message *m)
{
        if (next_is(w, "Built")) {
                m->what = FWSM_BUILT;
                return parse_connection(w, m);
        }
        if (next_is(w, "Teardown")) {
                m->what = FWSM_TEARDOWN;
                return parse_connection(w, m);
        }
        if (next_is(w, "access-list"))
                return parse_access_list(w, m);
        if (next_is(w, "Deny")) {
                (void) next_is(w, "inbound");
                return take_proto(w, &m->proto) < 0 ? 0 : parse_denied(w, m);
        }
        /* "Inbound TCP connection denied from", "TCP access denied by ACL from", "UDP request discarded from" */
        (void) next_is(w, "Inbound");
        if (take_proto(w, &m->proto) < 0 ||
            !(next_is(w, "connection") || next_is(w, "access") || next_is(w, "request")) ||
            !(next_is(w, "denied") || next_is(w, "discarded")))
                return 0;
        return parse_denied(w, m);
}

int log_fwsm_parse(struct slice text, struct fwsm_message *ret)
{
        struct fwsm_message m = {0};
        struct words w = {0};

        split(text, &w);
        if (w.n > 0 && parse_words(&w, &m) < 0)
                return -EBADMSG;
        m.struck_out = w.struck_out;
        *ret = m;
        return 0;
}
