/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The order .mail: one short mail to each target in turn, to a sink that the test set up there; sender and recipient
 * are in .invalid (RFC 2606), so that nobody could deliver it. Runs in whatever process or thread the shape chose. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "demo/sim.h"

#define ANSWER_MS  1000
#define ANSWER_MAX 1024

static const struct {
        const char *says;
        char expected; /* first digit of the answer, RFC 5321 4.2.1 */
} dialogue[] = {
        {NULL, '2'},
        {"EHLO sim.invalid\r\n", '2'},
        {"MAIL FROM:<sim@sim.invalid>\r\n", '2'},
        {"RCPT TO:<sink@sim.invalid>\r\n", '2'},
        {"DATA\r\n", '3'},
        {"Subject: sekimori-sim\r\n\r\nA simulated mail of a test, without meaning.\r\n.\r\n", '2'},
        {"QUIT\r\n", '2'},
};

/* The last line of an answer has no hyphen after its code. */
static bool is_whole(const char *answer, size_t len)
{
        size_t at = len - 1;

        if (answer[at] != '\n')
                return false;
        while (at > 0 && answer[at - 1] != '\n')
                at--;
        return len - at < 4 || answer[at + 3] != '-';
}

/* The first digit of the answer, or negative errno. */
static int read_answer(int fd)
{
        nsec_t deadline = clock_boottime() + ANSWER_MS * NSEC_PER_MSEC;
        char answer[ANSWER_MAX];
        size_t len = 0;

        while (len < sizeof(answer)) {
                struct pollfd p = {.fd = fd, .events = POLLIN};
                nsec_t left = deadline - clock_boottime();
                ssize_t n;

                if (left <= 0 || poll(&p, 1, (int) (left / NSEC_PER_MSEC) + 1) <= 0)
                        return -ETIMEDOUT;
                n = recv(fd, answer + len, sizeof(answer) - len, 0);
                if (n <= 0)
                        return n == 0 ? -ECONNRESET : -errno;
                len += (size_t) n;
                if (is_whole(answer, len))
                        return answer[0];
        }
        return -EMSGSIZE;
}

static int deliver(int fd)
{
        for (size_t i = 0; i < ELEMENTSOF(dialogue); i++) {
                int r = 0;

                if (dialogue[i].says && send(fd, dialogue[i].says, strlen(dialogue[i].says), MSG_NOSIGNAL) < 0)
                        return -errno;
                r = read_answer(fd);
                if (r < 0)
                        return r;
                if (r != dialogue[i].expected)
                        return -EPROTO;
        }
        return 0;
}

int sim_mail_run(struct sim_job *job)
{
        for (uint32_t i = 0; i < job->order.count; i++) {
                _cleanup_close_ int fd = -EBADF;
                int r = sim_work_open(job, i % sim_space_size(job->space), &fd);

                if (r == -ENOBUFS)
                        return r;
                /* Also refused by a safety check: then all are. */
                sim_work_count(job, r < 0 ? r : deliver(fd));
        }
        return 0;
}
