/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a flow speaks: the first bytes of each protocol that is recognised, look-alikes, noise, and captures of others
 * where they are at hand. */
#include "app_test.h"
#include "decode/app_internal.h"
#include "pcap_file.h"

struct sample {
        uint8_t proto;
        uint16_t port;
        enum app app; /* APP_UNKNOWN: nothing */
        const char *data;
        uint32_t len;
};
#define TCP(port_, app_, text)                                                                                         \
        {                                                                                                              \
                .proto = IPPROTO_TCP, .port = port_, .app = app_, .data = text, .len = sizeof(text) - 1                \
        }
#define UDP(port_, app_, text)                                                                                         \
        {                                                                                                              \
                .proto = IPPROTO_UDP, .port = port_, .app = app_, .data = text, .len = sizeof(text) - 1                \
        }
#define ZERO8  "\0\0\0\0\0\0\0\0"
#define ZERO48 ZERO8 ZERO8 ZERO8 ZERO8 ZERO8 ZERO8
#define NAME32 "FHEPFCELEHFCEPFFFACACACACACACABL" /* WORKGROUP, as NetBIOS writes it */

static enum app_answer ask(const struct sample *s, uint32_t len, enum app *ret)
{
        struct app_context c = {
                .proto = s->proto, .from_originator = true, .originator_port = 40000, .responder_port = s->port};
        _cleanup_free_ uint8_t *copy = malloc(len ? len : 1);

        assert_non_null(copy);
        memcpy(copy, s->data, len);
        return app_recognise(&c, copy, len, ret);
}

static void check(const struct sample *samples, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                const struct sample *s = &samples[i];
                enum app app = APP_UNKNOWN;
                enum app_answer answer = ask(s, s->len, &app);

                if (app != s->app || (answer == APP_YES) != (s->app != APP_UNKNOWN))
                        fail_msg("sample %zu is %s, not %s (answer %d)", i, app_name(app), app_name(s->app), answer);
                for (uint32_t len = 0; s->proto == IPPROTO_TCP && s->app && len < s->len && len < APP_PROBE_MAX;
                     len++) {
                        app = APP_UNKNOWN;
                        if (ask(s, len, &app) == APP_NO)
                                fail_msg("sample %zu (%s) is refused after %u bytes", i, app_name(s->app), len);
                        if (app != APP_UNKNOWN)
                                assert_int_equal(app, s->app);
                }
        }
}

static void test_text(void **state)
{
        static const struct sample samples[] = {
                TCP(31337, APP_SSH, "SSH-2.0-OpenSSH_9.2\r\n"),
                TCP(31337, APP_SSH, "SSH-1.99-x\r\n"),
                TCP(31337, APP_POP3, "+OK POP3 ready <1@x>\r\n"),
                TCP(110, APP_POP3, "+OK\r\n"),
                TCP(110, APP_POP3, "USER bob\r\n"),
                TCP(31337, APP_POP3, "USER bob\r\nPASS x\r\nSTAT\r\n"),
                TCP(31337, APP_POP3, "CAPA\r\n"),
                TCP(31337, APP_POP3, "STLS\r\n"),
                TCP(31337, APP_IMAP, "* OK [CAPABILITY IMAP4rev1] ready\r\n"),
                TCP(31337, APP_IMAP, "a001 LOGIN bob x\r\n"),
                TCP(31337, APP_IMAP, "1 CAPABILITY\r\n"),
                TCP(31337, APP_SIP, "REGISTER sip:example.org SIP/2.0\r\n"),
                UDP(31337, APP_SIP, "INVITE sip:a@b SIP/2.0\r\n"),
                UDP(31337, APP_SIP, "SIP/2.0 100 Trying\r\n"),
                UDP(1900, APP_MDNS, "M-SEARCH * HTTP/1.1\r\n"),
                UDP(1900, APP_MDNS, "NOTIFY * HTTP/1.1\r\n"),
                UDP(50000, APP_MDNS, "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n"),
                TCP(31337, APP_BITTORRENT,
                    "\x13"
                    "BitTorrent protocol" ZERO8),
                UDP(6771, APP_BITTORRENT, "BT-SEARCH * HTTP/1.1\r\n"),
                TCP(31337, APP_IRC, "NICK bot\r\n"),
                TCP(31337, APP_SMTP, "220 mx ESMTP\r\n"),
                TCP(31337, APP_FTP, "220 ftp.example FTP server\r\n"),
                TCP(31337, APP_SOCKS, "\5\1\0"),
                TCP(31337, APP_FILE,
                    "\x7f"
                    "ELF\1\1\1\0"),
                UDP(31337, APP_TFTP, "\0\1x\0octet\0"),
        };

        (void) state;
        check(samples, ELEMENTSOF(samples));
}

