#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# selftest.sh [KERNEL] - does dune-vm tell the truth?
#
# Every other test relies on it: that a status and an output come out as they
# were, and that nothing that goes wrong in the machine goes unseen. Prints TAP.
set -u

vm=$(cd "$(dirname "$0")/.." && pwd)/dune-vm
kernel=${1:-stock}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

# result NAME COMMAND... - one line of TAP for the command's success
result()
{
	name=$1
	shift
	count=$((count + 1))
	if "$@"; then
		echo "ok $count - $name"
		return
	fi
	echo "not ok $count - $name"
	echo "# status $status, standard error ends:"
	tail -n 15 "$work/err" | sed 's/^/# /'
}

# machine ARG... - run dune-vm; leaves $status, $work/out and $work/err
machine()
{
	"$vm" --kernel "$kernel" --timeout 300 "$@" \
		>"$work/out" 2>"$work/err" </dev/null
	status=$?
}

exits() { [ "$status" -eq "$1" ]; }
said() { grep -q -e "$1" "$work/err"; }
out_is() { [ "$(cat "$work/out")" = "$1" ]; }

test_calls()
{
	machine --no-such-option -- true
	result "an unknown option is refused" exits 2
	machine --phys-bits 40 --cpu intel -- true
	result "phys-bits is refused in Bochs" exits 2
	result "... saying why" said "phys-bits goes with"
	machine --count --smp 2 -- true
	result "counting on two CPUs is refused" exits 2
	machine --cpu intel --parallel --smp 2 -- true
	result "CPUs at the same time are refused in Bochs" exits 2
	machine
	result "a missing command is refused" exits 2
	machine --interactive -- true
	result "a command beside a shell is refused" exits 2
	machine --kernel /nonexistent -- true
	result "an unknown kernel is a failure of the machine" exits 125
	machine --add /nonexistent -- true
	result "a missing file to add is one too" exits 125
}

test_status()
{
	machine --cpu "$1" -- sh -c 'echo out; echo err >&2; exit 3'
	result "$1: the status comes out" exits 3
	result "$1: so does the output" out_is out
	result "$1: and the errors" said '^err$'
	machine --cpu "$1" -- sh -c 'kill -SEGV $$'
	result "$1: a deadly signal counts as in a shell" exits 139
	machine --cpu "$1" -- no-such-program
	result "$1: a missing program counts as in a shell" exits 127
}

# Arguments with everything a shell would take apart, and a lot of output on
# both pipes at once, checked against the sums that the machine made.
test_data()
{
	machine --cpu "$1" --add "$work/data:/data" -- sh -c '
		cat /data & cat /data /data >&2 & wait
		[ "$1" = "a  b\"c'\''" ] && [ -z "$2" ] && [ "$3" = "*" ]' \
		sh "a  b\"c'" "" "*"
	result "$1: arguments come in whole" exits 0
	result "$1: a megabyte comes out whole" \
		cmp -s "$work/data" "$work/out"
	cat "$work/data" "$work/data" >"$work/twice"
	result "$1: and two by the other way" cmp -s "$work/twice" "$work/err"
}

test_failures()
{
	# not asleep: that is over soon where idle time is skipped
	machine --cpu "$1" --timeout 20 -- sh -c 'while :; do :; done'
	result "$1: the time is limited" exits 124
	result "$1: ... and the kernel log shown" said '\[ .*\]'
	machine --cpu "$1" -- sh -c 'echo c >/proc/sysrq-trigger; sleep 1000'
	result "$1: a panic is a failure" exits 125
	result "$1: ... and shown" said "sysrq triggered crash"
	machine --cpu "$1" -- sh -c 'echo b >/proc/sysrq-trigger; sleep 1000'
	result "$1: a reset is a failure" exits 125
	machine --cpu "$1" -- sh -c 'echo "WARNING: CPU: 0" >/dev/kmsg'
	result "$1: a kernel warning is a failure" exits 125
	result "$1: ... and shown" said "WARNING: CPU: 0"
	machine --cpu "$1" --timeout 60 -- sh -c \
		'echo "WARNING: CPU: 0" >/dev/kmsg; while :; do :; done'
	result "$1: ... also when the time is up" said "the kernel complained"
	machine --cpu "$1" --allow-splat -- \
		sh -c 'echo "WARNING: CPU: 0" >/dev/kmsg; exit 4'
	result "$1: unless it was expected" exits 4
}

# What runs on when COMMAND is done is ended, and no module stays in use.
test_end()
{
	machine --cpu "$1" -- sh -c \
		'dune-run sleep 1000 & sleep 1; [ -e /dev/dune ]'
	result "$1: nobody keeps the module when all are gone" exits 0
	machine --cpu "$1" -- insmod /lib/dune/dune_cpu_state.ko
	result "$1: modules beside it do not matter" exits 0
}

