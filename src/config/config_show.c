/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The effective configuration as YAML that reads back as the same, with each key's help above it. */
#include <stdio.h>

#include "config/internal.h"

static void put_help(const struct config_row *row, const char *indent, struct buf *out)
{
        char what[112];
        struct buf type = BUF_FIXED(what);
        const char *line = row->help;

        for (;;) {
                int n = (int) strcspn(line, "\n");

                buf_printf(out, "%s# %.*s\n", indent, n, line);
                if (!line[n])
                        break;
                line += n + 1;
        }
        config_value_describe(row, &type);
        buf_printf(out, "%s# (%s; default: %s)\n", indent, buf_str(&type), row->fallback);
}

static void put_weights(const struct config *c, struct buf *out)
{
        struct config_row score = {"", CONFIG_SCORE, offsetof(struct config_weight, weight)};

        buf_puts(out, " {");
        for (size_t i = 0; i < c->verdict.n_weights; i++) {
                buf_printf(out, "%s%s: ", i ? ", " : "", c->verdict.weights[i].kind);
                config_value_put(&score, &c->verdict.weights[i], out);
        }
        buf_puts(out, "}");
}

static bool is_given(const struct config_row *row, const struct config_exception *e)
{
        const char *at = (const char *) e + row->offset;

        if (row->type == CONFIG_PEER)
                return e->has_peer;
        return row->type == CONFIG_DATE ? *(const nsec_t *) at != 0 : *(char *const *) at != NULL;
}

static void put_exceptions(const struct config *c, struct buf *out)
{
        if (c->n_exceptions == 0)
                buf_puts(out, " []");
        for (size_t i = 0; i < c->n_exceptions; i++) {
                const char *before = "\n  - {";

                for (const struct config_row *row = config_exception_rows; row->key; row++) {
                        if (!is_given(row, &c->exceptions[i]))
                                continue;
                        buf_printf(out, "%s%s: ", before, strchr(row->key, '.') + 1);
                        config_value_put(row, &c->exceptions[i], out);
                        before = ", ";
                }
                buf_puts(out, "}");
        }
}

int config_show(const struct config *c, struct buf *out)
{
        char section[32] = "";

        buf_puts(out, "# The configuration of sekimori");
        if (c->source) {
                buf_puts(out, ": ");
                buf_put_visible(out, c->source, strlen(c->source));
        }
        buf_puts(out, "\n");
        for (const struct config_row *row = config_rows; row->key; row++) {
                const char *dot = strchr(row->key, '.');
                int n = dot ? (int) (dot - row->key) : 0;

                if (!dot || strncmp(section, row->key, (size_t) n + 1) != 0) {
                        buf_puts(out, "\n");
                        snprintf(section, sizeof(section), "%.*s.", n, row->key);
                        if (dot)
                                buf_printf(out, "%.*s:\n", n, row->key);
                }
                put_help(row, dot ? "  " : "", out);
                buf_printf(out, "%s%s:", dot ? "  " : "", dot ? dot + 1 : row->key);
                switch (row->type) {
                case CONFIG_CIDRS:
                case CONFIG_PATHS:
                case CONFIG_TEXTS:
                case CONFIG_PORTS:
                        config_list_put(row, c, out);
                        break;
                case CONFIG_GROUPS:
                case CONFIG_SIDS:
                        config_rules_put(row, c, out);
                        break;
                case CONFIG_WEIGHTS:
                        put_weights(c, out);
                        break;
                case CONFIG_EXCEPTIONS:
                        put_exceptions(c, out);
                        break;
                default:
                        buf_putc(out, ' ');
                        config_value_put(row, c, out);
                        break;
                }
                buf_putc(out, '\n');
        }
        return out->error;
}
