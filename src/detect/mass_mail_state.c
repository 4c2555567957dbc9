/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mass_mail: what is counted per source, in two halves of an hour, and how many distinct values hashed bits stand for.
 * Pure; runs in the engine. */
#include <xxhash.h>

#include "detect/mass_mail.h"

#define HOUR_SECONDS 3600u

/* Linear counting (Whang et al. 1990), in integers: k bits of m are set after about the sum of m/(m-i), i < k, values.
 */
static uint32_t distinct(uint32_t bits, uint32_t ones)
{
        uint64_t sum = 0;

        for (uint32_t i = 0; i < MIN(ones, bits - 1); i++)
                sum += ((uint64_t) bits << 16) / (bits - i);
        return (uint32_t) ((sum + (1u << 15)) >> 16);
}

void mass_mail_estimates(struct mass_mail *s)
{
        for (uint32_t ones = 0; ones <= MASS_MAIL_BITS; ones++)
                s->estimates[ones] = distinct(MASS_MAIL_BITS, ones);
        for (uint32_t ones = 0; ones <= 64; ones++)
                s->few[ones] = distinct(64, ones);
}

static void turn_half(struct mass_mail_source *src, uint32_t half, uint32_t second)
{
        if (half - src->half == 1)
                src->at[1] = src->at[0];
        else {
                memset(&src->at[1], 0, sizeof(src->at[1]));
                src->began = second;
        }
        memset(&src->at[0], 0, sizeof(src->at[0]));
        src->half = half;
        src->servers = src->tried = 0;
        for (unsigned i = 0; i < MASS_MAIL_WORDS; i++) {
                src->servers += (uint32_t) __builtin_popcountll(src->at[1].servers[i]);
                src->tried += (uint32_t) __builtin_popcountll(src->at[1].tried[i]);
        }
}

struct mass_mail_source *mass_mail_source_of(struct mass_mail *s, const struct detector_key *key, uint32_t second)
{
        struct mass_mail_source *src = table_insert(s->sources, key, NULL);

        if (src && src->half != second / MASS_MAIL_HALF)
                turn_half(src, second / MASS_MAIL_HALF, second);
        return src;
}

void mass_mail_view_of(const struct mass_mail *s, const struct mass_mail_step *step, struct mass_mail_view *ret)
{
        const struct mass_mail_source *src = step->source;
        const struct mass_mail_half *a = &src->at[0], *b = &src->at[1];
        struct mass_mail_view v = {.accepts = step->accepts, .name_is_none = src->name_is_none};

        v.servers = s->estimates[src->servers];
        v.tried = MAX(s->estimates[src->tried], v.servers);
        v.relays = s->few[__builtin_popcountll(a->relays | b->relays)];
        v.domains = s->few[__builtin_popcountll(a->domains | b->domains)];
        v.mails = MAX(a->mails + b->mails, a->flows + b->flows);
        v.recipients = MAX(a->recipients + b->recipients, v.mails);
        v.rejected = a->rejected + b->rejected;
        for (unsigned i = 0; i < MASS_MAIL_NAMES; i++)
                v.names += src->names[i].second && step->second - src->names[i].second <= HOUR_SECONDS;
        *ret = v;
}

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char) (c + 'a' - 'A') : c;
}

/* RFC 5321 wants a host's full name, or an address in brackets from who has none. */
static bool is_full_name(const char *name)
{
        const char *dot = strchr(name, '.');

        return dot && dot != name && dot[1] && name[0] != '[' && strcmp(name, "localhost.localdomain") != 0;
}

void mass_mail_note_name(struct mass_mail_source *src, struct slice name, uint32_t second)
{
        uint32_t n = 0, hash;
        unsigned at = 0;

        for (; n < MIN(name.len, (uint32_t) sizeof(src->name) - 1) && name.p[n] != ' '; n++)
                src->name[n] = name.p[n] ? lower(name.p[n]) : '?';
        src->name[n] = '\0';
        src->name_is_none = !is_full_name(src->name);
        hash = (uint32_t) XXH3_64bits(src->name, n);
        for (unsigned i = 0; i < MASS_MAIL_NAMES; i++) {
                if (src->names[i].second && src->names[i].hash == hash) {
                        src->names[i].second = second;
                        return;
                }
                if (src->names[i].second < src->names[at].second)
                        at = i;
        }
        src->names[at] = (struct mass_mail_name){.hash = hash, .second = MAX(second, 1u)};
}

void mass_mail_note_domain(struct mass_mail_source *src, struct slice sender)
{
        char domain[64];
        uint32_t from = sender.len, n = 0;

        while (from > 0 && sender.p[from - 1] != '@')
                from--;
        if (from == 0) /* no address: a bounce */
                return;
        for (; n < sizeof(domain) && from + n < sender.len; n++)
                domain[n] = lower(sender.p[from + n]);
        src->at[0].domains |= 1ull << (XXH3_64bits(domain, n) & 63);
}

void mass_mail_note_server(struct mass_mail_source *src, const struct addr *server, uint16_t port, bool brought)
{
        uint64_t hash = XXH3_64bits(server, sizeof(*server));
        uint64_t bit = 1ull << (hash & 63);
        unsigned word = (hash >> 6) % MASS_MAIL_WORDS;

        if (port != 25) {
                if (brought)
                        src->at[0].relays |= bit;
                return;
        }
        src->tried += !((src->at[0].tried[word] | src->at[1].tried[word]) & bit);
        src->at[0].tried[word] |= bit;
        if (!brought)
                return;
        src->servers += !((src->at[0].servers[word] | src->at[1].servers[word]) & bit);
        src->at[0].servers[word] |= bit;
}
