/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loads the kernel half of the gate, and finds one that is pinned. Runs in the warden, and in `sekimori gate` and
 * `block`. */
#include "respond/gate_load.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gate.skel.h"
#include "respond/gate_internal.h"
#include "source/host_load.h"

#define CGROUP_UNIX_CONNECT 49 /* BPF_CGROUP_UNIX_CONNECT of linux/bpf.h, since 6.7 */

static const char *const map_names[GATE_MAPS] = {
        [GATE_MAP_STATE] = "state",       [GATE_MAP_PROGRAMS] = "programs", [GATE_MAP_UNITS] = "units",
        [GATE_MAP_SESSIONS] = "sessions", [GATE_MAP_HANDS] = "hands",       [GATE_MAP_TOUCHED] = "touched",
        [GATE_MAP_LABELS] = "labels",     [GATE_MAP_PERMITS] = "permits",   [GATE_MAP_BLOCKS] = "blocks",
        [GATE_MAP_COUNTERS] = "counters", [GATE_MAP_RING] = "ring",         [GATE_MAP_BELL] = "bell",
};

/* What is read and written here; rings have no values. */
static const uint32_t value_sizes[GATE_MAPS] = {
        [GATE_MAP_STATE] = sizeof(struct gate_state),  [GATE_MAP_PROGRAMS] = sizeof(struct gate_program),
        [GATE_MAP_UNITS] = sizeof(uint32_t),           [GATE_MAP_SESSIONS] = sizeof(struct gate_session),
        [GATE_MAP_HANDS] = sizeof(struct gate_hand),   [GATE_MAP_TOUCHED] = sizeof(struct gate_touch),
        [GATE_MAP_LABELS] = sizeof(struct gate_label), [GATE_MAP_PERMITS] = sizeof(struct gate_permit),
        [GATE_MAP_BLOCKS] = sizeof(struct gate_block), [GATE_MAP_COUNTERS] = sizeof(uint64_t),
};

static int print_quietly(enum libbpf_print_level level _unused_, const char *format _unused_, va_list ap _unused_)
{
        return 0;
}

int gate_path(char *ret, size_t size, const char *folder, const char *kind, const char *name)
{
        int n = snprintf(ret, size, "%s/%s%s%s", folder, kind, *name ? "/" : "", name);

        return n < 0 || (size_t) n >= size ? -ENAMETOOLONG : 0;
}

/* Without which no gate holds; of the others a kernel may lack some. */
static bool is_needed(const char *name)
{
        return strcmp(name, "gate_sent") != 0 && strcmp(name, "gate_unix_sent") != 0 &&
               strcmp(name, "gate_tty_ioctl") != 0 && strcmp(name, "gate_connect_unix") != 0;
}

/* Run or attached by us on occasion. */
static bool is_occasional(const struct bpf_program *p)
{
        const char *section = bpf_program__section_name(p);

        return strncmp(section, "iter/", 5) == 0 || strcmp(section, "syscall") == 0 ||
               strcmp(bpf_program__name(p), "gate_sys_enter") == 0 || strcmp(bpf_program__name(p), "gate_sent") == 0 ||
               strcmp(bpf_program__name(p), "gate_unix_sent") == 0;
}

/* Nothing to do while the gate only learns: they cost something at every packet, datagram, socket or TCP state. */
static bool is_for_refusing(const struct bpf_program *p)
{
        static const char *const names[] = {"gate_egress",   "gate_sock_create", "gate_setsockopt",  "gate_sendmsg4",
                                            "gate_sendmsg6", "gate_tcp_state",   "gate_connect_unix"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(bpf_program__name(p), names[i]) == 0)
                        return true;
        return false;
}

/* Has the running kernel this value, by this name? */
static bool has_value(const struct btf *btf, const char *enumeration, const char *name, uint32_t value)
{
        const struct btf_type *t;
        const struct btf_enum *e;
        int id = btf__find_by_name_kind(btf, enumeration, BTF_KIND_ENUM);

        if (id <= 0)
                return false;
        t = btf__type_by_id(btf, (uint32_t) id);
        e = btf_enum(t);
        for (unsigned i = 0; i < btf_vlen(t); i++)
                if ((uint32_t) e[i].val == value && strcmp(btf__name_by_offset(btf, e[i].name_off), name) == 0)
                        return true;
        return false;
}

