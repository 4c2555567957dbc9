/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A home host's profile as one JSON object, in the manner of the other records of view/json.h. */
#ifndef SEKIMORI_VIEW_JSON_PROFILE_H
#define SEKIMORI_VIEW_JSON_PROFILE_H

#include "flow/profile.h"

/* Appends one object, without a newline. Lengths of time are in seconds. */
void json_profile(struct buf *out, const struct profile_record *r);

#endif
