/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Classic BPF for capture rings.
 *
 * The filter: an expression means something else for each kind of device, and with "any" one socket has several. So the
 * program looks at the device's type first and then goes to the code that was compiled for it. What passes a loopback
 * device twice, out and in, is taken on its way in.
 *
 * The shard: packet_shard() once more, for the kernel. When it runs, skb->data stands at the link header of what goes
 * out and behind that of what comes in: so all loads count from the link header (SKF_LL_OFF), or, where a device has
 * none, from the network header (SKF_NET_OFF). A load beyond the frame ends the program with shard 0.
 *
 * Runs in the warden. */
#include "source/ring_program.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <pcap/pcap.h>
#include <stdbool.h>

#define TAGS_MAX     8 /* as PACKET_TAGS_MAX of the decoder */
#define ANCILLARY(x) ((uint32_t) (SKF_AD_OFF + (x)))

enum label {
        LABEL_ETHER,
        LABEL_TYPE,
        LABEL_IP4,
        LABEL_IP6,
        LABEL_ARP,
        LABEL_PPPOE,
        LABEL_PPPOE_IP4,
        LABEL_PPPOE_IP6,
        LABEL_MPLS,
        LABEL_MPLS_BOTTOM,
        LABEL_HASH,
        LABEL_TAG, /* TAGS_MAX of them */
        LABELS = LABEL_TAG + TAGS_MAX,
};

#define JUMPS_MAX 128u

/* Code with jumps to places that come later. */
struct assembler {
        struct ring_program *program;
        unsigned places[LABELS];
        unsigned n_jumps;
        struct {
                unsigned at;
                unsigned label;
        } jumps[JUMPS_MAX];
};

static void emit(struct assembler *a, uint16_t code, uint32_t k)
{
        assert(a->program->n < BPF_MAXINSNS);
        a->program->code[a->program->n++] = (struct sock_filter){.code = code, .k = k};
}

static void jump(struct assembler *a, uint16_t code, uint32_t k, unsigned label)
{
        assert(a->n_jumps < JUMPS_MAX);
        a->jumps[a->n_jumps].at = a->program->n;
        a->jumps[a->n_jumps++].label = label;
        emit(a, code, k);
}

static void if_equal(struct assembler *a, uint32_t k, unsigned label)
{
        jump(a, BPF_JMP | BPF_JEQ | BPF_K, k, label);
}

static void go(struct assembler *a, unsigned label)
{
        jump(a, BPF_JMP | BPF_JA, 0, label);
}

static void place(struct assembler *a, unsigned label)
{
        a->places[label] = a->program->n;
}

static void resolve(struct assembler *a)
{
        for (unsigned i = 0; i < a->n_jumps; i++) {
                struct sock_filter *f = &a->program->code[a->jumps[i].at];
                unsigned over = a->places[a->jumps[i].label] - a->jumps[i].at - 1;

                if (BPF_OP(f->code) == BPF_JA) {
                        f->k = over;
                } else {
                        assert(over <= UINT8_MAX);
                        f->jt = (uint8_t) over;
                }
        }
}

/* X: the place of the Ethernet type, so that headers stand at X + 2. */
static void advance(struct assembler *a, uint32_t bytes)
{
        emit(a, BPF_MISC | BPF_TXA, 0);
        emit(a, BPF_ALU | BPF_ADD | BPF_K, bytes);
        emit(a, BPF_MISC | BPF_TAX, 0);
}

/* A = mix(A); M[2] is used. */
static void mix(struct assembler *a)
{
        emit(a, BPF_ALU | BPF_MUL | BPF_K, 0x85ebca6bu);
        emit(a, BPF_ST, 2);
        emit(a, BPF_ALU | BPF_RSH | BPF_K, 15);
        emit(a, BPF_LDX | BPF_MEM, 2);
        emit(a, BPF_ALU | BPF_XOR | BPF_X, 0);
        emit(a, BPF_ALU | BPF_MUL | BPF_K, 0xc2b2ae35u);
}

