/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the inquiry share: inquiry.c (mails, relays, turns), inquiry_ask.c (what is asked about a relay),
 * inquiry_head.c and inquiry_judge.c (signs and the record). Runs where mail/inquiry.h says. */
#ifndef SEKIMORI_MAIL_INQUIRY_INTERNAL_H
#define SEKIMORI_MAIL_INQUIRY_INTERNAL_H

#include "base/table.h"
#include "mail/inquiry.h"

#define INQUIRY_UNDER_WAY  256u                  /* mails, where nothing else is said */
#define INQUIRY_BYTES      (64u << 20)           /* of heads that wait */
#define INQUIRY_RECENT     4096u                 /* relays whose answers are kept */
#define INQUIRY_HOLDS      (3600 * NSEC_PER_SEC) /* ... for so long */
#define INQUIRY_HOLDS_PART (60 * NSEC_PER_SEC)   /* ... where something could not be learnt */
#define INQUIRY_TURN_WAIT  (900 * NSEC_PER_SEC)  /* for a probe's turn; networks' turns come every ten minutes */
#define INQUIRY_TURN_LOOK  (200 * NSEC_PER_MSEC) /* how often it is looked whether a turn has come */
#define INQUIRY_AHEAD      (600 * NSEC_PER_SEC)  /* clocks of servers are wrong by minutes: chain_time.c */

/* What was learnt of an address. */
struct inquiry_learnt {
        enum answer has_name, confirmed;
        char rdns[RECORD_NAME_MAX];
        uint32_t listed, not_listed; /* bits of lists */
        uint32_t meanings;           /* of all listings */
        bool left_out;               /* not probed, since the mail was old */
        bool whole;                  /* everything that was asked was answered */
        uint8_t smtp;                /* as in struct record */
        enum answer server, ping;
        char banner[128];
        bool has_syn;
        struct os_syn syn; /* its answer to a probe's SYN */
};

/* A mail that waits, or a question without one. */
struct inquiry_item {
        struct inquiry_item *next;
        struct inquiry_mail mail;
        char head[]; /* what mail.head points to */
};

enum inquiry_turn { INQUIRY_NO_PROBE, INQUIRY_WAITS, INQUIRY_PROBES, INQUIRY_PROBED };

/* An address under inquiry. */
struct inquiry_relay {
        struct addr addr; /* the key */
        struct inquiry *q;
        unsigned questions; /* to DNS, without an answer */
        enum inquiry_turn turn;
        bool refused; /* why it is not probed was counted */
        nsec_t turn_until;
        struct inquiry_learnt learnt;
        struct inquiry_item *first, **end;
};

struct inquiry_known {
        struct addr addr; /* the key */
        nsec_t until;
        struct inquiry_learnt learnt;
};

struct inquiry {
        struct inquiry_params p;
        int epoll, timer;
        bool armed, stopped, busy;
        nsec_t last, ahead;      /* of the clock that does not go back */
        struct table *under_way; /* struct inquiry_relay; never full */
        struct table *recent;    /* struct inquiry_known */
        unsigned waiting;
        size_t bytes;
        struct inquiry_stats stats;
        struct chain chain; /* of the mail in hand */
};

/* The wall clock may be set back; resolver and probes need one that is not. */
nsec_t inquiry_clock(struct inquiry *q, nsec_t now);

/* When the mail came; 0: not known. */
nsec_t inquiry_came(const struct chain *c, const struct inquiry_mail *mail);
/* From the mail's coming to now; negative: not known. */
nsec_t inquiry_gap(nsec_t came, nsec_t now);
static inline bool inquiry_is_old(nsec_t gap)
{
        return gap < 0 || gap > JUDGE_FRESH;
}

/* --- inquiry_ask.c --- */

/* Begins to ask DNS and looks into files. */
void inquiry_ask(struct inquiry_relay *r, nsec_t now);
/* Wants a probe, if it may have one now or later. `old`: no mail of it is fresh. */
void inquiry_want_probe(struct inquiry_relay *r, nsec_t now, bool old);
/* Begins the probe whose turn it is, or gives it up. */
void inquiry_take_turn(struct inquiry_relay *r, nsec_t now);
static inline bool inquiry_is_answered(const struct inquiry_relay *r)
{
        return r->questions == 0 && r->turn != INQUIRY_WAITS && r->turn != INQUIRY_PROBES;
}

/* --- inquiry_head.c --- */

/* The names of an address, as the receiving server saw them, or as DNS has them now. */
struct inquiry_names {
        struct slice rdns;
        enum answer has_name, confirmed;
};

/* Signs of the head and of its content. */
void inquiry_read_head(const struct chain *c, const struct inquiry_names *names, struct slice head, enum answer spam,
                       enum answer signs[static JUDGE_SIGNS]);

/* --- inquiry_judge.c --- */

/* All signs, the verdict and the record. `chain`: NULL without a mail. `learnt`: NULL where nothing was asked. */
void inquiry_judge(struct inquiry *q, nsec_t now, const struct addr *a, const struct chain *chain,
                   const struct inquiry_mail *mail, const struct inquiry_learnt *learnt, struct record *ret);

#endif
