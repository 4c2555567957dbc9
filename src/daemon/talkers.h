/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who talks outside: a summary per process for the live line and for `scan`. Engine; no I/O. Cap: TALKERS_MAX processes
 * (about 200 bytes each); the ones silent longest go first. */
#ifndef SEKIMORI_DAEMON_TALKERS_H
#define SEKIMORI_DAEMON_TALKERS_H

#include "base/table.h"
#include "flow/lineage.h"
#include "flow/outside.h"

#define TALKERS_MAX 4096u

struct talkers;

struct talker {
        uint64_t leader_start;
        uint32_t pid;
        uint32_t zero;
        uint64_t bytes_out, bytes_in;
        uint32_t flows, originated, accepted, inherited;
        nsec_t first, last;
        struct addr peer; /* the newest */
        uint16_t peer_port;
        uint8_t proto;
};

int talkers_new(const struct config *config, struct talkers **ret);
void talkers_free(struct talkers *t);
DEFINE_FREEP(struct talkers, talkers_free)
/* Another idea of what is outside, from the next event on. 0, or -ENOMEM and nothing is changed. */
int talkers_set_config(struct talkers *t, const struct config *config);

void talkers_event(struct talkers *t, const struct event *e);
uint32_t talkers_count(const struct talkers *t);
/* Most talkative first. `chain` is "grandparent > parent > name". */
void talkers_each(struct talkers *t, const struct lineage *l,
                  void (*each)(void *userdata, const struct talker *t, const char *chain), void *userdata);

#endif
