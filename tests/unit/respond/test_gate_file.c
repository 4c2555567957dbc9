/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that may be believed: links, folders and rights on the way, and the numbers under which the kernel knows them.
 */
#include "gate_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "respond/gate_file.h"

static struct gate_files *files;
static char reason[GATE_FILE_REASON_MAX];

static int setup(void **state)
{
        (void) state;
        tree_new();
        assert_int_equal(gate_files_new(tree, geteuid(), &files), 0);
        assert_int_equal(gate_files_refresh(files), 0);
        return 0;
}

static int teardown(void **state)
{
        (void) state;
        gate_files_free(files);
        tree_free();
        return 0;
}

static void check_found(const char *path, const char *real)
{
        struct gate_file f;
        struct stat st;
        int r = gate_files_look(files, path, &f, reason);

        if (r < 0)
                fail_msg("%s: %d %s", path, r, reason);
        assert_string_equal(f.path, real);
        assert_int_equal(stat(tree_path(real), &st), 0);
        assert_true(f.key.ino == st.st_ino);
        assert_int_equal(f.key.spare, 0);
        gate_file_done(&f);
}

static void check_refused(const char *path, int error, const char *why)
{
        struct gate_file f;

        assert_int_equal(gate_files_look(files, path, &f, reason), error);
        assert_string_equal(reason, why);
}

static void test_links(void **state)
{
        (void) state;
        tree_elf("/usr/bin/mail.real");
        tree_link("/bin", "usr/bin");
        tree_link("/etc/alternatives/mail", "/usr/bin/mail.real");
        tree_link("/usr/bin/mail", "/etc/alternatives/mail");
        tree_link("/usr/lib/up", "../../bin/./mail");
        check_found("/usr/bin/mail.real", "/usr/bin/mail.real");
        check_found("/bin/mail", "/usr/bin/mail.real");
        check_found("//bin///mail", "/usr/bin/mail.real");
        check_found("/usr/lib/up", "/usr/bin/mail.real");
        check_found("/../../usr/../usr/bin/mail", "/usr/bin/mail.real");
        check_refused("/usr/bin/none", -ENOENT, "");
        check_refused("/none/none", -ENOENT, "");
        check_refused("/usr/bin", -EISDIR, "is a folder");
        check_refused("/usr/bin/mail/x", -EPERM, "goes through mail.real, which is no folder");
        check_refused("usr/bin/mail", -EINVAL, "is no absolute path");
}

static void test_endless_links(void **state)
{
        char path[PATH_MAX * 2], name[NAME_MAX + 2];

        (void) state;
        tree_link("/a", "b");
        tree_link("/b", "a");
        tree_link("/c", "c/c/c/c");
        check_refused("/a", -EPERM, "has too many links on its way");
        check_refused("/c", -EPERM, "has too many links on its way");
        memset(path, '/', sizeof(path));
        path[sizeof(path) - 1] = '\0';
        check_refused(path, -EPERM, "has a name that is too long");
        memset(name, 'x', sizeof(name));
        name[0] = '/';
        snprintf(path, sizeof(path), "%.*s", (int) sizeof(name), name);
        path[sizeof(name)] = '\0';
        check_refused(path, -EPERM, "has a name that is too long");
        path[sizeof(name) - 1] = '\0';
        check_refused(path, -ENOENT, "");
}

