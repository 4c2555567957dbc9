/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What kind of machine a relay is, for people and programs: the class, what speaks for it and against it, and what is
 * not known, with the reason. Runs in the command line. */
#include <inttypes.h>

#include "mail/smtp_probe.h"
#include "model/evidence.h"
#include "view/json.h"
#include "view/mail_text.h"

static nsec_t gap_of(const struct record *r)
{
        /* As the inquiry has it: without a mail it is about now; clocks differ by minutes. */
        if (!record_has_mail(r))
                return 0;
        return r->came ? MAX(r->asked - r->came, 0) : -1;
}

/* The verdict again, for what the record does not keep. */
static void judge_again(const struct record *r, struct judge_verdict *ret)
{
        struct judge_input in = {.gap = gap_of(r)};

        for (unsigned s = 0; s < JUDGE_SIGNS; s++)
                in.signs[s] = r->signs[s];
        judge_relay(&in, ret);
}

static bool has_relay(const struct mail_text *m)
{
        return m->record && !addr_is_unspecified(&m->record->addr);
}

/* --- text --- */

static void put_class(struct buf *out, const struct text_look *look, const struct record *r)
{
        char line[256], score[SCORE_TEXT_MAX], enough[SCORE_TEXT_MAX];
        struct buf b = BUF_FIXED(line);

        (void) score_format(r->score, score);
        (void) score_format(JUDGE_THRESHOLD, enough);
        if (r->class != JUDGE_UNKNOWN)
                (void) buf_printf(&b, "  It is %s: %s, where %s is enough.", judge_class_title(r->class), score,
                                  enough);
        else
                (void) buf_printf(&b, "  What it is, is not known: %s.", judge_why_title(r->why));
        text_put(out, look, r->class != JUDGE_UNKNOWN ? TEXT_RED : TEXT_BOLD, buf_str(&b));
        (void) buf_putc(out, '\n');
        if (r->class != JUDGE_UNKNOWN || r->nearest == JUDGE_UNKNOWN)
                return;
        buf_reset(&b);
        (void) buf_printf(&b, "Nearest is %s: %s, where %s would be enough.", judge_class_title(r->nearest), score,
                          enough);
        text_wrap(out, look, "  ", buf_str(&b));
}

/* Which lists, which system, which banner: what makes a sign one can check. */
static void put_detail(struct buf *b, const struct mail_text *m, unsigned sign)
{
        const struct record *r = m->record;
        bool some = false;

        switch (sign) {
        case JUDGE_SIGN_LIST_EXPLOITED:
        case JUDGE_SIGN_LIST_PROXY:
        case JUDGE_SIGN_LIST_POLICY:
        case JUDGE_SIGN_LIST_SPAM:
        case JUDGE_SIGN_LIST_ACCOUNT:
                for (unsigned i = 0; i < m->n_lists && i < RECORD_LISTS; i++)
                        if (r->listed & 1u << i) {
                                (void) buf_printf(b, "%s%s", some ? ", " : " (", m->lists[i]);
                                some = true;
                        }
                (void) buf_puts(b, some ? ")" : "");
                break;
        case JUDGE_SIGN_OS_CLIENT:
        case JUDGE_SIGN_OS_SERVER:
        case JUDGE_SIGN_MAILER_FITS:
                (void) buf_printf(b, " (%s)", r->os);
                break;
        case JUDGE_SIGN_SMTP_SERVER:
                if (r->banner[0])
                        (void) buf_printf(b, " (\"%s\")", r->banner);
                break;
        case JUDGE_SIGN_DYNAMIC:
        case JUDGE_SIGN_SERVER_NAME:
        case JUDGE_SIGN_CONFIRMED:
                if (r->rdns[0])
                        (void) buf_printf(b, " (%s)", r->rdns);
                break;
        case JUDGE_SIGN_HELO_POOR:
        case JUDGE_SIGN_HELO_FITS:
                (void) buf_printf(b, " (\"%s\")", r->helo);
                break;
        default:
                break;
        }
}

static void put_signs(struct buf *out, const struct text_look *look, const struct mail_text *m, uint32_t which,
                      const char *mark)
{
        for (unsigned s = 0; s < JUDGE_SIGNS; s++) {
                char line[1024], score[SCORE_TEXT_MAX];
                struct buf b = BUF_FIXED(line);

                if (!(which & 1u << s))
                        continue;
                (void) buf_printf(&b, "%s%s", m->record->signs[s] == ANSWER_NO ? "not so: " : "", judge_sign_title(s));
                put_detail(&b, m, s);
                (void) buf_printf(&b, ", %s",
                                  score_format(judge_sign_weight(s, m->record->signs[s], m->record->nearest), score));
                text_wrap(out, look, mark, buf_str(&b));
        }
}

static bool is_known(const struct record *r, unsigned first, unsigned last)
{
        for (unsigned s = first; s <= last; s++)
                if (r->signs[s] != ANSWER_UNKNOWN)
                        return true;
        return false;
}

