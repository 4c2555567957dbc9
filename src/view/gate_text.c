/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The mail gate's log. Whatever a program is called, it stays on its line. Runs in the command line; single lines in
 * the engine, which therefore looks nothing up. */
#include "view/gate_text.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>

#include "view/json.h"
#include "view/text.h"

#define JA              GATE_NOTIFY_JA
#define ACTION_COLUMNS  12
#define LOG_ACTIONS_MAX 100000 /* told between the entries: 40 MB; -EFBIG beyond */

static void put_visible(struct buf *out, const char *text, size_t size)
{
        (void) buf_put_visible(out, text, strnlen(text, size));
}

static void put_who(struct buf *out, enum gate_notify_language l, const struct gate_entry *e, const char *user)
{
        put_visible(out, e->program[0] ? e->program : "?", sizeof(e->program));
        if (e->task.pid && l == JA)
                (void) buf_printf(out, " (プロセス %u、", e->task.pid);
        else if (e->task.pid)
                (void) buf_printf(out, " (process %u, ", e->task.pid);
        else
                (void) buf_puts(out, " (");
        (void) buf_puts(out, l == JA ? "ユーザー " : "user ");
        if (user)
                put_visible(out, user, strlen(user));
        else
                (void) buf_printf(out, "%u", e->uid);
        (void) buf_puts(out, ") ");
}

static void put_rest(struct buf *out, enum gate_notify_language l, const struct gate_entry *e)
{
        if (e->count > 1) {
                (void) buf_puts(out, "; ");
                gate_words_put_counts(out, l, e);
        }
        if (e->chain[0]) {
                (void) buf_puts(out, " [");
                put_visible(out, e->chain, sizeof(e->chain));
                (void) buf_putc(out, ']');
        }
}

void gate_text_put_sentence(struct buf *out, enum gate_notify_language l, const struct gate_entry *e, const char *user)
{
        put_who(out, l, e, user);
        gate_words_put_all(out, l, e);
        put_rest(out, l, e);
}

void gate_text_put_line(struct buf *out, enum gate_notify_language l, const struct gate_entry *e, const char *user)
{
        unsigned action = gate_action(e->op, e->reason, e->denied);
        const char *word = gate_words_action(l, action);
        char date[CLOCK_TEXT_MAX];
        unsigned columns = text_columns(word) * (l == JA ? 2 : 1);

        (void) buf_printf(out, "%s  %s%*s  ", text_date(e->first, date), word,
                          columns < ACTION_COLUMNS ? (int) (ACTION_COLUMNS - columns) : 0, "");
        put_who(out, l, e, user);
        gate_words_put_try(out, l, e);
        if (action != GATE_SEEN)
                (void) buf_printf(out, ": %s", gate_words_why(l, e->reason));
        put_rest(out, l, e);
        (void) buf_putc(out, '\n');
}

static void put_json_text(struct buf *out, const char *name, const char *text, size_t size)
{
        (void) buf_printf(out, ",\"%s\":", name);
        (void) buf_put_json(out, text, strnlen(text, size));
}

/* As all our JSON has it: what few readers keep exact is a string. */
static void put_json_task(struct buf *out, const struct task *t)
{
        const char *quote = t->leader_start > INT64_MAX ? "\"" : "";

        (void) buf_printf(out, "\"pid\":%u,\"start\":%s%" PRIu64 "%s", t->pid, quote, t->leader_start, quote);
}

static void put_json_remote(struct buf *out, const struct gate_entry *e)
{
        char addr[ADDR_TEXT_MAX], spare[8];

        if (!addr_is_unspecified(&e->remote))
                (void) buf_printf(out, ",\"dest_ip\":\"%s\"", addr_format(&e->remote, addr));
        if (e->port)
                (void) buf_printf(out, ",\"dest_port\":%u,\"proto\":\"%s\"", e->port, proto_name(e->proto, spare));
}

