/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exceptions of the configuration against claims: what the operator knows to be harmless is counted, not scored. Pure;
 * runs in the engine and in the offline commands. */
#include "verdict/exception.h"

static bool matches_detector(const char *detector, const char *kind)
{
        size_t n = strcspn(kind, ".");

        return strlen(detector) == n && strncmp(detector, kind, n) == 0;
}

/* A subject keeps the first bytes of a longer name only. */
static bool matches_name(const char *wanted, const char *name, size_t size)
{
        size_t n = strnlen(name, size);

        return n == size - 1 ? strncmp(wanted, name, n) == 0 : strcmp(wanted, name) == 0;
}

static bool matches_subject(const char *wanted, const struct subject *s)
{
        char key[SUBJECT_TEXT_MAX];
        struct addr a;

        if (strcmp(wanted, subject_key(s, key)) == 0)
                return true;
        if (s->kind == SUBJECT_PROCESS)
                return matches_name(wanted, s->name, sizeof(s->name));
        if (s->kind == SUBJECT_HOST && strcmp(wanted, "self") == 0)
                return strcmp(key, "host:self") == 0;
        return addr_parse(wanted, &a) == 0 && addr_equal(&a, &s->addr);
}

static bool matches_peer(const struct cidr *peer, const struct evidence *claim)
{
        for (unsigned i = 0; i < claim->n_facts && i < EVIDENCE_FACTS_MAX; i++)
                if (claim->facts[i].type == FACT_ENDPOINT && cidr_contains(peer, &claim->facts[i].endpoint.addr))
                        return true;
        return false;
}

static bool matches_program(const struct config_exception *x, const struct subject *s)
{
        return s->kind == SUBJECT_PROCESS && x->exe_ino != 0 && x->exe_ino == s->exe_ino && x->exe_dev == s->exe_dev;
}

static bool matches(const struct config_exception *x, const struct evidence *claim)
{
        if (x->until != 0 && x->until <= claim->last)
                return false;
        if (x->detector && !matches_detector(x->detector, claim->kind->name))
                return false;
        if (x->subject && !matches_subject(x->subject, &claim->subject))
                return false;
        if (x->program && !matches_program(x, &claim->subject))
                return false;
        return !x->has_peer || matches_peer(&x->peer, claim);
}

const struct config_exception *exception_match(const struct config *config, const struct evidence *claim)
{
        for (size_t i = 0; i < config->n_exceptions; i++)
                if (matches(&config->exceptions[i], claim))
                        return &config->exceptions[i];
        return NULL;
}
