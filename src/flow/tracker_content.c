/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes of streams and datagrams to the parsers that make transactions of them for rules, once it is known what each
 * side speaks. Part of the tracker; runs in the engine and in `read`, in a worker's thread. */
#include <netinet/in.h>

#include "flow/feed.h"

#define HANDOVERS         8
#define PROBE_MAX         64u /* decode/app.h */
#define BUFFER_ALL_OTHERS (~BUFFER_BIT(BUFFER_PAYLOAD))

static uint32_t not_of(unsigned side)
{
        return side == ORIGINATOR ? FEED_NOT_ORIGINATOR : FEED_NOT_RESPONDER;
}

static void view(struct content_context *c, const struct content_view *v)
{
        struct feeds *fs = c->userdata;
        struct feed *d = fs->feed;
        unsigned side = fs->side;
        uint32_t flags = (v->final ? INSPECT_FINAL : 0) | (fs->datagram ? INSPECT_PACKET : INSPECT_STREAM);
        struct inspect_input *in;

        if (d) {
                side = v->to_server == !(d->flags & FEED_TURNED) ? ORIGINATOR : RESPONDER;
                d->tls_versions[c->to_server] |= c->tls_versions;
                d->tls_states |= c->tls_states;
        }
        in = tracker_rules_input(fs, fs->flow, side, flags);
        in->have = v->have;
        in->scan = v->scan;
        in->coming = v->coming;
        in->transaction = v->transaction + (d ? d->transactions[v->to_server] : 0);
        if (fs->datagram) {
                fs->buffers[BUFFER_PAYLOAD] = (struct inspect_buffer){.data = fs->datagram->payload,
                                                                      .len = fs->datagram->payload_len,
                                                                      .fresh = fs->datagram->payload_len,
                                                                      .complete = true};
                in->have |= BUFFER_BIT(BUFFER_PAYLOAD);
                in->packet = fs->datagram;
                if (fs->packet) { /* its own inspection is part of this one */
                        in->scan |= BUFFER_BIT(BUFFER_PAYLOAD);
                        in->flags |= fs->packet_flags;
                        fs->packet = NULL;
                }
        } else if (d && d->side[side].len) {
                fs->buffers[BUFFER_PAYLOAD] = (struct inspect_buffer){.data = d->side[side].window,
                                                                      .len = d->side[side].len,
                                                                      .fresh = d->side[side].fresh,
                                                                      .base = d->side[side].base};
                in->have |= BUFFER_BIT(BUFFER_PAYLOAD);
        }
        tracker_rules_inspect(fs, fs->flow);
}

static void *resize(struct content_context *c, void *p, size_t from, size_t to)
{
        struct feeds *fs = c->userdata;

        return feed_resize(fs, fs->feed, p, from, to);
}

void tracker_content_init(struct feeds *fs)
{
        fs->content = (struct content_context){
                .buffers = fs->buffers, .scratch = fs->scratch, .inspect = view, .resize = resize, .userdata = fs};
}

/* The context for bytes that `side` sent. */
static struct content_context *context(struct feeds *fs, struct flow *f, struct feed *d, unsigned side)
{
        struct content_context *c = &fs->content;
        bool turned = d && d->flags & FEED_TURNED;

        fs->flow = f;
        fs->feed = d;
        fs->side = side;
        c->to_server = (side == ORIGINATOR) != turned;
        c->rest = 0;
        c->tls_versions = c->tls_states = 0;
        if (d) {
                c->wants[c->to_server] = d->side[side].wants;
                c->wants[!c->to_server] = d->side[!side].wants;
                c->tls_states = d->tls_states;
        }
        return c;
}

void tracker_content_end(struct feeds *fs, struct feed *d, bool tell)
{
        const struct content_parser *parser = d->parser;

        if (!parser)
                return;
        if (parser->end)
                parser->end(d->state, context(fs, d->flow, d, ORIGINATOR), tell);
        /* What inspects may have dropped it. */
        if (d->state)
                feed_resize(fs, d, d->state, parser->state_size, 0);
        d->state = NULL;
        d->parser = NULL;
}

static void seal(struct feeds *fs, struct feed *d)
{
        for (unsigned side = 0; side < 2; side++) {
                if (d->side[side].fresh)
                        tracker_window_inspect(fs, d, side, 0);
                feed_drop_window(fs, d, side);
                d->flow->marks &= ~FLOW_RULES(side, FLOW_RULES_STREAM);
        }
        d->flags |= FEED_SEALED;
}

