/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A list of networks out of a file: one per line ("192.0.2.0/24", "2001:db8::1"), what stands behind # or ; is a
 * comment. For local block lists, allow-lists of probes and addresses that opted out. Pure but for netlist_load(); in
 * whichever process reads mail. */
#ifndef SEKIMORI_MAIL_NETLIST_H
#define SEKIMORI_MAIL_NETLIST_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/cleanup.h"

#define NETLIST_MAX      1000000u    /* networks; 32 MB */
#define NETLIST_TEXT_MAX (64u << 20) /* bytes of a file */

struct netlist;

int netlist_new(struct netlist **ret);
void netlist_free(struct netlist *l);
DEFINE_FREEP(struct netlist, netlist_free)

/* 0, -E2BIG, -ENOMEM. */
int netlist_add(struct netlist *l, const struct cidr *net);
/* Lines that are no network are left out and counted in *ret_bad (may be NULL); `why` (may be NULL) names the first. */
int netlist_add_text(struct netlist *l, const char *text, size_t len, struct buf *why, unsigned *ret_bad);
int netlist_load(struct netlist *l, const char *path, struct buf *why, unsigned *ret_bad);

/* Sorts and merges what was added since; to be called before netlist_has(). */
void netlist_ready(struct netlist *l);
bool netlist_has(const struct netlist *l, const struct addr *a); /* NULL has nothing */
size_t netlist_count(const struct netlist *l);                   /* ranges, after netlist_ready() */

#endif
