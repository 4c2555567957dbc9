/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any datagram as a message between postman and engine: refused, or whole and within its bounds; and any record as one
 * to be kept. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/post.h"

#define NOW (INT64_C(1700000000) * NSEC_PER_SEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void require_text(const char *text, size_t size)
{
        size_t n = strnlen(text, size);

        require(n < size);
        for (size_t i = 0; i < n; i++)
                require(text[i] >= ' ' && text[i] <= '~');
}

static void check_record(struct record *r)
{
        struct judge_input in = {.gap = -1};
        struct judge_verdict v;

        if (!post_check_record(r, NOW))
                return;
        for (unsigned i = 0; i < JUDGE_SIGNS; i++) {
                require(r->signs[i] < ANSWERS);
                in.signs[i] = r->signs[i];
        }
        require((unsigned) r->class < JUDGE_CLASSES && !(r->listed & r->not_listed));
        require_text(r->os, sizeof(r->os));
        require_text(r->rdns, sizeof(r->rdns));
        require_text(r->helo, sizeof(r->helo));
        require_text(r->banner, sizeof(r->banner));
        /* Of a mail whose time is not known, exactly that verdict. */
        if (r->came)
                return;
        judge_relay(&in, &v);
        require(v.class == r->class && v.score == r->score && v.speak_for == r->speak_for);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct post p = {.magic = POST_MAGIC, .verb = POST_RECORD};

        if (post_is_valid(data, size, false)) {
                memcpy(&p, data, sizeof(p));
                require(p.verb > POST_NONE && p.verb < POST_VERBS && p.value == 0);
                if (p.verb == POST_SINCE || p.verb == POST_DONE)
                        require(p.path[0] == '/' && strnlen(p.path, sizeof(p.path)) < sizeof(p.path));
                if (p.verb == POST_RECORD)
                        check_record(&p.record);
        }
        if (post_is_valid(data, size, true)) {
                memcpy(&p, data, sizeof(p));
                require(p.value <= 1);
        }
        /* The same bytes as a record, with times that may be. */
        p.verb = POST_RECORD;
        memcpy(&p.record, data, MIN(size, sizeof(p.record)));
        p.record.asked = NOW;
        check_record(&p.record);
        return 0;
}
