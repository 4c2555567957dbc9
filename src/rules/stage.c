/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of stages. The first row that fits counts, so what is particular stands first. Runs where rules are read.
 *
 * Weights are set by argument, as those of the detectors: how much likelier such a match is of a bot than of an honest
 * host, given that rules of that kind are known to match the latter too. They are lowered by what the rule says of
 * itself, and later by the rate at which it is seen to match (detect/signature.c). */
#include "rules/stage.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"

/* What the first word of a message stands for is its author; the second is the category. */
static const char *const authors[] = {"ET ", "ETPRO ", "ETGPL ", "GPL ", "BLEEDING-EDGE ", "SURICATA ", "ETNETERA "};

struct stage_row {
        const char *category; /* second word of the message, else the metadata's former_category; NULL: any */
        const char *class_name;
        const char *words; /* one of these, separated by |, stands in the message; NULL: any */
        const char *tags;  /* one of these is the metadata's tag; NULL: any */
        uint8_t stage;     /* + 1; 0: none */
        bool victim_sends;
        uint16_t weight;
        const char *reason;
};

#define CONTROL (STAGE_CONTROL + 1)
#define INFECT  (STAGE_INFECT + 1)
#define EGG     (STAGE_EGG + 1)
#define SPREAD  (STAGE_SPREAD + 1)
#define ATTACK  (STAGE_ATTACK + 1)
#define STEAL   (STAGE_STEAL + 1)

#define CNC_WORDS  "CnC|C2|C&C|Command and Control|Botnet|Zombie"
#define CALL_WORDS "Checkin|Check-in|Beacon|Keepalive|Keep-Alive|Phone Home|Phoning Home|Phone-Home|Reporting|Report"

static const char informs[] = "it informs; honest programs and people do this";
static const char policy[] = "what an organisation allows or forbids is no matter of bots";
static const char addresses[] =
        "only an address from a list: such addresses change hands, and who is spoken to by them did nothing";
static const char deceived[] = "a person was deceived; no program of this host did anything";
static const char attacks[] =
        "an attack: whoever sends it is after others, and whoever gets it may have lost; many such "
        "rules match what is harmless in a URL or a document";

