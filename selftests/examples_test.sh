#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The examples of the package, built outside of the tree, say what they should.
if [ ! -e /dev/dune ]; then
	echo "1..0 # SKIP no /dev/dune: dune.ko is not loaded"
	exit 4
fi

cd "$(dirname "$0")" || exit 1
echo "TAP version 13"
echo "1..6"
status=0
test=0

# run EXAMPLE: says what is on the input, and ends well?
run()
{
	test=$((test + 1))
	expected=$(cat)
	output=$(./example_$1 2>&1)
	ended=$?
	[ $ended = 0 ] && [ "$output" = "$expected" ] && echo "ok $test $1" &&
		return
	echo "$output" | sed 's/^/# /'
	echo "# status $ended"
	echo "not ok $test $1"
	status=1
}

run hello <<END
outside: ring 3
inside: ring 0
own page table: yes
outside again: ring 3
END

run fault_handler <<END
wrote to 4 pages: 4 faults
read them: sum 10, 4 faults
END

run dirty_pages <<END
all written: 16 dirty: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
none since: 0 dirty:
two since: 2 dirty: 3 11
END

run page_roots <<END
first root: 1
second root: 2
written there: no
first root: 1, users of its page: 1
END

run ring3 <<END
answer: 23
theft: -14
secret: 1
END

run signals <<END
outside: 1 signal, handled in ring 3
inside: 2 signals, handled in ring 0
interrupts off: 2 signals
interrupts on: 3 signals
END

exit $status
