/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sources of the warden. Runs in the warden, with its rights: it parses nothing from outside. */
#include "daemon/watched.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "base/log.h"
#include "daemon/packets.h"
#include "respond/gate_source.h"

static bool is_wanted(const struct config *c, const char *name)
{
        switch (c->host.backend) {
        case BACKEND_AUTO:
                return true;
        case BACKEND_BPF:
                return strcmp(name, "host_bpf") == 0;
        case BACKEND_PROC:
                return strcmp(name, "host_proc") == 0;
        default:
                return false;
        }
}

static void say_unusable(const struct source *source, int r)
{
        char why[512] = "";
        struct buf b = BUF_FIXED(why);

        (void) source->probe(&b);
        for (char *p = why; *p; p++)
                if (*p == '\n')
                        *p = p[1] ? ';' : '\0';
        log_notice("%s is not usable here (%s): %s", source->name, strerror(-r), why);
}

static int open_slot(struct watched *w, const struct config *config, enum source_slot slot, const struct source *source)
{
        struct watched_slot *s = &w->slots[slot];
        int r = source->open(config, &w->fds[slot], &s->self);

        if (r < 0)
                return r;
        s->source = source;
        s->open = true;
        return 0;
}

/* Opens the best back end there is; says why a better one was not taken. */
static int open_host(struct watched *w, const struct config *config)
{
        int last = -ENODEV;

        for (size_t i = 0; sources[i]; i++) {
                if (!is_wanted(config, sources[i]->name))
                        continue;
                last = open_slot(w, config, SLOT_HOST, sources[i]);
                if (last == 0)
                        return 0;
                say_unusable(sources[i], last);
        }
        return config->host.backend == BACKEND_OFF ? 0 : last;
}

int watched_own_addresses(struct config_cidrs *ret)
{
        struct config_cidrs own = {0};
        struct ifaddrs *list;

        if (getifaddrs(&list) < 0)
                return -errno;
        for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
                const struct sockaddr *a = i->ifa_addr;
                struct cidr *bigger;

                if (!a || (a->sa_family != AF_INET && a->sa_family != AF_INET6) || i->ifa_flags & IFF_LOOPBACK)
                        continue;
                bigger = reallocarray(own.items, own.n + 1, sizeof(*bigger));
                if (!bigger)
                        break;
                own.items = bigger;
                if (a->sa_family == AF_INET)
                        bigger[own.n].base =
                                addr_from_v4(((const struct sockaddr_in *) (const void *) a)->sin_addr.s_addr);
                else
                        memcpy(bigger[own.n].base.b, &((const struct sockaddr_in6 *) (const void *) a)->sin6_addr, 16);
                bigger[own.n++].bits = 128;
        }
        freeifaddrs(list);
        *ret = own;
        return 0;
}

/* No gate is nothing to speak of; one that cannot be read is, and the rest is watched all the same. */
static void open_gate(struct watched *w, const struct config *c)
{
        int r = w->without_gate ? -ENOENT : open_slot(w, c, SLOT_GATE, &source_gate);

        if (r < 0 && r != -ENOENT && r != -EPERM && r != -EACCES)
                log_warning("what the mail gate decides cannot be read: %s", strerror(-r));
}

int watched_open(struct watched *w, const struct config *c)
{
        int r = open_host(w, c);

        /* Without the host sensor, packets are something to watch too. */
        if (r < 0 && !c->packets.interface) {
                log_error("nothing can be watched here: %s%s", strerror(-r),
                          c->host.backend == BACKEND_AUTO ? "" : "; with --backend auto what works is used");
                return r;
        }
        open_gate(w, c);
        if (!c->packets.interface)
                return 0;
        r = open_slot(w, c, SLOT_PACKETS, &source_packets);
        if (r < 0) /* the reason is in the note */
                log_error("packets of %s cannot be watched: %s", c->packets.interface, w->fds[SLOT_PACKETS].note);
        return r;
}

static void close_slot(struct watched *w, enum source_slot slot)
{
        struct watched_slot *s = &w->slots[slot];

        source_fds_close(&w->fds[slot]);
        if (s->open)
                s->source->close(s->self);
        s->open = false;
        s->self = NULL;
}

static int renew_slot(struct watched *w, const struct config *config, enum source_slot slot, bool *ret_resumed)
{
        struct watched_slot *s = &w->slots[slot];

        *ret_resumed = false;
        if (!s->source)
                return 0;
        source_fds_close(&w->fds[slot]); /* of a start that failed half-way */
        if (s->open && s->source->request && s->source->request(s->self, SOURCE_REQUEST_RESTART, &w->fds[slot]) == 0) {
                *ret_resumed = true;
                return 0;
        }
        close_slot(w, slot);
        return open_slot(w, config, slot, s->source);
}

int watched_renew(struct watched *w, const struct config *config, bool *ret_resumed)
{
        bool resumed;
        int r = renew_slot(w, config, SLOT_HOST, ret_resumed);

        if (r == 0)
                r = renew_slot(w, config, SLOT_PACKETS, &resumed);
        if (r == 0 && renew_slot(w, config, SLOT_GATE, &resumed) < 0)
                log_warning("what the mail gate decides cannot be read");
        return r;
}

bool watched_reopen_gate(struct watched *w, const struct config *config)
{
        close_slot(w, SLOT_GATE);
        open_gate(w, config);
        return w->slots[SLOT_GATE].open;
}

void watched_close_fds(struct watched *w)
{
        for (unsigned i = 0; i < SLOTS; i++)
                source_fds_close(&w->fds[i]);
}

void watched_close(struct watched *w)
{
        for (unsigned i = 0; i < SLOTS; i++)
                close_slot(w, i);
}
