/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chains of the shared data (SEKIMORI_DATA/mail; skipped without it): the 16 of SpamAssassin's t/trust_path.t, and the
 * header that the source "relay inquiry" prints.
 *
 * What SpamAssassin's words mean here:
 *   trusted_networks    chain_trust.trusted; "!net" is an exception, the first entry that fits decides, "1.2/16"
 * is 1.2.0.0/16. Where it is absent, SpamAssassin takes private networks as its own: the same ranges are given
 *   internal_networks   chain_trust.own; networks that trusted_networks does not have are left out. Absent: as trusted
 *   msa_networks        chain_trust.submission
 *   trusted relays      hops with an address whose peer is trusted, and all above it; "intl": our own likewise.
 * X-Originating-IP counts as a hop; it is never our last external relay, whatever its address 127.0.0.1, ::1 always
 * trusted, in both */
#include "mail_rig.h"

#include <jansson.h>

#include "mail/chain.h"

#define NETS_MAX 16

struct nets {
        struct chain_net items[NETS_MAX];
        size_t n;
        bool given;
};

static void add_net(struct nets *nets, const char *word)
{
        struct chain_net *net = &nets->items[nets->n];
        char text[80], *slash;
        unsigned dots = 0;

        assert_true(nets->n < NETS_MAX);
        net->except = *word == '!';
        snprintf(text, sizeof(text), "%s", word + net->except);
        slash = strchr(text, '/');
        for (const char *p = text; *p && p != slash; p++)
                dots += *p == '.';
        if (slash && dots < 3 && !strchr(text, ':')) { /* "1.2/16" */
                char bits[8], zeros[8] = "";

                snprintf(bits, sizeof(bits), "%s", slash);
                for (; dots < 3; dots++)
                        strcat(zeros, ".0");
                snprintf(slash, sizeof(text) - (size_t) (slash - text), "%s%s", zeros, bits);
        }
        assert_int_equal(cidr_parse(text, &net->net), 0);
        nets->n++;
}

static void add_words(struct nets *nets, const char *words)
{
        char copy[256], *rest = copy, *word;

        snprintf(copy, sizeof(copy), "%s", words);
        nets->given = true;
        while ((word = strsep(&rest, " ")) != NULL)
                if (*word)
                        add_net(nets, word);
}

/* Networks of `inner` that no network of `outer` contains. */
static void leave_out(struct nets *inner, const struct nets *outer)
{
        size_t kept = 0;

        for (size_t i = 0; i < inner->n; i++) {
                bool within = inner->items[i].except;

                for (size_t k = 0; k < outer->n; k++)
                        within = within ||
                                 (!outer->items[k].except && outer->items[k].net.bits <= inner->items[i].net.bits &&
                                  cidr_contains(&outer->items[k].net, &inner->items[i].net.base));
                if (within)
                        inner->items[kept++] = inner->items[i];
        }
        inner->n = kept;
}

struct config {
        struct nets trusted, own, submission;
};

static void read_config(const json_t *lines, struct config *ret)
{
        static const char private_nets[] = "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 169.254.0.0/16 fc00::/7 fe80::/10";
        const json_t *line;
        size_t i;

        *ret = (struct config){0};
        json_array_foreach(lines, i, line)
        {
                const char *text = json_string_value(line);

                if (strncmp(text, "trusted_networks ", 17) == 0)
                        add_words(&ret->trusted, text + 17);
                else if (strncmp(text, "internal_networks ", 18) == 0)
                        add_words(&ret->own, text + 18);
                else if (strncmp(text, "msa_networks ", 13) == 0)
                        add_words(&ret->submission, text + 13);
                else
                        fail_msg("\"%s\" is not translated", text);
        }
        if (!ret->trusted.given)
                add_words(&ret->trusted, private_nets);
        leave_out(&ret->own, &ret->trusted);
}

static bool text_differs(const json_t *want, const char *key, struct slice have, int n)
{
        const char *text = json_string_value(json_object_get(want, key));

        if (strcmp(text, rig_text(have)) == 0)
                return false;
        print_message("%d: %s is \"%s\", not \"%s\"\n", n, key, rig_text(have), text);
        return true;
}

static bool hop_differs(const json_t *want, const struct chain_hop *h, const struct config *config, int n)
{
        const char *ip = json_string_value(json_object_get(want, "ip"));
        const char *intl = json_string_value(json_object_get(want, "intl"));
        const char *msa = json_string_value(json_object_get(want, "msa"));
        struct chain_nets submission = {config->submission.items, config->submission.n};
        char text[ADDR_TEXT_MAX];
        struct addr a;
        bool bad;

        bad = addr_parse(ip, &a) < 0 || !addr_equal(&a, &h->r.peer);
        if (bad)
                print_message("%d: the address is %s, not %s\n", n, addr_format(&h->r.peer, text), ip);
        bad |= text_differs(want, "rdns", h->r.rdns, n) || text_differs(want, "helo", h->r.helo, n) ||
               text_differs(want, "by", h->r.by, n) || text_differs(want, "ident", h->r.ident, n) ||
               text_differs(want, "envfrom", h->r.envelope_from, n) || text_differs(want, "id", h->r.id, n) ||
               text_differs(want, "auth", h->r.user, n);
        if (h->own != (*intl == '1')) {
                print_message("%d: %s is %sour own\n", n, ip, h->own ? "" : "not ");
                bad = true;
        }
        if ((h->trusted && chain_nets_have(&submission, &h->r.peer)) != (*msa == '1')) {
                print_message("%d: %s: a submission server or not\n", n, ip);
                bad = true;
        }
        return bad;
}

