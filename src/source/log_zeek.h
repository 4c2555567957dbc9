/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the reader of Zeek's logs share: a line as a record (log_zeek_record.c from tab-separated values,
 * log_zeek_json.c from JSON), and its events (log_zeek_conn.c, log_zeek_web.c, log_zeek_talk.c). Runs in `read`. */
#ifndef SEKIMORI_SOURCE_LOG_ZEEK_H
#define SEKIMORI_SOURCE_LOG_ZEEK_H

#include "source/log_emit.h"
#include "source/log_text.h"

/* The columns used: name in Zeek, name here. */
#define ZEEK_FIELDS(X)                                                                                                 \
        X("_path", PATH)                                                                                               \
        X("ts", TS)                                                                                                    \
        X("uid", UID)                                                                                                  \
        X("id.orig_h", ORIG_H)                                                                                         \
        X("id.orig_p", ORIG_P)                                                                                         \
        X("id.resp_h", RESP_H)                                                                                         \
        X("id.resp_p", RESP_P)                                                                                         \
        X("proto", PROTO)                                                                                              \
        X("service", SERVICE)                                                                                          \
        X("duration", DURATION)                                                                                        \
        X("orig_bytes", ORIG_BYTES)                                                                                    \
        X("resp_bytes", RESP_BYTES)                                                                                    \
        X("conn_state", CONN_STATE)                                                                                    \
        X("missed_bytes", MISSED_BYTES)                                                                                \
        X("history", HISTORY)                                                                                          \
        X("orig_pkts", ORIG_PKTS)                                                                                      \
        X("resp_pkts", RESP_PKTS)                                                                                      \
        X("trans_id", TRANS_ID)                                                                                        \
        X("rtt", RTT)                                                                                                  \
        X("query", QUERY)                                                                                              \
        X("qtype", QTYPE)                                                                                              \
        X("rcode", RCODE)                                                                                              \
        X("AA", AA)                                                                                                    \
        X("TC", TC)                                                                                                    \
        X("RD", RD)                                                                                                    \
        X("RA", RA)                                                                                                    \
        X("answers", ANSWERS)                                                                                          \
        X("TTLs", TTLS)                                                                                                \
        X("method", METHOD)                                                                                            \
        X("host", HOST)                                                                                                \
        X("uri", URI)                                                                                                  \
        X("user_agent", USER_AGENT)                                                                                    \
        X("request_body_len", REQUEST_BODY_LEN)                                                                        \
        X("response_body_len", RESPONSE_BODY_LEN)                                                                      \
        X("status_code", STATUS_CODE)                                                                                  \
        X("orig_mime_types", ORIG_MIME_TYPES)                                                                          \
        X("resp_mime_types", RESP_MIME_TYPES)                                                                          \
        X("orig_filenames", ORIG_FILENAMES)                                                                            \
        X("resp_filenames", RESP_FILENAMES)                                                                            \
        X("version", VERSION)                                                                                          \
        X("cipher", CIPHER)                                                                                            \
        X("server_name", SERVER_NAME)                                                                                  \
        X("next_protocol", NEXT_PROTOCOL)                                                                              \
        X("ja4", JA4)                                                                                                  \
        X("command", COMMAND)                                                                                          \
        X("value", VALUE)                                                                                              \
        X("addl", ADDL)                                                                                                \
        X("nick", NICK)                                                                                                \
        X("dcc_file_name", DCC_FILE_NAME)                                                                              \
        X("dcc_file_size", DCC_FILE_SIZE)                                                                              \
        X("trans_depth", TRANS_DEPTH)                                                                                  \
        X("helo", HELO)                                                                                                \
        X("mailfrom", MAILFROM)                                                                                        \
        X("rcptto", RCPTTO)                                                                                            \
        X("date", DATE)                                                                                                \
        X("from", FROM)                                                                                                \
        X("subject", SUBJECT)                                                                                          \
        X("msg_id", MSG_ID)                                                                                            \
        X("last_reply", LAST_REPLY)                                                                                    \
        X("tls", TLS)

