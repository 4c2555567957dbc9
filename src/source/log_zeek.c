/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zeek's logs (conn, dns, http, ssl, irc, smtp), tab-separated with their header or JSON lines: each line becomes the
 * events that its packets would have given. Columns that others have added, labels for example, are ignored. What is
 * missing is said once per file. See docs/logs.md. Runs in `read`. */
#include "source/log_zeek.h"

#include <errno.h>
#include <netinet/in.h>

#define MSEC_TIMES                                                                                                     \
        100000000000LL /* seconds: beyond, a number without fraction is in milliseconds (json_timestamps)              \
                        */

/* What the events need; what of it a file lacks is a gap. */
static const struct {
        const char *name;  /* of the log */
        const char *never; /* what this log cannot say; NULL: all is said */
        int (*events)(struct zeek *z, const struct log_out *out);
        uint64_t wanted;
} paths[ZEEK_PATHS] = {
#define BIT(id) (UINT64_C(1) << ZEEK_##id)
        [ZEEK_CONN] = {"conn.log", "content of connections", log_zeek_conn,
                       BIT(PROTO) | BIT(SERVICE) | BIT(DURATION) | BIT(ORIG_BYTES) | BIT(RESP_BYTES) | BIT(CONN_STATE) |
                               BIT(HISTORY) | BIT(ORIG_PKTS) | BIT(RESP_PKTS)},
        [ZEEK_DNS] = {"dns.log", "size of DNS messages", log_zeek_dns,
                      BIT(PROTO) | BIT(QUERY) | BIT(QTYPE) | BIT(RCODE) | BIT(RTT) | BIT(ANSWERS) | BIT(TTLS)},
        [ZEEK_HTTP] = {"http.log", "time of HTTP responses and the content types that they declare", log_zeek_http,
                       BIT(METHOD) | BIT(HOST) | BIT(URI) | BIT(USER_AGENT) | BIT(REQUEST_BODY_LEN) |
                               BIT(RESPONSE_BODY_LEN) | BIT(STATUS_CODE) | BIT(ORIG_MIME_TYPES) | BIT(RESP_MIME_TYPES)},
        [ZEEK_SSL] = {"ssl.log", "what TLS clients offer but the server's name", log_zeek_ssl,
                      BIT(VERSION) | BIT(CIPHER) | BIT(SERVER_NAME) | BIT(JA4)},
        [ZEEK_IRC] = {"irc.log", "lines of IRC but NICK, USER, JOIN and offers of files", log_zeek_irc,
                      BIT(COMMAND) | BIT(VALUE) | BIT(ADDL)},
        [ZEEK_SMTP] = {"smtp.log", "replies to SMTP but the last one, and the size of mails", log_zeek_smtp,
                       BIT(HELO) | BIT(MAILFROM) | BIT(RCPTTO) | BIT(LAST_REPLY)},
};

static const char *const field_names[ZEEK_FIELD_COUNT] = {
#define X(name, id) name,
        ZEEK_FIELDS(X)
#undef X
};

static bool zeek_recognise(const char *text, size_t len, const char *file_name _unused_)
{
        const char *end = memchr(text, '\n', len);
        size_t n = end ? (size_t) (end - text) : len;

        while (n > 0 && (*text == ' ' || *text == '\r' || *text == '\t')) {
                text++;
                n--;
        }
        if (n == 0)
                return false;
        if (*text == '#')
                return (n > 11 && memcmp(text, "#separator ", 11) == 0) || (n > 8 && memcmp(text, "#fields\t", 8) == 0);
        return *text == '{' && memmem(text, n, "\"ts\":", 5) &&
               (memmem(text, n, "\"uid\":", 6) || memmem(text, n, "\"id.orig_h\":", 12) ||
                memmem(text, n, "\"fuid\":", 7));
}

static uint8_t path_of_name(struct slice name)
{
        for (uint8_t i = 0; i < ZEEK_PATHS; i++)
                if (paths[i].name && name.len == strlen(paths[i].name) - 4 &&
                    memcmp(paths[i].name, name.p, name.len) == 0)
                        return i;
        return ZEEK_PATH_OTHER;
}

/* By what the fields are called. */
static uint8_t path_of_fields(const struct zeek *z)
{
        const struct zeek_value *v = z->value;

        if (v[ZEEK_CONN_STATE].raw.p)
                return ZEEK_CONN;
        if (v[ZEEK_TRANS_ID].raw.p || (v[ZEEK_QUERY].raw.p && v[ZEEK_PROTO].raw.p))
                return ZEEK_DNS;
        if (v[ZEEK_HELO].raw.p || v[ZEEK_MAILFROM].raw.p)
                return ZEEK_SMTP;
        if (v[ZEEK_METHOD].raw.p || v[ZEEK_STATUS_CODE].raw.p)
                return ZEEK_HTTP;
        if (v[ZEEK_COMMAND].raw.p && v[ZEEK_NICK].raw.p)
                return ZEEK_IRC;
        if (v[ZEEK_SERVER_NAME].raw.p || v[ZEEK_CIPHER].raw.p)
                return ZEEK_SSL;
        return ZEEK_PATH_OTHER;
}

/* The file's header says which log it is, or the line, or the file's name ("conn.log", "dns.2026-11-21.log.gz"). */
static uint8_t path_of_line(const struct zeek *z, const char *file_name)
{
        struct slice said = z->value[ZEEK_PATH].raw;
        uint8_t path;

        if (!z->json && z->path != ZEEK_PATH_UNKNOWN)
                return z->path;
        if (z->json && said.p)
                return path_of_name(said);
        path = path_of_name((struct slice){file_name, (uint32_t) strcspn(file_name, "._-")});
        return path == ZEEK_PATH_OTHER ? path_of_fields(z) : path;
}

