/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori mail: who really sent these mails, and what kind of machine that was. One unprivileged process that closes
 * its sandbox before it reads the first byte of a mail; what it asks, it asks the configured resolver, and with
 * --offline nobody. */
#include <errno.h>
#include <signal.h>
#include <sysexits.h>

#include "base/log.h"
#include "cli/mail_again.h"
#include "cli/mail_learn.h"
#include "cli/mail_stats.h"
#include "cli/mailing.h"

#define OUT_MAX        (16u << 20)
#define PROGRESS_EVERY (250 * NSEC_PER_MSEC)
#define LOOK_EVERY     32 /* mails */

enum {
        MAIL_TRUST = 1000,
        MAIL_OFFLINE,
        MAIL_RESOLVER,
        MAIL_LIST,
        MAIL_SPAM,
        MAIL_HAM,
        MAIL_PACKETS,
        MAIL_NMAP,
        MAIL_PLAN,
        MAIL_PROBE,
        MAIL_ALLOW,
        MAIL_PROBE_LOG,
        MAIL_LEARN,
        MAIL_AGAIN,
        MAIL_STATS,
        MAIL_CONSENT,
        MAIL_OPT_OUT,
        MAIL_BY,
        MAIL_HEADER,
        MAIL_ABUSE_REPORT,
        MAIL_REPORTER,
};

static const struct cli_option options[] = {
        {MAIL_TRUST, "trust", "NET|NAME",
         "a server whose headers are believed: a network, an address, or a confirmed reverse name; may be given "
         "several times"},
        {MAIL_OFFLINE, "offline", NULL, "ask nobody, not even DNS"},
        {MAIL_RESOLVER, "resolver", "ADDRESS", "ask this resolver, in place of the configured one or the machine's"},
        {MAIL_LIST, "list", "ZONE|FILE",
         "a block list, by DNS or in a file (with a / in its name); =exploited behind it says what a listing means; "
         "may "
         "be given several times"},
        {MAIL_SPAM, "spam", NULL, "these mails are spam"},
        {MAIL_HAM, "ham", NULL, "these mails are none"},
        {MAIL_PACKETS, "packets", "FILE",
         "a capture with the connections that brought the mails: tells the relays' systems"},
        {MAIL_NMAP, "nmap", "FILE",
         "what you had nmap -oX write about relays: their systems, and whether a mail server listens"},
        {MAIL_PLAN, "plan", NULL, "say what a probe would do, and probe nobody"},
        {MAIL_PROBE, "probe", NULL, "connect to port 25 of relays, where that is allowed"},
        {MAIL_ALLOW, "allow", "NET|FILE",
         "a network whose owner agrees to be probed, or a file of such; may be given several times"},
        {MAIL_PROBE_LOG, "probe-log", "FILE", "write all that probes send and hear to this file"},
        {MAIL_LEARN, "learn", NULL,
         "say which servers stand on top of all these mails, for you to trust them; changes nothing"},
        {MAIL_AGAIN, "again", NULL, "ask again about the relays in the store whose time has come"},
        {MAIL_STATS, "stats", NULL, "the relays in the store in numbers: systems, classes, first and second inquiry"},
        {MAIL_CONSENT, "consent", "ADDRESS", "note in the store that it may be probed; wants --by"},
        {MAIL_OPT_OUT, "opt-out", "ADDRESS", "note in the store that it must never be probed; wants --by"},
        {MAIL_BY, "by", "WHO", "who said so, and where that can be looked up"},
        {MAIL_HEADER, "header", NULL, "in a delivery pipe: pass the mail on with a field X-Sekimori-Status"},
        {MAIL_ABUSE_REPORT, "abuse-report", "FOLDER",
         "write abuse reports about relays that do harm, for you to send: ARF and XARF"},
        {MAIL_REPORTER, "reporter", "ADDRESS", "whom such a report is to be answered to"},
        {0},
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal _unused_)
{
        interrupted = 1;
}

/* --- options --- */

static int add_word(struct mailing *m, struct words *w, const char *option)
{
        if (w->n == MAIL_WORDS_MAX)
                return cli_usage(m->cli, "more than %d times --%s", MAIL_WORDS_MAX, option), -E2BIG;
        w->items[w->n++] = optarg;
        return 0;
}

