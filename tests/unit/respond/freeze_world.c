/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Processes and control groups for the tests of freezing. See freeze_world.h. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include "freeze_world.h"

#include <mntent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PATIENCE (10 * NSEC_PER_SEC)

static void find_root(char *ret, size_t size)
{
        FILE *f = setmntent("/proc/self/mounts", "r");

        for (const struct mntent *m = f ? getmntent(f) : NULL; m; m = getmntent(f))
                if (strcmp(m->mnt_type, "cgroup2") == 0) {
                        snprintf(ret, size, "%s", m->mnt_dir);
                        break;
                }
        if (f)
                endmntent(f);
}

const char *world_in_root(const struct world *w, const char *path)
{
        static char text[512];

        snprintf(text, sizeof(text), "%s%s", w->root, path);
        return text;
}

void world_join(const struct world *w, const char *path, pid_t pid)
{
        char name[512];
        FILE *f;

        snprintf(name, sizeof(name), "%s%s/cgroup.procs", w->root, path);
        f = fopen(name, "we");
        assert_non_null(f);
        assert_true(fprintf(f, "%d", (int) pid) > 0);
        assert_int_equal(fclose(f), 0);
}

const char *world_group_of(pid_t pid)
{
        static char text[4096];
        char path[64];
        _cleanup_fclose_ FILE *f = NULL;

        snprintf(path, sizeof(path), "/proc/%d/cgroup", (int) pid);
        f = fopen(path, "re");
        while (f && fgets(text, sizeof(text), f))
                if (strncmp(text, "0::", 3) == 0) {
                        text[strcspn(text, "\n")] = '\0';
                        return text + 3;
                }
        return "?";
}

int world_say_links(void *userdata, block_tree_add add, void *tree)
{
        const struct world *w = userdata;

        for (size_t i = 0; i < ELEMENTSOF(w->links); i++)
                add(tree, &w->links[i]);
        return 0;
}

static void set_params(struct world *w)
{
        const struct process_shared *s = w->t.shared;

        w->links[0] = (struct block_tree_link){.pid = (uint32_t) s->pid[WHO_ESCAPED],
                                               .start = s->start[WHO_ESCAPED],
                                               .creator = (uint32_t) s->middle,
                                               .creator_start = s->middle_start};
        w->links[1] = (struct block_tree_link){.pid = (uint32_t) s->middle,
                                               .start = s->middle_start,
                                               .creator = (uint32_t) s->pid[WHO_SUBJECT],
                                               .creator_start = s->start[WHO_SUBJECT]};
        w->params = (struct block_freeze_params){
                .tree = {.pid = (uint32_t) s->pid[WHO_SUBJECT],
                         .start = s->start[WHO_SUBJECT],
                         .userdata = w,
                         .links = world_say_links},
                .id = "test-1",
                .state = w->state,
                .cgroup = w->root[0] ? w->root : NULL,
                .group = w->group,
                .patience = PATIENCE,
        };
}

int world_set_up(void **state)
{
        struct world *w = calloc(1, sizeof(*w));

        assert_non_null(w);
        find_root(w->root, sizeof(w->root));
        snprintf(w->own, sizeof(w->own), "/sekimori-test-%d", (int) getpid());
        snprintf(w->a, sizeof(w->a), "%s/a", w->own);
        snprintf(w->b, sizeof(w->b), "%s/b", w->own);
        snprintf(w->group, sizeof(w->group), "%s/frozen", w->own + 1);
        strcpy(w->state, "/tmp/sekimori-freeze-XXXXXX");
        assert_non_null(mkdtemp(w->state));
        process_tree_start(&w->t);
        if (mkdir(world_in_root(w, w->own), 0755) < 0 || mkdir(world_in_root(w, w->a), 0755) < 0 ||
            mkdir(world_in_root(w, w->b), 0755) < 0)
                w->root[0] = '\0';
        /* In different groups, as the parts of a session are. */
        for (int i = 0; w->root[0] && i < WHO_MAX; i++)
                world_join(w, i == WHO_GRANDCHILD || i == WHO_ESCAPED ? w->b : w->a, w->t.shared->pid[i]);
        set_params(w);
        *state = w;
        return 0;
}

int world_tear_down(void **state)
{
        struct world *w = *state;
        struct block_thaw_result r;

        (void) block_thaw(&w->params, &r);
        process_tree_end(&w->t);
        if (w->root[0]) {
                rmdir(world_in_root(w, w->a));
                rmdir(world_in_root(w, w->b));
                assert_int_equal(rmdir(world_in_root(w, w->own)), 0); /* nothing was left in it */
        }
        assert_int_equal(rmdir(w->state), 0);
        free(w);
        return 0;
}

void world_need_groups(const struct world *w)
{
        if (!w->root[0]) {
                print_message("skipped: no cgroup v2 that may be written to\n");
                skip();
        }
}

static bool is_member(int who)
{
        return who != WHO_INNOCENT;
}

void world_expect_still(const struct world *w)
{
        for (int i = 0; i < WHO_MAX; i++)
                if (is_member(i))
                        assert_true(process_tree_stands(&w->t, (enum who) i));
}

void world_expect_running(const struct world *w)
{
        for (int i = 0; i < WHO_MAX; i++)
                assert_true(process_tree_runs(&w->t, (enum who) i, 2));
}

void world_expect_home(const struct world *w)
{
        for (int i = 0; i < WHO_MAX; i++)
                assert_string_equal(world_group_of(w->t.shared->pid[i]),
                                    i == WHO_GRANDCHILD || i == WHO_ESCAPED ? w->b : w->a);
}
