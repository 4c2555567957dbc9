/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What gate_load.c, gate_pin.c and gate_use.c share: a gate as this process holds it. Not for others. */
#ifndef SEKIMORI_RESPOND_GATE_INTERNAL_H
#define SEKIMORI_RESPOND_GATE_INTERNAL_H

#include <limits.h>

#include "respond/gate_load.h"

#define GATE_PROGRAMS_MAX 32

struct bpf_link;
struct gate_bpf;

struct gate {
        struct gate_bpf *skel; /* NULL: found, not loaded */
        int maps[GATE_MAPS];
        struct gate_program_fd {
                char name[32];
                int fd;
        } programs[GATE_PROGRAMS_MAX];
        unsigned n_programs;
        struct {
                char name[32];
                struct bpf_link *link;
        } links[GATE_PROGRAMS_MAX];
        unsigned n_links;
        int cgroup_fd;        /* -1: found, not loaded */
        int typing, requests; /* link + 1 while system calls, or what is sent to brokers, are looked at */
        bool armed;
        bool pinned;
        char folder[PATH_MAX - 64];
};

/* gate_load.c: loads it with the maps of `old` (may be NULL). -EPROTO: they have another form. */
int gate_load_over(const struct gate *old, const char *cgroup, struct gate **ret);
/* FOLDER/KIND/NAME. 0 or -ENAMETOOLONG. */
int gate_path(char *ret, size_t size, const char *folder, const char *kind, const char *name);
/* gate_use.c: the files in a folder, and then itself. */
int gate_remove_files(const char *path);

#endif
