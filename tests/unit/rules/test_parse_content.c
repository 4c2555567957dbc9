/* SPDX-License-Identifier: GPL-3.0-or-later */
/* content and what modifies it, pcre, and the buffers they go to. */
#include "parse_rig.h"

#include "base/buf.h"
#include "rules/expressions.h"

#define EXPRESSION_TEXT (EXPRESSIONS_PATTERN_MAX + 1)

static const struct rule_part *part(const struct rule *r, enum rule_buffer buffer)
{
        for (unsigned i = 0; i < r->n_parts; i++)
                if (r->parts[i].buffer == buffer)
                        return &r->parts[i];
        fail_msg("no part of buffer %u", buffer);
        return NULL;
}

static const struct rule_step *only_step(struct rig *g, const char *options)
{
        const struct rule *r = rig_options(g, options);

        assert_non_null(r);
        assert_int_equal(r->n_parts, 1);
        assert_int_equal(r->parts[0].n_steps, 1);
        return r->parts[0].steps;
}

static void assert_bytes(const struct rule_step *s, const char *bytes, size_t len)
{
        assert_int_equal(s->kind, STEP_CONTENT);
        assert_int_equal(s->content.len, len);
        assert_memory_equal(s->content.bytes, bytes, len);
}

static void test_bytes(void **state)
{
        static const struct {
                const char *options, *bytes;
                size_t len;
        } rows[] = {
                {"content:\"JOIN \\:#\";", "JOIN :#", 7},
                {"content:\"|2E|advscan|20|\";", ".advscan ", 9},
                {"content:\"|0d0A 00|\";", "\r\n\0", 3},
                {"content:\"|0d0|\";", NULL, 0},
                {"content:\"a\\;b\\\"c\\\\d\";", "a;b\"c\\d", 7},
                {"content:\"||\";", NULL, 0},
                {"content:\" a \";", " a ", 3},
                {"content: \"x\" ;", "x", 1},
                {"content:\"a:b(c)\";", "a:b(c)", 6},
        };
        struct rig *g = *state;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                if (rows[i].bytes)
                        assert_bytes(only_step(g, rows[i].options), rows[i].bytes, rows[i].len);
        }
}

