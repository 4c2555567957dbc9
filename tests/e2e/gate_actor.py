# SPDX-License-Identifier: GPL-3.0-or-later
"""A process of the mail gate's tests: a copy of python runs this under a role (shell, mailer, bot...), connects back to the
test over a Unix socket and does what it is told, one JSON command per line. Bounded, and only in the test's own namespaces.
Usage: ROLE gate_actor.py SOCKET TOKEN. Python's standard library only."""

import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import termios
import threading
import time

import gate_wire

LIBC = ctypes.CDLL(None, use_errno=True)
SYS_CLONE, SYS_CAPSET = {"x86_64": (56, 126), "aarch64": (220, 91)}[os.uname().machine]
CLONE_PARENT = 0x8000
PR_SET_NAME = 15
PTRACE_TRACEME, PTRACE_CONT, PTRACE_ATTACH = 0, 7, 16
SO_MARK = 36
MSG_FASTOPEN, TCP_FASTOPEN_CONNECT = 0x20000000, 30
IPPROTO_MPTCP = 262
TIOCSTI = 0x5412
SCRIPT = os.path.abspath(__file__)

sockets, masters, held = {}, {}, []
loops = []


def checked(value):
    if value < 0:
        raise OSError(ctypes.get_errno(), "system call")
    return value


# --- other processes ---

def argv_of(o):
    return [o.get("argv0", o["exe"]), *([o["loader"]] if "loader" in o else []), "-S", "-s", "-B", SCRIPT, sys.argv[1], o["token"]]


def environment(o):
    filler = {f"A{i}": "x" * 100 for i in range(o.get("filler", 0))}
    return {"PYTHONHOME": "/usr", **filler, **o.get("env", {})}


def settle(o, slave):
    """What a child does before it executes its program."""
    if o.get("setsid") or slave is not None:
        os.setsid()
    if slave is not None:
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for fd in (0, 1, 2):
            os.dup2(slave, fd)
    if o.get("group"):
        os.setpgid(0, 0)
    if o.get("front"):
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpgrp())
    if o.get("cgroup"):
        with open(o["cgroup"] + "/cgroup.procs", "w", encoding="ascii") as f:
            f.write("0")
    if o.get("uid"):
        os.setgroups([])
        os.setresgid(o["uid"], o["uid"], o["uid"])
        os.setresuid(o["uid"], o["uid"], o["uid"])
    if o.get("traced"):
        checked(LIBC.ptrace(PTRACE_TRACEME, 0, 0, 0))


def execute(o, slave=None):
    try:
        settle(o, slave)
        os.execve(o["exe"], argv_of(o), environment(o))
    finally:
        os._exit(127)


def spawn(o):
    """how: fork, double (its parent ends at once), vfork, clone_parent, exec (in place: this process becomes it)."""
    how, slave, reply = o.get("how", "fork"), None, {}
    if o.get("pty"):
        master, slave = os.openpty()
        reply["pty"] = master
        masters[master] = master
    if how == "exec":
        answer({"r": "OK"})
        settle(o, slave)
        os.execve(o["exe"], argv_of(o), environment(o))
    if how == "vfork":
        pid = os.posix_spawn(o["exe"], argv_of(o), environment(o))
    elif how == "clone_parent":
        pid = checked(LIBC.syscall(SYS_CLONE, CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0))
        if pid == 0:
            execute(o)
    else:
        pid = os.fork()
        if pid == 0:
            if how == "double":
                if o.get("setsid"):
                    os.setsid()
                if os.fork():
                    os._exit(0)
                o = {**o, "setsid": False}
            execute(o, slave)
    if how == "double":
        os.waitpid(pid, 0)
    if slave is not None:
        os.close(slave)
    if o.get("traced"):
        os.waitpid(pid, 0)
        checked(LIBC.ptrace(PTRACE_CONT, pid, 0, 0))
    return {**reply, "pid": pid}


def ptrace_attach(o):
    checked(LIBC.ptrace(PTRACE_ATTACH, o["pid"], 0, 0))
    os.waitpid(o["pid"], 0)
    checked(LIBC.ptrace(PTRACE_CONT, o["pid"], 0, 0))


