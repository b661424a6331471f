// SPDX-License-Identifier: GPL-2.0-only
/*
 * dune-measure: run benchmarks and print what they run on and each figure's
 * samples, a JSON object a line. What they mean is for report/ to say.
 */
#include <dune/dune.h>

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "exit_counter.h"
#include "machine.h"

/* So many are thrown away first: caches, branch predictors, lazy binding. */
#define WARM_UP		3
#define MOST_SAMPLES	1000

static const struct bench *const tables[] = {
	call_benches,
	trap_benches,
	appel_benches,
	fault_benches,
	walk_benches,
	supervised_benches,
	interposition_benches,
	switch_benches,
	process_benches,
	program_benches,
	dirty_benches,
	exit_benches,
	scale_benches,
	range_benches,
	kvm_benches,
};

const struct bench *measured;

static unsigned int samples = 15;

/* Of all there are; negative where they are not counted. */
static int exit_counter = -1;

int cannot_run(const char *why)
{
	printf(", \"skipped\": \"%s\"}\n", why);
	fflush(stdout);
	_exit(0);
}

void must(bool ok, const char *what)
{
	if (ok)
		return;
	printf(", \"failed\": \"%s: %s\"}\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

void handle_signal(int signal,
		   void (*handler)(int signal, siginfo_t *info, void *context))
{
	struct sigaction action = {
		.sa_sigaction = handler,
		.sa_flags = SA_SIGINFO,
	};

	must(!sigaction(signal, &action, NULL), "sigaction()");
}

static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	must(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity()");
}

static void enter_dune(uint64_t fill_size)
{
	struct dune_options options = {
		.size = sizeof(options),
		.fill_size = fill_size,
	};
	int err = dune_init(&options);

	/* A missing module is the machine's lack; anything else is a failure. */
	if (err == -ENOENT)
		cannot_run("dune.ko is not loaded");
	errno = -err;
	must(!err, dune_error(err));
	err = dune_enter();
	errno = -err;
	must(!err, dune_error(err));
}

/* What is told of a sample besides its figure. */
static const struct {
	const char *name;
	unsigned int stat;
} counted[] = {
	{ "hypercall", DUNE_STAT_HYPERCALL },
	{ "nested fault", DUNE_STAT_NESTED_FAULT },
	{ "host", DUNE_STAT_HOST },
};

#define COUNTED		ARRAY_SIZE(counted)

struct sample {
	double figure;
	uint64_t exits[COUNTED + 1];	/* the last: all other reasons */
};

static void read_exits(uint64_t exits[COUNTED + 1])
{
	struct dune_stats stats = { 0 };
	unsigned int i;

	must(!dune_get_stats(&stats), "dune_get_stats()");
	exits[COUNTED] = 0;
	for (i = 0; i < DUNE_STATS; i++)
		exits[COUNTED] += stats.exits[i];
	for (i = 0; i < COUNTED; i++) {
		exits[i] = stats.exits[counted[i].stat];
		exits[COUNTED] -= exits[i];
	}
}

/* Those of one read_exits() are in the difference of two: they are not ours. */
static void subtract(uint64_t to[COUNTED + 1], const uint64_t from[COUNTED + 1])
{
	unsigned int i;

	for (i = 0; i <= COUNTED; i++)
		to[i] = to[i] > from[i] ? to[i] - from[i] : 0;
}

/* Adds those since @before. */
static void count_exits(struct sample *sample,
			const uint64_t before[COUNTED + 1])
{
	uint64_t now[COUNTED + 1], twice[COUNTED + 1];
	unsigned int i;

	read_exits(now);
	read_exits(twice);
	subtract(twice, now);
	subtract(now, before);
	subtract(now, twice);
	for (i = 0; i <= COUNTED; i++)
		sample->exits[i] += now[i];
}

static unsigned int rounds_of(const struct bench *bench)
{
	return bench->rounds ? bench->rounds : 1;
}

static void add_round(const struct bench *bench, struct sample *sample)
{
	uint64_t before[COUNTED + 1], start;

	if (bench->prepare)
		bench->prepare(bench->operations);
	if (exit_counter >= 0)
		before[COUNTED] = read_exit_counter(exit_counter);
	if (bench->value) {
		sample->figure += bench->value();
	} else {
		if (bench->dune)
			read_exits(before);
		start = ticks();
		bench->run(bench->operations);
		sample->figure += (double)(ticks() - start) / bench->operations;
		if (bench->dune)
			count_exits(sample, before);
	}
	if (exit_counter >= 0)
		sample->exits[COUNTED] += read_exit_counter(exit_counter) -
					  before[COUNTED];
	if (bench->clean)
		bench->clean(bench->operations);
}

static void take(const struct bench *bench, struct sample *sample)
{
	unsigned int i;

	*sample = (struct sample){ 0 };
	for (i = 0; i < rounds_of(bench); i++)
		add_round(bench, sample);
	sample->figure /= rounds_of(bench);
}

/* The same, of other processes; the figures are those that there are. */
static void take_exits(const struct bench *bench, struct sample *taken)
{
	struct sample sample;
	unsigned int i;

	exit_counter = open_exit_counter();
	for (i = 0; i < samples && exit_counter >= 0; i++) {
		take(bench, &sample);
		taken[i].exits[COUNTED] = sample.exits[COUNTED];
	}
}

static void print_exits(const struct bench *bench,
			const struct sample *taken, unsigned int which)
{
	unsigned int i;

	printf("\"%s\": [", which < COUNTED ? counted[which].name : "other");
	for (i = 0; i < samples; i++)
		printf("%s%.6g", i ? ", " : "",
		       (double)taken[i].exits[which] /
		       (bench->operations * rounds_of(bench)));
	printf("]");
}

static void print(const struct bench *bench, const struct sample *taken)
{
	unsigned int i;

	printf(", \"unit\": \"%s\", \"operations\": %u, \"samples\": [",
	       bench->value ? bench->unit : "ticks", bench->operations);
	for (i = 0; i < samples; i++)
		printf("%s%.10g", i ? ", " : "", taken[i].figure);
	printf("]");
	if ((bench->dune && bench->run) || exit_counter >= 0) {
		printf(", \"exits\": {");
		for (i = bench->dune ? 0 : COUNTED; i < COUNTED; i++) {
			print_exits(bench, taken, i);
			printf(", ");
		}
		print_exits(bench, taken, COUNTED);
		printf("}");
	}
	printf("}\n");
	fflush(stdout);
}

/* In a process of its own. */
static void measure(const struct bench *bench)
{
	struct sample *taken;
	unsigned int i;

	taken = calloc(samples, sizeof(*taken));
	measured = bench;
	printf("{\"row\": \"%s\", \"how\": \"%s\", \"per\": \"%s\"",
	       bench->row, bench->how, bench->per);
	fflush(stdout);
	must(taken, "calloc()");
	pin();
	if (bench->dune)
		enter_dune(bench->fill_size);
	if (bench->begin)
		must(!bench->begin(), "begin()");
	for (i = 0; i < WARM_UP; i++)
		take(bench, taken);
	for (i = 0; i < samples; i++)
		take(bench, &taken[i]);
	if (bench->others)
		take_exits(bench, taken);
	print(bench, taken);
	if (bench->end)
		bench->end();
	_exit(0);
}

/* What it made ends with it, before the next figure is taken. */
static void end_rest(pid_t group)
{
	kill(-group, SIGKILL);
	while (waitpid(-group, NULL, 0) > 0)
		;
}

static bool run(const struct bench *bench)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		measure(bench);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("dune-measure");
		return false;
	}
	end_rest(pid);
	if (WIFSIGNALED(status))
		printf(", \"failed\": \"ended by signal %d\"}\n",
		       WTERMSIG(status));
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/* Is it one of those that were asked for, by "row" or "row/how"? */
static bool is_wanted(const struct bench *bench, char **names)
{
	size_t length = strlen(bench->row);

	if (!*names)
		return true;
	for (; *names; names++)
		if (!strncmp(*names, bench->row, length) &&
		    (!(*names)[length] ||
		     ((*names)[length] == '/' &&
		      !strcmp(*names + length + 1, bench->how))))
			return true;
	return false;
}

static int usage(int status)
{
	fprintf(status ? stderr : stdout,
		"Usage: dune-measure [-l] [-n SAMPLES] [ROW | ROW/HOW]...\n");
	return status;
}

static void list(const struct bench *bench)
{
	printf("%s/%s\n", bench->row, bench->how);
}

int main(int argc, char **argv)
{
	bool listing = false, ok = true, any = false;
	const struct bench *bench;
	unsigned int i;
	int option;

	while ((option = getopt(argc, argv, "hln:")) != -1) {
		if (option == 'h')
			return usage(0);
		if (option == 'l')
			listing = true;
		else if (option == 'n')
			samples = strtoul(optarg, NULL, 10);
		else
			return usage(2);
	}
	if (!samples || samples > MOST_SAMPLES) {
		fprintf(stderr, "dune-measure: 1 to %d samples\n", MOST_SAMPLES);
		return 2;
	}
	if (!listing)
		print_machine();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		for (bench = tables[i]; bench->row; bench++) {
			if (!is_wanted(bench, argv + optind))
				continue;
			any = true;
			if (listing)
				list(bench);
			else
				ok = run(bench) && ok;
		}
	}
	if (!any)
		fprintf(stderr, "dune-measure: there is no such figure\n");
	return ok && any ? 0 : 1;
}
