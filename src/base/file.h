/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole files of text that a user names: the configuration, lists, tables. */
#ifndef SEKIMORI_BASE_FILE_H
#define SEKIMORI_BASE_FILE_H

#include <stddef.h>

/* *ret, the caller's to free, has a NUL behind it. -EISDIR; -EINVAL: no regular file (nothing is waited for); -E2BIG:
 * more than `max` bytes; -ENOMEM, or what open(2) and read(2) say. */
int file_read(const char *path, size_t max, char **ret, size_t *ret_len);

#endif
