/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori-gen: options, the list of cases, and the ground truth as JSON lines. A case sends, prints what it did, and
 * then holds everything open until its standard input ends, so that a slow observer can still look. */
#include "gen.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/ether.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "actor.h"
#include "loops.h"
#include "peer.h"
#include "send.h"

static const struct gen_case *const groups[] = {gen_cases_tcp,    gen_cases_udp,   gen_cases_icmp,
                                                gen_cases_packet, gen_cases_xdp,   gen_cases_uring,
                                                gen_cases_life,   gen_cases_share, gen_cases_netns};

socklen_t gen_addr_len(const union gen_addr *a)
{
        return a->sa.sa_family == AF_INET ? sizeof(a->in) : sizeof(a->in6);
}

uint16_t gen_addr_port(const union gen_addr *a)
{
        return ntohs(a->sa.sa_family == AF_INET ? a->in.sin_port : a->in6.sin6_port);
}

static union gen_addr with_port(union gen_addr a, uint16_t port)
{
        if (a.sa.sa_family == AF_INET)
                a.in.sin_port = htons(port);
        else
                a.in6.sin6_port = htons(port);
        return a;
}

union gen_addr gen_peer(const struct gen *g, int family, uint16_t port)
{
        return with_port(family == AF_INET ? g->peer4 : g->peer6, port);
}

union gen_addr gen_local(const struct gen *g, int family, uint16_t port)
{
        return with_port(family == AF_INET ? g->local4 : g->local6, port);
}

struct gen_expect *gen_expect(struct gen *g, int proto, int fd, const union gen_addr *remote)
{
        struct gen_expect *e = &g->expects[MIN(g->n_expects, GEN_EXPECTS_MAX - 1u)];
        socklen_t len = sizeof(e->local);

        *e = (struct gen_expect){.kind = "flow",
                                 .proto = proto,
                                 .netns = g->netns,
                                 .netns_cookie = g->netns_cookie,
                                 .packets = g->count};
        if (remote)
                e->remote = *remote;
        if (fd >= 0 && getsockname(fd, &e->local.sa, &len) < 0)
                e->local = (union gen_addr){0};
        if (g->n_expects < GEN_EXPECTS_MAX)
                g->n_expects++;
        return e;
}

void gen_note(struct gen_expect *e, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        vsnprintf(e->note, sizeof(e->note), format, ap);
        va_end(ap);
}

int gen_impossible(struct gen *g, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        vsnprintf(g->impossible, sizeof(g->impossible), format, ap);
        va_end(ap);
        return -EOPNOTSUPP;
}

int gen_failed(struct gen *g, int error, const char *what)
{
        error = error < 0 ? -error : error;
        if (error == EPROTONOSUPPORT || error == ESOCKTNOSUPPORT || error == EAFNOSUPPORT || error == ENOSYS ||
            error == ENOPROTOOPT || error == EOPNOTSUPP)
                return gen_impossible(g, "not on this kernel: %s: %s", what, strerror(error));
        fprintf(stderr, "sekimori-gen: %s: %s\n", what, strerror(error));
        return -error;
}

static void print_task(const char *key, const struct gen_task *t)
{
        if (key)
                printf("\"%s\":", key);
        printf("{\"pid\":%u,\"tid\":%u,\"start_min\":%" PRIu64 ",\"start_max\":%" PRIu64 "}", t->pid, t->tid,
               t->start_min, t->start_max);
}

static void print_endpoint(const char *key, const union gen_addr *a)
{
        char text[INET6_ADDRSTRLEN] = "";

        if (a->sa.sa_family == AF_INET)
                inet_ntop(AF_INET, &a->in.sin_addr, text, sizeof(text));
        else if (a->sa.sa_family == AF_INET6)
                inet_ntop(AF_INET6, &a->in6.sin6_addr, text, sizeof(text));
        printf("\"%s\":\"%s\",\"%s_port\":%u,", key, text, key, text[0] ? gen_addr_port(a) : 0);
}

