/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Profiles as text. An average is exact, over all sessions; "mostly" is one mean deviation to either side of the
 * decayed mean, on a scale of logarithms. Runs in the command line. */
#include "view/profile_text.h"

#include <inttypes.h>

#define MOSTLY_LEAST 5u

const char *profile_text_host(const struct addr *host, char text[static PROFILE_TEXT_HOST_MAX])
{
        addr_format(host, text);
        if (!addr_is_v4(host))
                strcat(text, "/64");
        return text;
}

void profile_text_order(const struct profile_record *r, uint8_t order[static PROFILE_SERVICES + PROFILE_ROLES])
{
        uint32_t n = MIN(r->n, PROFILE_SERVICES + PROFILE_ROLES);

        for (uint32_t i = 0; i < n; i++) {
                uint32_t k = i;

                for (; k && r->services[order[k - 1]].sessions < r->services[i].sessions; k--)
                        order[k] = order[k - 1];
                order[k] = (uint8_t) i;
        }
}

static void put_span(struct buf *out, uint64_t microseconds)
{
        char span[CLOCK_TEXT_MAX];

        if (microseconds < 1000)
                buf_printf(out, "%" PRIu64 " µs", microseconds);
        else
                buf_puts(out, clock_format_span((nsec_t) MIN(microseconds, (uint64_t) INT64_MAX / 1000) * 1000, span));
}

static void put_number(struct buf *out, uint64_t n)
{
        buf_printf(out, "%" PRIu64, n);
}

/* Of fewer than MOSTLY_LEAST values there is nothing that most of them are. `most`: none was above it. */
static void put_mostly_below(struct buf *out, uint32_t n, const struct profile_norm *norm, uint16_t most,
                             void (*put)(struct buf *out, uint64_t n))
{
        uint32_t low = MIN(norm->mean - MIN(norm->mean, norm->deviation), most),
                 high = MIN((uint32_t) norm->mean + norm->deviation, most);

        if (n < MOSTLY_LEAST)
                return;
        buf_puts(out, ", mostly ");
        put(out, profile_unlog((uint16_t) low));
        if (profile_unlog((uint16_t) high) == profile_unlog((uint16_t) low))
                return;
        buf_puts(out, " to ");
        put(out, profile_unlog((uint16_t) high));
}

static void put_mostly(struct buf *out, uint32_t n, const struct profile_norm *norm,
                       void (*put)(struct buf *out, uint64_t n))
{
        put_mostly_below(out, n, norm, UINT16_MAX, put);
}

static void put_line(struct buf *out, const struct text_look *look, const char *name, const struct buf *line)
{
        char first[16];

        snprintf(first, sizeof(first), "  %-11s", name);
        text_wrap(out, look, first, buf_str(line));
}

static void line_sessions(struct buf *line, const struct profile_service *s)
{
        char first[CLOCK_TEXT_MAX], last[CLOCK_TEXT_MAX];

        buf_printf(line, "%" PRIu32, s->sessions);
        if (s->failed)
                buf_printf(line, ", and %" PRIu32 " without an answer", s->failed);
        if (s->sessions > 1)
                buf_printf(line, "; from %s to %s", text_date(s->first, first), text_date(s->last, last));
        else if (s->sessions)
                buf_printf(line, "; %s", text_date(s->first, first));
}

static void line_interval(struct buf *line, const struct profile_service *s)
{
        put_span(line, (uint64_t) (s->last - s->first) / NSEC_PER_USEC / (s->sessions - 1));
        buf_puts(line, " on average");
        put_mostly(line, s->sessions - 1, &s->norm[PROFILE_INTERVAL], put_span);
}

static void line_traffic(struct buf *line, const struct profile_service *s)
{
        buf_puts(line, "sent ");
        text_volume(line, s->bytes_out);
        put_mostly(line, s->sessions, &s->norm[PROFILE_OUT], text_volume);
        buf_puts(line, s->sessions < MOSTLY_LEAST ? "; received " : " a session; received ");
        text_volume(line, s->bytes_in);
        put_mostly(line, s->sessions, &s->norm[PROFILE_IN], text_volume);
}

static void line_duration(struct buf *line, const struct profile_service *s)
{
        put_span(line, s->busy / s->sessions);
        buf_puts(line, " on average");
        put_mostly(line, s->sessions, &s->norm[PROFILE_DURATION], put_span);
}

