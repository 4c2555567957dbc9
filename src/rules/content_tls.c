/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS as rules look at it: the client's hello; the server's hello and certificate, shown together since they come
 * together; and where encryption begins. Records (RFC 8446 5.1) are cut into handshake messages; one that came in one
 * piece is read where it lies. Runs where rules/content.h says. */
#include <openssl/evp.h>

#include "rules/content_tls_internal.h"

#define RECORD_HEAD  5u
#define MESSAGE_HEAD 4u
/* Kept of a message: a certificate's chain may be longer, but its first certificate counts. */
#define MESSAGE_MAX (32u << 10)
#define JA3S_KEEP   256u
#define NAME_TEXT   (8u << 10)

enum { RECORD_CHANGE_CIPHER = 20, RECORD_ALERT, RECORD_HANDSHAKE, RECORD_DATA };
enum { CLIENT_HELLO = 1, SERVER_HELLO = 2, CERTIFICATE = 11, SERVER_KEY = 12, CLIENT_KEY = 16 };
enum { STATE_CLIENT_HELLO = 1, STATE_SERVER_HELLO = 2, STATE_CLIENT_KEY = 4, STATE_SERVER_KEY = 8, STATE_UNKNOWN = 16 };

struct side {
        uint32_t record; /* bytes left of the record */
        uint32_t skip;   /* of the message, beyond what is kept */
        uint32_t need;   /* of the message, kept; 0: its head is read */
        uint32_t len, room;
        uint8_t *message;
        uint8_t head[RECORD_HEAD], head_len, type;
        bool sealed, broken;
};

struct tls {
        struct side side[2]; /* of what is sent to the client, to the server */
        bool waits;          /* the server's hello is not shown yet */
        uint16_t version;
        uint16_t ja3s_len;
        char ja3s[JA3S_KEEP];
};

static const char *version_text(uint16_t version)
{
        switch (version) {
        case 0x0002:
                return "SSLv2";
        case 0x0300:
                return "SSLv3";
        case 0x0301:
                return "TLSv1";
        case 0x0302:
                return "TLS 1.1";
        case 0x0303:
                return "TLS 1.2";
        case 0x0304:
                return "TLS 1.3";
        default:
                return "UNDETERMINED";
        }
}

static uint32_t version_bit(uint16_t version)
{
        return version == 2 ? 1 : version >= 0x300 && version <= 0x304 ? 2u << (version & 0xff) : 0;
}

/* A part of c->scratch. */
static struct tls_text text_at(struct content_context *c, uint32_t *used, uint32_t room)
{
        struct tls_text t = {.p = (char *) c->scratch + *used, .room = room};

        *used += room;
        return t;
}

static void put_hash(struct tls_text *t, const EVP_MD *md, const void *p, uint32_t n, const char *format)
{
        uint8_t hash[EVP_MAX_MD_SIZE];
        unsigned len;

        if (EVP_Digest(p, n, hash, &len, md, NULL) != 1)
                return;
        for (unsigned i = 0; i < len; i++)
                tls_printf(t, i ? format : "%02x", hash[i]);
}

static void set_text(struct content_context *c, struct content_view *v, enum rule_buffer b, const struct tls_text *t)
{
        if (t->n && content_wants(c, b))
                content_set(c, v, b, t->p, t->n);
}

static void set_ja3(struct content_context *c, struct content_view *v, enum rule_buffer string, enum rule_buffer hash,
                    const struct tls_text *ja3, uint32_t *used)
{
        struct tls_text t;

        set_text(c, v, string, ja3);
        if (!content_wants(c, hash) || !ja3->n)
                return;
        t = text_at(c, used, 64);
        put_hash(&t, EVP_md5(), ja3->p, ja3->n, "%02x");
        set_text(c, v, hash, &t);
}

static void client_hello(struct content_context *c, const uint8_t *p, uint32_t n)
{
        struct content_view v = {.to_server = c->to_server, .final = true};
        uint32_t used = 0;
        bool wanted = content_wants(c, BUFFER_JA3_STRING) || content_wants(c, BUFFER_JA3_HASH);
        struct tls_text ja3 = text_at(c, &used, wanted ? TLS_JA3_MAX : 0);
        struct tls_hello_read hello;

        if (!tls_hello_client(p, n, &hello, &ja3))
                return;
        c->tls_states |= STATE_CLIENT_HELLO;
        c->tls_versions |= version_bit(hello.legacy);
        if (hello.sni_len && content_wants(c, BUFFER_TLS_SNI))
                content_set(c, &v, BUFFER_TLS_SNI, hello.sni, hello.sni_len);
        set_ja3(c, &v, BUFFER_JA3_STRING, BUFFER_JA3_HASH, &ja3, &used);
        if (v.have)
                c->inspect(c, &v);
}

