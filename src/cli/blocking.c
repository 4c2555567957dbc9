/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See blocking.h. Processes go to the kernel half of the gate, which is loaded for it when no gate is there; hosts to
 * an nftables set. */
#include "cli/blocking.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/acting.h"
#include "respond/block.h"
#include "respond/block_freeze.h"
#include "respond/gate_state.h"
#include "respond/host_block.h"
#include "source/host_load.h"
#include "view/json.h"

#define FROZEN_STATE "/run/sekimori.frozen" /* who was moved from where; the freezer does not outlive a boot either */

struct freezing {
        const struct gate *gate;
        uint32_t block, serial;
        block_tree_add add;
        void *tree;
};

static const char *until_text(nsec_t length, char text[static 64])
{
        char span[CLOCK_TEXT_MAX];

        if (length)
                snprintf(text, 64, "for %s", clock_format_span(length, span));
        else
                snprintf(text, 64, "until it is unblocked");
        return text;
}

static void put_result(const struct blocking *b, const struct subject *s, const struct block_result *r, struct buf *out)
{
        char key[SUBJECT_TEXT_MAX], title[SUBJECT_TEXT_MAX], until[64];

        subject_key(s, key);
        subject_title(s, title);
        if (b->cli->json) {
                buf_puts(out, "{\"event_type\":\"action\",\"action\":\"block\",\"subject\":");
                json_subject(out, s);
                buf_printf(out,
                           ",\"dry_run\":%s,\"seconds\":%lld,\"processes\":%u,\"shared_sockets\":%u,\"packet_sockets\":"
                           "%u}\n",
                           b->dry_run ? "true" : "false", (long long) (b->length / NSEC_PER_SEC), r->processes,
                           r->shared, r->packet_sockets);
                return;
        }
        buf_printf(out, "%s: %s %s, %u process%s, %s\n", title,
                   b->dry_run  ? "would be" :
                   r->extended ? "is still" :
                                 "is now",
                   "refused the network", r->processes, r->processes == 1 ? "" : "es", until_text(b->length, until));
        if (r->shared)
                buf_printf(out, "%u socket%s shared with others (process %d is one) and left open\n", r->shared,
                           r->shared == 1 ? " is" : "s are", (int) r->sharing);
        if (r->packet_sockets && !b->freeze)
                buf_printf(out, "it holds %u packet socket%s, which only --freeze stops\n", r->packet_sockets,
                           r->packet_sockets == 1 ? "" : "s");
        if (b->freeze && !b->dry_run)
                buf_puts(out, "its processes are frozen\n");
        if (!b->dry_run)
                buf_printf(out, "To undo: sekimori unblock %s\n", key);
}

static int say_failure(const struct blocking *b, int r)
{
        const char *why = r == -ESRCH  ? "there is no such process" :
                          r == -ECHILD ? "it is a thread, a part of the kernel, or has ended and nobody asked how" :
                          r == -EPERM  ? "this program runs beneath it, or it is the first process" :
                          r == -ENOSPC ? "too much is blocked already" :
                          r == -ESTALE ? "it ran before the last restart of this machine" :
                          r == -ENOENT ? "it is not blocked" :
                          r == -ENOSYS ? "cgroup v2 is not mounted" :
                                         strerror(-r);

        log_error("%s: %s", b->text, why);
        return CLI_INPUT;
}

static int add_link(void *userdata, pid_t pid, const struct gate_label *l)
{
        const struct freezing *f = userdata;
        const struct block_tree_link link = {
                .start = l->start,
                .creator_start = l->creator_start,
                .pid = (uint32_t) pid,
                .creator = l->creator,
                .member = l->block == f->block && l->block_serial == f->serial,
        };

        f->add(f->tree, &link);
        return 0;
}

static int add_links(void *userdata, block_tree_add add, void *tree)
{
        struct freezing *f = userdata;

        f->add = add;
        f->tree = tree;
        return gate_label_each(f->gate, add_link, f);
}

/* The block's number and serial name it: a later one in the same place is another. */
static void freezer_params(const struct config *c, char id[static BLOCK_FREEZE_ID_MAX + 1], uint32_t index,
                           uint32_t serial, char root[static 256], struct block_freeze_params *ret)
{
        snprintf(id, BLOCK_FREEZE_ID_MAX + 1, "%u-%u", index, serial);
        *ret = (struct block_freeze_params){
                .id = id, .state = FROZEN_STATE, .cgroup = c->gate.cgroup, .patience = 2 * NSEC_PER_SEC};
        if (!ret->cgroup && host_find_cgroup2(root, 256) == 0)
                ret->cgroup = root;
}

