/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS queries through c-ares: a cache by TTL, one query for all who want it, turns by number and rate. Runs where
 * mail/resolve.h says.
 *
 * The descriptor for the caller is an epoll instance with the sockets of c-ares and one timer in it. c-ares is told its
 * servers and looks nothing up in files; it only carries the messages: replies are read by mail/reply.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#include "mail/resolve_internal.h"

/* As many queries without an answer to any of them in between, and the resolver is taken as not there: what it is to be
 * asked is unknown at once, but for a trial now and then. Else a mailbox of many relays would take days. */
#define UNANSWERED_MAX 32
#define TRIAL_EVERY    (5 * NSEC_PER_SEC)

/* --- sockets --- */

static void on_socket(void *userdata, ares_socket_t fd, int readable, int writable)
{
        struct resolve *r = userdata;
        struct epoll_event e = {.events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u), .data.fd = fd};

        if (!readable && !writable)
                epoll_ctl(r->epoll, EPOLL_CTL_DEL, fd, NULL);
        else if (epoll_ctl(r->epoll, EPOLL_CTL_MOD, fd, &e) < 0)
                epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &e);
}

/* c-ares would also read environment variables and options of resolv.conf; what it asks is still ours. */
static int open_channel(struct resolve *r, const char *servers)
{
        struct ares_options o = {
                .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
                .timeout = (int) MIN(r->p.try_timeout / NSEC_PER_MSEC, 60000),
                .tries = (int) MIN(r->p.tries, 8u),
                .lookups = (char[]){"b"},
                .ednspsz = 1232, /* below every MTU: DNS flag day 2020 */
                .sock_state_cb = on_socket,
                .sock_state_cb_data = r,
        };
        int e = ares_init_options(&r->channel, &o,
                                  ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                                          ARES_OPT_DOMAINS | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB);

        if (e != ARES_SUCCESS)
                return e == ARES_ENOMEM ? -ENOMEM : -EIO;
        r->has_channel = true;
        if (!servers)
                return 0;
        if (!*servers)
                return -EINVAL;
        e = ares_set_servers_ports_csv(r->channel, servers);
        return e == ARES_SUCCESS ? 0 : e == ARES_ENOMEM ? -ENOMEM : -EINVAL;
}

int resolve_query_open(struct resolve *r, const char *servers)
{
        struct epoll_event e = {.events = EPOLLIN};
        int e_ares;

        r->epoll = epoll_create1(EPOLL_CLOEXEC);
        r->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (r->epoll < 0 || r->timer < 0)
                return -errno;
        e.data.fd = r->timer;
        if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->timer, &e) < 0)
                return -errno;
        if (r->p.offline)
                return 0;
        e_ares = ares_library_init(ARES_LIB_INIT_ALL);
        if (e_ares != ARES_SUCCESS)
                return e_ares == ARES_ENOMEM ? -ENOMEM : -EIO;
        return open_channel(r, servers);
}

void resolve_query_close(struct resolve *r)
{
        r->ending = true;
        if (r->has_channel)
                ares_destroy(r->channel);
        if (!r->p.offline)
                ares_library_cleanup();
        if (r->epoll >= 0)
                close(r->epoll);
        if (r->timer >= 0)
                close(r->timer);
}

/* --- answers --- */

static void keep(struct resolve *r, const struct query_key *key, const struct query_result *result)
{
        struct kept *k = table_insert(r->kept, key, NULL);
        nsec_t ttl = RESOLVE_TTL_FAIL;

        if (!k)
                return;
        if (result->known) {
                bool no = result->reply.n == 0;

                ttl = MIN((nsec_t) result->reply.ttl * NSEC_PER_SEC, no ? RESOLVE_TTL_NO : RESOLVE_TTL_MAX);
                ttl = MAX(ttl, RESOLVE_TTL_MIN);
        }
        k->until = r->now + ttl;
        k->result = *result;
}

/* Hands the result to all who want it. They go on at the next turn of resolve_process(). */
static void finish(struct query *q, const struct query_result *result)
{
        struct resolve *r = q->r;

        while (q->wanted) {
                struct question *w = q->wanted;

                q->wanted = w->next_wanting;
                w->next_wanting = NULL;
                w->query = NULL;
                w->result = *result;
                r->ready = true;
        }
        table_remove(r->queries, q);
}

/* Nobody answers: only a trial goes out now and then, and it is under way, or it is not time yet. */
static bool is_down(const struct resolve *r)
{
        return r->unanswered >= UNANSWERED_MAX && (r->under_way > 0 || r->now < r->trial_at);
}

static void note_reply(struct resolve *r, int status)
{
        if (status != ARES_ETIMEOUT && status != ARES_ECONNREFUSED) {
                r->unanswered = 0;
                return;
        }
        r->unanswered = MIN(r->unanswered + 1, (unsigned) UNANSWERED_MAX);
        r->trial_at = r->now + TRIAL_EVERY;
}

static void on_reply(void *userdata, int status, int timeouts, unsigned char *data, int len)
{
        struct query *q = userdata;
        struct resolve *r = q->r;
        struct query_result result = {0};

        (void) timeouts;
        if (r->ending)
                return;
        r->under_way--;
        note_reply(r, status);
        if ((status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND) && data && len > 0)
                result.known = reply_read(data, (size_t) len, q->key.name, q->key.type, &result.reply) == 0;
        if (result.known)
                r->stats.answered++;
        else if (status == ARES_ETIMEOUT)
                r->stats.timed_out++;
        else if (status == ARES_EREFUSED || status == ARES_ECONNREFUSED)
                r->stats.refused++;
        else
                r->stats.failed++;
        keep(r, &q->key, &result);
        finish(q, &result);
}

