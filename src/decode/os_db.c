/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The books of signatures, and which signature a SYN fits. Runs where decode/os_db.h says. */
#include "decode/os_db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "decode/os_internal.h"
#include "os_own.h"

struct os_db {
        struct os_book books[OS_DB_BOOKS];
        unsigned n;
};

static const char *const family_names[OS_FAMILIES] = {
        [OS_FAMILY_UNKNOWN] = "unknown", [OS_FAMILY_LINUX] = "linux",     [OS_FAMILY_WINDOWS] = "windows",
        [OS_FAMILY_APPLE] = "apple",     [OS_FAMILY_FREEBSD] = "freebsd", [OS_FAMILY_OPENBSD] = "openbsd",
        [OS_FAMILY_NETBSD] = "netbsd",   [OS_FAMILY_SOLARIS] = "solaris", [OS_FAMILY_OTHER] = "other",
};

static const char *const role_names[OS_ROLES] = {
        [OS_ROLE_UNKNOWN] = "unknown",
        [OS_ROLE_CLIENT] = "client",
        [OS_ROLE_SERVER] = "server",
        [OS_ROLE_EITHER] = "either",
};

const char *os_family_name(unsigned family)
{
        return family < OS_FAMILIES ? family_names[family] : "?";
}

const char *os_role_name(unsigned role)
{
        return role < OS_ROLES ? role_names[role] : "?";
}

/* --- books --- */

int os_db_new(struct os_db **ret)
{
        struct os_db *db = calloc(1, sizeof(*db));

        if (!db)
                return -ENOMEM;
        *ret = db;
        return 0;
}

static void book_done(struct os_book *b)
{
        free(b->signatures);
        free(b->labels);
        *b = (struct os_book){0};
}

void os_db_free(struct os_db *db)
{
        if (!db)
                return;
        for (unsigned i = 0; i < db->n; i++)
                book_done(&db->books[i]);
        free(db);
}

int os_db_add(struct os_db *db, const char *name, const char *text, size_t len, struct buf *why, unsigned *ret_bad)
{
        struct os_book b = {0};
        size_t n = strnlen(name, OS_DB_NAME_MAX - 1);
        int r;

        if (db->n == OS_DB_BOOKS)
                return -ENOBUFS;
        memcpy(b.name, name, n);
        r = os_parse_book(text, len, &b, why, ret_bad);
        if (r < 0) {
                book_done(&b);
                return r;
        }
        db->books[db->n++] = b;
        return 0;
}

int os_db_add_own(struct os_db *db)
{
        int r = os_db_add(db, "os.fp", os_own, sizeof(os_own) - 1, NULL, NULL);

        if (r >= 0)
                db->books[db->n - 1].own = true;
        return r;
}

int os_db_load(struct os_db *db, const char *path, struct buf *why, unsigned *ret_bad)
{
        _cleanup_free_ char *text = NULL;
        const char *base = strrchr(path, '/');
        size_t len;
        int r = file_read(path, OS_DB_TEXT_MAX, &text, &len);

        return r < 0 ? r : os_db_add(db, base ? base + 1 : path, text, len, why, ret_bad);
}

unsigned os_db_count(const struct os_db *db)
{
        unsigned n = 0;

        for (unsigned i = 0; i < db->n; i++)
                n += db->books[i].n_signatures;
        return n;
}

/* --- matching --- */

struct seen {
        const struct os_syn *syn;
        int times; /* window as a multiple; -1: none */
        bool mtu;
};

static bool window_fits(const struct os_signature *g, const struct seen *s)
{
        switch (g->window_kind) {
        case OS_WINDOW_IS:
                return g->window == s->syn->window;
        case OS_WINDOW_MODULO:
                return s->syn->window % g->window == 0;
        case OS_WINDOW_MSS:
                return !s->mtu && s->times == g->window;
        case OS_WINDOW_MTU:
                return s->mtu && s->times == g->window;
        default:
                return true;
        }
}

