/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori doctor: what this machine allows, and what to do about the rest. Looks, and changes nothing. Runs as the
 * person who asks: what root would be allowed shows only to root. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/log.h"
#include "cli/gating.h"
#include "daemon/sandbox.h"
#include "mail/inquiry_setup.h"
#include "respond/alarm.h"
#include "rules/load.h"
#include "source/source.h"

#define RESOLVER_WAIT (6 * NSEC_PER_SEC)

enum grade { GRADE_OK, GRADE_WARN, GRADE_FAIL };

struct examination {
        struct cli *cli;
        struct buf *out;
        enum grade worst;
};

/* One line: what was looked at, what was found, and what to do (NULL: nothing). */
static void finding(struct examination *x, enum grade grade, const char *what, const char *found, const char *advice)
{
        static const char *const names[] = {"ok", "warn", "fail"};
        static const enum text_style styles[] = {TEXT_GREEN, TEXT_YELLOW, TEXT_RED};
        char first[32];
        size_t len = strlen(found);

        while (len && found[len - 1] == '\n') /* words of a source end their lines */
                len--;
        x->worst = MAX(x->worst, grade);
        if (x->cli->json) {
                buf_printf(x->out, "{\"event_type\":\"doctor\",\"what\":\"%s\",\"grade\":\"%s\",\"found\":", what,
                           names[grade]);
                buf_put_json(x->out, found, len);
                buf_puts(x->out, ",\"advice\":");
                if (advice)
                        buf_put_json(x->out, advice, strlen(advice));
                else
                        buf_puts(x->out, "null");
                buf_puts(x->out, "}\n");
                return;
        }
        text_put(x->out, &x->cli->look, styles[grade], names[grade]);
        snprintf(first, sizeof(first), "%*s%-16s ", 6 - (int) strlen(names[grade]), "", what);
        buf_puts(x->out, first);
        snprintf(first, sizeof(first), "%23s", "");
        {
                _cleanup_(buf_done)
                struct buf wrapped = BUF_HEAP(16384);

                text_wrap(&wrapped, &x->cli->look, first, found);
                buf_puts(x->out, buf_str(&wrapped) + strlen(first));
        }
        if (advice)
                text_wrap(x->out, &x->cli->look, "                       -> ", advice);
}

static void look_at_kernel(struct examination *x)
{
        struct utsname u;

        if (uname(&u) == 0)
                finding(x, GRADE_OK, "kernel", u.release, NULL);
        if (access("/sys/kernel/btf/vmlinux", R_OK) == 0)
                finding(x, GRADE_OK, "BTF", "the kernel describes its types", NULL);
        else
                finding(x, GRADE_WARN, "BTF", "the kernel does not describe its types (/sys/kernel/btf/vmlinux)",
                        "The eBPF back end is not possible; /proc and packet capture are used. A kernel with "
                        "CONFIG_DEBUG_INFO_BTF sees more.");
        if (geteuid() == 0)
                finding(x, GRADE_OK, "rights", "root", NULL);
        else
                finding(x, GRADE_WARN, "rights", "not root: what BPF and the host allow cannot be told",
                        "Run \"sekimori doctor\" as root.");
}

/* Each source's own words. */
static void look_at_sources(struct examination *x)
{
        unsigned usable = 0;

        for (size_t i = 0; sources[i]; i++) {
                _cleanup_(buf_done)
                struct buf note = BUF_HEAP(8192), found = BUF_HEAP(16384);
                int r = sources[i]->probe(&note);

                usable += r == 0;
                if (r < 0)
                        buf_printf(&found, "not possible here: %s%s", strerror(-r), note.len ? "\n" : "");
                buf_puts(&found, buf_str(&note));
                if (found.len == 0)
                        buf_puts(&found, sources[i]->help);
                finding(x, r == 0 ? GRADE_OK : GRADE_WARN, sources[i]->name, buf_str(&found), NULL);
        }
        if (!usable)
                finding(x, GRADE_FAIL, "sources", "nothing of this machine can be watched",
                        geteuid() == 0 ? "See the lines above." : "Run as root, and see the lines above.");
}

static void look_at_sandbox(struct examination *x)
{
        int abi = sandbox_landlock_abi();
        char text[64];

        snprintf(text, sizeof(text), "ABI %d", abi);
        if (abi > 0)
                finding(x, GRADE_OK, "Landlock", text, NULL);
        else
                finding(x, GRADE_WARN, "Landlock", "not there",
                        "The engine runs without a cage for files. Add landlock to the kernel's lsm= option.");
        if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0)
                finding(x, GRADE_OK, "seccomp", "the engine's system calls can be limited", NULL);
        else
                finding(x, GRADE_FAIL, "seccomp", "not there", "A kernel with CONFIG_SECCOMP_FILTER is needed.");
}

