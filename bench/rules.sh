#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# What matching rules costs: the part "rules" of bench/read, with its options.
exec "$(dirname "$0")/read.py" rules "$@"
