#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Loads, uses and unloads the module again and again; every tenth time a CPU
# goes offline and comes back in between. No page is lost over that.
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

here=$(dirname "$0")

echo "TAP version 13"
echo "1..3"
status=0

fail()
{
	echo "# $*"
	echo "not ok $test $name"
	exit 1
}

# Queries it with virtualization on.
use()
{
	"$here/hold_vcpu" dune-info >/dev/null || fail "round $round: $*"
}

load_and_unload()
{
	insmod $module || fail "round $round: insmod"
	use "does not work"
	if [ $((round % 10)) = 0 ] && [ -w $cpu1 ]; then
		echo 0 >$cpu1 || fail "round $round: CPU 1 does not go"
		use "does not work, a CPU less"
		echo 1 >$cpu1 || fail "round $round: CPU 1 does not come"
	fi
	rmmod dune || fail "round $round: rmmod"
	[ ! -e /dev/dune ] || fail "round $round: /dev/dune is left"
	round=$((round + 1))
}

# Those on the CPUs' own lists too. The kernel gets the time and the reason to
# free what it can.
free_pages()
{
	sync
	sleep 1
	for file in drop_caches:3 compact_memory:1 stat_refresh:1; do
		[ ! -w /proc/sys/vm/${file%:*} ] ||
			echo ${file#*:} >/proc/sys/vm/${file%:*}
	done
	# and what KASAN holds back
	for file in /sys/kernel/slab/*/shrink; do
		[ ! -w "$file" ] || echo 1 >"$file"
	done
	awk '/ pages free / { sum += $3 } $1 == "count:" { sum += $2 }
	     END { print sum }' /proc/zoneinfo
}

test=1 name="load, use and unload $rounds times"
rmmod dune || fail "cannot unload: in use?"
round=1
while [ $round -le "$rounds" ]; do
	load_and_unload
done
echo "ok $test $name"

# As in leak_test.c: free memory moves by itself too, by some twenty pages, but
# what each load leaves behind is missing after every block of loads. A block
# without that shows that there is no such page.
test=2 name="no page is lost by that"
loads=25
blocks=6
lost=$loads
before=$(free_pages)
while [ $blocks -gt 0 ] && [ $((lost * 2)) -ge $loads ]; do
	end=$((round + loads))
	while [ $round -lt $end ]; do
		load_and_unload
	done
	after=$(free_pages)
	lost=$((before - after))
	before=$after
	blocks=$((blocks - 1))
	echo "# $loads loads: $lost pages fewer are free"
done
if [ $((lost * 2)) -lt $loads ]; then
	echo "ok $test $name"
else
	echo "not ok $test $name"
	status=1
fi

test=3 name="load once more for the tests that follow"
insmod $module || fail insmod
echo "ok $test $name"
exit $status
