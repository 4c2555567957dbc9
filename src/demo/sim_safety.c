/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What keeps the simulation harmless, in one place: the ranges it may touch, the namespace it may run in, and how long
 * it lives. Every packet passes sim_safety_target(); no option widens any of this. Runs in every process of it. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "demo/sim.h"

/* Inode number of the first network namespace where the kernel fixes it (6.18 on); elsewhere no namespace made later
 * can carry it, so that comparing never lets one through. */
#define INITIAL_NETNS_INODE 0xeffffff9U

static const char *const allowed[] = {"10.77.0.0/16", "fd77::/16", "127.0.0.0/8", "::1/128"};

int sim_safety_range(const struct cidr *net)
{
        for (size_t i = 0; i < ELEMENTSOF(allowed); i++) {
                struct cidr a;

                if (cidr_parse(allowed[i], &a) == 0 && net->bits >= a.bits && cidr_contains(&a, &net->base))
                        return 0;
        }
        return -EPERM;
}

static bool is_loopback(const struct cidr *net)
{
        return addr_is_loopback(&net->base) && net->bits >= (addr_is_v4(&net->base) ? 104 : 128);
}

bool sim_safety_space_is_loopback(const struct sim_space *space)
{
        for (size_t i = 0; i < space->n_nets; i++)
                if (!is_loopback(&space->nets[i]))
                        return false;
        return true;
}

int sim_safety_space(const struct sim_space *space)
{
        if (space->n_nets == 0 || space->port_lo == 0 || space->port_lo > space->port_hi)
                return -EPERM;
        for (size_t i = 0; i < space->n_nets; i++)
                if (sim_safety_range(&space->nets[i]) < 0)
                        return -EPERM;
        return 0;
}

int sim_safety_target(const struct sim_space *space, const struct sim_endpoint *to)
{
        const struct cidr one = {.base = to->addr, .bits = 128};

        if (sim_safety_range(&one) < 0 || to->port < space->port_lo || to->port > space->port_hi)
                return -EPERM;
        for (size_t i = 0; i < space->n_nets; i++)
                if (cidr_contains(&space->nets[i], &to->addr))
                        return 0;
        return -EPERM;
}

int sim_safety_source(const struct addr *source)
{
        const struct cidr one = {.base = *source, .bits = 128};

        return addr_is_loopback(source) ? -EPERM : sim_safety_range(&one);
}

bool sim_safety_is_initial_netns(void)
{
        struct stat own, first;

        if (stat("/proc/self/ns/net", &own) < 0 || own.st_ino == INITIAL_NETNS_INODE)
                return true;
        if (stat("/proc/1/ns/net", &first) == 0 && first.st_ino == own.st_ino && first.st_dev == own.st_dev)
                return true;
        /* Process 1 may be unreadable, or may itself live in a container. This knob exists in the initial namespace
         * only; where the folder cannot be read at all, nothing is known and the answer is the careful one. */
        if (access("/proc/sys/net/core/somaxconn", F_OK) < 0)
                return true;
        return access("/proc/sys/net/core/netdev_budget", F_OK) == 0;
}

int sim_safety_netns(bool loopback_only)
{
        return !loopback_only && sim_safety_is_initial_netns() ? -EPERM : 0;
}

static nsec_t deadline;

void sim_safety_start_clock(unsigned seconds)
{
        deadline = clock_boottime() + (nsec_t) seconds * NSEC_PER_SEC;
        alarm(seconds);
}

void sim_safety_inherit_clock(void)
{
        nsec_t left = deadline - clock_boottime();

        /* alarm() does not pass fork(); 0 would switch it off. */
        alarm(left < NSEC_PER_SEC ? 1 : (unsigned) (left / NSEC_PER_SEC));
}

void sim_safety_resume_clock(void)
{
        unsigned left = alarm(0);

        sim_safety_start_clock(left ? left : 5);
}