static void put_unknown(struct buf *out, const struct text_look *look, const struct mail_text *m)
{
        const struct record *r = m->record;
        char line[1024], age[CLOCK_TEXT_MAX];
        struct buf b = BUF_FIXED(line);
        struct judge_verdict v;
        size_t said;

        (void) buf_puts(&b, "not known: ");
        said = b.len;
        if (!is_known(r, JUDGE_SIGN_SPAM, JUDGE_SIGN_SPAM))
                (void) buf_puts(&b, "whether it is spam, which nobody said");
        if (!is_known(r, JUDGE_SIGN_DYNAMIC, JUDGE_SIGN_SERVER_NAME))
                (void) buf_printf(&b, "%sits names, %s", b.len > said ? "; " : "",
                                  m->asked ? "since DNS did not say" : "since DNS was not asked");
        if (!is_known(r, JUDGE_SIGN_LIST_EXPLOITED, JUDGE_SIGN_LIST_ACCOUNT))
                (void) buf_printf(&b, "%slists, since %s", b.len > said ? "; " : "",
                                  m->n_lists ? "not all of them answered" :
                                  m->asked   ? "none is configured" :
                                               "DNS was not asked");
        if (!is_known(r, JUDGE_SIGN_OS_CLIENT, JUDGE_SIGN_OS_SERVER))
                (void) buf_printf(&b, "%sits system%s", b.len > said ? "; " : "",
                                  r->os_family || *r->os ? "" : ", of which no packet was seen");
        if (!is_known(r, JUDGE_SIGN_SMTP_SERVER, JUDGE_SIGN_SMTP_REFUSED))
                (void) buf_printf(&b, "%swhether it has a mail server: %s", b.len > said ? "; " : "",
                                  r->smtp ? smtp_probe_end_name(r->smtp - 1u) : "it was not probed");
        if (b.len > said)
                text_wrap(out, look, "  ? ", buf_str(&b));
        judge_again(r, &v);
        if (!v.too_old)
                return;
        buf_reset(&b);
        if (r->came)
                (void) buf_printf(
                        &b,
                        "what is found now does not count, since the mail came %s before; another may have the address",
                        clock_format_span(gap_of(r), age));
        else
                (void) buf_puts(&b, "what is found now does not count, since it is not known when the mail came");
        text_wrap(out, look, "  ? ", buf_str(&b));
}

void mail_verdict_put(struct buf *out, const struct text_look *look, const struct mail_text *m)
{
        if (!has_relay(m))
                return;
        put_class(out, look, m->record);
        put_signs(out, look, m, m->record->speak_for, "  + ");
        put_signs(out, look, m, m->record->against, "  - ");
        put_unknown(out, look, m);
}

/* --- JSON --- */

static void put_string(struct buf *out, const char *name, const char *text)
{
        (void) buf_printf(out, ",\"%s\":", name);
        (void) buf_put_json(out, text, strlen(text));
}

static void put_judge(struct buf *out, const struct record *r)
{
        bool some = false;

        (void) buf_puts(out, ",\"judge\":[");
        for (unsigned s = 0; s < JUDGE_SIGNS; s++) {
                if (r->signs[s] == ANSWER_UNKNOWN)
                        continue;
                (void) buf_printf(out, "%s{\"sign\":\"%s\",\"answer\":\"%s\",\"weight\":", some ? "," : "",
                                  judge_sign_name(s), answer_name(r->signs[s]));
                /* What did not count weighs nothing. */
                json_score(out,
                           (r->speak_for | r->against) & 1u << s ? judge_sign_weight(s, r->signs[s], r->nearest) : 0);
                (void) buf_putc(out, '}');
                some = true;
        }
        (void) buf_putc(out, ']');
}

static void put_os(struct buf *out, const struct record *r)
{
        if (!r->os_family && !*r->os) {
                (void) buf_puts(out, ",\"os\":null");
                return;
        }
        (void) buf_printf(out, ",\"os\":{\"family\":\"%s\",\"role\":\"%s\"", os_family_name(r->os_family),
                          os_role_name(r->os_role));
        put_string(out, "name", r->os);
        (void) buf_printf(out, ",\"confidence\":%u,\"distance\":%u}", r->os_confidence, r->distance);
}

static void put_lists(struct buf *out, const struct mail_text *m)
{
        (void) buf_puts(out, ",\"lists\":[");
        for (unsigned i = 0; i < m->n_lists && i < RECORD_LISTS; i++) {
                const char *listed = m->record->listed & 1u << i     ? "yes" :
                                     m->record->not_listed & 1u << i ? "no" :
                                                                       "unknown";

                (void) buf_puts(out, i ? ",{\"list\":" : "{\"list\":");
                (void) buf_put_json(out, m->lists[i], strlen(m->lists[i]));
                (void) buf_printf(out, ",\"listed\":\"%s\"}", listed);
        }
        (void) buf_putc(out, ']');
}

void mail_verdict_json(struct buf *out, const struct mail_text *m)
{
        const struct record *r = m->record;

        (void) buf_printf(out, ",\"class\":\"%s\"", judge_class_name(r ? r->class : JUDGE_UNKNOWN));
        if (!has_relay(m))
                return;
        (void) buf_puts(out, ",\"score\":");
        json_score(out, r->score);
        put_string(out, "nearest", judge_class_name(r->nearest));
        put_string(out, "why", judge_why_name(r->why));
        (void) buf_puts(out, ",\"asked\":");
        json_time(out, r->asked);
        put_judge(out, r);
        put_os(out, r);
        put_lists(out, m);
        put_string(out, "rdns", r->rdns);
        put_string(out, "helo", r->helo);
        if (r->smtp) {
                (void) buf_printf(out, ",\"smtp\":{\"end\":\"%s\"", smtp_probe_end_name(r->smtp - 1u));
                put_string(out, "banner", r->banner);
                (void) buf_printf(out, "},\"ping\":\"%s\"", answer_name(r->ping));
        }
}
