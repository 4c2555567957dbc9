/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which parser makes the buffers of which protocol. Runs where rules/content.h says. */
#include "rules/content.h"

#include "base/cleanup.h"
#include "rules/content_internal.h"

static const struct content_parser *const parsers[] = {
        &content_http, &content_tls, &content_dns, &content_smtp, &content_ftp, &content_ssh,
};

const struct content_parser *content_parser_of(enum app app)
{
        for (size_t i = 0; i < ELEMENTSOF(parsers); i++)
                if (parsers[i]->app == app)
                        return parsers[i];
        return NULL;
}
