/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many Received: headers are read in a second of processor time: the bench "received". Reads a file with one
 * header's body in each line, then parses all of them again and again for so many seconds. One thread, no rights.
 * Usage: sekimori-received FILE SECONDS; prints headers, seconds, headers with an address. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "mail/received.h"

#define HEADERS_MAX 100000

static double processor_seconds(void)
{
        struct timespec t;

        (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* "\n" and "\t" as they are written become bytes. */
static struct slice unescape(char *line)
{
        char *to = line;

        for (const char *p = line; *p && *p != '\n'; p++)
                if (p[0] == '\\' && (p[1] == 'n' || p[1] == 't'))
                        *to++ = *++p == 'n' ? '\n' : '\t';
                else
                        *to++ = *p;
        return (struct slice){line, (uint32_t) (to - line)};
}

int main(int argc, char **argv)
{
        static struct slice headers[HEADERS_MAX];
        _cleanup_fclose_ FILE *file = argc == 3 ? fopen(argv[1], "re") : NULL;
        uint64_t read = 0, peers = 0;
        double begun, took, limit = argc == 3 ? strtod(argv[2], NULL) : 0;
        size_t n = 0, size = 0;
        char *line = NULL;

        if (!file) {
                fputs("usage: sekimori-received FILE SECONDS\n", stderr);
                return 2;
        }
        while (n < HEADERS_MAX && getline(&line, &size, file) > 0) {
                headers[n++] = unescape(line);
                line = NULL; /* kept to the end of the program */
                size = 0;
        }
        free(line);
        begun = processor_seconds();
        do {
                for (size_t i = 0; i < n; i++) {
                        struct received r;

                        peers += received_read(headers[i], &r) == RECEIVED_PEER;
                }
                read += n;
                took = processor_seconds() - begun;
        } while (n && took < limit);
        printf("%" PRIu64 " %.3f %" PRIu64 "\n", read, took, peers);
        return 0;
}