enum zeek_field {
#define X(name, id) ZEEK_##id,
        ZEEK_FIELDS(X)
#undef X
                ZEEK_FIELD_COUNT,
        ZEEK_NO_FIELD = 255,
};

#define ZEEK_COLUMNS_MAX 256   /* of a line; Zeek's widest log has about 60 */
#define ZEEK_SCRATCH     16384 /* bytes of a line's values that had to be rewritten */
#define ZEEK_MARK_MAX    16
#define ZEEK_ADDRS_MAX   64  /* addresses of a DNS answer that are told */
#define ZEEK_RCPTS_MAX   128 /* recipients of a mail that are told */

enum zeek_path {
        ZEEK_PATH_UNKNOWN, /* JSON without a word about it */
        ZEEK_CONN,
        ZEEK_DNS,
        ZEEK_HTTP,
        ZEEK_SSL,
        ZEEK_IRC,
        ZEEK_SMTP,
        ZEEK_PATH_OTHER, /* not used */
        ZEEK_PATHS,
};

/* A value. Of JSON: the text inside the quotes, or all of an array. */
struct zeek_value {
        struct slice raw; /* p NULL: unset or not there */
        bool array;       /* of JSON: raw begins with '[' */
};

struct zeek {
        /* Of the file. */
        uint64_t missed_bytes, unread; /* unread: flows with packets whose checksums are wrong */
        uint64_t seen[ZEEK_PATHS];     /* bits: fields that were there */
        uint64_t of_path[ZEEK_PATHS];
        uint8_t path;
        bool has_index;
        uint8_t index[128], next[ZEEK_FIELD_COUNT]; /* fields by a hash of their name, plus one */
        /* Of the header. */
        bool has_fields;
        char separator, set_separator;
        char empty[ZEEK_MARK_MAX], unset[ZEEK_MARK_MAX];
        uint16_t n_columns;
        uint8_t column[ZEEK_COLUMNS_MAX];
        /* Of the line. */
        bool json, cut; /* cut: something did not fit into the scratch */
        nsec_t time;
        struct log_talk talk;
        struct zeek_value value[ZEEK_FIELD_COUNT];
        struct addr addrs[ZEEK_ADDRS_MAX];
        uint32_t scratch_used;
        char scratch[ZEEK_SCRATCH];
};

static_assert(ZEEK_FIELD_COUNT <= 64, "a bit for each");

enum zeek_field log_zeek_field(struct zeek *z, struct slice name);
/* A line of tab-separated values (also the header's) or of JSON into z->value. 1: a record; 0: no record; -EBADMSG. */
int log_zeek_tsv(struct zeek *z, struct slice line);
int log_zeek_json(struct zeek *z, struct slice line);

/* A value as text without escapes; p NULL: unset. May lie in the scratch. */
struct slice log_zeek_text(struct zeek *z, enum zeek_field field);
bool log_zeek_true(const struct zeek *z, enum zeek_field field);
/* A count; `none` when it is unset or no count. */
uint64_t log_zeek_count(const struct zeek *z, enum zeek_field field, uint64_t none);
/* Elements of a set or vector: begins with *rest = z->value[...]; false: no more. The text may lie in the scratch. */
bool log_zeek_element(struct zeek *z, struct zeek_value *rest, struct slice *ret);
/* The next element of a JSON array as it stands; part of log_zeek_element(). */
bool log_zeek_json_element(struct slice *rest, struct slice *ret);
/* Room in the scratch for `len` bytes and more after it; NULL: none. */
char *log_zeek_room(struct zeek *z, uint32_t len);

/* The events of a record, whose time and ends are in z. */
int log_zeek_conn(struct zeek *z, const struct log_out *out);
int log_zeek_dns(struct zeek *z, const struct log_out *out);
int log_zeek_http(struct zeek *z, const struct log_out *out);
int log_zeek_ssl(struct zeek *z, const struct log_out *out);
int log_zeek_irc(struct zeek *z, const struct log_out *out);
int log_zeek_smtp(struct zeek *z, const struct log_out *out);

#endif