static int take_option(struct mailing *m, int option)
{
        struct inquiry_more *more = &m->params.more;

        switch (option) {
        case MAIL_TRUST:
                return add_word(m, &m->trust, "trust");
        case MAIL_LIST:
                return add_word(m, &m->lists, "list");
        case MAIL_ALLOW:
                return add_word(m, &m->allow, "allow");
        case MAIL_OFFLINE:
                more->offline = true;
                break;
        case MAIL_RESOLVER:
                more->resolver = optarg;
                break;
        case MAIL_SPAM:
        case MAIL_HAM:
                if (m->spam != ANSWER_UNKNOWN && (m->spam == ANSWER_YES) != (option == MAIL_SPAM))
                        return cli_usage(m->cli, "they are spam or ham, not both"), -EINVAL;
                m->spam = option == MAIL_SPAM ? ANSWER_YES : ANSWER_NO;
                break;
        case MAIL_PACKETS:
                m->params.packets = optarg;
                break;
        case MAIL_NMAP:
                m->params.nmap = optarg;
                break;
        case MAIL_PLAN:
                more->plan = true;
                break;
        case MAIL_PROBE:
                more->probe = true;
                break;
        case MAIL_PROBE_LOG:
                m->params.probe_log = optarg;
                break;
        case MAIL_LEARN:
        case MAIL_AGAIN:
        case MAIL_STATS:
                *(option == MAIL_LEARN ? &m->learn : option == MAIL_AGAIN ? &m->again : &m->numbers) = true;
                break;
        case MAIL_CONSENT:
                m->consent = optarg;
                break;
        case MAIL_OPT_OUT:
                m->opt_out = optarg;
                break;
        case MAIL_ABUSE_REPORT:
                m->report_folder = optarg;
                break;
        case MAIL_REPORTER:
                m->reporter = optarg;
                break;
        case MAIL_BY:
                m->by = optarg;
                break;
        default:
                break;
        }
        return 0;
}

static int take_options(struct mailing *m)
{
        struct inquiry_more *more = &m->params.more;
        int option, r = 0;

        while (r >= 0 && (option = cli_getopt(m->cli)) > 0)
                r = take_option(m, option);
        if (r < 0 || option < 0)
                return -EINVAL;
        more->trust = m->trust.items;
        more->n_trust = m->trust.n;
        more->lists = m->lists.items;
        more->n_lists = m->lists.n;
        more->allow = m->allow.items;
        more->n_allow = m->allow.n;
        if (more->offline && (more->probe || more->resolver)) {
                cli_usage(m->cli, "--offline asks nobody; it goes with neither --probe nor --resolver");
                return -EINVAL;
        }
        return 0;
}

/* --- mails --- */

static void report(struct mailing *m, const struct passing *p, const struct chain *chain, const struct record *record)
{
        int r = mail_reports_add(m->reports, record, chain, p->head, p->len);

        if (r < 0)
                log_error("%s: a report cannot be written: %s", m->report_folder, strerror(-r));
}

static void on_done(void *userdata, void *mail, const struct chain *chain, const struct record *record)
{
        struct mailing *m = userdata;
        struct passing *p = mail;
        struct record placed = *record;

        if (!m->asking.stopped) /* what was cut short is judged again */
                mail_records_put(m->records, &placed);
        if (m->piped)
                *m->piped = (struct mail_header_told){chain->end, placed};
        else if (chain)
                mail_tell(m, p, chain, &placed);
        else
                mail_again_tell(m, &placed);
        if (m->reports && chain)
                report(m, p, chain, &placed);
        free(p);
}

static void on_mail(void *userdata, const char *path, bool many, const struct mbox_mail *mail)
{
        struct mailing *m = userdata;
        size_t n = strlen(path) + 1, head = m->reports ? MIN(mail->len, (size_t) MAIL_REPORTS_HEAD) : 0;
        struct inquiry_mail asked = {.head = mail->head, .len = mail->len, .spam = m->spam};
        struct passing *p;
        int r = -ENOMEM;

        m->passed_over = mail_records_skip(m->records, mail->head, mail->len);
        if (m->passed_over)
                return;
        asked.mail = p = malloc(sizeof(*p) + n + head);
        if (p) {
                p->head = memcpy(p->path + n, mail->head, head);
                p->len = head;
                p->number = many ? mail->number : 0;
                p->cut = mail->cut;
                memcpy(p->path, path, n);
                r = mail_asking_add(&m->asking, &asked);
        }
        if (r < 0) {
                log_error("%s: %s", path, strerror(-r));
                free(p);
        }
        if (m->stats.mails % LOOK_EVERY == 0)
                mail_asking_look(&m->asking);
}

