#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Loads, queries and unloads the module again and again; every tenth time a
# CPU goes offline and comes back in between.
module=/lib/dune/dune.ko
cpu1=/sys/devices/system/cpu/cpu1/online
rounds=${DUNE_RELOAD_ROUNDS:-100}

if [ ! -e /dev/dune ]; then
	echo "1..0 # SKIP no /dev/dune: dune.ko is not loaded"
	exit 4
fi
if [ ! -e $module ]; then
	echo "1..0 # SKIP no $module"
	exit 4
fi

echo "TAP version 13"
echo "1..2"

fail()
{
	echo "# $*"
	echo "not ok $test $name"
	exit 1
}

test=1 name="load, query and unload $rounds times"
[ -e /dev/dune ] && { rmmod dune || fail "cannot unload: in use?"; }
round=1
while [ $round -le "$rounds" ]; do
	insmod $module || fail "round $round: insmod"
	dune-info >/dev/null || fail "round $round: dune-info"
	if [ $((round % 10)) = 0 ] && [ -w $cpu1 ]; then
		echo 0 >$cpu1 || fail "round $round: CPU 1 does not go"
		dune-info >/dev/null || fail "round $round: dune-info, a CPU less"
		echo 1 >$cpu1 || fail "round $round: CPU 1 does not come"
	fi
	rmmod dune || fail "round $round: rmmod"
	[ ! -e /dev/dune ] || fail "round $round: /dev/dune is left"
	round=$((round + 1))
done
echo "ok $test $name"

test=2 name="load once more for the tests that follow"
insmod $module || fail insmod
echo "ok $test $name"
