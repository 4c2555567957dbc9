/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori gate: the mail gate. Runs as root where it changes something; what it sets in the kernel goes on without it.
 */
#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/gating.h"
#include "respond/gate_file.h"
#include "respond/gate_unit.h"
#include "view/gate_text.h"

#define LOG_MAX (16u << 20)

enum { OPTION_FOR = 256, OPTION_USER, OPTION_HASH, OPTION_REASON, OPTION_SINCE };

static const struct cli_option options[] = {
        {OPTION_FOR, "for", "SPAN", "open: how long, such as 10m; at most 1d"},
        {OPTION_USER, "user", "NAME", "allow: the program only when this user runs it"},
        {OPTION_HASH, "sha256", NULL, "allow: the program only with the content it has now"},
        {OPTION_REASON, "reason", "TEXT", "shut, allow, deny: why; kept with it"},
        {OPTION_SINCE, "since", "SPAN", "log: how far back (default: 1d)"},
        {0},
};

struct asked {
        struct cli *cli;
        const char *user, *reason, *what;
        nsec_t span, since;
        unsigned given; /* options, a bit each */
        bool hash;
};

#define GIVEN(option) (1u << ((option) % 256))

static int take_option(struct asked *a, int option)
{
        nsec_t *span = option == OPTION_FOR ? &a->span : &a->since;

        a->given |= GIVEN(option);
        switch (option) {
        case OPTION_FOR:
        case OPTION_SINCE:
                if (clock_parse_span(optarg, span) == 0 && *span > 0)
                        return 0;
                a->cli->status = cli_usage(a->cli, "\"%s\" is no length of time", optarg);
                return -EINVAL;
        case OPTION_USER:
                a->user = optarg;
                return 0;
        case OPTION_HASH:
                a->hash = true;
                return 0;
        default:
                a->reason = optarg;
                return 0;
        }
}

static int do_shut(struct asked *a)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *senders = NULL;
        _cleanup_close_ int dir = -1;
        char by[32];
        int r;

        if (acting_need_root(a->cli) < 0 || gating_open_state(a->cli, true, &dir, &senders) < 0)
                return a->cli->status;
        r = gate_state_clear_open(dir);
        if (r == 0)
                r = gate_state_shut(dir, acting_by(by), a->reason ? a->reason : "", clock_realtime());
        if (r < 0) {
                log_error("%s: %s; the gate was not shut", a->cli->config->gate.state, strerror(-r));
                return CLI_INPUT;
        }
        r = gating_shut(a->cli, senders, false);
        acting_record(a->cli, ACTION_GATE, NULL, "sekimori gate remove", "shut%s%s", a->reason ? ": " : "",
                      a->reason ? a->reason : "");
        if (r < 0)
                return CLI_INPUT;
        r = gating_install_unit();
        printf("The mail gate is shut: no mail leaves this machine unless a person, or a declared sender, sends it.\n");
        if (r == -ENOSYS)
                printf("This machine was not started by systemd: run `sekimori gate load` at boot, before the network "
                       "is up.\n");
        else if (r < 0)
                log_error("it will not be shut after a restart: %s", strerror(-r));
        if (senders->n == 0)
                printf("No sender is declared. `sekimori gate status` shows who was seen sending; `sekimori gate "
                       "allow` declares.\n");
        printf("To undo: sekimori gate remove\n");
        return r < 0 && r != -ENOSYS ? CLI_INPUT : CLI_OK;
}

/* At boot: shut if it was shut. */
static int do_load(struct asked *a)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *senders = NULL;
        _cleanup_close_ int dir = -1;
        struct gate_state_shut shut;

        if (acting_need_root(a->cli) < 0)
                return a->cli->status;
        if (gate_state_is_shut(a->cli->config, &shut) == 0)
                return CLI_OK;
        /* A list that cannot be read declares nobody; the gate is shut all the same. */
        if (gating_open_state(a->cli, false, &dir, &senders) < 0 && !(senders = gate_senders_new()))
                return CLI_INPUT;
        if (dir >= 0 && gate_state_get_open(dir) == 0)
                (void) gate_state_clear_open(dir); /* of before the restart, or over */
        return gating_shut(a->cli, senders, true) < 0 ? CLI_INPUT : CLI_OK;
}

