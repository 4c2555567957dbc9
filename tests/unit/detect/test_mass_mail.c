/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mass_mail: grades by servers, names and rejections; who takes mail; the hour; forks; a million peers; stories. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include "rig.h"

#include <malloc.h>

struct kinds {
        int32_t weight[8];
};

/* What all claims of each kind add up to. */
static struct kinds sums;

static void sum_emit(void *userdata, const struct evidence *e)
{
        struct rig *r = userdata;

        rig_emit(r, e);
        sums.weight[e->kind - r->detector->kinds] += e->weight;
}

static void deliver(struct rig *r, struct event *e)
{
        struct evidence_sink out = {.emit = sum_emit, .userdata = r};

        e->time = r->now;
        r->detector->event(r->state, e, &out);
}

static void begin(struct rig *r, const char *yaml)
{
        memset(&sums, 0, sizeof(sums));
        rig_open(r, "mass_mail", yaml);
}

static int32_t weight_of(const struct rig *r, const char *name)
{
        for (size_t i = 0; i < r->detector->n_kinds; i++)
                if (strcmp(r->detector->kinds[i].name, name) == 0)
                        return sums.weight[i];
        fail();
        return 0;
}

static struct event ended(struct rig *r, struct addr server, uint16_t port, uint64_t bytes)
{
        struct event e = rig_flow(r, IPPROTO_TCP, server, port);

        e.op = FLOW_END;
        e.flow.state = FLOW_STATE_CLOSED;
        e.flow.bytes_out = bytes;
        e.flow.bytes_in = 300;
        return e;
}

static void mail_to(struct rig *r, uint32_t server)
{
        struct event e = ended(r, rig_outside(server), 25, 3000);

        deliver(r, &e);
}

static void say(struct rig *r, uint32_t server, enum smtp_op op, const char *text, uint16_t code)
{
        struct event e = {.type = EVENT_SMTP, .op = (uint8_t) op};

        e.smtp.ends = (struct ends){.local = rig_addr("10.0.0.5"),
                                    .remote = rig_outside(server),
                                    .local_port = 40000,
                                    .remote_port = 25,
                                    .proto = IPPROTO_TCP,
                                    .origin = FLOW_ORIGINATED};
        e.smtp.ends.from_local = op != SMTP_REJECTED && op != SMTP_ACCEPTED && op != SMTP_BANNER;
        e.smtp.text = (struct slice){text, (uint32_t) strlen(text)};
        e.smtp.code = code;
        deliver(r, &e);
}

static void take_mail(struct rig *r, uint32_t peers)
{
        for (uint32_t i = 0; i < peers; i++) {
                struct event e = ended(r, rig_outside(9000 + i), 50000, 200);

                e.flow.origin = FLOW_ACCEPTED;
                e.flow.local_port = 25;
                e.flow.bytes_in = 5000;
                deliver(r, &e);
        }
}

static void test_grades_by_servers(void **unused)
{
        static const struct {
                uint32_t servers;
                int32_t weight;
        } grades[] = {{4, 0}, {6, 200}, {20, 500}, {60, 900}, {170, 1200}, {550, 1500}};

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(grades); i++) {
                struct rig r;

                begin(&r, NULL);
                for (uint32_t n = 0; n < grades[i].servers; n++)
                        mail_to(&r, n);
                assert_in_range(weight_of(&r, "mass_mail.servers"), grades[i].weight, grades[i].weight + 4);
                rig_close(&r);
        }
}

/* Over an hour all is well: what was half an hour before the last half does not count. */
static void test_hour(void **unused)
{
        struct rig r;

        (void) unused;
        begin(&r, NULL);
        for (uint32_t n = 0; n < 100; n++) {
                mail_to(&r, n);
                r.now += 1200 * NSEC_PER_SEC;
        }
        assert_int_equal(r.claims, 0);
        r.now += 2 * 3600 * NSEC_PER_SEC;
        for (uint32_t n = 0; n < 4; n++)
                mail_to(&r, n);
        r.now += 1800 * NSEC_PER_SEC;
        mail_to(&r, 4);
        assert_int_equal(r.claims, 1);
        assert_int_equal(rig_number(&r, "servers"), 5);
        rig_close(&r);
}

