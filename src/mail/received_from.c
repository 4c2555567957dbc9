/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands between "from" and "by": its tokens become a row of letters, and the row must be one of the shapes that
 * servers write, as a whole. So a client that puts a server's text into its name makes a row that nobody writes. Runs
 * in whichever process reads mail. */
#include "mail/received_internal.h"

#define ELEMENTS_MAX 6

/* W  a name                      L  [address]                  P  (... address ...), the server's own look
 * A  an address without brackets Q  [something else]           H  (HELO name)
 * N  (name)                                                    C  (account ...), CommuniGate
 * K  claiming to be "name" */
struct element {
        struct slice text;
        struct addr addr;
        uint16_t port;
        struct comment c;
};

struct clause {
        char row[ELEMENTS_MAX + 2];
        unsigned n;
        struct element e[ELEMENTS_MAX];
        bool pickup; /* "mail pickup service" */
        bool gap;    /* something without a letter stands behind the last element */
};

enum shape_flag {
        SHAPE_SEEN = 1 << 0, /* the server wrote the address */
        SHAPE_SAME =
                1
                << 1, /* the name is an address: the peer's, or the server's own loopback (Yahoo), or it is not read */
        SHAPE_FIRST = 1 << 2, /* the client's words come last: only makes that are known to write so are believed */
        SHAPE_EXIM = 1 << 3,  /* only Exim writes so */
        SHAPE_BARE = 1 << 4,  /* an address where others write the HELO: believed of web mailers alone */
};

struct shape {
        char row[ELEMENTS_MAX + 1];
        int8_t peer, helo, name; /* index of the element; -1: none */
        uint8_t flags;
};

static const struct shape shapes[] = {
        {"WP", 1, 0, -1, SHAPE_SEEN}, /* RFC 5321: name (reverse [address]) */
        {"AP", 1, 0, -1, SHAPE_SEEN},
        {"LP", 1, 0, -1, SHAPE_SEEN},
        {"QP", 1, 0, -1, SHAPE_SEEN},
        {"P", 0, -1, -1, SHAPE_SEEN},
        {"WHP", 2, 1, 0, SHAPE_SEEN}, /* qmail: reverse (HELO name) (ident@address) */
        {"AHP", 2, 1, 0, SHAPE_SEEN | SHAPE_SAME},
        {"LHP", 2, 1, -1, SHAPE_SEEN | SHAPE_SAME},
        {"WHL", 2, 1, 0, SHAPE_SEEN}, /* GMX: reverse (EHLO name) [address] */
        {"AHL", 2, 1, 0, SHAPE_SEEN | SHAPE_SAME},
        {"WNL", 2, 1, 0, SHAPE_EXIM}, /* Exim 3: reverse (name) [address] (ident) */
        {"WNLN", 2, 1, 0, SHAPE_EXIM},
        {"NL", 1, 0, -1, SHAPE_EXIM},
        {"NLN", 1, 0, -1, SHAPE_EXIM},
        {"WNP", 2, 0, -1, SHAPE_SEEN},
        {"WPK", 1, 2, 0, SHAPE_SEEN}, /* obtuse smtpd: reverse(address), claiming to be "name" */
        {"WLH", 1, 2, 0, SHAPE_FIRST},
        {"WL", 1, 0, -1, SHAPE_FIRST},
        {"LH", 0, 1, -1, SHAPE_FIRST}, /* Exim, CommuniGate: [address] (HELO name) */
        {"LC", 0, 1, -1, SHAPE_FIRST},
        {"AH", 0, 1, -1, SHAPE_FIRST}, /* Yahoo */
        {"L", 0, 0, -1, SHAPE_BARE},
        {"A", 0, -1, -1, SHAPE_BARE},
        {"W", -1, 0, -1, 0},
        {"WN", -1, 0, -1, 0},
        {"Q", -1, 0, -1, 0},
        {"", -1, -1, -1, 0},
        {"N", -1, -1, -1, 0},
};

static struct element *add(struct clause *k, char letter, struct slice text)
{
        struct element *e;