static void test_bytes_refused(void **state)
{
        static const struct refused rows[] = {
                {"content:foo;", PROBLEM_SYNTAX, "content", "not in quotes"},
                {"content:\"foo;", PROBLEM_SYNTAX, "content", "not in quotes"},
                {"content:\"\";", PROBLEM_VALUE, "content", "empty"},
                {"content;", PROBLEM_VALUE, "content", "missing"},
                {"content:\"|0d0|\";", PROBLEM_SYNTAX, "content", "odd number"},
                {"content:\"|0g|\";", PROBLEM_SYNTAX, "content", "no hexadecimal digit"},
                {"content:\"|0d\";", PROBLEM_SYNTAX, "content", "not closed"},
                {"content:\"|\";", PROBLEM_SYNTAX, "content", "not closed"},
                {"content:\"||\";", PROBLEM_VALUE, "content", "empty"},
                {"content:\"a\\x\";", PROBLEM_SYNTAX, "content", "backslash"},
                {"content:\"a\"b\";", PROBLEM_SYNTAX, "content", "quotation mark"},
                {"content:\"ab\"; depth:1;", PROBLEM_VALUE, "depth", "less than"},
                {"content:\"ab\"; within:1;", PROBLEM_VALUE, "within", "less than"},
                {"content:\"ab\"; depth:65536;", PROBLEM_VALUE, "depth", "not from"},
                {"content:\"ab\"; offset:-1;", PROBLEM_VALUE, "offset", "not from"},
                {"content:\"ab\"; offset:x;", PROBLEM_VALUE, "offset", "neither a number nor a variable"},
                {"content:\"ab\"; offset;", PROBLEM_VALUE, "offset", "missing"},
                {"depth:5;", PROBLEM_COMBINATION, "depth", "no content"},
                {"nocase;", PROBLEM_COMBINATION, "nocase", "no content"},
                {"content:\"ab\"; nocase; nocase;", PROBLEM_COMBINATION, "nocase", "already"},
                {"content:\"ab\"; nocase:1;", PROBLEM_VALUE, "nocase", "takes no value"},
                {"content:\"ab\"; depth:4; depth:4;", PROBLEM_COMBINATION, "depth", "already"},
                {"content:\"ab\"; depth:4; distance:4;", PROBLEM_COMBINATION, "distance", "not both"},
                {"content:\"ab\"; within:4; offset:4;", PROBLEM_COMBINATION, "offset", "not both"},
                {"content:\"ab\"; startswith; depth:4;", PROBLEM_COMBINATION, "depth", ""},
                {"content:\"ab\"; startswith; within:4;", PROBLEM_COMBINATION, "within", ""},
                {"content:\"ab\"; depth:4; startswith;", PROBLEM_COMBINATION, "startswith", ""},
                {"content:\"ab\"; endswith; endswith;", PROBLEM_COMBINATION, "endswith", "already"},
                {"content:\"ab\"; fast_pattern; content:\"b\"; fast_pattern;", PROBLEM_COMBINATION, "fast_pattern",
                 "one content"},
                {"content:!\"ab\"; fast_pattern:only;", PROBLEM_COMBINATION, "fast_pattern", "only"},
                {"content:\"ab\"; offset:1; fast_pattern:only;", PROBLEM_COMBINATION, "fast_pattern", "only"},
                {"content:\"ab\"; fast_pattern:1,2;", PROBLEM_VALUE, "fast_pattern", "not that long"},
                {"content:\"ab\"; fast_pattern:1;", PROBLEM_VALUE, "fast_pattern", "offset and a length"},
                {"content:\"ab\"; fast_pattern:0,0;", PROBLEM_VALUE, "fast_pattern", "offset and a length"},
                {"content:!\"ab\"; depth:2; fast_pattern;", PROBLEM_COMBINATION, "content", "fast pattern"},
                {"content:\"ab\"; http_uri; http_header;", PROBLEM_COMBINATION, "http_header", "already"},
                {"content:\"ab\"; rawbytes; http_uri;", PROBLEM_COMBINATION, "http_uri", "raw"},
                {"content:\"ab\"; http_uri; rawbytes;", PROBLEM_COMBINATION, "rawbytes", "raw"},
                {"http_uri;", PROBLEM_COMBINATION, "http_uri", "no content"},
                {"http.uri; content:\"ab\"; http_header;", PROBLEM_COMBINATION, "http_header", "pkt_data"},
                {"http.uri; uricontent:\"ab\";", PROBLEM_COMBINATION, "uricontent", "use content"},
                {"http.uri; http.header; content:\"a\";", PROBLEM_COMBINATION, "http.header", "no condition"},
                {"content:\"a\"; http.uri;", PROBLEM_COMBINATION, "", "http.uri is followed by no condition"},
                {"http.uri:1; content:\"a\";", PROBLEM_VALUE, "http.uri", "takes no value"},
                {"http.uri; nocase; content:\"a\";", PROBLEM_COMBINATION, "nocase", "no content"},
                {"content:\"ab\"; to_lowercase;", PROBLEM_COMBINATION, "to_lowercase", "follows a buffer"},
                {"http.uri; content:\"ab\"; to_lowercase;", PROBLEM_COMBINATION, "to_lowercase",
                 "before the conditions"},
                {"http.uri; dotprefix; dotprefix; content:\"a\";", PROBLEM_COMBINATION, "dotprefix", "already"},
                {"http.uri; to_sha256; to_sha1; content:\"a\";", PROBLEM_COMBINATION, "to_sha1", "this order"},
                {"http.method; content:\"GET \";", PROBLEM_COMBINATION, "content", "white space"},
                {"http.host; content:\"Example\";", PROBLEM_COMBINATION, "content", "lower case"},
                {"http.uri; content:\"a\"; tls.sni; content:\"b\";", PROBLEM_COMBINATION, "tls.sni", "about http"},
                {"content:\"a\"; dsize:0;", PROBLEM_COMBINATION, "content", "longer than all"},
                {"http.uri; bsize:3; content:\"abcd\";", PROBLEM_COMBINATION, "content", "longer than all"},
        };

        rig_all_refused(*state, rows, ELEMENTSOF(rows));
}