/* Looked at, refused, at home, on the loopback, or declared. */
static void test_no_mail(void **unused)
{
        (void) unused;
        for (int odd = 0; odd < 6; odd++) {
                struct rig r;

                begin(&r, odd == 5 ? "network:\n  mail_servers: [10.0.0.0/24]\n" : NULL);
                for (uint32_t n = 0; n < 90; n++) {
                        struct event e = ended(&r, rig_outside(n), 25, odd == 0 ? 999 : 3000);

                        if (odd == 1) {
                                e.flow.bytes_out = e.flow.bytes_in = 0;
                                e.flow.state = FLOW_STATE_FAILED;
                        }
                        if (odd == 2)
                                e.flow.remote = addr_from_v4(htonl(0x0a000100u + n));
                        if (odd == 3)
                                e.flow.remote = addr_from_v4(htonl(0x7f000001u + n));
                        if (odd == 4)
                                e.flow.proto = IPPROTO_UDP;
                        deliver(&r, &e);
                }
                assert_int_equal(r.claims, 0);
                rig_close(&r);
        }
}

static void test_tried_only(void **unused)
{
        struct rig r;

        (void) unused;
        begin(&r, NULL);
        for (uint32_t n = 0; n < 1000; n++)
                rig_contact(&r, IPPROTO_TCP, rig_outside(n), 25, false);
        assert_in_range(r.weights, 400, 404);
        rig_close(&r);
}

static void test_who_takes_mail(void **unused)
{
        (void) unused;
        for (uint32_t peers = 2; peers <= 3; peers++) {
                struct rig r;

                begin(&r, NULL);
                take_mail(&r, peers);
                for (uint32_t n = 0; n < 600; n++)
                        mail_to(&r, n);
                assert_in_range(weight_of(&r, "mass_mail.servers"), peers < 3 ? 1500 : 200, peers < 3 ? 1504 : 200);
                assert_in_range(weight_of(&r, "mass_mail.volume"), peers < 3 ? 300 : 0, peers < 3 ? 304 : 0);
                rig_close(&r);
        }
}

static void test_names(void **unused)
{
        char name[] = "a.example";

        (void) unused;
        for (int names = 1; names <= 9; names += 2) {
                struct rig r;

                begin(&r, NULL);
                for (int i = 0; i < 40; i++) {
                        name[0] = (char) ('a' + i % names);
                        say(&r, (uint32_t) i, SMTP_HELO, name, 0);
                        name[0] = (char) (name[0] - 'a' + 'A'); /* EHLO, then HELO, in capitals */
                        say(&r, (uint32_t) i, SMTP_HELO, name, 0);
                }
                assert_in_range(weight_of(&r, "mass_mail.name"),
                                names < 3 ? 0 :
                                names < 5 ? 300 :
                                names < 8 ? 600 :
                                            900,
                                names < 3 ? 0 :
                                names < 5 ? 300 :
                                names < 8 ? 602 :
                                            904);
                rig_close(&r);
        }
}

/* No names of hosts, but names all the same. */
static void test_odd_names(void **unused)
{
        static const char *const odd[] = {"pc-4711", "[10.0.0.5]", "localhost", ".", "", "mail.firm.example"};

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(odd); i++) {
                struct rig r;

                begin(&r, NULL);
                for (uint32_t n = 0; n < 30; n++) {
                        say(&r, n, SMTP_HELO, odd[i], 0);
                        say(&r, n, SMTP_MAIL, "a@b.example", 0);
                }
                assert_in_range(weight_of(&r, "mass_mail.name"), i < 5 ? 300 : 0, i < 5 ? 300 : 0);
                rig_close(&r);
        }
}

static void campaign(struct rig *r, int names, int rejected, int count)
{
        char name[] = "a.example", sender[] = "a@a.example";

        for (int i = 0; i < count; i++) {
                name[0] = (char) ('a' + i % names);
                sender[2] = (char) ('a' + i % 20);
                say(r, (uint32_t) i, SMTP_HELO, name, 0);
                say(r, (uint32_t) i, SMTP_MAIL, sender, 0);
                say(r, (uint32_t) i, SMTP_RCPT, "x@y.example", 0);
                if (i % 10 < rejected)
                        say(r, (uint32_t) i, SMTP_REJECTED, "no such user", 550);
                else
                        say(r, (uint32_t) i, SMTP_DATA, "", 0);
        }
}

/* Names, refusals, many servers: the proof wants all of them, and that it takes no mail. */
static void test_proof(void **unused)
{
        static const struct {
                int names, rejected, count;
                uint32_t peers;
                bool proof;
        } cases[] = {{6, 4, 120, 0, true},
                     {4, 4, 120, 0, false},
                     {6, 2, 120, 0, false},
                     {6, 4, 15, 0, false},
                     {6, 4, 120, 3, false}};

        (void) unused;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct rig r;

                begin(&r, NULL);
                take_mail(&r, cases[i].peers);
                campaign(&r, cases[i].names, cases[i].rejected, cases[i].count);
                assert_int_equal(weight_of(&r, "mass_mail.spam") > 0, cases[i].proof);
                rig_close(&r);
        }
}

