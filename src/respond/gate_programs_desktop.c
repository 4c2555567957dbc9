/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which programs the system's desktop files name for mailto: links. Only the system's folders are read: what stands in
 * a person's home is written by whatever runs for that person. Browsers take mailto: links, too, and are no mail
 * programs: the entry must call itself one (category Email). Runs in the keeper. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "respond/gate_desktop.h"
#include "respond/gate_programs_internal.h"

#define HANDLERS_MAX 64
#define DASHES_MAX   4 /* a dash in a name may stand for a folder: Desktop Entry Specification, "Desktop file ID" */
#define LIST_MAX     (4u << 20)
#define PACKAGE_MAX  64 /* programs of one package */

static const char *const data_folders[] = {
        "/usr/local/share/applications",
        "/usr/share/applications",
        "/var/lib/flatpak/exports/share/applications",
        "/var/lib/snapd/desktop/applications",
};
static const char *const choices[] = {
        "mimeinfo.cache",         "mimeapps.list",      "defaults.list",      "gnome-mimeapps.list",
        "kde-mimeapps.list",      "xfce-mimeapps.list", "mate-mimeapps.list", "x-cinnamon-mimeapps.list",
        "cinnamon-mimeapps.list", "lxqt-mimeapps.list", "lxde-mimeapps.list", "unity-mimeapps.list",
};

struct search {
        struct gate_programs *p;
        struct gate_programs_set *set;
        char ids[HANDLERS_MAX][GATE_DESKTOP_ID_MAX];
        unsigned n;
};

static int read_trusted(struct gate_programs *p, const char *path, size_t max, char **ret, size_t *ret_len)
{
        char reason[GATE_FILE_REASON_MAX];
        struct gate_file f;
        int r = gate_files_look(p->files, path, &f, reason);

        if (r < 0)
                return r;
        r = gate_file_read(&f, max, ret, ret_len);
        gate_file_done(&f);
        return r;
}

static void note_id(void *userdata, const char *id)
{
        struct search *s = userdata;

        for (unsigned i = 0; i < s->n; i++)
                if (strcmp(s->ids[i], id) == 0)
                        return;
        if (s->n < HANDLERS_MAX)
                snprintf(s->ids[s->n++], GATE_DESKTOP_ID_MAX, "%s", id);
}

static void read_choices(struct search *s, const char *folder)
{
        for (size_t i = 0; i < ELEMENTSOF(choices); i++) {
                _cleanup_free_ char *text = NULL;
                char path[PATH_MAX];
                size_t len;

                snprintf(path, sizeof(path), "%s/%s", folder, choices[i]);
                if (gate_files_has(s->p->files, path) &&
                    read_trusted(s->p, path, GATE_DESKTOP_FILE_MAX, &text, &len) == 0)
                        (void) gate_desktop_handlers(text, len, HANDLERS_MAX, note_id, s);
        }
}

/* The first folder that has the entry decides. 0, or -ENOENT. */
static int find_entry(struct search *s, const char *id, struct gate_desktop_entry *ret)
{
        for (size_t i = 0; i < ELEMENTSOF(data_folders); i++) {
                char path[PATH_MAX];
                size_t n = (size_t) snprintf(path, sizeof(path), "%s/", data_folders[i]);

                snprintf(path + n, sizeof(path) - n, "%s", id);
                for (unsigned dashes = 0; dashes <= DASHES_MAX; dashes++) {
                        _cleanup_free_ char *text = NULL;
                        char *dash = strchr(path + n, '-');
                        size_t len;

                        if (gate_files_has(s->p->files, path) &&
                            read_trusted(s->p, path, GATE_DESKTOP_FILE_MAX, &text, &len) == 0 &&
                            gate_desktop_parse(text, len, ret) == 0)
                                return 0;
                        if (!dash)
                                break;
                        *dash = '/';
                }
        }
        return -ENOENT;
}

/* A launcher script: the programs of its package that the table knows by their own names. `list` is dpkg's, one path on
 * each line. */
static bool take_package(struct search *s, char *list, const struct gate_programs_claim *script)
{
        const uint32_t kinds = GATE_KIND_MAILER | GATE_KIND_TUI_MAILER;
        char *save = NULL;
        unsigned n = 0;
        bool ours = false;

        for (const char *at = strstr(list, script->path); at && !ours; at = strstr(at + 1, script->path))
                ours = (at == list || at[-1] == '\n') && at[strlen(script->path)] == '\n';
        if (!ours)
                return false;
        for (char *line = strtok_r(list, "\n", &save); line && n < PACKAGE_MAX; line = strtok_r(NULL, "\n", &save)) {
                const char *own = strrchr(line, '/');
                struct gate_programs_claim claim = *script;

                if (line[0] != '/' || strcmp(line, script->path) == 0 || !gate_programs_table_names(own + 1, kinds))
                        continue;
                claim.path = line;
                claim.awaited = true;
                gate_programs_set_take(s->p, s->set, &claim);
                n++;
        }
        return n > 0;
}

static bool follow_script(struct search *s, const struct gate_file *f, const struct gate_programs_claim *claim)
{
        struct gate_programs_claim script = *claim;
        _cleanup_free_ char *list = NULL;
        char path[PATH_MAX];
        size_t len;

        script.path = f->path;
        snprintf(path, sizeof(path), "/var/lib/dpkg/info/%s.list", strrchr(f->path, '/') + 1);
        return gate_files_has(s->p->files, path) && read_trusted(s->p, path, LIST_MAX, &list, &len) == 0 &&
               take_package(s, list, &script);
}

static void take_program(struct search *s, const struct gate_desktop_entry *e, const char *path)
{
        const struct gate_programs_claim claim = {
                .path = path, .kinds = e->terminal ? GATE_KIND_TUI_MAILER : GATE_KIND_MAILER, .source = "desktop"};
        char reason[GATE_FILE_REASON_MAX];
        bool followed = false;
        struct gate_file f;

        if (!e->email || e->browser) {
                gate_programs_set_refuse(s->set, &claim,
                                         "takes mailto: links, and does not call itself a mail program");
                return;
        }
        if (gate_files_look(s->p->files, path, &f, reason) == 0) {
                followed = f.form == GATE_FILE_SCRIPT && follow_script(s, &f, &claim);
                gate_file_done(&f);
        }
        if (!followed)
                gate_programs_set_take(s->p, s->set, &claim);
}

static void take_handler(struct search *s, const char *id)
{
        static const char *const folders[] = {"", "/usr/local/bin/", "/usr/bin/", "/bin/", "/usr/games/"};
        struct gate_desktop_entry e;

        if (find_entry(s, id, &e) < 0 || !e.application || e.hidden || !e.program[0])
                return;
        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                char path[PATH_MAX];

                if ((i == 0) != (e.program[0] == '/') || (i > 0 && strchr(e.program, '/')))
                        continue;
                snprintf(path, sizeof(path), "%s%s", folders[i], e.program);
                if (gate_files_has(s->p->files, path)) {
                        take_program(s, &e, path);
                        return;
                }
        }
}

void gate_programs_desktop_scan(struct gate_programs *p, struct gate_programs_set *set)
{
        struct search *s = calloc(1, sizeof(*s));

        if (!s) {
                set->error = -ENOMEM;
                return;
        }
        s->p = p;
        s->set = set;
        read_choices(s, "/etc/xdg");
        for (size_t i = 0; i < ELEMENTSOF(data_folders); i++) {
                gate_files_await(p->files, data_folders[i]);
                read_choices(s, data_folders[i]);
        }
        for (unsigned i = 0; i < s->n; i++)
                take_handler(s, s->ids[i]);
        free(s);
}
