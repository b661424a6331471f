# SPDX-License-Identifier: GPL-2.0-only
"""AMD machines: QEMU's own translator, which has SVM and nested paging."""

import glob
import os

import cache
import packages

DEFAULT_MODEL = "max,la57=off"

# One instruction takes one virtual nanosecond, and nothing comes from
# outside: two runs are the same to the last instruction. Recording, which
# nobody reads, keeps QEMU's other thread from setting the clock ahead while the
# CPU is on its way to sleep: what it had done until then came on top.
COUNT_OPTIONS = ["-icount", "shift=0,sleep=off,rr=record,rrfile=/dev/null",
                 "-rtc", "base=2026-01-01T00:00:00,clock=vm"]
COUNT_MODEL = ",-rdrand,-rdseed"

# With a thread of the host for each CPU, one that is in a guest of SVM sometimes
# goes on with the host's registers, or with page tables that it does not find:
# when all CPUs throw their translated code away, which a full buffer makes them
# do. One thread for all has not got this, nor races that only two CPUs at the
# same moment have.
ACCELERATOR = "tcg,thread=single"
PARALLEL = "tcg,thread=multi,tb-size=2047"


def _fetch(folder):
    packages.unpack_with_libraries("bookworm-backports",
                                   ["qemu-system-x86", "qemu-system-common",
                                    "qemu-system-data", "seabios"], folder)


def _backport():
    """QEMU 10 of Debian's backports, unpacked: (program, environment, dirs)."""
    if cache.only_packaged():
        raise cache.MachineError("DUNE_VM_PACKAGED is set")
    folder = cache.build_once("emulators/qemu-backport", _fetch,
                              "fetching QEMU from Debian's backports")
    libraries = glob.glob(f"{folder}/**/x86_64-linux-gnu", recursive=True)
    shares = [path for path in (f"{folder}/usr/share/qemu",
                                f"{folder}/usr/share/seabios",
                                "/usr/share/qemu", "/usr/share/seabios")
              if os.path.isdir(path)]
    environment = dict(os.environ, LD_LIBRARY_PATH=":".join(libraries))
    return f"{folder}/usr/bin/qemu-system-x86_64", environment, shares


def _program():
    try:
        return _backport()
    except cache.MachineError as error:
        cache.say(f"QEMU of Debian's backports cannot be had ({error})")
        cache.say("warning: using QEMU 7.2 of Debian 12, whose SVM delivers "
                  "some events late and checks VMRUN's state poorly")
        return "qemu-system-x86_64", dict(os.environ), []


def prepare(_gdb):
    """Fetch what is needed."""
    _program()


def command(machine):
    """How to start the machine: (argv, environment)."""
    program, environment, shares = _program()
    model = machine.model or DEFAULT_MODEL
    if machine.phys_bits:
        model += f",phys-bits={machine.phys_bits}"
    if machine.count:
        model += COUNT_MODEL
    accelerator = PARALLEL if machine.parallel else ACCELERATOR
    argv = [program, "-accel", accelerator, "-M", "pc", "-cpu", model,
            "-smp", str(machine.smp), "-m", str(machine.memory),
            "-nodefaults", "-no-user-config", "-display", "none",
            "-no-reboot", "-kernel", machine.image,
            "-initrd", machine.initrd, "-append", machine.command_line,
            "-chardev", f"file,id=stream,path={machine.stream}",
            "-device", "isa-debugcon,iobase=0xe9,chardev=stream",
            "-device", "isa-debug-exit,iobase=0xf4"]
    for share in shares:
        argv += ["-L", share]
    if machine.interactive:
        argv += ["-serial", "mon:stdio"]
    else:
        argv += ["-serial", f"file:{machine.serial}"]
    if machine.disk:
        argv += ["-drive", f"file={machine.disk},format=raw,if=virtio,"
                 "snapshot=on"]
    if machine.count:
        argv += COUNT_OPTIONS
    if machine.gdb:
        argv += ["-s", "-S"]
    return argv, environment


def disk_device():
    """What the machine calls its disk."""
    return "vda"
