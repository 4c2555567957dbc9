/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The 145 headers of SpamAssassin's t/rcvd_parser.t with the fields they must give (SEKIMORI_DATA/mail; skipped without
 * it). Each line: OK or SKIP, address, reverse name, HELO, by, header. SKIP stands for "no peer's address". Its
 * notation writes a HELO in brackets as !192.0.2.1!. */
#include "mail_rig.h"

static bool expect(const char *what, const char *want, const char *have, unsigned line)
{
        if (strcasecmp(want, have) == 0)
                return true;
        print_message("line %u: %s is \"%s\", not \"%s\"\n", line, what, have, want);
        return false;
}

static const char *helo_text(struct slice helo, char text[static 256])
{
        bool literal = helo.len > 1 && helo.p[0] == '[' && helo.p[helo.len - 1] == ']';

        snprintf(text, 256, literal ? "!%.*s!" : "%.*s", (int) helo.len - (literal ? 2 : 0),
                 helo.p ? helo.p + literal : "");
        return text;
}

static bool check_fields(char *const *f, const struct received *r, unsigned line)
{
        char text[ADDR_TEXT_MAX], helo[256];
        struct addr want;
        uint16_t port;
        bool good = true;

        if (address_read(rig_slice(f[1]), &want, &port) < 0 || !addr_equal(&want, &r->peer)) {
                print_message("line %u: the address is %s, not %s\n", line, addr_format(&r->peer, text), f[1]);
                good = false;
        }
        good &= expect("the reverse name", f[2], rig_text(r->rdns), line);
        good &= expect("the HELO", f[3], helo_text(r->helo, helo), line);
        good &= expect("by", f[4], rig_text(r->by), line);
        return good;
}

static void test_headers(void **state)
{
        _cleanup_fclose_ FILE *file = rig_data("received-spamassassin.tsv");
        char row[4096];
        unsigned n = 0, good = 0;

        (void) state;
        assert_non_null(file);
        while (fgets(row, sizeof(row), file)) {
                char *fields[6], *rest = row;
                struct received r;
                bool peer, fine;

                row[strcspn(row, "\n")] = '\0';
                for (unsigned i = 0; i < 6; i++)
                        assert_non_null(fields[i] = strsep(&rest, "\t"));
                n++;
                peer = received_read(rig_slice(fields[5]), &r) == RECEIVED_PEER;
                fine = peer == (strcmp(fields[0], "OK") == 0);
                if (!fine)
                        print_message("line %u: %s, but kind %u (%s): %s\n", n, fields[0], r.kind,
                                      received_trouble_text(r.trouble), fields[5]);
                else if (peer)
                        fine = check_fields(fields, &r, n);
                good += fine;
        }
        print_message("%u of %u headers\n", good, n);
        assert_int_equal(n, 145);
        assert_int_equal(good, n);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_headers)};

        if (!rig_has_data("received-spamassassin.tsv"))
                return 77; /* skipped */
        return cmocka_run_group_tests(tests, NULL, NULL);
}
