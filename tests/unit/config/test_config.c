/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration from text: defaults, the table of keys, and every kind of value at its edges. */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static struct buf messages = BUF_HEAP(1 << 20);

/* The configuration that text gives over the defaults, which must be taken. */
static struct config *parse(const char *text)
{
        struct config *c;

        buf_reset(&messages);
        assert_int_equal(config_new_default(&c), 0);
        if (config_parse(c, "t.yaml", text, strlen(text), &messages) < 0)
                fail_msg("refused:\n%s\n%s", text, buf_str(&messages));
        return c;
}

/* Refused, and these are the messages. */
static void check_refused_bytes(const char *text, size_t len, const char *expected)
{
        _cleanup_(config_freep)
        struct config *c = NULL;

        buf_reset(&messages);
        assert_int_equal(config_new_default(&c), 0);
        assert_int_equal(config_parse(c, "t.yaml", text, len, &messages), -EINVAL);
        assert_string_equal(buf_str(&messages), expected);
}

static void check_refused(const char *text, const char *expected)
{
        check_refused_bytes(text, strlen(text), expected);
}

static void check_network(const struct config_cidrs *list, size_t i, const char *text)
{
        struct cidr net;

        assert_true(i < list->n);
        assert_int_equal(cidr_parse(text, &net), 0);
        assert_true(addr_equal(&list->items[i].base, &net.base));
        assert_int_equal(list->items[i].bits, net.bits);
}

static void test_defaults(void **state)
{
        _cleanup_(config_freep)
        struct config *c = NULL;

        (void) state;
        assert_int_equal(config_new_default(&c), 0);
        assert_int_equal(c->home.n, 7);
        check_network(&c->home, 0, "10.0.0.0/8");
        check_network(&c->home, 1, "172.16.0.0/12");
        check_network(&c->home, 2, "192.168.0.0/16");
        check_network(&c->home, 3, "100.64.0.0/10");
        check_network(&c->home, 4, "169.254.0.0/16");
        check_network(&c->home, 5, "fc00::/7");
        check_network(&c->home, 6, "fe80::/10");
        assert_int_equal(c->host.backend, BACKEND_AUTO);
        assert_int_equal(c->host.ring_kib, 4096);
        assert_true(c->host.rescan == 60 * NSEC_PER_SEC);
        assert_true(c->server_like.enabled);
        assert_int_equal(c->server_like.mode, SERVER_LIKE_DEFAULT);
        assert_int_equal(c->server_like.granularity, GRANULARITY_BOTH);
        assert_true(c->server_like.window == 600 * NSEC_PER_SEC);
        assert_true(c->server_like.reaction == 1500 * NSEC_PER_MSEC);
        assert_int_equal(c->server_like.inside.n, 0);
        assert_int_equal(c->server_like.resolvers.n, 0);
        assert_true(c->forged_source.enabled);
        assert_int_equal(c->verdict.suspect, 1000);
        assert_int_equal(c->verdict.bot, 2000);
        assert_int_equal(c->verdict.n_weights, 0);
        assert_int_equal(c->n_exceptions, 0);
        assert_string_equal(c->store.path, "/var/lib/sekimori");
        assert_true(c->store.keep == 90 * 86400 * NSEC_PER_SEC);
        assert_true(c->store.max_bytes == 512ull << 20);
        assert_int_equal(c->store.privacy, PRIVACY_EVIDENCE);
        assert_null(c->eve.path);
        assert_false(c->eve.events);
        assert_string_equal(c->daemon.user, "sekimori");
        assert_string_equal(c->daemon.control, "/run/sekimori/control.sock");
        assert_true(c->daemon.hung_after == 30 * NSEC_PER_SEC);
        assert_int_equal(c->gate.n_ports, 3);
        assert_int_equal(c->gate.ports[0], 25);
        assert_int_equal(c->gate.ports[1], 465);
        assert_int_equal(c->gate.ports[2], 587);
        assert_int_equal(c->gate.ports[3], 0);
        assert_true(c->gate.window == 10 * NSEC_PER_SEC);
        assert_true(c->gate.compose == 120 * NSEC_PER_SEC);
        assert_true(c->gate.attempt == 5 * NSEC_PER_SEC);
        assert_int_equal(c->gate.attempt_sockets, 4);
        assert_false(c->gate.remote);
        assert_int_equal(c->gate.handover, HANDOVER_BLOCK);
        assert_int_equal(c->gate.mark, 27);
        assert_int_equal(c->gate.forward.n, 0);
        assert_int_equal(c->gate.mailers.n, 0);
        assert_null(c->gate.cgroup);
        assert_string_equal(c->gate.folder, "/run/sekimori.gate");
        assert_string_equal(c->gate.state, "/etc/sekimori/gate");
        assert_int_equal(c->respond.block, RESPOND_BLOCK_OFF);
        assert_true(c->respond.block_for == 3600 * NSEC_PER_SEC);
        assert_false(c->respond.freeze);
        assert_null(c->source);
        config_free(NULL);
}

