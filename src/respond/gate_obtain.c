/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chooses the gate that the daemon works with: see gate_obtain.h. Runs in the warden. */
#include "respond/gate_obtain.h"

#include <errno.h>

#include "respond/block.h"
#include "respond/gate_state.h"

/* Open is what was ordered to be, and nothing else: also in maps that were made anew, and not by what is left of a gate
 * of before. */
static int shut_but_opened(const struct gate *g, const struct config *c)
{
        struct gate_state s;
        int r = gate_set_mode(g, c, GATE_SHUT);

        if (r == 0)
                r = gate_get_state(g, &s);
        if (r < 0 || s.open_until == (uint64_t) gate_state_opened(c))
                return r;
        s.open_until = (uint64_t) gate_state_opened(c);
        s.serial++;
        return gate_set_state(g, &s);
}

static int set_mode(const struct gate *g, const struct config *c, enum gate_mode mode)
{
        return mode == GATE_SHUT ? shut_but_opened(g, c) : gate_set_mode(g, c, mode);
}

static int load_own(const struct config *c, enum gate_mode mode, struct gate **ret)
{
        _cleanup_(gate_closep)
        struct gate *g = NULL;
        int r = gate_load(c->gate.cgroup, &g);

        if (r == 0 && mode == GATE_SHUT)
                r = gate_arm(g);
        if (r == 0)
                r = set_mode(g, c, mode);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(g);
        return 0;
}

static int take_pinned(const struct config *c, enum gate_mode mode, struct gate **ret)
{
        _cleanup_(gate_closep)
        struct gate *g = NULL;
        int r = gate_pin(c->gate.folder, c->gate.cgroup, &g);

        if (r == 0)
                r = set_mode(g, c, mode);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(g);
        return 0;
}

int gate_obtain(const struct config *c, struct gate **ret, struct buf *note)
{
        struct gate_state_shut shut;
        struct gate *pinned = NULL;
        /* A mark that cannot be read stands for shut: damage opens nothing. */
        bool must = gate_state_is_shut(c, &shut) != 0;
        int r;

        r = gate_open(c->gate.folder, &pinned);
        gate_close(pinned);
        /* What blocks by itself is pinned, so that `unblock` finds it, and it lasts. */
        if (must || r == 0 || r == -EPROTO || c->respond.block == RESPOND_BLOCK_BOT) {
                r = take_pinned(c, must ? GATE_SHUT : GATE_LEARN, ret);
                if (r == 0) {
                        buf_puts(note, must ? "mail gate: shut" : "mail gate: learning");
                        return 0;
                }
        }
        if (must) {
                r = load_own(c, GATE_SHUT, ret);
                if (r == 0)
                        buf_puts(note, "mail gate: shut, but only as long as this daemon runs: it cannot be pinned");
                return r;
        }
        r = load_own(c, GATE_LEARN, ret);
        if (r == 0)
                buf_puts(note, "mail gate: learning");
        return r;
}

static int count_block(void *userdata, unsigned index _unused_, const struct gate_block *b _unused_)
{
        ++*(unsigned *) userdata;
        return 0;
}

void gate_release(const struct config *c, struct gate *g)
{
        struct gate_state s;
        unsigned blocks = 0;

        /* Learning ends with us, and what was pinned for a block with the last one. */
        if (g && gate_is_pinned(g) && gate_get_state(g, &s) == 0 && s.mode == GATE_LEARN) {
                (void) gate_set_mode(g, c, GATE_OFF);
                if (block_each(g, count_block, &blocks) == 0 && blocks == 0)
                        (void) gate_unpin(c->gate.folder);
        }
        gate_close(g);
}
