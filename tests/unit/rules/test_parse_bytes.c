/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conditions on numbers in the content and on lengths. */
#include "parse_rig.h"

#include "base/buf.h"

/* The last step of these options. */
static const struct rule_step *step(struct rig *g, const char *options, enum step_kind kind)
{
        const struct rule *r = rig_options(g, options);
        const struct rule_part *p;

        assert_non_null(r);
        p = &r->parts[r->n_parts - 1];
        assert_int_equal(p->steps[p->n_steps - 1].kind, kind);
        return &p->steps[p->n_steps - 1];
}

static void test_isdataat(void **state)
{
        const struct rule_isdataat *d = &step(*state, "isdataat:!1, relative;", STEP_ISDATAAT)->isdataat;

        assert_true(d->negated && d->relative && !d->raw);
        assert_int_equal(d->at.value, 1);
        d = &step(*state, "isdataat:65535,rawbytes;", STEP_ISDATAAT)->isdataat;
        assert_true(!d->negated && !d->relative && d->raw);
        d = &step(*state, "byte_extract:1,0,n; isdataat:n,relative;", STEP_ISDATAAT)->isdataat;
        assert_int_equal(d->at.var, 0);
}

static void test_byte_test(void **state)
{
        static const struct {
                const char *text;
                uint8_t op;
                uint16_t flags;
        } operators[] = {{"=", NUMBER_EQ, 0},           {"!=", NUMBER_EQ, BYTE_NEGATED},
                         {"<", NUMBER_LT, 0},           {">", NUMBER_GT, 0},
                         {"<=", NUMBER_LE, 0},          {">=", NUMBER_GE, 0},
                         {"&", NUMBER_AND, 0},          {"!&", NUMBER_AND, BYTE_NEGATED},
                         {"^", NUMBER_OR, 0},           {"!^", NUMBER_OR, BYTE_NEGATED},
                         {"!", NUMBER_EQ, BYTE_NEGATED}};
        const struct rule_byte *b;
        char options[128];

        for (size_t i = 0; i < ELEMENTSOF(operators); i++) {
                (void) snprintf(options, sizeof(options), "byte_test:4,%s,0x10,-6;", operators[i].text);
                b = &step(*state, options, STEP_BYTE_TEST)->byte;
                assert_int_equal(b->op, operators[i].op);
                assert_int_equal(b->flags, operators[i].flags);
                assert_int_equal(b->count.value, 4);
                assert_int_equal(b->value.value, 16);
                assert_int_equal(b->offset.value, -6);
                assert_int_equal(b->multiplier, 1);
        }
        b = &step(*state, "content:\"x\"; byte_test:8, >, 4294967295, 0, relative, little;", STEP_BYTE_TEST)->byte;
        assert_int_equal((uint32_t) b->value.value, UINT32_MAX);
        assert_int_equal(b->flags, BYTE_RELATIVE | BYTE_LITTLE);
        b = &step(*state, "byte_test:10,=,5,0,string,hex,bitmask 0xf0;", STEP_BYTE_TEST)->byte;
        assert_int_equal(b->flags, BYTE_STRING);
        assert_int_equal(b->base, 16);
        assert_int_equal(b->bitmask, 0xf0);
        assert_int_equal(step(*state, "byte_test:3,=,5,0,string,oct;", STEP_BYTE_TEST)->byte.base, 8);
        assert_int_equal(step(*state, "byte_test:3,=,5,0,string;", STEP_BYTE_TEST)->byte.base, 10);
        b = &step(*state, "byte_test:0,<=,30000,0,string,dec;", STEP_BYTE_TEST)->byte;
        assert_int_equal(b->flags, BYTE_STRING | BYTE_ALL_DIGITS);
        assert_int_equal(b->count.value, 23);
        b = &step(*state, "byte_extract:1,0,a; byte_extract:1,1,b; byte_test:a,=,b,a;", STEP_BYTE_TEST)->byte;
        assert_int_equal(b->count.var, 0);
        assert_int_equal(b->value.var, 1);
        assert_int_equal(b->offset.var, 0);
        assert_int_equal(step(*state, "byte_test:4,=,1,0,dce;", STEP_BYTE_TEST)->byte.flags, BYTE_DCE);
}