static void test_keys(void **state)
{
        struct config_key key, other;
        size_t n = 0;

        (void) state;
        for (; config_key_get(n, &key); n++) {
                assert_true(strlen(key.help) > 10);
                assert_true(strlen(key.type) > 3 && strlen(key.type) < sizeof(key.type) - 1);
                assert_true(key.fallback || strncmp(key.key, "exceptions.", 11) == 0);
                for (size_t i = 0; i < n; i++) {
                        assert_true(config_key_get(i, &other));
                        assert_string_not_equal(key.key, other.key);
                }
        }
        assert_int_equal(n, 93 + 6);
        assert_false(config_key_get(n, &key));
        assert_false(config_key_get(SIZE_MAX, &key));
}

static void test_everything_set(void **state)
{
        _cleanup_(config_freep)
        struct config *c = NULL;

        (void) state;
        c = parse("home: [192.0.2.0/24, '2001:db8::/32']\n"
                  "host: {backend: proc, ring_kib: 64, rescan: 0}\n"
                  "server_like:\n"
                  "  enabled: false\n"
                  "  mode: plain_thread\n"
                  "  granularity: thread\n"
                  "  window: 7d\n"
                  "  reaction: 1ms\n"
                  "  inside: [198.51.100.7]\n"
                  "  resolvers: [\"::1\"]\n"
                  "forged_source: {enabled: no}\n"
                  "verdict: {suspect: 0.01, bot: 1000, weights: {server_like.order: 12.0, a_1.b_2: 0}}\n"
                  "store: {path: /s, keep: 1h, max_size: 1TiB, privacy: strict}\n"
                  "eve: {path: /e, events: on}\n"
                  "daemon: {user: _x-1, control: /c, hung_after: 500ms}\n");
        assert_string_equal(buf_str(&messages), "");
        assert_int_equal(c->home.n, 2);
        check_network(&c->home, 1, "2001:db8::/32");
        assert_int_equal(c->host.backend, BACKEND_PROC);
        assert_int_equal(c->host.ring_kib, 64);
        assert_true(c->host.rescan == 0);
        assert_false(c->server_like.enabled);
        assert_int_equal(c->server_like.mode, SERVER_LIKE_PLAIN_THREAD);
        assert_int_equal(c->server_like.granularity, GRANULARITY_THREAD);
        assert_true(c->server_like.window == 7 * 86400 * NSEC_PER_SEC);
        assert_true(c->server_like.reaction == NSEC_PER_MSEC);
        check_network(&c->server_like.inside, 0, "198.51.100.7/32");
        check_network(&c->server_like.resolvers, 0, "::1");
        assert_false(c->forged_source.enabled);
        assert_int_equal(c->verdict.suspect, 1);
        assert_int_equal(c->verdict.bot, 100000);
        assert_int_equal(c->verdict.n_weights, 2);
        assert_string_equal(c->verdict.weights[0].kind, "server_like.order");
        assert_int_equal(c->verdict.weights[0].weight, 1200);
        assert_int_equal(c->verdict.weights[1].weight, 0);
        assert_string_equal(c->store.path, "/s");
        assert_true(c->store.keep == 3600 * NSEC_PER_SEC);
        assert_true(c->store.max_bytes == 1ull << 40);
        assert_int_equal(c->store.privacy, PRIVACY_STRICT);
        assert_string_equal(c->eve.path, "/e");
        assert_true(c->eve.events);
        assert_string_equal(c->daemon.user, "_x-1");
        assert_string_equal(c->daemon.control, "/c");
        assert_true(c->daemon.hung_after == NSEC_PER_SEC / 2);
}

