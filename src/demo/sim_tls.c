/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS for the conversation, on OpenSSL. The certificate is made anew at each start and nobody checks it: a bot that
 * hides in TLS does not either. Runs in the server and in the bot; sim_tls_none.c stands in where libssl is missing. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>

#include "demo/sim.h"

struct sim_tls_server {
        SSL_CTX *ctx;
};

struct sim_tls {
        SSL *ssl;
};

bool sim_tls_available(void)
{
        return true;
}

static int make_certificate(SSL_CTX *ctx)
{
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *cert = X509_new();
        X509_NAME *name;
        int r = -ENOMEM;

        if (!key || !cert)
                goto out;
        name = X509_get_subject_name(cert);
        if (X509_set_version(cert, X509_VERSION_3) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
            X509_gmtime_adj(X509_getm_notBefore(cert), -3600) && X509_gmtime_adj(X509_getm_notAfter(cert), 86400) &&
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *) "irc.sim", -1, -1, 0) == 1 &&
            X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1 &&
            X509_sign(cert, key, EVP_sha256()) > 0 && SSL_CTX_use_certificate(ctx, cert) == 1 &&
            SSL_CTX_use_PrivateKey(ctx, key) == 1)
                r = 0;
out:
        X509_free(cert);
        EVP_PKEY_free(key);
        return r;
}

void sim_tls_server_free(struct sim_tls_server *s)
{
        if (!s)
                return;
        SSL_CTX_free(s->ctx);
        free(s);
}

int sim_tls_server_new(struct sim_tls_server **ret)
{
        struct sim_tls_server *s = calloc(1, sizeof(*s));
        int r = -ENOMEM;

        if (s)
                s->ctx = SSL_CTX_new(TLS_server_method());
        if (s && s->ctx)
                r = make_certificate(s->ctx);
        if (r < 0) {
                sim_tls_server_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

static SSL *new_client(int fd)
{
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        SSL *ssl = NULL;

        if (ctx) {
                SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
                ssl = SSL_new(ctx);
                SSL_CTX_free(ctx); /* the SSL keeps it alive */
        }
        if (ssl)
                SSL_set_connect_state(ssl);
        if (ssl && SSL_set_fd(ssl, fd) == 1)
                return ssl;
        SSL_free(ssl);
        return NULL;
}

static SSL *new_server(int fd, const struct sim_tls_server *server)
{
        SSL *ssl = SSL_new(server->ctx);

        if (ssl)
                SSL_set_accept_state(ssl);
        if (ssl && SSL_set_fd(ssl, fd) == 1)
                return ssl;
        SSL_free(ssl);
        return NULL;
}

int sim_tls_attach(int fd, struct sim_tls_server *server, struct sim_tls **ret)
{
        struct sim_tls *t = calloc(1, sizeof(*t));

        if (t)
                t->ssl = server ? new_server(fd, server) : new_client(fd);
        if (!t || !t->ssl) {
                free(t);
                return -ENOMEM;
        }
        *ret = t;
        return 0;
}

void sim_tls_free(struct sim_tls *t)
{
        if (!t)
                return;
        SSL_free(t->ssl);
        free(t);
}

int sim_tls_connect(struct sim_tls *t, short *ret_events)
{
        int r = SSL_connect(t->ssl), why;

        if (r == 1)
                return 0;
        why = SSL_get_error(t->ssl, r);
        ERR_clear_error();
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
                return -EPROTO;
        *ret_events = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        return -EAGAIN;
}

ssize_t sim_tls_read(struct sim_tls *t, char *data, size_t size)
{
        int n = SSL_read(t->ssl, data, (int) size), why;

        if (n > 0)
                return n;
        why = SSL_get_error(t->ssl, n);
        ERR_clear_error();
        return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -ECONNRESET;
}

int sim_tls_write(struct sim_tls *t, const char *data, size_t len)
{
        int n = SSL_write(t->ssl, data, (int) len);

        ERR_clear_error();
        /* A line is small: a peer whose window it does not fit into has stopped reading. */
        return n <= 0 ? -ENOBUFS : 0;
}
