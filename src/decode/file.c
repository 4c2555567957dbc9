/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A flow that is a file and nothing else: one that begins with a program (worms and bots hand their bodies on that way,
 * on any port), or one that was announced (DCC SEND). Runs in the engine and in `read`. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "decode/app_internal.h"
#include "decode/file_head.h"

/* Offset of the PE header: behind the DOS header (64 bytes); linkers put it within the first hundreds of bytes, the
 * most that was seen in the wild are a few thousand. */
#define PE_OFFSET_MIN 64
#define PE_OFFSET_MAX 4096

struct file_state {
        struct file_head head;
        bool announced;
        bool checked;    /* "PE\0\0" stands where it must, or need not */
        uint32_t pe;     /* its offset */
        uint32_t offset; /* bytes so far, of the side that sends */
        uint32_t matched;
};

static_assert(sizeof(struct file_state) <= APP_STATE_MAX, "the pool's limit");

static uint32_t le32(const uint8_t *p)
{
        return (uint32_t) p[3] << 24 | (uint32_t) p[2] << 16 | (uint32_t) p[1] << 8 | p[0];
}

static enum app_answer probe_elf(const uint8_t *p, uint32_t len)
{
        enum app_answer a = app_begins(p, len,
                                       "\x7f"
                                       "ELF");

        if (a != APP_YES)
                return a;
        if (len < 7)
                return APP_MORE;
        return (p[4] == 1 || p[4] == 2) && (p[5] == 1 || p[5] == 2) && p[6] == 1 && p[1] == 'E' ? APP_YES : APP_NO;
}

static bool is_dos_header(const uint8_t *p)
{
        uint32_t pe = le32(p + 0x3c);

        return p[0] == 'M' && p[1] == 'Z' && pe >= PE_OFFSET_MIN && pe <= PE_OFFSET_MAX && pe % 4 == 0;
}

static enum app_answer file_probe(const struct app_context *c, const uint8_t *data, uint32_t len)
{
        enum app_answer elf = probe_elf(data, len);

        (void) c;
        if (elf != APP_NO)
                return elf;
        if (len >= 64)
                return is_dos_header(data) ? APP_YES : APP_NO;
        return app_begins(data, len, "MZ") != APP_NO && (len < 2 || data[1] == 'Z') ? APP_MORE : APP_NO;
}

static void file_begin(void *state, const struct slice *name)
{
        struct file_state *s = state;

        s->announced = true;
        file_head_name(&s->head, name);
}

/* Follows the bytes up to the PE header. -EPROTO: it is not where it must be. */
static int check_pe(struct file_state *s, const uint8_t *data, uint32_t len)
{
        static const uint8_t want[] = {'P', 'E', 0, 0};
        uint32_t skip = MIN(s->pe - s->offset, len);

        s->offset += skip;
        for (; skip < len && s->matched < sizeof(want); skip++, s->matched++)
                if (data[skip] != want[s->matched])
                        return -EPROTO;
        s->checked = s->matched == sizeof(want);
        return 0;
}

/* The first MAGIC_BYTES are there. */
static int check_head(struct file_state *s)
{
        const uint8_t *p = s->head.bytes;

        if (probe_elf(p, MAGIC_BYTES) == APP_YES) {
                s->checked = true;
                return 0;
        }
        if (!is_dos_header(p))
                return -EPROTO;
        s->pe = le32(p + 0x3c);
        s->offset = MAGIC_BYTES;
        return 0;
}

static int file_data(void *state, struct app_context *c, const uint8_t *data, uint32_t len)
{
        struct file_state *s = state;
        struct file_head *h = &s->head;
        uint32_t n = MIN(len, (uint32_t) (MAGIC_BYTES - h->len));
        int r = 0;

        if (s->announced) {
                file_head_data(h, c, data, len, FILE_RAW);
                return h->told;
        }
        if (s->checked || len == 0)
                return s->checked;
        if (h->len == 0)
                h->by_originator = c->from_originator;
        if (c->from_originator != h->by_originator)
                return 0;
        memcpy(h->bytes + h->len, data, n);
        h->len += (uint8_t) n;
        if (h->len < MAGIC_BYTES)
                return 0;
        if (s->pe == 0)
                r = check_head(s);
        if (r == 0 && !s->checked)
                r = check_pe(s, data + n, len - n);
        if (s->checked)
                file_head_end(h, c, FILE_RAW);
        return r < 0 ? r : s->checked;
}

static void file_end(void *state, struct app_context *c)
{
        struct file_state *s = state;

        if (s->announced || probe_elf(s->head.bytes, s->head.len) == APP_YES)
                file_head_end(&s->head, c, FILE_RAW);
}

const struct app_decoder decoder_file = {
        .name = "file",
        .app = APP_FILE,
        .state_size = sizeof(struct file_state),
        .tcp = true,
        .probe = file_probe,
        .begin = file_begin,
        .data = file_data,
        .end = file_end,
};
