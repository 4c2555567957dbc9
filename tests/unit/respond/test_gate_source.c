/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The gate's records: every field is checked, losses become gaps, and the engine's half reads them from a ring laid out
 * as the kernel's. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "model/gate.h"
#include "respond/gate_map.h"
#include "respond/gate_source.h"

#define NOW    (1000 * NSEC_PER_SEC)
#define OFFSET (1700000000 * NSEC_PER_SEC)

static struct gate_record example(void)
{
        struct gate_record r = {
                .time = NOW - 5,
                .op = GATE_OP_CONNECT,
                .reason = GATE_REASON_PROGRAM,
                .denied = 1,
                .family = AF_INET,
                .port = 25,
                .task = {.start = 20, .leader_start = 10, .pid = 100, .tid = 101},
                .asker = {.start = 5, .leader_start = 5, .pid = 50, .tid = 50},
                .addr = {[10] = 0xff, [11] = 0xff, [12] = 192, 0, 2, 1},
                .exe_ino = 7,
                .exe_dev = 8,
                .uid = 1000,
                .kinds = GATE_KIND_MAILER,
                .count = 3,
                .lost = 4,
                .proto = IPPROTO_TCP,
                .comm = "bot",
                .text = "with",
        };

        return r;
}

static int parse(const struct gate_record *r, struct event *ret)
{
        uint32_t lost;

        return gate_source_parse(r, sizeof(*r), NOW, OFFSET, ret, &lost);
}

static void test_fields(void **unused)
{
        struct gate_record r = example();
        char addr[ADDR_TEXT_MAX];
        struct event e;
        uint32_t lost = 0;

        (void) unused;
        assert_int_equal(gate_source_parse(&r, sizeof(r), NOW, OFFSET, &e, &lost), 0);
        assert_int_equal(lost, 4);
        assert_int_equal(e.type, EVENT_GATE);
        assert_int_equal(e.op, GATE_TRY_CONNECT);
        assert_int_equal(e.source, EVENT_SOURCE_GATE);
        assert_int_equal(e.time, OFFSET + NOW - 5);
        assert_int_equal(e.gate.task.start, 20);
        assert_int_equal(e.gate.task.leader_start, 10);
        assert_int_equal(e.gate.task.pid, 100);
        assert_int_equal(e.gate.task.tid, 101);
        assert_int_equal(e.gate.asker.pid, 50);
        assert_string_equal(addr_format(&e.gate.remote, addr), "192.0.2.1");
        assert_int_equal(e.gate.port, 25);
        assert_int_equal(e.gate.reason, GATE_WHY_PROGRAM);
        assert_int_equal(e.gate.denied, 1);
        assert_int_equal(e.gate.learn, 0);
        assert_int_equal(e.gate.count, 3);
        assert_int_equal(e.gate.uid, 1000);
        assert_int_equal(e.gate.exe_ino, 7);
        assert_int_equal(e.gate.exe_dev, 8);
        assert_int_equal(e.gate.kinds, GATE_IS_MAILER);
        assert_int_equal(e.gate.proto, IPPROTO_TCP);
        assert_string_equal(e.gate.comm, "bot");
        assert_string_equal(e.gate.text, "with");
        r.comm[0] = r.text[0] = '\0';
        r.proto = IPPROTO_MPTCP;
        r.asker = (struct gate_task){0};
        assert_int_equal(parse(&r, &e), 0);
        assert_null(e.gate.comm);
        assert_null(e.gate.text);
        assert_int_equal(e.gate.proto, IPPROTO_TCP);
        assert_false(task_is_known(&e.gate.asker));
}

#define REFUSED(change)                                                                                                \
        do {                                                                                                           \
                struct gate_record r = example();                                                                      \
                struct event e = {.type = 77};                                                                         \
                change;                                                                                                \
                assert_int_equal(parse(&r, &e), -EBADMSG);                                                             \
                assert_int_equal(e.type, 77);                                                                          \
        } while (0)

static void test_refused(void **unused)
{
        (void) unused;
        REFUSED(r.op = 0);
        REFUSED(r.op = GATE_OPS);
        REFUSED(r.reason = GATE_REASONS);
        REFUSED(r.reason = GATE_REASON_PERSON); /* and refused */
        REFUSED(r.denied = 2);
        REFUSED(r.learn = 2);
        REFUSED(r.family = 77);
        REFUSED(r.time = UINT64_MAX);
        REFUSED(r.time = NOW + 2 * NSEC_PER_SEC);
        REFUSED(r.proto = 300);
        REFUSED(r.count = 0);
        REFUSED(r.kinds = 1u << 31);
        REFUSED(r.task.pid = 0);
        REFUSED(r.task.tid = 0);
        REFUSED(r.task.start = 9); /* before its process */
        REFUSED(r.task.start = UINT64_MAX);
        REFUSED(r.asker.pid = 0);
        REFUSED(memset(r.comm, 'x', sizeof(r.comm)));
        REFUSED(memset(r.text, 'x', sizeof(r.text)));
}