static void test_nothing_set(void **state)
{
        static const char *const texts[] = {"",
                                            "\n",
                                            "# comment",
                                            "---\n",
                                            "---\n...\n",
                                            "~",
                                            "null\n",
                                            "{}",
                                            "host:\nserver_like: ~\n",
                                            "exceptions:\nverdict: {weights: }\n",
                                            "\xef\xbb\xbf# with a byte order mark\n"};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(config_freep)
                struct config *c = parse(texts[i]);

                assert_string_equal(buf_str(&messages), "");
                assert_int_equal(c->home.n, 7);
                assert_int_equal(c->host.ring_kib, 4096);
        }
}

/* A later text replaces what an earlier one said; exceptions and weights add up. */
static void test_layers(void **state)
{
        static const char second[] = "home: [198.51.100.0/24]\n"
                                     "verdict: {weights: {a.b: 3.0, e.f: 4.5}}\n"
                                     "eve: {path: none}\n"
                                     "exceptions: [{subject: y, reason: second}]\n";
        _cleanup_(config_freep)
        struct config *c = NULL;

        (void) state;
        c = parse("home: [192.0.2.0/24, 203.0.113.0/24]\n"
                  "verdict: {weights: {a.b: 1.0, c.d: 2.0}}\n"
                  "eve: {path: /e}\n"
                  "exceptions: [{subject: x, reason: first}]\n");
        assert_int_equal(config_parse(c, "u.yaml", second, strlen(second), &messages), 0);
        assert_int_equal(c->home.n, 1);
        check_network(&c->home, 0, "198.51.100.0/24");
        assert_int_equal(c->verdict.n_weights, 3);
        assert_int_equal(c->verdict.weights[0].weight, 300);
        assert_int_equal(c->verdict.weights[1].weight, 200);
        assert_int_equal(c->verdict.weights[2].weight, 450);
        assert_null(c->eve.path);
        assert_int_equal(c->n_exceptions, 2);
        assert_string_equal(c->exceptions[0].where, "t.yaml:4");
        assert_string_equal(c->exceptions[1].where, "u.yaml:4");
}

static void check_score(const char *text, int32_t hundredths)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        char yaml[128];

        snprintf(yaml, sizeof(yaml), "verdict:\n  suspect: 0.01\n  bot: %s\n", text);
        if (hundredths > 0) {
                c = parse(yaml);
                assert_int_equal(c->verdict.bot, hundredths);
                return;
        }
        buf_reset(&messages);
        assert_int_equal(config_new_default(&c), 0);
        assert_int_equal(config_parse(c, "t", yaml, strlen(yaml), &messages), -EINVAL);
        assert_non_null(strstr(buf_str(&messages), "t:3: verdict.bot: "));
}

static void test_scores(void **state)
{
        static const char *const bad[] = {"-1.0",
                                          "+1",
                                          ".5",
                                          "5.",
                                          "1.234",
                                          "1e3",
                                          "1,5",
                                          "0x10",
                                          "1.0.0",
                                          "0",
                                          "1000.01",
                                          "1000.1",
                                          "99999999",
                                          "inf",
                                          "nan",
                                          "1 0",
                                          "1.-5",
                                          "'1'",
                                          "[1]",
                                          "92233720368547758.08",
                                          "99999999999999999999999999",
                                          "0.001",
                                          "~"};

        (void) state;
        check_score("0.01", 1);
        check_score("0.1", 10);
        check_score("1.10", 110);
        check_score("1.01", 101);
        check_score("8.29", 829); /* which binary floating point has not */
        check_score("0.29", 29);
        check_score("1000", 100000);
        check_score("1000.00", 100000);
        check_score("0010.5", 1050);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_score(bad[i], 0);
}

