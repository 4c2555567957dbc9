/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Declared senders: what may be declared, the file that keeps them, undo, and files that are damaged or hostile. */
#include "gate_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "respond/gate_senders.h"
#include "respond/gate_state.h"

#define HEAD "sekimori-gate-senders 1\nnext 9\n"
#define SHA  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static char reason[128];
static int dir;

static int setup(void **state)
{
        (void) state;
        tree_new();
        assert_int_equal(gate_state_open(tree_path("/gate"), true, &dir), 0);
        return 0;
}

static int teardown(void **state)
{
        (void) state;
        close(dir);
        tree_free();
        return 0;
}

static uint32_t add(struct gate_senders *s, struct gate_sender asked)
{
        uint32_t number = 0;

        if (!asked.who)
                asked.who = (char *) "root";
        asked.when = 1798761600 * NSEC_PER_SEC;
        if (gate_senders_add(s, &asked, &number, reason) < 0)
                fail_msg("%s: %s", asked.value, reason);
        return number;
}

static void check_refused(struct gate_senders *s, struct gate_sender asked, int error, const char *why)
{
        size_t before = s->n;
        uint32_t number;

        if (!asked.who)
                asked.who = (char *) "root";
        assert_int_equal(gate_senders_add(s, &asked, &number, reason), error);
        assert_string_equal(reason, why);
        assert_int_equal(s->n, before);
}

#define S(k, v, ...)   ((struct gate_sender){.kind = GATE_SENDER_##k, .value = (char *) (v), __VA_ARGS__})
#define T(field, text) .field = (char *) (text)

static struct gate_senders *three(void)
{
        struct gate_senders *s = gate_senders_new();

        assert_non_null(s);
        assert_int_equal(
                add(s, S(UNIT, "postfix@-.service", T(cgroup, "/system.slice/system-postfix.slice/postfix@-.service"),
                         T(reason, "the mail server"))),
                1);
        assert_int_equal(add(s, S(PROGRAM, "/usr/local/bin/re port", T(user, "root"), T(sha256, SHA))), 2);
        assert_int_equal(add(s, S(NETWORK, "192.0.2.0/24", T(who, "anan"))), 3);
        return s;
}

static void test_declared(void **state)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *s = three();

        (void) state;
        assert_string_equal(gate_senders_find(s, 1)->reason, "the mail server");
        assert_int_equal(gate_senders_find(s, 2)->uid, 0);
        assert_int_equal(gate_senders_find(s, 3)->net.bits, 120);
        assert_null(gate_senders_find(s, 4));
        assert_ptr_equal(gate_senders_find_text(s, "2"), &s->items[1]);
        assert_ptr_equal(gate_senders_find_text(s, "postfix@-"), &s->items[0]);
        assert_ptr_equal(gate_senders_find_text(s, "postfix@-.service"), &s->items[0]);
        assert_ptr_equal(gate_senders_find_text(s, "192.0.2.0/24"), &s->items[2]);
        assert_null(gate_senders_find_text(s, "postfix"));
        assert_null(gate_senders_find_text(s, "99999999999999999999"));
        assert_int_equal(gate_senders_remove(s, 3), 0);
        assert_int_equal(gate_senders_remove(s, 3), -ENOENT);
        /* A number is not given again. */
        assert_int_equal(add(s, S(NETWORK, "2001:db8::/32")), 4);
}

