#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# refusal.sh TEXT ERRNO - on a machine that Dune cannot use (and with dune.ko
# not loaded): loading fails with ERRNO (a name, as in the log) and with
# exactly one line in the log, which says TEXT.
module=/lib/dune/dune.ko
text=$1
errno=$2

log()
{
	dmesg | grep 'dune: not loaded'
}

echo "TAP version 13"
echo "1..3"
status=0

verdict()
{
	result=$1
	shift
	[ "$result" = 0 ] && echo "ok $*" && return
	log | sed 's/^/# /'
	echo "not ok $*"
	status=1
}

before=$(log | wc -l)
# busybox's own insmod tries twice
/usr/sbin/insmod $module 2>/dev/null
[ $? -ne 0 ] && ! grep -q '^dune ' /proc/modules
verdict $? "1 loading fails where: $text"
[ $(($(log | wc -l) - before)) -eq 1 ]
verdict $? "2 it says so in one line"
log | tail -n 1 | grep -F -e "$text" | grep -qF -e "$errno"
verdict $? "3 the line says: $text, $errno"
exit $status
