/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IRC on any port, also from its middle: each line becomes an event; DCC SEND announces a file, STARTTLS ends the
 * dialog. A bot's server and its client are often home-made, so what is read is the form of the lines and not a state
 * of the session. Runs in the engine and in `read`. */
#include "decode/irc.h"

#include <arpa/inet.h>
#include <errno.h>

#include "base/cleanup.h"
#include "decode/app_internal.h"
#include "decode/line.h"

#define IRC_PREFIX_MAX  192 /* NICKLEN, USERLEN and HOSTLEN of common servers: 30 + 12 + 63, some allow twice that */
#define IRC_STRANGE_MAX 16  /* lines in a row that cannot be IRC: then it is something else */
#define IRC_PROBE_LINES 8
#define IRC_PROBE_BYTES 1024 /* asked of every flow: further away nothing is looked for */

enum irc_role { ROLE_UNKNOWN, ROLE_ORIGINATOR, ROLE_RESPONDER }; /* who is the client */

struct irc_state {
        struct line line[2]; /* of the responder, of the originator */
        uint8_t role;        /* enum irc_role */
        uint8_t strange[2];
        bool tls; /* it goes on encrypted */
};

static_assert(sizeof(struct irc_state) <= APP_STATE_MAX, "the pool's limit");

/* --- recognition --- */

/* What a command without a prefix needs to be IRC's and nobody else's. */
enum irc_shape {
        SHAPE_CHANNEL,     /* a channel first */
        SHAPE_TEXT,        /* a target, then text */
        SHAPE_NICK,        /* one word */
        SHAPE_USER,        /* four parameters; one is also FTP's and POP3's */
        SHAPE_PASS,        /* says nothing: FTP, POP3 */
        SHAPE_CAP,         /* a subcommand */
        SHAPE_TRAILING,    /* begins with ':' at once; "PING" alone is also Redis and NATS */
        SHAPE_MODE,        /* a channel, or flags; FTP: MODE S */
        SHAPE_WORD,        /* anything */
        SHAPE_ONLY_SERVER, /* only after a prefix */
};

static const struct {
        const char *command;
        enum irc_shape shape;
} irc_commands[] = {
        {"JOIN", SHAPE_CHANNEL},       {"PART", SHAPE_CHANNEL},     {"TOPIC", SHAPE_CHANNEL},
        {"KICK", SHAPE_CHANNEL},       {"NAMES", SHAPE_CHANNEL},    {"WHO", SHAPE_CHANNEL},
        {"PRIVMSG", SHAPE_TEXT},       {"NOTICE", SHAPE_TEXT},      {"NICK", SHAPE_NICK},
        {"USER", SHAPE_USER},          {"PASS", SHAPE_PASS},        {"CAP", SHAPE_CAP},
        {"PING", SHAPE_TRAILING},      {"PONG", SHAPE_TRAILING},    {"ERROR", SHAPE_TRAILING},
        {"QUIT", SHAPE_TRAILING},      {"MODE", SHAPE_MODE},        {"USERHOST", SHAPE_WORD},
        {"STARTTLS", SHAPE_PASS},      {"WALLOPS", SHAPE_TRAILING}, {"KILL", SHAPE_ONLY_SERVER},
        {"INVITE", SHAPE_ONLY_SERVER}, {"AWAY", SHAPE_ONLY_SERVER}, {"ACCOUNT", SHAPE_ONLY_SERVER},
};

static bool begins_with(struct slice s, const char *chars)
{
        return s.len > 0 && *s.p && strchr(chars, *s.p);
}

static bool cap_subcommand(struct slice s)
{
        const uint8_t *p = (const uint8_t *) s.p;

        return app_same(p, s.len, "LS") || app_same(p, s.len, "REQ") || app_same(p, s.len, "END") ||
               app_same(p, s.len, "LIST");
}

/* A command without a prefix. `ended`: the whole line is there. */
static enum app_answer judge_plain(const struct irc_message *m, enum irc_shape shape, bool ended)
{
        const struct slice *p = m->params;
        bool first = ended || m->n_params > 1; /* is the first parameter whole? */
        bool yes = false;