static int do_remove(struct asked *a)
{
        _cleanup_close_ int dir = -1;
        int r;

        if (acting_need_root(a->cli) < 0)
                return a->cli->status;
        r = gate_state_open(a->cli->config->gate.state, false, &dir);
        if (r == 0)
                r = gate_state_clear_open(dir);
        if (r == 0)
                r = gate_state_clear(dir);
        if (r < 0 && r != -ENOENT)
                log_error("%s: %s", a->cli->config->gate.state, strerror(-r));
        r = gating_take_away(a->cli);
        if (gating_remove_unit() < 0)
                log_error("the boot unit " GATING_UNIT " cannot be taken away: %s", strerror(errno));
        if (r < 0)
                return CLI_INPUT;
        acting_record(a->cli, ACTION_GATE, NULL, "", "removed");
        printf("The mail gate is removed: mail is not controlled.");
        if (dir >= 0)
                gate_senders_lock_remove(dir);
        if (rmdir(a->cli->config->gate.state) < 0 && errno != ENOENT)
                printf(" Declared senders are kept in %s.", a->cli->config->gate.state);
        printf("\n");
        return CLI_OK;
}

/* On disk first: what is open without standing there was opened by nobody, and the keeper shuts it. */
static int open_until(const struct asked *a, const struct gate *g, struct gate_state *s, nsec_t until)
{
        _cleanup_close_ int dir = -1;
        char by[32];
        int r = gate_state_open(a->cli->config->gate.state, true, &dir);

        if (r == 0)
                r = gate_state_open_until(dir, acting_by(by), until);
        if (r < 0)
                return r;
        s->open_until = (uint64_t) until;
        s->serial++;
        r = gate_set_state(g, s);
        if (r < 0)
                (void) gate_state_clear_open(dir);
        return r;
}

static int do_open(struct asked *a)
{
        _cleanup_(gate_closep)
        struct gate *g = NULL;
        struct gate_state s;
        char span[CLOCK_TEXT_MAX];
        int r;

        if (acting_need_root(a->cli) < 0)
                return a->cli->status;
        if (!a->span || a->span > GATE_STATE_OPEN_MOST)
                return cli_usage(a->cli, "for how long? --for 10m, at most --for 1d");
        r = gate_open(a->cli->config->gate.folder, &g);
        if (r == 0)
                r = gate_get_state(g, &s);
        if (r == -ENOENT || (r == 0 && s.mode != GATE_SHUT)) {
                log_error("the gate is not shut");
                return CLI_INPUT;
        }
        if (r == 0)
                r = open_until(a, g, &s, clock_boottime() + a->span);
        if (r < 0) {
                log_error("the gate cannot be opened: %s", strerror(-r));
                return CLI_INPUT;
        }
        clock_format_span(a->span, span);
        acting_record(a->cli, ACTION_GATE, NULL, "sekimori gate shut", "open for %s", span);
        printf("The mail gate is open for %s; then it is shut by itself. To shut it now: sekimori gate shut\n", span);
        return CLI_OK;
}

static int do_log(struct asked *a)
{
        _cleanup_(store_closep)
        struct store *s = NULL;
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(LOG_MAX);
        nsec_t since = clock_realtime() - (a->since ? a->since : 86400 * NSEC_PER_SEC);
        int r;

        if (cli_open_store(a->cli, &s) < 0)
                return a->cli->status;
        r = gate_log_print(s, since, a->cli->json, &out);
        if (r < 0) {
                log_error("the log cannot be read: %s%s", strerror(-r),
                          r == -ENOBUFS || r == -EFBIG ? "; ask for less with --since" : "");
                return CLI_INPUT;
        }
        if (!out.len && !a->cli->json)
                buf_puts(&out, "Nothing happened at the mail gate.\n");
        return cli_print(&out, CLI_OK);
}

static int take_program_hash(const char *path, char *ret, char reason[static GATE_FILE_REASON_MAX])
{
        _cleanup_(gate_files_freep)
        struct gate_files *files = NULL;
        struct gate_file f;
        int r = gate_files_new(NULL, 0, &files);

        if (r == 0)
                r = gate_files_refresh(files);
        if (r == 0)
                r = gate_files_look(files, path, &f, reason);
        if (r < 0)
                return r;
        r = ret ? gate_file_sha256(&f, ret) : 0;
        gate_file_done(&f);
        return r;
}

