/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of events, as printed in JSON and for people. */
#include "model/event.h"

#include <netinet/in.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "model/evidence.h"
#include "model/gate.h"

static const char *const type_names[EVENT_TYPES] = {"none", "process", "socket", "flow",  "gap",      "dns",
                                                    "irc",  "smtp",    "http",   "tls",   "ftp",      "proxy",
                                                    "file", "rate",    "gate",   "alert", "complaint"};
static const char *const process_ops[] = {"fork", "exec", "exit", "present"};
static const char *const flow_ops[] = {"start", "update", "push", "end"};
static const char *const socket_ops[] = {"listen", "raw", "packet", "xdp", "forged", "close"};
static const char *const dns_ops[] = {"query", "answer"};
static const char *const irc_ops[] = {"line"};
static const char *const smtp_ops[] = {"banner",   "helo",     "mail",     "rcpt", "data",
                                       "accepted", "rejected", "starttls", "auth"};
static const char *const http_ops[] = {"request", "response"};
static const char *const tls_ops[] = {"client_hello", "server_hello"};
static const char *const ftp_ops[] = {"command", "reply"};
static const char *const proxy_ops[] = {"request", "reply"};
static const char *const file_ops[] = {"seen"};
static const char *const rate_ops[] = {"second"};
static const char *const alert_ops[] = {"matched"};
static const char *const alert_actions[] = {"allowed", "blocked"};
static const char *const alert_targets[] = {"none", "sender", "receiver"};
static const char *const apps[APPS] = {
        [APP_UNKNOWN] = "unknown",
        [APP_DNS] = "dns",
        [APP_IRC] = "irc",
        [APP_SMTP] = "smtp",
        [APP_HTTP] = "http",
        [APP_TLS] = "tls",
        [APP_FTP] = "ftp",
        [APP_FTP_DATA] = "ftp-data",
        [APP_SOCKS] = "socks",
        [APP_TFTP] = "tftp",
        [APP_CONNECT] = "connect",
        [APP_SSH] = "ssh",
        [APP_POP3] = "pop3",
        [APP_IMAP] = "imap",
        [APP_NTP] = "ntp",
        [APP_DHCP] = "dhcp",
        [APP_QUIC] = "quic",
        [APP_RTP] = "rtp",
        [APP_BITTORRENT] = "bittorrent",
        [APP_SIP] = "sip",
        [APP_MDNS] = "mdns",
        [APP_SMB] = "smb",
        [APP_RDP] = "rdp",
        [APP_SNMP] = "snmp",
        [APP_FILE] = "file",
};
static const struct {
        const char *name, *title;
} file_kinds[FILE_KINDS] = {
        [FILE_UNKNOWN] = {"unknown", "a file of unknown kind"},
        [FILE_PE] = {"pe", "a Windows program"},
        [FILE_ELF] = {"elf", "a Linux program"},
        [FILE_MACHO] = {"macho", "a macOS program"},
        [FILE_DEX] = {"dex", "an Android program"},
        [FILE_SCRIPT] = {"script", "a script"},
        [FILE_ARCHIVE] = {"archive", "an archive"},
        [FILE_JAR] = {"jar", "a Java or Android package"},
        [FILE_DOCUMENT] = {"document", "a document"},
        [FILE_IMAGE] = {"image", "an image"},
        [FILE_TEXT] = {"text", "text"},
        [FILE_MEDIA] = {"media", "sound or film"},
};
static const char *const file_hows[] = {"http", "ftp", "tftp", "raw"};
static const char *const proxy_kinds[] = {"socks4", "socks5", "connect"};
static const char *const origins[] = {"unknown", "originated", "accepted"};
static const char *const states[] = {"new", "established", "closed", "failed"};
static const struct {
        const char *name, *title;
} gap_reasons[GAP_REASONS] = {
        [GAP_RING_FULL] = {"ring_full", "the kernel's event ring was full"},
        [GAP_TABLE_FULL] = {"table_full", "a table was full and dropped entries that were still in use"},
        [GAP_NO_PEER] = {"no_peer", "traffic whose peer could not be read"},
        [GAP_NO_TASK] = {"no_task", "traffic that no process was found for"},
        [GAP_NO_CONTENT] = {"no_content", "packets whose content cannot be seen on this kernel"},
        [GAP_BAD_MESSAGE] = {"bad_message", "a malformed record was dropped"},
        [GAP_CAPTURE_DROP] = {"capture_drop", "the capture dropped packets"},
        [GAP_RESTART] = {"restart", "nothing was watched before this start"},
        [GAP_CLOCK] = {"clock", "the wall clock was set"},
        [GAP_NO_RIGHT] = {"no_right", "not visible with these rights"},
        [GAP_BAD_PACKET] = {"bad_packet", "packets whose headers are cut short or do not hold together"},
        [GAP_NOT_IN_LOG] = {"not_in_log", "this log cannot say it"},
        [GAP_BAD_LINE] = {"bad_line", "lines of a log that could not be read"},
        [GAP_STREAM] = {"stream", "bytes of TCP streams that were not captured or exceeded a limit"},
        [GAP_FRAGMENT] = {"fragment", "fragments that never became a whole packet"},
};

