/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the kernel half's records to events: joins what was seen of one socket, says who opened it and who only
 * inherited it, and adds up its volume. Engine; no I/O. Caps: HOST_FLOWS flows (about 260 bytes each), HOST_SOCKETS
 * sockets (about 100 bytes); the ones unused longest go first, counted. Records are checked: a malformed one is counted
 * and dropped. */
#ifndef SEKIMORI_SOURCE_HOST_FLOWS_H
#define SEKIMORI_SOURCE_HOST_FLOWS_H

#include "base/table.h"
#include "source/source.h"

#define HOST_FLOWS   32768u
#define HOST_SOCKETS 32768u

struct host_flows;

/* `offset` is added to the records' times (boot time to engine time). */
int host_flows_new(const struct event_sink *sink, nsec_t offset, uint8_t source, struct host_flows **ret);
void host_flows_free(struct host_flows *f);
DEFINE_FREEP(struct host_flows, host_flows_free)

/* Takes one record of the ring or of a snapshot. 0, or -EBADMSG (counted). */
int host_flows_record(struct host_flows *f, const void *record, size_t len);
/* A snapshot's bytes, whole: tasks first, then sockets. Bytes that are no record are counted. All of it is told as of
 * one moment: when the listing began, or `latest` (boot time) if that was earlier, such as when records still wait in
 * the ring. So nothing that comes behind it lies back. */
void host_flows_snapshot(struct host_flows *f, const uint8_t *bytes, size_t len, nsec_t latest);

uint64_t host_flows_bad(const struct host_flows *f);
/* Evictions of entries still alive since the last call. */
uint64_t host_flows_take_evicted(struct host_flows *f);
void host_flows_get_stats(const struct host_flows *f, struct table_stats *ret_flows, struct table_stats *ret_sockets);

#endif
