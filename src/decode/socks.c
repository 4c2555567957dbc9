/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SOCKS 4, 4a (the protocol notes of NEC and OpenSSH) and 5 (RFC 1928, RFC 1929): who asks whom for a connection to
 * where, and whether it is granted; what follows is another protocol. Spam reaches a bot that way. User names and
 * passwords never become an event. Runs in the engine and in `read`. */
#include <errno.h>

#include "base/cleanup.h"
#include "decode/app_internal.h"

#define SOCKS_MESSAGE_MAX 600 /* the longest: version 4a with a user and a host of 255 bytes each */
#define SOCKS_METHODS_MAX 16  /* assigned are ten (IANA, SOCKS Methods); a list that is longer is something else */

enum { COMMAND_CONNECT = 1, COMMAND_BIND, COMMAND_UDP };
enum { METHOD_NONE = 0, METHOD_PASSWORD = 2, METHOD_REFUSED = 0xff };
enum { TYPE_V4 = 1, TYPE_NAME = 3, TYPE_V6 = 4 };

enum socks_phase {
        PHASE_GREETING,
        PHASE_PASSWORD,
        PHASE_REQUEST,
        PHASE_BOUND, /* server: the second reply to BIND */
        PHASE_OVER,  /* what comes is not SOCKS any more, or not to be read */
};

struct socks_side {
        uint8_t phase;
        uint16_t len; /* bytes of an unfinished message */
        uint8_t bytes[SOCKS_MESSAGE_MAX];
};

struct socks_state {
        struct socks_side side[2]; /* of the server, of the client */
        struct addr target;
        uint16_t target_port;
        uint8_t version, command;
        uint8_t name_len;
        bool open; /* granted: another protocol follows */
        char name[255];
};

static_assert(sizeof(struct socks_state) <= APP_STATE_MAX, "the pool's limit");

static void tell(const struct socks_state *s, struct app_context *c, bool reply, bool granted)
{
        struct event e = {.type = EVENT_PROXY, .op = reply ? PROXY_REPLY : PROXY_REQUEST};

        e.proxy.target = s->target;
        e.proxy.name = (struct slice){s->name, s->name_len};
        e.proxy.target_port = s->target_port;
        e.proxy.kind = s->version == 4 ? PROXY_SOCKS4 : PROXY_SOCKS5;
        e.proxy.granted = granted;
        c->emit(c, &e, c->from_originator);
}

static void set_v4(struct socks_state *s, const uint8_t *p)
{
        uint32_t v4;

        memcpy(&v4, p, sizeof(v4));
        if (v4)
                s->target = addr_from_v4(v4);
}

static void set_name(struct socks_state *s, const uint8_t *p, uint32_t len)
{
        s->name_len = (uint8_t) MIN(len, (uint32_t) sizeof(s->name));
        memcpy(s->name, p, s->name_len);
}

/* Every reader of a message: how many bytes it has (more than `len`: not known yet, but at least that many), or
 * -EPROTO. Only when the whole message is there has it an effect. */

/* 4 command port address user NUL [host NUL] */
static int socks4_length(const uint8_t *p, uint32_t len, uint32_t *ret_host)
{
        const uint8_t *end;
        uint32_t host;
        bool named;

        if (len < 9)
                return 9;
        if (p[1] != COMMAND_CONNECT && p[1] != COMMAND_BIND)
                return -EPROTO;
        end = memchr(p + 8, 0, len - 8);
        if (!end)
                return (int) len + 1;
        host = (uint32_t) (end - p) + 1;
        *ret_host = host;
        named = p[4] == 0 && p[5] == 0 && p[6] == 0 && p[7] != 0;
        if (!named)
                return (int) host;
        end = host < len ? memchr(p + host, 0, len - host) : NULL;
        return end ? (int) (end - p) + 1 : (int) len + 1;
}

/* version command 0 type address port, in both directions (RFC 1928 4, 6) */
static int socks5_length(const uint8_t *p, uint32_t len)
{
        if (len < 5)
                return 5;
        if (p[0] != 5)
                return -EPROTO;
        switch (p[3]) {
        case TYPE_V4:
                return 4 + 4 + 2;
        case TYPE_V6:
                return 4 + 16 + 2;
        case TYPE_NAME:
                return 4 + 1 + p[4] + 2;
        default:
                return -EPROTO;
        }
}

