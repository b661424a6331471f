/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of threads, processes and their waiting have in common. */
#ifndef DUNE_SELFTESTS_ORDINARY_PROCESSES_H
#define DUNE_SELFTESTS_ORDINARY_PROCESSES_H

#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ordinary.h"

extern char **environ;

static inline int status_of(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status;
}

static __thread int of_the_thread = 7;

/* Begins a thread: returns its argument if all is as it should be. */
static inline void *in_same_ring(void *arg)
{
	int fine = ring() == first_ring && of_the_thread == 7 && errno == 0;

	of_the_thread = 8;
	errno = EINVAL;
	return fine ? arg : NULL;
}

/* Not static: raise() is said to call nothing of this file. */
int calls;

static inline void note(int signal)
{
	calls++;
}

static inline void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	sigaction(signal, &action, NULL);
}

static inline void alarm_after(long usec)
{
	struct itimerval timer = { .it_value.tv_usec = usec };

	setitimer(ITIMER_REAL, &timer, NULL);
}

#endif /* DUNE_SELFTESTS_ORDINARY_PROCESSES_H */
