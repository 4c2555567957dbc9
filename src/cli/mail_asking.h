/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inquiry as `sekimori mail` makes it: from options and configuration, in three steps around the sandbox; and its
 * turns. Runs in `mail`. */
#ifndef SEKIMORI_CLI_MAIL_ASKING_H
#define SEKIMORI_CLI_MAIL_ASKING_H

#include "cli/mail_records.h"
#include "cli/mail_syns.h"
#include "daemon/sandbox.h"
#include "mail/inquiry_setup.h"
#include "mail/nmap.h"

struct mail_asking_params {
        const struct config *config;  /* outlives it, with all that follows */
        struct inquiry_more more;     /* but its log */
        struct mail_records *records; /* who was probed, and who may be; NULL: there are none */
        const char *packets;          /* a capture with SYNs; NULL: none */
        const char *nmap;             /* what `nmap -oX` wrote; NULL: none */
        const char *probe_log;        /* NULL: none */
        /* As in inquiry_params. */
        void (*done)(void *userdata, void *mail, const struct chain *chain, const struct record *record);
        bool (*stop)(void *userdata); /* asked now and then: true ends all at once */
        void *userdata;
};

struct mail_asking {
        struct mail_asking_params p;
        struct inquiry_setup *setup;
        struct inquiry *inquiry;
        struct mail_syns *syns;
        struct nmap *nmap;
        int log;
        bool stopped;
};

/* Before the sandbox: reads lists, opens what needs rights. 0, or negative with a sentence in `why`. */
int mail_asking_open(struct mail_asking *a, const struct mail_asking_params *params, struct buf *why);
void mail_asking_close(struct mail_asking *a);
/* What the sandbox must leave open. */
void mail_asking_need(const struct mail_asking *a, struct sandbox_engine_params *params);
/* Within it: reads the capture and the scan. 0, or negative with a sentence in `why`. */
int mail_asking_begin(struct mail_asking *a, struct buf *why);

/* Waits while too many are under way. 0 (done() is or will be called), or -ENOMEM. */
int mail_asking_add(struct mail_asking *a, const struct inquiry_mail *mail);
/* The same without a mail: asks about the address again. */
int mail_asking_again(struct mail_asking *a, const struct addr *addr, void *mail);
/* Takes in what came, without waiting. */
void mail_asking_look(struct mail_asking *a);
/* Until every mail had its done(). */
void mail_asking_finish(struct mail_asking *a);

#endif
