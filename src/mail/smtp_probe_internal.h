/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What smtp_probe.c (the pool, TCP) and smtp_probe_wire.c (ping, packets) share. Runs where mail/smtp_probe.h says. */
#ifndef SEKIMORI_MAIL_SMTP_PROBE_INTERNAL_H
#define SEKIMORI_MAIL_SMTP_PROBE_INTERNAL_H

#include <sys/socket.h>

#include "mail/smtp_probe.h"

#define SMTP_PROBE_PORT 25

/* One probe. */
struct smtp_probe_one {
        struct smtp_probe_one *next;
        struct permit_grant grant;
        smtp_probe_func func;
        void *userdata;
        int tcp, icmp; /* negative: closed or never opened */
        uint16_t port; /* ours */
        bool connected, finished;
        nsec_t deadline, last_deadline; /* of this step; of it all */
        nsec_t pinged, ping_deadline;
        struct smtp_probe_result result;
};

struct smtp_probe {
        struct smtp_probe_params p;
        char name[SMTP_PROBE_NAME_MAX];
        int epoll, timer;
        struct smtp_probe_one *probes;
        unsigned n;
};

void smtp_probe_tell(struct smtp_probe *p, nsec_t now, const struct smtp_probe_one *o, enum smtp_probe_event event,
                     const char *data, size_t len);
socklen_t smtp_probe_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *ret);

/* Sends one echo request, if ping sockets are to be had. */
void smtp_probe_ping(struct smtp_probe *p, struct smtp_probe_one *o, nsec_t now);
void smtp_probe_pong(struct smtp_probe *p, struct smtp_probe_one *o, nsec_t now);
/* Reads the packet socket: answers to our SYNs into the probes that sent them. */
void smtp_probe_read_packets(struct smtp_probe *p);

#endif
