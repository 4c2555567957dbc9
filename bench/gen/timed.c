/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori-timed: runs a command and says what it cost, for the benches. A program as small as this one, since a child
 * inherits the peak memory of whoever started it until it calls exec: of an interpreter that would be more than some
 * programs ever need. Not installed.
 *
 *   sekimori-timed OUTPUT COMMAND [ARGUMENT...]    the command's standard output goes to the file OUTPUT
 *
 * Prints one JSON line; exit status 0 whatever the command's. The command ends when this program does. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
        return (double) t.tv_sec + (double) t.tv_usec / 1e6;
}

static void start(char **argv)
{
        int out = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (out >= 0 && dup2(out, STDOUT_FILENO) >= 0)
                execvp(argv[2], argv + 2);
        fprintf(stderr, "sekimori-timed: %s: %s\n", argv[out < 0 ? 1 : 2], strerror(errno));
        _exit(127);
}

int main(int argc, char **argv)
{
        struct rusage use;
        double begun = now();
        int status;
        pid_t pid;

        if (argc < 3) {
                fprintf(stderr, "usage: sekimori-timed OUTPUT COMMAND [ARGUMENT...]\n");
                return 2;
        }
        pid = fork();
        if (pid == 0)
                start(argv);
        if (pid < 0 || wait4(pid, &status, 0, &use) < 0) {
                perror("sekimori-timed");
                return 3;
        }
        printf("{\"wall\":%.6f,\"user\":%.6f,\"system\":%.6f,\"peak\":%ld,\"switches\":%ld,\"status\":%d}\n",
               now() - begun, seconds(use.ru_utime), seconds(use.ru_stime), use.ru_maxrss * 1024L,
               use.ru_nvcsw + use.ru_nivcsw, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
        return 0;
}
