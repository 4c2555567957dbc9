/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Folders and control socket of the daemon. Runs in the warden, before it gives up its rights. */
#include "daemon/places.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define PATH_TEXT_MAX 512

static void engine_user(const struct config *c, uid_t *ret_uid, gid_t *ret_gid)
{
        const struct passwd *pw = getpwnam(c->daemon.user);

        if (!pw)
                pw = getpwnam("nobody");
        *ret_uid = pw ? pw->pw_uid : 65534;
        *ret_gid = pw ? pw->pw_gid : 65534;
}

/* Makes the folder and its parents. What is there stays as it is: `--store /tmp` must not give /tmp away. */
static int make_folder(const char *path, uid_t uid, gid_t gid)
{
        _cleanup_close_ int fd = -1;
        char part[PATH_TEXT_MAX];

        if (snprintf(part, sizeof(part), "%s", path) >= (int) sizeof(part))
                return -ENAMETOOLONG;
        for (char *p = part + 1; *p; p++) {
                if (*p != '/')
                        continue;
                *p = '\0';
                if (mkdir(part, 0755) < 0 && errno != EEXIST)
                        return -errno;
                *p = '/';
        }
        if (mkdir(part, 0750) < 0)
                return errno == EEXIST ? 0 : -errno;
        if (geteuid() != 0)
                return 0;
        /* Not by name: in a folder of others it may have become a link meanwhile. */
        fd = open(part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 || fchown(fd, uid, gid) < 0 ? -errno : 0;
}

static int make_folder_of(const char *file, uid_t uid, gid_t gid)
{
        char folder[PATH_TEXT_MAX];
        char *slash;

        if (snprintf(folder, sizeof(folder), "%s", file) >= (int) sizeof(folder))
                return -ENAMETOOLONG;
        slash = strrchr(folder, '/');
        if (!slash || slash == folder)
                return 0;
        *slash = '\0';
        return make_folder(folder, uid, gid);
}

int places_make_folders(const struct daemon_params *params, struct buf *errors)
{
        const struct config *c = params->config;
        uid_t uid;
        gid_t gid;
        int r = 0;

        engine_user(c, &uid, &gid);
        if (!params->memory_store && (r = make_folder(c->store.path, uid, gid)) < 0)
                buf_printf(errors, "cannot make the store's folder %s: %s; name another with --store", c->store.path,
                           strerror(-r));
        if (r == 0 && c->eve.path && (r = make_folder_of(c->eve.path, uid, gid)) < 0)
                buf_printf(errors, "cannot make the folder of %s: %s; name another file with --eve", c->eve.path,
                           strerror(-r));
        return r;
}

/* Somebody listens there: also when it has no room for one more just now. */
static bool is_answered(int fd, const struct sockaddr_un *sa)
{
        return connect(fd, (const struct sockaddr *) sa, sizeof(*sa)) == 0 || errno == EAGAIN;
}

static bool is_socket(const char *path)
{
        struct stat st;

        return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

int places_open_control(const struct daemon_params *params, struct buf *why)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        const char *path = params->config->daemon.control;
        _cleanup_close_ int fd = -1;
        uid_t uid;
        gid_t gid;

        if (params->scan || !path || !path[0])
                return -1;
        if (strlen(path) >= sizeof(sa.sun_path)) {
                buf_printf(why, "no control socket: the path is too long: %s", path);
                return -1;
        }
        strcpy(sa.sun_path, path);
        engine_user(params->config, &uid, &gid);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd >= 0 && is_answered(fd, &sa)) {
                buf_printf(why, "another sekimori answers on %s: `sekimori status` will ask that one", path);
                return -1;
        }
        if (is_socket(path)) /* left by one that was killed; anything else is not ours to remove */
                (void) unlink(path);
        if (fd < 0 || make_folder_of(path, 0, 0) < 0 || bind(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0 ||
            chmod(path, 0660) < 0 || (geteuid() == 0 && lchown(path, 0, gid) < 0) || listen(fd, 8) < 0) {
                buf_printf(why, "no control socket at %s: %s; `sekimori status` will say what the store has", path,
                           strerror(errno));
                return -1;
        }
        return TAKE_FD(fd);
}

void places_close_control(const struct daemon_params *params, int fd)
{
        if (fd < 0)
                return;
        close(fd);
        (void) unlink(params->config->daemon.control);
}
