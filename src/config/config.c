/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of configuration keys, and the defaults made from it. One row is all there is to say about a key: where it
 * goes, what it may be, its default and its help. The warden, the engine and every command read the configuration. */
#include "config/config.h"

#include <errno.h>

#include "config/internal.h"

#define DAY   (86400 * NSEC_PER_SEC)
#define AT(f) offsetof(struct config, f)
#define EX(f) offsetof(struct config_exception, f)

static const char *const backend_names[] = {"auto", "bpf", "proc", "off", NULL};
static const char *const mode_names[] = {"default", "plain", "plain_thread", NULL};
static const char *const granularity_names[] = {"both", "process", "thread", NULL};
static const char *const handover_names[] = {"watch", "block", NULL};
static const char *const respond_block_names[] = {"off", "bot", NULL};
static const char *const match_names[] = {"once", "twice", NULL};
static const char *const privacy_names[] = {"evidence", "strict", "full", NULL};

const struct config_row config_rows[] = {
        {"home", CONFIG_CIDRS, AT(home), .max = 1024,
         .fallback = "[10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 169.254.0.0/16, fc00::/7, fe80::/10]",
         .help = "The networks that are ours. This machine's own addresses always are."},

        {"network.mail_servers", CONFIG_CIDRS, AT(network.mail_servers), .max = 1024, .fallback = "[]",
         .help = "Our own servers that deliver mail to others: they may do what mail servers do."},
        {"network.resolvers", CONFIG_CIDRS, AT(network.resolvers), .max = 1024, .fallback = "[]",
         .help = "Our own name servers that ask others: their queries are those of many hosts."},
        {"network.dark", CONFIG_CIDRS, AT(network.dark), .max = 1024, .fallback = "[]",
         .help = "Addresses of ours that nobody uses. Who talks to them is looking around."},
        {"network.mmdb", CONFIG_PATH_NONE, AT(network.mmdb), .max = 4000, .fallback = "none",
         .help = "A MaxMind-format file with the country or network of addresses."},

        {"host.backend", CONFIG_ENUM, AT(host.backend), .names = backend_names, .fallback = "auto",
         .help = "How this machine is watched: bpf, proc (packet capture and /proc), off, or the best there is."},
        {"host.ring_kib", CONFIG_POWER2, AT(host.ring_kib), 64, 1 << 20, .fallback = "4096",
         .help = "Size of the kernel's event ring in KiB. What does not fit is lost and counted as a gap."},
        {"host.rescan", CONFIG_SPAN, AT(host.rescan), 0, DAY, .fallback = "1m",
         .help = "How often sockets that exist but were not seen are looked for. 0: only at the start."},

        {"packets.interface", CONFIG_TEXT_NONE, AT(packets.interface), .max = 15, .fallback = "none",
         .help = "A device whose packets are watched as well, such as a mirror port; any: all of this machine."},
        {"packets.filter", CONFIG_TEXT_NONE, AT(packets.filter), .max = 4000, .fallback = "none",
         .help = "Only these of its packets, as pcap-filter(7) describes them."},
        {"packets.workers", CONFIG_POWER2, AT(packets.workers), 1, 8, .fallback = "1",
         .help = "Rings, and threads that read them. More than one for a fast link."},
        {"packets.promiscuous", CONFIG_BOOL, AT(packets.promiscuous), .fallback = "true",
         .help = "Take what is for other machines, too."},
        {"packets.checksums", CONFIG_BOOL, AT(packets.checksums), .fallback = "false",
         .help = "Leave out packets with a wrong checksum."},

        {"server_like.enabled", CONFIG_BOOL, AT(server_like.enabled), .fallback = "true",
         .help = "Find processes that take orders from outside and have their children carry them out."},
        {"server_like.mode", CONFIG_ENUM, AT(server_like.mode), .names = mode_names, .fallback = "default",
         .help = "default is this program's rule. plain is the paper's: any process that talks to the outside while "
                 "an\n"
                 "ancestor does. plain_thread is the paper's rule with threads in place of processes."},
        {"server_like.granularity", CONFIG_ENUM, AT(server_like.granularity), .names = granularity_names,
         .fallback = "both", .help = "What the default rule looks at: processes, threads, or both."},
        {"server_like.window", CONFIG_SPAN, AT(server_like.window), NSEC_PER_SEC, 7 * DAY, .fallback = "10m",
         .help = "How long an ended conversation still counts as one that may have given an order."},
        {"server_like.reaction", CONFIG_SPAN, AT(server_like.reaction), NSEC_PER_MSEC, 600 * NSEC_PER_SEC,
         .fallback = "1500ms",
         .help = "An order and its execution lie at most this far apart to count as cause and effect."},
        {"server_like.inside", CONFIG_CIDRS, AT(server_like.inside), .max = 1024, .fallback = "[]",
         .help = "Peers that are not \"outside\", besides this machine's own addresses."},
        {"server_like.resolvers", CONFIG_CIDRS, AT(server_like.resolvers), .max = 1024, .fallback = "[]",
         .help = "Name servers: queries to them are no conversation. Empty: those of /etc/resolv.conf."},

        {"forged_source.enabled", CONFIG_BOOL, AT(forged_source.enabled), .fallback = "true",
         .help = "Find packets that leave with a source address this machine does not own."},

        {"irc_control.enabled", CONFIG_BOOL, AT(irc_control.enabled), .fallback = "true",
         .help = "Find IRC dialogs in which a bot takes orders."},

        {"egg.enabled", CONFIG_BOOL, AT(egg.enabled), .fallback = "true",
         .help = "Find programs that are downloaded or served under false pretences."},

        {"scan.enabled", CONFIG_BOOL, AT(scan.enabled), .fallback = "true",
         .help = "Find hosts that look for others to attack."},

        {"dns_anomaly.enabled", CONFIG_BOOL, AT(dns_anomaly.enabled), .fallback = "true",
         .help = "Find name lookups that people and their programs do not make."},

        {"mass_mail.enabled", CONFIG_BOOL, AT(mass_mail.enabled), .fallback = "true",
         .help = "Find hosts that send mail as spammers do."},

        {"spam_proxy.enabled", CONFIG_BOOL, AT(spam_proxy.enabled), .fallback = "true",
         .help = "Find hosts that hand on the traffic of others to mail servers."},

        {"flood.enabled", CONFIG_BOOL, AT(flood.enabled), .fallback = "true", .help = "Find hosts that flood others."},

        {"beacon.enabled", CONFIG_BOOL, AT(beacon.enabled), .fallback = "true",
         .help = "Find hosts that report to a controller at regular times."},

        {"profile_change.enabled", CONFIG_BOOL, AT(profile_change.enabled), .fallback = "true",
         .help = "Find hosts that use a service far beyond what they ever did."},

        {"exfiltration.enabled", CONFIG_BOOL, AT(exfiltration.enabled), .fallback = "true",
         .help = "Find hosts that upload much to a bare address for nothing that is known."},

        {"mail_gate.enabled", CONFIG_BOOL, AT(mail_gate.enabled), .fallback = "true",
         .help = "Find programs that try to send mail although no person asked for it. The gate itself does not depend "
                 "on it."},

        {"tampering.enabled", CONFIG_BOOL, AT(tampering.enabled), .fallback = "true",
         .help = "Find programs that reach for this program's own parts in the kernel."},

        {"signature.enabled", CONFIG_BOOL, AT(signature.enabled), .fallback = "true",
         .help = "Count what rules (see rules below) say of a host as evidence."},

        {"complaint.enabled", CONFIG_BOOL, AT(complaint.enabled), .fallback = "true",
         .help = "Count complaints that came by mail as evidence about the home host that they accuse."},

        {"rules.files", CONFIG_PATHS, AT(rules.files), .max = CONFIG_PATHS_MAX, .fallback = "[]",
         .help = "Rules in the language of Snort and Suricata, and with them classification.config, reference.config "
                 "and\n"
                 "threshold.config. * and ? stand for parts of names. `sekimori rules check` says what is not "
                 "honoured."},
        {"rules.address_groups", CONFIG_GROUPS, AT(rules.address_groups), .max = 1024, .fallback = "{}",
         .help = "Variables for addresses in rules. HOME_NET is the home network unless it stands here.\n"
                 "Example: {DNS_SERVERS: \"[192.0.2.53, 192.0.2.54]\"}"},
        {"rules.port_groups", CONFIG_GROUPS, AT(rules.port_groups), .max = 1024, .fallback = "{}",
         .help = "Variables for ports in rules. Example: {HTTP_PORTS: \"[80, 8080:8090]\"}"},
        {"rules.disabled", CONFIG_SIDS, AT(rules.disabled), .max = 65536, .fallback = "[]",
         .help = "These rules are not loaded."},
        {"rules.enabled", CONFIG_SIDS, AT(rules.enabled), .max = 65536, .fallback = "[]",
         .help = "These rules are loaded although their files have them commented out."},
        {"rules.alerts_per_second", CONFIG_NUMBER, AT(rules.alerts_per_second), 0, 1000000, .fallback = "10",
         .help = "How many alerts of one rule between the same two hosts are told one by one within a second. Those\n"
                 "beyond become one alert with their count. 0: each is told."},
        {"rules.alerts_per_packet", CONFIG_NUMBER, AT(rules.alerts_per_packet), 0, 1000000, .fallback = "0",
         .help = "The most alerts that one packet may give, those of highest priority first; the others are counted.\n"
                 "0: no limit."},
        {"rules.midstream", CONFIG_BOOL, AT(rules.midstream), .fallback = "true",
         .help = "Rules look at TCP connections whose beginning was not seen as at others. false: only at their "
                 "packets."},
        {"rules.packet_and_stream", CONFIG_ENUM, AT(rules.packet_and_stream), .names = match_names, .fallback = "once",
         .help = "A rule with offset or depth looks at packets of TCP and at their stream. What matches both gives one "
                 "alert,\n"
                 "or, as Suricata has it, two."},
        {"rules.memory", CONFIG_SIZE, AT(rules.memory), 1 << 20, 1LL << 36, .fallback = "256MiB",
         .help = "Most that rules keep of flows: windows of streams, transactions, bits. Beyond, the flow longest "
                 "silent\n"
                 "loses it, counted."},

        {"profile.hosts", CONFIG_POWER2, AT(profile.hosts), 1 << 10, 1 << 24, .fallback = "1048576",
         .help = "Of how many home hosts what they normally do is kept, from the next start on. Memory grows with use, "
                 "by\n"
                 "420 bytes a host and 240 for each service beyond two; those silent longest are forgotten first."},

        {"verdict.suspect", CONFIG_SCORE, AT(verdict.suspect), 1, 100000, .fallback = "10.0",
         .help = "From this score on a subject is suspect."},
        {"verdict.bot", CONFIG_SCORE, AT(verdict.bot), 1, 100000, .fallback = "20.0",
         .help = "From this score on it is a bot, given two stages or one conclusive piece of evidence."},
        {"verdict.weights", CONFIG_WEIGHTS, AT(verdict.weights), 0, 100000, .fallback = "{}",
         .help = "Other weights for kinds of evidence; `sekimori detectors` lists them. 0.0 makes a kind count "
                 "nothing.\n"
                 "Example: {server_like.order: 12.0}"},

        {"gate.ports", CONFIG_PORTS, AT(gate.ports), .max = CONFIG_PORTS_MAX, .fallback = "[25, 465, 587]",
         .help = "The ports that the mail gate keeps: mail leaves through them."},
        {"gate.window", CONFIG_SPAN, AT(gate.window), NSEC_PER_SEC, 600 * NSEC_PER_SEC, .fallback = "10s",
         .help = "How long a press of a key or button is good for."},
        {"gate.compose", CONFIG_SPAN, AT(gate.compose), NSEC_PER_SEC, 3600 * NSEC_PER_SEC, .fallback = "2m",
         .help = "The same for a press that was made to the very program that sends. Not shorter than window."},
        {"gate.attempt", CONFIG_SPAN, AT(gate.attempt), NSEC_PER_SEC, 60 * NSEC_PER_SEC, .fallback = "5s",
         .help = "Connections within this time are one attempt: IPv6, then IPv4, then a second server."},
        {"gate.attempt_sockets", CONFIG_NUMBER, AT(gate.attempt_sockets), 1, 64, .fallback = "4",
         .help = "How many connections one attempt may try."},
        {"gate.remote", CONFIG_BOOL, AT(gate.remote), .fallback = "false",
         .help = "People who are logged in over ssh may send, too."},
        {"gate.handover", CONFIG_ENUM, AT(gate.handover), .names = handover_names, .fallback = "block",
         .help = "What becomes of mail that a program hands to this machine's own mail server without a person:\n"
                 "watch tells of it, block refuses it as well."},
        {"gate.mark", CONFIG_NUMBER, AT(gate.mark), 0, 31, .fallback = "27",
         .help = "Number of the bit in packet marks that stands for a permit. No other program may use it."},
        {"gate.forward", CONFIG_CIDRS, AT(gate.forward), .max = 1024, .fallback = "[]",
         .help = "Machines whose mail may pass through this one, where it is a gateway."},
        {"gate.desktops", CONFIG_PATHS, AT(gate.desktops), .max = CONFIG_PATHS_MAX, .fallback = "[]",
         .help = "Desktop shells, compositors and panels besides those that are known."},
        {"gate.terminals", CONFIG_PATHS, AT(gate.terminals), .max = CONFIG_PATHS_MAX, .fallback = "[]",
         .help = "Terminal emulators besides those that are known."},
        {"gate.mailers", CONFIG_PATHS, AT(gate.mailers), .max = CONFIG_PATHS_MAX, .fallback = "[]",
         .help = "Mail programs with windows besides those that are known."},
        {"gate.terminal_mailers", CONFIG_PATHS, AT(gate.terminal_mailers), .max = CONFIG_PATHS_MAX, .fallback = "[]",
         .help = "Mail programs in terminals besides those that are known."},
        {"gate.submitters", CONFIG_PATHS, AT(gate.submitters), .max = CONFIG_PATHS_MAX, .fallback = "[]",
         .help = "Programs that mail programs start to hand a mail on, besides those that are known."},
        {"gate.cgroup", CONFIG_PATH_NONE, AT(gate.cgroup), .max = 4000, .fallback = "none",
         .help = "The control group that is gated. none: all of this machine."},
        {"gate.folder", CONFIG_PATH, AT(gate.folder), .max = 200, .fallback = "/run/sekimori.gate",
         .help = "Where the gate's parts in the kernel are kept, so that they outlive the program."},
        {"gate.state", CONFIG_PATH, AT(gate.state), .max = 200, .fallback = "/etc/sekimori/gate",
         .help = "Where it is kept whether the gate is shut, and who may send."},

        {"respond.block", CONFIG_ENUM, AT(respond.block), .names = respond_block_names, .fallback = "off",
         .help = "bot: a subject is blocked as soon as its verdict is bot. off: only by `sekimori block`."},
        {"respond.block_for", CONFIG_SPAN, AT(respond.block_for), NSEC_PER_SEC, 30 * DAY, .fallback = "1h",
         .help = "How long such a block lasts."},
        {"respond.freeze", CONFIG_BOOL, AT(respond.freeze), .fallback = "false",
         .help = "Stop the processes of such a block as well."},

        {"mail.ask", CONFIG_BOOL, AT(mail.ask), .fallback = "true",
         .help = "Ask DNS about the last external relay of a mail. false: no packet leaves for mail's sake."},
        {"mail.resolver", CONFIG_TEXT_NONE, AT(mail.resolver), .max = 1000, .fallback = "none",
         .help = "The resolvers that are asked: \"192.0.2.53, [2001:db8::53]:5353\". none: those of /etc/resolv.conf."},
        {"mail.trust", CONFIG_TEXTS, AT(mail.trust), 255, 1024, .fallback = "[]",
         .help = "Mail servers whose headers are believed: networks, addresses, and names that lead back. \"!\" before "
                 "a\n"
                 "network makes it an exception; the first that fits decides. A dot before a name: all within it."},
        {"mail.own", CONFIG_CIDRS, AT(mail.own), .max = 1024, .fallback = "[]",
         .help = "Which of these, and which other addresses, are our own. Empty: all that are trusted."},
        {"mail.submission", CONFIG_CIDRS, AT(mail.submission), .max = 1024, .fallback = "[]",
         .help = "Trusted servers that take mail only from users who log in."},
        {"mail.lists", CONFIG_TEXTS, AT(mail.lists), 255, 32, .fallback = "[]",
         .help = "Block lists, by DNS or in files; none is asked that does not stand here. Known ones by their name, "
                 "others\n"
                 "with what a listing means (exploited, proxy, policy, spam, account), for example\n"
                 "[zen.spamhaus.org, bl.example.net=exploited, /etc/sekimori/bad-networks=spam]"},
        {"mail.maildir", CONFIG_PATHS, AT(mail.maildir), .max = CONFIG_PATHS_MAX, .fallback = "[]",
         .help = "Maildirs that `sekimori run` watches: each mail that arrives is looked into. With their folders."},
        {"mail.probe_allowed", CONFIG_PATH_NONE, AT(mail.probe_allowed), .max = 4000, .fallback = "none",
         .help = "A file with the networks whose owners agree to be probed, by `sekimori mail --probe`. No others ever "
                 "are."},
        {"mail.probe_opted_out", CONFIG_PATH_NONE, AT(mail.probe_opted_out), .max = 4000, .fallback = "none",
         .help = "A file with the networks that do not want it, whatever else allows it."},
        {"mail.probe_name", CONFIG_TEXT_NONE, AT(mail.probe_name), .max = 127, .fallback = "none",
         .help = "The name said in EHLO. none: this machine's."},
        {"mail.probe_ping", CONFIG_BOOL, AT(mail.probe_ping), .fallback = "true", .help = "One ping with each probe."},
        {"mail.probe_spacing", CONFIG_SPAN, AT(mail.probe_spacing), NSEC_PER_MSEC, DAY, .fallback = "6s",
         .help = "Time between any two probes. One address is probed once a day at most, whatever stands here."},
        {"mail.probe_network_spacing", CONFIG_SPAN, AT(mail.probe_network_spacing), NSEC_PER_MSEC, DAY,
         .fallback = "10m", .help = "Time between two probes of one /24, or of one /48 of IPv6."},
        {"mail.probe_concurrent", CONFIG_NUMBER, AT(mail.probe_concurrent), 1, 64, .fallback = "4",
         .help = "Probes under way at a time."},

        {"exceptions", CONFIG_EXCEPTIONS, AT(exceptions), .max = CONFIG_LIST_MAX, .fallback = "[]",
         .help = "Claims that do not count, though they are kept and shown. All fields given must match, and one of\n"
                 "subject, program and peer is needed. Example:\n"
                 "- {detector: server_like, program: /usr/bin/ci-runner, reason: \"runs jobs on order\", until: "
                 "2027-01-01}"},

        {"store.path", CONFIG_PATH, AT(store.path), .max = 4000, .fallback = "/var/lib/sekimori",
         .help = "The directory of the store."},
        {"store.keep", CONFIG_SPAN, AT(store.keep), 3600 * NSEC_PER_SEC, 3650 * DAY, .fallback = "90d",
         .help = "Evidence and events older than this are deleted."},
        {"store.max_size", CONFIG_SIZE, AT(store.max_bytes), 1 << 20, 1LL << 40, .fallback = "512MiB",
         .help = "Beyond this size the oldest are deleted earlier."},
        {"store.privacy", CONFIG_ENUM, AT(store.privacy), .names = privacy_names, .fallback = "evidence",
         .help = "evidence keeps only lines that are evidence themselves, strict only counts, full keeps more."},

        {"eve.path", CONFIG_PATH_NONE, AT(eve.path), .max = 4000, .fallback = "none",
         .help = "A file for evidence and verdicts as JSON lines, such as /var/log/sekimori/eve.json."},
        {"eve.events", CONFIG_BOOL, AT(eve.events), .fallback = "false", .help = "Write the events there too."},

        {"daemon.user", CONFIG_NAME, AT(daemon.user), .max = 31, .fallback = "sekimori",
         .help = "The user that the engine runs as."},
        {"daemon.control", CONFIG_PATH, AT(daemon.control), .max = 107, .fallback = CONFIG_CONTROL_DEFAULT,
         .help = "The socket that `sekimori status` asks."},
        {"daemon.hung_after", CONFIG_SPAN, AT(daemon.hung_after), NSEC_PER_SEC / 2, DAY, .fallback = "30s",
         .help = "An engine that does not answer for so long is killed and started again."},
        {0},
};

