/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes events, evidence and verdicts as EVE-style JSON lines. Formats directly, since the engine writes each event
 * this way when asked to. Runs in the engine and the command line. */
#include "view/json.h"

#include <inttypes.h>
#include <netinet/in.h>

#include "model/facts.h"
#include "model/gate.h"
#include "view/community_id.h"
#include "view/json_alert.h"
#include "view/json_fields.h"

static void put_key(struct buf *out, const char *name)
{
        char last = out->len ? out->data[out->len - 1] : '{';

        if (last != '{')
                buf_putc(out, ',');
        buf_putc(out, '"');
        buf_puts(out, name);
        buf_puts(out, "\":");
}

static void put_u64(struct buf *out, uint64_t n)
{
        char digits[24], *p = digits + sizeof(digits);
        bool quote = n > INT64_MAX;

        if (quote)
                *--p = '"';
        do
                *--p = (char) ('0' + n % 10);
        while (n /= 10);
        if (quote)
                *--p = '"';
        buf_put(out, p, (size_t) (digits + sizeof(digits) - p));
}

static void put_text(struct buf *out, const char *s)
{
        buf_put_json(out, s, strlen(s));
}

static void put_text_field(struct buf *out, const char *name, const char *s)
{
        put_key(out, name);
        put_text(out, s);
}

static void put_number_field(struct buf *out, const char *name, uint64_t n)
{
        put_key(out, name);
        put_u64(out, n);
}

static void put_address_field(struct buf *out, const char *name, const struct addr *a)
{
        char text[ADDR_TEXT_MAX];

        put_text_field(out, name, addr_format(a, text));
}

void json_time(struct buf *out, nsec_t t)
{
        char text[CLOCK_TEXT_MAX];

        put_text(out, clock_format_iso(t, text));
}

void json_score(struct buf *out, int32_t hundredths)
{
        int64_t n = hundredths < 0 ? -(int64_t) hundredths : hundredths;

        buf_printf(out, "%s%" PRId64 ".%" PRId64, hundredths < 0 ? "-" : "", n / 100, n % 100 / 10);
        if (n % 10)
                put_u64(out, (uint64_t) (n % 10));
}

void json_stages(struct buf *out, uint32_t stages)
{
        const char *separator = "";

        buf_putc(out, '[');
        for (unsigned i = 0; i < STAGES; i++) {
                if (!(stages & 1u << i))
                        continue;
                buf_printf(out, "%s\"%s\"", separator, stage_name(i));
                separator = ",";
        }
        buf_putc(out, ']');
}

static void put_flags(struct buf *out, uint32_t flags, const struct json_field *f)
{
        const char *separator = "";

        buf_putc(out, '[');
        for (unsigned bit = 0; bit < 32; bit++) {
                if (!(flags & 1u << bit))
                        continue;
                buf_puts(out, separator);
                if (bit < f->n)
                        put_text(out, f->names[bit]);
                else
                        put_u64(out, 1u << bit);
                separator = ",";
        }
        buf_putc(out, ']');
}

static void put_fields(struct buf *out, const struct json_field *fields, const void *base, nsec_t skew);

static uint64_t integer_at(enum json_kind kind, const void *p)
{
        switch (kind) {
        case JSON_U8:
        case JSON_FLAGS8:
        case JSON_NAMED8:
                return *(const uint8_t *) p;
        case JSON_U16:
        case JSON_FLAGS16:
        case JSON_NAMED16:
                return *(const uint16_t *) p;
        case JSON_U32:
        case JSON_FLAGS32:
                return *(const uint32_t *) p;
        default:
                return *(const uint64_t *) p;
        }
}

static void put_named(struct buf *out, const struct json_field *f, uint64_t n)
{
        for (const struct json_name *name = f->numbers; name->name; name++)
                if (name->number == n) {
                        put_text(out, name->name);
                        return;
                }
        put_u64(out, n);
}

static void put_list(struct buf *out, const struct addr *a, size_t n)
{
        char text[ADDR_TEXT_MAX];

        buf_putc(out, '[');
        for (size_t i = 0; i < n; i++) {
                if (i)
                        buf_putc(out, ',');
                put_text(out, addr_format(&a[i], text));
        }
        buf_putc(out, ']');
}

static size_t length_at(const struct json_field *f, const void *base)
{
        const char *p = (const char *) base + f->length;

        return f->kind == JSON_BYTES8 ? *(const uint8_t *) p : *(const uint16_t *) p;
}

