/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What test_sandbox.c tries from within the sandbox. Each returns 0 when it worked, or the errno of its refusal. */
#ifndef SEKIMORI_TESTS_SANDBOX_ATTEMPTS_H
#define SEKIMORI_TESTS_SANDBOX_ATTEMPTS_H

#include <sys/types.h>

extern char store[], outside[]; /* folders: the sandbox opens the first */
extern int packet_fd;           /* stands for the capture descriptor; -1: no right to have one */
extern int channel[2];          /* a socket pair given to the child */
extern pid_t parent_pid;

int send_packet(long fd);
int try_shadow(void);
int try_passwd(void);
int try_create_outside(void);
int try_proc(void);
int try_exec(void);
int try_execveat(void);
int try_fork(void);
int try_bpf(void);
int try_inet(void);
int try_inet6(void);
int try_packet(void);
int try_netlink(void);
int try_vsock(void);
int try_inet_high_bits(void);
int try_bluetooth(void);
int try_ptrace(void);
int try_vm_write(void);
int try_kill(void);
int try_mount(void);
int try_unshare(void);
int try_setns(void);
int try_io_uring(void);
int try_perf(void);
int try_module(void);
int try_keyctl(void);
int try_pidfd_getfd(void);
int try_handle(void);
int try_userfaultfd(void);
int try_setuid(void);
int try_ambient(void);
int try_dumpable(void);
int try_executable_memory(void);
int try_x32(void);
int try_i386(void);
int try_send_packet(void);
int try_send_packet_high_bits(void);
int try_sendmsg_packet(void);
int try_write_packet(void);
int try_dup_packet(void);
int try_dupfd_packet(void);
int try_bind_packet(void);
int try_unfilter_packet(void);
int try_high_dup(void);
int try_pass_packet(void);
int may_read_packet_stats(void);
int may_open_store(void);
int may_sqlite(void);
int may_connect_unix(void);
int may_pass_descriptor(void);
int may_read_zone(void);
int may_thread(void);
int may_signal_itself(void);

#endif
