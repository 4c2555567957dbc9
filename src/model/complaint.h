/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A complaint about a home host, as an event: somebody outside says that it did harm. Made by who reads mail, used by
 * its detector. */
#ifndef SEKIMORI_MODEL_COMPLAINT_H
#define SEKIMORI_MODEL_COMPLAINT_H

#include "base/addr.h"
#include "base/clock.h"

enum complaint_op { COMPLAINT_CAME };
enum complaint_about { COMPLAINT_NOTHING, COMPLAINT_OF_SPAM, COMPLAINT_OF_ATTACK, COMPLAINT_ABOUTS };
/* How much is known of who complains. */
enum complaint_trust {
        COMPLAINT_STRANGER, /* anybody */
        COMPLAINT_SIGNED,   /* a server that is trusted says that a domain signed it (DKIM) */
        COMPLAINT_TRUSTED,  /* it came from within, or by servers that are trusted only */
        COMPLAINT_TRUSTS,
};

/* The event's time is that of what is complained about, as far as it is said. All but `relay` and `trust` is the word
 * of whoever wrote it. */
struct complaint_event {
        struct addr local;  /* the home host that is accused */
        struct addr relay;  /* who brought the complaint; unspecified: not known */
        const char *text;   /* slice: the domain of who complains; may be NULL */
        const char *what;   /* slice: as it calls what was done; may be NULL */
        nsec_t came;        /* when the complaint was read */
        uint32_t incidents; /* as it says; at least 1 */
        uint16_t port;      /* local; 0: not said */
        uint8_t about;      /* enum complaint_about */
        uint8_t trust;      /* enum complaint_trust */
};

const char *complaint_about_name(unsigned about); /* "spam" */
const char *complaint_trust_name(unsigned trust); /* "stranger" */

#endif
