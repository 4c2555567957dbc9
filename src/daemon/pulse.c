/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether the engine still answers, as the warden counts it. */
#include "daemon/pulse.h"

void pulse_begin(struct pulse *p, nsec_t hung_after, nsec_t now)
{
        const nsec_t pause = hung_after / PULSE_PINGS;

        *p = (struct pulse){.pause = pause, .next = now + pause};
}

void pulse_answer(struct pulse *p)
{
        p->unanswered = 0;
}

enum pulse_step pulse_step(struct pulse *p, bool watching, nsec_t now)
{
        if (p->lost || now < p->next)
                return PULSE_REST;
        p->next = now + p->pause;
        p->lost = p->unanswered >= (watching ? PULSE_PINGS : PULSE_PINGS_START);
        if (p->lost)
                return PULSE_HANGS;
        p->unanswered++;
        return PULSE_PING;
}
