/* SPDX-License-Identifier: GPL-3.0-or-later */
/* FTP's data connection: it is announced by the control connection (ftp.c), with the file's name as soon as that is
 * known. Runs in the engine and in `read`. */
#include "decode/app_internal.h"
#include "decode/file_head.h"

static_assert(sizeof(struct file_head) <= APP_STATE_MAX, "the pool's limit");

/* A file looks like anything: only expect() chooses this decoder. */
static enum app_answer ftp_data_probe(const struct app_context *c, const uint8_t *data, uint32_t len)
{
        (void) c;
        (void) data;
        (void) len;
        return APP_NO;
}

static void ftp_data_begin(void *state, const struct slice *name)
{
        file_head_name(state, name);
}

static int ftp_data_data(void *state, struct app_context *c, const uint8_t *data, uint32_t len)
{
        struct file_head *h = state;

        file_head_data(h, c, data, len, FILE_FTP);
        return h->told;
}

static void ftp_data_end(void *state, struct app_context *c)
{
        file_head_end(state, c, FILE_FTP);
}

const struct app_decoder decoder_ftp_data = {
        .name = "ftp_data",
        .app = APP_FTP_DATA,
        .state_size = sizeof(struct file_head),
        .tcp = true,
        .probe = ftp_data_probe,
        .begin = ftp_data_begin,
        .data = ftp_data_data,
        .end = ftp_data_end,
};
