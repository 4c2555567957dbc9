/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's side of the postman: answers its questions, keeps its records, tells what they say. The postman parses
 * hostile mail and may be another's by now: it can lie about mails, but not fill the store with anything but records
 * whose verdict follows from their signs, nor learn more than what was seen of an address. Runs in the engine. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/engine_internal.h"
#include "daemon/post.h"
#include "daemon/strangers.h"
#include "mail/claims.h"
#include "respond/alarm.h"
#include "view/json.h"
#include "view/mail_text.h"

#define ONCE        64 /* questions in a row */
#define FATAL       16 /* mails that are remembered for having ended a postman */
#define FATAL_TIMES 3  /* then it is not read again */
/* A relay that goes on is told once a day. */
#define ALARM_AGAIN (24 * 3600 * NSEC_PER_SEC)

struct fatal {
        uint8_t key[16];
        unsigned times;
};

struct engine_mail {
        int fd; /* -1: there is no postman */
        struct strangers *strangers;
        struct post_state state;
        bool known_state;
        uint8_t in_hand[16]; /* the mail that it asked about last */
        bool has_in_hand;
        struct fatal fatal[FATAL];
        unsigned n_fatal;
        uint64_t postmen, bad, refused, given_up;
        char *lists[RECORD_LISTS];
        unsigned n_lists;
};

int engine_mail_new(struct engine *e)
{
        struct engine_mail *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        m->fd = -1;
        r = strangers_new(e->config, &m->strangers);
        if (r < 0) {
                free(m);
                return r;
        }
        e->mail = m;
        return 0;
}

static void forget_lists(struct engine *e)
{
        struct engine_mail *m = e->mail;

        if (e->keeper.store)
                store_set_relay_lists(e->keeper.store, NULL, 0);
        for (unsigned i = 0; i < m->n_lists; i++)
                free(m->lists[i]);
        m->n_lists = 0;
}

void engine_mail_free(struct engine *e)
{
        struct engine_mail *m = e->mail;

        if (!m)
                return;
        closep(&m->fd);
        forget_lists(e);
        strangers_free(m->strangers);
        free(m);
        e->mail = NULL;
}

/* Names of the lists in the order of a record's bits, as mail/inquiry_setup.h has them. */
static void name_lists(struct engine *e)
{
        const struct config_paths *lists = &e->config->mail.lists;
        struct engine_mail *m = e->mail;

        forget_lists(e);
        for (int files = e->config->mail.ask ? 0 : 1; files < 2; files++)
                for (size_t i = 0; i < lists->n && m->n_lists < RECORD_LISTS; i++) {
                        const char *text = lists->items[i], *equal = strrchr(text, '=');
                        bool file = strchr(text, '/') != NULL;
                        struct dnsbl zone;
                        char *name;

                        if (file != (files == 1) || (!file && dnsbl_parse(text, &zone) < 0))
                                continue;
                        name = file ? strndup(text, equal ? (size_t) (equal - text) : strlen(text)) : strdup(zone.zone);
                        if (name)
                                m->lists[m->n_lists++] = name;
                }
        store_set_relay_lists(e->keeper.store, (const char *const *) m->lists, m->n_lists);
}

/* A mail that was in hand when the postman died may have been why. */
static void blame(struct engine_mail *m)
{
        if (!m->has_in_hand)
                return;
        m->has_in_hand = false;
        for (unsigned i = 0; i < MIN(m->n_fatal, FATAL); i++)
                if (memcmp(m->fatal[i].key, m->in_hand, 16) == 0) {
                        m->fatal[i].times++;
                        return;
                }
        memcpy(m->fatal[m->n_fatal % FATAL].key, m->in_hand, 16);
        m->fatal[m->n_fatal++ % FATAL].times = 1;
}

static void lose(struct engine_mail *m)
{
        closep(&m->fd);
        m->fd = -1;
        blame(m);
}

void engine_mail_take(struct engine *e, struct source_fds *fds)
{
        struct engine_mail *m = e->mail;

        if (fds->n < 1 || fds->fd[0] < 0) {
                e->counts.bad_messages++;
                return;
        }
        lose(m);
        m->fd = fds->fd[0];
        fds->fd[0] = -1;
        m->known_state = false;
        m->postmen++;
        name_lists(e);
}

void engine_mail_drop(struct engine *e)
{
        struct engine_mail *m = e->mail;

        if (!m || m->fd < 0)
                return;
        m->has_in_hand = false;
        (void) shutdown(m->fd, SHUT_RDWR); /* whoever serves it now sees its end next */
}

int engine_mail_fd(const struct engine *e)
{
        return e->mail ? e->mail->fd : -1;
}

void engine_mail_event(struct engine *e, const struct event *ev)
{
        if (e->mail)
                strangers_event(e->mail->strangers, ev);
}

void engine_mail_syn(struct engine *e, const struct os_syn *syn)
{
        if (e->mail)
                strangers_syn(e->mail->strangers, syn, clock_boottime() + clock_engine_offset());
}

