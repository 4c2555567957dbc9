/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See post.h. Runs in the postman and the engine. */
#include "daemon/post.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>

#define ANSWER_WAIT (30 * NSEC_PER_SEC)  /* an engine that hangs is killed by then */
#define LATE        (600 * NSEC_PER_SEC) /* clocks of servers, and ours since the inquiry, are wrong by minutes */

/* A bool that holds anything else must not even be read. */
static bool is_bool(const void *at)
{
        uint8_t b;

        static_assert(sizeof(bool) == 1, "one byte");
        memcpy(&b, at, 1);
        return b <= 1;
}

static bool is_text(const char *text, size_t size)
{
        return memchr(text, '\0', size) != NULL;
}

static bool seen_is_valid(const struct inquiry_seen *s)
{
        return is_bool(&s->has_syn) && is_bool(&s->syn.payload) && is_bool(&s->syn.answer) && s->attacked < ANSWERS &&
               s->proxy < ANSWERS && s->syn.n_options <= OS_OPTIONS_MAX;
}

static bool record_is_valid(const struct record *r)
{
        for (unsigned i = 0; i < JUDGE_SIGNS; i++)
                if (r->signs[i] >= ANSWERS)
                        return false;
        return is_bool(&r->moved) && (unsigned) r->class < JUDGE_CLASSES && (unsigned) r->nearest < JUDGE_CLASSES &&
               (unsigned) r->why < JUDGE_WHYS && !(r->listed & r->not_listed) && r->os_family < OS_FAMILIES &&
               r->os_role < OS_ROLES && r->os_confidence <= 100 && r->distance <= OS_DB_HOPS_MAX &&
               r->smtp <= SMTP_PROBE_ENDS && r->ping < ANSWERS && is_text(r->os, sizeof(r->os)) &&
               is_text(r->rdns, sizeof(r->rdns)) && is_text(r->helo, sizeof(r->helo)) &&
               is_text(r->banner, sizeof(r->banner));
}

static bool question_is_valid(const struct post *p)
{
        switch (p->verb) {
        case POST_SINCE:
        case POST_DONE:
                return p->path[0] == '/' && is_text(p->path, sizeof(p->path)) && p->time >= 0;
        case POST_RECORD:
                return record_is_valid(&p->record);
        default:
                return true;
        }
}

bool post_is_valid(const void *bytes, size_t len, bool answer)
{
        struct post p;

        if (len != sizeof(p))
                return false;
        memcpy(&p, bytes, sizeof(p));
        if (p.magic != POST_MAGIC || p.verb <= POST_NONE || p.verb >= POST_VERBS)
                return false;
        if (!answer)
                return p.value == 0 && question_is_valid(&p);
        return p.value <= 1 && p.value > -4096 && (p.verb != POST_SEEN || seen_is_valid(&p.seen));
}

/* Who is asked about, or accused, is a host of the Internet: nobody else can be the last external relay but a machine
 * of a private network, which may be at home. */
static bool may_be_relay(const struct addr *a)
{
        return !addr_is_unspecified(a) && !addr_is_loopback(a) && !addr_is_multicast(a) && !addr_is_link_local(a);
}

static void make_visible(char *text)
{
        for (; *text; text++)
                if ((unsigned char) *text < 0x20 || (unsigned char) *text >= 0x7f)
                        *text = '?';
}

bool post_check_record(struct record *r, nsec_t now)
{
        struct judge_input in = {.gap = -1};
        struct judge_verdict v;

        if (!record_is_valid(r) || !may_be_relay(&r->addr) || r->asked < now - LATE || r->asked > now + LATE ||
            r->came < 0)
                return false;
        if (r->came)
                in.gap = r->came > r->asked && r->came - r->asked <= LATE ? 0 : r->asked - r->came;
        for (unsigned i = 0; i < JUDGE_SIGNS; i++)
                in.signs[i] = r->signs[i];
        judge_relay(&in, &v);
        r->class = v.class;
        r->nearest = v.nearest;
        r->why = v.why;
        r->score = v.score;
        r->speak_for = v.speak_for;
        r->against = v.against;
        make_visible(r->os);
        make_visible(r->rdns);
        make_visible(r->helo);
        make_visible(r->banner);
        return true;
}

int post_send(int fd, const struct post *p)
{
        if (send(fd, p, sizeof(*p), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
                return 0;
        return errno == ECONNRESET || errno == ECONNREFUSED ? -EPIPE : -errno;
}

int post_receive(int fd, bool answer, struct post *ret)
{
        _Alignas(struct post) char bytes[sizeof(struct post) + 1];
        struct pollfd p = {.fd = fd, .events = POLLRDHUP};
        ssize_t len = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (len < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
        /* An empty datagram reads like the end of the other side; only the end hangs up. */
        if (len == 0 && poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL))
                return -EPIPE;
        if (!post_is_valid(bytes, (size_t) len, answer))
                return -EBADMSG;
        memcpy(ret, bytes, sizeof(*ret));
        return 1;
}

int post_ask(int fd, struct post *p)
{
        static uint32_t numbers;
        nsec_t until = clock_boottime() + ANSWER_WAIT;
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        struct post answer;
        int r;

        p->magic = POST_MAGIC;
        p->number = ++numbers;
        r = post_send(fd, p);
        while (r == 0) {
                nsec_t left = until - clock_boottime();

                if (left <= 0)
                        return -ETIMEDOUT;
                if (poll(&wait, 1, (int) (left / NSEC_PER_MSEC) + 1) < 0 && errno != EINTR)
                        return -errno;
                r = post_receive(fd, true, &answer);
        }
        if (r < 0)
                return r;
        if (answer.verb != p->verb || answer.number != p->number)
                return -EBADMSG;
        *p = answer;
        return answer.value;
}
