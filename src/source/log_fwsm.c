/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log of a Cisco firewall (FWSM; ASA and PIX say it in the same words), by syslog. Connections that are built and
 * torn down are flows, denied ones are flows that failed. Records may be wrapped, as they are when printed: a line that
 * does not begin a record continues the last one. See docs/logs.md. Runs in `read`. */
#include "source/log_fwsm.h"

#include <errno.h>
#include <netinet/in.h>
#include <xxhash.h>

#include "base/table.h"
#include "source/log_emit.h"

#define RECORD_MAX 4096         /* bytes of a joined record; syslog: 1024 (RFC 3164), 2048 should be taken (RFC 5424) */
#define OPEN_MAX   (512u << 10) /* connections open at once; an FWSM has at most 999,900 */
#define PORT_KNOWN 1024         /* below: system ports (RFC 6335), whose side is the server */
#define LASTS      NSEC_PER_SEC /* connections that last so long are told to be answered before they end */
#define EMBRYONIC  (30 * NSEC_PER_SEC) /* what nobody answers is torn down (Cisco: "timeout embryonic", its default) */
#define LOOK_LINES 50                  /* to recognise the format by */

/* What names a connection until it is torn down. */
struct key {
        uint64_t device, number;
        struct addr addr[FWSM_ENDS];
        uint16_t port[FWSM_ENDS];
        uint32_t proto;
};

struct opened {
        uint64_t key[2]; /* of struct key */
        nsec_t since;
        struct log_talk talk;
        uint8_t orig; /* FWSM_FOREIGN, FWSM_LOCAL */
};

struct fwsm {
        struct table *open;
        uint64_t line; /* of the record's beginning */
        uint64_t used, struck_out, no_zone;
        nsec_t newest;
        uint32_t len;
        bool pending, too_long;
        char record[RECORD_MAX];
};

struct record {
        nsec_t time;
        bool has_zone;
        uint64_t device;
        struct fwsm_message m;
};

/* "%FWSM-614:", "%ASA-6-302013:", "%ASA-session-6-302013:": the length up to the colon; 0: no tag. */
static size_t tag_length(const char *p, size_t len)
{
        static const char *const tags[] = {"%FWSM-", "%ASA-", "%PIX-"};

        for (size_t i = 0; i < ELEMENTSOF(tags); i++) {
                size_t n = strlen(tags[i]);

                if (len <= n || memcmp(p, tags[i], n) != 0)
                        continue;
                while (n < len && (p[n] == '-' || (p[n] >= '0' && p[n] <= '9') || (p[n] >= 'a' && p[n] <= 'z')))
                        n++;
                if (n < len && p[n] == ':' && p[n - 1] >= '0' && p[n - 1] <= '9')
                        return n;
        }
        return 0;
}

/* The tag that all messages have: its position, or NULL. */
static const char *find_tag(const char *text, size_t len)
{
        const char *p = text, *end = text + len;

        for (; (p = memchr(p, '%', (size_t) (end - p))); p++)
                if (tag_length(p, (size_t) (end - p)))
                        return p;
        return NULL;
}

static bool fwsm_recognise(const char *text, size_t len, const char *file_name _unused_)
{
        const char *p = text, *end = text + len;

        for (unsigned i = 0; i < LOOK_LINES && p < end; i++) {
                const char *line_end = memchr(p, '\n', (size_t) (end - p));

                if (!line_end)
                        line_end = end;
                if (find_tag(p, (size_t) (line_end - p)))
                        return true;
                p = line_end + 1;
        }
        return false;
}

/* "<166>": syslog's priority. */
static void skip_priority(struct slice *s)
{
        const char *close = s->len && s->p[0] == '<' ? memchr(s->p, '>', MIN(s->len, 5u)) : NULL;

        if (close) {
                s->len -= (uint32_t) (close + 1 - s->p);
                s->p = close + 1;
        }
}