static int freeze(const struct blocking *b, const struct gate *g, pid_t pid, uint64_t start, unsigned index)
{
        struct freezing f = {.gate = g, .block = index + 1};
        char id[BLOCK_FREEZE_ID_MAX + 1], root[256];
        struct block_freeze_params p;
        struct block_freeze_result result;
        struct gate_label l;
        int r = gate_label_get(g, pid, start, &l);

        if (r < 0)
                return r;
        f.serial = l.block_serial;
        freezer_params(b->cli->config, id, index, l.block_serial, root, &p);
        p.tree = (struct block_tree_params){.pid = (uint32_t) pid, .start = start, .userdata = &f, .links = add_links};
        if (mkdir(FROZEN_STATE, 0700) < 0 && errno != EEXIST)
                return -errno;
        r = block_freeze(&p, &result);
        if (r == 0 && (result.failed || !result.verified || !result.settled))
                log_warning("%u processes could not be stopped, or not all were seen to stand still", result.failed);
        return r;
}

static void thaw(const struct config *c, unsigned index, uint32_t serial)
{
        char id[BLOCK_FREEZE_ID_MAX + 1], root[256];
        struct block_freeze_params p;
        struct block_thaw_result result;
        int r;

        freezer_params(c, id, index, serial, root, &p);
        for (int i = 0; (r = block_thaw(&p, &result)) == -EAGAIN && i < 10; i++)
                ;
        if (r < 0 && r != -ENOENT)
                log_error("the frozen processes cannot be let go: %s", strerror(-r));
        (void) rmdir(FROZEN_STATE); /* once the last block has ended */
}

static int count_block(void *userdata, unsigned index _unused_, const struct gate_block *b _unused_)
{
        ++*(unsigned *) userdata;
        return 0;
}

/* The kernel half was loaded for the block alone: nothing of it stays behind. A daemon that took it to learn loads one
 * of its own again. */
static void unload_unused(const struct config *c, const struct gate *g)
{
        struct gate_state_shut shut;
        struct gate_state s;
        unsigned n = 0;

        if (gate_get_state(g, &s) == 0 && s.mode != GATE_SHUT &&
            (s.mode == GATE_OFF || c->respond.block != RESPOND_BLOCK_BOT) && gate_state_is_shut(c, &shut) == 0 &&
            block_each(g, count_block, &n) == 0 && n == 0)
                (void) gate_unpin(c->gate.folder);
}

/* The kernel half that is there, or one for the block alone, which is told who is whose child. A dry run changes
 * nothing: then it ends with this process. */
