/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Judgements about names: names of real mails with what a person says of them, HELO kinds, mail programs; hostile
 * names; and the names of the shared mails, counted. */
#include "mail_rig.h"

#include <ctype.h>
#include <stdlib.h>

#include "mail/kinds.h"

static struct addr addr(const char *text)
{
        struct addr a;

        assert_int_equal(addr_parse(text, &a), 0);
        return a;
}

static enum answer dynamic(const char *name, const char *text)
{
        struct addr a = addr(text);

        return kinds_dynamic(rig_slice(name), &a);
}

struct row {
        const char *name, *addr;
};

/* Read one by one: access networks of twenty countries. */
static const struct row customers[] = {
        {"80-28-223-208.adsl.nuria.telefonica-data.net", "80.28.223.208"},
        {"82-68-189-22.dsl.in-addr.zen.co.uk", "82.68.189.22"},
        {"83-70-48-2.bas2.dbn.dublin.eircom.net", "83.70.48.2"},
        {"TCE-E-7-182-54.bta.net.cn", "202.106.182.54"},
        {"adsl-207-213-27-129.dsl.lsan03.pacbell.net", "207.213.27.129"},
        {"c66.169.197.134.ts46v-19.pkcty.ftwrth.tx.charter.com", "66.169.197.134"},
        {"dsl-082-083-139-045.arcor-ip.net", "82.83.139.45"},
        {"dsl-189-149-70-163.prod-infinitum.com.mx", "189.149.70.163"},
        {"dsl092-076-133.bos1.dsl.speakeasy.net", "66.92.76.133"},
        {"dyn-81-166-39-132.ppp.tiscali.fr", "81.166.39.132"},
        {"lns-p19-8-82-65-66-244.adsl.proxad.net", "82.65.66.244"},
        {"p50894de7.dip0.t-ipconnect.de", "80.137.77.231"},
        {"p83.129.191.197.tisdip.tiscali.de", "83.129.191.197"},
        {"pl027.nas934.d-osaka.nttpc.ne.jp", "61.197.82.27"},
        {"s233-64-90-216.try.wideopenwest.com", "64.233.216.90"},
        {"stgt-5f70f8a3.pool.mediaWays.net", "95.112.248.163"},
        {"AC81E805.ipt.aol.com", "172.129.232.5"},
        {"OL53-139.fibertel.com.ar", "24.232.139.53"},
        {"h-66-134-53-162.LSANCA54.covad.net", "66.134.53.162"},
        {"host213-123-215-19.in-addr.btopenworld.com", "213.123.215.19"},
        {"p71-94.acedsl.com", "66.114.71.94"},
        {"ppp151.interbgc.com", "217.9.224.151"},
        {"PPPa165-nas1rack6059.dialinx.net", "65.44.236.165"},
        {"sdn-ar-016mokcitP093.dialsprint.net", "158.252.171.181"},
        {"sub-174ip165.carats.net", "216.152.174.165"},
        {"tamqfl1-ar1-243-254.tamqfl1.dsl-verizon.net", "4.34.243.254"},
        {"200-204-74-168.dsl.telesp.net.br", "200.204.74.168"},
        {"61-222-134-217.HINET-IP.hinet.net", "61.222.134.217"},
        {"nas7-54-211.mystarhub.com.sg", "203.117.54.211"},
        {"d141-80-2.home.cgocable.net", "24.141.80.2"},
        {"k100-20.bas1.dbn.dublin.eircom.net", "159.134.100.20"},
        {"nw152-60.indigo.ie", "194.125.152.60"},
        {"dhcp-63-177.cse.ucsc.edu", "128.114.63.177"},
        {"082083139045.dyn.example.pl", "82.83.139.45"},
        {"45.139.83.82.pool.example.it", "82.83.139.45"},
        {"abonent-139-45.example.com.ua", "82.83.139.45"},
        {"0x52538b2d.cust.example.dk", "82.83.139.45"},
        {"2001-db8-1-2-0-0-0-9.dyn.example.de", "2001:db8:1:2::9"},
        {"20010db8000100020000000000000009.cpe.example.nl", "2001:db8:1:2::9"},
};

