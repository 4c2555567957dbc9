/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EVE-style JSON, one object a line: events, evidence, verdicts, gaps. Field names follow Suricata's EVE where it has
 * one (timestamp, event_type, src_ip, src_port, dest_ip, dest_port, proto, flow_id); what EVE has no name for stands in
 * an object named like the event type, from which the event can be read back without loss (text that is not UTF-8
 * excepted). Integers above 2^63-1 are written as strings, since few JSON readers keep them exact. Writing formats
 * directly (the hot path); reading (replays) uses jansson. */
#ifndef SEKIMORI_VIEW_JSON_H
#define SEKIMORI_VIEW_JSON_H

#include "base/buf.h"
#include "model/event.h"
#include "model/verdict.h"

#define JSON_LINE_MAX 65536 /* a longer line is refused by the reader */

/* Each appends one object, without a newline. `skew` is added to times on the way out (wall clock minus engine time).
 */
void json_event(struct buf *out, const struct event *e, nsec_t skew);
void json_evidence(struct buf *out, const struct evidence *e, bool excepted, nsec_t skew);
/* {"event_type":"verdict","subject":{"kind":"process",...},"level":"bot","score":31.5,"threshold":20.0,"stages":[...],
 * "evidence":[...]}; pieces may be NULL: no "evidence". */
void json_verdict(struct buf *out, const struct verdict *v, int32_t threshold, const struct evidence *const *pieces,
                  size_t n, nsec_t skew);
void json_subject(struct buf *out, const struct subject *s);
/* The inner object of an evidence: kind, stage, weight, times, facts. */
void json_evidence_body(struct buf *out, const struct evidence *e, bool excepted, nsec_t skew);

/* Parts of objects that other writers share. */
void json_score(struct buf *out, int32_t hundredths); /* 31.5 */
void json_time(struct buf *out, nsec_t t);            /* "2026-11-21T09:15:02.123456+0000" */
void json_stages(struct buf *out, uint32_t stages);   /* ["control","egg"] */

/* Reads one line written by json_event(). Slices in *ret (text) live in `scratch` until its next use. 0; -EINVAL with a
 * reason in `why`. Fields of our own objects that are missing are 0, but for operation, time, addresses and protocol;
 * unknown ones are an error there and ignored elsewhere. */
int json_read_event(const char *line, size_t len, struct event *ret, struct buf *scratch, struct buf *why);

#endif
