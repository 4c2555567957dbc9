/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A home host that talks on IRC, fetches, scans and floods, as events for the tests of irc_control and egg. No kernel,
 * no clock. */
#ifndef SEKIMORI_TESTS_TALK_H
#define SEKIMORI_TESTS_TALK_H

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "verdict/analysis.h"

#define TALK_BEGIN (1700000000 * NSEC_PER_SEC)

struct talk {
        struct config *config;
        struct analysis *analysis;
        nsec_t now;
        const char *host, *server; /* addresses */
        uint16_t port;             /* of the server */
        uint64_t flow_id;
        uint64_t next_flow;
        bool serves; /* the IRC server is the home host, `server` its client */
        struct evidence last[64];
        size_t n;
        uint32_t claims;
};

static void talk_claim(void *userdata, const struct evidence *e, const struct config_exception *x,
                       const struct verdict *before, const struct verdict *after)
{
        struct talk *t = userdata;

        (void) x;
        (void) before;
        (void) after;
        t->claims++;
        if (t->n < ELEMENTSOF(t->last))
                t->last[t->n++] = *e;
}

static void talk_begin(struct talk *t)
{
        struct analysis_params params = {.sink = {.claim = talk_claim, .userdata = t}};

        *t = (struct talk){
                .now = TALK_BEGIN, .host = "10.1.6.206", .server = "203.0.113.45", .port = 6667, .flow_id = 1};
        t->next_flow = 1000;
        assert_int_equal(config_new_default(&t->config), 0);
        params.config = t->config;
        assert_int_equal(analysis_new(&params, &t->analysis), 0);
}

static void talk_end(struct talk *t)
{
        analysis_free(t->analysis);
        config_free(t->config);
}

static inline struct addr talk_addr(const char *text)
{
        struct addr a;

        assert_int_equal(addr_parse(text, &a), 0);
        return a;
}

static inline struct slice talk_slice(const char *text)
{
        return (struct slice){text, (uint32_t) strlen(text)};
}

static inline struct ends talk_ends(struct talk *t, const char *remote, uint16_t port, bool out)
{
        return (struct ends){.flow_id = t->next_flow++,
                             .local = talk_addr(t->host),
                             .remote = talk_addr(remote),
                             .local_port = 40000,
                             .remote_port = port,
                             .proto = IPPROTO_TCP,
                             .origin = FLOW_ORIGINATED,
                             .from_local = out};
}

/* A line; `out`: the home host says it. */
static inline void talk_raw(struct talk *t, bool out, const char *line, size_t len)
{
        struct event e = {.time = t->now, .type = EVENT_IRC, .op = IRC_LINE};
        char *copy = malloc(len + 1);

        /* exactly as long as it is, so that the sanitizers see a byte too far */
        assert_non_null(copy);
        memcpy(copy, line, len);
        e.irc.ends = talk_ends(t, t->server, t->port, out);
        e.irc.ends.flow_id = t->flow_id;
        if (t->serves) {
                e.irc.ends.origin = FLOW_ACCEPTED;
                e.irc.ends.local_port = t->port;
                e.irc.ends.remote_port = 50000;
        }
        e.irc.from_client = out != t->serves;
        e.irc.text = (struct slice){copy, (uint32_t) len};
        analysis_event(t->analysis, &e);
        free(copy);
}

static inline void talk_out(struct talk *t, const char *line)
{
        talk_raw(t, true, line, strlen(line));
}

static inline void talk_in(struct talk *t, const char *line)
{
        talk_raw(t, false, line, strlen(line));
}

static inline void talk_wait(struct talk *t, long ms)
{
        t->now += ms * NSEC_PER_MSEC;
        analysis_advance(t->analysis, t->now);
}

static inline void talk_login(struct talk *t, const char *nick, const char *join)
{
        char line[200];

        snprintf(line, sizeof(line), "NICK %s", nick);
        talk_out(t, line);
        snprintf(line, sizeof(line), "USER %s 0 0 :%s", nick, nick);
        talk_out(t, line);
        snprintf(line, sizeof(line), ":irc.example.net 001 %s :Welcome", nick);
        talk_in(t, line);
        snprintf(line, sizeof(line), "JOIN %s", join);
        talk_out(t, line);
        talk_wait(t, 500);
}

