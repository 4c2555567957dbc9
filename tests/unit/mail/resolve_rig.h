/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of the resolver share: rows of what a resolver on loopback says, and asking until it is quiet. */
#ifndef SEKIMORI_TEST_RESOLVE_RIG_H
#define SEKIMORI_TEST_RESOLVE_RIG_H

#include "dns_rig.h"

#include <poll.h>

#include "base/clock.h"
#include "mail/resolve.h"

/* What the resolver says to a name: words "A 192.0.2.1", "PTR name", "CNAME name", "NX", "FAIL", "REFUSE", "SILENT",
 * "NONE", "OTHER" (a reply to another question), "JUNK". */
struct row {
        const char *name, *says;
};

struct rig {
        struct dns_server server;
        struct resolve *r;
        nsec_t now;
        const struct row *rows;
        unsigned names, listings;
        struct resolve_names last_names;
        struct resolve_listing last_listing, all[64];
        unsigned forced; /* ask again from within a callback */
};

/* A, AAAA, PTR and CNAME differ in length. */
static inline unsigned type_of(size_t n)
{
        return n == 1 ? 1 : n == 4 ? 28 : n == 3 ? 12 : 5;
}

static inline bool say(void *userdata, const char *name, unsigned type, struct dns_message *reply)
{
        struct rig *g = userdata;
        bool found = false;

        dns_begin(reply, name, type, 0);
        for (const struct row *row = g->rows; row && row->name; row++) {
                size_t n = strcspn(row->says, " ");
                const char *value = row->says + n + (row->says[n] == ' ');

                if (strcmp(row->name, name) != 0 && strcmp(row->name, "*") != 0)
                        continue;
                found = true;
                if (strcmp(row->says, "SILENT") == 0)
                        return false;
                if (strcmp(row->says, "NX") == 0 || strcmp(row->says, "FAIL") == 0 || strcmp(row->says, "REFUSE") == 0)
                        reply->b[3] = (uint8_t) (0x80 | (row->says[0] == 'N' ? 3 : row->says[0] == 'F' ? 2 : 5));
                else if (strcmp(row->says, "OTHER") == 0) {
                        dns_begin(reply, "other.example", type, 0);
                        dns_put_a(reply, "other.example", 60, "127.0.0.2");
                } else if (strcmp(row->says, "JUNK") == 0)
                        memset(reply->b + reply->n, 0xff, 100), reply->n += 100, reply->b[7] = 3;
                else if (*value && (n == 1 || n == 4) && type_of(n) == type)
                        dns_put_a(reply, name, 300, value);
                else if (*value && (n == 3 || n == 5) && (type_of(n) == type || n == 5)) {
                        dns_put_to(reply, name, type_of(n), 300, value);
                        if (n == 5 && type == 1 && strcmp(value, "third.example") == 0)
                                dns_put_a(reply, value, 300, "192.0.2.4");
                }
        }
        if (!found) {
                reply->b[3] = 0x83;
                dns_put_soa(reply, "example", 300, 300);
        }
        return true;
}

static inline void rig_begin(struct rig *g, const struct row *rows, struct resolve_params p)
{
        memset(g, 0, sizeof(*g));
        g->now = 1000 * NSEC_PER_SEC;
        g->rows = rows;
        dns_server_open(&g->server);
        g->server.say = say;
        g->server.userdata = g;
        p.servers = g->server.servers;
        p.per_second = p.per_second ? p.per_second : 100000; /* the clock stands still */
        p.try_timeout = p.try_timeout ? p.try_timeout : 30 * NSEC_PER_SEC;
        assert_int_equal(resolve_new(&p, &g->r), 0);
}

static inline void rig_end(struct rig *g)
{
        resolve_free(g->r);
        close(g->server.fd);
}

/* Until `answers` are there, or nothing moves any more. */
static inline void pump(struct rig *g, unsigned answers)
{
        for (unsigned turns = 0; turns < 20000 && g->names + g->listings < answers; turns++) {
                struct pollfd fds[] = {{.fd = resolve_fd(g->r), .events = POLLIN},
                                       {.fd = g->server.fd, .events = POLLIN}};

                if (poll(fds, 2, 100) <= 0)
                        return;
                if (fds[1].revents)
                        dns_server_read(&g->server);
                if (fds[0].revents)
                        resolve_process(g->r, g->now);
        }
}

static inline struct addr addr(const char *text)
{
        struct addr a;

        assert_int_equal(addr_parse(text, &a), 0);
        return a;
}

static inline void on_names(void *userdata, const struct addr *a, const struct resolve_names *names)
{
        struct rig *g = userdata;

        g->last_names = *names;
        g->names++;
        if (g->forced) {
                g->forced--;
                assert_int_equal(resolve_ask_names(g->r, g->now, a, on_names, g), 0);
        }
}

static inline void on_listing(void *userdata, const struct addr *a, const struct resolve_listing *listing)
{
        struct rig *g = userdata;

        (void) a;
        g->last_listing = *listing;
        if (g->listings < ELEMENTSOF(g->all))
                g->all[g->listings] = *listing;
        g->listings++;
}

static inline void ask(struct rig *g, const char *text)
{
        struct addr a = addr(text);
        unsigned before = g->names;

        assert_int_equal(resolve_ask_names(g->r, g->now, &a, on_names, g), 0);
        assert_int_equal(g->names, before); /* never from within */
        pump(g, g->names + g->listings + 1);
}

static inline void ask_list(struct rig *g, const char *text)
{
        struct addr a = addr(text);

        assert_int_equal(resolve_ask_list(g->r, g->now, 0, &a, on_listing, g), 0);
        pump(g, g->names + g->listings + 1);
}

#endif
