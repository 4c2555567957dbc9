/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Postfix's log, by syslog or journal: mails that home hosts brought to a mail server of ours, as the dialog of SMTP
 * that packets would have shown. A mail is followed by its queue id, from the client to what became of it: what others'
 * servers refuse later is told as refused, too. See docs/logs.md. Runs in `read`. */
#include <errno.h>
#include <netinet/in.h>
#include <xxhash.h>

#include "base/table.h"
#include "source/log_emit.h"
#include "source/log_text.h"

#define LOOK_LINES 50           /* to recognise the format by */
#define QUEUE_MAX  (128u << 10) /* mails under way */
#define QUEUE_ID   64           /* letters; long ones have up to 20 */
#define RCPT_MAX   1000         /* of a mail: what a server takes at most (smtpd_recipient_limit) */

struct queued {
        uint64_t key[2];
        struct addr client;
        uint16_t client_port, port;
        bool told; /* the mail, once */
};

struct postfix {
        struct table *queue;
        uint64_t used, no_zone;
};

struct entry {
        nsec_t time;
        bool has_zone;
        uint64_t device;
        struct slice program, service; /* "smtpd", "submission" */
        struct slice text;
};

/* "postfix/submission/smtpd[123]:" */
static bool parse_tag(struct slice tag, struct entry *e)
{
        static const char name[] = "postfix";
        const char *open, *slash, *before;

        if (tag.len < sizeof(name) || memcmp(tag.p, name, sizeof(name) - 1) != 0 || tag.p[tag.len - 1] != ':')
                return false;
        open = memchr(tag.p, '[', tag.len);
        if (!open || tag.len < 3 || tag.p[tag.len - 2] != ']')
                return false;
        slash = memrchr(tag.p, '/', (size_t) (open - tag.p));
        if (!slash)
                return false;
        e->program = (struct slice){slash + 1, (uint32_t) (open - slash - 1)};
        before = memrchr(tag.p, '/', (size_t) (slash - tag.p));
        e->service = before ? (struct slice){before + 1, (uint32_t) (slash - before - 1)} : (struct slice){0};
        return e->program.len > 0;
}

/* "Nov 21 18:12:29 mx postfix/smtpd[123]: text", or with RFC 3339's time. The words of a client stand only in the text.
 */
static int parse_entry(const char *text, size_t len, nsec_t newest, struct entry *e)
{
        struct slice rest = {text, (uint32_t) len}, word, host;
        const char *close = len && *text == '<' ? memchr(text, '>', MIN(len, (size_t) 5)) : NULL;

        *e = (struct entry){0};
        if (close)
                rest = (struct slice){close + 1, (uint32_t) (text + len - close - 1)};
        if (log_text_syslog(&rest, newest, &e->time, &e->has_zone) < 0) {
                if (!log_text_word(&rest, &word) || log_text_iso(word, &e->time) < 0)
                        return -EBADMSG;
                e->has_zone = true;
        }
        if (!log_text_word(&rest, &host) || !log_text_word(&rest, &word) || !parse_tag(word, e))
                return -ENOMSG;
        e->device = XXH64(host.p, host.len, 0);
        while (rest.len && *rest.p == ' ')
                rest = (struct slice){rest.p + 1, rest.len - 1};
        e->text = rest;
        return 0;
}

static bool postfix_recognise(const char *text, size_t len, const char *file_name _unused_)
{
        const char *p = text, *end = text + len;
        struct entry e;

        for (unsigned i = 0; i < LOOK_LINES && p < end; i++) {
                const char *stop = memchr(p, '\n', (size_t) (end - p));

                if (!stop)
                        stop = end;
                if (parse_entry(p, (size_t) (stop - p), LOG_TIME_MAX, &e) == 0)
                        return true;
                p = stop + 1;
        }
        return false;
}

/* "4F3A21C0B2: client=...": the id, and what follows. */
static bool take_id(struct slice *text, struct slice *ret)
{
        uint32_t n = 0;

        while (n < text->len && n < QUEUE_ID &&
               ((text->p[n] | 0x20) >= 'a' ? (text->p[n] | 0x20) <= 'z' : text->p[n] >= '0' && text->p[n] <= '9'))
                n++;
        if (n == 0 || n + 2 > text->len || text->p[n] != ':' || text->p[n + 1] != ' ')
                return false;
        *ret = (struct slice){text->p, n};
        *text = (struct slice){text->p + n + 2, text->len - n - 2};
        return true;
}

