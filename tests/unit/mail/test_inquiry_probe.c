/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Probes of the inquiry, in a network namespace of the test's own where public addresses are ours and no mail server
 * is: who is probed, once for all mails, in whose turn, and who is not and why. Needs root. */
#include "inquiry_rig.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#define NEIGHBOUR "61.48.71.53"
#define OTHER     "61.49.1.1"

static bool inside; /* the namespace is made */

static int give_lo(int fd, const char *name, const char *text)
{
        struct ifreq r = {0};
        struct sockaddr_in *sin = (struct sockaddr_in *) &r.ifr_addr;

        strcpy(r.ifr_name, name);
        if (text) {
                sin->sin_family = AF_INET;
                inet_pton(AF_INET, text, &sin->sin_addr);
                return ioctl(fd, SIOCSIFADDR, &r);
        }
        r.ifr_flags = IFF_UP;
        return ioctl(fd, SIOCSIFFLAGS, &r);
}

static int enter(void **state)
{
        _cleanup_close_ int fd = -EBADF;

        (void) state;
        if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
                print_message("skipped: needs root, to make a network namespace\n");
                return 0;
        }
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || give_lo(fd, "lo", NULL) < 0 || give_lo(fd, "lo:1", RELAY) < 0 ||
            give_lo(fd, "lo:2", NEIGHBOUR) < 0 || give_lo(fd, "lo:3", OTHER) < 0)
                return -1;
        inside = true;
        return 0;
}

struct probing {
        struct asking g;
        struct netlist *allowed;
        struct permit *permit;
        struct smtp_probe *probe;
        int refuse; /* what probing() says */
        unsigned announced;
};

static int on_probing(void *userdata, const struct addr *a, nsec_t now)
{
        struct probing *p = userdata; /* its first member is the rig */

        (void) a;
        (void) now;
        p->announced++;
        return p->refuse;
}

static struct probing *begin(const char *allowed)
{
        struct probing *p;
        struct permit_params permit = {.probing = true};
        struct smtp_probe_params probe = {.name = "probe.example.org", .packets = -EBADF};

        if (!inside)
                skip();
        p = calloc(1, sizeof(*p));
        assert_int_equal(netlist_new(&p->allowed), 0);
        assert_int_equal(netlist_add_text(p->allowed, allowed, strlen(allowed), NULL, NULL), 0);
        netlist_ready(p->allowed);
        permit.allowed = p->allowed;
        assert_int_equal(permit_new(&permit, &p->permit), 0);
        probe.permit = p->permit;
        assert_int_equal(smtp_probe_new(&probe, &p->probe), 0);
        p->g.p.permit = p->permit;
        p->g.p.probe = p->probe;
        p->g.p.probing = on_probing;
        asking_begin_offline(&p->g);
        return p;
}

static void end(struct probing *p)
{
        asking_end(&p->g);
        smtp_probe_free(p->probe);
        permit_free(p->permit);
        netlist_free(p->allowed);
        free(p);
}

static void add(struct probing *p, const char *relay)
{
        assert_int_equal(add_mail(&p->g, head_of_mail(relay, "friend (unknown", ""), ANSWER_UNKNOWN, NULL), 0);
}

static void expect_stats(const struct probing *p, unsigned probed, enum permit_reason reason, unsigned not_probed)
{
        struct inquiry_stats stats;

        inquiry_get_stats(p->g.q, &stats);
        assert_int_equal(stats.probed, probed);
        assert_int_equal(stats.not_probed[reason], not_probed);
}

static void test_refused(void **state)
{
        struct probing *p = begin("61.48.71.52");

        (void) state;
        for (unsigned i = 0; i < 5; i++)
                add(p, RELAY);
        assert_int_equal(p->g.n, 0);
        ask_until(&p->g, 5);
        assert_int_equal(p->g.n, 5);
        for (unsigned i = 0; i < 5; i++) {
                const struct record *r = &p->g.told[i].record;

                assert_int_equal(r->smtp, SMTP_PROBE_REFUSED + 1);
                assert_int_equal(r->signs[JUDGE_SIGN_SMTP_REFUSED], ANSWER_YES);
                assert_int_equal(r->signs[JUDGE_SIGN_SMTP_SERVER], ANSWER_NO);
        }
        expect_stats(p, 1, PERMIT_TODAY, 0);
        assert_int_equal(p->announced, 1);
        /* Not a second time on that day, though the answers are forgotten by then. */
        p->g.now += 2 * HOUR;
        add(p, RELAY);
        ask_until(&p->g, 6);
        assert_int_equal(p->g.told[5].record.smtp, 0);
        expect_stats(p, 1, PERMIT_TODAY, 1);
        end(p);
}

static void test_not_allowed(void **state)
{
        struct probing *p = begin("61.50.0.0/16");

        (void) state;
        add(p, RELAY);
        assert_int_equal(p->g.n, 1); /* nothing to wait for */
        expect_stats(p, 0, PERMIT_NOT_ALLOWED, 1);
        /* A consent, and one who was probed by somebody before. */
        p->g.consent = true;
        p->g.last_probe = p->g.now - HOUR;
        add(p, OTHER);
        assert_int_equal(p->g.n, 2);
        expect_stats(p, 0, PERMIT_TODAY, 1);
        p->g.last_probe = p->g.now - 2 * DAY;
        add(p, NEIGHBOUR);
        ask_until(&p->g, 3);
        assert_int_equal(p->g.told[2].record.smtp, SMTP_PROBE_REFUSED + 1);
        expect_stats(p, 1, PERMIT_TODAY, 1);
        end(p);
}

