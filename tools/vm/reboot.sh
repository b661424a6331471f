#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# reboot.sh [dune-vm options] - does a machine restart while one of its CPUs is
# in a guest and the other asks for it? Prints TAP.
#
# It ends with the restart, which is a failure of the machine to dune-vm.
set -u

vm=$(cd "$(dirname "$0")/.." && pwd)/dune-vm
said=$(mktemp)
trap 'rm -f "$said"' EXIT

"$vm" "$@" --smp 2 --timeout 300 --append loglevel=6 -- sh -c '
	dune-run sh -c "while :; do :; done" & sleep 2
	grep -q "^dune .* 0 " /proc/modules || reboot -f; sleep 1000' \
	>"$said" 2>&1 </dev/null
status=$?

echo "TAP version 13"
echo "1..2"
failed=0

# verdict NAME: of the command before
verdict()
{
	[ $? = 0 ] && echo "ok $1" && return
	sed 's/^/# /' "$said"
	echo "not ok $1"
	failed=1
}

[ $status = 125 ] && grep -q "reboot: machine restart" "$said"
verdict "1 the machine restarts"
! grep -q "the kernel complained" "$said" &&
	! grep -qE "WARNING:|BUG:|Oops|Kernel panic" "$said"
verdict "2 nothing is wrong on the way"
exit $failed