/* M[to] = fold6() of the address at X + at; X is kept in M[3]. */
static void fold6(struct assembler *a, uint32_t at, uint32_t to)
{
        emit(a, BPF_LD | BPF_W | BPF_IND, at);
        for (uint32_t i = 4; i < 16; i += 4) {
                emit(a, BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1u);
                emit(a, BPF_ST, 2);
                emit(a, BPF_LD | BPF_W | BPF_IND, at + i);
                emit(a, BPF_LDX | BPF_MEM, 2);
                emit(a, BPF_ALU | BPF_ADD | BPF_X, 0);
                emit(a, BPF_LDX | BPF_MEM, 3);
        }
        emit(a, BPF_ST, to);
}

static void two_words(struct assembler *a, uint32_t first, uint32_t second)
{
        emit(a, BPF_LD | BPF_W | BPF_IND, first);
        emit(a, BPF_ST, 0);
        emit(a, BPF_LD | BPF_W | BPF_IND, second);
        emit(a, BPF_ST, 1);
        go(a, LABEL_HASH);
}

static void shard_tags(struct assembler *a)
{
        place(a, LABEL_ETHER);
        emit(a, BPF_LDX | BPF_W | BPF_IMM, (uint32_t) (SKF_LL_OFF + 12));
        for (unsigned i = 0; i < TAGS_MAX; i++) {
                static const uint16_t tags[] = {0x8100, 0x88a8, 0x9100, 0x9200};

                emit(a, BPF_LD | BPF_H | BPF_IND, 0);
                for (unsigned k = 0; k < ELEMENTSOF(tags); k++)
                        if_equal(a, tags[k], LABEL_TAG + i);
                go(a, LABEL_TYPE);
                place(a, LABEL_TAG + i);
                advance(a, 4);
        }
        emit(a, BPF_LD | BPF_H | BPF_IND, 0);
        place(a, LABEL_TYPE);
        if_equal(a, 0x0800, LABEL_IP4);
        if_equal(a, 0x86dd, LABEL_IP6);
        if_equal(a, 0x0806, LABEL_ARP);
        if_equal(a, 0x8864, LABEL_PPPOE);
        if_equal(a, 0x8847, LABEL_MPLS);
        if_equal(a, 0x8848, LABEL_MPLS);
        emit(a, BPF_RET | BPF_K, 0);
}

/* By the version that an IP header says. */
static void by_version(struct assembler *a)
{
        emit(a, BPF_LD | BPF_B | BPF_IND, 2);
        emit(a, BPF_ALU | BPF_RSH | BPF_K, 4);
        if_equal(a, 4, LABEL_IP4);
        if_equal(a, 6, LABEL_IP6);
        emit(a, BPF_RET | BPF_K, 0);
}

static void shard_encapsulated(struct assembler *a)
{
        place(a, LABEL_MPLS);
        for (unsigned i = 0; i < TAGS_MAX; i++) {
                emit(a, BPF_LD | BPF_B | BPF_IND, 2 + 2);
                emit(a, BPF_ALU | BPF_AND | BPF_K, 1);
                if_equal(a, 1, LABEL_MPLS_BOTTOM);
                advance(a, 4);
        }
        emit(a, BPF_RET | BPF_K, 0);
        place(a, LABEL_MPLS_BOTTOM);
        advance(a, 4);
        by_version(a);
        place(a, LABEL_PPPOE);
        emit(a, BPF_LD | BPF_H | BPF_IND, 2 + 6);
        if_equal(a, 0x0021, LABEL_PPPOE_IP4);
        if_equal(a, 0x0057, LABEL_PPPOE_IP6);
        emit(a, BPF_RET | BPF_K, 0);
        place(a, LABEL_PPPOE_IP4);
        advance(a, 8);
        go(a, LABEL_IP4);
        place(a, LABEL_PPPOE_IP6);
        advance(a, 8);
        go(a, LABEL_IP6);
}

