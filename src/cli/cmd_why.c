/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori why: the evidence for a verdict, as a story. Reads the store; looks into /proc only to say whether the
 * process is still there. Runs unprivileged, as the person who asks. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "base/log.h"
#include "cli/cli.h"
#include "view/relay_text.h"
#include "view/story.h"

#define WHY_MATCHES_MAX 16
#define WHY_TEXT_MAX    (4u << 20)

static int read_small(const char *path, char *text, size_t size)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = read(fd, text, size - 1);
        if (n < 0)
                return -errno;
        text[n] = '\0';
        return 0;
}

/* "0f3a…-…" without the dashes. */
static int current_boot_id(uint8_t id[static 16])
{
        char text[64];
        unsigned n = 0, byte;
        int r = read_small("/proc/sys/kernel/random/boot_id", text, sizeof(text));

        if (r < 0)
                return r;
        for (const char *p = text; n < 16 && *p && *p != '\n'; p++) {
                if (*p == '-')
                        continue;
                if (sscanf(p, "%2x", &byte) != 1)
                        return -EINVAL;
                id[n++] = (uint8_t) byte;
                p++;
        }
        return n == 16 ? 0 : -EINVAL;
}

/* Start of a process in clock ticks since boot, the 22nd field of its stat. */
static int start_ticks(uint32_t pid, uint64_t *ret)
{
        char path[64], text[1024], *p;
        int r;

        snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
        r = read_small(path, text, sizeof(text));
        if (r < 0)
                return r;
        p = strrchr(text, ')'); /* the name may hold anything */
        for (int field = 2; p && field < 22; field++)
                p = strchr(p + 1, ' ');
        return p && sscanf(p, "%" SCNu64, ret) == 1 ? 0 : -EINVAL;
}

static enum story_life life_of(const struct subject *s)
{
        uint64_t ticks, hz = (uint64_t) sysconf(_SC_CLK_TCK), expected = s->start / (NSEC_PER_SEC / hz);
        uint8_t boot[16];
        int r;

        if (s->kind != SUBJECT_PROCESS || current_boot_id(boot) < 0)
                return STORY_LIFE_UNKNOWN;
        if (memcmp(boot, s->boot_id, sizeof(boot)) != 0)
                return STORY_ENDED;
        r = start_ticks(s->pid, &ticks);
        if (r == -ENOENT || r == -ESRCH)
                return STORY_ENDED;
        if (r < 0)
                return STORY_LIFE_UNKNOWN;
        return ticks + 1 >= expected && ticks <= expected + 1 ? STORY_RUNNING : STORY_ENDED;
}

struct known {
        struct text_table *table;
        bool any;
};

static int list_subject(void *userdata, const struct verdict *v)
{
        struct known *known = userdata;
        char key[SUBJECT_TEXT_MAX], title[SUBJECT_TEXT_MAX], score[SCORE_TEXT_MAX], date[CLOCK_TEXT_MAX];
        const char *cells[] = {level_name(v->level), score_format(v->score, score), text_date(v->time, date),
                               subject_title(&v->subject, title), subject_key(&v->subject, key)};

        known->any = true;
        return text_table_add(known->table, text_level_style(v->level), cells);
}

/* Nothing matched: says so, and what there is. */
static int put_known(struct cli *cli, struct store *s, const char *words)
{
        static const char *const heads[] = {"level", "score", "since", "subject", "key"};
        _cleanup_(text_table_freep)
        struct text_table *table = NULL;
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(WHY_TEXT_MAX);
        struct known known = {0};
        struct store_reader reader = {.find_kind = cli_find_kind, .subject = list_subject, .userdata = &known};
        int r = text_table_new(heads, ELEMENTSOF(heads), &table);

        if (r < 0)
                return CLI_INPUT;
        known.table = table;
        r = store_read_subjects(s, &reader, LEVEL_UNKNOWN);
        log_error("the store knows nothing about \"%s\"", words);
        if (r < 0)
                log_error("the store could not be read: %s", strerror(-r));
        else if (!cli->json) {
                buf_puts(&out, known.any ? "Known subjects:\n" : "It knows no subject.\n");
                if (known.any)
                        text_table_put(table, &out, &cli->look);
                return cli_print(&out, CLI_INPUT);
        }
        return CLI_INPUT;
}

/* As of when it is told. What only an old capture shows has not faded since. */
static nsec_t told_as_of(struct store *s)
{
        nsec_t now = clock_realtime(), read = cli_store_time(s, STORE_META_READ);

        return read > 0 && read < now && cli_store_time(s, STORE_META_ALIVE) == 0 ? read : now;
}