static void test_refused(void **state)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *s = three();
        char longest[300];

        (void) state;
        check_refused(s, S(UNIT, "postfix.service"), -EINVAL, "is a unit: it has a control group, and no user");
        check_refused(s, S(UNIT, "a b", T(cgroup, "/x")), -EINVAL, "is no name of a unit");
        check_refused(s, S(UNIT, "x.service", T(cgroup, "/system.slice")), -EINVAL, "is too wide: too much runs there");
        check_refused(s, S(UNIT, "x.service", T(cgroup, "/user.slice/user-1000.slice")), -EINVAL,
                      "belongs to a person's sessions");
        check_refused(s, S(UNIT, "x.service", T(cgroup, "/x"), T(user, "root")), -EINVAL,
                      "is a unit: it has a control group, and no user");
        check_refused(s, S(UNIT, "other", T(cgroup, "/system.slice/system-postfix.slice/postfix@-.service")), -EEXIST,
                      "is declared already, as number 1");
        check_refused(s, S(PROGRAM, "bin/x"), -EINVAL, "is no absolute path");
        check_refused(s, S(PROGRAM, "/usr/bin/python3"), -EINVAL, "runs whatever it is told to: name the user, too");
        check_refused(s, S(PROGRAM, "/usr/bin/x", T(user, "no such user here")), -EINVAL,
                      "has a user that is not in /etc/passwd");
        check_refused(s, S(PROGRAM, "/usr/bin/x", T(user, "4294967295")), -EINVAL,
                      "has a user that is not in /etc/passwd");
        check_refused(s, S(PROGRAM, "/usr/bin/x", T(sha256, "abc")), -EINVAL,
                      "has a SHA-256 that is none: 64 digits, in lower case");
        check_refused(s, S(PROGRAM, "/usr/bin/x\n9\tprogram"), -EINVAL, "is no name");
        check_refused(s, S(PROGRAM, "/usr/local/bin/re port"), -EEXIST, "is declared already, as number 2");
        check_refused(s, S(NETWORK, "0.0.0.0/0"), -EINVAL, "is everybody");
        check_refused(s, S(NETWORK, "::/0"), -EINVAL, "is everybody");
        check_refused(s, S(NETWORK, "example.org"), -EINVAL, "is no network such as 192.0.2.0/24");
        check_refused(s, S(NETWORK, "192.0.2.0/24"), -EEXIST, "is declared already, as number 3");
        check_refused(s, S(NETWORK, "192.0.2.7", T(who, "")), -EINVAL, "does not say who declared it");
        check_refused(s, S(NETWORK, "192.0.2.7", T(reason, "a\nb")), -EINVAL,
                      "has a reason that is too long, or not one line");
        memset(longest, 'x', sizeof(longest));
        longest[GATE_SENDERS_REASON_MAX + 1] = '\0';
        check_refused(s, S(NETWORK, "192.0.2.7", T(reason, longest)), -EINVAL,
                      "has a reason that is too long, or not one line");
        assert_int_equal(add(s, S(PROGRAM, "/usr/bin/python3", T(user, "0"))), 4);
}

static void test_full(void **state)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *s = gate_senders_new();
        char net[32];

        (void) state;
        for (int i = 0; i < GATE_SENDERS_MAX; i++) {
                snprintf(net, sizeof(net), "192.0.%d.%d", i / 256, i % 256);
                (void) add(s, S(NETWORK, net));
        }
        check_refused(s, S(NETWORK, "198.51.100.1"), -ENOSPC, "is one too many: at most 256 senders");
}

static void test_round_trip(void **state)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *s = three(), *again = NULL;
        struct buf first = BUF_HEAP(1 << 16), second = BUF_HEAP(1 << 16);

        (void) state;
        assert_int_equal(gate_senders_remove(s, 1), 0);
        assert_int_equal(gate_senders_put(s, &first), 0);
        assert_int_equal(gate_senders_parse("x", buf_str(&first), first.len, &again, NULL), 0);
        assert_int_equal(again->n, 2);
        assert_int_equal(again->next, 4);
        assert_string_equal(again->items[0].value, "/usr/local/bin/re port");
        assert_string_equal(again->items[0].sha256, SHA);
        assert_string_equal(again->items[1].who, "anan");
        assert_true(again->items[1].when == 1798761600 * NSEC_PER_SEC);
        assert_int_equal(gate_senders_put(again, &second), 0);
        assert_string_equal(buf_str(&first), buf_str(&second));
        buf_done(&first);
        buf_done(&second);
}