static void print_expect(const char *name, const struct gen_expect *e)
{
        printf("{\"case\":\"%s\",\"possible\":true,\"kind\":\"%s\",\"proto\":%d,", name, e->kind, e->proto);
        print_endpoint("local", &e->local);
        print_endpoint("remote", &e->remote);
        printf("\"packets\":%u,\"netns\":[%" PRIu64 ",%" PRIu64 "],\"senders\":[", e->packets, e->netns,
               e->netns_cookie);
        for (unsigned i = 0; i < e->n_senders; i++) {
                const struct gen_sender *s = &e->senders[i];

                printf("%s{", i ? "," : "");
                print_task("task", &s->task);
                printf(",\"by_worker\":%s,\"chain\":[", s->by_worker ? "true" : "false");
                for (unsigned k = 0; k < s->n_chain; k++) {
                        printf("%s", k ? "," : "");
                        print_task(NULL, &s->chain[k]);
                }
                printf("]}");
        }
        printf("],\"others\":[");
        for (unsigned i = 0; i < e->n_others; i++) {
                printf("%s", i ? "," : "");
                print_task(NULL, &e->others[i]);
        }
        printf("],\"note\":\"%s\"}\n", e->note);
}

/* Until standard input ends or 30 s are over. */
static void hold(void)
{
        struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

        printf("{\"done\":true}\n");
        fflush(stdout);
        (void) poll(&p, 1, 30000);
}

static int run_case(struct gen *g, const struct gen_case *c)
{
        int r;

        g->netns = actor_netns();
        g->netns_cookie = actor_netns_cookie();
        r = actor_self(0, &g->self);
        if (r < 0) {
                fprintf(stderr, "sekimori-gen: /proc: %s\n", strerror(-r));
                return r;
        }
        r = peer_start(g);
        if (r < 0) {
                fprintf(stderr, "sekimori-gen: the peer does not start: %s\n", strerror(-r));
                return r;
        }
        r = c->run(g);
        if (r == -EOPNOTSUPP && g->impossible[0])
                printf("{\"case\":\"%s\",\"possible\":false,\"note\":\"%s\"}\n", c->name, g->impossible);
        else if (r < 0)
                printf("{\"case\":\"%s\",\"error\":\"%s\"}\n", c->name, strerror(-r));
        else
                for (unsigned i = 0; i < g->n_expects; i++)
                        print_expect(c->name, &g->expects[i]);
        hold();
        peer_stop(g);
        return r == -EOPNOTSUPP ? 0 : r;
}

static const struct gen_case *find_case(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(groups); i++)
                for (const struct gen_case *c = groups[i]; c->name; c++)
                        if (strcmp(c->name, name) == 0)
                                return c;
        return NULL;
}

static void list_cases(void)
{
        for (size_t i = 0; i < ELEMENTSOF(groups); i++)
                for (const struct gen_case *c = groups[i]; c->name; c++)
                        printf("%s\t%s\n", c->name, c->help);
}

/* Only the test networks and loopback: nothing ever leaves the machine. */
static bool parse_addr(const char *text, union gen_addr *ret)
{
        union gen_addr a = {0};

        if (inet_pton(AF_INET, text, &a.in.sin_addr) == 1) {
                uint32_t ip = ntohl(a.in.sin_addr.s_addr);

                a.in.sin_family = AF_INET;
                if (ip >> 16 != (10u << 8 | 77) && ip >> 24 != 127)
                        return false;
        } else if (inet_pton(AF_INET6, text, &a.in6.sin6_addr) == 1) {
                const uint8_t *b = a.in6.sin6_addr.s6_addr;

                a.in6.sin6_family = AF_INET6;
                if (!IN6_IS_ADDR_LOOPBACK(&a.in6.sin6_addr) && !(b[0] == 0xfd && b[1] == 0x77))
                        return false;
        } else
                return false;
        *ret = a;
        return true;
}

static void usage(FILE *f)
{
        fprintf(f,
                "usage: sekimori-gen [options] CASE\n"
                "       sekimori-gen --list\n"
                "       sekimori-gen --loop NAME [--operations N] [--chunks N]\n"
                "Sends a few packets in one way and prints who did, as JSON; ends when standard input ends.\n"
                "  --local4 A --local6 A   our addresses (10.77.0.1, fd77::1)\n"
                "  --peer4 A --peer6 A     destinations, in 10.77.0.0/16, fd77::/16 or loopback (10.77.0.2, fd77::2)\n"
                "  --peer-netns PATH       where the peer lives; default: here\n"
                "  --dev NAME              our end of the wire, for packet sockets (lo)\n"
                "  --peer-mac MAC          the other end's address\n"
                "  --count N               packets per case (8)\n");
        loops_usage(f);
}

