/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From judge.def to kinds of evidence. Runs where records are stored and told. */
#include "mail/claims.h"

#include "base/cleanup.h"
#include "mail/smtp_probe.h"

#define CAP 1000 /* no weight of judge.def is larger */

/* What a relay did to us is an attack; one that also scanned or attacked us otherwise spreads. */
#define STAGE_OF(sign) ((sign) == JUDGE_SIGN_OURS_ATTACK ? STAGE_SPREAD : STAGE_ATTACK)

/* An address may be another's after as long as what is asked counts for a mail (judge.h). */
#define KIND(id, prefix, not_so, title, reason)                                                                        \
        {                                                                                                              \
                "relay." prefix, not_so title, reason, STAGE_OF(JUDGE_SIGN_##id), 0, CAP, JUDGE_FRESH, false           \
        }

static const struct evidence_kind kinds[2][JUDGE_SIGNS] = {
        {
#define SIGN(id, name, group, now, yes, no, title, reason)                                                             \
        [JUDGE_SIGN_##id] = KIND(id, "no_" name, "it is not so that ", title, reason),
#include "mail/judge.def"
#undef SIGN
        },
        {
#define SIGN(id, name, group, now, yes, no, title, reason) [JUDGE_SIGN_##id] = KIND(id, name, "", title, reason),
#include "mail/judge.def"
#undef SIGN
        },
};

static const struct evidence_kind judged = {.name = CLAIMS_JUDGED,
                                            .title = "mail came from there, and its signs were weighed",
                                            .reason = "the signs weigh; what they make together does not count again",
                                            .stage = STAGE_ATTACK};

bool claims_accuse(const struct record *r)
{
        return r->class == JUDGE_DIRECT_BOT || r->class == JUDGE_OPEN_PROXY;
}

static void put_text(struct evidence *e, const char *key, const char *text)
{
        if (*text)
                (void) evidence_fact_text(e, key, text);
}

static void put_judged(const struct record *r, struct evidence *e)
{
        e->kind = &judged;
        put_text(e, "class", judge_class_name(r->class));
        (void) evidence_fact_number(e, "score_hundredths", r->score);
        (void) evidence_fact_time(e, "asked", r->asked);
        if (r->came)
                (void) evidence_fact_time(e, "came", r->came);
        if (r->inquiry)
                (void) evidence_fact_number(e, "inquiry", r->inquiry);
        put_text(e, "helo", r->helo);
        put_text(e, "reverse_name", r->rdns);
        put_text(e, "system", r->os);
        if (r->smtp)
                put_text(e, "mail_server", smtp_probe_end_name(r->smtp - 1u));
        put_text(e, "banner", r->banner);
}

bool claims_get(const struct record *r, unsigned i, struct evidence *ret)
{
        struct evidence e = {.subject = {.kind = SUBJECT_RELAY, .addr = r->addr}, .count = 1};

        e.first = e.last = record_time(r);
        if (i == JUDGE_SIGNS)
                put_judged(r, &e);
        else {
                if (i > JUDGE_SIGNS || !((r->speak_for | r->against) & 1u << i) || r->signs[i] == ANSWER_UNKNOWN ||
                    r->signs[i] >= ANSWERS)
                        return false;
                e.kind = &kinds[r->signs[i] == ANSWER_YES][i];
                e.weight = judge_sign_weight(i, r->signs[i], r->class);
                put_text(&e, "answer", answer_name(r->signs[i]));
        }
        *ret = e;
        return true;
}

const struct evidence_kind *claims_kind_find(const char *name)
{
        if (strcmp(name, judged.name) == 0)
                return &judged;
        for (unsigned a = 0; a < 2; a++)
                for (unsigned s = 0; s < JUDGE_SIGNS; s++)
                        if (strcmp(name, kinds[a][s].name) == 0)
                                return &kinds[a][s];
        return NULL;
}

/* ", its reverse name ..." for a fact that is there. */
static void put_said(struct buf *out, const struct evidence *e, const char *key, const char *words)
{
        const struct fact *f = evidence_find_fact(e, key);

        if (f && f->type == FACT_TEXT)
                buf_printf(out, "%s \"%.*s\"", words, FACT_TEXT_MAX, f->text);
}

static const char *class_title(const struct evidence *e)
{
        const struct fact *f = evidence_find_fact(e, "class");

        for (unsigned c = 0; f && f->type == FACT_TEXT && c < JUDGE_CLASSES; c++)
                if (strncmp(f->text, judge_class_name(c), FACT_TEXT_MAX) == 0)
                        return judge_class_title(c);
        return "of a class that this version does not know";
}

static void explain_judged(const struct evidence *e, struct buf *out)
{
        const struct fact *score = evidence_find_fact(e, "score_hundredths"), *asked = evidence_find_fact(e, "asked");
        char text[SCORE_TEXT_MAX], need[SCORE_TEXT_MAX], date[CLOCK_TEXT_MAX];

        buf_printf(out, "It is %s", class_title(e));
        if (score && score->type == FACT_NUMBER && score->number == (int32_t) score->number)
                buf_printf(out, ": its signs add up to %s, and %s is needed",
                           score_format((int32_t) score->number, text), score_format(JUDGE_THRESHOLD, need));
        buf_puts(out, ".\nIt");
        put_said(out, e, "helo", " said that it is");
        put_said(out, e, "reverse_name", evidence_find_fact(e, "helo") ? ", its reverse name is" : "s reverse name is");
        if (!evidence_find_fact(e, "helo") && !evidence_find_fact(e, "reverse_name"))
                buf_puts(out, " gave no name and has none that is known");
        put_said(out, e, "system", ", its system");
        put_said(out, e, "mail_server", ", port 25 of it:");
        put_said(out, e, "banner", ", with the banner");
        buf_puts(out, ".\n");
        if (asked && asked->type == FACT_TIME)
                buf_printf(out, "Asked %s; addresses change hands, so that this fades within days.\n",
                           clock_format_iso(asked->number, date));
}

void claims_explain(const struct evidence *e, struct buf *out)
{
        const struct evidence_kind *kind = claims_kind_find(e->kind->name);

        if (!kind)
                return;
        if (kind == &judged)
                explain_judged(e, out);
        else
                buf_printf(out, "%s.\n", kind->reason);
}