static void set_certificate(struct content_context *c, struct content_view *v, const uint8_t *p, uint32_t n,
                            uint32_t *used)
{
        struct x509_read x = {.subject = text_at(c, used, NAME_TEXT),
                              .issuer = text_at(c, used, NAME_TEXT),
                              .serial = text_at(c, used, 256)};

        if (x509_read(p, n, &x)) {
                set_text(c, v, BUFFER_TLS_CERT_SUBJECT, &x.subject);
                set_text(c, v, BUFFER_TLS_CERT_ISSUER, &x.issuer);
                set_text(c, v, BUFFER_TLS_CERT_SERIAL, &x.serial);
        }
        if (content_wants(c, BUFFER_TLS_CERT_FINGERPRINT)) {
                struct tls_text t = text_at(c, used, 64);

                put_hash(&t, EVP_sha1(), p, n, ":%02x");
                set_text(c, v, BUFFER_TLS_CERT_FINGERPRINT, &t);
        }
}

/* What the server has said, with its first certificate if that has come. */
static void show_server(struct tls *t, struct content_context *c, const uint8_t *certificate, uint32_t n)
{
        struct content_view v = {.to_server = c->to_server, .final = true};
        const char *version = version_text(t->version);
        uint32_t used = 0;

        if (t->version && content_wants(c, BUFFER_TLS_VERSION))
                content_set(c, &v, BUFFER_TLS_VERSION, version, (uint32_t) strlen(version));
        if (t->ja3s_len)
                set_ja3(c, &v, BUFFER_JA3S_STRING, BUFFER_JA3S_HASH,
                        &(struct tls_text){.p = t->ja3s, .n = t->ja3s_len, .room = t->ja3s_len}, &used);
        if (certificate)
                set_certificate(c, &v, certificate, n, &used);
        t->waits = false;
        if (v.have)
                c->inspect(c, &v);
}

static void server_hello(struct tls *t, struct content_context *c, const uint8_t *p, uint32_t n)
{
        bool wanted = content_wants(c, BUFFER_JA3S_STRING) || content_wants(c, BUFFER_JA3S_HASH);
        struct tls_text ja3s = {.p = t->ja3s, .room = wanted ? JA3S_KEEP : 0};
        struct tls_hello_read hello;

        if (!tls_hello_server(p, n, &hello, &ja3s))
                return;
        t->ja3s_len = (uint16_t) ja3s.n;
        t->version = hello.version;
        c->tls_states |= STATE_SERVER_HELLO;
        c->tls_versions |= version_bit(hello.version);
        t->waits = true;
        if (hello.version >= 0x304) /* its certificate is encrypted */
                show_server(t, c, NULL, 0);
}

/* A list of certificates (RFC 5246 7.4.2), perhaps cut behind the first. */
static void certificates(struct tls *t, struct content_context *c, const uint8_t *p, uint32_t n)
{
        uint32_t len = n >= 6 ? (uint32_t) (p[3] << 16 | p[4] << 8 | p[5]) : 0;

        if (len && len <= n - 6)
                show_server(t, c, p + 6, len);
        else if (t->waits)
                show_server(t, c, NULL, 0);
}

static void take_message(struct tls *t, struct content_context *c, const uint8_t *p, uint32_t n)
{
        uint8_t type = p[0];

        p += MESSAGE_HEAD;
        n -= MESSAGE_HEAD;
        if (t->waits && type != CERTIFICATE && !c->to_server)
                show_server(t, c, NULL, 0);
        if (type == CLIENT_HELLO)
                client_hello(c, p, n);
        else if (type == SERVER_HELLO)
                server_hello(t, c, p, n);
        else if (type == CERTIFICATE && !c->to_server)
                certificates(t, c, p, n);
        else if (type == SERVER_KEY)
                c->tls_states |= STATE_SERVER_KEY;
        else if (type == CLIENT_KEY)
                c->tls_states |= STATE_CLIENT_KEY;
}

