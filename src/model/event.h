/* SPDX-License-Identifier: GPL-3.0-or-later */
/* event: something that happened, in one language for all sources. Typed structs of at most 128 bytes without heap.
 * Pointers in an event are slices of the source's memory, valid only during the call that delivers it. */
#ifndef SEKIMORI_MODEL_EVENT_H
#define SEKIMORI_MODEL_EVENT_H

#include <assert.h>
#include <stdint.h>

#include "model/complaint.h"

struct rule;
enum event_type {
        EVENT_NONE,
        EVENT_PROCESS,   /* a process or thread began, changed its program, or ended */
        EVENT_SOCKET,    /* a socket that is no flow: listening, raw, packet, XDP; a forged source */
        EVENT_FLOW,      /* two endpoints talk */
        EVENT_GAP,       /* a source lost something */
        EVENT_DNS,       /* a DNS message */
        EVENT_IRC,       /* a line of IRC */
        EVENT_SMTP,      /* a step of a mail dialog */
        EVENT_HTTP,      /* an HTTP request or response */
        EVENT_TLS,       /* a TLS hello */
        EVENT_FTP,       /* an FTP command or reply */
        EVENT_PROXY,     /* somebody asks a proxy (SOCKS, CONNECT) for a connection */
        EVENT_FILE,      /* a file was transferred */
        EVENT_RATE,      /* what a home host sent and got in one second */
        EVENT_GATE,      /* the mail gate decided something */
        EVENT_ALERT,     /* a signature matched */
        EVENT_COMPLAINT, /* model/complaint.h */
        EVENT_TYPES,
};

/* What a flow speaks, by its content and not by its port. */
enum app {
        APP_UNKNOWN, /* nothing said yet, or nothing known */
        APP_DNS,
        APP_IRC,
        APP_SMTP,
        APP_HTTP,
        APP_TLS,
        APP_FTP,
        APP_FTP_DATA,
        APP_SOCKS,
        APP_CONNECT, /* HTTP CONNECT: a tunnel through a proxy */
        APP_TFTP,
        APP_SSH,
        APP_POP3,
        APP_IMAP,
        APP_NTP,
        APP_DHCP,
        APP_BITTORRENT,
        APP_QUIC,
        APP_RTP,
        APP_SIP,
        APP_MDNS, /* also LLMNR, NetBIOS names, SSDP: discovery on the local network */
        APP_SMB,
        APP_RDP,
        APP_SNMP,
        APP_FILE, /* nothing but a file: a flow that begins with a program, DCC SEND */
        APPS,
};

/* No IP protocol (RFC 3692 keeps the number for experiments): a flow event with it is an ARP request; `remote` is the
 * address asked for, FAILED when nobody answered. */
#define PROTO_ARP 254

/* A thread, named so that reuse of its number changes nothing: start times are nanoseconds since boot
 * (CLOCK_BOOTTIME, as task_struct.start_boottime). pid 0: not known. For a process's first thread tid == pid and
 * start == leader_start. The /proc back end knows only clock ticks, so times from two back ends do not compare. */
struct task {
        uint64_t start;        /* of the thread */
        uint64_t leader_start; /* of its process */
        uint32_t pid, tid;
};

enum process_op {
        PROCESS_FORK,    /* a process or (PROCESS_THREAD) a thread was created by `creator` */
        PROCESS_EXEC,    /* now runs another program; text = path as given to exec */
        PROCESS_EXIT,    /* ended */
        PROCESS_PRESENT, /* was there before the source started; creator is the parent as then known; text = path or
                            name */
};

