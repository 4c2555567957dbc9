/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs and declared senders into the maps: see gate_seed.h. Runs in the keeper and in `sekimori gate`. */
#include "respond/gate_seed.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

int gate_seed_program(const struct gate *g, const struct gate_program_key *key, const struct gate_program *program)
{
        int fd = gate_map_fd(g, GATE_MAP_PROGRAMS);

        if (program)
                return bpf_map_update_elem(fd, key, program, BPF_ANY) < 0 ? -errno : 0;
        return bpf_map_delete_elem(fd, key) < 0 && errno != ENOENT ? -errno : 0;
}

static int put_programs(const struct gate *g, const struct gate_programs *p, bool write, bool *ret_changed)
{
        int fd = gate_map_fd(g, GATE_MAP_PROGRAMS);
        const struct gate_programs_entry *e;

        for (size_t i = 0; (e = gate_programs_at(p, i)) != NULL; i++) {
                struct gate_program now;

                if (bpf_map_lookup_elem(fd, &e->key, &now) == 0 && memcmp(&now, &e->program, sizeof(now)) == 0)
                        continue;
                *ret_changed = true;
                if (write && bpf_map_update_elem(fd, &e->key, &e->program, BPF_ANY) < 0)
                        return -errno;
        }
        return 0;
}

/* Deletes while it walks: the next key is taken before. */
static int drop_programs(const struct gate *g, const struct gate_programs *p, bool write, bool *ret_changed)
{
        int fd = gate_map_fd(g, GATE_MAP_PROGRAMS), r;
        struct gate_program_key key, next;

        r = bpf_map_get_next_key(fd, NULL, &next);
        for (unsigned n = 0; r == 0 && n < 2 * GATE_PROGRAMS; n++) {
                key = next;
                r = bpf_map_get_next_key(fd, &key, &next);
                if (gate_programs_find(p, &key))
                        continue;
                *ret_changed = true;
                if (write)
                        (void) bpf_map_delete_elem(fd, &key);
        }
        return 0;
}

static const struct gate_sender *unit_of(const struct gate_senders *s, uint64_t key)
{
        for (size_t i = 0; i < s->n; i++)
                if (s->items[i].kind == GATE_SENDER_UNIT && gate_cgroup_key(s->items[i].cgroup) == key)
                        return &s->items[i];
        return NULL;
}

static int put_units(const struct gate *g, const struct gate_senders *s, bool write, bool *ret_changed)
{
        int fd = gate_map_fd(g, GATE_MAP_UNITS), r;
        uint64_t key, next;

        for (size_t i = 0; i < s->n; i++) {
                uint32_t now = 0;

                if (s->items[i].kind != GATE_SENDER_UNIT)
                        continue;
                key = gate_cgroup_key(s->items[i].cgroup);
                if (bpf_map_lookup_elem(fd, &key, &now) == 0 && now == s->items[i].number)
                        continue;
                *ret_changed = true;
                if (write && bpf_map_update_elem(fd, &key, &s->items[i].number, BPF_ANY) < 0)
                        return -errno;
        }
        r = bpf_map_get_next_key(fd, NULL, &next);
        for (unsigned n = 0; r == 0 && n < 2 * GATE_UNITS; n++) {
                key = next;
                r = bpf_map_get_next_key(fd, &key, &next);
                if (unit_of(s, key))
                        continue;
                *ret_changed = true;
                if (write)
                        (void) bpf_map_delete_elem(fd, &key);
        }
        return 0;
}

int gate_seed_units(const struct gate *g, const struct gate_senders *s)
{
        bool changed;

        return put_units(g, s, true, &changed);
}

static int seed(const struct gate *g, const struct gate_programs *p, const struct gate_senders *s, bool write,
                bool *ret_changed)
{
        int r = put_programs(g, p, write, ret_changed);

        if (r == 0)
                r = drop_programs(g, p, write, ret_changed);
        return r == 0 ? put_units(g, s, write, ret_changed) : r;
}

int gate_seed(const struct gate *g, const struct gate_programs *p, const struct gate_senders *s)
{
        bool changed = false;

        return seed(g, p, s, true, &changed);
}

int gate_seed_check(const struct gate *g, const struct gate_programs *p, const struct gate_senders *s)
{
        bool changed = false;
        int r = seed(g, p, s, false, &changed);

        return r < 0 ? r : changed ? -EBADMSG : 0;
}
