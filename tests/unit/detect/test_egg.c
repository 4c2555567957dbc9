/* SPDX-License-Identifier: GPL-3.0-or-later */
/* egg: programs under false names, from bare addresses, on orders, after intrusions, handed out; and software as people
 * get it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "detect/detector.h"
#include "talk.h"

struct got {
        uint8_t kind, how;
        const char *remote, *host, *name, *type;
        uint16_t port; /* 0: 80 */
        bool accepted, sent;
};

static void file(struct talk *t, const struct got *g)
{
        struct event e = {.time = t->now, .type = EVENT_FILE, .op = FILE_SEEN};

        e.file.ends = talk_ends(t, g->remote ? g->remote : "198.51.100.9", g->port ? g->port : 80, g->sent);
        if (g->accepted) {
                e.file.ends.origin = FLOW_ACCEPTED;
                e.file.ends.local_port = g->port;
                e.file.ends.remote_port = 50000;
        }
        e.file.kind = g->kind;
        e.file.how = g->how;
        e.file.name = talk_slice(g->name ? g->name : "");
        e.file.host = talk_slice(g->host ? g->host : "");
        e.file.type = g->type;
        e.file.type_len = g->type ? (uint16_t) strlen(g->type) : 0;
        e.file.size = UINT64_MAX;
        analysis_event(t->analysis, &e);
}

/* The weight of that claim from this file alone; 0: none. */
static int32_t weight(const struct got *g, const char *kind)
{
        const struct evidence *e;
        struct talk t;
        int32_t w;

        talk_begin(&t);
        file(&t, g);
        e = talk_kind(&t, kind);
        w = e ? e->weight : 0;
        talk_end(&t);
        return w;
}

#define DL "dl.example.org"

