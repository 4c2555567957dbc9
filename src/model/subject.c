/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Subjects and their two texts: the key (unique, for the store and the command line) and the title (for people). */
#include "model/subject.h"

#include <inttypes.h>
#include <stdio.h>

static bool is_self(const struct subject *s)
{
        static const struct addr none;

        return addr_equal(&s->addr, &none);
}

const char *subject_key(const struct subject *s, char text[static SUBJECT_TEXT_MAX])
{
        char a[ADDR_TEXT_MAX];

        if (s->kind == SUBJECT_PROCESS)
                snprintf(text, SUBJECT_TEXT_MAX, "process:%u:%" PRIu64 ":%02x%02x%02x%02x", s->pid, s->start,
                         s->boot_id[0], s->boot_id[1], s->boot_id[2], s->boot_id[3]);
        else
                snprintf(text, SUBJECT_TEXT_MAX, "%s:%s", subject_kind_name(s->kind),
                         is_self(s) ? "self" : addr_format(&s->addr, a));
        return text;
}

const char *subject_title(const struct subject *s, char text[static SUBJECT_TEXT_MAX])
{
        if (s->kind == SUBJECT_PROCESS)
                snprintf(text, SUBJECT_TEXT_MAX, "process %u (%.31s)", s->pid, s->name[0] ? s->name : "?");
        else if (is_self(s))
                snprintf(text, SUBJECT_TEXT_MAX, "this machine");
        else
                addr_format(&s->addr, text);
        return text;
}

bool subject_equal(const struct subject *a, const struct subject *b)
{
        if (a->kind != b->kind)
                return false;
        if (a->kind == SUBJECT_PROCESS)
                return a->pid == b->pid && a->start == b->start && memcmp(a->boot_id, b->boot_id, 16) == 0;
        return addr_equal(&a->addr, &b->addr);
}

const char *subject_kind_name(unsigned kind)
{
        static const char *const names[] = {"host", "process", "relay"};

        return kind < SUBJECT_KINDS ? names[kind] : "?";
}