static void name_mail(const struct entry *e, struct slice id, uint64_t ret[static 2])
{
        ret[0] = XXH64(id.p, id.len, e->device);
        ret[1] = XXH64(id.p, id.len, ~e->device);
}

/* "pc.example.org[10.1.2.3]:4711 and more": who the server saw. The name has no bracket; it may be anybody's. */
static bool parse_client(struct slice text, struct addr *ret, uint16_t *ret_port)
{
        const char *open = text.len ? memchr(text.p, '[', text.len) : NULL, *end = text.p + text.len, *close;
        struct slice inner, port;
        uint64_t n = 0;
        uint32_t digits = 0;

        close = open ? memchr(open, ']', (size_t) (end - open)) : NULL;
        if (!close)
                return false;
        inner = (struct slice){open + 1, (uint32_t) (close - open - 1)};
        (void) log_text_skip(&inner, "IPv6:");
        if (log_text_addr(inner, ret) < 0)
                return false;
        *ret_port = 0;
        port = (struct slice){close + 1, (uint32_t) (end - close - 1)};
        if (!log_text_skip(&port, ":"))
                return true;
        while (digits < port.len && digits < 6 && port.p[digits] >= '0' && port.p[digits] <= '9')
                digits++;
        if (digits && log_text_number((struct slice){port.p, digits}, UINT16_MAX, &n) == 0)
                *ret_port = (uint16_t) n;
        return true;
}

static uint16_t port_of(const struct entry *e)
{
        return log_text_is(e->service, "submission")                                      ? 587 :
               log_text_is(e->service, "smtps") || log_text_is(e->service, "submissions") ? 465 :
                                                                                            25;
}

/* The server's own address is not in its log. */
static struct log_talk talk_of(const struct queued *q)
{
        struct log_talk talk = {.flow_id = log_emit_id(q->key, sizeof(q->key), 0), .proto = IPPROTO_TCP};

        talk.addr[LOG_ORIG] = q->client;
        talk.addr[LOG_RESP] = addr_from_v4(0);
        talk.port[LOG_ORIG] = q->client_port;
        talk.port[LOG_RESP] = q->port;
        return talk;
}

static void say(const struct log_out *out, struct log_talk *talk, nsec_t time, enum smtp_op op, struct smtp_event what)
{
        struct event e = {.time = time, .type = EVENT_SMTP, .op = op, .smtp = what};

        log_emit_app(out, talk, &e, op == SMTP_ACCEPTED || op == SMTP_REJECTED ? LOG_RESP : LOG_ORIG);
}

/* Behind "key=<" up to ">": of the last one, since what stands before it may hold anything. */
static struct slice bracketed(struct slice text, const char *key)
{
        size_t n = strlen(key);
        const char *end = text.p + text.len, *close;

        for (const char *p = end - n; text.len >= n && p >= text.p; p--)
                if (memcmp(p, key, n) == 0) {
                        close = memchr(p, '>', (size_t) (end - p));
                        return close ? (struct slice){p + n, (uint32_t) (close - p - n)} : (struct slice){0};
                }
        return (struct slice){0};
}

/* Three digits of a reply at its beginning, that are followed by none. */
static uint16_t code_of(struct slice s)
{
        uint64_t code;

        if (s.len < 3 || log_text_number((struct slice){s.p, 3}, 599, &code) < 0 || code < 400 ||
            (s.len > 3 && s.p[3] >= '0' && s.p[3] <= '9'))
                return 0;
        return (uint16_t) code;
}

/* "reject: RCPT from pc.example.org[10.1.2.3]: 554 5.7.1 <x@example.net>: Relay access denied; from=<> ... helo=<pc>"
 */
