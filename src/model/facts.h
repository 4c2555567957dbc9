/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The facts of an evidence as JSON: the form in which they are stored, printed and read back.
 *
 *   NUMBER   "k": 12                            TIME   "k": {"time_ns": N, "time": "2026-11-21T09:15:02.123456+0900"}
 *   TEXT     "k": "text"                        SPAN   "k": {"span_ns": N}
 *   ENDPOINT "k": {"ip": "192.0.2.1", "port": 80, "proto": "TCP"}
 *   PROCESS  "k": {"pid": N, "tid": N, "start": N, "leader_start": N, "name": "sh"} */
#ifndef SEKIMORI_MODEL_FACTS_H
#define SEKIMORI_MODEL_FACTS_H

#include "base/buf.h"
#include "model/evidence.h"

#define FACTS_JSON_MAX    (16u << 10) /* longest text read; what is written stays below */
#define FACTS_KEYS_MAX    256u        /* different keys read in the life of a process */
#define FACTS_KEY_LEN_MAX 47u

/* Appends one JSON object. `skew` is added to times (wall clock minus engine time). 0, or the buffer's error. */
int facts_to_json(struct buf *out, const struct evidence *e, nsec_t skew);

/* Replaces e->facts by those of `text`, which may come from outside. Keys are interned: never freed, at most
 * FACTS_KEYS_MAX, not for use by two threads. -EINVAL for anything that facts_to_json() does not write; -ENOBUFS when
 * there are too many different keys; -ENOMEM. Then `e` is untouched. */
int facts_from_json(const char *text, size_t len, struct evidence *e);

#endif
