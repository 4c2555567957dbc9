/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See gating.h. Runs as root, in the command line and, as `gate load`, at boot. */
#include "cli/gating.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"
#include "respond/block.h"
#include "respond/gate_cut.h"
#include "respond/gate_programs.h"
#include "respond/gate_seed.h"

#define LOCK_PATIENCE (20 * NSEC_PER_SEC) /* for another command */
#define PACKAGED      "/lib/systemd/system/" GATING_UNIT
#define OWN           "/etc/systemd/system/" GATING_UNIT
#define WANTS         "/etc/systemd/system/sysinit.target.wants"
#define LINK          WANTS "/" GATING_UNIT

/* Held from the reading of the list until the kernel knows of the new one, or until the command ends. */
static int locked = -EBADF;

static void let_go(void)
{
        closep(&locked);
        locked = -EBADF;
}

int gating_open_state(struct cli *cli, bool create, int *ret_dir, struct gate_senders **ret_senders)
{
        _cleanup_(buf_done)
        struct buf errors = BUF_HEAP(8192);
        const char *path = cli->config->gate.state;
        int dir = -1, r = gate_state_open(path, create, &dir);

        if (r == -ENOENT && !create) {
                *ret_senders = gate_senders_new();
                *ret_dir = -1;
                return *ret_senders ? 0 : -ENOMEM;
        }
        if (r == 0 && create)
                r = gate_senders_lock(dir, true, LOCK_PATIENCE, &locked);
        if (r == 0)
                r = gate_senders_load(dir, ret_senders, &errors);
        if (r < 0) {
                log_error("%s: %s", path,
                          errors.len  ? buf_str(&errors) :
                          r == -EPERM ? "somebody else than root may write it" :
                          r == -EBUSY ? "somebody else is changing it" :
                                        strerror(-r));
                closep(&dir);
                cli->status = CLI_INPUT;
                return r;
        }
        *ret_dir = dir;
        return 0;
}

void gating_rules(const struct cli *cli, const struct gate_senders *senders, struct config_cidrs *forward,
                  struct gate_rules_params *ret)
{
        const struct config *c = cli->config;
        struct cidr *items = calloc(c->gate.forward.n + senders->n + 1, sizeof(*items));

        forward->items = items;
        forward->n = 0;
        if (items && c->gate.forward.n) {
                memcpy(items, c->gate.forward.items, c->gate.forward.n * sizeof(*items));
                forward->n = c->gate.forward.n;
        }
        for (size_t i = 0; items && i < senders->n; i++)
                if (senders->items[i].kind == GATE_SENDER_NETWORK)
                        items[forward->n++] = senders->items[i].net;
        *ret = (struct gate_rules_params){
                .ports = c->gate.ports, .n_ports = c->gate.n_ports, .mark = 1u << c->gate.mark, .forward = forward};
}

static int load_rules(struct cli *cli, const struct gate_senders *senders)
{
        struct gate_rules_params p;
        struct config_cidrs forward;
        char why[512] = "";
        struct buf b = BUF_FIXED(why);
        int r;

        gating_rules(cli, senders, &forward, &p);
        r = gate_rules_apply(&p, &b);
        free(forward.items);
        if (r < 0)
                log_error("the nftables layer cannot be loaded: %s; the kernel programs alone are in force",
                          why[0] ? why : strerror(-r));
        else if (r == 1)
                log_warning("the nftables layer does not cover everything: %s", why);
        return r < 0 ? r : 0;
}

/* Programs and declared senders to the kernel. */
static int seed(const struct config *c, const struct gate *g, const struct gate_senders *senders)
{
        _cleanup_(gate_programs_freep)
        struct gate_programs *programs = NULL;
        int r = gate_programs_new(c, &programs);

        if (r == 0)
                r = gate_senders_apply(senders, programs);
        if (r == 0)
                r = gate_programs_scan(programs, NULL, NULL);
        return r < 0 ? r : gate_seed(g, programs, senders);
}

int gating_reseed(struct cli *cli, const struct gate_senders *senders)
{
        _cleanup_(gate_closep)
        struct gate *g = NULL;
        struct gate_state s;
        int r = gate_open(cli->config->gate.folder, &g);

        if (r == -ENOENT)
                return CLI_OK; /* it will be read when there is a gate */
        if (r == 0)
                r = seed(cli->config, g, senders);
        let_go();
        if (r >= 0)
                r = gate_get_state(g, &s);
        if (r == 0 && s.mode == GATE_SHUT)
                r = load_rules(cli, senders);
        if (r < 0)
                log_error("the kernel does not know of it yet: %s", strerror(-r));
        return r < 0 ? CLI_INPUT : CLI_OK;
}

