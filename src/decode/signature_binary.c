/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signatures of protocols with binary headers. A datagram is judged whole: its lengths must add up, and where a header
 * has few fixed bits (NTP, RTP, uTP) its values must be possible as well. Runs in the engine and in `read`. */
#include <netinet/in.h>

#include "base/cleanup.h"
#include "decode/app_internal.h"

static bool either_port(const struct app_context *c, uint16_t port)
{
        return c->originator_port == port || c->responder_port == port;
}

/* --- NTP (RFC 5905), with the control and private messages of its version 2 --- */

/* Seconds since 1900, from 1995 until the era ends in 2036 */
static bool ntp_time(const uint8_t *p)
{
        return app_be32(p) >= 0xb2d00000u;
}

static enum app_answer sign_ntp(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        uint32_t version, mode;
        bool port = either_port(c, 123), length;

        if (len < 8)
                return APP_NO;
        version = p[0] >> 3 & 7;
        mode = p[0] & 7;
        if (version < 1 || version > 4 || mode < 1)
                return APP_NO;
        if (mode >= 6) /* control: 12 bytes and data; private: 8 */
                return port && (mode == 7 || (len >= 12 && len >= 12 + app_be16(p + 10))) ? APP_YES : APP_NO;
        if (len < 48 || p[1] > 16)
                return APP_NO;
        if (port)
                return APP_YES;
        length = len == 48 || len == 68 || len == 72; /* alone, with MD5 or SHA-1 (RFC 5905 7.3) */
        if (!length || version < 3 || (mode != 3 && mode != 4) || (int8_t) p[3] > 0 || (int8_t) p[3] < -32)
                return APP_NO;
        return ntp_time(p + 40) && (mode == 3 || (p[1] > 0 && p[2] <= 17 && ntp_time(p + 32))) ? APP_YES : APP_NO;
}

/* --- DHCP (RFC 2131) and DHCPv6 (RFC 8415) --- */

static enum app_answer sign_dhcp(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        uint32_t pos = 4;

        if (len >= 240 && (p[0] == 1 || p[0] == 2) && p[2] <= 16 && app_be32(p + 236) == 0x63825363)
                return APP_YES;
        if (!(either_port(c, 546) || either_port(c, 547)) || len < 8 || p[0] < 1 || p[0] > 13)
                return APP_NO;
        if (p[0] >= 12) /* RELAY-FORW, RELAY-REPL */
                pos = 34;
        for (int i = 0; i < 32 && pos + 4 <= len; i++)
                pos += 4 + app_be16(p + pos + 2);
        return pos == len ? APP_YES : APP_NO;
}

/* --- BitTorrent in datagrams: DHT (BEP 5), trackers (BEP 15), uTP (BEP 29) --- */

static enum app_answer sign_torrent(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        static const char *const dht[] = {"D1:AD2:ID20:", "D1:RD2:ID20:", "D2:IP6:", "D2:IP4:", "D1:ELI2"};

        (void) c;
        for (size_t i = 0; i < ELEMENTSOF(dht); i++)
                if (app_begins(p, len, dht[i]) == APP_YES)
                        return p[len - 1] == 'e' ? APP_YES : APP_NO;
        if (len == 16 && app_be32(p) == 0x417 && app_be32(p + 4) == 0x27101980 && app_be32(p + 8) == 0)
                return APP_YES;
        if (len < 20 || (p[0] & 0xf) != 1 || p[0] >> 4 > 4 || p[1] > 2)
                return APP_NO;
        if (p[0] >> 4 == 4) { /* SYN: nothing was heard yet, so there is no difference of time; sequence 1 */
                bool length = p[1] == 0 ? len == 20 : len > 22 && p[20] == 0 && len == 22u + p[21];

                return length && app_be32(p + 8) == 0 && app_be32(p + 12) > 0 && app_be16(p + 16) == 1 ? APP_YES :
                                                                                                         APP_NO;
        }
        return p[1] == 0 && app_begins(p + 20, len - 20,
                                       "\x13"
                                       "BITTORRENT PROTOCOL") == APP_YES ?
                       APP_YES :
                       APP_NO;
}

/* --- QUIC (RFC 9000, 9369) and what came before it --- */

static bool quic_version(uint32_t v)
{
        return v == 1 || v == 0x6b3343cf || (v & 0xffffff00) == 0xff000000 || (v & 0xfffffff0) == 0xfaceb000 ||
               (v & 0x0f0f0f0f) == 0x0a0a0a0a || ((v & 0xffff0000) == 0x51300000 && app_is_digit((uint8_t) v)) ||
               (v & 0xffffff00) == 0x54303500; /* "Q0nn" and "T05n" are Google's */
}

