/* SPDX-License-Identifier: GPL-3.0-or-later */
/* May this address be probed, now? Probing others is off unless it was asked for, and then each address needs a permit:
 * it must be the last external relay of a mail, stand on the allow-list or have a recorded consent, be nobody's private
 * or reserved address, not ours, and not opted out; and it is limited in every way. A decision is one call, pure but
 * for the state in `struct permit`; nothing here sends. Runs where probes are planned and made. */
#ifndef SEKIMORI_MAIL_PERMIT_H
#define SEKIMORI_MAIL_PERMIT_H

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "mail/netlist.h"

enum permit_reason {
        PERMIT_GRANTED,
        /* never, as things are: */
        PERMIT_OFF,         /* probing was not asked for */
        PERMIT_STOPPED,     /* it was ended */
        PERMIT_NOT_LAST,    /* not the relay that spoke to a server we trust: its address is somebody's word */
        PERMIT_RESERVED,    /* no address of the public Internet, or one that stands for another address */
        PERMIT_OWN,         /* ours, or of a server that we trust */
        PERMIT_OPTED_OUT,   /* its owner does not want it */
        PERMIT_OLD,         /* the mail came too long ago: another may have the address by now */
        PERMIT_NOT_ALLOWED, /* neither on the allow-list nor with a consent */
        /* later: */
        PERMIT_TODAY,   /* it was probed within a day */
        PERMIT_BUSY,    /* enough probes are under way */
        PERMIT_RATE,    /* the last probe was too short ago */
        PERMIT_NETWORK, /* the last probe of its network was */
        PERMIT_REASONS,
};

struct permit_params {
        bool probing;                    /* the flag */
        const struct netlist *allowed;   /* NULL: empty. All three outlive the permit */
        const struct netlist *opted_out; /* always wins */
        const struct netlist *own;
        nsec_t spacing;      /* between any two probes; 0 = 6 s */
        nsec_t net_spacing;  /* between two of one /24 or /48; 0 = 10 min */
        unsigned concurrent; /* 0 = 4 */
        unsigned remembered; /* addresses and networks; 0 = 65536. Beyond, no new ones until one is old enough */
};

#define PERMIT_ADDRESS_SPACING (24 * 3600 * NSEC_PER_SEC) /* one probe of an address a day, whatever is configured */

struct permit_request {
        struct addr addr;
        bool last_external; /* the chain says so */
        bool old;           /* the mail came longer ago than addresses stay with one machine */
        bool consent;       /* recorded, for this very address */
        nsec_t last_probe;  /* as the caller has it stored; 0: never */
};

/* What a probe needs to begin. It is good for one address until permit_done(). */
struct permit_grant {
        struct addr addr;
        uint64_t number;
};

struct permit;

int permit_new(const struct permit_params *params, struct permit **ret);
void permit_free(struct permit *p);
DEFINE_FREEP(struct permit, permit_free)

/* What permit_take() would say; changes nothing: for plans. */
enum permit_reason permit_look(const struct permit *p, nsec_t now, const struct permit_request *request);
/* PERMIT_GRANTED, and *ret is filled. `now`: the wall clock, since last_probe is; a step back grants nothing. */
enum permit_reason permit_take(struct permit *p, nsec_t now, const struct permit_request *request,
                               struct permit_grant *ret);
/* Whether the grant is one of ours, not yet given back, and probing was not stopped. */
bool permit_holds(const struct permit *p, const struct permit_grant *grant);
void permit_done(struct permit *p, const struct permit_grant *grant);

/* At once and for good: nothing is granted any more, and grants that are out hold no more. */
void permit_stop(struct permit *p);

bool permit_is_later(unsigned reason);            /* asking again later can help */
const char *permit_reason_name(unsigned reason);  /* "opted_out" */
const char *permit_reason_title(unsigned reason); /* half a sentence for people */

#endif
