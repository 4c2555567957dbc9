/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keeper looks whether both layers of the gate stand: the kernel half's links and maps, and nftables. What somebody
 * else changed is put back and told: as an alarm, and as a record that becomes evidence. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "daemon/keeper_internal.h"
#include "respond/block.h"
#include "respond/gate_rules.h"
#include "respond/gate_state.h"

#define ORDER_SPAN (15 * NSEC_PER_SEC) /* `gate shut` loads programs and rules; a slow machine takes some seconds */

/* Networks that may send through this machine: the configuration's and the declared ones. */
static void gather_forward(struct keeper *k)
{
        const struct config_cidrs *own = &k->config->gate.forward;

        k->n_forward = 0;
        for (size_t i = 0; i < own->n && k->n_forward < KEEPER_FORWARD_MAX; i++)
                k->forward[k->n_forward++] = own->items[i];
        for (size_t i = 0; i < k->senders->n && k->n_forward < KEEPER_FORWARD_MAX; i++)
                if (k->senders->items[i].kind == GATE_SENDER_NETWORK)
                        k->forward[k->n_forward++] = k->senders->items[i].net;
        k->forward_list = (struct config_cidrs){.items = k->forward, .n = k->n_forward};
}

static struct gate_rules_params rules_of(struct keeper *k)
{
        gather_forward(k);
        return (struct gate_rules_params){.ports = k->config->gate.ports,
                                          .n_ports = k->config->gate.n_ports,
                                          .mark = 1u << k->config->gate.mark,
                                          .forward = &k->forward_list};
}

static void tell_tampering(struct keeper *k, const char *what)
{
        struct gate_record r = {.op = GATE_OP_TAMPER, .count = 1};

        log_warning("tampering by somebody else: %s; it is put back", what);
        snprintf(r.text, sizeof(r.text), "%s", what);
        (void) gate_say(k->gate, &r);
}

/* A mark that cannot be read stands for shut. */
static bool must_be_shut(const struct keeper *k)
{
        struct gate_state_shut shut;

        return gate_state_is_shut(k->config, &shut) != 0;
}

/* `gate shut`, `gate open` and `gate remove` write to disk before they touch anything, and need some seconds. What
 * changes without that was nobody's order, whoever it was. */
static bool is_ordered(struct keeper *k)
{
        uint64_t orders = gate_state_orders(k->config);
        nsec_t now = clock_boottime();

        if (orders != k->orders) {
                k->orders = orders;
                k->ordered_until = now + ORDER_SPAN;
                k->opened = gate_state_opened(k->config);
        }
        return now < k->ordered_until;
}

static void apply_rules(struct keeper *k)
{
        struct gate_rules_params p;
        char why[512] = "";
        struct buf b = BUF_FIXED(why);
        int r;

        (void) keeper_programs_reload(k); /* never with a list that is not the last one */
        p = rules_of(k);
        r = gate_rules_apply(&p, &b);

        if (r < 0) {
                log_error("the gate's nftables rules cannot be loaded: %s", why[0] ? why : strerror(-r));
                return;
        }
        if (r == 1 && !k->rules_partly)
                log_warning("the gate's nftables rules do not cover everything: %s", why);
        k->rules_partly = r == 1;
        if (!must_be_shut(k)) /* `gate remove` was quicker */
                (void) gate_rules_remove(NULL);
}

static int look_at_rules(struct keeper *k, struct buf *what)
{
        const struct gate_rules_params p = rules_of(k);

        buf_reset(what);
        return gate_rules_check(&p, what);
}

/* `gate allow` writes the list and then the rules, maybe while we look with the old list: what differs is looked at
 * again. */
static int look_twice(struct keeper *k, struct buf *what)
{
        int r = look_at_rules(k, what);

        if (r != -ENOENT && r != -EBADMSG)
                return r;
        (void) keeper_programs_reload(k);
        return look_at_rules(k, what);
}

/* They are ours when the gate is shut, and nobody's business otherwise. */
static void check_rules(struct keeper *k, const struct gate_rules_author *author)
{
        char what[256] = "";
        struct buf b = BUF_FIXED(what);
        int r;

        if (k->state.mode != GATE_SHUT || !must_be_shut(k))
                return;
        r = look_twice(k, &b);
        if (r >= 0)
                return;
        if (!k->first_check && !is_ordered(k) && (r == -ENOENT || r == -EBADMSG)) {
                char text[400];
                struct buf t = BUF_FIXED(text);

                buf_printf(&t, "nftables %s", what[0] ? what : "table " GATE_RULES_TABLE);
                if (author->pid) {
                        buf_puts(&t, ", by ");
                        (void) buf_put_visible(&t, author->name, strlen(author->name));
                        buf_printf(&t, " (process %u)", author->pid);
                }
                tell_tampering(k, text);
        }
        apply_rules(k);
}

static int on_rules(sd_event_source *source _unused_, int fd, uint32_t events _unused_, void *userdata)
{
        struct keeper *k = userdata;
        struct gate_rules_author author = {0};
        int r = gate_rules_watch_read(fd, &author);

        if (r == 1 || r == -ENOBUFS)
                check_rules(k, &author);
        return 0;
}

static int on_links(sd_event_source *source _unused_, int fd, uint32_t events _unused_, void *userdata)
{
        struct keeper *k = userdata;
        int r = gate_rules_links_read(fd);

        if (r == 1 || r == -ENOBUFS)
                keeper_watch_rules(k);
        return 0;
}