static void forget_message(struct side *s, struct content_context *c)
{
        if (s->message)
                c->resize(c, s->message, s->room, 0);
        s->message = NULL;
        s->len = s->room = s->need = 0;
}

static uint32_t message_size(const uint8_t *p)
{
        return MESSAGE_HEAD + (uint32_t) (p[1] << 16 | p[2] << 8 | p[3]);
}

static bool keep(struct side *s, struct content_context *c, const uint8_t *p, uint32_t n)
{
        uint32_t room = MAX(s->need, s->len + n);
        uint8_t *message;

        if (room > s->room) {
                message = c->resize(c, s->message, s->room, room);
                if (!message)
                        return false;
                s->message = message;
                s->room = room;
        }
        memcpy(s->message + s->len, p, n);
        s->len += n;
        return true;
}

/* Bytes of handshake records; returns how many were used. */
static uint32_t read_handshake(struct tls *t, struct side *s, struct content_context *c, const uint8_t *p, uint32_t n)
{
        uint32_t used, size;

        if (s->skip) {
                used = MIN(n, s->skip);
                s->skip -= used;
                return used;
        }
        if (!s->len && n >= MESSAGE_HEAD && (size = message_size(p)) <= n) {
                take_message(t, c, p, size);
                return size;
        }
        used = MIN(n, (s->need ? s->need : MESSAGE_HEAD) - s->len);
        if (!keep(s, c, p, used)) {
                forget_message(s, c);
                s->broken = true;
                return n;
        }
        if (!s->need && s->len == MESSAGE_HEAD)
                s->need = MIN(message_size(s->message), MESSAGE_MAX);
        if (s->need && s->len == s->need) {
                s->skip = message_size(s->message) - s->need;
                take_message(t, c, s->message, s->len);
                forget_message(s, c);
        }
        return used;
}

/* A record begins. */
static void begin_record(struct tls *t, struct side *s, struct content_context *c)
{
        s->type = s->head[0];
        s->record = (uint32_t) (s->head[3] << 8 | s->head[4]);
        s->head_len = 0;
        if (s->type < RECORD_CHANGE_CIPHER || s->type > RECORD_DATA || s->head[1] != 3)
                s->broken = true;
        s->sealed = s->sealed || s->type == RECORD_CHANGE_CIPHER || s->type == RECORD_DATA;
        if ((s->sealed || s->broken) && t->waits && !c->to_server)
                show_server(t, c, NULL, 0);
        if (s->broken)
                c->tls_states |= STATE_UNKNOWN;
}

static enum content_answer data(void *state, struct content_context *c, const uint8_t *p, uint32_t n)
{
        struct tls *t = state;
        struct side *s = &t->side[c->to_server];

        while (n > 0 && !s->sealed && !s->broken) {
                uint32_t used;

                if (!s->record) {
                        s->head[s->head_len++] = *p;
                        used = 1;
                        if (s->head_len == RECORD_HEAD)
                                begin_record(t, s, c);
                } else {
                        used = MIN(n, s->record);
                        if (s->type == RECORD_HANDSHAKE)
                                used = read_handshake(t, s, c, p, used);
                        s->record -= MIN(used, s->record);
                }
                p += used;
                n -= used;
        }
        if (t->side[0].sealed && t->side[1].sealed)
                return CONTENT_SEALED;
        return (t->side[0].broken || t->side[0].sealed) && (t->side[1].broken || t->side[1].sealed) ? CONTENT_DONE :
                                                                                                      CONTENT_MORE;
}

static enum content_answer lost(void *state, struct content_context *c, uint64_t n _unused_)
{
        struct tls *t = state;
        struct side *s = &t->side[c->to_server];

        forget_message(s, c);
        s->broken = !s->sealed;
        return t->side[0].broken && t->side[1].broken ? CONTENT_DONE : CONTENT_MORE;
}

static void end(void *state, struct content_context *c, bool tell)
{
        struct tls *t = state;

        if (tell && t->waits) {
                c->to_server = false;
                show_server(t, c, NULL, 0);
        }
        forget_message(&t->side[0], c);
        forget_message(&t->side[1], c);
}

const struct content_parser content_tls = {
        .app = APP_TLS,
        .state_size = sizeof(struct tls),
        .tcp = true,
        .data = data,
        .lost = lost,
        .end = end,
};
