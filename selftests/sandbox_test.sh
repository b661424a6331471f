#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# dune-sandbox: what it takes, what it says, and that a program does in it what
# it does outside. What programs may not do is for sandbox_attacks_test.sh.
if [ ! -e /dev/dune ]; then
	echo "1..0 # SKIP no /dev/dune: dune.ko is not loaded"
	exit 4
fi
if ! command -v dune-sandbox >/dev/null; then
	echo "1..0 # SKIP no dune-sandbox"
	exit 4
fi

cd "$(dirname "$0")" || exit 1
echo "TAP version 13"
echo "1..60"
here=$PWD
. ./verdicts.sh

out_has() { grep -q -e "$1" "$work/out"; }
logged() { grep -q -e "$1" "$work/log"; }
no_log() { [ ! -s "$work/log" ]; }

# wrong WHAT OPTION...: it is told so
wrong()
{
	what=$1
	shift
	run dune-sandbox "$@" -- busybox true
	result "wrong: $*" sh -c '[ "$1" = 2 ] && grep -q -e "$2" "$3"' - \
		"$status" "$what" "$work/err"
}

# programs
run dune-sandbox -- busybox sh -c 'exit 42'
result "the exit status arrives" exits 42
run dune-sandbox -- busybox sh -c 'kill -TERM $$'
result "so does a signal" exits 143
run dune-sandbox -- busybox echo 'a  b' c
result "arguments and output arrive" out_is "a  b c"
echo input >"$work/in"
dune-sandbox -- busybox cat <"$work/in" >"$work/out" 2>"$work/err"
status=$?
result "input arrives" out_is input
run dune-sandbox -- busybox sh -c 'echo b a | tr " " "\n" | sort | head -n 1'
result "it executes others, and pipes work" out_is a
run dune-sandbox -- timeout 60 busybox echo dynamic
result "a dynamic program runs" out_is dynamic
run dune-sandbox --exec "$here" -- "$here/ordinary_signals"
result "signals are as outside" exits 0
run dune-sandbox --exec "$here" -- "$here/ordinary_threads"
result "so are threads" exits 0
run dune-sandbox --exec "$here" --write "$work" -- "$here/program_static" end
result "a static program runs" exits 42
run dune-sandbox --exec "$here" -- "$here/program_static_pie" end
result "so does one at any address" exits 42
printf '#!/bin/busybox sh\necho "$0 $1"\n' >"$work/script"
chmod +x "$work/script"
run dune-sandbox -- "$work/script" argument
result "a script runs" out_is "$work/script argument"
run dune-sandbox -- busybox readlink /proc/self/exe
result "a program is what it was started as" out_is "$(realpath /bin/busybox)"
run dune-sandbox -- busybox cat /proc/self/comm
result "and is called so" out_is busybox
run dune-sandbox -- no-such-program
result "what is not there is not found" exits 127
run dune-sandbox -- "$work/in"
result "what is no program cannot be executed" exits 126
random=$(cat /proc/sys/kernel/randomize_va_space)
echo 0 >/proc/sys/kernel/randomize_va_space
run dune-sandbox --exec "$here" -- sh -c "timeout 60 \"$here/ordinary_threads\""
echo "$random" >/proc/sys/kernel/randomize_va_space
result "addresses need not be random" exits 0
run dune-sandbox
result "a program is needed" exits 2
run dune-sandbox --help
result "help is no error" exits 0

# options
wrong "unrecognized option" --no-such-option
wrong "a value is missing" --read ""
wrong "No such file" --read /no/such/folder/file
wrong "no address" --net no.such.address
wrong "no port" --net 127.0.0.1:0
wrong "no size" --max-mem many
wrong "too large" --max-mem 99999999999T
wrong "no number" --max-procs 0
wrong "no such system call" --allow no_such_call
wrong "cannot be allowed" --allow ptrace
wrong "no name of a variable" --env =value
wrong "No such file" --policy /no/such/file
printf '# a comment\n\nread /tmp\nnonsense here\n' >"$work/policy"
wrong "policy:4: no such keyword" --policy "$work/policy"

# files
mkdir "$work/a" "$work/a/b" "$work/a/hidden"
echo text >"$work/a/file"
echo text >"$work/a/hidden/file"
ln -s ../a/file "$work/a/link"
run dune-sandbox --log "$work/log" -- busybox cat "$work/a/file"
result "what is not allowed is not read" said "Permission denied"
result "and logged" logged "EACCES: no right to it: $work/a/file"
rm "$work/log"
run dune-sandbox --read "$work/a" --log "$work/log" -- busybox cat "$work/a/link"
result "what is allowed is, by a link too" out_is text
result "and nothing is logged" no_log
run dune-sandbox --read "$work/a" -- busybox sh -c "echo x >$work/a/file"
result "nor is it written to" said "Permission denied"
run dune-sandbox --write "$work/a" -- busybox sh -c \
	"cd $work/a; mkdir c; echo y >c/y; mv c/y c/z; cat c/z; rm -r c; ls"
