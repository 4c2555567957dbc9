/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state file of a frozen block: one line for each process, appended and synced before the process is touched:
 *     sekimori-frozen 1 BOOT-ID
 *     HOW PID START PATH
 * A name of a control group has no newline in it (the kernel refuses that). Used by the keeper and `sekimori block`. */
#include "respond/block_freeze_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define HEAD "sekimori-frozen 1 "

static int check_id(const char *id)
{
        size_t n = id ? strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") : 0;

        return n == 0 || n > BLOCK_FREEZE_ID_MAX || id[n] ? -EINVAL : 0;
}

static void boot_id(char ret[static 40])
{
        _cleanup_fclose_ FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

        if (!f || fscanf(f, "%36s", ret) != 1)
                strcpy(ret, "unknown");
}

static int grow(struct block_state *s)
{
        size_t cap = s->cap ? 2 * s->cap : 64;
        struct block_entry *entries = reallocarray(s->entries, cap, sizeof(*entries));

        if (!entries)
                return -ENOMEM;
        s->entries = entries;
        s->cap = cap;
        return 0;
}

static int remember(struct block_state *s, const struct block_entry *e)
{
        int r = s->n == s->cap ? grow(s) : 0;

        if (r == 0)
                s->entries[s->n++] = *e;
        return r;
}

/* One line without its newline. False: not one of ours. */
static bool parse(const struct block_state *s, size_t at, struct block_entry *ret)
{
        struct block_entry e = {0};
        int n = 0;

        if (sscanf(s->text + at, "%c %" SCNu32 " %" SCNu64 "%n", &e.how, &e.pid, &e.start, &n) != 3 || e.pid <= 1)
                return false;
        if (e.how == BLOCK_HOW_GROUP && strncmp(s->text + at + n, " /", 2) == 0)
                e.path = at + (size_t) n + 1;
        else if ((e.how != BLOCK_HOW_SIGNAL && e.how != BLOCK_HOW_BEFORE) || s->text[at + (size_t) n])
                return false;
        *ret = e;
        return true;
}

static int read_text(struct block_state *s)
{
        struct stat st;
        ssize_t n;

        if (fstat(s->fd, &st) < 0)
                return -errno;
        if (st.st_nlink == 0)
                return -EBUSY; /* undone while we waited */
        if (!S_ISREG(st.st_mode) || st.st_size > BLOCK_STATE_MAX)
                return -EFBIG;
        s->text = malloc((size_t) st.st_size + 1);
        if (!s->text)
                return -ENOMEM;
        n = pread(s->fd, s->text, (size_t) st.st_size, 0);
        if (n < 0)
                return -errno;
        s->len = (size_t) n;
        s->text[n] = '\0';
        return 0;
}

static int read_entries(struct block_state *s)
{
        char boot[40];
        bool first = true;

        boot_id(boot);
        for (size_t at = 0; at < s->len;) {
                char *end = memchr(s->text + at, '\n', s->len - at);
                struct block_entry e;
                int r = 0;

                if (!end)
                        break; /* cut */
                *end = '\0';
                if (first)
                        s->other_boot =
                                strncmp(s->text, HEAD, strlen(HEAD)) != 0 || strcmp(s->text + strlen(HEAD), boot) != 0;
                else if (parse(s, at, &e))
                        r = remember(s, &e);
                if (r < 0)
                        return r;
                first = false;
                at = (size_t) (end - s->text) + 1;
        }
        if (first && s->len > 0)
                s->other_boot = true; /* not even its first line is whole: nothing was done yet */
        return 0;
}

static int write_all(int fd, const char *text, size_t len)
{
        while (len > 0) {
                ssize_t n = write(fd, text, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                text += n;
                len -= (size_t) n;
        }
        return fdatasync(fd) < 0 ? -errno : 0;
}

/* The file may end in half a line: what follows must not become part of it. */
static int begin(struct block_state *s)
{
        char head[64], boot[40];

        if (s->len > 0)
                return s->text[s->len - 1] == '\0' ? 0 : write_all(s->fd, "\n", 1);
        boot_id(boot);
        snprintf(head, sizeof(head), HEAD "%s\n", boot);
        return write_all(s->fd, head, strlen(head));
}

int block_state_open(const char *folder, const char *id, bool create, struct block_state *ret)
{
        _cleanup_(block_state_done)
        struct block_state s = {.fd = -EBADF};
        _cleanup_close_ int dir = -EBADF;
        int r = check_id(id);

        if (r < 0)
                return r;
        dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return -errno;
        s.fd = openat(dir, id, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (create ? O_CREAT : 0), 0600);
        if (s.fd < 0)
                return -errno;
        if (flock(s.fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        r = read_text(&s);
        if (r == 0)
                r = read_entries(&s);
        if (r == 0 && s.other_boot && create) {
                /* Left over from before: nobody in it is alive. */
                s.n = s.len = 0;
                s.other_boot = false;
                r = ftruncate(s.fd, 0) < 0 ? -errno : 0;
        }
        if (r == 0 && create)
                r = begin(&s);
        if (r < 0)
                return r;
        *ret = s;
        s = (struct block_state){.fd = -EBADF};
        return 0;
}

void block_state_done(struct block_state *s)
{
        closep(&s->fd);
        free(s->text);
        free(s->entries);
        *s = (struct block_state){.fd = -EBADF};
}

/* New entries need no path: only undoing reads it, from the file. */
int block_state_add(struct block_state *s, uint32_t pid, uint64_t start, enum block_how how, const char *path)
{
        char line[PATH_MAX + 64];
        int n = snprintf(line, sizeof(line), "%c %" PRIu32 " %" PRIu64 "%s%s\n", how, pid, start, path ? " " : "",
                         path ? path : "");
        int r;

        if ((size_t) n >= sizeof(line))
                return -ENAMETOOLONG;
        r = write_all(s->fd, line, (size_t) n);
        return r < 0 ? r : remember(s, &(struct block_entry){.start = start, .pid = pid, .how = (char) how});
}

const struct block_entry *block_state_find(const struct block_state *s, uint32_t pid, uint64_t start)
{
        for (size_t i = s->n; i-- > 0;)
                if (s->entries[i].pid == pid && block_tree_same_start(s->entries[i].start, start))
                        return &s->entries[i];
        return NULL;
}

int block_state_remove(const char *folder, const char *id)
{
        _cleanup_close_ int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (dir < 0)
                return -errno;
        return unlinkat(dir, id, 0) < 0 ? -errno : 0;
}
