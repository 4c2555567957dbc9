/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fields of p0f's signatures out of a SYN. Runs where decode/os_syn.h says. */
#include "decode/os_syn.h"

#include <errno.h>

#include "decode/packet_internal.h"

enum { FLAG_FIN = 1, FLAG_SYN = 2, FLAG_RST = 4, FLAG_PUSH = 8, FLAG_ACK = 16, FLAG_URG = 32, FLAGS_ECN = 0xc0 };
enum { OPT_EOL, OPT_NOP, OPT_MSS, OPT_SCALE, OPT_SACK_OK, OPT_SACK, OPT_TIMESTAMP = 8 };

static const char *const quirk_names[OS_QUIRKS] = {
        "df",    "id+",   "id-",    "ecn",  "0+",   "flow", "seq-", "ack+", "ack-",
        "uptr+", "urgf+", "pushf+", "ts1-", "ts2+", "opt+", "exws", "bad",
};

const char *os_quirk_name(unsigned bit)
{
        return bit < OS_QUIRKS ? quirk_names[bit] : "?";
}

/* --- options --- */

/* One option whose kind and length byte are there. A length other than the option's own is a quirk, and the option
 * counts with its own length, as p0f has it; *ret_len is that. */
static bool option(struct os_syn *s, const uint8_t *p, size_t left, size_t *ret_len)
{
        static const uint8_t own[] = {[OPT_MSS] = 4, [OPT_SCALE] = 3, [OPT_SACK_OK] = 2, [OPT_TIMESTAMP] = 10};
        uint8_t kind = p[0];
        size_t len = kind < sizeof(own) && own[kind] ? own[kind] : 0;

        if (len == 0) {
                len = p[1];
                if (len < (kind == OPT_SACK ? 10 : 2) || len > (kind == OPT_SACK ? 34 : 40))
                        return false;
        } else if (p[1] != len)
                s->quirks |= OS_QUIRK_BAD;
        if (len > left)
                return false;
        switch (kind) {
        case OPT_MSS:
                s->mss = packet_be16(p + 2);
                break;
        case OPT_SCALE:
                s->scale = p[2];
                if (s->scale > 14)
                        s->quirks |= OS_QUIRK_SCALE;
                break;
        case OPT_TIMESTAMP:
                s->ts1 = packet_be32(p + 2);
                if (s->ts1 == 0)
                        s->quirks |= OS_QUIRK_TS1_ZERO;
                if (!s->answer && packet_be32(p + 6) != 0)
                        s->quirks |= OS_QUIRK_TS2_SET;
                break;
        default:
                break;
        }
        *ret_len = len;
        return true;
}

static void options(struct os_syn *s, const uint8_t *p, size_t len)
{
        size_t at = 0, step;

        while (at < len && s->n_options < OS_OPTIONS_MAX) {
                s->options[s->n_options++] = p[at];
                if (p[at] == OPT_EOL) {
                        s->eol_pad = (uint8_t) (len - at - 1);
                        for (size_t i = at + 1; i < len; i++)
                                if (p[i] != 0)
                                        s->quirks |= OS_QUIRK_TRAILING;
                        return;
                }
                if (p[at] == OPT_NOP)
                        step = 1;
                else if (len - at < 2 || !option(s, p + at, len - at, &step))
                        break;
                at += step;
        }
        if (at < len)
                s->quirks |= OS_QUIRK_BAD;
}

/* --- headers --- */

static int tcp(struct os_syn *s, const uint8_t *p, size_t len)
{
        size_t head;
        uint8_t flags;

        if (len < 20)
                return -EBADMSG;
        head = (size_t) (p[12] >> 4) * 4;
        flags = p[13];
        if (!(flags & FLAG_SYN) || (flags & (FLAG_FIN | FLAG_RST)))
                return -ENOMSG;
        if (head < 20 || head > len)
                return -EBADMSG;
        s->sport = packet_be16(p);
        s->dport = packet_be16(p + 2);
        s->window = packet_be16(p + 14);
        s->head = (uint16_t) (s->head + head);
        s->answer = flags & FLAG_ACK;
        s->payload = len > head;
        if (packet_be32(p + 4) == 0)
                s->quirks |= OS_QUIRK_SEQ_ZERO;
        if (s->answer && packet_be32(p + 8) == 0)
                s->quirks |= OS_QUIRK_ACK_ZERO;
        if (!s->answer && packet_be32(p + 8) != 0)
                s->quirks |= OS_QUIRK_ACK_SET;
        if (flags & FLAG_URG)
                s->quirks |= OS_QUIRK_URGENT;
        else if (packet_be16(p + 18) != 0)
                s->quirks |= OS_QUIRK_URGENT_SET;
        if (flags & FLAG_PUSH)
                s->quirks |= OS_QUIRK_PUSH;
        if ((flags & FLAGS_ECN) || (p[12] & 1))
                s->quirks |= OS_QUIRK_ECN;
        options(s, p + 20, head - 20);
        return 0;
}

static int ip4(const uint8_t *p, size_t len, struct os_syn *s)
{
        size_t head, total;
        uint16_t fragment;

        if (len < 20)
                return -EBADMSG;
        head = (size_t) (p[0] & 15) * 4;
        total = packet_be16(p + 2);
        if (p[9] != IPPROTO_TCP)
                return -ENOMSG;
        if (head < 20 || total < head || total > len)
                return -EBADMSG;
        fragment = packet_be16(p + 6);
        if (fragment & 0x3fff)
                return -ENOMSG;
        s->version = 4;
        s->ttl = p[8];
        s->ip_options = (uint8_t) (head - 20);
        s->head = (uint16_t) head;
        s->src = packet_addr4(p + 12);
        s->dst = packet_addr4(p + 16);
        if (p[1] & 3)
                s->quirks |= OS_QUIRK_ECN;
        if (fragment & 0x8000)
                s->quirks |= OS_QUIRK_RESERVED;
        if (fragment & 0x4000)
                s->quirks |= OS_QUIRK_DF | (packet_be16(p + 4) ? OS_QUIRK_ID_SET : 0);
        else if (packet_be16(p + 4) == 0)
                s->quirks |= OS_QUIRK_ID_ZERO;
        return tcp(s, p + head, total - head);
}

