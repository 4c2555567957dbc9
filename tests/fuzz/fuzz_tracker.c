/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conversations to events: one shard, with few flows and little memory. The input is a program of two-byte steps: what,
 * and (high bit: from the responder) with which of the conversations or how much. So sequence numbers fit unless a step
 * makes them not fit, and pieces of dialogs that decoders know reach them in any order. Every event is checked. Each
 * input is run without rules and with an inspector that checks what it gets. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "flow/tracker.h"
#include "inspect_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINKTYPE_RAW 101
#define STEPS_MAX    600
#define SIDES_MAX    8192 /* of flows, that events were seen of; a power of two */
#define HOME(n)      (0x0a000000u + (n))
#define OUTSIDE(n)   (0xc0000200u + (n))

struct ends_of {
        uint32_t addr[2];
        uint16_t port[2];
        uint8_t proto;
};

static const struct ends_of conversations[] = {
        {{HOME(5), OUTSIDE(1)}, {40000, 6667}, IPPROTO_TCP},
        {{HOME(5), OUTSIDE(1)}, {40001, 21}, IPPROTO_TCP},
        {{HOME(5), OUTSIDE(1)}, {40002, 50000}, IPPROTO_TCP}, /* where data is announced */
        {{HOME(5), OUTSIDE(2)}, {40003, 25}, IPPROTO_TCP},
        {{OUTSIDE(2), HOME(5)}, {40004, 1080}, IPPROTO_TCP},
        {{HOME(5), HOME(6)}, {40005, 80}, IPPROTO_TCP},
        {{OUTSIDE(1), OUTSIDE(2)}, {40006, 80}, IPPROTO_TCP}, /* foreign */
        {{HOME(5), OUTSIDE(1)}, {40007, 443}, IPPROTO_TCP},
        {{HOME(5), OUTSIDE(1)}, {40008, 53}, IPPROTO_UDP},
        {{HOME(5), OUTSIDE(1)}, {5000, 69}, IPPROTO_UDP},
        {{OUTSIDE(1), HOME(5)}, {3333, 5000}, IPPROTO_UDP}, /* TFTP's data */
        {{HOME(5), HOME(255)}, {137, 137}, IPPROTO_UDP},
        {{OUTSIDE(3), HOME(5)}, {53, 4444}, IPPROTO_UDP},
        {{HOME(5), OUTSIDE(1)}, {0, 0}, IPPROTO_ICMP},
        {{HOME(5), 0xe0000001u}, {7, 7}, IPPROTO_UDP},
        {{HOME(5), OUTSIDE(1)}, {0, 0}, 47},
};

#define TEXT(s)                                                                                                        \
        {                                                                                                              \
                s, sizeof(s) - 1                                                                                       \
        }
