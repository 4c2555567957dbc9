/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the postman's files share: postman.c (its life) and postman_mail.c (a mail's way). Not for others. */
#ifndef SEKIMORI_DAEMON_POSTMAN_INTERNAL_H
#define SEKIMORI_DAEMON_POSTMAN_INTERNAL_H

#include "daemon/maildirs.h"
#include "daemon/post.h"
#include "daemon/postman.h"
#include "mail/head.h"
#include "mail/inquiry_setup.h"

#define POSTMAN_UNDER_WAY 256

struct postman {
        const struct postman_params *params;
        struct config *reread; /* the configuration in force when it was read again; else NULL */
        const struct config *config;
        int fd, signal_fd;
        struct inquiry_setup *setup;
        struct maildirs *maildirs;
        struct inquiry *inquiry;
        struct postman_errand {
                bool used;
                struct maildirs_mail mail;
        } errands[POSTMAN_UNDER_WAY];
        char *head; /* HEAD_MAX bytes */
        struct post_state state;
        nsec_t told_at, told_since_at, told_since[MAILDIRS_ROOTS];
        uint64_t told_read; /* mails that had come by then */
        bool told_refused;
        bool ends;
        int status;
};

/* postman_mail.c */
int postman_mail_start(struct postman *m);
/* Some of the mails that wait. true: there are more. */
bool postman_mail_work(struct postman *m);

/* postman.c: ends the loop. */
void postman_end(struct postman *m, int status);
/* Asks the engine; without an answer the postman ends. */
int postman_ask(struct postman *m, struct post *p);

#endif
