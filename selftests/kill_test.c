// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many processes in Dune, killed at random moments and replaced by others.
 *
 * DUNE_KILL_SECONDS says for how long.
 */
#include "kselftest_harness.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"
#include "need_dune.h"

#define PROCESSES	100
#define LARGE		(2UL << 20)

FIXTURE(kill) {
	int dune;
};

FIXTURE_SETUP(kill)
{
	self->dune = dune_open();
	ASSERT_GE(self->dune, 0);
	ASSERT_TRUE(cpu_state_load());
}

FIXTURE_TEARDOWN(kill)
{
	close(self->dune);
}

static void spin(struct guest *guest)
{
	guest_emit(guest, "\xfa\xeb\xfe", 3);		/* cli; jmp . */
	guest_run(guest);
}

static void sleep_in_guest(struct guest *guest)
{
	guest_emit(guest, "\xf4", 1);			/* hlt */
	guest_run(guest);
}

/* System calls without end, in place and plain. */
static void call(struct guest *guest)
{
	uint8_t loop[] = { 0xb8, SYS_getppid, 0, 0, 0 };

	guest_emit(guest, loop, sizeof(loop));
	guest_emit_hypercall(guest);
	guest_emit(guest, "\xeb", 1);
	guest_emit(guest, &(int8_t){ guest->code - guest->code_end - 1 }, 1);
	guest->run->flags = DUNE_RUN_DIRECT_SYSCALLS;
	for (;;) {
		if (!(rand() % 8))
			guest->run->flags ^= DUNE_RUN_DIRECT_SYSCALLS;
		guest_run(guest);
		guest->run->regs.rax = 0;
	}
}

/* Memory that comes and goes, touched by the guest. */
static void touch(struct guest *guest)
{
	uint8_t *area = guest_alloc(2 * LARGE);

	area = (uint8_t *)(((uint64_t)area + LARGE - 1) & ~(LARGE - 1));
	guest_map(guest, area);
	guest_emit(guest, "\xf3\xaa", 2);		/* rep stosb */
	guest_emit_hypercall(guest);
	for (;;) {
		guest->run->regs.rip = (uint64_t)guest->code;
		guest->run->regs.rdi = (uint64_t)area + rand() % LARGE / 2;
		guest->run->regs.rcx = rand() % (64 << 10);
		if (guest_run(guest))
			_exit(1);
		madvise(area, LARGE, rand() % 2 ? MADV_DONTNEED : MADV_FREE);
	}
}

/* Virtual CPUs that come and go. */
static void create(struct guest *guest)
{
	for (;;) {
		struct guest another;

		if (guest_create(&another))
			_exit(1);
		guest_emit_hypercall(&another);
		if (guest_run(&another))
			_exit(1);
		guest_destroy(&another);
	}
}

/* Children have no Dune of their own until they ask. */
static void fork_on(struct guest *guest)
{
	for (;;) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
}

static void be_killed(unsigned int seed)
{
	static void (*const ways[])(struct guest *guest) = {
		spin, sleep_in_guest, call, touch, create, fork_on,
	};
	struct guest guest;

	srand(seed);
	if (guest_create(&guest))
		_exit(1);
	ways[rand() % ARRAY_SIZE(ways)](&guest);
	_exit(2);
}

static pid_t start(unsigned int seed)
{
	pid_t pid = fork();

	if (!pid)
		be_killed(seed);
	return pid;
}

static int seconds(void)
{
	const char *text = getenv("DUNE_KILL_SECONDS");

	return text ? atoi(text) : 5;
}

/* Ends one, which must not have ended by itself. */
static bool end(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGKILL;
}

TEST_F_TIMEOUT(kill, many_processes_at_random_moments, 1800)
{
	time_t until = time(NULL) + seconds();
	pid_t pids[PROCESSES];
	unsigned int seed = 1;
	int i, online, on;

	for (i = 0; i < PROCESSES; i++) {
		pids[i] = start(seed++);
		ASSERT_GT(pids[i], 0);
	}
	while (time(NULL) < until) {
		i = rand() % PROCESSES;
		ASSERT_TRUE(end(pids[i]));
		pids[i] = start(seed++);
		ASSERT_GT(pids[i], 0);
	}
	for (i = 0; i < PROCESSES; i++)
		EXPECT_TRUE(end(pids[i]));
	/* the last one turned the light off */
	ASSERT_TRUE(cpu_state_count(&online, &on));
	EXPECT_EQ(0, on);
}

TEST_HARNESS_MAIN
