/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate's rules as text for nft(8). Written so that the packets of everybody else leave by the first rule of a
 * chain, which compares one port after the other: that costs less than asking a set. Runs in the keeper.
 *
 * The inet table reads packets as the kernel's IP layer does. The netdev table must not: a packet socket names the
 * protocol and builds the frame, and the two need not agree. So on Ethernet the frame decides, and where link layer or
 * network header is not where it should be (a packet socket past the queues), each place where an IP
 * header can stand is tried. */
#include "respond/gate_rules_text.h"

#include <errno.h>
#include <net/if.h>

/* Protocols whose header begins with source and destination port: RFC 9293, 768, 9260, 4340, 3828. */
#define PROTOCOLS "tcp, udp, sctp, dccp, udplite"
/* IPv6 headers that another header follows (RFC 8200): hop-by-hop, routing, fragment, destination options. */
#define MORE_HEADERS "0, 43, 44, 60"

/* 802.1Q, 802.1ad, and what was used before that. */
#define TAGS "0x8100, 0x88a8, 0x9100, 0x9200"
/* Holds where the value can be read at all: what has a route, what has a socket. */
#define ANY "0-4294967294"
/* First of all: nothing has set a mark or rewritten a port before (NF_IP_PRI_FIRST, linux/netfilter_ipv4.h). */
#define PRIORITY "-2147483648"

static bool are_valid(const struct gate_rules_params *p)
{
        if (p->n_ports == 0 || p->n_ports > GATE_RULES_PORTS_MAX || p->mark == 0 || (p->mark & (p->mark - 1)) != 0)
                return false;
        for (unsigned i = 0; i < p->n_ports; i++)
                if (p->ports[i] == 0)
                        return false;
        return true;
}

bool gate_rules_device_fits(const char *name)
{
        size_t len = strlen(name);

        if (len == 0 || len >= IFNAMSIZ)
                return false;
        for (size_t i = 0; i < len; i++)
                if ((unsigned char) name[i] <= ' ' || name[i] == 0x7f || strchr("\"*/", name[i]))
                        return false;
        return true;
}

const char *gate_rules_device_chain(const char *name, char text[static GATE_RULES_CHAIN_MAX])
{
        struct buf b = {.data = text, .size = GATE_RULES_CHAIN_MAX, .max = GATE_RULES_CHAIN_MAX - 1, .fixed = true};

        buf_puts(&b, "egress_");
        for (; *name; name++) {
                char c = *name;

                if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("_-.", c))
                        buf_putc(&b, c);
                else /* a slash stands in no device's name, but may in a chain's */
                        buf_printf(&b, "/%02x", (unsigned char) c);
        }
        return text;
}

static bool has_forward(const struct gate_rules_params *p, bool v4)
{
        for (size_t i = 0; p->forward && i < p->forward->n; i++)
                if (addr_is_v4(&p->forward->items[i].base) == v4)
                        return true;
        return false;
}

static void put_forward(const struct gate_rules_params *p, bool v4, struct buf *out)
{
        const char *separator = "";
        char text[ADDR_TEXT_MAX];

        if (!has_forward(p, v4))
                return;
        buf_printf(out, "\tset forward%s {\n\t\ttype ipv%s_addr; flags interval; auto-merge\n\t\telements = { ",
                   v4 ? "4" : "6", v4 ? "4" : "6");
        for (size_t i = 0; i < p->forward->n; i++) {
                const struct cidr *c = &p->forward->items[i];

                if (addr_is_v4(&c->base) != v4)
                        continue;
                buf_printf(out, "%s%s/%d", separator, addr_format(&c->base, text), v4 ? MAX(c->bits - 96, 0) : c->bits);
                separator = ", ";
        }
        buf_puts(out, " }\n\t}\n");
}

static void put_table(const char *family, const struct gate_rules_params *p, const struct gate_rules_form *form,
                      struct buf *out)
{
        buf_printf(out, "add table %s %s\ndelete table %s %s\ntable %s %s {\n", family, form->table, family,
                   form->table, family, form->table);
        if (form->dormant)
                buf_puts(out, "\tflags dormant\n");
        put_forward(p, true, out);
        put_forward(p, false, out);
}

static void put_other_port(const struct gate_rules_params *p, const char *field, struct buf *out)
{
        for (unsigned i = 0; i < p->n_ports; i++)
                buf_printf(out, "%s != %u ", field, p->ports[i]);
        buf_puts(out, "accept\n");
}

