/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line of a replay as words and options. Test code. */
#ifndef SEKIMORI_TESTS_REPLAY_WORDS_H
#define SEKIMORI_TESTS_REPLAY_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"

#define WORDS_MAX 40
#define WORDS_LEN 2048

struct words {
        char *w[WORDS_MAX];
        const char *rest[WORDS_MAX]; /* the line as written from that word on */
        int n;
        char cut[WORDS_LEN], whole[WORDS_LEN];
};

/* Splits; a word that begins with # ends the words, not `rest`. What exceeds a limit is left out. */
void words_split(struct words *a, const char *line);
/* "key=value" among the words, or NULL. */
const char *words_option(const struct words *a, const char *key);
bool words_has(const struct words *a, const char *word);
uint64_t words_number(const struct words *a, const char *key, uint64_t otherwise);
nsec_t words_span(const struct words *a, const char *key, nsec_t otherwise);
/* Takes the first words away. */
void words_shift(struct words *a, int count);

/* "10.77.2.1:6667", "[fd00::1]:80", "10.0.0.1", "fd00::1": without a port *ret_port is `port`. 0 or -EINVAL. */
int words_endpoint(const char *word, uint16_t port, struct addr *ret_addr, uint16_t *ret_port);

#endif
