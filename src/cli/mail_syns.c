/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeps one SYN for each source and ten minutes. Runs where cli/mail_syns.h says. */
#include "cli/mail_syns.h"

#include <errno.h>
#include <fcntl.h>

#include "base/table.h"
#include "source/capture.h"

#define SMTP_PORT 25

struct key {
        struct addr addr;
        int64_t slot; /* of MAIL_SYNS_NEAR */
};

struct entry {
        struct key key;
        nsec_t time;
        struct os_syn syn;
};

struct mail_syns {
        struct table *table;
};

int mail_syns_new(struct mail_syns **ret)
{
        struct table_params params = {.name = "SYNs",
                                      .cap = MAIL_SYNS_MAX,
                                      .key_size = sizeof(struct key),
                                      .entry_size = sizeof(struct entry)};
        _cleanup_(mail_syns_freep)
        struct mail_syns *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        r = table_new(&params, &s->table);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

void mail_syns_free(struct mail_syns *s)
{
        if (!s)
                return;
        table_free(s->table);
        free(s);
}

static struct key key_of(const struct addr *a, nsec_t t)
{
        return (struct key){*a, t / MAIL_SYNS_NEAR};
}

static int take(struct mail_syns *s, const struct frame *f)
{
        struct os_syn syn;
        struct entry *e;
        struct key key;
        bool created;

        if (os_syn_read(f, &syn) < 0 || syn.answer || syn.dport != SMTP_PORT)
                return 0;
        key = key_of(&syn.src, f->time);
        e = table_insert(s->table, &key, &created);
        if (!e)
                return -ENOMEM;
        if (created) {
                e->time = f->time;
                e->syn = syn;
        }
        return 0;
}

int mail_syns_read(struct mail_syns *s, const char *path, struct buf *why)
{
        _cleanup_(capture_freep)
        struct capture *c = NULL;
        _cleanup_(capture_batch_freep)
        struct capture_batch *b = NULL;
        int r = capture_new(&c), fd;

        if (r == 0)
                r = capture_batch_new(&b);
        if (r < 0)
                return r;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0) {
                (void) buf_puts(why, strerror(errno));
                return -errno;
        }
        r = capture_add(c, path, fd, NULL, 0, why);
        while (r >= 0) {
                r = capture_next(c, b, why);
                if (r <= 0)
                        return r;
                for (uint32_t i = 0; i < b->n && r >= 0; i++)
                        r = take(s, &b->frames[i]);
        }
        return r;
}

const struct os_syn *mail_syns_find(const struct mail_syns *s, const struct addr *a, nsec_t came)
{
        const struct entry *best = NULL;

        for (int i = -1; i <= 1; i++) {
                struct key key = key_of(a, came + i * MAIL_SYNS_NEAR);
                const struct entry *e = table_peek(s->table, &key);

                if (e && llabs(e->time - came) <= MAIL_SYNS_NEAR &&
                    (!best || llabs(e->time - came) < llabs(best->time - came)))
                        best = e;
        }
        return best ? &best->syn : NULL;
}

unsigned mail_syns_count(const struct mail_syns *s)
{
        return table_count(s->table);
}