static void check_sizes(const char *text, uint64_t bytes)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        char yaml[128];

        snprintf(yaml, sizeof(yaml), "store: {max_size: %s}", text);
        c = parse(yaml);
        assert_true(c->store.max_bytes == bytes);
}

static void test_sizes(void **state)
{
        (void) state;
        check_sizes("1048576", 1 << 20);
        check_sizes("1048577B", (1 << 20) + 1);
        check_sizes("1024KiB", 1 << 20);
        check_sizes("\"2mib\"", 2 << 20);
        check_sizes("1TiB", 1ull << 40);
        check_refused("store: {max_size: 1048575}",
                      "t.yaml:1: store.max_size: \"1048575\" is out of range: a size, 1MiB to 1TiB\n");
        check_refused("store: {max_size: 16777216TiB}",
                      "t.yaml:1: store.max_size: \"16777216TiB\" is out of range: a size, 1MiB to 1TiB\n");
        check_refused("store: {max_size: 5MB}", "t.yaml:1: store.max_size: \"5MB\" is not a size, 1MiB to 1TiB\n");
        check_refused("store: {max_size: -5MiB}", "t.yaml:1: store.max_size: \"-5MiB\" is not a size, 1MiB to 1TiB\n");
}

static void test_ranges(void **state)
{
        (void) state;
        check_refused("host: {ring_kib: 32}",
                      "t.yaml:1: host.ring_kib: \"32\" is out of range: a power of two, 64 to 1048576\n");
        check_refused("host: {ring_kib: 100}",
                      "t.yaml:1: host.ring_kib: \"100\" is not a power of two, 64 to 1048576\n");
        check_refused("host: {ring_kib: 4294967360}",
                      "t.yaml:1: host.ring_kib: \"4294967360\" is out of range: a power of two, 64 to 1048576\n");
        check_refused("server_like: {window: 999ms}",
                      "t.yaml:1: server_like.window: \"999ms\" is out of range: a length of time, 1s to 7d\n");
        check_refused("server_like: {window: 8d}",
                      "t.yaml:1: server_like.window: \"8d\" is out of range: a length of time, 1s to 7d\n");
        check_refused(
                "server_like: {window: 9223372036854775807d}",
                "t.yaml:1: server_like.window: \"9223372036854775807d\" is out of range: a length of time, 1s to 7d\n");
        check_refused("server_like: {window: 10 minutes}",
                      "t.yaml:1: server_like.window: \"10 minutes\" is not a length of time, 1s to 7d\n");
        check_refused("host: {backend: ebpf}",
                      "t.yaml:1: host.backend: \"ebpf\" is not one of auto, bpf, proc or off\n");
        check_refused("forged_source: {enabled: maybe}",
                      "t.yaml:1: forged_source.enabled: \"maybe\" is not true or false\n");
        check_refused("verdict: {suspect: 30}\n", "t.yaml:1: verdict: suspect (30.00) is above bot (20.00)\n");
        check_refused("verdict:\n  bot: 1.5\ngate: {compose: 9s}\n",
                      "t.yaml:2: verdict: suspect (10.00) is above bot (1.50)\n"
                      "t.yaml:3: gate: compose (9.0 s) is shorter than window (10 s)\n");
        check_refused("verdict:\n  bot: 1.5\n", "t.yaml:2: verdict: suspect (10.00) is above bot (1.50)\n");
}

