/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of resolvers: what is taken, how long it holds, and every way in which a reply can lie or end early. */
#include "dns_rig.h"

#include <errno.h>
#include <stdlib.h>

#include "mail/reply.h"

static struct dns_message m;
static struct reply R;

static int read_as(const char *name, enum reply_type type)
{
        uint8_t *copy = malloc(m.n ? m.n : 1);
        int r;

        assert_non_null(copy);
        memcpy(copy, m.b, m.n);
        r = reply_read(copy, m.n, name, type, &R);
        free(copy);
        return r;
}

static void assert_reply_addr(unsigned i, const char *text)
{
        char out[ADDR_TEXT_MAX];

        assert_string_equal(addr_format(&R.addrs[i], out), text);
}

static void test_addresses(void **state)
{
        (void) state;
        dns_begin(&m, "Mail.Example.net", 1, 0);
        dns_put_a(&m, "mail.EXAMPLE.net", 300, "192.0.2.1");
        dns_put_a(&m, "mail.example.net", 200, "192.0.2.2");
        dns_put_a(&m, "other.example.net", 1, "192.0.2.3"); /* nobody asked */
        assert_int_equal(read_as("mail.example.net", REPLY_A), 0);
        assert_int_equal(R.n, 2);
        assert_false(R.more);
        assert_int_equal(R.ttl, 200);
        assert_reply_addr(0, "192.0.2.1");
        assert_reply_addr(1, "192.0.2.2");
        dns_begin(&m, "mail.example.net", 28, 0);
        dns_put_a(&m, "mail.example.net", 300, "2001:db8::1");
        assert_int_equal(read_as("mail.example.net", REPLY_AAAA), 0);
        assert_reply_addr(0, "2001:db8::1");
}

static void test_aliases(void **state)
{
        char from[32], to[32];

        (void) state;
        /* RFC 2317: reverse names of parts of a /24; in any order. */
        dns_begin(&m, "1.2.0.192.in-addr.arpa", 12, 0);
        dns_put_to(&m, "1.0-25.2.0.192.in-addr.arpa", 12, 300, "mail.example.net");
        dns_put_to(&m, "1.2.0.192.in-addr.arpa", 5, 60, "1.0-25.2.0.192.in-addr.arpa");
        assert_int_equal(read_as("1.2.0.192.in-addr.arpa", REPLY_PTR), 0);
        assert_int_equal(R.n, 1);
        assert_string_equal(R.names[0], "mail.example.net");
        assert_int_equal(R.ttl, 60);

        dns_begin(&m, "a", 1, 0);
        dns_put_to(&m, "a", 5, 60, "b");
        dns_put_to(&m, "b", 5, 60, "a");
        assert_int_equal(read_as("a", REPLY_A), -ELOOP);
        for (unsigned aliases = 7; aliases <= 9; aliases++) {
                dns_begin(&m, "n0", 1, 0);
                for (unsigned i = 0; i < aliases; i++) {
                        snprintf(from, sizeof(from), "n%u", i);
                        snprintf(to, sizeof(to), "n%u", i + 1);
                        dns_put_to(&m, from, 5, 60, to);
                }
                dns_put_a(&m, to, 60, "192.0.2.1");
                assert_int_equal(read_as("n0", REPLY_A), aliases <= 8 ? 0 : -ELOOP);
        }
}

static void test_no(void **state)
{
        (void) state;
        for (unsigned rcode = 0; rcode <= 3; rcode += 3) {
                dns_begin(&m, "x.example", 1, rcode);
                dns_put_soa(&m, "example", 3600, 900);
                assert_int_equal(read_as("x.example", REPLY_A), 0);
                assert_int_equal(R.n, 0);
                assert_int_equal(R.ttl, 900);
        }
        dns_begin(&m, "x.example", 1, 3);
        dns_put_soa(&m, "example", 100, 900);
        assert_int_equal(read_as("x.example", REPLY_A), 0);
        assert_int_equal(R.ttl, 100);
        dns_begin(&m, "x.example", 1, 3);
        assert_int_equal(read_as("x.example", REPLY_A), 0);
        assert_int_equal(R.ttl, 0);
        for (unsigned rcode = 1; rcode < 16; rcode++) {
                dns_begin(&m, "x.example", 1, rcode);
                assert_int_equal(read_as("x.example", REPLY_A), rcode == 3 ? 0 : -EREMOTEIO);
        }
}

static void test_other_question(void **state)
{
        (void) state;
        dns_begin(&m, "y.example", 1, 0);
        dns_put_a(&m, "y.example", 60, "192.0.2.1");
        assert_int_equal(read_as("x.example", REPLY_A), -EBADMSG);
        assert_int_equal(read_as("y.example", REPLY_AAAA), -EBADMSG);
        assert_int_equal(read_as("y.example", REPLY_A), 0);
        m.b[2] = 0x01; /* a question */
        assert_int_equal(read_as("y.example", REPLY_A), -EBADMSG);
        m.b[2] = 0x83; /* cut */
        assert_int_equal(read_as("y.example", REPLY_A), -EBADMSG);
        m.b[2] = 0xa9; /* an update */
        assert_int_equal(read_as("y.example", REPLY_A), -EBADMSG);
        m.b[2] = 0x81;
        m.b[5] = 2;
        assert_int_equal(read_as("y.example", REPLY_A), -EBADMSG);
}

