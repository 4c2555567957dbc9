/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which literal of a rule the prefilter looks for: the window of at most PREFILTER_LITERAL_MAX bytes that is rarest in
 * traffic, by the frequency of pairs of bytes (prefilter_pairs.c) taken as a Markov chain. Measured: of first sixteen
 * bytes of the longest content a hundredfold more candidates come. What an author marks with fast_pattern decides only
 * among equals. Runs where rules are compiled. */
#include <errno.h>

#include "rules/prefilter_internal.h"

/* In sixteenths of a bit, as the tables. */
#define BITS(n) ((int) ((n) *16))

#define ENOUGH           56 /* of a literal: beyond, it comes once in a terabyte, but for what the chain does not know */
#define ENOUGH_TAIL      24 /* of its last bytes */
#define TAIL             4
#define COMMON           12 /* what is made of common pieces */
#define WEAK             20 /* a literal of so few bits is none, with its tail */
#define WEAK_NARROW      36 /* with its tail: of a rule that asks for few sizes of packets */
#define SIZES_NARROW     32
#define PCRE_LITERAL_MIN 3
#define PLACED           8 /* what it is worth that a literal is compared and not searched for */

/* What the kind of buffer adds: a head comes once a transaction, payload with every packet. Negative: nearly every
 * transaction has the same few values there, whatever pairs of bytes say. */
static int buffer_bits(uint8_t buffer)
{
        switch (buffer) {
        case BUFFER_PAYLOAD:
                return 0;
        case BUFFER_HTTP_METHOD:
        case BUFFER_HTTP_PROTOCOL:
        case BUFFER_HTTP_STAT_CODE:
        case BUFFER_HTTP_STAT_MSG:
        case BUFFER_HTTP_RESPONSE_LINE:
        case BUFFER_TLS_VERSION:
        case BUFFER_SSH_PROTO:
        case BUFFER_FTP_COMMAND:
                return BITS(-40);
        case BUFFER_HTTP_CONNECTION:
        case BUFFER_HTTP_ACCEPT:
        case BUFFER_HTTP_ACCEPT_ENC:
        case BUFFER_HTTP_ACCEPT_LANG:
        case BUFFER_HTTP_CONTENT_TYPE:
        case BUFFER_HTTP_HEADER_NAMES:
                return BITS(-20);
        case BUFFER_HTTP_HEADER:
        case BUFFER_HTTP_HEADER_RAW:
        case BUFFER_HTTP_START:
        case BUFFER_HTTP_REQUEST_LINE:
        case BUFFER_HTTP_USER_AGENT:
        case BUFFER_HTTP_SERVER:
                return BITS(-4);
        default:
                return buffer_kinds[buffer].grows ? BITS(2) : BITS(8);
        }
}

/* What asks for a transaction is judged with transactions: its payload is looked at only when nothing else is of use.
 * Of transforms those that keep bytes, or only their case. */
static bool part_looked_at(const struct prefilter_rule *r, const struct rule_part *part, bool payload)
{
        return !(part->flags & ~(unsigned) (PART_DOTPREFIX | PART_LOWERCASE | PART_UPPERCASE)) &&
               (part->buffer == BUFFER_PAYLOAD) == (payload || !r->of_buffers);
}

static bool literal_nocase(const struct rule_part *part, const struct rule_step *s)
{
        return s->flags & CONTENT_NOCASE || part->flags & (PART_LOWERCASE | PART_UPPERCASE);
}

/* A content, measured: sums over its pairs, and where pieces stand that are common in spite of rare pairs. */
struct prefilter_measured {
        const uint8_t *bytes;
        unsigned len;
        uint32_t pairs[RULE_CONTENT_MAX];  /* bits of the pairs up to and with this byte */
        uint16_t common[RULE_CONTENT_MAX]; /* so many common pieces begin here and at the following bytes */
};