static void test_modifiers(void **state)
{
        struct rig *g = *state;
        const struct rule_step *s = only_step(g, "content:!\"ab\"; nocase; offset:3; depth:9; rawbytes;");

        assert_int_equal(s->flags, CONTENT_NEGATED | CONTENT_NOCASE | CONTENT_OFFSET | CONTENT_DEPTH | CONTENT_RAW);
        assert_int_equal(s->content.offset.value, 3);
        assert_int_equal(s->content.depth.value, 9);
        assert_int_equal(s->content.offset.var, -1);
        assert_int_equal(s->content.depth.var, -1);
        s = only_step(g, "content:\"ab\"; distance:-4; within:20;");
        assert_int_equal(s->flags, CONTENT_DISTANCE | CONTENT_WITHIN);
        assert_int_equal(s->content.distance.value, -4);
        assert_int_equal(s->content.within.value, 20);
        s = only_step(g, "content:\"ab\"; startswith; endswith;");
        assert_int_equal(s->flags, CONTENT_STARTS | CONTENT_ENDS | CONTENT_OFFSET | CONTENT_DEPTH);
        assert_int_equal(s->content.offset.value, 0);
        assert_int_equal(s->content.depth.value, 2);
        s = only_step(g, "content:\"abcd\"; fast_pattern:1,2;");
        assert_int_equal(s->flags, CONTENT_FAST);
        assert_int_equal(s->content.fast_offset, 1);
        assert_int_equal(s->content.fast_len, 2);
        s = only_step(g, "content:\"abcd\"; fast_pattern:only;");
        assert_int_equal(s->flags, CONTENT_FAST | CONTENT_FAST_ONLY);
        s = only_step(g, "content:\"abcd\"; fast_pattern;");
        assert_int_equal(s->flags, CONTENT_FAST);
        assert_int_equal(s->content.fast_len, 0);
}

static void test_older_buffers(void **state)
{
        const struct rule *r = rig_options(
                *state,
                "content:\"GET\"; http_method; content:\"one\"; content:\"/x\"; http_uri; uricontent:\"/y\"; nocase; "
                "content:\"two\"; distance:0; pcre:\"/z/Ui\"; content:\"Host\"; nocase; http_header;");

        assert_non_null(r);
        assert_int_equal(r->n_parts, 4);
        assert_int_equal(r->app, APP_HTTP);
        /* The payload's stands first. */
        assert_int_equal(r->parts[0].buffer, BUFFER_PAYLOAD);
        assert_int_equal(r->parts[0].n_steps, 2);
        assert_bytes(&r->parts[0].steps[0], "one", 3);
        assert_bytes(&r->parts[0].steps[1], "two", 3);
        assert_int_equal(part(r, BUFFER_HTTP_METHOD)->n_steps, 1);
        assert_int_equal(part(r, BUFFER_HTTP_URI)->n_steps, 3);
        assert_bytes(&part(r, BUFFER_HTTP_URI)->steps[0], "/x", 2);
        assert_bytes(&part(r, BUFFER_HTTP_URI)->steps[1], "/y", 2);
        assert_int_equal(part(r, BUFFER_HTTP_URI)->steps[1].flags, CONTENT_NOCASE);
        assert_int_equal(part(r, BUFFER_HTTP_URI)->steps[2].kind, STEP_PCRE);
        assert_int_equal(part(r, BUFFER_HTTP_HEADER)->steps[0].flags, CONTENT_NOCASE);
        assert_true(r->flow & FLOW_TO_SERVER);
}

/* A content moves to its buffer behind what was moved there before it, not to where it was written. */
static void test_older_order(void **state)
{
        const struct rule *r = rig_options(*state, "content:\"a\"; pcre:\"/b/U\"; http_uri; content:\"c\"; http_uri;");
        const struct rule_part *p;

        assert_non_null(r);
        assert_int_equal(r->n_parts, 1);
        p = part(r, BUFFER_HTTP_URI);
        assert_int_equal(p->n_steps, 3);
        assert_int_equal(p->steps[0].kind, STEP_PCRE);
        assert_bytes(&p->steps[1], "a", 1);
        assert_bytes(&p->steps[2], "c", 1);
}

static void test_sticky_buffers(void **state)
{
        struct rig *g = *state;
        const struct rule *r = rig_options(g, "content:\"p\"; http.uri; content:\"u\"; http.header; content:\"h\"; "
                                              "http.uri; content:\"v\"; distance:0; pkt_data; content:\"q\";");

        assert_non_null(r);
        assert_int_equal(r->n_parts, 3);
        assert_int_equal(part(r, BUFFER_PAYLOAD)->n_steps, 2);
        assert_int_equal(part(r, BUFFER_HTTP_URI)->n_steps, 2);
        assert_int_equal(part(r, BUFFER_HTTP_URI)->steps[1].flags, CONTENT_DISTANCE);
        /* Older names of sticky buffers. */
        r = rig_options(g, "file_data; content:\"PK\"; within:2; pcre:\"/^x/QR\"; http_content_type; content:\"zip\";");
        assert_non_null(r);
        assert_int_equal(part(r, BUFFER_FILE_DATA)->n_steps, 2);
        assert_int_equal(part(r, BUFFER_HTTP_CONTENT_TYPE)->n_steps, 1);
        r = rig_options(g, "file_data; file_data; content:\"PK\";");
        assert_non_null(r);
        /* Buffers that come several times: each time a part of its own. */
        r = rig_options(g, "dns.query; content:\"a\"; dns_query; content:\"b\"; content:\"c\";");
        assert_non_null(r);
        assert_int_equal(r->n_parts, 2);
        assert_int_equal(r->parts[0].n_steps, 1);
        assert_int_equal(r->parts[1].n_steps, 2);
        assert_int_equal(r->app, APP_DNS);
}