static void look_at_user(struct examination *x)
{
        const char *name = x->cli->config->daemon.user;
        struct passwd *pw = getpwnam(name);
        char text[128];

        if (pw && pw->pw_uid != 0) {
                snprintf(text, sizeof(text), "%s, uid %u", name, pw->pw_uid);
                finding(x, GRADE_OK, "user", text, NULL);
        } else if (pw)
                finding(x, GRADE_FAIL, "user", "the engine would run as root", "Set daemon.user to a user of its own.");
        else {
                snprintf(text, sizeof(text), "there is no user %s: the engine runs as nobody", name);
                finding(x, GRADE_WARN, "user", text, "adduser --system --group --no-create-home sekimori");
        }
}

static void look_at_store(struct examination *x)
{
        const char *path = cli_store_path(x->cli);
        _cleanup_(buf_done)
        struct buf errors = BUF_HEAP(4096), found = BUF_HEAP(8192);
        _cleanup_(store_closep)
        struct store *s = NULL;
        struct store_params params = {.dir = path, .read_only = true};
        int r = store_open(&params, &s, &errors);

        if (access(path, F_OK) < 0) {
                buf_printf(&found, "%s is not there: %s", path, strerror(errno));
                finding(x, GRADE_WARN, "store", buf_str(&found), "\"sekimori run\" makes it, as root.");
        } else if (r < 0 && r != -ENOENT) {
                buf_printf(&found, "%s: %s", path, errors.len ? buf_str(&errors) : strerror(-r));
                finding(x, GRADE_FAIL, "store", buf_str(&found),
                        r == -EACCES ? "Run \"sekimori doctor\" as root, or name another folder with --store." :
                                       "Move the file away, or name another folder with --store.");
        } else if (access(path, W_OK) < 0) {
                buf_printf(&found, "%s can be read but not written: %s", path, strerror(errno));
                finding(x, GRADE_WARN, "store", buf_str(&found), "Only the daemon needs to write it.");
        } else {
                buf_printf(&found, "%s%s", path, r == -ENOENT ? ", empty yet" : "");
                finding(x, GRADE_OK, "store", buf_str(&found), NULL);
        }
}

static void look_at_journal(struct examination *x)
{
        _cleanup_close_ int fd = -1;
        int r = alarm_open(NULL, &fd);

        if (r == 0)
                finding(x, GRADE_OK, "journal", "changes of level are written to the system journal", NULL);
        else
                finding(x, GRADE_WARN, "journal", r == -ENOENT ? "there is none" : strerror(-r),
                        "Changes of level are printed by \"sekimori run\" and kept in the store only.");
}

/* The gate's first layer: in force, or could it be? */
static void look_at_gate_programs(struct examination *x, bool must)
{
        const struct config *c = x->cli->config;
        _cleanup_(gate_closep)
        struct gate *g = NULL;
        struct gate_state s;
        char what[64] = "", text[256];
        struct buf b = BUF_FIXED(what);
        int r = gate_open(c->gate.folder, &g);

        if (r == 0)
                r = gate_get_state(g, &s);
        if (r == 0 && gate_check(g, &b) < 0) {
                snprintf(text, sizeof(text), "kernel programs: %s is gone", what);
                finding(x, GRADE_FAIL, "mail gate", text, "sekimori gate shut");
        } else if (r == 0 && s.mode == GATE_SHUT) {
                finding(x, GRADE_OK, "mail gate", "kernel programs in force: shut", NULL);
        } else if (must) {
                finding(x, GRADE_FAIL, "mail gate", "it should be shut, and the kernel programs are not in force",
                        "sekimori gate shut");
        } else if (r == 0 || (r = gate_load(c->gate.cgroup, &g)) == 0) {
                finding(x, GRADE_OK, "mail gate", "not shut; the kernel takes its programs", NULL);
        } else {
                snprintf(text, sizeof(text), "the kernel does not take its programs: %s", strerror(-r));
                finding(x, GRADE_WARN, "mail gate", text, "Neither the gate nor `sekimori block` is possible here.");
        }
}