/* Ends with `accept` for what may pass, and goes to `closed` with what must have the mark. What it cannot read as a
 * whole IP packet comes out at its end. The first rule also lets out what has no ports and something else in their
 * place.
 *
 * A TCP reset can carry no mail, and the kernel sends some without a socket, so without a mark: it passes, unless it is
 * a fragment, where a later one might say something else. Later fragments pass: without the first they are nothing. A
 * first one too short for the port goes the way of a gated one. */
static void put_judge(const struct gate_rules_params *p, const char *closed, struct buf *out)
{
        buf_puts(out, "\t\t");
        put_other_port(p, "th dport", out);
        buf_puts(out, "\t\tmeta l4proto != { " PROTOCOLS " } accept\n"
                      "\t\tmeta l4proto { " PROTOCOLS " } ip frag-off & 0x1fff != 0 accept\n"
                      "\t\tmeta l4proto { " PROTOCOLS " } frag frag-off != 0 accept\n"
                      "\t\tip frag-off & 0x3fff == 0 tcp flags & rst == rst accept\n"
                      "\t\tip6 nexthdr tcp tcp flags & rst == rst accept\n");
        buf_printf(out, "\t\tmeta l4proto { " PROTOCOLS " } goto %s\n", closed);
}

/* `exempt`: a rule before all others. */
static void put_hook(const struct gate_rules_params *p, const char *hook, const char *exempt, struct buf *out)
{
        char closed[32];

        snprintf(closed, sizeof(closed), "closed_%s", hook);
        buf_printf(out, "\tchain %s {\n\t\ttype filter hook %s priority " PRIORITY "; policy accept\n%s\t\t", hook,
                   hook, exempt);
        put_judge(p, closed, out);
        buf_printf(out, "\t\tip6 nexthdr { " MORE_HEADERS " } goto %s\n\t}\n", closed);
}

/* What passes through this machine and is allowed to: gets the mark, so that the chain of the device knows it, also
 * behind address translation. */
static void put_closed_forward(const struct gate_rules_params *p, struct buf *out)
{
        buf_puts(out, "\tchain closed_forward {\n");
        for (int six = 0; six < 2; six++) {
                if (!has_forward(p, !six))
                        continue;
                for (int to = 0; to < 2; to++)
                        buf_printf(out, "\t\t%s %s @forward%s meta mark set meta mark | 0x%08x accept\n",
                                   six ? "ip6" : "ip", to ? "daddr" : "saddr", six ? "6" : "4", p->mark);
        }
        buf_puts(out, "\t\tcounter name forward_refused drop\n\t}\n");
}

static void put_inet(const struct gate_rules_params *p, const struct gate_rules_form *form, struct buf *out)
{
        put_table("inet", p, form, out);
        buf_puts(out, "\tcounter output_refused {\n\t}\n\tcounter forward_refused {\n\t}\n");
        /* No packet from outside has the mark: only a socket of this machine, and what closed_forward gave it to. */
        buf_printf(out,
                   "\tchain prerouting {\n\t\ttype filter hook prerouting priority " PRIORITY "; policy accept\n"
                   "\t\tmeta mark & 0x%08x != 0 meta mark set meta mark & 0x%08x\n\t}\n",
                   p->mark, ~p->mark);
        buf_printf(out,
                   "\tchain closed_output {\n\t\tmeta mark & 0x%08x != 0 accept\n"
                   "\t\tcounter name output_refused drop\n\t}\n",
                   p->mark);
        put_closed_forward(p, out);
        /* Handing a mail to this machine's own mail server is judged at connect(), where the program is known. */
        put_hook(p, "output", "\t\toif lo accept\n", out);
        put_hook(p, "forward", "", out);
        buf_puts(out, "}\n");
}

/* Places where an IP header can stand in a frame, in bytes behind the link layer's beginning ("ll") or behind what the
 * kernel takes for the network header's ("nh"). */
struct place {
        const char *base;
        unsigned at;
};

static const struct place places[] = {
        {"ll", 14}, /* Ethernet */
        {"ll", 18}, /* one tag */
        {"ll", 22}, /* two */
        /* Where the link layer begins is not known: a packet socket with PACKET_QDISC_BYPASS and a protocol of its
         * choice (packet_parse_headers, net/packet/af_packet.c). One tag, two. */
        {"nh", 4},
        {"nh", 8},
        /* The network header is right, but the protocol that was named is not. */
        {"nh", 0},
};
#define PLACES_BEHIND 3 /* first of those to be tried where the link layer is not known */
#define PLACE_PLAIN   5

