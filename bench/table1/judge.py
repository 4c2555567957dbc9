# SPDX-License-Identifier: GPL-3.0-or-later
"""From recorded events to the four columns. The recorders write every event; a row's events are those of its process tree,
by creator chain down from its root. They are replayed through the analysis once per column, by tests/replay."""

import dataclasses
import ipaddress
import json
import re
import subprocess
import threading

LEVELS = ["unknown", "clear", "suspect", "bot"]
# Name, recorder, the replay's rule. The paper's method first.
COLUMNS = [
    ("paper", "proc", "plain"),
    ("plain threads", "bpf", "plain_thread"),
    ("by process", "bpf", "process"),
    ("by thread", "bpf", "thread"),
]
DEFAULT = ("by process", "by thread")
OUTSIDE = [ipaddress.ip_network("10.77.0.0/16"), ipaddress.ip_network("fd77::/16")]
TICK_NS = 20_000_000  # two clock ticks: what /proc's start times may lie off
STAGES = {"order": "control", "conversation": "control", "plain": "control", "scan": "spread", "flood": "attack"}
NOISE = ("timestamp", "src_ip", "src_port", "dest_ip", "dest_port", "proto", "flow_id", "community_id")
SUBJECT = re.compile(r"^ +.*: (unknown|clear|suspect|bot), score ([0-9.]+)$", re.M)
LINE = re.compile(r"^  (.*): ([a-z_]+\.[a-z_]+), score (-?[0-9.]+), (\w+)$")


TASK = re.compile(rb'"task":\{"pid":(\d+),"tid":(\d+),"start":\d+,"leader_start":(\d+)\}')
CREATOR = re.compile(rb'"creator":\{"pid":(\d+),"tid":\d+,"start":\d+,"leader_start":(\d+)\}')
CHUNK = 4 << 20


class Recorder:
    """Follows a recorder's EVE file, and keeps what concerns descendants of ours: the machine may do much else meanwhile.
    With everything=True it keeps all, for a recorder that does not see how processes begin."""

    def __init__(self, path, ancestor, everything=False):
        self.path, self.ancestor, self.everything = path, ancestor, everything
        self.events, self.lost = [], {}
        self._members, self._ports = set(), set()
        self._rest, self._file = b"", None
        self._lock = threading.Lock()

    def read(self):
        with self._lock:
            if self._file is None:
                try:
                    self._file = open(self.path, "rb")
                except FileNotFoundError:
                    return
            while data := self._file.read(CHUNK):
                *whole, self._rest = (self._rest + data).split(b"\n")
                for line in whole:
                    self._take(line)

    def _is_ours(self, line):
        task = TASK.search(line)
        if not task:
            return False
        who = int(task[1]), int(task[3])
        if b'"op":"fork"' in line and (creator := CREATOR.search(line)):
            creator = int(creator[1]), int(creator[2])
            if creator in self._members or (creator[0] == self.ancestor and task[1] == task[2]):
                self._members.add(who)
        return self.everything or who in self._members

    def _take(self, line):
        head = line[:200]
        if b'"event_type":"evidence"' in head or b'"event_type":"verdict"' in head:
            return
        if b'"event_type":"gap"' in head:
            gap = json.loads(line)["gap"]
            if gap["reason"] in ("ring_full", "table_full", "capture_drop", "bad_message"):
                self.lost[gap["reason"]] = self.lost.get(gap["reason"], 0) + gap["lost"]
        elif self._is_ours(line):
            event = json.loads(line)
            if event["event_type"] == "flow":
                self._ports.add(event["flow"]["remote_port"])
            self.events.append({k: v for k, v in event.items() if k not in NOISE})

    def has_port(self, port):
        self.read()
        return port in self._ports


def process_of(task):
    return task["pid"], task["leader_start"]


def tree(events, roots, ancestor):
    """The processes created, directly or not, by the roots, which the ancestor created: [(pid, time)]. Returns {(pid, start)}."""
    members = set()
    for event in events:
        if event["event_type"] != "process" or event["op"] != "fork":
            continue
        p = event["process"]
        who = process_of(p["task"])
        if process_of(p["creator"]) in members:
            members.add(who)
        elif p["task"]["tid"] == p["task"]["pid"] and p["creator"]["pid"] == ancestor:
            # The wall clock of the two may differ a little.
            if any(who[0] == pid and -1e9 < event["time_ns"] - began < 2e9 for pid, began in roots):
                members.add(who)
    return members


def by_ticks(members):
    """The same processes as the other recorder names them."""
    starts = {}
    for pid, start in members:
        starts.setdefault(pid, []).append(start)
    return lambda task: any(abs(task["leader_start"] - s) <= TICK_NS for s in starts.get(task["pid"], ()))


def select(events, is_member):
    return [e for e in events if "task" in (body := e.get(e["event_type"], {})) and is_member(body["task"])]


