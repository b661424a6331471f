# SPDX-License-Identifier: GPL-2.0-only
"""Run a command in an emulated machine with Dune in it.

usage: dune-vm [options] -- COMMAND [ARG...]

The machine has AMD's SVM or Intel's VT-x, whatever this one has. COMMAND's
output is passed on as it comes, and its status is dune-vm's own; 124 says that
the time was up, 125 that the machine failed or that its kernel complained.
"""

import argparse
import contextlib
import dataclasses
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
import traceback

import bochs
import cache
import kernels
import qemu
import root
from kernel_log import KernelLog
from stream import Decoder

# In MiB. More makes the debug kernel slow: its search for leaks looks at every
# page, twice.
MEMORY = 1024

TIMED_OUT = 124
MACHINE_FAILED = 125

# kunit.enable: kernels with KUnit run no suites unless they are told to.
# no_timer_check: it counts loops between ticks, and on a busy host a CPU that is
# translated does too few of them.
COMMAND_LINE = ("console=ttyS0,115200 quiet panic=-1 cryptomgr.notests "
                "printk.devkmsg=on rdinit=/init "
                "kunit.enable=1 no_timer_check")


@dataclasses.dataclass
class Machine:
    """What an emulator needs to know."""
    model: str | None
    smp: int
    parallel: bool
    memory: int
    phys_bits: int | None
    image: str
    initrd: str
    command_line: str
    disk: str | None
    count: bool
    gdb: bool
    interactive: bool
    stream: str             # where the agent's frames come out
    serial: str             # the kernel's console, for when it panics
    folder: str             # for the emulator's own files
    vendor: str             # intel or amd


def parse(argv):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="dune-vm", usage="dune-vm [options] -- COMMAND [ARG...]",
        description=__doc__.split("\n\n")[0],
        epilog="Status: COMMAND's own; 124 when the time was up; 125 when the "
               "machine failed or its kernel complained; 2 for a wrong call.")
    add = parser.add_argument
    add("--cpu", choices=["amd", "intel", "amd-bochs"], default="amd",
        help="amd: SVM in QEMU (default); intel: VT-x in Bochs; "
             "amd-bochs: SVM in Bochs, a second opinion")
    add("--model", help="CPU model, by the emulator's name for it")
    add("--kernel", default="stock",
        help=f"one of {', '.join(kernels.NAMES)}, or an image (default stock)")
    add("--smp", type=int, default=1, metavar="N", help="CPUs (default 1)")
    add("--parallel", action="store_true",
        help="run the CPUs at the same time (--cpu amd only; not the default, "
             "as QEMU sometimes fails then)")
    add("--mem", type=int, metavar="MIB",
        help=f"memory (default {MEMORY})")
    add("--timeout", type=float, metavar="S",
        help="seconds until the machine is ended (default 600, none with "
             "--interactive or --gdb)")
    add("--phys-bits", type=int, metavar="N",
        help="width of physical addresses (--cpu amd only)")
    add("--append", default="", metavar="ARGS", help="more kernel arguments")
    add("--root", choices=["busybox", "debian"], default="busybox",
        help="root file system (default busybox)")
    add("--packages", default="", metavar="LIST",
        help="Debian packages, in quotes, for --root debian")
    add("--add", action="append", default=[], metavar="HOST[:GUEST]",
        help="copy a file or folder in; a program brings its libraries")
    add("--out", action="append", default=[], metavar="GUEST:HOST",
        help="bring a file or folder back")
    add("--count", action="store_true",
        help="count instructions: the same run gives the same figures")
    add("--no-module", action="store_true", help="do not load dune.ko")
    add("--interactive", action="store_true", help="a shell on the console")
    add("--gdb", action="store_true",
        help="wait for gdb on port 1234 before the first instruction")
    add("--allow-splat", action="store_true",
        help="a complaint of the kernel is no failure")
    add("--kernel-log", metavar="FILE", help="save the whole kernel log")
    add("-v", "--verbose", action="store_true",
        help="show the kernel log as it comes")
    add("--prepare", action="store_true",
        help="fetch and build what the machine needs, run nothing")
    add("--print-kdir", action="store_true",
        help="print where to build modules for the kernel")
    add("--print-image", action="store_true", help="print the kernel's image")
    add("command", nargs="*", metavar="COMMAND")
    options = parser.parse_args(argv)
    check(parser, options)
    if options.timeout is None:
        waits = options.interactive or options.gdb
        options.timeout = float("inf") if waits else 600
    return options