/* A field of the header at a place: nft's raw payload expression, in bits. */
#define FIELD(byte, bits) p->base, (p->at + (byte)) * 8, (bits)

/* What has nothing to hide: no options, and where a port would stand is none of ours. In a frame whose beginning is
 * known that settles it. */
static const char *usual_verdict(const struct place *p)
{
        return p->base[0] == 'l' ? "accept" : "return";
}

static void put_v4(const struct place *p, struct buf *out)
{
        buf_printf(out, "\tchain v4_%s_%u {\n", p->base, p->at);
        buf_printf(out, "\t\t@%s,%u,%u 0x45 @%s,%u,%u != @wire_ports %s\n", FIELD(0, 8), FIELD(22, 16),
                   usual_verdict(p));
        buf_printf(out, "\t\t@%s,%u,%u != 4 return\n", FIELD(0, 4));
        buf_printf(out, "\t\t@%s,%u,%u != @wire_protocols return\n", FIELD(9, 8));
        buf_printf(out, "\t\t@%s,%u,%u & 0x1fff != 0 return\n", FIELD(6, 16));
        buf_printf(out, "\t\t@%s,%u,%u 0x45 @%s,%u,%u 6 @%s,%u,%u & 0x3fff == 0 @%s,%u,%u & 0x04 == 0x04 return\n",
                   FIELD(0, 8), FIELD(9, 8), FIELD(6, 16), FIELD(33, 8));
        for (unsigned words = 5; words <= 15; words++)
                buf_printf(out, "\t\t@%s,%u,%u 0x%02x @%s,%u,%u @wire_ports goto closed\n", FIELD(0, 8), 0x40 | words,
                           FIELD(words * 4 + 2, 16));
        buf_puts(out, "\t}\n");
}

/* One further header can be followed, if it is a fragment's or eight bytes long. What is behind longer or more of them
 * is refused (`strict`), or left to the kernel's own reading. */
static void put_v6(const struct place *p, const char *name, bool strict, struct buf *out)
{
        buf_printf(out, "\tchain %s {\n", name);
        buf_printf(out, "\t\t@%s,%u,%u != 6 return\n", FIELD(0, 4));
        buf_printf(out, "\t\t@%s,%u,%u @wire_protocols @%s,%u,%u != @wire_ports %s\n", FIELD(6, 8), FIELD(42, 16),
                   usual_verdict(p));
        buf_printf(out, "\t\t@%s,%u,%u 6 @%s,%u,%u & 0x04 == 0x04 return\n", FIELD(6, 8), FIELD(53, 8));
        buf_printf(out, "\t\t@%s,%u,%u @wire_protocols goto closed\n", FIELD(6, 8));
        buf_printf(out, "\t\t@%s,%u,%u != { " MORE_HEADERS " } return\n", FIELD(6, 8));
        buf_printf(out, "\t\t@%s,%u,%u 44 @%s,%u,%u & 0xfff8 != 0 return\n", FIELD(6, 8), FIELD(42, 16));
        buf_printf(out, "\t\t@%s,%u,%u 44 @%s,%u,%u @wire_protocols @%s,%u,%u != @wire_ports return\n", FIELD(6, 8),
                   FIELD(40, 8), FIELD(50, 16));
        buf_printf(out, "\t\t@%s,%u,%u @wire_protocols @%s,%u,%u 0 @%s,%u,%u != @wire_ports return\n", FIELD(40, 8),
                   FIELD(41, 8), FIELD(50, 16));
        if (strict) {
                buf_printf(out, "\t\t@%s,%u,%u @wire_protocols goto closed\n", FIELD(40, 8));
                buf_printf(out, "\t\t@%s,%u,%u { " MORE_HEADERS " } goto closed\n", FIELD(40, 8));
        } else {
                buf_printf(out, "\t\t@%s,%u,%u 44 @%s,%u,%u @wire_protocols goto closed\n", FIELD(6, 8), FIELD(40, 8));
                buf_printf(out, "\t\t@%s,%u,%u @wire_protocols @%s,%u,%u 0 goto closed\n", FIELD(40, 8), FIELD(41, 8));
        }
        buf_puts(out, "\t}\n");
}

