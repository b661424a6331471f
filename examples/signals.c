// SPDX-License-Identifier: LGPL-2.1-or-later
/* Signals in ring 0: the same handlers, and how to hold them off. */
#include <dune/dune.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static sig_atomic_t signals;
static unsigned int ring_of_handler;

static unsigned int ring(void)
{
	unsigned short cs;

	__asm__ volatile("mov %%cs, %0" : "=r" (cs));
	return cs & 3;
}

static void handle(int signal)
{
	(void)signal;
	signals++;
	ring_of_handler = ring();
}

int main(void)
{
	struct sigaction action;
	int err = dune_init(NULL);

	memset(&action, 0, sizeof(action));
	action.sa_handler = handle;
	sigaction(SIGUSR1, &action, NULL);

	raise(SIGUSR1);
	printf("outside: %d signal, handled in ring %u\n", (int)signals,
	       ring_of_handler);
	if (!err)
		err = dune_enter();
	if (err) {
		fprintf(stderr, "signals: %s\n", dune_error(err));
		return 1;
	}
	raise(SIGUSR1);
	printf("inside: %d signals, handled in ring %u\n", (int)signals,
	       ring_of_handler);

	/* Costs no system call, as sigprocmask() does. */
	dune_set_interrupts(0);
	kill(getpid(), SIGUSR1);
	printf("interrupts off: %d signals\n", (int)signals);
	dune_set_interrupts(1);
	printf("interrupts on: %d signals\n", (int)signals);
	return 0;
}
