/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protocols that are recognised by their first bytes and not decoded: text here, binary headers in signature_binary.c.
 * Strict: a flow that is called by a wrong name misleads every detector, one without a name only lacks it. Ports
 * decide where the bytes leave a choice. Runs in the engine and in `read`. */
#include <netinet/in.h>

#include "base/cleanup.h"
#include "decode/app_internal.h"

/* --- SSH, POP3, IMAP --- */

/* RFC 4253 4.2: "SSH-2.0-", "SSH-1.99-"; old ones "SSH-1.5-" */
static enum app_answer sign_ssh(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        enum app_answer a = app_begins(p, len, "SSH-");

        (void) c;
        if (a != APP_YES || len < 6)
                return a == APP_YES ? APP_MORE : a;
        return (p[4] == '1' || p[4] == '2') && p[5] == '.' ? APP_YES : APP_NO;
}

/* RFC 1939: "+OK text". Redis and NATS say "+OK" alone. */
static enum app_answer pop3_server(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        bool port = app_port_is(c, 110), ended;
        uint32_t n = app_line_length(p, len, &ended);

        if (app_begins(p, len, "+OK") == APP_MORE)
                return APP_MORE;
        if (app_begins(p, len, "+OK") != APP_YES)
                return APP_NO;
        if (n > 4 && p[3] == ' ')
                return APP_YES;
        return port ? APP_YES : ended ? APP_NO : APP_MORE;
}

/* One line of a client: words of POP3 alone; USER and PASS are also FTP's. */
static enum app_answer pop3_line(const uint8_t *p, uint32_t n, bool ended)
{
        static const char *const words[] = {"USER ", "PASS ", "APOP ", "CAPA", "STLS", "UIDL", "STAT"};
        enum app_answer answer = APP_NO;

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                enum app_answer a = app_begins(p, n, words[i]);

                if (a == APP_YES && i > 1 && ended && (i == 2 || n == strlen(words[i])))
                        return APP_YES;
                if ((a == APP_YES && i < 2) || (a != APP_NO && !ended))
                        answer = APP_MORE;
        }
        return answer;
}

static enum app_answer sign_pop3(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        uint32_t pos = 0;

        if (len > 0 && p[0] == '+')
                return pop3_server(c, p, len);
        for (int i = 0; i < 4 && pos < len; i++) {
                bool ended;
                uint32_t n = app_line_length(p + pos, len - pos, &ended);
                enum app_answer a = pop3_line(p + pos, n, ended);

                if (a != APP_MORE || !ended)
                        return a;
                if (app_port_is(c, 110))
                        return APP_YES;
                for (pos += n; pos < len && (p[pos] == '\r' || p[pos] == '\n'); pos++)
                        ;
        }
        return APP_MORE;
}

/* "a001 LOGIN ..." (RFC 3501 2.2.1): a tag with a digit in it, a space, a command. */
static enum app_answer imap_client(const uint8_t *p, uint32_t len)
{
        static const char *const commands[] = {"CAPABILITY", "LOGIN ",  "AUTHENTICATE ", "STARTTLS",
                                               "NOOP",       "SELECT ", "ID ("};
        uint32_t tag = 0;
        bool digit = false;

        for (; tag < len && tag < 12 && (app_is_alpha(p[tag]) || app_is_digit(p[tag]) || p[tag] == '.'); tag++)
                digit |= app_is_digit(p[tag]);
        if (tag == 0 || tag == 12)
                return APP_NO;
        if (tag == len)
                return APP_MORE;
        if (p[tag] != ' ' || !digit)
                return APP_NO;
        for (size_t i = 0; i < ELEMENTSOF(commands); i++) {
                enum app_answer a = app_begins(p + tag + 1, len - tag - 1, commands[i]);

                if (a != APP_NO)
                        return a;
        }
        return APP_NO;
}

