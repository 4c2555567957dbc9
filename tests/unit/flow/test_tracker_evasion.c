/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tricks that hide bytes from whoever looks at a stream: rules must be given what the receiver gets. */
#include "rules_rig.h"

static void test_out_of_order(void **state)
{
        struct rig r = open_flow();

        (void) state;
        segment(&r, true, 10, "klmno", ACK);
        segment(&r, true, 5, "fghij", ACK);
        segment(&r, true, 0, "a", ACK);
        segment(&r, true, 1, "bcde", ACK);
        n_sent[1] = 15;
        hang_up(&r);
        assert_stream(SERVER, 0, "abcdefghijklmno");
        rig_free(&r);
}

/* What came first stands; that others were sent for its place is said. */
static void test_other_bytes_again(void **state)
{
        struct rig r = open_flow();
        uint32_t events = 0;

        (void) state;
        segment(&r, true, 0, "evil order", ACK);
        segment(&r, true, 0, "good words", ACK);
        segment(&r, true, 10, "!", ACK);
        n_sent[1] = 11;
        hang_up(&r);
        assert_stream(SERVER, 0, "evil order!");
        for (unsigned i = 0; i < n_seen; i++)
                events |= seen[i].events;
        assert_int_equal(events, 1u << RULE_EVENT_STREAM_OVERLAP_DIFFERENT);
        rig_free(&r);
        r = open_flow();
        segment(&r, true, 0, "the same", ACK);
        segment(&r, true, 0, "the same", ACK);
        segment(&r, true, 4, "same and more", ACK);
        n_sent[1] = 17;
        hang_up(&r);
        assert_stream(SERVER, 0, "the same and more");
        for (unsigned i = 0; i < n_seen; i++)
                assert_int_equal(seen[i].events, 0);
        rig_free(&r);
}

static void test_gap(void **state)
{
        struct rig r = open_flow();
        struct made m;
        uint32_t events = 0;
        const struct seen *s;

        (void) state;
        segment(&r, true, 0, "before", ACK);
        segment(&r, true, 16, "behind", ACK);
        tracker_frame(r.t,
                      make_tcp(&m, r.now,
                               (struct tcp){.src = r.server,
                                            .dst = r.client,
                                            .sport = r.sport,
                                            .dport = r.cport,
                                            .flags = ACK,
                                            .seq = r.sseq,
                                            .ack = r.cseq + 22}),
                      r.now);
        n_sent[1] = 22;
        hang_up(&r);
        assert_string_equal(find_seen(0, STREAM | SERVER, 0)->payload, "before");
        s = find_seen(1, STREAM | SERVER, 0);
        assert_string_equal(s->payload, "behind"); /* the two do not touch */
        assert_int_equal(s->base, 16);
        for (unsigned i = 0; i < n_seen; i++)
                events |= seen[i].events;
        assert_int_equal(events, 1u << RULE_EVENT_STREAM_REASSEMBLY_GAP);
        rig_free(&r);
}

/* An RST of numbers that nobody has ends nothing. */
static void test_false_end(void **state)
{
        struct rig r = open_flow();

        (void) state;
        say(&r, true, "GET /first HTTP/1.1\r\n");
        segment(&r, true, 0x40000000, NULL, RST);
        say(&r, true, "\r\n");
        hang_up(&r);
        assert_stream(SERVER, 0, "GET /first HTTP/1.1\r\n\r\n");
        rig_free(&r);
}

/* A flow that nobody decodes is put in order all the same. */
static void test_unknown_language(void **state)
{
        struct rig r = open_flow();

        (void) state;
        say(&r, true, "\x01\x02 nobody knows this");
        say(&r, false, "\x03\x04 nor that");
        segment(&r, true, n_sent[1] + 2, "cd", ACK);
        segment(&r, true, n_sent[1], "ab", ACK);
        n_sent[1] += 4;
        hang_up(&r);
        assert_stream(SERVER, 0,
                      "\x01\x02 nobody knows this"
                      "abcd");
        assert_true(find_seen(0, STREAM | INSPECT_APP_DONE, 0));
        rig_free(&r);
}

static void test_one_direction_only(void **state)
{
        struct rig r = rig_new(1u << 20);

        (void) state;
        n_sent[0] = n_sent[1] = 0;
        segment(&r, true, (uint32_t) -1, NULL, SYN);
        segment(&r, true, 0, NULL, ACK);
        say(&r, true, "GET /async HTTP/1.0\r\n\r\n");
        segment(&r, true, n_sent[1], NULL, FIN | ACK);
        tracker_finish(r.t, r.now);
        assert_stream(SERVER, 0, "GET /async HTTP/1.0\r\n\r\n");
        rig_free(&r);
}

static uint32_t all_events(void)
{
        uint32_t events = 0;

        for (unsigned i = 0; i < n_seen; i++)
                events |= seen[i].events;
        return events;
}

/* Two languages in one flow, one language on one side only, and who speaks where he should be asked. */
static void test_languages(void **state)
{
        struct rig r = open_flow();

        (void) state;
        say(&r, true, "GET / HTTP/1.1\r\n\r\n");
        say(&r, false, "SSH-2.0-OpenSSH\r\n");
        hang_up(&r);
        assert_int_equal(all_events(), 1u << RULE_EVENT_APP_MISMATCH);
        rig_free(&r);
        r = open_flow();
        say(&r, true, "GET / HTTP/1.1\r\n\r\n");
        say(&r, false, "this is no language that anybody knows, and it is long enough to be sure of that\r\n");
        hang_up(&r);
        assert_int_equal(all_events(), 1u << RULE_EVENT_APP_ONE_DIRECTION);
        rig_free(&r);
        r = open_flow();
        say(&r, false, "HTTP/1.1 408 Request Timeout\r\n\r\n");
        say(&r, true, "GET /late HTTP/1.1\r\n\r\n");
        hang_up(&r);
        assert_int_equal(all_events(), 0); /* a server may have had enough of waiting */
        rig_free(&r);
        r = open_flow();
        say(&r, false, "good morning\r\n");
        say(&r, true, "GET /greeted HTTP/1.1\r\n\r\n");
        hang_up(&r);
        assert_true(all_events() & 1u << RULE_EVENT_APP_WRONG_DIRECTION);
        rig_free(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_out_of_order),
                cmocka_unit_test(test_other_bytes_again),
                cmocka_unit_test(test_gap),
                cmocka_unit_test(test_false_end),
                cmocka_unit_test(test_unknown_language),
                cmocka_unit_test(test_one_direction_only),
                cmocka_unit_test(test_languages),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
