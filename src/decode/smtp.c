/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SMTP (RFC 5321) and LMTP (RFC 2033) on any port: who sends mail, to whom, how much, and what the server says to it.
 * The two sides of a dialog are read by smtp_command.c and smtp_reply.c. Runs in the engine and in `read`. */
#include "base/cleanup.h"
#include "decode/smtp_internal.h"

static int smtp_data(void *state, struct app_context *c, const uint8_t *data, uint32_t len)
{
        struct smtp_state *s = state;

        if (s->tls || len == 0)
                return 0;
        if (c->midstream && !s->roles_known) { /* replies begin with a digit */
                s->roles_known = true;
                s->client_responds = app_is_digit(data[0]) == c->from_originator;
        }
        if (c->from_originator != s->client_responds)
                return smtp_client_data(s, c, data, len);
        return smtp_server_data(s, c, data, len);
}

static void smtp_lost(void *state, struct app_context *c, uint64_t lost)
{
        struct smtp_state *s = state;
        bool client = c->from_originator != s->client_responds;

        if (!client || s->mode == MODE_COMMAND || s->mode == MODE_AUTH) {
                line_lost(&s->line[client]);
                return;
        }
        if (s->mode == MODE_MAIL) {
                s->lossy = true;
                s->bytes += lost;
                s->dot = DOT_INSIDE;
                return;
        }
        s->bytes += MIN(lost, s->chunk);
        if (lost > s->chunk)
                line_lost(&s->line[1]);
        s->chunk -= MIN(lost, s->chunk);
        if (s->chunk == 0)
                smtp_chunk_ended(s, c);
}

const struct app_decoder decoder_smtp = {
        .name = "smtp",
        .app = APP_SMTP,
        .state_size = sizeof(struct smtp_state),
        .tcp = true,
        .probe = smtp_probe,
        .data = smtp_data,
        .lost = smtp_lost,
};
