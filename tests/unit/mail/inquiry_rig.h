/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the tests of the inquiry share: heads of mails made from a few words, a resolver on loopback, what was told. */
#ifndef SEKIMORI_TEST_INQUIRY_RIG_H
#define SEKIMORI_TEST_INQUIRY_RIG_H

#include "resolve_rig.h"

#include <errno.h>

#include "mail/inquiry.h"

#define RELAY "61.48.71.52"
#define HOUR  (3600 * NSEC_PER_SEC)
#define DAY   (24 * HOUR)
/* Tue, 15 Aug 2023 10:00:00 +0000: when the mails come. */
#define CAME (1692093600 * NSEC_PER_SEC)

struct told {
        void *mail;
        bool has_chain;
        struct record record;
};

struct asking {
        struct rig dns; /* its `r` is NULL offline */
        struct chain_trust trust;
        struct inquiry_params p;
        struct inquiry *q;
        nsec_t now;
        struct told told[1024];
        unsigned n;
        struct inquiry_seen seen; /* of any address */
        struct inquiry_scan scan;
        nsec_t seen_at;
        unsigned seen_calls;
        bool consent;
        nsec_t last_probe;
        bool stop_at_done; /* stops from within done() */
        int add_at_done;   /* what inquiry_add() said from within done() */
};

static inline void on_seen(void *userdata, const struct addr *a, nsec_t came, struct inquiry_seen *ret)
{
        struct asking *g = userdata;

        (void) a;
        assert_false(ret->has_syn);
        assert_int_equal(ret->attacked, ANSWER_UNKNOWN);
        g->seen_at = came;
        g->seen_calls++;
        *ret = g->seen;
}

static inline void on_scanned(void *userdata, const struct addr *a, nsec_t came, struct inquiry_scan *ret)
{
        const struct asking *g = userdata;

        (void) a;
        (void) came;
        assert_int_equal(ret->server, ANSWER_UNKNOWN);
        *ret = g->scan;
}

static inline void on_known(void *userdata, const struct addr *a, bool *ret_consent, nsec_t *ret_last_probe)
{
        struct asking *g = userdata;

        (void) a;
        *ret_consent = g->consent;
        *ret_last_probe = g->last_probe;
}

static inline void on_done(void *userdata, void *mail, const struct chain *chain, const struct record *record)
{
        struct asking *g = userdata;

        assert_true(g->n < ELEMENTSOF(g->told));
        g->told[g->n++] = (struct told){mail, chain != NULL, *record};
        if (chain && chain->end == CHAIN_END_RELAY)
                assert_true(addr_equal(&chain->relay, &record->addr));
        if (g->stop_at_done)
                inquiry_stop(g->q, g->now);
        g->add_at_done = inquiry_add(g->q, g->now, &(struct inquiry_mail){.head = "", .len = 0});
}

static inline void asking_make(struct asking *g)
{
        g->p.trust = &g->trust;
        g->p.done = on_done;
        g->p.seen = on_seen;
        g->p.scanned = on_scanned;
        g->p.known = on_known;
        g->p.userdata = g;
        g->p.resolve = g->dns.r;
        assert_int_equal(inquiry_new(&g->p, &g->q), 0);
}

/* `g` is zeroed but for the inquiry's parameters. */
static inline void asking_begin(struct asking *g, const struct row *rows, const char *const *zones)
{
        static struct dnsbl lists[RESOLVE_LISTS_MAX];
        struct resolve_params p = {.lists = lists};

        for (; zones && zones[p.n_lists]; p.n_lists++)
                assert_int_equal(dnsbl_parse(zones[p.n_lists], &lists[p.n_lists]), 0);
        rig_begin(&g->dns, rows, p);
        g->now = CAME + 60 * NSEC_PER_SEC;
        g->p.n_lists = p.n_lists;
        asking_make(g);
}

static inline void asking_begin_offline(struct asking *g)
{
        g->dns.server.fd = -1;
        g->now = CAME + 60 * NSEC_PER_SEC;
        asking_make(g);
}

static inline void asking_end(struct asking *g)
{
        inquiry_free(g->q);
        if (g->dns.r)
                rig_end(&g->dns);
}

/* Until `n` are told, or nothing moves any more. */
static inline void ask_until(struct asking *g, unsigned n)
{
        for (unsigned turns = 0; turns < 20000 && g->n < n; turns++) {
                struct pollfd fds[] = {{.fd = inquiry_fd(g->q), .events = POLLIN},
                                       {.fd = g->dns.server.fd, .events = POLLIN}};

                if (poll(fds, 2, 100) <= 0)
                        return;
                if (fds[1].revents)
                        dns_server_read(&g->dns.server);
                if (fds[0].revents)
                        inquiry_process(g->q, g->now);
        }
}

/* A head of which mx.example.com saw the relay; `below` are whole lines. */
static inline const char *head_of_mail(const char *relay, const char *names, const char *below)
{
        static char text[65536];

        snprintf(
                text, sizeof(text),
                "Received: from %s [%s]) by mx.example.com (Postfix) with ESMTP id 1; Tue, 15 Aug 2023 10:00:00 +0000\n"
                "%sDate: Tue, 15 Aug 2023 09:59:00 +0000\nMessage-ID: <1@example.org>\n\n",
                names, relay, below);
        return text;
}

static inline int add_mail(struct asking *g, const char *head, enum answer spam, void *mail)
{
        return inquiry_add(g->q, g->now,
                           &(struct inquiry_mail){.head = head, .len = strlen(head), .spam = spam, .mail = mail});
}

/* The record of one mail, asked and answered. */
static inline const struct record *judge_mail(struct asking *g, const char *head, enum answer spam)
{
        unsigned before = g->n;

        assert_int_equal(add_mail(g, head, spam, NULL), 0);
        ask_until(g, before + 1);
        assert_int_equal(g->n, before + 1);
        return &g->told[before].record;
}

#endif
