// SPDX-License-Identifier: GPL-2.0-only
/*
 * A seccomp filter that the module has put on a thread: what it always allows is
 * made in place, and all else that it says holds as ever.
 */
#include "kselftest_harness.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "guest_call.h"
#include "need_dune.h"
#include "send_descriptor.h"

#define LOAD(what) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, what))
#define IS(k, then, otherwise) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, then, otherwise)
#define SAY(what)	BPF_STMT(BPF_RET | BPF_K, what)

/* No getppid(), and getpgid() of nobody but 0. */
static struct sock_filter confining[] = {
	LOAD(nr),
	IS(SYS_getppid, 3, 0),
	IS(SYS_getpgid, 0, 3),
	LOAD(args[0]),
	IS(0, 1, 0),
	SAY(SECCOMP_RET_ERRNO | EXDEV),
	SAY(SECCOMP_RET_ALLOW),
};

static struct sock_filter allowing[] = { SAY(SECCOMP_RET_ALLOW) };

static const struct sock_fprog confine = { ARRAY_SIZE(confining), confining };
static const struct sock_fprog allow = { ARRAY_SIZE(allowing), allowing };

static int add_filter(int dune, const struct sock_fprog *program)
{
	struct dune_add_filter args = { .program = (uint64_t)program };

	return ioctl(dune, DUNE_ADD_FILTER, &args);
}

/* As anybody does. */
static int add_unknown(const struct sock_fprog *program)
{
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program);
}

static int make_guest(struct guest *guest, int filter)
{
	int err;

	memset(guest, 0, sizeof(*guest));
	guest->dune = dune_open();
	err = guest_create_on(guest, dune_create_filtered(guest->dune, filter));
	if (err)
		return err;
	guest->run->flags = DUNE_RUN_DIRECT_SYSCALLS;
	guest_emit_call(guest);
	return 0;
}

/* Is getpid() made in place? Not where the kernel has just preempted it. */
static bool is_direct(struct guest *guest)
{
	int i;

	for (i = 0; i < 100; i++)
		if (direct_calls(guest) == 1)
			return true;
	return false;
}

static bool is_confined(struct guest *guest)
{
	return from_guest(guest, SYS_getppid, 0, 0, 0) == -EXDEV &&
	       from_guest(guest, SYS_getpgid, getpid(), 0, 0) == -EXDEV &&
	       from_guest(guest, SYS_getpgid, 0, 0, 0) == getpgrp();
}

/* A thread of this kind, of which nobody knows anything. */
static bool is_well(int filter)
{
	struct guest guest;
	bool well = !make_guest(&guest, filter) && is_direct(&guest) &&
		    is_confined(&guest);

	guest_destroy(&guest);
	return well;
}

FIXTURE(filter) {
	int dune;
	int filter;
};

FIXTURE_SETUP(filter)
{
	self->dune = dune_open();
	ASSERT_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	self->filter = -1;
	if (!direct_is_on()) {
		EXPECT_EQ(-1, add_filter(self->dune, &confine));
		EXPECT_EQ(EOPNOTSUPP, errno);
		SKIP(return, "direct_syscalls=0");
	}
}

FIXTURE_TEARDOWN(filter)
{
	close(self->filter);
	close(self->dune);
}

/* As the harness does, it takes the fixture that there is. */
#define ADD(program) do {						\
	self->filter = add_filter(self->dune, program);			\
	ASSERT_GE(self->filter, 0);					\
} while (0)

TEST_F(filter, is_one_of_the_kernel)
{
	ADD(&confine);
	EXPECT_EQ(SECCOMP_MODE_FILTER, prctl(PR_GET_SECCOMP));
	EXPECT_EQ(-EXDEV, native(SYS_getppid, 0, 0, 0));
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->filter, F_GETFD));
	/* nothing else was left open */
	EXPECT_EQ(self->filter + 1, dup(0));
}