        if (k->n == ELEMENTS_MAX) {
                k->row[0] = '?';
                return &k->e[ELEMENTS_MAX - 1];
        }
        e = &k->e[k->n];
        *e = (struct element){.text = text};
        k->row[k->n++] = letter;
        k->row[k->n] = '\0';
        return e;
}

static bool ends_with(struct slice s, const char *end)
{
        size_t n = strlen(end);

        return s.len >= n && slice_is_n(slice_skip(s, s.len - n), end, n);
}

static bool row_is(const struct clause *k, const char *row)
{
        return strcmp(k->row, row) == 0;
}

/* Words at the beginning are one name, of a client that may put spaces into it; an address among them is refused. */
static void take_first_word(struct header *x, struct clause *k, const struct token *t)
{
        struct addr a;
        uint16_t port;
        bool address = address_read(t->text, &a, &port) == 0;

        if (t->quoted && token_has_marker(t->raw))
                x->trouble = RECEIVED_TROUBLE_TWO;
        if (k->n == 0) {
                struct element *e = add(k, address ? 'A' : 'W', t->text);

                e->addr = a;
                e->port = port;
                return;
        }
        if (address && x->r->form == RECEIVED_FORM_SMTPSVC && ends_with(k->e[0].text, " -") &&
            t + 1 == &x->tokens[x->by]) {
                struct element *e = add(k, 'P', t->text); /* "name - 192.0.2.1", of Windows NT */

                k->e[0].text = slice_trim(slice_from(k->e[0].text.p, slice_end(k->e[0].text) - 2));
                e->c = (struct comment){.kind = COMMENT_PEER, .addr = a, .bracketed = true};
                return;
        }
        x->r->flags |= RECEIVED_ODD;
        if (address || (k->row[0] == 'A' && !(x->r->form == RECEIVED_FORM_SMTPSVC && slice_is(t->text, "-"))) ||
            token_has_marker(t->raw))
                x->trouble = RECEIVED_TROUBLE_TWO;
        k->e[0].text = slice_from(k->e[0].text.p, slice_end(t->text));
        k->pickup = slice_is(k->e[0].text, "mail pickup service");
}

/* A word behind the first comment; *i moves to the last token that belongs to it. */
static void take_later_word(struct header *x, struct clause *k, unsigned *i)
{
        const struct token *t = &x->tokens[*i];
        struct addr a;
        uint16_t port;

        if (slice_is(t->text, ","))
                return;
        if (*i + 3 < x->by && received_word_is(t, "claiming") && received_word_is(t + 1, "to") &&
            received_word_is(t + 2, "be") && t[3].kind == TOKEN_WORD) {
                struct slice name = t[3].text;

                if (name.len > 1 && name.p[0] == '"' && name.p[name.len - 1] == '"')
                        name = slice_from(name.p + 1, slice_end(name) - 1);
                if (token_has_marker(name))
                        x->trouble = RECEIVED_TROUBLE_TWO;
                add(k, 'K', t[3].text)->c.helo = name;
                *i += 3;
                return;
        }
        x->r->flags |= RECEIVED_ODD;
        k->gap = true;
        if (t->quoted || token_has_marker(t->raw) || address_read(t->text, &a, &port) == 0)
                x->trouble = RECEIVED_TROUBLE_TWO;
}

/* Servers write these behind the address; before it, it may be the client's name that has parentheses. */
static void take_note(struct header *x, const struct clause *k, const struct comment *c)
{
        if (!strpbrk(k->row, "PLA")) {
                x->r->flags |= RECEIVED_ODD;
                return;
        }
        if (c->kind == COMMENT_ENVELOPE)
                x->r->envelope_from = c->value;
        else if (c->kind == COMMENT_TLS)
                x->r->flags |= RECEIVED_TLS;
        else {
                x->r->flags |= RECEIVED_AUTH;
                x->r->user = c->value;
        }
}