void gate_text_put_json(struct buf *out, const struct gate_entry *e, const char *user)
{
        (void) buf_puts(out, "{\"timestamp\":");
        json_time(out, e->first);
        (void) buf_puts(out, ",\"event_type\":\"gate_log\",\"last\":");
        json_time(out, e->last);
        (void) buf_printf(out, ",\"op\":\"%s\",\"action\":\"%s\",\"reason\":\"%s\",\"learn\":%s", gate_try_name(e->op),
                          gate_action_name(gate_action(e->op, e->reason, e->denied)), gate_why_name(e->reason),
                          e->learn ? "true" : "false");
        put_json_text(out, "program", e->program, sizeof(e->program));
        if (e->task.pid) {
                (void) buf_putc(out, ',');
                put_json_task(out, &e->task);
        }
        if (e->asker.pid) {
                (void) buf_puts(out, ",\"asker\":{");
                put_json_task(out, &e->asker);
                (void) buf_putc(out, '}');
        }
        (void) buf_printf(out, ",\"uid\":%u", e->uid);
        if (user)
                put_json_text(out, "user", user, strlen(user));
        put_json_remote(out, e);
        if (e->chain[0])
                put_json_text(out, "chain", e->chain, sizeof(e->chain));
        if (e->text[0])
                put_json_text(out, "text", e->text, sizeof(e->text));
        (void) buf_printf(out, ",\"count\":%u,\"servers\":%u,\"processes\":%u}", e->count, e->peers, e->processes);
}

struct log {
        struct buf *out;
        struct action *actions;
        size_t n, told;
        enum gate_notify_language language;
        bool json;
};

static int take_action(void *userdata, const struct action *a)
{
        struct log *l = userdata;
        struct action *bigger;

        if (a->kind == ACTION_ALARM) /* what was found stands in `report` */
                return 0;
        if (l->n == LOG_ACTIONS_MAX)
                return -EFBIG;
        bigger = reallocarray(l->actions, l->n + 1, sizeof(*l->actions));
        if (!bigger)
                return -ENOMEM;
        l->actions = bigger;
        l->actions[l->n++] = *a;
        return 0;
}

static void put_action(struct log *l, const struct action *a)
{
        char date[CLOCK_TEXT_MAX], title[SUBJECT_TEXT_MAX];

        if (l->json) {
                (void) buf_puts(l->out, "{\"timestamp\":");
                json_time(l->out, a->time);
                (void) buf_printf(
                        l->out, ",\"event_type\":\"action\",\"action\":\"%s\",\"subject\":", action_kind_name(a->kind));
                json_subject(l->out, &a->subject);
                put_json_text(l->out, "by", a->by, sizeof(a->by));
                put_json_text(l->out, "what", a->what, sizeof(a->what));
                put_json_text(l->out, "undo", a->undo, sizeof(a->undo));
                (void) buf_puts(l->out, "}\n");
                return;
        }
        (void) buf_printf(l->out, "%s  %-*s  ", text_date(a->time, date), ACTION_COLUMNS, action_kind_name(a->kind));
        put_visible(l->out, a->by, sizeof(a->by));
        (void) buf_puts(l->out, ": ");
        if (a->kind != ACTION_GATE) {
                subject_title(&a->subject, title);
                put_visible(l->out, title, sizeof(title));
                (void) buf_puts(l->out, ": ");
        }
        put_visible(l->out, a->what, sizeof(a->what));
        if (a->undo[0]) {
                (void) buf_puts(l->out, " (");
                put_visible(l->out, a->undo, sizeof(a->undo));
                (void) buf_putc(l->out, ')');
        }
        (void) buf_putc(l->out, '\n');
}

static void put_actions(struct log *l, nsec_t until)
{
        while (l->told < l->n && l->actions[l->told].time <= until)
                put_action(l, &l->actions[l->told++]);
}

static int put_entry(void *userdata, const struct gate_entry *e)
{
        struct log *l = userdata;
        const struct passwd *p = getpwuid(e->uid);

        put_actions(l, e->first);
        if (l->json) {
                gate_text_put_json(l->out, e, p ? p->pw_name : NULL);
                (void) buf_putc(l->out, '\n');
        } else
                gate_text_put_line(l->out, l->language, e, p ? p->pw_name : NULL);
        return l->out->error;
}

int gate_log_print(struct store *s, nsec_t since, bool json, struct buf *out)
{
        struct log l = {.out = out, .json = json, .language = gate_words_language()};
        int r = store_actions_each(s, since, take_action, &l);

        if (r == 0)
                r = store_gate_each(s, since, put_entry, &l);
        if (r == 0)
                put_actions(&l, INT64_MAX);
        free(l.actions);
        return r < 0 ? r : out->error;
}