TEST_F(filter, lets_be_made_in_place_what_it_always_allows)
{
	struct guest guest;
	struct dune_stats before, after;
	int i;

	ADD(&confine);
	ASSERT_EQ(0, make_guest(&guest, self->filter));
	EXPECT_TRUE(is_direct(&guest));
	before = stats_of(&guest);
	for (i = 0; i < 100; i++)
		EXPECT_TRUE(is_confined(&guest));
	after = stats_of(&guest);
	EXPECT_EQ(before.direct_syscalls, after.direct_syscalls);
	guest_destroy(&guest);
}

TEST_F(filter, is_known_for_as_long_as_a_virtual_cpu_is)
{
	struct guest guest;

	ADD(&confine);
	ASSERT_EQ(0, make_guest(&guest, self->filter));
	close(self->filter);
	EXPECT_TRUE(is_direct(&guest));
	EXPECT_TRUE(is_confined(&guest));
	guest_destroy(&guest);
	EXPECT_EQ(-EXDEV, native(SYS_getppid, 0, 0, 0));
}

TEST_F(filter, is_unknown_to_a_virtual_cpu_without_it)
{
	struct guest guest;

	ADD(&confine);
	ASSERT_EQ(0, guest_create(&guest));
	guest.run->flags = DUNE_RUN_DIRECT_SYSCALLS;
	guest_emit_call(&guest);
	EXPECT_EQ(0, direct_calls(&guest));
	EXPECT_TRUE(is_confined(&guest));
	guest_destroy(&guest);
}

TEST_F(filter, is_not_the_only_one_any_more)
{
	struct guest guest;

	ADD(&allow);
	ASSERT_EQ(0, make_guest(&guest, self->filter));
	EXPECT_TRUE(is_direct(&guest));
	EXPECT_EQ(getppid(), from_guest(&guest, SYS_getppid, 0, 0, 0));
	ASSERT_EQ(0, add_unknown(&confine));
	EXPECT_EQ(0, direct_calls(&guest));
	EXPECT_TRUE(is_confined(&guest));
	guest_destroy(&guest);
}

TEST_F(filter, holds_for_a_child)
{
	int status;
	pid_t pid;

	ADD(&confine);
	pid = fork();
	if (!pid)
		_exit(is_well(self->filter) ? 7 : 8);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(7 << 8, status);
}

