/* SPDX-License-Identifier: GPL-3.0-or-later */
/* FTP's control connection (RFC 959, RFC 2428, RFC 4217): commands and replies, and which data connections they
 * announce. Passwords never become an event. Runs in the engine and in `read`. */
#include <arpa/inet.h>
#include <errno.h>

#include "base/cleanup.h"
#include "decode/app_internal.h"
#include "decode/line.h"

#define FTP_STRANGE_MAX 32 /* lines in a row of one side that are neither command nor reply */

struct ftp_state {
        struct line line[2];      /* of the server, of the client */
        struct addr data_addr[2]; /* where the next data connection is taken */
        uint16_t data_port;       /* 0: not known */
        uint16_t multi;           /* code of a reply that has more lines to come; 0: none */
        uint8_t n_data_addr;
        uint8_t strange[2];
        bool roles_known, client_responds;
        bool tls_due, tls;
};

static_assert(sizeof(struct ftp_state) <= APP_STATE_MAX, "the pool's limit");

static void tell(const struct ftp_state *s, struct app_context *c, bool by_client, struct slice text, uint16_t code)
{
        struct event e = {.type = EVENT_FTP, .op = by_client ? FTP_COMMAND : FTP_REPLY};

        e.ftp.text = text;
        e.ftp.code = code;
        c->emit(c, &e, by_client != s->client_responds);
}

/* --- data connections --- */

static void announce(struct ftp_state *s, struct app_context *c, const struct slice *name)
{
        if (!c->expect || s->data_port == 0)
                return;
        for (uint8_t i = 0; i < s->n_data_addr; i++)
                c->expect(c, &s->data_addr[i], s->data_port, APP_FTP_DATA, name);
}

/* `addr`: as said, NULL: not said. `server`: it is the server that will listen; behind a translator it may say an
 * address that nobody can reach, and clients then take the one of the control connection. */
static void data_endpoint(struct ftp_state *s, struct app_context *c, const struct addr *addr, uint16_t port,
                          bool server)
{
        const struct addr *own = server != s->client_responds ? c->responder : c->originator;

        s->n_data_addr = 0;
        s->data_port = port;
        if (addr)
                s->data_addr[s->n_data_addr++] = *addr;
        if (server && own && (!addr || !addr_equal(addr, own)))
                s->data_addr[s->n_data_addr++] = *own;
        announce(s, c, &(struct slice){"", 0});
}

/* A number of at most `max`; moves *p behind it. */
static bool take_number(const uint8_t **p, const uint8_t *end, uint32_t max, uint32_t *ret)
{
        const uint8_t *q = *p;
        uint32_t n = 0;

        while (q < end && app_is_digit(*q) && n <= max)
                n = n * 10 + (uint32_t) (*q++ - '0');
        if (q == *p || n > max)
                return false;
        *p = q;
        *ret = n;
        return true;
}

/* "10,0,0,1,4,1": address and port. */
static bool take_host_port(const uint8_t *p, const uint8_t *end, struct addr *ret_addr, uint16_t *ret_port)
{
        uint32_t n[6];

        for (int i = 0; i < 6; i++) {
                if (i > 0 && (p == end || *p++ != ','))
                        return false;
                while (p < end && *p == ' ')
                        p++;
                if (!take_number(&p, end, 255, &n[i]))
                        return false;
        }
        *ret_addr = addr_from_v4(htonl(n[0] << 24 | n[1] << 16 | n[2] << 8 | n[3]));
        *ret_port = (uint16_t) (n[4] << 8 | n[5]);
        return *ret_port != 0;
}

/* "227 Entering Passive Mode (10,0,0,1,4,1)"; not every server has the brackets (RFC 1123 4.1.2.6). */
static void read_passive(struct ftp_state *s, struct app_context *c, const uint8_t *p, uint32_t len)
{
        const uint8_t *end = p + len;
        struct addr addr;
        uint16_t port;

        for (; p < end; p++) {
                if (!app_is_digit(*p))
                        continue;
                if (take_host_port(p, end, &addr, &port)) {
                        data_endpoint(s, c, &addr, port, true);
                        return;
                }
                while (p + 1 < end && app_is_digit(p[1]))
                        p++;
        }
}

