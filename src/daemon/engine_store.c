/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine and its store. A disk that is full costs what is found meanwhile and nothing else: it is told once,
 * counted, and tried again; what is known of suspects is stored when there is room. At a start, this boot's evidence
 * comes back, so that the next claim adds to what is stored instead of replacing it, and the time nobody watched
 * becomes a gap. */
#include <inttypes.h>
#include <string.h>

#include "daemon/engine_internal.h"
#include "detect/detector.h"

#define TELL_PAUSE  (60 * NSEC_PER_SEC) /* a disk at its brim must not fill the log */
#define RESUME_MOST (LEDGER_SUBJECTS / 2)

int engine_store_open(struct engine *e)
{
        struct store_params p = {
                .dir = e->daemon->memory_store ? NULL : e->daemon->config->store.path,
                .keep = e->config->store.keep,
                .max_bytes = e->config->store.max_bytes,
        };
        char why[1024];
        struct buf errors = BUF_FIXED(why);
        int r = store_open(&p, &e->keeper.store, &errors);

        if (r < 0)
                engine_log(e, LOG_LEVEL_ERROR, "%s", buf_str(&errors)[0] ? buf_str(&errors) : strerror(-r));
        return r;
}

static void on_failure(struct engine *e, int r)
{
        struct engine_keeper *k = &e->keeper;
        nsec_t now = clock_boottime();

        if (!k->failing)
                engine_mail_drop(e);
        k->failing = true;
        if (k->told || (k->told_at && now - k->told_at < TELL_PAUSE))
                return;
        k->told = true;
        k->told_at = now;
        engine_log(
                e, LOG_LEVEL_ERROR,
                "the store in %s cannot be written: %s; watching goes on and what it holds stays, new entries are lost "
                "and counted",
                e->daemon->memory_store ? "memory" : e->daemon->config->store.path, strerror(-r));
}

void engine_store_check(struct engine *e, int r)
{
        if (r < 0)
                on_failure(e, r);
        else
                e->keeper.dirty = true;
}

/* All times in it, those among its facts too. */
static void shift_times(struct evidence *e, nsec_t by)
{
        e->first += by;
        e->last += by;
        for (unsigned i = 0; i < MIN(e->n_facts, EVIDENCE_FACTS_MAX); i++)
                if (e->facts[i].type == FACT_TIME)
                        e->facts[i].number += by;
}

struct evidence engine_store_outward(const struct evidence *in)
{
        struct evidence out = *in;

        shift_times(&out, clock_skew());
        return out;
}

/* When the engine last watched, by the wall clock. Written with other rows, and with the status. */
static int put_alive(struct engine *e)
{
        char now[24];

        snprintf(now, sizeof(now), "%" PRId64, clock_realtime());
        return store_put_meta(e->keeper.store, STORE_META_ALIVE, now);
}

static void put_again(void *userdata, const struct verdict *v, const struct evidence *const *pieces, size_t n)
{
        struct engine *e = userdata;
        struct verdict outward = *v;

        outward.time += clock_skew();
        for (size_t i = 0; i < n; i++) {
                struct evidence piece = engine_store_outward(pieces[i]);

                piece.subject = v->subject;
                engine_store_check(e, store_put_evidence(e->keeper.store, &piece, false));
        }
        engine_store_check(e, store_put_verdict(e->keeper.store, &outward));
}

/* Is there room again? Then what is known of suspects makes up for what was lost of them. */
static void try_again(struct engine *e)
{
        struct engine_keeper *k = &e->keeper;
        uint64_t lost = store_get_lost(k->store);
        int r = put_alive(e);

        if (r == 0)
                r = store_commit(k->store);
        if (r < 0) {
                k->attempts += store_get_lost(k->store) - lost;
                return;
        }
        k->failing = false;
        ledger_each(analysis_ledger(e->analysis), LEVEL_SUSPECT, analysis_now(e->analysis), put_again, e);
        r = k->failing ? -1 : store_commit(k->store);
        if (r < 0 || k->failing) {
                k->failing = true;
                return;
        }
        if (k->told)
                engine_log(e, LOG_LEVEL_NOTICE, "the store can be written again; %" PRIu64 " entries were not stored",
                           engine_store_lost(e));
        k->told = false;
}

