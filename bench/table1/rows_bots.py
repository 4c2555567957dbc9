# SPDX-License-Identifier: GPL-3.0-or-later
"""The bots: the paper's two, then every shape of the simulated bot, which names its shapes itself."""

import subprocess

from table1.row import ROWS, CannotRun, Row

SILENT, REFUSING = "10.77.1.32/29", "10.77.1.24/29"
ONE_SILENT = "10.77.1.33/32"
TITLES = {
    "child": "one child per order", "thread": "one thread per order", "double-fork": "double fork",
    "parent-exits": "parent exits first", "clone-parent": "CLONE_PARENT", "shell": "vfork, a shell with nc or curl",
    "self-exec": "itself under another name", "io-uring": "io_uring", "io-uring-sqpoll": "io_uring with SQPOLL",
    "raw-forge": "raw socket, forged source", "raw-forge6": "raw socket, forged source, IPv6",
    "packet-forge": "AF_PACKET, forged source", "packet-forge-bypass": "AF_PACKET past the queue, forged",
    "inherited": "inherited descriptor", "fd-passing": "passed descriptor", "udp-orders": "orders over UDP",
    "tls-orders": "orders over TLS", "sleeper": "acts 20 s after the order", "netns": "in another network namespace",
    "single": "all in one thread (documented as not found)",
}
SHAPES = list(TITLES)
# The silence before the order. Beside others, on a busy machine, a second must be left of it.
ORDER_AFTER_MS, ORDER_AFTER_ALONE_MS = 4000, 2000
_ports = iter(range(6667, 7000))


def forges(shape):
    """These run alone: what has a forged source belongs to nobody unless the sender is known."""
    return "forge" in shape


def order_and_space(shape):
    """What each shape is told to do, and where: where nobody answers, so that nothing depends on a listener."""
    if forges(shape):
        return ".forge 60", "fd77:1::20/125" if shape.endswith("6") else SILENT
    if shape in ("inherited", "fd-passing"):
        return ".udpflood 1000", ONE_SILENT  # a TCP socket that is passed on has to be connected first
    return ".scan tcp 30", f"{SILENT},{REFUSING}"


def bot(lab, run, shape, order, space):
    """One bot that joins, is given one order after a while, and then told to end."""
    at = f"10.77.1.2:{next(_ports)}"
    transport = {"udp-orders": "udp", "tls-orders": "tls"}.get(shape, "tcp")
    flag = {"tcp": [], "udp": ["--udp"], "tls": ["--tls"]}[transport]
    after = ORDER_AFTER_ALONE_MS if run.row.alone else ORDER_AFTER_MS
    server = run.far([lab.sim, "server", "--listen", at, *flag, "--order", order, "--after", after])
    lab.wait_port("outside", int(at.rpartition(":")[2]), udp=transport == "udp")
    options, side = [], "home"
    if shape == "netns":
        options, side = ["--netns", lab.net.path("home")], "other"
    elif shape == "sleeper":
        options = ["--sleep", "20"]
    process = run.near([lab.sim, "bot", "--server", at, "--shape", shape, "--targets", space, "--ports", "8000-8003",
                        "--transport", transport, *options], user=False, side=side)
    run.wait_text(process.log, '"event":"done"', "the bot did not carry out its order")
    said = process.log.read_text()
    if '"error":0' not in said.split('"event":"done"')[1].split("\n")[0]:
        raise CannotRun(f"the bot could not carry out its order: {said[-200:]}")
    # What nobody answered counts as such a moment later; the next second's timer says so.
    run.settle(1.5)
    lab.stop(process)
    lab.stop(server)


def _add(name, title, shape, order=None, space=None, **how):
    wanted, where = order_and_space(shape)

    def go(lab, run):
        shapes = subprocess.run([lab.sim, "shapes"], capture_output=True, text=True, timeout=10).stdout.split()
        if new := set(shapes) - set(SHAPES):
            raise RuntimeError(f"sekimori-sim has shapes without a row: {', '.join(sorted(new))}")
        if shape not in shapes:
            raise CannotRun("sekimori-sim was built without this shape")
        bot(lab, run, shape, order or wanted, space or where)
    ROWS.append(Row(name, title, go, bot=True, light=True, **how))


_add("bot-flood", "bot: UDP flood (the paper's)", "child", ".udpflood 1000", ONE_SILENT)
_add("bot-scan", "bot: port scan (the paper's)", "child", ".scan tcp 30", SILENT)
for _shape in SHAPES:
    _add(f"bot-{_shape}", f"bot: {TITLES[_shape]}", _shape, wanted=_shape != "single", by_thread=_shape == "thread",
         alone=forges(_shape), slow=_shape == "sleeper")
