/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a replay expects, and what its run showed. Test code. */
#ifndef SEKIMORI_TESTS_REPLAY_CHECK_H
#define SEKIMORI_TESTS_REPLAY_CHECK_H

#include "verdict/analysis.h"
#include "world.h"

#define EXPECT_MAX  64
#define SEEN_MAX    1024
#define CHECK_RULES 5

/* "both", ... : each is a run of its own. */
extern const char *const check_rules[CHECK_RULES];

struct expectation {
        char rule[16], text[120];
        int line;
};

/* What one run showed of a subject. */
struct seen {
        struct subject subject;
        enum level worst;
        int32_t score;
        nsec_t suspect_at, bot_at;
        uint32_t stages;
};

struct run {
        struct analysis *analysis;
        struct world *world;
        struct seen seen[SEEN_MAX];
        size_t n_seen;
        char kinds[SEEN_MAX][ADDR_TEXT_MAX + 64]; /* "4711 server_like.order", "10.0.0.5 scan.horizontal" */
        size_t n_kinds;
        nsec_t worked[64]; /* first flow of tasks named by `within` */
        uint32_t workers[64];
        size_t n_workers;
        bool why, json;
        struct buf scratch;
};

/* The text behind "expect ": [RULE] WHAT. */
void check_read(const char *text, struct expectation *ret);
void check_note_kind(struct run *r, const struct subject *s, const char *kind);
bool check_holds(const struct run *r, const char *text);
void check_report(const struct run *r, const char *file, const struct expectation *e);

#endif
