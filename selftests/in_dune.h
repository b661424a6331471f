/* SPDX-License-Identifier: GPL-2.0-only */
/* For tests of libdune's functions, which run in ring 0 by it. */
#ifndef DUNE_SELFTESTS_IN_DUNE_H
#define DUNE_SELFTESTS_IN_DUNE_H

#include "kselftest_harness.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <dune/dune.h>

#include "need_dune.h"

#define PAGE	DUNE_PAGE_SIZE
#define LARGE	DUNE_PAGE_SIZE_2M
#define HUGE	DUNE_PAGE_SIZE_1G

/* The harness runs each test in a process of its own. */
#define ENTER_DUNE() do {						\
	ASSERT_EQ(0, dune_init(NULL));					\
	ASSERT_EQ(0, dune_enter());					\
} while (0)

/* Memory with nothing in it, aligned to 2 MiB. */
static inline char *get_memory(size_t size)
{
	char *area = mmap(NULL, size + LARGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		return NULL;
	return (char *)(((uint64_t)area + LARGE - 1) & ~(LARGE - 1));
}

/* Accesses that the compiler leaves where they are: a handler may see them. */
static inline void put(char *place, char value)
{
	asm volatile("movb %1, %0" : "=m" (*place) : "q" (value) : "memory");
}

static inline char get(char *place)
{
	char value;

	asm volatile("movb %1, %0" : "=q" (value) : "m" (*place) : "memory");
	return value;
}

/*
 * For ring 3, on pages of its own: the compiler is not to call anything that is
 * elsewhere.
 */
#define USER_CODE __attribute__((section("user_code"), noinline,	\
				 no_stack_protector))

extern const char __start_user_code[], __stop_user_code[];

static inline int ring(void)
{
	uint16_t cs;

	asm volatile("mov %%cs, %0" : "=r" (cs));
	return cs & 3;
}

static _Thread_local int of_thread = 7;

/* What on_signal() saw; the thread that it interrupts looks at it, too. */
static struct {
	int calls, ring, signal, value, tls;
	const char *stack;
	sigset_t blocked;
} handled;

static inline void on_signal(int signal, siginfo_t *info, void *context)
{
	char here;

	handled.ring = ring();
	handled.signal = signal;
	handled.value = info->si_value.sival_int;
	handled.tls = of_thread;
	handled.stack = &here;
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &handled.blocked, 8);
	/* it would be executed again */
	if (signal == SIGILL)
		_exit(1);
	__atomic_add_fetch(&handled.calls, 1, __ATOMIC_RELEASE);
}

static inline void handle(int signal, int flags)
{
	struct sigaction action = {
		.sa_sigaction = on_signal, .sa_flags = flags | SA_SIGINFO,
	};

	sigaddset(&action.sa_mask, SIGTERM);
	sigaction(signal, &action, NULL);
}

static inline int calls(void)
{
	return __atomic_load_n(&handled.calls, __ATOMIC_ACQUIRE);
}

static inline unsigned int descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

/* Pages that the process has, or, by its page tables, that it uses. */
static inline unsigned long memory_of(bool used)
{
	FILE *file = fopen(used ? "/proc/self/smaps_rollup" :
				  "/proc/self/statm", "r");
	unsigned long pages = 0;
	char line[256];

	while (fgets(line, sizeof(line), file))
		if (sscanf(line, used ? "Rss: %lu kB" : "%lu", &pages) == 1)
			break;
	fclose(file);
	return used ? pages / 4 : pages;
}

/* How a child ended that calls a function. */
#define STATUS_OF(call) ({						\
	pid_t child_ = fork();						\
	int status_;							\
									\
	if (!child_) {							\
		call;							\
		_exit(0);						\
	}								\
	waitpid(child_, &status_, 0);					\
	status_;							\
})

#endif /* DUNE_SELFTESTS_IN_DUNE_H */
