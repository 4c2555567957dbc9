/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening and sending, shared by the cases. Runs in sekimori-gen. */
#include "send.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

const char send_payload[SEND_PAYLOAD] = "sekimori attribution bench: harmless bytes";

int send_socket(struct send_job *job)
{
        job->fd = socket(job->family, job->type | SOCK_CLOEXEC, job->proto);
        return job->fd < 0 ? -errno : 0;
}

int send_open(struct gen *g, void *arg)
{
        struct send_job *job = arg;
        int r;

        if (job->remote.sa.sa_family == 0)
                job->remote = gen_peer(g, job->family, job->port);
        r = send_socket(job);
        if (r < 0)
                return r;
        return connect(job->fd, &job->remote.sa, gen_addr_len(&job->remote)) < 0 ? -errno : 0;
}

int send_write(struct gen *g, void *arg)
{
        const struct send_job *job = arg;

        for (unsigned i = 0; i < g->count; i++)
                if (write(job->fd, send_payload, SEND_PAYLOAD) < 0)
                        return -errno;
        return 0;
}

int send_to(struct gen *g, void *arg)
{
        struct send_job *job = arg;

        if (job->remote.sa.sa_family == 0)
                job->remote = gen_peer(g, job->family, job->port);
        for (unsigned i = 0; i < g->count; i++)
                if (sendto(job->fd, send_payload, SEND_PAYLOAD, 0, &job->remote.sa, gen_addr_len(&job->remote)) < 0)
                        return -errno;
        return 0;
}

int send_open_write(struct gen *g, void *arg)
{
        int r = send_open(g, arg);

        return r < 0 ? r : send_write(g, arg);
}

int send_helper(int argc, char **argv)
{
        struct gen g = {0};
        struct actor_report report = {0};
        struct send_job job = {0};
        socklen_t len = sizeof(report.local);
        int r;

        if (argc != 5)
                return 2;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        job.fd = atoi(argv[2]);
        g.count = (unsigned) atoi(argv[3]);
        r = actor_self(0, &report.task);
        if (r == 0)
                r = send_write(&g, &job);
        report.result = r;
        report.done = actor_now();
        getsockname(job.fd, &report.local.sa, &len);
        if (actor_report_write(atoi(argv[4]), &report) < 0)
                return 1;
        /* until the generator ends */
        for (;;)
                pause();
}
