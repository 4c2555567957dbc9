/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opens what `read` was given. In a folder, what is no input is passed over and counted; a file that was named must be
 * one. */
#include "cli/read_input.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define START_BYTES (64u << 10) /* to recognise a file by */
#define DEPTH_MAX   16

#define CAPTURE_HEADER 24 /* of pcap; pcapng's first block is no shorter */

int read_inputs_new(const struct home *home, struct read_inputs *ret)
{
        struct read_inputs in = {0};
        struct rlimit files;
        int r;

        /* All files are open at once: a folder may hold thousands. */
        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &files);
        }
        if ((r = capture_new(&in.capture)) < 0 || (r = log_reader_new(home, &in.logs)) < 0) {
                read_inputs_done(&in);
                return r;
        }
        *ret = in;
        return 0;
}

void read_inputs_done(struct read_inputs *in)
{
        capture_free(in->capture);
        log_reader_free(in->logs);
        *in = (struct read_inputs){0};
}

/* What comes slowly is not waited for. A capture is known by its header, so that one that is being made, and is ended
 * before it has much, is told all the same. */
static bool is_enough(const uint8_t *start, size_t len)
{
        enum input_kind kind = len < CAPTURE_HEADER ? INPUT_UNKNOWN : input_recognise(start, len);

        return len >= 4096 || kind == INPUT_PCAP || kind == INPUT_PCAPNG;
}

/* The first bytes. A pipe gives them only once: *ret_taken says how many are gone from it. */
static int read_start(int fd, uint8_t *start, size_t *ret_len, size_t *ret_taken)
{
        struct stat st;
        size_t len = 0;

        if (fstat(fd, &st) < 0)
                return -errno;
        while (len < START_BYTES) {
                bool file = S_ISREG(st.st_mode);
                ssize_t n = file ? pread(fd, start + len, START_BYTES - len, (off_t) len) :
                                   read(fd, start + len, START_BYTES - len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                len += (size_t) n;
                if (!file && is_enough(start, len))
                        break;
        }
        *ret_len = len;
        *ret_taken = S_ISREG(st.st_mode) ? 0 : len;
        return 0;
}

/* Takes the descriptor. */
static int add_log(struct read_inputs *in, const char *name, int fd, const void *start, size_t taken, struct buf *why)
{
        char text[128];
        struct buf reason = BUF_FIXED(text);
        int r = log_reader_add(in->logs, name, fd, start, taken, &reason);

        if (r < 0)
                (void) buf_printf(why, "%s: %s\n", name, buf_str(&reason));
        in->n_logs += r >= 0;
        return r;
}

/* Takes the descriptor. */
static int add_open(struct read_inputs *in, const char *name, int fd, struct buf *why)
{
        _cleanup_free_ uint8_t *start = malloc(START_BYTES);
        size_t len = 0, taken = 0;
        enum input_kind kind;
        int r = start ? read_start(fd, start, &len, &taken) : -ENOMEM;

        if (r < 0) {
                close(fd);
                (void) buf_printf(why, "%s: %s\n", name, strerror(-r));
                return r;
        }
        kind = input_recognise(start, len);
        if (kind == INPUT_GZIP || kind == INPUT_ZSTD)
                kind = input_recognise_inside(start, len);
        switch (kind) {
        case INPUT_PCAP:
        case INPUT_PCAPNG:
                r = capture_add(in->capture, name, fd, start, taken, why);
                in->n_captures += r >= 0;
                return r;
        case INPUT_TEXT:
                return add_log(in, name, fd, start, taken, why);
        default:
                close(fd);
                (void) buf_printf(why, len ? "%s: neither a capture nor a log that is known\n" : "%s: empty\n", name);
                return -EINVAL;
        }
}

static int add_folder(struct read_inputs *in, const char *path, unsigned depth, struct buf *why);

static int add_path(struct read_inputs *in, const char *path, unsigned depth, struct buf *why)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0) {
                int r = -errno;

                if (fd >= 0)
                        close(fd);
                (void) buf_printf(why, "%s: %s\n", path, strerror(-r));
                return r;
        }
        if (!S_ISDIR(st.st_mode))
                return add_open(in, path, fd, why);
        close(fd);
        return add_folder(in, path, depth, why);
}

/* Of a folder: is there something to read under this name? Pipes and devices would wait for ever, and folders that are
 * links may lead in a circle. */
static bool is_candidate(const char *path, const char *name)
{
        struct stat st, itself;

        return name[0] != '.' && stat(path, &st) == 0 && lstat(path, &itself) == 0 &&
               (S_ISREG(st.st_mode) || S_ISDIR(itself.st_mode));
}

/* One name in a folder. What is no input there, or cannot be opened, does not keep the others from being read. */
static int add_inner(struct read_inputs *in, const char *path, unsigned depth, struct buf *why)
{
        _cleanup_(buf_done)
        struct buf inner = BUF_HEAP(1u << 16);
        int r = add_path(in, path, depth, &inner);

        if (r == -EINVAL) {
                in->n_skipped++;
                return 0;
        }
        (void) buf_puts(why, buf_str(&inner));
        if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
                return r;
        in->n_unread += r < 0;
        return 0;
}

static int add_folder(struct read_inputs *in, const char *path, unsigned depth, struct buf *why)
{
        struct dirent **names;
        int n, r = 0;

        if (depth == DEPTH_MAX) {
                (void) buf_printf(why, "%s: folders in folders, more than %u deep\n", path, DEPTH_MAX);
                return -ELOOP;
        }
        n = scandir(path, &names, NULL, alphasort);
        if (n < 0) {
                r = -errno;
                (void) buf_printf(why, "%s: %s\n", path, strerror(-r));
                return r;
        }
        for (int i = 0; i < n; i++) {
                _cleanup_(buf_done)
                struct buf file = BUF_HEAP(PATH_MAX);

                (void) buf_printf(&file, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", names[i]->d_name);
                if (r >= 0 && !file.error && is_candidate(buf_str(&file), names[i]->d_name))
                        r = add_inner(in, buf_str(&file), depth + 1, why);
                free(names[i]);
        }
        free(names);
        return r;
}

static int add_standard(struct read_inputs *in, struct buf *why)
{
        int fd, r;

        if (in->standard) {
                (void) buf_puts(why, "standard input can be read only once\n");
                return -EBUSY;
        }
        fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
        if (fd < 0) {
                r = -errno;
                (void) buf_printf(why, "standard input: %s\n", strerror(-r));
                return r;
        }
        in->standard = true;
        return add_open(in, "standard input", fd, why);
}

int read_inputs_add(struct read_inputs *in, const char *path, struct buf *why)
{
        unsigned before = in->n_captures + in->n_logs;
        int r;

        if (strcmp(path, "-") == 0)
                return add_standard(in, why);
        r = add_path(in, path, 0, why);
        if (r == -EMFILE)
                (void) buf_puts(why, "all inputs are open at once: \"ulimit -n\" says how many files may be\n");
        if (r >= 0 && before == in->n_captures + in->n_logs) {
                (void) buf_printf(why, "%s: holds neither a capture nor a log that is known\n", path);
                return -EINVAL;
        }
        return r;
}