/* Servers, as people name them. */
static const struct row servers[] = {
        {"imo-m01.mx.aol.com", "64.12.136.4"},
        {"mail00.svc.cra.dublin.eircom.net", "159.134.118.16"},
        {"postfix3-2.free.fr", "213.228.20.149"},
        {"bay1-f95.bay1.hotmail.com", "65.54.245.95"},
        {"rwcrmhc51.attbi.com", "204.127.198.38"},
        {"mx10.topofferz.net", "69.6.60.10"},
        {"uuout10smtp6.uu.flonetwork.com", "205.150.6.36"},
        {"dogma.slashnull.org", "212.17.35.15"},
        {"sibmail.com", "77.106.108.226"},
        {"lists.gentoo.org", "156.56.111.196"},
        {"gate.jakob.de", "217.145.101.130"},
        {"hall.mail.mindspring.net", "207.69.200.60"},
        {"mail-12-34.example.net", "192.0.2.99"},
        {"mail.dsl.example.net", "192.0.2.99"},
        {"mail-2-99.example.net", "192.0.2.99"},
        {"ns1.example.com", "66.199.2.3"},
        {"www.example.co.uk", "66.199.2.3"},
};

/* The name does not tell. */
static const struct row unclear[] = {
        {"066.dsl6660167.bstatic.surewest.net", "66.60.167.66"},
        {"visual1-2.dsl.easynet.co.uk", "217.204.173.66"},
        {"139-45.static.example.de", "82.83.139.45"},
        {"ec2-82-83-139-45.compute-1.example.com", "82.83.139.45"},
        {"vps-82-83-139-45.example.net", "82.83.139.45"},
        {"mail.adsl-139-45.example.net", "82.83.139.45"},
        {"a93236.upc-a.chello.nl", "62.163.93.236"},
        {"bgp01132961bgs.ypeast01.mi.comcast.net", "68.42.119.201"},
        {"82.83.139.45", "82.83.139.45"},
        {"[82.83.139.45]", "82.83.139.45"},
        {"unknown", "82.83.139.45"},
        {"", "82.83.139.45"},
        {"a..b", "82.83.139.45"},
        {"b\xc3\xbcro.example.de", "82.83.139.45"},
};

static void test_names(void **state)
{
        static const struct {
                const struct row *rows;
                size_t n;
                enum answer wanted;
        } lists[] = {{customers, ELEMENTSOF(customers), ANSWER_YES},
                     {servers, ELEMENTSOF(servers), ANSWER_NO},
                     {unclear, ELEMENTSOF(unclear), ANSWER_UNKNOWN}};

        (void) state;
        for (unsigned l = 0; l < ELEMENTSOF(lists); l++)
                for (size_t i = 0; i < lists[l].n; i++) {
                        const struct row *r = &lists[l].rows[i];
                        enum answer got = dynamic(r->name, r->addr);

                        if (got != lists[l].wanted)
                                fail_msg("%s: %s, not %s", r->name, answer_name(got), answer_name(lists[l].wanted));
                }
}

/* Another machine's address in a name says nothing of this one. */
static void test_other_address(void **state)
{
        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(customers); i++) {
                struct addr a = addr("1.2.3.4");

                assert_false(kinds_traits(rig_slice(customers[i].name), &a) & KINDS_ADDRESS);
        }
}

/* --- HELO --- */

static enum kinds_helo helo(const char *said, const char *rdns)
{
        struct kinds_said s = {
                .helo = rig_slice(said), .rdns = rig_slice(rdns), .by = rig_slice("mx.ours.example.org")};

        s.addr = addr("82.83.139.45");
        s.by_addr = addr("192.0.2.25");
        return kinds_helo(&s);
}

