/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: lines that are no orders: a bot's answers, machine-made sentences, a person's words; and the URLs in any
 * line. Pure; runs in the engine. */
#include <ctype.h>
#include <string.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "decode/magic.h"
#include "detect/irc_control_order.h"
#include "detect/irc_control_token.h"

#define TAG_MAX     18u /* with brackets */
#define PROSE_LEAST 3u  /* words of a sentence */

uint32_t irc_order_clean(struct slice text, char out[static IRC_TEXT_MAX])
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < text.len && n < IRC_TEXT_MAX; i++) {
                char c = text.p[i];

                /* mIRC: \x03 colour "4,12"; \x02 bold, \x0f plain, \x11 fixed, \x16 reverse, \x1d, \x1e, \x1f */
                if (c == '\x03') {
                        for (int k = 0; k < 2 && i + 1 < text.len && isdigit((unsigned char) text.p[i + 1]); k++)
                                i++;
                        if (i + 2 < text.len && text.p[i + 1] == ',' && isdigit((unsigned char) text.p[i + 2])) {
                                i += 2;
                                if (i + 1 < text.len && isdigit((unsigned char) text.p[i + 1]))
                                        i++;
                        }
                } else if (c == '\0' || !strchr("\x02\x0f\x11\x16\x1d\x1e\x1f", c))
                        out[n++] = c;
        }
        return n;
}

uint64_t irc_order_hash(struct slice s)
{
        char lower[IRC_TEXT_MAX];
        uint32_t n = MIN(s.len, IRC_TEXT_MAX);
        uint64_t hash;

        if (n == 0)
                return 0;
        for (uint32_t i = 0; i < n; i++)
                lower[i] = (char) tolower((unsigned char) s.p[i]);
        hash = XXH64(lower, n, 0);
        return hash ? hash : 1;
}

struct slice irc_order_base(struct slice path)
{
        uint32_t i = path.len;

        while (i > 0 && path.p[i - 1] != '/' && path.p[i - 1] != '\\')
                i--;
        return i ? (struct slice){path.p + i, path.len - i} : path;
}

static const struct {
        const char *scheme;
        bool tls, ftp;
} schemes[] = {{"http://", false, false},
               {"https://", true, false},
               {"hxxp://", false, false},
               {"ftp://", false, true},
               {"tftp://", false, true}};

struct slice irc_order_host(struct slice s)
{
        bool literal = s.len > 0 && s.p[0] == '[';
        const char *end = s.len > 0 ? memchr(s.p, literal ? ']' : ':', s.len) : NULL;

        if (!end)
                return s;
        if (literal)
                return (struct slice){s.p + 1, (uint32_t) (end - s.p - 1)};
        /* A second colon: an IPv6 address as it is. */
        return memchr(end + 1, ':', (size_t) (s.p + s.len - end - 1)) ? s : (struct slice){s.p, (uint32_t) (end - s.p)};
}

/* Behind the scheme: user:password@ is left out, then host, port, path. */
static void split_url(struct slice rest, struct irc_url *u)
{
        uint32_t end = 0, at = 0, port;
        struct irc_token t, number;

        while (end < rest.len && rest.p[end] != '/')
                end++;
        for (uint32_t i = 0; i < end; i++)
                if (rest.p[i] == '@')
                        at = i + 1;
        u->host = irc_order_host((struct slice){rest.p + at, end - at});
        u->path = (struct slice){rest.p + end, rest.len - end};
        irc_token_kind(u->host, &t);
        for (port = (uint32_t) (u->host.p - rest.p) + u->host.len; port < end && rest.p[port] != ':'; port++)
                ;
        if (port < end) {
                irc_token_kind((struct slice){rest.p + port + 1, end - port - 1}, &number);
                if (number.kind == IRC_TOKEN_NUMBER && number.number <= UINT16_MAX)
                        u->port = (uint16_t) number.number;
        }
        u->address = t.kind == IRC_TOKEN_ADDRESS;
        u->program = magic_is_program(magic_promised_by_name(u->path));
}

