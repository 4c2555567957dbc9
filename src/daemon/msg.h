/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What warden and engine say to each other: bounded, typed messages over a SOCK_SEQPACKET pair, descriptors with them.
 * Verbs are a closed list and each has one direction; whatever else arrives is dropped and counted by the receiver. */
#ifndef SEKIMORI_DAEMON_MSG_H
#define SEKIMORI_DAEMON_MSG_H

#include "source/source.h"

enum msg_verb {
        MSG_NONE,
        MSG_READY,   /* engine -> warden: watching; text is what it watches */
        MSG_REQUEST, /* engine -> warden: do `request` for the source */
        MSG_ANSWER,  /* warden -> engine: descriptors for `request`; value: negative errno when refused */
        MSG_RELOAD,  /* warden -> engine: read the configuration again, open the EVE file again */
        MSG_STOP,    /* warden -> engine: commit and end */
        MSG_PING,    /* warden -> engine: answer with MSG_PONG, as one that does not hang can */
        MSG_PONG,    /* engine -> warden */
        MSG_BLOCK,   /* engine -> warden: a subject, whose key is the text, became a bot: block it, if that is wanted */
        MSG_POSTMAN, /* warden -> engine: a new postman asks over this descriptor */
        MSG_SOURCE, /* warden -> engine: the source of `slot` begins anew with these descriptors; none: it is gone. text
                       is its note */
        MSG_VERBS,
};

#define MSG_TEXT_MAX 256

struct msg {
        uint32_t magic; /* MSG_MAGIC */
        uint32_t verb;  /* enum msg_verb */
        uint32_t request;
        uint32_t slot; /* enum source_slot: whose request it is */
        int32_t value;
        uint32_t n_fds;
        char text[MSG_TEXT_MAX]; /* NUL-terminated */
};

#define MSG_MAGIC 0x736b6d31u

/* Sends; `fds` may be NULL, else its open descriptors go along (they stay the caller's). 0 or negative errno: -EAGAIN
 * when the other side does not read. */
int msg_send(int fd, const struct msg *m, const struct source_fds *fds);
/* Receives one message. 1: got one; 0: nothing there; -EPIPE: the other side is gone; -EBADMSG: malformed, dropped, its
 * descriptors closed. *ret_fds is filled with -1 where nothing came. */
int msg_receive(int fd, struct msg *ret, struct source_fds *ret_fds);
/* Is this a whole message with a known verb, and as many descriptors announced as places for them? Alignment does not
 * matter. For the receiver and the fuzzer. */
bool msg_is_valid(const void *bytes, size_t len);
extern const size_t msg_wire_size; /* bytes of every message */

#endif
