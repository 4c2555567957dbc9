/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ownership by cleanup attributes, in the manner of systemd: a local that owns something says so where it is
 * declared, and TAKE_PTR/TAKE_FD hand it over. Used by every process; no dependency. */
#ifndef SEKIMORI_BASE_CLEANUP_H
#define SEKIMORI_BASE_CLEANUP_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

#define TAKE_PTR(p)                                                                                                    \
        ({                                                                                                             \
                __auto_type _take_p = (p);                                                                             \
                (p) = NULL;                                                                                            \
                _take_p;                                                                                               \
        })
#define TAKE_FD(fd)                                                                                                    \
        ({                                                                                                             \
                int _take_fd = (fd);                                                                                   \
                (fd) = -EBADF;                                                                                         \
                _take_fd;                                                                                              \
        })

static inline void freep(void *p)
{
        free(*(void **) p);
}

static inline void closep(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}

static inline void fclosep(FILE **f)
{
        if (*f)
                fclose(*f);
}

#define _cleanup_free_   _cleanup_(freep)
#define _cleanup_close_  _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)

/* Defines x_freep() for a type with x_free(), for use with _cleanup_(). */
#define DEFINE_FREEP(type, func)                                                                                       \
        static inline _unused_ void func##p(type **p)                                                                  \
        {                                                                                                              \
                if (*p)                                                                                                \
                        func(*p);                                                                                      \
        }

#endif