        switch (shape) {
        case SHAPE_CHANNEL:
                yes = first && irc_is_channel(p[0]);
                break;
        case SHAPE_TEXT:
                yes = m->n_params == 2 && p[0].len > 0 && (m->trailing.len > 0 || ended);
                break;
        case SHAPE_NICK:
                yes = ended && m->n_params >= 1 && m->n_params <= 2 && p[0].len > 0 && p[0].len <= 64;
                break;
        case SHAPE_USER:
                yes = m->n_params >= 4 || (m->n_params == 3 && m->trailing.p);
                return yes ? APP_YES : m->n_params <= 1 || !ended ? APP_MORE : APP_NO;
        case SHAPE_PASS:
                return APP_MORE;
        case SHAPE_CAP:
                yes = first && cap_subcommand(p[0]);
                break;
        case SHAPE_TRAILING:
                if (m->n_params == 1 && !m->trailing.p && irc_is(m, "PING"))
                        return APP_MORE;
                yes = ended && m->n_params <= 2 && m->trailing.len > 0;
                break;
        case SHAPE_MODE:
                yes = first && (irc_is_channel(p[0]) || (m->n_params >= 2 && p[1].len >= 2 && begins_with(p[1], "+-")));
                break;
        case SHAPE_WORD:
                yes = ended && m->n_params >= 1;
                break;
        case SHAPE_ONLY_SERVER:
                break;
        }
        return yes ? APP_YES : ended ? APP_NO : APP_MORE;
}

static enum app_answer judge_prefixed(const struct irc_message *m, bool known, bool ended)
{
        uint32_t len = m->nick.len + m->user.len + m->host.len;
        bool whole = ended || m->n_params > 0; /* the command's word */

        if (m->nick.len == 0 || len > IRC_PREFIX_MAX)
                return APP_NO;
        if (m->numeric > 0) /* ":server 332 nick ..." */
                return m->n_params > 0 && m->numeric < 1000 ? APP_YES : ended ? APP_NO : APP_MORE;
        if (!whole)
                return APP_MORE;
        return known && (m->n_params > 0 || m->host.p) ? APP_YES : APP_NO;
}

/* A command's word that has not ended yet. */
static enum app_answer judge_beginning(const uint8_t *p, uint32_t len)
{
        for (size_t i = 0; i < ELEMENTSOF(irc_commands); i++)
                if (app_begins(p, len, irc_commands[i].command) != APP_NO)
                        return APP_MORE;
        return APP_NO;
}

/* Is what there is of a line "@tags :prefix " or a beginning of it, or of the number after it? */
static bool is_beginning(struct slice rest)
{
        for (const char *mark = "@:"; *mark; mark++) {
                struct slice word;

                if (rest.len == 0 || *rest.p != *mark)
                        continue;
                word = irc_take_word(&rest);
                if (*mark == ':' && word.len > IRC_PREFIX_MAX)
                        return false;
                if (rest.len == 0)
                        return true;
        }
        return rest.len < 3 && app_is_digit((uint8_t) rest.p[0]) && app_is_digit((uint8_t) rest.p[rest.len - 1]);
}

static enum app_answer probe_line(const uint8_t *p, uint32_t len, bool ended)
{
        enum irc_shape shape = SHAPE_ONLY_SERVER;
        struct irc_message m;
        bool known = false;

        if (memchr(p, 0, len))
                return APP_NO;
        if (irc_parse(app_slice(p, len), &m) < 0)
                return !ended && (p[0] == ':' || p[0] == '@') && is_beginning(app_slice(p, len)) ? APP_MORE : APP_NO;
        for (size_t i = 0; i < ELEMENTSOF(irc_commands) && !known; i++)
                if (irc_is(&m, irc_commands[i].command)) {
                        known = true;
                        shape = irc_commands[i].shape;
                }
        if (m.nick.p)
                return judge_prefixed(&m, known, ended);
        if (!ended && m.n_params == 0)
                return judge_beginning((const uint8_t *) m.command.p, m.command.len);
        return known ? judge_plain(&m, shape, ended) : APP_NO;
}

static enum app_answer irc_probe(const struct app_context *c, const uint8_t *data, uint32_t len)
{
        uint32_t pos = 0;

        (void) c;
        len = MIN(len, (uint32_t) IRC_PROBE_BYTES);
        for (int i = 0; i < IRC_PROBE_LINES; i++) {
                enum app_answer answer;
                bool ended;
                uint32_t n;

                while (pos < len && (data[pos] == '\r' || data[pos] == '\n' || data[pos] == ' '))
                        pos++;
                if (pos == len)
                        break;
                if (!app_is_alpha(data[pos]) && data[pos] != ':' && data[pos] != '@')
                        return APP_NO;
                n = app_line_length(data + pos, len - pos, &ended);
                answer = probe_line(data + pos, n, ended);
                if (answer != APP_MORE)
                        return answer;
                pos += n;
        }
        return APP_MORE;
}

/* --- lines --- */

