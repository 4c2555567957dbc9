/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Puts the gate's rules in force, takes them away, and finds out whether they still are. Runs in the keeper and in the
 * command line. */
#include "respond/gate_rules.h"

#include <errno.h>

#include "respond/gate_rules_text.h"
#include "respond/nft.h"

#define CHECK       "_check_"
#define SCRATCH     GATE_RULES_TABLE CHECK /* and the number of the process: two may check at once */
#define LISTING_MAX (4 << 20)
#define TABLE_MAX   64
#define ATTEMPTS    5 /* a device may go between listing and loading: before Linux 6.16 that refuses everything */
#define FAMILIES    2
#define COMPLAINT   256

static const char *const families[FAMILIES] = {"inet", "netdev"};

struct devices {
        struct gate_rules_device *items;
        unsigned n;
        unsigned left_out; /* too many, or nft cannot say their names */
};

static void devices_done(struct devices *d)
{
        free(d->items);
}

static int devices_get(struct devices *d)
{
        int r;

        free(TAKE_PTR(d->items));
        r = gate_rules_devices(&d->items, &d->n, &d->left_out);
        for (unsigned i = 0; r == 0 && i < d->n; i++)
                if (!gate_rules_device_fits(d->items[i].name))
                        d->left_out++;
        return r;
}

static int load(const struct gate_rules_params *params, const struct gate_rules_form *form, struct buf *why)
{
        _cleanup_(buf_done)
        struct buf text = BUF_HEAP(GATE_RULES_TEXT_MAX);
        int r = gate_rules_form_text(params, form, &text);

        return r < 0 ? r : nft_load(buf_str(&text), why);
}

/* Is it worth trying with less? Not when nft itself is missing, may not, or does not answer. */
static bool is_refusal(int r)
{
        return r == -EIO || r == -ENOENT || r == -EOPNOTSUPP || r == -EEXIST;
}

/* Both tables, for the devices that are there now. */
static int load_both(const struct gate_rules_params *params, struct gate_rules_form *form, struct devices *devices,
                     struct buf *complaint)
{
        int r = 0;

        form->egress = true;
        for (unsigned i = 0; i < ATTEMPTS; i++) {
                r = devices_get(devices);
                if (r < 0)
                        return r;
                form->devices = devices->items;
                form->n_devices = devices->n;
                buf_reset(complaint);
                r = load(params, form, complaint);
                if (r != -ENOENT)
                        break;
        }
        return r;
}

/* Both tables; the second without what this kernel lacks; or the first alone. 0; 1: not all of it; or an error. */
static int load_best(const struct gate_rules_params *params, struct gate_rules_form *form, struct devices *devices,
                     struct buf *why)
{
        char text[COMPLAINT], more[COMPLAINT];
        struct buf complaint = BUF_FIXED(text), other = BUF_FIXED(more);
        int r;

        form->routed = true;
        r = load_both(params, form, devices, &complaint);
        if (r == 0)
                return 0;
        form->routed = false;
        if (r == -EOPNOTSUPP && load_both(params, form, devices, &other) == 0) {
                if (why)
                        buf_puts(why, "packet sockets that forge the permit's mark are not told apart: this kernel has "
                                      "no IP_ROUTE_CLASSID");
                return 1;
        }
        if (is_refusal(r)) {
                form->egress = false;
                if (load(params, form, NULL) == 0) {
                        if (why)
                                buf_printf(why, "packet sockets and bridged packets are not covered: %s",
                                           buf_str(&complaint));
                        return 1;
                }
        }
        if (why)
                buf_puts(why, buf_str(&complaint));
        return r;
}

static int say_left_out(const struct devices *d, struct buf *what)
{
        if (d->left_out == 0)
                return 0;
        if (what)
                buf_printf(what, "%u devices are not covered for packet sockets and bridged packets", d->left_out);
        return 1;
}

int gate_rules_apply(const struct gate_rules_params *params, struct buf *why)
{
        _cleanup_(devices_done)
        struct devices devices = {0};
        struct gate_rules_form form = {.table = GATE_RULES_TABLE};
        int r = load_best(params, &form, &devices, why);

        return r == 0 ? say_left_out(&devices, why) : r;
}

