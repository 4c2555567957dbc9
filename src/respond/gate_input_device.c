/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which input devices count, and their coming and going (udev, through sd-device). Runs in the keeper. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <systemd/sd-device.h>

#include "respond/gate_input_internal.h"

#define DEVICES  "/sys/devices/"
#define NODES    "/dev/input/event"
#define UHID     "/dev/uhid"
#define UDEV_RUN "/run/udev/control"
/* As udev has it (udev-builtin-input_id.c): all of ESC to S, and no joystick has them. */
#define KEYBOARD_FIRST KEY_ESC
#define KEYBOARD_LAST  KEY_S

struct gate_input_watch {
        struct gate_input *input;
        sd_device_monitor *monitor;
};

/* Does any component of the path begin so? */
static bool has_component(const char *path, const char *prefix)
{
        size_t len = strlen(prefix);

        for (const char *p = path; p; p = strchr(p, '/')) {
                p += *p == '/';
                if (strncmp(p, prefix, len) == 0)
                        return true;
        }
        return false;
}

enum gate_input_place gate_input_place(const char *syspath)
{
        static const char uhid[] = "virtual/misc/uhid/";
        const char *path;

        if (strncmp(syspath, DEVICES, strlen(DEVICES)) != 0)
                return GATE_INPUT_SOFTWARE;
        path = syspath + strlen(DEVICES);
        if (has_component(path, "..") || has_component(path, "."))
                return GATE_INPUT_SOFTWARE;
        /* A HID device's name is bus:vendor:product.number; 5 is Bluetooth (BUS_BLUETOOTH). */
        if (strncmp(path, uhid, strlen(uhid)) == 0)
                return strncmp(path + strlen(uhid), "0005:", 5) == 0 ? GATE_INPUT_BLUETOOTH : GATE_INPUT_SOFTWARE;
        /* A serial port right here has no hardware for a parent: /dev/userio, a line discipline on a terminal. */
        if (strncmp(path, "virtual/", 8) == 0 || strncmp(path, "serio", 5) == 0)
                return GATE_INPUT_SOFTWARE;
        if (has_component(path, "vhci_hcd") || has_component(path, "dummy_hcd") || has_component(path, "dummy_udc"))
                return GATE_INPUT_SOFTWARE;
        return has_component(path, "rc/") ? GATE_INPUT_SENT : GATE_INPUT_HARDWARE;
}

static bool has(const unsigned long *bits, unsigned n)
{
        return bits[n / GATE_INPUT_WORD_BITS] >> (n % GATE_INPUT_WORD_BITS) & 1;
}

static bool is_keyboard(const struct gate_input_bits *b)
{
        for (unsigned key = KEYBOARD_FIRST; key <= KEYBOARD_LAST; key++)
                if (!has(b->keys, key))
                        return false;
        return true;
}

bool gate_input_is_for_hands(const struct gate_input_bits *b)
{
        bool plane = has(b->types, EV_ABS) && ((has(b->abs, ABS_X) && has(b->abs, ABS_Y)) ||
                                               (has(b->abs, ABS_MT_POSITION_X) && has(b->abs, ABS_MT_POSITION_Y)));
        bool moves = has(b->types, EV_REL) && has(b->rel, REL_X) && has(b->rel, REL_Y);

        if (!has(b->types, EV_KEY))
                return false;
        if (is_keyboard(b))
                return true;
        if (plane && (has(b->keys, BTN_TRIGGER) || has(b->keys, BTN_GAMEPAD)))
                return false;
        return ((plane || moves) && has(b->keys, BTN_LEFT)) || (plane && has(b->keys, BTN_TOUCH));
}

const char *gate_input_judge(const struct gate_input_facts *f)
{
        switch (gate_input_place(f->syspath)) {
        case GATE_INPUT_HARDWARE:
                break;
        case GATE_INPUT_BLUETOOTH:
                if (!f->uhid_is_roots)
                        return "made through /dev/uhid, which others than root may open";
                break;
        case GATE_INPUT_SENT:
                return "a remote control";
        default:
                return "made by software";
        }
        if (f->owner != 0 || (f->mode & S_IWOTH))
                return "its node is not root's, or anybody may write into it";
        if (f->access_list)
                return "its node is given to a user by an access control list";
        if (f->joystick)
                return "a joystick: its node is given to the person at the seat, and so to every program there";
        return gate_input_is_for_hands(f->bits) ? NULL : "neither keyboard nor pointer nor touched";
}

static void read_bits(int fd, struct gate_input_bits *b)
{
        *b = (struct gate_input_bits){0};
        (void) ioctl(fd, EVIOCGBIT(0, sizeof(b->types)), b->types);
        (void) ioctl(fd, EVIOCGBIT(EV_KEY, sizeof(b->keys)), b->keys);
        (void) ioctl(fd, EVIOCGBIT(EV_REL, sizeof(b->rel)), b->rel);
        (void) ioctl(fd, EVIOCGBIT(EV_ABS, sizeof(b->abs)), b->abs);
}

/* An access control list shows in the group's bits of the mode. */
static bool uhid_is_roots(void)
{
        struct stat st;

        return stat(UHID, &st) == 0 && S_ISCHR(st.st_mode) && st.st_uid == 0 && (st.st_mode & 077) == 0;
}

