/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a file is that a flow carries. A flow without an announced name may be a directory listing (FTP) or anything:
 * then only what is clearly a file counts. Runs in the engine and in `read`. */
#include "decode/file_head.h"

#include <string.h>

#include "base/cleanup.h"

void file_head_name(struct file_head *h, const struct slice *name)
{
        uint32_t len;

        if (!name || !name->p)
                return;
        len = MIN(name->len, (uint32_t) FILE_HEAD_NAME);
        memcpy(h->name, name->p + (name->len - len), len);
        h->name_len = (uint8_t) len;
}

void file_head_end(struct file_head *h, struct app_context *c, enum file_how how)
{
        struct event e = {.type = EVENT_FILE, .op = FILE_SEEN};
        enum file_kind kind = magic_kind(h->bytes, h->len);

        if (h->told || h->len == 0)
                return;
        h->told = true;
        if (h->name_len == 0 && (kind == FILE_UNKNOWN || kind == FILE_TEXT))
                return;
        e.file.name = (struct slice){h->name, h->name_len};
        e.file.size = h->size ? h->size : UINT64_MAX;
        e.file.kind = (uint8_t) kind;
        e.file.how = (uint8_t) how;
        c->emit(c, &e, h->by_originator);
}

void file_head_data(struct file_head *h, struct app_context *c, const uint8_t *data, uint32_t len, enum file_how how)
{
        uint32_t n = MIN(len, (uint32_t) (MAGIC_BYTES - h->len));

        if (h->told || n == 0)
                return;
        if (h->len == 0)
                h->by_originator = c->from_originator;
        if (c->from_originator != h->by_originator) /* DCC's receiver acknowledges with numbers */
                return;
        memcpy(h->bytes + h->len, data, n);
        h->len += (uint8_t) n;
        if (h->len == MAGIC_BYTES)
                file_head_end(h, c, how);
}
