#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# programs.sh [--sandbox] [NAME...] - programs that nobody here wrote, outside
# and under dune-run: their output and status are to be the same
#
# With --sandbox under dune-sandbox instead, with a policy that gives them what
# they need.
#
# For a Debian user land with the packages that tools/check names. Each program
# is a function that runs it by $run. PROGRAMS_SECONDS says for how long each
# of stress-ng's stressors runs.
all="busybox dash bash perl python_threads python_signals python_processes
	python_memory python_sockets python_ctypes gcc sqlite3 compressors
	openssl redis lighttpd git luajit node gdb strace audit stress"
inside="dune-run --follow"
if [ "${1-}" = --sandbox ]; then
	inside=sandbox
	shift
fi
names=${*:-$all}
seconds=${PROGRAMS_SECONDS:-10}
work=$(mktemp -d)
# cores where they can be found, while this runs
pattern=$(cat /proc/sys/kernel/core_pattern)
echo core >/proc/sys/kernel/core_pattern
trap 'echo "$pattern" >/proc/sys/kernel/core_pattern; rm -rf "$work"' EXIT
export LC_ALL=C.UTF-8 HOME="$work" PYTHONDONTWRITEBYTECODE=1

# They may read all but what is root's own, and write where they work.
if [ "$inside" = sandbox ]; then
	cat >"$work/policy" <<-END
	env *
	read /
	hide /etc/shadow
	exec /tmp
	write /tmp
	write /dev/shm
	exec $work
	write $work
	net loopback
	net 0.0.0.0
	net [::]
	END
	inside="dune-sandbox --policy $work/policy --"
fi

shell_script()
{
	cat <<'SCRIPT'
set -e
seq 1 100 | grep 7 | sort -r | head -n 5 | tr '\n' ' '
for i in 1 2 3; do echo "$i $(expr $i \* $i)"; done | while read -r a b; do
	printf '%s:%s ' "$a" "$b"
done
trap 'echo trapped' USR1
kill -USR1 $$
(exit 7) || echo "status $?"
sleep 100 & job=$!
kill -TERM $job
wait $job || echo "job $?"
set -m
sleep 0.1 & wait $! && echo "done $?"
cat <<END | wc -l
one
two
END
mkdir d && cd d && touch a b c && ls && cd .. && rm -r d
exec sh -c 'echo last; exit 3'
SCRIPT
}

busybox()
{
	shell_script | $run busybox sh
}

dash()
{
	shell_script | $run dash
}

