/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What kind of machine sent a mail: signs, each yes, no or unknown, to a class. Pure; in whichever process judges
 * relays.
 *
 * Never one sign alone. A class needs a score, signs from two groups at least, a distance to the next class, and an
 * anchor: a combination of signs that accuses, not only fits (a person's own mail server behind a DSL line fits in
 * everything). What is asked now says nothing of a mail that came long ago, since addresses change hands: then it does
 * not count. Everything else is unknown, and unknown is a good answer. */
#ifndef SEKIMORI_MAIL_JUDGE_H
#define SEKIMORI_MAIL_JUDGE_H

#include "base/buf.h"
#include "base/clock.h"
#include "mail/answer.h"

enum judge_class {
        JUDGE_UNKNOWN,
        JUDGE_DIRECT_BOT,     /* an infected machine that delivers by itself */
        JUDGE_PROVIDER_RELAY, /* a provider's server, for a bot behind it or with a stolen account */
        JUDGE_ABUSED_SERVER,  /* a server that somebody else uses */
        JUDGE_OPEN_PROXY,
        JUDGE_CLASSES,
};

enum judge_group {
        JUDGE_GROUP_HEAD,
        JUDGE_GROUP_CONTENT,
        JUDGE_GROUP_NAMES,
        JUDGE_GROUP_LISTS,
        JUDGE_GROUP_SYSTEM,
        JUDGE_GROUP_SERVICE,
        JUDGE_GROUP_OURS,
};

#define SIGN(id, name, group, now, yes, no, title, reason) JUDGE_SIGN_##id,
enum judge_sign {
#include "mail/judge.def"
        JUDGE_SIGNS
};
#undef SIGN

/* Hundredths of 10*log10, as evidence has them: 6 is four to one. */
#define JUDGE_THRESHOLD 600
#define JUDGE_DISTANCE  200 /* between the best class and the next */
/* How old a mail may be for what is asked now: dial-up and cable addresses stay for days at most (Xie et al., "How
 * dynamic are IP addresses?", SIGCOMM 2007: most for one to three). */
#define JUDGE_FRESH (48 * 3600 * NSEC_PER_SEC)

enum judge_why {
        JUDGE_SURE,
        JUDGE_NOTHING,   /* no sign speaks for any class */
        JUDGE_ONE_GROUP, /* all signs come from one source */
        JUDGE_FITS,      /* signs fit, and none accuses */
        JUDGE_WEAK,      /* the score is too low */
        JUDGE_CLOSE,     /* another class fits as well */
        JUDGE_WHYS,
};

struct judge_input {
        enum answer signs[JUDGE_SIGNS];
        nsec_t gap; /* from the mail's coming to the asking; negative: taken as not known, so as old */
};

struct judge_verdict {
        enum judge_class class;
        enum judge_why why;       /* why it is unknown */
        enum judge_class nearest; /* the best class, also where it is not reached; UNKNOWN: none */
        int32_t score;            /* of `nearest`, hundredths */
        int32_t scores[JUDGE_CLASSES];
        uint32_t speak_for; /* bits of signs that speak for `nearest` */
        uint32_t against;
        uint32_t too_old; /* signs that were known and did not count */
};

void judge_relay(const struct judge_input *in, struct judge_verdict *ret);

const char *judge_class_name(unsigned class);  /* "direct_bot" */
const char *judge_class_title(unsigned class); /* for people */
const char *judge_why_name(unsigned why);      /* "one_group" */
const char *judge_why_title(unsigned why);     /* half a sentence */
const char *judge_sign_name(unsigned sign);
const char *judge_sign_title(unsigned sign); /* "its reverse name was given by the dozen" */
/* A sign's weight for a class, when it is yes or no. */
int32_t judge_sign_weight(unsigned sign, enum answer answer, unsigned class);
/* The whole table, for people. */
void judge_print(struct buf *out);

#endif
