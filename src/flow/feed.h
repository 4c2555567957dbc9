/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What rules keep of flows beyond 32 bits each: windows of streams, transactions in work, and what the inspector keeps.
 * All from one share of memory; when it is used up, the flow longest silent loses its window and transactions, counted.
 * Part of the tracker; not for others. Runs in the engine and in `read`, in a worker's thread. */
#ifndef SEKIMORI_FLOW_FEED_H
#define SEKIMORI_FLOW_FEED_H

#include "flow/tracker_internal.h"
#include "rules/content.h"

/* Suricata's stream.reassembly.depth, and its toserver and toclient chunk size. */
#define FEED_DEPTH (1u << 20)
#define FEED_CHUNK 2560u
/* What stands before the fresh bytes: so far back a relative match may have begun. */
#define FEED_KEEP      4096u
#define FEED_ROOM      8192u
#define FEED_ROOM_LESS 1024u
#define FEED_SPARES    3

struct feed_side {
        uint8_t *window;
        uint64_t wants;                  /* BUFFER_BITs */
        uint32_t room, len, fresh, base; /* of the window; base: bytes of the stream before it */
        uint32_t probe;                  /* offset in the stream from which on it is looked at what it speaks */
};

enum feed_flag {
        FEED_APP_DONE = 1 << 0,
        FEED_TURNED = 1 << 1, /* whom we took for the originator answers */
        FEED_SEALED = 1 << 2, /* encrypted: nothing more is looked at */
        FEED_NOT_ORIGINATOR = 1 << 3,
        FEED_NOT_RESPONDER = 1 << 4,
        FEED_BEGUN = 1 << 5, /* it has bytes of a stream */
        FEED_USED = 1 << 6,
        FEED_LISTED = 1 << 8, /* has a window or transactions: may lose them */
        FEED_WAITS = 1 << 7,  /* stands in the list of those with fresh bytes; stays with the place */
};

struct feed {
        struct feed *older, *younger; /* by last use */
        struct flow *flow;
        struct inspect_flow *kept;
        const struct content_parser *parser;
        void *state;
        struct feed_side side[2];
        uint32_t number, second;
        uint32_t events;                      /* not told yet */
        uint32_t tls_versions[2], tls_states; /* versions: to client, to server */
        uint32_t transactions[2];             /* to client, to server: of parsers before this one */
        uint16_t flags;                       /* enum feed_flag */
        uint8_t app, app_side[2], last_side, handovers;
};

struct feeds {
        struct tracker *tracker;
        struct inspector *inspector;
        const struct tracker_inspector *calls;
        struct feed **chunks;
        uint32_t n_chunks, free_list; /* number of the first free feed; the next one's is in its `number` */
        struct feed *oldest, *youngest;
        uint32_t *waiting, n_waiting, waiting_room;
        struct spare *spare[FEED_SPARES]; /* memory that nobody has, by size (feed.c) */
        unsigned n_spare[FEED_SPARES];
        /* At hand. */
        struct flow *flow; /* NULL: none */
        struct feed *feed; /* NULL: none */
        unsigned side;
        const struct packet *packet; /* waits to be inspected */
        uint32_t packet_flags;
        bool fast_open;                /* the packet at hand is a SYN whose bytes are the stream's */
        const struct packet *datagram; /* carries the transaction at hand */
        struct content_context content;
        struct inspect_input in;
        struct inspect_buffer buffers[BUFFERS];
        _Alignas(16) uint8_t scratch[CONTENT_SCRATCH];
};

/* Bytes of the side so far. */
static inline uint32_t feed_total(const struct feed_side *s)
{
        return s->base + s->len;
}

/* feed.c */
void feed_done(struct feeds *fs); /* frees everything; no flow has a feed any more */
static inline struct feed *feed_at(const struct feeds *fs, uint32_t number)
{
        return &fs->chunks[(number - 1) >> 6][(number - 1) & 63];
}
static inline struct feed *feed_of(const struct feeds *fs, const struct flow *f)
{
        return f->feed ? feed_at(fs, f->feed) : NULL;
}
/* The flow's; made when it has none. NULL without memory. */
struct feed *feed_need(struct feeds *fs, struct flow *f);
void feed_use(struct feeds *fs, struct feed *d);
/* Nothing is told. */
void feed_drop_content(struct feeds *fs, struct feed *d);
void feed_free(struct feeds *fs, struct feed *d);
/* As realloc() from the share, of flow `d`, which keeps what it has. */
void *feed_resize(struct feeds *fs, struct feed *d, void *p, size_t from, size_t to);
void feed_drop_window(struct feeds *fs, struct feed *d, unsigned side);
/* Puts what there is room for behind the window, which may lose its oldest bytes; none of the fresh. How many. */
uint32_t feed_append(struct feeds *fs, struct feed *d, unsigned side, const uint8_t *data, uint32_t len);
/* It has something that will be looked at with the next second at the latest. */
void feed_wait(struct feeds *fs, struct feed *d);

/* tracker_rules.c: one inspection; `side` sent what it looks at. Fills fs->in but for the buffers. */
struct inspect_input *tracker_rules_input(struct feeds *fs, struct flow *f, unsigned side, uint32_t flags);
void tracker_rules_inspect(struct feeds *fs, struct flow *f);
/* Are the flow's bytes a stream to rules, as far as its handshake says? */
bool tracker_rules_joined(const struct tracker *t, const struct flow *f);
/* The mask of what is wanted of that side's stream. */
uint64_t tracker_rules_wants(struct feeds *fs, struct flow *f, unsigned side);

/* tracker_window.c: the fresh bytes of a side; with INSPECT_PACKET fs->packet, which brought the last of them. */
void tracker_window_inspect(struct feeds *fs, struct feed *d, unsigned side, uint32_t flags);
void tracker_window_tick(struct feeds *fs, struct feed *d);
void tracker_window_end(struct feeds *fs, struct feed *d);

/* tracker_content.c: the next bytes of a side, which stand in its window already as far as that holds them. */
void tracker_content_init(struct feeds *fs);
void tracker_content_take(struct feeds *fs, struct feed *d, unsigned side, const uint8_t *data, uint32_t len);
void tracker_content_lost(struct feeds *fs, struct feed *d, unsigned side, uint32_t bytes);
void tracker_content_flush(struct feeds *fs, struct feed *d, unsigned side);
/* With `tell` the flow ends; else the parser is only given up. */
void tracker_content_end(struct feeds *fs, struct feed *d, bool tell);
void tracker_content_datagram(struct feeds *fs, struct flow *f, unsigned side, const struct packet *p);
/* Is it still to be found out what the side speaks? */
bool tracker_content_looks(const struct feed *d, unsigned side);

#endif
