/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a complaint to evidence about a host of ours: the same detector, ledger and store as for all else. Runs in the
 * command line. */
#include "cli/mail_complaints.h"

#include <errno.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <netinet/in.h>

#include "base/log.h"
#include "config/home.h"
#include "mail/complaint.h"
#include "mail/mime.h"
#include "verdict/ledger.h"
#include "view/json.h"

#define AHEAD (3600 * NSEC_PER_SEC) /* a clock may be wrong; what is further ahead is no time */

#define OWN_MAX 256 /* addresses of this machine */

struct mail_complaints {
        struct mail_complaints_params p;
        struct home *home;
        struct addr own[OWN_MAX]; /* this machine's */
        unsigned n_own;
        const struct detector *detector;
        void *state;
        struct chain chain;
        struct evidence claim; /* of the newest complaint */
        bool claimed;
};

static void note_own(struct mail_complaints *c)
{
        struct ifaddrs *all = NULL;

        if (getifaddrs(&all) < 0)
                return;
        for (const struct ifaddrs *i = all; i && c->n_own < OWN_MAX; i = i->ifa_next) {
                int family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC;

                if (family == AF_INET)
                        c->own[c->n_own++] = addr_from_v4(
                                ((const struct sockaddr_in *) (const void *) i->ifa_addr)->sin_addr.s_addr);
                else if (family == AF_INET6)
                        memcpy(c->own[c->n_own++].b,
                               &((const struct sockaddr_in6 *) (const void *) i->ifa_addr)->sin6_addr, 16);
        }
        freeifaddrs(all);
}

int mail_complaints_new(const struct mail_complaints_params *params, struct mail_complaints **ret)
{
        _cleanup_(mail_complaints_freep)
        struct mail_complaints *c = calloc(1, sizeof(*c));
        const struct detector_params detector = {.config = params->config};
        int r;

        if (!c)
                return -ENOMEM;
        c->p = *params;
        r = home_new(&params->config->home, &c->home);
        if (r < 0)
                return r;
        c->detector = detector_find("complaint");
        r = c->detector && params->config->complaint.enabled ? c->detector->new (&detector, &c->state) : 0;
        if (r < 0)
                return r;
        mime_init();
        note_own(c);
        *ret = TAKE_PTR(c);
        return 0;
}

void mail_complaints_free(struct mail_complaints *c)
{
        if (!c)
                return;
        if (c->state)
                c->detector->free(c->state);
        home_free(c->home);
        free(c);
}

bool mail_complaints_wants(const struct mbox_mail *mail)
{
        return !mail->cut && complaint_is_likely(mail->head, mail->len);
}

static bool is_server(const struct mail_complaints *c, const struct addr *a)
{
        const struct config_cidrs *servers = &c->p.config->network.mail_servers;

        for (size_t i = 0; i < servers->n; i++)
                if (cidr_contains(&servers->items[i], a))
                        return true;
        return false;
}

/* The home host that is meant. A mail server of ours only handed the mail on: its own header, which is the next one,
 * says from whom. Below that, and in a complaint that names somebody else, nothing is believed. */
static bool find_host(const struct mail_complaints *c, const struct complaint *said, struct addr *ret)
{
        bool named = !addr_is_unspecified(&said->accused);
        unsigned i = 0;

        if (named && !is_server(c, &said->accused)) {
                *ret = said->accused;
                return home_has(c->home, &said->accused);
        }
        while (i < said->n_hops && is_server(c, &said->hops[i]))
                i++;
        if (i < said->n_hops && (i > 0 || !named) && home_has(c->home, &said->hops[i])) {
                *ret = said->hops[i];
                return true;
        }
        *ret = said->accused;
        return named && home_has(c->home, &said->accused);
}

/* What is known of who complains, by the headers of servers that are believed. */
static uint8_t trust_of(const struct chain *chain)
{
        if (chain->end == CHAIN_END_WITHIN || chain->end == CHAIN_END_USER)
                return COMPLAINT_TRUSTED;
        for (uint32_t i = 0; i < chain->n_results; i++)
                if (chain->results[i].trusted && slice_is(chain->results[i].dkim_is, "pass"))
                        return COMPLAINT_SIGNED;
        return COMPLAINT_STRANGER;
}

static void on_claim(void *userdata, const struct evidence *e)
{
        struct mail_complaints *c = userdata;

        c->claim = *e;
        c->claimed = true;
}

/* By the header of our own server. */
static nsec_t came_at(const struct chain *chain, nsec_t now)
{
        const struct date *date = &chain->hops[0].r.date;

        return chain->n_hops && date->flags & DATE_READ && date->time > 0 ? date->time : now;
}

/* --- the store --- */

static int restore(void *userdata, const struct evidence *e, bool excepted)
{
        ledger_restore(userdata, e, excepted);
        return 0;
}

static void on_merged(void *userdata, const struct evidence *merged, const struct config_exception *exception,
                      const struct verdict *before _unused_, const struct verdict *after)
{
        (void) store_put_evidence(userdata, merged, exception != NULL);
        (void) store_put_verdict(userdata, after);
}

/* What the host sensor knows of its processes stands under this machine's own name. */
static void name_self(struct mail_complaints *c, const struct addr *host)
{
        for (unsigned i = 0; i < c->n_own; i++)
                if (addr_equal(&c->own[i], host) && !addr_is_loopback(host))
                        c->claim.subject = (struct subject){.kind = SUBJECT_HOST};
}

