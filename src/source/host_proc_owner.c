/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sockets and their processes, as the scanner told, found by the addresses of a packet. Runs in the engine. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "source/host_proc_track_internal.h"
#include "source/proc_scan.h"

#define OWNERS_MAX 65536u
#define RAWS_MAX   1024u

int host_proc_owner_new(struct host_proc_track *t)
{
        const struct table_params owners = {"sockets", OWNERS_MAX, sizeof(struct flow_key), sizeof(struct owner)};
        const struct table_params raws = {"raw sockets", RAWS_MAX, sizeof(uint64_t), sizeof(struct raw_owner)};
        int r = table_new(&owners, &t->owners);

        return r < 0 ? r : table_new(&raws, &t->raws);
}

static bool is_raw(const struct host_proc_socket *s)
{
        return s->table == PROC_TABLE_RAW || s->table == PROC_TABLE_PACKET || s->table == PROC_TABLE_ICMP;
}

static struct flow_key name_of(const struct host_proc_socket *s)
{
        struct flow_key k = {.local = s->local,
                             .remote = s->remote,
                             .netns = s->netns,
                             .local_port = s->local_port,
                             .remote_port = s->remote_port,
                             .proto = s->proto};

        k.listening = s->proto == IPPROTO_TCP && s->state == TCP_LISTEN;
        return k;
}

static bool set_raw(struct host_proc_track *t, const struct host_proc_socket *s)
{
        bool created;
        struct raw_owner *r = table_insert(t->raws, &s->inode, &created);

        if (!r || (!created && r->id.pid == s->owner.pid && r->id.start == s->owner.start))
                return false;
        r->id = s->owner;
        r->netns = s->netns;
        r->table = s->table;
        r->proto = s->proto;
        r->is_v6 = s->is_v6;
        return true;
}

bool host_proc_owner_set(struct host_proc_track *t, const struct host_proc_socket *s)
{
        struct flow_key name = name_of(s);
        struct owner *o;
        bool created;

        if (is_raw(s))
                return set_raw(t, s);
        o = table_insert(t->owners, &name, &created);
        if (!o)
                return false;
        /* Several sockets may share a name (SO_REUSEPORT): the first one whose process is known stays. */
        if (!created && o->inode != s->inode && o->id.pid != 0)
                return false;
        if (!created && o->inode == s->inode && o->id.pid == s->owner.pid && o->id.start == s->owner.start)
                return false;
        o->inode = s->inode;
        o->id = s->owner;
        return true;
}

void host_proc_owner_clear(struct host_proc_track *t, const struct host_proc_socket *s)
{
        struct flow_key name = name_of(s);

        if (is_raw(s)) {
                void *r = table_find(t->raws, &s->inode);

                if (r)
                        table_remove(t->raws, r);
                return;
        }
        for (int listening = 0; listening <= 1; listening++) {
                struct owner *o;

                name.listening = (uint8_t) listening; /* the state told last may not be the one of the name */
                o = table_find(t->owners, &name);
                if (o && o->inode == s->inode)
                        table_remove(t->owners, o);
        }
}

static const struct owner *find_any(struct host_proc_track *t, struct flow_key *k)
{
        const struct addr any_v4 = addr_from_v4(0), any_v6 = {0};
        const struct owner *o = table_find(t->owners, k);

        if (!o && addr_is_v4(&k->local)) {
                k->local = any_v4;
                o = table_find(t->owners, k);
        }
        if (!o) {
                k->local = any_v6;
                o = table_find(t->owners, k);
        }
        return o;
}

const struct owner *host_proc_owner_find(struct host_proc_track *t, const struct flow_key *key)
{
        const struct owner *o = table_find(t->owners, key);
        struct flow_key k = *key;

        if (o || key->proto == IPPROTO_TCP)
                return o;
        k.remote = (struct addr){0};
        k.remote_port = 0;
        return find_any(t, &k);
}

const struct owner *host_proc_owner_listener(struct host_proc_track *t, uint32_t netns, const struct addr *local,
                                             uint16_t port)
{
        struct flow_key k = {.local = *local, .netns = netns, .local_port = port, .proto = IPPROTO_TCP, .listening = 1};

        return find_any(t, &k);
}

static bool can_send(const struct raw_owner *r, uint8_t proto)
{
        switch (r->table) {
        case PROC_TABLE_ICMP:
                return proto == r->proto;
        case PROC_TABLE_RAW:
                return proto == 0 || proto == r->proto || r->proto == IPPROTO_RAW;
        default: /* a packet socket sends anything, but most only listen: no witness for what has its right address */
                return proto == 0;
        }
}

unsigned host_proc_owner_raw(struct host_proc_track *t, uint32_t netns, uint8_t proto, const struct raw_owner **ret)
{
        const struct raw_owner *first = NULL;

        for (const struct raw_owner *r = table_oldest(t->raws); r; r = table_younger(t->raws, r)) {
                if (r->netns != netns || r->id.pid == 0 || !can_send(r, proto))
                        continue;
                if (first && (first->id.pid != r->id.pid || first->id.start != r->id.start))
                        return 2; /* more than one is all that matters */
                first = r;
        }
        if (first)
                *ret = first;
        return first ? 1 : 0;
}