/* Motion wakes us a thousand times a second with some mice; it is not a press. Before Linux 4.4 it cannot be masked. */
static void mask_motion(int fd)
{
        static const uint16_t types[] = {EV_REL, EV_ABS, EV_MSC, EV_SW, EV_LED, EV_SND, EV_REP};
        static const uint8_t none[(ABS_CNT + 7) / 8];

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                struct input_mask mask = {
                        .type = types[i],
                        .codes_size = sizeof(none),
                        .codes_ptr = (uint64_t) (uintptr_t) none,
                };

                (void) ioctl(fd, EVIOCSMASK, &mask);
        }
}

/* -ENODEV: the node is not the device's. */
static int open_node(sd_device *device, struct stat *ret_stat)
{
        _cleanup_close_ int fd = -1;
        const char *node;
        dev_t number;

        if (sd_device_get_devname(device, &node) < 0 || sd_device_get_devnum(device, &number) < 0 ||
            strncmp(node, NODES, strlen(NODES)) != 0)
                return -ENODEV;
        fd = open(node, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        if (fd < 0)
                return -errno;
        if (fstat(fd, ret_stat) < 0)
                return -errno;
        return S_ISCHR(ret_stat->st_mode) && ret_stat->st_rdev == number ? TAKE_FD(fd) : -ENODEV;
}

/* Before udev has seen a device, nobody knows its seat or who may write into it. Where there is no udev, nobody will.
 */
static bool is_ready(sd_device *device)
{
        return sd_device_get_is_initialized(device) > 0 || access(UDEV_RUN, F_OK) < 0;
}

static int take(struct gate_input_watch *w, sd_device *device, const char *name)
{
        static const clockid_t clocks[] = {CLOCK_BOOTTIME, CLOCK_MONOTONIC};
        _cleanup_close_ int fd = -1;
        struct gate_input_facts facts = {.uhid_is_roots = uhid_is_roots()};
        struct gate_input_fd as = {.name = name, .seat = "seat0", .clock = -1};
        struct gate_input_bits bits;
        const char *text;
        struct stat st;
        int r;

        if (!is_ready(device))
                return -EAGAIN;
        fd = open_node(device, &st);
        if (fd < 0)
                return fd;
        read_bits(fd, &bits);
        facts.bits = &bits;
        facts.owner = st.st_uid;
        facts.mode = st.st_mode;
        facts.access_list = fgetxattr(fd, "system.posix_acl_access", NULL, 0) >= 0;
        facts.joystick = sd_device_has_current_tag(device, "uaccess") > 0 ||
                         sd_device_get_property_value(device, "ID_INPUT_JOYSTICK", &text) >= 0;
        if (sd_device_get_syspath(device, &facts.syspath) < 0)
                return -ENODEV;
        if (gate_input_judge(&facts))
                return -EPERM;
        if (sd_device_get_property_value(device, "ID_SEAT", &text) >= 0 && text[0])
                as.seat = text;
        for (size_t i = 0; as.clock < 0 && i < ELEMENTSOF(clocks); i++)
                if (ioctl(fd, EVIOCSCLOCKID, &clocks[i]) == 0)
                        as.clock = clocks[i];
        mask_motion(fd);
        as.fd = fd;
        r = gate_input_add_fd(w->input, &as);
        if (r == 0)
                TAKE_FD(fd);
        return r;
}

/* Anew each time: the seat, or who may write into it, may be another one than before. */
static void consider(struct gate_input_watch *w, sd_device *device, bool here)
{
        const char *name;

        if (sd_device_get_sysname(device, &name) < 0 || strncmp(name, "event", 5) != 0)
                return;
        gate_input_remove(w->input, name);
        if (here)
                (void) take(w, device, name);
}

static int on_device(sd_device_monitor *m _unused_, sd_device *device, void *ud)
{
        sd_device_action_t action;

        if (sd_device_get_action(device, &action) >= 0)
                consider(ud, device, action != SD_DEVICE_REMOVE);
        return 0;
}

static int start_monitor(struct gate_input_watch *w, sd_event *event)
{
        int r = sd_device_monitor_new(&w->monitor);

        if (r >= 0)
                r = sd_device_monitor_filter_add_match_subsystem_devtype(w->monitor, "input", NULL);
        if (r >= 0)
                r = sd_device_monitor_attach_event(w->monitor, event);
        if (r >= 0)
                r = sd_device_monitor_start(w->monitor, on_device, w);
        return r;
}

void gate_input_watch_free(struct gate_input_watch *w)
{
        if (!w)
                return;
        sd_device_monitor_unref(w->monitor);
        free(w);
}

int gate_input_watch_new(struct gate_input *g, sd_event *event, struct gate_input_watch **ret)
{
        struct gate_input_watch *w = calloc(1, sizeof(*w));
        sd_device_enumerator *all = NULL;
        int r;

        if (!w)
                return -ENOMEM;
        w->input = g;
        /* First, so that what comes meanwhile is not missed. Without it devices that come later are. */
        if (start_monitor(w, event) < 0)
                w->monitor = sd_device_monitor_unref(w->monitor);
        r = sd_device_enumerator_new(&all);
        if (r >= 0)
                r = sd_device_enumerator_allow_uninitialized(all);
        if (r >= 0)
                r = sd_device_enumerator_add_match_subsystem(all, "input", true);
        if (r >= 0)
                r = sd_device_enumerator_add_match_sysname(all, "event*");
        if (r >= 0)
                for (sd_device *d = sd_device_enumerator_get_device_first(all); d;
                     d = sd_device_enumerator_get_device_next(all))
                        consider(w, d, true);
        sd_device_enumerator_unref(all);
        *ret = w;
        return 0;
}
