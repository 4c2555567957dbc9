/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opens and reads mails. A folder may change meanwhile: a file that went away is counted and no error. In a Maildir a
 * mail keeps the first part of its name while it moves from new to cur and changes its flags
 * (https://cr.yp.to/proto/maildir.html): by that each is read once, wherever it is met. Runs in the command line. */
#include "cli/mail_input.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/table.h"

#define CHUNK     (1u << 18)
#define DEPTH_MAX 16
#define SEEN_MAX  (1u << 20) /* mails of one Maildir that are told apart; beyond, one that moves may be read twice */
#define ROUNDS    4          /* through a Maildir, as long as mails are not where they were listed */

/* A mail of the Maildir that is being read. */
struct seen {
        uint64_t name; /* hash of its lasting part */
        bool read;
};

struct walk {
        const struct mail_input_params *params;
        struct mail_input_stats *stats;
        const char *path; /* of the file being read */
        struct mbox *mbox;
        struct table *seen; /* of the Maildir being read; NULL: no Maildir */
        bool failed;
};

static void on_mail(void *userdata, const struct mbox_mail *mail)
{
        struct walk *w = userdata;

        w->stats->mails++;
        w->params->mail(w->params->userdata, w->path, w->mbox->many, mail);
        w->mbox->keep = w->params->keep && w->params->keep(w->params->userdata, mail);
}

static void on_whole(void *userdata, const struct mbox_mail *mail)
{
        struct walk *w = userdata;

        w->params->whole(w->params->userdata, w->path, mail);
}

static void tell(struct walk *w, const char *path, const char *reason)
{
        w->failed = true;
        w->params->trouble(w->params->userdata, path, reason);
}

/* From the first bytes, which were read already, to the end. */
static int read_rest(struct walk *w, int fd, char *chunk, size_t len)
{
        struct mbox m;
        int r = 0;

        mbox_begin(&m, on_mail, w);
        m.whole = w->params->keep ? on_whole : NULL;
        w->mbox = &m;
        for (;;) {
                ssize_t n;

                w->stats->bytes += len;
                w->stats->at += len;
                if (!mbox_push(&m, chunk, len) || w->params->stop(w->params->userdata))
                        break;
                n = read(fd, chunk, CHUNK);
                if (n < 0 && errno == EINTR) {
                        len = 0;
                        continue;
                }
                if (n < 0)
                        r = -errno;
                if (n <= 0)
                        break;
                len = (size_t) n;
        }
        mbox_finish(&m);
        mbox_done(&m);
        return r;
}

/* `listed`: found in a folder, where other files may lie as well. */
static void read_open(struct walk *w, const char *path, int fd, bool listed)
{
        _cleanup_free_ char *chunk = malloc(CHUNK);
        struct stat st;
        size_t len = 0;
        ssize_t n = 1;
        int r;

        w->stats->size = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t) st.st_size : 0;
        w->stats->at = 0;
        while (chunk && n > 0 && len < MBOX_LINE) {
                n = read(fd, chunk + len, CHUNK - len);
                if (n < 0 && errno == EINTR) {
                        if (w->params->stop(w->params->userdata))
                                return;
                        n = 1;
                } else if (n > 0)
                        len += (size_t) n;
        }
        if (!chunk || n < 0) {
                tell(w, path, strerror(chunk ? errno : ENOMEM));
                return;
        }
        if (!mbox_recognise(chunk, len)) {
                if (listed)
                        w->stats->skipped++;
                else
                        tell(w, path, len ? "is no mail" : "is empty");
                return;
        }
        w->path = path;
        w->stats->files++;
        r = read_rest(w, fd, chunk, len);
        if (r < 0)
                tell(w, path, strerror(-r));
}

static void read_folder(struct walk *w, const char *path, unsigned depth);

/* False: it is not there any more. */
static bool read_path(struct walk *w, const char *path, unsigned depth)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        struct stat st;

        if (fd < 0 && errno == ENOENT && depth > 0)
                return false;
        if (fd < 0 || fstat(fd, &st) < 0)
                tell(w, path, strerror(errno));
        else if (S_ISDIR(st.st_mode))
                read_folder(w, path, depth);
        else
                read_open(w, path, fd, depth > 0);
        return true;
}

