/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the mail gate decided goes out: a burst of one program is one entry in the store with a count, one line on the
 * terminal and one in the journal, and one more of each when it is over. Runs in the engine. */
#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "daemon/engine_internal.h"
#include "detect/ancestors.h"
#include "respond/alarm.h"
#include "view/gate_text.h"

#define BURSTS      256u                  /* 1.1 kB each; the one that rested longest goes */
#define BURST_QUIET (60 * NSEC_PER_SEC)   /* after which it is over */
#define BURST_LONG  (3600 * NSEC_PER_SEC) /* what goes on for longer is a new entry */
#define SEEN_MAX    64                    /* different servers and processes that are counted */
#define TOLD_MAX    20                    /* lines a minute; the log has the rest */
#define TOLD_SPAN   (60 * NSEC_PER_SEC)

/* A program, whichever process of it: one that forks for each mail is one burst. */
struct burst_key {
        uint64_t exe_ino;
        uint32_t exe_dev, uid;
        uint8_t op, reason, denied, learn;
        uint32_t pid;  /* where the program is not known */
        uint32_t what; /* TAMPER: what was touched, whoever did it */
};

struct seen {
        uint32_t hash[SEEN_MAX];
        uint32_t n;
};

struct burst {
        struct burst_key key;
        struct gate_entry entry;
        struct seen peers, processes;
        int64_t id;    /* of its row */
        nsec_t newest; /* boot time */
        nsec_t began;
        bool dirty; /* the row is older than this */
        bool told;  /* its beginning was told, and so will be its end */
};

struct engine_gate {
        struct engine *engine;
        struct table *bursts;
        nsec_t told_since; /* boot time */
        uint32_t told, untold;
};

static void store_burst(struct engine *e, struct burst *b)
{
        if (!b->dirty)
                return;
        b->dirty = false;
        engine_store_check(e, store_put_gate(e->keeper.store, &b->id, &b->entry));
}

static bool on_evict(void *userdata, void *entry)
{
        struct engine_gate *g = userdata;

        store_burst(g->engine, entry);
        return true;
}

int engine_gate_new(struct engine *e)
{
        struct table_params p = {.name = "bursts of the mail gate",
                                 .cap = BURSTS,
                                 .key_size = sizeof(struct burst_key),
                                 .entry_size = sizeof(struct burst),
                                 .evict = on_evict};
        struct engine_gate *g = calloc(1, sizeof(*g));
        int r;

        if (!g)
                return -ENOMEM;
        g->engine = e;
        p.userdata = g;
        r = table_new(&p, &g->bursts);
        if (r < 0) {
                free(g);
                return r;
        }
        e->gate = g;
        return 0;
}

static void see(struct seen *s, uint32_t hash, uint32_t *ret_n)
{
        for (uint32_t i = 0; i < s->n; i++)
                if (s->hash[i] == hash)
                        return;
        if (s->n < SEEN_MAX)
                s->hash[s->n++] = hash;
        *ret_n = s->n;
}

/* What the setting for privacy leaves of it: whom a person writes to is nobody's business, and `strict` keeps counts.
 */
static bool keeps_remote(const struct engine *e, const struct gate_event *g, unsigned op)
{
        if (e->config->store.privacy == PRIVACY_FULL)
                return true;
        return e->config->store.privacy == PRIVACY_EVIDENCE && gate_action(op, g->reason, g->denied) != GATE_ALLOWED;
}

static void name_program(const struct engine *e, const struct gate_event *g, struct gate_entry *entry)
{
        const struct lineage *l = analysis_lineage(e->analysis);
        const struct lineage_node *n = lineage_process(l, &g->task);
        const char *name = n && n->path[0] ? n->path : n && n->name[0] ? n->name : g->comm ? g->comm : "?";

        (void) snprintf(entry->program, sizeof(entry->program), "%s", name);
}

static void fill(const struct engine *e, const struct event *ev, struct burst *b)
{
        const struct gate_event *g = &ev->gate;
        struct gate_entry *entry = &b->entry;
        bool remote = keeps_remote(e, g, ev->op);

        entry->last = ev->time + clock_skew();
        if (!entry->first)
                entry->first = entry->last;
        entry->task = g->task;
        entry->asker = g->asker;
        entry->port = g->port;
        entry->proto = g->proto;
        if (__builtin_add_overflow(entry->count, g->count, &entry->count))
                entry->count = UINT32_MAX;
        if (!addr_is_unspecified(&g->remote))
                see(&b->peers, (uint32_t) XXH64(g->remote.b, sizeof(g->remote.b), 0), &entry->peers);
        if (task_is_known(&g->task))
                see(&b->processes, (uint32_t) XXH64(&(uint64_t[]){g->task.leader_start, g->task.pid}, 16, 0),
                    &entry->processes);
        if (remote)
                entry->remote = g->remote;
        if (e->config->store.privacy != PRIVACY_STRICT) {
                (void) ancestors_chain(analysis_lineage(e->analysis), &g->task, entry->chain, sizeof(entry->chain));
                (void) snprintf(entry->text, sizeof(entry->text), "%s", g->text ? g->text : "");
        }
        b->newest = clock_boottime();
        b->dirty = true;
}

