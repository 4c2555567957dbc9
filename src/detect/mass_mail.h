/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state of the mass_mail detector: who brings mail to whom, counted over the last 30 to 60 minutes. Private to
 * mass_mail*.c.
 *
 * Memory, the table's own 32 bytes per entry not counted: 776 bytes per host or process that sends mail
 * (MASS_MAIL_SOURCES of them, the one quiet longest goes), 4 kB for the estimates, and mail_hosts.h. Of addresses,
 * domains and servers only hashed bits are kept; of the names that the host gave itself the newest. */
#ifndef SEKIMORI_DETECT_MASS_MAIL_H
#define SEKIMORI_DETECT_MASS_MAIL_H

#include "base/table.h"
#include "detect/detector.h"
#include "detect/grading.h"
#include "detect/mail_hosts.h"

#define MASS_MAIL_SOURCES (1u << 13)
#define MASS_MAIL_HALF    1800u /* seconds */
#define MASS_MAIL_BITS    1024u /* for distinct servers: an estimate within 5 % up to 2,000 of them */
#define MASS_MAIL_WORDS   (MASS_MAIL_BITS / 64)
#define MASS_MAIL_NAMES   8u

enum mass_mail_kind {
        MASS_MAIL_SERVERS,
        MASS_MAIL_VOLUME,
        MASS_MAIL_NAME,
        MASS_MAIL_SENDERS,
        MASS_MAIL_REJECTED,
        MASS_MAIL_SPAM,
        MASS_MAIL_KINDS
};
extern const struct evidence_kind mass_mail_kinds[MASS_MAIL_KINDS];

/* Half an hour. */
struct mass_mail_half {
        uint64_t servers[MASS_MAIL_WORDS]; /* distinct ones that mail was brought to, port 25, outside */
        uint64_t tried[MASS_MAIL_WORDS];   /* distinct ones that it asked for a connection */
        uint64_t relays;                   /* distinct ones on the ports where programs hand in */
        uint64_t domains;                  /* distinct ones of senders */
        uint32_t mails, recipients, rejected;
        uint32_t flows; /* connections that carried as much as a mail */
};

struct mass_mail_name {
        uint32_t hash, second;
};

struct mass_mail_source {
        struct detector_key key;
        uint32_t half;               /* number of the newest half hour */
        uint32_t began;              /* second */
        struct mass_mail_half at[2]; /* this one and the one before */
        uint32_t servers, tried;     /* bits set in both together */
        struct mass_mail_name names[MASS_MAIL_NAMES];
        char name[48]; /* the newest that it gave itself */
        bool name_is_none;
        struct grading told[MASS_MAIL_KINDS];
};

struct mass_mail {
        const struct lineage *lineage;
        uint8_t boot_id[16];
        struct mail_hosts *hosts;
        struct table *sources;
        uint32_t estimates[MASS_MAIL_BITS + 1]; /* distinct values by bits set */
        uint32_t few[65];                       /* the same for 64 bits */
};

/* What the last hour shows. */
struct mass_mail_view {
        uint32_t servers, tried, relays, domains, names;
        uint32_t mails, recipients, rejected;
        bool accepts;      /* takes mail from others */
        bool name_is_none; /* the name it gives is no host's full name */
};

/* Who, as of which second, and the event behind it. */
struct mass_mail_step {
        const struct event *event;
        struct mass_mail_source *source;
        struct subject subject;
        struct addr server;
        uint16_t port;
        uint64_t ref;
        uint32_t second;
        bool accepts;
};

/* The source of that key with its half hours up to date; NULL without memory. */
struct mass_mail_source *mass_mail_source_of(struct mass_mail *s, const struct detector_key *key, uint32_t second);
void mass_mail_view_of(const struct mass_mail *s, const struct mass_mail_step *step, struct mass_mail_view *ret);
/* A name that the source gave itself. */
void mass_mail_note_name(struct mass_mail_source *src, struct slice name, uint32_t second);
void mass_mail_note_domain(struct mass_mail_source *src, struct slice sender);
void mass_mail_note_server(struct mass_mail_source *src, const struct addr *server, uint16_t port, bool brought);
void mass_mail_estimates(struct mass_mail *s);

/* Says what there is to say after this step. */
void mass_mail_claim(const struct mass_mail *s, const struct mass_mail_step *step, struct evidence_sink *out);
void mass_mail_explain(const struct evidence *e, struct buf *out);

#endif
