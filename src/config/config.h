/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration: /etc/sekimori/sekimori.yaml and conf.d/ *.yaml, or --config FILE. Every key is a row of the table
 * in config.c (name, type, range, default, help), from which `config show`, the manual and the checks are made.
 * An unknown key, a wrong type or a value out of range is an error with file and line. */
#ifndef SEKIMORI_CONFIG_CONFIG_H
#define SEKIMORI_CONFIG_CONFIG_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define CONFIG_PATH_DEFAULT    "/etc/sekimori/sekimori.yaml"
#define CONFIG_CONTROL_DEFAULT "/run/sekimori/control.sock" /* daemon.control */

enum config_backend { BACKEND_AUTO, BACKEND_BPF, BACKEND_PROC, BACKEND_OFF };
enum config_privacy { PRIVACY_EVIDENCE, PRIVACY_STRICT, PRIVACY_FULL };
enum config_server_like_mode {
        SERVER_LIKE_DEFAULT,      /* our rule */
        SERVER_LIKE_PLAIN,        /* the paper's rule, by process */
        SERVER_LIKE_PLAIN_THREAD, /* the paper's rule, by thread */
};
enum config_granularity { GRANULARITY_BOTH, GRANULARITY_PROCESS, GRANULARITY_THREAD };

enum config_handover { HANDOVER_WATCH, HANDOVER_BLOCK };
enum config_respond_block { RESPOND_BLOCK_OFF, RESPOND_BLOCK_BOT };

enum config_rules_match { RULES_ONCE, RULES_TWICE };

#define CONFIG_PORTS_MAX 8
#define CONFIG_PATHS_MAX 256

struct config_cidrs {
        struct cidr *items;
        size_t n;
};

struct config_paths {
        char **items; /* each once; paths are absolute */
        size_t n;
};

/* A variable of rules: HTTP_PORTS and its value as written. */
struct config_group {
        char *name, *value;
};
struct config_groups {
        struct config_group *items;
        size_t n;
};
struct config_sids { /* rules by their number */
        uint32_t *items;
        size_t n;
};

/* Silences one detector for what matches all given fields; the claim is counted and shown by `why`, not scored. */
struct config_exception {
        char *detector; /* name, or NULL: any */
        char *subject;  /* subject key or process name or address; NULL: any */
        char *program;  /* absolute path of the program, compared by device and inode when the file exists; NULL: any */
        struct cidr peer; /* bits 0 with has_peer false: any */
        bool has_peer;
        char *reason;     /* required */
        nsec_t until;     /* 0: no end */
        uint32_t exe_dev; /* resolved from `program` at load; 0: file not found */
        uint64_t exe_ino;
        char *where; /* "file:line", for messages */
};

struct config_weight {
        char *kind;     /* "server_like.order" */
        int32_t weight; /* hundredths */
};

struct config {
        /* home: addresses of the network that is ours */
        struct config_cidrs home;

        struct {
                struct config_cidrs mail_servers, resolvers, dark;
                char *mmdb; /* NULL: none */
        } network;

        struct {
                enum config_backend backend;
                uint32_t ring_kib; /* size of the kernel's event ring */
                nsec_t rescan;     /* how often sockets that existed unseen are looked for; 0: only at the start */
        } host;

        struct {
                char *interface;  /* device to watch, "any", or NULL: none */
                char *filter;     /* pcap-filter(7), or NULL */
                uint32_t workers; /* rings and threads; a power of two, at most 8 */
                bool promiscuous;
                bool checksums;
        } packets;

        struct {
                bool enabled;
                enum config_server_like_mode mode;
                enum config_granularity granularity;
                nsec_t window;   /* how long an ended conversation still counts as order-giving */
                nsec_t reaction; /* an order and its execution lie at most this far apart to count as caused */
                struct config_cidrs inside;    /* peers that are not "outside", besides this machine's own addresses */
                struct config_cidrs resolvers; /* name servers: queries to port 53 there are no conversation; empty:
                                                  /etc/resolv.conf */
        } server_like;

        struct {
                bool enabled;
        } forged_source, irc_control, egg, scan, dns_anomaly, mass_mail, spam_proxy, flood, beacon, profile_change,
                exfiltration, mail_gate, tampering, signature, complaint;

        struct {
                struct config_paths files; /* patterns as of glob(7); also classification, references, thresholds */
                struct config_groups address_groups, port_groups;
                struct config_sids disabled, enabled;
                uint32_t alerts_per_second; /* of one rule and pair of hosts, told one by one; 0: all */
                uint32_t alerts_per_packet; /* 0: all */
                bool midstream;
                enum config_rules_match packet_and_stream;
                uint64_t memory;
        } rules;

