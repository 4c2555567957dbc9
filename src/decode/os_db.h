/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signatures of systems in p0f 3's format, and which of them a SYN fits. Runs in `mail`, and in the engine where it
 * reads SYNs; pure but for os_db_load().
 *
 * Books are asked in the order in which they were added, each as a whole: its specific signatures, then its generic
 * ones. Only when no book has one that fits exactly, those are taken that p0f allows to differ (DF cleared on the way,
 * ECN asked for). Unlike p0f's, a TTL beyond the signature's never fits. Our own book (os.fp, built in) goes first: it
 * knows today's systems, and which packets several systems send alike; these are unknown here, whatever an older book
 * says of them. Sections other than [tcp:request] and [tcp:response] are passed over. */
#ifndef SEKIMORI_DECODE_OS_DB_H
#define SEKIMORI_DECODE_OS_DB_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "decode/os_syn.h"

#define OS_DB_P0F "/etc/p0f/p0f.fp" /* Debian's package p0f */

#define OS_DB_BOOKS      8
#define OS_DB_TEXT_MAX   (1u << 20) /* bytes of a book; p0f's has 36 kB */
#define OS_DB_SIGNATURES 4096u      /* of a book; p0f's has 320 */
#define OS_DB_NAME_MAX   64         /* bytes of a name or a version */
#define OS_DB_HOPS_MAX   35         /* p0f's MAX_DIST: nothing is further away */

enum os_family {
        OS_FAMILY_UNKNOWN,
        OS_FAMILY_LINUX, /* Android as well: their packets do not differ */
        OS_FAMILY_WINDOWS,
        OS_FAMILY_APPLE, /* macOS and iOS */
        OS_FAMILY_FREEBSD,
        OS_FAMILY_OPENBSD,
        OS_FAMILY_NETBSD,
        OS_FAMILY_SOLARIS,
        OS_FAMILY_OTHER, /* known by name only */
        OS_FAMILIES,
};

/* What machines with this system are for. */
enum os_role { OS_ROLE_UNKNOWN, OS_ROLE_CLIENT, OS_ROLE_SERVER, OS_ROLE_EITHER, OS_ROLES };

struct os_match {
        enum os_family family;
        enum os_role role;
        const char *name;    /* "Windows"; "" when unknown. Lives as long as the db */
        const char *version; /* "10 or newer"; "" when not known */
        const char *tool;    /* the sender made the packet itself: "NMap SYN scan"; "" for a system's own */
        const char *book;    /* which book, and which line of it; "" and 0 when nothing fitted */
        unsigned line;
        uint8_t confidence; /* percent, of the family */
        uint8_t distance;   /* hops; by the signature's TTL, else guessed */
        bool distance_known;
        bool generic, fuzzy; /* a signature of last resort; one that differs in what may differ */
};

struct os_db;

int os_db_new(struct os_db **ret);
void os_db_free(struct os_db *db);
DEFINE_FREEP(struct os_db, os_db_free)

/* Adds a book. Lines that do not parse are left out and counted in *ret_bad (may be NULL); `why` (may be NULL) names
 * the first. `name` is copied. 0; -E2BIG too long or too many; -ENOBUFS no more books; -ENOMEM. */
int os_db_add(struct os_db *db, const char *name, const char *text, size_t len, struct buf *why, unsigned *ret_bad);
int os_db_add_own(struct os_db *db); /* the built-in one */
/* A file. Also -errno of reading it. */
int os_db_load(struct os_db *db, const char *path, struct buf *why, unsigned *ret_bad);
unsigned os_db_count(const struct os_db *db); /* signatures */

/* Fills *ret always; what fits nothing is OS_FAMILY_UNKNOWN. */
void os_db_match(const struct os_db *db, const struct os_syn *s, struct os_match *ret);

const char *os_family_name(unsigned family); /* "windows" */
const char *os_role_name(unsigned role);     /* "client" */

#endif
