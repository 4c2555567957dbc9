/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What EVE tells of an alert beside the alert's own fields. Runs in the engine and the command line. */
#include "view/json_alert.h"

#include <inttypes.h>

#include "rules/rule.h"

void json_alert_around(struct buf *out, const struct event *e)
{
        const struct alert_event *a = &e->alert;
        bool by_originator = a->ends.from_local == (a->ends.origin == FLOW_ORIGINATED);

        if (a->packet && a->packet <= INT64_MAX)
                buf_printf(out, ",\"pcap_cnt\":%" PRIu64, a->packet);
        if (a->app)
                buf_printf(out, ",\"app_proto\":\"%s\"", app_name(a->app));
        buf_printf(out, ",\"direction\":\"to_%s\"", by_originator ? "server" : "client");
}

static void put_values(struct buf *out, const struct rule *r, uint16_t from)
{
        const char *key = r->metadata[from].key, *separator = "";

        buf_put_json(out, key, strlen(key));
        buf_puts(out, ":[");
        for (uint16_t i = from; i < r->n_metadata; i++) {
                if (strcmp(r->metadata[i].key, key) != 0)
                        continue;
                buf_puts(out, separator);
                buf_put_json(out, r->metadata[i].value, strlen(r->metadata[i].value));
                separator = ",";
        }
        buf_putc(out, ']');
}

static bool is_repeated(const struct rule *r, uint16_t at)
{
        for (uint16_t i = 0; i < at; i++)
                if (strcmp(r->metadata[i].key, r->metadata[at].key) == 0)
                        return true;
        return false;
}

void json_alert_metadata(struct buf *out, const struct rule *r)
{
        const char *separator = "";

        if (!r || !r->n_metadata)
                return;
        buf_puts(out, ",\"metadata\":{");
        for (uint16_t i = 0; i < MIN(r->n_metadata, JSON_METADATA_MAX); i++) {
                if (is_repeated(r, i))
                        continue;
                buf_puts(out, separator);
                put_values(out, r, i);
                separator = ",";
        }
        buf_putc(out, '}');
}
