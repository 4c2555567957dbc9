/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading single things of /proc by descriptor of a process's folder. Runs in the scanner. */
#ifndef SEKIMORI_SOURCE_HOST_PROC_READ_H
#define SEKIMORI_SOURCE_HOST_PROC_READ_H

#include "source/host_proc_wire.h"
#include "source/proc_scan.h"

/* Clock ticks since boot as nanoseconds. */
uint64_t host_proc_read_ticks(uint64_t ticks);
/* The folder "<name>" beneath `dir`; negative errno. */
int host_proc_read_open(int dir, const char *name);
int host_proc_read_stat(int process, struct proc_stat *ret);
/* The inode of ns/<name>. */
int host_proc_read_namespace(int process, const char *name, uint32_t *ret);
/* Program, user, control group, login: what is readable; the rest stays as it was. */
void host_proc_read_details(int process, struct host_proc_process *p);
/* Only the program. */
void host_proc_read_program(int process, struct host_proc_process *p);

/* Calls for each line of a file beneath `dir`. -ENOENT when there is none. */
int host_proc_read_lines(int dir, const char *name, void (*line)(void *userdata, const char *line, size_t len),
                         void *userdata);
/* Calls for each socket among a process's descriptors. -EACCES when they may not be read. */
int host_proc_read_sockets(int process, void (*socket)(void *userdata, uint64_t inode), void *userdata);
/* The same for a process whose first thread has ended: its own folder then shows none. */
int host_proc_read_thread_sockets(int process, void (*socket)(void *userdata, uint64_t inode), void *userdata);
/* How many processes there are, and of how many the descriptors may not be read. */
int host_proc_read_hidden(const char *proc, unsigned *ret_all, unsigned *ret_hidden);

#endif
