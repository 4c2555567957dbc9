/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Walks a path by hand, link by link, so that every folder on the way is looked at: a folder that a person may write is
 * enough to put another program in the place of a trusted one. Runs in the keeper and in `gate allow`.
 *
 * The kernel half knows a program by i_ino and i_sb->s_dev of the file that was executed. stat(2) gives other numbers
 * on btrfs (a device of its own per subvolume) and on overlayfs whose layers lie apart. What the kernel has is told by
 * /proc/self/fdinfo ("ino", since 5.14, and "mnt_id") and by the device of that mount in /proc/self/mountinfo. */
#include "respond/gate_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define LINKS_MAX  40 /* as the kernel: MAXSYMLINKS, include/linux/namei.h */
#define MOUNTS_MAX 65536

struct mount {
        uint32_t id, dev;
};

struct gate_files {
        int root;
        uid_t owner;
        gate_file_folder_cb on_folder;
        void *userdata;
        struct mount *mounts;
        size_t n_mounts;
};

/* A walk along a path. */
struct walk {
        struct gate_files *files;
        int folder;          /* O_PATH */
        char done[PATH_MAX]; /* of the folder, without links */
        char rest[PATH_MAX * 2];
        unsigned links;
        char *reason;
};

static int _printf_(3, 4) refuse(char *reason, int error, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(reason, GATE_FILE_REASON_MAX, format, ap);
        va_end(ap);
        return error;
}

