/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the chain share. Runs in whichever process reads mail. */
#ifndef SEKIMORI_MAIL_CHAIN_INTERNAL_H
#define SEKIMORI_MAIL_CHAIN_INTERNAL_H

#include "mail/chain.h"

/* Sets roles, the boundary and the relay. */
void chain_trust(struct chain *c, const struct chain_trust *trust);
/* Which of the results a server that is believed wrote. */
void chain_trust_results(struct chain *c);
/* Looks for what gives the chain away. */
void chain_check(struct chain *c, const struct chain_trust *trust);
void chain_check_times(struct chain *c);

void chain_add_sign(struct chain *c, struct chain_sign sign);

/* The nearest Received: above hop `i` that says from whom it came; false: none. */
bool chain_above(const struct chain *c, uint32_t i, uint32_t *ret);

/* Reads "Authentication-Results:" and "Received-SPF:". */
void chain_result_read(struct slice body, bool spf, struct chain_result *ret);

/* Is it the sender's word? */
static inline bool chain_is_word(const struct chain_hop *h)
{
        return h->role == CHAIN_WORD || h->role == CHAIN_FORGED;
}

#endif
