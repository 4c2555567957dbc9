/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the subcommands of `gate` share: the gate, what lasts of it, and its boot unit. */
#ifndef SEKIMORI_CLI_GATING_H
#define SEKIMORI_CLI_GATING_H

#include "cli/acting.h"
#include "respond/gate_load.h"
#include "respond/gate_rules.h"
#include "respond/gate_senders.h"
#include "respond/gate_state.h"

#define GATING_UNIT "sekimori-gate.service"

/* The directory of what lasts and the declared senders in it. 0, or negative with the reason printed. */
int gating_open_state(struct cli *cli, bool create, int *ret_dir, struct gate_senders **ret_senders);

/* Pins the kernel half, tells it what is declared, shuts it, loads the rules behind it. 0, or negative, told. With
 * `boot` the rules are loaded even if the kernel half cannot be. */
int gating_shut(struct cli *cli, const struct gate_senders *senders, bool boot);
/* What is declared now, to a gate that is there. Returns an exit status. */
int gating_reseed(struct cli *cli, const struct gate_senders *senders);
/* Takes away both layers, unless blocks need the first. */
int gating_take_away(struct cli *cli);
void gating_rules(const struct cli *cli, const struct gate_senders *senders, struct config_cidrs *forward,
                  struct gate_rules_params *ret);

/* The unit that loads a shut gate at boot, before the network is up. 0; -ENOSYS: this system was not started by
 * systemd; or negative errno. */
int gating_install_unit(void);
int gating_remove_unit(void);

/* `gate status`. */
int gating_status(struct cli *cli);

#endif