def wait(o):
    return {"status": os.waitpid(o["pid"], 0)[1]}


def rename(o):
    LIBC.prctl(PR_SET_NAME, o["name"].encode(), 0, 0, 0)


def drop_capabilities(_):
    header = struct.pack("=Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    checked(LIBC.syscall(SYS_CAPSET, header, bytes(24)))


def unshare(o):
    checked(LIBC.unshare(o["flags"]))


def enter(o):
    fd = os.open(o["path"], os.O_RDONLY)
    checked(LIBC.setns(fd, 0))
    os.close(fd)


def join_cgroup(o):
    with open(o["path"] + "/cgroup.procs", "w", encoding="ascii") as f:
        f.write("0")


# --- terminals and buses ---

def type_bytes(o):
    os.write(o["pty"], o["bytes"].encode())


def push(o):
    for c in o["bytes"]:
        fcntl.ioctl(0, TIOCSTI, c.encode())


def to_front(_):
    """As a program in the background may that ignores SIGTTOU."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpgrp())


def ask(o):
    """A D-Bus request, as a desktop sends it to systemd --user."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    head, body = gate_wire.dbus_call(o["member"])
    message = head + body
    if o["how"] == "write":
        os.write(ours.fileno(), message)
    elif o["how"] == "writev":
        os.writev(ours.fileno(), [head, body])
    elif o["how"] == "send":
        ours.send(message)
    else:
        ours.sendmsg([head, body])
    return {"same": theirs.recv(65536) == message}


def run(o):
    """Executes a program and waits for its end."""
    return {"status": os.waitpid(os.posix_spawn(o["path"], [o["path"], *o.get("args", [])], {}), 0)[1]}


def knock_unix(o):
    """Connects to a socket by this path."""
    if "cwd" in o:
        os.chdir(o["cwd"])
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.connect(o["path"].encode())  # b"\0..." is abstract


# --- sockets ---

def name_of(e):
    return errno.errorcode.get(e, str(e)) if e else "OK"


def address(host, port):
    return (host, port, 0, 0) if ":" in host else (host, port)


def new_socket(o):
    family = socket.AF_INET6 if ":" in o["addr"] else socket.AF_INET
    kind = o.get("kind", "tcp")
    s = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM,
                      IPPROTO_MPTCP if kind == "mptcp" else 0)
    if kind == "tfo_connect":
        s.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
    return s


def dial(s, o):
    """Connects, and says how that ended."""
    kind, to = o.get("kind", "tcp"), address(o["addr"], o["port"])
    if kind == "fastopen":
        try:
            s.sendto(b"EHLO bot\r\n", MSG_FASTOPEN, to)
            return "OK"
        except OSError as e:
            return name_of(e.errno)
    if kind == "udp" and o.get("unconnected"):
        try:
            s.sendto(b"x" * 20, to)
            return "OK"
        except OSError as e:
            return name_of(e.errno)
    s.setblocking(False)
    e = s.connect_ex(to)
    if e == errno.EINPROGRESS:
        poll = select.poll()
        poll.register(s, select.POLLOUT)
        e = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if poll.poll(o.get("wait", 5000)) else errno.ETIMEDOUT
    s.setblocking(True)
    if not e and kind == "tfo_connect":
        o = {"data": "EHLO bot\r\n"}
    if not e and "data" in o:
        try:
            s.send(o["data"].encode())
        except OSError as error:
            e = error.errno
    return name_of(e)


def spin(o):
    while time.monotonic_ns() < o.get("at", 0):
        pass


def connect(o):
    if o.get("kind") == "io_uring":
        return {"r": name_of(gate_wire.uring_connect(o["addr"], o["port"]))}
    s = sockets[o["socket"]] if "socket" in o else new_socket(o)
    spin(o)
    r = dial(s, o)
    if "keep" in o:
        sockets[o["keep"]] = s
    elif "socket" not in o:
        s.close()
    return {"r": r}


