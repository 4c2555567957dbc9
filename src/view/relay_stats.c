/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts records of relays. Runs in the command line. */
#include "view/relay_stats.h"

#include <inttypes.h>
#include <time.h>

#include "mail/smtp_probe.h"

static int32_t month_of(nsec_t t)
{
        time_t seconds = (time_t) (t / NSEC_PER_SEC - (t % NSEC_PER_SEC < 0));
        struct tm tm;

        if (!gmtime_r(&seconds, &tm))
                return 0;
        return (tm.tm_year + 1900) * 12 + tm.tm_mon;
}

static unsigned found_by(const struct record *r)
{
        enum answer server = r->smtp == SMTP_PROBE_SERVER + 1  ? ANSWER_YES :
                             r->smtp == SMTP_PROBE_REFUSED + 1 ? ANSWER_NO :
                                                                 ANSWER_UNKNOWN;

        return (r->os_role < OS_ROLES ? r->os_role : OS_ROLE_UNKNOWN) * ANSWERS + server;
}

static struct relay_stats_month *find_month(struct relay_stats *s, int32_t month)
{
        unsigned i = 0;

        while (i < s->n_months && s->months[i].month < month)
                i++;
        if (i < s->n_months && s->months[i].month == month)
                return &s->months[i];
        if (s->n_months == RELAY_STATS_MONTHS)
                return NULL;
        memmove(&s->months[i + 1], &s->months[i], (s->n_months - i) * sizeof(s->months[0]));
        s->n_months++;
        s->months[i] = (struct relay_stats_month){.month = month};
        return &s->months[i];
}

static void count_months(struct relay_stats *s)
{
        for (unsigned i = 0; i < s->n_recent; i++) {
                struct relay_stats_month *m = find_month(s, s->recent[i].month);

                if (!m) {
                        s->left_out++;
                        continue;
                }
                m->relays++;
                m->families[s->recent[i].family]++;
                m->classes[s->recent[i].class]++;
        }
        s->n_recent = 0;
}

static void add_month(struct relay_stats *s, const struct record *r)
{
        int32_t month = month_of(record_time(r));
        unsigned i = 0;

        while (i < s->n_recent && s->recent[i].month != month)
                i++;
        if (i == RELAY_STATS_RECENT) { /* an address of many months: those so far are settled */
                count_months(s);
                i = 0;
        }
        s->n_recent = MAX(s->n_recent, i + 1);
        s->recent[i].month = month;
        s->recent[i].family = r->os_family < OS_FAMILIES ? r->os_family : OS_FAMILY_UNKNOWN;
        s->recent[i].class = (uint8_t) (r->class < JUDGE_CLASSES ? r->class : JUDGE_UNKNOWN);
}

void relay_stats_end(struct relay_stats *s)
{
        const struct record *r = &s->now;

        if (!s->any)
                return;
        count_months(s);
        s->relays++;
        s->moved += s->any_moved;
        s->classes[r->class < JUDGE_CLASSES ? r->class : JUDGE_UNKNOWN]++;
        s->roles[r->os_role < OS_ROLES ? r->os_role : OS_ROLE_UNKNOWN]++;
        if (r->class == JUDGE_UNKNOWN)
                s->unknown[r->why < JUDGE_WHYS ? r->why : JUDGE_NOTHING]++;
        s->any = s->any_moved = s->has_first = s->has_second = false;
}

static void add_inquiry(struct relay_stats *s, const struct record *r)
{
        unsigned found = found_by(r);

        if (r->inquiry == 1 && !s->has_first) {
                s->has_first = true;
                s->first_found = found;
        }
        if (r->inquiry == 2 && s->has_first && !s->has_second) {
                s->has_second = true;
                s->asked_twice++;
                s->again[s->first_found][found]++;
                s->again_moved[s->first_found][found] += r->moved;
        }
}

void relay_stats_add(struct relay_stats *s, const struct record *r)
{
        if (s->any && !addr_equal(&s->now.addr, &r->addr))
                relay_stats_end(s);
        s->records++;
        s->mails += record_has_mail(r);
        s->inquiries += !s->any || r->inquiry != s->now.inquiry;
        s->any_moved |= r->moved;
        add_month(s, r);
        add_inquiry(s, r);
        s->now = *r;
        s->any = true;
}

/* --- for people --- */

static const char *percent(uint64_t n, uint64_t of, char text[static 32])
{
        if (n == 0 || of == 0)
                return "-";
        snprintf(text, 32, "%" PRIu64 " (%.0f %%)", n, 100.0 * (double) n / (double) of);
        return text;
}