static void look_at_gate_rules(struct examination *x, bool must)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *senders = NULL;
        _cleanup_close_ int dir = -1;
        struct gate_rules_params p;
        struct config_cidrs forward;
        char why[256] = "", text[320];
        struct buf b = BUF_FIXED(why);
        int r;

        if (gating_open_state(x->cli, false, &dir, &senders) < 0)
                return;
        gating_rules(x->cli, senders, &forward, &p);
        r = gate_rules_check(&p, &b);
        free(forward.items);
        if (r == 0)
                finding(x, GRADE_OK, "", "nftables in force", NULL);
        else if (r == 1) {
                snprintf(text, sizeof(text), "nftables in force, but %s", why);
                finding(x, GRADE_WARN, "", text, NULL);
        } else if (r == -ENOPKG)
                finding(x, GRADE_WARN, "", "nft is not installed",
                        "The gate's second layer is not possible without it.");
        else if (must) {
                snprintf(text, sizeof(text), "nftables not in force: %s", why[0] ? why : strerror(-r));
                finding(x, GRADE_FAIL, "", text, "sekimori gate shut");
        } else
                finding(x, GRADE_OK, "", "no nftables rules", NULL);
}

static void look_at_gate(struct examination *x)
{
        struct gate_state_shut shut;
        bool must = gate_state_is_shut(x->cli->config, &shut) != 0;

        if (geteuid() != 0)
                return; /* said above */
        look_at_gate_programs(x, must);
        look_at_gate_rules(x, must);
}

static void look_at_rules(struct examination *x)
{
        struct rules_load p = {.config = x->cli->config};
        _cleanup_(ruleset_freep)
        struct ruleset *rules = NULL;
        _cleanup_(buf_done)
        struct buf text = BUF_HEAP(1u << 16);

        if (!rules_load_any(x->cli->config))
                return;
        if (rules_load(&p, &rules, &text) < 0) {
                if (text.len)
                        text.data[strcspn(text.data, "\n")] = '\0';
                finding(x, GRADE_FAIL, "rules", buf_str(&text), "\"sekimori config check\" shows it again.");
                return;
        }
        rules_load_describe(rules, &text);
        if (!x->cli->config->packets.interface)
                finding(x, GRADE_WARN, "rules", buf_str(&text),
                        "They look at packets, and packets.interface names no device: \"sekimori run\" does not use "
                        "them.");
        else
                finding(x, rules_load_refused(rules) ? GRADE_WARN : GRADE_OK, "rules", buf_str(&text), NULL);
}

