/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files on system calls that others look at know of each other. */
#ifndef INTERPOSITION_H
#define INTERPOSITION_H

#include <stdint.h>
#include <sys/types.h>

/* Of a call that was forwarded, and of one that was only intercepted. */
#define FORWARDED	"interposed getpid"
#define ANSWERED	"intercepted getpid"

/* The answer to the latter: what no process here has for its number. */
#define ANSWER		1

/* As sixth argument, which few calls look at: let it be. */
#define LET_BE		0x6475

#define ALL_CALLS	(-1L)

/**
 * filter_calls() - have seccomp do something about this thread's calls
 * @number: of the call, or ALL_CALLS
 * @action: SECCOMP_RET_*
 * @flags: SECCOMP_FILTER_FLAG_*
 *
 * Return: what seccomp() returns: a descriptor, 0, or -1 with errno.
 */
int filter_calls(long number, uint32_t action, unsigned int flags);

/**
 * fork_to_watch() - make a child that ends with this process
 *
 * It has the descriptors of this process, not copies, until it executes
 * something.
 *
 * Return: what fork() returns.
 */
pid_t fork_to_watch(void);

#endif /* INTERPOSITION_H */