static inline void talk_fetch(struct talk *t, const char *remote, const char *host, const char *uri)
{
        struct event e = {.time = t->now, .type = EVENT_HTTP, .op = HTTP_REQUEST};

        e.http.ends = talk_ends(t, remote, 80, true);
        e.http.method = "GET";
        e.http.method_len = 3;
        e.http.host = host;
        e.http.host_len = (uint16_t) strlen(host);
        e.http.uri = uri;
        e.http.uri_len = (uint16_t) strlen(uri);
        analysis_event(t->analysis, &e);
}

static inline struct event talk_flow_event(struct talk *t, enum flow_op op, const char *remote, uint16_t port)
{
        struct event e = {.time = t->now, .type = EVENT_FLOW, .op = (uint8_t) op};

        e.flow.flow_id = t->next_flow++;
        e.flow.local = talk_addr(t->host);
        e.flow.remote = talk_addr(remote);
        e.flow.local_port = 40000;
        e.flow.remote_port = port;
        e.flow.proto = IPPROTO_TCP;
        e.flow.origin = FLOW_ORIGINATED;
        e.flow.since = t->now;
        e.flow.pkts_out = 1;
        return e;
}

static inline void talk_flow(struct talk *t, const char *remote, uint16_t port)
{
        struct event e = talk_flow_event(t, FLOW_START, remote, port);

        analysis_event(t->analysis, &e);
}

/* A connection that is answered, and ends. */
static inline void talk_answered(struct talk *t, const char *remote, uint16_t port)
{
        struct event e = talk_flow_event(t, FLOW_START, remote, port);

        analysis_event(t->analysis, &e);
        e.op = FLOW_UPDATE;
        e.flow.state = FLOW_STATE_ESTABLISHED;
        e.flow.pkts_in = 1;
        analysis_event(t->analysis, &e);
        e.op = FLOW_END;
        e.flow.state = FLOW_STATE_CLOSED;
        e.flow.pkts_out = e.flow.pkts_in = 12;
        e.flow.bytes_out = 900;
        e.flow.bytes_in = 9000;
        analysis_event(t->analysis, &e);
}

/* `n` addresses below `net` ("198.51"), 20 ms apart */
static inline void talk_sweep(struct talk *t, const char *net, unsigned n, uint16_t port)
{
        for (unsigned i = 0; i < n; i++) {
                char to[ADDR_TEXT_MAX];

                snprintf(to, sizeof(to), "%s.%u.%u", net, i * 7 % 250, i * 31 % 250 + 1);
                talk_flow(t, to, port);
                talk_wait(t, 20);
        }
}

static inline enum level talk_level(struct talk *t, const char *host, int32_t *ret_score)
{
        struct verdict v;
        struct addr a = talk_addr(host);
        struct subject s;

        detector_host_subject(&a, &s);
        if (!ledger_verdict(analysis_ledger(t->analysis), &s, t->now, &v))
                v = (struct verdict){0};
        if (ret_score)
                *ret_score = v.score;
        return v.level;
}

/* The newest claim of that kind, or NULL. */
static inline const struct evidence *talk_kind(const struct talk *t, const char *kind)
{
        const struct evidence *found = NULL;

        for (size_t i = 0; i < t->n; i++)
                if (strcmp(t->last[i].kind->name, kind) == 0)
                        found = &t->last[i];
        return found;
}

static inline const char *talk_text(const struct evidence *e, const char *key)
{
        const struct fact *f = evidence_find_fact(e, key);

        return f && f->type == FACT_TEXT ? f->text : "";
}

static inline int64_t talk_number(const struct evidence *e, const char *key)
{
        const struct fact *f = evidence_find_fact(e, key);

        return f ? f->number : -1;
}

#endif