static void test_disguised(void **state)
{
        static const struct {
                struct got got;
                int32_t weight;
        } cases[] = {
                {{FILE_PE, FILE_HTTP, NULL, DL, "/pics/cat.jpg", "image/jpeg"}, 1000},
                {{FILE_PE, FILE_HTTP, NULL, DL, "/pics/cat.JPG?x=1", NULL}, 1000},
                {{FILE_ELF, FILE_HTTP, NULL, DL, "/x", "image/gif"}, 1000},
                {{FILE_PE, FILE_HTTP, NULL, DL, "/bill.pdf", NULL}, 1000},
                {{FILE_PE, FILE_HTTP, NULL, DL, "/readme.txt", "application/octet-stream"}, 900},
                {{FILE_PE, FILE_HTTP, NULL, DL, "/get.php", "text/html; charset=UTF-8"}, 300},
                {{FILE_SCRIPT, FILE_HTTP, NULL, DL, "/a.png", NULL}, 1000},
                {{FILE_ARCHIVE, FILE_HTTP, NULL, DL, "/a.png", "image/png"}, 400},
                {{FILE_PE, FILE_FTP, NULL, NULL, "cat.gif", NULL, 20}, 1000},
                /* software as it should be, or nearly so */
                {{FILE_PE, FILE_HTTP, NULL, DL, "/setup.exe", "application/octet-stream"}, 0},
                {{FILE_PE, FILE_HTTP, NULL, DL, "/setup.exe", "text/plain"}, 0},
                {{FILE_PE, FILE_HTTP, NULL, DL, "/update/7f3a", NULL}, 0},
                {{FILE_ARCHIVE, FILE_HTTP, NULL, DL, "/p/x_1.0_amd64.deb", "application/x-debian-package"}, 0},
                {{FILE_ARCHIVE, FILE_HTTP, NULL, DL, "/letter.docx", NULL}, 0},
                {{FILE_JAR, FILE_HTTP, NULL, DL, "/letter.odt", NULL}, 0},
                {{FILE_SCRIPT, FILE_HTTP, NULL, DL, "/install.sh", "text/plain"}, 0},
                {{FILE_IMAGE, FILE_HTTP, NULL, DL, "/setup.exe", "text/html"}, 0},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (weight(&cases[i].got, "egg.disguised") != cases[i].weight)
                        fail_msg("%s %s: %d", cases[i].got.name, cases[i].got.type ? cases[i].got.type : "-",
                                 weight(&cases[i].got, "egg.disguised"));
}

static void test_origin(void **state)
{
        static const struct {
                struct got got;
                int32_t bare, channel;
        } cases[] = {
                {{FILE_PE, FILE_HTTP, NULL, "198.51.100.9", "/x.exe"}, 500, 0},
                {{FILE_ELF, FILE_HTTP, NULL, "198.51.100.9:39281", "/m", NULL, 39281}, 700, 0},
                {{FILE_SCRIPT, FILE_HTTP, NULL, "198.51.100.9", "/i.sh"}, 300, 0},
                {{FILE_PE, FILE_HTTP, NULL, NULL, "/x.exe"}, 500, 0},
                {{FILE_PE, FILE_HTTP, "2001:db8::9", "[2001:db8::9]", "/x.exe"}, 500, 0},
                {{FILE_PE, FILE_HTTP, NULL, DL, "/x.exe"}, 0, 0},
                {{FILE_PE, FILE_HTTP, NULL, "198.51.100.9.example.org", "/x.exe"}, 0, 0},
                {{FILE_PE, FILE_HTTP, "10.1.2.3", "10.1.2.3", "/x.exe"}, 0, 0}, /* a server of our own */
                {{FILE_ARCHIVE, FILE_HTTP, NULL, "198.51.100.9", "/x.deb"}, 0, 0},
                {{FILE_PE, FILE_TFTP, NULL, NULL, "msblast.exe", NULL, 69}, 0, 900},
                {{FILE_PE, FILE_TFTP, "10.1.2.3", NULL, "bootmgr.exe", NULL, 69}, 0, 0}, /* boots from the network */
                {{FILE_PE, FILE_RAW, NULL, NULL, NULL, NULL, 4711}, 0, 700},
                {{FILE_PE, FILE_FTP, NULL, NULL, "setup.exe", NULL, 20}, 0, 0},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(weight(&cases[i].got, "egg.bare_address"), cases[i].bare);
                assert_int_equal(weight(&cases[i].got, "egg.channel"), cases[i].channel);
        }
}

static void test_ordered(void **state)
{
        static const struct {
                const char *line;
                struct got got;
                int32_t weight;
        } cases[] = {
                {":op!o@h PRIVMSG #x :.dl http://h.example/a/x.exe y.exe 1",
                 {FILE_PE, FILE_HTTP, NULL, "H.example:80", "/a/x.exe"},
                 1500},
                {":s 332 bot #x :.dl http://h.example/a/x.exe y.exe 1",
                 {FILE_PE, FILE_HTTP, NULL, "h.example", "/a/x.exe"},
                 1500},
                {":op!o@h PRIVMSG #x :.dl http://h.example/a/x.exe y.exe 1",
                 {FILE_PE, FILE_HTTP, NULL, "h.example", "http://h.example/a/x.exe"},
                 1500},
                {":op!o@h PRIVMSG #x :.dl ftp://u:p@h.example/a/x.exe y.exe 1",
                 {FILE_PE, FILE_FTP, NULL, NULL, "x.exe", NULL, 20},
                 1500},
                {":op!o@h PRIVMSG #x :!get http://h.example/a/x.exe",
                 {FILE_PE, FILE_HTTP, NULL, "h.example", "/a/x.exe"},
                 100},
                {":op!o@h PRIVMSG #x :try http://h.example/a/x.exe, it works well here",
                 {FILE_PE, FILE_HTTP, NULL, "h.example", "/a/x.exe"},
                 0},
                {":op!o@h PRIVMSG #x :.dl http://h.example/a/x.exe y.exe 1",
                 {FILE_PE, FILE_HTTP, NULL, "h.example", "/a/z.exe"},
                 0},
                {":op!o@h PRIVMSG #x :.dl http://h.example/a/x.exe y.exe 1",
                 {FILE_IMAGE, FILE_HTTP, NULL, "h.example", "/a/x.exe"},
                 0},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const struct evidence *e;
                struct talk t;

                talk_begin(&t);
                talk_in(&t, cases[i].line);
                talk_wait(&t, 5000);
                file(&t, &cases[i].got);
                e = talk_kind(&t, "egg.ordered");
                assert_int_equal(e ? e->weight : 0, cases[i].weight);
                talk_end(&t);
        }
}

/* Who follows links in people's talk follows one in a pasted order as well; and all that people may have caused does
 * not add up over a day. */
static void test_ordered_and_people(void **state)
{
        static const struct got page = {FILE_TEXT, FILE_HTTP, NULL, "news.example", "/today.html", "text/html"};
        static const struct got program = {FILE_PE, FILE_HTTP, NULL, "h.example", "/a/x.exe"};
        struct talk t;

        (void) state;
        for (int clicks = 0; clicks < 2; clicks++) {
                const struct evidence *e;

                talk_begin(&t);
                talk_in(&t, clicks ? ":a!b@c PRIVMSG #x :look at http://news.example/today.html, it is funny" :
                                     ":a!b@c PRIVMSG #x :!title http://news.example/today.html");
                talk_wait(&t, 4000);
                file(&t, &page);
                talk_in(&t, ":op!o@h PRIVMSG #x :.dl http://h.example/a/x.exe y.exe 1");
                talk_wait(&t, 4000);
                file(&t, &program);
                e = talk_kind(&t, "egg.ordered");
                assert_non_null(e);
                assert_int_equal(e->weight, clicks ? 100 : 1500);
                talk_end(&t);
        }
        talk_begin(&t);
        for (unsigned hour = 0; hour < 10; hour++) {
                talk_in(&t, ":op!o@h PRIVMSG #x :!get http://h.example/a/x.exe");
                talk_wait(&t, 4000);
                file(&t, &program);
                talk_wait(&t, 3600000);
        }
        assert_true(talk_level(&t, t.host, NULL) < LEVEL_SUSPECT);
        talk_end(&t);
}

static void test_ordered_too_long_ago(void **state)
{
        static const struct got got = {FILE_PE, FILE_HTTP, NULL, "h.example", "/a/x.exe"};
        struct talk t;

        (void) state;
        talk_begin(&t);
        talk_in(&t, ":op!o@h PRIVMSG #x :.dl http://h.example/a/x.exe y.exe 1");
        talk_wait(&t, 301000);
        file(&t, &got);
        assert_null(talk_kind(&t, "egg.ordered"));
        talk_end(&t);
}

static void inbound(struct talk *t, const char *remote, uint16_t port, uint8_t flow_state)
{
        struct event e = talk_flow_event(t, FLOW_UPDATE, remote, 50000);

        e.flow.origin = FLOW_ACCEPTED;
        e.flow.local_port = port;
        e.flow.state = flow_state;
        analysis_event(t->analysis, &e);
}

static void test_after_inbound(void **state)
{
        static const struct got http = {FILE_PE, FILE_HTTP, "198.51.100.9", "198.51.100.9", "/x.exe"};
        static const struct got named = {FILE_PE, FILE_HTTP, "198.51.100.9", DL, "/x.exe"};
        static const struct got pushed = {FILE_PE, FILE_RAW, "198.51.100.9", NULL, NULL, NULL, 4444, true};
        static const struct got upload = {FILE_PE, FILE_HTTP, "198.51.100.9", DL, "/up", NULL, 80, true};
        static const struct {
                const char *from;
                uint8_t state;
                long wait;
                unsigned others; /* that connected within the hour */
                const struct got *got;
                int32_t weight;
        } cases[] = {
                {"198.51.100.9", FLOW_STATE_ESTABLISHED, 3000, 0, &http, 1000},
                {"198.51.100.9", FLOW_STATE_ESTABLISHED, 3000, 50, &http, 1000},
                {"198.51.100.9", FLOW_STATE_ESTABLISHED, 3000, 0, &named, 600},
                {"203.0.113.7", FLOW_STATE_ESTABLISHED, 3000, 0, &http, 450},
                {"203.0.113.7", FLOW_STATE_ESTABLISHED, 3000, 50, &http, 0}, /* a server: chance */
                {"198.51.100.9", FLOW_STATE_ESTABLISHED, 31000, 0, &http, 0},
                {"198.51.100.9", FLOW_STATE_FAILED, 3000, 0, &http, 0},
                {"10.1.2.3", FLOW_STATE_ESTABLISHED, 3000, 0, &http, 0},
                {"198.51.100.9", FLOW_STATE_ESTABLISHED, 0, 0, &pushed, 900},
                {"198.51.100.9", FLOW_STATE_ESTABLISHED, 0, 0, &upload, 0},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const struct evidence *e;
                struct talk t;

                talk_begin(&t);
                for (unsigned k = 0; k < cases[i].others; k++) {
                        inbound(&t, "192.0.2.77", 25, FLOW_STATE_ESTABLISHED);
                        talk_wait(&t, 1000);
                }
                inbound(&t, cases[i].from, 445, cases[i].state);
                talk_wait(&t, cases[i].wait);
                file(&t, cases[i].got);
                e = talk_kind(&t, "egg.after_inbound");
                assert_int_equal(e ? e->weight : 0, cases[i].weight);
                if (e)
                        assert_int_equal(e->kind->stage, STAGE_INFECT);
                talk_end(&t);
        }
}

static void test_served(void **state)
{
        static const struct {
                uint16_t port;
                uint8_t how, kind;
                const char *net;
                bool claimed;
        } cases[] = {{5554, FILE_HTTP, FILE_PE, "198.51.100", true},
                     {5554, FILE_RAW, FILE_PE, "198.51.100", true},
                     {69, FILE_TFTP, FILE_PE, "198.51.100", true},
                     {80, FILE_HTTP, FILE_PE, "198.51.100", false},
                     {5554, FILE_HTTP, FILE_ARCHIVE, "198.51.100", false},
                     {5554, FILE_HTTP, FILE_PE, "10.1.7", false},
                     {69, FILE_TFTP, FILE_PE, "10.1.7", false}};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct talk t;

                talk_begin(&t);
                for (unsigned k = 0; k < 4; k++) {
                        char to[ADDR_TEXT_MAX];
                        struct got g = {cases[i].kind, cases[i].how,  to,   "10.1.6.206", "/x.exe",
                                        NULL,          cases[i].port, true, true};

                        snprintf(to, sizeof(to), "%s.%u", cases[i].net, k + 1);
                        /* twice the same receiver is one */
                        file(&t, &g);
                        file(&t, &g);
                        if (k < 2)
                                assert_null(talk_kind(&t, "egg.served"));
                }
                assert_int_equal(talk_kind(&t, "egg.served") != NULL, cases[i].claimed);
                talk_end(&t);
        }
}

