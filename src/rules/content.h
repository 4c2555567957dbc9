/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The contract of what turns a flow's bytes into the buffers that rules look at: bytes of a direction in, transactions
 * out. It keeps whole heads where the decoders of decode/ keep short pieces, and it derives only buffers that somebody
 * looks at. Memory beyond the fixed state comes from the flow's owner, who may say no. Pure, no I/O, never trusts a
 * length. Runs in the engine and in `read`, in a worker's thread. */
#ifndef SEKIMORI_RULES_CONTENT_H
#define SEKIMORI_RULES_CONTENT_H

#include "rules/inspect.h"

#define CONTENT_HEAD_MAX    (64u << 10)            /* bytes of a head; longer ones are cut */
#define CONTENT_SCRATCH     (4 * CONTENT_HEAD_MAX) /* a head's derived forms, all together */
#define CONTENT_BODY_MAX    (100u << 10)           /* of a body or file: suricata.yaml's limits of 7.0 */
#define CONTENT_BODY_CHUNK  (8u << 10)             /* so many fresh bytes of a body are looked at at once */
#define CONTENT_BODY_WINDOW (32u << 10)            /* kept of a body; older bytes go */

/* What is inspected now: which of c->buffers. */
struct content_view {
        uint64_t have, scan, coming; /* as of struct inspect_input */
        uint32_t transaction;
        bool to_server, final;
};

struct content_context {
        /* The caller's. */
        bool to_server;                 /* direction of the bytes at hand */
        bool datagram;                  /* data() gets whole datagrams */
        uint64_t wants[2];              /* buffers that somebody looks at, of what is sent to client, to server */
        struct inspect_buffer *buffers; /* BUFFERS of them; what `have` names is filled */
        uint8_t *scratch;               /* CONTENT_SCRATCH bytes, good until data() and the others return */
        void (*inspect)(struct content_context *c, const struct content_view *v);
        /* Memory of this flow: as realloc(), but with the old size; NULL: none is left. to 0: frees. */
        void *(*resize)(struct content_context *c, void *p, size_t from, size_t to);
        void *userdata;
        /* The parser's. */
        uint32_t tls_versions, tls_states; /* as of struct inspect_input; what came is added; versions: this side's */
        uint32_t rest; /* with CONTENT_SWITCH: so many last bytes are already of the other language */
};

enum content_answer {
        CONTENT_MORE,   /* go on */
        CONTENT_DONE,   /* nothing more is of use: the state goes */
        CONTENT_SEALED, /* and what follows is encrypted in both directions */
        CONTENT_SWITCH, /* another language follows */
};

struct content_parser {
        enum app app;
        uint16_t state_size; /* zeroed at first; 0: none */
        bool tcp, udp;
        /* The next bytes of a direction in order, any cut; or one datagram. */
        enum content_answer (*data)(void *state, struct content_context *c, const uint8_t *p, uint32_t n);
        /* `n` bytes of c's direction will never come. */
        enum content_answer (*lost)(void *state, struct content_context *c, uint64_t n);
        /* Nothing follows for now: what waits to be looked at is looked at. May be NULL. */
        void (*flush)(void *state, struct content_context *c);
        /* Frees; with `tell` the flow ends and what waits is looked at, for the last time. May be NULL. */
        void (*end)(void *state, struct content_context *c, bool tell);
};

/* NULL: none for it. */
const struct content_parser *content_parser_of(enum app app);

/* ---- for parsers ---- */

/* A whole buffer, all of it fresh. */
static inline void content_set(struct content_context *c, struct content_view *v, enum rule_buffer b, const void *data,
                               uint32_t len)
{
        c->buffers[b] = (struct inspect_buffer){.data = data, .len = len, .fresh = len, .complete = true};
        v->have |= BUFFER_BIT(b);
        v->scan |= BUFFER_BIT(b);
}

static inline bool content_wants(const struct content_context *c, enum rule_buffer b)
{
        return c->wants[c->to_server] & BUFFER_BIT(b);
}

#endif
