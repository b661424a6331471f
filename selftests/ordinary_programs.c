// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that are begun, in all ways. It knows nothing of Dune:
 * process_test.sh runs it there.
 */
#include "kselftest_harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "ordinary_processes.h"

FIXTURE(programs) {
};

FIXTURE_SETUP(programs)
{
}

FIXTURE_TEARDOWN(programs)
{
}

TEST_F(programs, programs_are_spawned)
{
	char *argv[4] = { "sh", "-c", "exit 12", NULL };
	pid_t pid;
	int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, posix_spawn(&pid, "/bin/sh", NULL, NULL, argv,
					 environ));
		EXPECT_EQ(12 << 8, status_of(pid));
	}
	EXPECT_EQ(13 << 8, system("exit 13"));
	EXPECT_EQ(ENOENT, posix_spawn(&pid, "/no/such/program", NULL, NULL,
				      argv, environ));
}

TEST_F(programs, handlers_survive_a_spawn)
{
	signal(SIGUSR1, note);
	signal(SIGINT, note);
	EXPECT_EQ(0, system("true"));
	raise(SIGUSR1);
	EXPECT_EQ(1, calls);
	raise(SIGINT);
	EXPECT_EQ(2, calls);
}

TEST_F(programs, exec_in_all_forms)
{
	char *argv[2] = { "true", NULL };
	pid_t pid = fork();
	int fd;

	if (!pid) {
		execl("/bin/sh", "sh", "-c", "exit 21", NULL);
		_exit(99);
	}
	EXPECT_EQ(21 << 8, status_of(pid));
	pid = fork();
	if (!pid) {
		fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
		fexecve(fd, argv, environ);
		_exit(99);
	}
	EXPECT_EQ(0, status_of(pid));
	pid = fork();
	if (!pid) {
		execl("/no/such/program", "none", NULL);
		/* it is still what it was */
		_exit(errno == ENOENT && ring() == first_ring ? 22 : 99);
	}
	EXPECT_EQ(22 << 8, status_of(pid));
}

/* The thread may be without Dune when it asks. */
TEST_F(programs, what_fails_to_execute_goes_on)
{
	uint64_t *places[3], i, j;
	pid_t pid;

	signal(SIGUSR1, note);
	calls = 0;
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		EXPECT_EQ(-1, execl("/no/such/program", "none", NULL));
		EXPECT_EQ(ENOENT, errno);
		EXPECT_EQ(first_ring, ring());
		/* far from all that there was */
		places[i] = mmap((void *)((i + 3) << 40), sizeof(i),
				 PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, places[i]);
		*places[i] = i;
		for (j = 0; j < i; j++)
			EXPECT_EQ(j, *places[j]);
		raise(SIGUSR1);
		EXPECT_EQ((int)i + 1, calls);
		pid = fork();
		if (!pid) {
			execl("/no/such/program", "none", NULL);
			raise(SIGUSR1);
			_exit(*places[i] == i && calls == (int)i + 2 ? 25 : 99);
		}
		EXPECT_EQ(25 << 8, status_of(pid));
	}
}

static const char script[] = "#!/bin/sh -e\nexit $((20 + $#))\n";

TEST_F(programs, scripts_are_programs)
{
	char directory[] = "/tmp/scriptXXXXXX", path[64];
	char *argv[4] = { "script", "one", "two", NULL };
	pid_t pid;
	int fd;

	ASSERT_TRUE(!!mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/script", directory);
	fd = open(path, O_WRONLY | O_CREAT, 0700);
	ASSERT_EQ((ssize_t)strlen(script), write(fd, script, strlen(script)));
	close(fd);
	pid = fork();
	if (!pid) {
		execve(path, argv, environ);
		_exit(99);
	}
	EXPECT_EQ(22 << 8, status_of(pid));
	/* its interpreter reads it by a name that leads nowhere then */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	EXPECT_EQ(-1, syscall(SYS_execveat, fd, "", argv, environ,
			      AT_EMPTY_PATH));
	EXPECT_EQ(ENOENT, errno);
	close(fd);
	EXPECT_EQ(0, chmod(path, 0600));
	EXPECT_EQ(-1, execve(path, argv, environ));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(first_ring, ring());
	unlink(path);
	rmdir(directory);
}

TEST_F(programs, exec_of_what_is_open)
{
	char *argv[4] = { "sh", "-c", "exit 24", NULL };
	int file = open("/bin/sh", O_PATH | O_CLOEXEC);
	int directory = open("/bin", O_RDONLY | O_DIRECTORY);
	pid_t pid;

	pid = fork();
	if (!pid) {
		syscall(SYS_execveat, file, "", argv, environ, AT_EMPTY_PATH);
		_exit(99);
	}
	EXPECT_EQ(24 << 8, status_of(pid));
	pid = fork();
	if (!pid) {
		syscall(SYS_execveat, directory, "sh", argv, environ, 0);
		_exit(99);
	}
	EXPECT_EQ(24 << 8, status_of(pid));
	EXPECT_EQ(-1, syscall(SYS_execveat, file, "", argv, environ, 0));
	EXPECT_EQ(ENOENT, errno);
	close(file);
	close(directory);
}

static void *exec_from_thread(void *arg)
{
	execl("/bin/sh", "sh", "-c", "exit 23", NULL);
	_exit(99);
}

TEST_F(programs, exec_from_another_thread)
{
	pthread_t thread;
	pid_t pid = fork();

	if (!pid) {
		pthread_create(&thread, NULL, exec_from_thread, NULL);
		for (;;)
			pause();
	}
	EXPECT_EQ(23 << 8, status_of(pid));
}

TEST_HARNESS_MAIN