static bool is_folder(const char *path, const char *name)
{
        char whole[PATH_MAX];
        struct stat st;

        return snprintf(whole, sizeof(whole), "%s/%s", path, name) < (int) sizeof(whole) && lstat(whole, &st) == 0 &&
               S_ISDIR(st.st_mode);
}

/* A Maildir: cur and new. What lies in tmp is being written. */
static bool is_maildir(const char *path)
{
        return is_folder(path, "cur") && is_folder(path, "new");
}

/* Of a folder: pipes and devices would wait for ever, and folders that are links may lead in a circle. */
static bool is_candidate(const char *path, const char *name, bool maildir)
{
        struct stat st, itself;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return false;
        if (maildir) /* folders of its own, ".Sent" and the like */
                return name[0] == '.' && is_maildir(path);
        if (name[0] == '.' && !is_maildir(path))
                return false;
        return stat(path, &st) < 0 || (lstat(path, &itself) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(itself.st_mode)));
}

/* In a Maildir, a mail that was not met before. */
static void read_once(struct walk *w, const char *path, const char *name, unsigned depth)
{
        uint64_t key = XXH64(name, strcspn(name, ":"), 0);
        bool created;
        struct seen *seen = w->seen ? table_insert(w->seen, &key, &created) : NULL;

        if (seen && seen->read)
                return;
        if (!read_path(w, path, depth))
                w->stats->gone += !seen; /* of a Maildir when all is read: it may only have moved */
        else if (seen)
                seen->read = true;
}

static void read_names(struct walk *w, const char *path, bool maildir, unsigned depth)
{
        struct dirent **names;
        int n = scandir(path, &names, NULL, alphasort);

        if (n < 0) {
                tell(w, path, strerror(errno));
                return;
        }
        for (int i = 0; i < n; i++) {
                char whole[PATH_MAX];
                int len = snprintf(whole, sizeof(whole), "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/",
                                   names[i]->d_name);

                if (len < (int) sizeof(whole) && is_candidate(whole, names[i]->d_name, maildir) &&
                    !w->params->stop(w->params->userdata))
                        read_once(w, whole, names[i]->d_name, depth + 1);
                free(names[i]);
        }
        free(names);
}

static unsigned not_read(const struct table *seen)
{
        unsigned n = 0;

        for (const struct seen *s = table_oldest(seen); s; s = table_younger(seen, s))
                n += !s->read;
        return n;
}

/* Mails move from new to cur, so new comes first; what was not where it was listed is looked for once more. */
static void read_moving(struct walk *w, const char *path, unsigned depth)
{
        const struct table_params params = {
                .name = "mails", .cap = SEEN_MAX, .key_size = sizeof(uint64_t), .entry_size = sizeof(struct seen)};
        _cleanup_(table_freep)
        struct table *seen = NULL;
        char part[PATH_MAX];

        if (table_new(&params, &seen) < 0) {
                tell(w, path, strerror(ENOMEM));
                return;
        }
        for (unsigned round = 0; round == 0 || (round < ROUNDS && not_read(seen)); round++)
                for (const char *const *name = (const char *const[]){"new", "cur", NULL}; *name; name++) {
                        w->seen = seen;
                        if (snprintf(part, sizeof(part), "%s/%s", path, *name) < (int) sizeof(part))
                                read_names(w, part, false, depth + 1);
                }
        w->stats->gone += not_read(seen);
}

static void read_folder(struct walk *w, const char *path, unsigned depth)
{
        struct table *outer = w->seen; /* of a Maildir that has this folder among its mails */
        bool maildir = is_maildir(path);

        if (depth == DEPTH_MAX) {
                tell(w, path, "folders in folders, too deep");
                return;
        }
        if (maildir)
                read_moving(w, path, depth);
        w->seen = NULL;
        read_names(w, path, maildir, depth);
        w->seen = outer;
}

int mail_input_read(const char *path, const struct mail_input_params *params, struct mail_input_stats *stats)
{
        struct walk w = {.params = params, .stats = stats};

        if (strcmp(path, "-") == 0)
                read_open(&w, "-", STDIN_FILENO, false);
        else
                read_path(&w, path, 0);
        return w.failed ? -EIO : 0;
}
