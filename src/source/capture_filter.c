/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The BPF filter of `read`: one program for each link type, since where a header stands depends on it. Link types that
 * captures usually have are compiled ahead, because compiling may look names up in files and over the network, which
 * the sandbox does not allow later. Runs in `read`. */
#include <errno.h>
#include <pcap/pcap.h>

#include "source/capture_internal.h"

#define LINKS_MAX 64u /* link types; of further ones nothing passes */

struct program {
        uint32_t link;
        struct bpf_program code; /* bf_insns NULL: it cannot be said of this link type */
        bool told;               /* ... and that was told */
};

struct capture_filter {
        char *expression;
        struct program programs[LINKS_MAX];
        unsigned n, last;
};

/* libpcap compiles for its own numbers of link types, which differ from those in files for a few (pcap-common.c). */
static int dlt_of(uint32_t link)
{
        switch (link) {
        case 100:
                return DLT_ATM_RFC1483;
        case 101:
                return DLT_RAW;
        case 102:
                return DLT_SLIP_BSDOS;
        case 103:
                return DLT_PPP_BSDOS;
        case 106:
                return DLT_ATM_CLIP;
        default:
                return (int) link;
        }
}

static struct program *find(struct capture_filter *l, uint32_t link)
{
        if (l->last < l->n && l->programs[l->last].link == link)
                return &l->programs[l->last];
        for (unsigned i = 0; i < l->n; i++)
                if (l->programs[i].link == link) {
                        l->last = i;
                        return &l->programs[i];
                }
        return NULL;
}

/* NULL: no more room. What libpcap has against it is written to `why`. */
static struct program *compile(struct capture_filter *l, uint32_t link, struct buf *why)
{
        struct program *p;
        pcap_t *dead;

        if (l->n == LINKS_MAX)
                return NULL;
        p = &l->programs[l->n++];
        *p = (struct program){.link = link};
        dead = pcap_open_dead(dlt_of(link), CAPTURE_RECORD_MAX);
        if (dead && pcap_compile(dead, &p->code, l->expression, 1, PCAP_NETMASK_UNKNOWN) < 0) {
                p->code = (struct bpf_program){0};
                if (why)
                        (void) buf_printf(why, "filter: %s\n", pcap_geterr(dead));
        }
        if (dead)
                pcap_close(dead);
        return p;
}

int capture_filter_new(const char *expression, struct capture_filter **ret, struct buf *why)
{
        /* Ethernet, BSD loopback, PPP (four forms), raw IP, 802.11 and radiotap, OpenBSD loopback, Linux cooked v1 and
         * v2, raw IPv4 and IPv6: what source and decoder know, see docs/packets.md */
        static const uint32_t usual[] = {1, 0, 9, 50, 51, 101, 105, 127, 108, 113, 276, 228, 229};
        _cleanup_(capture_filter_freep)
        struct capture_filter *l = calloc(1, sizeof(*l));
        char text[PCAP_ERRBUF_SIZE + 16];
        struct buf reason = BUF_FIXED(text);
        bool some = false;

        if (!l || !(l->expression = strdup(expression)))
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(usual); i++) {
                const struct program *p = compile(l, usual[i], i == 0 ? &reason : NULL);

                some |= p && p->code.bf_insns;
        }
        if (!some) {
                if (why)
                        (void) buf_puts(why, buf_str(&reason));
                return -EINVAL;
        }
        *ret = TAKE_PTR(l);
        return 0;
}

void capture_filter_free(struct capture_filter *l)
{
        if (!l)
                return;
        for (unsigned i = 0; i < l->n; i++)
                pcap_freecode(&l->programs[i].code);
        free(l->expression);
        free(l);
}

void capture_filter_prepare(struct capture_filter *l, uint32_t link)
{
        if (!find(l, link))
                (void) compile(l, link, NULL);
}

bool capture_filter_match(struct capture_filter *l, const struct frame *f, struct buf *why)
{
        struct program *p = find(l, f->link);

        if (!p)
                p = compile(l, f->link, NULL);
        if (p && p->code.bf_insns)
                return bpf_filter(p->code.bf_insns, f->data, f->len, f->caplen) != 0;
        if (p && !p->told && why) {
                p->told = true;
                (void) buf_printf(why, "filter: means nothing for link type %u: none of its frames pass\n", f->link);
        }
        return false;
}