/* A host that got an egg hands it on: to the next, also at home and over FTP; any other host may serve at home. */
static void test_handed_on(void **state)
{
        static const struct {
                struct got first, then;
                bool claimed;
        } cases[] = {
                {{FILE_PE, FILE_TFTP, NULL, NULL, "msblast.exe", NULL, 69},
                 {FILE_PE, FILE_TFTP, "10.1.7.1", NULL, "msblast.exe", NULL, 69, true, true},
                 true},
                {{FILE_PE, FILE_RAW, NULL, NULL, NULL, NULL, 4711},
                 {FILE_PE, FILE_FTP, "10.1.7.1", NULL, "x.exe", NULL, 5555, true, true},
                 true},
                {{FILE_PE, FILE_HTTP, NULL, "198.51.100.9:8129", "/a.jpg", NULL, 8129},
                 {FILE_PE, FILE_HTTP, "10.1.7.1", "10.1.6.206", "/x", NULL, 80, true, true},
                 true},
                /* software of its own, then an installer for the office */
                {{FILE_PE, FILE_HTTP, NULL, DL, "/setup.exe"},
                 {FILE_PE, FILE_HTTP, "10.1.7.1", "files", "/setup.exe", NULL, 8080, true, true},
                 false},
                {{FILE_PE, FILE_HTTP, NULL, "198.51.100.9", "/setup.exe"},
                 {FILE_PE, FILE_HTTP, "10.1.7.1", "files", "/setup.exe", NULL, 5554, true, true},
                 false},
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const struct evidence *e;
                struct talk t;

                talk_begin(&t);
                file(&t, &cases[i].first);
                talk_wait(&t, 60000);
                file(&t, &cases[i].then);
                e = talk_kind(&t, "egg.served");
                assert_int_equal(e != NULL, cases[i].claimed);
                if (e)
                        assert_true(talk_number(e, "infected") > 0);
                talk_end(&t);
        }
}