static void line_addresses(struct buf *line, const struct profile_service *s)
{
        uint32_t n = profile_peers(s);

        buf_printf(line, n > 8 ? "about %" PRIu32 " (estimated, standard error %d %%)" : "%" PRIu32, n,
                   PROFILE_SKETCH_ERROR);
}

static void line_ports(struct buf *line, const struct profile_service *s)
{
        for (unsigned i = 0; i < MIN(s->n_ports, PROFILE_PORTS); i++)
                buf_printf(line, "%s%u", i ? ", " : "", s->ports[i]);
        if (s->n_ports > PROFILE_PORTS)
                buf_puts(line, " and others");
}

static void line_hours(struct buf *line, const struct profile_service *s)
{
        const struct profile_peak *k = s->hourly;

        buf_puts(line, "at most ");
        text_count(line, profile_unlog(k[PROFILE_HOUR_SESSIONS].most), "session");
        put_mostly_below(line, s->hours, &k[PROFILE_HOUR_SESSIONS].norm, k[PROFILE_HOUR_SESSIONS].most, put_number);
        buf_puts(line, "; at most ");
        text_volume(line, profile_unlog(k[PROFILE_HOUR_OUT].most));
        buf_puts(line, " sent");
        put_mostly_below(line, s->hours, &k[PROFILE_HOUR_OUT].norm, k[PROFILE_HOUR_OUT].most, text_volume);
        buf_puts(line, "; at most ");
        text_count(line, profile_unlog(k[PROFILE_HOUR_PEERS].most), "peer");
        put_mostly_below(line, s->hours, &k[PROFILE_HOUR_PEERS].norm, k[PROFILE_HOUR_PEERS].most, put_number);
        buf_printf(line, "; %s", s->hours == UINT8_MAX ? "more than " : "");
        text_count(line, s->hours, "hour");
        buf_puts(line, " of use");
}

static void put_service(struct buf *out, const struct profile_service *s, const struct text_look *look)
{
        static const struct {
                const char *name;
                void (*put)(struct buf *line, const struct profile_service *s);
        } lines[] = {{"sessions", line_sessions}, {"interval", line_interval},   {"traffic", line_traffic},
                     {"duration", line_duration}, {"addresses", line_addresses}, {"port", line_ports},
                     {"an hour", line_hours}};
        char name[PROFILE_NAME_MAX];
        _cleanup_(buf_done)
        struct buf line = BUF_HEAP(4096);

        buf_putc(out, '\n');
        text_put(out, look, TEXT_BOLD, profile_service_name(s, name));
        buf_puts(out, s->role == PROFILE_SERVER ? " as server\n" : " as client\n");
        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                if ((i > 0 && !s->sessions) || (lines[i].put == line_interval && s->sessions < 2) ||
                    (lines[i].put == line_ports && !s->n_ports) || (lines[i].put == line_hours && !s->hours))
                        continue;
                buf_reset(&line);
                lines[i].put(&line, s);
                put_line(out, look, lines[i].name, &line);
        }
}

nsec_t profile_text_began(const struct profile_record *r)
{
        nsec_t first = (nsec_t) r->first * NSEC_PER_SEC;

        for (uint32_t i = 0; i < MIN(r->n, PROFILE_SERVICES + PROFILE_ROLES); i++)
                if (r->services[i].sessions)
                        first = MIN(first, r->services[i].first);
        return first;
}

void profile_text_put(struct buf *out, const struct profile_record *r, const struct text_look *look)
{
        uint8_t order[PROFILE_SERVICES + PROFILE_ROLES];
        char host[PROFILE_TEXT_HOST_MAX], first[CLOCK_TEXT_MAX], last[CLOCK_TEXT_MAX];

        text_put(out, look, TEXT_BOLD, profile_text_host(&r->host, host));
        buf_printf(out, ": seen from %s to %s", text_date(profile_text_began(r), first),
                   text_date((nsec_t) r->last * NSEC_PER_SEC, last));
        if (r->unanswered)
                buf_printf(out, "; %" PRIu32 " sessions that nobody answered belong to no service", r->unanswered);
        buf_puts(out, ".\n");
        profile_text_order(r, order);
        for (uint32_t i = 0; i < MIN(r->n, PROFILE_SERVICES + PROFILE_ROLES); i++)
                put_service(out, &r->services[order[i]], look);
}
