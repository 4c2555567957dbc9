/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/1 (RFC 9112) as rules look at it: whole heads, bodies as they grow. A head that came in one piece is read where
 * it lies; of a head only its bytes are kept while its body comes, and its buffers are made anew when they are needed.
 * Runs where rules/content.h says. */
#include "rules/content_http_internal.h"

#define HEAD_ROOM    1024u
#define CHUNK_DIGITS 15
#define ASKED_MAX    32 /* requests that wait for their response; what they were is two bits of a word */

enum phase { START, HEAD, LENGTH, CLOSE, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILERS, SEEK };
enum asked { ASKED_OTHER, ASKED_HEAD, ASKED_CONNECT };

struct side {
        uint8_t *head; /* the bytes of a head: not whole yet, or kept for its body */
        uint32_t head_len, head_room;
        uint32_t transaction;
        uint64_t left; /* of the body or chunk */
        uint8_t phase, digits;
        bool extension; /* behind the digits of a chunk's size */
        bool line;      /* of the trailers: has bytes */
        uint64_t bits;  /* what the body is looked at as */
        struct content_body body;
};

struct http {
        struct side side[2]; /* of what is sent to the client, to the server */
        uint64_t asked;
        uint8_t n_asked;
};

static void forget_head(struct side *s, struct content_context *c)
{
        if (s->head)
                c->resize(c, s->head, s->head_room, 0);
        s->head = NULL;
        s->head_len = s->head_room = 0;
}

static bool keep_head(struct side *s, struct content_context *c, const uint8_t *p, uint32_t n)
{
        if (s->head_room - s->head_len < n) {
                uint32_t room = s->head_room ? s->head_room : HEAD_ROOM;
                uint8_t *head;

                while (room - s->head_len < n)
                        room *= 2;
                head = c->resize(c, s->head, s->head_room, room);
                if (!head)
                        return false;
                s->head = head;
                s->head_room = room;
        }
        memcpy(s->head + s->head_len, p, n);
        s->head_len += n;
        return true;
}

static void end_message(struct side *s, struct content_context *c, enum phase phase)
{
        forget_head(s, c);
        content_body_free(&s->body, c);
        s->bits = 0;
        s->transaction++;
        s->phase = (uint8_t) phase;
}

static void set_body(struct side *s, struct content_context *c, struct content_view *v, struct inspect_buffer b)
{
        for (uint64_t left = s->bits; left; left &= left - 1)
                c->buffers[__builtin_ctzll(left)] = b;
        v->have |= s->bits;
        v->scan |= s->bits;
}

static void look_at_body(void *userdata, struct content_context *c, bool last)
{
        struct side *s = userdata;
        struct content_view v = {.transaction = s->transaction, .to_server = c->to_server, .final = last};
        struct http_head head;

        if (s->head) {
                http_head_read(&head, s->head, s->head_len);
                http_derive(&head, c, &v);
                v.scan = 0;
        }
        set_body(s, c, &v, content_body_buffer(&s->body, last));
        c->inspect(c, &v);
        s->body.fresh = 0;
}

static void end_body(struct side *s, struct content_context *c, enum phase phase)
{
        if (s->bits)
                look_at_body(s, c, true);
        end_message(s, c, phase);
}

static void ask(struct http *h, const struct http_head *head)
{
        uint64_t asked = content_is(head->method.p, head->method.n, "head")    ? ASKED_HEAD :
                         content_is(head->method.p, head->method.n, "connect") ? ASKED_CONNECT :
                                                                                 ASKED_OTHER;

        if (h->n_asked < ASKED_MAX)
                h->asked |= asked << 2 * h->n_asked++;
}

static enum asked answer(struct http *h)
{
        enum asked asked = h->asked & 3;

        if (h->n_asked == 0)
                return ASKED_OTHER;
        h->asked >>= 2;
        h->n_asked--;
        return asked;
}