/* From its middle the one who opened the flow is not known, but each side has its way to speak. */
static void learn_role(struct irc_state *s, const struct irc_message *m, const struct app_context *c)
{
        static const char *const of_clients[] = {"NICK", "USER", "JOIN", "PRIVMSG", "USERHOST", "PONG"};
        bool server = m->nick.p && (m->numeric > 0 || m->host.p);
        bool client = false;

        if (!c->midstream || s->role != ROLE_UNKNOWN)
                return;
        for (size_t i = 0; i < ELEMENTSOF(of_clients) && !m->nick.p; i++)
                client |= irc_is(m, of_clients[i]);
        if (server || client)
                s->role = client == c->from_originator ? ROLE_ORIGINATOR : ROLE_RESPONDER;
}

static bool take_number(struct slice word, uint32_t max, uint32_t *ret)
{
        uint64_t n = 0;

        if (word.len == 0 || word.len > 10)
                return false;
        for (uint32_t i = 0; i < word.len; i++) {
                if (!app_is_digit((uint8_t) word.p[i]))
                        return false;
                n = n * 10 + (uint64_t) (word.p[i] - '0');
        }
        if (n > max)
                return false;
        *ret = (uint32_t) n;
        return true;
}

static bool take_address(struct slice word, struct addr *ret)
{
        char text[ADDR_TEXT_MAX];
        uint32_t v4;

        if (take_number(word, UINT32_MAX, &v4)) {
                *ret = addr_from_v4(htonl(v4));
                return v4 != 0;
        }
        if (word.len >= sizeof(text) || memchr(word.p, 0, word.len))
                return false;
        memcpy(text, word.p, word.len);
        text[word.len] = 0;
        return addr_parse(text, ret) == 0;
}

/* "\1DCC SEND name address port size\1": the sender listens there. Port 0 asks the other side to listen; that side
 * answers with the same line and its own port. */
static void read_dcc(const struct irc_message *m, struct app_context *c)
{
        static const char begin[] = "\001DCC SEND ";
        struct slice rest = m->trailing, name;
        struct addr addr;
        uint32_t port;

        if (!c->expect || !irc_is(m, "PRIVMSG") || app_begins((const uint8_t *) rest.p, rest.len, begin) != APP_YES)
                return;
        rest.p += sizeof(begin) - 1;
        rest.len -= (uint32_t) sizeof(begin) - 1;
        while (rest.len > 0 && rest.p[rest.len - 1] == '\001')
                rest.len--;
        if (begins_with(rest, "\"")) {
                const char *end = memchr(rest.p + 1, '"', rest.len - 1);

                if (!end)
                        return;
                name = (struct slice){rest.p + 1, (uint32_t) (end - rest.p) - 1};
                rest.len -= name.len + 1;
                rest.p = end;
                irc_take_word(&rest);
        } else
                name = irc_take_word(&rest);
        if (take_address(irc_take_word(&rest), &addr) && take_number(irc_take_word(&rest), UINT16_MAX, &port) &&
            port > 0)
                c->expect(c, &addr, (uint16_t) port, APP_FILE, &name);
}

static void tell(struct irc_state *s, struct app_context *c, struct slice text, bool cut)
{
        bool from_client = c->from_originator == (s->role != ROLE_RESPONDER);
        struct event e = {.type = EVENT_IRC, .op = IRC_LINE};

        e.irc.text = text;
        e.irc.from_client = from_client;
        e.ends.flags = cut ? ENDS_CUT : 0;
        c->emit(c, &e, c->from_originator);
}

static int irc_data(void *state, struct app_context *c, const uint8_t *data, uint32_t len)
{
        struct irc_state *s = state;
        struct line *l = &s->line[c->from_originator];
        uint8_t *strange = &s->strange[c->from_originator];
        const uint8_t *p;
        uint32_t pos = 0, n;
        bool cut;

        while (!s->tls && line_next(l, data, len, &pos, &p, &n, &cut)) {
                struct irc_message m;

                if (n == 0)
                        continue;
                if (irc_parse(app_slice(p, n), &m) < 0) {
                        if (++*strange >= IRC_STRANGE_MAX)
                                return -EPROTO;
                        continue;
                }
                *strange = 0;
                learn_role(s, &m, c);
                tell(s, c, app_slice(p, n), cut);
                read_dcc(&m, c);
                if (m.numeric == 670) { /* RPL_STARTTLS */
                        s->tls = true;
                        c->rest = len - pos;
                        if (c->switch_to)
                                c->switch_to(c, APP_TLS);
                }
        }
        return 0;
}

static void irc_lost(void *state, struct app_context *c, uint64_t lost)
{
        struct irc_state *s = state;

        (void) lost;
        line_lost(&s->line[c->from_originator]);
}

const struct app_decoder decoder_irc = {
        .name = "irc",
        .app = APP_IRC,
        .state_size = sizeof(struct irc_state),
        .tcp = true,
        .probe = irc_probe,
        .data = irc_data,
        .lost = irc_lost,
};