static void test_transforms(void **state)
{
        const struct rule *r =
                rig_options(*state, "dns.query; to_lowercase; dotprefix; content:\".example.org\"; endswith; "
                                    "dns.query; content:\"x\";");

        assert_non_null(r);
        assert_int_equal(r->n_parts, 2);
        assert_int_equal(r->parts[0].flags, PART_DOTPREFIX | PART_LOWERCASE);
        assert_int_equal(r->parts[1].flags, 0);
        r = rig_options(*state, "http.uri; content:\"x\"; http.uri; url_decode; to_sha256; content:\"y\";");
        assert_non_null(r);
        assert_int_equal(r->n_parts, 2);
        assert_int_equal(r->parts[1].flags, PART_URL_DECODE | PART_SHA256);
}

/* Every buffer by both of its names. */
static void test_every_buffer(void **state)
{
        struct rig *g = *state;
        char options[128];

        for (int b = 1; b < BUFFERS; b++)
                for (int older = 0; older < 2; older++) {
                        const char *name = older ? buffer_kinds[b].older : buffer_kinds[b].name;
                        const struct rule *r;

                        if (!*name)
                                continue;
                        (void) snprintf(options, sizeof(options), "%s; content:\"x\";", name);
                        r = rig_options(g, options);
                        if (!r) { /* a modifier */
                                (void) snprintf(options, sizeof(options), "content:\"x\"; %s;", name);
                                r = rig_options(g, options);
                        }
                        assert_non_null(r);
                        assert_int_equal(r->n_parts, 1);
                        assert_int_equal(r->parts[0].buffer, b);
                        assert_int_equal(r->app, buffer_kinds[b].app);
                }
}

static void test_pcre(void **state)
{
        static const struct {
                char letter;
                enum rule_buffer buffer;
        } letters[] = {{'U', BUFFER_HTTP_URI},
                       {'I', BUFFER_HTTP_URI_RAW},
                       {'P', BUFFER_HTTP_REQUEST_BODY},
                       {'Q', BUFFER_HTTP_RESPONSE_BODY},
                       {'H', BUFFER_HTTP_HEADER},
                       {'D', BUFFER_HTTP_HEADER_RAW},
                       {'M', BUFFER_HTTP_METHOD},
                       {'C', BUFFER_HTTP_COOKIE},
                       {'K', BUFFER_HTTP_COOKIE},
                       {'S', BUFFER_HTTP_STAT_CODE},
                       {'Y', BUFFER_HTTP_STAT_MSG},
                       {'V', BUFFER_HTTP_USER_AGENT},
                       {'W', BUFFER_HTTP_HOST},
                       {'Z', BUFFER_HTTP_HOST_RAW},
                       {'B', BUFFER_PAYLOAD},
                       {'O', BUFFER_PAYLOAD},
                       {'A', BUFFER_PAYLOAD},
                       {'E', BUFFER_PAYLOAD},
                       {'G', BUFFER_PAYLOAD},
                       {'x', BUFFER_PAYLOAD},
                       {'m', BUFFER_PAYLOAD}};
        struct rig *g = *state;
        const struct rule_step *s = only_step(g, "pcre:\"/download.*exe/s\";");
        char options[64];

        assert_int_equal(s->kind, STEP_PCRE);
        assert_string_equal(s->pcre.pattern, "download.*exe");
        assert_non_null(s->pcre.code);
        assert_int_equal(only_step(g, "pcre:!\"/a\\/b\\;c\\\"d/Ri\";")->flags, PCRE_NEGATED | PCRE_RELATIVE);
        assert_string_equal(g->set ? ruleset_rule(g->set, 0)->parts[0].steps[0].pcre.pattern : "", "a\\/b\\;c\\\"d");
        for (size_t i = 0; i < ELEMENTSOF(letters); i++) {
                (void) snprintf(options, sizeof(options), "pcre:\"/abc/%ci\";", letters[i].letter);
                assert_int_equal(only_step(g, options) ? ruleset_rule(g->set, 0)->parts[0].buffer : BUFFERS,
                                 letters[i].buffer);
        }
        /* PCRE1 took what PCRE2 refuses: an escape that means nothing. */
        assert_non_null(rig_options(g, "pcre:\"/\\y\\j[\\i]/\";"));
        assert_non_null(rig_options(g, "pcre:\"/(?P<name>x)/, flow:name\";"));
        /* What is the same is compiled once. */
        rig_end(g);
        rig_begin(g, NULL, 0);
        rig_add(g, "x",
                "alert tcp any any -> any any (pcre:\"/ab/i\"; sid:1;)\nalert tcp any any -> any any "
                "(pcre:\"/ab/i\"; sid:2;)\nalert tcp any any -> any any (pcre:\"/ab/\"; sid:3;)\n");
        assert_int_equal(ruleset_settle(g->set), 0);
        assert_ptr_equal(ruleset_rule(g->set, 0)->parts[0].steps[0].pcre.code,
                         ruleset_rule(g->set, 1)->parts[0].steps[0].pcre.code);
        assert_ptr_not_equal(ruleset_rule(g->set, 0)->parts[0].steps[0].pcre.code,
                             ruleset_rule(g->set, 2)->parts[0].steps[0].pcre.code);
}