static int client_socks4(struct socks_state *s, struct app_context *c, const uint8_t *p, uint32_t len)
{
        uint32_t host = 0;
        int n = socks4_length(p, len, &host);

        if (n < 0 || (uint32_t) n > len)
                return n;
        s->version = 4;
        s->command = p[1];
        s->target_port = (uint16_t) app_be16(p + 2);
        if ((uint32_t) n > host)
                set_name(s, p + host, (uint32_t) n - host - 1);
        else
                set_v4(s, p + 4);
        s->side[1].phase = PHASE_OVER;
        s->side[0].phase = PHASE_REQUEST;
        tell(s, c, false, false);
        return n;
}

static int client_request(struct socks_state *s, struct app_context *c, const uint8_t *p, uint32_t len)
{
        int n = socks5_length(p, len);

        if (n < 0 || (uint32_t) n > len)
                return n;
        if (p[1] < COMMAND_CONNECT || p[1] > COMMAND_UDP)
                return -EPROTO;
        s->command = p[1];
        s->target_port = (uint16_t) app_be16(p + n - 2);
        if (p[3] == TYPE_V4)
                set_v4(s, p + 4);
        else if (p[3] == TYPE_V6)
                memcpy(s->target.b, p + 4, sizeof(s->target.b));
        else
                set_name(s, p + 5, p[4]);
        s->side[1].phase = PHASE_OVER;
        tell(s, c, false, false);
        return n;
}

/* One message of the client, if it is whole. What it is shows in its first byte, so the server need not be seen. */
static int client_message(struct socks_state *s, struct app_context *c, const uint8_t *p, uint32_t len)
{
        struct socks_side *side = &s->side[1];
        uint32_t n;

        if (side->phase == PHASE_GREETING && p[0] == 4)
                return client_socks4(s, c, p, len);
        if (side->phase == PHASE_GREETING) {
                if (p[0] != 5)
                        return -EPROTO;
                if (len < 2 || len < 2u + p[1])
                        return len < 2 ? 2 : 2 + p[1];
                s->version = 5;
                side->phase = PHASE_REQUEST;
                return 2 + p[1];
        }
        if (p[0] != 1) /* not a password (RFC 1929 2: 1 length user length password) */
                return client_request(s, c, p, len);
        if (len < 2 || len < 3u + p[1])
                return len < 2 ? 2 : 3 + p[1];
        n = 3u + p[1] + p[2 + p[1]];
        return (int) n;
}

static void replied(struct socks_state *s, struct app_context *c, bool granted)
{
        struct socks_side *side = &s->side[0];
        bool first = side->phase != PHASE_BOUND;

        side->phase = granted && first && s->command == COMMAND_BIND ? PHASE_BOUND : PHASE_OVER;
        if (s->command == 0) /* the request was not seen */
                return;
        tell(s, c, true, granted);
        s->open = granted && side->phase == PHASE_OVER && s->command != COMMAND_UDP;
}

static int server_message(struct socks_state *s, struct app_context *c, const uint8_t *p, uint32_t len)
{
        struct socks_side *side = &s->side[0];
        int n;

        if (s->version == 4) { /* 0 code port address */
                if (p[0] != 0)
                        return -EPROTO;
                if (len >= 8)
                        replied(s, c, p[1] == 90);
                return 8;
        }
        switch (side->phase) {
        case PHASE_GREETING:
                if (p[0] != 5)
                        return -EPROTO;
                if (len < 2)
                        return 2;
                if (p[1] == METHOD_REFUSED || (p[1] != METHOD_NONE && p[1] != METHOD_PASSWORD))
                        s->side[1].phase = side->phase = PHASE_OVER; /* refused, or wrapped from here on */
                else
                        side->phase = p[1] == METHOD_PASSWORD ? PHASE_PASSWORD : PHASE_REQUEST;
                return 2;
        case PHASE_PASSWORD: /* version status */
                if (len >= 2)
                        side->phase = p[1] == 0 ? PHASE_REQUEST : PHASE_OVER;
                return 2;
        default:
                n = socks5_length(p, len);
                if (n > 0 && (uint32_t) n <= len)
                        replied(s, c, p[1] == 0);
                return n;
        }
}

