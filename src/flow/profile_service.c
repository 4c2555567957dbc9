/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A service's statistics: one session more, one hour more. Constant time, no division. Runs in the engine and in
 * `read`. */
#include <stdio.h>

#include "flow/profile_internal.h"

#define PEAK_FADES 8u /* 1024ths of an octave in each further hour of use */

/* Sums on a scale of 65536: 1/n for the n-th value, so that the first ones average evenly, and 1/PROFILE_SPAN later. */
static const uint16_t parts[PROFILE_SPAN + 1] = {
        0,    65535, 32768, 21845, 16384, 13107, 10923, 9362, 8192, 7282, 6554, 5958, 5461, 5041, 4681, 4369, 4096,
        3855, 3641,  3449,  3277,  3121,  2979,  2849,  2731, 2621, 2521, 2427, 2341, 2260, 2185, 2114, 2048,
};

uint16_t profile_log(uint64_t x)
{
        unsigned top;
        uint64_t mantissa;

        x = MIN(x, UINT64_MAX - (1ull << 53)) + 1;
        top = 63u - (unsigned) __builtin_clzll(x);
        mantissa = top > 10 ? (x + (1ull << (top - 11))) >> (top - 10) : x << (10 - top);
        return (uint16_t) MIN((top << 10) + mantissa - 1024, (uint64_t) UINT16_MAX);
}

uint64_t profile_unlog(uint16_t l)
{
        unsigned top = l >> 10;
        uint64_t mantissa = 1024 | (l & 1023);

        return (top >= 10 ? mantissa << (top - 10) : (mantissa + (512u >> top)) >> (10 - top)) - 1;
}

static int32_t part_of(int32_t difference, uint32_t n)
{
        return (int32_t) (((int64_t) difference * parts[MIN(n, PROFILE_SPAN)] + 32768) >> 16);
}

/* `n`: how many there were before. */
static void learn(struct profile_norm *norm, uint16_t x, uint32_t n)
{
        int32_t off = (int32_t) x - norm->mean, size = off < 0 ? -off : off;

        if (n == 0) {
                *norm = (struct profile_norm){.mean = x};
                return;
        }
        norm->deviation = (uint16_t) (norm->deviation + part_of(size - norm->deviation, n));
        norm->mean = (uint16_t) (norm->mean + part_of(off, n + 1));
}

uint64_t profile_hour(const struct profile_service *s, enum profile_hourly which)
{
        switch (which) {
        case PROFILE_HOUR_SESSIONS:
                return s->hour_sessions;
        case PROFILE_HOUR_OUT:
                return s->hour_out;
        case PROFILE_HOUR_PEERS:
                return profile_sketch_count(s->hour_peers, 2 * sizeof(s->hour_peers));
        default:
                return 0;
        }
}

static void end_hour(struct profile_service *s)
{
        for (unsigned i = 0; i < PROFILE_HOURLY && s->hour_sessions; i++) {
                struct profile_peak *k = &s->hourly[i];
                uint16_t x = profile_log(profile_hour(s, i));

                learn(&k->norm, x, s->hours);
                k->most = MAX(x, (uint16_t) (k->most - MIN(k->most, PEAK_FADES)));
        }
        s->hours = (uint8_t) (s->hours + (s->hour_sessions && s->hours < UINT8_MAX));
        s->hour_sessions = 0;
        s->hour_out = 0;
        memset(s->hour_peers, 0, sizeof(s->hour_peers));
}

static void note_port(struct profile_service *s, uint16_t port)
{
        for (unsigned i = 0; i < MIN(s->n_ports, PROFILE_PORTS); i++)
                if (s->ports[i] == port)
                        return;
        if (s->n_ports < PROFILE_PORTS)
                s->ports[s->n_ports] = port;
        s->n_ports = (uint8_t) MIN(s->n_ports + 1u, PROFILE_PORTS + 1u);
}

static void add_times(struct profile_service *s, const struct flow_event *f, nsec_t now)
{
        nsec_t since = MIN(MAX(f->since, 0), now);
        uint64_t busy = (uint64_t) (now - since) / NSEC_PER_USEC;

        learn(&s->norm[PROFILE_DURATION], profile_log(busy), s->sessions);
        s->busy += busy;
        if (s->sessions == 0) {
                s->first = s->last = since;
                return;
        }
        /* One that began before another that has ended already tells nothing about the time between two. */
        if (since >= s->last) {
                learn(&s->norm[PROFILE_INTERVAL], profile_log((uint64_t) (since - s->last) / NSEC_PER_USEC),
                      s->sessions - 1);
                s->last = since;
        }
        s->first = MIN(s->first, since);
}

void profile_add_session(struct profile_service *s, const struct flow_event *f, nsec_t now, uint16_t port)
{
        uint32_t hour = (uint32_t) (now / (3600 * NSEC_PER_SEC)), hash;

        if (hour > s->hour) {
                end_hour(s);
                s->hour = hour;
        }
        add_times(s, f, now);
        learn(&s->norm[PROFILE_OUT], profile_log(f->bytes_out), s->sessions);
        learn(&s->norm[PROFILE_IN], profile_log(f->bytes_in), s->sessions);
        s->bytes_out += f->bytes_out;
        s->bytes_in += f->bytes_in;
        s->hour_out += f->bytes_out;
        s->sessions += s->sessions < UINT32_MAX;
        s->hour_sessions++;
        if (port)
                note_port(s, port);
        if (f->flags & FLOW_NO_PEER)
                return;
        hash = profile_sketch_hash(&f->remote);
        profile_sketch_add(s->peers, 2 * sizeof(s->peers), hash);
        profile_sketch_add(s->hour_peers, 2 * sizeof(s->hour_peers), hash);
}

uint32_t profile_peers(const struct profile_service *s)
{
        return profile_sketch_count(s->peers, 2 * sizeof(s->peers));
}

const char *profile_service_name(const struct profile_service *s, char text[static PROFILE_NAME_MAX])
{
        char spare[8], proto[8];

        if (s->app != APP_UNKNOWN)
                snprintf(text, PROFILE_NAME_MAX, "%s", app_name(s->app));
        else if (s->proto == 0)
                snprintf(text, PROFILE_NAME_MAX, "other");
        else {
                const char *name = proto_name(s->proto, spare);
                unsigned i = 0;

                for (; name[i] && i < sizeof(proto) - 1; i++)
                        proto[i] = (char) (name[i] | (name[i] >= 'A' && name[i] <= 'Z' ? 0x20 : 0));
                proto[i] = '\0';
                snprintf(text, PROFILE_NAME_MAX, s->port ? "%s/%u" : "%s", proto, s->port);
        }
        return text;
}
