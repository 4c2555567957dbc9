/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parsers for the texts of /proc. They take a length, expect no NUL, and never look beyond. */
#include "source/proc_scan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "base/cleanup.h"

#define PF_KTHREAD 0x00200000u

struct text {
        const char *p, *end;
};

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n';
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return -1;
}

/* The next word between spaces; empty at the end. */
static struct text word(struct text *t)
{
        struct text w;

        while (t->p < t->end && is_space(*t->p))
                t->p++;
        w.p = t->p;
        while (t->p < t->end && !is_space(*t->p))
                t->p++;
        w.end = t->p;
        return w;
}

static bool number_of(struct text w, uint64_t *ret)
{
        bool negative = w.p < w.end && *w.p == '-';
        uint64_t n = 0;

        if (negative)
                w.p++;
        if (w.p == w.end)
                return false;
        for (; w.p < w.end; w.p++) {
                if (*w.p < '0' || *w.p > '9')
                        return false;
                if (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, (uint64_t) (*w.p - '0'), &n))
                        return false;
        }
        *ret = negative ? -n : n;
        return true;
}

static bool hex_of(const char *p, size_t digits, uint64_t *ret)
{
        uint64_t n = 0;

        if (digits == 0 || digits > 16)
                return false;
        for (size_t i = 0; i < digits; i++) {
                int d = hex_digit(p[i]);

                if (d < 0)
                        return false;
                n = n << 4 | (unsigned) d;
        }
        *ret = n;
        return true;
}

/* The kernel's user-space encoding of a device number, as the model has it. */
static uint32_t device_of(uint64_t encoded)
{
        uint32_t major = (uint32_t) (encoded >> 8) & 0xfff;
        uint32_t minor = (uint32_t) ((encoded & 0xff) | (encoded >> 12 & 0xfff00));

        return major << 20 | minor;
}

int proc_scan_stat(const char *text, size_t len, struct proc_stat *ret)
{
        struct proc_stat s = {0};
        const char *open = memchr(text, '(', len), *close;
        uint64_t pid, field[23] = {0};
        struct text t, state;
        size_t n;

        /* A name may hold anything, ") R 1 (" too: it ends at the last parenthesis, as only numbers follow. */
        close = memrchr(text, ')', len);
        if (!open || !close || close < open)
                return -EBADMSG;
        t = (struct text){.p = text, .end = open};
        if (!number_of(word(&t), &pid) || pid == 0 || pid > INT32_MAX)
                return -EBADMSG;
        n = MIN((size_t) (close - open - 1), sizeof(s.comm) - 1);
        memcpy(s.comm, open + 1, n);

        t = (struct text){.p = close + 1, .end = text + len};
        state = word(&t);
        if (state.end - state.p != 1)
                return -EBADMSG;
        for (size_t i = 4; i <= 22; i++) /* numbered as in proc(5) */
                if (!number_of(word(&t), &field[i]))
                        return -EBADMSG;
        /* A number cut at the end would be a wrong start time: something must follow it. */
        if (t.p == t.end)
                return -EBADMSG;
        s.pid = (uint32_t) pid;
        s.ppid = field[4] <= INT32_MAX ? (uint32_t) field[4] : 0;
        s.session = field[6] <= INT32_MAX ? (uint32_t) field[6] : 0;
        s.tty = device_of(field[7]);
        s.kernel = (field[9] & PF_KTHREAD) != 0;
        s.start = field[22];
        /* The first thread may be gone while others go on: then the descriptors are theirs. */
        s.dead = (*state.p == 'Z' || *state.p == 'X') && field[20] <= 1;
        s.leader_gone = *state.p == 'Z' && field[20] > 1;
        *ret = s;
        return 0;
}

/* "0100007F:1F90", or 32 digits: words of the address as the machine keeps them. */
static bool endpoint_of(struct text w, bool is_v6, struct addr *ret_addr, uint16_t *ret_port)
{
        size_t digits = is_v6 ? 32 : 8;
        uint64_t n, port;
        struct addr a;

        if ((size_t) (w.end - w.p) != digits + 5 || w.p[digits] != ':' || !hex_of(w.p + digits + 1, 4, &port))
                return false;
        for (size_t i = 0; i < digits / 8; i++) {
                uint32_t word32;

                if (!hex_of(w.p + i * 8, 8, &n))
                        return false;
                word32 = (uint32_t) n;
                if (is_v6)
                        memcpy(a.b + i * 4, &word32, 4);
                else
                        a = addr_from_v4(word32);
        }
        *ret_addr = a;
        *ret_port = (uint16_t) port;
        return true;
}