static bool begins_with_time(struct slice s)
{
        struct slice word, rest = s;
        bool zone;
        nsec_t t;

        skip_priority(&rest);
        s = rest;
        return log_text_syslog(&rest, LOG_TIME_MAX, &t, &zone) == 0 ||
               (log_text_word(&s, &word) && log_text_iso(word, &t) == 0);
}

/* "Oct 26 09:42:48 192.168.1.252 Oct 26 2006 09:42:47: ": the last time is the firewall's own, the first word that is
 * no time is its name. */
static int parse_head(struct slice head, nsec_t newest, struct record *r)
{
        struct slice word, name = {0};
        bool found = false;

        skip_priority(&head);
        for (unsigned i = 0; i < 16; i++) {
                struct slice rest = head;

                if (log_text_syslog(&head, newest, &r->time, &r->has_zone) == 0) {
                        found = true;
                        continue;
                }
                if (!log_text_word(&rest, &word))
                        break;
                head = rest;
                if (word.p[word.len - 1] == ':')
                        word.len--;
                if (log_text_iso(word, &r->time) == 0)
                        found = r->has_zone = true;
                else if (word.len > 0 && !name.p)
                        name = word;
        }
        r->device = name.p ? XXH64(name.p, name.len, 0) : 0;
        return found ? 0 : -EBADMSG;
}

/* Who opened the connection? The log's word, else the side whose port is no system port. */
static uint8_t who_opened(const struct fwsm_message *m, bool *ret_unknown)
{
        bool foreign_known = m->port[FWSM_FOREIGN] < PORT_KNOWN, local_known = m->port[FWSM_LOCAL] < PORT_KNOWN;

        *ret_unknown = false;
        if (m->direction != FWSM_UNKNOWN)
                return m->direction == FWSM_INBOUND ? FWSM_FOREIGN : FWSM_LOCAL;
        *ret_unknown = m->proto == IPPROTO_ICMP || foreign_known == local_known;
        return !*ret_unknown && local_known ? FWSM_FOREIGN : FWSM_LOCAL;
}

/* The ends of the flow. A local host that is only known to be at home by its translated address is called by that. */
static void make_talk(const struct fwsm_message *m, uint8_t orig, const struct log_out *out, struct log_talk *ret)
{
        struct log_talk t = {.proto = m->proto};

        for (unsigned i = 0; i < FWSM_ENDS; i++) {
                unsigned end = i == orig ? LOG_ORIG : LOG_RESP;

                t.addr[end] = m->addr[i];
                t.port[end] = m->port[i];
        }
        if (m->what != FWSM_DENIED && home_side(out->home, &t.addr[LOG_ORIG], &t.addr[LOG_RESP]) == HOME_NONE &&
            home_has(out->home, &m->mapped))
                t.addr[orig == FWSM_LOCAL ? LOG_ORIG : LOG_RESP] = m->mapped;
        if (m->proto == IPPROTO_ICMP) {
                bool v6 = !addr_is_v4(&t.addr[LOG_ORIG]);

                /* Without a word about it: an echo request (RFC 792, RFC 4443), which is what firewalls track. */
                t.icmp = m->has_icmp ? m->icmp : (v6 ? 128 : 8) << 8;
                t.proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
        }
        *ret = t;
}

static void name_connection(const struct record *r, uint64_t ret_key[static 2])
{
        struct key key;

        memset(&key, 0, sizeof(key));
        key.device = r->device;
        key.number = r->m.number;
        memcpy(key.addr, r->m.addr, sizeof(key.addr));
        memcpy(key.port, r->m.port, sizeof(key.port));
        key.proto = r->m.proto;
        ret_key[0] = XXH64(&key, sizeof(key), 0);
        ret_key[1] = XXH64(&key, sizeof(key), 1);
}

static void begin(struct opened *o, const struct record *r, nsec_t since, const struct log_out *out)
{
        struct {
                uint64_t key;
                nsec_t since;
        } id = {o->key[0], since};
        bool guessed;

        o->since = since;
        o->orig = who_opened(&r->m, &guessed);
        make_talk(&r->m, o->orig, out, &o->talk);
        o->talk.flow_id = log_emit_id(&id, sizeof(id), 0);
        o->talk.origin_unknown = guessed;
}

