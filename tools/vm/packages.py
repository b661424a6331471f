# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages that are used without being installed.

They come through apt with lists and state of our own, from the release asked
for, and are unpacked in the cache; the machine's own apt is not touched.
"""

import glob
import os
import re
import subprocess

import cache

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"

SUITES = {
    "bookworm": [(MIRROR, "bookworm"), (SECURITY, "bookworm-security")],
    "bookworm-backports": [(MIRROR, "bookworm"),
                           (SECURITY, "bookworm-security"),
                           (MIRROR, "bookworm-backports")],
    "sid": [(MIRROR, "sid")],
}


def _apt_options(suite, status):
    state = cache.path("apt", suite, "state")
    os.makedirs(os.path.join(state, "lists", "partial"), exist_ok=True)
    archives = cache.path("apt", suite, "cache", "archives")
    os.makedirs(os.path.join(archives, "partial"), exist_ok=True)
    sources = cache.path("apt", suite, "sources.list")
    with open(sources, "w") as file:
        for url, name in SUITES[suite]:
            file.write(f"deb [signed-by={KEYRING}] {url} {name} main\n")
    nothing = cache.path("apt", suite, "nothing", "")
    options = {
        "Dir::State": state,
        "Dir::State::status": status,
        "Dir::Cache": os.path.dirname(archives),
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": nothing,
        "Dir::Etc::preferencesparts": nothing,
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "false",
        "Debug::NoLocking": "true",
    }
    if suite.endswith("-backports"):
        # without being asked apt takes nothing from there
        options["APT::Default-Release"] = suite
    return [f"-o{name}={value}" for name, value in options.items()]


def _update(suite, status):
    """Fetch the lists, unless that was done today."""
    stamp = cache.path("apt", suite, "updated")
    options = _apt_options(suite, status)
    try:
        fresh = cache.time.time() - os.path.getmtime(stamp) < 24 * 3600
    except OSError:
        fresh = False
    if not fresh:
        cache.run(["apt-get", *options, "update"])
        with open(stamp, "w"):
            pass
    return options


def dependencies(suite, package):
    """The names that a package directly depends on."""
    with cache.lock(f"apt-{suite}"):
        options = _update(suite, "/dev/null")
    said = subprocess.run(["apt-cache", *options, "show", "--no-all-versions",
                           package], text=True, stdout=subprocess.PIPE).stdout
    match = re.search(r"^Depends: (.*)$", said, re.MULTILINE)
    if not match:
        raise cache.MachineError(f"{suite} has no package {package}")
    return [re.split(r"[ (|]", name.strip())[0]
            for name in match[1].split(",")]


def unpack(suite, packages, folder):
    """Download exactly these packages and unpack them in a folder."""
    with cache.lock(f"apt-{suite}"):
        options = _update(suite, "/dev/null")
        download = os.path.join(folder, "download")
        os.makedirs(download)
        cache.run(["apt-get", *options, "download", *packages], cwd=download)
    _unpack_files(download, folder)


def unpack_with_libraries(suite, packages, folder):
    """The same, with all that this machine lacks of what they depend on."""
    with cache.lock(f"apt-{suite}"):
        options = _update(suite, "/var/lib/dpkg/status")
        download = os.path.join(folder, "download")
        os.makedirs(os.path.join(download, "partial"))
        cache.run(["apt-get", *options, f"-oDir::Cache::archives={download}",
                   "--download-only", "--reinstall", "-y", "-t", suite,
                   "install", *packages])
    _unpack_files(download, folder)


def _unpack_files(download, folder):
    for file in sorted(glob.glob(os.path.join(download, "*.deb"))):
        cache.run(["dpkg-deb", "-x", file, folder])
        os.unlink(file)
    cache.shutil.rmtree(download)
