/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The postman: reads the mails that are delivered into watched Maildirs, has the inquiry (mail/inquiry.h) believe and
 * judge their relays, and hands the records to the engine, the store's only writer. A child of the warden that parses
 * hostile mail: an unprivileged user with at most the right to read, which sees the Maildirs and nothing else, may ask
 * DNS, and runs nothing. It lives no longer than the engine that it was made for; what it had in hand then, the next
 * one finds in the folders again. */
#ifndef SEKIMORI_DAEMON_POSTMAN_H
#define SEKIMORI_DAEMON_POSTMAN_H

#include <sys/types.h>

#include "daemon/daemon.h"

/* How it ends, beside 0 (told to) and 3 (it cannot work). */
#define POSTMAN_NOTHING 10 /* no Maildirs are configured */
#define POSTMAN_REREAD  11 /* another one must read the configuration */
#define POSTMAN_ENGINE  12 /* its engine is gone */
#define POSTMAN_RENEW   13 /* a Maildir is another folder now: another one must make its sandbox for that */

struct postman_params {
        const struct daemon_params *daemon;
        int engine_fd; /* questions to the engine */
        pid_t warden;  /* ends with it */
        bool reread;   /* the configuration is read again */
};

/* Runs in the forked child; returns its exit status. */
int postman_main(const struct postman_params *params);

#endif
