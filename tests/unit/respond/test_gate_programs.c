/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which programs are what: the table, login shells, the desktop's choice, the configuration, declared senders, and what
 * may never be one. On a small system of the test's own. */
#include "gate_tree.h"

#include <errno.h>

#include "respond/gate_programs.h"

static struct config *config;
static struct gate_programs *programs;

static int setup(void **state)
{
        (void) state;
        tree_new();
        assert_int_equal(config_new_default(&config), 0);
        return 0;
}

static int teardown(void **state)
{
        (void) state;
        gate_programs_free(programs);
        programs = NULL;
        config_free(config);
        tree_free();
        return 0;
}

static void configure(const char *yaml)
{
        struct buf errors = BUF_HEAP(4096);

        if (config_parse(config, "t", yaml, strlen(yaml), &errors) < 0)
                fail_msg("%s", buf_str(&errors));
        buf_done(&errors);
        if (programs)
                assert_int_equal(gate_programs_configure(programs, config), 0);
}

static void note(void *userdata, const struct gate_program_key *key, const struct gate_programs_entry *entry)
{
        struct buf *told = userdata;

        assert_true(key->ino != 0);
        if (!entry) {
                buf_puts(told, "-gone\n");
                return;
        }
        assert_true(entry->key.ino == key->ino && entry->key.dev == key->dev);
        buf_printf(told, "+%s %x\n", entry->path, entry->program.kinds);
}

static int scan(struct buf *told)
{
        if (!programs)
                assert_int_equal(gate_programs_new_at(config, tree, geteuid(), &programs), 0);
        return gate_programs_scan(programs, told ? note : NULL, told);
}

static const struct gate_programs_entry *entry_of(const char *path)
{
        const struct gate_programs_entry *e;

        for (size_t i = 0; (e = gate_programs_at(programs, i)); i++)
                if (strcmp(e->path, path) == 0)
                        return e;
        return NULL;
}

static void check_is(const char *path, uint32_t kinds)
{
        const struct gate_programs_entry *e = entry_of(path);

        if (!e) {
                fail_msg("%s is not there", path);
                return;
        }
        assert_int_equal(e->program.kinds, kinds);
        assert_true(e->program.id != 0);
        assert_ptr_equal(gate_programs_find(programs, &e->key), e);
        assert_ptr_equal(gate_programs_find_id(programs, e->program.id), e);
}

static const char *refusal_of(const char *path)
{
        const struct gate_programs_refusal *r;

        for (size_t i = 0; (r = gate_programs_refusal_at(programs, i)); i++)
                if (strcmp(r->path, path) == 0)
                        return r->reason;
        return "";
}

static void test_table(void **state)
{
        const struct gate_program_key none = {.ino = 1, .dev = 1};

        const struct gate_programs_entry *e;

        (void) state;
        tree_elf("/usr/bin/gnome-shell");
        tree_elf("/usr/libexec/gnome-terminal-server");
        tree_elf("/usr/bin/mutt");
        tree_elf("/usr/sbin/sshd");
        tree_elf("/usr/lib/x86_64-linux-gnu/sddm/sddm-helper");
        tree_elf("/usr/lib/thunderbird/thunderbird-bin");
        tree_file("/usr/bin/thunderbird", "#!/bin/sh\n", 0755);
        tree_file("/usr/bin/xdg-email", "#!/bin/sh\n", 0755);
        tree_file("/usr/bin/evolution", ELF, 0644);
        tree_file("/usr/bin/konsole", ELF, 0775);
        tree_file("/usr/bin/balsa", "text", 0755);
        tree_parents("/usr/lib/mutt/");
        tree_link("/bin", "usr/bin");
        tree_link("/usr/sbin/sendmail", "../bin/msmtp");
        tree_elf("/usr/bin/msmtp");
        tree_elf("/usr/bin/ls");
        tree_elf("/usr/lib/postfix/sbin/cleanup");
        assert_int_equal(scan(NULL), 9);
        check_is("/usr/bin/gnome-shell", GATE_KIND_DESKTOP);
        check_is("/usr/libexec/gnome-terminal-server", GATE_KIND_TERMINAL);
        check_is("/usr/bin/mutt", GATE_KIND_TUI_MAILER);
        check_is("/usr/sbin/sshd", GATE_KIND_REMOTE);
        check_is("/usr/lib/x86_64-linux-gnu/sddm/sddm-helper", GATE_KIND_DOOR);
        check_is("/usr/lib/thunderbird/thunderbird-bin", GATE_KIND_MAILER);
        check_is("/usr/bin/msmtp", GATE_KIND_SUBMITTER);
        check_is("/usr/bin/xdg-email", GATE_KIND_ASK);
        check_is("/usr/lib/postfix/sbin/cleanup", GATE_KIND_SERVER);
        /* A script is known by its path: its file runs as its interpreter's. */
        for (size_t i = 0; (e = gate_programs_at(programs, i)) != NULL; i++)
                assert_int_equal(e->key.dev == GATE_DEV_SCRIPT, strcmp(e->path, "/usr/bin/xdg-email") == 0);
        assert_string_equal(refusal_of("/usr/bin/konsole"), "may be written by a group");
        assert_null(gate_programs_refusal_at(programs, 1));
        assert_null(gate_programs_at(programs, 9));
        assert_null(gate_programs_find(programs, &none));
        assert_null(gate_programs_find_id(programs, 1));
}

