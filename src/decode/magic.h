/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a file is, by its first bytes; and whether that fits what was said about it. Pure. */
#ifndef SEKIMORI_DECODE_MAGIC_H
#define SEKIMORI_DECODE_MAGIC_H

#include "model/event.h"

#define MAGIC_BYTES 64 /* enough to tell; fewer are fine */

/* The kind by content. A PE is told by "MZ" and, when its offset lies within the bytes, "PE\0\0". */
enum file_kind magic_kind(const uint8_t *data, uint32_t len);
bool magic_is_program(enum file_kind kind); /* PE, ELF, Mach-O, DEX, JAR, script */
/* The kind that a name (its extension, query cut off) or a content type promises; FILE_UNKNOWN: promises nothing. */
enum file_kind magic_promised_by_name(struct slice name);
enum file_kind magic_promised_by_type(struct slice type);

#endif
