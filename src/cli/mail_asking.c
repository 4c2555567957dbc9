/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes and turns the inquiry. Runs where cli/mail_asking.h says. */
#include "cli/mail_asking.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#define STOP_LOOK 250 /* ms: a signal that comes just before the wait is seen so soon */

/* --- the log of probes --- */

/* One JSON line for each thing that is sent or comes. */
static void on_probe_event(void *userdata, nsec_t now, const struct addr *addr, enum smtp_probe_event event,
                           const char *data, size_t len)
{
        struct mail_asking *a = userdata;
        char text[8192], time[CLOCK_TEXT_MAX], ip[ADDR_TEXT_MAX];
        struct buf b = BUF_FIXED(text);

        (void) now; /* of a clock that means nothing to who reads it */
        if (a->log < 0)
                return;
        (void) buf_printf(
                &b, "{\"timestamp\":\"%s\",\"event_type\":\"probe\",\"dest_ip\":\"%s\",\"what\":\"%s\",\"data\":",
                clock_format_iso(clock_realtime(), time), addr_format(addr, ip), smtp_probe_event_name(event));
        (void) buf_put_json(&b, data, MIN(len, 1000u));
        (void) buf_puts(&b, "}\n");
        (void) !write(a->log, b.data, b.len);
}

/* --- opening --- */

int mail_asking_open(struct mail_asking *a, const struct mail_asking_params *params, struct buf *why)
{
        struct inquiry_more more = params->more;
        int r;

        *a = (struct mail_asking){.p = *params, .log = -EBADF};
        more.log = on_probe_event;
        more.log_userdata = a;
        if (params->probe_log) {
                a->log = open(params->probe_log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
                if (a->log < 0) {
                        r = -errno;
                        (void) buf_printf(why, "%s: %s", params->probe_log, strerror(-r));
                        return r;
                }
        }
        r = inquiry_setup_new(params->config, &more, why, &a->setup);
        if (r < 0)
                mail_asking_close(a);
        return r;
}

void mail_asking_close(struct mail_asking *a)
{
        inquiry_free(a->inquiry);
        inquiry_setup_free(a->setup);
        mail_syns_free(a->syns);
        nmap_free(a->nmap);
        if (a->log >= 0)
                close(a->log);
        *a = (struct mail_asking){.log = -EBADF};
}

void mail_asking_need(const struct mail_asking *a, struct sandbox_engine_params *params)
{
        const struct inquiry_setup *s = a->setup;

        if (!s->n_ports)
                return;
        params->dns_ports = s->ports;
        params->n_dns_ports = s->n_ports;
        params->pings = s->params.probe != NULL;
        if (s->packets >= 0) {
                params->capture_fds = &s->packets;
                params->n_capture_fds = 1;
        }
}

static void on_seen(void *userdata, const struct addr *addr, nsec_t came, struct inquiry_seen *ret)
{
        const struct mail_asking *a = userdata;
        const struct os_syn *syn = a->syns ? mail_syns_find(a->syns, addr, came) : NULL;

        if (!syn)
                return;
        ret->has_syn = true;
        ret->syn = *syn;
}

static void on_scanned(void *userdata, const struct addr *addr, nsec_t came, struct inquiry_scan *ret)
{
        const struct mail_asking *a = userdata;
        const struct nmap_host *h = a->nmap ? nmap_find(a->nmap, addr) : NULL;

        if (!h || llabs(h->time - came) > JUDGE_FRESH)
                return;
        *ret = (struct inquiry_scan){h->family, h->role, h->accuracy, h->os, "nmap", h->server, h->refused};
}

static void on_known(void *userdata, const struct addr *addr, bool *ret_consent, nsec_t *ret_last_probe)
{
        const struct mail_asking *a = userdata;

        mail_records_known(a->p.records, addr, ret_consent, ret_last_probe);
}

static int on_probing(void *userdata, const struct addr *addr, nsec_t now)
{
        const struct mail_asking *a = userdata;

        return mail_records_probing(a->p.records, addr, now);
}

static void on_done(void *userdata, void *mail, const struct chain *chain, const struct record *record)
{
        const struct mail_asking *a = userdata;

        a->p.done(a->p.userdata, mail, chain, record);
}

static int read_packets(struct mail_asking *a, struct buf *why)
{
        char text[512];
        struct buf said = BUF_FIXED(text);
        int r = mail_syns_new(&a->syns);

        if (r == 0)
                r = mail_syns_read(a->syns, a->p.packets, &said);
        if (r < 0)
                (void) buf_printf(why, "%s: %s", a->p.packets, said.len ? buf_str(&said) : strerror(-r));
        return r;
}

static int read_nmap(struct mail_asking *a, struct buf *why)
{
        char text[512];
        struct buf said = BUF_FIXED(text);
        int r = nmap_new(&a->nmap);

        if (r == 0)
                r = nmap_read(a->nmap, a->p.nmap, &said);
        if (r < 0)
                (void) buf_printf(why, "%s: %s", a->p.nmap, said.len ? buf_str(&said) : strerror(-r));
        return r;
}

int mail_asking_begin(struct mail_asking *a, struct buf *why)
{
        struct inquiry_params params = a->setup->params;
        int r = a->p.packets ? read_packets(a, why) : 0;

        if (r >= 0 && a->p.nmap)
                r = read_nmap(a, why);

        if (r < 0)
                return r;
        params.seen = on_seen;
        params.scanned = on_scanned;
        params.known = on_known;
        params.probing = on_probing;
        params.done = on_done;
        params.userdata = a;
        r = inquiry_new(&params, &a->inquiry);
        if (r < 0)
                (void) buf_puts(why, strerror(-r));
        return r;
}

/* --- turns --- */

static void stop_if_asked(struct mail_asking *a)
{
        if (a->stopped || !a->p.stop(a->p.userdata))
                return;
        a->stopped = true;
        inquiry_stop(a->inquiry, clock_realtime());
}

static void turn(struct mail_asking *a, int timeout)
{
        struct pollfd fd = {.fd = inquiry_fd(a->inquiry), .events = POLLIN};

        if (!a->setup->n_ports)
                return; /* nobody is asked */
        if (poll(&fd, 1, timeout) > 0)
                inquiry_process(a->inquiry, clock_realtime());
        stop_if_asked(a);
}

int mail_asking_add(struct mail_asking *a, const struct inquiry_mail *mail)
{
        int r;

        while ((r = inquiry_add(a->inquiry, clock_realtime(), mail)) == -EAGAIN)
                turn(a, STOP_LOOK);
        return r;
}

int mail_asking_again(struct mail_asking *a, const struct addr *addr, void *mail)
{
        int r;

        while ((r = inquiry_again(a->inquiry, clock_realtime(), addr, mail)) == -EAGAIN)
                turn(a, STOP_LOOK);
        return r;
}

void mail_asking_look(struct mail_asking *a)
{
        turn(a, 0);
}

void mail_asking_finish(struct mail_asking *a)
{
        stop_if_asked(a);
        while (inquiry_waiting(a->inquiry))
                turn(a, STOP_LOOK);
}