static void check_damaged(const char *text, size_t len, const char *expected)
{
        struct gate_senders *s = NULL;
        struct buf errors = BUF_HEAP(1 << 16);

        assert_int_equal(gate_senders_parse("senders", text, len, &s, &errors), -EINVAL);
        assert_null(s);
        assert_string_equal(buf_str(&errors), expected);
        buf_done(&errors);
}

#define DAMAGED(text, expected) check_damaged(text, sizeof(text) - 1, expected)
#define LINE                    "1\tnetwork\t192.0.2.1\t-\t-\t2027-01-01T00:00:00Z\troot\t-"

static void test_damaged(void **state)
{
        (void) state;
        DAMAGED("", "senders:1: the file is empty\n");
        DAMAGED("sekimori-gate-senders 2\n", "senders:1: this is no file of senders, or one of another version\n");
        DAMAGED("sekimori-gate-senders 1", "senders:1: the line does not end: the file is cut\n");
        DAMAGED(HEAD LINE, "senders:3: the line does not end: the file is cut\n");
        DAMAGED(HEAD "\0\n", "senders:1: there is a NUL character in it\n");
        DAMAGED("sekimori-gate-senders 1\n" LINE "\n", "senders:2: the next number is none\n");
        DAMAGED("sekimori-gate-senders 1\nnext 0\n", "senders:2: the next number is none\n");
        DAMAGED("sekimori-gate-senders 1\nnext 99999999999\n", "senders:2: the next number is none\n");
        DAMAGED(HEAD "\n", "senders:3: there must be eight fields, separated by tabs\n");
        DAMAGED(HEAD LINE "\tmore\n", "senders:3: there must be eight fields, separated by tabs\n");
        DAMAGED(HEAD "1\tnetwork\t192.0.2.1\t\t-\t2027-01-01T00:00:00Z\troot\t-\n",
                "senders:3: there must be eight fields, separated by tabs\n");
        DAMAGED(HEAD LINE "\n" LINE "\n", "senders:4: has the number of another sender\n");
        DAMAGED(HEAD "0\tnetwork\t192.0.2.1\t-\t-\t2027-01-01T00:00:00Z\troot\t-\n"
                     "2\tnetworks\t192.0.2.1\t-\t-\t2027-01-01T00:00:00Z\troot\t-\n"
                     "3\tnetwork\t192.0.2.1\t-\t-\tyesterday\troot\t-\n"
                     "4\tnetwork\t192.0.2.1\t-\tbin\t2027-01-01T00:00:00Z\troot\t-\n"
                     "5\tunit\tx.service\t/user.slice\t-\t2027-01-01T00:00:00Z\troot\t-\n"
                     "6\tprogram\t/usr/bin/perl\t-\t-\t2027-01-01T00:00:00Z\troot\t-\n",
                "senders:3: the number is none\n"
                "senders:4: the kind is not unit, program or network\n"
                "senders:5: the time is none\n"
                "senders:6: is a network, and has neither user nor control group\n"
                "senders:7: is too wide: too much runs there\n"
                "senders:8: runs whatever it is told to: name the user, too\n");
}

/* A user who is gone keeps the declaration from holding for anybody. */
static void test_user_gone(void **state)
{
        static const char text[] = HEAD "1\tprogram\t/opt/x\t-\tnobodybythisname\t2027-01-01T00:00:00Z\troot\t-\n";
        _cleanup_(gate_senders_freep)
        struct gate_senders *s = NULL;

        (void) state;
        assert_int_equal(gate_senders_parse("x", text, sizeof(text) - 1, &s, NULL), 0);
        assert_true(s->items[0].uid == GATE_SENDERS_NOBODY);
}

static int count_versions(void)
{
        DIR *d = opendir(tree_path("/gate/senders.undo"));
        const struct dirent *e;
        int n = 0;

        while (d && (e = readdir(d)))
                n += e->d_name[0] != '.';
        if (d)
                closedir(d);
        return n;
}

static void check_on_disk(size_t n)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *s = NULL;

        assert_int_equal(gate_senders_load(dir, &s, NULL), 0);
        assert_int_equal(s->n, n);
}

