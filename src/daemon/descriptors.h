/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptors that the warden opens for itself at its start. */
#ifndef SEKIMORI_DAEMON_DESCRIPTORS_H
#define SEKIMORI_DAEMON_DESCRIPTORS_H

/* The signals that the warden answers, blocked and readable. The descriptor, or negative errno. */
int descriptors_open_signals(void);
/* So that no descriptor of ours takes the place of one that messages go to. */
void descriptors_fill_standard(void);

#endif
