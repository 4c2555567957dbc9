/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heads of mails: the chain, whom it makes believe, and all texts. The first byte chooses: even, a mail or an mbox;
 * odd, a header of our own server of some make, into which the first line of the rest goes as the client's name, above
 * the rest. Then nobody but the peer may be the relay. */
#include "hostile.h"
#include "mail/chain.h"
#include "mail/mbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct chain c;

static void put_texts(void)
{
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(1u << 20);

        for (uint32_t i = 0; i < c.n_signs; i++) {
                chain_sign_text(&c, &c.signs[i], &out);
                if (c.signs[i].hop >= c.n_hops || c.signs[i].other >= c.n_hops)
                        abort();
        }
        chain_end_text(&c, &out);
        for (uint32_t i = 0; i < c.n_hops; i++)
                (void) buf_puts(&out, chain_role_name(c.hops[i].role));
        if (c.end != CHAIN_END_NONE && c.boundary >= c.n_hops)
                abort();
}

struct taken {
        const struct chain_trust *trust;
        uint64_t mails;
};

static void take_mail(void *userdata, const struct mbox_mail *mail)
{
        struct taken *t = userdata;

        if (mail->len > HEAD_MAX || mail->number != ++t->mails)
                abort();
        chain_read(mail->head, mail->len, t->trust, &c);
        put_texts();
}

/* In pieces of 1 to 64 bytes. */
static void read_stream(const char *data, size_t size, const struct chain_trust *trust, size_t step)
{
        struct taken t = {.trust = trust};
        struct mbox m;

        mbox_begin(&m, take_mail, &t);
        for (size_t at = 0; at < size; at += step)
                if (!mbox_push(&m, data + at, MIN(step, size - at)))
                        break;
        mbox_finish(&m);
        mbox_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct chain_net net = {.net = {.bits = 96}}; /* nobody's: chosen by the first byte */
        struct chain_trust trust = {.trusted = {&net, 1}};
        static char head[1 << 16];
        struct buf out = BUF_FIXED(head);
        const char *gaps[GAPS] = {0};
        const char *line;
        char name[1024], text[ADDR_TEXT_MAX];

        if (size == 0 || data[0] % 2 == 0) {
                net.net.base = addr_from_v4(0);
                net.net.bits = size && data[0] & 2 ? 96 : 128;
                chain_read((const char *) data + (size > 0), size - (size > 0), &trust, &c);
                put_texts();
                if (size)
                        read_stream((const char *) data + 1, size - 1, &trust, data[0] / 4 + 1);
                return 0;
        }
        data++;
        size--;
        line = memchr(data, '\n', size);
        snprintf(name, sizeof(name), "%.*s",
                 (int) MIN(line ? (size_t) (line - (const char *) data) : size, sizeof(name) - 1), (const char *) data);
        gaps[GAP_HELO] = name;
        (void) buf_puts(&out, "Received: ");
        hostile_fill(&out, hostile_forms[data[-1] / 2 % HOSTILE_FORMS].text, HOSTILE_PEER, gaps);
        (void) buf_putc(&out, '\n');
        if (line)
                (void) buf_put(&out, line + 1, size - (size_t) (line + 1 - (const char *) data));
        chain_read(head, out.len, &(struct chain_trust){0}, &c);
        put_texts();
        if ((c.end == CHAIN_END_RELAY && strcmp(addr_format(&c.relay, text), HOSTILE_PEER) != 0) ||
            c.end == CHAIN_END_WITHIN || c.end == CHAIN_END_NONE)
                abort();
        return 0;
}
