/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the configuration's section `mail`, and what a command line adds, to an inquiry's parameters: whom to trust, the
 * resolver, lists, systems, permits and probes. Reads their files and opens what needs rights, so it is called before
 * the sandbox is closed; nothing is sent from here. Runs where mail/inquiry.h says. */
#ifndef SEKIMORI_MAIL_INQUIRY_SETUP_H
#define SEKIMORI_MAIL_INQUIRY_SETUP_H

#include "config/config.h"
#include "mail/inquiry.h"

#define INQUIRY_TRUST_MAX 4096 /* networks and names */
#define INQUIRY_PORTS_MAX 16

/* Over the configuration's. All outlive the setup. */
struct inquiry_more {
        const char *const *trust; /* before the configuration's; as in its key */
        unsigned n_trust;
        const char *const *lists; /* after the configuration's; as in its key. What has a "/" is a file */
        unsigned n_lists;
        const char *const *allow; /* networks, or files with networks, besides the configuration's */
        unsigned n_allow;
        const struct addr *opted_out; /* besides the configuration's */
        size_t n_opted_out;
        const char *resolver; /* in place of the configuration's */
        bool offline;
        bool probe; /* in place of the configuration's word */
        bool plan;  /* permits, and nobody who uses them */
        void (*log)(void *userdata, nsec_t now, const struct addr *a, enum smtp_probe_event event, const char *data,
                    size_t len); /* of probes: all that is sent and that comes */
        void *log_userdata;
};

struct inquiry_setup {
        struct chain_trust trust;
        struct inquiry_params params; /* its functions are the caller's to fill in */
        /* Of the bits of struct record's lists: zones as they are asked, paths as they are written. */
        const char *lists[RECORD_LISTS];
        unsigned n_lists;
        unsigned n_allowed; /* ranges that may be probed */
        /* Ports that TCP goes to: the resolvers', and 25 with probes. For the sandbox; none: offline. */
        uint16_t ports[INQUIRY_PORTS_MAX];
        unsigned n_ports;
        int packets; /* the probes' packet socket, for the sandbox; owned by params.probe; negative: none */
        struct inquiry_setup_owned *owned;
};

/* 0; -EINVAL, -ENOENT, ... with a sentence in `why` that says what is wrong with which text. */
int inquiry_setup_new(const struct config *c, const struct inquiry_more *more, struct buf *why,
                      struct inquiry_setup **ret);
/* Before it: the inquiry itself. */
void inquiry_setup_free(struct inquiry_setup *s);
DEFINE_FREEP(struct inquiry_setup, inquiry_setup_free)

#endif
