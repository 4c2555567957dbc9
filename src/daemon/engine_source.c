/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's sources: they begin with the warden's descriptors, get others on request, and begin anew where what they
 * read was replaced. Runs in the engine. */
#include <string.h>

#include "daemon/engine_internal.h"
#include "respond/gate_source.h"

#define RENEW_BUDGET 65536 /* records: more than its ring holds */

static int ask_warden(void *userdata, enum source_request request)
{
        const struct engine_slot *s = userdata;
        struct msg m = {.verb = MSG_REQUEST, .request = request, .slot = s->slot};

        return msg_send(s->engine->params->warden_fd, &m, NULL);
}

static void on_mail_syn(void *userdata, const struct os_syn *syn)
{
        const struct engine_slot *s = userdata;

        engine_mail_syn(s->engine, syn);
}

static int start_slot(struct engine *e, struct engine_slot *s, struct source_fds *fds)
{
        /* The configuration of the start: it stays where it is when it is read again. */
        const struct source_params p = {.config = e->daemon->config,
                                        .sink = {engine_on_event, e},
                                        .ask = ask_warden,
                                        .mail_syn = on_mail_syn,
                                        .userdata = s,
                                        .rules = e->rules.now};
        int r = s->source->start(&p, fds, &s->state);

        if (r < 0)
                engine_log(e, LOG_LEVEL_ERROR, "%s cannot be read: %s", s->source->name, strerror(-r));
        return r;
}

int engine_source_start(struct engine *e)
{
        for (unsigned i = 0; i < SLOTS; i++) {
                struct engine_slot *s = &e->slots[i];
                int r;

                s->engine = e;
                s->slot = i;
                s->source = e->params->sources[i];
                if (s->source && (r = start_slot(e, s, &e->params->fds[i])) < 0)
                        return r;
        }
        return 0;
}

void engine_source_note(struct engine *e)
{
        for (unsigned i = 0; i < SLOTS; i++)
                if (e->params->sources[i])
                        memcpy(e->slots[i].note, e->params->fds[i].note, sizeof(e->slots[i].note));
                else if (i == SLOT_HOST)
                        snprintf(e->slots[i].note, sizeof(e->slots[i].note), "%s",
                                 e->params->sources[SLOT_PACKETS] ?
                                         "no host sensor" :
                                         "no host sensor and no device (--interface): neither "
                                         "processes nor packets are watched");
}

void engine_source_put_note(const struct engine *e, struct buf *out)
{
        for (unsigned i = 0; i < SLOTS; i++)
                if (e->slots[i].note[0])
                        (void) buf_printf(out, "%s\n", e->slots[i].note);
        (void) buf_puts(out, e->note);
}

/* A refusal comes without descriptors: the source may ask again. */
void engine_source_answer(struct engine *e, const struct msg *m, struct source_fds *fds)
{
        const struct engine_slot *s = &e->slots[m->slot];

        if (s->state && s->source->answer)
                (void) s->source->answer(s->state, m->request, fds);
        else
                e->counts.bad_messages++;
}

/* The gate alone is replaced while we run: `gate shut`, `gate remove` and `block` load and unload it. What the one
 * before had to say is heard first; what is known of processes and their evidence stays. */
void engine_source_renew(struct engine *e, const struct msg *m, struct source_fds *fds)
{
        struct engine_slot *s = &e->slots[m->slot];

        if (m->slot != SLOT_GATE) {
                e->counts.bad_messages++;
                return;
        }
        if (s->state) {
                (void) s->source->dispatch(s->state, RENEW_BUDGET);
                s->source->stop(s->state);
                s->state = NULL;
        }
        s->source = &source_gate;
        memcpy(s->note, m->text, sizeof(s->note));
        if (m->n_fds == 0 || start_slot(e, s, fds) < 0)
                s->note[0] = '\0';
        engine_print(e, "%s\n", s->note[0] ? s->note : "mail gate: what it decides cannot be read");
}