bool irc_order_url(struct slice text, uint32_t *pos, struct irc_url *ret)
{
        for (uint32_t i = *pos; i < text.len; i++)
                for (size_t k = 0; k < ELEMENTSOF(schemes); k++) {
                        uint32_t len = (uint32_t) strlen(schemes[k].scheme), end;
                        struct irc_url u = {.tls = schemes[k].tls, .ftp = schemes[k].ftp};

                        if (text.len - i <= len || strncasecmp(text.p + i, schemes[k].scheme, len) != 0)
                                continue;
                        for (end = i + len; end < text.len; end++)
                                if (!isgraph((unsigned char) text.p[end]) || strchr("<>\"|", text.p[end]))
                                        break;
                        while (end > i + len && strchr(".,;:!?)]'", text.p[end - 1]))
                                end--;
                        *pos = end;
                        u.whole = (struct slice){text.p + i, end - i};
                        split_url((struct slice){text.p + i + len, end - i - len}, &u);
                        if (u.host.len == 0)
                                break;
                        *ret = u;
                        return true;
                }
        *pos = text.len;
        return false;
}

static char closing(char c)
{
        return c == '[' ? ']' : c == '(' ? ')' : c == '{' ? '}' : c == '<' ? '>' : '\0';
}

bool irc_order_is_answer(struct slice text, struct slice *ret_tag)
{
        uint32_t i = 0, from, upper = 0;
        char end;

        while (i < text.len && i < 4 && strchr(" -*=\t", text.p[i]) && text.p[i])
                i++;
        from = i;
        if (i == text.len || !(end = closing(text.p[i])))
                return false;
        for (i++; i < text.len && text.p[i] != end && i - from < TAG_MAX; i++) {
                unsigned char c = (unsigned char) text.p[i];

                if (!isalnum(c) && c != '_' && c != '-' && c != '.' && c != ' ')
                        return false;
                upper += isupper(c) != 0;
        }
        if (i == text.len || text.p[i] != end || upper < 2 || upper * 2 < i - from - 1)
                return false;
        *ret_tag = (struct slice){text.p + from, ++i - from};
        /* "[SCAN]: x", "[SCAN] : x", "[SCAN]- x": what stands behind is a status, in letters or numbers */
        while (i < text.len && text.p[i] == ' ')
                i++;
        if (i == text.len || text.p[i] != ':')
                return false;
        for (i++; i < text.len; i++)
                if (isalnum((unsigned char) text.p[i]))
                        return true;
        return false;
}

/* Hosts' names have digits, dots or capitals. */
static bool is_hole(struct slice w, const struct irc_token *t, struct slice speaker)
{
        uint32_t upper = 0;

        if (speaker.len >= 2 && w.len >= speaker.len && strncasecmp(w.p, speaker.p, speaker.len) == 0)
                return true;
        for (uint32_t i = 0; i < w.len; i++)
                if (isdigit((unsigned char) w.p[i]) || (isupper((unsigned char) w.p[i]) && ++upper == 3))
                        return true;
        return t->kind == IRC_TOKEN_NAME || t->kind == IRC_TOKEN_ADDRESS || t->kind == IRC_TOKEN_URL ||
               t->kind == IRC_TOKEN_FILE;
}

void irc_order_skeleton(struct slice text, struct slice speaker, struct irc_skeleton *ret)
{
        struct irc_skeleton s = {.hash = 1};
        struct slice w;
        uint32_t pos = 0;

        while (irc_token_next(text, &pos, &w)) {
                struct irc_token t;
                bool hole;

                irc_token_kind(w, &t);
                hole = is_hole(w, &t, speaker);
                s.has_address |= t.kind == IRC_TOKEN_ADDRESS;
                s.holes += hole;
                s.words += !hole && (t.kind == IRC_TOKEN_WORD || t.kind == IRC_TOKEN_FLAG);
                s.hash = XXH64(hole ? "#" : w.p, hole ? 1 : w.len, s.hash);
        }
        *ret = s;
}

bool irc_order_is_prose(struct slice text)
{
        static const char action[] = "\x01"
                                     "ACTION ";
        struct slice w, tag;
        uint32_t pos = 0, words = 0, rest = 0, foreign = 0;

        if (text.len >= sizeof(action) && memcmp(text.p, action, sizeof(action) - 1) == 0)
                pos = sizeof(action) - 1;
        else if (text.len == 0 || text.p[0] == '\x01' || irc_order_is_answer(text, &tag))
                return false;
        while (irc_token_next(text, &pos, &w)) {
                struct irc_token t;

                for (uint32_t i = 0; i < w.len; i++)
                        foreign += (unsigned char) w.p[i] >= 0x80;
                irc_token_kind(w, &t);
                if (t.kind == IRC_TOKEN_WORD)
                        words++;
                else
                        rest++;
        }
        /* Other scripts have no spaces to count words by: six bytes are two to three characters. */
        return foreign >= 6 || (words >= PROSE_LEAST && words > 2 * rest);
}