static void test_lengths(void **unused)
{
        struct gate_record whole = example();
        struct event e;
        uint32_t lost;

        (void) unused;
        for (size_t len = 0; len < sizeof(whole) + 16; len++) {
                char bytes[sizeof(whole) + 16] __attribute__((aligned(8))) = {0};

                memcpy(bytes, &whole, sizeof(whole));
                assert_int_equal(gate_source_parse(bytes, len, NOW, OFFSET, &e, &lost),
                                 len == sizeof(whole) ? 0 : -EBADMSG);
        }
}

/* A ring in a file: the consumer's page, the producer's, the data, and the data once more. */
struct world {
        int fd;
        uint8_t *file;
        size_t page;
        unsigned long produced;
        void *state;
        int events, gaps;
        uint64_t lost[GAP_REASONS];
};

static void on_event(void *userdata, const struct event *e)
{
        struct world *w = userdata;

        if (e->type == EVENT_GAP) {
                w->gaps++;
                w->lost[e->gap.reason] += e->gap.lost;
                assert_int_equal(e->source, EVENT_SOURCE_GATE);
        } else {
                assert_int_equal(e->type, EVENT_GATE);
                w->events++;
        }
}

static void produce(struct world *w, const void *record, uint32_t len)
{
        uint32_t head[2] = {len, 0};

        memcpy(w->file + 2 * w->page + w->produced, head, sizeof(head));
        memcpy(w->file + 2 * w->page + w->produced + BPF_RINGBUF_HDR_SZ, record, len);
        w->produced += (len + BPF_RINGBUF_HDR_SZ + 7ul) & ~7ul;
        *(unsigned long *) (void *) (w->file + w->page) = w->produced;
}

static int set_up(void **ret)
{
        struct world *w = calloc(1, sizeof(*w));
        struct source_fds fds = {.n = 1};
        struct source_params p = {.sink = {on_event, w}};
        size_t size;

        w->page = (size_t) sysconf(_SC_PAGESIZE);
        size = 2 * w->page + 2 * (size_t) GATE_RING_BYTES;
        w->fd = memfd_create("ring", MFD_CLOEXEC);
        assert_true(w->fd >= 0);
        assert_int_equal(ftruncate(w->fd, (off_t) size), 0);
        w->file = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);
        assert_ptr_not_equal(w->file, MAP_FAILED);
        fds.fd[0] = w->fd;
        assert_int_equal(source_gate.start(&p, &fds, &w->state), 0);
        assert_int_equal(fds.fd[0], -1); /* taken over */
        *ret = w;
        return 0;
}

static int tear_down(void **state)
{
        struct world *w = *state;

        source_gate.stop(w->state);
        munmap(w->file, 2 * w->page + 2 * (size_t) GATE_RING_BYTES);
        free(w);
        return 0;
}

static struct gate_record fresh(uint32_t lost)
{
        struct gate_record r = example();

        r.time = (uint64_t) clock_boottime();
        r.lost = lost;
        return r;
}

static void test_ring(void **state)
{
        struct world *w = *state;
        struct gate_record r = fresh(7);

        assert_int_equal(source_gate.poll_fd(w->state), w->fd);
        produce(w, &r, sizeof(r));
        r.op = 99;
        produce(w, &r, sizeof(r));
        produce(w, &r, 8);
        r = fresh(7);
        produce(w, &r, sizeof(r));
        assert_int_equal(source_gate.dispatch(w->state, 1), 1); /* the budget holds */
        assert_int_equal(w->events, 1);
        assert_int_equal(source_gate.dispatch(w->state, 100), 3);
        assert_int_equal(w->events, 2);
        assert_int_equal(w->gaps, 0); /* what was lost before the start is no loss of ours */
        assert_int_equal(source_gate.tick(w->state, clock_boottime()), 0);
        assert_int_equal(w->lost[GAP_BAD_MESSAGE], 2);
        assert_int_equal(source_gate.tick(w->state, clock_boottime() + 10 * NSEC_PER_SEC), 0);
        assert_int_equal(w->gaps, 1);
}

static void test_losses(void **state)
{
        static const uint32_t lost[] = {5, 5, 9, 9, 2, 3}; /* a gate that was loaded anew begins at 0 */
        struct world *w = *state;

        for (size_t i = 0; i < ELEMENTSOF(lost); i++) {
                struct gate_record r = fresh(lost[i]);

                produce(w, &r, sizeof(r));
        }
        assert_int_equal(source_gate.dispatch(w->state, 100), ELEMENTSOF(lost));
        assert_int_equal(w->events, ELEMENTSOF(lost));
        assert_int_equal(w->lost[GAP_RING_FULL], 4 + 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fields),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_lengths),
                cmocka_unit_test_setup_teardown(test_ring, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_losses, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