/* Codes that say nothing of the mail. */
static void test_other_refusals(void **unused)
{
        static const uint16_t codes[] = {421, 450, 451, 452, 500, 502, 503, 530, 535, 552};
        struct rig r;

        (void) unused;
        begin(&r, NULL);
        for (uint32_t i = 0; i < 400; i++)
                say(&r, i, SMTP_REJECTED, "no", codes[i % ELEMENTSOF(codes)]);
        assert_int_equal(weight_of(&r, "mass_mail.rejected"), 0);
        for (uint32_t i = 0; i < 12; i++)
                say(&r, i, SMTP_REJECTED, "no", 550);
        assert_int_equal(weight_of(&r, "mass_mail.rejected"), 300);
        rig_close(&r);
}

static void test_processes(void **unused)
{
        (void) unused;
        for (int fork = 0; fork <= 1; fork++) {
                struct rig r;
                uint32_t pid = 1000;

                begin(&r, NULL);
                for (uint32_t n = 0; n < 60; n++) {
                        struct event e = ended(&r, rig_outside(n), 25, 3000);

                        pid += (uint32_t) fork;
                        e.flow.task = (struct task){.pid = pid, .tid = pid, .start = pid, .leader_start = pid};
                        deliver(&r, &e);
                }
                /* The process's claims and the machine's, or the machine's alone. */
                assert_int_equal(r.last.subject.kind, SUBJECT_HOST);
                assert_true(addr_equal(&r.last.subject.addr, &(struct addr){{0}}));
                assert_in_range(weight_of(&r, "mass_mail.servers"), fork ? 900 : 1800, fork ? 902 : 1804);
                rig_close(&r);
        }
}

static void test_story(void **unused)
{
        struct rig r;

        (void) unused;
        begin(&r, NULL);
        for (uint32_t n = 0; n < 5; n++)
                mail_to(&r, n);
        rig_assert_story(&r, "Between 22:13:20 and 22:13:20 it brought mail to 5 mail servers itself and tried 5.\n"
                             "The newest was 203.0.0.4, port 25.\nA person's program hands its mail to one relay. If "
                             "this is a mail server, declare it under network.mail_servers.\n");
        r.last.n_facts = 0;
        for (size_t i = 0; i < r.detector->n_kinds; i++) {
                struct buf out = BUF_HEAP(8192);

                r.last.kind = &r.detector->kinds[i];
                r.detector->explain(&r.last, &out);
                assert_true(strlen(buf_str(&out)) > 20);
                buf_done(&out);
        }
        rig_close(&r);
}

/* Home hosts and peers without end: the tables stay at their caps. */
static void test_memory(void **unused)
{
        size_t before = 0;
        struct rig r;

        (void) unused;
        begin(&r, NULL);
        for (uint32_t i = 0; i < 1000000; i++) {
                struct event e = ended(&r, rig_outside(i), 25, 3000);

                e.flow.local = addr_from_v4(htonl(0x0a000000u + (i & 0xffff)));
                if (i & 1) {
                        e.flow.origin = FLOW_ACCEPTED;
                        e.flow.local_port = 25;
                        e.flow.bytes_in = 3000;
                }
                r.now += NSEC_PER_MSEC;
                deliver(&r, &e);
                if (i == 200000)
                        before = mallinfo2().uordblks + mallinfo2().hblkhd;
        }
        assert_true(mallinfo2().uordblks + mallinfo2().hblkhd <= before + 65536);
        rig_close(&r);
}

static void test_storm(void **unused)
{
        struct rig r;

        (void) unused;
        begin(&r, NULL);
        rig_storm(&r, 300000);
        rig_close(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_grades_by_servers),
                cmocka_unit_test(test_hour),
                cmocka_unit_test(test_no_mail),
                cmocka_unit_test(test_tried_only),
                cmocka_unit_test(test_who_takes_mail),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_odd_names),
                cmocka_unit_test(test_proof),
                cmocka_unit_test(test_other_refusals),
                cmocka_unit_test(test_processes),
                cmocka_unit_test(test_story),
                cmocka_unit_test(test_memory),
                cmocka_unit_test(test_storm),
        };

        setenv("TZ", "UTC", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
