# SPDX-License-Identifier: GPL-2.0-only
"""Intel machines (and AMD ones, for a second opinion): Bochs."""

import glob
import os
import struct
import sys
import time

import bochs_packaged
import cache

HERE = os.path.dirname(os.path.realpath(__file__))

DEFAULT_MODEL = {"intel": "corei7_haswell_4770", "amd": "ryzen"}

# The kernel believes that REP MOVSB is fast for short copies (FSRM) and not
# for long ones (ERMS), as Bochs has no IA32_MISC_ENABLE; its memmove() then
# never ends.
NO_FSRM = ["icelake", "tigerlake", "sapphire_rapids", "arrow_lake"]

# guest/ramboot.S knows these too.
ZERO_PAGE = 0x00f00000
KERNEL = 0x01000000

# The BIOS keeps ACPI tables at the end of memory.
TOP_RESERVE = 2 << 20

# Bochs takes no more from the host; the rest of a larger machine's memory is
# in a temporary file, as far as it is used.
MOST_HOST_MEMORY = 2048

# Between here and 4 GiB there are devices; for Bochs that counts as memory.
HOLE = 3072
HOLE_SIZE = 1024

# Instructions a second of the emulated clock; what a plain machine reaches.
IPS = 100000000

# With --count, as in QEMU then: the clock's interrupts come seldom enough not
# to be in most of what is counted.
COUNT_IPS = 1000000000

# Where --count begins: time is part of what must not differ.
COUNT_TIME = 1767225600


def _build(gdb):
    script = os.path.join(HERE, "build-bochs")
    inputs = [script, os.path.join(HERE, "guest", "ramboot.S"),
              *sorted(glob.glob(os.path.join(HERE, "patches", "*.patch")))]
    if gdb:
        inputs += sorted(glob.glob(os.path.join(HERE, "patches/gdb/*.patch")))
    name = f"emulators/bochs{'-gdb' if gdb else ''}-{cache.key(*inputs)}"
    argv = [script] + (["--gdb"] if gdb else [])
    return cache.build_once(name, lambda folder: cache.run(argv + [folder]),
                            "building Bochs 3.0 (2 minutes)")


def _find(gdb):
    if cache.only_packaged():
        raise cache.MachineError("DUNE_VM_PACKAGED is set")
    return _build(gdb)


def prepare(gdb):
    """Build what is needed."""
    _find(gdb)


def _split_kernel(image):
    """A bzImage's setup header and its protected-mode part."""
    with open(image, "rb") as file:
        data = file.read()
    if data[0x202:0x206] != b"HdrS":
        raise cache.MachineError(f"{image} is no Linux kernel (bzImage)")
    setup = ((data[0x1f1] or 4) + 1) * 512
    return data[0x1f1:0x202 + data[0x201]], data[setup:]


def _place(machine):
    """Write what goes into memory; returns [(file, address)].

    Documentation/x86/boot.rst and zero-page.rst give the offsets.
    """
    header, kernel = _split_kernel(machine.image)
    size = os.path.getsize(machine.initrd)
    # below 1 GiB where it fits, so that a page of 1 GiB above is in one piece
    highest = 0x3fffffff if size < 512 << 20 else 0x7fffffff
    initrd = min((machine.memory << 20) - TOP_RESERVE, highest) - size & ~0xfff
    if initrd < KERNEL + (96 << 20):
        raise cache.MachineError(
            f"{machine.memory} MiB are too little for a file system of "
            f"{size >> 20} MiB, use --mem")

    page = bytearray(4096)
    page[0x1f1:0x1f1 + len(header)] = header
    page[0x210] = 0xff                                  # type_of_loader
    struct.pack_into("<II", page, 0x218, initrd, size)  # ramdisk_image, _size
    struct.pack_into("<I", page, 0x228, ZERO_PAGE + len(page))  # cmd_line_ptr
    page += machine.command_line.encode() + b"\0"

    files = []
    for name, data, address in (("kernel", kernel, KERNEL),
                                ("zero-page", page, ZERO_PAGE)):
        path = os.path.join(machine.folder, name)
        with open(path, "wb") as file:
            file.write(data)
        files.append((path, address))
    return files + [(machine.initrd, initrd)]


def _console(machine):
    if not machine.interactive:
        return f"com1: enabled=1, mode=file, dev={machine.serial}"
    if not sys.stdin.isatty():
        raise cache.MachineError("--interactive needs a terminal")
    return f"com1: enabled=1, mode=term, dev={os.ttyname(0)}"


def _common(machine, model):
    """The configuration that does not depend on how the kernel gets in."""
    extent = machine.memory + (HOLE_SIZE if machine.memory > HOLE else 0)
    excluded = ', exclude_features="rdrand, rdseed"' if machine.count else ""
    lines = [
        f"memory: guest={extent}, host={min(extent, MOST_HOST_MEMORY)}",
        f"cpu: model={model}, count={machine.smp}, "
        f"ips={COUNT_IPS if machine.count else IPS}, "
        f"reset_on_triple_fault=0{excluded}",
        "clock: sync=none, rtc_sync=0, "
        f"time0={COUNT_TIME if machine.count else int(time.time())}",
        "port_e9_hack: enabled=1",
        _console(machine),
        f"log: {machine.folder}/bochs.log",
        "panic: action=fatal",
        "error: action=report",
        "info: action=ignore",
        "debug: action=ignore",
    ]
    if machine.disk:
        lines.append(f"ata0-master: type=disk, path={machine.disk}, "
                     f"mode=volatile, journal={machine.folder}/journal")
    if machine.gdb:
        lines.append("gdbstub: enabled=1, port=1234, text_base=0, "
                     "data_base=0, bss_base=0")
    return lines


def _own(machine, folder, common):
    """How to start the machine in our own build: (argv, environment)."""
    lines = common + [
        "display_library: nogui",
        f"romimage: file={folder}/BIOS",
        f"vgaromimage: file={folder}/VGABIOS",
        f"optromimage1: file={folder}/ramboot.rom, address=0xd0000",
    ]
    for number, (path, address) in enumerate(_place(machine), 1):
        lines.append(f"optramimage{number}: file={path}, address={address:#x}")
    configuration = os.path.join(machine.folder, "bochsrc")
    with open(configuration, "w") as file:
        file.write("\n".join(lines) + "\n")
    return [f"{folder}/bochs", "-q", "-f", configuration], dict(os.environ)


def _quirks(machine, model):
    if any(name in model for name in NO_FSRM):
        machine.command_line += " clearcpuid=fsrm"


def command(machine):
    """How to start the machine: (argv, environment)."""
    try:
        folder = _find(machine.gdb)
    except cache.MachineError as error:
        cache.say(f"our own Bochs cannot be had: {error}")
        folder = None
    defaults = DEFAULT_MODEL if folder else bochs_packaged.DEFAULT_MODEL
    model = machine.model or defaults[machine.vendor]
    _quirks(machine, model)
    common = _common(machine, model)
    argv, environment = _own(machine, folder, common) if folder else \
        bochs_packaged.command(machine, common)
    # Port 0xe9 comes out as standard output, after Bochs's own five lines of
    # greeting, which are no frames; the rest of what it says goes elsewhere.
    return ["sh", "-c", 'out=$1; shift; exec "$@" >"$out"', "bochs",
            machine.stream, *argv], environment


def disk_device():
    """What the machine calls its disk."""
    return "sda"