void engine_store_commit(struct engine *e)
{
        struct engine_keeper *k = &e->keeper;
        nsec_t now = clock_boottime();
        int r;

        if (!k->failing && now >= e->next_status) {
                _cleanup_(buf_done)
                struct buf status = BUF_HEAP(65536);

                e->next_status = now + 10 * NSEC_PER_SEC;
                engine_status_json(e, &status);
                engine_store_check(e, store_put_meta(k->store, "status", buf_str(&status)));
        }
        if (!k->failing)
                engine_profile_store(e, false);
        if (k->dirty && !k->failing)
                (void) put_alive(e);
        k->dirty = false;
        r = store_commit(k->store);
        if (r < 0)
                on_failure(e, r);
        else if (k->failing)
                try_again(e);
}

uint64_t engine_store_lost(const struct engine *e)
{
        return store_get_lost(e->keeper.store) - e->keeper.attempts;
}

struct resume {
        struct engine *engine;
        unsigned subjects;
};

static const struct evidence_kind *find_kind(const char *name)
{
        return evidence_kind_find(name, NULL);
}

static int take_piece(void *userdata, const struct evidence *stored, bool excepted)
{
        const struct resume *r = userdata;
        nsec_t now = clock_boottime() + clock_engine_offset();
        struct evidence piece = *stored;

        piece.kind = find_kind(stored->kind->name);
        if (!piece.kind) /* of a detector that is no more */
                return 0;
        shift_times(&piece, -clock_skew());
        /* The clock may have been set back since: nothing is from the future. */
        piece.last = MIN(piece.last, now);
        piece.first = MIN(piece.first, piece.last);
        ledger_restore(analysis_ledger(r->engine->analysis), &piece, excepted);
        return 0;
}

/* Processes of this boot can come again; of others, and of other machines, nothing can. */
static int take_subject(void *userdata, const struct verdict *v)
{
        struct resume *r = userdata;
        const struct store_reader reader = {.find_kind = find_kind, .evidence = take_piece, .userdata = r};
        const struct subject *s = &v->subject;
        char key[SUBJECT_TEXT_MAX];

        if (s->kind != SUBJECT_PROCESS || memcmp(s->boot_id, r->engine->boot_id, sizeof(s->boot_id)) != 0)
                return 0;
        (void) store_read_subject(r->engine->keeper.store, &reader, subject_key(s, key));
        return ++r->subjects >= RESUME_MOST;
}

static nsec_t last_alive(struct engine *e)
{
        char text[32];
        struct buf b = BUF_FIXED(text);
        long long t;
        char *end;

        if (store_get_meta(e->keeper.store, STORE_META_ALIVE, &b) < 0 || !buf_str(&b)[0])
                return 0;
        t = strtoll(buf_str(&b), &end, 10);
        return *end == '\0' && t > 0 ? t : 0;
}

static void tell_unwatched(struct engine *e, nsec_t from)
{
        char a[CLOCK_TEXT_MAX], b[CLOCK_TEXT_MAX], span[CLOCK_TEXT_MAX], text[160];
        nsec_t to = clock_realtime(), lost = MAX(to - from, 0) / NSEC_PER_SEC;

        if (to >= from)
                snprintf(text, sizeof(text), "seconds: nothing was watched from %s to %s (%s)", text_date(from, a),
                         text_date(to, b), clock_format_span(to - from, span));
        else
                snprintf(text, sizeof(text),
                         "seconds at least: nothing was watched before %s, and the clock was set back",
                         text_date(to, b));
        engine_gap(e, GAP_RESTART, (uint64_t) MAX(lost, 1), text);
}

void engine_store_resume(struct engine *e)
{
        struct resume r = {.engine = e};
        const struct store_reader reader = {.find_kind = find_kind, .subject = take_subject, .userdata = &r};
        nsec_t alive = last_alive(e);

        (void) store_read_subjects(e->keeper.store, &reader, LEVEL_UNKNOWN);
        engine_profile_resume(e);
        if (e->params->resumed)
                engine_gap(e, GAP_RESTART, 1,
                           "the engine was started again; what the kernel recorded meanwhile follows");
        else if (alive)
                tell_unwatched(e, alive);
        else if (e->params->restarts)
                engine_gap(e, GAP_RESTART, 1, "the engine was started again; what happened meanwhile was not seen");
        engine_store_check(e, put_alive(e));
}

void engine_store_close(struct engine *e)
{
        struct engine_keeper *k = &e->keeper;

        if (!k->store)
                return;
        if (e->analysis && !k->failing) {
                engine_profile_store(e, true);
                (void) put_alive(e);
        }
        if (store_commit(k->store) < 0)
                engine_log(e, LOG_LEVEL_ERROR, "the last entries could not be stored");
        store_close(k->store);
        k->store = NULL;
}