/* The first one is gone, and its child's is the same still. */
TEST_F(filter, outlives_who_added_it)
{
	int ends[2], status;
	char well = 0;
	pid_t pid;

	ASSERT_EQ(0, pipe(ends));
	pid = fork();
	if (!pid) {
		self->filter = add_filter(self->dune, &confine);
		if (!fork()) {
			usleep(100000);
			well = is_well(self->filter);
			write(ends[1], &well, 1);
		}
		_exit(0);
	}
	close(ends[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(1, read(ends[0], &well, 1));
	EXPECT_EQ(1, well);
}

static void *look(void *filter)
{
	return is_well(*(int *)filter) ? filter : NULL;
}

static int add_by_seccomp(unsigned int flags, const struct sock_fprog *program)
{
	return native(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags,
		      (long)program);
}

static void *add_to_all(void *result)
{
	*(int *)result = add_by_seccomp(SECCOMP_FILTER_FLAG_TSYNC, &confine);
	return NULL;
}

TEST_F(filter, gets_another_from_another_thread)
{
	struct guest guest;
	pthread_t thread;
	int result = -1;

	ADD(&allow);
	ASSERT_EQ(0, make_guest(&guest, self->filter));
	EXPECT_TRUE(is_direct(&guest));
	ASSERT_EQ(0, pthread_create(&thread, NULL, add_to_all, &result));
	pthread_join(thread, NULL);
	ASSERT_EQ(0, result);
	EXPECT_EQ(0, direct_calls(&guest));
	EXPECT_TRUE(is_confined(&guest));
	guest_destroy(&guest);
}

TEST_F(filter, keeps_others_from_a_listener)
{
	const unsigned int flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	struct guest guest;

	ADD(&allow);
	ASSERT_EQ(0, make_guest(&guest, self->filter));
	EXPECT_EQ(-EBUSY, add_by_seccomp(flags, &allow));
	EXPECT_TRUE(is_direct(&guest));
	close(self->filter);
	EXPECT_EQ(-EBUSY, add_by_seccomp(flags, &allow));
	guest_destroy(&guest);
	EXPECT_LE(0, add_by_seccomp(flags, &allow));
}

/* Puts a file of its own where the next one is to come. */
static void *take_place(void *arg)
{
	int *place = arg;

	while (!__atomic_load_n(&place[1], __ATOMIC_RELAXED))
		dup2(place[2], place[0]);
	return NULL;
}

static int be_robbed(int dune)
{
	int place[3] = { }, i, filter;
	pthread_t thread;
	struct guest guest;

	place[2] = open("/dev/null", O_RDONLY);
	/* the filter's own descriptor is before the listener's */
	place[0] = dup(0) + 1;
	close(place[0] - 1);
	pthread_create(&thread, NULL, take_place, place);
	for (i = 0; i < 1000 && !place[1]; i++)
		sched_yield();
	filter = add_filter(dune, &confine);
	__atomic_store_n(&place[1], 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	if (filter < 0 || make_guest(&guest, filter))
		return 1;
	return is_confined(&guest) ? 0 : 2;
}

TEST_F_TIMEOUT(filter, holds_when_the_listener_is_taken_away, 300)
{
	int i, status;
	pid_t pid;

	for (i = 0; i < 20; i++) {
		pid = fork();
		if (!pid)
			_exit(be_robbed(self->dune));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
	}
}

TEST_F(filter, holds_for_a_thread)
{
	void *result = NULL;
	pthread_t thread;

	ADD(&confine);
	ASSERT_EQ(0, pthread_create(&thread, NULL, look, &self->filter));
	pthread_join(thread, &result);
	EXPECT_TRUE(result == &self->filter);
}

/* What the next test executes instead of this program's tests. */
__attribute__((constructor(101)))
static void tell(void)
{
	if (getenv("TELL_FILTER"))
		_exit(is_well(atoi(getenv("TELL_FILTER"))) ? 9 : 10);
}

TEST_F(filter, holds_for_a_program_that_is_executed)
{
	char number[16];
	int status;
	pid_t pid;

	ADD(&confine);
	fcntl(self->filter, F_SETFD, 0);
	snprintf(number, sizeof(number), "%d", self->filter);
	pid = fork();
	if (!pid) {
		setenv("TELL_FILTER", number, 1);
		execl("/proc/self/exe", "filter_test", NULL);
		_exit(11);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(9 << 8, status);
}

/*
 * One who has a filter is told that it is that of another process, which allows
 * all and is gone: where it was in the kernel's memory the new one may be.
 */
static bool is_deceived(int dune)
{
	int ends[2], fd, status;
	struct guest guest;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		_exit(2);
	pid = fork();
	if (!pid) {
		send_descriptor(ends[1], add_filter(dune, &allow));
		_exit(0);
	}
	fd = receive_descriptor(ends[0]);
	waitpid(pid, &status, 0);
	if (fd < 0 || add_unknown(&confine) || make_guest(&guest, fd))
		_exit(3);
	return direct_calls(&guest) || !is_confined(&guest);
}

TEST_F_TIMEOUT(filter, of_another_process_is_none_of_this, 300)
{
	int i, status;
	pid_t pid;

	for (i = 0; i < 100; i++) {
		pid = fork();
		if (!pid)
			_exit(is_deceived(self->dune));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(0, status);
	}
}

TEST_F(filter, is_refused_where_it_is_none)
{
	const struct sock_fprog empty = { 0, confining };
	const struct sock_fprog endless = { 2, confining };
	const struct sock_fprog nowhere = { 2, NULL };
	struct sock_filter notify[] = {
		SAY(SECCOMP_RET_USER_NOTIF | 1),
		SAY(SECCOMP_RET_ALLOW),
	};
	struct sock_filter compute[] = {
		LOAD(nr),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	const struct sock_fprog notifying = { ARRAY_SIZE(notify), notify };
	const struct sock_fprog computing = { ARRAY_SIZE(compute), compute };
	struct dune_add_filter args;
	size_t i;

	EXPECT_EQ(-EFAULT, native(SYS_ioctl, self->dune, DUNE_ADD_FILTER, 0));
	EXPECT_EQ(-1, add_filter(self->dune, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, add_filter(self->dune, &nowhere));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, add_filter(self->dune, &empty));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, add_filter(self->dune, &endless));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, add_filter(self->dune, &notifying));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, add_filter(self->dune, &computing));
	EXPECT_EQ(EINVAL, errno);
	for (i = 0; i < 32; i++) {
		args = (struct dune_add_filter) {
			.program = (uint64_t)&confine, .flags = 1U << i,
		};
		EXPECT_EQ(-EINVAL, native(SYS_ioctl, self->dune,
					  DUNE_ADD_FILTER, (long)&args));
	}
	for (i = 0; i < sizeof(args.reserved); i++) {
		args = (struct dune_add_filter) {
			.program = (uint64_t)&confine,
		};
		((char *)args.reserved)[i] = 1;
		EXPECT_EQ(-EINVAL, native(SYS_ioctl, self->dune,
					  DUNE_ADD_FILTER, (long)&args));
	}
	EXPECT_EQ(0, prctl(PR_GET_SECCOMP));
}

TEST_F(filter, needs_what_seccomp_needs)
{
	struct rlimit limit;
	int status;
	pid_t pid = fork();

	if (!pid) {
		getrlimit(RLIMIT_NOFILE, &limit);
		limit.rlim_cur = self->dune + 1;
		setrlimit(RLIMIT_NOFILE, &limit);
		if (add_filter(self->dune, &confine) != -1 || errno != EMFILE)
			_exit(1);
		/* the first of the two that it takes */
		limit.rlim_cur = self->dune + 2;
		setrlimit(RLIMIT_NOFILE, &limit);
		if (add_filter(self->dune, &confine) != -1 || errno != EMFILE)
			_exit(2);
		_exit(prctl(PR_GET_SECCOMP) ? 3 : 7);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(7 << 8, status);
}

/* In a process of its own, as it cannot be taken back. */
static int add_unprivileged(void)
{
	int dune = dune_open();

	if (setresuid(65534, 65534, 65534) ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0))
		return 1;
	if (add_filter(dune, &confine) != -1)
		return 2;
	return errno == EACCES && !prctl(PR_GET_SECCOMP) ? 7 : 3;
}

TEST(a_filter_takes_no_new_privileges_or_to_be_root)
{
	int status;
	pid_t pid;

	if (!direct_is_on())
		SKIP(return, "direct_syscalls=0");
	pid = fork();
	if (!pid)
		_exit(add_unprivileged());
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(7 << 8, status);
}

TEST_F(filter, is_not_added_past_another)
{
	ASSERT_EQ(0, add_unknown(&confine));
	EXPECT_EQ(-1, add_filter(self->dune, &allow));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-EXDEV, native(SYS_getppid, 0, 0, 0));
}

TEST_F(filter, is_what_its_descriptor_is_of)
{
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	EXPECT_EQ(-1, dune_create_filtered(self->dune, -1));
	EXPECT_EQ(EBADF, errno);
	EXPECT_EQ(-1, dune_create_filtered(self->dune, ends[0]));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, dune_create_filtered(self->dune, self->dune));
	EXPECT_EQ(EINVAL, errno);
}

TEST_HARNESS_MAIN
