/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocks of hosts, kept by the kernel in sets with timeouts. Runs in the keeper and in the command line. */
#include "respond/host_block.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <jansson.h>
#include <netinet/in.h>

#include "respond/nft.h"

#define TEXT_MAX    16384
#define LISTING_MAX (32 << 20) /* two families of HOST_BLOCK_MAX entries in JSON, some 120 bytes each */
#define MASK_64     "ffff:ffff:ffff:ffff::"
/* Before every other chain: NF_IP_PRI_FIRST, linux/netfilter_ipv4.h. */
#define PRIORITY "-2147483648"

static const char *const chains[] = {"input", "forward", "output"};

static bool is_network(const struct addr *host)
{
        static const uint8_t zeros[8];

        return !addr_is_v4(host) && memcmp(host->b + 8, zeros, sizeof(zeros)) == 0;
}

static const char *set_of(const struct addr *host)
{
        return addr_is_v4(host) ? "hosts4" : is_network(host) ? "networks6" : "hosts6";
}

static bool is_host(const struct addr *host)
{
        return !addr_is_unspecified(host) && !addr_is_loopback(host) && !addr_is_multicast(host) &&
               !(is_network(host) && addr_is_link_local(host));
}

/* Made again each time: a chain that somebody else emptied is whole afterwards. */
static void put_table(struct buf *out)
{
        static const char sets[] = "\tset hosts4 {\n\t\ttype ipv4_addr; flags timeout; size %d\n\t}\n"
                                   "\tset hosts6 {\n\t\ttype ipv6_addr; flags timeout; size %d\n\t}\n"
                                   "\tset networks6 {\n\t\ttype ipv6_addr; flags timeout; size %d\n\t}\n"
                                   "\tcounter refused {\n\t}\n";

        buf_puts(out, "table inet " HOST_BLOCK_TABLE " {\n");
        buf_printf(out, sets, HOST_BLOCK_MAX, HOST_BLOCK_MAX, HOST_BLOCK_MAX);
        for (size_t i = 0; i < ELEMENTSOF(chains); i++)
                buf_printf(out, "\tchain %s {\n\t\ttype filter hook %s priority " PRIORITY "; policy accept\n\t}\n",
                           chains[i], chains[i]);
        buf_puts(out, "}\n");
        for (size_t i = 0; i < ELEMENTSOF(chains); i++) {
                buf_printf(out, "flush chain inet " HOST_BLOCK_TABLE " %s\n", chains[i]);
                for (int to = 0; to < 2; to++) {
                        const char *side = to ? "daddr" : "saddr", *rule = "add rule inet " HOST_BLOCK_TABLE;

                        if ((to && i == 0) || (!to && i == 2)) /* the other side is this machine */
                                continue;
                        buf_printf(out, "%s %s ip %s @hosts4 counter name refused drop\n", rule, chains[i], side);
                        buf_printf(out, "%s %s ip6 %s @hosts6 counter name refused drop\n", rule, chains[i], side);
                        buf_printf(out, "%s %s ip6 %s & " MASK_64 " @networks6 counter name refused drop\n", rule,
                                   chains[i], side);
                }
        }
}

static void put_element(const char *verb, const struct addr *host, const char *timeout, struct buf *out)
{
        char text[ADDR_TEXT_MAX];

        buf_printf(out, "%s element inet " HOST_BLOCK_TABLE " %s { %s%s }\n", verb, set_of(host),
                   addr_format(host, text), timeout);
}

int host_block_text(const struct addr *host, nsec_t span, struct buf *out)
{
        char timeout[40] = "";

        if (!is_host(host) || span < 0)
                return -EINVAL;
        if (span > 0)
                snprintf(timeout, sizeof(timeout), " timeout %llds", (long long) ((span - 1) / NSEC_PER_SEC + 1));
        put_table(out);
        /* Adding alone leaves the end of an older block as it is (before Linux 6.12). */
        put_element("add", host, "", out);
        put_element("delete", host, "", out);
        put_element("add", host, timeout, out);
        return out->error;
}

