/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which make of server wrote a header: it decides what a name beside an address means. Runs in whichever process reads
 * mail. */
#include "mail/received_internal.h"

enum {
        CONFIRMS = FORM_CONFIRMS,
        UNSURE = FORM_UNSURE,
        LOCAL = FORM_LOCAL,
        HELO = LONE_HELO,
        RDNS = LONE_RDNS,
        BRACKET = LONE_BRACKET,
};

const struct form received_forms[RECEIVED_FORMS] = {
#define FORM(id, name, comment, with, lone, flags)                                                                     \
        [RECEIVED_FORM_##id] = {name, comment, with, (enum lone_name) lone, flags},
#include "mail/forms.def"
#undef FORM
};

const char *received_form_name(unsigned form)
{
        return form < RECEIVED_FORMS ? received_forms[form].name : "?";
}

/* Does the text begin with the mark? A space of the mark is any space, also a fold. */
static bool begins_with(struct slice text, const char *mark, size_t n)
{
        const char *p = text.p, *end = slice_end(text);

        for (size_t i = 0; i < n; i++) {
                if (mark[i] == ' ') {
                        if (p == end || !slice_is_space(*p))
                                return false;
                        while (p < end && slice_is_space(*p))
                                p++;
                } else if (p == end || (*p | 0x20) != (mark[i] | 0x20))
                        return false;
                else
                        p++;
        }
        return true;
}

/* One of the marks, which '|' separates. */
static bool begins_with_mark(struct slice text, const char *marks)
{
        while (*marks) {
                size_t n = strcspn(marks, "|");

                if (begins_with(text, marks, n))
                        return true;
                marks += n + (marks[n] == '|');
        }
        return false;
}

/* "8.11.6p3/8.10.1", "8.12.10/8.9.3/USFo1.0", "AIX5.3/8.13.4/8.11.0": version of the program and of its configuration.
 */
static bool is_sendmail_version(struct slice text)
{
        const char *space = text.len ? memchr(text.p, ' ', text.len) : NULL; /* "8.11.6/8.11.6/SuSE Linux 0.5" */
        const char *end = space ? space : slice_end(text);
        const char *slash = text.len ? memchr(text.p, '/', (size_t) (end - text.p)) : NULL;

        if (!slash)
                return false;
        if (slice_begins(text, "8.") && text.len > 3 && slice_is_digit(text.p[2]))
                return true;
        return end - slash > 3 && slash[1] == '8' && slash[2] == '.' && slice_is_digit(slash[3]);
}

enum received_form received_form_of_comment(struct slice text)
{
        for (unsigned i = 1; i < RECEIVED_FORMS; i++)
                if (begins_with_mark(text, received_forms[i].comment))
                        return (enum received_form) i;
        return is_sendmail_version(text) ? RECEIVED_FORM_SENDMAIL : RECEIVED_FORM_UNKNOWN;
}

enum received_form received_form_of_with(struct slice text)
{
        for (unsigned i = 1; i < RECEIVED_FORMS; i++)
                if (begins_with_mark(text, received_forms[i].with))
                        return (enum received_form) i;
        return RECEIVED_FORM_UNKNOWN;
}

void received_take_protocol(struct header *x, struct slice with)
{
        static const char *const web[] = {"HTTP", "HTTPS", "HTTPU", "HTTPREST", "NNFMP", "WebMail"};
        struct received *r = x->r;
        struct slice last = with;
        const char *space;

        if ((space = slice_last(last, ' ')) != NULL)
                last = slice_from(space + 1, slice_end(last));
        for (size_t i = 0; i < ELEMENTSOF(web); i++)
                x->web = x->web || slice_is_n(with, web[i], strlen(web[i]));
        if (x->web)
                r->flags |= RECEIVED_WEB;
        x->local = x->local || slice_is(with, "local") || slice_begins(with, "local-") || slice_is(with, "spool") ||
                   slice_is(with, "PIPE");
        if (slice_begins(last, "LMTP"))
                r->flags |= RECEIVED_DELIVERY;
        /* RFC 3848: ESMTPA, ESMTPS, ESMTPSA, LMTPA, ...; RFC 6531: UTF8SMTPSA */
        while (last.len > 4 && (slice_begins(last, "ESMTP") || slice_begins(last, "LMTP") ||
                                slice_begins(last, "UTF8") || slice_begins(last, "ASMTP"))) {
                char c = (char) (last.p[last.len - 1] | 0x20);

                if (c == 'a')
                        r->flags |= RECEIVED_AUTH;
                else if (c == 's')
                        r->flags |= RECEIVED_TLS;
                else
                        break;
                last.len--;
        }
        if (slice_begins(last, "ASMTP"))
                r->flags |= RECEIVED_AUTH;
}