static bool on_keep(void *userdata, const struct mbox_mail *mail)
{
        const struct mailing *m = userdata;

        return !m->passed_over && mail_complaints_wants(mail);
}

static void on_whole(void *userdata, const char *path, const struct mbox_mail *mail)
{
        struct mailing *m = userdata;

        mail_complaints_take(m->complaints, path, mail, &m->out);
}

static void on_trouble(void *userdata, const char *path, const char *reason)
{
        mail_tell_write(userdata);
        log_error("%s: %s", strcmp(path, "-") == 0 ? "standard input" : path, reason);
}

/* Nobody is asked for a reader who left; records and reports are for others. */
static bool is_over(const struct mailing *m)
{
        return interrupted || m->gone || (!m->records && !m->reports && cli_reader_left());
}

static bool on_stop(void *userdata)
{
        struct mailing *m = userdata;
        bool over = is_over(m);
        nsec_t now;

        if (!m->progress || over)
                return over;
        now = clock_boottime();
        if (now - m->told < PROGRESS_EVERY)
                return false;
        m->told = now;
        mail_tell_progress(m);
        return false;
}

/* --- running --- */

/* Opens what is needed, closes the sandbox, and begins. */
static int prepare(struct mailing *m)
{
        char text[1024];
        struct buf why = BUF_FIXED(text);
        int r;

        if (cli_load_config(m->cli) < 0)
                return m->cli->status;
        /* Who was probed today, and who does not want it, stands in the store. */
        if (mail_records_open(m->cli, m->again || m->params.more.probe, &m->records) < 0)
                return m->cli->status;
        m->params.more.opted_out = mail_records_opted_out(m->records, &m->params.more.n_opted_out);
        m->params.config = m->cli->config;
        m->params.records = m->records;
        m->params.done = on_done;
        m->params.stop = on_stop;
        m->params.userdata = m;
        r = mail_asking_open(&m->asking, &m->params, &why);
        if (r < 0)
                return cli_usage(m->cli, "%s", buf_str(&why));
        mail_records_set_lists(m->records, m->asking.setup->lists, m->asking.setup->n_lists);
        if (m->params.more.probe && m->asking.setup->n_allowed == 0 && mail_records_consents(m->records) == 0)
                return cli_usage(m->cli,
                                 "--probe needs to know whom: --allow, mail.probe_allowed in the configuration, or a "
                                 "--consent");
        r = mail_open_more(m);
        if (r != CLI_OK)
                return r;
        if (mail_close_sandbox(m) < 0)
                return CLI_INPUT;
        if (mail_asking_begin(&m->asking, &why) < 0) {
                log_error("%s", buf_str(&why));
                return CLI_INPUT;
        }
        return CLI_OK;
}

static int read_all(struct mailing *m)
{
        const struct mail_input_params params = {on_mail, on_trouble, on_stop, m, on_keep, on_whole};
        int status = CLI_OK;

        m->begun = m->told = clock_boottime();
        for (int i = optind; i < m->cli->argc && !is_over(m); i++)
                if (mail_input_read(m->cli->argv[i], &params, &m->stats) < 0)
                        status = CLI_INPUT;
        mail_asking_finish(&m->asking);
        mail_tell_end(m);
        if (m->stats.mails == 0 && status == CLI_OK && !is_over(m)) {
                log_error("no mail was found");
                status = CLI_INPUT;
        }
        return m->gone ? CLI_INPUT : status;
}

/* The mail of a delivery pipe. */
static int ask_piped(struct mailing *m)
{
        const struct inquiry_mail asked = {.head = m->head, .len = m->len, .spam = m->spam};
        int r = mail_asking_add(&m->asking, &asked);

        if (r < 0)
                return CLI_INPUT;
        mail_asking_finish(&m->asking);
        return CLI_OK;
}