static void test_helo(void **state)
{
        (void) state;
        assert_int_equal(helo("", "mail.example.net"), KINDS_HELO_NONE);
        assert_int_equal(helo("[82.83.139.45]", ""), KINDS_HELO_LITERAL);
        assert_int_equal(helo("82.83.139.45", ""), KINDS_HELO_LITERAL);
        assert_int_equal(helo("[IPv6:::ffff:82.83.139.45]", ""), KINDS_HELO_LITERAL);
        assert_int_equal(helo("[192.168.1.2]", ""), KINDS_HELO_OTHER);
        assert_int_equal(helo("[192.0.2.25]", ""), KINDS_HELO_OURS);
        assert_int_equal(helo("mx.OURS.example.org.", ""), KINDS_HELO_OURS);
        assert_int_equal(helo("KRYPTIK", ""), KINDS_HELO_BARE);
        assert_int_equal(helo("localhost", ""), KINDS_HELO_BARE);
        assert_int_equal(helo("localhost.localdomain", ""), KINDS_HELO_JUNK);
        assert_int_equal(helo("pc.lan", ""), KINDS_HELO_JUNK);
        assert_int_equal(helo("a.b.123", ""), KINDS_HELO_JUNK);
        assert_int_equal(helo("a b.example", ""), KINDS_HELO_JUNK);
        assert_int_equal(helo("x..example", ""), KINDS_HELO_JUNK);
        assert_int_equal(helo("Mail.Example.net", "mail.example.net."), KINDS_HELO_REVERSE);
        assert_int_equal(helo("mail.example.co.uk", "dsl-1.example.co.uk"), KINDS_HELO_KIN);
        assert_int_equal(helo("mail.other.co.uk", "dsl-1.example.co.uk"), KINDS_HELO_NAME);
        assert_int_equal(helo("dsl-139-45.example.net", "x.other.org"), KINDS_HELO_DYNAMIC);
        assert_int_equal(helo("hotmail.com", "x.other.org"), KINDS_HELO_NAME);
        for (unsigned i = 0; i < KINDS_HELOS; i++)
                assert_string_not_equal(kinds_helo_name(i), "?");
        assert_string_equal(kinds_helo_name(KINDS_HELOS), "?");
}

static void test_domain(void **state)
{
        static const char *const rows[][2] = {
                {"a.b.example.com", "example.com"},
                {"example.com", "example.com"},
                {"a.b.example.co.uk", "example.co.uk"},
                {"example.co.uk", "example.co.uk"},
                {"co.uk", "co.uk"},
                {"com", "com"},
                {"a.example.com.", "example.com"},
                {"x.d-osaka.nttpc.ne.jp", "nttpc.ne.jp"},
                {"", ""},
                {"a.co.example", "co.example"},
        };

        (void) state;
        for (unsigned i = 0; i < ELEMENTSOF(rows); i++)
                assert_string_equal(rig_text(kinds_domain(rig_slice(rows[i][0]))), rows[i][1]);
}

static void test_mailers(void **state)
{
        static const struct {
                const char *text;
                enum os_family family;
                enum answer wanted;
        } rows[] = {
                {"Microsoft Outlook Express 6.00.2600.0000", OS_FAMILY_WINDOWS, ANSWER_YES},
                {"Microsoft Outlook Express 6.00.2600.0000", OS_FAMILY_LINUX, ANSWER_NO},
                {"Microsoft Outlook Express for Macintosh - 4.01", OS_FAMILY_APPLE, ANSWER_YES},
                {"QUALCOMM Windows Eudora Version 5.1", OS_FAMILY_WINDOWS, ANSWER_YES},
                {"Apple Mail (2.482)", OS_FAMILY_APPLE, ANSWER_YES},
                {"Apple Mail (2.482)", OS_FAMILY_WINDOWS, ANSWER_NO},
                {"Mozilla/5.0 (X11; U; Linux i686; en-US; rv:0.9.9)", OS_FAMILY_LINUX, ANSWER_YES},
                {"Mozilla/5.0 (X11; U; SunOS sun4u; en-US)", OS_FAMILY_SOLARIS, ANSWER_YES},
                {"Mutt/1.4i", OS_FAMILY_WINDOWS, ANSWER_UNKNOWN},
                {"Mutt/1.4i", OS_FAMILY_LINUX, ANSWER_UNKNOWN},
                {"iPhone Mail (16B92)", OS_FAMILY_APPLE, ANSWER_YES},
                {"Microsoft Outlook, Build 10.0.2627", OS_FAMILY_UNKNOWN, ANSWER_UNKNOWN},
                {"", OS_FAMILY_WINDOWS, ANSWER_UNKNOWN},
        };

        (void) state;
        for (unsigned i = 0; i < ELEMENTSOF(rows); i++)
                assert_int_equal(kinds_mailer(rig_slice(rows[i].text), rows[i].family), rows[i].wanted);
}