const struct config_row config_exception_rows[] = {
        {"exceptions.detector", CONFIG_NAME, EX(detector), .max = 63,
         .help = "The detector's name. Not given: every detector."},
        {"exceptions.subject", CONFIG_TEXT, EX(subject), .max = 95,
         .help = "A subject's key, a process name or an address."},
        {"exceptions.program", CONFIG_PATH, EX(program), .max = 4095,
         .help = "A program by its path; compared by device and inode."},
        {"exceptions.peer", CONFIG_PEER, EX(peer), .help = "The address or network that is talked to."},
        {"exceptions.reason", CONFIG_TEXT, EX(reason), .max = 400, .help = "Why. Required."},
        {"exceptions.until", CONFIG_DATE, EX(until),
         .help = "The day (its beginning, UTC) or time from which it no longer holds."},
        {0},
};

bool config_key_get(size_t index, struct config_key *ret)
{
        const size_t n_rows = ELEMENTSOF(config_rows) - 1, n_below = ELEMENTSOF(config_exception_rows) - 1;
        const struct config_row *row;
        struct buf type = BUF_FIXED(ret->type);

        if (index >= n_rows + n_below)
                return false;
        row = index < n_rows ? &config_rows[index] : &config_exception_rows[index - n_rows];
        ret->key = row->key;
        ret->fallback = row->fallback;
        ret->help = row->help;
        config_value_describe(row, &type);
        return true;
}

