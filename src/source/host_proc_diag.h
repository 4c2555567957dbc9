/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One TCP connection by its addresses, from sock_diag: what /proc/net/tcp would say of it, without the whole table.
 * Runs in the scanner; asks about its own network namespace. */
#ifndef SEKIMORI_SOURCE_HOST_PROC_DIAG_H
#define SEKIMORI_SOURCE_HOST_PROC_DIAG_H

#include "source/host_proc_wire.h"
#include "source/proc_scan.h"

int host_proc_diag_open(int *ret_fd);
/* 0; -ENOENT when there is no such connection; another negative errno. */
int host_proc_diag_find(int fd, const struct host_proc_query *q, struct proc_socket *ret);

#endif
