/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is at home: the addresses that are ours, as configured (--home, `home:`). Pure; shared by
 * packets, logs and detectors. */
#ifndef SEKIMORI_CONFIG_HOME_H
#define SEKIMORI_CONFIG_HOME_H

#include "config/config.h"

struct home;

/* Copies the networks. 0 or -ENOMEM. */
int home_new(const struct config_cidrs *nets, struct home **ret);
void home_free(struct home *h);
DEFINE_FREEP(struct home, home_free)
bool home_has(const struct home *h, const struct addr *a);

/* Which of two ends are home hosts. */
enum home_side { HOME_NONE, HOME_SRC, HOME_DST, HOME_BOTH };
enum home_side home_side(const struct home *h, const struct addr *src, const struct addr *dst);

/* A host as unit of judgement: an IPv4 address, or the /64 of an IPv6 address. */
struct addr home_host(const struct addr *a);

#endif