int prefilter_literal_new(struct prefilter_measured **ret)
{
        struct prefilter_measured *m = malloc(sizeof(*m));

        if (!m)
                return -ENOMEM;
        *ret = m;
        return 0;
}

static uint8_t lower(uint8_t b)
{
        return b >= 'A' && b <= 'Z' ? b | 0x20 : b;
}

static bool is_common(const uint8_t *p)
{
        unsigned from = 0, to = prefilter_common_n;
        uint64_t piece = 0;

        for (unsigned i = 0; i < PREFILTER_PIECE; i++)
                piece = piece << 8 | lower(p[i]);
        while (from < to) {
                unsigned middle = from + (to - from) / 2;

                if (prefilter_common[middle] < piece)
                        from = middle + 1;
                else
                        to = middle;
        }
        return from < prefilter_common_n && prefilter_common[from] == piece;
}

static void measure(const struct rule_content *c, struct prefilter_measured *m)
{
        m->bytes = c->bytes;
        m->len = c->len;
        m->pairs[0] = 0;
        for (unsigned i = 1; i < m->len; i++)
                m->pairs[i] =
                        m->pairs[i - 1] +
                        prefilter_pair_bits[prefilter_byte_class[c->bytes[i - 1]]][prefilter_byte_class[c->bytes[i]]];
        for (unsigned i = m->len; i-- > 0;) {
                bool common = i + PREFILTER_PIECE <= m->len && is_common(c->bytes + i);

                m->common[i] = common ? (uint16_t) (1 + (i + 1 < m->len ? m->common[i + 1] : 0)) : 0;
        }
}

static int window_bits(const struct prefilter_measured *m, unsigned at, unsigned len)
{
        return prefilter_byte_bits[prefilter_byte_class[m->bytes[at]]] + (int) (m->pairs[at + len - 1] - m->pairs[at]);
}

/* Made of common pieces, or within one. */
static bool window_common(const struct prefilter_measured *m, unsigned at, unsigned len)
{
        if (len >= PREFILTER_PIECE)
                return m->common[at] > len - PREFILTER_PIECE;
        for (unsigned i = at; i + PREFILTER_PIECE >= at + len; i--) {
                if (m->common[i])
                        return true;
                if (i == 0)
                        break;
        }
        return false;
}

/* vectorscan looks at the last bytes first, and confirms what they let through: those should be rare too. Beyond what
 * never comes by chance, more bytes are no better. */
static int literal_bits(const struct prefilter_measured *m, unsigned at, unsigned len)
{
        unsigned tail = MIN(len, TAIL);

        if (window_common(m, at, len))
                return MIN(window_bits(m, at, len), BITS(COMMON));
        return MIN(window_bits(m, at, len), BITS(ENOUGH)) +
               MIN(window_bits(m, at + len - tail, tail), BITS(ENOUGH_TAIL));
}

struct choice {
        int bits, own; /* with what the buffer adds, and without */
        unsigned part, step, at, len;
};

/* Must the content stand within the first bytes? */
static uint32_t content_till(const struct rule_step *s)
{
        const struct rule_content *c = &s->content;
        bool offset = s->flags & CONTENT_OFFSET;

        if (!(s->flags & CONTENT_DEPTH) || c->depth.var >= 0 || (offset && c->offset.var >= 0))
                return UINT32_MAX;
        return (uint32_t) MAX(c->depth.value + (offset ? c->offset.value : 0), 0);
}

/* At a few places near the beginning? */
static bool content_placed(const struct rule_step *s)
{
        uint32_t till = content_till(s),
                 from = s->flags & CONTENT_OFFSET ? (uint32_t) MAX(s->content.offset.value, 0) : 0;

        return till <= PREFILTER_NEAR && till < from + s->content.len + PREFILTER_PLACES;
}

