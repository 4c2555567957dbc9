/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of event fields in JSON. Used by the engine (EVE file) and the command line. */
#include "view/json_fields.h"

#include "base/cleanup.h"
#include "model/evidence.h"
#include "model/gate.h"
#include "source/source.h"

static const char *const process_flags[] = {"thread",       "kernel",         "io_worker",    "sqpoll",
                                            "clone_parent", "session_leader", "creator_guess"};
static const char *const flow_flags[] = {"inherited", "present", "raw",          "packet",    "xdp",
                                         "sampled",   "no_peer", "thread_guess", "midstream", "one_sided",
                                         "text",      "random",  "both_home"};
static const char *const ends_flags[] = {"both_home", "cut", "no_home"};
static const char *const dns_flags[] = {"aa", "tc", "rd", "ra"}; /* RFC 1035 4.1.1 */
/* IANA: DNS resource record types and response codes, TLS versions, as Suricata names them. */
static const struct json_name dns_types[] = {
        {"A", 1},      {"NS", 2},     {"CNAME", 5},  {"SOA", 6},     {"NULL", 10},  {"WKS", 11},   {"PTR", 12},
        {"HINFO", 13}, {"MX", 15},    {"TXT", 16},   {"RP", 17},     {"SIG", 24},   {"KEY", 25},   {"AAAA", 28},
        {"LOC", 29},   {"SRV", 33},   {"NAPTR", 35}, {"CERT", 37},   {"DNAME", 39}, {"OPT", 41},   {"DS", 43},
        {"SSHFP", 44}, {"RRSIG", 46}, {"NSEC", 47},  {"DNSKEY", 48}, {"NSEC3", 50}, {"TLSA", 52},  {"SVCB", 64},
        {"HTTPS", 65}, {"SPF", 99},   {"TKEY", 249}, {"TSIG", 250},  {"IXFR", 251}, {"AXFR", 252}, {"MAILB", 253},
        {"ANY", 255},  {"URI", 256},  {"CAA", 257},  {NULL, 0},
};
static const struct json_name dns_rcodes[] = {
        {"NOERROR", 0},  {"FORMERR", 1}, {"SERVFAIL", 2}, {"NXDOMAIN", 3}, {"NOTIMP", 4},   {"REFUSED", 5},
        {"YXDOMAIN", 6}, {"YXRRSET", 7}, {"NXRRSET", 8},  {"NOTAUTH", 9},  {"NOTZONE", 10}, {NULL, 0},
};
static const struct json_name tls_versions[] = {
        {"SSLv3", 0x300}, {"TLSv1", 0x301}, {"TLS 1.1", 0x302}, {"TLS 1.2", 0x303}, {"TLS 1.3", 0x304}, {NULL, 0},
};

#define FIELD(type, field, k)                                                                                          \
        {                                                                                                              \
                .name = #field, .kind = (k), .offset = offsetof(struct event, type.field)                              \
        }
#define NEEDED(type, field, k)                                                                                         \
        {                                                                                                              \
                .name = #field, .kind = (k), .offset = offsetof(struct event, type.field), .required = true            \
        }

/* The same, where EVE has a name of its own. */
#define CALLED(eve, type, field, k)                                                                                    \
        {                                                                                                              \
                .name = (eve), .kind = (k), .offset = offsetof(struct event, type.field)                               \
        }
/* With its length or number in another field. */
#define COUNTED(eve, type, field, k, l)                                                                                \
        {                                                                                                              \
                .name = (eve), .kind = (k), .offset = offsetof(struct event, type.field),                              \
                .length = offsetof(struct event, type.l)                                                               \
        }
#define NAMED(eve, type, field, k, list)                                                                               \
        {                                                                                                              \
                .name = (eve), .kind = (k), .offset = offsetof(struct event, type.field), .numbers = (list)            \
        }
#define FLAGS(type, k, list)                                                                                           \
        {                                                                                                              \
                .name = "flags", .kind = (k), .offset = offsetof(struct event, type.flags), .names = (list),           \
                .n = ELEMENTSOF(list)                                                                                  \
        }
#define ENUM(type, field, function, count)                                                                             \
        {                                                                                                              \
                .name = #field, .kind = JSON_ENUM, .offset = offsetof(struct event, type.field),                       \
                .name_of = (function), .n = (count)                                                                    \
        }