/* Beside what the store has of the host. */
static int keep(struct mail_complaints *c)
{
        const struct ledger_sink sink = {.claim = on_merged, .userdata = c->p.store};
        _cleanup_(ledger_freep)
        struct ledger *ledger = NULL;
        struct store_reader reader = {.find_kind = cli_find_kind, .evidence = restore};
        char key[SUBJECT_TEXT_MAX];
        int r = ledger_new(c->p.config, &sink, &ledger);

        if (r < 0)
                return r;
        reader.userdata = ledger;
        r = store_read_subject(c->p.store, &reader, subject_key(&c->claim.subject, key));
        if (r < 0 && r != -ENOENT)
                return r;
        ledger_add(ledger, &c->claim);
        return store_commit(c->p.store);
}

/* --- telling --- */

struct told {
        const char *path;
        uint64_t number;
        const struct complaint *said;
        const struct addr *host; /* NULL: none of ours */
        bool kept;
};

static void tell_json(const struct mail_complaints *c, const struct told *t, struct buf *out)
{
        char addr[ADDR_TEXT_MAX];

        (void) buf_puts(out, "{\"event_type\":\"complaint_mail\",\"path\":");
        (void) buf_put_json(out, t->path, strlen(t->path));
        (void) buf_printf(out, ",\"number\":%" PRIu64 ",\"format\":\"%s\",\"about\":\"%s\",\"said\":", t->number,
                          complaint_format_name(t->said->format), complaint_about_name(t->said->about));
        (void) buf_put_json(out, t->said->type, strlen(t->said->type));
        (void) buf_puts(out, ",\"complainant\":");
        (void) buf_put_json(out, t->said->from, strlen(t->said->from));
        (void) buf_printf(out, ",\"trust\":\"%s\"", complaint_trust_name(trust_of(&c->chain)));
        if (!addr_is_unspecified(&t->said->accused))
                (void) buf_printf(out, ",\"accused\":\"%s\"", addr_format(&t->said->accused, addr));
        if (t->said->time > 0) {
                (void) buf_puts(out, ",\"time\":");
                json_time(out, t->said->time);
        }
        if (t->host)
                (void) buf_printf(out, ",\"host\":\"%s\"", addr_format(t->host, addr));
        (void) buf_printf(out, ",\"kept\":%s}\n", t->kept ? "true" : "false");
}

static void tell_text(const struct mail_complaints *c, const struct told *t, struct buf *out)
{
        char addr[ADDR_TEXT_MAX];

        (void) buf_put_visible(out, t->path, strlen(t->path));
        (void) buf_printf(out, ": a complaint (%s, \"%s\")\n", complaint_format_name(t->said->format), t->said->type);
        if (!t->host && addr_is_unspecified(&t->said->accused))
                (void) buf_puts(out, "It names no host of ours.\n");
        else if (!t->host)
                (void) buf_printf(out, "It is about %s, which is none of ours.\n",
                                  addr_format(&t->said->accused, addr));
        else if (c->claimed) {
                c->detector->explain(&c->claim, out);
                if (t->kept && addr_is_unspecified(&c->claim.subject.addr))
                        (void) buf_puts(out, "That is this machine. It is kept: sekimori why self tells the rest.\n");
                else if (t->kept)
                        (void) buf_printf(out, "It is kept: sekimori why %s tells the rest.\n",
                                          addr_format(t->host, addr));
        } else
                (void) buf_printf(out, "It is about %s, and of no kind that counts.\n", addr_format(t->host, addr));
        (void) buf_putc(out, '\n');
}

void mail_complaints_take(struct mail_complaints *c, const char *path, const struct mbox_mail *mail, struct buf *out)
{
        struct event e = {.type = EVENT_COMPLAINT, .op = COMPLAINT_CAME};
        struct evidence_sink sink = {.emit = on_claim, .userdata = c};
        struct complaint said;
        struct told told = {.path = path, .number = mail->number, .said = &said};
        nsec_t now = clock_realtime();
        int r = mail->cut ? -E2BIG : complaint_read(mail->head, mail->len, &said);

        if (r == -E2BIG || r == -EBADMSG)
                log_notice("%s: looks like a complaint, and %s", path,
                           r == -E2BIG ? "is longer than 1 MiB: not read" : "names nobody, or cannot be read");
        if (r < 0)
                return;
        chain_read(mail->head, mail->len, c->p.trust, &c->chain);
        e.complaint = (struct complaint_event){.relay = c->chain.relay,
                                               .text = said.from,
                                               .what = said.type,
                                               .came = came_at(&c->chain, now),
                                               .incidents = said.incidents,
                                               .port = said.port,
                                               .about = said.about,
                                               .trust = trust_of(&c->chain)};
        e.time = said.time > 0 && said.time <= now + AHEAD ? said.time : now;
        c->claimed = false;
        if (find_host(c, &said, &e.complaint.local)) {
                told.host = &e.complaint.local;
                if (c->state)
                        c->detector->event(c->state, &e, &sink);
                name_self(c, told.host);
        }
        if (c->claimed && c->p.store)
                told.kept = keep(c) == 0;
        if (c->p.json)
                tell_json(c, &told, out);
        else
                tell_text(c, &told, out);
}
