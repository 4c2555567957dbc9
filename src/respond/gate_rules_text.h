/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Within gate_rules_*.c: the text in its variants. Runs in the keeper. */
#ifndef SEKIMORI_RESPOND_GATE_RULES_TEXT_H
#define SEKIMORI_RESPOND_GATE_RULES_TEXT_H

#include "respond/gate_rules.h"

struct gate_rules_form {
        const char *table;
        bool dormant; /* for comparing only: no hook is registered */
        bool egress;  /* with the netdev table */
        bool routed;  /* what a packet socket sends is told apart by its having no route */
        const struct gate_rules_device *devices;
        unsigned n_devices;
};

int gate_rules_form_text(const struct gate_rules_params *params, const struct gate_rules_form *form, struct buf *out);
/* Can nft's language say this name? */
bool gate_rules_device_fits(const char *name);
/* The name of its chain, unique for each device. */
#define GATE_RULES_CHAIN_MAX 64
const char *gate_rules_device_chain(const char *name, char text[static GATE_RULES_CHAIN_MAX]);

#endif