#define NAME_OF(table, i) ((i) < ELEMENTSOF(table) && (table)[i] ? (table)[i] : "?")

const char *event_type_name(unsigned type)
{
        return NAME_OF(type_names, type);
}

const char *event_op_name(unsigned type, unsigned op)
{
        switch (type) {
        case EVENT_PROCESS:
                return NAME_OF(process_ops, op);
        case EVENT_FLOW:
                return NAME_OF(flow_ops, op);
        case EVENT_SOCKET:
                return NAME_OF(socket_ops, op);
        case EVENT_GAP:
                return "lost";
        case EVENT_DNS:
                return NAME_OF(dns_ops, op);
        case EVENT_IRC:
                return NAME_OF(irc_ops, op);
        case EVENT_SMTP:
                return NAME_OF(smtp_ops, op);
        case EVENT_HTTP:
                return NAME_OF(http_ops, op);
        case EVENT_TLS:
                return NAME_OF(tls_ops, op);
        case EVENT_FTP:
                return NAME_OF(ftp_ops, op);
        case EVENT_PROXY:
                return NAME_OF(proxy_ops, op);
        case EVENT_FILE:
                return NAME_OF(file_ops, op);
        case EVENT_RATE:
                return NAME_OF(rate_ops, op);
        case EVENT_GATE:
                return gate_try_name(op);
        case EVENT_ALERT:
                return NAME_OF(alert_ops, op);
        case EVENT_COMPLAINT:
                return op == COMPLAINT_CAME ? "came" : "?";
        default:
                return "?";
        }
}

const char *flow_origin_name(unsigned origin)
{
        return NAME_OF(origins, origin);
}

const char *flow_state_name(unsigned state)
{
        return NAME_OF(states, state);
}

const char *gap_reason_name(unsigned reason)
{
        return reason < GAP_REASONS ? gap_reasons[reason].name : "?";
}

const char *gap_reason_title(unsigned reason)
{
        return reason < GAP_REASONS ? gap_reasons[reason].title : "?";
}

const char *proto_name(unsigned proto, char spare[static 8])
{
        switch (proto) {
        case IPPROTO_TCP:
                return "TCP";
        case IPPROTO_UDP:
                return "UDP";
        case IPPROTO_ICMP:
                return "ICMP";
        case IPPROTO_ICMPV6:
                return "ICMPv6";
        case IPPROTO_SCTP:
                return "SCTP";
        case PROTO_ARP:
                return "ARP";
        default:
                snprintf(spare, 8, "%u", proto & 0xff);
                return spare;
        }
}

const char *app_name(unsigned app)
{
        return NAME_OF(apps, app);
}

const char *alert_action_name(unsigned action)
{
        return NAME_OF(alert_actions, action);
}

const char *alert_stage_name(unsigned stage)
{
        return stage ? stage_name(stage - 1) : "none";
}

const char *alert_target_name(unsigned target)
{
        return NAME_OF(alert_targets, target);
}

const char *file_kind_name(unsigned kind)
{
        return kind < FILE_KINDS ? file_kinds[kind].name : "?";
}

const char *file_kind_title(unsigned kind)
{
        return kind < FILE_KINDS ? file_kinds[kind].title : "?";
}

const char *file_how_name(unsigned how)
{
        return NAME_OF(file_hows, how);
}

const char *proxy_kind_name(unsigned kind)
{
        return NAME_OF(proxy_kinds, kind);
}
