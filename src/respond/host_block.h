/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cuts a host off on a machine that passes its packets on (a gateway): an nftables set in the caller's network
 * namespace, from and to which nothing is forwarded, taken in or sent, open connections included. The kernel lets an
 * entry go by itself when its time is over. An IPv6 address that ends in 64 zero bits stands for its /64, as host
 * subjects do. Bridged packets are not touched. Needs CAP_NET_ADMIN only. Used by the keeper and by the command line,
 * not by two at once. */
#ifndef SEKIMORI_RESPOND_HOST_BLOCK_H
#define SEKIMORI_RESPOND_HOST_BLOCK_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/clock.h"

#define HOST_BLOCK_TABLE "sekimori_block"
#define HOST_BLOCK_MAX   65536 /* hosts of each family; the next one is refused */

/* What host_block_add() would do, for `nft -f -`. `span` 0: without end; otherwise whole seconds, rounded up. 0;
 * -EINVAL: the address stands for no host (unspecified, loopback, multicast, all of fe80::/64), or the span is
 * negative; or the buffer's error. */
int host_block_text(const struct addr *host, nsec_t span, struct buf *out);

/* Begins a block, or changes its end. 0; -EINVAL as above; -EADDRINUSE: it is an address of this machine, and blocking
 * it would cut off everybody; or what nft_run() says. `why` may be NULL. */
int host_block_add(const struct addr *host, nsec_t span, struct buf *why);
/* 0; -ENOENT: it is not blocked. The table goes with the last block. */
int host_block_remove(const struct addr *host, struct buf *why);
/* Ends all blocks and takes the table away. 0 also when there is none. */
int host_block_clear(struct buf *why);

/* Calls `each` for every block, in the order of addresses; `left` is 0 for one without end. 0 also when there is none.
 */
int host_block_list(void (*each)(const struct addr *host, nsec_t left, void *userdata), void *userdata,
                    struct buf *why);

#endif
