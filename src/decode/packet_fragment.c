/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fragments until their packet is whole. Runs in the engine and in `read`, one pool per decoder.
 *
 * The bytes lie in pages of 1 KiB with a bitmap of the 8-byte units that came: adding a fragment costs its length,
 * whatever came before and in whatever order, and a fragment at the end of 64 KiB costs one page. Pages and packets
 * are as many as the pool's bytes allow; without room the packet begun longest ago goes. */
#include <errno.h>

#include "base/table.h"
#include "decode/packet_internal.h"

#define PAGE          1024u
#define UNIT          8u /* RFC 791: fragments begin at multiples of 8 bytes */
#define IP_MAX        65535u
#define PAGES_WHOLE   ((IP_MAX + PAGE) / PAGE) /* of the longest packet */
#define NO_PAGE       UINT16_MAX
#define BYTES_USUAL   (1u << 20)
#define TIMEOUT_USUAL (30 * NSEC_PER_SEC)

struct page {
        uint64_t have[PAGE / UNIT / 64];
        uint8_t data[PAGE];
};

struct key {
        struct addr src, dst;
        uint32_t id;
        uint8_t proto, v6, zero[2];
};

struct entry {
        struct key key;
        nsec_t since;
        uint32_t total;  /* bytes of the whole packet; 0: its last fragment has not come */
        uint32_t end;    /* of the fragment that reaches farthest */
        uint32_t units;  /* that have come */
        uint32_t cut_at; /* first byte that came but was not captured */
        uint8_t ttl, next;
        bool dead; /* the rest is dropped too */
        uint16_t pages[PAGES_WHOLE];
};

struct packet_fragments {
        struct table *entries;
        struct packet_stats *stats;
        nsec_t timeout, now;
        uint32_t n_pages, used_pages; /* used: at least once; the others are not touched */
        uint16_t free;                /* list through the first bytes of data */
        uint8_t whole[IP_MAX + 1];
        struct page pages[];
};

static void give_page(struct packet_fragments *fr, uint16_t page)
{
        memcpy(fr->pages[page].data, &fr->free, sizeof(fr->free));
        fr->free = page;
}

static void give_pages(struct packet_fragments *fr, struct entry *e)
{
        for (unsigned i = 0; i < PAGES_WHOLE; i++)
                if (e->pages[i] != NO_PAGE) {
                        give_page(fr, e->pages[i]);
                        e->pages[i] = NO_PAGE;
                }
}

static bool evicted(void *userdata, void *entry)
{
        struct packet_fragments *fr = userdata;
        struct entry *e = entry;

        fr->stats->fragments_evicted += !e->dead;
        give_pages(fr, e);
        return true;
}

/* Without a free page the oldest packets go, but not the one that needs it: the pool holds at least one whole. */
static uint16_t take_page(struct packet_fragments *fr, const struct entry *keep)
{
        uint16_t page;

        while (fr->free == NO_PAGE && fr->used_pages == fr->n_pages) {
                struct entry *e = table_oldest(fr->entries);

                if (e == keep)
                        e = table_younger(fr->entries, e);
                (void) evicted(fr, e);
                table_remove(fr->entries, e);
        }
        if (fr->free == NO_PAGE) {
                page = (uint16_t) fr->used_pages++;
        } else {
                page = fr->free;
                memcpy(&fr->free, fr->pages[page].data, sizeof(fr->free));
        }
        memset(fr->pages[page].have, 0, sizeof(fr->pages[page].have));
        return page;
}

