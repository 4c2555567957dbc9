/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A record's signs as evidence on its relay, for the store and `why`: one piece for each sign that counts for or
 * against the class, with judge.def's weight, and one that weighs nothing and says what was judged. Only a class that
 * says the machine is a bot or was made a tool by everybody (direct_bot, open_proxy) is told so; unknown accuses
 * nobody, and a provider's or an abused server has an owner who is a victim himself. Pure. */
#ifndef SEKIMORI_MAIL_CLAIMS_H
#define SEKIMORI_MAIL_CLAIMS_H

#include "mail/record.h"
#include "model/evidence.h"

#define CLAIMS_JUDGED "relay.judged"

bool claims_accuse(const struct record *r);
/* Piece `i`, from 0: false when that sign says nothing. Piece JUDGE_SIGNS is the one on the whole. */
#define CLAIMS_PIECES (JUDGE_SIGNS + 1)
bool claims_get(const struct record *r, unsigned i, struct evidence *ret);

/* "relay.dynamic", "relay.no_spam"; NULL: none of these. */
const struct evidence_kind *claims_kind_find(const char *name);
/* Tells a piece of such a kind, which may come from the store. */
void claims_explain(const struct evidence *e, struct buf *out);

#endif
