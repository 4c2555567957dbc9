/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dns.log, http.log and ssl.log: a line is a question with its answer. Runs in `read`. */
#include <errno.h>
#include <netinet/in.h>

#include "source/log_zeek.h"

#define PORT_HTTPS 443
#define JA4_LENGTH 36

/* Multicast DNS, LLMNR and NetBIOS names are discovery on the local network: packets make no DNS of them (APP_MDNS). */
static bool is_discovery(const struct zeek *z)
{
        uint16_t port = z->talk.port[LOG_RESP];

        return z->talk.proto == IPPROTO_UDP && (port == 5353 || port == 5355 || port == 137);
}

/* Lower case, without the last dot. */
static struct slice dns_name(struct zeek *z)
{
        struct slice name = log_zeek_text(z, ZEEK_QUERY);
        char *copy;

        if (name.len > 0 && name.p[name.len - 1] == '.')
                name.len--;
        for (uint32_t i = 0; i < name.len; i++) {
                if (name.p[i] < 'A' || name.p[i] > 'Z')
                        continue;
                copy = log_zeek_room(z, name.len);
                if (!copy)
                        break;
                for (uint32_t k = 0; k < name.len; k++)
                        copy[k] = (char) (name.p[k] >= 'A' && name.p[k] <= 'Z' ? name.p[k] | 0x20 : name.p[k]);
                return (struct slice){copy, name.len};
        }
        return name;
}

static void dns_answers(struct zeek *z, struct dns_event *w)
{
        struct zeek_value rest = z->value[ZEEK_ANSWERS];
        struct slice text;
        bool first = true;
        nsec_t ttl;

        while (w->answers < UINT16_MAX && log_zeek_element(z, &rest, &text)) {
                w->answers++;
                if (w->n_addrs < ZEEK_ADDRS_MAX && log_text_addr(text, &z->addrs[w->n_addrs]) == 0)
                        w->n_addrs++;
        }
        w->addrs = z->addrs;
        rest = z->value[ZEEK_TTLS];
        for (unsigned i = 0; i < UINT16_MAX && log_zeek_element(z, &rest, &text); i++) {
                if (log_text_seconds(text, &ttl) < 0)
                        continue;
                ttl = MIN(ttl / NSEC_PER_SEC, (nsec_t) UINT32_MAX);
                w->ttl = first ? (uint32_t) ttl : MIN(w->ttl, (uint32_t) ttl);
                first = false;
        }
}

int log_zeek_dns(struct zeek *z, const struct log_out *out)
{
        const struct zeek_value *v = z->value;
        struct event e = {.time = z->time, .type = EVENT_DNS, .op = DNS_QUERY};
        struct dns_event *w = &e.dns;
        bool asked = v[ZEEK_QUERY].raw.p || v[ZEEK_QTYPE].raw.p;
        nsec_t rtt = 0;

        if (v[ZEEK_RTT].raw.p && log_text_seconds(v[ZEEK_RTT].raw, &rtt) < 0)
                return -EBADMSG;
        if (is_discovery(z) || !log_emit_place(out, &z->talk))
                return 0;
        w->name = dns_name(z);
        if (!w->name.p)
                w->name.p = "";
        w->qtype = (uint16_t) MIN(log_zeek_count(z, ZEEK_QTYPE, 0), UINT16_MAX);
        w->id = (uint16_t) MIN(log_zeek_count(z, ZEEK_TRANS_ID, 0), UINT16_MAX);
        w->flags = log_zeek_true(z, ZEEK_RD) ? DNS_RECURSION_DESIRED : 0;
        w->ends.flags = z->cut ? ENDS_CUT : 0;
        if (asked)
                log_emit_app(out, &z->talk, &e, LOG_ORIG);
        if (!v[ZEEK_RCODE].raw.p && !v[ZEEK_ANSWERS].raw.p && !v[ZEEK_RTT].raw.p)
                return 0;
        e.op = DNS_ANSWER;
        e.time += rtt;
        w->rcode = (uint8_t) MIN(log_zeek_count(z, ZEEK_RCODE, 0), UINT8_MAX);
        w->flags |= (uint8_t) ((log_zeek_true(z, ZEEK_AA) ? DNS_AUTHORITATIVE : 0) |
                               (log_zeek_true(z, ZEEK_TC) ? DNS_TRUNCATED : 0) |
                               (log_zeek_true(z, ZEEK_RA) ? DNS_RECURSION_AVAILABLE : 0));
        dns_answers(z, w);
        log_emit_app(out, &z->talk, &e, LOG_RESP);
        return 0;
}

