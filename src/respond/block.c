/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocks in the gate's maps: see block.h. */
#include "respond/block.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOREVER UINT64_MAX

static int get(const struct gate *g, uint32_t index, struct gate_block *ret)
{
        return bpf_map_lookup_elem(gate_map_fd(g, GATE_MAP_BLOCKS), &index, ret) < 0 ? -errno : 0;
}

static int put(const struct gate *g, uint32_t index, const struct gate_block *b)
{
        return bpf_map_update_elem(gate_map_fd(g, GATE_MAP_BLOCKS), &index, b, BPF_ANY) < 0 ? -errno : 0;
}

/* So that the kernel half asks for blocks while there are some. */
static int count_blocks(const struct gate *g)
{
        struct gate_state s;
        uint32_t n = 0;
        int r;

        for (uint32_t i = 0; i < GATE_BLOCKS; i++) {
                struct gate_block b;

                r = get(g, i, &b);
                if (r < 0)
                        return r;
                n += b.until > (uint64_t) clock_boottime();
        }
        r = gate_get_state(g, &s);
        if (r < 0 || s.blocks == n)
                return r;
        s.blocks = n;
        s.serial++;
        return gate_set_state(g, &s);
}

static bool holds(const struct gate_block *b)
{
        return b->until > (uint64_t) clock_boottime();
}

/* The one of this process, else a free place with the serial it must have. -ENOENT: not blocked. */
static int find(const struct gate *g, pid_t pid, uint64_t start, uint32_t *ret_index, struct gate_block *ret,
                uint32_t *ret_free)
{
        *ret_free = GATE_BLOCKS;
        for (uint32_t i = 0; i < GATE_BLOCKS; i++) {
                struct gate_block b;
                int r = get(g, i, &b);

                if (r < 0)
                        return r;
                if (holds(&b) && b.pid == (uint32_t) pid && b.start == start) {
                        *ret_index = i;
                        *ret = b;
                        return 0;
                }
                if (!holds(&b) && *ret_free == GATE_BLOCKS)
                        *ret_free = i;
        }
        return -ENOENT;
}

/* This program must go on, and so must what it runs beneath: the shell of who typed the command, sshd, systemd. */
static bool is_ours(const struct gate *g, pid_t pid)
{
        struct gate_label l;
        pid_t at = getpid();

        if (pid == 1)
                return true;
        for (int depth = 0; depth < 64 && at > 0; depth++) {
                if (at == pid)
                        return true;
                if (gate_label_get(g, at, 0, &l) < 0)
                        break;
                at = (pid_t) l.creator;
        }
        return false;
}

/* A packet socket sends past everything that asks whose it is. */
static unsigned packet_sockets_of(pid_t pid)
{
        char path[64], line[256], links[4096] = " ";
        unsigned n = 0;
        size_t len = 1;
        FILE *f;
        DIR *d;

        snprintf(path, sizeof(path), "/proc/%d/net/packet", (int) pid);
        f = fopen(path, "re");
        if (!f)
                return 0;
        while (fgets(line, sizeof(line), f) && len + 24 < sizeof(links)) {
                unsigned long long inode;
                const char *last = strrchr(line, ' ');

                for (const char *p = line; *p; p++) /* the last column */
                        if (*p == ' ' && p[1] != ' ' && p[1] != '\n' && p[1])
                                last = p;
                if (last && sscanf(last, "%llu", &inode) == 1)
                        len += (size_t) snprintf(links + len, sizeof(links) - len, "%llu ", inode);
        }
        fclose(f);
        snprintf(path, sizeof(path), "/proc/%d/fd", (int) pid);
        d = opendir(path);
        for (const struct dirent *e; d && (e = readdir(d)) != NULL;) {
                char target[64], word[32];
                ssize_t size = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);
                unsigned long long inode;

                if (size <= 0)
                        continue;
                target[size] = '\0';
                if (sscanf(target, "socket:[%llu]", &inode) != 1)
                        continue;
                snprintf(word, sizeof(word), " %llu ", inode);
                n += strstr(links, word) != NULL;
        }
        if (d)
                closedir(d);
        return n;
}

struct members {
        uint32_t block, serial;
        int (*each)(void *userdata, pid_t pid, uint64_t start);
        void *userdata;
};

static int member(void *userdata, pid_t pid, const struct gate_label *l)
{
        const struct members *m = userdata;

        return l->block == m->block && l->block_serial == m->serial ? m->each(m->userdata, pid, l->start) : 0;
}

int block_members(const struct gate *g, unsigned index, int (*each)(void *userdata, pid_t pid, uint64_t start),
                  void *userdata)
{
        struct members m = {.block = index + 1, .each = each, .userdata = userdata};
        struct gate_block b;
        int r = get(g, index, &b);

        if (r < 0)
                return r;
        m.serial = b.serial;
        return gate_label_each(g, member, &m);
}

