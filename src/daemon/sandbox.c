/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Users, capabilities and Landlock: what a process may still reach after its start. The seccomp half is in
 * sandbox_filter.c. Runs in the warden and the engine. */
#include "daemon/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/sandbox_filter.h"

/* Neither exec by root nor ambient capabilities give any back, and a change of user goes on taking them. */
#define SECUREBITS_LOCKED                                                                                              \
        (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED |     \
         SECBIT_NO_SETUID_FIXUP_LOCKED)

static const struct {
        unsigned cap;
        const char *why;
} warden_caps[] = {
        {CAP_BPF, "loads the host sensor's programs and maps"},
        {CAP_PERFMON, "attaches them to tracepoints and functions"},
        {CAP_NET_ADMIN, "attaches them to control groups, and changes the gate's rules with nft"},
        {CAP_NET_RAW, "opens the capture socket"},
        {CAP_SYS_PTRACE, "reads which process holds which socket in /proc/PID/fd"},
        {CAP_DAC_READ_SEARCH, "opens other users' folders in /proc, and goes to who reads mail (mail.maildir)"},
        {CAP_KILL, "ends the engine, which runs as another user"},
        {CAP_SETUID, "makes a restarted engine another user"},
        {CAP_SETGID, "makes a restarted engine another group"},
        {CAP_SETPCAP, "takes every capability from a restarted engine for good"},
        {CAP_SYS_RESOURCE, "locks memory for maps on kernels before 5.11"},
};

/* Before Linux 5.8 there is no CAP_BPF, and BPF asks for CAP_SYS_ADMIN. */
#define OLD_BPF_CAP CAP_SYS_ADMIN
#define OLD_BPF_WHY "loads and attaches the host sensor's programs: this kernel is older than CAP_BPF"

static bool cap_exists(unsigned cap)
{
        return prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0;
}

void sandbox_explain_warden(struct buf *out)
{
        for (size_t i = 0; i < ELEMENTSOF(warden_caps); i++) {
                const char *name = capng_capability_to_name(warden_caps[i].cap);

                if (cap_exists(warden_caps[i].cap) && name)
                        (void) buf_printf(out, "%s: %s\n", name, warden_caps[i].why);
        }
        if (!cap_exists(CAP_BPF))
                (void) buf_printf(out, "%s: %s\n", capng_capability_to_name(OLD_BPF_CAP), OLD_BPF_WHY);
}

/* The warden's table as far as this kernel knows it and this process has it, as bits. */
static uint64_t warden_set(void)
{
        uint64_t set = 0;

        for (size_t i = 0; i < ELEMENTSOF(warden_caps); i++)
                if (cap_exists(warden_caps[i].cap) && capng_have_capability(CAPNG_PERMITTED, warden_caps[i].cap))
                        set |= UINT64_C(1) << warden_caps[i].cap;
        if (!cap_exists(CAP_BPF) && capng_have_capability(CAPNG_PERMITTED, OLD_BPF_CAP))
                set |= UINT64_C(1) << OLD_BPF_CAP;
        return set;
}

int sandbox_cut_warden(void)
{
        uint64_t set;

        if (geteuid() != 0)
                return 0;
        if (capng_get_caps_process() < 0)
                return -EIO;
        set = warden_set();
        capng_clear(CAPNG_SELECT_ALL);
        for (unsigned cap = 0; cap < 64; cap++)
                if (set & UINT64_C(1) << cap &&
                    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, cap) < 0)
                        return -EINVAL;
        return capng_apply(CAPNG_SELECT_ALL) < 0 ? -EPERM : 0;
}

/* True when no capability is left in any set. */
static bool powerless(void)
{
        return capng_get_caps_process() == 0 && capng_have_permitted_capabilities() == CAPNG_NONE &&
               capng_have_capabilities(CAPNG_SELECT_CAPS) == CAPNG_NONE &&
               capng_have_capabilities(CAPNG_SELECT_AMBIENT) == CAPNG_NONE;
}

/* The one that mailboxes need is left, or less. */
static bool can_only_read(void)
{
        if (capng_get_caps_process() < 0 || capng_have_capabilities(CAPNG_SELECT_AMBIENT) != CAPNG_NONE)
                return false;
        for (unsigned cap = 0; cap < 64; cap++)
                if (cap_exists(cap) && cap != CAP_DAC_READ_SEARCH &&
                    (capng_have_capability(CAPNG_PERMITTED, cap) || capng_have_capability(CAPNG_INHERITABLE, cap)))
                        return false;
        return true;
}

