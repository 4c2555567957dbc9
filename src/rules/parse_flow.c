/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conditions on the flow: direction and state, what it speaks, how long it is, what happened in it. Runs where rules
 * are read. */
#include <errno.h>
#include <string.h>

#include "rules/parse.h"

static const struct {
        const char *word;
        uint32_t flag, against; /* enum flow_test: what it says, and what cannot be said with it */
} flow_words[] = {
        {"to_server", FLOW_TO_SERVER, FLOW_TO_SERVER | FLOW_TO_CLIENT},
        {"from_client", FLOW_TO_SERVER, FLOW_TO_SERVER | FLOW_TO_CLIENT},
        {"to_client", FLOW_TO_CLIENT, FLOW_TO_SERVER | FLOW_TO_CLIENT},
        {"from_server", FLOW_TO_CLIENT, FLOW_TO_SERVER | FLOW_TO_CLIENT},
        {"established", FLOW_ESTABLISHED, FLOW_ESTABLISHED | FLOW_NOT_ESTABLISHED | FLOW_STATELESS},
        {"not_established", FLOW_NOT_ESTABLISHED, FLOW_ESTABLISHED | FLOW_NOT_ESTABLISHED | FLOW_STATELESS},
        {"stateless", FLOW_STATELESS, FLOW_ESTABLISHED | FLOW_NOT_ESTABLISHED | FLOW_STATELESS},
        {"only_stream", FLOW_ONLY_STREAM, FLOW_ONLY_STREAM | FLOW_NO_STREAM},
        {"no_stream", FLOW_NO_STREAM, FLOW_ONLY_STREAM | FLOW_NO_STREAM},
        {"only_frag", FLOW_ONLY_FRAG, FLOW_ONLY_FRAG | FLOW_NO_FRAG},
        {"no_frag", FLOW_NO_FRAG, FLOW_ONLY_FRAG | FLOW_NO_FRAG},
};

static int take_flow_word(struct parse *p, struct slice word, uint32_t *flow)
{
        for (size_t i = 0; i < ELEMENTSOF(flow_words); i++) {
                if (!word_is(word, flow_words[i].word))
                        continue;
                if (*flow & flow_words[i].against)
                        return parse_fail(p, PROBLEM_COMBINATION, "%.*s is said twice or excluded by another word",
                                          WORD_ARGS(word));
                *flow |= flow_words[i].flag;
                return 0;
        }
        return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is no state or direction of a flow", WORD_ARGS(word));
}

/* One that says no more than the direction may stand beside another one. */
int parse_option_flow(struct parse *p, const struct parse_option *o)
{
        const uint32_t directions = FLOW_TO_SERVER | FLOW_TO_CLIENT;
        struct slice rest = o->value, word;
        uint32_t flow = 0;

        while (word_next(&rest, ',', &word))
                if (take_flow_word(p, word, &flow) < 0)
                        return -EINVAL;
        if ((p->rule.flow & ~directions && flow & ~directions) || ((p->rule.flow | flow) & directions) == directions)
                return parse_fail(p, PROBLEM_COMBINATION, "a rule has one flow option");
        p->rule.flow |= flow;
        if (flow & FLOW_ONLY_STREAM)
                p->seen |= PARSE_SEEN_STREAM;
        if (flow & FLOW_NO_STREAM)
                p->seen |= PARSE_SEEN_PACKET;
        return 0;
}

/* "server,>,100" */
int parse_option_stream_size(struct parse *p, const struct parse_option *o)
{
        static const char *const sides[] = {"server", "client", "both", "either"};
        static const struct {
                const char *text;
                uint8_t op;
        } operators[] = {{"<", NUMBER_LT},  {">", NUMBER_GT}, {"<=", NUMBER_LE},
                         {">=", NUMBER_GE}, {"=", NUMBER_EQ}, {"!=", NUMBER_NE}};
        struct rule_test *t = parse_test(p, TEST_STREAM_SIZE);
        struct slice rest = o->value, side = {0}, op = {0};
        size_t s = 0, k = 0;
        uint64_t n;

        if (!t)
                return -EINVAL;
        (void) word_next(&rest, ',', &side);
        (void) word_next(&rest, ',', &op);
        while (s < ELEMENTSOF(sides) && !word_is(side, sides[s]))
                s++;
        while (k < ELEMENTSOF(operators) && !word_is(op, operators[k].text))
                k++;
        if (s == ELEMENTSOF(sides) || k == ELEMENTSOF(operators) || !rest.p ||
            word_number(word_trim(rest), 10, UINT32_MAX, &n) < 0)
                return parse_fail(p, PROBLEM_VALUE,
                                  "it is server, client, both or either, a comparison, and a number of bytes");
        t->b = (uint32_t) s;
        t->op = operators[k].op;
        t->a = (uint32_t) n;
        return 0;
}

/* "http", "!tls,final", "failed" */
int parse_option_app_protocol(struct parse *p, const struct parse_option *o)
{
        static const char *const modes[] = {"", "to_server", "to_client", "either", "final"};
        struct slice rest = o->value, name, mode = {0};
        struct rule_test *t = parse_test(p, TEST_APP);
        uint8_t app;

        if (!t)
                return -EINVAL;
        (void) word_next(&rest, ',', &name);
        if (rest.p)
                mode = word_trim(rest);
        if (name.len && name.p[0] == '!') {
                t->negated = true;
                name = word_trim((struct slice){name.p + 1, name.len - 1});
        }
        while (t->b < ELEMENTSOF(modes) && (mode.len || t->b) && !word_is(mode, modes[t->b]))
                t->b++;
        if (t->b == ELEMENTSOF(modes))
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not to_server, to_client, either or final",
                                  WORD_ARGS(mode));
        if (p->rule.app != APP_UNKNOWN)
                return parse_fail(p, PROBLEM_COMBINATION, "the rule is about %s already", app_name(p->rule.app));
        app = parse_app_of(name);
        t->a = word_is(name, "failed") ? APP_TEST_FAILED : app;
        if (app == APPS)
                return parse_fail(p, PROBLEM_PROTOCOL, "the protocol %.*s is not recognised here", WORD_ARGS(name));
        if (t->a == APP_UNKNOWN)
                return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is no protocol", WORD_ARGS(name));
        return 0;
}

