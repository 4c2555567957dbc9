/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files into a set: read whole, cut into lines, joined where a backslash ends one; each line is a rule, a comment, or
 * one of a configuration file. Runs where rules are read. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "rules/choice.h"
#include "rules/parse.h"
#include "rules/ruleset_parts.h"

#define READ_BYTES (256u << 10)

struct lines {
        struct ruleset *set;
        const char *name;
        struct slice rest;
        uint32_t line; /* number of the line read last */
        struct buf joined;
        bool too_long;
};

static struct slice next_line(struct lines *l)
{
        const char *end = l->rest.len ? memchr(l->rest.p, '\n', l->rest.len) : NULL;
        struct slice line = l->rest;

        if (end)
                line.len = (uint32_t) (end - line.p);
        l->rest.p += line.len + (end != NULL);
        l->rest.len -= line.len + (end != NULL);
        l->line++;
        return word_trim(line);
}

static bool goes_on(struct slice line)
{
        return line.len && line.p[line.len - 1] == '\\';
}

/* A line and those that continue it. What is longer than a rule may be is read over. */
static struct slice join(struct lines *l, struct slice line)
{
        if (!goes_on(line) || l->rest.len == 0) {
                l->too_long = line.len > RULE_TEXT_MAX;
                return line;
        }
        buf_reset(&l->joined);
        while (goes_on(line) && l->rest.len) {
                (void) buf_put(&l->joined, line.p, line.len - 1);
                line = next_line(l);
        }
        (void) buf_put(&l->joined, line.p, line.len);
        l->too_long = l->joined.error == -ENOBUFS;
        return word_trim((struct slice){buf_str(&l->joined), (uint32_t) l->joined.len});
}

static bool begins_with(struct slice line, const char *const *words, size_t n)
{
        struct slice rest, first = word_first(line, &rest);

        for (size_t i = 0; i < n; i++)
                if (word_is(first, words[i]))
                        return true;
        return false;
}

static int take_rule(struct lines *l, struct slice line, uint32_t number)
{
        struct ruleset *s = l->set;
        struct arena_mark mark = arena_mark(&s->arena);
        uint32_t len = MIN(line.len, RULE_TEXT_MAX);
        char *text = arena_text(&s->arena, line.p, len);
        int r;

        parse_begin(s->parse, l->name, number);
        if (!text || l->too_long) {
                (void) (text ? parse_fail(s->parse, PROBLEM_LIMIT, "longer than %u bytes", RULE_TEXT_MAX) :
                               parse_fail_memory(s->parse));
                parse_tell(s->parse);
                r = ruleset_count_failed(s, 0, 0);
        } else
                r = parse_rule(s->parse, text, len);
        if (r <= 0)
                arena_release(&s->arena, mark);
        return MIN(r, 0);
}

/* A rule that somebody switched off. */
static int take_comment(struct lines *l, struct slice line, uint32_t number)
{
        static const char *const actions[] = {"alert",     "drop",      "pass",      "reject",
                                              "rejectsrc", "rejectdst", "rejectboth"};

        while (line.len && line.p[0] == '#')
                line = word_trim((struct slice){line.p + 1, line.len - 1});
        if (!begins_with(line, actions, ELEMENTSOF(actions)) || !(memchr(line.p, '(', line.len) || goes_on(line)))
                return 0;
        if (choice_is_on(l->set, line))
                return take_rule(l, join(l, line), number);
        l->set->stats.inactive++;
        while (goes_on(line) && l->rest.len)
                line = next_line(l);
        return 0;
}

static int take_line(struct lines *l, struct slice line, uint32_t number)
{
        static const char *const limits[] = {"threshold", "event_filter", "rate_filter", "suppress"};
        static const char *const config[] = {"config"};
        struct parse *p = l->set->parse;
        int r;

        if (begins_with(line, limits, ELEMENTSOF(limits))) {
                parse_begin(p, l->name, number);
                if (parse_limit(p, line) < 0)
                        parse_tell(p);
                return 0;
        }
        if (!begins_with(line, config, 1) && choice_is_off(l->set, line)) {
                l->set->stats.inactive++;
                return 0;
        }
        if (!begins_with(line, config, 1))
                return take_rule(l, line, number);
        r = ruleset_config_line(l->set, line);
        if (r != -EINVAL)
                return r;
        parse_begin(p, l->name, number);
        (void) parse_fail(p, PROBLEM_SYNTAX, "no line of a classification.config or reference.config");
        parse_tell(p);
        return 0;
}

int ruleset_add_data(struct ruleset *s, const char *name, const char *data, size_t len)
{
        struct lines l = {.set = s, .joined = BUF_HEAP(RULE_TEXT_MAX)};
        nsec_t begun = clock_boottime();
        int r = 0;

        if (s->settled)
                return -EBUSY;
        if (len > RULESET_BYTES_MAX - s->file_bytes)
                return -EFBIG;
        l.name = arena_text(&s->kept, name, strlen(name));
        if (!l.name)
                return -ENOMEM;
        s->file_bytes += len;
        s->stats.files++;
        if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
                data += 3;
                len -= 3;
        }
        l.rest = (struct slice){data, (uint32_t) len};
        while (r == 0 && l.rest.len) {
                struct slice line = next_line(&l);
                uint32_t number = l.line;

                if (line.len && line.p[0] == '#')
                        r = take_comment(&l, line, number);
                else if (line.len)
                        r = take_line(&l, join(&l, line), number);
        }
        s->stats.lines += l.line;
        s->stats.parse_ns += (uint64_t) (clock_boottime() - begun);
        buf_done(&l.joined);
        return r;
}

static int read_all(int fd, struct buf *to)
{
        _cleanup_free_ char *piece = malloc(READ_BYTES);

        if (!piece)
                return -ENOMEM;
        for (;;) {
                ssize_t n = read(fd, piece, READ_BYTES);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return 0;
                if (buf_put(to, piece, (size_t) n) < 0)
                        return to->error == -ENOBUFS ? -EFBIG : to->error;
        }
}

int ruleset_add_file(struct ruleset *s, const char *path)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        _cleanup_(buf_done)
        struct buf text = BUF_HEAP(RULESET_BYTES_MAX - s->file_bytes);
        struct stat st;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        r = read_all(fd, &text);
        return r < 0 ? r : ruleset_add_data(s, path, buf_str(&text), text.len);
}
