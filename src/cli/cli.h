/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the commands share: the registry (commands.def), options, configuration and store as asked for on the command
 * line, output and exit status. A command is a row in commands.def and an object command_<name> in cmd_<name>.c; its
 * help and the manual are printed from both. Runs in whichever process the person started. */
#ifndef SEKIMORI_CLI_CLI_H
#define SEKIMORI_CLI_CLI_H

#include "base/buf.h"
#include "config/config.h"
#include "detect/detector.h"
#include "store/store.h"
#include "view/text.h"

enum cli_status {
        CLI_OK = 0,     /* nothing at or above --fail-on */
        CLI_FOUND = 1,  /* something was found */
        CLI_USAGE = 2,  /* the command line is wrong */
        CLI_INPUT = 3,  /* an input could not be read, or what was asked for is not there */
        CLI_CONFIG = 78 /* the configuration is wrong (EX_CONFIG) */
};

enum cli_take { /* the common options a command takes */
                CLI_TAKES_CONFIG = 1 << 0,
                CLI_TAKES_STORE = 1 << 1,
                CLI_TAKES_JSON = 1 << 2,
                CLI_TAKES_FAIL_ON = 1 << 3,
};

#define CLI_OPTIONS_MAX 32

/* A command's own option. The table ends with id 0. */
struct cli_option {
        int id;           /* the short letter, or from 256 on when there is none */
        const char *name; /* long name */
        const char *arg;  /* name of its argument, NULL: takes none */
        const char *help; /* one line */
};

struct cli;

struct command {
        const char *synopsis;             /* what follows the command's name: "SUBJECT" */
        const char *about;                /* paragraphs for --help and the manual, separated by \n\n */
        uint32_t takes;                   /* enum cli_take */
        bool hidden;                      /* not listed */
        const struct cli_option *options; /* may be NULL */
        int (*run)(struct cli *cli);      /* returns an enum cli_status */
};

struct cli {
        const struct command *command;
        const char *name; /* of the command */
        int argc;         /* of the command: argv[0] is its name */
        char **argv;
        /* what the common options said; the paths are NULL when not given */
        const char *config_path, *store_path;
        bool json;
        unsigned fail_on; /* enum level; LEVELS: never */
        int status;       /* why cli_getopt() or cli_load_config() failed: what run() returns then */
        struct text_look look;
        struct config *config; /* after cli_load_config() */
};

/* The registry, in the order of commands.def. */
struct cli_row {
        const char *name, *help;
        const struct command *command;
};
extern const struct cli_row cli_rows[];
extern const size_t cli_n_rows;
extern const struct cli_option cli_common_options[]; /* id 0 at the end; ids as in cli.c */
/* Whether the command takes that common option. */
bool cli_takes(const struct command *c, const struct cli_option *o);

/* The next option of the command's own (its id, argument in optarg); 0: no more, optind stands at the first operand;
 * negative: cli->status says what run() returns (help was printed, or a usage error). Common options are taken here. */
int cli_getopt(struct cli *cli);
/* For commands without options of their own: 0, or negative as above, also when there are not `least` to `most`
 * operands. */
int cli_operands(struct cli *cli, int least, int most);
/* Says what is wrong and how to get help; returns CLI_USAGE. */
int cli_usage(struct cli *cli, const char *format, ...) _printf_(2, 3);

/* One more network of --home. 0, or negative with cli->status set. */
int cli_take_home(struct cli *cli, struct config_cidrs *nets, const char *text);
/* Loads --config (or the default) into cli->config. 0, or negative with the errors printed and cli->status set. */
int cli_load_config(struct cli *cli);
#define CLI_PLACE_MAX 512
/* Where `run` without root keeps its store and its socket when nobody named others; NULL: then it has none. Needs
 * cli_load_config(). */
const char *cli_own_store(const struct cli *cli, char path[static CLI_PLACE_MAX]);
const char *cli_own_control(const struct cli *cli, char path[static CLI_PLACE_MAX]);
/* --store, else the configuration's. Needs cli_load_config(). */
const char *cli_store_path(const struct cli *cli);
/* Opens the store for reading; without root, where there is none to be read and none was named, a person's own, which
 * is said. 0, or negative with the reason printed and cli->status set. */
int cli_open_store(struct cli *cli, struct store **ret);
/* A time that the store keeps by that name (STORE_META_ALIVE, STORE_META_READ); 0: none. */
nsec_t cli_store_time(struct store *s, const char *key);
/* Evidence kinds for struct store_reader. */
const struct evidence_kind *cli_find_kind(const char *name);

/* Writes to standard output. A reader that left is no error. Returns `status`, or CLI_INPUT when it cannot be written.
 */
int cli_print(const struct buf *out, int status);
/* Standard output is a pipe or a socket that nobody will read any more. */
bool cli_reader_left(void);

/* The help of one command, and the list of all (with `rows` as in cli_rows). */
void cli_help(struct buf *out, const struct cli_row *row);
void cli_list(struct buf *out);
void cli_version(struct buf *out);

#endif
