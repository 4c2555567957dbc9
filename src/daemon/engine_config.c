/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the configuration again. A bad one is refused whole and the old one stays in force; of a good one, what needs
 * rights or other descriptors stays as it was at the start, and is said. Runs in the engine, under its sandbox: the
 * file must be readable by its user. */
#include <errno.h>
#include <string.h>

#include "daemon/engine_internal.h"
#include "detect/detector.h"

static bool same_text(const char *a, const char *b)
{
        return a == b || (a && b && strcmp(a, b) == 0);
}

/* Takes the text in force over into the new configuration. */
static int keep_text(struct engine *e, char **at, const char *in_force, const char *key)
{
        char *copy;

        if (same_text(*at, in_force))
                return 0;
        copy = in_force ? strdup(in_force) : NULL;
        if (in_force && !copy)
                return -ENOMEM;
        if (*at)
                engine_log(e, LOG_LEVEL_NOTICE, "%s stays %s until the next start", key, in_force ? in_force : "unset");
        free(*at);
        *at = copy;
        return 0;
}

/* What the start fixed: the descriptors, the sandbox and the warden know it. */
static int keep_fixed(struct engine *e, struct config *c)
{
        const struct config *was = e->daemon->config;
        int r = keep_text(e, &c->eve.path, was->eve.path, "eve.path");

        if (r == 0)
                r = keep_text(e, &c->store.path, was->store.path, "store.path");
        if (r == 0)
                r = keep_text(e, &c->daemon.control, was->daemon.control, "daemon.control");
        if (r == 0)
                r = keep_text(e, &c->daemon.user, was->daemon.user, "daemon.user");
        c->eve.events |= was->eve.events;
        c->host = was->host;
        c->store.keep = was->store.keep;
        c->store.max_bytes = was->store.max_bytes;
        return r;
}

void engine_config_check(struct engine *e)
{
        _cleanup_(buf_done)
        struct buf notes = BUF_HEAP(16384);

        detector_check_config(e->config, &notes);
        engine_log_lines(e, LOG_LEVEL_WARNING, buf_str(&notes));
}

bool engine_config_load(struct engine *e, struct config **ret_old)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        _cleanup_(buf_done)
        struct buf errors = BUF_HEAP(65536);
        int r = config_load(e->daemon->config_path, &c, &errors);

        engine_log_lines(e, r < 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_NOTICE, buf_str(&errors));
        if (r == 0)
                r = keep_fixed(e, c);
        if (r == 0)
                r = config_add_home(c, e->params->own);
        if (r < 0) {
                engine_log(e, LOG_LEVEL_ERROR, "the new configuration is not taken (%s), the old one stays in force",
                           r == -EINVAL ? "see above" : strerror(-r));
                return false;
        }
        *ret_old = e->reloaded;
        e->config = e->reloaded = TAKE_PTR(c);
        return true;
}

void engine_config_reload(struct engine *e)
{
        struct config *old = NULL;
        const struct config *before = e->config;
        int r;

        engine_rules_wait(e); /* they are loaded by the configuration in force */
        if (engine_config_load(e, &old)) {
                r = analysis_set_config(e->analysis, e->config);
                if (r == 0)
                        r = talkers_set_config(e->talkers, e->config);
                if (r < 0) {
                        engine_log(e, LOG_LEVEL_ERROR, "the new configuration is not taken: %s", strerror(-r));
                        (void) analysis_set_config(e->analysis, before);
                        config_free(e->reloaded);
                        e->reloaded = old;
                        e->config = before;
                } else {
                        config_free(old);
                        engine_config_check(e);
                        engine_log(e, LOG_LEVEL_NOTICE, "the configuration was read again and is in force");
                        engine_rules_reload(e);
                }
        }
        r = engine_eve_open(e);
        if (r < 0)
                engine_log(e, LOG_LEVEL_ERROR, "cannot open %s again: %s; writing to the old file", e->config->eve.path,
                           strerror(-r));
}