/* "|1|10.0.0.1|1025|", "|2|2001:db8::1|1025|", "|||1025|" (RFC 2428); any printable character may be the bar. */
static void read_extended(struct ftp_state *s, struct app_context *c, struct slice text, bool server)
{
        const uint8_t *p = (const uint8_t *) text.p, *end = p + text.len, *bar, *from;
        char address[ADDR_TEXT_MAX];
        struct addr addr;
        uint32_t port;

        if (text.len < 5)
                return;
        bar = memchr(p + 1, *p, text.len - 1);
        if (!bar)
                return;
        from = bar + 1;
        bar = memchr(from, *p, (size_t) (end - from));
        if (!bar || (size_t) (bar - from) >= sizeof(address) || memchr(from, 0, (size_t) (bar - from)))
                return;
        memcpy(address, from, (size_t) (bar - from));
        address[bar - from] = 0;
        from = bar + 1;
        if (!take_number(&from, end, UINT16_MAX, &port) || port == 0 || from == end || *from != *p)
                return;
        if (server && address[0] == 0)
                data_endpoint(s, c, NULL, (uint16_t) port, server);
        else if (addr_parse(address, &addr) == 0)
                data_endpoint(s, c, &addr, (uint16_t) port, server);
}

/* --- lines --- */

/* Telnet's signs before ABOR and STAT (RFC 959 4.1.3), and what people type at a telnet. */
static struct slice strip(const uint8_t *p, uint32_t len)
{
        while (len > 0 && (*p == ' ' || *p >= 0xf0))
                p++, len--;
        return app_slice(p, len);
}

static int client_line(struct ftp_state *s, struct app_context *c, const uint8_t *data, uint32_t len)
{
        static const char *const transfers[] = {"RETR", "STOR", "APPE", "STOU"};
        static const char *const secrets[] = {"PASS", "ACCT", "ADAT"};
        struct slice line = strip(data, len), arg;
        const uint8_t *p = (const uint8_t *) line.p;
        struct addr addr;
        uint16_t port;
        uint32_t n = 0;

        while (n < line.len && app_is_alpha(p[n]))
                n++;
        if (n < 3 || n > 8 || (n < line.len && p[n] != ' '))
                return ++s->strange[1] >= FTP_STRANGE_MAX ? -EPROTO : 0;
        s->strange[1] = 0;
        arg = n < line.len ? app_slice(p + n + 1, line.len - n - 1) : app_slice(p + n, 0);
        for (size_t i = 0; i < ELEMENTSOF(secrets); i++)
                if (app_same(p, n, secrets[i]))
                        line.len = n;
        tell(s, c, true, line, 0);
        if (app_same(p, n, "PORT")) {
                if (take_host_port((const uint8_t *) arg.p, (const uint8_t *) arg.p + arg.len, &addr, &port))
                        data_endpoint(s, c, &addr, port, false);
        } else if (app_same(p, n, "EPRT"))
                read_extended(s, c, arg, false);
        for (size_t i = 0; i < ELEMENTSOF(transfers); i++)
                if (app_same(p, n, transfers[i]))
                        announce(s, c, &arg);
        return 0;
}

static void reply_begins(struct ftp_state *s, struct app_context *c, struct slice line, uint16_t code)
{
        const uint8_t *p = (const uint8_t *) line.p, *open;

        tell(s, c, false, line, code);
        switch (code) {
        case 227:
                read_passive(s, c, p + 3, line.len - 3);
                break;
        case 229:
                open = memchr(p, '(', line.len);
                if (open)
                        read_extended(s, c, app_slice(open + 1, line.len - (uint32_t) (open - p) - 1), true);
                break;
        case 234: /* the answer to AUTH TLS (RFC 4217 4) */
                s->tls_due = true;
                break;
        default:
                break;
        }
}

