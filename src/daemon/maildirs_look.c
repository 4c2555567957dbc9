/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Are the Maildirs there, which folders are in them, and what lies in those? A path may lead to another folder at any
 * moment: it is compared once a second. Runs in the postman. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <sys/inotify.h>

#include "daemon/maildirs_internal.h"

#define ROOT_EVENTS   (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define FOLDER_EVENTS (IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

static void unwatch(struct maildirs *m, int *wd)
{
        if (*wd >= 0)
                (void) inotify_rm_watch(m->fd, *wd);
        *wd = -1;
}

void maildirs_look_lost(struct maildirs *m, struct maildirs_folder *f)
{
        for (unsigned sub = 0; sub < MAILDIRS_SUBS; sub++)
                unwatch(m, &f->wd[sub]);
        f->watched = false;
}

static void drop_folder(struct maildirs *m, struct maildirs_folder *f)
{
        maildirs_look_lost(m, f);
        f->used = f->scan = f->passing = false;
}

/* Names that mail programs and servers give to the folder for spam. */
static bool is_junk(const char *name)
{
        static const char *const words[] = {"junk", "spam", "junk e-mail", "bulk mail"};
        const char *last = strrchr(name, '.');

        for (size_t i = 0; last && i < ELEMENTSOF(words); i++)
                if (strcasecmp(last + 1, words[i]) == 0)
                        return true;
        return false;
}

static void add_folder(struct maildirs *m, uint32_t root, const char *name)
{
        struct maildirs_folder *free_one = NULL, *f;

        for (unsigned i = 0; i < m->n_folders; i++) {
                f = &m->folders[i];
                if (!f->used)
                        free_one = f;
                else if (f->root == root && strcmp(f->name, name) == 0)
                        return;
        }
        if (!free_one && m->n_folders == MAILDIRS_FOLDERS) {
                m->stats.refused++;
                return;
        }
        f = free_one ? free_one : &m->folders[m->n_folders++];
        *f = (struct maildirs_folder){.used = true, .root = root, .wd = {-1, -1}, .junk = is_junk(name)};
        (void) snprintf(f->name, sizeof(f->name), "%s", name);
}

