#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Received: headers read in a second of one processor, beside SpamAssassin and rspamd.

    script/bench received [--seconds N] [--rounds N] [--peers]

The headers: those of tests/unit/mail/data/forms.txt, and with data (SEKIMORI_DATA) those of mail/spam and mail/ham. Each program
parses all of them again and again; counted is processor time, so that other work on the machine does little. Programs take turns;
printed is the median of the rounds. SpamAssassin: parse_received_line() of its own module, nothing else. rspamd: mails of a
hundred headers and no body through rspamadm, since it parses nothing smaller; what it does beside goes into its figure.

--peers installs SpamAssassin from Debian if it is not there; rspamd, which starts a daemon, is only measured where it is installed
already. What is not there is left out, and said.

Exit status 1 when less than 100,000 headers a second are read."""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WANTED = 100000

PERL = r"""
use strict; use warnings;
use Mail::SpamAssassin;
my ($file, $seconds) = @ARGV;
my $sa = Mail::SpamAssassin->new({dont_copy_prefs => 1, local_tests_only => 1, config_text => "\n", username => "nobody"});
$sa->init(0);
my $metadata = $sa->parse("Subject: x\n\n", 1)->{metadata};
open my $in, "<", $file or die "$file: $!";
my @headers = map { chomp; s/\\n/\n/gr =~ s/\\t/\t/gr } <$in>;
sub cpu { my ($user, $system) = times; return $user + $system }
my ($begun, $read, $peers) = (cpu(), 0, 0);
while (cpu() - $begun < $seconds) {
    for my $header (@headers) { $peers++ if ref $metadata->parse_received_line($header); $read++ }
}
printf "%d %.3f %d\n", $read, cpu() - $begun, $peers;
"""

LUA = r"""
local rspamd_task = require "rspamd_task"
local headers, mails, per = {}, {}, 100
for line in io.open(os.getenv("HEADERS")):lines() do
  line = line:gsub("\\n", "\r\n"):gsub("\\t", "\t")
  table.insert(headers, "Received: " .. line .. "\r\n")
end
for i = 1, #headers, per do
  table.insert(mails, table.concat(headers, "", i, math.min(i + per - 1, #headers)) .. "\r\n")
end
local begun, read, peers = os.clock(), 0, 0
while os.clock() - begun < tonumber(os.getenv("SECONDS")) do
  for _, mail in ipairs(mails) do
    local ok, task = rspamd_task.load_from_string(mail, rspamd_config)
    if ok then
      task:process_message()
      local received = task:get_received_headers() or {}
      read = read + #received
      for _, hop in ipairs(received) do
        if hop.real_ip and hop.real_ip:is_valid() then peers = peers + 1 end
      end
      task:destroy()
    end
  end
end
print(string.format("%d %.3f %d", read, os.clock() - begun, peers))
"""


def received_of(path):
    """The bodies of the Received: headers of a mail."""
    with open(path, "rb") as file:
        head = file.read(1 << 20).replace(b"\r\n", b"\n").split(b"\n\n")[0]
    for field in head.replace(b"\n ", b"\\n ").replace(b"\n\t", b"\\n\\t").split(b"\n"):
        if field.lower().startswith(b"received:"):
            yield field[9:].strip()


def write_headers(path, data):
    """Both sets, one body a line; how many."""
    with open(os.path.join(ROOT, "tests/unit/mail/data/forms.txt"), "rb") as file:
        lines = [line for line in file.read().split(b"\n") if line and not line.startswith(b"#")]
    headers = lines[::2]
    made = len(headers)
    for folder in ("spam", "ham"):
        base = os.path.join(data, "mail", folder)
        for name in sorted(os.listdir(base)) if os.path.isdir(base) else []:
            headers += received_of(os.path.join(base, name))
    with open(path, "wb") as file:
        file.write(b"".join(header + b"\n" for header in headers))
    print(f"{made} headers of many makes of server" +
          (f", {len(headers) - made} of real mails" if len(headers) > made else "; no real mails: SEKIMORI_DATA names them"))


def peers(folder, headers, options):
    """(name, command, environment) of other programs; those that are not there are said."""
    found = []
    if options.peers and not shutil.which("spamassassin"):
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", "spamassassin"], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    probe = subprocess.run(["perl", "-MMail::SpamAssassin", "-e", "print Mail::SpamAssassin->VERSION"], check=False,
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if probe.returncode == 0:
        script = os.path.join(folder, "received.pl")
        with open(script, "w", encoding="utf-8") as file:
            file.write(PERL)
        found.append((f"SpamAssassin {probe.stdout.strip()}", ["perl", script, headers, str(options.seconds)], {}))
    else:
        print("SpamAssassin: not installed, left out (--peers installs it)")
    rspamadm = os.environ.get("RSPAMADM") or shutil.which("rspamadm")
    if rspamadm:
        script = os.path.join(folder, "received.lua")
        with open(script, "w", encoding="utf-8") as file:
            file.write(LUA)
        found.append(("rspamd", [*rspamadm.split(), "lua", script], {"HEADERS": headers, "SECONDS": str(options.seconds)}))
    else:
        print("rspamd: not installed, left out")
    return found


def measure(command, environment):
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          env=dict(os.environ, **environment), timeout=300)
    fields = done.stdout.split()[-3:]
    if done.returncode or len(fields) < 3:
        return None
    read, seconds, with_peer = (float(field) for field in fields)
    return read / seconds, with_peer / max(read, 1)


def main():
    parser = argparse.ArgumentParser(prog="script/bench received")
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", action="store_true")
    options = parser.parse_args()
    build = os.environ.get("SEKIMORI_BUILD", os.path.join(ROOT, "build"))
    data = os.environ.get("SEKIMORI_DATA", os.path.join(ROOT, "../shared/data"))
    with tempfile.TemporaryDirectory(prefix="sekimori-received-") as folder:
        headers = os.path.join(folder, "headers")
        write_headers(headers, data)
        rows = [("sekimori", [os.path.join(build, "bench/gen/sekimori-received"), headers, str(options.seconds)], {})]
        rows += peers(folder, headers, options)
        results = {name: [] for name, _, _ in rows}
        for _ in range(options.rounds):
            for name, command, environment in rows:
                results[name].append(measure(command, environment))
    ours = 0
    for name, rounds in results.items():
        good = [entry for entry in rounds if entry]
        if not good:
            print(f"{name}: could not be run, left out")
            continue
        speed = statistics.median(entry[0] for entry in good)
        ours = speed if name == "sekimori" else ours
        print(f"{name:20} {speed:10,.0f} headers/s of one processor ({min(e[0] for e in good):,.0f} to "
              f"{max(e[0] for e in good):,.0f}), an address found in {100 * good[0][1]:.1f} %" +
              (f", {ours / speed:.0f} times slower" if name != "sekimori" and ours else ""))
    if ours < WANTED:
        print(f"less than {WANTED:,} headers/s")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
