/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the engine makes of the mail gate's events: bursts are one entry and one alarm, copies of a program fill neither
 * the journal nor memory, and what privacy asks for is left out. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <netinet/in.h>
#include <sys/socket.h>

#include "daemon/engine_gate.c"

struct world {
        struct engine engine;
        struct daemon_params daemon;
        struct engine_params params;
        struct config *config;
        int journal; /* the other end */
};

static void no_claim(void *userdata _unused_, const struct evidence *merged _unused_,
                     const struct config_exception *x _unused_, const struct verdict *before _unused_,
                     const struct verdict *after _unused_)
{
}

static int set_up(void **ret)
{
        struct world *w = calloc(1, sizeof(*w));
        struct analysis_params a = {.sink = {.claim = no_claim}};
        int pair[2];

        assert_int_equal(config_new_default(&w->config), 0);
        w->daemon = (struct daemon_params){.config = w->config, .memory_store = true, .json = true};
        w->params.daemon = &w->daemon;
        w->engine = (struct engine){.params = &w->params, .daemon = &w->daemon, .config = w->config};
        a.config = w->config;
        assert_int_equal(analysis_new(&a, &w->engine.analysis), 0);
        assert_int_equal(store_open(&(struct store_params){0}, &w->engine.keeper.store, NULL), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
        w->engine.journal_fd = pair[0];
        w->journal = pair[1];
        assert_int_equal(engine_gate_new(&w->engine), 0);
        *ret = w;
        return 0;
}

static int tear_down(void **state)
{
        struct world *w = *state;

        engine_gate_free(&w->engine);
        store_close(w->engine.keeper.store);
        analysis_free(w->engine.analysis);
        config_free(w->config);
        close(w->engine.journal_fd);
        close(w->journal);
        free(w);
        return 0;
}

static struct event tried(uint32_t pid, uint32_t server)
{
        struct event e = {.time = clock_boottime() + clock_engine_offset(), .type = EVENT_GATE, .op = GATE_TRY_CONNECT};

        e.gate = (struct gate_event){.task = {pid, pid, pid, pid}, .asker = {2, 2, 2, 2}, .comm = "bot", .uid = 1000};
        e.gate.exe_ino = 77;
        e.gate.reason = GATE_WHY_PROGRAM;
        e.gate.denied = 1;
        e.gate.count = 1;
        e.gate.port = 25;
        e.gate.remote = addr_from_v4(htonl(0xc6336400 + server));
        return e;
}

struct seen_rows {
        struct gate_entry last;
        int n;
};

static int see_row(void *userdata, const struct gate_entry *e)
{
        struct seen_rows *s = userdata;

        s->n++;
        s->last = *e;
        return 0;
}

static struct seen_rows rows(struct world *w)
{
        struct seen_rows s = {.n = 0};

        assert_int_equal(store_gate_each(w->engine.keeper.store, 0, see_row, &s), 0);
        return s;
}

/* Entries of the journal so far; the newest one's message. */
static int journal(struct world *w, char message[static 512])
{
        char entry[16384];
        ssize_t n;
        int k = 0;

        for (; (n = recv(w->journal, entry, sizeof(entry) - 1, 0)) > 0; k++) {
                entry[n] = '\0';
                assert_memory_equal(entry, "MESSAGE=", 8);
                snprintf(message, 512, "%.*s", (int) strcspn(entry, "\n"), entry + 8);
                *strchrnul(message, '\n') = '\0';
        }
        return k;
}

static void test_burst(void **state)
{
        struct world *w = *state;
        char message[512] = "";
        struct seen_rows s;

        for (uint32_t i = 0; i < 1000; i++) {
                struct event e = tried(100 + i % 4, i % 7);

                engine_gate_event(&w->engine, &e);
        }
        assert_int_equal(journal(w, message), 1);
        assert_string_equal(message,
                            "bot (process 100, user 1000) tried to connect to mail server 198.51.100.0 port 25, and "
                            "was refused: it is no mail program");
        engine_gate_tick(&w->engine, clock_boottime());
        s = rows(w);
        assert_int_equal(s.n, 1);
        assert_int_equal(s.last.count, 1000);
        assert_int_equal(s.last.peers, 7);
        assert_int_equal(s.last.processes, 4);
        assert_string_equal(s.last.program, "bot");
        assert_int_equal(s.last.asker.pid, 2);
        assert_int_equal(journal(w, message), 0);
        engine_gate_tick(&w->engine,
                         clock_boottime() + BURST_QUIET); /* it rested: its end is told, and the next is new */
        assert_int_equal(journal(w, message), 1);
        assert_non_null(strstr(message, "; 1000 times in "));
        assert_non_null(strstr(message, ", 7 servers, 4 processes"));
        engine_gate_event(&w->engine, &(struct event[]){tried(100, 1)}[0]);
        assert_int_equal(rows(w).n, 2);
        assert_int_equal(journal(w, message), 1);
}

static void test_what_is_an_alarm(void **state)
{
        static const struct {
                unsigned op, reason, denied, told;
        } cases[] = {
                {GATE_TRY_CONNECT, GATE_WHY_PERSON, 0, 0},  {GATE_TRY_CONNECT, GATE_WHY_PROGRAM, 0, 0},
                {GATE_TRY_CONNECT, GATE_WHY_LOCKED, 1, 1},  {GATE_TRY_HANDOVER, GATE_WHY_SUBMITTER, 1, 1},
                {GATE_TRY_MARK, GATE_WHY_NONE, 1, 1},       {GATE_TRY_TAMPER, GATE_WHY_NONE, 0, 1},
                {GATE_TRY_BLOCKED, GATE_WHY_BLOCKED, 1, 1}, {GATE_TRY_ASK, GATE_WHY_NONE, 0, 0},
                {GATE_TRY_INJECT, GATE_WHY_NONE, 0, 0},     {GATE_TRY_NONE, GATE_WHY_NONE, 1, 0},
                {GATE_TRIES, GATE_WHY_NONE, 1, 0},
        };
        struct world *w = *state;
        char message[512];
        int kept = 0;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct event e = tried(100, 1);

                e.op = (uint8_t) cases[i].op;
                e.gate.reason = (uint8_t) cases[i].reason;
                e.gate.denied = (uint8_t) cases[i].denied;
                engine_gate_event(&w->engine, &e);
                assert_int_equal(journal(w, message), cases[i].told);
                kept += cases[i].op != GATE_TRY_NONE && cases[i].op != GATE_TRIES;
                assert_int_equal(rows(w).n, kept);
        }
}

