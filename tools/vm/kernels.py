# SPDX-License-Identifier: GPL-2.0-only
"""The kernels that a machine can boot, each with what modules need to build."""

import dataclasses
import glob
import os
import re
import subprocess

import cache
import packages

HERE = os.path.dirname(os.path.realpath(__file__))

# Debian's own kernels: where they are, and their version.
STOCK = {
    "stock": ("bookworm", "6.1"),
    "stock-6.12": ("bookworm-backports", "6.12"),
}

# The same, but their modules need a newer compiler than Debian 12 has.
SID = {
    "stock-7.2": ("sid", "7.2"),
}

# Built from linux-source, by tools/vm/build-kernel.
BUILT = {
    "lean": ["lean.config"],
    "debug": ["lean.config", "debug.config"],
}

NAMES = [*STOCK, *SID, *BUILT]

# Modules of a stock kernel that a machine or a test needs.
MODULES = ["ata_piix", "sd_mod", "virtio_pci", "virtio_blk", "ext4", "msr",
           "kvm_intel", "kvm_amd", "loop"]


@dataclasses.dataclass
class Kernel:
    """A kernel to boot."""
    name: str
    image: str
    kdir: str | None        # what to build modules against
    modules: str | None     # a folder with lib/modules
    debug: bool = False


def _one(pattern):
    found = sorted(glob.glob(pattern))
    if not found:
        raise cache.MachineError(f"nothing matches {pattern}")
    return found[-1]


def _versioned(suite, version, kind):
    """The package that a metapackage stands for now."""
    for name in packages.dependencies(suite, f"linux-{kind}-cloud-amd64"):
        if name.startswith(f"linux-{kind}-{version}."):
            return name
    raise cache.MachineError(f"{suite} has no cloud kernel {version}")


def _fix_headers(folder):
    """Make the headers work from where they are: they name their home."""
    for makefile in glob.glob(f"{folder}/usr/src/linux-headers-*/Makefile"):
        with open(makefile) as file:
            text = file.read()
        with open(makefile, "w") as file:
            file.write(re.sub(r"^include /usr/src", f"include {folder}/usr/src",
                              text, flags=re.MULTILINE))


