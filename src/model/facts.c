/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Facts to JSON and back. Here and not in view, since the store keeps facts in the same form and stands before view.
 * Reading trusts nothing: a store file or a replay may come from anywhere. */
#include "model/facts.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <netinet/in.h>

static void put_endpoint(struct buf *out, const struct fact *f)
{
        char a[ADDR_TEXT_MAX], spare[8];

        buf_printf(out, "{\"ip\":\"%s\",\"port\":%u,\"proto\":\"%s\"}", addr_format(&f->endpoint.addr, a),
                   f->endpoint.port, proto_name(f->endpoint.proto, spare));
}

/* JSON integers of our reader are signed: a start time beyond INT64_MAX (292 years) is none. */
static int64_t clamp_start(uint64_t start)
{
        return start > INT64_MAX ? INT64_MAX : (int64_t) start;
}

static void put_process(struct buf *out, const struct fact *f)
{
        const struct task *t = &f->process.task;

        buf_printf(out, "{\"pid\":%u,\"tid\":%u,\"start\":%" PRId64 ",\"leader_start\":%" PRId64 ",\"name\":", t->pid,
                   t->tid, clamp_start(t->start), clamp_start(t->leader_start));
        buf_put_json(out, f->process.name, strnlen(f->process.name, sizeof(f->process.name)));
        buf_putc(out, '}');
}

static void put_time(struct buf *out, nsec_t t, nsec_t skew)
{
        char text[CLOCK_TEXT_MAX];

        if (__builtin_add_overflow(t, skew, &t))
                t = skew < 0 ? INT64_MIN : INT64_MAX;
        buf_printf(out, "{\"time_ns\":%" PRId64 ",\"time\":\"%s\"}", t, clock_format_iso(t, text));
}

static void put_fact(struct buf *out, const struct fact *f, nsec_t skew)
{
        switch (f->type) {
        case FACT_NUMBER:
                buf_printf(out, "%" PRId64, f->number);
                break;
        case FACT_TIME:
                put_time(out, f->number, skew);
                break;
        case FACT_SPAN:
                buf_printf(out, "{\"span_ns\":%" PRId64 "}", f->number);
                break;
        case FACT_ENDPOINT:
                put_endpoint(out, f);
                break;
        case FACT_TEXT:
                buf_put_json(out, f->text, strnlen(f->text, sizeof(f->text)));
                break;
        case FACT_PROCESS:
                put_process(out, f);
                break;
        default:
                buf_puts(out, "null");
        }
}

int facts_to_json(struct buf *out, const struct evidence *e, nsec_t skew)
{
        buf_putc(out, '{');
        for (unsigned i = 0; i < e->n_facts && i < EVIDENCE_FACTS_MAX; i++) {
                if (i)
                        buf_putc(out, ',');
                buf_put_json(out, e->facts[i].key, strlen(e->facts[i].key));
                buf_putc(out, ':');
                put_fact(out, &e->facts[i], skew);
        }
        return buf_putc(out, '}');
}

