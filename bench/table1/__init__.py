# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of bench/table1.py: row.py (what a row is), lab.py (namespaces, servers, recorders), judge.py (recorded events
to verdicts), far.py (the servers outside), and rows_*.py (the rows, by group)."""
