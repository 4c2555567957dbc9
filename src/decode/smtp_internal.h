/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the SMTP decoder share: smtp.c chooses between the client's half (smtp_command.c) and the server's
 * (smtp_reply.c). Not for others. */
#ifndef SEKIMORI_DECODE_SMTP_INTERNAL_H
#define SEKIMORI_DECODE_SMTP_INTERNAL_H

#include "decode/app_internal.h"
#include "decode/line.h"

#define SMTP_QUEUE        128 /* commands that wait for a reply; RFC 5321 4.5.3.1.8 wants 100 recipients to be taken */
#define SMTP_STRANGE_MAX  100 /* lines of the client in a row that are no command */
#define SMTP_STRANGE_BACK 16  /* lines of the server in a row that are no reply */

enum smtp_command {
        COMMAND_NONE,
        COMMAND_OTHER, /* has a reply that says nothing to us */
        COMMAND_HELO,
        COMMAND_MAIL,
        COMMAND_RCPT,
        COMMAND_DATA,
        COMMAND_BODY,  /* the end of a mail */
        COMMAND_CHUNK, /* BDAT that is not the last */
        COMMAND_STARTTLS,
        COMMAND_AUTH,
        COMMAND_QUIT,
        COMMAND_RSET,
        COMMAND_BDAT,
};

enum smtp_mode { MODE_COMMAND, MODE_MAIL, MODE_CHUNK, MODE_AUTH };

/* Where the search for the line with the dot stands. */
enum smtp_dot { DOT_BEGIN, DOT_INSIDE, DOT_DOT, DOT_DOT_CR };

struct smtp_state {
        struct line line[2]; /* of the server, of the client */
        uint64_t bytes;      /* of this mail */
        uint64_t chunk;      /* what is left of a BDAT */
        uint32_t overflow;   /* commands that had no room in the queue */
        uint16_t multi;      /* code of a reply that has more lines to come; 0: none */
        uint16_t rcpts;      /* taken by the server for this mail */
        uint8_t queue[SMTP_QUEUE], first, count;
        uint8_t mode, dot;
        uint8_t last; /* the newest command of the client */
        uint8_t strange[2];
        bool roles_known, client_responds;
        bool greeted, synced, lmtp, last_chunk, lossy, taken, tls_due, tls;
};

static_assert(sizeof(struct smtp_state) <= APP_STATE_MAX, "the pool's limit");

struct smtp_said {
        enum smtp_op op;
        struct slice text;
        uint64_t bytes;
        uint16_t code;
};

/* smtp_command.c */
int smtp_client_data(struct smtp_state *s, struct app_context *c, const uint8_t *data, uint32_t len);
void smtp_tell(const struct smtp_state *s, struct app_context *c, bool by_client, const struct smtp_said *what);
void smtp_begin_tls(struct smtp_state *s, struct app_context *c, uint32_t rest);
void smtp_body_begins(struct smtp_state *s);
void smtp_body_ended(struct smtp_state *s, struct app_context *c);
void smtp_chunk_ended(struct smtp_state *s, struct app_context *c);

/* smtp_reply.c */
int smtp_server_data(struct smtp_state *s, struct app_context *c, const uint8_t *data, uint32_t len);
enum app_answer smtp_probe(const struct app_context *c, const uint8_t *data, uint32_t len);

#endif