static void test_undo(void **state)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *s = three();

        (void) state;
        check_on_disk(0);
        assert_int_equal(gate_senders_undo(dir), -ENOENT);
        assert_int_equal(count_versions(), 0);
        assert_int_equal(gate_senders_save(dir, s), 0);
        check_on_disk(3);
        assert_int_equal(gate_senders_remove(s, 2), 0);
        assert_int_equal(gate_senders_save(dir, s), 0);
        check_on_disk(2);
        assert_int_equal(count_versions(), 2);
        assert_int_equal(gate_senders_undo(dir), 0);
        check_on_disk(3);
        assert_int_equal(gate_senders_undo(dir), 0);
        check_on_disk(0);
        assert_int_equal(gate_senders_undo(dir), -ENOENT);
        assert_int_equal(count_versions(), 0);
}

static void test_undo_is_bounded(void **state)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *s = gate_senders_new();
        char net[32];

        (void) state;
        for (int i = 0; i < GATE_SENDERS_UNDO_MAX + 20; i++) {
                snprintf(net, sizeof(net), "192.0.2.%d", i);
                (void) add(s, S(NETWORK, net));
                assert_int_equal(gate_senders_save(dir, s), 0);
        }
        assert_int_equal(count_versions(), GATE_SENDERS_UNDO_MAX);
        for (int i = 0; i < GATE_SENDERS_UNDO_MAX; i++)
                assert_int_equal(gate_senders_undo(dir), 0);
        assert_int_equal(gate_senders_undo(dir), -ENOENT);
        check_on_disk(20);
}

static void test_lock(void **state)
{
        int one = -1, two = -1, folder = open(tree_path("/gate"), O_RDONLY | O_DIRECTORY);
        struct stat st;
        nsec_t begun;

        (void) state;
        assert_int_equal(flock(folder, LOCK_EX | LOCK_NB), 0); /* which everybody can: it is in nobody's way */
        assert_int_equal(gate_senders_lock(dir, false, 0, &one), -ENOENT);
        assert_int_equal(gate_senders_lock(dir, true, 0, &one), 0);
        assert_int_equal(fstat(one, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(gate_senders_lock(dir, true, 0, &two), -EBUSY);
        begun = clock_boottime();
        assert_int_equal(gate_senders_lock(dir, true, 30 * NSEC_PER_MSEC, &two), -EBUSY);
        assert_true(clock_boottime() - begun >= 30 * NSEC_PER_MSEC);
        close(one);
        assert_int_equal(gate_senders_lock(dir, true, 0, &two), 0);
        gate_senders_lock_remove(dir); /* not while it is held */
        assert_int_equal(gate_senders_lock(dir, false, 0, &one), -EBUSY);
        close(two);
        gate_senders_lock_remove(dir);
        assert_int_equal(gate_senders_lock(dir, false, 0, &one), -ENOENT);
        close(folder);
}

static void test_disk_failures(void **state)
{
        _cleanup_(gate_senders_freep)
        struct gate_senders *s = three(), *loaded = NULL;
        struct buf errors = BUF_HEAP(4096);

        (void) state;
        assert_int_equal(gate_senders_save(dir, s), 0);
        /* What a crash between the two steps of a change leaves: both names of one file. */
        assert_int_equal(linkat(dir, "senders", dir, "senders.undo/7", 0), 0);
        assert_int_equal(count_versions(), 2);
        assert_int_equal(gate_senders_undo(dir), 0);
        assert_int_equal(count_versions(), 1);
        check_on_disk(3);
        assert_int_equal(chmod(tree_path("/gate/senders"), 0666), 0);
        assert_int_equal(gate_senders_load(dir, &loaded, &errors), -EPERM);
        assert_string_equal(buf_str(&errors), "senders: may be written by others than root, or is no file\n");
        buf_done(&errors);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_declared),      TEST(test_refused),   TEST(test_full), TEST(test_round_trip),
                TEST(test_damaged),       TEST(test_user_gone), TEST(test_undo), TEST(test_undo_is_bounded),
                TEST(test_disk_failures), TEST(test_lock),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
