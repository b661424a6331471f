/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a benchmark is to measure.c: one operation, done in one way.
 *
 * Each is measured in a process of its own, on one CPU, so that none finds
 * what another left and one that enters Dune need not leave it.
 */
#ifndef BENCH_H
#define BENCH_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/**
 * struct bench - an operation, done in one way
 * @row: what is done: "getpid"
 * @how: by what: "Linux", "Dune", "ptrace"
 * @per: what one figure is for: "call", "page"
 * @operations: how many of them a round has
 * @rounds: of @prepare, @run and @clean, or of @value, that a sample has, which
 *	is their mean; 0: one. For what differs more from one to the next, such
 *	as what the kernel does for many at a time.
 * @dune: the process is in Dune when @begin is called, and its exits are told
 * @fill_size: with that: as in &struct dune_options
 * @others: other processes are in Dune, and everybody's exits are told. They are
 *	counted in further samples, as that takes instructions.
 * @begin: called once, first; 0 or what cannot_run() returns. May be NULL.
 * @prepare: called before each round, not counted. May be NULL.
 * @run: does that many operations; this is counted
 * @clean: called after each round, not counted. May be NULL.
 * @value: in place of @run, for what is not counted by the CPU: the figure
 *	itself for one round. May call cannot_run().
 * @unit: of what @value returns: "bytes"
 * @end: called once, last, if all went well. May be NULL.
 */
struct bench {
	const char *row;
	const char *how;
	const char *per;
	unsigned int operations;
	unsigned int rounds;
	bool dune;
	bool others;
	uint64_t fill_size;
	int (*begin)(void);
	void (*prepare)(unsigned int operations);
	void (*run)(unsigned int operations);
	void (*clean)(unsigned int operations);
	double (*value)(void);
	const char *unit;
	void (*end)(void);
};

/* The one that the functions of a benchmark are called for. */
extern const struct bench *measured;

/* All that a file has, in the order of the report; the last has no row. */
extern const struct bench call_benches[];
extern const struct bench trap_benches[];
extern const struct bench appel_benches[];
extern const struct bench fault_benches[];
extern const struct bench walk_benches[];
extern const struct bench supervised_benches[];
extern const struct bench interposition_benches[];
extern const struct bench switch_benches[];
extern const struct bench process_benches[];
extern const struct bench program_benches[];
extern const struct bench dirty_benches[];
extern const struct bench exit_benches[];
extern const struct bench scale_benches[];
extern const struct bench range_benches[];
extern const struct bench kvm_benches[];

/* Of handlers: their flag, and what is done without any of Dune's. */
#define INTEGER		"Dune, integer handler"
#define SIGNAL		"Dune, by signal"

/* For functions that may use no floating-point or vector register. */
#define INTEGER_ONLY	__attribute__((target("general-regs-only")))

/**
 * cannot_run() - this figure is not to be had here
 * @why: in a few words: "the kernel has no PAGEMAP_SCAN"
 *
 * For what the machine lacks, and nothing else: the report says so in the
 * figure's place.
 *
 * Return: -1, for begin() to return.
 */
int cannot_run(const char *why);

/**
 * must() - end the figure as failed if a call did
 * @ok: whether it did not
 * @what: the call, for the message, to which errno's meaning is added
 */
void must(bool ok, const char *what);

/**
 * handle_signal() - have a handler for a signal, with its context
 * @signal: the signal
 * @handler: as for SA_SIGINFO
 */
void handle_signal(int signal,
		   void (*handler)(int signal, siginfo_t *info, void *context));

/**
 * ticks() - the time-stamp counter
 *
 * In the emulators, with --count, one more for each instruction executed.
 *
 * Return: that, when all before it has been executed.
 */
static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence"
			 : "=a" (low), "=d" (high) : : "memory");
	return (uint64_t)high << 32 | low;
}

#endif /* BENCH_H */
