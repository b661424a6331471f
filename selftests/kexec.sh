#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# kexec.sh KERNEL - start KERNEL by kexec while virtualization is in use.
#
# Run as a machine's only command. The machine then runs it a second time, in
# the new kernel, which must have come up with all CPUs: they cannot be started
# if they were left in guest-capable state.
kernel=$1

if grep -q dune_kexec_cpus= /proc/cmdline; then
	echo "TAP version 13"
	echo "1..2"
	status=0
	expected=$(sed 's/.*dune_kexec_cpus=\([0-9]*\).*/\1/' /proc/cmdline)
	if [ "$(nproc)" = "$expected" ]; then
		echo "ok 1 all $expected CPUs are up after kexec"
	else
		echo "not ok 1 all $expected CPUs are up after kexec: $(nproc)"
		status=1
	fi
	if "${0%/*}"/hold_vcpu dune-info >/dev/null; then
		echo "ok 2 virtualization turns on after kexec"
	else
		echo "not ok 2 virtualization turns on after kexec"
		status=1
	fi
	exit $status
fi

# The new kernel gets the file system we run from as its own.
(cd / && find . -xdev ! -path './proc/*' ! -path './sys/*' ! -path './tmp/*' |
	cpio -o -H newc 2>/dev/null) >/tmp/initrd || exit 1
kexec -l "$kernel" --initrd=/tmp/initrd \
	--append="$(cat /proc/cmdline) dune_kexec_cpus=$(nproc)" || exit 1
exec "${0%/*}"/hold_vcpu kexec -e