int packet_fragments_new(const struct packet_params *params, struct packet_stats *stats, struct packet_fragments **ret)
{
        uint32_t bytes = params->fragments_max ? params->fragments_max : BYTES_USUAL, n;
        struct packet_fragments *fr;
        int r;

        /* 64: what the table needs per entry beside it */
        n = bytes / (uint32_t) (sizeof(struct page) + sizeof(struct entry) + 64);
        n = MIN(MAX(n, PAGES_WHOLE), NO_PAGE - 1u);
        fr = calloc(1, sizeof(*fr) + n * sizeof(struct page));
        if (!fr)
                return -ENOMEM;
        r = table_new(&(struct table_params){.name = "fragments",
                                             .cap = n,
                                             .key_size = sizeof(struct key),
                                             .entry_size = sizeof(struct entry),
                                             .evict = evicted,
                                             .userdata = fr},
                      &fr->entries);
        if (r < 0) {
                free(fr);
                return r;
        }
        fr->timeout = params->fragment_timeout > 0 ? params->fragment_timeout : TIMEOUT_USUAL;
        fr->now = INT64_MIN;
        fr->n_pages = n;
        fr->free = NO_PAGE;
        fr->stats = stats;
        *ret = fr;
        return 0;
}

void packet_fragments_free(struct packet_fragments *fr)
{
        if (!fr)
                return;
        table_free(fr->entries);
        free(fr);
}

void packet_fragments_expire(struct packet_fragments *fr, nsec_t now)
{
        struct entry *e;

        fr->now = MAX(fr->now, now);
        /* Looking up does not make an entry younger here: the oldest is the one begun first. */
        while ((e = table_oldest(fr->entries)) && (uint64_t) fr->now - (uint64_t) e->since > (uint64_t) fr->timeout) {
                fr->stats->fragments_expired += !e->dead;
                give_pages(fr, e);
                table_remove(fr->entries, e);
        }
}

static struct entry *find(struct packet_fragments *fr, const struct packet_piece *piece)
{
        struct key key = {
                .src = piece->src, .dst = piece->dst, .id = piece->id, .proto = piece->proto, .v6 = piece->v6};
        struct entry *e = table_peek(fr->entries, &key);
        bool created;

        if (e)
                return e;
        e = table_insert(fr->entries, &key, &created);
        if (!e)
                return NULL;
        memset(e->pages, 0xff, sizeof(e->pages));
        e->since = fr->now;
        e->cut_at = UINT32_MAX;
        return e;
}

/* The units [from, to) of a page as a mask of one word of its bitmap. */
static uint64_t mask(unsigned word, unsigned from, unsigned to)
{
        unsigned low = MAX(from, word * 64), high = MIN(to, word * 64 + 64);

        if (low >= high)
                return 0;
        return (high - low == 64 ? UINT64_MAX : (1ull << (high - low)) - 1) << (low - word * 64);
}

struct overlap {
        bool some, all; /* units that were there already */
        bool differs;   /* and hold other bytes */
};

/* The bytes of a unit of the piece that were captured, at most 8. */
static uint32_t unit_bytes(const struct packet_piece *piece, uint32_t unit)
{
        uint32_t at = unit * UNIT - piece->offset;

        return at >= piece->len ? 0 : MIN(piece->len - at, UNIT);
}

static struct overlap compare(const struct packet_fragments *fr, const struct entry *e,
                              const struct packet_piece *piece)
{
        uint32_t first = piece->offset / UNIT, last = (piece->offset + piece->wire + UNIT - 1) / UNIT;
        struct overlap o = {.all = true};

        for (uint32_t unit = first, next; unit < last; unit = next) {
                const struct page *page =
                        e->pages[unit * UNIT / PAGE] == NO_PAGE ? NULL : &fr->pages[e->pages[unit * UNIT / PAGE]];
                uint32_t in = unit % (PAGE / UNIT);

                next = unit + 1;
                if (in == 0 && !page)
                        next = MIN(unit + PAGE / UNIT, last);
                if (!page || !(page->have[in / 64] >> in % 64 & 1)) {
                        o.all = false;
                        continue;
                }
                o.some = true;
                /* What came but was not captured cannot be compared. */
                if ((unit + 1) * UNIT <= e->cut_at &&
                    memcmp(page->data + in * UNIT, piece->data + (unit - first) * UNIT, unit_bytes(piece, unit)) != 0)
                        o.differs = true;
        }
        return o;
}