/* Is there another gate now than ours? Then the warden takes that one. */
static bool must_renew(const struct keeper *k)
{
        char path[PATH_MAX];
        struct stat st;

        if (gate_is_pinned(k->gate))
                return false;
        snprintf(path, sizeof(path), "%s/maps/state", k->config->gate.folder);
        return stat(path, &st) == 0;
}

static int count_block(void *userdata, unsigned index _unused_, const struct gate_block *b _unused_)
{
        ++*(uint32_t *) userdata;
        return 0;
}

/* How it must be, now that it says `now`: the mode and the opening stand on disk, blocks are counted, and the rest
 * changes with an order alone. */
static struct gate_state expect(const struct keeper *k, const struct gate_state *now, bool ordered)
{
        struct gate_state want = ordered ? *now : k->state;
        uint64_t opened = (uint64_t) k->opened, time = (uint64_t) clock_boottime();

        want.serial = now->serial;
        want.blocks = 0;
        (void) block_each(k->gate, count_block, &want.blocks);
        /* One that only learned is taken by the one that `gate shut` pins. */
        if ((k->state.mode == GATE_SHUT || gate_is_pinned(k->gate)) && must_be_shut(k)) {
                want.mode = GATE_SHUT;
                want.open_until = opened > time || now->open_until > time ? opened : now->open_until;
        }
        return want;
}

static void tell_opening(struct keeper *k, const struct gate_state *now)
{
        uint64_t time = (uint64_t) clock_boottime();

        if (now->open_until != k->state.open_until)
                log_notice("the gate %s", now->open_until > time ? "was opened for a time" : "is shut again");
        else if (now->open_until && now->open_until <= time && !k->closed_told)
                log_notice("the gate is shut again: its time is over");
        k->closed_told = now->open_until && now->open_until <= time;
}

/* `gate shut` may have read another configuration than we did: is it the one that is in the file now? */
static bool is_of_other_config(struct keeper *k, const struct gate_state *s)
{
        struct gate_state configured = *s;

        gate_fill_state(&configured, k->config);
        return memcmp(&configured, s, sizeof(*s)) != 0 && keeper_config_explains(k, s);
}

/* The serial is no proof: who is root can raise it. */
static void check_state(struct keeper *k)
{
        bool ordered = is_ordered(k);
        struct gate_state now, want;

        if (gate_get_state(k->gate, &now) < 0)
                return;
        want = now;
        if (ordered || memcmp(&now, &k->state, sizeof(now)) != 0)
                want = expect(k, &now, ordered);
        if (memcmp(&want, &now, sizeof(now)) != 0) {
                if (!ordered)
                        tell_tampering(k, "the gate's state");
                (void) gate_set_state(k->gate, &want);
        }
        tell_opening(k, &want);
        if (memcmp(&want, &k->state, sizeof(want)) != 0 && is_of_other_config(k, &want))
                sd_event_exit(k->event, KEEPER_REREAD);
        k->state = want;
}

static void check_kernel_half(struct keeper *k)
{
        char what[64] = "", text[128];
        struct buf b = BUF_FIXED(what);

        check_state(k);
        if (gate_check(k->gate, &b) < 0) {
                snprintf(text, sizeof(text), "kernel program %s", what);
                if (must_be_shut(k))
                        tell_tampering(k, text);
                sd_event_exit(k->event, KEEPER_RENEW); /* the warden pins it anew */
        }
        if (!keeper_person_intact(k))
                tell_tampering(k, "what the gate knows of persons");
        if (!keeper_programs_intact(k))
                tell_tampering(k, "the gate's list of programs");
}

void keeper_watch_rules(struct keeper *k)
{
        char what[256] = "";
        struct buf b = BUF_FIXED(what);

        if (k->state.mode == GATE_SHUT && must_be_shut(k) && look_twice(k, &b) < 0)
                apply_rules(k);
}

void keeper_watch_tick(struct keeper *k)
{
        check_kernel_half(k);
        if (must_renew(k))
                sd_event_exit(k->event, KEEPER_RENEW);
}

/* What was done while no keeper ran. */
static int take_state(struct keeper *k)
{
        struct gate_state want;
        int r;

        k->orders = gate_state_orders(k->config);
        k->opened = gate_state_opened(k->config);
        r = gate_get_state(k->gate, &k->state);
        if (r >= 0 && k->reread) { /* its ports and times, whatever they were before */
                r = gate_set_mode(k->gate, k->config, k->state.mode);
                if (r >= 0)
                        r = gate_get_state(k->gate, &k->state);
        }
        if (r < 0)
                return r;
        want = expect(k, &k->state, true);
        if (memcmp(&want, &k->state, sizeof(want)) != 0) {
                if (want.mode != k->state.mode || want.open_until != k->state.open_until)
                        tell_tampering(k, "the gate's state");
                r = gate_set_state(k->gate, &want);
                k->state = want;
        }
        k->closed_told = k->state.open_until <= (uint64_t) clock_boottime(); /* by the keeper before */
        return r;
}

int keeper_watch_start(struct keeper *k)
{
        int r;

        k->first_check = true;
        r = take_state(k);
        if (r < 0)
                return r;
        /* Without nftables the kernel half stands alone; `doctor` says so. */
        if (gate_rules_watch_open(&k->rules_fd) == 0)
                r = sd_event_add_io(k->event, NULL, k->rules_fd, EPOLLIN, on_rules, k);
        if (r >= 0 && gate_rules_links_open(&k->links_fd) == 0)
                r = sd_event_add_io(k->event, NULL, k->links_fd, EPOLLIN, on_links, k);
        /* What is missing now is nobody's trespass: a boot without nft, a device that came while no keeper ran. */
        check_rules(k, &(struct gate_rules_author){0});
        k->first_check = false;
        return r < 0 ? r : 0;
}
