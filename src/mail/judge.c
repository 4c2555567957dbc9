/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From signs to a class. Runs where mail/judge.h says. */
#include "mail/judge.h"

#include "base/cleanup.h"
#include "model/evidence.h"

enum { NO_WEIGHTS = JUDGE_CLASSES - 1 };

static const struct {
        const char *name, *title, *reason;
        enum judge_group group;
        bool now;
        int16_t yes[NO_WEIGHTS], no[NO_WEIGHTS]; /* in the order of the classes, without UNKNOWN */
} signs[JUDGE_SIGNS] = {
#define SIGN(id, name, group, now, yes, no, title, reason)                                                             \
        [JUDGE_SIGN_##id] = {name, title, reason, JUDGE_GROUP_##group, now, yes, no},
#include "mail/judge.def"
#undef SIGN
};

#define BIT(id) (1u << JUDGE_SIGN_##id)

/* Combinations that accuse; one of them must be there whole. */
static const struct {
        enum judge_class class;
        uint32_t signs;
} anchors[] = {
        {JUDGE_DIRECT_BOT, BIT(LIST_EXPLOITED)},
        {JUDGE_DIRECT_BOT, BIT(OURS_ATTACK)},
        {JUDGE_DIRECT_BOT, BIT(OS_CLIENT) | BIT(SMTP_REFUSED)}, /* the relay inquiry's rule */
        {JUDGE_DIRECT_BOT, BIT(SPAM) | BIT(LIST_POLICY)},
        {JUDGE_DIRECT_BOT, BIT(SPAM) | BIT(OS_CLIENT)},
        {JUDGE_PROVIDER_RELAY, BIT(SUBMITTED) | BIT(SPAM)},
        {JUDGE_PROVIDER_RELAY, BIT(SUBMITTED) | BIT(LIST_ACCOUNT)},
        {JUDGE_PROVIDER_RELAY, BIT(SUBMITTED) | BIT(LIST_SPAM)},
        {JUDGE_ABUSED_SERVER, BIT(LIST_EXPLOITED) | BIT(SMTP_SERVER)},
        {JUDGE_ABUSED_SERVER, BIT(LIST_EXPLOITED) | BIT(OS_SERVER)},
        {JUDGE_ABUSED_SERVER, BIT(LIST_EXPLOITED) | BIT(SERVER_NAME) | BIT(CONFIRMED)},
        {JUDGE_ABUSED_SERVER, BIT(OURS_ATTACK) | BIT(SMTP_SERVER)},
        {JUDGE_ABUSED_SERVER, BIT(OURS_ATTACK) | BIT(SERVER_NAME) | BIT(CONFIRMED)},
        {JUDGE_ABUSED_SERVER, BIT(LIST_SPAM) | BIT(SMTP_SERVER) | BIT(SPAM)},
        {JUDGE_OPEN_PROXY, BIT(LIST_PROXY)},
        {JUDGE_OPEN_PROXY, BIT(OURS_PROXY)},
};

static const struct {
        const char *name, *title;
} classes[JUDGE_CLASSES] = {
        [JUDGE_UNKNOWN] = {"unknown", "not known"},
        [JUDGE_DIRECT_BOT] = {"direct_bot", "a bot that delivers by itself"},
        [JUDGE_PROVIDER_RELAY] = {"provider_relay",
                                  "a provider's server, for a bot behind it or with a stolen account"},
        [JUDGE_ABUSED_SERVER] = {"abused_server", "a server that somebody else uses"},
        [JUDGE_OPEN_PROXY] = {"open_proxy", "an open proxy"},
};

static const struct {
        const char *name, *title;
} whys[JUDGE_WHYS] = {
        [JUDGE_SURE] = {"sure", "the signs agree"},
        [JUDGE_NOTHING] = {"nothing", "no sign speaks for anything"},
        [JUDGE_ONE_GROUP] = {"one_group", "all signs come from one source"},
        [JUDGE_FITS] = {"fits", "the signs fit, but none accuses"},
        [JUDGE_WEAK] = {"weak", "the signs are too weak"},
        [JUDGE_CLOSE] = {"close", "the signs fit another class as well"},
};

const char *judge_class_name(unsigned class)
{
        return class < JUDGE_CLASSES ? classes[class].name : "?";
}

const char *judge_class_title(unsigned class)
{
        return class < JUDGE_CLASSES ? classes[class].title : "?";
}

const char *judge_why_name(unsigned why)
{
        return why < JUDGE_WHYS ? whys[why].name : "?";
}

const char *judge_why_title(unsigned why)
{
        return why < JUDGE_WHYS ? whys[why].title : "?";
}

const char *judge_sign_name(unsigned sign)
{
        return sign < JUDGE_SIGNS ? signs[sign].name : "?";
}

const char *judge_sign_title(unsigned sign)
{
        return sign < JUDGE_SIGNS ? signs[sign].title : "?";
}

int32_t judge_sign_weight(unsigned sign, enum answer answer, unsigned class)
{
        if (sign >= JUDGE_SIGNS || class == JUDGE_UNKNOWN || class >= JUDGE_CLASSES || answer == ANSWER_UNKNOWN)
                return 0;
        return answer == ANSWER_YES ? signs[sign].yes[class - 1] : signs[sign].no[class - 1];
}

/* --- judging --- */

static bool is_fresh(const struct judge_input *in)
{
        return in->gap >= 0 && in->gap <= JUDGE_FRESH;
}

/* The answer as far as it counts. */
static enum answer counted(const struct judge_input *in, unsigned sign)
{
        return signs[sign].now && !is_fresh(in) ? ANSWER_UNKNOWN : in->signs[sign];
}

static bool is_anchored(const struct judge_input *in, enum judge_class class)
{
        uint32_t yes = 0;

        for (unsigned s = 0; s < JUDGE_SIGNS; s++)
                if (counted(in, s) == ANSWER_YES)
                        yes |= 1u << s;
        for (unsigned i = 0; i < ELEMENTSOF(anchors); i++)
                if (anchors[i].class == class && (yes & anchors[i].signs) == anchors[i].signs)
                        return true;
        return false;
}

static unsigned groups_of(uint32_t which)
{
        uint32_t groups = 0;

        for (unsigned s = 0; s < JUDGE_SIGNS; s++)
                if (which & 1u << s)
                        groups |= 1u << signs[s].group;
        return (unsigned) __builtin_popcount(groups);
}

/* The best of the classes that are anchored, else of all. */
static enum judge_class best(const struct judge_verdict *v, uint32_t anchored)
{
        enum judge_class found = JUDGE_UNKNOWN;

        for (unsigned c = JUDGE_DIRECT_BOT; c < JUDGE_CLASSES; c++)
                if ((!anchored || anchored & 1u << c) && v->scores[c] > (found ? v->scores[found] : 0))
                        found = c;
        return found;
}

static enum judge_why decide(const struct judge_verdict *v, uint32_t anchored)
{
        if (v->nearest == JUDGE_UNKNOWN)
                return JUDGE_NOTHING;
        if (groups_of(v->speak_for) < 2)
                return JUDGE_ONE_GROUP;
        if (!(anchored & 1u << v->nearest))
                return JUDGE_FITS;
        if (v->score < JUDGE_THRESHOLD)
                return JUDGE_WEAK;
        for (unsigned c = JUDGE_DIRECT_BOT; c < JUDGE_CLASSES; c++)
                if (c != v->nearest && anchored & 1u << c && v->scores[c] > v->score - JUDGE_DISTANCE)
                        return JUDGE_CLOSE;
        return JUDGE_SURE;
}

void judge_relay(const struct judge_input *in, struct judge_verdict *ret)
{
        struct judge_verdict v = {0};
        uint32_t anchored = 0;

        static_assert(JUDGE_SIGNS <= 32, "signs are bits");
        for (unsigned c = JUDGE_DIRECT_BOT; c < JUDGE_CLASSES; c++) {
                for (unsigned s = 0; s < JUDGE_SIGNS; s++)
                        v.scores[c] += judge_sign_weight(s, counted(in, s), c);
                if (is_anchored(in, c))
                        anchored |= 1u << c;
        }
        v.nearest = best(&v, anchored);
        v.score = v.scores[v.nearest];
        for (unsigned s = 0; s < JUDGE_SIGNS; s++) {
                int32_t weight = judge_sign_weight(s, counted(in, s), v.nearest);

                if (weight > 0)
                        v.speak_for |= 1u << s;
                if (weight < 0)
                        v.against |= 1u << s;
                if (in->signs[s] != ANSWER_UNKNOWN && counted(in, s) == ANSWER_UNKNOWN)
                        v.too_old |= 1u << s;
        }
        v.why = decide(&v, anchored);
        v.class = v.why == JUDGE_SURE ? v.nearest : JUDGE_UNKNOWN;
        *ret = v;
}

void judge_print(struct buf *out)
{
        char text[SCORE_TEXT_MAX];

        for (unsigned s = 0; s < JUDGE_SIGNS; s++) {
                buf_printf(out, "%s: %s (%s)\n", signs[s].name, signs[s].title, signs[s].reason);
                for (unsigned a = ANSWER_NO; a < ANSWERS; a++)
                        for (unsigned c = JUDGE_DIRECT_BOT; c < JUDGE_CLASSES; c++)
                                if (judge_sign_weight(s, a, c))
                                        buf_printf(out, "    %s, %s: %s\n", answer_name(a), classes[c].name,
                                                   score_format(judge_sign_weight(s, a, c), text));
        }
}