/* struct ends, first in every event that tells content. */
#define ENDS                                                                                                           \
        FIELD(ends, flow_id, JSON_U64), NEEDED(ends, local, JSON_ADDRESS), FIELD(ends, local_port, JSON_U16),          \
                NEEDED(ends, remote, JSON_ADDRESS), FIELD(ends, remote_port, JSON_U16), NEEDED(ends, proto, JSON_U8),  \
                ENUM(ends, origin, flow_origin_name, FLOW_ACCEPTED + 1), FIELD(ends, from_local, JSON_BOOL),           \
        {                                                                                                              \
                .name = "ends_flags", .kind = JSON_FLAGS8, .offset = offsetof(struct event, ends.flags),               \
                .names = ends_flags, .n = ELEMENTSOF(ends_flags)                                                       \
        }

static const struct json_field process_fields[] = {
        NEEDED(process, task, JSON_TASK),   FIELD(process, creator, JSON_TASK),
        FIELD(process, exe_ino, JSON_U64),  FIELD(process, exe_dev, JSON_U32),
        FIELD(process, cgroup, JSON_U64),   FIELD(process, uid, JSON_U32),
        FIELD(process, loginuid, JSON_U32), FIELD(process, session, JSON_U32),
        FIELD(process, netns, JSON_U32),    FIELD(process, tty, JSON_U32),
        FIELD(process, pidns, JSON_U32),    FLAGS(process, JSON_FLAGS32, process_flags),
        FIELD(process, text, JSON_TEXT),    {0},
};

static const struct json_field flow_fields[] = {
        FIELD(flow, task, JSON_TASK),
        FIELD(flow, flow_id, JSON_U64),
        NEEDED(flow, local, JSON_ADDRESS),
        FIELD(flow, local_port, JSON_U16),
        NEEDED(flow, remote, JSON_ADDRESS),
        FIELD(flow, remote_port, JSON_U16),
        NEEDED(flow, proto, JSON_U8),
        FIELD(flow, netns, JSON_U32),
        FIELD(flow, bytes_out, JSON_U64),
        FIELD(flow, bytes_in, JSON_U64),
        FIELD(flow, pkts_out, JSON_U32),
        FIELD(flow, pkts_in, JSON_U32),
        ENUM(flow, origin, flow_origin_name, FLOW_ACCEPTED + 1),
        ENUM(flow, state, flow_state_name, FLOW_STATE_FAILED + 1),
        FLAGS(flow, JSON_FLAGS16, flow_flags),
        ENUM(flow, app, app_name, APPS),
        FIELD(flow, tcp, JSON_U16),
        {.name = "since_ns", .kind = JSON_TIME, .offset = offsetof(struct event, flow.since)},
        {0},
};

static const struct json_field socket_fields[] = {
        NEEDED(socket, task, JSON_TASK),     FIELD(socket, socket_id, JSON_U64),
        FIELD(socket, local, JSON_ADDRESS),  FIELD(socket, local_port, JSON_U16),
        FIELD(socket, remote, JSON_ADDRESS), FIELD(socket, remote_port, JSON_U16),
        FIELD(socket, proto, JSON_U8),       FIELD(socket, netns, JSON_U32),
        FIELD(socket, ifindex, JSON_U32),    FIELD(socket, family, JSON_U16),
        FIELD(socket, bypass, JSON_BOOL),    FIELD(socket, count, JSON_U32),
        FIELD(socket, ethertype, JSON_U32),  {0},
};

static const struct json_field gap_fields[] = {
        {.name = "reason",
         .kind = JSON_ENUM,
         .offset = offsetof(struct event, gap.reason),
         .required = true,
         .name_of = gap_reason_name,
         .n = GAP_REASONS},
        FIELD(gap, lost, JSON_U64),
        FIELD(gap, task, JSON_TASK),
        FIELD(gap, text, JSON_TEXT),
        {0},
};

static const struct json_field dns_fields[] = {
        ENDS,
        CALLED("rrname", dns, name, JSON_SLICE),
        NAMED("rrtype", dns, qtype, JSON_NAMED16, dns_types),
        FIELD(dns, id, JSON_U16),
        NAMED("rcode", dns, rcode, JSON_NAMED8, dns_rcodes),
        FLAGS(dns, JSON_FLAGS8, dns_flags),
        FIELD(dns, size, JSON_U16),
        CALLED("answer_count", dns, answers, JSON_U16),
        FIELD(dns, ttl, JSON_U32),
        COUNTED("addresses", dns, addrs, JSON_LIST, n_addrs),
        {0},
};

