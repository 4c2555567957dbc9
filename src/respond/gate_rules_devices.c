/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which devices this network namespace has, and which of them send what others gave them: asked of the kernel,
 * RTM_GETLINK (rtnetlink(7)). Runs in the keeper and in the command line. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "respond/gate_rules.h"

#define LOOPBACK_INDEX 1 /* in every network namespace: LOOPBACK_IFINDEX, include/net/net_namespace.h */
#define DATAGRAM_MAX   (64 << 10)
#define ATTEMPTS       5          /* a device that comes or goes meanwhile makes the answer void */
#define READS_MAX      8192       /* datagrams of one answer */
#define ATTRIBUTES_MAX __IFLA_MAX /* a link's; of those within them there are fewer */

struct gathering {
        struct gate_rules_device *items;
        uint32_t index[GATE_RULES_DEVICES_MAX], tagging[GATE_RULES_DEVICES_MAX];
        unsigned n, n_tagging, more;
};

/* The attributes among `len` bytes by type; what is cut or too long is left out. */
static void parse(const void *at, size_t len, const struct nlattr *ret[static ATTRIBUTES_MAX])
{
        memset(ret, 0, ATTRIBUTES_MAX * sizeof(*ret));
        while (len >= NLA_HDRLEN) {
                const struct nlattr *a = at;
                size_t whole = NLA_ALIGN(a->nla_len);
                uint16_t type = a->nla_type & NLA_TYPE_MASK;

                if (a->nla_len < NLA_HDRLEN || a->nla_len > len)
                        return;
                if (type < ATTRIBUTES_MAX)
                        ret[type] = a;
                if (whole >= len)
                        return;
                at = (const char *) at + whole;
                len -= whole;
        }
}

static size_t size_of(const struct nlattr *a)
{
        return a->nla_len - (size_t) NLA_HDRLEN;
}

static const void *value_of(const struct nlattr *a)
{
        return (const char *) a + NLA_HDRLEN;
}

static bool is_text(const struct nlattr *a, const char *text)
{
        return a && strnlen(value_of(a), size_of(a)) == strlen(text) && memcmp(value_of(a), text, strlen(text)) == 0;
}

static uint32_t number_of(const struct nlattr *a)
{
        uint32_t n = 0;

        if (a && size_of(a) >= sizeof(n))
                memcpy(&n, value_of(a), sizeof(n));
        return n;
}

static void take_device(struct gathering *g, const struct nlmsghdr *h)
{
        const struct nlattr *link[ATTRIBUTES_MAX], *info[ATTRIBUTES_MAX] = {NULL};
        const struct ifinfomsg *m = NLMSG_DATA(h);
        struct gate_rules_device *d;
        size_t name;

        if (h->nlmsg_type != RTM_NEWLINK || h->nlmsg_len < NLMSG_SPACE(sizeof(*m)) || m->ifi_index == LOOPBACK_INDEX)
                return;
        parse((const char *) h + NLMSG_SPACE(sizeof(*m)), h->nlmsg_len - NLMSG_SPACE(sizeof(*m)), link);
        if (link[IFLA_LINKINFO])
                parse(value_of(link[IFLA_LINKINFO]), size_of(link[IFLA_LINKINFO]), info);
        name = link[IFLA_IFNAME] ? strnlen(value_of(link[IFLA_IFNAME]), size_of(link[IFLA_IFNAME])) : 0;
        if (name == 0 || name >= sizeof(d->name))
                return;
        if (g->n == GATE_RULES_DEVICES_MAX) {
                g->more++;
                return;
        }
        /* A VLAN's device, or a switch's port, upon one of this namespace. */
        if (link[IFLA_LINK] && !link[IFLA_LINK_NETNSID] &&
            (is_text(info[IFLA_INFO_KIND], "vlan") || is_text(info[IFLA_INFO_KIND], "dsa")))
                g->tagging[g->n_tagging++] = number_of(link[IFLA_LINK]);
        g->index[g->n] = (uint32_t) m->ifi_index;
        d = &g->items[g->n++];
        memcpy(d->name, value_of(link[IFLA_IFNAME]), name);
        d->name[name] = '\0';
        /* A bridge and a VRF leave a packet its route; a bond, a team and what else there is may not. */
        d->port = number_of(link[IFLA_MASTER]) && !is_text(info[IFLA_INFO_SLAVE_KIND], "bridge") &&
                  !is_text(info[IFLA_INFO_SLAVE_KIND], "vrf");
        d->tags = false;
}

/* 1: there is more to read; 0: that was all; -EINTR: it changed meanwhile. */
static int take_datagram(struct gathering *g, const char *datagram, size_t n)
{
        const struct nlmsghdr *h = (const void *) datagram;

        for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
                if (h->nlmsg_flags & NLM_F_DUMP_INTR)
                        return -EINTR;
                if (h->nlmsg_type == NLMSG_DONE)
                        return 0;
                if (h->nlmsg_type == NLMSG_ERROR) {
                        const struct nlmsgerr *e = NLMSG_DATA(h);

                        return h->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) && e->error < 0 ? e->error : -EIO;
                }
                take_device(g, h);
        }
        return 1;
}

static int ask(struct gathering *g, char *datagram)
{
        struct {
                struct nlmsghdr head;
                struct ifinfomsg info;
                struct nlattr mask_head;
                uint32_t mask;
        } question = {
                .head = {.nlmsg_len = sizeof(question),
                         .nlmsg_type = RTM_GETLINK,
                         .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
                .mask_head = {.nla_len = NLA_HDRLEN + sizeof(uint32_t), .nla_type = IFLA_EXT_MASK},
                .mask = RTEXT_FILTER_SKIP_STATS,
        };
        struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        int r = 1;

        g->n = g->n_tagging = g->more = 0;
        if (fd < 0 || sendto(fd, &question, sizeof(question), 0, (struct sockaddr *) &kernel, sizeof(kernel)) < 0)
                return -errno;
        for (unsigned i = 0; r > 0 && i < READS_MAX; i++) {
                struct sockaddr_nl from = {0};
                socklen_t size = sizeof(from);
                ssize_t n = recvfrom(fd, datagram, DATAGRAM_MAX, MSG_TRUNC, (struct sockaddr *) &from, &size);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > DATAGRAM_MAX)
                        return -EMSGSIZE;
                if (n > 0 && from.nl_pid == 0) /* from the kernel */
                        r = take_datagram(g, datagram, (size_t) n);
        }
        return r > 0 ? -EIO : r;
}

int gate_rules_devices(struct gate_rules_device **ret, unsigned *ret_n, unsigned *ret_more)
{
        _cleanup_free_ struct gathering *g = calloc(1, sizeof(*g));
        _cleanup_free_ char *datagram = malloc(DATAGRAM_MAX);
        int r = -EINTR;

        if (!g || !datagram)
                return -ENOMEM;
        g->items = calloc(GATE_RULES_DEVICES_MAX, sizeof(*g->items));
        if (!g->items)
                return -ENOMEM;
        for (unsigned i = 0; r == -EINTR && i < ATTEMPTS; i++)
                r = ask(g, datagram);
        if (r < 0 && r != -EINTR) {
                free(g->items);
                return r;
        }
        for (unsigned i = 0; i < g->n_tagging; i++)
                for (unsigned j = 0; j < g->n; j++)
                        g->items[j].tags |= g->index[j] == g->tagging[i];
        *ret = g->items;
        *ret_n = g->n;
        if (ret_more)
                *ret_more = g->more;
        return 0;
}
