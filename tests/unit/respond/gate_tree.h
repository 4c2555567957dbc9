/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small system of files beneath a folder of the test's own, for tests of what the gate reads. */
#ifndef SEKIMORI_TESTS_GATE_TREE_H
#define SEKIMORI_TESTS_GATE_TREE_H

#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ELF "\177ELF and more"

static char tree[64];

static void tree_new(void)
{
        snprintf(tree, sizeof(tree), "/tmp/gate-tree-XXXXXX");
        assert_non_null(mkdtemp(tree));
        assert_int_equal(chmod(tree, 0755), 0);
}

static int tree_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
        (void) st;
        (void) flag;
        (void) ftw;
        return remove(path);
}

static void tree_free(void)
{
        (void) nftw(tree, tree_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *tree_path(const char *path)
{
        static char full[2 * PATH_MAX];

        snprintf(full, sizeof(full), "%s%s", tree, path);
        return full;
}

/* The folders on the way are made. */
static void tree_parents(const char *path)
{
        char part[2 * PATH_MAX];

        for (size_t i = 1; path[i]; i++)
                if (path[i] == '/') {
                        snprintf(part, sizeof(part), "%s%.*s", tree, (int) i, path);
                        if (mkdir(part, 0755) == 0)
                                assert_int_equal(chmod(part, 0755), 0);
                }
}

static inline void tree_file(const char *path, const char *content, mode_t mode)
{
        FILE *f;

        tree_parents(path);
        f = fopen(tree_path(path), "w");
        assert_non_null(f);
        fputs(content, f);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(tree_path(path), mode), 0);
}

static inline void tree_elf(const char *path)
{
        tree_file(path, ELF, 0755);
}

/* In one step, as a package manager does. */
static inline void tree_replace(const char *path, const char *content, mode_t mode)
{
        char beside[PATH_MAX], full[2 * PATH_MAX];

        snprintf(beside, sizeof(beside), "%s.new", path);
        tree_file(beside, content, mode);
        snprintf(full, sizeof(full), "%s", tree_path(path));
        assert_int_equal(rename(tree_path(beside), full), 0);
}

static inline void tree_link(const char *path, const char *target)
{
        tree_parents(path);
        assert_int_equal(symlink(target, tree_path(path)), 0);
}

#endif