static void test_shells(void **state)
{
        (void) state;
        tree_elf("/usr/bin/zsh");
        tree_elf("/usr/bin/busybox");
        tree_elf("/usr/bin/tmux");
        tree_elf("/opt/odd");
        tree_file("/etc/shells", "# comment\n/usr/bin/zsh\n/usr/bin/tmux\r\n/usr/bin/sh\nopt/x\n/opt/odd", 0644);
        tree_link("/usr/bin/sh", "busybox");
        tree_link("/usr/sbin/sendmail", "/usr/bin/busybox");
        tree_link("/usr/bin/login", "/usr/bin/busybox");
        configure("gate: {mailers: [/opt/odd], terminals: [/usr/bin/busybox]}");
        assert_int_equal(scan(NULL), 3);
        check_is("/usr/bin/zsh", GATE_KIND_SHELL);
        check_is("/usr/bin/busybox", GATE_KIND_SHELL);
        check_is("/opt/odd", GATE_KIND_SHELL);
        assert_string_equal(refusal_of("/usr/sbin/sendmail"), "is many programs in one");
        assert_string_equal(refusal_of("/usr/bin/login"), "is many programs in one");
        assert_string_equal(refusal_of("/usr/bin/busybox"), "is many programs in one");
        assert_string_equal(refusal_of("/opt/odd"), "is a login shell as well");
        assert_non_null(strstr(refusal_of("/usr/bin/tmux"), "tmux send-keys"));
}

/* A file of shells that somebody else may write names no shell. */
static void test_shells_written_by_others(void **state)
{
        (void) state;
        tree_elf("/opt/odd");
        tree_file("/etc/shells", "/opt/odd\n", 0666);
        assert_int_equal(scan(NULL), 0);
}

static void test_configured(void **state)
{
        (void) state;
        tree_elf("/opt/a");
        tree_elf("/opt/b/mail");
        tree_elf("/usr/bin/kitty");
        tree_elf("/usr/bin/python3.11");
        tree_file("/opt/script", "#!/usr/bin/env python3\n", 0755);
        tree_link("/opt/pretty", "/usr/bin/python3.11");
        tree_link("/opt/loop", "loop");
        assert_int_equal(scan(NULL), 0);
        assert_non_null(strstr(refusal_of("/usr/bin/kitty"), "runs any Python"));
        configure("gate:\n"
                  "  desktops: [/opt/a]\n"
                  "  terminals: [/usr/bin/kitty]\n"
                  "  mailers: [/opt/b/mail, /opt/script, /opt/pretty, /opt/none, /opt/loop, /opt]\n"
                  "  terminal_mailers: [/opt/b/mail]\n"
                  "  submitters: [/opt/a]\n");
        assert_int_equal(scan(NULL), 3);
        check_is("/opt/a", GATE_KIND_DESKTOP | GATE_KIND_SUBMITTER);
        check_is("/opt/b/mail", GATE_KIND_MAILER | GATE_KIND_TUI_MAILER);
        check_is("/usr/bin/kitty", GATE_KIND_TERMINAL);
        assert_string_equal(refusal_of("/opt/script"), "is a script: what runs is its interpreter");
        assert_string_equal(refusal_of("/opt/pretty"), "runs any program it is given");
        assert_string_equal(refusal_of("/opt/none"), "is not there");
        assert_string_equal(refusal_of("/opt/loop"), "has too many links on its way");
        assert_string_equal(refusal_of("/opt"), "is a folder");
        configure("gate: {desktops: [], terminals: [], mailers: [], terminal_mailers: [], submitters: []}");
        assert_int_equal(scan(NULL), 3);
        assert_null(gate_programs_at(programs, 0));
}

static void desktop_file(const char *name, const char *exec, const char *rest)
{
        char path[256], text[1024];

        snprintf(path, sizeof(path), "/usr/share/applications/%s", name);
        snprintf(text, sizeof(text), "[Desktop Entry]\nType=Application\nName=X\nExec=%s\n%s", exec, rest);
        tree_file(path, text, 0644);
}