/* Takes the units that have not come yet. */
static void store(struct packet_fragments *fr, struct entry *e, const struct packet_piece *piece)
{
        uint32_t first = piece->offset / UNIT, last = (piece->offset + piece->wire + UNIT - 1) / UNIT;

        for (uint32_t n = first * UNIT / PAGE; n <= (last - 1) * UNIT / PAGE; n++) {
                uint32_t base = n * (PAGE / UNIT), from = MAX(first, base), to = MIN(last, base + PAGE / UNIT);
                struct page *page;

                if (e->pages[n] == NO_PAGE)
                        e->pages[n] = take_page(fr, e);
                page = &fr->pages[e->pages[n]];
                for (uint32_t unit = from; unit < to; unit++)
                        if (!(page->have[(unit - base) / 64] >> (unit - base) % 64 & 1))
                                memcpy(page->data + (unit - base) * UNIT, piece->data + (unit - first) * UNIT,
                                       unit_bytes(piece, unit));
                for (unsigned word = 0; word < ELEMENTSOF(page->have); word++) {
                        uint64_t come = mask(word, from - base, to - base) & ~page->have[word];

                        page->have[word] |= come;
                        e->units += (uint32_t) __builtin_popcountll(come);
                }
        }
}

static void join(struct packet_fragments *fr, struct entry *e, struct packet_whole *ret)
{
        for (uint32_t n = 0; n * PAGE < e->total; n++)
                memcpy(fr->whole + n * PAGE, fr->pages[e->pages[n]].data, MIN(e->total - n * PAGE, PAGE));
        *ret = (struct packet_whole){
                .data = fr->whole,
                .len = MIN(e->total, e->cut_at),
                .wire = e->total,
                .ttl = e->ttl,
                .next = e->next,
        };
        fr->stats->reassembled++;
        give_pages(fr, e);
        table_remove(fr->entries, e);
}

/* Cannot be: nothing in it, no whole units though more follows, or ending elsewhere than what came before says. */
static bool impossible(const struct entry *e, const struct packet_piece *piece)
{
        uint32_t end = piece->offset + piece->wire;

        if (piece->more)
                return e->total && end > e->total;
        return end < e->end || (e->total && end != e->total);
}

enum packet_error packet_fragments_add(struct packet_fragments *fr, const struct packet_piece *piece,
                                       struct packet_whole *ret)
{
        uint32_t end = piece->offset + piece->wire;
        struct overlap o;
        struct entry *e;

        fr->stats->fragments++;
        packet_fragments_expire(fr, piece->time);
        if (piece->wire == 0 || end > IP_MAX || (piece->more && piece->wire % UNIT))
                return PACKET_FRAGMENT;
        e = find(fr, piece);
        if (!e) {
                fr->stats->fragments_evicted++;
                return PACKET_HELD;
        }
        if (e->dead || impossible(e, piece))
                return PACKET_FRAGMENT;

        o = compare(fr, e, piece);
        if (o.some && (o.differs || (piece->v6 && !o.all))) {
                fr->stats->fragments_overlapping++;
                if (piece->v6) {
                        give_pages(fr, e);
                        e->dead = true;
                }
                if (piece->v6 || o.all)
                        return PACKET_FRAGMENT;
        }
        if (!o.all)
                store(fr, e, piece);
        if (piece->wire > piece->len)
                e->cut_at = MIN(e->cut_at, piece->offset + piece->len);
        if (piece->offset == 0) {
                e->ttl = piece->ttl;
                e->next = piece->next;
        }
        e->end = MAX(e->end, end);
        if (!piece->more)
                e->total = end;
        if (e->total == 0 || e->units != (e->total + UNIT - 1) / UNIT)
                return PACKET_HELD;
        join(fr, e, ret);
        return PACKET_OK;
}
