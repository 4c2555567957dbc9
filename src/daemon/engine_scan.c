/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The answer of `scan`: who talks outside, whose child is it, and the verdicts. Runs in the engine at its end. */
#include <inttypes.h>
#include <string.h>

#include "daemon/engine_internal.h"
#include "view/json.h"

struct scan_report {
        struct engine *engine;
        struct text_table *table;
        struct buf out;
};

static enum level level_of(struct engine *e, const struct talker *k, int32_t *ret_score)
{
        struct subject s = {.kind = SUBJECT_PROCESS, .pid = k->pid, .start = k->leader_start};
        struct verdict v;

        memcpy(s.boot_id, e->boot_id, 16);
        *ret_score = 0;
        if (!ledger_verdict(analysis_ledger(e->analysis), &s, analysis_now(e->analysis), &v))
                return LEVEL_UNKNOWN;
        *ret_score = v.score;
        return v.level;
}

static void talker_row(void *userdata, const struct talker *k, const char *chain)
{
        struct scan_report *r = userdata;
        char pid[16], flows[64], peer[ADDR_TEXT_MAX + 20], a[ADDR_TEXT_MAX], spare[8], score[SCORE_TEXT_MAX],
                verdict[40];
        int32_t points;
        enum level level = level_of(r->engine, k, &points);
        const char *cells[] = {verdict, pid, chain, flows, peer};

        snprintf(pid, sizeof(pid), "%u", k->pid);
        snprintf(flows, sizeof(flows), "%u (%u own, %u accepted, %u inherited)", k->flows, k->originated, k->accepted,
                 k->inherited);
        snprintf(peer, sizeof(peer), "%s port %u/%s", addr_format(&k->peer, a), k->peer_port,
                 proto_name(k->proto, spare));
        snprintf(verdict, sizeof(verdict), points ? "%s %s" : "%s", level_name(level), score_format(points, score));
        (void) text_table_add(r->table, text_level_style(level), cells);
}

static void talker_json(void *userdata, const struct talker *k, const char *chain)
{
        struct scan_report *r = userdata;
        char a[ADDR_TEXT_MAX], spare[8], score[SCORE_TEXT_MAX];
        int32_t points;
        enum level level = level_of(r->engine, k, &points);

        buf_printf(&r->out, "{\"event_type\":\"talker\",\"pid\":%u,\"start\":%" PRIu64 ",\"chain\":", k->pid,
                   k->leader_start);
        buf_put_json(&r->out, chain, strlen(chain));
        buf_printf(&r->out,
                   ",\"flows\":%u,\"originated\":%u,\"accepted\":%u,\"inherited\":%u,\"bytes_out\":%" PRIu64
                   ",\"bytes_in\":%" PRIu64
                   ",\"dest_ip\":\"%s\",\"dest_port\":%u,\"proto\":\"%s\",\"level\":\"%s\",\"score\":%s}\n",
                   k->flows, k->originated, k->accepted, k->inherited, k->bytes_out, k->bytes_in,
                   addr_format(&k->peer, a), k->peer_port, proto_name(k->proto, spare), level_name(level),
                   score_format(points, score));
}

static void verdict_json(void *userdata, const struct verdict *v, const struct evidence *const *pieces, size_t n)
{
        struct scan_report *r = userdata;

        json_verdict(&r->out, v,
                     v->level == LEVEL_BOT ? r->engine->config->verdict.bot : r->engine->config->verdict.suspect,
                     pieces, n, clock_skew());
        buf_putc(&r->out, '\n');
}

static uint64_t lost(const struct engine *e)
{
        uint64_t n = 0;

        for (int i = 0; i < GAP_REASONS; i++)
                n += i == GAP_CLOCK || i == GAP_NO_RIGHT ? 0 : e->counts.gaps[i];
        return n;
}

static void scan_json(struct scan_report *r)
{
        struct engine *e = r->engine;

        talkers_each(e->talkers, analysis_lineage(e->analysis), talker_json, r);
        ledger_each(analysis_ledger(e->analysis), LEVEL_SUSPECT, analysis_now(e->analysis), verdict_json, r);
        buf_printf(&r->out,
                   "{\"event_type\":\"summary\",\"seconds\":%.1f,\"processes\":%" PRIu64 ",\"flows\":%" PRIu64
                   ",\"sockets\":%" PRIu64 ",\"talkers\":%u,\"claims\":%" PRIu64 ",\"gaps\":%" PRIu64
                   ",\"lost\":%" PRIu64 "}\n",
                   (double) (clock_boottime() - e->params->began) / NSEC_PER_SEC, e->counts.events[EVENT_PROCESS],
                   e->counts.events[EVENT_FLOW], e->counts.events[EVENT_SOCKET], talkers_count(e->talkers),
                   e->counts.claims, e->counts.events[EVENT_GAP], lost(e));
}

static void scan_text(struct scan_report *r)
{
        static const char *const heads[] = {"verdict", "pid", "who (and who started it)", "outside flows", "last peer"};
        struct engine *e = r->engine;
        char span[CLOCK_TEXT_MAX];

        if (text_table_new(heads, ELEMENTSOF(heads), &r->table) < 0)
                return;
        talkers_each(e->talkers, analysis_lineage(e->analysis), talker_row, r);
        buf_printf(&r->out, "Watched for %s with %s: %u processes talked to the outside.\n\n",
                   clock_format_span(clock_boottime() - e->params->began, span),
                   e->params->sources[SLOT_HOST] ? e->params->sources[SLOT_HOST]->name : "nothing",
                   talkers_count(e->talkers));
        text_table_put(r->table, &r->out, &e->look);
        text_table_free(r->table);
        if (e->worst >= LEVEL_SUSPECT)
                buf_puts(&r->out, "\nThe findings stand above the table. Run `sekimori run` to keep watching and "
                                  "`sekimori why` for "
                                  "the whole story.\n");
        else
                buf_puts(&r->out, "\nNo process behaved like a bot in this time.\n");
        for (int i = 0; i < GAP_REASONS; i++)
                if (e->counts.gaps[i])
                        buf_printf(&r->out, "Not seen: %s (%" PRIu64 ").\n", gap_reason_title((unsigned) i),
                                   e->counts.gaps[i]);
}

void engine_scan_report(struct engine *e)
{
        struct scan_report r = {.engine = e, .out = BUF_HEAP(16u << 20)};

        engine_clear_live_line(e);
        if (e->daemon->json)
                scan_json(&r);
        else
                scan_text(&r);
        fputs(buf_str(&r.out), stdout);
        fflush(stdout);
        buf_done(&r.out);
}
