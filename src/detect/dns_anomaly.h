/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns_anomaly, inside: what is remembered of each home host, of each registered domain that a host asks much about, and
 * of each name that any of them asks for. docs/dns-anomaly.md tells the signs and their look-alikes. Runs in the
 * engine and in offline commands. */
#ifndef SEKIMORI_DETECT_DNS_ANOMALY_H
#define SEKIMORI_DETECT_DNS_ANOMALY_H

#include <libpsl.h>

#include "config/home.h"
#include "detect/detector.h"
#include "detect/grading.h"

/* Entries at most; 13, 3, 8 and 0.3 MB with the table. */
#define DNS_HOSTS   (1u << 15)
#define DNS_DOMAINS (1u << 15)
#define DNS_NAMES   (1u << 16)
#define DNS_SERVERS (1u << 12)
/* Open questions: 8 bytes each. A question that finds its place taken is forgotten, and its answer not believed. */
#define DNS_ASKED (1u << 15)
#define DNS_CACHE (1u << 13) /* names looked at before, 24 bytes each: 0.2 MB */
#define DNS_MEET  64u        /* addresses of generated names that wait for contact */

#define DNS_HOUR 3600u
#define DNS_DAY  86400u

/* RFC 1035 4.1.1 */
enum dns_rcode { DNS_NOERROR = 0, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3, DNS_REFUSED = 5 };

enum dns_kind {
        DNS_VOLUME,
        DNS_MAIL,
        DNS_TRANSFER,
        DNS_ANYTHING,
        DNS_MISSING,
        DNS_GENERATED,
        DNS_RENDEZVOUS,
        DNS_TUNNEL,
        DNS_UPLOAD,
        DNS_FLUX,
        DNS_LOCKSTEP,
        DNS_KINDS,
};
extern const struct evidence_kind dns_anomaly_kinds[DNS_KINDS];

enum dns_name_flag {
        DNS_NAME_LOCAL = 1,   /* ends in no public suffix: a host name, a search domain, a network of its own */
        DNS_NAME_REVERSE = 2, /* below arpa */
        DNS_NAME_SHARED = 4,  /* registered below a company's suffix, such as a cloud's or a dynamic name service's */
        DNS_NAME_BARE = 8,    /* the registered domain, or one label before it */
        DNS_NAME_RANDOM = 16, /* the registered label looks drawn at random */
};

/* A name as it was asked for. */
struct dns_name {
        const char *text; /* slice of the event */
        uint32_t len;
        uint32_t domain; /* where the registered domain begins; LOCAL: the last label */
        uint64_t hash, domain_hash;
        uint8_t flags; /* enum dns_name_flag */
};

struct dns_cached {
        uint64_t hash, domain_hash;
        uint16_t domain;
        uint8_t flags;
};

/* A home host. Distinct names are counted in bitmaps (linear counting, Whang et al. 1990), in sixteenths. */
struct dns_host {
        struct detector_key key;
        uint64_t asked[8];   /* registered domains asked about, within the hour */
        uint64_t random[4];  /* those of them that look random */
        uint64_t mail[4];    /* whose mail servers were asked for, within the hour */
        uint64_t failed[4];  /* that do not exist, within the day */
        uint64_t zones;      /* asked for as a whole, within the day */
        uint32_t queries[6]; /* in each ten minutes of an hour */
        uint32_t ten;        /* the number of the newest of these */
        uint32_t hour, day;  /* when they began, seconds */
        uint32_t n_asked, n_random, n_mail, n_zones;
        uint32_t n_missing;     /* failed and not random-looking, within the hour */
        uint32_t n_missing_day; /* the same within the day */
        uint32_t n_generated;   /* failed and random-looking, within the day */
        uint16_t in_common;     /* those of them that three or more home hosts asked for */
        uint16_t anything;      /* queries for ANY within the day */
        struct grading told[DNS_KINDS];
};

/* What an address does for others. By address and not by host: in an IPv6 network the clients and their name server
 * share a /64. */
enum dns_role {
        DNS_RESOLVER = 1,    /* configured, or serves names: its questions are those of others */
        DNS_MAIL_SERVER = 2, /* configured, or takes mail */
};

struct dns_server {
        struct addr addr;
        uint8_t served; /* answers given to others */
        uint8_t mails;  /* connections taken as a mail server */
};

/* A registered domain that a host asks about with long, random-looking names, within an hour. */
struct dns_domain {
        uint64_t key;      /* hash of host and domain */
        uint64_t names[2]; /* begun anew when it is three quarters full */
        uint32_t since;
        uint32_t n_names;         /* sixteenths */
        uint32_t queries;         /* of that kind */
        uint32_t up, down;        /* bytes: of the names before the domain; of the answers */
        uint16_t typed, rare;     /* queries of types that carry text; of types that ordinary clients do not ask for */
        uint16_t answers, hollow; /* hollow: NXDOMAIN or an address of 127/8, as lists of reputation answer */
};