static void take_comment(struct header *x, struct clause *k, const struct token *t)
{
        struct comment c;
        char letter = 0;

        received_comment(t->text, &c);
        if (slice_is(t->text, "localhost [[UNIX: localhost]]")) /* Sendmail's own users */
                x->local = true;
        switch (c.kind) {
        case COMMENT_PEER:
                letter = 'P';
                break;
        case COMMENT_HELO:
                letter = 'H';
                break;
        case COMMENT_ACCOUNT:
                take_note(x, k, &c);
                letter = row_is(k, "L") ? 'C' : 0;
                if (c.bracketed && (!letter || !addr_equal(&c.addr, &k->e[0].addr)))
                        x->trouble = RECEIVED_TROUBLE_TWO;
                break;
        case COMMENT_NAME:
                letter = row_is(k, "W") || row_is(k, "WNL") || row_is(k, "NL") || row_is(k, "") ? 'N' : 0;
                x->local = x->local || ends_with(c.name, "@localhost");
                c.helo = c.name;
                break;
        case COMMENT_AUTH:
        case COMMENT_TLS:
        case COMMENT_ENVELOPE:
                take_note(x, k, &c);
                break;
        case COMMENT_FOR:
        case COMMENT_TWO:
                x->trouble = RECEIVED_TROUBLE_TWO;
                break;
        default:
                break;
        }
        if (c.odd)
                x->r->flags |= RECEIVED_ODD;
        /* An address, then a note, then another address: the note may be a name with a parenthesis in it. */
        if (letter == 'P' && k->gap && (row_is(k, "L") || row_is(k, "A")))
                x->trouble = RECEIVED_TROUBLE_TWO;
        k->gap = !letter;
        if (letter)
                add(k, letter, t->text)->c = c;
}

static void take_literal(struct header *x, struct clause *k, const struct token *t)
{
        struct addr a;
        uint16_t port = 0;
        bool address = received_literal(t, &a, &port);
        struct element *e;

        if (row_is(k, "W") && t->raw.p == slice_end(k->e[0].text)) { /* "name_[192.0.2.1]": glued, so it is the name */
                k->e[0].text = slice_from(k->e[0].text.p, slice_end(t->raw));
                return;
        }
        e = add(k, address ? 'L' : 'Q', t->raw);
        if (slice_is(t->text, "unix socket") || slice_is(t->text, "local"))
                x->local = true;
        if (!address)
                return;
        e->addr = a;
        e->port = port;
        e->text = slice_from(t->raw.p, slice_end(t->text) + 1); /* without what is glued to it */
}

/* "from name via SMTP by", "from name with LMTP by": the protocol stands before the server. */
static bool take_early_protocol(struct header *x, const struct clause *k, unsigned i)
{
        const struct token *t = &x->tokens[i];

        if (i + 2 != x->by || k->n == 0 || x->r->with.p || t[1].kind != TOKEN_WORD ||
            (!received_word_is(t, "via") && !received_word_is(t, "with")))
                return false;
        x->r->with = t[1].text;
        received_take_protocol(x, t[1].text);
        if (received_word_is(t, "via") && slice_is(t[1].text, "SMTP") && k->n > 1 && k->row[1] == 'P' &&
            !k->e[1].c.bracketed && x->r->form == RECEIVED_FORM_UNKNOWN)
                x->r->form = RECEIVED_FORM_OBTUSE;
        return true;
}

static void collect(struct header *x, struct clause *k)
{
        for (unsigned i = x->from + 1; i < x->by && !x->trouble; i++) {
                const struct token *t = &x->tokens[i];

                if (take_early_protocol(x, k, i))
                        return;
                if (t->kind == TOKEN_COMMENT)
                        take_comment(x, k, t);
                else if (t->kind == TOKEN_LITERAL)
                        take_literal(x, k, t);
                else if (t->kind == TOKEN_WORD && (row_is(k, "") || row_is(k, "W") || row_is(k, "A")))
                        take_first_word(x, k, t);
                else if (t->kind == TOKEN_WORD)
                        take_later_word(x, k, &i);
        }
}

