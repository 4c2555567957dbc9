/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `gate status`: what is in force, as the kernel says, and not as a file does. */
#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "cli/gating.h"
#include "respond/gate_programs.h"
#include "view/json.h"

#define STATUS_MAX    (1u << 20)
#define PROPOSALS_MAX (256u << 10)

struct standing {
        struct gate *gate; /* NULL: none is pinned */
        struct gate_state state;
        int kernel, rules; /* 0: that layer is in force; negative errno; rules 1: not everywhere */
        char kernel_why[64], rules_why[256];
        uint64_t counters[GATE_COUNTERS];
        struct gate_state_shut shut;
        int is_shut; /* as the mark on disk says: 1, 0, negative errno */
        struct gate_senders *senders;
};

static void look(struct cli *cli, struct standing *s)
{
        struct buf kernel = BUF_FIXED(s->kernel_why), rules = BUF_FIXED(s->rules_why);
        struct gate_rules_params p;
        struct config_cidrs forward;

        s->is_shut = gate_state_is_shut(cli->config, &s->shut);
        s->kernel = gate_open(cli->config->gate.folder, &s->gate);
        if (s->kernel == 0)
                s->kernel = gate_get_state(s->gate, &s->state);
        if (s->kernel == 0)
                s->kernel = gate_check(s->gate, &kernel);
        for (uint32_t i = 0; s->gate && i < GATE_COUNTERS; i++)
                (void) bpf_map_lookup_elem(gate_map_fd(s->gate, GATE_MAP_COUNTERS), &i, &s->counters[i]);
        gating_rules(cli, s->senders, &forward, &p);
        s->rules = gate_rules_check(&p, &rules);
        free(forward.items);
}

static bool is_in_force(const struct standing *s)
{
        return s->kernel == 0 && s->state.mode == GATE_SHUT;
}

static void put_head(const struct standing *s, struct buf *out)
{
        char since[CLOCK_TEXT_MAX], span[CLOCK_TEXT_MAX];
        nsec_t now = clock_boottime();

        if (is_in_force(s) && s->state.open_until > (uint64_t) now)
                buf_printf(out, "The mail gate is OPEN for %s more; then it is shut by itself.\n",
                           clock_format_span((nsec_t) s->state.open_until - now, span));
        else if (is_in_force(s))
                buf_printf(out, "The mail gate is shut since %s%s%s%s%s.\n",
                           text_date(clock_realtime() - now + (nsec_t) s->state.shut_since, since),
                           s->shut.who[0] ? ", by " : "", s->shut.who, s->shut.reason[0] ? ": " : "", s->shut.reason);
        else if (s->is_shut != 0)
                buf_puts(out, "The mail gate should be shut and IS NOT. `sekimori gate shut` shuts it.\n");
        else
                buf_puts(out, "The mail gate is not shut. While the daemon runs, it learns: nothing is refused.\n");
}

/* Why nftables do not hold what they should. */
static const char *rules_reason(const struct standing *s)
{
        if (s->rules_why[0])
                return s->rules_why;
        return s->rules == -ENOPKG ? "nft is not installed" : strerror(-s->rules);
}

static void put_layers(const struct cli *cli, const struct standing *s, struct buf *out)
{
        buf_puts(out, "  kernel programs: ");
        if (s->kernel == 0)
                buf_printf(out, "in force, pinned at %s\n", cli->config->gate.folder);
        else if (s->kernel == -ENOENT && !s->kernel_why[0])
                buf_puts(out, "none pinned\n");
        else
                buf_printf(out, "NOT in force: %s %s\n", s->kernel_why,
                           s->kernel == -ENOENT ? "is gone" : strerror(-s->kernel));
        buf_puts(out, "  nftables: ");
        if (s->rules >= 0)
                buf_printf(out, "in force%s%s\n", s->rules ? ", but " : "", s->rules ? s->rules_why : "");
        else
                buf_printf(out, "%s%s\n", is_in_force(s) ? "NOT in force: " : "no rules",
                           is_in_force(s) ? rules_reason(s) : "");
        buf_puts(out, "  ports:");
        for (unsigned i = 0; i < cli->config->gate.n_ports; i++)
                buf_printf(out, " %u", cli->config->gate.ports[i]);
        buf_putc(out, '\n');
        if (s->gate)
                buf_printf(out,
                           "  so far: %" PRIu64 " permitted, %" PRIu64 " refused, %" PRIu64
                           " packets stopped behind that\n",
                           s->counters[GATE_COUNT_ALLOWED], s->counters[GATE_COUNT_DENIED],
                           s->counters[GATE_COUNT_PACKETS]);
}

static void put_senders(const struct standing *s, struct buf *out)
{
        if (!s->senders->n)
                buf_puts(out, "No sender is declared.\n");
        else
                buf_puts(out, "Declared senders:\n");
        for (size_t i = 0; i < s->senders->n; i++) {
                const struct gate_sender *d = &s->senders->items[i];

                buf_printf(out, "  %s %s%s%s%s%s%s\n", gate_sender_kind_name(d->kind), d->value,
                           d->user ? ", user " : "", d->user ? d->user : "",
                           d->sha256 ? ", with this content only" : "", *d->reason ? ": " : "", d->reason);
        }
}

