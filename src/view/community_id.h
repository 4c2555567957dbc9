/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Community ID version 1, the name of a flow that Zeek, Suricata, Wireshark and others give it too, so that their
 * records can be joined with ours: "1:" and the base64 form of a SHA-1 over the ordered ends (github.com/corelight/
 * community-id-spec), with seed 0. Pure. */
#ifndef SEKIMORI_VIEW_COMMUNITY_ID_H
#define SEKIMORI_VIEW_COMMUNITY_ID_H

#include "base/addr.h"

#define COMMUNITY_ID_MAX 31 /* bytes of the text with its NUL */

/* The flow's first packet, or any other: both directions have the same id. */
struct community_id_tuple {
        const struct addr *src, *dst;
        uint16_t src_port, dst_port; /* ICMP of both families: type and code */
        uint8_t proto;               /* IPPROTO_* */
};

void community_id_format(const struct community_id_tuple *t, char ret[static COMMUNITY_ID_MAX]);

#endif
