/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inquiry: believes one relay of a mail (chain.h), asks what may be asked about it (resolve.h, netlist.h, permit.h,
 * smtp_probe.h, os_db.h), and judges (judge.h). Many at a time, never blocking, from the one thread that made it: poll
 * inquiry_fd() for reading and call inquiry_process() then. Mails about an address that is being asked about wait for
 * the same answers, and answers are kept for an hour: nobody is asked twice.
 *
 * Without a resolver and with probing off no packet leaves, and what would have been asked is unknown. Runs in
 * `sekimori mail` and in the daemon's process for mail. */
#ifndef SEKIMORI_MAIL_INQUIRY_H
#define SEKIMORI_MAIL_INQUIRY_H

#include "base/cleanup.h"
#include "mail/chain.h"
#include "mail/netlist.h"
#include "mail/permit.h"
#include "mail/record.h"
#include "mail/resolve.h"
#include "mail/smtp_probe.h"

/* What we saw of an address ourselves, around a time. */
struct inquiry_seen {
        bool has_syn;
        struct os_syn syn; /* its SYN to our own server's port 25 */
        enum answer attacked, proxy;
};

/* What a scan that somebody else ran says of an address; it counts where we know nothing better. */
struct inquiry_scan {
        enum os_family family; /* UNKNOWN: it does not say */
        enum os_role role;
        uint8_t accuracy;    /* percent */
        const char *os, *by; /* "Linux 5.0 - 5.2", "nmap"; valid until the next call */
        enum answer server, refused;
};

/* A list in a file, beside those that DNS answers. */
struct inquiry_list {
        const char *name;
        const struct netlist *nets;
        uint32_t meanings; /* enum dnsbl_meaning */
};

struct inquiry_params {
        const struct chain_trust *trust; /* this and all that follows outlive the inquiry */
        struct resolve *resolve; /* NULL: offline. Its lists come first in struct record's bits. It and `probe` are of
                                    no use to others, nor when the inquiry is gone, but to be freed */
        unsigned n_lists;        /* of resolve */
        const struct inquiry_list *files;
        unsigned n_files;
        const struct os_db *os;   /* NULL: systems are unknown */
        struct permit *permit;    /* NULL: nobody is probed */
        struct smtp_probe *probe; /* NULL: likewise */
        /* Our own observations; may be NULL. *ret is all unknown when called. `last_probe`: as the store has it. */
        void (*seen)(void *userdata, const struct addr *a, nsec_t came, struct inquiry_seen *ret);
        /* A scan at most JUDGE_FRESH from `came`; likewise. */
        void (*scanned)(void *userdata, const struct addr *a, nsec_t came, struct inquiry_scan *ret);
        void (*known)(void *userdata, const struct addr *a, bool *ret_consent, nsec_t *ret_last_probe);
        /* A probe is about to begin: to be put down before anything is sent, so that a kill does not make two of it.
         * Negative: then it does not begin. May be NULL. */
        int (*probing)(void *userdata, const struct addr *a, nsec_t now);
        /* Each mail, exactly once, in the order in which they end. `chain` is valid during the call. A mail without a
         * relay has a record without an address. */
        void (*done)(void *userdata, void *mail, const struct chain *chain, const struct record *record);
        void *userdata;
        unsigned under_way; /* mails that wait for answers; 0 = 256 */
};

struct inquiry_mail {
        const char *head; /* copied */
        size_t len;
        enum answer spam; /* by a filter that is trusted, or the receiver */
        nsec_t came;      /* when it was delivered, for one whose header does not say; 0: not known */
        void *mail;       /* handed to done() */
};

struct inquiry_stats {
        uint64_t mails, relays, judged[JUDGE_CLASSES];
        uint64_t probed, not_probed[PERMIT_REASONS];
};

struct inquiry;

int inquiry_new(const struct inquiry_params *params, struct inquiry **ret); /* 0, -ENOMEM, -errno */
void inquiry_free(struct inquiry *q); /* mails under way are given up, without done() */
DEFINE_FREEP(struct inquiry, inquiry_free)

int inquiry_fd(const struct inquiry *q);
/* 0: done() will be called, perhaps from within. -EAGAIN: too many are under way, call inquiry_process() first; always
 * from within done(). -ENOMEM. `now`: the wall clock. */
int inquiry_add(struct inquiry *q, nsec_t now, const struct inquiry_mail *mail);
/* Asks again about a relay, without a mail; done() has a NULL chain. */
int inquiry_again(struct inquiry *q, nsec_t now, const struct addr *a, void *mail);
void inquiry_process(struct inquiry *q, nsec_t now);
unsigned inquiry_waiting(const struct inquiry *q); /* mails without done() */
/* No further probes, those under way are cut; what is known by then is judged. */
void inquiry_stop(struct inquiry *q, nsec_t now);
void inquiry_get_stats(const struct inquiry *q, struct inquiry_stats *ret);

/* What a probe of it would do, or why there will be none, in sentences: for `--plan`. `came`: as in struct record. */
void inquiry_plan(const struct inquiry *q, nsec_t now, const struct addr *a, nsec_t came, struct buf *out);

#endif
