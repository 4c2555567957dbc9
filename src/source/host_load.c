/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loads and attaches the kernel half of the host sensor; runs in the warden. Kernels differ in what they allow, so each
 * group of programs is chosen by what is found, and nothing requires one hook but the state machine of TCP and the
 * creation of tasks, which all kernels with BTF have. */
#include "source/host_load.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "host.skel.h"

#define LINKS_MAX 40

struct host_load {
        struct host_bpf *skel;
        struct bpf_link *links[LINKS_MAX];
        int n_links;
        int cgroup_fd;
};

/* What this kernel has; each is a choice between hooks. */
struct found {
        bool send_trace; /* tracepoints sock_send_length and sock_recv_length */
        bool functions;  /* fentry and fexit are allowed */
        bool direct;     /* __dev_direct_xmit can be hooked */
};

static int print_quietly(enum libbpf_print_level level _unused_, const char *format _unused_, va_list ap _unused_)
{
        return 0;
}

uint32_t host_ring_bytes(const struct config *config)
{
        uint32_t want = config->host.ring_kib * 1024u, n = 4096u * 16;

        while (n < want && n < 1u << 30)
                n *= 2;
        return n;
}

int host_find_cgroup2(char *ret_path, size_t size)
{
        FILE *f = setmntent("/proc/self/mounts", "r");
        struct mntent *m;
        int r = -ENOENT;

        if (!f)
                return -errno;
        while ((m = getmntent(f)) != NULL) {
                if (strcmp(m->mnt_type, "cgroup2") != 0)
                        continue;
                if ((size_t) snprintf(ret_path, size, "%s", m->mnt_dir) < size)
                        r = 0;
                break;
        }
        endmntent(f);
        return r;
}

static bool has_function(const struct btf *btf, const char *name)
{
        return btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;
}

static void find_hooks(const struct btf *btf, bool functions, struct found *ret)
{
        ret->send_trace = btf__find_by_name_kind(btf, "btf_trace_sock_send_length", BTF_KIND_TYPEDEF) > 0;
        ret->functions = functions;
        ret->direct = functions && has_function(btf, "__dev_direct_xmit");
}

static void choose(struct host_bpf *skel, const struct btf *btf, const struct found *f)
{
        struct bpf_program *const by_function[] = {
                skel->progs.on_inet_sendmsg,   skel->progs.on_inet6_sendmsg,       skel->progs.on_inet_sendpage,
                skel->progs.on_packet_sendmsg, skel->progs.on_packet_sendmsg_spkt, skel->progs.on_xsk_sendmsg,
                skel->progs.on_inet_recvmsg,   skel->progs.on_inet6_recvmsg,
        };

        bpf_program__set_autoload(skel->progs.on_send, f->send_trace);
        bpf_program__set_autoload(skel->progs.on_recv, f->send_trace);
        for (size_t i = 0; i < ELEMENTSOF(by_function); i++) {
                const char *section = bpf_program__section_name(by_function[i]); /* "fexit/inet_sendmsg" */
                const char *name = strchr(section, '/');

                bpf_program__set_autoload(by_function[i],
                                          !f->send_trace && f->functions && name && has_function(btf, name + 1));
        }
        bpf_program__set_autoload(skel->progs.on_direct, f->direct);
        skel->rodata->direct_seen = f->direct;
}

static int keep_link(struct host_load *l, struct bpf_link *link)
{
        if (!link)
                return errno ? -errno : -EINVAL;
        if (l->n_links >= LINKS_MAX) {
                bpf_link__destroy(link);
                return -ENOBUFS;
        }
        l->links[l->n_links++] = link;
        return 0;
}