result "what may be written to is" out_is "y
b
file
hidden
link"
run dune-sandbox --write "$work/a" --hide "$work/a/hidden" -- busybox ls "$work/a"
result "what is hidden is not listed" out_is "b
file
link"
run dune-sandbox --write "$work/a" --hide "$work/a/hidden" -- \
	busybox cat "$work/a/hidden/file"
result "and is not there" said "No such file"
run dune-sandbox --read "$work" --read "$work/a" --write "$work/a/b" -- \
	busybox sh -c "echo x >$work/a/b/x && echo x >$work/a/x"
result "the longest path decides" said "a/x: Permission denied"
cp /bin/busybox "$work/a/b/busybox"
run dune-sandbox --read "$work/a" -- busybox sh -c "$work/a/b/busybox true"
result "what may be read may not be executed" exits 126
run dune-sandbox --exec "$work/a" -- busybox sh -c "$work/a/b/busybox echo own"
result "what may be executed is" out_is own
run dune-sandbox --empty -- busybox true
result "without what every program needs static ones run" exits 0
run dune-sandbox --empty -- timeout 60 busybox true
result "and dynamic ones do not" exits 126

# the rest
SECRET=1 OTHER=2 run dune-sandbox --env OTHER --env NEW=3 -- busybox env
result "variables are those that are named" sh -c \
	'grep -q OTHER=2 $1 && grep -q NEW=3 $1 && ! grep -q SECRET $1' - "$work/out"
# 256 MiB for each C library that takes notice: the program's, and no other
for variable in GLIBC_TUNABLES=glibc.malloc.top_pad=268435456 \
	MALLOC_TOP_PAD_=268435456; do
	run dune-sandbox --env "$variable" -- busybox sh -c \
		'exec busybox sh -c "env; grep VmData /proc/self/status"'
	result "the supervisor takes nothing from ${variable%%=*}" sh -c \
		'grep -qx "$2" "$1" && awk "/VmData/ { exit \$2 < 262144 ||
						       \$2 > 400000 }" "$1"' - \
		"$work/out" "$variable"
done
run dune-sandbox --deny getppid --log "$work/log" --exec "$here" -- \
	busybox sh -c 'echo $PPID'
result "a call that is denied is refused" logged "getppid.*EPERM: not allowed"
run dune-sandbox --kill -- busybox cat "$work/a/file"
result "a refusal may be the end" exits 159
mkfifo "$work/a/up"
run dune-sandbox --max-procs 3 --write "$work/a" -- busybox sh -c \
	"trap 'kill \$pids' EXIT
	 for i in 1 2 3 4 5; do
		{ echo >$work/a/up; exec busybox sleep 600; } &
		pids=\"\$pids \$!\"
		read -r up <$work/a/up
	 done"
result "there are as many processes as may be" said "fork"
run dune-sandbox --max-mem 64M -- busybox sh -c \
	'busybox dd if=/dev/zero of=/dev/null bs=200M count=1'
result "and as much memory" said "out of memory"
run dune-sandbox --stats -- busybox sh -c 'busybox true; exit 3'
result "statistics leave the status as it is" exits 3
result "and tell of all processes" said "exits of virtual CPUs in 2 processes"
result "and of calls" said "2 execve\|1 execve"
run dune-sandbox --learn "$work/learned" -- busybox cat "$work/a/file"
result "while it learns it refuses nothing" out_is text
result "and writes what it took" grep -q "^read $work/a/file$" "$work/learned"
run dune-sandbox --policy "$work/learned" -- busybox cat "$work/a/file"
result "which is a policy" out_is text
run dune-sandbox --learn "$work/learned" -- busybox nc 127.0.0.1 8089
result "it learns whom the program talks to" \
	grep -qx "net 127.0.0.1:8089" "$work/learned"
run dune-sandbox --policy "$work/learned" -- busybox nc 127.0.0.1 8089
result "and it may then, though nobody is there" said "refused"
if [ -e /proc/net/if_inet6 ]; then
	run dune-sandbox --learn "$work/learned" -- busybox nc ::1 8089
	result "by either protocol" \
		grep -qx "net \[0:0:0:0:0:0:0:1\]:8089" "$work/learned"
else
	test=$((test + 1))
	echo "ok $test by either protocol # SKIP this kernel has no IPv6"
fi
exit $failed
