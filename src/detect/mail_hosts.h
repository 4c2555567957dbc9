/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which home hosts are mail servers: declared (network.mail_servers), or seen to take mail from others. Shared by the
 * detectors of mail, each with a state of its own; pure.
 *
 * Memory: 32 bytes per host that was seen taking mail (MAIL_HOSTS of them, the one quiet longest goes), the table's own
 * 32 not counted. */
#ifndef SEKIMORI_DETECT_MAIL_HOSTS_H
#define SEKIMORI_DETECT_MAIL_HOSTS_H

#include "base/table.h"
#include "config/home.h"
#include "detect/detector.h"

#define MAIL_HOSTS (1u << 13)

struct mail_hosts;

int mail_hosts_new(const struct config *config, struct mail_hosts **ret);
void mail_hosts_free(struct mail_hosts *m);
DEFINE_FREEP(struct mail_hosts, mail_hosts_free)

bool mail_hosts_declared(const struct mail_hosts *m, const struct addr *a);
bool mail_hosts_home(const struct mail_hosts *m, const struct addr *a);
/* The key of the machine that a flow belongs to: this machine (zero) where its process is known, else the home host. */
struct detector_key mail_hosts_key(const struct flow_event *f);
/* A flow that the host accepted on a port of mail; a step of a dialog in which it is the server. */
void mail_hosts_flow(struct mail_hosts *m, const struct event *e);
void mail_hosts_smtp(struct mail_hosts *m, const struct event *e);
/* Has it taken mail from others within the last day? */
bool mail_hosts_accepts(const struct mail_hosts *m, const struct detector_key *key, uint32_t second);

/* 25 is between servers (RFC 5321); 465 and 587 are where people's programs hand in (RFC 8314, RFC 6409). */
static inline bool mail_hosts_port(uint16_t port)
{
        return port == 25 || port == 465 || port == 587;
}

/* Bytes that went one way. A log that knows only the sum of both puts it on one of them. */
static inline uint64_t mail_hosts_bytes(uint64_t wanted, uint64_t other)
{
        return wanted ? wanted : other;
}

/* Less is no mail, but a look at the greeting: a dialog with one short mail carries about 1,000 bytes to the server,
 * one that ends before the mail at most 700, a TLS handshake among them. */
#define MAIL_HOSTS_BYTES 1000u

#endif
