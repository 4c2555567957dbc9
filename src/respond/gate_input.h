/* SPDX-License-Identifier: GPL-3.0-or-later */
/* That somebody pressed something: evdev devices, hotplug included. Runs in the keeper.
 *
 * Which key it was is nobody's business: of an event only its type, its value and its time are looked at; buffers are
 * wiped as soon as they are counted; nothing but a count and a time leaves this file. The kernel is told not to hand
 * over motion. */
#ifndef SEKIMORI_RESPOND_GATE_INPUT_H
#define SEKIMORI_RESPOND_GATE_INPUT_H

#include <time.h>

#include "respond/gate_person.h"

/* A device counts when all of this holds; what does not count is listed with its reason in gate_input_judge():
 * - its place in sysfs is that of hardware. uinput's devices are under /sys/devices/virtual; so are USB devices that
 * software plays (vhci_hcd, dummy_hcd) and serial ports without a parent (userio, inputattach) in effect. The keyboard
 * controller that a virtual machine emulates is hardware to us. A Bluetooth LE keyboard or mouse is made by bluetoothd
 * through uhid: it counts while /dev/uhid is root's alone, for who is root may as well write into any other device's
 * node;
 * - it is made for hands: a keyboard (it has the keys that udev asks for), a mouse or tablet (axes and a left button),
 * or something that is touched. Power, sleep and lid switches, the ACPI video bus, jacks of headsets and buttons on
 * cases have no such keys, and are pressed in passing or by nobody. Infrared remotes and HDMI-CEC are sent by other
 * devices;
 * - nobody but root and the node's group may write into its node, since what is written there looks like a press.
 * Joysticks are given to the person at the seat (uaccess), and with it to every program of that person. A person in the
 * group `input` can forge presses: nothing here can tell them apart. */

#define GATE_INPUT_DEVICES 64
#define GATE_INPUT_SEATS   16 /* as there are hands */

struct gate_input_params {
        sd_event *event;
        void (*gesture)(void *ud, const struct gate_person_gesture *g); /* at once, then at most 20 a second and seat */
        void *ud;
};

struct gate_input_stats {
        unsigned devices; /* that count, now */
        uint64_t dropped; /* devices or seats beyond what there is room for */
        uint64_t lost;    /* overruns of the kernel's buffer: presses were not counted */
};

struct gate_input;

int gate_input_new(const struct gate_input_params *params, struct gate_input **ret);
void gate_input_free(struct gate_input *g); /* NULL is fine */
DEFINE_FREEP(struct gate_input, gate_input_free)

/* Takes the devices that are there and those that come. 0; -ENOENT: none counts now; later ones are noticed. */
int gate_input_start(struct gate_input *g);

struct gate_input_fd {
        int fd; /* yields struct input_event; non-blocking. Owned from success on */
        const char *seat;
        const char *name; /* the device's in the kernel, "event3": one that is known by it is replaced */
        clockid_t clock;  /* of its events: CLOCK_BOOTTIME or CLOCK_MONOTONIC */
};

/* Counts what comes from a descriptor; ends with its end or the first thing that is no event. 0, -EINVAL, -ENOSPC,
 * -ENOMEM. */
int gate_input_add_fd(struct gate_input *g, const struct gate_input_fd *device);
void gate_input_remove(struct gate_input *g, const char *name);

void gate_input_get_stats(const struct gate_input *g, struct gate_input_stats *ret);

#endif
