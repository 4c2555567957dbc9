/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Authentication-Results (RFC 8601) and Received-SPF (RFC 7208 9.1): what a server found when it checked the sender.
 * Runs in whichever process reads mail. */
#include "mail/chain_internal.h"
#include "mail/token.h"

/* Of "spf=pass": "pass", if the word begins so and nothing was said before. */
static void take_method(struct slice word, const char *method, struct slice *into)
{
        size_t n = strlen(method);

        if (!into->p && slice_begins_n(word, method, n) && word.len > n)
                *into = slice_skip(word, n);
}

void chain_result_read(struct slice body, bool spf, struct chain_result *ret)
{
        struct slice rest = body;
        struct token t;

        *ret = (struct chain_result){.spf = spf, .text = body};
        for (unsigned n = 0; token_next(&rest, &t) != TOKEN_END && t.kind != TOKEN_BAD; n++) {
                if (t.kind != TOKEN_WORD)
                        continue;
                if (n == 0 && spf)
                        ret->spf_is = t.text;
                else if (n == 0)
                        ret->by = t.text;
                else if (spf)
                        take_method(t.text, "receiver=", &ret->by);
                else {
                        take_method(t.text, "spf=", &ret->spf_is);
                        take_method(t.text, "dkim=", &ret->dkim_is);
                        take_method(t.text, "dmarc=", &ret->dmarc_is);
                }
        }
}

/* A header above the boundary was put there by a server that is believed, since what came from the relay stands below.
 * An Authentication-Results must also carry the name of one of them. */
void chain_trust_results(struct chain *c)
{
        uint32_t above = 0, last = 0;

        for (uint32_t i = 0; i < c->n_hops && c->end != CHAIN_END_NONE; i++) {
                if (c->hops[i].role == CHAIN_ORIGIN)
                        continue;
                if (i <= c->boundary)
                        last = above; /* how many Received: stand above the boundary's */
                above++;
        }
        for (uint32_t k = 0; k < c->n_results; k++) {
                struct chain_result *r = &c->results[k];

                if (c->end == CHAIN_END_NONE || r->above > last)
                        continue;
                r->trusted = r->spf;
                for (uint32_t i = 0; i <= c->boundary && i < c->n_hops; i++)
                        r->trusted = r->trusted || (r->by.len && slice_equal(r->by, c->hops[i].r.by));
        }
}
