// SPDX-License-Identifier: GPL-2.0-only
/* In Dune with a seccomp filter that it knows. */
#include "in_dune.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "direct_calls.h"

/* No getppid(). */
static struct sock_filter code[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static const struct sock_fprog program = { ARRAY_SIZE(code), code };

static int enter_with(int filter)
{
	const struct dune_options options = {
		.size = sizeof(options),
		.flags = DUNE_OPTION_FILTER,
		.filter = filter,
	};

	return dune_init(&options) ?: dune_enter();
}

static uint64_t direct_calls(void)
{
	struct dune_stats stats = { 0 };

	dune_get_stats(&stats);
	return stats.direct_syscalls;
}

/* The C library does not expect that of getppid(). */
static bool is_refused(void)
{
	return syscall(SYS_getppid) == -1 && errno == EXDEV;
}

/* Here the filter holds, and does not keep calls from being made in place. */
static bool is_well(void)
{
	uint64_t before = direct_calls();
	int i;

	for (i = 0; i < 100; i++) {
		if (getpid() <= 0 || !is_refused())
			return false;
	}
	/* but for some that the kernel has just preempted */
	return direct_calls() - before > 50;
}

FIXTURE(life_filter) {
	int filter;
};

FIXTURE_SETUP(life_filter)
{
	ASSERT_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	self->filter = dune_filter_add(&program);
	if (!direct_is_on()) {
		EXPECT_EQ(-EOPNOTSUPP, self->filter);
		SKIP(return, "direct_syscalls=0");
	}
	ASSERT_GE(self->filter, 0);
}

FIXTURE_TEARDOWN(life_filter)
{
}

TEST_F(life_filter, holds_and_costs_nothing)
{
	ASSERT_EQ(0, enter_with(self->filter));
	EXPECT_TRUE(is_well());
}

TEST_F(life_filter, without_the_option_all_calls_leave)
{
	uint64_t before;
	int i;

	ENTER_DUNE();
	before = direct_calls();
	for (i = 0; i < 100; i++)
		EXPECT_LT(0, getpid());
	EXPECT_EQ(before, direct_calls());
	EXPECT_TRUE(is_refused());
}

TEST_F(life_filter, holds_for_children)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, enter_with(self->filter));
	pid = fork();
	if (!pid)
		_exit(is_well() ? 7 : 8);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(7 << 8, status);
}

static void *look(void *well)
{
	*(bool *)well = is_well();
	return NULL;
}

TEST_F(life_filter, holds_for_threads)
{
	bool well[4] = { false };
	pthread_t threads[4];
	int i;

	ASSERT_EQ(0, enter_with(self->filter));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, look, &well[i]));
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_TRUE(well[i]);
	}
}

TEST_F(life_filter, another_one_is_asked)
{
	uint64_t before;

	ASSERT_EQ(0, enter_with(self->filter));
	EXPECT_TRUE(is_well());
	ASSERT_EQ(0, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
	before = direct_calls();
	EXPECT_LT(0, getpid());
	EXPECT_TRUE(is_refused());
	EXPECT_EQ(before, direct_calls());
}

TEST_F(life_filter, is_what_its_descriptor_is_of)
{
	int closed = dup(self->filter), status;
	pid_t pid = fork();

	if (!pid)
		_exit(enter_with(open("/dev/null", O_RDONLY)) == -EINVAL ? 7 : 8);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(7 << 8, status);
	close(closed);
	EXPECT_EQ(-EBADF, enter_with(closed));
	/* which was nothing */
	ASSERT_EQ(0, enter_with(self->filter));
	EXPECT_TRUE(is_well());
}

TEST_F(life_filter, may_be_closed)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, enter_with(self->filter));
	/* all that is the program's, as daemons do */
	ASSERT_EQ(0, close_range(3, ~0U, 0));
	pid = fork();
	if (!pid)
		_exit(is_well() ? 7 : 8);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(7 << 8, status);
}

TEST_F(life_filter, a_second_one_is_not_for_us)
{
	EXPECT_EQ(-EOPNOTSUPP, dune_filter_add(&program));
	ASSERT_EQ(0, enter_with(self->filter));
	EXPECT_EQ(-EOPNOTSUPP, dune_filter_add(&program));
	EXPECT_TRUE(is_well());
}

TEST(a_filter_that_is_none)
{
	const struct sock_fprog empty = { 0, code };
	struct rlimit limit;

	if (!direct_is_on())
		SKIP(return, "direct_syscalls=0");
	ASSERT_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	EXPECT_EQ(-EFAULT, dune_filter_add(NULL));
	EXPECT_EQ(-EINVAL, dune_filter_add(&empty));
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = dup(0) + 1;
	setrlimit(RLIMIT_NOFILE, &limit);
	EXPECT_EQ(-EMFILE, dune_filter_add(&program));
	EXPECT_EQ(0, prctl(PR_GET_SECCOMP));
}

/* In ring 0 of Dune, for what is entered anew. */
TEST(a_filter_is_added_in_dune)
{
	int filter;

	if (!direct_is_on())
		SKIP(return, "direct_syscalls=0");
	ENTER_DUNE();
	ASSERT_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	filter = dune_filter_add(&program);
	EXPECT_LE(0, filter);
	EXPECT_TRUE(is_refused());
}

TEST_HARNESS_MAIN
