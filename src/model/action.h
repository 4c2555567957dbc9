/* SPDX-License-Identifier: GPL-3.0-or-later */
/* action: what was done about a verdict, by whom, and how to undo it. */
#ifndef SEKIMORI_MODEL_ACTION_H
#define SEKIMORI_MODEL_ACTION_H

#include "model/subject.h"

enum action_kind { ACTION_ALARM, ACTION_BLOCK, ACTION_UNBLOCK, ACTION_GATE, ACTION_KINDS };

struct action {
        struct subject subject;
        enum action_kind kind;
        nsec_t time;
        char by[32];    /* "engine", or the user who asked */
        char what[128]; /* a sentence */
        char undo[128]; /* the command that undoes it; "" when nothing needs undoing */
};

const char *action_kind_name(unsigned kind);

#endif