void *config_array_grow(void *array_at, size_t *n, size_t element)
{
        void **array = array_at;
        char *p = reallocarray(*array, *n + 1, element);

        if (!p)
                return NULL;
        *array = p;
        p += *n * element;
        ++*n;
        return memset(p, 0, element);
}

void config_exception_done(struct config_exception *e)
{
        free(e->detector);
        free(e->subject);
        free(e->program);
        free(e->reason);
        free(e->where);
}

int config_new_default(struct config **ret)
{
        _cleanup_(config_freep)
        struct config *c = calloc(1, sizeof(*c));
        struct config_problems problems = {.file = "defaults"};

        if (!c)
                return -ENOMEM;
        for (const struct config_row *row = config_rows; row->key; row++) {
                _cleanup_(config_tree_freep)
                struct config_node *node = config_tree_parse(&problems, row->fallback, strlen(row->fallback));

                if (node)
                        config_read_value(c, &problems, row, node);
        }
        /* The table is ours: its defaults fit its types, as the unit test shows. What is left is memory. */
        if (config_problems_result(&problems) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(c);
        return 0;
}

int config_add_home(struct config *c, const struct config_cidrs *more)
{
        struct cidr *items = reallocarray(c->home.items, MAX(c->home.n + more->n, 1u), sizeof(*items));

        if (!items)
                return -ENOMEM;
        if (more->n)
                memcpy(items + c->home.n, more->items, more->n * sizeof(*items));
        c->home.items = items;
        c->home.n += more->n;
        return 0;
}

static void free_mail(struct config *c)
{
        free(c->mail.resolver);
        config_list_paths_done(&c->mail.trust);
        config_list_paths_done(&c->mail.lists);
        free(c->mail.own.items);
        free(c->mail.submission.items);
        config_list_paths_done(&c->mail.maildir);
        free(c->mail.probe_name);
        free(c->mail.probe_allowed);
        free(c->mail.probe_opted_out);
}

void config_free(struct config *c)
{
        if (!c)
                return;
        free(c->home.items);
        free(c->network.mail_servers.items);
        free(c->network.resolvers.items);
        free(c->network.dark.items);
        free(c->network.mmdb);
        free(c->packets.interface);
        free(c->packets.filter);
        free(c->server_like.inside.items);
        free(c->server_like.resolvers.items);
        for (size_t i = 0; i < c->verdict.n_weights; i++)
                free(c->verdict.weights[i].kind);
        free(c->verdict.weights);
        free(c->gate.forward.items);
        config_list_paths_done(&c->rules.files);
        config_rules_groups_done(&c->rules.address_groups);
        config_rules_groups_done(&c->rules.port_groups);
        free(c->rules.disabled.items);
        free(c->rules.enabled.items);
        config_list_paths_done(&c->gate.desktops);
        config_list_paths_done(&c->gate.terminals);
        config_list_paths_done(&c->gate.mailers);
        config_list_paths_done(&c->gate.terminal_mailers);
        config_list_paths_done(&c->gate.submitters);
        free(c->gate.cgroup);
        free(c->gate.folder);
        free(c->gate.state);
        free_mail(c);
        for (size_t i = 0; i < c->n_exceptions; i++)
                config_exception_done(&c->exceptions[i]);
        free(c->exceptions);
        free(c->store.path);
        free(c->eve.path);
        free(c->daemon.user);
        free(c->daemon.control);
        free(c->source);
        free(c);
}