static int take_reject(const struct entry *e, struct slice text, const struct log_out *out)
{
        static const char *const steps[] = {"RCPT from ", "MAIL from ", "DATA from ", "END-OF-MESSAGE from "};
        struct queued q = {.port = port_of(e)};
        struct slice reply, helo = bracketed(text, " helo=<");
        struct log_talk talk;
        const char *close;
        bool found = false;

        for (size_t i = 0; i < ELEMENTSOF(steps) && !found; i++)
                found = log_text_skip(&text, steps[i]);
        if (!found)
                return 0;
        close = text.len ? memchr(text.p, ']', text.len) : NULL;
        if (!close || !parse_client(text, &q.client, &q.client_port))
                return -EBADMSG;
        reply = (struct slice){close + 1, (uint32_t) (text.p + text.len - close - 1)};
        while (reply.len && *reply.p != ' ')
                reply = (struct slice){reply.p + 1, reply.len - 1};
        (void) log_text_skip(&reply, " ");
        q.key[0] = XXH64(e->text.p, e->text.len, (uint64_t) e->time);
        talk = talk_of(&q);
        if (code_of(reply) == 0)
                return -EBADMSG;
        if (!log_emit_place(out, &talk))
                return 0;
        if (helo.len)
                say(out, &talk, e->time, SMTP_HELO, (struct smtp_event){.text = helo});
        say(out, &talk, e->time, SMTP_RCPT, (struct smtp_event){0});
        say(out, &talk, e->time, SMTP_REJECTED, (struct smtp_event){.text = reply, .code = code_of(reply)});
        return 0;
}

/* "client=pc.example.org[10.1.2.3], sasl_method=...": not what comes back from a filter, which was told before. */
static int take_client(struct postfix *f, const struct entry *e, struct slice id, struct slice text,
                       const struct log_out *out)
{
        uint64_t key[2];
        struct queued *q, seen = {.port = port_of(e)};
        struct log_talk talk;
        bool created;

        if (!parse_client(text, &seen.client, &seen.client_port))
                return memmem(text.p, text.len, "unknown[unknown]", 16) ? 0 : -EBADMSG;
        name_mail(e, id, key);
        memcpy(seen.key, key, sizeof(key));
        talk = talk_of(&seen);
        if (addr_is_loopback(&seen.client) || !log_emit_place(out, &talk))
                return 0;
        q = table_insert(f->queue, key, &created);
        if (!q)
                return -ENOMEM;
        *q = seen;
        return 0;
}

static struct queued *find_mail(struct postfix *f, const struct entry *e, struct slice id)
{
        uint64_t key[2];

        name_mail(e, id, key);
        return table_find(f->queue, key);
}

static uint64_t number_behind(struct slice text, const char *key, uint64_t most)
{
        const char *p = memmem(text.p, text.len, key, strlen(key));
        struct slice digits = {p ? p + strlen(key) : NULL, 0};
        uint64_t n = 0;

        while (p && digits.p + digits.len < text.p + text.len && digits.len < 19 && digits.p[digits.len] >= '0' &&
               digits.p[digits.len] <= '9')
                digits.len++;
        return digits.len && log_text_number(digits, INT64_MAX, &n) == 0 ? MIN(n, most) : 0;
}

/* "from=<x@example.org>, size=1234, nrcpt=2 (queue active)": the mail is whole. Its sender is the client's word, and
 * may hold what looks like the rest: so that is read from behind the last ">". */
static void take_active(struct postfix *f, const struct entry *e, struct slice id, struct slice text,
                        const struct log_out *out)
{
        struct queued *q = find_mail(f, e, id);
        const char *close = text.len ? memrchr(text.p, '>', text.len) : NULL;
        struct log_talk talk;
        struct slice rest;
        uint64_t n;

        if (!q || q->told || !close || !log_text_skip(&text, "from=<"))
                return;
        rest = (struct slice){close, (uint32_t) (text.p + text.len - close)};
        q->told = true;
        talk = talk_of(q);
        (void) log_emit_place(out, &talk);
        say(out, &talk, e->time, SMTP_MAIL,
            (struct smtp_event){.text = {text.p, (uint32_t) (close >= text.p ? close - text.p : 0)}});
        n = number_behind(rest, " nrcpt=", RCPT_MAX);
        for (uint64_t i = 0; i < n; i++)
                say(out, &talk, e->time, SMTP_RCPT, (struct smtp_event){0});
        say(out, &talk, e->time, SMTP_DATA, (struct smtp_event){.bytes = number_behind(rest, " size=", INT64_MAX)});
        say(out, &talk, e->time, SMTP_ACCEPTED, (struct smtp_event){.code = 250});
}