static bool is_mine(const struct addr *host, const struct sockaddr *sa)
{
        struct addr own;

        if (!sa)
                return false;
        if (sa->sa_family == AF_INET) {
                own = addr_from_v4(((const struct sockaddr_in *) sa)->sin_addr.s_addr);
                return addr_equal(host, &own);
        }
        if (sa->sa_family != AF_INET6)
                return false;
        memcpy(own.b, &((const struct sockaddr_in6 *) sa)->sin6_addr, sizeof(own.b));
        return memcmp(host->b, own.b, is_network(host) ? 8 : 16) == 0;
}

static int check_foreign(const struct addr *host)
{
        struct ifaddrs *all;
        int r = 0;

        if (getifaddrs(&all) < 0)
                return -errno;
        for (struct ifaddrs *i = all; i && r == 0; i = i->ifa_next)
                if (is_mine(host, i->ifa_addr))
                        r = -EADDRINUSE;
        freeifaddrs(all);
        return r;
}

int host_block_add(const struct addr *host, nsec_t span, struct buf *why)
{
        _cleanup_(buf_done)
        struct buf text = BUF_HEAP(TEXT_MAX);
        int r = host_block_text(host, span, &text);

        if (r < 0)
                return r;
        r = check_foreign(host);
        if (r == -EADDRINUSE && why)
                buf_puts(why, is_network(host) ? "an address of this machine is in that network" :
                                                 "it is an address of this machine");
        return r < 0 ? r : nft_load(buf_str(&text), why);
}

static void count_one(const struct addr *host, nsec_t left, void *userdata)
{
        (void) host;
        (void) left;
        (*(size_t *) userdata)++;
}

int host_block_remove(const struct addr *host, struct buf *why)
{
        _cleanup_(buf_done)
        struct buf text = BUF_HEAP(TEXT_MAX);
        size_t n = 0;
        int r;

        if (!is_host(host))
                return -EINVAL;
        put_element("delete", host, "", &text);
        r = nft_load(buf_str(&text), why);
        if (r < 0)
                return r;
        r = host_block_list(count_one, &n, why);
        return r < 0 || n > 0 ? r : host_block_clear(why);
}

int host_block_clear(struct buf *why)
{
        return nft_load("add table inet " HOST_BLOCK_TABLE "\ndelete table inet " HOST_BLOCK_TABLE "\n", why);
}

/* An element: "10.1.2.3", or {"elem": {"val": "10.1.2.3", "timeout": 3600, "expires": 3599}}. */
static bool read_element(const json_t *element, struct addr *ret_host, nsec_t *ret_left)
{
        const json_t *inner = json_object_get(element, "elem");
        const char *value = json_string_value(inner ? json_object_get(inner, "val") : element);
        json_int_t left = inner ? json_integer_value(json_object_get(inner, "expires")) : 0;

        if (!value || addr_parse(value, ret_host) < 0)
                return false;
        if (inner && json_object_get(inner, "expires"))
                *ret_left = MAX(left, 1) * NSEC_PER_SEC; /* in its last second it is still blocked */
        else
                *ret_left = 0;
        return true;
}

int host_block_list(void (*each)(const struct addr *host, nsec_t left, void *userdata), void *userdata, struct buf *why)
{
        static const char *const args[] = {"-j", "list", "table", "inet", HOST_BLOCK_TABLE, NULL};
        _cleanup_(buf_done)
        struct buf listing = BUF_HEAP(LISTING_MAX);
        char complaint_text[256];
        struct buf complaint = BUF_FIXED(complaint_text);
        int r = nft_run(args, NULL, &listing, &complaint);
        size_t i, j;
        json_t *root, *object, *element;

        if (r == -ENOENT)
                return 0;
        if (r < 0) {
                if (why)
                        buf_puts(why, buf_str(&complaint));
                return r;
        }
        root = json_loadb(listing.data, listing.len, 0, NULL);
        if (!root)
                return -EBADMSG;
        json_array_foreach(json_object_get(root, "nftables"), i, object)
        {
                json_array_foreach(json_object_get(json_object_get(object, "set"), "elem"), j, element)
                {
                        struct addr host;
                        nsec_t left;

                        if (read_element(element, &host, &left))
                                each(&host, left, userdata);
                }
        }
        json_decref(root);
        return 0;
}
