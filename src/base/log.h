/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of the program itself, to standard error. Libraries return errors and do not log; programs log once. */
#ifndef SEKIMORI_BASE_LOG_H
#define SEKIMORI_BASE_LOG_H

#include "base/cleanup.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_DEBUG };

/* Messages above this level are not printed. Default: LOG_LEVEL_NOTICE. */
void log_set_level(enum log_level max);

/* The process's name in front of each message ("warden", "engine"); a static string, or NULL for none. */
void log_set_role(const char *role);

/* Prints one line. Control bytes in the result are shown as \xNN, so that nothing from outside drives a terminal. */
void log_write(enum log_level level, const char *format, ...) _printf_(2, 3);

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
