/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which of the configuration's exceptions silences a claim. Pure. */
#ifndef SEKIMORI_VERDICT_EXCEPTION_H
#define SEKIMORI_VERDICT_EXCEPTION_H

#include "config/config.h"
#include "model/evidence.h"

/* The first exception of which every given field matches, or NULL:
 *   detector  the part of the kind's name before the dot
 *   subject   its key ("process:1:2:ab", "host:self"), "self", a process's name, or an address
 *   peer      any endpoint among the facts lies inside
 *   program   the subject's device and inode; one that was not found at load matches nothing
 *   until     lies after the claim's last time */
const struct config_exception *exception_match(const struct config *config, const struct evidence *claim);

#endif
