/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What to do about a verdict: commands to paste, and the exception to write when it is harmless. Runs in the command
 * line. */
#include <inttypes.h>

#include "view/story.h"

struct steps {
        struct buf *out;
        const struct text_look *look;
        unsigned n;
};

/* A numbered sentence, and below it a command to paste, kept on one line. */
static void step(struct steps *s, const char *sentence, const char *command)
{
        char number[16];

        snprintf(number, sizeof(number), "  %u. ", ++s->n);
        text_wrap(s->out, s->look, number, sentence);
        if (command) {
                buf_puts(s->out, "       ");
                text_put(s->out, s->look, TEXT_BOLD, command);
                buf_putc(s->out, '\n');
        }
}

static void put_running(struct steps *s, const struct subject *subject)
{
        uint32_t pid = subject->pid;
        char command[160], key[SUBJECT_TEXT_MAX];

        subject_key(subject, key);
        snprintf(command, sizeof(command), "sekimori block %.140s", key);
        step(s, "Block it: it and all its descendants may not use the network for an hour.", command);
        snprintf(command, sizeof(command), "kill -STOP %" PRIu32, pid);
        step(s, "Freeze it: it can do nothing more, and everything about it stays to be looked at.", command);
        snprintf(command, sizeof(command),
                 "cp /proc/%" PRIu32 "/exe ./suspect-%" PRIu32 ".exe && ls -l /proc/%" PRIu32 "/fd", pid, pid, pid);
        step(s, "Keep the evidence: a copy of its program, even if the file was deleted, and what it has open.",
             command);
        snprintf(command, sizeof(command), "ps -o pid,lstart,user,args --ppid %" PRIu32, pid);
        step(s, "Look at its children: they carry out the work and outlive their parent.", command);
        snprintf(command, sizeof(command), "kill -KILL %" PRIu32, pid);
        step(s, "End it, then its children, and find what started it before it is started again.", command);
}

static void put_process(struct steps *s, const struct dossier *d, const struct story_params *p)
{
        uint32_t pid = d->verdict.subject.pid;
        char sentence[256];

        switch (p->life) {
        case STORY_RUNNING:
                put_running(s, &d->verdict.subject);
                break;
        case STORY_ENDED:
                snprintf(sentence, sizeof(sentence),
                         "It has ended. The number %" PRIu32
                         " may belong to another process by now: do not kill by it.",
                         pid);
                step(s, sentence, NULL);
                step(s, "Look for what it left running, and for what started it.",
                     "ps -eo pid,ppid,lstart,user,args --forest");
                break;
        case STORY_LIFE_UNKNOWN:
                snprintf(sentence, sizeof(sentence),
                         "Make sure that number %" PRIu32 " is still the same process before you stop it:", pid);
                step(s, sentence, "ps -eo pid,ppid,lstart,user,args --forest");
                break;
        }
}

static bool same_detector(const char *a, const char *b)
{
        size_t n = strcspn(a, ".");

        return n == strcspn(b, ".") && strncmp(a, b, n) == 0;
}

/* Whether an earlier piece that counts is of the same detector. */
static bool seen_before(const struct dossier *d, size_t i)
{
        for (size_t k = 0; k < i; k++)
                if (!d->evidence[k].excepted &&
                    same_detector(d->evidence[k].evidence.kind->name, d->evidence[i].evidence.kind->name))
                        return true;
        return false;
}

static void put_exception(struct steps *s, const struct dossier *d, const struct story_params *p)
{
        const struct subject *who = &d->verdict.subject;
        char address[SUBJECT_TEXT_MAX];
        bool any = false;

        for (size_t i = 0; i < d->n_evidence; i++) {
                const char *kind = d->evidence[i].evidence.kind->name;

                if (d->evidence[i].excepted || seen_before(d, i))
                        continue;
                if (!any) {
                        step(s, "If you know that it is harmless, say so in the configuration, with the reason:", NULL);
                        buf_puts(s->out, "       exceptions:\n");
                }
                any = true;
                buf_puts(s->out, "         - detector: ");
                buf_put_visible(s->out, kind, strcspn(kind, "."));
                buf_puts(s->out, "\n           ");
                if (who->kind == SUBJECT_PROCESS && p->program) {
                        buf_puts(s->out, "program: ");
                        buf_put_json(s->out, p->program, strlen(p->program));
                } else {
                        const char *name = who->kind == SUBJECT_PROCESS ? who->name : subject_key(who, address);

                        buf_puts(s->out, "subject: ");
                        buf_put_json(s->out, name, strlen(name));
                }
                buf_puts(s->out, "\n           reason: \"why this is harmless\"\n");
        }
}

void story_put_next(struct buf *out, const struct dossier *d, const struct story_params *p)
{
        const struct subject *who = &d->verdict.subject;
        struct steps s = {.out = out, .look = &p->look};

        text_heading(out, &p->look, "What to do next");
        if (d->verdict.level < LEVEL_SUSPECT) {
                buf_puts(out, "  Nothing.\n");
                return;
        }
        if (who->kind == SUBJECT_HOST && addr_equal(&who->addr, &(struct addr){0})) {
                /* its exceptions are those of its processes */
                step(&s, "This verdict comes from the processes of this machine: look at each of them.",
                     "sekimori report");
                return;
        }
        if (who->kind == SUBJECT_RELAY) {
                step(&s, "It is another's machine. Tell its network's abuse desk, with the mail.",
                     "sekimori mail --abuse-report DIR PATH...");
                step(&s, "Ask about it again in some days: its address may be another's by then.",
                     "sekimori mail --again");
                return;
        }
        if (who->kind == SUBJECT_PROCESS)
                put_process(&s, d, p);
        else
                step(&s, "Take the machine at that address off the network, and look at it before it is switched off.",
                     NULL);
        put_exception(&s, d, p);
}
