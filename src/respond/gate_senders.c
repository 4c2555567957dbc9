/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of declared senders: what may be declared, and who is meant. Runs in the keeper and `gate`. */
#include "respond/gate_senders.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <string.h>

#include "respond/gate_senders_internal.h"
#include "respond/gate_unit.h"

#define PASSWD "/etc/passwd"

static int _printf_(3, 4) refuse(char *reason, int error, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(reason, 128, format, ap);
        va_end(ap);
        return error;
}

const char *gate_sender_kind_name(enum gate_sender_kind kind)
{
        static const char *const names[] = {"unit", "program", "network"};

        return names[kind];
}

struct gate_senders *gate_senders_new(void)
{
        struct gate_senders *s = calloc(1, sizeof(*s));

        if (s)
                s->next = 1;
        return s;
}

static void sender_done(struct gate_sender *e)
{
        free(e->value);
        free(e->cgroup);
        free(e->user);
        free(e->sha256);
        free(e->who);
        free(e->reason);
}

void gate_senders_free(struct gate_senders *s)
{
        if (!s)
                return;
        for (size_t i = 0; i < s->n; i++)
                sender_done(&s->items[i]);
        free(s);
}

static bool all_digits(const char *text)
{
        return *text && text[strspn(text, "0123456789")] == '\0';
}

int gate_sender_uid(const char *user, uint32_t *ret)
{
        _cleanup_fclose_ FILE *f = NULL;
        struct passwd *p;

        if (all_digits(user)) {
                unsigned long n = strlen(user) > 10 ? ULONG_MAX : strtoul(user, NULL, 10);

                if (n >= GATE_SENDERS_NOBODY)
                        return -ENOENT;
                *ret = (uint32_t) n;
                return 0;
        }
        f = fopen(PASSWD, "re");
        if (!f)
                return -errno;
        while ((p = fgetpwent(f)))
                if (strcmp(p->pw_name, user) == 0) {
                        *ret = p->pw_uid;
                        return 0;
                }
        return -ENOENT;
}

void gate_sender_user(uint32_t uid, char ret[static 64])
{
        _cleanup_fclose_ FILE *f = fopen(PASSWD, "re");
        struct passwd *p;

        snprintf(ret, 64, "%u", uid);
        while (f && (p = fgetpwent(f)))
                if (p->pw_uid == uid && strlen(p->pw_name) < 64) {
                        snprintf(ret, 64, "%s", p->pw_name);
                        return;
                }
}

/* Fits into a field of a line. */
static bool is_clean(const char *text, size_t max)
{
        if (!*text || strlen(text) > max)
                return false;
        for (const char *p = text; *p; p++)
                if (iscntrl((unsigned char) *p))
                        return false;
        return strcmp(text, "-") != 0;
}

static int check_unit(const struct gate_sender *e, char reason[static 128])
{
        struct gate_unit by_rule;
        int r = gate_unit_by_rule(e->value, &by_rule, reason);

        if (r < 0)
                return r;
        if (!e->cgroup || e->user || e->sha256)
                return refuse(reason, -EINVAL, "is a unit: it has a control group, and no user");
        return gate_unit_check_path(e->cgroup, reason);
}

static int check_program(const struct gate_sender *e, char reason[static 128])
{
        if (e->value[0] != '/' || strlen(e->value) >= PATH_MAX)
                return refuse(reason, -EINVAL, "is no absolute path");
        if (e->cgroup)
                return refuse(reason, -EINVAL, "is a program: it has no control group");
        if (e->user && !is_clean(e->user, 32))
                return refuse(reason, -EINVAL, "has a user that can be none");
        if (e->sha256 && (strlen(e->sha256) != 64 || strspn(e->sha256, "0123456789abcdef") != 64))
                return refuse(reason, -EINVAL, "has a SHA-256 that is none: 64 digits, in lower case");
        if (!e->user && gate_programs_is_any(e->value))
                return refuse(reason, -EINVAL, "runs whatever it is told to: name the user, too");
        return 0;
}

static int check_network(const struct gate_sender *e, struct cidr *ret_net, char reason[static 128])
{
        if (e->cgroup || e->user || e->sha256)
                return refuse(reason, -EINVAL, "is a network, and has neither user nor control group");
        if (cidr_parse(e->value, ret_net) < 0)
                return refuse(reason, -EINVAL, "is no network such as 192.0.2.0/24");
        if (ret_net->bits == 0 || (ret_net->bits == 96 && addr_is_v4(&ret_net->base)))
                return refuse(reason, -EINVAL, "is everybody");
        return 0;
}

static bool same_thing(const struct gate_sender *a, const struct gate_sender *b, const struct cidr *b_net)
{
        if (a->kind != b->kind)
                return false;
        if (a->kind == GATE_SENDER_NETWORK)
                return a->net.bits == b_net->bits && addr_equal(&a->net.base, &b_net->base);
        if (a->kind == GATE_SENDER_UNIT)
                return strcmp(a->cgroup, b->cgroup) == 0;
        return strcmp(a->value, b->value) == 0;
}