static void consider(const struct rule *rule, unsigned part, unsigned step, struct prefilter_measured *m,
                     struct choice *best)
{
        const struct rule_part *p = &rule->parts[part];
        const struct rule_step *s = &p->steps[step];
        int extra = buffer_bits(p->buffer) + (s->flags & CONTENT_FAST ? BITS(1) : 0);
        /* The dot before the buffer is not in what is scanned. */
        unsigned at = p->flags & PART_DOTPREFIX && s->content.bytes[0] == '.';

        if (p->flags == 0 && content_placed(s))
                extra += BITS(PLACED);
        measure(&s->content, m);
        for (; at < s->content.len; at++)
                for (unsigned len = 1; len <= MIN(s->content.len - at, PREFILTER_LITERAL_MAX); len++) {
                        int bits = literal_bits(m, at, len);

                        /* Of equals the longest, then the last: the sooner a content is whole, the less waits. */
                        if (bits + extra > best->bits || (bits + extra == best->bits && len >= best->len))
                                *best = (struct choice){bits + extra, bits, part, step, at, len};
                }
}

/* From which condition on everything up to the literal lies before it, one relative to the other and forwards. */
static unsigned chain_of(const struct rule_part *part, unsigned step)
{
        unsigned i = step;

        while (i > 0) {
                const struct rule_step *s = &part->steps[i];
                bool forwards = s->kind == STEP_CONTENT && !(s->flags & CONTENT_NEGATED) &&
                                s->flags & (CONTENT_DISTANCE | CONTENT_WITHIN) && s->content.distance.var < 0 &&
                                s->content.distance.value >= 0;
                const struct rule_step *before = s - 1;

                if (!forwards || before->kind != STEP_CONTENT || before->flags & CONTENT_NEGATED)
                        break;
                i--;
        }
        return i;
}

/* Where the literal can end; only said of contents at fixed places and without transforms, which move things. */
static void say_place(struct prefilter_rule *r, const struct rule_part *part, const struct rule_step *s)
{
        uint32_t behind = s->content.len - r->literal.end;

        if (part->flags)
                return;
        if (s->flags & CONTENT_OFFSET && s->content.offset.var < 0)
                r->from = (uint32_t) MAX(s->content.offset.value, 0) + r->literal.end;
        r->till = content_till(s);
        if (r->till != UINT32_MAX)
                r->till -= MIN(r->till, behind);
}

static void say_size(struct prefilter_rule *r, const struct rule_test *t)
{
        uint32_t from = 0, to = UINT16_MAX;

        if (t->kind != TEST_DSIZE || t->negated)
                return;
        switch (t->op) {
        case NUMBER_EQ:
                from = to = t->a;
                break;
        case NUMBER_LT:
                to = t->a ? t->a - 1 : 0;
                break;
        case NUMBER_LE:
                to = t->a;
                break;
        case NUMBER_GT:
                from = t->a + 1;
                break;
        case NUMBER_GE:
                from = t->a;
                break;
        case NUMBER_IN:
                from = t->a + 1;
                to = t->b ? t->b - 1 : 0;
                break;
        default:
                break;
        }
        r->size_from = (uint16_t) MIN(MAX(r->size_from, from), UINT16_MAX);
        r->size_to = (uint16_t) MIN(r->size_to, to);
}

/* Nearly all such rules end here: few flows have any bit. */
static void say_bit(struct prefilter_rule *r, const struct rule_bit *b)
{
        if (b->kind == BIT_FLOW && b->op == BIT_ISSET && b->n_names == 1)
                r->bit = b->names[0];
}

/* Not worth looking for: it is everywhere, and slows down looking for all others. A few such rules, evaluated wherever
 * their ports and sizes allow, cost less. */
static bool too_weak(const struct prefilter_rule *r, const struct choice *c)
{
        bool narrow = r->rule->flags & RULE_ONLY_PACKET && r->size_to - r->size_from < SIZES_NARROW;
        bool told_by_bit = r->bit != UINT32_MAX && r->of_buffers; /* asking for the bit costs less than hits do */

        return c->own < BITS(WEAK) || ((narrow || told_by_bit) && c->own < BITS(WEAK_NARROW));
}