static int server_line(struct ftp_state *s, struct app_context *c, const uint8_t *p, uint32_t len)
{
        uint16_t code = 0;
        bool more;

        if (len >= 3 && p[0] >= '1' && p[0] <= '6' && app_is_digit(p[1]) && app_is_digit(p[2]) &&
            (len == 3 || !app_is_digit(p[3])))
                code = (uint16_t) ((p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0'));
        if (s->multi) { /* until the same code with a space (RFC 959 4.2) */
                if (code == s->multi && (len == 3 || p[3] != '-'))
                        s->multi = 0;
                return 0;
        }
        if (code == 0)
                return ++s->strange[0] >= FTP_STRANGE_MAX ? -EPROTO : 0;
        s->strange[0] = 0;
        more = len > 3 && p[3] == '-';
        reply_begins(s, c, app_slice(p, len), code);
        s->multi = more ? code : 0;
        return 0;
}

static int ftp_data(void *state, struct app_context *c, const uint8_t *data, uint32_t len)
{
        struct ftp_state *s = state;
        const uint8_t *p;
        uint32_t pos = 0, n;
        bool cut, client;
        int r = 0;

        if (s->tls || len == 0)
                return 0;
        if (c->midstream && !s->roles_known) { /* replies begin with a digit */
                s->roles_known = true;
                s->client_responds = app_is_digit(data[0]) == c->from_originator;
        }
        client = c->from_originator != s->client_responds;
        while (r == 0 && !s->tls && line_next(&s->line[client], data, len, &pos, &p, &n, &cut)) {
                if (n == 0)
                        continue;
                r = client ? client_line(s, c, p, n) : server_line(s, c, p, n);
                if (s->tls_due && s->multi == 0) {
                        s->tls = true;
                        c->rest = len - pos;
                        if (c->switch_to)
                                c->switch_to(c, APP_TLS);
                }
        }
        return r;
}

static void ftp_lost(void *state, struct app_context *c, uint64_t lost)
{
        struct ftp_state *s = state;
        bool client = c->from_originator != s->client_responds;

        (void) lost;
        line_lost(&s->line[client]);
        if (!client)
                s->multi = 0;
}

/* --- recognition --- */

static enum app_answer probe_server(const struct app_context *c, const uint8_t *p, uint32_t len)
{
        bool ended;
        uint32_t n = app_line_length(p, len, &ended);

        if (len < 4)
                return APP_MORE;
        if (p[3] != ' ' && p[3] != '-')
                return APP_NO;
        if (app_begins(p, 3, "220") == APP_YES) {
                if (app_holds(p, n, "SMTP") || app_holds(p, n, "LMTP"))
                        return APP_NO;
                if (app_holds(p, n, "FTP") || app_port_is(c, 21))
                        return APP_YES;
                /* "220 host ready": the client's first word tells it from SMTP */
                return app_port_is(c, 25) || app_port_is(c, 587) ? APP_NO : APP_MORE;
        }
        if (!c->midstream)
                return APP_NO;
        if (app_begins(p, len, "227 ENTERING PASSIVE") == APP_YES ||
            app_begins(p, len, "229 ENTERING EXT") == APP_YES || app_begins(p, len, "150 OPENING ") == APP_YES)
                return APP_YES;
        if (app_begins(p, 3, "331") == APP_YES)
                return app_holds(p, n, "PASSWORD") ? APP_YES : ended ? APP_NO : APP_MORE;
        return ended && app_port_is(c, 21) ? APP_YES : ended ? APP_NO : APP_MORE;
}

/* One line of a client, as much of it as there is: words that only FTP has; USER and PASS are also POP3's. */
static enum app_answer probe_command(const uint8_t *p, uint32_t n, bool ended)
{
        static const char *const words[] = {"USER ",  "PASS ",  "PASV",      "EPSV",     "PORT ",   "EPRT ",
                                            "SYST",   "FEAT",   "XPWD",      "PWD",      "MLSD",    "CWD ",
                                            "NLST",   "STOR ",  "SIZE ",     "MDTM ",    "PBSZ ",   "PROT ",
                                            "TYPE A", "TYPE I", "OPTS UTF8", "AUTH TLS", "AUTH SSL"};
        enum app_answer answer = APP_NO;

        for (size_t i = 0; i < ELEMENTSOF(words) && answer != APP_YES; i++) {
                uint32_t len = (uint32_t) strlen(words[i]);
                bool more = words[i][len - 1] == ' '; /* it has an argument */

                switch (app_begins(p, n, words[i])) {
                case APP_YES:
                        if (i < 2 || (n == len && !ended))
                                answer = APP_MORE;
                        else if (more ? n > len : n == len || p[len] == ' ')
                                answer = APP_YES;
                        break;
                case APP_MORE:
                        if (!ended)
                                answer = APP_MORE;
                        break;
                case APP_NO:
                        break;
                }
        }
        return answer;
}

static enum app_answer ftp_probe(const struct app_context *c, const uint8_t *data, uint32_t len)
{
        uint32_t pos = 0;

        if (len > 0 && app_is_digit(data[0])) {
                for (uint32_t i = 1; i < 3 && i < len; i++)
                        if (!app_is_digit(data[i]))
                                return APP_NO;
                return probe_server(c, data, len);
        }
        for (int i = 0; i < 4 && pos < len; i++) {
                enum app_answer answer;
                bool ended;
                uint32_t n = app_line_length(data + pos, len - pos, &ended);

                answer = probe_command(data + pos, n, ended);
                if (answer != APP_MORE || !ended)
                        return answer;
                if (app_port_is(c, 21))
                        return APP_YES;
                for (pos += n; pos < len && (data[pos] == '\r' || data[pos] == '\n'); pos++)
                        ;
        }
        return APP_MORE;
}

const struct app_decoder decoder_ftp = {
        .name = "ftp",
        .app = APP_FTP,
        .state_size = sizeof(struct ftp_state),
        .tcp = true,
        .probe = ftp_probe,
        .data = ftp_data,
        .lost = ftp_lost,
};
