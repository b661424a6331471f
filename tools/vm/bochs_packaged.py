# SPDX-License-Identifier: GPL-2.0-only
"""Debian 12's own Bochs 2.7, for when ours cannot be built.

It cannot put files into memory, so the kernel comes from a CD.
"""

import os
import subprocess

import cache

PACKAGES = ["bochs", "bochs-term", "bochsbios", "vgabios", "isolinux",
            "syslinux-common", "xorriso"]

DEFAULT_MODEL = {"intel": "corei7_haswell_4770", "amd": "zambezi"}

FAULTS = """\
warning: using Bochs 2.7 of Debian 12. It is slow; no interrupt ends a guest
    entered with RFLAGS.IF clear; the newer Intel models have no XSAVE and no
    AVX and the AMD model ryzen hangs; a panic shows as the time being up."""

ISOLINUX = """\
SERIAL 0 115200
DEFAULT linux
PROMPT 0
LABEL linux
KERNEL /vmlinuz
APPEND initrd=/initrd {}
"""


def _install():
    cache.run(["apt-get", "-q", "-o", "DPkg::Lock::Timeout=600", "install",
               "-y", "--no-install-recommends", *PACKAGES])


def _boot_disc(machine):
    """Make the CD; returns its path."""
    tree = os.path.join(machine.folder, "disc")
    disc = os.path.join(machine.folder, "disc.iso")
    os.mkdir(tree)
    os.symlink(machine.image, os.path.join(tree, "vmlinuz"))
    os.symlink(machine.initrd, os.path.join(tree, "initrd"))
    os.symlink("/usr/lib/ISOLINUX/isolinux.bin",
               os.path.join(tree, "isolinux.bin"))
    os.symlink("/usr/lib/syslinux/modules/bios/ldlinux.c32",
               os.path.join(tree, "ldlinux.c32"))
    # Bochs would boot again and again otherwise.
    arguments = machine.command_line.replace("panic=-1", "panic=0")
    with open(os.path.join(tree, "isolinux.cfg"), "w") as file:
        file.write(ISOLINUX.format(arguments))
    # The boot loader is changed in place, so links are followed by copying.
    cache.run(["xorriso", "-as", "mkisofs", "-quiet", "-follow-links",
               "-o", disc, "-b", "isolinux.bin", "-c", "boot.cat",
               "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table",
               tree])
    return disc


def command(machine, common):
    """How to start the machine, with these lines of configuration:
    (argv, environment)."""
    if machine.count or machine.gdb:
        raise cache.MachineError("Bochs 2.7 knows neither --count nor --gdb")
    cache.say(FAULTS)
    _install()
    lines = common + [
        "display_library: rfb, options=\"timeout=0\"",
        "romimage: file=/usr/share/bochs/BIOS-bochs-latest",
        "vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest",
        f"ata1-master: type=cdrom, path={_boot_disc(machine)}, status=inserted",
        "boot: cdrom",
    ]
    configuration = os.path.join(machine.folder, "bochsrc")
    with open(configuration, "w") as file:
        file.write("\n".join(lines) + "\n")
    orders = os.path.join(machine.folder, "orders")
    with open(orders, "w") as file:
        file.write("c\n")       # its debugger waits for one
    return ["bochs-bin", "-q", "-f", configuration, "-rc", orders], \
        dict(os.environ)