static const struct json_field irc_fields[] = {
        ENDS,
        FIELD(irc, from_client, JSON_BOOL),
        FIELD(irc, text, JSON_SLICE),
        {0},
};

static const char *const smtp_texts[] = {[SMTP_HELO] = "helo", [SMTP_MAIL] = "mail_from", [SMTP_RCPT] = "rcpt_to"};
static const struct json_field smtp_fields[] = {
        ENDS,
        FIELD(smtp, code, JSON_U16),
        FIELD(smtp, bytes, JSON_U64),
        {.name = "text",
         .kind = JSON_SLICE,
         .offset = offsetof(struct event, smtp.text),
         .by_op = smtp_texts,
         .n_by_op = ELEMENTSOF(smtp_texts)},
        {0},
};

static const struct json_field http_fields[] = {
        ENDS,
        COUNTED("hostname", http, host, JSON_BYTES16, host_len),
        COUNTED("url", http, uri, JSON_BYTES16, uri_len),
        COUNTED("http_user_agent", http, agent, JSON_BYTES16, agent_len),
        COUNTED("http_content_type", http, type, JSON_BYTES16, type_len),
        COUNTED("http_method", http, method, JSON_BYTES8, method_len),
        FIELD(http, status, JSON_U16),
        FIELD(http, length, JSON_SIZE),
        {0},
};

static const struct json_field tls_fields[] = {
        ENDS,
        FIELD(tls, sni, JSON_SLICE),
        NAMED("version", tls, version, JSON_NAMED16, tls_versions),
        FIELD(tls, ja4, JSON_TEXT),
        COUNTED("alpn", tls, alpn, JSON_BYTES8, alpn_len),
        FIELD(tls, cipher, JSON_U16),
        {0},
};

static const struct json_field ftp_fields[] = {
        ENDS,
        FIELD(ftp, code, JSON_U16),
        FIELD(ftp, text, JSON_SLICE),
        {0},
};

static const struct json_field proxy_fields[] = {
        ENDS,
        ENUM(proxy, kind, proxy_kind_name, PROXY_HTTP_CONNECT + 1),
        FIELD(proxy, target, JSON_ADDRESS),
        FIELD(proxy, name, JSON_SLICE),
        FIELD(proxy, target_port, JSON_U16),
        FIELD(proxy, granted, JSON_BOOL),
        {0},
};

static const struct json_field file_fields[] = {
        ENDS,
        CALLED("filename", file, name, JSON_SLICE),
        CALLED("hostname", file, host, JSON_SLICE),
        COUNTED("http_content_type", file, type, JSON_BYTES16, type_len),
        FIELD(file, size, JSON_SIZE),
        ENUM(file, kind, file_kind_name, FILE_KINDS),
        ENUM(file, how, file_how_name, FILE_HOWS),
        {0},
};

static const struct json_field rate_fields[] = {
        NEEDED(rate, local, JSON_ADDRESS),
        NEEDED(rate, target, JSON_ADDRESS),
        FIELD(rate, target_port, JSON_U16),
        FIELD(rate, target_proto, JSON_U8),
        FIELD(rate, target_pkts, JSON_U32),
        FIELD(rate, bytes_out, JSON_U64),
        FIELD(rate, bytes_in, JSON_U64),
        FIELD(rate, pkts_out, JSON_U32),
        FIELD(rate, pkts_in, JSON_U32),
        FIELD(rate, syn_out, JSON_U32),
        FIELD(rate, udp_out, JSON_U32),
        FIELD(rate, icmp_out, JSON_U32),
        FIELD(rate, synack_in, JSON_U32),
        FIELD(rate, rst_in, JSON_U32),
        FIELD(rate, http_out, JSON_U32),
        FIELD(rate, peers_out, JSON_U32),
        {0},
};

