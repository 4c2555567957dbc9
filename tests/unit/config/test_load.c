/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration from files: what is absent, unreadable or no file, conf.d in order, and the resolvers in use. */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

#include "config/internal.h"

static char folder[] = "/tmp/sekimori-test-config-XXXXXX";
static struct buf messages = BUF_HEAP(1 << 20);

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void) st;
        (void) type;
        (void) ftw;
        return remove(path);
}

/* An empty folder, as the working directory, for each test. */
static int enter(void **state)
{
        (void) state;
        strcpy(folder + strlen(folder) - 6, "XXXXXX");
        return !mkdtemp(folder) || chdir(folder) < 0 || mkdir("conf.d", 0700) < 0;
}

static int leave(void **state)
{
        (void) state;
        buf_done(&messages);
        return chdir("/") < 0 || nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) < 0;
}

static void put(const char *name, const char *text)
{
        _cleanup_fclose_ FILE *f = fopen(name, "we");

        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
}

static struct config *load(const char *path)
{
        struct config *c;

        buf_reset(&messages);
        if (config_load(path, &c, &messages) < 0)
                fail_msg("refused: %s", buf_str(&messages));
        return c;
}

static void check_refused(const char *path, int error, const char *expected)
{
        struct config *c = (struct config *) folder;

        buf_reset(&messages);
        assert_int_equal(config_load(path, &c, &messages), error);
        assert_ptr_equal(c, folder); /* untouched */
        assert_string_equal(buf_str(&messages), expected);
}

static void test_main_file(void **state)
{
        _cleanup_(config_freep)
        struct config *c = NULL;

        (void) state;
        put("s.yaml", "host: {rescan: 5s}\nserver_like: {resolvers: [192.0.2.53]}\n");
        c = load("s.yaml");
        assert_string_equal(buf_str(&messages), "");
        assert_true(c->host.rescan == 5 * NSEC_PER_SEC);
        assert_string_equal(c->source, "s.yaml");
        assert_int_equal(c->server_like.resolvers.n, 1); /* given: those of the system are not asked */
}

static void test_absent(void **state)
{
        (void) state;
        check_refused("s.yaml", -ENOENT, "s.yaml: cannot be read: No such file or directory\n");
        put("conf.d/a.yaml", "hme: 1\n"); /* not read without the main file */
        check_refused("./s.yaml", -ENOENT, "./s.yaml: cannot be read: No such file or directory\n");
}

static void test_default_absent(void **state)
{
        _cleanup_(config_freep)
        struct config *c = NULL;

        (void) state;
        if (access("/etc/sekimori", F_OK) == 0) {
                print_message("this machine has a configuration in /etc/sekimori\n");
                skip();
        }
        c = load(NULL);
        assert_string_equal(buf_str(&messages), "");
        assert_null(c->source);
        assert_int_equal(c->verdict.bot, 2000);
}

static void test_no_file(void **state)
{
        (void) state;
        check_refused("conf.d", -EISDIR, "conf.d: cannot be read: Is a directory\n");
        assert_int_equal(mkfifo("fifo", 0600), 0); /* nobody writes to it: must not hang */
        check_refused("fifo", -EINVAL, "fifo: is not a regular file\n");
        check_refused("/dev/null", -EINVAL, "/dev/null: is not a regular file\n");
        put("s.yaml", "");
        check_refused("s.yaml/x", -ENOTDIR, "s.yaml/x: cannot be read: Not a directory\n");
}

static void test_no_right(void **state)
{
        (void) state;
        if (geteuid() == 0) {
                print_message("root may read everything\n");
                skip();
        }
        put("s.yaml", "");
        assert_int_equal(chmod("s.yaml", 0), 0);
        check_refused("s.yaml", -EACCES, "s.yaml: cannot be read: Permission denied\n");
}

