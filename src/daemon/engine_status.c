/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the engine is: the live line on the terminal, and the answer to `status` on the control socket. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "daemon/engine_internal.h"
#include "daemon/packets.h"

#define ACCEPTS_MAX 16                 /* per look */
#define CLIENT_TIME (2 * NSEC_PER_SEC) /* who connects and asks nothing makes room */

/* Resident memory of this process in KiB; 0: not known. */
static long memory_kib(const struct engine *e)
{
        char text[128];
        ssize_t n = e->statm_fd < 0 ? -1 : pread(e->statm_fd, text, sizeof(text) - 1, 0);
        long pages = 0;

        if (n <= 0)
                return 0;
        text[n] = '\0';
        return sscanf(text, "%*d %ld", &pages) == 1 ? pages * (sysconf(_SC_PAGESIZE) / 1024) : 0;
}

static uint64_t all_events(const struct engine *e)
{
        uint64_t n = 0;

        for (int i = 0; i < EVENT_TYPES; i++)
                n += e->counts.events[i];
        return n;
}

static uint64_t all_lost(const struct engine *e)
{
        return e->counts.gaps[GAP_RING_FULL] + e->counts.gaps[GAP_TABLE_FULL] + e->counts.gaps[GAP_CAPTURE_DROP] +
               e->counts.gaps[GAP_BAD_MESSAGE] + e->counts.gaps[GAP_NO_TASK] + e->counts.gaps[GAP_NO_PEER];
}

struct tally {
        unsigned suspect, bot;
};

static void tally_one(void *userdata, const struct verdict *v, const struct evidence *const *pieces _unused_,
                      size_t n _unused_)
{
        struct tally *t = userdata;

        if (v->subject.kind == SUBJECT_PROCESS) {
                t->suspect += v->level == LEVEL_SUSPECT;
                t->bot += v->level == LEVEL_BOT;
        }
}

static struct tally tally(struct engine *e)
{
        struct tally t = {0};

        ledger_each(analysis_ledger(e->analysis), LEVEL_SUSPECT, analysis_now(e->analysis), tally_one, &t);
        return t;
}

static void put_table(struct buf *out, const struct table_stats *s, const char *comma)
{
        buf_printf(out, "{\"name\":\"%s\",\"used\":%u,\"cap\":%u,\"evicted\":%" PRIu64 "}%s", s->name, s->used, s->cap,
                   s->evicted, comma);
}

static void put_gaps(struct buf *out, const struct engine *e)
{
        const char *comma = "";

        buf_puts(out, "[");
        for (int i = 0; i < GAP_REASONS; i++) {
                if (!e->counts.gaps[i])
                        continue;
                buf_printf(out, "%s{\"reason\":\"%s\",\"lost\":%" PRIu64 "}", comma, gap_reason_name((unsigned) i),
                           e->counts.gaps[i]);
                comma = ",";
        }
        buf_puts(out, "]");
}

/* What is watched: a host sensor, packets of a device, or both. */
static void put_sources(struct buf *out, const struct engine *e)
{
        const char *comma = "";

        buf_puts(out, "[");
        for (unsigned i = 0; i < SLOTS; i++) {
                const struct engine_slot *s = &e->slots[i];

                if (!s->state)
                        continue;
                buf_printf(out, "%s{\"name\":\"%s\"", comma, s->source->name);
                if (s->source == &source_packets) {
                        buf_puts(out, ",");
                        packets_describe(s->state, out);
                }
                buf_puts(out, "}");
                comma = ",";
        }
        buf_puts(out, "]");
}