/* A line "table inet sekimori_gate" of `nft list tables`, or of a check that was killed. */
static bool is_ours(const char *line, size_t len)
{
        for (size_t i = 0; i < FAMILIES; i++) {
                char wanted[TABLE_MAX];
                size_t n = (size_t) snprintf(wanted, sizeof(wanted), "table %s " GATE_RULES_TABLE, families[i]);
                if (len >= n && memcmp(line, wanted, n) == 0 &&
                    (len == n || (len - n >= strlen(CHECK) && memcmp(line + n, CHECK, strlen(CHECK)) == 0)))
                        return true;
        }
        return false;
}

int gate_rules_remove(struct buf *why)
{
        static const char *const args[] = {"list", "tables", NULL};
        int r = 0;

        /* Somebody else may remove one between listing and deleting. */
        for (unsigned i = 0; i < 2; i++) {
                _cleanup_(buf_done)
                struct buf listing = BUF_HEAP(LISTING_MAX), text = BUF_HEAP(LISTING_MAX);
                char complaint_text[COMPLAINT];
                struct buf complaint = BUF_FIXED(complaint_text);

                r = nft_run(args, NULL, &listing, why);
                if (r < 0)
                        return r;
                for (const char *line = buf_str(&listing); *line; line += strcspn(line, "\n"), line += *line == '\n')
                        if (is_ours(line, strcspn(line, "\n")))
                                buf_printf(&text, "delete %.*s\n", (int) strcspn(line, "\n"), line);
                if (text.error)
                        return text.error;
                if (!text.len)
                        return 0;
                r = nft_load(buf_str(&text), &complaint);
                if (r == 0)
                        return 0;
                if (why && i == 1)
                        buf_puts(why, buf_str(&complaint));
        }
        return r;
}

/* --- comparing listings ---
 *
 * A listing is "table FAMILY NAME {", then blocks that begin and end with a line of one tab: "\tchain output {" ...
 * "\t}". */

struct block {
        const char *start; /* at the tab of its first line */
        size_t title;      /* bytes of its first line */
        size_t len;
};

/* The next block at or after `at`; lines between (flags, empty ones) are skipped. */
static bool next_block(const char *at, struct block *ret)
{
        while (*at) {
                size_t line = strcspn(at, "\n");

                if (at[0] == '\t' && at[1] != '\t' && at[1] != '}' && line > 1 && at[line - 1] == '{') {
                        const char *end = strstr(at, "\n\t}");

                        if (!end)
                                return false;
                        *ret = (struct block){.start = at, .title = line, .len = (size_t) (end - at) + 3};
                        return true;
                }
                at += line + (at[line] == '\n');
        }
        return false;
}

static bool find_block(const char *listing, const struct block *wanted, struct block *ret)
{
        for (const char *at = listing; next_block(at, ret); at = ret->start + ret->len)
                if (ret->title == wanted->title && memcmp(ret->start, wanted->start, wanted->title) == 0)
                        return true;
        return false;
}

static void say_block(const char *family, const struct block *b, const char *how, struct buf *what)
{
        char text[COMPLAINT];
        struct buf visible = BUF_FIXED(text);

        if (!what)
                return;
        buf_put_visible(&visible, b->start + 1, b->title > 3 ? b->title - 3 : 0); /* without tab and " {" */
        buf_printf(what, "table %s " GATE_RULES_TABLE ": %s %s", family, buf_str(&visible), how);
}

/* The chain of a device that is gone: newer kernels keep it. */
static bool is_left_chain(const struct block *b, const struct devices *devices)
{
        static const char head[] = "\tchain egress_", hook[] = "device \"";
        const char *name = memmem(b->start, b->len, hook, sizeof(hook) - 1);

        if (b->title < sizeof(head) || memcmp(b->start, head, sizeof(head) - 1) != 0)
                return false;
        if (!name)
                return true;
        name += sizeof(hook) - 1;
        for (unsigned i = 0; i < devices->n; i++)
                if (strncmp(name, devices->items[i].name, strlen(devices->items[i].name)) == 0 &&
                    name[strlen(devices->items[i].name)] == '"')
                        return false;
        return true;
}

