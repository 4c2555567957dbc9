/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who tells when devices or the gate's tables change: netlink, so that nothing has to be asked in turn. Runs in the
 * keeper. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "respond/gate_rules.h"

#define AUTHOR_WAIT_MS 50 /* for who did it */
/* A check adds and removes some four hundred rules, each of them a message; an answer that is lost looks like a change.
 */
#define RECEIVE_BYTES (4 << 20)
#define READS_MAX     1024 /* datagrams taken in one call */
#define DATAGRAM_MAX  32768

static int open_group(int protocol, int group, int *ret_fd)
{
        struct sockaddr_nl local = {.nl_family = AF_NETLINK};
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
        int size = RECEIVE_BYTES;

        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
                setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
        if (bind(fd, (struct sockaddr *) &local, sizeof(local)) < 0 ||
            setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* The table's name is the first attribute of all these messages. */
static bool is_ours(const struct nlmsghdr *message)
{
        static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 && NFTA_SET_TABLE == 1 &&
                              NFTA_SET_ELEM_LIST_TABLE == 1 && NFTA_OBJ_TABLE == 1 && NFTA_FLOWTABLE_TABLE == 1,
                      "attribute of the table's name");
        const struct nfgenmsg *header = NLMSG_DATA(message);
        size_t left = message->nlmsg_len, at = NLMSG_SPACE(sizeof(*header));

        if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
            NFNL_MSG_TYPE(message->nlmsg_type) == NFT_MSG_NEWGEN || left < at ||
            (header->nfgen_family != NFPROTO_INET && header->nfgen_family != NFPROTO_NETDEV))
                return false;
        while (left >= at + NLA_HDRLEN) {
                const struct nlattr *a = (const void *) ((const char *) message + at);

                if (a->nla_len < NLA_HDRLEN || a->nla_len > left - at)
                        return false;
                if ((a->nla_type & NLA_TYPE_MASK) == NFTA_TABLE_NAME)
                        return a->nla_len - NLA_HDRLEN == sizeof(GATE_RULES_TABLE) &&
                               memcmp((const char *) a + NLA_HDRLEN, GATE_RULES_TABLE, sizeof(GATE_RULES_TABLE)) == 0;
                at += NLA_ALIGN(a->nla_len);
        }
        return false;
}

static bool is_end(const struct nlmsghdr *message)
{
        return message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN);
}

/* The end of a transaction says whose it was; what it changed was told before it. */
static void take_author(const struct nlmsghdr *message, struct gate_rules_author *ret)
{
        size_t left = message->nlmsg_len, at = NLMSG_SPACE(sizeof(struct nfgenmsg));
        struct gate_rules_author author = {0};

        while (left >= at + NLA_HDRLEN) {
                const struct nlattr *a = (const void *) ((const char *) message + at);
                const char *value = (const char *) a + NLA_HDRLEN;
                size_t size = a->nla_len - (size_t) NLA_HDRLEN;

                if (a->nla_len < NLA_HDRLEN || a->nla_len > left - at)
                        return;
                if (a->nla_type == NFTA_GEN_PROC_PID && size == sizeof(uint32_t)) {
                        memcpy(&author.pid, value, sizeof(author.pid));
                        author.pid = ntohl(author.pid);
                } else if (a->nla_type == NFTA_GEN_PROC_NAME) {
                        snprintf(author.name, sizeof(author.name), "%.*s", (int) size, value);
                }
                at += NLA_ALIGN(a->nla_len);
        }
        *ret = author;
}

/* A new device has all bits of the change set, one with a new name none; the others went up or down. */
static bool is_device(const struct nlmsghdr *message)
{
        const struct ifinfomsg *info = NLMSG_DATA(message);

        if (message->nlmsg_len < NLMSG_SPACE(sizeof(*info)) || info->ifi_family != AF_UNSPEC)
                return false;
        return message->nlmsg_type == RTM_DELLINK ||
               (message->nlmsg_type == RTM_NEWLINK && (info->ifi_change == ~0U || info->ifi_change == 0));
}

static int read_all(int fd, bool (*matters)(const struct nlmsghdr *), struct gate_rules_author *ret)
{
        _Alignas(struct nlmsghdr) char datagram[DATAGRAM_MAX];
        struct pollfd more = {.fd = fd, .events = POLLIN};
        bool pending = false, waited = false;
        int found = 0;

        for (unsigned i = 0; i < READS_MAX || (pending && i < 16 * READS_MAX); i++) {
                struct sockaddr_nl from = {0};
                struct iovec piece = {.iov_base = datagram, .iov_len = sizeof(datagram)};
                struct msghdr m = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &piece, .msg_iovlen = 1};
                ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);

                if (n < 0 && errno == EINTR)
                        continue;
                /* The end of the transaction follows at once. */
                if (n < 0 && errno == EAGAIN && ret && pending && !waited) {
                        waited = true;
                        if (poll(&more, 1, AUTHOR_WAIT_MS) > 0)
                                continue;
                }
                if (n < 0)
                        return errno == EAGAIN || waited ? found : -errno;
                if (from.nl_pid != 0) /* not from the kernel */
                        continue;
                if (m.msg_flags & MSG_TRUNC)
                        found = 1;
                for (const struct nlmsghdr *h = (void *) datagram; NLMSG_OK(h, (size_t) n); h = NLMSG_NEXT(h, n))
                        if (matters(h)) {
                                found = 1;
                                pending = true;
                        } else if (ret && pending && is_end(h)) {
                                take_author(h, ret);
                                pending = false;
                        }
        }
        return found;
}

int gate_rules_watch_open(int *ret_fd)
{
        return open_group(NETLINK_NETFILTER, NFNLGRP_NFTABLES, ret_fd);
}

int gate_rules_watch_read(int fd, struct gate_rules_author *ret)
{
        return read_all(fd, is_ours, ret);
}

int gate_rules_links_open(int *ret_fd)
{
        return open_group(NETLINK_ROUTE, RTNLGRP_LINK, ret_fd);
}

int gate_rules_links_read(int fd)
{
        return read_all(fd, is_device, NULL);
}