/* What follows the head: RFC 9112 6.3. START: no body. *ret_switch: another language. */
static enum phase body_of(struct http *h, const struct http_head *head, enum content_answer *ret)
{
        if (head->response) {
                enum asked asked = head->code >= 100 && head->code < 200 ? ASKED_OTHER : answer(h);

                if (asked == ASKED_CONNECT && head->code / 100 == 2)
                        *ret = CONTENT_SWITCH;
                else if (head->code == 101)
                        *ret = CONTENT_DONE;
                if (*ret != CONTENT_MORE || asked == ASKED_HEAD || head->code / 100 == 1 || head->code == 204 ||
                    head->code == 304)
                        return START;
        } else
                ask(h, head);
        if (head->chunked)
                return CHUNK_SIZE;
        if (head->length != UINT64_MAX)
                return head->length ? LENGTH : START;
        return head->response ? CLOSE : START;
}

static uint64_t body_bits(const struct http_head *head, const struct content_context *c)
{
        uint64_t bits = BUFFER_BIT(BUFFER_FILE_DATA) |
                        BUFFER_BIT(head->response ? BUFFER_HTTP_RESPONSE_BODY : BUFFER_HTTP_REQUEST_BODY);

        return c->wants[c->to_server] & bits;
}

/* What follows is a body that comes in pieces: the head is kept for it. */
static void begin_body(struct side *s, struct content_context *c, const struct http_head *head)
{
        content_body_begin(&s->body, head->coding);
        if (head->raw.p != s->head) {
                s->head_len = 0;
                if (!keep_head(s, c, head->raw.p, head->raw.n))
                        forget_head(s, c);
        } else
                s->head_len = head->raw.n;
}

/* A head is whole. Returns how many bytes of what follows it were used. */
static uint32_t take_head(struct http *h, struct side *s, struct content_context *c, struct http_text raw,
                          struct http_text rest, enum content_answer *ret)
{
        struct content_view v = {.transaction = s->transaction, .to_server = c->to_server};
        struct http_head head;
        enum phase phase;

        http_head_read(&head, raw.p, raw.n);
        if (head.broken) {
                end_message(s, c, SEEK);
                return 0;
        }
        phase = body_of(h, &head, ret);
        s->bits = phase == START ? 0 : body_bits(&head, c);
        s->left = phase == LENGTH ? head.length : 0;
        s->digits = 0;
        s->extension = false;
        http_derive(&head, c, &v);
        if (s->bits && phase == LENGTH && head.length <= rest.n && head.coding == CODING_NONE) {
                uint32_t len = (uint32_t) head.length, most = MIN(len, CONTENT_BODY_MAX);

                set_body(s, c, &v,
                         (struct inspect_buffer){.data = rest.p, .len = most, .fresh = most, .complete = true});
                v.final = true;
                c->inspect(c, &v);
                end_message(s, c, START);
                return len;
        }
        v.final = !s->bits;
        v.coming = s->bits;
        if (v.have)
                c->inspect(c, &v);
        if (phase == START) {
                end_message(s, c, START);
                return 0;
        }
        s->phase = (uint8_t) phase;
        if (s->bits)
                begin_body(s, c, &head);
        else
                forget_head(s, c);
        return 0;
}

/* Bytes of a head; returns how many were used. */
static uint32_t read_head(struct http *h, struct side *s, struct content_context *c, struct http_text in,
                          enum content_answer *ret)
{
        uint32_t old = s->head_len, more = MIN(in.n, CONTENT_HEAD_MAX - old), end;

        if (!old) {
                end = http_head_end(in.p, more, 0);
                if (end)
                        return end + take_head(h, s, c, (struct http_text){in.p, end},
                                               (struct http_text){in.p + end, in.n - end}, ret);
        }
        if (!keep_head(s, c, in.p, more)) {
                end_message(s, c, SEEK);
                return in.n;
        }
        end = http_head_end(s->head, s->head_len, old);
        if (!end && s->head_len < CONTENT_HEAD_MAX)
                return more;
        if (!end) { /* too long: what there is of it counts, and what follows cannot be told */
                (void) take_head(h, s, c, (struct http_text){s->head, s->head_len}, (struct http_text){0}, ret);
                end_message(s, c, SEEK);
                return more;
        }
        s->head_len = end;
        more = end - old;
        return more +
               take_head(h, s, c, (struct http_text){s->head, end}, (struct http_text){in.p + more, in.n - more}, ret);
}

