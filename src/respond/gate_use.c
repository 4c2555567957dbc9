/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate's maps and its occasional programs, for the keeper, `sekimori gate` and `block`. */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "respond/gate_hash.h"
#include "respond/gate_internal.h"

#define ROUNDS_MAX 64 /* of a program that is run until nothing changes */

bool gate_is_pinned(const struct gate *g)
{
        return g->pinned;
}

int gate_map_fd(const struct gate *g, enum gate_map map)
{
        return g->maps[map];
}

static int program_fd(const struct gate *g, const char *name)
{
        for (unsigned i = 0; i < g->n_programs; i++)
                if (strcmp(g->programs[i].name, name) == 0)
                        return g->programs[i].fd;
        return -ENOENT;
}

int gate_remove_files(const char *path)
{
        DIR *d = opendir(path);
        const struct dirent *e;
        int r = 0;

        if (!d)
                return -errno;
        while ((e = readdir(d)) != NULL)
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && unlinkat(dirfd(d), e->d_name, 0) < 0)
                        r = -errno;
        closedir(d);
        return rmdir(path) < 0 && r == 0 ? -errno : r;
}

int gate_get_state(const struct gate *g, struct gate_state *ret)
{
        const uint32_t zero = 0;

        return bpf_map_lookup_elem(g->maps[GATE_MAP_STATE], &zero, ret) < 0 ? -errno : 0;
}

int gate_set_state(const struct gate *g, const struct gate_state *s)
{
        const uint32_t zero = 0;

        return bpf_map_update_elem(g->maps[GATE_MAP_STATE], &zero, s, BPF_ANY) < 0 ? -errno : 0;
}

void gate_fill_state(struct gate_state *s, const struct config *config)
{
        s->layout = GATE_LAYOUT;
        s->window = (uint64_t) config->gate.window;
        s->compose = (uint64_t) config->gate.compose;
        s->attempt = (uint64_t) config->gate.attempt;
        s->attempt_sockets = config->gate.attempt_sockets;
        s->mark = 1u << config->gate.mark;
        s->handover = config->gate.handover == HANDOVER_BLOCK ? GATE_HANDOVER_BLOCK : GATE_HANDOVER_WATCH;
        s->remote = config->gate.remote;
        s->asked_max = 2000;
        for (unsigned i = 0; i < GATE_PORTS; i++)
                s->ports[i] = i < config->gate.n_ports ? config->gate.ports[i] : 0;
}

int gate_set_mode(const struct gate *g, const struct config *config, enum gate_mode mode)
{
        struct gate_state s;
        int r = gate_get_state(g, &s);

        if (r < 0)
                return r;
        if (mode == GATE_SHUT && s.mode != GATE_SHUT)
                s.shut_since = (uint64_t) clock_boottime();
        if (mode != GATE_SHUT)
                s.shut_since = s.open_until = 0;
        s.mode = mode;
        gate_fill_state(&s, config);
        s.serial++;
        return gate_set_state(g, &s);
}

/* Attached by this process alone, and as long as it wants. */
static int watch(int *link, int program, bool on)
{
        int fd;

        if (on == (*link > 0))
                return 0;
        if (!on) {
                close(*link - 1);
                *link = 0;
                return 0;
        }
        if (program < 0)
                return program;
        fd = bpf_raw_tracepoint_open(NULL, program); /* how programs of that type are attached, as libbpf does */
        if (fd < 0)
                return -errno;
        *link = fd + 1;
        return 0;
}

int gate_watch_typing(struct gate *g, bool on)
{
        return watch(&g->typing, program_fd(g, "gate_sys_enter"), on);
}

int gate_watch_requests(struct gate *g, bool on)
{
        int fd = program_fd(g, "gate_sent");

        return watch(&g->requests, fd < 0 ? program_fd(g, "gate_unix_sent") : fd, on);
}

static int run_once(const struct gate *g, const char *name, void *context, uint32_t size)
{
        int fd = program_fd(g, name);
        LIBBPF_OPTS(bpf_test_run_opts, o, .ctx_in = context, .ctx_size_in = size);

        if (fd < 0)
                return fd;
        return bpf_prog_test_run_opts(fd, &o) < 0 ? -errno : 0;
}