/* Zeek tells a file's type by its content (its signatures for files). */
static uint8_t kind_of(struct slice type)
{
        static const struct {
                const char *begin;
                uint8_t kind;
        } kinds[] = {
                {"application/x-dosexec", FILE_PE},
                {"application/vnd.microsoft.portable-executable", FILE_PE},
                {"application/x-executable", FILE_ELF},
                {"application/x-sharedlib", FILE_ELF},
                {"application/x-object", FILE_ELF},
                {"application/x-elf", FILE_ELF},
                {"application/x-pie-executable", FILE_ELF},
                {"application/x-mach-o", FILE_MACHO},
                {"application/x-dex", FILE_DEX},
                {"application/java-archive", FILE_JAR},
                {"application/x-java-applet", FILE_JAR},
                {"application/vnd.android.package-archive", FILE_JAR},
                {"text/x-shellscript", FILE_SCRIPT},
                {"text/x-perl", FILE_SCRIPT},
                {"text/x-python", FILE_SCRIPT},
                {"text/x-ruby", FILE_SCRIPT},
                {"text/x-php", FILE_SCRIPT},
                {"text/x-lua", FILE_SCRIPT},
                {"text/x-msdos-batch", FILE_SCRIPT},
                {"text/x-powershell", FILE_SCRIPT},
                {"application/zip", FILE_ARCHIVE},
                {"application/gzip", FILE_ARCHIVE},
                {"application/x-gzip", FILE_ARCHIVE},
                {"application/x-rar", FILE_ARCHIVE},
                {"application/x-7z-compressed", FILE_ARCHIVE},
                {"application/x-xz", FILE_ARCHIVE},
                {"application/x-bzip2", FILE_ARCHIVE},
                {"application/x-tar", FILE_ARCHIVE},
                {"application/vnd.ms-cab-compressed", FILE_ARCHIVE},
                {"application/x-cab", FILE_ARCHIVE},
                {"application/pdf", FILE_DOCUMENT},
                {"application/msword", FILE_DOCUMENT},
                {"application/vnd.ms-", FILE_DOCUMENT},
                {"application/vnd.openxmlformats", FILE_DOCUMENT},
                {"application/vnd.oasis", FILE_DOCUMENT},
                {"text/rtf", FILE_DOCUMENT},
                {"application/xml", FILE_TEXT},
                {"application/json", FILE_TEXT},
                {"application/javascript", FILE_TEXT},
                {"text/", FILE_TEXT},
                {"image/", FILE_IMAGE},
                {"audio/", FILE_MEDIA},
                {"video/", FILE_MEDIA},
        };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (log_text_skip(&type, kinds[i].begin))
                        return kinds[i].kind;
        return FILE_UNKNOWN;
}

