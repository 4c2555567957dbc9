/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See maildirs.h: events, and the queue. */
#include "daemon/maildirs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <xxhash.h>

#include "daemon/maildirs_internal.h"

#define QUEUE       4096u
#define SEEN        (1u << 18) /* 64 bytes each */
#define READS_MAX   64         /* of events, in a row */
#define LOOK_EVERY  NSEC_PER_SEC
#define AGAIN_AFTER (5 * NSEC_PER_SEC)
/* A file's time is the kernel's coarse clock, a tick (10 ms at most) behind ours. */
#define SLACK NSEC_PER_SEC
/* Who marks an archive as read does not have it judged: what is asked now says nothing of such mails (JUDGE_FRESH). */
#define OLD (48 * 3600 * NSEC_PER_SEC)

const char *const maildirs_subs[MAILDIRS_SUBS] = {"new", "cur"};

int maildirs_fd(const struct maildirs *m)
{
        return m->fd;
}

bool maildirs_renewed(const struct maildirs *m)
{
        return m->renewed;
}

nsec_t maildirs_since(const struct maildirs *m, size_t root)
{
        return m->roots[root].since;
}

static bool scans_wait(const struct maildirs *m, uint32_t root, bool any)
{
        for (unsigned i = 0; i < m->n_folders; i++)
                if (m->folders[i].used && (m->folders[i].scan || m->folders[i].passing) &&
                    (any || m->folders[i].root == root))
                        return true;
        return false;
}

void maildirs_get_stats(const struct maildirs *m, struct maildirs_stats *ret)
{
        *ret = m->stats;
        ret->roots = (unsigned) m->p.n;
        ret->missing = ret->folders = 0;
        for (size_t i = 0; i < m->p.n; i++)
                ret->missing += m->roots[i].fd < 0;
        for (unsigned i = 0; i < m->n_folders; i++)
                ret->folders += m->folders[i].used && m->folders[i].watched;
        ret->waiting = m->waiting;
        ret->more = scans_wait(m, 0, true);
}

/* A name is unique within its Maildir, whichever folder it lies in; what stands behind ":" are its flags. */
static void make_key(const struct maildirs *m, uint32_t root, const char *name, uint8_t ret[static 16])
{
        const char *path = m->roots[root].path;
        XXH128_hash_t h = XXH3_128bits_withSeed(path, strlen(path), m->seed);

        h = XXH3_128bits_withSeed(name, strcspn(name, ":"), h.low64);
        memcpy(ret, &h, 16);
}

bool maildirs_is_recent(const struct maildirs *m, const struct maildirs_root *r, const struct stat *st)
{
        return st->st_mtim.tv_sec * NSEC_PER_SEC + st->st_mtim.tv_nsec >= MIN(r->since, m->wall - OLD);
}

bool maildirs_found(struct maildirs *m, unsigned folder, enum maildirs_sub sub, const char *name, bool recent)
{
        const struct maildirs_folder *f = &m->folders[folder];
        struct maildirs_mail mail = {
                .root = f->root, .folder = (uint16_t) folder, .sub = (uint8_t) sub, .junk = f->junk};
        struct maildirs_seen *seen;
        bool created;
        uint32_t at;

        make_key(m, f->root, name, mail.key);
        seen = table_find(m->seen, mail.key);
        if (!seen && recent && m->waiting == m->p.queue)
                return false;
        if (!seen)
                seen = table_insert(m->seen, mail.key, &created);
        else if (!seen->place)
                return true;
        if (!seen || !recent)
                return true;
        (void) snprintf(mail.name, sizeof(mail.name), "%s", name);
        if (seen->place) { /* it waits, and was renamed */
                m->queue[seen->place - 1] = mail;
                return true;
        }
        at = (m->first + m->waiting++) % m->p.queue;
        m->queue[at] = mail;
        seen->place = at + 1;
        m->roots[f->root].out++;
        return true;
}