static const char *month_text(int32_t month, char text[static 16])
{
        snprintf(text, 16, "%04d-%02d", month / 12, month % 12 + 1);
        return text;
}

struct month_cells {
        char text[8][32];
        const char *cells[8];
};

static void begin_month(struct month_cells *c, const struct relay_stats_month *m)
{
        c->cells[0] = month_text(m->month, c->text[0]);
        snprintf(c->text[1], sizeof(c->text[1]), "%" PRIu64, m->relays);
        c->cells[1] = c->text[1];
}

static void put_systems(struct buf *out, const struct text_look *look, const struct relay_stats *s)
{
        static const char *const heads[] = {"month", "relays", "Windows", "Linux",
                                            "Apple", "BSD",    "other",   "not known"};
        _cleanup_(text_table_freep)
        struct text_table *table = NULL;

        text_heading(out, look, "Systems of relays, month by month");
        if (text_table_new(heads, ELEMENTSOF(heads), &table) < 0)
                return;
        for (unsigned i = 0; i < s->n_months; i++) {
                const struct relay_stats_month *m = &s->months[i];
                const uint64_t *f = m->families;
                uint64_t counts[] = {f[OS_FAMILY_WINDOWS],
                                     f[OS_FAMILY_LINUX],
                                     f[OS_FAMILY_APPLE],
                                     f[OS_FAMILY_FREEBSD] + f[OS_FAMILY_OPENBSD] + f[OS_FAMILY_NETBSD],
                                     f[OS_FAMILY_SOLARIS] + f[OS_FAMILY_OTHER],
                                     f[OS_FAMILY_UNKNOWN]};
                struct month_cells c;

                begin_month(&c, m);
                for (unsigned k = 0; k < ELEMENTSOF(counts); k++)
                        c.cells[k + 2] = percent(counts[k], m->relays, c.text[k + 2]);
                if (text_table_add(table, TEXT_PLAIN, c.cells) < 0)
                        return;
        }
        text_table_put(table, out, look);
}

static void put_classes(struct buf *out, const struct text_look *look, const struct relay_stats *s)
{
        static const char *const heads[] = {"month",         "relays",     "direct bot", "provider's relay",
                                            "abused server", "open proxy", "not known"};
        static const enum judge_class order[] = {JUDGE_DIRECT_BOT, JUDGE_PROVIDER_RELAY, JUDGE_ABUSED_SERVER,
                                                 JUDGE_OPEN_PROXY, JUDGE_UNKNOWN};
        _cleanup_(text_table_freep)
        struct text_table *table = NULL;

        text_heading(out, look, "Classes of relays, month by month");
        if (text_table_new(heads, ELEMENTSOF(heads), &table) < 0)
                return;
        for (unsigned i = 0; i < s->n_months; i++) {
                const struct relay_stats_month *m = &s->months[i];
                struct month_cells c;

                begin_month(&c, m);
                for (unsigned k = 0; k < ELEMENTSOF(order); k++)
                        c.cells[k + 2] = percent(m->classes[order[k]], m->relays, c.text[k + 2]);
                if (text_table_add(table, TEXT_PLAIN, c.cells) < 0)
                        return;
        }
        text_table_put(table, out, look);
        if (s->left_out)
                buf_printf(out, "  and %" PRIu64 " in further months\n", s->left_out);
}

static const char *found_text(unsigned found, char text[static 64])
{
        static const char *const servers[ANSWERS] = {"port 25 not known", "no mail server", "a mail server"};
        unsigned role = found / ANSWERS;

        snprintf(text, 64, "%s, %s",
                 role == OS_ROLE_CLIENT ? "client" :
                 role == OS_ROLE_SERVER ? "server" :
                 role == OS_ROLE_EITHER ? "client or server" :
                                          "system not known",
                 servers[found % ANSWERS]);
        return text;
}

static void put_again(struct buf *out, const struct text_look *look, const struct relay_stats *s)
{
        static const char *const heads[] = {"at first", "the second time", "relays", "moved"};
        _cleanup_(text_table_freep)
        struct text_table *table = NULL;

        text_heading(out, look, "First and second inquiry");
        if (s->asked_twice == 0) {
                buf_puts(out, "  No relay was asked about twice yet; \"sekimori mail --again\" does that.\n");
                return;
        }
        if (text_table_new(heads, ELEMENTSOF(heads), &table) < 0)
                return;
        for (unsigned a = 0; a < RELAY_STATS_FOUND; a++)
                for (unsigned b = 0; b < RELAY_STATS_FOUND; b++) {
                        char first[64], second[64], n[32], moved[32];
                        const char *cells[] = {found_text(a, first), found_text(b, second),
                                               percent(s->again[a][b], s->asked_twice, n), moved};

                        if (s->again[a][b] == 0)
                                continue;
                        snprintf(moved, sizeof(moved), "%" PRIu64, s->again_moved[a][b]);
                        if (text_table_add(table, TEXT_PLAIN, cells) < 0)
                                return;
                }
        text_table_put(table, out, look);
        text_wrap(
                out, look, "  ",
                "A client's system without a mail server is a bot by the rule of the relay inquiry. Moved: the address "
                "has another owner by its name, its system or its mail server.");
}