/* --- what it asks --- */

static bool is_watched_path(const struct engine *e, const char *path)
{
        for (size_t i = 0; i < e->config->mail.maildir.n; i++)
                if (strcmp(e->config->mail.maildir.items[i], path) == 0)
                        return true;
        return false;
}

static int put_since(struct engine *e, const char *path, nsec_t since)
{
        char key[POST_PATH_MAX + 16], text[24];
        int r;

        snprintf(key, sizeof(key), "maildir %s", path);
        snprintf(text, sizeof(text), "%" PRId64, since);
        r = store_put_meta(e->keeper.store, key, text);
        engine_store_check(e, r);
        return r;
}

/* What lay in a Maildir when it was watched first is left as it is. */
static int on_since(struct engine *e, struct post *p)
{
        char key[POST_PATH_MAX + 16], text[32] = "";
        struct buf b = BUF_FIXED(text);
        nsec_t now = clock_realtime();
        char *end;
        int r;

        if (!is_watched_path(e, p->path))
                return -ENOENT;
        snprintf(key, sizeof(key), "maildir %s", p->path);
        r = store_get_meta(e->keeper.store, key, &b);
        p->time = r == 0 ? strtoll(text, &end, 10) : now;
        if (r == 0 && text[0] && *end == '\0' && p->time > 0)
                return 0;
        p->time = now;
        return r == 0 || r == -ENOENT ? put_since(e, p->path, now) : r;
}

static int on_known(struct engine *e, const struct post *p)
{
        struct engine_mail *m = e->mail;

        memcpy(m->in_hand, p->key, 16);
        m->has_in_hand = true;
        for (unsigned i = 0; i < MIN(m->n_fatal, FATAL); i++)
                if (m->fatal[i].times >= FATAL_TIMES && memcmp(m->fatal[i].key, p->key, 16) == 0) {
                        if (m->given_up++ == 0)
                                engine_log(e, LOG_LEVEL_ERROR,
                                           "a mail that ends the postman each time it is read is "
                                           "left out; further ones are counted");
                        return 1;
                }
        return store_has_mail(e->keeper.store, p->key);
}

static int on_seen(struct engine *e, struct post *p)
{
        struct addr a = p->relay.addr;
        nsec_t came = p->relay.came;

        if (came < 0 || came > INT64_MAX / 2)
                return -EINVAL;
        strangers_ask(e->mail->strangers, &a, came - clock_skew(), &p->seen);
        return 0;
}

/* --- records --- */

static struct mail_text text_of(const struct engine *e, const struct record *r)
{
        return (struct mail_text){.record = r,
                                  .lists = (const char *const *) e->mail->lists,
                                  .n_lists = e->mail->n_lists,
                                  .asked = e->config->mail.ask};
}

static void put_event(struct engine *e, const struct record *r)
{
        const struct mail_text m = text_of(e, r);
        char addr[ADDR_TEXT_MAX];
        struct buf *out = &e->line;

        buf_puts(out, "{\"timestamp\":");
        json_time(out, r->came ? r->came : r->asked);
        buf_printf(out, ",\"event_type\":\"mail\",\"relay\":\"%s\"", addr_format(&r->addr, addr));
        mail_verdict_json(out, &m);
        buf_printf(out, ",\"inquiry\":%u,\"moved\":%s}", r->inquiry, r->moved ? "true" : "false");
        engine_eve_put(e, true);
        engine_eve_flush(e);
}

static int take_verdict(void *userdata, const struct verdict *v)
{
        *(struct verdict *) userdata = *v;
        return 0;
}

static bool read_verdict(struct engine *e, const struct subject *s, struct verdict *ret)
{
        struct store_reader reader = {.find_kind = claims_kind_find, .subject = take_verdict, .userdata = ret};
        char key[SUBJECT_TEXT_MAX];

        *ret = (struct verdict){.subject = *s, .level = LEVEL_UNKNOWN};
        return store_read_subject(e->keeper.store, &reader, subject_key(s, key)) >= 0;
}

/* A relay that is accused, and was not lately, or of less. */
static void raise_alarm(struct engine *e, const struct record *r, const struct verdict *before)
{
        const struct mail_text m = text_of(e, r);
        char text[ALARM_STORY_MAX], title[SUBJECT_TEXT_MAX], time[CLOCK_TEXT_MAX], score[SCORE_TEXT_MAX];
        char least[SCORE_TEXT_MAX], level[64];
        struct buf s = BUF_FIXED(text), l = BUF_FIXED(level);
        struct action a = {.kind = ACTION_ALARM, .time = r->asked, .by = "engine"};
        struct verdict after;

        if (!read_verdict(e, &before->subject, &after) || after.level < LEVEL_SUSPECT || after.level <= before->level)
                return;
        mail_verdict_put(&s, &e->look, &m);
        if (s.len && text[s.len - 1] == '\n')
                text[--s.len] = '\0';
        engine_tell_journal(e, before, &after, text);
        a.subject = after.subject;
        snprintf(a.what, sizeof(a.what), "relay became %s: %s", level_name(after.level), judge_class_name(r->class));
        engine_store_check(e, store_put_action(e->keeper.store, &a));
        if (e->daemon->json)
                return;
        text_put(&l, &e->look, text_level_style(after.level), level_name(after.level));
        engine_print(e, "%s  %s  relay %s: score %s, threshold %s\n%s\n", clock_format_time(r->asked, time),
                     buf_str(&l), subject_title(&after.subject, title), score_format(r->score, score),
                     score_format(JUDGE_THRESHOLD, least), text);
}