def check(parser, options):
    """Refuse what does not go together."""
    if options.smp < 1 or options.smp > 8:
        parser.error("--smp takes 1 to 8")
    if options.count and options.smp != 1:
        parser.error("--count needs --smp 1: two CPUs are never the same twice")
    if options.gdb and options.smp != 1 and options.cpu != "amd":
        parser.error("--gdb needs --smp 1 in Bochs")
    if options.phys_bits and options.cpu != "amd":
        parser.error("--phys-bits goes with --cpu amd only")
    if options.phys_bits and not 32 <= options.phys_bits <= 52:
        parser.error("--phys-bits takes 32 to 52")
    if options.parallel and (options.cpu != "amd" or options.count):
        parser.error("--parallel goes with --cpu amd only, without --count")
    if options.packages and options.root != "debian":
        parser.error("--packages goes with --root debian")
    if options.mem is not None and options.mem < 128:
        parser.error("--mem takes 128 or more")
    if any(":" not in spec for spec in options.out):
        parser.error("--out takes GUEST:HOST")
    if options.command and options.interactive:
        parser.error("--interactive takes no COMMAND")
    asks = options.prepare or options.print_kdir or options.print_image
    if not options.command and not options.interactive and not asks:
        parser.error("no COMMAND; put it behind --")


def emulator(options):
    """The module that knows the emulator."""
    return qemu if options.cpu == "amd" else bochs


def find_root(options):
    """Where the machine has its root, for the agent, and the files: a disk's
    image or, as part of what it starts with, an archive."""
    if options.root == "busybox":
        return "", None, None
    files = root.debian(options.packages.split())
    if options.count:       # a disk of QEMU's takes as long as the host does
        return "memory", None, f"{files}/disk.cpio"
    return emulator(options).disk_device(), f"{files}/disk.img", None


def build_machine(options, folder):
    """Make everything that the machine consists of."""
    kernel = kernels.get(options.kernel)
    place, disk, archive = find_root(options)
    memory = MEMORY
    if archive:
        memory += 2 * (os.path.getsize(archive) >> 20)
    initrd = os.path.join(folder, "initrd")
    with_module = not options.no_module and kernel.kdir is not None
    if not kernel.kdir:
        cache.say(f"no module is built for {kernel.image}")
    settings = {"root": place, "module": int(with_module),
                "interactive": int(options.interactive),
                "leak_check": int(kernel.debug and not options.allow_splat),
                "out": " ".join(spec.split(":", 1)[0].lstrip("/")
                                for spec in options.out)}
    root.assemble(initrd, kernel, settings, options.command, options.add,
                  archive)
    command_line = COMMAND_LINE
    if options.count or options.gdb:
        command_line += " nokaslr"
    return Machine(model=options.model, smp=options.smp,
                   parallel=options.parallel,
                   memory=options.mem or memory,
                   phys_bits=options.phys_bits, image=kernel.image,
                   initrd=initrd, command_line=f"{command_line} {options.append}",
                   disk=disk, count=options.count, gdb=options.gdb,
                   interactive=options.interactive,
                   stream=os.path.join(folder, "stream"),
                   serial=os.path.join(folder, "serial"), folder=folder,
                   vendor="intel" if options.cpu == "intel" else "amd")


@contextlib.contextmanager
def same_terminal():
    """Leave the terminal as it was, whatever an emulator makes of it."""
    if not sys.stdin.isatty():
        yield
        return
    settings = termios.tcgetattr(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, settings)


