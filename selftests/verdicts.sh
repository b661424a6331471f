# SPDX-License-Identifier: GPL-2.0-only
#
# For tests of commands, which source it: what comes of one, and verdicts on
# that. $work is a folder that is gone at the end, $failed the status to exit
# with.
test=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# result NAME COMMAND...: is it true?
result()
{
	name=$1
	shift
	test=$((test + 1))
	if "$@"; then
		echo "ok $test $name"
	else
		sed 's/^/# /' "$work/out" "$work/err"
		echo "# status $status"
		echo "not ok $test $name"
		failed=1
	fi
}

run()
{
	"$@" >"$work/out" 2>"$work/err" </dev/null
	status=$?
}

exits() { [ "$status" -eq "$1" ]; }
out_is() { [ "$(cat "$work/out")" = "$1" ]; }
said() { grep -q -e "$1" "$work/err"; }