static void test_rights(void **state)
{
        (void) state;
        tree_elf("/usr/bin/a");
        check_found("/usr/bin/a", "/usr/bin/a");
        assert_int_equal(chmod(tree_path("/usr/bin/a"), 0775), 0);
        check_refused("/usr/bin/a", -EPERM, "may be written by a group");
        assert_int_equal(chmod(tree_path("/usr/bin/a"), 0757), 0);
        check_refused("/usr/bin/a", -EPERM, "may be written by everybody");
        assert_int_equal(chmod(tree_path("/usr/bin/a"), 04755), 0);
        check_found("/usr/bin/a", "/usr/bin/a");
        assert_int_equal(chmod(tree_path("/usr/bin"), 0775), 0);
        check_refused("/usr/bin/a", -EPERM, "its folder /usr/bin may be written by a group");
        assert_int_equal(chmod(tree_path("/usr/bin"), 0755), 0);
        /* A sticky folder lets everybody put new names beside. */
        assert_int_equal(chmod(tree_path("/usr"), 01757), 0);
        check_refused("/usr/bin/a", -EPERM, "its folder /usr may be written by everybody");
        assert_int_equal(chmod(tree_path("/usr"), 0755), 0);
        assert_int_equal(chmod(tree, 0757), 0);
        check_refused("/usr/bin/a", -EPERM, "its folder / may be written by everybody");
        assert_int_equal(chmod(tree, 0755), 0);
        /* A trusted link into an open folder, and an open folder's link to a trusted program. */
        tree_elf("/home/bot/a");
        tree_link("/home/bot/b", "/usr/bin/a");
        tree_link("/usr/bin/c", "/home/bot/a");
        assert_int_equal(chmod(tree_path("/home/bot"), 0757), 0);
        check_refused("/usr/bin/c", -EPERM, "its folder /home/bot may be written by everybody");
        check_refused("/home/bot/b", -EPERM, "its folder /home/bot may be written by everybody");
}

static void test_owner(void **state)
{
        _cleanup_(gate_files_freep)
        struct gate_files *others = NULL;
        struct gate_file f;
        char expected[64];

        (void) state;
        tree_elf("/a");
        assert_int_equal(gate_files_new(tree, geteuid() + 1, &others), 0);
        assert_int_equal(gate_files_refresh(others), 0);
        assert_int_equal(gate_files_look(others, "/a", &f, reason), -EPERM);
        snprintf(expected, sizeof(expected), "its folder / belongs to user %u", geteuid());
        assert_string_equal(reason, expected);
        if (geteuid() != 0)
                return;
        assert_int_equal(chown(tree_path("/a"), 12345, 0), 0);
        check_refused("/a", -EPERM, "belongs to user 12345");
}

static void test_forms(void **state)
{
        struct gate_file f;
        char *text;
        size_t len;

        (void) state;
        tree_elf("/elf");
        tree_file("/script", "#!/bin/sh\n", 0755);
        tree_file("/empty", "", 0644);
        assert_int_equal(mkfifo(tree_path("/fifo"), 0600), 0);
        assert_int_equal(gate_files_look(files, "/elf", &f, reason), 0);
        assert_int_equal(f.form, GATE_FILE_ELF);
        assert_true(f.executable);
        gate_file_done(&f);
        assert_int_equal(gate_files_look(files, "/empty", &f, reason), 0);
        assert_int_equal(f.form, GATE_FILE_OTHER);
        assert_false(f.executable);
        gate_file_done(&f);
        assert_int_equal(gate_files_look(files, "/script", &f, reason), 0);
        assert_int_equal(f.form, GATE_FILE_SCRIPT);
        assert_int_equal(gate_file_read(&f, 9, &text, &len), -EFBIG);
        assert_int_equal(gate_file_read(&f, 10, &text, &len), 0);
        assert_int_equal(len, 10);
        assert_string_equal(text, "#!/bin/sh\n");
        free(text);
        gate_file_done(&f);
        check_refused("/fifo", -EPERM, "is no file");
}