/* Asked of a proxy at home: what matters is what was asked for. */
static void test_proxied(void **state)
{
        static const struct got named = {FILE_PE, FILE_HTTP, "10.1.0.1", DL, "http://" DL "/setup.exe", NULL, 3128};
        static const struct got bare = {FILE_PE, FILE_HTTP, "10.1.0.1", "198.51.100.9", "http://198.51.100.9/x",
                                        NULL,    3128};

        (void) state;
        assert_int_equal(weight(&named, "egg.bare_address"), 0);
        assert_int_equal(weight(&bare, "egg.bare_address"), 500);
}

/* A worm's way in: exploited, the egg fetched back from the intruder under a picture's name: a bot by two stages. */
static void test_verdict(void **state)
{
        static const struct got got = {FILE_PE, FILE_HTTP, "198.51.100.9", "198.51.100.9:8129", "/a.jpg", NULL, 8129};
        struct talk t;

        (void) state;
        talk_begin(&t);
        inbound(&t, "198.51.100.9", 445, FLOW_STATE_ESTABLISHED);
        talk_wait(&t, 4000);
        file(&t, &got);
        assert_int_equal(talk_level(&t, t.host, NULL), LEVEL_BOT);
        for (size_t i = 0; i < t.n; i++) {
                char story[4000];
                struct buf b = BUF_FIXED(story);

                detector_find("egg")->explain(&t.last[i], &b);
                assert_non_null(strstr(story, "198.51.100.9"));
        }
        talk_end(&t);
}

