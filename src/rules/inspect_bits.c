/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flowbits, flowint and hostbits: what one rule keeps for another. xbits span shards and are judged with the alerts
 * (rules/sift.h). Host bits here are those of the hosts' flows in this inspector: flows of one pair of hosts meet in
 * one, those of other pairs may not. Runs in the engine and in `read`. */
#include <netinet/in.h>

#include "rules/inspect_internal.h"

/* ---- flow ---- */

static struct inspect_entry *find(const struct inspect_input *in, uint8_t kind, uint32_t name)
{
        return in->flow ? inspect_flow_find(*in->flow, &(struct inspect_entry){.kind = kind, .id = name}) : NULL;
}

static void keep(struct inspector *i, const struct inspect_input *in, uint8_t kind, uint32_t name, uint32_t value)
{
        struct inspect_entry *e = find(in, kind, name);
        bool dropped = false;

        if (e) {
                e->value = value;
                return;
        }
        if (!in->flow)
                return;
        if (!inspect_flow_add(i->pool, in->flow, &(struct inspect_entry){.kind = kind, .id = name, .value = value},
                              &dropped))
                i->stats.bits_dropped++;
        i->stats.wait_dropped += dropped;
}

static void forget(struct inspector *i, const struct inspect_input *in, uint8_t kind, uint32_t name)
{
        struct inspect_entry *e = find(in, kind, name);

        if (e)
                inspect_flow_remove(i->pool, *in->flow, e);
}

static bool compare(uint8_t op, uint32_t v, uint32_t with)
{
        switch (op) {
        case NUMBER_EQ:
                return v == with;
        case NUMBER_NE:
                return v != with;
        case NUMBER_LT:
                return v < with;
        case NUMBER_GT:
                return v > with;
        case NUMBER_LE:
                return v <= with;
        default:
                return v >= with;
        }
}

/* The number compared with or assigned; false: another one that was never set. */
static bool operand(const struct rule_bit *b, const struct inspect_input *in, uint32_t *ret)
{
        const struct inspect_entry *e = b->value_name == UINT32_MAX ? NULL : find(in, ENTRY_INT, b->value_name);

        if (b->value_name != UINT32_MAX && !e)
                return false;
        *ret = e ? e->value : b->value;
        return true;
}

static bool number_holds(const struct rule_bit *b, const struct inspect_input *in)
{
        const struct inspect_entry *e = find(in, ENTRY_INT, b->names[0]);
        uint32_t with;

        if (b->op == BIT_DEFINED)
                return e;
        if (b->op == BIT_NOT_DEFINED)
                return in->flow && !e;
        return e && operand(b, in, &with) && compare(b->compare, e->value, with);
}

static void number_set(struct inspector *i, const struct rule_bit *b, const struct inspect_input *in)
{
        const struct inspect_entry *e = find(in, ENTRY_INT, b->names[0]);
        uint32_t was = e ? e->value : 0, with;

        if (!operand(b, in, &with))
                return;
        keep(i, in, ENTRY_INT, b->names[0], b->op == BIT_ADD ? was + with : b->op == BIT_SUB ? was - with : with);
}

/* ---- hosts ---- */

struct host_bit {
        struct addr host;
        uint32_t name;
        uint32_t spare;
};

static bool host_has(struct inspector *i, const struct addr *host, uint32_t name)
{
        struct host_bit key = {.host = *host, .name = name};

        return i->host_bits && table_peek(i->host_bits, &key);
}

static void host_set(struct inspector *i, const struct addr *host, uint32_t name, uint8_t op)
{
        struct host_bit key = {.host = *host, .name = name};
        void *there = i->host_bits ? table_find(i->host_bits, &key) : NULL;
        bool created;

        if (there && op != BIT_SET) {
                table_remove(i->host_bits, there);
                return;
        }
        if (there || op == BIT_UNSET)
                return;
        if (!i->host_bits) {
                struct table_params params = {.name = "host bits",
                                              .cap = INSPECT_HOST_BITS,
                                              .key_size = sizeof(struct addr) + 2 * sizeof(uint32_t),
                                              .entry_size = sizeof(struct host_bit)};

                if (table_new(&params, &i->host_bits) < 0) {
                        i->stats.bits_dropped++;
                        return;
                }
        }
        (void) table_insert(i->host_bits, &key, &created);
}

/* hostbits may name both ends: then either will do. */
static bool bit_is_set(struct inspector *i, const struct rule_bit *b, uint32_t name, const struct inspect_input *in)
{
        if (b->kind == BIT_FLOW)
                return find(in, ENTRY_BIT, name);
        return (b->track != TRACK_DST && host_has(i, in->src, name)) ||
               (b->track != TRACK_SRC && host_has(i, in->dst, name));
}

bool inspect_bits_hold(struct inspector *i, const struct rule_bit *b, const struct inspect_input *in)
{
        unsigned set = 0;

        if (b->kind == BIT_X)
                return true;
        if (b->kind == BIT_INT)
                return number_holds(b, in);
        if (b->kind == BIT_FLOW && !in->flow)
                return false;
        for (unsigned k = 0; k < b->n_names; k++)
                set += bit_is_set(i, b, b->names[k], in);
        return b->op == BIT_ISSET ? set > 0 : set < b->n_names;
}

static void bit_change(struct inspector *i, const struct rule_bit *b, uint32_t name, const struct inspect_input *in)
{
        if (b->kind == BIT_HOST) {
                if (b->track != TRACK_DST)
                        host_set(i, in->src, name, b->op);
                if (b->track != TRACK_SRC)
                        host_set(i, in->dst, name, b->op);
        } else if (b->op == BIT_SET || (b->op == BIT_TOGGLE && !find(in, ENTRY_BIT, name))) {
                keep(i, in, ENTRY_BIT, name, 0);
        } else {
                forget(i, in, ENTRY_BIT, name);
        }
}

void inspect_bits_set(struct inspector *i, const struct rule *r, const struct inspect_input *in)
{
        for (unsigned n = r->n_bit_conditions; n < r->n_bits; n++) {
                const struct rule_bit *b = &r->bits[n];

                if (b->kind == BIT_INT)
                        number_set(i, b, in);
                for (unsigned k = 0; (b->kind == BIT_FLOW || b->kind == BIT_HOST) && k < b->n_names; k++)
                        bit_change(i, b, b->names[k], in);
        }
}