static int read_time(struct slice s, nsec_t *ret)
{
        uint64_t msec;

        if (log_text_number(s, LOG_TIME_MAX / NSEC_PER_MSEC, &msec) == 0 && msec > MSEC_TIMES) {
                *ret = (nsec_t) msec * NSEC_PER_MSEC;
                return 0;
        }
        return log_text_seconds(s, ret) == 0 ? 0 : log_text_iso(s, ret);
}

static int read_ends(struct zeek *z, uint8_t path)
{
        static const enum zeek_field addrs[2] = {ZEEK_ORIG_H, ZEEK_RESP_H}, ports[2] = {ZEEK_ORIG_P, ZEEK_RESP_P};
        const struct zeek_value *v = z->value;
        struct slice proto = v[ZEEK_PROTO].raw, uid = v[ZEEK_UID].raw;
        struct log_talk *t = &z->talk;
        uint64_t port;

        *t = (struct log_talk){0};
        if (read_time(v[ZEEK_TS].raw, &z->time) < 0)
                return -EBADMSG;
        for (unsigned i = 0; i < 2; i++) {
                if (log_text_addr(v[addrs[i]].raw, &t->addr[i]) < 0 ||
                    log_text_number(v[ports[i]].raw, UINT16_MAX, &port) < 0)
                        return -EBADMSG;
                t->port[i] = (uint16_t) port;
        }
        if (log_text_is(proto, "tcp") || (!proto.p && path != ZEEK_CONN && path != ZEEK_DNS))
                t->proto = IPPROTO_TCP;
        else if (log_text_is(proto, "udp") || (!proto.p && path == ZEEK_DNS))
                t->proto = IPPROTO_UDP;
        else if (log_text_is(proto, "icmp"))
                t->proto = addr_is_v4(&t->addr[LOG_ORIG]) ? IPPROTO_ICMP : IPPROTO_ICMPV6;
        else
                return log_text_is(proto, "unknown_transport") ? 0 : -EBADMSG;
        t->flow_id = uid.p ? log_emit_id(uid.p, uid.len, 0) : log_emit_id(t->addr, sizeof(t->addr), (uint64_t) z->time);
        return 1;
}

/* Of a file with a header the columns count, whatever their values; of JSON the keys. */
static void note_seen(struct zeek *z, uint8_t path)
{
        uint64_t seen = 0;

        if (z->json) {
                for (unsigned i = 0; i < ZEEK_FIELD_COUNT; i++)
                        seen |= (uint64_t) (z->value[i].raw.p != NULL) << i;
        } else {
                for (unsigned i = 0; i < z->n_columns; i++)
                        if (z->column[i] != ZEEK_NO_FIELD)
                                seen |= UINT64_C(1) << z->column[i];
        }
        z->seen[path] |= seen;
        z->of_path[path]++;
}

static int zeek_line(void *state, const struct log_line *line, const struct log_out *out)
{
        struct zeek *z = state;
        struct slice text = {line->text, (uint32_t) line->len};
        uint8_t path;
        int r;

        if (line->len == 0)
                return 0;
        memset(z->value, 0, sizeof(z->value));
        z->scratch_used = 0;
        z->cut = false;
        z->json = line->text[0] == '{' && !z->has_fields;
        r = z->json ? log_zeek_json(z, text) : log_zeek_tsv(z, text);
        if (r <= 0)
                return r;
        path = path_of_line(z, out->file_name);
        note_seen(z, path);
        if (!paths[path].events)
                return 0;
        r = read_ends(z, path);
        return r <= 0 ? r : paths[path].events(z, out);
}

static void missing(const struct zeek *z, uint8_t path, const struct log_out *out)
{
        uint64_t lost = paths[path].wanted & ~z->seen[path];
        char text[160];
        struct buf b = BUF_FIXED(text);

        if (!lost)
                return;
        buf_puts(&b, "columns that are not there:");
        for (unsigned i = 0; i < ZEEK_FIELD_COUNT; i++)
                if (lost >> i & 1)
                        buf_printf(&b, " %s", field_names[i]);
        log_emit_gap(out, GAP_NOT_IN_LOG, z->of_path[path], text);
}

static void zeek_end(void *state, const struct log_out *out)
{
        const struct zeek *z = state;

        for (uint8_t i = 0; i < ZEEK_PATHS; i++) {
                if (z->of_path[i] == 0)
                        continue;
                if (!paths[i].events) {
                        log_emit_gap(out, GAP_NOT_IN_LOG, z->of_path[i], "a log of Zeek that is not used");
                        continue;
                }
                missing(z, i, out);
                log_emit_gap(out, GAP_NOT_IN_LOG, z->of_path[i], paths[i].never);
        }
        if (z->missed_bytes > 0)
                log_emit_gap(out, GAP_STREAM, z->missed_bytes, "bytes that Zeek missed");
        if (z->unread > 0)
                log_emit_gap(out, GAP_NOT_IN_LOG, z->unread, "flags and bytes of packets with wrong checksums");
}

const struct log_format log_zeek = {
        .name = "zeek",
        .help = "Zeek's conn, dns, http, ssl, irc and smtp logs, tab-separated or JSON",
        .state_size = sizeof(struct zeek),
        .recognise = zeek_recognise,
        .line = zeek_line,
        .end = zeek_end,
};
