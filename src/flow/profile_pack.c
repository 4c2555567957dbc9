/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A profile as bytes, for the store: a head with the format's number, then the services as they lie in memory (in this
 * machine's order of bytes: the number tells another). What is read may have been written by anybody. */
#include <errno.h>

#include "flow/profile.h"

#define FORMAT    0x50520001u /* "PR", version 1 */
#define HOUR_NSEC (3600 * NSEC_PER_SEC)
#define TIME_MOST (INT64_MAX / 2) /* as in verdict/analysis.c */

struct head {
        uint32_t format, service_bytes;
        struct addr host;
        uint32_t first, last, unanswered, n;
};

int profile_pack(const struct profile_record *r, struct buf *out)
{
        struct head h = {FORMAT, sizeof(struct profile_service), r->host, r->first, r->last, r->unanswered, 0};

        h.n = MIN(r->n, (uint32_t) ELEMENTSOF(r->services));
        (void) buf_put(out, &h, sizeof(h));
        return buf_put(out, r->services, h.n * sizeof(r->services[0]));
}

/* Where a wrong value would lead out of an array or overflow; all other values are only wrong. */
static bool is_sound(const struct profile_service *s)
{
        return s->role < PROFILE_ROLES && s->app < APPS && s->n_ports <= PROFILE_PORTS + 1u && s->first >= 0 &&
               s->last >= s->first && s->last <= TIME_MOST && s->hour <= TIME_MOST / HOUR_NSEC;
}

int profile_unpack(const void *data, size_t len, struct profile_record *ret)
{
        struct profile_service s;
        const char *at = data;
        struct head h;

        if (len < sizeof(h))
                return -EBADMSG;
        memcpy(&h, at, sizeof(h));
        at += sizeof(h);
        if (h.format != FORMAT || h.service_bytes != sizeof(s) || h.n > ELEMENTSOF(ret->services) ||
            len != sizeof(h) + h.n * sizeof(s) || h.last < h.first)
                return -EBADMSG;
        for (uint32_t i = 0; i < h.n; i++) {
                memcpy(&s, at + i * sizeof(s), sizeof(s));
                if (!is_sound(&s))
                        return -EBADMSG;
        }
        *ret = (struct profile_record){
                .host = h.host, .first = h.first, .last = h.last, .unanswered = h.unanswered, .n = h.n};
        memcpy(ret->services, at, h.n * sizeof(s));
        return 0;
}

static nsec_t moved(nsec_t t, nsec_t by, nsec_t latest)
{
        return MIN(MAX(t + by, 0), latest);
}

void profile_move(struct profile_record *r, nsec_t by, nsec_t latest)
{
        r->first = (uint32_t) (moved((nsec_t) r->first * NSEC_PER_SEC, by, latest) / NSEC_PER_SEC);
        r->last = (uint32_t) (moved((nsec_t) r->last * NSEC_PER_SEC, by, latest) / NSEC_PER_SEC);
        for (uint32_t i = 0; i < MIN(r->n, (uint32_t) ELEMENTSOF(r->services)); i++) {
                struct profile_service *s = &r->services[i];

                s->first = moved(s->first, by, latest);
                s->last = moved(s->last, by, latest);
                s->hour = (uint32_t) (moved(s->hour * HOUR_NSEC, by - by % HOUR_NSEC, latest) / HOUR_NSEC);
        }
}
