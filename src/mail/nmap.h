/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a scan by nmap, which somebody ran himself, says of addresses: the system, and whether a mail server listens.
 * Reads what `nmap -oX` wrote (nmap.dtd of 7.93); anybody may have given it to him, so it is hostile input. GMarkup
 * knows no entities of documents and opens no files. Bounded in bytes, depth, hosts. Runs in `mail`, in its sandbox. */
#ifndef SEKIMORI_MAIL_NMAP_H
#define SEKIMORI_MAIL_NMAP_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "decode/os_db.h"
#include "mail/answer.h"

#define NMAP_BYTES_MAX (64u << 20) /* a host takes 1 to 10 kB */
#define NMAP_PIECE_MAX (1u << 20)  /* one tag, comment or text */
#define NMAP_DEPTH_MAX 32          /* nmap's own: five, and the tables that scripts write */
#define NMAP_HOSTS_MAX 65536u
#define NMAP_SURE      90 /* percent: less is what nmap itself calls a guess */

struct nmap_host {
        struct addr addr;        /* the key */
        nsec_t time;             /* when its scan ended; always known */
        enum os_family family;   /* UNKNOWN: nothing was sure, or sure things disagree */
        enum os_role role;       /* of general purpose systems; UNKNOWN for others, such as routers */
        uint8_t accuracy;        /* percent, of the best that is sure */
        char os[OS_DB_NAME_MAX]; /* nmap's name of it, with what is not printable as '?' */
        enum answer server;      /* SMTP on port 25 */
        enum answer refused;     /* port 25 is closed: yes, or unknown */
};

struct nmap;

int nmap_new(struct nmap **ret);
void nmap_free(struct nmap *n);
DEFINE_FREEP(struct nmap, nmap_free)

/* Reads a document in pieces. 0; -EBADMSG with a sentence in `why`; -ENOMEM. Nothing after a failure. */
int nmap_feed(struct nmap *n, const char *data, size_t len, struct buf *why);
/* The document must be at its end. */
int nmap_end(struct nmap *n, struct buf *why);
/* All of a file. Also -errno of reading it. */
int nmap_read(struct nmap *n, const char *path, struct buf *why);

/* The newest scan of `a`. NULL: none, or one at a time that is not known. */
const struct nmap_host *nmap_find(const struct nmap *n, const struct addr *a);
unsigned nmap_count(const struct nmap *n);

#endif