static int change_user(const char *user, bool reading)
{
        const struct passwd *pw = getpwnam(user);
        uid_t uid = 65534;
        gid_t gid = 65534;

        if (!pw)
                pw = getpwnam("nobody");
        if (pw) {
                uid = pw->pw_uid;
                gid = pw->pw_gid;
        }
        if (uid == 0 || gid == 0)
                return -EPERM;
        capng_clear(CAPNG_SELECT_ALL);
        if (reading && capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_DAC_READ_SEARCH) < 0)
                return -EPERM;
        if (capng_change_id((int) uid, (int) gid, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT) < 0)
                return -EPERM;
        return 0;
}

static int drop_user(const char *user, bool reading, uid_t *ret_uid)
{
        uid_t r_uid, e_uid, s_uid;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        if (geteuid() == 0) {
                int r;

                if (prctl(PR_SET_SECUREBITS, SECUREBITS_LOCKED, 0, 0, 0) < 0)
                        return -errno;
                r = change_user(user, reading);
                if (r < 0)
                        return r;
        } else {
                /* Capabilities a service manager may have given. */
                capng_clear(CAPNG_SELECT_ALL);
                if (capng_apply(CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT) < 0)
                        return -EPERM;
        }
        if (getresuid(&r_uid, &e_uid, &s_uid) < 0 || r_uid != e_uid || r_uid != s_uid || r_uid == 0 ||
            !(reading ? can_only_read() : powerless()))
                return -EPERM;
#ifndef SANDBOX_SANITIZED /* the leak sanitizer traces its own process at exit */
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return -errno;
#endif
        if (ret_uid)
                *ret_uid = r_uid;
        return 0;
}

int sandbox_drop_user(const char *user, uid_t *ret_uid)
{
        return drop_user(user, false, ret_uid);
}

int sandbox_drop_user_reading(const char *user)
{
        return drop_user(user, sandbox_landlock_abi() > 0, NULL);
}

int sandbox_die_with_parent(pid_t parent)
{
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
                return -errno;
        return getppid() == parent ? 0 : -ESRCH; /* it may have ended just before */
}

/* Landlock. Constants by number: the header may be older than the kernel (ABI in front). */
#define FS_EXECUTE    (1ULL << 0)    /* 1 */
#define FS_WRITE_FILE (1ULL << 1)    /* 1 */
#define FS_READ_FILE  (1ULL << 2)    /* 1 */
#define FS_READ_DIR   (1ULL << 3)    /* 1 */
#define FS_REMOVE     (3ULL << 4)    /* 1: folders and files */
#define FS_MAKE_DIR   (1ULL << 7)    /* 1 */
#define FS_MAKE_REG   (1ULL << 8)    /* 1 */
#define FS_MAKE_ALL   (0x7fULL << 6) /* 1: every kind of file */
#define FS_REFER      (1ULL << 13)   /* 2: rename and link between folders */
#define FS_TRUNCATE   (1ULL << 14)   /* 3 */
#define FS_IOCTL_DEV  (1ULL << 15)   /* 5 */
#define NET_TCP       3ULL           /* 4: bind, connect */
#define NET_CONNECT   2ULL
#define SCOPE_ALL     3ULL /* 6: abstract sockets and signals stay within the sandbox */

#define FS_READ  (FS_READ_FILE | FS_READ_DIR)
#define FS_STORE (FS_READ | FS_WRITE_FILE | FS_REMOVE | FS_MAKE_DIR | FS_MAKE_REG | FS_TRUNCATE)

struct ruleset_attr {
        uint64_t handled_access_fs;
        uint64_t handled_access_net; /* ABI 4 */
        uint64_t scoped;             /* ABI 6 */
};

struct path_beneath_attr {
        uint64_t allowed_access;
        int32_t parent_fd;
} __attribute__((packed));

struct net_port_attr {
        uint64_t allowed_access;
        uint64_t port;
};

#define RULE_PATH_BENEATH      1
#define RULE_NET_PORT          2
#define CREATE_RULESET_VERSION 1

int sandbox_landlock_abi(void)
{
        long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t) 0, CREATE_RULESET_VERSION);

        return abi > 0 ? (int) abi : 0;
}

