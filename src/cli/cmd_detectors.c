/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori detectors: prints the registry of detectors, with what the configuration overrides. Runs unprivileged. */
#include "cli/cli.h"
#include "rules/stage.h"
#include "view/json.h"

/* The configuration's weight of that kind, or NULL. */
static const struct config_weight *override_of(const struct config *config, const char *kind)
{
        for (size_t i = 0; i < config->verdict.n_weights; i++)
                if (strcmp(config->verdict.weights[i].kind, kind) == 0)
                        return &config->verdict.weights[i];
        return NULL;
}

static void put_events(struct buf *out, uint32_t events, const char *format, const char *separator)
{
        bool first = true;

        for (unsigned type = EVENT_NONE + 1; type < EVENT_TYPES; type++) {
                if (!(events & 1u << type))
                        continue;
                buf_puts(out, first ? "" : separator);
                buf_puts(out, format);
                buf_puts(out, event_type_name(type));
                buf_puts(out, format);
                first = false;
        }
}

static void put_kind(struct buf *out, const struct cli *cli, const struct evidence_kind *k)
{
        const struct config_weight *w = override_of(cli->config, k->name);
        char weight[SCORE_TEXT_MAX], cap[SCORE_TEXT_MAX], span[CLOCK_TEXT_MAX];

        buf_puts(out, "\n  ");
        text_put(out, &cli->look, TEXT_BOLD, k->name);
        buf_printf(out, "  %s\n", k->title);
        buf_printf(out, "    stage %s, weight %s", stage_name(k->stage), score_format(k->weight, weight));
        if (w) {
                buf_puts(out, ", ");
                text_put(out, &cli->look, TEXT_YELLOW, "overridden in the configuration: ");
                text_put(out, &cli->look, TEXT_YELLOW, score_format(w->weight, weight));
        }
        buf_printf(out, ", at most %s", score_format(k->cap, cap));
        if (k->half_life)
                buf_printf(out, ", half after %s", clock_format_span(k->half_life, span));
        buf_puts(out, k->conclusive ? ", proof by itself\n" : "\n");
        text_wrap(out, &cli->look, "    why: ", k->reason);
}

static void put_member(struct buf *out, const char *name, const char *value)
{
        buf_printf(out, ",\"%s\":", name);
        buf_put_json(out, value, strlen(value));
}

/* What rules say of a host: the table of rules/stage.h. */
static void put_stages(struct buf *out, const struct cli *cli)
{
        struct rule_stage_text row;
        char weight[SCORE_TEXT_MAX], first[320];

        text_heading(out, &cli->look, "Rules of Snort and Suricata: what a match says. The first row that fits counts");
        for (size_t i = 0; rule_stage_row(i, &row); i++) {
                if (row.stage)
                        snprintf(first, sizeof(first), "  %s: stage %s, %s", row.when, alert_stage_name(row.stage),
                                 score_format(row.weight, weight));
                else
                        snprintf(first, sizeof(first), "  %s: nothing", row.when);
                buf_puts(out, first);
                buf_putc(out, '\n');
                text_wrap(out, &cli->look, "    why: ", row.reason);
        }
}

static void put_json_stages(struct buf *out)
{
        struct rule_stage_text row;

        for (size_t i = 0; rule_stage_row(i, &row); i++) {
                buf_printf(out, "{\"event_type\":\"rule_stage\",\"row\":%zu", i + 1);
                put_member(out, "when", row.when);
                put_member(out, "stage", alert_stage_name(row.stage));
                buf_puts(out, ",\"weight\":");
                json_score(out, row.weight);
                put_member(out, "reason", row.reason);
                buf_puts(out, "}\n");
        }
}

static void put_text(struct buf *out, const struct cli *cli)
{
        for (size_t i = 0; detectors[i]; i++) {
                const struct detector *d = detectors[i];

                if (i)
                        buf_putc(out, '\n');
                text_put(out, &cli->look, TEXT_BOLD, d->name);
                buf_putc(out, '\n');
                text_wrap(out, &cli->look, "  ", d->help);
                text_wrap(out, &cli->look, "  idea:   ", d->source);
                buf_puts(out, "  events: ");
                put_events(out, d->events, "", ", ");
                buf_putc(out, '\n');
                text_wrap(out, &cli->look, "  limits: ", d->limits);
                for (size_t k = 0; k < d->n_kinds; k++)
                        put_kind(out, cli, &d->kinds[k]);
        }
        put_stages(out, cli);
}

static void put_json_kind(struct buf *out, const struct cli *cli, const struct evidence_kind *k)
{
        const struct config_weight *w = override_of(cli->config, k->name);

        buf_puts(out, "{\"kind\":");
        buf_put_json(out, k->name, strlen(k->name));
        put_member(out, "title", k->title);
        put_member(out, "stage", stage_name(k->stage));
        buf_puts(out, ",\"weight\":");
        json_score(out, w ? w->weight : k->weight);
        buf_puts(out, ",\"weight_default\":");
        json_score(out, k->weight);
        buf_printf(out, ",\"overridden\":%s,\"cap\":", w ? "true" : "false");
        json_score(out, k->cap);
        buf_printf(out, ",\"half_life_ns\":%lld,\"conclusive\":%s", (long long) k->half_life,
                   k->conclusive ? "true" : "false");
        put_member(out, "reason", k->reason);
        buf_putc(out, '}');
}

static void put_json(struct buf *out, const struct cli *cli)
{
        for (size_t i = 0; detectors[i]; i++) {
                const struct detector *d = detectors[i];

                buf_puts(out, "{\"event_type\":\"detector\"");
                put_member(out, "name", d->name);
                put_member(out, "help", d->help);
                put_member(out, "source", d->source);
                put_member(out, "limits", d->limits);
                buf_puts(out, ",\"events\":[");
                put_events(out, d->events, "\"", ",");
                buf_puts(out, "],\"kinds\":[");
                for (size_t k = 0; k < d->n_kinds; k++) {
                        if (k)
                                buf_putc(out, ',');
                        put_json_kind(out, cli, &d->kinds[k]);
                }
                buf_puts(out, "]}\n");
        }
        put_json_stages(out);
}

static int run(struct cli *cli)
{
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(1u << 20);

        if (cli_operands(cli, 0, 0) < 0 || cli_load_config(cli) < 0)
                return cli->status;
        if (cli->json)
                put_json(&out, cli);
        else
                put_text(&out, cli);
        return cli_print(&out, CLI_OK);
}

const struct command command_detectors = {
        .synopsis = "",
        .about = "Prints every detector: what it looks for, where the idea comes from, which events it uses, what it "
                 "cannot "
                 "see, and each of its claims with stage, weight, cap, half-life and the reason for the weight.\n\n"
                 "Weights that the configuration overrides (verdict.weights) are marked.\n\n"
                 "Then the table that says what a match of a rule of Snort or Suricata means for a host.",
        .takes = CLI_TAKES_CONFIG | CLI_TAKES_JSON,
        .run = run,
};
