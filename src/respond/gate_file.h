/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A program's file as the gate may believe it: reached only through folders that nobody but root may write, owned by
 * root, and known by the numbers under which the kernel half sees it. Used by the keeper and by `gate allow`. */
#ifndef SEKIMORI_RESPOND_GATE_FILE_H
#define SEKIMORI_RESPOND_GATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "respond/gate_map.h"

#define GATE_FILE_REASON_MAX 256

/* Where files are looked for: a root folder ("/"; a test's own), and who is trusted there (0; the user of a test). */
struct gate_files;

enum gate_file_form { GATE_FILE_OTHER, GATE_FILE_ELF, GATE_FILE_SCRIPT };

struct gate_file {
        struct gate_program_key key; /* inode and device of the superblock, as the kernel half reads them */
        char *path;                  /* without links, from the root folder on */
        enum gate_file_form form;
        bool executable;
        int fd; /* open for reading */
        off_t size;
        struct timespec ctime;
};

/* Told of every folder in which a change would change the answer: that of the file, of each link on the way, and of
 * what is missing. */
typedef void (*gate_file_folder_cb)(void *userdata, const char *folder);

/* 0 or negative errno. `root` NULL: "/". */
int gate_files_new(const char *root, uid_t owner, struct gate_files **ret);
void gate_files_free(struct gate_files *files);
DEFINE_FREEP(struct gate_files, gate_files_free)
/* The root folder: O_PATH, borrowed. */
int gate_files_root(const struct gate_files *files);
void gate_files_on_folder(struct gate_files *files, gate_file_folder_cb cb, void *userdata);
/* Reads the mounts anew; before each series of looks. 0 or negative errno. */
int gate_files_refresh(struct gate_files *files);

/* Looks at an absolute path. 0; -ENOENT: nothing is there; -EPERM: it may not be believed, and `reason` says why, to be
 * put behind the path; -EISDIR: it is a folder; or another negative errno, with a reason. */
int gate_files_look(struct gate_files *files, const char *path, struct gate_file *ret,
                    char reason[static GATE_FILE_REASON_MAX]);
void gate_file_done(struct gate_file *f);
/* Is there anything by that name, whoever may write it? Cheaper than a look. */
bool gate_files_has(const struct gate_files *files, const char *path);
bool gate_files_is_link(const struct gate_files *files, const char *path);
/* Tells of the folder, or of the last one on the way to it that is there. */
void gate_files_await(struct gate_files *files, const char *folder);

/* The whole of a file that was looked at, NUL-terminated. -EFBIG: longer than max. */
int gate_file_read(const struct gate_file *f, size_t max, char **ret, size_t *ret_len);
#define GATE_FILE_SHA256_MAX 65 /* 64 digits and NUL */
#define GATE_FILE_HASHED_MAX (256ll << 20)
int gate_file_sha256(const struct gate_file *f, char ret[static GATE_FILE_SHA256_MAX]);

#endif