/* The keeper's text is "WHAT, by WHOM". */
static uint32_t touched(const struct event *ev)
{
        const char *text = ev->op == GATE_TRY_TAMPER && ev->gate.text ? ev->gate.text : "";

        return (uint32_t) XXH64(text, strcspn(text, ","), 0);
}

static struct burst_key key_of(const struct event *ev)
{
        const struct gate_event *g = &ev->gate;

        return (struct burst_key){
                .exe_ino = g->exe_ino,
                .exe_dev = g->exe_dev,
                .uid = g->uid,
                .op = ev->op,
                .reason = g->reason == GATE_WHY_AGAIN ? GATE_WHY_PERSON : g->reason,
                .denied = g->denied,
                .learn = g->learn,
                .pid = g->exe_ino ? 0 : g->task.pid,
                .what = touched(ev),
        };
}

/* Refused, or worse: what a person has to know at once. */
static bool is_alarm(const struct gate_entry *e)
{
        return gate_action(e->op, e->reason, e->denied) == GATE_DENIED || e->op == GATE_TRY_TAMPER;
}

/* The journal may have been started anew since: its socket is another one then. */
static void tell_journal(struct engine *e, const struct gate_entry *entry, const char *line)
{
        int r = alarm_gate(e->journal_fd, entry, line);

        if (r == -ECONNREFUSED || r == -ENOTCONN || r == -ECONNRESET || r == -ENOENT) {
                closep(&e->journal_fd);
                e->journal_fd = -1;
                if (alarm_open(NULL, &e->journal_fd) == 0)
                        r = alarm_gate(e->journal_fd, entry, line);
        }
        if (r < 0)
                e->counts.journal_lost++;
}

static void tell(struct engine *e, const struct gate_entry *entry)
{
        char text[1024], time[CLOCK_TEXT_MAX];
        struct buf line = BUF_FIXED(text);

        gate_text_put_sentence(&line, GATE_NOTIFY_EN, entry, NULL);
        tell_journal(e, entry, buf_str(&line));
        if (!e->daemon->json)
                engine_print(e, "%s  mail gate  %s\n", clock_format_time(entry->last, time), buf_str(&line));
}

/* At most so many lines a minute, whatever copies of itself a program makes. */
static bool may_tell(struct engine_gate *g, nsec_t now)
{
        if (now - g->told_since >= TOLD_SPAN) {
                if (g->untold)
                        engine_log(g->engine, LOG_LEVEL_WARNING,
                                   "the mail gate stopped %u further programs; sekimori gate log has them", g->untold);
                g->told_since = now;
                g->told = g->untold = 0;
        }
        if (g->told >= TOLD_MAX) {
                g->untold++;
                return false;
        }
        g->told++;
        return true;
}

static void begin(struct engine *e, const struct event *ev, struct burst *b)
{
        const struct gate_event *g = &ev->gate;

        b->entry.op = ev->op;
        b->entry.reason = b->key.reason;
        b->entry.denied = g->denied;
        b->entry.learn = g->learn;
        b->entry.exe_dev = g->exe_dev;
        b->entry.exe_ino = g->exe_ino;
        b->entry.uid = g->uid;
        b->entry.kinds = g->kinds;
        name_program(e, g, &b->entry);
        b->began = clock_boottime();
}

void engine_gate_event(struct engine *e, const struct event *ev)
{
        struct engine_gate *g = e->gate;
        struct burst_key key = key_of(ev);
        struct burst *b;
        bool created;

        if (ev->op == GATE_TRY_NONE || ev->op >= GATE_TRIES)
                return;
        b = table_insert(g->bursts, &key, &created);
        if (!b)
                return;
        if (created)
                begin(e, ev, b);
        fill(e, ev, b);
        if (!created)
                return;
        store_burst(e, b);
        b->told = is_alarm(&b->entry) && may_tell(g, b->began);
        if (b->told)
                tell(e, &b->entry);
}

static void end(struct engine *e, struct burst *b)
{
        store_burst(e, b);
        if (b->told && b->entry.count > 1)
                tell(e, &b->entry);
}

void engine_gate_tick(struct engine *e, nsec_t now)
{
        struct engine_gate *g = e->gate;
        struct burst *next;

        for (struct burst *b = table_oldest(g->bursts); b; b = next) {
                next = table_younger(g->bursts, b);
                if (now - b->newest < BURST_QUIET && now - b->began < BURST_LONG) {
                        store_burst(e, b);
                        continue;
                }
                end(e, b);
                table_remove(g->bursts, b);
        }
}

void engine_gate_free(struct engine *e)
{
        struct engine_gate *g = e->gate;

        if (!g)
                return;
        for (struct burst *b = table_oldest(g->bursts); b && e->keeper.store; b = table_younger(g->bursts, b))
                end(e, b);
        table_free(g->bursts);
        free(g);
        e->gate = NULL;
}
