// SPDX-License-Identifier: GPL-2.0-only
/* How threads and processes begin and end, and how they get into Dune. */
#include <dune/dune.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define REPEATED	20

static void *end_thread(void *argument)
{
	return argument;
}

static void make_threads(unsigned int operations)
{
	pthread_t thread;

	while (operations--) {
		must(!pthread_create(&thread, NULL, end_thread, NULL),
		     "pthread_create()");
		must(!pthread_join(thread, NULL), "pthread_join()");
	}
}

static void wait_for(pid_t pid)
{
	int status = 0;

	must(pid > 0 && waitpid(pid, &status, 0) == pid, "waitpid()");
	errno = ECHILD;
	must(WIFEXITED(status) && !WEXITSTATUS(status), "the child");
}

static void make_children(unsigned int operations)
{
	while (operations--) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		wait_for(pid);
	}
}

static uint64_t *taken;

static int share_result(void)
{
	taken = mmap(NULL, sizeof(*taken), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(taken != MAP_FAILED, "mmap()");
	return 0;
}

/* As far as the child: its end is not in it, nor what it waits for there. */
static double fork_to_child(void)
{
	uint64_t start = ticks();
	pid_t pid = fork();

	if (!pid) {
		*taken = ticks();
		_exit(0);
	}
	wait_for(pid);
	return *taken - start;
}

/* The program is not in Dune: what enters it executes one that does. */
static void execute(unsigned int operations)
{
	while (operations--) {
		pid_t pid = fork();

		if (!pid) {
			execl("/bin/true", "true", NULL);
			_exit(1);
		}
		wait_for(pid);
	}
}

/* Each of the others finds that the CPUs have virtualization on. */
static int others_are_in_dune(void)
{
	struct dune_create_vcpu create = { 0 };
	int device = open("/dev/dune", O_RDWR | O_CLOEXEC);

	if (device < 0)
		return cannot_run("dune.ko is not loaded");
	must(ioctl(device, DUNE_CREATE_VCPU, &create) >= 0, "DUNE_CREATE_VCPU");
	return share_result();
}

static int nobody_is_in_dune(void)
{
	if (access("/dev/dune", F_OK))
		return cannot_run("dune.ko is not loaded");
	return share_result();
}

static void enter(void)
{
	uint64_t start = ticks();
	int err = dune_init(NULL);

	if (!err)
		err = dune_enter();
	*taken = ticks() - start;
	_exit(!!err);
}

static double enter_once(void)
{
	pid_t pid = fork();

	if (!pid)
		enter();
	wait_for(pid);
	return *taken;
}

static void enter_again(unsigned int operations)
{
	while (operations--) {
		dune_leave();
		dune_enter();
	}
}

#define LINUX	.how = "Linux"
#define DUNE	.how = "Dune", .dune = true

#define THREAD								\
	.row = "thread", .per = "creation and end",			\
	.operations = 10 * REPEATED, .run = make_threads
#define FORK								\
	.row = "fork", .per = "child", .operations = REPEATED,		\
	.run = make_children
#define FORK_HALF							\
	.row = "fork, to the child", .per = "child", .operations = 1,	\
	.begin = share_result, .value = fork_to_child, .unit = "ticks"
#define EXEC								\
	.row = "fork and exec", .per = "child",	.operations = REPEATED,	\
	.run = execute
#define ENTRY								\
	.row = "entry", .per = "process", .operations = 1, .rounds = 20

const struct bench process_benches[] = {
	{ THREAD, LINUX }, { THREAD, DUNE },
	{ FORK, LINUX }, { FORK, DUNE },
	{ FORK_HALF, LINUX }, { FORK_HALF, DUNE },
	{ EXEC, LINUX }, { EXEC, DUNE },
	{ ENTRY, .how = "Dune", .begin = others_are_in_dune,
	  .value = enter_once, .unit = "ticks" },
	{ ENTRY, .how = "Dune, the only process", .begin = nobody_is_in_dune,
	  .value = enter_once, .unit = "ticks" },
	{ .row = "entry", .how = "Dune, again", .per = "leaving and entering",
	  .operations = 100, .dune = true, .run = enter_again },
	{ 0 }
};