        struct {
                uint32_t hosts; /* home hosts whose profile is kept */
        } profile;

        struct {
                int32_t suspect; /* thresholds, hundredths */
                int32_t bot;
                struct config_weight *weights; /* overrides of evidence kinds */
                size_t n_weights;
        } verdict;

        struct {
                uint16_t ports[CONFIG_PORTS_MAX]; /* gated; host order */
                unsigned n_ports;                 /* at least 1 */
                nsec_t window;                    /* how long a gesture is good for */
                nsec_t compose;                   /* the same, made to the very program that sends; >= window */
                nsec_t attempt;                   /* the sockets of one attempt lie within this */
                uint32_t attempt_sockets;
                bool remote;                   /* people over ssh may send */
                enum config_handover handover; /* sendmail(1) and the local mail server */
                uint32_t mark;                 /* bit number of a permit's mark */
                struct config_cidrs forward;   /* may send through this machine, a gateway */
                struct config_paths desktops, terminals, mailers, terminal_mailers, submitters; /* further programs */
                char *cgroup; /* where the kernel half attaches; NULL: the root of cgroup v2 */
                char *folder; /* bpffs of ours */
                char *state;  /* directory of what lasts over boots */
        } gate;

        struct {
                enum config_respond_block block; /* what is blocked without being asked */
                nsec_t block_for;
                bool freeze;
        } respond;

        /* The relay inquiry; what the texts say is read by mail/inquiry_setup.h. */
        struct {
                bool ask;       /* DNS */
                char *resolver; /* NULL: those of /etc/resolv.conf */
                struct config_paths trust, lists;
                struct config_cidrs own, submission;
                struct config_paths maildir; /* watched by `run` */
                bool probe_ping;
                char *probe_name;                      /* said in EHLO; NULL: this machine's */
                char *probe_allowed, *probe_opted_out; /* files of networks; NULL: none */
                nsec_t probe_spacing, probe_network_spacing;
                uint32_t probe_concurrent;
        } mail;

        struct config_exception *exceptions;
        size_t n_exceptions;

        struct {
                char *path;  /* directory */
                nsec_t keep; /* age limit */
                uint64_t max_bytes;
                enum config_privacy privacy;
        } store;

        struct {
                char *path;  /* EVE JSON file; NULL: none */
                bool events; /* also events, not only evidence and verdicts */
        } eve;

        struct {
                char *user;    /* whom the engine runs as */
                char *control; /* socket for `status` */
                nsec_t hung_after;
        } daemon;

        char *source; /* the main file's path, or NULL: built-in defaults */
};

/* A key as documentation shows it: `config show`, the manual page and the example file print from these. */
struct config_key {
        const char *key;      /* "server_like.window"; of an exception: "exceptions.reason" */
        const char *fallback; /* the default as YAML; NULL: none */
        const char *help;     /* sentences; lines separated by \n */
        char type[96];        /* "a length of time, 1s to 7d" */
};

/* The keys in the order of the example file, then those below `exceptions`. false beyond the last. */
bool config_key_get(size_t index, struct config_key *ret);

/* Built-in defaults. 0 or -ENOMEM. */
int config_new_default(struct config **ret);
void config_free(struct config *c);
DEFINE_FREEP(struct config, config_free)

/* Reads `path` (NULL: CONFIG_PATH_DEFAULT, which may be absent) and its conf.d/ *.yaml beside it, in name order, over
 * the defaults: a later value replaces an earlier one, lists too, but exceptions and weights add up. Without
 * server_like.resolvers they are taken from /etc/resolv.conf. On failure returns -EINVAL (content), or the errno of the
 * file, and fills `errors` with "file:line: reason" lines, all that were found (at most 50). On success `errors` may
 * hold "file:line: note: ..." lines. Control bytes in both are shown as \xNN. `errors` may be NULL. */
/* More networks that are ours. 0 or -ENOMEM. */
int config_add_home(struct config *c, const struct config_cidrs *more);
int config_load(const char *path, struct config **ret, struct buf *errors);
/* The same from memory over what `c` holds; `name` stands for the file in messages. Reads no file. On failure `c` is
 * partly changed and only fit to be freed. */
int config_parse(struct config *c, const char *name, const char *text, size_t len, struct buf *errors);
/* Writes the whole effective configuration as YAML with a help comment per key. */
int config_show(const struct config *c, struct buf *out);

#endif