static void put_value(struct buf *out, const struct json_field *f, const void *base, nsec_t skew)
{
        const void *p = (const char *) base + f->offset;
        const struct slice *slice = p;
        char text[ADDR_TEXT_MAX];

        switch (f->kind) {
        case JSON_BOOL:
                buf_puts(out, *(const uint8_t *) p ? "true" : "false");
                break;
        case JSON_TIME:
                buf_printf(out, "%" PRId64, *(const nsec_t *) p + skew);
                break;
        case JSON_ADDRESS:
                put_text(out, addr_format(p, text));
                break;
        case JSON_TASK:
                put_fields(out, json_task_fields, p, 0);
                break;
        case JSON_TEXT:
                put_text(out, *(const char *const *) p);
                break;
        case JSON_SLICE:
                buf_put_json(out, slice->p, slice->len);
                break;
        case JSON_BYTES8:
        case JSON_BYTES16:
                buf_put_json(out, *(const char *const *) p, length_at(f, base));
                break;
        case JSON_LIST:
                put_list(out, *(const struct addr *const *) p, length_at(f, base));
                break;
        case JSON_ENUM:
                put_text(out, f->name_of(*(const uint8_t *) p));
                break;
        case JSON_NAMED8:
        case JSON_NAMED16:
                put_named(out, f, integer_at(f->kind, p));
                break;
        case JSON_FLAGS8:
        case JSON_FLAGS16:
        case JSON_FLAGS32:
                put_flags(out, (uint32_t) integer_at(f->kind, p), f);
                break;
        default:
                put_u64(out, integer_at(f->kind, p));
        }
}

/* What was not said does not stand there. */
static bool is_absent(const struct json_field *f, const void *base)
{
        const void *p = (const char *) base + f->offset;

        switch (f->kind) {
        case JSON_TEXT:
        case JSON_SLICE: /* begins with its pointer */
        case JSON_BYTES8:
        case JSON_BYTES16:
                return !*(const char *const *) p;
        case JSON_LIST:
                return !*(const struct addr *const *) p || length_at(f, base) == 0;
        case JSON_SIZE:
                return *(const uint64_t *) p == UINT64_MAX;
        case JSON_TASK:
                return !f->required && memcmp(p, &(struct task){0}, sizeof(struct task)) == 0;
        default:
                return false;
        }
}

static void put_members(struct buf *out, const struct json_field *fields, const void *base, nsec_t skew)
{
        for (const struct json_field *f = fields; f->name; f++) {
                if (is_absent(f, base))
                        continue;
                put_key(out, f->by_op ? json_name_by_op(f, base) : f->name);
                put_value(out, f, base, skew);
        }
}

static void put_fields(struct buf *out, const struct json_field *fields, const void *base, nsec_t skew)
{
        buf_putc(out, '{');
        put_members(out, fields, base, skew);
        buf_putc(out, '}');
}

/* The same once more under the names that EVE has for it, for other programs: client and server instead of local and
 * remote. The reader passes over them. */
static void put_derived(struct buf *out, const struct event *e, nsec_t skew)
{
        const struct flow_event *f = &e->flow;
        bool accepted = f->origin == FLOW_ACCEPTED;
        nsec_t last = event_last(e);

        if (e->type == EVENT_DNS)
                put_text_field(out, "type", event_op_name(e->type, e->op));
        if (e->type == EVENT_GATE)
                put_text_field(out, "action", gate_action_name(gate_action(e->op, e->gate.reason, e->gate.denied)));
        if (e->type == EVENT_ALERT)
                json_alert_metadata(out, e->alert.rule);
        if (e->type != EVENT_FLOW)
                return;
        put_number_field(out, "pkts_toserver", accepted ? f->pkts_in : f->pkts_out);
        put_number_field(out, "pkts_toclient", accepted ? f->pkts_out : f->pkts_in);
        put_number_field(out, "bytes_toserver", accepted ? f->bytes_in : f->bytes_out);
        put_number_field(out, "bytes_toclient", accepted ? f->bytes_out : f->bytes_in);
        put_key(out, "start");
        json_time(out, f->since + skew);
        put_number_field(out, "age",
                         f->since >= 0 && last > f->since ? (uint64_t) (last - f->since) / NSEC_PER_SEC : 0);
}