static int compare(const char *family, const char *expected, const char *actual, const struct devices *devices,
                   struct buf *what)
{
        const char *flags = strstr(actual, "\n\tflags ");
        struct block a, b;

        expected += strcspn(expected, "\n"); /* the names differ */
        actual += strcspn(actual, "\n");
        for (const char *at = expected; next_block(at, &a); at = a.start + a.len) {
                bool found = find_block(actual, &a, &b);

                if (found && a.len == b.len && memcmp(a.start, b.start, a.len) == 0)
                        continue;
                say_block(family, &a, found ? "is changed" : "is missing", what);
                return -EBADMSG;
        }
        for (const char *at = actual; next_block(at, &b); at = b.start + b.len)
                if (!find_block(expected, &b, &a) && !is_left_chain(&b, devices)) {
                        say_block(family, &b, "is not ours", what);
                        return -EBADMSG;
                }
        if (flags) {
                if (what)
                        buf_printf(what, "table %s " GATE_RULES_TABLE " is dormant, or has other flags", family);
                return -EBADMSG;
        }
        return 0;
}

static int list(const char *family, const char *table, struct buf *out, struct buf *why)
{
        const char *const args[] = {"-s", "list", "table", family, table, NULL};

        return nft_run(args, NULL, out, why);
}

static int compare_with(const struct gate_rules_form *form, const struct buf *actual, const struct devices *devices,
                        struct buf *what)
{
        for (size_t i = 0; i < (form->egress ? FAMILIES : 1); i++) {
                _cleanup_(buf_done)
                struct buf expected = BUF_HEAP(LISTING_MAX);
                int r = list(families[i], form->table, &expected, what);

                if (r < 0)
                        return r == -ENOENT ? -EAGAIN : r;
                if (!actual[i].len) {
                        if (what)
                                buf_printf(what, "table %s " GATE_RULES_TABLE " is missing", families[i]);
                        return -ENOENT;
                }
                r = compare(families[i], buf_str(&expected), buf_str(&actual[i]), devices, what);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void remove_scratch(const struct gate_rules_form *form)
{
        char text[COMPLAINT];
        struct buf b = BUF_FIXED(text);

        for (size_t i = 0; i < (form->egress ? FAMILIES : 1); i++)
                buf_printf(&b, "delete table %s %s\n", families[i], form->table);
        nft_load(text, NULL);
}

int gate_rules_check(const struct gate_rules_params *params, struct buf *what)
{
        _cleanup_(devices_done)
        struct devices devices = {0};
        _cleanup_(buf_done)
        struct buf inet = BUF_HEAP(LISTING_MAX), netdev = BUF_HEAP(LISTING_MAX);
        struct buf actual[FAMILIES];
        char scratch[TABLE_MAX], text[COMPLAINT];
        struct buf why = BUF_FIXED(text);
        struct gate_rules_form form = {.table = scratch, .dormant = true};
        int r, less;

        snprintf(scratch, sizeof(scratch), SCRATCH "%d", (int) getpid());
        r = list(families[0], GATE_RULES_TABLE, &inet, &why);
        if (r < 0) {
                if (what)
                        buf_puts(what, r == -ENOENT ? "table inet " GATE_RULES_TABLE " is missing" : buf_str(&why));
                return r;
        }
        r = list(families[1], GATE_RULES_TABLE, &netdev, NULL);
        if (r < 0 && !is_refusal(r))
                return r;
        less = load_best(params, &form, &devices, &why);
        if (less < 0) {
                if (what)
                        buf_puts(what, buf_str(&why));
                return less;
        }
        actual[0] = inet;
        actual[1] = netdev;
        r = compare_with(&form, actual, &devices, what);
        remove_scratch(&form);
        if (r < 0)
                return r;
        if (less && what)
                buf_puts(what, buf_str(&why));
        return less ? less : say_left_out(&devices, what);
}
