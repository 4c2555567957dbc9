/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of systemd units and control groups: systemd.unit(5), systemd.slice(5), and systemd's src/basic/unit-name.c and
 * src/basic/cgroup-util.c for what the pages leave out. Runs in `gate allow` and the keeper. */
#include "respond/gate_unit.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "base/cleanup.h"

#define ASK_USEC 1000000

static int _printf_(2, 3) refuse(char *reason, const char *format, ...)
{
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(reason, 128, format, ap);
        va_end(ap);
        return -EINVAL;
}

static bool ends_with(const char *text, const char *suffix)
{
        size_t n = strlen(text), k = strlen(suffix);

        return n > k && strcmp(text + n - k, suffix) == 0;
}

/* The name whole, with its suffix. */
static int complete(const char *name, char ret[static GATE_UNIT_NAME_MAX], char *reason)
{
        const char *suffix =
                ends_with(name, ".service") || ends_with(name, ".slice") || ends_with(name, ".scope") ? "" : ".service";
        const char *at;

        if (!name[0] || name[0] == '.' || name[0] == '@')
                return refuse(reason, "is no name of a unit");
        for (const char *p = name; *p; p++)
                if (!isalnum((unsigned char) *p) && !strchr("@:-_.\\", *p))
                        return refuse(reason, "is no name of a unit");
        if ((size_t) snprintf(ret, GATE_UNIT_NAME_MAX, "%s%s", name, suffix) >= GATE_UNIT_NAME_MAX)
                return refuse(reason, "is too long for a unit");
        at = strchr(ret, '@');
        if (at && strrchr(ret, '.') == at + 1)
                return refuse(reason, "is a template: name an instance of it, or its slice");
        return 0;
}

/* A name that the control group file system uses itself gets an underscore. */
static const char *escape_of(const char *name)
{
        static const char *const controllers[] = {"cgroup.", "cpu.",     "cpuacct.", "cpuset.",  "io.",   "blkio.",
                                                  "memory.", "devices.", "pids.",    "hugetlb.", "rdma.", "misc."};

        if (name[0] == '_' || name[0] == '.')
                return "_";
        for (size_t i = 0; i < ELEMENTSOF(controllers); i++)
                if (strncmp(name, controllers[i], strlen(controllers[i])) == 0)
                        return "_";
        return "";
}

static int append(char path[static GATE_UNIT_PATH_MAX], const char *name, size_t len)
{
        char one[GATE_UNIT_NAME_MAX];
        size_t at = strlen(path);

        if (len >= sizeof(one))
                return -EINVAL;
        memcpy(one, name, len);
        one[len] = '\0';
        return (size_t) snprintf(path + at, GATE_UNIT_PATH_MAX - at, "/%s%s", escape_of(one), one) >=
                               GATE_UNIT_PATH_MAX - at ?
                       -EINVAL :
                       0;
}

/* a-b-c.slice lies in a-b.slice, in a.slice. */
static int append_slices(char path[static GATE_UNIT_PATH_MAX], const char *slice)
{
        size_t n = strlen(slice) - strlen(".slice");

        if (strcmp(slice, "-.slice") == 0)
                return 0;
        for (size_t i = 1; i <= n; i++) {
                char part[GATE_UNIT_NAME_MAX];

                if (i < n && slice[i] != '-')
                        continue;
                if (slice[i - 1] == '-' || slice[0] == '-' ||
                    (size_t) snprintf(part, sizeof(part), "%.*s.slice", (int) i, slice) >= sizeof(part) ||
                    append(path, part, strlen(part)) < 0)
                        return -EINVAL;
        }
        return 0;
}

/* Services lie in system.slice; instances of one template in a slice of their own, their prefix escaped. */
static int append_default_slice(char path[static GATE_UNIT_PATH_MAX], const char *name)
{
        const char *at = strchr(name, '@');
        char slice[GATE_UNIT_NAME_MAX * 4 + 32] = "system-";
        size_t n = strlen(slice);

        if (!at)
                return append_slices(path, "system.slice");
        for (const char *p = name; p < at; p++)
                n += (size_t) sprintf(slice + n, *p == '-' || *p == '\\' ? "\\x%02x" : "%c", *p);
        snprintf(slice + n, sizeof(slice) - n, ".slice");
        return append_slices(path, slice);
}

int gate_unit_check_path(const char *path, char reason[static 128])
{
        static const char *const wide[] = {"/system.slice", "/init.scope", "/machine.slice", "/user.slice"};
        unsigned depth = 0;

        if (path[0] != '/' || !path[1] || strlen(path) >= GATE_UNIT_PATH_MAX)
                return refuse(reason, "is no path of a control group");
        for (size_t i = 0; i < ELEMENTSOF(wide); i++)
                if (strcmp(path, wide[i]) == 0)
                        return refuse(reason, "is too wide: too much runs there");
        if (strncmp(path, "/user.slice/", 12) == 0)
                return refuse(reason, "belongs to a person's sessions");
        for (const char *p = path; *p; depth++) {
                size_t n = strcspn(p + 1, "/");

                if (n == 0 || strncmp(p, "/.", n + 1) == 0 || strncmp(p, "/..", n + 1) == 0)
                        return refuse(reason, "is no path of a control group");
                for (size_t i = 1; i <= n; i++)
                        if (iscntrl((unsigned char) p[i]))
                                return refuse(reason, "is no path of a control group");
                p += n + 1;
        }
        if (depth >= GATE_PATH_DEPTH)
                return refuse(reason, "is too deep: at most %d levels", GATE_PATH_DEPTH - 1);
        return 0;
}

