/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keeper hears what the kernel half decides (the bell): it tells the person what was refused and takes the answer,
 * gathers what learning would propose, and has typing watched while a mail program runs in a terminal. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/keeper_internal.h"
#include "respond/block.h"
#include "respond/gate_words.h"

#define BELL_BUDGET     256
#define PROPOSALS_EVERY (5 * NSEC_PER_SEC)
#define PROPOSALS_MAX   (256u << 10)
#define CHAIN_LENGTH    6
#define ONCE            (60 * NSEC_PER_SEC) /* in which what is allowed once must begin */

/* "firefox", for people. */
static void read_name(pid_t pid, char name[static 32])
{
        char path[64];
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/comm", (int) pid);
        name[0] = '\0';
        f = fopen(path, "re");
        if (f && fgets(name, 32, f))
                name[strcspn(name, "\n")] = '\0';
        if (f)
                fclose(f);
}

/* "systemd > gnome-shell > bash": creators as they were recorded. */
static void put_chain(const struct keeper *k, const struct gate_record *r, struct buf *out)
{
        char names[CHAIN_LENGTH][32];
        uint64_t start = r->task.leader_start;
        pid_t pid = (pid_t) r->task.pid;
        unsigned n = 0;

        while (n < CHAIN_LENGTH && pid > 0) {
                struct gate_label l;

                if (gate_label_get(k->gate, pid, start, &l) < 0)
                        break;
                pid = (pid_t) l.creator;
                start = l.creator_start;
                if (pid <= 0)
                        break;
                read_name(pid, names[n]);
                if (!names[n][0])
                        snprintf(names[n], sizeof(names[n]), "(ended)");
                n++;
        }
        while (n-- > 0)
                buf_printf(out, "%s%s", names[n], n ? " > " : "");
}

static void put_entry(const struct gate_record *r, struct gate_entry *ret)
{
        *ret = (struct gate_entry){.op = r->op,
                                   .reason = r->reason,
                                   .denied = r->denied,
                                   .learn = r->learn,
                                   .port = r->port,
                                   .proto = (uint8_t) r->proto,
                                   .count = r->count,
                                   .uid = r->uid};
        memcpy(ret->remote.b, r->addr, sizeof(ret->remote.b));
        snprintf(ret->text, sizeof(ret->text), "%.95s", r->text);
}

static void show(struct keeper *k, const struct gate_record *r, uid_t uid, pid_t leader)
{
        char title[2][GATE_NOTIFY_TITLE_MAX], what[2][GATE_NOTIFY_LINE_MAX], chain[200] = "",
                                                                             from[2][GATE_NOTIFY_LINE_MAX];
        struct gate_notify_alarm a = {.uid = uid, .leader = leader};
        struct buf c = BUF_FIXED(chain);
        struct gate_entry e;

        a.subject.pid = r->task.pid;
        a.subject.start = r->task.leader_start;
        put_chain(k, r, &c);
        put_entry(r, &e);
        for (unsigned i = 0; i < GATE_NOTIFY_LANGUAGES; i++) {
                struct buf t = BUF_FIXED(title[i]), w = BUF_FIXED(what[i]), f = BUF_FIXED(from[i]);
                struct gate_notify_words *words = &a.words[i];

                gate_words_fill(&t, (enum gate_notify_language) i, GATE_WORD_TITLE, r->comm);
                gate_words_put_all(&w, (enum gate_notify_language) i, &e);
                gate_words_fill(&f, (enum gate_notify_language) i, GATE_WORD_STARTED_BY, buf_str(&c));
                words->title = title[i];
                words->lines[0] = what[i];
                words->lines[1] = c.len ? from[i] : NULL;
                words->times = gate_words((enum gate_notify_language) i, GATE_WORD_TIMES);
                words->buttons[GATE_NOTIFY_BLOCK] = gate_words((enum gate_notify_language) i, GATE_WORD_BLOCK);
                words->buttons[GATE_NOTIFY_ALLOW_ONCE] =
                        gate_words((enum gate_notify_language) i, GATE_WORD_ALLOW_ONCE);
        }
        (void) gate_notify_show(k->notify, &a); /* what cannot be shown is counted there; store and journal have it */
}

static void propose(struct keeper *k, const struct gate_record *r)
{
        struct gate_program_key key = {.ino = r->exe_ino, .dev = r->exe_dev};
        const struct gate_programs_entry *known = gate_programs_find(k->programs, &key);
        char path[64], program[PATH_MAX] = "", line[PATH_MAX] = "", *group = NULL;
        struct gate_propose_fact fact = {.record = r, .time = clock_realtime()};
        ssize_t n;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%u/exe", r->task.pid);
        n = readlink(path, program, sizeof(program) - 1);
        if (n > 0)
                program[n] = '\0';
        snprintf(path, sizeof(path), "/proc/%u/cgroup", r->task.pid);
        f = fopen(path, "re");
        while (f && !group && fgets(line, sizeof(line), f))
                if (strncmp(line, "0::", 3) == 0) {
                        line[strcspn(line, "\n")] = '\0';
                        group = line + 3;
                }
        if (f)
                fclose(f);
        fact.program = known ? known->path : program;
        fact.cgroup = group;
        gate_propose_note(k->propose, &fact);
        k->proposed++;
}