static uint32_t read_body(struct side *s, struct content_context *c, struct http_text in)
{
        uint32_t n = s->phase == CLOSE ? in.n : (uint32_t) MIN(in.n, s->left);

        if (s->bits)
                content_body_add(&s->body, c, in.p, n, look_at_body, s);
        if (s->phase == CLOSE)
                return n;
        s->left -= n;
        if (s->left == 0 && s->phase == CHUNK)
                s->phase = CHUNK_END;
        else if (s->left == 0)
                end_body(s, c, START);
        return n;
}

/* One byte of a chunk's size or of the end of its data. */
static void read_chunk_byte(struct side *s, struct content_context *c, uint8_t b)
{
        int digit = content_hex(b);

        if (s->phase == CHUNK_END) {
                if (b == '\n')
                        s->phase = CHUNK_SIZE;
                else if (b != '\r')
                        end_body(s, c, SEEK);
        } else if (b == '\n') {
                bool empty = !s->digits;

                s->digits = 0;
                s->extension = false;
                s->line = false;
                s->phase = s->left ? CHUNK : TRAILERS;
                if (empty)
                        end_body(s, c, SEEK);
        } else if (digit < 0 || s->extension) {
                s->extension = true;
        } else if (s->digits++ == CHUNK_DIGITS)
                end_body(s, c, SEEK);
        else
                s->left = s->left << 4 | (unsigned) digit;
}

static void read_trailer_byte(struct side *s, struct content_context *c, uint8_t b)
{
        if (b != '\n') {
                s->line = s->line || b != '\r';
                return;
        }
        if (!s->line)
                end_body(s, c, START);
        s->line = false;
}

static enum content_answer data(void *state, struct content_context *c, const uint8_t *p, uint32_t n)
{
        struct http *h = state;
        struct side *s = &h->side[c->to_server];
        enum content_answer r = CONTENT_MORE;
        uint32_t used;

        for (; n > 0 && r == CONTENT_MORE; p += used, n -= used) {
                used = 1;
                switch (s->phase) {
                case START:
                        if (*p == '\r' || *p == '\n')
                                break;
                        used = 0;
                        s->phase = http_head_begins(p, n) ? HEAD : SEEK;
                        break;
                case HEAD:
                        used = read_head(h, s, c, (struct http_text){p, n}, &r);
                        break;
                case CHUNK_SIZE:
                case CHUNK_END:
                        read_chunk_byte(s, c, *p);
                        break;
                case TRAILERS:
                        read_trailer_byte(s, c, *p);
                        break;
                case SEEK: /* messages begin segments more often than not */
                        if (n < 5 || !http_head_begins(p, n))
                                return CONTENT_MORE;
                        used = 0;
                        s->phase = HEAD;
                        break;
                default:
                        used = read_body(s, c, (struct http_text){p, n});
                }
        }
        c->rest = n;
        return r;
}

static enum content_answer lost(void *state, struct content_context *c, uint64_t n)
{
        struct http *h = state;
        struct side *s = &h->side[c->to_server];

        if ((s->phase == LENGTH || s->phase == CHUNK) && n <= s->left) {
                s->body.over = true;
                s->left -= n;
                if (!s->left && s->phase == CHUNK)
                        s->phase = CHUNK_END;
                else if (!s->left)
                        end_body(s, c, START);
        } else if (s->phase == CLOSE)
                s->body.over = true;
        else
                end_body(s, c, SEEK);
        return CONTENT_MORE;
}

static void flush(void *state, struct content_context *c)
{
        struct http *h = state;
        struct side *s = &h->side[c->to_server];

        if (s->bits && content_body_ripe(&s->body))
                look_at_body(s, c, false);
}

static void end(void *state, struct content_context *c, bool tell)
{
        struct http *h = state;

        for (unsigned to_server = 2; to_server-- > 0;) {
                struct side *s = &h->side[to_server];
                enum content_answer r = CONTENT_MORE;

                c->to_server = to_server;
                if (tell && s->phase == HEAD && s->head_len)
                        (void) take_head(h, s, c, (struct http_text){s->head, s->head_len}, (struct http_text){0}, &r);
                if (tell && s->bits)
                        look_at_body(s, c, true);
                end_message(s, c, SEEK);
        }
}

const struct content_parser content_http = {
        .app = APP_HTTP,
        .state_size = sizeof(struct http),
        .tcp = true,
        .data = data,
        .lost = lost,
        .flush = flush,
        .end = end,
};
