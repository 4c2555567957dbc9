/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The texts of /proc: the first byte chooses the parser. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "source/proc_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void scan_text(unsigned which, const char *text, size_t size)
{
        struct proc_socket socket;
        struct proc_stat stat;
        const char *path;
        uint64_t number;
        uint32_t uid;
        size_t len;

        switch (which % 8) {
        case 0:
                if (proc_scan_stat(text, size, &stat) == 0 && (stat.pid == 0 || strlen(stat.comm) >= PROC_COMM_MAX))
                        abort();
                break;
        case 1:
                (void) proc_scan_link("socket", text, size, &number);
                break;
        case 2:
                (void) proc_scan_uid(text, size, &uid);
                break;
        case 3:
                if (proc_scan_cgroup(text, size, &path, &len) == 0 && (path < text || path + len > text + size))
                        abort();
                break;
        case 4:
                (void) proc_scan_number(text, size, &number);
                break;
        default:
                for (unsigned table = 0; table < PROC_TABLES; table++) {
                        (void) proc_scan_socket((enum proc_table) table, false, text, size, &socket);
                        (void) proc_scan_socket((enum proc_table) table, true, text, size, &socket);
                }
                break;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *copy = NULL;

        if (size == 0)
                return 0;
        copy = malloc(size); /* without a NUL behind it: a sanitizer sees each byte too far */
        if (!copy)
                return 0;
        memcpy(copy, data + 1, size - 1);
        scan_text(data[0], copy, size - 1);
        return 0;
}
