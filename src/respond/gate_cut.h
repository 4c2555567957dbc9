/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ends connections to gated ports that were open before the gate was shut. Nothing of them gets out any more; told so
 * (ECONNABORTED), a declared sender connects anew at once, where it would wait for its time-outs else. Used by
 * `gate shut`. */
#ifndef SEKIMORI_RESPOND_GATE_CUT_H
#define SEKIMORI_RESPOND_GATE_CUT_H

#include <stdint.h>

#define GATE_CUT_MAX 65536 /* connections; of more, the rest waits for its time-outs */

/* TCP of the caller's network namespace, IPv4 and IPv6, loopback too. Needs CAP_NET_ADMIN. Returns how many, or
 * negative errno: -EOPNOTSUPP when this kernel cannot (CONFIG_INET_DIAG_DESTROY). */
int gate_cut_connections(const uint16_t *ports, unsigned n_ports);

#endif