static void test_binary(void **state)
{
        static const struct sample samples[] = {
                UDP(123, APP_NTP, "\x23\0\6\xec" ZERO8 ZERO8 ZERO8 ZERO8 ZERO8 "\xe1\2\3\4"),
                UDP(31337, APP_NTP, "\x23\0\6\xec" ZERO8 ZERO8 ZERO8 ZERO8 "\0\0\0\0\xe1\2\3\4\0\0\0\0"),
                UDP(123, APP_NTP, "\x17\0\3\x2a\0\0\0\0"),
                UDP(546, APP_DHCP, "\1\1\2\3\0\1\0\2xx\0\6\0\0"),
                UDP(6881, APP_BITTORRENT, "d1:ad2:id20:aaaaaaaaaaaaaaaaaaaae1:q4:ping1:t2:aa1:y1:qe"),
                UDP(6969, APP_BITTORRENT, "\0\0\4\x17\x27\x10\x19\x80\0\0\0\0abcd"),
                UDP(6881, APP_BITTORRENT, "\x41\0\x12\x34\1\2\3\4\0\0\0\0\0\x0f\0\0\0\1\0\0"),
                UDP(443, APP_QUIC, "\xc3\0\0\0\1\x08" ZERO8 "\0\0\x44\x9e"),
                UDP(443, APP_QUIC, "\xc3\xff\0\0\x1d\x08" ZERO8 "\0\0\x44\x9e"),
                UDP(443, APP_QUIC, "\x0d" ZERO8 "Q043\1xx"),
                UDP(443, APP_QUIC, "\xc3Q046\x50" ZERO8 "xx"),
                UDP(50000, APP_QUIC, "\x80\0\0\0\0\0\4abcd\0\0\0\1\x6b\x33\x43\xcf"),
                UDP(20000, APP_RTP, "\x80\x80\0\1\0\0\0\xa0\1\2\3\4" ZERO48 ZERO48 ZERO48 ZERO8 ZERO8),
                UDP(20000, APP_RTP, "\x90\xef\0\1\0\0\0\xa0\1\2\3\4\xbe\xde\0\1\x10\0\0\0payload"),
                UDP(20001, APP_RTP, "\x80\xc9\0\1\1\2\3\4"),
                UDP(20001, APP_RTP, "\x80\xc9\0\1\1\2\3\4\x81\xca\0\2\1\2\3\4\1\1x\0"),
                UDP(5353, APP_MDNS, "\0\0\0\0\0\1\0\0\0\0\0\0\5local\0\0\x0c\0\1"),
                UDP(5355, APP_MDNS, "\1\2\0\0\0\1\0\0\0\0\0\0\4wpad\0\0\1\0\1"),
                UDP(137, APP_MDNS, "\1\2\1\x10\0\1\0\0\0\0\0\0\x20" NAME32 "\0\0\x20\0\1"),
                UDP(138, APP_MDNS, "\x11\x0a\1\2\xc0\0\2\1\0\x8a\0\xbb\0\0\x20" NAME32 "\0"),
                TCP(445, APP_SMB,
                    "\0\0\0\x45\xff"
                    "SMB\x72\0\0\0\0"),
                TCP(31337, APP_SMB,
                    "\0\0\0\xb0\xfe"
                    "SMB\x40\0"),
                TCP(139, APP_SMB, "\x81\0\0\x44\x20" NAME32 "\0\x20" NAME32 "\0"),
                TCP(31337, APP_RDP, "\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0\0"),
                TCP(31337, APP_RDP, "\3\0\0\x25\x20\xe0\0\0\0\0\0Cookie: mstshash=eltons\r\n"),
                TCP(31337, APP_RDP, "\3\0\0\x13\x0e\xd0\0\0\x12\x34\0\2\1\x08\0\2\0\0\0"),
                TCP(3389, APP_RDP, "\3\0\0\x0b\6\xe0\0\0\0\0\0"),
                UDP(161, APP_SNMP,
                    "\x30\x26\2\1\1\4\6public\xa0\x19\2\1\1\2\1\0\2\1\0\x30\x0e\x30\x0c\6\x08\x2b\6\1\2\1\1\2\0\5\0"),
        };
        uint8_t dhcp[300] = {1, 1, 6};
        const struct sample bootp = {IPPROTO_UDP, 67, APP_DHCP, (const char *) dhcp, sizeof(dhcp)};

        (void) state;
        check(samples, ELEMENTSOF(samples));
        memcpy(dhcp + 236, "\x63\x82\x53\x63", 4);
        check(&bootp, 1);
}