/* The file that one side of a transaction has sent: of several (multipart) the first one. */
static void http_file(struct zeek *z, const struct log_out *out, const struct http_event *http, unsigned by)
{
        bool up = by == LOG_ORIG;
        struct zeek_value types = z->value[up ? ZEEK_ORIG_MIME_TYPES : ZEEK_RESP_MIME_TYPES],
                          names = z->value[up ? ZEEK_ORIG_FILENAMES : ZEEK_RESP_FILENAMES];
        struct event e = {.time = z->time, .type = EVENT_FILE, .op = FILE_SEEN};
        struct file_event *w = &e.file;
        struct slice type;

        if (!log_zeek_element(z, &types, &type))
                return;
        w->kind = kind_of(type);
        w->how = FILE_HTTP;
        if (!log_zeek_element(z, &names, &w->name) || !w->name.len)
                w->name = (struct slice){http->uri, http->uri_len};
        w->host = (struct slice){http->host, http->host_len};
        w->size = log_zeek_count(z, up ? ZEEK_REQUEST_BODY_LEN : ZEEK_RESPONSE_BODY_LEN, UINT64_MAX);
        w->ends.flags = z->cut ? ENDS_CUT : 0;
        log_emit_app(out, &z->talk, &e, by);
}

/* CONNECT is also somebody who asks a proxy: "example.com:25", "[2001:db8::1]:443", "192.0.2.1:25". */
static void http_proxy(struct zeek *z, const struct log_out *out, const struct http_event *http, struct slice method)
{
        struct event e = {.time = z->time, .type = EVENT_PROXY, .op = PROXY_REQUEST};
        struct slice name = {http->uri, http->uri_len};
        uint64_t port = PORT_HTTPS;

        if (!log_text_is(method, "CONNECT"))
                return;
        for (uint32_t i = name.len; i > 0 && name.p[i - 1] != ']'; i--) {
                if (name.p[i - 1] != ':')
                        continue;
                (void) log_text_number((struct slice){name.p + i, name.len - i}, UINT16_MAX, &port);
                name.len = i - 1;
                break;
        }
        if (name.len >= 2 && name.p[0] == '[' && name.p[name.len - 1] == ']')
                name = (struct slice){name.p + 1, name.len - 2};
        e.proxy.kind = PROXY_HTTP_CONNECT;
        e.proxy.target_port = (uint16_t) port;
        (void) log_text_addr(name, &e.proxy.target);
        e.proxy.name = name;
        log_emit_app(out, &z->talk, &e, LOG_ORIG);
        if (http->status == 0)
                return;
        e.op = PROXY_REPLY;
        e.proxy.granted = http->status / 100 == 2;
        e.proxy.ends.flags = 0;
        log_emit_app(out, &z->talk, &e, LOG_RESP);
}

int log_zeek_http(struct zeek *z, const struct log_out *out)
{
        struct slice method = log_zeek_text(z, ZEEK_METHOD), uri = log_zeek_text(z, ZEEK_URI),
                     host = log_zeek_text(z, ZEEK_HOST), agent = log_zeek_text(z, ZEEK_USER_AGENT);
        struct event e = {.time = z->time, .type = EVENT_HTTP, .op = HTTP_REQUEST};
        struct http_event *w = &e.http;

        if (!log_emit_place(out, &z->talk))
                return 0;
        w->method = method.p;
        w->uri = uri.p;
        w->host = host.p;
        w->agent = agent.p;
        w->method_len = (uint8_t) MIN(method.len, UINT8_MAX);
        w->uri_len = (uint16_t) MIN(uri.len, UINT16_MAX);
        w->host_len = (uint16_t) MIN(host.len, UINT16_MAX);
        w->agent_len = (uint16_t) MIN(agent.len, UINT16_MAX);
        w->length = log_zeek_count(z, ZEEK_REQUEST_BODY_LEN, UINT64_MAX);
        w->ends.flags = z->cut ? ENDS_CUT : 0;
        if (method.len)
                log_emit_app(out, &z->talk, &e, LOG_ORIG);
        w->status = (uint16_t) MIN(log_zeek_count(z, ZEEK_STATUS_CODE, 0), 999u);
        http_proxy(z, out, w, method);
        http_file(z, out, w, LOG_ORIG);
        if (w->status) {
                e.op = HTTP_RESPONSE;
                w->ends.flags = z->cut ? ENDS_CUT : 0;
                w->length = log_zeek_count(z, ZEEK_RESPONSE_BODY_LEN, UINT64_MAX);
                log_emit_app(out, &z->talk, &e, LOG_RESP);
        }
        http_file(z, out, w, LOG_RESP);
        return 0;
}

