/* SPDX-License-Identifier: GPL-3.0-or-later */
/* forged_source: a packet that leaves with a source address which is none of this machine's. No program needs that, so
 * it is proof by itself (the same paper as server_like). Pure; runs in the engine. */
#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>

#include "detect/detector.h"

#define DAY (86400 * NSEC_PER_SEC)

static const struct evidence_kind kinds[] = {
        {.name = "forged_source.packet",
         .title = "a packet left with a forged source address",
         .reason = "Nothing but an attack needs a foreign source address on a machine that does not forward for others "
                   "(Yuasa et al., step 5; RFC 2827): conclusive, so above the threshold of bot with room to fade.",
         .stage = STAGE_ATTACK,
         .weight = 3000,
         .cap = 3000,
         .half_life = DAY,
         .conclusive = true},
};

struct forged_source {
        const struct lineage *lineage;
        uint8_t boot_id[16];
};

static int forged_source_new(const struct detector_params *params, void **ret)
{
        struct forged_source *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->lineage = params->lineage;
        memcpy(s->boot_id, params->boot_id, sizeof(s->boot_id));
        *ret = s;
        return 0;
}

static void forged_source_free(void *state)
{
        free(state);
}

static const char *via(const struct socket_event *s)
{
        switch (s->family) {
        case AF_PACKET:
                return s->bypass ? "AF_PACKET past the queue" : "AF_PACKET";
        case AF_XDP:
                return "AF_XDP";
        case AF_INET:
        case AF_INET6:
                return "raw socket";
        default:
                return "another socket";
        }
}

static void forged_source_event(void *state, const struct event *ev, struct evidence_sink *out)
{
        const struct forged_source *s = state;
        const struct socket_event *f = &ev->socket;
        struct evidence e = {.kind = &kinds[0], .weight = kinds[0].weight, .count = 1};

        /* 0.0.0.0 and :: are no one's address: DHCP and duplicate address detection begin with them. */
        if (ev->type != EVENT_SOCKET || ev->op != SOCKET_FORGED || addr_is_unspecified(&f->local))
                return;
        e.first = e.last = ev->time;
        if (task_is_known(&f->task)) {
                detector_process_subject(s->lineage, s->boot_id, &f->task, &e.subject);
                (void) evidence_fact_process(&e, "sender", &f->task, lineage_name(s->lineage, &f->task));
        } else
                e.subject = (struct subject){.kind = SUBJECT_HOST};
        (void) evidence_fact_endpoint(&e, "source", &f->local, f->local_port, f->proto);
        (void) evidence_fact_endpoint(&e, "target", &f->remote, f->remote_port, f->proto);
        (void) evidence_fact_text(&e, "via", via(f));
        (void) evidence_fact_number(&e, "packets", f->count ? f->count : 1);
        evidence_add_ref(&e, f->socket_id);
        out->emit(out->userdata, &e);
}

static const char *endpoint(const struct evidence *e, const char *key, struct buf *text)
{
        const struct fact *f = evidence_find_fact(e, key);
        char addr[ADDR_TEXT_MAX], spare[8];

        buf_reset(text);
        if (!f || f->type != FACT_ENDPOINT)
                return "an unknown address";
        buf_puts(text, addr_format(&f->endpoint.addr, addr));
        if (f->endpoint.port)
                buf_printf(text, " port %u/%s", f->endpoint.port, proto_name(f->endpoint.proto, spare));
        return text->data;
}

static void forged_source_explain(const struct evidence *e, struct buf *out)
{
        const struct fact *sender = evidence_find_fact(e, "sender"), *v = evidence_find_fact(e, "via");
        const struct fact *packets = evidence_find_fact(e, "packets");
        char at[CLOCK_TEXT_MAX], line[96];
        struct buf text = BUF_FIXED(line);

        if (sender && sender->type == FACT_PROCESS) {
                if (sender->process.task.tid != sender->process.task.pid)
                        buf_printf(out, "Thread %u of process %u (", sender->process.task.tid,
                                   sender->process.task.pid);
                else
                        buf_printf(out, "Process %u (", sender->process.task.pid);
                buf_put_visible(out, sender->process.name, strnlen(sender->process.name, sizeof(sender->process.name)));
                buf_puts(out, ")");
        } else
                buf_puts(out, "A process that could not be named");
        buf_printf(out, " sent packets as if they came from %s, which is no address of this machine,",
                   endpoint(e, "source", &text));
        buf_printf(out, " to %s, at %s.\n", endpoint(e, "target", &text), clock_format_time(e->last, at));
        if (packets && packets->type == FACT_NUMBER && v && v->type == FACT_TEXT)
                buf_printf(out, "The newest report counts %" PRId64 " of them, sent through: %s.\n", packets->number,
                           v->text);
        buf_puts(out, "A forged source address is proof by itself.\n");
}

const struct detector detector_forged_source = {
        .name = "forged_source",
        .help = "packets that leave with a source address which is none of this machine's",
        .source =
                "Yuasa, Kobayashi, Takada (Nagasaki University): A bot detection based on server-like behavior of the "
                "client-side PCs",
        .limits = "Who hands on other machines' packets looks like a forger: tun/tap programs, virtual machines, "
                  "containers on a bridge, relays and inline filters that send through AF_PACKET need an exception. "
                  "Where AF_XDP content is not visible, a forged source in it is not seen. One forged with "
                  "IP_TRANSPARENT, as transparent proxies do, or with IPV6_FREEBIND, as standby nodes of a failover "
                  "address do, is no claim.",
        .events = 1u << EVENT_SOCKET,
        .kinds = kinds,
        .n_kinds = sizeof(kinds) / sizeof(kinds[0]),
        .new = forged_source_new,
        .free = forged_source_free,
        .event = forged_source_event,
        .explain = forged_source_explain,
};
