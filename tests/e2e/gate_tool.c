/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stands in for the keeper in tests: loads the kernel half of the gate at a control group of the test's own, writes its
 * maps as it is told on standard input, one command per line, and prints its records as JSON lines. Answers each
 * command with {"ok":N}; N negative: errno. Needs root. Usage: gate_tool CGROUP [FOLDER], gate_tool --unpin FOLDER */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "respond/gate_hash.h"
#include "respond/gate_load.h"
#include "source/host_ring.h"

static struct gate *gate;
static struct config *config;

static int put(enum gate_map map, const void *key, const void *value)
{
        return bpf_map_update_elem(gate_map_fd(gate, map), key, value, BPF_ANY) < 0 ? -errno : 0;
}

static int do_mode(enum gate_mode mode)
{
        int r = mode == GATE_SHUT ? gate_arm(gate) : 0;

        return r < 0 ? r : gate_set_mode(gate, config, mode);
}

/* The kernel half sees a script's path, and not its file. */
static bool is_script(const char *path)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        char head[2];

        return fd >= 0 && read(fd, head, sizeof(head)) == sizeof(head) && head[0] == '#' && head[1] == '!';
}

/* program KINDS SENDER UID PATH */
static int do_program(const char *args)
{
        struct gate_program p = {.id = 1};
        struct gate_program_key key = {0};
        struct stat st;
        int at = 0;

        if (sscanf(args, "%u %u %u %n", &p.kinds, &p.sender, &p.uid, &at) < 3 || !at)
                return -EINVAL;
        if (stat(args + at, &st) < 0)
                return -errno;
        p.id = (uint32_t) st.st_ino;
        key.ino = st.st_ino;
        key.dev = major(st.st_dev) << 20 | minor(st.st_dev);
        if (is_script(args + at)) {
                __u64 path[GATE_NAME_WORDS] = {0};

                memcpy(path, args + at, MIN(strlen(args + at), sizeof(path) - 1));
                key = (struct gate_program_key){.ino = gate_hash_path(path), .dev = GATE_DEV_SCRIPT};
        }
        return put(GATE_MAP_PROGRAMS, &key, &p);
}

/* session SLOT FLAGS UID HAND */
static int do_session(const char *args)
{
        struct gate_session s = {.name = "test"};
        uint32_t slot;

        if (sscanf(args, "%u %u %u %u", &slot, &s.flags, &s.uid, &s.hand) != 4)
                return -EINVAL;
        return put(GATE_MAP_SESSIONS, &slot, &s);
}

/* press HAND [PID]: a gesture, made to PID */
static int do_press(const char *args)
{
        struct gate_hand h;
        struct gate_touch touch;
        uint32_t hand, pid;
        int n = sscanf(args, "%u %u", &hand, &pid), r;

        if (n < 1 || bpf_map_lookup_elem(gate_map_fd(gate, GATE_MAP_HANDS), &hand, &h) < 0)
                return -EINVAL;
        h.time = touch.time = (uint64_t) clock_boottime();
        touch.seq = ++h.seq; /* goes on where a tool before this one stopped */
        r = put(GATE_MAP_HANDS, &hand, &h);
        return r < 0 || n < 2 ? r : put(GATE_MAP_TOUCHED, &pid, &touch);
}

/* rest HAND: nobody has pressed anything for long */
static int do_rest(const char *args)
{
        const uint32_t hand = (uint32_t) atoi(args);
        struct gate_hand h;

        if (bpf_map_lookup_elem(gate_map_fd(gate, GATE_MAP_HANDS), &hand, &h) < 0)
                return -errno;
        h.time = 0;
        h.seq = MAX(h.seq, (uint64_t) clock_boottime()); /* beyond whatever was used */
        return put(GATE_MAP_HANDS, &hand, &h);
}

/* once PID: allowed once by hand */
static int do_once(const char *args)
{
        struct gate_permit p = {.left = 1};
        struct gate_label l;
        const uint32_t pid = (uint32_t) atoi(args);
        int r = gate_label_get(gate, (pid_t) pid, 0, &l);

        p.start = l.start;
        p.until = (uint64_t) (clock_boottime() + 60 * NSEC_PER_SEC);
        return r < 0 ? r : put(GATE_MAP_PERMITS, &pid, &p);
}

