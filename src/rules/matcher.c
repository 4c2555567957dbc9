/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The scratch memory of evaluation: what PCRE2 needs, and room for transforms. One for each inspector. Runs in the
 * engine and in `read`. */
#include "rules/match_internal.h"

#include <errno.h>

/* Of PCRE2: Suricata's default depth; kibibytes of heap; bytes of the stack of machine code. */
#define PCRE_DEPTH_MAX  1500
#define PCRE_HEAP_KIB   1024
#define PCRE_STACK_SIZE (256u << 10)

int matcher_new(struct matcher **ret)
{
        _cleanup_(matcher_freep)
        struct matcher *m = calloc(1, sizeof(*m));

        if (!m)
                return -ENOMEM;
        m->data = pcre2_match_data_create(1, NULL);
        m->context = pcre2_match_context_create(NULL);
        m->stack = pcre2_jit_stack_create(16u << 10, PCRE_STACK_SIZE, NULL); /* NULL without JIT: fine */
        for (unsigned i = 0; i < ELEMENTSOF(m->scratch); i++)
                m->scratch[i] = malloc(MATCH_TRANSFORM_MAX + 1);
        if (!m->data || !m->context || !m->scratch[0] || !m->scratch[1])
                return -ENOMEM;
        if (m->stack)
                pcre2_jit_stack_assign(m->context, NULL, m->stack);
        (void) pcre2_set_depth_limit(m->context, PCRE_DEPTH_MAX);
        (void) pcre2_set_heap_limit(m->context, PCRE_HEAP_KIB);
        *ret = TAKE_PTR(m);
        return 0;
}

void matcher_free(struct matcher *m)
{
        if (!m)
                return;
        pcre2_match_data_free(m->data);
        pcre2_match_context_free(m->context);
        pcre2_jit_stack_free(m->stack);
        free(m->scratch[0]);
        free(m->scratch[1]);
        free(m);
}
