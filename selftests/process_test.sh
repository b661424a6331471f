#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Tests that know nothing of Dune give the same in ring 0 as outside.
if [ ! -e /dev/dune ]; then
	echo "1..0 # SKIP no /dev/dune: dune.ko is not loaded"
	exit 4
fi

cd "$(dirname "$0")" || exit 1
programs="ordinary_signals ordinary_signals_static ordinary_faults
	ordinary_faults_static ordinary_processes ordinary_waits
	ordinary_filters ordinary_torture"
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
	ring=3 output=$(DUNE_TORTURE_SECONDS=2 ./$program 2>&1)
	ended=$?
	verdict "$program outside"
	ring=0 output=$(dune-run ./$program 2>&1)
	ended=$?
	verdict "$program in ring 0"
done
exit $status
