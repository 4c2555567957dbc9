/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From what is known of a relay to signs, the verdict and the record. Runs where mail/inquiry.h says. */
#include "mail/inquiry_internal.h"
#include "mail/kinds.h"

#define SURE_OF_SYSTEM 70 /* percent: an exact signature, no generic one of an old book */

nsec_t inquiry_came(const struct chain *c, const struct inquiry_mail *mail)
{
        const struct date *d = &c->hops[c->boundary].r.date;

        if (c->end != CHAIN_END_NONE && d->flags & DATE_READ && !(d->flags & DATE_ZONE_IMPOSSIBLE) && d->time > 0)
                return d->time;
        return MAX(mail->came, 0);
}

nsec_t inquiry_gap(nsec_t came, nsec_t now)
{
        if (came <= 0)
                return -1;
        return came > now && came - now <= INQUIRY_AHEAD ? 0 : now - came;
}

/* Outside text into a record: printable ASCII, others as '?'. */
static void keep_text(char *to, size_t size, struct slice s)
{
        size_t n = MIN(s.len, size - 1);

        for (size_t i = 0; i < n; i++)
                to[i] = s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?';
        to[n] = 0;
}

static struct slice slice_of(const char *text)
{
        return (struct slice){text, (uint32_t) strlen(text)};
}

/* As the receiving server saw them; where that says nothing, as DNS has them now, if now is not long after. */
static struct inquiry_names names_of(const struct chain *c, const struct inquiry_learnt *l, bool fresh)
{
        const struct received *r = c ? &c->hops[c->boundary].r : NULL;
        struct inquiry_names now = {0}, n = {0};

        if (fresh && l && l->has_name != ANSWER_UNKNOWN)
                now = (struct inquiry_names){slice_of(l->rdns), l->has_name, l->confirmed};
        if (!r || r->flags & RECEIVED_NAME_UNSURE)
                return now;
        if (received_has_name(r)) {
                n = (struct inquiry_names){r->rdns, ANSWER_YES, ANSWER_UNKNOWN};
                n.confirmed = r->flags & RECEIVED_NAME_FORGED    ? ANSWER_NO :
                              r->flags & RECEIVED_NAME_CONFIRMED ? ANSWER_YES :
                              slice_equal(r->rdns, now.rdns)     ? now.confirmed :
                                                                   ANSWER_UNKNOWN;
                return n;
        }
        /* Servers that write confirmed names only leave out others, too. */
        if (now.has_name == ANSWER_UNKNOWN && r->flags & RECEIVED_NAMES)
                n.has_name = ANSWER_NO;
        return now.has_name != ANSWER_UNKNOWN ? now : n;
}

static void read_names(const struct inquiry_names *n, const struct addr *a, enum answer signs[static JUDGE_SIGNS])
{
        enum answer dynamic;

        signs[JUDGE_SIGN_NAMELESS] =
                n->has_name == ANSWER_UNKNOWN ? ANSWER_UNKNOWN : answer_of(n->has_name == ANSWER_NO);
        if (n->has_name != ANSWER_YES)
                return;
        dynamic = kinds_dynamic(n->rdns, a);
        signs[JUDGE_SIGN_DYNAMIC] = dynamic;
        signs[JUDGE_SIGN_CONFIRMED] = n->confirmed;
        /* Whoever has an address can give it any name that does not lead back. */
        if (n->confirmed == ANSWER_YES)
                signs[JUDGE_SIGN_SERVER_NAME] =
                        answer_of(dynamic == ANSWER_NO && kinds_traits(n->rdns, a) & KINDS_SERVER);
}

