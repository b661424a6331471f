// SPDX-License-Identifier: LGPL-2.1-or-later
/* dune-sandbox - run an unmodified program, confined, in ring 3 of Dune. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../find_program.h"
#include "parse.h"
#include "watch.h"

/* As the shell and env(1) have it. */
#define STATUS_USAGE		2
#define STATUS_CANNOT_RUN	126
#define STATUS_NOT_FOUND	127

/* Of the supervisor itself: libdune's tables and stacks, and this program. */
#define OWN_MEMORY	(64UL << 20)

#define MOST_DESCRIPTORS	8192
#define LEAST_ABOVE		1024

/**
 * struct request - what the command line asks for
 * @learn: file for the policy that is learned, or NULL
 * @log: file for refusals, or NULL
 * @empty: without what every program needs
 * @stats: tell in the end
 */
struct request {
	const char *learn, *log;
	bool empty, stats;
};

static struct policy new_policy;

int fail(const char *what, int error)
{
	if (error)
		fprintf(stderr, "dune-sandbox: %s: %s\n", what,
			strerror(error < 0 ? -error : error));
	else
		fprintf(stderr, "dune-sandbox: %s\n", what);
	return error == -ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN;
}

static int tell_how(FILE *file, int status)
{
	fprintf(file, "usage: dune-sandbox [OPTION...] -- PROGRAM [ARGUMENT...]\n"
		"Runs PROGRAM in ring 3 of a virtual CPU, with what is allowed and no more.\n\n"
		"  --read PATH       may be read, with all below it\n"
		"  --write PATH      and be written to\n"
		"  --exec PATH       may be read and executed\n"
		"  --hide PATH       is not there\n"
		"  --net none|loopback|all|[ADDRESS][:PORT]  whom it may talk to\n"
		"  --env NAME[=VALUE]  a variable of the environment\n"
		"  --max-mem SIZE    of address space, for each process\n"
		"  --max-procs N     at a time\n"
		"  --allow SYSCALL, --deny SYSCALL\n"
		"  --kill            a refusal ends the program\n"
		"  --policy FILE     more of these, a line each\n"
		"  --empty           without what every program needs\n"
		"  --learn FILE      refuse nothing, and write what it took\n"
		"  --log FILE        each refusal; \"-\": to standard error\n"
		"  --stats           tell on standard error what it took\n"
		"  --help            this text\n");
	return status;
}

static int refuse_option(const char *option, const char *value,
			 const char *why)
{
	fprintf(stderr, "dune-sandbox: --%s%s%s: %s\n", option,
		value ? " " : "", value ?: "", why);
	return STATUS_USAGE;
}

static int take_policy(const char *path)
{
	unsigned int line;
	const char *why = policy_read(&new_policy, path, &line);

	if (!why)
		return 0;
	if (line)
		fprintf(stderr, "dune-sandbox: %s:%u: %s\n", path, line, why);
	else
		fprintf(stderr, "dune-sandbox: %s: %s\n", path, why);
	return STATUS_USAGE;
}