static enum app_answer sign_imap(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        static const char *const greetings[] = {"* OK ", "* PREAUTH ", "* OK[", "* BYE "};

        (void) c;
        for (size_t i = 0; i < ELEMENTSOF(greetings); i++) {
                enum app_answer a = app_begins(p, len, greetings[i]);

                if (a != APP_NO)
                        return a;
        }
        return imap_client(p, len);
}

/* --- SIP, SSDP --- */

static enum app_answer sign_sip(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        static const char *const methods[] = {"REGISTER ", "INVITE ",    "OPTIONS ", "ACK ",     "BYE ",
                                              "CANCEL ",   "SUBSCRIBE ", "NOTIFY ",  "MESSAGE ", "PUBLISH ",
                                              "INFO ",     "REFER ",     "UPDATE ",  "PRACK "};
        static const char *const schemes[] = {"SIP:", "SIPS:", "TEL:"};
        enum app_answer a = app_begins(p, len, "SIP/2.0 ");
        uint32_t n = 0;

        (void) c;
        if (a != APP_NO)
                return a;
        for (size_t i = 0; i < ELEMENTSOF(methods) && n == 0; i++) {
                a = app_begins(p, len, methods[i]);
                if (a == APP_MORE)
                        return a;
                if (a == APP_YES)
                        n = (uint32_t) strlen(methods[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(schemes) && n > 0; i++) {
                a = app_begins(p + n, len - n, schemes[i]);
                if (a != APP_NO)
                        return a;
        }
        return APP_NO;
}

/* UPnP Device Architecture 1.3: HTTP's form in datagrams */
static enum app_answer sign_ssdp(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        static const char *const begins[] = {"M-SEARCH * HTTP/1.1", "NOTIFY * HTTP/1.1"};

        for (size_t i = 0; i < ELEMENTSOF(begins); i++)
                if (app_begins(p, len, begins[i]) == APP_YES)
                        return APP_YES;
        if (app_begins(p, len, "HTTP/1.1 200") != APP_YES)
                return APP_NO;
        return app_port_is(c, 1900) || c->originator_port == 1900 || app_holds(p, MIN(len, 1024u), "\r\nST:") ?
                       APP_YES :
                       APP_NO;
}

/* --- BitTorrent --- */

/* BEP 3: a handshake; BEP 14: peers of the same network */
static enum app_answer sign_bittorrent(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        if (c->proto == IPPROTO_UDP)
                return app_begins(p, len, "BT-SEARCH * HTTP/1.1") == APP_YES ? APP_YES : APP_NO;
        return app_begins(p, len,
                          "\x13"
                          "BITTORRENT PROTOCOL");
}

static const struct {
        enum app app;
        bool tcp, udp;
        enum app_answer (*sign)(const struct app_context *c, const uint8_t *p, uint32_t len);
} signatures[] = {
        {APP_SSH, true, false, sign_ssh},   {APP_POP3, true, false, sign_pop3},
        {APP_IMAP, true, false, sign_imap}, {APP_SIP, true, true, sign_sip},
        {APP_MDNS, false, true, sign_ssdp}, {APP_BITTORRENT, true, true, sign_bittorrent},
};

enum app_answer app_signature(const struct app_context *c, const uint8_t *data, uint32_t len, enum app *ret_app)
{
        enum app_answer answer = APP_NO;

        for (size_t i = 0; i < ELEMENTSOF(signatures); i++) {
                enum app_answer a;

                if (!(c->proto == IPPROTO_TCP ? signatures[i].tcp : signatures[i].udp))
                        continue;
                a = signatures[i].sign(c, data, len);
                if (a == APP_YES) {
                        *ret_app = signatures[i].app;
                        return APP_YES;
                }
                if (a == APP_MORE)
                        answer = APP_MORE;
        }
        switch (app_signature_binary(c, data, len, ret_app)) {
        case APP_YES:
                return APP_YES;
        case APP_MORE:
                return APP_MORE;
        default:
                return answer;
        }
}
