/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expressions by their text and options. Runs where rules are read. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "rules/expressions.h"

#include <errno.h>
#include <pcre2.h>
#include <string.h>

struct rule_expressions {
        struct arena arena;
        struct map codes; /* options and pattern -> pcre2_code */
        pcre2_compile_context *context, *lenient;
        uint64_t bytes, jit_bytes;
};

int expressions_new(struct rule_expressions **ret)
{
        _cleanup_(expressions_freep)
        struct rule_expressions *x = calloc(1, sizeof(*x));

        if (!x)
                return -ENOMEM;
        x->arena = ARENA(EXPRESSIONS_BYTES_MAX);
        x->context = pcre2_compile_context_create(NULL);
        x->lenient = pcre2_compile_context_create(NULL);
        if (!x->context || !x->lenient)
                return -ENOMEM;
        (void) pcre2_set_max_pattern_length(x->context, EXPRESSIONS_PATTERN_MAX);
        (void) pcre2_set_max_pattern_length(x->lenient, EXPRESSIONS_PATTERN_MAX);
        /* PCRE1 took an unknown escape for the letter itself, and old rules rely on it. */
        (void) pcre2_set_compile_extra_options(x->lenient, PCRE2_EXTRA_BAD_ESCAPE_IS_LITERAL);
        *ret = TAKE_PTR(x);
        return 0;
}

void expressions_free(struct rule_expressions *x)
{
        if (!x)
                return;
        for (uint32_t i = 0; i < x->codes.size; i++)
                if (x->codes.entries[i].key)
                        pcre2_code_free(x->codes.entries[i].p);
        pcre2_compile_context_free(x->context);
        pcre2_compile_context_free(x->lenient);
        map_done(&x->codes);
        arena_done(&x->arena);
        free(x);
}

static void code_freep(pcre2_code **code)
{
        pcre2_code_free(*code);
}

static pcre2_code *compile(struct rule_expressions *x, struct slice pattern, uint32_t options, char why[static 160])
{
        PCRE2_UCHAR message[96];
        PCRE2_SIZE at;
        int error;
        pcre2_code *code = pcre2_compile((PCRE2_SPTR) pattern.p, pattern.len, options, &error, &at, x->context);

        if (code)
                return code;
        (void) pcre2_get_error_message(error, message, sizeof(message));
        (void) snprintf(why, 160, "%s, at byte %zu of the pattern", (const char *) message, at);
        return pcre2_compile((PCRE2_SPTR) pattern.p, pattern.len, options, &error, &at, x->lenient);
}

static int keep(struct rule_expressions *x, const void *key, uint32_t len, pcre2_code **code)
{
        size_t size = 0;
        struct map_entry *e;
        void *copy;

        (void) pcre2_pattern_info(*code, PCRE2_INFO_SIZE, &size);
        if (size > EXPRESSIONS_BYTES_MAX - x->bytes)
                return -E2BIG;
        copy = arena_copy(&x->arena, key, len);
        if (!copy)
                return -E2BIG;
        e = map_add(&x->codes, copy, len);
        if (!e)
                return -ENOMEM;
        x->bytes += size;
        e->p = TAKE_PTR(*code);
        return 0;
}

int expressions_compile(struct rule_expressions *x, struct slice pattern, uint32_t options, void **ret_code,
                        char why[static 160])
{
        _cleanup_(code_freep)
        pcre2_code *code = NULL;
        unsigned char key[sizeof(options) + EXPRESSIONS_PATTERN_MAX];
        const struct map_entry *e;
        uint32_t len = (uint32_t) sizeof(options) + pattern.len;
        void *found;
        int r;

        if (pattern.len > EXPRESSIONS_PATTERN_MAX)
                return -E2BIG;
        memcpy(key, &options, sizeof(options));
        if (pattern.len)
                memcpy(key + sizeof(options), pattern.p, pattern.len);
        e = map_find(&x->codes, key, len);
        if (e) {
                *ret_code = e->p;
                return 0;
        }
        found = code = compile(x, pattern, options, why);
        if (!code)
                return -EINVAL;
        r = keep(x, key, len, &code);
        if (r == 0)
                *ret_code = found;
        return r;
}

void expressions_jit(struct rule_expressions *x)
{
        for (uint32_t i = 0; i < x->codes.size; i++) {
                pcre2_code *code = x->codes.entries[i].key ? x->codes.entries[i].p : NULL;
                size_t size = 0;

                if (!code || x->jit_bytes > EXPRESSIONS_JIT_MAX ||
                    pcre2_pattern_info(code, PCRE2_INFO_SIZE, &size) < 0 || size > EXPRESSIONS_JIT_ONE_MAX ||
                    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) < 0)
                        continue;
                (void) pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &size);
                x->jit_bytes += size;
        }
}

uint64_t expressions_bytes(const struct rule_expressions *x)
{
        return x->bytes + x->jit_bytes + x->arena.used + x->codes.size * sizeof(*x->codes.entries);
}