def many(o):
    """count connections by so many threads at once; how they ended."""
    ends, lock, barrier = {}, threading.Lock(), threading.Barrier(o["threads"])

    def work():
        barrier.wait()
        for _ in range(o["count"] // o["threads"]):
            s = new_socket(o)
            r = dial(s, o)
            s.close()
            with lock:
                ends[r] = ends.get(r, 0) + 1
    workers = [threading.Thread(target=work) for _ in range(o["threads"])]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    return {"ends": ends}


def loop_start(o):
    ends, stop = {}, threading.Event()

    def work():
        while not stop.is_set():
            s = new_socket(o)
            r = dial(s, o)
            s.close()
            ends[r] = ends.get(r, 0) + 1
    t = threading.Thread(target=work, daemon=True)
    t.start()
    loops.append((t, stop, ends))


def loop_stop(_):
    t, stop, ends = loops.pop()
    stop.set()
    t.join()
    return {"ends": ends}


def make_socket(o):
    sockets[o["as"]] = new_socket(o)


def mark(o):
    s = sockets[o["socket"]]
    s.setsockopt(socket.SOL_SOCKET, SO_MARK, o["mark"])


def raw(o):
    """A hand-made SYN: how is raw (IPPROTO_RAW), plain (the kernel adds the IP header) or packet."""
    gate_wire.send_syn(o["how"], o["src"], o["dst"], o["port"], o.get("mark_by"), o.get("mark", 0), o.get("extension"))


def listen(o):
    s = socket.create_server((o["addr"], o["port"]))
    sockets[o["as"]] = s
    return {"port": s.getsockname()[1]}


def accept(o):
    s = sockets[o["socket"]]
    s.settimeout(5)
    sockets[o["as"]] = s.accept()[0]


def send(o):
    sockets[o["socket"]].send(o["data"].encode())


def receive(o):
    s = sockets[o["socket"]]
    s.settimeout(o.get("wait", 5))
    try:
        return {"data": s.recv(4096).decode()}
    except TimeoutError:
        return {"data": None}


def give(o):
    """Hands a socket to whoever takes it, as SCM_RIGHTS."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as u:
        u.connect("\0" + o["at"])
        socket.send_fds(u, [b"x"], [sockets[o["socket"]].fileno()])


def take_open(o):
    u = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    u.bind("\0" + o["at"])
    u.listen(1)
    held.append(u)


def take(o):
    u = held.pop()
    c = u.accept()[0]
    _, fds, _, _ = socket.recv_fds(c, 1, 1)
    sockets[o["as"]] = socket.socket(fileno=fds[0])
    c.close()
    u.close()


# --- measurements ---

def bench_connect(o):
    """Nanoseconds of each of `count` connections over loopback, to a listener of its own."""
    with socket.create_server(("127.0.0.1", o["port"]), backlog=16, reuse_port=True) as server:
        took = []
        for _ in range(o["count"]):
            s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            began = time.perf_counter_ns()
            s.connect(("127.0.0.1", o["port"]))
            took.append(time.perf_counter_ns() - began)
            c = server.accept()[0]
            s.close()
            c.close()
        return {"ns": took}


def bench_udp(o):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        sink.bind(("127.0.0.1", 0))
        to, data = sink.getsockname(), b"x" * 64
        began = time.perf_counter_ns()
        for _ in range(o["count"]):
            s.sendto(data, to)
        return {"ns": (time.perf_counter_ns() - began) // o["count"]}


def bench_fork(o):
    began = time.perf_counter_ns()
    for _ in range(o["count"]):
        os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)
    return {"ns": (time.perf_counter_ns() - began) // o["count"]}


def answer(value):
    control.sendall(json.dumps(value).encode() + b"\n")


COMMANDS = {f.__name__: f for f in (
    spawn, ptrace_attach, wait, rename, drop_capabilities, unshare, enter, join_cgroup, type_bytes, push, to_front, ask, run,
    knock_unix,
    connect, many, loop_start, loop_stop, make_socket, mark, raw, listen, accept, send, receive, give, take_open, take,
    bench_connect, bench_udp, bench_fork)}


def main():
    answer({"token": sys.argv[2], "pid": os.getpid()})
    for line in control.makefile("r"):
        o = json.loads(line)
        try:
            answer({"r": "OK", **(COMMANDS[o.pop("do")](o) or {})})
        except OSError as e:
            answer({"r": name_of(e.errno)})


if __name__ == "__main__":
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.connect(sys.argv[1])
    main()
