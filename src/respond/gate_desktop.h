/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The desktop's files, as far as the gate reads them: which program writes mails. Pure; used by the keeper. */
#ifndef SEKIMORI_RESPOND_GATE_DESKTOP_H
#define SEKIMORI_RESPOND_GATE_DESKTOP_H

#include <stdbool.h>
#include <stddef.h>

#define GATE_DESKTOP_ID_MAX   128
#define GATE_DESKTOP_EXEC_MAX 1024
#define GATE_DESKTOP_FILE_MAX (512u << 10)

/* [Desktop Entry] of a .desktop file: Desktop Entry Specification 1.5. */
struct gate_desktop_entry {
        bool application; /* Type=Application */
        bool hidden;
        bool terminal;
        bool email, browser;                 /* Categories */
        bool mailto;                         /* MimeType has x-scheme-handler/mailto */
        char program[GATE_DESKTOP_EXEC_MAX]; /* first word of Exec; "" none, or more than fits */
};

/* 0, or -EINVAL: there is no such group. */
int gate_desktop_parse(const char *text, size_t len, struct gate_desktop_entry *ret);

/* Names of the .desktop files that a mimeapps.list (Default Applications, Added Associations) or a mimeinfo.cache (MIME
 * Cache) gives for x-scheme-handler/mailto. A name is a file's own, without slashes. Returns how many were told, at
 * most max. */
typedef void (*gate_desktop_id_cb)(void *userdata, const char *id);
unsigned gate_desktop_handlers(const char *text, size_t len, unsigned max, gate_desktop_id_cb cb, void *userdata);

#endif
