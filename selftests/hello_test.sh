#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A program with the C library, in ring 0 through libdune.
if [ ! -e /dev/dune ]; then
	echo "1..0 # SKIP no /dev/dune: dune.ko is not loaded"
	exit 4
fi

expected="outside: ring 3
inside: ring 0, own page table yes
same process: yes
files: work
memory: works
clock: works
floating point: 3"

echo "TAP version 13"
echo "1..4"
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

# all but the counters
output_is_expected()
{
	[ "$(echo "$output" | sed '/^exits:/d; /^system calls:/d')" = "$expected" ]
}

output=$(dune-hello 2>&1)
[ $? -eq 42 ]
verdict $? "1 its exit status arrives"
output_is_expected
verdict $? "2 the C library works in ring 0"
output=$(dune-hello --crash 2>&1)
[ $? -eq 139 ]
verdict $? "3 a crash is a crash (SIGSEGV)"
# where things lie is different each time
output=
round=0
while [ $round -lt 10 ]; do
	round=$((round + 1))
	output=$(dune-hello 2>&1)
	output_is_expected || break
done
output_is_expected
verdict $? "4 and wherever its memory lies"
exit $status