/* From the last `rest` bytes of the side on another language is spoken. */
static void look_anew(struct feed *d, unsigned side, uint32_t rest)
{
        if (d->handovers++ >= HANDOVERS)
                return;
        d->app = APP_UNKNOWN;
        d->app_side[0] = d->app_side[1] = APP_UNKNOWN;
        d->flags &= (uint16_t) ~(FEED_NOT_ORIGINATOR | FEED_NOT_RESPONDER | FEED_APP_DONE);
        d->transactions[0] += 1u << 16;
        d->transactions[1] += 1u << 16;
        d->side[side].probe = feed_total(&d->side[side]) - rest;
        d->side[!side].probe = feed_total(&d->side[!side]);
}

/* What the parser answered. Returns how many of the last bytes of `side` are of another language. */
static uint32_t answered(struct feeds *fs, struct feed *d, unsigned side, enum content_answer answer)
{
        uint32_t rest = fs->content.rest;

        d->tls_versions[fs->content.to_server] |= fs->content.tls_versions;
        d->tls_states |= fs->content.tls_states;
        if (answer == CONTENT_MORE)
                return 0;
        tracker_content_end(fs, d, false);
        if (answer == CONTENT_SEALED)
                seal(fs, d);
        if (answer != CONTENT_SWITCH)
                return 0;
        look_anew(d, side, rest);
        return rest;
}

bool tracker_content_looks(const struct feed *d, unsigned side)
{
        return !d->app_side[side] && !(d->flags & (not_of(side) | FEED_SEALED));
}

static void parse(struct feeds *fs, struct feed *d, unsigned side, const uint8_t *data, uint32_t len)
{
        uint32_t rest;

        if (!d->parser || !len)
                return;
        rest = answered(fs, d, side, d->parser->data(d->state, context(fs, d->flow, d, side), data, len));
        if (rest && tracker_content_looks(d, side))
                tracker_content_take(fs, d, side, data + len - rest, rest);
}

static bool begin_parser(struct feeds *fs, struct feed *d)
{
        const struct content_parser *parser = content_parser_of(d->app);
        uint64_t wants = (d->side[0].wants | d->side[1].wants) & BUFFER_ALL_OTHERS;

        if (!parser || !parser->tcp || !(wants || d->app == APP_TLS))
                return false;
        d->state = feed_resize(fs, d, NULL, 0, parser->state_size);
        if (!d->state)
                return false;
        memset(d->state, 0, parser->state_size);
        d->parser = parser;
        return true;
}

/* Languages in which a server waits to be spoken to. */
static bool is_asked_first(enum app app)
{
        return app == APP_HTTP || app == APP_TLS || app == APP_DNS;
}

/* Whom we took for the originator answers. */
static void turn_around(struct feeds *fs, struct feed *d)
{
        d->flags |= FEED_TURNED;
        for (unsigned side = 0; side < 2; side++)
                d->side[side].wants = tracker_rules_wants(fs, d->flow, side);
}

/* What does the side speak? The bytes are its first, as many as there are. */
static enum app_answer recognise(struct feeds *fs, struct feed *d, unsigned side, const uint8_t *data, uint32_t len)
{
        const struct flow *f = d->flow;
        struct app_context c = {.time = fs->tracker->now,
                                .proto = f->proto,
                                .from_originator = side == ORIGINATOR,
                                .midstream = f->marks & FLOW_MARK_MIDSTREAM,
                                .originator_port = f->port[ORIGINATOR],
                                .responder_port = f->port[RESPONDER],
                                .originator = &f->addr[ORIGINATOR],
                                .responder = &f->addr[RESPONDER]};
        enum app app = APP_UNKNOWN;
        enum app_answer answer = app_recognise(&c, data, len, &app);

