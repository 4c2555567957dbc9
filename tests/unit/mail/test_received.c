/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Received: headers of many makes of server (data/forms.txt, which says how it is written), each also in pieces that
 * are cut, and with every byte changed: whatever comes out, nothing is read beyond the header. Argument: the folder of
 * this test. */
#include "mail_rig.h"

static const char *folder = ".";

static const char *const kinds[] = {"unread", "peer", "named", "local", "fetched"};
static const char *const flags[] = {"seen", "confirmed", "forged", "unsure", "lmtp", "web", "auth", "tls", "odd"};

static bool differs(const char *what, const char *want, const char *have)
{
        if (strcmp(want, have) == 0)
                return false;
        print_message("%s is \"%s\", not \"%s\"\n", what, have, want);
        return true;
}

/* The value of `key` in the expectation: "key=value " or "key|value with spaces|". NULL: not named. */
static const char *expected(const char *line, const char *key, char text[static 256])
{
        size_t n = strlen(key);

        for (const char *p = line; (p = strstr(p, key)) != NULL; p++) {
                if (p[-1] != ' ' || (p[n] != '=' && p[n] != '|'))
                        continue;
                snprintf(text, 256, "%.*s", (int) strcspn(p + n + 1, p[n] == '=' ? " " : "|"), p + n + 1);
                return text;
        }
        return NULL;
}

static const char *flag_text(unsigned set, char text[static 128])
{
        struct buf out = {.data = text, .size = 128, .max = 127, .fixed = true};

        text[0] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(flags); i++)
                if (set & 1u << i)
                        (void) buf_printf(&out, "%s%s", out.len ? "," : "", flags[i]);
        return text;
}

static bool number_differs(const char *line, const char *key, int have)
{
        char want[256], text[16];

        snprintf(text, sizeof(text), "%d", have);
        return expected(line, key, want) && differs(key, want, text);
}

static bool check_texts(const struct received *r, const char *line)
{
        const struct {
                const char *key;
                struct slice have;
                bool always;
        } fields[] = {
                {"rdns", r->rdns, true}, {"helo", r->helo, true}, {"by", r->by, true},
                {"with", r->with},       {"id", r->id},           {"to", r->to},
                {"ident", r->ident},     {"user", r->user},       {"from", r->envelope_from},
        };
        char want[256];
        bool bad = false;

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                const char *value = expected(line, fields[i].key, want);

                if (value || fields[i].always)
                        bad |= differs(fields[i].key, value ? value : "", rig_text(fields[i].have));
        }
        return !bad;
}

static bool check(const struct received *r, const char *line)
{
        char head[64], want[256], text[128];
        nsec_t time;
        bool bad;

        snprintf(head, sizeof(head), "%s%s%s", kinds[r->kind], r->kind ? " " : "",
                 r->kind ? received_form_name(r->form) : "");
        bad = strncmp(line, head, strlen(head)) != 0 && differs("kind", line, head);
        if (!r->kind)
                return !bad;
        bad |= !check_texts(r, line);
        if (r->kind == RECEIVED_PEER || expected(line, "ip", want))
                bad |= differs("ip", expected(line, "ip", want) ? want : "", addr_format(&r->peer, text));
        bad |= number_differs(line, "port", r->port) || number_differs(line, "zone", r->date.zone);
        if (expected(line, "flags", want))
                bad |= differs("flags", want, flag_text(r->flags, text));
        if (expected(line, "time", want)) {
                assert_int_equal(clock_parse_iso(want, &time), 0);
                bad |= !(r->date.flags & DATE_READ) || r->date.time != time;
        }
        return !bad;
}

/* "\n" and "\t" as they are written become bytes. */
static size_t unescape(char *line)
{
        char *to = line;

        line[strcspn(line, "\n")] = '\0';
        for (const char *p = line; *p; p++) {
                if (p[0] == '\\' && p[1] == 'n') {
                        *to++ = '\r';
                        *to++ = '\n';
                        p++;
                } else if (p[0] == '\\' && p[1] == 't') {
                        *to++ = '\t';
                        p++;
                } else
                        *to++ = *p;
        }
        *to = '\0';
        return (size_t) (to - line);
}

