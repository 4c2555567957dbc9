/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Giving up rights, for good. The warden keeps the few capabilities it uses; the engine becomes an unprivileged user
 * without capabilities, sees only the folders it needs (Landlock) and may only make the system calls it needs
 * (seccomp). Order in the engine: sandbox_drop_user(), sandbox_die_with_parent(), sandbox_engine() before its first
 * thread. All return 0 or negative errno. The postman, who reads mail and asks DNS, does likewise. */
#ifndef SEKIMORI_DAEMON_SANDBOX_H
#define SEKIMORI_DAEMON_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

/* Becomes that user ("nobody" when there is none of that name) without supplementary groups or capabilities in any set,
 * locked so that no exec brings them back, with no_new_privs, and not to be dumped or traced. Without root the user
 * stays, the rest holds. *ret_uid may be NULL. -EPERM when rights would be left. */
int sandbox_drop_user(const char *user, uid_t *ret_uid);
/* The same, but one thing stays: reading what other users own (CAP_DAC_READ_SEARCH), for who reads mailboxes. Only for
 * who closes sandbox_engine() next, and only where Landlock says which folders those are: without it nothing stays. */
int sandbox_drop_user_reading(const char *user);

/* Ends this process with SIGKILL when `parent`, its parent now, ends. The kernel forgets this at each change of user:
 * call it after sandbox_drop_user(). -ESRCH when that parent is gone already. */
int sandbox_die_with_parent(pid_t parent);

/* Root keeps only the capabilities of the warden's table, also across exec (`nft`). Without root: nothing to do, 0. */
int sandbox_cut_warden(void);
/* One line per capability kept: its name and why. For `doctor` and the manual. */
void sandbox_explain_warden(struct buf *out);

struct sandbox_engine_params {
        const char *store_dir;       /* read and write beneath; NULL: none (the store is in memory) */
        const char *eve_dir;         /* read and write beneath; NULL: none */
        const char *config_path_dir; /* read beneath; NULL: none */
        char *const *read_dirs;      /* read beneath; one that is not there is left out */
        size_t n_read_dirs;
        const int *capture_fds; /* descriptors that nothing may be sent on, duplicated or reconfigured */
        unsigned n_capture_fds;
        const uint16_t *dns_ports; /* sockets of UDP and TCP may be made, to be connected: those of TCP to these ports
                                      only, where Landlock can say so. Then no Unix sockets. NULL: none */
        unsigned n_dns_ports;
        bool pings; /* with dns_ports: ping sockets as well */
};

/* Landlock and seccomp for the calling process. What this kernel cannot do is left out and said in `note` (a sentence
 * per line); only a seccomp filter that cannot be loaded is an error, or a folder that cannot be opened. Afterwards
 * nothing may be executed, no socket but AF_UNIX be made (see dns_ports), and no process be started: who tries is
 * killed. */
int sandbox_engine(const struct sandbox_engine_params *params, struct buf *note);

/* The Landlock ABI of this kernel; 0: none. */
int sandbox_landlock_abi(void);

#endif