int gate_unit_by_rule(const char *name, struct gate_unit *ret, char reason[static 128])
{
        struct gate_unit u = {0};
        int r = complete(name, u.name, reason);

        if (r < 0)
                return r;
        if (ends_with(u.name, ".slice"))
                r = append_slices(u.path, u.name);
        else {
                r = append_default_slice(u.path, u.name);
                if (r == 0)
                        r = append(u.path, u.name, strlen(u.name));
        }
        if (r < 0)
                return refuse(reason, "has no control group that can be known");
        if (!u.path[0])
                return refuse(reason, "is too wide: too much runs there");
        r = gate_unit_check_path(u.path, reason);
        if (r == 0)
                *ret = u;
        return r;
}

static int get_string(sd_bus *bus, const char *object, const char *interface, const char *property, char **ret)
{
        return sd_bus_get_property_string(bus, "org.freedesktop.systemd1", object, interface, property, NULL, ret);
}

struct answer {
        sd_bus *bus;
        sd_bus_message *reply;
        char *id, *state, *group, *slice;
};

static void answer_done(struct answer *a)
{
        sd_bus_message_unref(a->reply);
        sd_bus_flush_close_unref(a->bus);
        free(a->id);
        free(a->state);
        free(a->group);
        free(a->slice);
}

static int ask(struct answer *a, const char *name)
{
        const char *unit = "org.freedesktop.systemd1.Unit", *kind, *object;
        int r = sd_bus_open_system(&a->bus);

        if (r >= 0)
                r = sd_bus_set_method_call_timeout(a->bus, ASK_USEC);
        if (r >= 0)
                r = sd_bus_call_method(a->bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                       "org.freedesktop.systemd1.Manager", "LoadUnit", NULL, &a->reply, "s", name);
        if (r >= 0)
                r = sd_bus_message_read(a->reply, "o", &object);
        if (r >= 0)
                r = get_string(a->bus, object, unit, "Id", &a->id);
        if (r >= 0)
                r = get_string(a->bus, object, unit, "LoadState", &a->state);
        if (r < 0)
                return r;
        kind = ends_with(a->id, ".slice") ? "org.freedesktop.systemd1.Slice" :
               ends_with(a->id, ".scope") ? "org.freedesktop.systemd1.Scope" :
                                            "org.freedesktop.systemd1.Service";
        r = get_string(a->bus, object, kind, "ControlGroup", &a->group);
        return r < 0 ? r : get_string(a->bus, object, kind, "Slice", &a->slice);
}

int gate_unit_find(const char *name, struct gate_unit *ret, char reason[static 128])
{
        _cleanup_(answer_done)
        struct answer a = {0};
        struct gate_unit u;
        int r = gate_unit_by_rule(name, &u, reason);

        if (r < 0)
                return r;
        if (ask(&a, u.name) < 0) {
                *ret = u;
                return 1;
        }
        if (strcmp(a.state, "not-found") == 0) {
                (void) refuse(reason, "is no unit that systemd knows");
                return -ENOENT;
        }
        if (strlen(a.id) >= sizeof(u.name) || strlen(a.group) >= sizeof(u.path))
                return refuse(reason, "is too long for a unit");
        memcpy(u.name, a.id, strlen(a.id) + 1);
        /* Only a unit that runs has a control group; its slice is known before. */
        u.path[0] = '\0';
        if (a.group[0])
                memcpy(u.path, a.group, strlen(a.group) + 1);
        else if (append_slices(u.path, ends_with(u.name, ".slice") ? u.name : a.slice) < 0 ||
                 (!ends_with(u.name, ".slice") && append(u.path, u.name, strlen(u.name)) < 0))
                return refuse(reason, "has no control group that can be known");
        r = gate_unit_check_path(u.path, reason);
        if (r == 0)
                *ret = u;
        return r;
}

void gate_unit_of_path(const char *path, char ret[static GATE_UNIT_NAME_MAX])
{
        ret[0] = '\0';
        if (strncmp(path, "/user.slice", 11) == 0)
                return;
        /* Below slices comes the unit; what is below that is its own business. */
        while (*path == '/') {
                size_t n = strcspn(path + 1, "/");
                char one[GATE_UNIT_NAME_MAX];

                if (n == 0 || n >= sizeof(one))
                        return;
                memcpy(one, path + 1, n);
                one[n] = '\0';
                if (ends_with(one, ".service"))
                        memcpy(ret, one[0] == '_' ? one + 1 : one, one[0] == '_' ? n : n + 1);
                if (!ends_with(one, ".slice"))
                        return;
                path += n + 1;
        }
}