static void test_large(void **state)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        _cleanup_close_ int fd = open("s.yaml", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        char line[1024];

        (void) state;
        memset(line, '#', sizeof(line) - 1);
        line[sizeof(line) - 1] = '\n';
        for (int i = 0; i < 1024; i++)
                assert_int_equal(write(fd, line, sizeof(line)), sizeof(line));
        c = load("s.yaml"); /* exactly 1 MiB */
        assert_int_equal(write(fd, "\n", 1), 1);
        check_refused("s.yaml", -EINVAL, "s.yaml: is larger than 1024 KiB\n");
        assert_int_equal(ftruncate(fd, 1LL << 40), 0); /* sparse */
        check_refused("s.yaml", -EINVAL, "s.yaml: is larger than 1024 KiB\n");
}

static void test_conf_d(void **state)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        char path[128];

        (void) state;
        put("s.yaml", "home: [192.0.2.0/24]\n"
                      "host: {rescan: 1s}\n"
                      "store: {path: /main}\n"
                      "exceptions: [{subject: x, reason: main}]\n"
                      "verdict: {suspect: 30.0, weights: {a.b: 1.0}}\n"); /* above bot, until 10.yaml */
        put("conf.d/10.yaml", "host: {rescan: 10s}\nverdict: {bot: 40.0, weights: {a.b: 2.0, c.d: 3.0}}\n");
        put("conf.d/9.yaml", "host: {rescan: 9s}\n"); /* by bytes: after 10 */
        put("conf.d/B.yaml", "exceptions: [{subject: y, reason: upper}]\nhome: [198.51.100.0/24]\n");
        put("conf.d/a.yaml", "exceptions:\n  - {subject: z, reason: lower}\n");
        put("conf.d/.hidden.yaml", "hme: 1\n");
        put("conf.d/c.yaml~", "hme: 1\n");
        put("conf.d/c.yml", "hme: 1\n");
        put("conf.d/.yaml", "hme: 1\n");
        put("conf.d/README", "hme: 1\n");
        snprintf(path, sizeof(path), "%s/s.yaml", folder);
        c = load(path);
        assert_true(c->host.rescan == 9 * NSEC_PER_SEC);
        assert_string_equal(c->store.path, "/main");
        assert_int_equal(c->home.n, 1);
        assert_int_equal(c->home.items[0].base.b[12], 198);
        assert_int_equal(c->verdict.suspect, 3000);
        assert_int_equal(c->verdict.bot, 4000);
        assert_int_equal(c->verdict.n_weights, 2);
        assert_int_equal(c->verdict.weights[0].weight, 200);
        assert_int_equal(c->n_exceptions, 3);
        assert_string_equal(c->exceptions[0].reason, "main");
        assert_string_equal(c->exceptions[1].reason, "upper");
        assert_string_equal(c->exceptions[2].reason, "lower");
        snprintf(path, sizeof(path), "%s/conf.d/a.yaml:2", folder);
        assert_string_equal(c->exceptions[2].where, path);
        snprintf(path, sizeof(path), "%s/conf.d/c.yml: note: is not read: the name must end in .yaml\n", folder);
        assert_string_equal(buf_str(&messages), path);
}

static void test_conf_d_errors(void **state)
{
        (void) state;
        put("s.yaml", "hme: 1\n");
        put("conf.d/a.yaml", "\nhost: {backend: x}\n");
        put("conf.d/b.yaml", "home: [\n");
        put("conf.d/c.yaml", "verdict: {suspect: 30}\n");
        put("conf.d/d.yaml", "host: {}\n");
        check_refused("s.yaml", -EINVAL,
                      "s.yaml:1: unknown key \"hme\": did you mean \"home\"?\n"
                      "conf.d/a.yaml:2: host.backend: \"x\" is not one of auto, bpf, proc or off\n"
                      "conf.d/b.yaml:2: while parsing a flow node: did not find expected node content\n"
                      "conf.d/c.yaml:1: verdict: suspect (30.00) is above bot (20.00)\n");
}

