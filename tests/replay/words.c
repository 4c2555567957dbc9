/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Splits the lines of a replay. Test code. */
#include "words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void words_split(struct words *a, const char *line)
{
        char *save = NULL;

        a->n = 0;
        snprintf(a->whole, sizeof(a->whole), "%s", line);
        a->whole[strcspn(a->whole, "\n")] = '\0';
        memcpy(a->cut, a->whole, sizeof(a->cut));
        for (char *p = strtok_r(a->cut, " \t", &save); p && p[0] != '#' && a->n < WORDS_MAX;
             p = strtok_r(NULL, " \t", &save)) {
                a->rest[a->n] = a->whole + (p - a->cut);
                a->w[a->n++] = p;
        }
}

const char *words_option(const struct words *a, const char *key)
{
        size_t n = strlen(key);

        for (int i = 0; i < a->n; i++)
                if (strncmp(a->w[i], key, n) == 0 && a->w[i][n] == '=')
                        return a->w[i] + n + 1;
        return NULL;
}

bool words_has(const struct words *a, const char *word)
{
        for (int i = 0; i < a->n; i++)
                if (strcmp(a->w[i], word) == 0)
                        return true;
        return false;
}

uint64_t words_number(const struct words *a, const char *key, uint64_t otherwise)
{
        const char *v = words_option(a, key);

        return v ? strtoull(v, NULL, 0) : otherwise;
}

nsec_t words_span(const struct words *a, const char *key, nsec_t otherwise)
{
        const char *v = words_option(a, key);
        nsec_t span;

        return v && clock_parse_span(v, &span) == 0 ? span : otherwise;
}

void words_shift(struct words *a, int count)
{
        if (count > a->n)
                count = a->n;
        a->n -= count;
        memmove(a->w, a->w + count, (size_t) a->n * sizeof(a->w[0]));
        memmove(a->rest, a->rest + count, (size_t) a->n * sizeof(a->rest[0]));
}

int words_endpoint(const char *word, uint16_t port, struct addr *ret_addr, uint16_t *ret_port)
{
        char text[80], *from = text, *colon;

        snprintf(text, sizeof(text), "%s", word ? word : "");
        if (addr_parse(text, ret_addr) == 0) {
                *ret_port = port;
                return 0;
        }
        colon = strrchr(text, ':');
        if (!colon)
                return -EINVAL;
        *colon = '\0';
        if (text[0] == '[') {
                from++;
                if (strchr(text, ']'))
                        *strchr(text, ']') = '\0';
        }
        *ret_port = (uint16_t) strtoul(colon + 1, NULL, 10);
        return addr_parse(from, ret_addr);
}