/* Yahoo's receivers write the address alone, and are told by the protocol's spelling or by their name. */
static bool is_yahoo(const struct received *r)
{
        static const char *const names[] = {".yahoo.com", ".yahoo.co.jp", ".yahoodns.net"};

        if (r->with.len == 5 && memcmp(r->with.p, "SMTPs", 5) == 0)
                return true;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (ends_with(r->by, names[i]))
                        return true;
        return false;
}

static bool is_seen(const struct header *x, const struct shape *s)
{
        const struct received *r = x->r;
        unsigned flags = received_forms[r->form].flags;

        if (!r->by.p || flags & FORM_UNSURE)
                return false;
        if (s->flags & SHAPE_SEEN)
                return true;
        if (s->flags & SHAPE_EXIM)
                return r->form == RECEIVED_FORM_EXIM;
        if (s->flags & SHAPE_BARE)
                return x->web;
        switch (r->form) {
        case RECEIVED_FORM_EXIM:
        case RECEIVED_FORM_ECELERITY:
        case RECEIVED_FORM_MAILANYONE:
        case RECEIVED_FORM_NEMESIS:
        case RECEIVED_FORM_COMMUNIGATE:
                return s->peer == 0;
        case RECEIVED_FORM_IMAIL:
        case RECEIVED_FORM_ARGOSOFT:
        case RECEIVED_FORM_FETCHMAIL:
        case RECEIVED_FORM_MXLOGIC:
                return s->peer == 1;
        default:
                return s->row[0] == 'A' && is_yahoo(r);
        }
}

/* What stands where a server writes that there is no reverse name. */
static bool is_no_name(struct slice s)
{
        static const char *const words[] = {"unknown",    "<unknown>",      "unverified",
                                            "softdnserr", "unknown_domain", "(unknown)"};

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (slice_is_n(s, words[i], strlen(words[i])))
                        return true;
        return s.len == 0;
}

static void set_rdns(struct received *r, struct slice name)
{
        r->flags |= RECEIVED_NAMES;
        if (name.len > 1 && name.p[name.len - 1] == '.') /* Gmail */
                name.len--;
        if (!is_no_name(name))
                r->rdns = name;
}

/* The name before an address that has none of its own: whose word it is depends on the make of server. */
static void set_lone_name(struct header *x, struct slice name, bool is_word, const struct comment *c)
{
        struct received *r = x->r;
        const struct form *form = &received_forms[r->form];
        bool both = form->lone == LONE_BRACKET && !x->bracketed;

        if (c->helo.p || form->lone == LONE_RDNS || c->verified) {
                if (is_word)
                        set_rdns(r, name);
                if (!c->helo.p && is_word && r->form != RECEIVED_FORM_OBTUSE)
                        r->helo = name;
                return;
        }
        r->helo = name;
        if (!both || !is_word)
                return;
        set_rdns(r, name);
        r->flags |= RECEIVED_NAME_UNSURE;
}

static void set_names(struct header *x, const struct clause *k, const struct shape *s)
{
        struct received *r = x->r;
        const struct element *peer = &k->e[s->peer];
        const struct comment *c = &peer->c;
        bool is_word = k->row[0] == 'W';

        if (c->ident.p)
                r->ident = c->ident;
        if (c->helo.p)
                r->helo = c->helo;
        if (x->web && s->peer == 1 && s->helo == 0) { /* the name is that of the web server's client, looked up by it */
                set_rdns(r, c->name);
                return;
        }
        if (c->name.p)
                set_rdns(r, c->name);
        if (s->name >= 0 && !c->name.p)
                set_rdns(r, k->e[s->name].text);
        if (s->helo > 0 || k->row[0] == 'N')
                r->helo = k->e[MAX(s->helo, 0)].c.helo;
        else if (s->helo == 0 && s->peer == 1 && !c->name.p)
                set_lone_name(x, k->e[0].text, is_word, c);
        else if (s->helo == 0 && (s->peer != 0 || (!x->web && k->row[0] == 'L')))
                r->helo = k->e[0].text;
        if (s->helo > 0 && k->e[s->helo].c.ident.p)
                r->ident = k->e[s->helo].c.ident;
}