static void test_lengths(void **state)
{
        (void) state;
        dns_begin(&m, "x.example", 1, 0);
        dns_put_to(&m, "x.example", 5, 60, "y.example");
        dns_put_a(&m, "y.example", 60, "192.0.2.1");
        assert_int_equal(read_as("x.example", REPLY_A), 0);
        for (size_t whole = m.n; m.n > 0;) {
                m.n--;
                assert_int_equal(read_as("x.example", REPLY_A), -EBADMSG);
                assert_true(m.n < whole);
        }
        dns_begin(&m, "x.example", 1, 0);
        m.b[6] = 1; /* 256 records that are not there */
        assert_int_equal(read_as("x.example", REPLY_A), -EBADMSG);
        m.b[7] = 1;
        assert_int_equal(read_as("x.example", REPLY_A), -EBADMSG);
        /* An address of three bytes. */
        dns_begin(&m, "x.example", 1, 0);
        dns_put_head(&m, "x.example", 1, 60, 3);
        m.n += 3;
        m.b[7] = 1;
        assert_int_equal(read_as("x.example", REPLY_A), 0);
        assert_int_equal(R.n, 0);
        assert_true(R.more);
}

/* A pointer to itself, forward, and in a circle. */
static void test_pointers(void **state)
{
        static const uint16_t to[] = {0, 1, 0xffff};

        (void) state;
        for (unsigned i = 0; i < 3; i++) {
                size_t at;

                dns_begin(&m, "x.example", 12, 0);
                dns_put_head(&m, "x.example", 12, 60, 4);
                at = m.n;
                m.b[m.n++] = 1;
                m.b[m.n++] = 'a';
                dns_put16(&m, 0xc000 | (to[i] == 0xffff ? at : at + 2 + to[i]));
                m.b[7] = 1;
                assert_int_equal(read_as("x.example", REPLY_PTR), 0);
                assert_int_equal(R.n, 0);
                assert_true(R.more);
        }
        /* Backwards is as it should be. */
        dns_begin(&m, "x.example", 12, 0);
        dns_put_head(&m, "x.example", 12, 60, 4);
        m.b[m.n++] = 1;
        m.b[m.n++] = 'a';
        dns_put16(&m, 0xc00c);
        m.b[7] = 1;
        assert_int_equal(read_as("x.example", REPLY_PTR), 0);
        assert_string_equal(R.names[0], "a.x.example");
}

static void test_names(void **state)
{
        char name[300] = "";

        (void) state;
        dns_begin(&m, "x", 12, 0);
        dns_put_to(&m, "x", 12, 60, "a.example");
        dns_put_to(&m, "x", 12, 60, "A.Example"); /* the same */
        dns_put_to(&m, "x", 12, 60, "b c.example");
        dns_put_to(&m, "x", 12, 60, "\x1b[2J.example");
        dns_put_to(&m, "x", 12, 60, "\xc3\xa9.example");
        assert_int_equal(read_as("x", REPLY_PTR), 0);
        assert_int_equal(R.n, 1);
        assert_true(R.more);
        dns_begin(&m, "x", 12, 0);
        for (unsigned i = 0; i < 20; i++) {
                snprintf(name, sizeof(name), "n%u.example", i);
                dns_put_to(&m, "x", 12, 60, name);
        }
        assert_int_equal(read_as("x", REPLY_PTR), 0);
        assert_int_equal(R.n, REPLY_NAMES_MAX);
        assert_true(R.more);
        /* 253 bytes are a name, 255 are none. */
        for (unsigned extra = 0; extra < 2; extra++) {
                memset(name, 'a', sizeof(name));
                for (unsigned i = 63; i < 250; i += 64)
                        name[i] = '.';
                name[253 + 2 * extra] = 0;
                dns_begin(&m, "x", 12, 0);
                dns_put_to(&m, "x", 12, 60, name);
                assert_int_equal(read_as("x", REPLY_PTR), 0);
                assert_int_equal(R.n, !extra);
        }
}

static void test_many(void **state)
{
        (void) state;
        dns_begin(&m, "x", 1, 0);
        for (unsigned i = 0; i < 200; i++)
                dns_put_a(&m, "x", 60, "192.0.2.1");
        assert_int_equal(read_as("x", REPLY_A), 0);
        assert_int_equal(R.n, REPLY_ADDRS_MAX);
        assert_true(R.more);
        dns_begin(&m, "x", 1, 0);
        dns_put_a(&m, "x", 0x80000000u, "192.0.2.1");
        assert_int_equal(read_as("x", REPLY_A), 0);
        assert_int_equal(R.ttl, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_addresses),      cmocka_unit_test(test_aliases), cmocka_unit_test(test_no),
                cmocka_unit_test(test_other_question), cmocka_unit_test(test_lengths), cmocka_unit_test(test_pointers),
                cmocka_unit_test(test_names),          cmocka_unit_test(test_many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
