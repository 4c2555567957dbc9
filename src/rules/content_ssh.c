/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SSH (RFC 4253) as rules look at it: what each side says of itself, and where encryption begins. Runs where
 * rules/content.h says. */
#include "rules/content_internal.h"

#define BANNER_MAX 255 /* RFC 4253 4.2 */
#define NEWKEYS    21
#define PACKET_MAX (256u << 10)

struct side {
        uint8_t len; /* bytes of the banner, or of a packet's head */
        bool told;
        bool newkeys;
        uint32_t skip;
        uint8_t bytes[BANNER_MAX];
};

struct ssh {
        struct side side[2];
};

static void tell(struct content_context *c, const uint8_t *p, uint32_t n)
{
        struct content_view v = {.to_server = c->to_server, .final = true};
        const uint8_t *dash, *space;

        if (n && p[n - 1] == '\r')
                n--;
        if (n < 4 || memcmp(p, "SSH-", 4) != 0 || !(dash = memchr(p + 4, '-', n - 4)))
                return;
        if (content_wants(c, BUFFER_SSH_PROTO) && dash > p + 4)
                content_set(c, &v, BUFFER_SSH_PROTO, p + 4, (uint32_t) (dash - p - 4));
        dash++;
        n -= (uint32_t) (dash - p);
        space = memchr(dash, ' ', n);
        if (space)
                n = (uint32_t) (space - dash);
        if (content_wants(c, BUFFER_SSH_SOFTWARE) && n)
                content_set(c, &v, BUFFER_SSH_SOFTWARE, dash, n);
        if (v.have)
                c->inspect(c, &v);
}

/* Bytes of the lines before the packets; returns how many were used. */
static uint32_t read_banner(struct side *s, struct content_context *c, const uint8_t *p, uint32_t n)
{
        const uint8_t *lf = memchr(p, '\n', n);
        uint32_t used = lf ? (uint32_t) (lf - p) : n, keep = MIN(used, (uint32_t) (BANNER_MAX - s->len));

        memcpy(s->bytes + s->len, p, keep);
        s->len = (uint8_t) (s->len + keep);
        if (!lf)
                return used;
        if (s->len >= 4 && memcmp(s->bytes, "SSH-", 4) == 0) { /* others may come before it */
                tell(c, s->bytes, s->len);
                s->told = true;
        }
        s->len = 0;
        return used + 1;
}

/* Packets in clear: length, padding, message. Returns how many bytes were used. */
static uint32_t read_packet(struct side *s, const uint8_t *p, uint32_t n)
{
        uint32_t used, len;

        if (s->skip) {
                used = MIN(n, s->skip);
                s->skip -= used;
                return used;
        }
        s->bytes[s->len++] = *p;
        if (s->len < 6)
                return 1;
        len = (uint32_t) s->bytes[0] << 24 | (uint32_t) s->bytes[1] << 16 | (uint32_t) s->bytes[2] << 8 | s->bytes[3];
        s->newkeys = s->bytes[5] == NEWKEYS || len < 2 || len > PACKET_MAX;
        s->skip = s->newkeys ? 0 : len - 2;
        s->len = 0;
        return 1;
}

static enum content_answer data(void *state, struct content_context *c, const uint8_t *p, uint32_t n)
{
        struct ssh *ssh = state;
        struct side *s = &ssh->side[c->to_server];

        for (uint32_t used; n > 0 && !s->newkeys; p += used, n -= used)
                used = s->told ? read_packet(s, p, n) : read_banner(s, c, p, n);
        return ssh->side[0].newkeys && ssh->side[1].newkeys ? CONTENT_SEALED : CONTENT_MORE;
}

static enum content_answer lost(void *state, struct content_context *c, uint64_t n)
{
        struct side *s = &((struct ssh *) state)->side[c->to_server];

        if (s->told && n <= s->skip)
                s->skip -= (uint32_t) n;
        else
                s->newkeys = true;
        return CONTENT_MORE;
}

const struct content_parser content_ssh = {
        .app = APP_SSH,
        .state_size = sizeof(struct ssh),
        .tcp = true,
        .data = data,
        .lost = lost,
};
