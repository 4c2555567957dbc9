/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Presses through pipes that stand for devices, and what makes a device one that counts. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "respond/gate_input_internal.h"

#define BIG 200 /* more than one read takes */

struct told {
        unsigned calls, presses;
        nsec_t time;
        char seat[GATE_PERSON_SEAT];
};

struct fixture {
        sd_event *event;
        struct gate_input *input;
        struct told told;
};

static void on_gesture(void *ud, const struct gate_person_gesture *g)
{
        struct told *t = &((struct fixture *) ud)->told;

        assert_true(g->presses > 0);
        t->calls++;
        t->presses += g->presses;
        t->time = g->time;
        strcpy(t->seat, g->seat);
}

static int set_up(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));
        struct gate_input_params params = {.gesture = on_gesture, .ud = f};

        assert_true(sd_event_new(&f->event) >= 0);
        params.event = f->event;
        assert_int_equal(gate_input_new(&params, &f->input), 0);
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        struct fixture *f = *state;

        gate_input_free(f->input);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static int add(struct fixture *f, const char *name, const char *seat)
{
        int pair[2];

        assert_int_equal(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
        assert_int_equal(gate_input_add_fd(f->input, &(struct gate_input_fd){pair[0], seat, name, CLOCK_BOOTTIME}), 0);
        return pair[1];
}

static struct input_event at(nsec_t t, uint16_t type, uint16_t code, int32_t value)
{
        return (struct input_event){
                .input_event_sec = t / NSEC_PER_SEC,
                .input_event_usec = t % NSEC_PER_SEC / 1000,
                .type = type,
                .code = code,
                .value = value,
        };
}

static void put(int fd, const struct input_event *e, size_t n)
{
        assert_int_equal(write(fd, e, n * sizeof(*e)), (ssize_t) (n * sizeof(*e)));
}

static void press(int fd, nsec_t t, uint16_t code)
{
        const struct input_event e[] = {at(t, EV_MSC, MSC_SCAN, 30), at(t, EV_KEY, code, 1),
                                        at(t, EV_SYN, SYN_REPORT, 0), at(t, EV_KEY, code, 0),
                                        at(t, EV_SYN, SYN_REPORT, 0)};

        put(fd, e, ELEMENTSOF(e));
}

/* Until that many presses are told; the loop's own limit makes a loss fail. */
static void run_until(struct fixture *f, unsigned presses)
{
        while (f->told.presses < presses)
                assert_true(sd_event_run(f->event, 5 * 1000 * 1000) > 0);
}

static void drain(struct fixture *f)
{
        while (sd_event_run(f->event, 0) > 0)
                ;
}

static unsigned devices(struct fixture *f)
{
        struct gate_input_stats stats;

        gate_input_get_stats(f->input, &stats);
        return stats.devices;
}

static void presses_are_counted(void **state)
{
        struct fixture *f = *state;
        nsec_t t = clock_boottime() - NSEC_PER_SEC;
        int fd = add(f, "event0", "seat0");

        press(fd, t, KEY_A);
        run_until(f, 1);
        assert_int_equal(f->told.calls, 1);
        assert_int_equal(f->told.time, t / 1000 * 1000);
        assert_string_equal(f->told.seat, "seat0");
        /* A burst is told once, later, and whole. */
        for (int i = 1; i <= 5; i++)
                press(fd, t + i * NSEC_PER_MSEC, BTN_LEFT);
        run_until(f, 6);
        assert_int_equal(f->told.presses, 6);
        assert_int_equal(f->told.calls, 2);
        assert_int_equal(f->told.time, (t + 5 * NSEC_PER_MSEC) / 1000 * 1000);
        close(fd);
}

static void only_presses_count(void **state)
{
        struct fixture *f = *state;
        nsec_t t = clock_boottime();
        int fd = add(f, "event0", "seat0");
        const struct input_event e[] = {
                at(t, EV_KEY, KEY_A, 2), at(t, EV_SYN, SYN_REPORT, 0), /* repeat */
                at(t, EV_KEY, KEY_A, 0), at(t, EV_SYN, SYN_REPORT, 0), /* release */
                at(t, EV_KEY, KEY_A, 3), at(t, EV_SYN, SYN_REPORT, 0), /* nonsense */
                at(t, EV_REL, REL_X, 1), at(t, EV_SYN, SYN_REPORT, 0), /* motion */
                at(t, EV_ABS, ABS_X, 1), at(t, EV_SYN, SYN_REPORT, 0),    at(t, EV_SW, SW_LID, 1),
                at(t, EV_LED, 0, 1),     at(t, EV_SYN, SYN_MT_REPORT, 1), at(t, EV_SYN, SYN_REPORT, 0),
                at(t, EV_KEY, KEY_B, 1), /* its report is not complete */
        };
        const struct input_event rest = at(t, EV_SYN, SYN_REPORT, 0);

        put(fd, e, ELEMENTSOF(e));
        drain(f);
        assert_int_equal(f->told.calls, 0);
        put(fd, &rest, 1);
        run_until(f, 1);
        assert_int_equal(f->told.presses, 1);
        close(fd);
}

static void a_report_is_one_press(void **state)
{
        struct fixture *f = *state;
        nsec_t t = clock_boottime();
        int fd = add(f, "event0", "seat0");
        const struct input_event tap[] = {at(t, EV_KEY, BTN_TOUCH, 1), at(t, EV_KEY, BTN_TOOL_FINGER, 1),
                                          at(t, EV_KEY, BTN_LEFT, 1), at(t, EV_SYN, SYN_REPORT, 0)};

        put(fd, tap, ELEMENTSOF(tap));
        run_until(f, 1);
        assert_int_equal(f->told.presses, 1);
        close(fd);
}

static void what_was_lost_does_not_count(void **state)
{
        struct fixture *f = *state;
        struct gate_input_stats stats;
        nsec_t t = clock_boottime();
        int fd = add(f, "event0", "seat0");
        const struct input_event e[] = {at(t, EV_KEY, KEY_A, 1), at(t, EV_SYN, SYN_DROPPED, 0), at(t, EV_KEY, KEY_B, 1),
                                        at(t, EV_SYN, SYN_REPORT, 0)};

        put(fd, e, ELEMENTSOF(e));
        drain(f);
        assert_int_equal(f->told.calls, 0);
        gate_input_get_stats(f->input, &stats);
        assert_int_equal(stats.lost, 1);
        press(fd, t, KEY_A);
        run_until(f, 1);
        close(fd);
}

static void times_are_of_the_past(void **state)
{
        struct fixture *f = *state;
        nsec_t before = clock_boottime();
        int fd = add(f, "event0", "seat0");

        press(fd, before + 3600 * NSEC_PER_SEC, KEY_A);
        run_until(f, 1);
        assert_true(f->told.time >= before && f->told.time <= clock_boottime());
        close(fd);
}

static void long_bursts_and_other_seats(void **state)
{
        struct fixture *f = *state;
        nsec_t t = clock_boottime();
        int a = add(f, "event0", "seat0"), b = add(f, "event1", "seat-7_x");

        for (int i = 0; i < BIG; i++)
                press(a, t, KEY_A);
        run_until(f, BIG);
        assert_int_equal(f->told.presses, BIG);
        assert_string_equal(f->told.seat, "seat0");
        press(b, t, KEY_A);
        run_until(f, BIG + 1);
        assert_string_equal(f->told.seat, "seat-7_x");
        close(a);
        close(b);
}

static void broken_devices_go(void **state)
{
        struct fixture *f = *state;
        int cut = add(f, "event0", "seat0"), gone = add(f, "event1", "seat0"), twice;

        assert_int_equal(devices(f), 2);
        assert_int_equal(write(cut, "xyz", 3), 3);
        close(gone);
        drain(f);
        assert_int_equal(devices(f), 0);
        assert_int_equal(f->told.calls, 0);
        close(cut);
        /* The same name again is the same device anew. */
        cut = add(f, "event5", "seat0");
        twice = add(f, "event5", "seat0");
        assert_int_equal(devices(f), 1);
        gate_input_remove(f->input, "event5");
        gate_input_remove(f->input, "event5");
        assert_int_equal(devices(f), 0);
        close(cut);
        close(twice);
}

static void there_is_room_for_so_many(void **state)
{
        struct fixture *f = *state;
        struct gate_input_fd d = {.seat = "seat0", .clock = CLOCK_BOOTTIME};
        struct gate_input_stats stats;
        char name[40];
        int pair[2], fd;

        assert_int_equal(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
        for (int i = 0; i < GATE_INPUT_DEVICES; i++) {
                snprintf(name, sizeof(name), "event%d", i);
                close(add(f, name, "seat0"));
        }
        d.fd = pair[0];
        d.name = "event999";
        assert_int_equal(gate_input_add_fd(f->input, &d), -ENOSPC);
        gate_input_get_stats(f->input, &stats);
        assert_int_equal(stats.dropped, 1);
        drain(f);
        assert_int_equal(devices(f), 0);
        for (int i = 0; i < GATE_INPUT_SEATS - 1; i++) {
                snprintf(name, sizeof(name), "seat-%d", i);
                close(add(f, "event1", name));
        }
        d.seat = "seat-more";
        assert_int_equal(gate_input_add_fd(f->input, &d), -ENOSPC);
        /* What is refused stays the caller's. */
        fd = fcntl(pair[0], F_GETFD);
        assert_true(fd >= 0);
        d.seat = "../seat";
        assert_int_equal(gate_input_add_fd(f->input, &d), -EINVAL);
        d.seat = "";
        assert_int_equal(gate_input_add_fd(f->input, &d), -EINVAL);
        d.seat = "seat123456789012345678901234567890";
        assert_int_equal(gate_input_add_fd(f->input, &d), -EINVAL);
        d.seat = "seat0";
        d.clock = CLOCK_REALTIME;
        assert_int_equal(gate_input_add_fd(f->input, &d), -EINVAL);
        close(pair[0]);
        close(pair[1]);
}

static void places(void **state _unused_)
{
        static const struct {
                const char *path;
                enum gate_input_place place;
        } cases[] = {
                {"/sys/devices/platform/i8042/serio0/input/input0/event0", GATE_INPUT_HARDWARE},
                {"/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/0003:046D:C31C.0001/input/input5/event3",
                 GATE_INPUT_HARDWARE},
                {"/sys/devices/pci0000:00/0000:00:05.0/virtio2/input/input2/event2", GATE_INPUT_HARDWARE},
                {"/sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00/d34b2567/serio2/input/input1/event1",
                 GATE_INPUT_HARDWARE},
                {"/sys/devices/pci0000:00/0000:00:14.0/usb1/bluetooth/hci0/hci0:256/0005:05AC:0255.0004/input/input9/"
                 "event9",
                 GATE_INPUT_HARDWARE},
                {"/sys/devices/virtual/input/input7/event7", GATE_INPUT_SOFTWARE},
                {"/sys/devices/virtual/misc/uhid/0003:046D:C31C.0001/input/input5/event3", GATE_INPUT_SOFTWARE},
                {"/sys/devices/virtual/misc/uhid/0005:046D:B342.0003/input/input5/event3", GATE_INPUT_BLUETOOTH},
                {"/sys/devices/virtual/misc/uhidx/0005:046D:B342.0003/input/input5/event3", GATE_INPUT_SOFTWARE},
                {"/sys/devices/serio1/input/input8/event8", GATE_INPUT_SOFTWARE},
                {"/sys/devices/platform/vhci_hcd.0/usb5/5-1/5-1:1.0/0003:046D:C31C.0001/input/input5/event3",
                 GATE_INPUT_SOFTWARE},
                {"/sys/devices/platform/dummy_hcd.0/usb5/5-1/5-1:1.0/input/input5/event3", GATE_INPUT_SOFTWARE},
                {"/sys/devices/pci0000:00/0000:00:1f.0/PNP0C02:00/rc/rc0/input4/event4", GATE_INPUT_SENT},
                {"/sys/devices/pci0000:00/../virtual/input/input7/event7", GATE_INPUT_SOFTWARE},
                {"/sys/devices", GATE_INPUT_SOFTWARE},
                {"/sys/class/input/event0", GATE_INPUT_SOFTWARE},
                {"", GATE_INPUT_SOFTWARE},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (gate_input_place(cases[i].path) != cases[i].place)
                        fail_msg("%s: %d", cases[i].path, gate_input_place(cases[i].path));
}

static void set(unsigned long *bits, unsigned n)
{
        bits[n / GATE_INPUT_WORD_BITS] |= 1ul << (n % GATE_INPUT_WORD_BITS);
}

static struct gate_input_bits keyboard(void)
{
        struct gate_input_bits b = {0};

        set(b.types, EV_KEY);
        for (unsigned key = KEY_ESC; key <= KEY_S; key++)
                set(b.keys, key);
        return b;
}

static struct gate_input_bits with(unsigned type, unsigned a, unsigned b, unsigned key)
{
        struct gate_input_bits bits = {0};

        set(bits.types, EV_KEY);
        set(bits.types, type);
        set(type == EV_REL ? bits.rel : bits.abs, a);
        set(type == EV_REL ? bits.rel : bits.abs, b);
        set(bits.keys, key);
        return bits;
}

static void made_for_hands(void **state _unused_)
{
        struct gate_input_bits b = keyboard();

        assert_true(gate_input_is_for_hands(&b));
        b.keys[0] &= ~(1ul << KEY_Q); /* no keyboard without all of them */
        assert_false(gate_input_is_for_hands(&b));
        b = with(EV_REL, REL_X, REL_Y, BTN_LEFT);
        assert_true(gate_input_is_for_hands(&b));
        b = with(EV_REL, REL_X, REL_WHEEL, BTN_LEFT);
        assert_false(gate_input_is_for_hands(&b));
        b = with(EV_ABS, ABS_X, ABS_Y, BTN_LEFT); /* the tablet of a virtual machine */
        assert_true(gate_input_is_for_hands(&b));
        b = with(EV_ABS, ABS_MT_POSITION_X, ABS_MT_POSITION_Y, BTN_TOUCH);
        assert_true(gate_input_is_for_hands(&b));
        b = with(EV_ABS, ABS_X, ABS_Y, BTN_GAMEPAD);
        assert_false(gate_input_is_for_hands(&b));
        b = with(EV_ABS, ABS_X, ABS_Y, BTN_TRIGGER);
        set(b.keys, BTN_LEFT);
        assert_false(gate_input_is_for_hands(&b));
        /* Power button, video bus, lid, jack. */
        b = (struct gate_input_bits){0};
        set(b.types, EV_KEY);
        set(b.types, EV_SW);
        set(b.keys, KEY_POWER);
        set(b.keys, KEY_BRIGHTNESSUP);
        set(b.keys, KEY_PLAYPAUSE);
        assert_false(gate_input_is_for_hands(&b));
        b = (struct gate_input_bits){0};
        assert_false(gate_input_is_for_hands(&b));
}

static void judgement(void **state _unused_)
{
        const struct gate_input_bits bits = keyboard(), none = {0};
        const struct gate_input_facts good = {
                .syspath = "/sys/devices/platform/i8042/serio0/input/input0/event0",
                .bits = &bits,
                .mode = S_IFCHR | 0660,
        };
        struct gate_input_facts f = good;

        assert_null(gate_input_judge(&f));
        f.mode |= S_IWOTH;
        assert_non_null(gate_input_judge(&f));
        f = good, f.owner = 1000;
        assert_non_null(gate_input_judge(&f));
        f = good, f.joystick = true;
        assert_non_null(gate_input_judge(&f));
        f = good, f.access_list = true;
        assert_non_null(gate_input_judge(&f));
        f = good, f.bits = &none;
        assert_non_null(gate_input_judge(&f));
        f = good, f.syspath = "/sys/devices/virtual/input/input7/event7";
        assert_non_null(gate_input_judge(&f));
        f = good, f.syspath = "/sys/devices/virtual/misc/uhid/0005:046D:B342.0003/input/input5/event3";
        assert_non_null(gate_input_judge(&f));
        f.uhid_is_roots = true;
        assert_null(gate_input_judge(&f));
}

static void consoles(void **state _unused_)
{
        assert_int_equal(gate_input_parse_vt("tty2\n", 5), 2);
        assert_int_equal(gate_input_parse_vt("tty63", 5), 63);
        assert_int_equal(gate_input_parse_vt("tty", 3), 0);
        assert_int_equal(gate_input_parse_vt("ttyS0\n", 6), 0);
        assert_int_equal(gate_input_parse_vt("tty99999999999\n", 15), 0);
        assert_int_equal(gate_input_parse_vt("", 0), 0);
}

/* Where there are no input devices at all, as in most containers: no gestures, and no error that ends anything. */
static void without_devices(void **state)
{
        struct fixture *f = *state;

        if (access("/dev/input", F_OK) == 0)
                skip(); /* this machine has some: test_gate_input_live */
        assert_int_equal(gate_input_start(f->input), -ENOENT);
        assert_int_equal(gate_input_start(f->input), -ENOENT);
        assert_int_equal(devices(f), 0);
        drain(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(presses_are_counted, set_up, tear_down),
                cmocka_unit_test_setup_teardown(only_presses_count, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_report_is_one_press, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_was_lost_does_not_count, set_up, tear_down),
                cmocka_unit_test_setup_teardown(times_are_of_the_past, set_up, tear_down),
                cmocka_unit_test_setup_teardown(long_bursts_and_other_seats, set_up, tear_down),
                cmocka_unit_test_setup_teardown(broken_devices_go, set_up, tear_down),
                cmocka_unit_test_setup_teardown(there_is_room_for_so_many, set_up, tear_down),
                cmocka_unit_test(places),
                cmocka_unit_test(made_for_hands),
                cmocka_unit_test(judgement),
                cmocka_unit_test(consoles),
                cmocka_unit_test_setup_teardown(without_devices, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