/* Drops the first n bytes of the message in work. */
static void consume(struct socks_side *side, uint32_t n)
{
        side->len = (uint16_t) (side->len - n);
        memmove(side->bytes, side->bytes + n, side->len);
}

/* The messages in work that are whole. */
static int read_messages(struct socks_state *s, struct app_context *c, struct socks_side *side)
{
        while (side->len > 0 && side->phase != PHASE_OVER) {
                int n = c->from_originator ? client_message(s, c, side->bytes, side->len) :
                                             server_message(s, c, side->bytes, side->len);

                if (n < 0)
                        return n;
                if ((uint32_t) n > side->len)
                        return n > SOCKS_MESSAGE_MAX ? -EPROTO : 0;
                consume(side, (uint32_t) n);
        }
        return 0;
}

static int socks_data(void *state, struct app_context *c, const uint8_t *data, uint32_t len)
{
        struct socks_state *s = state;
        struct socks_side *side = &s->side[c->from_originator];

        while (len > 0 && side->phase != PHASE_OVER) {
                uint32_t n = MIN(len, (uint32_t) (SOCKS_MESSAGE_MAX - side->len));
                int r;

                memcpy(side->bytes + side->len, data, n);
                side->len = (uint16_t) (side->len + n);
                data += n;
                len -= n;
                r = read_messages(s, c, side);
                if (r < 0)
                        return r;
                if (side->phase == PHASE_OVER && s->open && !c->from_originator) {
                        c->rest = side->len + len;
                        if (c->switch_to)
                                c->switch_to(c, APP_UNKNOWN);
                }
        }
        return !s->open && s->side[0].phase == PHASE_OVER && s->side[1].phase == PHASE_OVER;
}

/* --- recognition --- */

static enum app_answer probe_socks4(const uint8_t *p, uint32_t len)
{
        uint32_t host = 0;
        int n;

        if (len > 1 && p[1] != COMMAND_CONNECT && p[1] != COMMAND_BIND)
                return APP_NO;
        if (len < 9)
                return APP_MORE;
        n = socks4_length(p, len, &host);
        if (n < 0 || app_be16(p + 2) == 0)
                return APP_NO;
        for (uint32_t i = 8; i < MIN(len, (uint32_t) n); i++) /* names */
                if (p[i] != 0 && (p[i] < ' ' || p[i] > '~'))
                        return APP_NO;
        if ((uint32_t) n > len)
                return APP_MORE;
        return (uint32_t) n == len ? APP_YES : APP_NO; /* the client has to wait now */
}

static enum app_answer probe_socks5(const uint8_t *p, uint32_t len)
{
        uint32_t n;

        if (len < 2)
                return APP_MORE;
        n = 2u + p[1];
        if (p[1] == 0 || p[1] > SOCKS_METHODS_MAX)
                return APP_NO;
        for (uint32_t i = 2; i < MIN(len, n); i++) /* IANA: 0 to 9 and, private, 0x80 to 0xfe; each is offered once */
                if ((p[i] > 9 && p[i] < 0x80) || p[i] == METHOD_REFUSED || memchr(p + 2, p[i], i - 2))
                        return APP_NO;
        if (len <= n)
                return len < n ? APP_MORE : APP_YES;
        /* a client that does not wait: its request, or its password */
        if (len < n + 4)
                return p[n] == 5 || p[n] == 1 ? APP_MORE : APP_NO;
        if (p[n] == 1)
                return memchr(p + 2, METHOD_PASSWORD, n - 2) ? APP_YES : APP_NO;
        return p[n] == 5 && p[n + 1] >= COMMAND_CONNECT && p[n + 1] <= COMMAND_UDP && p[n + 2] == 0 ? APP_YES : APP_NO;
}

static enum app_answer socks_probe(const struct app_context *c, const uint8_t *data, uint32_t len)
{
        if (!c->from_originator)
                return APP_NO;
        if (len == 0)
                return APP_MORE;
        return data[0] == 4 ? probe_socks4(data, len) : data[0] == 5 ? probe_socks5(data, len) : APP_NO;
}

const struct app_decoder decoder_socks = {
        .name = "socks",
        .app = APP_SOCKS,
        .state_size = sizeof(struct socks_state),
        .tcp = true,
        .probe = socks_probe,
        .data = socks_data,
};
