/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Profiles as JSON: all that the text says, in numbers. Runs in the command line. */
#include "view/json_profile.h"

#include <inttypes.h>

#include "view/json.h"
#include "view/profile_text.h"

static void put_seconds(struct buf *out, uint64_t microseconds)
{
        buf_printf(out, "%.6f", (double) microseconds / 1e6);
}

static void put_number(struct buf *out, uint64_t n)
{
        buf_printf(out, "%" PRIu64, n);
}

/* "typical" is the middle of the logarithms; "low" and "high" one mean deviation from it. */
static void put_norm(struct buf *out, const struct profile_norm *norm, void (*put)(struct buf *out, uint64_t n))
{
        buf_puts(out, "\"low\":");
        put(out, profile_unlog((uint16_t) (norm->mean - MIN(norm->mean, norm->deviation))));
        buf_puts(out, ",\"typical\":");
        put(out, profile_unlog(norm->mean));
        buf_puts(out, ",\"high\":");
        put(out, profile_unlog((uint16_t) MIN((uint32_t) norm->mean + norm->deviation, UINT16_MAX)));
}

static void put_times(struct buf *out, const struct profile_service *s)
{
        if (s->sessions > 1) {
                buf_puts(out, ",\"interval\":{\"mean\":");
                put_seconds(out, (uint64_t) (s->last - s->first) / NSEC_PER_USEC / (s->sessions - 1));
                buf_putc(out, ',');
                put_norm(out, &s->norm[PROFILE_INTERVAL], put_seconds);
                buf_putc(out, '}');
        }
        buf_puts(out, ",\"duration\":{\"mean\":");
        put_seconds(out, s->busy / s->sessions);
        buf_putc(out, ',');
        put_norm(out, &s->norm[PROFILE_DURATION], put_seconds);
        buf_putc(out, '}');
}

static void put_bytes(struct buf *out, const char *name, uint64_t sum, const struct profile_norm *norm)
{
        buf_printf(out, ",\"%s\":{\"sum\":%" PRIu64 ",", name, sum);
        put_norm(out, norm, put_number);
        buf_putc(out, '}');
}

static void put_hours(struct buf *out, const struct profile_service *s)
{
        static const char *const names[PROFILE_HOURLY] = {"sessions", "bytes_out", "peers"};

        buf_printf(out, ",\"hours\":{\"count\":%u", s->hours);
        for (unsigned i = 0; i < PROFILE_HOURLY; i++) {
                buf_printf(out, ",\"%s\":{", names[i]);
                put_norm(out, &s->hourly[i].norm, put_number);
                buf_printf(out, ",\"most\":%" PRIu64 "}", profile_unlog(s->hourly[i].most));
        }
        buf_putc(out, '}');
}

static void put_service(struct buf *out, const struct profile_service *s)
{
        char name[PROFILE_NAME_MAX];

        buf_printf(out, "{\"service\":\"%s\",\"role\":\"%s\",\"ports\":[", profile_service_name(s, name),
                   s->role == PROFILE_SERVER ? "server" : "client");
        for (unsigned i = 0; i < MIN(s->n_ports, PROFILE_PORTS); i++)
                buf_printf(out, "%s%u", i ? "," : "", s->ports[i]);
        buf_printf(out, "],\"more_ports\":%s,\"sessions\":%" PRIu32 ",\"unanswered\":%" PRIu32,
                   s->n_ports > PROFILE_PORTS ? "true" : "false", s->sessions, s->failed);
        if (s->sessions) {
                buf_puts(out, ",\"first\":");
                json_time(out, s->first);
                buf_puts(out, ",\"last\":");
                json_time(out, s->last);
                put_times(out, s);
                put_bytes(out, "bytes_out", s->bytes_out, &s->norm[PROFILE_OUT]);
                put_bytes(out, "bytes_in", s->bytes_in, &s->norm[PROFILE_IN]);
                buf_printf(out, ",\"peers\":%" PRIu32, profile_peers(s));
        }
        if (s->hours)
                put_hours(out, s);
        buf_putc(out, '}');
}

void json_profile(struct buf *out, const struct profile_record *r)
{
        uint8_t order[PROFILE_SERVICES + PROFILE_ROLES];
        char host[PROFILE_TEXT_HOST_MAX];

        buf_puts(out, "{\"timestamp\":");
        json_time(out, (nsec_t) r->last * NSEC_PER_SEC);
        buf_printf(out, ",\"event_type\":\"profile\",\"ip\":\"%s\",\"since\":", profile_text_host(&r->host, host));
        json_time(out, profile_text_began(r));
        buf_printf(out, ",\"unanswered\":%" PRIu32 ",\"services\":[", r->unanswered);
        profile_text_order(r, order);
        for (uint32_t i = 0; i < MIN(r->n, PROFILE_SERVICES + PROFILE_ROLES); i++) {
                buf_puts(out, i ? "," : "");
                put_service(out, &r->services[order[i]]);
        }
        buf_puts(out, "]}");
}
