/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What both forms of an abuse report share. Runs in `sekimori mail`. */
#ifndef SEKIMORI_MAIL_ABUSE_REPORT_INTERNAL_H
#define SEKIMORI_MAIL_ABUSE_REPORT_INTERNAL_H

#include "mail/abuse_report.h"

/* The reporter's domain, or NULL for what is no address. */
const char *abuse_report_domain(const char *reporter);
/* The same report has the same number whenever it is written: a UUID of its contents (RFC 9562, version 8). */
void abuse_report_uuid(const struct abuse_report *report, char text[static 37]);
/* When it came, else when it was asked about. */
nsec_t abuse_report_time(const struct record *record);
/* Who was seen and why we think so, in sentences. */
void abuse_report_tell(const struct abuse_report *report, struct buf *out);

#endif