static enum app_answer sign_quic(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        uint32_t version, pos;

        (void) c;
        if (len < 14)
                return APP_NO;
        if (p[0] < 0x40 && (p[0] & 0x0d) >= 0x09 && p[9] == 'Q') /* until Q043: flags, connection id, version */
                return p[10] == '0' && app_is_digit(p[11]) && app_is_digit(p[12]) ? APP_YES : APP_NO;
        version = app_be32(p + 1);
        if (!(p[0] & 0x80))
                return APP_NO;
        if (version >> 8 == 0x513034 && version <= 0x51303437) /* Q044 to Q047: lengths in four bits each */
                return APP_YES;
        pos = 6u + p[5];
        if (p[5] > 20 || pos >= len || p[pos] > 20)
                return APP_NO;
        pos += 1u + p[pos];
        if (version != 0)
                return p[0] & 0x40 && pos < len && quic_version(version) ? APP_YES : APP_NO;
        if (pos + 4 > len || (len - pos) % 4 != 0) /* version negotiation: a list of them */
                return APP_NO;
        for (; pos < len; pos += 4)
                if (quic_version(app_be32(p + pos)))
                        return APP_YES;
        return APP_NO;
}

/* --- RTP and RTCP (RFC 3550, RFC 3551) --- */

static bool is_rtcp(const uint8_t *p, uint32_t len)
{
        uint32_t pos = 0;

        if (len < 8 || (p[1] != 200 && p[1] != 201) || app_be32(p + 4) == 0) /* begins with a report */
                return false;
        if (app_be16(p + 2) < (p[1] == 200 ? 6u : 1u) + (p[0] & 31u) * 6)
                return false;
        while (pos + 4 <= len && p[pos] >> 6 == 2 && p[pos + 1] >= 200 && p[pos + 1] <= 207)
                pos += 4 * (app_be16(p + pos + 2) + 1);
        return pos == len;
}

/* Is that many bytes of payload what this codec makes of 10 to 60 ms? */
static bool rtp_length(uint32_t type, uint32_t n)
{
        switch (type) {
        case 0: /* PCMU */
        case 8: /* PCMA */
        case 9: /* G722 */
                return n % 80 == 0 && n >= 80 && n <= 480;
        case 3: /* GSM */
                return n % 33 == 0 && n >= 33 && n <= 99;
        case 4: /* G723 */
                return n == 20 || n == 24 || n == 40 || n == 48;
        case 18: /* G729, with a comfort noise frame of two bytes */
                return n >= 10 && n <= 62 && (n % 10 == 0 || n % 10 == 2);
        case 33: /* MP2T */
                return n > 0 && n % 188 == 0;
        default:
                return false;
        }
}

static enum app_answer sign_rtp(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        uint32_t type, head;

        if (len < 8 || p[0] >> 6 != 2 || c->originator_port < 1024 || c->responder_port < 1024)
                return APP_NO;
        if (is_rtcp(p, len))
                return APP_YES;
        if (len < 12)
                return APP_NO;
        type = p[1] & 127;
        head = 12;
        if (app_be32(p + 8) == 0 || p[0] & 0x2f) /* no source, padding, contributors: not at the beginning */
                return APP_NO;
        if (p[0] & 0x10) { /* one-byte header extensions (RFC 8285), whose lengths add up */
                if (len < 20 || app_be16(p + 12) != 0xbede || app_be16(p + 14) == 0 || app_be16(p + 14) > 16)
                        return APP_NO;
                head = 16 + 4 * app_be16(p + 14);
                return len > head && type >= 96 ? APP_YES : APP_NO;
        }
        return rtp_length(type, len - head) && !(c->originator_port & 1) && !(c->responder_port & 1) ? APP_YES : APP_NO;
}

/* --- discovery in the form of DNS (RFC 6762, RFC 4795), and NetBIOS (RFC 1002) --- */

/* Each half byte of a name as a letter from 'A' (RFC 1001 14.1) */
static bool netbios_name(const uint8_t *p, uint32_t len)
{
        if (len < 34 || p[0] != 32)
                return false;
        for (int i = 1; i <= 32; i++)
                if (p[i] < 'A' || p[i] > 'P')
                        return false;
        return true;
}

static enum app_answer sign_local(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        uint32_t questions, records;

        if (len < 12)
                return APP_NO;
        if (p[0] >= 0x10 && p[0] <= 0x16 && len >= 48 && either_port(c, 138)) /* a datagram with two names */
                return netbios_name(p + 14, len - 14) ? APP_YES : APP_NO;
        questions = app_be16(p + 4);
        records = app_be16(p + 6) + app_be16(p + 8) + app_be16(p + 10);
        if (questions + records == 0 || questions + records > 255)
                return APP_NO;
        if (netbios_name(p + 12, len - 12) && questions + records <= 4)
                return p[12 + 33] == 0 || p[12 + 33] < 64 ? APP_YES : APP_NO;
        if (either_port(c, 137) && app_be16(p + 6) == 1 && len >= 50) /* an answer: the name, or what is at it */
                return netbios_name(p + 12, len - 12) ? APP_YES : APP_NO;
        /* an mDNS message has id 0 unless it was asked by a simple resolver; LLMNR asks one question */
        if (either_port(c, 5353))
                return (p[2] & 0x78) == 0 && (app_be16(p) == 0 || questions > 0) ? APP_YES : APP_NO;
        return either_port(c, 5355) && (p[2] & 0x78) == 0 && questions == 1 ? APP_YES : APP_NO;
}

/* --- SMB --- */

