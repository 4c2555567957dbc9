/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's rules. At the start they are compiled before the sandbox closes, when memory may still be made
 * executable. When the configuration is read again a thread loads them anew, while packets, flows and everything else
 * go on; then they take the place of the old ones between two packets. Expressions of rules loaded in the sandbox are
 * interpreted by PCRE2 rather than run as machine code: docs/rules.md says what that costs. A set that cannot be loaded
 * leaves the old one in force. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "daemon/engine_internal.h"
#include "daemon/packets.h"
#include "rules/load.h"

struct engine_loading {
        const struct config *config; /* in force until it is done: engine_rules_wait() */
        pthread_t thread;
        atomic_bool done;
        struct ruleset *set;
        struct buf why;
        int result;
};

static const struct engine_slot *packets_of(const struct engine *e)
{
        const struct engine_slot *s = &e->slots[SLOT_PACKETS];

        return s->state && s->source == &source_packets ? s : NULL;
}

static void tell_loaded(struct engine *e)
{
        char text[256];
        struct buf b = BUF_FIXED(text);

        if (!e->rules.now)
                return;
        rules_load_describe(e->rules.now, &b);
        engine_log(e, rules_load_refused(e->rules.now) ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, "rules in force: %s",
                   text);
}

static void tell_failed(struct engine *e, const struct buf *why, const char *what)
{
        engine_log_lines(e, LOG_LEVEL_ERROR, buf_str(why));
        engine_log(e, LOG_LEVEL_ERROR, "the rules cannot be loaded (see above); %s", what);
}

void engine_rules_start(struct engine *e)
{
        struct rules_load p = {.config = e->config, .compile = true};
        _cleanup_(buf_done)
        struct buf why = BUF_HEAP(1u << 16);

        if (!rules_load_any(e->config) || e->daemon->scan)
                return;
        if (!e->params->sources[SLOT_PACKETS]) {
                engine_log(e, LOG_LEVEL_WARNING,
                           "rules look at packets, and packets.interface names no device: none is in force");
                return;
        }
        if (rules_load(&p, &e->rules.now, &why) < 0)
                tell_failed(e, &why, "none is in force");
        else
                tell_loaded(e);
}

static void *load(void *userdata)
{
        struct engine_loading *l = userdata;
        struct rules_load p = {.config = l->config, .compile = true};

        l->result = rules_load_any(l->config) ? rules_load(&p, &l->set, &l->why) : 0;
        l->done = true;
        return NULL;
}

void engine_rules_reload(struct engine *e)
{
        struct engine_loading *l;
        int r;

        if (!packets_of(e) || (!rules_load_any(e->config) && !e->rules.now))
                return;
        l = calloc(1, sizeof(*l));
        if (!l) {
                engine_log(e, LOG_LEVEL_ERROR, "no memory to load the rules again; the old ones stay in force");
                return;
        }
        l->config = e->config;
        l->why = BUF_HEAP(1u << 16);
        r = -pthread_create(&l->thread, NULL, load, l);
        if (r < 0) {
                engine_log(e, LOG_LEVEL_ERROR, "the rules cannot be loaded again: %s; the old ones stay in force",
                           strerror(-r));
                free(l);
                return;
        }
        e->rules.loading = l;
}

/* The new ones from the next packet on. */
static void take(struct engine *e, struct engine_loading *l)
{
        const struct engine_slot *s = packets_of(e);
        int r = l->result;

        if (r == 0 && s)
                r = packets_set_rules(s->state, l->set);
        if (r < 0) {
                if (!l->why.len)
                        (void) buf_printf(&l->why, "%s\n", strerror(-r));
                tell_failed(e, &l->why, "the old ones stay in force");
                return;
        }
        ruleset_free(e->rules.now);
        e->rules.now = TAKE_PTR(l->set);
        e->rules.reloads++;
        tell_loaded(e);
}

static void end_loading(struct engine *e, bool wanted)
{
        struct engine_loading *l = TAKE_PTR(e->rules.loading);

        if (!l)
                return;
        (void) pthread_join(l->thread, NULL);
        if (wanted)
                take(e, l);
        ruleset_free(l->set);
        buf_done(&l->why);
        free(l);
}

void engine_rules_tick(struct engine *e)
{
        if (e->rules.loading && e->rules.loading->done)
                end_loading(e, true);
}

void engine_rules_wait(struct engine *e)
{
        end_loading(e, true);
}

void engine_rules_free(struct engine *e)
{
        end_loading(e, false);
        ruleset_free(e->rules.now);
        e->rules.now = NULL;
}

void engine_rules_status(const struct engine *e, struct buf *out)
{
        struct ruleset_stats r = {0};
        uint32_t refused = 0;

        if (e->rules.now) {
                ruleset_get_stats(e->rules.now, &r);
                refused = rules_load_refused(e->rules.now);
        }
        (void) buf_printf(out,
                          "{\"loaded\":%u,\"refused\":%u,\"files\":%u,\"reloads\":%u,\"loading\":%s,\"bytes\":%" PRIu64,
                          r.loaded, refused, r.files, e->rules.reloads, e->rules.loading ? "true" : "false", r.bytes);
        if (packets_of(e)) {
                (void) buf_putc(out, ',');
                packets_describe_rules(packets_of(e)->state, out);
        }
        (void) buf_putc(out, '}');
}