enum process_flag {
        PROCESS_THREAD = 1 << 0,         /* shares its process with the creator */
        PROCESS_KERNEL = 1 << 1,         /* a kernel thread */
        PROCESS_IO_WORKER = 1 << 2,      /* io_uring worker: creator is the submitter */
        PROCESS_SQPOLL = 1 << 3,         /* io_uring SQPOLL thread: creator is the ring's creator */
        PROCESS_CLONE_PARENT = 1 << 4,   /* created with CLONE_PARENT: its parent is not its creator */
        PROCESS_SESSION_LEADER = 1 << 5, /* leads a terminal session (setsid) */
        PROCESS_CREATOR_GUESS = 1 << 6,  /* creator comes from /proc's parent, not from the creation itself */
};

struct process_event {
        struct task task, creator;
        uint64_t exe_ino; /* exec, present: the program's inode and device; 0: not known */
        uint64_t cgroup;  /* cgroup v2 id */
        uint32_t exe_dev; /* kernel's dev_t (major << 20 | minor) */
        uint32_t uid;
        uint32_t loginuid; /* audit login user; UINT32_MAX: not set */
        uint32_t session;  /* audit session; UINT32_MAX: not set */
        uint32_t netns;    /* inode of the network namespace */
        uint32_t tty;      /* controlling terminal's dev_t; 0: none */
        uint32_t flags;    /* enum process_flag */
        uint32_t pidns;    /* inode of the pid namespace; a container differs from init's */
        const char *text;  /* slice; may be NULL. fork: name (comm) */
};

enum flow_op {
        FLOW_START,  /* first event of this flow by this task: SYN sent or accepted, first datagram, first own use */
        FLOW_UPDATE, /* tenfold volume or 30 s since the last event, or a change of state */
        FLOW_PUSH,   /* bytes arrived after a silence of at least a second in both directions: the peer spoke first */
        FLOW_END,    /* closed; totals are final */
};

enum flow_origin {
        FLOW_ORIGIN_UNKNOWN,
        FLOW_ORIGINATED, /* this side sent the first packet */
        FLOW_ACCEPTED,   /* the peer did */
};

enum flow_state {
        FLOW_STATE_NEW,         /* asked, no answer yet */
        FLOW_STATE_ESTABLISHED, /* both sides were heard */
        FLOW_STATE_CLOSED,      /* ended in order */
        FLOW_STATE_FAILED,      /* refused, reset before it was established, or no answer */
};

enum flow_flag {
        FLOW_INHERITED =
                1 << 0, /* the task's process did not open this socket: it came by fork or by descriptor passing */
        FLOW_PRESENT = 1 << 1,      /* was there before the source started */
        FLOW_RAW = 1 << 2,          /* through a raw IP socket */
        FLOW_PACKET = 1 << 3,       /* through AF_PACKET */
        FLOW_XDP = 1 << 4,          /* through AF_XDP */
        FLOW_SAMPLED = 1 << 5,      /* one socket had too many peers to list each: pkts_out counts the unlisted too */
        FLOW_NO_PEER = 1 << 6,      /* the remote endpoint is not known; the reason is counted by the source */
        FLOW_THREAD_GUESS = 1 << 7, /* the thread is not known: tid is the process's first thread */
        FLOW_MIDSTREAM = 1 << 8,    /* packets: the beginning was not seen; origin is a guess */
        FLOW_ONE_SIDED = 1 << 9,    /* packets: only one direction reached the capture */
        FLOW_TEXT = 1 << 10,        /* packets: the first payload is text */
        FLOW_RANDOM = 1 << 11,      /* packets: the first payload has the entropy of compressed or encrypted data */
        FLOW_BOTH_HOME = 1 << 12,   /* both ends are home hosts: each of them gets its own event, seen from its side */
};

/* TCP flags a direction has shown (struct flow_event.tcp: out in the low byte, in in the high byte), as in the header.
 */
enum {
        TCP_SEEN_FIN = 1,
        TCP_SEEN_SYN = 2,
        TCP_SEEN_RST = 4,
        TCP_SEEN_PUSH = 8,
        TCP_SEEN_ACK = 16,
        TCP_SEEN_URG = 32,
};

