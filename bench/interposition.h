/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files on system calls that others look at know of each other. */
#ifndef INTERPOSITION_H
#define INTERPOSITION_H

#include <stdint.h>

/* Of a call that was forwarded, and of one that was only intercepted. */
#define FORWARDED	"interposed getpid"
#define ANSWERED	"intercepted getpid"

/* The answer to the latter: what no process here has for its number. */
#define ANSWER		1

/* As sixth argument, which getpid() does not look at: let it be. */
#define LET_BE		0x6475

/**
 * filter_getpid() - have seccomp do something about this thread's getpid()
 * @action: SECCOMP_RET_*
 * @flags: SECCOMP_FILTER_FLAG_*
 *
 * Return: what seccomp() returns: a descriptor, 0, or -1 with errno.
 */
int filter_getpid(uint32_t action, unsigned int flags);

#endif /* INTERPOSITION_H */
