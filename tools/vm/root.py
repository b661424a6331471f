# SPDX-License-Identifier: GPL-2.0-only
"""Root file systems: what is in the machine when it starts."""

import os
import shutil
import subprocess

import cache
import packages
import project

HERE = os.path.dirname(os.path.realpath(__file__))

# Where the agent has a disk's files; it knows that too.
DISK = "root.disk"

# Debian's own, which are dynamically linked, where all others are busybox.
PROGRAMS = ("/bin/cat", "/bin/dash", "/bin/true", "/usr/bin/env",
            "/usr/bin/head", "/usr/bin/sort", "/usr/bin/tr")

# The date of every file that a machine starts with.
FILE_TIME = "2026-01-01 00:00:00 UTC"


def inside(tree, guest):
    """Where a path of the machine is in a folder that becomes its root.

    /bin, /lib and the like are links into /usr, in Debian and so in the small
    root too; an archive that has them as folders would replace the links.
    """
    first, _, rest = guest.lstrip("/").partition("/")
    if first in ("bin", "sbin", "lib", "lib64") and rest:
        return os.path.join(tree, "usr", first, rest)
    return os.path.join(tree, guest.lstrip("/"))


def _is_elf(file):
    if not os.path.isfile(file):
        return False
    with open(file, "rb") as start:
        return start.read(4) == b"\x7fELF"


def _copy_file(source, target):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.lexists(target):
        os.unlink(target)       # or its target would be overwritten
    shutil.copy2(source, target)


def _files_below(tree):
    for folder, _, names in os.walk(tree):
        for name in names:
            yield os.path.join(folder, name)


def _add_libraries(tree, elf_files, search):
    """Put every library these programs need where the loader looks."""
    environment = dict(os.environ, LD_LIBRARY_PATH=search)
    for file in elf_files:
        said = subprocess.run(["ldd", file], text=True, env=environment,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout
        for word in said.split():
            target = inside(tree, word)
            if word.startswith("/") and not word.startswith(tree) and \
               not os.path.exists(target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy2(os.path.realpath(word), target)


def add(tree, spec):
    """Copy HOST[:GUEST] in; a program brings its libraries."""
    source, _, guest = spec.partition(":")
    guest = guest or os.path.abspath(source)
    if not os.path.exists(source):
        raise cache.MachineError(f"--add {source}: no such file")
    target = inside(tree, guest)
    if os.path.isdir(source):
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        files = list(_files_below(target))
    else:
        if guest.endswith("/"):
            target = os.path.join(target, os.path.basename(source))
        _copy_file(os.path.realpath(source), target)
        files = [target]
    _add_libraries(tree, [file for file in files if _is_elf(file)], "")


def _archive(tree, target):
    """Write a folder as a cpio archive, which the kernel unpacks at boot.

    The same files make the same bytes: how long the kernel takes over them
    depends on every one, dates too, and --count shows it.
    """
    cache.run(["sh", "-c", 'cd "$1" && find . -exec touch -h -d "$3" {} + && '
               'find . -print0 | LC_ALL=C sort -z | '
               'cpio -0 -o -H newc --quiet -R 0:0 --reproducible >"$2"',
               "cpio", tree, target, FILE_TIME])


def _build_busybox(folder):
    tree = os.path.join(folder, "tree")
    for name in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "dev", "proc",
                 "sys", "tmp", "run", "root", "etc", "var/tmp", "mnt"):
        os.makedirs(os.path.join(tree, name))
    for name in ("bin", "sbin", "lib", "lib64"):
        os.symlink(f"usr/{name}", os.path.join(tree, name))
    shutil.copy2("/bin/busybox", os.path.join(tree, "bin/busybox"))
    applets = subprocess.run(["/bin/busybox", "--list"], text=True, check=True,
                             stdout=subprocess.PIPE).stdout.split()
    for applet in applets:
        if applet != "busybox":
            os.symlink("busybox", os.path.join(tree, "bin", applet))
    # The tests' runner limits its tests' time by options busybox has not, and
    # busybox's insmod tries twice.
    for program in ("/usr/bin/timeout", "/sbin/ldconfig", "/bin/kmod"):
        add(tree, program)
    os.symlink("../bin/kmod", os.path.join(tree, "usr/sbin/insmod"))
    for name, text in (("passwd", "root:x:0:0:root:/root:/bin/sh\n"
                        "nobody:x:65534:65534:nobody:/:/bin/false\n"),
                       ("group", "root:x:0:\nnogroup:x:65534:\n"),
                       ("hosts", "127.0.0.1 localhost\n"),
                       ("nsswitch.conf", "passwd: files\nhosts: files\n")):
        with open(os.path.join(tree, "etc", name), "w") as file:
            file.write(text)
    cache.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s",
               "-o", os.path.join(tree, "init"),
               os.path.join(HERE, "guest", "agent.c")])
    _archive(tree, os.path.join(folder, "root.cpio"))
    shutil.rmtree(tree)


