/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was seen here of addresses beyond the home network, for when one of them turns out to have sent mail: did it try
 * our hosts, was it used as a proxy, what did its SYN to a mail server of ours look like? Bounded; pure. Runs in the
 * engine. */
#ifndef SEKIMORI_DAEMON_STRANGERS_H
#define SEKIMORI_DAEMON_STRANGERS_H

#include "base/table.h"
#include "config/config.h"
#include "mail/inquiry.h"
#include "model/event.h"

#define STRANGERS_MAX 16384u /* 256 bytes each; the one seen longest ago goes */
/* Ends of ours (host and port) that did not answer it, within a day: one may be a typing error, and who talks to a
 * server that is down tries again, at the same place. */
#define STRANGERS_TRIES 6
#define STRANGERS_NEAR  (24 * 3600 * NSEC_PER_SEC) /* between what was seen and the mail */

struct strangers;

int strangers_new(const struct config *config, struct strangers **ret); /* 0 or -ENOMEM */
void strangers_free(struct strangers *s);
DEFINE_FREEP(struct strangers, strangers_free)

void strangers_event(struct strangers *s, const struct event *e);
/* A SYN to port 25 of a home host, seen at engine time `now`. */
void strangers_syn(struct strangers *s, const struct os_syn *syn, nsec_t now);
/* What is known of it around that engine time. */
void strangers_ask(struct strangers *s, const struct addr *a, nsec_t when, struct inquiry_seen *ret);
void strangers_get_stats(const struct strangers *s, struct table_stats *ret);

#endif
