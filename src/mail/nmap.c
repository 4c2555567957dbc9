/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Documents to hosts. Runs where mail/nmap.h says. */
#include "mail/nmap.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>

#include "base/table.h"

#define READ_SIZE (64u << 10)
#define TIME_MAX  (1LL << 33) /* seconds: the year 2242 */

enum element {
        OTHER,
        NMAPRUN,
        HOST,
        ADDRESS,
        PORTS,
        PORT,
        STATE,
        SERVICE,
        EXTRAPORTS,
        EXTRAREASONS,
        OS,
        OSMATCH,
        OSCLASS
};

static const struct {
        const char *name;
        enum element in; /* the element that it counts in */
} elements[] = {
        [NMAPRUN] = {"nmaprun", OTHER},
        [HOST] = {"host", NMAPRUN},
        [ADDRESS] = {"address", HOST},
        [PORTS] = {"ports", HOST},
        [PORT] = {"port", PORTS},
        [STATE] = {"state", PORT},
        [SERVICE] = {"service", PORT},
        [EXTRAPORTS] = {"extraports", PORTS},
        [EXTRAREASONS] = {"extrareasons", EXTRAPORTS},
        [OS] = {"os", HOST},
        [OSMATCH] = {"osmatch", OS},
        [OSCLASS] = {"osclass", OSMATCH},
};

enum port { PORT_UNKNOWN, PORT_OPEN, PORT_CLOSED };

struct nmap {
        GMarkupParseContext *context;
        struct table *hosts;
        enum element path[NMAP_DEPTH_MAX];
        unsigned depth;
        size_t bytes, piece;
        bool begun;
        struct buf *why; /* during a call */
        nsec_t started;  /* of the whole scan */
        /* The host in hand. */
        struct nmap_host host;
        bool has_address, is_25, extra_closed, disagree, role_open;
        enum port port;
        bool smtp;
        /* The match in hand. */
        uint32_t families; /* bits */
        enum os_role role;
        uint8_t accuracy;
        char name[OS_DB_NAME_MAX];
};

/* --- attributes --- */

static const char *attribute(const char **names, const char **values, const char *name)
{
        for (; *names; names++, values++)
                if (strcmp(*names, name) == 0)
                        return *values;
        return "";
}

static long long number(const char *text, long long max)
{
        char *end;
        gint64 v = g_ascii_strtoll(text, &end, 10);

        return *text >= '0' && *text <= '9' && !*end && v <= max ? v : -1;
}

static nsec_t time_of(const char *text)
{
        long long s = number(text, TIME_MAX);

        return s > 0 ? s * NSEC_PER_SEC : 0;
}

/* "1,3-4,25": is 25 in it? */
static bool has_25(const char *ports)
{
        while (*ports) {
                char *end;
                guint64 from = g_ascii_strtoull(ports, &end, 10), to = from;

                if (end == ports)
                        return false;
                if (*end == '-') {
                        ports = end + 1;
                        to = g_ascii_strtoull(ports, &end, 10);
                }
                if (from <= 25 && 25 <= to)
                        return true;
                ports = *end == ',' ? end + 1 : "";
        }
        return false;
}

/* --- systems --- */

static enum os_family family_of(const char *name)
{
        static const struct {
                const char *name;
                enum os_family family;
        } rows[] = {
                {"Linux", OS_FAMILY_LINUX},     {"Windows", OS_FAMILY_WINDOWS}, {"Mac OS X", OS_FAMILY_APPLE},
                {"macOS", OS_FAMILY_APPLE},     {"OS X", OS_FAMILY_APPLE},      {"iOS", OS_FAMILY_APPLE},
                {"FreeBSD", OS_FAMILY_FREEBSD}, {"OpenBSD", OS_FAMILY_OPENBSD}, {"NetBSD", OS_FAMILY_NETBSD},
                {"Solaris", OS_FAMILY_SOLARIS},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (strcmp(rows[i].name, name) == 0)
                        return rows[i].family;
        return OS_FAMILY_OTHER;
}

/* By osgen, which names an edition or a year. */
static enum os_role windows_role(const char *gen)
{
        static const char *const clients[] = {"95", "98", "Me", "XP", "Vista", "7", "8", "8.1", "10", "11", NULL};
        static const char *const servers[] = {"2003", "2008", "2012", "2016", "2019", "2022", "2025", NULL};

