/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shapes in which another program does the work: a shell with nc, curl or bash, and this program under another name.
 * Runs in the bot; what it starts gets an empty environment, so that no proxy setting sends anything elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "base/buf.h"
#include "demo/sim.h"

#define SCRIPT_MAX   (96 * 1024) /* one argument may have 128 KiB */
#define ATTEMPTS_MAX 1000
#define ARGS_MAX     32
#define FALSE_NAME   "update-helper"

static char *const no_environment[] = {(char *) "PATH=/usr/local/bin:/usr/bin:/bin", NULL};

struct arguments {
        char *v[ARGS_MAX];
        size_t n;
        char texts[SIM_NETS_MAX + 4][ADDR_TEXT_MAX + 20];
        size_t n_texts;
};

static char *keep(struct arguments *a, const char *format, ...) _printf_(2, 3);
static char *keep(struct arguments *a, const char *format, ...)
{
        char *text = a->texts[a->n_texts++];
        va_list ap;

        va_start(ap, format);
        vsnprintf(text, sizeof(a->texts[0]), format, ap);
        va_end(ap);
        return text;
}

static void add(struct arguments *a, const char *name, const char *value)
{
        a->v[a->n++] = (char *) name;
        if (value)
                a->v[a->n++] = (char *) value;
}

/* The command line that makes this program carry out one order and end. */
static void tool_arguments(const struct sim_job *job, const char *argv0, struct arguments *a)
{
        char text[ADDR_TEXT_MAX];

        *a = (struct arguments){};
        add(a, argv0, "tool");
        add(a, "--order", job->order.text);
        add(a, "--shape", sim_shape_name(job->shape));
        for (size_t i = 0; i < job->space->n_nets; i++) {
                const struct cidr *net = &job->space->nets[i];
                unsigned bits = net->bits - (addr_is_v4(&net->base) ? 96U : 0U);

                add(a, "--targets", keep(a, "%s/%u", addr_format(&net->base, text), bits));
        }
        add(a, "--ports", keep(a, "%u-%u", job->space->port_lo, job->space->port_hi));
        if (!addr_is_unspecified(&job->forge_source))
                add(a, "--forge-source", keep(a, "%s", addr_format(&job->forge_source, text)));
}

static int copy_self(void)
{
        _cleanup_close_ int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = -EBADF;
        ssize_t n;

        to = memfd_create(FALSE_NAME, MFD_CLOEXEC);
        if (from < 0 || to < 0)
                return -errno;
        do {
                n = sendfile(to, from, NULL, 1 << 20);
        } while (n > 0);
        return n < 0 ? -errno : TAKE_FD(to);
}

int sim_shape_exec_self(struct sim_job *job)
{
        struct arguments a;
        int copy;
        pid_t pid = fork();

        if (pid != 0)
                return pid < 0 ? -errno : 0;
        sim_safety_inherit_clock();
        tool_arguments(job, FALSE_NAME, &a);
        (void) fcntl(job->result_fd, F_SETFD, 0);
        add(&a, "--result-fd", keep(&a, "%d", job->result_fd));
        copy = copy_self();
        if (copy >= 0)
                fexecve(copy, a.v, no_environment);
        /* A kernel may refuse to execute from memory: then at least the name is false. */
        execve("/proc/self/exe", a.v, no_environment);
        sim_work_end(job, -errno);
        _exit(1);
}

static bool has_program(const char *name)
{
        static const char *const folders[] = {"/usr/local/bin", "/usr/bin", "/bin"};
        char path[64];

        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                snprintf(path, sizeof(path), "%s/%s", folders[i], name);
                if (access(path, X_OK) == 0)
                        return true;
        }
        return false;
}

static bool can(const char *tool, enum sim_order_kind kind)
{
        if (strcmp(tool, "self") == 0)
                return true;
        if (!has_program(tool))
                return false;
        if (strcmp(tool, "nc") == 0)
                return kind == SIM_SCAN;
        if (strcmp(tool, "curl") == 0)
                return kind == SIM_SCAN || kind == SIM_GET;
        return kind == SIM_SCAN || kind == SIM_GET || kind == SIM_UDPFLOOD;
}

static const char *choose_tool(const struct sim_job *job)
{
        static const char *const tools[] = {"nc", "curl", "bash", "self"};

        for (size_t i = 0; i < ELEMENTSOF(tools); i++)
                if ((!job->tool || strcmp(job->tool, tools[i]) == 0) && can(tools[i], job->order.kind))
                        return tools[i];
        return NULL;
}

