/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Received: headers: as they are, and as what a client says to a server of some make. The latter also checks the
 * promise: whatever is said, nobody but the peer is believed. The first byte chooses: even, a header; odd, the make of
 * server, and the rest are the client's words, parted by bytes 1. */
#include "hostile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct slice s, const char *p, size_t len)
{
        if (s.p && (s.p < p || s.p + s.len > p + len))
                abort();
}

static void read_header(const char *p, size_t len)
{
        struct received r;

        (void) received_read((struct slice){p, (uint32_t) len}, &r);
        check_within(r.rdns, p, len);
        check_within(r.helo, p, len);
        check_within(r.ident, p, len);
        check_within(r.by, p, len);
        check_within(r.with, p, len);
        check_within(r.id, p, len);
        check_within(r.to, p, len);
        check_within(r.user, p, len);
        check_within(r.envelope_from, p, len);
        if (r.kind == RECEIVED_UNREAD && r.flags & RECEIVED_SEEN)
                abort();
}

static void say(const struct hostile_form *form, const char *const gaps[static GAPS])
{
        static char header[16384];
        struct buf out = BUF_FIXED(header);
        struct received r;
        struct addr peer;

        hostile_fill(&out, form->text, HOSTILE_PEER, gaps);
        if (out.error)
                return;
        (void) received_read((struct slice){header, (uint32_t) out.len}, &r);
        (void) addr_parse(HOSTILE_PEER, &peer);
        if (r.kind == RECEIVED_PEER && r.flags & RECEIVED_SEEN && !addr_equal(&r.peer, &peer))
                abort();
        if (r.kind == RECEIVED_LOCAL || r.kind == RECEIVED_FETCHED)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char words[1024];
        const char *gaps[GAPS] = {0};
        unsigned n = 0;
        char *rest = words, *word;

        if (size == 0 || data[0] % 2 == 0) {
                read_header((const char *) data + (size > 0), size - (size > 0));
                return 0;
        }
        snprintf(words, sizeof(words), "%.*s", (int) MIN(size - 1, sizeof(words) - 1), (const char *) data + 1);
        while (n < GAPS && (word = strsep(&rest, "\1")) != NULL)
                gaps[n++] = word;
        say(&hostile_forms[data[0] / 2 % HOSTILE_FORMS], gaps);
        return 0;
}
