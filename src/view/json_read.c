/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads events back from the JSON lines that json.c writes: for replays and for captured EVE files. The line is outside
 * data: bounded, every type and range checked, and each refusal names the field. Runs in the command line and tests. */
#include "view/json.h"

#include <errno.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "view/json_fields.h"

#define _cleanup_json_ __attribute__((cleanup(json_freep)))

static void json_freep(json_t **j)
{
        json_decref(*j);
}

#define TEXTS_MAX 8 /* more than any event has */

struct reading {
        struct buf *scratch, *why;
        const char *object; /* the object that fields stand in, "" at the top */
        const char *inner;  /* a task's field, or NULL */
        struct {
                size_t offset; /* in scratch, which may still move */
                void *slot;    /* where the address goes when all is read */
        } texts[TEXTS_MAX];
        size_t n_texts;
};

static int refuse(const struct reading *r, const char *field, const char *reason)
{
        buf_puts(r->why, "field ");
        if (r->object[0])
                buf_printf(r->why, "%s.", r->object);
        if (r->inner)
                buf_printf(r->why, "%s.", r->inner);
        buf_put_visible(r->why, field, strnlen(field, 64));
        buf_printf(r->why, ": %s", reason);
        return -EINVAL;
}

/* A string without NUL bytes, which only outside text may hold; else NULL. */
static const char *plain_text(const json_t *v)
{
        const char *text = json_string_value(v);

        return text && strlen(text) == json_string_length(v) ? text : NULL;
}

/* An integer, or a string of digits for what is beyond 2^63-1. */
static int read_u64(const json_t *v, uint64_t max, uint64_t *ret)
{
        uint64_t n = 0;

        if (json_is_integer(v)) {
                if (json_integer_value(v) < 0)
                        return -ERANGE;
                n = (uint64_t) json_integer_value(v);
        } else if (plain_text(v) && json_string_length(v)) {
                for (const char *p = json_string_value(v); *p; p++)
                        if (*p < '0' || *p > '9' || __builtin_mul_overflow(n, (uint64_t) 10, &n) ||
                            __builtin_add_overflow(n, (uint64_t) (*p - '0'), &n))
                                return -ERANGE;
        } else
                return -ERANGE;
        if (n > max)
                return -ERANGE;
        *ret = n;
        return 0;
}

static int read_flags(const struct reading *r, const struct json_field *f, const json_t *v, uint64_t max, uint64_t *ret)
{
        uint64_t flags = 0, bit;

        if (!json_is_array(v) || json_array_size(v) > 32)
                return refuse(r, f->name, "no list of flags");
        for (size_t i = 0; i < json_array_size(v); i++) {
                const json_t *item = json_array_get(v, i);
                unsigned n = 0;

                if (plain_text(item)) {
                        while (n < f->n && strcmp(f->names[n], plain_text(item)) != 0)
                                n++;
                        if (n == f->n)
                                return refuse(r, f->name, "unknown flag");
                        bit = 1u << n;
                } else if (read_u64(item, max, &bit) < 0)
                        return refuse(r, f->name, "unknown flag");
                flags |= bit;
        }
        *ret = flags;
        return 0;
}

static int read_enum(const struct reading *r, const struct json_field *f, const json_t *v, uint8_t *ret)
{
        if (!plain_text(v))
                return refuse(r, f->name, "no name");
        for (unsigned i = 0; i < f->n; i++)
                if (strcmp(f->name_of(i), plain_text(v)) == 0) {
                        *ret = (uint8_t) i;
                        return 0;
                }
        return refuse(r, f->name, "unknown name");
}

/* Keeps `len` bytes and a NUL, and sets the pointer at `slot` when all is read. */
static int keep(struct reading *r, const struct json_field *f, const void *data, size_t len, void *slot)
{
        if (r->n_texts == TEXTS_MAX)
                return refuse(r, f->name, "too many texts");
        r->texts[r->n_texts].offset = r->scratch->len;
        r->texts[r->n_texts++].slot = slot;
        if (buf_put(r->scratch, data, len) < 0 || buf_putc(r->scratch, '\0') < 0)
                return refuse(r, f->name, "text is too long");
        return 0;
}

static int read_text(struct reading *r, const struct json_field *f, const json_t *v, char *base)
{
        size_t len = json_string_length(v), max = f->kind == JSON_BYTES8  ? UINT8_MAX :
                                                  f->kind == JSON_BYTES16 ? UINT16_MAX :
                                                                            UINT32_MAX;
        char *p = base + f->offset;

        if (json_is_null(v))
                return 0;
        if (!json_is_string(v) || (f->kind == JSON_TEXT && !plain_text(v)))
                return refuse(r, f->name, "no text");
        if (len > max)
                return refuse(r, f->name, "text is too long");
        if (f->kind == JSON_SLICE)
                ((struct slice *) (void *) p)->len = (uint32_t) len;
        else if (f->kind == JSON_BYTES8)
                *(uint8_t *) (base + f->length) = (uint8_t) len;
        else if (f->kind == JSON_BYTES16)
                *(uint16_t *) (void *) (base + f->length) = (uint16_t) len;
        return keep(r, f, json_string_value(v), len, p); /* a slice begins with its pointer */
}

