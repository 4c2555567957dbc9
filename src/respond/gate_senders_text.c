/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file of declared senders: a first line with its version, then a line for each, its fields separated by tabs:
 *     number kind value detail user when who reason
 * detail is a unit's control group or a program's SHA-256; "-" stands for nothing. Read strictly: a line that is not
 * understood may be one that was meant to take a right away. Used by the keeper and `gate`. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "respond/gate_senders_internal.h"

#define HEAD       "sekimori-gate-senders 1"
#define NEXT       "next "
#define FIELDS     8
#define ERRORS_MAX 20
#define NUMBER_MAX 100000000 /* far more changes than anybody makes */

enum field { NUMBER, KIND, VALUE, DETAIL, USER, WHEN, WHO, REASON };

struct reader {
        const char *name;
        struct gate_senders *senders;
        struct buf *errors;
        unsigned line, n_errors;
        int error; /* -ENOMEM */
};

static void tell(struct reader *r, const char *reason)
{
        if (++r->n_errors > ERRORS_MAX || !r->errors)
                return;
        buf_put_visible(r->errors, r->name, strlen(r->name));
        buf_printf(r->errors, ":%u: ", r->line);
        buf_put_visible(r->errors, reason, strlen(reason));
        buf_putc(r->errors, '\n');
}

static bool parse_number(const char *text, uint32_t *ret)
{
        uint32_t n = 0;

        if (*text == '0')
                return false;
        for (; isdigit((unsigned char) *text); text++) {
                n = n * 10 + (uint32_t) (*text - '0');
                if (n > NUMBER_MAX)
                        return false;
        }
        if (n == 0 || *text)
                return false;
        *ret = n;
        return true;
}

static int parse_kind(const char *text, enum gate_sender_kind *ret)
{
        for (unsigned kind = GATE_SENDER_UNIT; kind <= GATE_SENDER_NETWORK; kind++)
                if (strcmp(text, gate_sender_kind_name(kind)) == 0) {
                        *ret = (enum gate_sender_kind) kind;
                        return 0;
                }
        return -EINVAL;
}

static char *given(char *field)
{
        return strcmp(field, "-") == 0 ? NULL : field;
}

static void take_line(struct reader *r, char *const fields[static FIELDS])
{
        struct gate_sender s = {.value = fields[VALUE], .user = given(fields[USER]), .who = fields[WHO]};
        char reason[128], message[160];
        int result;

        s.reason = given(fields[REASON]);
        if (!parse_number(fields[NUMBER], &s.number)) {
                tell(r, "the number is none");
                return;
        }
        if (parse_kind(fields[KIND], &s.kind) < 0) {
                tell(r, "the kind is not unit, program or network");
                return;
        }
        if (clock_parse_iso(fields[WHEN], &s.when) < 0 || s.when < 0) {
                tell(r, "the time is none");
                return;
        }
        if (s.kind == GATE_SENDER_UNIT)
                s.cgroup = given(fields[DETAIL]);
        else
                s.sha256 = given(fields[DETAIL]);
        result = gate_senders_append(r->senders, &s, reason);
        if (result == -ENOMEM)
                r->error = result;
        else if (result < 0) {
                snprintf(message, sizeof(message), "%s", reason);
                tell(r, message);
        }
}

static void read_line(struct reader *r, char *line)
{
        char *fields[FIELDS];
        unsigned n = 0;

        if (r->line == 2) {
                if (strncmp(line, NEXT, strlen(NEXT)) != 0 || !parse_number(line + strlen(NEXT), &r->senders->next))
                        tell(r, "the next number is none");
                return;
        }
        for (char *p = line; n < FIELDS; n++) {
                char *tab = strchr(p, '\t');

                fields[n] = p;
                if (!*p || *p == '\t' || (!tab != (n == FIELDS - 1))) {
                        tell(r, "there must be eight fields, separated by tabs");
                        return;
                }
                if (tab) {
                        *tab = '\0';
                        p = tab + 1;
                }
        }
        take_line(r, fields);
}

static void read_lines(struct reader *r, char *text)
{
        char *end;

        for (char *line = text; *line && r->error == 0; line = end + 1) {
                end = strchr(line, '\n');
                r->line++;
                if (!end) {
                        tell(r, "the line does not end: the file is cut");
                        return;
                }
                *end = '\0';
                if (r->line > 1)
                        read_line(r, line);
                else if (strcmp(line, HEAD) != 0) {
                        tell(r, "this is no file of senders, or one of another version");
                        return;
                }
        }
        if (r->line == 0) {
                r->line = 1;
                tell(r, "the file is empty");
        }
}

int gate_senders_parse(const char *name, const char *text, size_t len, struct gate_senders **ret, struct buf *errors)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *senders = gate_senders_new();
        _cleanup_free_ char *copy = malloc(len + 1);
        struct reader r = {.name = name, .senders = senders, .errors = errors};

        if (!senders || !copy)
                return -ENOMEM;
        memcpy(copy, text, len);
        copy[len] = '\0';
        if (strlen(copy) != len) {
                r.line = 1;
                tell(&r, "there is a NUL character in it");
        } else
                read_lines(&r, copy);
        if (r.error < 0 || r.n_errors)
                return r.error < 0 ? r.error : -EINVAL;
        *ret = TAKE_PTR(senders);
        return 0;
}

int gate_senders_put(const struct gate_senders *s, struct buf *out)
{
        char when[CLOCK_TEXT_MAX];

        buf_printf(out, "%s\n%s%" PRIu32 "\n", HEAD, NEXT, s->next);
        for (size_t i = 0; i < s->n; i++) {
                const struct gate_sender *e = &s->items[i];
                const char *detail = e->kind == GATE_SENDER_UNIT ? e->cgroup : e->sha256;

                buf_printf(out, "%" PRIu32 "\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e->number, gate_sender_kind_name(e->kind),
                           e->value, detail ? detail : "-", e->user ? e->user : "-", clock_format_iso(e->when, when),
                           e->who, e->reason[0] ? e->reason : "-");
        }
        return out->error;
}