static void test_conf_d_unreadable(void **state)
{
        (void) state;
        put("s.yaml", "");
        assert_int_equal(symlink("nowhere", "conf.d/a.yaml"), 0);
        check_refused("s.yaml", -ENOENT, "conf.d/a.yaml: cannot be read: No such file or directory\n");
        assert_int_equal(unlink("conf.d/a.yaml"), 0);
        assert_int_equal(mkdir("conf.d/a.yaml", 0700), 0);
        check_refused("s.yaml", -EISDIR, "conf.d/a.yaml: cannot be read: Is a directory\n");
        assert_int_equal(rmdir("conf.d/a.yaml"), 0);
        assert_int_equal(rmdir("conf.d"), 0);
        config_free(load("s.yaml")); /* no conf.d at all is fine */
        put("conf.d", "a file");
        check_refused("s.yaml", -ENOTDIR, "conf.d: cannot be read: Not a directory\n");
}

static void test_hostile_name(void **state)
{
        (void) state;
        put("\x1b[2J.yaml", "hme: 1\n");
        check_refused("\x1b[2J.yaml", -EINVAL, "\\x1b[2J.yaml:1: unknown key \"hme\": did you mean \"home\"?\n");
}

static void test_resolvers(void **state)
{
        struct config_cidrs list = {0};
        char text[ADDR_TEXT_MAX];
        static const char *const expected[] = {"127.0.0.53", "192.0.2.1", "2001:db8::53", "fe80::1"};

        (void) state;
        put("r", "# nameserver 198.51.100.1\n"
                 "; nameserver 198.51.100.2\n"
                 "nameserver 127.0.0.53\n"
                 "\tnameserver\t192.0.2.1 # trailing\r\n"
                 "nameserver\n"
                 "nameserver \n"
                 "nameservers 198.51.100.3\n"
                 "nameserver198.51.100.4\n"
                 "nameserver example.org\n"
                 "nameserver 192.0.2.0/24\n"
                 "nameserver 2001:db8::53\n"
                 "nameserver xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
                 "search example.org\n"
                 "options edns0\n"
                 "nameserver fe80::1%eth0");
        assert_int_equal(config_resolvers_read("r", &list), 0);
        assert_int_equal(list.n, ELEMENTSOF(expected));
        for (size_t i = 0; i < list.n; i++) {
                assert_string_equal(addr_format(&list.items[i].base, text), expected[i]);
                assert_int_equal(list.items[i].bits, 128);
        }
        free(list.items);
}

static void test_resolvers_odd(void **state)
{
        struct config_cidrs list = {0};
        _cleanup_close_ int fd = open("r", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        (void) state;
        assert_int_equal(config_resolvers_read("absent", &list), 0);
        assert_int_equal(config_resolvers_read("conf.d", &list), 0);
        assert_int_equal(config_resolvers_read("r", &list), 0);
        assert_int_equal(write(fd, "\0nameserver 192.0.2.1\n", 22), 22);
        assert_int_equal(config_resolvers_read("r", &list), 0);
        assert_int_equal(list.n, 0);
        assert_null(list.items);

        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        for (int i = 0; i < 10000; i++) /* far more than are taken */
                assert_true(write(fd, "nameserver 192.0.2.1\n", 21) == 21);
        assert_int_equal(config_resolvers_read("r", &list), 0);
        assert_int_equal(list.n, 16);
        free(list.items);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
        const struct CMUnitTest tests[] = {
                IN_FOLDER(test_main_file),    IN_FOLDER(test_absent),        IN_FOLDER(test_default_absent),
                IN_FOLDER(test_no_file),      IN_FOLDER(test_no_right),      IN_FOLDER(test_large),
                IN_FOLDER(test_conf_d),       IN_FOLDER(test_conf_d_errors), IN_FOLDER(test_conf_d_unreadable),
                IN_FOLDER(test_hostile_name), IN_FOLDER(test_resolvers),     IN_FOLDER(test_resolvers_odd),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