/* The retry of a person's attempt is no entry of its own. */
static void test_same_attempt(void **state)
{
        struct world *w = *state;
        struct event e = tried(100, 1);

        e.gate.denied = 0;
        e.gate.reason = GATE_WHY_PERSON;
        engine_gate_event(&w->engine, &e);
        e.gate.reason = GATE_WHY_AGAIN;
        engine_gate_event(&w->engine, &e);
        engine_gate_tick(&w->engine, clock_boottime());
        assert_int_equal(rows(w).n, 1);
        assert_int_equal(rows(w).last.count, 2);
        assert_int_equal(rows(w).last.reason, GATE_WHY_PERSON);
}

static void test_copies(void **state)
{
        struct world *w = *state;
        char message[512];

        for (uint32_t i = 0; i < 3000; i++) {
                struct event e = tried(100 + i, 1);

                e.gate.exe_ino = 1000 + i;
                engine_gate_event(&w->engine, &e);
        }
        assert_int_equal(journal(w, message), TOLD_MAX);
        assert_int_equal(rows(w).n, 3000); /* all of them in the log */
        assert_int_equal(w->engine.gate->untold, 3000 - TOLD_MAX);
}

static void test_privacy(void **state)
{
        static const struct {
                enum config_privacy privacy;
                bool denied, remote, text;
        } cases[] = {
                {PRIVACY_EVIDENCE, true, true, true}, {PRIVACY_EVIDENCE, false, false, true},
                {PRIVACY_STRICT, true, false, false}, {PRIVACY_STRICT, false, false, false},
                {PRIVACY_FULL, true, true, true},     {PRIVACY_FULL, false, true, true},
        };
        struct world *w = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                struct event e = tried(100, 1);
                struct seen_rows s;

                w->config->store.privacy = cases[i].privacy;
                e.gate.exe_ino = i + 1;
                e.gate.denied = cases[i].denied;
                e.gate.reason = cases[i].denied ? GATE_WHY_PROGRAM : GATE_WHY_PERSON;
                e.gate.text = "with";
                engine_gate_event(&w->engine, &e);
                s = rows(w);
                assert_int_equal(s.n, i + 1);
                assert_int_equal(!addr_is_unspecified(&s.last.remote), cases[i].remote);
                assert_int_equal(s.last.text[0] != '\0', cases[i].text);
                assert_int_equal(s.last.peers, 1);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_burst, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_what_is_an_alarm, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_same_attempt, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_copies, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_privacy, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