static int read_list(struct reading *r, const struct json_field *f, const json_t *v, char *base)
{
        struct addr a;
        int e;

        if (!json_is_array(v) || json_array_size(v) > UINT16_MAX)
                return refuse(r, f->name, "no list of addresses");
        if (json_array_size(v) == 0)
                return 0;
        e = keep(r, f, "", 0, base + f->offset);
        if (e < 0)
                return e;
        r->scratch->len--; /* addresses take the place of the NUL */
        for (size_t i = 0; i < json_array_size(v); i++) {
                const char *text = plain_text(json_array_get(v, i));

                if (!text || addr_parse(text, &a) < 0)
                        return refuse(r, f->name, "no address");
                if (buf_put(r->scratch, &a, sizeof(a)) < 0)
                        return refuse(r, f->name, "too many addresses");
        }
        *(uint16_t *) (void *) (base + f->length) = (uint16_t) json_array_size(v);
        return 0;
}

static int read_object(struct reading *r, const struct json_field *fields, const json_t *object, void *base);

static uint64_t greatest(enum json_kind kind)
{
        switch (kind) {
        case JSON_U8:
        case JSON_FLAGS8:
        case JSON_NAMED8:
                return UINT8_MAX;
        case JSON_U16:
        case JSON_FLAGS16:
        case JSON_NAMED16:
                return UINT16_MAX;
        case JSON_U32:
        case JSON_FLAGS32:
                return UINT32_MAX;
        default:
                return UINT64_MAX;
        }
}

static int read_named(const struct reading *r, const struct json_field *f, const json_t *v, uint64_t max, uint64_t *ret)
{
        for (const struct json_name *name = f->numbers; json_is_string(v) && name->name; name++)
                if (plain_text(v) && strcmp(name->name, plain_text(v)) == 0) {
                        *ret = name->number;
                        return 0;
                }
        if (!json_is_integer(v) || read_u64(v, max, ret) < 0)
                return refuse(r, f->name, "unknown name");
        return 0;
}

static int read_integer(struct reading *r, const struct json_field *f, const json_t *v, void *p)
{
        uint64_t n = 0, max = greatest(f->kind);
        int e = 0;

        if (f->kind == JSON_FLAGS8 || f->kind == JSON_FLAGS16 || f->kind == JSON_FLAGS32)
                e = read_flags(r, f, v, max, &n);
        else if (f->kind == JSON_NAMED8 || f->kind == JSON_NAMED16)
                e = read_named(r, f, v, max, &n);
        else if (read_u64(v, max, &n) < 0)
                e = refuse(r, f->name, "no number in its range");
        if (e < 0)
                return e;

        if (max == UINT8_MAX)
                *(uint8_t *) p = (uint8_t) n;
        else if (max == UINT16_MAX)
                *(uint16_t *) p = (uint16_t) n;
        else if (max == UINT32_MAX)
                *(uint32_t *) p = (uint32_t) n;
        else
                *(uint64_t *) p = n;
        return 0;
}

static int read_value(struct reading *r, const struct json_field *f, const json_t *v, void *base)
{
        void *p = (char *) base + f->offset;
        int e;

        switch (f->kind) {
        case JSON_BOOL:
                if (!json_is_boolean(v))
                        return refuse(r, f->name, "neither true nor false");
                *(uint8_t *) p = json_is_true(v);
                return 0;
        case JSON_TIME:
                if (!json_is_integer(v))
                        return refuse(r, f->name, "no time in nanoseconds");
                *(nsec_t *) p = json_integer_value(v);
                return 0;
        case JSON_ADDRESS:
                if (!plain_text(v) || addr_parse(plain_text(v), p) < 0)
                        return refuse(r, f->name, "no address");
                return 0;
        case JSON_TASK:
                if (!json_is_object(v))
                        return refuse(r, f->name, "no task");
                r->inner = f->name;
                e = read_object(r, json_task_fields, v, p);
                r->inner = NULL;
                return e;
        case JSON_TEXT:
        case JSON_SLICE:
        case JSON_BYTES8:
        case JSON_BYTES16:
                return read_text(r, f, v, base);
        case JSON_LIST:
                return read_list(r, f, v, base);
        case JSON_ENUM:
                return read_enum(r, f, v, p);
        default:
                return read_integer(r, f, v, p);
        }
}

static const struct json_field *find_field(const struct json_field *fields, const char *name, const void *base)
{
        for (const struct json_field *f = fields; f->name; f++)
                if (strcmp(f->by_op ? json_name_by_op(f, base) : f->name, name) == 0)
                        return f;
        return NULL;
}

/* What only repeats another field. */
static bool is_derived(const struct reading *r, const char *name)
{
        for (size_t i = 0; json_derived[i]; i++)
                if (strcmp(json_derived[i], name) == 0)
                        return !r->inner;
        return false;
}