/* open SECONDS: 0 shuts again */
static int do_open(const char *args)
{
        struct gate_state s;
        int r = gate_get_state(gate, &s);

        s.open_until = atoi(args) ? (uint64_t) (clock_boottime() + atoi(args) * NSEC_PER_SEC) : 0;
        return r < 0 ? r : gate_set_state(gate, &s);
}

static int do_unlabel(const char *args)
{
        const uint32_t pid = (uint32_t) atoi(args);

        return bpf_map_delete_elem(gate_map_fd(gate, GATE_MAP_LABELS), &pid) < 0 ? -errno : 0;
}

static int do_unit(const char *args)
{
        uint64_t key;
        uint32_t sender;
        int at = 0;

        if (sscanf(args, "%u %n", &sender, &at) < 1 || !at)
                return -EINVAL;
        key = gate_cgroup_key(args + at);
        return bpf_map_update_elem(gate_map_fd(gate, GATE_MAP_UNITS), &key, &sender, BPF_ANY) < 0 ? -errno : 0;
}

static void print_shared(void *userdata _unused_, pid_t pid)
{
        printf("{\"shared\":%d}\n", (int) pid);
}

static int count_blocks(int more)
{
        struct gate_state s;
        int r = gate_get_state(gate, &s);

        s.blocks += (uint32_t) more;
        return r < 0 ? r : gate_set_state(gate, &s);
}

/* block INDEX SECONDS PID: 0 seconds ends it */
static int do_block(const char *args)
{
        static uint32_t serial;
        struct gate_block b = {.serial = ++serial};
        struct gate_label l;
        uint32_t index, seconds;
        int pid, r;

        if (sscanf(args, "%u %u %d", &index, &seconds, &pid) != 3)
                return -EINVAL;
        if (seconds) {
                r = gate_label_get(gate, pid, 0, &l);
                if (r < 0)
                        return r;
                b.until = (uint64_t) (clock_boottime() + seconds * NSEC_PER_SEC);
                b.pid = (uint32_t) pid;
                b.start = l.start;
        }
        r = gate_arm(gate);
        if (r == 0)
                r = put(GATE_MAP_BLOCKS, &index, &b);
        if (r == 0)
                r = count_blocks(seconds ? 1 : -1);
        if (r < 0 || !seconds)
                return r;
        r = gate_label_block(gate, pid, b.start, index, b.serial);
        return r < 0 ? r : gate_block_sockets(gate, print_shared, NULL) < 0 ? -EIO : r;
}

static int do_label(const char *args)
{
        struct gate_label l;
        int r = gate_label_get(gate, atoi(args), 0, &l);

        if (r == 0)
                printf("{\"label\":{\"kinds\":%u,\"flags\":%u,\"session\":%u,\"creator\":%u,\"creator_kinds\":%u,"
                       "\"asker\":%u,\"terminal\":%u,\"block\":%u}}\n",
                       l.kinds, l.flags, l.session, l.creator, l.creator_kinds, l.asker, l.terminal, l.block);
        return r;
}

static int do_counters(void)
{
        for (uint32_t i = 0; i < GATE_COUNTERS; i++) {
                uint64_t n = 0;

                (void) bpf_map_lookup_elem(gate_map_fd(gate, GATE_MAP_COUNTERS), &i, &n);
                printf("{\"counter\":%u,\"n\":%" PRIu64 "}\n", i, n);
        }
        return 0;
}

static int do_check(void)
{
        char name[64];
        struct buf what = BUF_FIXED(name);
        int r = gate_check(gate, &what);

        if (r < 0)
                printf("{\"missing\":\"%s\"}\n", buf_str(&what));
        return r;
}

static int do_set(const char *args)
{
        char name[32];
        uint64_t n;

        if (sscanf(args, "%31s %" SCNu64, name, &n) != 2)
                return -EINVAL;
        if (strcmp(name, "window") == 0)
                config->gate.window = (nsec_t) n;
        else if (strcmp(name, "compose") == 0)
                config->gate.compose = (nsec_t) n;
        else if (strcmp(name, "attempt") == 0)
                config->gate.attempt = (nsec_t) n;
        else if (strcmp(name, "sockets") == 0)
                config->gate.attempt_sockets = (unsigned) n;
        else if (strcmp(name, "remote") == 0)
                config->gate.remote = n;
        else if (strcmp(name, "handover") == 0)
                config->gate.handover = n ? HANDOVER_BLOCK : HANDOVER_WATCH;
        else
                return -EINVAL;
        return 0;
}