/* "sl: local remote st tx:rx tr:when retransmits uid timeout inode …" */
static bool inet_line(struct text *t, struct proc_socket *s)
{
        struct text state;
        uint64_t n, uid;

        if (!endpoint_of(word(t), s->is_v6, &s->local, &s->local_port) ||
            !endpoint_of(word(t), s->is_v6, &s->remote, &s->remote_port))
                return false;
        state = word(t);
        if (!hex_of(state.p, (size_t) (state.end - state.p), &n) || n > UINT8_MAX)
                return false;
        s->state = (uint8_t) n;
        for (int i = 0; i < 3; i++)
                (void) word(t);
        if (!number_of(word(t), &uid) || uid > UINT32_MAX)
                return false;
        (void) word(t);
        s->uid = (uint32_t) uid;
        if (!number_of(word(t), &s->inode) || t->p == t->end) /* the last number may be cut */
                return false;
        if (addr_is_unspecified(&s->remote))
                s->remote = (struct addr){0};
        return true;
}

/* "sk refcount type proto iface r rmem user inode" */
static bool packet_line(struct text *t, struct proc_socket *s)
{
        uint64_t type, ifindex, uid;
        struct text ethertype;

        (void) word(t);
        if (!number_of(word(t), &type))
                return false;
        ethertype = word(t);
        if (!hex_of(ethertype.p, (size_t) (ethertype.end - ethertype.p), &type) || type > UINT16_MAX)
                return false;
        s->ethertype = (uint32_t) type;
        if (!number_of(word(t), &ifindex) || ifindex > UINT32_MAX)
                return false;
        s->ifindex = (uint32_t) ifindex;
        (void) word(t);
        (void) word(t);
        if (!number_of(word(t), &uid) || uid > UINT32_MAX)
                return false;
        s->uid = (uint32_t) uid;
        return number_of(word(t), &s->inode) && t->p < t->end;
}

int proc_scan_socket(enum proc_table table, bool is_v6, const char *line, size_t len, struct proc_socket *ret)
{
        struct proc_socket s = {.table = (uint8_t) table, .is_v6 = is_v6};
        struct text t = {.p = line, .end = line + len};
        struct text first = word(&t);
        bool ok;

        if (first.p == first.end)
                return -ENODATA;
        if (first.end - first.p == 2 && first.p[0] == 's' && (first.p[1] == 'l' || first.p[1] == 'k'))
                return -ENODATA;
        ok = table == PROC_TABLE_PACKET ? packet_line(&t, &s) : inet_line(&t, &s);
        if (!ok)
                return -EBADMSG;
        switch (table) {
        case PROC_TABLE_TCP:
                s.proto = IPPROTO_TCP;
                break;
        case PROC_TABLE_UDP:
                s.proto = IPPROTO_UDP;
                break;
        case PROC_TABLE_ICMP:
                s.proto = is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
                break;
        case PROC_TABLE_RAW: /* shows its protocol in the place of a port */
                s.proto = (uint8_t) s.local_port;
                s.local_port = s.remote_port = 0;
                break;
        default:
                break;
        }
        *ret = s;
        return 0;
}

int proc_scan_link(const char *kind, const char *text, size_t len, uint64_t *ret)
{
        size_t n = strlen(kind);

        if (len < n + 4 || memcmp(text, kind, n) != 0 || text[n] != ':' || text[n + 1] != '[' || text[len - 1] != ']' ||
            text[n + 2] == '-')
                return -EBADMSG;
        return number_of((struct text){.p = text + n + 2, .end = text + len - 1}, ret) ? 0 : -EBADMSG;
}

int proc_scan_uid(const char *text, size_t len, uint32_t *ret)
{
        static const char key[] = "\nUid:\t"; /* a name's own newlines are written as \n there */
        const char *at = memmem(text, len, key, sizeof(key) - 1);
        struct text t;
        uint64_t uid;

        if (!at)
                return -EBADMSG;
        t = (struct text){.p = at + sizeof(key) - 1, .end = text + len};
        (void) word(&t);
        if (!number_of(word(&t), &uid) || t.p == t.end || uid > UINT32_MAX)
                return -EBADMSG;
        *ret = (uint32_t) uid;
        return 0;
}

int proc_scan_cgroup(const char *text, size_t len, const char **ret_path, size_t *ret_len)
{
        const char *end = text + len;

        for (const char *line = text; line < end;) {
                const char *next = memchr(line, '\n', (size_t) (end - line));

                if (!next)
                        break;
                if (next - line > 3 && memcmp(line, "0::", 3) == 0) {
                        *ret_path = line + 3;
                        *ret_len = (size_t) (next - line - 3);
                        return 0;
                }
                line = next + 1;
        }
        return -ENODATA;
}

int proc_scan_number(const char *text, size_t len, uint64_t *ret)
{
        if (len > 0 && text[len - 1] == '\n')
                len--;
        if (len > 0 && text[0] == '-')
                return -EBADMSG;
        return number_of((struct text){.p = text, .end = text + len}, ret) ? 0 : -EBADMSG;
}
