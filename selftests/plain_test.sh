#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The same system calls and programs with direct_syscalls=0, and the counters.
module=/lib/dune/dune.ko
here=$(dirname "$0")

if [ ! -e /dev/dune ]; then
	echo "1..0 # SKIP no /dev/dune: dune.ko is not loaded"
	exit 4
fi
if [ ! -e $module ]; then
	echo "1..0 # SKIP no $module"
	exit 4
fi

echo "TAP version 13"
echo "1..6"
status=0

verdict()
{
	result=$1
	shift
	[ "$result" = 0 ] && echo "ok $*" && return
	echo "$output" | sed 's/^/# /'
	echo "not ok $*"
	status=1
}

# What process_test.sh runs by the direct path.
ordinary()
{
	for program in signals faults frames threads children programs memory \
		descriptors cpus waits timers contexts terminal filters; do
		dune-run "$here/ordinary_$program" || return
	done
}

rmmod dune && insmod $module direct_syscalls=0
verdict $? "1 the parameter is taken"
output=$("$here/syscall_test" 2>&1)
verdict $? "2 system calls give the same results"
output=$(dune-hello 2>&1)
[ $? -eq 42 ]
verdict $? "3 a program runs"
echo "$output" | grep -q "^system calls: 0 in place"
verdict $? "4 none of its system calls is made in place"
output=$(ordinary 2>&1)
verdict $? "5 ordinary programs do not notice"
rmmod dune && insmod $module
output=$(dune-hello 2>&1)
echo "$output" | grep -q "^system calls: [1-9][0-9]* in place"
verdict $? "6 with the parameter's default they are"
exit $status
