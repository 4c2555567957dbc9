/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The key of a mail, what changed at a relay between two inquiries, and when to ask again. Pure. Runs in whichever
 * process judges relays, and in the store's readers. */
#include "mail/record.h"

#include <errno.h>
#include <openssl/evp.h>

#include "mail/head.h"
#include "mail/kinds.h"
#include "mail/smtp_probe.h"

#define SURE_OF_SYSTEM 80 /* percent */

/* Fields of whoever keeps or shows the mail: mbox files (c-client, Dovecot, mutt), Mozilla, Evolution, KMail, POP. */
static bool is_of_mailbox(struct slice name)
{
        static const char *const whole[] = {"Status", "X-Status", "X-Keywords", "Content-Length", "Lines", "X-UID",
                                            "X-UIDL", "X-IMAP",   "X-IMAPbase", "X-Label",        "X-TUID"};
        static const char *const begin[] = {"X-Mozilla-", "X-Evolution", "X-KMail-", "X-Dovecot-"};

        for (size_t i = 0; i < ELEMENTSOF(whole); i++)
                if (slice_is_n(name, whole[i], strlen(whole[i])))
                        return true;
        for (size_t i = 0; i < ELEMENTSOF(begin); i++)
                if (slice_begins_n(name, begin[i], strlen(begin[i])))
                        return true;
        return false;
}

/* All but carriage returns, which come and go with the kind of mailbox. */
static int add_text(EVP_MD_CTX *c, struct slice s)
{
        const char *p = s.p, *end = slice_end(s);

        while (p < end) {
                const char *cr = memchr(p, '\r', (size_t) (end - p));
                const char *stop = cr ? cr : end;

                if (stop > p && EVP_DigestUpdate(c, p, (size_t) (stop - p)) != 1)
                        return -ENOMEM;
                p = cr ? cr + 1 : end;
        }
        return 0;
}

static int add_field(EVP_MD_CTX *c, const struct head_field *f)
{
        static const struct slice colon = {":", 1}, end = {"\n", 1};
        int r = add_text(c, f->name);

        if (r == 0)
                r = add_text(c, colon);
        if (r == 0)
                r = add_text(c, f->body);
        return r == 0 ? add_text(c, end) : r;
}

/* Fields from the first Received: on; without one, all. */
static int add_head(EVP_MD_CTX *c, const char *head, size_t len)
{
        struct head h = head_of(head, len);
        struct head_field f;
        bool from = false;
        int r = 0;

        while (!from && head_next(&h, &f))
                from = slice_is(f.name, "Received");
        if (from)
                r = add_field(c, &f);
        else
                h = head_of(head, len);
        while (r == 0 && head_next(&h, &f))
                if (!is_of_mailbox(f.name))
                        r = add_field(c, &f);
        return r;
}

static void free_context(EVP_MD_CTX **c)
{
        EVP_MD_CTX_free(*c);
}

static bool is_zero(const uint8_t key[static 16])
{
        static const uint8_t zero[16];

        return memcmp(key, zero, sizeof(zero)) == 0;
}

int record_key(const char *head, size_t len, uint8_t ret[static 16])
{
        _cleanup_(free_context)
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        uint8_t hash[EVP_MAX_MD_SIZE];

        if (!c || EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1 || add_head(c, head, len) < 0 ||
            EVP_DigestFinal_ex(c, hash, NULL) != 1)
                return -ENOMEM;
        hash[15] |= is_zero(hash);
        memcpy(ret, hash, 16);
        return 0;
}

bool record_has_mail(const struct record *r)
{
        return !is_zero(r->mail);
}

static struct slice slice_of(const char *text, size_t size)
{
        return (struct slice){text, (uint32_t) strnlen(text, size)};
}

static bool other_domain(struct slice a, struct slice b)
{
        return a.len && b.len && !slice_equal(kinds_domain(a), kinds_domain(b));
}

/* RFC 5321 4.2: the server's name is the greeting's first word. */
static struct slice server_of(const struct record *r)
{
        struct slice s = slice_trim(slice_of(r->banner, sizeof(r->banner)));
        uint32_t n = 0;

        while (n < s.len && !slice_is_space(s.p[n]))
                n++;
        s.len = n;
        return n && memchr(s.p, '.', n) ? s : (struct slice){0};
}

static bool is_sure(const struct record *r)
{
        return r->os_family != OS_FAMILY_UNKNOWN && r->os_confidence >= SURE_OF_SYSTEM;
}

uint32_t record_changes(const struct record *first, const struct record *now)
{
        uint8_t server = SMTP_PROBE_SERVER + 1, refused = SMTP_PROBE_REFUSED + 1;
        uint32_t changes = 0;

        if (other_domain(slice_of(first->rdns, sizeof(first->rdns)), slice_of(now->rdns, sizeof(now->rdns))))
                changes |= RECORD_CHANGE_NAME;
        if (is_sure(first) && is_sure(now) && first->os_family != now->os_family)
                changes |= RECORD_CHANGE_SYSTEM;
        if (other_domain(server_of(first), server_of(now)))
                changes |= RECORD_CHANGE_BANNER;
        if ((first->smtp == server && now->smtp == refused) || (first->smtp == refused && now->smtp == server))
                changes |= RECORD_CHANGE_SERVICE;
        return changes;
}

bool record_moved(uint32_t changes)
{
        return changes & (RECORD_CHANGE_NAME | RECORD_CHANGE_SYSTEM) || __builtin_popcount(changes) >= 2;
}

const char *record_change_title(unsigned bit)
{
        static const char *const titles[RECORD_CHANGES] = {
                "its reverse name is of another domain",
                "its system is another",
                "its mail server names another domain",
                "a mail server came or went",
        };

        return bit < RECORD_CHANGES ? titles[bit] : "?";
}

bool record_is_due(nsec_t first, nsec_t last, nsec_t now)
{
        static const nsec_t steps[RECORD_STEPS] = {RECORD_FIRST_STEP, 24 * 3600 * NSEC_PER_SEC,
                                                   7 * 24 * 3600 * NSEC_PER_SEC};
        nsec_t age, done;

        if (now <= first || __builtin_sub_overflow(now, first, &age))
                return false;
        if (last < first || __builtin_sub_overflow(last, first, &done))
                done = 0;
        for (unsigned i = RECORD_STEPS; i-- > 0;)
                if (age >= steps[i])
                        return done < steps[i];
        return false;
}
