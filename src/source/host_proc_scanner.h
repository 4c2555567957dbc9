/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The scanner: a child of the warden that reads /proc for the engine, which may not. It keeps CAP_SYS_PTRACE and
 * CAP_DAC_READ_SEARCH, may open files only for reading, and ends when its socket closes. */
#ifndef SEKIMORI_SOURCE_HOST_PROC_SCANNER_H
#define SEKIMORI_SOURCE_HOST_PROC_SCANNER_H

/* Starts it and returns the engine's end of the socket pair (see host_proc_wire.h). `capture_fd` (-1: none) is
 * borrowed: the scanner keeps a copy to read its statistics. It is nobody's child: there is nothing to wait for. */
int host_proc_scanner_start(int capture_fd, int *ret_fd);

#endif
