/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A service of the system's is proposed as its unit, since a unit is what an administrator knows and what survives
 * upgrades. What a unit only starts for others (cron) is proposed by program and user, or all jobs would be let
 * through. Runs in the keeper. */
#include "respond/gate_propose.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/table.h"
#include "respond/gate_programs.h"
#include "respond/gate_senders.h"
#include "respond/gate_unit.h"

#define VALUE_MAX 512 /* longer names are not proposed */

struct key {
        uint32_t kind, uid; /* uid: PROGRAM */
        char value[VALUE_MAX];
};

struct proposal {
        struct key key;
        uint32_t reason;
        uint64_t count;
        nsec_t first, last;
};

struct gate_propose {
        struct table *table;
        struct gate_propose_stats stats;
};

/* Services whose work is to run what others gave them. */
static const char *const starters[] = {
        "cron.service",        "crond.service",
        "cronie.service",      "fcron.service",
        "atd.service",         "anacron.service",
        "ssh.service",         "sshd.service",
        "docker.service",      "containerd.service",
        "podman.service",      "crio.service",
        "kubelet.service",     "libvirtd.service",
        "dbus.service",        "dbus-broker.service",
        "gdm.service",         "gdm3.service",
        "lightdm.service",     "sddm.service",
        "xrdp-sesman.service", "display-manager.service",
        "jenkins.service",     "gitlab-runner.service",
        "rc-local.service",    "supervisor.service",
        "apache2.service",     "httpd.service",
};

int gate_propose_new(struct gate_propose **ret)
{
        const struct table_params params = {"proposals", GATE_PROPOSE_MAX, sizeof(struct key), sizeof(struct proposal)};
        _cleanup_(gate_propose_freep)
        struct gate_propose *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        r = table_new(&params, &p->table);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

void gate_propose_free(struct gate_propose *p)
{
        if (!p)
                return;
        table_free(p->table);
        free(p);
}

void gate_propose_clear(struct gate_propose *p)
{
        table_clear(p->table);
}

static bool is_starter(const char *unit)
{
        /* What a person's login began is in such a unit until its session has a control group. */
        if (strncmp(unit, "getty@", 6) == 0 || strncmp(unit, "user@", 5) == 0 || strncmp(unit, "ssh@", 4) == 0 ||
            strncmp(unit, "sshd@", 5) == 0)
                return true;
        for (size_t i = 0; i < ELEMENTSOF(starters); i++)
                if (strcmp(unit, starters[i]) == 0)
                        return true;
        return false;
}

static bool is_plain(const char *text)
{
        for (; *text; text++)
                if (iscntrl((unsigned char) *text))
                        return false;
        return true;
}

/* Something that was refused, or would have been, for want of a person or a declaration. */
static bool is_wanting(const struct gate_record *r)
{
        return r->reason >= GATE_REASON_ALLOWED && r->reason < GATE_REASONS && r->reason != GATE_REASON_BLOCKED &&
               (r->op == GATE_OP_CONNECT || r->op == GATE_OP_HANDOVER || r->op == GATE_OP_PACKET);
}

static bool is_inside(const struct gate_propose_fact *f)
{
        return f->record->session != 0 || (f->cgroup && strncmp(f->cgroup, "/user.slice", 11) == 0);
}

static bool find_key(const struct gate_propose_fact *f, struct key *ret)
{
        char unit[GATE_UNIT_NAME_MAX] = "";

        if (f->cgroup)
                gate_unit_of_path(f->cgroup, unit);
        if (unit[0] && !is_starter(unit) && is_plain(unit)) {
                ret->kind = GATE_PROPOSE_UNIT;
                memcpy(ret->value, unit, strlen(unit));
                return true;
        }
        if (!f->program || f->program[0] != '/' || strlen(f->program) >= VALUE_MAX || !is_plain(f->program))
                return false;
        ret->kind = GATE_PROPOSE_PROGRAM;
        ret->uid = f->record->uid;
        memcpy(ret->value, f->program, strlen(f->program));
        return true;
}

void gate_propose_note(struct gate_propose *p, const struct gate_propose_fact *fact)
{
        uint64_t count = MAX(fact->record->count, 1u);
        struct key key = {0};
        struct proposal *e;
        bool created;

        if (!is_wanting(fact->record))
                return;
        if (is_inside(fact)) {
                p->stats.inside += count;
                return;
        }
        e = find_key(fact, &key) ? table_insert(p->table, &key, &created) : NULL;
        if (!e) {
                p->stats.unknown += count;
                return;
        }
        if (created)
                e->first = fact->time;
        e->last = fact->time;
        e->reason = fact->record->reason;
        e->count += count;
}

static int compare_counts(const void *a, const void *b)
{
        const struct proposal *x = *(const struct proposal *const *) a, *y = *(const struct proposal *const *) b;

        if (x->count != y->count)
                return x->count > y->count ? -1 : 1;
        return memcmp(&x->key, &y->key, sizeof(x->key));
}

void gate_propose_each(const struct gate_propose *p, gate_propose_cb cb, void *userdata)
{
        const struct proposal *sorted[GATE_PROPOSE_MAX];
        size_t n = 0;

        for (const struct proposal *e = table_oldest(p->table); e && n < GATE_PROPOSE_MAX;
             e = table_younger(p->table, e))
                sorted[n++] = e;
        qsort(sorted, n, sizeof(*sorted), compare_counts);
        for (size_t i = 0; i < n; i++) {
                const struct proposal *e = sorted[i];
                struct gate_propose_item item = {.kind = e->key.kind,
                                                 .value = e->key.value,
                                                 .reason = e->reason,
                                                 .count = e->count,
                                                 .first = e->first,
                                                 .last = e->last};
                char user[64] = "";

                if (item.kind == GATE_PROPOSE_PROGRAM) {
                        gate_sender_user(e->key.uid, user);
                        item.user = user;
                        item.wide = gate_programs_is_any(item.value);
                }
                cb(userdata, &item);
        }
}

void gate_propose_stats(const struct gate_propose *p, struct gate_propose_stats *ret)
{
        struct table_stats table;

        table_get_stats(p->table, &table);
        *ret = p->stats;
        ret->evicted = table.evicted;
}

static void put_word(const char *word, struct buf *out)
{
        bool plain = true;

        for (const char *c = word; *c && plain; c++)
                plain = isalnum((unsigned char) *c) || strchr("/._-@:+,", *c);
        if (plain) {
                buf_puts(out, word);
                return;
        }
        buf_putc(out, '\'');
        for (; *word; word++)
                if (*word == '\'')
                        buf_puts(out, "'\\''");
                else
                        buf_putc(out, *word);
        buf_putc(out, '\'');
}

int gate_propose_put(const struct gate_propose_item *item, struct buf *out)
{
        buf_puts(out, "sekimori gate allow ");
        put_word(item->value, out);
        if (item->user) {
                buf_puts(out, " --user ");
                put_word(item->user, out);
        }
        return out->error;
}