/* stream-event, app-layer-event, decode-event (arg: the test). "ipv4.pkt_too_small", "http.…" are not known. */
int parse_option_event(struct parse *p, const struct parse_option *o)
{
        static const struct {
                uint8_t kind;
                const char *name;
        } events[] = {
#define X(name, option, event)                                                                                         \
        {option[0] == 's' ? TEST_STREAM_EVENT : option[0] == 'a' ? TEST_APP_EVENT : TEST_DECODE_EVENT, event},
                RULE_EVENTS(X)
#undef X
        };
        struct rule_test *t;

        for (size_t i = 0; i < ELEMENTSOF(events); i++) {
                if (events[i].kind != o->arg || !word_is(o->value, events[i].name))
                        continue;
                t = parse_test(p, (enum test_kind) o->arg);
                if (!t)
                        return -EINVAL;
                t->a = (uint32_t) i;
                return 0;
        }
        return parse_fail(p, PROBLEM_VALUE, "the event \"%.*s\" is not told here", WORD_ARGS(o->value));
}

/* Which of some names are listed, each perhaps negated: then all others of them. */
static int take_mask(struct parse *p, struct slice list, const char *const *names, size_t n, uint32_t *ret)
{
        uint32_t named = 0, negated = 0, all = (1u << n) - 1;
        struct slice rest = list;

        while (rest.len) {
                uint32_t len = 0;
                struct slice word;
                size_t i = 0;

                while (len < rest.len && !strchr(",|", rest.p[len]))
                        len++;
                word = word_trim((struct slice){rest.p, len});
                rest = (struct slice){rest.p + len + (len < rest.len), rest.len - len - (len < rest.len)};
                if (word.len && word.p[0] == '!') {
                        word = word_trim((struct slice){word.p + 1, word.len - 1});
                        negated |= 1u << 31;
                }
                while (i < n && !word_is(word, names[i]))
                        i++;
                if (i == n)
                        return parse_fail(p, PROBLEM_VALUE, "\"%.*s\" is not understood", WORD_ARGS(word));
                *(negated & 1u << 31 ? &negated : &named) |= 1u << i;
                negated &= ~(1u << 31);
        }
        *ret = (named ? named : all) & ~negated;
        return *ret && *ret != all ? 0 : parse_fail(p, PROBLEM_VALUE, "it excludes everything or nothing");
}

int parse_option_ssl_version(struct parse *p, const struct parse_option *o)
{
        static const char *const names[] = {"sslv2", "sslv3", "tls1.0", "tls1.1", "tls1.2", "tls1.3"};
        struct rule_test *t = parse_test(p, TEST_SSL_VERSION);

        if (!t || parse_want_app(p, APP_TLS) < 0)
                return -EINVAL;
        return take_mask(p, o->value, names, ELEMENTSOF(names), &t->a);
}

int parse_option_tls_version(struct parse *p, const struct parse_option *o)
{
        static const char *const names[] = {"2", "3", "1.0", "1.1", "1.2", "1.3"};
        struct rule_test *t = parse_test(p, TEST_SSL_VERSION);

        if (!t || parse_want_app(p, APP_TLS) < 0)
                return -EINVAL;
        return take_mask(p, o->value, names, ELEMENTSOF(names), &t->a);
}

int parse_option_ssl_state(struct parse *p, const struct parse_option *o)
{
        static const char *const names[] = {"client_hello", "server_hello", "client_keyx", "server_keyx", "unknown"};
        struct rule_test *t = parse_test(p, TEST_SSL_STATE);

        if (!t || parse_want_app(p, APP_TLS) < 0)
                return -EINVAL;
        return take_mask(p, o->value, names, ELEMENTSOF(names), &t->a);
}

/* tls.subject:"…" and the like, of before there were buffers: a content in them (arg: the buffer). */
int parse_option_tls_text(struct parse *p, const struct parse_option *o)
{
        struct slice text = o->value;
        struct rule_step *s;
        bool negated = text.len && text.p[0] == '!';

        if (negated)
                text = word_trim((struct slice){text.p + 1, text.len - 1});
        if (text.len >= 2 && text.p[0] == '"' && text.p[text.len - 1] == '"') {
                text.p++;
                text.len -= 2;
        }
        if (text.len == 0 || text.len > RULE_CONTENT_MAX)
                return parse_fail(p, PROBLEM_VALUE, "the text is empty or too long");
        s = parse_step(p, STEP_CONTENT, parse_part_of(p, (enum rule_buffer) o->arg, 0));
        if (!s)
                return -EINVAL;
        s->content.bytes = (const uint8_t *) parse_text(p, text);
        s->content.len = (uint16_t) text.len;
        s->content.offset = s->content.depth = s->content.distance = s->content.within =
                (struct rule_number){.var = -1};
        s->flags = negated ? CONTENT_NEGATED : 0;
        return s->content.bytes ? 0 : -EINVAL;
}
