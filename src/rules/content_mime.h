/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of a mail (RFC 2045, 2046), decoded as they come. Every part is a file but plain text without a name. What
 * nests deeper, or has longer headers, than anybody's mail program makes is not looked at. Pure. */
#ifndef SEKIMORI_RULES_CONTENT_MIME_H
#define SEKIMORI_RULES_CONTENT_MIME_H

#include "rules/content_internal.h"

#define MIME_DEPTH    6
#define MIME_BOUNDARY 72 /* RFC 2046 5.1.1: 70 */
#define MIME_HEADER   1024

enum mime_encoding { MIME_PLAIN, MIME_BASE64, MIME_QUOTED };

struct mime {
        struct content_body body; /* of the part in work */
        uint8_t depth;
        uint8_t boundary_len[MIME_DEPTH];
        char boundary[MIME_DEPTH][MIME_BOUNDARY];
        bool head;   /* in the headers of a mail or part */
        bool file;   /* the part in work is one */
        bool named;  /* it has a name, or says that it is no part of the text */
        bool text;   /* it is plain text */
        bool pushes; /* it has parts itself: the last boundary is theirs */
        uint8_t encoding;
        uint8_t n_bits; /* of base64, not written yet */
        uint32_t bits;
        uint16_t header_len;
        char header[MIME_HEADER];
};

void mime_begin(struct mime *m, struct content_context *c);
/* A line, or a piece of a long one, without its end. `look` is called for files, as of content_body_add(). */
void mime_line(struct mime *m, struct content_context *c, struct inspect_buffer line, bool begins, bool ends,
               content_body_look_fn *look, void *userdata);
/* The mail is over. */
void mime_end(struct mime *m, struct content_context *c, content_body_look_fn *look, void *userdata);

#endif
