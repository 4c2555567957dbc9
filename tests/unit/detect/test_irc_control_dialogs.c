/* SPDX-License-Identifier: GPL-3.0-or-later */
/* irc_control: the four real dialogs of the source "many sensors" (SEKIMORI_DATA/dialogs; skipped without it), on an
 * IRC port and on another, with and without the execution of the orders in them. Every host in them is a bot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "detect/detector.h"
#include "talk.h"

#define SKIP 77

static const char *const files[] = {"1-idle-botnet.txt", "2-download-order.txt", "3-scan-order.txt",
                                    "4-topic-download-scan.txt"};

/* What a client says first on a line; anything else that the server did not begin is the rest of a wrapped line. */
static bool is_client_line(const char *line)
{
        static const char *const words[] = {"NICK", "USER", "PONG",  "JOIN",  "PRIVMSG", "INFO",
                                            "LIST", "MODE", "WHOIS", "NAMES", "LUSERS",  "USERHOST"};

        while (*line == ' ')
                line++;
        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                size_t len = strlen(words[i]);

                if (strncmp(line, words[i], len) == 0 && (line[len] == ' ' || line[len] == '\0'))
                        return true;
        }
        return false;
}

static bool is_server_line(const char *line)
{
        return line[0] == ':' || strncmp(line, "PING", 4) == 0;
}

/* What the order's execution looks like, one second after the line with the order. */
static void execute(struct talk *t, const char *line)
{
        talk_wait(t, 1000);
        if (strstr(line, ".dl http://"))
                talk_fetch(t, "198.51.100.7", "www.gizahost.com", "/htri/sbr.exe");
        if (strstr(line, "* download"))
                talk_fetch(t, "198.51.100.8", "www.home.no", "/chirir0za/wnguards.exe");
        if (strstr(line, ".asc ") || strstr(line, "* ipscan"))
                talk_sweep(t, "198.51", 40, 445);
}

/* Where names were made unreadable for the slides, some got a space: "aichi. xxxx.jp". */
static void mend(char *line)
{
        static const char *const commands[] = {" JOIN ", " PRIVMSG ", " QUIT "};

        for (size_t i = 0; line[0] == ':' && i < ELEMENTSOF(commands); i++) {
                char *end = strstr(line, commands[i]), *to = line;

                if (!end)
                        continue;
                for (const char *from = line; from < end; from++)
                        if (*from != ' ')
                                *to++ = *from;
                memmove(to, end, strlen(end) + 1);
                return;
        }
}

static void say(struct talk *t, char *line, bool with)
{
        if (!line[0])
                return;
        mend(line);
        if (is_server_line(line))
                talk_in(t, line);
        else
                talk_out(t, line);
        if (with)
                execute(t, line);
        talk_wait(t, 1000);
}

static bool play(const char *file, struct talk *t, bool with)
{
        _cleanup_fclose_ FILE *f = fopen(file, "re");
        char line[1024], whole[2048] = "";

        if (!f)
                return false;
        while (fgets(line, sizeof(line), f)) {
                size_t len = strcspn(line, "\r\n");

                while (len && line[len - 1] == ' ')
                        len--;
                line[len] = '\0';
                /* nothing, the shell's prompt, and "cut" */
                if (!len || strncmp(line, "dummy:", 6) == 0 || (unsigned char) line[0] >= 0x80)
                        continue;
                if (is_server_line(line) || is_client_line(line)) {
                        say(t, whole, with);
                        snprintf(whole, sizeof(whole), "%s", line);
                } else {
                        size_t at = strlen(whole);
                        bool word = at > 1 && whole[at - 1] == '-' && whole[at - 2] != ' ';

                        snprintf(whole + at, sizeof(whole) - at, "%s%s", word ? "" : " ", line);
                }
        }
        say(t, whole, with);
        return true;
}

static const char *folder;

static void tell(const struct talk *t)
{
        for (size_t i = 0; i < t->n; i++) {
                char story[4096];
                struct buf b = BUF_FIXED(story);
                const struct detector *d;

                assert_non_null(evidence_kind_find(t->last[i].kind->name, &d));
                d->explain(&t->last[i], &b);
                assert_true(b.len > 20);
                printf("        %s\n%s", t->last[i].kind->name, story);
        }
}

/* What the controllers in the first three tell about themselves. */
static void check_census(size_t file, const struct talk *t)
{
        static const struct {
                int64_t users, channels;
                const char *operator;
        } told[] = {{82, 9, "fork"}, {2488, -1, ""}, {-1, -1, "SaBeR"}};
        const struct evidence *e = talk_kind(t, "irc_control.botnet");

        if (file >= ELEMENTSOF(told))
                return;
        assert_non_null(e);
        assert_int_equal(talk_number(e, "users"), told[file].users);
        assert_int_equal(talk_number(e, "channels"), told[file].channels);
        assert_string_equal(talk_text(e, "operator"), told[file].operator);
}

static void test_dialogs(void **state)
{
        static const uint16_t ports[] = {6667, 21};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                for (size_t p = 0; p < ELEMENTSOF(ports); p++)
                        for (int with = 0; with < 2; with++) {
                                char path[4096], score_text[SCORE_TEXT_MAX];
                                struct talk t;
                                int32_t score;
                                enum level level;

                                snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
                                talk_begin(&t);
                                t.port = ports[p];
                                assert_true(play(path, &t, with));
                                level = talk_level(&t, t.host, &score);
                                printf("%s, port %u, %s execution: %s, score %s\n", files[i], ports[p],
                                       with ? "with" : "without", level_name(level), score_format(score, score_text));
                                if (getenv("SEKIMORI_TELL"))
                                        tell(&t);
                                assert_int_equal(level, LEVEL_BOT);
                                check_census(i, &t);
                                if (with && i > 0)
                                        assert_non_null(talk_kind(&t, "irc_control.executed"));
                                talk_end(&t);
                        }
}

int main(int argc, char **argv)
{
        static const struct CMUnitTest tests[] = {cmocka_unit_test(test_dialogs)};
        const char *data = getenv("SEKIMORI_DATA") ?: (argc > 1 ? argv[1] : ".");
        static char path[4000], first[4096];

        snprintf(path, sizeof(path), "%s/dialogs", data);
        snprintf(first, sizeof(first), "%s/%s", path, files[0]);
        folder = path;
        if (access(first, R_OK) < 0) {
                printf("no %s: set SEKIMORI_DATA to a folder that has dialogs/\n", first);
                return SKIP;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
