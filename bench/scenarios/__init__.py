# SPDX-License-Identifier: GPL-3.0-or-later
"""Labelled scenarios: networks of several home hosts in which one is a bot, or none, written packet by packet with a
virtual clock. `python3 -m scenarios FOLDER [NAME...]`, started in bench/, writes captures, labels and logs.

A scenario is a function that gets a World and returns its labels: for each home host that is not benign, how far its
level must go and which detectors must say something. Everybody else in it is benign."""

import json
import os

from scenarios import logs
from scenarios.world import World

SCENARIOS = {}
HOME = ["10.20.0.0/16", "fd20::/16"]


class Label:
    """`level`: the one that the host must reach; `expect`: detectors that must have evidence; `kinds`: some of it by name.
    `sign`: what it does convicts nobody by itself, so the host must not become a bot."""

    def __init__(self, *expect, level="bot", kinds=(), sign=False):
        self.expect, self.level, self.kinds, self.sign = expect, level, kinds, sign


class Scenario:
    def __init__(self, name, function, options):
        self.name, self.function = name, function
        self.about = (function.__doc__ or "").strip()
        self.group = options.pop("group")
        self.same = options.pop("same", ())  # kinds of evidence that logs of the same scenario give as well
        self.seed = options.pop("seed", name)
        assert not options, options

    def run(self):
        world = World(self.seed)
        return world, self.function(world) or {}

    def write(self, folder, with_logs=False):
        """Writes FOLDER/NAME.pcap and FOLDER/NAME.json, and FOLDER/NAME.logs/ for those that have them."""
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, self.name)
        world, labels = self.run()
        world.capture.save(path + ".pcap")
        if with_logs and self.same:
            logs.write(world, path + ".logs")
        hosts = sorted({end[0] for flow in world.flows for end in (flow.orig, flow.resp) if world.is_home(end[0])})
        described = {
            "name": self.name, "about": self.about, "group": self.group, "home": HOME, "same": list(self.same),
            "hosts": {host: {"is": "benign"} for host in hosts}}
        for host, label in labels.items():
            described["hosts"][host] = {"is": "sign" if label.sign else "bot", "level": label.level,
                                        "expect": list(label.expect), "kinds": list(label.kinds)}
        with open(path + ".json", "w", encoding="utf-8") as file:
            json.dump(described, file, indent=1)
        return described


def scenario(name, **options):
    """Registers the function; `group` is bot, sign or benign."""
    def register(function):
        SCENARIOS[name] = Scenario(name, function, options)
        return function
    return register


def load():
    """All scenarios, by name."""
    # Each module registers its own.
    from scenarios import benign_net, benign_programs, benign_talk, bots_irc, bots_mail, bots_more, bots_other  # noqa: F401
    return SCENARIOS