/* The expected hops, in order, among those of the chain that have an address. */
static bool hops_differ(const json_t *want, const struct chain *c, bool trusted, const struct config *config, int n)
{
        size_t i = 0;
        bool bad = false;

        for (uint32_t k = 0; k < c->n_hops; k++) {
                const struct chain_hop *h = &c->hops[k];

                if (h->r.kind != RECEIVED_PEER || h->trusted != trusted)
                        continue;
                bad |= i >= json_array_size(want) || hop_differs(json_array_get(want, i), h, config, n);
                i++;
        }
        if (i != json_array_size(want))
                print_message("%d: %zu %s hops, not %zu\n", n, i, trusted ? "trusted" : "untrusted",
                              json_array_size(want));
        return bad || i != json_array_size(want);
}

static void test_trust_path(void **state)
{
        static struct chain c;
        _cleanup_fclose_ FILE *file = rig_data("trust-path-spamassassin.json");
        json_t *all, *one;
        size_t i, good = 0;

        (void) state;
        assert_non_null(file);
        all = json_loadf(file, 0, NULL);
        assert_non_null(all);
        json_array_foreach(all, i, one)
        {
                const char *headers = json_string_value(json_object_get(one, "headers"));
                const json_t *expected = json_object_get(one, "expected");
                int n = (int) json_integer_value(json_object_get(one, "n"));
                struct chain_trust trust = {0};
                struct config config;

                read_config(json_object_get(one, "config"), &config);
                trust.trusted = (struct chain_nets){config.trusted.items, config.trusted.n};
                if (config.own.given)
                        trust.own = (struct chain_nets){config.own.items, config.own.n};
                trust.submission = (struct chain_nets){config.submission.items, config.submission.n};
                chain_read(headers, strlen(headers), &trust, &c);
                good += !hops_differ(json_object_get(expected, "trusted"), &c, true, &config, n) &&
                        !hops_differ(json_object_get(expected, "untrusted"), &c, false, &config, n);
        }
        print_message("%zu of %zu chains\n", good, json_array_size(all));
        assert_int_equal(json_array_size(all), 16);
        assert_int_equal(good, 16);
        json_decref(all);
}

static bool has_sign(const struct chain *c, enum chain_sign_id id, uint32_t hop)
{
        for (uint32_t i = 0; i < c->n_signs; i++)
                if (c->signs[i].id == id && c->signs[i].hop == hop && c->signs[i].strong)
                        return true;
        return false;
}

static void test_seed(void **state)
{
        static struct chain c;
        _cleanup_fclose_ FILE *file = rig_data("seed-header.txt");
        struct chain_net yahoo;
        struct chain_trust trust = {0};
        char head[4096], text[ADDR_TEXT_MAX];
        size_t len;

        (void) state;
        assert_non_null(file);
        len = fread(head, 1, sizeof(head), file);
        chain_read(head, len, &trust, &c);
        assert_int_equal(c.n_hops, 3);
        assert_int_equal(c.end, CHAIN_END_RELAY);
        assert_string_equal(addr_format(&c.relay, text), "203.216.244.210");
        assert_false(c.results[0].trusted || c.results[1].trusted);

        yahoo.except = false;
        assert_int_equal(cidr_parse("203.216.244.210", &yahoo.net), 0);
        trust.trusted = (struct chain_nets){&yahoo, 1};
        chain_read(head, len, &trust, &c);
        assert_int_equal(c.end, CHAIN_END_RELAY);
        assert_string_equal(addr_format(&c.relay, text), "61.48.71.52");
        assert_int_equal(c.hops[0].role, CHAIN_OWN);
        assert_int_equal(c.hops[1].role, CHAIN_RELAY);
        assert_int_equal(c.hops[2].role, CHAIN_FORGED);
        assert_true(has_sign(&c, CHAIN_SIGN_BY_ADDRESS, 2));
        assert_true(has_sign(&c, CHAIN_SIGN_TIME_BACKWARDS, 2));
        /* Yahoo's own results stand above Yahoo's header. */
        assert_int_equal(c.n_results, 2);
        assert_true(c.results[0].trusted && c.results[0].spf);
        assert_string_equal(rig_text(c.results[0].spf_is), "none");
        assert_true(c.results[1].trusted);
        assert_string_equal(rig_text(c.results[1].by), "mta144.mail.tnz.yahoo.co.jp");
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_trust_path), cmocka_unit_test(test_seed)};

        if (!rig_has_data("trust-path-spamassassin.json"))
                return 77; /* skipped */
        return cmocka_run_group_tests(tests, NULL, NULL);
}