static bool is_there(const struct maildirs_root *r, const struct maildirs_folder *f)
{
        struct stat st;

        return fstatat(r->fd, f->name[0] ? f->name : ".", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* The Maildir itself, and the folders in it: ".Junk" and the like. */
static void list_folders(struct maildirs *m, uint32_t root)
{
        struct maildirs_root *r = &m->roots[root];
        _cleanup_close_ int fd = openat(r->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);

        add_folder(m, root, "");
        if (!d)
                return;
        fd = -EBADF; /* the stream's now */
        for (const struct dirent *e; (e = readdir(d));)
                if (e->d_name[0] == '.' && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
                    (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN))
                        add_folder(m, root, e->d_name);
        closedir(d);
        for (unsigned i = 0; i < m->n_folders; i++)
                if (m->folders[i].used && m->folders[i].root == root && !is_there(r, &m->folders[i]))
                        drop_folder(m, &m->folders[i]);
}

/* From when on both are watched nothing is missed: then what lies there already is looked for. */
static int watch_folder(struct maildirs *m, struct maildirs_folder *f)
{
        const struct maildirs_root *r = &m->roots[f->root];
        char path[MAILDIRS_PATH_MAX];

        for (unsigned sub = 0; sub < MAILDIRS_SUBS; sub++) {
                if (f->wd[sub] >= 0)
                        continue;
                if (snprintf(path, sizeof(path), "%s/%s%s%s", r->path, f->name, f->name[0] ? "/" : "",
                             maildirs_subs[sub]) >= (int) sizeof(path))
                        return -ENAMETOOLONG;
                f->wd[sub] = inotify_add_watch(m->fd, path, FOLDER_EVENTS);
                if (f->wd[sub] < 0)
                        return errno == ENOENT ? -ENOTDIR : -errno;
        }
        f->watched = f->scan = true;
        f->passing = false;
        return 0;
}

static void tell(struct maildirs *m, struct maildirs_root *r, int error)
{
        if (r->error == error || (r->error == 1 && error == 0)) {
                r->error = error;
                return;
        }
        r->error = error;
        if (m->p.said)
                m->p.said(m->p.userdata, r->path, error);
}

static void lose_root(struct maildirs *m, uint32_t root)
{
        struct maildirs_root *r = &m->roots[root];

        for (unsigned i = 0; i < m->n_folders; i++)
                if (m->folders[i].used && m->folders[i].root == root)
                        drop_folder(m, &m->folders[i]);
        unwatch(m, &r->wd);
        closep(&r->fd);
        r->fd = -1;
}

static bool same_folder(const struct stat *a, const struct stat *b)
{
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
               a->st_gid == b->st_gid;
}

/* The folder's content must be readable: Landlock asks only then. */
static int try_read(const struct maildirs_root *r)
{
        _cleanup_close_ int fd = openat(r->fd, "new", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd >= 0 ? 0 : errno == ENOENT ? -ENOTDIR : -errno;
}

static int open_root(struct maildirs *m, struct maildirs_root *r, const struct stat *st)
{
        int e;

        r->fd = open(r->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        e = r->fd < 0 ? -errno : try_read(r);
        if (e == 0) {
                r->wd = inotify_add_watch(m->fd, r->path, ROOT_EVENTS);
                e = r->wd < 0 ? -errno : 0;
        }
        /* The sandbox was made for another folder of this name, or for none: only a new process can have a new one. */
        if (e == -EACCES && m->ready && !same_folder(st, &r->known))
                m->renewed = true;
        return e;
}

static void look_at_root(struct maildirs *m, uint32_t root)
{
        struct maildirs_root *r = &m->roots[root];
        struct stat st = {0}, is;
        int e = stat(r->path, &st) < 0 ? -errno : 0;

        if (!m->ready)
                r->known = st;
        if (r->fd >= 0 && (e < 0 || fstat(r->fd, &is) < 0 || is.st_dev != st.st_dev || is.st_ino != st.st_ino))
                lose_root(m, root);
        if (e == 0 && r->fd < 0) {
                e = open_root(m, r, &st);
                r->relist = true;
        }
        if (e == 0 && r->relist)
                list_folders(m, root);
        r->relist = false;
        for (unsigned i = 0; i < m->n_folders && e == 0; i++) {
                struct maildirs_folder *f = &m->folders[i];
                int w = f->used && f->root == root && !f->watched ? watch_folder(m, f) : 0;

                if (w < 0 && !f->name[0]) /* of the others, many are none */
                        e = w;
        }
        if (e < 0)
                lose_root(m, root);
        tell(m, r, e);
}

void maildirs_look(struct maildirs *m)
{
        for (size_t i = 0; i < m->p.n; i++)
                look_at_root(m, (uint32_t) i);
}

/* false: the queue is full. */
static bool look_through_one(struct maildirs *m, unsigned folder)
{
        struct maildirs_folder *f = &m->folders[folder];
        const struct maildirs_root *r = &m->roots[f->root];
        char path[NAME_MAX + 8];
        bool all = true;
        DIR *d;
        int fd;

        (void) snprintf(path, sizeof(path), "%s%s%s", f->name, f->name[0] ? "/" : "", maildirs_subs[f->sub]);
        fd = openat(r->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                closep(&fd);
                return true;
        }
        if (f->at)
                seekdir(d, f->at);
        while (all) {
                long at = telldir(d);
                const struct dirent *e = readdir(d);
                struct stat st;

                if (!e)
                        break;
                if (e->d_name[0] == '.' || fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                        continue;
                all = maildirs_found(m, folder, f->sub, e->d_name,
                                     st.st_ctim.tv_sec * NSEC_PER_SEC + st.st_ctim.tv_nsec >= r->since &&
                                             maildirs_is_recent(m, r, &st));
                f->at = at;
        }
        closedir(d);
        return all;
}

void maildirs_look_through(struct maildirs *m, unsigned folder)
{
        struct maildirs_folder *f = &m->folders[folder];

        if (!f->passing) {
                f->passing = true;
                f->scan = false;
                f->sub = MAILDIRS_NEW;
                f->at = 0;
                m->stats.scans++;
        }
        for (; f->sub < MAILDIRS_SUBS; f->sub++, f->at = 0)
                if (!look_through_one(m, folder))
                        return;
        f->passing = false;
}
