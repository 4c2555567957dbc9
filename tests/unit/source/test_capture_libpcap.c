/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every capture of the test data, once by libpcap and once by ours: the same frames. Where libpcap stops with an error
 * ours may go on. SEKIMORI_DATA names the data; without it, ../shared/data. */
#include "capture_rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pcap/pcap.h>

static unsigned files, refused, broken;
static uint64_t frames, more;

/* Where both have the frame, it is the same; libpcap cuts to the snapshot length in the header. */
static bool is_same(const struct frame *f, const struct pcap_pkthdr *h, const u_char *data, uint32_t snaplen,
                    nsec_t last)
{
        /* Times as libpcap reads them: 32 bits with a sign, fractions unchecked, none in simple packet blocks. */
        bool odd = h->ts.tv_sec < 0 || h->ts.tv_usec >= NSEC_PER_SEC || h->ts.tv_usec < 0;
        nsec_t t = h->ts.tv_sec * NSEC_PER_SEC + h->ts.tv_usec;

        if (f->time != t && !odd && !(t == 0 && f->time == last))
                return false;
        return h->caplen == (snaplen ? MIN(f->caplen, snaplen) : f->caplen) && MAX(h->len, f->caplen) == f->len &&
               memcmp(f->data, data, h->caplen) == 0;
}

static void compare(const char *path)
{
        char error[PCAP_ERRBUF_SIZE];
        pcap_t *p = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, error);
        _cleanup_(capture_batch_freep)
        struct capture_batch *b = NULL;
        _cleanup_(capture_freep)
        struct capture *c = NULL;
        struct pcap_pkthdr *h;
        struct capture_stats stats;
        const u_char *data;
        nsec_t last = 0;
        uint32_t at = 0;
        int r, next;

        files++;
        assert_int_equal(capture_new(&c), 0);
        assert_int_equal(capture_batch_new(&b), 0);
        r = capture_add(c, path, open(path, O_RDONLY | O_CLOEXEC), NULL, 0, NULL);
        if (!p) {
                refused++;
                return;
        }
        if (r < 0)
                fail_msg("%s: %d, libpcap opens it", path, r);
        while ((next = pcap_next_ex(p, &h, &data)) == 1) {
                if (at == b->n) {
                        at = 0;
                        if (capture_next(c, b, NULL) <= 0)
                                fail_msg("%s: too few frames", path);
                }
                if (!is_same(&b->frames[at], h, data, (uint32_t) pcap_snapshot(p), last))
                        fail_msg("%s: frame %llu", path, (unsigned long long) (b->first + at + 1));
                last = b->frames[at++].time;
                frames++;
        }
        more += b->n - at;
        if (next == PCAP_ERROR_BREAK && at != b->n)
                fail_msg("%s: too many frames", path);
        while (capture_next(c, b, NULL) > 0) {
                more += b->n;
                if (next == PCAP_ERROR_BREAK)
                        fail_msg("%s: too many frames", path);
        }
        capture_get_stats(c, &stats);
        if (next == PCAP_ERROR_BREAK && stats.cut_files + stats.bad_records)
                fail_msg("%s: libpcap finds nothing wrong", path);
        broken += next != PCAP_ERROR_BREAK;
        pcap_close(p);
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *where)
{
        const char *dot = strrchr(path, '.');

        (void) st;
        (void) where;
        if (type == FTW_F && dot && (!strncmp(dot, ".pcap", 5) || !strcmp(dot, ".cap") || !strcmp(dot, ".trace")))
                compare(path);
        return 0;
}

static void test_all(void **state)
{
        const char *data = getenv("SEKIMORI_DATA");

        (void) state;
        assert_int_equal(nftw(data ? data : "../shared/data", visit, 16, FTW_PHYS), 0);
        print_message("%u files, %llu frames; libpcap opens %u not and breaks off in %u, where ours goes on for %llu "
                      "frames\n",
                      files, (unsigned long long) frames, refused, broken, (unsigned long long) more);
        assert_true(frames > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
        const char *data = getenv("SEKIMORI_DATA");
        _cleanup_free_ char *pcaps = NULL;

        if (asprintf(&pcaps, "%s/pcap", data ? data : "../shared/data") < 0 || access(pcaps, R_OK) < 0) {
                puts("no captures: set SEKIMORI_DATA to a folder of them");
                return 77;
        }
        return cmocka_run_group_tests_name("source/capture_libpcap", tests, NULL, NULL);
}
