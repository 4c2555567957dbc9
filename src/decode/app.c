/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry of decoders, and the question what a flow speaks. Runs in the engine and in `read`. */
#include "decode/app.h"

#include <netinet/in.h>

#include "base/cleanup.h"
#include "decode/app_internal.h"

#define DECODER(name) extern const struct app_decoder decoder_##name;
#include "decode/decoders.def"
#undef DECODER

const struct app_decoder *const app_decoders[] = {
#define DECODER(name) &decoder_##name,
#include "decode/decoders.def"
#undef DECODER
        NULL,
};

const struct app_decoder *app_decoder_of(enum app app)
{
        for (size_t i = 0; app_decoders[i]; i++)
                if (app_decoders[i]->app == app)
                        return app_decoders[i];
        return NULL;
}

static enum app_answer ask_decoders(const struct app_context *c, const uint8_t *data, uint32_t len, enum app *ret_app)
{
        enum app_answer answer = APP_NO;

        for (size_t i = 0; app_decoders[i]; i++) {
                const struct app_decoder *d = app_decoders[i];

                if (!(c->proto == IPPROTO_TCP ? d->tcp : d->udp))
                        continue;
                switch (d->probe(c, data, len)) {
                case APP_YES:
                        *ret_app = d->app;
                        return APP_YES;
                case APP_MORE:
                        answer = APP_MORE;
                        break;
                case APP_NO:
                        break;
                }
        }
        return answer;
}

enum app_answer app_recognise(const struct app_context *c, const uint8_t *data, uint32_t len, enum app *ret_app)
{
        enum app_answer decoders, signatures;

        if (c->proto != IPPROTO_TCP && c->proto != IPPROTO_UDP)
                return APP_NO;
        if (len == 0)
                return APP_MORE;
        decoders = ask_decoders(c, data, len, ret_app);
        if (decoders == APP_YES)
                return APP_YES;
        signatures = app_signature(c, data, len, ret_app);
        if (signatures == APP_YES)
                return APP_YES;
        /* No more comes of a datagram, and a stream that is still in doubt is of no use to a decoder. */
        if (c->proto == IPPROTO_UDP || len >= APP_PROBE_MAX)
                return APP_NO;
        return decoders == APP_MORE ? APP_MORE : signatures;
}