int gate_flush(const struct gate *g)
{
        return run_once(g, "gate_flush", NULL, 0);
}

int gate_say(const struct gate *g, const struct gate_record *r)
{
        struct gate_record copy = *r;

        return run_once(g, "gate_say", &copy, sizeof(copy));
}

/* Until it changes nothing. Returns how many labels were changed. */
static int join(const struct gate *g, struct gate_joining *j)
{
        int changed = 0;

        for (int i = 0; i < ROUNDS_MAX; i++) {
                int r = run_once(g, "gate_join", j, sizeof(*j));

                if (r < 0)
                        return r;
                if (j->changed == 0)
                        break;
                changed += (int) j->changed;
        }
        return changed;
}

int gate_label_session(const struct gate *g, pid_t pid, unsigned session)
{
        struct gate_joining j = {.pid = (uint32_t) pid, .session = session + 1};
        struct gate_label l;
        int r = gate_label_get(g, pid, 0, &l);

        if (r < 0)
                return r;
        j.start = l.start;
        return join(g, &j);
}

int gate_label_block(const struct gate *g, pid_t pid, uint64_t start, unsigned block, uint32_t serial)
{
        struct gate_joining j = {.pid = (uint32_t) pid, .start = start, .block = block + 1, .block_serial = serial};

        return join(g, &j);
}

