/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A complaint that came in: a mail that says that an address did harm. Read are ARF (RFC 5965, RFC 6692), X-ARF 0.2
 * (YAML) and XARF 3 and 4 (JSON), and SpamCop's own form. All in it is the word of whoever wrote it. Pure but for
 * GMime's memory; runs in whichever process reads whole mails. */
#ifndef SEKIMORI_MAIL_COMPLAINT_H
#define SEKIMORI_MAIL_COMPLAINT_H

#include "base/addr.h"
#include "base/clock.h"
#include "mail/slice.h"
#include "model/complaint.h"

#define COMPLAINT_MAX   (1u << 20) /* bytes of a mail that are read */
#define COMPLAINT_DEPTH 8          /* parts within parts */
#define COMPLAINT_PARTS 64
#define COMPLAINT_HOPS  8 /* of the mail that is complained about */
#define COMPLAINT_TEXT  64

enum complaint_format { COMPLAINT_ARF, COMPLAINT_XARF, COMPLAINT_SPAMCOP, COMPLAINT_FORMATS };

struct complaint {
        uint8_t format;                   /* enum complaint_format */
        uint8_t about;                    /* enum complaint_about (model/complaint.h) */
        struct addr accused;              /* unspecified: not said */
        struct addr hops[COMPLAINT_HOPS]; /* whom servers saw, by the Received: headers of that mail, from the top */
        unsigned n_hops;
        nsec_t time; /* when it was done; 0: not said */
        uint16_t port;
        uint32_t incidents;        /* at least 1 */
        char type[COMPLAINT_TEXT]; /* as it says: "abuse", "login-attack"; printable */
        char from[COMPLAINT_TEXT]; /* the domain that its From: names; "" none. Printable */
};

/* By its head alone: is it worth to read the whole mail? */
bool complaint_is_likely(const char *head, size_t len);

/* 0; -ENOMSG: no complaint; -EBADMSG: one that names no address, or cannot be read; -E2BIG. */
int complaint_read(const char *mail, size_t len, struct complaint *ret);

const char *complaint_format_name(unsigned format); /* "arf" */

#endif