class Session:
    """One run of a machine: takes the frames until the end."""

    def __init__(self, options):
        self.options = options
        self.log = KernelLog()
        self.decoder = Decoder()
        self.status = None
        self.archive = b""

    def take(self, data):
        """Act on a piece of the stream."""
        for kind, payload in self.decoder.feed(data):
            if kind == "o":
                sys.stdout.buffer.write(payload)
                sys.stdout.buffer.flush()
            elif kind == "e":
                sys.stderr.buffer.write(payload)
                sys.stderr.buffer.flush()
            elif kind == "k":
                lines = self.log.add(payload)
                if self.options.verbose:
                    print("\n".join(lines), file=sys.stderr)
            elif kind == "n":
                cache.say(payload.decode(errors="replace"))
            elif kind == "f":
                self.archive += payload
            elif kind == "x":
                self.status = int(payload)

    def run(self, machine):
        """Start the emulator and listen; returns False when time was up."""
        os.mkfifo(machine.stream)
        # both ends: the emulator's opening and closing must not block us
        stream = os.open(machine.stream, os.O_RDWR | os.O_NONBLOCK)
        argv, environment = emulator(self.options).command(machine)
        if machine.gdb:
            cache.say("waiting for gdb: target remote localhost:1234")
        console = None if machine.interactive else subprocess.DEVNULL
        process = subprocess.Popen(argv, env=environment, cwd=machine.folder,
                                   stdin=console, stdout=console,
                                   stderr=subprocess.PIPE)
        try:
            with same_terminal():
                return self.listen(process, stream)
        finally:
            process.kill()
            process.wait()
            os.close(stream)

    def listen(self, process, stream):
        """Pass frames on until the emulator ends."""
        end = time.monotonic() + self.options.timeout
        sources = [stream, process.stderr.fileno()]
        said = b""
        while True:
            ended = process.poll() is not None
            ready = select.select(sources, [], [], 0 if ended else 0.2)[0]
            for source in ready:
                data = os.read(source, 1 << 18)
                if source == stream:
                    self.take(data)
                else:
                    said = (said + data)[-4000:]
                    if not data:
                        sources.remove(source)
            if ended and not ready:
                break
            if time.monotonic() > end and not ended:
                return False
        if self.status is None and said:
            cache.say(f"the emulator said: {said.decode(errors='replace')}")
        return True

    def save_files(self):
        """Put what --out asked for where it was asked for."""
        if not self.options.out:
            return
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["tar", "-xf", "-", "-C", folder], check=False,
                           input=self.archive)
            for spec in self.options.out:
                guest, host = spec.split(":", 1)
                source = os.path.join(folder, guest.lstrip("/"))
                if os.path.isdir(source):
                    shutil.copytree(source, host, dirs_exist_ok=True)
                elif os.path.exists(source):
                    shutil.copy(source, host)


def show(lines):
    """Print log lines to standard error."""
    for line in lines:
        print(f"    {line}", file=sys.stderr)


def verdict(session, machine, in_time):
    """What dune-vm's own status is, and why."""
    complained = session.log.splats and not session.options.allow_splat
    if complained:
        cache.say("the kernel complained:")
        show(session.log.splat_report())
    if not in_time:
        cache.say(f"the time was up after {session.options.timeout:g} s; "
                  "the kernel log ends:")
        show(session.log.tail())
        show_console(machine)
        return TIMED_OUT
    if session.status is None:
        cache.say("the machine failed" +
                  ("; the kernel log ends:" if session.log.lines else ""))
        show(session.log.tail())
        show_console(machine)
        return MACHINE_FAILED
    if session.status == MACHINE_FAILED:
        show(session.log.tail())
    if complained:
        return session.status or MACHINE_FAILED
    return session.status


def show_console(machine):
    """The last words on the serial console."""
    if os.path.exists(machine.serial):
        with open(machine.serial, errors="replace") as file:
            show(line.rstrip() for line in file.readlines()[-60:])


def answer(options):
    """What only asks for a path, or prepares: True if that was it."""
    if options.print_kdir:
        print(kernels.get(options.kernel).kdir)
    elif options.print_image:
        print(kernels.get(options.kernel).image)
    elif options.prepare:
        emulator(options).prepare(options.gdb)
        kernels.get(options.kernel)
        if options.root == "debian":
            root.debian(options.packages.split())
    else:
        return False
    return True


def main():
    options = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if answer(options):
            return 0
        with tempfile.TemporaryDirectory(prefix="dune-vm-") as folder:
            machine = build_machine(options, folder)
            session = Session(options)
            in_time = session.run(machine)
            session.save_files()
            if options.kernel_log:
                with open(options.kernel_log, "w") as file:
                    file.writelines(line + "\n" for line in session.log.lines)
            return verdict(session, machine, in_time)
    except cache.MachineError as error:
        cache.say(str(error))
        return MACHINE_FAILED
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # whoever read our output has seen enough; what is left of it goes
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 128 + signal.SIGPIPE
    except Exception:   # whatever it is, it must not look like COMMAND's status
        traceback.print_exc()
        return MACHINE_FAILED


if __name__ == "__main__":
    sys.exit(main())
