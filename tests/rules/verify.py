#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs tests of OISF's suricata-verify with this program: verify.py PROGRAM [FOLDER [TEST...]]. The folder is
$SEKIMORI_DATA/suricata-verify if none is named, else ../shared/data/suricata-verify beside the sources.

A test is a folder with test.yaml, read as it is: requires, args (--set, -k), pcap, checks with filter. Rules are the
folder's *.rules, variables and settings those of its suricata.yaml. What a test expects of other things than alerts is
skipped, each with its reason; so is a whole test that needs Suricata 8, inline mode, or a feature of Suricata's own
build. The last line is `N passed, N failed, N skipped`; exit status 1 if any failed, 77 if there was none to run.

The program answers for Suricata 7: a test that requires 8 or later says what Suricata 7 does not do."""

import glob
import ipaddress
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

SKIP = 77
LIMIT = 120  # seconds for one test
VERSION = (7, 0, 99)

# What suricata.yaml says where a test has none of its own.
DEFAULTS = {"HOME_NET": "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]"}
PACKET_ALERT_MAX = 15
# Settings (--set, suricata.yaml) that say something of alerts, and ours. A value of None: nothing has to be done.
SETTINGS = {
    "stream.midstream": ("midstream", lambda v: "true" if truth(v) else "false"),
    "stream.async-oneside": ("midstream", None),
    "packet-alert-max": ("alerts_per_packet", str),
}
# Settings that change what alerts are given, and that there is nothing like here: the test is skipped.
FOREIGN = ("exception-policy", "app-layer.error-policy", "stream.midstream-policy", "stream.memcap-policy",
           "stream.reassembly.memcap-policy", "defrag.memcap-policy", "flow.memcap-policy", "stream.inline")
# What EVE says around an alert, of its packet, tunnel or transaction, and this program does not: not compared. (The check
# then says the same of more alerts, so it can only fail where it should not.)
OTHER_KEYS = ("flow.bytes_toserver", "flow.bytes_toclient", "flow.pkts_toserver", "flow.pkts_toclient", "flow.start",
              "flow.alerted", "flow.state", "tunnel", "pkt_src", "packet", "packet_info", "payload", "payload_printable",
              "stream", "http", "tls", "dns", "smtp", "email", "fileinfo", "files", "ssh", "tx_id", "frame", "ether", "vlan",
              "in_iface", "host", "capture_file")


# Protocols as Suricata calls them, where this program has the number or another name.
PROTOCOLS = {"ICMPv6": "IPv6-ICMP", "4": "IP-in-IP", "41": "IPv6", "47": "GRE", "50": "ESP", "51": "AH", "58": "IPv6-ICMP"}


class Skip(Exception):
    pass


class Failure(Exception):
    pass


def truth(value):
    return str(value).lower() in ("yes", "true", "1", "on")


# --- reading a test ---


def version_of(text):
    parts = re.findall(r"\d+", str(text).split("-")[0])
    return tuple(int(part) for part in (parts + ["0", "0", "0"])[:3])


def check_requires(requires, what="it"):
    """Raises Skip when the requirements do not hold of Suricata 7."""
    requires = requires or {}
    if "min-version" in requires and version_of(requires["min-version"]) > VERSION:
        raise Skip(f"{what} requires Suricata {requires['min-version']} or later")
    if "lt-version" in requires and version_of(requires["lt-version"]) <= VERSION:
        raise Skip(f"{what} requires a Suricata before {requires['lt-version']}")
    if "version" in requires and version_of(requires["version"])[0] != VERSION[0]:
        raise Skip(f"{what} requires Suricata {requires['version']}")
    for name in ("features", "feature"):
        features = requires.get(name) or []
        features = [features] if isinstance(features, str) else features
        ours = [f for f in features if f not in ("HAVE_LIBJANSSON", "HAVE_LUA", "RUST", "MAGIC") or f == "HAVE_LUA"]
        if [f for f in ours if f != "HAVE_LIBJANSSON"]:
            raise Skip(f"{what} requires the feature {ours[0]} of Suricata's build")
    for name in ("script", "lambda", "env", "files"):
        if name in requires:
            raise Skip(f"{what} requires a {name} of Suricata's source tree")
    if requires.get("pcap") is False:
        raise Skip(f"{what} has no capture")


def flatten(node, prefix=""):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from flatten(value, f"{prefix}{key}.")
    else:
        yield prefix.rstrip("."), node


class Test:
    def __init__(self, folder):
        self.folder = folder
        self.name = os.path.basename(os.path.normpath(folder))
        self.yaml = load_yaml(os.path.join(folder, "test.yaml")) or {}
        self.settings, self.variables = {}, {"address": dict(DEFAULTS), "port": {}}
        self.args = []
        for arg in self.yaml.get("args") or []:
            self.args += shlex.split(str(arg).replace("${TEST_DIR}", folder).replace("${SRCDIR}", folder))
        self.read_suricata_yaml()
        self.read_args()

    def read_suricata_yaml(self):
        path = os.path.join(self.folder, "suricata.yaml")
        if not os.path.exists(path):
            return
        config = load_yaml(path) or {}
        groups = (config.get("vars") or {})
        for kind in ("address", "port"):
            for name, value in (groups.get(kind + "-groups") or {}).items():
                self.variables[kind][name] = str(value)
        for key, value in flatten(config):
            if key in SETTINGS or key in FOREIGN or key in ("threshold-file", "classification-file", "reference-config-file",
                                                               "action-order"):
                self.settings[key] = value

    def read_args(self):
        args = iter(self.args)
        self.inline = self.ignore_checksums = False
        for arg in args:
            if arg == "--set" or arg.startswith("--set="):
                text = next(args, "") if arg == "--set" else arg[len("--set="):]
                key, _, value = text.partition("=")
                key, value = key.strip(), value.strip()
                match = re.match(r"vars\.(address|port)-groups\.(\w+)$", key)
                if match:
                    self.variables[match[1]][match[2]] = value
                else:
                    self.settings[key] = value
            elif arg == "-k":
                self.ignore_checksums = next(args, "") == "none"
            elif arg in ("--simulate-ips", "-Q"):
                self.inline = True
            elif arg.startswith("--simulate-"):
                raise Skip(f"{arg} needs Suricata's own simulation of faults")

    def find(self, key, *patterns):
        if self.yaml.get(key):
            path = os.path.join(self.folder, str(self.yaml[key]))
            if not os.path.exists(path):
                raise Skip(f"its {key} is not here: {self.yaml[key]}")
            return [path]
        return sorted(path for pattern in patterns for path in glob.glob(os.path.join(self.folder, pattern)))

    def rules(self):
        found = self.find("rules", "*.rules")
        if not found:
            raise Skip("it has no rules")
        return found

    def capture(self):
        found = self.find("pcap", "*.pcap", "*.pcapng")
        if not found:
            raise Skip("its capture is not here")
        return found[0]


# --- what it expects ---


def find_value(name, event):
    for part in name.split("."):
        if part == "__len":
            return len(event) if hasattr(event, "__len__") else -1
        match = re.match(r"^(.*)\[(\d+)\]$", part)
        name = match[1] if match else part
        if not isinstance(event, dict) or name not in event:
            return None
        event = event[name]
        if match:
            try:
                event = event[int(match[2])]
            except (IndexError, KeyError, TypeError):
                return None
    return event


def same_address(a, b):
    try:
        return ipaddress.ip_address(str(a)) == ipaddress.ip_address(str(b))
    except ValueError:
        return False


def compares(key, expected, event):
    if key == "has-key":
        return all(find_value(k, event) is not None for k in (expected if isinstance(expected, list) else [expected]))
    if key == "not-has-key":
        return all(find_value(k, event) is None for k in (expected if isinstance(expected, list) else [expected]))
    match = re.match(r"^(.*)\.(__contains|__find|__startswith|__endswith)$", key)
    value = find_value(match[1] if match else key, event)
    if not match:
        return value == expected or (key.endswith("_ip") and same_address(value, expected))
    if value is None:
        return False
    if match[2] == "__startswith":
        return str(value).startswith(str(expected))
    if match[2] == "__endswith":
        return str(value).endswith(str(expected))
    return expected in value


def key_is_other(key):
    return any(key == other or key.startswith((other + ".", other + "[")) for other in OTHER_KEYS)


def translate(event):
    """What Suricata adds to an alert when it is configured so, and what follows from what the program says."""
    turned = event.get("direction") == "to_client"
    ends = {"src_ip": event.get("src_ip"), "src_port": event.get("src_port"),
            "dest_ip": event.get("dest_ip"), "dest_port": event.get("dest_port")}
    if turned:
        ends = {"src_ip": ends["dest_ip"], "src_port": ends["dest_port"],
                "dest_ip": ends["src_ip"], "dest_port": ends["src_port"]}
    event["flow"] = {key: value for key, value in ends.items() if value is not None}
    event["ip_v"] = 6 if ":" in str(event.get("src_ip")) else 4
    event["verdict"] = {"action": "alert"}  # it only watches
    event["proto"] = PROTOCOLS.get(event.get("proto"), event.get("proto"))
    return event


def run_filter(check, events, sids, report):
    check_requires(check.get("requires"))
    check_requires({k: check[k] for k in ("min-version", "lt-version", "version", "features") if k in check})
    if check.get("filename", "eve.json") != "eve.json":
        raise Skip(f"looks into {check['filename']}")
    match = check.get("match") or {}
    kind = match.get("event_type")
    if kind != "alert" and not (kind is None and any(key.startswith("alert.") for key in match)):
        raise Skip(f"expects event_type {kind}" if kind else "expects other things than alerts")
    other = [key for key in match if key_is_other(key)]
    told = {key: value for key, value in match.items() if key not in other}
    found = [e for e in events if all(compares(key, value, e) for key, value in told.items())]
    want = check.get("count", 1)
    if other:
        report(f"    not compared: {', '.join(other)}")
    if len(found) != want:
        refused = sids.get(match.get("alert.signature_id"))
        if refused:
            raise Skip(f"rule {match['alert.signature_id']} is refused: {refused}")
        raise Failure(f"{want} expected, {len(found)} found of {json.dumps(told)}")


def needs_order(test, rules):
    """`pass` comes first here; a test may want another order."""
    order = test.settings.get("action-order")
    if not isinstance(order, list) or "pass" not in order or "alert" not in order or order.index("pass") < order.index("alert"):
        return None
    for path in rules:
        with open(path, encoding="utf-8", errors="replace") as f:
            if any(re.match(r"\s*pass\s", line) for line in f):
                return "it sets another action-order, and a rule passes"
    return None


def needs_inline(test, rules):
    """Drops, or what is said of them, need an inline Suricata; without them the same alerts are expected of both."""
    if not test.inline:
        return None
    for path in rules:
        with open(path, encoding="utf-8", errors="replace") as f:
            for line in f:
                if re.match(r"\s*(drop|reject\w*)\s", line):
                    return "it needs inline mode: --simulate-ips, and a rule drops"
    for check in test.yaml.get("checks") or []:
        match = (check.get("filter") or {}).get("match") or {}
        if match.get("event_type") == "drop" and (check.get("filter") or {}).get("count", 1):
            return "it needs inline mode: it expects drops"
    return None


# --- running it ---


def write_config(test, rules, path):
    lines = ["home: [192.168.0.0/16, 10.0.0.0/8, 172.16.0.0/12]", "rules:", "  alerts_per_second: 0"]
    settings = {"midstream": "false", "alerts_per_packet": str(PACKET_ALERT_MAX),
                "packet_and_stream": "once" if test.inline else "twice"}
    for key, value in test.settings.items():
        ours, convert = SETTINGS.get(key, (None, None))
        if ours and convert:
            settings[ours] = convert(value)
    lines += [f"  {key}: {value}" for key, value in settings.items()]
    for kind in ("address", "port"):
        lines.append(f"  {kind}_groups: {json.dumps(test.variables[kind])}")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")


def extra_files(test):
    for key in ("threshold-file", "classification-file", "reference-config-file"):
        value = test.settings.get(key)
        path = os.path.join(test.folder, str(value)) if value else None
        if path and os.path.exists(path):
            yield path
    path = os.path.join(test.folder, "threshold.config")
    if "threshold-file" not in test.settings and os.path.exists(path):
        yield path


def refused_rules(program, config, files):
    """sid -> reason, of those that need what this program has not: a protocol, or an option."""
    run = subprocess.run([program, "rules", "check", "--json", "--config", config, *files], capture_output=True, text=True,
                         timeout=LIMIT, check=False)
    refused = {}
    for line in run.stdout.splitlines():
        try:
            problem = json.loads(line)
        except ValueError:
            continue
        if problem.get("event_type") == "rule_problem" and problem.get("kind") in ("protocol", "option") and problem.get("sid"):
            refused[problem["sid"]] = f"{problem.get('option') or ''} {problem.get('reason') or ''}".strip()
    return refused


def run_program(program, test, rules):
    with tempfile.TemporaryDirectory(prefix="sekimori-verify-") as folder:
        config = os.path.join(folder, "sekimori.yaml")
        write_config(test, rules, config)
        files = [*rules, *extra_files(test)]
        command = [program, "read", "--json", "--config", config, "--fail-on", "never"]
        for path in files:
            command += ["--rules", path]
        run = subprocess.run([*command, test.capture()], capture_output=True, text=True, timeout=LIMIT, check=False)
        if run.returncode not in (0, 1):
            raise Failure(f"the program ended with status {run.returncode}: {run.stderr.strip()[-300:]}")
        events = [json.loads(line) for line in run.stdout.splitlines()]
        return [translate(e) for e in events if e.get("event_type") == "alert"], refused_rules(program, config, files)


def run_checks(test, events, refused, report):
    counts = {"passed": 0, "skipped": 0}
    for number, check in enumerate(test.yaml.get("checks") or [], 1):
        kind, body = next(iter(check.items()))
        try:
            if kind != "filter":
                raise Skip(f"{kind}: expects other things than alerts")
            run_filter(body, events, refused, report)
            counts["passed"] += 1
        except Skip as why:
            counts["skipped"] += 1
            report(f"    check {number}: skipped: {why}")
        except Failure as why:
            raise Failure(f"check {number}: {why}") from None
    return counts


def run_test(program, folder, report):
    test = Test(folder)
    check_requires(test.yaml.get("requires"))
    for skip in test.yaml.get("skip") or []:
        if isinstance(skip, dict) and not (set(skip) - {"msg"}):
            raise Skip(skip.get("msg", "it says so"))
    for key in FOREIGN:
        value = str(test.settings.get(key, "ignore"))
        # Out of line Suricata drops nothing, so a policy to drop is none.
        if value not in ("ignore", "auto", "no", "False") and not (value.startswith("drop") and not test.inline):
            raise Skip(f"it sets {key} to {value}, which has no meaning here")
    if test.yaml.get("command") or test.yaml.get("exit-code"):
        raise Skip("it runs Suricata in its own way")
    rules = test.rules()
    for reason in (needs_inline(test, rules), needs_order(test, rules)):
        if reason:
            raise Skip(reason)
    counts = run_checks(test, *run_program(program, test, rules), report)
    if not counts["passed"]:
        raise Skip("nothing that it expects is about alerts")
    return counts


def load_yaml(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return yaml.safe_load(f)


def find_tests(folder, names):
    tests = sorted(os.path.dirname(path) for path in glob.glob(os.path.join(folder, "**", "test.yaml"), recursive=True))
    return [t for t in tests if not names or os.path.basename(t) in names or os.path.relpath(t, folder) in names]


def default_folder():
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.join(os.environ.get("SEKIMORI_DATA") or os.path.join(here, "../../../shared/data"), "suricata-verify")


def main(program, folder, *names):
    results = {"passed": 0, "failed": 0, "skipped": 0}
    for path in find_tests(folder, names):
        name, lines = os.path.relpath(path, folder), []
        try:
            counts = run_test(program, path, lines.append)
            result = "passed"
            print(f"{name}: passed ({counts['passed']} checks)")
        except Skip as why:
            result = "skipped"
            print(f"{name}: skipped: {why}")
        except (Failure, subprocess.TimeoutExpired, OSError, ValueError, yaml.YAMLError) as why:
            result = "failed"
            print(f"{name}: FAILED: {why}")
        results[result] += 1
        for line in lines:
            print(line)
    print(f"{results['passed']} passed, {results['failed']} failed, {results['skipped']} skipped")
    if results["failed"]:
        return 1
    return 0 if results["passed"] else SKIP


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if len(sys.argv) == 2:
        sys.argv.append(default_folder())
    try:
        import yaml
    except ImportError:
        print("skipped: python3-yaml is not installed")
        sys.exit(SKIP)
    if not os.path.isdir(sys.argv[2]):
        print(f"skipped: there is no {sys.argv[2]}")
        sys.exit(SKIP)
    sys.exit(main(*sys.argv[1:]))
