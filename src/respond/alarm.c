/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Journal entries for changes of level. Runs in the engine. */
#include "respond/alarm.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"

#define ALARM_ENTRY_MAX (ALARM_STORY_MAX + 4096)

int alarm_open(const char *path, int *ret_fd)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -1;

        if (!path)
                path = ALARM_JOURNAL_SOCKET;
        if (strlen(path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        strcpy(sa.sun_path, path);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* A field on one line, or in the binary form (length before the value) when the value has lines of its own. */
static void put_field(struct buf *b, const char *name, const char *value, size_t len)
{
        uint64_t size = htole64(len);

        buf_puts(b, name);
        if (memchr(value, '\n', len)) {
                buf_putc(b, '\n');
                buf_put(b, &size, sizeof(size));
        } else
                buf_putc(b, '=');
        buf_put(b, value, len);
        buf_putc(b, '\n');
}

static void put_text(struct buf *b, const char *name, const char *value)
{
        put_field(b, name, value, strlen(value));
}

/* Bounded and safe to read in a terminal, since names in a story come from outside; its lines stay. */
static void put_story(struct buf *b, const char *story)
{
        _cleanup_(buf_done)
        struct buf safe = BUF_HEAP(4 * ALARM_STORY_MAX + 1);
        size_t left = strnlen(story, ALARM_STORY_MAX);

        while (left) {
                const char *end = memchr(story, '\n', left);
                size_t n = end ? (size_t) (end - story) : left;

                buf_put_visible(&safe, story, n);
                if (end)
                        buf_putc(&safe, '\n');
                story += n + (end != NULL);
                left -= n + (end != NULL);
        }
        while (safe.len && safe.data[safe.len - 1] == '\n')
                safe.len--;
        put_field(b, "SEKIMORI_STORY", buf_str(&safe), MIN(safe.len, (size_t) ALARM_STORY_MAX));
}

static const char *priority(enum level level)
{
        return level == LEVEL_BOT ? "2" : level == LEVEL_SUSPECT ? "4" : "5"; /* critical, warning, notice */
}

static void put_entry(struct buf *b, const struct verdict *before, const struct verdict *after, const char *story)
{
        char key[SUBJECT_TEXT_MAX], title[SUBJECT_TEXT_MAX], score[SCORE_TEXT_MAX], text[512], stages[128] = "";
        struct buf message = BUF_FIXED(text), list = BUF_FIXED(stages);

        subject_title(&after->subject, title);
        score_format(after->score, score);
        buf_put_visible(&message, title, strlen(title));
        buf_printf(&message, ": %s, was %s (score %s)", level_name(after->level), level_name(before->level), score);
        for (unsigned i = 0; i < STAGES; i++)
                if (after->stages & 1u << i)
                        buf_printf(&list, "%s%s", list.len ? "," : "", stage_name(i));

        put_text(b, "MESSAGE", buf_str(&message));
        put_text(b, "MESSAGE_ID", ALARM_MESSAGE_ID);
        put_text(b, "PRIORITY", priority(after->level));
        put_text(b, "SYSLOG_IDENTIFIER", "sekimori");
        put_text(b, "SEKIMORI_SUBJECT", subject_key(&after->subject, key));
        put_text(b, "SEKIMORI_LEVEL", level_name(after->level));
        put_text(b, "SEKIMORI_LEVEL_BEFORE", level_name(before->level));
        put_text(b, "SEKIMORI_SCORE", score);
        put_text(b, "SEKIMORI_STAGES", buf_str(&list));
        if (story && *story)
                put_story(b, story);
}

static int send_entry(int fd, const struct buf *entry)
{
        if (entry->error)
                return entry->error;
        return send(fd, entry->data, entry->len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 1;
}

int alarm_level_changed(int fd, const struct verdict *before, const struct verdict *after, const char *story)
{
        _cleanup_(buf_done)
        struct buf entry = BUF_HEAP(ALARM_ENTRY_MAX);

        if (before->level == after->level)
                return 0;
        if (fd < 0)
                return -ENOENT;
        put_entry(&entry, before, after, story);
        return send_entry(fd, &entry);
}

static void put_number(struct buf *b, const char *name, uint64_t n)
{
        char text[24];

        snprintf(text, sizeof(text), "%" PRIu64, n);
        put_text(b, name, text);
}

/* Who sent mail without a person is a warning; who reaches for the gate itself is worse; the blocked only tell that the
 * block holds. */
static const char *gate_priority(const struct gate_entry *e)
{
        if (e->op == GATE_TRY_TAMPER || e->op == GATE_TRY_MARK)
                return "3";
        return e->op == GATE_TRY_BLOCKED ? "6" : "4"; /* error, info, warning */
}

int alarm_gate(int fd, const struct gate_entry *e, const char *line)
{
        _cleanup_(buf_done)
        struct buf entry = BUF_HEAP(ALARM_ENTRY_MAX);
        char addr[ADDR_TEXT_MAX];

        if (fd < 0)
                return -ENOENT;
        put_text(&entry, "MESSAGE", line);
        put_text(&entry, "MESSAGE_ID", ALARM_GATE_MESSAGE_ID);
        put_text(&entry, "PRIORITY", gate_priority(e));
        put_text(&entry, "SYSLOG_IDENTIFIER", "sekimori");
        put_text(&entry, "SEKIMORI_GATE_OP", gate_try_name(e->op));
        put_text(&entry, "SEKIMORI_GATE_ACTION", gate_action_name(gate_action(e->op, e->reason, e->denied)));
        put_text(&entry, "SEKIMORI_GATE_REASON", gate_why_name(e->reason));
        put_text(&entry, "SEKIMORI_PROGRAM", e->program);
        if (e->chain[0])
                put_text(&entry, "SEKIMORI_CHAIN", e->chain);
        if (e->task.pid)
                put_number(&entry, "SEKIMORI_PID", e->task.pid);
        put_number(&entry, "SEKIMORI_UID", e->uid);
        if (!addr_is_unspecified(&e->remote))
                put_text(&entry, "SEKIMORI_REMOTE", addr_format(&e->remote, addr));
        if (e->port)
                put_number(&entry, "SEKIMORI_PORT", e->port);
        put_number(&entry, "SEKIMORI_COUNT", e->count);
        return send_entry(fd, &entry);
}
