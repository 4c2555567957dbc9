#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boots Debian 12's own kernel in QEMU (plain emulation) on a copy of this machine and runs commands in it as root.

The kernel comes from Debian's package, unpacked into the build folder and never installed. The root is this machine's,
shared read-only (9p) under a tmpfs inside the guest, so that the guest has every program and the build at the same paths.
Nothing of the guest outlives it and it has no network. HACKING.md says how to use it; `script/test vm` runs it.

With --person the machine boots systemd instead, logs a user in at its first console, has a screen, a keyboard and a mouse,
and its tests order what the person does with them (hand.py); `script/test person` runs that.

Exit status: 0 every command passed or skipped, 1 one failed or the machine did, 2 usage, 77 it cannot run here.
"""
import argparse
import contextlib
import glob
import json
import os
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from hand import Hand

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay"]
DISK_MODULES = ["virtio_blk", "crc32c_generic", "ext4"]
# Modules no test can want; without them the unpacked package is a quarter of its size.
UNWANTED = [*(f"drivers/gpu/drm/{card}" for card in ("amd", "i915", "nouveau", "radeon", "gma500", "vmwgfx", "qxl", "xen")),
            "drivers/media", "drivers/infiniband", "drivers/iio", "drivers/scsi", "drivers/usb",
            "drivers/staging", "drivers/hwmon", "drivers/net/wireless", "drivers/net/ethernet",
            "drivers/mtd", "drivers/hid", "drivers/platform", "drivers/isdn", "drivers/thunderbolt", "sound",
            "fs/btrfs", "fs/xfs", "fs/ocfs2", "fs/gfs2", "fs/ceph", "fs/f2fs", "fs/nfs", "fs/smb"]


class CannotRun(Exception):
    """Something the test machine needs is not to be had here: a skip, not a failure."""


def say(text):
    print(f"vm: {text}", flush=True)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def run(command, **options):
    return subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


def newest_kernel_package():
    """linux-image-amd64 depends on the newest 6.1 kernel; None when apt knows no package yet."""
    for line in run(["apt-cache", "depends", "linux-image-amd64"]).stdout.splitlines():
        name = line.split()[-1]
        if line.strip().startswith("Depends:") and name.startswith("linux-image-6.1."):
            return name
    return None


def download_kernel(folder):
    """Leaves the kernel's .deb in `folder`. The package lists may be missing or old: then update and try once more."""
    reason = "no package linux-image-6.1.*"
    for attempt in range(2):
        if attempt and os.geteuid() == 0:
            run(["apt-get", "update"])
        name = newest_kernel_package()
        if not name:
            continue
        say(f"downloading {name} (70 MB, once)")
        got = run(["apt-get", "download", "-o", "APT::Sandbox::User=root", name], cwd=folder)
        found = glob.glob(os.path.join(folder, name + "_*.deb"))
        if got.returncode == 0 and found:
            return found[0]
        reason = got.stdout.strip().splitlines()[-1] if got.stdout.strip() else "apt-get download failed"
    raise CannotRun(f"Debian 12's kernel cannot be downloaded: {reason}")