/* The keeper's list, line by line: command, count, time, "wide". */
static void put_proposals(const struct cli *cli, struct buf *out)
{
        const char *control = cli->config->daemon.control, *slash = strrchr(control, '/');
        char path[4096], line[4096];
        bool any = false;
        FILE *f;

        snprintf(path, sizeof(path), "%.*s/gate.proposals", slash ? (int) (slash - control) : 0, control);
        f = fopen(path, "re");
        while (f && fgets(line, sizeof(line), f)) {
                char *count = strchr(line, '\t'), *time = count ? strchr(count + 1, '\t') : NULL;
                char *wide = time ? strchr(time + 1, '\t') : NULL;

                if (!wide)
                        continue;
                *count++ = *time++ = *wide++ = '\0';
                if (!any)
                        buf_puts(out, "Would be, or was, refused; declare it if it should send:\n");
                any = true;
                buf_puts(out, "  ");
                buf_put_visible(out, line, strlen(line));
                buf_printf(out, "    (%s time%s, last %s%s)\n", count, strcmp(count, "1") == 0 ? "" : "s", time,
                           *wide == 'w' ? "; this program runs whatever it is told to" : "");
        }
        if (f)
                fclose(f);
}

static void put_refused(const struct cli *cli, struct buf *out)
{
        _cleanup_(gate_programs_freep)
        struct gate_programs *p = NULL;
        const struct gate_programs_refusal *r;

        if (gate_programs_new(cli->config, &p) < 0 || gate_programs_scan(p, NULL, NULL) < 0)
                return;
        for (size_t i = 0; (r = gate_programs_refusal_at(p, i)) != NULL; i++)
                buf_printf(out, "%s%s is not trusted: it %s\n", i ? "  " : "Programs that are left out:\n  ", r->path,
                           r->reason);
}

static void put_json(const struct cli *cli, const struct standing *s, struct buf *out)
{
        nsec_t now = clock_boottime();
        bool open = is_in_force(s) && s->state.open_until > (uint64_t) now;

        buf_printf(out, "{\"event_type\":\"gate_status\",\"mode\":\"%s\",\"kernel\":%s,\"nftables\":%s",
                   open            ? "open" :
                   is_in_force(s)  ? "shut" :
                   s->is_shut != 0 ? "broken" :
                                     "learn",
                   s->kernel == 0 ? "true" : "false", s->rules >= 0 ? "true" : "false");
        if (is_in_force(s) && s->rules < 0) {
                buf_puts(out, ",\"nftables_reason\":");
                buf_put_json(out, rules_reason(s), strlen(rules_reason(s)));
        }
        if (is_in_force(s)) {
                buf_puts(out, ",\"since\":");
                json_time(out, clock_realtime() - now + (nsec_t) s->state.shut_since);
        }
        if (open)
                buf_printf(out, ",\"open_seconds\":%lld",
                           (long long) (((nsec_t) s->state.open_until - now) / NSEC_PER_SEC));
        buf_puts(out, ",\"ports\":[");
        for (unsigned i = 0; i < cli->config->gate.n_ports; i++)
                buf_printf(out, "%s%u", i ? "," : "", cli->config->gate.ports[i]);
        buf_printf(out, "],\"allowed\":%" PRIu64 ",\"denied\":%" PRIu64 ",\"packets\":%" PRIu64 ",\"senders\":[",
                   s->counters[GATE_COUNT_ALLOWED], s->counters[GATE_COUNT_DENIED], s->counters[GATE_COUNT_PACKETS]);
        for (size_t i = 0; i < s->senders->n; i++) {
                buf_printf(out, "%s{\"kind\":\"%s\",\"value\":", i ? "," : "",
                           gate_sender_kind_name(s->senders->items[i].kind));
                buf_put_json(out, s->senders->items[i].value, strlen(s->senders->items[i].value));
                buf_putc(out, '}');
        }
        buf_puts(out, "]}\n");
}

int gating_status(struct cli *cli)
{
        struct standing s = {.kernel = -ENOENT};
        _cleanup_close_ int dir = -1;
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(STATUS_MAX);
        int status;

        if (acting_need_root(cli) < 0 || gating_open_state(cli, false, &dir, &s.senders) < 0)
                return cli->status;
        look(cli, &s);
        if (cli->json) {
                put_json(cli, &s, &out);
        } else {
                put_head(&s, &out);
                put_layers(cli, &s, &out);
                put_senders(&s, &out);
                put_proposals(cli, &out);
                put_refused(cli, &out);
        }
        status = s.is_shut != 0 && (!is_in_force(&s) || s.rules < 0) ? CLI_FOUND : CLI_OK;
        gate_close(s.gate);
        gate_senders_free(s.senders);
        return cli_print(&out, status);
}