/* What was asked; whether anybody answered is not said until the end, and of datagrams never. */
static void emit_start(const struct opened *o, const struct log_out *out, uint16_t flags)
{
        struct log_flow flow = {.since = o->since, .flags = flags, .state = FLOW_STATE_NEW};

        flow.pkts[LOG_ORIG] = 1;
        if (o->talk.proto == IPPROTO_TCP)
                flow.tcp[LOG_ORIG] = TCP_SEEN_SYN;
        log_emit_flow(out, &o->talk, &flow, o->since, FLOW_START);
}

static void emit_answered(const struct opened *o, const struct log_out *out, uint16_t flags)
{
        struct log_flow flow = {.since = o->since, .flags = flags};

        flow.pkts[LOG_ORIG] = flow.pkts[LOG_RESP] = 1;
        if (o->talk.proto == IPPROTO_TCP)
                flow.tcp[LOG_ORIG] = flow.tcp[LOG_RESP] = TCP_SEEN_SYN | TCP_SEEN_ACK;
        log_emit_answered(out, &o->talk, &flow);
}

static int built(struct fwsm *f, const struct record *r, const struct log_out *out)
{
        uint64_t key[2];
        struct opened *o;
        bool created;

        name_connection(r, key);
        o = table_insert(f->open, key, &created);
        if (!o)
                return -ENOMEM;
        begin(o, r, r->time, out);
        if (!log_emit_place(out, &o->talk))
                return 0;
        emit_start(o, out, 0);
        if (o->talk.proto != IPPROTO_TCP)
                emit_answered(o, out, 0);
        return 0;
}

/* How a TCP connection ended, by the reason given and whether anything was carried. A reset without any byte by the
 * side that was asked is a refusal; by the side that asked it is not: without an answer the reason is a timeout. */
static void tcp_end(const struct fwsm_message *m, uint8_t orig, struct log_flow *flow)
{
        const uint8_t opened = TCP_SEEN_SYN | TCP_SEEN_ACK;
        struct slice reason = m->reason;
        bool carried = m->bytes > 0;
        int resetter = -1;

        (void) log_text_skip(&reason, "TCP ");
        if (log_text_skip(&reason, "Reset-I"))
                resetter = orig == FWSM_LOCAL ? LOG_ORIG : LOG_RESP;
        else if (log_text_skip(&reason, "Reset-O"))
                resetter = orig == FWSM_FOREIGN ? LOG_ORIG : LOG_RESP;
        else if (log_text_skip(&reason, "FINs")) {
                flow->tcp[LOG_ORIG] = flow->tcp[LOG_RESP] = opened | TCP_SEEN_FIN;
                flow->state = FLOW_STATE_CLOSED;
                return;
        }
        if (carried || resetter == LOG_ORIG)
                flow->tcp[LOG_ORIG] = flow->tcp[LOG_RESP] = opened;
        else
                flow->tcp[LOG_ORIG] = TCP_SEEN_SYN;
        if (resetter >= 0)
                flow->tcp[resetter] |= TCP_SEEN_RST;
        if (!carried)
                flow->state = resetter == LOG_ORIG ? FLOW_STATE_CLOSED : FLOW_STATE_FAILED;
        else
                flow->state = resetter >= 0 ? FLOW_STATE_CLOSED : FLOW_STATE_ESTABLISHED;
}

