// SPDX-License-Identifier: GPL-2.0-only
/*
 * A terminal with jobs. It knows nothing of Dune: process_test.sh runs it there.
 */
#include "kselftest_harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "ordinary_processes.h"

FIXTURE(terminal) {
};

FIXTURE_SETUP(terminal)
{
}

FIXTURE_TEARDOWN(terminal)
{
}

/* A session with a terminal of its own; what happened is its status. */
static int on_terminal(const char *name, int (*job)(int))
{
	int status = -1, terminal;
	pid_t pid = fork();

	if (!pid) {
		setsid();
		terminal = open(name, O_RDWR);
		if (terminal < 0 || ioctl(terminal, TIOCSCTTY, 0) < 0)
			_exit(100);
		_exit(job(terminal));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

/* Makes a job of its own; in the foreground if it is to be. */
static pid_t start_job(int terminal, bool foreground, void (*function)(int))
{
	pid_t pid = fork();

	if (!pid) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_IGN);
		if (foreground)
			tcsetpgrp(terminal, getpid());
		signal(SIGTTOU, SIG_DFL);
		function(terminal);
		_exit(0);
	}
	setpgid(pid, pid);
	return pid;
}

static void read_line(int terminal)
{
	char line[16];

	if (read(terminal, line, sizeof(line)) != 3 || line[0] != 'h')
		_exit(1);
}

/* In the background it may not read; in the foreground it goes on. */
static int read_in_background(int terminal)
{
	int status;
	pid_t pid = start_job(terminal, false, read_line);

	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
	    WSTOPSIG(status) != SIGTTIN)
		return 1;
	tcsetpgrp(terminal, pid);
	kill(-pid, SIGCONT);
	if (waitpid(pid, &status, 0) != pid || status)
		return 2;
	return 42;
}

static int master;

static void be_idle(int terminal)
{
	for (;;)
		pause();
}

/* What is typed stops what is in the foreground, or ends it. */
static int interrupt_from_keyboard(int terminal)
{
	int status;
	pid_t pid = start_job(terminal, true, be_idle);

	while (tcgetpgrp(terminal) != pid)
		usleep(1000);
	if (write(master, "\x1a", 1) != 1 ||
	    waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
	    WSTOPSIG(status) != SIGTSTP)
		return 1;
	kill(-pid, SIGCONT);
	if (waitpid(pid, &status, WCONTINUED) != pid || !WIFCONTINUED(status))
		return 2;
	if (write(master, "\x03", 1) != 1 ||
	    waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) ||
	    WTERMSIG(status) != SIGINT)
		return 3;
	return 43;
}

static void on_hangup(int signal)
{
	_exit(44);
}

static int lose_terminal(int terminal)
{
	signal(SIGHUP, on_hangup);
	close(master);
	be_idle(terminal);
	return 1;
}

static void *hang_up(void *arg)
{
	usleep(100000);
	close(master);
	return NULL;
}

TEST_F(terminal, a_terminal_has_jobs)
{
	pthread_t thread;

	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0)
		SKIP(return, "this machine has no terminals");
	ASSERT_EQ(0, grantpt(master));
	ASSERT_EQ(0, unlockpt(master));
	ASSERT_EQ(3, write(master, "hi\n", 3));
	EXPECT_EQ(42, on_terminal(ptsname(master), read_in_background));
	EXPECT_EQ(43, on_terminal(ptsname(master), interrupt_from_keyboard));
	ASSERT_EQ(0, pthread_create(&thread, NULL, hang_up, NULL));
	EXPECT_EQ(44, on_terminal(ptsname(master), lose_terminal));
	pthread_join(thread, NULL);
}

TEST_HARNESS_MAIN
