#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests that know nothing of Dune give the same in ring 0 as outside.
if [ ! -e /dev/dune ]; then
	echo "1..0 # SKIP no /dev/dune: dune.ko is not loaded"
	exit 4
fi

cd "$(dirname "$0")" || exit 1
programs="signals signals_static faults faults_static frames frames_static
	threads children programs memory descriptors cpus
	waits timers contexts terminal filters torture"
echo "TAP version 13"
echo "1..$(($(echo $programs | wc -w) * 2))"
status=0
test=0

# verdict NAME: passed, and in the ring that was expected?
verdict()
{
	test=$((test + 1))
	result="not ok"
	if [ "$ended" = 0 ] && echo "$output" | grep -q "^# ring $ring\$"; then
		result=ok
	else
		status=1
		echo "$output" | sed 's/^/# /'
	fi
	echo "$result $test $1"
}

for program in $programs; do
	# outside it only shows that the test is right
	ring=3 output=$(DUNE_TORTURE_SECONDS=2 ./ordinary_$program 2>&1)
	ended=$?
	verdict "ordinary_$program outside"
	ring=0 output=$(dune-run ./ordinary_$program 2>&1)
	ended=$?
	verdict "ordinary_$program in ring 0"
done
exit $status