static void test_digest(void **state)
{
        char digest[GATE_FILE_SHA256_MAX];
        struct gate_file f;

        (void) state;
        tree_file("/abc", "abc", 0644);
        assert_int_equal(gate_files_look(files, "/abc", &f, reason), 0);
        assert_int_equal(gate_file_sha256(&f, digest), 0);
        /* FIPS 180-4's example. */
        assert_string_equal(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        gate_file_done(&f);
}

static void note_folder(void *userdata, const char *folder)
{
        char *all = userdata;

        strcat(strcat(all, folder), " ");
}

static void test_folders(void **state)
{
        char told[512] = "";
        struct gate_file f;

        (void) state;
        tree_elf("/usr/bin/a");
        tree_link("/bin", "usr/bin");
        tree_link("/etc/x/a", "/bin/a");
        gate_files_on_folder(files, note_folder, told);
        assert_int_equal(gate_files_look(files, "/etc/x/a", &f, reason), 0);
        gate_file_done(&f);
        assert_string_equal(told, "/etc/x / /usr/bin ");
        told[0] = '\0';
        assert_int_equal(gate_files_look(files, "/usr/lib/b/c", &f, reason), -ENOENT);
        assert_string_equal(told, "/usr ");
        told[0] = '\0';
        gate_files_await(files, "/usr/bin");
        assert_string_equal(told, "/usr/bin ");
        assert_true(gate_files_has(files, "/usr/bin/a"));
        assert_false(gate_files_has(files, "/usr/bin/b"));
        assert_true(gate_files_is_link(files, "/bin"));
        assert_false(gate_files_is_link(files, "/usr"));
}

/* What the kernel itself says of a file: /proc/locks prints i_sb->s_dev and i_ino. */
static void kernel_key(int fd, struct gate_program_key *ret)
{
        FILE *locks;
        char line[256];
        unsigned long long ino;
        unsigned big, small;
        int pid;

        *ret = (struct gate_program_key){0};
        locks = flock(fd, LOCK_SH) == 0 ? fopen("/proc/locks", "r") : NULL;
        while (locks && fgets(line, sizeof(line), locks))
                if (sscanf(line, "%*d: FLOCK ADVISORY READ %d %x:%x:%llu", &pid, &big, &small, &ino) == 4 &&
                    pid == getpid())
                        *ret = (struct gate_program_key){.ino = ino, .dev = big << 20 | small};
        if (locks)
                fclose(locks);
        (void) flock(fd, LOCK_UN);
}

static bool is_as_kernel(struct gate_files *where, const char *path)
{
        struct gate_program_key kernel;
        struct gate_file f;
        bool same;

        if (gate_files_refresh(where) < 0 || gate_files_look(where, path, &f, reason) < 0)
                return false;
        kernel_key(f.fd, &kernel);
        same = kernel.ino != 0 && f.key.ino == kernel.ino && f.key.dev == kernel.dev;
        gate_file_done(&f);
        return same;
}

static void test_as_kernel(void **state)
{
        (void) state;
        tree_elf("/a");
        assert_true(is_as_kernel(files, "/a"));
}

/* In a mount namespace of a child: layers on two file systems, where stat(2) tells another device than the kernel has.
 */
static int in_overlay(void)
{
        struct gate_files *where;
        char options[512];
        struct stat st, root;

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return 77;
        if (mount("none", tree_path("/upper"), "tmpfs", 0, "mode=755") < 0)
                return 77;
        if (mkdir(tree_path("/upper/u"), 0755) < 0 || mkdir(tree_path("/upper/w"), 0755) < 0)
                return 77;
        snprintf(options, sizeof(options), "xino=off,lowerdir=%s/lower,upperdir=%s/upper/u,workdir=%s/upper/w", tree,
                 tree, tree);
        if (mount("none", tree_path("/merged"), "overlay", 0, options) < 0)
                return 77;
        if (stat(tree_path("/merged"), &root) < 0 || stat(tree_path("/merged/a"), &st) < 0 || st.st_dev == root.st_dev)
                return 2; /* the case that this is about */
        if (gate_files_new(tree, geteuid(), &where) < 0 || !is_as_kernel(where, "/merged/a"))
                return 1;
        gate_files_free(where);
        return 0;
}

static void test_overlay(void **state)
{
        int status;
        pid_t pid;

        (void) state;
        tree_elf("/lower/a");
        tree_parents("/upper/");
        tree_parents("/merged/");
        if (geteuid() != 0) {
                print_message("mounting needs root\n");
                skip();
        }
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(in_overlay());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
                print_message("overlayfs cannot be mounted here\n");
                skip();
        }
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_links),  TEST(test_endless_links), TEST(test_rights),    TEST(test_owner),   TEST(test_forms),
                TEST(test_digest), TEST(test_folders),       TEST(test_as_kernel), TEST(test_overlay),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