int gating_shut(struct cli *cli, const struct gate_senders *senders, bool boot)
{
        const struct config *c = cli->config;
        _cleanup_(gate_closep)
        struct gate *g = NULL;
        struct gate_state s = {.mode = GATE_OFF};
        int r = gate_pin(c->gate.folder, c->gate.cgroup, &g);
        uint64_t opened;
        bool was_shut;

        if (r < 0) {
                log_error("the kernel programs cannot be pinned at %s: %s", c->gate.folder,
                          r == -ENOSYS ? "cgroup v2 is not mounted" : strerror(-r));
                /* Nobody has a mark then, and nothing leaves: a boot must not open what was shut. */
                if (boot)
                        (void) load_rules(cli, senders);
                return r;
        }
        r = seed(c, g, senders);
        let_go();
        if (r >= 0)
                r = gate_label_present(g);
        if (r < 0)
                log_error("programs and declared senders cannot be told to the kernel: %s", strerror(-r));
        was_shut = gate_get_state(g, &s) == 0 && s.mode == GATE_SHUT;
        /* Shut all the same: what is not known is refused. What was opened for a time stands on disk. */
        (void) gate_set_mode(g, c, GATE_SHUT);
        opened = (uint64_t) gate_state_opened(c);
        if (gate_get_state(g, &s) == 0 && s.open_until != opened) {
                s.open_until = opened;
                s.serial++;
                (void) gate_set_state(g, &s);
        }
        if (load_rules(cli, senders) < 0)
                r = -EIO;
        /* Those let through since it was shut go on. */
        if (!was_shut)
                (void) gate_cut_connections(c->gate.ports, c->gate.n_ports);
        return r < 0 ? -EIO : 0;
}

static int count_block(void *userdata, unsigned index _unused_, const struct gate_block *b _unused_)
{
        ++*(unsigned *) userdata;
        return 0;
}

int gating_take_away(struct cli *cli)
{
        const struct config *c = cli->config;
        _cleanup_(gate_closep)
        struct gate *g = NULL;
        char why[512] = "";
        struct buf b = BUF_FIXED(why);
        unsigned blocks = 0;
        int r = gate_open(c->gate.folder, &g), rules;

        if (r == 0) {
                (void) gate_set_mode(g, c, GATE_OFF);
                (void) block_each(g, count_block, &blocks);
        }
        if (r == 0 || r == -EPROTO || r == -ENOENT) /* what an attempt to shut it left behind, too */
                r = blocks ? 0 : gate_unpin(c->gate.folder);
        if (r < 0)
                log_error("the kernel programs at %s cannot be taken away: %s", c->gate.folder, strerror(-r));
        rules = gate_rules_remove(&b);
        if (rules < 0 && rules != -ENOPKG)
                log_error("the nftables layer cannot be taken away: %s", why[0] ? why : strerror(-rules));
        else
                rules = 0;
        return r < 0 ? r : rules;
}

/* The packaged unit, or one of our own that starts this very program. */
static int write_unit(void)
{
        char self[4096], text[8192];
        ssize_t n;
        int fd, len;

        if (access(PACKAGED, F_OK) == 0)
                return 0;
        n = readlink("/proc/self/exe", self, sizeof(self) - 1);
        if (n <= 0)
                return -errno;
        self[n] = '\0';
        len = snprintf(text, sizeof(text),
                       "# Written by `sekimori gate shut`; `sekimori gate remove` takes it away.\n"
                       "[Unit]\n"
                       "Description=Shuts the mail gate before the network is up\n"
                       "DefaultDependencies=no\n"
                       "After=local-fs.target systemd-tmpfiles-setup.service\n"
                       "Before=network-pre.target sysinit.target shutdown.target\n"
                       "Wants=network-pre.target\n"
                       "Conflicts=shutdown.target\n\n"
                       "[Service]\n"
                       "Type=oneshot\n"
                       "RemainAfterExit=yes\n"
                       "ExecStart=%s gate load\n",
                       self);
        fd = open(OWN, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return -errno;
        n = write(fd, text, (size_t) len);
        if (n == len && fsync(fd) < 0)
                n = -1;
        close(fd);
        return n == len ? 0 : -EIO;
}

int gating_install_unit(void)
{
        int r;

        if (sd_booted() <= 0)
                return -ENOSYS;
        r = write_unit();
        if (r < 0)
                return r;
        if (mkdir(WANTS, 0755) < 0 && errno != EEXIST)
                return -errno;
        if (symlink(access(PACKAGED, F_OK) == 0 ? PACKAGED : OWN, LINK) < 0 && errno != EEXIST)
                return -errno;
        return 0;
}

int gating_remove_unit(void)
{
        if (unlink(LINK) < 0 && errno != ENOENT)
                return -errno;
        if (unlink(OWN) < 0 && errno != ENOENT)
                return -errno;
        (void) rmdir(WANTS); /* only when it was ours alone */
        return 0;
}