static int obtain(const struct blocking *b, struct gate **ret)
{
        const struct config *c = b->cli->config;
        _cleanup_(gate_closep)
        struct gate *g = NULL;
        int r = gate_open(c->gate.folder, &g);

        if (r == -ENOENT || r == -EPROTO) {
                r = b->dry_run ? gate_load(c->gate.cgroup, &g) : gate_pin(c->gate.folder, c->gate.cgroup, &g);
                if (r == 0)
                        r = gate_label_present(g);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(g);
        return 0;
}

static int begin_process(const struct blocking *b, pid_t pid, uint64_t start)
{
        const struct config *c = b->cli->config;
        _cleanup_(gate_closep)
        struct gate *g = NULL;
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(8192);
        char key[SUBJECT_TEXT_MAX], undo[SUBJECT_TEXT_MAX + 32], until[64];
        struct block_result result = {0};
        struct gate_label l;
        struct subject s;
        int r;

        r = pid == 1 ? -EPERM : obtain(b, &g); /* it has no label to find */
        if (r == 0)
                r = gate_label_get(g, pid, start, &l);
        if (r == -ESRCH && !start && kill(pid, 0) == 0)
                r = -ECHILD;
        if (r == 0)
                r = b->dry_run ? block_preview(g, pid, l.start, &result) :
                                 block_process(g, pid, l.start, b->length, &result);
        if (r == 0 && b->freeze && !b->dry_run)
                r = freeze(b, g, pid, l.start, result.index);
        if (r < 0) {
                if (g && !b->dry_run)
                        unload_unused(c, g);
                return say_failure(b, r);
        }
        acting_subject(pid, l.start, &s);
        put_result(b, &s, &result, &out);
        subject_key(&s, key);
        snprintf(undo, sizeof(undo), "sekimori unblock %s", key);
        if (!b->dry_run)
                acting_record(b->cli, ACTION_BLOCK, &s, undo, "refused the network %s, with %u process%s",
                              until_text(b->length, until), result.processes, result.processes == 1 ? "" : "es");
        return cli_print(&out, CLI_OK);
}

static int begin_host(const struct blocking *b, const struct addr *a)
{
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(65536);
        char why[256] = "", text[ADDR_TEXT_MAX], until[64], undo[128];
        struct buf w = BUF_FIXED(why);
        struct subject s = {.kind = SUBJECT_HOST, .addr = *a};
        int r = b->dry_run ? host_block_text(a, b->length, &out) : host_block_add(a, b->length, &w);

        if (r < 0) {
                log_error("%s: %s", b->text,
                          r == -EADDRINUSE ? "it is an address of this machine" :
                          why[0]           ? why :
                                             strerror(-r));
                return CLI_INPUT;
        }
        if (b->dry_run)
                return cli_print(&out, CLI_OK);
        addr_format(a, text);
        snprintf(undo, sizeof(undo), "sekimori unblock %s", text);
        buf_printf(&out, "%s: its packets are not passed on any more, %s\nTo undo: %s\n", text,
                   until_text(b->length, until), undo);
        acting_record(b->cli, ACTION_BLOCK, &s, undo, "not forwarded any more, %s", until);
        return cli_print(&out, CLI_OK);
}

/* "host:ADDR" or an address. */
static bool take_host(const char *text, struct addr *ret)
{
        return addr_parse(strncmp(text, "host:", 5) == 0 ? text + 5 : text, ret) == 0;
}

int blocking_begin(const struct blocking *b)
{
        struct addr a;
        uint64_t start;
        pid_t pid;
        int r = block_parse_process(b->text, &pid, &start);

        if (r == 0)
                return begin_process(b, pid, start);
        if (r == -ESTALE)
                return say_failure(b, r);
        if (take_host(b->text, &a))
                return begin_host(b, &a);
        return cli_usage(b->cli, "\"%s\" is neither a process nor an address", b->text);
}

struct listing {
        const struct blocking *b;
        struct buf out;
        unsigned n;
};

static int list_process(void *userdata, unsigned index, const struct gate_block *block)
{
        struct listing *l = userdata;
        char key[SUBJECT_TEXT_MAX], title[SUBJECT_TEXT_MAX], left[64];
        nsec_t rest = block->until == UINT64_MAX ? 0 : (nsec_t) block->until - clock_boottime();
        struct subject s;

        acting_subject((pid_t) block->pid, block->start, &s);
        subject_key(&s, key);
        l->n++;
        if (l->b->cli->json) {
                buf_printf(&l->out, "{\"event_type\":\"block\",\"subject\":");
                json_subject(&l->out, &s);
                buf_printf(&l->out,
                           ",\"seconds_left\":%lld,\"connections_refused\":%" PRIu64 ",\"packets_refused\":%" PRIu64
                           "}\n",
                           (long long) (rest / NSEC_PER_SEC), (uint64_t) block->connects, (uint64_t) block->packets);
        } else
                buf_printf(&l->out, "%s: %s; refused: %" PRIu64 " connections, %" PRIu64 " packets\n    %s\n",
                           subject_title(&s, title), until_text(rest, left), (uint64_t) block->connects,
                           (uint64_t) block->packets, key);
        (void) index;
        return 0;
}

static void list_host(const struct addr *host, nsec_t left, void *userdata)
{
        struct listing *l = userdata;
        char text[ADDR_TEXT_MAX], until[64];

        l->n++;
        addr_format(host, text);
        if (l->b->cli->json)
                buf_printf(&l->out, "{\"event_type\":\"block\",\"subject\":\"host:%s\",\"seconds_left\":%lld}\n", text,
                           (long long) (left / NSEC_PER_SEC));
        else
                buf_printf(&l->out, "%s: not passed on %s\n", text, until_text(left, until));
}

int blocking_list(const struct blocking *b)
{
        struct listing l = {.b = b, .out = BUF_HEAP(4u << 20)};
        _cleanup_(gate_closep)
        struct gate *g = NULL;
        char why[256] = "";
        struct buf w = BUF_FIXED(why);
        int r = gate_open(b->cli->config->gate.folder, &g);

        if (r == 0)
                r = block_each(g, list_process, &l);
        if (r == 0 || r == -ENOENT)
                r = host_block_list(list_host, &l, &w);
        if (r < 0 && r != -ENOPKG)
                log_error("blocks cannot be listed: %s", why[0] ? why : strerror(-r));
        else if (!l.n && !b->cli->json)
                buf_puts(&l.out, "Nothing is blocked.\n");
        r = cli_print(&l.out, r < 0 && r != -ENOPKG ? CLI_INPUT : CLI_OK);
        buf_done(&l.out);
        return r;
}

struct lifting {
        const struct blocking *b;
        struct gate *gate;
        pid_t pid; /* 0: all */
        uint64_t start;
        unsigned n;
};

static int lift(void *userdata, unsigned index, const struct gate_block *block)
{
        struct lifting *l = userdata;
        char title[SUBJECT_TEXT_MAX];
        struct subject s;
        int r;

        if (l->pid && ((pid_t) block->pid != l->pid || (l->start && block->start != l->start)))
                return 0;
        thaw(l->b->cli->config, index, block->serial);
        r = block_lift(l->gate, (pid_t) block->pid, block->start);
        if (r < 0)
                return r;
        l->n++;
        acting_subject((pid_t) block->pid, block->start, &s);
        acting_record(l->b->cli, ACTION_UNBLOCK, &s, "", "may use the network again");
        if (!l->b->cli->json)
                printf("%s: may use the network again\n", subject_title(&s, title));
        return 0;
}

/* -ENOENT: that one, or any, is not blocked. */
static int end_processes(const struct blocking *b, pid_t pid, uint64_t start, unsigned *ret_n)
{
        struct lifting l = {.b = b, .pid = pid, .start = start};
        int r = gate_open(b->cli->config->gate.folder, &l.gate);

        if (r == 0)
                r = block_each(l.gate, lift, &l);
        if (r == 0 && !l.n && pid)
                r = -ENOENT;
        if (l.gate && r == 0)
                unload_unused(b->cli->config, l.gate);
        gate_close(l.gate);
        *ret_n = l.n;
        return r;
}

static void tell_host(const struct blocking *b, const struct addr *a)
{
        const struct subject s = {.kind = SUBJECT_HOST, .addr = *a};
        char text[ADDR_TEXT_MAX];

        acting_record(b->cli, ACTION_UNBLOCK, &s, "", "forwarded again");
        if (!b->cli->json)
                printf("%s: forwarded again\n", addr_format(a, text));
}

static int end_host(const struct blocking *b, const struct addr *a)
{
        char why[256] = "";
        struct buf w = BUF_FIXED(why);
        int r = host_block_remove(a, &w);

        if (r < 0) {
                log_error("%s: %s", b->text, r == -ENOENT ? "it is not blocked" : why[0] ? why : strerror(-r));
                return CLI_INPUT;
        }
        tell_host(b, a);
        return CLI_OK;
}

struct hosts {
        struct addr *items;
        size_t n;
        bool failed;
};

static void add_host(const struct addr *host, nsec_t left _unused_, void *userdata)
{
        struct hosts *h = userdata;
        struct addr *more = reallocarray(h->items, h->n + 1, sizeof(*more));

        h->failed |= !more;
        if (!more)
                return;
        h->items = more;
        h->items[h->n++] = *host;
}

static int end_all_hosts(const struct blocking *b, size_t *ret_n)
{
        struct hosts h = {0};
        int r = host_block_list(add_host, &h, NULL);

        if (r == 0)
                r = h.failed ? -ENOMEM : host_block_clear(NULL);
        for (size_t i = 0; r == 0 && i < h.n; i++)
                tell_host(b, &h.items[i]);
        *ret_n = h.n;
        free(h.items);
        return r == -ENOPKG ? 0 : r; /* without nft there are none */
}

static int end_all(const struct blocking *b)
{
        unsigned processes = 0;
        size_t hosts = 0;
        int r = end_processes(b, 0, 0, &processes);

        if (r == 0 || r == -ENOENT)
                r = end_all_hosts(b, &hosts);
        if (r < 0)
                return say_failure(b, r);
        if (!processes && !hosts && !b->cli->json)
                puts("Nothing is blocked.");
        return CLI_OK;
}

int blocking_end(const struct blocking *b)
{
        struct addr a;
        uint64_t start;
        unsigned n;
        pid_t pid;
        int r;

        if (strcmp(b->text, "all") == 0)
                return end_all(b);
        r = block_parse_process(b->text, &pid, &start);
        if (r == 0)
                r = end_processes(b, pid, start, &n);
        else if (r == -EINVAL && take_host(b->text, &a))
                return end_host(b, &a);
        else if (r == -EINVAL)
                return cli_usage(b->cli, "\"%s\" is neither a process nor an address", b->text);
        return r < 0 ? say_failure(b, r) : CLI_OK;
}
