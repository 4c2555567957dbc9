/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line as written, and what the reader says to one. Test code, included after cmocka.h. */
#ifndef SEKIMORI_TESTS_UNIT_VIEW_LINE_H
#define SEKIMORI_TESTS_UNIT_VIEW_LINE_H

#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>

#include "base/cleanup.h"
#include "view/json.h"

static inline struct event example_flow(void)
{
        struct event e = {.type = EVENT_FLOW, .op = FLOW_START, .time = 1795224902123456789};

        e.flow.task = (struct task){.pid = 12, .tid = 13, .start = 5, .leader_start = 4};
        assert_int_equal(addr_parse("10.0.0.2", &e.flow.local), 0);
        assert_int_equal(addr_parse("192.0.2.1", &e.flow.remote), 0);
        e.flow.local_port = 22;
        e.flow.remote_port = 40000;
        e.flow.proto = IPPROTO_TCP;
        e.flow.flow_id = 77;
        e.flow.flags = FLOW_INHERITED;
        e.flow.since = e.time;
        return e;
}

static inline json_t *written(const struct event *e, nsec_t skew)
{
        struct buf line = BUF_HEAP(1u << 16);
        json_t *root;

        json_event(&line, e, skew);
        root = json_loads(buf_str(&line), JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(root);
        buf_done(&line);
        return root;
}

static inline void assert_text_field(const json_t *root, const char *field, const char *expected)
{
        const char *text = json_string_value(json_object_get(root, field));

        assert_non_null(text);
        assert_string_equal(text, expected);
}

static inline void assert_refused(const char *line, size_t len, const char *reason)
{
        struct buf scratch = BUF_HEAP(4096), why = BUF_HEAP(4096);
        struct event e;

        memset(&e, 0x5a, sizeof(e));
        assert_int_equal(json_read_event(line, len, &e, &scratch, &why), -EINVAL);
        if (!strstr(buf_str(&why), reason))
                fail_msg("\"%s\" does not say \"%s\"", buf_str(&why), reason);
        assert_int_equal(e.type, 0x5a); /* untouched */
        buf_done(&scratch);
        buf_done(&why);
}

#endif