/* What flows and the events about their content share. */
struct tuple {
        const struct addr *local, *remote;
        uint16_t local_port, remote_port;
        uint8_t proto, origin;
};

/* Not of ARP, which has no flow, nor where a source does not tell the ports or the type of ICMP. */
static void put_community_id(struct buf *out, const struct tuple *t)
{
        bool accepted = t->origin == FLOW_ACCEPTED;
        struct community_id_tuple c = {.src = accepted ? t->remote : t->local,
                                       .dst = accepted ? t->local : t->remote,
                                       .src_port = accepted ? t->remote_port : t->local_port,
                                       .dst_port = accepted ? t->local_port : t->remote_port,
                                       .proto = t->proto};
        char text[COMMUNITY_ID_MAX];

        if (t->proto == PROTO_ARP || addr_is_unspecified(t->remote))
                return;
        if (t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6) {
                if (!t->local_port)
                        return;
                c.src_port = t->local_port >> 8;
                c.dst_port = t->local_port & 0xff;
        } else if ((t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP) && (!t->local_port || !t->remote_port))
                return; /* the kernel has not chosen the port yet */
        community_id_format(&c, text);
        put_text_field(out, "community_id", text);
}

/* Source and destination as EVE has them: the side that sent the first packet is the source. */
static void put_five_tuple(struct buf *out, const struct tuple *t)
{
        bool accepted = t->origin == FLOW_ACCEPTED;
        bool icmp = t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6;
        bool ports = !icmp && t->proto != PROTO_ARP;
        char spare[8];

        put_address_field(out, "src_ip", accepted ? t->remote : t->local);
        if (ports)
                put_number_field(out, "src_port", accepted ? t->remote_port : t->local_port);
        put_address_field(out, "dest_ip", accepted ? t->local : t->remote);
        if (ports)
                put_number_field(out, "dest_port", accepted ? t->local_port : t->remote_port);
        put_text_field(out, "proto", proto_name(t->proto, spare));
        if (icmp) {
                put_number_field(out, "icmp_type", t->local_port >> 8);
                put_number_field(out, "icmp_code", t->local_port & 0xff);
        }
        put_community_id(out, t);
}

static void put_ends(struct buf *out, const struct event *e)
{
        char spare[8];

        if (e->type == EVENT_FLOW) {
                const struct flow_event *f = &e->flow;

                put_five_tuple(out, &(struct tuple){&f->local, &f->remote, f->local_port, f->remote_port, f->proto,
                                                    f->origin});
                if (f->app)
                        put_text_field(out, "app_proto", app_name(f->app));
        } else if (event_has_ends(e->type)) {
                const struct ends *n = &e->ends;
                /* Of an alert, as EVE has it, the source sent what matched. */
                uint8_t origin = e->type != EVENT_ALERT ? n->origin : n->from_local ? FLOW_ORIGINATED : FLOW_ACCEPTED;

                put_five_tuple(out,
                               &(struct tuple){&n->local, &n->remote, n->local_port, n->remote_port, n->proto, origin});
                if (e->type == EVENT_ALERT)
                        json_alert_around(out, e);
        } else if (e->type == EVENT_RATE) {
                put_address_field(out, "src_ip", &e->rate.local);
                put_address_field(out, "dest_ip", &e->rate.target);
                put_text_field(out, "proto", proto_name(e->rate.target_proto, spare));
        } else if (e->type == EVENT_SOCKET && e->op == SOCKET_FORGED) {
                put_address_field(out, "src_ip", &e->socket.local);
                put_address_field(out, "dest_ip", &e->socket.remote);
                put_text_field(out, "proto", proto_name(e->socket.proto, spare));
        } else if (e->type == EVENT_GATE && !addr_is_unspecified(&e->gate.remote)) {
                put_address_field(out, "dest_ip", &e->gate.remote);
                put_number_field(out, "dest_port", e->gate.port);
                put_text_field(out, "proto", proto_name(e->gate.proto, spare));
        }
}

