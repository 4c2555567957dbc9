/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way of a mail, as its head tells it, and how much of that is to be believed. Pure; in whichever process reads
 * mail.
 *
 * Servers write on top. The topmost Received: is taken as that of our own server: what it says it saw is believed. If
 * the peer that it saw is a server of ours or one that is trusted, the next header is that server's and is believed
 * likewise, and so on. The first peer that is neither is the last external relay: the only address that is believed,
 * judged or ever asked. All below is the sender's word, and is checked as such; signs.def lists what gives it away. */
#ifndef SEKIMORI_MAIL_CHAIN_H
#define SEKIMORI_MAIL_CHAIN_H

#include "base/buf.h"
#include "mail/received.h"

#define CHAIN_HOPS    128 /* kept; RFC 5321 6.3 calls 100 a loop */
#define CHAIN_SIGNS   64  /* kept */
#define CHAIN_RESULTS 8   /* Authentication-Results and Received-SPF, kept */
#define CHAIN_LOOP    100

/* A network, or an exception from the networks that follow it: the first entry that fits decides. */
struct chain_net {
        struct cidr net;
        bool except;
};

struct chain_nets {
        const struct chain_net *items;
        size_t n;
};

/* Whom the owner of the mailbox trusts. This machine (loopback) is always trusted. */
struct chain_trust {
        struct chain_nets trusted; /* servers that write what they saw: ours, a provider's */
        struct chain_nets own;     /* those of them, and other addresses, that are our own; items NULL: as `trusted` */
        struct chain_nets
                submission; /* servers of `trusted` that take mail only from users who log in: their clients too */
        const char *const
                *names; /* reverse names of trusted servers; one that begins with a dot stands for all within */
        size_t n_names; /* they count where the server that saw the name makes sure that it leads back */
};

enum chain_role {
        CHAIN_INNER,  /* a step within a machine, into the mailbox, or out of one: believed, the next one too */
        CHAIN_OWN,    /* from a server that is trusted: believed, the next one too */
        CHAIN_USER,   /* from a user of ours, to the submission server; the last that is believed */
        CHAIN_RELAY,  /* from the last external relay; the last that is believed */
        CHAIN_BLIND,  /* a server of ours wrote it, but not in a way that tells whom it saw; the last one */
        CHAIN_WORD,   /* the sender's word */
        CHAIN_FORGED, /* ... which cannot be true */
        CHAIN_ORIGIN, /* X-Originating-IP and its like: at most a word */
        CHAIN_ROLES
};

struct chain_hop {
        enum chain_role role;
        struct slice origin; /* the field's name, of CHAIN_ORIGIN; its address is r.peer, kind RECEIVED_PEER */
        bool trusted, own;   /* the peer and all above are */
        struct received r;
};

#define SIGN(id, name, lie, about) CHAIN_SIGN_##id,
enum chain_sign_id {
#include "mail/signs.def"
        CHAIN_SIGN_IDS
};
#undef SIGN

struct chain_sign {
        uint8_t id; /* enum chain_sign_id */
        bool strong;
        uint8_t hop;   /* whose */
        uint8_t other; /* the hop above, where two are compared */
        int64_t span;  /* ns, of times */
};

struct chain_result {
        bool spf;                               /* Received-SPF, else Authentication-Results */
        bool trusted;                           /* a server that is believed wrote it */
        uint32_t above;                         /* Received: headers above it */
        struct slice by;                        /* authserv-id; of SPF: receiver= */
        struct slice text;                      /* all of it */
        struct slice spf_is, dkim_is, dmarc_is; /* "pass", "fail", ...; absent where nothing is said */
};

enum chain_end {
        CHAIN_END_NONE,   /* there is no Received: */
        CHAIN_END_RELAY,  /* a last external relay */
        CHAIN_END_WITHIN, /* every header is of a server of ours: it was sent from within */
        CHAIN_END_USER,   /* by a user of ours */
        CHAIN_END_BLIND,  /* not known: see `boundary` */
};

struct chain {
        struct chain_hop hops[CHAIN_HOPS]; /* from the top */
        uint32_t n_hops;
        uint64_t received; /* all Received: headers */
        enum chain_end end;
        uint32_t boundary; /* index of the last hop that is believed, or of the blind one; valid unless NONE */
        struct addr relay; /* END_RELAY */
        struct chain_sign signs[CHAIN_SIGNS];
        uint32_t n_signs, signs_lost;
        struct chain_result results[CHAIN_RESULTS];
        uint32_t n_results;
        struct slice message_id, mailer; /* X-Mailer or User-Agent */
        struct date date;                /* Date: */
        bool has_date;
        uint32_t lost_lines; /* no fields */
};

/* Reads a head (or a whole mail: it ends at the first empty line). Slices in *ret live in `head`. Always succeeds; what
 * cannot be read says so. *ret is large (see CHAIN_HOPS) and need not be initialised. */
void chain_read(const char *head, size_t len, const struct chain_trust *trust, struct chain *ret);

const char *chain_role_name(unsigned role);
const char *chain_sign_name(unsigned id);
/* The sign with what it is about, in a sentence: "it says that 203.0.113.1 wrote it, but ...". */
void chain_sign_text(const struct chain *c, const struct chain_sign *s, struct buf *out);
/* Why nobody is believed, in a sentence; "" when somebody is. */
void chain_end_text(const struct chain *c, struct buf *out);

bool chain_nets_have(const struct chain_nets *nets, const struct addr *a);

#endif