struct flow_event {
        struct task task; /* who opened it (START), sent or received (others); END: who opened it */
        uint64_t flow_id; /* of the socket and peer; unique while the source runs */
        struct addr local, remote;
        uint16_t local_port, remote_port; /* host order; ICMP: type and code of the first packet, in local_port */
        uint32_t netns;
        uint64_t bytes_out, bytes_in; /* payload totals of the flow so far, all tasks */
        uint32_t pkts_out, pkts_in;   /* packets or datagrams so far, as the source can tell */
        uint8_t proto;                /* IPPROTO_*; MPTCP says TCP */
        uint8_t origin;               /* enum flow_origin: of the socket, whoever uses it */
        uint8_t state;                /* enum flow_state */
        uint8_t app;                  /* enum app, as far as known */
        uint16_t flags;               /* enum flow_flag */
        uint16_t tcp;                 /* TCP_SEEN_*; packets and logs only */
        nsec_t since;                 /* first packet */
};

enum socket_op {
        SOCKET_LISTEN, /* listens on local:local_port */
        SOCKET_RAW,    /* a raw IP socket is in use */
        SOCKET_PACKET, /* an AF_PACKET socket is in use */
        SOCKET_XDP,    /* an AF_XDP socket is in use */
        SOCKET_FORGED, /* a packet left with source `local`, which is no address of its network namespace, for `remote`
                        */
        SOCKET_CLOSE,  /* one of the above ended */
};

struct socket_event {
        struct task task;
        uint64_t socket_id;
        struct addr local, remote;
        uint16_t local_port, remote_port;
        uint32_t netns;
        uint32_t ifindex;
        uint16_t family; /* AF_* of the socket */
        uint8_t proto;   /* IPPROTO_* */
        uint8_t bypass;  /* AF_PACKET with PACKET_QDISC_BYPASS */
        uint32_t count;  /* FORGED: packets since the last such event */
        uint32_t ethertype;
};

enum gap_reason {
        GAP_RING_FULL,    /* the kernel's ring had no room: events lost, count is exact */
        GAP_TABLE_FULL,   /* a table of ours evicted entries that were still alive */
        GAP_NO_PEER,      /* traffic whose remote endpoint could not be read */
        GAP_NO_TASK,      /* traffic that no process could be found for */
        GAP_NO_CONTENT,   /* packets whose content cannot be seen on this kernel (AF_XDP) */
        GAP_BAD_MESSAGE,  /* a malformed message or record was dropped */
        GAP_CAPTURE_DROP, /* the capture socket dropped packets */
        GAP_RESTART,      /* nothing was seen between the last stored event and the start */
        GAP_CLOCK,        /* the wall clock was set; lost = size of the step in ms */
        GAP_NO_RIGHT,     /* a part of the machine is not visible with these rights */
        GAP_BAD_PACKET,   /* packets whose headers are cut short or lie; text says which */
        GAP_NOT_IN_LOG,   /* the log's format cannot say it; text says what */
        GAP_BAD_LINE,     /* lines of a log that could not be read */
        GAP_STREAM,       /* bytes of TCP streams that were not captured or exceeded a limit, so not decoded */
        GAP_FRAGMENT,     /* fragments that never became a packet */
        GAP_REASONS,
};

struct gap_event {
        uint64_t lost;    /* how many, as the reason says */
        uint8_t reason;   /* enum gap_reason */
        const char *text; /* slice: what in particular; may be NULL */
        struct task task; /* whose, where known */
};

/* The two ends of a flow, for events that tell its content. They come from packets and logs. `local` is the home host.
 */
struct ends {
        uint64_t flow_id;
        struct addr local, remote;
        uint16_t local_port, remote_port;
        uint8_t proto;
        uint8_t origin;     /* enum flow_origin: who opened the flow */
        uint8_t from_local; /* 1: the home host sent what the event tells */
        uint8_t flags;      /* enum ends_flag */
};

