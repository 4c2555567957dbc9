# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the tests wait for what should come at once."""

import os

# Seconds until something that is waited for is given up: a limit for what hangs, never a measure, since machines are shared and
# script/test compiles beside the tests. What must be quick says so in an assertion of its own.
PATIENCE = float(os.environ.get("SEKIMORI_PATIENCE", "60"))
SLOW = PATIENCE / 60  # by how much this machine is slower than others: an emulated one is given more