static int count_member(void *userdata, pid_t pid, uint64_t start _unused_)
{
        struct block_result *r = userdata;

        r->processes++;
        r->packet_sockets += packet_sockets_of(pid);
        return 0;
}

static void count_shared(void *userdata, pid_t pid)
{
        struct block_result *r = userdata;

        r->shared++;
        r->sharing = pid;
}

static int check(const struct gate *g, pid_t pid, uint64_t start)
{
        struct gate_label l;
        int r = gate_label_get(g, pid, start, &l);

        return r < 0 ? r : is_ours(g, pid) ? -EPERM : 0;
}

int block_process(struct gate *g, pid_t pid, uint64_t start, nsec_t length, struct block_result *ret)
{
        struct block_result result = {0};
        struct gate_block b, old;
        uint32_t at, free_at;
        int r = check(g, pid, start);

        if (r < 0)
                return r;
        r = find(g, pid, start, &at, &b, &free_at);
        if (r < 0 && r != -ENOENT)
                return r;
        result.extended = r == 0;
        if (r == -ENOENT) {
                if (free_at >= GATE_BLOCKS)
                        return -ENOSPC;
                at = free_at;
                r = get(g, at, &old);
                if (r < 0)
                        return r;
                b = (struct gate_block){.serial = old.serial + 1, .pid = (uint32_t) pid, .start = start};
        }
        b.until = length ? (uint64_t) (clock_boottime() + length) : FOREVER;
        r = gate_arm(g);
        if (r == 0)
                r = put(g, at, &b);
        if (r == 0)
                r = count_blocks(g);
        if (r == 0)
                r = gate_label_block(g, pid, start, at, b.serial);
        if (r >= 0)
                r = gate_block_sockets(g, count_shared, &result);
        if (r >= 0)
                r = block_members(g, at, count_member, &result);
        if (r < 0)
                return r;
        result.index = at;
        *ret = result;
        return 0;
}

struct preview {
        const struct gate *gate;
        struct block_result result;
        uint64_t id;
        pid_t pid;
        uint64_t start;
};

/* As descends() of gate_task.bpf.h, without what only the join itself finds. */
static int count_descendant(void *userdata, pid_t pid, const struct gate_label *l)
{
        struct preview *p = userdata;
        bool in = pid == p->pid && l->start == p->start;

        for (unsigned i = 0; i < GATE_ANCESTORS; i++)
                in |= l->up[i] == p->id;
        return in ? count_member(&p->result, pid, l->start) : 0;
}

int block_preview(const struct gate *g, pid_t pid, uint64_t start, struct block_result *ret)
{
        struct preview p = {.gate = g, .id = gate_id((uint32_t) pid, start), .pid = pid, .start = start};
        int r = check(g, pid, start);

        if (r == 0)
                r = gate_label_each(g, count_descendant, &p);
        if (r < 0)
                return r;
        *ret = p.result;
        return 0;
}

int block_lift(const struct gate *g, pid_t pid, uint64_t start)
{
        struct gate_block b;
        uint32_t at, free_at;
        int r = find(g, pid, start, &at, &b, &free_at);

        if (r < 0)
                return r;
        b.until = 0;
        r = put(g, at, &b);
        return r < 0 ? r : count_blocks(g);
}

int block_expire(const struct gate *g)
{
        return count_blocks(g);
}

int block_each(const struct gate *g, int (*each)(void *userdata, unsigned index, const struct gate_block *b),
               void *userdata)
{
        for (uint32_t i = 0; i < GATE_BLOCKS; i++) {
                struct gate_block b;
                int r = get(g, i, &b);

                if (r == 0 && holds(&b))
                        r = each(userdata, i, &b);
                if (r != 0)
                        return r;
        }
        return 0;
}

int block_parse_process(const char *text, pid_t *ret_pid, uint64_t *ret_start)
{
        unsigned long long start = 0;
        char boot[16] = "", now[64] = "";
        int pid, n = 0;
        FILE *f;

        if (sscanf(text, "process:%d:%llu:%8[0-9a-f]%n", &pid, &start, boot, &n) == 3 && !text[n]) {
                f = fopen("/proc/sys/kernel/random/boot_id", "re");
                if (f && !fgets(now, sizeof(now), f))
                        now[0] = '\0';
                if (f)
                        fclose(f);
                if (strncmp(boot, now, 8) != 0)
                        return -ESTALE;
        } else if ((sscanf(text, "pid:%d%n", &pid, &n) != 1 || text[n]) &&
                   (sscanf(text, "%d%n", &pid, &n) != 1 || text[n]))
                return -EINVAL;
        if (pid <= 0)
                return -EINVAL;
        *ret_pid = pid;
        *ret_start = start;
        return 0;
}