/* Names of devices as a set, behind `before`. Nothing when there are none. */
static void put_names(const struct gate_rules_form *form, bool (*is_one)(const struct gate_rules_device *d),
                      const char *before, const char *after, struct buf *out)
{
        const char *separator = before;

        for (unsigned i = 0; i < form->n_devices; i++) {
                if (!is_one(&form->devices[i]) || !gate_rules_device_fits(form->devices[i].name))
                        continue;
                buf_printf(out, "%s\"%s\"", separator, form->devices[i].name);
                separator = ", ";
        }
        if (separator != before)
                buf_puts(out, after);
}

static bool is_port(const struct gate_rules_device *d)
{
        return d->port;
}

static bool has_tags(const struct gate_rules_device *d)
{
        return d->tags && !d->port;
}

/* The mark can be forged on a packet socket (SO_MARK in a control message), but not the route that the IP layer gives
 * each packet and that a frame of a packet socket never has. `rtclassid` is what nft can ask of a route: it can be
 * read where there is one, and then has any value. Where another device has taken the route away, that one's chain
 * has looked. */
static void put_marked(const struct gate_rules_params *p, const struct gate_rules_form *form, struct buf *out)
{
        buf_puts(out, "\tchain marked {\n\t\tmeta rtclassid " ANY " accept\n");
        put_names(form, is_port, "\t\tmeta oifname { ", " } accept\n", out);
        put_names(form, has_tags, "\t\tmeta oifname { ", " } @ll,96,16 { " TAGS " } accept\n", out);
        buf_printf(out, "\t\tmeta skuid " ANY " counter name egress_forged drop\n\t}\n");
        buf_printf(out, "\tchain closed {\n\t\tmeta mark & 0x%08x != 0 jump marked\n", p->mark);
}

/* Where the mark is looked for. Bridged packets of the machines in `forward` pass too; what a socket of this machine
 * sends does not profit from it, whatever source it claims. */
static void put_closed_egress(const struct gate_rules_params *p, const struct gate_rules_form *form, struct buf *out)
{
        buf_puts(out, "\tchain refuse {\n\t\tcounter name egress_refused drop\n\t}\n");
        if (form->routed)
                put_marked(p, form, out);
        else
                buf_printf(out, "\tchain closed {\n\t\tmeta mark & 0x%08x != 0 accept\n", p->mark);
        buf_puts(out, "\t\tmeta skuid " ANY " goto refuse\n");
        for (int six = 0; six < 2; six++)
                for (int to = 0; has_forward(p, !six) && to < 2; to++)
                        buf_printf(out, "\t\t%s %s @forward%s accept\n", six ? "ip6" : "ip", to ? "daddr" : "saddr",
                                   six ? "6" : "4");
        buf_puts(out, "\t\tgoto refuse\n\t}\n");
}

/* Goes by the EtherType at bit `type`: IP stands at byte `at`, or there is a tag. */
static void put_types(unsigned type, unsigned at, const char *tag, struct buf *out)
{
        buf_printf(out, "\t\t@ll,%u,16 vmap { 0x0800 : goto v4_ll_%u, 0x86dd : goto v6_ll_%u }\n", type, at, at);
        buf_printf(out, "\t\t@ll,%u,16 { " TAGS " } goto %s\n", type, tag);
}

static void put_frame(const struct gate_rules_form *form, struct buf *out)
{
        char name[32];

        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                put_v4(&places[i], out);
                snprintf(name, sizeof(name), "v6_%s_%u", places[i].base, places[i].at);
                put_v6(&places[i], name, true, out);
        }
        /* Told the truth, the kernel follows all headers, but not where the packet lies beside the socket buffer: it
         * then takes what happens to be in memory for the first one (a transmit ring: ipv6_find_hdr,
         * net/ipv6/exthdrs_core.c). Rings are packet sockets', so those are not left to its reading. */
        put_v6(&places[0], "v6_plain", false, out);
        if (form->routed)
                buf_puts(out, "\tchain v6_truth {\n\t\tmeta rtclassid " ANY " goto v6_plain\n"
                              "\t\tmeta skuid " ANY " goto v6_ll_14\n\t\tgoto v6_plain\n\t}\n");
        /* A tag that the kernel keeps beside the frame is read as though it stood in it (net/netfilter/nft_payload.c).
         */
        buf_puts(out, "\tchain tagged_twice {\n");
        put_types(20 * 8, 22, "closed", out);
        buf_puts(out, "\t}\n\tchain tagged {\n");
        put_types(16 * 8, 18, "tagged_twice", out);
        buf_printf(out, "\t}\n\tchain frame {\n\t\t@ll,96,16 0x86dd meta protocol ip6 goto %s\n",
                   form->routed ? "v6_truth" : "v6_plain");
        put_types(12 * 8, 14, "tagged", out);
        /* Told that there is a tag, the kernel puts the network header behind it, and no rule can look back. */
        buf_puts(out, "\t\t@ll,96,16 != 0 accept\n"
                      "\t\tmeta protocol { 8021q, 8021ad } goto closed\n"
                      "\t\t@nh,16,16 { " TAGS " } @nh,48,16 { " TAGS " } goto closed\n");
        for (size_t i = PLACES_BEHIND; i < PLACE_PLAIN; i++)
                buf_printf(out, "\t\tjump v4_%s_%u\n\t\tjump v6_%s_%u\n", places[i].base, places[i].at, places[i].base,
                           places[i].at);
        buf_puts(out, "\t}\n");
}

