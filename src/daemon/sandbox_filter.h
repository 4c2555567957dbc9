/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's seccomp filter. */
#ifndef SEKIMORI_DAEMON_SANDBOX_FILTER_H
#define SEKIMORI_DAEMON_SANDBOX_FILTER_H

#include "base/buf.h"

/* Address and leak sanitizers need calls that nobody else may make. */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif

/* What may be asked of the network: sockets of UDP and TCP; and pings. */
enum sandbox_filter_net { SANDBOX_FILTER_DNS = 1 << 0, SANDBOX_FILTER_PING = 1 << 1 };

/* Loads it for all threads of this process; see sandbox_engine(). `net`: enum sandbox_filter_net. 0 or negative errno.
 */
int sandbox_filter_engine(const int *capture_fds, unsigned n, unsigned net, struct buf *note);

#endif