static const struct {
        const char *bytes;
        uint8_t len;
} pieces[] = {
        TEXT("NICK [DEU]|04821\r\nUSER a b c :d\r\n"),
        TEXT("JOIN #x key\r\nPRIVMSG #x :hello\r\n"),
        TEXT(":irc.x 001 bot :welcome\r\n:a!b@c PRIVMSG bot :.login x\r\n"),
        TEXT(":a!b@c PRIVMSG bot :\1DCC SEND a.exe 3221225985 50000 100\1\r\n"),
        TEXT("GET /a.exe HTTP/1.1\r\nHost: x\r\n\r\n"),
        TEXT("HTTP/1.1 200 OK\r\nContent-Type: image/gif\r\nContent-Length: 64\r\n\r\nMZ"),
        TEXT("CONNECT x:25 HTTP/1.1\r\n\r\n"),
        TEXT("HTTP/1.1 200 OK\r\n\r\n"),
        TEXT("220 mail.x ESMTP\r\n"),
        TEXT("EHLO x\r\nSTARTTLS\r\n"),
        TEXT("220 go ahead\r\n"),
        TEXT("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
        TEXT("250 ok\r\n354 go\r\n"),
        TEXT("Subject: x\r\n\r\nx\r\n.\r\n"),
        TEXT("220 FTP server\r\n331 x\r\n230 x\r\n"),
        TEXT("USER a\r\nPASS b\r\nPASV\r\nRETR a.exe\r\n"),
        TEXT("227 Entering Passive Mode (192,0,2,1,195,80)\r\n150 x\r\n"),
        TEXT("\5\1\0"),
        TEXT("\5\0"),
        TEXT("\5\1\0\1\xc0\0\2\1\0\x19"),
        TEXT("\5\0\0\1\xc0\0\2\1\0\x19"),
        TEXT("\4\1\0\x19\xc0\0\2\1x\0"),
        TEXT("\0\x5a\0\0\0\0\0\0"),
        TEXT("\x16\3\1\0\x2d\1\0\0\x29\3\3rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\0\0\2\x13\1\1\0\0\0"),
        TEXT("\x16\3\3\0\x2c\2\0\0\x28\3\3rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\0\x13\1\0\0\0"),
        TEXT("SSH-2.0-x\r\n"),
        TEXT("MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0\xb8\0\0\0\0\0\0\0\x40"),
        TEXT("\x7f"
             "ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\x3e\0"),
        TEXT("\x12\x34\1\0\0\1\0\0\0\0\0\0\1x\2yz\0\0\1\0\1"),
        TEXT("\x12\x34\x81\x80\0\1\0\1\0\0\0\0\1x\2yz\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\5\0\4\xc0\0\2\1"),
        TEXT("\0\1a.exe\0octet\0"),
        TEXT("\0\3\0\1MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0\xb8\0\0\0"),
        TEXT("\0\0"),
        TEXT("x"),
};

enum step {
        STEP_CHOOSE, /* the conversation that the next steps are of */
        STEP_SYN,
        STEP_SYN_ACK,
        STEP_ACK,
        STEP_FIN,
        STEP_RST,
        STEP_PIECE,      /* of a dialog */
        STEP_BYTES,      /* the argument's number of zeros and letters */
        STEP_SPLIT,      /* the next piece goes in parts of so many bytes */
        STEP_BACK,       /* sequence numbers go back */
        STEP_SKIP,       /* and ahead */
        STEP_FAR,        /* by this << 24 */
        STEP_FORGET_ACK, /* acknowledges nothing new from here on */
        STEP_AGAIN,      /* the last frame once more */
        STEP_CUT,        /* so many bytes of each frame are captured; 0: all */
        STEP_TIME,       /* milliseconds */
        STEP_SECONDS,
        STEP_TICK,
        STEP_ERROR, /* an ICMP error about the last frame */
        STEP_PORT,  /* the next conversations have other ports */
        STEPS,
};

/* What events said of one side of a flow. */
struct side {
        uint64_t flow_id;
        struct addr local;
        uint16_t local_port;
        bool used, ended;
        uint64_t bytes_out, bytes_in;
};

static struct run {
        struct tracker *tracker;
        nsec_t now, told;
        struct side sides[SIDES_MAX];
        unsigned n_started, n_ended;
        unsigned chosen, split;
        uint32_t seq[ELEMENTSOF(conversations)][2];
        uint32_t port, cut;
        bool no_ack;
        uint8_t frame[512];
        uint32_t len;
} run;

static void check(bool holds)
{
        if (!holds)
                abort();
}

static struct side *side_of(uint64_t flow_id, const struct addr *local, uint16_t port)
{
        uint64_t at = flow_id * 0x9e3779b97f4a7c15ull >> 40;

        for (;; at++) {
                struct side *s = &run.sides[at % SIDES_MAX];

                if (!s->used)
                        *s = (struct side){.flow_id = flow_id, .local = *local, .local_port = port};
                if (s->flow_id == flow_id && addr_equal(&s->local, local) && s->local_port == port)
                        return s;
        }
}

static void read_slice(const char *p, size_t len)
{
        volatile uint8_t sum = 0;

        for (size_t i = 0; p && i < len; i++)
                sum = (uint8_t) (sum + p[i]);
}

static bool is_home(const struct addr *a)
{
        return addr_is_v4(a) && a->b[12] == 10;
}

static void check_flow(const struct event *e)
{
        const struct flow_event *f = &e->flow;
        struct side *s = side_of(f->flow_id, &f->local, f->local_port);

        check(f->flow_id && is_home(&f->local) && !task_is_known(&f->task));
        check((f->flags & FLOW_BOTH_HOME) == 0 || is_home(&f->remote));
        check(e->op <= FLOW_END && f->state <= FLOW_STATE_FAILED && f->app < APPS);
        check(f->origin == FLOW_ORIGINATED || f->origin == FLOW_ACCEPTED);
        check(f->since > 0 && f->since <= e->time && (e->op == FLOW_END || !e->quiet));
        check(event_last(e) <= e->time && event_last(e) >= f->since);
        check(f->pkts_out + f->pkts_in > 0);
        check(s->used != (e->op == FLOW_START) && !s->ended);
        check(f->bytes_out >= s->bytes_out && f->bytes_in >= s->bytes_in);
        s->used = true;
        s->ended = e->op == FLOW_END;
        s->bytes_out = f->bytes_out;
        s->bytes_in = f->bytes_in;
        run.n_started += e->op == FLOW_START;
        run.n_ended += e->op == FLOW_END;
        check(run.n_started < SIDES_MAX / 2);
}

static void check_content(const struct event *e)
{
        const struct ends *n = &e->ends;
        const struct side *s = side_of(n->flow_id, &n->local, n->local_port);

        check(s->used && !s->ended && is_home(&n->local) && n->from_local <= 1);
        check(n->origin == FLOW_ORIGINATED || n->origin == FLOW_ACCEPTED);
        switch (e->type) {
        case EVENT_DNS:
                read_slice(e->dns.name.p, e->dns.name.len);
                read_slice((const char *) e->dns.addrs, e->dns.n_addrs * sizeof(struct addr));
                break;
        case EVENT_IRC:
                read_slice(e->irc.text.p, e->irc.text.len);
                check(e->irc.text.len <= 512);
                break;
        case EVENT_SMTP:
                read_slice(e->smtp.text.p, e->smtp.text.len);
                break;
        case EVENT_HTTP:
                read_slice(e->http.uri, e->http.uri_len);
                read_slice(e->http.host, e->http.host_len);
                break;
        case EVENT_TLS:
                read_slice(e->tls.sni.p, e->tls.sni.len);
                break;
        case EVENT_FTP:
                read_slice(e->ftp.text.p, e->ftp.text.len);
                break;
        case EVENT_PROXY:
                read_slice(e->proxy.name.p, e->proxy.name.len);
                break;
        default:
                check(e->type == EVENT_FILE);
                read_slice(e->file.name.p, e->file.name.len);
        }
}

static void hear(void *userdata, const struct event *e)
{
        (void) userdata;
        check(e->time == run.now && e->time >= run.told);
        run.told = e->time;
        if (e->type == EVENT_FLOW)
                check_flow(e);
        else if (e->type == EVENT_RATE)
                check(is_home(&e->rate.local) && e->rate.pkts_out > 0 && e->rate.peers_out == 1);
        else
                check_content(e);
}

static void be16(uint8_t *p, uint32_t v)
{
        p[0] = (uint8_t) (v >> 8);
        p[1] = (uint8_t) v;
}

static void be32(uint8_t *p, uint32_t v)
{
        be16(p, v >> 16);
        be16(p + 2, v);
}

/* The tracker sees no more than the frame. */
static void send_frame(void)
{
        struct frame f = {.time = run.now, .caplen = run.len, .len = run.len, .link = LINKTYPE_RAW};
        _cleanup_free_ uint8_t *copy = NULL;

        if (run.cut && run.cut < run.len)
                f.caplen = run.cut;
        copy = malloc(f.caplen ? f.caplen : 1);
        check(copy);
        memcpy(copy, run.frame, f.caplen);
        f.data = copy;
        tracker_frame(run.tracker, &f, run.now);
}

static void make_ip(uint32_t src, uint32_t dst, uint8_t proto, uint32_t len)
{
        run.len = 20 + len;
        memset(run.frame, 0, 20);
        run.frame[0] = 0x45;
        be16(run.frame + 2, run.len);
        run.frame[8] = 64;
        run.frame[9] = proto;
        be32(run.frame + 12, src);
        be32(run.frame + 16, dst);
}

static void send_tcp(unsigned side, uint8_t flags, const void *data, uint32_t len)
{
        const struct ends_of *c = &conversations[run.chosen];
        uint32_t *seq = run.seq[run.chosen];
        uint8_t *p = run.frame + 20;

        make_ip(c->addr[side], c->addr[!side], c->proto, 20 + len);
        memset(p, 0, 20);
        be16(p, c->port[side] + (side == 0 ? run.port : 0));
        be16(p + 2, c->port[!side] + (side == 1 ? run.port : 0));
        be32(p + 4, seq[side]);
        if (flags & TCP_SEEN_ACK)
                be32(p + 8, run.no_ack ? 0 : seq[!side]);
        p[12] = 0x50;
        p[13] = flags;
        if (len)
                memcpy(p + 20, data, len);
        seq[side] += len + !!(flags & TCP_SEEN_SYN) + !!(flags & TCP_SEEN_FIN);
        send_frame();
}

static void send_datagram(unsigned side, const void *data, uint32_t len)
{
        const struct ends_of *c = &conversations[run.chosen];
        uint8_t *p = run.frame + 20;

        make_ip(c->addr[side], c->addr[!side], c->proto, 8 + len);
        memset(p, 0, 8);
        if (c->proto == IPPROTO_UDP) {
                be16(p, c->port[side] + (side == 0 ? run.port : 0));
                be16(p + 2, c->port[!side] + (side == 1 ? run.port : 0));
                be16(p + 4, 8 + len);
        } else
                p[0] = side ? 0 : 8;
        if (len)
                memcpy(p + 8, data, len);
        send_frame();
}

static void send_bytes(unsigned side, const void *data, uint32_t len)
{
        uint32_t part = run.split ? run.split : len;

        if (conversations[run.chosen].proto != IPPROTO_TCP) {
                send_datagram(side, data, len);
                return;
        }
        for (uint32_t at = 0; at < len; at += part)
                send_tcp(side, TCP_SEEN_ACK | TCP_SEEN_PUSH, (const uint8_t *) data + at, MIN(part, len - at));
        run.split = 0;
}

/* Destination unreachable, quoting the last frame's head. */
static void send_error(unsigned side)
{
        uint8_t quoted[28];

        if (run.len < sizeof(quoted))
                return;
        memcpy(quoted, run.frame, sizeof(quoted));
        make_ip(OUTSIDE(9), HOME(5), IPPROTO_ICMP, 8 + sizeof(quoted));
        memset(run.frame + 20, 0, 8);
        run.frame[20] = 3;
        run.frame[21] = (uint8_t) (1 + side);
        memcpy(run.frame + 28, quoted, sizeof(quoted));
        send_frame();
}

static void take_segment(enum step step, unsigned side, unsigned arg)
{
        static const uint8_t flags[] = {[STEP_SYN] = TCP_SEEN_SYN,
                                        [STEP_SYN_ACK] = TCP_SEEN_SYN | TCP_SEEN_ACK,
                                        [STEP_ACK] = TCP_SEEN_ACK,
                                        [STEP_FIN] = TCP_SEEN_FIN | TCP_SEEN_ACK,
                                        [STEP_RST] = TCP_SEEN_RST};
        uint8_t bytes[128];

        for (unsigned i = 0; i < sizeof(bytes); i++)
                bytes[i] = i % 4 ? 'a' : 0;
        if (step == STEP_PIECE)
                send_bytes(side, pieces[arg % ELEMENTSOF(pieces)].bytes, pieces[arg % ELEMENTSOF(pieces)].len);
        else if (step == STEP_BYTES)
                send_bytes(side, bytes, arg);
        else if (conversations[run.chosen].proto == IPPROTO_TCP)
                send_tcp(side, flags[step], bytes, step == STEP_RST ? 0 : arg / 8);
        else
                send_datagram(side, bytes, arg);
}

static void take_step(enum step step, unsigned side, unsigned arg)
{
        uint32_t *seq = &run.seq[run.chosen][side];

        switch (step) {
        case STEP_CHOOSE:
                run.chosen = arg % ELEMENTSOF(conversations);
                break;
        case STEP_SPLIT:
                run.split = arg;
                break;
        case STEP_BACK:
                *seq -= arg;
                break;
        case STEP_SKIP:
                *seq += arg;
                break;
        case STEP_FAR:
                *seq += arg << 24;
                break;
        case STEP_FORGET_ACK:
                run.no_ack = !run.no_ack;
                break;
        case STEP_AGAIN:
                send_frame();
                break;
        case STEP_CUT:
                run.cut = arg;
                break;
        case STEP_TIME:
                run.now += arg * NSEC_PER_MSEC;
                break;
        case STEP_SECONDS:
                run.now += (side ? 40 : 1) * arg * NSEC_PER_SEC;
                break;
        case STEP_TICK:
                tracker_tick(run.tracker, run.now);
                break;
        case STEP_ERROR:
                send_error(side);
                break;
        case STEP_PORT:
                run.port = arg;
                break;
        default:
                take_segment(step, side, arg);
        }
}

static void finish(void)
{
        struct tracker_stats s;

        tracker_finish(run.tracker, run.now);
        tracker_get_stats(run.tracker, &s);
        check(run.n_started == run.n_ended);
        check(s.flows.used == 0 && s.talk_bytes == 0 && s.rule_bytes == 0);
        check(s.flows.cap == 64 && s.flows.made >= s.flows.expired);
        check(s.home_packets <= s.packets.errors[PACKET_OK]);
}

static void run_steps(const struct home *home, const struct tracker_inspector *inspector, const uint8_t *data,
                      size_t size)
{
        struct tracker_params params = {.home = home,
                                        .flows = 64,
                                        .talk_bytes = 16u << 10,
                                        .rule_bytes = 32u << 10,
                                        .seed = 1,
                                        .event = hear,
                                        .inspector = inspector};

        memset(&run, 0, sizeof(run));
        run.now = 1600000000 * NSEC_PER_SEC;
        for (unsigned i = 0; i < ELEMENTSOF(conversations); i++)
                run.seq[i][1] = UINT32_MAX - 20 * i;
        if (tracker_new(&params, &run.tracker) < 0)
                return;
        for (size_t at = 0; at + 2 <= MIN(size, (size_t) 2 * STEPS_MAX); at += 2)
                take_step(data[at] % STEPS, data[at + 1] >> 7, data[at + 1] & 0x7f);
        finish();
        tracker_free(run.tracker);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct cidr net;
        struct config_cidrs nets = {.items = &net, .n = 1};
        _cleanup_(home_freep)
        struct home *home = NULL;

        check(cidr_parse("10.0.0.0/8", &net) == 0);
        if (home_new(&nets, &home) < 0)
                return 0;
        run_steps(home, NULL, data, size);
        run_steps(home, &inspect_fuzz, data, size);
        return 0;
}