/* 1: fits; 0: fits but for what may differ; -1: does not fit. */
static int fits(const struct os_signature *g, const struct seen *seen)
{
        const struct os_syn *s = seen->syn;
        uint32_t quirks = g->quirks, gone, come;

        if (g->answer != s->answer || g->n_options != s->n_options || memcmp(g->options, s->options, s->n_options) != 0)
                return -1;
        if (g->version && g->version != s->version)
                return -1;
        if (g->eol_pad != s->eol_pad || g->ip_options != s->ip_options)
                return -1;
        if (s->ttl > g->ttl || (!g->any_ttl && g->ttl - s->ttl > OS_DB_HOPS_MAX))
                return -1;
        if ((g->mss != OS_ANY && g->mss != s->mss) || (g->scale != OS_ANY && g->scale != s->scale))
                return -1;
        if ((g->payload != OS_ANY && (g->payload == 1) != s->payload) || !window_fits(g, seen))
                return -1;
        /* What only the other version of IP can have. */
        if (g->version == 0)
                quirks &= s->version == 4 ? ~(uint32_t) OS_QUIRK_FLOW :
                                            ~(uint32_t) (OS_QUIRK_DF | OS_QUIRK_ID_SET | OS_QUIRK_ID_ZERO);
        gone = quirks & ~s->quirks;
        come = s->quirks & ~quirks;
        if (s->version == 6) /* a label is no mark of a system: routers of today use it, so systems set it */
                come &= ~(uint32_t) OS_QUIRK_FLOW;
        if (gone == 0 && come == 0)
                return 1;
        return (gone & ~(uint32_t) (OS_QUIRK_DF | OS_QUIRK_ID_SET)) ||
                               (come & ~(uint32_t) (OS_QUIRK_ID_ZERO | OS_QUIRK_ECN)) ?
                       -1 :
                       0;
}

/* The best of a book: specific before generic, then the first. */
static const struct os_signature *best(const struct os_book *b, const struct seen *s, int wanted)
{
        const struct os_signature *generic = NULL;

        for (unsigned i = 0; i < b->n_signatures; i++) {
                const struct os_signature *g = &b->signatures[i];
                const struct os_label *l = &b->labels[g->label];

                if ((l->generic && generic) || fits(g, s) != wanted)
                        continue;
                if (l->port_first && (s->syn->sport < l->port_first || s->syn->sport > l->port_last))
                        continue;
                if (wanted == 0 && l->tool)
                        continue; /* a tool's packets are exact */
                if (!l->generic)
                        return g;
                generic = g;
        }
        return generic;
}

/* Percent. Ours were chosen so that no other system sends the same; p0f's of 2012 were not checked against today's. */
static uint8_t confidence(const struct os_book *b, const struct os_label *l, bool fuzzy)
{
        unsigned c = b->own ? (l->generic ? 75 : 95) : (l->generic ? 40 : 70);

        return (uint8_t) (fuzzy ? c - 15 : c);
}

static void fill(const struct os_book *b, const struct os_signature *g, const struct os_syn *s, bool fuzzy,
                 struct os_match *ret)
{
        const struct os_label *l = &b->labels[g->label];

        ret->book = b->name;
        ret->line = g->line;
        ret->generic = l->generic;
        ret->fuzzy = fuzzy;
        if (!g->any_ttl) {
                ret->distance = (uint8_t) (g->ttl - s->ttl);
                ret->distance_known = true;
        }
        if (l->several)
                return;
        if (l->tool) {
                ret->tool = l->name;
                ret->version = l->version;
                return;
        }
        ret->family = l->family;
        ret->role = l->role;
        ret->name = l->name;
        /* What an old book calls generic fits versions that came after it. */
        ret->version = b->own || !l->generic ? l->version : "";
        ret->confidence = confidence(b, l, fuzzy);
}

void os_db_match(const struct os_db *db, const struct os_syn *s, struct os_match *ret)
{
        struct seen seen = {.syn = s};

        *ret = (struct os_match){
                .name = "", .version = "", .tool = "", .book = "", .distance = (uint8_t) os_syn_distance(s->ttl)};
        seen.times = os_syn_window(s, &seen.mtu);
        for (int wanted = 1; wanted >= 0; wanted--)
                for (unsigned i = 0; i < db->n; i++) {
                        const struct os_signature *g = best(&db->books[i], &seen, wanted);

                        if (g) {
                                fill(&db->books[i], g, s, wanted == 0, ret);
                                return;
                        }
                }
}