static int look_at(const struct maildirs *m, const struct maildirs_folder *f, enum maildirs_sub sub, const char *name,
                   struct stat *ret)
{
        char path[2 * NAME_MAX + 8];

        (void) snprintf(path, sizeof(path), "%s%s%s/%s", f->name, f->name[0] ? "/" : "", maildirs_subs[sub], name);
        return fstatat(m->roots[f->root].fd, path, ret, AT_SYMLINK_NOFOLLOW);
}

static void on_folder_event(struct maildirs *m, unsigned folder, enum maildirs_sub sub, const struct inotify_event *e)
{
        struct maildirs_folder *f = &m->folders[folder];
        struct stat st;

        if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) {
                maildirs_look_lost(m, f);
                return;
        }
        if (e->mask & IN_ISDIR || !e->len || e->name[0] == '.')
                return;
        /* What was renamed again is told again. */
        if (look_at(m, f, sub, e->name, &st) < 0 || !S_ISREG(st.st_mode))
                return;
        /* A link is a whole mail; one that is written in its place is one when it is closed. */
        if (e->mask & IN_CREATE && !st.st_size)
                return;
        if (!maildirs_found(m, folder, sub, e->name, maildirs_is_recent(m, &m->roots[f->root], &st)))
                f->scan = true;
}

static void on_event(struct maildirs *m, const struct inotify_event *e)
{
        if (e->mask & IN_Q_OVERFLOW) {
                m->stats.overflows++;
                for (unsigned i = 0; i < m->n_folders; i++)
                        m->folders[i].scan = m->folders[i].used;
                for (size_t i = 0; i < m->p.n; i++)
                        m->roots[i].relist = true;
                return;
        }
        for (size_t i = 0; i < m->p.n; i++)
                if (m->roots[i].wd == e->wd) {
                        m->roots[i].relist = true;
                        return;
                }
        for (unsigned i = 0; i < m->n_folders; i++)
                for (unsigned sub = 0; m->folders[i].used && sub < MAILDIRS_SUBS; sub++)
                        if (m->folders[i].wd[sub] == e->wd) {
                                on_folder_event(m, i, sub, e);
                                return;
                        }
}

/* true: nothing is left to read. */
static bool read_events(struct maildirs *m)
{
        _Alignas(struct inotify_event) char bytes[65536];

        for (int i = 0; i < READS_MAX; i++) {
                ssize_t n = read(m->fd, bytes, sizeof(bytes));

                if (n <= 0)
                        return n < 0 && errno == EAGAIN;
                for (ssize_t at = 0; at < n;) {
                        const struct inotify_event *e = (const void *) (bytes + at);

                        on_event(m, e);
                        at += (ssize_t) (sizeof(*e) + e->len);
                }
        }
        return false;
}

/* Folders are looked through while there is room, and those of mails that come again when their time has come. */
static void look_through(struct maildirs *m, nsec_t now)
{
        for (size_t i = 0; i < m->p.n; i++) {
                struct maildirs_root *r = &m->roots[i];

                if (!r->again_at || now < r->again_at)
                        continue;
                r->again_at = 0;
                for (unsigned k = 0; k < m->n_folders; k++)
                        m->folders[k].scan |= m->folders[k].used && m->folders[k].root == i;
        }
        for (unsigned i = 0; i < m->n_folders && m->waiting <= m->p.queue / 2; i++)
                if (m->folders[i].used && (m->folders[i].scan || m->folders[i].passing))
                        maildirs_look_through(m, i);
}

void maildirs_process(struct maildirs *m, nsec_t now)
{
        bool relist = false, all_read;

        m->wall = clock_realtime();
        all_read = read_events(m);
        for (size_t i = 0; i < m->p.n; i++)
                relist |= m->roots[i].relist;
        if (relist || now - m->looked_at >= LOOK_EVERY) {
                m->looked_at = now;
                maildirs_look(m);
        }
        look_through(m, now);
        for (size_t i = 0; i < m->p.n && all_read; i++) {
                struct maildirs_root *r = &m->roots[i];

                if (r->fd >= 0 && !r->out && !r->again_at && !scans_wait(m, (uint32_t) i, false))
                        r->since = m->wall - SLACK; /* also where the clock was set back */
        }
}