/* The targets, each through `format` (address, port), after its safety check. Address in brackets where wanted. */
static int put_targets(struct sim_job *job, struct buf *b, uint32_t n, const char *tool)
{
        for (uint32_t i = 0; i < n; i++) {
                struct sim_endpoint to = sim_space_pick(job->space, i);
                char text[ADDR_TEXT_MAX], whole[64];

                if (sim_safety_target(job->space, &to) < 0)
                        return -EPERM;
                addr_format(&to.addr, text);
                if (strcmp(tool, "nc") == 0)
                        buf_printf(b, "nc -n -z -w 1 %s %u </dev/null >/dev/null 2>&1 & said nc $!\n%s", text, to.port,
                                   i % 32 == 31 ? "wait\n" : "");
                else if (strcmp(tool, "curl") == 0)
                        buf_printf(b, " -o /dev/null http://%s/", sim_endpoint_format(&to, whole));
                else
                        buf_printf(b, " %s/%u", text, to.port);
        }
        return b->error;
}

static int put_bash(struct sim_job *job, struct buf *b, uint32_t n)
{
        int r;

        buf_puts(b, "timeout 20 bash -c 'printf "
                    "\"{\\\"event\\\":\\\"tool\\\",\\\"tool\\\":\\\"bash\\\",\\\"pid\\\":$$}\\n\"\n"
                    "for t in");
        r = put_targets(job, b, job->order.kind == SIM_SCAN ? n : 1, "bash");
        if (r < 0)
                return r;
        if (job->order.kind == SIM_SCAN)
                buf_puts(b, "; do { :; } 3<>/dev/tcp/$t; done");
        else if (job->order.kind == SIM_GET)
                buf_puts(b,
                         "; do { printf \"GET / HTTP/1.0\\r\\n\\r\\n\" >&3; read -t 2 x <&3; } 3<>/dev/tcp/$t; done");
        else
                buf_printf(b, "; do for ((i = 0; i < %u; i++)); do echo sekimori-sim >/dev/udp/$t; done; done", n);
        return buf_puts(b, "' 2>/dev/null & wait\n");
}

static int put_self(const struct sim_job *job, struct buf *b)
{
        struct arguments a;
        char path[512];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

        if (n < 0 || memchr(path, '\'', (size_t) n))
                return n < 0 ? -errno : -EINVAL;
        path[n] = '\0';
        tool_arguments(job, path, &a);
        for (size_t i = 0; i < a.n; i++)
                buf_printf(b, "'%s' ", a.v[i]);
        return buf_puts(b, "& said self $!; wait\n");
}

static int put_script(struct sim_job *job, struct buf *b, const char *tool, uint32_t n)
{
        int r = 0;

        buf_puts(b, "said() { printf '{\"event\":\"tool\",\"tool\":\"%s\",\"pid\":%d,\"ppid\":%d}\\n' $1 $2 $$; }\n");
        if (strcmp(tool, "self") == 0)
                return put_self(job, b);
        if (strcmp(tool, "bash") == 0)
                return put_bash(job, b, n);
        if (strcmp(tool, "curl") == 0)
                buf_puts(b, "curl -q -s -g --noproxy '*' -Z --parallel-immediate --connect-timeout 1 -m 2");
        r = put_targets(job, b, n, tool);
        if (r == 0 && strcmp(tool, "curl") == 0)
                r = buf_puts(b, " 2>/dev/null & said curl $!");
        return r < 0 ? r : buf_puts(b, "\nwait\n");
}

/* Everything is ready before the vfork(): the child only sets its clock, keeps one descriptor and executes. */
static pid_t spawn(char *const argv[], int keep_fd)
{
        pid_t pid = vfork();

        if (pid == 0) {
                sim_safety_inherit_clock();
                (void) fcntl(keep_fd, F_SETFD, 0); /* our own table of descriptors, despite the shared memory */
                execve(argv[0], argv, no_environment);
                _exit(127);
        }
        return pid < 0 ? -errno : pid;
}

int sim_shape_exec_shell(struct sim_job *job)
{
        _cleanup_(buf_done)
        struct buf script = BUF_HEAP(SCRIPT_MAX);
        const char *tool = choose_tool(job);
        uint32_t n = job->order.count;
        pid_t pid;
        int r;

        if (!tool)
                return -EOPNOTSUPP;
        if (job->order.kind == SIM_SCAN)
                n = MIN(MIN(n, sim_space_size(job->space)), (uint32_t) ATTEMPTS_MAX);
        r = put_script(job, &script, tool, n);
        if (r < 0)
                return r;
        pid = spawn((char *[]){(char *) "/bin/sh", (char *) "-c", script.data, NULL}, job->result_fd);
        if (pid < 0)
                return pid;
        /* No result comes through the pipe, only its end: this is what was asked for. */
        job->result.attempted = n;
        job->result.pid = pid;
        sim_say("spawned", "\"child\":%d,\"tool\":\"%s\",\"attempts\":%u", pid, tool, n);
        return 0;
}
