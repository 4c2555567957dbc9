/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori status: asks the running daemon over its control socket; without one, says what the store has. Runs
 * unprivileged, as the person who asks; the answer is parsed as outside data. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/counting.h"
#include "view/json.h"

#define STATUS_ANSWER_MAX 65536
#define STATUS_TIMEOUT    (2 * NSEC_PER_SEC)

#define _cleanup_json_ __attribute__((cleanup(json_freep)))

static void json_freep(json_t **j)
{
        json_decref(*j);
}

static int control_connect(const char *path)
{
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -1;

        if (strlen(path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        strcpy(sa.sun_path, path);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* One line, without its newline. -ETIMEDOUT, -EMSGSIZE, -EPIPE: it hung up before the end of the line. */
static int receive_line(int fd, struct buf *ret)
{
        nsec_t until = clock_boottime() + STATUS_TIMEOUT;

        for (;;) {
                struct pollfd p = {.fd = fd, .events = POLLIN};
                nsec_t left = until - clock_boottime();
                char chunk[4096], *end;
                ssize_t n;

                if (left <= 0)
                        return -ETIMEDOUT;
                if (poll(&p, 1, (int) (left / NSEC_PER_MSEC) + 1) <= 0)
                        continue;
                n = recv(fd, chunk, sizeof(chunk), 0);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EPIPE;
                end = memchr(chunk, '\n', (size_t) n);
                if (buf_put(ret, chunk, end ? (size_t) (end - chunk) : (size_t) n) < 0)
                        return -EMSGSIZE;
                if (end)
                        return 0;
        }
}

static int ask(const char *path, struct buf *answer)
{
        _cleanup_close_ int fd = control_connect(path);

        if (fd < 0)
                return fd;
        if (send(fd, "status\n", 7, MSG_NOSIGNAL) != 7)
                return errno ? -errno : -EIO;
        return receive_line(fd, answer);
}

static void put_value(struct buf *out, const json_t *v)
{
        if (json_is_string(v))
                buf_put_visible(out, json_string_value(v), json_string_length(v));
        else if (json_is_integer(v))
                buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
        else if (json_is_real(v))
                buf_printf(out, "%.1f", json_real_value(v));
        else
                buf_puts(out, json_is_true(v) ? "yes" : json_is_false(v) ? "no" : "-");
}

/* "a 1, b 2" for the scalars of an object, one level deep. */
static void put_pairs(struct buf *out, const json_t *object)
{
        const char *key, *separator = "";
        json_t *v;

        json_object_foreach((json_t *) object, key, v)
        {
                if (json_is_object(v) || json_is_array(v))
                        continue;
                buf_puts(out, separator);
                buf_put_visible(out, key, strlen(key));
                buf_putc(out, ' ');
                put_value(out, v);
                separator = ", ";
        }
        if (!*separator)
                buf_puts(out, "none");
}

static void put_line(struct buf *out, const struct text_look *look, const char *title, const json_t *v)
{
        _cleanup_(buf_done)
        struct buf line = BUF_HEAP(STATUS_ANSWER_MAX * 4);
        char first[24];

        if (!v || json_is_null(v))
                return;
        if (json_is_array(v)) {
                for (size_t i = 0; i < json_array_size(v); i++) {
                        if (i)
                                buf_putc(&line, '\n');
                        if (json_is_object(json_array_get(v, i)))
                                put_pairs(&line, json_array_get(v, i));
                        else
                                put_value(&line, json_array_get(v, i));
                }
                if (json_array_size(v) == 0)
                        buf_puts(&line, "none");
        } else if (json_is_object(v))
                put_pairs(&line, v);
        else if (json_is_string(v))
                buf_puts(&line, json_string_value(v)); /* made visible below, but for its line ends */
        else
                put_value(&line, v);
        snprintf(first, sizeof(first), "  %-11s", title);
        text_wrap(out, look, first, buf_str(&line));
}

static void put_text(struct buf *out, const struct text_look *look, const json_t *status)
{
        static const struct {
                const char *field, *title;
        } lines[] = {
                {"version", "version"},    {"pid", "process"},       {"since", "since"}, {"restarts", "restarts"},
                {"backend", "watches by"}, {"sources", "sources"},   {"note", "note"},   {"rules", "rules"},
                {"mail", "mail"},          {"events", "events"},     {"rates", "rates"}, {"claims", "claims"},
                {"excepted", "silenced"},  {"changes", "changes"},   {"gaps", "gaps"},   {"lost", "lost"},
                {"tables", "tables"},      {"subjects", "subjects"}, {"store", "store"}, {"memory_kib", "memory KiB"},
        };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++)
                put_line(out, look, lines[i].title, json_object_get(status, lines[i].field));
}

static int parse_status(const struct buf *answer, json_t **ret)
{
        json_error_t error;
        json_t *status = json_loadb(buf_str(answer), answer->len, JSON_REJECT_DUPLICATES, &error);

        if (!json_is_object(status)) {
                json_decref(status);
                return -EBADMSG;
        }
        *ret = status;
        return 0;
}

static int count_subject(void *userdata, const struct verdict *v)
{
        counting_add(userdata, v);
        return 0;
}

/* No daemon: what the store remembers. */
static int put_store(struct cli *cli, struct buf *out)
{
        _cleanup_(buf_done)
        struct buf last = BUF_HEAP(STATUS_ANSWER_MAX);
        _cleanup_(store_closep)
        struct store *s = NULL;
        _cleanup_json_ json_t *status = NULL;
        struct counting counts = {0};
        struct store_reader reader = {.find_kind = cli_find_kind, .subject = count_subject, .userdata = &counts};
        int r;

        if (cli_open_store(cli, &s) < 0)
                return cli->status;
        r = store_read_subjects(s, &reader, LEVEL_UNKNOWN);
        if (r < 0) {
                log_error("the store could not be read: %s", strerror(-r));
                return CLI_INPUT;
        }
        if (store_get_meta(s, "status", &last) == 0)
                (void) parse_status(&last, &status);
        if (cli->json) {
                buf_printf(out,
                           "{\"event_type\":\"status\",\"running\":false,\"subjects\":{\"suspect\":%u,\"bot\":%u},"
                           "\"last\":",
                           counts.level[LEVEL_SUSPECT], counts.level[LEVEL_BOT]);
                buf_puts(out, status ? buf_str(&last) : "null");
                buf_puts(out, "}\n");
                return 0;
        }
        buf_puts(out, "The store in ");
        text_put(out, &cli->look, TEXT_PLAIN, cli_store_path(cli));
        buf_puts(out, " holds ");
        text_count(out, counting_of(&counts, LEVEL_BOT), "bot");
        buf_puts(out, ", ");
        text_count(out, counting_of(&counts, LEVEL_SUSPECT), "suspect");
        buf_printf(out, ", and %u more that are neither; \"sekimori report\" tells.\n",
                   counting_of(&counts, LEVEL_CLEAR) + counting_of(&counts, LEVEL_UNKNOWN));
        if (status) {
                buf_puts(out, "The last the daemon said of itself:\n");
                put_text(out, &cli->look, status);
        }
        return 0;
}

/* The machine's daemon; without root, where that does not answer, one that this person started. */
static int ask_any(struct cli *cli, struct buf *answer)
{
        char path[CLI_PLACE_MAX];
        int r = ask(cli->config->daemon.control, answer);

        if ((r != -ENOENT && r != -ECONNREFUSED && r != -EACCES) || !cli_own_control(cli, path) ||
            ask(path, answer) < 0)
                return r;
        log_notice("the daemon is your own: %s", path);
        return 0;
}

static const char *why_no_answer(int error)
{
        switch (error) {
        case -ENOENT:
        case -ECONNREFUSED:
                return "no daemon is running";
        case -EACCES:
                return "no right to ask the daemon: try as root";
        case -ETIMEDOUT:
                return "the daemon did not answer within 2 s";
        case -EMSGSIZE:
        case -EBADMSG:
        case -EPIPE:
                return "what answers is not a daemon of ours";
        default:
                return strerror(-error);
        }
}

static int run(struct cli *cli)
{
        _cleanup_(buf_done)
        struct buf answer = BUF_HEAP(STATUS_ANSWER_MAX), out = BUF_HEAP(1u << 20);
        _cleanup_json_ json_t *status = NULL;
        _cleanup_free_ char *line = NULL;
        int r;

        if (cli_operands(cli, 0, 0) < 0 || cli_load_config(cli) < 0)
                return cli->status;
        r = ask_any(cli, &answer);
        if (r == 0)
                r = parse_status(&answer, &status);
        if (r < 0) {
                log_error("%s (%s)", why_no_answer(r), cli->config->daemon.control);
                (void) put_store(cli, &out);
                return cli_print(&out, CLI_INPUT);
        }
        if (cli->json) {
                json_object_set_new(status, "event_type", json_string("status"));
                json_object_set_new(status, "running", json_true());
                line = json_dumps(status, JSON_COMPACT);
                buf_puts(&out, line ? line : "{}");
                buf_putc(&out, '\n');
        } else {
                text_put(&out, &cli->look, TEXT_BOLD, "sekimori is running");
                buf_putc(&out, '\n');
                put_text(&out, &cli->look, status);
        }
        return cli_print(&out, CLI_OK);
}

const struct command command_status = {
        .synopsis = "",
        .about = "Asks the running daemon how it is: since when it watches and by what means, how much it saw, what it "
                 "lost, "
                 "how full its tables are, how much memory it uses.\n\n"
                 "If no daemon answers, it says so, shows what the store remembers, and ends with status 3.",
        .takes = CLI_TAKES_CONFIG | CLI_TAKES_STORE | CLI_TAKES_JSON,
        .run = run,
};
