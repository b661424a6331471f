// SPDX-License-Identifier: GPL-2.0-only
/* System calls that do little, so that the way to the kernel is what counts. */
#include <dune/dune.h>

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

/*
 * As the C library makes it; in Dune the SYSCALL instruction leads to libdune,
 * which makes the hypercall.
 */
static void getpid_syscall(unsigned int operations)
{
	while (operations--)
		syscall(SYS_getpid);
}

/* The hypercall itself, as a program that knows of Dune has it. */
static void getpid_hypercall(unsigned int operations)
{
	while (operations--)
		dune_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static int zero;

static int open_zero(void)
{
	zero = open("/dev/zero", O_RDONLY);
	must(zero >= 0, "/dev/zero");
	return 0;
}

static void read_byte(unsigned int operations)
{
	char byte;

	while (operations--)
		must(read(zero, &byte, 1) == 1, "read()");
}

static uint32_t word;

static void futex_wake(unsigned int operations)
{
	while (operations--)
		syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1);
}

static void read_clock(unsigned int operations)
{
	struct timespec now;

	while (operations--)
		clock_gettime(CLOCK_MONOTONIC, &now);
}

#define CALL(title, ...)						\
	{ .row = title, .how = "Linux", .per = "call",			\
	  .operations = 1000, __VA_ARGS__ },				\
	{ .row = title, .how = "Dune", .per = "call", .dune = true,	\
	  .operations = 1000, __VA_ARGS__ }

const struct bench call_benches[] = {
	CALL("getpid", .run = getpid_syscall),
	{ .row = "getpid", .how = "Dune, hypercall", .per = "call",
	  .operations = 1000, .dune = true, .run = getpid_hypercall },
	CALL("read of 1 byte", .begin = open_zero, .run = read_byte),
	CALL("futex wake", .run = futex_wake),
	CALL("clock_gettime", .run = read_clock),
	{ 0 }
};