static int obey(const char *line)
{
        static const struct {
                const char *name;
                int (*run)(const char *args);
        } verbs[] = {{"program", do_program}, {"session", do_session}, {"press", do_press},    {"unit", do_unit},
                     {"block", do_block},     {"label", do_label},     {"set", do_set},        {"rest", do_rest},
                     {"once", do_once},       {"open", do_open},       {"unlabel", do_unlabel}};
        size_t n = strcspn(line, " ");
        int pid, slot;

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strlen(verbs[i].name) == n && strncmp(line, verbs[i].name, n) == 0)
                        return verbs[i].run(line + n + (line[n] == ' '));
        if (sscanf(line, "join %d %d", &pid, &slot) == 2)
                return gate_label_session(gate, pid, (unsigned) slot);
        if (strcmp(line, "shut") == 0)
                return do_mode(GATE_SHUT);
        if (strcmp(line, "learn") == 0)
                return do_mode(GATE_LEARN);
        if (strcmp(line, "off") == 0)
                return do_mode(GATE_OFF);
        if (strcmp(line, "typing on") == 0 || strcmp(line, "typing off") == 0)
                return gate_watch_typing(gate, line[8] == 'n');
        if (strcmp(line, "flush") == 0)
                return gate_flush(gate);
        if (strcmp(line, "check") == 0)
                return do_check();
        if (strcmp(line, "sockets") == 0)
                return gate_block_sockets(gate, print_shared, NULL);
        if (strcmp(line, "counters") == 0)
                return do_counters();
        if (strcmp(line, "present") == 0)
                return gate_label_present(gate);
        return -EINVAL;
}

static void print_record(void *userdata _unused_, const void *record, size_t len)
{
        const struct gate_record *r = record;

        if (len < sizeof(*r))
                return;
        printf("{\"op\":%u,\"reason\":%u,\"denied\":%u,\"learn\":%u,\"family\":%u,\"port\":%u,\"pid\":%u,\"tid\":%u,"
               "\"asker\":%u,\"uid\":%u,\"kinds\":%u,\"session\":%u,\"sender\":%u,\"count\":%u,\"lost\":%u,\"comm\":\"%"
               "s\","
               "\"text\":\"%s\"}\n",
               r->op, r->reason, r->denied, r->learn, r->family, r->port, r->task.pid, r->task.tid, r->asker.pid,
               r->uid, r->kinds, r->session, r->sender, r->count, r->lost, r->comm, r->text);
}

int main(int argc, char **argv)
{
        struct host_ring *ring = NULL;
        char line[4096];
        int r;

        if (argc < 2 || config_new_default(&config) < 0)
                return 2;
        if (argc > 2 && strcmp(argv[1], "--unpin") == 0)
                return gate_unpin(argv[2]) < 0;
        r = argc > 2 ? gate_pin(argv[2], argv[1], &gate) : gate_load(argv[1], &gate);
        if (r == 0)
                r = gate_watch_requests(gate, true);
        if (r == 0)
                r = gate_label_present(gate);
        if (r == 0)
                r = host_ring_new(gate_map_fd(gate, GATE_MAP_RING), GATE_RING_BYTES, &ring);
        if (r < 0) {
                fprintf(stderr, "gate_tool: %s\n", strerror(-r));
                return r == -EPERM ? 77 : 1;
        }
        setvbuf(stdin, NULL, _IONBF, 0); /* poll() must see what is left */
        printf("{\"ready\":%d}\n", (int) getpid());
        for (;;) {
                struct pollfd p[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                      {.fd = host_ring_fd(ring), .events = POLLIN}};

                fflush(stdout);
                if (poll(p, 2, 20) < 0 && errno != EINTR)
                        return 1;
                while (host_ring_read(ring, 1000, print_record, NULL) > 0)
                        ;
                if (!p[0].revents)
                        continue;
                if (!fgets(line, sizeof(line), stdin))
                        return 0;
                line[strcspn(line, "\n")] = '\0';
                printf("{\"ok\":%d}\n", obey(line));
        }
}
