/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Network service header (RFC 8300): a path through a chain of services, and then what is carried. Runs where
 * decode/packet.h says. */
#include "decode/packet_internal.h"

#define NSH_BASE 8u /* base header and service path header */

enum { NSH_MD_FIXED = 1, NSH_FIXED = 24 }; /* MD type 1: four words of context always */
enum { NSH_IP4 = 1, NSH_IP6 = 2, NSH_ETHERNET = 3, NSH_NSH = 4, NSH_MPLS = 5 };

enum packet_error packet_nsh(struct packet_walk *w)
{
        uint32_t size;

        if (packet_left(w) < NSH_BASE || w->tags++ == PACKET_TAGS_MAX)
                return PACKET_TAG;
        size = 4u * (w->p[1] & 0x3f);
        if (w->p[0] >> 6 != 0 || size < NSH_BASE || size > packet_left(w) ||
            ((w->p[2] & 0x0f) == NSH_MD_FIXED && size != NSH_FIXED))
                return PACKET_TAG;
        switch (w->p[3]) {
        case NSH_IP4:
                w->type = TYPE_IP4;
                break;
        case NSH_IP6:
                w->type = TYPE_IP6;
                break;
        case NSH_ETHERNET:
                w->type = TYPE_ETHERNET;
                break;
        case NSH_NSH:
                break;
        case NSH_MPLS:
                w->type = TYPE_MPLS;
                break;
        default:
                return PACKET_NOT_IP;
        }
        packet_pass(w, size);
        return PACKET_OK;
}
