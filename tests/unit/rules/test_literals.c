/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Literals are found wherever they stand, in sets of every size: what the engine behind the prefilter skips must not
 * hold one. */
#include "inspect_rig.h"

#include "base/cleanup.h"

#define RULES 40
#define BYTES 400

static uint64_t state;

static unsigned next(unsigned below)
{
        state ^= state << 13; /* xorshift64, Marsaglia 2003 */
        state ^= state >> 7;
        state ^= state << 17;
        return (unsigned) (state >> 33) % below;
}

/* Rules 1 to n, each a word of its own. All may have a letter in common: engines like to skip to that. */
static void open_rules(struct rig *rig, unsigned n, bool common, char words[static RULES][20])
{
        static const char letters[] = "JOINdownload# PRIVMSG.0123456789";
        struct rig *r = rig;
        char text[RULES * 80], *at = text;

        for (unsigned i = 0; i < n; i++) {
                unsigned len = 3 + next(12);

                for (unsigned k = 0; k < len; k++)
                        words[i][k] = letters[next(sizeof(letters) - 1)];
                if (common)
                        words[i][next(len)] = i & 1 ? 'o' : 'O';
                words[i][len] = '\0';
                at += snprintf(at, 80, "alert udp any any -> any any (content:\"%s\"; sid:%u;)\n", words[i], i + 1);
        }
        rig_open(r, text);
        r->in.proto = IPPROTO_UDP;
}

static bool found(struct rig *rig, unsigned sid, const char *data, size_t len)
{
        (void) rig_packet(rig, data, len, 0);
        for (unsigned i = 0; i < rig->n; i++)
                if (rig->sids[i] == sid)
                        return true;
        return false;
}

/* `z` is in no word: what a search skips is what surrounds them. */
static void put_everywhere(struct rig *rig, const char *word, unsigned sid)
{
        static _Alignas(64) char bytes[BYTES + 64];
        size_t n = strlen(word);

        for (size_t len = 1 + next(7); len <= BYTES; len += 1 + next(17)) {
                char *data = bytes + next(64);

                for (size_t at = len % 5; at + n <= len; at += 1 + next(9)) {
                        memset(data, 'z', len);
                        memcpy(data + at, word, n);
                        if (!found(rig, sid, data, len))
                                fail_msg("\"%s\" at %zu of %zu bytes, alignment %zu", word, at, len,
                                         (size_t) (data - bytes));
                }
        }
}

static void test_everywhere(void **unused)
{
        static const unsigned sizes[] = {1, 2, 3, 4, 5, 6, 8, 12, 24, 31, 32, 33, 40};
        char words[RULES][20];

        (void) unused;
        state = 42;
        for (unsigned i = 0; i < ELEMENTSOF(sizes); i++) {
                for (unsigned sets = 0; sets < 4; sets++) {
                        struct rig rig;

                        open_rules(&rig, sizes[i], sets & 1, words);
                        for (unsigned k = 0; k < MIN(sizes[i], 4u); k++)
                                put_everywhere(&rig, words[k], k + 1);
                        rig_close(&rig);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_everywhere),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