bool maildirs_take(struct maildirs *m, struct maildirs_mail *ret)
{
        struct maildirs_seen *seen;

        if (!m->waiting)
                return false;
        *ret = m->queue[m->first];
        m->first = (m->first + 1) % m->p.queue;
        m->waiting--;
        seen = table_peek(m->seen, ret->key);
        if (seen)
                seen->place = 0;
        return true;
}

static void forget(struct maildirs *m, const struct maildirs_mail *mail)
{
        struct maildirs_seen *seen = table_peek(m->seen, mail->key);

        if (seen && !seen->place)
                table_remove(m->seen, seen);
}

void maildirs_done(struct maildirs *m, const struct maildirs_mail *mail, bool again)
{
        struct maildirs_root *r = &m->roots[mail->root];

        r->out--;
        if (!again)
                return;
        forget(m, mail);
        r->again_at = clock_boottime() + AGAIN_AFTER;
}

int maildirs_open(struct maildirs *m, const struct maildirs_mail *mail, int *ret_fd)
{
        const struct maildirs_folder *f = &m->folders[mail->folder];
        struct maildirs_root *r = &m->roots[mail->root];
        _cleanup_close_ int fd = -1;
        char path[2 * NAME_MAX + 8];
        struct stat st;
        int error = 0;

        (void) snprintf(path, sizeof(path), "%s%s%s/%s", f->name, f->name[0] ? "/" : "", maildirs_subs[mail->sub],
                        mail->name);
        fd = r->fd < 0 ? -1 : openat(r->fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                error = r->fd < 0 ? -ENOENT : -errno;
        else if (!S_ISREG(st.st_mode))
                error = -EINVAL;
        if (error == 0) {
                *ret_fd = TAKE_FD(fd);
                return 0;
        }
        r->out--;
        if (error == -ENOENT) {
                m->stats.gone++;
                forget(m, mail);
                r->again_at = clock_boottime(); /* at the next turn */
        }
        return error;
}

static int make(struct maildirs *m)
{
        struct table_params seen = {.name = "names of mails",
                                    .key_size = 16,
                                    .entry_size = sizeof(struct maildirs_seen),
                                    .cap = m->p.seen ? m->p.seen : SEEN};

        m->p.queue = m->p.queue ? m->p.queue : QUEUE;
        m->roots = calloc(m->p.n, sizeof(*m->roots));
        m->queue = calloc(m->p.queue, sizeof(*m->queue));
        if (!m->roots || !m->queue)
                return -ENOMEM;
        for (size_t i = 0; i < m->p.n; i++)
                m->roots[i] = (struct maildirs_root){.path = m->p.paths[i], .fd = -1, .wd = -1, .error = 1};
        if (getrandom(&m->seed, sizeof(m->seed), 0) != sizeof(m->seed))
                return -EIO;
        m->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        return m->fd < 0 ? -errno : table_new(&seen, &m->seen);
}

int maildirs_new(const struct maildirs_params *params, struct maildirs **ret)
{
        _cleanup_(maildirs_freep)
        struct maildirs *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        m->fd = -1;
        m->p = *params;
        if (params->n > MAILDIRS_ROOTS)
                return -E2BIG;
        r = make(m);
        if (r < 0)
                return r;
        for (size_t i = 0; i < m->p.n; i++)
                m->roots[i].since = m->p.since(m->p.userdata, m->roots[i].path);
        maildirs_look(m);
        m->ready = true;
        *ret = TAKE_PTR(m);
        return 0;
}

void maildirs_free(struct maildirs *m)
{
        if (!m)
                return;
        for (size_t i = 0; m->roots && i < m->p.n; i++)
                closep(&m->roots[i].fd);
        closep(&m->fd);
        table_free(m->seen);
        free(m->queue);
        free(m->roots);
        free(m);
}
