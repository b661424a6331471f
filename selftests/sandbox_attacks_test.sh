#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Ways out of the sandbox: each succeeds where there is none, so that it is
# known to be one, and none inside.
#
# A control is a run outside; in ring 0 by dune-run for what the CPU refuses to
# ring 3; or none, where neither would allow it.
#
# With names as arguments: those alone. DUNE_ATTACKS_AT_ONCE: how many a sandbox
# has to stand, one after the other (40); with 1 each is its first process.
# DUNE_ATTACK_STEP: of how many one is tried (1).
if [ ! -e /dev/dune ]; then
	echo "1..0 # SKIP no /dev/dune: dune.ko is not loaded"
	exit 4
fi
if [ -z "$(command -v dune-sandbox)" ]; then
	echo "1..0 # SKIP no dune-sandbox"
	exit 4
fi

cd "$(dirname "$0")" || exit 1
# others than root are to be able to look into it
umask 022
work=$(mktemp -d)
chmod 755 "$work"
# faults that nobody handles are what this is about; none is to be told
traced=/proc/sys/debug/exception-trace
trace=$(cat $traced)
echo 0 >$traced
trap 'echo "$trace" >$traced; rm -rf "$work"' EXIT
folder=$work/stage
port=45701		# ALLOWED_PORT
at_once=${DUNE_ATTACKS_AT_ONCE:-40}
status=0
test=0

# stage NAMES COMMAND...: what comes of it on the last line of $work/out
stage()
{
	names=$1
	shift
	./sandbox_attack --stage "$folder" "$names" "$@" >"$work/out" 2>&1
	rm -rf "$folder"
}

# sandbox NAMES OPTIONS...
sandbox()
{
	names=$1
	shift
	stage "$names" dune-sandbox --exec "$PWD/sandbox_attack" \
		--read "$folder/readable" --write "$folder/writable" \
		--hide "$folder/writable/hidden" \
		--hide "$folder/writable/parent/hidden" \
		--exec "$folder/programs" --net "127.0.0.1:$port" \
		--max-mem 256M --max-procs 20 "$@" -- \
		"$PWD/sandbox_attack" "$names" "$folder"
}

# verdict OUTCOME EXPECTED NAME
verdict()
{
	test=$((test + 1))
	if [ "$1" = "$2" ]; then
		echo "ok $test $3"
	elif [ "$1" = untried ]; then
		echo "ok $test $3 # SKIP cannot be tried here"
	else
		sed 's/^[^#]/# &/' "$work/out"
		echo "# $1"
		echo "not ok $test $3"
		status=1
	fi
}

outcome()
{
	tail -n 1 "$work/out"
}

# is_out OUTCOME: the same, but for escaped and harmed
is_out()
{
	case "$1" in
	escaped|harmed) echo out ;;
	*) echo "$1" ;;
	esac
}

# control NAME WHERE
control()
{
	case "$2" in
	outside)
		stage "$1" ./sandbox_attack "$1" "$folder" --stand-in
		verdict "$(is_out "$(outcome)")" out "$1: succeeds outside" ;;
	ring0)
		stage "$1" dune-run ./sandbox_attack "$1" "$folder"
		verdict "$(is_out "$(outcome)")" out "$1: succeeds in ring 0" ;;
	esac
}

# of one of several
outcome_of()
{
	said=$(sed -n "s/^= $1 //p" "$work/out")
	echo "${said:-was not tried: $(outcome)}"
}

# groups WHERE: lines of names
groups()
{
	sed -n "s/^\([a-z0-9_]*\) $1 .*/\1/p" "$work/list" | grep -vx "$alone" |
		xargs -n "$at_once"
}

# several NAMES EXPECTED WHAT: the verdicts on what has been run
several()
{
	for name in $1; do
		said=$(outcome_of "$name")
		[ "$2" = out ] && said=$(is_out "$said")
		verdict "$said" "$2" "$name: $3"
	done
}

# with a comma even where there is one only
names_of()
{
	echo "$*" | tr ' ' , | sed 's/^[^,]*$/&,/'
}

# controls WHERE EXPECTED WHAT: those that may share a stage
controls()
{
	groups "$1" >"$work/groups"
	while read -r group <&3; do
		names=$(names_of "$group")
		stage "$names" ./sandbox_attack "$names" "$folder" --stand-in
		several "$group" "$2" "$3"
	done 3<"$work/groups"
}

# attacks NAMES: divided by spaces
attacks()
{
	if [ "${1% *}" = "$1" ]; then
		sandbox "$1"
		verdict "$(outcome)" refused "$1: is refused"
	else
		sandbox "$(names_of "$1")"
		several "$1" refused "is refused"
	fi
}

# this one is not by root: it has a sandbox of its own
alone=exec_setuid
./sandbox_attack --list >"$work/all"
if [ $# -gt 0 ]; then
	for name; do
		grep "^$name " "$work/all"
	done >"$work/list"
else
	# every so many, where all would take too long
	awk -v step="${DUNE_ATTACK_STEP:-1}" 'NR % step == 0' "$work/all" \
		>"$work/list"
fi
controlled=$(grep -vc '^[a-z0-9_]* untried ' "$work/list")
echo "TAP version 13"
echo "1..$(($(grep -c . "$work/list") + controlled + 1))"

controls within out "succeeds outside"
controls nowhere refused "harms nothing outside"
while read -r name where _ <&3; do
	control "$name" "$where"
done 3<"$work/list"

groups '[a-z0-9]*' >"$work/groups"
grep -q "^$alone " "$work/list" && echo "$alone" >>"$work/groups"
while read -r group <&3; do
	attacks "$group"
done 3<"$work/groups"

sandbox open_secret --kill
verdict "$(outcome)" "ended by SIGSYS" "a refusal may be the end"
exit $status
