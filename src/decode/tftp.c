/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TFTP (RFC 1350, RFC 2347, RFC 2349): bots fetch their programs by it. A request goes to the server's port, the answer
 * comes from another one: the request announces that flow with the file's name, and the first block of data there says
 * what the file is. Runs in the engine and in `read`. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "decode/app_internal.h"
#include "decode/file_head.h"

enum { OP_RRQ = 1, OP_WRQ, OP_DATA, OP_ACK, OP_ERROR, OP_OACK };

#define TFTP_OPTIONS_MAX 8 /* pairs; in use are blksize, timeout, tsize, windowsize, multicast and the PXE ones */

static_assert(sizeof(struct file_head) <= APP_STATE_MAX, "the pool's limit");

/* The string up to its NUL at *pos; moves *pos behind it. false: no NUL, empty, or control bytes in it. */
static bool take_string(const uint8_t *data, uint32_t len, uint32_t *pos, struct slice *ret)
{
        const uint8_t *p = data + *pos, *end = *pos < len ? memchr(p, 0, len - *pos) : NULL;

        if (!end || end == p)
                return false;
        for (const uint8_t *q = p; q < end; q++)
                if (*q < ' ' || *q == 0x7f)
                        return false;
        *ret = app_slice(p, (uint32_t) (end - p));
        *pos += ret->len + 1;
        return true;
}

/* The size of the file among the options from `pos` on; 0: not said. -EPROTO: these are no options. */
static int read_options(const uint8_t *data, uint32_t len, uint32_t pos, uint64_t *ret_size)
{
        struct slice name, value;
        uint64_t size = 0;

        for (int i = 0; i < TFTP_OPTIONS_MAX && pos < len; i++) {
                if (!take_string(data, len, &pos, &name) || !take_string(data, len, &pos, &value))
                        return -EPROTO;
                if (!app_same((const uint8_t *) name.p, name.len, "TSIZE") || value.len > 18)
                        continue;
                size = 0;
                for (uint32_t k = 0; k < value.len && app_is_digit((uint8_t) value.p[k]); k++)
                        size = size * 10 + (uint64_t) (value.p[k] - '0');
        }
        *ret_size = size;
        return 0;
}

static int read_request(const uint8_t *data, uint32_t len, struct slice *ret_name, uint64_t *ret_size)
{
        static const char *const modes[] = {"OCTET", "NETASCII", "MAIL"};
        struct slice name, mode;
        uint32_t pos = 2;

        if (len < 4 || data[0] != 0 || (data[1] != OP_RRQ && data[1] != OP_WRQ))
                return -EPROTO;
        if (!take_string(data, len, &pos, &name) || !take_string(data, len, &pos, &mode))
                return -EPROTO;
        for (size_t i = 0; i < ELEMENTSOF(modes); i++)
                if (app_same((const uint8_t *) mode.p, mode.len, modes[i])) {
                        *ret_name = name;
                        return read_options(data, len, pos, ret_size);
                }
        return -EPROTO;
}

static enum app_answer tftp_probe(const struct app_context *c, const uint8_t *data, uint32_t len)
{
        struct slice name;
        uint64_t size;

        (void) c;
        return read_request(data, len, &name, &size) == 0 ? APP_YES : APP_NO;
}

static void tftp_begin(void *state, const struct slice *name)
{
        file_head_name(state, name);
}

/* The client takes the transfer at the port it asked from. */
static void request(struct file_head *h, struct app_context *c, const struct slice *name, uint64_t size)
{
        const struct addr *client = c->from_originator ? c->originator : c->responder;
        uint16_t port = c->from_originator ? c->originator_port : c->responder_port;

        *h = (struct file_head){.size = size};
        file_head_name(h, name); /* some servers answer from the port that was asked */
        if (c->expect && client)
                c->expect(c, client, port, APP_TFTP, name);
}

static int tftp_data(void *state, struct app_context *c, const uint8_t *data, uint32_t len)
{
        struct file_head *h = state;
        struct slice name;
        uint64_t size;
        int r;

        if (len < 2 || data[0] != 0)
                return -EPROTO;
        switch (data[1]) {
        case OP_RRQ:
        case OP_WRQ:
                r = read_request(data, len, &name, &size);
                if (r == 0)
                        request(h, c, &name, size);
                return r;
        case OP_DATA:
                if (len < 4)
                        return -EPROTO;
                if (app_be16(data + 2) == 1) {
                        file_head_data(h, c, data + 4, len - 4, FILE_TFTP);
                        file_head_end(h, c, FILE_TFTP);
                }
                return 0;
        case OP_OACK:
                r = read_options(data, len, 2, &size);
                if (r == 0 && size > 0)
                        h->size = size;
                return r;
        case OP_ACK:
        case OP_ERROR:
                return len < 4 ? -EPROTO : 0;
        default:
                return -EPROTO;
        }
}

const struct app_decoder decoder_tftp = {
        .name = "tftp",
        .app = APP_TFTP,
        .state_size = sizeof(struct file_head),
        .udp = true,
        .probe = tftp_probe,
        .begin = tftp_begin,
        .data = tftp_data,
};