static int torn_down(struct fwsm *f, const struct record *r, const struct log_out *out)
{
        struct opened o = {0}, *known;
        struct log_flow flow = {0};
        nsec_t end;

        name_connection(r, o.key);
        known = table_find(f->open, o.key);
        if (known) {
                o = *known;
                table_remove(f->open, known);
        } else {
                flow.flags = FLOW_MIDSTREAM;
                begin(&o, r, MAX(r->time - r->m.duration, 0), out);
        }
        if (!log_emit_place(out, &o.talk))
                return 0;
        flow.since = o.since;
        flow.bytes[LOG_RESP] = r->m.bytes;
        if (o.talk.proto == IPPROTO_TCP)
                tcp_end(&r->m, o.orig, &flow);
        else
                flow.state = r->m.has_bytes && r->m.bytes == 0 ? FLOW_STATE_FAILED : FLOW_STATE_ESTABLISHED;
        /* At least, by what is said of the end. */
        flow.pkts[LOG_ORIG] = 1;
        flow.pkts[LOG_RESP] = flow.state != FLOW_STATE_FAILED || flow.tcp[LOG_RESP];
        end = MAX(r->time, flow.since);
        if (!known)
                emit_start(&o, out, flow.flags);
        if (flow.state != FLOW_STATE_FAILED && end - flow.since >= LASTS && (!known || o.talk.proto == IPPROTO_TCP))
                emit_answered(&o, out, flow.flags);
        log_emit_flow(out, &o.talk, &flow, end, FLOW_END);
        return 0;
}

/* What is denied has no answer. A packet without a connection that does not ask for one is the rest of something: who
 * opened that is a guess. */
static void denied(struct fwsm *f, const struct record *r, const struct log_out *out)
{
        const struct fwsm_message *m = &r->m;
        struct log_flow flow = {.since = r->time, .state = FLOW_STATE_NEW};
        struct log_talk talk;
        uint8_t orig = FWSM_FOREIGN, sender = LOG_ORIG;
        struct {
                uint64_t device, line;
                nsec_t time;
        } id = {r->device, f->line, r->time};

        if (m->has_flags && (m->tcp & (TCP_SEEN_SYN | TCP_SEEN_ACK)) == (TCP_SEEN_SYN | TCP_SEEN_ACK)) {
                orig = FWSM_LOCAL;
                sender = LOG_RESP;
        }
        if (m->has_flags && !((m->tcp & TCP_SEEN_SYN) && sender == LOG_ORIG))
                flow.flags = FLOW_MIDSTREAM;
        make_talk(m, orig, out, &talk);
        talk.flow_id = log_emit_id(&id, sizeof(id), 0);
        if (!log_emit_place(out, &talk))
                return;
        if (m->proto == IPPROTO_TCP)
                flow.tcp[sender] = m->has_flags ? m->tcp : TCP_SEEN_SYN;
        flow.pkts[sender] = 1;
        log_emit_flow(out, &talk, &flow, r->time, FLOW_START);
        flow.state = FLOW_STATE_FAILED;
        flow.pkts[sender] = m->count;
        log_emit_flow(out, &talk, &flow, r->time, FLOW_END);
}

/* The record that has been joined. */
static int take_record(struct fwsm *f, const struct log_out *out)
{
        const char *tag = find_tag(f->record, f->len), *text, *end = f->record + f->len;
        struct record r = {0};

        if (!tag)
                return 0; /* something else that logs to the same file */
        if (f->too_long)
                return -EBADMSG;
        text = tag + tag_length(tag, (size_t) (end - tag)) + 1;
        if (log_fwsm_parse((struct slice){text, (uint32_t) (end - text)}, &r.m) < 0 ||
            parse_head((struct slice){f->record, (uint32_t) (tag - f->record)}, out->file_time, &r) < 0)
                return -EBADMSG;
        f->used += r.m.what != FWSM_OTHER;
        f->no_zone += r.m.what != FWSM_OTHER && !r.has_zone;
        f->newest = MAX(f->newest, r.time);
        f->struck_out += r.m.struck_out;
        switch (r.m.what) {
        case FWSM_BUILT:
                return built(f, &r, out);
        case FWSM_TEARDOWN:
                return torn_down(f, &r, out);
        case FWSM_DENIED:
                denied(f, &r, out);
                return 0;
        default:
                return 0;
        }
}

