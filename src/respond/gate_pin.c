/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pins the kernel half of the gate on a bpffs of ours, so that it outlives every process; swaps it for a newer one
 * without a gap; takes it away. Runs in the warden, and in `sekimori gate` and `block`. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "gate.skel.h"
#include "respond/gate_internal.h"

static int mount_folder(const char *folder)
{
        struct statfs s;

        if (mkdir(folder, 0700) < 0 && errno != EEXIST)
                return -errno;
        if (statfs(folder, &s) < 0)
                return -errno;
        if ((unsigned long) s.f_type == BPF_FS_MAGIC)
                return 0;
        return mount("sekimori", folder, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") < 0 ? -errno : 0;
}

static int make_folders(const char *folder)
{
        static const char *const kinds[] = {"maps", "links", "programs"};

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                char path[PATH_MAX];

                if (gate_path(path, sizeof(path), folder, kinds[i], "") < 0)
                        return -ENAMETOOLONG;
                if (mkdir(path, 0700) < 0 && errno != EEXIST)
                        return -errno;
        }
        return 0;
}

/* Puts `fd` there, in place of what is there: at no moment is nothing there, whenever we end. */
static int pin_at(const char *folder, const char *kind, const char *name, int fd)
{
        char path[PATH_MAX], beside[PATH_MAX + 1];
        int r = gate_path(path, sizeof(path), folder, kind, name);

        if (r < 0)
                return r;
        snprintf(beside, sizeof(beside), "%s~", path);
        if (unlink(beside) < 0 && errno != ENOENT)
                return -errno;
        if (bpf_obj_pin(fd, beside) < 0)
                return -errno;
        return rename(beside, path) < 0 ? -errno : 0;
}

/* A link of a control group takes the new program where it stands, so that there is no moment without one. Links of
 * tracepoints cannot: both run for a moment, and say the same. */
static int swap_link(const char *folder, const char *name, struct bpf_link **link, int program_fd, bool cgroup)
{
        char path[PATH_MAX];
        int fd, r = gate_path(path, sizeof(path), folder, "links", name);

        if (r < 0)
                return r;
        fd = cgroup ? bpf_obj_get(path) : -1;
        if (fd >= 0) {
                r = bpf_link_update(fd, program_fd, NULL) < 0 ? -errno : 0;
                close(fd);
                if (r == 0) { /* and not twice */
                        bpf_link__destroy(*link);
                        *link = NULL;
                        return 0;
                }
        }
        return pin_at(folder, "links", name, bpf_link__fd(*link));
}

static int pin_everything(struct gate *g, const char *folder)
{
        struct bpf_map *m;
        int r = 0;

        bpf_object__for_each_map(m, g->skel->obj)
        {
                if (strchr(bpf_map__name(m), '.')) /* .rodata and its like */
                        continue;
                r = pin_at(folder, "maps", bpf_map__name(m), bpf_map__fd(m));
                if (r < 0)
                        return r;
        }
        for (unsigned i = 0; i < g->n_programs; i++) {
                r = pin_at(folder, "programs", g->programs[i].name, g->programs[i].fd);
                if (r < 0)
                        return r;
        }
        for (unsigned i = 0; i < g->n_links; i++) {
                const struct bpf_program *p = bpf_object__find_program_by_name(g->skel->obj, g->links[i].name);

                r = swap_link(folder, g->links[i].name, &g->links[i].link, bpf_program__fd(p),
                              bpf_program__type(p) != BPF_PROG_TYPE_TRACING);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Of another layout only the first two members are known. One that was shut stays shut, with the usual ports, until it
 * is told more: its maps begin empty. */
static void take_mode(const char *folder, struct gate_state *s)
{
        const uint32_t zero = 0;
        struct bpf_map_info info = {0};
        uint32_t size = sizeof(info), old[1024];
        char path[PATH_MAX];
        int fd;

        if (gate_path(path, sizeof(path), folder, "maps", "state") < 0)
                return;
        fd = bpf_obj_get(path);
        if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.value_size >= 2 * sizeof(*old) &&
            info.value_size <= sizeof(old) && bpf_map_lookup_elem(fd, &zero, old) == 0 && old[1] == GATE_SHUT) {
                s->mode = GATE_SHUT;
                s->shut_since = (uint64_t) clock_boottime();
                memcpy(s->ports, (uint16_t[]){25, 465, 587}, 3 * sizeof(*s->ports));
        }
        if (fd >= 0)
                close(fd);
}

int gate_pin(const char *folder, const char *cgroup, struct gate **ret)
{
        _cleanup_(gate_closep)
        struct gate *g = NULL, *old = NULL;
        struct gate_state s = {.layout = GATE_LAYOUT};
        int r = mount_folder(folder);

        if (r == 0)
                r = make_folders(folder);
        if (r < 0)
                return r;
        r = gate_open(folder, &old);
        if (r == 0)
                r = gate_get_state(old, &s);
        if (r < 0 && r != -ENOENT && r != -EPROTO)
                return r;
        if (r == -EPROTO)
                take_mode(folder, &s);
        r = gate_load_over(old, cgroup, &g);
        if (r == -EPROTO && old) /* a map changed its form without a new GATE_LAYOUT: as if it had one */
                r = gate_load_over(NULL, cgroup, &g);
        if (r == 0)
                r = gate_arm(g);
        if (r == 0)
                r = gate_set_state(g, &s);
        if (r == 0)
                r = pin_everything(g, folder);
        if (r < 0)
                return r;
        g->pinned = true;
        snprintf(g->folder, sizeof(g->folder), "%s", folder);
        *ret = TAKE_PTR(g);
        return 0;
}

static int empty_folder(const char *folder, const char *kind)
{
        char path[PATH_MAX];
        int r = gate_path(path, sizeof(path), folder, kind, "");

        return r < 0 ? r : gate_remove_files(path);
}

int gate_unpin(const char *folder)
{
        struct statfs s;

        if (statfs(folder, &s) < 0)
                return errno == ENOENT ? 0 : -errno;
        if ((unsigned long) s.f_type != BPF_FS_MAGIC)
                return rmdir(folder) < 0 && errno != ENOTEMPTY ? -errno : 0;
        (void) empty_folder(folder, "links");
        (void) empty_folder(folder, "programs");
        (void) empty_folder(folder, "maps");
        if (umount2(folder, MNT_DETACH) < 0 && errno != EINVAL)
                return -errno;
        return rmdir(folder) < 0 && errno != ENOENT ? -errno : 0;
}
