/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bounded loops that print what one operation costs, for the overhead bench. */
#ifndef SEKIMORI_BENCH_LOOPS_H
#define SEKIMORI_BENCH_LOOPS_H

#include <stdio.h>

#include "gen.h"

/* Runs the loop; 0 chunks or operations: its own default. Prints one JSON line. Returns an exit status. */
int loops_run(struct gen *g, const char *name, unsigned operations, unsigned chunks);
void loops_usage(FILE *f);

#endif
