/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An alert's fields that other programs look for in EVE and that are not read back. Private to the writer of JSON. */
#ifndef SEKIMORI_VIEW_JSON_ALERT_H
#define SEKIMORI_VIEW_JSON_ALERT_H

#include "base/buf.h"
#include "model/event.h"

#define JSON_METADATA_MAX 64 /* words of a rule's metadata that are written */

/* Members of the event: the packet's number, what the flow speaks, the direction. Each with its comma in front. */
void json_alert_around(struct buf *out, const struct event *e);
/* A member of the alert's object. The rule may be NULL. */
void json_alert_metadata(struct buf *out, const struct rule *r);

#endif