static int check(const struct gate_senders *s, const struct gate_sender *e, struct cidr *ret_net,
                 char reason[static 128])
{
        int r;

        if (s->n >= GATE_SENDERS_MAX)
                return refuse(reason, -ENOSPC, "is one too many: at most %d senders", GATE_SENDERS_MAX);
        if (!is_clean(e->value, PATH_MAX))
                return refuse(reason, -EINVAL, "is no name");
        if (!is_clean(e->who, 64))
                return refuse(reason, -EINVAL, "does not say who declared it");
        if (e->reason && e->reason[0] && !is_clean(e->reason, GATE_SENDERS_REASON_MAX))
                return refuse(reason, -EINVAL, "has a reason that is too long, or not one line");
        r = e->kind == GATE_SENDER_UNIT    ? check_unit(e, reason) :
            e->kind == GATE_SENDER_PROGRAM ? check_program(e, reason) :
                                             check_network(e, ret_net, reason);
        for (size_t i = 0; i < s->n && r == 0; i++) {
                if (s->items[i].number == e->number)
                        return refuse(reason, -EEXIST, "has the number of another sender");
                if (same_thing(&s->items[i], e, ret_net))
                        return refuse(reason, -EEXIST, "is declared already, as number %u", s->items[i].number);
        }
        return r;
}

static bool copy(char **ret, const char *text)
{
        *ret = text ? strdup(text) : NULL;
        return *ret || !text;
}

int gate_senders_append(struct gate_senders *s, const struct gate_sender *asked, char reason[static 128])
{
        struct gate_sender e = {.number = asked->number, .kind = asked->kind, .when = asked->when, .uid = UINT32_MAX};
        int r = check(s, asked, &e.net, reason);

        if (r < 0)
                return r;
        if (!copy(&e.value, asked->value) || !copy(&e.cgroup, asked->cgroup) || !copy(&e.user, asked->user) ||
            !copy(&e.sha256, asked->sha256) || !copy(&e.who, asked->who) ||
            !copy(&e.reason, asked->reason ? asked->reason : "")) {
                sender_done(&e);
                return -ENOMEM;
        }
        if (e.user && gate_sender_uid(e.user, &e.uid) < 0)
                e.uid = GATE_SENDERS_NOBODY;
        s->items[s->n++] = e;
        if (e.number >= s->next)
                s->next = e.number + 1;
        return 0;
}

int gate_senders_add(struct gate_senders *s, const struct gate_sender *asked, uint32_t *ret_number,
                     char reason[static 128])
{
        struct gate_sender e = *asked;
        uint32_t uid;
        int r;

        e.number = s->next;
        if (e.user && gate_sender_uid(e.user, &uid) < 0)
                return refuse(reason, -EINVAL, "has a user that is not in " PASSWD);
        r = gate_senders_append(s, &e, reason);
        if (r == 0)
                *ret_number = e.number;
        return r;
}

int gate_senders_remove(struct gate_senders *s, uint32_t number)
{
        for (size_t i = 0; i < s->n; i++)
                if (s->items[i].number == number) {
                        sender_done(&s->items[i]);
                        memmove(&s->items[i], &s->items[i + 1], (s->n - i - 1) * sizeof(s->items[i]));
                        s->n--;
                        return 0;
                }
        return -ENOENT;
}

const struct gate_sender *gate_senders_find(const struct gate_senders *s, uint32_t number)
{
        for (size_t i = 0; i < s->n; i++)
                if (s->items[i].number == number)
                        return &s->items[i];
        return NULL;
}

const struct gate_sender *gate_senders_find_text(const struct gate_senders *s, const char *text)
{
        if (all_digits(text) && strlen(text) <= 10)
                return gate_senders_find(s, (uint32_t) strtoul(text, NULL, 10));
        for (size_t i = 0; i < s->n; i++) {
                const struct gate_sender *e = &s->items[i];
                size_t n = strlen(text);

                if (strcmp(e->value, text) == 0)
                        return e;
                if (e->kind == GATE_SENDER_UNIT && strncmp(e->value, text, n) == 0 &&
                    strcmp(e->value + n, ".service") == 0)
                        return e;
        }
        return NULL;
}

int gate_senders_apply(const struct gate_senders *s, struct gate_programs *programs)
{
        struct gate_programs_sender list[GATE_SENDERS_MAX];
        size_t n = 0;

        for (size_t i = 0; i < s->n; i++)
                if (s->items[i].kind == GATE_SENDER_PROGRAM)
                        list[n++] = (struct gate_programs_sender){s->items[i].value, s->items[i].sha256,
                                                                  s->items[i].uid, s->items[i].number};
        return gate_programs_set_senders(programs, list, n);
}