static void set_peer(struct header *x, const struct clause *k, const struct shape *s)
{
        struct received *r = x->r;
        const struct element *peer = &k->e[s->peer];
        bool comment = k->row[s->peer] == 'P';

        if (r->form == RECEIVED_FORM_QMAIL_SCANNER) {
                r->kind = RECEIVED_LOCAL;
                return;
        }
        r->kind = RECEIVED_PEER;
        r->peer = comment ? peer->c.addr : peer->addr;
        r->port = comment ? peer->c.port : peer->port;
        x->bracketed = !comment || peer->c.bracketed;
        if (s->flags & SHAPE_SAME && !addr_equal(&k->e[0].addr, &r->peer) && !addr_is_loopback(&k->e[0].addr)) {
                x->trouble = RECEIVED_TROUBLE_TWO;
                return;
        }
        /* qmail has no mark of its own but its date. */
        if (r->form == RECEIVED_FORM_UNKNOWN && !x->bracketed && r->date.flags & DATE_NO_WEEKDAY)
                r->form = RECEIVED_FORM_QMAIL;
        set_names(x, k, s);
        if (is_seen(x, s))
                r->flags |= RECEIVED_SEEN;
        if (received_forms[r->form].flags & FORM_CONFIRMS)
                r->flags |= RECEIVED_NAMES;
        if (comment && peer->c.forged)
                r->flags |= RECEIVED_NAME_FORGED;
        else if (r->rdns.p && received_forms[r->form].flags & FORM_CONFIRMS &&
                 (peer->c.name.p || received_forms[r->form].lone == LONE_RDNS))
                r->flags |= RECEIVED_NAME_CONFIRMED;
        if (slice_begins(r->with, "POP3") || slice_begins(r->with, "IMAP"))
                r->form = RECEIVED_FORM_FETCHMAIL;
        if (r->form == RECEIVED_FORM_FETCHMAIL)
                r->kind = RECEIVED_FETCHED;
}

/* Nobody's address stands there: a step within the machine, or a server that writes none. */
static void set_no_peer(struct header *x, const struct clause *k, const struct shape *s)
{
        struct received *r = x->r;
        const struct form *form = &received_forms[r->form];
        bool smtp = r->with.p && memmem(r->with.p, r->with.len, "smtp", 4);
        const char *at;

        if (s->helo == 0)
                r->helo = k->e[0].text;
        at = slice_last(r->helo, '@');
        if (slice_begins(r->with, "POP3") || slice_begins(r->with, "IMAP") || r->form == RECEIVED_FORM_FETCHMAIL) {
                r->kind = RECEIVED_FETCHED;
                r->form = RECEIVED_FORM_FETCHMAIL;
        } else if (form->flags & FORM_LOCAL || r->flags & RECEIVED_DELIVERY ||
                   (r->form == RECEIVED_FORM_EXIM && !smtp) || (r->form == RECEIVED_FORM_SMTPSVC && k->pickup) ||
                   (r->form == RECEIVED_FORM_SENDMAIL && (x->local || at)) ||
                   (x->local && r->form != RECEIVED_FORM_UNKNOWN && !(form->flags & FORM_UNSURE)) ||
                   slice_begins(r->with, "local") || slice_is(r->with, "spool"))
                r->kind = RECEIVED_LOCAL;
        else
                r->kind = RECEIVED_NAMED;
}

void received_clause_from(struct header *x)
{
        struct clause k = {.n = 0};

        collect(x, &k);
        if (x->trouble)
                return;
        for (size_t i = 0; i < ELEMENTSOF(shapes); i++)
                if (row_is(&k, shapes[i].row)) {
                        if (shapes[i].peer >= 0)
                                set_peer(x, &k, &shapes[i]);
                        else
                                set_no_peer(x, &k, &shapes[i]);
                        return;
                }
        x->trouble = RECEIVED_TROUBLE_TWO;
        for (const char *c = k.row; *c; c++) /* nothing in it was an address */
                if (strchr("PLA", *c))
                        return;
        x->trouble = RECEIVED_TROUBLE_FORM;
}