struct cli {
        const char *loop;
        unsigned operations, chunks;
        bool list;
};

static int take_option(struct gen *g, struct cli *cli, int option)
{
        struct ether_addr *mac;
        bool ok = true;

        switch (option) {
        case '4':
                ok = parse_addr(optarg, &g->peer4) && g->peer4.sa.sa_family == AF_INET;
                break;
        case '6':
                ok = parse_addr(optarg, &g->peer6) && g->peer6.sa.sa_family == AF_INET6;
                break;
        case 'f':
                ok = parse_addr(optarg, &g->local4) && g->local4.sa.sa_family == AF_INET;
                break;
        case 's':
                ok = parse_addr(optarg, &g->local6) && g->local6.sa.sa_family == AF_INET6;
                break;
        case 'n':
                g->peer_netns = optarg;
                break;
        case 'd':
                snprintf(g->dev, sizeof(g->dev), "%s", optarg);
                break;
        case 'm':
                mac = ether_aton(optarg);
                ok = mac != NULL;
                if (ok)
                        memcpy(g->peer_mac, mac, sizeof(g->peer_mac));
                break;
        case 'c':
                g->count = (unsigned) atoi(optarg);
                ok = g->count >= 1 && g->count <= 1000;
                break;
        case 'l':
                cli->list = true;
                break;
        case 'L':
                cli->loop = optarg;
                break;
        case 'o':
                cli->operations = (unsigned) atoi(optarg);
                break;
        case 'k':
                cli->chunks = (unsigned) atoi(optarg);
                break;
        default:
                return -EINVAL;
        }
        if (!ok)
                fprintf(stderr, "sekimori-gen: not allowed: %s\n", optarg);
        return ok ? 0 : -EINVAL;
}

static int parse(struct gen *g, struct cli *cli, int argc, char **argv)
{
        static const struct option options[] = {{"peer4", required_argument, NULL, '4'},
                                                {"peer6", required_argument, NULL, '6'},
                                                {"local4", required_argument, NULL, 'f'},
                                                {"local6", required_argument, NULL, 's'},
                                                {"peer-netns", required_argument, NULL, 'n'},
                                                {"dev", required_argument, NULL, 'd'},
                                                {"peer-mac", required_argument, NULL, 'm'},
                                                {"count", required_argument, NULL, 'c'},
                                                {"list", no_argument, NULL, 'l'},
                                                {"loop", required_argument, NULL, 'L'},
                                                {"operations", required_argument, NULL, 'o'},
                                                {"chunks", required_argument, NULL, 'k'},
                                                {"help", no_argument, NULL, 'h'},
                                                {0}};
        int option, r;

        parse_addr("10.77.0.1", &g->local4);
        parse_addr("10.77.0.2", &g->peer4);
        parse_addr("fd77::1", &g->local6);
        parse_addr("fd77::2", &g->peer6);
        strcpy(g->dev, "lo");
        memset(g->peer_mac, 0xff, sizeof(g->peer_mac));
        g->count = GEN_PACKETS;
        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                if (option == 'h') {
                        usage(stdout);
                        exit(0);
                }
                r = take_option(g, cli, option);
                if (r < 0)
                        return r;
        }
        return 0;
}

int main(int argc, char **argv)
{
        struct gen g = {.program = "/proc/self/exe"};
        struct cli cli = {0};
        const struct gen_case *c;

        signal(SIGPIPE, SIG_IGN);
        if (argc > 1 && strcmp(argv[1], "helper-send") == 0)
                return send_helper(argc, argv);
        if (parse(&g, &cli, argc, argv) < 0) {
                usage(stderr);
                return 2;
        }
        if (cli.list) {
                list_cases();
                return 0;
        }
        if (cli.loop)
                return loops_run(&g, cli.loop, cli.operations, cli.chunks);
        c = optind == argc - 1 ? find_case(argv[optind]) : NULL;
        if (!c) {
                usage(stderr);
                return 2;
        }
        return run_case(&g, c) < 0;
}