def _copy_modules(folder, target):
    """Copy just the modules that are of use here, and index them."""
    tree = _one(f"{folder}/lib/modules/*")
    version = os.path.basename(tree)
    said = subprocess.run(["modprobe", "-d", folder, "-S", version,
                           "--show-depends", "-a", *MODULES],
                          text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout
    wanted = set(re.findall(r"^insmod (\S+)", said, re.MULTILINE))
    for module in wanted:
        copy = os.path.join(target, os.path.relpath(module, folder))
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        cache.shutil.copy(module, copy)
    for name in ("modules.builtin", "modules.order"):
        cache.shutil.copy(os.path.join(tree, name),
                          os.path.join(target, "lib/modules", version, name))
    cache.run(["depmod", "-b", target, version])


def _guest_modules(folder):
    """The folder with the modules that MODULES names, made if it is not there."""
    target = f"{folder}/guest-{cache.key(*MODULES)}"
    with cache.lock(f"modules-{os.path.basename(folder)}"):
        if not os.path.exists(target):
            cache.shutil.rmtree(f"{target}.partial", ignore_errors=True)
            _copy_modules(folder, f"{target}.partial")
            os.rename(f"{target}.partial", target)
    return target


def _unpack_stock(name, folder):
    suite, version = STOCK[name]
    image = _versioned(suite, version, "image")
    headers = _versioned(suite, version, "headers")
    parts = [part for part in packages.dependencies(suite, headers)
             if part.startswith(("linux-headers-", "linux-kbuild-"))]
    packages.unpack(suite, [image, headers, *parts], folder)
    cache.run(["depmod", "-b", folder,
               os.path.basename(_one(f"{folder}/lib/modules/*"))])


def _stock(name):
    folder = cache.build_once(f"kernels/{name}-{cache.key(*STOCK[name])}",
                              lambda partial: _unpack_stock(name, partial),
                              f"fetching Debian's kernel ({name})")
    _fix_headers_once(folder)
    return Kernel(name, _one(f"{folder}/boot/vmlinuz-*"),
                  _one(f"{folder}/usr/src/linux-headers-*-amd64"),
                  _guest_modules(folder))


def _unpack_sid(name, folder):
    """Unpack the kernel and make a small system that can build for it."""
    suite, version = SID[name]
    release = _versioned(suite, version, "image").removeprefix("linux-image-")
    os.makedirs(os.path.join(folder, "usr/lib"))
    os.symlink("usr/lib", os.path.join(folder, "lib"))
    packages.unpack(suite, [f"linux-{part}-{release}"
                            for part in ("base", "binary", "modules")], folder)
    cache.run(["depmod", "-b", folder, release])

    kdir = os.path.join(folder, "kdir")
    root = os.path.join(kdir, "root")
    cache.shutil.copytree(os.path.join(HERE, "sid"), kdir)
    cache.run(["debootstrap", "--variant=minbase", "--include=make,sparse",
               suite, root, packages.MIRROR])
    cache.run(["chroot", root, "apt-get", "-q", "install", "-y",
               "--no-install-recommends", f"linux-headers-{release}"])
    cache.run(["chroot", root, "apt-get", "clean"])
    checker = _one(f"{root}/usr/src/linux-headers-*-common/scripts") + \
        "/checker-valid.sh"
    if not os.path.exists(checker):
        cache.shutil.copy(f"{kdir}/checker-valid.sh", checker)
    with open(os.path.join(kdir, "headers"), "w") as file:
        file.write(f"/usr/src/linux-headers-{release}\n")


def _sid(name):
    parts = sorted(glob.glob(os.path.join(HERE, "sid", "*")))
    folder = cache.build_once(f"kernels/{name}-{cache.key(*SID[name], *parts)}",
                              lambda partial: _unpack_sid(name, partial),
                              f"fetching Debian's kernel ({name}) and a system "
                              "that can build for it (2 minutes)")
    return Kernel(name, _one(f"{folder}/usr/lib/modules/*/vmlinuz"),
                  f"{folder}/kdir", _guest_modules(folder))


def _fix_headers_once(folder):
    # Only the final name of the folder can be written into its files.
    mark = os.path.join(folder, "headers-fixed")
    with cache.lock(f"headers-{os.path.basename(folder)}"):
        if not os.path.exists(mark):
            _fix_headers(folder)
            with open(mark, "w"):
                pass


def _built(name):
    script = os.path.join(HERE, "build-kernel")
    fragments = [os.path.join(HERE, "kernels", file) for file in BUILT[name]]
    source = subprocess.run([os.path.join(HERE, "..", "kernel-source")],
                            check=True, text=True,
                            stdout=subprocess.PIPE).stdout.strip()
    entry = f"kernels/{name}-{cache.key(source, script, *fragments)}"
    # Kbuild's output names its own folder: it is built where it stays.
    folder = cache.path(entry)
    with cache.lock(entry):
        if not os.path.exists(os.path.join(folder, "complete")):
            os.makedirs(folder, exist_ok=True)
            with cache.heartbeat(f"building the {name} kernel (5 to 10 minutes)"):
                cache.run([script, name, folder])
            with open(os.path.join(folder, "complete"), "w"):
                pass
    return Kernel(name, f"{folder}/vmlinuz", f"{folder}/build",
                  f"{folder}/modules", debug=name == "debug")


def get(name):
    """The kernel of this name or, for a path, that image without modules."""
    if name in STOCK:
        return _stock(name)
    if name in SID:
        return _sid(name)
    if name in BUILT:
        return _built(name)
    if os.path.isfile(name):
        return Kernel(os.path.basename(name), os.path.realpath(name), None, None)
    raise cache.MachineError(f"no kernel '{name}': it is none of "
                             f"{', '.join(NAMES)} and not a file")
