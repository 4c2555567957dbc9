/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rights, and a record of what was done: see acting.h. Runs in the command line, as root. */
#include "cli/acting.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/log.h"

int acting_need_root(struct cli *cli)
{
        if (geteuid() == 0)
                return 0;
        log_error("%s needs root, to read or change what is in the kernel", cli->name);
        cli->status = CLI_INPUT;
        return -EPERM;
}

const char *acting_by(char text[static 32])
{
        const char *sudo = getenv("SUDO_USER");
        const struct passwd *pw = getpwuid(getuid());

        if (sudo && *sudo && getuid() == 0)
                snprintf(text, 32, "%s (sudo)", sudo);
        else
                snprintf(text, 32, "%s", pw ? pw->pw_name : "root");
        return text;
}

void acting_record(struct cli *cli, enum action_kind kind, const struct subject *subject, const char *undo,
                   const char *format, ...)
{
        const struct store_params params = {.dir = cli_store_path(cli), .append = true};
        struct action a = {.kind = kind, .time = clock_realtime()};
        _cleanup_(buf_done)
        struct buf errors = BUF_HEAP(4096);
        struct store *s = NULL;
        va_list ap;
        int r;

        if (subject)
                a.subject = *subject;
        acting_by(a.by);
        snprintf(a.undo, sizeof(a.undo), "%s", undo);
        va_start(ap, format);
        vsnprintf(a.what, sizeof(a.what), format, ap);
        va_end(ap);
        r = store_open(&params, &s, &errors);
        if (r == 0)
                r = store_put_action(s, &a);
        if (r == 0)
                r = store_commit(s);
        store_close(s);
        if (r < 0)
                log_warning("this was done but could not be put down: %s",
                            errors.len ? buf_str(&errors) : strerror(-r));
}

void acting_subject(pid_t pid, uint64_t start, struct subject *ret)
{
        char path[64], target[4096], id[64] = "";
        struct stat st;
        unsigned n = 0, byte;
        ssize_t len;
        FILE *f;

        memset(ret, 0, sizeof(*ret));
        ret->kind = SUBJECT_PROCESS;
        ret->pid = (uint32_t) pid;
        ret->start = start;
        snprintf(path, sizeof(path), "/proc/%d/exe", (int) pid);
        len = readlink(path, target, sizeof(target) - 1);
        if (len > 0) {
                target[len] = '\0';
                snprintf(ret->name, sizeof(ret->name), "%.31s",
                         strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
        }
        if (stat(path, &st) == 0) {
                ret->exe_ino = st.st_ino;
                ret->exe_dev = major(st.st_dev) << 20 | minor(st.st_dev);
        }
        f = fopen("/proc/sys/kernel/random/boot_id", "re");
        if (f && !fgets(id, sizeof(id), f))
                id[0] = '\0';
        if (f)
                fclose(f);
        for (const char *p = id; *p && n < sizeof(ret->boot_id); p++)
                if (*p != '-' && sscanf(p, "%2x", &byte) == 1) {
                        ret->boot_id[n++] = (uint8_t) byte;
                        p++;
                }
}
