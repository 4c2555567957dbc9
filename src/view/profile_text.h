/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A home host's profile for people: a panel per service, as the source "many sensors" draws it for DNS: sessions,
 * interval, traffic, duration, addresses, port, and what there is in an hour. */
#ifndef SEKIMORI_VIEW_PROFILE_TEXT_H
#define SEKIMORI_VIEW_PROFILE_TEXT_H

#include "flow/profile.h"
#include "view/text.h"

#define PROFILE_TEXT_HOST_MAX (ADDR_TEXT_MAX + 4)

/* "10.0.0.5", or "2001:db8::/64". */
const char *profile_text_host(const struct addr *host, char text[static PROFILE_TEXT_HOST_MAX]);
/* Most used services first. */
void profile_text_put(struct buf *out, const struct profile_record *r, const struct text_look *look);
/* Since when it was seen: the beginning of its first session, while the record has the end. */
nsec_t profile_text_began(const struct profile_record *r);
/* The indexes of its services, most sessions first. */
void profile_text_order(const struct profile_record *r, uint8_t order[static PROFILE_SERVICES + PROFILE_ROLES]);

#endif
