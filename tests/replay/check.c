/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compares what a replay expects with what its run showed. Test code. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "config/home.h"
#include "detect/detector.h"

const char *const check_rules[CHECK_RULES] = {"both", "process", "thread", "plain", "plain_thread"};

void check_read(const char *text, struct expectation *ret)
{
        char first[16] = "";
        size_t len;

        snprintf(ret->rule, sizeof(ret->rule), "both");
        text += strspn(text, " ");
        (void) sscanf(text, "%15s", first);
        for (size_t i = 0; i < CHECK_RULES; i++)
                if (strcmp(first, check_rules[i]) == 0) {
                        snprintf(ret->rule, sizeof(ret->rule), "%s", first);
                        text += strlen(first);
                        text += strspn(text, " ");
                        break;
                }
        snprintf(ret->text, sizeof(ret->text), "%.*s", (int) strcspn(text, "#\n"), text);
        for (len = strlen(ret->text); len && ret->text[len - 1] == ' ';)
                ret->text[--len] = '\0';
}

void check_note_kind(struct run *r, const struct subject *s, const char *kind)
{
        char text[sizeof(r->kinds[0])], who[ADDR_TEXT_MAX];

        if (s->kind == SUBJECT_PROCESS)
                snprintf(text, sizeof(text), "%u %.60s", s->pid, kind);
        else
                snprintf(text, sizeof(text), "%s %.60s", addr_format(&s->addr, who), kind);
        for (size_t i = 0; i < r->n_kinds; i++)
                if (strcmp(r->kinds[i], text) == 0)
                        return;
        if (r->n_kinds < SEEN_MAX)
                memcpy(r->kinds[r->n_kinds++], text, sizeof(text));
}

static const struct seen *find_pid(const struct run *r, uint32_t pid)
{
        for (size_t i = 0; i < r->n_seen; i++)
                if (r->seen[i].subject.kind == SUBJECT_PROCESS && r->seen[i].subject.pid == pid)
                        return &r->seen[i];
        return NULL;
}

static const struct seen *find_host(const struct run *r, const struct addr *a)
{
        for (size_t i = 0; i < r->n_seen; i++)
                if (r->seen[i].subject.kind != SUBJECT_PROCESS && addr_equal(&r->seen[i].subject.addr, a))
                        return &r->seen[i];
        return NULL;
}

static bool has_kind(const struct run *r, const char *who, const char *kind)
{
        char want[sizeof(r->kinds[0])];
        int len = snprintf(want, sizeof(want), "%s %.60s", who, kind);

        for (size_t i = 0; i < r->n_kinds; i++)
                if (strncmp(r->kinds[i], want, (size_t) len) == 0 && strchr(".", r->kinds[i][len]))
                        return true;
        return false;
}

static bool check_within(const struct run *r, const struct seen *s, const char *span, uint32_t worker, enum level level)
{
        nsec_t limit, at = s ? (level == LEVEL_BOT ? s->bot_at : s->suspect_at) : 0;

        if (!at || clock_parse_span(span, &limit) < 0)
                return false;
        for (size_t i = 0; i < r->n_workers; i++)
                if (r->workers[i] == worker)
                        return at - r->worked[i] <= limit;
        return false;
}

/* Is the text that level, or at least that one ("suspect+")? */
static bool check_level(const struct seen *s, const char *text, enum level *ret)
{
        bool least = text[0] && text[strlen(text) - 1] == '+';
        char name[24];
        int level;

        snprintf(name, sizeof(name), "%.*s", (int) (strlen(text) - least), text);
        level = level_from_name(name);
        if (level < 0)
                return false;
        *ret = (enum level) level;
        return least ? (int) s->worst >= level : (int) s->worst == level;
}

/* "kind KIND" | "no KIND"; KIND may be a detector: any of its kinds. A name that nothing has is a mistake. */
static bool check_kind(const struct run *r, const char *who, const char *text)
{
        char word[8], kind[64];

        if (sscanf(text, "%7s %63s", word, kind) != 2 || (!detector_find(kind) && !evidence_kind_find(kind, NULL)))
                return false;
        return has_kind(r, who, kind) == (word[0] == 'k');
}

static bool is_kind(const char *text)
{
        return strncmp(text, "kind ", 5) == 0 || strncmp(text, "no ", 3) == 0;
}

/* "ADDRESS LEVEL[+]" | "ADDRESS kind KIND" | "ADDRESS no KIND" */
static bool check_host(const struct run *r, const char *text)
{
        static const struct seen nothing = {.worst = LEVEL_UNKNOWN};
        char name[ADDR_TEXT_MAX] = "", level[24] = "", who[ADDR_TEXT_MAX];
        const char *rest = text + strcspn(text, " ");
        const struct seen *s;
        enum level unused;
        struct addr a;

        if (sscanf(text, "%45s %23s", name, level) != 2 || addr_parse(name, &a) < 0)
                return false;
        a = home_host(&a);
        s = find_host(r, &a);
        if (is_kind(rest + strspn(rest, " ")))
                return check_kind(r, addr_format(&a, who), rest + strspn(rest, " "));
        if (strcmp(level, "clear") == 0)
                return !s || s->worst <= LEVEL_CLEAR;
        return check_level(s ? s : &nothing, level, &unused);
}

/* "PID LEVEL[+]" | "PID LEVEL within SPAN of TASK" | "PID kind KIND" | "PID no KIND" */
static bool check_process(const struct run *r, const char *text)
{
        char first[24] = "", second[24] = "", span[64] = "", last[24] = "";
        int n = sscanf(text, "%23s %23s %*[within] %63s of %23s", first, second, span, last);
        const struct seen *s = find_pid(r, (uint32_t) strtoul(first, NULL, 10));
        const char *rest = text + strcspn(text, " ");
        enum level level;

        rest += strspn(rest, " ");
        if (is_kind(rest))
                return check_kind(r, first, rest);
        if (!s || !check_level(s, second, &level))
                return false;
        return n < 4 || check_within(r, s, span, (uint32_t) strtoul(last, NULL, 10), level);
}

bool check_holds(const struct run *r, const char *text)
{
        if (strcmp(text, "silent") == 0)
                return r->n_seen == 0;
        if (strcmp(text, "harmless") == 0) {
                for (size_t i = 0; i < r->n_seen; i++)
                        if (r->seen[i].worst >= LEVEL_SUSPECT)
                                return false;
                return true;
        }
        if (strncmp(text, "host ", 5) == 0)
                return check_host(r, text + 5);
        return check_process(r, text);
}

void check_report(const struct run *r, const char *file, const struct expectation *e)
{
        char title[SUBJECT_TEXT_MAX], score[SCORE_TEXT_MAX];

        fprintf(stderr, "%s:%d: under the rule %s, expected: %s\n", file, e->line, e->rule, e->text);
        for (size_t i = 0; i < r->n_seen; i++)
                fprintf(stderr, "        %s: %s, score %s\n", subject_title(&r->seen[i].subject, title),
                        level_name(r->seen[i].worst), score_format(r->seen[i].score, score));
        for (size_t i = 0; i < r->n_kinds; i++)
                fprintf(stderr, "        %s\n", r->kinds[i]);
}