static void read_lists(const struct inquiry *q, const struct inquiry_learnt *l, enum answer signs[static JUDGE_SIGNS])
{
        static const struct {
                enum judge_sign sign;
                uint32_t meaning;
        } rows[] = {
                {JUDGE_SIGN_LIST_EXPLOITED, DNSBL_EXPLOITED}, {JUDGE_SIGN_LIST_PROXY, DNSBL_PROXY},
                {JUDGE_SIGN_LIST_POLICY, DNSBL_POLICY},       {JUDGE_SIGN_LIST_SPAM, DNSBL_SPAM},
                {JUDGE_SIGN_LIST_ACCOUNT, DNSBL_ACCOUNT},
        };
        unsigned n = q->p.n_lists + q->p.n_files;
        /* No only if all lists were heard. */
        bool all = n > 0 && (unsigned) __builtin_popcount(l->listed | l->not_listed) == n;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                signs[rows[i].sign] = l->meanings & rows[i].meaning ? ANSWER_YES : all ? ANSWER_NO : ANSWER_UNKNOWN;
}

static void set_role(bool client, enum answer signs[static JUDGE_SIGNS])
{
        signs[JUDGE_SIGN_OS_CLIENT] = answer_of(client);
        signs[JUDGE_SIGN_OS_SERVER] = answer_of(!client);
}

/* Windows' server editions send the same packets, but do not stand behind access lines. */
static bool is_client(enum os_family family, enum os_role role, const enum answer signs[static JUDGE_SIGNS])
{
        return role == OS_ROLE_CLIENT ||
               (role == OS_ROLE_EITHER && family == OS_FAMILY_WINDOWS && signs[JUDGE_SIGN_DYNAMIC] == ANSWER_YES);
}

static void read_system(const struct inquiry *q, const struct os_syn *syn, bool counts, struct slice mailer,
                        enum answer signs[static JUDGE_SIGNS], struct record *ret)
{
        struct buf name = BUF_FIXED(ret->os);
        struct os_match m;

        if (!q->p.os || !syn)
                return;
        os_db_match(q->p.os, syn, &m);
        ret->os_family = (uint8_t) m.family;
        ret->os_role = (uint8_t) m.role;
        ret->os_confidence = m.confidence;
        ret->distance = m.distance;
        (void) buf_puts(&name, m.family == OS_FAMILY_UNKNOWN && *m.tool ? m.tool : m.name);
        if (*m.version && m.family != OS_FAMILY_UNKNOWN)
                (void) buf_printf(&name, " %s", m.version);
        if (!counts || m.confidence < SURE_OF_SYSTEM)
                return;
        if (is_client(m.family, m.role, signs))
                set_role(true, signs);
        else if (m.role == OS_ROLE_SERVER)
                set_role(false, signs);
        /* Behind a provider's server it is the customer's program, not the relay's. */
        if (mailer.len && signs[JUDGE_SIGN_DIRECT] == ANSWER_YES)
                signs[JUDGE_SIGN_MAILER_FITS] = kinds_mailer(mailer, m.family);
}

static void read_service(const struct inquiry_learnt *l, enum answer signs[static JUDGE_SIGNS])
{
        signs[JUDGE_SIGN_SMTP_SERVER] = l->server;
        if (l->smtp == SMTP_PROBE_REFUSED + 1)
                signs[JUDGE_SIGN_SMTP_REFUSED] = ANSWER_YES;
        else if (l->server == ANSWER_YES)
                signs[JUDGE_SIGN_SMTP_REFUSED] = ANSWER_NO;
}

/* Somebody else's scan, where packets do not tell the system nor a probe the service. What answers a scan may be a
 * router before the sender: nothing is said of the mail program. */
static void read_scan(const struct inquiry_scan *scan, enum answer signs[static JUDGE_SIGNS], struct record *ret)
{
        struct buf name = BUF_FIXED(ret->os);

        if (ret->os_family == OS_FAMILY_UNKNOWN && !*ret->os && scan->family != OS_FAMILY_UNKNOWN) {
                ret->os_family = (uint8_t) scan->family;
                ret->os_role = (uint8_t) scan->role;
                ret->os_confidence = scan->accuracy;
                (void) buf_printf(&name, "%s, by %s", scan->os, scan->by);
                if (is_client(scan->family, scan->role, signs))
                        set_role(true, signs);
                else if (scan->role == OS_ROLE_SERVER)
                        set_role(false, signs);
        }
        if (signs[JUDGE_SIGN_SMTP_SERVER] != ANSWER_UNKNOWN || signs[JUDGE_SIGN_SMTP_REFUSED] != ANSWER_UNKNOWN)
                return;
        signs[JUDGE_SIGN_SMTP_SERVER] = scan->server;
        signs[JUDGE_SIGN_SMTP_REFUSED] = scan->server == ANSWER_YES ? ANSWER_NO : scan->refused;
}