static int read_object(struct reading *r, const struct json_field *fields, const json_t *object, void *base)
{
        const char *key;
        json_t *value;
        int e;

        for (const struct json_field *f = fields; f->name; f++)
                if (f->kind == JSON_SIZE)
                        memset((char *) base + f->offset, 0xff, sizeof(uint64_t)); /* not said */
        json_object_foreach((json_t *) object, key, value)
        {
                const struct json_field *f = find_field(fields, key, base);

                if (!f && is_derived(r, key))
                        continue;
                if (!f)
                        return refuse(r, key, "unknown");
                e = read_value(r, f, value, base);
                if (e < 0)
                        return e;
        }
        for (const struct json_field *f = fields; f->name; f++)
                if (f->required && !json_object_get(object, f->name))
                        return refuse(r, f->name, "missing");
        return 0;
}

static int read_type(const struct reading *r, const json_t *root, struct event *e)
{
        const char *name = json_string_value(json_object_get(root, "event_type"));

        if (!name)
                return refuse(r, "event_type", "missing");
        for (unsigned type = EVENT_NONE + 1; type < EVENT_TYPES; type++)
                if (strcmp(name, event_type_name(type)) == 0) {
                        e->type = (uint8_t) type;
                        return 0;
                }
        return refuse(r, "event_type", "not an event of ours");
}

static int read_op(const struct reading *r, const json_t *root, struct event *e)
{
        const char *name = json_string_value(json_object_get(root, "op"));

        if (e->type == EVENT_GAP)
                return 0;
        if (!name)
                return refuse(r, "op", "missing");
        for (unsigned op = 0; strcmp(event_op_name(e->type, op), "?") != 0; op++)
                if (strcmp(name, event_op_name(e->type, op)) == 0) {
                        e->op = (uint8_t) op;
                        return 0;
                }
        return refuse(r, "op", "unknown name");
}

/* Exactly from time_ns, else from the timestamp. */
static int read_time(const struct reading *r, const json_t *root, struct event *e)
{
        const json_t *exact = json_object_get(root, "time_ns"), *text = json_object_get(root, "timestamp");

        if (exact) {
                if (!json_is_integer(exact))
                        return refuse(r, "time_ns", "no time in nanoseconds");
                e->time = json_integer_value(exact);
                return 0;
        }
        if (!text)
                return refuse(r, "timestamp", "missing");
        if (!json_is_string(text) || clock_parse_iso(json_string_value(text), &e->time) < 0)
                return refuse(r, "timestamp", "no time");
        return 0;
}

static int read_source(const struct reading *r, const json_t *root, struct event *e)
{
        const json_t *v = json_object_get(root, "source");
        uint64_t n;

        if (!v)
                return 0;
        for (unsigned i = 0; json_is_string(v) && i < json_n_sources; i++)
                if (json_sources[i] && strcmp(json_sources[i], json_string_value(v)) == 0) {
                        e->source = (uint8_t) i;
                        return 0;
                }
        if (!json_is_integer(v) || read_u64(v, UINT8_MAX, &n) < 0)
                return refuse(r, "source", "unknown");
        e->source = (uint8_t) n;
        return 0;
}

static int read_event(struct reading *r, const json_t *root, struct event *e)
{
        const json_t *own;
        int k;

        if ((k = read_type(r, root, e)) < 0 || (k = read_op(r, root, e)) < 0 || (k = read_time(r, root, e)) < 0 ||
            (k = read_source(r, root, e)) < 0)
                return k;
        own = json_object_get(root, event_type_name(e->type));
        if (!json_is_object(own))
                return refuse(r, event_type_name(e->type), "missing");
        r->object = event_type_name(e->type);
        return read_object(r, json_fields[e->type], own, e);
}

int json_read_event(const char *line, size_t len, struct event *ret, struct buf *scratch, struct buf *why)
{
        struct reading r = {.scratch = scratch, .why = why, .object = ""};
        struct event e = {0};
        _cleanup_json_ json_t *root = NULL;
        json_error_t error;
        int k;

        if (len > JSON_LINE_MAX) {
                buf_printf(why, "the line is longer than %d bytes", JSON_LINE_MAX);
                return -EINVAL;
        }
        root = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
        if (!root) {
                if (json_error_code(&error) == json_error_premature_end_of_input)
                        buf_puts(why, "the line is cut");
                else {
                        buf_printf(why, "no JSON object, at byte %d: ", error.position);
                        buf_put_visible(why, error.text, strlen(error.text));
                }
                return -EINVAL;
        }
        buf_reset(scratch);
        k = read_event(&r, root, &e);
        if (k < 0)
                return k;
        for (size_t i = 0; i < r.n_texts; i++) {
                const char *at = scratch->data + r.texts[i].offset;

                memcpy(r.texts[i].slot, &at, sizeof(at));
        }
        *ret = e;
        return 0;
}