/* --- turns --- */

/* Queries whose turn has not come and that nobody wants any more. */
static void drop_unwanted(struct resolve *r)
{
        struct query **at = &r->turn_first, *last = NULL;

        while (*at) {
                struct query *q = *at;

                if (q->wanted) {
                        last = q;
                        at = &q->next;
                        continue;
                }
                *at = q->next;
                table_remove(r->queries, q);
        }
        r->turn_last = last;
}

/* How long before `used_until` the next query may begin: a tenth of a second's worth at once. */
static nsec_t ahead(const struct resolve *r)
{
        nsec_t each = NSEC_PER_SEC / r->p.per_second;

        return MAX(NSEC_PER_SEC / 10, each) - each;
}

int resolve_query_want(struct resolve *r, struct question *q, enum reply_type type, const char *name)
{
        struct query_key key = {.type = (uint16_t) type};
        size_t n = strlen(name);
        struct kept *k;
        struct query *query;
        bool created;

        if (n == 0 || n >= sizeof(key.name))
                return -EINVAL;
        memcpy(key.name, name, n);
        k = table_find(r->kept, &key);
        if (k && k->until > r->now) {
                q->result = k->result;
                r->stats.cached++;
                return 0;
        }
        if (is_down(r)) {
                q->result = (struct query_result){0};
                r->stats.given_up++;
                return 0;
        }
        /* The table must not give up one that is under way. */
        if (table_count(r->queries) >= r->queries_max && !table_peek(r->queries, &key)) {
                drop_unwanted(r);
                if (table_count(r->queries) >= r->queries_max)
                        return -ENOBUFS;
        }
        query = table_insert(r->queries, &key, &created);
        if (!query)
                return -ENOMEM;
        if (created) {
                query->r = r;
                if (r->turn_last)
                        r->turn_last->next = query;
                else
                        r->turn_first = query;
                r->turn_last = query;
        }
        q->next_wanting = query->wanted;
        query->wanted = q;
        q->query = query;
        return 0;
}

void resolve_query_leave(struct question *q)
{
        if (!q->query)
                return;
        for (struct question **w = &q->query->wanted; *w; w = &(*w)->next_wanting)
                if (*w == q) {
                        *w = q->next_wanting;
                        break;
                }
        q->next_wanting = NULL;
        q->query = NULL;
}

static struct query *next_turn(struct resolve *r)
{
        struct query *q = r->turn_first;

        r->turn_first = q->next;
        if (!r->turn_first)
                r->turn_last = NULL;
        q->next = NULL;
        return q;
}

static void begin_turns(struct resolve *r)
{
        const nsec_t each = NSEC_PER_SEC / r->p.per_second;

        while (r->turn_first && (r->under_way < r->p.concurrent || is_down(r))) {
                struct query *q;

                if (r->turn_first->wanted && !is_down(r) && r->used_until > r->now + ahead(r))
                        break;
                q = next_turn(r);
                if (!q->wanted) { /* all who wanted it have given up */
                        table_remove(r->queries, q);
                        continue;
                }
                if (is_down(r)) {
                        r->stats.given_up++;
                        finish(q, &(struct query_result){0});
                        continue;
                }
                r->used_until = MAX(r->used_until, r->now) + each;
                r->under_way++;
                r->stats.queries++;
                ares_query(r->channel, q->key.name, 1 /* IN */, q->key.type, on_reply, q);
        }
}

void resolve_query_run(struct resolve *r)
{
        struct epoll_event events[64];
        uint64_t rings;
        int n;

        if (read(r->timer, &rings, sizeof(rings)) == (ssize_t) sizeof(rings))
                r->armed = 0;
        if (r->has_channel) {
                /* One round: a resolver that floods us does not keep us here. */
                n = epoll_wait(r->epoll, events, ELEMENTSOF(events), 0);
                for (int i = 0; i < n; i++)
                        if (events[i].data.fd != r->timer)
                                ares_process_fd(r->channel,
                                                events[i].events & ~(uint32_t) EPOLLOUT ? events[i].data.fd :
                                                                                          ARES_SOCKET_BAD,
                                                events[i].events & EPOLLOUT ? events[i].data.fd : ARES_SOCKET_BAD);
                ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
                begin_turns(r);
        }
}

void resolve_query_arm(struct resolve *r, nsec_t deadline)
{
        struct timeval tv, *wait;
        struct itimerspec spec = {0};
        nsec_t at = deadline;

        if (r->has_channel) {
                wait = ares_timeout(r->channel, NULL, &tv);
                if (wait)
                        at = MIN(at,
                                 r->now + wait->tv_sec * NSEC_PER_SEC + wait->tv_usec * NSEC_PER_USEC + NSEC_PER_MSEC);
                if (r->turn_first && r->under_way < r->p.concurrent)
                        at = MIN(at, MAX(r->used_until - ahead(r), r->now));
        }
        if (at == INT64_MAX) {
                if (r->armed)
                        timerfd_settime(r->timer, 0, &spec, NULL);
                r->armed = 0;
                return;
        }
        if (at == r->armed)
                return;
        r->armed = at;
        at = MAX(at - r->now, 1);
        spec.it_value.tv_sec = at / NSEC_PER_SEC;
        spec.it_value.tv_nsec = at % NSEC_PER_SEC;
        timerfd_settime(r->timer, 0, &spec, NULL);
}
