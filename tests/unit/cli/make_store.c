/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes a store with three canned subjects (a bot, a suspect, and a harmless newer process of the bot's name), for the
 * tests of the command line: make_store DIR PID START BOOT_ID [MACHINE], where pid, start (nanoseconds) and boot id
 * name the process that is the bot. MACHINE: "too" makes this machine one by it, "alone" instead of it. */
#include <errno.h>

#include "base/cleanup.h"
#include "store/store.h"

#define T0 (1795224902 * NSEC_PER_SEC)

static const struct evidence_kind kinds[] = {
        {.name = "canned.order", .title = "orders", .stage = STAGE_CONTROL, .weight = 1200, .cap = 1800},
        {.name = "canned.flood", .title = "flood", .stage = STAGE_ATTACK, .weight = 1500, .cap = 1500},
};

static int put(struct store *s, const struct subject *who, enum level level, unsigned n_kinds)
{
        struct verdict v = {.subject = *who, .level = level, .time = T0 + (level == LEVEL_CLEAR)};
        int r = 0;

        for (unsigned i = 0; i < n_kinds; i++) {
                struct evidence e = {.subject = *who,
                                     .kind = &kinds[i],
                                     .weight = kinds[i].weight,
                                     .first = T0,
                                     .last = T0,
                                     .count = 1};

                v.score += kinds[i].weight;
                v.stages |= 1u << kinds[i].stage;
                (void) evidence_fact_text(&e, "order", "!scan\x1b[2J");
                r |= store_put_evidence(s, &e, false);
        }
        return r | store_put_verdict(s, &v);
}

int main(int argc, char **argv)
{
        _cleanup_(store_closep)
        struct store *s = NULL;
        struct action action = {.kind = ACTION_UNBLOCK, .time = T0, .by = "test", .what = "may use the network again"};
        struct gap_event gap = {.reason = GAP_RING_FULL, .lost = 7, .text = "host"};
        struct subject bot = {.kind = SUBJECT_PROCESS}, suspect = {.kind = SUBJECT_HOST}, twin;
        const struct subject machine = {.kind = SUBJECT_HOST};
        const char *what = argc == 6 ? argv[5] : "";
        bool alone = strcmp(what, "alone") == 0;
        struct store_params params = {.dir = argc > 4 ? argv[1] : ""};
        char message[1024];
        struct buf errors = BUF_FIXED(message);
        const char *p;

        if (argc != 5 && argc != 6)
                return 2;
        bot.pid = (uint32_t) strtoul(argv[2], NULL, 10);
        bot.start = strtoull(argv[3], NULL, 10);
        p = argv[4];
        for (unsigned i = 0; i < 16 && sscanf(p, "%2hhx", &bot.boot_id[i]) == 1; i++)
                p += p[2] == '-' ? 3 : 2;
        strcpy(bot.name, "evil\x1b[31m");
        twin = action.subject = bot;
        twin.pid++;
        action.subject.pid += 2; /* of whom nothing else is known */
        if (addr_parse("10.1.6.206", &suspect.addr) < 0 || store_open(&params, &s, &errors) < 0) {
                fprintf(stderr, "%s\n", buf_str(&errors));
                return 1;
        }
        if (*what && put(s, &machine, LEVEL_BOT, 2) != 0)
                return 1;
        return put(s, &bot, alone ? LEVEL_SUSPECT : LEVEL_BOT, alone ? 1 : 2) | put(s, &suspect, LEVEL_SUSPECT, 1) |
               put(s, &twin, LEVEL_CLEAR, 0) | store_put_gap(s, T0, &gap) | store_put_action(s, &action) |
               store_put_meta(s, "status", "{\"version\":\"0.0.9\",\"lost\":3}");
}
