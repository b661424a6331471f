#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The KUnit suites, on a kernel that the other tests run on too. They come as a
# module, run while it is loaded, and say in the kernel log what came of it.
module=/lib/dune/dune.ko
suites=/lib/dune/dune_test.ko

if [ ! -e /dev/dune ]; then
	echo "1..0 # SKIP no /dev/dune: dune.ko is not loaded"
	exit 4
fi
if [ ! -e $suites ]; then
	echo "1..0 # SKIP this kernel has no KUnit"
	exit 4
fi

mark="kunit_test.sh $$ begins"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
test=0

# verdict STATUS NAME
verdict()
{
	test=$((test + 1))
	[ "$1" = 0 ] && echo "ok $test $2" && return
	echo "not ok $test $2"
	status=1
}

# What the log has since the mark, without the times.
log()
{
	dmesg | sed "1,/$mark/d; s/^\[[^]]*\] //"
}

# Each suite's result, and before it what it consists of. The kernel's number
# of it is not ours.
show()
{
	while IFS= read -r line; do
		case $line in
		"    "*) echo "$line" ;;
		"ok "*) verdict 0 "${line#ok * }" ;;
		"not ok "*) verdict 1 "${line#not ok * }" ;;
		esac
	done
}

# They put a backend of their own under it: nobody may use it then.
rmmod dune && insmod $module
anew=$?
echo "$mark" >/dev/kmsg
insmod $suites
loaded=$?
log >"$work/log"
if grep -q "^kunit: disabled" "$work/log"; then
	rmmod dune_test
	echo "1..0 # SKIP KUnit is off without kunit.enable=1"
	exit 4
fi

echo "TAP version 13"
verdict $anew "the module can be loaded anew"
verdict $loaded "the suites can be loaded"
before=$test
show <"$work/log"
[ $test -gt $before ]
verdict $? "there are suites, $((test - before)) of them"
rmmod dune_test && rmmod dune && insmod $module
verdict $? "the module is loaded once more, without them"
echo "1..$test"
exit $status