static void test_desktop(void **state)
{
        (void) state;
        tree_file(
                "/usr/share/applications/mimeinfo.cache",
                "[MIME Cache]\nx-scheme-handler/mailto=a.desktop;web.desktop;flat.desktop;wrap.desktop;kde4-k.desktop;"
                "none.desktop;../x.desktop;gone.desktop;lone.desktop;hid.desktop;\n",
                0644);
        tree_file("/etc/xdg/mimeapps.list", "[Default Applications]\nx-scheme-handler/mailto=tui.desktop\n", 0644);
        desktop_file("a.desktop", "\"/opt/my mail/a\" --compose %u", "Categories=Network;Email;\n");
        desktop_file("web.desktop", "web %u", "Categories=Network;WebBrowser;Email;\n");
        desktop_file("flat.desktop", "/usr/bin/flatpak run org.x", "Categories=Email;\n");
        desktop_file("wrap.desktop", "wrap %u", "Categories=Email;\n");
        desktop_file("lone.desktop", "lone %u", "Categories=Email;\n");
        desktop_file("hid.desktop", "/usr/bin/hid", "Categories=Email;\nHidden=true\n");
        desktop_file("tui.desktop", "tui", "Categories=Email;\nTerminal=true\n");
        desktop_file("kde4/k.desktop", "k", "Categories=Email;\n");
        tree_elf("/opt/my mail/a");
        tree_elf("/usr/bin/web");
        tree_elf("/usr/bin/flatpak");
        tree_elf("/usr/bin/tui");
        tree_elf("/usr/bin/k");
        tree_elf("/usr/bin/hid");
        /* A package of a launcher script, with one program that the table knows, in a folder it does not. */
        tree_file("/usr/bin/wrap", "#!/bin/sh\n", 0755);
        tree_file("/usr/bin/lone", "#!/bin/sh\n", 0755);
        tree_elf("/usr/lib/wrap-115/thunderbird-bin");
        tree_elf("/usr/lib/wrap-115/helper");
        tree_file("/var/lib/dpkg/info/wrap.list",
                  "/.\n/usr/bin/wrap\n/usr/lib/wrap-115/helper\n/usr/lib/wrap-115/thunderbird-bin\n", 0644);
        tree_file("/var/lib/dpkg/info/lone.list", "/.\n/usr/bin/lone2\n/usr/lib/wrap-115/thunderbird-bin\n", 0644);
        assert_int_equal(scan(NULL), 4);
        check_is("/opt/my mail/a", GATE_KIND_MAILER);
        check_is("/usr/bin/tui", GATE_KIND_TUI_MAILER);
        check_is("/usr/bin/k", GATE_KIND_MAILER);
        check_is("/usr/lib/wrap-115/thunderbird-bin", GATE_KIND_MAILER);
        assert_string_equal(entry_of("/usr/bin/k")->source, "desktop");
        assert_string_equal(refusal_of("/usr/bin/web"), "takes mailto: links, and does not call itself a mail program");
        assert_string_equal(refusal_of("/usr/bin/flatpak"), "starts whatever it is told to");
        assert_string_equal(refusal_of("/usr/bin/lone"), "is a script: what runs is its interpreter");
        /* What others may write is not asked. */
        assert_int_equal(chmod(tree_path("/usr/share/applications/a.desktop"), 0666), 0);
        assert_int_equal(scan(NULL), 1);
        assert_null(entry_of("/opt/my mail/a"));
        assert_int_equal(chmod(tree_path("/usr/share/applications"), 0777), 0);
        assert_int_equal(scan(NULL), 3);
        assert_null(gate_programs_at(programs, 0));
}