static void test_texts(void **state)
{
        char yaml[512], name[200];

        (void) state;
        check_refused("store: {path: var/lib}", "t.yaml:1: store.path: \"var/lib\" must be an absolute path\n");
        check_refused("store: {path: ''}", "t.yaml:1: store.path: \"\" must not be empty\n");
        check_refused("store: {path: none}", "t.yaml:1: store.path: \"none\" must be an absolute path\n");
        check_refused("eve: {path: eve.json}", "t.yaml:1: eve.path: \"eve.json\" must be an absolute path\n");
        check_refused("store: {path: \"/a\\nb\"}", "t.yaml:1: store.path: \"/a\\x0ab\" contains a control character\n");
        check_refused("store: {path: \"/a\\0b\"}", "t.yaml:1: store.path: contains a NUL character\n");
        check_refused("\"store\\0x\": {}", "t.yaml:1: a key contains a NUL character\n");
        check_refused("daemon: {user: Root}",
                      "t.yaml:1: daemon.user: \"Root\" must be a name of lower-case letters, digits, _ and -\n");
        check_refused("daemon: {hung_after: 0}",
                      "t.yaml:1: daemon.hung_after: \"0\" is out of range: a length of time, 500ms to 1d\n");
        check_refused("daemon: {user: 0}",
                      "t.yaml:1: daemon.user: \"0\" must be a name of lower-case letters, digits, _ and -\n");
        memset(name, 'x', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        snprintf(yaml, sizeof(yaml), "daemon: {control: /%s}", name); /* a socket's name has 107 bytes */
        check_refused(yaml,
                      "t.yaml:1: daemon.control: \"/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" "
                      "is too long\n");
}

static void test_exceptions(void **state)
{
        _cleanup_(config_freep)
        struct config *c = NULL;
        const struct config_exception *e;
        struct stat st;

        (void) state;
        assert_int_equal(stat("/bin/sh", &st), 0);
        c = parse("exceptions:\n"
                  "  - {detector: server_like, program: /bin/sh, reason: \"runs jobs: by design\", until: 2027-01-01}\n"
                  "  - peer: 192.0.2.0/24\n"
                  "    until: 2027-01-01T09:00:00.5+0900\n"
                  "    reason: monitoring\n"
                  "  - {subject: \"process:1:2:0f3a00ff\", peer: 0.0.0.0/0, reason: r}\n"
                  "  - {program: /nonexistent/x, reason: r}\n");
        assert_string_equal(
                buf_str(&messages),
                "t.yaml:7: note: exceptions.program: /nonexistent/x: No such file or directory; the exception "
                "matches no program until it is there and the configuration is reloaded\n");
        assert_int_equal(c->n_exceptions, 4);
        e = &c->exceptions[0];
        assert_string_equal(e->detector, "server_like");
        assert_string_equal(e->program, "/bin/sh");
        assert_string_equal(e->reason, "runs jobs: by design");
        assert_string_equal(e->where, "t.yaml:2");
        assert_true(e->exe_ino == st.st_ino);
        assert_int_equal(e->exe_dev, major(st.st_dev) << 20 | minor(st.st_dev));
        assert_true(e->until == 1798761600 * NSEC_PER_SEC);
        assert_null(e->subject);
        assert_false(e->has_peer);
        e = &c->exceptions[1];
        assert_null(e->detector);
        assert_true(e->has_peer);
        assert_int_equal(e->peer.bits, 120);
        assert_true(e->until == 1798761600 * NSEC_PER_SEC + 500 * NSEC_PER_MSEC);
        assert_string_equal(e->where, "t.yaml:3");
        e = &c->exceptions[2];
        assert_string_equal(e->subject, "process:1:2:0f3a00ff");
        assert_true(e->until == 0);
        e = &c->exceptions[3];
        assert_true(e->exe_ino == 0 && e->exe_dev == 0);
}

static int cleanup(void **state)
{
        (void) state;
        buf_done(&messages);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),       cmocka_unit_test(test_keys),
                cmocka_unit_test(test_everything_set), cmocka_unit_test(test_nothing_set),
                cmocka_unit_test(test_layers),         cmocka_unit_test(test_scores),
                cmocka_unit_test(test_sizes),          cmocka_unit_test(test_ranges),
                cmocka_unit_test(test_texts),          cmocka_unit_test(test_exceptions),
        };

        return cmocka_run_group_tests(tests, NULL, cleanup);
}