void engine_status_json(struct engine *e, struct buf *out)
{
        const struct engine_counts *c = &e->counts;
        struct tally t = tally(e);
        struct profile_stats profiles;
        struct table_stats s;
        char since[CLOCK_TEXT_MAX], text[SLOTS * MSG_TEXT_MAX + ENGINE_NOTE_MAX] = "";
        struct buf note = BUF_FIXED(text);

        buf_printf(out, "{\"version\":\"%s\",\"pid\":%d,\"since\":\"%s\",\"backend\":\"%s\",\"restarts\":%u,\"note\":",
                   SEKIMORI_VERSION, (int) getpid(),
                   clock_format_iso(e->started + clock_engine_offset() + clock_skew(), since),
                   e->params->sources[SLOT_HOST] ? e->params->sources[SLOT_HOST]->name : "none", e->params->restarts);
        engine_source_put_note(e, &note);
        buf_put_json(out, text, note.len);
        buf_puts(out, ",\"sources\":");
        put_sources(out, e);
        buf_puts(out, ",\"rules\":");
        engine_rules_status(e, out);
        buf_puts(out, ",\"mail\":");
        engine_mail_status(e, out);
        buf_puts(out, ",\"events\":{");
        for (unsigned i = EVENT_PROCESS; i < EVENT_TYPES; i++)
                buf_printf(out, "%s\"%s\":%" PRIu64, i > EVENT_PROCESS ? "," : "", event_type_name(i), c->events[i]);
        buf_printf(out,
                   "},\"claims\":%" PRIu64 ",\"excepted\":%" PRIu64 ",\"changes\":%" PRIu64 ",\"gaps\":", c->claims,
                   c->excepted, c->changes);
        put_gaps(out, e);
        buf_printf(out,
                   ",\"lost\":{\"events\":%" PRIu64 ",\"store\":%" PRIu64 ",\"eve\":%" PRIu64 ",\"journal\":%" PRIu64
                   ",\"messages\":%" PRIu64 ",\"clock_backward\":%" PRIu64 "},\"tables\":[",
                   all_lost(e), engine_store_lost(e), c->eve_lost, c->journal_lost, c->bad_messages,
                   analysis_backward(e->analysis));
        lineage_get_stats(analysis_lineage(e->analysis), &s);
        put_table(out, &s, ",");
        ledger_get_stats(analysis_ledger(e->analysis), &s);
        put_table(out, &s, ",");
        profile_get_stats(analysis_profile(e->analysis), &profiles);
        put_table(out, &profiles.hosts, ",");
        put_table(out, &profiles.services, "");
        buf_printf(out, "],\"subjects\":{\"suspect\":%u,\"bot\":%u,\"talking\":%u},\"store\":{\"path\":", t.suspect,
                   t.bot, talkers_count(e->talkers));
        buf_put_json(out, e->daemon->memory_store ? "" : e->daemon->config->store.path,
                     e->daemon->memory_store ? 0 : strlen(e->daemon->config->store.path));
        buf_printf(out, "},\"memory_kib\":%ld}", memory_kib(e));
}

void engine_clear_live_line(struct engine *e)
{
        if (e->live_shown && e->tty) {
                fputs("\r\033[K", stdout);
                fflush(stdout); /* before what goes to standard error */
        }
        e->live_shown = false;
}

void engine_live_line(struct engine *e)
{
        char span[CLOCK_TEXT_MAX], text[256];
        struct buf line = BUF_FIXED(text);
        struct table_stats s;
        struct tally t = tally(e);
        uint64_t events = all_events(e), lost = all_lost(e);

        if (e->daemon->quiet)
                return;
        lineage_get_stats(analysis_lineage(e->analysis), &s);
        buf_printf(&line,
                   "watching for %s: %u tasks, %u talk outside, %" PRIu64 " flow events, %" PRIu64
                   " new; %u suspect, %u bot",
                   clock_format_span(clock_boottime() - e->params->began, span), s.used, talkers_count(e->talkers),
                   e->counts.events[EVENT_FLOW], events - e->last_events, t.suspect, t.bot);
        if (lost)
                buf_printf(&line, "; %" PRIu64 " lost (see sekimori status)", lost);
        else
                buf_puts(&line, "; nothing lost");
        engine_clear_live_line(e);
        /* A line that wraps could not be taken back. */
        if (e->tty && line.len > e->look.width - 1)
                text[e->look.width - 1] = '\0';
        fputs(text, stdout);
        if (!e->tty)
                fputc('\n', stdout);
        fflush(stdout);
        e->last_events = events;
        e->live_shown = true;
}

static void drop_client(struct engine_client *c)
{
        close(c->fd);
        c->fd = -1;
}

/* A place for one more; when all are taken, who waits longest goes. */
static struct engine_client *make_place(struct engine *e)
{
        struct engine_client *c = &e->clients[0];

        for (int i = 0; i < ENGINE_CLIENTS && c->fd >= 0; i++)
                if (e->clients[i].fd < 0 || e->clients[i].since < c->since)
                        c = &e->clients[i];
        if (c->fd >= 0)
                drop_client(c);
        return c;
}

void engine_accept(struct engine *e)
{
        for (int i = 0; i < ACCEPTS_MAX; i++) {
                int fd = accept4(e->params->control_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (fd < 0)
                        return;
                *make_place(e) = (struct engine_client){.fd = fd, .since = clock_boottime()};
        }
}

void engine_expire_clients(struct engine *e, nsec_t now)
{
        for (int i = 0; i < ENGINE_CLIENTS; i++)
                if (e->clients[i].fd >= 0 && now - e->clients[i].since > CLIENT_TIME)
                        drop_client(&e->clients[i]);
}

/* One request, one answer, and out. */
void engine_serve(struct engine *e, struct engine_client *c)
{
        char request[64];
        ssize_t n = recv(c->fd, request, sizeof(request), MSG_DONTWAIT);

        if (n < 0 && errno == EAGAIN)
                return;
        if (n == 7 && memcmp(request, "status\n", 7) == 0) {
                _cleanup_(buf_done)
                struct buf out = BUF_HEAP(65536);

                engine_status_json(e, &out);
                buf_putc(&out, '\n');
                if (!out.error)
                        (void) send(c->fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
        drop_client(c);
}
