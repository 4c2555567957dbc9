/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions from logind's files. Each change leads to one round a little later that reads them all: rounds are cheap,
 * changes are rare, and nothing can be missed. Runs in the keeper. */
#include "respond/gate_sessions.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "respond/gate_sessions_internal.h"

#define SOON_USEC    (50 * 1000)        /* a login makes some ten changes at once */
#define MISSING_USEC (5 * 1000 * 1000)  /* logind or the bus is tried again: we start before them */
#define ROUND_USEC   (60 * 1000 * 1000) /* a signal that was lost makes no more difference than this */
#define SEATS_MAX    16                 /* as there are hands */

static void strv_done(char ***v)
{
        for (char **s = *v; s && *s; s++)
                free(*s);
        free(*v);
}

static void record_free(struct gate_sessions_record *r)
{
        sd_bus_slot_unref(r->question);
        sd_event_source_disable_unref(r->end);
        *r = (struct gate_sessions_record){0};
}

static struct gate_sessions_record *record_find(struct gate_sessions *g, const char *name)
{
        for (size_t i = 0; i < GATE_SESSIONS; i++)
                if (g->records[i].owner && strcmp(g->records[i].now.name, name) == 0)
                        return &g->records[i];
        return NULL;
}

static struct gate_sessions_record *record_get(struct gate_sessions *g, const char *name)
{
        struct gate_sessions_record *r = record_find(g, name);

        for (size_t i = 0; !r && i < GATE_SESSIONS; i++)
                if (!g->records[i].owner) {
                        r = &g->records[i];
                        r->owner = g;
                        strcpy(r->now.name, name);
                }
        if (!r)
                g->dropped++;
        return r;
}

static void tell(struct gate_sessions *g, const struct gate_person_session *s, bool gone)
{
        if (g->params.session)
                g->params.session(g->params.ud, s, gone);
}

/* A text of logind's, if it fits; "" otherwise. */
static void read_text(const char *name, int (*get)(const char *, char **), char *to, size_t size)
{
        _cleanup_free_ char *text = NULL;

        memset(to, 0, size);
        if (get(name, &text) >= 0 && strlen(text) < size)
                strcpy(to, text);
}

static enum gate_person_type type_of(const char *text)
{
        if (strcmp(text, "tty") == 0)
                return GATE_PERSON_TTY;
        if (strcmp(text, "x11") == 0)
                return GATE_PERSON_X11;
        return strcmp(text, "wayland") == 0 ? GATE_PERSON_WAYLAND : GATE_PERSON_OTHER;
}

/* Fills what the files say. -ESTALE: no session of a person, or it goes just now. */
static int read_session(struct gate_person_session *s)
{
        char class[24], type[24], state[24];
        unsigned vt = 0;
        uid_t uid;

        read_text(s->name, sd_session_get_class, class, sizeof(class));
        read_text(s->name, sd_session_get_state, state, sizeof(state));
        if (strncmp(class, "user", 4) != 0 || strcmp(class, "user-incomplete") == 0 || strcmp(state, "closing") == 0)
                return -ESTALE;
        if (sd_session_get_uid(s->name, &uid) < 0)
                return -ESTALE;
        read_text(s->name, sd_session_get_type, type, sizeof(type));
        read_text(s->name, sd_session_get_seat, s->seat, sizeof(s->seat));
        read_text(s->name, sd_session_get_display, s->display, sizeof(s->display));
        s->uid = uid;
        s->type = type_of(type);
        s->vt = sd_session_get_vt(s->name, &vt) < 0 ? 0 : vt;
        /* What cannot be read is elsewhere and idle. */
        s->remote = sd_session_is_remote(s->name) != 0;
        s->active = sd_session_is_active(s->name) > 0;
        return 0;
}

static void note_session(struct gate_sessions *g, const char *name)
{
        struct gate_person_session s = {0};
        struct gate_sessions_record *r;

        if (strlen(name) >= sizeof(s.name)) {
                g->dropped++;
                return;
        }
        strcpy(s.name, name);
        r = record_find(g, name);
        if (r && r->seen)
                return;
        if (r)
                s = r->now;
        if (read_session(&s) < 0)
                return;
        r = record_get(g, name);
        if (!r)
                return;
        r->now = s;
        r->seen = true;
}