/* Calls `each` with every header and its expectation. */
static unsigned for_all(void (*each)(char *header, size_t len, const char *want))
{
        char path[512], header[4096], want[1024];
        _cleanup_fclose_ FILE *file = NULL;
        unsigned n = 0;

        snprintf(path, sizeof(path), "%s/data/forms.txt", folder);
        file = fopen(path, "re");
        assert_non_null(file);
        while (fgets(header, sizeof(header), file)) {
                size_t len;

                /* An empty line parts groups, unless an expectation follows: an empty header. */
                if (header[0] == '#' || header[0] == '\n')
                        continue;
                len = unescape(header);
                assert_non_null(fgets(want, sizeof(want), file));
                want[strcspn(want, "\n")] = '\0';
                each(header, len, want);
                n++;
        }
        return n;
}

static unsigned failed;

static void check_form(char *header, size_t len, const char *want)
{
        /* A copy of just that size, so that a sanitizer sees a read behind its end. */
        _cleanup_free_ char *copy = malloc(len ? len : 1);
        struct received r;

        assert_non_null(copy);
        memcpy(copy, header, len);
        (void) received_read((struct slice){copy, (uint32_t) len}, &r);
        if (check(&r, want))
                return;
        print_message("  of: %s\n  (%s)\n\n", header, received_trouble_text(r.trouble));
        failed++;
}

static void test_forms(void **state)
{
        unsigned n;

        (void) state;
        n = for_all(check_form);
        print_message("%u headers\n", n);
        assert_true(n >= 100);
        assert_int_equal(failed, 0);
}

/* A slice lies within the header, or is absent. */
static void assert_within(struct slice s, const char *p, size_t len)
{
        if (s.p)
                assert_true(s.p >= p && s.p + s.len <= p + len);
}

static void read_copy(const char *p, size_t len)
{
        _cleanup_free_ char *copy = malloc(len ? len : 1);
        struct received r;

        assert_non_null(copy);
        memcpy(copy, p, len);
        (void) received_read((struct slice){copy, (uint32_t) len}, &r);
        assert_within(r.rdns, copy, len);
        assert_within(r.helo, copy, len);
        assert_within(r.by, copy, len);
        assert_within(r.with, copy, len);
        assert_within(r.id, copy, len);
        assert_within(r.to, copy, len);
        assert_within(r.user, copy, len);
        assert_within(r.ident, copy, len);
        assert_within(r.envelope_from, copy, len);
}

static void spoil(char *header, size_t len, const char *want)
{
        static const char bytes[] = {0, '(', ')', '[', ']', ';', '"', '<', '\\', (char) 0xff};

        (void) want;
        for (size_t i = 0; i < len; i++) {
                char kept = header[i];

                read_copy(header, i);
                for (size_t k = 0; k < sizeof(bytes); k++) {
                        header[i] = bytes[k];
                        read_copy(header, len);
                }
                header[i] = kept;
        }
}

static void test_spoiled(void **state)
{
        (void) state;
        (void) for_all(spoil);
}

static void test_limits(void **state)
{
        static char long_one[100 << 10];
        struct received r;

        (void) state;
        assert_int_equal(received_read(rig_slice(""), &r), RECEIVED_UNREAD);
        assert_int_equal(r.trouble, RECEIVED_TROUBLE_FORM);
        memset(long_one, 'x', sizeof(long_one));
        memcpy(long_one, "from ", 5);
        assert_int_equal(received_read((struct slice){long_one, sizeof(long_one)}, &r), RECEIVED_UNREAD);
        assert_int_equal(r.trouble, RECEIVED_TROUBLE_LONG);
        for (size_t i = 0; i < RECEIVED_MAX; i++)
                long_one[i] = "(x)"[i % 3];
        memcpy(long_one, "from ", 5);
        assert_int_equal(received_read((struct slice){long_one, RECEIVED_MAX - 2}, &r), RECEIVED_UNREAD);
        memset(long_one, '(', RECEIVED_MAX);
        assert_int_equal(received_read((struct slice){long_one, RECEIVED_MAX}, &r), RECEIVED_UNREAD);
        assert_int_equal(r.trouble, RECEIVED_TROUBLE_UNBALANCED);
        memset(long_one, '<', RECEIVED_MAX);
        (void) received_read((struct slice){long_one, RECEIVED_MAX}, &r);
        memset(long_one, '"', RECEIVED_MAX);
        (void) received_read((struct slice){long_one, RECEIVED_MAX}, &r);
        memset(long_one, '[', RECEIVED_MAX);
        (void) received_read((struct slice){long_one, RECEIVED_MAX}, &r);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_forms),
                cmocka_unit_test(test_spoiled),
                cmocka_unit_test(test_limits),
        };

        if (argc > 1)
                folder = argv[1];
        return cmocka_run_group_tests(tests, NULL, NULL);
}