static void test_byte_jump(void **state)
{
        const struct rule_byte *b = &step(*state,
                                          "byte_jump:4,-10,relative,little,align,multiplier 3,from_beginning, "
                                          "post_offset -7,bitmask 0xff;",
                                          STEP_BYTE_JUMP)
                                             ->byte;

        assert_int_equal(b->count.value, 4);
        assert_int_equal(b->offset.value, -10);
        assert_int_equal(b->flags, BYTE_RELATIVE | BYTE_LITTLE | BYTE_ALIGN | BYTE_FROM_BEGINNING);
        assert_int_equal(b->multiplier, 3);
        assert_int_equal(b->post_offset, -7);
        assert_int_equal(b->bitmask, 0xff);
        b = &step(*state, "byte_jump:0,0,relative,string,from_end,post_offset -3;", STEP_BYTE_JUMP)->byte;
        assert_int_equal(b->flags, BYTE_RELATIVE | BYTE_STRING | BYTE_FROM_END);
        assert_int_equal(b->count.value, 0);
        assert_int_equal(step(*state, "byte_jump:2,0,relative,big;", STEP_BYTE_JUMP)->byte.flags, BYTE_RELATIVE);
}

static void test_variables(void **state)
{
        const struct rule *r = rig_options(*state, "byte_extract:2,0,SSL.Client_Hello.length,relative,little; "
                                                   "byte_extract:1,4,n,multiplier 4,align 4; "
                                                   "byte_math:bytes 2, offset 1, oper +, rvalue n, result sum, endian "
                                                   "little, bitmask 0xff; "
                                                   "content:\"x\"; offset:n; depth:sum; "
                                                   "content:\"y\"; distance:n; within:SSL.Client_Hello.length;");
        const struct rule_step *s;

        assert_non_null(r);
        assert_int_equal(r->n_vars, 3);
        s = r->parts[0].steps;
        assert_int_equal(s[0].kind, STEP_BYTE_EXTRACT);
        assert_int_equal(s[0].byte.var, 0);
        assert_int_equal(s[0].byte.flags, BYTE_RELATIVE | BYTE_LITTLE);
        assert_int_equal(s[1].byte.var, 1);
        assert_int_equal(s[1].byte.multiplier, 4);
        assert_int_equal(s[1].byte.align, 4);
        assert_true(s[1].byte.flags & BYTE_ALIGN);
        assert_int_equal(s[2].kind, STEP_BYTE_MATH);
        assert_int_equal(s[2].byte.op, '+');
        assert_int_equal(s[2].byte.value.var, 1);
        assert_int_equal(s[2].byte.var, 2);
        assert_int_equal(s[2].byte.flags, BYTE_LITTLE);
        assert_int_equal(s[3].content.offset.var, 1);
        assert_int_equal(s[3].content.depth.var, 2);
        assert_int_equal(s[4].content.distance.var, 1);
        assert_int_equal(s[4].content.within.var, 0);
        /* Filled again. */
        r = rig_options(*state, "byte_extract:1,0,n; byte_extract:1,1,n; byte_math:bytes 10,offset 0,oper "
                                "<<,rvalue 4294967295,result n,string dec,relative;");
        assert_non_null(r);
        assert_int_equal(r->n_vars, 1);
        assert_int_equal(r->parts[0].steps[2].byte.op, '<');
        assert_int_equal(r->parts[0].steps[2].byte.base, 10);
}

/* Relative ones follow the buffer of what stands before them, where none is set. */
static void test_where(void **state)
{
        const struct rule *r = rig_options(*state, "content:\"/\"; http_uri; isdataat:!1,relative; content:\"p\"; "
                                                   "byte_test:1,=,0,0; byte_jump:1,0,relative;");

        assert_non_null(r);
        assert_int_equal(r->n_parts, 2);
        assert_int_equal(r->parts[0].buffer, BUFFER_PAYLOAD);
        assert_int_equal(r->parts[0].n_steps, 3);
        assert_int_equal(r->parts[1].n_steps, 2);
        r = rig_options(*state, "content:\"/\"; http_uri; isdataat:!1;");
        assert_non_null(r);
        assert_int_equal(r->n_parts, 2);
}

