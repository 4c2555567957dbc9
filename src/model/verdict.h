/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verdict: all evidence on one subject folded into a score and a level. The folding is in verdict/fold.h. */
#ifndef SEKIMORI_MODEL_VERDICT_H
#define SEKIMORI_MODEL_VERDICT_H

#include "model/evidence.h"

enum level {
        LEVEL_UNKNOWN, /* too little seen to say */
        LEVEL_CLEAR,
        LEVEL_SUSPECT,
        LEVEL_BOT,
        LEVELS,
};

struct verdict {
        struct subject subject;
        enum level level;
        int32_t score;     /* hundredths */
        uint32_t stages;   /* bits of enum stage */
        bool conclusive;   /* one piece is proof by itself */
        uint32_t excepted; /* claims silenced by exceptions */
        nsec_t time;       /* of the evidence that brought this level */
};

const char *level_name(unsigned level);
int level_from_name(const char *name); /* or -EINVAL */

#endif
