/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory of what rules keep of flows. Part of the tracker; runs in the engine and in `read`, in a worker's thread. */
#include "flow/feed.h"

#define CHUNK 64
/* Blocks of these sizes are kept when nobody has them any more, so many at most: their memory is warm. */
static const struct {
        uint32_t size, max;
} spares[FEED_SPARES] = {{FEED_ROOM_LESS, 16}, {FEED_ROOM, 4}, {CONTENT_BODY_WINDOW, 1}};

struct spare {
        struct spare *next;
};

static void unlist(struct feeds *fs, struct feed *d)
{
        d->flags &= (uint16_t) ~FEED_LISTED;
        *(d->older ? &d->older->younger : &fs->oldest) = d->younger;
        *(d->younger ? &d->younger->older : &fs->youngest) = d->older;
}

static void list_youngest(struct feeds *fs, struct feed *d)
{
        d->older = fs->youngest;
        d->younger = NULL;
        *(d->older ? &d->older->younger : &fs->oldest) = d;
        fs->youngest = d;
        d->flags |= FEED_LISTED;
        d->second = (uint32_t) (fs->tracker->now / NSEC_PER_SEC);
}

static bool add_chunk(struct feeds *fs)
{
        struct feed **chunks, *chunk;

        if (!(fs->n_chunks & (fs->n_chunks - 1))) {
                chunks = realloc(fs->chunks, sizeof(*chunks) * (fs->n_chunks ? 2 * fs->n_chunks : 1));
                if (!chunks)
                        return false;
                fs->chunks = chunks;
        }
        chunk = calloc(CHUNK, sizeof(*chunk));
        if (!chunk)
                return false;
        for (uint32_t i = CHUNK; i-- > 0;) {
                chunk[i].number = fs->free_list;
                fs->free_list = fs->n_chunks * CHUNK + i + 1;
        }
        fs->chunks[fs->n_chunks++] = chunk;
        return true;
}

struct feed *feed_need(struct feeds *fs, struct flow *f)
{
        struct feed *d = feed_of(fs, f);
        uint32_t number;
        uint16_t waits;

        if (d)
                return d;
        if (!fs->free_list && !add_chunk(fs))
                return NULL;
        number = fs->free_list;
        d = feed_at(fs, number);
        fs->free_list = d->number;
        waits = d->flags & FEED_WAITS;
        *d = (struct feed){.flow = f, .number = number, .flags = (uint16_t) (FEED_USED | waits)};
        f->feed = number;
        return d;
}

void feed_use(struct feeds *fs, struct feed *d)
{
        if (!(d->flags & FEED_LISTED) || d->second == (uint32_t) (fs->tracker->now / NSEC_PER_SEC))
                return;
        unlist(fs, d);
        list_youngest(fs, d);
}

static unsigned spare_of(size_t size)
{
        unsigned i = 0;

        while (i < FEED_SPARES && spares[i].size != size)
                i++;
        return i;
}

static void give(struct feeds *fs, void *p, size_t size)
{
        unsigned i = spare_of(size);
        struct spare *s = p;

        fs->tracker->stats.rule_bytes -= size;
        if (i == FEED_SPARES || fs->n_spare[i] == spares[i].max) {
                free(p);
                return;
        }
        s->next = fs->spare[i];
        fs->spare[i] = s;
        fs->n_spare[i]++;
}

static void *take(struct feeds *fs, size_t size)
{
        unsigned i = spare_of(size);
        struct spare *s = i < FEED_SPARES ? fs->spare[i] : NULL;

        if (!s)
                return malloc(size);
        fs->spare[i] = s->next;
        fs->n_spare[i]--;
        return s;
}

/* Others lose what they have until there is room. */
static bool make_share(struct feeds *fs, const struct feed *d, size_t size)
{
        struct tracker *t = fs->tracker;

        for (struct feed *o = fs->oldest, *next; o && t->stats.rule_bytes + size > t->params.rule_bytes; o = next) {
                next = o->younger;
                if (o == d)
                        continue;
                feed_drop_content(fs, o);
                t->stats.rule_dropped++;
        }
        return t->stats.rule_bytes + size <= t->params.rule_bytes;
}

