/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of buffers.def. Pure data, of every process that has rules. */
#include "rules/rule.h"

enum { SERVER = BUFFER_TO_SERVER, CLIENT = BUFFER_TO_CLIENT, BOTH = BUFFER_TO_BOTH };
enum { WHOLE, GROWS };

#define BUFFER(name, keyword, older, app, direction, comes, title)                                                     \
        [BUFFER_##name] = {keyword, older, title, APP_##app, direction, comes == GROWS},
const struct buffer_kind buffer_kinds[BUFFERS] = {
#include "rules/buffers.def"
};
#undef BUFFER