/* Those at seats first: anybody may open sessions from elsewhere, and they must not crowd them out. */
static void note_sessions(struct gate_sessions *g)
{
        _cleanup_(strv_done)
        char **seats = NULL, **all = NULL;

        (void) sd_get_seats(&seats);
        for (unsigned i = 0; seats && seats[i] && i < SEATS_MAX; i++) {
                _cleanup_(strv_done)
                char **names = NULL;

                if (sd_seat_get_sessions(seats[i], &names, NULL, NULL) < 0)
                        continue;
                for (unsigned n = 0; names && names[n] && n < GATE_SESSIONS; n++)
                        note_session(g, names[n]);
        }
        (void) sd_get_sessions(&all);
        for (unsigned n = 0; all && all[n]; n++)
                if (n < GATE_SESSIONS_REMOTE_MAX)
                        note_session(g, all[n]);
                else
                        g->dropped++;
}

static void note_managers(struct gate_sessions *g)
{
        for (size_t i = 0; i < GATE_SESSIONS; i++) {
                struct gate_sessions_record *r = &g->records[i], *m;
                char name[GATE_PERSON_NAME];

                if (!r->owner || !r->seen || r->now.manager)
                        continue;
                snprintf(name, sizeof(name), "@%u", r->now.uid);
                m = record_get(g, name);
                if (!m)
                        continue;
                m->now.uid = r->now.uid;
                m->now.manager = true;
                m->seen = true;
        }
}

/* How much a session speaks for what its user's manager starts: it is here, is active, has windows. */
static int weight_of(const struct gate_person_session *s)
{
        return 8 * !s->remote + 4 * s->active + 2 * (s->type == GATE_PERSON_X11 || s->type == GATE_PERSON_WAYLAND) +
               (s->seat[0] != 0) + 1;
}

static void follow(struct gate_sessions *g, struct gate_person_session *m)
{
        const struct gate_person_session *best = NULL;
        struct gate_person_session as;

        for (size_t i = 0; i < GATE_SESSIONS; i++) {
                const struct gate_sessions_record *r = &g->records[i];

                if (r->owner && !r->now.manager && r->now.uid == m->uid &&
                    (!best || weight_of(&r->now) > weight_of(best)))
                        best = &r->now;
        }
        if (!best)
                return;
        as = *best;
        memcpy(as.of, best->name, sizeof(as.of));
        memcpy(as.name, m->name, sizeof(as.name));
        as.leader = m->leader;
        as.manager = true;
        *m = as;
}

static bool is_unlocked(const struct gate_person_session *s)
{
        return s->lock == GATE_PERSON_UNLOCKED || (s->lock == GATE_PERSON_LOCK_UNKNOWN && s->type == GATE_PERSON_TTY);
}

static void tell_changes(struct gate_sessions *g, bool managers)
{
        for (size_t i = 0; i < GATE_SESSIONS; i++) {
                struct gate_sessions_record *r = &g->records[i];

                if (!r->owner || r->now.manager != managers ||
                    (r->was_told && memcmp(&r->now, &r->told, sizeof(r->now)) == 0))
                        continue;
                r->told = r->now;
                r->was_told = true;
                tell(g, &r->told, false);
        }
}

/* Sessions first: a manager refers to one. */
void gate_sessions_settle(struct gate_sessions *g)
{
        for (size_t i = 0; i < GATE_SESSIONS; i++)
                if (g->records[i].owner && !g->records[i].now.manager)
                        g->records[i].now.unlocked = is_unlocked(&g->records[i].now);
        for (size_t i = 0; i < GATE_SESSIONS; i++)
                if (g->records[i].owner && g->records[i].now.manager)
                        follow(g, &g->records[i].now);
        tell_changes(g, false);
        tell_changes(g, true);
}

static int on_again(sd_event_source *source, uint64_t usec, void *ud);

/* Is something not known that may be known soon? */
static bool is_incomplete(const struct gate_sessions *g)
{
        for (size_t i = 0; i < GATE_SESSIONS; i++) {
                const struct gate_person_session *s = &g->records[i].now;

                if (g->records[i].owner && (!s->leader || (!s->manager && s->lock == GATE_PERSON_LOCK_UNKNOWN)))
                        return true;
        }
        return false;
}

static void arm(struct gate_sessions *g)
{
        uint64_t in = ROUND_USEC;

        if (g->state < 0 || g->bus_state < 0)
                in = g->wait = MISSING_USEC;
        else if (is_incomplete(g)) {
                in = g->wait;
                g->wait = MIN(2 * g->wait, (uint64_t) ROUND_USEC);
        }
        (void) sd_event_source_set_time_relative(g->again, in);
        (void) sd_event_source_set_enabled(g->again, SD_EVENT_ONESHOT);
}