static const struct stage_row rows[] = {
        /* Informs, permits, forbids: nothing. */
        {"INFO", .reason = informs},
        {"POLICY", .reason = policy},
        {"CHAT", .reason = policy},
        {"GAMES", .reason = policy},
        {"P2P", .reason = policy},
        {"TOR", .reason = policy},
        {"INAPPROPRIATE", .reason = policy},
        {"VOIP", .reason = informs},
        {"ICMP_INFO", .reason = informs},
        {"ICMP", .reason = informs},
        {"HUNTING", .reason = informs},
        {"JA3", .reason = "the way a hello is written is shared by honest programs"},
        {"DYN_DNS", .reason = informs},
        {"FILE_SHARING", .reason = policy},
        {"REMOTE_ACCESS", .reason = policy},
        {"PHISHING", .reason = deceived},
        {NULL, .class_name = "credential-theft", .reason = deceived},
        {NULL, .class_name = "social-engineering", .reason = deceived},
        {NULL, .tags = "Phishing", .reason = deceived},
        {"CINS", .reason = addresses},
        {"COMPROMISED", .reason = addresses},
        {"DROP", .reason = addresses},

        /* Control. */
        {"CNC", .stage = CONTROL, .weight = 600,
         .reason = "talks to an address that was a controller when the list was made; addresses change hands"},
        {NULL, .class_name = "command-and-control", .stage = CONTROL, .weight = 900,
         .reason = "its author saw a bot talk to its controller in these words"},
        {NULL, .class_name = "domain-c2", .stage = CONTROL, .weight = 800,
         .reason = "asks for a name that only bots are known to ask for; mail filters and curious people ask, too"},
        {"TROJAN", .words = CNC_WORDS, .stage = CONTROL, .weight = 900, .reason = "a trojan and its controller"},
        {"TROJAN", .tags = "CnC|C2|SSL_Malicious_Cert|c2", .stage = CONTROL, .weight = 900,
         .reason = "a trojan and its controller, or the certificate of one"},
        {"MALWARE", .words = CNC_WORDS, .stage = CONTROL, .weight = 900, .reason = "a trojan and its controller"},
        {"MALWARE", .tags = "CnC|C2|SSL_Malicious_Cert|c2", .stage = CONTROL, .weight = 900,
         .reason = "a trojan and its controller, or the certificate of one"},
        {"MOBILE_MALWARE", .words = CNC_WORDS "|" CALL_WORDS, .stage = CONTROL, .weight = 800,
         .reason = "a trojan of a telephone and its controller"},
        {"CURRENT_EVENTS", .words = CNC_WORDS "|" CALL_WORDS, .stage = CONTROL, .weight = 800,
         .reason = "a trojan and its controller"},
        {"WORM", .words = CNC_WORDS, .stage = CONTROL, .weight = 800, .reason = "a worm and its controller"},
        {"TROJAN", .words = "non-standard port", .stage = CONTROL, .weight = 150,
         .reason = "IRC elsewhere than on its ports, as bots and some people's servers have it"},
        {"TROJAN", .words = CALL_WORDS, .stage = CONTROL, .weight = 800, .reason = "a trojan reports"},

        /* What else trojans do. */
        {"TROJAN", .words = "Spambot|Spamming|Spam Bot|Sending Spam|DDoS|DoS Attack", .stage = ATTACK, .weight = 700,
         .reason = "a trojan attacks others or sends spam"},
        {"TROJAN", .words = "Exfil|Exfiltration|Keylogger|Keylog|Stealer|Infostealer|Data Stealing|Password Stealer",
         .stage = STEAL, .weight = 700, .reason = "a trojan hands over what it took"},
        {"TROJAN", .words = "Payload|EXE|Executable|Download|Downloading|DLL", .stage = EGG, .weight = 600,
         .reason = "a trojan fetches a program"},
        {"TROJAN", .words = "Scan|Scanning|Propagation|Spreading|Worm", .stage = SPREAD, .weight = 600,
         .reason = "a trojan looks for others"},
        {"TROJAN", .class_name = "trojan-activity", .stage = CONTROL, .weight = 700,
         .reason = "what a trojan says, and to whom is not known"},
        {"TROJAN", .stage = CONTROL, .weight = 400, .reason = "likewise, though its author is not sure"},
        {"MALWARE", .class_name = "trojan-activity", .stage = CONTROL, .weight = 400,
         .reason = "for years this category meant advertising programs, and since 2020 trojans"},
        {"MALWARE", .stage = CONTROL, .weight = 200, .reason = "advertising programs, mostly"},
        {"ADWARE_PUP", .stage = CONTROL, .weight = 200, .reason = "advertising programs"},
        {NULL, .class_name = "pup-activity", .stage = CONTROL, .weight = 200, .reason = "advertising programs"},
        {"COINMINER", .stage = CONTROL, .weight = 400, .reason = "it works for somebody; some owners want that"},
        {NULL, .class_name = "coin-mining", .stage = CONTROL, .weight = 400,
         .reason = "it works for somebody; some owners want that"},
        {"MOBILE_MALWARE", .stage = CONTROL, .weight = 600, .reason = "what a trojan of a telephone says"},
        {"USER_AGENTS", .class_name = "trojan-activity", .stage = CONTROL, .weight = 300,
         .reason = "a name that trojans gave themselves, and small honest programs too"},
        {"USER_AGENTS", .reason = informs},
        {"CURRENT_EVENTS", .words = "Payload|EXE|Executable|DLL", .class_name = "trojan-activity", .stage = EGG,
         .weight = 400, .reason = "a program from where infections come; it may have been refused"},
        {"WORM", .stage = SPREAD, .weight = 600, .reason = "a worm looks for others"},

        /* Attacks: the sender spreads or attacks, the receiver may have been infected. */
        {"ATTACK_RESPONSE", .stage = INFECT, .victim_sends = true, .weight = 200,
         .reason = "an answer as one gives that was taken; pages about attacks look alike"},
        {NULL, .class_name = "successful-admin", .stage = INFECT, .victim_sends = true, .weight = 300,
         .reason = "the answer of one that was taken"},
        {NULL, .class_name = "successful-user", .stage = INFECT, .victim_sends = true, .weight = 300,
         .reason = "the answer of one that was taken"},
        {"EXPLOIT_KIT", .stage = INFECT, .weight = 200, .reason = "a page that attacks browsers; most attacks fail"},
        {NULL, .class_name = "exploit-kit", .stage = INFECT, .weight = 200,
         .reason = "a page that attacks browsers; most attacks fail"},
        {"CURRENT_EVENTS", .class_name = "trojan-activity", .stage = INFECT, .weight = 200,
         .reason = "a page that attacks browsers; most attacks fail"},
        {"CURRENT_EVENTS", .reason = informs},
        {"WEB_CLIENT", .stage = INFECT, .weight = 100, .reason = "a page that may attack browsers"},
        {"ACTIVEX", .stage = INFECT, .weight = 100, .reason = "a page that may attack browsers"},
        {"SCAN", .class_name = "not-suspicious", .reason = informs},
        {"SCAN", .stage = SPREAD, .weight = 400,
         .reason = "looks for others; administrators do so as well, and searching machines are scanned by all"},
        {"DOS", .stage = ATTACK, .weight = 400,
         .reason = "floods or crashes others; its rules count packets that busy servers get, too"},
        {"SHELLCODE", .stage = SPREAD, .weight = 200, .reason = "bytes that any large file may hold"},
        {"WEB_SPECIFIC_APPS", .stage = SPREAD, .weight = 300, .reason = attacks},
        {"WEB_SERVER", .stage = SPREAD, .weight = 300, .reason = attacks},
        {NULL, .class_name = "shellcode-detect", .stage = SPREAD, .weight = 200,
         .reason = "bytes that any large file may hold"},
        {NULL, .class_name = "attempted-admin", .stage = SPREAD, .weight = 500, .reason = attacks},
        {NULL, .class_name = "attempted-user", .stage = SPREAD, .weight = 300, .reason = attacks},
        {NULL, .class_name = "web-application-attack", .stage = SPREAD, .weight = 300, .reason = attacks},
        {NULL, .class_name = "network-scan", .stage = SPREAD, .weight = 400, .reason = "looks for others"},
        {NULL, .class_name = "attempted-recon", .stage = SPREAD, .weight = 200, .reason = "looks for others"},
        {NULL, .class_name = "misc-attack", .stage = SPREAD, .weight = 200, .reason = attacks},
        {NULL, .class_name = "default-login-attempt", .stage = SPREAD, .weight = 200, .reason = attacks},
        {NULL, .class_name = "attempted-dos", .stage = ATTACK, .weight = 400, .reason = "floods or crashes others"},
        {NULL, .class_name = "successful-dos", .stage = ATTACK, .weight = 400, .reason = "floods or crashes others"},
        {NULL, .class_name = "denial-of-service", .stage = ATTACK, .weight = 400, .reason = "floods or crashes others"},

        /* Classes of trojans, whoever wrote the rule. */
        {NULL, .class_name = "trojan-activity", .words = CNC_WORDS, .stage = CONTROL, .weight = 900,
         .reason = "a trojan and its controller"},
        {NULL, .class_name = "targeted-activity", .stage = CONTROL, .weight = 700, .reason = "a trojan of few victims"},
        {NULL, .class_name = "trojan-activity", .stage = CONTROL, .weight = 600,
         .reason = "what a trojan says, and to whom is not known"},
        {NULL, .tags = "CnC|C2|c2", .stage = CONTROL, .weight = 700, .reason = "its author says: a controller"},

        {.reason = "nothing says that a bot does it: bad-unknown, misc-activity, protocol-command-decode and the like, "
                   "or no class at all"},
};

