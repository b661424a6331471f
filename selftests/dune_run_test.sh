#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# dune-run: what comes of a program is what comes of it outside.
if [ ! -e /dev/dune ]; then
	echo "1..0 # SKIP no /dev/dune: dune.ko is not loaded"
	exit 4
fi

cd "$(dirname "$0")" || exit 1
echo "TAP version 13"
echo "1..22"
# not a shell's own, nor busybox's, which is static
PATH=/usr/local/bin:$PATH
. ./verdicts.sh

run dune-run dash -c 'exit 42'
result "the exit status arrives" exits 42
run dune-run dash -c 'kill -TERM $$'
result "so does a signal" exits 143
run dune-run dash -c 'echo "$0 $1"' name 'a  b'
result "arguments and output arrive" out_is "name a  b"
echo input >"$work/in"
dune-run cat <"$work/in" >"$work/out" 2>"$work/err"
status=$?
result "input arrives" out_is input
run dune-run dash -c 'echo a b c | tr " " "\n" | sort -r | head -n 1'
result "pipes work" out_is c
run dune-run env
result "the environment is clean" sh -c '! grep -e LD_PRELOAD -e DUNE_RUN "$1"' - \
	"$work/out"
run dune-run --stats true
result "it tells what it took" said "system calls made in place"
run dune-run --follow dash -c 'dash -c env'
result "programs that it executes may follow" grep -q LD_PRELOAD "$work/out"
run dune-run no-such-program
result "a program that is not there" exits 127
run dune-run /etc
result "what is no program" exits 126
run dune-run busybox sh -c 'echo $0 $1; exit 42' static program
result "a static program runs" out_is "static program"
result "its exit status arrives" exits 42
run dune-run busybox sh -c 'sleep 1000 & kill -KILL $!; wait $!; kill -TERM $$'
result "so does a signal of it" exits 143
run dune-run --stats busybox true
result "it tells what that took" said "system calls made in place"
run dune-run ./program_static end
result "one whose stack is to be executed" exits 42
run dune-run ./program_static_pie end
result "one that can be at any address" out_is "the end"
head -c 64 /bin/busybox >"$work/short"
chmod +x "$work/short"
run dune-run "$work/short"
result "a program that is cut off" exits 126
result "it is told what is wrong with it" said "short: cut off"
cp /bin/busybox "$work/plain"
chmod -x "$work/plain"
run dune-run "$work/plain"
result "a program that may not be executed" exits 126
chown 1 "$work/plain"
chmod 6755 "$work/plain"
run dune-run "$work/plain"
result "a set-user-ID program" said "set-user-ID"
run dune-run
result "a program has to be named" exits 2
run dune-run --no-such-option true
result "an unknown option" exits 2
exit $failed
