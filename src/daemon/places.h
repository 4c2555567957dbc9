/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The daemon's places in the file system: the folders that the engine writes, and the control socket. Made by the
 * warden with root's rights, so nothing that was there before changes its owner, and only a socket is ever removed. */
#ifndef SEKIMORI_DAEMON_PLACES_H
#define SEKIMORI_DAEMON_PLACES_H

#include "daemon/daemon.h"

/* Makes the folders of the store and of the EVE file where they are not there; those made belong to the engine's user.
 * 0, or negative errno with its sentence in `errors`. */
int places_make_folders(const struct daemon_params *params, struct buf *errors);

/* The listening socket that `status` asks; -1: none, with the reason in `why` unless none is wanted. */
int places_open_control(const struct daemon_params *params, struct buf *why);
void places_close_control(const struct daemon_params *params, int fd);

#endif
