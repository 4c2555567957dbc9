/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry of detectors, made from detectors.def, and what they share. Used by the engine and the commands. */
#include "detect/detector.h"

#include <stdio.h>

#include "config/home.h"

#define DETECTOR(name) extern const struct detector detector_##name;
#include "detect/detectors.def"
#undef DETECTOR

const struct detector *const detectors[] = {
#define DETECTOR(name) &detector_##name,
#include "detect/detectors.def"
#undef DETECTOR
        NULL,
};

void detector_host_subject(const struct addr *local, struct subject *ret)
{
        *ret = (struct subject){.kind = SUBJECT_HOST, .addr = home_host(local)};
}

void detector_flow_subject(const struct lineage *lineage, const uint8_t boot_id[static 16], const struct flow_event *f,
                           struct subject *ret)
{
        if (task_is_known(&f->task))
                detector_process_subject(lineage, boot_id, &f->task, ret);
        else
                detector_host_subject(&f->local, ret);
}

struct detector_key detector_host_key(const struct addr *local)
{
        struct detector_key key;
        struct addr host = home_host(local);

        memcpy(key.b, host.b, sizeof(key.b));
        return key;
}

/* A process: within ff00::/8, which is no host's address. */
void detector_put_text(struct buf *out, const char *text)
{
        buf_put_visible(out, text, strnlen(text, FACT_TEXT_MAX));
}

void detector_put_endpoint(struct buf *out, const struct evidence *e, const char *key)
{
        const struct fact *f = evidence_find_fact(e, key);
        char addr[ADDR_TEXT_MAX], spare[8];

        if (!f || f->type != FACT_ENDPOINT) {
                buf_puts(out, "an unknown peer");
                return;
        }
        buf_puts(out, addr_format(&f->endpoint.addr, addr));
        if (f->endpoint.port)
                buf_printf(out, " port %u/%s", f->endpoint.port, proto_name(f->endpoint.proto, spare));
}

struct detector_key detector_flow_key(const struct flow_event *f)
{
        struct detector_key key = {{0xff, 0xff}};

        if (!task_is_known(&f->task))
                return detector_host_key(&f->local);
        memcpy(key.b + 4, &f->task.pid, sizeof(f->task.pid));
        memcpy(key.b + 8, &f->task.leader_start, sizeof(f->task.leader_start));
        return key;
}

const struct detector *detector_find(const char *name)
{
        for (size_t i = 0; detectors[i]; i++)
                if (strcmp(detectors[i]->name, name) == 0)
                        return detectors[i];
        return NULL;
}

const struct evidence_kind *evidence_kind_find(const char *name, const struct detector **ret_detector)
{
        for (size_t i = 0; detectors[i]; i++)
                for (size_t k = 0; k < detectors[i]->n_kinds; k++)
                        if (strcmp(detectors[i]->kinds[k].name, name) == 0) {
                                if (ret_detector)
                                        *ret_detector = detectors[i];
                                return &detectors[i]->kinds[k];
                        }
        return NULL;
}

void detector_process_subject(const struct lineage *lineage, const uint8_t boot_id[static 16], const struct task *t,
                              struct subject *ret)
{
        const struct lineage_node *n = lineage_process(lineage, t);

        *ret = (struct subject){.kind = SUBJECT_PROCESS, .pid = t->pid, .start = t->leader_start};
        memcpy(ret->boot_id, boot_id, sizeof(ret->boot_id));
        if (!n)
                return;
        ret->exe_dev = n->exe_dev;
        ret->exe_ino = n->exe_ino;
        memcpy(ret->name, n->name, sizeof(ret->name));
}

void detector_gate_subject(const struct lineage *lineage, const uint8_t boot_id[static 16], const struct gate_event *g,
                           struct subject *ret)
{
        if (!task_is_known(&g->task)) {
                *ret = (struct subject){.kind = SUBJECT_HOST};
                return;
        }
        detector_process_subject(lineage, boot_id, &g->task, ret);
        if (!ret->exe_ino) {
                ret->exe_dev = g->exe_dev;
                ret->exe_ino = g->exe_ino;
        }
        if (!ret->name[0] && g->comm)
                snprintf(ret->name, sizeof(ret->name), "%s", g->comm);
}

void detector_check_config(const struct config *config, struct buf *notes)
{
        for (size_t i = 0; i < config->n_exceptions; i++) {
                const struct config_exception *x = &config->exceptions[i];

                if (!x->detector || detector_find(x->detector))
                        continue;
                buf_printf(notes, "%s: note: there is no detector \"", x->where ? x->where : "exceptions");
                buf_put_visible(notes, x->detector, strlen(x->detector));
                buf_puts(notes, "\": this exception never applies\n");
        }
        for (size_t i = 0; i < config->verdict.n_weights; i++) {
                const char *kind = config->verdict.weights[i].kind;

                if (evidence_kind_find(kind, NULL))
                        continue;
                buf_printf(notes, "%s: note: there is no kind of evidence \"",
                           config->source ? config->source : "weights");
                buf_put_visible(notes, kind, strlen(kind));
                buf_puts(notes, "\": its weight never applies\n");
        }
}
