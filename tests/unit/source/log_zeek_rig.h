/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of Zeek's logs, for their tests: headers, and rows that begin alike. */
#ifndef SEKIMORI_TEST_LOG_ZEEK_RIG_H
#define SEKIMORI_TEST_LOG_ZEEK_RIG_H

#include "log_rig.h"

#define HEAD "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n"
/* The header of a log: its name, and its columns behind those that all have. */
#define FIELDS(path, more)                                                                                             \
        HEAD "#path\t" path "\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\t" more "\n"
#define CONN                                                                                                           \
        FIELDS("conn", "proto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tmissed_bytes\thistory\t"         \
                       "orig_pkts\tresp_pkts\tlabel")
/* A row: its uid, and the values behind those that all have. */
#define OUT(uid, more)     "100.5\t" uid "\t10.0.0.5\t4000\t192.0.2.1\t80\t" more "\n"
#define T0                 (100500 * NSEC_PER_MSEC)
#define READ(r, name, ...) rig_read_parts(r, name, (const char *const[]){__VA_ARGS__, NULL})

#endif
