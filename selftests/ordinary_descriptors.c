// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors: those that there are, and those that may be. It knows nothing
 * of Dune, which has some too: process_test.sh runs it there.
 */
#include "kselftest_harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "ordinary_processes.h"

FIXTURE(descriptors) {
};

FIXTURE_SETUP(descriptors)
{
}

FIXTURE_TEARDOWN(descriptors)
{
}

static void *return_arg(void *arg)
{
	return arg;
}

/* Neither a child nor a thread needs a descriptor of the program's. */
TEST_F(descriptors, children_come_without_free_descriptors)
{
	struct rlimit limit;
	pthread_t thread;
	void *result;
	int last, fd;
	pid_t pid;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 64;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	do {
		last = dup(0);
	} while (last >= 0);
	ASSERT_EQ(EMFILE, errno);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		fd = dup(0);
		_exit(fd < 0 && errno == EMFILE && ring() == first_ring ?
		      0 : 99);
	}
	EXPECT_EQ(0, status_of(pid));
	pid = vfork();
	if (!pid)
		_exit(26);
	EXPECT_EQ(26 << 8, status_of(pid));
	ASSERT_EQ(0, pthread_create(&thread, NULL, return_arg, self));
	ASSERT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ(self, result);
}

TEST_F(descriptors, descriptors_are_the_programs_own)
{
	int fd = open("/dev/null", O_RDONLY);
	struct rlimit limit;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	/* nobody took the lowest number */
	EXPECT_GT(10, fd);
	close(fd);
	if (syscall(SYS_close_range, 3, ~0U, 0))
		ASSERT_EQ(ENOSYS, errno);
	for (fd = 3; fd < 2000; fd++) {
		EXPECT_EQ(-1, close(fd));
		EXPECT_EQ(EBADF, errno);
		/* within the limit there is none, where one can be beyond */
		if (fd < (int)limit.rlim_cur && limit.rlim_cur < limit.rlim_max)
			EXPECT_EQ(-1, fcntl(fd, F_GETFD));
	}
	fd = open("/dev/null", O_RDONLY);
	EXPECT_EQ(3, fd);
	EXPECT_EQ(first_ring, ring());
	EXPECT_EQ(0, system("true"));
}

static unsigned int descriptors(void)
{
	unsigned int count = 0;
	DIR *folder = opendir("/proc/self/fd");

	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count;
}

static int set_to_one(void *flag)
{
	*(int *)flag = 1;
	return 0;
}

/* As vfork() has it, but both go on; each has descriptors of its own. */
TEST_F(descriptors, child_in_the_same_memory)
{
	static char stack[16384] __attribute__((aligned(16)));
	unsigned int before = descriptors();
	int flag, i;
	pid_t pid;

	for (i = 0; i < 20; i++) {
		flag = 0;
		pid = clone(set_to_one, stack + sizeof(stack),
			    CLONE_VM | SIGCHLD, &flag);
		ASSERT_LT(0, pid);
		EXPECT_EQ(0, status_of(pid));
		EXPECT_EQ(1, flag);
	}
	EXPECT_EQ(before, descriptors());
}

TEST_HARNESS_MAIN