/* A name, whoever asks. Home hosts are bits by hash. */
struct dns_shared {
        uint64_t key;
        uint64_t hosts;          /* all that asked within the day */
        uint64_t round, group;   /* who asks just now; who asked in each round so far */
        uint64_t addrs[2], nets; /* of the answers */
        uint64_t countries;
        uint32_t since, round_at;
        uint16_t n_addrs, n_nets, n_countries; /* sixteenths */
        uint16_t answers;
        uint8_t rounds, alone; /* times that five or more asked at once; that fewer did */
        uint8_t failed, flux;
};

struct dns_place;

struct dns_anomaly {
        struct table *hosts, *domains, *names, *servers;
        struct home *mail_servers, *resolvers; /* NULL: none */
        const psl_ctx_t *psl;
        struct dns_place *place; /* NULL: no file of networks */
        uint64_t active[4];      /* home hosts seen, by hash */
        uint64_t meet[DNS_MEET];
        struct dns_cached cache[DNS_CACHE];
        uint64_t asked[DNS_ASKED];
};

/* An event in work. */
struct dns_step {
        struct dns_anomaly *d;
        const struct event *ev;
        struct dns_host *host;
        struct evidence_sink *out;
        struct dns_name name;
        uint64_t bit; /* of the host, in dns_shared */
        uint32_t second;
        uint8_t roles; /* enum dns_role, of the address that asks */
};

/* Sets the hash's bit. Returns by how much the number of distinct hashes grew, in sixteenths; 0: it was there. */
static inline uint32_t dns_mark(uint64_t *map, unsigned words, uint64_t hash)
{
        uint64_t *word = &map[hash >> 6 & (words - 1)], bit = 1ull << (hash & 63);
        unsigned free = 0;

        if (*word & bit)
                return 0;
        *word |= bit;
        for (unsigned i = 0; i < words; i++)
                free += (unsigned) (64 - __builtin_popcountll(map[i]));
        return words * 64 * 16 / (free + 1);
}

/* dns_anomaly_name.c */
void dns_anomaly_look(struct dns_anomaly *d, const struct slice *text, struct dns_name *ret);
/* How much likelier a generator made the label than a person, 10*log10, in quarters; at most 0 when it is too short to
 * say. */
int dns_anomaly_randomness(const char *label, size_t len);
bool dns_anomaly_is_encoded(const char *text, size_t len); /* the labels before a registered domain */
bool dns_anomaly_is_below(const struct dns_name *name, const char *domain);

/* dns_anomaly_host.c: volume, types, generated names */
struct dns_host *dns_anomaly_find_host(struct dns_anomaly *d, const struct addr *local, uint32_t second);
uint8_t dns_anomaly_roles(const struct dns_anomaly *d, const struct addr *local);
void dns_anomaly_note_server(struct dns_anomaly *d, const struct addr *local, enum dns_role role);
void dns_anomaly_note_query(struct dns_step *step);
void dns_anomaly_note_failure(struct dns_step *step);
void dns_anomaly_note_address(struct dns_step *step);
/* A flow to the address of a generated name that exists? */
bool dns_anomaly_is_met(struct dns_anomaly *d, const struct flow_event *f);

/* dns_anomaly_tunnel.c; false: the query has nothing of a tunnel */
bool dns_anomaly_tunnel_query(struct dns_step *step);
void dns_anomaly_tunnel_answer(struct dns_step *step);

/* dns_anomaly_shared.c: lockstep, changing addresses */
void dns_anomaly_shared_query(struct dns_step *step);
void dns_anomaly_shared_answer(struct dns_step *step);
unsigned dns_anomaly_shared_hosts(const struct dns_anomaly *d, uint64_t name); /* that asked for it, at most 64 */
unsigned dns_anomaly_active(const struct dns_anomaly *d);                      /* home hosts seen, at most 256 */
void dns_anomaly_shared_note(struct dns_anomaly *d, uint64_t name, uint64_t bit, uint32_t second);

/* dns_anomaly_place.c: country and network of an address. NULL: the file cannot be used. */
struct dns_place *dns_anomaly_place_open(const char *path);
void dns_anomaly_place_close(struct dns_place *p);
bool dns_anomaly_place_has_networks(const struct dns_place *p); /* numbers of autonomous systems were seen in it */
/* 0 where it does not say. The country is two letters, the first one high. */
void dns_anomaly_place_find(struct dns_place *p, const struct addr *a, uint32_t *ret_network, uint16_t *ret_country);

/* Begins a claim if there is something new to say: then *ret is complete but for its facts. */
bool dns_anomaly_claim(const struct dns_step *step, enum dns_kind kind, uint16_t weight, uint32_t since,
                       struct evidence *ret);
void dns_anomaly_fact_name(struct evidence *e, const char *key, const char *text, size_t len);
void dns_anomaly_explain(const struct evidence *e, struct buf *out);

#endif
