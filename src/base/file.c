/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See file.h. Runs in every process, before it gives up its rights. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

int file_read(const char *path, size_t max, char **ret, size_t *ret_len)
{
        /* Not blocking: opening a FIFO must not hang. */
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        _cleanup_free_ char *text = NULL;
        struct stat st;
        size_t room, len = 0;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
        if (st.st_size > (off_t) max)
                return -E2BIG;
        room = st.st_size > 0 ? (size_t) st.st_size : max + 1; /* files of proc(5) have no size */
        text = malloc(room + 1);
        if (!text)
                return -ENOMEM;
        while (len < room) {
                ssize_t n = read(fd, text + len, room - len);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        break;
                len += n > 0 ? (size_t) n : 0;
        }
        if (len > max)
                return -E2BIG;
        text[len] = '\0';
        *ret = TAKE_PTR(text);
        *ret_len = len;
        return 0;
}
