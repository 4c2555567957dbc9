/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration as the keeper has it: the warden's, or the file's when that was ordered (SIGHUP, `gate shut` after
 * a change). Each keeper has one for its life: where another is wanted, another keeper follows. Runs in the keeper. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/log.h"
#include "daemon/keeper_internal.h"

uint64_t keeper_config_hash(const char *path)
{
        _cleanup_close_ int fd = open(path ? path : CONFIG_PATH_DEFAULT, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        XXH64_state_t *state = XXH64_createState();
        char bytes[4096];
        uint64_t hash = 0;
        ssize_t n = -1;

        if (state && fd >= 0) {
                (void) XXH64_reset(state, 1);
                while ((n = read(fd, bytes, sizeof(bytes))) > 0)
                        (void) XXH64_update(state, bytes, (size_t) n);
                hash = n < 0 ? 0 : XXH64_digest(state);
        }
        (void) XXH64_freeState(state);
        return hash;
}

static int keep(char **at, const char *in_force, const char *key)
{
        char *copy = in_force ? strdup(in_force) : NULL;

        if (in_force && !copy)
                return -ENOMEM;
        if (*at != in_force && (!*at || !in_force || strcmp(*at, in_force) != 0))
                log_notice("%s stays %s until the next start", key, in_force ? in_force : "unset");
        free(*at);
        *at = copy;
        return 0;
}

static int load(struct keeper *k, struct config **ret)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        _cleanup_(buf_done)
        struct buf errors = BUF_HEAP(65536);
        int r = config_load(k->config_path, &c, &errors);

        if (r < 0) /* the engine reads it too and says what is wrong */
                return r;
        r = keep(&c->gate.state, k->config->gate.state, "gate.state");
        if (r == 0)
                r = keep(&c->gate.folder, k->config->gate.folder, "gate.folder");
        if (r == 0)
                r = keep(&c->gate.cgroup, k->config->gate.cgroup, "gate.cgroup");
        if (r == 0)
                r = keep(&c->daemon.control, k->config->daemon.control, "daemon.control");
        if (r == 0)
                *ret = TAKE_PTR(c);
        return r;
}

int keeper_config_start(struct keeper *k, const struct keeper_params *params)
{
        int r;

        k->config = params->config;
        k->config_path = params->config_path;
        k->config_hash = params->config_hash;
        if (!params->reread)
                return 0;
        r = load(k, &k->reread);
        if (r < 0)
                log_error("the mail gate keeps the configuration of the start: %s",
                          r == -EINVAL ? "the new one is wrong" : strerror(-r));
        else
                k->config = k->reread;
        return r == -ENOMEM ? r : 0;
}

bool keeper_config_changed(struct keeper *k)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        uint64_t hash = keeper_config_hash(k->config_path);

        if (hash == k->config_hash)
                return false;
        k->config_hash = hash;
        return load(k, &c) == 0;
}

bool keeper_config_explains(struct keeper *k, const struct gate_state *s)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        struct gate_state configured = *s;

        if (load(k, &c) < 0)
                return false;
        gate_fill_state(&configured, c);
        return memcmp(&configured, s, sizeof(*s)) == 0;
}