static void shard_hash(struct assembler *a)
{
        place(a, LABEL_ARP);
        two_words(a, 2 + 14, 2 + 24);
        place(a, LABEL_IP4);
        two_words(a, 2 + 12, 2 + 16);
        place(a, LABEL_IP6);
        emit(a, BPF_STX, 3);
        fold6(a, 2 + 8, 0);
        fold6(a, 2 + 24, 1);
        place(a, LABEL_HASH);
        emit(a, BPF_LD | BPF_MEM, 0);
        mix(a);
        emit(a, BPF_ST, 0);
        emit(a, BPF_LD | BPF_MEM, 1);
        mix(a);
        emit(a, BPF_LDX | BPF_MEM, 0);
        emit(a, BPF_ALU | BPF_ADD | BPF_X, 0);
        emit(a, BPF_ST, 2);
        emit(a, BPF_ALU | BPF_RSH | BPF_K, 16);
        emit(a, BPF_LDX | BPF_MEM, 2);
        emit(a, BPF_ALU | BPF_XOR | BPF_X, 0);
        emit(a, BPF_ALU | BPF_MUL | BPF_K, 0x85ebca6bu);
        emit(a, BPF_ALU | BPF_RSH | BPF_K, 26);
        emit(a, BPF_RET | BPF_A, 0);
}

void ring_program_shard(struct ring_program *ret)
{
        struct assembler a = {.program = ret};

        ret->n = 0;
        emit(&a, BPF_LD | BPF_W | BPF_ABS, ANCILLARY(SKF_AD_HATYPE));
        if_equal(&a, ARPHRD_ETHER, LABEL_ETHER);
        if_equal(&a, ARPHRD_LOOPBACK, LABEL_ETHER);
        emit(&a, BPF_LDX | BPF_W | BPF_IMM, (uint32_t) (SKF_NET_OFF - 2));
        by_version(&a);
        shard_tags(&a);
        shard_encapsulated(&a);
        shard_hash(&a);
        resolve(&a);
}

/* The frames that a compiled expression is to see, and what is there when the program runs. */
enum view {
        VIEW_SAME,
        VIEW_NETWORK, /* a bare IP packet, which stands behind a link header of unknown length */
        VIEW_TAGGED,  /* an Ethernet frame whose outer VLAN tag stands beside it */
};

/* An expression means the frame as we deliver it and as a capture file would have it, with the tag. The place of the
 * tag is asked of the kernel, what stands behind it stands four bytes earlier. Loads of a part of the tag only, or
 * across its edges, cannot be said: then the frame does not pass. ("len" is without the tag.) */
static struct sock_filter behind_tag(struct sock_filter f)
{
        uint32_t size = BPF_SIZE(f.code) == BPF_W ? 4 : BPF_SIZE(f.code) == BPF_H ? 2 : 1;

        if (BPF_MODE(f.code) == BPF_IND)
                f.k -= f.k >= 14 ? 4 : 0;
        else if (f.k >= 16)
                f.k -= 4;
        else if (f.k == 12 && f.code == (BPF_LD | BPF_H | BPF_ABS))
                f.k = ANCILLARY(SKF_AD_VLAN_TPID);
        else if (f.k == 14 && f.code == (BPF_LD | BPF_H | BPF_ABS))
                f.k = ANCILLARY(SKF_AD_VLAN_TAG);
        else if (f.k + size > 12)
                f = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, 0);
        return f;
}

static int add_code(struct ring_program *to, const struct bpf_program *code, enum view view)
{
        if (code->bf_len > BPF_MAXINSNS - to->n)
                return -E2BIG;
        for (unsigned i = 0; i < code->bf_len; i++) {
                const struct bpf_insn *in = &code->bf_insns[i];
                struct sock_filter f = {.code = in->code, .jt = in->jt, .jf = in->jf, .k = in->k};
                uint16_t class = BPF_CLASS(f.code), mode = BPF_MODE(f.code);
                bool load = (class == BPF_LD && (mode == BPF_ABS || mode == BPF_IND)) ||
                            (class == BPF_LDX && mode == BPF_MSH);

                if (load && view == VIEW_NETWORK)
                        f.k += (uint32_t) SKF_NET_OFF;
                else if (load && view == VIEW_TAGGED)
                        f = behind_tag(f);
                to->code[to->n++] = f;
        }
        return 0;
}