static void take_content(struct prefilter_rule *r, const struct choice *c)
{
        const struct rule_part *part = &r->rule->parts[c->part];
        const struct rule_step *s = &part->steps[c->step];

        r->buffer = part->buffer;
        r->len = (uint8_t) c->len;
        r->part = (uint16_t) c->part;
        r->nocase = literal_nocase(part, s);
        r->of_content = true;
        for (unsigned i = 0; i < c->len; i++)
                r->bytes[i] = r->nocase ? lower(s->content.bytes[c->at + i]) : s->content.bytes[c->at + i];
        r->literal = (struct match_literal){
                .step = (uint16_t) c->step,
                .chain = (uint16_t) chain_of(part, c->step),
                .end = (uint16_t) (c->at + c->len),
        };
        say_place(r, part, s);
}

/* Of an expression, when no content will do. */
static void take_pcre(struct prefilter_rule *r)
{
        for (unsigned i = 0; i < r->rule->n_parts; i++) {
                const struct rule_part *part = &r->rule->parts[i];

                for (unsigned k = 0; part_looked_at(r, part, false) && k < part->n_steps; k++) {
                        const struct rule_step *s = &part->steps[k];
                        uint8_t bytes[PREFILTER_LITERAL_MAX];
                        bool nocase = false;
                        unsigned n = s->kind == STEP_PCRE && !(s->flags & PCRE_NEGATED) ?
                                             prefilter_pcre_literal(&s->pcre, bytes, &nocase) :
                                             0;

                        if (n < PCRE_LITERAL_MIN || n <= r->len)
                                continue;
                        r->buffer = part->buffer;
                        r->len = (uint8_t) n;
                        r->nocase = nocase || part->flags;
                        for (unsigned j = 0; j < n; j++)
                                r->bytes[j] = r->nocase ? lower(bytes[j]) : bytes[j];
                }
        }
}

/* Chooses among the contents of those parts; false: none will do. */
static bool choose(struct prefilter_rule *r, struct prefilter_measured *m, bool payload)
{
        struct choice best = {.bits = INT32_MIN}, placed = {.bits = INT32_MIN};

        for (unsigned i = 0; i < r->rule->n_parts; i++) {
                const struct rule_part *part = &r->rule->parts[i];

                for (unsigned k = 0; part_looked_at(r, part, payload) && k < part->n_steps; k++) {
                        const struct rule_step *s = &part->steps[k];

                        if (s->kind != STEP_CONTENT || s->flags & CONTENT_NEGATED || s->content.len == 0)
                                continue;
                        consider(r->rule, i, k, m, &best);
                        if (part->flags == 0 && content_placed(s))
                                consider(r->rule, i, k, m, &placed);
                }
        }
        if (best.bits != INT32_MIN && !too_weak(r, &best))
                take_content(r, &best);
        else if (placed.bits != INT32_MIN) /* comparing costs nothing */
                take_content(r, &placed);
        return r->buffer != BUFFERS;
}

void prefilter_literal_choose(const struct rule *rule, struct prefilter_measured *m, struct prefilter_rule *r)
{
        *r = (struct prefilter_rule){.rule = rule, .buffer = BUFFERS, .till = UINT32_MAX, .size_to = UINT16_MAX};
        r->bit = UINT32_MAX;
        for (unsigned i = 0; i < rule->n_bit_conditions; i++)
                say_bit(r, &rule->bits[i]);
        for (unsigned i = 0; i < rule->n_tests; i++)
                say_size(r, &rule->tests[i]);
        for (unsigned i = 0; i < rule->n_parts; i++) {
                if (rule->parts[i].buffer == BUFFER_PAYLOAD)
                        r->of_payload = true;
                else
                        r->of_buffers = true;
        }
        if (choose(r, m, false))
                return;
        take_pcre(r);
        if (r->buffer == BUFFERS && r->of_buffers && r->of_payload)
                (void) choose(r, m, true);
}