# A program of the host with its libraries; a folder; and back.
test_files()
{
	mkdir -p "$work/folder/below"
	echo text >"$work/folder/below/file"
	machine --cpu "$1" --add /usr/bin/gcc:/usr/bin/added \
		--add "$work/folder:/folder" --out /tmp/result:"$work/result" \
		--out /folder:"$work/back" --no-module --kernel-log "$work/log" -- \
		sh -c '/usr/bin/added --version >/tmp/result &&
			[ ! -e /dev/dune ] && ! grep -q ^dune /proc/modules'
	result "$1: an added program runs, without the module" exits 0
	gcc --version | sed 's/^gcc/added/' >"$work/expected"
	result "$1: a file comes back" cmp -s "$work/expected" "$work/result"
	result "$1: a folder comes back" \
		diff -r "$work/folder" "$work/back"
	result "$1: the kernel log was kept" grep -q "Linux version" "$work/log"
	rm -rf "$work/result" "$work/back"
}

test_count()
{
	machine --cpu "$1" --count --add "$work/tsc:/tsc" -- /tsc
	result "$1: counting works" exits 0
	cp "$work/out" "$work/first"
	machine --cpu "$1" --count --add "$work/tsc:/tsc" -- /tsc
	result "$1: ... and gives the same figures twice" \
		cmp -s "$work/first" "$work/out"
}

# A shell on the console, by a terminal as a person has it.
interactive()
{
	python3 - "$vm" --kernel "$kernel" --timeout 300 --cpu "$1" \
		--interactive >"$work/out" 2>"$work/err" <<-'END'
	import os, pty, sys

	pid, terminal = pty.fork()
	if not pid:
	    os.execv(sys.argv[1], sys.argv[1:])
	said = b""
	asked = False
	while True:
	    try:
	        data = os.read(terminal, 4096)
	    except OSError:     # nobody is left on the other side
	        break
	    said += data
	    if not asked and b"/ # " in said:
	        os.write(terminal, b"cat /sys/module/dune/initstate; exit 5\n")
	        asked = True
	print(said.decode(errors="replace"))
	sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
	status=$?
}

# Does the machine wait for gdb, and tell it where its CPU stands? gdb itself
# is not needed for that.
test_gdb()
{
	machine --cpu "$1" --gdb --prepare
	machine --cpu "$1" --gdb --timeout 120 -- sh -c 'exit 6' &
	timeout 110 python3 - >"$work/registers" <<-'END'
	import socket, time

	while True:
	    try:
	        gdb = socket.create_connection(("localhost", 1234))
	        break
	    except ConnectionRefusedError:
	        time.sleep(0.2)

	def ask(text):
	    gdb.sendall(b"$%s#%02x" % (text, sum(text) % 256))
	    answer = b""
	    while b"#" not in answer:
	        answer += gdb.recv(4096)
	    gdb.sendall(b"+")
	    return answer.split(b"$", 1)[1].split(b"#")[0].decode()

	print(ask(b"?"), len(ask(b"g")))
	gdb.sendall(b"$k#6b")
	gdb.close()
	END
	wait
	result "$1: gdb finds a machine that waits" \
		grep -q '^[ST]05.* [1-9][0-9][0-9]' "$work/registers"
}

test_options()
{
	machine --cpu "$1" --append "one_word another" -- \
		grep -q "one_word another" /proc/cmdline
	result "$1: kernel arguments arrive" exits 0
	machine --cpu "$1" --mem 300 -- sh -c '
		set -- $(grep MemTotal /proc/meminfo)
		[ "$2" -gt 150000 ] && [ "$2" -lt 300000 ]'
	result "$1: there is as much memory as asked for" exits 0
	machine --cpu "$1" --smp 3 -- sh -c '[ "$(nproc)" -eq 3 ]'
	result "$1: and as many CPUs" exits 0
	machine --cpu "$1" --prepare
	result "$1: preparing works" exits 0
	result "$1: ... and runs nothing" out_is ""
	machine --cpu "$1" --kernel "$("$vm" --kernel "$kernel" --print-image)" \
		-- sh -c '[ ! -e /dev/dune ] && exit 9'
	result "$1: an image boots" exits 9
	result "$1: ... saying that it has no module" said "no module is built"
	interactive "$1"
	result "$1: a shell on the console" exits 5
	result "$1: ... has the module" grep -q '^live' "$work/out"
}

# The time stamp counter since reset: any difference between two runs, in the
# boot too, shows in it. In between the program does what depends on chance in
# a kernel (page faults, new processes) and in an emulator (going to sleep).
build_tsc()
{
	gcc -O1 -static -x c -o "$work/tsc" - <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

int main(void)
{
	int i;

	for (i = 0; i < 5000; i++) {
		char *page = malloc(1 << 20);

		page[i] = 1;
		free(page);
		usleep(100);
		if (i % 500 == 0) {
			if (!fork())
				_exit(0);
			wait(NULL);
			printf("%llu\n", __rdtsc());
		}
	}
	printf("%llu\n", __rdtsc());
	return 0;
}
END
}

head -c 1048576 /dev/urandom >"$work/data"
build_tsc

echo "TAP version 13"
test_calls
for cpu in amd intel; do
	test_status $cpu
	test_data $cpu
	test_failures $cpu
	test_end $cpu
	test_files $cpu
	test_options $cpu
	test_gdb $cpu
	test_count $cpu
done
echo "1..$count"
