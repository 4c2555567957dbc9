/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Namespaces: a thread in another network namespace, a socket of another one, a process in a pid namespace of its own.
 * Runs in sekimori-gen. */
#include "send.h"

#include <fcntl.h>
#include <sched.h>

struct netns_job {
        struct send_job send;
        uint64_t netns, netns_cookie; /* of the socket */
        bool back;                    /* return before sending */
};

static int netns_call(struct gen *g, void *arg)
{
        struct netns_job *job = arg;
        _cleanup_close_ int there = open(g->peer_netns, O_RDONLY | O_CLOEXEC);
        _cleanup_close_ int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        int r;

        if (there < 0 || here < 0)
                return -errno;
        if (setns(there, CLONE_NEWNET) < 0)
                return -errno;
        job->netns = actor_netns();
        job->netns_cookie = actor_netns_cookie();
        r = send_open(g, &job->send);
        if (job->back && setns(here, CLONE_NEWNET) < 0)
                return -errno;
        return r < 0 ? r : send_write(g, &job->send);
}

/* From the peer's namespace to an address of ours, so that the other way round is tried too. */
static int setns_case(struct gen *g, bool back)
{
        struct netns_job job = {.send = {.family = AF_INET, .type = SOCK_DGRAM}, .back = back};
        struct send_job sink = {.family = AF_INET, .type = SOCK_DGRAM};
        struct actor *a;
        struct gen_expect *e;
        int r;

        if (!g->peer_netns)
                return gen_impossible(g, "needs a second network namespace (--peer-netns)");
        job.send.remote = gen_local(g, AF_INET, GEN_PORT_UDP);
        r = send_socket(&sink);
        if (r == 0 && bind(sink.fd, &job.send.remote.sa, gen_addr_len(&job.send.remote)) < 0)
                r = -errno;
        if (r == 0)
                r = actor_thread(g, &a);
        if (r == 0)
                r = actor_do(a, netns_call, &job);
        if (r < 0)
                return gen_failed(g, r, "setns");
        e = gen_expect(g, IPPROTO_UDP, job.send.fd, &job.send.remote);
        e->netns = job.netns;
        e->netns_cookie = job.netns_cookie;
        actor_sender(g, e, actor_task(a), NULL, 0);
        return 0;
}

static int setns_thread(struct gen *g)
{
        return setns_case(g, false);
}

static int setns_socket(struct gen *g)
{
        return setns_case(g, true);
}

static int pidns_main(struct actor_ctx *ctx)
{
        struct send_job job = {.family = AF_INET, .type = SOCK_DGRAM, .port = GEN_PORT_UDP};
        socklen_t len = sizeof(ctx->report.local);
        int r = send_open_write(ctx->g, &job);

        getsockname(job.fd, &ctx->report.local.sa, &len);
        return r;
}

/* In there it is process 1; the sensor has to say the machine's number. */
static int pidns(struct gen *g)
{
        struct actor_child c;
        struct actor_report report;
        const union gen_addr to = gen_peer(g, AF_INET, GEN_PORT_UDP);
        struct gen_expect *e;
        int r = actor_spawn(g, CLONE_NEWPID, true, pidns_main, NULL, &c);

        if (r == 0)
                r = actor_report_read(&c, &report);
        if (r < 0)
                return gen_failed(g, r, "CLONE_NEWPID");
        e = gen_expect(g, IPPROTO_UDP, -1, &to);
        e->local = report.local;
        actor_sender(g, e, &report.task, NULL, 0);
        return 0;
}

const struct gen_case gen_cases_netns[] = {
        {"setns-thread", "one thread lives in another network namespace", setns_thread},
        {"setns-socket", "a socket of another network namespace, used from here", setns_socket},
        {"pidns", "a process in a pid namespace of its own", pidns},
        {0},
};
