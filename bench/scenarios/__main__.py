# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes scenarios: python3 -m scenarios FOLDER [NAME...]; without names all of them."""

import sys
import time

import scenarios

found = scenarios.load()
if len(sys.argv) < 2 or set(sys.argv[2:]) - set(found):
    sys.exit(f"usage: python3 -m scenarios FOLDER [NAME...], of: {' '.join(found)}")
for name in sys.argv[2:] or found:
    began = time.monotonic()
    found[name].write(sys.argv[1], with_logs=True)
    print(f"{name}: {time.monotonic() - began:.1f} s")