static int run_with(struct mailing *m)
{
        struct sigaction stop = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
        int status;

        if (take_options(m) < 0)
                return m->cli->status;
        if (m->piped && (m->cli->argc - optind != 1 || strcmp(m->cli->argv[optind], "-") != 0 || m->numbers ||
                         m->again || m->learn || m->consent || m->opt_out || m->report_folder))
                return cli_usage(m->cli, "--header goes with one mail, from standard input: -");
        if (m->numbers)
                return mail_stats_run(m->cli);
        if (m->consent || m->opt_out)
                return mail_records_wish(m->cli, m->opt_out ? STORE_WISH_OPT_OUT : STORE_WISH_CONSENT,
                                         m->opt_out ? m->opt_out : m->consent, m->by);
        if (m->again && optind < m->cli->argc)
                return cli_usage(m->cli, "--again asks about relays in the store; read mails without it");
        if (optind == m->cli->argc && !m->again)
                return cli_usage(m->cli, "say which mails to read: files, folders, or - for standard input");
        if (m->learn)
                return mail_learn_run(m);
        m->progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
        status = prepare(m);
        if (status != CLI_OK)
                return status;
        (void) sigaction(SIGINT, &stop, NULL);
        (void) sigaction(SIGTERM, &stop, NULL);
        return m->piped ? ask_piped(m) : m->again ? mail_again_run(m) : read_all(m);
}

static int on_piped(void *userdata, const char *head, size_t len, struct mail_header_told *ret)
{
        struct mailing *m = userdata;

        m->head = head;
        m->len = len;
        m->piped = ret;
        return run_with(m);
}

static int run(struct cli *cli)
{
        _cleanup_free_ struct mailing *m = calloc(1, sizeof(*m));
        const struct mail_header_params header = {.ask = on_piped, .userdata = m};
        int status;

        if (!m) /* 75, so that a mail in a pipe is kept */
                return mail_header_wanted(cli->argc, cli->argv) ? EX_TEMPFAIL : CLI_INPUT;
        m->cli = cli;
        m->out = BUF_HEAP(OUT_MAX);
        m->asking.log = -EBADF;
        status = mail_header_wanted(cli->argc, cli->argv) ? mail_header_run(&header) : run_with(m);
        mail_asking_close(&m->asking);
        mail_records_free(m->records);
        mail_complaints_free(m->complaints);
        mail_reports_free(m->reports);
        buf_done(&m->out);
        return status;
}

const struct command command_mail = {
        .synopsis = "PATH...",
        .about =
                "Says who really sent mails: each mail's way as its head tells it, which hop of it is believed, which "
                "is "
                "only the sender's word, and what gives that away. PATH is a mail (.eml), an mbox, a Maildir or a "
                "folder "
                "with any of them beneath it; - is standard input.\n\n"
                "The topmost Received: is taken as that of your own server. What it saw is believed; if that is a "
                "server "
                "named by --trust, its own header is believed likewise, and so on. The first address that is not is "
                "the last "
                "external relay, the only one that is ever believed. A network behind ! is an exception; the first "
                "--trust "
                "that fits decides. A NAME counts where the server that wrote it makes sure that reverse names lead "
                "back "
                "(Postfix, Sendmail, Exim); with a dot before it, all names within it.\n\n"
                "That relay is then judged by signs: what the head says, its reverse name, block lists, its system, "
                "whether "
                "it has a mail server, what we saw of it ourselves. Never by one alone; what is not known is said, and "
                "\"not known\" is what comes out most often. What is found now says nothing of a mail that came more "
                "than "
                "two days ago.\n\n"
                "DNS is asked about reverse names and about the lists that are configured or given; with --offline no "
                "packet is sent at all. Relays themselves are asked only with --probe, and only those whose owners "
                "agreed: "
                "--plan says what would happen. With --json each mail is a line, the last one a summary.\n\n"
                "With --store each mail is judged once: its record stands there, and a second run, or one after a "
                "kill, goes on where the first one ended. --again asks about its relays again 6 hours, a day and a "
                "week after the first time, for addresses change hands; call it every hour. --stats, \"report\" and "
                "\"why ADDRESS\" tell what was found.\n\n"
                "With --header it is a filter in a delivery pipe: \"sekimori mail - --header\" writes the mail that it "
                "reads, without fields X-Sekimori-* that are not its own, and with one of its own on top. Whatever "
                "goes "
                "wrong, the mail goes through; when it cannot be written, the status is 75 and the mail server keeps "
                "it. "
                "--abuse-report writes reports for a person to read and send; nothing is sent. Mails that are "
                "complaints "
                "themselves (ARF, X-ARF, SpamCop's) are told, and kept as evidence when they accuse a host at home.",
        .takes = CLI_TAKES_JSON | CLI_TAKES_CONFIG | CLI_TAKES_STORE,
        .options = options,
        .run = run,
};
