/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keeper's persons: what respond/gate_person.h tells becomes what the kernel half decides by. A place in the map of
 * sessions belongs to one session as long as it lives, since labels of processes name it. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/keeper_internal.h"

#define JOIN_AGAIN NSEC_PER_SEC     /* who was created while labels were given is found by the second look */
#define NO_HAND    (GATE_HANDS - 1) /* never pressed */

static int put(const struct keeper *k, enum gate_map map, uint32_t index, const void *value)
{
        return bpf_map_update_elem(gate_map_fd(k->gate, map), &index, value, BPF_ANY) < 0 ? -errno : 0;
}

/* The person's hand: of a seat, where one person is before it at a time; else of the session. */
static uint32_t hand_of(struct keeper *k, const struct gate_person_session *s)
{
        char name[KEEPER_HAND_MAX];
        uint32_t free_at = NO_HAND;

        snprintf(name, sizeof(name), "%s%s", s->seat[0] ? "" : "session ",
                 s->seat[0] ? s->seat :
                 s->manager ? s->of :
                              s->name);
        for (uint32_t i = 0; i < NO_HAND; i++) {
                if (strcmp(k->hands[i].name, name) == 0)
                        return i;
                if (!k->hands[i].name[0] && free_at == NO_HAND)
                        free_at = i;
        }
        if (free_at < NO_HAND) {
                strcpy(k->hands[free_at].name, name);
                /* Beyond what somebody before used: bytes typed over ssh count by their time. */
                k->hands[free_at].hand.seq = MAX(k->hands[free_at].hand.seq, (uint64_t) clock_boottime());
                (void) put(k, GATE_MAP_HANDS, free_at, &k->hands[free_at].hand);
        }
        return free_at;
}

/* Hands that no session has any more. */
static void free_hands(struct keeper *k)
{
        for (uint32_t i = 0; i < NO_HAND; i++) {
                bool in_use = strncmp(k->hands[i].name, "session ", 8) != 0;

                for (unsigned s = 0; s < GATE_SESSIONS; s++)
                        in_use |= k->sessions[s].known && k->sessions[s].session.hand == i;
                if (!in_use)
                        k->hands[i].name[0] = '\0';
        }
}

static uint32_t flags_of(const struct keeper_session *s)
{
        const struct gate_person_session *p = &s->person;
        uint32_t flags = GATE_SESSION_USED;

        if (p->active)
                flags |= GATE_SESSION_ACTIVE;
        if (!p->remote && p->seat[0])
                flags |= GATE_SESSION_LOCAL;
        if (p->unlocked)
                flags |= GATE_SESSION_UNLOCKED;
        if (p->manager)
                flags |= GATE_SESSION_MANAGER;
        if (p->type == GATE_PERSON_WAYLAND)
                flags |= GATE_SESSION_WAYLAND;
        if (p->type == GATE_PERSON_TTY && p->vt)
                flags |= GATE_SESSION_TTY;
        if (s->focus_known || (p->type == GATE_PERSON_TTY && p->vt))
                flags |= GATE_SESSION_FOCUS;
        return flags;
}

static void write_session(struct keeper *k, unsigned at)
{
        struct keeper_session *s = &k->sessions[at];
        struct gate_session *m = &s->session;

        if (s->known) {
                m->flags = flags_of(s);
                m->uid = s->person.uid;
                m->hand = hand_of(k, &s->person);
                m->vt = s->person.vt;
                memcpy(m->name, s->person.name, sizeof(m->name));
        } else
                memset(m, 0, sizeof(*m));
        (void) put(k, GATE_MAP_SESSIONS, at, m);
}

static void watch_requests(struct keeper *k)
{
        bool anybody = false;

        for (unsigned i = 0; i < GATE_SESSIONS; i++)
                anybody |= k->sessions[i].known && k->sessions[i].person.seat[0];
        (void) gate_watch_requests(k->gate, anybody);
}

static struct keeper_session *find(struct keeper *k, const char *name, uint32_t uid)
{
        for (unsigned i = 0; i < GATE_SESSIONS; i++) {
                struct keeper_session *s = &k->sessions[i];

                if (s->known && s->person.uid == uid && strcmp(s->person.name, name) == 0)
                        return s;
        }
        return NULL;
}