static const struct option options[] = {
	{ "read", required_argument, NULL, 's' },
	{ "write", required_argument, NULL, 's' },
	{ "exec", required_argument, NULL, 's' },
	{ "hide", required_argument, NULL, 's' },
	{ "net", required_argument, NULL, 's' },
	{ "env", required_argument, NULL, 's' },
	{ "max-mem", required_argument, NULL, 's' },
	{ "max-procs", required_argument, NULL, 's' },
	{ "allow", required_argument, NULL, 's' },
	{ "deny", required_argument, NULL, 's' },
	{ "kill", no_argument, NULL, 's' },
	{ "policy", required_argument, NULL, 'p' },
	{ "empty", no_argument, NULL, 'e' },
	{ "learn", required_argument, NULL, 'l' },
	{ "log", required_argument, NULL, 'o' },
	{ "stats", no_argument, NULL, 't' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int take_setting(const char *keyword, const char *value)
{
	const struct setting setting = { keyword, value };
	const char *why = policy_add(&new_policy, &setting);

	return why ? refuse_option(keyword, value, why) : 0;
}

/* Returns 0; or the status with which this is to end, and *done. */
static int take_options(int argc, char **argv, struct request *request,
			bool *done)
{
	int option, index, status = 0;

	while (!status && (option = getopt_long(argc, argv, "+", options,
						&index)) != -1) {
		switch (option) {
		case 's':
			status = take_setting(options[index].name, optarg);
			break;
		case 'p':
			status = take_policy(optarg);
			break;
		case 'e':
			request->empty = true;
			break;
		case 'l':
			request->learn = optarg;
			break;
		case 'o':
			request->log = optarg;
			break;
		case 't':
			request->stats = true;
			break;
		case 'h':
			*done = true;
			return tell_how(stdout, 0);
		default:
			status = tell_how(stderr, STATUS_USAGE);
		}
	}
	if (!status && optind == argc)
		status = tell_how(stderr, STATUS_USAGE);
	*done = status;
	return status;
}

/*
 * Ring 3 has the descriptors below a number, and above there is room for those
 * of the supervisor.
 */
static int divide_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	if (limit.rlim_cur > MOST_DESCRIPTORS)
		limit.rlim_cur = MOST_DESCRIPTORS;
	if (limit.rlim_cur > limit.rlim_max / 2)
		limit.rlim_cur = limit.rlim_max / 2;
	if (limit.rlim_max < 2 * LEAST_ABOVE)
		return -EMFILE;
	new_policy.descriptors = limit.rlim_cur;
	return setrlimit(RLIMIT_NOFILE, &limit) ? -errno : 0;
}

/* Where programs that are executed find it as well. */
static int keep_open(int fd)
{
	if (fd < 0)
		return -errno;
	fd = dune_keep_descriptor(fd);
	if (fd >= 0 && fcntl(fd, F_SETFD, 0))
		return -errno;
	return fd;
}

static int open_output(const char *path)
{
	if (!strcmp(path, "-"))
		return keep_open(dup(STDERR_FILENO));
	return keep_open(open(path, O_WRONLY | O_CREAT | O_APPEND, 0666));
}

static int open_outputs(const struct request *request)
{
	if (request->log) {
		new_policy.log = open_output(request->log);
		if (new_policy.log < 0) {
			fail(request->log, new_policy.log);
			return STATUS_CANNOT_RUN;
		}
	}
	if (request->learn) {
		new_policy.learned = open_output(request->learn);
		if (new_policy.learned < 0) {
			fail(request->learn, new_policy.learned);
			return STATUS_CANNOT_RUN;
		}
		new_policy.flags |= POLICY_LEARN;
	}
	if (request->stats)
		new_policy.flags |= POLICY_STATS;
	return 0;
}

/* Others are in it, or may be: it is none to send signals to. */
static void note_group(void)
{
	new_policy.group = getpgrp();
}

/* For each process, so that all it executes is within it too. */
static int limit_memory(void)
{
	struct rlimit limit;

	if (!new_policy.max_memory)
		return 0;
	limit.rlim_cur = new_policy.max_memory + OWN_MEMORY;
	limit.rlim_max = limit.rlim_cur;
	return setrlimit(RLIMIT_AS, &limit) ? -errno : 0;
}

/* The kernel would write one wherever the program is, and all of it. */
static int forbid_cores(void)
{
	const struct rlimit none = { 0, 0 };

	return setrlimit(RLIMIT_CORE, &none) ? -errno : 0;
}

static int make_policy(const struct request *request, const char *program)
{
	const char *why = request->empty ? NULL : policy_preset(&new_policy);
	int err;

	if (access(program, F_OK))
		return fail(program, -errno);
	/* who asks for it wants it to be executed */
	why = why ?: add_rule(&new_policy, program,
			      RIGHT_LOOK | RIGHT_READ | RIGHT_EXECUTE, false) ?:
	      finish_rules(&new_policy);
	if (why)
		return fail(why, 0);
	note_group();
	new_policy.supervisor = keep_open(open("/proc/self/exe",
					       O_PATH | O_CLOEXEC));
	err = new_policy.supervisor < 0 ? new_policy.supervisor :
	      policy_create(&new_policy);
	if (err < 0)
		return fail("cannot keep the policy", err);
	fcntl(err, F_SETFD, 0);
	err = policy_map(err);
	return err ? fail("cannot keep the policy", err) : 0;
}

/* As ring 3 would do it, with the same checks; returns only if that fails. */
static int execute_first(const char *path, char **argv)
{
	struct dune_frame frame = {
		.rax = SYS_execve,
		.rdi = (uint64_t)path,
		.rsi = (uint64_t)argv,
		.rdx = (uint64_t)make_environment(environ),
	};
	int err = limit_memory() ?: forbid_cores() ?: raise_wall();

	if (err)
		return fail("cannot confine it", err);
	return fail(path, handle_execve(&frame));
}

static int run(const struct request *request, char **argv)
{
	char path[PATH_MAX];
	int err = divide_descriptors(), status;

	if (err)
		return fail("the hard limit of descriptors (ulimit -Hn) is below 2048", 0);
	if (!find_program(argv[0], path, sizeof(path)))
		return fail(argv[0], -ENOENT);
	status = open_outputs(request) ?: make_policy(request, path);
	if (status)
		return status;
	if ((request->stats || request->learn) && !watch(&status))
		return tell_results(request->stats, request->learn) ?: status;
	return execute_first(path, argv);
}

/* INSIDE POLICY PROGRAM PATH [ARGUMENT...], as execute() has it */
static int go_on(int argc, char **argv)
{
	int err;

	if (argc < 4)
		return tell_how(stderr, STATUS_USAGE);
	err = memory_guard() ?: policy_map(atoi(argv[1]));
	if (err)
		return fail("no policy", err);
	return start(atoi(argv[2]), argv[3], argv + 4, environ);
}

int main(int argc, char **argv)
{
	struct request request = {};
	bool done;
	int status;

	show_variables(environ);
	if (argc && !strcmp(argv[0], INSIDE))
		return go_on(argc, argv);
	policy_begin(&new_policy);
	status = take_options(argc, argv, &request, &done);
	return done ? status : run(&request, argv + optind);
}