/* One of the words between | stands in the text, not within another word; in any case of letters. */
static bool has_word(const char *text, const char *words)
{
        for (const char *word = words, *end; *word; word = end + (*end == '|')) {
                size_t n;

                end = strchrnul(word, '|');
                n = (size_t) (end - word);
                for (const char *at = text; *at; at++)
                        if ((at == text || !isalnum((unsigned char) at[-1])) && strncasecmp(at, word, n) == 0 &&
                            !isalnum((unsigned char) at[n]))
                                return true;
        }
        return false;
}

static const char *metadata_of(const struct rule *r, const char *key)
{
        for (uint16_t i = 0; i < r->n_metadata; i++)
                if (strcasecmp(r->metadata[i].key, key) == 0)
                        return r->metadata[i].value;
        return NULL;
}

static bool has_tag(const struct rule *r, const char *tags)
{
        for (uint16_t i = 0; i < r->n_metadata; i++)
                if (strcasecmp(r->metadata[i].key, "tag") == 0 && has_word(r->metadata[i].value, tags) &&
                    !strchr(r->metadata[i].value, ' '))
                        return true;
        return false;
}

/* What the message names as its category, else the metadata; "" for none. */
static struct slice category_of(const struct rule *r)
{
        const char *former = metadata_of(r, "former_category");