static enum app_answer sign_smb(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        static const char *const marks[] = {"\xffSMB", "\xfeSMB", "\xfdSMB", "\xfcSMB"};

        (void) c;
        if (len == 0)
                return APP_MORE;
        if (p[0] == 0x81) /* NetBIOS: a session is asked for */
                return len < 38 ? APP_MORE : app_be16(p + 2) >= 68 && netbios_name(p + 4, len - 4) ? APP_YES : APP_NO;
        if (p[0] != 0 || (len > 1 && p[1] > 1))
                return APP_NO;
        for (size_t i = 0; i < ELEMENTSOF(marks); i++) {
                if (len < 5)
                        return APP_MORE;
                enum app_answer a = app_begins(p + 4, len - 4, marks[i]);
                if (a != APP_NO)
                        return a;
        }
        return APP_NO;
}

/* --- RDP (MS-RDPBCGR 2.2.1.1, 2.2.1.2): TPKT, X.224, and what only RDP puts behind it --- */

static enum app_answer sign_rdp(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        const uint8_t *end;

        (void) c;
        if (app_begins(p, MIN(len, 2u), "\3") == APP_NO || (len > 1 && p[1] != 0))
                return APP_NO;
        if (len < 11)
                return APP_MORE;
        if (p[4] + 5u != app_be16(p + 2) || (p[5] != 0xe0 && p[5] != 0xd0) || p[10] != 0)
                return APP_NO;
        if (p[5] == 0xd0) { /* confirmed: an answer or a failure of the negotiation */
                if (app_be16(p + 2) == 11)
                        return app_port_is(c, 3389) ? APP_YES : APP_NO;
                return len < 19 ? APP_MORE : (p[11] == 2 || p[11] == 3) && p[13] == 8 && p[14] == 0 ? APP_YES : APP_NO;
        }
        if (app_be16(p + 2) == 11)
                return app_port_is(c, 3389) ? APP_YES : APP_NO;
        if (len < 19)
                return APP_MORE;
        end = p + 11;
        return app_begins(end, 8, "COOKIE: ") == APP_YES || (p[11] == 1 && p[13] == 8 && p[14] == 0) ? APP_YES : APP_NO;
}

/* --- SNMP (RFC 1157, RFC 3416, RFC 3412) --- */

/* A BER length at *pos; moves *pos behind it. */
static bool ber_length(const uint8_t *p, uint32_t len, uint32_t *pos, uint32_t *ret)
{
        uint32_t n, bytes;

        if (*pos >= len)
                return false;
        n = p[(*pos)++];
        if (n & 0x80) {
                bytes = n & 0x7f;
                if (bytes < 1 || bytes > 3 || *pos + bytes > len)
                        return false;
                for (n = 0; bytes > 0; bytes--)
                        n = n << 8 | p[(*pos)++];
        }
        *ret = n;
        return true;
}

static enum app_answer sign_snmp(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        uint32_t pos = 1, n, version;

        (void) c;
        if (len < 20 || p[0] != 0x30 || !ber_length(p, len, &pos, &n) || pos + n != len || len - pos < 5)
                return APP_NO;
        if (p[pos] != 2 || p[pos + 1] != 1)
                return APP_NO;
        version = p[pos + 2];
        pos += 3;
        if (version == 3)
                return p[pos] == 0x30 && p[pos + 1] < 0x20 && len - pos > 4 && p[pos + 2] == 2 ? APP_YES : APP_NO;
        if (version > 1 || p[pos++] != 4 || !ber_length(p, len, &pos, &n) || n > 255 || pos + n >= len)
                return APP_NO;
        return p[pos + n] >= 0xa0 && p[pos + n] <= 0xa8 ? APP_YES : APP_NO;
}

static const struct {
        enum app app;
        uint8_t proto;
        enum app_answer (*sign)(const struct app_context *c, const uint8_t *p, uint32_t len);
} signatures[] = {
        {APP_SMB, IPPROTO_TCP, sign_smb},   {APP_RDP, IPPROTO_TCP, sign_rdp},
        {APP_DHCP, IPPROTO_UDP, sign_dhcp}, {APP_MDNS, IPPROTO_UDP, sign_local},
        {APP_NTP, IPPROTO_UDP, sign_ntp},   {APP_QUIC, IPPROTO_UDP, sign_quic},
        {APP_SNMP, IPPROTO_UDP, sign_snmp}, {APP_BITTORRENT, IPPROTO_UDP, sign_torrent},
        {APP_RTP, IPPROTO_UDP, sign_rtp},
};

enum app_answer app_signature_binary(const struct app_context *c, const uint8_t *data, uint32_t len, enum app *ret_app)
{
        enum app_answer answer = APP_NO;

        for (size_t i = 0; i < ELEMENTSOF(signatures); i++) {
                enum app_answer a = c->proto == signatures[i].proto ? signatures[i].sign(c, data, len) : APP_NO;

                if (a == APP_YES) {
                        *ret_app = signatures[i].app;
                        return APP_YES;
                }
                if (a == APP_MORE)
                        answer = APP_MORE;
        }
        return answer;
}
