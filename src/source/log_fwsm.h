/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One message of a Cisco firewall (FWSM, ASA, PIX) as facts. Told by its words and not by its number: the numbers
 * differ between the products and are cut in some logs. Pure. Runs in `read`. */
#ifndef SEKIMORI_SOURCE_LOG_FWSM_H
#define SEKIMORI_SOURCE_LOG_FWSM_H

#include "model/event.h"
#include "source/log_text.h"

enum fwsm_what {
        FWSM_OTHER,    /* of no interest */
        FWSM_BUILT,    /* 302013, 302015, 302020, and 302001, 302005, 302009 of older ones */
        FWSM_TEARDOWN, /* 302014, 302016, 302021, and 302002, 302006, 302010 */
        FWSM_DENIED,   /* 106001, 106006, 106007, 106010, 106014, 106015, 106023, 106100, 710003, 710005 */
};

enum fwsm_direction { FWSM_UNKNOWN, FWSM_INBOUND, FWSM_OUTBOUND };

enum { FWSM_FOREIGN, FWSM_LOCAL, FWSM_ENDS }; /* denied: from, to */

struct fwsm_message {
        uint8_t what;
        uint8_t direction;
        uint8_t proto;     /* IPPROTO_*; ICMP for both families */
        bool has_duration; /* teardown */
        bool has_bytes;    /* teardown */
        bool has_icmp;     /* type and code are said */
        uint8_t tcp;       /* denied: TCP_SEEN_*, when has_flags */
        bool has_flags;    /* denied */
        uint64_t number;   /* of the connection; 0: not said */
        uint64_t count;    /* denied: how many times */
        struct addr addr[FWSM_ENDS];
        struct addr mapped; /* of the local end, where it is translated; else the same */
        uint16_t port[FWSM_ENDS];
        uint16_t icmp;
        uint64_t bytes;
        nsec_t duration;
        struct slice reason; /* teardown; may be empty */
        unsigned struck_out; /* addresses whose first part is struck out ("xxx"); it is read as 0 */
};

/* The text behind "%FWSM-6-302013: ". 0 (FWSM_OTHER for what is of no interest) or -EBADMSG. */
int log_fwsm_parse(struct slice text, struct fwsm_message *ret);

#endif