/* --- outside bytes --- */

static void test_hostile(void **state)
{
        static const char bytes[] = "0123456789abcdefxyz.-_:[]% \0\xff@";
        char name[600];
        struct addr a = addr("82.83.139.45"), six = addr("2001:db8::1");

        (void) state;
        srand(9);
        for (unsigned i = 0; i < 20000; i++) {
                size_t n = (size_t) rand() % sizeof(name);
                char *copy = malloc(n ? n : 1);
                struct slice s;
                struct kinds_said said;

                assert_non_null(copy);
                for (size_t k = 0; k < n; k++)
                        copy[k] = bytes[(unsigned) rand() % (rand() % 4 ? 19 : sizeof(bytes) - 1)];
                s = (struct slice){copy, (uint32_t) n};
                kinds_dynamic(s, rand() % 2 ? &a : &six);
                said = (struct kinds_said){.helo = s, .rdns = s, .addr = a, .by = s};
                assert_true(kinds_helo(&said) < KINDS_HELOS);
                kinds_mailer(s, OS_FAMILY_WINDOWS);
                assert_true(kinds_domain(s).len <= n);
                free(copy);
        }
        memset(name, 'a', sizeof(name));
        assert_int_equal(kinds_traits((struct slice){name, sizeof(name)}, &a), 0);
}

/* --- the shared mails --- */

/* Columns: verdict, address, reverse name, HELO, by. None of those that are named as servers may be called dynamic. */
static void test_data(void **state)
{
        FILE *f = rig_data("received-spamassassin.tsv");
        unsigned counts[ANSWERS] = {0}, helos[KINDS_HELOS] = {0};
        char line[4096];

        (void) state;
        if (!f)
                skip();
        while (fgets(line, sizeof(line), f)) {
                char *save = line, *fields[5] = {NULL};
                struct kinds_said said = {0};
                enum answer got;

                for (unsigned i = 0; i < 5; i++)
                        fields[i] = strsep(&save, "\t");
                if (!fields[4] || strcmp(fields[0], "OK") != 0 || addr_parse(fields[1], &said.addr) < 0)
                        continue;
                said.rdns = rig_slice(fields[2]);
                said.helo = rig_slice(fields[3]);
                said.by = rig_slice(fields[4]);
                got = kinds_dynamic(said.rdns, &said.addr);
                counts[got] += said.rdns.len > 0;
                helos[kinds_helo(&said)]++;
                if (got == ANSWER_YES &&
                    (strncasecmp(fields[2], "mail", 4) == 0 || strncasecmp(fields[2], "mx", 2) == 0 ||
                     strncasecmp(fields[2], "smtp", 4) == 0))
                        fail_msg("%s is called dynamic", fields[2]);
        }
        fclose(f);
        print_message("names of the 145 headers: dynamic %u, not %u, unknown %u; HELO:", counts[ANSWER_YES],
                      counts[ANSWER_NO], counts[ANSWER_UNKNOWN]);
        for (unsigned i = 0; i < KINDS_HELOS; i++)
                print_message(" %s %u", kinds_helo_name(i), helos[i]);
        print_message("\n");
        assert_in_range(counts[ANSWER_YES], 17, 21); /* 19 of them are read as such by a person */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),  cmocka_unit_test(test_other_address), cmocka_unit_test(test_helo),
                cmocka_unit_test(test_domain), cmocka_unit_test(test_mailers),       cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_data),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
