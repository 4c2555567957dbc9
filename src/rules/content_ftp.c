/* SPDX-License-Identifier: GPL-3.0-or-later */
/* FTP (RFC 959) as rules look at it: commands with their arguments, and replies. Runs where rules/content.h says. */
#include "decode/line.h"
#include "rules/content_internal.h"

struct ftp {
        struct line line[2]; /* of what is sent to the client, to the server */
        uint32_t transaction[2];
};

static void tell(struct ftp *f, struct content_context *c, const uint8_t *p, uint32_t n)
{
        struct content_view v = {
                .transaction = f->transaction[c->to_server]++, .to_server = c->to_server, .final = true};
        uint32_t word = 0;

        if (!n)
                return;
        if (!c->to_server) {
                if (content_wants(c, BUFFER_FTP_REPLY))
                        content_set(c, &v, BUFFER_FTP_REPLY, p, n);
        } else {
                while (word < n && p[word] != ' ')
                        word++;
                if (word && content_wants(c, BUFFER_FTP_COMMAND))
                        content_set(c, &v, BUFFER_FTP_COMMAND, p, word);
                if (word + 1 < n && content_wants(c, BUFFER_FTP_COMMAND_DATA))
                        content_set(c, &v, BUFFER_FTP_COMMAND_DATA, p + word + 1, n - word - 1);
        }
        if (v.have)
                c->inspect(c, &v);
}

static enum content_answer data(void *state, struct content_context *c, const uint8_t *p, uint32_t n)
{
        struct ftp *f = state;
        const uint8_t *line;
        uint32_t at = 0, len;
        bool cut;

        while (line_next(&f->line[c->to_server], p, n, &at, &line, &len, &cut)) {
                /* AUTH TLS is taken (RFC 4217): what follows is encrypted, and recognised as such. */
                bool sealed = !c->to_server && len >= 4 && memcmp(line, "234 ", 4) == 0;

                tell(f, c, line, len);
                if (sealed) {
                        c->rest = n - at;
                        return CONTENT_SWITCH;
                }
        }
        return CONTENT_MORE;
}

static enum content_answer lost(void *state, struct content_context *c, uint64_t n _unused_)
{
        line_lost(&((struct ftp *) state)->line[c->to_server]);
        return CONTENT_MORE;
}

const struct content_parser content_ftp = {
        .app = APP_FTP,
        .state_size = sizeof(struct ftp),
        .tcp = true,
        .data = data,
        .lost = lost,
};