static void decide(const enum answer signs[static JUDGE_SIGNS], nsec_t gap, struct record *ret)
{
        struct judge_input in = {.gap = gap};
        struct judge_verdict v;

        memcpy(in.signs, signs, sizeof(in.signs));
        judge_relay(&in, &v);
        ret->class = v.class;
        ret->nearest = v.nearest;
        ret->why = v.why;
        ret->score = v.score;
        ret->speak_for = v.speak_for;
        ret->against = v.against;
        for (unsigned s = 0; s < JUDGE_SIGNS; s++)
                ret->signs[s] = (uint8_t) signs[s];
}

static void keep_learnt(const struct inquiry_learnt *l, struct record *ret)
{
        ret->listed = l->listed;
        ret->not_listed = l->not_listed;
        ret->smtp = l->smtp;
        ret->ping = (uint8_t) l->ping;
        memcpy(ret->banner, l->banner, sizeof(ret->banner));
        keep_text(ret->rdns, sizeof(ret->rdns), slice_of(l->rdns));
}

void inquiry_judge(struct inquiry *q, nsec_t now, const struct addr *a, const struct chain *chain,
                   const struct inquiry_mail *mail, const struct inquiry_learnt *learnt, struct record *ret)
{
        const struct inquiry_learnt none = {0}, *l = learnt ? learnt : &none;
        enum answer signs[JUDGE_SIGNS] = {0};
        struct inquiry_seen seen = {0};
        struct inquiry_scan scan = {0};
        nsec_t came = chain ? inquiry_came(chain, mail) : 0;
        /* Without a mail it is about how things are now. */
        nsec_t gap = chain ? inquiry_gap(came, now) : 0;
        bool fresh = !inquiry_is_old(gap);
        const struct os_syn *syn = NULL;
        struct inquiry_names names;

        *ret = (struct record){.addr = *a, .asked = now, .came = came};
        names = names_of(chain, l, fresh);
        keep_learnt(l, ret);
        if (chain) {
                const struct received *r = &chain->hops[chain->boundary].r;

                (void) record_key(mail->head, mail->len, ret->mail);
                keep_text(ret->helo, sizeof(ret->helo), r->helo);
                if (!*ret->rdns && received_has_name(r) && !(r->flags & RECEIVED_NAME_UNSURE))
                        keep_text(ret->rdns, sizeof(ret->rdns), r->rdns);
                inquiry_read_head(chain, &names, (struct slice){mail->head, (uint32_t) MIN(mail->len, UINT32_MAX)},
                                  mail->spam, signs);
        }
        if (q->p.seen && (came || !chain))
                q->p.seen(q->p.userdata, a, came ? came : now, &seen);
        if (q->p.scanned && (came || !chain))
                q->p.scanned(q->p.userdata, a, came ? came : now, &scan);
        if (seen.has_syn)
                syn = &seen.syn;
        else if (l->has_syn)
                syn = &l->syn;
        read_names(&names, a, signs);
        read_lists(q, l, signs);
        read_system(q, syn, seen.has_syn || fresh, chain ? chain->mailer : (struct slice){0}, signs, ret);
        read_service(l, signs);
        read_scan(&scan, signs, ret);
        signs[JUDGE_SIGN_OURS_ATTACK] = seen.attacked;
        signs[JUDGE_SIGN_OURS_PROXY] = seen.proxy;
        decide(signs, gap, ret);
}
