/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of captures and logs through the analysis. Claims and changes of level are told as they occur (JSON); what
 * stays in the ledger at the end goes to the store, from which the stories are told as `why` does. */
#include "cli/reading.h"

#include <errno.h>
#include <inttypes.h>

#include "base/log.h"
#include "cli/reading_internal.h"
#include "view/json.h"

#define LINES_MAX   (256u << 10) /* JSON gathered before it is written */
#define CHANGES_MAX 65536u

/* A reader that leaves is no error of ours; a disk that is full is. */
static void output_failed(struct reading *r)
{
        r->gone = true;
        if (errno != EPIPE)
                r->failed = errno;
}

static void flush(struct reading *r)
{
        if (r->lines.len && !r->gone && fwrite(r->lines.data, 1, r->lines.len, stdout) != r->lines.len)
                output_failed(r);
        buf_reset(&r->lines);
}

void reading_line(struct reading *r)
{
        (void) buf_putc(&r->lines, '\n');
        if (r->lines.len > LINES_MAX - JSON_LINE_MAX || r->lines.error)
                flush(r);
}

void reading_flush(struct reading *r)
{
        flush(r);
        if (!r->gone && fflush(stdout) != 0)
                output_failed(r);
}

static void on_claim(void *userdata, const struct evidence *merged, const struct config_exception *exception,
                     const struct verdict *before, const struct verdict *after)
{
        struct reading *r = userdata;

        r->claims++;
        r->excepted += exception != NULL;
        if (exception) /* at the end the ledger gives only what counts */
                (void) store_put_evidence(r->params.store, merged, true);
        if (r->params.cli->json) {
                json_evidence(&r->lines, merged, exception != NULL, 0);
                reading_line(r);
        }
        reading_faded_see(r, after);
        /* Whoever rises: the history that `why` shows. */
        if (before->level != after->level && r->changes++ < CHANGES_MAX)
                (void) store_put_verdict(r->params.store, after);
}

int reading_new(const struct reading_params *params, struct reading **ret)
{
        struct analysis_params analysis = {.config = params->cli->config, .sink = {.claim = on_claim}};
        _cleanup_(reading_freep)
        struct reading *r = calloc(1, sizeof(*r));
        int k;

        if (!r)
                return -ENOMEM;
        r->params = *params;
        r->lines = BUF_HEAP(LINES_MAX + JSON_LINE_MAX);
        analysis.sink.userdata = r;
        if ((k = analysis_new(&analysis, &r->analysis)) < 0 || (k = reading_alerts_new(r)) < 0 ||
            (k = reading_faded_new(r)) < 0)
                return k;
        if (params->profiles)
                reading_restore_profiles(r);
        *ret = TAKE_PTR(r);
        return 0;
}

void reading_free(struct reading *r)
{
        if (!r)
                return;
        buf_done(&r->lines);
        analysis_free(r->analysis);
        table_free(r->matched);
        table_free(r->risen);
        free(r);
}

void reading_event(void *userdata, const struct event *e)
{
        struct reading *r = userdata;

        r->events[e->type < EVENT_TYPES ? e->type : EVENT_NONE]++;
        if (r->params.cli->json && (r->params.events || e->type == EVENT_GAP)) {
                json_event(&r->lines, e, 0);
                reading_line(r);
        }
        if (e->type == EVENT_GAP) {
                r->lost += e->gap.lost;
                (void) store_put_gap(r->params.store, e->time, &e->gap);
                return;
        }
        if (e->type == EVENT_FLOW && e->op == FLOW_START)
                (*(e->flow.flags & FLOW_BOTH_HOME ? &r->inner_flows : &r->flows))++;
        if (e->type == EVENT_ALERT)
                reading_alerts_add(r, &e->alert);
        analysis_event(r->analysis, e);
}

void reading_advance(struct reading *r, nsec_t now)
{
        analysis_advance(r->analysis, now);
}

bool reading_output_gone(const struct reading *r)
{
        return r->gone;
}