static void look_at_maildir(struct examination *x, const char *path)
{
        static const char *const parts[] = {"new", "cur"};
        _cleanup_close_ int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        char text[512], why[128] = "";

        if (dir < 0)
                snprintf(why, sizeof(why), "%s", strerror(errno));
        for (size_t i = 0; i < ELEMENTSOF(parts) && !why[0]; i++) {
                _cleanup_close_ int part = openat(dir, parts[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

                if (part < 0)
                        snprintf(why, sizeof(why), "\"%s\": %s", parts[i], strerror(errno));
        }
        snprintf(text, sizeof(text), "%.300s%s%s", path, why[0] ? ": " : " can be read", why);
        if (why[0])
                finding(x, GRADE_FAIL, "Maildir", text,
                        geteuid() == 0 ? "Name a folder with \"new\" and \"cur\" in mail.maildir; until then mails in "
                                         "it are not looked into." :
                                         "Look again as root.");
        else
                finding(x, GRADE_OK, "Maildir", text, NULL);
}

struct resolver_answers {
        bool known;                      /* of any query */
        enum answer lists[RECORD_LISTS]; /* do their own test entries stand there? */
};

static void on_names(void *userdata, const struct addr *a _unused_, const struct resolve_names *names)
{
        struct resolver_answers *r = userdata;

        r->known = r->known || names->has_name != ANSWER_UNKNOWN;
}

static void on_listing(void *userdata, const struct addr *a _unused_, const struct resolve_listing *l)
{
        struct resolver_answers *r = userdata;

        r->known = r->known || l->listed != ANSWER_UNKNOWN || l->broken;
        if (l->list < RECORD_LISTS)
                r->lists[l->list] = l->listed;
}

/* Its own address's name, which resolvers answer themselves (RFC 6303), and each list's test entry (RFC 5782 5). */
static nsec_t ask_resolver(const struct inquiry_setup *s, struct resolver_answers *ret)
{
        static const struct addr self = {{[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}};
        static const struct addr entry = {{[10] = 0xff, [11] = 0xff, 127, 0, 0, 2}};
        nsec_t begun = clock_boottime(), now = begun;
        struct resolve *r = s->params.resolve;

        (void) resolve_ask_names(r, now, &self, on_names, ret);
        for (unsigned i = 0; i < s->params.n_lists; i++)
                (void) resolve_ask_list(r, now, i, &entry, on_listing, ret);
        resolve_process(r, now);
        while (resolve_waiting(r) && now - begun < RESOLVER_WAIT) {
                struct pollfd p = {.fd = resolve_fd(r), .events = POLLIN};

                (void) poll(&p, 1, (int) ((RESOLVER_WAIT - (now - begun)) / NSEC_PER_MSEC) + 1);
                now = clock_boottime();
                resolve_process(r, now);
        }
        return now - begun;
}

static void look_at_resolver(struct examination *x, const struct inquiry_setup *s)
{
        const char *name = x->cli->config->mail.resolver;
        struct resolver_answers answers = {0};
        char text[512], span[CLOCK_TEXT_MAX];
        nsec_t took = ask_resolver(s, &answers);
        struct resolve_stats stats;

        resolve_get_stats(s->params.resolve, &stats);
        if (!name)
                name = "of /etc/resolv.conf";
        if (!stats.answered && !answers.known) {
                snprintf(text, sizeof(text), "%.300s does not answer", name);
                finding(x, GRADE_WARN, "resolver", text,
                        "Relays are judged without their names and lists. Set mail.resolver, or mail.ask: false.");
                return;
        }
        snprintf(text, sizeof(text), "%.300s answers, in %s", name, clock_format_span(took, span));
        finding(x, GRADE_OK, "resolver", text, NULL);
        for (unsigned i = 0; i < s->params.n_lists; i++)
                if (answers.lists[i] == ANSWER_YES)
                        finding(x, GRADE_OK, "list", s->lists[i], NULL);
                else {
                        snprintf(text, sizeof(text), "%.300s does not give its test entry (127.0.0.2)", s->lists[i]);
                        finding(x, GRADE_WARN, "list", text,
                                "It is gone, or does not answer this resolver: many refuse public ones. It is not "
                                "believed.");
                }
}

/* Whom `run` and `mail` would ask; nobody where nothing of it is configured. */
static void look_at_mail(struct examination *x)
{
        const struct config *c = x->cli->config;
        const struct inquiry_more more = {0};
        _cleanup_(inquiry_setup_freep)
        struct inquiry_setup *s = NULL;
        char text[512] = "";
        struct buf why = BUF_FIXED(text);
        int r;

        for (size_t i = 0; i < c->mail.maildir.n; i++)
                look_at_maildir(x, c->mail.maildir.items[i]);
        if (!c->mail.maildir.n && !c->mail.resolver && !c->mail.lists.n)
                return;
        r = inquiry_setup_new(c, &more, &why, &s);
        if (r < 0)
                finding(x, GRADE_FAIL, "mail", text[0] ? text : strerror(-r), "Correct the section \"mail\".");
        else if (s->params.resolve)
                look_at_resolver(x, s);
}

static int run(struct cli *cli)
{
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(1u << 20);
        struct examination x = {.cli = cli, .out = &out};
        int bad_config;

        if (cli_operands(cli, 0, 0) < 0)
                return cli->status;
        bad_config = cli_load_config(cli);
        if (bad_config < 0 && config_new_default(&cli->config) < 0)
                return CLI_INPUT;
        look_at_kernel(&x);
        look_at_sources(&x);
        look_at_gate(&x);
        look_at_sandbox(&x);
        look_at_user(&x);
        look_at_store(&x);
        look_at_journal(&x);
        look_at_rules(&x);
        look_at_mail(&x);
        if (bad_config < 0)
                finding(&x, GRADE_FAIL, "configuration", "wrong, as said above",
                        "\"sekimori config check\" shows it again.");
        else
                finding(&x, GRADE_OK, "configuration", cli->config->source ? cli->config->source : "built-in defaults",
                        NULL);
        return cli_print(&out, bad_config < 0 ? CLI_CONFIG : x.worst == GRADE_FAIL ? CLI_INPUT : CLI_OK);
}

const struct command command_doctor = {
        .synopsis = "",
        .about = "Says what this machine allows: kernel, BPF, each source of events, sandbox, user, store, journal, "
                 "rules, Maildirs, resolver and block lists of the section mail, "
                 "configuration. Each line is ok, warn or fail, with what to do about it. Changes nothing.\n\n"
                 "Ends with status 3 if a line failed, 78 if that is the configuration.",
        .takes = CLI_TAKES_CONFIG | CLI_TAKES_STORE | CLI_TAKES_JSON,
        .run = run,
};
