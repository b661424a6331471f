#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Goes through the kernel's part of suspend and resume (pm_test: all but the
# firmware) with virtualization in use.
if [ ! -e /dev/dune ]; then
	echo "1..0 # SKIP no /dev/dune: dune.ko is not loaded"
	exit 4
fi
if [ ! -w /sys/power/pm_test ] || ! grep -q mem /sys/power/state; then
	echo "1..0 # SKIP this kernel has no PM_DEBUG or cannot suspend"
	exit 4
fi

echo "TAP version 13"
echo "1..2"
[ -e /proc/dune_cpu_state ] || insmod /lib/dune/dune_cpu_state.ko
status=0

echo core >/sys/power/pm_test
[ -w /sys/power/mem_sleep ] && grep -q deep /sys/power/mem_sleep &&
	echo deep >/sys/power/mem_sleep

suspend_with_user()
{
	./hold_vcpu sh -c 'echo mem >/sys/power/state && cat /proc/dune_cpu_state'
}

state=$(suspend_with_user)
if [ -n "$state" ] && ! echo "$state" | grep -q ' 0$'; then
	echo "ok 1 virtualization is on again after sleep"
else
	echo "# CPU, on: $state"
	echo "not ok 1 virtualization is on again after sleep"
	status=1
fi

echo mem >/sys/power/state
if ! grep -q ' 1$' /proc/dune_cpu_state; then
	echo "ok 2 sleep without a user turns nothing on"
else
	echo "not ok 2 sleep without a user turns nothing on"
	status=1
fi
echo none >/sys/power/pm_test
exit $status
