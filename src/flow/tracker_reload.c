/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another set of rules for a tracker that lives: flows, their decoders and counts stay; what rules kept of them (bits,
 * windows, transactions in work) begins anew, since another set has other bits and looks at other things. Part of the
 * tracker; runs in the engine. */
#include "flow/feed.h"

#define BOTH_SIDES(bits) (FLOW_RULES(ORIGINATOR, bits) | FLOW_RULES(RESPONDER, bits))
#define ALL_BITS                                                                                                       \
        (FLOW_RULES_STREAM | FLOW_RULES_ASKED_DATA | FLOW_RULES_ASKED_BARE | FLOW_RULES_ASKED_FLAGS |                  \
         FLOW_RULES_DATA | FLOW_RULES_BARE | FLOW_RULES_FLAGS)

static void begin_anew(void *userdata, struct flow *f)
{
        struct tracker *t = userdata;
        struct feed *d = t->feeds ? feed_of(t->feeds, f) : NULL;

        if (d && d->kept)
                t->feeds->calls->flow_end(t->feeds->inspector, &d->kept);
        if (d)
                feed_free(t->feeds, d);
        /* Of a stream that nobody followed it is not known where it is: it begins with the next bytes. */
        if (!tracker_follows(f))
                f->marks &= ~(uint32_t) (FLOW_MARK_SEQ_ORIGINATOR | FLOW_MARK_SEQ_RESPONDER);
        f->marks &= ~BOTH_SIDES(ALL_BITS);
        if (t->params.rules && !(f->marks & FLOW_MARK_ENDED))
                tracker_rules_open(f);
}

int tracker_set_rules(struct tracker *t, const struct ruleset *rules)
{
        const struct ruleset *before = t->params.rules;
        struct feeds *old = t->feeds, *next;
        int r;

        t->feeds = NULL;
        t->params.rules = rules;
        r = rules ? tracker_rules_new(t) : 0;
        next = t->feeds;
        t->feeds = old;
        if (r < 0) {
                t->params.rules = before;
                return r;
        }
        flow_table_each(t->flows, begin_anew, t);
        tracker_rules_free(t);
        t->feeds = next;
        return 0;
}
