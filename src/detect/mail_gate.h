/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of the mail_gate detector share its state through this header; nobody else includes it. */
#ifndef SEKIMORI_DETECT_MAIL_GATE_H
#define SEKIMORI_DETECT_MAIL_GATE_H

#include "base/table.h"
#include "detect/ancestors.h"
#include "detect/detector.h"
#include "model/gate.h"

#define MAIL_GATE_SOURCES   1024u /* 1,700 bytes each: processes that tried, and those behind them */
#define MAIL_GATE_PEERS     32    /* different servers counted */
#define MAIL_GATE_INJECTORS 8

/* The name of a relay stands for a handful of addresses, which a client tries in turn when it is refused. */
#define MAIL_GATE_MANY          10u
#define MAIL_GATE_MANY_MAILER   32u /* a person's mail program has a relay for each of a person's accounts */
#define MAIL_GATE_MANY_HANDOVER 20u
/* Koyama (NTT PC): an infected terminal sends 1,000 to 2,000 mails an hour. The kernel half tells one server a second
 * of a burst, so that servers alone would show a fast one late. */
#define MAIL_GATE_MANY_TRIES 167u
#define MAIL_GATE_WINDOW     (600 * NSEC_PER_SEC)  /* in which they are counted */
#define MAIL_GATE_PAUSE      (10 * NSEC_PER_SEC)   /* between two claims that only renew facts */
#define MAIL_GATE_RECLAIM    (3600 * NSEC_PER_SEC) /* after which what goes on weighs again */
#define MAIL_GATE_NEAR       (600 * NSEC_PER_SEC)  /* from a forged permit to the attempt that it is for */
#define MAIL_GATE_PUSHED     (60 * NSEC_PER_SEC)   /* from bytes pushed into a terminal to the mail they sent */
#define MAIL_GATE_ABOVE      8                     /* creators that may have forged the permit */

enum mail_gate_kind { MAIL_GATE_WITHOUT_PERSON, MAIL_GATE_UNATTENDED, MAIL_GATE_FORGED_PERMIT, MAIL_GATE_KINDS };
extern const struct evidence_kind mail_gate_kinds[MAIL_GATE_KINDS];

/* How odd it is that this program tried. */
enum mail_gate_class {
        MAIL_GATE_PERSONAL,  /* a mail program, at the wrong moment */
        MAIL_GATE_MISPLACED, /* a mail program that no person seems to have started, or nobody knows */
        MAIL_GATE_SUBMITTER, /* hands mail on, for no mail program */
        MAIL_GATE_STRANGER,  /* no mail program */
        MAIL_GATE_CLASSES,
};

struct mail_gate_tally {
        nsec_t since, shown;
        int32_t weight;   /* claimed since */
        uint32_t pending; /* attempts not yet told */
};

struct mail_gate_key {
        uint64_t start;
        uint32_t pid, zero;
};

struct mail_gate_source {
        struct mail_gate_key key;
        nsec_t counted; /* since when the following are */
        uint32_t peers[MAIL_GATE_PEERS];
        uint32_t n_peers, handovers, tries;
        uint32_t child,
                children;     /* as a creator that is silent itself: the newest that tried, and how often it changed */
        uint32_t attempts;    /* all */
        nsec_t tried, forged; /* the newest; 0: never */
        struct mail_gate_tally tally[MAIL_GATE_KINDS];
        struct evidence story; /* the newest that was not told for want of weight */
        bool waiting;
};

struct mail_gate_injector {
        struct mail_gate_key key;
        struct subject subject;
        nsec_t time; /* 0: free */
        uint32_t uid;
};

struct mail_gate {
        struct table *sources;
        struct mail_gate_injector injectors[MAIL_GATE_INJECTORS]; /* a ring */
        unsigned next_injector;
        const struct lineage *lineage;
        uint8_t boot_id[16];
};

/* mail_gate_claim.c */
struct mail_gate_source *mail_gate_source_of(struct mail_gate *s, const struct mail_gate_key *key);
void mail_gate_count(struct mail_gate_source *src, const struct event *e);
/* Is it more than a program that hands its mail to one relay would try? */
bool mail_gate_is_many(const struct mail_gate_source *src);
/* The weight, in all, of what that source tried; 0: none. */
int32_t mail_gate_weigh(const struct mail_gate_source *src, enum mail_gate_class class, bool denied,
                        enum mail_gate_kind *ret_kind);
struct mail_gate_claim {
        struct mail_gate_source *source;
        const struct subject *subject;
        const struct event *event;
        enum mail_gate_kind kind;
        int32_t weight; /* in all: what was claimed before goes off */
};
void mail_gate_claim(struct mail_gate *s, const struct mail_gate_claim *c, struct evidence_sink *out);
void mail_gate_tell_waiting(struct mail_gate *s, nsec_t now, struct evidence_sink *out);

/* mail_gate_explain.c */
void mail_gate_explain(const struct evidence *e, struct buf *out);

#endif
