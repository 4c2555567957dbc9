# SPDX-License-Identifier: GPL-3.0-or-later
"""What a row of the table is, and the list of all rows."""

import shutil

ROWS = []
SBIN = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class CannotRun(Exception):
    """The row cannot be made to work here; the text says why and stands in the table."""


class Row:
    def __init__(self, name, title, run, **how):
        self.name, self.title, self.run = name, title, run
        self.bot = how.pop("bot", False)
        self.wanted = how.pop("wanted", self.bot)  # False: a bot that is documented as not found
        self.light = how.pop("light", False)
        self.alone = how.pop("alone", False)  # may not run beside others: takes a port or much time
        self.slow = how.pop("slow", False)  # of those beside others the first to begin
        self.programs = how.pop("programs", ())
        self.packages = how.pop("packages", ())
        self.limit = how.pop("limit", 60)
        self.by_thread = how.pop("by_thread", False)  # must be found in the column "by thread"
        assert not how, how

    def missing(self):
        """The programs it needs that are not there."""
        return [p for p in self.programs if not which(p)]


def which(program):
    return shutil.which(program, path=SBIN)


def program(name, title, **how):
    """Decorates function(lab, run): a program that is no bot."""
    def take(function):
        ROWS.append(Row(name, title, function, **how))
        return function
    return take
