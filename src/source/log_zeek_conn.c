/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conn.log: a line is a flow, written when Zeek has forgotten it: its start and its end (Zeek manual, conn.log; states
 * and history letters from base/protocols/conn/main.zeek). Runs in `read`. */
#include <errno.h>
#include <netinet/in.h>

#include "source/log_zeek.h"

#define DURATION_MAX (1000000000LL * NSEC_PER_SEC) /* 31 years: more is an error */
#define LASTS        NSEC_PER_SEC                  /* flows that last so long are told to be answered before they end */
#define PORT_MDNS    5353                          /* RFC 6762 */
#define PORT_LLMNR   5355                          /* RFC 4795 */
#define PORT_NBNS    137                           /* RFC 1002 */

/* Which ends were heard, and what of TCP they said. */
struct heard {
        uint8_t tcp[2];
        bool end[2];
        bool data[2];
        bool unread[2]; /* packets with a wrong checksum, which Zeek counts for nothing */
        bool flipped;
};

/* Upper case: the originator. */
static void read_history(struct slice history, struct heard *h)
{
        static const struct {
                char letter;
                uint8_t tcp;
        } letters[] = {
                {'s', TCP_SEEN_SYN},
                {'h', TCP_SEEN_SYN | TCP_SEEN_ACK},
                {'a', TCP_SEEN_ACK},
                {'d', TCP_SEEN_ACK},
                {'f', TCP_SEEN_FIN | TCP_SEEN_ACK},
                {'r', TCP_SEEN_RST},
                {'q', TCP_SEEN_SYN | TCP_SEEN_FIN}, /* both at once, or with RST */
        };

        for (uint32_t i = 0; i < history.len; i++) {
                char c = history.p[i];
                unsigned side = c >= 'a' && c <= 'z' ? LOG_RESP : LOG_ORIG;

                h->flipped |= c == '^';
                if ((c | 0x20) < 'a' || (c | 0x20) > 'z')
                        continue;
                h->end[side] = true;
                h->data[side] |= (c | 0x20) == 'd';
                h->unread[side] |= (c | 0x20) == 'c';
                for (size_t k = 0; k < ELEMENTSOF(letters); k++)
                        if ((c | 0x20) == letters[k].letter)
                                h->tcp[side] |= letters[k].tcp;
        }
}

static bool is_icmp(const struct zeek *z)
{
        return z->talk.proto == IPPROTO_ICMP || z->talk.proto == IPPROTO_ICMPV6;
}

/* Errors belong to the flow that they quote; packets make no flow of them either (RFC 792, RFC 4443 2.1). */
static bool is_icmp_error(const struct zeek *z)
{
        unsigned type = z->talk.icmp >> 8;

        if (z->talk.proto == IPPROTO_ICMPV6)
                return type < 128;
        return z->talk.proto == IPPROTO_ICMP && (type == 3 || type == 4 || type == 5 || type == 11 || type == 12);
}

static uint8_t tcp_state(struct slice state, const struct heard *h, uint16_t *flags)
{
        bool answered = h->end[LOG_ORIG] && h->end[LOG_RESP], syn_ack = h->tcp[LOG_RESP] & TCP_SEEN_SYN;

        if (log_text_is(state, "SF") || log_text_is(state, "RSTO") || log_text_is(state, "RSTR"))
                return FLOW_STATE_CLOSED;
        if (log_text_is(state, "S1") || log_text_is(state, "S2") || log_text_is(state, "S3"))
                return FLOW_STATE_ESTABLISHED;
        if (log_text_is(state, "S0") || log_text_is(state, "REJ") || log_text_is(state, "RSTOS0"))
                return FLOW_STATE_FAILED;
        if (log_text_is(state, "SH")) { /* who acknowledges was answered: the answers were not captured */
                if (!(h->tcp[LOG_ORIG] & TCP_SEEN_ACK && h->data[LOG_ORIG]))
                        return FLOW_STATE_FAILED;
                *flags |= FLOW_ONE_SIDED;
                return FLOW_STATE_CLOSED;
        }
        if (log_text_is(state, "SHR") || log_text_is(state, "RSTRH")) { /* the SYN was not captured */
                if (!h->end[LOG_ORIG])
                        *flags |= FLOW_ONE_SIDED;
                if (!syn_ack && h->tcp[LOG_RESP] != TCP_SEEN_RST)
                        *flags |= FLOW_MIDSTREAM;
                return syn_ack || h->data[LOG_RESP] ? FLOW_STATE_CLOSED : FLOW_STATE_FAILED;
        }
        /* A sensor that sees its own host's packets before the card has filled in their checksums: no answer came. */
        if (h->unread[LOG_ORIG] && !h->tcp[LOG_ORIG] && !h->end[LOG_RESP])
                return FLOW_STATE_FAILED;
        /* OTH, and states yet unknown: the beginning was not seen */
        if (!syn_ack)
                *flags |= FLOW_MIDSTREAM;
        if (answered && h->tcp[LOG_RESP] != TCP_SEEN_RST)
                return FLOW_STATE_ESTABLISHED;
        if (!answered && (h->data[LOG_ORIG] || h->data[LOG_RESP]))
                *flags |= FLOW_ONE_SIDED;
        return FLOW_STATE_FAILED;
}

