/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs nft(8), the one program through which tables of the packet filter are changed: in the caller's network
 * namespace, with CAP_NET_ADMIN and nothing else, an empty environment, and a limit on time and output. Needs no other
 * capability of the caller and works under NO_NEW_PRIVS. Used by the keeper and by the command line. */
#ifndef SEKIMORI_RESPOND_NFT_H
#define SEKIMORI_RESPOND_NFT_H

#include "base/buf.h"
#include "base/clock.h"

/* At boot it comes from a slow disk, and its kernel modules too. With 5 s the rules were once missing after the boot of
 * a loaded, emulated machine. */
#define NFT_TIMEOUT  (20 * NSEC_PER_SEC)
#define NFT_ARGS_MAX 14

/* `args`: what stands behind "nft", ends with NULL. `input` (may be NULL): standard input. `out` (may be NULL) gets
 * standard output; `why` (may be NULL) gets the first line of what nft complained about. 0; -ENOPKG: there is no nft;
 * -ETIMEDOUT; -ENOBUFS: `out` is too small; -EPERM, -ENOENT, -EEXIST, -EOPNOTSUPP: what the kernel said; -EIO: anything
 * else. */
int nft_run(const char *const *args, const char *input, struct buf *out, struct buf *why);

/* `nft -f -`: all of the text or nothing. */
int nft_load(const char *text, struct buf *why);

#endif