/* lower_snake_case, as every key of ours: what else comes is not from us and shall not take room. */
static bool is_key(const char *key)
{
        size_t n = strlen(key);

        return n > 0 && n <= FACTS_KEY_LEN_MAX && strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static const char *intern(const char *key)
{
        static char keys[FACTS_KEYS_MAX][FACTS_KEY_LEN_MAX + 1];
        static unsigned n_keys;

        for (unsigned i = 0; i < n_keys; i++)
                if (strcmp(keys[i], key) == 0)
                        return keys[i];
        if (n_keys >= FACTS_KEYS_MAX)
                return NULL;
        memcpy(keys[n_keys], key, strlen(key) + 1);
        return keys[n_keys++];
}

static int get_integer(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *ret)
{
        const json_t *j = json_object_get(object, key);
        json_int_t n;

        if (!json_is_integer(j))
                return -EINVAL;
        n = json_integer_value(j);
        if (n < min || n > max)
                return -EINVAL;
        *ret = n;
        return 0;
}

static int read_text(const json_t *j, char *ret, size_t size)
{
        /* U+FFFD in place of a bad byte makes a text longer than it was, so what is too long is cut, not refused. */
        if (!json_is_string(j) || json_string_length(j) > 4 * size)
                return -EINVAL;
        snprintf(ret, size, "%s", json_string_value(j));
        return 0;
}

static int read_proto(const json_t *j, uint8_t *ret)
{
        const char *name = json_string_value(j);
        char spare[8];

        if (!name)
                return -EINVAL;
        for (unsigned i = 0; i < 256; i++)
                if (strcmp(proto_name(i, spare), name) == 0) {
                        *ret = (uint8_t) i;
                        return 0;
                }
        return -EINVAL;
}

static int read_endpoint(const json_t *j, struct fact *f)
{
        const char *ip = json_string_value(json_object_get(j, "ip"));
        int64_t port;
        int r;

        if (!ip || json_object_size(j) != 3)
                return -EINVAL;
        r = get_integer(j, "port", 0, UINT16_MAX, &port);
        if (r < 0)
                return r;
        f->type = FACT_ENDPOINT;
        f->endpoint.port = (uint16_t) port;
        r = addr_parse(ip, &f->endpoint.addr);
        return r < 0 ? r : read_proto(json_object_get(j, "proto"), &f->endpoint.proto);
}

static int read_process(const json_t *j, struct fact *f)
{
        int64_t pid, tid, start, leader;

        if (json_object_size(j) != 5 || get_integer(j, "pid", 0, UINT32_MAX, &pid) < 0 ||
            get_integer(j, "tid", 0, UINT32_MAX, &tid) < 0 || get_integer(j, "start", 0, INT64_MAX, &start) < 0 ||
            get_integer(j, "leader_start", 0, INT64_MAX, &leader) < 0)
                return -EINVAL;
        f->type = FACT_PROCESS;
        f->process.task = (struct task){.pid = (uint32_t) pid,
                                        .tid = (uint32_t) tid,
                                        .start = (uint64_t) start,
                                        .leader_start = (uint64_t) leader};
        return read_text(json_object_get(j, "name"), f->process.name, sizeof(f->process.name));
}

static int read_time(const json_t *j, struct fact *f)
{
        f->type = FACT_TIME;
        if (json_object_size(j) != 2 || !json_is_string(json_object_get(j, "time")))
                return -EINVAL;
        return get_integer(j, "time_ns", INT64_MIN, INT64_MAX, &f->number);
}

static int read_span(const json_t *j, struct fact *f)
{
        f->type = FACT_SPAN;
        return json_object_size(j) != 1 ? -EINVAL : get_integer(j, "span_ns", INT64_MIN, INT64_MAX, &f->number);
}

static int read_fact(const json_t *j, struct fact *f)
{
        if (json_is_integer(j)) {
                f->type = FACT_NUMBER;
                f->number = json_integer_value(j);
                return 0;
        }
        if (json_is_string(j)) {
                f->type = FACT_TEXT;
                return read_text(j, f->text, sizeof(f->text));
        }
        if (!json_is_object(j))
                return -EINVAL;
        if (json_object_get(j, "time_ns"))
                return read_time(j, f);
        if (json_object_get(j, "span_ns"))
                return read_span(j, f);
        if (json_object_get(j, "ip"))
                return read_endpoint(j, f);
        return read_process(j, f);
}

static int read_facts(json_t *root, struct evidence *e)
{
        struct fact facts[EVIDENCE_FACTS_MAX] = {0};
        unsigned n = 0;
        const char *key;
        json_t *j;

        if (!json_is_object(root) || json_object_size(root) > EVIDENCE_FACTS_MAX)
                return -EINVAL;
        json_object_foreach(root, key, j)
        {
                if (!is_key(key) || read_fact(j, &facts[n++]) < 0)
                        return -EINVAL;
        }
        /* Only keys of a sound object take room. */
        n = 0;
        json_object_foreach(root, key, j)
        {
                facts[n].key = intern(key);
                if (!facts[n++].key)
                        return -ENOBUFS;
        }
        memcpy(e->facts, facts, sizeof(facts));
        e->n_facts = (uint8_t) n;
        return 0;
}

int facts_from_json(const char *text, size_t len, struct evidence *e)
{
        json_error_t error;
        json_t *root;
        int r;

        if (len > FACTS_JSON_MAX)
                return -EINVAL;
        /* The parser bounds the depth by itself (JSON_PARSER_MAX_DEPTH). */
        root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
        if (!root)
                return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EINVAL;
        r = read_facts(root, e);
        json_decref(root);
        return r;
}