static void test_look_alikes(void **state)
{
        static const struct sample samples[] = {
                TCP(6379, APP_UNKNOWN, "+OK\r\n"), /* Redis, NATS */
                TCP(6379, APP_UNKNOWN, "+PONG\r\n"),
                TCP(6379, APP_UNKNOWN, "PING\r\n"),
                TCP(6379, APP_UNKNOWN, "-ERR unknown command\r\n"),
                TCP(80, APP_UNKNOWN, "SSH 2.0 is not here"),
                TCP(31337, APP_UNKNOWN, "* OKAY\r\n"),
                TCP(31337, APP_UNKNOWN, "hello world, this is text of no protocol at all, it goes on and on"),
                TCP(31337, APP_UNKNOWN, "220 ready\r\n"), /* waits for the client */
                TCP(31337, APP_UNKNOWN, "USER bob\r\n"),  /* FTP or POP3 */
                TCP(102, APP_UNKNOWN, "\3\0\0\x16\x11\xe0\0\0\0\1\0\xc0\1\x0a\xc1\2\1\0\xc2\2\1\2"), /* S7: TPKT too */
                TCP(139, APP_UNKNOWN,
                    "\0\0\0\x04"
                    "ABCDEFGH"),
                UDP(31337, APP_UNKNOWN, "\x80\x80\0\1\0\0\0\xa0\1\2\3\4" ZERO8),
                UDP(20001, APP_UNKNOWN, "\x80\xc9\0\2\1\2\3\4"),
                UDP(31337, APP_UNKNOWN, "\x23\0\6\xec" ZERO48),
                UDP(443, APP_UNKNOWN, "\xc3\x12\x34\x56\x78\x08" ZERO8 "\0\0\x44\x9e"),
                UDP(443, APP_UNKNOWN, "\xc3\0\0\0\1\x15" ZERO8 ZERO8 ZERO8),
                UDP(6881, APP_UNKNOWN, "\x41\0\x12\x34\1\2\3\4\0\0\0\1\0\x0f\0\0\0\1\0\0"),
                UDP(161, APP_UNKNOWN,
                    "\x30\x27\2\1\1\4\6public\xa0\x19\2\1\1\2\1\0\2\1\0\x30\x0e\x30\x0c\6\x08\x2b\6\1\2\1\1\2\0\5\0"),
                UDP(161, APP_UNKNOWN, "\x30\x82\xff\xff\2\1\1\4\xff" ZERO8 ZERO8),
                UDP(31337, APP_UNKNOWN, ""),
        };
        struct sample sctp = TCP(31337, APP_UNKNOWN, "NICK bot\r\n");
        enum app app = APP_UNKNOWN;

        (void) state;
        check(samples, ELEMENTSOF(samples));
        sctp.proto = IPPROTO_SCTP;
        assert_int_equal(ask(&sctp, sctp.len, &app), APP_NO);
        /* a stream in doubt is not waited for for ever */
        assert_int_equal(ask(&(struct sample) TCP(1, APP_UNKNOWN,
                                                  "PASS 3456789012345678901234567890123456789012345678901234567890"),
                             60, &app),
                         APP_MORE);
        assert_int_equal(
                ask(&(struct sample) TCP(1, APP_UNKNOWN,
                                         "PASS 34567890123456789012345678901234567890123456789012345678901234"),
                    64, &app),
                APP_NO);
}

/* What is encrypted on UDP ports of its own must not get a name by chance. */
static void test_noise(void **state)
{
        uint64_t x = 0x5e41303121ull;
        unsigned named = 0;
        uint8_t data[256];

        (void) state;
        for (int i = 0; i < 200000; i++) {
                struct sample s = {
                        .proto = i & 1 ? IPPROTO_UDP : IPPROTO_TCP, .port = 31338, .data = (const char *) data};
                enum app app;

                for (size_t k = 0; k < sizeof(data); k++) { /* xorshift64* */
                        x ^= x >> 12;
                        x ^= x << 25;
                        x ^= x >> 27;
                        data[k] = (uint8_t) (x * 0x2545f4914f6cdd1dull >> 56);
                }
                s.len = 12 + (uint32_t) i % 244;
                named += ask(&s, s.len, &app) == APP_YES;
        }
        assert_true(named <= 2);
}