/* A whole day of ordinary software: many downloads never add up. */
static void test_ordinary_day(void **state)
{
        struct talk t;

        (void) state;
        talk_begin(&t);
        for (unsigned i = 0; i < 500; i++) {
                const struct got gots[] = {
                        {FILE_PE, FILE_HTTP, NULL, "update.example", "/msdownload/update.exe",
                         "application/octet-stream"},
                        {FILE_ARCHIVE, FILE_HTTP, NULL, "deb.example", "/pool/x.deb", NULL},
                        {FILE_PE, FILE_HTTP, NULL, "cdn.example", "/installer", "binary/octet-stream"},
                        {FILE_IMAGE, FILE_HTTP, NULL, "www.example", "/a.jpg", "image/jpeg"}};

                for (size_t k = 0; k < ELEMENTSOF(gots); k++)
                        file(&t, &gots[k]);
                talk_wait(&t, 60000);
        }
        assert_int_equal(t.claims, 0);
        talk_end(&t);
}

static void test_explains(void **state)
{
        const struct detector *d = detector_find("egg");

        (void) state;
        for (size_t i = 0; i < d->n_kinds; i++) {
                struct evidence e = {.kind = &d->kinds[i]};
                char story[4000];
                struct buf b = BUF_FIXED(story);

                d->explain(&e, &b);
                assert_true(b.len > 10);
        }
}

/* Names and hosts of any bytes. */
static void test_hostile(void **state)
{
        unsigned seed = 3;
        struct talk t;

        (void) state;
        talk_begin(&t);
        for (int i = 0; i < 20000; i++) {
                char name[301], host[301];
                struct got g = {(uint8_t) (rand_r(&seed) % FILE_KINDS),
                                (uint8_t) (rand_r(&seed) % FILE_HOWS),
                                NULL,
                                host,
                                name,
                                NULL,
                                (uint16_t) rand_r(&seed),
                                rand_r(&seed) % 2,
                                rand_r(&seed) % 2};

                for (int k = 0; k < 300; k++) {
                        name[k] = (char) (rand_r(&seed) % 255 + 1);
                        host[k] = (char) (rand_r(&seed) % 255 + 1);
                }
                name[rand_r(&seed) % 301] = host[rand_r(&seed) % 301] = '\0';
                name[300] = host[300] = '\0';
                file(&t, &g);
                talk_raw(&t, i % 2, name, strlen(name));
        }
        talk_end(&t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_disguised),
                cmocka_unit_test(test_origin),
                cmocka_unit_test(test_ordered),
                cmocka_unit_test(test_ordered_too_long_ago),
                cmocka_unit_test(test_after_inbound),
                cmocka_unit_test(test_served),
                cmocka_unit_test(test_verdict),
                cmocka_unit_test(test_ordinary_day),
                cmocka_unit_test(test_explains),
                cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_handed_on),
                cmocka_unit_test(test_proxied),
                cmocka_unit_test(test_ordered_and_people),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
