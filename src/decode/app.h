/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The contract of a decoder of content: bytes of a flow to events. A decoder is pure (its state, bytes, context) ->
 * events; no heap of its own: its state is a fixed number of bytes that the flow's owner keeps in a capped pool, zeroed
 * at first use. All decoders: decoders.def; the object is decoder_<name> in src/decode/<name>.c. A decoder never trusts
 * a port: `probe` looks at bytes. Runs in the engine and in `read`. */
#ifndef SEKIMORI_DECODE_APP_H
#define SEKIMORI_DECODE_APP_H

#include "model/event.h"

/* Where a decoder stands. The caller fills it in before each call. */
struct app_context {
        nsec_t time;
        uint8_t proto;        /* IPPROTO_TCP or IPPROTO_UDP */
        bool from_originator; /* direction of these bytes (datagram or stream) */
        bool midstream;       /* the flow's beginning was not seen: roles are a guess */
        uint16_t originator_port, responder_port;
        const struct addr *originator, *responder; /* of the flow, for expect(); may be NULL: then it is not called */
        uint32_t rest; /* set by the decoder before switch_to(): so many last bytes of this piece are already of the new
                        * language (the caller zeroes it before data()) */
        /* Delivers an event: type, op and the content are the decoder's; this fills in time, ends (from the flow) and
         * the source, once per home host concerned. `by_originator`: who said it. Slices need to live only during the
         * call. */
        void (*emit)(struct app_context *c, struct event *e, bool by_originator);
        /* The flow changes its language: everything after the bytes consumed so far is this (STARTTLS: APP_TLS; CONNECT
         * and SOCKS granted: APP_UNKNOWN = look anew). NULL in tests is fine: check. */
        void (*switch_to)(struct app_context *c, enum app app);
        /* A connection to come is part of this dialog: FTP data, DCC, a TFTP transfer. One end of it, the one that did
         * not open it, is addr:port; its protocol is this flow's. `name` is what it will carry (may be empty). Said
         * again for the same end: the newer name counts, also when the flow is there already but had no payload (RETR
         * comes after PASV, and after the data connection was opened). May be NULL. */
        void (*expect)(struct app_context *c, const struct addr *addr, uint16_t port, enum app app,
                       const struct slice *name);
        void *userdata;
};

enum app_answer {
        APP_NO,   /* it is something else */
        APP_MORE, /* could be: more bytes are needed (at most 64; then it is NO) */
        APP_YES,
};

struct app_decoder {
        const char *name; /* as in decoders.def */
        enum app app;
        uint16_t state_size; /* bytes; at most APP_STATE_MAX; 0: no state */
        bool tcp, udp;
        /* Do the first bytes of one direction of a stream (or one datagram) begin this protocol? Must be quick and
         * strict: it is asked of every flow. Ports are in the context, as a tie-break only. */
        enum app_answer (*probe)(const struct app_context *c, const uint8_t *data, uint32_t len);
        /* The flow was announced with expect(): called once, before the first data(), with the name said there (at most
         * as the caller kept of it; may be empty). May be NULL. */
        void (*begin)(void *state, const struct slice *name);
        /* TCP: the next bytes of one direction, in order, any cut; all are consumed. UDP: one datagram.
         * 0; 1: all that is of use was said; -EPROTO: this was not the protocol after all, or is broken beyond reading.
         * After either of them nothing more of a stream is brought, and end() is not called. */
        int (*data)(void *state, struct app_context *c, const uint8_t *data, uint32_t len);
        /* TCP: `lost` bytes of this direction will never come (not captured, or a limit). May be NULL: then the flow is
         * not decoded any further. */
        void (*lost)(void *state, struct app_context *c, uint64_t lost);
        /* The flow ends: say what is still held. May be NULL. */
        void (*end)(void *state, struct app_context *c);
};

#define APP_STATE_MAX 2048

/* All of decoders.def, in the order of asking. */
extern const struct app_decoder *const app_decoders[];
const struct app_decoder *app_decoder_of(enum app app); /* NULL: recognised only, or unknown */

/* Asks every decoder for tcp or udp, and a table of signatures for protocols that are only recognised (SSH, NTP,
 * BitTorrent,
 * ...). YES sets *ret_app; MORE: nobody says YES yet, somebody may. */
enum app_answer app_recognise(const struct app_context *c, const uint8_t *data, uint32_t len, enum app *ret_app);

#endif
