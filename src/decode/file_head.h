/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The head of a file that a flow carries: enough of it to say what it is, and its name, if one was announced. For the
 * decoders of flows that are a file: FTP data, TFTP, flows that begin with a program. */
#ifndef SEKIMORI_DECODE_FILE_HEAD_H
#define SEKIMORI_DECODE_FILE_HEAD_H

#include "decode/app.h"
#include "decode/magic.h"

#define FILE_HEAD_NAME 255 /* NAME_MAX */

/* Zeroed to begin. */
struct file_head {
        uint64_t size; /* as declared; 0: not said */
        uint8_t name_len, len;
        bool told;
        bool by_originator; /* who sends it: the first to say something */
        char name[FILE_HEAD_NAME];
        uint8_t bytes[MAGIC_BYTES];
};

/* The name: its end counts when it is too long, since that is where the file's own name is. */
void file_head_name(struct file_head *h, const struct slice *name);
/* More bytes. Says what the file is as soon as it has MAGIC_BYTES. */
void file_head_data(struct file_head *h, struct app_context *c, const uint8_t *data, uint32_t len, enum file_how how);
/* No more bytes come: says what the file is, unless that was said or nothing came. */
void file_head_end(struct file_head *h, struct app_context *c, enum file_how how);

#endif
