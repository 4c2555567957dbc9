/* SPDX-License-Identifier: GPL-3.0-or-later */
/* complaint: somebody outside says that a home host did harm. An operator often learns of a bot of his from nobody else
 * (the source "many sensors" did). But anybody can write a complaint, and name any address and any time in it: so it is
 * never enough for a suspect, whatever their number, and joins what was seen of the host at that time. Pure; runs where
 * mails are read, and in the engine. */
#include "detect/detector.h"

#include <errno.h>
#include <inttypes.h>

#define DAY (24 * 3600 * NSEC_PER_SEC)

/* What a stranger's word counts, of the kind's weight, and what one that a domain stands for. */
#define STRANGER_NUM 1
#define SIGNED_NUM   2
#define PARTS        3

#define GRADED                                                                                                         \
        " A complaint that came by trusted servers only counts in full, one that a domain signed two thirds, a "       \
        "stranger's one third. However many there are, they make no suspect by themselves: anybody can write one."

static const struct evidence_kind kinds[] = {
        {.name = "complaint.spam",
         .title = "somebody outside complains of mail from it",
         .reason = "Who runs a feedback loop sees what leaves a network; people also call newsletters spam." GRADED,
         .stage = STAGE_ATTACK,
         .weight = 450,
         .cap = 450,
         .half_life = 2 * DAY},
        {.name = "complaint.attack",
         .title = "somebody outside complains of attacks from it",
         .reason = "Who was attacked saw the address; addresses may be shared, or have changed hands." GRADED,
         .stage = STAGE_SPREAD,
         .weight = 450,
         .cap = 450,
         .half_life = 2 * DAY},
};

static int complaint_new(const struct detector_params *params _unused_, void **ret)
{
        *ret = malloc(1); /* it remembers nothing; NULL would mean that it is switched off */
        return *ret ? 0 : -ENOMEM;
}

static void complaint_free(void *state)
{
        free(state);
}

static void put_text(struct evidence *e, const char *key, const char *text)
{
        char visible[FACT_TEXT_MAX];
        struct buf b = BUF_FIXED(visible);

        if (!text || !*text)
                return;
        (void) buf_put_visible(&b, text, strnlen(text, FACT_TEXT_MAX));
        (void) evidence_fact_text(e, key, buf_str(&b));
}

static void complaint_event(void *state _unused_, const struct event *event, struct evidence_sink *out)
{
        const struct complaint_event *c = &event->complaint;
        struct evidence e = {.first = event->time, .last = event->time, .count = 1};

        if (event->type != EVENT_COMPLAINT || (c->about != COMPLAINT_OF_SPAM && c->about != COMPLAINT_OF_ATTACK))
                return;
        e.kind = &kinds[c->about == COMPLAINT_OF_ATTACK];
        e.weight = c->trust == COMPLAINT_TRUSTED ? e.kind->weight :
                   c->trust == COMPLAINT_SIGNED  ? e.kind->weight * SIGNED_NUM / PARTS :
                                                   e.kind->weight * STRANGER_NUM / PARTS;
        detector_host_subject(&c->local, &e.subject);
        (void) evidence_fact_endpoint(&e, "accused", &c->local, c->port, 0);
        put_text(&e, "complainant", c->text);
        put_text(&e, "said", c->what);
        put_text(&e, "trust", complaint_trust_name(c->trust));
        if (!addr_is_unspecified(&c->relay))
                (void) evidence_fact_endpoint(&e, "brought_by", &c->relay, 0, 0);
        if (c->incidents > 1)
                (void) evidence_fact_number(&e, "incidents", c->incidents);
        if (c->came > 0)
                (void) evidence_fact_time(&e, "came", c->came);
        out->emit(out->userdata, &e);
}

static void put_who(const struct evidence *e, struct buf *out)
{
        const struct fact *by = evidence_find_fact(e, "brought_by");
        const char *trust = evidence_text(e, "trust", NULL), *who = evidence_text(e, "complainant", NULL);
        char addr[ADDR_TEXT_MAX];

        if (who) {
                (void) buf_puts(out, "Somebody at ");
                (void) buf_put_visible(out, who, strlen(who));
        } else
                (void) buf_puts(out, "Somebody");
        if (by && by->type == FACT_ENDPOINT)
                (void) buf_printf(out, " (the mail came from %s)", addr_format(&by->endpoint.addr, addr));
        if (trust && strcmp(trust, "stranger") == 0)
                (void) buf_puts(out, ", for whom nothing vouches,");
        (void) buf_puts(out, " complained");
}

static void complaint_explain(const struct evidence *e, struct buf *out)
{
        const struct fact *accused = evidence_find_fact(e, "accused"), *n = evidence_find_fact(e, "incidents");
        const struct fact *came = evidence_find_fact(e, "came");
        bool attack = e->kind && strstr(e->kind->name, "attack");
        const char *said = evidence_text(e, "said", NULL);
        char addr[ADDR_TEXT_MAX], at[CLOCK_TEXT_MAX];

        put_who(e, out);
        (void) buf_printf(out, " that %s came from %s at %s", attack ? "attacks" : "spam",
                          accused && accused->type == FACT_ENDPOINT ? addr_format(&accused->endpoint.addr, addr) :
                                                                      "this host",
                          clock_format_iso(e->last, at));
        if (said) {
                (void) buf_puts(out, " (\"");
                (void) buf_put_visible(out, said, strlen(said));
                (void) buf_puts(out, "\")");
        }
        if (n && n->type == FACT_NUMBER)
                (void) buf_printf(out, ", %" PRId64 " times", n->number);
        (void) buf_puts(out, ".\n");
        if (came && came->type == FACT_TIME)
                (void) buf_printf(out, "The complaint came at %s.\n", clock_format_iso(came->number, at));
        if (e->count > 1)
                (void) buf_printf(out, "It was not the only one: there are %" PRIu32 ".\n", e->count);
        (void) buf_puts(out, "Anybody can write a complaint: it counts beside what was seen here, not alone.\n");
}

const struct detector detector_complaint = {
        .name = "complaint",
        .help = "somebody outside complains of a home host, by mail",
        .source = "Watanabe (RIKEN): it learnt of its own bot from a complaint; RFC 5965 (ARF), XARF, SpamCop",
        .limits = "Address and time are the complainant's word. Behind an address translator the complaint names the "
                  "translator; only where the mail went through a server of ours does it lead on to the host.",
        .events = 1u << EVENT_COMPLAINT,
        .kinds = kinds,
        .n_kinds = ELEMENTSOF(kinds),
        .new = complaint_new,
        .free = complaint_free,
        .event = complaint_event,
        .explain = complaint_explain,
};