def busybox():
    """The archive with the agent and busybox, with which every machine starts."""
    key = cache.key(os.path.join(HERE, "guest", "agent.c"), __file__,
                    "/bin/busybox")
    return os.path.join(
        cache.build_once(f"roots/busybox-{key}", _build_busybox,
                         "making the small root file system"), "root.cpio")


def _build_debian_base(folder):
    cache.run(["debootstrap", "--variant=minbase", "bookworm",
               os.path.join(folder, "tree"), packages.MIRROR])


def _install(tree, names):
    """Install packages in a folder with a Debian in it."""
    rule = os.path.join(tree, "usr/sbin/policy-rc.d")
    with open(rule, "w") as file:
        file.write("#!/bin/sh\nexit 101\n")    # start no daemons here
    os.chmod(rule, 0o755)
    cache.run(["chroot", tree, "env", "DEBIAN_FRONTEND=noninteractive",
               "apt-get", "-q", "install", "-y", "--no-install-recommends",
               *names])
    cache.run(["chroot", tree, "apt-get", "clean"])
    os.unlink(rule)


def _name_hosts(tree):
    """There is no network; who asks for other machines is told so at once."""
    for name, text in (("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
                       ("resolv.conf", "")):
        with open(os.path.join(tree, "etc", name), "w") as file:
            file.write(text)


def _build_debian(folder, names):
    base = cache.build_once("roots/debian-base", _build_debian_base,
                            "installing Debian (a minute or more)")
    stage = os.path.join(folder, "stage")
    tree = os.path.join(stage, DISK)
    os.mkdir(stage)
    cache.run(["cp", "-a", os.path.join(base, "tree"), tree])
    if names:
        _install(tree, names)
    _name_hosts(tree)
    size = int(subprocess.run(["du", "-sm", tree], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.split()[0])
    cache.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", tree,
               os.path.join(folder, "disk.img"), f"{size * 5 // 4 + 512}M"])
    _archive(stage, os.path.join(folder, "disk.cpio"))
    shutil.rmtree(stage)


def debian(names):
    """A Debian user land with these packages: disk.img, a disk image, and
    disk.cpio, the same as part of the archive that a machine starts with."""
    names = sorted(set(names))
    return cache.build_once(
        f"roots/debian-{cache.key('apt', __file__, *names)}",
        lambda folder: _build_debian(folder, names),
        f"making a disk with {' '.join(names) or 'nothing more'}")


def assemble(target, kernel, options, command, added, disk_archive):
    """Write the archive a machine starts with.

    The agent and busybox come first, then what changes: the project, the
    kernel's modules, what the person added, what to do.
    """
    tree = target + ".tree"
    os.makedirs(os.path.join(tree, "dune-vm"))
    on_disk = bool(options["root"])
    place = os.path.join(tree, "dune-vm/project") if on_disk else tree
    project.install_user_land(place)
    project.install_modules(kernel, os.path.join(place, "usr/lib/dune"))
    if not on_disk:
        for program in PROGRAMS:
            add(place, f"{program}:/usr/local/bin/{os.path.basename(program)}")
    for spec in added:
        add(place, spec)
    if not on_disk:
        elf = [file for file in _files_below(tree) if _is_elf(file)]
        _add_libraries(tree, elf, os.path.join(place, "usr/lib"))
    if kernel.modules:
        shutil.copytree(os.path.join(kernel.modules, "lib/modules"),
                        os.path.join(tree, "usr/lib/modules"), symlinks=True,
                        ignore=shutil.ignore_patterns("build", "source"))
    with open(os.path.join(tree, "dune-vm/options"), "w") as file:
        for name, value in options.items():
            file.write(f"{name}={value}\n")
    with open(os.path.join(tree, "dune-vm/command"), "w") as file:
        file.write("".join(word + "\0" for word in command))
    _archive(tree, target + ".part")
    shutil.rmtree(tree)
    with open(target, "wb") as whole:
        for part in (busybox(), disk_archive, target + ".part"):
            if not part:
                continue
            with open(part, "rb") as file:
                shutil.copyfileobj(file, whole)
    os.unlink(target + ".part")
