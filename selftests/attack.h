/* SPDX-License-Identifier: GPL-2.0-only */
/* Ways out of a sandbox: each is tried by a process of its own. */
#ifndef DUNE_SELFTESTS_ATTACK_H
#define DUNE_SELFTESTS_ATTACK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE		4096UL

/*
 * What comes of an attack: one of these, a negative errno, or a signal that it
 * got. HELD: nothing refused it, but it had no effect either.
 */
#define HELD		0
#define CANNOT		3
#define SUCCEEDED		42
#define SIGNAL(nr)	(1000 + (nr))

/**
 * enum control - where an attack succeeds, so that the test can fail
 * @OUTSIDE: without the sandbox; what stands in for the supervisor's memory and
 *	descriptors is the program's own
 * @WITHIN: the same, and nothing is changed but in the process itself
 * @RING0: in ring 0, by dune-run: it is the CPU that refuses it
 * @NOWHERE: it fits outside as well. What is to be shown is that what it does
 *	to itself harms nothing else, the supervisor least of all
 * @UNTRIED: nowhere, and trying it without the sandbox shows nothing
 */
enum control { OUTSIDE, WITHIN, RING0, NOWHERE, UNTRIED };

/**
 * struct attack - a way out
 * @name: of it
 * @try: takes it
 * @control: where it succeeds
 * @fits: what may come of it in the sandbox: names of errors and signals, HELD
 * @as_nobody: not by root
 */
struct attack {
	const char *name;
	int (*try)(void);
	enum control control;
	const char *fits;
	bool as_nobody;
};

/* Its function's body follows. */
#define ATTACK_AS(name_, control_, fits_, nobody_)			\
	static int try_##name_(void);					\
	static const struct attack attack_##name_ = {			\
		.name = #name_, .try = try_##name_,			\
		.control = (control_), .fits = (fits_),			\
		.as_nobody = (nobody_),					\
	};								\
	static const struct attack *const pointer_##name_		\
		__attribute__((section("attacks"), used)) =		\
		&attack_##name_;					\
	static int try_##name_(void)

#define ATTACK(name, control, fits) ATTACK_AS(name, control, fits, false)

extern const struct attack *const __start_attacks[], *const __stop_attacks[];

const struct attack *find_attack(const char *name);

/* For attacks on the supervisor's memory; they may be tried at each address. */
#define ON_MEMORY(name, fits, function)					\
	static int do_##name(void)					\
	{								\
		return at_each_target(function);			\
	}								\
	ATTACK(name, WITHIN, fits)					\
	{								\
		return do_##name();					\
	}

/* A system call with an address of the supervisor's, the variable target. */
#define DEPUTED_FITS(name, fits, ...)					\
	static int call_##name(void)					\
	{								\
		return result_of(syscall(__VA_ARGS__));			\
	}								\
	ON_MEMORY(name, fits, call_##name)

#define DEPUTED(name, ...)						\
	DEPUTED_FITS(name, "EFAULT EPERM EACCES ENOSYS", __VA_ARGS__)

/* This error of it tells that the kernel has looked at what is there. */
#define ORACLES(name, error, ...)					\
	static int call_##name(void)					\
	{								\
		return syscall(__VA_ARGS__) >= 0 || errno == (error) ?	\
		       SUCCEEDED : -errno;				\
	}								\
	ON_MEMORY(name, "EFAULT EPERM EACCES ENOSYS EBADF", call_##name)

/* A call that a confined program has no use for. */
#define REFUSED(name, fits, ...)					\
	static int do_##name(void)					\
	{								\
		return if_there(result_of(syscall(__VA_ARGS__)));	\
	}								\
	ATTACK(name, OUTSIDE, fits)					\
	{								\
		return do_##name();					\
	}

/* Who is outside, by the stage; and what there is of the supervisor. */
struct knowledge {
	pid_t victim, parent, own_parent;
	unsigned int target_count, fd_count;
	uint64_t targets[16];
	int fds[16];
	bool bare;	/* there is no sandbox */
	bool is_told;	/* by a stage that has found all of these */
};

extern struct knowledge known;
extern uint64_t target;
extern int target_fd;
/* Memory of ours, a page of it, and where there is none. */
extern char *own_page, *own_hole;

#define SECRET		"SECRET"
#define SECRET_SIZE	6
/* mov $SUCCEEDED, %eax; ret: what stands in for the supervisor's memory */
#define STAND_IN_CODE	"\xb8\x2a\x00\x00\x00\xc3"

/* The victim's, at a known address. */
#define VICTIM_MEMORY	0x200000000UL
#define VICTIM_KEY	0x44756e65

/* One port is allowed, on loopback; at the other someone listens too. */
#define ALLOWED_PORT	45701
#define FORBIDDEN_PORT	45702
#define FREE_PORT	45703
#define ABSTRACT_NAME	"\0dune-attack"

int attempt(int (*function)(void));
int in_child(int (*function)(void));
int at_each_target(int (*function)(void));
int at_each_fd(int (*function)(void));
int result_of(long result);
int if_possible(int result);
int if_there(int result);
const char *at(const char *name);
int has_secret(int fd);
int opens(const char *path, int flags);
int zeroes(void);
int *pipe_ends(void);
long flip_while(void (*flip)(void), int (*function)(void), int rounds);

/* attack_stage.c */
int stage(int argc, char **argv);

#endif /* DUNE_SELFTESTS_ATTACK_H */
