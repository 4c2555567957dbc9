/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs a fuzzer's entry point without libFuzzer: every file of the folder given, then mutations of them by a small
 * deterministic mutator. It keeps the seeds working with every compiler and finds the coarse mistakes in each test run.
 * Usage: fuzz_x_replay FOLDER [MUTATIONS] */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define MUTATIONS 4000
#define SEEDS_MAX 256
#define INPUT_MAX 8192 /* of a mutated input; seeds are fed whole */
#define TIME_MAX  (1500 * NSEC_PER_MSEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
        uint8_t *data;
        size_t len;
};

static uint64_t random_state = 0x5e41303121ull;

/* xorshift64*: the same numbers in every run. */
static uint32_t random_below(size_t n)
{
        random_state ^= random_state >> 12;
        random_state ^= random_state << 25;
        random_state ^= random_state >> 27;
        return (uint32_t) ((random_state * 0x2545f4914f6cdd1dull >> 32) % (n ? n : 1));
}

static int read_seed(int folder, const char *name, struct input *ret)
{
        _cleanup_close_ int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
        off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
        uint8_t *data;

        if (size < 0)
                return -1;
        data = malloc((size_t) size + 1);
        if (!data || pread(fd, data, (size_t) size, 0) != size) {
                free(data);
                return -1;
        }
        *ret = (struct input){data, (size_t) size};
        return 0;
}

/* Feeds a copy of exactly the size, so that a sanitizer sees a read behind its end. */
static void feed(const uint8_t *data, size_t len)
{
        _cleanup_free_ uint8_t *copy = malloc(len ? len : 1);

        if (!copy)
                abort();
        memcpy(copy, data, len);
        (void) LLVMFuzzerTestOneInput(copy, len);
}

/* Replaces `old` bytes at `at` by `more` bytes of room; returns the new length. What does not fit is cut. */
static size_t resize_at(uint8_t *b, size_t len, size_t at, size_t old, size_t more)
{
        size_t tail = len - at - old;

        if (at + more + tail > INPUT_MAX)
                return len;
        memmove(b + at + more, b + at + old, tail);
        return at + more + tail;
}

static size_t mutate(uint8_t *b, size_t len, const struct input *other)
{
        static const uint8_t special[] = {0,   1,   0x7f, 0x80, 0xff, '\n', ' ', '"', '\'', ':', ',',
                                          '[', ']', '{',  '}',  '&',  '*',  '-', '#', '\\', '0', '9'};
        size_t at = random_below(len), n = random_below(MIN(len - at, (size_t) 64) + 1), from, grown;

        switch (random_below(7)) {
        case 0:
                if (len)
                        b[at] ^= (uint8_t) (1u << random_below(8));
                return len;
        case 1:
                if (len)
                        b[at] = special[random_below(sizeof(special))];
                return len;
        case 2:
                return resize_at(b, len, at, n, 0);
        case 3: /* a copy of what stands there */
                grown = resize_at(b, len, at, 0, n);
                return grown;
        case 4:
                grown = resize_at(b, len, at, 0, 1);
                if (grown != len)
                        b[at] = special[random_below(sizeof(special))];
                return grown;
        case 5: /* a piece of another seed */
                from = random_below(other->len);
                n = random_below(MIN(other->len - from, (size_t) 256) + 1);
                grown = resize_at(b, len, at, 0, n);
                if (grown != len)
                        memcpy(b + at, other->data + from, n);
                return grown;
        default: /* cut */
                return random_below(4) ? len : at;
        }
}

static unsigned feed_mutations(const struct input *seeds, size_t n_seeds, unsigned count)
{
        static uint8_t b[INPUT_MAX];
        nsec_t start = clock_boottime();
        unsigned done = 0;

        for (; done < count && clock_boottime() - start < TIME_MAX; done++) {
                const struct input *seed = &seeds[random_below(n_seeds)];
                size_t len = MIN(seed->len, (size_t) INPUT_MAX);

                memcpy(b, seed->data, len);
                for (unsigned i = 0, n = 1 + random_below(8); i < n; i++)
                        len = mutate(b, len, &seeds[random_below(n_seeds)]);
                feed(b, len);
        }
        return done;
}

int main(int argc, char **argv)
{
        struct input seeds[SEEDS_MAX];
        struct dirent **names = NULL;
        size_t n_seeds = 0;
        int n, folder;
        unsigned done;

        if (argc < 2 || (folder = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
            (n = scandir(argv[1], &names, NULL, alphasort)) < 0) {
                fprintf(stderr, "usage: %s FOLDER [MUTATIONS], with a folder of seeds\n", argv[0]);
                return 2;
        }
        for (int i = 0; i < n; i++) {
                if (names[i]->d_name[0] != '.' && n_seeds < SEEDS_MAX &&
                    read_seed(folder, names[i]->d_name, &seeds[n_seeds]) == 0)
                        n_seeds++;
                free(names[i]);
        }
        free(names);
        close(folder);
        if (n_seeds == 0) {
                fprintf(stderr, "%s: no seeds\n", argv[1]);
                return 1;
        }

        feed((const uint8_t *) "", 0);
        for (size_t i = 0; i < n_seeds; i++)
                feed(seeds[i].data, seeds[i].len);
        done = feed_mutations(seeds, n_seeds, argc > 2 ? (unsigned) strtoul(argv[2], NULL, 10) : MUTATIONS);
        printf("%zu seeds, %u mutations\n", n_seeds, done);
        for (size_t i = 0; i < n_seeds; i++)
                free(seeds[i].data);
        return 0;
}