static void test_pcre_refused(void **state)
{
        static const struct refused rows[] = {
                {"pcre:/a/;", PROBLEM_SYNTAX, "pcre", "not in quotes"},
                {"pcre:\"a\";", PROBLEM_SYNTAX, "pcre", "between slashes"},
                {"pcre:\"/a\";", PROBLEM_SYNTAX, "pcre", "between slashes"},
                {"pcre:\"/\";", PROBLEM_SYNTAX, "pcre", "between slashes"},
                {"pcre:\"\";", PROBLEM_SYNTAX, "pcre", "between slashes"},
                {"pcre:\"x/a/\";", PROBLEM_SYNTAX, "pcre", "before the expression"},
                {"pcre:\"/a/q\";", PROBLEM_VALUE, "pcre", "no flag"},
                {"pcre:\"/(/\";", PROBLEM_VALUE, "pcre", "at byte 1"},
                {"pcre:\"/a{2,1}/\";", PROBLEM_VALUE, "pcre", "out of order"},
                {"pcre:\"/(((a{1000}){1000}){1000})/\";", PROBLEM_VALUE, "pcre", "too large"},
                {"pcre:\"/a/UH\";", PROBLEM_COMBINATION, "pcre", "two buffers"},
                {"http.uri; content:\"a\"; pcre:\"/a/H\";", PROBLEM_COMBINATION, "pcre", "set before"},
                {"pcre:\"/Example/W\";", PROBLEM_COMBINATION, "pcre", "lower case"},
        };
        struct rig *g = *state;
        char options[EXPRESSION_TEXT + 64];

        rig_all_refused(g, rows, ELEMENTSOF(rows));
        (void) snprintf(options, sizeof(options), "pcre:\"/%0*d/\";", EXPRESSION_TEXT, 0);
        assert_null(rig_options(g, options));
        assert_int_equal(g->said[0].kind, PROBLEM_LIMIT);
}

static void test_limits(void **state)
{
        struct rig *g = *state;
        struct buf b = BUF_HEAP(RULE_TEXT_MAX);

        for (unsigned i = 0; i < RULE_STEPS_MAX; i++)
                (void) buf_puts(&b, "content:\"a\"; ");
        assert_non_null(rig_options(g, buf_str(&b)));
        (void) buf_puts(&b, "content:\"a\"; ");
        assert_null(rig_options(g, buf_str(&b)));
        assert_int_equal(g->said[0].kind, PROBLEM_LIMIT);
        buf_reset(&b);
        (void) buf_printf(&b, "content:\"%0*d\";", RULE_CONTENT_MAX, 0);
        assert_non_null(rig_options(g, buf_str(&b)));
        buf_reset(&b);
        (void) buf_printf(&b, "content:\"%0*d\";", RULE_CONTENT_MAX + 1, 0);
        assert_null(rig_options(g, buf_str(&b)));
        assert_int_equal(g->said[0].kind, PROBLEM_LIMIT);
        buf_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                RIG_TEST(test_bytes),         RIG_TEST(test_bytes_refused), RIG_TEST(test_modifiers),
                RIG_TEST(test_older_buffers), RIG_TEST(test_older_order),   RIG_TEST(test_sticky_buffers),
                RIG_TEST(test_transforms),    RIG_TEST(test_every_buffer),  RIG_TEST(test_pcre),
                RIG_TEST(test_pcre_refused),  RIG_TEST(test_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
