/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fields of each event type as they stand in JSON: one table for the writer and the reader, so that what is written
 * can be read. Private to json.c and json_read.c. */
#ifndef SEKIMORI_VIEW_JSON_FIELDS_H
#define SEKIMORI_VIEW_JSON_FIELDS_H

#include "model/event.h"

enum json_kind {
        JSON_U8,
        JSON_U16,
        JSON_U32,
        JSON_U64,
        JSON_BOOL,    /* uint8_t, 0 or 1 */
        JSON_TIME,    /* nsec_t, since the epoch */
        JSON_ADDRESS, /* struct addr */
        JSON_TASK,    /* struct task; absent when it is not known, unless required */
        JSON_TEXT,    /* const char *, absent when NULL */
        JSON_SLICE,   /* struct slice, absent when NULL */
        JSON_BYTES8,  /* const char *, its length in the uint8_t at `length`; absent when NULL */
        JSON_BYTES16, /* the same in a uint16_t */
        JSON_SIZE,    /* uint64_t, absent when UINT64_MAX: not said */
        JSON_LIST,    /* const struct addr *, their number in the uint16_t at `length`; absent when none */
        JSON_NAMED8,  /* uint8_t, by name, else as its number */
        JSON_NAMED16,
        JSON_ENUM,   /* uint8_t, by name */
        JSON_FLAGS8, /* names of bits; a bit without a name stands as its number */
        JSON_FLAGS16,
        JSON_FLAGS32,
};

/* A number with a name; a list of them ends with a NULL name. */
struct json_name {
        const char *name;
        uint16_t number;
};

struct json_field {
        const char *name;
        enum json_kind kind;
        uint16_t offset; /* in struct event; in struct task for json_task_fields */
        uint16_t length; /* where the length or number stands, by kind */
        bool required;
        const char *const *names; /* flags: by bit */
        const struct json_name *numbers;
        const char *const *by_op; /* its name by the event's operation; NULL there, or none: `name` */
        unsigned n_by_op;
        const char *(*name_of)(unsigned);
        unsigned n; /* names, or values of the enumeration */
};

/* By event type; each ends with a NULL name. NULL for EVENT_NONE. */
extern const struct json_field *const json_fields[EVENT_TYPES];
extern const struct json_field json_task_fields[];
/* Names that the writer adds to an event's own object for other programs, and the reader passes over; NULL-terminated.
 */
extern const char *const json_derived[];
/* A field's name in that event. */
const char *json_name_by_op(const struct json_field *f, const struct event *e);
/* Names of the sources by index, as in sources.def. */
extern const char *const json_sources[];
extern const unsigned json_n_sources;

#endif