static uint16_t tls_version(struct slice s)
{
        static const struct {
                const char *name;
                uint16_t version;
        } versions[] = {
                {"SSLv2", 0x0002},  {"SSLv3", 0x0300},  {"TLSv10", 0x0301},  {"TLSv1", 0x0301},   {"TLSv11", 0x0302},
                {"TLSv12", 0x0303}, {"TLSv13", 0x0304}, {"DTLSv10", 0xfeff}, {"DTLSv12", 0xfefd}, {"DTLSv13", 0xfefc},
        };

        for (size_t i = 0; i < ELEMENTSOF(versions); i++)
                if (log_text_is(s, versions[i].name))
                        return versions[i].version;
        return 0;
}

/* The suites in use today, from IANA's registry; others stay 0. */
static uint16_t tls_cipher(struct slice s)
{
        static const struct {
                const char *name;
                uint16_t cipher;
        } ciphers[] = {
                {"TLS_AES_128_GCM_SHA256", 0x1301},
                {"TLS_AES_256_GCM_SHA384", 0x1302},
                {"TLS_CHACHA20_POLY1305_SHA256", 0x1303},
                {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xc02b},
                {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 0xc02c},
                {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xc02f},
                {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0xc030},
                {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca8},
                {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca9},
                {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 0xc013},
                {"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", 0xc014},
                {"TLS_RSA_WITH_AES_128_GCM_SHA256", 0x009c},
                {"TLS_RSA_WITH_AES_256_GCM_SHA384", 0x009d},
                {"TLS_RSA_WITH_AES_128_CBC_SHA", 0x002f},
                {"TLS_RSA_WITH_AES_256_CBC_SHA", 0x0035},
                {"TLS_RSA_WITH_3DES_EDE_CBC_SHA", 0x000a},
                {"TLS_RSA_WITH_RC4_128_SHA", 0x0005},
                {"TLS_RSA_WITH_RC4_128_MD5", 0x0004},
        };

        for (size_t i = 0; i < ELEMENTSOF(ciphers); i++)
                if (log_text_is(s, ciphers[i].name))
                        return ciphers[i].cipher;
        return 0;
}

int log_zeek_ssl(struct zeek *z, const struct log_out *out)
{
        struct slice ja4 = log_zeek_text(z, ZEEK_JA4), alpn = log_zeek_text(z, ZEEK_NEXT_PROTOCOL);
        struct event e = {.time = z->time, .type = EVENT_TLS, .op = TLS_CLIENT_HELLO};
        char *copy;

        if (!log_emit_place(out, &z->talk))
                return 0;
        e.tls.sni = log_zeek_text(z, ZEEK_SERVER_NAME);
        if (ja4.len == JA4_LENGTH && !memchr(ja4.p, '\0', JA4_LENGTH) && (copy = log_zeek_room(z, JA4_LENGTH + 1))) {
                memcpy(copy, ja4.p, JA4_LENGTH);
                copy[JA4_LENGTH] = '\0';
                e.tls.ja4 = copy;
        }
        e.tls.ends.flags = z->cut ? ENDS_CUT : 0;
        log_emit_app(out, &z->talk, &e, LOG_ORIG);
        if (!z->value[ZEEK_VERSION].raw.p && !z->value[ZEEK_CIPHER].raw.p)
                return 0; /* no server hello came */
        e.op = TLS_SERVER_HELLO;
        e.tls = (struct tls_event){
                .version = tls_version(z->value[ZEEK_VERSION].raw),
                .cipher = tls_cipher(z->value[ZEEK_CIPHER].raw),
                .alpn = alpn.p,
                .alpn_len = (uint8_t) MIN(alpn.len, UINT8_MAX),
        };
        log_emit_app(out, &z->talk, &e, LOG_RESP);
        return 0;
}
