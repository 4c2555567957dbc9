/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is asked about one relay: its names and lists by DNS, lists in files, and a probe if there is a permit. Runs
 * where mail/inquiry.h says. */
#include "mail/address.h"
#include "mail/inquiry_internal.h"

/* --- names and lists --- */

static void on_names(void *userdata, const struct addr *a, const struct resolve_names *names)
{
        struct inquiry_relay *r = userdata;

        (void) a;
        r->questions--;
        r->learnt.has_name = names->has_name;
        r->learnt.confirmed = names->confirmed;
        if (names->has_name == ANSWER_UNKNOWN || names->confirmed == ANSWER_UNKNOWN)
                r->learnt.whole = false;
        if (names->n)
                (void) snprintf(r->learnt.rdns, sizeof(r->learnt.rdns), "%s", names->names[0]);
}

static void take_listing(struct inquiry_learnt *l, unsigned list, enum answer listed, uint32_t meanings)
{
        if (listed == ANSWER_YES) {
                l->listed |= 1u << list;
                l->meanings |= meanings;
        } else if (listed == ANSWER_NO)
                l->not_listed |= 1u << list;
        else
                l->whole = false;
}

static void on_listing(void *userdata, const struct addr *a, const struct resolve_listing *listing)
{
        struct inquiry_relay *r = userdata;

        (void) a;
        r->questions--;
        take_listing(&r->learnt, listing->list, listing->listed, listing->meanings);
}

/* What a list of the Internet says of such an address means nothing, and who is asked need not know of it. */
static bool is_inner(const struct addr *a)
{
        switch (address_kind_of(a)) {
        case ADDRESS_LOOPBACK:
        case ADDRESS_PRIVATE:
        case ADDRESS_LINK_LOCAL:
        case ADDRESS_SHARED:
                return true;
        default:
                return false;
        }
}

void inquiry_ask(struct inquiry_relay *r, nsec_t now)
{
        const struct inquiry_params *p = &r->q->p;
        bool inner = is_inner(&r->addr);
        nsec_t mono = inquiry_clock(r->q, now);

        r->learnt.whole = true;
        for (unsigned i = 0; i < p->n_files; i++)
                take_listing(&r->learnt, p->n_lists + i, answer_of(netlist_has(p->files[i].nets, &r->addr)),
                             p->files[i].meanings);
        if (!p->resolve || r->q->stopped) {
                r->learnt.whole = !p->resolve;
                return;
        }
        if (resolve_ask_names(p->resolve, mono, &r->addr, on_names, r) == 0)
                r->questions++;
        else
                r->learnt.whole = false;
        for (unsigned i = 0; i < p->n_lists && !inner; i++)
                if (resolve_ask_list(p->resolve, mono, i, &r->addr, on_listing, r) == 0)
                        r->questions++;
                else
                        r->learnt.whole = false;
}

/* --- the probe --- */

static struct permit_request request_for(const struct inquiry *q, const struct addr *a, bool old)
{
        struct permit_request request = {.addr = *a, .last_external = true, .old = old};

        if (q->p.known)
                q->p.known(q->p.userdata, a, &request.consent, &request.last_probe);
        return request;
}

static void on_probe(void *userdata, const struct smtp_probe_result *result)
{
        struct inquiry_relay *r = userdata;

        r->turn = INQUIRY_PROBED;
        r->learnt.smtp = (uint8_t) (result->end + 1);
        r->learnt.server = result->server;
        r->learnt.ping = result->ping;
        r->learnt.has_syn = result->has_syn;
        r->learnt.syn = result->syn;
        memcpy(r->learnt.banner, result->dialog.banner, sizeof(r->learnt.banner));
        r->learnt.banner[sizeof(r->learnt.banner) - 1] = 0;
}

static void refuse(struct inquiry_relay *r, enum permit_reason reason)
{
        r->turn = INQUIRY_NO_PROBE;
        r->learnt.left_out = reason == PERMIT_OLD;
        if (!r->refused)
                r->q->stats.not_probed[reason]++;
        r->refused = true;
}

static bool may_wait(enum permit_reason reason)
{
        return permit_is_later(reason) && reason != PERMIT_TODAY;
}

void inquiry_want_probe(struct inquiry_relay *r, nsec_t now, bool old)
{
        struct inquiry *q = r->q;
        struct permit_request request;
        enum permit_reason reason;

        if (!q->p.permit || !q->p.probe || q->stopped || r->turn != INQUIRY_NO_PROBE)
                return;
        request = request_for(q, &r->addr, old);
        reason = permit_look(q->p.permit, now, &request);
        if (reason != PERMIT_GRANTED && !may_wait(reason)) {
                refuse(r, reason);
                return;
        }
        r->turn = INQUIRY_WAITS;
        r->turn_until = inquiry_clock(q, now) + INQUIRY_TURN_WAIT;
        inquiry_take_turn(r, now);
}

void inquiry_take_turn(struct inquiry_relay *r, nsec_t now)
{
        struct inquiry *q = r->q;
        struct permit_request request = request_for(q, &r->addr, false);
        nsec_t mono = inquiry_clock(q, now);
        struct permit_grant grant;
        enum permit_reason reason;

        static_assert(sizeof(((struct smtp_dialog *) NULL)->banner) == sizeof(r->learnt.banner), "copied whole");
        reason = permit_take(q->p.permit, now, &request, &grant);
        if (reason != PERMIT_GRANTED) {
                if (!may_wait(reason) || mono >= r->turn_until)
                        refuse(r, reason);
                return;
        }
        if (q->p.probing && q->p.probing(q->p.userdata, &r->addr, now) < 0) {
                permit_done(q->p.permit, &grant);
                r->learnt.smtp = SMTP_PROBE_FAILED + 1;
                r->turn = INQUIRY_PROBED;
                return;
        }
        if (smtp_probe_begin(q->p.probe, mono, &grant, on_probe, r) < 0) {
                r->learnt.smtp = SMTP_PROBE_FAILED + 1;
                r->turn = INQUIRY_PROBED;
                return;
        }
        r->turn = INQUIRY_PROBES;
        q->stats.probed++;
}

/* --- the plan --- */

void inquiry_plan(const struct inquiry *q, nsec_t now, const struct addr *a, nsec_t came, struct buf *out)
{
        char text[ADDR_TEXT_MAX];
        struct permit_request request = request_for(q, a, inquiry_is_old(inquiry_gap(came, now)));
        enum permit_reason reason = q->p.permit ? permit_look(q->p.permit, now, &request) : PERMIT_OFF;

        (void) buf_puts(out, addr_format(a, text));
        if (reason != PERMIT_GRANTED && !may_wait(reason)) {
                (void) buf_printf(out, ": no probe, since %s.\n", permit_reason_title(reason));
                return;
        }
        (void) buf_puts(out,
                        ": one connection to port 25, in which EHLO and QUIT are said and nothing else; one ping; what "
                        "system it is, from the first packet of its answer.");
        if (reason != PERMIT_GRANTED)
                (void) buf_printf(out, " Not at once, since %s.", permit_reason_title(reason));
        (void) buf_puts(out, "\n");
}