void relay_stats_put(struct buf *out, const struct text_look *look, const struct relay_stats *s)
{
        uint64_t not_known = s->classes[JUDGE_UNKNOWN];
        char share[32];

        text_count(out, s->relays, "relay");
        buf_puts(out, " of ");
        text_count(out, s->mails, "mail");
        buf_puts(out, ", asked about in ");
        buf_printf(out, "%" PRIu64 " %s", s->inquiries, s->inquiries == 1 ? "inquiry" : "inquiries");
        buf_printf(out, "; %" PRIu64 " moved to another owner.\n", s->moved);
        if (s->relays == 0)
                return;
        put_systems(out, look, s);
        put_classes(out, look, s);
        put_again(out, look, s);
        text_heading(out, look, "Not known");
        buf_printf(out, "  %s of the relays", percent(not_known, s->relays, share));
        buf_puts(out, not_known ? ":\n" : "\n");
        for (unsigned w = 0; w < JUDGE_WHYS; w++)
                if (s->unknown[w])
                        buf_printf(out, "  %8" PRIu64 "  %s\n", s->unknown[w], judge_why_title(w));
}

/* --- for programs --- */

static void put_object(struct buf *out, const char *name, const uint64_t *counts, unsigned n,
                       const char *(*name_of)(unsigned) )
{
        buf_printf(out, ",\"%s\":{", name);
        for (unsigned i = 0; i < n; i++)
                buf_printf(out, "%s\"%s\":%" PRIu64, i ? "," : "", name_of(i), counts[i]);
        buf_putc(out, '}');
}

static void put_found_json(struct buf *out, const char *name, unsigned found)
{
        buf_printf(out, "\"%s\":{\"system\":\"%s\",\"mail_server\":\"%s\"}", name, os_role_name(found / ANSWERS),
                   answer_name(found % ANSWERS));
}

static void put_again_json(struct buf *out, const struct relay_stats *s)
{
        const char *comma = "";

        buf_puts(out, ",\"again\":[");
        for (unsigned a = 0; a < RELAY_STATS_FOUND; a++)
                for (unsigned b = 0; b < RELAY_STATS_FOUND; b++) {
                        if (s->again[a][b] == 0)
                                continue;
                        buf_printf(out, "%s{", comma);
                        put_found_json(out, "first", a);
                        buf_putc(out, ',');
                        put_found_json(out, "second", b);
                        buf_printf(out, ",\"relays\":%" PRIu64 ",\"moved\":%" PRIu64 "}", s->again[a][b],
                                   s->again_moved[a][b]);
                        comma = ",";
                }
        buf_putc(out, ']');
}

void relay_stats_json(struct buf *out, const struct relay_stats *s)
{
        char month[16];

        buf_printf(out,
                   "{\"event_type\":\"relay_stats\",\"relays\":%" PRIu64 ",\"records\":%" PRIu64 ",\"mails\":%" PRIu64
                   ",\"inquiries\":%" PRIu64 ",\"asked_twice\":%" PRIu64 ",\"moved\":%" PRIu64,
                   s->relays, s->records, s->mails, s->inquiries, s->asked_twice, s->moved);
        put_object(out, "classes", s->classes, JUDGE_CLASSES, judge_class_name);
        put_object(out, "unknown", s->unknown, JUDGE_WHYS, judge_why_name);
        put_object(out, "roles", s->roles, OS_ROLES, os_role_name);
        buf_puts(out, ",\"months\":[");
        for (unsigned i = 0; i < s->n_months; i++) {
                const struct relay_stats_month *m = &s->months[i];

                buf_printf(out, "%s{\"month\":\"%s\",\"relays\":%" PRIu64, i ? "," : "", month_text(m->month, month),
                           m->relays);
                put_object(out, "systems", m->families, OS_FAMILIES, os_family_name);
                put_object(out, "classes", m->classes, JUDGE_CLASSES, judge_class_name);
                buf_putc(out, '}');
        }
        buf_printf(out, "],\"further_months\":%" PRIu64, s->left_out);
        put_again_json(out, s);
        buf_putc(out, '}');
}