static void on_record(void *userdata, const void *record, size_t len)
{
        struct keeper *k = userdata;
        const struct gate_record *r = record;
        pid_t leader;
        uid_t uid;

        if (len != sizeof(*r))
                return;
        if (r->op == GATE_OP_MAILER) {
                k->typing = gate_watch_typing(k->gate, true) == 0;
                return;
        }
        if ((r->op != GATE_OP_CONNECT && r->op != GATE_OP_HANDOVER) || r->reason < GATE_REASON_ALLOWED)
                return;
        propose(k, r);
        if (!r->denied)
                return;
        k->denied += r->count;
        if (keeper_person_of(k, r->session, &uid, &leader))
                show(k, r, uid, leader);
}

static int on_bell(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_, void *userdata)
{
        struct keeper *k = userdata;

        (void) host_ring_read(k->bell, BELL_BUDGET, on_record, k);
        return 0;
}

static bool has_kind(const struct keeper *k, pid_t pid, uint32_t kinds)
{
        struct gate_label l;

        return gate_label_get(k->gate, pid, 0, &l) == 0 && l.kinds & kinds && !(l.flags & GATE_LABEL_FOREIGN);
}

static bool shows_notifications(void *userdata, pid_t pid)
{
        return has_kind(userdata, pid, GATE_KIND_DESKTOP);
}

static bool is_bus(void *userdata, pid_t pid)
{
        return has_kind(userdata, pid, GATE_KIND_BROKER);
}

static nsec_t last_gesture(void *userdata, uid_t uid)
{
        return keeper_person_gesture(userdata, uid);
}

static void on_answer(void *userdata, const struct gate_notify_answer *a)
{
        struct keeper *k = userdata;
        struct gate_permit p = {.start = a->subject.start, .left = k->config->gate.attempt_sockets};
        struct block_result blocked;
        int r;

        if (a->action == GATE_NOTIFY_BLOCK) {
                r = block_process(k->gate, (pid_t) a->subject.pid, a->subject.start, k->config->respond.block_for,
                                  &blocked);
                log_notice("process %u is %s: asked for by the person", a->subject.pid,
                           r < 0 ? strerror(-r) : "blocked");
                return;
        }
        p.until = (uint64_t) (clock_boottime() + ONCE);
        r = bpf_map_update_elem(gate_map_fd(k->gate, GATE_MAP_PERMITS), &a->subject.pid, &p, BPF_ANY);
        log_notice("process %u may send once: asked for by the person%s", a->subject.pid, r < 0 ? "; it failed" : "");
}

static void put_proposal(void *userdata, const struct gate_propose_item *item)
{
        struct buf *out = userdata;
        char last[CLOCK_TEXT_MAX];

        (void) gate_propose_put(item, out);
        buf_printf(out, "\t%" PRIu64 "\t%s\t%s\n", item->count, clock_format_iso(item->last, last),
                   item->wide ? "wide" : "");
}

/* For `gate status`, beside the control socket. */
static void write_proposals(struct keeper *k)
{
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(PROPOSALS_MAX);
        char path[PATH_MAX], temporary[PATH_MAX + 8];
        const char *control = k->config->daemon.control, *slash = strrchr(control, '/');
        int fd;

        snprintf(path, sizeof(path), "%.*s/gate.proposals", slash ? (int) (slash - control) : 0, control);
        snprintf(temporary, sizeof(temporary), "%s.new", path);
        gate_propose_each(k->propose, put_proposal, &out);
        fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0)
                return;
        if (write(fd, buf_str(&out), out.len) == (ssize_t) out.len)
                (void) rename(temporary, path);
        close(fd);
}

static int find_tui(void *userdata, pid_t pid _unused_, const struct gate_label *l)
{
        bool *found = userdata;

        *found = l->kinds & GATE_KIND_TUI_MAILER;
        return *found;
}

void keeper_alarm_tick(struct keeper *k, nsec_t now)
{
        if (now < k->proposals_at + PROPOSALS_EVERY)
                return;
        k->proposals_at = now;
        if (k->proposed != k->proposed_told) {
                k->proposed_told = k->proposed;
                write_proposals(k);
        }
        if (k->typing) {
                bool found = false;

                (void) gate_label_each(k->gate, find_tui, &found);
                k->typing = found;
                (void) gate_watch_typing(k->gate, found);
        }
}

int keeper_alarm_start(struct keeper *k)
{
        const struct gate_notify_params p = {.event = k->event,
                                             .times = GATE_NOTIFY_TIMES,
                                             .userdata = k,
                                             .trusted = shows_notifications,
                                             .trusted_bus = is_bus,
                                             .last_gesture = last_gesture,
                                             .answer = on_answer};
        int fd, r = gate_notify_new(&p, &k->notify);

        if (r == 0)
                r = gate_propose_new(&k->propose);
        if (r < 0)
                return r;
        fd = fcntl(gate_map_fd(k->gate, GATE_MAP_BELL), F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return -errno;
        r = host_ring_new(fd, GATE_BELL_BYTES, &k->bell);
        if (r < 0) {
                close(fd);
                return r;
        }
        (void) gate_label_each(k->gate, find_tui, &k->typing);
        if (k->typing)
                k->typing = gate_watch_typing(k->gate, true) == 0;
        r = sd_event_add_io(k->event, NULL, host_ring_fd(k->bell), EPOLLIN, on_bell, k);
        return r < 0 ? r : 0;
}