def unpack(deb, folder):
    exclude = [f"--exclude=./lib/modules/*/kernel/{path}" for path in UNWANTED]
    with subprocess.Popen(["dpkg", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as package:
        tar = subprocess.run(["tar", "-x", "-C", folder, "--wildcards", *exclude, "./boot", "./lib"],
                             stdin=package.stdout, check=False)
        package.stdout.close()
    if tar.returncode or package.returncode:
        raise CannotRun(f"{deb} cannot be unpacked")


def kernel(cache):
    """(folder, version) of an unpacked kernel: the one in the cache, else Debian's newest."""
    ready = sorted(glob.glob(os.path.join(cache, "kernel", "lib", "modules", "*", "modules.dep")))
    stamp = os.path.join(cache, "kernel", "unwanted")
    if not ready or not os.path.exists(stamp) or read(stamp).decode() != " ".join(UNWANTED):
        for needed in ("apt-get", "dpkg"):
            if not shutil.which(needed):
                raise CannotRun(f"no {needed} to fetch Debian's kernel with")
        os.makedirs(cache, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as work:
            deb = download_kernel(work)
            root = os.path.join(work, "kernel")
            os.mkdir(root)
            unpack(deb, root)
            version = os.listdir(os.path.join(root, "lib", "modules"))[0]
            made = run([tool("depmod"), "-b", root, version])
            if made.returncode:
                raise CannotRun(f"depmod failed: {made.stdout.strip()}")
            with open(os.path.join(root, "unwanted"), "w", encoding="utf-8") as file:
                file.write(" ".join(UNWANTED))
            shutil.rmtree(os.path.join(cache, "kernel"), ignore_errors=True)
            os.rename(root, os.path.join(cache, "kernel"))
        ready = glob.glob(os.path.join(cache, "kernel", "lib", "modules", "*", "modules.dep"))
    return os.path.join(cache, "kernel"), os.path.basename(os.path.dirname(ready[-1]))


def tool(name):
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise CannotRun(f"{name} is not installed")
    return found


def module_files(folder, version, names):
    """Paths of these modules and what they need, in loading order; a module built into the kernel has no file."""
    base = os.path.join(folder, "lib", "modules", version)
    needs = {}
    with open(os.path.join(base, "modules.dep"), encoding="utf-8") as file:
        for line in file:
            path, _, rest = line.partition(":")
            needs[os.path.basename(path).split(".")[0].replace("-", "_")] = (path, rest.split())
    order = []
    for name in names:
        if name not in needs:
            continue
        path, rest = needs[name]
        order += [entry for entry in [*reversed(rest), path] if entry not in order]
    return [os.path.join(base, path) for path in order]


def cpio_entry(number, name, data, mode):
    fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    head += b"\0" * (-len(head) % 4)
    return head + data + b"\0" * (-len(data) % 4)


def initramfs(path, init, modules, environment):
    entries = [("dev", b"", 0o040755), ("init", read(init), 0o100755)]
    entries += [(os.path.basename(name), read(name), 0o100644) for name in modules]
    listing = "".join(f"/{os.path.basename(name)}\n" for name in modules)
    entries.append(("modules.list", listing.encode(), 0o100644))
    entries.append(("environment", "".join(f"{k}={v}\n" for k, v in environment.items()).encode(), 0o100644))
    entries.append(("TRAILER!!!", b"", 0))
    with open(path, "wb") as file:
        for number, (name, data, mode) in enumerate(entries, 1):
            file.write(cpio_entry(number, name, data, mode))


def compile_init(work):
    out = os.path.join(work, "init")
    compiler = os.environ.get("CC", "gcc")
    made = run([compiler, "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-static", "-o", out,
                os.path.join(HERE, "init.c")])
    if made.returncode:
        raise CannotRun(f"tests/vm/init.c does not compile:\n{made.stdout}")
    return out


def make_disk(work, size):
    """An empty file system: holds what the machine writes, as long as it runs."""
    path = os.path.join(work, "disk")
    with open(path, "wb") as file:
        file.truncate(size)
    made = run([tool("mkfs.ext4"), "-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1", path])
    if made.returncode:
        raise CannotRun(f"mkfs.ext4 failed: {made.stdout.strip()}")


class Results:
    """Follows the guest's result line: boot, ready, start, done, fatal, end."""

    def __init__(self, started, name):
        self.started = started
        self.name = name
        self.current = None
        self.last_output = self.unfinished = ""
        self.tests = []
        self.fatal = None
        self.ended = False

    def line(self, text):
        word, _, rest = text.partition(" ")
        if word == "boot":
            up, release = rest.split()
            say(f"user space after {up} s ({release})")
        elif word == "ready":
            say(f"ready after {rest} s in the guest, {time.monotonic() - self.started:.1f} s here")
        elif word == "start":
            self.current = rest.partition(" ")[2]
            say(f"running: {self.current}")
        elif word == "done":
            _, status, before, after = rest.split()
            self.done(int(status), float(after) - float(before))
        elif word == "fatal":
            self.fatal = rest
        elif word == "end":
            self.ended = True
            self.fatal = None if self.tests else "the list holds no command"

    def output(self, text):
        sys.stdout.write(text)
        sys.stdout.flush()
        *_, self.unfinished = lines = (self.unfinished + text).split("\n")
        said = [line for line in lines if line.strip()]
        self.last_output = said[-1] if said else self.last_output

    def done(self, status, seconds):
        outcome = {0: "OK", 77: "SKIP"}.get(status, "TIMEOUT" if status in (124, 137) else "FAIL")
        self.tests.append({"name": f"{self.name} / {self.current}", "result": outcome, "duration": seconds,
                           "stdout": self.last_output})
        say(f"{outcome} ({seconds:.1f} s, status {status}): {self.current}")
        self.current = None


def qemu_command(args, folder, version, work, lines):
    # A kernel that is stuck for a minute ends the machine, and with it the run, instead of waiting for the time limit.
    append = ("console=ttyS0 quiet loglevel=4 panic=-1 oops=panic rcupdate.rcu_cpu_stall_timeout=60 "
              "sysctl.kernel.panic_on_rcu_stall=1 rdinit=/init systemd.unified_cgroup_hierarchy=1")
    if args.person:
        append += " systemd.show_status=0 consoleblank=0"
    # One thread for both processors: QEMU 7.2 may keep the translation of a breakpoint that another thread has just written
    # over. Linux changes its code in this way when a tracepoint is attached (text_poke_bp); both processors then run into
    # a breakpoint that is no longer there for ever. Seen after some hundred attachments of sys_enter.
    command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-nic", "none",
               "-accel", "tcg,thread=single", "-cpu", "max", "-smp", "2", "-m", args.memory,
               "-kernel", os.path.join(folder, "boot", f"vmlinuz-{version}"),
               "-initrd", os.path.join(work, "initramfs"), "-append", append,
               "-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
               "-device", "virtio-9p-pci,fsdev=root,mount_tag=root"]
    for name in lines:
        command += ["-chardev", f"socket,id={name},path={work}/{name},server=off"]
    command += ["-serial", "chardev:console", "-serial", "chardev:results"]
    if not args.person:
        return command
    if args.shell:
        command += ["-chardev", f"socket,id=shell,path={args.shell},server=on,wait=off", "-serial", "chardev:shell"]
    # vmport is a second way for a mouse to tell its place, which no real PS/2 mouse has.
    return [*command, "-machine", "pc,vmport=off", "-device", "VGA,xres=1024,yres=768",
            "-drive", f"file={work}/disk,format=raw,if=virtio,cache=unsafe",
            "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=orders,name=sekimori.hand",
            "-mon", "chardev=qmp,mode=control"]


def listen(path):
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen(1)
    server.settimeout(20)
    return server


def follow(console, results, state, machine, deadline):
    """Copies the console here and feeds the result lines to `state` until the machine closes both."""
    selector = selectors.DefaultSelector()
    selector.register(console, selectors.EVENT_READ)
    selector.register(results, selectors.EVENT_READ)
    pending = b""
    while selector.get_map():
        left = deadline - time.monotonic()
        if left <= 0:
            machine.kill()
            return False
        for key, _ in selector.select(left):
            data = key.fileobj.recv(65536)
            if not data:
                selector.unregister(key.fileobj)
            elif key.fileobj is console:
                state.output(data.replace(b"\r\n", b"\n").decode("utf-8", "replace"))
            else:
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    state.line(line.decode("utf-8", "replace").rstrip("\r"))
    return True


def power_on(args, folder, version, work, state):
    """From the power's on to its off. Returns (whether in time, whether the machine is to be started again)."""
    lines = ["console", "results"] + (["orders", "qmp"] if args.person else [])
    for name in lines:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(work, name))
    servers = [listen(os.path.join(work, name)) for name in lines]
    hand = None
    with subprocess.Popen(qemu_command(args, folder, version, work, lines), stdin=subprocess.DEVNULL) as machine:
        try:
            console, results, *others = [server.accept()[0] for server in servers]
            if args.person:
                hand = Hand(*others, os.path.join(args.cache, "screens"))
                hand.start()
            in_time = follow(console, results, state, machine, state.started + args.timeout)
            machine.wait(30)
        except (socket.timeout, subprocess.TimeoutExpired):
            in_time = True
        finally:
            machine.kill()
    return in_time, hand is not None and hand.restart


def boot(args, folder, version, work):
    started = time.monotonic()
    state = Results(started, "person" if args.person else "vm")
    # A restart is a new QEMU on the same disk: after QEMU's own reset, what it translated before slows everything down.
    in_time = again = True
    while in_time and again and not state.fatal:
        in_time, again = power_on(args, folder, version, work, state)
    if not in_time:
        state.fatal = f"not done after {args.timeout} s" + (f", in: {state.current}" if state.current else "")
    elif not state.ended and not state.fatal:
        state.fatal = "the machine stopped" + (f" in: {state.current}" if state.current else " before its first test")
    say(f"machine off after {time.monotonic() - started:.1f} s")
    return state


def write_list(args, work):
    path = os.path.join(work, "list")
    if args.command:
        text = " ".join(args.command) + "\n"
    else:
        with open(args.list, encoding="utf-8") as file:
            text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def report(args, state):
    if state.fatal:
        state.tests.append({"name": f"{state.name} / {state.current or 'machine'}", "result": "FAIL", "stdout": state.fatal})
        say(f"FAIL: {state.fatal}")
    with open(args.results, "w", encoding="utf-8") as file:
        for test in state.tests:
            file.write(json.dumps(test) + "\n")
    return 1 if any(test["result"] not in ("OK", "SKIP") for test in state.tests) else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--person", action="store_true", help="boot systemd, with a user, a screen and input devices")
    parser.add_argument("--build", default=os.path.join(SOURCE, "build"), help="build folder to test (default: build/)")
    parser.add_argument("--list", help="file with one command per line (default: guest-tests or person-tests)")
    parser.add_argument("--cache", help="where the kernel is kept (default: vm/ in the build folder)")
    parser.add_argument("--results", help="where one JSON line per test goes (default: results.json in the cache)")
    parser.add_argument("--timeout", type=int, help="seconds for the whole run (default: 1500; person: 3600)")
    parser.add_argument("--limit", type=int, help="seconds for one command (default: 600; person: 1200)")
    parser.add_argument("--memory", help="memory of the machine (default: 1G; person: 2G)")
    parser.add_argument("--shell", help="with --person: a root shell in the machine on this socket, to look around")
    parser.add_argument("command", nargs="*", help="run this instead of the list (after --)")
    args = parser.parse_args()
    args.build = os.path.abspath(args.build)
    args.list = args.list or os.path.join(HERE, "person-tests" if args.person else "guest-tests")
    args.timeout = args.timeout or (3600 if args.person else 1500)
    args.limit = args.limit or (1200 if args.person else 600)
    args.memory = args.memory or ("2G" if args.person else "1G")
    args.cache = os.path.abspath(args.cache or os.path.join(args.build, "vm"))
    args.results = args.results or os.path.join(args.cache, "results.json")
    for path in (SOURCE, args.cache, args.build):
        if path.startswith(("/run/", "/dev/", "/proc/", "/sys/")):
            raise CannotRun(f"{path} cannot be seen in the guest, which has its own {path.split('/')[1]}")
    return args


def main():
    try:
        args = arguments()
        if os.uname().machine != "x86_64":
            raise CannotRun("the guest uses this machine's programs, and only x86_64 is set up")
        tool("qemu-system-x86_64")
        folder, version = kernel(args.cache)
        with tempfile.TemporaryDirectory(prefix="sekimori-vm-") as work:
            environment = {"SEKIMORI_SOURCE": SOURCE, "SEKIMORI_BUILD": args.build, "SEKIMORI_VM": "1",
                           "SEKIMORI_VM_LIST": write_list(args, work), "SEKIMORI_VM_LIMIT": args.limit,
                           "SEKIMORI_VM_MODULES": os.path.join(folder, "lib", "modules", version),
                           "HOME": "/root", "USER": "root", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
                           "TERM": "dumb", "NO_COLOR": "1",
                           "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
            if args.person:
                environment["SEKIMORI_VM_PERSON"] = "1"
                make_disk(work, 4 << 30)
            if args.shell:
                environment["SEKIMORI_VM_SHELL"] = "1"
            modules = module_files(folder, version, MODULES + (DISK_MODULES if args.person else []))
            initramfs(os.path.join(work, "initramfs"), compile_init(work), modules, environment)
            say(f"booting {version} (emulated, 2 processors, {args.memory})")
            state = boot(args, folder, version, work)
        return report(args, state)
    except CannotRun as reason:
        say(f"skipped: {reason}")
        return 77


if __name__ == "__main__":
    sys.exit(main())
