/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of IRC, in either direction, through the grammar of orders and through the detectors that read them
 * (irc_control, egg), with flows and requests in between. A line's first byte says what it is, its second how much
 * later it comes. Claims must be about the home host and tell a story; slices must lie within the line. */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "detect/detector.h"
#include "detect/irc_control_nick.h"
#include "detect/irc_control_order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void within(struct slice part, struct slice whole)
{
        require(part.len == 0 || (part.p >= whole.p && part.p + part.len <= whole.p + whole.len));
}

static void grammar(struct slice line)
{
        char clean[IRC_TEXT_MAX];
        struct slice text = {clean, irc_order_clean(line, clean)}, tag;
        struct irc_skeleton k;
        struct irc_order o;
        struct irc_nick nick;
        struct irc_url u;
        uint32_t pos = 0, before;

        while (before = pos, irc_order_next(text, (struct slice){"bot", 3}, &pos, &o)) {
                require(pos > before && pos <= text.len && o.grade > IRC_ORDER_NONE && o.n_ports <= 3);
                within(o.text, text);
                within(o.file, text);
                within(o.name, text);
                if (o.has_url)
                        within(o.url.whole, text);
        }
        for (pos = 0; before = pos, irc_order_url(text, &pos, &u);) {
                require(pos > before && u.host.len > 0);
                within(u.host, text);
                within(u.path, text);
        }
        if (irc_order_is_answer(text, &tag))
                within(tag, text);
        (void) irc_order_is_command(text, (struct slice){"bot", 3});
        within(irc_order_base(text), text);
        irc_order_skeleton(text, (struct slice){"bot", 3}, &k);
        irc_nick_look(line, &nick);
        require(strnlen(nick.pattern, sizeof(nick.pattern)) < sizeof(nick.pattern));
        require(!irc_order_is_prose(text) || text.len > 0);
}

static void emit(void *userdata, const struct evidence *e)
{
        char story[8192];
        struct buf b = BUF_FIXED(story);
        const struct detector *d;

        (void) userdata;
        require(e->subject.kind == SUBJECT_HOST && e->weight > 0 && e->weight <= e->kind->cap);
        for (unsigned i = 0; i < e->n_facts; i++)
                require(e->facts[i].type != FACT_TEXT || strnlen(e->facts[i].text, FACT_TEXT_MAX) < FACT_TEXT_MAX);
        require(evidence_kind_find(e->kind->name, &d) != NULL);
        d->explain(e, &b);
        require(b.len > 0);
}

static struct event event_of(struct slice line, uint8_t what, nsec_t now)
{
        struct event e = {.time = now};
        struct ends ends = {.flow_id = what >> 5, .remote_port = 6667, .local_port = 40000, .proto = IPPROTO_TCP};

        ends.local = addr_from_v4(htonl(0x0a010600 + (what >> 6)));
        ends.remote = addr_from_v4(htonl(0xc6336400 + (line.len ? (uint8_t) line.p[0] : 0u)));
        ends.from_local = what & 1;
        ends.origin = what & 2 ? FLOW_ACCEPTED : FLOW_ORIGINATED;
        switch (what >> 2 & 7) {
        case 5:
                e.type = EVENT_FLOW;
                e.op = what & 1 ? FLOW_START : FLOW_UPDATE;
                e.flow = (struct flow_event){.flow_id = what, .local = ends.local, .remote = ends.remote, .since = now};
                e.flow.origin = ends.origin;
                e.flow.state = FLOW_STATE_ESTABLISHED;
                e.flow.proto = IPPROTO_TCP;
                e.flow.pkts_out = 1u << (what >> 5);
                e.flow.remote_port = line.len > 1 ? (uint8_t) line.p[1] : 80;
                break;
        case 4:
                e.type = what & 1 ? EVENT_RATE : EVENT_FLOW;
                if (what & 1) {
                        e.rate = (struct rate_event){.local = ends.local, .target = ends.remote};
                        e.rate.target_pkts = e.rate.pkts_out = e.rate.http_out = 1u << (what >> 5 << 1);
                        break;
                }
                e.op = FLOW_END;
                e.flow = (struct flow_event){.flow_id = what >> 5, .local = ends.local, .remote = ends.remote};
                e.flow.app = APP_IRC;
                break;
        case 6:
                e.type = EVENT_HTTP;
                e.op = HTTP_REQUEST;
                e.http = (struct http_event){.ends = ends, .uri = line.p, .uri_len = (uint16_t) line.len};
                e.http.host = line.p;
                e.http.host_len = (uint16_t) (line.len / 2);
                break;
        case 7:
                e.type = EVENT_FILE;
                e.file = (struct file_event){.ends = ends, .name = line, .host = line, .kind = (what >> 5) + 1u};
                e.file.how = what & 1 ? FILE_RAW : FILE_HTTP;
                e.file.size = UINT64_MAX;
                break;
        default:
                e.type = EVENT_IRC;
                e.irc = (struct irc_event){.ends = ends, .text = line, .from_client = (what >> 2 & 1) != 0};
                break;
        }
        return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const names[] = {"irc_control", "egg"};
        static struct config *config;
        struct evidence_sink sink = {.emit = emit};
        void *states[2] = {0};
        nsec_t now = NSEC_PER_SEC;

        if (!config)
                require(config_new_default(&config) == 0);
        for (size_t i = 0; i < 2; i++)
                require(detector_find(names[i])->new (&(struct detector_params){.config = config}, &states[i]) == 0);
        while (size > 2) {
                const uint8_t *end = memchr(data + 2, '\n', size - 2);
                size_t len = end ? (size_t) (end - data) - 2 : size - 2;
                struct slice line = {(const char *) data + 2, (uint32_t) (len < 512 ? len : 512)};
                struct event e = event_of(line, data[0], now += data[1] * NSEC_PER_SEC / 4);

                grammar(line);
                for (size_t i = 0; i < 2; i++)
                        if (detector_find(names[i])->events & 1u << e.type)
                                detector_find(names[i])->event(states[i], &e, &sink);
                data += len + 2 + (end != NULL);
                size -= len + 2 + (end != NULL);
        }
        for (size_t i = 0; i < 2; i++)
                detector_find(names[i])->free(states[i]);
        return 0;
}
