/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the postman asks the engine, and its answers: bounded, typed messages over a SOCK_SEQPACKET pair, one answer to
 * each question, no descriptors. Both parse hostile bytes, so neither believes the other: every field is checked by
 * who receives it. */
#ifndef SEKIMORI_DAEMON_POST_H
#define SEKIMORI_DAEMON_POST_H

#include "mail/inquiry.h"

enum post_verb {
        POST_NONE,
        POST_SINCE,  /* from when on is the Maildir `path` to be looked through? -> time; 0: from the beginning on.
                        -ENOENT: it is not in the engine's configuration */
        POST_DONE,   /* all that was placed into `path` before `time` is done */
        POST_KNOWN,  /* was the mail `key` judged? -> value 1 or 0 */
        POST_SEEN,   /* what was seen of `relay.addr` around `relay.came`? -> seen */
        POST_RECORD, /* keep `record` -> -EEXIST: it was kept before */
        POST_STATE,  /* how the postman is, for `status` */
        POST_VERBS,
};

#define POST_PATH_MAX 1024

struct post_state {
        uint32_t maildirs, missing, folders, waiting, under_way;
        uint64_t mails;      /* read */
        uint64_t known;      /* of them, judged before */
        uint64_t within;     /* without a relay: from within, or by a user of ours */
        uint64_t unbelieved; /* nobody is believed */
        uint64_t relays;     /* recorded */
        uint64_t judged[JUDGE_CLASSES];
        uint64_t gone;              /* deleted before they could be read */
        uint64_t unread;            /* could not be read, or are no mail */
        uint64_t rescans;           /* because the kernel could not tell all */
        uint64_t unstored;          /* tried again */
        uint64_t asked, unanswered; /* of DNS */
};

struct post {
        uint32_t magic;  /* POST_MAGIC */
        uint32_t verb;   /* enum post_verb; of an answer, that of the question */
        uint32_t number; /* of the question */
        int32_t value;   /* of an answer: 0 or more, or negative errno; of a question 0 */
        int64_t time;
        union {
                char path[POST_PATH_MAX]; /* NUL-terminated */
                uint8_t key[16];
                struct {
                        struct addr addr;
                        nsec_t came;
                } relay;
                struct inquiry_seen seen;
                struct record record;
                struct post_state state;
        };
};

#define POST_MAGIC 0x736b7031u

/* Is this a whole message with a known verb, and each of its fields within its bounds? `answer`: read it as one. */
bool post_is_valid(const void *bytes, size_t len, bool answer);
/* Is the record one that an inquiry ending about `now` could have made, of an address that may be a relay? The verdict
 * is formed again from the signs: *record gets that, and what cannot be shown is replaced. */
bool post_check_record(struct record *record, nsec_t now);

/* 0 or negative errno: -EAGAIN when the other side does not read. */
int post_send(int fd, const struct post *p);
/* 1: got one; 0: nothing there; -EPIPE: the other side is gone; -EBADMSG: malformed, dropped. */
int post_receive(int fd, bool answer, struct post *ret);
/* Asks, and waits for the answer: *p gets it. -EPIPE, -ETIMEDOUT, -EBADMSG; else the answer's value. */
int post_ask(int fd, struct post *p);

#endif