        for (size_t i = 0; r->msg && i < ELEMENTSOF(authors); i++) {
                const char *p = r->msg + strlen(authors[i]);

                if (strncasecmp(r->msg, authors[i], strlen(authors[i])) != 0)
                        continue;
                p += strspn(p, " ");
                return (struct slice){p, (uint32_t) strcspn(p, " ")};
        }
        return (struct slice){former ? former : "", former ? (uint32_t) strlen(former) : 0};
}

static bool is_category(const struct slice *c, const char *name)
{
        return strlen(name) == c->len && strncasecmp(c->p, name, c->len) == 0;
}

static bool fits(const struct stage_row *row, const struct rule *r, const struct slice *category)
{
        if (row->category && !is_category(category, row->category))
                return false;
        if (row->class_name && (!r->class_name || strcasecmp(r->class_name, row->class_name) != 0))
                return false;
        if (row->words && !(r->msg && has_word(r->msg, row->words)))
                return false;
        return !row->tags || has_tag(r, row->tags);
}

/* What the rule says of itself. */
static uint16_t lowered(const struct rule *r, uint16_t weight)
{
        const char *severity = metadata_of(r, "signature_severity"), *confidence = metadata_of(r, "confidence");

        if (severity && strcasecmp(severity, "Informational") == 0)
                return 0;
        if (severity && (strcasecmp(severity, "Audit") == 0 || strcasecmp(severity, "Minor") == 0))
                weight /= 2;
        if (confidence && strcasecmp(confidence, "Low") == 0)
                weight /= 2;
        return weight;
}

void rule_stage(struct rule *r)
{
        struct slice category = category_of(r);
        const struct stage_row *row = rows;

        while (!fits(row, r, &category))
                row++;
        r->weight = row->stage ? lowered(r, row->weight) : 0;
        r->stage = r->weight ? row->stage : 0;
        if (row->victim_sends && !(r->flags & (RULE_TARGET_SRC | RULE_TARGET_DST)))
                r->flags |= RULE_VICTIM_SENDER;
}

static void put_condition(struct buf *out, const char *name, const char *value)
{
        if (!value)
                return;
        (void) buf_printf(out, "%s%s ", out->len ? ", " : "", name);
        for (; *value; value++)
                (void) buf_puts(out, *value == '|' ? ", " : (char[]){*value, '\0'});
}

bool rule_stage_row(size_t index, struct rule_stage_text *ret)
{
        struct buf when = BUF_FIXED(ret->when);
        const struct stage_row *row = &rows[index];

        if (index >= ELEMENTSOF(rows))
                return false;
        put_condition(&when, "category", row->category);
        put_condition(&when, "class", row->class_name);
        put_condition(&when, "words", row->words);
        put_condition(&when, "tag", row->tags);
        if (!when.len)
                (void) buf_puts(&when, "all others");
        ret->reason = row->reason;
        ret->stage = row->stage;
        ret->weight = row->weight;
        return true;
}
