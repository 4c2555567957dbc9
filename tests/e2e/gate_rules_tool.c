/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls the gate's rules and the blocks of hosts from tests: one call for each run, in the namespace it is started in.
 * With
 * --bare it first gives up every capability but CAP_NET_ADMIN, and the way to get them back. Prints one JSON line. */
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "respond/gate_rules.h"
#include "respond/host_block.h"

#define PORTS_MAX   16
#define FORWARD_MAX 16

static uint16_t ports[PORTS_MAX];
static struct cidr forward[FORWARD_MAX];
static struct config_cidrs forwards = {.items = forward};
static struct gate_rules_params params = {.ports = ports, .mark = 1U << 27, .forward = &forwards};

static int say(const char *what, int r, const struct buf *text)
{
        _cleanup_(buf_done)
        struct buf line = BUF_HEAP(1 << 16);

        buf_printf(&line, "{\"event\":\"%s\",\"result\":%d,\"error\":\"%s\",\"text\":", what, r,
                   r < 0 ? strerrorname_np(-r) : "");
        buf_put_json(&line, buf_str(text), text->len);
        printf("%s}\n", buf_str(&line));
        fflush(stdout);
        return r < 0 ? 1 : 0;
}

static void give_up(void)
{
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

        data[0].permitted = data[0].effective = 1U << CAP_NET_ADMIN;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_capset, &header, data) < 0) {
                perror("giving up capabilities");
                exit(1);
        }
}

static int usage(void)
{
        fputs("usage: gate_rules_tool [--bare] text|apply|check PORT... [FORWARD...] | remove | watch |\n"
              "       block ADDRESS SPAN | unblock ADDRESS | blocks | clear | block-text ADDRESS SPAN\n",
              stderr);
        return 2;
}

static int read_params(int argc, char **argv)
{
        for (int i = 0; i < argc; i++)
                if (strpbrk(argv[i], ".:")) {
                        if (forwards.n == FORWARD_MAX || cidr_parse(argv[i], &forward[forwards.n++]) < 0)
                                return -EINVAL;
                } else {
                        if (params.n_ports == PORTS_MAX)
                                return -EINVAL;
                        ports[params.n_ports++] = (uint16_t) atoi(argv[i]);
                }
        return 0;
}

static int rules(const char *verb, struct buf *text)
{
        struct gate_rules_device *devices;
        unsigned n;
        int r;

        if (strcmp(verb, "apply") == 0)
                return say(verb, gate_rules_apply(&params, text), text);
        if (strcmp(verb, "check") == 0)
                return say(verb, gate_rules_check(&params, text), text);
        r = gate_rules_devices(&devices, &n, NULL);
        if (r < 0)
                return say(verb, r, text);
        r = gate_rules_text(&params, devices, n, text);
        fputs(buf_str(text), stdout);
        free(devices);
        return r < 0;
}

/* A line for each change, until standard input ends. */
static int watch(struct buf *text)
{
        struct pollfd p[3] = {{.events = POLLIN}, {.events = POLLIN}, {.fd = 0, .events = POLLIN}};
        int r;

        r = gate_rules_watch_open(&p[0].fd);
        if (r < 0 || gate_rules_links_open(&p[1].fd) < 0)
                return say("watch", r < 0 ? r : -EIO, text);
        say("watching", 0, text);
        while (poll(p, 3, -1) > 0 && !p[2].revents) {
                if (p[0].revents)
                        say("tables", gate_rules_watch_read(p[0].fd, NULL), text);
                if (p[1].revents)
                        say("links", gate_rules_links_read(p[1].fd), text);
        }
        return 0;
}

static void say_block(const struct addr *host, nsec_t left, void *userdata)
{
        char address[ADDR_TEXT_MAX], line[ADDR_TEXT_MAX + 40];
        struct buf text = BUF_FIXED(line);

        buf_printf(&text, "%s %lld", addr_format(host, address), (long long) (left / NSEC_PER_MSEC));
        say("blocked", 0, &text);
        (*(unsigned *) userdata)++;
}

static int blocks(int argc, char **argv, struct buf *text)
{
        struct addr host = {0};
        nsec_t span = 0;
        unsigned n = 0;
        int r;

        if (strcmp(argv[0], "clear") == 0)
                return say(argv[0], host_block_clear(text), text);
        if (strcmp(argv[0], "blocks") == 0) {
                r = host_block_list(say_block, &n, text);
                return say(argv[0], r < 0 ? r : (int) n, text);
        }
        if (argc < 2 || addr_parse(argv[1], &host) < 0 || (argc > 2 && clock_parse_span(argv[2], &span) < 0))
                return usage();
        if (strcmp(argv[0], "block") == 0)
                return say(argv[0], host_block_add(&host, span, text), text);
        if (strcmp(argv[0], "unblock") == 0)
                return say(argv[0], host_block_remove(&host, text), text);
        r = host_block_text(&host, span, text);
        fputs(buf_str(text), stdout);
        return r < 0;
}

int main(int argc, char **argv)
{
        _cleanup_(buf_done)
        struct buf text = BUF_HEAP(GATE_RULES_TEXT_MAX);

        if (argc > 1 && strcmp(argv[1], "--bare") == 0) {
                give_up();
                argc--;
                argv++;
        }
        if (argc < 2)
                return usage();
        if (strcmp(argv[1], "remove") == 0)
                return say(argv[1], gate_rules_remove(&text), &text);
        if (strcmp(argv[1], "watch") == 0)
                return watch(&text);
        if (strcmp(argv[1], "text") == 0 || strcmp(argv[1], "apply") == 0 || strcmp(argv[1], "check") == 0)
                return read_params(argc - 2, argv + 2) < 0 ? usage() : rules(argv[1], &text);
        return blocks(argc - 1, argv + 1, &text);
}
