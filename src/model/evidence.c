/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Facts of an evidence, and the names of stages, levels and actions. */
#include "model/evidence.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "model/action.h"
#include "model/verdict.h"

static const char *const stage_names[STAGES] = {"infect", "egg", "control", "spread", "attack", "steal", "hide"};
static const char *const level_names[LEVELS] = {"unknown", "clear", "suspect", "bot"};
static const char *const action_names[ACTION_KINDS] = {"alarm", "block", "unblock", "gate"};

static int from_name(const char *const *names, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(names[i], name) == 0)
                        return (int) i;
        return -EINVAL;
}

const char *stage_name(unsigned stage)
{
        return stage < STAGES ? stage_names[stage] : "?";
}

int stage_from_name(const char *name)
{
        return from_name(stage_names, STAGES, name);
}

const char *level_name(unsigned level)
{
        return level < LEVELS ? level_names[level] : "?";
}

int level_from_name(const char *name)
{
        return from_name(level_names, LEVELS, name);
}

const char *action_kind_name(unsigned kind)
{
        return kind < ACTION_KINDS ? action_names[kind] : "?";
}

const char *score_format(int32_t hundredths, char text[static SCORE_TEXT_MAX])
{
        long tenths = ((long) hundredths + (hundredths < 0 ? -5 : 5)) / 10;

        snprintf(text, SCORE_TEXT_MAX, "%s%ld.%ld", tenths < 0 ? "-" : "", labs(tenths) / 10, labs(tenths) % 10);
        return text;
}

/* The slot of that key, cleared, or NULL when full. */
static struct fact *fact_slot(struct evidence *e, const char *key, enum fact_type type)
{
        struct fact *f = (struct fact *) evidence_find_fact(e, key);

        if (!f) {
                if (e->n_facts >= EVIDENCE_FACTS_MAX)
                        return NULL;
                f = &e->facts[e->n_facts++];
        }
        memset(f, 0, sizeof(*f));
        f->key = key;
        f->type = type;
        return f;
}

static int put_integer(struct evidence *e, const char *key, enum fact_type type, int64_t n)
{
        struct fact *f = fact_slot(e, key, type);

        if (!f)
                return -ENOBUFS;
        f->number = n;
        return 0;
}

int evidence_fact_number(struct evidence *e, const char *key, int64_t n)
{
        return put_integer(e, key, FACT_NUMBER, n);
}

int evidence_fact_time(struct evidence *e, const char *key, nsec_t t)
{
        return put_integer(e, key, FACT_TIME, t);
}

int evidence_fact_span(struct evidence *e, const char *key, nsec_t span)
{
        return put_integer(e, key, FACT_SPAN, span);
}

int evidence_fact_endpoint(struct evidence *e, const char *key, const struct addr *a, uint16_t port, uint8_t proto)
{
        struct fact *f = fact_slot(e, key, FACT_ENDPOINT);

        if (!f)
                return -ENOBUFS;
        f->endpoint.addr = *a;
        f->endpoint.port = port;
        f->endpoint.proto = proto;
        return 0;
}

int evidence_fact_text(struct evidence *e, const char *key, const char *text)
{
        struct fact *f = fact_slot(e, key, FACT_TEXT);

        if (!f)
                return -ENOBUFS;
        snprintf(f->text, sizeof(f->text), "%s", text);
        return 0;
}

int evidence_fact_process(struct evidence *e, const char *key, const struct task *t, const char *name)
{
        struct fact *f = fact_slot(e, key, FACT_PROCESS);

        if (!f)
                return -ENOBUFS;
        f->process.task = *t;
        snprintf(f->process.name, sizeof(f->process.name), "%s", name);
        return 0;
}

const struct fact *evidence_find_fact(const struct evidence *e, const char *key)
{
        for (unsigned i = 0; i < e->n_facts; i++)
                if (strcmp(e->facts[i].key, key) == 0)
                        return &e->facts[i];
        return NULL;
}

int64_t evidence_number(const struct evidence *e, const char *key)
{
        const struct fact *f = evidence_find_fact(e, key);

        return f && (f->type == FACT_NUMBER || f->type == FACT_TIME || f->type == FACT_SPAN) ? f->number : 0;
}

const char *evidence_text(const struct evidence *e, const char *key, const char *otherwise)
{
        const struct fact *f = evidence_find_fact(e, key);

        return f && f->type == FACT_TEXT ? f->text : otherwise;
}

void evidence_add_ref(struct evidence *e, uint64_t id)
{
        for (unsigned i = 0; i < e->n_refs; i++)
                if (e->refs[i] == id)
                        return;
        if (e->n_refs < EVIDENCE_REFS_MAX)
                e->refs[e->n_refs++] = id;
}