static int finish_record(struct fwsm *f, const struct log_out *out)
{
        int r;

        if (!f->pending)
                return 0;
        r = take_record(f, out);
        if (r == -EBADMSG) {
                out->bad(out->userdata, f->line);
                r = 0;
        }
        f->pending = f->too_long = false;
        f->len = 0;
        return r;
}

static void append(struct fwsm *f, const char *text, size_t len)
{
        if (f->len > 0 && f->record[f->len - 1] != ' ' && f->len < RECORD_MAX)
                f->record[f->len++] = ' ';
        f->too_long |= len > RECORD_MAX - f->len;
        len = MIN(len, RECORD_MAX - f->len);
        memcpy(f->record + f->len, text, len);
        f->len += (uint32_t) len;
}

static bool begins_record(const struct fwsm *f, const struct log_line *line)
{
        if (begins_with_time((struct slice){line->text, (uint32_t) line->len}))
                return true;
        /* A tag in a line that continues: there the record was wrapped, unless it has one. */
        return find_tag(line->text, line->len) && (!f->pending || find_tag(f->record, f->len));
}

static int fwsm_line(void *state, const struct log_line *line, const struct log_out *out)
{
        struct table_params params = {.name = "connections of a firewall log",
                                      .cap = OPEN_MAX,
                                      .key_size = sizeof(((struct opened *) 0)->key),
                                      .entry_size = sizeof(struct opened)};
        struct fwsm *f = state;
        int r;

        if (!f->open && (r = table_new(&params, &f->open)) < 0)
                return r;
        if (line->len == 0)
                return finish_record(f, out);
        if (begins_record(f, line)) {
                r = finish_record(f, out);
                f->pending = true;
                f->line = line->number;
                append(f, line->text, line->len);
                return r;
        }
        if (!f->pending)
                return -EBADMSG;
        append(f, line->text, line->len);
        return 0;
}

/* What was built, and not torn down again when a SYN without an answer would have been, is still in use. */
static void tell_open(struct fwsm *f, const struct log_out *out)
{
        for (const struct opened *o = table_oldest(f->open); o; o = table_younger(f->open, o))
                if (o->talk.home != HOME_NONE && o->talk.proto == IPPROTO_TCP && f->newest - o->since > EMBRYONIC)
                        emit_answered(o, out, 0);
}

static void fwsm_end(void *state, const struct log_out *out)
{
        struct fwsm *f = state;
        struct table_stats stats;

        (void) finish_record(f, out);
        if (f->used > 0) {
                log_emit_gap(out, GAP_NOT_IN_LOG, f->used, "packet counts: one for each side that was heard");
                log_emit_gap(out, GAP_NOT_IN_LOG, f->used,
                             "bytes of each direction: the sum stands as the responder's");
                log_emit_gap(out, GAP_NOT_IN_LOG, f->used, "whether UDP and ICMP were answered: taken for granted");
                log_emit_gap(out, GAP_NOT_IN_LOG, f->used, "content of connections and names that were looked up");
        }
        if (f->struck_out > 0)
                log_emit_gap(out, GAP_NOT_IN_LOG, f->struck_out, "addresses' first part, struck out: read as 0");
        if (f->no_zone > 0)
                log_emit_gap(out, GAP_NOT_IN_LOG, f->no_zone, "time zone: taken for UTC");
        if (!f->open)
                return;
        tell_open(f, out);
        table_get_stats(f->open, &stats);
        if (stats.evicted > 0)
                log_emit_gap(out, GAP_TABLE_FULL, stats.evicted, "open connections of a firewall log");
}

static void fwsm_done(void *state)
{
        struct fwsm *f = state;

        table_free(f->open);
}

const struct log_format log_fwsm = {
        .name = "fwsm",
        .help = "Cisco firewall by syslog (FWSM, ASA, PIX)",
        .state_size = sizeof(struct fwsm),
        .recognise = fwsm_recognise,
        .line = fwsm_line,
        .end = fwsm_end,
        .done = fwsm_done,
};
