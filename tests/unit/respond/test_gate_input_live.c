/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Real input devices and such as software makes (uinput), in a machine that may be touched: a key of its keyboard is
 * pressed. Needs root, evdev and uinput, and SEKIMORI_INPUT_TEST=1 to be allowed to. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/uinput.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "respond/gate_input_internal.h"

#define WAIT_USEC (20 * 1000 * 1000ull)

struct fixture {
        sd_event *event;
        struct gate_input *input;
        unsigned presses;
        nsec_t time;
        unsigned vt;
};

static void on_gesture(void *ud, const struct gate_person_gesture *g)
{
        struct fixture *f = ud;

        assert_string_equal(g->seat, "seat0");
        f->presses += g->presses;
        f->time = g->time;
        f->vt = g->vt;
}

static unsigned devices(struct fixture *f)
{
        struct gate_input_stats stats;

        gate_input_get_stats(f->input, &stats);
        return stats.devices;
}

static void put(int fd, uint16_t type, uint16_t code, int32_t value)
{
        struct input_event e = {.type = type, .code = code, .value = value};

        assert_int_equal(write(fd, &e, sizeof(e)), (ssize_t) sizeof(e));
}

/* Shift does nothing by itself. */
static void press(int fd)
{
        put(fd, EV_KEY, KEY_LEFTSHIFT, 1);
        put(fd, EV_SYN, SYN_REPORT, 0);
        put(fd, EV_KEY, KEY_LEFTSHIFT, 0);
        put(fd, EV_SYN, SYN_REPORT, 0);
}

/* A keyboard that is hardware: what is written into its node comes out as if pressed. */
static int open_keyboard(void)
{
        DIR *folder = opendir("/sys/class/input");
        struct dirent *d;
        int found = -1;

        while (folder && found < 0 && (d = readdir(folder))) {
                char path[PATH_MAX], real[PATH_MAX];
                struct gate_input_bits bits = {0};

                snprintf(path, sizeof(path), "/sys/class/input/%s", d->d_name);
                if (strncmp(d->d_name, "event", 5) != 0 || !realpath(path, real) ||
                    gate_input_place(real) != GATE_INPUT_HARDWARE)
                        continue;
                snprintf(path, sizeof(path), "/dev/input/%s", d->d_name);
                found = open(path, O_RDWR | O_CLOEXEC);
                if (found < 0)
                        continue;
                (void) ioctl(found, EVIOCGBIT(0, sizeof(bits.types)), bits.types);
                (void) ioctl(found, EVIOCGBIT(EV_KEY, sizeof(bits.keys)), bits.keys);
                if (!gate_input_is_for_hands(&bits) || !(bits.keys[0] >> KEY_S & 1)) {
                        close(found);
                        found = -1;
                }
        }
        if (folder)
                closedir(folder);
        return found;
}

static int make_uinput(void)
{
        struct uinput_setup setup = {.id = {.bustype = BUS_I8042, .vendor = 1, .product = 1}, .name = "AT keyboard"};
        int fd = open("/dev/uinput", O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        assert_int_equal(ioctl(fd, UI_SET_EVBIT, EV_KEY), 0);
        for (unsigned long key = KEY_ESC; key < KEY_MICMUTE; key++)
                assert_int_equal(ioctl(fd, UI_SET_KEYBIT, key), 0);
        assert_int_equal(ioctl(fd, UI_SET_PHYS, "isa0060/serio0/input0"), 0);
        assert_int_equal(ioctl(fd, UI_DEV_SETUP, &setup), 0);
        assert_int_equal(ioctl(fd, UI_DEV_CREATE), 0);
        return fd;
}

/* The node that another program sees, so that the press has certainly been made. */
static int open_forged(int uinput)
{
        char name[64] = "", path[PATH_MAX];
        struct dirent *d;
        DIR *folder;
        int fd = -1;

        assert_true(ioctl(uinput, UI_GET_SYSNAME(sizeof(name)), name) >= 0);
        snprintf(path, sizeof(path), "/sys/devices/virtual/input/%s", name);
        folder = opendir(path);
        assert_non_null(folder);
        while (fd < 0 && (d = readdir(folder)))
                if (strncmp(d->d_name, "event", 5) == 0) {
                        snprintf(path, sizeof(path), "/dev/input/%s", d->d_name);
                        for (unsigned i = 0; fd < 0 && i < 1000; i++) {
                                fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
                                if (fd < 0)
                                        (void) poll(NULL, 0, 10); /* until the node is made */
                        }
                }
        closedir(folder);
        return fd;
}

static bool may_press(void)
{
        const char *allowed = getenv("SEKIMORI_INPUT_TEST");

        if (allowed && strcmp(allowed, "1") == 0)
                return true;
        print_message("presses a key of this machine: only with SEKIMORI_INPUT_TEST=1\n");
        return false;
}

static void hands_count_and_software_does_not(void **state _unused_)
{
        struct fixture f = {0};
        struct gate_input_params params = {.gesture = on_gesture, .ud = &f};
        struct pollfd p = {.events = POLLIN};
        nsec_t before = clock_boottime();
        unsigned n;
        int real, uinput;

        if (!may_press())
                skip();
        assert_true(sd_event_new(&f.event) >= 0);
        params.event = f.event;
        assert_int_equal(gate_input_new(&params, &f.input), 0);
        real = open_keyboard();
        assert_true(real >= 0);
        assert_int_equal(gate_input_start(f.input), 0);
        n = devices(&f);
        assert_true(n >= 1);

        uinput = make_uinput();
        assert_true(uinput >= 0);
        p.fd = open_forged(uinput);
        assert_true(p.fd >= 0);
        press(uinput);
        assert_int_equal(poll(&p, 1, 10000), 1);
        /* The forged press was first: had it counted, it would be told by now. */
        press(real);
        while (f.presses == 0)
                assert_true(sd_event_run(f.event, WAIT_USEC) > 0);
        while (sd_event_run(f.event, 200 * 1000) > 0)
                ;
        assert_int_equal(f.presses, 1);
        assert_true(f.time >= before && f.time <= clock_boottime());
        assert_true(f.vt >= 1);
        assert_int_equal(devices(&f), n);
        close(uinput);
        close(p.fd);
        close(real);
        gate_input_free(f.input);
        sd_event_unref(f.event);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(hands_count_and_software_does_not)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