/* What kind of thing is meant, and everything that the list needs of it. */
static int describe(struct asked *a, struct gate_sender *ret, struct gate_unit *unit,
                    char hash[static GATE_FILE_SHA256_MAX])
{
        char reason[GATE_FILE_REASON_MAX] = "";
        int r;

        if (a->what[0] == '/') {
                ret->kind = GATE_SENDER_PROGRAM;
                r = take_program_hash(a->what, a->hash ? hash : NULL, reason);
                ret->user = (char *) (uintptr_t) a->user;
                ret->sha256 = a->hash ? hash : NULL;
        } else if (cidr_parse(a->what, &ret->net) == 0) {
                ret->kind = GATE_SENDER_NETWORK;
                r = 0;
        } else {
                ret->kind = GATE_SENDER_UNIT;
                r = gate_unit_find(a->what, unit, reason);
                ret->cgroup = unit->path;
                ret->value = unit->name;
                if (r >= 0 && gate_unit_check_path(unit->path, reason) < 0)
                        r = -EINVAL;
                if (r == 1)
                        log_warning("systemd cannot be asked; by its rules %s runs in %s", unit->name, unit->path);
                return r < 0 ? cli_usage(a->cli, "\"%s\" %s", a->what,
                                         reason[0] ? reason : "is no unit that systemd knows") :
                               0;
        }
        if (r < 0) {
                log_error(reason[0] ? "%s %s" : "%s: %s", a->what, reason[0] ? reason : strerror(-r));
                return CLI_INPUT;
        }
        return 0;
}

static int save(struct asked *a, int dir, const struct gate_senders *senders, const char *format, const char *what)
{
        int r = gate_senders_save(dir, senders);

        if (r < 0) {
                log_error("%s: %s", a->cli->config->gate.state, strerror(-r));
                return CLI_INPUT;
        }
        acting_record(a->cli, ACTION_GATE, NULL, "sekimori gate undo", format, what);
        return CLI_OK;
}

static int do_allow(struct asked *a)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *senders = NULL;
        _cleanup_close_ int dir = -1;
        char hash[GATE_FILE_SHA256_MAX], by[32], reason[128] = "";
        struct gate_unit unit = {.name = ""};
        struct gate_sender s = {.when = clock_realtime(), .uid = UINT32_MAX};
        uint32_t number;
        int status;

        if (acting_need_root(a->cli) < 0)
                return a->cli->status;
        s.value = (char *) (uintptr_t) a->what;
        s.who = (char *) (uintptr_t) acting_by(by);
        s.reason = (char *) (uintptr_t) (a->reason ? a->reason : "");
        status = describe(a, &s, &unit, hash);
        if (status)
                return status;
        if (gating_open_state(a->cli, true, &dir, &senders) < 0)
                return a->cli->status;
        if (gate_senders_add(senders, &s, &number, reason) < 0) {
                log_error("%s %s", a->what, reason);
                return CLI_INPUT;
        }
        status = save(a, dir, senders, "declared sender: %s", s.value);
        if (status == CLI_OK)
                printf("%s may send mail now. To undo: sekimori gate undo\n", s.value);
        return status == CLI_OK ? gating_reseed(a->cli, senders) : status;
}

static int do_deny(struct asked *a)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *senders = NULL;
        _cleanup_close_ int dir = -1;
        const struct gate_sender *s;
        int status;

        if (acting_need_root(a->cli) < 0 || gating_open_state(a->cli, true, &dir, &senders) < 0)
                return a->cli->status;
        s = gate_senders_find_text(senders, a->what);
        if (!s) {
                log_error("%s is no declared sender: `sekimori gate status` lists them", a->what);
                return CLI_INPUT;
        }
        (void) gate_senders_remove(senders, s->number);
        status = save(a, dir, senders, "not a declared sender any more: %s", a->what);
        if (status == CLI_OK)
                printf("%s may not send mail any more. To undo: sekimori gate undo\n", a->what);
        return status == CLI_OK ? gating_reseed(a->cli, senders) : status;
}

