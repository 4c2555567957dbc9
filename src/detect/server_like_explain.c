/* SPDX-License-Identifier: GPL-3.0-or-later */
/* server_like: an evidence told as a person would tell it, from its facts alone, since it may come from the store. */
#include "detect/server_like.h"

#include <inttypes.h>
#include <stdio.h>

/* "process 4711 (bot)", "thread 4713 of process 4711 (bot)" */
static void put_process(struct buf *out, const struct evidence *e, const char *key)
{
        const struct fact *f = evidence_find_fact(e, key);

        if (!f || f->type != FACT_PROCESS) {
                buf_puts(out, "a process that is no longer known");
                return;
        }
        if (f->process.task.tid != f->process.task.pid)
                buf_printf(out, "thread %u of ", f->process.task.tid);
        buf_printf(out, "process %u (", f->process.task.pid);
        buf_put_visible(out, f->process.name, strnlen(f->process.name, sizeof(f->process.name)));
        buf_putc(out, ')');
}

static void put_sentence_start(struct buf *out, const struct evidence *e, const char *key)
{
        size_t at = out->len;

        put_process(out, e, key);
        if (out->len > at && out->data[at] >= 'a' && out->data[at] <= 'z')
                out->data[at] = (char) (out->data[at] - 'a' + 'A');
}

static void put_endpoint(struct buf *out, const struct evidence *e, const char *key)
{
        const struct fact *f = evidence_find_fact(e, key);
        char spare[8];

        detector_put_endpoint(out, e, key);
        if (f && f->type == FACT_ENDPOINT && !f->endpoint.port)
                buf_printf(out, " by %s", proto_name(f->endpoint.proto, spare));
}

static void put_time(struct buf *out, const struct evidence *e, const char *key)
{
        char text[CLOCK_TEXT_MAX];

        buf_puts(out, clock_format_time(evidence_number(e, key), text));
}

static void tell_conversation(const struct evidence *e, struct buf *out)
{
        bool accepted = strcmp(evidence_text(e, "origin", ""), "accepted") == 0;

        put_sentence_start(out, e, "taker");
        buf_puts(out, " has held a conversation with ");
        put_endpoint(out, e, "order_giver");
        buf_puts(out, " since ");
        put_time(out, e, "since");
        buf_puts(out, accepted ? "; the peer began it, and nobody logged in through it.\n" : "; it began it itself.\n");
}

/* ", which started process 4721 (nc)" as far as it is not the same. */
static void put_started(const struct evidence *e, struct buf *out)
{
        bool between = evidence_find_fact(e, "started") != NULL;

        put_process(out, e, between ? "started" : "executor");
        if (!between)
                return;
        buf_puts(out, ", from which came ");
        put_process(out, e, "executor");
}

static void tell_order(const struct evidence *e, struct buf *out)
{
        const char *grade = evidence_text(e, "grade", "");
        char span[CLOCK_TEXT_MAX];

        if (!evidence_find_fact(e, "order_time")) {
                put_sentence_start(out, e, "taker");
                buf_puts(out, " had started ");
                put_started(e, out);
                buf_puts(out, ".\n");
                return;
        }
        buf_puts(out, "At ");
        put_time(out, e, "order_time");
        buf_printf(out, " the peer spoke first; %s later ", clock_format_span(evidence_number(e, "reaction"), span));
        if (strcmp(grade, "order") == 0) {
                put_process(out, e, "taker");
                buf_puts(out, " started ");
                put_started(e, out);
                buf_puts(out, ".\n");
        } else {
                put_process(out, e, "executor");
                buf_puts(out, strcmp(grade, "habit") == 0 ? " began to work, and not for the first time.\n" :
                                                            " was at work, which may be chance.\n");
        }
}

static void tell_work(const struct evidence *e, struct buf *out)
{
        int64_t peers = evidence_number(e, "peers"), bytes = evidence_number(e, "bytes_out");
        bool refused = evidence_find_fact(e, "refused") != NULL;

        put_sentence_start(out, e, "executor");
        buf_puts(out, refused ? " then tried to open traffic of its own to " : " then opened traffic of its own to ");
        if (peers > 1)
                buf_printf(out, "%" PRId64 " destinations, first ", peers);
        put_endpoint(out, e, "first_peer");
        if (refused)
                buf_puts(out, ", and the mail gate refused it");
        if (bytes > 0)
                buf_printf(out, ", and sent %" PRId64 " bytes", bytes);
        buf_puts(out, ".\n");
}

static void tell_scan(const struct evidence *e, struct buf *out)
{
        int64_t answered = evidence_number(e, "answered"), unanswered = evidence_number(e, "unanswered");

        buf_printf(out,
                   "Of %" PRId64 " destinations that it and its like tried within ten seconds, %" PRId64
                   " did not answer: a scan.\n",
                   answered + unanswered, unanswered);
}

static void tell_flood(const struct evidence *e, struct buf *out)
{
        char span[CLOCK_TEXT_MAX];

        buf_printf(out, "It sent %" PRId64 " packets within %s to ", evidence_number(e, "packets"),
                   clock_format_span(evidence_number(e, "packets_within"), span));
        put_endpoint(out, e, "first_peer");
        buf_puts(out, ", and nothing came back: a flood.\n");
}

static void tell_plain(const struct evidence *e, struct buf *out)
{
        put_sentence_start(out, e, "executor");
        buf_puts(out, " talks to the outside (");
        put_endpoint(out, e, "first_peer");
        buf_puts(out, "), and so does its ancestor ");
        put_process(out, e, "taker");
        buf_puts(out, ", with ");
        put_endpoint(out, e, "order_giver");
        buf_puts(out, " since ");
        put_time(out, e, "since");
        buf_puts(out, " (the plain rule).\n");
}

void server_like_explain(const struct evidence *e, struct buf *out)
{
        const char *kind = e->kind->name;

        if (strcmp(kind, server_like_kinds[SL_KIND_PLAIN].name) == 0) {
                tell_plain(e, out);
                return;
        }
        tell_conversation(e, out);
        tell_order(e, out);
        if (strcmp(kind, server_like_kinds[SL_KIND_FLOOD].name) == 0) {
                tell_flood(e, out);
                return;
        }
        tell_work(e, out);
        if (strcmp(kind, server_like_kinds[SL_KIND_SCAN].name) == 0)
                tell_scan(e, out);
        else if (evidence_text(e, "chain", "")[0])
                buf_printf(out, "Who started whom: %s.\n", evidence_text(e, "chain", ""));
}
