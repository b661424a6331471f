// SPDX-License-Identifier: GPL-2.0-only
/* System calls that do little, so that the way to the kernel is what counts. */
#include <dune/dune.h>

#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/prctl.h>
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

/*
 * A thread whose calls could be signals has none made by the module, though all
 * of its memory is exempt from that: each is made by the process.
 */
static int use_plain_path(void)
{
	must(!prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, -1L,
		    NULL), "prctl()");
	return 0;
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

static pid_t process, thread;

static void do_nothing(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	(void)context;
}

static int begin_signal(void)
{
	handle_signal(SIGUSR1, do_nothing);
	process = getpid();
	thread = gettid();
	return 0;
}

static void signal_self(unsigned int operations)
{
	while (operations--)
		syscall(SYS_tgkill, process, thread, SIGUSR1);
}

#define CALLS	1000

#define LINUX(title, ...)						\
	{ .row = title, .how = "Linux", .per = "call",			\
	  .operations = CALLS, __VA_ARGS__ }

#define DUNE(title, by, ...)						\
	{ .row = title, .how = by, .per = "call", .operations = CALLS,	\
	  .dune = true, __VA_ARGS__ }

const struct bench call_benches[] = {
	LINUX("getpid", .run = getpid_syscall),
	DUNE("getpid", "Dune", .run = getpid_syscall),
	DUNE("getpid", "Dune, hypercall", .run = getpid_hypercall),
	DUNE("getpid", "Dune, plain path", .begin = use_plain_path,
	     .run = getpid_syscall),
	LINUX("read of 1 byte", .begin = open_zero, .run = read_byte),
	DUNE("read of 1 byte", "Dune", .begin = open_zero, .run = read_byte),
	LINUX("futex wake", .run = futex_wake),
	DUNE("futex wake", "Dune", .run = futex_wake),
	LINUX("clock_gettime", .run = read_clock),
	DUNE("clock_gettime", "Dune", .run = read_clock),
	LINUX("signal to itself", .begin = begin_signal, .run = signal_self),
	DUNE("signal to itself", "Dune", .begin = begin_signal,
	     .run = signal_self),
	{ 0 }
};