        return g_strv_contains(clients, gen) ? OS_ROLE_CLIENT :
               g_strv_contains(servers, gen) ? OS_ROLE_SERVER :
                                               OS_ROLE_EITHER;
}

/* As in our book of signatures (os_parse.c). Of a router or a camera its system says nothing. */
static enum os_role role_of(const char *type, const char *gen, enum os_family family)
{
        if (strcmp(type, "general purpose") != 0)
                return OS_ROLE_UNKNOWN;
        switch (family) {
        case OS_FAMILY_WINDOWS:
                return windows_role(gen);
        case OS_FAMILY_APPLE:
                return OS_ROLE_CLIENT;
        case OS_FAMILY_FREEBSD:
        case OS_FAMILY_OPENBSD:
        case OS_FAMILY_NETBSD:
        case OS_FAMILY_SOLARIS:
                return OS_ROLE_SERVER;
        default:
                return OS_ROLE_EITHER;
        }
}

static void merge_role(enum os_role *to, bool *open, enum os_role role)
{
        if (*open)
                *to = role;
        else if (*to == OS_ROLE_UNKNOWN || role == OS_ROLE_UNKNOWN)
                *to = OS_ROLE_UNKNOWN;
        else if (*to != role)
                *to = OS_ROLE_EITHER;
        *open = false;
}

static void take_class(struct nmap *n, const char **names, const char **values)
{
        const char *family = attribute(names, values, "osfamily"), *type = attribute(names, values, "type");
        long long accuracy = number(attribute(names, values, "accuracy"), 100);
        enum os_family is = family_of(family);

        if (accuracy < NMAP_SURE)
                return;
        n->accuracy = MAX(n->accuracy, (uint8_t) accuracy);
        n->families |= 1u << is;
        /* "embedded" stands beside what runs on it, and says that it is a device. */
        merge_role(&n->role, &n->role_open, role_of(type, attribute(names, values, "osgen"), is));
}

static void begin_match(struct nmap *n, const char **names, const char **values)
{
        const char *name = attribute(names, values, "name");
        size_t i;

        n->families = n->accuracy = 0;
        for (i = 0; name[i] && i < sizeof(n->name) - 1; i++)
                n->name[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
        n->name[i] = 0;
}

/* A match's families, "embedded" and its like aside where something better is named. */
static void end_match(struct nmap *n)
{
        uint32_t known = n->families & ~(1u << OS_FAMILY_OTHER);
        enum os_family is;

        if (!n->families)
                return;
        if (known & (known - 1)) {
                n->disagree = true;
                return;
        }
        is = known ? (enum os_family) __builtin_ctz(known) : OS_FAMILY_OTHER;
        if (n->host.family && n->host.family != is)
                n->disagree = true;
        n->host.family = is;
        if (n->accuracy > n->host.accuracy) {
                n->host.accuracy = n->accuracy;
                memcpy(n->host.os, n->name, sizeof(n->host.os));
        }
}

/* --- hosts --- */

static void begin_host(struct nmap *n, const char **names, const char **values)
{
        nsec_t end = time_of(attribute(names, values, "endtime"));

        n->host = (struct nmap_host){.time = end ? end : time_of(attribute(names, values, "starttime"))};
        if (!n->host.time)
                n->host.time = n->started;
        n->has_address = n->disagree = false;
        n->role_open = true;
        n->role = OS_ROLE_UNKNOWN;
}

static void take_address(struct nmap *n, const char **names, const char **values)
{
        if (strcmp(attribute(names, values, "addrtype"), "mac") == 0 || n->has_address)
                return;
        n->has_address = addr_parse(attribute(names, values, "addr"), &n->host.addr) == 0;
}

static int end_host(struct nmap *n)
{
        struct nmap_host *known;
        bool created;

        if (!n->has_address || !n->host.time)
                return 0;
        if (n->disagree || !n->host.family) {
                n->host.family = OS_FAMILY_UNKNOWN;
                n->host.accuracy = 0;
                n->host.os[0] = 0;
        } else
                n->host.role = n->role;
        if (table_count(n->hosts) == NMAP_HOSTS_MAX && !table_peek(n->hosts, &n->host.addr))
                return -E2BIG;
        known = table_insert(n->hosts, &n->host.addr, &created);
        if (!known)
                return -ENOMEM;
        if (created || known->time <= n->host.time)
                *known = n->host;
        return 0;
}

/* --- ports --- */

static void begin_port(struct nmap *n, const char **names, const char **values)
{
        n->is_25 = strcmp(attribute(names, values, "protocol"), "tcp") == 0 &&
                   strcmp(attribute(names, values, "portid"), "25") == 0;
        n->port = PORT_UNKNOWN;
        n->smtp = false;
}

static void end_port(struct nmap *n)
{
        if (!n->is_25)
                return;
        if (n->port == PORT_OPEN && n->smtp)
                n->host.server = ANSWER_YES;
        if (n->port == PORT_CLOSED)
                n->host.refused = ANSWER_YES;
}

static enum port port_of(const char *state)
{
        return strcmp(state, "open") == 0 ? PORT_OPEN : strcmp(state, "closed") == 0 ? PORT_CLOSED : PORT_UNKNOWN;
}

/* --- the document --- */

static void take_element(struct nmap *n, enum element e, const char **names, const char **values)
{
        switch (e) {
        case NMAPRUN:
                n->started = time_of(attribute(names, values, "start"));
                break;
        case HOST:
                begin_host(n, names, values);
                break;
        case ADDRESS:
                take_address(n, names, values);
                break;
        case PORT:
                begin_port(n, names, values);
                break;
        case STATE:
                n->port = port_of(attribute(names, values, "state"));
                break;
        case SERVICE:
                n->smtp = strcmp(attribute(names, values, "name"), "smtp") == 0;
                break;
        case EXTRAPORTS:
                n->extra_closed = port_of(attribute(names, values, "state")) == PORT_CLOSED;
                break;
        case EXTRAREASONS:
                /* Of many closed ports nmap writes a list. */
                if (n->extra_closed && strcmp(attribute(names, values, "proto"), "tcp") == 0 &&
                    has_25(attribute(names, values, "ports")))
                        n->host.refused = ANSWER_YES;
                break;
        case OSMATCH:
                begin_match(n, names, values);
                break;
        case OSCLASS:
                take_class(n, names, values);
                break;
        default:
                break;
        }
}

static void on_start(GMarkupParseContext *context _unused_, const char *name, const char **names, const char **values,
                     gpointer userdata, GError **error)
{
        struct nmap *n = userdata;
        enum element in = n->depth ? n->path[n->depth - 1] : OTHER, is = OTHER;

        n->piece = 0;
        if (n->depth == NMAP_DEPTH_MAX) {
                g_set_error_literal(error, G_MARKUP_ERROR, G_MARKUP_ERROR_INVALID_CONTENT, "nested too deep");
                return;
        }
        for (enum element e = NMAPRUN; e < ELEMENTSOF(elements); e++)
                if (elements[e].in == in && (in != OTHER || n->depth == 0) && strcmp(elements[e].name, name) == 0)
                        is = e;
        if (n->depth == 0 && (is != NMAPRUN || n->begun)) {
                g_set_error_literal(error, G_MARKUP_ERROR, G_MARKUP_ERROR_UNKNOWN_ELEMENT,
                                    n->begun ? "more than one document" : "not written by nmap -oX");
                return;
        }
        n->begun = true;
        n->path[n->depth++] = is;
        take_element(n, is, names, values);
}

static void on_end(GMarkupParseContext *context _unused_, const char *name _unused_, gpointer userdata, GError **error)
{
        struct nmap *n = userdata;
        enum element e = n->path[--n->depth];
        int r = 0;

        n->piece = 0;
        if (e == PORT)
                end_port(n);
        else if (e == OSMATCH)
                end_match(n);
        else if (e == HOST)
                r = end_host(n);
        if (r < 0)
                g_set_error_literal(error, G_MARKUP_ERROR, G_MARKUP_ERROR_INVALID_CONTENT,
                                    r == -E2BIG ? "too many hosts" : "out of memory");
}

/* Texts, comments and the like: passed over. */
static void on_text(GMarkupParseContext *context _unused_, const char *text _unused_, gsize len _unused_,
                    gpointer userdata, GError **error _unused_)
{
        struct nmap *n = userdata;

        n->piece = 0;
}

/* Not by GError: GLib 2.74 finds two errors in some names, and complains on standard error of the second. */
static void on_error(GMarkupParseContext *context _unused_, GError *error, gpointer userdata)
{
        struct nmap *n = userdata;

        if (n->why->len == 0)
                (void) buf_put_visible(n->why, error->message, MIN(strlen(error->message), (size_t) 200));
}

int nmap_new(struct nmap **ret)
{
        static const GMarkupParser parser = {.start_element = on_start,
                                             .end_element = on_end,
                                             .text = on_text,
                                             .passthrough = on_text,
                                             .error = on_error};
        const struct table_params params = {.name = "scanned hosts",
                                            .cap = NMAP_HOSTS_MAX,
                                            .key_size = sizeof(struct addr),
                                            .entry_size = sizeof(struct nmap_host)};
        _cleanup_(nmap_freep)
        struct nmap *n = calloc(1, sizeof(*n));
        int r;

        if (!n)
                return -ENOMEM;
        r = table_new(&params, &n->hosts);
        if (r < 0)
                return r;
        n->context = g_markup_parse_context_new(&parser, 0, n, NULL);
        *ret = TAKE_PTR(n);
        return 0;
}

void nmap_free(struct nmap *n)
{
        if (!n)
                return;
        if (n->context)
                g_markup_parse_context_free(n->context);
        table_free(n->hosts);
        free(n);
}

int nmap_feed(struct nmap *n, const char *data, size_t len, struct buf *why)
{
        n->why = why;
        while (len > 0) {
                size_t part = MIN(len, (size_t) READ_SIZE);

                n->bytes += part;
                n->piece += part;
                if (n->bytes > NMAP_BYTES_MAX || n->piece > NMAP_PIECE_MAX) {
                        (void) buf_puts(why, n->bytes > NMAP_BYTES_MAX ? "too large" : "one element is too large");
                        return -EBADMSG;
                }
                if (!g_markup_parse_context_parse(n->context, data, (gssize) part, NULL))
                        return -EBADMSG;
                data += part;
                len -= part;
        }
        return 0;
}

int nmap_end(struct nmap *n, struct buf *why)
{
        n->why = why;
        return g_markup_parse_context_end_parse(n->context, NULL) ? 0 : -EBADMSG;
}

static int read_fd(struct nmap *n, int fd, struct buf *why)
{
        _cleanup_free_ char *data = malloc(READ_SIZE);
        ssize_t got;
        int r = 0;

        if (!data)
                return -ENOMEM;
        while (r == 0 && (got = read(fd, data, READ_SIZE)) != 0) {
                if (got < 0) {
                        r = -errno;
                        (void) buf_puts(why, strerror(-r));
                        return r;
                }
                r = nmap_feed(n, data, (size_t) got, why);
        }
        return r < 0 ? r : nmap_end(n, why);
}

int nmap_read(struct nmap *n, const char *path, struct buf *why)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), r;

        if (fd < 0) {
                r = -errno;
                (void) buf_puts(why, strerror(-r));
                return r;
        }
        r = read_fd(n, fd, why);
        close(fd);
        return r;
}

const struct nmap_host *nmap_find(const struct nmap *n, const struct addr *a)
{
        return table_peek(n->hosts, a);
}

unsigned nmap_count(const struct nmap *n)
{
        return table_count(n->hosts);
}
