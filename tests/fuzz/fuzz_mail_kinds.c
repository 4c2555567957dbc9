/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names from anywhere: three lines, the HELO, the reverse name and the mail program, judged for two addresses. */
#include <stdlib.h>
#include <string.h>

#include "mail/kinds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice next(const uint8_t **at, const uint8_t *end)
{
        const uint8_t *newline = *at < end ? memchr(*at, '\n', (size_t) (end - *at)) : NULL;
        struct slice s = {(const char *) *at, (uint32_t) ((newline ? newline : end) - *at)};

        *at = newline ? newline + 1 : end;
        return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct addr addrs[] = {{{[10] = 0xff, 0xff, 82, 83, 139, 45}}, {{0x20, 1, 0x0d, 0xb8, [15] = 9}}};
        const uint8_t *at = data, *end = data + size;
        struct kinds_said said = {.helo = next(&at, end)};
        struct slice mailer;

        said.rdns = next(&at, end);
        mailer = next(&at, end);
        said.by = said.rdns;
        for (unsigned i = 0; i < 2; i++) {
                struct slice domain = kinds_domain(said.rdns);

                said.addr = addrs[i];
                if (kinds_helo(&said) >= KINDS_HELOS || kinds_dynamic(said.rdns, &said.addr) >= ANSWERS ||
                    kinds_mailer(mailer, OS_FAMILY_WINDOWS) >= ANSWERS)
                        abort();
                if (domain.len > said.rdns.len ||
                    (domain.len && (domain.p < said.rdns.p || slice_end(domain) > slice_end(said.rdns))))
                        abort();
        }
        return 0;
}