/* Runs an iterator to its end; `each` gets the words it writes. Returns how many. */
static int iterate(const struct gate *g, const char *name, void (*each)(void *userdata, uint32_t word), void *userdata)
{
        int program = program_fd(g, name), link, fd, count = 0;
        uint32_t words[1024];
        ssize_t n;

        if (program < 0)
                return program;
        link = bpf_link_create(program, 0, BPF_TRACE_ITER, NULL);
        if (link < 0)
                return -errno;
        fd = bpf_iter_create(link);
        close(link);
        if (fd < 0)
                return -errno;
        while ((n = read(fd, words, sizeof(words))) > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
                for (ssize_t i = 0; i < n / (ssize_t) sizeof(*words); i++, count++)
                        if (each)
                                each(userdata, words[i]);
        if (n < 0)
                count = -errno;
        close(fd);
        return count;
}

/* The environment a program was executed with: as look_at_piece() of gate_task.bpf.h? What cannot be read counts as
 * yes. */
static bool has_foreign_code(pid_t pid)
{
        char path[64], text[1 << 16];
        bool start = true, found = false;
        ssize_t n;
        int fd;

        snprintf(path, sizeof(path), "/proc/%d/environ", (int) pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, text, sizeof(text));
        if (fd >= 0)
                close(fd);
        if (n < 0 || n == (ssize_t) sizeof(text))
                return true;
        for (ssize_t i = 0; i + 7 < n && !found; i++) {
                found = start && (memcmp(text + i, "LD_PRE", 6) == 0 || memcmp(text + i, "LD_AUD", 6) == 0 ||
                                  memcmp(text + i, "LD_LIB", 6) == 0);
                start = text[i] == '\0';
        }
        return found;
}

static int look_inside(void *userdata, pid_t pid, const struct gate_label *l)
{
        const struct gate *g = userdata;
        struct gate_label changed = *l;

        if (!(l->flags & GATE_LABEL_GUESS) || l->flags & GATE_LABEL_FOREIGN ||
            !(l->kinds & (GATE_KIND_MAILER | GATE_KIND_TUI_MAILER | GATE_KIND_SUBMITTER)) || !has_foreign_code(pid))
                return 0;
        changed.flags |= GATE_LABEL_FOREIGN;
        return gate_label_put(g, pid, &changed);
}

int gate_label_present(const struct gate *g)
{
        for (int i = 0; i < ROUNDS_MAX; i++) {
                int n = iterate(g, "gate_label_tasks", NULL, NULL);

                if (n < 0)
                        return n;
                if (n == 0)
                        break;
        }
        return gate_label_each(g, look_inside, (void *) (uintptr_t) g);
}

int gate_label_get(const struct gate *g, pid_t pid, uint64_t start, struct gate_label *ret)
{
        const uint32_t key = (uint32_t) pid;
        struct gate_label l;

        if (bpf_map_lookup_elem(g->maps[GATE_MAP_LABELS], &key, &l) < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        if (start && l.start != start)
                return -ESRCH;
        *ret = l;
        return 0;
}

int gate_label_put(const struct gate *g, pid_t pid, const struct gate_label *l)
{
        const uint32_t key = (uint32_t) pid;

        return bpf_map_update_elem(g->maps[GATE_MAP_LABELS], &key, l, BPF_EXIST) < 0 ? -errno : 0;
}

int gate_label_each(const struct gate *g, int (*each)(void *userdata, pid_t pid, const struct gate_label *l),
                    void *userdata)
{
        uint32_t key, next;
        const uint32_t *at = NULL;
        int n = 0;

        /* A key that goes away meanwhile starts the walk anew: bounded all the same. */
        while (n++ < 4 * GATE_TASKS && bpf_map_get_next_key(g->maps[GATE_MAP_LABELS], at, &next) == 0) {
                struct gate_label l;
                int r;

                key = next;
                at = &key;
                if (gate_label_get(g, (pid_t) key, 0, &l) < 0)
                        continue;
                r = each(userdata, (pid_t) key, &l);
                if (r != 0)
                        return r;
        }
        return 0;
}

struct sharing {
        void (*shared)(void *userdata, pid_t pid);
        void *userdata;
};

static void on_shared(void *userdata, uint32_t pid)
{
        const struct sharing *s = userdata;

        if (s->shared)
                s->shared(s->userdata, (pid_t) pid);
}

int gate_block_sockets(const struct gate *g, void (*shared)(void *userdata, pid_t pid), void *userdata)
{
        struct sharing s = {.shared = shared, .userdata = userdata};
        int r = iterate(g, "gate_mark_sockets", NULL, NULL);

        if (r >= 0)
                r = iterate(g, "gate_spare_sockets", on_shared, &s);
        return r < 0 ? r : 0;
}

uint64_t gate_cgroup_key(const char *path)
{
        struct gate_hash hash = GATE_HASH_BEGIN;

        while (*path == '/') {
                __u64 name[GATE_NAME_WORDS] = {0};
                size_t n = strcspn(++path, "/");

                memcpy(name, path, MIN(n, sizeof(name) - 1));
                gate_hash_name(&hash, name);
                path += n;
        }
        return gate_hash_key(hash);
}

/* The program that a link of ours runs must be the one that is pinned. */
static int check_link(const struct gate *g, const char *name)
{
        struct bpf_link_info info = {0};
        struct bpf_prog_info program = {0};
        uint32_t size = sizeof(info), program_size = sizeof(program);
        char path[PATH_MAX];
        int fd, own, r = -ENOENT;

        snprintf(path, sizeof(path), "%s/links/%s", g->folder, name);
        fd = bpf_obj_get(path);
        snprintf(path, sizeof(path), "%s/programs/%s", g->folder, name);
        own = bpf_obj_get(path);
        if (fd >= 0 && own >= 0 && bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
            bpf_obj_get_info_by_fd(own, &program, &program_size) == 0 && info.prog_id == program.id &&
            (info.type != BPF_LINK_TYPE_CGROUP || info.cgroup.cgroup_id != 0)) /* 0: detached */
                r = 0;
        if (fd >= 0)
                close(fd);
        if (own >= 0)
                close(own);
        return r;
}

int gate_check(const struct gate *g, struct buf *what)
{
        static const char *const links[] = {"gate_connect4",   "gate_connect6", "gate_sendmsg4",    "gate_sendmsg6",
                                            "gate_setsockopt", "gate_egress",   "gate_sock_create", "gate_new_task",
                                            "gate_exit_task",  "gate_exec",     "gate_tcp_state"};
        static const char unix_link[] = "gate_connect_unix";
        char path[PATH_MAX];

        if (!g->pinned)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(links); i++) {
                int r = check_link(g, links[i]);

                if (r < 0) {
                        buf_puts(what, links[i]);
                        return r;
                }
        }
        /* Not on each kernel; what is pinned says whether on this one. */
        if (gate_path(path, sizeof(path), g->folder, "programs", unix_link) == 0 && access(path, F_OK) == 0 &&
            check_link(g, unix_link) < 0) {
                buf_puts(what, unix_link);
                return -ENOENT;
        }
        return 0;
}