/* Function hooks first; where the kernel refuses those, without. */
static void choose(struct gate_bpf *skel, const struct btf *btf, bool functions)
{
        bool sends = btf__find_by_name_kind(btf, "btf_trace_sock_send_length", BTF_KIND_TYPEDEF) > 0;
        bool unix_addresses = has_value(btf, "bpf_attach_type", "BPF_CGROUP_UNIX_CONNECT", CGROUP_UNIX_CONNECT);

        /* libbpf of Debian 12 does not know the section yet. */
        bpf_program__set_autoload(skel->progs.gate_connect_unix, unix_addresses);
        (void) bpf_program__set_type(skel->progs.gate_connect_unix, BPF_PROG_TYPE_CGROUP_SOCK_ADDR);
        (void) bpf_program__set_expected_attach_type(skel->progs.gate_connect_unix,
                                                     (enum bpf_attach_type) CGROUP_UNIX_CONNECT);
        bpf_program__set_autoload(skel->progs.gate_sent, sends);
        bpf_program__set_autoload(skel->progs.gate_unix_sent, functions && !sends);
        bpf_program__set_autoload(skel->progs.gate_tty_ioctl, functions);
}

/* The maps of the one that is pinned: what they hold goes on. */
static int take_maps(struct gate_bpf *skel, const struct gate *old)
{
        struct bpf_map *m;

        if (!old)
                return 0;
        bpf_object__for_each_map(m, skel->obj)
        {
                char path[PATH_MAX];
                int fd, r;

                if (gate_path(path, sizeof(path), old->folder, "maps", bpf_map__name(m)) < 0)
                        return -ENAMETOOLONG;
                fd = bpf_obj_get(path);
                if (fd < 0)
                        continue; /* a map of the kernel half's own, such as a scratch pad */
                r = bpf_map__reuse_fd(m, fd);
                close(fd);
                if (r < 0)
                        return -EPROTO;
        }
        return 0;
}

static int load_skeleton(const struct gate *old, struct gate_bpf **ret)
{
        struct btf *btf = btf__load_vmlinux_btf();
        int r = -EIO;

        if (!btf)
                return -ENOENT;
        for (int functions = 1; functions >= 0; functions--) {
                struct gate_bpf *skel = gate_bpf__open();

                if (!skel) {
                        r = -errno;
                        break;
                }
                choose(skel, btf, functions);
                r = take_maps(skel, old);
                if (r == 0)
                        r = gate_bpf__load(skel);
                if (r == 0) {
                        *ret = skel;
                        break;
                }
                gate_bpf__destroy(skel);
                if (r == -EPROTO)
                        break;
        }
        btf__free(btf);
        return r;
}

/* Descriptors of all maps and programs, by number and name. */
static int collect(struct gate *g)
{
        struct bpf_program *p;

        for (unsigned i = 0; i < GATE_MAPS; i++) {
                const struct bpf_map *m = bpf_object__find_map_by_name(g->skel->obj, map_names[i]);

                g->maps[i] = m ? fcntl(bpf_map__fd(m), F_DUPFD_CLOEXEC, 3) : -1;
                if (g->maps[i] < 0)
                        return -EMFILE;
        }
        bpf_object__for_each_program(p, g->skel->obj)
        {
                struct gate_program_fd *at = &g->programs[g->n_programs];

                if (!bpf_program__autoload(p))
                        continue;
                if (g->n_programs >= GATE_PROGRAMS_MAX)
                        return -ENOBUFS;
                snprintf(at->name, sizeof(at->name), "%s", bpf_program__name(p));
                at->fd = fcntl(bpf_program__fd(p), F_DUPFD_CLOEXEC, 3);
                if (at->fd < 0)
                        return -EMFILE;
                g->n_programs++;
        }
        return 0;
}