static void tell(struct engine *e, const struct record *r, const struct verdict *before)
{
        const struct fold_params fold = {.suspect = e->config->verdict.suspect, .bot = e->config->verdict.bot};

        engine_store_check(e, store_accuse_relay(e->keeper.store, &fold, r));
        if (e->eve.fd >= 0)
                put_event(e, r);
        if (claims_accuse(r))
                raise_alarm(e, r, before);
}

static int on_record(struct engine *e, struct post *p)
{
        struct record *r = &p->record;
        const struct subject subject = {.kind = SUBJECT_RELAY, .addr = r->addr};
        struct verdict before;
        int k;

        if (!post_check_record(r, clock_realtime()) || !record_has_mail(r)) {
                e->mail->refused++;
                return -EINVAL;
        }
        /* What would be taken now goes with the batch that cannot be written: the mail waits in its folder instead. */
        if (e->keeper.failing)
                return -ENOSPC;
        (void) read_verdict(e, &subject, &before);
        if (r->asked - before.time > ALARM_AGAIN)
                before.level = LEVEL_UNKNOWN;
        k = store_place_relay(e->keeper.store, r);
        if (k == 0)
                k = store_put_relay(e->keeper.store, r);
        if (k != -EEXIST)
                engine_store_check(e, k);
        if (k == 0)
                tell(e, r, &before);
        return k;
}

static int answer(struct engine *e, struct post *p)
{
        struct engine_mail *m = e->mail;

        if (p->verb != POST_KNOWN)
                m->has_in_hand = false;
        switch (p->verb) {
        case POST_SINCE:
                return on_since(e, p);
        case POST_DONE:
                return is_watched_path(e, p->path) ? put_since(e, p->path, p->time) : -ENOENT;
        case POST_KNOWN:
                return on_known(e, p);
        case POST_SEEN:
                return on_seen(e, p);
        case POST_RECORD:
                return on_record(e, p);
        default:
                m->state = p->state;
                m->known_state = true;
                return 0;
        }
}

void engine_mail_serve(struct engine *e)
{
        struct engine_mail *m = e->mail;

        for (int i = 0; i < ONCE && m->fd >= 0; i++) {
                struct post p;
                int r = post_receive(m->fd, false, &p);

                if (r == 0)
                        return;
                if (r == -EBADMSG) {
                        m->bad++;
                        continue;
                }
                if (r > 0) {
                        p.value = answer(e, &p);
                        r = post_send(m->fd, &p);
                }
                if (r < 0)
                        lose(m);
        }
}

void engine_mail_status(const struct engine *e, struct buf *out)
{
        const struct engine_mail *m = e->mail;
        const struct post_state *s = &m->state;
        const char *comma = "";

        if (!m->postmen && !e->config->mail.maildir.n) {
                buf_puts(out, "null");
                return;
        }
        buf_printf(out, "{\"running\":%s,\"maildirs\":%u,\"missing\":%u,\"folders\":%u,\"mails\":%" PRIu64,
                   m->fd >= 0 && m->known_state ? "true" : "false", s->maildirs, s->missing, s->folders, s->mails);
        buf_printf(out,
                   ",\"relays\":%" PRIu64 ",\"within\":%" PRIu64 ",\"unbelieved\":%" PRIu64 ",\"known\":%" PRIu64
                   ",\"waiting\":%u,\"gone\":%" PRIu64 ",\"unread\":%" PRIu64 ",\"unstored\":%" PRIu64
                   ",\"given_up\":%" PRIu64 ",\"rescans\":%" PRIu64,
                   s->relays, s->within, s->unbelieved, s->known, s->waiting, s->gone, s->unread, s->unstored,
                   m->given_up, s->rescans);
        buf_printf(out, ",\"questions\":%" PRIu64 ",\"unanswered\":%" PRIu64 ",\"judged\":{", s->asked, s->unanswered);
        for (unsigned i = 0; i < JUDGE_CLASSES; i++) {
                buf_printf(out, "%s\"%s\":%" PRIu64, comma, judge_class_name(i), s->judged[i]);
                comma = ",";
        }
        buf_printf(out, "},\"restarts\":%" PRIu64 ",\"refused\":%" PRIu64 "}", m->postmen ? m->postmen - 1 : 0,
                   m->refused + m->bad);
}