/* A free place, best the one it had under the keeper before us: labels know it by that. */
static struct keeper_session *place_for(struct keeper *k, const struct gate_person_session *p)
{
        struct keeper_session *first = NULL;

        for (unsigned i = 0; i < GATE_SESSIONS; i++) {
                struct keeper_session *s = &k->sessions[i];

                if (s->known)
                        continue;
                if (s->session.uid == p->uid && strncmp(s->session.name, p->name, sizeof(s->session.name)) == 0)
                        return s;
                if (!first || (first->session.name[0] && !s->session.name[0]))
                        first = s;
        }
        return first;
}

static void join(struct keeper *k, struct keeper_session *s)
{
        int r;

        if (!s->person.leader)
                return;
        r = gate_label_session(k->gate, (pid_t) s->person.leader, (unsigned) (s - k->sessions));
        if (r >= 0)
                s->joined = clock_boottime();
}

static void on_session(void *userdata, const struct gate_person_session *p, bool gone)
{
        struct keeper *k = userdata;
        struct keeper_session *s = find(k, p->name, p->uid);
        bool was_active = s && s->person.active;

        if (!s && gone)
                return;
        if (!s)
                s = place_for(k, p);
        if (!s)
                return; /* counted by gate_person */
        if (gone) {
                s->known = false;
                gate_notify_forget(k->notify, p->uid);
        } else {
                if (!s->known || s->person.leader != p->leader)
                        s->joined = 0;
                s->known = true;
                s->person = *p;
        }
        write_session(k, (unsigned) (s - k->sessions));
        watch_requests(k);
        if (gone) {
                free_hands(k);
                return;
        }
        /* Another person sits down: what the one before did is not theirs. */
        if (p->active && !was_active && !p->manager) {
                struct keeper_hand *h = &k->hands[s->session.hand];

                h->hand.time = 0;
                (void) put(k, GATE_MAP_HANDS, s->session.hand, &h->hand);
        }
        if (!s->joined)
                join(k, s);
}

static void touch(const struct keeper *k, uint32_t pid, const struct gate_hand *hand)
{
        const struct gate_touch t = {.time = hand->time, .seq = hand->seq};

        if (pid)
                (void) bpf_map_update_elem(gate_map_fd(k->gate, GATE_MAP_TOUCHED), &pid, &t, BPF_ANY);
}

/* On a virtual console the keys go to the terminal's foreground process group: field tpgid of stat(5). */
static uint32_t foreground_of(pid_t leader)
{
        char path[64], text[1024];
        const char *p;
        long group = 0;
        size_t n;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int) leader);
        f = fopen(path, "re");
        if (!f)
                return 0;
        n = fread(text, 1, sizeof(text) - 1, f);
        fclose(f);
        text[n] = '\0';
        p = strrchr(text, ')');
        return p && sscanf(p + 1, " %*c %*d %*d %*d %*d %ld", &group) == 1 && group > 0 ? (uint32_t) group : 0;
}

static void on_gesture(void *userdata, const struct gate_person_gesture *g)
{
        struct keeper *k = userdata;

        for (uint32_t i = 0; i < NO_HAND; i++) {
                struct keeper_hand *h = &k->hands[i];

                if (strcmp(h->name, g->seat) != 0)
                        continue;
                h->hand.time = (uint64_t) g->time;
                h->hand.seq += g->presses;
                (void) put(k, GATE_MAP_HANDS, i, &h->hand);
                for (unsigned s = 0; s < GATE_SESSIONS; s++) {
                        const struct keeper_session *own = &k->sessions[s];

                        if (!own->known || own->person.manager || !own->person.active || own->session.hand != i)
                                continue;
                        if (own->person.type == GATE_PERSON_TTY && own->person.vt && own->person.vt == g->vt)
                                touch(k, foreground_of((pid_t) own->person.leader), &h->hand);
                        if (own->focus_known)
                                touch(k, own->focus, &h->hand);
                }
        }
}