static void test_old(void **state)
{
        struct probing *p = begin("61.48.71.52");
        char head[1024];

        (void) state;
        p->g.now = CAME + 3 * DAY;
        add(p, RELAY);
        assert_int_equal(p->g.n, 1);
        expect_stats(p, 0, PERMIT_OLD, 1);
        /* A mail of the same relay that has just come. */
        snprintf(head, sizeof(head),
                 "Received: from friend (unknown [" RELAY "]) by mx.example.com (Postfix) with ESMTP id 2; "
                 "Fri, 18 Aug 2023 09:59:00 +0000\n\n");
        assert_int_equal(add_mail(&p->g, head, ANSWER_UNKNOWN, NULL), 0);
        ask_until(&p->g, 2);
        assert_int_equal(p->g.told[1].record.smtp, SMTP_PROBE_REFUSED + 1);
        expect_stats(p, 1, PERMIT_OLD, 1);
        end(p);
}

static void test_turns(void **state)
{
        struct probing *p = begin("61.0.0.0/8");

        (void) state;
        add(p, RELAY);
        add(p, OTHER);
        add(p, NEIGHBOUR);
        ask_until(&p->g, 1);
        inquiry_process(p->g.q, p->g.now);
        assert_int_equal(p->g.n, 1);
        expect_stats(p, 1, PERMIT_NETWORK, 0);
        p->g.now += 6 * NSEC_PER_SEC; /* another network's turn */
        inquiry_process(p->g.q, p->g.now);
        ask_until(&p->g, 2);
        assert_int_equal(p->g.n, 2);
        assert_true(addr_equal(&p->g.told[1].record.addr, &(struct addr[]){addr(OTHER)}[0]));
        expect_stats(p, 2, PERMIT_NETWORK, 0);
        p->g.now += 600 * NSEC_PER_SEC; /* the neighbour's */
        inquiry_process(p->g.q, p->g.now);
        ask_until(&p->g, 3);
        assert_int_equal(p->g.told[2].record.smtp, SMTP_PROBE_REFUSED + 1);
        expect_stats(p, 3, PERMIT_NETWORK, 0);
        end(p);
}

/* A turn that does not come: the mail is judged without. */
static void test_no_turn(void **state)
{
        struct probing *p = begin("61.0.0.0/8");

        (void) state;
        add(p, RELAY);
        add(p, OTHER);
        ask_until(&p->g, 1);
        p->g.now -= DAY; /* a clock that was set back grants nothing */
        inquiry_process(p->g.q, p->g.now);
        assert_int_equal(p->g.n, 1);
        p->g.now += 901 * NSEC_PER_SEC;
        inquiry_process(p->g.q, p->g.now);
        assert_int_equal(p->g.n, 2);
        assert_int_equal(p->g.told[1].record.smtp, 0);
        expect_stats(p, 1, PERMIT_RATE, 1);
        end(p);
}

static void test_stop(void **state)
{
        struct probing *p = begin("61.0.0.0/8");

        (void) state;
        add(p, RELAY);
        add(p, OTHER);
        add(p, NEIGHBOUR);
        inquiry_stop(p->g.q, p->g.now);
        assert_int_equal(p->g.n, 3);
        assert_int_equal(inquiry_waiting(p->g.q), 0);
        p->g.now += DAY;
        inquiry_process(p->g.q, p->g.now);
        add(p, OTHER);
        assert_int_equal(p->g.n, 4);
        expect_stats(p, 1, PERMIT_STOPPED, 0);
        end(p);
}

/* What cannot be put down is not done. */
static void test_not_put_down(void **state)
{
        struct probing *p = begin("61.0.0.0/8");

        (void) state;
        p->refuse = -EIO;
        add(p, RELAY);
        ask_until(&p->g, 1);
        assert_int_equal(p->g.told[0].record.smtp, SMTP_PROBE_FAILED + 1);
        assert_int_equal(p->announced, 1);
        assert_int_equal(smtp_probe_count(p->probe), 0);
        expect_stats(p, 0, PERMIT_STOPPED, 0);
        end(p);
}

static void test_plan(void **state)
{
        struct probing *p = begin("61.48.0.0/16");
        struct addr relay = addr(RELAY), other = addr(OTHER);
        char text[1024];
        struct buf out = BUF_FIXED(text);

        (void) state;
        inquiry_plan(p->g.q, p->g.now, &relay, CAME, &out);
        assert_non_null(strstr(buf_str(&out), "EHLO and QUIT"));
        buf_reset(&out);
        inquiry_plan(p->g.q, CAME + 3 * DAY, &relay, CAME, &out);
        assert_non_null(strstr(buf_str(&out), "no probe, since the mail came too long ago"));
        buf_reset(&out);
        inquiry_plan(p->g.q, p->g.now, &other, CAME, &out);
        assert_non_null(strstr(buf_str(&out), "no probe, since it is not on the allow-list"));
        expect_stats(p, 0, PERMIT_NOT_ALLOWED, 0);
        assert_int_equal(p->announced, 0);
        end(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refused), cmocka_unit_test(test_not_allowed),  cmocka_unit_test(test_old),
                cmocka_unit_test(test_turns),   cmocka_unit_test(test_no_turn),      cmocka_unit_test(test_stop),
                cmocka_unit_test(test_plan),    cmocka_unit_test(test_not_put_down),
        };

        return cmocka_run_group_tests(tests, enter, NULL);
}
