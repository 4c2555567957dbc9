/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table gate_programs.def against this machine: bare names in the folders of programs, paths, and the login shells
 * of /etc/shells. Runs in the keeper. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <string.h>

#include "respond/gate_programs_internal.h"

#define SHELLS      "/etc/shells"
#define SHELLS_FILE (64u << 10)
#define SHELLS_MAX  64
#define LEFT_MAX    128

struct row {
        uint32_t kind; /* 0: left out */
        const char *names, *reason;
};

static const struct row rows[] = {
#define GATE_PROGRAM(kind, names)    {GATE_KIND_##kind, names, NULL},
#define GATE_LEFT_OUT(names, reason) {0, names, reason},
#define GATE_NEVER(patterns, reason)
#include "respond/gate_programs.def"
#undef GATE_PROGRAM
#undef GATE_LEFT_OUT
#undef GATE_NEVER
};

static const struct row nevers[] = {
#define GATE_PROGRAM(kind, names)
#define GATE_LEFT_OUT(names, reason)
#define GATE_NEVER(patterns, reason) {0, patterns, reason},
#include "respond/gate_programs.def"
#undef GATE_PROGRAM
#undef GATE_LEFT_OUT
#undef GATE_NEVER
};

static const char *const folders[] = {
        "/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/libexec", "/usr/lib",
};

/* Folders like /usr/lib/x86_64-linux-gnu: https://wiki.debian.org/Multiarch/Tuples. */
static const char *const tuples[] = {
        "x86_64-linux-gnu",      "aarch64-linux-gnu", "arm-linux-gnueabihf", "i386-linux-gnu",
        "powerpc64le-linux-gnu", "riscv64-linux-gnu", "s390x-linux-gnu",     "loongarch64-linux-gnu",
};

/* Cuts the next name of a row. false: there is none. */
static bool next_name(const char **names, char ret[static NAME_MAX + 1])
{
        const char *p = *names + strspn(*names, " ");
        size_t n = strcspn(p, " ");

        if (n == 0 || n > NAME_MAX)
                return false;
        memcpy(ret, p, n);
        ret[n] = '\0';
        *names = p + n;
        return true;
}

const char *gate_programs_table_never(const char *path)
{
        const char *slash = strrchr(path, '/'), *own = slash ? slash + 1 : path;
        char pattern[NAME_MAX + 1];

        for (size_t i = 0; i < ELEMENTSOF(nevers); i++)
                for (const char *names = nevers[i].names; next_name(&names, pattern);)
                        if (fnmatch(pattern, own, 0) == 0)
                                return nevers[i].reason;
        return NULL;
}

bool gate_programs_table_names(const char *wanted, uint32_t kinds)
{
        char name[NAME_MAX + 1];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                if (!(rows[i].kind & kinds))
                        continue;
                for (const char *names = rows[i].names; next_name(&names, name);) {
                        const char *slash = strrchr(name, '/');

                        if (strcmp(slash ? slash + 1 : name, wanted) == 0)
                                return true;
                }
        }
        return false;
}

static void leave_out(struct gate_programs *p, struct gate_programs_set *set, const char *path, const struct row *row)
{
        const struct gate_programs_claim claim = {.path = path, .source = "table"};
        char reason[GATE_FILE_REASON_MAX];
        struct gate_programs_left_out *more;
        struct gate_file f;

        if (set->n_left_out >= LEFT_MAX || gate_files_look(p->files, path, &f, reason) < 0)
                return;
        more = reallocarray(set->left_out, set->n_left_out + 1, sizeof(*more));
        if (more) {
                set->left_out = more;
                set->left_out[set->n_left_out++] = (struct gate_programs_left_out){f.key, row->reason};
        } else
                set->error = -ENOMEM;
        gate_programs_set_refuse(set, &claim, row->reason);
        gate_file_done(&f);
}

static void take(struct gate_programs *p, struct gate_programs_set *set, const char *path, const struct row *row)
{
        const struct gate_programs_claim claim = {.path = path, .kinds = row->kind, .source = "table", .awaited = true};

        if (!row->kind)
                leave_out(p, set, path, row);
        else
                gate_programs_set_take(p, set, &claim);
}

static void take_name(struct gate_programs *p, struct gate_programs_set *set, const char *name, const struct row *row)
{
        const char *at = strchr(name, '@');
        char path[PATH_MAX];

        if (name[0] == '/' && !at) {
                take(p, set, name, row);
                return;
        }
        for (size_t i = 0; i < (at ? ELEMENTSOF(tuples) : ELEMENTSOF(folders)); i++) {
                if (!at && gate_files_is_link(p->files, folders[i]))
                        continue; /* /bin, where it is /usr/bin */
                if (at)
                        snprintf(path, sizeof(path), "%.*s%s%s", (int) (at - name), name, tuples[i], at + 1);
                else
                        snprintf(path, sizeof(path), "%s/%s", folders[i], name);
                if (gate_files_has(p->files, path))
                        take(p, set, path, row);
        }
}

static void take_rows(struct gate_programs *p, struct gate_programs_set *set, uint32_t kinds)
{
        char name[NAME_MAX + 1];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (kinds ? (rows[i].kind & kinds) != 0 : rows[i].kind == 0)
                        for (const char *names = rows[i].names; next_name(&names, name);)
                                take_name(p, set, name, &rows[i]);
}

static void take_shells(struct gate_programs *p, struct gate_programs_set *set)
{
        char reason[GATE_FILE_REASON_MAX], *save = NULL;
        _cleanup_free_ char *text = NULL;
        struct gate_file f;
        unsigned n = 0;
        size_t len;

        if (gate_files_look(p->files, SHELLS, &f, reason) < 0)
                return;
        if (gate_file_read(&f, SHELLS_FILE, &text, &len) == 0)
                for (char *line = strtok_r(text, "\r\n", &save); line && n < SHELLS_MAX;
                     line = strtok_r(NULL, "\r\n", &save)) {
                        const struct gate_programs_claim claim = {
                                .path = line, .kinds = GATE_KIND_SHELL, .source = SHELLS, .awaited = true};

                        if (line[0] != '/')
                                continue;
                        gate_programs_set_take(p, set, &claim);
                        n++;
                }
        gate_file_done(&f);
}

void gate_programs_table_scan(struct gate_programs *p, struct gate_programs_set *set)
{
        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                gate_files_await(p->files, folders[i]);
        take_rows(p, set, 0);
        /* Shells first: what is a shell can be nothing else. */
        take_shells(p, set);
        take_rows(p, set, GATE_KIND_SHELL);
        take_rows(p, set, ~(uint32_t) GATE_KIND_SHELL);
}