static struct ruleset_attr ruleset_for(int abi, size_t *ret_size)
{
        struct ruleset_attr a = {.handled_access_fs = FS_EXECUTE | FS_READ | FS_WRITE_FILE | FS_REMOVE | FS_MAKE_ALL};

        *ret_size = sizeof(a.handled_access_fs);
        if (abi >= 2)
                a.handled_access_fs |= FS_REFER;
        if (abi >= 3)
                a.handled_access_fs |= FS_TRUNCATE;
        if (abi >= 4) {
                a.handled_access_net = NET_TCP;
                *ret_size = offsetof(struct ruleset_attr, scoped);
        }
        if (abi >= 5)
                a.handled_access_fs |= FS_IOCTL_DEV;
        if (abi >= 6) {
                a.scoped = SCOPE_ALL;
                *ret_size = sizeof(a);
        }
        return a;
}

static int allow_beneath(int ruleset, const char *path, uint64_t access, uint64_t handled)
{
        _cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
        struct path_beneath_attr attr = {.allowed_access = access & handled};
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode)) /* a rule on a file may not speak of folders */
                attr.allowed_access &= FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE;
        attr.parent_fd = fd;
        return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &attr, 0) < 0 ? -errno : 0;
}

static int allow_paths(int ruleset, const struct sandbox_engine_params *p, uint64_t handled)
{
        static const char *const readable[] = {
                "/etc/resolv.conf",
                "/etc/localtime",
                "/usr/share/zoneinfo",
                "/sys/fs/cgroup",
#ifdef SANDBOX_SANITIZED
                "/proc",
                "/usr/lib",
                "/usr/bin", /* the sanitizers' maps and symbols */
#endif
        };
        int r = p->store_dir ? allow_beneath(ruleset, p->store_dir, FS_STORE, handled) : 0;

        if (r == 0 && p->eve_dir)
                r = allow_beneath(ruleset, p->eve_dir, FS_STORE, handled);
        if (r == 0 && p->config_path_dir) {
                r = allow_beneath(ruleset, p->config_path_dir, FS_READ, handled);
                if (r == -ENOENT) /* no configuration is fine */
                        r = 0;
        }
        for (size_t i = 0; r == 0 && i < p->n_read_dirs; i++) {
                r = allow_beneath(ruleset, p->read_dirs[i], FS_READ, handled);
                if (r == -ENOENT || r == -EACCES)
                        r = 0;
        }
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(readable); i++) {
                r = allow_beneath(ruleset, readable[i], FS_READ, handled);
                if (r == -ENOENT || r == -EACCES)
                        r = 0;
        }
        return r;
}

static int allow_ports(int ruleset, const struct sandbox_engine_params *p, uint64_t handled)
{
        for (unsigned i = 0; p->dns_ports && handled && i < p->n_dns_ports; i++) {
                struct net_port_attr attr = {.allowed_access = NET_CONNECT, .port = p->dns_ports[i]};

                if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &attr, 0) < 0)
                        return -errno;
        }
        return 0;
}

static int restrict_files(const struct sandbox_engine_params *p, struct buf *note)
{
        _cleanup_close_ int ruleset = -EBADF;
        struct ruleset_attr attr;
        int abi = sandbox_landlock_abi(), r;
        size_t size;

        if (abi == 0) {
                (void) buf_puts(note, "Landlock: not in this kernel; the engine may read what its user may read\n");
                return 0;
        }
        attr = ruleset_for(abi, &size);
        ruleset = (int) syscall(SYS_landlock_create_ruleset, &attr, size, 0);
        if (ruleset < 0)
                return -errno;
        r = allow_paths(ruleset, p, attr.handled_access_fs);
        if (r == 0)
                r = allow_ports(ruleset, p, attr.handled_access_net);
        if (r < 0)
                return r;
        if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
                return -errno;
        (void) buf_printf(note, "Landlock: ABI %d%s%s\n", abi, abi < 3 ? ", truncating is not covered" : "",
                          abi < 6 ? ", signals are not covered" : "");
        return 0;
}

int sandbox_engine(const struct sandbox_engine_params *params, struct buf *note)
{
        int r;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        r = restrict_files(params, note);
        if (r < 0)
                return r;
        return sandbox_filter_engine(
                params->capture_fds, params->n_capture_fds,
                params->dns_ports ? (unsigned) SANDBOX_FILTER_DNS | (params->pings ? SANDBOX_FILTER_PING : 0u) : 0u,
                note);
}