/* "to=<x@example.net>, ..., dsn=5.1.1, status=bounced (host mx[192.0.2.1] said: 550 ...)" */
static void take_bounce(struct postfix *f, const struct entry *e, struct slice id, struct slice text,
                        const struct log_out *out)
{
        static const char bounced[] = ", status=bounced (", said[] = " said: ";
        const char *p = memmem(text.p, text.len, bounced, sizeof(bounced) - 1), *reply;
        struct queued *q = p ? find_mail(f, e, id) : NULL;
        struct slice answer = {0};
        struct log_talk talk;
        uint16_t code;

        if (!q)
                return;
        reply = memmem(p, (size_t) (text.p + text.len - p), said, sizeof(said) - 1);
        if (reply)
                answer = (struct slice){reply + sizeof(said) - 1,
                                        (uint32_t) (text.p + text.len - reply - (sizeof(said) - 1))};
        code = code_of(answer);
        talk = talk_of(q);
        (void) log_emit_place(out, &talk);
        if (code) /* what was never said by a server is no refusal */
                say(out, &talk, e->time, SMTP_REJECTED, (struct smtp_event){.text = answer, .code = code});
}

static int take_entry(struct postfix *f, const struct entry *e, const struct log_out *out)
{
        struct slice text = e->text, id;
        struct queued *q;

        if (!take_id(&text, &id))
                return 0;
        if (log_text_is(e->program, "smtpd")) {
                if (log_text_skip(&text, "reject: "))
                        return take_reject(e, text, out);
                return log_text_skip(&text, "client=") ? take_client(f, e, id, text, out) : 0;
        }
        if (log_text_is(e->program, "qmgr")) {
                q = log_text_is(text, "removed") ? find_mail(f, e, id) : NULL;
                if (q)
                        table_remove(f->queue, q);
                else
                        take_active(f, e, id, text, out);
        } else if (log_text_skip(&text, "to=<"))
                take_bounce(f, e, id, text, out);
        return 0;
}

static int postfix_line(void *state, const struct log_line *line, const struct log_out *out)
{
        static const struct table_params params = {.name = "mails of a server's log",
                                                   .cap = QUEUE_MAX,
                                                   .key_size = sizeof(uint64_t[2]),
                                                   .entry_size = sizeof(struct queued)};
        struct postfix *f = state;
        struct entry e;
        int r = parse_entry(line->text, line->len, out->file_time, &e);

        if (r == -ENOMSG || line->len == 0)
                return 0; /* something else that logs to the same file */
        if (r < 0)
                return r;
        if (!f->queue && (r = table_new(&params, &f->queue)) < 0)
                return r;
        f->used++;
        f->no_zone += !e.has_zone;
        return take_entry(f, &e, out);
}

static void postfix_end(void *state, const struct log_out *out)
{
        struct postfix *f = state;
        struct table_stats stats = {0};

        if (f->queue)
                table_get_stats(f->queue, &stats);
        if (stats.evicted)
                log_emit_gap(out, GAP_TABLE_FULL, stats.evicted, "mails under way in a server's log");
        if (f->no_zone)
                log_emit_gap(out, GAP_NOT_IN_LOG, f->no_zone, "time zone: taken for UTC");
        if (f->used)
                log_emit_gap(out, GAP_NOT_IN_LOG, f->used,
                             "the server's own address, flows, and the HELO of mails that were taken");
}

static void postfix_done(void *state)
{
        table_free(((struct postfix *) state)->queue);
}

const struct log_format log_postfix = {
        .name = "postfix",
        .help = "Postfix: mails that home hosts brought to a server of ours",
        .state_size = sizeof(struct postfix),
        .recognise = postfix_recognise,
        .line = postfix_line,
        .end = postfix_end,
        .done = postfix_done,
};
