/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of gate_input that decide and count without any device, for its two files and their tests. Runs in the
 * keeper. */
#ifndef SEKIMORI_RESPOND_GATE_INPUT_INTERNAL_H
#define SEKIMORI_RESPOND_GATE_INPUT_INTERNAL_H

#include <limits.h>
#include <linux/input.h>

#include "respond/gate_input.h"

/* What a device's place in sysfs says. */
enum gate_input_place {
        GATE_INPUT_HARDWARE,
        GATE_INPUT_BLUETOOTH, /* made by software for a Bluetooth device, through uhid */
        GATE_INPUT_SOFTWARE,  /* uinput and what else software plays */
        GATE_INPUT_SENT,      /* infrared, HDMI-CEC */
};

/* `syspath` without symbolic links. */
enum gate_input_place gate_input_place(const char *syspath);

#define GATE_INPUT_WORD_BITS (CHAR_BIT * sizeof(unsigned long))
#define GATE_INPUT_WORDS(n)  (((n) + GATE_INPUT_WORD_BITS) / GATE_INPUT_WORD_BITS)

/* What a device can tell, as EVIOCGBIT fills it. */
struct gate_input_bits {
        unsigned long types[GATE_INPUT_WORDS(EV_MAX)];
        unsigned long keys[GATE_INPUT_WORDS(KEY_MAX)];
        unsigned long rel[GATE_INPUT_WORDS(REL_MAX)];
        unsigned long abs[GATE_INPUT_WORDS(ABS_MAX)];
};

/* Made for hands: a keyboard, a pointer, something that is touched. */
bool gate_input_is_for_hands(const struct gate_input_bits *bits);

/* All that is known of a device before it counts. */
struct gate_input_facts {
        const char *syspath;
        const struct gate_input_bits *bits;
        bool uhid_is_roots; /* nobody but root may open /dev/uhid */
        bool joystick;      /* udev: ID_INPUT_JOYSTICK, or the tag uaccess */
        bool access_list;   /* its node has an access control list */
        mode_t mode;        /* of its node */
        uid_t owner;
};

/* NULL: it counts; otherwise why not, for people. */
const char *gate_input_judge(const struct gate_input_facts *facts);

/* A report of a device, up to its SYN_REPORT: it may be cut by the end of a read. */
struct gate_input_report {
        bool pressed, lost;
};

struct gate_input_count {
        unsigned presses; /* reports in which something went down */
        unsigned lost;    /* overruns */
        nsec_t time;      /* of the last press, by the device's clock */
};

/* Adds up events; 0, or -EBADMSG when the bytes are no whole events. */
int gate_input_count(struct gate_input_report *report, const void *bytes, size_t size, struct gate_input_count *ret);

/* "tty2" and a newline, from /sys/class/tty/tty0/active: 2; anything else 0. */
unsigned gate_input_parse_vt(const char *text, size_t len);

/* Hotplug (gate_input_device.c): takes what is there, tells of what comes and goes. */
struct gate_input_watch;
int gate_input_watch_new(struct gate_input *g, sd_event *event, struct gate_input_watch **ret);
void gate_input_watch_free(struct gate_input_watch *w); /* NULL is fine */

#endif
