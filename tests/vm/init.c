/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The first process of the test machine: turns a bare kernel into a copy of the machine that built it.
 *
 * The initramfs holds this static program, the modules it loads and two lists. It mounts the build machine's root (9p,
 * read-only) under a tmpfs, so that a test may write anywhere and nothing outlives the run, moves there, starts
 * tests/vm/guest.sh, reaps orphans like any init, and powers off. In the machine with a person (SEKIMORI_VM_PERSON)
 * what is written goes to a disk, so that it outlives a restart, and tests/vm/person-boot.sh makes way for systemd. It
 * is written in C so that no package has to supply a shell for the initramfs. Runs as process 1 inside QEMU and nowhere
 * else. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char source_dir[4096];

/* Nothing can be repaired in here: say why and switch the machine off, the host sees a run without results. */
static _Noreturn void give_up(const char *what, const char *which)
{
        fprintf(stderr, "vm init: %s %s: %s\n", what, which, strerror(errno));
        sync();
        reboot(RB_POWER_OFF);
        _exit(1);
}

static void must_mount(const char *from, const char *at, const char *type, unsigned long flags, const char *data)
{
        (void) mkdir(at, 0755);
        if (mount(from, at, type, flags, data) < 0)
                give_up("cannot mount", at);
}

static void chomp(char *line)
{
        line[strcspn(line, "\n")] = 0;
}

/* /modules.list: paths in the initramfs, in an order in which every module finds its symbols. */
static void load_modules(void)
{
        char path[512];
        FILE *list = fopen("/modules.list", "re");

        if (!list)
                give_up("cannot read", "/modules.list");
        while (fgets(path, sizeof(path), list)) {
                chomp(path);
                int fd = open(path, O_RDONLY | O_CLOEXEC);
                if (fd < 0)
                        give_up("cannot open", path);
                if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
                        give_up("cannot load", path);
                close(fd);
        }
        fclose(list);
}

/* /environment: NAME=value lines for the guest script; SEKIMORI_SOURCE says where that script is. */
static void load_environment(void)
{
        char line[8192];
        FILE *list = fopen("/environment", "re");

        if (!list)
                give_up("cannot read", "/environment");
        while (fgets(line, sizeof(line), list)) {
                chomp(line);
                char *copy = strdup(line);
                if (!copy || putenv(copy) < 0)
                        give_up("cannot set", line);
        }
        fclose(list);
        if (!getenv("SEKIMORI_SOURCE"))
                give_up("no SEKIMORI_SOURCE in", "/environment");
        snprintf(source_dir, sizeof(source_dir), "%s", getenv("SEKIMORI_SOURCE"));
}

static void enter_root(bool on_disk)
{
        if (on_disk)
                must_mount("/dev/vda", "/rw", "ext4", MS_NOATIME, NULL);
        else
                must_mount("tmpfs", "/rw", "tmpfs", 0, "mode=0755,size=75%");
        if ((mkdir("/rw/upper", 0755) < 0 || mkdir("/rw/work", 0755) < 0) && errno != EEXIST)
                give_up("cannot make", "/rw/upper");
        /* cache=loose: the export is read-only and ours, and a round trip per read under emulation costs minutes. */
        must_mount("root", "/lower", "9p", MS_RDONLY, "trans=virtio,version=9p2000.L,cache=loose,msize=512000");
        /* xino=on: stat tells the device and inode that the kernel has for a file, as on a root without overlay. */
        must_mount("overlay", "/root", "overlay", 0, "lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work,xino=on");
        must_mount("proc", "/root/proc", "proc", 0, NULL);
        must_mount("sysfs", "/root/sys", "sysfs", 0, NULL);
        must_mount("devtmpfs", "/root/dev", "devtmpfs", 0, NULL);
        if (chdir("/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
                give_up("cannot enter", "/root");
}

/* Runs one of our scripts to its end; returns its wait status. */
static int run_script(const char *script)
{
        pid_t child = fork();

        if (child < 0)
                give_up("cannot fork for", script);
        if (child == 0) {
                setsid();
                if (chdir(source_dir) < 0)
                        give_up("cannot enter", source_dir);
                execl("/bin/bash", "bash", script, (char *) NULL);
                fprintf(stderr, "vm init: cannot start %s: %s\n", script, strerror(errno));
                _exit(127);
        }
        for (;;) {
                int status = -1;
                pid_t gone = wait(&status);
                if (gone == child || (gone < 0 && errno != EINTR))
                        return status;
        }
}

static _Noreturn void become_systemd(void)
{
        int null = open("/dev/null", O_RDWR);

        if (null >= 0) {
                dup2(null, STDIN_FILENO);
                dup2(null, STDOUT_FILENO);
                dup2(null, STDERR_FILENO);
                close(null);
        }
        clearenv();
        execl("/lib/systemd/systemd", "systemd", (char *) NULL);
        give_up("cannot start", "/lib/systemd/systemd");
}

int main(void)
{
        must_mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
        int console = open("/dev/console", O_RDWR);
        if (console >= 0) {
                dup2(console, STDIN_FILENO);
                dup2(console, STDOUT_FILENO);
                dup2(console, STDERR_FILENO);
        }
        load_modules();
        load_environment();
        bool person = getenv("SEKIMORI_VM_PERSON");
        enter_root(person);
        if (!person)
                (void) run_script("tests/vm/guest.sh");
        else if (run_script("tests/vm/person-boot.sh") == 0)
                become_systemd();
        sync();
        reboot(RB_POWER_OFF);
        return 1;
}