int gate_files_new(const char *root, uid_t owner, struct gate_files **ret)
{
        _cleanup_(gate_files_freep)
        struct gate_files *files = calloc(1, sizeof(*files));

        if (!files)
                return -ENOMEM;
        files->owner = owner;
        files->root = open(root ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (files->root < 0)
                return -errno;
        *ret = TAKE_PTR(files);
        return 0;
}

void gate_files_free(struct gate_files *files)
{
        if (!files)
                return;
        closep(&files->root);
        free(files->mounts);
        free(files);
}

int gate_files_root(const struct gate_files *files)
{
        return files->root;
}

void gate_files_on_folder(struct gate_files *files, gate_file_folder_cb cb, void *userdata)
{
        files->on_folder = cb;
        files->userdata = userdata;
}

int gate_files_refresh(struct gate_files *files)
{
        _cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
        _cleanup_free_ struct mount *mounts = NULL;
        _cleanup_free_ char *line = NULL;
        size_t n = 0, size = 0, room = 0;

        if (!f)
                return -errno;
        while (n < MOUNTS_MAX && getline(&line, &size, f) > 0) {
                unsigned id, big, small;

                if (sscanf(line, "%u %*u %u:%u ", &id, &big, &small) != 3)
                        continue;
                if (n == room) {
                        size_t more = room ? room * 2 : 64;
                        struct mount *grown = reallocarray(mounts, more, sizeof(*mounts));

                        if (!grown)
                                return -ENOMEM;
                        mounts = grown;
                        room = more;
                }
                mounts[n++] = (struct mount){id, big << 20 | small};
        }
        free(files->mounts);
        files->mounts = TAKE_PTR(mounts);
        files->n_mounts = n;
        return 0;
}

/* A number after `name` in the fdinfo of fd. */
static int read_fdinfo(int fd, uint64_t *ret_ino, uint32_t *ret_mount)
{
        char path[48], text[1024];
        _cleanup_close_ int info = -EBADF;
        const char *ino, *mount;
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
        info = open(path, O_RDONLY | O_CLOEXEC);
        n = info < 0 ? -1 : read(info, text, sizeof(text) - 1);
        if (n <= 0)
                return -ENODATA;
        text[n] = '\0';
        mount = strstr(text, "mnt_id:");
        ino = strstr(text, "\nino:");
        if (!mount || sscanf(mount, "mnt_id: %" SCNu32, ret_mount) != 1)
                return -ENODATA;
        if (ino)
                (void) sscanf(ino, "\nino: %" SCNu64, ret_ino);
        return 0;
}

static int identify(const struct gate_files *files, int fd, const struct stat *st, struct gate_program_key *ret)
{
        uint64_t ino = st->st_ino; /* right where fdinfo has no inode: kernels before 5.14, on plain file systems */
        uint32_t mount;
        int r = read_fdinfo(fd, &ino, &mount);

        if (r < 0)
                return r;
        for (size_t i = 0; i < files->n_mounts; i++)
                if (files->mounts[i].id == mount) {
                        *ret = (struct gate_program_key){.ino = ino, .dev = files->mounts[i].dev};
                        return 0;
                }
        return -ENODATA;
}

static void tell_folder(const struct walk *w)
{
        if (w->files->on_folder)
                w->files->on_folder(w->files->userdata, w->done[0] ? w->done : "/");
}

/* `folder` NULL: it is about the file itself. */
static int check_rights(const struct walk *w, const struct stat *st, const char *folder)
{
        const char *its = folder ? "its folder " : "", *name = folder ? folder : "", *gap = folder ? " " : "";

        if (st->st_uid != w->files->owner)
                return refuse(w->reason, -EPERM, "%s%s%sbelongs to user %u", its, name, gap, st->st_uid);
        /* With an access list the group's bits are its mask: whoever it lets write shows here. */
        if (st->st_mode & S_IWGRP)
                return refuse(w->reason, -EPERM, "%s%s%smay be written by a group", its, name, gap);
        if (st->st_mode & S_IWOTH)
                return refuse(w->reason, -EPERM, "%s%s%smay be written by everybody", its, name, gap);
        return 0;
}

static int check_folder(struct walk *w)
{
        struct stat st;

        if (fstat(w->folder, &st) < 0)
                return refuse(w->reason, -errno, "cannot be looked at: %m");
        return check_rights(w, &st, w->done[0] ? w->done : "/");
}

static int to_root(struct walk *w)
{
        closep(&w->folder);
        w->done[0] = '\0';
        w->folder = fcntl(w->files->root, F_DUPFD_CLOEXEC, 3);
        return w->folder < 0 ? -errno : check_folder(w);
}

static int to_parent(struct walk *w)
{
        char *slash = strrchr(w->done, '/');
        int up;

        if (!slash)
                return 0; /* of the root it is the root */
        up = openat(w->folder, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (up < 0)
                return refuse(w->reason, -errno, "cannot be reached: %m");
        closep(&w->folder);
        w->folder = up;
        *slash = '\0';
        return check_folder(w);
}

/* Puts the target of a link before what is left of the path. */
static int follow(struct walk *w, int link)
{
        char target[PATH_MAX], joined[sizeof(w->rest)];
        ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);

        if (n < 0)
                return refuse(w->reason, -errno, "has a link that cannot be read: %m");
        target[n] = '\0';
        tell_folder(w);
        if (++w->links > LINKS_MAX)
                return refuse(w->reason, -EPERM, "has too many links on its way");
        if ((size_t) snprintf(joined, sizeof(joined), "%s/%s", target, w->rest) >= sizeof(joined))
                return refuse(w->reason, -EPERM, "has a name that is too long");
        memcpy(w->rest, joined, strlen(joined) + 1);
        return target[0] == '/' ? to_root(w) : 0;
}

/* Takes the next name off the path. 1: there is one. */
static int next_name(struct walk *w, char name[static NAME_MAX + 1])
{
        char *p = w->rest + strspn(w->rest, "/");
        size_t n = strcspn(p, "/");

        if (n > NAME_MAX)
                return refuse(w->reason, -EPERM, "has a name that is too long");
        memcpy(name, p, n);
        name[n] = '\0';
        p += n + strspn(p + n, "/");
        memmove(w->rest, p, strlen(p) + 1);
        return n > 0;
}

/* 0: w is in that folder now. 1: it is no folder, and *ret_fd is what it is. */
static int enter(struct walk *w, const char *name, int *ret_fd, struct stat *ret_st)
{
        _cleanup_close_ int fd = openat(w->folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        size_t len = strlen(w->done);

        if (fd < 0 && errno == ENOENT) {
                tell_folder(w);
                return -ENOENT;
        }
        if (fd < 0 || fstat(fd, ret_st) < 0)
                return refuse(w->reason, -errno, "cannot be reached: %m");
        if (S_ISLNK(ret_st->st_mode))
                return follow(w, fd);
        if (!S_ISDIR(ret_st->st_mode)) {
                *ret_fd = TAKE_FD(fd);
                return 1;
        }
        if ((size_t) snprintf(w->done + len, sizeof(w->done) - len, "/%s", name) >= sizeof(w->done) - len)
                return refuse(w->reason, -EPERM, "has a name that is too long");
        closep(&w->folder);
        w->folder = TAKE_FD(fd);
        return check_folder(w);
}

static int read_form(struct gate_file *f, char *reason)
{
        char head[4] = "";

        if (pread(f->fd, head, sizeof(head), 0) < 0)
                return refuse(reason, -errno, "cannot be read: %m");
        f->form = memcmp(head, "\177ELF", 4) == 0 ? GATE_FILE_ELF :
                  memcmp(head, "#!", 2) == 0      ? GATE_FILE_SCRIPT :
                                                    GATE_FILE_OTHER;
        return 0;
}

static int take(struct walk *w, int fd, const char *name, const struct stat *st, struct gate_file *ret)
{
        struct gate_file f = {.fd = -EBADF, .size = st->st_size, .ctime = st->st_ctim};
        char self[48];
        int r;

        if (!S_ISREG(st->st_mode))
                return refuse(w->reason, -EPERM, "is no file");
        tell_folder(w);
        r = check_rights(w, st, NULL);
        if (r < 0)
                return r;
        if (identify(w->files, fd, st, &f.key) < 0)
                return refuse(w->reason, -EPERM, "lies on a mount whose device cannot be known");
        f.executable = (st->st_mode & 0111) != 0;
        snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
        f.fd = open(self, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (f.fd < 0)
                return refuse(w->reason, -errno, "cannot be read: %m");
        r = read_form(&f, w->reason);
        if (r == 0 && asprintf(&f.path, "%s/%s", w->done, name) < 0) {
                f.path = NULL;
                r = -ENOMEM;
        }
        if (r < 0) {
                gate_file_done(&f);
                return r;
        }
        *ret = f;
        return 0;
}

static int walk(struct walk *w, struct gate_file *ret)
{
        char name[NAME_MAX + 1];
        int r = to_root(w);

        while (r == 0 && (r = next_name(w, name)) > 0) {
                _cleanup_close_ int fd = -EBADF;
                struct stat st;

                if (strcmp(name, ".") == 0)
                        r = 0;
                else if (strcmp(name, "..") == 0)
                        r = to_parent(w);
                else
                        r = enter(w, name, &fd, &st);
                if (r > 0 && w->rest[0])
                        return refuse(w->reason, -EPERM, "goes through %s, which is no folder", name);
                if (r > 0)
                        return take(w, fd, name, &st, ret);
        }
        if (r < 0)
                return r;
        tell_folder(w);
        return refuse(w->reason, -EISDIR, "is a folder");
}

int gate_files_look(struct gate_files *files, const char *path, struct gate_file *ret,
                    char reason[static GATE_FILE_REASON_MAX])
{
        struct walk w = {.files = files, .folder = -EBADF, .reason = reason};
        int r;

        reason[0] = '\0';
        if (path[0] != '/')
                return refuse(reason, -EINVAL, "is no absolute path");
        if (strlen(path) >= PATH_MAX)
                return refuse(reason, -EPERM, "has a name that is too long");
        memcpy(w.rest, path, strlen(path) + 1);
        r = walk(&w, ret);
        closep(&w.folder);
        return r;
}

bool gate_files_has(const struct gate_files *files, const char *path)
{
        return faccessat(files->root, path + strspn(path, "/"), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool gate_files_is_link(const struct gate_files *files, const char *path)
{
        char target;

        return readlinkat(files->root, path + strspn(path, "/"), &target, sizeof(target)) >= 0;
}

void gate_files_await(struct gate_files *files, const char *folder)
{
        char reason[GATE_FILE_REASON_MAX];
        struct gate_file f;

        if (gate_files_look(files, folder, &f, reason) == 0)
                gate_file_done(&f);
}

void gate_file_done(struct gate_file *f)
{
        free(f->path);
        f->path = NULL;
        closep(&f->fd);
        f->fd = -EBADF;
}

int gate_file_read(const struct gate_file *f, size_t max, char **ret, size_t *ret_len)
{
        _cleanup_free_ char *text = NULL;
        size_t len = 0, size;

        if (f->size < 0 || (size_t) f->size > max)
                return -EFBIG;
        size = (size_t) f->size;
        text = malloc(size + 1);
        if (!text)
                return -ENOMEM;
        while (len < size) {
                ssize_t n = pread(f->fd, text + len, size - len, (off_t) len);

                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                len += (size_t) n;
        }
        text[len] = '\0';
        *ret = TAKE_PTR(text);
        *ret_len = len;
        return 0;
}

static void freep_digest(EVP_MD_CTX **c)
{
        EVP_MD_CTX_free(*c);
}

int gate_file_sha256(const struct gate_file *f, char ret[static GATE_FILE_SHA256_MAX])
{
        _cleanup_(freep_digest)
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        unsigned char block[16384], digest[EVP_MAX_MD_SIZE];
        off_t at = 0;
        ssize_t n;

        if (!c || !EVP_DigestInit_ex(c, EVP_sha256(), NULL))
                return -ENOMEM;
        if (f->size > GATE_FILE_HASHED_MAX)
                return -EFBIG;
        while ((n = pread(f->fd, block, sizeof(block), at)) > 0) {
                at += n;
                if (at > GATE_FILE_HASHED_MAX)
                        return -EFBIG;
                if (!EVP_DigestUpdate(c, block, (size_t) n))
                        return -EIO;
        }
        if (n < 0)
                return -errno;
        if (!EVP_DigestFinal_ex(c, digest, NULL))
                return -EIO;
        for (int i = 0; i < 32; i++)
                snprintf(ret + 2 * i, 3, "%02x", digest[i]);
        return 0;
}