static int add_ethernet(struct ring_program *to, const struct bpf_program *code)
{
        const struct sock_filter head[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ANCILLARY(SKF_AD_VLAN_TAG_PRESENT)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
                BPF_STMT(BPF_JMP | BPF_JA, code->bf_len),
        };
        int r;

        if (ELEMENTSOF(head) > BPF_MAXINSNS - to->n)
                return -E2BIG;
        memcpy(to->code + to->n, head, sizeof(head));
        to->n += ELEMENTSOF(head);
        r = add_code(to, code, VIEW_SAME);
        return r < 0 ? r : add_code(to, code, VIEW_TAGGED);
}

/* 0; -EINVAL: it cannot be said of this link type; -E2BIG, -ENOMEM. */
static int add_branch(struct ring_program *to, int link, const char *expression, uint32_t snaplen, struct buf *why)
{
        struct bpf_program code = {0};
        pcap_t *dead;
        int r;

        if (!expression) {
                to->code[to->n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, snaplen);
                return 0;
        }
        dead = pcap_open_dead(link, (int) snaplen);
        if (!dead)
                return -ENOMEM;
        if (pcap_compile(dead, &code, expression, 1, PCAP_NETMASK_UNKNOWN) < 0) {
                (void) buf_printf(why, "filter: %s", pcap_geterr(dead));
                pcap_close(dead);
                return -EINVAL;
        }
        r = link == DLT_EN10MB ? add_ethernet(to, &code) :
                                 add_code(to, &code, link == DLT_RAW ? VIEW_NETWORK : VIEW_SAME);
        if (r < 0)
                (void) buf_puts(why, "filter: too long for the kernel");
        pcap_freecode(&code);
        pcap_close(dead);
        return r;
}

int ring_program_filter(const char *expression, uint32_t snaplen, struct ring_program *ret, struct buf *why)
{
        /* Instructions 4, 6, 9 and 10 go far, to the code of their link type: k is put in when that is known. */
        static const struct sock_filter head[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ANCILLARY(SKF_AD_HATYPE)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_LOOPBACK, 5, 0),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_ETHER, 6, 0),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_IEEE80211_RADIOTAP, 0, 1),
                BPF_STMT(BPF_JMP | BPF_JA, 0),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_IEEE80211, 0, 4),
                BPF_STMT(BPF_JMP | BPF_JA, 0),
                BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ANCILLARY(SKF_AD_PKTTYPE)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 2, 0),
                BPF_STMT(BPF_JMP | BPF_JA, 0),
                BPF_STMT(BPF_JMP | BPF_JA, 0),
                BPF_STMT(BPF_RET | BPF_K, 0),
        };
        static const struct {
                int link;
                unsigned jump;
        } branches[] = {{DLT_EN10MB, 9}, {DLT_IEEE802_11_RADIO, 4}, {DLT_IEEE802_11, 6}, {DLT_RAW, 10}};

        ret->n = ELEMENTSOF(head);
        memcpy(ret->code, head, sizeof(head));
        for (size_t i = 0; i < ELEMENTSOF(branches); i++) {
                char nowhere[PCAP_ERRBUF_SIZE];
                struct buf unsaid = BUF_FIXED(nowhere);
                unsigned at = ret->n;
                int r = add_branch(ret, branches[i].link, expression, snaplen, i == 0 ? why : &unsaid);

                if (r == -EINVAL && i > 0) { /* cannot be said of this link type: nothing of it passes */
                        if (at == BPF_MAXINSNS)
                                return -E2BIG;
                        ret->code[at] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, 0);
                        ret->n = at + 1;
                        r = 0;
                }
                if (r < 0)
                        return r;
                ret->code[branches[i].jump].k = at - branches[i].jump - 1;
        }
        return 0;
}