bash()
{
	shell_script | $run bash
	echo 'diff <(seq 3) <(seq 4); coproc cat; echo hi >&${COPROC[1]};
	      read -r x <&${COPROC[0]}; echo $x; a=(1 2 3); echo ${#a[@]}' |
		$run bash
}

perl()
{
	$run perl -e '
		use POSIX; $| = 1;
		my %h = map { $_ => $_ ** 2 } 1 .. 1000;
		print join(",", (sort { $h{$b} <=> $h{$a} } keys %h)[0 .. 9]), "\n";
		local $SIG{ALRM} = sub { print "alarm\n" };
		alarm 1; select undef, undef, undef, 3;
		for my $i (1 .. 5) { my $p = fork; exit $i if !$p; waitpid $p, 0;
			print $? >> 8, "\n" }
		my $t = "a1b22c333" x 1000; my $n = () = $t =~ /\d+/g; print "$n\n";
		print `echo from a shell`; kill TERM => $$'
}

# One of Python's own tests; its times are its own. It asks about its parent and
# its group, which are to be in the sandbox as well.
python_test()
{
	$run setsid --fork --wait python3 -m test -u none "$@" >"$work/python" 2>&1
	ended=$?
	grep -E "^(Tests result|Result|test .* failed|test .* crashed)" \
		"$work/python"
	[ $ended -eq 0 ] || tail -n 60 "$work/python" >&2
	return $ended
}

# Each in a process of its own: the first leaves a trace function behind, and
# two threads that begin at once may find the other about to install it, which
# this Python takes for an error (PyEval_SetTrace()).
python_threads()
{
	for test in test_threading test_thread test_queue; do
		python_test $test || return
	done
}
python_signals() { python_test test_signal test_threadsignals; }
python_processes() { python_test test_subprocess test_posix; }
python_memory() { python_test test_mmap test_mmap; }
python_sockets() { python_test test_selectors test_socket; }
python_ctypes() { python_test test_ctypes; }

gcc()
{
	mkdir "$work/c"
	for i in 1 2 3 4; do
		echo "int f$i(int x) { return x * $i; }" >"$work/c/f$i.c"
	done
	cat >"$work/c/main.c" <<-'END'
	#include <stdio.h>
	int f1(int), f2(int), f3(int), f4(int);
	int main(void) { printf("%d\n", f1(1) + f2(2) + f3(3) + f4(4)); }
	END
	printf 'main: main.o f1.o f2.o f3.o f4.o\nCFLAGS=-O2 -Wall\n' \
		>"$work/c/Makefile"
	$run make -s -j2 -C "$work/c" && "$work/c/main" &&
		sha256sum <"$work/c/main"
	ended=$?
	rm -r "$work/c"
	return $ended
}

sqlite3()
{
	$run sqlite3 "$work/base" <<-'END'
	create table t(a integer primary key, b text);
	with recursive n(i) as (select 1 union all select i+1 from n where i<2000)
	insert into t select i, 'row ' || i from n;
	select count(*), sum(a), max(b) from t;
	create index i on t(b);
	select a from t where b = 'row 77';
	delete from t where a % 2; vacuum; pragma integrity_check;
	select count(*) from t;
	END
	ended=$?
	rm -f "$work/base"
	return $ended
}

compressors()
{
	head -c 1000000 /lib/x86_64-linux-gnu/libc.so.6 >"$work/data"
	for program in "gzip -n" xz zstd; do
		$run $program -c <"$work/data" >"$work/packed" || return
		sha256sum <"$work/packed"
		$run $program -dc <"$work/packed" | cmp - "$work/data" || return
	done
	$run xz -T2 -c <"$work/data" | $run xz -dc | cmp - "$work/data"
}

openssl()
{
	key="$work/key"
	$run openssl genrsa -out "$key" 2048 2>&1 &&
		$run openssl rsa -in "$key" -check -noout 2>&1 &&
		$run openssl dgst -sha256 /etc/passwd &&
		$run openssl dgst -sha256 -sign "$key" -out "$work/signed" \
			/etc/passwd &&
		$run openssl dgst -sha256 -prverify "$key" \
			-signature "$work/signed" /etc/passwd &&
		$run openssl enc -aes-256-cbc -pbkdf2 -k secret -in /etc/passwd |
		$run openssl enc -d -aes-256-cbc -pbkdf2 -k secret |
		cmp - /etc/passwd
}

# until NAME COMMAND...: until a server answers
until_up()
{
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || return
		sleep 0.1
	done
}

redis()
{
	$run redis-server --bind 127.0.0.1 --port 7000 --save '' --dir "$work" \
		>"$work/redis" 2>&1 &
	until_up redis-cli -p 7000 ping &&
		$run redis-benchmark -p 7000 -n 500 -c 8 -q \
			-t set,get,incr,lpush,lrange_100 >"$work/bench" 2>&1 &&
		tr '\r' '\n' <"$work/bench" | grep -c "requests per second" &&
		$run redis-cli -p 7000 set name value &&
		$run redis-cli -p 7000 get name
	ended=$?
	redis-cli -p 7000 shutdown nosave
	wait $! || ended=$?
	return $ended
}

lighttpd()
{
	mkdir "$work/www"
	seq 1 20000 >"$work/www/numbers"
	cat >"$work/lighttpd.conf" <<-END
	server.document-root = "$work/www"
	server.bind = "127.0.0.1"
	server.port = 7001
	END
	$run lighttpd -D -f "$work/lighttpd.conf" >"$work/log" 2>&1 &
	until_up curl -s http://127.0.0.1:7001/numbers
	for i in 1 2 3 4 5; do
		$run curl -s http://127.0.0.1:7001/numbers | sha256sum
	done
	$run curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:7001/none
	kill -INT $!
	wait $!
	ended=$?
	rm -r "$work/www"
	return $ended
}

git()
{
	export GIT_AUTHOR_DATE=2026-01-01T00:00:00Z
	export GIT_COMMITTER_DATE=2026-01-01T00:00:00Z
	repository="$work/repository"
	commit="-c user.name=n -c user.email=e commit -q"
	$run git init -q -b main "$repository" && cd "$repository" &&
		for i in 1 2 3; do
			seq 1 $((i * 100)) >file
			$run git add file && $run git $commit -m "commit $i"
		done
	$run git log --oneline --stat
	$run git checkout -q -b side HEAD~1 && echo x >other &&
		$run git add other && $run git $commit -m side &&
		$run git -c user.name=n -c user.email=e merge -q main -m merge
	$run git gc -q && $run git fsck --full && $run git rev-parse HEAD
	ended=$?
	cd / && rm -rf "$repository"
	return $ended
}

# Compiled as it runs, and calls of C functions, also back into Lua.
luajit()
{
	cat >"$work/jit.lua" <<-'END'
	local ffi = require("ffi")
	ffi.cdef [[
	int getppid(void);
	void qsort(void *, size_t, size_t,
		   int (*)(const int *, const int *));
	]]
	local sum, found = 0, {}
	for i = 1, 3000000 do
		sum = (sum * 31 + i) % 1000003
	end
	print(sum, jit.status())
	for i = 1, 20000 do
		found[i % 97] = (found[i % 97] or "") .. i % 10
	end
	print(#found[5], found[5]:sub(1, 20))
	local numbers = ffi.new("int[1000]")
	for i = 0, 999 do
		numbers[i] = (i * 7919) % 1009
	end
	ffi.C.qsort(numbers, 1000, 4, function(a, b)
		return a[0] - b[0]
	end)
	print(numbers[0], numbers[500], numbers[999], ffi.C.getppid() > 0)
	print(pcall(error, "caught"))
	END
	$run luajit "$work/jit.lua"
}

# V8 compiles in threads of its own; workers, children, a server, files.
node()
{
	cat >"$work/program.js" <<-'END'
	const { Worker, isMainThread, parentPort } = require("worker_threads");
	if (!isMainThread) {
		let sum = 0;
		for (let i = 0; i < 2e6; i++)
			sum = (sum * 31 + i) % 1000003;
		parentPort.postMessage(sum);
	} else {
		main();
	}
	function worker()
	{
		return new Promise(done =>
			new Worker(__filename).on("message", done));
	}
	async function main()
	{
		const http = require("http"), fs = require("fs");
		console.log(await Promise.all([worker(), worker()]));
		console.log(require("child_process")
			.execSync("echo from a child").toString().trim());
		fs.writeFileSync(__filename + ".out", "x".repeat(100000));
		console.log(fs.readFileSync(__filename + ".out").length);
		const bytes = await WebAssembly.instantiate(new Uint8Array([
			0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127,
			1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10,
			9, 1, 7, 0, 32, 0, 32, 1, 106, 11]));
		console.log(bytes.instance.exports.add(40, 2));
		const server = http.createServer((from, to) =>
			to.end("hello " + from.url));
		server.listen(7002, "127.0.0.1", () =>
			http.get("http://127.0.0.1:7002/there", answer => {
				answer.on("data", data =>
					console.log(data.toString()));
				answer.on("end", () => server.close());
			}));
		process.once("SIGUSR2", () => console.log("signal"));
		process.kill(process.pid, "SIGUSR2");
	}
	END
	$run node "$work/program.js"
}

# A program for debuggers: it waits, or ends badly, some calls deep; or waits
# there in a handler, which libdune calls if it is to enter Dune itself.
subject()
{
	cat >"$work/subject.c" <<-'END'
	#include <dune/dune.h>
	#include <fcntl.h>
	#include <signal.h>
	#include <stdlib.h>
	#include <unistd.h>
	long rounds, secret = 4711;
	__attribute__((noipa)) void one_round(void)
	{
		if (!rounds++)
			close(creat("ready", 0600));
		getppid();
		usleep(1000);
	}
	__attribute__((noipa)) void handle(void)
	{
		while (secret)
			one_round();
		_exit(3);
	}
	void take_exceptions(void)
	{
		if (dune_init(NULL) || dune_enter())
			abort();
		dune_set_trap_handler(DUNE_VECTOR_UD,
				      (dune_trap_handler)handle, 0);
	}
	__attribute__((noipa)) int deep(int depth, int how)
	{
		if (depth)
			return deep(depth - 1, how) + 1;
		if (how == 'a')
			abort();
		if (how == 'h')
			__asm__ volatile("ud2");
		if (how == 's')
			*(volatile int *)&rounds = *(volatile int *)0x1234;
		while (secret)
			one_round();
		return 0;
	}
	int main(int argc, char **argv)
	{
		signal(SIGILL, (void (*)(int))handle);
		if (argc > 2)
			take_exceptions();
		return deep(3, *argv[1]);
	}
	END
	command gcc -g -O1 -o "$work/subject" "$work/subject.c" -ldune
}

# Starts it, and waits until it is where it is to be looked at: before that gdb
# finds no such functions, and would wait for a breakpoint for ever.
start()
{
	rm -f ready
	"$@" &
	pid=$!
	for tenth in $(seq 600); do
		[ -e ready ] && break
		sleep 0.1
	done
}

# The functions and values that gdb tells of.
debug()
{
	command gdb -nx -batch -ex 'set debuginfod enabled off' "$@" 2>&1 |
		grep -oE '^#.* (main|deep|handle|one_round|abort) \(|^\$.*|^SIG.*' |
		sed 's/^#.* \([a-z_]* (\)/\1/' | uniq
}

# In a handler, which the program has from the kernel or from libdune.
gdb_in_handler()
{
	[ "$run" = command ] && enter='' || enter=enter
	start "$work/subject" handler $enter
	debug -p $pid -ex bt -ex 'frame function deep' -ex 'print how' \
		-ex 'set var secret = 0' -ex detach | grep -v usleep
	wait $pid
	echo "status $?"
}

gdb()
{
	subject
	gdb_in_handler
	start $run "$work/subject" wait
	debug -p $pid -ex bt -ex 'print secret' -ex 'break one_round' \
		-ex continue -ex bt -ex 'print rounds > 0' -ex 'delete' \
		-ex 'set var secret = 0' -ex detach | grep -v usleep
	wait $pid
	echo "status $?"
	ulimit -c unlimited
	for how in abort segv; do
		$run "$work/subject" $how
		echo "status $?"
		debug "$work/subject" "$work/core" -ex bt -ex 'print secret'
		rm -f "$work/core"
	done
}

strace()
{
	subject
	start $run "$work/subject" wait
	timeout -s INT 2 strace -f -p $pid -o "$work/calls"
	grep -oE '^[0-9]+ +(getppid|clock_nanosleep)' "$work/calls" |
		awk '{ print $2 }' | sort -u
	# it goes on without its tracer
	command gdb -nx -batch -p $pid -ex 'set var secret = 0' >/dev/null 2>&1
	wait $pid
	echo "status $?"
}

# Without a daemon the kernel's audit tells its log, all of it without a limit.
audit()
{
	echo 0 >/proc/sys/kernel/printk_ratelimit
	auditctl -e 1 >/dev/null
	auditctl -a always,exit -F arch=b64 -S mkdir -k dune
	seen=$(dmesg | grep -c 'type=1300.*syscall=83 ')
	rm -rf audited
	$run mkdir audited
	auditctl -D >/dev/null
	auditctl -e 0 >/dev/null
	dmesg | grep 'type=1300.*syscall=83 ' | tail -n "+$((seen + 1))" |
		grep -oE '(success|exit|comm|key)=[^ ]*'
}

stress()
{
	for stressor in cpu vm signal fork thread pipe futex timer mmap poll; do
		options=
		[ $stressor = vm ] && options="--vm-bytes 64M"
		[ $stressor = thread ] && stressor=pthread
		[ $stressor = signal ] && stressor=signest
		$run stress-ng --$stressor 2 $options --timeout "$seconds" \
			--verify --quiet --temp-path "$work" >"$work/stress" 2>&1
		echo "$stressor $?"
		sed 's/^/  /' "$work/stress" >&2
	done
}

# once NAME: it, as $run says; sets $status
once()
{
	(cd "$work" && $1) </dev/null >"$work/$2.out" 2>"$work/$2.err"
	status=$?
}

# Python's own tests are to succeed; if they fail anyway they tell nothing.
is_telling()
{
	case $1 in
	python_*) [ "$2" -eq 0 ] ;;
	esac
}

echo "TAP version 13"
echo "1..$(echo $names | wc -w)"
test=0
failed=0
for name in $names; do
	test=$((test + 1))
	run=command
	once "$name" outside
	outside=$status
	run=$inside
	once "$name" inside
	if [ $outside -eq $status ] && is_telling "$name" "$outside" &&
	   cmp -s "$work/outside.out" "$work/inside.out"; then
		echo "ok $test $name"
		continue
	fi
	failed=1
	echo "# status $status, outside $outside"
	diff "$work/outside.out" "$work/inside.out" | sed 's/^/# /'
	tail -n 60 "$work/inside.err" | sed 's/^/# /'
	echo "not ok $test $name"
done
exit $failed