enum ends_flag {
        ENDS_BOTH_HOME = 1 << 0, /* as FLOW_BOTH_HOME */
        ENDS_CUT = 1 << 1,       /* something of the content was cut at a limit or not captured */
        ENDS_NO_HOME = 1 << 2,   /* alerts only: neither end is a home host; `local` is who sent what matched */
};

/* Outside bytes: no NUL at the end, valid only during the call; any byte may be in it. */
struct slice {
        const char *p; /* NULL: not there */
        uint32_t len;
};

enum dns_op { DNS_QUERY, DNS_ANSWER };

struct dns_event {
        struct ends ends;  /* from_local: the home host sent the message; a QUERY with from_local 0: it serves names */
        struct slice name; /* of the question, lower case, without the last dot; "" is the root */
        const struct addr *addrs; /* of A and AAAA answers; slice */
        uint32_t ttl;             /* least of the answers */
        uint16_t n_addrs;
        uint16_t qtype, id;
        uint16_t size;    /* bytes of the message */
        uint16_t answers; /* records in the answer section */
        uint8_t rcode;
        uint8_t flags; /* enum dns_flag */
};

enum dns_flag { DNS_AUTHORITATIVE = 1, DNS_TRUNCATED = 2, DNS_RECURSION_DESIRED = 4, DNS_RECURSION_AVAILABLE = 8 };

enum irc_op { IRC_LINE };
struct irc_event {
        struct ends ends;  /* from_local: the home host sent the line; origin says whether it is the client */
        struct slice text; /* the line without CR LF, at most 512 bytes; see decode/irc.h for its parts */
        uint8_t from_client;
};

enum smtp_op {
        SMTP_BANNER,   /* server: 220 and its text */
        SMTP_HELO,     /* client: HELO, EHLO; text = the name it gives */
        SMTP_MAIL,     /* client: MAIL FROM; text = address */
        SMTP_RCPT,     /* client: RCPT TO; text = address */
        SMTP_DATA,     /* client: the mail has been sent; bytes = its size */
        SMTP_ACCEPTED, /* server: took the mail */
        SMTP_REJECTED, /* server: 4xx, 5xx to HELO, MAIL, RCPT, DATA or the mail; code, text */
        SMTP_STARTTLS, /* what follows is encrypted */
        SMTP_AUTH,     /* client: authenticates; text = mechanism */
        SMTP_OPS,
};

struct smtp_event {
        struct ends ends; /* from_local: the home host said it; `origin` ORIGINATED: the home host is the client */
        struct slice text;
        uint64_t bytes;
        uint16_t code;
};

enum http_op { HTTP_REQUEST, HTTP_RESPONSE };

struct http_event {
        struct ends ends;
        const char *method, *uri, *host, *agent, *type; /* slices; method..agent of the request, in the response too */
        uint64_t length;                                /* of the body, as declared; UINT64_MAX: not said */
        uint16_t uri_len, host_len, agent_len, type_len;
        uint8_t method_len;
        uint8_t spare;
        uint16_t status; /* response */
};

enum tls_op { TLS_CLIENT_HELLO, TLS_SERVER_HELLO };

struct tls_event {
        struct ends ends;
        struct slice sni; /* client */
        const char *ja4;  /* client; NUL-terminated, 36 characters; NULL: none */
        const char *alpn; /* client: first offered; server: chosen. Slice */
        uint16_t version; /* 0x0303: TLS 1.2; client: highest offered */
        uint16_t cipher;  /* server: chosen */
        uint8_t alpn_len;
};

enum ftp_op { FTP_COMMAND, FTP_REPLY };

struct ftp_event {
        struct ends ends;
        struct slice text; /* the line; the argument of PASS is left out */
        uint16_t code;     /* reply */
};

enum proxy_op { PROXY_REQUEST, PROXY_REPLY };
enum proxy_kind { PROXY_SOCKS4, PROXY_SOCKS5, PROXY_HTTP_CONNECT };