        if (answer == APP_MORE && len >= PROBE_MAX)
                answer = APP_NO;
        if (answer == APP_YES) {
                d->app_side[side] = (uint8_t) app;
                if (d->app && d->app != app)
                        d->events |= 1u << RULE_EVENT_APP_MISMATCH;
                else if (!d->app && d->flags & not_of(!side))
                        d->events |= 1u << RULE_EVENT_APP_ONE_DIRECTION;
                if (d->app)
                        return APP_MORE; /* the other side has said it */
                d->app = (uint8_t) app;
                if (is_asked_first(app) && !c.midstream && side == ORIGINATOR && feed_total(&d->side[!side]))
                        d->events |= 1u << RULE_EVENT_APP_WRONG_DIRECTION;
                if (app == APP_HTTP && c.midstream &&
                    (side == RESPONDER) == (len >= 5 && memcmp(data, "HTTP/", 5) != 0))
                        turn_around(fs, d);
        } else if (answer == APP_NO) {
                d->flags |= (uint16_t) not_of(side);
                if (d->app)
                        d->events |= 1u << RULE_EVENT_APP_ONE_DIRECTION;
        }
        if (d->app ||
            (d->flags & (FEED_NOT_ORIGINATOR | FEED_NOT_RESPONDER)) == (FEED_NOT_ORIGINATOR | FEED_NOT_RESPONDER))
                d->flags |= FEED_APP_DONE;
        return answer;
}

/* Bytes of a side's window from an offset of the stream on; NULL: not there any more. */
static const uint8_t *window_from(const struct feed_side *s, uint32_t offset)
{
        return s->window && offset >= s->base ? s->window + (offset - s->base) : NULL;
}

/* The next bytes, which stand in the window already as far as it holds them: to the parser, once it is known. */
void tracker_content_take(struct feeds *fs, struct feed *d, unsigned side, const uint8_t *data, uint32_t len)
{
        struct feed_side *s = &d->side[side], *other = &d->side[!side];
        const uint8_t *look, *before;
        uint32_t seen;

        if (d->app == APP_SOCKS && d->flow->app != APP_SOCKS) /* its decoder is through with it */
                look_anew(d, side, len);
        if (!tracker_content_looks(d, side)) {
                parse(fs, d, side, data, len);
                return;
        }
        seen = feed_total(s) - len - s->probe; /* bytes of it before these */
        look = seen ? window_from(s, s->probe) : data;
        if (recognise(fs, d, side, look ? look : data, look ? seen + len : len) != APP_YES) {
                parse(fs, d, side, data, len);
                return;
        }
        if (!begin_parser(fs, d))
                return;
        before = window_from(other, other->probe);
        if (before && feed_total(other) > other->probe)
                parse(fs, d, !side, before, feed_total(other) - other->probe);
        if (look && seen)
                parse(fs, d, side, look, seen);
        parse(fs, d, side, data, len);
}

void tracker_content_flush(struct feeds *fs, struct feed *d, unsigned side)
{
        if (d->parser && d->parser->flush)
                d->parser->flush(d->state, context(fs, d->flow, d, side));
}

void tracker_content_lost(struct feeds *fs, struct feed *d, unsigned side, uint32_t bytes)
{
        if (d->parser && d->parser->lost)
                (void) answered(fs, d, side, d->parser->lost(d->state, context(fs, d->flow, d, side), bytes));
}

/* Nobody else asks what flows without a home host speak. */
static void recognise_foreign(struct flow *f, unsigned side, const struct packet *p)
{
        struct app_context c = {.time = p->time,
                                .proto = f->proto,
                                .from_originator = side == ORIGINATOR,
                                .originator_port = f->port[ORIGINATOR],
                                .responder_port = f->port[RESPONDER]};
        enum app app;

        if (app_recognise(&c, p->payload, p->payload_len, &app) == APP_YES)
                f->app = (uint8_t) app;
}

void tracker_content_datagram(struct feeds *fs, struct flow *f, unsigned side, const struct packet *p)
{
        const struct content_parser *parser;
        struct content_context *c;

        if (f->marks & FLOW_MARK_FOREIGN && f->app == APP_UNKNOWN && f->pkts[side] == 1)
                recognise_foreign(f, side, p);
        parser = content_parser_of(f->app);
        if (!parser || !parser->udp)
                return;
        if (!(f->marks & FLOW_RULES(side, FLOW_RULES_ASKED_FLAGS))) {
                f->marks |= FLOW_RULES(side, FLOW_RULES_ASKED_FLAGS);
                if (!(tracker_rules_wants(fs, f, side) & BUFFER_ALL_OTHERS)) {
                        f->marks &= ~FLOW_RULES(side, FLOW_RULES_STREAM);
                        return;
                }
        }
        c = context(fs, f, feed_of(fs, f), side);
        c->wants[0] = c->wants[1] = BUFFER_ALL_OTHERS;
        c->datagram = true;
        fs->datagram = p;
        (void) parser->data(NULL, c, p->payload, p->payload_len);
        fs->datagram = NULL;
        c->datagram = false;
}