static int do_undo(struct asked *a)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *senders = NULL;
        _cleanup_close_ int dir = -1;
        int r;

        if (acting_need_root(a->cli) < 0 || gating_open_state(a->cli, true, &dir, &senders) < 0)
                return a->cli->status;
        r = gate_senders_undo(dir);
        if (r < 0) {
                log_error("%s", r == -ENOENT ? "there is nothing to undo" : strerror(-r));
                return CLI_INPUT;
        }
        gate_senders_free(TAKE_PTR(senders));
        r = gate_senders_load(dir, &senders, NULL);
        if (r < 0)
                return CLI_INPUT;
        acting_record(a->cli, ACTION_GATE, NULL, "", "the last change of declared senders was undone");
        printf("The declared senders are as before the last change: %zu.\n", senders->n);
        return gating_reseed(a->cli, senders);
}

static int do_status(struct asked *a)
{
        return gating_status(a->cli);
}

static const struct verb {
        const char *name;
        int (*run)(struct asked *a);
        bool operand;
        unsigned takes; /* GIVEN() */
} verbs[] = {
        {"status", do_status, false, 0},
        {"log", do_log, false, GIVEN(OPTION_SINCE)},
        {"shut", do_shut, false, GIVEN(OPTION_REASON)},
        {"open", do_open, false, GIVEN(OPTION_FOR)},
        {"remove", do_remove, false, 0},
        {"allow", do_allow, true, GIVEN(OPTION_USER) | GIVEN(OPTION_HASH) | GIVEN(OPTION_REASON)},
        {"deny", do_deny, true, GIVEN(OPTION_REASON)},
        {"undo", do_undo, false, 0},
        {"load", do_load, false, 0},
};

/* What would be left out in silence might be what was meant: `shut --for 10m` shuts until somebody opens. */
static int check_options(const struct asked *a, const struct verb *v)
{
        for (const struct cli_option *o = options; o->id; o++)
                if (a->given & ~v->takes & GIVEN(o->id))
                        return cli_usage(a->cli, "gate %s does not take --%s", v->name, o->name);
        if (a->what && a->what[0] != '/' && a->given & (GIVEN(OPTION_USER) | GIVEN(OPTION_HASH)))
                return cli_usage(a->cli, "--user and --sha256 are of a program, by its path");
        return CLI_OK;
}

static int run(struct cli *cli)
{
        struct asked a = {.cli = cli};
        const struct verb *v = NULL;
        int option, n;

        while ((option = cli_getopt(cli)) > 0)
                if (take_option(&a, option) < 0)
                        return cli->status;
        if (option < 0)
                return cli->status;
        n = cli->argc - optind;
        for (size_t i = 0; n > 0 && i < ELEMENTSOF(verbs); i++)
                if (strcmp(cli->argv[optind], verbs[i].name) == 0)
                        v = &verbs[i];
        if (!v)
                return cli_usage(cli, "it is status, log, shut, open, remove, allow, deny or undo");
        if (n != 1 + v->operand)
                return cli_usage(
                        cli, v->operand ? "gate %s: whom? One unit, program or network" : "gate %s takes nothing else",
                        v->name);
        a.what = v->operand ? cli->argv[optind + 1] : NULL;
        if (check_options(&a, v) != CLI_OK || cli_load_config(cli) < 0)
                return cli->status;
        return v->run(&a);
}

const struct command command_gate = {
        .synopsis = "status|log|shut|open|remove|allow WHO|deny WHO|undo",
        .about =
                "The mail gate: no mail leaves this machine unless a person, or a declared sender, sends it. It begins "
                "by learning: it watches, refuses nothing, and proposes whom to declare.\n\n"
                "shut puts it in force, now and at every boot before the network is up. open --for 10m lets everything "
                "through for a while. remove takes it away and leaves the machine as it was.\n\n"
                "allow declares a sender: a systemd unit (postfix@-.service), a program by its path (with --user, with "
                "--sha256), or a network whose mail passes through this machine (192.0.2.0/24). deny takes it back, "
                "undo takes back the last of these.\n\n"
                "Rescue: if you cannot send what you must, `sekimori gate open --for 10m`; if sekimori itself does not "
                "run, `nft delete table inet sekimori_gate; nft delete table netdev sekimori_gate; "
                "umount /run/sekimori.gate` takes both layers away until the next boot, and removing "
                "/etc/sekimori/gate/shut takes them away for good.",
        .takes = CLI_TAKES_CONFIG | CLI_TAKES_STORE | CLI_TAKES_JSON,
        .options = options,
        .run = run,
};