struct proxy_event {
        struct ends ends;
        struct addr target; /* unspecified: only the name is known */
        struct slice name;  /* as asked for; may be empty */
        uint16_t target_port;
        uint8_t kind;    /* enum proxy_kind */
        uint8_t granted; /* REPLY */
};

enum file_op { FILE_SEEN }; /* enough of its beginning was seen to tell what it is */
enum file_kind {
        FILE_UNKNOWN,
        FILE_PE,       /* Windows program */
        FILE_ELF,      /* Linux program */
        FILE_MACHO,    /* macOS program */
        FILE_DEX,      /* Android program */
        FILE_SCRIPT,   /* begins with #!, or is PowerShell, VBS, batch as far as it can be told */
        FILE_ARCHIVE,  /* zip, gzip, rar, 7z, xz, cab, tar */
        FILE_JAR,      /* a zip that holds a Java or Android program */
        FILE_DOCUMENT, /* PDF, old and new office formats */
        FILE_IMAGE,
        FILE_TEXT,  /* HTML, XML, plain text */
        FILE_MEDIA, /* sound, film */
        FILE_KINDS,
};
enum file_how { FILE_HTTP, FILE_FTP, FILE_TFTP, FILE_RAW /* a flow that begins with a program */, FILE_HOWS };

struct file_event {
        struct ends ends;  /* from_local: the home host sends the file to somebody; else it receives it */
        struct slice name; /* as the protocol names it: the URI or path; empty: not known */
        struct slice host; /* HTTP: Host; empty: none */
        const char *type;  /* declared content type; slice, NULL: none */
        uint64_t size;     /* declared; UINT64_MAX: not said */
        uint16_t type_len;
        uint8_t kind; /* enum file_kind, by content */
        uint8_t how;  /* enum file_how */
};

enum rate_op { RATE_SECOND };

/* One home host in one whole second of engine time (ends at the event's time). Only hosts with at least RATE_LEAST
 * packets out in that second have one. */
#define RATE_LEAST 50
struct rate_event {
        struct addr local, target; /* target: the peer most packets went to */
        uint64_t bytes_out, bytes_in;
        uint32_t pkts_out, pkts_in;
        uint32_t target_pkts;                /* packets to `target`, at least */
        uint32_t syn_out, udp_out, icmp_out; /* packets: TCP SYN without ACK, UDP, ICMP of both families */
        uint32_t synack_in, rst_in;
        uint32_t http_out;    /* HTTP requests */
        uint32_t peers_out;   /* distinct peers, estimated */
        uint16_t target_port; /* of the newest packet to the target */
        uint8_t target_proto;
        uint8_t spare;
};

/* What a program tried at the mail gate, and what became of it; op: enum gate_try. Enums: model/gate.h. */
struct gate_event {
        struct task task;   /* who */
        struct task asker;  /* for whom, where known: the mail program of a submitter, else the creator */
        struct addr remote; /* unspecified: none */
        uint64_t exe_ino;   /* who's program */
        const char *text;   /* slice: of a hand-over: to whom; of tampering: with what; may be NULL */
        const char *comm;   /* slice: the name of the thread; may be NULL */
        uint32_t exe_dev, uid;
        uint32_t kinds; /* enum gate_is: what the program is to the gate */
        uint32_t count; /* this and those like it since the last such event */
        uint16_t port;
        uint8_t reason; /* enum gate_why */
        uint8_t denied; /* 1: refused */
        uint8_t learn;  /* 1: nothing is refused now */
        uint8_t proto;
};

enum alert_op { ALERT_MATCHED };
enum alert_target { ALERT_TARGET_NONE, ALERT_TARGET_SENDER, ALERT_TARGET_RECEIVER }; /* the victim, as the rule says */
enum alert_action { ALERT_ALLOWED, ALERT_BLOCKED /* by whoever told of it: this program only watches */ };