static uint8_t app_of_word(struct slice word)
{
        static const struct {
                const char *name;
                uint8_t app;
        } apps[] = {
                {"dns", APP_DNS},           {"http", APP_HTTP},   {"ssl", APP_TLS},   {"tls", APP_TLS},
                {"dtls", APP_TLS},          {"irc", APP_IRC},     {"smtp", APP_SMTP}, {"ftp", APP_FTP},
                {"ftp-data", APP_FTP_DATA}, {"socks", APP_SOCKS}, {"ssh", APP_SSH},   {"pop3", APP_POP3},
                {"imap", APP_IMAP},         {"ntp", APP_NTP},     {"dhcp", APP_DHCP}, {"bittorrent", APP_BITTORRENT},
                {"quic", APP_QUIC},         {"sip", APP_SIP},     {"smb", APP_SMB},   {"rdp", APP_RDP},
                {"snmp", APP_SNMP},
        };

        for (size_t i = 0; i < ELEMENTSOF(apps); i++)
                if (log_text_is(word, apps[i].name))
                        return apps[i].app;
        return APP_UNKNOWN;
}

/* "gssapi,smb": the first one that is known. */
static uint8_t app_of(const struct zeek *z)
{
        struct slice s = z->value[ZEEK_SERVICE].raw;
        uint16_t port = z->talk.port[LOG_RESP];

        while (s.len > 0) {
                const char *comma = memchr(s.p, ',', s.len);
                struct slice word = {s.p, comma ? (uint32_t) (comma - s.p) : s.len};
                uint8_t app = app_of_word(word);

                if (app == APP_DNS && z->talk.proto == IPPROTO_UDP &&
                    (port == PORT_MDNS || port == PORT_LLMNR || port == PORT_NBNS))
                        return APP_MDNS;
                if (app != APP_UNKNOWN)
                        return app;
                s = comma ? (struct slice){comma + 1, s.len - word.len - 1} : (struct slice){0};
        }
        return APP_UNKNOWN;
}

/* Totals that are there but are no numbers make the line a bad one. */
static int read_totals(const struct zeek *z, struct log_flow *f, nsec_t *ret_duration)
{
        static const enum zeek_field bytes[2] = {ZEEK_ORIG_BYTES, ZEEK_RESP_BYTES},
                                     pkts[2] = {ZEEK_ORIG_PKTS, ZEEK_RESP_PKTS};
        struct slice duration = z->value[ZEEK_DURATION].raw;

        for (unsigned i = 0; i < 2; i++)
                if ((z->value[bytes[i]].raw.p &&
                     log_text_number(z->value[bytes[i]].raw, INT64_MAX, &f->bytes[i]) < 0) ||
                    (z->value[pkts[i]].raw.p && log_text_number(z->value[pkts[i]].raw, INT64_MAX, &f->pkts[i]) < 0))
                        return -EBADMSG;
        *ret_duration = 0;
        if (duration.p && (log_text_seconds(duration, ret_duration) < 0 || *ret_duration > DURATION_MAX))
                return -EBADMSG;
        return 0;
}

static void emit(const struct zeek *z, const struct heard *h, struct log_flow *end, nsec_t duration,
                 const struct log_out *out)
{
        unsigned first = h->end[LOG_ORIG] || !h->end[LOG_RESP] ? LOG_ORIG : LOG_RESP;
        struct log_flow start = {.since = z->time, .state = FLOW_STATE_NEW, .app = APP_UNKNOWN, .flags = end->flags};

        start.pkts[first] = MIN(end->pkts[first], 1u);
        start.tcp[first] = end->tcp[first] & TCP_SEEN_SYN;
        if (first == LOG_RESP && start.tcp[first])
                start.tcp[first] |= TCP_SEEN_ACK;
        log_emit_flow(out, &z->talk, &start, z->time, FLOW_START);
        if (duration >= LASTS && (end->state == FLOW_STATE_ESTABLISHED || end->state == FLOW_STATE_CLOSED))
                log_emit_answered(out, &z->talk, end);
        log_emit_flow(out, &z->talk, end, z->time + duration, FLOW_END);
}

int log_zeek_conn(struct zeek *z, const struct log_out *out)
{
        struct log_flow end = {.since = z->time};
        struct heard h = {0};
        nsec_t duration;
        uint64_t missed = log_zeek_count(z, ZEEK_MISSED_BYTES, 0);

        if (read_totals(z, &end, &duration) < 0)
                return -EBADMSG;
        if (is_icmp(z)) {
                z->talk.icmp = (uint16_t) ((z->talk.port[LOG_ORIG] & 0xff) << 8 | (z->talk.port[LOG_RESP] & 0xff));
                if (is_icmp_error(z))
                        return 0;
        }
        if (!log_emit_place(out, &z->talk))
                return 0;
        read_history(z->value[ZEEK_HISTORY].raw, &h);
        for (unsigned i = 0; i < 2; i++)
                h.end[i] |= end.pkts[i] > 0 || end.bytes[i] > 0;
        if (z->talk.proto == IPPROTO_TCP) {
                end.state = tcp_state(z->value[ZEEK_CONN_STATE].raw, &h, &end.flags);
                memcpy(end.tcp, h.tcp, sizeof(end.tcp));
                if (h.flipped && !(h.tcp[LOG_RESP] & TCP_SEEN_SYN))
                        end.flags |= FLOW_MIDSTREAM; /* who opened it is Zeek's guess */
        } else
                end.state = h.end[LOG_ORIG] && h.end[LOG_RESP] ? FLOW_STATE_ESTABLISHED : FLOW_STATE_FAILED;
        end.app = app_of(z);
        z->unread += h.unread[LOG_ORIG] || h.unread[LOG_RESP];
        z->missed_bytes = missed > UINT64_MAX - z->missed_bytes ? UINT64_MAX : z->missed_bytes + missed;
        emit(z, &h, &end, duration, out);
        return 0;
}
