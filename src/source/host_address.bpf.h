/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Kernel half of the host sensor: is an address one of this machine's? The devices of a network namespace are walked as
 * the kernel lists them. */
#ifndef SEKIMORI_SOURCE_HOST_ADDRESS_BPF_H
#define SEKIMORI_SOURCE_HOST_ADDRESS_BPF_H

#include "source/host_flow.bpf.h"

#define ARPHRD_LOOPBACK 772
#define DEVICES_MAX     64 /* of a namespace, compared with a source address; more: unsure */
#define ADDRESSES_MAX   64

static __always_inline bool device_has(struct net_device *dev, struct peer *p, bool v4, bool *unsure)
{
        if (v4) {
                struct in_ifaddr *a = BPF_CORE_READ(dev, ip_ptr, ifa_list);

                for (int i = 0; i < ADDRESSES_MAX; i++) {
                        if (!a)
                                return false;
                        if (BPF_CORE_READ(a, ifa_local) == (u32) (p->a[1] >> 32))
                                return true;
                        a = BPF_CORE_READ(a, ifa_next);
                }
        } else {
                struct inet6_dev *in6 = BPF_CORE_READ(dev, ip6_ptr);
                struct list_head *head = (void *) in6 + bpf_core_field_offset(struct inet6_dev, addr_list), *at;

                if (!in6)
                        return false;
                at = BPF_CORE_READ(head, next);
                for (int i = 0; i < ADDRESSES_MAX; i++) {
                        struct inet6_ifaddr *a;
                        u64 have[2];

                        if (!at || at == head)
                                return false;
                        a = (void *) at - bpf_core_field_offset(struct inet6_ifaddr, if_list);
                        bpf_core_read(have, sizeof(have), &a->addr);
                        if (have[0] == p->a[0] && have[1] == p->a[1])
                                return true;
                        at = BPF_CORE_READ(at, next);
                }
        }
        *unsure = true;
        return false;
}

/* A walk over the devices of a namespace, until one fits. */
struct device_walk {
        struct list_head *head, *at;
        struct peer *source; /* looked for, or NULL: the device `ifindex` (0: any) is */
        struct net_device *found;
        int ifindex;
        bool v4, unsure, ended;
};

static long visit_device(u32 i, struct device_walk *w)
{
        struct list_head *at = w->at;
        struct net_device *dev;

        if (!at || at == w->head) {
                w->ended = true;
                return 1;
        }
        dev = (void *) at - bpf_core_field_offset(struct net_device, dev_list);
        if (w->source ? device_has(dev, w->source, w->v4, &w->unsure) :
                        !w->ifindex || BPF_CORE_READ(dev, ifindex) == w->ifindex) {
                w->found = dev;
                return 1;
        }
        w->at = BPF_CORE_READ(at, next);
        return 0;
}

static __always_inline void walk_devices(struct net *net, struct device_walk *w)
{
        struct list_head *head = (void *) net + bpf_core_field_offset(struct net, dev_base_head);

        w->head = head;
        w->at = BPF_CORE_READ(head, next);
        bpf_loop(DEVICES_MAX, visit_device, w, 0);
        if (!w->found && !w->ended)
                w->unsure = true;
}

/* Is the source an address of the namespace that `out` belongs to? */
static __noinline bool is_own(struct net_device *out, struct peer *p, bool *unsure)
{
        struct device_walk w = {.source = p, .v4 = p->a[0] == 0 && (u32) p->a[1] == 0xffff0000u};

        if (w.v4 ? (p->a[1] >> 32) == 0 : !p->a[0] && !p->a[1])
                return true; /* unspecified: DHCP, duplicate address detection */
        if (w.v4 && ((p->a[1] >> 32) & 0xff) == 127 && BPF_CORE_READ(out, type) == ARPHRD_LOOPBACK)
                return true; /* all of 127/8 on the loopback device */
        walk_devices(BPF_CORE_READ(out, nd_net.net), &w);
        *unsure = w.unsure;
        return w.found != NULL;
}

#endif