static int on_changed(sd_event_source *source _unused_, int fd _unused_, uint32_t revents _unused_, void *ud)
{
        struct gate_sessions *g = ud;

        (void) sd_login_monitor_flush(g->monitor);
        gate_sessions_soon(g);
        return 0;
}

/* logind's folders may come later than we. */
static int watch(struct gate_sessions *g)
{
        int r;

        if (g->monitor)
                return 0;
        r = sd_login_monitor_new("session", &g->monitor);
        if (r < 0)
                return r;
        r = sd_event_add_io(g->params.event, &g->changed, sd_login_monitor_get_fd(g->monitor),
                            (uint32_t) sd_login_monitor_get_events(g->monitor), on_changed, g);
        if (r < 0)
                g->monitor = sd_login_monitor_unref(g->monitor);
        return r;
}

static void look(struct gate_sessions *g)
{
        g->state = watch(g);
        g->dropped = 0;
        if (g->bus_lost)
                gate_sessions_bus_close(g);
        if (g->state == 0 && !g->bus)
                gate_sessions_bus_open(g);
        for (size_t i = 0; i < GATE_SESSIONS; i++)
                g->records[i].seen = false;
        if (g->state == 0) {
                note_sessions(g);
                note_managers(g);
        }
        for (size_t i = 0; i < GATE_SESSIONS; i++) {
                struct gate_sessions_record *r = &g->records[i];

                if (!r->owner || r->seen)
                        continue;
                if (r->was_told)
                        tell(g, &r->told, true);
                record_free(r);
        }
        gate_sessions_settle(g);
        for (size_t i = 0; i < GATE_SESSIONS; i++)
                if (g->records[i].owner && !g->records[i].asked)
                        gate_sessions_bus_ask(&g->records[i]);
        arm(g);
}

static int on_soon(sd_event_source *source _unused_, uint64_t usec _unused_, void *ud)
{
        look(ud);
        return 0;
}

static int on_again(sd_event_source *source _unused_, uint64_t usec _unused_, void *ud)
{
        struct gate_sessions *g = ud;

        for (size_t i = 0; i < GATE_SESSIONS; i++)
                g->records[i].asked = false;
        look(g);
        return 0;
}

void gate_sessions_soon(struct gate_sessions *g)
{
        int enabled = SD_EVENT_OFF;

        g->wait = MISSING_USEC;
        /* Not put off by more changes: who makes many must not keep us from looking. */
        if (sd_event_source_get_enabled(g->soon, &enabled) > 0)
                return;
        (void) sd_event_source_set_time_relative(g->soon, SOON_USEC);
        (void) sd_event_source_set_enabled(g->soon, SD_EVENT_ONESHOT);
}

void gate_sessions_free(struct gate_sessions *g)
{
        if (!g)
                return;
        for (size_t i = 0; i < GATE_SESSIONS; i++)
                record_free(&g->records[i]);
        gate_sessions_bus_close(g);
        sd_event_source_disable_unref(g->changed);
        sd_event_source_disable_unref(g->soon);
        sd_event_source_disable_unref(g->again);
        sd_login_monitor_unref(g->monitor);
        sd_event_unref(g->params.event);
        free(g);
}

int gate_sessions_new(const struct gate_sessions_params *params, struct gate_sessions **ret)
{
        _cleanup_(gate_sessions_freep)
        struct gate_sessions *g = calloc(1, sizeof(*g));
        int r;

        if (!g)
                return -ENOMEM;
        g->params = *params;
        sd_event_ref(g->params.event);
        g->bus_state = -ENOTCONN;
        g->wait = MISSING_USEC;
        r = sd_event_add_time_relative(g->params.event, &g->soon, CLOCK_MONOTONIC, SOON_USEC, 0, on_soon, g);
        if (r >= 0)
                r = sd_event_source_set_enabled(g->soon, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(g->params.event, &g->again, CLOCK_MONOTONIC, ROUND_USEC,
                                               MISSING_USEC / 5, on_again, g);
        if (r < 0)
                return r;
        look(g);
        *ret = TAKE_PTR(g);
        return 0;
}

int gate_sessions_state(const struct gate_sessions *g)
{
        return g->state;
}

int gate_sessions_bus_state(const struct gate_sessions *g)
{
        return g->bus_state;
}

unsigned gate_sessions_count(const struct gate_sessions *g, uint64_t *ret_dropped)
{
        unsigned n = 0;

        for (size_t i = 0; i < GATE_SESSIONS; i++)
                n += g->records[i].owner && !g->records[i].now.manager;
        *ret_dropped = g->dropped;
        return n;
}
