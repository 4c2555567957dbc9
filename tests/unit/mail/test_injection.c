/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever a client says, what is believed is never its word: every form of server, with texts in every gap that the
 * client fills which imitate every other form (hostile.h). Of the two million headers the test reads one in so many
 * that it takes seconds; SEKIMORI_INJECTION=1 reads all. */
#include "hostile.h"
#include "mail_rig.h"

#include <inttypes.h>

#define STEP 29 /* no divisor of the counts, so that all kinds are met */

struct attack {
        const struct hostile_form *form;
        unsigned gap;
        struct addr fake, peer;
        struct received honest; /* what the form gives with honest words */
        uint64_t tried, believed, wrong;
        unsigned told;
};

static void complain(struct attack *a, const char *what, const char *header, const struct received *r)
{
        a->wrong++;
        if (a->told++ < 5)
                print_message("%s (flags %x, form %s) in: %s\n", what, r->flags, received_form_name(r->form), header);
}

static void judge(struct attack *a, const char *header, size_t len)
{
        struct received r;

        (void) received_read((struct slice){header, (uint32_t) len}, &r);
        a->tried++;
        if (r.kind == RECEIVED_PEER && r.flags & RECEIVED_SEEN) {
                a->believed++;
                if (!addr_equal(&r.peer, &a->peer))
                        complain(a, "the client's address is believed", header, &r);
                if (r.flags & RECEIVED_DELIVERY && !(a->honest.flags & RECEIVED_DELIVERY))
                        complain(a, "taken for a delivery", header, &r);
                if (r.flags & RECEIVED_NAME_CONFIRMED && a->gap != GAP_RDNS &&
                    !slice_is_n(r.rdns, hostile_honest[GAP_RDNS], strlen(hostile_honest[GAP_RDNS])))
                        complain(a, "a confirmed name of the client's", header, &r);
        }
        /* Who looks beyond such a header believes the next one, which the client wrote. */
        if ((r.kind == RECEIVED_LOCAL || r.kind == RECEIVED_FETCHED) && r.kind != a->honest.kind)
                complain(a, "taken for a step within the machine", header, &r);
}

/* The text as it is, folded, with tabs, and with bytes that are no text. */
static void attack_text(struct attack *a, const char *const gaps[static GAPS])
{
        static const char *const spaces[] = {" ", "\r\n ", "\t", "\n\t", "\xa0"};
        char plain[8192], header[16384];
        struct buf filled = BUF_FIXED(plain);
        unsigned how = (unsigned) (a->tried % 7);

        hostile_fill(&filled, a->form->text, HOSTILE_PEER, gaps);
        if (how < ELEMENTSOF(spaces) && how > 0 && a->gap == GAP_HELO) {
                struct buf out = BUF_FIXED(header);
                const char *begin = strstr(plain, gaps[GAP_HELO]), *end = begin + strlen(gaps[GAP_HELO]);

                for (const char *p = plain; *p; p++)
                        if (*p == ' ' && p >= begin && p < end)
                                (void) buf_puts(&out, spaces[how]);
                        else
                                (void) buf_putc(&out, *p);
                judge(a, header, out.len);
                return;
        }
        judge(a, plain, filled.len);
}

static void try_payload(void *userdata, const char *payload)
{
        struct attack *a = userdata;
        const char *gaps[GAPS] = {0};
        unsigned n = (unsigned) (a->tried % (HOSTILE_CLOSERS + 1));

        gaps[a->gap] = payload;
        for (unsigned gap = 0; gap < GAPS; gap++)
                if (gap != a->gap && gap > GAP_IDENT && n)
                        gaps[gap] = hostile_closers[n - 1];
        attack_text(a, gaps);
}

static void read_honest(const struct hostile_form *form, struct received *ret, char *text, size_t size)
{
        const char *const none[GAPS] = {0};
        struct buf out = {.data = text, .size = size, .max = size - 1, .fixed = true};

        text[0] = '\0';
        hostile_fill(&out, form->text, HOSTILE_PEER, none);
        (void) received_read((struct slice){text, (uint32_t) out.len}, ret);
}

/* Nothing is won by believing nobody: with honest words the peer is believed. */
static void test_honest(void **state)
{
        struct addr peer;

        (void) state;
        assert_int_equal(addr_parse(HOSTILE_PEER, &peer), 0);
        for (size_t i = 0; i < HOSTILE_FORMS; i++) {
                static char text[1024];
                struct received r;
                bool believed;

                read_honest(&hostile_forms[i], &r, text, sizeof(text));
                believed = r.kind == RECEIVED_PEER && r.flags & RECEIVED_SEEN && addr_equal(&r.peer, &peer);
                if (believed != hostile_forms[i].believed)
                        print_message("kind %u, flags %x, %s: %s\n", r.kind, r.flags, received_trouble_text(r.trouble),
                                      text);
                assert_int_equal(believed, hostile_forms[i].believed);
        }
}

static void test_imitations(void **state)
{
        const char *all = getenv("SEKIMORI_INJECTION");
        struct attack a = {0};

        (void) state;
        assert_int_equal(addr_parse(HOSTILE_PEER, &a.peer), 0);
        assert_int_equal(addr_parse(HOSTILE_FAKE, &a.fake), 0);
        for (size_t i = 0; i < HOSTILE_FORMS; i++)
                for (a.gap = 0; a.gap < GAPS; a.gap++) {
                        static char text[1024];

                        a.form = &hostile_forms[i];
                        if (!hostile_has(a.form->text, a.gap))
                                continue;
                        read_honest(a.form, &a.honest, text, sizeof(text));
                        (void) hostile_payloads(all ? 1 : STEP * 4, try_payload, &a);
                }
        print_message("%" PRIu64 " hostile headers, the peer believed in %" PRIu64 "\n", a.tried, a.believed);
        assert_true(a.tried > 100000);
        assert_int_equal(a.wrong, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_honest), cmocka_unit_test(test_imitations)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
