/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of relays in words. Names come from outside: text.h makes them visible. Runs in the command line. */
#include "view/relay_text.h"

#include <inttypes.h>

#include "mail/smtp_probe.h"
#include "view/json.h"

static void put_found(struct buf *line, const struct record *r)
{
        if (r->helo[0])
                buf_printf(line, ", said that it is %s", r->helo);
        if (r->rdns[0])
                buf_printf(line, ", reverse name %s", r->rdns);
        if (r->os[0])
                buf_printf(line, ", system %s", r->os);
        if (r->smtp)
                buf_printf(line, ", port 25: %s", smtp_probe_end_name(r->smtp - 1u));
        if (r->banner[0])
                buf_printf(line, " (%s)", r->banner);
}

void relay_text_line(struct buf *out, const struct text_look *look, const char *first, const struct record *r)
{
        _cleanup_(buf_done)
        struct buf line = BUF_HEAP(8192);
        char address[ADDR_TEXT_MAX], date[CLOCK_TEXT_MAX];

        buf_printf(&line, "%s, inquiry %" PRIu32 " %s: %s", addr_format(&r->addr, address), r->inquiry,
                   text_date(r->asked, date), judge_class_title(r->class));
        if (r->class == JUDGE_UNKNOWN)
                buf_printf(&line, " (%s)", judge_why_title(r->why));
        put_found(&line, r);
        if (r->moved)
                buf_puts(&line, "; the address has another owner by now");
        text_wrap(out, look, first, buf_str(&line));
}

static void put_signs(struct buf *out, const struct text_look *look, const char *first, const struct record *r,
                      uint32_t which)
{
        char weight[SCORE_TEXT_MAX];

        for (unsigned i = 0; i < JUDGE_SIGNS; i++) {
                _cleanup_(buf_done)
                struct buf line = BUF_HEAP(1024);

                if (!(which & 1u << i))
                        continue;
                buf_printf(&line, "%s%s (%s)", r->signs[i] == ANSWER_NO ? "not: " : "", judge_sign_title(i),
                           score_format(judge_sign_weight(i, r->signs[i], r->nearest), weight));
                text_wrap(out, look, first, buf_str(&line));
        }
}

void relay_text_put(struct buf *out, const struct text_look *look, const struct store_relay *relay, bool signs)
{
        const struct record *r = &relay->last;
        char score[SCORE_TEXT_MAX], need[SCORE_TEXT_MAX], date[CLOCK_TEXT_MAX];

        text_heading(out, look, "What the inquiries found");
        relay_text_line(out, look, "  ", &relay->first);
        if (memcmp(&relay->first, r, sizeof(*r)) != 0)
                relay_text_line(out, look, "  ", r);
        for (unsigned i = 0; i < RECORD_CHANGES; i++)
                if (record_changes(&relay->first, r) & 1u << i)
                        buf_printf(out, "    since then %s\n", record_change_title(i));
        if (relay->last_probe)
                buf_printf(out, "  Last probed %s.\n", text_date(relay->last_probe, date));
        if (!signs || r->nearest == JUDGE_UNKNOWN)
                return;
        buf_printf(out, "  %s: %s, of %s that are needed\n",
                   r->class == JUDGE_UNKNOWN ? "What it would be nearest to" : "Judged as",
                   score_format(r->score, score), score_format(JUDGE_THRESHOLD, need));
        text_wrap(out, look, "    ", judge_class_title(r->nearest));
        put_signs(out, look, "    + ", r, r->speak_for);
        put_signs(out, look, "    - ", r, r->against);
}

static void put_text(struct buf *out, const char *name, const char *text)
{
        if (!*text)
                return;
        buf_printf(out, ",\"%s\":", name);
        buf_put_json(out, text, strlen(text));
}

void relay_text_json(struct buf *out, const char *name, const struct record *r)
{
        char address[ADDR_TEXT_MAX];
        const char *comma = "";

        buf_puts(out, "{\"timestamp\":");
        json_time(out, r->asked);
        buf_printf(out, ",\"event_type\":\"%s\",\"relay\":\"%s\",\"inquiry\":%" PRIu32 ",\"moved\":%s", name,
                   addr_format(&r->addr, address), r->inquiry, r->moved ? "true" : "false");
        if (r->came) {
                buf_puts(out, ",\"came\":");
                json_time(out, r->came);
        }
        buf_printf(out,
                   ",\"class\":\"%s\",\"nearest\":\"%s\",\"why\":\"%s\",\"score\":%.1f,\"system\":{\"family\":\"%s\","
                   "\"role\":\"%s\",\"confidence\":%u},\"signs\":{",
                   judge_class_name(r->class), judge_class_name(r->nearest), judge_why_name(r->why), r->score / 100.0,
                   os_family_name(r->os_family), os_role_name(r->os_role), r->os_confidence);
        for (unsigned i = 0; i < JUDGE_SIGNS; i++)
                if (r->signs[i] == ANSWER_YES || r->signs[i] == ANSWER_NO) {
                        buf_printf(out, "%s\"%s\":\"%s\"", comma, judge_sign_name(i), answer_name(r->signs[i]));
                        comma = ",";
                }
        buf_putc(out, '}');
        put_text(out, "helo", r->helo);
        put_text(out, "rdns", r->rdns);
        put_text(out, "os", r->os);
        if (r->smtp)
                put_text(out, "port_25", smtp_probe_end_name(r->smtp - 1u));
        put_text(out, "banner", r->banner);
        buf_putc(out, '}');
}