static int open_cgroup(const char *cgroup)
{
        char root[256];
        int fd, r = 0;

        if (!cgroup) {
                r = host_find_cgroup2(root, sizeof(root));
                cgroup = root;
        }
        if (r < 0)
                return -ENOSYS;
        fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int attach_one(struct bpf_program *p, int cgroup_fd, struct bpf_link **ret)
{
        errno = 0;
        *ret = bpf_program__type(p) == BPF_PROG_TYPE_TRACING ? bpf_program__attach(p) :
                                                               bpf_program__attach_cgroup(p, cgroup_fd);
        return *ret ? 0 : errno ? -errno : -EINVAL;
}

static int attach(struct gate *g, bool refusing)
{
        struct bpf_program *p;

        bpf_object__for_each_program(p, g->skel->obj)
        {
                struct bpf_link *link;
                int r;

                if (!bpf_program__autoload(p) || is_occasional(p) || is_for_refusing(p) != refusing)
                        continue;
                r = attach_one(p, g->cgroup_fd, &link);
                if (r < 0) {
                        if (is_needed(bpf_program__name(p)))
                                return r;
                        continue;
                }
                snprintf(g->links[g->n_links].name, sizeof(g->links[0].name), "%s", bpf_program__name(p));
                g->links[g->n_links++].link = link;
        }
        return 0;
}

static struct gate *gate_new(void)
{
        struct gate *g = calloc(1, sizeof(*g));

        if (!g)
                return NULL;
        for (unsigned i = 0; i < GATE_MAPS; i++)
                g->maps[i] = -1;
        g->cgroup_fd = -1;
        return g;
}

int gate_load_over(const struct gate *old, const char *cgroup, struct gate **ret)
{
        _cleanup_(gate_closep)
        struct gate *g = gate_new();
        int r;

        libbpf_set_print(print_quietly);
        if (!g)
                return -ENOMEM;
        g->cgroup_fd = r = open_cgroup(cgroup);
        if (r >= 0)
                r = load_skeleton(old, &g->skel);
        if (r >= 0)
                r = collect(g);
        if (r >= 0)
                r = attach(g, false);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(g);
        return 0;
}

int gate_arm(struct gate *g)
{
        int r;

        if (!g->skel || g->pinned || g->armed)
                return 0; /* what is pinned has them all */
        r = attach(g, true);
        g->armed = r == 0;
        return r;
}

int gate_load(const char *cgroup, struct gate **ret)
{
        struct gate_state s = {.layout = GATE_LAYOUT};
        struct gate *g;
        int r = gate_load_over(NULL, cgroup, &g);

        if (r < 0)
                return r;
        r = gate_set_state(g, &s);
        if (r < 0) {
                gate_close(g);
                return r;
        }
        *ret = g;
        return 0;
}

static int open_programs(struct gate *g)
{
        static const char *const names[] = {"gate_flush",     "gate_join",         "gate_label_tasks",
                                            "gate_sys_enter", "gate_mark_sockets", "gate_spare_sockets",
                                            "gate_say",       "gate_sent",         "gate_unix_sent"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                struct gate_program_fd *at = &g->programs[g->n_programs];
                char path[PATH_MAX];

                if (gate_path(path, sizeof(path), g->folder, "programs", names[i]) < 0)
                        return -ENAMETOOLONG;
                at->fd = bpf_obj_get(path);
                if (at->fd < 0 && !is_needed(names[i]))
                        continue;
                if (at->fd < 0)
                        return -EPROTO;
                snprintf(at->name, sizeof(at->name), "%s", names[i]);
                g->n_programs++;
        }
        return 0;
}

/* The kernel copies values of the map's size, whatever room there is. */
static bool has_form(int fd, enum gate_map map)
{
        struct bpf_map_info info = {0};
        uint32_t size = sizeof(info);

        return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.value_size == value_sizes[map];
}

static int open_maps(struct gate *g)
{
        for (unsigned i = 0; i < GATE_MAPS; i++) {
                char path[PATH_MAX];

                if (gate_path(path, sizeof(path), g->folder, "maps", map_names[i]) < 0)
                        return -ENAMETOOLONG;
                g->maps[i] = bpf_obj_get(path);
                if (g->maps[i] < 0)
                        return i == 0 && errno == ENOENT ? -ENOENT : -EPROTO;
                if (!has_form(g->maps[i], i))
                        return -EPROTO;
        }
        return 0;
}

int gate_open(const char *folder, struct gate **ret)
{
        _cleanup_(gate_closep)
        struct gate *g = gate_new();
        struct gate_state s;
        int r;

        libbpf_set_print(print_quietly);
        if (!g)
                return -ENOMEM;
        g->pinned = true;
        if (snprintf(g->folder, sizeof(g->folder), "%s", folder) >= (int) sizeof(g->folder))
                return -ENAMETOOLONG;
        r = open_maps(g);
        if (r == 0)
                r = gate_get_state(g, &s);
        if (r == 0 && s.layout != GATE_LAYOUT)
                r = -EPROTO;
        if (r == 0)
                r = open_programs(g);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(g);
        return 0;
}

void gate_close(struct gate *g)
{
        if (!g)
                return;
        (void) gate_watch_typing(g, false);
        (void) gate_watch_requests(g, false);
        closep(&g->cgroup_fd);
        for (unsigned i = 0; i < g->n_links; i++)
                bpf_link__destroy(g->links[i].link); /* a pinned one stays in force */
        gate_bpf__destroy(g->skel);
        for (unsigned i = 0; i < g->n_programs; i++)
                close(g->programs[i].fd);
        for (unsigned i = 0; i < GATE_MAPS; i++)
                if (g->maps[i] >= 0)
                        close(g->maps[i]);
        free(g);
}