static void on_focus(void *userdata, const struct gate_person_focus *f)
{
        struct keeper *k = userdata;

        for (unsigned i = 0; i < GATE_SESSIONS; i++) {
                struct keeper_session *s = &k->sessions[i];

                /* A manager stands for the session: its programs' windows are the same. */
                if (!s->known || strcmp(s->person.manager ? s->person.of : s->person.name, f->session) != 0)
                        continue;
                s->focus = f->known ? f->pid : 0;
                if (s->focus_known == f->known)
                        continue;
                s->focus_known = f->known;
                write_session(k, i);
        }
}

bool keeper_person_of(const struct keeper *k, uint32_t session, uid_t *ret_uid, pid_t *ret_leader)
{
        const struct keeper_session *s = NULL;

        if (session && session <= GATE_SESSIONS && k->sessions[session - 1].known)
                s = &k->sessions[session - 1];
        for (unsigned i = 0; !s && i < GATE_SESSIONS; i++)
                if (k->sessions[i].known && k->sessions[i].person.active && k->sessions[i].person.seat[0])
                        s = &k->sessions[i];
        if (!s)
                return false;
        *ret_uid = s->person.uid;
        *ret_leader = (pid_t) s->person.leader;
        return true;
}

nsec_t keeper_person_gesture(const struct keeper *k, uid_t uid)
{
        nsec_t last = 0;

        for (unsigned i = 0; i < GATE_SESSIONS; i++) {
                const struct keeper_session *s = &k->sessions[i];

                if (s->known && s->person.uid == uid && s->person.active && s->person.unlocked && s->person.seat[0])
                        last = MAX(last, (nsec_t) k->hands[s->session.hand].hand.time);
        }
        return last;
}

bool keeper_person_intact(struct keeper *k)
{
        bool intact = true;

        for (uint32_t i = 0; i < GATE_SESSIONS; i++) {
                struct gate_session now;

                if (bpf_map_lookup_elem(gate_map_fd(k->gate, GATE_MAP_SESSIONS), &i, &now) == 0 &&
                    memcmp(&now, &k->sessions[i].session, sizeof(now)) != 0) {
                        intact = false;
                        (void) put(k, GATE_MAP_SESSIONS, i, &k->sessions[i].session);
                }
        }
        for (uint32_t i = 0; i < GATE_HANDS; i++) {
                struct gate_hand now;

                if (bpf_map_lookup_elem(gate_map_fd(k->gate, GATE_MAP_HANDS), &i, &now) == 0 &&
                    memcmp(&now, &k->hands[i].hand, sizeof(now)) != 0) {
                        intact = false;
                        (void) put(k, GATE_MAP_HANDS, i, &k->hands[i].hand);
                }
        }
        return intact;
}

void keeper_person_tick(struct keeper *k, nsec_t now)
{
        for (unsigned i = 0; i < GATE_SESSIONS; i++) {
                struct keeper_session *s = &k->sessions[i];

                if (s->known && s->person.leader &&
                    (!s->joined || (!s->joined_again && now >= s->joined + JOIN_AGAIN))) {
                        s->joined_again = s->joined != 0;
                        join(k, s);
                }
        }
}

int keeper_person_start(struct keeper *k)
{
        const struct gate_person_params p = {
                .event = k->event,
                .calls = {.session = on_session, .gesture = on_gesture, .focus = on_focus},
                .ud = k,
                .watcher_uid = 65534,
                .watcher_gid = 65534,
        };

        /* What a keeper before us wrote: names keep their places, nobody is there until told, and presses go on. */
        for (uint32_t i = 0; i < GATE_SESSIONS; i++) {
                struct gate_session *m = &k->sessions[i].session;

                if (bpf_map_lookup_elem(gate_map_fd(k->gate, GATE_MAP_SESSIONS), &i, m) < 0)
                        return -errno;
                m->flags = 0;
                (void) put(k, GATE_MAP_SESSIONS, i, m);
        }
        for (uint32_t i = 0; i < GATE_HANDS; i++) {
                struct gate_hand *h = &k->hands[i].hand;

                if (bpf_map_lookup_elem(gate_map_fd(k->gate, GATE_MAP_HANDS), &i, h) < 0)
                        return -errno;
                h->time = 0;
                h->seq = MAX(h->seq, (uint64_t) clock_boottime()); /* beyond whatever was used */
                (void) put(k, GATE_MAP_HANDS, i, h);
        }
        return gate_person_new(&p, &k->person);
}