/* What inquiries found of a relay; also where it is accused of nothing, and so no subject. false: there were none. */
static bool put_relay(struct cli *cli, struct store *s, const struct addr *a, bool alone, struct buf *out)
{
        struct store_relay relay;

        if (store_find_relay(s, a, &relay) < 0)
                return false;
        if (cli->json) {
                relay_text_json(out, "relay", &relay.last);
                buf_putc(out, '\n');
        } else
                relay_text_put(out, &cli->look, &relay, alone);
        return true;
}

static int put_one(struct cli *cli, struct store *s, const char *key, struct buf *out)
{
        _cleanup_(dossier_freep)
        struct dossier *d = NULL;
        char link[64], program[4096];
        struct story_params params = {.config = cli->config, .now = told_as_of(s), .look = cli->look};
        int r = dossier_read(s, key, cli_find_kind, &d);

        if (r < 0) {
                log_error("%s: %s", key, strerror(-r));
                return CLI_INPUT;
        }
        params.life = life_of(&d->verdict.subject);
        if (params.life == STORY_RUNNING) {
                ssize_t n;

                snprintf(link, sizeof(link), "/proc/%" PRIu32 "/exe", d->verdict.subject.pid);
                n = readlink(link, program, sizeof(program) - 1);
                if (n > 0 && program[0] == '/') {
                        program[n] = '\0';
                        params.program = program;
                }
        }
        if (cli->json) {
                story_put_json(out, d, &params);
                buf_putc(out, '\n');
        } else
                story_put(out, d, &params);
        if (d->verdict.subject.kind == SUBJECT_RELAY)
                (void) put_relay(cli, s, &d->verdict.subject.addr, false, out);
        return d->verdict.level >= cli->fail_on ? CLI_FOUND : CLI_OK;
}

struct match {
        char key[SUBJECT_TEXT_MAX];
        enum level level;
};

static int take_level(void *userdata, const struct verdict *v)
{
        *(enum level *) userdata = v->level;
        return 0;
}

/* What was asked for by name may be several: newest first, and the worst of them is meant. Returns how many, or
 * negative errno; *ret_worst is its index. */
static int find_matches(struct store *s, const char *words, struct match *matches, int *ret_worst)
{
        char keys[WHY_MATCHES_MAX][SUBJECT_TEXT_MAX];
        int n = store_find(s, words, keys, ELEMENTSOF(keys)), worst = 0;

        for (int i = 0; i < n; i++) {
                struct store_reader reader = {.subject = take_level, .userdata = &matches[i].level};
                int r;

                matches[i].level = LEVEL_UNKNOWN;
                memcpy(matches[i].key, keys[i], sizeof(keys[i]));
                r = store_read_subject(s, &reader, keys[i]);
                if (r < 0 && r != -ENOENT)
                        return r;
                if (matches[i].level > matches[worst].level)
                        worst = i;
        }
        *ret_worst = worst;
        return n;
}

static void put_others(struct buf *out, const struct cli *cli, const struct match *matches, int n, int told)
{
        text_heading(out, &cli->look, "Other matches; ask for one by its key");
        for (int i = 0; i < n; i++) {
                if (i == told)
                        continue;
                buf_puts(out, "  ");
                text_put(out, &cli->look, text_level_style(matches[i].level), level_name(matches[i].level));
                buf_printf(out, "  %s\n", matches[i].key);
        }
        if (n == WHY_MATCHES_MAX)
                buf_puts(out, "  There may be more.\n");
}

static int run(struct cli *cli)
{
        _cleanup_(store_closep)
        struct store *s = NULL;
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(WHY_TEXT_MAX);
        struct match matches[WHY_MATCHES_MAX];
        int n, worst, status;
        struct addr a;

        if (cli_operands(cli, 1, 1) < 0 || cli_load_config(cli) < 0 || cli_open_store(cli, &s) < 0)
                return cli->status;
        n = find_matches(s, cli->argv[optind], matches, &worst);
        if (n < 0) {
                log_error("the store could not be read: %s", strerror(-n));
                return CLI_INPUT;
        }
        if (n == 0 && addr_parse(cli->argv[optind], &a) == 0 && put_relay(cli, s, &a, true, &out))
                return cli_print(&out, CLI_OK);
        if (n == 0)
                return put_known(cli, s, cli->argv[optind]);
        status = put_one(cli, s, matches[worst].key, &out);
        if (n > 1 && !cli->json)
                put_others(&out, cli, matches, n, worst);
        return cli_print(&out, status);
}

const struct command command_why = {
        .synopsis = "SUBJECT",
        .about = "Tells why a subject has its verdict: what was seen and when, also of the processes that carried its "
                 "orders out, what exceptions silenced, how the level changed, what was done, what was not seen, and "
                 "what to do next.\n\n"
                 "SUBJECT is the number or the name of a process, an address, \"self\" for this machine, or a key as "
                 "\"sekimori report\" prints it.",
        .takes = CLI_TAKES_CONFIG | CLI_TAKES_STORE | CLI_TAKES_JSON | CLI_TAKES_FAIL_ON,
        .run = run,
};
