/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A mail's way through the postman: its head is read, the engine is asked whether it was judged before, the inquiry
 * judges it, the engine keeps the record. Runs in the postman. */
#include <errno.h>
#include <sys/stat.h>

#include "daemon/postman_internal.h"

#define ONCE 64 /* mails in a row, before others get their turn */

static void on_seen(void *userdata, const struct addr *a, nsec_t came, struct inquiry_seen *ret)
{
        struct post p = {.verb = POST_SEEN, .relay = {*a, came}};

        if (postman_ask(userdata, &p) == 0)
                *ret = p.seen;
}

static void count(struct post_state *s, const struct chain *chain, const struct record *r)
{
        if (chain->end == CHAIN_END_WITHIN || chain->end == CHAIN_END_USER)
                s->within++;
        else if (chain->end != CHAIN_END_RELAY)
                s->unbelieved++;
        else {
                s->relays++;
                s->judged[r->class]++;
        }
}

static void on_done(void *userdata, void *mail, const struct chain *chain, const struct record *record)
{
        struct postman *m = userdata;
        struct postman_errand *e = mail;
        struct post p = {.verb = POST_RECORD, .record = *record};
        int r = 0;

        if (chain->end == CHAIN_END_RELAY)
                r = postman_ask(m, &p);
        e->used = false;
        m->state.under_way--;
        if (r == -EEXIST)
                m->state.known++;
        else if (r == 0)
                count(&m->state, chain, record);
        else
                m->state.unstored++;
        maildirs_done(m->maildirs, &e->mail, r < 0 && r != -EEXIST && r != -EINVAL);
}

int postman_mail_start(struct postman *m)
{
        struct inquiry_params p = m->setup->params;

        m->head = malloc(HEAD_MAX);
        if (!m->head)
                return -ENOMEM;
        p.seen = on_seen;
        p.done = on_done;
        p.userdata = m;
        p.under_way = POSTMAN_UNDER_WAY;
        return inquiry_new(&p, &m->inquiry);
}

/* Where the head ends: behind the first empty line. `from`: what lies before was looked at. 0: not yet. */
static size_t end_of_head(const char *text, size_t from, size_t len)
{
        const char *p = text + (from > 2 ? from - 3 : 0), *end = text + len;

        if (len && (*text == '\n' || (len > 1 && memcmp(text, "\r\n", 2) == 0)))
                return 1;
        while ((p = memchr(p, '\n', (size_t) (end - p)))) {
                p++;
                if (p < end && *p == '\n')
                        return (size_t) (p + 1 - text);
                if (p + 1 < end && *p == '\r' && p[1] == '\n')
                        return (size_t) (p + 2 - text);
        }
        return 0;
}

/* Its head, or as much of it as is looked at. 0: there is nothing. */
static size_t read_head(struct postman *m, int fd)
{
        size_t len = 0, head = 0;

        while (!head && len < HEAD_MAX) {
                ssize_t n = read(fd, m->head + len, MIN(HEAD_MAX - len, len ? (size_t) 65536 : (size_t) 8192));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        break;
                head = end_of_head(m->head, len, len + (size_t) n);
                len += (size_t) n;
        }
        return head ? head : len;
}

static struct postman_errand *free_errand(struct postman *m)
{
        for (size_t i = 0; i < ELEMENTSOF(m->errands); i++)
                if (!m->errands[i].used)
                        return &m->errands[i];
        return NULL;
}

/* Negative: it comes again. */
static int judge(struct postman *m, const struct maildirs_mail *mail, size_t len, nsec_t came)
{
        struct postman_errand *e = free_errand(m);
        struct post p = {.verb = POST_KNOWN};
        const struct inquiry_mail im = {
                .head = m->head, .len = len, .spam = mail->junk ? ANSWER_YES : ANSWER_UNKNOWN, .came = came, .mail = e};
        int r = record_key(m->head, len, p.key);

        if (r < 0 || !e)
                return r < 0 ? r : -EAGAIN;
        r = postman_ask(m, &p);
        if (r != 0) {
                m->state.known += r > 0;
                if (r > 0)
                        maildirs_done(m->maildirs, mail, false);
                return MIN(r, 0);
        }
        e->used = true;
        e->mail = *mail;
        m->state.under_way++;
        r = inquiry_add(m->inquiry, clock_realtime(), &im);
        if (r < 0) {
                e->used = false;
                m->state.under_way--;
        }
        return r;
}

static void take(struct postman *m, const struct maildirs_mail *mail)
{
        _cleanup_close_ int fd = -1;
        struct stat st;
        size_t len;
        int r = maildirs_open(m->maildirs, mail, &fd);

        if (r < 0) {
                m->state.unread += r != -ENOENT;
                return;
        }
        len = fstat(fd, &st) < 0 ? 0 : read_head(m, fd);
        if (!len) {
                m->state.unread++;
                maildirs_done(m->maildirs, mail, false);
                return;
        }
        m->state.mails++;
        if (judge(m, mail, len, st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec) < 0) {
                m->state.mails--;
                maildirs_done(m->maildirs, mail, true);
        }
}

bool postman_mail_work(struct postman *m)
{
        struct maildirs_mail mail;

        for (unsigned i = 0; i < ONCE && !m->ends; i++) {
                if (m->state.under_way == POSTMAN_UNDER_WAY || !maildirs_take(m->maildirs, &mail))
                        return false;
                take(m, &mail);
        }
        return !m->ends;
}
