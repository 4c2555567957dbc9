/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions, hands and focus together. Runs in the keeper. */
#include "respond/gate_person.h"

#include <errno.h>

#include "respond/gate_focus.h"
#include "respond/gate_input.h"
#include "respond/gate_sessions.h"

struct gate_person {
        struct gate_person_params params;
        struct gate_sessions *sessions;
        struct gate_input *input;
        struct gate_focus *focus;
        int input_state;
};

/* At a console, `startx` may have been used without logind's knowing. */
static bool may_have_windows(const struct gate_person_session *s)
{
        return !s->manager && !s->remote && s->seat[0] &&
               (s->type == GATE_PERSON_X11 || (s->type == GATE_PERSON_TTY && s->vt));
}

static void on_session(void *ud, const struct gate_person_session *s, bool gone)
{
        struct gate_person *p = ud;

        /* The session is told before its focus, and goes after it. */
        if (!gone && p->params.calls.session)
                p->params.calls.session(p->params.ud, s, false);
        if (gone || !may_have_windows(s))
                gate_focus_forget(p->focus, s->name);
        else
                (void) gate_focus_watch(p->focus, s);
        if (gone && p->params.calls.session)
                p->params.calls.session(p->params.ud, s, true);
}

static void on_gesture(void *ud, const struct gate_person_gesture *g)
{
        struct gate_person *p = ud;

        if (p->params.calls.gesture)
                p->params.calls.gesture(p->params.ud, g);
}

static void on_focus(void *ud, const struct gate_person_focus *f)
{
        struct gate_person *p = ud;

        if (p->params.calls.focus)
                p->params.calls.focus(p->params.ud, f);
}

void gate_person_free(struct gate_person *p)
{
        if (!p)
                return;
        gate_sessions_free(p->sessions);
        gate_focus_free(p->focus);
        gate_input_free(p->input);
        free(p);
}

int gate_person_new(const struct gate_person_params *params, struct gate_person **ret)
{
        _cleanup_(gate_person_freep)
        struct gate_person *p = calloc(1, sizeof(*p));
        struct gate_focus_params focus = {
                .event = params->event,
                .focus = on_focus,
                .ud = p,
                .uid = params->watcher_uid,
                .gid = params->watcher_gid,
        };
        struct gate_input_params input = {.event = params->event, .gesture = on_gesture, .ud = p};
        struct gate_sessions_params sessions = {.event = params->event, .session = on_session, .ud = p};
        int r;

        if (!p)
                return -ENOMEM;
        p->params = *params;
        r = gate_focus_new(&focus, &p->focus);
        if (r == 0)
                r = gate_input_new(&input, &p->input);
        if (r < 0)
                return r;
        p->input_state = gate_input_start(p->input);
        r = gate_sessions_new(&sessions, &p->sessions);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

void gate_person_get_state(const struct gate_person *p, struct gate_person_state *ret)
{
        struct gate_person_state s = {.sessions = gate_sessions_state(p->sessions)};
        struct gate_input_stats input;

        s.bus = gate_sessions_bus_state(p->sessions);
        s.n_sessions = gate_sessions_count(p->sessions, &s.sessions_dropped);
        gate_input_get_stats(p->input, &input);
        s.n_devices = input.devices;
        s.devices_dropped = input.dropped;
        s.events_lost = input.lost;
        s.input = input.devices ? 0 : p->input_state < 0 ? p->input_state : -ENOENT;
        s.n_focus = gate_focus_known(p->focus, &s.focus_refused);
        s.focus = s.n_focus ? 0 : -ENOENT;
        *ret = s;
}
