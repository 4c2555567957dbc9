/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sekimori-floor: what reading a capture costs at least, for the bench of reading: libpcap's own loop, which only
 * counts. Its wall time is F. Not installed.
 *
 *   sekimori-floor FILE    prints packets and captured bytes */
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>

struct count {
        uint64_t packets, bytes;
};

static void take(u_char *userdata, const struct pcap_pkthdr *head, const u_char *data)
{
        struct count *c = (struct count *) userdata;

        (void) data;
        c->packets++;
        c->bytes += head->caplen;
}

int main(int argc, char **argv)
{
        struct count c = {0};
        char error[PCAP_ERRBUF_SIZE];
        pcap_t *p = argc == 2 ? pcap_open_offline(argv[1], error) : NULL;

        if (!p || pcap_loop(p, -1, take, (u_char *) &c) < 0) {
                fprintf(stderr, "sekimori-floor: %s\n", p ? pcap_geterr(p) : argc == 2 ? error : "say which file");
                return 3;
        }
        printf("%" PRIu64 " %" PRIu64 "\n", c.packets, c.bytes);
        pcap_close(p);
        return 0;
}
