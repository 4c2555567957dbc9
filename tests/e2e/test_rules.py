# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules in `read` and in `run`: alerts and evidence, and rules that are loaded again while a connection lives.
Usage: test_rules.py SEKIMORI SEKIMORI-SIM [test_...]"""

import os
import shutil
import signal
import sys

import capture
import lib
import mirror
from daemon import Daemon
from mirror import Mirror, packets_of, wait_frames
from reader import CONFIG, FOUND, INPUT, OK, Reader

SEKIMORI = sys.argv[1]
sys.argv.pop(2)
BOT, OUTSIDE = "10.20.0.23", "198.18.9.9"
FIRST = 'alert tcp any any -> any any (msg:"first"; content:"first marker"; sid:1;)\n'
SECOND = 'alert tcp any any -> any any (msg:"second"; flow:established; content:"second marker"; sid:2;)\n'
REFUSED = 'alert tcp any any -> any any (msg:"no such option"; nonsense:1; sid:3;)\n'
CNC = ('alert tcp $HOME_NET any -> $EXTERNAL_NET any (msg:"ET TROJAN Marker CnC Checkin"; flow:established,to_server; '
       'content:"marker"; classtype:trojan-activity; sid:4; rev:5; metadata:malware_family Marker, tag CnC;)\n')


class Talk:
    """One connection, whose frames are taken piece by piece."""

    def __init__(self):
        self.world = capture.World("a talk", capture.START)
        self.tcp = self.world.tcp(capture.START, BOT, OUTSIDE, 4444)
        self.taken = 0

    def frames(self):
        new = self.world.capture.frames[self.taken:]
        self.taken += len(new)
        return new

    def up(self, text):
        self.tcp.up(text)
        return self.frames()

    def whole(self, *lines):
        for line in lines:
            self.tcp.up(line)
        self.tcp.close()
        return self.frames()


class Ruled(Daemon):
    """A daemon with a folder of rules."""

    def __init__(self, net, *rules, config="", pattern="*.rules"):
        super().__init__(SEKIMORI, "--backend", "off", "--interface", mirror.WATCHED, "--home", capture.HOME,
                         wrapper=net.inside, start=False)
        self.rules = f"{self.folder}/rules"
        os.mkdir(self.rules)
        os.chmod(self.rules, 0o755)
        self.write(*rules)
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(f"host: {{rescan: 0s}}\nrules: {{files: [{self.rules}/{pattern}]}}\n{config}")
        self.start()

    def write(self, *rules):
        with open(f"{self.rules}/some.rules", "w", encoding="utf-8") as f:
            f.write("".join(rules))

    def alerts(self, sid=None):
        return self.find("alert", lambda r: sid in (None, r["alert"]["signature_id"]))

    def wait_alerts(self, sid, count=1):
        self.wait(lambda: len(self.alerts(sid)) >= count, f"no alert of sid {sid}")
        return self.alerts(sid)

    def reload(self, said):
        since = len(self.output())
        self.kill(signal.SIGHUP)
        self.wait_said(said, since=since)


def test_read():
    talk = Talk()
    with Reader(SEKIMORI) as reader:
        reader.write("cap", capture.pcap(talk.whole("first marker\r\n", "second marker\r\n")))
        reader.write("a.rules", (FIRST + REFUSED).encode())
        reader.write("b.rules", (SECOND + CNC).encode())
        done = reader.json("cap", "--rules", "a.rules", "--rules", "b.rules", status=OK)
        alerts = {r["alert"]["signature_id"]: r for r in reversed(done.of("alert"))}  # the first of each
        assert set(alerts) == {1, 2, 4}, alerts
        assert done.summary["rules"]["loaded"] == 3 and done.summary["rules"]["refused"] == 1, done.summary["rules"]
        told = alerts[4]
        assert (told["src_ip"], told["dest_ip"], told["dest_port"]) == (BOT, OUTSIDE, 4444), told
        assert told["alert"]["category"] == "A Network Trojan was detected" and told["alert"]["severity"] == 1, told
        assert told["alert"]["metadata"] == {"malware_family": ["Marker"], "tag": ["CnC"]}, told
        assert told["pcap_cnt"] == 4 and told["direction"] == "to_server", told
        assert told["flow_id"] == alerts[1]["flow_id"] and told["community_id"], told
        claims = [r for r in done.of("evidence") if r["evidence"]["kind"] == "signature.control"]
        assert claims and claims[0]["subject"]["ip"] == BOT, done.of("evidence")
        assert claims[0]["evidence"]["facts"]["sid"] == 4, claims[0]
        # The same for people.
        text = reader.run("cap", "--rules", "a.rules", "--rules", "b.rules")
        assert "sid 4  ET TROJAN Marker CnC Checkin  (control)" in text.out, text.out
        assert "3 of 4 rules" in text.err and "rules check" in text.err, text.err
        # One worker or many: the same alerts in the same order.
        order = [[(r["pcap_cnt"], r["alert"]["signature_id"]) for r in
                  reader.json("cap", "--rules", "b.rules", "--workers", n, status=OK).of("alert")] for n in ("1", "4")]
        assert order[0] == order[1] == [(4, 4), (6, 4), (6, 2)], order


def test_read_refuses():
    with Reader(SEKIMORI) as reader:
        reader.write("cap", capture.pcap(Talk().whole("x")))
        assert reader.run("cap", "--rules", "none.rules").status == INPUT
        reader.write("bad.yaml", b"rules: {files: [relative.rules]}\n")
        assert reader.run("cap", "--config", "bad.yaml").status == CONFIG
        # A file that is all wrong is no reason to stop: it is said, and nothing of it counts.
        reader.write("wrong.rules", b"alert this is no rule\n\x00\xff\n" + REFUSED.encode())
        done = reader.json("cap", "--rules", "wrong.rules", status=OK)
        assert done.summary["rules"]["loaded"] == 0, done.summary


def test_floods_are_one():
    """A rule that matches a thousand times in a second between two hosts is told ten times, then once with a count."""
    with Reader(SEKIMORI) as reader:
        reader.write("cap", capture.pcap(capture.udp_frames(1000, every=0.0005)))
        reader.write("a.rules", b'alert udp any any -> any any (msg:"each"; sid:1;)\n'
                                b'alert udp any any -> any any (msg:"packet"; dsize:>0; sid:2;)\n')
        alerts = [r for r in reader.json("cap", "--rules", "a.rules", status=OK).of("alert")
                  if r["alert"]["signature_id"] == 2]
        assert len(alerts) == 11 and sum(r["alert"]["count"] for r in alerts) == 1000, [r["alert"]["count"] for r in alerts]
        reader.write("each.yaml", b"home: [10.20.0.0/16]\nrules: {alerts_per_second: 0}\n")
        done = reader.json("cap", "--rules", "a.rules", "--config", "each.yaml", status=OK)
        assert len([r for r in done.of("alert") if r["alert"]["signature_id"] == 2]) == 1000


def test_reload_keeps_flows():
    with Mirror() as net, Ruled(net, FIRST) as daemon:
        talk = Talk()
        net.send(talk.up("first marker\r\n"))
        first = daemon.wait_alerts(1)[0]
        assert daemon.status()["rules"]["loaded"] == 1, daemon.status()
        daemon.write(SECOND, REFUSED)
        daemon.kill(signal.SIGHUP)
        net.send(capture.udp_frames(500))  # meanwhile
        daemon.wait_said("rules in force: 1 of 2 rules of 1 file")
        net.send(talk.up("first marker, second marker\r\n"))
        second = daemon.wait_alerts(2)[0]
        assert second["flow_id"] == first["flow_id"], (first, second)
        assert len(daemon.alerts(1)) == 1, daemon.alerts(1)
        frames = wait_frames(daemon, net.sent)
        assert frames["drops"] == 0 and frames["frames"] == net.sent, frames
        assert frames["flows_made"] == 2, frames
        rules = daemon.status()["rules"]
        assert (rules["loaded"], rules["refused"], rules["reloads"], rules["loading"]) == (1, 1, 1, False), rules
        assert daemon.stop() == 0
        assert not daemon.find("gap", lambda r: r["gap"]["reason"] != "restart"), daemon.find("gap")
        assert len(daemon.find("flow", lambda r: r["op"] == "start" and r["dest_port"] == 4444)) == 1


def test_bad_reloads():
    with Mirror() as net, Ruled(net, FIRST) as daemon:
        talk = Talk()
        net.send(talk.up("first marker\r\n"))
        daemon.wait_alerts(1)
        os.remove(f"{daemon.rules}/some.rules")
        daemon.reload("the rules cannot be loaded (see above); the old ones stay in force")
        net.send(talk.up("first marker again\r\n"))
        daemon.wait_alerts(1, 2)
        # Twice in a row, and then none at all.
        daemon.write(FIRST, SECOND)
        daemon.kill(signal.SIGHUP)
        daemon.reload("rules in force: 2 of 2 rules")
        with open(daemon.config, "w", encoding="utf-8") as f:
            f.write("host: {rescan: 0s}\n")
        daemon.kill(signal.SIGHUP)
        daemon.wait(lambda: daemon.status()["rules"]["loaded"] == 0, "rules stay although none are configured")
        before = len(daemon.alerts())
        net.send(talk.up("first marker, second marker\r\n"))
        wait_frames(daemon, net.sent)
        assert daemon.stop() == 0 and len(daemon.alerts()) == before, daemon.alerts()[before:]


def test_start_without_files():
    """A daemon whose rules are not there watches all the same, and says so."""
    with Mirror() as net, Ruled(net, FIRST, pattern="other.rules") as daemon:
        assert b"the rules cannot be loaded (see above); none is in force" in daemon.output(), daemon.output()
        assert daemon.status()["rules"]["loaded"] == 0
        shutil.copy(f"{daemon.rules}/some.rules", f"{daemon.rules}/other.rules")
        daemon.reload("rules in force: 1 of 1 rules")
        net.send(Talk().up("first marker\r\n"))
        daemon.wait_alerts(1)
        assert daemon.stop() == 0


def test_evidence_live():
    with Mirror() as net, Ruled(net, CNC) as daemon:
        net.send(Talk().up("a marker\r\n"))
        claim = daemon.wait_for("evidence", lambda r: r["evidence"]["kind"] == "signature.control")
        assert claim["subject"]["ip"] == BOT, claim
        packets = packets_of(daemon.status())
        assert packets["there"], packets
        assert daemon.stop() == 0
        story = daemon.command("why", BOT)
        assert "Rule 4 (\"ET TROJAN Marker CnC Checkin\"" in story.stdout, story.stdout
        assert story.returncode in (OK, FOUND), story


if __name__ == "__main__":
    lib.need_root()
    lib.run_tests(sys.modules[__name__])
