/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tampering: somebody reaches for this program's own parts in the kernel: the gate's maps, programs and links. Pure;
 * runs in the engine. */
#include <errno.h>
#include <inttypes.h>

#include "base/table.h"
#include "detect/ancestors.h"
#include "detect/detector.h"
#include "model/gate.h"

#define SOURCES 256u                  /* 48 bytes each */
#define PAUSE   (10 * NSEC_PER_SEC)   /* between two claims that only renew facts */
#define RECLAIM (3600 * NSEC_PER_SEC) /* after which what goes on weighs again */

static const struct evidence_kind kinds[] = {
        {.name = "tampering.gate",
         .title = "a program reached for the mail gate's own parts in the kernel",
         .reason = "Root alone can, and the tools that list all BPF objects do it without meaning any harm: below "
                   "suspect by itself. With anything else of a bot's life it is the step before the gate falls.",
         .stage = STAGE_HIDE,
         .weight = 800,
         .cap = 800,
         .half_life = 3600 * NSEC_PER_SEC},
};

struct source {
        struct source_key {
                uint64_t start;
                uint32_t pid, zero;
        } key;
        nsec_t claimed, shown;
        uint32_t pending;
};

struct tampering {
        struct table *sources;
        const struct lineage *lineage;
        uint8_t boot_id[16];
};

static void tampering_free(void *state)
{
        struct tampering *s = state;

        if (s)
                table_free(s->sources);
        free(s);
}

static int tampering_new(const struct detector_params *params, void **ret)
{
        static const struct table_params sources = {.name = "tampering",
                                                    .cap = SOURCES,
                                                    .key_size = sizeof(struct source_key),
                                                    .entry_size = sizeof(struct source)};
        struct tampering *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        if ((r = table_new(&sources, &s->sources)) < 0) {
                tampering_free(s);
                return r;
        }
        s->lineage = params->lineage;
        memcpy(s->boot_id, params->boot_id, sizeof(s->boot_id));
        *ret = s;
        return 0;
}

static void claim(struct tampering *s, const struct event *ev, const struct task *whose, const struct subject *subject,
                  struct evidence_sink *out)
{
        const struct gate_event *g = &ev->gate;
        struct source_key key = {.start = whose->leader_start, .pid = whose->pid};
        struct source *src = table_insert(s->sources, &key, NULL);
        struct evidence e = {.kind = &kinds[0], .subject = *subject, .first = ev->time, .last = ev->time};
        const char *name = lineage_name(s->lineage, &g->task);

        if (!src)
                return;
        src->pending += MIN(MAX(g->count, 1u), UINT32_MAX - src->pending);
        if (!src->claimed || ev->time - src->claimed >= RECLAIM) {
                src->claimed = ev->time;
                e.weight = kinds[0].weight;
        } else if (ev->time - src->shown < PAUSE)
                return;
        src->shown = ev->time;
        e.count = src->pending;
        src->pending = 0;
        (void) evidence_fact_process(&e, "sender", &g->task, name[0] != '?' || !g->comm ? name : g->comm);
        (void) evidence_fact_text(&e, "action", gate_action_name(gate_action(ev->op, g->reason, g->denied)));
        if (g->text && g->text[0])
                (void) evidence_fact_text(&e, "with", g->text);
        (void) evidence_fact_number(&e, "user", g->uid);
        out->emit(out->userdata, &e);
}

static void tampering_event(void *state, const struct event *e, struct evidence_sink *out)
{
        struct tampering *s = state;
        struct ancestors a;
        struct subject subject;

        if (e->op != GATE_TRY_TAMPER || !task_is_known(&e->gate.task))
                return;
        detector_gate_subject(s->lineage, s->boot_id, &e->gate, &subject);
        claim(s, e, &e->gate.task, &subject, out);
        ancestors_find(s->lineage, &e->gate.task, &a);
        for (unsigned i = 0; i < a.n_talking; i++) {
                detector_process_subject(s->lineage, s->boot_id, &a.talking[i]->task, &subject);
                claim(s, e, &a.talking[i]->task, &subject, out);
        }
}

static void tampering_explain(const struct evidence *e, struct buf *out)
{
        const struct fact *sender = evidence_find_fact(e, "sender"), *with = evidence_find_fact(e, "with");
        const struct fact *action = evidence_find_fact(e, "action"), *user = evidence_find_fact(e, "user");
        bool known = sender && sender->type == FACT_PROCESS;

        if (known) {
                buf_printf(out, "Process %u (", sender->process.task.pid);
                buf_put_visible(out, sender->process.name, strnlen(sender->process.name, sizeof(sender->process.name)));
                buf_printf(out, ", user %" PRId64 ")", user && user->type == FACT_NUMBER ? user->number : 0);
                if (e->subject.pid != sender->process.task.pid)
                        buf_puts(out, ", which descends from this one,");
        } else
                buf_puts(out, "A process that could not be named");
        buf_puts(out, " reached for the mail gate's own parts in the kernel");
        if (with && with->type == FACT_TEXT) {
                buf_puts(out, " (");
                buf_put_visible(out, with->text, strnlen(with->text, sizeof(with->text)));
                buf_putc(out, ')');
        }
        buf_puts(out, action && action->type == FACT_TEXT && strcmp(action->text, "denied") == 0 ?
                              ", and was refused.\n" :
                              ". It could not be refused: look whether the gate is still in force (sekimori gate "
                              "status).\n");
}

const struct detector detector_tampering = {
        .name = "tampering",
        .help = "programs that reach for this program's own parts in the kernel",
        .source = "the mail gate's own maps, programs and links, watched by the gate",
        .limits =
                "Tools that list every BPF object on the machine (bpftool, exporters of metrics) touch ours, too. Root "
                "with all capabilities can unload what watches.",
        .events = 1u << EVENT_GATE,
        .kinds = kinds,
        .n_kinds = sizeof(kinds) / sizeof(kinds[0]),
        .new = tampering_new,
        .free = tampering_free,
        .event = tampering_event,
        .explain = tampering_explain,
};
