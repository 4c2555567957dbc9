# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of bench/accuracy.py: how an input is read, what a reading is worth, and scenarios with real programs."""