/* First the usual: the frame says what the sender said (then the network header is where it should be), and it is IPv4
 * without options, or IPv6 and TCP or UDP without more headers. */
static void put_device(const struct gate_rules_params *p, const char *device, struct buf *out)
{
        char chain[GATE_RULES_CHAIN_MAX];

        buf_printf(out,
                   "\tchain %s {\n\t\ttype filter hook egress device \"%s\" priority " PRIORITY "; policy accept\n",
                   gate_rules_device_chain(device, chain), device);
        buf_puts(out, "\t\tmeta protocol ip meta oiftype ether @ll,96,24 0x080045 ");
        put_other_port(p, "@nh,176,16", out);
        buf_puts(out, "\t\tmeta protocol ip6 meta oiftype ether @ll,96,16 0x86dd @nh,48,8 { 6, 17 } ");
        put_other_port(p, "@nh,336,16", out);
        buf_puts(out, "\t\tgoto leaving\n\t}\n");
}

/* The kernel's reading counts for what the IP layer sends. With frames of packet sockets it may go wrong (see
 * put_frame()), so that they are read as they are first. */
static void put_leaving(const struct gate_rules_params *p, const struct gate_rules_form *form, struct buf *out)
{
        const struct place *plain = &places[PLACE_PLAIN];

        if (form->routed) {
                buf_puts(out, "\tchain judged {\n");
                put_judge(p, "closed", out);
                buf_puts(out, "\t}\n");
        }
        buf_puts(out, "\tchain leaving {\n\t\tmeta oiftype ether jump frame\n");
        if (form->routed)
                buf_puts(out, "\t\tmeta rtclassid " ANY " goto judged\n");
        else
                put_judge(p, "closed", out);
        buf_printf(out, "\t\tjump v4_%s_%u\n\t\tjump v6_%s_%u\n", plain->base, plain->at, plain->base, plain->at);
        buf_puts(out, form->routed ? "\t\tgoto judged\n\t}\n" : "\t}\n");
}

static void put_netdev(const struct gate_rules_params *p, const struct gate_rules_form *form, struct buf *out)
{
        put_table("netdev", p, form, out);
        /* Of the type of a raw payload, which nft compares with no named one. */
        buf_puts(out, "\tset wire_ports {\n\t\ttypeof @ll,96,16\n\t\telements = { ");
        for (unsigned i = 0; i < p->n_ports; i++)
                buf_printf(out, "%s%u", i ? ", " : "", p->ports[i]);
        buf_puts(out, " }\n\t}\n"
                      "\tset wire_protocols {\n\t\ttypeof @ll,96,8\n\t\telements = { 6, 17, 33, 132, 136 }\n\t}\n"
                      "\tcounter egress_refused {\n\t}\n\tcounter egress_forged {\n\t}\n");
        put_closed_egress(p, form, out);
        put_frame(form, out);
        put_leaving(p, form, out);
        for (unsigned i = 0; i < form->n_devices; i++)
                if (gate_rules_device_fits(form->devices[i].name))
                        put_device(p, form->devices[i].name, out);
        buf_puts(out, "}\n");
}

int gate_rules_form_text(const struct gate_rules_params *params, const struct gate_rules_form *form, struct buf *out)
{
        if (!are_valid(params))
                return -EINVAL;
        put_inet(params, form, out);
        if (form->egress)
                put_netdev(params, form, out);
        return out->error;
}

int gate_rules_text(const struct gate_rules_params *params, const struct gate_rules_device *devices, unsigned n,
                    struct buf *out)
{
        struct gate_rules_form form = {
                .table = GATE_RULES_TABLE, .egress = true, .routed = true, .devices = devices, .n_devices = n};

        return gate_rules_form_text(params, &form, out);
}
