/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heads of mails through an inquiry that asks nobody, and what is said of them: a head alone accuses no machine of
 * being a bot, a server that was taken over or a proxy, and no mail that is none; records are printable, JSON is JSON.
 * The first byte: whether it is spam, the file's list, how old it is, whom to trust. */
#include <jansson.h>

#include "mail/inquiry.h"
#include "view/mail_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW (1692093600 * NSEC_PER_SEC)

static bool listed;

static void check_text(const char *text, size_t size)
{
        size_t n = strnlen(text, size);

        if (n == size)
                abort();
        for (size_t i = 0; i < n; i++)
                if (text[i] < ' ' || text[i] > '~')
                        abort();
}

static void check_json(const struct buf *out)
{
        json_t *j = json_loadb(out->data, out->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);

        if (out->error == 0 && !j)
                abort();
        json_decref(j);
}

static void on_done(void *userdata, void *mail, const struct chain *chain, const struct record *record)
{
        static const char *const lists[] = {"a list"};
        struct mail_text told = {.path = "-", .chain = chain, .record = record, .lists = lists, .n_lists = 1};
        _cleanup_(buf_done)
        struct buf out = BUF_HEAP(4u << 20);
        const enum answer *spam = mail;

        ++*(unsigned *) userdata;
        check_text(record->helo, sizeof(record->helo));
        check_text(record->rdns, sizeof(record->rdns));
        check_text(record->os, sizeof(record->os));
        if (!listed && record->class != JUDGE_UNKNOWN && record->class != JUDGE_PROVIDER_RELAY)
                abort();
        if (*spam == ANSWER_NO && record->class != JUDGE_UNKNOWN)
                abort();
        mail_text_put(&out, &(struct text_look){.width = 80}, &told);
        buf_reset(&out);
        mail_text_json(&out, &told);
        check_json(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct cidr all = {.bits = 96, .base = {{[10] = 0xff, [11] = 0xff}}};
        struct chain_net net = {.net = {.base = all.base, .bits = 97}};
        struct chain_trust trust = {.trusted = {&net, 1}};
        struct inquiry_list file = {.name = "a list", .meanings = DNSBL_EXPLOITED};
        unsigned told = 0;
        struct inquiry_params params = {
                .trust = &trust, .files = &file, .n_files = 1, .done = on_done, .userdata = &told};
        _cleanup_(inquiry_freep)
        struct inquiry *q = NULL;
        struct netlist *nets = NULL;
        uint8_t how = size ? data[0] : 0;
        enum answer spam = how % ANSWERS;
        struct inquiry_mail mail = {.head = (const char *) data + (size > 0), .len = size - (size > 0), .spam = spam};
        nsec_t now = how & 0x40 ? NOW : NOW + 1000 * 86400 * NSEC_PER_SEC;

        mail.came = how & 8 ? NOW - NSEC_PER_SEC : 0;
        mail.mail = &spam;
        trust.trusted.n = how & 0x10 ? 1 : 0;
        if (netlist_new(&nets) < 0)
                abort();
        listed = how & 0x20;
        if (listed && netlist_add(nets, &all) < 0)
                abort();
        netlist_ready(nets);
        file.nets = nets;
        if (inquiry_new(&params, &q) < 0 || inquiry_add(q, now, &mail) < 0 || inquiry_add(q, now, &mail) < 0 ||
            told != 2 || inquiry_waiting(q) != 0)
                abort();
        netlist_free(nets);
        return 0;
}