void *feed_resize(struct feeds *fs, struct feed *d, void *p, size_t from, size_t to)
{
        struct tracker *t = fs->tracker;
        void *q;

        if (!to) {
                give(fs, p, from);
                return NULL;
        }
        if (!make_share(fs, d, to > from ? to - from : 0) || !(q = take(fs, to))) {
                t->stats.rule_dropped++;
                return NULL;
        }
        t->stats.rule_bytes += to;
        if (p) {
                memcpy(q, p, MIN(from, to));
                give(fs, p, from);
        }
        if (!(d->flags & FEED_LISTED))
                list_youngest(fs, d);
        return q;
}

void feed_done(struct feeds *fs)
{
        for (unsigned i = 0; i < FEED_SPARES; i++)
                for (struct spare *s = fs->spare[i], *next; s; s = next) {
                        next = s->next;
                        free(s);
                }
        for (uint32_t i = 0; i < fs->n_chunks; i++)
                free(fs->chunks[i]);
        free(fs->chunks);
        free(fs->waiting);
}

void feed_drop_window(struct feeds *fs, struct feed *d, unsigned side)
{
        struct feed_side *s = &d->side[side];

        if (s->window)
                give(fs, s->window, s->room);
        s->window = NULL;
        s->base += s->len;
        s->len = s->room = s->fresh = 0;
}

static void *frees_only(struct content_context *c, void *p, size_t from, size_t to)
{
        return to ? NULL : feed_resize(c->userdata, NULL, p, from, 0);
}

/* The parser may be asked for this while another flow's is at work: so with a context of its own. */
void feed_drop_content(struct feeds *fs, struct feed *d)
{
        struct content_context c = {.resize = frees_only, .userdata = fs};

        if (d->state && d->parser->end)
                d->parser->end(d->state, &c, false);
        if (d->state)
                feed_resize(fs, d, d->state, d->parser->state_size, 0);
        d->parser = NULL;
        d->state = NULL;
        feed_drop_window(fs, d, ORIGINATOR);
        feed_drop_window(fs, d, RESPONDER);
        if (d->flags & FEED_LISTED)
                unlist(fs, d);
}

void feed_free(struct feeds *fs, struct feed *d)
{
        uint32_t number = d->number;

        feed_drop_content(fs, d);
        d->flow->feed = 0;
        d->flags &= FEED_WAITS;
        d->number = fs->free_list;
        fs->free_list = number;
}

/* The window gets room for so many bytes, if it can. */
static void make_room(struct feeds *fs, struct feed *d, struct feed_side *s, uint32_t len)
{
        uint32_t room = s->len + len <= FEED_ROOM_LESS ? FEED_ROOM_LESS : FEED_ROOM, keep;
        uint8_t *p;

        if (room > s->room && (p = feed_resize(fs, d, s->window, s->room, room))) {
                s->window = p;
                s->room = room;
        }
        if (s->room - s->len >= len || !s->room)
                return;
        keep = MAX(MIN(FEED_KEEP + s->fresh, s->room - MIN(len, s->room)), s->fresh);
        if (keep >= s->len)
                return;
        memmove(s->window, s->window + s->len - keep, keep);
        s->base += s->len - keep;
        s->len = keep;
}

uint32_t feed_append(struct feeds *fs, struct feed *d, unsigned side, const uint8_t *data, uint32_t len)
{
        struct feed_side *s = &d->side[side];
        uint32_t n;

        if (s->room - s->len < len)
                make_room(fs, d, s, len);
        n = MIN(len, s->room - s->len);
        if (n)
                memcpy(s->window + s->len, data, n);
        s->len += n;
        s->fresh += n;
        return n;
}

void feed_wait(struct feeds *fs, struct feed *d)
{
        if (d->flags & FEED_WAITS)
                return;
        if (fs->n_waiting == fs->waiting_room) {
                uint32_t room = fs->waiting_room ? 2 * fs->waiting_room : 64;
                uint32_t *p = realloc(fs->waiting, room * sizeof(*p));

                if (!p)
                        return; /* it is looked at with more bytes, or at the end */
                fs->waiting = p;
                fs->waiting_room = room;
        }
        d->flags |= FEED_WAITS;
        fs->waiting[fs->n_waiting++] = d->number;
}