/* Each capture of a protocol's name has a packet that is recognised as it. */
static bool capture_holds(const char *path, enum app wanted)
{
        static const struct packet_params params = {0};
        _cleanup_(packet_decoder_freep)
        struct packet_decoder *d = NULL;
        _cleanup_(pcap_done)
        struct pcap_file file = {0};
        struct packet p;
        struct frame f;

        if (!pcap_open(path, &file))
                return false;
        assert_int_equal(packet_decoder_new(&params, &d), 0);
        while (pcap_next(&file, &f)) {
                struct app_context c = {.midstream = true};
                enum app app;

                if (packet_decode(d, &f, &p) != PACKET_OK || p.payload_len == 0)
                        continue;
                c.proto = p.proto;
                c.originator_port = p.sport;
                c.responder_port = p.dport;
                c.from_originator = true;
                if (app_recognise(&c, p.payload, p.payload_len, &app) == APP_YES && app == wanted)
                        return true;
        }
        return false;
}

static void test_captures(void **state)
{
        static const struct {
                const char *file;
                enum app app;
        } captures[] = {
                {"ndpi/irc.pcap", APP_IRC},
                {"zeek/irc-basic.pcap", APP_IRC},
                {"zeek/irc-whitespace.pcap", APP_IRC},
                {"ndpi/ftp_failed.pcap", APP_FTP},
                {"zeek/ftp/retr.pcap", APP_FTP},
                {"zeek/smtp/rfc3030-bdat-example1.pcap", APP_SMTP},
                {"ndpi/socks.pcap", APP_SOCKS},
                {"zeek/tunnels/socks.pcap", APP_SOCKS},
                {"ndpi/pop3.pcap", APP_POP3},
                {"ndpi/imap.pcap", APP_IMAP},
                {"ndpi/NTPv2.pcap", APP_NTP},
                {"ndpi/NTPv3.pcap", APP_NTP},
                {"ndpi/NTPv4.pcap", APP_NTP},
                {"ndpi/rdp.pcap", APP_RDP},
                {"ndpi/snmp.pcap", APP_SNMP},
                {"ndpi/quic.pcap", APP_QUIC},
                {"ndpi/quic-29.pcap", APP_QUIC},
                {"ndpi/ssdp-m-search.pcap", APP_MDNS},
                {"ndpi/netbios.pcap", APP_MDNS},
                {"zeek/dns/mdns.pcap", APP_MDNS},
                {"ndpi/smb_frags.pcap", APP_SMB},
                {"zeek/ssh/sshguess.pcap", APP_SSH},
                {"zeek/sip/wireshark.pcap", APP_SIP},
                {"zeek/dhcp/dhcp.pcap", APP_DHCP},
        };
        const char *data = getenv("SEKIMORI_DATA");
        unsigned there = 0;
        char path[512];

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(captures); i++) {
                struct stat st;

                (void) snprintf(path, sizeof(path), "%s/pcap/%s", data ? data : "../shared/data", captures[i].file);
                if (stat(path, &st) < 0)
                        continue;
                there++;
                if (!capture_holds(path, captures[i].app))
                        fail_msg("no %s in %s", app_name(captures[i].app), captures[i].file);
        }
        if (there == 0) {
                print_message("no captures: set SEKIMORI_DATA\n");
                skip();
        }
}

static void test_registry(void **state)
{
        (void) state;
        for (size_t i = 0; app_decoders[i]; i++) {
                const struct app_decoder *d = app_decoders[i];

                assert_ptr_equal(app_decoder_of(d->app), d); /* one for each protocol */
                assert_true(d->app > APP_UNKNOWN && d->app < APPS && d->state_size <= APP_STATE_MAX);
                assert_true((d->tcp || d->udp) && d->probe && d->data);
        }
        assert_null(app_decoder_of(APP_SSH));
        assert_null(app_decoder_of(APP_UNKNOWN));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),  cmocka_unit_test(test_binary),   cmocka_unit_test(test_look_alikes),
                cmocka_unit_test(test_noise), cmocka_unit_test(test_captures), cmocka_unit_test(test_registry),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