void json_event(struct buf *out, const struct event *e, nsec_t skew)
{
        buf_putc(out, '{');
        put_key(out, "timestamp");
        json_time(out, e->time + skew);
        if (e->type == EVENT_FLOW)
                put_number_field(out, "flow_id", e->flow.flow_id);
        else if (event_has_ends(e->type))
                put_number_field(out, "flow_id", e->ends.flow_id);
        put_text_field(out, "event_type", event_type_name(e->type));
        put_ends(out, e);
        put_text_field(out, "op", event_op_name(e->type, e->op));
        put_key(out, "source");
        if (e->source < json_n_sources && json_sources[e->source])
                put_text(out, json_sources[e->source]);
        else
                put_u64(out, e->source);
        put_key(out, "time_ns");
        buf_printf(out, "%" PRId64, e->time + skew);
        if (e->type < EVENT_TYPES && json_fields[e->type]) {
                put_key(out, event_type_name(e->type));
                buf_putc(out, '{');
                put_members(out, json_fields[e->type], e, skew);
                put_derived(out, e, skew);
                buf_putc(out, '}');
        }
        buf_putc(out, '}');
}

void json_subject(struct buf *out, const struct subject *s)
{
        char text[SUBJECT_TEXT_MAX];

        buf_putc(out, '{');
        put_text_field(out, "kind", subject_kind_name(s->kind));
        put_text_field(out, "key", subject_key(s, text));
        if (s->kind == SUBJECT_PROCESS) {
                put_number_field(out, "pid", s->pid);
                put_number_field(out, "start", s->start);
                put_text_field(out, "name", s->name);
                put_number_field(out, "exe_dev", s->exe_dev);
                put_number_field(out, "exe_ino", s->exe_ino);
                put_key(out, "boot_id");
                buf_putc(out, '"');
                for (size_t i = 0; i < sizeof(s->boot_id); i++)
                        buf_printf(out, "%02x", s->boot_id[i]);
                buf_putc(out, '"');
        } else if (addr_equal(&s->addr, &(struct addr){0})) {
                put_key(out, "self");
                buf_puts(out, "true");
        } else
                put_address_field(out, "ip", &s->addr);
        buf_putc(out, '}');
}

void json_evidence_body(struct buf *out, const struct evidence *e, bool excepted, nsec_t skew)
{
        buf_putc(out, '{');
        put_text_field(out, "kind", e->kind->name);
        put_text_field(out, "title", e->kind->title);
        put_text_field(out, "stage", stage_name(e->kind->stage));
        put_key(out, "weight");
        json_score(out, e->weight);
        put_key(out, "conclusive");
        buf_puts(out, e->kind->conclusive ? "true" : "false");
        put_key(out, "excepted");
        buf_puts(out, excepted ? "true" : "false");
        put_number_field(out, "count", e->count);
        put_key(out, "first");
        json_time(out, e->first + skew);
        put_key(out, "last");
        json_time(out, e->last + skew);
        put_key(out, "facts");
        facts_to_json(out, e, skew);
        put_key(out, "refs");
        buf_putc(out, '[');
        for (unsigned i = 0; i < e->n_refs; i++) {
                if (i)
                        buf_putc(out, ',');
                put_u64(out, e->refs[i]);
        }
        buf_puts(out, "]}");
}

void json_evidence(struct buf *out, const struct evidence *e, bool excepted, nsec_t skew)
{
        buf_putc(out, '{');
        put_key(out, "timestamp");
        json_time(out, e->last + skew);
        put_text_field(out, "event_type", "evidence");
        put_key(out, "subject");
        json_subject(out, &e->subject);
        put_key(out, "evidence");
        json_evidence_body(out, e, excepted, skew);
        buf_putc(out, '}');
}

void json_verdict(struct buf *out, const struct verdict *v, int32_t threshold, const struct evidence *const *pieces,
                  size_t n, nsec_t skew)
{
        buf_putc(out, '{');
        put_key(out, "timestamp");
        json_time(out, v->time + skew);
        put_text_field(out, "event_type", "verdict");
        put_key(out, "subject");
        json_subject(out, &v->subject);
        put_text_field(out, "level", level_name(v->level));
        put_key(out, "score");
        json_score(out, v->score);
        put_key(out, "threshold");
        json_score(out, threshold);
        put_key(out, "stages");
        json_stages(out, v->stages);
        put_key(out, "conclusive");
        buf_puts(out, v->conclusive ? "true" : "false");
        put_number_field(out, "excepted", v->excepted);
        if (pieces) {
                put_key(out, "evidence");
                buf_putc(out, '[');
                for (size_t i = 0; i < n; i++) {
                        if (i)
                                buf_putc(out, ',');
                        json_evidence_body(out, pieces[i], false, skew);
                }
                buf_putc(out, ']');
        }
        buf_putc(out, '}');
}
