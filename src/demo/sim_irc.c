/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines, IRC messages and orders of the simulation: parsing without any I/O, made for hostile input. Runs in the server
 * and in the bot. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "demo/sim.h"

void sim_lines_feed(struct sim_lines *l, const char *data, size_t len, sim_line_func func, void *userdata)
{
        for (size_t i = 0; i < len; i++) {
                if (data[i] == '\n') {
                        if (l->len && l->data[l->len - 1] == '\r')
                                l->len--;
                        l->data[l->len] = '\0';
                        if (!l->skipping && l->len)
                                func(userdata, l->data);
                        l->len = 0;
                        l->skipping = false;
                } else if (l->len < sizeof(l->data) - 1) {
                        /* A NUL would cut the line short for whoever parses it. */
                        l->data[l->len++] = data[i] ? data[i] : '?';
                } else if (!l->skipping) {
                        l->skipping = true;
                        l->dropped++;
                }
        }
}

static char *next_word(char **p)
{
        char *word = *p, *space = strchr(word, ' ');

        if (!space) {
                *p = word + strlen(word);
                return word;
        }
        *space++ = '\0';
        *p = space + strspn(space, " ");
        return word;
}

int sim_irc_parse(char *line, struct sim_irc *ret)
{
        struct sim_irc m = {.prefix = ""};
        char *p = line + strspn(line, " ");

        if (*p == ':')
                m.prefix = next_word(&p) + 1;
        if (!*p || *p == ':')
                return -EBADMSG;
        m.command = next_word(&p);
        while (*p && m.n_params < ELEMENTSOF(m.params)) {
                if (*p == ':' || m.n_params == ELEMENTSOF(m.params) - 1) {
                        m.params[m.n_params++] = *p == ':' ? p + 1 : p;
                        break;
                }
                m.params[m.n_params++] = next_word(&p);
        }
        *ret = m;
        return 0;
}

static const struct {
        const char *words;
        enum sim_order_kind kind;
        uint32_t fallback, max; /* max 0: takes no count */
} orders[] = {
        {".scan tcp", SIM_SCAN, 30, SIM_PACKETS_MAX},
        {".udpflood", SIM_UDPFLOOD, 200, 2000},
        {".ping", SIM_PING, 10, SIM_PACKETS_MAX},
        {".get", SIM_GET, 1, 0},
        {".forge", SIM_FORGE, 10, SIM_PACKETS_MAX},
        {".mail", SIM_MAIL, 10, 500},
        {".quit", SIM_QUIT, 0, 0},
};

int sim_order_parse(const char *text, struct sim_order *ret)
{
        struct sim_order o = {};
        size_t n = strlen(text);

        if (n >= sizeof(o.text))
                return -EINVAL;
        for (size_t i = 0; i <= n; i++) {
                if (i < n && (text[i] < ' ' || text[i] > '~'))
                        return -EINVAL;
                o.text[i] = text[i];
        }
        for (size_t i = 0; i < ELEMENTSOF(orders); i++) {
                size_t words = strlen(orders[i].words);
                unsigned long count;
                char *end;

                if (strncmp(text, orders[i].words, words) != 0 || (text[words] && text[words] != ' '))
                        continue;
                o.kind = orders[i].kind;
                o.count = orders[i].fallback;
                if (text[words]) {
                        const char *number = text + words + 1;

                        if (*number < '0' || *number > '9')
                                return -EINVAL;
                        count = strtoul(number, &end, 10);
                        if (*end)
                                return -EINVAL;
                        if (count == 0 || count > orders[i].max)
                                return -ERANGE;
                        o.count = (uint32_t) count;
                }
                *ret = o;
                return 0;
        }
        return -EINVAL;
}