def outside_flows(events, resolvers):
    """Different flows with the far side, name queries not counted."""
    flows = set()
    for event in events:
        if event["event_type"] != "flow":
            continue
        f = event["flow"]
        address = ipaddress.ip_address(f["remote"])
        if f["remote"] in resolvers and f["remote_port"] == 53:
            continue
        if any(address in n for n in OUTSIDE if n.version == address.version):
            flows.add((f["flow_id"], f["remote"], f["remote_port"]))
    return len(flows)


@dataclasses.dataclass
class Column:
    level: str = "clear"
    score: float = 0.0
    kinds: list = dataclasses.field(default_factory=list)
    story: str = ""  # of the first claim that reached suspect

    @property
    def yes(self):
        return LEVELS.index(self.level) >= LEVELS.index("suspect")

    @property
    def stages(self):
        return sorted({"attack" if k.startswith("forged_source") else STAGES.get(k.split(".")[1], k) for k in self.kinds})


@dataclasses.dataclass
class Judgement:
    columns: dict
    flows: int  # as eBPF saw them
    flows_proc: int
    processes: int
    events: int


def parse(text):
    """One column's claims, as `replay --why` prints them."""
    column, story = Column(), None
    for line in text.splitlines():
        m = LINE.match(line)
        if not m:
            if story is not None:
                story.append(line)
            continue
        if story:
            column.story, story = "\n".join(story), None
        column.score = max(column.score, float(m[3]))
        if m[2] not in column.kinds:
            column.kinds.append(m[2])
        if LEVELS.index(m[4]) > LEVELS.index(column.level):
            column.level = m[4]
            if LEVELS.index(m[4]) >= 2 and not column.story:
                story = [line.strip()]
    if story:
        column.story = "\n".join(story)
    return column


def replay(program, path, events, rules, resolvers):
    """{rule: Column} for these events; the scenario stays at path."""
    with open(path, "w") as f:
        f.write(f"config resolvers: [{', '.join(resolvers)}]\n")
        f.writelines(f"expect {rule} harmless\n" for rule in rules)
        f.writelines(json.dumps(e, separators=(",", ":"), ensure_ascii=False) + "\n" for e in events)
    done = subprocess.run([program, "--why", path], capture_output=True, text=True, timeout=120)
    found = {}
    for part in re.split(rf"^{re.escape(str(path))}, rule ", done.stdout, flags=re.M)[1:]:
        rule, _, text = part.partition("\n")
        found[rule] = parse(text)
    # What it says when somebody is not harmless has the machine itself among the subjects, too.
    for part in re.split(r"^.*: under the rule ", done.stderr, flags=re.M)[1:]:
        column = found.get(part.split(",")[0])
        for m in SUBJECT.finditer(part) if column else ():
            column.score = max(column.score, float(m[2]))
            column.level = max(column.level, m[1], key=LEVELS.index)
    broken = re.search(r"^line \d+:.*", done.stderr, flags=re.M)
    if broken or set(found) != set(rules) or done.returncode not in (0, 1):
        raise RuntimeError(f"the replay of {path} failed: {broken[0] if broken else done.stderr[-300:]}")
    return found


def nobodys_forged(events, since):
    """Forged packets since then that the recorder could not tie to a process: proof against the machine."""
    return [e for e in events if e["event_type"] == "socket" and e["op"] == "forged" and e["time_ns"] >= since
            and e["socket"]["task"]["pid"] == 0]


def judge(lab, name, roots, resolvers, since=None):
    """What the four columns say of the tree under these roots. With `since` the row was alone on the machine from then on,
    and what no process was found for is its own."""
    for recorder in lab.recorders.values():
        recorder.read()
    bpf = list(lab.recorders["bpf"].events)
    members = tree(bpf, roots, lab.recorders["bpf"].ancestor)
    if not members:
        raise RuntimeError("the recorder did not see its root process begin")
    mine = {
        "bpf": select(bpf, lambda task: process_of(task) in members),
        "proc": select(list(lab.recorders["proc"].events), by_ticks(members)),
    }
    if since is not None:
        mine["proc"] += nobodys_forged(lab.recorders["proc"].events, since)
        mine["proc"].sort(key=lambda e: e["time_ns"])
    columns = {}
    folder = lab.folder("replay")
    for recorder, events in mine.items():
        rules = [rule for _, source, rule in COLUMNS if source == recorder]
        path = folder / f"{name}-{recorder}.replay"
        found = replay(lab.replay, path, events, rules, resolvers)
        columns.update({title: found[rule] for title, source, rule in COLUMNS if source == recorder})
    return Judgement(columns, outside_flows(mine["bpf"], resolvers), outside_flows(mine["proc"], resolvers), len(members),
                     len(mine["bpf"]))