/* A rule matched, here or in a sensor whose log is read. There is one such event for a match, also between two home
 * hosts and between none: `local` is the home host, of two of them the one that sent what matched (ENDS_BOTH_HOME). Who
 * is accused follows from stage and ends: detect/signature.c. */
struct alert_event {
        struct ends ends;
        struct slice msg;
        const char *category;    /* of its class, for people; NULL: none */
        const struct rule *rule; /* rules/rule.h; NULL: not one of ours. Outlives the event as its set does */
        uint64_t packet;         /* number of the packet in the reading, from 1; 0: not of one packet */
        uint32_t sid, gid, rev;
        uint32_t count;   /* matches that it stands for, at least 1 */
        uint16_t weight;  /* hundredths, as evidence: what it says at most */
        uint8_t stage;    /* enum stage + 1; 0: it says nothing of a bot */
        uint8_t action;   /* enum alert_action */
        uint8_t severity; /* 1 is highest */
        uint8_t app;      /* enum app: of the flow */
        uint8_t target;   /* enum alert_target */
};

struct event {
        nsec_t time;    /* when it happened, on engine time */
        uint8_t type;   /* enum event_type */
        uint8_t op;     /* enum process_op, flow_op, socket_op by type */
        uint8_t source; /* index in sources.def */
        uint8_t spare;
        uint32_t quiet; /* FLOW_END: milliseconds that the flow had been silent by then; see event_last() */
        union {
                struct process_event process;
                struct flow_event flow;
                struct socket_event socket;
                struct gap_event gap;
                struct ends ends; /* first in all that follow but rate and gate */
                struct dns_event dns;
                struct irc_event irc;
                struct smtp_event smtp;
                struct http_event http;
                struct tls_event tls;
                struct ftp_event ftp;
                struct proxy_event proxy;
                struct file_event file;
                struct rate_event rate;
                struct gate_event gate;
                struct alert_event alert;
                struct complaint_event complaint;
        };
};

static_assert(sizeof(struct event) <= 128, "events stay within two cache lines");

/* A flow that ends by time ends long after its last packet: when that was, to the millisecond. */
static inline nsec_t event_last(const struct event *e)
{
        return e->time - e->quiet * NSEC_PER_MSEC;
}

/* Names as printed and parsed in JSON; a static string, "?" beyond the range. */
const char *event_type_name(unsigned type);
const char *event_op_name(unsigned type, unsigned op);
const char *flow_origin_name(unsigned origin);
const char *flow_state_name(unsigned state);
const char *app_name(unsigned app);         /* "irc" */
const char *file_kind_name(unsigned kind);  /* "pe" */
const char *file_kind_title(unsigned kind); /* "a Windows program" */
const char *file_how_name(unsigned how);    /* "http" */
const char *proxy_kind_name(unsigned kind); /* "socks5" */
/* Does the event type begin with struct ends? */
static inline bool event_has_ends(unsigned type)
{
        return (type >= EVENT_DNS && type <= EVENT_FILE) || type == EVENT_ALERT;
}
const char *alert_action_name(unsigned action);               /* "allowed" */
const char *alert_stage_name(unsigned stage);                 /* of struct alert_event: "none", "infect" ... */
const char *alert_target_name(unsigned target);               /* "sender" */
const char *gap_reason_name(unsigned reason);                 /* "ring_full" */
const char *gap_reason_title(unsigned reason);                /* a sentence for people */
const char *proto_name(unsigned proto, char spare[static 8]); /* "TCP", "ICMP", else the number, written to spare */

static inline bool task_is_known(const struct task *t)
{
        return t->pid != 0;
}

/* The same thread, or the same process. */
static inline bool task_same_thread(const struct task *a, const struct task *b)
{
        return a->tid == b->tid && a->start == b->start;
}

static inline bool task_same_process(const struct task *a, const struct task *b)
{
        return a->pid == b->pid && a->leader_start == b->leader_start;
}

#endif