static void test_sizes(void **state)
{
        static const struct {
                const char *text;
                struct rule_size size;
        } rows[] = {
                {"10", {.op = NUMBER_EQ, .a = 10}},
                {"!10", {.op = NUMBER_NE, .a = 10}},
                {"<10", {.op = NUMBER_LT, .a = 10}},
                {">10", {.op = NUMBER_GT, .a = 10}},
                {"<=10", {.op = NUMBER_LE, .a = 10}},
                {">= 10", {.op = NUMBER_GE, .a = 10}},
                {"10<>20", {.op = NUMBER_IN, .a = 10, .b = 20}},
                {"10 <> 20", {.op = NUMBER_IN, .a = 10, .b = 20}},
                {"10-20", {.op = NUMBER_IN, .a = 10, .b = 20}},
        };
        const struct rule_step *s;
        char options[64];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (int k = 0; k < 2; k++) {
                        (void) snprintf(options, sizeof(options), k ? "urilen:%s;" : "http.uri; bsize:%s;",
                                        rows[i].text);
                        s = step(*state, options, STEP_BSIZE);
                        assert_memory_equal(&s->size, &rows[i].size, sizeof(s->size));
                }
        assert_non_null(rig_options(*state, "urilen:5,raw;"));
        assert_int_equal(ruleset_rule(((struct rig *) *state)->set, 0)->parts[0].buffer, BUFFER_HTTP_URI_RAW);
        assert_non_null(rig_options(*state, "urilen:5,norm;"));
        assert_int_equal(ruleset_rule(((struct rig *) *state)->set, 0)->parts[0].buffer, BUFFER_HTTP_URI);
        assert_non_null(rig_options(*state, "content:\"x\"; http_uri; bsize:1;"));
        assert_int_equal(ruleset_rule(((struct rig *) *state)->set, 0)->n_parts, 1);
}