static int ip6(const uint8_t *p, size_t len, struct os_syn *s)
{
        size_t total, at = 40;
        uint8_t next;

        if (len < 40)
                return -EBADMSG;
        total = 40u + packet_be16(p + 4);
        if (total > len)
                return -EBADMSG;
        next = p[6];
        for (unsigned i = 0; i < PACKET_HEADERS_MAX && next != IPPROTO_TCP; i++) {
                uint32_t step = total - at < 8 ? 0 : packet_extension(next, p[at + 1]);

                if (step == 0)
                        return -ENOMSG;
                if (step > total - at)
                        return -EBADMSG;
                next = p[at];
                at += step;
        }
        if (next != IPPROTO_TCP)
                return -ENOMSG;
        s->version = 6;
        s->ttl = p[7];
        s->ip_options = (uint8_t) MIN(at - 40, 255u);
        s->head = (uint16_t) at;
        s->src = packet_addr6(p + 8);
        s->dst = packet_addr6(p + 24);
        if (packet_be32(p) & 0xfffff)
                s->quirks |= OS_QUIRK_FLOW;
        if (packet_be32(p) >> 20 & 3)
                s->quirks |= OS_QUIRK_ECN;
        return tcp(s, p + at, total - at);
}

int os_syn_read_ip(const uint8_t *ip, size_t len, struct os_syn *ret)
{
        struct os_syn s = {0};
        int r = -EBADMSG;

        if (len > 0 && ip[0] >> 4 == 4)
                r = ip4(ip, len, &s);
        else if (len > 0 && ip[0] >> 4 == 6)
                r = ip6(ip, len, &s);
        if (r < 0)
                return r;
        *ret = s;
        return 0;
}

int os_syn_read(const struct frame *f, struct os_syn *ret)
{
        struct packet_walk w = packet_begin(f);

        if (packet_link(f->link, &w) != PACKET_OK)
                return -EBADMSG;
        if (w.type != TYPE_IP4 && w.type != TYPE_IP6)
                return -ENOMSG;
        return os_syn_read_ip(w.p, packet_left(&w), ret);
}

/* --- what follows from the fields --- */

int os_syn_window(const struct os_syn *s, bool *ret_mtu)
{
        /* p0f's order. Some systems subtract the timestamps' 12 bytes, or use the MTU of another interface. */
        const int mss = s->mss, six = s->version == 6;
        const struct {
                int divisor;
                bool mtu;
        } guesses[] = {
                {mss, false},
                {s->ts1 ? mss - 12 : 0, false},
                {1500 - 40, false},
                {1500 - 40 - 12, false},
                {six ? 1500 - 60 : 0, false},
                {six ? 1500 - 60 - 12 : 0, false},
                {mss + 40, true},
                {mss + s->head, true},
                {six ? mss + 60 : 0, true},
                {1500, true},
        };

        if (s->window == 0 || mss < 100)
                return -1;
        for (unsigned i = 0; i < ELEMENTSOF(guesses); i++)
                if (guesses[i].divisor > 0 && s->window % guesses[i].divisor == 0) {
                        *ret_mtu = guesses[i].mtu;
                        return s->window / guesses[i].divisor;
                }
        return -1;
}

unsigned os_syn_distance(uint8_t ttl)
{
        return (ttl <= 32 ? 32u : ttl <= 64 ? 64u : ttl <= 128 ? 128u : 255u) - ttl;
}

static void put_option(const struct os_syn *s, uint8_t kind, struct buf *out)
{
        static const char *const names[] = {
                [OPT_NOP] = "nop",     [OPT_MSS] = "mss",   [OPT_SCALE] = "ws",
                [OPT_SACK_OK] = "sok", [OPT_SACK] = "sack", [OPT_TIMESTAMP] = "ts",
        };

        if (kind == OPT_EOL)
                buf_printf(out, "eol+%u", s->eol_pad);
        else if (kind < ELEMENTSOF(names) && names[kind])
                buf_puts(out, names[kind]);
        else
                buf_printf(out, "?%u", kind);
}

void os_syn_put(const struct os_syn *s, struct buf *out)
{
        const char *comma = "";
        bool mtu = false;
        int times = os_syn_window(s, &mtu);

        buf_printf(out, "%u:%u+%u:%u:%u:", s->version, s->ttl, os_syn_distance(s->ttl), s->ip_options, s->mss);
        if (times > 0)
                buf_printf(out, "%s*%d,%u:", mtu ? "mtu" : "mss", times, s->scale);
        else
                buf_printf(out, "%u,%u:", s->window, s->scale);
        for (unsigned i = 0; i < s->n_options; i++, comma = ",") {
                buf_puts(out, comma);
                put_option(s, s->options[i], out);
        }
        buf_putc(out, ':');
        comma = "";
        for (unsigned i = 0; i < OS_QUIRKS; i++)
                if (s->quirks & 1u << i) {
                        buf_printf(out, "%s%s", comma, quirk_names[i]);
                        comma = ",";
                }
        buf_printf(out, ":%c", s->payload ? '+' : '0');
}
