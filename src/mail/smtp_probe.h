/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Probes of a relay: is there a mail server behind its port 25, does it answer a ping, and, by the first packet of its
 * answer, what system is it? Only addresses with a permit's grant; says EHLO and QUIT and nothing else; never blocks,
 * from the one thread that made it. Poll smtp_probe_fd() for reading (or give it to sd-event) and call
 * smtp_probe_process() then; nothing else needs a timer.
 *
 * Ping uses the kernel's ping sockets (no privilege; net.ipv4.ping_group_range says who may), the system a packet
 * socket that a privileged process opened (smtp_probe_open_packets()); without them these answers are unknown. */
#ifndef SEKIMORI_MAIL_SMTP_PROBE_H
#define SEKIMORI_MAIL_SMTP_PROBE_H

#include "base/clock.h"
#include "decode/os_syn.h"
#include "mail/answer.h"
#include "mail/permit.h"
#include "mail/smtp_dialog.h"

enum smtp_probe_end {
        SMTP_PROBE_SERVER,      /* a mail server */
        SMTP_PROBE_REFUSED,     /* its port is closed: the machine itself said so */
        SMTP_PROBE_SILENT,      /* nothing came back */
        SMTP_PROBE_UNREACHABLE, /* somebody on the way said that it cannot be reached */
        SMTP_PROBE_MUTE,        /* connected, and no banner came */
        SMTP_PROBE_ODD,         /* what it speaks is no SMTP */
        SMTP_PROBE_CUT,         /* it broke off */
        SMTP_PROBE_STOPPED,
        SMTP_PROBE_FAILED, /* here, not there */
        SMTP_PROBE_ENDS,
};

struct smtp_probe_result {
        struct addr addr;
        enum smtp_probe_end end;
        enum answer server; /* yes: SERVER; no: REFUSED; everything else is unknown */
        enum answer ping;   /* yes; never no, since many drop pings */
        nsec_t ping_time;   /* of the answer */
        struct smtp_dialog dialog;
        bool has_syn;
        struct os_syn syn; /* its answer to our SYN */
};

/* What was sent and what came, as it happens; data is "" but for what was said. */
enum smtp_probe_event {
        SMTP_PROBE_CONNECTING,
        SMTP_PROBE_CONNECTED,
        SMTP_PROBE_SAID,
        SMTP_PROBE_HEARD,
        SMTP_PROBE_PINGED,
        SMTP_PROBE_PONG,
        SMTP_PROBE_CLOSED,
        SMTP_PROBE_EVENTS,
};

struct smtp_probe_params {
        struct permit *permit;  /* outlives the pool */
        const char *name;       /* said in EHLO: a host's name or an address literal */
        nsec_t connect_timeout; /* 0 = 10 s */
        nsec_t banner_timeout;  /* 0 = 30 s: some wait before they greet */
        nsec_t total_timeout;   /* 0 = 60 s */
        bool ping;
        int packets; /* from smtp_probe_open_packets(), owned from then on; negative: none */
        void (*log)(void *userdata, nsec_t now, const struct addr *a, enum smtp_probe_event event, const char *data,
                    size_t len);
        void *log_userdata;
};

#define SMTP_PROBE_NAME_MAX 128

typedef void (*smtp_probe_func)(void *userdata, const struct smtp_probe_result *result);

struct smtp_probe;

/* 0; -EINVAL: a name that is none; -ENOMEM; -errno. `packets` is owned also on failure. */
int smtp_probe_new(const struct smtp_probe_params *params, struct smtp_probe **ret);
void smtp_probe_free(struct smtp_probe *p); /* probes under way are cut and not called back */
DEFINE_FREEP(struct smtp_probe, smtp_probe_free)

int smtp_probe_fd(const struct smtp_probe *p);
/* `now`: any clock that does not go back, the same in all calls. */
void smtp_probe_process(struct smtp_probe *p, nsec_t now);

/* Called back once from smtp_probe_process() or smtp_probe_stop(), and the grant is given back. -EPERM: the grant does
 * not hold; -errno: nothing was sent, the grant is given back all the same. */
int smtp_probe_begin(struct smtp_probe *p, nsec_t now, const struct permit_grant *grant, smtp_probe_func func,
                     void *userdata);
/* Cuts everything at once, and stops the permit. */
void smtp_probe_stop(struct smtp_probe *p, nsec_t now);
unsigned smtp_probe_count(const struct smtp_probe *p);

/* A packet socket that sees answers from port 25 and nothing else; needs CAP_NET_RAW. The descriptor or -errno. */
int smtp_probe_open_packets(void);

const char *smtp_probe_end_name(unsigned end);     /* "refused" */
const char *smtp_probe_event_name(unsigned event); /* "said" */

#endif