static void test_refused(void **state)
{
        static const struct refused rows[] = {
                {"isdataat:;", PROBLEM_VALUE, "isdataat", "missing"},
                {"isdataat:x;", PROBLEM_VALUE, "isdataat", "neither"},
                {"isdataat:65536;", PROBLEM_VALUE, "isdataat", "not from"},
                {"isdataat:1,relatively;", PROBLEM_VALUE, "isdataat", "not relative"},
                {"byte_test:4,=,1;", PROBLEM_VALUE, "byte_test", "missing"},
                {"byte_test:4;", PROBLEM_VALUE, "byte_test", "missing"},
                {"byte_test:9,=,1,0;", PROBLEM_VALUE, "byte_test", "1 to 8"},
                {"byte_test:0,=,1,0;", PROBLEM_VALUE, "byte_test", "1 to 8"},
                {"byte_test:24,=,1,0,string;", PROBLEM_VALUE, "byte_test", "not from"},
                {"byte_test:4,~,1,0;", PROBLEM_VALUE, "byte_test", "no comparison"},
                {"byte_test:4,=,n,0;", PROBLEM_VALUE, "byte_test", "neither"},
                {"byte_test:4,=,4294967296,0;", PROBLEM_VALUE, "byte_test", "not from"},
                {"byte_test:4,=,1,0,dec;", PROBLEM_COMBINATION, "byte_test", "string"},
                {"byte_test:4,=,1,0,align;", PROBLEM_VALUE, "byte_test", "not understood"},
                {"byte_test:4,=,1,0,post_offset 4;", PROBLEM_VALUE, "byte_test", "not understood"},
                {"byte_jump:4;", PROBLEM_VALUE, "byte_jump", "missing"},
                {"byte_jump:9,0;", PROBLEM_VALUE, "byte_jump", "0 to 8"},
                {"byte_jump:1,0,from_end,from_beginning;", PROBLEM_COMBINATION, "byte_jump", "from_end"},
                {"byte_jump:1,0,multiplier 0;", PROBLEM_VALUE, "byte_jump", "not from"},
                {"byte_jump:1,0,multiplier 65536;", PROBLEM_VALUE, "byte_jump", "not from"},
                {"byte_jump:1,0,post_offset 65536;", PROBLEM_VALUE, "byte_jump", "not from"},
                {"byte_jump:1,0,bitmask 0;", PROBLEM_VALUE, "byte_jump", "not from"},
                {"byte_jump:1,0,bitmask;", PROBLEM_VALUE, "byte_jump", "not from"},
                {"byte_extract:1,0;", PROBLEM_VALUE, "byte_extract", "name"},
                {"byte_extract:1,0,4n;", PROBLEM_VALUE, "byte_extract", "no name"},
                {"byte_extract:1,0,a b;", PROBLEM_VALUE, "byte_extract", "no name"},
                {"byte_extract:0,0,n;", PROBLEM_VALUE, "byte_extract", "1 to 8"},
                {"byte_extract:1,0,n,align 3;", PROBLEM_VALUE, "byte_extract", "2 or 4"},
                {"byte_extract:1,0,n,from_end;", PROBLEM_VALUE, "byte_extract", "not understood"},
                {"byte_math:bytes 1,offset 0,oper +,rvalue 1;", PROBLEM_VALUE, "byte_math", "needs"},
                {"byte_math:bytes 1,offset 0,rvalue 1,result n;", PROBLEM_VALUE, "byte_math", "needs"},
                {"byte_math:bytes 1,oper +,rvalue 1,result n;", PROBLEM_VALUE, "byte_math", "needs"},
                {"byte_math:offset 0,oper +,rvalue 1,result n;", PROBLEM_VALUE, "byte_math", "needs"},
                {"byte_math:bytes 1,offset 0,oper +,rvalue 0,result n;", PROBLEM_VALUE, "byte_math", "rvalue"},
                {"byte_math:bytes 1,offset 0,oper %,rvalue 1,result n;", PROBLEM_VALUE, "byte_math", "none of"},
                {"byte_math:bytes 1,offset 0,oper +,rvalue 1,result n,endian x;", PROBLEM_VALUE, "byte_math", "endian"},
                {"byte_math:bytes 9,offset 0,oper +,rvalue 1,result n;", PROBLEM_VALUE, "byte_math", "1 to 8"},
                {"bsize:4;", PROBLEM_COMBINATION, "bsize", "dsize"},
                {"http.uri; bsize:x;", PROBLEM_VALUE, "bsize", "no number"},
                {"http.uri; bsize:4294967296;", PROBLEM_VALUE, "bsize", "more than"},
                {"http.uri; bsize:9<>9;", PROBLEM_VALUE, "bsize", "no number lies"},
                {"http.uri; bsize:9<>10;", PROBLEM_VALUE, "bsize", "no number lies"},
                {"http.uri; bsize:<0;", PROBLEM_VALUE, "bsize", "no number is"},
                {"http.uri; bsize:!<5;", PROBLEM_VALUE, "bsize", "single number"},
                {"urilen:5,other;", PROBLEM_VALUE, "urilen", "raw or norm"},
                {"asn1:double_overflow, oversize_length 500;", PROBLEM_OPTION, "asn1", "ASN.1"},
        };

        rig_all_refused(*state, rows, ELEMENTSOF(rows));
}

static void test_limits(void **state)
{
        struct rig *g = *state;
        struct buf b = BUF_HEAP(RULE_TEXT_MAX);

        for (unsigned i = 0; i < RULE_VARS_MAX; i++)
                (void) buf_printf(&b, "byte_extract:1,%u,v%u; ", i, i);
        assert_non_null(rig_options(g, buf_str(&b)));
        assert_int_equal(ruleset_rule(g->set, 0)->n_vars, RULE_VARS_MAX);
        (void) buf_puts(&b, "byte_extract:1,0,more; ");
        rig_options_refused(g, buf_str(&b), PROBLEM_LIMIT, "byte_extract", "variables");
        buf_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                RIG_TEST(test_isdataat), RIG_TEST(test_byte_test), RIG_TEST(test_byte_jump), RIG_TEST(test_variables),
                RIG_TEST(test_where),    RIG_TEST(test_sizes),     RIG_TEST(test_refused),   RIG_TEST(test_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