static const struct json_field gate_fields[] = {
        FIELD(gate, task, JSON_TASK),
        CALLED("program", gate, comm, JSON_TEXT),
        FIELD(gate, asker, JSON_TASK),
        FIELD(gate, remote, JSON_ADDRESS),
        CALLED("remote_port", gate, port, JSON_U16),
        FIELD(gate, proto, JSON_U8),
        ENUM(gate, reason, gate_why_name, GATE_WHYS),
        FIELD(gate, denied, JSON_BOOL),
        FIELD(gate, learn, JSON_BOOL),
        FIELD(gate, count, JSON_U32),
        FIELD(gate, uid, JSON_U32),
        FIELD(gate, exe_dev, JSON_U32),
        FIELD(gate, exe_ino, JSON_U64),
        {.name = "kinds",
         .kind = JSON_FLAGS32,
         .offset = offsetof(struct event, gate.kinds),
         .names = gate_is_names,
         .n = GATE_IS_COUNT},
        FIELD(gate, text, JSON_TEXT),
        {0},
};

static const struct json_field complaint_fields[] = {
        NEEDED(complaint, local, JSON_ADDRESS),
        FIELD(complaint, relay, JSON_ADDRESS),
        CALLED("complainant", complaint, text, JSON_TEXT),
        CALLED("said", complaint, what, JSON_TEXT),
        FIELD(complaint, came, JSON_TIME),
        FIELD(complaint, incidents, JSON_U32),
        CALLED("local_port", complaint, port, JSON_U16),
        ENUM(complaint, about, complaint_about_name, COMPLAINT_ABOUTS),
        ENUM(complaint, trust, complaint_trust_name, COMPLAINT_TRUSTS),
        {0},
};

static const struct json_field alert_fields[] = {
        ENUM(alert, action, alert_action_name, ALERT_BLOCKED + 1),
        FIELD(alert, gid, JSON_U32),
        CALLED("signature_id", alert, sid, JSON_U32),
        FIELD(alert, rev, JSON_U32),
        CALLED("signature", alert, msg, JSON_SLICE),
        FIELD(alert, category, JSON_TEXT),
        FIELD(alert, severity, JSON_U8),
        FIELD(alert, count, JSON_U32),
        ENUM(alert, stage, alert_stage_name, STAGES + 1),
        FIELD(alert, weight, JSON_U16),
        ENUM(alert, target, alert_target_name, ALERT_TARGET_RECEIVER + 1),
        ENUM(alert, app, app_name, APPS),
        FIELD(alert, packet, JSON_U64),
        ENDS,
        {0},
};

const struct json_field json_task_fields[] = {
        {.name = "pid", .kind = JSON_U32, .offset = offsetof(struct task, pid)},
        {.name = "tid", .kind = JSON_U32, .offset = offsetof(struct task, tid)},
        {.name = "start", .kind = JSON_U64, .offset = offsetof(struct task, start)},
        {.name = "leader_start", .kind = JSON_U64, .offset = offsetof(struct task, leader_start)},
        {0},
};

const struct json_field *const json_fields[EVENT_TYPES] = {
        [EVENT_PROCESS] = process_fields, [EVENT_SOCKET] = socket_fields,
        [EVENT_FLOW] = flow_fields,       [EVENT_GAP] = gap_fields,
        [EVENT_DNS] = dns_fields,         [EVENT_IRC] = irc_fields,
        [EVENT_SMTP] = smtp_fields,       [EVENT_HTTP] = http_fields,
        [EVENT_TLS] = tls_fields,         [EVENT_FTP] = ftp_fields,
        [EVENT_PROXY] = proxy_fields,     [EVENT_FILE] = file_fields,
        [EVENT_RATE] = rate_fields,       [EVENT_GATE] = gate_fields,
        [EVENT_ALERT] = alert_fields,     [EVENT_COMPLAINT] = complaint_fields,
};

const char *const json_derived[] = {
        "type",  "pkts_toserver", "pkts_toclient", "bytes_toserver", "bytes_toclient",
        "start", "age",           "action",        "metadata",       NULL,
};

const char *json_name_by_op(const struct json_field *f, const struct event *e)
{
        return f->by_op && e->op < f->n_by_op && f->by_op[e->op] ? f->by_op[e->op] : f->name;
}

const char *const json_sources[] = {
#define SOURCE(name) #name,
#include "source/sources.def"
#undef SOURCE
        [EVENT_SOURCE_PACKETS] = "packets",
        [EVENT_SOURCE_LOG] = "log",
        [EVENT_SOURCE_GATE] = "gate",
};
const unsigned json_n_sources = ELEMENTSOF(json_sources);