static int attach(struct host_load *l)
{
        struct bpf_program *p;

        bpf_object__for_each_program(p, l->skel->obj)
        {
                enum bpf_prog_type type = bpf_program__type(p);
                int r;

                if (!bpf_program__autoload(p) || strncmp(bpf_program__section_name(p), "iter/", 5) == 0)
                        continue;
                errno = 0;
                if (type == BPF_PROG_TYPE_TRACING)
                        r = keep_link(l, bpf_program__attach(p));
                else
                        r = keep_link(l, bpf_program__attach_cgroup(p, l->cgroup_fd));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int load_once(const struct config *config, const struct btf *btf, bool functions, struct host_load **ret)
{
        _cleanup_(host_load_freep)
        struct host_load *l = calloc(1, sizeof(*l));
        char cgroup[256];
        struct found f = {0};
        struct timespec tick = {0};
        int r;

        if (!l)
                return -ENOMEM;
        l->cgroup_fd = -1;
        r = host_find_cgroup2(cgroup, sizeof(cgroup));
        if (r < 0)
                return -ENOSYS;
        l->cgroup_fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (l->cgroup_fd < 0)
                return -errno;
        l->skel = host_bpf__open();
        if (!l->skel)
                return -errno;
        find_hooks(btf, functions, &f);
        if (!f.send_trace && !f.functions)
                return -EOPNOTSUPP;
        choose(l->skel, btf, &f);
        clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
        if (tick.tv_nsec > 0)
                l->skel->rodata->ticks_per_second = (unsigned long long) (NSEC_PER_SEC / tick.tv_nsec);
        if (getrandom((void *) &l->skel->rodata->seed, sizeof(l->skel->rodata->seed), 0) < 0)
                return -errno;
        r = bpf_map__set_max_entries(l->skel->maps.ring, host_ring_bytes(config));
        if (r < 0)
                return r;
        r = host_bpf__load(l->skel);
        if (r < 0)
                return r;
        r = attach(l);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

/* Loads with function hooks, and where the kernel refuses those, without. */
static int load_best(const struct config *config, bool *ret_functions, struct host_load **ret)
{
        struct btf *btf;
        int r;

        libbpf_set_print(print_quietly);
        btf = btf__load_vmlinux_btf();
        if (!btf)
                return -ENOENT;
        *ret_functions = true;
        r = load_once(config, btf, true, ret);
        if (r < 0 && r != -ENOSYS && r != -ENOMEM) {
                int again = load_once(config, btf, false, ret);

                *ret_functions = false;
                /* Without rights both fail; the first says more when the second only lacks a choice. */
                r = again == -EOPNOTSUPP ? r : again;
        }
        btf__free(btf);
        return r;
}

static int open_iterator(struct bpf_program *p)
{
        struct bpf_link *link = bpf_program__attach_iter(p, NULL);
        int fd, r;

        if (!link)
                return -errno;
        fd = bpf_iter_create(bpf_link__fd(link));
        r = fd < 0 ? -errno : fd;
        bpf_link__destroy(link); /* the iterator keeps its program */
        return r;
}

int host_load_snapshot(struct host_load *l, struct source_fds *ret_fds)
{
        int tasks, sockets;

        tasks = open_iterator(l->skel->progs.list_tasks);
        if (tasks < 0)
                return tasks;
        sockets = open_iterator(l->skel->progs.list_sockets);
        if (sockets < 0) {
                close(tasks);
                return sockets;
        }
        memset(ret_fds, 0, sizeof(*ret_fds));
        for (int i = 0; i < HOST_FDS; i++)
                ret_fds->fd[i] = -1;
        ret_fds->fd[HOST_FD_TASKS] = tasks;
        ret_fds->fd[HOST_FD_SOCKETS] = sockets;
        ret_fds->n = HOST_FDS;
        return 0;
}

int host_load_descriptors(struct host_load *l, struct source_fds *ret_fds)
{
        struct source_fds fds;
        int ring, counters, r;

        r = host_load_snapshot(l, &fds);
        if (r < 0)
                return r;
        ring = fcntl(bpf_map__fd(l->skel->maps.ring), F_DUPFD_CLOEXEC, 3);
        counters = fcntl(bpf_map__fd(l->skel->maps.counters), F_DUPFD_CLOEXEC, 3);
        fds.fd[HOST_FD_RING] = ring;
        fds.fd[HOST_FD_COUNTERS] = counters;
        snprintf(fds.note, sizeof(fds.note), "eBPF: sends by thread from %s; packets past the queue from %s",
                 bpf_program__autoload(l->skel->progs.on_send) ? "sock_send_length" : "function hooks",
                 bpf_program__autoload(l->skel->progs.on_direct) ? "__dev_direct_xmit" : "the sender's memory");
        if (ring < 0 || counters < 0) {
                source_fds_close(&fds);
                return -EMFILE;
        }
        *ret_fds = fds;
        return 0;
}

int host_load_new(const struct config *config, struct source_fds *ret_fds, struct host_load **ret)
{
        _cleanup_(host_load_freep)
        struct host_load *l = NULL;
        bool functions = false;
        int r;

        r = load_best(config, &functions, &l);
        if (r < 0)
                return r;
        /* From here on only the kernel half writes the counters: a descriptor opened read-only could not be mapped. */
        if (bpf_map_freeze(bpf_map__fd(l->skel->maps.counters)) < 0)
                return -errno;
        r = host_load_descriptors(l, ret_fds);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

void host_load_free(struct host_load *l)
{
        if (!l)
                return;
        for (int i = 0; i < l->n_links; i++)
                bpf_link__destroy(l->links[i]);
        host_bpf__destroy(l->skel);
        if (l->cgroup_fd >= 0)
                close(l->cgroup_fd);
        free(l);
}

/* What is missing to load: rights, or the kernel's consent. */
static void put_refusal(struct buf *out)
{
        static const struct {
                unsigned capability;
                const char *name;
        } needed[] = {{CAP_BPF, "CAP_BPF"}, {CAP_PERFMON, "CAP_PERFMON"}, {CAP_NET_ADMIN, "CAP_NET_ADMIN"}};
        const char *separator = ": this process lacks ";

        buf_puts(out, "no right to load BPF programs");
        if (geteuid() != 0) {
                buf_puts(out, ": run as root\n");
                return;
        }
        capng_get_caps_process();
        for (size_t i = 0; i < ELEMENTSOF(needed); i++) {
                if (capng_have_capability(CAPNG_EFFECTIVE, needed[i].capability) ||
                    capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN))
                        continue;
                buf_printf(out, "%s%s", separator, needed[i].name);
                separator = ", ";
        }
        if (*separator == ',')
                buf_puts(out, ", as in a container that was not given them\n");
        else
                buf_puts(out,
                         ": the kernel refuses them even with all capabilities, as in a user namespace, by lockdown "
                         "or by a security module\n");
}

int host_load_probe(struct buf *out)
{
        _cleanup_(host_load_freep)
        struct host_load *l = NULL;
        const struct config small = {.host.ring_kib = 64};
        bool functions;
        int r = load_best(&small, &functions, &l);

        switch (r) {
        case 0:
                buf_printf(out, "works: sends by thread from %s, function hooks %s\n",
                           bpf_program__autoload(l->skel->progs.on_send) ? "sock_send_length" : "fexit",
                           functions ? "allowed" : "refused by this kernel");
                return 0;
        case -ENOENT:
                buf_puts(out, "this kernel has no BTF (/sys/kernel/btf/vmlinux)\n");
                return r;
        case -ENOSYS:
                buf_puts(out, "cgroup v2 is not mounted: mount -t cgroup2 none /sys/fs/cgroup/unified\n");
                return r;
        case -EPERM:
        case -EACCES:
                put_refusal(out);
                return r;
        default:
                buf_printf(out, "the kernel refused the programs: %s\n", strerror(-r));
                return r;
        }
}