static void test_senders(void **state)
{
        static const char digest[] = "0000000000000000000000000000000000000000000000000000000000000000";
        struct gate_programs_sender senders[] = {
                {"/opt/a", NULL, UINT32_MAX, 7},   {"/opt/b", digest, 1000, 8},
                {"/usr/bin/python3", NULL, 33, 9}, {"/usr/bin/perl", NULL, UINT32_MAX, 10},
                {"/opt/same-as-a", NULL, 5, 11},   {"/opt/none", NULL, 5, 12},
        };
        const struct gate_programs_entry *e;

        (void) state;
        tree_elf("/opt/a");
        tree_elf("/opt/b");
        tree_elf("/usr/bin/python3");
        tree_elf("/usr/bin/perl");
        tree_link("/opt/same-as-a", "a");
        configure("gate: {mailers: [/opt/b]}");
        assert_int_equal(scan(NULL), 1);
        assert_int_equal(gate_programs_set_senders(programs, senders, ELEMENTSOF(senders)), 0);
        assert_int_equal(scan(NULL), 2);
        check_is("/opt/a", GATE_KIND_SENDER);
        assert_int_equal(entry_of("/opt/a")->program.uid, UINT32_MAX);
        assert_int_equal(entry_of("/opt/a")->program.sender, 7);
        assert_string_equal(refusal_of("/opt/b"), "is not what was declared: its SHA-256 is another");
        check_is("/opt/b", GATE_KIND_MAILER);
        check_is("/usr/bin/python3", GATE_KIND_SENDER);
        assert_string_equal(refusal_of("/usr/bin/perl"), "runs any program it is given");
        assert_string_equal(refusal_of("/opt/same-as-a"), "is declared as a sender twice");
        assert_string_equal(refusal_of("/opt/none"), "is not there");

        tree_replace("/opt/b", "\177ELF\n", 0755);
        /* printf '\177ELF\n' | sha256sum */
        senders[1].sha256 = "e49bd819da745fe229d16224afdfece17ed79358e34f4e35d749bb3bbe10f465";
        assert_int_equal(gate_programs_set_senders(programs, senders, 2), 0);
        assert_int_equal(scan(NULL), 3); /* b's inode changed, python3 went */
        e = entry_of("/opt/b");
        assert_int_equal(e->program.kinds, GATE_KIND_SENDER | GATE_KIND_MAILER);
        assert_int_equal(e->program.uid, 1000);
        assert_int_equal(e->program.sender, 8);
        tree_file("/opt/b", "\177ELF changed\n", 0755); /* in place */
        assert_int_equal(scan(NULL), 1);
        check_is("/opt/b", GATE_KIND_MAILER);
}

static void test_changes(void **state)
{
        struct buf told = BUF_HEAP(4096);
        uint32_t id;

        (void) state;
        tree_elf("/usr/bin/mutt");
        tree_elf("/usr/bin/xterm");
        assert_int_equal(scan(&told), 2);
        assert_non_null(strstr(buf_str(&told), "+/usr/bin/mutt 80\n"));
        assert_non_null(strstr(buf_str(&told), "+/usr/bin/xterm 2\n"));
        id = entry_of("/usr/bin/mutt")->program.id;
        buf_reset(&told);
        assert_int_equal(scan(&told), 0);
        assert_string_equal(buf_str(&told), "");
        tree_replace("/usr/bin/mutt", ELF, 0755);
        assert_int_equal(scan(&told), 2); /* another inode */
        assert_non_null(strstr(buf_str(&told), "-gone\n"));
        assert_int_equal(entry_of("/usr/bin/mutt")->program.id, id);
        buf_reset(&told);
        assert_int_equal(unlink(tree_path("/usr/bin/xterm")), 0);
        assert_int_equal(scan(&told), 1);
        assert_string_equal(buf_str(&told), "-gone\n");
        buf_reset(&told);
        assert_int_equal(chmod(tree_path("/usr/bin"), 0777), 0);
        assert_int_equal(scan(&told), 1);
        assert_string_equal(buf_str(&told), "-gone\n");
        buf_done(&told);
}

static void test_any(void **state)
{
        static const char *const any[] = {"/usr/bin/python3.11", "/bin/bash",         "/usr/bin/perl5.36.0",
                                          "/usr/bin/env",        "/usr/bin/java",     "busybox",
                                          "/usr/bin/flatpak",    "/lib/ld-linux.so.2"};
        static const char *const one[] = {"/usr/bin/mutt",
                                          "/usr/sbin/exim4",
                                          "/usr/bin/javac-mail",
                                          "/bin/ls",
                                          "/usr/lib/thunderbird/thunderbird-bin",
                                          "/usr/bin/sendmail"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(any); i++)
                assert_true(gate_programs_is_any(any[i]));
        for (size_t i = 0; i < ELEMENTSOF(one); i++)
                assert_false(gate_programs_is_any(one[i]));
}

/* On this machine: whatever is found is root's, and a second look finds the same. */
static void test_here(void **state)
{
        _cleanup_(gate_programs_freep)
        struct gate_programs *here = NULL;
        int n;

        (void) state;
        assert_int_equal(gate_programs_new(config, &here), 0);
        n = gate_programs_scan(here, NULL, NULL);
        assert_true(n >= 0);
        assert_int_equal(gate_programs_scan(here, NULL, NULL), 0);
        for (size_t i = 0; gate_programs_at(here, i); i++) {
                struct stat st;

                assert_int_equal(stat(gate_programs_at(here, i)->path, &st), 0);
                assert_int_equal(st.st_uid, 0);
                assert_int_equal(st.st_mode & 022, 0);
                n--;
        }
        assert_int_equal(n, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_table),      TEST(test_shells),  TEST(test_shells_written_by_others),
                TEST(test_configured), TEST(test_desktop), TEST(test_senders),
                TEST(test_changes),    TEST(test_any),     TEST(test_here),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
