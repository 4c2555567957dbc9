/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A body or file as it grows: unpacked, and of it a window, CONTENT_BODY_MAX bytes in all. So a bomb costs no more than
 * these bytes. Runs where rules/content.h says. */
#include <zlib.h>

#include "rules/content_internal.h"

#define ROOM_LEAST  1024u
#define UNPACK_STEP 4096u
#define EARLY_MORE  256u /* so many bytes more each time */

/* zlib's memory is the flow's: its blocks remember their size. */
struct block {
        size_t size;
        _Alignas(16) uint8_t bytes[];
};

/* "deflate" means zlib's format (RFC 9110 8.4.1.2), and is sent without its head by some: the first two bytes tell. */
#define ZLIB_HEAD 2

struct inflating {
        z_stream z;
        uint8_t head[ZLIB_HEAD], head_len;
        bool begun;
};

static voidpf take_block(voidpf opaque, uInt items, uInt size)
{
        struct content_context *c = opaque;
        size_t n = sizeof(struct block) + (size_t) items * size;
        struct block *b = c->resize(c, NULL, 0, n);

        if (!b)
                return Z_NULL;
        b->size = n;
        return b->bytes;
}

static void give_block(voidpf opaque, voidpf p)
{
        struct content_context *c = opaque;
        struct block *b = (struct block *) ((uint8_t *) p - offsetof(struct block, bytes));

        c->resize(c, b, b->size, 0);
}

void content_body_begin(struct content_body *b, enum content_coding coding)
{
        *b = (struct content_body){.coding = (uint8_t) coding};
}

static void inflating_free(struct content_body *b, struct content_context *c)
{
        if (!b->inflating)
                return;
        b->inflating->z.opaque = c;
        if (b->inflating->begun)
                inflateEnd(&b->inflating->z);
        c->resize(c, b->inflating, sizeof(*b->inflating), 0);
        b->inflating = NULL;
}

void content_body_free(struct content_body *b, struct content_context *c)
{
        inflating_free(b, c);
        if (b->window)
                c->resize(c, b->window, b->room, 0);
        b->window = NULL;
        b->len = b->room = b->fresh = 0;
}

bool content_body_ripe(struct content_body *b)
{
        if (!b->fresh || b->fresh < MIN(b->early * EARLY_MORE, CONTENT_BODY_CHUNK))
                return false;
        b->early++;
        return true;
}

/* Room for at least one more byte; the oldest go when the window is as large as it may be. */
static bool make_room(struct content_body *b, struct content_context *c, uint32_t n)
{
        uint32_t keep = CONTENT_BODY_WINDOW / 2, room = b->room;
        uint8_t *p;

        if (b->len < b->room)
                return true;
        if (room == CONTENT_BODY_WINDOW) {
                memmove(b->window, b->window + b->len - keep, keep);
                b->base += b->len - keep;
                b->len = keep;
                return true;
        }
        room = b->len + n <= ROOM_LEAST         ? ROOM_LEAST :
               b->len + n <= CONTENT_BODY_CHUNK ? CONTENT_BODY_CHUNK :
                                                  CONTENT_BODY_WINDOW;
        if (room <= b->room)
                room = b->room < CONTENT_BODY_CHUNK ? CONTENT_BODY_CHUNK : CONTENT_BODY_WINDOW;
        p = c->resize(c, b->window, b->room, room);
        if (!p)
                return false;
        b->window = p;
        b->room = room;
        return true;
}

static void add_plain(struct content_body *b, struct content_context *c, const uint8_t *p, uint32_t n,
                      content_body_look_fn *look, void *userdata)
{
        uint32_t left = CONTENT_BODY_MAX - b->base - b->len;

        n = MIN(n, left);
        while (n > 0) {
                uint32_t part;

                if (!make_room(b, c, n)) {
                        b->over = true;
                        return;
                }
                part = MIN(MIN(n, b->room - b->len), CONTENT_BODY_CHUNK);
                memcpy(b->window + b->len, p, part);
                b->len += part;
                b->fresh += part;
                p += part;
                n -= part;
                if (b->fresh >= CONTENT_BODY_CHUNK || b->len == CONTENT_BODY_WINDOW) {
                        look(userdata, c, false);
                        b->fresh = 0;
                }
        }
        b->over = b->base + b->len >= CONTENT_BODY_MAX;
}

/* zlib's state is made when its format is known. Returns how many bytes of p were used, -1: it cannot be. */
static int begin_inflating(struct content_body *b, struct content_context *c, const uint8_t *p, uint32_t n)
{
        struct inflating *i = b->inflating;
        int bits = MAX_WBITS + 32, used = 0;

        if (!i) {
                i = b->inflating = c->resize(c, NULL, 0, sizeof(*i));
                if (!i)
                        return -1;
                memset(i, 0, sizeof(*i));
        }
        if (b->coding == CODING_DEFLATE) {
                while (i->head_len < ZLIB_HEAD && (uint32_t) used < n)
                        i->head[i->head_len++] = p[used++];
                if (i->head_len < ZLIB_HEAD)
                        return used;
                if ((i->head[0] & 0x0f) != Z_DEFLATED || (i->head[0] << 8 | i->head[1]) % 31)
                        bits = -MAX_WBITS;
        }
        i->z.zalloc = take_block;
        i->z.zfree = give_block;
        i->z.opaque = c;
        i->begun = inflateInit2(&i->z, bits) == Z_OK;
        return i->begun ? used : -1;
}

static void inflate_all(struct content_body *b, struct content_context *c, const uint8_t *p, uint32_t n,
                        content_body_look_fn *look, void *userdata)
{
        z_stream *z = &b->inflating->z;
        uint8_t out[UNPACK_STEP];
        int r;

        z->opaque = c;
        z->next_in = (z_const Bytef *) p;
        z->avail_in = n;
        do {
                z->next_out = out;
                z->avail_out = sizeof(out);
                r = inflate(z, Z_SYNC_FLUSH);
                add_plain(b, c, out, (uint32_t) sizeof(out) - z->avail_out, look, userdata);
        } while (!b->over && r == Z_OK && (z->avail_in || !z->avail_out));
        b->over = b->over || (r != Z_OK && r != Z_BUF_ERROR);
}

static void add_packed(struct content_body *b, struct content_context *c, const uint8_t *p, uint32_t n,
                       content_body_look_fn *look, void *userdata)
{
        if (!b->inflating || !b->inflating->begun) {
                int used = begin_inflating(b, c, p, n);

                b->over = used < 0;
                if (!b->over && b->inflating->begun && b->inflating->head_len)
                        inflate_all(b, c, b->inflating->head, b->inflating->head_len, look, userdata);
                if (!b->over && b->inflating->begun) {
                        p += used;
                        n -= (uint32_t) used;
                } else
                        n = 0;
        }
        if (n && !b->over)
                inflate_all(b, c, p, n, look, userdata);
        if (b->over)
                inflating_free(b, c);
}

void content_body_add(struct content_body *b, struct content_context *c, const uint8_t *p, uint32_t n,
                      content_body_look_fn *look, void *userdata)
{
        if (b->over || !n)
                return;
        if (b->coding == CODING_NONE)
                add_plain(b, c, p, n, look, userdata);
        else
                add_packed(b, c, p, n, look, userdata);
}
